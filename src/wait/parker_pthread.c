/*
 * parker_pthread.c - sleeping on a mutex and a condition variable
 *
 * One condition variable for each sleeper, so a signal has one thread to go
 * to.  The signal is given under the mutex: the sleeper cannot return, and its
 * stack cannot go, before the unparker has let go of both.
 */
#include "wait/parker.h"

#include <errno.h>

static void parker_init(struct chan__parker *p)
{
	pthread_condattr_t attr;

	p->kind = &chan__parker_pthread;
	p->unparked = false;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->cond, &attr);
	pthread_condattr_destroy(&attr);
}

static void parker_fini(struct chan__parker *p)
{
	pthread_cond_destroy(&p->cond);
	pthread_mutex_destroy(&p->mutex);
}

static bool parker_ready(struct chan__parker *p)
{
	bool unparked;

	pthread_mutex_lock(&p->mutex);
	unparked = p->unparked;
	pthread_mutex_unlock(&p->mutex);
	return unparked;
}

/* The mutex is held; 0, or anything else once the deadline has passed. */
static int parker_sleep(struct chan__parker *p, const struct chan__deadline *d)
{
	if (d->forever)
		return pthread_cond_wait(&p->cond, &p->mutex);
	if (d->at.tv_sec < 0)
		return ETIMEDOUT;
	return pthread_cond_timedwait(&p->cond, &p->mutex, &d->at);
}

static bool parker_park(struct chan__parker *p, const struct chan__deadline *d)
{
	int saved = errno, state, ignored;
	bool unparked;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	pthread_mutex_lock(&p->mutex);
	while (!p->unparked)
		if (parker_sleep(p, d) != 0 && chan__deadline_passed(d))
			break;
	unparked = p->unparked;
	pthread_mutex_unlock(&p->mutex);
	pthread_setcancelstate(state, &ignored);
	errno = saved;
	return unparked;
}

static void parker_unpark(struct chan__parker *p)
{
	pthread_mutex_lock(&p->mutex);
	p->unparked = true;
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->mutex);
}

const struct chan__parker_kind chan__parker_pthread = {
	.init   = parker_init,
	.fini   = parker_fini,
	.ready  = parker_ready,
	.park   = parker_park,
	.unpark = parker_unpark,
};
