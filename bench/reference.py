#!/usr/bin/env python3
"""Whether a run agrees with figures that were measured before, elsewhere.

Absolute times move from machine to machine, so what is compared is how the peers
stand to each other: in a cell that agrees no peer is further than 1.5 times from what
the median of its peers says of the machine.
"""

import sys
sys.dont_write_bytecode = True

import argparse

from stats import median, wall

WITHIN = 1.5

# ns a message on two CPUs of an x86-64 virtual machine (AMD EPYC); 4 threads a side,
# 200,000 messages of 8 bytes, median of 3.
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


def measured(job, peer):
    """ns a message; std's figures for several receivers are those of std::sync::mpmc."""
    samples = job["impls"].get(peer) or (job["impls"].get("std_mpmc") if peer == "std" else None)
    return median([wall(s) for s in samples]) if samples else None


def factors(job):
    """What was measured by what was before, of each peer that has both."""
    both = ((peer, measured(job, peer), figure) for peer, figure in zip(PEERS, FIGURES[job["cell"]]) if figure)
    return {peer: ns / figure for peer, ns, figure in both if ns}


def deviations(job):
    """How far each peer is from the middle of them; nothing with fewer than two."""
    found = factors(job)
    if len(found) < 2:
        return {}
    middle = median(found.values())
    return {peer: f / middle for peer, f in found.items()}


def agreement(jobs, versions):
    """The cells that can be compared, who is too far from the others in which, and
    which peers are of another version."""
    found = {job["name"]: deviations(job) for job in jobs if job["cell"] in FIGURES}
    found = {name: peers for name, peers in found.items() if peers}
    far = {name: {peer: x for peer, x in peers.items() if not 1 / WITHIN <= x <= WITHIN}
           for name, peers in found.items()}
    others = {peer: [then, versions[peer]] for peer, then in VERSIONS.items()
              if peer in versions and not (versions[peer] + ".").startswith(then + ".")}
    return {"cells": len(found), "agree": sum(not peers for peers in far.values()),
            "far": {name: peers for name, peers in far.items() if peers}, "versions": others}


def lines(a):
    """The same for people."""
    yield f"how the peers stand to each other, beside the first figures: {a['agree']} of {a['cells']} cells agree " \
          f"within {WITHIN}"
    for name, peers in a["far"].items():
        yield f"{name} differs: " + ", ".join(f"{peer} takes {x:.2f} of what it did" for peer, x in peers.items())
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
    found = agreement([job for job in data["jobs"] if report.is_usual(job)], data["versions"])
    print("\n".join(lines(found)))
    return 0 if found["agree"] >= 0.8 * found["cells"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
