/*
 * seams.h - the library's seams, as the scheduler has them
 *
 * Forced before every source of src/ (-include).  It takes the guards of the
 * seam headers, so that the sources, unmodified and where they lie, get these
 * instead of base/atomic.h, base/fence.h, base/backoff.h, base/copy.h and base/thread.h.  The
 * lock, the parkers, the clock's arithmetic and the allocation are the real ones:
 * what stands in there is what they are made of.
 *
 * One thread of the system runs all tasks, so an atomic is a plain field, every
 * order is sequentially consistent, and a fence orders nothing.
 */
#ifndef CHAN_TESTS_SCHED_SEAMS_H
#define CHAN_TESTS_SCHED_SEAMS_H

#define CHAN_BASE_ATOMIC_H
#define CHAN_BASE_FENCE_H
#define CHAN_BASE_BACKOFF_H
#define CHAN_BASE_COPY_H
#define CHAN_BASE_THREAD_H

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "scheduler.h"

/* -------------------------------------------------------------------- atomics */

/* Inlined always: the trace names the function and the line by where it returns to. */
#define SCHED_OP static inline __attribute__((always_inline, unused))

#define SCHED_ALIVE(type, a)                                                           \
	(chan__unlikely((a)->v == (type)(uintptr_t)SCHED_DEAD) ? sched_dead(a) : (void)0)

/* What the step finds, of an atomic that is alive. */
#define SCHED_FOUND(type, a)                                                           \
	(sched_saw((uint64_t)(uintptr_t)(a)->v), SCHED_ALIVE(type, a), (a)->v)

#define SCHED_READ(name, type, order)                                                  \
	SCHED_OP type chan__##name##_load_##order(const chan__##name *a)               \
	{                                                                              \
		sched_point(a);                                                        \
		return SCHED_FOUND(type, a);                                           \
	}

#define SCHED_STORE(name, type, order)                                                 \
	SCHED_OP void chan__##name##_store_##order(chan__##name *a, type v)            \
	{                                                                              \
		sched_point(a);                                                        \
		SCHED_ALIVE(type, a);                                                  \
		a->v = v;                                                              \
		sched_saw((uint64_t)(uintptr_t)v);                                     \
	}

#define SCHED_CAS(name, type, order)                                                   \
	SCHED_OP bool chan__##name##_cas_##order(chan__##name *a, type *expected, type v) \
	{                                                                              \
		type found;                                                            \
		sched_point(a);                                                        \
		found = SCHED_FOUND(type, a);                                          \
		if (found != *expected) {                                              \
			*expected = found;                                             \
			return false;                                                  \
		}                                                                      \
		a->v = v;                                                              \
		return true;                                                           \
	}

#define SCHED_RMW(name, type, op, order, result)                                       \
	SCHED_OP type chan__##name##_##op##_##order(chan__##name *a, type v)           \
	{                                                                              \
		type found;                                                            \
		sched_point(a);                                                        \
		found = SCHED_FOUND(type, a);                                          \
		a->v = result;                                                         \
		return found;                                                          \
	}

/* clang-format off */
#define SCHED_BASIC(name, type)                                                        \
	typedef struct { type v; } chan__##name;                                       \
	SCHED_OP void chan__##name##_init(chan__##name *a, type v) { a->v = v; }       \
	/* A step of nobody's: who unmakes it is alone with it. */                     \
	SCHED_OP void chan__##name##_fini(chan__##name *a)                             \
	{                                                                              \
		SCHED_ALIVE(type, a);                                                  \
		a->v = (type)(uintptr_t)SCHED_DEAD;                                    \
	}                                                                              \
	SCHED_READ(name, type, relaxed)                                                \
	SCHED_READ(name, type, acquire)                                                \
	SCHED_READ(name, type, seq_cst)                                                \
	SCHED_STORE(name, type, relaxed)                                               \
	SCHED_STORE(name, type, release)                                               \
	SCHED_RMW(name, type, exchange, acquire, v)                                    \
	SCHED_RMW(name, type, exchange, acq_rel, v)                                    \
	SCHED_RMW(name, type, exchange, seq_cst, v)                                    \
	SCHED_CAS(name, type, relaxed)                                                 \
	SCHED_CAS(name, type, acquire)                                                 \
	SCHED_CAS(name, type, release)                                                 \
	SCHED_CAS(name, type, acq_rel)                                                 \
	SCHED_CAS(name, type, seq_cst)
/* clang-format on */

/* clang-format off */
#define SCHED_INTEGER(name, type)                                                      \
	SCHED_BASIC(name, type)                                                        \
	SCHED_RMW(name, type, fetch_add, relaxed, found + v)                           \
	SCHED_RMW(name, type, fetch_add, acq_rel, found + v)                           \
	SCHED_RMW(name, type, fetch_add, seq_cst, found + v)                           \
	SCHED_RMW(name, type, fetch_sub, relaxed, found - v)                           \
	SCHED_RMW(name, type, fetch_sub, acq_rel, found - v)                           \
	SCHED_RMW(name, type, fetch_sub, seq_cst, found - v)                           \
	SCHED_RMW(name, type, fetch_or, acq_rel, found | v)                            \
	SCHED_RMW(name, type, fetch_or, seq_cst, found | v)                            \
	SCHED_RMW(name, type, fetch_and, acq_rel, found & v)                           \
	SCHED_RMW(name, type, fetch_and, seq_cst, found & v)
/* clang-format on */

SCHED_INTEGER(u32, uint32_t)
SCHED_INTEGER(u64, uint64_t)
SCHED_INTEGER(size, size_t)
SCHED_BASIC(ptr, void *)

/* --------------------------------------------------------------------- fences */

SCHED_OP void chan__fence_light(chan__u32 *partner) { (void)partner; }
SCHED_OP void chan__fence_heavy(chan__u32 *partner) { (void)partner; }
SCHED_OP bool chan__fence_is_free(void) { return true; }

/* -------------------------------------------------------------------- threads */

SCHED_OP size_t chan__thread_self(void) { return sched_self(); }

/* ---------------------------------------------------------- copying, passing time */

/* In two pieces, and others may come between. */
SCHED_OP void chan__copy(void *to, const void *from, size_t size)
{
	size_t half = size / 2;

	if (size == 0)
		return;
	sched_point(from);
	memcpy(to, from, half);
	sched_point(to);
	memcpy((char *)to + half, (const char *)from + half, size - half);
}

SCHED_OP char *chan__message_at(const void *msgs, size_t i, size_t size)
{
	return (char *)((uintptr_t)msgs + i * size);
}

SCHED_OP void chan__swap(void *a, void *b, size_t size)
{
	unsigned char *x = (unsigned char *)a, *y = (unsigned char *)b;

	sched_point(a);
	for (size_t i = 0; i < size; i++) {
		unsigned char bounce = x[i];

		x[i] = y[i];
		y[i] = bounce;
	}
}

/* Every atomic operation lets others come, so this need not. */
SCHED_OP void chan__relax(void) {}
SCHED_OP void chan__stand_by(unsigned pauses) { (void)pauses; }
SCHED_OP void chan__collided(unsigned *times) { ++*times; }

void chan__yield(void);

/* Small, so that what follows a failure of all tries is tried often. */
enum { CHAN__PATIENCE = 2, CHAN__TURN_TRIES = 1, CHAN__LOCK_TRIES = 1 };

/* --------------------------------------------- what the real ones are made of */

#define syscall sched_futex

#define pthread_mutex_t        struct sched_mutex
#define pthread_mutex_init     sched_mutex_init
#define pthread_mutex_destroy  sched_mutex_destroy
#define pthread_mutex_lock     sched_mutex_lock
#define pthread_mutex_trylock  sched_mutex_trylock
#define pthread_mutex_unlock   sched_mutex_unlock
#define pthread_cond_t         struct sched_cond
#define pthread_cond_init      sched_cond_init
#define pthread_cond_destroy   sched_cond_destroy
#define pthread_cond_wait      sched_cond_wait
#define pthread_cond_timedwait sched_cond_timedwait
#define pthread_cond_signal    sched_cond_signal

#define clock_gettime sched_clock_gettime
#define sched_yield   sched_give_way
#define malloc        sched_malloc
#define free          sched_free

/* Each task has its own: scheduler.c changes the contents of this section with the task. */
#define _Thread_local __attribute__((section("sched_tls")))

#endif
