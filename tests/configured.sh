# Sourced by what builds and tests the library in another configuration, in a folder of
# its own; by .ci/run too.

# configured FOLDER CONFIGURE ARGUMENT...: ready for make; again only if something changed,
# and then nothing that was compiled before stays
configured() {
	configured_folder=$1
	shift
	mkdir -p "$configured_folder"
	if [ ! -f "$configured_folder/Makefile" ] || [ "$1" -nt "$configured_folder/config.status" ] ||
			[ "$*" != "$(cat "$configured_folder/.configured" 2>/dev/null)" ]; then
		[ ! -f "$configured_folder/Makefile" ] || ${MAKE:-make} -C "$configured_folder" -s clean
		( cd "$configured_folder" && "$@" --quiet ) && echo "$*" >"$configured_folder/.configured"
	fi
}

# no_unexplained_skips FOLDER SKIPS: what automake counts as skipped has its line there too
no_unexplained_skips() {
	skips_bad=0
	for skips_trs in $(grep -rlE '^:test-result: (SKIP|XFAIL)' --include='*.trs' "$1" || true); do
		skips_name=$(basename "$skips_trs" .trs)
		if ! grep -q "^$skips_name: ." "$2"; then
			echo "$skips_name was skipped, and tests/SKIPS gives no reason"
			skips_bad=1
		fi
	done
	[ $skips_bad -eq 0 ]
}
