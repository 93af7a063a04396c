# Sourced after tally.sh by the scripts that run the library under Relacy: how its
# sources become programs.  $out is where to; $more_seams is forced after seams.h.

here=$top_srcdir/tests/relacy
more_seams=

flags="-DCHAN_WAKER_WORDS_=64 -std=c++17 -O2 -g -D_GNU_SOURCE -I$here ${TIME64_CPPFLAGS:-}"
units='async attr block cancel chan eventfd flavor handle select timer flavors/array flavors/at flavors/broadcast flavors/list
	flavors/mutex_condvar flavors/never flavors/oneshot flavors/tick flavors/zero wait/waitq base/bias
	wait/parker_futex wait/parker_pthread'

# need_model NAME: ends the script where there is no model
need_model() {
	printf '#include <relacy/relacy.hpp>\n' | $CXX -E -x c++ - >/dev/null 2>&1 && return
	skip "$1" 'Relacy is not installed'
	tally_end
}

parker_flag() { if [ "$1" = futex ]; then echo -DCHAN_PARKER_FUTEX=1; fi; }

# translate TREE PARKER UNIT OBJECT: one source of the library, as it is.  It is C
# read as C++; -fsanitize=thread brings the calls that the model answers.
translate() {
	$CXX $flags $(parker_flag "$2") -I"$1/include" -I"$1/src" -w -fpermissive \
		-fsanitize=thread -include "$here/seams.h" $more_seams -x c++ -c "$1/src/$3.c" -o "$4"
}

# objects TREE PARKER: of all units, into $out
objects() {
	for unit in $units; do
		case $2:$unit in pthread:wait/parker_futex) continue ;; esac
		translate "$1" "$2" "$unit" "$out/$2-$(basename "$unit").o" || return 1
	done
	$CXX $flags $(parker_flag "$2") -I"$1/include" -I"$1/src" -fpermissive -w \
		-include "$here/seams.h" $more_seams -c "$here/world.cpp" -o "$out/$2-world.o"
}

common() {
	$CXX $flags -w -c "$here/model.cpp" -o "$out/model.o" &&
	$CXX $flags -Wall -Wextra -I"$top_srcdir/include" -c "$here/scenarios.cpp" -o "$out/scenarios.o"
}

# Addresses in a history are those of addr2line -e, so not relocated.
link_model() { $CXX -no-pie -o "$1" "$out/model.o" "$out/scenarios.o" $2; }
