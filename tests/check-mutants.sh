#!/bin/sh
# Mutants that run natively: each reintroduces a bug, and the test that its patch names
# must fail.  Those with a line `Scenarios:` are for check-relacy.sh.
#
#	Killed-by: PROGRAM CASE    CASE as CHAN_TEST_ONLY takes it
#
# First the test must pass on the tree as it is.  To hang is to fail.
#
# CHAN_MUTANTS='A B'  only these
. "${top_srcdir:=.}/tests/tally.sh"

lanes=2
seconds=10

mutants() {
	for name in ${CHAN_MUTANTS:-$(cd "$top_srcdir/tests/mutants" && ls | sed 's/\.patch$//')}; do
		if grep -q '^Killed-by: ' "$top_srcdir/tests/mutants/$name.patch"; then
			echo "$name"
		fi
	done
}

header() { sed -n "s/^$1: //p" "$top_srcdir/tests/mutants/$2.patch"; }

# killers: each PROGRAM CASE once, of what this build has
killers() {
	for name in $(mutants); do
		if in_build "$name"; then header Killed-by "$name"; fi
	done | sort -u
}

# objects PROGRAM: the test's own, as make built them
objects() { find "$top_builddir/tests" -name "$1-*.o" ! -path '*/.libs/*'; }

# wraps OBJECT...: what they bring a __wrap_ for
wraps() { $NM "$@" | sed -n 's/.* [TW] __wrap_\(.*\)/-Wl,--wrap=\1/p' | sort -u; }

# link TREE PROGRAM OBJECT...: the test, these objects of the library and the others of
# its test build.  An archive gives nothing that is there already.
link() {
	link_to=$1/$2 link_program=$2
	shift 2
	$CC $MUTANT_CFLAGS -o "$link_to" "$@" $(objects "$link_program") $(wraps $(objects "$link_program")) \
		"$top_builddir/.libs/libchan-tp.a" $MUTANT_LIBS
}

# run_test PROGRAM-FILE CASE TALLY: one process; status 0 if it passed
run_test() {
	CHAN_TALLY=$3 CK_FORK=no CHAN_TEST_ONLY=$2 timeout -s KILL $seconds "$1" </dev/null
}

# survives PROGRAM-FILE CASE LOG: three times, for what some bugs do depends on the schedule
survives() {
	run_test "$1" "$2" '' >"$3" 2>&1 && run_test "$1" "$2" '' >"$3" 2>&1 && run_test "$1" "$2" '' >"$3" 2>&1
}

# apply NAME TREE: its patch, to a copy of the sources
apply() {
	mkdir -p "$2" && cp -R "$top_srcdir/src" "$top_srcdir/include" "$2" &&
		patch -s -F0 -p1 --no-backup-if-mismatch -d "$2" <"$top_srcdir/tests/mutants/$1.patch"
}

# units NAME: the sources it changes; a header changes all
units() {
	if grep -q '^+++ b/.*\.h' "$top_srcdir/tests/mutants/$1.patch"; then
		(cd "$top_builddir" && $NM -A .libs/libchan-tp.a) | sed -n 's/.*:libchan_tp_la-\([^:]*\)\.o:.*/\1/p' | sort -u |
			while read -r unit; do (cd "$top_srcdir" && find src -name "$unit.c"); done
	else
		sed -n 's,^+++ b/,,p' "$top_srcdir/tests/mutants/$1.patch"
	fi
}

# compile NAME TREE: prints the objects
compile() {
	for unit in $(units "$1"); do
		object=$2/$(basename "$unit" .c).o
		$CC -w -I"$2/include" -I"$2/src" $MUTANT_CPPFLAGS -DCHAN_PAUSE_POINTS=1 $MUTANT_CFLAGS -c "$2/$unit" -o "$object" || return 1
		echo "$object"
	done
}

# in_build NAME: this library has every source that it changes
in_build() {
	for unit in $(units "$1"); do
		$NM "$top_builddir/.libs/libchan-tp.a" | grep -q "^libchan_tp_la-$(basename "$unit" .c)\.o:" || return 1
	done
}

verdict() { echo "$2" "$3" >"$tally_tmp/verdicts/$1"; }

mutant() {
	tree=$tally_tmp/$1
	killer=$(header Killed-by "$1")
	program=${killer%% *}
	if ! apply "$1" "$tree" >/dev/null; then
		verdict "$1" fail "mutant $1 no longer applies"
	elif ! in_build "$1"; then
		verdict "$1" skip "mutant $1 is of a source that this build has not"
	elif ! made=$(compile "$1" "$tree") || ! link "$tree" "$program" $made; then
		verdict "$1" fail "mutant $1 does not compile"
	elif survives "$tree/$program" "${killer#* }" "$tree/log"; then
		verdict "$1" fail "mutant $1 survived $killer"
	else
		case $? in
		137) how='it hung' ;;
		*)   how=$(grep -m1 -E '^FAIL: |^[^ ]*:[0-9]+: ' "$tree/log" | sed 's/^FAIL: //; s,^.*/tests/,tests/,' | cut -c1-150) ;;
		esac
		verdict "$1" pass "mutant $1 killed by $killer: ${how:-it crashed}"
	fi
	rm -rf "$tree"
}

# lane K: every lanes-th mutant from the K-th on
lane() {
	for name in $(mutants | awk -v k="$1" -v n="$lanes" 'NR % n == k'); do
		mutant "$name"
	done
}

baseline() {
	killers | while read -r program case; do
		echo "$program $case"
		: >"$tally_tmp/tally"
		run_test "$top_builddir/tests/$program" "$case" "$tally_tmp/tally" >"$tally_tmp/log" 2>&1 &&
			awk '{ n += $1 } END { exit n == 0 }' "$tally_tmp/tally" || {
			grep -E '^FAIL: |^[^ ]*:[0-9]+: |passed' "$tally_tmp/log"
			exit 1
		}
	done
}

mkdir "$tally_tmp/verdicts"
expect 'without mutants the tests pass' baseline
for k in $(seq 0 $((lanes - 1))); do
	lane "$k" &
done
wait
for name in $(mutants); do
	if read -r word text <"$tally_tmp/verdicts/$name"; then
		case $word in
		skip) skip check-mutants "$text" ;;
		*)    $word "$text" ;;
		esac
	else
		fail "mutant $name has no verdict"
	fi
done
echo "$(mutants | wc -l) mutants, $tally_passed passed, $tally_failed failed"
[ -n "${CHAN_MUTANTS:-}" ] || reached mutants "$(cat "$tally_tmp"/verdicts/* | grep -c '^pass ')"
tally_end
