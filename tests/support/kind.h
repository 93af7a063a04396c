/*
 * kind.h - the kinds of channel the library has, found out at run time
 *
 * A kind is a flavor with a capacity and promises.  Nothing here names a
 * flavor, so a new one is tested by being in the library's table.
 */
#ifndef CHAN_TESTS_KIND_H
#define CHAN_TESTS_KIND_H

#include "support/must.h"

enum { MAX_KINDS = 96, MAX_FLAVORS = 16 };

struct kind {
	chan_flavor_t flavor;
	size_t capacity;
	chan_concurrency_t producers, consumers;
	bool drop_oldest; /* CHAN_OVERFLOW_DROP_OLDEST is accepted */
	bool one_message; /* takes one in all: once used, sends are EPIPE */
	bool destroys;    /* accepts a destructor */
	bool forces;      /* accepts chan_force_send */
	bool reports;     /* with drop-oldest: EOVERFLOW says that messages were lost */
	char name[40];
};

struct ends {
	chan_sender_t *tx;
	chan_receiver_t *rx;
	chan_t *c;
};

/* Finds out what the library makes of this; false: no such kind. */
bool kind_probe(struct kind *k, chan_flavor_t flavor, size_t capacity,
                chan_concurrency_t producers, chan_concurrency_t consumers);

/* Writes the kinds that have these promises; gives their number. */
size_t kind_discover(struct kind *kinds, chan_concurrency_t producers, chan_concurrency_t consumers);

/* Initialises attributes that ask for this kind. */
void kind_attr(const struct kind *k, chan_attr_t *attr);

/* A channel of this kind, or of these attributes (which are destroyed). */
struct ends kind_open(const struct kind *k, size_t msg_size);
struct ends attr_open(chan_attr_t *attr, size_t msg_size);
void ends_drop(struct ends *e);

/* How many messages a test may queue without blocking. */
size_t kind_room(const struct kind *k);

bool kind_is_unbounded(const struct kind *k);

/* A send on it never waits. */
bool kind_never_fills(const struct kind *k);

/* One of its sides is promised to a single thread. */
bool kind_is_promised(const struct kind *k);

/* Rounds of a race: fewer for the kinds with promises, of which there are
 * three times as many. */
size_t kind_rounds(const struct kind *k, size_t n);

/* The flavor with this name, or CHAN_FLAVOR_AUTO when the library has none. */
chan_flavor_t flavor_named(const char *name);

#endif
