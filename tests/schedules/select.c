/*
 * select.c - schedules of selects, against sends and receives and against each other
 */
#include "ledger.h"
#include "scenarios.h"

static struct pipe a, b;
static uint64_t start;

static void both_close(int senders, int receivers)
{
	for (int i = 0; i < senders; i++) {
		chan_sender_drop(a.tx);
		chan_sender_drop(b.tx);
	}
	for (int i = 0; i < receivers; i++) {
		chan_receiver_drop(a.rx);
		chan_receiver_drop(b.rx);
	}
}

/* One case happens, in a form that the seed decides. */
static size_t select_one(chan_case_t *cases, size_t n)
{
	unsigned flags = sched_pick(3) == 0 ? CHAN_SELECT_BIASED : 0;
	size_t which = n;
	int e;

	for (size_t i = 0; i < n; i++)
		cases[i].status = -1;
	if (sched_pick(2) == 0)
		e = chan_select(cases, n, flags, &which);
	else
		while ((e = chan_select_timeout(cases, n, flags, 1, &which)) == ETIMEDOUT)
			CHECK(which == n);
	scrub();
	CHECK(e == 0 && which < n);
	for (size_t i = 0; i < n; i++)
		CHECK((cases[i].status == -1) == (i != which));
	sched_note("case", which);
	return which;
}

/* ------------------------------------------ either: two receive from two, two send */

static void either_before(void)
{
	ledger_begin();
	pipe_open(&a, kind_pick(0), 2, 2);
	pipe_open(&b, kind_pick(0), 2, 2);
}

static void either_send(int me)
{
	for (int i = 0; i < 3; i++)
		pipe_send(sched_pick(2) == 0 ? &a : &b, me);
	lull();
	CHECK(messages_under_way(me) == 0); /* two wait for them */
	both_close(1, 0);
}

/* A look first, and then perhaps nothing to be had. */
static void either_look(chan_case_t *cases)
{
	size_t which;

	CHECK(chan_select(cases, 2, CHAN_SELECT_READY, &which) == 0);
	sched_note("ready", which);
}

static void either_receive(int me)
{
	struct message m[2];
	chan_case_t cases[2] = { CHAN_CASE_RECV(a.rx, &m[0]), CHAN_CASE_RECV(b.rx, &m[1]) };

	while (cases[0].receiver || cases[1].receiver) {
		size_t which;

		if (sched_pick(4) == 0)
			either_look(cases);
		which = select_one(cases, 2);
		if (cases[which].status == 0)
			message_received(me, which == 0 ? &a : &b, &m[which]);
		else
			cases[which].receiver = NULL;
	}
	both_close(0, 1);
}

static void either_task(int me)
{
	if (me < 2)
		either_send(me);
	else
		either_receive(me);
}

/* ----------------------------------- both: each offers to send and to receive on one */

static int sends, receives;

static void both_before(void)
{
	ledger_begin();
	sends = receives = 0;
	pipe_open(&a, kind_pick(WAITS | MANY_FIT), 4, 4);
	pipe_open(&b, kind_pick(WAITS), 4, 4); /* is never ready */
}

static void both_task(int me)
{
	struct message out = message_next(me), in, never;
	chan_case_t cases[3] = { CHAN_CASE_SEND(a.tx, &out), CHAN_CASE_RECV(b.rx, &never),
		                 CHAN_CASE_RECV(a.rx, &in) };
	size_t which = select_one(cases, 3);

	CHECK(which != 1 && cases[which].status == 0);
	if (which == 0) {
		message_sent(&out, 0);
		sends++;
	} else {
		message_received(me, &a, &in);
		receives++;
	}
}

static void both_after(void)
{
	CHECK(sends + receives == 4);
	CHECK(a.kind->capacity != 0 || sends == receives);
	CHECK(chan_len(chan_sender_channel(a.tx)) == (size_t)(sends - receives));
	both_close(4, 4);
	ledger_end();
}

/* ------------------------------ cross: over two rendezvous, with the ends exchanged */

static size_t crossed[2]; /* how often over a */

static void cross_before(void)
{
	ledger_begin();
	crossed[0] = crossed[1] = 0;
	pipe_open(&a, kind_pick(MEETS), 4, 4);
	pipe_open(&b, kind_pick(MEETS), 4, 4);
}

static void cross_task(int me)
{
	struct pipe *to = me % 2 == 0 ? &a : &b, *from = me % 2 == 0 ? &b : &a;

	for (int i = 0; i < 2; i++) {
		struct message out = message_next(me), in;
		chan_case_t cases[2] = { CHAN_CASE_SEND(to->tx, &out), CHAN_CASE_RECV(from->rx, &in) };
		size_t which = select_one(cases, 2);

		CHECK(cases[which].status == 0);
		if (which == 0)
			message_sent(&out, 0);
		else
			message_received(me, from, &in);
		crossed[me % 2] += (which == 0 ? to : from) == &a;
	}
}

static void cross_after(void)
{
	CHECK(crossed[0] == crossed[1]);
	both_close(4, 4);
	ledger_end();
}

/* ---------------- abandon: a select ends at the instant when what it waits for comes */

static void abandon_before(void)
{
	ledger_begin();
	start = sched_now();
	pipe_open(&a, kind_pick(0), 2, 2);
	pipe_open(&b, kind_pick(0), 2, 2);
}

static void abandon_select(int me)
{
	struct message m[2];
	chan_case_t cases[2] = { CHAN_CASE_RECV(a.rx, &m[0]), CHAN_CASE_RECV(b.rx, &m[1]) };
	size_t which = 2;
	int e = chan_select_timeout(cases, 2, 0, 10, &which);

	scrub();
	sched_note(e == 0 ? "taken" : "abandoned", which);
	CHECK(e == 0 || (e == ETIMEDOUT && which == 2 && sched_now() >= start + 10));
	if (e == 0 && cases[which].status == 0)
		message_received(me, which == 0 ? &a : &b, &m[which]);
	else if (e == 0)
		CHECK(cases[which].status == EPIPE && (which == 0 ? &a : &b)->kind->once);
	both_close(0, 1);
}

/* If the select does not take it, the other receiver does, and at once. */
static void abandon_send(struct pipe *p, int me)
{
	sched_sleep_until(start + 10);
	pipe_send(p, me);
	lull();
	CHECK(sched_now() == start + 11);
	CHECK(messages_under_way(me) == 0);
	both_close(1, 0);
}

static void abandon_drain(struct pipe *p, int me)
{
	pipe_drain(p, me);
	chan_receiver_drop(p->rx);
}

static void abandon_task(int me)
{
	switch (me) {
	case 0: abandon_select(me); break;
	case 1: abandon_send(&a, me); break;
	case 2: abandon_send(&b, me); break;
	case 3: abandon_drain(&a, me); break;
	case 4: abandon_drain(&b, me); break;
	}
}

/* ------------------------------------------ the same where it waits for space to send */

static void fill(struct pipe *p)
{
	struct message m = message_next(SCHED_TASKS_MAX);
	int e;

	while ((e = chan_try_send(p->tx, &m)) == 0) {
		message_sent(&m, e);
		m = message_next(SCHED_TASKS_MAX);
	}
	CHECK(e == EAGAIN);
}

static const struct kind *kind_bounded(void)
{
	const struct kind *k;

	do
		k = kind_pick(WAITS | ROOM | MANY_FIT);
	while (k->capacity == CHAN_UNBOUNDED);
	return k;
}

static bool went[2]; /* the send of who waits there, by the number of the pipe */

static void give_up_before(void)
{
	ledger_begin();
	went[0] = went[1] = false;
	start = sched_now();
	pipe_open(&a, kind_bounded(), 2, 1);
	pipe_open(&b, kind_bounded(), 2, 1);
	fill(&a);
	fill(&b);
}

static void give_up_select(int me)
{
	struct message m[2] = { message_next(me), message_next(me) };
	chan_case_t cases[2] = { CHAN_CASE_SEND(a.tx, &m[0]), CHAN_CASE_SEND(b.tx, &m[1]) };
	size_t which = 2;
	int e = chan_select_timeout(cases, 2, 0, 10, &which);

	scrub();
	CHECK(e == 0 || (e == ETIMEDOUT && which == 2));
	if (e == 0)
		message_sent(&m[which], cases[which].status);
	both_close(1, 0);
}

/* A slot is free: who waits there has it, at once, unless the select has. */
static void give_up_receive(struct pipe *p, int me)
{
	sched_sleep_until(start + 10);
	CHECK(pipe_recv(p, me) == 0);
	lull();
	CHECK(went[p->number] || chan_len(chan_receiver_channel(p->rx)) == p->kind->capacity);
	pipe_drain(p, me);
	chan_receiver_drop(p->rx);
}

static void give_up_send(struct pipe *p, int me)
{
	CHECK(pipe_send(p, me) == 0);
	went[p->number] = true;
	chan_sender_drop(p->tx);
}

static void give_up_task(int me)
{
	switch (me) {
	case 0: give_up_select(me); break;
	case 1: give_up_receive(&a, me); break;
	case 2: give_up_receive(&b, me); break;
	case 3: give_up_send(&a, me); break;
	case 4: give_up_send(&b, me); break;
	}
}

const struct scenario select_scenarios[] = {
	{ "select-either",  4, either_before,  either_task,  ledger_end },
	{ "select-both",    4, both_before,    both_task,    both_after },
	{ "select-cross",   4, cross_before,   cross_task,   cross_after },
	{ "select-abandon", 5, abandon_before, abandon_task, ledger_end },
	{ "select-give-up", 5, give_up_before, give_up_task, ledger_end },
	{ NULL, 0, NULL, NULL, NULL },
};
