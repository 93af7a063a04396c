#!/bin/sh
# The ladder's table: README has the same rungs, and what is below its floor is noticed.
. "${top_srcdir:=.}/tests/tally.sh"

ladder=$top_srcdir/tests/ladder/ladder.py
if ! command -v python3 >/dev/null; then
	skip check-ladder 'there is no python3'
	tally_end
fi

# ladder ARGUMENT...: of a list and results of our own
ladder() { CHAN_RUNGS=$tally_tmp/rungs CHAN_RESULTS=$tally_tmp/RESULTS python3 "$ladder" "$@"; }

# says TEXT COMMAND...: it fails, and says so
says() {
	text=$1
	shift
	if "$@" >"$tally_tmp/said" 2>&1; then
		echo 'it succeeds'
		return 1
	fi
	grep -F "$text" "$tally_tmp/said"
}

printf 'rung low\ntarget a\nasked 5 steps\nfloor 3\n\nrung high\ntarget b\nasked 9 steps\nfloor 3\nlong LONG=1\n' >"$tally_tmp/rungs"
printf 'low 5\nhigh 9\n' >"$tally_tmp/good"
printf 'low 5\n' >"$tally_tmp/absent"
printf 'low 2\nhigh 9\n' >"$tally_tmp/below"
printf 'low 5\nhigh 4\n' >"$tally_tmp/short"

expect 'what is asked was reached' ladder table "$tally_tmp/good"
expect 'a rung that failed is noticed' says 'high failed, or was not run' ladder table "$tally_tmp/absent"
expect 'a rung below its floor is noticed' says 'low reached 2, and its floor is 3' ladder table "$tally_tmp/below"
expect 'a rung below its aim needs a reason' says 'high is below what is asked' ladder table "$tally_tmp/short"

record() { CHAN_RESULTS=$tally_tmp/RESULTS sh "$top_srcdir/tests/record-result.sh" "$@"; }
figure() { [ "$(sed '/^#/d' "$tally_tmp/RESULTS" | cut -f 1-3 | tr '\t\n' ' ;')" = "$1" ]; }
expect 'a long run is recorded' record high '9 steps' 8 60 1
expect 'one that came further takes its place' record high '9 steps' 9 70 2
expect 'and there it is' figure 'high 9 steps 9;'
expect 'then the aim is reached' ladder table "$tally_tmp/short"

echo 'short high the machine is slow' | sed 's/ high//' >>"$tally_tmp/rungs"
rm "$tally_tmp/RESULTS"
expect 'a reason will do' ladder table "$tally_tmp/short"

expect 'README has the rungs as they are asked' python3 "$ladder" same
expect 'a rung that README has not is noticed' says 'not in both' ladder same
tally_end
