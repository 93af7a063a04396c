/*
 * at.c - a timer that fires once
 *
 * There is no queue.  The message is the time itself, fixed at creation, and
 * one word says whether somebody has taken it:
 *
 *   PENDING --the first receive that finds it due--> TAKEN, for good
 *
 * Empty: before the due time, and once taken.  Both are true from some instant
 * until another that is known, so the word is stamp enough.
 *
 * Source: "a flavor that answers only `when`" is the at of crossbeam-channel.
 */
#include "base/copy.h"
#include "base/pause.h"
#include "base/probe.h"
#include "flavor.h"

CHAN__HIDDEN extern const struct chan__flavor chan__at;

enum { AT_PENDING, AT_TAKEN };

struct at {
	struct chan base;
	struct chan__deadline due; /* written at creation */
	chan__u32 state;           /* the receive that takes the event writes it */
};

/* 0, EAGAIN or EPIPE; the clock is read before `closed`, see T1. */
static int at_look(const struct at *a, uint32_t state)
{
	bool due = state == AT_PENDING && chan__deadline_passed(&a->due);

	if (chan__timer_is_closed(&a->base))
		return EPIPE;
	return due ? 0 : EAGAIN;
}

/* Relaxed throughout: the word guards nothing but itself. */
static int at_try_recv(struct chan_receiver *rx, void *msg)
{
	struct at *a = (struct at *)chan__of(rx);
	uint32_t state = chan__u32_load_relaxed(&a->state);
	int e = at_look(a, state);

	if (e != 0)
		return e;
	CHAN_TP("at:due");
	if (!chan__u32_cas_relaxed(&a->state, &state, AT_TAKEN))
		return EAGAIN;
	CHAN__PROBE(receive, &a->base, 1);
	if (msg)
		chan__copy(msg, &a->due.at, sizeof(a->due.at));
	chan__follow(&a->base, CHAN__RECV, &a->base.receiver);
	return 0;
}

static int at_ready(struct chan *c, enum chan__side side, struct chan_receiver *rx, uint64_t *stamp)
{
	const struct at *a = (const struct at *)c;
	uint32_t state = chan__u32_load_relaxed(&a->state);

	(void)side;
	(void)rx;
	*stamp = state;
	return at_look(a, state);
}

static struct chan__deadline at_due(const struct chan *c)
{
	const struct at *a = (const struct at *)c;

	if (a->due.forever || chan__timer_is_closed(c) || chan__u32_load_relaxed(&a->state) != AT_PENDING)
		return chan__deadline_ns(UINT64_MAX);
	return a->due;
}

struct chan *chan__at_create(const struct chan__deadline *due)
{
	struct at *a = (struct at *)chan__timer_new(&chan__at, sizeof(*a), 1, sizeof(due->at));

	if (!a)
		return NULL;
	a->due = *due;
	chan__u32_init(&a->state, AT_PENDING);
	return &a->base;
}

static void at_destroy(struct chan *c)
{
	chan__u32_fini(&((struct at *)c)->state);
	chan__fini(c);
}

const struct chan__flavor chan__at = {
	.id = CHAN_FLAVOR_AT,
	.name = "at",
	.default_capacity = CHAN__MUST_BE_SET,
	.serves = chan__timer_serves,
	.destroy = at_destroy,
	.try_recv = at_try_recv,
	.try_recv_many = chan__timer_try_recv_many,
	.ready = at_ready,
	.watch = chan__timer_watch,
	.unwatch = chan__timer_unwatch,
	.pass_on = chan__timer_pass_on,
	.serve = chan__timer_serve,
	.close = chan__timer_close,
	.discard = chan__timer_discard,
	.is_closed = chan__timer_is_closed,
	.len = chan__timer_len,
	.due = at_due,
};
