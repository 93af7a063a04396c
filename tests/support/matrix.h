/*
 * matrix.h - runs each behaviour over each kind and prints who passed what
 */
#ifndef CHAN_TESTS_MATRIX_H
#define CHAN_TESTS_MATRIX_H

#include "support/kind.h"

/* What a behaviour needs of a kind; a kind that lacks it is skipped, with the
 * reason that stands in matrix.c. */
enum {
	NEEDS_NOTHING    = 0,
	NEEDS_QUEUE      = 1 << 0, /* capacity 1 or more, or unbounded */
	NEEDS_LIMIT      = 1 << 1, /* capacity 1 or more, bounded */
	NEEDS_TWO        = 1 << 2, /* room for two messages */
	NEEDS_FULL       = 1 << 3, /* a send can find no room: any bounded capacity */
	NEEDS_UNBOUNDED  = 1 << 4,
	NEEDS_RENDEZVOUS = 1 << 5,
	NEEDS_SENDERS    = 1 << 6, /* no promise of a single producer */
	NEEDS_RECEIVERS  = 1 << 7, /* no promise of a single consumer */
	NEEDS_OVERWRITE  = 1 << 8, /* accepts drop-oldest */
	NEEDS_SINGLE_RX  = 1 << 9, /* promises a single consumer */
	NEEDS_BUSY_FORK  = 1 << 10, /* forks while other threads run */
	RUNS_ONCE        = 1 << 11, /* not about a kind: runs once, without one */
	FITS_ONE_MESSAGE = 1 << 12, /* needs no second message on the same channel */
	NEEDS_DESTRUCTOR = 1 << 13, /* accepts a destructor */
	NEEDS_FORCE      = 1 << 14  /* accepts chan_force_send */
};

struct behaviour {
	const char *name;
	void (*run)(const struct kind *k);
	unsigned needs;
};

/* A table line whose name is the function's, underscores read as spaces. */
/* clang-format off */
#define BEHAVIOUR(function, needs) { #function, function, (needs) }
/* clang-format on */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Gives the exit status of main. */
int matrix_run(const char *suite, const struct behaviour *behaviours, size_t n_behaviours,
               const struct kind *kinds, size_t n_kinds);

#endif
