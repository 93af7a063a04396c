#!/bin/sh
# The suites on other machines: a cross compiler and Check made with it, and QEMU's user mode.
# Programs for i386 are run by the kernel where it can: that is the machine itself, while in
# QEMU before 8.0 a thread comes back from a signal with the thread-local storage of the
# youngest thread, errno with it.
#
# ARCHES=a,b            which, by Debian's names
# CHAN_TEST_SCALE=n     divides the counts, 20 unless said otherwise
# CHAN_ARCH_QEMU=yes    QEMU even where the kernel can
#
# Each has a folder of its own in arch/ of the build folder, and what was built stays there.
. "${top_srcdir:=.}/tests/tally.sh"

top_srcdir=$(cd "$top_srcdir" && pwd)
folder=$(mkdir -p "$top_builddir/arch" && cd "$top_builddir/arch" && pwd)
jobs=$(getconf _NPROCESSORS_ONLN)
scripts='tests/check-exports.sh tests/check-lockfree.sh'

# names ARCH: what GNU calls it, and QEMU; and the loader with which this kernel may know it
names() {
	case $1 in
	arm64)   echo aarch64-linux-gnu aarch64 ;;
	armhf)   echo arm-linux-gnueabihf arm ;;
	i386)    echo i686-linux-gnu i386 ld-linux.so.2 ;;
	ppc64el) echo powerpc64le-linux-gnu ppc64le ;;
	riscv64) echo riscv64-linux-gnu riscv64 ;;
	s390x)   echo s390x-linux-gnu s390x ;;
	*)       return 1 ;;
	esac
}

# lacks COMMAND: says which package would bring it
lacks() {
	! command -v "$1" >/dev/null || return 1
	awk -v probe="command:$1" '$2 == probe { print "needs " $3 }' "$top_srcdir/packaging/packages.apt"
}

# runs_here GNU LOADER: asked of the loader, since the system may have none, or another
runs_here() {
	[ "${CHAN_ARCH_QEMU:-no}" != yes ] && [ -n "${2:-}" ] &&
		"/usr/$1/lib/$2" --list "/usr/$1/lib/libc.so.6" >/dev/null 2>&1
}

# configured ARCH GNU [LOADER]: nothing that pkg-config knows is for that machine.
configured() {
	[ ! -e Makefile ] || return 0
	PKG_CONFIG_LIBDIR=$folder/none CHECK_CFLAGS="-I$folder/check/$1/include" \
		CHECK_LIBS="$folder/check/$1/lib/libcheck.a -lm -lrt" \
		"$top_srcdir/configure" --quiet --host="$2" ${3:+"LDFLAGS=-Wl,--dynamic-linker=/usr/$2/lib/$3"}
}

# suites_pass RUNNER EMULATOR SKIPS: the programs are run so, behind libtool's scripts; not
# the scripts of the tests.
# Each suite in one process: what QEMU has translated is lost to a child, and to translate it
# anew takes longer than most cases do.  Who hangs is ended from outside.
suites_pass() {
	: >tally
	make -s -j"$jobs" check_PROGRAMS= $CHECK_SUITES &&
	CHAN_TALLY=$PWD/tally CHAN_TEST_SKIPS=$3 CHAN_TEST_EMULATOR=$2 CK_FORK=no \
		CHAN_TEST_SCALE=${CHAN_TEST_SCALE:-20} make -s -j"$jobs" VERBOSE=1 check_PROGRAMS= \
		TESTS="$CHECK_SUITES $scripts" LOG_COMPILER="timeout -k 10 1200 ./libtool --mode=execute $1" check-TESTS
}

# Of the cases, how many passed, failed and were skipped; they are counted in the whole.
cases() {
	[ -z "${CHAN_TALLY:-}" ] || cat tally >>"$CHAN_TALLY"
	cat tally >>"$tally_tmp/cases"
	awk '{ p += $1; f += $2; s += $3 } END { printf "%d cases passed, %d failed, %d skipped\n", p, f, s }' tally
}

try_arch() {
	arch=$1 start=$(date +%s)
	set -- $(names "$arch")
	# By name, or a C library that this machine has for i386 comes first, with another's loader.
	libraries=LD_LIBRARY_PATH=$folder/$arch/.libs:/usr/$1/lib
	if runs_here "$1" "${3:-}"; then
		runner="env $libraries" emulator= skips= by='the kernel'
	else
		runner="qemu-$2 -L /usr/$1 -E $libraries" emulator=$runner skips="check-arch check-$arch" by=QEMU
	fi
	for tool in "$1-gcc" ${emulator:+"qemu-$2"} dpkg-source apt-get; do
		if why=$(lacks "$tool"); then
			skip "check-arch-$arch" "$tool is not here: ${why:-only Debian has it}"
			return
		fi
	done
	if ! sh "$top_srcdir/tests/build-check.sh" "$folder/check" "$arch" --host="$1" >"$folder/check-$arch.log" 2>&1; then
		cat "$folder/check-$arch.log"
		fail "$arch: Check is built"
		return
	fi
	mkdir -p "$folder/$arch"
	cd "$folder/$arch" || exit 1
	if configured "$arch" "$1" "${3:-}" && suites_pass "$runner" "$emulator" "$skips"; then
		verdict=pass
	else
		verdict=fail
	fi
	$verdict "$arch, by $by: $(cases), in $(($(date +%s) - start)) s"
}

# A line about a case that is in no suite says nothing.
no_stale_skips() {
	sed -nE 's/^check-(arch|i386)-([^:]*): .*/\2/p' "$top_srcdir/tests/SKIPS" | while read -r name; do
		grep -qs "BEHAVIOUR($name," "$top_srcdir"/tests/*.c || { echo "tests/SKIPS: $name: there is no such case"; exit 1; }
	done
}

# The tools of this machine are not for the others.
unset CC CXX NM ABI TIME64_CPPFLAGS CHAN_PROBES_BUILT MAKEFLAGS MFLAGS MAKELEVEL
: >"$tally_tmp/cases"
for name in $(echo "$ARCHES" | tr , ' '); do
	if names "$name" >/dev/null; then
		try_arch "$name"
	else
		fail "$name is an architecture that this script knows"
	fi
done
expect 'what is skipped there is a case' no_stale_skips

reached machines "$(awk '{ n += $1 } END { print n + 0 }' "$tally_tmp/cases")"
tally_end
