#!/bin/sh
# A release is the same bytes wherever it is made: from two clones in folders of
# different names, under different umasks, locales and time zones, and from the
# release itself.  And it is built, installed and used with a compiler, make and
# what every system has: of autotools, pkg-config, Check, mandoc, git and Python
# none is on the PATH then.
. "${top_srcdir:=.}/tests/tally.sh"

top_srcdir=$(cd "$top_srcdir" && pwd)
t=$tally_tmp
name=${DISTRIBUTION:?is set by make check-dist}
make=${MAKE:-make}
unset MAKEFLAGS MFLAGS MAKELEVEL SOURCE_DATE_EPOCH

if ! git -c safe.directory='*' -C "$top_srcdir" rev-parse HEAD >/dev/null 2>&1; then
	skip check-dist 'needs a git clone'
	tally_end
fi
if [ -n "$(git -c safe.directory='*' -C "$top_srcdir" status --porcelain)" ]; then
	echo 'note: what is not committed is not tested'
fi

# release FOLDER: from a clone to its tarball
release() {
	git -c safe.directory='*' clone -q "file://$top_srcdir" "$1" || return 1
	mkdir -p "$1/m4" &&
	(cd "$1" && autoreconf -i && ./configure --quiet && "$make" dist) >"$1.log" 2>&1 || { tail -n 50 "$1.log"; return 1; }
}
first()  { (umask 022; TZ=UTC; export TZ; release "$t/first"); }
second() {
	(umask 077; TZ=Asia/Kathmandu LC_ALL=C.UTF-8; export TZ LC_ALL; mkdir "$t/2" &&
		release "$t/2/another-name")
}

second >"$t/second.out" 2>&1 &
pid=$!
expect 'a clone makes a tarball' first
wait $pid
expect 'another clone does' test $? -eq 0
cat "$t/second.out"
tarball=$t/first/$name.tar.gz
expect 'they are the same bytes' cmp "$tarball" "$t/2/another-name/$name.tar.gz"

listing() { TZ=UTC tar -tvzf "$tarball" --numeric-owner --full-time; }
listing >"$t/listing"
epoch=$(git -c safe.directory='*' -C "$top_srcdir" log -1 --format=%ct)
stamp=$(date -u -d "@$epoch" '+%Y-%m-%d %H:%M:%S')
expect 'all members are as old as the last commit' test -z "$(grep -v " $stamp " "$t/listing")"
expect 'all belong to root' test -z "$(awk '$2 != "0/0"' "$t/listing")"
expect 'none is writable for others' test -z "$(cut -c 6,9 "$t/listing" | grep w)"
expect 'it has no debian folder at its top' test -z "$(awk '{ print $6 }' "$t/listing" | grep "^$name/debian")"

# ------------------------------------------------- with a compiler and make alone

bin=$t/bin
mkdir "$bin"
for tool in '[' ar as awk basename cat cc chmod cmp cp cut date diff dirname echo egrep env expr false \
		fgrep find gcc getconf grep gzip head id install ld ln ls mkdir mktemp mv nm objdump od \
		printf pwd ranlib readelf readlink rm rmdir sed sh sort strip tail tar tee test touch tr \
		true uname uniq wc xargs; do
	path=$(command -v "$tool") && case $path in /*) ln -s "$path" "$bin/$tool" ;; esac
done
ln -sf "$(command -v "$make")" "$bin/make"
bare() {
	for tool in autoconf automake aclocal autoreconf libtoolize pkg-config pkgconf checkmk mandoc man \
			python3 perl m4 git g++ c++ clang; do
		! PATH=$bin command -v $tool || return 1
	done
}
expect 'the PATH has none of the other tools' bare

unpacked=$t/unpacked
mkdir "$unpacked"
in_bare() { (cd "$unpacked/$name" && env -i PATH="$bin" HOME="$t" LC_ALL=C "$@") >"$t/log" 2>&1 || { tail -n 40 "$t/log"; return 1; }; }
expect 'it unpacks' tar -xzf "$tarball" -C "$unpacked"
expect './configure' in_bare ./configure --prefix="$t/prefix"
expect 'make' in_bare make -j"$(getconf _NPROCESSORS_ONLN)"
regenerated() { find "$unpacked/$name" \( -name configure -o -name Makefile.in -o -name aclocal.m4 \) -newer "$unpacked/$name/NEWS"; }
expect 'nothing was generated anew' test -z "$(regenerated)"
expect 'make install' in_bare make install
uses() {
	in_bare cc -I"$t/prefix/include" -o "$t/hello" examples/hello.c -L"$t/prefix/lib" -Wl,-rpath,"$t/prefix/lib" -lchan -pthread &&
	"$t/hello"
}
expect 'a program uses it' uses
expect 'a page is there for every call' test -e "$t/prefix/share/man/man3/chan_send_timeout.3"
expect 'make dist, from the release' in_bare make dist
expect 'gives the release again' cmp "$tarball" "$unpacked/$name/$name.tar.gz"

# ---------------------------------------------------------------- planted defect

later() { (cd "$t/first" && SOURCE_DATE_EPOCH=$((epoch + 1)) "$make" dist) >"$t/log" 2>&1; }
expect 'make dist heeds SOURCE_DATE_EPOCH' later
refuse 'a second of difference is noticed' cmp "$tarball" "$t/2/another-name/$name.tar.gz"

tally_end
