#!/bin/sh
# Every exported function has a man page and every page a function; the pages
# are well-formed; their prototypes are those of chan.h; their examples compile,
# run and print what the page says; what they call an excerpt of a file is one, and
# their other code compiles.
. "${top_srcdir:=.}/tests/tally.sh"

man=$top_srcdir/man
lib=$top_builddir/.libs
t=$tally_tmp
unset CHAN_FLAVOR

part() { awk -v part="$1" -v which="${3:-0}" -f "$top_srcdir/tests/man-page.awk" "$2"; }
same() { diff "$1" "$2"; }
none() { [ ! -s "$1" ] || { cat "$1"; return 1; }; }
some() { [ -s "$1" ]; }

# ------------------------------------------------- functions, pages and aliases

if [ -e "$lib/libchan.so" ]; then
	$NM -D --defined-only "$lib/libchan.so" |
		awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$t/exported"
else
	sed -n 's/^[[:space:]]*\(chan_[a-z0-9_]*\);.*/\1/p' "$top_srcdir/src/libchan.map" |
		sort >"$t/exported"
fi
expect 'functions are exported' some "$t/exported"

for page in "$man"/*.3; do
	basename "$page" .3
done >"$t/pages"
awk '{ print $1 }' "$man/aliases" >"$t/aliases"
sort "$t/pages" "$t/aliases" >"$t/documented"
expect 'exported functions are pages and aliases, one to one' same "$t/exported" "$t/documented"

sed 1d "$t/documented" >"$t/planted"
refuse 'a function without a page is noticed' same "$t/exported" "$t/planted"
{ cat "$t/documented"; echo chan_zzz; } >"$t/planted"
refuse 'a page without a function is noticed' same "$t/exported" "$t/planted"

awk 'NF != 2' "$man/aliases" >"$t/bad"
expect 'each line of man/aliases is a function and a page' none "$t/bad"

( cd "$top_srcdir" && ls man/*.[0-9] ) | sort >"$t/present"
grep -o 'man/[a-z_]*\.[0-9]' "$man/Makefile.inc" | sort >"$t/built"
expect 'every page is installed' same "$t/present" "$t/built"

# --------------------------------------------------------------- page by page

sections_of() {
	case $1 in
	*.3) printf '%s\n' NAME SYNOPSIS DESCRIPTION 'RETURN VALUES' EXAMPLES ERRORS ATTRIBUTES 'SEE ALSO' ;;
	*) printf '%s\n' NAME SYNOPSIS DESCRIPTION EXAMPLES ATTRIBUTES 'SEE ALSO' ;;
	esac
}

has_sections() {
	part sections "$1" >"$t/have" || return 1
	sections_of "$1" | grep -vxF -f "$t/have" >"$t/missing"
	none "$t/missing"
}

# NAME and SYNOPSIS of the page against its own name and its aliases.
names_its_functions() {
	own=$(basename "$1" .3)
	{ echo "$own"; awk -v page="$own" '$2 == page { print $1 }' "$man/aliases"; } | sort >"$t/own"
	part names "$1" | sed 's/ *,$//' | sort >"$t/named"
	part prototypes "$1" | sed 's/.*[ *]\(chan_[a-z_]*\)(.*/\1/' | sort >"$t/shown"
	same "$t/own" "$t/named" && same "$t/own" "$t/shown"
}

# A declaration that differs from the header's is a conflict.
compile() {
	# shellcheck disable=SC2086
	$CC -std=c11 -Wall -Wextra -Werror -I"$top_srcdir/include" $TIME64_CPPFLAGS ${CPPFLAGS:-} ${CFLAGS:-} "$@"
}

has_true_prototypes() {
	{ echo '#include <chan.h>'; part prototypes "$1"; } >"$t/prototypes.c"
	compile -fsyntax-only "$t/prototypes.c"
}

refers_to_pages() {
	part references "$1" | grep '^chan' | sort -u >"$t/referred"
	{ sed 's/$/.3/' "$t/documented"; sed 's,^man/,,' "$t/present"; } | sort -u >"$t/known"
	comm -23 "$t/referred" "$t/known" >"$t/dangling"
	none "$t/dangling"
}

has_plain_tables() {
	part macros "$1" >"$t/macros"
	none "$t/macros"
}

shows_examples() {
	part programs "$1" >"$t/programs" && [ "$(cat "$t/programs")" -gt 0 ]
}

extract() {
	part program "$1" "$2" >"$t/example.c" && part output "$1" "$2" >"$t/wanted" &&
		some "$t/example.c" && some "$t/wanted"
}

link_example() {
	# shellcheck disable=SC2086
	compile -o "$t/example" "$t/example.c" ${LDFLAGS:-} -L"$lib" -lchan ${EXAMPLE_LIBS:--pthread}
}

run_example() {
	LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} timeout 60 "$t/example" >"$t/got" </dev/null
}

# The Nth example; also one that another check changed.
example_holds() { extract "$1" "$2" && link_example && run_example && same "$t/wanted" "$t/got"; }

# ------------------------------------------------------ excerpts and fragments

are_excerpts() {
	awk -v part=excerpts -v root="$top_srcdir" -f "$top_srcdir/tests/man-page.awk" "$1" >"$t/excerpts"
}

# library_of FILE: the event loop that this code is for, and how configure calls it
library_of() {
	case $(cat "$1") in
	*epoll_*) echo EPOLL epoll ;;
	*uv_*) echo UV uv ;;
	*g_unix_*) echo GLIB glib ;;
	*io_uring_*) echo URING uring ;;
	esac
}

# The Nth fragment, as the body of a function that may return.
fragment_compiles() {
	part fragment "$1" "$2" >"$t/fragment" && some "$t/fragment" || return 1
	{
		echo '#include "fragments.h"'
		echo 'int fragment(void);'
		echo 'int fragment(void)'
		echo '{'
		cat "$t/fragment"
		echo 'return 0;'
		echo '}'
	} >"$t/fragment.c"
	# shellcheck disable=SC2046,SC2086
	compile -fsyntax-only -Wno-unused -fno-builtin -D_GNU_SOURCE -I"$top_srcdir/tests" \
		$(library_of "$t/fragment" | sed 's/ .*//; s/^/-DFRAGMENT_/') ${FRAGMENT_CPPFLAGS:-} "$t/fragment.c"
}

# fragment NAME PAGE N
fragment() {
	part fragment "$2" "$3" >"$t/fragment"
	library=$(library_of "$t/fragment" | sed 's/.* //')
	case " ${LOOP_EXAMPLES-} examples/loop_ " in
	*" examples/loop_$library "*)
		expect "$1: fragment $3 compiles" fragment_compiles "$2" "$3" ;;
	*)
		skip "check-man-$library" "$1: configure did not find it" ;;
	esac
}

calls_its_functions() {
	n=$(part programs "$1")
	while [ "$n" -gt 0 ]; do
		part program "$1" "$n"
		n=$((n - 1))
	done >"$t/all.c"
	part names "$1" | sed 's/ *,$//' | while read -r name; do
		grep -qE "(^|[^a-z_])$name\\(" "$t/all.c" || echo "$name is not called"
	done >"$t/uncalled"
	none "$t/uncalled"
}

if command -v mandoc >/dev/null 2>&1; then
	lint=yes
else
	lint=no
	skip check-man-lint 'mandoc is not installed'
fi

for page in "$man"/*.[0-9]; do
	name=$(basename "$page")
	[ $lint = no ] || expect "$name: mandoc finds nothing to warn of" mandoc -Tlint -Wwarning "$page"
	expect "$name: has every section" has_sections "$page"
	expect "$name: refers to pages that exist" refers_to_pages "$page"
	expect "$name: tables are plain text" has_plain_tables "$page"
	case $page in *.3)
		expect "$name: NAME and SYNOPSIS list its functions" names_its_functions "$page"
		expect "$name: prototypes are those of chan.h" has_true_prototypes "$page"
		expect "$name: the examples call its functions" calls_its_functions "$page"
	esac
	expect "$name: excerpts are excerpts" are_excerpts "$page"
	count=$(part fragments "$page")
	while [ "$count" -gt 0 ]; do
		fragment "$name" "$page" "$count"
		count=$((count - 1))
	done
	expect "$name: shows programs and their output" shows_examples "$page"
	count=$(cat "$t/programs")
	while [ "$count" -gt 0 ]; do
		expect "$name: example $count prints what the page says" example_holds "$page" "$count"
		count=$((count - 1))
	done
done

# ------------------------------------------------------------- the tutorial

# Each example that is a program is in it, and is shown or told of.
names_every_example() {
	grep -l '\<main(' "$top_srcdir"/examples/*.c "$top_srcdir"/examples/*.cpp |
		sed 's,.*/\(examples/\),\1,' | sort >"$t/programs"
	sed -n 's/^\.\(It \)\{0,1\}Pa \(examples\/[a-z_.]*\).*/\2/p' "$1" | sort -u >"$t/named"
	comm -23 "$t/programs" "$t/named" >"$t/missing"
	some "$t/programs" && none "$t/missing"
}
tutorial=$man/chan_tutorial.7
expect 'the tutorial names every example' names_every_example "$tutorial"
are_excerpts "$tutorial"
expect 'the tutorial has excerpts' test "$(cat "$t/excerpts")" -ge 10

# ----------------------------------------------- the page of counterparts

# The right-hand columns name calls of ours.
names_our_calls() {
	awk -F '\t' '/^\.TS/ { table = 1 } /^\.TE/ { table = 0 } table && NF == 2 { print $2 }' "$1" |
		grep -o '\<chan_[a-z_]*' | sort -u >"$t/named"
	{ cat "$t/documented"; printf '%s\n' chan_sender_t chan_receiver_t; } | sort -u >"$t/known"
	comm -23 "$t/named" "$t/known" >"$t/unknown"
	some "$t/named" && none "$t/unknown"
}
expect 'the counterparts are calls that exist' names_our_calls "$man/chan_coming_from.7"

# ----------------------------------------------------------- planted defects

sed 's/^1 found room/9 found room/' "$man/chan_force_send.3" >"$t/planted.3"
refuse 'an example whose output differs is noticed' example_holds "$t/planted.3" 1
sed 's/chan_sender_t \*tx;/chan_receiver_t *tx;/' "$man/chan_force_send.3" >"$t/planted.3"
refuse 'an example that does not compile is noticed' example_holds "$t/planted.3" 1
sed 's/"const void \*msg"/"void *msg"/' "$man/chan_force_send.3" >"$t/planted.3"
refuse 'a prototype that differs is noticed' has_true_prototypes "$t/planted.3"
sed 's/\\e/\\/' "$man/chan_force_send.3" >"$t/planted.3"
refuse 'a backslash that is not escaped is noticed' extract "$t/planted.3" 1

sed 's/examples\/try\.c/examples\/tick.c/' "$tutorial" >"$t/planted.7"
refuse 'an example that is not named is noticed' names_every_example "$t/planted.7"
refuse 'an output of another program is noticed' are_excerpts "$t/planted.7"
sed 's/while (chan_select(/if (chan_select(/' "$tutorial" >"$t/planted.7"
refuse 'a line that is not in the file is noticed' are_excerpts "$t/planted.7"
awk '/in_order &= n/ { held = $0; next } { print } held { print held; held = "" }' "$tutorial" >"$t/planted.7"
refuse 'lines in another order are noticed' are_excerpts "$t/planted.7"
sed 's/^\tuse(&msg);/\tuse(msg)/' "$man/chan.7" >"$t/planted.7"
refuse 'a fragment that does not compile is noticed' fragment_compiles "$t/planted.7" 1
sed 's/\tchan_try_select/\tchan_select_try/' "$man/chan_coming_from.7" >"$t/planted.7"
refuse 'a counterpart that does not exist is noticed' names_our_calls "$t/planted.7"

tally_end
