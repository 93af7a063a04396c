#!/bin/sh
# check-bench.sh - each cell of the benchmark at a tiny size, and what the
# runner and the report make of planted programs.

. "${top_srcdir:=.}/tests/tally.sh"
bench=$top_builddir/bench/chan_bench
runner=$top_srcdir/bench/run.sh
report=$top_srcdir/bench/report.awk

# ------------------------------------------------------------------ the program

# One record of this cell, whose flavor matches the pattern.
one_record() {
	awk -v cell="$1" -v flavor="$2" '
		{ print }
		NF == 5 && $1 == cell && $2 ~ "^libchan:" flavor "$" && $3 == 400 && $4 > 0 && $5 > 0 { good++ }
		END { exit !(NR == 1 && good == 1) }'
}

measures() {
	record=$("$bench" $3 "$1" 397) || return
	echo "$record" | one_record "$1" "$2"
}

exits_with() {
	wanted=$1
	shift
	"$bench" "$@"
	[ $? -eq "$wanted" ]
}

"$bench" --list >"$tally_tmp/list"
expect 'there are 21 cells' test "$(sort -u "$tally_tmp/list" | wc -l)" -eq 21
for cell in $(cat "$tally_tmp/list"); do
	expect "$cell" measures "$cell" '[a-z_]+' ''
	expect "$cell with mutex_condvar" measures "$cell" mutex_condvar '--flavor mutex_condvar'
done
refuse 'another flavor than asked for is noticed' measures bounded1_spsc list '--flavor array'
expect 'a flavor that cannot serve is told apart' exits_with 77 --flavor list bounded1_spsc 400
expect 'a flavor that there is not' exits_with 2 --flavor none bounded1_spsc 400
expect 'a cell that there is not' exits_with 2 bounded_pingpong 400
expect 'no messages' exits_with 2 bounded1_spsc 0
expect 'messages that are no number' exits_with 2 bounded1_spsc 4x

# ------------------------------------------------------------------- the runner

# planted NAME IMPLEMENTATION NS_EACH NS_OF_BOUNDED: a program that takes so long
planted() {
	cat >"$tally_tmp/$1" <<END
#!/bin/sh
[ "\$1" = --list ] && { echo bounded_x; echo other_y; echo other_z; exit; }
[ "\$1" = other_z ] && exit 77
each=$3
[ "\$1" = bounded_x ] && each=$4
echo "\$1 $2 \$2 \$((\$2 * each)) \$((\$2 * each * 2))"
END
	chmod +x "$tally_tmp/$1"
}
planted ours libchan:planted 10 10
planted peer other 15 5

run() {
	sh "$runner" --bench "$tally_tmp/ours" --records "$tally_tmp/records" "$@" >"$tally_tmp/run.out" 2>&1
}

run --peer "$tally_tmp/peer" --rounds 2 --time 100
expect 'the runner runs both' test $? -eq 0
cat >"$tally_tmp/expected" <<'END'
bounded_x libchan:planted 5000000 50000000 100000000
bounded_x other 5000000 25000000 50000000
other_y libchan:planted 6666666 66666660 133333320
other_y other 6666666 99999990 199999980
END
cat "$tally_tmp/expected" "$tally_tmp/expected" >"$tally_tmp/expected-2"
expect 'rounds are interleaved, the slower one sets the count' diff "$tally_tmp/expected-2" "$tally_tmp/records"
expect 'what cannot be served is left out by name' grep -q '^bench: other_z: left out' "$tally_tmp/run.out"
expect 'the report follows' grep -q '^cells lost: 1 of 2: bounded_x$' "$tally_tmp/run.out"

run --peer "$tally_tmp/peer" --rounds 1 --cells 'none other_*'
expect 'cells are chosen by pattern' \
	test "$(awk '{ print $1 }' "$tally_tmp/records" | sort -u | tr '\n' ' ')" = 'other_y '
refuse 'no cell matches' run --peer '' --cells none
refuse 'rounds are a count' run --peer '' --rounds 0
refuse 'a failing program is noticed' run --peer false

CARGO=no-such-cargo run --rounds 1
expect 'without cargo libchan runs alone' test $? -eq 0
expect 'and says so by name' grep -q 'cargo is not here, so libchan runs alone' "$tally_tmp/run.out"
expect 'alone, it is all there is' \
	test "$(awk '{ print $2 }' "$tally_tmp/records" | sort -u | tr '\n' ' ')" = 'libchan:planted '

# ------------------------------------------------------------------- the report

# Wall ratios 4, 0.5, 2: their median is not the ratio of the medians.
cat >"$tally_tmp/records" <<'END'
c libchan:array 10 100 200
c other 10 400 200
c libchan:array 10 400 800
c other 10 200 200
c libchan:array 10 200 400
c other 10 400 200
d libchan:list 10 800 100
d other 10 100 100
END
columns() { awk -f "$report" "$tally_tmp/records" | awk -v cell="$1" '$1 == cell { $1 = $1; print }'; }
expect 'median, least, most, and the median of ratios' \
	test "$(columns c)" = 'c array 10 20.0 (10.0-40.0) 40.0 (20.0-40.0) 2.00 40.0 20.0 0.50'
expect 'the geometric mean and the losses' test "$(awk -f "$report" "$tally_tmp/records" | tail -n 2)" = \
	'geometric mean of other/libchan: wall 0.50, user+sys 0.71
cells lost: 1 of 2: d'
broken_report() { echo "$1" | awk -f "$report" "$tally_tmp/records" -; }
refuse 'another count of messages is noticed' broken_report 'd other 11 100 100'
refuse 'half a record is noticed' broken_report 'd other 10'
refuse 'no records are noticed' awk -f "$report" /dev/null

tally_end
