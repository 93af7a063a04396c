/*
 * ends.c - schedules of one channel of each kind in the table: messages through it,
 * and how it ends
 */
#include "ledger.h"
#include "scenarios.h"

static struct pipe a;
static int sending;        /* calls in progress */
static int receivers_left;

static void ends_before(void)
{
	ledger_begin();
	sending = 0;
	receivers_left = 2;
	pipe_open(&a, kind_asked(), 3, 3);
}

/* -------------------------------------------------- flow: two send, and two receive */

static void flow_task(int me)
{
	if (me < 2) {
		for (int i = 0; i < 3; i++)
			pipe_send(&a, me);
		lull();
		CHECK(messages_under_way(me) == 0); /* two wait for them */
		chan_sender_drop(a.tx);
	} else {
		pipe_drain(&a, me);
		chan_receiver_drop(a.rx);
	}
}

static void flow_before(void)
{
	ends_before();
	chan_sender_drop(a.tx);
	chan_receiver_drop(a.rx);
}

/* ----------------------------------------- leave: the last receiver, against sends */

/* A send in progress may have what others sent in its hands. */
static void leave_check(void)
{
	for (int sender = 0; sending == 0 && sender < 3; sender++)
		CHECK(messages_under_way(sender) == 0);
}

static void leave_task(int me)
{
	if (me < 3) {
		int e = 0;

		for (int i = 0; e == 0 && i < 4; i++) {
			sending++;
			e = pipe_send(&a, me);
			sending--;
		}
		chan_sender_drop(a.tx);
		return;
	}
	for (unsigned n = sched_pick(3), e = 0; e == 0 && n > 0; n--)
		e = (unsigned)pipe_recv(&a, me);
	chan_receiver_drop(a.rx);
	if (--receivers_left == 0)
		leave_check();
}

static void leave_before(void)
{
	ends_before();
	chan_receiver_drop(a.rx);
}

/* ----------- close: by somebody, or several, one of whom looks whether all have heard */

static int closed, heard;

static void close_before(void)
{
	ends_before();
	closed = heard = 0;
}

static void close_task(int me)
{
	if (me < 2) {
		for (int i = 0; i < 4 && pipe_send(&a, me) == 0; i++)
			continue;
		if (sched_pick(2) == 0) {
			chan_close(chan_sender_channel(a.tx)); /* another's may be under way */
			closed = 1;
		}
		CHECK(!closed || pipe_send(&a, me) == EPIPE);
		chan_sender_drop(a.tx);
	} else if (me < 4) {
		pipe_drain(&a, me);
		heard++;
		chan_receiver_drop(a.rx);
	} else {
		if (sched_pick(2) == 0)
			lull();
		chan_close(chan_sender_channel(a.tx));
		closed = 1;
		CHECK(chan_is_disconnected(chan_sender_channel(a.tx)));
		lull();
		lull(); /* whose timed calls end at the same instant */
		CHECK(heard == 2);
		CHECK(messages_under_way(0) == 0 && messages_under_way(1) == 0);
		chan_sender_drop(a.tx);
		chan_receiver_drop(a.rx);
	}
}

/* --------------- oneshot: two senders, a weak one, close or not; one message in all */

static chan_weak_sender_t *weak;
static int accepted, taken;

static void oneshot_before(void)
{
	ledger_begin();
	accepted = taken = 0;
	pipe_open(&a, kind_once(), 2, 2);
	weak = chan_sender_downgrade(a.tx);
}

static void oneshot_send(int me)
{
	accepted += sched_pick(4) != 0 && pipe_send(&a, me) == 0;
	chan_sender_drop(a.tx);
}

/* Whoever hears EPIPE has not left a message behind. */
static void oneshot_receive(int me)
{
	struct message m;

	taken += pipe_recv(&a, me) == 0;
	CHECK(taken == 1 || accepted == 0);
	CHECK(chan_recv(a.rx, &m) == EPIPE);
	chan_receiver_drop(a.rx);
}

static void oneshot_task(int me)
{
	if (me < 2) {
		oneshot_send(me);
	} else if (me == 2) {
		oneshot_receive(me);
	} else {
		chan_sender_t *tx = chan_weak_sender_upgrade(weak);

		if (tx && sched_pick(3) == 0)
			chan_close(chan_sender_channel(tx));
		if (tx)
			oneshot_send(me);
		chan_weak_sender_drop(weak);
		chan_receiver_drop(a.rx);
	}
}

static void oneshot_after(void)
{
	CHECK(accepted <= 1 && taken == accepted);
	ledger_end();
}

/* ------- once: two send one message each, and two receive one each and look no further */

static void once_before(void)
{
	ledger_begin();
	pipe_open(&a, kind_pick(WAITS | MANY_FIT), 2, 2);
}

static void once_task(int me)
{
	struct message m;

	if (me < 2) {
		CHECK(pipe_send(&a, me) == 0);
		return;
	}
	CHECK(chan_recv(a.rx, &m) == 0);
	message_received(me, &a, &m);
}

static void once_after(void)
{
	for (int i = 0; i < 2; i++) {
		chan_sender_drop(a.tx);
		chan_receiver_drop(a.rx);
	}
	ledger_end();
}

/* --------------- close-twice: by two at once, while some wait and some come and go */

static void close_twice_before(void)
{
	ledger_begin();
	pipe_open(&a, kind_pick(0), 1, 4);
}

static void close_twice_task(int me)
{
	struct message m;

	if (me == 0)
		chan_close(chan_receiver_channel(a.rx));
	else if (me == 1)
		chan_sender_drop(a.tx);
	else
		CHECK(chan_recv(a.rx, &m) == EPIPE);
	if (me != 1)
		chan_receiver_drop(a.rx);
}

/* ------------------------------ starve: three want the same, and one is always late */

static void starve_before(void)
{
	ledger_begin();
	pipe_open(&a, kind_pick(WAITS | MANY_FIT), 2, 3);
}

static void starve_task(int me)
{
	struct message m;
	int e = 0;

	if (me < 2) {
		for (int i = 0; i < 5; i++)
			pipe_send(&a, me);
		chan_sender_drop(a.tx);
		return;
	}
	while (e != EPIPE) {
		/* Who runs takes what a sleeper was woken for, as often as the seed wants. */
		e = me == 2 ? EAGAIN : chan_try_recv(a.rx, &m);
		if (e == EAGAIN)
			e = chan_recv(a.rx, &m);
		scrub();
		if (e == 0)
			message_received(me, &a, &m);
	}
	chan_receiver_drop(a.rx);
}

const struct scenario ends_scenarios[] = {
	{ "oneshot", 4, oneshot_before, oneshot_task, oneshot_after },
	{ "once",    4, once_before,    once_task,    once_after },
	{ "close-twice", 5, close_twice_before, close_twice_task, ledger_end },
	{ "starve",  5, starve_before,  starve_task,  ledger_end },
	{ NULL, 0, NULL, NULL, NULL },
};

/* For each kind; see schedules.c. */
const struct scenario kind_scenarios[] = {
	{ "flow",  4, flow_before,  flow_task,  ledger_end },
	{ "leave", 5, leave_before, leave_task, ledger_end },
	{ "close", 5, close_before, close_task, ledger_end },
	{ NULL, 0, NULL, NULL, NULL },
};
