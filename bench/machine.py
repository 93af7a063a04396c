"""Where a run took place: what a reader needs to know about it."""

import json
import os
import platform
import re
import subprocess
from pathlib import Path


def read(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def first_match(pattern, text):
    found = re.search(pattern, text, re.M)
    return found.group(1).strip() if found else ""


def version_line(command):
    try:
        done = subprocess.run([*command.split(), "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.splitlines()[0] if done.stdout else ""


def rustc():
    return version_line(os.environ.get("RUSTC", "rustc"))


def go():
    try:
        return subprocess.run([os.environ.get("GO", "go"), "version"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def cpus_to_use():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


# What limits.c says, in ns, and what it was where the figures of reference.py are from.
LIMITS = (("line", "a cache line there and back", 100), ("locked", "a locked instruction", 4.7),
          ("yield", "sched_yield", 360), ("wake_nobody", "a futex wake of nobody", 150),
          ("woken", "a thread woken there and back", 45000))


def limits(program):
    """None of them if it is not there."""
    try:
        done = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                              text=True, timeout=60, check=False)
        return {name: float(ns) for name, ns in json.loads(done.stdout).items()}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}


def describe(limits_program):
    cpu = read("/proc/cpuinfo")
    return {
        "processor": first_match(r"^model name\s*:\s*(.*)$", cpu) or platform.machine(),
        "cpus": cpus_to_use(),
        "hypervisor": "hypervisor" in first_match(r"^flags\s*:\s*(.*)$", cpu).split(),
        "memory_kib": int(first_match(r"^MemTotal:\s*(\d+)", read("/proc/meminfo")) or 0),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip(),
        "system": first_match(r'^PRETTY_NAME="?([^"\n]*)', read("/etc/os-release")),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()).strip(),
        "compiler": version_line(os.environ.get("CC", "cc")),
        "cflags": os.environ.get("BENCH_CFLAGS", ""),
        "rustc": rustc(),
        "go": go(),
        "load_at_start": read("/proc/loadavg").split(" ")[0],
        "limits": limits(limits_program),
    }


def lines(m):
    """The same for people."""
    yield f"{m['processor']}, {m['cpus']} CPUs{' (virtual machine)' if m['hypervisor'] else ''}, " \
          f"{m['memory_kib'] / 1048576:.1f} GiB"
    yield ", ".join(x for x in (m["system"], m["kernel"], m["libc"],
                                f"governor {m['governor']}" if m["governor"] else "",
                                f"load at start {m['load_at_start']}") if x)
    yield "; ".join(x for x in (m["compiler"] + (" " + m["cflags"] if m["cflags"] else ""), m["rustc"], m["go"]) if x)
    found = m.get("limits", {})
    if found:
        yield "its limits, ns (and those where the first figures are from): " + \
              ", ".join(f"{words} {found[name]:.3g} ({then})" if found[name] < 1000 else
                        f"{words} {found[name]:.0f} ({then})" for name, words, then in LIMITS if name in found)
