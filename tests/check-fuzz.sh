#!/bin/sh
# What a fuzzer found worth keeping, repeated without it: sequences of calls in one
# thread, each compared with a model.  And inputs that are as good as random.
. "${top_srcdir:=.}/tests/tally.sh"

replay=$top_builddir/tests/fuzz/replay
corpus=$top_srcdir/tests/fuzz/corpus
scale=${CHAN_TEST_SCALE:-1}

expect 'the corpus: library and model agree' "$replay" "$corpus"
sed 's/^/  /' "$tally_tmp/expect.out"
expect 'random calls: library and model agree' "$replay" --random 1 $((20000 / scale + 1))
sed 's/^/  /' "$tally_tmp/expect.out"

# By a difference that the driver saw, not by some other failure.
noticed() {
	! "$replay" --mistake "$1" "$corpus" >"$tally_tmp/mistaken" 2>&1 && grep '^differs: ' "$tally_tmp/mistaken"
}
for mistake in 1 2 3 4 5; do
	expect "the corpus: mistake $mistake in the model is noticed" noticed $mistake
done

tally_end
