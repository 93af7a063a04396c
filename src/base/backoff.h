/*
 * backoff.h - seam: how a thread passes a moment without sleeping
 */
#ifndef CHAN_BASE_BACKOFF_H
#define CHAN_BASE_BACKOFF_H

#include "base/compiler.h"

#if defined(__x86_64__) || defined(__i386__)
static inline void chan__relax(void) { __builtin_ia32_pause(); }
#elif defined(__aarch64__) || (defined(__ARM_ARCH) && __ARM_ARCH >= 7)
static inline void chan__relax(void) { __asm__ __volatile__("yield" ::: "memory"); }
#else
static inline void chan__relax(void) { __asm__ __volatile__("" ::: "memory"); }
#endif

/* What follows begins when all that comes first is done, and not by a guess; where there is
 * no such instruction, a pause later. */
#if defined(__x86_64__)
static inline void chan__no_guess(void)
{
	__builtin_ia32_lfence();
}
#elif defined(__aarch64__)
static inline void chan__no_guess(void) { __asm__ __volatile__("isb" ::: "memory"); }
#else
static inline void chan__no_guess(void)
{
	chan__relax();
}
#endif

/*
 * So many pauses.  A processor that guesses that the last one is over works on ahead, and
 * touches, on a way that it takes back later, the very line that was to be left alone.
 */
static inline void chan__stand_by(unsigned pauses)
{
	while (pauses-- > 0)
		chan__relax();
	chan__no_guess();
}

/* How often something is tried before a thread does otherwise; a model checker
 * brings smaller numbers. */
enum {
	CHAN__PATIENCE   = 16, /* woken in vain this often, a waiter is served first */
	CHAN__TURN_TRIES = 4,  /* for the turn of a list, ever further apart */
	CHAN__LOCK_TRIES = 100 /* for a lock, before sleeping on it */
};

/*
 * After losing a compare-and-swap to another thread: stand aside, longer each
 * time, so that the winners' cache line is not pulled away between two of their
 * own.  Nobody is waited for; the next try may succeed at once.
 */
static inline void chan__collided(unsigned *times)
{
	unsigned pauses = 1u << (*times < 6 ? *times : 6);

	++*times;
	chan__stand_by(pauses);
}

/* Lets another thread run on this CPU; errno is left alone. */
CHAN__HIDDEN void chan__yield(void);

#endif
