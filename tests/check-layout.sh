#!/bin/sh
# The structs and constants of chan.h are what they were when programs were compiled
# against them: packaging/abi has their sizes, offsets and values for each architecture.
. "${top_srcdir:=.}/tests/tally.sh"
. "$top_srcdir/tests/layout.sh"

t=$tally_tmp
recorded=$top_srcdir/packaging/abi/$ABI.layout

if [ ! -e "$recorded" ]; then
	layout "$top_srcdir/include"
	skip check-layout "nothing is recorded for $ABI"
	tally_end
fi

same() { layout "$1" >"$t/now" && diff "$recorded" "$t/now"; }
expect 'sizes, offsets and values are as recorded' same "$top_srcdir/include"
all_structs() { [ "$(grep -c '^}.*_t;\|^typedef struct .* { .* } .*_t;' "$top_srcdir/include/chan.h")" -eq "$(grep -c ^sizeof "$recorded")" ]; }
expect 'no struct is forgotten' all_structs

# planted EXPRESSION: in a copy of the header
planted() {
	mkdir -p "$t/include"
	sed "$1" "$top_srcdir/include/chan.h" >"$t/include/chan.h"
	! cmp -s "$t/include/chan.h" "$top_srcdir/include/chan.h" || return 0
	same "$t/include"
}
refuse 'a longer struct is noticed' planted 's/reserved\[12\]/reserved[13]/'
refuse 'a struct without a field is noticed' planted '/^\tint  *status;/d'
refuse 'fields that change places are noticed' planted '/^\tvoid  *\*msg;/{h;d;}; /^\tint  *status;/G'
refuse 'another value is noticed' planted 's/\(CHAN_SELECT_READY  *= \)2/\14/'

tally_end
