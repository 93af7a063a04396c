#!/bin/sh
# Tests wait for states.  The one place that may sleep is tests/support/wait.c,
# and there every sleep has a comment `reason: ...` on its line or the line
# above.
. "${top_srcdir:=.}/tests/tally.sh"

c_sleep='(^|[^a-zA-Z0-9_])(sleep|usleep|nanosleep|clock_nanosleep|thrd_sleep|sleep_for|sleep_until)[[:space:]]*\('
sh_sleep='(^|[;&|({]|do|then)[[:space:]]*(sleep|usleep)[[:space:]]+[0-9.$]'

# sleeps FOLDER: every line that sleeps where none may
sleeps() {
	find "$1" -type f \( -name '*.[ch]' -o -name '*.cc' -o -name '*.cpp' -o -name '*.hpp' \) |
		sort | while read -r file; do
		case $file in
		*/support/wait.c) unreasoned "$file" ;;
		*) grep -HnE "$c_sleep" "$file" ;;
		esac
	done
	find "$1" -type f -name '*.sh' ! -name check-nosleep.sh | sort | while read -r file; do
		grep -HnE "$sh_sleep" "$file"
	done
}

unreasoned() {
	awk -v pattern="$c_sleep" -v file="$1" '
		$0 ~ pattern && $0 !~ /reason: ./ && above !~ /reason: ./ { print file ":" NR ":" $0 }
		{ above = $0 }' "$1"
}

quiet() {
	found=$(sleeps "$1")
	[ -z "$found" ] || { echo "$found"; return 1; }
}

expect 'no test sleeps' quiet "$top_srcdir/tests"

plant=$tally_tmp/tests
mkdir -p "$plant/support"
planted() {
	rm -f "$plant"/*.* "$plant"/support/*
	printf '%s\n' "$2" >"$plant/$1"
	quiet "$plant"
}
refuse 'sleep is noticed' planted a.c 'void f(void) { sleep(1); }'
refuse 'usleep is noticed' planted a.h 'static inline void f(void) { usleep (1); }'
refuse 'nanosleep is noticed' planted a.cpp '	nanosleep(&t, NULL);'
refuse 'a sleep of a script is noticed' planted a.sh 'while :; do sleep 1; done'
refuse 'the helper needs a reason' planted support/wait.c '	nanosleep(&t, NULL);'
expect 'the helper with a reason may sleep' planted support/wait.c \
	'	nanosleep(&t, NULL); /* reason: nothing to wait for */'
expect 'other names may contain the word' planted a.c '	tests_sleepers(2); /* asleep */'

tally_end
