#!/bin/sh
# Each class of failure that this field has had is provoked: tests/provoked.txt names
# its tests, which exist, and its mutant, which exists and is killed by one of them.
. "${top_srcdir:=.}/tests/tally.sh"

# classes FILE
classes() { sed -n 's/^class //p' "$1"; }

# of WORD CLASS FILE: the lines of the class that begin with the word, without it
of() {
	awk -v word="$1" -v class="$2" '
		$1 == "class" { in_class = $2 == class }
		in_class && $1 == word { sub(/^[^ \t]*[ \t]*/, ""); print }' "$3"
}

# has_test PROGRAM NAME: it stands in a table of the program's own sources
has_test() {
	case $1 in
	test_common) sources="$top_srcdir/tests/common_*.c" ;;
	test_select) sources="$top_srcdir/tests/select_*.c" ;;
	*)           sources="$top_srcdir/tests/$1.c" ;;
	esac
	grep -qE "BEHAVIOUR\($2," $sources
}

# complete FILE CLASS
complete() {
	[ "$(of what "$2" "$1" | wc -l)" -eq 1 ] || { echo "$2 does not say what it is"; return 1; }
	[ "$(of test "$2" "$1" | wc -l)" -gt 0 ] || { echo "$2 has no test"; return 1; }
	[ "$(of mutant "$2" "$1" | wc -l)" -gt 0 ] || { echo "$2 has no mutant"; return 1; }
	of test "$2" "$1" | while read -r program name rest; do
		[ -z "$rest" ] && has_test "$program" "$name" || { echo "$2: there is no $program $name"; exit 1; }
	done || return 1
	of mutant "$2" "$1" | while read -r name; do
		patch=$top_srcdir/tests/mutants/$name.patch
		killer=$(sed -n 's/^Killed-by: \([^ ]* [^ ]*\).*/\1/p' "$patch" 2>/dev/null)
		[ -n "$killer" ] || { echo "$2: there is no mutant $name with a Killed-by"; exit 1; }
		of test "$2" "$1" | grep -qxF "$killer" || { echo "$2: $name is killed by $killer, which is not its test"; exit 1; }
	done
}

# all FILE
all() {
	[ "$(classes "$1" | sort | uniq -d | wc -l)" -eq 0 ] || { echo 'a class stands there twice'; return 1; }
	for class in $(classes "$1"); do
		complete "$1" "$class" || return 1
	done
}

# mutants FILE: every native mutant belongs to a class
mutants() {
	grep -l '^Killed-by: ' "$top_srcdir"/tests/mutants/*.patch | while read -r patch; do
		grep -qx "mutant $(basename "$patch" .patch)" "$1" || { echo "$patch belongs to no class"; exit 1; }
	done
}

table=$top_srcdir/tests/provoked.txt
expect "each of $(classes "$table" | wc -l) classes has its tests and its mutants" all "$table"
expect 'each mutant has its class' mutants "$table"

# What it is to find.
planted() { sed "$1" "$table" >"$tally_tmp/planted"; }
planted 's/^\(test test_common \).*/\1there_is_no_such_test/'
refuse 'a test that does not exist is found' all "$tally_tmp/planted"
planted 's/^mutant .*/mutant NO_SUCH_MUTANT/'
refuse 'a mutant that does not exist is found' all "$tally_tmp/planted"
planted '/^mutant /d'
refuse 'a class without a mutant is found' all "$tally_tmp/planted"
planted '/^test /d'
refuse 'a class without a test is found' all "$tally_tmp/planted"
tally_end
