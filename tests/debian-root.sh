# Sourced after tally.sh: a root of Debian's smallest system, commands in it, and its
# removal.
#
#	root_or_skip check-NAME		unless one can be made here, skip and end
#	debian_root PACKAGE,PACKAGE	in $root; with /proc, and with this machine's apt settings
#	in_root COMMAND...
#	other_root			a second one, as the first is now, in $root.other
#	in_other COMMAND...
#	step 'what is done' COMMAND...	a case whose output is on show
#	finish				instead of tally_end

suite=bookworm
top_srcdir=$(cd "$top_srcdir" && pwd)
root=

root_or_skip() {
	reason=
	[ "$(id -u)" -eq 0 ] || reason='needs root'
	command -v debootstrap >/dev/null || reason='needs debootstrap'
	[ -z "$reason" ] || { skip "$1" "$reason"; tally_end; }
	root=$(mktemp -d "${TMPDIR:-/var/tmp}/libchan-root.XXXXXX")
	chmod 755 "$root"
	trap 'clear_root; tally_write' EXIT
	find_mirror
}

clear_root() {
	for folder in "$root" "$root.other"; do
		if mountpoint -q "$folder/proc"; then
			umount "$folder/proc" || umount -l "$folder/proc"
		fi
		# Never through a mount that is still there.
		rm -rf --one-file-system "$folder"
	done
}

# The mirror this machine uses itself.
find_mirror() {
	sources=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages')
	mirror=$(echo "$sources" | awk -v suite=$suite '$2 == suite && $3 == "main" { print $1; exit }')
	if [ -z "$mirror" ]; then
		fail "apt's sources name no mirror of $suite"
		tally_end
	fi
	site=$(echo "$mirror" | sed 's|^\([a-z+]*://[^/]*\).*|\1|')
}

# enter FOLDER COMMAND...: with a clean environment, proxies apart
enter() {
	folder=$1
	shift
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		CI="${CI:-}" CHAN_TALLY="${CHAN_TALLY:+/root/tally}" CHAN_TEST_SCALE="${CHAN_TEST_SCALE:-}" \
		http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" \
		chroot "$folder" "$@" </dev/null
}
in_root()  { enter "$root" "$@"; }
in_other() { enter "$root.other" "$@"; }

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

debian_root() {
	include=$1
	case $mirror in https:*) include=$1,ca-certificates ;; esac
	debootstrap --variant=minbase --include="$include" $suite "$root" "$mirror" || return 1
	mount -t proc proc "$root/proc" || return 1
	copy_apt_settings
}

other_root() {
	cp -a --one-file-system "$root" "$root.other" && mount -t proc proc "$root.other/proc"
}

# step NAME COMMAND...: like expect, with the whole output on show and timed
step() {
	step_name=$1
	shift
	step_start=$(date +%s)
	echo "--- $step_name"
	if "$@" 2>&1; then
		pass "$step_name ($(($(date +%s) - step_start)) s)"
	else
		fail "$step_name ($(($(date +%s) - step_start)) s)"
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
