/*
 * broadcast.c - many senders, one ring, and a cursor for each subscription
 *
 * Every subscription sees every message sent after it was made, in one order:
 * that in which senders claimed their positions.
 *
 *                 oldest kept                               tail
 *                     |                                      |
 *         ring   ... [m][m][m][m][m][m][m][m][m][m][m][m][m] |
 *                        ^           ^                       ^
 *                     cursor      cursor                  cursor
 *                     (slowest)
 *
 * Positions and slots.  A position is a lap in the upper bits and an index in
 * the lower ones; it may wrap.  A slot's state says whose it is:
 *
 *      63    56 55            21   20     19          0
 *     +--------+----------------+------+---------------+
 *     | TURNS  | lap of its     | FULL | COUNT         |
 *     |        | position       |      |               |
 *     +--------+----------------+------+---------------+
 *
 *     previous lap|FULL|0 --a send claims it--> lap|n --writes--> lap|FULL|n
 *
 * COUNT is how many hold the slot; a FULL slot that nobody holds is free for the
 * send one lap later.  Nobody looks through the subscriptions for that:
 *   lossless     a send sets COUNT to the number of subscriptions, each takes itself
 *                off after it has read, or when it is dropped;
 *   drop-oldest  a send sets it to 0, and a receive holds the slot while it copies.
 *                TURNS counts such holds ending, so that a slot that was free in
 *                between is told from one that was not.  Who has not yet read the
 *                message is counted beside the ring, in `unread`.
 * A slot that is still being written is not FULL, so even if everybody who was to
 * read it is gone it stays its writer's.
 *
 * `lock` orders the sends among each other and against subscribing: a position is
 * claimed, and the subscriptions that will read it are counted, in one step.
 * It also guards the wait lists of receivers, and is held for a fixed number
 * of instructions, never for a copy.  Receiving takes no lock: a cursor moves by
 * compare-and-swap, which divides the messages among the clones of a handle.
 *
 * Invariants:
 *   lossless     cursor <= tail <= cursor + capacity for every cursor;
 *   drop-oldest  a cursor more than a capacity behind tail points at a message
 *                that is gone: the next receive says EOVERFLOW, once, and puts it on
 *                the oldest one that is kept.
 *
 * Moments of truth.  "Full": under the lock, the slot at tail was not free.
 * "Empty": the slot at the cursor did not hold the cursor's message, and the cursor
 * read the same before and after.
 *
 * Waiting.  Receivers stand in the list of their subscription, and subscriptions
 * that have some, the hungry ones, in a ring.  A send wakes one waiter of each,
 * going round once, one at a time under the lock; idle subscriptions cost it
 * nothing, and if the ring is empty neither does the lock.  More than one message,
 * and the end of the channel, are passed on by who was woken.  Who starves
 * among the clones of a handle is served, as a sender that starves is.
 */
#include "base/backoff.h"
#include "base/copy.h"
#include "base/pause.h"
#include "base/probe.h"
#include "flavor.h"
#include "wait/forklock.h"

CHAN__HIDDEN extern const struct chan__flavor chan__broadcast;

#define BC_COUNT     ((UINT64_C(1) << 20) - 1)
#define BC_FULL      (UINT64_C(1) << 20)
#define BC_LAP_SHIFT 21
#define BC_TURN      (UINT64_C(1) << 56)
#define BC_LAP       ((BC_TURN - 1) & ~(BC_COUNT | BC_FULL))

struct subscription {
	struct chan_receiver base;
	struct subscription *prev;       /* of all; under `members` */
	struct subscription *next;
	struct subscription *ring_prev;  /* of the hungry; these five: under `lock` */
	struct subscription *ring_next;
	bool hungry;
	chan__size refs;                 /* of its memory: its handles 1, a call that runs callbacks 1 */
	struct chan__waitlist waiters;
	uint64_t lost;                   /* messages that EOVERFLOW stood for */
	chan__u32 starving;              /* a hint; written under `lock` */
	char pad[CHAN__LINE];
	chan__u64 cursor;                /* its receives; the lost ones are skipped under `lock` */
};

struct broadcast {
	struct chan base;
	/* Written at creation. */
	uint64_t lap;                    /* of a position */
	uint64_t index_mask;
	uint64_t end;                    /* index bits one past the last slot; 0 at a power of two */
	unsigned shift;                  /* lap is 1 << shift */
	size_t stride;
	size_t offset;                   /* of the message in its slot */
	char *slots;
	chan__u32 *unread;               /* drop-oldest: of each slot; else NULL */

	char pad0[CHAN__LINE];
	struct chan__forklock lock;
	chan__u64 tail;                  /* these four: written under `lock` */
	chan__size subscriptions;
	chan__u32 closed;
	uint64_t deserted;               /* how often the last subscription went; under `lock` */
	struct subscription *hungry;     /* the ring, under `lock`: the next to be woken */
	size_t n_hungry;

	char pad1[CHAN__LINE];
	struct chan__forklock members;
	struct subscription *first;      /* under `members`, for queries */
};

/* ------------------------------------------------------------------ positions */

static inline struct broadcast *bc_of(const struct chan *c)
{
	return (struct broadcast *)(uintptr_t)c;
}

static inline struct subscription *bc_subscription(const struct chan_receiver *rx)
{
	return (struct subscription *)(uintptr_t)rx;
}

CHAN__INLINE size_t bc_index(const struct broadcast *b, uint64_t pos)
{
	return (size_t)(pos & b->index_mask);
}

CHAN__INLINE chan__u64 *bc_slot(const struct broadcast *b, uint64_t pos)
{
	return (chan__u64 *)(void *)(b->slots + bc_index(b, pos) * b->stride);
}

CHAN__INLINE void *bc_msg(const struct broadcast *b, chan__u64 *slot)
{
	return (char *)slot + b->offset;
}

CHAN__INLINE uint64_t bc_next(const struct broadcast *b, uint64_t pos)
{
	uint64_t next = pos + 1;

	if (chan__unlikely((next & b->index_mask) == b->end))
		next = (pos & ~b->index_mask) + b->lap;
	return next;
}

/* Messages from one position up to a later one. */
static uint64_t bc_distance(const struct broadcast *b, uint64_t from, uint64_t to)
{
	uint64_t laps = (to >> b->shift) - (from >> b->shift);

	laps &= UINT64_MAX >> b->shift;
	return laps * b->base.capacity + (to & b->index_mask) - (from & b->index_mask);
}

/* The lap of a position, as it stands in a state. */
CHAN__INLINE uint64_t bc_lap(const struct broadcast *b, uint64_t pos)
{
	return (pos >> b->shift) << BC_LAP_SHIFT & BC_LAP;
}

CHAN__INLINE bool bc_holds(const struct broadcast *b, uint64_t state, uint64_t pos)
{
	return (state & (BC_LAP | BC_FULL)) == (bc_lap(b, pos) | BC_FULL);
}

/* May the send of this position have the slot? */
CHAN__INLINE bool bc_is_free(const struct broadcast *b, uint64_t state, uint64_t pos)
{
	return (state & (BC_LAP | BC_FULL | BC_COUNT)) == (bc_lap(b, pos - b->lap) | BC_FULL);
}

/* Was the message of this position displaced? */
CHAN__INLINE bool bc_is_past(const struct broadcast *b, uint64_t state, uint64_t pos)
{
	uint64_t lap = state & BC_LAP;

	return lap != bc_lap(b, pos) && lap != bc_lap(b, pos - b->lap);
}

static CHAN__COLD int bc_notify_senders(struct broadcast *b, size_t n, struct chan_receiver *by,
                                        uint32_t attention, int e);
static CHAN__COLD void bc_notify_receivers(struct broadcast *b, uint32_t attention);

/* ------------------------------------------------------------ letting a slot go */

/*
 * Each gives 1 if the slot turned free with it, and a sender may want to know.
 * B1 acq_rel: we have done with the message; pairs with B2, also across the others
 * that took themselves off after us.  What is not FULL is its writer's, who looks.
 */
static size_t bc_unhold(chan__u64 *slot, uint64_t change)
{
	uint64_t before = chan__u64_fetch_add_acq_rel(slot, change - 1);

	return (before & (BC_FULL | BC_COUNT)) == (BC_FULL | 1);
}

CHAN__INLINE size_t bc_has_read(chan__u64 *slot)
{
	return bc_unhold(slot, 0);
}

CHAN__INLINE size_t bc_let_go(chan__u64 *slot)
{
	return bc_unhold(slot, BC_TURN);
}

/* n slots turned free, and a receive of this subscription, or all of it, is over with e;
 * NULL: the caller sends. */
CHAN__INLINE int bc_freed(struct broadcast *b, size_t n, struct chan_receiver *by, int e)
{
	uint32_t attention = chan__waitq_attention(&b->base.waiting[CHAN__SEND]);

	return chan__likely(attention == 0) ? e : bc_notify_senders(b, n, by, attention, e);
}

/* -------------------------------------------------------------------- sending */

/* The lock is held.  B2 acquire: whoever held the slot has done with it; pairs with B1. */
static int bc_sendable(const struct broadcast *b, uint64_t tail, uint64_t *state)
{
	*state = chan__u64_load_acquire(bc_slot(b, tail));
	if (chan__u32_load_relaxed(&b->closed) || chan__size_load_relaxed(&b->subscriptions) == 0)
		return EPIPE;
	return bc_is_free(b, *state, tail) ? 0 : EAGAIN;
}

/* The lock is held, the slot is ours: is what was in it lost to anybody? */
static void bc_count_unread(struct broadcast *b, uint64_t pos, size_t n)
{
	chan__u32 *unread = &b->unread[bc_index(b, pos)];

	if (chan__u32_load_relaxed(unread) > 0)
		chan__u64_fetch_add_relaxed(&b->base.lost, 1);
	chan__u32_store_relaxed(unread, (uint32_t)n);
}

/* Fails if a receive has come to hold the slot since we looked.  As B2.  B12 release: who
 * reads this tail in bc_len sees no cursor older than what we received before; pairs with B13. */
static int bc_occupy(struct broadcast *b, uint64_t pos, uint64_t state)
{
	size_t n = chan__size_load_relaxed(&b->subscriptions);
	uint64_t mine = bc_lap(b, pos) | (b->unread ? 0 : n);

	if (!chan__u64_cas_acquire(bc_slot(b, pos), &state, mine))
		return EAGAIN;
	if (b->unread)
		bc_count_unread(b, pos, n);
	chan__u64_store_release(&b->tail, bc_next(b, pos));
	return 0;
}

static int bc_claim_send(struct broadcast *b, uint64_t *pos)
{
	uint64_t state;
	int e;

	chan__forklock_acquire(&b->lock);
	*pos = chan__u64_load_relaxed(&b->tail);
	e = bc_sendable(b, *pos, &state);
	if (chan__likely(e == 0))
		e = bc_occupy(b, *pos, state);
	chan__forklock_release(&b->lock);
	return e;
}

/* B3 release: publishes the message; pairs with B4.  Its acquire half: if all who
 * were to read it have left, the slot is free by now, and they left that to us. */
static int bc_send(struct broadcast *b, const void *msg, size_t *freed)
{
	chan__u64 *slot;
	uint64_t pos;
	int e = bc_claim_send(b, &pos);

	if (e != 0)
		return e;
	CHAN_TP("broadcast:claimed-send");
	slot = bc_slot(b, pos);
	chan__copy(bc_msg(b, slot), msg, b->base.msg_size);
	*freed += (chan__u64_fetch_or_acq_rel(slot, BC_FULL) & BC_COUNT) == 0;
	CHAN_TP("broadcast:published");
	CHAN__PROBE(send, b, 1);
	return 0;
}

/* Somebody pays attention to what was sent; slots turned free that nobody was there
 * to read.  e, for who returns it. */
static CHAN__COLD int bc_sent(struct broadcast *b, size_t freed, uint32_t attention, int e)
{
	bool held = chan__hold_for_callbacks(&b->base);

	bc_notify_receivers(b, attention);
	if (freed > 0)
		bc_freed(b, freed, NULL, 0);
	if (held)
		chan__release(&b->base);
	return e;
}

static int bc_try_send_many(struct chan *c, const char *msgs, size_t n, size_t *count)
{
	struct broadcast *b = bc_of(c);
	size_t freed = 0;
	uint32_t attention;
	int e = 0;

	while (*count < n && (e = bc_send(b, chan__message_at(msgs, *count, c->msg_size), &freed)) == 0)
		++*count;
	if (*count == 0)
		return e;
	attention = chan__waitq_attention(&c->waiting[CHAN__RECV]);
	if (chan__unlikely(attention != 0))
		return bc_sent(b, freed, attention, e);
	return freed > 0 ? bc_freed(b, freed, NULL, e) : e;
}

static int bc_try_send(struct chan *c, const void *msg)
{
	size_t count = 0;

	return bc_try_send_many(c, (const char *)msg, 1, &count);
}

/* What it would displace belongs to each subscription alone. */
static int bc_force_send(struct chan *c, const void *msg, void *displaced, bool *was_displaced)
{
	(void)c;
	(void)msg;
	(void)displaced;
	(void)was_displaced;
	return ENOTSUP;
}

/* ------------------------------------------------------------------ receiving */

/*
 * There is no message at this position: will there be?  B5 acquire: what the closer
 * did before, and the last tail; pairs with B6.
 */
static int bc_none(const struct broadcast *b, uint64_t at)
{
	CHAN_TP("broadcast:none");
	if (!chan__u32_load_acquire(&b->closed))
		return EAGAIN;
	return chan__u64_load_relaxed(&b->tail) == at ? EPIPE : EAGAIN;
}

/* Nothing, and so as long as the cursor stands where it does; or EOVERFLOW. */
static int bc_receivable(const struct broadcast *b, const struct subscription *s, uint64_t *at)
{
	uint64_t state;

	do {
		*at = chan__u64_load_acquire(&s->cursor);
		state = chan__u64_load_acquire(bc_slot(b, *at));
		if (bc_holds(b, state, *at))
			return 0;
	} while (chan__u64_load_acquire(&s->cursor) != *at);
	return bc_is_past(b, state, *at) ? EOVERFLOW : bc_none(b, *at);
}

CHAN__INLINE void bc_read(const struct broadcast *b, chan__u64 *slot, void *msg)
{
	if (chan__likely(msg != NULL))
		chan__copy(msg, bc_msg(b, slot), b->base.msg_size);
}

/* Lossless: claims up to max messages.  B4 acquire: the messages; pairs with B3.
 * The claim divides positions among clones; B9 acq_rel: who reads the cursor finds
 * tail not behind it; pairs with B10. */
static int bc_claim_recv(const struct broadcast *b, struct subscription *s, size_t max,
                         uint64_t *from, size_t *claimed)
{
	uint64_t at = chan__u64_load_relaxed(&s->cursor);
	unsigned collisions = 0;

	for (;;) {
		uint64_t end = at, before = at;
		size_t k = 0;

		while (k < max && bc_holds(b, chan__u64_load_acquire(bc_slot(b, end)), end)) {
			end = bc_next(b, end);
			k++;
		}
		if (chan__likely(k > 0)) {
			*from = at;
			*claimed = k;
			if (chan__likely(chan__u64_cas_acq_rel(&s->cursor, &at, end)))
				return 0;
			chan__collided(&collisions);
		} else {
			at = chan__u64_load_relaxed(&s->cursor);
			if (at == before)
				return bc_none(b, at); /* empty: see "moments of truth" */
		}
	}
}

static int bc_recv_lossless(struct broadcast *b, struct subscription *s, char *msgs, size_t max, size_t *count)
{
	uint64_t pos = 0;
	size_t k = 0, freed = 0;
	int e = bc_claim_recv(b, s, max, &pos, &k);

	if (chan__unlikely(e != 0))
		return e;
	CHAN_TP("broadcast:claimed-recv");
	for (size_t i = 0; i < k; i++, pos = bc_next(b, pos)) {
		chan__u64 *slot = bc_slot(b, pos);

		bc_read(b, slot, msgs ? msgs + i * b->base.msg_size : NULL);
		freed += bc_has_read(slot);
	}
	*count += k;
	CHAN_TP("broadcast:freed");
	CHAN__PROBE(receive, b, k);
	return bc_freed(b, freed, &s->base, k < max ? bc_none(b, pos) : 0);
}

/* Drop-oldest: a hold keeps the slot from being overwritten.  As B4. */
static bool bc_hold(const struct broadcast *b, chan__u64 *slot, uint64_t pos)
{
	uint64_t state = chan__u64_load_acquire(slot);

	while (bc_holds(b, state, pos))
		if (chan__u64_cas_acquire(slot, &state, state + 1))
			return true;
	return false;
}

/* The first message, held.  A hold that came too late, another clone being faster, may
 * have kept a sender out, who hears of it when the call is over: its callback may drop
 * the handle in use.  As B9. */
static int bc_claim_oldest(const struct broadcast *b, struct subscription *s, uint64_t *pos, size_t *freed)
{
	unsigned collisions = 0;
	uint64_t at;
	int e;

	while ((e = bc_receivable(b, s, pos)) == 0) {
		if (!bc_hold(b, bc_slot(b, *pos), *pos))
			continue;
		CHAN_TP("broadcast:held");
		at = *pos;
		if (chan__likely(chan__u64_cas_acq_rel(&s->cursor, &at, bc_next(b, *pos))))
			return 0;
		*freed += bc_let_go(bc_slot(b, *pos));
		chan__collided(&collisions);
	}
	return e;
}

/* Puts the cursor on the oldest message kept.  False: another clone has. */
static CHAN__COLD bool bc_skip_lost(struct broadcast *b, struct subscription *s)
{
	uint64_t tail, behind;

	chan__forklock_acquire(&b->lock);
	tail = chan__u64_load_relaxed(&b->tail);
	behind = bc_distance(b, chan__u64_load_relaxed(&s->cursor), tail);
	if (behind > b->base.capacity) {
		s->lost += behind - b->base.capacity;
		chan__u64_store_relaxed(&s->cursor, tail - b->lap);
	}
	chan__forklock_release(&b->lock);
	return behind > b->base.capacity;
}

/* One message.  A gap is left for the next call if `first` is false. */
static int bc_recv_dropping(struct broadcast *b, struct subscription *s, void *msg, bool first, size_t *freed)
{
	uint64_t pos;
	int e;

	while ((e = bc_claim_oldest(b, s, &pos, freed)) == EOVERFLOW)
		if (!first || bc_skip_lost(b, s))
			return EOVERFLOW;
	if (e != 0)
		return e;
	CHAN_TP("broadcast:claimed-recv");
	bc_read(b, bc_slot(b, pos), msg);
	/* Before the hold ends: its acq_rel takes this to whoever displaces. */
	chan__u32_fetch_sub_relaxed(&b->unread[bc_index(b, pos)], 1);
	*freed += bc_let_go(bc_slot(b, pos));
	CHAN_TP("broadcast:freed");
	CHAN__PROBE(receive, b, 1);
	return 0;
}

static int bc_recv_many_dropping(struct broadcast *b, struct subscription *s, char *msgs, size_t max, size_t *count)
{
	size_t size = msgs ? b->base.msg_size : 0, freed = 0;
	int e = 0;

	while (*count < max &&
	       (e = bc_recv_dropping(b, s, msgs ? msgs + *count * size : NULL, *count == 0, &freed)) == 0)
		++*count;
	return bc_freed(b, freed, &s->base, e);
}

static int bc_recv(struct broadcast *b, struct subscription *s, char *msgs, size_t max, size_t *count)
{
	return b->unread ? bc_recv_many_dropping(b, s, msgs, max, count)
	                 : bc_recv_lossless(b, s, msgs, max, count);
}

/* ------------------------------------------------------------- hungry and woken */

static void bc_enlist(struct broadcast *b, struct subscription *s)
{
	struct subscription *head = b->hungry ? b->hungry : s;

	s->hungry = true;
	s->ring_next = head;
	s->ring_prev = b->hungry ? head->ring_prev : s;
	s->ring_prev->ring_next = s;
	head->ring_prev = s;
	b->hungry = head;
	b->n_hungry++;
}

static void bc_delist(struct broadcast *b, struct subscription *s)
{
	s->hungry = false;
	s->ring_prev->ring_next = s->ring_next;
	s->ring_next->ring_prev = s->ring_prev;
	if (b->hungry == s)
		b->hungry = s->ring_next != s ? s->ring_next : NULL;
	b->n_hungry--;
}

/* The lock is held: the ring and the hints are made true. */
static void bc_describe(struct broadcast *b, struct subscription *s)
{
	bool waits = !chan__waitlist_empty(&s->waiters);

	if (waits && !s->hungry)
		bc_enlist(b, s);
	else if (!waits && s->hungry)
		bc_delist(b, s);
	chan__u32_store_relaxed(&s->starving, chan__waitlist_starving(&s->waiters));
	if (b->hungry)
		chan__u32_fetch_or_acq_rel(&b->base.waiting[CHAN__RECV].attention, CHAN__WAITERS);
	else
		chan__u32_fetch_and_acq_rel(&b->base.waiting[CHAN__RECV].attention, ~(uint32_t)CHAN__WAITERS);
}

/* The lock is held: one waiter of the subscription, or all, and its observers. */
static struct chan__node *bc_claim_waiter(struct broadcast *b, struct subscription *s)
{
	uint32_t n = chan__u32_load_relaxed(&b->closed) ? CHAN__ALL : 1; /* the end is everybody's */
	struct chan__node *claimed = chan__waitlist_claim_many(&s->waiters, n);

	bc_describe(b, s);
	return claimed;
}

/* Wakes one who waits for the same if there is something left. */
static void bc_pass_on_received(struct broadcast *b, struct subscription *s)
{
	struct chan__node *woken;
	uint64_t at;

	if (!(chan__waitq_attention(&b->base.waiting[CHAN__RECV]) & CHAN__WAITERS) || bc_receivable(b, s, &at) == EAGAIN)
		return;
	chan__forklock_acquire(&b->lock);
	woken = bc_claim_waiter(b, s);
	chan__forklock_release(&b->lock);
	chan__node_settle_chain(woken);
}

/* Receives for who starved and was claimed.  The subscription is its own, and gone,
 * for all we know, once it is settled. */
static void bc_receive_for(struct broadcast *b, struct subscription *s, struct chan__node *n)
{
	size_t count = 0;

	n->result = bc_recv(b, s, (char *)n->target, 1, &count);
	bc_pass_on_received(b, s);
}

/* The lock is held: the first waiter of the subscription if it starves, alone.  What
 * it leaves is passed on, to whom it is for. */
static struct chan__node *bc_claim_starving(struct broadcast *b, struct subscription *s)
{
	struct chan__node *claimed = chan__waitlist_claim_starving(&s->waiters);

	bc_describe(b, s);
	return claimed;
}

/* The next hungry subscription on the way round; *left: how many there are to
 * go, SIZE_MAX for as many as are hungry now.  False: that was all. */
static bool bc_wake_next(struct broadcast *b, size_t *left)
{
	struct chan__node *woken = NULL, *starving = NULL;
	struct subscription *s = NULL;

	chan__forklock_acquire(&b->lock);
	if (*left > b->n_hungry)
		*left = b->n_hungry;
	if (*left > 0) {
		s = b->hungry;
		b->hungry = s->ring_next;
		if (chan__unlikely(chan__waitlist_starving(&s->waiters)))
			starving = bc_claim_starving(b, s);
		else
			woken = bc_claim_waiter(b, s);
		--*left;
	}
	chan__forklock_release(&b->lock);
	if (chan__unlikely(starving != NULL)) {
		bc_receive_for(b, s, starving);
		chan__node_settle(starving, starving->result);
	}
	chan__node_settle_chain(woken);
	return *left > 0;
}

/*
 * Somebody may turn hungry, or be woken by another, while we go round; then one is
 * woken twice, or not by us.  None is missed: who was hungry when the message was
 * published comes up after as many steps as stood before it, whoever makes them.
 */
static CHAN__COLD void bc_notify_receivers(struct broadcast *b, uint32_t attention)
{
	size_t left = SIZE_MAX;

	if (attention & CHAN__POLLED)
		chan__changed(&b->base, CHAN__SEND, NULL);
	if (attention & CHAN__WAITERS)
		while (bc_wake_next(b, &left))
			continue;
}

/* Before taking: somebody was passed over too often by clones of this handle. */
static CHAN__COLD void bc_serve_receiver(struct broadcast *b, struct subscription *s)
{
	struct chan__node *n;
	uint64_t at;

	if (bc_receivable(b, s, &at) == EAGAIN)
		return;
	chan__forklock_acquire(&b->lock);
	n = bc_claim_starving(b, s);
	chan__forklock_release(&b->lock);
	if (n) {
		bc_receive_for(b, s, n);
		chan__node_settle(n, n->result);
	}
}

/* A callback that runs on the way may drop the handle in use, and with it all that
 * the subscription had left. */
static CHAN__COLD int bc_serve_then_recv(struct broadcast *b, struct subscription *s, char *msgs, size_t max,
                                         size_t *count)
{
	int e = EPIPE;

	chan__hold_both(&b->base, &s->base);
	bc_serve_receiver(b, s);
	if (!chan__is_dropped(&s->base))
		e = bc_recv(b, s, msgs, max, count);
	chan__release_both(&b->base, &s->base);
	return e;
}

static int bc_try_recv_many(struct chan_receiver *rx, char *msgs, size_t max, size_t *count)
{
	struct broadcast *b = bc_of(chan__of(rx));
	struct subscription *s = bc_subscription(rx);

	if (chan__unlikely(chan__u32_load_relaxed(&s->starving) != 0))
		return bc_serve_then_recv(b, s, msgs, max, count);
	return bc_recv(b, s, msgs, max, count);
}

static int bc_try_recv(struct chan_receiver *rx, void *msg)
{
	size_t count = 0;

	return bc_try_recv_many(rx, (char *)msg, 1, &count);
}

/* -------------------------------------------------------------------- waiting */

/* The stamp moves with tail; while tail stands, when the slot there has been
 * written, when a hold on it ends, and when nobody is there to send to. */
static int bc_ready_to_send(struct broadcast *b, uint64_t *stamp)
{
	uint64_t tail, state;
	int e;

	chan__forklock_acquire(&b->lock);
	tail = chan__u64_load_relaxed(&b->tail);
	e = bc_sendable(b, tail, &state);
	*stamp = tail ^ (state & ~(BC_TURN - 1)) ^ (state & BC_FULL) << 19 ^ b->deserted << 40;
	chan__forklock_release(&b->lock);
	return e;
}

/* A message that can be received stays so until the cursor moves. */
static int bc_ready(struct chan *c, enum chan__side side, struct chan_receiver *rx, uint64_t *stamp)
{
	if (side == CHAN__SEND)
		return bc_ready_to_send(bc_of(c), stamp);
	return bc_receivable(bc_of(c), bc_subscription(rx), stamp);
}

static void bc_unwatch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	struct broadcast *b = bc_of(c);
	struct subscription *s = bc_subscription(n->receiver);

	if (side == CHAN__SEND) {
		chan__waitq_leave(&c->waiting[CHAN__SEND], n);
		return;
	}
	chan__forklock_acquire(&b->lock);
	chan__waitlist_remove(&s->waiters, n);
	bc_describe(b, s);
	chan__forklock_release(&b->lock);
}

static bool bc_watch_to_send(struct chan *c, struct chan__node *n)
{
	struct chan__waitq *q = &c->waiting[CHAN__SEND];
	uint64_t stamp;

	chan__waitq_join(q, n);
	return bc_ready_to_send(bc_of(c), &stamp) == EAGAIN || !chan__waitq_retract(q, n);
}

/*
 * B7, the heavy half: pairs with the light fence of whoever publishes or
 * closes, then looks at attention.  Without it that one could miss us, and we
 * its message.
 */
static bool bc_watch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	struct broadcast *b = bc_of(c);
	uint64_t at;

	if (side == CHAN__SEND)
		return bc_watch_to_send(c, n);
	chan__forklock_acquire(&b->lock);
	chan__waitlist_add(&bc_subscription(n->receiver)->waiters, n);
	bc_describe(b, bc_subscription(n->receiver));
	chan__forklock_release(&b->lock);
	CHAN_TP("broadcast:joined");
	chan__fence_heavy(&c->waiting[CHAN__RECV].attention);
	if (bc_receivable(b, bc_subscription(n->receiver), &at) == EAGAIN || !chan__waiter_claim(n->waiter))
		return true;
	bc_unwatch(c, side, n);
	return false;
}

static void bc_pass_on(struct chan *c, enum chan__side side, struct chan_receiver *rx)
{
	struct chan__waitq *q = &c->waiting[CHAN__SEND];
	uint64_t stamp;

	if (side == CHAN__RECV)
		bc_pass_on_received(bc_of(c), bc_subscription(rx));
	else if ((chan__waitq_attention(q) & CHAN__WAITERS) && bc_ready_to_send(bc_of(c), &stamp) != EAGAIN)
		chan__waitq_wake(q, 1);
}

/* Sends for the first waiter if it starves; receivers are served by their own. */
static bool bc_serve(struct chan *c, enum chan__side side)
{
	struct chan__node *n = NULL;
	uint64_t stamp;

	if (side == CHAN__SEND && bc_ready_to_send(bc_of(c), &stamp) != EAGAIN)
		n = chan__waitq_claim_starving(&c->waiting[CHAN__SEND]);
	if (n) {
		chan__node_settle(n, bc_try_send(c, n->source));
		bc_pass_on(c, CHAN__SEND, NULL);
	}
	return n != NULL;
}

/* e, for who returns it. */
static CHAN__COLD int bc_notify_senders(struct broadcast *b, size_t n, struct chan_receiver *by,
                                        uint32_t attention, int e)
{
	struct chan *c = &b->base;
	struct chan__waitq *q = &c->waiting[CHAN__SEND];
	bool held = chan__hold_for_callbacks(c);

	if (attention & CHAN__POLLED)
		chan__changed(c, by ? CHAN__RECV : CHAN__SEND, by);
	if (n > 0 && (attention & CHAN__WAITERS) &&
	    (!(attention & CHAN__STARVING) || !bc_serve(c, CHAN__SEND)))
		chan__waitq_wake(q, chan__wakes(n));
	if (held)
		chan__release(c);
	return e;
}

/* --------------------------------------------------------------- subscriptions */

static void bc_join_members(struct broadcast *b, struct subscription *s)
{
	chan__forklock_acquire(&b->members);
	s->prev = NULL;
	s->next = b->first;
	if (s->next)
		s->next->prev = s;
	b->first = s;
	chan__forklock_release(&b->members);
}

static bool bc_leave_members(struct broadcast *b, struct subscription *s)
{
	if (!chan__forklock_acquire_unless_orphaned(&b->members))
		return false;
	if (s->next)
		s->next->prev = s->prev;
	*(s->prev ? &s->prev->next : &b->first) = s->next;
	chan__forklock_release(&b->members);
	return true;
}

static struct subscription *bc_subscription_new(struct chan *c)
{
	struct subscription *s = (struct subscription *)chan__memory_get(&c->memory, sizeof(*s));

	if (!s)
		return NULL;
	chan__receiver_init(&s->base, c);
	s->hungry = false;
	chan__size_init(&s->refs, 1);
	chan__waitlist_init(&s->waiters);
	s->lost = 0;
	chan__u32_init(&s->starving, 0);
	chan__u64_init(&s->cursor, 0);
	return s;
}

static void bc_subscription_free(struct chan *c, struct subscription *s)
{
	chan__u64_fini(&s->cursor);
	chan__u32_fini(&s->starving);
	chan__size_fini(&s->refs);
	chan__receiver_fini(&s->base);
	chan__memory_put(&c->memory, s, sizeof(*s));
}

static void bc_keep(struct chan_receiver *rx)
{
	chan__size_fetch_add_relaxed(&bc_subscription(rx)->refs, 1);
}

/* B11 acq_rel: whoever kept it has done with it; pairs with itself. */
static void bc_unkeep(struct chan_receiver *rx)
{
	struct subscription *s = bc_subscription(rx);

	if (chan__size_fetch_sub_acq_rel(&s->refs, 1) == 1)
		bc_subscription_free(chan__of(rx), s);
}

/* From now on every send counts this one. */
static int bc_admit(struct broadcast *b, struct subscription *s)
{
	size_t n;
	int e = 0;

	chan__forklock_acquire(&b->lock);
	n = chan__size_load_relaxed(&b->subscriptions);
	if (chan__u32_load_relaxed(&b->closed))
		e = EPIPE;
	else if (n == BC_COUNT)
		e = ENOMEM;
	else
		chan__size_store_release(&b->subscriptions, n + 1);
	chan__u64_store_relaxed(&s->cursor, chan__u64_load_relaxed(&b->tail));
	chan__forklock_release(&b->lock);
	return e;
}

static int bc_subscribe(struct chan *c, struct chan_receiver **rx)
{
	struct broadcast *b = bc_of(c);
	struct subscription *s;
	int e;

	if (chan__u32_load_acquire(&b->closed))
		return EPIPE;
	s = bc_subscription_new(c);
	if (!s)
		return ENOMEM;
	e = bc_admit(b, s);
	if (e != 0) {
		bc_subscription_free(c, s);
		return e;
	}
	chan__hold(c);
	bc_join_members(b, s);
	*rx = &s->base;
	return 0;
}

/* From now on no send counts this one.  What it has not seen lies up to *end.
 * False: the lock stays taken, in the child of a fork. */
static bool bc_dismiss(struct broadcast *b, struct subscription *s, uint64_t *end, bool *last)
{
	size_t n;

	if (!chan__forklock_acquire_unless_orphaned(&b->lock))
		return false;
	n = chan__size_load_relaxed(&b->subscriptions) - 1;
	chan__size_store_release(&b->subscriptions, n);
	*last = n == 0;
	b->deserted += *last;
	*end = chan__u64_load_relaxed(&b->tail);
	/* Only in such a child may anybody still stand there. */
	bc_describe(b, s);
	chan__forklock_release(&b->lock);
	return true;
}

/* Drop-oldest: one less to read the message of this position, if it is still kept.
 * A hold keeps it so, also while it is being written. */
static size_t bc_forgo(struct broadcast *b, uint64_t pos)
{
	chan__u64 *slot = bc_slot(b, pos);
	uint64_t state = chan__u64_load_relaxed(slot);

	do
		if ((state & BC_LAP) != bc_lap(b, pos))
			return 0;
	while (!chan__u64_cas_acquire(slot, &state, state + 1));
	chan__u32_fetch_sub_relaxed(&b->unread[bc_index(b, pos)], 1);
	return bc_let_go(slot);
}

/* How many slots turned free when what the subscription held was let go. */
static size_t bc_empty(struct broadcast *b, const struct subscription *s, uint64_t end)
{
	uint64_t pos = chan__u64_load_relaxed(&s->cursor);
	size_t freed = 0;

	if (bc_distance(b, pos, end) > b->base.capacity)
		pos = end - b->lap;
	for (; pos != end; pos = bc_next(b, pos))
		freed += b->unread ? bc_forgo(b, pos) : bc_has_read(bc_slot(b, pos));
	return freed;
}

static void bc_unsubscribe(struct chan_receiver *rx)
{
	struct chan *c = chan__of(rx);
	struct broadcast *b = bc_of(c);
	struct subscription *s = bc_subscription(rx);
	struct chan__waitq *senders = &c->waiting[CHAN__SEND];
	uint64_t end;
	size_t freed;
	bool last;

	if (!bc_leave_members(b, s) || !bc_dismiss(b, s, &end, &last))
		return;
	CHAN_TP("broadcast:dismissed");
	freed = bc_empty(b, s, end);
	bc_freed(b, freed, &s->base, 0);
	if (last && (chan__waitq_attention(senders) & CHAN__WAITERS))
		chan__waitq_wake(senders, CHAN__ALL);
	bc_unkeep(rx);
	chan__release(c);
}

/* -------------------------------------------------------------- disconnection */

/* Nobody there is as good as closed, as long as it lasts.  B8 acquire: what the
 * last to leave did before, or the closer. */
static bool bc_is_closed(const struct chan *c)
{
	const struct broadcast *b = bc_of(c);

	return chan__u32_load_acquire(&b->closed) || chan__size_load_acquire(&b->subscriptions) == 0;
}

/* B6 release: the last tail, and what we did before; pairs with B5.  Receivers who
 * wait hear of it one from the other. */
static void bc_close(struct chan *c)
{
	struct broadcast *b = bc_of(c);

	if (!chan__forklock_acquire_unless_orphaned(&b->lock))
		return;
	chan__u32_store_release(&b->closed, 1);
	chan__forklock_release(&b->lock);
	if (chan__waitq_attention(&c->waiting[CHAN__SEND]) & CHAN__WAITERS)
		chan__waitq_wake(&c->waiting[CHAN__SEND], CHAN__ALL);
	bc_notify_receivers(b, chan__waitq_attention(&c->waiting[CHAN__RECV]));
}

/* Each subscription empties its own. */
static void bc_discard(struct chan *c)
{
	(void)c;
}

/* -------------------------------------------------------------------- queries */

/* The lock is held, or tail did not move: what a receive could take.  B10 acquire:
 * pairs with B9. */
static size_t bc_kept(const struct broadcast *b, const struct subscription *s, uint64_t tail)
{
	uint64_t behind = bc_distance(b, chan__u64_load_acquire(&s->cursor), tail);

	return behind < b->base.capacity ? (size_t)behind : b->base.capacity;
}

/* The most that any subscription has before it.  B13 acquire: no cursor from before this
 * tail; pairs with B12. */
static size_t bc_slowest(struct broadcast *b, uint64_t *tail)
{
	size_t most = 0;

	chan__forklock_acquire(&b->members);
	*tail = chan__u64_load_acquire(&b->tail);
	for (const struct subscription *s = b->first; s; s = s->next) {
		size_t kept = bc_kept(b, s, *tail);

		most = kept > most ? kept : most;
	}
	chan__forklock_release(&b->members);
	return most;
}

/* A snapshot: tail did not move while the cursors were read. */
static size_t bc_len(const struct chan *c)
{
	struct broadcast *b = bc_of(c);
	uint64_t tail;
	size_t len;

	do
		len = bc_slowest(b, &tail);
	while (chan__u64_load_acquire(&b->tail) != tail);
	return len;
}

static bool bc_is_full(const struct chan *c)
{
	uint64_t stamp;

	return bc_ready_to_send(bc_of(c), &stamp) == EAGAIN;
}

static size_t bc_count_receivers(const struct chan *c)
{
	struct broadcast *b = bc_of(c);
	size_t n = 0;

	chan__forklock_acquire(&b->members);
	for (const struct subscription *s = b->first; s; s = s->next)
		n += chan__size_load_relaxed(&s->base.handles);
	chan__forklock_release(&b->members);
	return n;
}

static size_t bc_receiver_len(const struct chan_receiver *rx)
{
	struct broadcast *b = bc_of(chan__of(rx));
	size_t len;

	chan__forklock_acquire(&b->lock);
	len = bc_kept(b, bc_subscription(rx), chan__u64_load_relaxed(&b->tail));
	chan__forklock_release(&b->lock);
	return len;
}

/* A gap that no receive has reported yet is a loss already. */
static uint64_t bc_receiver_lost(const struct chan_receiver *rx)
{
	struct broadcast *b = bc_of(chan__of(rx));
	struct subscription *s = bc_subscription(rx);
	uint64_t lost, behind;

	chan__forklock_acquire(&b->lock);
	behind = bc_distance(b, chan__u64_load_relaxed(&s->cursor), chan__u64_load_relaxed(&b->tail));
	lost = s->lost + (behind > b->base.capacity ? behind - b->base.capacity : 0);
	chan__forklock_release(&b->lock);
	return lost;
}

/* ------------------------------------------------------------ creation, vtable */

static bool bc_serves(size_t capacity)
{
	return capacity > 0 && capacity != CHAN_UNBOUNDED;
}

/* The head, the slots, and with drop-oldest the counts: one allocation. */
static int bc_size(const struct chan__config *config, size_t *offset, size_t *stride, size_t *counts, size_t *size)
{
	size_t each = config->overflow == CHAN_OVERFLOW_DROP_OLDEST ? sizeof(chan__u32) : 0;

	if (config->capacity > SIZE_MAX / 2 / sizeof(chan__u64) ||
	    !chan__slot_layout(config->msg_size, offset, stride) ||
	    chan__mul_overflows(config->capacity, *stride, counts) ||
	    chan__add_overflows(*counts, chan__round_up(sizeof(struct broadcast)) + CHAN__ALIGNMENT, counts) ||
	    chan__add_overflows(*counts, config->capacity * each, size) || *size > PTRDIFF_MAX)
		return EOVERFLOW;
	*counts &= ~(size_t)(CHAN__ALIGNMENT - 1);
	return 0;
}

static void bc_init_positions(struct broadcast *b, size_t capacity)
{
	uint64_t start;

	for (b->shift = 0; (size_t)1 << b->shift < capacity; b->shift++)
		continue;
	b->lap = UINT64_C(1) << b->shift;
	b->index_mask = b->lap - 1;
	b->end = capacity & b->index_mask;
	start = CHAN_TP_START(b->lap);
	chan__u64_init(&b->tail, start);
	for (size_t i = 0; i < capacity; i++) {
		chan__u64_init(bc_slot(b, i), bc_lap(b, start - b->lap) | BC_FULL);
		if (b->unread)
			chan__u32_init(&b->unread[i], 0);
	}
}

static int bc_create(const struct chan__config *config, struct chan **c)
{
	size_t offset, stride, counts, size;
	struct broadcast *b;
	int e = bc_size(config, &offset, &stride, &counts, &size);

	if (e != 0)
		return e;
	b = (struct broadcast *)chan__memory_get(&config->memory, size);
	if (!b)
		return ENOMEM;
	chan__init(&b->base, &chan__broadcast, config, size);
	b->offset = offset;
	b->stride = stride;
	b->slots = (char *)b + chan__round_up(sizeof(*b));
	b->unread = b->base.drop_oldest ? (chan__u32 *)(void *)((char *)b + counts) : NULL;
	chan__forklock_init(&b->lock);
	chan__forklock_init(&b->members);
	chan__size_init(&b->subscriptions, 0);
	chan__u32_init(&b->closed, 0);
	b->deserted = 0;
	b->hungry = b->first = NULL;
	b->n_hungry = 0;
	bc_init_positions(b, config->capacity);
	*c = &b->base;
	return 0;
}

static void bc_destroy(struct chan *c)
{
	struct broadcast *b = bc_of(c);

	for (size_t i = 0; i < c->capacity; i++) {
		chan__u64_fini(bc_slot(b, i));
		if (b->unread)
			chan__u32_fini(&b->unread[i]);
	}
	chan__u64_fini(&b->tail);
	chan__u32_fini(&b->closed);
	chan__size_fini(&b->subscriptions);
	chan__forklock_fini(&b->members);
	chan__forklock_fini(&b->lock);
	chan__fini(c);
}

const struct chan__flavor chan__broadcast = {
	.id = CHAN_FLAVOR_BROADCAST,
	.name = "broadcast",
	.default_capacity = CHAN__MUST_BE_SET,
	.on_request = true,
	.can_overwrite = true,
	.no_destructor = true,
	.serves = bc_serves,
	.create = bc_create,
	.destroy = bc_destroy,
	.try_send = bc_try_send,
	.try_recv = bc_try_recv,
	.try_send_many = bc_try_send_many,
	.try_recv_many = bc_try_recv_many,
	.force_send = bc_force_send,
	.ready = bc_ready,
	.watch = bc_watch,
	.unwatch = bc_unwatch,
	.pass_on = bc_pass_on,
	.serve = bc_serve,
	.close = bc_close,
	.discard = bc_discard,
	.is_closed = bc_is_closed,
	.len = bc_len,
	.subscribe = bc_subscribe,
	.unsubscribe = bc_unsubscribe,
	.keep = bc_keep,
	.unkeep = bc_unkeep,
	.count_receivers = bc_count_receivers,
	.receiver_len = bc_receiver_len,
	.receiver_lost = bc_receiver_lost,
	.is_full = bc_is_full,
};
