#!/usr/bin/env python3
"""Whether a run agrees with figures that were measured before, elsewhere.

Absolute times move from machine to machine, so what is compared is how the peers
stand to each other: in a cell that agrees no peer is further than 1.5 times from what
the median of its peers says of the machine.  The full plan runs these cells once more,
with as many messages as then.  Why a peer stands otherwise is in deviations.txt; what is
not there is named.
"""

import sys
sys.dont_write_bytecode = True

import argparse
import fnmatch
import math
import re
import textwrap
from pathlib import Path

from stats import median, short, wall

WITHIN = 1.5
MESSAGES = 200_000
ROUNDS = 3
REASONS = Path(__file__).resolve().parent / "deviations.txt"

# ns a message on two CPUs of an x86-64 virtual machine (AMD EPYC); 4 threads a side,
# MESSAGES of 8 bytes, median of ROUNDS.
PEERS = ("crossbeam", "flume", "kanal", "std", "go", "apr", "tbb", "moodycamel", "glib")
VERSIONS = {"crossbeam": "0.5.16", "flume": "0.12", "kanal": "0.2", "std": "1.95", "go": "1.19"}
FIGURES = {
    "bounded0_spsc": (21007, 18503, 347, 22200, 105),
    "bounded0_mpsc": (4919, 4027, 805, 6100, 95),
    "bounded0_mpmc": (2953, 2088, 635, 3833, 100),
    "bounded0_select_rx": (4957, None, None, None, 210),
    "bounded0_select_both": (10892, None, None, None, 365),
    "bounded0_pingpong": (42192, 42463, 1138, 44032),
    "bounded1_spsc": (427, 13674, 230, 40450, 90, None, 261),
    "bounded1_mpsc": (459, 3915, 603, 18535, 75, None, 12707),
    "bounded1_mpmc": (439, 1933, 531, 3871, 70, None, 6612),
    "bounded1_select_rx": (811, None, None, None, 175),
    "bounded1_select_both": (273, None, None, None, 215),
    "bounded1_pingpong": (771, 31994, 1090, 43161),
    "oneshot_bounded1": (122, 86, 67, 111),
    "bounded128_spsc": (35, 236, 29, 279, None, 90, 128),
    "bounded128_mpsc": (38, 232, 46, 138, None, None, 324),
    "bounded128_mpmc": (39, 144, 42, 58, None, None, 654),
    "bounded128_pingpong": (264, 37518, 1081, 42987),
    "bounded_seq": (22, 24, 13, 16, 30),
    "bounded_spsc": (19, 76, 13, 8, 35),
    "bounded_mpsc": (14, 68, 26, 14, 30),
    "bounded_mpmc": (12, 70, 25, 11, 30),
    "bounded_select_rx": (72, None, None, None, 125),
    "bounded_select_both": (76, None, None, None, 215),
    "unbounded_seq": (33, 24, 13, 24, None, None, None, 33, 48),
    "unbounded_spsc": (33, 70, 13, 17, None, None, None, 36, 116),
    "unbounded_mpsc": (31, 58, 36, 37, None, None, None, 36, 81),
    "unbounded_mpmc": (29, 65, 25, 33, None, None, None, 73, 133),
    "unbounded_pingpong": (270, 42953, 1025, 44074, None, None, None, 2371),
}


WHO = " ".join((*PEERS, "std_mpmc"))


def seconds(cell):
    """What a round of all of them took."""
    return sum(ns for ns in FIGURES[cell] if ns) * MESSAGES / 1e9


def measured(job, peer):
    """ns a message; std's figures for several receivers are those of std::sync::mpmc."""
    samples = job["impls"].get(peer) or (job["impls"].get("std_mpmc") if peer == "std" else None)
    return median([wall(s) for s in samples]) if samples else None


def middle(values):
    """The median; of two in the middle neither counts for more."""
    return math.exp(median([math.log(x) for x in values]))


def stands(job):
    """Each peer that has both figures: then, now, and how far it is from the middle of them;
    nothing with fewer than two."""
    both = {peer: (then, now) for peer, then in zip(PEERS, FIGURES[job["cell"]])
            if then and (now := measured(job, peer))}
    if len(both) < 2:
        return {}
    machine = middle(now / then for then, now in both.values())
    return {peer: {"then": then, "now": now, "share": now / then / machine} for peer, (then, now) in both.items()}


def is_far(figure):
    return not 1 / WITHIN <= figure["share"] <= WITHIN


# --------------------------------------------------------------------- reasons

def read_reasons():
    """PEERS | CELLS | LEAST-MOST, and why on the indented lines below: what holds for one
    share does not for another."""
    found = []
    for number, line in enumerate(REASONS.read_text(encoding="utf-8").splitlines(), 1):
        head = re.fullmatch(r"(\S[^|]*)\|([^|]*)\| *([0-9.]+)-([0-9.]+)", line)
        if line.startswith("#") or not line.strip():
            continue
        if head:
            found.append({"peers": head[1].split(), "cells": head[2].split(), "least": float(head[3]),
                          "most": float(head[4]), "why": ""})
        elif line[0].isspace() and found:
            found[-1]["why"] = f"{found[-1]['why']} {line.strip()}".strip()
        else:
            raise ValueError(f"{REASONS}:{number}: neither a reason nor what it is for: {line[:60]!r}")
    return found


def reason_of(reasons, cell, peer, share):
    """Its number from 1; None."""
    for number, r in enumerate(reasons, 1):
        if r["why"] and r["least"] <= share <= r["most"] and any(fnmatch.fnmatchcase(peer, p) for p in r["peers"]) \
                and any(fnmatch.fnmatchcase(cell, c) for c in r["cells"]):
            return number
    return None


# ------------------------------------------------------------------- agreement

def compared(jobs):
    """For each cell the job with as many messages as then, or the usual one."""
    found = {}
    for job in jobs:
        if job["cell"] in FIGURES and (job["cell"] not in found or job["messages"] == MESSAGES):
            found[job["cell"]] = job
    return [found[cell] for cell in FIGURES if cell in found]


def agreement(jobs, versions):
    """The cells that can be compared, who is too far from the others in which and why, and
    which peers are of another version."""
    found = {job["name"]: (job["cell"], peers) for job in compared(jobs) if (peers := stands(job))}
    same = sum(job["name"] in found and job["messages"] == MESSAGES for job in compared(jobs))
    reasons = read_reasons()
    far = [{"job": name, "peer": peer, **figure, "reason": reason_of(reasons, cell, peer, figure["share"])}
           for name, (cell, peers) in found.items() for peer, figure in peers.items() if is_far(figure)]
    others = {peer: [then, versions[peer]] for peer, then in VERSIONS.items()
              if peer in versions and not (versions[peer] + ".").startswith(then + ".")}
    return {"cells": len(found), "same_count": same, "agree": len(found) - len({f["job"] for f in far}),
            "figures": sum(len(peers) for _, peers in found.values()), "far": far,
            "reasons": {f["reason"]: reasons[f["reason"] - 1]["why"] for f in far if f["reason"]}, "versions": others}


def unexplained(a):
    return [f for f in a["far"] if not f["reason"]]


def lines(a):
    """The same for people."""
    from report import columns # which imports this module
    yield f"how the peers stand to each other, beside the first figures: {a['agree']} of {a['cells']} cells agree " \
          f"within {WITHIN}, {a['figures'] - len(a['far'])} of {a['figures']} figures"
    if a["same_count"] < a["cells"]:
        yield f"{a['cells'] - a['same_count']} of them with other counts of messages than the {MESSAGES} of then, " \
              "which moves peers by up to 1.9 times; the full plan has those as well"
    if a["far"]:
        # Numbered as they come here: those of the file have gaps.
        numbers = {reason: n for n, reason in enumerate(dict.fromkeys(f["reason"] for f in a["far"] if f["reason"]), 1)}
        rows = [(f["job"], f["peer"], f["then"], short(f["now"]), f"{f['share']:.2f}",
                 f"[{numbers[f['reason']]}]" if f["reason"] else "not explained") for f in a["far"]]
        yield from columns([("differs", "", "ns then", "ns now", "of the middle", "why")] + rows, left=(0, 1, 5))
        for reason, n in numbers.items():
            yield from textwrap.wrap(a["reasons"][reason], 100, initial_indent=f"[{n}] ",
                                     subsequent_indent=" " * len(f"[{n}] "))
    if unexplained(a):
        yield "not explained: " + ", ".join(f"{f['peer']} in {f['job']} ({f['share']:.2f})" for f in unexplained(a))
    if a["versions"]:
        yield "other versions than then: " + ", ".join(f"{peer} {now} (was {then})"
                                                       for peer, (then, now) in a["versions"].items())


def main(argv):
    import report  # which imports this module
    parser = argparse.ArgumentParser(prog="reference.py", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="a report in JSON, or the records of a run")
    options = parser.parse_args(argv)
    try:
        data = report.load(options.file)
    except (OSError, ValueError, KeyError) as e:
        sys.exit(f"reference: {e}")
    found = data["summary"]["reference"]
    print("\n".join(lines(found)))
    return 0 if found["agree"] >= 0.8 * found["cells"] and not unexplained(found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
