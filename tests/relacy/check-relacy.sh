#!/bin/sh
# The library under Relacy: every scenario, with both parkers; the small ones also through
# every execution within bounds; and mutants that must be found.
#
# CHAN_RELACY_PERCENT=1000  ten times as many executions (default 100)
# CHAN_RELACY_FIRST=200001  other executions: the first one's number, and seed
# CHAN_RELACY_PREEMPTIONS=2 every execution with up to so many (default 1)
. "${top_srcdir:=.}/tests/tally.sh"
. "$top_srcdir/tests/relacy/model.sh"

out=$top_builddir/tests/relacy
percent=${CHAN_RELACY_PERCENT:-100}
first=${CHAN_RELACY_FIRST:-1}
preemptions=${CHAN_RELACY_PREEMPTIONS:-1}
mkdir -p "$out"

need_model check-relacy

build() {
	(objects "$top_srcdir" futex) & futex=$!
	(common && objects "$top_srcdir" pthread) || { wait $futex; return 1; }
	wait $futex || return 1
	for parker in futex pthread; do
		link_model "$out/scenarios-$parker" "$(echo "$out/$parker"-*.o)" || return 1
	done
}

# report PARKER STATUS: counts the cases of a log; a history is shown from its
# beginning and without the part that repeats it thread by thread
report() {
	while IFS= read -r line; do
		case $line in
		PASS:*) pass "$1 ${line#PASS: }" ;;
		FAIL:*) fail "$1 ${line#FAIL: }" ;;
		esac
	done <"$out/$1.log"
	awk '
		/^(PASS|FAIL): / { if (/^FAIL/) { print text; print }; text = ""; quiet = 0; next }
		/^thread [0-9]+:$/ { quiet = 1 }
		!quiet { text = text "  | " $0 "\n" }' "$out/$1.log"
	if [ "$2" -gt 1 ] || { [ "$2" -eq 1 ] && ! grep -q '^FAIL: ' "$out/$1.log"; }; then
		tail -n 5 "$out/$1.log"
		fail "$1: the model ended with status $2"
	fi
	awk -v parker="$1" '/^PASS: / { n += $3 } END { printf "%s: %.0f executions\n", parker, n }' "$out/$1.log"
}

scenarios() {
	"$out/scenarios-futex" -p "$percent" -f "$first" >"$out/futex.log" 2>&1 & futex=$!
	pthread_status=0 futex_status=0
	"$out/scenarios-pthread" -p "$percent" -f "$first" >"$out/pthread.log" 2>&1 || pthread_status=$?
	wait $futex || futex_status=$?
	report futex $futex_status
	report pthread $pthread_status
}

# searched BOUNDS MOST NAME: the cells with two threads or three and one or two calls each
searched() {
	status=0
	"$out/scenarios-futex" -b "$1" -n "$2" once/ close/ timed/ timed-send/ cancel/array cancel/list cancel/zero \
		cancel/cast cancel/oneshot either-1/ either/ queue- >"$out/$3.log" 2>&1 || status=$?
	report "$3" $status
}

# bounded: every execution of them with so many preemptions, where each load finds the
# newest value and nobody wakes for no reason; and the first 5000 with membarrier, and
# without, of those with two preemptions and one such surprise.
bounded() {
	searched "$preemptions:0" 1000000000 bounded
	through=$(grep -c ', all of ' "$out/bounded.log")
	echo "bounded: cells that were gone through: $through"
	grep -q -e '^FAIL: ' -e ', the first of ' "$out/bounded.log" && preemptions=0
	searched 2:1 $((50 * percent)) surprised
}

# mutant PATCH: applied to a copy, it must be found.  Its line `Scenarios:` says
# where, so that a mutant is not killed by chance elsewhere.
mutant() {
	name=$(basename "$1" .patch)
	tree=$tally_tmp/$name
	mkdir -p "$tree"
	cp -R "$top_srcdir/src" "$top_srcdir/include" "$tree"
	if ! patch -s -F0 -p1 --no-backup-if-mismatch -d "$tree" <"$1"; then
		fail "mutant $name no longer applies"
		return
	fi
	for unit in $units; do
		cp "$out/futex-$(basename "$unit").o" "$tree"
		if grep -q "^+++ b/src/$unit\.c" "$1" || grep -q '^+++ b/.*\.h' "$1"; then
			translate "$tree" futex "$unit" "$tree/futex-$(basename "$unit").o" || {
				fail "mutant $name does not compile"
				return
			}
		fi
	done
	link_model "$tree/scenarios" "$tree/futex-*.o $out/futex-world.o"
	ended=0
	"$tree/scenarios" -x $(sed -n 's/^Scenarios: //p' "$1") >"$tree/log" 2>&1 || ended=$?
	if [ $ended -eq 0 ]; then
		fail "mutant $name survived"
	elif grep -q '^FAIL: ' "$tree/log"; then
		pass "mutant $name found: $(sed -n 's/^FAIL: //p' "$tree/log" | head -n 1), execution $(
			sed -n 's/^iteration: //p' "$tree/log" | head -n 1), $(grep -m1 "^[A-Z ]* (" "$tree/log")"
	elif [ $ended -gt 128 ]; then
		pass "mutant $name found: it crashed"
	else
		fail "mutant $name ended the model without a finding"
	fi
}

if build; then
	pass 'the sources compile against the model'
	scenarios
	bounded
	for patch in $(grep -l '^Scenarios: ' "$top_srcdir"/tests/mutants/*.patch); do
		mutant "$patch"
	done
	# Of the scenario with the fewest executions.
	reached relacy "$(sed -n 's/^PASS: .*, \([0-9]*\) executions$/\1/p' "$out/futex.log" "$out/pthread.log" | sort -n | head -n 1)"
	[ "$through" -eq 0 ] || reached bounded "$preemptions"
else
	fail 'the sources compile against the model'
fi
tally_end
