/*
 * forklock.h - the short lock, with a way out for the child of a fork
 *
 * A lock that another thread held at fork stays held in the child for ever.  So
 * this one says in which process it was taken last; calls that a child may make
 * whatever its parent was doing do not wait for one that a thread of the
 * parent took.
 */
#ifndef CHAN_WAIT_FORKLOCK_H
#define CHAN_WAIT_FORKLOCK_H

#include "base/backoff.h"
#include "base/process.h"
#include "wait/lock.h"

struct chan__forklock {
	struct chan__lock lock;
	chan__u32 holder;         /* generation of the process; who holds the lock writes it */
};

static inline void chan__forklock_init(struct chan__forklock *l)
{
	chan__lock_init(&l->lock);
	chan__u32_init(&l->holder, chan__process_generation());
}

static inline void chan__forklock_fini(struct chan__forklock *l)
{
	chan__u32_fini(&l->holder);
	chan__lock_fini(&l->lock);
}

static inline void chan__forklock_acquire(struct chan__forklock *l)
{
	chan__lock_acquire(&l->lock);
	chan__u32_store_relaxed(&l->holder, chan__process_generation());
}

static inline void chan__forklock_release(struct chan__forklock *l)
{
	chan__lock_release(&l->lock);
}

/* False: it is gone for good. */
static inline bool chan__forklock_acquire_unless_orphaned(struct chan__forklock *l)
{
	for (int i = 0; i < CHAN__LOCK_TRIES; i++) {
		if (chan__u32_load_relaxed(&l->holder) == chan__process_generation()) {
			chan__forklock_acquire(l);
			return true;
		}
		if (chan__lock_try(&l->lock)) {
			chan__u32_store_relaxed(&l->holder, chan__process_generation());
			return true;
		}
		chan__yield(); /* a holder of this process is about to say so */
	}
	return false;
}

#endif
