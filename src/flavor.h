/*
 * flavor.h - the contract every flavor signs
 *
 * A flavor is a queue of messages behind a const table of operations, none of
 * which blocks.  It says whether an operation can be done now, keeps the two
 * wait queues informed, and leaves waiting itself to the layers above.
 *
 * Rules for every operation:
 *   - arguments were checked by the caller;
 *   - no lock that anybody waits for is held across a destructor (the turn of
 *     list, which nobody waits for, may be; and so may locks across an allocator);
 *   - EAGAIN promises that whoever ends that state wakes a registered waiter;
 *   - on failure nothing the caller owns has changed.
 */
#ifndef CHAN_FLAVOR_H
#define CHAN_FLAVOR_H

#include <chan.h>
#include <errno.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/process.h"
#include "wait/waitq.h"

/* A side's credit for spinning, at first and at most; see block.c. */
enum { CHAN__SPIN_CREDIT = 80 };

enum chan__side { CHAN__SEND = 0, CHAN__RECV = 1 };

/* What a channel is made from; the inside of chan_attr_t. */
struct chan__config {
	uint64_t magic;
	size_t msg_size;
	size_t capacity;          /* CHAN_UNBOUNDED: no limit */
	bool capacity_set;
	chan_flavor_t flavor;
	chan_overflow_t overflow;
	chan_concurrency_t producers;
	chan_concurrency_t consumers;
	uint64_t spin_ns;
	void (*destructor)(void *msg, void *arg);
	void *destructor_arg;
	struct chan__memory memory;
};

/* A receiver: what its clones share. */
struct chan_receiver {
	struct chan *chan;
	chan__size handles;       /* anybody adds and takes away */
};

/*
 * The head of every channel.  A sender handle and a weak one are the channel
 * itself; a receiver handle is the `receiver` in it, or one that the flavor made.
 */
struct chan {
	/* Written at creation, read by everybody. */
	const struct chan__flavor *flavor;
	size_t msg_size;
	size_t capacity;
	struct chan_receiver receiver;
	void (*destructor)(void *msg, void *arg);
	void *destructor_arg;
	struct chan__memory memory;
	size_t size;              /* bytes of this allocation */
	uint64_t spin_ns;
	uint32_t generation;      /* of the process it was made in */
	bool drop_oldest;
	bool single_consumer;

	/* Who waits, by side. */
	struct chan__waitq waiting[2];
	chan__u32 spin_credit[2]; /* whether spinning has paid, see block.c */
	chan__u32 spin_first[2];  /* the round that a spin begins with */

	/* Descriptors it gave: eventfd.c. */
	chan__ptr pollables;
	struct chan__lock poll_lock;
	struct chan__lock call_lock; /* of wakers that were claimed and are to be called: async.c */

	/* Handles.  Anybody adds and takes away. */
	chan__size senders;
	chan__size refs;          /* a side (each subscription) with handles: 1; a weak sender: 1; a call that runs callbacks: 1 */
	chan__u32 callbacks;      /* 1: there is a destructor, or a waker was registered; whoever does that */
	chan__u32 closed;         /* 1 once chan_close was called, before the flavor closes: no weak sender comes back */
	chan__u64 lost;           /* messages displaced by drop-oldest */
	struct chan *reap_next;   /* the thread's list of channels to empty, see handle.c */
};

struct chan__flavor {
	chan_flavor_t id;
	const char *name;
	/* The capacity that an unset one means; CHAN__MUST_BE_SET: EINVAL. */
	size_t default_capacity;
	bool automatic;           /* AUTO picks the first such that serves the capacity */
	bool on_request;          /* no queue like the others: never in the place of AUTO's choice */
	bool can_overwrite;       /* drop-oldest at capacities from 1 */
	bool no_destructor;       /* a message is not one thing that ends once */
	/* The sleeper's parker; NULL: the default. */
	const struct chan__parker_kind *parker;
	/* Its waiters meet in the queue itself: spin there, not before. */
	bool meets_in_queue;

	bool (*serves)(size_t capacity);
	/* Makes a channel, with chan__init; 0, ENOMEM or EOVERFLOW.  NULL: serves is
	 * never true. */
	int (*create)(const struct chan__config *config, struct chan **c);
	/* Nobody uses it any more, and it is empty. */
	void (*destroy)(struct chan *c);

	/* 0, EAGAIN, EPIPE, ENOMEM.  What sends is NULL where nobody can be a sender. */
	int (*try_send)(struct chan *c, const void *msg);
	/* 0, EAGAIN, EPIPE; EOVERFLOW: this receiver lost messages, and hears it once.
	 * msg NULL: the destructor gets it in place. */
	int (*try_recv)(struct chan_receiver *rx, void *msg);
	/* As many as go now; *count is the caller's, at 0; the result is that of
	 * the first that did not go, or 0 (an EOVERFLOW is kept for the next call unless
	 * *count is 0).  One round of wake-ups for all. */
	int (*try_send_many)(struct chan *c, const char *msgs, size_t n, size_t *count);
	int (*try_recv_many)(struct chan_receiver *rx, char *msgs, size_t max, size_t *count);
	/* See chan_force_send; displaced NULL: the destructor. */
	int (*force_send)(struct chan *c, const void *msg, void *displaced, bool *was_displaced);

	/* Would a try_ say something else than EAGAIN?  0, EAGAIN, or what it would
	 * fail with; rx is the receiver, NULL on the sending side.  EAGAIN twice with
	 * the same *stamp: it was never ready in between. */
	int (*ready)(struct chan *c, enum chan__side side, struct chan_receiver *rx, uint64_t *stamp);
	/* The same for descriptors, where EAGAIN is not said of a message that somebody
	 * else's look keeps from sight; 0 may be wrong while a call that changes the
	 * channel is in progress.  NULL: ready does.  A descriptor's lock is held: the one
	 * of the two that is asked wakes nobody. */
	int (*seems_ready)(struct chan *c, enum chan__side side, struct chan_receiver *rx);
	/* Stand in the side's queue.  False: the side is ready, or disconnected, the
	 * node does not stand there, and this call has claimed the waiter.  True also
	 * where somebody else has claimed it. */
	bool (*watch)(struct chan *c, enum chan__side side, struct chan__node *n);
	/* No longer; legal whether or not it was claimed. */
	void (*unwatch)(struct chan *c, enum chan__side side, struct chan__node *n);
	/* A wake-up was not needed, or more is there: pass it on if ready. */
	void (*pass_on)(struct chan *c, enum chan__side side, struct chan_receiver *rx);
	/* Somebody starves on this side: serve it first if that can be done now.
	 * False: nobody was settled.  Can run a destructor: the channel is held. */
	bool (*serve)(struct chan *c, enum chan__side side);

	/* No further sends; idempotent; wakes everybody. */
	void (*close)(struct chan *c);
	/* The last receiver left, close was called: destroy what is queued. */
	void (*discard)(struct chan *c);
	bool (*is_closed)(const struct chan *c);
	size_t (*len)(const struct chan *c);

	/* Where receivers are not all one; NULL elsewhere.  A new one, which keeps the
	 * channel by a ref of its own: 0, EPIPE, ENOMEM.  There is none at creation. */
	int (*subscribe)(struct chan *c, struct chan_receiver **rx);
	/* The last handle of this one goes: instead of close and discard. */
	void (*unsubscribe)(struct chan_receiver *rx);
	/* Where a receiver has memory of its own, which then outlives the calls between.
	 * After unsubscribe only pass_on may still be asked of it. */
	void (*keep)(struct chan_receiver *rx);
	void (*unkeep)(struct chan_receiver *rx);
	size_t (*count_receivers)(const struct chan *c);
	size_t (*receiver_len)(const struct chan_receiver *rx);
	uint64_t (*receiver_lost)(const struct chan_receiver *rx);
	bool (*is_full)(const struct chan *c);
	/* Timers: when a receive can succeed next, and never before what this said
	 * unless disconnected; NULL elsewhere. */
	struct chan__deadline (*due)(const struct chan *c);
};

#define CHAN__MUST_BE_SET (CHAN_UNBOUNDED - 1)

/* -------------------------------------------------------------------- attr.c */

/* The attributes' configuration, or the default for NULL; EINVAL: they were
 * never initialised. */
CHAN__HIDDEN int chan__config_load(struct chan__config *config, const chan_attr_t *attr);

/* -------------------------------------------------------------------- chan.c */

/* A channel as the configuration says, which the choice of flavor completes.
 * 0, EINVAL, ENOTSUP, ENOMEM, EOVERFLOW. */
CHAN__HIDDEN int chan__make(struct chan__config *config, chan_sender_t **tx, chan_receiver_t **rx);
/* The same where rx may be NULL: no receiver to begin with. */
CHAN__HIDDEN int chan__make_deserted(struct chan__config *config, chan_sender_t **tx, chan_receiver_t **rx);

/* ------------------------------------------------------------------ flavor.c */

/* The flavors there are; ends with NULL.  The only place that names them. */
CHAN__HIDDEN extern const struct chan__flavor *const chan__flavors[];

/* The flavor and capacity for these attributes, written into config; 0, or
 * EINVAL, ENOTSUP. */
CHAN__HIDDEN int chan__flavor_pick(struct chan__config *config, const struct chan__flavor **flavor);

/* --------------------------------------------------------- handle.c, for flavors */

/* Fills the head of a channel of `size` bytes. */
CHAN__HIDDEN void chan__init(struct chan *c, const struct chan__flavor *flavor,
                             const struct chan__config *config, size_t size);
/* The same for one that has no sending side. */
CHAN__HIDDEN void chan__init_receiving(struct chan *c, const struct chan__flavor *flavor,
                                       const struct chan__config *config, size_t size);
/* The reverse of both; frees it. */
CHAN__HIDDEN void chan__fini(struct chan *c);

/* A receiver with one handle. */
CHAN__HIDDEN void chan__receiver_init(struct chan_receiver *rx, struct chan *c);
CHAN__HIDDEN void chan__receiver_fini(struct chan_receiver *rx);

/* What chan_close does: the flavor's close, for good. */
CHAN__HIDDEN void chan__close(struct chan *c);

/* Memory outlives the calls between; for calls that run callbacks. */
CHAN__HIDDEN void chan__hold(struct chan *c);
CHAN__HIDDEN void chan__release(struct chan *c);
/* The same of what a call was made with: a receiver's memory may be its own. */
CHAN__HIDDEN void chan__hold_both(struct chan *c, struct chan_receiver *rx);
CHAN__HIDDEN void chan__release_both(struct chan *c, struct chan_receiver *rx);
/* For whoever knows of it without holding it, and that its memory is there.
 * False: it is on its way to be destroyed. */
CHAN__HIDDEN bool chan__hold_unless_gone(struct chan *c);
/* True: it is the caller's to destroy. */
CHAN__HIDDEN bool chan__unhold(struct chan *c);

/* Does the side look ready?  A snapshot, as seems_ready. */
static inline int chan__look(struct chan *c, enum chan__side side, struct chan_receiver *rx)
{
	const struct chan__flavor *f = c->flavor;
	uint64_t stamp;

	return f->seems_ready ? f->seems_ready(c, side, rx) : f->ready(c, side, rx, &stamp);
}

/* Can a call on this channel run the program's code?  A waker that is registered
 * for the first time while another thread is in a call that does not sleep may be
 * overlooked there: its callback cannot know that thread, and must not drop a handle
 * that it uses.  A call that sleeps holds the channel in any case. */
static inline bool chan__has_callbacks(const struct chan *c)
{
	return chan__u32_load_relaxed(&c->callbacks) != 0;
}

/*
 * For who drops the last receiver: there is no sender, no weak one, and no call that
 * holds the channel because a callback might drop the handle it was made with.  So every
 * call has returned, and need not be fenced off.  H6 acquire: pairs with H1.
 */
static inline bool chan__is_alone(const struct chan *c)
{
	return chan__size_load_acquire(&c->senders) == 0 && chan__size_load_acquire(&c->refs) == 1;
}

/*
 * For who closes: is the last sender gone, with no call of one left behind?  Then nobody
 * claims what a send would, and closers alone write beside each other, all of them the same.
 * A call that goes on without its handle is a ref beyond those of the two sides, or comes
 * after a close that its handle's drop has made.  H9 acquire, of both: pairs with H1.
 */
static inline bool chan__is_without_senders(const struct chan *c)
{
	return chan__size_load_acquire(&c->senders) == 0 && chan__size_load_acquire(&c->refs) <= 2 &&
	       chan__size_load_relaxed(&c->receiver.handles) > 0;
}

/* Held if it can run a callback, which may drop the handle in use; the answer
 * says whether. */
static inline bool chan__hold_for_callbacks(struct chan *c)
{
	if (!chan__has_callbacks(c))
		return false;
	chan__hold(c);
	return true;
}

/* A callback has dropped the last handle, that of a call which goes on. */
static inline bool chan__is_dropped(const struct chan_receiver *rx)
{
	return chan__size_load_relaxed(&rx->handles) == 0;
}

/* Runs the destructor, if there is one; nothing is locked. */
CHAN__HIDDEN void chan__destroy_message(struct chan *c, void *msg);

/* True in a child forked since the channel was made: a lock that is taken may
 * never be released. */
static inline bool chan__is_forked(const struct chan *c)
{
	return c->generation != chan__process_generation();
}

/* ------------------------------------------------------- eventfd.c, for flavors */

/* A call of this side (and receiver) has changed the channel while CHAN__POLLED stood
 * in its attention: descriptors follow.  Nothing is locked. */
CHAN__HIDDEN void chan__changed(struct chan *c, enum chan__side by, struct chan_receiver *rx);
/* A try_ call of this side (and receiver) says EAGAIN: who watches a descriptor for
 * edges waits for one from now on. */
CHAN__HIDDEN CHAN__COLD void chan__refused(struct chan *c, enum chan__side side, struct chan_receiver *rx);
/* The last handle of a receiver, or of the sending side (NULL), goes: so does its
 * descriptor. */
CHAN__HIDDEN void chan__polled_end(struct chan *c, const struct chan_receiver *rx);
CHAN__HIDDEN void chan__polled_fini(struct chan *c);

/* For flavors that have not asked for attention anyway; after the change. */
static inline void chan__follow(struct chan *c, enum chan__side by, struct chan_receiver *rx)
{
	if (chan__unlikely(chan__waitq_attention(&c->waiting[CHAN__RECV]) & CHAN__POLLED))
		chan__changed(c, by, rx);
}

/* ---------------------------------------------------------- timer.c, for timers */

/* Memory of `size` bytes and the head in it; NULL: there is none. */
CHAN__HIDDEN struct chan *chan__timer_new(const struct chan__flavor *flavor, size_t size,
                                          size_t capacity, size_t msg_size);

/* T1 acquire: what the closer did before; pairs with H4.  Whoever asks whether an
 * event may be taken reads the clock first: then the event was due, and the
 * channel open, at the instant of this load. */
static inline bool chan__timer_is_closed(const struct chan *c)
{
	return chan__u32_load_acquire(&c->closed) != 0;
}

/* Operations that are the same for all of them. */
CHAN__HIDDEN bool chan__timer_serves(size_t capacity);
CHAN__HIDDEN int chan__timer_try_recv_many(struct chan_receiver *rx, char *msgs, size_t max, size_t *count);
CHAN__HIDDEN bool chan__timer_watch(struct chan *c, enum chan__side side, struct chan__node *n);
CHAN__HIDDEN void chan__timer_unwatch(struct chan *c, enum chan__side side, struct chan__node *n);
CHAN__HIDDEN void chan__timer_pass_on(struct chan *c, enum chan__side side, struct chan_receiver *rx);
CHAN__HIDDEN bool chan__timer_serve(struct chan *c, enum chan__side side);
CHAN__HIDDEN void chan__timer_close(struct chan *c);
CHAN__HIDDEN void chan__timer_discard(struct chan *c);
CHAN__HIDDEN size_t chan__timer_len(const struct chan *c);

/* ----------------------------------------------------- timers' makers, for timer.c */

/* NULL: there is no memory. */
CHAN__HIDDEN struct chan *chan__at_create(const struct chan__deadline *due);
CHAN__HIDDEN struct chan *chan__tick_create(uint64_t period_ns);
CHAN__HIDDEN struct chan *chan__never_create(size_t msg_size);

/* ------------------------------------------------------------- for the layers above */

/*
 * What a send and a receive do first: if a waiter of their own side starves,
 * it is served before them.  In the slow path the channel is held, because
 * serving can run a destructor, and that can drop the handle in use.  It is also
 * the path of try_ calls on a channel that gave descriptors, which hear of EAGAIN
 * there; a call that began before the first was given answers no edge of it.
 */
CHAN__HIDDEN int chan__serve_then_send(struct chan *c, const void *msgs, size_t n, size_t *count);
CHAN__HIDDEN int chan__serve_then_force(struct chan *c, const void *msg, void *displaced, bool *was_displaced);
CHAN__HIDDEN int chan__serve_then_recv(struct chan_receiver *rx, void *msgs, size_t max, size_t *count);

static inline int chan__try_send(struct chan *c, const void *msg)
{
	size_t count = 0;

	if (chan__unlikely(chan__waitq_before(&c->waiting[CHAN__SEND]) != 0))
		return chan__serve_then_send(c, msg, 1, &count);
	return c->flavor->try_send(c, msg);
}

static inline int chan__try_recv(struct chan_receiver *rx, void *msg)
{
	size_t count = 0;

	if (chan__unlikely(chan__waitq_before(&rx->chan->waiting[CHAN__RECV]) != 0))
		return chan__serve_then_recv(rx, msg, 1, &count);
	return rx->chan->flavor->try_recv(rx, msg);
}

/* The same for calls that can wait: what is not quick is left to block.c. */
static inline int chan__quick_send(struct chan *c, const void *msg)
{
	if (chan__unlikely(chan__waitq_is_starving(&c->waiting[CHAN__SEND])))
		return EAGAIN;
	return c->flavor->try_send(c, msg);
}

static inline int chan__quick_recv(struct chan_receiver *rx, void *msg)
{
	if (chan__unlikely(chan__waitq_is_starving(&rx->chan->waiting[CHAN__RECV])))
		return EAGAIN;
	return rx->chan->flavor->try_recv(rx, msg);
}

static inline chan_flavor_t chan__flavor_id(const struct chan *c)
{
	return c->flavor->id;
}

static inline size_t chan__count_senders(const struct chan *c)
{
	return chan__size_load_relaxed(&c->senders);
}

static inline size_t chan__count_receivers(const struct chan *c)
{
	if (chan__unlikely(c->flavor->count_receivers != NULL))
		return c->flavor->count_receivers(c);
	return chan__size_load_relaxed(&c->receiver.handles);
}

static inline enum chan__side chan__opposite(enum chan__side side)
{
	return side == CHAN__SEND ? CHAN__RECV : CHAN__SEND;
}

static inline uint64_t chan__count_lost(const struct chan *c)
{
	return chan__u64_load_relaxed(&c->lost);
}

/* Does a receiver hear of its losses?  Then not in the middle of what it takes. */
static inline bool chan__reports_losses(const struct chan *c)
{
	return c->drop_oldest && c->flavor->receiver_lost;
}

/* What a batch of n messages may wake: as many, but so few that those of all
 * threads do not add up to the mark for all. */
static inline uint32_t chan__wakes(size_t n)
{
	return n < CHAN__MANY ? (uint32_t)n : CHAN__MANY;
}

/* The receiver handle of a flavor whose receivers all share the channel. */
static inline struct chan *chan__of(const struct chan_receiver *rx)
{
	return rx->chan;
}

#endif
