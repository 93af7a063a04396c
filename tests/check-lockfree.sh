#!/bin/sh
# array.o, list.o and oneshot.o call nothing that locks, sleeps or yields.
. "${top_srcdir:=.}/tests/tally.sh"

blocking='^(pthread_(mutex|cond|rwlock|spin|barrier)_[a-z]+|sem_[a-z]+|mtx_[a-z]+|cnd_[a-z]+|u?sleep|(clock_)?nanosleep|thrd_(sleep|yield)|sched_yield|syscall|poll|ppoll|select|pselect)$'

# object FLAVOR: its object file, with or without position-independent code
object() {
	for file in "$top_builddir/src/flavors/.libs/libchan_la-$1.o" "$top_builddir/src/flavors/libchan_la-$1.o"; do
		[ ! -e "$file" ] || { echo "$file"; return 0; }
	done
	return 1
}

# calls FLAVOR: the names it leaves to others
calls() {
	file=$(object "$1") || { echo "no object of $1 was built"; return 1; }
	$NM -u "$file" | awk '{ sub(/@.*/, "", $2); print $2 }' >"$tally_tmp/calls"
	[ -s "$tally_tmp/calls" ] || { echo "$file refers to nothing at all"; return 1; }
}

lockfree() { calls "$1" && ! grep -E "$blocking" "$tally_tmp/calls"; }
locks()    { calls "$1" && grep -q '^pthread_mutex_' "$tally_tmp/calls"; }

expect 'array.o blocks on nothing' lockfree array
expect 'list.o blocks on nothing' lockfree list
expect 'oneshot.o blocks on nothing' lockfree oneshot
# The same look finds locks where there are some.
expect 'mutex_condvar.o locks' locks mutex_condvar

tally_end
