#!/bin/sh
# The library under Relacy: every scenario, with both parkers, and mutants that
# must be found.
#
# CHAN_RELACY_PERCENT=1000  ten times as many executions (default 100)
# CHAN_RELACY_FIRST=200001  other executions: the first one's number, and seed
. "${top_srcdir:=.}/tests/tally.sh"

here=$top_srcdir/tests/relacy
out=$top_builddir/tests/relacy
percent=${CHAN_RELACY_PERCENT:-100}
first=${CHAN_RELACY_FIRST:-1}
mkdir -p "$out"

flags="-DCHAN_WAKER_WORDS_=64 -std=c++17 -O2 -g -D_GNU_SOURCE -I$here ${TIME64_CPPFLAGS:-}"
units='async attr block cancel chan eventfd flavor handle select timer flavors/array flavors/at flavors/broadcast flavors/list
	flavors/mutex_condvar flavors/never flavors/oneshot flavors/tick flavors/zero wait/waitq
	wait/parker_futex wait/parker_pthread'

if ! printf '#include <relacy/relacy.hpp>\n' | $CXX -E -x c++ - >/dev/null 2>&1; then
	skip check-relacy 'Relacy is not installed'
	tally_end
fi

parker_flag() { if [ "$1" = futex ]; then echo -DCHAN_PARKER_FUTEX=1; fi; }

# translate TREE PARKER UNIT OBJECT: one source of the library, as it is.  It is C
# read as C++; -fsanitize=thread brings the calls that the model answers.
translate() {
	$CXX $flags $(parker_flag "$2") -I"$1/include" -I"$1/src" -w -fpermissive \
		-fsanitize=thread -include "$here/seams.h" -x c++ -c "$1/src/$3.c" -o "$4"
}

# objects PARKER: of all units, into $out
objects() {
	for unit in $units; do
		case $1:$unit in pthread:wait/parker_futex) continue ;; esac
		translate "$top_srcdir" "$1" "$unit" "$out/$1-$(basename "$unit").o" || return 1
	done
	$CXX $flags $(parker_flag "$1") -I"$top_srcdir/include" -I"$top_srcdir/src" -fpermissive -w \
		-include "$here/seams.h" -c "$here/world.cpp" -o "$out/$1-world.o"
}

common() {
	$CXX $flags -w -c "$here/model.cpp" -o "$out/model.o" &&
	$CXX $flags -Wall -Wextra -I"$top_srcdir/include" -c "$here/scenarios.cpp" -o "$out/scenarios.o"
}

# Addresses in a history are those of addr2line -e, so not relocated.
link_model() { $CXX -no-pie -o "$1" "$out/model.o" "$out/scenarios.o" $2; }

build() {
	(objects futex) & futex=$!
	(common && objects pthread) || { wait $futex; return 1; }
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
	if "$tree/scenarios" -x $(sed -n 's/^Scenarios: //p' "$1") >"$tree/log" 2>&1; then
		fail "mutant $name survived"
	elif grep -q '^FAIL: ' "$tree/log"; then
		pass "mutant $name found: $(sed -n 's/^FAIL: //p' "$tree/log" | head -n 1), execution $(
			sed -n 's/^iteration: //p' "$tree/log" | head -n 1), $(grep -m1 "^[A-Z ]* (" "$tree/log")"
	else
		fail "mutant $name ended the model without a finding"
	fi
}

if build; then
	pass 'the sources compile against the model'
	scenarios
	for patch in $(grep -l '^Scenarios: ' "$top_srcdir"/tests/mutants/*.patch); do
		mutant "$patch"
	done
else
	fail 'the sources compile against the model'
fi
tally_end
