#!/bin/sh
# record-result.sh RUNG ASKED REACHED SECONDS SEED: writes what a long run has reached into
# tests/RESULTS, in the place of what that rung had reached before, if that was not more.
# Never by hand: the date, the commit and the machine are those of this call.
set -eu

if [ $# -ne 5 ]; then
	echo "usage: $0 RUNG ASKED REACHED SECONDS SEED" >&2
	exit 2
fi
: "${top_srcdir:=$(dirname "$0")/..}"
results=${CHAN_RESULTS:-$top_srcdir/tests/RESULTS}
tab=$(printf '\t')

# The commit that was run; a tree with changes is not one.
commit() {
	git -C "$top_srcdir" rev-parse --short=12 HEAD >/dev/null 2>&1 || { echo none; return; }
	git -C "$top_srcdir" rev-parse --short=12 HEAD | tr -d '\n'
	[ -z "$(git -C "$top_srcdir" status --porcelain --untracked-files=no -- . ':!tests/RESULTS')" ] || printf '+changes'
	echo
}

machine() {
	model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)
	echo "$(uname -sm), $(getconf _NPROCESSORS_ONLN) CPUs${model:+, $model}"
}

line=$(printf '%s\t' "$1" "$2" "$3" "$(date -u +%Y-%m-%d)" "$(commit)" "$(machine)" "$4")$5
new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
	echo '# What the long runs have reached; written by tests/record-result.sh, never by hand.'
	printf '# rung\tasked\treached\tdate\tcommit\tmachine\tseconds\tseed\n'
	{
		[ ! -f "$results" ] || sed '/^#/d' "$results" | awk -F "$tab" -v rung="$1" -v reached="$3" '$1 != rung || $3 + 0 > reached + 0'
		echo "$line"
	} | sort
} >"$new"
cat "$new" >"$results"
echo "$line"
