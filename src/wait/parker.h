/*
 * parker.h - seam: a thread sleeps until somebody hands it a token
 *
 * The one guarantee: for each unpark there is one park that returns true, and
 * what the unparker did before is visible after it.  A park may begin before
 * or after its unpark.  The unparker's last access to the parker comes before
 * the park returns true, so the parker can live on the sleeper's stack.
 *
 * Two kinds for threads.  The futex kind is one word; the pthread kind is a mutex
 * and a condition variable, for systems without futexes and for the mutex_condvar
 * flavor, which promises to use nothing else.  Who is no thread, and does not
 * sleep, brings a kind whose unpark is a call (async.c).
 */
#ifndef CHAN_WAIT_PARKER_H
#define CHAN_WAIT_PARKER_H

#include <pthread.h>

#include "base/atomic.h"
#include "base/clock.h"

struct chan__parker;
struct chan__calls;

struct chan__parker_kind {
	void (*init)(struct chan__parker *p);
	void (*fini)(struct chan__parker *p);
	/* Has the token come?  Does not sleep, does not take it. */
	bool (*ready)(struct chan__parker *p);
	/* Takes the token, sleeping for it; false: the deadline passed first. */
	bool (*park)(struct chan__parker *p, const struct chan__deadline *d);
	/* Hands over the token; does not block.  Exactly once for each init. */
	void (*unpark)(struct chan__parker *p);
	/* Where unpark is a call; NULL elsewhere.  The call comes later, after another,
	 * and until then the waiter can take it back. */
	void (*defer)(struct chan__parker *p, struct chan__calls *calls);
	/* Unparks those that were deferred and not taken back. */
	void (*call)(struct chan__calls *calls);
};

/* What the pthread kind needs beside the parker. */
struct chan__parker_room {
	pthread_mutex_t mutex; /* guards `unparked` */
	pthread_cond_t cond;
	bool unparked;
};

struct chan__parker {
	const struct chan__parker_kind *kind;
	void *extra;      /* what else the kind needs: a struct chan__parker_room */
	chan__u32 token;  /* who writes it stands with each kind */
};

CHAN__HIDDEN extern const struct chan__parker_kind chan__parker_pthread;
CHAN__HIDDEN extern const struct chan__parker_kind chan__parker_futex;

/* The kind that --with-parker chose. */
#ifdef CHAN_PARKER_FUTEX
#define chan__parker_default chan__parker_futex
#else
#define chan__parker_default chan__parker_pthread
#endif

#endif
