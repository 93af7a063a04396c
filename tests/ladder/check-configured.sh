#!/bin/sh
# check-configured.sh asan|tsan|memcheck: the suites under a tool that wants a build of its
# own, below the build folder.
#
# CHAN_TEST_SCALE=1  as often as make check repeats things; by default less, the tools are slow
. "${top_srcdir:=.}/tests/tally.sh"
. "$top_srcdir/tests/configured.sh"

rung=$1
source=$(cd "$top_srcdir" && pwd)
folder=$top_builddir/configured/$rung
: "${MAKE:=make}"
jobs=$(getconf _NPROCESSORS_ONLN)

options='' target=check command=''
case $rung in
asan)
	name='address and undefined behaviour sanitizers' scale=4 options=--enable-debug
	cflags='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
	export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 ;;
tsan)
	# The address layout must not be random: the tool cannot map its shadow then.
	name='thread sanitizer' scale=8 command="setarch $(uname -m) -R"
	cflags='-O1 -g -fsanitize=thread'
	export TSAN_OPTIONS=exitcode=66:second_deadlock_stack=1 ;;
memcheck)
	# Without shared libraries there are no scripts of libtool's to be run in the tool.
	name="valgrind's memcheck" scale=20 options=--disable-shared target=check-valgrind
	cflags='-O1 -g' ;;
*)
	echo "usage: $0 asan|tsan|memcheck" >&2
	exit 2 ;;
esac
export CHAN_TEST_SCALE="${CHAN_TEST_SCALE:-$scale}"

# Its cases count here as well.
suites() {
	inner=$tally_tmp/inner
	: >"$inner"
	status=0
	CHAN_TALLY=$inner CHAN_REACHED='' $command $MAKE -C "$folder" -j"$jobs" VERBOSE=1 $target || status=$?
	[ -z "${CHAN_TALLY:-}" ] || cat "$inner" >>"$CHAN_TALLY"
	cases=$(awk '{ n += $1; bad += $2 } END { print bad ? 0 : n + 0 }' "$inner")
	[ $status -eq 0 ] && [ "$cases" -gt 0 ] && no_unexplained_skips "$folder" "$top_srcdir/tests/SKIPS"
}

if ! configured "$folder" "$source/configure" $options CC="$CC" CFLAGS="$cflags"; then
	fail "$name: configure"
elif suites; then
	pass "$name: no report in $cases cases, CHAN_TEST_SCALE=$CHAN_TEST_SCALE"
	reached "$rung" "$cases"
else
	fail "$name"
fi
tally_end
