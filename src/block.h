/*
 * block.h - one thread waits on one channel
 */
#ifndef CHAN_BLOCK_H
#define CHAN_BLOCK_H

#include "base/clock.h"
#include "flavor.h"

/* Called after a try_ said EAGAIN.  0, EPIPE, ENOMEM, ETIMEDOUT. */
CHAN__HIDDEN int chan__block_send(struct chan *c, const void *msg, const struct chan__deadline *d);
CHAN__HIDDEN int chan__block_recv(struct chan_receiver *rx, void *msg, const struct chan__deadline *d);

#endif
