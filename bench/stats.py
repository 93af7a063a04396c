"""Medians, means, and how numbers are written."""

import math
from statistics import median

__all__ = ["geometric_mean", "median", "ranged", "short", "spread"]


def geometric_mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else 0.0


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
