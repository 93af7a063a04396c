#!/bin/sh
# chan.h alone, as every language it promises, without a warning.
. "${top_srcdir:=.}/tests/tally.sh"

flags="-Wall -Wextra -Wpedantic -Werror -Wshadow $TIME64_CPPFLAGS -I$top_srcdir/include"

# compiles COMPILER LANGUAGE STANDARD [TEXT]
compiles() {
	# shellcheck disable=SC2086
	printf '#include <chan.h>\n%s\n' "${4:-}" |
		$1 -x "$2" -std="$3" $flags -fsyntax-only -
}

for std in c11 c17; do
	expect "chan.h compiles as $std" compiles "$CC" c $std
done
refuse 'a header with a warning is noticed' \
	compiles "$CC" c c11 'int f(int unused) { return 0; }'

if [ -n "$CXX" ] && echo 'int x;' | $CXX -x c++ -fsyntax-only - 2>/dev/null; then
	for std in c++11 c++17 c++20; do
		expect "chan.h compiles as $std" compiles "$CXX" c++ $std
	done
	call='int main() { chan_sender_t *tx; chan_receiver_t *rx; return chan_bounded(1, 4, &tx, &rx); }'
	printf '#include <chan.h>\n%s\n' "$call" >"$tally_tmp/use.cc"
	# shellcheck disable=SC2086
	$CXX -x c++ -std=c++11 $flags -c -o "$tally_tmp/use.o" "$tally_tmp/use.cc"
	unmangled() { $NM "$tally_tmp/use.o" | grep -q ' U chan_bounded$'; }
	expect 'C++ links against the C names' unmangled
else
	skip check-header-c++ 'no C++ compiler'
fi

# Nothing that a program would have to put up with.
brings() {
	# shellcheck disable=SC2086
	echo "#include <$2>" | $CC -std=c11 $flags -M -x c - | grep -q "/$1"
}
for heavy in pthread.h stdatomic.h stdio.h stdlib.h; do
	refuse "chan.h does not bring <$heavy>" brings "$heavy" chan.h
done
expect 'a header that brings another is noticed' brings pthread.h pthread.h

tally_end
