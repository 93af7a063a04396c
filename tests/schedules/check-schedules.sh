#!/bin/sh
# The library under a deterministic scheduler: every scenario, by both strategies, and
# mutants that must be found.
#
# CHAN_SCHEDULES=1000000        schedules of each scenario by each strategy
# CHAN_SCHEDULES_FIRST=1000001  other schedules: the first one's number, and seed
. "${top_srcdir:=.}/tests/tally.sh"

here=$top_srcdir/tests/schedules
out=$top_builddir/tests/schedules
number=${CHAN_SCHEDULES:-10000}
first=${CHAN_SCHEDULES_FIRST:-1}
jobs=$(getconf _NPROCESSORS_ONLN)
mkdir -p "$out"

flags="-std=gnu11 -O1 -g -fno-omit-frame-pointer -D_GNU_SOURCE -I$here ${TIME64_CPPFLAGS:-}"
[ "${CHAN_PARKER:-futex}" = pthread ] || flags="$flags -DCHAN_PARKER_FUTEX=1"
# Of src/base only what asks the system nothing; the rest is in world.c.
units='async attr block cancel chan eventfd flavor handle select timer flavors/array flavors/at flavors/broadcast
	flavors/list flavors/mutex_condvar flavors/never flavors/oneshot flavors/tick flavors/zero wait/waitq
	wait/parker_futex wait/parker_pthread base/clock base/memory'
[ "${CHAN_PARKER:-futex}" = futex ] || units=$(echo $units | sed 's|wait/parker_futex||')
ours='ledger scheduler schedules select'

# translate TREE UNIT OBJECT: one source of the library, as it is
translate() {
	$CC $flags -I"$1/include" -I"$1/src" -include "$here/seams.h" -c "$1/src/$2.c" -o "$3"
}

build() {
	for unit in $units; do
		echo "-I$top_srcdir/src -include $here/seams.h -c $top_srcdir/src/$unit.c -o $out/lib-$(basename "$unit").o"
	done >"$tally_tmp/units"
	echo "-I$top_srcdir/src -include $here/seams.h -Wall -Wextra -c $here/world.c -o $out/lib-world.o" >>"$tally_tmp/units"
	for unit in $ours; do
		echo "-Wall -Wextra -c $here/$unit.c -o $out/$unit.o"
	done >>"$tally_tmp/units"
	xargs -P "$jobs" -L 1 $CC $flags -I"$top_srcdir/include" <"$tally_tmp/units" &&
		link_schedules "$out" "$out/schedules"
}

# Addresses in a trace are those of addr2line -e, so not relocated.
link_schedules() {
	$CC -no-pie -o "$2" "$1"/lib-*.o $(printf "$out/%s.o " $ours) -Wl,--wrap=chan__block_layout
}

scenarios() {
	"$out/schedules" -l >"$tally_tmp/names"
	xargs -P "$jobs" -I '{}' sh -c '"$0/schedules" -n "$1" -f "$2" {} >"$0/{}.log" 2>&1 || :' \
		"$out" "$number" "$first" <"$tally_tmp/names"
	while read -r name; do
		grep -v '^[A-Z]*: ' "$out/$name.log" | sed 's/^/  | /'
		for strategy in preempt priority; do
			row=$(grep "^[A-Z]*: $name *$strategy " "$out/$name.log")
			case $row in
			PASS:*) pass "${row#PASS: }" ;;
			*) fail "$(grep -m 1 "^FAIL: $name, strategy $strategy" "$out/$name.log" | sed 's/^FAIL: //')${row#DONE:}" ;;
			esac
		done
	done <"$tally_tmp/names"
	cat "$out"/*.log | awk '/^PASS: / { n += $4; steps += $8 } END { printf "%.0f schedules, %.0f steps\n", n, steps }'
}

# mutant PATCH: applied to a copy, it must be found.  Its line `Schedules:` says by
# which scenarios, so that a mutant is not killed by chance elsewhere.
mutant() {
	name=$(basename "$1" .patch)
	tree=$tally_tmp/$name
	mkdir -p "$tree"
	cp -R "$top_srcdir/src" "$top_srcdir/include" "$tree"
	cp "$out"/lib-*.o "$tree"
	if ! patch -s -F0 -p1 --no-backup-if-mismatch -d "$tree" <"$1"; then
		fail "mutant $name no longer applies"
		return
	fi
	for unit in $units; do
		if grep -q "^+++ b/src/$unit\.c" "$1" || grep -q '^+++ b/.*\.h' "$1"; then
			translate "$tree" "$unit" "$tree/lib-$(basename "$unit").o" || {
				fail "mutant $name does not compile"
				return
			}
		fi
	done
	link_schedules "$tree" "$tree/schedules"
	if "$tree/schedules" -x -n "$number" $(sed -n 's/^Schedules: //p' "$1") >"$tree/log" 2>&1; then
		fail "mutant $name survived"
	elif grep -q '^FAIL: ' "$tree/log"; then
		pass "mutant $name found: $(sed -n 's/^FAIL: //p' "$tree/log" | head -n 1)"
	else
		fail "mutant $name ended the program without a finding"
	fi
	rm -rf "$tree"
}

if build; then
	pass 'the sources compile against the scheduler'
	scenarios
	for patch in $(grep -l '^Schedules: ' "$top_srcdir"/tests/mutants/*.patch); do
		mutant "$patch"
	done
else
	fail 'the sources compile against the scheduler'
fi
tally_end
