/*
 * clock.h - seam: the monotonic clock, and deadlines on it
 */
#ifndef CHAN_BASE_CLOCK_H
#define CHAN_BASE_CLOCK_H

#include <time.h>

#include "base/compiler.h"

/* When a blocking call gives up; `forever` when it does not. */
struct chan__deadline {
	bool forever;
	struct timespec at;
};

/* CLOCK_MONOTONIC; errno is left alone. */
CHAN__HIDDEN void chan__clock_now(struct timespec *now);

/* Nanoseconds on the same clock, for intervals. */
CHAN__HIDDEN uint64_t chan__clock_ns(void);

/* Passes at least `ns` nanoseconds; not a cancellation point. */
CHAN__HIDDEN void chan__clock_wait_ns(uint64_t ns);

/* Now plus timeout_ns; UINT64_MAX, or beyond the clock, is for ever: then `at`
 * is the last instant of the clock. */
CHAN__HIDDEN struct chan__deadline chan__deadline_after(uint64_t timeout_ns);

/* NULL is for ever. */
CHAN__HIDDEN struct chan__deadline chan__deadline_at(const struct timespec *at);

/* The instant `ns` of chan__clock_ns; UINT64_MAX is for ever. */
CHAN__HIDDEN struct chan__deadline chan__deadline_ns(uint64_t ns);

/* a comes first; for ever comes before nothing. */
CHAN__HIDDEN bool chan__deadline_before(const struct chan__deadline *a, const struct chan__deadline *b);
CHAN__HIDDEN bool chan__deadline_passed(const struct chan__deadline *d);

static inline bool chan__timespec_valid(const struct timespec *t)
{
	return t->tv_nsec >= 0 && t->tv_nsec <= 999999999;
}

#endif
