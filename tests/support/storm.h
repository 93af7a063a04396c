/*
 * storm.h - signals that rain on a thread while it waits
 */
#ifndef CHAN_TESTS_STORM_H
#define CHAN_TESTS_STORM_H

#include "support/thread.h"

struct storm {
	struct worker *target;
	atomic_bool stop;
	struct worker worker;
};

void storm_start(struct storm *s, struct worker *target);
void storm_end(struct storm *s);

/* Until the handler has run that many times more. */
void storm_wait(unsigned n);

#endif
