/*
 * lock.h - seam: the short lock of the wait queues
 *
 * Held for a fixed number of instructions, never across a callback, a copy of
 * a message or an allocation.  Who may wait calls acquire; who may not calls
 * try, and leaves a note when that fails.
 */
#ifndef CHAN_WAIT_LOCK_H
#define CHAN_WAIT_LOCK_H

#include "base/atomic.h"

#ifdef CHAN_PARKER_FUTEX

/* 0 free, 1 held, 2 held and somebody sleeps on it. */
struct chan__lock {
	chan__u32 word;
};

CHAN__HIDDEN void chan__lock_acquire_slow(struct chan__lock *l);
CHAN__HIDDEN void chan__lock_release_slow(struct chan__lock *l);

static inline void chan__lock_init(struct chan__lock *l)
{
	chan__u32_init(&l->word, 0);
}

static inline void chan__lock_fini(struct chan__lock *l)
{
	chan__u32_fini(&l->word);
}

/* K1 acquire: what the last holder did; pairs with K2. */
static inline bool chan__lock_try(struct chan__lock *l)
{
	uint32_t free = 0;

	return chan__u32_cas_acquire(&l->word, &free, 1);
}

static inline void chan__lock_acquire(struct chan__lock *l)
{
	if (chan__unlikely(!chan__lock_try(l)))
		chan__lock_acquire_slow(l);
}

/* K2 release: what the holder did; pairs with K1. */
static inline void chan__lock_release(struct chan__lock *l)
{
	if (chan__unlikely(chan__u32_exchange_acq_rel(&l->word, 0) == 2))
		chan__lock_release_slow(l);
}

#else

#include <pthread.h>

struct chan__lock {
	pthread_mutex_t mutex;
};

static inline void chan__lock_init(struct chan__lock *l)
{
	pthread_mutex_init(&l->mutex, NULL);
}

static inline void chan__lock_fini(struct chan__lock *l)
{
	pthread_mutex_destroy(&l->mutex);
}

static inline bool chan__lock_try(struct chan__lock *l)
{
	return pthread_mutex_trylock(&l->mutex) == 0;
}

static inline void chan__lock_acquire(struct chan__lock *l)
{
	pthread_mutex_lock(&l->mutex);
}

static inline void chan__lock_release(struct chan__lock *l)
{
	pthread_mutex_unlock(&l->mutex);
}

#endif

#endif
