/*
 * atomic.h - seam: atomic operations, the order in their name
 *
 * The only file of the library that knows <stdatomic.h>.  Three widths: u32
 * for flags and small states, u64 for positions that never wrap in practice,
 * size for counts; and ptr.  Every operation names its order; there is no
 * default.  A model checker replaces this file by one of the same functions,
 * so atomics are made by _init and unmade by _fini, never by memset.
 *
 * The two asymmetric fences are one tool in two halves.  A thread that writes
 * A and then reads B, and one that writes B and then reads A, must not both
 * miss the other's write.  That takes a full fence in each; but where one of
 * the two runs for every message and the other only before it sleeps, the
 * rare one can pay for both: the heavy fence (membarrier(2), private
 * expedited) runs a full fence on every running thread of the process, and
 * the light fence need only keep the compiler from reordering.  Where there is no
 * membarrier both are full fences.  See fence.c.
 */
#ifndef CHAN_BASE_ATOMIC_H
#define CHAN_BASE_ATOMIC_H

#include <stdatomic.h>

#include "base/compiler.h"

#include "base/annotate.h"

#define CHAN__RELEASES(order)                                                  \
	(memory_order_##order != memory_order_relaxed && memory_order_##order != memory_order_acquire)
#define CHAN__ACQUIRES(order)                                                  \
	(memory_order_##order != memory_order_relaxed && memory_order_##order != memory_order_release)

#define CHAN__ATOMIC_READ(name, type, order)                                   \
	static inline type chan__##name##_load_##order(const chan__##name *a)  \
	{                                                                      \
		type v = atomic_load_explicit(&((chan__##name *)(uintptr_t)a)->v,\
		                              memory_order_##order);           \
                                                                               \
		if (CHAN__ACQUIRES(order))                                     \
			chan__annotate_acquire(a);                             \
		return v;                                                      \
	}

#define CHAN__ATOMIC_STORE(name, type, order)                                  \
	static inline void chan__##name##_store_##order(chan__##name *a, type v)\
	{                                                                      \
		if (CHAN__RELEASES(order))                                     \
			chan__annotate_release(a);                             \
		atomic_store_explicit(&a->v, v, memory_order_##order);         \
	}

/* The order of a failing compare-and-swap is given too. */
#define CHAN__ATOMIC_CAS(name, type, order, failure)                           \
	static inline bool chan__##name##_cas_##order(chan__##name *a,         \
	                                              type *expected, type v)  \
	{                                                                      \
		bool done;                                                     \
                                                                               \
		if (CHAN__RELEASES(order))                                     \
			chan__annotate_release(a);                             \
		done = atomic_compare_exchange_strong_explicit(                \
			&a->v, expected, v, memory_order_##order,              \
			memory_order_##failure);                               \
		if (done ? CHAN__ACQUIRES(order) : CHAN__ACQUIRES(failure))    \
			chan__annotate_acquire(a);                             \
		return done;                                                   \
	}

#define CHAN__ATOMIC_RMW(name, type, op, order)                                \
	static inline type chan__##name##_##op##_##order(chan__##name *a, type v)\
	{                                                                      \
		if (CHAN__RELEASES(order))                                     \
			chan__annotate_release(a);                             \
		v = atomic_##op##_explicit(&a->v, v, memory_order_##order);    \
		if (CHAN__ACQUIRES(order))                                     \
			chan__annotate_acquire(a);                             \
		return v;                                                      \
	}

/* clang-format off */
#define CHAN__ATOMIC_BASIC(name, type)                                         \
	typedef struct { _Atomic(type) v; } chan__##name;                      \
	static inline void chan__##name##_init(chan__##name *a, type v)        \
	{                                                                      \
		chan__annotate_own(a, sizeof(*a));                             \
		atomic_init(&a->v, v);                                         \
	}                                                                      \
	static inline void chan__##name##_fini(chan__##name *a)                \
	{                                                                      \
		chan__annotate_plain(a, sizeof(*a));                           \
	}                                                                      \
	CHAN__ATOMIC_READ(name, type, relaxed)                                 \
	CHAN__ATOMIC_READ(name, type, acquire)                                 \
	CHAN__ATOMIC_READ(name, type, seq_cst)                                 \
	CHAN__ATOMIC_STORE(name, type, relaxed)                                \
	CHAN__ATOMIC_STORE(name, type, release)                                \
	CHAN__ATOMIC_RMW(name, type, exchange, acquire)                        \
	CHAN__ATOMIC_RMW(name, type, exchange, acq_rel)                        \
	CHAN__ATOMIC_RMW(name, type, exchange, seq_cst)                        \
	CHAN__ATOMIC_CAS(name, type, relaxed, relaxed)                         \
	CHAN__ATOMIC_CAS(name, type, acquire, acquire)                         \
	CHAN__ATOMIC_CAS(name, type, release, relaxed)                         \
	CHAN__ATOMIC_CAS(name, type, acq_rel, acquire)                         \
	CHAN__ATOMIC_CAS(name, type, seq_cst, seq_cst)
/* clang-format on */

#define CHAN__ATOMIC_INTEGER(name, type)                                       \
	CHAN__ATOMIC_BASIC(name, type)                                         \
	CHAN__ATOMIC_RMW(name, type, fetch_add, relaxed)                       \
	CHAN__ATOMIC_RMW(name, type, fetch_add, acq_rel)                       \
	CHAN__ATOMIC_RMW(name, type, fetch_add, seq_cst)                       \
	CHAN__ATOMIC_RMW(name, type, fetch_sub, relaxed)                       \
	CHAN__ATOMIC_RMW(name, type, fetch_sub, acq_rel)                       \
	CHAN__ATOMIC_RMW(name, type, fetch_sub, seq_cst)                       \
	CHAN__ATOMIC_RMW(name, type, fetch_or, acq_rel)                        \
	CHAN__ATOMIC_RMW(name, type, fetch_or, seq_cst)                        \
	CHAN__ATOMIC_RMW(name, type, fetch_and, acq_rel)                       \
	CHAN__ATOMIC_RMW(name, type, fetch_and, seq_cst)

CHAN__ATOMIC_INTEGER(u32, uint32_t)
CHAN__ATOMIC_INTEGER(u64, uint64_t)
CHAN__ATOMIC_INTEGER(size, size_t)
CHAN__ATOMIC_BASIC(ptr, void *)

#include "base/fence.h"

#endif
