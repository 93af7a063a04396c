#!/bin/sh
# What the suites reach of the library's sources: lines, branches (each condition true
# and false), and MC/DC (each condition decides alone once), less what `exclusions` names.
#
# With both parkers and both kinds of descriptors.  Pause points are compiled in, so that
# all suites count the same code; probes are not.
#
# CHAN_TEST_SCALE=1  as often as make check repeats things (default 4)
. "${top_srcdir:=.}/tests/tally.sh"
. "$top_srcdir/tests/configured.sh"

here=$top_srcdir/tests/coverage
out=$top_builddir/coverage
source=$(cd "$top_srcdir" && pwd)
: "${MAKE:=make}"
jobs=$(getconf _NPROCESSORS_ONLN)
export CHAN_TEST_SCALE="${CHAN_TEST_SCALE:-4}" CK_FORK=no
flags='-O1 -g -fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc -fprofile-update=atomic'
# Where the pthread parker and pipes make a difference.
few='tests/test_corners tests/test_blocking tests/test_cancel tests/test_descriptors tests/test_faults tests/test_fork tests/test_select tests/test_timers'

# The first clang that has MC/DC; its tools are those of the same version.
find_compiler() {
	for compiler in clang-19 clang-20 clang-21 clang; do
		echo 'int main(void) { return 0; }' |
			$compiler $flags -x c -o "$tally_tmp/probe" - >/dev/null 2>&1 || continue
		profdata=$($compiler -print-prog-name=llvm-profdata)
		cov=$($compiler -print-prog-name=llvm-cov)
		! command -v "$profdata" >/dev/null || ! command -v "$cov" >/dev/null || return 0
	done
	return 1
}

# end_of FOLDER SUITE...: exit.c, on which make does not know that they depend
end_of() {
	[ "$1/exit.o" -nt "$here/exit.c" ] && return
	( cd "$1" && shift && rm -f "$@" )
	$compiler -O1 -c "$here/exit.c" -o "$1/exit.o"
}

# build FOLDER SUITES CONFIGURE-OPTION...
build() {
	folder=$out/$1 suites=$2
	shift 2
	configured "$folder" "$source/configure" CC=$compiler --disable-shared --disable-probes "$@" \
		CPPFLAGS=-DCHAN_PAUSE_POINTS=1 CFLAGS="$flags" &&
		end_of "$folder" $suites &&
		$MAKE -C "$folder" -j"$jobs" $suites \
			CHECK_LIBS="$(cd "$folder" && pwd)/exit.o $(sed -n 's/^CHECK_LIBS = //p' "$folder/Makefile")"
}

# perform FOLDER SUITES: each a process; says which of them failed
perform() {
	rm -rf "$out/$1/profiles" && mkdir "$out/$1/profiles"
	for suite in $2; do
		log=$out/$1/$(basename "$suite").log
		arguments=
		[ "$suite" != tests/fuzz/replay ] || arguments=$here/../fuzz/corpus
		echo "CHAN_TALLY= LLVM_PROFILE_FILE='$out/$1/profiles/%m.profraw' timeout -k 10 300" \
			"'$out/$1/$suite' $arguments >'$log' 2>&1 || { echo '$suite failed'; grep -E '^FAIL|Assertion' '$log'; exit 1; }"
	done | tr '\n' '\0' | xargs -0 -P "$jobs" -n 1 sh -c
}

# digest FOLDER SUITES: what the profiles say, for coverage.py
digest() {
	"$profdata" merge -o "$out/$1/profile" "$out/$1"/profiles/*.profraw || return 1
	objects=
	for suite in $2; do
		objects="$objects -object $out/$1/$suite"
	done
	"$cov" export -instr-profile "$out/$1/profile" ${objects# -object} -sources "$source/src" >"$out/$1.json"
}

measure() {
	name=$1 suites=$2
	shift 2
	expect "$name: the suites are built for coverage" build "$name" "$suites" "$@"
	[ "$tally_failed" -eq 0 ] || tally_end
	expect "$name: the suites pass" perform "$name" "$suites"
	expect "$name: what they reached is there" digest "$name" "$suites"
}

if ! find_compiler; then
	skip check-coverage 'there is no clang with MC/DC'
	tally_end
fi
mkdir -p "$out"
out=$(cd "$out" && pwd)
measure futex "$CHAN_SUITES tests/fuzz/replay"
measure pthread "$few" --with-parker=pthread --with-descriptors=pipe
if python3 "$here/coverage.py" "$source" "$here/exclusions" "$out/futex.json" "$out/pthread.json" >"$out/report"; then
	pass 'the exclusions are what they may be'
else
	fail 'the exclusions are what they may be'
fi
cat "$out/report"
for figure in lines branches mcdc; do
	percent=$(sed -n "s/^$figure: \([0-9.]*\) %.*/\1/p" "$out/report")
	[ -n "$percent" ] && reached coverage-$figure "$percent"
done
tally_end
