#!/bin/sh
# check-unload.sh - the shared library can be unloaded, and nothing of it is called
# afterwards: unload.c
. "${top_srcdir:=.}/tests/tally.sh"

t=$tally_tmp
lib=$top_builddir/.libs/libchan.so

if [ ! -e "$lib" ]; then
	skip check-unload 'no shared library was built'
	tally_end
fi
# musl keeps what was loaded for good.
if $CC -dM -E -include features.h -x c /dev/null 2>/dev/null | grep -q '__GLIBC__'; then :; else
	skip check-unload 'this C library unloads nothing'
	tally_end
fi

# link PROGRAM FILE...
link() {
	to=$1
	shift
	# shellcheck disable=SC2086
	$CC -std=c11 -D_GNU_SOURCE -Wall -Wextra -I"$top_srcdir/include" $TIME64_CPPFLAGS ${CPPFLAGS:-} ${CFLAGS:-} \
		-o "$to" "$@" ${LDFLAGS:-} ${EXAMPLE_LIBS:--pthread} -ldl
}
unloads() { timeout 120 "$t/unload" "$1"; }

expect 'the program that unloads compiles' link "$t/unload" "$top_srcdir/tests/unload.c"
expect 'the library is used and unloaded, again and again' unloads "$lib"

# One that is marked to stay, and has libchan.so stay with it.
LD_LIBRARY_PATH=$top_builddir/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
echo 'int chan_planted; int chan_planted = 1;' >"$t/planted.c"
expect 'a library that stays compiles' link "$t/planted.so" "$t/planted.c" -shared -fPIC \
	-Wl,-z,nodelete -Wl,--no-as-needed -L"$top_builddir/.libs" -lchan
refuse 'a library that stays is noticed' unloads "$t/planted.so"

tally_end
