/*
 * bias.c - how a side comes to its owner, and how the owner loses it; see bias.h
 */
#include "base/bias.h"

#include "base/backoff.h"
#include "base/pause.h"

void chan__bias_init(struct chan__bias *b, bool biased)
{
	chan__size_init(&b->owner, biased && chan__fence_is_free() ? CHAN__BIAS_NOBODY : CHAN__BIAS_SHARED);
	chan__u32_init(&b->busy, 0);
}

void chan__bias_fini(struct chan__bias *b)
{
	chan__u32_fini(&b->busy);
	chan__size_fini(&b->owner);
}

/* B6 release: what the owner did inside, which the caller has acquired or done itself;
 * pairs with B5. */
static bool bias_become_shared(struct chan__bias *b, size_t *owner)
{
	return chan__size_cas_acq_rel(&b->owner, owner, CHAN__BIAS_SHARED);
}

void chan__bias_hand_over(struct chan__bias *b)
{
	size_t owner = chan__size_load_acquire(&b->owner);

	while (owner != CHAN__BIAS_SHARED && !bias_become_shared(b, &owner))
		continue;
}

/* A preempted owner may be inside for long: so a bounded while.  B4 acquire. */
static bool bias_wait_until_outside(const struct chan__bias *b)
{
	for (int i = 0; i < CHAN__LOCK_TRIES; i++) {
		if (chan__u32_load_acquire(&b->busy) == 0)
			return true;
		chan__relax();
	}
	return chan__u32_load_acquire(&b->busy) == 0;
}

/* Nobody, or ourselves outside: no fence is needed. */
static bool bias_is_idle(size_t owner)
{
	return owner == CHAN__BIAS_NOBODY || (owner & ~CHAN__BIAS_REVOKED) == chan__thread_self();
}

bool chan__bias_share_slow(struct chan__bias *b)
{
	size_t owner = chan__size_load_acquire(&b->owner);

	while (owner != CHAN__BIAS_SHARED) {
		if (!bias_is_idle(owner)) {
			size_t revoked = owner | CHAN__BIAS_REVOKED;

			if (owner != revoked && !chan__size_cas_acq_rel(&b->owner, &owner, revoked))
				continue;
			owner = revoked;
			CHAN_TP("bias:revoked");
			chan__fence_heavy(&b->busy); /* B2 */
			if (!bias_wait_until_outside(b))
				return false;
		}
		if (bias_become_shared(b, &owner))
			return true;
	}
	return true;
}

enum chan__bias_way chan__bias_enter_slow(struct chan__bias *b, bool seen_busy)
{
	size_t nobody = CHAN__BIAS_NOBODY;

	if (seen_busy) {
		chan__bias_leave(b);
		return CHAN__BIAS_LOST;
	}
	if (chan__size_load_relaxed(&b->owner) == CHAN__BIAS_NOBODY &&
	    chan__size_cas_acq_rel(&b->owner, &nobody, chan__thread_self()))
		return chan__bias_enter(b);
	return chan__bias_share(b) ? CHAN__BIAS_MANY : CHAN__BIAS_HELD;
}

void chan__bias_end(struct chan__bias *b)
{
	chan__size_store_release(&b->owner, CHAN__BIAS_SHARED);
}

/* Whoever sees REVOKED passes a heavy fence of its own, B7, as B2: without it `busy` could be
 * one that the owner has left behind, without having seen REVOKED, and then it tells nobody. */
bool chan__bias_is_held(struct chan__bias *b)
{
	if (!(chan__size_load_acquire(&b->owner) & CHAN__BIAS_REVOKED))
		return false;
	chan__fence_heavy(&b->busy); /* B7 */
	return chan__u32_load_acquire(&b->busy) != 0;
}
