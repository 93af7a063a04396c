/*
 * parker_pthread.c - sleeping on a mutex and a condition variable
 *
 * One condition variable for each sleeper, so a signal has one thread to go
 * to.  The signal is given under the mutex: the sleeper cannot return, and its
 * stack cannot go, before the unparker has let go of both.
 */
#include "wait/parker.h"

#include <errno.h>

#include "base/annotate.h"

static struct chan__parker_room *parker_room(const struct chan__parker *p)
{
	return (struct chan__parker_room *)p->extra;
}

static void parker_init(struct chan__parker *p)
{
	pthread_condattr_t attr;

	p->kind = &chan__parker_pthread;
	parker_room(p)->unparked = false;
	chan__annotate_own(&parker_room(p)->mutex, sizeof(parker_room(p)->mutex));
	pthread_mutex_init(&parker_room(p)->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&parker_room(p)->cond, &attr);
	pthread_condattr_destroy(&attr);
}

static void parker_fini(struct chan__parker *p)
{
	pthread_cond_destroy(&parker_room(p)->cond);
	pthread_mutex_destroy(&parker_room(p)->mutex);
	chan__annotate_plain(&parker_room(p)->mutex, sizeof(parker_room(p)->mutex));
}

static bool parker_ready(struct chan__parker *p)
{
	bool unparked;

	pthread_mutex_lock(&parker_room(p)->mutex);
	unparked = parker_room(p)->unparked;
	pthread_mutex_unlock(&parker_room(p)->mutex);
	return unparked;
}

/* The mutex is held; 0, or anything else once the deadline has passed. */
static int parker_sleep(struct chan__parker *p, const struct chan__deadline *d)
{
	if (d->forever)
		return pthread_cond_wait(&parker_room(p)->cond, &parker_room(p)->mutex);
	if (d->at.tv_sec < 0)
		return ETIMEDOUT;
	return pthread_cond_timedwait(&parker_room(p)->cond, &parker_room(p)->mutex, &d->at);
}

static bool parker_park(struct chan__parker *p, const struct chan__deadline *d)
{
	int saved = errno, state, ignored;
	bool unparked;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	pthread_mutex_lock(&parker_room(p)->mutex);
	while (!parker_room(p)->unparked)
		if (parker_sleep(p, d) != 0 && chan__deadline_passed(d))
			break;
	unparked = parker_room(p)->unparked;
	pthread_mutex_unlock(&parker_room(p)->mutex);
	pthread_setcancelstate(state, &ignored);
	errno = saved;
	return unparked;
}

static void parker_unpark(struct chan__parker *p)
{
	pthread_mutex_lock(&parker_room(p)->mutex);
	parker_room(p)->unparked = true;
	pthread_cond_signal(&parker_room(p)->cond);
	pthread_mutex_unlock(&parker_room(p)->mutex);
}

const struct chan__parker_kind chan__parker_pthread = {
	.init   = parker_init,
	.fini   = parker_fini,
	.ready  = parker_ready,
	.park   = parker_park,
	.unpark = parker_unpark,
};
