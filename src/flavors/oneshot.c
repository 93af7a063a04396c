/*
 * oneshot.c - one message in all
 *
 * The channel is one block of memory: its head, a state word, the message.
 * Nothing in it is used twice, so the word only gains bits and whatever its
 * bits say stays true:
 *
 *     0 --send claims--> CLAIMED --writes--> CLAIMED|SENT --taken--> CLAIMED|SENT|OVER
 *     |                     |
 *     |                     +--receivers leave--> CLAIMED|OVER --writes--> CLAIMED|SENT|OVER
 *     +--closed--> OVER
 *
 *     CLAIMED  a send has the channel; every other send gets EPIPE
 *     SENT     the message is written
 *     OVER     no receive will succeed any more
 *
 * Who sets a bit, by one read-modify-write, is the only one to do what follows
 * from it:
 *   CLAIMED: writes the message;
 *   OVER beside SENT: owns the message, to copy it out or to destroy it;
 *   SENT beside OVER: still owns its message, because nobody is there to receive it.
 * So the last receiver's drop and a send in progress need no word between them:
 * one of the two comes second, and sees both bits.
 *
 * Closing takes the place of the claim: it succeeds only on a channel that no
 * send has, and is nothing on any other, which is disconnected already.  What
 * was claimed before still arrives.
 *
 * Moments of truth.  "Empty", EAGAIN, means that SENT and OVER were off: there
 * was no message, or its send was still writing it.  There is no "full", a send never
 * says EAGAIN.  EPIPE to a receiver is final: OVER stays.
 *
 * Who waits.  Senders never do.  The send wakes one receiver, which finds the
 * message or, if another one was faster, the end.  Either way the channel is over
 * then, which counts as ready, and a woken receiver passes on what is ready: so
 * each of those asleep hears of the end from the one before it.  Nobody is woken in
 * vain, so nobody starves.
 *
 * Source: the state word of Rust's oneshot crates, with claiming and closing
 * drawn together, since here any number of threads may do either.
 */
#include "base/copy.h"
#include "base/pause.h"
#include "base/probe.h"
#include "flavor.h"

CHAN__HIDDEN extern const struct chan__flavor chan__oneshot;

enum { ONESHOT_CLAIMED = 1, ONESHOT_SENT = 2, ONESHOT_OVER = 4 };

struct oneshot {
	struct chan base;
	chan__u32 state; /* senders CLAIMED and SENT, receivers and closers OVER */
			 /* and the message, from oneshot_msg on */
};

static inline struct oneshot *oneshot_of(const struct chan *c)
{
	return (struct oneshot *)(uintptr_t)c;
}

static inline void *oneshot_msg(struct oneshot *o)
{
	return (char *)o + chan__round_up(sizeof(*o));
}

static int oneshot_sendable(uint32_t state)
{
	return state == 0 ? 0 : EPIPE;
}

static int oneshot_receivable(uint32_t state)
{
	if (state & ONESHOT_OVER)
		return EPIPE;
	return state & ONESHOT_SENT ? 0 : EAGAIN;
}

/* -------------------------------------------------------------------- sending */

/* There is a message, or an end; a receive that takes the message leaves the end,
 * so descriptors are told only here. */
static CHAN__COLD void oneshot_notify(struct chan *c, uint32_t n, uint32_t attention)
{
	bool held = chan__hold_for_callbacks(c);

	if (attention & CHAN__POLLED)
		chan__changed(c, CHAN__SEND, NULL);
	if (attention & CHAN__WAITERS)
		chan__waitq_wake(&c->waiting[CHAN__RECV], n);
	if (held)
		chan__release(c);
}

/*
 * S1 acquire: who gets EPIPE sees what the closer did before (S5), or the faster
 * send.  S2 release: publishes the message; pairs with S3 and S4.  Its acquire half,
 * for EPIPE: what the receivers did before they left (S6).
 */
static int oneshot_try_send(struct chan *c, const void *msg)
{
	struct oneshot *o = oneshot_of(c);
	uint32_t unused = 0, attention;

	if (!chan__u32_cas_acq_rel(&o->state, &unused, ONESHOT_CLAIMED))
		return EPIPE;
	CHAN_TP("oneshot:claimed-send");
	chan__copy(oneshot_msg(o), msg, c->msg_size);
	if (chan__u32_fetch_or_acq_rel(&o->state, ONESHOT_SENT) & ONESHOT_OVER)
		return EPIPE;
	CHAN_TP("oneshot:published");
	CHAN__PROBE(send, c, 1);
	attention = chan__waitq_attention(&c->waiting[CHAN__RECV]);
	if (chan__unlikely(attention != 0))
		oneshot_notify(c, 1, attention);
	return 0;
}

static int oneshot_try_send_many(struct chan *c, const char *msgs, size_t n, size_t *count)
{
	int e = oneshot_try_send(c, msgs);

	*count += e == 0;
	return e == 0 && n > 1 ? EPIPE : e;
}

/* Nothing is ever displaced: a channel with a message in it takes no other. */
static int oneshot_force_send(struct chan *c, const void *msg, void *displaced, bool *was_displaced)
{
	int e = oneshot_try_send(c, msg);

	(void)displaced;
	if (e == 0 && was_displaced)
		*was_displaced = false;
	return e;
}

/* ------------------------------------------------------------------ receiving */

/* The message is ours.  Its destructor, where there is no place for it, may drop
 * the handle in use. */
static void oneshot_take(struct oneshot *o, void *msg)
{
	struct chan *c = &o->base;

	if (chan__likely(msg != NULL)) {
		chan__copy(msg, oneshot_msg(o), c->msg_size);
	} else if (c->msg_size > 0) {
		chan__hold(c);
		chan__destroy_message(c, oneshot_msg(o));
		chan__release(c);
	}
}

/* S3 acquire: the end, and what whoever made it did before; pairs with S4 and S5.
 * S4 acquire: the message; pairs with S2.  Its release half goes to S3. */
static int oneshot_try_recv(struct chan_receiver *rx, void *msg)
{
	struct oneshot *o = oneshot_of(chan__of(rx));
	int e = oneshot_receivable(chan__u32_load_acquire(&o->state));

	if (e != 0)
		return e;
	CHAN_TP("oneshot:seen");
	if (chan__u32_fetch_or_acq_rel(&o->state, ONESHOT_OVER) & ONESHOT_OVER)
		return EPIPE;
	CHAN_TP("oneshot:claimed-recv");
	CHAN__PROBE(receive, chan__of(rx), 1);
	oneshot_take(o, msg);
	return 0;
}

static int oneshot_try_recv_many(struct chan_receiver *rx, char *msgs, size_t max, size_t *count)
{
	int e = oneshot_try_recv(rx, msgs);

	*count += e == 0;
	return e == 0 && max > 1 ? EPIPE : e;
}

/* -------------------------------------------------------------------- waiting */

/* The stamp is the state, which never comes back to what it was. */
static int oneshot_ready(struct chan *c, enum chan__side side, struct chan_receiver *rx, uint64_t *stamp)
{
	uint32_t state = chan__u32_load_acquire(&oneshot_of(c)->state);

	(void)rx;
	*stamp = state;
	return side == CHAN__SEND ? oneshot_sendable(state) : oneshot_receivable(state);
}

static bool oneshot_is_ready(struct chan *c, enum chan__side side)
{
	uint64_t stamp;

	return oneshot_ready(c, side, NULL, &stamp) != EAGAIN;
}

/* A sender is always ready, and stands nowhere. */
static bool oneshot_watch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	struct chan__waitq *q = &c->waiting[side];

	if (side == CHAN__SEND)
		return !chan__waiter_claim(n->waiter);
	chan__waitq_join(q, n);
	return !oneshot_is_ready(c, side) || !chan__waitq_retract(q, n);
}

static void oneshot_unwatch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	chan__waitq_leave(&c->waiting[side], n);
}

static void oneshot_pass_on(struct chan *c, enum chan__side side, struct chan_receiver *rx)
{
	struct chan__waitq *q = &c->waiting[side];

	(void)rx;
	if ((chan__waitq_attention(q) & CHAN__WAITERS) && oneshot_is_ready(c, side))
		chan__waitq_wake(q, 1);
}

/* Nobody starves here; see above. */
static bool oneshot_serve(struct chan *c, enum chan__side side)
{
	(void)c;
	(void)side;
	return false;
}

/* --------------------------------------------------------------- disconnection */

static bool oneshot_is_closed(const struct chan *c)
{
	return oneshot_sendable(chan__u32_load_relaxed(&oneshot_of(c)->state)) != 0;
}

/* S5 release: what the closer did before; pairs with S1 and S3. */
static void oneshot_close(struct chan *c)
{
	uint32_t unused = 0;

	if (chan__u32_cas_acq_rel(&oneshot_of(c)->state, &unused, ONESHOT_OVER))
		oneshot_notify(c, CHAN__ALL, chan__waitq_attention(&c->waiting[CHAN__RECV]));
}

/* S6, as S4: a message that was sent is ours; the release half goes to S2. */
static void oneshot_discard(struct chan *c)
{
	struct oneshot *o = oneshot_of(c);

	CHAN_TP("oneshot:gone");
	if (oneshot_receivable(chan__u32_fetch_or_acq_rel(&o->state, ONESHOT_OVER)) == 0)
		chan__destroy_message(c, oneshot_msg(o));
}

/* From the claim on, as everywhere. */
static size_t oneshot_len(const struct chan *c)
{
	uint32_t state = chan__u32_load_relaxed(&oneshot_of(c)->state);

	return (state & (ONESHOT_CLAIMED | ONESHOT_OVER)) == ONESHOT_CLAIMED;
}

/* ------------------------------------------------------------ creation, vtable */

static bool oneshot_serves(size_t capacity)
{
	return capacity == 1;
}

static int oneshot_create(const struct chan__config *config, struct chan **c)
{
	struct oneshot *o;
	size_t size;

	if (chan__add_overflows(config->msg_size, chan__round_up(sizeof(*o)), &size) ||
	    size > PTRDIFF_MAX)
		return EOVERFLOW;
	o = (struct oneshot *)chan__memory_get(&config->memory, size);
	if (!o)
		return ENOMEM;
	chan__init(&o->base, &chan__oneshot, config, size);
	chan__u32_init(&o->state, 0);
	*c = &o->base;
	return 0;
}

static void oneshot_destroy(struct chan *c)
{
	chan__u32_fini(&oneshot_of(c)->state);
	chan__fini(c);
}

const struct chan__flavor chan__oneshot = {
	.id = CHAN_FLAVOR_ONESHOT,
	.name = "oneshot",
	.default_capacity = 1,
	.on_request = true,
	.serves = oneshot_serves,
	.create = oneshot_create,
	.destroy = oneshot_destroy,
	.try_send = oneshot_try_send,
	.try_recv = oneshot_try_recv,
	.try_send_many = oneshot_try_send_many,
	.try_recv_many = oneshot_try_recv_many,
	.force_send = oneshot_force_send,
	.ready = oneshot_ready,
	.watch = oneshot_watch,
	.unwatch = oneshot_unwatch,
	.pass_on = oneshot_pass_on,
	.serve = oneshot_serve,
	.close = oneshot_close,
	.discard = oneshot_discard,
	.is_closed = oneshot_is_closed,
	.len = oneshot_len,
};
