#!/bin/sh
# libFuzzer on the library's own sources, CHAN_FUZZ_SECONDS long; the inputs that it
# finds stay in build/fuzz/found, one that fails in build/fuzz/failed-*.
# --merge: the corpus becomes what reaches the same edges as it and `found` together.
. "${top_srcdir:=.}/tests/tally.sh"

work=$top_builddir/fuzz
corpus=$top_srcdir/tests/fuzz/corpus
: "${FUZZ_CC:=clang clang-19}" "${CHAN_FUZZ_SECONDS:=30}"

sources() {
	for source in $FUZZ_SOURCES; do
		case $source in
		*.c) echo "$top_srcdir/$source" ;;
		esac
	done
}

build() {
	# shellcheck disable=SC2046,SC2086
	"$compiler" -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		$FUZZ_CFLAGS -o "$work/fuzz" $(sources)
}

fuzz() {
	timeout $((CHAN_FUZZ_SECONDS + 120)) "$work/fuzz" -max_total_time="$CHAN_FUZZ_SECONDS" -timeout=20 \
		-seed="${CHAN_FUZZ_SEED:-0}" -max_len=600 -len_control=0 -print_final_stats=1 -artifact_prefix="$work/failed-" \
		"$work/found" "$corpus" >"$work/log" 2>&1
}

merge() {
	rm -rf "$work/merged"
	mkdir "$work/merged" &&
	"$work/fuzz" -set_cover_merge=1 -use_counters=0 -max_len=600 "$work/merged" "$work/found" "$corpus" &&
	rm -f "$corpus"/* && cp "$work/merged"/* "$corpus"/
}

mkdir -p "$work/found"
compiler=
for candidate in $FUZZ_CC; do
	if echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n > 99; }' |
			"$candidate" -fsanitize=fuzzer,address -x c -o "$work/probe" - >/dev/null 2>&1; then
		compiler=$candidate
		break
	fi
done
if [ -z "$compiler" ]; then
	skip check-fuzz-libfuzzer "of $FUZZ_CC none has libFuzzer"
	tally_end
fi

expect 'the library builds for libFuzzer' build
if [ "${1-}" = --merge ]; then
	expect 'the corpus is as small as can be' merge
else
	expect "libFuzzer finds nothing in $CHAN_FUZZ_SECONDS s" fuzz
	[ "$tally_failed" -eq 0 ] || tail -n 60 "$work/log"
	reached fuzz "$CHAN_FUZZ_SECONDS"
	grep -E '^stat::(number_of_executed_units|new_units_added)|#[0-9]+.DONE' "$work/log"
fi
tally_end
