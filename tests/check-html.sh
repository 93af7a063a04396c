#!/bin/sh
# check-html.sh - the manual becomes HTML without a warning; every page and every call
# is in the index, and no link leads nowhere.
. "${top_srcdir:=.}/tests/tally.sh"

t=$tally_tmp
html=$t/html

if ! command -v mandoc >/dev/null 2>&1; then
	skip check-html 'mandoc is not installed'
	tally_end
fi

converts() { sh "$top_srcdir/man/make-html.sh" "$1" "$html" >"$t/log" 2>&1 || { cat "$t/log"; return 1; }; [ ! -s "$t/log" ]; }

every_page() {
	for page in "$top_srcdir"/man/*.[0-9]; do
		[ -s "$html/$(basename "$page").html" ] || { echo "$page has no HTML"; return 1; }
	done
}

# Each as FILE<tab>LINK.
links() {
	for file in "$html"/*.html; do
		tr '\n' ' ' <"$file" | grep -o ' href="[^"]*"' | sed "s,^ href=\"\\(.*\\)\",$(basename "$file")	\\1,"
	done
}

no_dead_links() {
	links >"$t/links"
	[ -s "$t/links" ] || return 1
	while IFS='	' read -r file link; do
		to=${link%%#*}
		case $link in
		*://* | mailto:*) echo "$file: $link leads out of the manual"; continue ;;
		*#*) tr '\n' ' ' <"$html/${to:-$file}" | grep -q " id=\"${link#*#}\"" && continue ;;
		*) [ -e "$html/$to" ] && continue ;;
		esac
		echo "$file: $link leads nowhere"
	done <"$t/links" >"$t/dead"
	[ ! -s "$t/dead" ] || { cat "$t/dead"; return 1; }
}

# Where one can get from one page to another, and to each from the index.
is_linked() { grep -q "^$1	$2" "$t/links"; }
in_index() {
	for page in "$top_srcdir"/man/*.[0-9]; do
		is_linked index.html "$(basename "$page").html" || { echo "$page is not in the index"; return 1; }
	done
	awk '{ print $1 }' "$top_srcdir/man/aliases" | while read -r name; do
		grep -q "\\<$name\\>" "$html/index.html" || echo "$name is not in the index"
	done >"$t/missing"
	[ ! -s "$t/missing" ] || { cat "$t/missing"; return 1; }
}

expect 'the pages become HTML without a warning' converts "$top_srcdir/man"
expect 'every page does' every_page
expect 'no link leads nowhere' no_dead_links
expect 'every page and every call is in the index' in_index
expect 'a page links to another' is_linked chan_event.7.html chan_poll_recv.3.html
expect 'a call without a page of its own is found in one' is_linked chan.7.html chan_broadcast.3.html#chan_subscribe
expect 'the style sheet is there' test -s "$html/chan.css"
refuse 'a page of the system is not linked to' is_linked chan_event.7.html poll.2

# --------------------------------------------------------------- planted defects

rm "$html/chan_send.3.html"
refuse 'a link to a page that is gone is noticed' no_dead_links
mkdir "$t/man"
cp "$top_srcdir"/man/*.[0-9] "$top_srcdir/man/aliases" "$top_srcdir/man/chan.css" "$t/man"
echo '.Zz' >>"$t/man/chan_send.3"
refuse 'a warning is noticed' converts "$t/man"

tally_end
