#!/bin/sh
# Array, list and the wait queue under GenMC, which goes through all executions that
# RC11 allows.  It is no package of Debian's: where `genmc` is not on the PATH this is
# skipped.
#
# CHAN_GENMC_SECONDS=600  for each, and those that need long as well (default 60)
. "${top_srcdir:=.}/tests/tally.sh"

seconds=${CHAN_GENMC_SECONDS:-60}

if ! command -v genmc >/dev/null; then
	skip check-genmc 'genmc is not on the PATH'
	tally_end
fi

# check KIND PLOT SENDERS RECEIVERS EACH: all executions, and their number
check() {
	name="$1 $2, $3 senders of $5, $4 receivers"
	log=$tally_tmp/genmc
	status=0
	timeout "$seconds" genmc --check-liveness --disable-estimation -- -std=c11 -D_GNU_SOURCE \
		-I"$top_srcdir/include" -I"$top_srcdir/src" -DCAPACITY=1 \
		"-DKIND=KIND_$1" "-DPLOT=PLOT_$2" "-DSENDERS=$3" "-DRECEIVERS=$4" "-DEACH=$5" \
		"$top_srcdir/tests/genmc/harness.c" >"$log" 2>&1 || status=$?
	complete=$(sed -n 's/^Number of complete executions explored: //p' "$log")
	if [ "$status" -eq 0 ] && [ -n "$complete" ]; then
		pass "$name: $complete executions"
		echo "$complete" >>"$tally_tmp/numbers"
	elif [ "$status" -eq 124 ]; then
		fail "$name: not all executions in $seconds s"
	else
		fail "$name: status $status"
		sed 's/^/  | /' "$log" | tail -n 60
	fi
}

while read -r kind plot senders receivers each; do
	check "$kind" "$plot" "$senders" "$receivers" "$each"
done <<'LIST'
ARRAY TRY 1 1 2
ARRAY FLOW 1 1 2
LIST TRY 1 1 3
LIST FLOW 1 1 2
WAITQ FLOW 1 1 2
LIST
executions=$(awk '{ n += $1 } END { print n + 0 }' "$tally_tmp/numbers")
echo "genmc: $executions executions"
reached genmc "$executions"
tally_end
