#!/bin/sh
# Every exported function has a man page and every page a function; the pages
# are well-formed; their prototypes are those of chan.h; their examples compile,
# run and print what the page says.
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
	expect "$name: shows programs and their output" shows_examples "$page"
	count=$(cat "$t/programs")
	while [ "$count" -gt 0 ]; do
		expect "$name: example $count prints what the page says" example_holds "$page" "$count"
		count=$((count - 1))
	done
done

# ----------------------------------------------------------- planted defects

sed 's/^1 found room/9 found room/' "$man/chan_force_send.3" >"$t/planted.3"
refuse 'an example whose output differs is noticed' example_holds "$t/planted.3" 1
sed 's/chan_sender_t \*tx;/chan_receiver_t *tx;/' "$man/chan_force_send.3" >"$t/planted.3"
refuse 'an example that does not compile is noticed' example_holds "$t/planted.3" 1
sed 's/"const void \*msg"/"void *msg"/' "$man/chan_force_send.3" >"$t/planted.3"
refuse 'a prototype that differs is noticed' has_true_prototypes "$t/planted.3"
sed 's/\\e/\\/' "$man/chan_force_send.3" >"$t/planted.3"
refuse 'a backslash that is not escaped is noticed' extract "$t/planted.3" 1

tally_end
