#!/bin/sh
# check-readme.sh - does what README says: compiles its program with its command
# and compares what that prints.  With CHAN_FRESH=1, as root in a root of its own,
# it runs README's other commands too, and installs for good; elsewhere the
# program is built against the build folder, as README says it can be.

: "${top_builddir:=${top_srcdir:-.}/build}"
. "${top_srcdir:=.}/tests/tally.sh"

source=$(cd "$top_srcdir" && pwd)
build=$(cd "$top_builddir" && pwd)
readme=$source/README
scratch=$tally_tmp

# The indented block that follows the first line with this text; empty lines
# within it belong to it.
block_after() {
	awk -v mark="$1" '
		found && /^    / {
			for (; inside && empty > 0; empty--)
				print ""
			print substr($0, 5)
			inside = 1
			empty = 0
			next
		}
		found && /^$/ { empty++; next }
		found && inside { exit }
		index($0, mark) { found = 1 }' "$readme"
}

block_after 'once the other side is gone' >"$scratch/hello.c"
block_after 'prints' >"$scratch/expected"
block_after 'Two commands' >"$scratch/two"
block_after 'as hello.c:' >"$scratch/install"
install_line=$(sed -n 1p "$scratch/install")
compile_line=$(sed -n 2p "$scratch/install")

# --- the first screen

printf '%s\n' './bootstrap demo' './bootstrap check' >"$scratch/two.expected"
expect 'the two commands are there' diff "$scratch/two.expected" "$scratch/two"
expect 'the program has fifteen lines' test "$(wc -l <"$scratch/hello.c")" -eq 15
expect 'the install line is there' test "$install_line" = 'make -C build install && ldconfig'
expect 'what is needed to start is in the first fifty lines' \
	sh -c "head -n 50 '$readme' | grep -qF 'pkg-config --cflags --libs chan'"

# --- its program

# `cc` as this library was compiled, so that sanitizers agree with each other.
if [ -z "${CHAN_FRESH:-}" ]; then
	mkdir "$scratch/bin"
	flags=$(sed -n 's/^CFLAGS = //p' "$build/Makefile")
	printf '#!/bin/sh\nexec %s %s "$@"\n' "$CC" "$flags" >"$scratch/bin/cc"
	chmod +x "$scratch/bin/cc"
	PATH=$scratch/bin:$PATH
	PKG_CONFIG_PATH=$build
	export PKG_CONFIG_PATH
fi

in_scratch() {
	(cd "$scratch" && eval "$1")
}

compiles_cleanly() {
	# shellcheck disable=SC2046
	cc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only $(pkg-config --cflags chan) "$scratch/hello.c"
}

prints_what_it_says() {
	"$scratch/hello" >"$scratch/printed" && diff "$scratch/expected" "$scratch/printed"
}

check_program() {
	expect 'the program compiles with the command' in_scratch "$compile_line"
	expect 'the program compiles without a warning' compiles_cleanly
	expect 'the program prints what README says' prints_what_it_says
	sed 's/received %d/got %d/' "$scratch/hello.c" >"$scratch/other.c"
	mv "$scratch/other.c" "$scratch/hello.c"
	in_scratch "$compile_line" >/dev/null 2>&1
	refuse 'a program that prints something else is noticed' prints_what_it_says
}

# --- its fragments, against the build folder: nothing is installed yet

fragment_compiles() {
	block_after "$1" >"$scratch/block"
	[ -s "$scratch/block" ] || return 1
	{
		printf '#include "fragments.h"\nvoid fragment(void);\nvoid fragment(void)\n{\n'
		sed "${2:-}" "$scratch/block"
		echo '}'
	} >"$scratch/fragment.c"
	# shellcheck disable=SC2046
	cc -std=c11 -Wall -Wextra -Werror -Wno-unused -fno-builtin -D_GNU_SOURCE -fsyntax-only \
		-I"$source/tests" $(PKG_CONFIG_PATH=$build pkg-config --cflags chan) "$scratch/fragment.c"
}

for after in 'and for the end:' 'as it watches a socket:' 'registers a callback instead:'; do
	expect "the code after '$after' compiles" fragment_compiles "$after"
done
refuse 'code that does not compile is noticed' fragment_compiles 'and for the end:' 's/&which/which/'

# --- the demo's output

shape() {
	sed 's/[0-9][0-9.]*/N/g; s/  */ /g; s/mutex_condvar/FLAVOR/; s/array/FLAVOR/; s/list/FLAVOR/'
}

block_after 'ends with lines like these' | shape >"$scratch/shape.expected"
"$build/examples/demo" "$source/include" | sed -n '/^channel/,$p' | shape >"$scratch/shape"
expect "the demo's last lines look like README's" diff "$scratch/shape.expected" "$scratch/shape"

# --- its names

names_exist() {
	for name in $(grep -oE '\bchan_[a-z_]+\(' "$readme" | tr -d '('); do
		case $name in # manual pages
		chan_flavors | chan_event | chan_tutorial | chan_coming_from | chan_memory_model) continue ;;
		esac
		grep -q "\b$name(" "$source/include/chan.h" || { echo "$name is not in chan.h"; return 1; }
	done
}
expect 'the calls that README names exist' names_exist

files_exist() {
	for file in $(grep -oE '\b(tests|examples)/[a-z-]+\.[a-z]+' "$readme") HACKING COPYING bootstrap; do
		[ -e "$source/$file" ] || { echo "$file does not exist"; return 1; }
	done
}
expect 'the files that README names exist' files_exist

# --- its other commands

in_source() {
	(unset CHAN_FRESH CHAN_TALLY; cd "$source" && eval "$1")
}

no_pkg_config_path() {
	[ -z "${PKG_CONFIG_PATH:-}" ] && [ -z "${LD_LIBRARY_PATH:-}" ]
}

if [ -n "${CHAN_FRESH:-}" ]; then
	expect 'nothing helps to find the library' no_pkg_config_path
	expect './bootstrap demo' in_source "$(sed -n 1p "$scratch/two")"
	expect './bootstrap demo /usr/share' in_source "$(block_after 'It takes files and folders')"
	expect "$install_line" in_source "$install_line"
fi
check_program
tally_end
