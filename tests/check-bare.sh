#!/bin/sh
# check-bare.sh - what the library leaves to others, and what it keeps for itself: it
# makes no thread, never prints, never exits (but for abort, see chan_sender_clone(3)),
# leaves nothing to be run at the process's or a thread's end, and has no memory that
# can be written but what is set up once and what each thread has of its own.
. "${top_srcdir:=.}/tests/tally.sh"

t=$tally_tmp

foreign='^(pthread_create|thrd_create|clone3?|v?fork|posix_spawnp?|_?exit|_Exit|quick_exit|at_quick_exit|atexit|__cxa_atexit|on_exit|__cxa_thread_atexit(_impl)?|pthread_key_create|tss_create|v?[dfs]?n?printf|__v?[fs]?n?printf_chk|puts|putchar|putc|fputs|fputc|fwrite|perror|psignal|syslog|signal|sigaction|raise)$'

# What is written once, at the first channel and in the child of a fork, and how.
once='process_once process_cpus process_flavor process_forks chan__fence_asymmetric'
# What each thread has of its own.
own='random_state reaper async_runs'

# Each once, with or without position-independent code.
objects() {
	find "$top_builddir/src" -name 'libchan_la-*.o' | sort |
		awk -F/ '!seen[$NF]++'
}

leaves() { $NM -u "$@" | awk 'NF == 2 { sub(/@.*/, "", $2); print $2 }' | sort -u; }

# Sections by name: .data.rel.ro is not written after it was relocated.  Sanitizers and
# compilers have names of their own; clang keeps the fields of a struct apart, as NAME.N.
keeps() {
	$NM -f sysv "$@" | awk -F'|' '
		{ gsub(/ /, "", $1); gsub(/ /, "", $7); sub(/\.[0-9]+$/, "", $1) }
		$4 ~ /OBJECT|TLS/ && $7 ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ && $7 !~ /^\.data\.rel\.ro/ {
			print $1, ($4 ~ /TLS/ ? "own" : "once")
		}' | grep -vE '^(_|\.)' | sort -u
}

bare() { leaves "$@" | grep -E "$foreign" && return 1 || return 0; }

kept() {
	for name in $once; do echo "$name once"; done >"$t/known"
	for name in $own; do echo "$name own"; done >>"$t/known"
	sort -o "$t/known" "$t/known"
	keeps "$@" >"$t/kept"
	[ -s "$t/kept" ] || { echo 'nothing was found'; return 1; }
	comm -23 "$t/kept" "$t/known" >"$t/unknown"
	[ ! -s "$t/unknown" ] || { cat "$t/unknown"; return 1; }
}

# shellcheck disable=SC2046
{
	expect 'the library makes no thread, prints nothing, never exits' bare $(objects)
	expect 'it writes to nothing but what is known' kept $(objects)
}

plant() { printf '%s\n' "$1" | $CC -x c -c -o "$t/planted.o" -; }
planted() {
	plant "$2" || return 0
	"$1" "$t/planted.o"
}
refuse 'a thread of its own is noticed' planted bare \
	'#include <pthread.h>
	void f(pthread_t *t, void *(*g)(void *)) { pthread_create(t, 0, g, 0); }'
refuse 'an exit handler is noticed' planted bare \
	'#include <stdlib.h>
	void f(void (*g)(void)) { atexit(g); }'
refuse 'printing is noticed' planted bare '#include <stdio.h>
	void f(int n) { printf("%d", n); }'
refuse 'a variable is noticed' planted kept 'int f(void); static int n; int f(void) { return ++n; }'
refuse 'a variable of a thread is noticed' planted kept \
	'int f(void); static _Thread_local int n; int f(void) { return ++n; }'

tally_end
