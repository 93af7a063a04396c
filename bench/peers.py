"""What the peers are, and how their adapters are built.

A peer that cannot be had is no failure: it is skipped, by name and with the reason.
"""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "peers"
SHARED = ("harness.c", "parties.c")
TOP = SOURCES.parent.parent
# Of the libraries: none but the headers; or the one that is being measured.
HEADERS_ONLY, LIBCHAN = "headers only", "libchan"

# name: source, modules of pkg-config, libraries, where the version is asked for
# that the sources cannot tell: "pkg-config MODULE" or "dpkg PACKAGE"
NATIVE = {
    "glib": ("glib.c", ("glib-2.0",), (), ""),
    "apr": ("apr.c", ("apr-1", "apr-util-1"), (), ""),
    "tbb": ("tbb.cpp", ("tbb",), (), ""),
    "moodycamel": ("moodycamel.cpp", (), (), "dpkg libconcurrentqueue-dev"),
    "readerwriterqueue": ("readerwriterqueue.cpp", (), (), "dpkg libreaderwriterqueue-dev"),
    "boost_spsc": ("boost_spsc.cpp", (), (), ""),
    "ck": ("ck.c", ("ck",), (), "pkg-config ck"),
    "bare_ring": ("bare_ring.c", (), (), ""),
    "rte_ring": ("rte_ring.cpp", ("libdpdk",), HEADERS_ONLY, ""),
    "nng": ("nng.c", (), ("-lnng",), ""),
    "coroutine": ("coroutine.cpp", (), LIBCHAN, ""),
    "pipe": ("pipe.c", (), (), "kernel"),
    "eventfd_glib": ("eventfd_glib.c", ("glib-2.0",), (), ""),
}
CXX_FLAGS = {"coroutine": ["-std=c++20", "-fcoroutines"]}


class CannotBuild(Exception):
    pass


def output_of(command, env=None, folder=None):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              text=True, errors="replace", env=env, cwd=folder, check=False)
    except OSError as e:
        raise CannotBuild(f"{command[0]}: {e.strerror}") from None
    if done.returncode != 0:
        raise CannotBuild(first_error(done.stderr) or f"{command[0]} failed with status {done.returncode}")
    return done.stdout


def first_error(text):
    """The line that says it: compilers and cargo say much else."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for what in (r"No space left", r"\berror\b|not found|No such file"):
        for line in lines:
            if re.search(what, line):
                return line
    return lines[0] if lines else ""


def tool(variable, usual):
    """A command as the environment has it, or as it is usually called."""
    words = os.environ.get(variable, "").split() or [usual]
    if not shutil.which(words[0]):
        raise CannotBuild(f"{words[0]} is not installed")
    return words


def version_of(where):
    """Of the library, for adapters whose headers have none."""
    kind, _, name = where.partition(" ")
    if kind == "kernel":
        return platform.release()
    try:
        if kind == "dpkg":
            return output_of(["dpkg-query", "-W", "-f", "${Version}", name]).strip()
        return output_of(tool("PKG_CONFIG", "pkg-config") + ["--modversion", name]).strip()
    except CannotBuild:
        return "unknown"


class Native:
    """One source in C or C++, with the harness."""

    def __init__(self, name, folder):
        self.name = name
        self.source, self.modules, self.libraries, self.version = NATIVE[name]
        self.folder = folder / "native"
        self.program = self.folder / name
        self.built = (folder / ".." / ".." / ".libs").resolve() # this library's

    def asked(self, what):
        return output_of(tool("PKG_CONFIG", "pkg-config") + [what, *self.modules]).split() if self.modules else []

    def flags(self):
        flags = self.asked("--cflags")
        if self.libraries is LIBCHAN:
            flags += [f"-I{TOP / 'include'}", f"-I{TOP / 'examples'}"]
        if self.version:
            flags.append(f'-DBENCH_VERSION="{version_of(self.version)}"')
        return flags

    def libs(self):
        if self.libraries is HEADERS_ONLY:
            return []
        if self.libraries is LIBCHAN:
            return [f"-L{self.built}", "-lchan", f"-Wl,-rpath,{self.built}"]
        return [*self.asked("--libs"), *self.libraries]

    def object(self, source, compiler, *flags):
        target = self.folder / (source.name + ".o")
        output_of([*compiler, "-O2", "-D_GNU_SOURCE", "-iquote", str(SOURCES.parent), *flags, "-pthread", "-c",
                   "-o", str(target), str(source)])
        return str(target)

    def is_new(self):
        """Whether no source has changed since."""
        sources = [Path(__file__), SOURCES / self.source, *SOURCES.glob("*.h*"), *SOURCES.parent.glob("*.[ch]")]
        return self.program.exists() and self.program.stat().st_mtime > max(s.stat().st_mtime for s in sources)

    def build(self):
        if self.is_new():
            return self.program
        cc = tool("CC", "cc")
        linker, compiler = cc, cc
        if self.source.endswith(".cpp"):
            linker = tool("CXX", "c++")
            compiler = [*linker, *CXX_FLAGS.get(self.name, ["-std=c++17"])]
        self.folder.mkdir(parents=True, exist_ok=True)
        objects = [self.object(SOURCES.parent / s, cc) for s in SHARED]
        objects.append(self.object(SOURCES / self.source, compiler, *self.flags()))
        output_of([*linker, "-o", str(self.program), *objects, "-pthread", *self.libs()])
        return self.program


class Rust:
    """A package of the workspace in peers/rust."""

    def __init__(self, folder, build):
        self.name = folder.name
        self.manifest = folder.parent / "Cargo.toml"
        self.package = re.search(r'^name = "(.*)"$', (folder / "Cargo.toml").read_text(), re.M).group(1)
        self.target = build / "cargo"

    def build(self):
        cargo = tool("CARGO", "cargo")
        # Unstable, but part of the standard library: std::sync::mpmc.
        env = {**os.environ, "RUSTC_BOOTSTRAP": "bench_std"}
        output_of([*cargo, "build", "--quiet", "--release", "--locked", "--manifest-path", str(self.manifest),
                   "--target-dir", str(self.target), "--package", self.package], env)
        return self.target / "release" / self.package


class Go:
    def __init__(self, folder, build):
        self.name = "go"
        self.folder = folder
        self.program = (build / "go").resolve()

    def build(self):
        output_of([*tool("GO", "go"), "build", "-o", str(self.program), "."], folder=self.folder)
        return self.program


def all_peers(build):
    """Every peer there is a source for; `build` is where its products go."""
    found = [Native(name, build) for name in NATIVE if (SOURCES / NATIVE[name][0]).exists()]
    for manifest in sorted(SOURCES.glob("rust/*/Cargo.toml")):
        if (manifest.parent / "src" / "main.rs").exists():
            found.append(Rust(manifest.parent, build))
    if (SOURCES / "go" / "go.mod").exists():
        found.append(Go(SOURCES / "go", build))
    return sorted(found, key=lambda peer: peer.name)
