#!/usr/bin/env python3
"""coverage.py TOP EXCLUSIONS JSON...: what of TOP/src was reached, from llvm-cov's exports.

Prints a line for each file, what was not reached, and the three figures.  What several
programs or builds reached counts together, by the place in the source.  Status 1 if an
exclusion is not there, is a whole function, or if they are more than 1% of the lines.
"""
import collections
import json
import os
import sys

KINDS = ('line', 'branch')


class Coverage:
    def __init__(self, top):
        self.src = os.path.join(os.path.abspath(top), 'src', '')
        self.lines = collections.Counter()       # (file, line): how often
        self.branches = collections.defaultdict(lambda: [0, 0])  # place: true, false
        self.conditions = {}                     # place: of each, whether it decided alone
        self.functions = {}                      # (file, first line, last line): name

    def ours(self, path):
        return path[len(self.src):] if path.startswith(self.src) else None

    def read(self, export):
        data = json.load(open(export))['data'][0]
        for file in data['files']:
            name = self.ours(file['filename'])
            if name:
                self.read_lines(name, file['segments'])
        for function in data['functions']:
            self.read_function(function)

    def read_lines(self, name, segments):
        """A line's count is the highest of the regions that begin in it, or of the one it is in."""
        in_line = collections.defaultdict(list)
        for segment in segments:
            in_line[segment[0]].append(segment)
        around = None
        for line in range(segments[0][0], segments[-1][0] + 1) if segments else []:
            here = in_line[line]
            begun = [s for s in here if s[3] and s[4] and not s[5]]
            inside = around and around[3]
            skipped = here and here[0][4] and not here[0][3]
            if not skipped and (inside or begun):
                self.lines[name, line] += max([around[2] if inside else 0] + [s[2] for s in begun])
            if here:
                around = here[-1]

    def read_function(self, function):
        files = [self.ours(path) for path in function['filenames']]
        if files[0]:
            first, _, last = function['regions'][0][:3]
            self.functions[files[0], first, last] = function['name'].split(':')[-1]
        for branch in function['branches']:
            name = files[branch[6]]
            if name:
                both = self.branches[(name, *branch[:4])]
                both[0] += branch[4]
                both[1] += branch[5]
        for decision in function['mcdc_records']:
            place = (files[0], *decision[:4])
            if files[0]:
                before = self.conditions.get(place, [False] * len(decision[6]))
                self.conditions[place] = [a or b for a, b in zip(before, decision[6])]


class Sources:
    def __init__(self, top):
        self.top, self.texts = os.path.join(top, 'src'), {}

    def lines(self, name):
        if name not in self.texts:
            self.texts[name] = open(os.path.join(self.top, name)).read().split('\n')
        return self.texts[name]

    def text(self, name, line):
        return self.lines(name)[line - 1].strip()


def read_exclusions(path, sources):
    """(kind, file, line) of each, and what is wrong with them.

    KIND FILE: TEXT at the margin, the reason below; all lines of the file that read so are meant."""
    found, wrong, reasonless = set(), [], None
    for line in open(path):
        if line.startswith(('\t', '#')) or not line.strip():
            reasonless = None if line.startswith('\t') else reasonless
            continue
        head, _, text = line.rstrip('\n').partition(': ')
        kind, name = head.split()
        reasonless = line
        places = [i + 1 for i, l in enumerate(sources.lines(name)) if l.strip() == text.strip()]
        if kind not in KINDS or not places:
            wrong.append(f'there is no such line: {line.rstrip()}')
        found |= {(kind, name, place) for place in places}
    if reasonless:
        wrong.append(f'no reason is given: {reasonless.rstrip()}')
    return found, wrong


def whole_functions(coverage, excluded):
    for (name, first, last), function in sorted(coverage.functions.items()):
        lines = [l for (n, l) in coverage.lines if n == name and first < l < last]
        if lines and all(('line', name, l) in excluded for l in lines):
            yield f'{name}: {function} is excluded as a whole'


def share(reached, of):
    return 100 * reached / of if of else 100.0


def floor2(percent):
    """Never rounded up."""
    return f'{int(percent * 100) / 100:.2f}'


def main():
    top, exclusions, *exports = sys.argv[1:]
    coverage, sources = Coverage(top), Sources(top)
    for export in exports:
        coverage.read(export)
    excluded, wrong = read_exclusions(exclusions, sources)
    is_out = lambda name, line: ('line', name, line) in excluded
    half_out = lambda name, line: is_out(name, line) or ('branch', name, line) in excluded

    lines = {k: v for k, v in coverage.lines.items() if not is_out(*k)}
    branches = {k: v for k, v in coverage.branches.items() if not half_out(k[0], k[1])}
    conditions = {k: v for k, v in coverage.conditions.items()
                  if not any(half_out(k[0], line) for line in range(k[1], k[3] + 1))}
    missing = collections.defaultdict(list)
    for (name, line), count in lines.items():
        if count == 0:
            missing[name, line].append('never')
    for (name, line, column, *_), (true, false) in branches.items():
        if not true or not false:
            what = 'never false' if true else 'never true' if false else 'neither'
            missing[name, line].append(f'column {column} {what}')
    for (name, line, *_), decided in conditions.items():
        if False in decided:
            undecided = [str(i + 1) for i, d in enumerate(decided) if not d]
            missing[name, line].append('undecided by ' + ' '.join(undecided))
    for (name, line), what in sorted(missing.items()):
        print(f'  src/{name}:{line}: {"; ".join(what)}: {sources.text(name, line)}')

    out = sum(is_out(*k) for k in coverage.lines)
    if out > len(coverage.lines) / 100:
        wrong.append(f'{out} of {len(coverage.lines)} lines are excluded, more than 1%')
    wrong += whole_functions(coverage, excluded)
    reached = {
        'lines': (sum(v > 0 for v in lines.values()), len(lines)),
        'branches': (sum((t > 0) + (f > 0) for t, f in branches.values()), 2 * len(branches)),
        'mcdc': (sum(map(sum, conditions.values())), sum(map(len, conditions.values()))),
    }
    for figure, (got, of) in reached.items():
        print(f'{figure}: {floor2(share(got, of))} %, {got} of {of}')
    print(f'excluded: {out} of {len(coverage.lines)} lines, '
          f'{2 * (len(coverage.branches) - len(branches))} of {2 * len(coverage.branches)} branches')
    for line in wrong:
        print(line)
    return 1 if wrong else 0


sys.exit(main())
