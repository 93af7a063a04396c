#!/bin/sh
# check-bench.sh - each cell of the benchmark at a tiny size, what its checks find,
# and what the runner and the report make of planted programs.

. "${top_srcdir:=.}/tests/tally.sh"
bench=$top_builddir/bench/chan_bench
source=$top_srcdir/bench
t=$tally_tmp
compiler=$CC
export CC

# ------------------------------------------------------------------ the program

n='[0-9]+'
costs='"wall_ns":[1-9][0-9]*,"user_ns":'$n',"system_ns":'$n',"voluntary":'$n',"involuntary":'$n',"peak_kib":[1-9][0-9]*'
latency=',"latency_ns":\{"samples":[1-9][0-9]*,"p50":'$n',"p90":'$n',"p99":'$n',"p999":'$n',"max":'$n'\}'

# one_record CELL IMPL MESSAGES THREADS SIZE WIDTH: nothing else on stdin
one_record() {
	case $1 in
	*_pingpong | wake | bursts) tail=$latency ;;
	memory_*) tail=',"heap_bytes":'$n ;;
	*) tail= ;;
	esac
	read -r record && ! read -r more &&
	echo "$record" | grep -E "^\{\"cell\":\"$1\",\"impl\":\"$2\",\"version\":\"[0-9.]+\",\
\"messages\":$3,\"threads\":$4,\"size\":$5,\"width\":$6,$costs$tail\}\$"
}

# measures CELL IMPL SIZE: 30 messages, or a burst, with 3 threads or 2 channels, where it has them
measures() {
	threads=1
	width=1
	case $1 in *_mpsc | *_spmc | *_mpmc | *_select_both) threads=3 ;; esac
	case $1 in *_select_* | select_idle | broadcast) width=2 ;; esac
	messages=30
	case $1 in bursts) messages=64 ;; esac
	"$bench" --impl "$2" --size "$3" --threads 3 --width 2 "$1" 30 >"$t/out" || return
	one_record "$1" "$2" $messages $threads "$3" $width <"$t/out"
}

exits_with() {
	wanted=$1
	shift
	"$@"
	[ $? -eq "$wanted" ]
}

"$bench" --list >"$t/list"
expect 'there are 52 cells' test "$(cut -d' ' -f1 "$t/list" | sort -u | wc -l)" -eq 52
expect 'no line of the list is there twice' test -z "$(sort "$t/list" | uniq -d)"
while read -r cell impl; do
	expect "$cell, $impl" measures "$cell" "$impl" 8
done <"$t/list"
first_of() { awk -v cell="$1" '$1 == cell { print $2; exit }' "$t/list"; }
for size in 0 4096; do
	for cell in bounded0_mpmc bounded128_mpsc unbounded_seq bounded1_select_both broadcast batch loop mixed oneshot \
		select_idle sizes bursts memory_bounded1 memory_unbounded; do
		expect "$cell, $size bytes" measures $cell "$(first_of $cell)" $size
	done
done
expect 'bounded128_mpmc, 7 bytes' measures bounded128_mpmc libchan:array 7
expect 'messages are rounded up to equal shares' \
	sh -c "'$bench' --threads 7 bounded128_mpmc 30 | grep -q '\"messages\":35,\"threads\":7,'"
expect 'an implementation that cannot serve is told apart' exits_with 77 "$bench" --impl libchan:list bounded1_spsc 30
expect 'one that there is not' exits_with 2 "$bench" --impl none bounded1_spsc 30
expect 'a cell that there is not' exits_with 2 "$bench" bounded_pingpong 30
expect 'no messages' exits_with 2 "$bench" bounded1_spsc 0
expect 'messages that are no number' exits_with 2 "$bench" bounded1_spsc 4x
expect 'an option without its value' exits_with 2 "$bench" --threads
if [ -w /dev/full ]; then
	expect 'a record that cannot be written' exits_with 1 sh -c "'$bench' bounded1_spsc 30 >/dev/full"
fi

# A queue that does what $PLANT says, behind the same harness.
cat >"$t/planted.c" <<'END'
#include <pthread.h>
#include <stdlib.h>
#include "loops.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static uint64_t slots[64];
static unsigned head, tail;
static const char *plant;

static void put(void *to, const void *message, size_t size)
{
	(void)to;
	pthread_mutex_lock(&lock);
	memcpy(&slots[tail++], message, size);
	pthread_cond_broadcast(&more);
	pthread_mutex_unlock(&lock);
}

static unsigned place(unsigned at)
{
	/* Two neighbours may come from two senders, whose order nobody knows. */
	if (!strcmp(plant, "swap"))
		return 19 - at;
	return !strcmp(plant, "double") && at == 9 ? 8 : at;
}

/* Waits until all 20 messages are there, so that the plants find their places. */
static void take(void *from, void *message, size_t size)
{
	(void)from;
	pthread_mutex_lock(&lock);
	while (tail < 20)
		pthread_cond_wait(&more, &lock);
	if (!strcmp(plant, "change") && head == 5)
		slots[5] ^= 64;
	memcpy(message, &slots[place(head++)], size);
	pthread_mutex_unlock(&lock);
}

BENCH_LOOPS(planted, put, take)

static void too_few(struct bench_party *p)
{
	planted_receiving(p);
	p->taken.count--;
}

static const struct bench_works *works(size_t size)
{
	static const struct bench_works good = {
		.send = planted_sending, .receive = planted_receiving, .send_then_receive = planted_seq
	}, bad = { .send = planted_sending, .receive = too_few };

	return size == 8 ? strcmp(plant, "count") ? &good : &bad : NULL;
}

static bool serves(const struct bench_impl *impl, const struct bench_cell *c)
{
	(void)impl;
	return bench_is_plain(c);
}

/* A thousand bytes a channel, which nobody frees. */
static void open_nothing(struct bench_run *r)
{
	if (r->cell.scenario == BENCH_MEMORY)
		for (unsigned i = 0; i < r->channels; i++)
			memset(r->ends[i].to = malloc(1000), 1, 1000);
}

static bool close_nothing(struct bench_run *r) { (void)r; return strcmp(plant, "left") != 0; }

int main(int argc, char **argv)
{
	const struct bench_impl impl = {
		.name = "planted", .serves = serves, .works = works, .open = open_nothing, .close = close_nothing
	};
	struct bench_adapter adapter = { "planted", "1", &impl, 1 };

	plant = getenv("PLANT");
	return bench_main(argc, argv, &adapter);
}
END
compile_planted() {
	# shellcheck disable=SC2086
	$CC -D_GNU_SOURCE -I"$source" ${CPPFLAGS:-} ${CFLAGS:-} -pthread -o "$t/planted" \
		"$t/planted.c" "$source/harness.c" "$source/parties.c" ${LDFLAGS:-}
}
# with_plant PLANT CELL THREADS: a queue that does that
with_plant() {
	PLANT=$1 "$t/planted" --threads "$3" "$2" 20
}
expect 'an adapter is compiled with the harness alone' compile_planted
expect 'a size that an adapter does not take' exits_with 77 env PLANT=none "$t/planted" --size 9 unbounded_seq 20
for cell in unbounded_seq unbounded_spsc unbounded_mpsc; do
	expect "$cell, a queue that is right" with_plant none $cell 2
	for plant in swap double change left; do
		expect "$cell, a queue that is wrong: $plant" exits_with 1 with_plant $plant $cell 2
	done
done
# What receivers share has no order, but a sum.
expect 'unbounded_spmc, a queue that is right' with_plant none unbounded_spmc 2
expect 'unbounded_spmc, a queue without an order' with_plant swap unbounded_spmc 2
for plant in double change left count; do
	expect "unbounded_spmc, a queue that is wrong: $plant" exits_with 1 with_plant $plant unbounded_spmc 2
done

# Rounding and the allocator's own take a little, sanitizers more; where only the system
# counts, it may be behind by some pages.
heap_of_a_thousand() {
	heap=$(PLANT=none "$t/planted" memory_bounded1 20000 | sed 's/.*"heap_bytes":\([0-9]*\)}$/\1/')
	case ${CFLAGS:-} in *sanitize*) most=200000000 ;; *) most=22000000 ;; esac
	[ "$heap" -ge 19500000 ] && [ "$heap" -le "$most" ]
}
expect 'memory is what the channels take' heap_of_a_thousand

# ------------------------------------------------------------------- the runner

if ! command -v python3 >/dev/null; then
	skip check-bench-runner 'needs python3'
	tally_end
fi

# planted NAME IMPL NS EXTRA: an adapter that says it took NS for each message; the
# shell commands EXTRA can look at $impl, $cell and $messages before that.
planted() {
	cat >"$t/$1" <<END
#!/bin/sh
if [ "\$1" = --list ]; then
	for cell in ${cells:-bounded1_spsc unbounded_seq bounded128_pingpong}; do
		for impl in $2; do echo "\$cell \$impl"; done
	done
	exit
fi
while [ \$# -gt 2 ]; do
	case \$1 in --impl) impl=\$2 ;; --size) size=\$2 ;; --threads) threads=\$2 ;; --width) width=\$2 ;; esac
	shift 2
done
cell=\$1
messages=\$2
ns=$3
echo "\$cell \$impl \$messages \$size" >>"\${CALLS:-$t/calls}"
$4
echo '{"cell":"'\$cell'","impl":"'\$impl'","version":"7","messages":'\$messages',"threads":1,"size":'\$size',"width":1,"wall_ns":'\$((messages * ns))',"user_ns":'\$((messages * ns * 2))',"system_ns":0,"voluntary":0,"involuntary":0,"peak_kib":100,"latency_ns":{"samples":9,"p50":1,"p90":2,"p99":3,"p999":4,"max":5}}'
END
	chmod +x "$t/$1"
}

# run OPTION...: two implementations of libchan and those of adapters that are named
run() {
	: >"$t/calls"
	python3 "$source/run.py" --bench "$t/ours" --peers none --build "$t/none" --records "$t/records" \
		--json "$t/json" --rounds 2 --time 100 "$@" >"$t/run.out" 2>"$t/run.err"
}
said() { grep -qE -- "$1" "$t/run.out" || { cat "$t/run.out" "$t/run.err"; false; }; }
# What the report in JSON says: a Python expression about d.
holds() {
	python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); j = {x["name"]: x for x in d["jobs"]}
ok = eval(sys.argv[2]); print(ok); sys.exit(not ok)' "$t/json" "$1"
}

planted ours 'libchan:array libchan:list' 1000 '[ $impl = libchan:array ] || ns=2000'
planted peer other 5000 ''

expect 'the runner runs' run --adapter "$t/peer" --cells '*'
expect 'it says nothing of its progress but on a terminal' test ! -s "$t/run.err"
# 100 ms by 5 us; the calibration before has other counts.
cat >"$t/expected" <<'END'
bounded1_spsc libchan:array 20000 8
bounded1_spsc libchan:list 20000 8
bounded1_spsc other 20000 8
unbounded_seq libchan:array 20000 8
unbounded_seq libchan:list 20000 8
unbounded_seq other 20000 8
END
grep ' 20000 ' "$t/calls" | grep -v pingpong >"$t/all"
head -n 6 "$t/all" >"$t/got"
expect 'all take the same count, with which the slowest needs the time asked for' diff "$t/expected" "$t/got"
cut -d' ' -f2 "$t/all" | tr '\n' ' ' >"$t/order"
expect 'rounds are interleaved, each begins with another' test "$(cat "$t/order")" = \
"libchan:array libchan:list other libchan:array libchan:list other \
libchan:list other libchan:array libchan:list other libchan:array \
other libchan:array libchan:list other libchan:array libchan:list "
expect 'every sample is in the report, the warm-up apart' holds \
	'all(len(x) == 2 for i in j.values() for x in i["impls"].values()) and len(j["unbounded_seq"]["warmup"]["other"]) == 1'
expect 'the best flavor is compared' holds 'd["summary"]["rows"][0]["ours"]["impl"] == "libchan:array"'
expect 'the machine stands in it' holds 'd["machine"]["cpus"] > 0 and d["machine"]["kernel"] and d["state"] == "complete"'
expect 'the table follows' said '^bounded1_spsc +array +1000 \(1000-1000\) +other +5000 \(5000-5000\) +5.00 \(5.00-5.00\) +5.00$'

expect 'cells and sizes are chosen' run --cells 'none *_seq' --size 8,32
expect 'and nothing else is run' holds 'list(j) == ["unbounded_seq", "unbounded_seq size=32"]'
cells=bounded1_spsc planted one other 3000 '[ $cell = bounded1_spsc ] || exit 77'
cells=unbounded_seq planted two other 4000 '[ $cell = unbounded_seq ] || exit 77'
run --adapter "$t/one" --adapter "$t/two" --cells '*s*'
expect 'an implementation may have several programs' holds \
	'[j[c]["impls"]["other"][0]["wall_ns"] / j[c]["messages"] for c in ("bounded1_spsc", "unbounded_seq")] == [3000, 4000]'
expect 'a count may be given' run --adapter "$t/peer" --cells '*_spsc' --messages 777
expect 'and is that of all' holds '{(s["messages"], len(x)) for x in j["bounded1_spsc messages=777"]["impls"].values() for s in x} == {(777, 2)}'
cells=bounded1_mpsc planted grown 'libchan:array' '$((threads * 1000))' ''
run --bench "$t/grown" --cells '*' --threads 2,6
expect 'what grows is compared with its best point' said '^bounded1_mpsc +2000 +6000 +3.00$'
refuse 'no cell matches' run --cells none
refuse 'rounds are a count' run --rounds 0
refuse 'there is no such program' run --bench "$t/nothing"
expect 'the 14 cells exist' python3 -B -c "
import sys; sys.path.insert(0, '$source'); import plans
cells = {line.split()[0] for line in open('$t/list')}
sys.exit(not (len(set(plans.QUICK)) == 14 and set(plans.QUICK) <= cells and all(set(s[2]) <= cells for s in plans.SWEEPS)))"
expect 'at least five rounds, and more where the cells are few' python3 -B -c "
import sys; sys.path.insert(0, '$source'); import run
assert [run.parse_options(o).rounds for o in ([], ['--cells', '*'], ['--plan', 'full'], ['--rounds', '7'])] == [15, 5, 5, 7]"
expect 'the full plan has the sizes, widths, threads and channels that are promised' python3 -B -c "
import sys; sys.path.insert(0, '$source'); import plans
jobs = plans.full([line.split()[0] for line in open('$t/list')], '0')
def of(what, cell): return {getattr(j, what) for j in jobs if j.cell == cell and not j.pin}
assert of('threads', 'bounded128_mpmc') == {2, 3, 4, 7, 8, 16, 32, 64}
assert of('size', 'bounded128_mpmc') == {0, 8, 32, 256, 4096}
assert of('width', 'select_idle') == {2, 4, 8, 64, 512}
assert of('fixed', 'memory_bounded1') == {100000, 1000000}
assert {j.cell for j in jobs if j.pin == '0'} == {j.cell for j in jobs if not plans.is_memory(j.cell)}
assert len({j.name for j in jobs}) == len(jobs)"

expect 'what the machine takes for the steps is measured' sh -c "'$top_builddir/bench/limits' | tee '$t/limits.json' |
	grep -qE '^\{\"line\":[0-9.]+,\"locked\":[0-9.]+,.*\"yield\":[0-9.]+\}\$'"
printf '#!/bin/sh\ncat "%s"\n' "$t/limits.json" >"$t/limits"
chmod +x "$t/limits"
run --cells '*_spsc'
expect 'and stands in the report' said '^its limits, ns .*: a cache line there and back [0-9.]+ \(100\), '
rm "$t/limits"
expect 'in jobs that are for some, only those take part' python3 -B -c "
import sys; sys.path.insert(0, '$source'); import run, plans, dataclasses
bench = run.Bench(None, None); bench.cells['unbounded_seq'] = ['libchan:list', 'kanal', 'std']
job = plans.job('unbounded_seq')
bench.options = run.parse_options(['--rounds', '5'])
some = dataclasses.replace(job, who='kanal go')
assert bench.impls_of(job) == ['libchan:list', 'kanal', 'std'] and list(bench.rounds_of(job)) == [0, 1, 2, 3, 4, 5]
assert bench.impls_of(some) == ['kanal'] and list(bench.rounds_of(some)) == [1, 2, 3]"

# ------------------------------------------------------------- what goes wrong

planted broken other 5000 '[ $messages -lt 20000 ] || kill -KILL $$'
expect 'a peer that dies does not end the run' run --adapter "$t/broken" --cells '*_spsc'
expect 'what killed it is said' said '^bench: bounded1_spsc: other failed in round 1: killed by SIGKILL$'
expect 'the second time it is left out' said '^bench: bounded1_spsc: other is left out from here on$'
expect 'the others are kept' holds 'len(j["bounded1_spsc"]["impls"]["libchan:array"]) == 2 and len(d["failures"]) == 2'

planted broken other 5000 "[ \$messages -lt 20000 ] || [ -e $t/once ] || { : >$t/once; kill -KILL \$\$; }"
run --adapter "$t/broken" --cells '*_spsc'
expect 'once is forgiven' holds 'len(j["bounded1_spsc"]["impls"]["other"]) == 2 and len(d["failures"]) == 1'

planted broken other 5000 '[ $messages -lt 20000 ] || kill -KILL $PPID'
run --adapter "$t/broken" --cells '*_spsc'
expect 'the shell around it may be what is killed' said '^bench: bounded1_spsc: other failed in round 1: killed by SIGKILL$'

planted broken other 5000 '[ $messages -lt 20000 ] || exec tail -f /dev/null'
expect 'a peer that hangs does not end the run' run --adapter "$t/broken" --cells '*_spsc' --limit 2
expect 'that is said' said '^bench: bounded1_spsc: other failed in round 0: hung: nothing after 2 s$'
expect 'it is not waited for twice' holds 'len(d["failures"]) == 1 and len(j["bounded1_spsc"]["impls"]["libchan:list"]) == 2'

planted broken other 5000 '[ $messages -lt 20000 ] || { echo nonsense; exit; }'
run --adapter "$t/broken" --cells '*_spsc'
expect 'a record that is none' said "^bench: bounded1_spsc: other failed in round 0: no record of this run: 'nonsense'$"
planted broken other 5000 'echo why >&2; exit 77'
expect 'what a peer cannot do is no failure' run --adapter "$t/broken" --cells '*_spsc'
expect 'but on record' holds 'j["bounded1_spsc"]["cannot"] == {"other": "why"} and not d["failures"]'
planted broken libchan:zero 5000 'exit 1'
refuse 'a failure of libchan is one of the run' run --adapter "$t/broken" --cells '*_spsc'
expect 'a peer that cannot say what it serves is skipped' run --adapter "$t/nothing" --cells '*_spsc'
expect 'by name' said '^bench: nothing is skipped: status 127'

expect 'a peer is built' run --bench "$bench" --peers pipe --build "$t/build" --cells loop --rounds 1 --time 5
expect 'and takes part' holds 'j["loop"]["impls"]["pipe"][0]["messages"] > 0'
CC=false
expect 'a peer that cannot be built' run --peers pipe --build "$t/other" --cells '*_spsc'
expect 'is skipped by name' said '^bench: pipe is skipped: false failed with status 1$'
expect 'and the others are kept' holds 'len(j["bounded1_spsc"]["impls"]) == 2'
expect 'and so is one whose folder cannot be made' run --peers pipe --build "$t/ours/none" --cells '*_spsc'
expect 'with the reason' said '^bench: pipe is skipped: Not a directory$'
CC=no-such-compiler
run --peers pipe --build "$t/other" --cells '*_spsc'
expect 'and so is one without its toolchain' said '^skipped: pipe: no-such-compiler is not installed$'
CC=$compiler

# Like Ctrl-C: the runner is the parent of the shell that runs the adapter.
planted broken other 5000 '[ $messages -lt 20000 ] || [ -e '"$t"'/second ] || if [ ! -e '"$t"'/first ]; then
	: >'"$t"'/first
else
	: >'"$t"'/second
	read -r _ _ _ runner _ </proc/$PPID/stat
	kill -INT "$runner"
	exec tail -f /dev/null
fi'
expect 'an interrupted run says so in its status' exits_with 130 run --adapter "$t/broken" --cells '*_spsc'
expect 'it keeps what was measured' holds 'd["state"] == "interrupted" and list(j["bounded1_spsc"]["impls"]) == ["libchan:list"]'
expect 'and reports it' said '^this run is not whole: it was interrupted$'
printf '{"type":"run","half' >>"$t/records"
expect 'it can be resumed' run --resume
expect 'nothing that is on record is measured again' sh -c "! grep -v ' 20000 ' '$t/calls' && [ \$(grep -c . '$t/calls') -eq 5 ]"
expect 'and then it is whole' holds 'd["state"] == "complete" and [len(x) for x in j["bounded1_spsc"]["impls"].values()] == [2, 2, 2]'
echo nonsense >"$t/records"
refuse 'what is no record of a run is not resumed' run --resume

limited() {
	(
		ulimit -f "$1"
		shift
		CALLS=/dev/null
		export CALLS
		run "$@"
	)
}
expect 'a disk that is full ends the run' exits_with 1 limited 6 --adapter "$t/peer" --cells '*_spsc' --rounds 30
expect 'that is said' said "^bench: .*/records cannot be written: "
expect 'and the report has what was measured' said '^bounded1_spsc +array +1000'
if [ -c /dev/full ]; then
	refuse 'a report that cannot be written' run --cells '*_spsc' --rounds 1 --text /dev/full
	expect 'is said' said '^bench: /dev/full cannot be written: No space left'
fi

if [ -c /dev/full ]; then
	run_into_full() {
		python3 "$source/run.py" --bench "$t/ours" --peers none --records "$t/records" --json "$t/json" --rounds 1 \
			--time 100 --cells '*_spsc' >/dev/full 2>"$t/run.out"
	}
	rm "$t/json"
	refuse 'a report that cannot be printed' run_into_full
	expect 'is said, too' said '^bench: the standard output cannot be written: No space left'
	refuse 'and is no traceback' grep -q Traceback "$t/run.out"
	expect 'and everything is in the other files' holds 'd["state"] == "complete" and len(j["bounded1_spsc"]["impls"]) == 2'
fi

# A real disk, of four pages, that nobody else sees.
on_small_disk() {
	# shellcheck disable=SC2016
	unshare --map-root-user --mount sh -c 'mount -t tmpfs -o size=16k none "$1" && shift && "$@"' sh "$t/disk" "$@"
}
full_disk() {
	# shellcheck disable=SC2016
	on_small_disk env CALLS=/dev/null sh -c 'd=$1; shift; python3 "$@" || { s=$?; ls "$d"; exit $s; }' sh "$t/disk" \
		"$source/run.py" --bench "$t/ours" --peers none --adapter "$t/peer" --cells '*_spsc' --time 100 "$@" >"$t/run.out" 2>"$t/run.err"
}
mkdir "$t/disk"
if on_small_disk true 2>/dev/null; then
	expect 'a small disk that the records fill ends the run' exits_with 1 \
		full_disk --records "$t/disk/records" --rounds 60 --json "$t/json"
	expect 'that is said once' test "$(grep -c 'records cannot be written: No space left' "$t/run.out")" -eq 1
	expect 'and what was measured is reported' said '^bounded1_spsc +array +1000'
	expect 'and kept' holds 'len(j["bounded1_spsc"]["impls"]["other"]) > 5 and d["state"] == "stopped"'
	expect 'one that the report fills keeps the records' exits_with 1 \
		full_disk --records "$t/records" --rounds 60 --json "$t/disk/json" --text "$t/disk/text"
	expect 'and says which file it was' said "^bench: $t/disk/json cannot be written: No space left"
	expect 'from them the report is made again' python3 "$source/report.py" "$t/records" --json "$t/json"
	expect 'whole' holds 'd["state"] == "complete" and len(j["bounded1_spsc"]["impls"]["other"]) == 60'
	if python3 -c 'import matplotlib' 2>/dev/null; then
		expect 'plots that it does not take are no traceback' exits_with 1 \
			full_disk --records "$t/records" --rounds 2 --plots "$t/disk/plots"
		expect 'but said' said '^bench: the plots cannot be written: No space left'
	fi
	expect 'one that a build fills is that peer'"'"'s trouble' \
		full_disk --records "$t/records" --rounds 1 --peers pipe --build "$t/disk/build"
	expect 'by name and reason' said '^bench: pipe is skipped: .*No space left'
	expect 'the others are kept' said '^bounded1_spsc +array +1000'
else
	skip check-bench-disk 'needs a namespace of mounts'
fi

# -------------------------------------------------------------- on a terminal

on_terminal() {
	python3 - "$source/run.py" --bench "$t/ours" --peers none --records "$t/records" --cells '*_spsc' --rounds 2 \
		--time 100 <<'END'
import os, subprocess, sys
try:
    ours, theirs = os.openpty()
except OSError:
    sys.exit(77)
child = subprocess.Popen([sys.executable, *sys.argv[1:]], stdout=subprocess.DEVNULL, stderr=theirs)
os.close(theirs)
text = b""
while True:
    try:
        chunk = os.read(ours, 4096)
    except OSError:
        break
    if not chunk:
        break
    text += chunk
for wanted in (b"calibrating 1/1, bounded1_spsc", b"warm-up, bounded1_spsc, libchan:array", b"round 2/2, bounded1_spsc", b":00 left"):
    if wanted not in text:
        sys.exit(f"{wanted!r} is not in {text!r}")
sys.exit(child.wait())
END
}
on_terminal >"$t/terminal" 2>&1
case $? in
0) pass 'on a terminal there is a line of progress' ;;
77) skip check-bench-terminal 'this root has no terminals' ;;
*)
	fail 'on a terminal there is a line of progress'
	cat "$t/terminal" ;;
esac

# ------------------------------------------------------------------- the report

# records FILE NS...: libchan's and the peer's ns of each round, in one cell
records() {
	python3 - "$@" <<'END'
import json, sys
def line(**fields):
    file.write(json.dumps(fields) + "\n")
with open(sys.argv[1], "w") as file:
    job = {"name": "unbounded_seq", "cell": "unbounded_seq", "threads": 4, "size": 8, "width": 4, "pin": ""}
    line(type="header", started="then", machine={"processor": "x", "cpus": 1, "hypervisor": False, "memory_kib": 1,
         "governor": "", "system": "s", "kernel": "k", "libc": "l", "compiler": "c", "cflags": "", "rustc": "", "go": "",
         "load_at_start": "0"}, options={"rounds": 3, "time": 300}, jobs=[job])
    line(type="count", job=job["name"], messages=10, ns={}, cannot={})
    for n, pair in enumerate(sys.argv[2:], 1):
        for impl, ns in zip(("libchan:list", "other"), pair.split("/")):
            if ns:
                line(type="run", job=job["name"], round=n, record={"cell": "unbounded_seq", "impl": impl, "version": "1",
                     "messages": 10, "wall_ns": 10 * int(ns), "user_ns": 10 * int(ns), "system_ns": 10 * int(ns)})
    line(type="end", state="complete")
END
}
report() { python3 "$source/report.py" "$@" >"$t/run.out" 2>&1; }

# Ratios 4, 0.5, 2 within the rounds: their median is not the ratio of the medians.
records "$t/r" 10/40 40/20 20/40
report "$t/r" --json "$t/json"
expect 'median, least, most, and the median of ratios' \
	said '^unbounded_seq +list +20.0 \(10.0-40.0\) +other +40.0 \(20.0-40.0\) +2.00 \(0.50-4.00\) +2.00$'
expect 'a report in JSON can be read again' report "$t/json"
expect 'and says the same' said '2.00 \(0.50-4.00\)'
expect 'how much else ran' said '^runs of one thread took 0.50 of their processor time \(median of 6; a tenth 0.50 or more\)'
records "$t/lost" 40/10 40/20 40/10
report "$t/lost"
expect 'a cell that is lost' said '^lost: 1 of 1: unbounded_seq \(0.25, other\)$'
expect 'who is the fastest' said '^fastest in: other 1$'
records "$t/odd" 10/40 40/20 20/
report "$t/odd"
expect 'a round without a partner is no pair' said '2.25 \(0.50-4.00\)'
report "$t/lost" --bars
expect 'the bar of a cell that is lost points the other way' said '^ +unbounded_seq +other +0.25  ################\|$'
report "$t/r" --bars
expect 'the bar of one that is won' said '^ +unbounded_seq +other +2.00  \|########$'
sed 's/unbounded_seq/wake/g; s/"wall_ns": [0-9]*/&, "latency_ns": {"samples": 10, "p50": 70, "p90": 1, "p99": 1, "p999": 1, "max": 1}/' \
	"$t/r" >"$t/woken"
report "$t/woken"
expect 'waking is judged by its latency' said '^wake +list +70.0 \(70.0-70.0\) +other +70.0 \(70.0-70.0\) +1.00 '
expect 'and each percentile beside its own best peer' said '^wake +list +other +1.00 \(1.00-1.00\) +other +1.00 '
sed '/libchan/s/"p99": 1/"p99": 2/' "$t/woken" >"$t/late"
report "$t/late"
expect 'a percentile that is lost has a mark' said '^wake +list +other +1.00 \(1.00-1.00\) +other +0.50 \(0.50-0.50\) \* +other'
expect 'and is counted' said '^p99: geometric mean over 1 cells 0.50, no worse than the best peer.s in 0$'
expect 'a sample of a burst is of many messages' sh -c "sed 's/wake/bursts/g; s/\"samples\": 10/\"samples\": 1/' '$t/woken' >'$t/burst'"
report "$t/burst"
expect 'and judged by one of them' said '^bursts +list +7.00 \(7.00-7.00\)'
sed 's/other/bare_ring/g' "$t/lost" >"$t/bare"
report "$t/bare"
expect 'what is no library is shown' said '^  no library +bare_ring +10.0 \(10.0-20.0\) +0.25 \(0.25-0.50\) +0.25$'
refuse 'but no peer' said '^lost|^fastest|best peer/libchan'
sed 's/unbounded_seq/memory_bounded1/g; s/"wall_ns": \([0-9]*\)/&, "heap_bytes": \1/' "$t/r" >"$t/memory"
report "$t/memory" --json "$t/json"
expect 'memory is bytes a channel' said '^ +other +40 +2.00$'
expect 'beside the cells that are times' holds 'd["summary"]["rows"] == [] and d["summary"]["mean"]["cells"] == 0'
refuse 'what is no report is noticed' report "$0"
mkdir "$t/without"
echo 'raise ImportError(name="matplotlib")' >"$t/without/matplotlib.py"
expect 'without matplotlib' env PYTHONPATH="$t/without" python3 "$source/report.py" "$t/r" --plots "$t/plots"
PYTHONPATH=$t/without python3 "$source/report.py" "$t/r" --plots "$t/plots" >"$t/run.out"
expect 'plots are skipped by name' said '^bench: plots are skipped: matplotlib is not installed$'

if python3 -c 'import matplotlib' 2>/dev/null; then
	expect 'plots are drawn' python3 "$source/report.py" "$t/r" --plots "$t/plots"
	expect 'as SVG and PNG' test -s "$t/plots/throughput.svg" -a -s "$t/plots/throughput.png"
else
	skip check-bench-plots 'needs matplotlib'
fi
expect 'every peer that can be built has a source' python3 -B -c "
import sys; sys.path.insert(0, '$source'); import peers
sys.exit(any(not (peers.SOURCES / x[0]).exists() for x in peers.NATIVE.values()))"

# Figures of before, all of them twice as long; then one peer that is not.
reference() {
	python3 - "$source" "$t/r" "$@" <<'END' && python3 "$source/reference.py" "$t/r" >"$t/run.out"
import sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1])
import json, reference
far = dict(pair.split("=") for pair in sys.argv[3:])
lines = [json.loads(line) for line in open(sys.argv[2])][:1]
cells = ("bounded0_spsc", "unbounded_mpmc")
lines[0]["jobs"] = [{**lines[0]["jobs"][0], "name": cell, "cell": cell} for cell in cells]
for cell in cells:
    for peer, ns in zip(reference.PEERS, reference.FIGURES[cell]):
        if ns:
            wall = int(ns * 1000 * float(far.get(cell + ":" + peer, 2)))
            lines.append({"type": "run", "job": cell, "round": 1, "record": {"cell": cell, "impl": peer, "version": "1",
                          "messages": 1000, "wall_ns": wall, "user_ns": wall, "system_ns": 0}})
open(sys.argv[2], "w").writelines(json.dumps(line) + "\n" for line in lines)
END
}
expect 'another machine is no disagreement' reference
expect 'and that is said' said ': 2 of 2 cells agree within 1.5, 11 of 11 figures$'
expect 'and where there were other messages than then' said '^2 of them with other counts of messages'
refuse 'peers that stand to each other otherwise are' reference bounded0_spsc:kanal=4
expect 'they are named' said '^bounded0_spsc +kanal +347 +1388 +2.00 +'
report "$t/r"
expect 'the report has it, too' said '^bounded0_spsc +kanal +347 +1388 +2.00 +'
expect 'and who is of another version than then' said '^other versions than then: .*kanal 1 \(was 0.2\)'

# explained REASONS: the same run, with a file of reasons
explained() {
	printf "$1" >"$t/reasons"
	python3 - "$source" "$t/r" "$t/reasons" >"$t/run.out" 2>&1 <<'END'
import sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1])
from pathlib import Path
import reference
reference.REASONS = Path(sys.argv[3])
sys.exit(reference.main([sys.argv[2]]))
END
}
refuse 'a peer that stands otherwise without a reason' explained '# none\n'
expect 'is named' said '^not explained: kanal in bounded0_spsc \(2.00\)$'
refuse 'a reason is one for some shares' explained 'kanal | bounded0_* | 1.5-1.9\n\tBecause.\n'
explained 'go | * | 1-9\n\tNot this.\nkanal std | bounded0_* | 1.5-2.1\n\tBecause.\n\tIt is.\n'
expect 'a reason is printed' said '^\[1\] Because. It is.$'
expect 'beside what it is for' said '^bounded0_spsc +kanal +347 +1388 +2.00 +\[1\]$'
refuse 'and then nothing is without one' said 'not explained'
explained 'kanal | *\n'
expect 'a line that is no reason' said 'reasons:1: neither a reason nor'
expect 'each reason is for peers and cells that there are' python3 -B -c "
import sys, fnmatch; sys.path.insert(0, '$source'); import reference
for r in reference.read_reasons():
    assert r['why'] and r['least'] < r['most'], r
    assert all(fnmatch.filter(reference.PEERS, p) for p in r['peers']), r
    assert all(fnmatch.filter(reference.FIGURES, c) for c in r['cells']), r"

# What the same messages as then gave is taken before what the calibration did.
expect 'the full plan has the peers with as many messages as then' python3 -B -c "
import sys; sys.path.insert(0, '$source'); import plans, reference
jobs = [j for j in plans.full([line.split()[0] for line in open('$t/list')], '0') if j.who != plans.ALL]
assert {j.cell for j in jobs} == set(reference.FIGURES) and {j.fixed for j in jobs} == {200000}
now = {'cell': 'unbounded_seq', 'messages': 9, 'name': 'a'}, {'cell': 'unbounded_seq', 'messages': 200000, 'name': 'b'}
assert [j['name'] for j in reference.compared(now) + reference.compared(now[::-1])] == ['b', 'b']"

compare() { python3 "$source/compare" "$@" >"$t/run.out" 2>&1; }
records "$t/before" 20/30 21/31 22/30
records "$t/after" 30/30 31/31 33/30
records "$t/near" 21/30 23/31 24/30
expect 'a cell that got slower is one of the status' exits_with 1 compare "$t/before" "$t/after"
expect 'it is named' said '^unbounded_seq +libchan:list +21.0 .* 1.48 +SLOWER$'
expect 'the other way it is faster' compare "$t/after" "$t/before"
expect 'and named, too' said '^unbounded_seq +libchan:list .* faster$'
expect 'ranges that overlap are noise' compare "$t/before" "$t/near"
expect 'what peers did is the machine' said '^the peers moved by 1.00'
refuse 'two that have nothing in common' compare "$t/before" "$t/after" --impls none

tally_end
