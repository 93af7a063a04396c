#!/bin/sh
# check-shutdown.sh - interrupts examples/shutdown with real signals: after one
# it finishes what it had accepted, after two it ends at once.

. "${top_srcdir:=.}/tests/tally.sh"

output=$tally_tmp/output
mkfifo "$output"

# start MILLISECONDS: its output comes from descriptor 3, line by line
start() {
	timeout 60 sh -c 'echo $$; exec "$@"' sh "$top_builddir/examples/shutdown" "$1" >"$output" &
	running=$!
	exec 3<"$output"
	read -r pid <&3
}

# prints PATTERN: waits for a line, which is to be so
prints() {
	line=
	IFS= read -r line <&3
	expect "it says: $1" matches "$1"
}
matches() { echo "$line" | grep -x "$1" || { echo "but: $line"; return 1; }; }

interrupt() { kill -INT "$pid"; }

ends() {
	rest=$(cat <&3)
	status=0
	wait "$running" || status=$?
	exec 3<&-
	expect 'its exit status is 130' test "$status" -eq 130
	expect 'it says nothing more' test -z "$rest"
}

start 2
prints 'working; Ctrl-C to stop'
interrupt
prints 'stopping: .*'
prints '[0-9]* jobs sent, [0-9]* done'
expect 'what was accepted is done' test "${line%% *}" = "$(echo "$line" | sed 's/.*, \([0-9]*\) done/\1/')"
expect 'and that was something' test "${line%% *}" -gt 0
ends

# Jobs that outlast the test: no drain comes to its end.
start 1000000
prints 'working; Ctrl-C to stop'
interrupt
prints 'stopping: .*'
interrupt
ends

tally_end
