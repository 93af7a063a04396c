#!/bin/sh
# Debian's packages: built from the release in a root with what they ask for and no more;
# blhc has no complaint of the compiler's options and lintian none of the packages; and in
# a root that has nothing else they install, their own tests pass, `man` and pkg-config
# find what they should, an example compiles, and another libchan is no trouble.
. "${top_srcdir:=.}/tests/tally.sh"
. "$top_srcdir/tests/debian-root.sh"
. "$top_srcdir/tests/example-output.sh"

release=$top_builddir/${RELEASE:?is set by make check-deb}
t=$tally_tmp
for tool in lintian blhc; do
	command -v $tool >/dev/null && continue
	skip check-deb "needs $tool"
	tally_end
done
root_or_skip check-deb

# --------------------------------------------------------------------- building

step 'a minimal root' debian_root apt
step 'and another' other_root
work=$root.other/root
name=${release##*/}
name=${name%.tar.gz}
version=${name#libchan-}
source=$work/$name

unpack() { cp "$release" "$work" && tar -xzf "$work/$name.tar.gz" --no-same-owner -C "$work"; }
step 'the release unpacks' unpack
complete() { diff -r "$top_srcdir/packaging/debian" "$source/packaging/debian"; }
expect 'it has all of packaging/debian' complete

another_version() {
	mkdir "$work/another" && cp -R "$source/packaging" "$work/another" &&
	sed 's/^AC_INIT.*/AC_INIT([libchan], [0.0.0])/' "$source/configure.ac" >"$work/another/configure.ac"
}
expect 'a release with an older changelog is made' another_version
refuse 'packaging/put-debian refuses it' "$work/another/packaging/put-debian" "$work/$name.tar.gz"
put() { in_other "/root/$name/packaging/put-debian"; }
step 'packaging/put-debian' put
refuse 'a second time it refuses' put

# apt WHERE ARGUMENT...
apt() {
	where=$1
	shift
	$where env DEBIAN_FRONTEND=noninteractive DEB_BUILD_PROFILES=nocheck \
		apt-get -qq -y --no-install-recommends "$@" >"$t/apt.log" 2>&1 || { tail -n 30 "$t/apt.log"; return 1; }
}
build_depends() {
	apt in_other update && apt in_other install build-essential && apt in_other build-dep "/root/$name"
}
step 'what it is built with' build_depends

# The suites have run elsewhere; without nocheck they run here as well.
build() {
	in_other env LC_ALL=C.UTF-8 DEB_BUILD_PROFILES=nocheck \
		DEB_BUILD_OPTIONS="nocheck parallel=$(getconf _NPROCESSORS_ONLN)" \
		sh -c 'cd "$0" && exec dpkg-buildpackage -us -uc' "/root/$name" >"$t/build.log" 2>&1 ||
		{ tail -n 60 "$t/build.log"; return 1; }
}
step 'dpkg-buildpackage -us -uc' build
arch=$(in_other dpkg --print-architecture)
triplet=$(in_other dpkg-architecture -qDEB_HOST_MULTIARCH)
package() { ls "$work/$1"_*_"$arch".deb; }
expect 'libchan1, libchan-dev and libchan1-dbgsym are there' eval \
	'package libchan1 && package libchan-dev && package libchan1-dbgsym'

# ---------------------------------------------------------------- what others say

hardened() { blhc --all --debian --arch "$arch" "$1"; }
expect 'blhc' hardened "$t/build.log"
sed 's/-fstack-protector-strong//' "$t/build.log" >"$t/weak.log"
refuse 'blhc, told of code without a stack protector' hardened "$t/weak.log"

lint() { lintian --allow-root --pedantic --fail-on error,warning,pedantic "$@"; }
expect 'lintian' lint "$work"/*.changes

library=$t/$(basename "$(package libchan1)")
take_apart()    { dpkg-deb -R "$(package libchan1)" "$t/raw"; }
put_together()  { dpkg-deb --root-owner-group -b "$t/raw" "$library"; }
as_it_was()     { take_apart && put_together && lint "$library"; }
no_overrides() {
	rm -r "$t/raw/usr/share/lintian" && sed -i '/ usr\/share\/lintian\//d' "$t/raw/DEBIAN/md5sums" && put_together
}
first_upload() {
	! lint "$library" >"$t/lint" && cat "$t/lint" && grep -q 'W: .*initial-upload-closes-no-bugs' "$t/lint"
}
expect 'lintian, shown a package that was taken apart and put together' as_it_was
expect 'the same without its overrides' no_overrides
expect 'is not the same to lintian' first_upload

# symbols SYMBOLS-FILE: what dh_makeshlibs did
symbols() {
	in_other sh -c 'cd "$0" && dpkg-gensymbols -c4 -plibchan1 -Pdebian/libchan1 -O/dev/null -I"$1"' "/root/$name" "$1"
}
expect 'the symbols file is complete' symbols debian/libchan1.symbols
sed '/ chan_send@/d' "$source/debian/libchan1.symbols" >"$work/fewer"
refuse 'a symbol that it does not have is noticed' symbols /root/fewer
sed "\$s/.*/&\n chan_gone@LIBCHAN_1.0 $version/" "$source/debian/libchan1.symbols" >"$work/more"
refuse 'a symbol that the library does not have is noticed' symbols /root/more

# ------------------------------------------------------------------- what is where

contents() { dpkg-deb -c "$(package "$1")" | awk '$1 !~ /^d/ { print $6 }' | sed 's,^\./,,' | sort; }
contents libchan1 >"$t/libchan1"
contents libchan-dev >"$t/libchan-dev"

runtime() {
	cat >"$t/expected" <<-END
		usr/lib/$triplet/libchan.so.1
		usr/lib/$triplet/libchan.so.$version
		usr/share/gdb/auto-load/usr/lib/$triplet/libchan.so.$version-gdb.py
	END
	grep -v '^usr/share/\(doc\|lintian\)/' "$t/libchan1" | diff "$t/expected" -
}
expect 'libchan1: the library, and what gdb wants for it' runtime
development() {
	cat >"$t/expected" <<-END
		usr/include/chan.h
		usr/lib/$triplet/libchan.a
		usr/lib/$triplet/libchan.so
		usr/lib/$triplet/pkgconfig/chan.pc
	END
	grep -v '^usr/share/' "$t/libchan-dev" | diff "$t/expected" -
}
expect 'libchan-dev: what programs are built with' development
manual() {
	for call in $(sed -n 's/^[[:space:]]*\(chan_[a-z0-9_]*\);.*/\1/p' "$source/src/libchan.map"); do
		grep -qx "usr/share/man/man3/$call\.3\.gz" "$t/libchan-dev" || { echo "$call"; return 1; }
	done
	grep -qx 'usr/share/man/man7/chan\.7\.gz' "$t/libchan-dev"
}
expect 'libchan-dev: a page for every call' manual
documents() {
	(cd "$source/examples" && ls ./*.[ch] ./*.[ch]pp ./*.bt) | sed 's,^\.,usr/share/doc/libchan-dev/examples,' |
		sort >"$t/expected"
	grep '/examples/' "$t/libchan-dev" | diff "$t/expected" -
}
expect 'libchan-dev: the examples, as they are' documents
debug_symbols() {
	id=$(readelf -n "$source/debian/libchan1/usr/lib/$triplet/libchan.so.$version" | sed -n 's/.*Build ID: //p')
	contents libchan1-dbgsym | grep -qx "usr/lib/debug/\.build-id/${id%"${id#??}"}/${id#??}\.debug"
}
expect 'libchan1-dbgsym: the symbols of this library' debug_symbols
# What has one name on all architectures must be the same on all.
in_place() { ! cat "$t/libchan1" "$t/libchan-dev" | grep -v "/$triplet/" | grep -E '\.(so|a|pc|py)(\.|$)'; }
expect 'nothing that depends on the architecture is outside its folder' in_place

# ------------------------------------------------------------------ the clean root

install_packages() {
	mkdir "$root/packages" && cp "$(package libchan1)" "$(package libchan-dev)" "$root/packages" &&
	mkdir "$root/source" && tar -xzf "$release" --strip-components=1 --no-same-owner -C "$root/source" &&
	cp -R "$source/packaging/debian" "$root/source" &&
	apt in_root update &&
	# shellcheck disable=SC2046
	apt in_root install $(cd "$root/packages" && for deb in *.deb; do echo "/packages/$deb"; done)
}
step 'libchan1 and libchan-dev install' install_packages

# The package's tests, each with what it asks for and no more.
tests=$(sed -n 's/^Tests: *//p' "$source/debian/tests/control")
needs() {
	awk -v test="$1" '
		/^Tests:/ { ours = $2 == test; list = 0 }
		/^[A-Z]/ { list = /^Depends:/ }
		/^ / && ours && list { sub(/,$/, "", $1); print $1 }' "$source/debian/tests/control"
}
autopkgtest() {
	# shellcheck disable=SC2046
	apt in_root install $(needs "$1") &&
	in_root sh -c "mkdir -p /root/tmp && cd /source && AUTOPKGTEST_TMP=/root/tmp exec debian/tests/$1"
}
for test in $tests; do
	step "autopkgtest: $test" autopkgtest "$test"
done

step 'man and pkg-config install' apt in_root install man-db pkgconf gcc libc6-dev
shows() { in_root man "$1" >"$t/page" 2>&1 && grep -q SYNOPSIS "$t/page" && grep -q "$1" "$t/page"; }
expect 'man chan_send' shows chan_send
refuse 'a page that is not there is noticed' shows chan_nothing
links() { [ "$(in_root pkg-config --libs chan | sed 's/ *$//')" = -lchan ]; }
expect 'pkg-config --libs chan' links
example() {
	in_root sh -c 'cd /root && gcc -pthread -o hello /usr/share/doc/libchan-dev/examples/hello.c \
		$(pkg-config --cflags --libs chan) && ./hello' >"$t/printed" &&
	expected_output "$source/examples/hello.c" | diff - "$t/printed"
}
expect 'an installed example compiles, and prints what it says' example

# --------------------------------------------------------------- the other libchan

# As Fedora has it: chan/chan.h, libchan.so.0, functions of the same names without a
# version.  Its development files would own libchan.so, so its name is given in full.
elsewhere() {
	mkdir -p "$root/usr/include/chan" &&
	echo 'int chan_send(void *chan, void *data);' >"$root/usr/include/chan/chan.h" &&
	echo 'int chan_send(void *chan, void *data) { (void)chan; return *(int *)data + 1; }' >"$root/root/other.c" &&
	cat >"$root/root/use.c" <<-'END' &&
		#include <chan/chan.h>
		int main(void)
		{
			int n = 41;
			return chan_send(0, &n) != 42;
		}
	END
	in_root sh -c 'cd /root && gcc -fPIC -shared -Wl,-soname,libchan.so.0 -o "$1/libchan.so.0.0.0" other.c &&
		ldconfig && gcc -o use use.c -l:libchan.so.0 && ./use' - "/usr/lib/$triplet"
}
expect 'a program with the other libchan runs beside this one' elsewhere
expect 'and this one is found as before' example
rm -rf "$root/usr/include/chan" "$root/usr/lib/$triplet"/libchan.so.0*

# ------------------------------------------------------------------- and away again

gone() {
	in_root dpkg --purge libchan-dev libchan1 >"$t/purge.log" 2>&1 || { cat "$t/purge.log"; return 1; }
	! find "$root/usr" "$root/etc" "$root/var/lib/dpkg/info" \
		\( -name '*libchan*' -o -name 'chan*.[37].gz' -o -name chan.h \) |
		grep .
}
expect 'purged, nothing of them is left' gone

finish
