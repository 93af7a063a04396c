#!/bin/sh
# check-gdb.sh - gdb prints handles and channels of every flavor: their state, capacity
# and length, as the library's own queries say them, and which thread waits.
. "${top_srcdir:=.}/tests/tally.sh"

t=$tally_tmp
lib=$top_builddir/.libs

if ! gdb -nx -batch -ex 'python print("python")' 2>/dev/null | grep -q '^python$'; then
	skip check-gdb 'gdb is not installed, or has no Python'
	tally_end
fi

# They inline the function that it stops at to see who waits.
if $NM "$lib/libchan.so" 2>/dev/null | grep -qE ' U __(asan|tsan)_init$'; then
	skip check-gdb 'the library is instrumented by a sanitizer'
	tally_end
fi

# shellcheck disable=SC2086
build() {
	$CC -std=c11 -g -O1 -Wall -Wextra -I"$top_srcdir/include" $TIME64_CPPFLAGS ${CPPFLAGS:-} ${CFLAGS:-} \
		-o "$t/target" "$top_srcdir/tests/gdb_target.c" ${LDFLAGS:-} -L"$lib" -lchan ${EXAMPLE_LIBS:--pthread}
}
expect 'the program to look at compiles' build
LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export LD_LIBRARY_PATH ASAN_OPTIONS

# What is to be printed, then what is.
commands() {
	cat <<END
set debuginfod enabled off
set breakpoint pending on
set width 0
set print elements 0
source $1
break look
commands
silent
printf "both %s\n", wanted_of_receiver
print rx
printf "wanted %s\n", wanted
print tx
print *channel
continue
end
break wait_park
commands
silent
printf "waits %s\n", wanted
print *channel
continue
end
run
END
}
printed() {
	commands "$1" >"$t/commands"
	timeout 200 gdb -nx -batch -x "$t/commands" "$t/target" </dev/null 2>&1
}

printed "$top_srcdir/src/libchan-gdb.py" >"$t/printed"
if ! grep -q '^\$' "$t/printed"; then
	skip check-gdb "gdb may not trace here: $(tail -n 1 "$t/printed")"
	tally_end
fi
if grep -q 'without debug information' "$t/printed"; then
	skip check-gdb 'the library has no debug information'
	tally_end
fi

# Each line that begins with `$' has what the line before it wanted, and in a line after
# `waits' one thread waits.
as_wanted() {
	awk '
		function wrong(what) { print what ": " $0; print "  wanted: " wanted; bad = 1 }
		/^(both|wanted|waits) / {
			kind = $1
			wanted = substr($0, length(kind) + 2)
			next
		}
		/^\$[0-9]+ = \(chan_sender_t \*\) 0x0$/ { next } # of a timer
		/^\$[0-9]+ = / {
			seen[kind]++
			place = index($0, "{state = ")
			if (kind == "waits") {
				if ($0 !~ /waiting_to_(send|receive) = \{thread [0-9]+\}/)
					wrong("nobody waits")
				if ($0 !~ /waiting_to_(send|receive) = \{\}/)
					wrong("both sides wait")
			} else {
				if (place == 0 || substr($0, place, length(wanted)) != wanted)
					wrong("this is not so")
				if ($0 !~ /waiting_to_send = \{\}, waiting_to_receive = \{\}\}$/)
					wrong("somebody waits")
				if ($0 !~ /message_size = (8|16|4), senders = [01], receivers = 1,/)
					wrong("these are not the handles")
			}
			match(wanted, /flavor = "[a-z_]*"/)
			flavors[substr(wanted, RSTART, RLENGTH)]++
		}
		/Exception|[Ee]rror/ { wrong("gdb complains") }
		END {
			for (f in flavors)
				count++
			# 10 channels and 3 timers, twice each; 9 where a receiver waits, 6 a sender.
			if (seen["both"] != 26 || seen["waits"] != 15 || count != 9)
				wrong("looked at " seen["both"] ", waited " seen["waits"] " times, " count " flavors")
			exit bad
		}' "$1"
}
expect 'gdb prints what the queries say, and who waits' as_wanted "$t/printed"

# --------------------------------------------------------------- planted defects

sed '/^\$/s/length = 2/length = 9/' "$t/printed" >"$t/planted"
refuse 'a length that is not so is noticed' as_wanted "$t/planted"
sed 's/{thread [0-9]*}/{}/' "$t/printed" >"$t/planted"
refuse 'a waiter that is missing is noticed' as_wanted "$t/planted"
sed '/^\$/s/state = "disconnected"/state = "open"/' "$t/printed" >"$t/planted"
refuse 'a state that is not so is noticed' as_wanted "$t/planted"

tally_end
