#!/bin/sh
# Mutants of memory order under Relacy: each order of the sources weakened, each
# fence left out, one at a time.  A scenario must find it, or the file `survivors`
# say why the weaker order is right as well; or that nobody knows yet: then it is open.
#
# Short: the mutants of the files of src/ that changed since a commit, and a tenth of
# the others.
# CHAN_ORDERS=all            all of them
# CHAN_MUTANTS_SINCE=commit  (default HEAD~1, if there is a history)
# CHAN_ORDERS_SEED=n         another tenth (default: from the commit that is checked)
# CHAN_ORDERS_ONLY=regex     those whose names match
. "${top_srcdir:=.}/tests/tally.sh"
. "$top_srcdir/tests/relacy/model.sh"

out=$top_builddir/tests/relacy/orders
program=$out/scenarios
more_seams="-include $here/orders.h"
mkdir -p "$out"

need_model check-orders
if ! command -v python3 >/dev/null; then
	skip check-orders 'there is no python3'
	tally_end
fi

# One program is all mutants.
build() {
	rm -rf "$out/src" && cp -R "$top_srcdir/src" "$out/src" && chmod -R u+w "$out/src" &&
	ln -sfn "$(cd "$top_srcdir" && pwd)/include" "$out/include" &&
	python3 "$here/orders.py" instrument "$out/src" || return 1
	common & common=$!
	objects "$out" futex || { wait $common; return 1; }
	wait $common && link_model "$program" "$(echo "$out"/futex-*.o)"
}

# choose: of the lines of the whole list, those to be tried
choose() {
	git=$(git -C "$top_srcdir" rev-parse --short=7 HEAD 2>/dev/null) || git=
	seed=${CHAN_ORDERS_SEED:-$(printf %d "0x${git:-1}")}
	changed=$([ -z "$git" ] || git -C "$top_srcdir" diff --name-only --relative=src \
		"${CHAN_MUTANTS_SINCE:-HEAD~1}" -- src 2>/dev/null) || changed=
	awk -v all="${CHAN_ORDERS:-}" -v only="${CHAN_ORDERS_ONLY:-}" -v seed="$seed" -v changed="$(echo $changed)" '
		BEGIN {
			srand(seed)
			n = split(changed, files, " ")
			for (i = 1; i <= n; i++)
				is_changed[files[i]] = 1
		}
		{ lot = rand() }
		only != "" { if ($1 ~ only) print; next }
		{ file = $1; sub(/:.*/, "", file) }
		all == "all" || lot < 0.1 || file in is_changed'
}

# Where a mutant of this function shows, the likeliest first.
scenarios_of() {
	case $1 in
	*/array.c:array_orphan:* | */array.c:array_discard*)
		echo leave/array drain/array-1-drop ;;
	*/array.c:array_take_back:* | */array.c:array_advance_tail:[2345]:*)
		echo len/array-3-spsc close/array-1 close/array-2-spsc leave/array-1-sp leave/array-2-spsc force/array-1-sp \
			once/array-1-sp ;;
	*/array.c:array_shut* | */array.c:array_close* | */array.c:array_none:* | */array.c:array_end:* | \
	*/array.c:array_tell:* | */array.c:array_is_closed:* | */array.c:array_share_sending:* | */array.c:array_send_revoked:*)
		echo close/array leave/array drain/array-1 drain/array-2 ;;
	*/array.c:array_displace:3:*)
		echo watch-drop/array ;;
	*/array.c:array_let_tail_go:* | */array.c:array_displace:* | */array.c:array_exchange:*)
		echo force/array displace/array watch-drop/ drain/array-1-drop drain/array-2-drop leave/array-1-drop ;;
	*/array.c:array_sendable:* | */array.c:array_receivable:* | */array.c:array_has_room:*)
		echo watch-send/array watch-drop/ watch-recv/array give/array either-1/array displace/array observe- end/array \
			async-drain/array ;;
	*/array.c:array_len:*)     echo len/array close/array ;;
	*/array.c:array_claim_recv:*)
		echo watch-drop/array len/array once/array flow/array-1 watch-recv/array ;;
	*/array.c:*)               echo len/array once/array flow/array-1 watch-recv/array watch-send/array ;;
	*/list.c:list_unhold:*)    echo flow/list-2 drain/list-2 ;;
	*/list.c:list_heed:* | */list.c:list_watch:*)
		echo once/list-2 timed/list-2 late/list-2 ;;
	*/list.c:list_put_retired:* | */list.c:list_take_retired:* | */list.c:list_reclaim:* | \
	*/list.c:list_retire:* | */list.c:list_move_tail_block:* | */list.c:list_extend*)
		echo len/list-2 flow/list-2 once/list-2 drain/list-2 scarce/list-2 leave/list-2 ;;
	*/list.c:list_take_back:* | */list.c:list_claim_send_single:*)
		echo len/list-2-sp close/list-2-sp drain/list-2-sp flow/list-2-sp leave/list-2-sp ;;
	*/list.c:list_len:*)       echo len/list ;;
	*/list.c:list_ready:*)     echo ready-send ;;
	*/list.c:list_shut_for_senders:* | */list.c:list_close* | */list.c:list_none:* | \
	*/list.c:list_is_closed:*)
		echo close/list-2 leave/list-2 drain/list-2 ;;
	*/list.c:list_drain* | */list.c:list_await_drain:* | */list.c:list_discard:*)
		echo leave/list-2 scarce/list-2 ;;
	*/list.c:list_receivable:* | */list.c:list_*ready:*)
		echo watch-recv/list-2 either-1/list-2 end/list-2 desert/list-2 async-drain/list-2 ;;
	*/list.c:*)                echo len/list-2 once/list-2 flow/list-2 watch-recv/list-2 drain/list-2 ;;
	*/broadcast.c:*)           echo /cast- ;;
	*/mutex_condvar.c:*)       echo once/condvar timed/condvar async-served/condvar ;;
	*/oneshot.c:*)             echo /oneshot ;;
	*/zero.c:*)                echo close/zero leave/zero ;;
	async.c:*)                 echo async-give-up/array-1 async-once/array-1 async-flow/list-2 async-inside ;;
	eventfd.c:*)               echo async-drain/list-2 async-drain/array-1 async-once/list-2 async-leave/array-1 \
			async-again async-cast async-timer ;;
	cancel.c:*)                echo cancel/array-1 tokens cancel-recv/list-2 async-tokens ;;
	base/bias.c:chan__bias_is_held:*)
		echo async-drain/array-1 async-drain/list-2 ;;
	base/bias.*)               echo once/array-1 once/list-2 close/array-1 flow/list-2 watch-recv/array watch-recv/list-2 \
			timed/list-2 async-drain/array-1 async-drain/list-2 leave/array-1 ;;
	handle.c:* | flavor.h:*)   echo part/ close/array-1 close/list-2 drain/array-1 leave/array-1 weak/ one-weak tokens timer/ ;;
	wait/waitq.h:*)            echo queue- once/list-2 leave/array ;;
	wait/*)                    echo queue- once/list-2 timed/array-1 tokens ;;
	esac
}

# hunt EXECUTIONS NAME MUTANT SCENARIO...: true if it was found; $found says where
hunt() {
	log=$tally_tmp/$2.log
	n=$1 name=$2 mutant=$3
	shift 3
	mkdir -p "$(dirname "$log")"
	status=0
	"$program" -x -n "$n" -m "$mutant" "$@" >"$log" 2>&1 || status=$?
	case $status in
	0) return 1 ;;
	3) found='no execution came there'; return 1 ;;
	esac
	found=$(sed -n 's/^FAIL: //p' "$log" | head -n 1)
	if [ -z "$found" ]; then
		found="the model ended with status $status"
		return
	fi
	found="$found, execution $(sed -n 's/^iteration: //p' "$log" | head -n 1), $(grep -m1 '^[A-Z ]* (' "$log")"
	return 0
}

# try NAME MUTANT [survives|open]: a line for the report
try() {
	found=survived
	rounds='300 3000 30000 100000'
	[ -z "${3:-}" ] || rounds=300
	for round in $rounds; do
		if hunt "$round" "$1" "$2" $(scenarios_of "$1"); then
			[ -z "${3:-}" ] && echo "PASS $1: $found" || echo "FAIL $1 is found after all: $found"
			return
		fi
	done
	case ${3:-} in
	survives) echo "PASS $1: survives, with a reason" ;;
	open)     echo "PASS $1: open, no scenario finds it" ;;
	*)        echo "FAIL $1: $found" ;;
	esac
}

# Every so many-th of the list.
worker() {
	awk -v n="$2" -v k="$1" 'NR % n == k' "$out/chosen" | while read -r name mutant survives; do
		try "$name" "$mutant" $survives
	done >"$out/worker.$1"
}

report() {
	while read -r result text; do
		case $result in
		PASS) pass "$text" ;;
		FAIL) fail "$text" ;;
		esac
	done <"$out/result"
	awk '/: survives, with a reason$/ { n++ } /: open, / { open++ } END {
		printf "%d mutants, %d of them survive, %d more are open\n", NR, n, open }' "$out/result"
}

if ! python3 "$here/orders.py" list "$top_srcdir/src" "$here/survivors" >"$out/list"; then
	fail 'the survivors are what they are said to be'
elif ! build; then
	fail 'the sources compile for mutants of order'
else
	choose <"$out/list" >"$out/chosen"
	jobs=$(getconf _NPROCESSORS_ONLN) k=0 workers=
	while [ $k -lt "$jobs" ]; do
		worker $k "$jobs" & workers="$workers $!"
		k=$((k + 1))
	done
	wait $workers
	sort "$out"/worker.[0-9]* >"$out/result"
	rm "$out"/worker.[0-9]*
	report
	expect 'every mutant that was chosen was tried' \
		[ "$(wc -l <"$out/chosen")" -eq "$(wc -l <"$out/result")" ]
	settled=$(grep -vc ': open, no scenario finds it$' "$out/result")
	reached orders $((100 * settled / $(wc -l <"$out/list")))
fi
tally_end
