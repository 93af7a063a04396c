#!/bin/sh
# A program that was linked with an older libchan runs with this one: functions,
# their types and the structs of chan.h are those of packaging/abi, or more.  Called as
# `check-abi.sh baseline` it writes that record.
. "${top_srcdir:=.}/tests/tally.sh"
. "$top_srcdir/tests/layout.sh"

t=$tally_tmp
baseline=$top_srcdir/packaging/abi/$ABI.abi

if ! command -v abidw >/dev/null; then
	skip check-abi 'needs abidw'
	tally_end
fi

# represent LIBRARY HEADER-FOLDER FILE: what chan.h says of it, without the structs that
# only the library knows, and without a word on where it was built.  A unit has to have
# some name.
represent() {
	readelf -S "$1" | grep -q '\.debug_info' || { echo "$1: compiled without -g"; return 1; }
	abidw --exported-interfaces-only --headers-dir "$2" --drop-private-types --no-corpus-path \
		--no-comp-dir-path --no-show-locs --type-id-style hash --out-file "$t/full.abi" "$1" &&
	sed "s| path='[^']*/\(src/[^']*\)'| path='\1'|" "$t/full.abi" >"$3"
}

if [ "${1:-}" = baseline ]; then
	expect "$baseline" represent "$top_builddir/.libs/libchan.so" "$top_srcdir/include" "$baseline"
	layout "$top_srcdir/include" >"${baseline%.abi}.layout"
	tally_end
fi
if [ ! -e "$baseline" ]; then
	skip check-abi "nothing is recorded for $ABI"
	tally_end
fi

# New functions apart, nothing may differ at all.
compatible() {
	represent "$1" "$2" "$t/now.abi" && abidiff --no-added-syms "$baseline" "$t/now.abi"
}
expect 'this library serves the programs of the last' compatible \
	"$top_builddir/.libs/libchan.so" "$top_srcdir/include"
no_paths() { ! grep -nE "filepath|comp-dir|line='|='(\.\.)?/" "$baseline"; }
expect 'the record says nothing of where it was made' no_paths
expect 'it has the functions' grep -q "name='chan_send'" "$baseline"
expect 'and the structs' grep -q "class-decl name='chan_case' size-in-bits=" "$baseline"
refuse 'but not those that only the library knows' grep -q "class-decl name='chan__" "$baseline"

# --------------------------------------------------------------- planted defects

# change EXPRESSION FILE...: a copy of the sources, those files changed by sed
change() {
	rm -rf "$t/copy"
	mkdir "$t/copy"
	cp -R "$top_srcdir/include" "$top_srcdir/src" "$t/copy"
	chmod -R u+w "$t/copy"
	expression=$1
	shift
	for file; do
		sed -i "$expression" "$t/copy/$file"
		! cmp -s "$t/copy/$file" "$top_srcdir/$file" || { echo "$file is as it was"; return 1; }
	done
	case $CHAN_SOURCES in *parker_futex*) defines=-DCHAN_PARKER_FUTEX=1 ;; *) defines= ;; esac
	sources=$(echo "$CHAN_SOURCES" | tr ' ' '\n' | grep '\.c$')
	# shellcheck disable=SC2086
	(cd "$t/copy" && $CC -std=gnu11 -g -O0 -fPIC -shared -fvisibility=hidden -pthread -D_GNU_SOURCE $TIME64_CPPFLAGS \
		$defines -Iinclude -Isrc -Wl,--version-script,src/libchan.map -Wl,-soname,libchan.so.1 \
		-o libchan.so $sources)
}
still_compatible() { compatible "$t/copy/libchan.so" "$t/copy/include"; }

# planted NAME EXPRESSION FILE...: the change compiles, and is refused
planted() {
	name=$1
	shift
	expect "$name: it compiles" change "$@"
	refuse "$name is noticed" still_compatible
}

expect 'the same sources, compiled without optimisation' change 's/^\/\*$/\/\* /' include/chan.h
expect 'are compatible' still_compatible
more='const char \*chan_version'
expect 'one more function' change "s/^\tchan_version;/&\n\tchan_version_more;/
	s/^${more}(void);/&\n${more}_more(void);/
	s/^CHAN__EXPORT ${more}(void)\$/CHAN__EXPORT ${more}_more(void)\n{\n\treturn \"\";\n}\n\n&/" \
	src/libchan.map include/chan.h src/chan.c
expect 'is compatible' still_compatible
planted 'a function that is gone' '/^\tchan_subscribe;/d' src/libchan.map
planted 'a longer struct' 's/reserved\[12\]/reserved[13]/' include/chan.h
planted 'another type of an argument' 's/chan_tick(uint64_t period_ns/chan_tick(uint32_t period_ns/' \
	include/chan.h src/timer.c
planted 'another type of a result' 's/uint64_t \( *\)chan_lost(/uint32_t \1chan_lost(/' include/chan.h src/chan.c

tally_end
