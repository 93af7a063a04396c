/*
 * cancel.c - cancellation tokens: a tree of channels that carry nothing but their end
 *
 * A token is a channel without senders and messages, and to close it is to
 * trigger it: a receive says EAGAIN before and EPIPE afterwards.  So whoever can
 * wait for a channel can wait for a token; block.c has it as a second watch.  A
 * handle of a token and a handle of its receiver are the same and share a count.
 *
 *        root            refs: 1 while there are handles, 1 for each child,
 *        /  \                  1 for each walk that stands on it or below
 *    child -- child      prev, next: the children of one token, in no order
 *      |
 *    child               parent: held by its children
 *
 * Invariants:
 *   - A token stands in its parent's list until destroy takes it out, which is
 *     after its refs came to 0.  Found there with 0 it has no children, and
 *     is left alone.
 *   - Every child of a triggered token is triggered, or a walk is on its way to it.
 *     A child is linked, and told whether the parent is triggered, in one step
 *     under the parent's lock; a walk triggers the parent under that lock before it
 *     looks for children there.  One of the two comes first.
 *
 * One lock is held at a time, and none while anybody is woken.
 */
#include "base/pause.h"
#include "flavor.h"
#include "wait/forklock.h"

struct chan_cancel {
	struct chan base;
	struct chan_cancel *parent;       /* NULL: a root; written at creation */
	struct chan__forklock lock;
	struct chan__waitlist waiting;    /* under lock */
	struct chan_cancel *first;        /* child; under lock */
	struct chan_cancel *prev, *next;  /* under the parent's lock */
	chan__u32 triggered;              /* written once, under lock, or by its creator; read by anybody */
};

static struct chan_cancel *cancel_of(const struct chan *c)
{
	return (struct chan_cancel *)(uintptr_t)c;
}

/* ----------------------------------------------------------- the token as a channel */

/* C1 acquire: what preceded the trigger; pairs with C2, and C3. */
static bool cancel_is_closed(const struct chan *c)
{
	return chan__u32_load_acquire(&cancel_of(c)->triggered) != 0;
}

static int cancel_try_recv(struct chan_receiver *rx, void *msg)
{
	(void)msg;
	return cancel_is_closed(chan__of(rx)) ? EPIPE : EAGAIN;
}

static int cancel_try_recv_many(struct chan_receiver *rx, char *msgs, size_t max, size_t *count)
{
	(void)max;
	(void)count;
	return cancel_try_recv(rx, msgs);
}

/* It turns ready once, so no stamp is needed to tell. */
static int cancel_ready(struct chan *c, enum chan__side side, struct chan_receiver *rx, uint64_t *stamp)
{
	(void)side;
	(void)rx;
	*stamp = 0;
	return cancel_is_closed(c) ? EPIPE : EAGAIN;
}

/* One step under the lock: it is triggered, or finds the node when it is. */
static bool cancel_watch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	struct chan_cancel *t = cancel_of(c);
	bool stands = true;

	(void)side;
	chan__forklock_acquire(&t->lock);
	if (cancel_is_closed(c))
		stands = !chan__waiter_claim(n->waiter);
	else
		chan__waitlist_add(&t->waiting, n);
	chan__forklock_release(&t->lock);
	return stands;
}

static void cancel_unwatch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	struct chan_cancel *t = cancel_of(c);

	(void)side;
	chan__forklock_acquire(&t->lock);
	chan__waitlist_remove(&t->waiting, n);
	chan__forklock_release(&t->lock);
}

/* The trigger wakes everybody; nothing is left to pass on, and nobody to serve. */
static void cancel_pass_on(struct chan *c, enum chan__side side, struct chan_receiver *rx)
{
	(void)c;
	(void)side;
	(void)rx;
}

static bool cancel_serve(struct chan *c, enum chan__side side)
{
	(void)c;
	(void)side;
	return false;
}

/* This one alone.  Where a fork has orphaned the lock those who waited are gone. */
static void cancel_close(struct chan *c)
{
	struct chan_cancel *t = cancel_of(c);
	bool entered = chan__forklock_acquire_unless_orphaned(&t->lock);
	struct chan__node *woken;

	/* C2 release: what the trigger's caller did before; pairs with C1. */
	chan__u32_store_release(&t->triggered, 1);
	if (!entered)
		return;
	woken = chan__waitlist_claim_many(&t->waiting, CHAN__ALL);
	chan__forklock_release(&t->lock);
	chan__follow(c, CHAN__RECV, &c->receiver);
	chan__node_settle_chain(woken);
}

static void cancel_discard(struct chan *c)
{
	(void)c;
}

/* The last handle went, and nothing more happens: dropping does not trigger. */
static void cancel_unsubscribe(struct chan_receiver *rx)
{
	chan__release(chan__of(rx));
}

static size_t cancel_len(const struct chan *c)
{
	(void)c;
	return 0;
}

/* ------------------------------------------------------------------ the tree */

/* Takes it out of its parent's list.  False: that is locked for good. */
static bool cancel_unlink(struct chan_cancel *t)
{
	struct chan_cancel *parent = t->parent;

	if (!parent)
		return true;
	if (!chan__forklock_acquire_unless_orphaned(&parent->lock))
		return false;
	*(t->prev ? &t->prev->next : &parent->first) = t->next;
	if (t->next)
		t->next->prev = t->prev;
	chan__forklock_release(&parent->lock);
	return true;
}

static void cancel_free(struct chan_cancel *t)
{
	chan__u32_fini(&t->triggered);
	chan__forklock_fini(&t->lock);
	chan__fini(&t->base);
}

/* Parents that were held by their children alone go with them, one after the
 * other: a tree can be deep. */
static void cancel_destroy(struct chan *c)
{
	struct chan_cancel *t = cancel_of(c);

	CHAN_TP("cancel:gone");
	while (t && cancel_unlink(t)) {
		struct chan_cancel *parent = t->parent;

		cancel_free(t);
		t = parent && chan__unhold(&parent->base) ? parent : NULL;
	}
}

static const struct chan__flavor cancel_flavor = {
	.id = CHAN_FLAVOR_NEVER,
	.name = "never",
	.destroy = cancel_destroy,
	.try_recv = cancel_try_recv,
	.try_recv_many = cancel_try_recv_many,
	.ready = cancel_ready,
	.watch = cancel_watch,
	.unwatch = cancel_unwatch,
	.pass_on = cancel_pass_on,
	.serve = cancel_serve,
	.close = cancel_close,
	.discard = cancel_discard,
	.is_closed = cancel_is_closed,
	.len = cancel_len,
	.unsubscribe = cancel_unsubscribe,
};

static struct chan_cancel *cancel_make(void)
{
	struct chan__config config;
	struct chan_cancel *t;

	chan__config_load(&config, NULL);
	config.msg_size = 0;
	config.capacity = 0;
	t = (struct chan_cancel *)chan__memory_get(&config.memory, sizeof(*t));
	if (!t)
		return NULL;
	chan__init_receiving(&t->base, &cancel_flavor, &config, sizeof(*t));
	chan__forklock_init(&t->lock);
	chan__waitlist_init(&t->waiting);
	t->parent = t->first = t->prev = t->next = NULL;
	chan__u32_init(&t->triggered, 0);
	return t;
}

/* C3 release: nobody waits for the child yet, so it is triggered by this store
 * alone; what preceded the parent's trigger came with C1. */
static void cancel_link(struct chan_cancel *t, struct chan_cancel *parent)
{
	chan__hold(&parent->base);
	t->parent = parent;
	chan__forklock_acquire(&parent->lock);
	t->next = parent->first;
	if (t->next)
		t->next->prev = t;
	parent->first = t;
	if (cancel_is_closed(&parent->base))
		chan__u32_store_release(&t->triggered, 1);
	chan__forklock_release(&parent->lock);
}

/* -------------------------------------------------------------------- the walk */

/* The first, from t on, that is not on its way out: held.  The lock of their
 * parent is held as well. */
static struct chan_cancel *cancel_hold_from(struct chan_cancel *t)
{
	while (t && !chan__hold_unless_gone(&t->base))
		t = t->next;
	return t;
}

static struct chan_cancel *cancel_first_child(struct chan_cancel *t)
{
	struct chan_cancel *child;

	if (!chan__forklock_acquire_unless_orphaned(&t->lock))
		return NULL;
	child = cancel_hold_from(t->first);
	chan__forklock_release(&t->lock);
	return child;
}

/* t is held, so it stands in the list. */
static struct chan_cancel *cancel_next_sibling(struct chan_cancel *t)
{
	struct chan_cancel *sibling;

	if (!chan__forklock_acquire_unless_orphaned(&t->parent->lock))
		return NULL;
	sibling = cancel_hold_from(t->next);
	chan__forklock_release(&t->parent->lock);
	return sibling;
}

/* The next below `top`, parents before children.  All are held from top down to
 * where the walk stands. */
static struct chan_cancel *cancel_walk_on(struct chan_cancel *top, struct chan_cancel *t)
{
	struct chan_cancel *next = cancel_first_child(t);

	while (!next && t != top) {
		struct chan_cancel *parent = t->parent;

		next = cancel_next_sibling(t);
		chan__release(&t->base);
		t = parent;
	}
	return next;
}

/* ------------------------------------------------------------------- the calls */

CHAN__EXPORT int chan_cancel_create(chan_cancel_t *parent, chan_cancel_t **out)
{
	struct chan_cancel *t;

	if (!out)
		return EINVAL;
	chan__process_setup();
	t = cancel_make();
	if (!t)
		return ENOMEM;
	if (parent)
		cancel_link(t, parent);
	*out = t;
	return 0;
}

/* Every call walks the whole way, also one that finds `c` triggered: the walk
 * that triggered it may not have come to the end.  Held, because who is woken
 * may drop the handle in use. */
CHAN__EXPORT void chan_cancel_trigger(chan_cancel_t *c)
{
	if (!c)
		return;
	chan__hold(&c->base);
	for (struct chan_cancel *t = c; t; t = cancel_walk_on(c, t)) {
		cancel_close(&t->base);
		CHAN_TP("cancel:triggered");
	}
	chan__release(&c->base);
}

CHAN__EXPORT bool chan_cancel_is_triggered(const chan_cancel_t *c)
{
	return c && cancel_is_closed(&c->base);
}

CHAN__EXPORT chan_receiver_t *chan_cancel_receiver(chan_cancel_t *c)
{
	return c ? &c->base.receiver : NULL;
}

CHAN__EXPORT chan_cancel_t *chan_cancel_clone(chan_cancel_t *c)
{
	chan_receiver_clone(chan_cancel_receiver(c));
	return c;
}

CHAN__EXPORT void chan_cancel_drop(chan_cancel_t *c)
{
	chan_receiver_drop(chan_cancel_receiver(c));
}
