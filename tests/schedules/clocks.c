/*
 * clocks.c - schedules of timers and cancellation tokens.  The clock stands while
 * anybody can run: so who waits for an instant must have it at that instant.
 */
#include "ledger.h"
#include "scenarios.h"

static struct pipe a;
static uint64_t start;
static chan_receiver_t *after, *tick;
static chan_cancel_t *root;

enum { PERIOD = 10, ONCE = 30 };

static uint64_t instant(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
}

static void clocks_before(void)
{
	ledger_begin();
	start = sched_now();
	CHECK(chan_after(ONCE, &after) == 0);
	CHECK(chan_tick(PERIOD, &tick) == 0);
	CHECK(chan_cancel_create(NULL, &root) == 0);
}

/* -------------- timers: messages, an instant, a period and the end, all in one select */

static uint64_t end_at, sent_at[2];

static void timers_before(void)
{
	clocks_before();
	pipe_open(&a, kind_pick(WAITS | MANY_FIT), 2, 1);
	sent_at[0] = start + 1 + sched_pick(2 * PERIOD);
	sent_at[1] = start + PERIOD;
	end_at = start + (sched_pick(2) == 0 ? ONCE : ONCE + 1 + sched_pick(2 * PERIOD));
}

static void timers_select(int me)
{
	struct message m;
	struct timespec once, event;
	chan_case_t cases[4] = {
		CHAN_CASE_RECV(a.rx, &m), CHAN_CASE_RECV(after, &once), CHAN_CASE_RECV(tick, &event),
		CHAN_CASE_RECV(chan_cancel_receiver(root), NULL)
	};
	uint64_t next = start + PERIOD;
	bool fired = false;
	size_t which;

	for (;;) {
		CHECK(chan_select(cases, 4, 0, &which) == 0);
		scrub();
		sched_note("case", which);
		if (which == 0 && cases[0].status == EPIPE) {
			cases[0].receiver = NULL;
		} else if (which == 0) {
			message_received(me, &a, &m);
			CHECK(sent_at[m.id / 16 - 1] == sched_now());
		} else if (which == 1) {
			CHECK(!fired && instant(&once) == start + ONCE && sched_now() == start + ONCE);
			fired = true;
		} else if (which == 2) {
			CHECK(instant(&event) == next && sched_now() == next);
			next += PERIOD;
		} else {
			CHECK(cases[3].status == EPIPE && sched_now() == end_at);
			break;
		}
	}
	/* What was before the end has been told, what was at that instant perhaps. */
	CHECK(fired || end_at <= start + ONCE);
	CHECK(next >= end_at);
	chan_receiver_drop(after);
	chan_receiver_drop(tick);
	pipe_drain(&a, me);
	chan_receiver_drop(a.rx);
}

static void timers_task(int me)
{
	if (me == 0) {
		timers_select(me);
	} else if (me < 3) {
		sched_sleep_until(sent_at[me - 1]);
		CHECK(pipe_send(&a, me) == 0);
		chan_sender_drop(a.tx);
	} else {
		sched_sleep_until(end_at);
		chan_cancel_trigger(root);
	}
}

static void timers_after(void)
{
	chan_cancel_drop(root);
	ledger_end();
}

/* ----------- ticks: three share a period and an instant; each event is taken once */

static uint64_t ticks[8];
static int fired;

static void ticks_before(void)
{
	clocks_before();
	for (int i = 1; i < 4; i++)
		chan_receiver_clone(tick);
	memset(ticks, 0, sizeof(ticks));
	fired = 0;
	end_at = start + 4 * PERIOD + PERIOD / 2;
}

static void ticks_take(const struct timespec *t)
{
	uint64_t k = (instant(t) - start) / PERIOD;

	sched_note("tick", instant(t));
	CHECK(instant(t) == start + k * PERIOD && sched_now() == instant(t));
	CHECK(k < 8 && ++ticks[k] == 1);
}

static void ticks_end(void)
{
	sched_sleep_until(end_at);
	chan_close(chan_receiver_channel(tick));
	chan_cancel_trigger(root);
	chan_receiver_drop(after);
}

static int ticks_select(struct timespec *t)
{
	struct timespec once;
	chan_case_t cases[2] = { CHAN_CASE_RECV(tick, t), CHAN_CASE_RECV(after, &once) };
	size_t which;

	CHECK(chan_select(cases, 2, 0, &which) == 0);
	if (which == 0)
		return cases[0].status;
	CHECK(cases[1].status == 0 && ++fired == 1);
	CHECK(instant(&once) == start + ONCE && sched_now() == start + ONCE);
	return EAGAIN;
}

static int ticks_poll(struct timespec *t)
{
	int fd;

	CHECK(chan_receiver_fd(tick, &fd) == 0);
	sched_give_way(); /* it may be up for what another has taken */
	sched_poll(fd, NULL);
	return chan_try_recv(tick, t);
}

/* Blocking, in a select beside the instant, or by descriptor. */
static void ticks_task(int me)
{
	struct timespec t;
	int e = me == 3 ? EPIPE : EAGAIN;

	while (e == 0 || e == EAGAIN) {
		e = me == 0 ? chan_recv_cancel(tick, &t, root) : me == 1 ? ticks_select(&t) : ticks_poll(&t);
		scrub();
		if (e == 0)
			ticks_take(&t);
	}
	if (me == 3)
		ticks_end();
	CHECK(sched_now() == end_at && (e == EPIPE || (me == 0 && e == ECANCELED)));
	chan_receiver_drop(tick);
}

static void ticks_after(void)
{
	CHECK(fired == 1);
	for (int k = 1; k < 5; k++)
		CHECK(ticks[k] == 1);
	chan_cancel_drop(root);
}

/* -------------------- tokens: a tree is triggered while some wait below it, one is born
 * there, one goes, and messages come that were sent before */

static chan_cancel_t *mid, *leaf;
static int told[2];       /* messages sent before the trigger */
static struct pipe quiet;

static void tokens_before(void)
{
	ledger_begin();
	told[0] = told[1] = 0;
	pipe_open(&a, kind_pick(WAITS | MANY_FIT | ROOM), 1, 1);
	pipe_open(&quiet, kind_pick(0), 1, 2);
	CHECK(chan_cancel_create(NULL, &root) == 0);
	CHECK(chan_cancel_create(root, &mid) == 0);
	CHECK(chan_cancel_create(mid, &leaf) == 0);
	chan_cancel_clone(leaf);
	chan_cancel_clone(mid);
}

static void tokens_receive(int me)
{
	struct message m;
	int e, n = 0;

	while ((e = chan_recv_cancel(a.rx, &m, leaf)) == 0) {
		scrub();
		message_received(me, &a, &m);
		n++;
	}
	CHECK(e == ECANCELED && chan_cancel_is_triggered(leaf));
	CHECK(n == 2); /* what was sent before comes before */
	chan_cancel_drop(leaf);
}

static void tokens_select(void)
{
	struct message m;
	chan_case_t cases[2] = { CHAN_CASE_RECV(quiet.rx, &m),
		                 CHAN_CASE_RECV(chan_cancel_receiver(leaf), NULL) };
	size_t which;

	CHECK(chan_select(cases, 2, 0, &which) == 0);
	scrub();
	CHECK(which == 1 && cases[1].status == EPIPE && chan_cancel_is_triggered(leaf));
	chan_cancel_drop(leaf);
	chan_receiver_drop(quiet.rx);
}

static void tokens_trigger(int me)
{
	struct message m[2] = { message_next(me), message_next(me) };

	for (int i = 0; i < 2; i++) {
		int e = chan_send(a.tx, &m[i]);

		CHECK(e == 0);
		message_sent(&m[i], e);
	}
	sched_set(&told[0]);
	chan_cancel_trigger(root);
	CHECK(chan_cancel_is_triggered(root));
	CHECK(chan_cancel_is_triggered(mid));
	sched_set(&told[1]);
	chan_cancel_drop(mid);
}

/* Born below a token that is perhaps being triggered; its parent is dropped. */
static void tokens_bear(void)
{
	chan_cancel_t *child;
	struct message m;

	CHECK(chan_cancel_create(mid, &child) == 0);
	chan_cancel_drop(mid);
	CHECK(chan_recv_cancel(quiet.rx, &m, child) == ECANCELED);
	scrub();
	CHECK(chan_cancel_is_triggered(child) && told[0]);
	chan_cancel_drop(child);
	chan_receiver_drop(quiet.rx);
}

/* A second trigger, below, returns when all below are triggered, whoever did it. */
static void tokens_trigger_too(void)
{
	chan_cancel_t *below;

	sched_await(&told[0]);
	CHECK(chan_cancel_create(root, &below) == 0);
	chan_cancel_trigger(root);
	CHECK(chan_cancel_is_triggered(below));
	chan_cancel_drop(below);
}

static void tokens_task(int me)
{
	switch (me) {
	case 0: tokens_receive(me); break;
	case 1: tokens_select(); break;
	case 2: tokens_trigger(me); break;
	case 3: tokens_bear(); break;
	case 4: tokens_trigger_too(); break;
	}
}

static void tokens_after(void)
{
	chan_sender_drop(a.tx);
	chan_receiver_drop(a.rx);
	chan_sender_drop(quiet.tx);
	chan_cancel_drop(root);
	ledger_end();
}

const struct scenario clocks_scenarios[] = {
	{ "timers", 4, timers_before,    timers_task, timers_after },
	{ "ticks",  4, ticks_before,     ticks_task,  ticks_after },
	{ "tokens", 5, tokens_before,    tokens_task, tokens_after },
	{ NULL, 0, NULL, NULL, NULL },
};
