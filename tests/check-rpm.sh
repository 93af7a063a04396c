#!/bin/sh
# packaging/libchan.spec: rpmlint has no complaint of it, rpmbuild makes packages of the
# release, rpmlint has none of those either, and what they hold serves programs.  It judges
# packages by a distribution's rules, and on Debian it has been given none: libchan.rpmlintrc
# says which of its own do not apply.
. "${top_srcdir:=.}/tests/tally.sh"

top_srcdir=$(cd "$top_srcdir" && pwd)
release=$(cd "$top_builddir" && pwd)/${RELEASE:?is set by make check-rpm}
spec=$top_srcdir/packaging/libchan.spec
t=$tally_tmp
unset MAKEFLAGS MFLAGS MAKELEVEL
for tool in rpmbuild rpmlint rpm2cpio cpio; do
	command -v $tool >/dev/null && continue
	skip check-rpm "needs $tool"
	tally_end
done

version() { rpmspec -q --srpm --qf '%{VERSION}\n' "$spec"; }
expect 'the spec is of this version' test "libchan-$(version).tar.gz" = "${release##*/}"
asks_for() { rpmspec -q --buildrequires "$spec" | grep -qx "$1"; }
for name in gcc make pkgconf-pkg-config check-devel mandoc python3; do
	expect "the spec asks for $name" asks_for $name
done

# The suites have run elsewhere.
build() {
	mkdir -p "$t/rpm/SOURCES" && cp "$release" "$t/rpm/SOURCES" &&
	rpmbuild -ba --nodeps --nocheck --define "_topdir $t/rpm" "$spec" >"$t/log" 2>&1 ||
		{ tail -n 40 "$t/log"; return 1; }
}
expect 'rpmbuild -ba' build
package() { find "$t/rpm/RPMS" -name "$1-$(version)-*.rpm" | grep .; }
for name in libchan libchan-devel libchan-static; do
	expect "$name is made" package $name
done

# lint SPEC: with the packages, for of the spec alone rpmlint says that most excuses are idle
packages() { find "$t/rpm" -name '*.rpm' | grep .; }
lint() { rpmlint --strict -r "$top_srcdir/packaging/libchan.rpmlintrc" "$1" $(packages); }
expect 'rpmlint' lint "$spec"
sed '/^License:/d' "$spec" >"$t/libchan.spec"
refuse 'rpmlint, of a spec without a license' lint "$t/libchan.spec"
refuse 'rpmlint, of the packages with nothing excused' rpmlint --strict -r /dev/null $(packages)

unpack() {
	mkdir "$t/root" || return 1
	for name in libchan libchan-devel libchan-static; do
		rpm2cpio "$(package $name)" | (cd "$t/root" && cpio -idm --quiet) || return 1
	done
}
expect 'they are unpacked' unpack
serves() {
	CHAN_PC=$(cd "$t/root" && find usr -name chan.pc | sed 's,^,/,') CHAN_MAN=/usr/share/man DESTDIR=$t/root \
		sh "$top_srcdir/tests/check-installed.sh"
}
expect 'what is in them serves programs, all examples among them' serves
nothing_else() {
	! (cd "$t/root" && find . ! -type d) | grep -vE \
		'^\./usr/(include/chan\.h|lib64/(libchan\.|pkgconfig/chan\.pc)|share/(man/man[37]/chan|doc/|licenses/|gdb/auto-load/)|lib/\.build-id/)'
}
expect 'and they hold nothing else' nothing_else

tally_end
