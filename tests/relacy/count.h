/*
 * count.h - the least that a wait queue is good for: a count that is waited for
 *
 * Compiled with the seams of a model checker, as the library's sources are; used the
 * way block.c and the flavors use a queue, with nothing else around it.
 */
#ifndef CHAN_TESTS_RELACY_COUNT_H
#define CHAN_TESTS_RELACY_COUNT_H

#include <errno.h>

#include "wait/waitq.h"

struct count {
	chan__u32 left;
	chan__u32 closed;
	struct chan__waitq queue;
};

static void count_init(struct count *c)
{
	chan__u32_init(&c->left, 0);
	chan__u32_init(&c->closed, 0);
	chan__waitq_init(&c->queue);
}

static void count_fini(struct count *c)
{
	chan__waitq_fini(&c->queue);
	chan__u32_fini(&c->closed);
	chan__u32_fini(&c->left);
}

static void count_up(struct count *c)
{
	chan__u32_fetch_add_acq_rel(&c->left, 1);
	if (chan__waitq_attention(&c->queue) & CHAN__WAITERS)
		chan__waitq_wake(&c->queue, 1);
}

static void count_close(struct count *c)
{
	chan__u32_store_release(&c->closed, 1);
	if (chan__waitq_attention(&c->queue) & CHAN__WAITERS)
		chan__waitq_wake(&c->queue, CHAN__ALL);
}

static bool count_ready(struct count *c)
{
	return chan__u32_load_acquire(&c->left) > 0 || chan__u32_load_acquire(&c->closed) != 0;
}

static bool count_take(struct count *c)
{
	uint32_t left = chan__u32_load_acquire(&c->left);

	while (left > 0)
		if (chan__u32_cas_acq_rel(&c->left, &left, left - 1))
			return true;
	return false;
}

/* 0 and *which; EPIPE: one of them is closed, and was empty after that. */
static int count_try(struct count *counts, int n, int *which)
{
	for (*which = 0; *which < n; ++*which) {
		bool closed = chan__u32_load_acquire(&counts[*which].closed) != 0;

		if (count_take(&counts[*which]))
			return 0;
		if (closed)
			return EPIPE;
	}
	return EAGAIN;
}

/* Waits once in the queues of all; false: in vain, until the deadline. */
static bool count_wait(struct count *counts, int n, const struct chan__deadline *d)
{
	static const struct chan__deadline forever = { true, { 0, 0 } };
	struct chan__waiter waiter;
	struct chan__parker_room room;
	struct chan__node nodes[2];
	bool ready = false, woken = true;
	int stood = 0;

	chan__waiter_init(&waiter, &chan__parker_default, &room);
	while (stood < n && !ready) {
		chan__node_init(&nodes[stood]);
		nodes[stood].waiter = &waiter;
		chan__waitq_join(&counts[stood].queue, &nodes[stood]);
		ready = count_ready(&counts[stood++]) && chan__waiter_claim(&waiter);
	}
	if (!ready && !waiter.parker.kind->park(&waiter.parker, d)) {
		woken = !chan__waiter_claim(&waiter);
		if (woken)
			waiter.parker.kind->park(&waiter.parker, &forever);
	}
	while (stood > 0) {
		stood--;
		chan__waitq_leave(&counts[stood].queue, &nodes[stood]);
	}
	chan__waiter_fini(&waiter);
	return woken;
}

/* From one of n, two at most: 0 and *which, EPIPE or ETIMEDOUT.  What a wake-up leaves
 * behind is passed on. */
static int count_down(struct count *counts, int n, const struct chan__deadline *d, int *which)
{
	bool woken = true;
	int e;

	while ((e = count_try(counts, n, which)) == EAGAIN && woken)
		woken = count_wait(counts, n, d);
	for (int i = 0; i < n; i++)
		if ((chan__waitq_attention(&counts[i].queue) & CHAN__WAITERS) && count_ready(&counts[i]))
			chan__waitq_wake(&counts[i].queue, 1);
	return e == EAGAIN ? ETIMEDOUT : e;
}

#endif
