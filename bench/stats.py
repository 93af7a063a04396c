"""Medians, means, and how numbers are written."""

import math
from statistics import median

__all__ = ["cpu", "geometric_mean", "median", "ranged", "short", "spread", "wall"]


def geometric_mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else 0.0


def wall(sample):
    """ns a message.  A round of wake or bursts is mostly waiting until the receiver sleeps,
    so there it is the median of the latency; in the memory cells it is bytes a channel."""
    if "heap_bytes" in sample:
        return sample["heap_bytes"] / sample["messages"]
    if sample.get("cell") in ("wake", "bursts"):
        latency = sample["latency_ns"]
        return latency["p50"] * latency["samples"] / sample["messages"]
    return sample["wall_ns"] / sample["messages"]


def cpu(sample):
    return max(1, sample["user_ns"] + sample["system_ns"]) / sample["messages"]


def spread(values):
    """Median, least, most."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def short(x):
    """Plain numbers would drown in digits: three that count."""
    if x >= 99.95:
        return f"{x:.0f}"
    return f"{x:.1f}" if x >= 9.995 else f"{x:.2f}"


def ranged(s):
    return f"{short(s['median'])} ({short(s['min'])}-{short(s['max'])})"
