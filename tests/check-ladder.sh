#!/bin/sh
# The ladder's table: README has the same rungs, and what is below its floor is noticed.
# And coverage: what was not reached is, and who would exclude too much.
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

# --- coverage, of a tree with one source

mkdir -p "$tally_tmp/tree/src"
{
	printf 'int half(int a, int b)\n{\n\tif (a && b)\n\t\treturn 1;\n\treturn 0;\n}\n\nint other(void)\n{\n\treturn 2;\n}\n'
	seq -f '/* %g */' 300
} >"$tally_tmp/tree/src/a.c"
# Segments are line, column, count, has a count, begins a region, is a gap.
cat >"$tally_tmp/a.json" <<END
{ "data": [ {
	"files": [ { "filename": "$tally_tmp/tree/src/a.c", "segments": [
		[2, 1, 3, true, true, false], [3, 13, 0, true, false, true], [4, 3, 0, true, true, false], [5, 2, 3, true, true, false],
		[6, 2, 0, false, false, false], [9, 1, 4, true, true, false], [311, 2, 0, false, false, false] ] } ],
	"functions": [
		{ "name": "a.c:half", "filenames": [ "$tally_tmp/tree/src/a.c" ],
		  "regions": [ [2, 1, 6, 2, 3, 0, 0, 0] ],
		  "branches": [ [3, 6, 3, 7, 3, 0, 0, 0, 4], [3, 11, 3, 12, 0, 3, 0, 0, 4] ],
		  "mcdc_records": [ [3, 6, 3, 12, 0, 5, [ false, true ]] ] },
		{ "name": "a.c:other", "filenames": [ "$tally_tmp/tree/src/a.c" ],
		  "regions": [ [9, 1, 11, 2, 4, 0, 0, 0] ], "branches": [], "mcdc_records": [] } ] } ] }
END
reason='	Because.'

# coverage EXCLUSIONS: what the report is with them
coverage() {
	printf '%s\n' "$1" >"$tally_tmp/exclusions"
	python3 "$top_srcdir/tests/coverage/coverage.py" "$tally_tmp/tree" "$tally_tmp/exclusions" "$tally_tmp/a.json"
}
reports() {
	coverage "$1" >"$tally_tmp/said" && grep -qF "$2" "$tally_tmp/said" || { cat "$tally_tmp/said"; return 1; }
}
line="line a.c: return 1;
$reason"
expect 'a line that was not reached is missing' reports '' 'src/a.c:4: never: return 1;'
expect 'lines are counted' reports '' 'lines: 99.67 %, 307 of 308'
expect 'branches are counted' reports '' 'branches: 50.00 %, 2 of 4'
expect 'conditions are counted' reports '' 'mcdc: 50.00 %, 1 of 2'
expect 'what is excluded is not asked' reports "$line" 'lines: 100.00 %, 307 of 307'
expect 'an exclusion needs its line' says 'there is no such line' coverage "line a.c: return 3;
$reason"
expect 'an exclusion needs a reason' says 'no reason is given' coverage 'line a.c: return 1;'
expect 'no function is excluded as a whole' says 'other is excluded as a whole' coverage "line a.c: return 2;
$reason
line a.c: }
$reason"
expect 'no more than 1% is excluded' says 'more than 1%' coverage "$(sed -n '3,6p; 10p' "$tally_tmp/tree/src/a.c" |
	sed "s/^[[:space:]]*/line a.c: /; a\\
$reason")"
tally_end
