/*
 * waitq.h - who waits, in what order, and who may wake them
 *
 * A waiter is somebody who waits: a thread, on one channel or on many.  It
 * stands in a wait queue by a node, one for each channel it waits on, and is
 * claimed exactly once, by whoever ends its wait; only the claimer may touch it
 * afterwards, and its last touch is the unpark.
 *
 *   waiter->state    WAITING --claim--> CLAIMED      (once; compare-and-swap)
 *   then the claimer writes `chosen` and `status` and unparks.
 *
 * status EAGAIN says "look again"; any other is the result of the operation,
 * done on the waiter's behalf through node->source or node->target, its mailbox.
 *
 * An observer waits to be told that the channel is ready and takes nothing.  All
 * observers are told beside the one waiter that is woken to operate; none
 * of them counts as a partner or is served.
 */
#ifndef CHAN_WAIT_WAITQ_H
#define CHAN_WAIT_WAITQ_H

#include "base/atomic.h"
#include "base/backoff.h"
#include "wait/lock.h"
#include "wait/parker.h"

struct chan;
struct chan_receiver;

struct chan__waiter {
	chan__u32 state;           /* WAITING or CLAIMED; written by the claimer */
	int status;                /* written by the claimer, read after the unpark */
	struct chan__node *chosen; /* the same */
	struct chan__parker parker;
};

struct CHAN__ALIASING chan__node {
	struct chan__node *prev;   /* these four: under the queue's lock */
	struct chan__node *next;   /* after a claim `next` is the claimer's */
	bool queued;
	bool starving;
	bool observer;             /* wants to know, not to operate */
	int result;                /* what its waiter will be told; EAGAIN unless the claimer did its work */
	unsigned vain;             /* wake-ups that brought nothing so far */
	uint32_t generation;       /* a waker's: of the process it was registered in */
	struct chan__waiter *waiter;
	struct chan_receiver *receiver; /* whose call this is; NULL for a send */
	union {                    /* the mailbox */
		const void *source;    /* of a sender: where its message is */
		void *target;          /* of a receiver: where the message goes */
	};
};

/*
 * A list of nodes: its owner's lock guards it.  In the child of a fork the
 * waiters that stood in it are gone, and their stacks with them: a list of
 * another generation counts as empty, and is not looked into.
 */
struct chan__waitlist {
	struct chan__node *first;
	struct chan__node *last;
	struct chan__node *observers;
	uint32_t generation;
};

/* Calls that come after another, on the stack of who makes them (async.c). */
struct chan__calls {
	const struct chan__parker_kind *kind; /* theirs; NULL: there are none */
	struct chan *chan;                    /* theirs, held; its call_lock guards the ring */
	struct chan__node ring;
};

/* Bits of attention: what a thread that made the channel ready must look at. */
enum {
	CHAN__WAITERS  = 1, /* somebody stands in the queue */
	CHAN__STARVING = 2, /* the first in it is to be served before others */
	CHAN__GONE     = 4, /* the receivers have left: destroy what you sent */
	CHAN__MISSED   = 8, /* a waiter met a turn that was taken (list) */
	CHAN__POLLED   = 16 /* the channel gave descriptors, for good */
};

/* Wake this many, or all of them. */
#define CHAN__ALL  UINT32_C(0x80000000)
#define CHAN__MANY UINT32_C(0x4000) /* more at once is not asked for */

struct chan__waitq {
	chan__u32 attention;        /* the bits above */
	chan__u32 notes;            /* wake-ups asked for and not yet served; anybody adds */
	struct chan__waitq *heir;   /* wakes one where nobody here operates; NULL; before it is used */
	struct chan__lock lock;     /* guards the list, and WAITERS and STARVING */
	struct chan__waitlist list;
};

/* ------------------------------------------------------------ waiters, nodes */

/* extra is the parker's, as long as the waiter lasts. */
CHAN__HIDDEN void chan__waiter_init(struct chan__waiter *w, const struct chan__parker_kind *kind, void *extra);
/* It was claimed, and waits once more. */
CHAN__HIDDEN void chan__waiter_renew(struct chan__waiter *w);
CHAN__HIDDEN void chan__waiter_fini(struct chan__waiter *w);
/* A node can be used again once it stands nowhere; `waiter` is set each time. */
CHAN__HIDDEN void chan__node_init(struct chan__node *n);
/* True for exactly one caller: it ends this wait.  Who claims itself gives up. */
CHAN__HIDDEN bool chan__waiter_claim(struct chan__waiter *w);
/* The claimer's last act; the node and its waiter are gone afterwards. */
CHAN__HIDDEN void chan__node_settle(struct chan__node *n, int status);

/* ------------------------------------- lists, under a lock of their owner's */

CHAN__HIDDEN void chan__waitlist_init(struct chan__waitlist *l);
/* In order of arrival; who was woken before goes to the front, behind the starving. */
CHAN__HIDDEN void chan__waitlist_add(struct chan__waitlist *l, struct chan__node *n);
CHAN__HIDDEN void chan__waitlist_remove(struct chan__waitlist *l, struct chan__node *n);
/* The first that could be claimed, removed; NULL: nobody waits.  No observer. */
CHAN__HIDDEN struct chan__node *chan__waitlist_claim(struct chan__waitlist *l);
/* The first that starves, likewise, to be served.  Nobody else may be: a callback
 * that waits has no message, and no place for one. */
CHAN__HIDDEN struct chan__node *chan__waitlist_claim_starving(struct chan__waitlist *l);
/* Every observer, linked by next. */
CHAN__HIDDEN struct chan__node *chan__waitlist_claim_observers(struct chan__waitlist *l);
/* Up to n waiters (CHAN__ALL: all), in order, then every observer. */
CHAN__HIDDEN struct chan__node *chan__waitlist_claim_many(struct chan__waitlist *l, uint32_t n);
/* Does anybody wait to operate who is not `self` (may be NULL) and can be claimed? */
CHAN__HIDDEN bool chan__waitlist_has_partner(struct chan__waitlist *l, const struct chan__waiter *self);
/*
 * Settles a chain that claim_many gave, each with its result, or two of one channel:
 * threads first, then those whose unpark is a call.  A call may do whatever the
 * program likes, and may wait for others that were claimed with it: so no call comes
 * between a claim and this, and while one runs the others can be taken back.
 */
CHAN__HIDDEN void chan__node_settle_chain(struct chan__node *n);
CHAN__HIDDEN void chan__node_settle_chains(struct chan__node *a, struct chan__node *b);
CHAN__HIDDEN bool chan__waitlist_starving(struct chan__waitlist *l);
CHAN__HIDDEN bool chan__waitlist_empty(struct chan__waitlist *l);

/* ------------------------------------------- queues, with a lock of their own */

CHAN__HIDDEN void chan__waitq_init(struct chan__waitq *q);
CHAN__HIDDEN void chan__waitq_fini(struct chan__waitq *q);
/* Stand in the queue.  On return, whoever makes the channel ready sees this
 * node, or the caller sees the channel ready: it must look once more. */
CHAN__HIDDEN void chan__waitq_join(struct chan__waitq *q, struct chan__node *n);
/* Stand there no longer; legal for a node that was claimed and removed. */
CHAN__HIDDEN void chan__waitq_leave(struct chan__waitq *q, struct chan__node *n);
/* True: not needed after all, and nobody had claimed it.  False: somebody has,
 * and the unpark will come. */
CHAN__HIDDEN bool chan__waitq_retract(struct chan__waitq *q, struct chan__node *n);
/* Wake up to n waiters; never waits for a lock. */
CHAN__HIDDEN void chan__waitq_wake(struct chan__waitq *q, uint32_t n);
/* Claims the first waiter if it is starving; never waits for a lock. */
CHAN__HIDDEN struct chan__node *chan__waitq_claim_starving(struct chan__waitq *q);

/*
 * The question every send and receive asks after it has published: does
 * anybody need to know?  W1, the light half: pairs with W2 in waitq_join (and
 * with the heavy fence of whoever sets GONE).  Without it the waiter that
 * joined, and looked, between our publication and our look would sleep on.
 */
static inline uint32_t chan__waitq_attention(struct chan__waitq *q)
{
	chan__fence_light(&q->attention);
	return chan__u32_load_acquire(&q->attention);
}

/* Asked before taking: is somebody to be served first?  A hint. */
static inline bool chan__waitq_is_starving(const struct chan__waitq *q)
{
	return (chan__u32_load_relaxed(&q->attention) & CHAN__STARVING) != 0;
}

/* The same, and POLLED: asked by who is to say it where nothing could be taken. */
static inline uint32_t chan__waitq_before(const struct chan__waitq *q)
{
	return chan__u32_load_relaxed(&q->attention) & (CHAN__STARVING | CHAN__POLLED);
}

#endif
