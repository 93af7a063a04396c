#!/bin/sh
# packaging/APKBUILD: its functions, run one after the other by a plain shell as abuild would,
# with musl-gcc for the compiler.  abuild itself is not asked.
#
# CHAN_TEST_SCALE=n     divides the suites' counts, 20 unless said otherwise
. "${top_srcdir:=.}/tests/tally.sh"

top_srcdir=$(cd "$top_srcdir" && pwd)
folder=$(mkdir -p "$top_builddir/apk" && cd "$top_builddir/apk" && pwd)
release=$(cd "$top_builddir" && pwd)/${RELEASE:?is set by make check-apk}
t=$tally_tmp
for tool in musl-gcc dpkg-source apt-get; do
	command -v $tool >/dev/null && continue
	skip check-apk "needs $tool"
	tally_end
done

# The tools of this machine's C library are not for the other, nor are its libraries.
unset CXX NM ABI TIME64_CPPFLAGS CHAN_PROBES_BUILT MAKELEVEL MFLAGS
CC=musl-gcc
MAKEFLAGS=-j$(getconf _NPROCESSORS_ONLN)
PKG_CONFIG_LIBDIR=$folder/none
CHECK_CFLAGS=-I$folder/check/musl/include
CHECK_LIBS="$folder/check/musl/lib/libcheck.a -lm -lrt"
export CC MAKEFLAGS PKG_CONFIG_LIBDIR CHECK_CFLAGS CHECK_LIBS
# What failed is shown, and each suite is one process, as in check-arch.
CHAN_TEST_SCALE=${CHAN_TEST_SCALE:-20} CK_FORK=no VERBOSE=1
export CHAN_TEST_SCALE CK_FORK VERBOSE

build_check() { sh "$top_srcdir/tests/build-check.sh" "$folder/check" musl >"$t/log" 2>&1 || { tail -n 40 "$t/log"; return 1; }; }
expect 'Check is built with musl-gcc' build_check

mkdir -p "$t/src" "$t/pkg"
tar -xzf "$release" -C "$t/src" --no-same-owner

# part FUNCTION: in a shell of its own, where abuild would call it
part() {
	(
		srcdir=$t/src pkgdir=$t/pkg
		set -e
		. "$top_srcdir/packaging/APKBUILD"
		cd "$builddir"
		"$1"
	) >"$t/log" 2>&1 || { grep '^FAIL' "$t/log"; tail -n 60 "$t/log"; return 1; }
}
value() { (srcdir=$t/src; . "$top_srcdir/packaging/APKBUILD"; eval "echo \$$1"); }

expect 'APKBUILD is of this version' test "$(value source)" = "${release##*/}"
for name in prepare build check package; do
	expect "$name()" part $name
done

usr=$t/pkg/usr
of_musl() { readelf -d "$usr/lib/libchan.so.1" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' >"$t/needed"; cat "$t/needed"; [ "$(cat "$t/needed")" = libc.so ]; }
expect 'the library needs the C library alone' of_musl
for file in include/chan.h lib/libchan.a lib/libchan.so lib/pkgconfig/chan.pc share/man/man3/chan_send.3 \
		share/licenses/libchan/COPYING; do
	expect "there is usr/$file" test -e "$usr/$file"
done

# hello KIND OPTION: a program that was linked with it, shared or static
hello() {
	$CC $2 -I"$usr/include" -o "$t/hello" "$t/src/libchan-$(value pkgver)/examples/hello.c" "-L$usr/lib" -lchan &&
	LD_LIBRARY_PATH=$usr/lib "$t/hello" >"$t/said" && grep -q . "$t/said"
}
expect 'hello, shared' hello shared ''
expect 'hello, static' hello static -static

tally_end
