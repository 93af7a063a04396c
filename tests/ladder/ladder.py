#!/usr/bin/env python3
"""The rungs of rungs.txt, and how far they came.

    ladder.py run [RUNG...]               these or all, then the table
    ladder.py table FILE                  of what `reached` (tests/tally.sh) wrote there
    ladder.py readme                      the table goes into README
    ladder.py same                        README's table has these rungs, as they are asked
    ladder.py long RUNG [VARIABLE=X...]   a long run, or a part of one, into tests/RESULTS

What the short runs reached stays in the build folder, in ladder/reached: rung, number,
date, commit.  Status 1: a rung failed, or is below its floor, or below what is asked
without a reason.
"""
import datetime
import os
import re
import subprocess
import sys
import tempfile
import time

TOP = os.environ.get('top_srcdir', os.path.join(os.path.dirname(__file__), '..', '..'))
BUILD = os.environ.get('top_builddir', '.')
KEPT = os.path.join(BUILD, 'ladder', 'reached')
RESULTS = os.environ.get('CHAN_RESULTS', os.path.join(TOP, 'tests', 'RESULTS'))
RUNGS = os.environ.get('CHAN_RUNGS', os.path.join(TOP, 'tests', 'ladder', 'rungs.txt'))
README = os.path.join(TOP, 'README')
ANNOUNCED = 'The ladder, as `make check-all` prints it:\n'
SOURCES = ['src', 'include']  # of what is proved


class Rung:
    def __init__(self, name):
        self.name = name
        self.words = {}

    def __getattr__(self, word):
        return self.words.get(word, '')

    @property
    def aim(self):
        return self.asked.split(' ')[0]

    @property
    def unit(self):
        return self.asked.partition(' ')[2]


def rungs():
    found = []
    for line in open(RUNGS):
        word, _, rest = line.rstrip('\n').partition(' ')
        if word == 'rung':
            found.append(Rung(rest.strip()))
        elif word and not word.startswith('#'):
            found[-1].words[word] = rest.strip()
    return found


def rung_named(name):
    for rung in rungs():
        if rung.name == name:
            return rung
    sys.exit(f'there is no rung {name}')


def git(*arguments):
    done = subprocess.run(['git', '-C', TOP, *arguments], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def make(target, settings, reached):
    command = [os.environ.get('MAKE', 'make'), target, *settings]
    print('===', ' '.join(command[1:]), flush=True)
    # The descriptors of the make above stay open: they share out the processors.
    environment = dict(os.environ, CHAN_REACHED=reached)
    return subprocess.run(command, env=environment, close_fds=False).returncode == 0


def read_reached(path):
    """Of each rung the last line; without a date it is of now."""
    today = datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d')
    now = [today, git('rev-parse', '--short=12', 'HEAD') or 'none']
    lines = [line.split() for line in open(path)] if os.path.exists(path) else []
    return {line[0]: (line + now if len(line) == 2 else line)[1:] for line in lines}


def write_reached(reached):
    os.makedirs(os.path.dirname(KEPT), exist_ok=True)
    with open(KEPT, 'w') as kept:
        for name, fields in sorted(reached.items()):
            print(name, *fields, file=kept)


# --------------------------------------------------------------------- tests/RESULTS

class Result:
    def __init__(self, line):
        fields = line.rstrip('\n').split('\t')
        self.rung, self.asked, self.number, self.date, self.commit = fields[:5]
        self.machine, self.seconds, self.seed = fields[5:]


def results():
    if not os.path.exists(RESULTS):
        return []
    return [Result(line) for line in open(RESULTS) if not line.startswith('#')]


def furthest(name):
    """The long run that came furthest; of two alike, the later one."""
    return max((r for r in results() if r.rung == name), key=lambda r: (float(r.number), r.date), default=None)


# --------------------------------------------------------------------------- the table

HEAD = f'{"rung":17} {"asked":>9} {"reached":>9} {"long run":>9}  of what'


def row(rung, here):
    far = furthest(rung.name)
    return f'{rung.name:17} {rung.aim:>9} {here[0] if here else "-":>9} {far.number if far else "-":>9}  {rung.unit}'


def long_runs():
    for rung in rungs():
        far = furthest(rung.name)
        if far:
            yield f'{rung.name}: long run of {far.date}, commit {far.commit}, {far.seconds} s'


def why_short(rung, here):
    """The reason, where neither the short nor the long run came to what is asked."""
    far = furthest(rung.name)
    best = max(float(here[0]) if here else 0, float(far.number) if far else 0)
    if best >= float(rung.aim):
        return None
    return rung.short or rung.optional or ''


def faults(rung, here):
    if not here:
        return [] if rung.optional else [f'{rung.name} failed, or was not run']
    if float(here[0]) < float(rung.floor):
        return [f'{rung.name} reached {here[0]}, and its floor is {rung.floor}']
    if why_short(rung, here) == '':
        return [f'{rung.name} is below what is asked, and rungs.txt has no reason']
    return []


def table(reached, judged=None):
    """Its lines, and what is wrong with all, or with those that are judged."""
    lines, wrong = [HEAD], []
    for rung in rungs():
        lines.append(row(rung, reached.get(rung.name)))
        if not judged or rung.name in judged:
            wrong += faults(rung, reached.get(rung.name))
    reasons = [(rung.name, why_short(rung, reached.get(rung.name))) for rung in rungs()]
    lines += ['', *long_runs()] + [f'{name}: {reason}' for name, reason in reasons if reason]
    return lines, wrong


def show(reached, judged=None):
    lines, wrong = table(reached, judged)
    print('\n'.join([''] + lines + [''] * bool(wrong) + wrong))
    return 1 if wrong else 0


def run(names):
    chosen = [rung_named(name) for name in names] or rungs()
    reached = read_reached(KEPT)
    rung_of = {rung.target: rung for rung in reversed(chosen)}
    for target in dict.fromkeys(rung.target for rung in chosen):
        with tempfile.NamedTemporaryFile() as fresh:
            if not make(target, rung_of[target].ci.split(), fresh.name):
                print(f'*** {target} did not pass')
            new = read_reached(fresh.name)
        for rung in rungs():
            if rung.target == target:
                reached.pop(rung.name, None)
                if rung.name in new:
                    reached[rung.name] = new[rung.name]
        write_reached(reached)
    return show(reached, [rung.name for rung in chosen])


# -------------------------------------------------------------------------- README's

def block(lines):
    """First and last + 1 of the indented block behind the line that announces it."""
    begin = end = lines.index(ANNOUNCED) + 2
    while lines[end].startswith('    ') or (lines[end] == '\n' and lines[end + 1].startswith('    ')):
        end += 1
    return begin, end


def readme():
    reached = read_reached(KEPT)
    text, wrong = table(reached)
    when = sorted({f'{date}, commit {commit}' for _, date, commit in reached.values()})
    text += ['what was reached: ' + '; '.join(when)]
    lines = open(README).readlines()
    begin, end = block(lines)
    lines[begin:end] = [f'    {line}'.rstrip() + '\n' for line in text]
    with open(README, 'w') as file:
        file.writelines(lines)
    print('\n'.join(wrong), end='\n' if wrong else '')
    return 1 if wrong else 0


def same():
    """What is asked stands in README as it is printed; figures are those of its day."""
    lines = open(README).readlines()
    begin, end = block(lines)
    there = [line.split()[:2] for line in lines[begin + 1:end]]
    there = there[:there.index([]) if [] in there else None]
    ours = [[rung.name, rung.aim] for rung in rungs()]
    for line in [line for line in there if line not in ours] + [line for line in ours if line not in there]:
        print('not in both:', *line)
    return 0 if there == ours else 1


# --------------------------------------------------------------------- the long runs

def same_sources(commit):
    """Only of clean trees, and only if nothing that is proved has changed since."""
    return re.fullmatch('[0-9a-f]+', commit) and git('diff', '--stat', commit, 'HEAD', '--', *SOURCES) == ''


def long_run(name, settings):
    rung = rung_named(name)
    parts = [r for r in results() if rung.part and r.rung == name and same_sources(r.commit)]
    before = parts[0] if parts else None
    settings = rung.long.split() + settings
    seed = '-'
    if rung.part:
        variable, begin = rung.part.split()
        behind = int(before.number if before else 0) + 1
        seed = str(behind if begin == 'first' else int(time.time()))
        settings.append(f'{variable}={seed}')
    began = time.time()
    with tempfile.NamedTemporaryFile() as fresh:
        if not make(rung.target, settings, fresh.name):
            sys.exit(f'{rung.target} failed')
        number, seconds = read_reached(fresh.name)[name][0], int(time.time() - began)
    if before:
        number = str(int(number) + int(before.number))
        seconds += int(before.seconds)
        seed = f'{before.seed} {seed}'
    record = os.path.join(TOP, 'tests', 'record-result.sh')
    return subprocess.run(['sh', record, name, rung.asked, number, str(seconds), seed]).returncode


def main():
    command, *arguments = sys.argv[1:] or ['']
    if command == 'run':
        return run(arguments)
    if command == 'table' and len(arguments) == 1:
        return show(read_reached(arguments[0]))
    if command == 'readme':
        return readme()
    if command == 'same':
        return same()
    if command == 'long' and arguments:
        return long_run(arguments[0], arguments[1:])
    print(__doc__, file=sys.stderr)
    return 2


sys.exit(main())
