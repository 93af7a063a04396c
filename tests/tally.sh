# Sourced by the scripts of `make check`: counts cases, one line each, and ends
# with an exit status that automake understands.  A script that stops half-way
# has failed.
#
#	. "$top_srcdir/tests/tally.sh"
#	expect 'what must hold' command argument...
#	skip NAME 'reason'
#	tally_end
#
# $CHAN_TALLY, if set, names a file that gets a line `passed failed skipped`, and
# $CHAN_REACHED one that gets how far the rungs of tests/ladder/rungs.txt came.

LC_ALL=C
export LC_ALL
: "${top_srcdir:=$(dirname "$0")/..}"
: "${top_builddir:=.}"
: "${CC:=cc}" "${CXX=c++}" "${NM:=nm}"

tally_passed=0
tally_failed=0
tally_skipped=0
tally_ended=no

tally_write() {
	if [ "$tally_ended" = no ]; then
		echo "FAIL: the script stopped before its end"
		tally_failed=$((tally_failed + 1))
	fi
	if [ -n "${CHAN_TALLY:-}" ]; then
		echo "$tally_passed $tally_failed $tally_skipped" >>"$CHAN_TALLY"
	fi
	rm -rf "$tally_tmp"
}

tally_tmp=$(mktemp -d) || exit 99
trap tally_write EXIT
trap 'exit 1' HUP INT TERM

pass() {
	echo "PASS: $1"
	tally_passed=$((tally_passed + 1))
}

fail() {
	echo "FAIL: $1"
	tally_failed=$((tally_failed + 1))
}

# Where CI=true a skip must have its line in tests/SKIPS.
skip() {
	if [ "${CI:-}" = true ] && ! grep -q "^$1: ." "$top_srcdir/tests/SKIPS"; then
		fail "$1: skipped ($2), and tests/SKIPS gives no reason for it"
		return
	fi
	echo "SKIP: $1: $2"
	tally_skipped=$((tally_skipped + 1))
}

# expect NAME COMMAND...: passes if the command succeeds, else shows its output.
expect() {
	tally_name=$1
	shift
	if "$@" >"$tally_tmp/expect.out" 2>&1; then
		pass "$tally_name"
	else
		fail "$tally_name"
		sed 's/^/  | /' "$tally_tmp/expect.out"
	fi
}

# refuse NAME COMMAND...: passes if the command fails; for planted defects.
refuse() {
	tally_name=$1
	shift
	if "$@" >"$tally_tmp/expect.out" 2>&1; then
		fail "$tally_name"
	else
		pass "$tally_name"
	fi
}

# reached RUNG NUMBER: unless something has failed
reached() {
	if [ -n "${CHAN_REACHED:-}" ] && [ "$tally_failed" -eq 0 ]; then
		echo "$1 $2" >>"$CHAN_REACHED"
	fi
}

tally_end() {
	tally_ended=yes
	[ "$tally_failed" -eq 0 ] || exit 1
	[ "$tally_passed" -gt 0 ] || [ "$tally_skipped" -eq 0 ] || exit 77
	exit 0
}
