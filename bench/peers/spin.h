/* spin.h - waiting for queues that cannot wait: look again, and after a while let
 * other threads run, because on one CPU it would be for nothing otherwise. */
#ifndef BENCH_SPIN_H
#define BENCH_SPIN_H

#include <sched.h>

enum { BENCH_SPINS = 1000 };

static inline void bench_spin(unsigned *spins)
{
	if (++*spins > BENCH_SPINS)
		sched_yield();
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

#endif
