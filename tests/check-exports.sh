#!/bin/sh
# libchan.map, the shared library and chan.h name the same functions, and the
# static library brings no name outside chan_ and chan__.
. "${top_srcdir:=.}/tests/tally.sh"

map=$top_srcdir/src/libchan.map
lib=$top_builddir/.libs
t=$tally_tmp

# Names followed by a parenthesis, once comments and macros are gone.
# shellcheck disable=SC2086
$CC -E -P $TIME64_CPPFLAGS "$top_srcdir/include/chan.h" |
	grep -oE '\bchan_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u >"$t/header"
sed -n 's/^[[:space:]]*\(chan_[a-z0-9_]*\);.*/\1/p' "$map" | sort >"$t/map"

at_least_one() { [ "$(wc -l <"$1")" -gt 0 ]; }
same() { diff "$1" "$2"; }
none() { [ ! -s "$1" ] || { cat "$1"; return 1; }; }

expect 'chan.h declares functions' at_least_one "$t/header"
expect 'libchan.map names what chan.h declares' same "$t/header" "$t/map"

uniq -d "$t/map" >"$t/twice"
expect 'libchan.map names nothing twice' none "$t/twice"

if [ -e "$lib/libchan.so" ]; then
	# The version nodes themselves are absolute symbols.
	$NM -D --defined-only "$lib/libchan.so" |
		awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$t/shared"
	expect 'libchan.so exports what chan.h declares' same "$t/header" "$t/shared"

	$NM -D --defined-only --with-symbol-versions "$lib/libchan.so" |
		awk '$2 != "A" && $3 !~ /@@LIBCHAN_1\.[0-9]+$/ { print $3 }' >"$t/unversioned"
	expect 'every exported symbol has a version' none "$t/unversioned"

	sed 1d "$t/header" >"$t/planted"
	refuse 'a function that is not exported is noticed' same "$t/planted" "$t/shared"
else
	skip check-exports-shared 'no shared library was built'
fi

if [ -e "$lib/libchan.a" ]; then
	$NM -g --defined-only "$lib/libchan.a" | awk 'NF == 3 { print $3 }' | sort -u >"$t/static"
	# Sanitizers add names of their own, which begin with two underscores; probes one.
	grep -vE '^(chan_|__(asan|odr_asan|tsan|ubsan|x86|local_asan)|_\.stapsdt\.base$)' "$t/static" >"$t/foreign"
	expect 'libchan.a defines only chan_ names' none "$t/foreign"
	grep -E '^chan_[^_]' "$t/static" >"$t/public"
	expect 'libchan.a defines what chan.h declares' same "$t/header" "$t/public"
else
	skip check-exports-static 'no static library was built'
fi

tally_end
