/*
 * common.h - the behaviours that every kind of channel shares, by theme
 */
#ifndef CHAN_TESTS_COMMON_H
#define CHAN_TESTS_COMMON_H

#include "support/support.h"

struct theme {
	const struct behaviour *behaviours;
	size_t n;
};

extern const struct theme common_queue;     /* order, capacity, length */
extern const struct theme common_ends;      /* disconnection, close, counts, weak senders */
extern const struct theme common_destroy;   /* who destroys which message, once */
extern const struct theme common_message;   /* bytes, sizes, alignment, what a failure leaves */
extern const struct theme common_time;      /* deadlines and precedence */
extern const struct theme common_batch;     /* many at once */
extern const struct theme common_overwrite; /* force_send and drop-oldest */

/* All of them in one table; gives their number. */
enum { MAX_COMMON = 160 };
size_t common_behaviours(struct behaviour *table);

#endif
