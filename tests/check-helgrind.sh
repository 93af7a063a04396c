#!/bin/sh
# check-helgrind.sh - helgrind and DRD find nothing in the examples, with a library that
# tells them what its atomics do, and flavor mutex_condvar where no other is asked for.
# What is wrong in a program they do find.
. "${top_srcdir:=.}/tests/tally.sh"

t=$tally_tmp
library=$top_builddir/.libs/libchan-annotated.a
CHAN_FLAVOR=mutex_condvar
export CHAN_FLAVOR

if [ "${CHAN_CAN_ANNOTATE:-no}" != yes ]; then
	skip check-helgrind 'configure found no valgrind/helgrind.h'
	tally_end
fi
if ! command -v valgrind >/dev/null 2>&1; then
	skip check-helgrind 'valgrind is not installed'
	tally_end
fi

# build SOURCE
build() {
	# shellcheck disable=SC2086
	$CC -std=c11 -D_GNU_SOURCE -g -O1 -I"$top_srcdir/include" $TIME64_CPPFLAGS \
		-o "$t/$(basename "$1" .c)" "$1" "$library" ${ATOMIC_LIBS:-} -pthread
}

under="valgrind --quiet --error-exitcode=99 --suppressions=$top_srcdir/tests/drd.supp --log-file=$t/reports"

# quietly TOOL EXAMPLE
quietly() {
	# shellcheck disable=SC2086
	timeout 300 $under --tool="$1" "$t/$2" && ! grep . "$t/reports" || { cat "$t/reports"; return 1; }
}

# It ends when it is interrupted, with 130.
interrupted() {
	rm -f "$t/line" && mkfifo "$t/line" || return 1
	# shellcheck disable=SC2086
	timeout 300 sh -c 'echo $$; exec "$@"' sh $under --tool="$1" "$t/shutdown" 2 >"$t/line" &
	exec 3<"$t/line"
	read -r pid <&3
	read -r line <&3
	kill -INT "$pid"
	cat <&3
	exec 3<&-
	wait $!
	[ $? -eq 130 ] && ! grep . "$t/reports" || { cat "$t/reports"; return 1; }
}

for source in hello producers iterate try backpressure rendezvous select batch oneshot once broadcast \
		watch tick loop_poll loop_epoll shutdown; do
	expect "$source compiles" build "$top_srcdir/examples/$source.c"
	run=quietly
	[ $source != shutdown ] || run=interrupted
	for tool in helgrind drd; do
		expect "$source: $tool says nothing" $run $tool $source
	done
done

# ---------------------------------------------------------------- planted defect

# The message is a pointer, and its sender goes on writing where it points to.
cat >"$t/planted.c" <<'END'
#include <chan.h>
#include <pthread.h>

static int number;

static void *send_and_write(void *tx)
{
	int *message = &number;

	chan_send(tx, &message);
	number = 2;
	return NULL;
}

int main(void)
{
	chan_sender_t *tx;
	chan_receiver_t *rx;
	pthread_t thread;
	int *message, seen;

	if (chan_bounded(1, sizeof message, &tx, &rx) != 0 ||
	    pthread_create(&thread, NULL, send_and_write, tx) != 0 || chan_recv(rx, &message) != 0)
		return 1;
	seen = *message;
	pthread_join(thread, NULL);
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
	return seen < 0;
}
END
expect 'a program with a race compiles' build "$t/planted.c"
for tool in helgrind drd; do
	refuse "$tool notices a race of the program" quietly $tool planted
	expect 'and says where' grep -q 'planted\.c' "$t/reports"
done

tally_end
