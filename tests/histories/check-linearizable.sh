#!/bin/sh
# Every kind of channel, played from several threads, each call written down and judged.
#
# CHAN_HISTORY_MESSAGES=100000000  of each flavor (default a million); more than a million
#                                  are a long run, whose figure goes to tests/RESULTS
# CHAN_HISTORY_SEED=n              the choices of an earlier run
. "${top_srcdir:=.}/tests/tally.sh"

out=$top_builddir/tests/histories
short=1000000
messages=${CHAN_HISTORY_MESSAGES:-$short}
seed=${CHAN_HISTORY_SEED:-$(date +%s)}

# The program counts its cases itself.  The lines of those that passed stay in the log.
histories() {
	{
		"$out/histories" -n "$messages" -s "$seed" 2>&1
		echo $? >"$tally_tmp/status"
	} | tee "$out/histories.log" | grep -v '^PASS'
	[ "$(cat "$tally_tmp/status")" -eq 0 ]
}

# The figure is that of the flavor with the fewest messages.
record() {
	sh "$top_srcdir/tests/record-result.sh" histories "$messages" \
		"$(sed -n 's/^least //p' "$out/histories.log")" "$1" "$seed"
}

echo "check-linearizable: seed $seed"
began=$(date +%s)
if histories; then
	pass "histories of $messages messages of each flavor"
	if [ "$messages" -gt "$short" ]; then
		expect 'the figure is recorded' record $(($(date +%s) - began))
	fi
else
	fail "histories of $messages messages of each flavor"
fi
tally_end
