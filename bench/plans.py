"""Which cells are run, and with what parameters."""

import fnmatch
from dataclasses import asdict, dataclass, replace

import reference

CAPACITIES = ("bounded0", "bounded1", "bounded128", "bounded", "unbounded")
THREADS, SIZE, WIDTH = 4, 8, 4
BURST = 64           # messages
CHANNELS = 100_000   # that live at once in the memory cells
MILLION = 1_000_000
ALL = "*"            # who takes part in a job
ROUNDS = 5
QUICK_ROUNDS = 15    # with the building of the peers, 5 minutes on two CPUs

# Those of `make bench`: each capacity and each shape is there, the cells that
# other libraries are good at as well as those that this one is good at.
QUICK = (
    "bounded0_spsc", "bounded0_mpmc", "bounded1_mpsc",
    "bounded128_spsc", "bounded128_mpmc", "bounded128_select_rx", "bounded128_pingpong",
    "bounded_mpsc", "unbounded_seq", "unbounded_mpsc", "unbounded_mpmc",
    "unbounded_select_both", "oneshot_bounded1", "wake",
)
QUICK_PEERS = ("crossbeam", "crossbeam_select", "std", "flume", "kanal", "go", "glib", "tbb", "moodycamel")

SWEEPS = (
    # parameter, its values beside the default, cells
    ("threads", (2, 3, 7, 8, 16, 32, 64),
     ("bounded0_mpmc", "bounded128_mpsc", "bounded128_mpmc", "unbounded_mpsc", "unbounded_mpmc")),
    ("width", (2, 8, 64, 512),
     ("bounded128_select_rx", "unbounded_select_rx", "select_idle")),
    ("size", (0, 32, 256, 4096),
     ("bounded0_spsc", "bounded128_spsc", "bounded128_mpmc", "unbounded_spsc", "unbounded_mpmc")),
)

# Parameters that are called otherwise in the name of a job.
WORDS = {"fixed": "messages"}


def scenario_of(cell):
    capacity, _, scenario = cell.partition("_")
    return scenario if capacity in CAPACITIES else cell.partition("_")[0]


def has_threads(cell):
    return scenario_of(cell) in ("spmc", "mpsc", "mpmc", "select_both")


def has_width(cell):
    return scenario_of(cell) in ("select_rx", "select_both", "select", "broadcast")


def has_size(cell):
    return scenario_of(cell) != "sizes"


def is_memory(cell):
    return scenario_of(cell) == "memory"


def usual_messages(cell):
    return CHANNELS if is_memory(cell) else 0


@dataclass(frozen=True)
class Job:
    """A cell with its parameters; those that its scenario has not are 1."""
    cell: str
    threads: int = THREADS
    size: int = SIZE
    width: int = WIDTH
    pin: str = ""
    fixed: int = 0 # not 0: so many, whatever the calibration would say
    who: str = ALL # patterns of implementations

    @property
    def name(self):
        text = self.cell
        for what, usual in (("threads", THREADS), ("size", SIZE), ("width", WIDTH), ("pin", ""),
                            ("fixed", usual_messages(self.cell))):
            value = getattr(self, what)
            if value != usual:
                text += f" {WORDS.get(what, what)}={value}"
        return text

    @property
    def capacity(self):
        first = self.cell.partition("_")[0]
        return first if first in CAPACITIES else ""

    def parts(self):
        """What the message count must be a multiple of."""
        threads = self.threads if has_threads(self.cell) else 1
        width = self.width if scenario_of(self.cell) == "select_rx" else 1
        return threads * width * (BURST if scenario_of(self.cell) == "bursts" else 1)

    def most(self):
        """Where all messages can be queued at once, memory is the limit."""
        if self.capacity in ("bounded", "unbounded"):
            return max(2000, min(5_000_000, 400_000_000 // (self.size + 72)))
        return 50_000_000

    def as_dict(self):
        return {"name": self.name, **asdict(self)}


def job(cell, threads=THREADS, size=SIZE, width=WIDTH, pin="", messages=0):
    if not has_threads(cell):
        threads = THREADS
    if not has_width(cell):
        width = WIDTH
    if not has_size(cell):
        size = SIZE
    return Job(cell, threads, size, width, pin, messages or usual_messages(cell))


def unique(jobs):
    return list(dict.fromkeys(jobs))


def product(cells, threads, sizes, widths, pins, messages):
    return unique(job(c, t, s, w, p, messages) for c in cells for p in pins
                  for s in sizes for w in widths for t in threads)


def full(cells, pin):
    """Every cell, what grows, a million channels, every cell once more on one CPU, and the
    peers as they were measured for the figures of reference.py."""
    jobs = [job(c) for c in cells]
    for what, values, swept in SWEEPS:
        jobs += [job(c, **{what: v}) for c in swept if c in cells for v in values]
    jobs += [job(c, messages=MILLION) for c in cells if c == "memory_bounded1"]
    jobs += [job(c, pin=pin) for c in cells if not is_memory(c)]
    return unique(jobs + [replace(job(c, messages=reference.MESSAGES), who=reference.WHO)
                          for c in reference.FIGURES if c in cells])


def matching(cells, patterns):
    return [c for c in cells if any(fnmatch.fnmatchcase(c, p) for p in patterns)]
