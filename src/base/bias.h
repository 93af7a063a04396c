/*
 * bias.h - the side of a channel that one thread uses costs it no locked instruction
 *
 * Most sides of most channels are only ever used by one thread, and a locked
 * instruction costs as much as the rest of a send.  So a side belongs to the
 * first thread that uses it: inside its part of the side, which is a few
 * instructions long, it works with plain loads and stores.  The first other thread to
 * come ends that, once and for good, and the side is everybody's from then on.
 *
 *     NOBODY --first use--> owner --another comes--> owner|REVOKED --owner outside--> SHARED
 *        |                    |                                                         ^
 *        +--------------------+---------- who knows that nobody is inside --------------+
 *
 *     the owner                         who revokes
 *       busy = 1                          owner |= REVOKED
 *       B1 light fence                    B2 heavy fence
 *       owner unchanged: inside           busy = 0: SHARED
 *       busy = 0                          busy = 1: turned away
 *       B3 light fence
 *       owner changed: SHARED, and tell those who were turned away
 *
 * The fences make it impossible that the owner goes inside and the revoker sees it
 * outside.  Nor can both miss that somebody was turned away: either the revoker
 * sees busy = 0, or the owner, leaving, sees REVOKED.  So nobody waits for an owner that
 * was preempted inside: a call that would have to says EAGAIN, for what comes next on
 * this side is in the hands of a call in progress.
 *
 * Who has SHARED by an acquire sees what the owner did inside: its last `busy = 0` is a
 * release, B4, that whoever writes SHARED has acquired, or the owner writes it itself.
 *
 * A thread that ended may be followed by one with the same word for itself.  It is the
 * owner's heir: the C library hands the memory that the word names from the one
 * to the other under a lock, so all that the old thread did happens before.
 *
 * Where light fences are not free (no membarrier) a side is SHARED from the beginning.
 *
 * Source: biased locking, Kawachiya et al., "Lock Reservation" (2002), and Dice et al.,
 * "Quickly Reacquirable Locks" (2003); the asymmetric fence between owner and revoker is
 * Dice's, "Asymmetric Dekker Synchronization" (2001).
 */
#ifndef CHAN_BASE_BIAS_H
#define CHAN_BASE_BIAS_H

#include "base/atomic.h"
#include "base/thread.h"

#define CHAN__BIAS_NOBODY  ((size_t)0)
#define CHAN__BIAS_SHARED  ((size_t)1)
#define CHAN__BIAS_REVOKED ((size_t)2)

struct chan__bias {
	chan__size owner; /* as above; anybody, by compare-and-swap, and who knows it is alone */
	chan__u32 busy;   /* 1 while the owner is inside; the owner */
};

/* How a call goes on. */
enum chan__bias_way {
	CHAN__BIAS_MANY,  /* the side is everybody's */
	CHAN__BIAS_OWNER, /* inside, alone, until chan__bias_leave */
	CHAN__BIAS_LOST,  /* the side is everybody's, and its waiters are to be told first */
	CHAN__BIAS_HELD   /* the owner is inside; it tells the waiters when it has left */
};

/* biased: false where the side is everybody's from the beginning. */
CHAN__HIDDEN void chan__bias_init(struct chan__bias *b, bool biased);
CHAN__HIDDEN void chan__bias_fini(struct chan__bias *b);

/* For who is not the owner, or not any more: then others may have seen it busy. */
CHAN__HIDDEN enum chan__bias_way chan__bias_enter_slow(struct chan__bias *b, bool seen_busy);
/* The owner was busy and is no more: SHARED, if it is not yet. */
CHAN__HIDDEN CHAN__COLD void chan__bias_hand_over(struct chan__bias *b);

/* What stays true: once the side is everybody's it remains so.  B5 acquire: what
 * the owner did; pairs with B6. */
CHAN__INLINE bool chan__bias_is_shared(const struct chan__bias *b)
{
	return chan__size_load_acquire(&b->owner) == CHAN__BIAS_SHARED;
}

CHAN__INLINE enum chan__bias_way chan__bias_enter(struct chan__bias *b)
{
	size_t owner = chan__size_load_acquire(&b->owner); /* B5 */

	if (owner == CHAN__BIAS_SHARED)
		return CHAN__BIAS_MANY;
	if (chan__unlikely(owner != chan__thread_self()))
		return chan__bias_enter_slow(b, false);
	chan__u32_store_relaxed(&b->busy, 1);
	chan__fence_light(&b->busy); /* B1 */
	if (chan__likely(chan__size_load_relaxed(&b->owner) == owner))
		return CHAN__BIAS_OWNER;
	return chan__bias_enter_slow(b, true);
}

/* True: as before.  False: the side is everybody's now, and its waiters are to be told. */
CHAN__INLINE bool chan__bias_leave(struct chan__bias *b)
{
	chan__u32_store_release(&b->busy, 0); /* B4 */
	chan__fence_light(&b->busy);          /* B3 */
	if (chan__likely(!(chan__size_load_relaxed(&b->owner) & (CHAN__BIAS_SHARED | CHAN__BIAS_REVOKED))))
		return true;
	chan__bias_hand_over(b);
	return false;
}

/* Makes the side everybody's.  False: not yet, the owner is inside, and will do
 * it, and tell its waiters, when it leaves. */
CHAN__HIDDEN bool chan__bias_share_slow(struct chan__bias *b);

CHAN__INLINE bool chan__bias_share(struct chan__bias *b)
{
	return chan__likely(chan__bias_is_shared(b)) || chan__bias_share_slow(b);
}

/* The same for who knows that nobody is inside, nor will come: needs no fence. */
CHAN__HIDDEN void chan__bias_end(struct chan__bias *b);

/* Would a call of the side be turned away?  Then it stays so until the owner tells. */
CHAN__HIDDEN bool chan__bias_is_held(struct chan__bias *b);

#endif
