#!/bin/sh
# The two commands that README promises, on a machine with nothing: a root of
# Debian's smallest system, a clone of the current commit, ./bootstrap demo and
# ./bootstrap check as they stand.
. "${top_srcdir:=.}/tests/tally.sh"
. "$top_srcdir/tests/debian-root.sh"

if ! git -C "$top_srcdir" rev-parse HEAD >/dev/null 2>&1; then
	skip check-fresh 'needs a git clone'
	tally_end
fi
if [ -n "$(git -C "$top_srcdir" status --porcelain)" ]; then
	echo 'note: what is not committed is not tested'
fi
root_or_skip check-fresh

make_root() {
	debian_root git || return 1
	git -c safe.directory='*' clone -q "file://$top_srcdir" "$root/root/libchan"
}

bootstrap() { in_root sh -c 'cd /root/libchan && exec ./bootstrap "$@"' bootstrap "$@"; }

bare()     { ! in_root sh -c 'command -v gcc || command -v make || command -v autoconf'; }
declines() {
	if bootstrap --no-install check >"$root/root/declined" 2>&1; then return 1; fi
	grep -q 'apt-get .*install .*autoconf' "$root/root/declined" && bare
}

# The second time nothing is asked of a package manager, and of the network
# nothing can be.
offline() {
	for manager in apt-get apt dpkg dnf apk brew; do
		printf '#!/bin/sh\necho "called: %s $*" | tee /root/called >&2\nexit 1\n' $manager \
			>"$root/usr/local/bin/$manager"
		chmod +x "$root/usr/local/bin/$manager"
	done
	cut=
	! unshare --net true 2>/dev/null || cut='unshare --net'
	in_root sh -c "cd /root/libchan && exec $cut ./bootstrap demo" || status=$?
	for manager in apt-get apt dpkg dnf apk brew; do
		rm -f "$root/usr/local/bin/$manager"
	done
	[ "${status:-0}" -eq 0 ] && [ ! -e "$root/root/called" ]
}

step 'a minimal root and a clone' make_root
step 'the root has no tools yet' bare
step './bootstrap --no-install says what it would do, and does not' declines
step './bootstrap demo' bootstrap demo
step './bootstrap demo again, offline' offline
step './bootstrap check' bootstrap check
if [ -f "$top_srcdir/tests/check-readme.sh" ]; then
	step 'the commands of README' in_root sh -c 'cd /root/libchan && CHAN_FRESH=1 exec sh tests/check-readme.sh'
fi
finish
