#!/bin/sh
# Times libchan and crossbeam side by side: see usage.  `make bench` calls it,
# with BENCHFLAGS, in the build folder.
set -eu
LC_ALL=C
export LC_ALL

usage() {
	cat <<'END'
usage: run.sh [OPTION...]
--cells 'PATTERN...'  only the cells that match, such as '*_spsc bounded0_*'
--flavor NAME         libchan's flavor, instead of its own choice
--rounds N            how often each cell is run (7)
--time MS             how long the slower one shall take in a cell (200)
--bench PROGRAM       libchan's program (bench/chan_bench)
--peer PROGRAM        the peer's, instead of building crossbeam's; '' for none
--records FILE        where the records go (bench/records)
END
}

say() { printf 'bench: %s\n' "$*"; }
die() { printf 'bench: %s\n' "$*" >&2; exit 1; }

here=$(dirname "$0")
cells='*'
flavor=
rounds=7
milliseconds=200
bench=bench/chan_bench
peer=build
records=bench/records

while [ $# -gt 0 ]; do
	case $1 in
	--help) usage; exit 0 ;;
	--cells | --flavor | --rounds | --time | --bench | --peer | --records)
		[ $# -ge 2 ] || die "$1 needs a value" ;;
	*) usage >&2; exit 2 ;;
	esac
	case $1 in
	--cells) cells=$2 ;;
	--flavor) flavor=$2 ;;
	--rounds) rounds=$2 ;;
	--time) milliseconds=$2 ;;
	--bench) bench=$2 ;;
	--peer) peer=$2 ;;
	--records) records=$2 ;;
	esac
	shift 2
done
for number in "$rounds" "$milliseconds"; do
	case $number in
	'' | *[!0-9]* | 0*) die "not a count: '$number'" ;;
	esac
done

# ------------------------------------------------------------------- the peers

# Sets peer to crossbeam's program, or to nothing where it cannot be had.
build_crossbeam() {
	cargo=${CARGO:-cargo}
	target=$(pwd)/bench/cargo
	peer=
	if ! command -v "$cargo" >/dev/null 2>&1; then
		say "cargo is not here, so libchan runs alone (no $cargo on the PATH)"
	elif ! "$cargo" build --quiet --release --locked \
		--manifest-path "$here/peers/crossbeam/Cargo.toml" --target-dir "$target"; then
		say 'cargo could not build the crossbeam adapter, so libchan runs alone'
	else
		peer=$target/release/crossbeam_bench
	fi
}
[ "$peer" != build ] || build_crossbeam

ours() { "$bench" ${flavor:+--flavor "$flavor"} "$1" "$2"; }
theirs() { [ -z "$peer" ] || "$peer" "$1" "$2"; }

# ------------------------------------------------------------------ the counts

# Where all messages can be queued at once, memory is the limit.
most_of() {
	case $1 in
	bounded_* | unbounded_*) echo 5000000 ;;
	*) echo 50000000 ;;
	esac
}

# Sets ns to the time of the slower of the two; fails as they fail.  Of two
# runs each the better counts: a run that the machine disturbed would make all
# rounds too short.
slower() {
	status=0
	found=$(ours "$1" "$2" && theirs "$1" "$2" && ours "$1" "$2" && theirs "$1" "$2") || status=$?
	[ $status -eq 0 ] || return $status
	ns=$(echo "$found" | awk '
		!($2 in best) || $4 < best[$2] { best[$2] = $4 }
		END { for (i in best) if (best[i] > most) most = best[i]; printf "%.0f\n", most }')
}

# Sets count, so that the slower of the two takes about the time asked for.
calibrate() {
	most=$(most_of "$1")
	target=$((milliseconds * 1000000))
	count=400
	while :; do
		slower "$1" $count || return $?
		[ "$ns" -lt $((target / 10)) ] && [ $count -lt "$most" ] || break
		count=$((count * 10 < most ? count * 10 : most))
	done
	count=$((count * target / ns))
	[ $count -lt "$most" ] || count=$most
	[ $count -gt 400 ] || count=400
}

chosen() {
	"$bench" --list | while read -r cell; do
		set -f
		for pattern in $cells; do
			# shellcheck disable=SC2254
			case $cell in
			$pattern) echo "$cell"; break ;;
			esac
		done
	done
}

list=$(chosen)
[ -n "$list" ] || die "no cell matches '$cells'"
counts=
for cell in $list; do
	status=0
	calibrate "$cell" || status=$?
	case $status in
	0) counts="$counts $cell:$count" ;;
	77) say "$cell: left out, $flavor cannot serve it" ;;
	*) die "$cell: failed with status $status while calibrating" ;;
	esac
done
[ -n "$counts" ] || die 'no cell is left'

# ------------------------------------------------------------------ the rounds

: >"$records"
round=1
while [ "$round" -le "$rounds" ]; do
	for pair in $counts; do
		cell=${pair%:*}
		count=${pair#*:}
		ours "$cell" "$count" >>"$records" || die "$cell: libchan failed with status $?"
		theirs "$cell" "$count" >>"$records" || die "$cell: the peer failed with status $?"
	done
	say "round $round of $rounds done"
	round=$((round + 1))
done

echo
awk -f "$here/report.awk" "$records"
