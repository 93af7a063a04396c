/*
 * timer.c - timers: what they have in common, and the calls that make them
 *
 * A timer has no thread, no descriptor and no entry in a table.  It is a time,
 * and whoever looks compares that with the clock.  Who waits sleeps until then
 * by a deadline of its own (block.c asks the flavor when it is due), so the wait
 * queue serves the end alone: chan_close wakes everybody in it.
 *
 * Several may wait for one event.  All wake, one takes it, and the others ask
 * again; a due time never comes nearer, so nobody oversleeps the next.
 *
 * chan_close is the end at once.  There is nothing queued to be received after
 * it: an event that was due and that nobody had taken is forgotten.
 */
#include "base/copy.h"
#include "flavor.h"

/* ------------------------------------------------------------ what all are made of */

struct chan *chan__timer_new(const struct chan__flavor *flavor, size_t size,
                             size_t capacity, size_t msg_size)
{
	struct chan__config config;
	struct chan *c;

	chan__process_setup();
	chan__config_load(&config, NULL);
	config.capacity = capacity;
	config.msg_size = msg_size;
	c = (struct chan *)chan__memory_get(&config.memory, size);
	if (c)
		chan__init_receiving(c, flavor, &config, size);
	return c;
}

/* Attributes make none. */
bool chan__timer_serves(size_t capacity)
{
	(void)capacity;
	return false;
}

static int timer_look(struct chan *c)
{
	uint64_t stamp;

	return c->flavor->ready(c, CHAN__RECV, &c->receiver, &stamp);
}

size_t chan__timer_len(const struct chan *c)
{
	return timer_look((struct chan *)(uintptr_t)c) == 0;
}

int chan__timer_try_recv_many(struct chan_receiver *rx, char *msgs, size_t max, size_t *count)
{
	const struct chan *c = chan__of(rx);
	size_t size = msgs ? c->msg_size : 0;
	int e = 0;

	while (*count < max && (e = c->flavor->try_recv(rx, chan__message_at(msgs, *count, size))) == 0)
		++*count;
	return e;
}

/* ------------------------------------------------------------------- waiting */

bool chan__timer_watch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	chan__waitq_join(&c->waiting[side], n);
	return timer_look(c) == EAGAIN || !chan__waitq_retract(&c->waiting[side], n);
}

void chan__timer_unwatch(struct chan *c, enum chan__side side, struct chan__node *n)
{
	chan__waitq_leave(&c->waiting[side], n);
}

/* The clock wakes each sleeper, and so does the end: there is nothing to pass
 * on, and nobody who is woken in vain to be served first. */
void chan__timer_pass_on(struct chan *c, enum chan__side side, struct chan_receiver *rx)
{
	(void)c;
	(void)side;
	(void)rx;
}

bool chan__timer_serve(struct chan *c, enum chan__side side)
{
	(void)c;
	(void)side;
	return false;
}

/* `closed` is set, or nobody holds a handle.  T2, light: pairs with W2; a waiter
 * that joined sees `closed`, or we see the waiter. */
void chan__timer_close(struct chan *c)
{
	struct chan__waitq *q = &c->waiting[CHAN__RECV];

	chan__follow(c, CHAN__RECV, &c->receiver);
	if (chan__waitq_attention(q) & CHAN__WAITERS)
		chan__waitq_wake(q, CHAN__ALL);
}

void chan__timer_discard(struct chan *c)
{
	(void)c;
}

/* ----------------------------------------------------------------- the calls */

static int timer_give(struct chan *c, chan_receiver_t **rx)
{
	if (!c)
		return ENOMEM;
	*rx = &c->receiver;
	return 0;
}

CHAN__EXPORT int chan_after(uint64_t timeout_ns, chan_receiver_t **rx)
{
	struct chan__deadline due = chan__deadline_after(timeout_ns);

	return rx ? timer_give(chan__at_create(&due), rx) : EINVAL;
}

/* NULL is for ever, here as in every call. */
CHAN__EXPORT int chan_at(const struct timespec *when, chan_receiver_t **rx)
{
	struct chan__deadline due = chan__deadline_at(when);

	if (!rx || (when && !chan__timespec_valid(when)))
		return EINVAL;
	return timer_give(chan__at_create(&due), rx);
}

CHAN__EXPORT int chan_tick(uint64_t period_ns, chan_receiver_t **rx)
{
	if (!rx || period_ns == 0)
		return EINVAL;
	return timer_give(chan__tick_create(period_ns), rx);
}

CHAN__EXPORT int chan_never(size_t msg_size, chan_receiver_t **rx)
{
	return rx ? timer_give(chan__never_create(msg_size), rx) : EINVAL;
}

CHAN__EXPORT int chan_receiver_due(const chan_receiver_t *rx, struct timespec *when)
{
	if (!rx || !when)
		return EINVAL;
	if (!rx->chan->flavor->due)
		return ENOTSUP;
	*when = rx->chan->flavor->due(rx->chan).at;
	return 0;
}
