/*
 * array.c - bounded: a ring of slots, each with a stamp
 *
 * Source: D. Vyukov's bounded MPMC queue, with the exact capacities and lap
 * counters of crossbeam's array flavor.  What is added: a call never waits for
 * another that holds the slot it wants, and whoever disconnects last empties
 * the ring without waiting for senders in the middle of a send.
 *
 * A position is a 64-bit word; it does not wrap in practice and may:
 *
 *      63            2+i  2+i-1       2     1          0
 *     +-----------------+------------+----------+--------+
 *     | lap             | index      | EXCHANGE | CLOSED |
 *     +-----------------+------------+----------+--------+
 *      LAP = 1 << (2+i)   0..capacity-1   flags of tail only
 *
 * After index capacity-1 comes index 0 of the next lap, so the capacity need
 * be no power of two; i is 0 at capacity 1.
 *
 * A slot's stamp says whose turn it is:
 *
 *     pos            free for the send of position pos
 *     pos | FULL     holds the message of pos
 *     pos + LAP      received: free for the send one lap later
 *     pos | DEAD     destroyed, for nobody receives any more; never free again
 *
 *     stamp(pos) --send claims tail, writes--> pos|FULL --receive claims head, reads--> pos+LAP
 *
 * FULL is a bit of its own, so that capacity 1, where the next position in
 * the same slot is the next position of all, is nothing special.
 *
 * Invariants, while receivers are there and nobody exchanges:
 *   head <= tail <= head + capacity, as positions;
 *   the stamp of a position in [head, tail) is pos (its send is still writing)
 *   or pos|FULL; of one before head it is pos|FULL (its receive is still reading)
 *   or pos+LAP; once the receivers are gone it may be pos|DEAD.
 * An exchange holds tail's position and the oldest one, in the same slot: the
 * stamp goes from oldest|FULL to tail|FULL at once, and a single producer's tail
 * stands one beyond head + capacity meanwhile.
 *
 * Who writes what: tail senders and closers, and a receiver that finds a close half done;
 * head receivers, exchanging senders and array_discard; a stamp the thread that claimed
 * its position, or, once the receivers are gone, the winner of A9.
 *
 * Moments of truth.  "Full": the stamp at tail is not tail, and tail reads the
 * same before and after: at the instant of reading the stamp, the message of
 * one lap ago still held the slot (unread, or in the hands of a call).  Tail may
 * have gone away and come back in between, by EXCHANGE or by a single producer's taking
 * back; that changes no stamp, and a call that meets it may say EAGAIN anyway.
 * "Empty": the stamp at head is not head|FULL, and head has not moved: at
 * that instant the next message did not exist, or was still being written.
 *
 * Closed and empty is "ready" for a receiver, and a woken receiver passes on what is
 * ready: so each of those asleep hears of the end from the one before it.
 *
 * Who claims alone.  Each side belongs to the first thread that uses it, until another
 * one comes (base/bias.h): inside, its owner moves tail or head by a plain store.  The claim
 * alone happens inside, never a copy.  Whoever else moves tail, a closer, an exchange,
 * or head, an exchange or array_discard, makes the side everybody's first.
 *
 * Promises.  With a single producer nobody else moves tail, and with a single
 * consumer nobody else moves head: a plain store takes the place of the
 * compare-and-swap.  Closing then cannot be a bit of tail (the store would
 * wipe it out) and goes by `closing`, see array_close.
 */
#include "base/backoff.h"
#include "base/bias.h"
#include "base/copy.h"
#include "base/pause.h"
#include "base/probe.h"
#include "flavor.h"

#define ARRAY_CLOSED   UINT64_C(1)
#define ARRAY_EXCHANGE UINT64_C(2)
#define ARRAY_FLAGS    UINT64_C(3)
#define ARRAY_FULL     UINT64_C(1)
#define ARRAY_DEAD     UINT64_C(2)
#define ARRAY_ONE      UINT64_C(4)

enum { ARRAY_OPEN, ARRAY_CLOSING, ARRAY_SHUT };

/* Who may move a side's position while a call does. */
enum array_mode {
	ARRAY_MANY,   /* anybody */
	ARRAY_SINGLE, /* nobody, it was promised */
	ARRAY_OWNER   /* nobody, until the owner leaves the side */
};

struct array {
	struct chan base;
	/* Written at creation. */
	uint64_t lap;
	uint64_t index_mask;     /* of a position */
	uint64_t end;            /* index bits one past the last slot; 0 at a power of two */
	size_t stride;           /* bytes of a slot, divided by ARRAY_ONE */
	size_t offset;           /* of the message in its slot */
	bool single_producer;
	char *slots;

	char pad0[CHAN__LINE];
	chan__u64 tail;          /* senders claim; closers set CLOSED */
	struct chan__bias sending;
	chan__u32 closing;       /* ARRAY_OPEN, _CLOSING, a single producer's _SHUT; closers */
	chan__u64 refused;       /* exchanges whose oldest message was gone, in steps of ARRAY_ONE;
	                          * who has EXCHANGE */
	char pad1[CHAN__LINE];
	chan__u64 head;          /* receivers claim */
	struct chan__bias receiving;
	chan__u64 gone_from;     /* head when the receivers left; written once, before GONE */
	chan__u32 ending;        /* 1 before `closing` is more than OPEN; closers */
	char pad2[CHAN__LINE];
};

CHAN__HIDDEN extern const struct chan__flavor chan__array;

/* ------------------------------------------------------------------ positions */

static inline struct array *array_of(const struct chan *c)
{
	return (struct array *)(uintptr_t)c;
}

CHAN__INLINE chan__u64 *array_stamp(const struct array *a, uint64_t pos)
{
	return (chan__u64 *)(void *)(a->slots + (size_t)(pos & a->index_mask) * a->stride);
}

CHAN__INLINE void *array_msg(const struct array *a, chan__u64 *stamp)
{
	return (char *)stamp + a->offset;
}

/* The position after pos; flags must be off. */
CHAN__INLINE uint64_t array_next(const struct array *a, uint64_t pos)
{
	uint64_t next = pos + ARRAY_ONE;

	if (chan__unlikely((next & a->index_mask) == a->end))
		next = (pos & ~a->index_mask) + a->lap;
	return next;
}

static bool array_is_closed(const struct chan *c);
static void array_shut(struct array *a);
static bool array_serve(struct chan *c, enum chan__side side);
static void array_pass_on(struct chan *c, enum chan__side side, struct chan_receiver *rx);

/* --------------------------------------------------------------- after the fact */

/*
 * The receivers left while this send was under way.  If the position is one of
 * those that array_discard walked over, it met our slot before or after we
 * published: A9, an exclusive claim of the stamp, decides who destroys.  A
 * position before that was received in the ordinary way.
 */
static CHAN__COLD void array_orphan(struct array *a, uint64_t pos)
{
	chan__u64 *stamp = array_stamp(a, pos);
	uint64_t full = pos | ARRAY_FULL;

	if ((int64_t)(pos - chan__u64_load_acquire(&a->gone_from)) < 0)
		return;
	if (chan__u64_cas_acquire(stamp, &full, pos | ARRAY_DEAD))
		chan__destroy_message(&a->base, array_msg(a, stamp));
}

/* Somebody pays attention to the side, which has n messages or slots more by a call
 * of the side `by`: its own where a sender makes way for another. */
static CHAN__COLD void array_notify(struct array *a, enum chan__side side, size_t n, enum chan__side by,
                                    uint32_t attention)
{
	struct chan *c = &a->base;
	bool starving = (attention & CHAN__STARVING) != 0;
	bool held = starving || chan__has_callbacks(c);

	if (held)
		chan__hold(c);
	if (attention & CHAN__POLLED)
		chan__changed(c, by, &c->receiver);
	/* One that starves is not woken but served, so that nobody can be faster than it
	 * once more.  That makes a slot or a message for the other side, where somebody may
	 * starve as well: each step settles one waiter, so it comes to an end.  Whether it
	 * can be served is looked up with no fence and may be answered from the past, so
	 * if not, it is woken all the same. */
	if ((attention & (CHAN__WAITERS | CHAN__STARVING)) && (!starving || !array_serve(c, side)))
		chan__waitq_wake(&c->waiting[side], chan__wakes(n));
	if (held)
		chan__release(c);
}

CHAN__INLINE void array_wake_senders(struct array *a, size_t n, enum chan__side by)
{
	uint32_t attention = chan__waitq_attention(&a->base.waiting[CHAN__SEND]);

	if (chan__unlikely(attention != 0))
		array_notify(a, CHAN__SEND, n, by, attention);
}

/* n messages, the first at pos, were published while somebody paid attention. */
static CHAN__COLD void array_sent(struct array *a, uint64_t pos, size_t n, uint32_t attention)
{
	struct chan *c = &a->base;

	if (!(attention & CHAN__GONE)) {
		array_notify(a, CHAN__RECV, n, CHAN__SEND, attention);
		return;
	}
	chan__hold(c);
	for (; n > 0; n--, pos = array_next(a, pos))
		array_orphan(a, pos);
	chan__release(c);
}

/*
 * A message was published.  With drop-oldest a sender can be waiting for just
 * that, the oldest message; where a receiver waits too, it comes first, and
 * the slot it frees will wake the sender.  If it turns to another channel
 * instead, or nobody waits but observers, the senders are heirs to the wake-up.
 */
CHAN__INLINE void array_wake_receivers(struct array *a, uint64_t pos, size_t n)
{
	struct chan *c = &a->base;
	uint32_t attention = chan__waitq_attention(&c->waiting[CHAN__RECV]);

	if (chan__unlikely(attention != 0))
		array_sent(a, pos, n, attention);
	if (!(attention & ~(uint32_t)CHAN__POLLED) && chan__unlikely(c->drop_oldest))
		array_wake_senders(a, 1, CHAN__SEND);
}

/*
 * The side is everybody's now, and somebody may have been turned away for its owner.
 * A closer may have been, and then it has left the rest to the owner: A19 acquire, pairs with
 * A10.  The channel is held.
 */
static CHAN__COLD void array_tell(struct array *a, enum chan__side side)
{
	uint32_t attention;

	CHAN_TP("array:handed-over");
	if (side == CHAN__SEND && chan__u32_load_acquire(&a->closing) != ARRAY_OPEN)
		array_shut(a);
	attention = chan__waitq_attention(&a->base.waiting[side]);
	if (attention != 0)
		array_notify(a, side, 1, side, attention);
}

/* -------------------------------------------------------------------- sending */

/*
 * No send is admitted any more?  A1 acquire: what the closer did before it
 * closed; pairs with A10 and A11.  The bit in tail is what a claim of many cannot
 * pass; `closing` comes before it, by as long as the owner of the side stays inside.
 */
CHAN__INLINE bool array_shut_for_senders(const struct array *a, uint64_t tail, enum array_mode mode)
{
	if (chan__unlikely(chan__u32_load_acquire(&a->closing) != ARRAY_OPEN))
		return true;
	return mode == ARRAY_MANY && chan__unlikely((tail & ARRAY_CLOSED) != 0) &&
	       (chan__u64_load_acquire(&a->tail) & ARRAY_CLOSED) != 0;
}

static inline enum array_mode array_sending_mode(const struct array *a)
{
	return a->single_producer ? ARRAY_SINGLE : ARRAY_MANY;
}

/* A single producer has claimed a position in a channel that is closed.  Who looked
 * meanwhile took it for a message to come, so all are told of the end once more. */
static CHAN__COLD void array_take_back(struct array *a, uint64_t tail)
{
	struct chan *c = &a->base;

	chan__hold(c); /* a callback may drop the handle in use */
	chan__u64_store_release(&a->tail, tail);
	chan__follow(c, CHAN__SEND, NULL);
	chan__waitq_wake(&c->waiting[CHAN__RECV], CHAN__ALL);
	chan__release(c);
}

/*
 * Moves tail from `from` to `to`.  Who is alone stores, and then looks whether
 * somebody is closing: A2, a light fence, pairs with the closer's heavy one
 * (A12, or B2).  Either the closer sees the store, or we see the closer and take it
 * back; without it a message could go into a channel already reported empty, or into a
 * slot that array_discard is about to leave.  False for who is alone: closed.  For a
 * single producer the channel may be gone; the owner is inside, so the closer, or it itself
 * when it leaves, has yet to tell all of the end.
 */
CHAN__INLINE bool array_advance_tail(struct array *a, uint64_t *from, uint64_t to, enum array_mode mode)
{
	if (mode == ARRAY_MANY)
		return chan__u64_cas_release(&a->tail, from, to); /* as A16 */
	chan__u64_store_release(&a->tail, to);
	CHAN_TP("array:advanced");
	chan__fence_light(&a->closing);
	if (chan__likely(chan__u32_load_acquire(&a->closing) == ARRAY_OPEN))
		return true;
	if (mode == ARRAY_OWNER)
		chan__u64_store_release(&a->tail, *from);
	else
		array_take_back(a, *from);
	return false;
}

/*
 * Claims up to n free slots from *from on; 0 with their number, or the error.
 * A3 acquire: the last reader of the slot has done with it; pairs with A8.
 */
CHAN__INLINE int array_claim_send(struct array *a, size_t n, enum array_mode mode,
                                  uint64_t *from, size_t *claimed)
{
	uint64_t tail = chan__u64_load_relaxed(&a->tail);
	unsigned collisions = 0;

	for (;;) {
		uint64_t end = tail;
		size_t k = 0;

		if (array_shut_for_senders(a, tail, mode))
			return EPIPE;
		if (mode == ARRAY_MANY && chan__unlikely((tail & ARRAY_EXCHANGE) != 0))
			return EAGAIN; /* the next position is another call's */
		while (k < n && chan__u64_load_acquire(array_stamp(a, end)) == end) {
			end = array_next(a, end);
			k++;
		}
		if (chan__likely(k > 0)) {
			*from = tail;
			*claimed = k;
			if (chan__likely(array_advance_tail(a, &tail, end, mode)))
				return 0;
			*claimed = 0;
			if (mode != ARRAY_MANY)
				return EPIPE;
			chan__collided(&collisions);
			tail = chan__u64_load_relaxed(&a->tail);
		} else {
			uint64_t now = chan__u64_load_relaxed(&a->tail);

			if (now == tail)
				return EAGAIN; /* full: see "moments of truth" */
			tail = now;
		}
	}
}

/* Writes one message.  A4 release: publishes it; pairs with A5. */
CHAN__INLINE void array_publish(struct array *a, uint64_t pos, const void *msg)
{
	chan__u64 *stamp = array_stamp(a, pos);

	chan__copy(array_msg(a, stamp), msg, a->base.msg_size);
	chan__u64_store_release(stamp, pos | ARRAY_FULL);
}

/* k positions from `from` on were claimed. */
CHAN__INLINE void array_send_claimed(struct array *a, const char *msgs, uint64_t from, size_t k)
{
	uint64_t pos = from;

	CHAN_TP("array:claimed-send");
	for (size_t i = 0; i < k; i++, pos = array_next(a, pos))
		array_publish(a, pos, chan__message_at(msgs, i, a->base.msg_size));
	CHAN_TP("array:published");
	CHAN__PROBE(send, &a->base, k);
	array_wake_receivers(a, from, k);
}

/* By whom nothing is owed to the side. */
CHAN__INLINE int array_send_unbiased(struct chan *c, const char *msgs, size_t n, enum array_mode mode,
                                     size_t *count)
{
	struct array *a = array_of(c);
	uint64_t from = 0;
	size_t k = 0;
	int e = array_claim_send(a, n, mode, &from, &k);

	if (chan__unlikely(e != 0))
		return e;
	*count += k;
	array_send_claimed(a, msgs, from, k);
	return 0;
}

/* The owner of the side met another sender, or a closer, while it claimed k positions. */
static CHAN__COLD void array_send_handed_over(struct array *a, const char *msgs, uint64_t from, size_t k)
{
	struct chan *c = &a->base;

	chan__hold(c);
	array_tell(a, CHAN__SEND);
	if (k > 0)
		array_send_claimed(a, msgs, from, k);
	chan__release(c);
}

CHAN__INLINE int array_send_as_owner(struct chan *c, const char *msgs, size_t n, size_t *count)
{
	struct array *a = array_of(c);
	uint64_t from = 0;
	size_t k = 0;
	int e = array_claim_send(a, n, ARRAY_OWNER, &from, &k);

	*count += k;
	CHAN_TP("array:inside-send");
	if (chan__unlikely(!chan__bias_leave(&a->sending)))
		array_send_handed_over(a, msgs, from, k);
	else if (chan__likely(e == 0))
		array_send_claimed(a, msgs, from, k);
	return e;
}

/* The owner that has lost the side, or somebody whom the owner keeps out. */
static CHAN__COLD int array_send_revoked(struct chan *c, enum chan__bias_way way, const char *msgs, size_t n,
                                         size_t *count)
{
	struct array *a = array_of(c);
	int e;

	if (way == CHAN__BIAS_HELD)
		return chan__u32_load_acquire(&a->closing) == ARRAY_OPEN ? EAGAIN : EPIPE;
	chan__hold(c);
	array_tell(a, CHAN__SEND);
	e = array_send_unbiased(c, msgs, n, ARRAY_MANY, count);
	chan__release(c);
	return e;
}

CHAN__INLINE int array_send(struct chan *c, const char *msgs, size_t n, bool single, size_t *count)
{
	enum chan__bias_way way;

	if (single)
		return array_send_unbiased(c, msgs, n, ARRAY_SINGLE, count);
	way = chan__bias_enter(&array_of(c)->sending);
	if (chan__likely(way == CHAN__BIAS_OWNER))
		return array_send_as_owner(c, msgs, n, count);
	if (chan__likely(way == CHAN__BIAS_MANY))
		return array_send_unbiased(c, msgs, n, ARRAY_MANY, count);
	return array_send_revoked(c, way, msgs, n, count);
}

/* ------------------------------------------------------------------ receiving */

/*
 * Tail, with the mark if there is one.  Between a closer's two steps a sender may have been
 * told EPIPE, so a receiver that comes later must not be told that more may come: it makes the
 * second step itself, but for the owner of the senders' side, whose send is in progress.
 * The closer, or that owner, will wake whoever waits.
 */
static uint64_t array_end(struct array *a)
{
	uint64_t tail = chan__u64_load_acquire(&a->tail);

	if ((tail & ARRAY_CLOSED) || a->single_producer ||
	    chan__u32_load_acquire(&a->closing) == ARRAY_OPEN || !chan__bias_share(&a->sending))
		return tail;
	CHAN_TP("array:end");
	return chan__u64_fetch_or_acq_rel(&a->tail, ARRAY_CLOSED) | ARRAY_CLOSED; /* as A10 */
}

/*
 * Nothing at head: will there be?  Closed, and every claimed position was
 * received: never.  The acquire pairs with A10 and A11.
 *
 * `ending` is written before them, so who has seen the channel closed, or was told by one who
 * has, reads 1.  As long as it is 0 receivers that find nothing leave the line alone where senders work.
 */
static CHAN__COLD int array_none(struct array *a, uint64_t head)
{
	uint64_t tail;

	CHAN_TP("array:none");
	if (chan__likely(chan__u32_load_relaxed(&a->ending) == 0))
		return EAGAIN;
	if (a->single_producer && chan__u32_load_acquire(&a->closing) != ARRAY_SHUT)
		return EAGAIN;
	tail = array_end(a);
	if (!a->single_producer && !(tail & ARRAY_CLOSED))
		return EAGAIN;
	return (tail & ~ARRAY_CLOSED) == head ? EPIPE : EAGAIN;
}

/*
 * A5 acquire: the message; pairs with A4.  Among receivers the claim only divides
 * positions.  A16 release, pairs with A15: a snapshot of several channels that sees a
 * message gone from here sees what the receiver did before, which may have been
 * to send another elsewhere; the claims of senders likewise.
 */
CHAN__INLINE int array_claim_recv(struct array *a, size_t max, enum array_mode mode,
                                  uint64_t *from, size_t *claimed)
{
	uint64_t head = chan__u64_load_relaxed(&a->head);
	unsigned collisions = 0;

	for (;;) {
		uint64_t end = head;
		size_t k = 0;

		while (k < max && chan__u64_load_acquire(array_stamp(a, end)) == (end | ARRAY_FULL)) {
			end = array_next(a, end);
			k++;
		}
		if (chan__likely(k > 0)) {
			*from = head;
			*claimed = k;
			if (mode != ARRAY_MANY) {
				chan__u64_store_release(&a->head, end);
				return 0;
			}
			if (chan__likely(chan__u64_cas_release(&a->head, &head, end)))
				return 0;
			chan__collided(&collisions);
			head = chan__u64_load_relaxed(&a->head);
		} else {
			uint64_t now = chan__u64_load_relaxed(&a->head);

			if (now == head)
				return array_none(a, head); /* empty: see "moments of truth" */
			head = now;
		}
	}
}

/* A8 release: the slot is read; pairs with A3. */
CHAN__INLINE void array_free(struct array *a, uint64_t pos, chan__u64 *stamp)
{
	chan__u64_store_release(stamp, pos + a->lap);
}

/* Reads one message; without a place for it, the destructor gets it in its slot. */
CHAN__INLINE void array_take(struct array *a, uint64_t pos, void *msg)
{
	chan__u64 *stamp = array_stamp(a, pos);

	if (chan__likely(msg != NULL))
		chan__copy(msg, array_msg(a, stamp), a->base.msg_size);
	else if (a->base.msg_size > 0)
		chan__destroy_message(&a->base, array_msg(a, stamp));
	array_free(a, pos, stamp);
}

/* k positions from pos on were claimed. */
CHAN__INLINE void array_recv_claimed(struct array *a, char *msgs, uint64_t pos, size_t k)
{
	CHAN_TP("array:claimed-recv");
	for (size_t i = 0; i < k; i++, pos = array_next(a, pos))
		array_take(a, pos, msgs ? msgs + i * a->base.msg_size : NULL);
	CHAN_TP("array:freed");
	CHAN__PROBE(receive, &a->base, k);
	array_wake_senders(a, k, CHAN__RECV);
}

CHAN__INLINE int array_recv_unbiased(struct chan *c, char *msgs, size_t max, enum array_mode mode,
                                     size_t *count)
{
	struct array *a = array_of(c);
	uint64_t pos = 0;
	size_t k = 0;
	int e = array_claim_recv(a, max, mode, &pos, &k);

	if (chan__unlikely(e != 0))
		return e;
	*count += k;
	array_recv_claimed(a, msgs, pos, k);
	return 0;
}

/* As array_send_handed_over. */
static CHAN__COLD void array_recv_handed_over(struct array *a, char *msgs, uint64_t pos, size_t k)
{
	struct chan *c = &a->base;

	chan__hold(c);
	array_tell(a, CHAN__RECV);
	if (k > 0)
		array_recv_claimed(a, msgs, pos, k);
	chan__release(c);
}

CHAN__INLINE int array_recv_as_owner(struct chan *c, char *msgs, size_t max, size_t *count)
{
	struct array *a = array_of(c);
	uint64_t pos = 0;
	size_t k = 0;
	int e = array_claim_recv(a, max, ARRAY_OWNER, &pos, &k);

	*count += k;
	CHAN_TP("array:inside-recv");
	if (chan__unlikely(!chan__bias_leave(&a->receiving)))
		array_recv_handed_over(a, msgs, pos, k);
	else if (chan__likely(e == 0))
		array_recv_claimed(a, msgs, pos, k);
	return e;
}

static CHAN__COLD int array_recv_revoked(struct chan *c, enum chan__bias_way way, char *msgs, size_t max,
                                         size_t *count)
{
	int e;

	if (way == CHAN__BIAS_HELD)
		return EAGAIN;
	chan__hold(c);
	array_tell(array_of(c), CHAN__RECV);
	e = array_recv_unbiased(c, msgs, max, ARRAY_MANY, count);
	chan__release(c);
	return e;
}

CHAN__INLINE int array_recv(struct chan *c, char *msgs, size_t max, bool single, size_t *count)
{
	enum chan__bias_way way;

	if (single)
		return array_recv_unbiased(c, msgs, max, ARRAY_SINGLE, count);
	way = chan__bias_enter(&array_of(c)->receiving);
	if (chan__likely(way == CHAN__BIAS_OWNER))
		return array_recv_as_owner(c, msgs, max, count);
	if (chan__likely(way == CHAN__BIAS_MANY))
		return array_recv_unbiased(c, msgs, max, ARRAY_MANY, count);
	return array_recv_revoked(c, way, msgs, max, count);
}

/* The destructor may drop the handle in use, and array_discard come to claim
 * beside us: not even a single consumer claims by a plain store here. */
static CHAN__COLD int array_recv_destroy(struct chan *c, size_t max, size_t *count)
{
	int e;

	chan__hold(c);
	e = array_recv(c, NULL, max, false, count);
	chan__release(c);
	return e;
}

/* --------------------------------------------------------------- overwriting */

/* The oldest message leaves its slot: to the caller, or to the destructor. */
static void array_exchange_message(struct array *a, chan__u64 *stamp, const void *msg, void *displaced)
{
	void *slot = array_msg(a, stamp);
	size_t size = a->base.msg_size;

	if (displaced && displaced == msg) {
		chan__swap(slot, displaced, size);
		return;
	}
	if (displaced)
		chan__copy(displaced, slot, size);
	else
		chan__destroy_message(&a->base, slot);
	chan__copy(slot, msg, size);
}

/* Both positions are ours: tail's, and the oldest message's one lap before,
 * in the same slot. */
static void array_exchange(struct array *a, uint64_t pos, const void *msg, void *displaced)
{
	struct chan *c = &a->base;
	chan__u64 *stamp = array_stamp(a, pos);

	chan__hold(c);
	if (c->drop_oldest && !displaced)
		chan__u64_fetch_add_relaxed(&c->lost, 1);
	array_exchange_message(a, stamp, msg, displaced);
	chan__u64_store_release(stamp, pos | ARRAY_FULL); /* as A4 */
	CHAN__PROBE(send, c, 1);
	array_wake_receivers(a, pos, 1);
	if (!c->drop_oldest)
		array_pass_on(c, CHAN__SEND, NULL); /* who met EXCHANGE; a slot may be free by now */
	chan__release(c);
}

/* Tail moves by `step` and is EXCHANGE no more.  A17 release: a later EXCHANGE of the
 * same position comes with the count of this one; pairs with A15. */
static void array_let_tail_go(struct array *a, uint64_t step)
{
	if (step == 0)
		chan__u64_fetch_add_relaxed(&a->refused, ARRAY_ONE);
	chan__u64_fetch_add_acq_rel(&a->tail, step - ARRAY_EXCHANGE);
}

/*
 * Full at `tail`: displaces the oldest.  First the tail is held by EXCHANGE, so
 * that nobody else can claim its position, then the oldest message is claimed
 * as a receiver would; if a receiver was faster, the tail is let go.  Other
 * calls that meet EXCHANGE say EAGAIN, and are woken when it is gone.
 */
static int array_displace(struct array *a, uint64_t tail, const void *msg, void *displaced)
{
	uint64_t oldest = tail - a->lap, next = array_next(a, tail);
	enum array_mode mode = array_sending_mode(a);
	bool single = mode == ARRAY_SINGLE, claimed;

	if (chan__u64_load_acquire(array_stamp(a, tail)) != (oldest | ARRAY_FULL))
		return EAGAIN; /* still being written, or free by now */
	if (single && !array_advance_tail(a, &tail, next, ARRAY_SINGLE))
		return EPIPE;
	if (!single && !chan__u64_cas_release(&a->tail, &tail, tail | ARRAY_EXCHANGE))
		return EAGAIN;
	CHAN_TP("array:exchange");
	/* The message itself came with the stamp, read acquire above as A5. */
	claimed = chan__u64_cas_release(&a->head, &oldest, array_next(a, oldest));
	CHAN_TP("array:displaced");
	if (single && !claimed)
		chan__u64_store_release(&a->tail, tail);
	else if (!single)
		array_let_tail_go(a, claimed ? next - tail : 0);
	if (claimed) {
		array_exchange(a, tail, msg, displaced);
		return 0;
	}
	/* If it was closed meanwhile, receivers took our position for a message to come. */
	if (chan__waitq_attention(&a->base.waiting[CHAN__RECV]) & CHAN__WAITERS)
		chan__waitq_wake(&a->base.waiting[CHAN__RECV], CHAN__ALL);
	array_wake_senders(a, 1, CHAN__SEND);
	return EAGAIN;
}

/* Since tail was read, has anything happened that makes another try worth it? */
static bool array_has_moved(const struct array *a, uint64_t tail)
{
	return chan__u64_load_relaxed(&a->tail) != tail ||
	       chan__u64_load_relaxed(array_stamp(a, tail)) == tail ||
	       array_shut_for_senders(a, tail, array_sending_mode(a));
}

/* EAGAIN: the oldest message is held by a call in progress. */
static int array_force_send(struct chan *c, const void *msg, void *displaced, bool *was_displaced)
{
	struct array *a = array_of(c);
	uint64_t tail;
	bool displaces;
	int e;

	if (!chan__bias_share(&a->sending))
		return chan__u32_load_acquire(&a->closing) == ARRAY_OPEN ? EAGAIN : EPIPE;
	if (!chan__bias_share(&a->receiving))
		return EAGAIN;
	do {
		size_t count = 0;

		tail = chan__u64_load_relaxed(&a->tail);
		e = array_send_unbiased(c, (const char *)msg, 1, array_sending_mode(a), &count);
		displaces = e == EAGAIN && !(tail & ARRAY_FLAGS);
		if (displaces)
			e = array_displace(a, tail, msg, displaced);
	} while (e == EAGAIN && array_has_moved(a, tail));
	if (e == 0 && was_displaced)
		*was_displaced = displaces;
	return e;
}

/* -------------------------------------------------------------- the operations */

static int array_try_send_mp(struct chan *c, const void *msg)
{
	size_t count = 0;

	return array_send(c, (const char *)msg, 1, false, &count);
}

static int array_try_send_sp(struct chan *c, const void *msg)
{
	size_t count = 0;

	return array_send(c, (const char *)msg, 1, true, &count);
}

static int array_try_send_dropping(struct chan *c, const void *msg)
{
	return array_force_send(c, msg, NULL, NULL);
}

static int array_try_recv_mc(struct chan_receiver *rx, void *msg)
{
	size_t count = 0;

	if (chan__unlikely(!msg) && chan__of(rx)->msg_size > 0)
		return array_recv_destroy(chan__of(rx), 1, &count);
	return array_recv(chan__of(rx), (char *)msg, 1, false, &count);
}

static int array_try_recv_sc(struct chan_receiver *rx, void *msg)
{
	size_t count = 0;

	if (chan__unlikely(!msg) && chan__of(rx)->msg_size > 0)
		return array_recv_destroy(chan__of(rx), 1, &count);
	return array_recv(chan__of(rx), (char *)msg, 1, true, &count);
}

/* Once round the ring is as much as one claim can see. */
static int array_try_send_many(struct chan *c, const char *msgs, size_t n, size_t *count)
{
	bool single = array_of(c)->single_producer;
	int e = 0;

	while (e == 0 && *count < n)
		e = array_send(c, chan__message_at(msgs, *count, c->msg_size), n - *count, single, count);
	return e;
}

static int array_try_send_many_dropping(struct chan *c, const char *msgs, size_t n, size_t *count)
{
	int e = 0;

	while (*count < n && (e = array_try_send_dropping(c, chan__message_at(msgs, *count, c->msg_size))) == 0)
		++*count;
	return e;
}

static int array_try_recv_many(struct chan_receiver *rx, char *msgs, size_t max, size_t *count)
{
	struct chan *c = chan__of(rx);
	bool single = c->single_consumer;
	int e = 0;

	if (!msgs && c->msg_size > 0)
		return array_recv_destroy(c, max, count);
	while (e == 0 && *count < max)
		e = array_recv(c, msgs ? msgs + *count * c->msg_size : NULL, max - *count, single, count);
	return e;
}

/* -------------------------------------------------------------------- waiting */

/* Is there something at tail that a send could take: a free slot, or with
 * drop-oldest the message of one lap ago? */
static bool array_has_room(const struct array *a, uint64_t tail, uint64_t head)
{
	uint64_t stamp = chan__u64_load_acquire(array_stamp(a, tail)), oldest = tail - a->lap;

	return stamp == tail || (a->base.drop_oldest && head == oldest && stamp == (oldest | ARRAY_FULL));
}

/*
 * Full, and so since tail stands where it does: the slot it names can only become
 * free, and then tail moves on.  With drop-oldest its message can be written,
 * and then head moves on.  EXCHANGE can be another's by the next look, if the one
 * before was refused.  The stamp is the sum of all three: none of them goes back.
 * A15 acquire: what the claimer did before; pairs with A16 and A17.
 *
 * Where the owner keeps others out it has done so since it was revoked.
 */
static int array_sendable(struct array *a, uint64_t *mark)
{
	uint64_t refused, tail, head;
	bool held;

	do {
		refused = chan__u64_load_acquire(&a->refused);
		tail = chan__u64_load_acquire(&a->tail);
		head = a->base.drop_oldest ? chan__u64_load_acquire(&a->head) : 0;
		*mark = tail + head + refused;
		held = chan__bias_is_held(&a->sending);
		if (array_shut_for_senders(a, tail, array_sending_mode(a)) ||
		    (held && chan__u32_load_acquire(&a->closing) != ARRAY_OPEN))
			return EPIPE;
		if (!(tail & ARRAY_EXCHANGE) && !held && array_has_room(a, tail, head))
			return 0;
	} while (chan__u64_load_acquire(&a->tail) != tail ||
	         chan__u64_load_acquire(&a->refused) != refused);
	return EAGAIN;
}

/*
 * Empty, and so since head stands where it does.  The stamp is head, and SHUT: a
 * single producer that takes a position back hides for a moment that the end was
 * reached.  A15 as above.
 */
static int array_receivable(struct array *a, uint64_t *mark)
{
	uint64_t head;
	bool shut;

	do {
		head = chan__u64_load_acquire(&a->head);
		shut = a->single_producer && chan__u32_load_acquire(&a->closing) == ARRAY_SHUT;
		*mark = head | shut;
		if (chan__bias_is_held(&a->receiving))
			return EAGAIN;
		if (chan__u64_load_acquire(array_stamp(a, head)) == (head | ARRAY_FULL))
			return 0;
	} while (chan__u64_load_acquire(&a->head) != head);
	return a->single_producer && !shut ? EAGAIN : array_none(a, head);
}

static int array_ready(struct chan *c, enum chan__side side, struct chan_receiver *rx, uint64_t *stamp)
{
	(void)rx;
	return side == CHAN__SEND ? array_sendable(array_of(c), stamp) : array_receivable(array_of(c), stamp);
}

static bool array_is_ready(struct chan *c, enum chan__side side)
{
	uint64_t stamp;

	return array_ready(c, side, NULL, &stamp) != EAGAIN;
}

static bool array_watch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	chan__waitq_join(&c->waiting[side], n);
	return !array_is_ready(c, side) || !chan__waitq_retract(&c->waiting[side], n);
}

static void array_unwatch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	chan__waitq_leave(&c->waiting[side], n);
}

static void array_pass_on(struct chan *c, enum chan__side side, struct chan_receiver *rx)
{
	struct chan__waitq *q = &c->waiting[side];
	uint32_t attention = chan__waitq_attention(q);

	(void)rx;
	if (q->heir)
		attention |= chan__waitq_attention(q->heir);
	if ((attention & CHAN__WAITERS) && array_is_ready(c, side))
		chan__waitq_wake(q, 1);
}

/*
 * Does for the first waiter what it waits for, if that can be done now.  Its
 * thread sleeps until it is settled, so this is its call, single or not.
 */
static bool array_serve(struct chan *c, enum chan__side side)
{
	struct chan__node *n = NULL;
	int e;

	if (array_is_ready(c, side))
		n = chan__waitq_claim_starving(&c->waiting[side]);
	if (n) {
		e = side == CHAN__SEND ? c->flavor->try_send(c, n->source)
		                       : c->flavor->try_recv(&c->receiver, n->target);
		chan__node_settle(n, e);
		array_pass_on(c, side, NULL);
	}
	return n != NULL;
}

/* --------------------------------------------------------------- disconnection */

/* As A1; the closer's CLOSING is a release. */
static bool array_is_closed(const struct chan *c)
{
	return chan__u32_load_acquire(&array_of(c)->closing) != ARRAY_OPEN;
}

/* A13, light: pairs with W2; a waiter that joined sees us, or we see it. */
static void array_wake_all(struct chan *c)
{
	if (chan__waitq_attention(&c->waiting[CHAN__SEND]) & CHAN__WAITERS)
		chan__waitq_wake(&c->waiting[CHAN__SEND], CHAN__ALL);
	if (chan__waitq_attention(&c->waiting[CHAN__RECV]) & CHAN__WAITERS)
		chan__waitq_wake(&c->waiting[CHAN__RECV], CHAN__ALL);
	chan__follow(c, CHAN__SEND, NULL);
}

/* The side of the senders is everybody's, so tail can be marked.  A receiver may have done so,
 * which wakes nobody. */
static void array_shut(struct array *a)
{
	chan__u64_fetch_or_acq_rel(&a->tail, ARRAY_CLOSED);
	array_wake_all(&a->base);
}

/* Without a sender nobody is inside. */
static bool array_share_sending(struct array *a)
{
	if (chan__size_load_acquire(&a->base.senders) > 0) /* as H6 */
		return chan__bias_share(&a->sending);
	chan__bias_end(&a->sending);
	return true;
}

/* With no sender left every closer writes the same, and nobody else writes: A10 as
 * a release. */
static void array_close_deserted(struct array *a)
{
	chan__u32_store_release(&a->closing, ARRAY_CLOSING);
	chan__bias_end(&a->sending);
	chan__u64_store_release(&a->tail, chan__u64_load_relaxed(&a->tail) | ARRAY_CLOSED);
	array_wake_all(&a->base);
}

/*
 * Many producers: the bit in tail makes every later claim fail, and the claims
 * before it are positions that receivers wait for.  A10, acq_rel: what we did
 * before is visible to who gets EPIPE.  While the owner of the side is inside the bit
 * has to wait for it, but nobody else: senders see CLOSING, and the owner sets the bit when
 * it leaves.  Its send is one in progress, after which receivers look again.
 */
static void array_close_many(struct array *a)
{
	uint32_t open = ARRAY_OPEN;

	if (chan__u64_load_acquire(&a->tail) & ARRAY_CLOSED)
		return;
	if (chan__is_without_senders(&a->base)) {
		array_close_deserted(a);
		return;
	}
	chan__u32_cas_acq_rel(&a->closing, &open, ARRAY_CLOSING);
	CHAN_TP("array:closing");
	if (array_share_sending(a))
		array_shut(a);
}

/*
 * One producer: CLOSING turns it away from now on; after the heavy fence (A12,
 * pairs with A2) a claim it made before is visible in tail, so SHUT (A11 release)
 * may let receivers compare tail with head.  The receiver that reads tail is a
 * third thread: it sees what the fence made visible to the closer, because
 * it acquires SHUT, which comes after that fence.
 */
static void array_close_single(struct array *a)
{
	uint32_t open = ARRAY_OPEN;

	if (chan__u32_load_acquire(&a->closing) == ARRAY_SHUT)
		return;
	/* A second closer does it all again: its caller may rely on SHUT too. */
	chan__u32_cas_acq_rel(&a->closing, &open, ARRAY_CLOSING);
	chan__fence_heavy(&a->closing);
	chan__u32_store_release(&a->closing, ARRAY_SHUT);
	array_wake_all(&a->base);
}

static void array_close(struct chan *c)
{
	struct array *a = array_of(c);

	chan__u32_store_relaxed(&a->ending, 1);
	if (a->single_producer)
		array_close_single(a);
	else
		array_close_many(a);
}

/*
 * The receivers have left, and array_close has fixed tail, or the owner of the sending
 * side is inside, with a claim that was made or that it will take back.  Moving head to tail
 * makes every position between ours: no receive or exchange can claim one
 * afterwards.  A message already published is destroyed here; one whose
 * send is still writing is left to it.  Neither misses the other: the sender
 * publishes, then looks for GONE (W1); we set GONE, pass a heavy fence (A14),
 * then look at the stamp.  If both see both, A9 decides.
 *
 * An exchange that had claimed the oldest message before still moves tail by
 * one: so tail is read again after the fence, and the position is seen here, or the
 * exchange sees GONE.
 */
static void array_discard_among_sends(struct array *a)
{
	struct chan *c = &a->base;
	uint64_t tail, pos;

	chan__bias_end(&a->receiving); /* nobody receives, so nobody is inside */
	tail = chan__u64_load_acquire(&a->tail) & ~ARRAY_FLAGS;
	pos = chan__u64_exchange_acq_rel(&a->head, tail);
	chan__u64_store_release(&a->gone_from, pos);
	chan__u32_fetch_or_seq_cst(&c->waiting[CHAN__RECV].attention, CHAN__GONE);
	chan__fence_heavy(&c->waiting[CHAN__RECV].attention);
	CHAN_TP("array:gone");
	tail = chan__u64_load_acquire(&a->tail) & ~ARRAY_FLAGS;
	for (; pos != tail; pos = array_next(a, pos))
		array_orphan(a, pos);
}

/* Every send has returned: what is between head and tail is published, and ours. */
static void array_discard_alone(struct array *a)
{
	uint64_t tail = chan__u64_load_relaxed(&a->tail) & ~ARRAY_FLAGS;
	uint64_t pos = chan__u64_load_relaxed(&a->head);

	if (!a->base.destructor)
		return;
	for (; pos != tail; pos = array_next(a, pos)) {
		chan__u64 *stamp = array_stamp(a, pos);

		if (chan__u64_load_acquire(stamp) == (pos | ARRAY_FULL)) /* a fork leaves others */
			chan__destroy_message(&a->base, array_msg(a, stamp));
	}
}

static void array_discard(struct chan *c)
{
	if (chan__is_alone(c))
		array_discard_alone(array_of(c));
	else
		array_discard_among_sends(array_of(c));
}

/* A snapshot: tail did not move while head was read.  A single producer that
 * displaces moves tail before head: one too many is the capacity.  A18 acquire: no head
 * from before this tail, and no tail, the second time, from before this head; pairs
 * with A16. */
static size_t array_len(const struct chan *c)
{
	const struct array *a = array_of(c);
	uint64_t tail, head;
	int64_t laps, used;

	do {
		tail = chan__u64_load_acquire(&a->tail);
		head = chan__u64_load_acquire(&a->head);
	} while (chan__u64_load_relaxed(&a->tail) != tail);
	tail &= ~ARRAY_FLAGS;
	laps = (int64_t)((tail & ~a->index_mask) - (head & ~a->index_mask)) / (int64_t)a->lap;
	used = laps * (int64_t)c->capacity +
	       ((int64_t)(tail & a->index_mask) - (int64_t)(head & a->index_mask)) / (int64_t)ARRAY_ONE;
	if (used <= 0 || chan__count_receivers(c) == 0)
		return 0;
	return (size_t)used < c->capacity ? (size_t)used : c->capacity;
}

/* ------------------------------------------------------------ creation, vtable */

static bool array_serves(size_t capacity)
{
	return capacity > 0 && capacity != CHAN_UNBOUNDED;
}

static int array_size(const struct chan__config *config, size_t *offset, size_t *stride, size_t *size)
{
	if (config->capacity > SIZE_MAX / 8 ||
	    !chan__slot_layout(config->msg_size, offset, stride) ||
	    chan__mul_overflows(config->capacity, *stride, size) ||
	    chan__add_overflows(*size, chan__round_up(sizeof(struct array)), size) ||
	    *size > PTRDIFF_MAX)
		return EOVERFLOW;
	return 0;
}

static uint64_t array_lap(size_t capacity)
{
	uint64_t lap = ARRAY_ONE;

	while (lap / ARRAY_ONE < capacity)
		lap *= 2;
	return lap;
}

static const struct chan__flavor *array_variant(const struct chan__config *config);

/* start is index 0 of a lap, so the slots come one after another. */
static void array_init_stamps(struct array *a, size_t capacity, uint64_t start)
{
	size_t stride = a->stride * ARRAY_ONE;
	char *slot = a->slots;

	for (size_t i = 0; i < capacity; i++, slot += stride, start += ARRAY_ONE)
		chan__u64_init((chan__u64 *)(void *)slot, start);
}

/* Counted, so that a compiler can see the end of it, and that it does nothing. */
static void array_fini_stamps(struct array *a, size_t capacity)
{
	for (size_t i = 0; i < capacity; i++)
		chan__u64_fini(array_stamp(a, i * ARRAY_ONE));
}

static void array_init_positions(struct array *a, size_t capacity)
{
	uint64_t start;

	a->lap = array_lap(capacity);
	a->index_mask = a->lap - ARRAY_ONE;
	a->end = capacity * ARRAY_ONE & a->index_mask;
	start = CHAN_TP_START(a->lap);
	chan__u64_init(&a->tail, start);
	chan__u64_init(&a->head, start);
	chan__u64_init(&a->gone_from, start);
	chan__u32_init(&a->closing, ARRAY_OPEN);
	chan__u32_init(&a->ending, 0);
	chan__u64_init(&a->refused, 0);
	array_init_stamps(a, capacity, start);
}

/* Where every send may move head the sides are everybody's. */
static bool array_is_biased(const struct chan__config *config, chan_concurrency_t side)
{
	return side == CHAN_MANY && config->overflow == CHAN_OVERFLOW_WAIT;
}

static int array_create(const struct chan__config *config, struct chan **c)
{
	size_t offset, stride, size;
	struct array *a;
	int e = array_size(config, &offset, &stride, &size);

	if (e != 0)
		return e;
	a = (struct array *)chan__memory_get(&config->memory, size);
	if (!a)
		return ENOMEM;
	chan__init(&a->base, array_variant(config), config, size);
	a->stride = stride / ARRAY_ONE;
	a->offset = offset;
	a->slots = (char *)a + chan__round_up(sizeof(*a));
	a->single_producer = config->producers == CHAN_SINGLE;
	array_init_positions(a, config->capacity);
	chan__bias_init(&a->sending, array_is_biased(config, config->producers));
	chan__bias_init(&a->receiving, array_is_biased(config, config->consumers));
	if (a->base.drop_oldest)
		a->base.waiting[CHAN__RECV].heir = &a->base.waiting[CHAN__SEND];
	*c = &a->base;
	return 0;
}

static void array_destroy(struct chan *c)
{
	struct array *a = array_of(c);

	array_fini_stamps(a, c->capacity);
	chan__bias_fini(&a->receiving);
	chan__bias_fini(&a->sending);
	chan__u64_fini(&a->refused);
	chan__u32_fini(&a->ending);
	chan__u32_fini(&a->closing);
	chan__u64_fini(&a->gone_from);
	chan__u64_fini(&a->head);
	chan__u64_fini(&a->tail);
	chan__fini(c);
}

/* The variants differ in four operations. */
#define ARRAY_FLAVOR(send, send_many, recv)            \
	{                                              \
		.id = CHAN_FLAVOR_ARRAY,               \
		.name = "array",                       \
		.default_capacity = CHAN__MUST_BE_SET, \
		.automatic = true,                     \
		.can_overwrite = true,                 \
		.serves = array_serves,                \
		.create = array_create,                \
		.destroy = array_destroy,              \
		.try_send = send,                      \
		.try_recv = recv,                      \
		.try_send_many = send_many,            \
		.try_recv_many = array_try_recv_many,  \
		.force_send = array_force_send,        \
		.ready = array_ready,                  \
		.watch = array_watch,                  \
		.unwatch = array_unwatch,              \
		.pass_on = array_pass_on,              \
		.serve = array_serve,                  \
		.close = array_close,                  \
		.discard = array_discard,              \
		.is_closed = array_is_closed,          \
		.len = array_len,                      \
	}

const struct chan__flavor chan__array = ARRAY_FLAVOR(array_try_send_mp, array_try_send_many, array_try_recv_mc);
static const struct chan__flavor array_mp_sc = ARRAY_FLAVOR(array_try_send_mp, array_try_send_many, array_try_recv_sc);
static const struct chan__flavor array_sp_mc = ARRAY_FLAVOR(array_try_send_sp, array_try_send_many, array_try_recv_mc);
static const struct chan__flavor array_sp_sc = ARRAY_FLAVOR(array_try_send_sp, array_try_send_many, array_try_recv_sc);
static const struct chan__flavor array_dropping =
	ARRAY_FLAVOR(array_try_send_dropping, array_try_send_many_dropping, array_try_recv_mc);

static const struct chan__flavor *array_variant(const struct chan__config *config)
{
	if (config->overflow == CHAN_OVERFLOW_DROP_OLDEST)
		return &array_dropping;
	if (config->producers == CHAN_SINGLE)
		return config->consumers == CHAN_SINGLE ? &array_sp_sc : &array_sp_mc;
	return config->consumers == CHAN_SINGLE ? &array_mp_sc : &chan__array;
}
