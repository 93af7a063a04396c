#!/usr/bin/env python3
"""What a run of the benchmark says: a table, JSON with every sample, plots, and a
bar chart in text.

Ratios are of one run to the run of the other in the same round, because those
stood side by side; above 1 libchan is faster, or used less processor time.
"""

import sys
sys.dont_write_bytecode = True

import argparse
import json
import math
from collections import Counter, defaultdict
from pathlib import Path

import log
import machine
import plans
import reference
from stats import cpu, geometric_mean, median, ranged, short, spread, wall

FORMAT = "libchan benchmark 1"
OURS = "libchan:"
GREEN = ("go",)        # their threads are not the kernel's
BARE = ("bare_ring",)  # no library: what the work costs at least


# ------------------------------------------------------------------------ data

def new_job(job):
    return {**job, "messages": 0, "cannot": {}, "impls": {}, "warmup": {}}


def build(lines):
    """One object from the lines of a run."""
    header = lines[0]
    jobs = {job["name"]: new_job(job) for job in header["jobs"]}
    data = {"format": FORMAT, "started": header["started"], "state": "stopped", "machine": header["machine"],
            "options": header["options"], "versions": {}, "skipped": [], "failures": []}
    for line in lines[1:]:
        kind = line["type"]
        if kind == "skip":
            data["skipped"].append({"peer": line["peer"], "why": line["why"]})
        elif kind == "count":
            jobs[line["job"]].update(messages=line["messages"], cannot=line["cannot"])
        elif kind == "fail":
            data["failures"].append({k: line[k] for k in ("job", "impl", "round", "why")})
        elif kind == "run":
            record = line["record"]
            which = "impls" if line["round"] > 0 else "warmup"
            jobs[line["job"]][which].setdefault(record["impl"], []).append({"round": line["round"], **record})
            data["versions"][record["impl"]] = record["version"]
        elif kind == "end":
            data["state"] = line["state"]
    data["jobs"] = [job for job in jobs.values() if job["impls"]]
    data["summary"] = summarize(data)
    return data


def load(path):
    """A report in JSON, or the records of a run."""
    text = Path(path).read_text(encoding="utf-8")
    try:
        data = json.loads(text)
    except ValueError:
        return build(log.read_lines(path)[0])
    if data.get("type") == "header":
        return build(log.read_lines(path)[0])
    if data.get("format") != FORMAT:
        raise ValueError(f"{path}: not a report of this benchmark")
    data["summary"] = summarize(data) # an older report has less in it
    return data


def as_json(data):
    return json.dumps(data, indent=1) + "\n"


# ------------------------------------------------------------------------ sums

def wall_spread(samples):
    return spread([wall(s) for s in samples])


def is_ours(impl):
    return impl.startswith(OURS)


def is_bare(impl):
    return impl in BARE


def is_peer(impl):
    return not is_ours(impl) and not is_bare(impl)


def is_threaded(impl):
    return is_peer(impl) and impl not in GREEN


def best(job, wanted):
    """The implementation with the least median, of those wanted."""
    found = [impl for impl in job["impls"] if wanted(impl)]
    return min(found, key=lambda impl: median([wall(s) for s in job["impls"][impl]]), default=None)


def pair_ratios(job, ours, peer, cost):
    """The peer's cost by ours, for each round that has both."""
    mine = {s["round"]: s for s in job["impls"][ours]}
    return [cost(s) / cost(mine[s["round"]]) for s in job["impls"][peer] if s["round"] in mine]


def versus(job, ours, peer):
    walls = pair_ratios(job, ours, peer, wall)
    if not walls:
        return None
    return {"impl": peer, "ns": wall_spread(job["impls"][peer]),
            "cpu_ns": median([cpu(s) for s in job["impls"][peer]]),
            "ratio": spread(walls), "cpu_ratio": median(pair_ratios(job, ours, peer, cpu))}


def row_of(job):
    ours = best(job, is_ours)
    row = {"job": job["name"], "cell": job["cell"], "usual": is_usual(job),
           "ours": None, "peer": None, "threaded": None, "bare": None}
    if ours:
        row["ours"] = {"impl": ours, "ns": wall_spread(job["impls"][ours]),
                       "cpu_ns": median([cpu(s) for s in job["impls"][ours]])}
        for name, wanted in (("peer", is_peer), ("threaded", is_threaded), ("bare", is_bare)):
            peer = best(job, wanted)
            row[name] = peer and versus(job, ours, peer)
    return row


def is_usual(job):
    return (job["threads"], job["size"], job["width"], job["pin"]) == (plans.THREADS, plans.SIZE, plans.WIDTH, "") \
        and not (is_memory(job) and job.get("fixed", 0) != plans.CHANNELS) and not is_reference(job)


def is_reference(job):
    """Whether it is there for the figures of before alone, and without libchan."""
    return job.get("who", plans.ALL) != plans.ALL


def is_memory(job):
    return plans.is_memory(job["cell"])


def counted(rows):
    """Means are over the cells with the usual parameters; others if there are none."""
    usual = [r for r in rows if r["usual"]]
    return usual or rows


def means(rows, which):
    found = [r[which] for r in rows if r[which]]
    return {"cells": len(found), "wall": geometric_mean(r["ratio"]["median"] for r in found),
            "cpu": geometric_mean(r["cpu_ratio"] for r in found)}


def winners(rows):
    """Who is the fastest in how many cells; libchan's flavors are one."""
    count = Counter()
    for r in rows:
        if r["ours"] and r["peer"]:
            count["libchan" if r["peer"]["ratio"]["median"] >= 1 else r["peer"]["impl"]] += 1
    return dict(count.most_common())


def against_each(jobs, rows):
    """Each peer over the cells that both serve."""
    found = defaultdict(list)
    for job, row in zip(jobs, rows):
        for impl in job["impls"]:
            if row["ours"] and not is_ours(impl):
                v = versus(job, row["ours"]["impl"], impl)
                if v:
                    found[impl].append((v["ratio"]["median"], v["cpu_ratio"], job["name"]))
    return [{"impl": impl, "cells": len(v), "wall": geometric_mean(x[0] for x in v),
             "cpu": geometric_mean(x[1] for x in v), "won": sum(x[0] >= 1 for x in v),
             "least": min(v)[0], "least_job": min(v)[2]}
            for impl, v in sorted(found.items(), key=lambda item: -len(item[1]))]


def latencies(job):
    """Medians over the rounds of each percentile."""
    found = {}
    for impl, samples in job["impls"].items():
        measured = [s["latency_ns"] for s in samples if "latency_ns" in s]
        if measured:
            found[impl] = {p: median([m[p] for m in measured]) for p in ("p50", "p90", "p99", "p999", "max")}
    return found


TOLD = ("p50", "p99", "p999")


def latency_row(job):
    """Each percentile of libchan's best flavor beside that of the threaded peer which has
    the least there; ratios from pairs, as everywhere."""
    ours = best(job, is_ours)
    peers = [impl for impl, samples in job["impls"].items() if is_threaded(impl) and "latency_ns" in samples[0]]
    if not ours or not peers or "latency_ns" not in job["impls"][ours][0]:
        return None
    row = {"job": job["name"], "usual": is_usual(job), "impl": ours}
    for p in TOLD:
        def cost(s, p=p):
            return max(1, s["latency_ns"][p])
        peer = min(peers, key=lambda impl: median(map(cost, job["impls"][impl])))
        ratios = pair_ratios(job, ours, peer, cost)
        row[p] = {"impl": peer, "ns": spread(list(map(cost, job["impls"][peer]))),
                  "ours_ns": spread(list(map(cost, job["impls"][ours]))), "ratio": spread(ratios)} if ratios else None
    return row


ALONE = ("seq", "oneshot", "create")


def disturbed(jobs):
    """Wall by processor time where there is but one thread, so that all above 1 is what else
    ran on the machine: the median of the runs, and what a tenth of them exceeds."""
    found = sorted(wall(s) / cpu(s) for job in jobs if plans.scenario_of(job["cell"]) in ALONE
                   for impl, samples in job["impls"].items() if impl not in GREEN for s in samples)
    return {"runs": len(found), "median": median(found), "p90": found[len(found) * 9 // 10]} if found else None


def pinned(data):
    """One CPU against all of them, libchan's best and each best peer."""
    jobs = {job["name"]: job for job in data["jobs"]}
    for job in data["jobs"]:
        free = jobs.get(plans.Job(job["cell"], job["threads"], job["size"], job["width"]).name)
        if not job["pin"] or not free:
            continue
        row = {"job": job["name"]}
        for name, wanted in (("ours", is_ours), ("peer", is_peer)):
            times = [median(map(wall, j["impls"][impl])) for j in (job, free) if (impl := best(j, wanted))]
            row[name] = times[0] / times[1] if len(times) == 2 else None
        yield row


def memory(jobs):
    """Bytes a channel, of all that took part."""
    return {job["name"]: {impl: median(map(wall, samples)) for impl, samples in job["impls"].items()}
            for job in jobs if is_memory(job)}


def growth(jobs):
    """libchan's best by threads a side, where there are several values of them."""
    found = defaultdict(dict)
    for job in jobs:
        ours = best(job, is_ours)
        others = (job["size"], job["width"], job["pin"])
        if ours and plans.has_threads(job["cell"]) and others == (plans.SIZE, plans.WIDTH, ""):
            found[job["cell"]][job["threads"]] = median(map(wall, job["impls"][ours]))
    return {cell: dict(sorted(values.items())) for cell, values in found.items() if len(values) > 1}


def summarize(data):
    timed = [job for job in data["jobs"] if not is_memory(job)]
    jobs = [job for job in timed if not is_reference(job)]
    rows = [row_of(job) for job in jobs]
    usual = counted(rows)
    kept = [job for job, row in zip(jobs, rows) if row in usual]
    return {"rows": rows, "mean": means(usual, "peer"), "mean_threaded": means(usual, "threaded"),
            "winners": winners(usual), "peers": against_each(kept, usual), "pinned": list(pinned(data)),
            "disturbed": disturbed(timed), "growth": growth(jobs), "memory": memory(data["jobs"]),
            "reference": reference.agreement([job for job in timed if is_usual(job) or is_reference(job)],
                                             data["versions"]),
            "latency": {job["name"]: found for job in jobs if (found := latencies(job))},
            "latency_ratios": [row for job in jobs if (row := latency_row(job))]}


# ----------------------------------------------------------------------- table

def columns(rows, left=(0,)):
    """Lines with columns as wide as they must be."""
    rows = [[str(x) for x in row] for row in rows]
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [x.ljust(w) if i in left else x.rjust(w) for i, (x, w) in enumerate(zip(row, wide))]
        yield "  ".join(cells).rstrip()


def ratio(x):
    return f"{x:.2f}"


def ratio_range(s):
    return f"{ratio(s['median'])} ({ratio(s['min'])}-{ratio(s['max'])})"


ASIDE = ("", "  without Go", "  no library")


def table_lines(row):
    ours, peer, threaded = row["ours"], row["peer"], row["threaded"]
    mine = (ours["impl"][len(OURS):], ranged(ours["ns"])) if ours else ("-", "-")
    for place, other in enumerate((peer, threaded, row["bare"])):
        if place == 1 and (other is None or peer is None or other["impl"] == peer["impl"]):
            continue
        if place == 2 and other is None:
            continue
        theirs = (other["impl"], ranged(other["ns"]), ratio_range(other["ratio"]), ratio(other["cpu_ratio"])) \
            if other else ("-", "-", "-", "-")
        yield (row["job"], *mine, *theirs) if place == 0 else (ASIDE[place], "", "", *theirs)


def table(rows):
    head = ("cell", "flavor", "libchan, ns", "best peer", "its ns", "ratio", "CPU ratio")
    return columns([head] + [line for row in rows for line in table_lines(row)], left=(0, 1, 3))


def mean_lines(summary):
    for name, mean in (("best peer", summary["mean"]), ("best peer without Go", summary["mean_threaded"])):
        if mean["cells"]:
            yield f"geometric mean over {mean['cells']} cells, {name}/libchan: " \
                  f"wall {ratio(mean['wall'])}, user+system {ratio(mean['cpu'])}"
    if summary["winners"]:
        yield "fastest in: " + ", ".join(f"{who} {n}" for who, n in summary["winners"].items())
    lost = [r for r in summary["rows"] if r["peer"] and r["peer"]["ratio"]["median"] < 1]
    compared = sum(1 for r in summary["rows"] if r["peer"])
    if compared:
        yield f"lost: {len(lost)} of {compared}" + "".join(
            f"{', ' if i else ': '}{r['job']} ({ratio(r['peer']['ratio']['median'])}, {r['peer']['impl']})"
            for i, r in enumerate(sorted(lost, key=lambda r: r["peer"]["ratio"]["median"])))


def peer_lines(summary):
    head = ("against", "cells", "wall", "CPU", "libchan faster in", "least", "in")
    rows = [(p["impl"], p["cells"], ratio(p["wall"]), ratio(p["cpu"]), p["won"], ratio(p["least"]), p["least_job"])
            for p in summary["peers"]]
    return columns([head] + rows, left=(0, 6))


def latency_lines(summary):
    head = ("latency, ns", "", "p50", "p90", "p99", "p99.9", "most")
    rows = [(name if i == 0 else "", impl, *(f"{found[impl][p]:.0f}" for p in ("p50", "p90", "p99", "p999", "max")))
            for name, found in summary["latency"].items()
            for i, impl in enumerate(sorted(found, key=lambda impl: (not is_ours(impl), found[impl]["p50"])))]
    return columns([head] + rows, left=(0, 1))


def latency_ratio_lines(summary):
    def told(found):
        if not found:
            return ("-", "-")
        return (found["impl"], f"{ratio_range(found['ratio'])}{' *' if found['ratio']['median'] < 1 else ''}")

    rows = summary["latency_ratios"]
    lines = [(r["job"], r["impl"][len(OURS):], *(x for p in TOLD for x in told(r[p]))) for r in rows]
    yield from columns([("latency, peer/libchan", "flavor", "p50 of", "", "p99 of", "", "p99.9 of", "")] + lines,
                       left=range(8))
    usual = [r for r in rows if r["usual"]] or rows
    for p, name in zip(TOLD, ("p50", "p99", "p99.9")):
        ratios = [r[p]["ratio"]["median"] for r in usual if r[p]]
        if ratios:
            yield f"{name}: geometric mean over {len(ratios)} cells {ratio(geometric_mean(ratios))}, " \
                  f"no worse than the best peer's in {sum(x >= 1 for x in ratios)}"


def pinned_lines(summary):
    head = ("one CPU / all CPUs", "libchan", "best peer")
    rows = [(p["job"], ratio(p["ours"]) if p["ours"] else "-", ratio(p["peer"]) if p["peer"] else "-")
            for p in summary["pinned"]]
    return columns([head] + rows)


def memory_lines(summary):
    head = ("bytes a channel", "", "bytes", "it/libchan")
    rows = []
    for name, found in summary["memory"].items():
        ours = min((b for impl, b in found.items() if is_ours(impl)), default=0)
        rows += [(name if i == 0 else "", impl, f"{found[impl]:.0f}", ratio(found[impl] / ours) if ours else "-")
                 for i, impl in enumerate(sorted(found, key=lambda impl: (not is_ours(impl), found[impl])))]
    return columns([head] + rows, left=(0, 1))


def growth_lines(summary):
    counts = sorted({n for found in summary["growth"].values() for n in found})
    head = ("libchan, ns, by threads a side", *counts, "most/least")
    rows = [(cell, *(short(found[n]) if n in found else "-" for n in counts),
             ratio(max(found.values()) / min(found.values()))) for cell, found in summary["growth"].items()]
    return columns([head] + rows)


def missing_lines(data):
    for s in data["skipped"]:
        yield f"skipped: {s['peer']}: {s['why']}"
    for f in data["failures"]:
        yield f"failed: {f['impl']} in {f['job']}, round {f['round']}: {f['why']}"
    if data["state"] != "complete":
        yield f"this run is not whole: it was {data['state']}"


def head_lines(data):
    o = data["options"]
    yield f"libchan {data['versions'].get(next((i for i in data['versions'] if is_ours(i)), ''), '')} and its peers, " \
          f"{data['started']}"
    yield from machine.lines(data["machine"])
    peers = ", ".join(f"{i} {v}" for i, v in sorted(data["versions"].items()) if not is_ours(i))
    if peers:
        yield "versions: " + peers
    if d := data["summary"]["disturbed"]:
        yield f"runs of one thread took {ratio(d['median'])} of their processor time (median of {d['runs']}; a tenth " \
              f"{ratio(d['p90'])} or more): 1 where nothing else runs"
    yield f"{o['rounds']} rounds; the slowest takes about {o['time']} ms in a cell; all take the same messages"


def text(data):
    s = data["summary"]
    parts = [head_lines(data),
             ["ns a message (wake, bursts: p50 of the latency): median (min-max)",
              "ratio: peer/libchan, pairs of the same round"], table(s["rows"]),
             mean_lines(s)]
    if s["peers"]:
        parts.append(peer_lines(s))
    if s["latency"]:
        parts.append(latency_lines(s))
    if s["latency_ratios"]:
        parts.append(["each percentile beside the threaded peer that has the least there: median (min-max) of the "
                      "pairs; * where libchan's is the greater", *latency_ratio_lines(s)])
    if s["pinned"]:
        parts.append(pinned_lines(s))
    if s["growth"]:
        parts.append(growth_lines(s))
    if s["memory"]:
        parts.append(memory_lines(s))
    if s["reference"]["cells"]:
        parts.append(reference.lines(s["reference"]))
    parts.append(missing_lines(data))
    found = ["\n".join(part) for part in parts]
    return "\n\n".join(part for part in found if part) + "\n"


# ------------------------------------------------------------------------ bars

WIDE = 79


def bar(x, unit, left):
    """Faster to the right of the line, slower to the left; a factor of 2 is as long
    either way."""
    signs = "#" * round(abs(math.log2(x)) * unit)
    return signs.rjust(left) + "|" if x < 1 else " " * left + "|" + signs


def bars(data):
    """For README: each cell against its best peer, the worst one last."""
    rows = sorted((r for r in counted(data["summary"]["rows"]) if r["peer"]),
                  key=lambda r: -r["peer"]["ratio"]["median"])
    if not rows:
        return ""
    lines = [(r["job"], r["peer"]["impl"], r["peer"]["ratio"]["median"]) for r in rows]
    lines.append(("geometric mean", "", data["summary"]["mean"]["wall"]))
    name, peer = (max(len(line[i]) for line in lines) for i in (0, 1))
    powers = [math.log2(x) for _, _, x in lines]
    least, most = min(0, *powers), max(0, *powers)
    room = WIDE - len("    ") - name - peer - len("  " "  9999.99  " "|")
    unit = max(1, min(8, int(room / max(1, most - least))))
    left = round(-least * unit)
    out = [f"times faster than the best peer of each cell; {unit} signs are a factor of 2", ""]
    for i, (job, impl, x) in enumerate(lines):
        if i == len(rows):
            out.append("")
        out.append(f"{job.ljust(name)}  {impl.ljust(peer)}  {ratio(x).rjust(7)}  {bar(x, unit, left)}")
    return "\n".join("    " + line if line else "" for line in out) + "\n"


# ----------------------------------------------------------------------- plots

def plot(data, folder):
    """0, or 1 if they could not be written; without matplotlib they are skipped."""
    try:
        import plots
    except ImportError as e:
        print(f"bench: plots are skipped: {e.name or 'matplotlib'} is not installed")
        return 0
    try:
        for path in plots.draw(data, Path(folder)):
            print(f"bench: {path}")
    except OSError as e:
        print(f"bench: the plots cannot be written: {e.strerror}")
        return 1
    return 0


# ---------------------------------------------------------------- command line

def main(argv):
    parser = argparse.ArgumentParser(prog="report.py", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="the records of a run, or a report in JSON")
    parser.add_argument("--json", metavar="FILE", help="write every sample and the sums")
    parser.add_argument("--text", metavar="FILE", help="write the table instead of printing it")
    parser.add_argument("--plots", metavar="FOLDER", help="draw SVG and PNG there")
    parser.add_argument("--bars", action="store_true", help="print the bar chart for README instead")
    options = parser.parse_args(argv)
    try:
        data = load(options.file)
        if not data["jobs"]:
            raise ValueError(f"{options.file}: nothing was measured")
        if options.json:
            Path(options.json).write_text(as_json(data), encoding="utf-8")
        if options.text:
            Path(options.text).write_text(text(data), encoding="utf-8")
    except (OSError, ValueError, KeyError) as e:
        sys.exit(f"report: {e}")
    if options.bars:
        print(bars(data), end="")
    elif not options.text:
        print(text(data), end="")
    return plot(data, options.plots) if options.plots else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
