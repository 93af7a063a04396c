"""Plots of a report, SVG and PNG: bars with the spread over the rounds."""

import math
from collections import defaultdict

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

import plans
import report

matplotlib.rcParams.update({"svg.hashsalt": "libchan", "font.size": 9, "axes.spines.top": False,
                            "axes.spines.right": False, "axes.axisbelow": True})
LIBCHAN = "libchan"
PALETTE = plt.get_cmap("tab20").colors


def label_of(impl):
    return LIBCHAN if report.is_ours(impl) else impl


def shown(job):
    """The best flavor of libchan, under the library's name, and every peer."""
    ours = report.best(job, report.is_ours)
    found = {LIBCHAN: job["impls"][ours]} if ours else {}
    found.update((impl, s) for impl, s in sorted(job["impls"].items()) if not report.is_ours(impl))
    return found


def colors(data):
    """How each implementation looks, the same in every plot."""
    names = sorted({label_of(impl) for job in data["jobs"] for impl in job["impls"]} - {LIBCHAN})
    # tab20 goes dark, light, dark, light: all dark ones first; then all again, hatched.
    order = PALETTE[2::2] + PALETTE[3::2]
    found = {LIBCHAN: {"facecolor": "black"}}
    for i, name in enumerate(names):
        found[name] = {"facecolor": order[i % len(order)]}
        if i >= len(order):
            found[name].update(hatch="////", edgecolor="white", linewidth=0)
    return found


def spread_of(samples):
    s = report.wall_spread(samples)
    return s["median"], [[s["median"] - s["min"]], [s["max"] - s["median"]]]


def grouped_bars(axes, groups, color):
    """groups: name, {implementation: samples}; as many bars side by side."""
    most = max((len(found) for _, found in groups), default=1)
    width = 0.85 / most
    for place, (_, found) in enumerate(groups):
        for i, (impl, samples) in enumerate(found.items()):
            middle, error = spread_of(samples)
            axes.bar(place + (i - (len(found) - 1) / 2) * width, middle, width, yerr=error, **color[impl],
                     error_kw={"elinewidth": 0.8, "ecolor": "0.45", "capsize": 1.5})
    axes.set_yscale("log")
    lowest = min(report.wall_spread(s)["min"] for _, found in groups for s in found.values())
    axes.set_ylim(bottom=10 ** math.floor(math.log10(lowest)))
    axes.set_ylabel("ns a message")
    axes.set_xticks(range(len(groups)))
    axes.set_xticklabels([name for name, _ in groups])
    axes.grid(axis="y", color="0.9")


def names_in(panels):
    """Each once; the library first."""
    names = dict.fromkeys(name for _, groups in panels for _, found in groups for name in found)
    return sorted(names, key=lambda name: name != LIBCHAN)


PANEL, HEAD = 2.9, 0.8  # inches


def figure_of(title, panels, color, draw_groups=grouped_bars):
    """panels: name, groups.  One below the other; None if there is nothing."""
    panels = [(name, groups) for name, groups in panels if groups]
    if not panels:
        return None
    height = HEAD + PANEL * len(panels)
    figure, axes = plt.subplots(len(panels), 1, figsize=(12, height), squeeze=False)
    for ax, (name, groups) in zip(axes[:, 0], panels):
        draw_groups(ax, groups, color)
        ax.set_title(name, loc="left", fontsize=10)
    names = names_in(panels)
    figure.suptitle(title, y=1 - 0.1 / height, va="top")
    figure.legend([plt.Rectangle((0, 0), 1, 1, **color[name]) for name in names], names, loc="upper center",
                  bbox_to_anchor=(0.5, 1 - 0.35 / height), ncol=9, frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0, 1, 1 - HEAD / height))
    return figure


# ----------------------------------------------------------------- the figures

def throughput(data, color):
    """A panel for each capacity, and one for what has none in its name."""
    panels = {capacity: [] for capacity in (*plans.CAPACITIES, "")}
    for job in data["jobs"]:
        if report.is_usual(job) and not report.is_memory(job):
            capacity = job["cell"].partition("_")[0]
            known = capacity in plans.CAPACITIES
            name = job["cell"].partition("_")[2] if known else job["cell"].replace("_", "\n")
            panels[capacity if known else ""].append((name, shown(job)))
    return figure_of("time a message; median of the rounds, least and most",
                     [(capacity or "others", groups) for capacity, groups in panels.items()], color)


def latency_bars(axes, groups, color):
    """p50, p99 and p99.9, each the median of the rounds with their spread."""
    grouped_bars(axes, groups, color)
    axes.set_ylabel("ns")


def as_samples(samples, which):
    return [{"wall_ns": s["latency_ns"][which], "messages": 1} for s in samples if "latency_ns" in s]


PERCENTILES = (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"))


def percentile(found, label, which):
    return label, {impl: s for impl, samples in found.items() if (s := as_samples(samples, which))}


def latency(data, color):
    panels = []
    for job in data["jobs"]:
        if report.is_usual(job) and job["name"] in data["summary"]["latency"]:
            found = shown(job)
            panels.append((job["name"], [percentile(found, label, which) for label, which in PERCENTILES]))
    return figure_of("latency; medians of the rounds, least and most", panels, color, latency_bars)


def sweep(data, color, what, words):
    """A panel for each cell that was run with several values of a parameter."""
    usual = {"threads": plans.THREADS, "size": plans.SIZE, "width": plans.WIDTH, "pin": ""}
    found = defaultdict(dict)
    for job in data["jobs"]:
        if report.is_memory(job) or report.is_reference(job):
            continue
        if all(job[name] == value for name, value in usual.items() if name != what):
            found[job["cell"]][job[what]] = shown(job)
    panels = [(cell, [(f"{value}", values[value]) for value in sorted(values)])
              for cell, values in found.items() if len(values) > 1]
    return figure_of(f"time a message by {words}; median of the rounds, least and most", panels, color)


def draw(data, folder):
    """Writes what there is data for, and yields the names."""
    color = colors(data)
    figures = {"throughput": throughput(data, color), "latency": latency(data, color),
               "threads": sweep(data, color, "threads", "threads a side"),
               "width": sweep(data, color, "width", "channels in a select, or subscriptions"),
               "size": sweep(data, color, "size", "bytes a message")}
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        if figure:
            for ending in ("svg", "png"):
                path = folder / f"{name}.{ending}"
                figure.savefig(path, dpi=110, metadata={"Date": None} if ending == "svg" else None)
                yield path
            plt.close(figure)
