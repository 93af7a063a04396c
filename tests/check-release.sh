#!/bin/sh
# A release has one version, wherever it stands, and its numbers follow from it as
# HACKING says: -version-info, the nodes of libchan.map, Debian's symbols.
. "${top_srcdir:=.}/tests/tally.sh"

t=$tally_tmp

# released TREE: the version in configure.ac, and x, y, z of it
released() {
	version=$(sed -n 's/^AC_INIT(\[libchan\], \[\([0-9.]*\)\])$/\1/p' "$1/configure.ac")
	x=${version%%.*}
	z=${version##*.}
	y=${version#*.}
	y=${y%.*}
	[ "$x.$y.$z" = "$version" ]
}
same() { [ "$1" = "$2" ] || { echo "$1, not $2"; return 1; }; }

header() {
	released "$1" || return 1
	same "$(sed -nE 's/^#define CHAN_VERSION_(MAJOR|MINOR|PATCH) *//p' "$1/include/chan.h" | tr '\n' ' ')" "$x $y $z "
}
news() { released "$1" && same "$(sed 1q "$1/NEWS")" "libchan $version"; }

# libtool makes libchan.so.x.y.z of this, with the soname libchan.so.x.
library() {
	released "$1" || return 1
	same "$(sed -n 's/.*-version-info \([0-9:]*\).*/\1/p' "$1/src/Makefile.inc")" "$((x + y)):$z:$y"
}

nodes() { sed -n 's/^LIBCHAN_\([0-9.]*\) {$/\1/p' "$1/src/libchan.map"; }
map() {
	released "$1" || return 1
	before=
	for node in $(nodes "$1"); do
		grep -qx "libchan $node.0" "$1/NEWS" || { echo "NEWS has no libchan $node.0"; return 1; }
		[ -z "$before" ] || sed -n "/^LIBCHAN_$node {/,/^}/p" "$1/src/libchan.map" | grep -qx "} LIBCHAN_$before;" ||
			{ echo "LIBCHAN_$node does not inherit LIBCHAN_$before"; return 1; }
		[ "${node%.*}" -eq "$x" ] && [ "${node#*.}" -le "$y" ] || { echo "LIBCHAN_$node in $version"; return 1; }
		before=$node
	done
	[ -n "$before" ]
}

changelog() {
	released "$1" && same "$(sed -n '1s/^libchan (\(.*\)-[^-]*) .*/\1/p' "$1/packaging/debian/changelog")" "$version"
}
symbols() {
	awk '
		/^LIBCHAN_/ { node = $1; since = $1 ".0"; sub(/^LIBCHAN_/, "", since); print node "@" node, since }
		/^\tchan_/  { sub(/;.*/, "", $1); print $1 "@" node, since }' "$1/src/libchan.map" | sort >"$t/map"
	sed -n 's/^ //p' "$1/packaging/debian/libchan1.symbols" | sort | diff "$t/map" -
}

for claim in header news library map changelog symbols; do
	expect "$claim: of this release" $claim "$top_srcdir"
done

# --------------------------------------------------------------- planted defects

# planted CLAIM FILE EXPRESSION [FILE EXPRESSION...]: in a copy
planted() {
	claim=$1
	shift
	rm -rf "$t/copy"
	mkdir -p "$t/copy/include" "$t/copy/src" "$t/copy/packaging/debian"
	for file in configure.ac NEWS include/chan.h src/Makefile.inc src/libchan.map \
			packaging/debian/changelog packaging/debian/libchan1.symbols; do
		cp "$top_srcdir/$file" "$t/copy/$file"
	done
	chmod -R u+w "$t/copy"
	while [ $# -gt 0 ]; do
		sed -i "$2" "$t/copy/$1"
		! cmp -s "$t/copy/$1" "$top_srcdir/$1" || { echo "$1 is as it was"; exit 1; }
		shift 2
	done
	$claim "$t/copy"
}
refuse 'header: another version is noticed' planted header include/chan.h 's/^\(#define CHAN_VERSION_MINOR *\).*/\19/'
refuse 'news: an entry that is missing is noticed' planted news configure.ac 's/^\(AC_INIT.*\)\.[0-9]*\])/\1.99])/'
refuse 'library: a minor release under the old numbers is noticed' \
	planted library configure.ac 's/^\(AC_INIT.*\)\.[0-9]*\.[0-9]*\])/\1.99.0])/'
refuse 'map: a node of no release is noticed' planted map src/libchan.map '$s/$/\nLIBCHAN_0.9 {\n} LIBCHAN_1.0;/'
# second INHERITED: a minor release that brings a function
second() {
	planted map configure.ac 's/^\(AC_INIT.*\)\.[0-9]*\.[0-9]*\])/\1.99.0])/' \
		NEWS '1s/^/libchan 1.99.0\n\n/' \
		src/libchan.map "\$s/\$/\nLIBCHAN_1.99 {\nglobal:\n\tchan_more;\n}$1;/"
}
expect 'map: a second node that inherits the first is right' second ' LIBCHAN_1.0'
refuse 'map: one that does not is noticed' second ''
refuse 'changelog: another version is noticed' planted changelog packaging/debian/changelog '1s/(/(9/'
refuse 'symbols: a function that is missing is noticed' \
	planted symbols packaging/debian/libchan1.symbols '/ chan_send@/d'
refuse 'symbols: a function of another release is noticed' \
	planted symbols packaging/debian/libchan1.symbols 's/\( chan_send@.*\) .*/\1 0.1.0/'

tally_end
