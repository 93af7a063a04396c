#!/bin/sh
# The two commands that README promises, on a machine with nothing: a root of
# Debian's smallest system, a clone of the current commit, ./bootstrap demo and
# ./bootstrap check as they stand.
. "${top_srcdir:=.}/tests/tally.sh"

suite=bookworm
top_srcdir=$(cd "$top_srcdir" && pwd)

give_up() {
	skip check-fresh "$1"
	tally_end
}
[ "$(id -u)" -eq 0 ] || give_up 'needs root'
command -v debootstrap >/dev/null || give_up 'needs debootstrap'
git -C "$top_srcdir" rev-parse HEAD >/dev/null 2>&1 || give_up 'needs a git clone'
if [ -n "$(git -C "$top_srcdir" status --porcelain)" ]; then
	echo 'note: what is not committed is not tested'
fi

# --------------------------------------------------- a root, and its removal

root=$(mktemp -d "${TMPDIR:-/var/tmp}/libchan-fresh.XXXXXX")
chmod 755 "$root"
clear_root() {
	if mountpoint -q "$root/proc"; then
		umount "$root/proc" || umount -l "$root/proc"
	fi
	# Never through a mount that is still there.
	rm -rf --one-file-system "$root"
}
trap 'clear_root; tally_write' EXIT

# The mirror this machine uses itself.
sources=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages')
mirror=$(echo "$sources" | awk -v suite=$suite '$2 == suite && $3 == "main" { print $1; exit }')
if [ -z "$mirror" ]; then
	fail "apt's sources name no mirror of $suite"
	tally_end
fi
site=$(echo "$mirror" | sed 's|^\([a-z+]*://[^/]*\).*|\1|')
include=git
case $mirror in https:*) include=git,ca-certificates ;; esac

# in_root COMMAND...: with a clean environment, proxies apart
in_root() {
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		CI="${CI:-}" CHAN_TALLY="${CHAN_TALLY:+/root/tally}" CHAN_TEST_SCALE="${CHAN_TEST_SCALE:-}" \
		http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" \
		chroot "$root" "$@" </dev/null
}

# How apt gets through to the mirror: sources on its site, and proxies.
copy_apt_settings() {
	rm -f "$root/etc/apt/sources.list"
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
		[ -f "$file" ] || continue
		uris=$(sed '/^[[:space:]]*#/d' "$file" | grep -oE '[a-z+]+://[^][:space:]]+')
		echo "$uris" | grep -q "^$site" || continue
		echo "$uris" | grep -qv "^$site" || cp "$file" "$root$file"
	done
	grep -lsiE 'proxy|Acquire::(https?|Check|Retries)' /etc/apt/apt.conf /etc/apt/apt.conf.d/* |
	while read -r file; do
		cp "$file" "$root$file"
	done
	if [ -d /etc/apt/auth.conf.d ]; then cp -r /etc/apt/auth.conf.d "$root/etc/apt/"; fi
	case $mirror in https:*) cp -rL /etc/ssl/certs "$root/etc/ssl/" ;; esac
	cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
}

make_root() {
	debootstrap --variant=minbase --include=$include $suite "$root" "$mirror" || return 1
	mount -t proc proc "$root/proc" || return 1
	copy_apt_settings
	git -c safe.directory='*' clone -q "file://$top_srcdir" "$root/root/libchan"
}

# ------------------------------------------------------------------ the checks

# step NAME COMMAND...: like expect, with the whole output on show and timed
step() {
	name=$1
	shift
	start=$(date +%s)
	echo "--- $name"
	if "$@" 2>&1; then
		pass "$name ($(($(date +%s) - start)) s)"
	else
		fail "$name ($(($(date +%s) - start)) s)"
		finish
	fi
}

# The cases that ran inside count too.
finish() {
	if [ -n "${CHAN_TALLY:-}" ] && [ -f "$root/root/tally" ]; then
		cat "$root/root/tally" >>"$CHAN_TALLY"
	fi
	tally_end
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
