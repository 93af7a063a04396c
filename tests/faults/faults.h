/*
 * faults.h - faults beneath the library's seams
 *
 * What the library's test build asks of the C library and of the system comes
 * through here by the linker's --wrap (faults_wraps in tests/Makefile.inc), so the
 * sources that run are the product's.  Everything is off until a test turns it on.
 * A fault is one that the system may commit: a sleep ends early for no reason, by a
 * signal, by a value that changed, by a clock that was ahead; a read or a write is
 * interrupted; memory, numbers or membarrier(2) are not there.
 */
#ifndef CHAN_TESTS_FAULTS_H
#define CHAN_TESTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ------------------------------------------------------------------- memory */

/* Fail `n` allocations of the library after `skip` further ones; SIZE_MAX: for good. */
void fault_memory(size_t skip, size_t n);
/* No more, and how many have failed since. */
size_t fault_memory_end(void);
/* Blocks that the library has from the C library, or from a program's allocator. */
size_t fault_memory_blocks(void);

/* ------------------------------------------------------------------- sleeps */

/* From now on half of the sleeps do not take place, and half of the descriptors'
 * reads and writes are interrupted; which half is the seed's.  0: none. */
void fault_calls(uint64_t seed);

enum fault_call { FAULT_WOKEN, FAULT_EINTR, FAULT_EAGAIN, FAULT_ETIMEDOUT, FAULT_INTERRUPTED, FAULT_CALLS };
/* How often each was committed since. */
size_t fault_calls_made(enum fault_call which);

/* A signal reaches nobody where two or more wait on one condition variable, as in
 * C libraries with glibc's bug 25847. */
void fault_signals(bool lost);
size_t fault_signals_given(void);

/* -------------------------------------------------------------------- fence */

/* membarrier(2) is refused from the n-th call on; SIZE_MAX: it is not. */
void fault_membarrier(size_t n);
size_t fault_membarrier_refused(void);

/* -------------------------------------------------------------------- clock */

/* The monotonic clock shows that many nanoseconds more than the system's; deadlines
 * on it are the system's again where they go to the kernel. */
void fault_clock(int64_t ahead_ns);
/* It jumps; who sleeps looks at it within a millisecond. */
void fault_clock_jump(int64_t ns);

#endif
