#!/bin/sh
# build-check.sh FOLDER NAME [ARGUMENT...]: Check, for a compiler that none is packaged for.
# Debian's source package is fetched once, into FOLDER; FOLDER/NAME then has the header and
# libcheck.a, as configure's ARGUMENTs make them.
set -eu

folder=$(mkdir -p "$1" && cd "$1" && pwd)
name=$2
shift 2

# Beside apt's own lists, which may have no sources and are not ours to change.
private_apt() {
	apt-get -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::lists="$folder/apt/lists" -o Dir::Cache="$folder/apt/cache" \
		-o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=3 -qq "$@"
}

# The mirror and the release of this machine.
write_sources() {
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	option=
	[ ! -e $keys ] || option="[signed-by=$keys] "
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v option="$option" '$2 !~ /[-\/]/ && $3 == "main" { print "deb-src " option $1, $2, $3; exit }' \
		>"$folder/apt/sources.list"
	[ -s "$folder/apt/sources.list" ] || { echo "apt's sources name no release of Debian"; exit 1; }
}

fetch_source() {
	rm -rf "$folder/apt"
	mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache"
	write_sources
	private_apt update
	(cd "$folder/apt" && private_apt source --download-only check && dpkg-source --no-copy -x check_*.dsc source >dpkg.log)
	rm -rf "$folder/source"
	mv "$folder/apt/source" "$folder/source"
	rm -rf "$folder/apt"
}

build() {
	rm -rf "$folder/$name"
	mkdir -p "$folder/$name/build"
	cd "$folder/$name/build"
	../../source/configure --quiet --prefix="$folder/$name" --disable-shared --disable-subunit \
		--disable-build-docs "$@"
	make --quiet -j"$(getconf _NPROCESSORS_ONLN)" SUBDIRS='lib src' install
	touch "$folder/$name/done"
}

unset MAKEFLAGS MFLAGS MAKELEVEL
[ -e "$folder/source" ] || fetch_source
[ -e "$folder/$name/done" ] || build "$@"
