#!/usr/bin/env python3
"""Times libchan beside its peers, cell by cell, all in the same rounds.

`make bench` and `make bench-full` call it, in the build folder.
"""

import sys
sys.dont_write_bytecode = True

import argparse
import fnmatch
import json
import os
import signal
import subprocess
import time
from collections import defaultdict
from pathlib import Path

import log
import machine
import peers
import plans
import reference
import report

TIME_LIMIT = 60    # seconds for one run of an adapter
FIRST_COUNT = 200  # messages that calibration begins with
STRIKES = 2        # failures after which an adapter is left out of a cell


class Failure(Exception):
    """An adapter did not do it."""


class Cannot(Exception):
    """It never will: that is no failure."""


def say(text):
    progress.clear()
    show(f"bench: {text}")


def show(text):
    """Prints it; what the disk behind stdout does not take is lost, and nothing else."""
    try:
        print(text, flush=True)
    except OSError as e:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
        print(f"bench: the standard output cannot be written: {e.strerror}", file=sys.stderr)
        Unwritten.status = 1


class Unwritten:
    status = 0


# ------------------------------------------------------------------- progress

class Progress:
    """One line on a terminal; nothing elsewhere."""

    def __init__(self):
        self.on = sys.stderr.isatty()
        self.shown = False
        self.left = 0.0 # seconds of work, as estimated
        self.text = ""

    def expect(self, seconds):
        self.left += seconds

    def done(self, seconds):
        self.left = max(0.0, self.left - seconds)

    def show(self, text=None):
        if not self.on:
            return
        self.text = text or self.text
        minutes, seconds = divmod(int(self.left + 0.5), 60)
        line = self.text + (f", {minutes}:{seconds:02d} left" if self.left else "")
        sys.stderr.write(f"\r\033[K{line[:columns() - 1]}")
        sys.stderr.flush()
        self.shown = True

    def clear(self):
        if self.shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self.shown = False


def columns():
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80


progress = Progress()


# ------------------------------------------------------------------- adapters

def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def reason(status, err):
    """Why an adapter ended, in words; the shell says 128 + signal, and minus a signal is
    the shell's own end."""
    if status < 0:
        status = 128 - status
    if status > 128:
        try:
            name = signal.Signals(status - 128).name
        except ValueError:
            name = f"signal {status - 128}"
        return f"killed by {name}" + (", its own limit for a hang" if name == "SIGALRM" else "")
    return f"status {status}" + (f": {last_line(err)}" if last_line(err) else "")


def execute(command, limit):
    """Runs it in a process group of its own, below a small shell: a program that
    this process starts itself would begin with the peak memory of Python."""
    child = subprocess.Popen(["/bin/sh", "-c", '"$@"; exit $?', "sh", *map(str, command)],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, errors="replace", start_new_session=True)
    try:
        out, err = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise Failure(f"hung: nothing after {limit} s") from None
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
    return child.returncode, out, err


class Adapter:
    """A program, and the cells that its implementations serve."""

    def __init__(self, program):
        self.program = os.path.join(os.curdir, program) if os.sep not in str(program) else str(program)
        status, out, err = execute([self.program, "--list"], TIME_LIMIT)
        if status != 0:
            raise Failure(reason(status, err))
        self.serves = defaultdict(list)
        for line in out.splitlines():
            cell, _, impl = line.partition(" ")
            self.serves[cell].append(impl)


def run_adapter(program, impl, job, messages, limit):
    pin = ["taskset", "-c", job.pin] if job.pin else []
    status, out, err = execute([*pin, program, "--impl", impl, "--threads", job.threads, "--size", job.size,
                                "--width", job.width, job.cell, messages], limit)
    if status == 77:
        raise Cannot(last_line(err) or "it says so")
    if status != 0:
        raise Failure(reason(status, err))
    return checked_record(out, impl, job, messages)


def checked_record(out, impl, job, messages):
    try:
        record = json.loads(out)
        ok = (record["cell"] == job.cell and record["impl"] == impl and record["messages"] == messages and
              record["wall_ns"] > 0 and record["user_ns"] + record["system_ns"] >= 0)
    except (ValueError, KeyError, TypeError):
        ok = False
    if not ok:
        raise Failure(f"no record of this run: {last_line(out)[:80]!r}")
    return record


# ---------------------------------------------------------------------- a bench

class Bench:
    def __init__(self, options, records):
        self.options = options
        self.log = records
        self.programs = {}                # (cell, impl): program
        self.cells = defaultdict(list)    # cell: impls
        self.strikes = defaultdict(int)   # (job, impl): failures

    # ------------------------------------------------------ who takes part

    def skip(self, peer, why):
        say(f"{peer} is skipped: {why}")
        self.log.add("skip", peer=peer, why=why)

    def enlist(self, peer, program):
        try:
            adapter = Adapter(program)
        except Failure as e:
            self.skip(peer, str(e))
            return
        for cell, impls in adapter.serves.items():
            for impl in impls:
                if (cell, impl) not in self.programs:
                    self.programs[cell, impl] = adapter.program
                    self.cells[cell].append(impl)

    def gather(self):
        """The library first: the order of cells is its own."""
        adapter = Adapter(self.options.bench)
        wanted = self.options.flavors
        for cell, impls in adapter.serves.items():
            self.cells[cell] = [i for i in impls if any(fnmatch.fnmatchcase(i.partition(":")[2], f) for f in wanted)]
            self.programs.update({(cell, impl): adapter.program for impl in self.cells[cell]})
        for program in self.options.adapter:
            self.enlist(Path(program).name, program)
        for peer in peers.all_peers(Path(self.options.build)):
            if not any(fnmatch.fnmatchcase(peer.name, p) for p in self.options.peers):
                continue
            progress.show(f"building {peer.name}")
            try:
                program = peer.build()
            except peers.CannotBuild as e:
                self.skip(peer.name, str(e))
            except OSError as e:
                self.skip(peer.name, e.strerror or str(e))
            else:
                self.enlist(peer.name, program)

    def impls_of(self, job):
        return [i for i in self.cells[job.cell] if any(fnmatch.fnmatchcase(i, p) for p in job.who.split())]

    # --------------------------------------------------------------- runs

    def attempt(self, job, impl, messages, number):
        """A record; None if it failed, which is on record then."""
        began = time.monotonic()
        try:
            return run_adapter(self.programs[job.cell, impl], impl, job, messages, self.options.limit)
        except Failure as e:
            say(f"{job.name}: {impl} failed in round {number}: {e}")
            self.log.add("fail", job=job.name, impl=impl, round=number, why=str(e))
            hung = time.monotonic() - began >= self.options.limit
            self.strikes[job.name, impl] += STRIKES if hung else 1
            if self.strikes[job.name, impl] >= STRIKES:
                say(f"{job.name}: {impl} is left out from here on")
            return None

    def takes_part(self, job, impl):
        return self.strikes[job.name, impl] < STRIKES

    def times(self, job, impls, messages, cannot):
        """How long each takes with so many; the better of two runs where time is
        short, because a disturbed one would make all rounds too short."""
        ns = {}
        for impl in impls:
            for _ in range(2):
                if impl in cannot or not self.takes_part(job, impl) or ns.get(impl, 0) > 20e6:
                    break
                progress.show()
                try:
                    record = self.attempt(job, impl, messages, "calibration")
                except Cannot as e:
                    cannot[impl] = str(e)
                    break
                if record:
                    ns[impl] = min(ns.get(impl, record["wall_ns"]), record["wall_ns"])
        return ns

    def calibrate(self, job):
        """The count with which the slowest takes the time asked for, and how long
        each takes with it."""
        impls, cannot, parts = self.impls_of(job), {}, job.parts()
        target = self.options.time * 1e6

        def rounded(n):
            return max(parts, int(min(n, job.most())) // parts * parts)

        if job.fixed:
            count = -(-job.fixed // parts) * parts
            return count, self.times(job, impls, count, cannot), cannot
        count = rounded(FIRST_COUNT + parts)
        while True:
            ns = self.times(job, impls, count, cannot)
            if not ns:
                return 0, {}, cannot
            slowest = max(ns.values())
            if slowest >= target / 10 or count >= rounded(job.most()):
                break
            count = rounded(max(count * 2, min(count * 10, count * target / 5 / slowest)))
        final = rounded(max(count * target / slowest, FIRST_COUNT))
        return final, {impl: int(t * final / count) for impl, t in ns.items()}, cannot

    def calibrate_all(self, jobs):
        """What is on record already stays as it was."""
        counted = {line["job"]: line for line in self.log.lines if line["type"] == "count"}
        for number, job in enumerate(jobs, 1):
            if job.name not in counted:
                progress.show(f"calibrating {number}/{len(jobs)}, {job.name}")
                messages, ns, cannot = self.calibrate(job)
                self.log.add("count", job=job.name, messages=messages, ns=ns, cannot=cannot)
                counted[job.name] = self.log.lines[-1]
                if not ns:
                    say(f"{job.name} is left out: nothing here can run it")
            progress.done(self.guess(job))
        return counted

    # ------------------------------------------------------------- the time

    def guess(self, job):
        """Seconds that calibration takes, before anything was measured."""
        return self.guess_round(job) if job.who != plans.ALL else 0.16 * len(self.impls_of(job))

    def guess_round(self, job):
        """And what a round takes."""
        if job.who != plans.ALL:
            return reference.seconds(job.cell)
        return 0.4 * len(self.impls_of(job)) * self.options.time / 1000

    def rounds_of(self, job):
        """The warm-up is one.  Those that are there for the figures of before, and long, have
        as many as then, and were warmed up by the calibration."""
        if job.who != plans.ALL:
            return range(1, min(self.options.rounds, reference.ROUNDS) + 1)
        return range(self.options.rounds + 1)

    def estimate(self, jobs, counted):
        """Seconds that the rounds take."""
        return sum(len(self.rounds_of(job)) * sum(t / 1e9 + 0.02 for t in counted[job.name]["ns"].values())
                   for job in jobs)

    # ------------------------------------------------------------ the rounds

    def round_of(self, number, job, count, done):
        impls = list(count["ns"])
        turn = number % len(impls) if impls else 0
        for impl in impls[turn:] + impls[:turn]:
            if (job.name, number, impl) not in done and (job.cell, impl) in self.programs:
                self.turn_of(number, job, impl, count["messages"])
            progress.done(count["ns"][impl] / 1e9 + 0.02)

    def turn_of(self, number, job, impl, messages):
        if not self.takes_part(job, impl):
            return
        what = "warm-up" if number == 0 else f"round {number}/{self.options.rounds}"
        progress.show(f"{what}, {job.name}, {impl}")
        try:
            record = self.attempt(job, impl, messages, number)
        except Cannot as e:
            self.strikes[job.name, impl] = STRIKES
            self.log.add("fail", job=job.name, impl=impl, round=number, why=str(e))
            return
        if record:
            self.log.add("run", job=job.name, round=number, record=record)

    def rounds(self, jobs, counted):
        done = {(line["job"], line["round"], line["record"]["impl"]) for line in self.log.lines
                if line["type"] == "run"}
        for number in range(self.options.rounds + 1):
            for job in (j for j in jobs if number in self.rounds_of(j)):
                self.round_of(number, job, counted[job.name], done)

    def run(self, jobs):
        impls = sum(len(self.impls_of(job)) for job in jobs)
        rough = sum(self.guess(job) + len(self.rounds_of(job)) * self.guess_round(job) for job in jobs)
        say(f"{len(jobs)} cells, {impls / len(jobs):.1f} implementations each, {self.options.rounds} rounds: "
            f"about {minutes(rough)}")
        progress.expect(sum(map(self.guess, jobs)))
        counted = self.calibrate_all(jobs)
        progress.left = self.estimate(jobs, counted)
        say(f"calibrated; the rounds take about {minutes(progress.left)}")
        self.rounds(jobs, counted)
        progress.clear()


def minutes(seconds):
    return f"{seconds / 60:.0f} minutes" if seconds >= 100 else f"{seconds:.0f} seconds"


# ----------------------------------------------------------------- command line

def numbers(least, most):
    def parse(text):
        values = [int(x) if x.isdigit() else -1 for x in text.split(",")]
        if not all(least <= v <= most for v in values):
            raise argparse.ArgumentTypeError(f"'{text}': from {least} to {most}, separated by commas")
        return values
    return parse


def number(least, most):
    def parse(text):
        values = numbers(least, most)(text)
        if len(values) != 1:
            raise argparse.ArgumentTypeError(f"'{text}' is not one number")
        return values[0]
    return parse


def words(text):
    return text.split()


def parse_options(argv):
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--plan", choices=("quick", "full", "all"), default="quick",
        help="quick: 14 cells; all: every cell; full: also growing threads, width and size, and one CPU")
    add("--cells", type=words, metavar="'PATTERN...'", help="these cells instead, such as '*_spsc wake'")
    add("--threads", type=numbers(1, 1024), default=[plans.THREADS], metavar="N,...", help="of a side that has several")
    add("--size", type=numbers(0, 1 << 20), default=[plans.SIZE], metavar="BYTES,...", help="of a message")
    add("--width", type=numbers(1, 1024), default=[plans.WIDTH], metavar="N,...",
        help="channels of a select, subscriptions of a broadcast")
    add("--pin", action="append", metavar="CPUS", help="keep to these CPUs, such as 0 or 0,1; may be repeated")
    add("--rounds", type=number(1, 1000), metavar="N",
        help=f"after the warm-up ({plans.ROUNDS}; {plans.QUICK_ROUNDS} if the plan is quick)")
    add("--messages", type=number(1, 1 << 32), default=0, metavar="N",
        help="in every cell, instead of as many as the time asks for")
    add("--time", type=number(1, 60000), default=300, metavar="MS", help="of the slowest in a cell (300)")
    add("--limit", type=number(1, 3600), default=TIME_LIMIT, metavar="S", help=f"then a run has hung ({TIME_LIMIT})")
    add("--peers", type=words, metavar="'PATTERN...'", help="by default the usual ones if the plan is quick, else all")
    add("--flavors", type=words, default=["*"], metavar="'PATTERN...'", help="of libchan (all)")
    add("--adapter", action="append", default=[], metavar="PROGRAM", help="one more, already built; may be repeated")
    add("--bench", default="bench/chan_bench", metavar="PROGRAM", help="libchan's (bench/chan_bench)")
    add("--build", default="bench/adapters", metavar="FOLDER", help="for what is built of peers (bench/adapters)")
    add("--records", default="bench/records.jsonl", metavar="FILE", help="(bench/records.jsonl)")
    add("--resume", action="store_true", help="go on with those records")
    add("--json", metavar="FILE", help="the report with every sample")
    add("--text", metavar="FILE", help="the report for people, which is printed as well")
    add("--plots", metavar="FOLDER", help="for SVG and PNG")
    options = parser.parse_args(argv)
    quick = options.plan == "quick" and not options.cells
    if options.rounds is None:
        options.rounds = plans.QUICK_ROUNDS if quick else plans.ROUNDS
    if options.peers is None:
        options.peers = list(plans.QUICK_PEERS) if quick else ["*"]
    return options


ASKED = ("plan", "cells", "threads", "size", "width", "pin", "rounds", "time", "messages", "peers",
         "flavors", "adapter", "bench")


def jobs_for(options, cells):
    if options.cells or options.plan == "all":
        return plans.product(plans.matching(cells, options.cells or ["*"]), options.threads, options.size,
                             options.width, options.pin or [""], options.messages)
    if options.plan == "full":
        return plans.full(cells, (options.pin or ["0"])[0])
    return plans.product([c for c in plans.QUICK if c in cells], options.threads, options.size, options.width,
                         options.pin or [""], options.messages)


def start(options, bench):
    """The jobs, with their header on record; from the records if they go on."""
    if options.resume:
        bench.log.resume()
        header = bench.log.lines[0]
        for name in ASKED:
            setattr(options, name, header["options"].get(name, getattr(options, name)))
        bench.gather()
        return [plans.Job(**{k: v for k, v in j.items() if k != "name"}) for j in header["jobs"]]
    bench.log.begin()
    known = Adapter(options.bench).serves
    jobs = jobs_for(options, list(known))
    if not jobs:
        sys.exit(f"bench: no cell matches {' '.join(options.cells)}")
    bench.log.add("header", format=report.FORMAT, started=time.strftime("%Y-%m-%d %H:%M:%S %z"),
                  machine=machine.describe(Path(options.bench).with_name("limits")),
                  options={k: getattr(options, k) for k in ASKED},
                  jobs=[job.as_dict() for job in jobs])
    bench.gather()
    return jobs


def measure(options, records):
    """Returns how it ended, and the exit status."""
    bench = Bench(options, records)
    try:
        bench.run(start(options, bench))
        records.add("end", state="complete")
    except KeyboardInterrupt:
        say("interrupted; what was measured is kept, and --resume goes on")
        try:
            records.add("end", state="interrupted")
        except OSError:
            pass
        return 130
    except OSError as e:
        say(f"{records.path} cannot be written: {e.strerror}; the report has what was measured until now")
        return 1
    ours = [line for line in records.lines if line["type"] == "fail" and line["impl"].startswith("libchan:")]
    return 1 if ours else 0


def publish(options, lines):
    """The report, as far as the disk takes it."""
    data = report.build(lines)
    if not data["jobs"]:
        say("nothing was measured")
        return 1
    text = report.text(data)
    show("\n" + text)
    status = 0
    for path, content in ((options.text, text), (options.json, report.as_json(data))):
        try:
            if path:
                Path(path).write_text(content, encoding="utf-8")
        except OSError as e:
            say(f"{path} cannot be written: {e.strerror}")
            status = 1
    if options.plots:
        status = report.plot(data, options.plots) or status
    return status


def terminated(_number, _frame):
    raise KeyboardInterrupt


def main(argv):
    options = parse_options(argv)
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, terminated)
    records = log.Log(options.records)
    try:
        status = measure(options, records)
    except (Failure, ValueError, FileNotFoundError) as e:
        progress.clear()
        sys.exit(f"bench: {e}")
    finally:
        records.close()
    published = publish(options, records.lines)
    return status or published or Unwritten.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
