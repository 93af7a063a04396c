/*
 * tick.c - a timer that fires again and again
 *
 * One word holds the next due time, in nanoseconds of the monotonic clock.  A
 * receive that finds it past moves it on by a compare-and-swap, and whoever
 * succeeds has that tick:
 *
 *        due            due + period
 *   ------|-----x------------|------------>   taken at x, in time: the next is
 *         |                  |                due + period, so nothing drifts
 *
 *   ------|------------------|----x------->   taken at x, a period late or more:
 *        due            (due + period)        the next is x + period, and the ticks
 *                                             in between are this one
 *
 * The word only grows, so no two receives get the same tick, each gets a later
 * one than any before it, and the word is stamp enough: while it stays, the
 * tick was not taken, and it can only have turned due.
 *
 * Source: "a flavor that answers only `when`" is the tick of crossbeam-channel.
 */
#include "base/copy.h"
#include "base/pause.h"
#include "base/probe.h"
#include "flavor.h"

CHAN__HIDDEN extern const struct chan__flavor chan__tick;

/* Later than any time of the clock. */
#define TICK_NEVER UINT64_MAX

struct tick {
	struct chan base;
	uint64_t period;  /* written at creation */
	chan__u64 next;   /* the receive that takes a tick moves it on */
};

static uint64_t tick_sum(uint64_t ns, uint64_t period)
{
	return period < TICK_NEVER - ns ? ns + period : TICK_NEVER;
}

/* The one after `due`, which is taken `now`. */
static uint64_t tick_after(const struct tick *t, uint64_t due, uint64_t now)
{
	return tick_sum(now - due < t->period ? due : now, t->period);
}

/* 0, EAGAIN or EPIPE; the clock is read before `closed`, see T1. */
static int tick_look(const struct tick *t, uint64_t due, uint64_t *now)
{
	*now = chan__clock_ns();
	if (chan__timer_is_closed(&t->base))
		return EPIPE;
	return *now >= due ? 0 : EAGAIN;
}

/* Relaxed throughout: the word guards nothing but itself.  Who loses the
 * compare-and-swap looks at the tick after. */
static int tick_try_recv(struct chan_receiver *rx, void *msg)
{
	struct tick *t = (struct tick *)chan__of(rx);
	uint64_t due = chan__u64_load_relaxed(&t->next), now;
	struct timespec at;
	int e;

	do {
		e = tick_look(t, due, &now);
		if (e != 0)
			return e;
		CHAN_TP("tick:due");
	} while (!chan__u64_cas_relaxed(&t->next, &due, tick_after(t, due, now)));
	CHAN__PROBE(receive, &t->base, 1);
	at = chan__deadline_ns(due).at;
	if (msg)
		chan__copy(msg, &at, sizeof(at));
	chan__follow(&t->base, CHAN__RECV, &t->base.receiver);
	return 0;
}

static int tick_ready(struct chan *c, enum chan__side side, struct chan_receiver *rx, uint64_t *stamp)
{
	const struct tick *t = (const struct tick *)c;
	uint64_t now;

	(void)side;
	(void)rx;
	*stamp = chan__u64_load_relaxed(&t->next);
	return tick_look(t, *stamp, &now);
}

static struct chan__deadline tick_due(const struct chan *c)
{
	const struct tick *t = (const struct tick *)c;

	return chan__deadline_ns(chan__timer_is_closed(c) ? TICK_NEVER : chan__u64_load_relaxed(&t->next));
}

struct chan *chan__tick_create(uint64_t period_ns)
{
	struct tick *t = (struct tick *)chan__timer_new(&chan__tick, sizeof(*t), 1, sizeof(struct timespec));

	if (!t)
		return NULL;
	t->period = period_ns;
	chan__u64_init(&t->next, tick_sum(chan__clock_ns(), period_ns));
	return &t->base;
}

static void tick_destroy(struct chan *c)
{
	chan__u64_fini(&((struct tick *)c)->next);
	chan__fini(c);
}

const struct chan__flavor chan__tick = {
	.id = CHAN_FLAVOR_TICK,
	.name = "tick",
	.default_capacity = CHAN__MUST_BE_SET,
	.serves = chan__timer_serves,
	.destroy = tick_destroy,
	.try_recv = tick_try_recv,
	.try_recv_many = chan__timer_try_recv_many,
	.ready = tick_ready,
	.watch = chan__timer_watch,
	.unwatch = chan__timer_unwatch,
	.pass_on = chan__timer_pass_on,
	.serve = chan__timer_serve,
	.close = chan__timer_close,
	.discard = chan__timer_discard,
	.is_closed = chan__timer_is_closed,
	.len = chan__timer_len,
	.due = tick_due,
};
