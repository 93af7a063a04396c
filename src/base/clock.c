/*
 * clock.c - the monotonic clock, and deadlines on it
 */
#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>

#define CLOCK_NSEC_PER_SEC UINT64_C(1000000000)

/* time_t is a signed 64-bit number everywhere (chan.h sees to it). */
#define CLOCK_SEC_MAX INT64_MAX

static const struct chan__deadline clock_forever = { true, { CLOCK_SEC_MAX, 999999999 } };

void chan__clock_now(struct timespec *now)
{
	int saved = errno;

	clock_gettime(CLOCK_MONOTONIC, now);
	errno = saved;
}

uint64_t chan__clock_ns(void)
{
	struct timespec now;

	chan__clock_now(&now);
	return (uint64_t)now.tv_sec * CLOCK_NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

void chan__clock_wait_ns(uint64_t ns)
{
	uint64_t start = chan__clock_ns();

	while (chan__clock_ns() - start < ns)
		sched_yield();
}

struct chan__deadline chan__deadline_after(uint64_t timeout_ns)
{
	struct chan__deadline d = { true, { 0, 0 } };
	int64_t sec = (int64_t)(timeout_ns / CLOCK_NSEC_PER_SEC);

	chan__clock_now(&d.at);
	if (timeout_ns == UINT64_MAX || (int64_t)d.at.tv_sec > CLOCK_SEC_MAX - 1 - sec)
		return clock_forever;
	d.forever = false;
	d.at.tv_sec += sec;
	d.at.tv_nsec += (long)(timeout_ns % CLOCK_NSEC_PER_SEC);
	if (d.at.tv_nsec >= (long)CLOCK_NSEC_PER_SEC) {
		d.at.tv_nsec -= (long)CLOCK_NSEC_PER_SEC;
		d.at.tv_sec++;
	}
	return d;
}

struct chan__deadline chan__deadline_at(const struct timespec *at)
{
	struct chan__deadline d = { at == NULL, { 0, 0 } };

	if (at)
		d.at = *at;
	return d;
}

struct chan__deadline chan__deadline_ns(uint64_t ns)
{
	struct chan__deadline d = clock_forever;

	if (ns != UINT64_MAX) {
		d.forever = false;
		d.at.tv_sec = (time_t)(ns / CLOCK_NSEC_PER_SEC);
		d.at.tv_nsec = (long)(ns % CLOCK_NSEC_PER_SEC);
	}
	return d;
}

bool chan__deadline_before(const struct chan__deadline *a, const struct chan__deadline *b)
{
	if (a->forever || b->forever)
		return !a->forever;
	return a->at.tv_sec < b->at.tv_sec ||
	       (a->at.tv_sec == b->at.tv_sec && a->at.tv_nsec < b->at.tv_nsec);
}

bool chan__deadline_passed(const struct chan__deadline *d)
{
	struct timespec now;

	if (d->forever)
		return false;
	chan__clock_now(&now);
	return now.tv_sec > d->at.tv_sec ||
	       (now.tv_sec == d->at.tv_sec && now.tv_nsec >= d->at.tv_nsec);
}
