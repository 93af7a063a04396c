"""Plots of a report, SVG and PNG: bars with the spread over the rounds."""

from collections import defaultdict

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

import plans
import report
from stats import median

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
    """One for each implementation, the same in every plot."""
    names = sorted({label_of(impl) for job in data["jobs"] for impl in job["impls"]} - {LIBCHAN})
    # tab20 goes dark, light, dark, light: all dark ones first.
    order = [c for c in PALETTE[2::2] + PALETTE[3::2]]
    return {LIBCHAN: "black", **{name: order[i % len(order)] for i, name in enumerate(names)}}


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
            axes.bar(place + (i - (len(found) - 1) / 2) * width, middle, width, yerr=error, color=color[impl],
                     error_kw={"elinewidth": 0.8, "ecolor": "0.45", "capsize": 1.5})
    axes.set_yscale("log")
    axes.set_ylabel("ns a message")
    axes.set_xticks(range(len(groups)))
    axes.set_xticklabels([name for name, _ in groups])
    axes.grid(axis="y", color="0.9")


def legend(figure, names, color):
    handles = [plt.Rectangle((0, 0), 1, 1, color=color[name]) for name in names]
    figure.legend(handles, names, loc="outside upper center" if hasattr(figure, "get_layout_engine") else "upper center",
                  ncol=min(len(names), 8), frameon=False)


def names_in(groups):
    """Each once; the library first."""
    names = dict.fromkeys(name for _, found in groups for name in found)
    return ([LIBCHAN] if LIBCHAN in names else []) + [n for n in names if n != LIBCHAN]


def figure_of(panels, color, title, tick_size=8):
    """panels: title, groups.  One below the other."""
    panels = [(name, groups) for name, groups in panels if groups]
    if not panels:
        return None
    figure, axes = plt.subplots(len(panels), 1, figsize=(12, 1 + 2.9 * len(panels)), squeeze=False)
    for ax, (name, groups) in zip(axes[:, 0], panels):
        grouped_bars(ax, groups, color)
        ax.set_title(name, loc="left", fontsize=10)
        ax.tick_params(axis="x", labelsize=tick_size)
    top = 1 - 0.75 / (1 + 2.9 * len(panels))
    figure.suptitle(title, fontsize=11, y=0.995, va="top")
    handles = [plt.Rectangle((0, 0), 1, 1, color=color[n]) for n in names_in([g for _, gs in panels for g in gs])]
    figure.legend(handles, names_in([g for _, gs in panels for g in gs]), loc="upper center",
                  bbox_to_anchor=(0.5, 1 - 0.3 / (1 + 2.9 * len(panels))), ncol=9, frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0, 1, top))
    return figure
