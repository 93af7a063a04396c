#!/bin/sh
# Every kind of channel, played from several threads, each call written down and judged.
#
# CHAN_HISTORY_MESSAGES=100000000  of each flavor (default a million)
# CHAN_HISTORY_SEED=n              the choices of an earlier run
#
# Two judges.  Ours looks for bad patterns, in any number of calls; Porcupine, a Go
# module, searches for an order of the calls, in small histories.  Both have to refuse
# what was spoilt on purpose.
. "${top_srcdir:=.}/tests/tally.sh"

here=$top_srcdir/tests/histories
out=$top_builddir/tests/histories
messages=${CHAN_HISTORY_MESSAGES:-1000000}
seed=${CHAN_HISTORY_SEED:-$(date +%s)}
windows=$((messages / 2000 + 1))
[ "$windows" -le 5000 ] || windows=5000

# The program counts its cases itself.  The lines of those that passed stay in the log.
histories() {
	{
		"$out/histories" -n "$messages" -s "$seed" 2>&1
		echo $? >"$tally_tmp/status"
	} | tee "$out/histories.log" | grep -v '^PASS'
	[ "$(cat "$tally_tmp/status")" -eq 0 ]
}

# count FILE: the other judge's lines, one for each kind, or each history of the table
count() {
	while IFS= read -r line; do
		case $line in
		PASS:*) pass "${line#PASS: }" ;;
		FAIL:*) fail "${line#FAIL: }" ;;
		*)      echo "$line" ;;
		esac
	done <"$1"
}

# other_judge NAME ARGUMENT...: of what the program prints
other_judge() {
	name=$1
	shift
	{ "$out/histories" "$@" || echo $? >"$tally_tmp/refused"; } |
		"$out/porcupine-judge" >"$tally_tmp/verdicts" || echo $? >"$tally_tmp/refused"
	count "$tally_tmp/verdicts"
	expect "$name" test ! -e "$tally_tmp/refused" -a -s "$tally_tmp/verdicts"
	rm -f "$tally_tmp/refused"
}

porcupine() {
	if ! command -v go >/dev/null 2>&1; then
		skip check-linearizable-porcupine 'Go is not installed'
		return
	fi
	if ! (cd "$here/porcupine" && go mod download) >"$tally_tmp/go.log" 2>&1; then
		cat "$tally_tmp/go.log"
		skip check-linearizable-porcupine 'the module cannot be had'
		return
	fi
	to=$(cd "$out" && pwd)/porcupine-judge
	expect 'the other judge is built' sh -c 'cd "$1" && go build -o "$2" .' sh "$here/porcupine" "$to"
	[ -x "$to" ] || return
	other_judge 'the table, by the other judge' -c
	other_judge "$windows small histories of each kind" -w "$windows" -s "$seed"
}

echo "check-linearizable: seed $seed"
porcupine
if histories; then
	pass "histories of $messages messages of each flavor"
	# Of the flavor with the fewest.
	reached histories "$(sed -n 's/^least //p' "$out/histories.log")"
else
	fail "histories of $messages messages of each flavor"
fi
tally_end
