#!/bin/sh
# check-probes.sh - the library has the probes that base/probe.h lists, where it was
# built with them; without, its object code is what it would be if the sources did not
# mention them.  A debugger and a tracer see them and their arguments.
. "${top_srcdir:=.}/tests/tally.sh"

t=$tally_tmp
src=$top_srcdir/src

# -------------------------------------------------------------- nothing when absent

compile() {
	# shellcheck disable=SC2086
	$CC -std=c11 -D_GNU_SOURCE -I"$top_srcdir/include" -I"$src" $TIME64_CPPFLAGS -O2 -g0 -pthread \
		-frandom-seed=0 -c "$@"
}

sources_with_probes() { (cd "$src" && grep -l 'CHAN__PROBE(' ./*.c ./*/*.c); }

# without FILE: the same lines, and no probe
without() { sed 's/^\([[:space:]]*\)CHAN__PROBE(.*);$/\1;/; /base\/probe\.h/s/.*//' "$1"; }

# The code and data of an object, without the name of its source.
same_object() {
	mkdir -p "$t/a" "$t/b"
	cp "$src/$1" "$t/a/x.c" && without "$src/$1" >"$t/b/x.c"
	shift
	! grep -q CHAN__PROBE "$t/b/x.c" && ! cmp -s "$t/a/x.c" "$t/b/x.c" &&
		(cd "$t/a" && compile -o x.o x.c "$@") && (cd "$t/b" && compile -o x.o x.c) &&
		cmp "$t/a/x.o" "$t/b/x.o"
}

src=$(cd "$src" && pwd)
top_srcdir_was=$top_srcdir
top_srcdir=$(cd "$top_srcdir" && pwd)
sources_with_probes >"$t/sources"
expect 'there are sources with probes' test "$(wc -l <"$t/sources")" -ge 8
while read -r file; do
	expect "${file#./}: without probes its object is as if it had none" same_object "$file"
done <"$t/sources"

if [ "${CHAN_PROBES_BUILT:-no}" != yes ]; then
	skip check-probes 'the library was built without them'
	tally_end
fi
refuse 'an object with probes is told from one without' same_object handle.c -DCHAN_PROBES=1
top_srcdir=$top_srcdir_was

# ------------------------------------------------------------------- in the library

lib=$top_builddir/.libs/libchan.so
[ -e "$lib" ] || lib=$top_builddir/.libs/libchan.a

# NAME ARGUMENT ARGUMENT, one line for each place
probes() {
	readelf -n "$1" | awk '
		$1 == "Provider:" { ours = $2 == "libchan" }
		ours && $1 == "Name:" { name = $2 }
		ours && $1 == "Arguments:" { sub(/^ *Arguments: */, ""); print name, $0 }'
}
probes "$lib" >"$t/probes"

# What the header promises, from its comment.
sed -n 's/^ \*   \([a-z]*\) *channel, .*/\1/p' "$top_srcdir/src/base/probe.h" | sort >"$t/promised"
has_promised() {
	awk '{ print $1 }' "$t/probes" | sort -u | diff "$1" - && [ -s "$1" ]
}
expect 'readelf finds the probes of probe.h' has_promised "$t/promised"
sed 1d "$t/promised" >"$t/planted"
refuse 'a probe that is not promised is noticed' has_promised "$t/planted"
# Each has the channel, of a pointer's size or a constant, and a number.
two_arguments() { ! awk 'NF != 3' "$t/probes" | grep .; }
expect 'each has two arguments' two_arguments

# -------------------------------------------------------------------- in a debugger

LD_LIBRARY_PATH=$top_builddir/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH

build_target() {
	# shellcheck disable=SC2086
	$CC -std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -I"$top_srcdir/include" -I"$top_srcdir/tests" \
		$TIME64_CPPFLAGS -o "$t/target" "$top_srcdir/tests/probes_target.c" \
		"$top_srcdir/tests/support/wait.c" -L"$top_builddir/.libs" -lchan -pthread
}

# The target says what it passes; gdb, what it saw.
watched() {
	{
		echo 'set breakpoint pending on'
		echo 'set debuginfod enabled off'
		while read -r name; do
			printf 'break -probe-stap libchan:%s\ncommands\nsilent\n' "$name"
			printf 'printf "probe %s %%d %%d\\n", $_probe_argc, (int)$_probe_arg1\ncontinue\nend\n' "$name"
		done <"$t/promised"
		echo "run >$t/wanted"
	} >"$t/commands"
	timeout 300 gdb -nx -batch -x "$t/commands" "$t/target" </dev/null >"$t/watched" 2>&1
	sed -n 's/^probe \([a-z]*\) 2 /\1 /p' "$t/watched" >"$t/seen"
}
as_wanted() {
	diff "$t/wanted" "$1" && [ "$(sed 's/ .*//' "$1" | sort -u | wc -l)" -eq "$(wc -l <"$t/promised")" ] ||
		{ cat "$t/watched"; return 1; }
}
gdb_traces() { gdb -nx -batch -ex run --args true </dev/null 2>&1 | grep 'exited normally'; }

if ! command -v gdb >/dev/null 2>&1; then
	skip check-probes-gdb 'gdb is not installed'
elif $NM "$top_builddir/.libs/libchan.so" | grep -qE ' U __(asan|tsan)_init$'; then
	skip check-probes-gdb 'the library is instrumented by a sanitizer'
elif ! gdb_traces >/dev/null; then
	skip check-probes-gdb 'gdb may not trace here'
else
	expect 'the program to watch compiles' build_target
	watched
	expect 'gdb sees each probe with its detail, in order' as_wanted "$t/seen"
	sed '0,/^receive /{//d}' "$t/seen" >"$t/planted"
	refuse 'a probe that is missing is noticed' as_wanted "$t/planted"
	sed 's/^wake 0$/wake 1/' "$t/seen" >"$t/planted"
	refuse 'a detail that is not so is noticed' as_wanted "$t/planted"
fi

# ---------------------------------------------------------------------- in a tracer

# program NAME: the example itself, not libtool's script around it
program() {
	if [ -e "$top_builddir/examples/.libs/$1" ]; then
		echo "$top_builddir/examples/.libs/$1"
	else
		echo "$top_builddir/examples/$1"
	fi
}

trace() { sed "s,LIBRARY,$(readlink -f "$lib")," "$top_srcdir/examples/trace.bt"; }

trace >"$t/trace.bt"
sed 's/hist(/histogram(/' "$t/trace.bt" >"$t/planted.bt"
may_trace() { [ -w /sys/kernel/tracing/uprobe_events ] || [ -w /sys/kernel/debug/tracing/uprobe_events ]; }
traces() {
	timeout 120 bpftrace -c "$(program producers)" "$t/trace.bt" >"$t/traced" 2>&1
	cat "$t/traced"
	grep -q '^@sent\[.*\]: 4000$' "$t/traced" && grep -q '^@received\[.*\]: 4000$' "$t/traced" &&
		grep -q 'the last sender left' "$t/traced"
}

if ! command -v bpftrace >/dev/null 2>&1; then
	skip check-probes-bpftrace 'bpftrace is not installed'
else
	expect 'bpftrace understands trace.bt' bpftrace -d "$t/trace.bt"
	refuse 'what it does not understand is noticed' bpftrace -d "$t/planted.bt"
	if may_trace; then
		expect 'trace.bt counts the messages of a program' traces
	else
		skip check-probes-bpftrace 'the kernel does not let this system trace programs'
	fi
fi

tally_end
