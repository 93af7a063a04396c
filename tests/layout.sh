# Sourced after tally.sh: what a program has in it of chan.h once it was compiled.

# layout HEADER-FOLDER: sizes and alignments of its structs, and the values of its
# constants, a line each.  Nothing is run: a cross compiler will do.
layout() {
	{
		echo '#include <chan.h>'
		# A line of size N + 1, since an array cannot be empty.
		grep -oE 'chan_[a-z]+_t;' "$1/chan.h" | tr -d ';' | sort -u | while read -r type; do
			grep -qE "^(typedef struct [a-z_]+ \{.*|\}) $type;" "$1/chan.h" || continue
			echo "char sizeof__$type[sizeof($type) + 1];"
			echo "char alignof__$type[_Alignof($type) + 1];"
		done
		sed -nE 's/^\t(CHAN_[A-Z_]+) += [0-9].*/char value__\1[\1 + 1];/p' "$1/chan.h"
		echo '#define CHAN_LAYOUT_FIELD(type, field) char offset__##type##__##field[offsetof(type, field) + 1];'
		for field in sender receiver msg status reserved; do echo "CHAN_LAYOUT_FIELD(chan_case_t, $field)"; done
		for field in allocate release arg; do echo "CHAN_LAYOUT_FIELD(chan_allocator_t, $field)"; done
	} >"$tally_tmp/layout.c"
	# shellcheck disable=SC2086
	$CC -std=c11 -fno-common $TIME64_CPPFLAGS -I"$1" -c -o "$tally_tmp/layout.o" "$tally_tmp/layout.c" || return 1
	$NM -S --defined-only -t d "$tally_tmp/layout.o" |
		awk '{ sub(/__/, " ", $4); sub(/__/, ".", $4); print $4, $2 - 1 }' | sort
}
