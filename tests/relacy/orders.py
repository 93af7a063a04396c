#!/usr/bin/env python3
"""Memory orders of the sources, each weakened and each fence left out, one at a time.

    orders.py list SRC SURVIVORS    the mutants, one a line: name, what to tell the model
    orders.py instrument SRC        rewrites a copy of src, so that one program is all mutants

An operation is named after its file, its function and its number there, counting
those that have an order and the fences; the mutant by its order, of a compare-and-
swap also by that of its failure, or by `none`, a fence that is not there:

    flavors/array.c:array_claim_recv:2:relaxed
    flavors/list.c:list_next:2:release-acquire
    wait/waitq.c:chan__waitq_join:1:none

What is weaker than a mutant that was found is found as well, so the list has the next
weaker orders of each operation and no others.  Those that survive stand in SURVIVORS,
with a reason, or as open; its form is told there.  src/base is left out, for which the model has its
own, but not bias, which is built upon the seams.
"""

import os
import re
import sys

OPERATION = re.compile(
    r"chan__(?P<type>u32|u64|size|ptr)_(?P<op>load|store|exchange|cas|fetch_add|fetch_sub|fetch_or|fetch_and)"
    r"_(?P<order>relaxed|acquire|release|acq_rel|seq_cst)\("
    r"|chan__fence_(?P<fence>light|heavy)\(")
COMMENT = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\])*\"", re.S)
FUNCTION = re.compile(r"^[A-Za-z].*", re.M)
CAS = re.compile(r"CHAN__ATOMIC_CAS\(name, type, (\w+), (\w+)\)")

WEAKER = {
    "load": {"seq_cst": ["acquire"], "acquire": ["relaxed"]},
    "store": {"release": ["relaxed"]},
    "rmw": {"seq_cst": ["acq_rel"], "acq_rel": ["acquire", "release"],
            "acquire": ["relaxed"], "release": ["relaxed"]},
}


# What a compare-and-swap may have for its failure: no more than this.
FAILURE = {"relaxed": "relaxed", "release": "relaxed", "acquire": "acquire", "acq_rel": "acquire"}


class Operation:
    def __init__(self, site, place, match, failures):
        self.site = site
        self.place = place  # file:function:number
        self.match = match
        self.op = match["op"]
        self.orders = None
        if self.op == "cas":
            self.orders = (match["order"], failures[match["order"]])
        elif self.op:
            self.orders = (match["order"],)

    def mutants(self):
        """Names, and what the model is told."""
        if not self.op:
            choices = [("none",)]
        else:
            table = WEAKER[self.op if self.op in ("load", "store") else "rmw"]
            choices = [(o,) for o in table[self.orders[0]]]
        if self.op == "cas":
            failure = self.orders[1]
            choices = [(o, "relaxed" if failure == "relaxed" else FAILURE[o]) for (o,) in choices]
            choices += [(self.orders[0], o) for o in WEAKER["load"].get(failure, [])]
        for choice in choices:
            yield self.place + ":" + "-".join(choice), "%d:%s" % (self.site, "-".join(choice))

    def call(self):
        """What stands for it in a copy that is instrumented, up to its own arguments."""
        if not self.op:
            return "chan__fence_%s_at(%d, " % (self.match["fence"], self.site)
        return "chan__%s_%s_at(%d, %s, " % (self.match["type"], self.op, self.site,
                                            ", ".join("MODEL_" + o for o in self.orders))


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def function_at(text):
    """Where each function begins, in order; what is declared at the margin counts as one."""
    found = []
    for line in FUNCTION.finditer(text):
        names = [n for n in re.findall(r"(\w+)\(", line[0]) if n != "__attribute__"]
        if names:
            found.append((line.start(), names[0]))
    return found


def sources(src):
    for folder, _, names in os.walk(src):
        for path in (os.path.relpath(os.path.join(folder, n), src) for n in names if n[-2:] in (".c", ".h")):
            if not path.startswith("base/") or path.startswith("base/bias."):
                yield path


def operations(src):
    """By file, in the order of their places."""
    with open(os.path.join(src, "base/atomic.h"), encoding="ascii") as f:
        failures = dict(CAS.findall(f.read()))
    found, site = {}, 0
    for path in sorted(sources(src)):
        with open(os.path.join(src, path), encoding="ascii") as f:
            text = COMMENT.sub(blank, f.read())
        functions, count = function_at(text), {}
        for match in OPERATION.finditer(text):
            if match["order"] == "relaxed":
                continue
            name = [n for at, n in functions if at < match.start()][-1]
            count[name] = count.get(name, 0) + 1
            site += 1
            place = "%s:%s:%d" % (path, name, count[name])
            found.setdefault(path, []).append(Operation(site, place, match, failures))
    return found


def read_survivors(path):
    """Names, each with what it is, or with None if no reason follows: lines at the margin,
    and the indented ones after them."""
    found, names = {}, []
    with open(path, encoding="ascii") as f:
        for line in f:
            if line.startswith("#") or not line.strip():
                names = []
            elif line[0].isspace():
                found.update((n, "open" if line.lstrip().startswith("OPEN: ") else "survives") for n in names)
                names = []
            else:
                names.append(line.strip())
                found[line.strip()] = None
    return found


def list_mutants(src, survivors_file):
    survivors = read_survivors(survivors_file)
    seen = set()
    for path, ops in operations(src).items():
        for op in ops:
            for name, mutant in op.mutants():
                seen.add(name)
                print(name, mutant, survivors.get(name) or "")
    bad = ["%s: there is no such mutant" % n for n in survivors if n not in seen]
    bad += ["%s: no reason is given" % n for n, reason in survivors.items() if not reason]
    for line in bad:
        print(line, file=sys.stderr)
    return 1 if bad else 0


def instrument(src):
    for path, ops in operations(src).items():
        with open(os.path.join(src, path), encoding="ascii") as f:
            text = f.read()
        for op in reversed(ops):
            text = text[:op.match.start()] + op.call() + text[op.match.end():]
        with open(os.path.join(src, path), "w", encoding="ascii") as f:
            f.write(text)
    return 0


def main(args):
    if len(args) == 3 and args[0] == "list":
        return list_mutants(args[1], args[2])
    if len(args) == 2 and args[0] == "instrument":
        return instrument(args[1])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
