/*
 * zero.c - rendezvous: a send and a receive meet, and the message is copied once
 *
 * There is no queue of messages.  A call that finds somebody of the other side
 * waiting claims it, copies between the two callers' own memory, and settles
 * it; one that finds nobody stands in its side's list with its node as the
 * mailbox:
 *
 *      sender's stack                          receiver's stack
 *      node.source --> message  --- copy --->  buffer <-- node.target
 *                         by whoever came second
 *
 * Invariants, under `lock`:
 *   - at most one of the two lists holds a waiter that can be claimed, or both hold
 *     the same one, a select with both ends: whoever would join the second claims
 *     from the first instead;
 *   - closed: both lists are empty for good.
 * Observers stand beside the waiters and are no partners: they are told when one of
 * the other side arrives.
 *
 * The lock is held for a search and a few stores, never for the copy: a
 * claimed waiter belongs to its claimer, and cannot leave until it is settled.
 *
 * Source: rendezvous over two wait lists is Go's unbuffered channel
 * (runtime/chan.go) and the mailbox of crossbeam's zero flavor.
 */
#include "base/copy.h"
#include "base/pause.h"
#include "base/probe.h"
#include "flavor.h"
#include "wait/forklock.h"

CHAN__HIDDEN extern const struct chan__flavor chan__zero;

struct zero {
	struct chan base;
	struct chan__forklock lock;
	struct chan__waitlist list[2]; /* under lock */
	uint64_t arrivals[2];          /* of waiters that operate, by side; under lock */
	chan__u32 closed;              /* written once, under lock */
};

static void zero_enter(struct zero *z)
{
	chan__forklock_acquire(&z->lock);
}

static void zero_leave(struct zero *z)
{
	chan__forklock_release(&z->lock);
}

/* Z1 acquire: what the closer did before; pairs with Z2. */
static bool zero_is_closed(const struct chan *c)
{
	return chan__u32_load_acquire(&((const struct zero *)c)->closed) != 0;
}

/* A waiter of the other side, claimed: 0.  Nobody: EAGAIN or EPIPE. */
static int zero_meet(struct zero *z, enum chan__side side, struct chan__node **partner)
{
	int e = 0;

	zero_enter(z);
	*partner = chan__waitlist_claim(&z->list[chan__opposite(side)]);
	if (!*partner)
		e = zero_is_closed(&z->base) ? EPIPE : EAGAIN;
	zero_leave(z);
	return e;
}

/* Both ends at once, whoever of the two this is. */
static void zero_pass(struct chan *c, const void *source, void *target)
{
	CHAN_TP("zero:claimed");
	if (target)
		chan__copy(target, source, c->msg_size);
	else if (c->msg_size > 0)
		chan__destroy_message(c, (void *)(uintptr_t)source);
	CHAN__PROBE(send, c, 1);
	CHAN__PROBE(receive, c, 1);
}

/* A claimed partner no more counts as one that waits, so descriptors follow at once.
 * Afterwards the channel may be gone: a destructor dropped the handle in use, and
 * the partner, who kept it until now, drops its own. */
static void zero_settle(struct chan *c, enum chan__side by, struct chan_receiver *rx, struct chan__node *partner)
{
	chan__follow(c, by, rx);
	chan__node_settle(partner, 0);
	CHAN_TP("zero:settled");
}

static int zero_try_send(struct chan *c, const void *msg)
{
	struct chan__node *partner;
	int e = zero_meet((struct zero *)c, CHAN__SEND, &partner);

	if (e == 0) {
		zero_pass(c, msg, partner->target);
		zero_settle(c, CHAN__SEND, NULL, partner);
	}
	return e;
}

static int zero_try_recv(struct chan_receiver *rx, void *msg)
{
	struct chan *c = chan__of(rx);
	struct chan__node *partner;
	int e = zero_meet((struct zero *)c, CHAN__RECV, &partner);

	if (e == 0) {
		zero_pass(c, partner->source, msg);
		zero_settle(c, CHAN__RECV, &c->receiver, partner);
	}
	return e;
}

static int zero_try_send_many(struct chan *c, const char *msgs, size_t n, size_t *count)
{
	int e = 0;

	while (*count < n && (e = zero_try_send(c, chan__message_at(msgs, *count, c->msg_size))) == 0)
		++*count;
	return e;
}

static int zero_try_recv_many(struct chan_receiver *rx, char *msgs, size_t max, size_t *count)
{
	size_t size = chan__of(rx)->msg_size;
	int e = 0;

	while (*count < max && (e = zero_try_recv(rx, msgs ? msgs + *count * size : NULL)) == 0)
		++*count;
	return e;
}

static int zero_force_send(struct chan *c, const void *msg, void *displaced, bool *was_displaced)
{
	int e = zero_try_send(c, msg);

	(void)displaced;
	if (e == 0 && was_displaced)
		*was_displaced = false;
	return e;
}

/* ------------------------------------------------------------------- waiting */

/* The lock is held.  A waiter that is `self` is no partner for itself. */
static int zero_look(struct zero *z, enum chan__side side, const struct chan__waiter *self)
{
	if (zero_is_closed(&z->base))
		return EPIPE;
	return chan__waitlist_has_partner(&z->list[chan__opposite(side)], self) ? 0 : EAGAIN;
}

/* A partner is there as long as it waits; the stamp moves when one arrives. */
static int zero_ready(struct chan *c, enum chan__side side, struct chan_receiver *rx, uint64_t *stamp)
{
	struct zero *z = (struct zero *)c;
	int e;

	(void)rx;
	zero_enter(z);
	e = zero_look(z, side, NULL);
	*stamp = z->arrivals[chan__opposite(side)];
	zero_leave(z);
	return e;
}

/* One step under the lock: either somebody is there, or we are. */
static bool zero_watch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	struct zero *z = (struct zero *)c;
	struct chan__node *observers = NULL;
	bool stands = true;

	zero_enter(z);
	if (zero_look(z, side, n->waiter) != EAGAIN) {
		stands = !chan__waiter_claim(n->waiter);
	} else {
		chan__waitlist_add(&z->list[side], n);
		z->arrivals[side] += !n->observer;
		if (!n->observer)
			observers = chan__waitlist_claim_observers(&z->list[chan__opposite(side)]);
	}
	zero_leave(z);
	chan__follow(c, side, n->receiver);
	chan__node_settle_chain(observers);
	return stands;
}

static void zero_unwatch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	struct zero *z = (struct zero *)c;

	zero_enter(z);
	chan__waitlist_remove(&z->list[side], n);
	zero_leave(z);
	chan__follow(c, side, n->receiver);
}

/* A claimed waiter is served by its claimer: none is woken in vain, so there
 * is nothing to pass on and nobody to serve first. */
static void zero_pass_on(struct chan *c, enum chan__side side, struct chan_receiver *rx)
{
	(void)c;
	(void)side;
	(void)rx;
}

static bool zero_serve(struct chan *c, enum chan__side side)
{
	(void)c;
	(void)side;
	return false;
}

/* ------------------------------------------------------------- disconnection */

static void zero_close(struct chan *c)
{
	struct zero *z = (struct zero *)c;
	struct chan__node *senders, *receivers;

	/* A child may close whatever its parent's threads were doing. */
	if (!chan__forklock_acquire_unless_orphaned(&z->lock))
		return;
	/* Z2 release: what we did before; pairs with Z1. */
	chan__u32_store_release(&z->closed, 1);
	senders = chan__waitlist_claim_many(&z->list[CHAN__SEND], CHAN__ALL);
	receivers = chan__waitlist_claim_many(&z->list[CHAN__RECV], CHAN__ALL);
	zero_leave(z);
	chan__follow(c, CHAN__SEND, NULL);
	chan__node_settle_chains(senders, receivers);
}

static void zero_discard(struct chan *c)
{
	(void)c;
}

static size_t zero_len(const struct chan *c)
{
	(void)c;
	return 0;
}

/* ----------------------------------------------------------- creation, vtable */

static bool zero_serves(size_t capacity)
{
	return capacity == 0;
}

static int zero_create(const struct chan__config *config, struct chan **c)
{
	struct zero *z = (struct zero *)chan__memory_get(&config->memory, sizeof(*z));

	if (!z)
		return ENOMEM;
	chan__init(&z->base, &chan__zero, config, sizeof(*z));
	chan__forklock_init(&z->lock);
	chan__waitlist_init(&z->list[CHAN__SEND]);
	chan__waitlist_init(&z->list[CHAN__RECV]);
	z->arrivals[CHAN__SEND] = z->arrivals[CHAN__RECV] = 0;
	chan__u32_init(&z->closed, 0);
	*c = &z->base;
	return 0;
}

static void zero_destroy(struct chan *c)
{
	struct zero *z = (struct zero *)c;

	chan__u32_fini(&z->closed);
	chan__forklock_fini(&z->lock);
	chan__fini(c);
}

const struct chan__flavor chan__zero = {
	.id = CHAN_FLAVOR_ZERO,
	.name = "zero",
	.default_capacity = 0,
	.automatic = true,
	.meets_in_queue = true,
	.serves = zero_serves,
	.create = zero_create,
	.destroy = zero_destroy,
	.try_send = zero_try_send,
	.try_recv = zero_try_recv,
	.try_send_many = zero_try_send_many,
	.try_recv_many = zero_try_recv_many,
	.force_send = zero_force_send,
	.ready = zero_ready,
	.watch = zero_watch,
	.unwatch = zero_unwatch,
	.pass_on = zero_pass_on,
	.serve = zero_serve,
	.close = zero_close,
	.discard = zero_discard,
	.is_closed = zero_is_closed,
	.len = zero_len,
};
