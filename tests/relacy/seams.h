/*
 * seams.h - the library's seams, as the model checker has them
 *
 * Forced before every source of src/ (-include).  It takes the guards of the
 * seam headers, so that the sources, unmodified and where they lie, get these
 * instead of base/atomic.h, base/fence.h, base/backoff.h, base/copy.h and base/thread.h.  The
 * lock and the parkers are the real ones: what stands in there is what they are
 * made of, futex(2) or pthread mutexes and condition variables.
 *
 * Everything here ends in a call of model.cpp, which knows Relacy.
 */
#ifndef CHAN_TESTS_RELACY_SEAMS_H
#define CHAN_TESTS_RELACY_SEAMS_H

#define CHAN_BASE_ATOMIC_H
#define CHAN_BASE_FENCE_H
#define CHAN_BASE_BACKOFF_H
#define CHAN_BASE_COPY_H
#define CHAN_BASE_THREAD_H

#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "model.h"

/* -------------------------------------------------------------------- atomics */

/* Room for Relacy's atomic; model.cpp asserts that it fits. */
template<typename T>
struct alignas(16) model_cell {
	unsigned char room[MODEL_CELL];
};

/* Who calls: the history names the line of the source. */
#define MODEL_HERE const char *where = __builtin_FUNCTION(), int line = __builtin_LINE()

#define MODEL_READ(name, type, word, order)                                            \
	static inline type chan__##name##_load_##order(const chan__##name *a, MODEL_HERE) \
	{                                                                              \
		return (type)model_load##word(a->room, MODEL_##order, {where, line});  \
	}

#define MODEL_STORE(name, type, word, order)                                           \
	static inline void chan__##name##_store_##order(chan__##name *a, type v, MODEL_HERE) \
	{                                                                              \
		model_store##word(a->room, (uint##word##_t)v, MODEL_##order, {where, line}); \
	}

/* clang-format off */
#define MODEL_CAS(name, type, word, order, failure)                                    \
	static inline bool chan__##name##_cas_##order(chan__##name *a, type *expected, \
	                                              type v, MODEL_HERE)              \
	{                                                                              \
		uint##word##_t seen = (uint##word##_t)*expected;                       \
		bool done = model_cas##word(a->room, &seen, (uint##word##_t)v,         \
		                            MODEL_##order, MODEL_##failure, {where, line}); \
		*expected = (type)seen;                                                \
		return done;                                                           \
	}
/* clang-format on */

#define MODEL_RMW(name, type, word, op, order)                                         \
	static inline type chan__##name##_##op##_##order(chan__##name *a, type v, MODEL_HERE) \
	{                                                                              \
		return (type)model_rmw##word(a->room, MODEL_##op, (uint##word##_t)v,   \
		                             MODEL_##order, {where, line});            \
	}

#define MODEL_BASIC(name, type, word)                                                  \
	typedef model_cell<struct model_of_##name> chan__##name;                       \
	static inline void chan__##name##_init(chan__##name *a, type v, MODEL_HERE)    \
	{                                                                              \
		model_init##word(a->room, (uint##word##_t)v, {where, line});           \
	}                                                                              \
	static inline void chan__##name##_fini(chan__##name *a) { model_fini##word(a->room); } \
	MODEL_READ(name, type, word, relaxed)                                          \
	MODEL_READ(name, type, word, acquire)                                          \
	MODEL_READ(name, type, word, seq_cst)                                          \
	MODEL_STORE(name, type, word, relaxed)                                         \
	MODEL_STORE(name, type, word, release)                                         \
	MODEL_RMW(name, type, word, exchange, acquire)                                 \
	MODEL_RMW(name, type, word, exchange, acq_rel)                                 \
	MODEL_RMW(name, type, word, exchange, seq_cst)                                 \
	MODEL_CAS(name, type, word, relaxed, relaxed)                                  \
	MODEL_CAS(name, type, word, acquire, acquire)                                  \
	MODEL_CAS(name, type, word, release, relaxed)                                  \
	MODEL_CAS(name, type, word, acq_rel, acquire)                                  \
	MODEL_CAS(name, type, word, seq_cst, seq_cst)

#define MODEL_INTEGER(name, type, word)                                                \
	MODEL_BASIC(name, type, word)                                                  \
	MODEL_RMW(name, type, word, exchange, relaxed)                                 \
	MODEL_RMW(name, type, word, fetch_add, relaxed)                                \
	MODEL_RMW(name, type, word, fetch_add, acq_rel)                                \
	MODEL_RMW(name, type, word, fetch_add, seq_cst)                                \
	MODEL_RMW(name, type, word, fetch_sub, relaxed)                                \
	MODEL_RMW(name, type, word, fetch_sub, acq_rel)                                \
	MODEL_RMW(name, type, word, fetch_sub, seq_cst)                                \
	MODEL_RMW(name, type, word, fetch_or, relaxed)                                 \
	MODEL_RMW(name, type, word, fetch_or, acq_rel)                                 \
	MODEL_RMW(name, type, word, fetch_or, seq_cst)                                 \
	MODEL_RMW(name, type, word, fetch_and, relaxed)                                \
	MODEL_RMW(name, type, word, fetch_and, acq_rel)                                \
	MODEL_RMW(name, type, word, fetch_and, seq_cst)

MODEL_INTEGER(u32, uint32_t, 32)
MODEL_INTEGER(u64, uint64_t, 64)
MODEL_INTEGER(size, size_t, 64)
MODEL_BASIC(ptr, void *, 64)

/* --------------------------------------------------------------------- fences */

static inline void chan__fence_light(chan__u32 *partner, MODEL_HERE)
{
	(void)partner;
	model_fence_light({where, line});
}

static inline void chan__fence_heavy(chan__u32 *partner, MODEL_HERE)
{
	(void)partner;
	model_fence_heavy({where, line});
}

static inline bool chan__fence_is_free(void) { return model_fence_is_free(); }

static inline size_t chan__thread_self(void) { return model_thread(); }

/* ---------------------------------------------------------- copying, passing time */

static inline void chan__copy(void *to, const void *from, size_t size, MODEL_HERE)
{
	model_copy(to, from, size, {where, line});
}

static inline char *chan__message_at(const void *msgs, size_t i, size_t size)
{
	return (char *)((uintptr_t)msgs + i * size);
}

static inline void chan__swap(void *a, void *b, size_t size, MODEL_HERE)
{
	model_swap(a, b, size, {where, line});
}

/* Every atomic operation gives others a turn, so this need not. */
static inline void chan__relax(void) {}
static inline void chan__stand_by(unsigned) {}
static inline void chan__collided(unsigned *times) { ++*times; }

void chan__yield(void);

/* Small, so that what follows a failure of all tries is tried often. */
enum { CHAN__PATIENCE = 1, CHAN__TURN_TRIES = 1, CHAN__LOCK_TRIES = 1 };

/* ------------------------------------------------------------- what sleeping needs */

#define syscall model_futex

#define pthread_mutex_t        model_mutex
#define pthread_mutex_init     model_mutex_init
#define pthread_mutex_destroy  model_mutex_destroy
#define pthread_mutex_lock     model_mutex_lock
#define pthread_mutex_trylock  model_mutex_trylock
#define pthread_mutex_unlock   model_mutex_unlock
#define pthread_cond_t         model_cond
#define pthread_cond_init      model_cond_init
#define pthread_cond_destroy   model_cond_destroy
#define pthread_cond_wait      model_cond_wait
#define pthread_cond_timedwait model_cond_timedwait
#define pthread_cond_signal    model_cond_signal
#define pthread_cond_broadcast model_cond_broadcast

/* ------------------------------------------------------------------ C11 as C++17 */

/* All threads of a model are one thread of the system; what is thread-local lies in
 * a section, whose contents model.cpp changes with the thread. */
#define _Thread_local  __attribute__((section("model_tls")))
#define _Static_assert static_assert

#endif
