#!/bin/sh
# check-loops.sh - runs the examples of event loops, and compiles and runs the one
# of coroutines; compares what each prints with the comment "Output:" at its end.
# Each runs over two flavors: what a descriptor or a waker is told differs.

. "${top_srcdir:=.}/tests/tally.sh"
. "$top_srcdir/tests/example-output.sh"

examples=$top_srcdir/examples
lib=$top_builddir/.libs
t=$tally_tmp

# check-installed.sh has these from pkg-config.
: "${CHAN_CFLAGS=-I$top_srcdir/include $TIME64_CPPFLAGS}"
: "${CHAN_LIBS=-L$lib -lchan ${EXAMPLE_LIBS:--pthread}}"

# prints_what_it_says SOURCE PROGRAM ARGUMENT...: 77 if it cannot run here
prints_what_it_says() {
	expected_output "$1" >"$t/expected"
	shift
	timeout 120 "$@" >"$t/printed" 2>&1
	status=$?
	if [ $status -ne 0 ]; then
		cat "$t/printed"
		return $status
	fi
	diff "$t/expected" "$t/printed"
}

# over_flavors NAME SOURCE PROGRAM ARGUMENT...
over_flavors() {
	name=$1
	shift
	for flavor in array mutex_condvar; do
		CHAN_FLAVOR=$flavor
		export CHAN_FLAVOR
		expect "$name, $flavor" prints_what_it_says "$@"
	done
	unset CHAN_FLAVOR
}

# loop NAME ARGUMENT...
loop() {
	name=$1
	shift
	case " $LOOP_EXAMPLES " in
	*" examples/loop_$name "*) ;;
	*) skip "check-loops-$name" 'configure did not find it'; return ;;
	esac
	program=$top_builddir/examples/loop_$name
	timeout 120 "$program" "$@" >"$t/first" 2>&1
	if [ $? -eq 77 ]; then
		skip "check-loops-$name" "$(cat "$t/first")"
		return
	fi
	over_flavors "loop_$name${1:+ $1}" "$examples/loop_$name.c" "$program" "$@"
}

# --------------------------------------------------------------------- the loops

for source in "$examples"/loop_*.c "$examples/coroutine.cpp"; do
	expected_output "$source" >"$t/expected"
	expect "$(basename "$source") says what it prints" test -s "$t/expected"
done

loop poll
loop epoll level
loop epoll edge
loop uv
loop glib
loop uring

# -------------------------------------------------------------------- coroutines

compile() {
	# shellcheck disable=SC2086
	$CXX "$@" -Wall -Wextra -Wpedantic -Werror $CHAN_CFLAGS ${CPPFLAGS:-} ${CFLAGS:-}
}

cat >"$t/probe.cpp" <<'END'
#include <coroutine>
struct task {
	struct promise_type {
		task get_return_object() { return {}; }
		std::suspend_never initial_suspend() { return {}; }
		std::suspend_never final_suspend() noexcept { return {}; }
		void return_void() {}
		void unhandled_exception() {}
	};
};
task nothing() { co_return; }
int main() { nothing(); }
END

# The options that make the compiler take coroutines; nothing if it does not.
coroutine_options() {
	[ -n "$CXX" ] || return
	for options in '-std=c++20 -fcoroutines' '-std=c++20'; do
		# shellcheck disable=SC2086
		if compile $options -o "$t/probe" "$t/probe.cpp" >/dev/null 2>&1; then
			echo "$options"
			return
		fi
	done
}

compile_coroutines() {
	# shellcheck disable=SC2086
	compile $options -Wshadow -Wconversion -o "$t/coroutine" "$examples/coroutine.cpp" \
		${LDFLAGS:-} $CHAN_LIBS
}

options=$(coroutine_options)
if [ -n "$options" ]; then
	expect 'chan_coro.hpp has fewer than 150 lines' test "$(wc -l <"$examples/chan_coro.hpp")" -lt 150
	expect 'the coroutines compile without a warning' compile_coroutines
	LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	export LD_LIBRARY_PATH
	over_flavors coroutine "$examples/coroutine.cpp" "$t/coroutine"
else
	skip check-loops-coroutine 'no C++ compiler that takes C++20 coroutines'
fi

# --------------------------------------------------------------- planted defects

sed 's/^\( \*     [0-9]*\)/\19/' "$examples/loop_poll.c" >"$t/planted.c"
refuse 'an output that differs is noticed' \
	prints_what_it_says "$t/planted.c" "$top_builddir/examples/loop_poll"
refuse 'a program that fails is noticed' prints_what_it_says "$examples/loop_poll.c" false

tally_end
