/*
 * handle.c - who owns a channel, and what happens when nobody does
 *
 * senders counts the handles of the sending side, each receiver its own
 * (where receivers are not all one, the flavor says what it means that one has
 * none left); refs counts what keeps the memory: one for a side that has
 * handles, where receivers are not all one for each that has, one for each weak
 * sender, one for a call that runs the program's callbacks.
 *
 *   last sender drops    close
 *   last receiver drops  close, then discard: destroy what is queued
 *   last ref             free
 *
 * Orders.  A count goes up relaxed: the caller's own handle keeps it above
 * zero.  It goes down acq_rel: each drop releases what its owner did (H1), and
 * the last one acquires it all (H2) before it disconnects or frees.
 *
 * Who has the last one has nobody to race with, and need not lock the bus to take it
 * away.  Only who has a handle makes another of it; a count that reads 1 to who owns that
 * one is 1 until it is dropped.  Senders also come back from weak ones, which refs
 * tells of; and to refs of a side's the same applies as to handles, for all that hold
 * the channel otherwise are counted there.  (A token is held by who only knows of it, see
 * cancel.c; it has no last handle.)
 */
#include "flavor.h"

#include <stdlib.h>

#include "base/probe.h"

static struct chan *handle_of_sender(chan_sender_t *tx)
{
	return (struct chan *)tx;
}

/* A leak in a loop, not a number of owners: there is no good way on. */
static void handle_count_up(chan__size *count)
{
	if (chan__unlikely(chan__size_fetch_add_relaxed(count, 1) >= SIZE_MAX / 2))
		abort();
}

/* True for the last one.  H1 and H2. */
static bool handle_count_down(chan__size *count)
{
	return chan__size_fetch_sub_acq_rel(count, 1) == 1;
}

/* The same for who owns one of them, where only an owner makes more.  H7 acquire: all
 * that the other owners did; pairs with H1.  The store needs no order: what the
 * last owner does next is its own. */
static bool handle_drop_owned(chan__size *count)
{
	if (chan__size_load_acquire(count) != 1)
		return handle_count_down(count);
	chan__size_store_relaxed(count, 0);
	return true;
}

/*
 * The last sender, with no weak one and no call beside it?  Asked by an owner of a sender.
 * A second ref is the receivers', if they have handles after it was read: their handles
 * are gone before their ref.  Then nothing but a sender can make senders, and they are counted
 * last: one that came from a weak sender is seen, because the weak one's drop was.  H8
 * acquire, of both: pairs with H1.
 */
static bool handle_is_only_sender(const struct chan *c)
{
	size_t refs = chan__size_load_acquire(&c->refs);

	if (c->flavor->subscribe || refs > 2 ||
	    (refs == 2 && chan__size_load_relaxed(&c->receiver.handles) == 0))
		return false;
	return chan__size_load_acquire(&c->senders) == 1;
}

/* ---------------------------------------------------------- creation, memory */

void chan__receiver_init(struct chan_receiver *rx, struct chan *c)
{
	rx->chan = c;
	chan__size_init(&rx->handles, 1);
}

void chan__receiver_fini(struct chan_receiver *rx)
{
	chan__size_fini(&rx->handles);
}

void chan__init(struct chan *c, const struct chan__flavor *flavor,
                const struct chan__config *config, size_t size)
{
	c->flavor = flavor;
	c->msg_size = config->msg_size;
	c->capacity = config->capacity;
	chan__receiver_init(&c->receiver, c);
	c->destructor = config->destructor;
	c->destructor_arg = config->destructor_arg;
	c->memory = config->memory;
	c->size = size;
	c->spin_ns = config->spin_ns;
	c->generation = chan__process_generation();
	c->drop_oldest = config->overflow == CHAN_OVERFLOW_DROP_OLDEST;
	c->single_consumer = config->consumers == CHAN_SINGLE;
	for (int side = 0; side < 2; side++) {
		chan__waitq_init(&c->waiting[side]);
		chan__u32_init(&c->spin_credit[side], CHAN__SPIN_CREDIT);
		chan__u32_init(&c->spin_first[side], 0);
	}
	chan__ptr_init(&c->pollables, NULL);
	chan__lock_init(&c->poll_lock);
	chan__lock_init(&c->call_lock);
	chan__size_init(&c->senders, 1);
	chan__size_init(&c->refs, flavor->subscribe ? 1 : 2);
	chan__u32_init(&c->callbacks, config->destructor != NULL);
	chan__u32_init(&c->closed, 0);
	chan__u64_init(&c->lost, 0);
	c->reap_next = NULL;
}

/* No sender, and no side of senders that keeps the memory. */
void chan__init_receiving(struct chan *c, const struct chan__flavor *flavor,
                          const struct chan__config *config, size_t size)
{
	chan__init(c, flavor, config, size);
	chan__size_store_relaxed(&c->senders, 0);
	chan__size_store_relaxed(&c->refs, 1);
}

void chan__fini(struct chan *c)
{
	const struct chan__memory memory = c->memory;

	if (chan__unlikely(chan__ptr_load_relaxed(&c->pollables) != NULL))
		chan__polled_fini(c);
	chan__lock_fini(&c->call_lock);
	chan__lock_fini(&c->poll_lock);
	chan__ptr_fini(&c->pollables);
	chan__receiver_fini(&c->receiver);
	chan__u64_fini(&c->lost);
	chan__u32_fini(&c->closed);
	chan__u32_fini(&c->callbacks);
	chan__size_fini(&c->refs);
	chan__size_fini(&c->senders);
	for (int side = 0; side < 2; side++) {
		chan__u32_fini(&c->spin_first[side]);
		chan__u32_fini(&c->spin_credit[side]);
		chan__waitq_fini(&c->waiting[side]);
	}
	chan__memory_put(&memory, c, c->size);
}

/* H4 release: what the closer did before; pairs with H5 in an upgrade, and
 * with T1 in a timer.  An upgrade under way may still succeed, and its sends get
 * EPIPE. */
void chan__close(struct chan *c)
{
	bool held = chan__hold_for_callbacks(c);

	CHAN__PROBE(disconnect, c, 0);
	chan__u32_store_release(&c->closed, 1);
	c->flavor->close(c);
	if (held)
		chan__release(c);
}

void chan__hold(struct chan *c)
{
	handle_count_up(&c->refs);
}

void chan__hold_both(struct chan *c, struct chan_receiver *rx)
{
	chan__hold(c);
	if (rx && c->flavor->keep)
		c->flavor->keep(rx);
}

void chan__release_both(struct chan *c, struct chan_receiver *rx)
{
	if (rx && c->flavor->keep)
		c->flavor->unkeep(rx);
	chan__release(c);
}

/* Zero is final: who finds it has come too late. */
bool chan__hold_unless_gone(struct chan *c)
{
	size_t refs = chan__size_load_relaxed(&c->refs);

	do {
		if (refs == 0)
			return false;
		if (chan__unlikely(refs >= SIZE_MAX / 2))
			abort();
	} while (!chan__size_cas_relaxed(&c->refs, &refs, refs + 1));
	return true;
}

bool chan__unhold(struct chan *c)
{
	return handle_count_down(&c->refs);
}

void chan__release(struct chan *c)
{
	if (chan__unhold(c))
		c->flavor->destroy(c);
}

/* A side ends: nobody holds a channel without a ref of its own. */
static void handle_release_side(struct chan *c)
{
	if (handle_drop_owned(&c->refs))
		c->flavor->destroy(c);
}

void chan__destroy_message(struct chan *c, void *msg)
{
	struct chan__callback guard;

	if (!c->destructor)
		return;
	guard = chan__callback_enter();
	c->destructor(msg, c->destructor_arg);
	chan__callback_leave(guard);
}

/* Whoever has asked for a descriptor had a handle of the side, so none is overlooked: H2, H7. */
static void handle_end_polled(struct chan *c, const struct chan_receiver *rx)
{
	if (chan__unlikely(chan__ptr_load_relaxed(&c->pollables) != NULL))
		chan__polled_end(c, rx);
}

/* ------------------------------------------------------------------- senders */

CHAN__EXPORT chan_sender_t *chan_sender_clone(chan_sender_t *tx)
{
	if (tx)
		handle_count_up(&handle_of_sender(tx)->senders);
	return tx;
}

CHAN__EXPORT void chan_sender_drop(chan_sender_t *tx)
{
	struct chan *c = handle_of_sender(tx);

	if (!c)
		return;
	if (handle_is_only_sender(c))
		chan__size_store_release(&c->senders, 0); /* H1 */
	else if (!handle_count_down(&c->senders))
		return;
	handle_end_polled(c, NULL);
	CHAN__PROBE(disconnect, c, 1);
	c->flavor->close(c);
	handle_release_side(c);
}

/* ------------------------------------------------------------------ receivers */

/*
 * A destructor may drop the last receiver of another channel, whose messages'
 * destructors may do the same, a million deep.  So a thread goes down a few
 * levels only; channels that come up below wait in this list until the thread
 * is back at the top.
 */
enum { REAP_DEPTH = 32 };

static _Thread_local struct {
	unsigned depth;
	struct chan *first;
} reaper;

static void reap_now(struct chan *c)
{
	reaper.depth++;
	c->flavor->discard(c);
	handle_release_side(c);
	reaper.depth--;
}

/* Where nothing of the program's is called, nothing can go deeper. */
static void reap(struct chan *c)
{
	if (!chan__has_callbacks(c) && !c->memory.release) {
		c->flavor->discard(c);
		handle_release_side(c);
		return;
	}
	if (reaper.depth >= REAP_DEPTH) {
		c->reap_next = reaper.first;
		reaper.first = c;
		return;
	}
	reap_now(c);
	while (reaper.depth == 0 && (c = reaper.first) != NULL) {
		reaper.first = c->reap_next;
		reap_now(c);
	}
}

CHAN__EXPORT chan_receiver_t *chan_receiver_clone(chan_receiver_t *rx)
{
	if (rx)
		handle_count_up(&rx->handles);
	return rx;
}

CHAN__EXPORT void chan_receiver_drop(chan_receiver_t *rx)
{
	struct chan *c;

	if (!rx || !handle_drop_owned(&rx->handles))
		return;
	c = rx->chan;
	handle_end_polled(c, rx);
	if (c->flavor->unsubscribe) {
		c->flavor->unsubscribe(rx);
		return;
	}
	CHAN__PROBE(disconnect, c, 2);
	if (!chan__is_alone(c)) /* or the last sender has closed it */
		c->flavor->close(c);
	reap(c);
}

/* -------------------------------------------------------------- weak senders */

CHAN__EXPORT chan_weak_sender_t *chan_sender_downgrade(chan_sender_t *tx)
{
	if (tx)
		chan__hold(handle_of_sender(tx));
	return (chan_weak_sender_t *)tx;
}

CHAN__EXPORT chan_weak_sender_t *chan_weak_sender_clone(chan_weak_sender_t *weak)
{
	if (weak)
		chan__hold((struct chan *)weak);
	return weak;
}

/* H3 acquire: what the other senders' owners did before they cloned or
 * dropped; pairs with H1.  Zero is final: it is never counted up again.  H5
 * acquire: pairs with H4.  That receivers are gone is no obstacle. */
CHAN__EXPORT chan_sender_t *chan_weak_sender_upgrade(chan_weak_sender_t *weak)
{
	struct chan *c = (struct chan *)weak;
	size_t senders;

	if (!c || chan__u32_load_acquire(&c->closed) != 0)
		return NULL;
	senders = chan__size_load_relaxed(&c->senders);
	do {
		if (senders == 0)
			return NULL;
		if (chan__unlikely(senders >= SIZE_MAX / 2))
			abort();
	} while (!chan__size_cas_acquire(&c->senders, &senders, senders + 1));
	return (chan_sender_t *)c;
}

CHAN__EXPORT void chan_weak_sender_drop(chan_weak_sender_t *weak)
{
	if (weak)
		chan__release((struct chan *)weak);
}
