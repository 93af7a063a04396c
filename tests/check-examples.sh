#!/bin/sh
# check-examples.sh - runs each small example and compares what it prints with
# the comment "Output:" at its end.

. "${top_srcdir:=.}/tests/tally.sh"
. "$top_srcdir/tests/example-output.sh"

for name in hello producers iterate try backpressure rendezvous select batch oneshot once broadcast watch tick; do
	source=$top_srcdir/examples/$name.c
	expected_output "$source" >"$tally_tmp/expected"
	expect "$name says what it prints" test -s "$tally_tmp/expected"
	expect "$name is at most 60 lines" test "$(wc -l <"$source")" -le 60
	"$top_builddir/examples/$name" >"$tally_tmp/printed" 2>&1
	expect "$name exits with 0" test $? -eq 0
	expect "$name prints what it says" diff "$tally_tmp/expected" "$tally_tmp/printed"
done
tally_end
