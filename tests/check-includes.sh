#!/bin/sh
# The picture in HACKING holds: includes point downwards, and what lies outside
# the library is reached through its seams alone.
. "${top_srcdir:=.}/tests/tally.sh"

# Comments and string literals blanked, lines kept; #include lines as they are.
bare() {
	awk '
		/^[[:space:]]*#[[:space:]]*include/ { print; next }
		{
			out = ""; line = $0
			while (line != "") {
				if (inside) {
					end = index(line, "*/")
					if (!end) { line = ""; break }
					line = substr(line, end + 2); inside = 0
				} else if (match(line, /\/\*|\/\/|"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047/)) {
					token = substr(line, RSTART, RLENGTH)
					out = out substr(line, 1, RSTART - 1)
					line = substr(line, RSTART + RLENGTH)
					if (token == "/*") inside = 1
					else if (token == "//") line = ""
					else out = out "\"\""
				} else { out = out line; line = "" }
			}
			print out
		}' "$1"
}

sources() { (cd "$1" && find . -name '*.[ch]' | sed 's|^\./||' | sort); }

layer() {
	case $1 in
	base/*)      echo base ;;
	wait/*)      echo wait ;;
	flavors/*)   echo flavors ;;
	flavor.h)    echo contract ;;
	*)           echo top ;;
	esac
}

# found ROOT FILE EXTENDED-REGEX MESSAGE
found() {
	bare "$1/$2" | grep -nE "$3" | sed "s|^|$2: $4: |"
}

includes() {
	sources "$1" | while read -r file; do
		from=$(layer "$file")
		sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$1/$file" |
		while read -r name; do
			case $name in *.c) echo "$file includes the source $name" ;; esac
			if [ ! -e "$1/$name" ]; then
				echo "$file includes \"$name\": say it from src/"
				continue
			fi
			case $from:$(layer "$name") in
			base:base) ;;
			wait:wait | wait:base) ;;
			contract:wait | contract:base) ;;
			flavors:contract | flavors:wait | flavors:base) ;;
			flavors:flavors)
				[ "${file%.*}" = "${name%.*}" ] || echo "$file includes another flavor's $name" ;;
			top:top | top:contract | top:wait | top:base) ;;
			*) echo "$file ($from) includes $name: upwards" ;;
			esac
		done
		case $from in
		base | wait) found "$1" "$file" 'include[[:space:]]*<chan\.h>' 'knows channels' ;;
		esac
	done
}

# Only flavor.c and the flavors themselves name a flavor; a token is one, too.
names() {
	sources "$1" | while read -r file; do
		case $file in flavor.c | cancel.c | flavors/*) continue ;; esac
		found "$1" "$file" 'CHAN_FLAVOR_(ARRAY|BROADCAST|LIST|ZERO|MUTEX_CONDVAR|ONESHOT|AT|TICK|NEVER)\>|\<chan__(array|broadcast|list|zero|mutex_condvar|oneshot|at|tick|never)\>' 'names a flavor'
	done
}

dispatch() {
	found "$1" chan.c '\<atomic_|chan__(u32|u64|size|ptr)_|chan__fence' 'an atomic'
	found "$1" chan.c '\<(if|switch|while)\>.*(->|\.)(flavor|id)[[:space:]]*(==|!=|\))' 'asks which flavor'
}

# What each layer may not touch, because a seam below stands for it.
seams() {
	sources "$1" | while read -r file; do
		case $file in
		base/atomic.h | base/fence.[ch]) ;;
		base/pause.c) ;; # the hook of test builds, which no channel knows
		*) found "$1" "$file" '<stdatomic\.h>|\<(atomic_[a-z_]+|memory_order_[a-z_]+)\>|\<_Atomic\>|__(atomic|sync)_' 'atomics past base/atomic.h' ;;
		esac
		case $file in
		base/* | wait/*) continue ;;
		esac
		found "$1" "$file" '<(sys/syscall|linux/futex|sched|unistd|time)\.h>|\<(syscall|sched_yield|getenv_r)[[:space:]]*\(' 'the system past src/base'
		found "$1" "$file" '\<(clock_gettime|gettimeofday|nanosleep|usleep|sleep)[[:space:]]*\(' 'the clock past src/base'
		found "$1" "$file" '\<(malloc|calloc|realloc|free|aligned_alloc|posix_memalign|mmap)[[:space:]]*\(' 'memory past src/base'
		# attr.c copies attributes, which are no messages.
		[ "$file" = attr.c ] || found "$1" "$file" '\<(memcpy|memmove)[[:space:]]*\(' 'a copy past src/base'
		case $file in
		flavors/mutex_condvar.c) ;;
		*) found "$1" "$file" '\<pthread_|<pthread\.h>' 'threads past src/base and src/wait' ;;
		esac
	done
}

# Platforms differ by file, not inside a function: no #if indented or in a body.
conditionals() {
	sources "$1" | while read -r file; do
		awk -v file="$file" '
			/^{/ || /^[^#[:space:]].*[)][[:space:]]*{[[:space:]]*$/ { body = 1 }
			/^}/ { body = 0 }
			body && /^[[:space:]]*#[[:space:]]*(if|ifdef|ifndef|else|elif)/ { print file ":" NR ": " $0 ": inside a function" }
		' "$1/$file"
	done
}

holds() {
	complaints=$("$1" "$2")
	[ -z "$complaints" ] || { echo "$complaints"; return 1; }
}

src=$top_srcdir/src
expect 'includes point downwards' holds includes "$src"
expect 'only flavor.c names the flavors' holds names "$src"
expect 'chan.c has no atomic and asks for no flavor' holds dispatch "$src"
expect 'the seams are not bypassed' holds seams "$src"
expect 'no #if inside a function' holds conditionals "$src"

# Each rule notices a planted breach, in an otherwise empty tree.
plant=$tally_tmp/src
planted() {
	rm -rf "$plant"
	mkdir -p "$plant/base" "$plant/wait" "$plant/flavors"
	for file in base/b.h wait/w.h flavor.h flavors/array.c flavors/list.h block.h chan.c; do
		echo '/* nothing */' >"$plant/$file"
	done
	printf '%s\n' "$3" >"$plant/$2"
	holds "$1" "$plant"
}
breach() { refuse "noticed: $1 $2" planted "$1" "$2" "$3"; }

expect 'the empty tree is in order' planted includes base/a.h '#include "base/b.h"'
breach includes base/a.h '#include "wait/w.h"'
breach includes base/a.h '#include <chan.h>'
breach includes wait/a.c '#include "flavor.h"'
breach includes wait/a.c '#include "block.h"'
breach includes flavors/array.c '#include "flavors/list.h"'
breach includes flavors/array.c '#include "block.h"'
breach includes flavor.h '#include "block.h"'
breach includes block.c '#include "flavors/array.c"'
breach names chan.c 'int f(int x) { return x == CHAN_FLAVOR_ARRAY; }'
breach names block.c 'const void *f(void) { return &chan__list; }'
breach names chan.c 'int f(int x) { return x == CHAN_FLAVOR_ONESHOT; }'
breach names block.c 'const void *f(void) { return &chan__oneshot; }'
breach names timer.c 'void *f(void) { return &chan__tick; }'
breach dispatch chan.c 'int f(void) { return chan__u32_load_relaxed(&x); }'
breach dispatch chan.c 'int f(chan_t *c) { if (c->flavor == 3) return 1; return 0; }'
breach seams flavors/array.c '#include <stdatomic.h>'
breach seams wait/a.c '	atomic_thread_fence(memory_order_seq_cst);'
breach seams handle.c '	free(c);'
breach seams flavors/zero.c '	memcpy(to, from, n);'
breach seams block.c '	clock_gettime(CLOCK_MONOTONIC, &t);'
breach seams flavors/list.c '#include <pthread.h>'
expect 'a comment is no breach' planted seams block.c '/* free(c); malloc(1) */ // memcpy(a, b)'
breach conditionals block.c 'int f(void)
{
#ifdef X
	return 1;
#endif
}'

tally_end
