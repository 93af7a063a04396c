/*
 * never.c - a channel on which nothing arrives
 *
 * Its head is all there is: no messages, of whatever size, and an end when it
 * is closed.
 */
#include "flavor.h"

CHAN__HIDDEN extern const struct chan__flavor chan__never;

static int never_try_recv(struct chan_receiver *rx, void *msg)
{
	(void)msg;
	return chan__timer_is_closed(chan__of(rx)) ? EPIPE : EAGAIN;
}

static int never_ready(struct chan *c, enum chan__side side, struct chan_receiver *rx, uint64_t *stamp)
{
	(void)side;
	(void)rx;
	*stamp = 0;
	return chan__timer_is_closed(c) ? EPIPE : EAGAIN;
}

static size_t never_len(const struct chan *c)
{
	(void)c;
	return 0;
}

static struct chan__deadline never_due(const struct chan *c)
{
	(void)c;
	return chan__deadline_ns(UINT64_MAX);
}

struct chan *chan__never_create(size_t msg_size)
{
	return chan__timer_new(&chan__never, sizeof(struct chan), 0, msg_size);
}

const struct chan__flavor chan__never = {
	.id = CHAN_FLAVOR_NEVER,
	.name = "never",
	.default_capacity = CHAN__MUST_BE_SET,
	.serves = chan__timer_serves,
	.destroy = chan__fini,
	.try_recv = never_try_recv,
	.try_recv_many = chan__timer_try_recv_many,
	.ready = never_ready,
	.watch = chan__timer_watch,
	.unwatch = chan__timer_unwatch,
	.pass_on = chan__timer_pass_on,
	.serve = chan__timer_serve,
	.close = chan__timer_close,
	.discard = chan__timer_discard,
	.is_closed = chan__timer_is_closed,
	.len = never_len,
	.due = never_due,
};
