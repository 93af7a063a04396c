#!/bin/sh
# The library under a deterministic scheduler: every scenario, by both strategies and
# with both parkers, and mutants that must be found.
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
# Of src/base what asks the system nothing; for the rest see world.c.
units='async attr block cancel chan eventfd flavor handle select timer flavors/array flavors/at flavors/broadcast
	flavors/list flavors/mutex_condvar flavors/never flavors/oneshot flavors/tick flavors/zero wait/waitq
	wait/parker_futex wait/parker_pthread base/bias base/clock base/memory'
ours='cast clocks ends events ledger scheduler schedules select'

parker_flag() { if [ "$1" = futex ]; then echo -DCHAN_PARKER_FUTEX=1; fi; }

# translation TREE PARKER UNIT OBJECT: what compiles one source of the library, as it is
translation() {
	echo $CC $flags $(parker_flag "$2") -I"$1/include" -I"$1/src" -include "$here/seams.h" -c "$1/src/$3.c" -o "$4"
}

translations() {
	for parker in futex pthread; do
		for unit in $units; do
			case $parker:$unit in pthread:wait/parker_futex) continue ;; esac
			translation "$top_srcdir" $parker "$unit" "$out/$parker-$(basename "$unit").o"
		done
		echo $CC $flags $(parker_flag $parker) -Wall -Wextra -I"$top_srcdir/include" -I"$top_srcdir/src" \
			-include "$here/seams.h" -c "$here/world.c" -o "$out/$parker-world.o"
	done
	for unit in $ours; do
		echo $CC $flags -Wall -Wextra -I"$top_srcdir/include" -c "$here/$unit.c" -o "$out/$unit.o"
	done
}

# Addresses in a trace are those of addr2line -e, so not relocated.
link_schedules() {
	$CC -no-pie -o "$1" "$2"-*.o $(printf "$out/%s.o " $ours) -Wl,--wrap=chan__block_layout
}

build() {
	translations | xargs -P "$jobs" -L 1 env &&
		link_schedules "$out/schedules-futex" "$out/futex" &&
		link_schedules "$out/schedules-pthread" "$out/pthread"
}

# Each scenario is a process, so that all processors have something to do.
perform() {
	while read -r name; do
		for parker in futex pthread; do
			log=$out/$parker-$(echo "$name" | tr / _).log
			echo "$out/schedules-$parker -n $number -f $first $name >$log 2>&1 || :"
		done
	done <"$tally_tmp/names" | xargs -P "$jobs" -I '{}' sh -c '{}'
}

# report PARKER NAME: a row for each strategy, after the traces of what failed
report() {
	log=$out/$1-$(echo "$2" | tr / _).log
	grep -v '^[A-Z]*: ' "$log" | sed 's/^/  | /'
	for strategy in preempt priority; do
		row=$(grep "^[A-Z]*: $2 *$strategy " "$log")
		case $row in
		PASS:*) pass "$1 ${row#PASS: }" ;;
		*) fail "$1 $(grep -m 1 "^FAIL: $2, strategy $strategy" "$log" | sed 's/^FAIL: //')" ;;
		esac
	done
}

scenarios() {
	"$out/schedules-futex" -l >"$tally_tmp/names"
	rm -f "$out"/*.log
	perform
	while read -r name; do
		report futex "$name"
		report pthread "$name"
	done <"$tally_tmp/names"
	cat "$out"/*.log | awk '/^PASS: / { n += $4; steps += $8 }
		END { printf "%.0f schedules, %.0f steps\n", n, steps }'
}

# mutant PATCH: applied to a copy, it must be found.  Its line `Schedules:` says by
# which scenarios, so that a mutant is not killed by chance elsewhere.
mutant() {
	name=$(basename "$1" .patch)
	tree=$tally_tmp/$name
	mkdir -p "$tree"
	cp -R "$top_srcdir/src" "$top_srcdir/include" "$tree"
	cp "$out"/futex-*.o "$tree"
	if ! patch -s -F0 -p1 --no-backup-if-mismatch -d "$tree" <"$1"; then
		fail "mutant $name no longer applies"
		return
	fi
	for unit in $units; do
		if grep -q "^+++ b/src/$unit\.c" "$1" || grep -q '^+++ b/.*\.h' "$1"; then
			$(translation "$tree" futex "$unit" "$tree/futex-$(basename "$unit").o") || {
				fail "mutant $name does not compile"
				return
			}
		fi
	done
	link_schedules "$tree/schedules" "$tree/futex"
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
	reached schedules "$number"
else
	fail 'the sources compile against the scheduler'
fi
tally_end
