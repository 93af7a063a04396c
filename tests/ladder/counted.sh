#!/bin/sh
# counted.sh RUNG NUMBER COMMAND...: the rung has reached NUMBER, or `cases`, as many as
# passed, if the command succeeds.
. "${top_srcdir:=.}/tests/tally.sh"

rung=$1 number=$2
shift 2
inner=$tally_tmp/inner
: >"$inner"
status=0
CHAN_TALLY=$inner "$@" || status=$?
[ -z "${CHAN_TALLY:-}" ] || cat "$inner" >>"$CHAN_TALLY"
cases=$(awk '{ n += $1; bad += $2 } END { print bad ? 0 : n + 0 }' "$inner")
if [ $status -eq 0 ] && [ "$cases" -gt 0 ]; then
	pass "$rung: $cases cases"
	[ "$number" != cases ] || number=$cases
	reached "$rung" "$number"
else
	fail "$rung"
fi
tally_end
