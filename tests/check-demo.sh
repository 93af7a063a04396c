#!/bin/sh
# check-demo.sh - holds the demo's counts against the standard tools, on a tree
# with everything in it that could trip it up, and gives it bad arguments.

. "${top_srcdir:=.}/tests/tally.sh"

source=$(cd "$top_srcdir" && pwd)
build=$(cd "$top_builddir" && pwd)
scratch=$tally_tmp
demo=$build/examples/demo

# same NAME EXPECTED ACTUAL: passes when the two files are equal.
same() {
	expect "$1" differ_nowhere "$2" "$3"
}

differ_nowhere() {
	diff "$1" "$2" >"$scratch/diff" && return
	head -n 20 "$scratch/diff" | cut -c 1-120
	return 1
}

# The words of each file in turn, so that none spans two files.
words_of() {
	while IFS= read -r file; do
		tr -cs 'A-Za-z' '\n' <"$file" | tr 'A-Z' 'a-z'
		echo
	done | sed '/^$/d'
}

# The standard tools' answer for the files whose names come in.
count_with_tools() {
	words_of | sort | uniq -c
}

is_text() {
	[ "$(head -c 8192 "$1" | tr -dc '\000' | wc -c)" -eq 0 ]
}

# The files in a folder that the demo is to count.
text_files() {
	find "$1" -name '.?*' -type d ! -path "$1" -prune -o -type f -print | while IFS= read -r file; do
		if is_text "$file"; then echo "$file"; fi
	done
}

# run NAME ARGUMENT...: the demo's output in $scratch/NAME.out and .err, its
# exit status in $status.
run() {
	name=$1
	shift
	$demo "$@" >"$scratch/$name.out" 2>"$scratch/$name.err"
	status=$?
}

# The program's own texts, over and over, cut off at `size` bytes.
repeat_texts() {
	while :; do
		cat "$source"/include/*.h "$source"/examples/*.[ch] || break
	done 2>/dev/null | head -c "$1"
}

# --- a tree with everything in it

tree=$scratch/tree
mkdir -p "$tree/sub/deeper" "$tree/.hidden" "$tree/sub/.hidden/too" "$tree/empty-folder"
printf 'The end the END\nof-it' >"$tree/no newline at the end"
printf 'splitqq' >"$tree/half1"
printf 'qqsplit' >"$tree/half2"
: >"$tree/empty"
printf '\n\n123 456\n' >"$tree/no-words"
printf 'hidden file\n' >"$tree/sub/.counted"
printf 'na\303\257ve caf\303\251 \377letters\n' >"$tree/sub/not-ascii"
printf 'binary\000words\n' >"$tree/sub/binary"
{ repeat_texts 8191; printf '\000binary'; } >"$tree/sub/nul-at-8191"
{ repeat_texts 8192; printf '\000text'; } >"$tree/sub/nul-at-8192"
printf 'hidden away\n' >"$tree/.hidden/file"
printf 'hidden away\n' >"$tree/sub/.hidden/too/file"
repeat_texts 2000000 >"$tree/sub/deeper/large"
repeat_texts 700000 | tr -d '\n\t -@[-`{-~' >"$tree/sub/deeper/one-long-word"
# A word across, and beside, the places where the first and second read end.
for at in 8188 8190 8192 270332 270334 270336; do
	{ head -c "$at" /dev/zero | tr '\000' ' '; echo straddle; } >"$tree/sub/at-$at"
done
ln -s .. "$tree/sub/deeper/loop"
ln -s ../empty "$tree/sub/link-to-file"
ln -s nowhere "$tree/dangling"
mkfifo "$tree/sub/fifo"

expect "the large file is large" test "$(wc -c <"$tree/sub/deeper/large")" -eq 2000000
text_files "$tree" >"$scratch/files"
count_with_tools <"$scratch/files" >"$scratch/expected"
for workers in 1 2 8; do
	run tree --all --workers "$workers" "$tree"
	expect "a tree, $workers workers: exit status 0" test "$status" -eq 0
	same "a tree, $workers workers: the counts of the standard tools" "$scratch/expected" "$scratch/tree.out"
	expect "a tree, $workers workers: no complaint" test ! -s "$scratch/tree.err"
done
expect "the ends of two files make no word together" \
	test "$(grep -c ' splitqq$\| qqsplit$\| splitqqqqsplit$' "$scratch/tree.out")" -eq 2

run summary "$tree"
expect "the summary counts what was skipped" \
	grep -qx 'skipped: binary files 2, hidden folders 2, build folders 0, symbolic links 3, special files 1' "$scratch/summary.out"
files=$(wc -l <"$scratch/files" | tr -d ' ')
bytes=$(tr '\n' '\000' <"$scratch/files" | xargs -0 cat | wc -c | tr -d ' ')
words=$(words_of <"$scratch/files" | wc -l | tr -d ' ')
different=$(wc -l <"$scratch/expected" | tr -d ' ')
expect "the summary counts files, bytes and words" \
	grep -qx "$files files, $bytes bytes, $words words, $different of them different" "$scratch/summary.out"
paths=$((files + 2)) # the binary files were sent too
expect "the channel of paths carried each path" \
	grep -Eq "^paths: walker to workers +$paths +64 +(array|mutex_condvar) +[0-9]+\$" "$scratch/summary.out"
expect "the channel of counts is named" \
	grep -Eq '^counts: workers to reducer +[0-9]+ unlimited +(list|mutex_condvar) +[0-9]+$' "$scratch/summary.out"
expect "no queue was longer than its capacity" \
	awk '/^paths:/ { ok = $NF <= 64 } END { exit !ok }' "$scratch/summary.out"

sort -k1,1nr -k2 "$scratch/expected" | head -n 10 >"$scratch/top"
head -n 10 "$scratch/summary.out" >"$scratch/top.out"
same "the top ten" "$scratch/top" "$scratch/top.out"
run three -n 3 "$tree"
head -n 3 "$scratch/top" >"$scratch/top3"
sed '/^$/q' "$scratch/three.out" | sed '/^$/d' >"$scratch/top3.out"
same "-n 3 prints three" "$scratch/top3" "$scratch/top3.out"

# --- arguments

ln -s tree "$scratch/named-link"
run link --all "$scratch/named-link"
same "a symbolic link named as an argument is followed" "$scratch/expected" "$scratch/link.out"
run slash --all "$tree/"
same "a slash at the end of an argument changes nothing" "$scratch/expected" "$scratch/slash.out"

echo "$tree/sub/.hidden/too/file" | count_with_tools >"$scratch/hidden"
run hidden --all "$tree/sub/.hidden"
same "a hidden folder named as an argument is counted" "$scratch/hidden" "$scratch/hidden.out"

(cd "$tree" && "$demo" --all) >"$scratch/default.out"
run named --all "$source"
if [ "$build" = "$source" ]; then
	skip check-demo-default 'the source tree is the build folder, whose logs change'
else
	same "without arguments the source tree is counted" "$scratch/named.out" "$scratch/default.out"
fi

printf 'good words\n' >"$scratch/good"
printf 'bad\000words\n' >"$scratch/bad"
echo "$scratch/good" | count_with_tools >"$scratch/good.expected"

run missing --all "$scratch/missing" "$scratch/good"
expect "a missing argument: exit status 1" test "$status" -eq 1
echo "demo: $scratch/missing: No such file or directory" >"$scratch/message"
same "a missing argument: a clear message" "$scratch/message" "$scratch/missing.err"
same "a missing argument: the rest is counted" "$scratch/good.expected" "$scratch/missing.out"

run binary --all "$scratch/bad" "$scratch/good"
expect "a binary argument: exit status 1" test "$status" -eq 1
echo "demo: $scratch/bad: binary file, not counted" >"$scratch/message"
same "a binary argument: a clear message" "$scratch/message" "$scratch/binary.err"
same "a binary argument: the rest is counted" "$scratch/good.expected" "$scratch/binary.out"

run dangling --all "$tree/dangling" "$scratch/good"
expect "a dangling link as an argument: exit status 1" test "$status" -eq 1
same "a dangling link as an argument: the rest is counted" "$scratch/good.expected" "$scratch/dangling.out"

# Root can read everything, until it gives that power up.
: >"$scratch/secret"
mkdir "$scratch/outer" "$scratch/outer/closed"
cp "$scratch/good" "$scratch/outer/good"
chmod 000 "$scratch/secret" "$scratch/outer/closed"
powerless=
[ ! -r "$scratch/secret" ] || powerless='setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search'
if $powerless "$demo" --help >/dev/null 2>&1 && ! $powerless test -r "$scratch/secret"; then
	program=$demo
	demo="$powerless $demo"
	run secret --all "$scratch/secret" "$scratch/good"
	expect "an unreadable argument: exit status 1" test "$status" -eq 1
	echo "demo: $scratch/secret: Permission denied" >"$scratch/message"
	same "an unreadable argument: a clear message" "$scratch/message" "$scratch/secret.err"
	same "an unreadable argument: the rest is counted" "$scratch/good.expected" "$scratch/secret.out"
	run closed --all "$scratch/outer"
	expect "an unreadable folder met while walking: exit status 1" test "$status" -eq 1
	echo "demo: $scratch/outer/closed: Permission denied" >"$scratch/message"
	same "an unreadable folder met while walking: a clear message" "$scratch/message" "$scratch/closed.err"
	same "an unreadable folder met while walking: the rest is counted" "$scratch/good.expected" "$scratch/closed.out"
	demo=$program
	chmod 700 "$scratch/outer/closed"
else
	skip check-demo-unreadable 'this user reads everything, and setpriv(1) cannot change that'
fi

# --- interrupted, by real signals

# start ARGUMENT...: $pid is the demo's own, with SIGINT not ignored
start() {
	rm -f "$scratch/pid"
	timeout 60 sh -c 'echo $$ >"$1"; shift; exec "$@"' sh "$scratch/pid" "$demo" "$@" \
		>"$scratch/start.out" 2>"$scratch/start.err" &
	running=$!
	until [ -s "$scratch/pid" ]; do :; done
	pid=$(cat "$scratch/pid")
}

# A fifo as an argument holds its worker in open(2) until somebody writes: the
# demo can be interrupted at leisure.
mkfifo "$scratch/held"
start --all --workers 1 "$scratch/good" "$scratch/held" "$tree"
exec 4>"$scratch/held" # returns once the worker is in it
kill -INT "$pid"
until grep -q '^demo: interrupted' "$scratch/start.err"; do :; done
exec 4>&-
status=0
wait "$running" || status=$?
expect "after Ctrl-C: exit status 130" test "$status" -eq 130
same "after Ctrl-C: what was counted so far, and no more" "$scratch/good.expected" "$scratch/start.out"
expect "after Ctrl-C: one line says so" test "$(wc -l <"$scratch/start.err")" -eq 1

start --all --workers 1 "$scratch/held"
exec 4>"$scratch/held"
kill -INT "$pid"
until grep -q '^demo: interrupted' "$scratch/start.err"; do :; done
kill -INT "$pid"
status=0
wait "$running" || status=$?
exec 4>&-
expect "a second Ctrl-C: exit status 130 at once" test "$status" -eq 130
expect "a second Ctrl-C: nothing is printed" test ! -s "$scratch/start.out"

run twice --all "$scratch/good" "$scratch/good"
sed 's/ 1 / 2 /' "$scratch/good.expected" >"$scratch/twice"
same "a file named twice is counted twice" "$scratch/twice" "$scratch/twice.out"

run option --nonsense
expect "an unknown option: exit status 1" test "$status" -eq 1
expect "an unknown option: the usage on stderr" grep -q '^usage: demo' "$scratch/option.err"
for number in 0 -1 x 99999999999999999999999; do
	run number --workers "$number" "$scratch/good"
	expect "$number workers: exit status 1 and a message" \
		sh -c "[ $status -eq 1 ] && grep -q '^demo: not a number from 1 to' '$scratch/number.err'"
done
run help --help
expect "--help: exit status 0" test "$status" -eq 0
expect "--help: the usage on stdout" grep -q '^usage: demo' "$scratch/help.out"

if [ -c /dev/full ]; then
	"$demo" --all "$tree" >/dev/full 2>"$scratch/full.err"
	expect "a full disk: exit status 1" test $? -eq 1
	expect "a full disk: a clear message" grep -q '^demo: cannot write: ' "$scratch/full.err"
else
	skip check-demo-full 'there is no /dev/full'
fi

# Memory runs out in the middle of a word that does not end.
endless_word() {
	head -c 300000000 /dev/zero | tr '\000' 'a'
}
if (ulimit -v 250000 && "$demo" --workers 2 "$scratch/good") >/dev/null 2>&1; then
	endless_word 2>/dev/null |
		(ulimit -v 250000 && "$demo" --workers 2 /dev/stdin "$tree" >"$scratch/memory.out" 2>"$scratch/memory.err")
	expect "out of memory: exit status 1" test $? -eq 1
	echo "demo: giving up: Cannot allocate memory" >"$scratch/message"
	same "out of memory: a clear message" "$scratch/message" "$scratch/memory.err"
	expect "out of memory: no counts that are wrong" test ! -s "$scratch/memory.out"
else
	skip check-demo-memory 'the demo does not fit in 250 MB of address space here'
fi

# The progress line, drawn while a file is still being read.
progress() {
	mkfifo "$scratch/slow" || return 1
	script -qefc "'$demo' '$scratch/slow'" "$scratch/terminal" </dev/null >/dev/null 2>&1 &
	exec 3<>"$scratch/slow"
	echo 'slow words' >&3
	tries=20000
	until grep -q '0 files, .* MB, .* paths queued' "$scratch/terminal" || [ $tries -eq 0 ]; do
		tries=$((tries - 1))
	done
	exec 3>&-
	wait $!
	[ $tries -gt 0 ]
}
if script -qefc true /dev/null </dev/null >/dev/null 2>&1; then
	expect "a terminal shows progress" progress
else
	skip check-demo-terminal 'script(1) cannot make a terminal here'
fi

# --- the source tree itself, a copy because a build may be writing to it

mkdir "$scratch/source"
(cd "$source" && tar -cf - README HACKING NEWS COPYING include src man examples bench tests) |
	tar -xf - -C "$scratch/source"
chmod -R u+w "$scratch/source" # a release's tree may be read-only
text_files "$scratch/source" >"$scratch/files"
expect "the copy of the source tree has files" test "$(wc -l <"$scratch/files")" -ge 20
count_with_tools <"$scratch/files" >"$scratch/expected"
run source --all "$scratch/source"
expect "the source tree: exit status 0" test "$status" -eq 0
same "the source tree: the counts of the standard tools" "$scratch/expected" "$scratch/source.out"

case $build in
"$source"/*)
	run build "$source"
	expect "the build folder is skipped" grep -q 'build folders 1,' "$scratch/build.out" ;;
*)
	skip check-demo-build 'the build folder is not inside the source tree' ;;
esac
tally_end
