/*
 * block.h - a thread waits: on one channel, or on many
 */
#ifndef CHAN_BLOCK_H
#define CHAN_BLOCK_H

#include "base/clock.h"
#include "flavor.h"

/*
 * One thing that a thread waits for: to send to this channel, or to receive
 * from it.  It is the attempt and, while the thread waits, its place in the queue.
 */
struct CHAN__ALIASING chan__watch {
	struct chan__node node;
	struct chan *chan;
	struct chan__watch *next; /* of the same waiter */
	enum chan__side side;
	bool woken;               /* a wake-up was spent on it, and must be passed on */
};

/* What a thread waits for, and until when.  The caller fills it. */
struct chan__wait {
	struct chan__watch *watches;      /* linked by next */
	const struct chan__deadline *deadline;
	const struct chan__parker_kind *parker;
	/* Whose channel keeps the credit for looking out for a claimer a little before
	 * sleeping; NULL: do not. */
	struct chan__watch *spinner;
};

/* rx NULL: a send. */
CHAN__HIDDEN void chan__watch_init(struct chan__watch *w, struct chan *c, struct chan_receiver *rx);

/* What try_send (rx NULL) or try_recv says.  Whoever starves on this side comes first. */
CHAN__INLINE int chan__attempt_on(struct chan *c, struct chan_receiver *rx, void *msg)
{
	enum chan__side side = rx ? CHAN__RECV : CHAN__SEND;

	if (chan__unlikely(chan__waitq_is_starving(&c->waiting[side])))
		c->flavor->serve(c, side);
	return rx ? c->flavor->try_recv(rx, msg) : c->flavor->try_send(c, msg);
}

/* The same for a watch. */
CHAN__HIDDEN int chan__attempt(const struct chan__watch *w);

/*
 * Attempts, for the bounded while that spinning on this side of this channel has been
 * worth.  What the attempt says; EAGAIN: nothing came of it, or it is not worth it.
 */
CHAN__HIDDEN int chan__spin(struct chan *c, enum chan__side side, int (*attempt)(void *arg), void *arg);

/*
 * Stands in all the queues until claimed, ready or past the deadline.
 * EAGAIN: look again; *chosen is the watch whose wake-up that is, NULL where
 * there was none.  ETIMEDOUT: nobody claimed the waiter in time.  Anything else: the
 * operation of *chosen was done, and this is its result.
 */
CHAN__HIDDEN int chan__wait(struct chan__wait *wait, struct chan__watch **chosen);

/* Passes on the wake-ups that were spent on these watches. */
CHAN__HIDDEN void chan__pass_on(const struct chan__watch *w);

/* Called after a try_ said EAGAIN.  The call ends with ECANCELED once the channel
 * of `token` is disconnected; NULL: no token.  0, EPIPE, ENOMEM, ECANCELED, ETIMEDOUT. */
CHAN__HIDDEN int chan__block_send(struct chan *c, const void *msg, const struct chan__deadline *d,
                                  struct chan_receiver *token);
CHAN__HIDDEN int chan__block_recv(struct chan_receiver *rx, void *msg, const struct chan__deadline *d,
                                  struct chan_receiver *token);

#endif
