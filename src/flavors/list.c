/*
 * list.c - unbounded: a list of blocks of slots
 *
 *      head_block                                    tail_block
 *          |                                             |
 *          v                                             v
 *     [. . . m m m m m]--next-->[m m m m m m m m]--next-->[m m w m . . . .]
 *            ^ head                                              ^ tail
 *
 * m is a published message, w one that its sender is still writing.
 *
 * A position counts messages, in steps of two; bit 0 of tail is CLOSED.  The
 * block of a position is found without touching one: tail_block carries, in
 * its lowest bit, whether its block's number is odd.
 *
 * Senders claim a position by moving tail, and never wait for one another.
 * All slots of a block but the last are claimed without touching the block,
 * which may be gone before the claim fails.  Whoever is about to claim the last slot
 * links the next block first, so that the claim leaves nothing for others to
 * wait for, and moves tail_block on afterwards, which everybody else can do too.  This
 * one step in a block's life reads a block that the caller holds no slot in: it
 * is counted in `guests`, and a block that receivers have finished with stays
 * until no guest is there.  Before the first block stands `root`, which has no slots: the
 * first send finds tail_block lagging there, and makes the first block.
 *
 * Receivers take turns: `turn` is held while one looks at the slot at head,
 * moves head and copies a small message.  Nobody waits for it: who finds
 * it taken says EAGAIN, and one that goes to sleep leaves MISSED for the
 * holder.  A large message, or one for the destructor, leaves the turn first;
 * `holds` keeps its block.  The first thread that receives owns all turns, until
 * another one comes (base/bias.h), and pays nothing for one; while it is inside it has
 * the turn, and MISSED is left for it as for any other.
 *
 * Source: blocks of slots and positions that name them are crossbeam's list
 * flavor.  The claim that leaves nothing to wait for, guests and turns are
 * ours: there, a sender that stops after the last slot of a block stops everybody.
 *
 * Invariants:
 *   head <= tail; head_block is the block of head, or NULL while that is the first and
 *   no receiver has seen it; tail_block is the block of tail or the one before it;
 *   the last slot of a block is claimed only after `next` is set, and published only
 *   after tail_block has moved on;
 *   a block is released once head has left it, no guest came before that, and
 *   nobody holds a slot in it.
 *
 * Moment of truth.  "Empty": under the turn head does not move, and the slot
 * at head was not FULL when its state was read: the next message did not
 * exist, or was still being written.  EAGAIN because the turn is taken: the next
 * message was in the hands of the receiver that has it.  There is no "full".
 *
 * MISSED is one bit for any number of waiters, and is cleared before one of
 * them is woken.  That is enough because the one that is woken does it all again,
 * or passes on, and passes on too where it meets a turn that is taken.
 */
#include "base/backoff.h"
#include "base/bias.h"
#include "base/copy.h"
#include "base/pause.h"
#include "base/probe.h"
#include "flavor.h"

#define LIST_CLOSED UINT64_C(1)
#define LIST_STEP   UINT64_C(2)

enum { LIST_EMPTY, LIST_FULL, LIST_TAKEN };
enum { LIST_OPEN, LIST_CLOSING, LIST_SHUT };

/* Messages up to this size are copied within the turn. */
enum { LIST_SMALL = 256 };

/*
 * Who loses a race for tail, or finds the turn taken, stands aside 2^4 or 2^5
 * pauses at once: the winner, left alone with its cache lines, does in that time
 * what would cost both of them several times as much side by side.
 */
enum { LIST_ASIDE_RECV = 4, LIST_ASIDE_SEND = 5 };

struct list_block {
	chan__ptr next;            /* set once, by any sender */
	uint64_t first;            /* the position of slot 0; before it is linked */
	chan__u32 holds;           /* 1 until head has left it, and 1 for each receive outside the turn */
	struct list_block *retired_next; /* whoever retires it, before it is on the list */
};

struct list {
	struct chan base;
	/* Written at creation. */
	uint64_t span;             /* of a block, in positions; a power of two */
	uint64_t at_mask;          /* what a position says about its slot */
	size_t per_block;
	size_t stride;             /* bytes of a slot, divided by LIST_STEP */
	size_t offset;             /* of the message in its slot */
	size_t block_size;
	bool single_producer;

	char pad0[CHAN__LINE];
	chan__u64 tail;            /* senders claim; closers set CLOSED */
	chan__size tail_block;     /* pointer, and parity in bit 0; senders */
	chan__u32 guests;          /* senders in list_extend */
	chan__u32 closing;         /* single producer: LIST_OPEN, _CLOSING, _SHUT; the closer */
	char pad1[CHAN__LINE];
	struct chan__bias receiving; /* whose turns are all */
	chan__u32 turn;            /* 1: taken; receivers */
	chan__u32 drain_wanted;    /* after the receivers left: anybody asks, who has the turn answers */
	chan__u32 ending;          /* 1 before CLOSED is set or `closing` is more than OPEN; closers */
	chan__u64 head;            /* who has the turn */
	struct list_block *head_block; /* under the turn */
	struct list_block root;    /* before the first block; its next: the sender that makes that */
	char pad2[CHAN__LINE];
	chan__ptr retired;         /* blocks left by head, perhaps read by guests; anybody, rarely */
	char pad3[CHAN__LINE];
};

CHAN__HIDDEN extern const struct chan__flavor chan__list;

static inline struct list *list_of(const struct chan *c)
{
	return (struct list *)(uintptr_t)c;
}

/* --------------------------------------------------------------------- blocks */

CHAN__INLINE size_t list_parity(const struct list *l, uint64_t pos)
{
	return (pos & l->span) != 0; /* a power of two */
}

/* Its slot in the block, counted from 0. */
CHAN__INLINE size_t list_at(const struct list *l, uint64_t pos)
{
	return (size_t)((pos & l->at_mask) / LIST_STEP);
}

CHAN__INLINE chan__u32 *list_slot(const struct list *l, struct list_block *b, uint64_t pos)
{
	return (chan__u32 *)(void *)((char *)b + chan__round_up(sizeof(*b)) +
	                             (size_t)(pos & l->at_mask) * l->stride);
}

static inline void *list_msg(const struct list *l, chan__u32 *slot)
{
	return (char *)slot + l->offset;
}

static inline struct list_block *list_untag(size_t tagged)
{
	return (struct list_block *)(tagged & ~(size_t)1);
}

static inline size_t list_tag(const struct list *l, const struct list_block *b)
{
	return (size_t)b | list_parity(l, b->first);
}

static struct list_block *list_block_new(struct list *l, uint64_t first)
{
	struct list_block *b = (struct list_block *)chan__memory_get(&l->base.memory, l->block_size);

	if (!b)
		return NULL;
	chan__ptr_init(&b->next, NULL);
	chan__u32_init(&b->holds, 1);
	b->first = first;
	b->retired_next = NULL;
	for (uint64_t pos = first; pos != first + l->span; pos += LIST_STEP)
		chan__u32_init(list_slot(l, b, pos), LIST_EMPTY);
	return b;
}

static void list_block_free(struct list *l, struct list_block *b)
{
	for (uint64_t pos = b->first; pos != b->first + l->span; pos += LIST_STEP)
		chan__u32_fini(list_slot(l, b, pos));
	chan__u32_fini(&b->holds);
	chan__ptr_fini(&b->next);
	chan__memory_put(&l->base.memory, b, l->block_size);
}

/* L1 acq_rel: what every holder did with the block comes before it is freed. */
static void list_unhold(struct list *l, struct list_block *b)
{
	if (chan__u32_fetch_sub_acq_rel(&b->holds, 1) == 1)
		list_block_free(l, b);
}

/* Under the turn, before anything was received: the first block, once there is one.  As L7. */
static CHAN__COLD struct list_block *list_first_block(struct list *l)
{
	l->head_block = (struct list_block *)chan__ptr_load_acquire(&l->root.next);
	return l->head_block;
}

/* -------------------------------------------------------------------- the turn */

/* L2 acquire: what the last holder did; pairs with L3.  L20 release: what this one
 * did elsewhere before; pairs with L21. */
CHAN__INLINE bool list_take_turn(struct list *l)
{
	unsigned collisions = LIST_ASIDE_RECV;

	for (unsigned tries = 0; tries < CHAN__TURN_TRIES; tries++) {
		uint32_t open = 0;

		if (chan__likely(chan__u32_load_relaxed(&l->turn) == 0) &&
		    chan__likely(chan__u32_cas_acq_rel(&l->turn, &open, 1)))
			return true;
		chan__collided(&collisions);
	}
	return false;
}

/* What a turn is made of. */
enum list_mode {
	LIST_MANY,   /* the word `turn` */
	LIST_SINGLE, /* a promise: there is nothing to take and to give */
	LIST_OWNER   /* the side, which the caller owns */
};

static CHAN__COLD void list_drain(struct list *l);
static bool list_serve(struct chan *c, enum chan__side side);

/* What who had the turn heeds afterwards: who only looked, and who took something. */
enum {
	LIST_LOOKED = CHAN__MISSED | CHAN__GONE,
	LIST_TOOK   = CHAN__MISSED | CHAN__GONE | CHAN__POLLED
};

/* Somebody went to sleep because the turn was taken; or the destructor of the
 * message at hand dropped the last receiver, and a sender may want a drain; or there
 * are descriptors.  A callback may drop the handle in use: the caller does not
 * touch the channel again, or has reason to know that it is held. */
static CHAN__COLD void list_heed(struct list *l, uint32_t attention)
{
	struct chan *c = &l->base;
	struct chan__waitq *q = &c->waiting[CHAN__RECV];

	chan__hold(c);
	if (attention & CHAN__POLLED)
		chan__changed(c, CHAN__RECV, &c->receiver);
	if (attention & CHAN__MISSED) {
		chan__u32_fetch_and_seq_cst(&q->attention, ~(uint32_t)CHAN__MISSED);
		chan__waitq_wake(q, 1);
	}
	if (attention & CHAN__GONE)
		list_drain(l);
	chan__release(c);
}

/*
 * L3 release: head and head_block; pairs with L2.  Then a light fence, in
 * chan__waitq_attention, pairs with the heavy one in list_watch: a waiter that
 * found the turn taken sees it free, or we see MISSED.
 */
CHAN__INLINE uint32_t list_give_turn(struct list *l, enum list_mode mode, uint32_t heeded)
{
	if (mode == LIST_OWNER)
		chan__bias_leave(&l->receiving);
	else
		chan__u32_store_release(&l->turn, 0);
	return chan__waitq_attention(&l->base.waiting[CHAN__RECV]) & heeded;
}

CHAN__INLINE void list_leave_turn(struct list *l, enum list_mode mode, uint32_t heeded)
{
	uint32_t attention = list_give_turn(l, mode, heeded);

	if (chan__unlikely(attention != 0))
		list_heed(l, attention);
}

/* ----------------------------------------------------------- releasing blocks */

/* The blocks from first to last, linked, wait until no guest is there. */
static void list_put_retired(struct list *l, struct list_block *first, struct list_block *last)
{
	void *top = chan__ptr_load_relaxed(&l->retired);

	do
		last->retired_next = (struct list_block *)top;
	while (!chan__ptr_cas_seq_cst(&l->retired, &top, first));
}

/* Taken off the list; the last of them in *last. */
static struct list_block *list_take_retired(struct list *l, struct list_block **last)
{
	struct list_block *first = (struct list_block *)chan__ptr_exchange_seq_cst(&l->retired, NULL);

	for (*last = first; *last && (*last)->retired_next; *last = (*last)->retired_next)
		continue;
	return first;
}

static void list_unhold_retired(struct list *l, struct list_block *b)
{
	struct list_block *next;

	for (; b; b = next) {
		next = b->retired_next;
		list_unhold(l, b);
	}
}

/*
 * Called by whoever may have removed the last obstacle: a guest that leaves,
 * or who put a block on the list.  Each first makes its own change (guests,
 * retired) and then looks at the other's, all seq_cst, so one of them finds
 * blocks and no guests.  The blocks are taken off first: a guest that comes
 * after we saw none cannot find those, but could have found one retired since.
 * Another who finds the list empty meanwhile may leave: we put back what we
 * cannot release, and look again.
 */
static CHAN__COLD void list_reclaim(struct list *l)
{
	struct list_block *first, *last;

	while (chan__ptr_load_seq_cst(&l->retired) && chan__u32_load_seq_cst(&l->guests) == 0) {
		first = list_take_retired(l, &last);
		if (!first)
			return;
		if (chan__u32_load_seq_cst(&l->guests) == 0)
			list_unhold_retired(l, first);
		else
			list_put_retired(l, first, last);
	}
}

/*
 * head has left the block.  Receivers have given the turn back before, so that
 * it is never held across the allocator.  tail_block left the block before its
 * last slot was published: a guest that comes from now on cannot find it, one
 * that came before is counted.  L4 seq_cst: pairs with L5.
 */
static void list_retire(struct list *l, struct list_block *b)
{
	if (chan__likely(chan__u32_load_seq_cst(&l->guests) == 0)) {
		list_unhold(l, b);
		return;
	}
	list_put_retired(l, b, b);
	list_reclaim(l);
}

/* -------------------------------------------------------------------- sending */

/* L6 acquire: what the closer did before; pairs with L12 and L13. */
CHAN__INLINE bool list_shut_for_senders(const struct list *l, uint64_t tail, bool single)
{
	if (single)
		return chan__unlikely(chan__u32_load_acquire(&l->closing) != LIST_OPEN);
	return chan__unlikely((tail & LIST_CLOSED) != 0);
}

/* The block after b, made if need be; NULL: no memory. */
static struct list_block *list_next(struct list *l, struct list_block *b)
{
	/* L7 acquire: the block's contents; pairs with L8. */
	void *next = chan__ptr_load_acquire(&b->next);
	struct list_block *fresh;

	if (next)
		return (struct list_block *)next;
	fresh = list_block_new(l, b->first + l->span);
	if (!fresh)
		return NULL;
	/* L8 acq_rel: publishes the fresh block, or sees another's. */
	if (chan__ptr_cas_acq_rel(&b->next, &next, fresh))
		return fresh;
	list_block_free(l, fresh);
	return (struct list_block *)next;
}

/*
 * tail_block goes on from b; whoever is second does no harm: b is no longer
 * there, and cannot come back while the caller is a guest.  L18 seq_cst, in
 * failure too: the claimer of the last slot passes here before it publishes,
 * and the retirement of b, L4, comes after that publication; so a guest whom L4
 * does not see reads a later tail_block in L5.
 */
static void list_move_tail_block(struct list *l, struct list_block *b, struct list_block *next)
{
	size_t old = list_tag(l, b);

	chan__size_cas_seq_cst(&l->tail_block, &old, list_tag(l, next));
}

/* As a guest: claims the last slot of the tail's block, or helps.  EAGAIN:
 * something has moved, look again. */
static int list_extend_as_guest(struct list *l, struct list_block **block, uint64_t *pos)
{
	struct list_block *b = list_untag(chan__size_load_seq_cst(&l->tail_block)), *next;
	uint64_t tail = chan__u64_load_acquire(&l->tail);

	if (tail & LIST_CLOSED)
		return EPIPE;
	if (tail - b->first == l->span) { /* the claimer of b's last slot is not so far yet, or b is root */
		next = list_next(l, b);
		if (!next)
			return ENOMEM;
		list_move_tail_block(l, b, next);
		return EAGAIN;
	}
	if (tail - b->first != l->span - LIST_STEP)
		return EAGAIN;
	next = list_next(l, b);
	if (!next)
		return ENOMEM;
	CHAN_TP("list:extend");
	/* L9 release: tail_block is b or later for all who see this position; pairs
	 * with L10.  Claims and closing are read-modify-writes, so they carry it on. */
	if (!chan__u64_cas_acq_rel(&l->tail, &tail, tail + LIST_STEP))
		return EAGAIN;
	CHAN_TP("list:claimed-last");
	list_move_tail_block(l, b, next);
	*block = b;
	*pos = tail;
	return 0;
}

/* L5 seq_cst: counted before tail_block is read; pairs with L4. */
static CHAN__COLD int list_extend(struct list *l, struct list_block **block, uint64_t *pos)
{
	int e;

	chan__u32_fetch_add_seq_cst(&l->guests, 1);
	e = list_extend_as_guest(l, block, pos);
	if (chan__u32_fetch_sub_seq_cst(&l->guests, 1) == 1 && chan__ptr_load_seq_cst(&l->retired))
		list_reclaim(l);
	return e;
}

/*
 * Claims up to n positions side by side in one block.
 *
 * L10 acquire: pairs with L9.  While tail stands in block k, tail_block is
 * that of k or lags at k-1, and parity tells which.  If it is newer, tail has
 * moved, and the claim fails.  L11 acquire: the block's contents.  L22 release: who
 * reads this tail in list_len sees no head older than what we took before; pairs with L23.
 */
CHAN__INLINE int list_claim_send(struct list *l, size_t n, struct list_block **block,
                                 uint64_t *pos, size_t *claimed)
{
	unsigned collisions = LIST_ASIDE_SEND;

	for (;;) {
		uint64_t tail = chan__u64_load_acquire(&l->tail);
		size_t tagged = chan__size_load_acquire(&l->tail_block);
		size_t room = l->per_block - 1 - list_at(l, tail);
		size_t k = n == 1 || n < room ? n : room;

		if (list_shut_for_senders(l, tail, false))
			return EPIPE;
		if (chan__unlikely(room == 0 || (tagged & 1) != list_parity(l, tail))) {
			int e = list_extend(l, block, pos);

			*claimed = 1;
			if (e != EAGAIN)
				return e;
		} else if (chan__likely(chan__u64_cas_release(&l->tail, &tail, tail + k * LIST_STEP))) {
			*block = list_untag(tagged);
			*pos = tail;
			*claimed = k;
			return 0;
		} else {
			chan__collided(&collisions);
		}
	}
}

/* A single producer has claimed positions in a channel that is closed.  Who looked
 * meanwhile took them for messages to come, so all are told of the end once more. */
static CHAN__COLD void list_take_back(struct list *l, uint64_t tail)
{
	struct chan *c = &l->base;

	chan__hold(c); /* a callback may drop the handle in use */
	chan__u64_store_release(&l->tail, tail);
	chan__follow(c, CHAN__SEND, NULL);
	chan__waitq_wake(&c->waiting[CHAN__RECV], CHAN__ALL);
	chan__release(c);
}

/* A single producer makes the first block.  L24 release, as L9, for who comes to free it. */
static CHAN__COLD struct list_block *list_leave_root(struct list *l)
{
	struct list_block *b = list_next(l, &l->root);

	if (b)
		chan__size_store_release(&l->tail_block, list_tag(l, b));
	return b;
}

/*
 * The same for one producer, who owns tail and tail_block.  It stores first and
 * looks whether somebody is closing afterwards: the light fence pairs with the
 * closer's heavy one (L14), so the closer sees the store, or we see the closer.
 */
CHAN__INLINE int list_claim_send_single(struct list *l, size_t n, struct list_block **block,
                                        uint64_t *pos, size_t *claimed)
{
	uint64_t tail = chan__u64_load_relaxed(&l->tail);
	struct list_block *b = list_untag(chan__size_load_relaxed(&l->tail_block)), *next = NULL;
	size_t room = l->per_block - list_at(l, tail);
	size_t k = n < room ? n : room;

	if (list_shut_for_senders(l, tail, true))
		return EPIPE;
	if (chan__unlikely(b == &l->root) && !(b = list_leave_root(l)))
		return ENOMEM;
	if (chan__unlikely(k == room) && !(next = list_next(l, b)) && --k == 0)
		return ENOMEM;
	chan__u64_store_release(&l->tail, tail + k * LIST_STEP); /* L22 */
	CHAN_TP("list:advanced");
	chan__fence_light(&l->closing);
	if (list_shut_for_senders(l, tail, true)) {
		list_take_back(l, tail);
		return EPIPE;
	}
	if (next)
		chan__size_store_release(&l->tail_block, list_tag(l, next));
	*block = b;
	*pos = tail;
	*claimed = k;
	return 0;
}

/* ------------------------------------------------------ after the receivers left */

/*
 * Under the turn, which orders the marks TAKEN of one walk before the next.
 * Destroys what is published, wherever it lies, and lets head follow over what
 * is done with.  `next` can be missing only behind a position that a single
 * producer has taken in its last block, where the walk ends and head does not follow.
 */
static void list_drain_in_turn(struct list *l)
{
	uint64_t tail = chan__u64_load_acquire(&l->tail) & ~LIST_CLOSED;
	uint64_t pos = chan__u64_load_relaxed(&l->head);
	struct list_block *b = l->head_block;
	bool contiguous = true;

	if (!b && !(b = list_first_block(l)))
		return;
	if (pos - b->first >= l->span)
		return; /* a fork left head between two blocks */
	while ((int64_t)(tail - pos) > 0) {
		chan__u32 *slot = list_slot(l, b, pos);
		struct list_block *leaving = b;
		uint32_t state = chan__u32_load_acquire(slot); /* as L16 */

		if (state == LIST_FULL) {
			chan__u32_store_relaxed(slot, LIST_TAKEN);
			chan__destroy_message(&l->base, list_msg(l, slot));
		}
		contiguous = contiguous && state != LIST_EMPTY;
		pos += LIST_STEP;
		if (list_at(l, pos) == 0)
			b = (struct list_block *)chan__ptr_load_acquire(&leaving->next);
		if (!contiguous)
			continue;
		chan__u64_store_release(&l->head, pos);
		l->head_block = b;
		if (b != leaving)
			list_retire(l, leaving);
	}
}

/*
 * The note is left first; who has the turn for a drain serves it, and looks
 * again after giving the turn back, by the argument of waitq.c.  Who has it
 * for a receive (its destructor dropped the last receiver) sees GONE when it
 * leaves, or leaves before GONE is set, and then list_discard's own drain finds the turn
 * free.  So does an owner that is inside: it may only be looking, for a sender that would
 * serve a receiver.
 */
static CHAN__COLD void list_drain(struct list *l)
{
	uint32_t open = 0;

	chan__hold(&l->base);
	chan__u32_fetch_or_seq_cst(&l->drain_wanted, 1);
	while (chan__u32_fetch_or_seq_cst(&l->drain_wanted, 0) != 0 && chan__bias_share(&l->receiving) &&
	       chan__u32_cas_seq_cst(&l->turn, &open, 1)) {
		chan__u32_exchange_seq_cst(&l->drain_wanted, 0);
		list_drain_in_turn(l);
		chan__u32_exchange_seq_cst(&l->turn, 0);
		open = 0;
	}
	chan__release(&l->base);
}

/*
 * Something was published while somebody paid attention.  A waiter that starves
 * is not woken but served, so that nobody can be faster than it once more; if
 * that does not succeed, it is woken all the same.
 */
static CHAN__COLD void list_sent(struct list *l, size_t n, uint32_t attention)
{
	struct chan *c = &l->base;

	if (attention & CHAN__POLLED)
		chan__changed(c, CHAN__SEND, NULL);
	if (attention & CHAN__GONE) {
		list_drain(l);
	} else if (attention & (CHAN__STARVING | CHAN__WAITERS)) {
		chan__hold(c); /* a callback may drop the handle in use */
		if (!(attention & CHAN__STARVING) || !list_serve(c, CHAN__RECV))
			chan__waitq_wake(&c->waiting[CHAN__RECV], chan__wakes(n));
		chan__release(c);
	}
}

/* L15 release: publishes the message; pairs with L16. */
CHAN__INLINE void list_publish(struct list *l, struct list_block *b, uint64_t pos, const void *msg)
{
	chan__u32 *slot = list_slot(l, b, pos);

	chan__copy(list_msg(l, slot), msg, l->base.msg_size);
	chan__u32_store_release(slot, LIST_FULL);
}

CHAN__INLINE int list_send(struct chan *c, const char *msgs, size_t n, bool single, size_t *count)
{
	struct list *l = list_of(c);
	struct list_block *b;
	uint64_t pos;
	size_t k;
	uint32_t attention;
	int e = single ? list_claim_send_single(l, n, &b, &pos, &k)
	               : list_claim_send(l, n, &b, &pos, &k);

	if (chan__unlikely(e != 0))
		return e;
	CHAN_TP("list:claimed-send");
	*count += k;
	for (size_t i = 0; i < k; i++)
		list_publish(l, b, pos + i * LIST_STEP, chan__message_at(msgs, i, c->msg_size));
	CHAN_TP("list:published");
	CHAN__PROBE(send, c, k);
	attention = chan__waitq_attention(&c->waiting[CHAN__RECV]);
	if (chan__unlikely(attention != 0))
		list_sent(l, k, attention);
	return 0;
}

/* ------------------------------------------------------------------ receiving */

/*
 * Nothing at head: will there be?  Acquires pair with L12 and L13.  `ending` is written
 * before them, so who has seen the channel closed, or was told by one who has, reads 1.  As long as it is 0
 * receivers that find nothing leave the line alone where senders work.
 */
static CHAN__COLD int list_none(const struct list *l, uint64_t head)
{
	uint64_t tail;

	CHAN_TP("list:none");
	if (chan__likely(chan__u32_load_relaxed(&l->ending) == 0))
		return EAGAIN;
	if (l->single_producer && chan__u32_load_acquire(&l->closing) != LIST_SHUT)
		return EAGAIN;
	tail = chan__u64_load_acquire(&l->tail);
	if (!l->single_producer && !(tail & LIST_CLOSED))
		return EAGAIN;
	return (tail & ~LIST_CLOSED) == head ? EPIPE : EAGAIN;
}

/* Under the turn: the slot at head.  Is it published?  L16 acquire: the message;
 * pairs with L15. */
CHAN__INLINE bool list_peek(struct list *l, uint64_t head, chan__u32 **slot)
{
	if (chan__unlikely(!l->head_block) && !list_first_block(l))
		return false;
	*slot = list_slot(l, l->head_block, head);
	return chan__u32_load_acquire(*slot) == LIST_FULL;
}

/* Under the turn: head leaves its slot, and perhaps its block: true.  The next
 * block was linked before this block's last message was published. */
CHAN__INLINE bool list_advance(struct list *l, struct list_block *b, uint64_t head)
{
	chan__u64_store_release(&l->head, head + LIST_STEP);
	if (chan__likely(((head + LIST_STEP) & l->at_mask) != 0))
		return false;
	l->head_block = (struct list_block *)chan__ptr_load_acquire(&b->next);
	return true;
}

/* The turn ends, because all that it could find in b has been taken. */
static __attribute__((noinline)) int list_finish_block(struct list *l, struct list_block *b, enum list_mode mode)
{
	uint32_t attention = mode == LIST_SINGLE ? 0 : list_give_turn(l, mode, LIST_TOOK);

	list_retire(l, b);
	if (chan__unlikely(attention != 0))
		list_heed(l, attention);
	return 0;
}

/* In a turn: up to max messages of one block. */
CHAN__INLINE int list_recv_in_turn(struct chan *c, char *msgs, size_t max, enum list_mode mode, size_t *count)
{
	struct list *l = list_of(c);
	uint64_t head = chan__u64_load_relaxed(&l->head);
	int e = 0;

	while (*count < max) {
		struct list_block *b;
		chan__u32 *slot;

		if (chan__unlikely(!list_peek(l, head, &slot))) {
			e = list_none(l, head);
			break;
		}
		b = l->head_block;
		chan__copy(chan__message_at(msgs, *count, c->msg_size), list_msg(l, slot), c->msg_size);
		++*count;
		CHAN__PROBE(receive, c, 1);
		if (chan__unlikely(list_advance(l, b, head)))
			return list_finish_block(l, b, mode);
		head += LIST_STEP;
	}
	CHAN_TP("list:in-turn");
	if (mode != LIST_SINGLE)
		list_leave_turn(l, mode, LIST_TOOK);
	return e;
}

/*
 * False: the turn is taken, by its word or by the owner of all.  An owner that has just
 * lost them (LOST) was perhaps taken for one inside, and MISSED left for it: whoever
 * has the next turn sees that, be it this call or the one that was faster.
 */
CHAN__INLINE bool list_begin_turn(struct list *l, enum list_mode *mode)
{
	enum chan__bias_way way = chan__bias_enter(&l->receiving);

	*mode = way == CHAN__BIAS_OWNER ? LIST_OWNER : LIST_MANY;
	return chan__likely(way == CHAN__BIAS_OWNER) ||
	       (chan__likely(way != CHAN__BIAS_HELD) && list_take_turn(l));
}

CHAN__INLINE int list_recv(struct chan *c, char *msgs, size_t max, bool single, size_t *count)
{
	enum list_mode mode;

	if (single)
		return list_recv_in_turn(c, msgs, max, LIST_SINGLE, count);
	if (chan__unlikely(!list_begin_turn(list_of(c), &mode)))
		return EAGAIN;
	if (mode == LIST_OWNER)
		return list_recv_in_turn(c, msgs, max, LIST_OWNER, count);
	return list_recv_in_turn(c, msgs, max, LIST_MANY, count);
}

/*
 * One message that is large, or goes to the destructor, outside the turn.  A
 * destructor may drop the last receiver, and a drain come: a call that runs it
 * takes the turn even where a single consumer was promised.
 */
static int list_recv_outside(struct chan *c, void *msg, bool promised)
{
	struct list *l = list_of(c);
	enum list_mode mode = LIST_SINGLE;
	struct list_block *b;
	chan__u32 *slot;
	uint64_t head;
	bool left = false, found;
	int e = 0;

	if (!(promised && msg) && !list_begin_turn(l, &mode))
		return EAGAIN;
	head = chan__u64_load_relaxed(&l->head);
	found = list_peek(l, head, &slot);
	b = l->head_block;
	if (found) {
		chan__u32_fetch_add_relaxed(&b->holds, 1);
		left = list_advance(l, b, head);
	} else {
		e = list_none(l, head);
	}
	if (mode != LIST_SINGLE)
		list_leave_turn(l, mode, LIST_TOOK);
	if (left)
		list_retire(l, b);
	if (!found)
		return e;
	CHAN_TP("list:claimed-recv");
	if (msg)
		chan__copy(msg, list_msg(l, slot), c->msg_size);
	else
		chan__destroy_message(c, list_msg(l, slot));
	CHAN__PROBE(receive, c, 1);
	list_unhold(l, b);
	return 0;
}

/* A single consumer, who takes no turn.  It is the one that asks for the descriptor,
 * so it has asked before or will look after: no fence is needed. */
CHAN__INLINE void list_follow_single(struct chan *c)
{
	if (chan__unlikely(chan__u32_load_relaxed(&c->waiting[CHAN__RECV].attention) & CHAN__POLLED))
		chan__changed(c, CHAN__RECV, &c->receiver);
}

/* The destructor may drop the handle in use. */
static int list_recv_many_outside(struct chan *c, char *msgs, size_t max, bool single, size_t *count)
{
	int e = 0;

	chan__hold(c);
	while (*count < max &&
	       (e = list_recv_outside(c, msgs ? msgs + *count * c->msg_size : NULL, single)) == 0)
		++*count;
	if (single)
		list_follow_single(c);
	chan__release(c);
	return e;
}

static int list_recv_one_outside(struct chan *c, void *msg)
{
	int e;

	chan__hold(c);
	e = list_recv_outside(c, msg, false);
	chan__release(c);
	return e;
}

static __attribute__((noinline)) int list_recv_one_outside_single(struct chan *c, void *msg)
{
	int e;

	chan__hold(c);
	e = list_recv_outside(c, msg, true);
	list_follow_single(c);
	chan__release(c);
	return e;
}

/* -------------------------------------------------------------- the operations */

static int list_try_send_mp(struct chan *c, const void *msg)
{
	size_t count = 0;

	return list_send(c, (const char *)msg, 1, false, &count);
}

static int list_try_send_sp(struct chan *c, const void *msg)
{
	size_t count = 0;

	return list_send(c, (const char *)msg, 1, true, &count);
}

static int list_try_send_many(struct chan *c, const char *msgs, size_t n, size_t *count)
{
	bool single = list_of(c)->single_producer;
	int e = 0;

	while (e == 0 && *count < n)
		e = list_send(c, chan__message_at(msgs, *count, c->msg_size), n - *count, single, count);
	return e;
}

static int list_force_send(struct chan *c, const void *msg, void *displaced, bool *was_displaced)
{
	int e = c->flavor->try_send(c, msg);

	(void)displaced;
	if (e == 0 && was_displaced)
		*was_displaced = false;
	return e;
}

CHAN__INLINE bool list_is_small(const struct chan *c, const void *msg)
{
	return chan__likely(msg != NULL) ? c->msg_size <= LIST_SMALL : c->msg_size == 0;
}

static int list_try_recv_mc(struct chan_receiver *rx, void *msg)
{
	struct chan *c = chan__of(rx);
	size_t count = 0;

	if (chan__likely(list_is_small(c, msg)))
		return list_recv(c, (char *)msg, 1, false, &count);
	return list_recv_one_outside(c, msg);
}

static int list_try_recv_sc(struct chan_receiver *rx, void *msg)
{
	struct chan *c = chan__of(rx);
	size_t count = 0;
	int e;

	if (chan__unlikely(!list_is_small(c, msg)))
		return list_recv_one_outside_single(c, msg);
	e = list_recv(c, (char *)msg, 1, true, &count);
	list_follow_single(c);
	return e;
}

static int list_try_recv_many(struct chan_receiver *rx, char *msgs, size_t max, size_t *count)
{
	struct chan *c = chan__of(rx);
	bool single = c->single_consumer;
	int e = 0;

	if (!list_is_small(c, msgs))
		return list_recv_many_outside(c, msgs, max, single, count);
	while (e == 0 && *count < max)
		e = list_recv(c, msgs, max, single, count);
	if (single)
		list_follow_single(c);
	return e;
}

/* -------------------------------------------------------------------- waiting */

/*
 * Is there a message?  *busy: another receiver has the turn, and with it
 * the next message in its hands; it will look for MISSED.  The stamp is head: what
 * was published there stays until head moves on.
 */
static int list_receivable(struct list *l, uint64_t *head, bool *busy)
{
	enum list_mode mode = LIST_SINGLE;
	chan__u32 *slot;
	int e = 0;

	*busy = !l->base.single_consumer && !list_begin_turn(l, &mode);
	if (*busy) /* L21 acquire: a snapshot sees what the holder did before; pairs with L20 */
		chan__u32_load_acquire(&l->turn);
	*head = chan__u64_load_acquire(&l->head);
	if (*busy)
		return EAGAIN;
	CHAN_TP("list:look");
	if (!list_peek(l, *head, &slot))
		e = list_none(l, *head);
	if (mode != LIST_SINGLE)
		list_leave_turn(l, mode, LIST_LOOKED);
	return e;
}

static int list_ready(struct chan *c, enum chan__side side, struct chan_receiver *rx, uint64_t *stamp)
{
	struct list *l = list_of(c);
	bool busy;

	(void)rx;
	if (side == CHAN__RECV)
		return list_receivable(l, stamp, &busy);
	return list_shut_for_senders(l, chan__u64_load_acquire(&l->tail), l->single_producer) ? EPIPE : 0;
}

/*
 * A descriptor's look takes no turn: it comes with the descriptor's lock held, and
 * who gives a turn back may have to wake somebody, or call.  Nor could it trust a
 * turn that is taken: who has it may only be looking, and would tell nobody of a
 * message that came meanwhile.  So a position that was claimed and not left is a
 * message.  Its sender or its receiver is in a call, or it is there.  Head is read
 * first: it moved since only by a call that looks again.
 */
static int list_seems_ready(struct chan *c, enum chan__side side, struct chan_receiver *rx)
{
	struct list *l = list_of(c);
	uint64_t head;
	int e;

	if (side == CHAN__SEND)
		return list_ready(c, side, rx, &head);
	head = chan__u64_load_acquire(&l->head);
	e = list_none(l, head);
	return e == EAGAIN && (chan__u64_load_acquire(&l->tail) & ~LIST_CLOSED) != head ? 0 : e;
}

static bool list_watch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	struct list *l = list_of(c);
	struct chan__waitq *q = &c->waiting[side];
	uint64_t head;
	bool busy;
	int e;

	if (side == CHAN__SEND)
		return !chan__waiter_claim(n->waiter);
	if (c->single_consumer)
		n->vain = 0; /* nobody to be faster, and nobody else may look for it */
	chan__waitq_join(q, n);
	e = list_receivable(l, &head, &busy);
	if (busy) {
		chan__u32_fetch_or_seq_cst(&q->attention, CHAN__MISSED);
		chan__fence_heavy(&q->attention);
		e = list_receivable(l, &head, &busy);
	}
	return e == EAGAIN || !chan__waitq_retract(q, n);
}

static void list_unwatch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	chan__waitq_leave(&c->waiting[side], n);
}

/* A holder of the turn that leaves messages behind is no reason to be silent. */
static void list_pass_on(struct chan *c, enum chan__side side, struct chan_receiver *rx)
{
	struct chan__waitq *q = &c->waiting[side];
	uint64_t head;
	bool busy;

	(void)rx;
	if ((chan__waitq_attention(q) & CHAN__WAITERS) &&
	    (list_receivable(list_of(c), &head, &busy) != EAGAIN || busy))
		chan__waitq_wake(q, 1);
}

static bool list_serve(struct chan *c, enum chan__side side)
{
	struct chan__node *n = NULL;
	uint64_t head;
	bool busy;

	if (list_receivable(list_of(c), &head, &busy) != EAGAIN)
		n = chan__waitq_claim_starving(&c->waiting[side]);
	if (n) {
		chan__node_settle(n, c->flavor->try_recv(&c->receiver, n->target));
		list_pass_on(c, side, NULL);
	}
	return n != NULL;
}

/* --------------------------------------------------------------- disconnection */

static bool list_is_closed(const struct chan *c)
{
	const struct list *l = list_of(c);

	return list_shut_for_senders(l, chan__u64_load_acquire(&l->tail), l->single_producer);
}

/* Many producers: the bit in tail makes every later claim fail.  L12 acq_rel, and release
 * where there is no claim to lose: what we did before is visible to who gets EPIPE.  False:
 * it was closed. */
static bool list_close_many(struct list *l)
{
	uint64_t tail;

	if (!chan__is_without_senders(&l->base))
		return !(chan__u64_fetch_or_acq_rel(&l->tail, LIST_CLOSED) & LIST_CLOSED);
	tail = chan__u64_load_relaxed(&l->tail);
	if (tail & LIST_CLOSED)
		return false;
	chan__u64_store_release(&l->tail, tail | LIST_CLOSED);
	return true;
}

/* One producer: as in list_claim_send_single; L13 release, L14 heavy fence. */
static bool list_close_single(struct list *l)
{
	uint32_t open = LIST_OPEN;

	if (chan__u32_load_acquire(&l->closing) == LIST_SHUT)
		return false;
	/* A second closer does it all again: its caller may rely on SHUT too. */
	chan__u32_cas_acq_rel(&l->closing, &open, LIST_CLOSING);
	chan__fence_heavy(&l->closing);
	chan__u32_store_release(&l->closing, LIST_SHUT);
	return true;
}

static void list_close(struct chan *c)
{
	struct list *l = list_of(c);

	chan__u32_store_relaxed(&l->ending, 1);
	if (!(l->single_producer ? list_close_single(l) : list_close_many(l)))
		return;
	if (chan__waitq_attention(&c->waiting[CHAN__RECV]) & CHAN__WAITERS)
		chan__waitq_wake(&c->waiting[CHAN__RECV], CHAN__ALL);
	chan__follow(c, CHAN__SEND, NULL);
}

/*
 * A send in progress may have the turn for its own drain, and be destroying
 * what others had sent: the last drop returns after that.  L19 acquires: no note
 * is left (a walk that began since has taken ours), then the turn is free (it
 * has ended).  Nobody waits in a circle: the walk's destructors can wait like this only for
 * channels whose last receiver they drop.  In a forked child the turn may never come back.
 */
static void list_await_drain(struct list *l)
{
	while ((chan__u32_load_acquire(&l->drain_wanted) != 0 || chan__u32_load_acquire(&l->turn) != 0 ||
	        chan__bias_is_held(&l->receiving)) &&
	       !chan__is_forked(&l->base))
		chan__yield();
}

/*
 * A message already published is destroyed here; the sender of one that is
 * not sees GONE after it publishes, and drains again.  The heavy fence (L17)
 * pairs with W1: one of the two sees the other.  Alone nobody has the turn, or
 * comes for it.
 */
static void list_discard(struct chan *c)
{
	struct list *l = list_of(c);

	if (chan__is_alone(c)) {
		list_drain_in_turn(l);
		return;
	}
	chan__u32_fetch_or_seq_cst(&c->waiting[CHAN__RECV].attention, CHAN__GONE);
	chan__fence_heavy(&c->waiting[CHAN__RECV].attention);
	CHAN_TP("list:gone");
	list_drain(l);
	list_await_drain(l);
}

/* A snapshot: tail did not move while head was read.  L23 acquire: no head from before
 * this tail (L22), and no tail, the second time, from before this head. */
static size_t list_len(const struct chan *c)
{
	const struct list *l = list_of(c);
	uint64_t tail, head;

	do {
		tail = chan__u64_load_acquire(&l->tail);
		head = chan__u64_load_acquire(&l->head);
	} while (chan__u64_load_relaxed(&l->tail) != tail);
	tail &= ~LIST_CLOSED;
	return (int64_t)(tail - head) > 0 ? (size_t)((tail - head) / LIST_STEP) : 0;
}

/* ------------------------------------------------------------ creation, vtable */

static bool list_serves(size_t capacity)
{
	return capacity == CHAN_UNBOUNDED;
}

static const struct chan__flavor *list_variant(const struct chan__config *config);

/* tail_block lags behind tail, one block before the first. */
static void list_init_positions(struct list *l, uint64_t start)
{
	chan__ptr_init(&l->root.next, NULL);
	chan__u32_init(&l->root.holds, 1);
	l->root.first = start - l->span;
	l->root.retired_next = NULL;
	chan__u64_init(&l->tail, start);
	chan__size_init(&l->tail_block, list_tag(l, &l->root));
	chan__u32_init(&l->guests, 0);
	chan__u32_init(&l->closing, LIST_OPEN);
	chan__u32_init(&l->turn, 0);
	chan__ptr_init(&l->retired, NULL);
	chan__u32_init(&l->drain_wanted, 0);
	chan__u32_init(&l->ending, 0);
	chan__u64_init(&l->head, start);
	l->head_block = NULL;
}

static int list_create(const struct chan__config *config, struct chan **c)
{
	struct list *l;
	size_t offset, stride, per_block, block_size;

	if (!chan__slot_layout(config->msg_size, &offset, &stride) ||
	    !chan__block_layout(stride, chan__round_up(sizeof(struct list_block)), &per_block, &block_size))
		return EOVERFLOW;
	l = (struct list *)chan__memory_get(&config->memory, sizeof(*l));
	if (!l)
		return ENOMEM;
	chan__init(&l->base, list_variant(config), config, sizeof(*l));
	l->span = per_block * LIST_STEP;
	l->at_mask = l->span - LIST_STEP;
	l->per_block = per_block;
	l->stride = stride / LIST_STEP;
	l->offset = offset;
	l->block_size = block_size;
	l->single_producer = config->producers == CHAN_SINGLE;
	list_init_positions(l, CHAN_TP_START(l->span));
	chan__bias_init(&l->receiving, config->consumers == CHAN_MANY);
	*c = &l->base;
	return 0;
}

static void list_destroy(struct chan *c)
{
	struct list *l = list_of(c);
	struct list_block *b, *next;

	list_unhold_retired(l, (struct list_block *)chan__ptr_load_acquire(&l->retired));
	b = l->head_block ? l->head_block : list_first_block(l);
	for (; b; b = next) {
		next = (struct list_block *)chan__ptr_load_acquire(&b->next);
		list_block_free(l, b);
	}
	chan__u64_fini(&l->head);
	chan__u32_fini(&l->ending);
	chan__u32_fini(&l->drain_wanted);
	chan__ptr_fini(&l->retired);
	chan__u32_fini(&l->turn);
	chan__bias_fini(&l->receiving);
	chan__u32_fini(&l->closing);
	chan__u32_fini(&l->guests);
	chan__size_fini(&l->tail_block);
	chan__u64_fini(&l->tail);
	chan__u32_fini(&l->root.holds);
	chan__ptr_fini(&l->root.next);
	chan__fini(c);
}

/* The variants differ in two operations. */
#define LIST_FLAVOR(send, recv)                      \
	{                                            \
		.id = CHAN_FLAVOR_LIST,              \
		.name = "list",                      \
		.default_capacity = CHAN_UNBOUNDED,  \
		.automatic = true,                   \
		.serves = list_serves,               \
		.create = list_create,               \
		.destroy = list_destroy,             \
		.try_send = send,                    \
		.try_recv = recv,                    \
		.try_send_many = list_try_send_many, \
		.try_recv_many = list_try_recv_many, \
		.force_send = list_force_send,       \
		.ready = list_ready,                 \
		.seems_ready = list_seems_ready,     \
		.watch = list_watch,                 \
		.unwatch = list_unwatch,             \
		.pass_on = list_pass_on,             \
		.serve = list_serve,                 \
		.close = list_close,                 \
		.discard = list_discard,             \
		.is_closed = list_is_closed,         \
		.len = list_len,                     \
	}

const struct chan__flavor chan__list = LIST_FLAVOR(list_try_send_mp, list_try_recv_mc);
static const struct chan__flavor list_mp_sc = LIST_FLAVOR(list_try_send_mp, list_try_recv_sc);
static const struct chan__flavor list_sp_mc = LIST_FLAVOR(list_try_send_sp, list_try_recv_mc);
static const struct chan__flavor list_sp_sc = LIST_FLAVOR(list_try_send_sp, list_try_recv_sc);

static const struct chan__flavor *list_variant(const struct chan__config *config)
{
	if (config->producers == CHAN_SINGLE)
		return config->consumers == CHAN_SINGLE ? &list_sp_sc : &list_sp_mc;
	return config->consumers == CHAN_SINGLE ? &list_mp_sc : &chan__list;
}
