#!/bin/sh
# An installed copy serves C11 and C++11 programs, shared and static, through
# pkg-config, every example among them, and shows its man pages.  With CHAN_PC
# that copy is the one that `make install` made; without, it is installed under
# a folder of its own, and the build folder must serve as well before any install.
. "${top_srcdir:=.}/tests/tally.sh"

make=${MAKE:-make}
unset MAKEFLAGS MFLAGS
if ! command -v pkg-config >/dev/null; then
	skip check-installed 'no pkg-config'
	tally_end
fi
if [ -n "${CHAN_PC:-}" ]; then
	finders=installed
	root=$DESTDIR
	pc=$DESTDIR$CHAN_PC
	man_pages=$DESTDIR$CHAN_MAN
	expect 'chan.pc is installed' test -f "$pc"
else
	finders='installed uninstalled'
	root=$tally_tmp/root
	log=$tally_tmp/install.log
	chmod 755 "$tally_tmp"
	if ! "$make" -C "$top_builddir" install DESTDIR="$root" >"$log" 2>&1; then
		cat "$log"
		fail 'make install DESTDIR='
		tally_end
	fi
	pass 'make install DESTDIR='
	pc=$(find "$root" -name chan.pc)
	man_pages=$(find "$root" -type d -path '*/share/man')
fi
libdir=$(dirname "$(dirname "$pc")")

cat >"$tally_tmp/use.c" <<'END'
#include <chan.h>
#include <stdio.h>

int main(void)
{
	chan_sender_t *tx;
	chan_receiver_t *rx;
	int in = 42, out = 0;

	if (chan_bounded(1, sizeof(in), &tx, &rx) || chan_send(tx, &in) || chan_recv(rx, &out))
		return 1;
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
	printf("%s %d\n", chan_version(), out);
	return 0;
}
END
cp "$tally_tmp/use.c" "$tally_tmp/use.cc"

installed()   { PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$root pkg-config "$@" chan; }
uninstalled() { PKG_CONFIG_PATH=$top_builddir pkg-config "$@" chan; }

# builds FINDER COMPILER FILE LINK-OPTION [PKG-CONFIG-OPTION], and runs it
builds() {
	flags=$("$1" --cflags --libs ${5:+"$5"}) || return 1
	echo "flags: $flags"
	# shellcheck disable=SC2086
	$2 -Wall -Wextra -Werror $4 -o "$tally_tmp/use" "$tally_tmp/$3" $flags || return 1
	said=$(LD_LIBRARY_PATH=$libdir "$tally_tmp/use") || return 1
	echo "said: $said"
	[ "$said" = "$("$1" --modversion) 42" ]
}

for finder in $finders; do
	expect "$finder: C11, shared" builds $finder "$CC -std=c11" use.c ''
	expect "$finder: C11, static" builds $finder "$CC -std=c11" use.c -static --static
	if [ -n "$CXX" ]; then
		expect "$finder: C++11, shared" builds $finder "$CXX -std=c++11" use.cc ''
		expect "$finder: C++11, static" builds $finder "$CXX -std=c++11" use.cc -static --static
	else
		skip check-installed-c++ 'no C++ compiler'
	fi
done

# Linking -lchan is all that a shared program needs.
only_chan() { installed --libs; [ "$(installed --libs-only-l | tr -d ' ')" = -lchan ]; }
expect 'chan.pc asks shared programs for -lchan alone' only_chan

needed() {
	readelf -d "$libdir/libchan.so.1" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' >"$tally_tmp/needed"
	cat "$tally_tmp/needed"
	! grep -vE '^(libc|libpthread|libatomic|ld-linux.*|ld-musl.*|libc\.musl.*)\.so' "$tally_tmp/needed"
}
expect 'the library needs the C library alone' needed

soname() { readelf -d "$libdir/libchan.so" | grep -q 'SONAME.*\[libchan\.so\.1\]'; }
expect 'its soname is libchan.so.1' soname

# ------------------------------------------------------------------ the examples

modules_of() {
	case $1 in
	loop_uv)    echo libuv ;;
	loop_glib)  echo glib-2.0 ;;
	loop_uring) echo liburing ;;
	esac
}

sources_of() {
	case $1 in
	demo) for part in demo reducer walker words worker; do echo "$top_srcdir/examples/$part.c"; done ;;
	*)    echo "$top_srcdir/examples/$1.c" ;;
	esac
}

# build_example KIND NAME: as somebody would who has only its source.  A static one
# takes an event loop as it comes; Debian has libuv shared alone.
build_example() {
	modules=$(modules_of "$2")
	if [ -z "$modules" ]; then
		flags="$(installed $static --cflags --libs) ${static:+-static}"
	else
		flags="$(installed $static --cflags --libs) $(pkg-config --cflags --libs "$modules")" || return 1
		[ -z "$static" ] || flags=$(echo " $flags" | sed 's/ -lchan/ -l:libchan.a/')
	fi
	# shellcheck disable=SC2046,SC2086
	$CC -std=gnu11 -Wall -Wextra -Werror -O2 -o "$tally_tmp/$1/examples/$2" \
		-DDEMO_TREE='"."' -DDEMO_BUILD='"build"' $(sources_of "$2") $flags -pthread
}

counts_words() { LD_LIBRARY_PATH=$libdir "$1" "$top_srcdir/include" >"$tally_tmp/words" && grep -q '[1-9][0-9]* words' "$tally_tmp/words"; }

# examples KIND: all of them, and what the tests of examples say of them
examples() {
	folder=$tally_tmp/$1
	static=
	[ "$1" = shared ] || static=--static
	mkdir -p "$folder/examples"
	for name in demo $SMALL_EXAMPLES $LOOP_EXAMPLES; do
		name=${name#examples/}
		expect "$1: $name compiles" build_example "$1" "$name"
	done
	expect "$1: the demo counts words" counts_words "$folder/examples/demo"
	# A static program finds nothing to load; coroutines are compiled by their test.
	for test in check-examples check-loops check-shutdown; do
		expect "$1: $test" env top_builddir="$folder" LD_LIBRARY_PATH="$libdir" CFLAGS= LDFLAGS="${static:+-static}" \
			CHAN_CFLAGS="$(installed --cflags)" CHAN_LIBS="$(installed $static --libs) -pthread" \
			sh "$top_srcdir/tests/$test.sh"
	done
}
for kind in shared static; do
	library=$libdir/libchan.$(echo $kind | sed 's/shared/so/; s/static/a/')
	if [ -z "${CHAN_PC:-}" ] || [ -e "$library" ]; then
		examples $kind
	else
		skip check-installed-$kind "${library##*/} was not installed"
	fi
done

# Each source is an example, a part of the demo, or a loop that is not here.
forgotten() {
	for source in "$top_srcdir"/examples/*.c; do
		name=$(basename "$source" .c)
		[ ! -x "$tally_tmp/shared/examples/$name" ] || continue
		case $name in
		reducer | walker | words | worker) ;;
		loop_*) skip "check-loops-${name#loop_}" 'configure did not find it' ;;
		*) fail "$name was compiled" ;;
		esac
	done
}
forgotten

# ------------------------------------------------------------- what there is else

one_header() { [ "$(find "$root" -path '*/include/*' -type f)" = "$(find "$root" -name chan.h)" ]; }
[ -n "${CHAN_PC:-}" ] || expect 'chan.h is the only header' one_header

shows() {
	if command -v man >/dev/null; then
		man -M "$man_pages" "$1"
	else
		mandoc "$man_pages/man3/$1.3"
	fi >"$tally_tmp/page" 2>&1 || { cat "$tally_tmp/page"; return 1; }
	grep -q "$1" "$tally_tmp/page" && grep -q SYNOPSIS "$tally_tmp/page"
}
if command -v man >/dev/null || command -v mandoc >/dev/null; then
	for page in chan_send chan_recv_many chan_version; do
		expect "man $page" shows $page
	done
	refuse 'a page that is not there is noticed' shows chan_nothing
else
	skip check-installed-man 'neither man nor mandoc'
fi

[ -z "${CHAN_PC:-}" ] || tally_end

# gdb finds the script by the library's place, which DESTDIR has moved.
loads_printer() {
	mkdir -p "$tally_tmp/auto-load${libdir%/*}"
	ln -s "$(dirname "$(find "$root" -name 'libchan*-gdb.py')")" "$tally_tmp/auto-load$libdir" || return 1
	LD_LIBRARY_PATH=$libdir gdb -nx -batch -iex 'set auto-load safe-path /' -iex 'set debuginfod enabled off' \
		-iex "set auto-load scripts-directory $tally_tmp/auto-load" -ex 'break chan_recv' -ex run \
		-ex up -ex 'print tx' "$tally_tmp/use" >"$tally_tmp/gdb" 2>&1
	grep 'sender of channel' "$tally_tmp/gdb" || { cat "$tally_tmp/gdb"; return 1; }
}
if command -v gdb >/dev/null; then
	# shellcheck disable=SC2046,SC2086
	$CC -g -o "$tally_tmp/use" "$tally_tmp/use.c" $(installed --cflags --libs)
	expect 'gdb loads what prints channels' loads_printer
else
	skip check-installed-gdb 'no gdb'
fi

if command -v mandoc >/dev/null; then
	html_is_installed() {
		"$make" -C "$top_builddir" install-html DESTDIR="$root" >"$log" 2>&1 || { cat "$log"; return 1; }
		find "$root" -name '*.html' | sed 's,.*/,,' | sort >"$tally_tmp/html"
		{ (cd "$top_srcdir/man" && ls ./*.[37]) | sed 's,.*/,,; s/$/.html/'; echo index.html; } |
			sort | diff - "$tally_tmp/html"
	}
	expect 'make install-html installs every page' html_is_installed
else
	skip check-installed-html 'no mandoc'
fi

left() {
	"$make" -C "$top_builddir" uninstall DESTDIR="$root" >"$log" 2>&1 || { cat "$log"; return 1; }
	find "$root" ! -type d >"$tally_tmp/left"
	[ ! -s "$tally_tmp/left" ] || { cat "$tally_tmp/left"; return 1; }
}
expect 'make uninstall leaves nothing' left

tally_end
