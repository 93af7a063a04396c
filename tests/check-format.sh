#!/bin/sh
# check-format.sh - the C sources are as .clang-format has them; tests/format.py says
# what is left to the hand.  `check-format.sh write' makes them so.
. "${top_srcdir:=.}/tests/tally.sh"

t=$tally_tmp
CLANG_FORMAT=${CLANG_FORMAT:-clang-format-14}
export CLANG_FORMAT

for tool in "$CLANG_FORMAT" python3; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		skip check-format "$tool is not installed"
		tally_end
	fi
done

# What is in build folders was made.
sources() {
	(cd "$top_srcdir" && find bench examples include src tests -name '*.[ch]' | sort) |
		sed "s|^|$top_srcdir/|"
}
format() { sources | xargs python3 "$top_srcdir/tests/format.py" "$1"; }

if [ "${1:-}" = write ]; then
	expect 'all is formatted' format --write
	tally_end
fi
expect 'all C is formatted' format --check
expect 'and there is some' test "$(sources | wc -l)" -ge 100

# ---------------------------------------------------------------- planted defects

planted() {
	printf 'enum { A, B };\n\nstatic int f(int a)\n{\n%s\n}\n' "$1" >"$t/a.c"
	python3 "$top_srcdir/tests/format.py" --check "$t/a.c"
}
expect 'what is right is left alone' planted '	return a;'
expect 'columns are, too' planted '	return a;    /* a */'
refuse 'blanks for a tab are noticed' planted '        return a;'
refuse 'a blank too few is noticed' planted '	return a+1;'
refuse 'a brace on the wrong line is noticed' planted '	while (a)
	{
		a--;
		a++;
	}'

tally_end
