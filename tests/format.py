#!/usr/bin/env python3
"""The C of this tree as clang-format has it, but for columns.

    format.py --check FILE...    names what is not so; status 1
    format.py --write FILE...    makes it so

Where clang-format wants a blank or none, a line may have several: tables, enumerators,
comments and the backslashes of macros stand in columns here, which no option of version
14 can say.  Without a limit of columns that version also breaks each `enum { A, B };' and
`struct { int a, b; };' into lines, and loops without a body, asm and chains of
`a ? b : c ? d : e'; they are kept from it.  It joins what was broken to stay within 100
columns; such lines stay as they are.
"""
import difflib
import os
import re
import subprocess
import sys

CLANG_FORMAT = os.environ.get('CLANG_FORMAT', 'clang-format-14')
STYLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '.clang-format')
COLUMNS = 100
WHOLE = re.compile(r'\s*(typedef )?(enum|struct|union)\b[^{=()]*\{.*\}[^={]*;(?!.*\\$)'
                   r'|\s*for \(.*\);$|.*:::.*;|.* \? .* : .* \? .* : .*;$')


def shielded(text):
    """Each line that stays whole between two marks that clang-format heeds."""
    lines = []
    for line in text.split('\n'):
        if WHOLE.match(line):
            lines += ['// clang-format off', line, '// clang-format on']
        else:
            lines.append(line)
    return '\n'.join(lines)


def unshielded(text):
    lines = text.split('\n')
    kept = []
    for i, line in enumerate(lines):
        if line.strip() == '// clang-format off' and WHOLE.match(lines[i + 1]):
            continue
        if line.strip() == '// clang-format on' and WHOLE.match(lines[i - 1]):
            continue
        kept.append(line)
    return '\n'.join(kept)


def formatted(text, name):
    command = [CLANG_FORMAT, '--style=file:' + STYLE, '--assume-filename=' + name]
    done = subprocess.run(command, input=shielded(text), stdout=subprocess.PIPE, text=True, check=True)
    return unshielded(done.stdout)


def without_columns(line):
    """The line with its indentation, and without what makes columns."""
    indent = re.match(r'\s*', line).group()
    rest = re.sub(r'\s+', ' ', line[len(indent):])
    rest = re.sub(r'(?<=[{(]) | (?=[}),;\\])', '', rest)
    return (indent if rest not in ('', '\\') else '') + rest


def wanted(text, name):
    """What clang-format makes of it, with our own lines where theirs are no better."""
    ours, theirs = text.split('\n'), formatted(text, name).split('\n')
    match = difflib.SequenceMatcher(None, [without_columns(x) for x in ours],
                                    [without_columns(x) for x in theirs], autojunk=False)
    lines = []
    for what, i, i_end, j, j_end in match.get_opcodes():
        keep = what == 'equal' or any(len(x.expandtabs(8)) > COLUMNS for x in theirs[j:j_end])
        lines += ours[i:i_end] if keep else theirs[j:j_end]
    return '\n'.join(lines)


def main():
    mode, names = sys.argv[1], sys.argv[2:]
    bad = False
    for name in names:
        with open(name, encoding='utf-8') as file:
            text = file.read()
        right = wanted(text, name)
        if right == text:
            continue
        bad = True
        if mode == '--write':
            with open(name, 'w', encoding='utf-8') as file:
                file.write(right)
        else:
            sys.stdout.writelines(line + '\n' for line in difflib.unified_diff(
                text.split('\n'), right.split('\n'), name, 'make format', n=0, lineterm=''))
    return 1 if bad and mode == '--check' else 0


if __name__ == '__main__':
    sys.exit(main())
