/*
 * mutex_condvar.c - any capacity, with mutexes and condition variables only
 *
 * The reference: simple enough to be believed, and what the other flavors are
 * tested against.  Three queues behind one id, chosen by capacity.
 *
 *   capacity 0   no queue: a call meets a waiter of the other side and copies
 *                from memory to memory.
 *   capacity n   a ring of pointers to n slots, allocated once.  Free slots stand
 *                on a stack, so that one whose message is being destroyed can
 *                stay away while its neighbours move on.  A send that displaces
 *                has its place in the ring from the instant at which the oldest
 *                leaves it; the place is NULL until the destructor has run.
 *   unbounded    two locks (Michael & Scott 1996, at the grain of a batch):
 *
 *                  head                              tail
 *                   | `batch`     |  `queued`         |
 *                   v             v                   v
 *                  [m m m m m][m m m m m m m][m m m . . . .]   linked blocks
 *
 *                `receive` guards the head, `lock` the tail.  Receivers serve from
 *                the first `batch` messages without meeting the senders; who finds
 *                none takes all the `queued` ones into the batch in one step.
 *                Order of locking: receive, then lock.
 *
 * `lock` guards everything else: the wait lists, `closed`.  The condition
 * variables are those of the waiters' parkers, one for each.
 */
#include <pthread.h>

#include "base/copy.h"
#include "base/pause.h"
#include "base/probe.h"
#include "flavor.h"

CHAN__HIDDEN extern const struct chan__flavor chan__mutex_condvar;

/* A mutex that knows in which process it was taken last. */
struct mc_mutex {
	pthread_mutex_t mutex;
	chan__u32 holder;        /* its generation; who holds the mutex */
};

struct mc {
	struct chan base;
	struct mc_mutex lock;
	struct chan__waitlist list[2];
	uint64_t turned[2];      /* how often a side may have turned ready */
	bool closed;
};

static void mc_mutex_init(struct mc_mutex *l)
{
	pthread_mutex_init(&l->mutex, NULL);
	chan__u32_init(&l->holder, chan__process_generation());
}

static void mc_mutex_fini(struct mc_mutex *l)
{
	pthread_mutex_destroy(&l->mutex);
	chan__u32_fini(&l->holder);
}

static void mc_enter(struct mc_mutex *l)
{
	pthread_mutex_lock(&l->mutex);
	chan__u32_store_relaxed(&l->holder, chan__process_generation());
}

static void mc_leave(struct mc_mutex *l)
{
	pthread_mutex_unlock(&l->mutex);
}

/*
 * For calls that a child may make even though its parent's other threads were
 * in the middle of theirs: waits for the lock, but not for one that such a
 * thread took.  False: it is gone for good.
 */
static bool mc_enter_unless_orphaned(struct mc *m, struct mc_mutex *l)
{
	for (int i = 0; i < CHAN__LOCK_TRIES; i++) {
		if (!chan__is_forked(&m->base) ||
		    chan__u32_load_relaxed(&l->holder) == chan__process_generation()) {
			mc_enter(l);
			return true;
		}
		if (pthread_mutex_trylock(&l->mutex) == 0) {
			chan__u32_store_relaxed(&l->holder, chan__process_generation());
			return true;
		}
		chan__yield(); /* a holder of this process is about to say so */
	}
	return false;
}

/* The lock is held: the hint that makes others serve the first waiter. */
static void mc_describe(struct mc *m, enum chan__side side)
{
	uint32_t bits = chan__waitlist_starving(&m->list[side]) ? CHAN__STARVING : 0;
	chan__u32 *attention = &m->base.waiting[side].attention;
	uint32_t changes = (chan__u32_load_relaxed(attention) ^ bits) & CHAN__STARVING;

	if (changes & bits)
		chan__u32_fetch_or_acq_rel(attention, CHAN__STARVING);
	else if (changes)
		chan__u32_fetch_and_acq_rel(attention, ~(uint32_t)CHAN__STARVING);
}

/* The lock is held: up to n waiters of the side, claimed. */
static struct chan__node *mc_claim(struct mc *m, enum chan__side side, uint32_t n)
{
	struct chan__node *claimed = NULL;

	if (chan__unlikely(!chan__waitlist_empty(&m->list[side]))) {
		claimed = chan__waitlist_claim_many(&m->list[side], n);
		mc_describe(m, side);
	}
	return claimed;
}

/* Who is to be told: waiters that were claimed, or that the first of them starves
 * (STARVING), and descriptors (POLLED). */
struct mc_woken {
	struct chan__node *chain;
	uint32_t attention;
};

/* The lock is held.  Who sets POLLED looks under the lock afterwards, at our change
 * or before it, and then we see the bit: no fence is needed. */
static uint32_t mc_polled(const struct mc *m, enum chan__side side)
{
	return chan__u32_load_relaxed(&m->base.waiting[side].attention) & CHAN__POLLED;
}

/* The lock is held: who of those that wait.  One that starves is left for mc_wake. */
static CHAN__COLD struct mc_woken mc_choose_waiters(struct mc *m, enum chan__side side, uint32_t n)
{
	struct mc_woken woken = { NULL, mc_polled(m, side) };

	if (chan__waitlist_starving(&m->list[side]))
		woken.attention |= CHAN__STARVING;
	else
		woken.chain = mc_claim(m, side, n);
	return woken;
}

/* The lock is held: who to tell of the change. */
static struct mc_woken mc_choose(struct mc *m, enum chan__side side, uint32_t n)
{
	struct mc_woken woken = { NULL, mc_polled(m, side) };

	if (chan__unlikely(!chan__waitlist_empty(&m->list[side])))
		return mc_choose_waiters(m, side, n);
	return woken;
}

/*
 * The lock was let go: wakes the chosen.  One that starves is not woken but
 * served, so that nobody can be faster than it once more; and if it has left
 * meanwhile, whoever stands behind it is woken in its place.
 */
static void mc_settle(struct mc *m, enum chan__side side, struct mc_woken woken)
{
	struct chan *c = &m->base;

	chan__node_settle_chain(woken.chain);
	if (chan__likely(!(woken.attention & CHAN__STARVING)))
		return;
	CHAN_TP("mutex_condvar:starving");
	if (!c->flavor->serve(c, side))
		c->flavor->pass_on(c, side, NULL);
}

/* The same for a call of the other side, after a change. */
static CHAN__COLD void mc_wake_chosen(struct mc *m, enum chan__side side, struct mc_woken woken)
{
	struct chan *c = &m->base;
	bool held = (woken.attention & CHAN__STARVING) || chan__has_callbacks(c);

	if (held)
		chan__hold(c);
	if (woken.attention & CHAN__POLLED)
		chan__changed(c, chan__opposite(side), &c->receiver);
	mc_settle(m, side, woken);
	if (held)
		chan__release(c);
}

CHAN__INLINE void mc_wake(struct mc *m, enum chan__side side, struct mc_woken woken)
{
	if (chan__unlikely(woken.chain != NULL || woken.attention != 0))
		mc_wake_chosen(m, side, woken);
}

/* The lock is held: the first waiter that starves, to be served.  No observer is
 * claimed with it: the message is not for them to see. */
static struct chan__node *mc_claim_starving(struct mc *m, enum chan__side side)
{
	struct chan__node *claimed = chan__waitlist_claim_starving(&m->list[side]);

	mc_describe(m, side);
	return claimed;
}

static void mc_stand(struct mc *m, enum chan__side side, struct chan__node *n)
{
	chan__waitlist_add(&m->list[side], n);
	mc_describe(m, side);
}

static void mc_unwatch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	struct mc *m = (struct mc *)c;

	mc_enter(&m->lock);
	chan__waitlist_remove(&m->list[side], n);
	mc_describe(m, side);
	mc_leave(&m->lock);
	chan__follow(c, side, n->receiver);
}

static void mc_close(struct chan *c)
{
	struct mc *m = (struct mc *)c;
	struct chan__node *senders, *receivers;

	if (!mc_enter_unless_orphaned(m, &m->lock))
		return;
	m->closed = true;
	senders = mc_claim(m, CHAN__SEND, CHAN__ALL);
	receivers = mc_claim(m, CHAN__RECV, CHAN__ALL);
	mc_leave(&m->lock);
	chan__follow(c, CHAN__SEND, NULL);
	chan__node_settle_chains(senders, receivers);
}

static bool mc_is_closed(const struct chan *c)
{
	struct mc *m = (struct mc *)(uintptr_t)c;
	bool closed;

	if (!mc_enter_unless_orphaned(m, &m->lock))
		return true;
	closed = m->closed;
	mc_leave(&m->lock);
	return closed;
}

static void mc_init(struct mc *m, const struct chan__flavor *flavor,
                    const struct chan__config *config, size_t size)
{
	chan__init(&m->base, flavor, config, size);
	mc_mutex_init(&m->lock);
	chan__waitlist_init(&m->list[CHAN__SEND]);
	chan__waitlist_init(&m->list[CHAN__RECV]);
	m->turned[CHAN__SEND] = m->turned[CHAN__RECV] = 0;
	m->closed = false;
}

static void mc_destroy(struct chan *c)
{
	struct mc *m = (struct mc *)c;

	mc_mutex_fini(&m->lock);
	chan__fini(c);
}

/* Does the first of a chain that was claimed operate?  Observers come last. */
static bool mc_operates(const struct chan__node *chain)
{
	return chain && !chain->observer;
}

/* Claims and settles one waiter of the side if `ready` says it has cause, and all
 * observers; true: a waiter. */
static bool mc_wake_if(struct mc *m, enum chan__side side, bool (*ready)(const struct mc *m))
{
	struct chan__node *woken = NULL;
	bool operates;

	mc_enter(&m->lock);
	if (m->closed || ready(m))
		woken = mc_claim(m, side, 1);
	operates = mc_operates(woken);
	mc_leave(&m->lock);
	chan__node_settle_chain(woken);
	return operates;
}

/* ======================================================= capacity 0: rendezvous */

/* Takes over a waiter of the other side; the lock is let go. */
static int mc0_meet(struct mc *m, enum chan__side side, struct chan__node **partner)
{
	int e = EAGAIN;

	mc_enter(&m->lock);
	*partner = NULL;
	if (m->closed)
		e = EPIPE;
	else if ((*partner = chan__waitlist_claim(&m->list[chan__opposite(side)])) != NULL)
		e = 0;
	mc_leave(&m->lock);
	return e;
}

/* One copy, from the sender's memory to the receiver's, or to the destructor. */
static void mc0_pass(struct chan *c, const void *source, void *target)
{
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
static void mc0_settle(struct chan *c, enum chan__side by, struct chan_receiver *rx, struct chan__node *partner)
{
	chan__follow(c, by, rx);
	chan__node_settle(partner, 0);
	CHAN_TP("mutex_condvar:settled");
}

static int mc0_try_send(struct chan *c, const void *msg)
{
	struct chan__node *partner;
	int e = mc0_meet((struct mc *)c, CHAN__SEND, &partner);

	if (e == 0) {
		mc0_pass(c, msg, partner->target);
		mc0_settle(c, CHAN__SEND, NULL, partner);
	}
	return e;
}

static int mc0_try_recv(struct chan_receiver *rx, void *msg)
{
	struct chan *c = chan__of(rx);
	struct chan__node *partner;
	int e = mc0_meet((struct mc *)c, CHAN__RECV, &partner);

	if (e == 0) {
		mc0_pass(c, partner->source, msg);
		mc0_settle(c, CHAN__RECV, &c->receiver, partner);
	}
	return e;
}

static int mc0_try_send_many(struct chan *c, const char *msgs, size_t n, size_t *count)
{
	int e = 0;

	while (*count < n && (e = mc0_try_send(c, chan__message_at(msgs, *count, c->msg_size))) == 0)
		++*count;
	return e;
}

static int mc0_try_recv_many(struct chan_receiver *rx, char *msgs, size_t max, size_t *count)
{
	size_t size = chan__of(rx)->msg_size;
	int e = 0;

	while (*count < max && (e = mc0_try_recv(rx, msgs ? msgs + *count * size : NULL)) == 0)
		++*count;
	return e;
}

static int mc0_force_send(struct chan *c, const void *msg, void *displaced, bool *was_displaced)
{
	int e = mc0_try_send(c, msg);

	(void)displaced;
	if (e == 0 && was_displaced)
		*was_displaced = false;
	return e;
}

/* The lock is held.  A waiter that is `self` is no partner for itself. */
static int mc0_look(struct mc *m, enum chan__side side, const struct chan__waiter *self)
{
	if (m->closed)
		return EPIPE;
	return chan__waitlist_has_partner(&m->list[chan__opposite(side)], self) ? 0 : EAGAIN;
}

static int mc0_ready(struct chan *c, enum chan__side side, struct chan_receiver *rx, uint64_t *stamp)
{
	struct mc *m = (struct mc *)c;
	int e;

	(void)rx;
	mc_enter(&m->lock);
	e = mc0_look(m, side, NULL);
	*stamp = m->turned[side];
	mc_leave(&m->lock);
	return e;
}

/* A waiter that operates makes the other side ready. */
static bool mc0_watch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	struct mc *m = (struct mc *)c;
	struct chan__node *observers = NULL;
	bool stands = true;

	mc_enter(&m->lock);
	if (mc0_look(m, side, n->waiter) != EAGAIN) {
		stands = !chan__waiter_claim(n->waiter);
	} else {
		chan__waitlist_add(&m->list[side], n);
		m->turned[chan__opposite(side)] += !n->observer;
		if (!n->observer)
			observers = chan__waitlist_claim_observers(&m->list[chan__opposite(side)]);
	}
	mc_leave(&m->lock);
	chan__follow(c, side, n->receiver);
	chan__node_settle_chain(observers);
	return stands;
}

/* Nobody is woken in vain here: a claimed waiter is served by its claimer. */
static void mc0_pass_on(struct chan *c, enum chan__side side, struct chan_receiver *rx)
{
	(void)c;
	(void)side;
	(void)rx;
}

static bool mc0_serve(struct chan *c, enum chan__side side)
{
	(void)c;
	(void)side;
	return false;
}

static void mc0_discard(struct chan *c)
{
	(void)c;
}

static size_t mc0_len(const struct chan *c)
{
	(void)c;
	return 0;
}

static int mc0_create(const struct chan__config *config, struct chan **c);

static const struct chan__flavor mc0 = {
	.id = CHAN_FLAVOR_MUTEX_CONDVAR,
	.name = "mutex_condvar",
	.parker = &chan__parker_pthread,
	.meets_in_queue = true,
	.create = mc0_create,
	.destroy = mc_destroy,
	.try_send = mc0_try_send,
	.try_recv = mc0_try_recv,
	.try_send_many = mc0_try_send_many,
	.try_recv_many = mc0_try_recv_many,
	.force_send = mc0_force_send,
	.ready = mc0_ready,
	.watch = mc0_watch,
	.unwatch = mc_unwatch,
	.pass_on = mc0_pass_on,
	.serve = mc0_serve,
	.close = mc_close,
	.discard = mc0_discard,
	.is_closed = mc_is_closed,
	.len = mc0_len,
};

static int mc0_create(const struct chan__config *config, struct chan **c)
{
	struct mc *m = chan__memory_get(&config->memory, sizeof(*m));

	if (!m)
		return ENOMEM;
	mc_init(m, &mc0, config, sizeof(*m));
	*c = &m->base;
	return 0;
}

/* ======================================================== capacity n: the ring */

struct mcn {
	struct mc m;
	size_t head;      /* ring index of the oldest message */
	size_t len;       /* places taken */
	size_t free;      /* slots on the stack; capacity - len - slots held by receives that destroy */
	char **ring;      /* places, from head, len of them: the slot, or NULL while its send destroys */
	char **stack;     /* free slots */
};

static bool mcn_readable(const struct mc *m)
{
	const struct mcn *q = (const struct mcn *)m;

	return q->len > 0 && q->ring[q->head] != NULL;
}

/* Full in the strict sense: the oldest message may be displaced, for neither it nor
 * a slot is in the hands of a call that destroys. */
static bool mcn_displaceable(const struct mcn *q)
{
	return q->len == q->m.base.capacity && mcn_readable(&q->m);
}

static bool mcn_writable(const struct mc *m)
{
	const struct mcn *q = (const struct mcn *)m;

	return q->free > 0 || (q->m.base.drop_oldest && mcn_displaceable(q));
}

/* The lock is held in all of these. */

/* The next place, still without a message. */
static size_t mcn_place(struct mcn *q)
{
	size_t at = q->head + q->len++;
	size_t capacity = q->m.base.capacity;

	at = at < capacity ? at : at - capacity;
	q->ring[at] = NULL;
	return at;
}

static void mcn_fill(struct mcn *q, size_t at, char *slot)
{
	q->ring[at] = slot;
	q->m.turned[CHAN__RECV]++;
	q->m.turned[CHAN__SEND] += q->m.base.drop_oldest; /* it can be displaced */
	CHAN__PROBE(send, q, 1);
}

/* Is this still a place?  Who receives does not take one without a message, but who
 * discards does. */
static bool mcn_is_place(const struct mcn *q, size_t at)
{
	size_t distance = at >= q->head ? at - q->head : at + q->m.base.capacity - q->head;

	return distance < q->len;
}

static void mcn_free(struct mcn *q, char *slot)
{
	q->stack[q->free++] = slot;
	q->m.turned[CHAN__SEND]++;
}

static char *mcn_pop(struct mcn *q)
{
	char *slot = q->ring[q->head];

	if (++q->head == q->m.base.capacity)
		q->head = 0;
	q->len--;
	return slot;
}

static void mcn_put(struct mcn *q, const void *msg)
{
	char *slot = q->stack[--q->free];

	chan__copy(slot, msg, q->m.base.msg_size);
	mcn_fill(q, mcn_place(q), slot);
}

static void mcn_get(struct mcn *q, void *msg)
{
	char *slot = mcn_pop(q);

	chan__copy(msg, slot, q->m.base.msg_size);
	mcn_free(q, slot);
	CHAN__PROBE(receive, q, 1);
}

/* Nothing to receive: for now, or for ever? */
static int mcn_none(const struct mcn *q)
{
	return q->m.closed && q->len == 0 ? EPIPE : EAGAIN;
}

/* ---------------------------------------------------------------- operations */

static int mcn_overwrite(struct mcn *q, const void *msg, void *displaced, bool *was_displaced);

static int mcn_try_send(struct chan *c, const void *msg)
{
	struct mcn *q = (struct mcn *)c;
	struct mc_woken woken = { NULL, 0 };
	int e = 0;

	mc_enter(&q->m.lock);
	if (chan__unlikely(q->m.closed)) {
		e = EPIPE;
	} else if (q->free > 0) {
		mcn_put(q, msg);
		woken = mc_choose(&q->m, CHAN__RECV, 1);
	} else if (c->drop_oldest) {
		return mcn_overwrite(q, msg, NULL, NULL);
	} else {
		e = EAGAIN;
	}
	mc_leave(&q->m.lock);
	mc_wake(&q->m, CHAN__RECV, woken);
	return e;
}

/* The lock is held, and let go: the oldest message leaves the queue, and its slot
 * comes back after the destructor. */
static void mcn_destroy_oldest(struct mcn *q)
{
	struct chan *c = &q->m.base;
	char *slot = mcn_pop(q);
	struct mc_woken woken;

	chan__hold(c);
	mc_leave(&q->m.lock);
	chan__destroy_message(c, slot);
	mc_enter(&q->m.lock);
	mcn_free(q, slot);
	woken = mc_choose(&q->m, CHAN__SEND, 1);
	mc_leave(&q->m.lock);
	mc_wake(&q->m, CHAN__SEND, woken);
	chan__release(c);
}

static int mcn_try_recv(struct chan_receiver *rx, void *msg)
{
	struct mcn *q = (struct mcn *)chan__of(rx);
	struct mc_woken woken = { NULL, 0 };
	int e = 0;

	mc_enter(&q->m.lock);
	if (chan__unlikely(!mcn_readable(&q->m))) {
		e = mcn_none(q);
	} else if (msg || q->m.base.msg_size == 0) {
		mcn_get(q, msg);
		woken = mc_choose(&q->m, CHAN__SEND, 1);
	} else {
		CHAN__PROBE(receive, q, 1);
		mcn_destroy_oldest(q);
		return 0;
	}
	mc_leave(&q->m.lock);
	mc_wake(&q->m, CHAN__SEND, woken);
	return e;
}

/* The lock is held: the oldest message makes room in its own slot, at once. */
static void mcn_exchange(struct mcn *q, char *slot, const void *msg, void *displaced)
{
	size_t size = q->m.base.msg_size;

	if (displaced && displaced == msg) {
		chan__swap(slot, displaced, size);
		return;
	}
	if (displaced)
		chan__copy(displaced, slot, size);
	chan__copy(slot, msg, size);
}

/* The lock is held, and again on return.  The destructor runs between, while the
 * place is kept.  EPIPE: the receivers left meanwhile, and somebody discarded it. */
static int mcn_destroy_and_fill(struct mcn *q, char *slot, const void *msg)
{
	struct chan *c = &q->m.base;
	size_t at = mcn_place(q);

	mc_leave(&q->m.lock);
	chan__destroy_message(c, slot);
	mc_enter(&q->m.lock);
	if (!mcn_is_place(q, at)) {
		mcn_free(q, slot);
		return EPIPE;
	}
	chan__copy(slot, msg, c->msg_size);
	mcn_fill(q, at, slot);
	return 0;
}

/* Claimed only now, after calls that others may have got. */
static void mcn_wake_sender(struct mcn *q)
{
	struct mc_woken woken;

	mc_enter(&q->m.lock);
	woken = mc_choose(&q->m, CHAN__SEND, 1);
	mc_leave(&q->m.lock);
	mc_settle(&q->m, CHAN__SEND, woken);
}

/* Full, and the lock is held; it is let go.  The oldest message gives way. */
static int mcn_overwrite(struct mcn *q, const void *msg, void *displaced, bool *was_displaced)
{
	struct chan *c = &q->m.base;
	struct mc_woken woken;
	char *slot;
	bool received;
	int e = 0;

	if (!mcn_displaceable(q)) { /* the oldest is held by a call in progress */
		mc_leave(&q->m.lock);
		return EAGAIN;
	}
	chan__hold(c);
	if (c->drop_oldest && !displaced)
		chan__u64_fetch_add_relaxed(&c->lost, 1);
	slot = mcn_pop(q);
	if (displaced || !c->destructor) {
		mcn_exchange(q, slot, msg, displaced);
		mcn_fill(q, mcn_place(q), slot);
	} else {
		e = mcn_destroy_and_fill(q, slot, msg);
	}
	if (q->m.closed) /* perhaps since: so who polls is asked for only now */
		woken = (struct mc_woken){ mc_claim(&q->m, CHAN__RECV, CHAN__ALL), mc_polled(&q->m, CHAN__RECV) };
	else
		woken = mc_choose(&q->m, CHAN__RECV, 1);
	received = mc_operates(woken.chain);
	mc_leave(&q->m.lock);
	mc_wake(&q->m, CHAN__RECV, woken);
	if (!received) /* a sender that met our slot in use may displace in its turn */
		mcn_wake_sender(q);
	chan__release(c);
	if (e == 0 && was_displaced)
		*was_displaced = true;
	return e;
}

static int mcn_force_send(struct chan *c, const void *msg, void *displaced, bool *was_displaced)
{
	struct mcn *q = (struct mcn *)c;
	struct mc_woken woken;

	mc_enter(&q->m.lock);
	if (q->m.closed) {
		mc_leave(&q->m.lock);
		return EPIPE;
	}
	if (q->free == 0)
		return mcn_overwrite(q, msg, displaced, was_displaced);
	mcn_put(q, msg);
	woken = mc_choose(&q->m, CHAN__RECV, 1);
	mc_leave(&q->m.lock);
	mc_wake(&q->m, CHAN__RECV, woken);
	if (was_displaced)
		*was_displaced = false;
	return 0;
}

/* With drop-oldest each message may run a callback: one by one. */
static int mcn_try_send_each(struct chan *c, const char *msgs, size_t n, size_t *count)
{
	int e = 0;

	while (*count < n && (e = mcn_try_send(c, chan__message_at(msgs, *count, c->msg_size))) == 0)
		++*count;
	return e;
}

static int mcn_try_send_many(struct chan *c, const char *msgs, size_t n, size_t *count)
{
	struct mcn *q = (struct mcn *)c;
	struct mc_woken woken;
	int e = 0;

	if (c->drop_oldest)
		return mcn_try_send_each(c, msgs, n, count);
	mc_enter(&q->m.lock);
	for (; !q->m.closed && *count < n && q->free > 0; ++*count)
		mcn_put(q, chan__message_at(msgs, *count, c->msg_size));
	if (*count < n)
		e = q->m.closed ? EPIPE : EAGAIN;
	woken = mc_choose(&q->m, CHAN__RECV, chan__wakes(*count));
	mc_leave(&q->m.lock);
	mc_wake(&q->m, CHAN__RECV, woken);
	return e;
}

static int mcn_try_recv_each(struct chan_receiver *rx, size_t max, size_t *count)
{
	int e = 0;

	while (*count < max && (e = mcn_try_recv(rx, NULL)) == 0)
		++*count;
	return e;
}

static int mcn_try_recv_many(struct chan_receiver *rx, char *msgs, size_t max, size_t *count)
{
	struct mcn *q = (struct mcn *)chan__of(rx);
	size_t size = q->m.base.msg_size;
	struct mc_woken woken;
	int e = 0;

	if (!msgs && size > 0)
		return mcn_try_recv_each(rx, max, count);
	mc_enter(&q->m.lock);
	for (; *count < max && mcn_readable(&q->m); ++*count)
		mcn_get(q, chan__message_at(msgs, *count, size));
	if (*count < max)
		e = mcn_none(q);
	woken = mc_choose(&q->m, CHAN__SEND, chan__wakes(*count));
	mc_leave(&q->m.lock);
	mc_wake(&q->m, CHAN__SEND, woken);
	return e;
}

/* ------------------------------------------------------------------- waiting */

/* The lock is held. */
static int mcn_look(const struct mcn *q, enum chan__side side)
{
	if (side == CHAN__RECV)
		return mcn_readable(&q->m) ? 0 : mcn_none(q);
	if (q->m.closed)
		return EPIPE;
	return mcn_writable(&q->m) ? 0 : EAGAIN;
}

static int mcn_ready(struct chan *c, enum chan__side side, struct chan_receiver *rx, uint64_t *stamp)
{
	struct mcn *q = (struct mcn *)c;
	int e;

	(void)rx;
	mc_enter(&q->m.lock);
	e = mcn_look(q, side);
	*stamp = q->m.turned[side];
	mc_leave(&q->m.lock);
	return e;
}

static bool mcn_watch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	struct mcn *q = (struct mcn *)c;
	bool stands = true;

	mc_enter(&q->m.lock);
	if (mcn_look(q, side) == EAGAIN)
		mc_stand(&q->m, side, n);
	else
		stands = !chan__waiter_claim(n->waiter);
	mc_leave(&q->m.lock);
	return stands;
}

/* What no receiver wants, a sender may displace. */
static void mcn_pass_on(struct chan *c, enum chan__side side, struct chan_receiver *rx)
{
	struct mc *m = (struct mc *)c;

	(void)rx;
	if (side == CHAN__RECV && (mc_wake_if(m, side, mcn_readable) || !c->drop_oldest))
		return;
	mc_wake_if(m, CHAN__SEND, mcn_writable);
}

/* Can the first of the side be served now?  The lock is held. */
static bool mcn_servable(struct mcn *q, enum chan__side side)
{
	if (!chan__waitlist_starving(&q->m.list[side]))
		return false;
	return side == CHAN__SEND ? !q->m.closed && q->free > 0 : mcn_readable(&q->m);
}

/* Does for n what it waits for.  The lock is held, and let go. */
static void mcn_serve_node(struct mcn *q, enum chan__side side, struct chan__node *n)
{
	if (side == CHAN__SEND)
		mcn_put(q, n->source);
	else if (n->target || q->m.base.msg_size == 0)
		mcn_get(q, n->target);
	else {
		CHAN__PROBE(receive, q, 1);
		mcn_destroy_oldest(q);
		return;
	}
	mc_leave(&q->m.lock);
}

static bool mcn_serve(struct chan *c, enum chan__side side)
{
	struct mcn *q = (struct mcn *)c;
	struct chan__node *served;

	mc_enter(&q->m.lock);
	if (!mcn_servable(q, side) || !(served = mc_claim_starving(&q->m, side))) {
		mc_leave(&q->m.lock);
		return false;
	}
	mcn_serve_node(q, side, served);
	chan__follow(c, side, &c->receiver); /* before its call can end, and its descriptor be closed */
	chan__node_settle(served, 0);
	mcn_pass_on(c, chan__opposite(side), NULL);
	mcn_pass_on(c, side, NULL);
	return true;
}

/* ------------------------------------------------------------------ the rest */

static void mcn_discard(struct chan *c)
{
	struct mcn *q = (struct mcn *)c;

	while (mc_enter_unless_orphaned(&q->m, &q->m.lock)) {
		while (q->len > 0 && !mcn_readable(&q->m))
			mcn_pop(q); /* its send will see it */
		if (q->len == 0) {
			mc_leave(&q->m.lock);
			return;
		}
		mcn_destroy_oldest(q);
	}
}

static size_t mcn_len(const struct chan *c)
{
	struct mcn *q = (struct mcn *)(uintptr_t)c;
	size_t len;

	mc_enter(&q->m.lock);
	len = q->len;
	mc_leave(&q->m.lock);
	return len;
}

static int mcn_create(const struct chan__config *config, struct chan **c);

static const struct chan__flavor mcn = {
	.id = CHAN_FLAVOR_MUTEX_CONDVAR,
	.name = "mutex_condvar",
	.can_overwrite = true,
	.parker = &chan__parker_pthread,
	.create = mcn_create,
	.destroy = mc_destroy,
	.try_send = mcn_try_send,
	.try_recv = mcn_try_recv,
	.try_send_many = mcn_try_send_many,
	.try_recv_many = mcn_try_recv_many,
	.force_send = mcn_force_send,
	.ready = mcn_ready,
	.watch = mcn_watch,
	.unwatch = mc_unwatch,
	.pass_on = mcn_pass_on,
	.serve = mcn_serve,
	.close = mc_close,
	.discard = mcn_discard,
	.is_closed = mc_is_closed,
	.len = mcn_len,
};

/* The head, two tables of pointers, then the slots: one allocation. */
static int mcn_size(const struct chan__config *config, size_t *stride, size_t *size)
{
	size_t tables, slots;

	if (chan__add_overflows(config->msg_size, CHAN__ALIGNMENT - 1, stride))
		return EOVERFLOW;
	*stride &= ~(size_t)(CHAN__ALIGNMENT - 1);
	if (chan__mul_overflows(config->capacity, 2 * sizeof(char *), &tables) ||
	    chan__mul_overflows(config->capacity, *stride, &slots) ||
	    chan__add_overflows(tables, chan__round_up(sizeof(struct mcn)) + CHAN__ALIGNMENT, size) ||
	    chan__add_overflows(*size, slots, size) || *size > PTRDIFF_MAX)
		return EOVERFLOW;
	return 0;
}

static int mcn_create(const struct chan__config *config, struct chan **c)
{
	size_t stride, size, capacity = config->capacity;
	struct mcn *q;
	char *slots;
	int e = mcn_size(config, &stride, &size);

	if (e != 0)
		return e;
	q = chan__memory_get(&config->memory, size);
	if (!q)
		return ENOMEM;
	mc_init(&q->m, &mcn, config, size);
	q->head = q->len = 0;
	q->free = capacity;
	q->ring = (char **)((char *)q + chan__round_up(sizeof(*q)));
	q->stack = q->ring + capacity;
	slots = (char *)q + chan__round_up(sizeof(*q)) + chan__round_up(2 * capacity * sizeof(char *));
	for (size_t i = 0; i < capacity; i++)
		q->stack[i] = slots + (capacity - 1 - i) * stride;
	*c = &q->m.base;
	return 0;
}

/* ================================================================== unbounded */

struct mcu_block {
	struct mcu_block *next; /* written under `lock`, before limit passes it */
	size_t held;            /* messages being destroyed in place; under `receive` */
	bool passed;            /* the head has left it; under `receive` */
};

struct mcu {
	struct mc m;
	struct mcu_block *tail; /* these three: under `lock` */
	size_t tail_at;         /* slots used in it */
	size_t queued;          /* messages not yet in the batch */

	struct mc_mutex receive;
	bool single;            /* one consumer was promised: no `receive` is taken */
	struct mcu_block *head; /* these two: under `receive` */
	size_t head_at;         /* slots taken from it */
	chan__size batch;       /* messages in the batch: grows under both locks, shrinks under `receive` */

	size_t stride;
	size_t per_block;
	size_t block_size;
};

static char *mcu_slot(const struct mcu *q, struct mcu_block *b, size_t at)
{
	return (char *)b + chan__round_up(sizeof(*b)) + at * q->stride;
}

static struct mcu_block *mcu_block_new(struct mcu *q)
{
	struct mcu_block *b = chan__memory_get(&q->m.base.memory, q->block_size);

	if (b) {
		b->next = NULL;
		b->held = 0;
		b->passed = false;
	}
	return b;
}

/* A destructor may drop the last receiver, and a discard come: a call that runs
 * it takes the lock even where a single consumer was promised. */
static bool mcu_is_alone(const struct mcu *q, bool destroy)
{
	return q->single && !destroy;
}

static void mcu_enter(struct mcu *q, bool destroy)
{
	if (!mcu_is_alone(q, destroy))
		mc_enter(&q->receive);
}

static void mcu_leave(struct mcu *q, bool destroy)
{
	if (!mcu_is_alone(q, destroy))
		mc_leave(&q->receive);
}

/* `lock` is held.  ENOMEM: nothing has changed. */
static int mcu_put(struct mcu *q, const void *msg)
{
	if (q->tail_at == q->per_block) {
		struct mcu_block *b = mcu_block_new(q);

		if (!b)
			return ENOMEM;
		q->tail->next = b;
		q->tail = b;
		q->tail_at = 0;
	}
	chan__copy(mcu_slot(q, q->tail, q->tail_at++), msg, q->m.base.msg_size);
	q->queued++;
	q->m.turned[CHAN__RECV]++;
	CHAN__PROBE(send, q, 1);
	return 0;
}

static int mcu_try_send_many(struct chan *c, const char *msgs, size_t n, size_t *count)
{
	struct mcu *q = (struct mcu *)c;
	struct mc_woken woken;
	int e = 0;

	mc_enter(&q->m.lock);
	if (chan__unlikely(q->m.closed))
		e = EPIPE;
	while (e == 0 && *count < n && (e = mcu_put(q, chan__message_at(msgs, *count, c->msg_size))) == 0)
		++*count;
	woken = mc_choose(&q->m, CHAN__RECV, chan__wakes(*count));
	mc_leave(&q->m.lock);
	mc_wake(&q->m, CHAN__RECV, woken);
	return e;
}

static int mcu_try_send(struct chan *c, const void *msg)
{
	size_t count = 0;

	return mcu_try_send_many(c, msg, 1, &count);
}

static int mcu_force_send(struct chan *c, const void *msg, void *displaced, bool *was_displaced)
{
	int e = mcu_try_send(c, msg);

	(void)displaced;
	if (e == 0 && was_displaced)
		*was_displaced = false;
	return e;
}

/* `receive` is held and the batch is empty: takes all there is in one step. */
static int mcu_take(struct mcu *q)
{
	bool closed;

	mc_enter(&q->m.lock);
	closed = q->m.closed;
	chan__size_store_relaxed(&q->batch, q->queued);
	q->queued = 0;
	mc_leave(&q->m.lock);
	if (chan__size_load_relaxed(&q->batch) > 0)
		return 0;
	return closed ? EPIPE : EAGAIN;
}

/* `receive` is held and the batch is not empty: its first message. */
static char *mcu_pop(struct mcu *q, struct mcu_block **from)
{
	if (q->head_at == q->per_block) {
		struct mcu_block *done = q->head;

		q->head = done->next;
		q->head_at = 0;
		done->passed = true;
		if (done->held == 0)
			chan__memory_put(&q->m.base.memory, done, q->block_size);
	}
	chan__size_fetch_sub_relaxed(&q->batch, 1);
	*from = q->head;
	return mcu_slot(q, q->head, q->head_at++);
}

/* `receive` is held, and let go for the destructor. */
static void mcu_destroy_in_place(struct mcu *q, char *slot, struct mcu_block *b)
{
	struct chan *c = &q->m.base;

	chan__hold(c);
	b->held++;
	mcu_leave(q, true);
	chan__destroy_message(c, slot);
	mcu_enter(q, true);
	if (--b->held == 0 && b->passed)
		chan__memory_put(&c->memory, b, q->block_size);
}

static int mcu_recv(struct chan *c, char *msgs, size_t max, bool destroy, size_t *count)
{
	struct mcu *q = (struct mcu *)c;
	struct mcu_block *b;
	int e = 0;

	mcu_enter(q, destroy);
	while (*count < max) {
		char *slot;

		if (chan__size_load_relaxed(&q->batch) == 0 && (e = mcu_take(q)) != 0)
			break;
		slot = mcu_pop(q, &b);
		if (destroy)
			mcu_destroy_in_place(q, slot, b);
		else
			chan__copy(chan__message_at(msgs, *count, c->msg_size), slot, c->msg_size);
		++*count;
		CHAN__PROBE(receive, q, 1);
	}
	mcu_leave(q, destroy);
	chan__follow(c, CHAN__RECV, &c->receiver);
	for (size_t i = destroy ? *count : 0; i > 0; i--)
		chan__release(c);
	return e;
}

static int mcu_try_recv_many(struct chan_receiver *rx, char *msgs, size_t max, size_t *count)
{
	struct chan *c = chan__of(rx);

	return mcu_recv(c, msgs, max, !msgs && c->msg_size > 0, count);
}

static int mcu_try_recv(struct chan_receiver *rx, void *msg)
{
	size_t count = 0;

	return mcu_try_recv_many(rx, (char *)msg, 1, &count);
}

static bool mcu_readable(const struct mc *m)
{
	const struct mcu *q = (const struct mcu *)m;

	return q->queued > 0 || chan__size_load_relaxed(&q->batch) > 0;
}

/* The lock is held. */
static int mcu_look(const struct mcu *q, enum chan__side side)
{
	if (side == CHAN__RECV && mcu_readable(&q->m))
		return 0;
	if (q->m.closed)
		return EPIPE;
	return side == CHAN__SEND ? 0 : EAGAIN;
}

static int mcu_ready(struct chan *c, enum chan__side side, struct chan_receiver *rx, uint64_t *stamp)
{
	struct mcu *q = (struct mcu *)c;
	int e;

	(void)rx;
	mc_enter(&q->m.lock);
	e = mcu_look(q, side);
	*stamp = q->m.turned[side];
	mc_leave(&q->m.lock);
	return e;
}

static bool mcu_watch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	struct mcu *q = (struct mcu *)c;
	bool stands = true;

	mc_enter(&q->m.lock);
	if (mcu_look(q, side) == EAGAIN)
		mc_stand(&q->m, side, n);
	else
		stands = !chan__waiter_claim(n->waiter);
	mc_leave(&q->m.lock);
	return stands;
}

static void mcu_pass_on(struct chan *c, enum chan__side side, struct chan_receiver *rx)
{
	(void)rx;
	mc_wake_if((struct mc *)c, side, mcu_readable);
}

/* The first waiter, if it starves and there is a message for it. */
static struct chan__node *mcu_claim_starving(struct mcu *q)
{
	struct chan__node *n = NULL;

	mc_enter(&q->m.lock);
	if (mcu_readable(&q->m))
		n = mc_claim_starving(&q->m, CHAN__RECV);
	mc_leave(&q->m.lock);
	return n;
}

static bool mcu_serve(struct chan *c, enum chan__side side)
{
	struct chan__node *n = mcu_claim_starving((struct mcu *)c);

	if (!n)
		return false;
	chan__node_settle(n, mcu_try_recv(&c->receiver, n->target));
	mcu_pass_on(c, side, NULL);
	return true;
}

/* What a fork left taken, or half changed, stays as it is. */
static void mcu_discard(struct chan *c)
{
	struct mcu *q = (struct mcu *)c;
	size_t count = 0;

	if (!mc_enter_unless_orphaned(&q->m, &q->receive))
		return;
	mc_leave(&q->receive);
	if (!mc_enter_unless_orphaned(&q->m, &q->m.lock))
		return;
	mc_leave(&q->m.lock);
	mcu_recv(c, NULL, SIZE_MAX, true, &count);
}

static size_t mcu_len(const struct chan *c)
{
	struct mcu *q = (struct mcu *)(uintptr_t)c;
	size_t len;

	mc_enter(&q->m.lock);
	len = q->queued + chan__size_load_relaxed(&q->batch);
	mc_leave(&q->m.lock);
	return len;
}

static void mcu_destroy(struct chan *c)
{
	struct mcu *q = (struct mcu *)c;

	for (struct mcu_block *b = q->head, *next; b; b = next) {
		next = b->next;
		chan__memory_put(&c->memory, b, q->block_size);
	}
	mc_mutex_fini(&q->receive);
	chan__size_fini(&q->batch);
	mc_destroy(c);
}

static int mcu_create(const struct chan__config *config, struct chan **c);

static const struct chan__flavor mcu = {
	.id = CHAN_FLAVOR_MUTEX_CONDVAR,
	.name = "mutex_condvar",
	.parker = &chan__parker_pthread,
	.create = mcu_create,
	.destroy = mcu_destroy,
	.try_send = mcu_try_send,
	.try_recv = mcu_try_recv,
	.try_send_many = mcu_try_send_many,
	.try_recv_many = mcu_try_recv_many,
	.force_send = mcu_force_send,
	.ready = mcu_ready,
	.watch = mcu_watch,
	.unwatch = mc_unwatch,
	.pass_on = mcu_pass_on,
	.serve = mcu_serve,
	.close = mc_close,
	.discard = mcu_discard,
	.is_closed = mc_is_closed,
	.len = mcu_len,
};

static int mcu_create(const struct chan__config *config, struct chan **c)
{
	struct mcu *q;
	size_t stride, block_size, per_block;

	if (chan__add_overflows(config->msg_size, CHAN__ALIGNMENT - 1, &stride))
		return EOVERFLOW;
	stride &= ~(size_t)(CHAN__ALIGNMENT - 1);
	if (!chan__block_layout(stride, chan__round_up(sizeof(struct mcu_block)), &per_block, &block_size))
		return EOVERFLOW;
	q = chan__memory_get(&config->memory, sizeof(*q));
	if (!q)
		return ENOMEM;
	mc_init(&q->m, &mcu, config, sizeof(*q));
	q->stride = stride;
	q->per_block = per_block;
	q->block_size = block_size;
	mc_mutex_init(&q->receive);
	chan__size_init(&q->batch, 0);
	q->single = config->consumers == CHAN_SINGLE;
	q->tail_at = q->queued = q->head_at = 0;
	q->head = q->tail = mcu_block_new(q);
	if (!q->tail) {
		mcu_destroy(&q->m.base);
		return ENOMEM;
	}
	*c = &q->m.base;
	return 0;
}

/* ======================================================= the flavor, for the table */

static bool mc_serves(size_t capacity)
{
	(void)capacity;
	return true;
}

static int mc_create(const struct chan__config *config, struct chan **c)
{
	if (config->capacity == 0)
		return mc0_create(config, c);
	if (config->capacity == CHAN_UNBOUNDED)
		return mcu_create(config, c);
	return mcn_create(config, c);
}

const struct chan__flavor chan__mutex_condvar = {
	.id = CHAN_FLAVOR_MUTEX_CONDVAR,
	.name = "mutex_condvar",
	.default_capacity = CHAN_UNBOUNDED,
	.can_overwrite = true,
	.serves = mc_serves,
	.create = mc_create,
};
