/*
 * parker_futex.c - sleeping on one word (Linux)
 *
 *            unpark                 park
 *   EMPTY  --------->  TOKEN      EMPTY  ->  PARKED, and sleep in the kernel
 *   PARKED --------->  TOKEN, wake  TOKEN  ->  return
 *
 * Source: the shape is that of Rust's std futex parker; the lock is the third
 * mutex of Drepper, "Futexes Are Tricky".
 */
#include "wait/parker.h"

#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/backoff.h"
#include "wait/lock.h"

enum { PARKER_EMPTY, PARKER_PARKED, PARKER_TOKEN };

/* The kernel's numbers, fixed by its ABI: its headers are not everywhere that its
 * system call is. */
enum {
	FUTEX_PRIVATE     = 1 << 7,
	FUTEX_WAKE        = 1 | FUTEX_PRIVATE,
	FUTEX_WAIT_BITSET = 9 | FUTEX_PRIVATE
};
static const uint32_t futex_any_bit = UINT32_MAX;

#ifndef SYS_futex
#define SYS_futex SYS_futex_time64
#endif

#ifdef SYS_futex_time64

/* 32-bit systems with a 64-bit time_t have a call of their own for it; kernels
 * before 5.1 have not. */
static void futex_wait_until(chan__u32 *word, uint32_t value, const struct timespec *at)
{
	struct { long sec, nsec; } narrow;

	if (syscall(SYS_futex_time64, word, FUTEX_WAIT_BITSET, value, at, NULL, futex_any_bit) == 0 ||
	    errno != ENOSYS)
		return;
	if (at) {
		narrow.sec = at->tv_sec < LONG_MAX ? (long)at->tv_sec : LONG_MAX;
		narrow.nsec = (long)at->tv_nsec;
	}
	syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, at ? &narrow : NULL, NULL, futex_any_bit);
}

#else

static void futex_wait_until(chan__u32 *word, uint32_t value, const struct timespec *at)
{
	syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, at, NULL, futex_any_bit);
}

#endif

/* Returns at a wake-up, at the deadline, when *word is not `value`, or for no
 * reason; the caller looks for itself. */
static void futex_wait(chan__u32 *word, uint32_t value, const struct chan__deadline *d)
{
	int saved = errno;

	futex_wait_until(word, value, d->forever ? NULL : &d->at);
	errno = saved;
}

static void futex_wake(chan__u32 *word)
{
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
	errno = saved;
}

static void parker_init(struct chan__parker *p)
{
	p->kind = &chan__parker_futex;
	chan__u32_init(&p->token, PARKER_EMPTY);
}

static void parker_fini(struct chan__parker *p)
{
	chan__u32_fini(&p->token);
}

/* P1 acquire: what the unparker did; pairs with P3. */
static bool parker_ready(struct chan__parker *p)
{
	return chan__u32_load_acquire(&p->token) == PARKER_TOKEN;
}

static bool parker_park(struct chan__parker *p, const struct chan__deadline *d)
{
	uint32_t empty = PARKER_EMPTY;

	/* P2 acquire on failure: TOKEN is there already; pairs with P3. */
	if (!chan__u32_cas_acquire(&p->token, &empty, PARKER_PARKED) && empty == PARKER_TOKEN)
		return true;
	for (;;) {
		if (parker_ready(p))
			return true;
		if (!d->forever && (d->at.tv_sec < 0 || chan__deadline_passed(d)))
			return false;
		futex_wait(&p->token, PARKER_PARKED, d);
	}
}

/* P3 release: publishes what this thread did; pairs with P1 and P2.  The
 * exchange is the last access; the wake after it names an address only, and
 * every sleeper on a futex looks again for itself. */
static void parker_unpark(struct chan__parker *p)
{
	if (chan__u32_exchange_acq_rel(&p->token, PARKER_TOKEN) == PARKER_PARKED)
		futex_wake(&p->token);
}

const struct chan__parker_kind chan__parker_futex = {
	.init   = parker_init,
	.fini   = parker_fini,
	.ready  = parker_ready,
	.park   = parker_park,
	.unpark = parker_unpark,
};

/* ------------------------------------------------------------- the lock */

void chan__lock_acquire_slow(struct chan__lock *l)
{
	static const struct chan__deadline forever = { true, { 0, 0 } };

	for (int i = 0; i < CHAN__LOCK_TRIES; i++) {
		if (chan__u32_load_relaxed(&l->word) == 0 && chan__lock_try(l))
			return;
		chan__relax();
	}
	while (chan__u32_exchange_acquire(&l->word, 2) != 0)
		futex_wait(&l->word, 2, &forever);
}

void chan__lock_release_slow(struct chan__lock *l)
{
	futex_wake(&l->word);
}
