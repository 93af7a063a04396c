/*
 * events.c - schedules of wakers and descriptors
 */
#include "ledger.h"
#include "scenarios.h"

static struct pipe a, b;

/* ---------------------------------------------------------------------------- wakers */

struct waker {
	chan_waker_t waker;
	int woken;               /* set by its callback */
	int running;             /* in its callback */
	bool ended;              /* cancelled, by its owner or in its own callback: no call comes */
	void (*run)(struct waker *w);
	int me;
};

static struct waker wakers[3];

static void wake(void *arg)
{
	struct waker *w = arg;

	CHECK(!w->ended);
	sched_note("callback", (uint64_t)(w - wakers));
	w->running++;
	if (w->run)
		w->run(w);
	else
		sched_set(&w->woken);
	if (!w->ended)
		w->running--;
}

static void waker_begin(int i, void (*run)(struct waker *w))
{
	struct waker *w = &wakers[i];

	memset(w, 0, sizeof(*w));
	w->run = run;
	w->me = i;
	chan_waker_init(&w->waker, wake, w);
}

/* The owner's.  The room is used for something else afterwards. */
static void waker_end(struct waker *w)
{
	chan_waker_cancel(&w->waker);
	CHECK(w->running == 0);
	w->ended = true;
	memset(&w->waker, SCHED_DEAD_BYTE, sizeof(w->waker));
}

/* A receive by poll and callback, as a task of an event loop has it. */
static int waker_recv(struct waker *w, struct pipe *p)
{
	struct message m;
	int e;

	w->woken = 0;
	while ((e = chan_poll_recv(p->rx, &m, &w->waker)) == EAGAIN) {
		sched_await(&w->woken);
		w->woken = 0;
	}
	if (e == 0)
		message_received(w->me + 2, p, &m);
	return e;
}

static int waker_send(struct waker *w, struct pipe *p, int sender)
{
	struct message m = message_next(sender);
	int e;

	w->woken = 0;
	while ((e = chan_poll_send(p->tx, &m, &w->waker)) == EAGAIN) {
		sched_await(&w->woken);
		w->woken = 0;
	}
	message_sent(&m, e);
	return e;
}

/* -------- waker-flow: one side or both by waker, beside a thread that blocks there.  Two
 * wakers on the ends of a rendezvous never meet, so there the receivers block. */

static void waker_flow_before(void)
{
	ledger_begin();
	pipe_open(&a, kind_pick(MANY_FIT), 2, 2);
	for (int i = 0; i < 3; i++)
		waker_begin(i, NULL);
}

static void waker_flow_task(int me)
{
	bool meets = a.kind->capacity == 0;

	if (me < 2) {
		for (int i = 0; i < 3; i++)
			CHECK((me == 0 ? waker_send(&wakers[2], &a, me) : pipe_send(&a, me)) == 0);
		if (me == 0)
			waker_end(&wakers[2]);
		lull();
		CHECK(messages_under_way(me) == 0);
		chan_sender_drop(a.tx);
		return;
	}
	if (me == 2 && !meets)
		while (waker_recv(&wakers[0], &a) == 0)
			continue;
	else
		pipe_drain(&a, me);
	if (me == 2)
		waker_end(&wakers[0]);
	chan_receiver_drop(a.rx);
}

/* --------------- waker-forward: the callback receives, sends on, and at the end cancels
 * its own waker and drops the handles that it uses */

static void forward(struct waker *w)
{
	struct message m;
	int e;

	while ((e = chan_poll_recv(a.rx, &m, &w->waker)) == 0) {
		message_received(4, &a, &m);
		m = message_next(4);
		e = chan_send(b.tx, &m); /* unbounded: does not wait */
		CHECK(e == 0);
		message_sent(&m, e);
	}
	if (e == EAGAIN)
		return;
	CHECK(e == EPIPE);
	w->ended = true;
	chan_waker_cancel(&w->waker);
	memset(&w->waker, SCHED_DEAD_BYTE, sizeof(w->waker));
	chan_sender_drop(b.tx);
	chan_receiver_drop(a.rx);
}

static void forward_before(void)
{
	const struct kind *k;

	ledger_begin();
	pipe_open(&a, kind_pick(WAITS | MANY_FIT | ROOM), 2, 1);
	do
		k = kind_pick(WAITS);
	while (k->capacity != CHAN_UNBOUNDED);
	pipe_open(&b, k, 1, 1);
	waker_begin(0, forward);
}

static void forward_task(int me)
{
	if (me < 2) {
		for (int i = 0; i < 2; i++)
			CHECK(pipe_send(&a, me) == 0);
		lull();
		CHECK(messages_under_way(me) == 0);
		chan_sender_drop(a.tx);
	} else if (me == 2) {
		forward(&wakers[0]); /* as if woken, to begin with */
	} else {
		int n = 0;

		while (pipe_recv(&b, me) == 0)
			n++;
		CHECK(n >= 2); /* a batch may bring two */
		chan_receiver_drop(b.rx);
	}
}

static void forward_after(void)
{
	CHECK(wakers[0].ended);
	ledger_end();
}

/* ------------- waker-cancel: owners give up at any time, one in the other's callback;
 * the wake-up is then somebody else's, at once */

static int handed; /* waker 1 is waker 0's to cancel */

static void cancel_other(struct waker *w)
{
	if (handed && !wakers[1].ended)
		waker_end(&wakers[1]);
	sched_set(&w->woken);
}

static void cancel_before(void)
{
	ledger_begin();
	handed = 0;
	pipe_open(&a, kind_pick(WAITS | ROOM | MANY_FIT), 2, 3);
	waker_begin(0, cancel_other);
	waker_begin(1, NULL);
}

/* True: it is registered. */
static bool ask(struct waker *w)
{
	struct message m;
	int e = chan_poll_recv(a.rx, &m, &w->waker);

	if (e == 0)
		message_received(w->me, &a, &m);
	CHECK(e == 0 || e == EAGAIN || e == EPIPE);
	return e == EAGAIN;
}

static void cancel_task(int me)
{
	if (me == 0) {
		sched_await(&handed);
		if (ask(&wakers[0]))
			sched_give_way();
		waker_end(&wakers[0]);
		if (!wakers[1].ended)
			waker_end(&wakers[1]);
		chan_receiver_drop(a.rx);
	} else if (me == 1) {
		ask(&wakers[1]);
		sched_set(&handed);
		chan_receiver_drop(a.rx);
	} else if (me == 2) {
		pipe_drain(&a, me);
		chan_receiver_drop(a.rx);
	} else {
		CHECK(pipe_send(&a, me) == 0);
		lull();
		CHECK(messages_under_way(me) == 0); /* task 2 waits for it, whoever was woken first */
		chan_sender_drop(a.tx);
	}
}

/* -------------- waker-turn: woken for one channel, it goes to another; who waits for the
 * first has the wake-up */

static void turn_before(void)
{
	ledger_begin();
	pipe_open(&a, kind_pick(WAITS | ROOM | MANY_FIT), 2, 2);
	pipe_open(&b, kind_pick(WAITS | ROOM | MANY_FIT), 1, 1);
	waker_begin(0, NULL);
}

static void turn_task(int me)
{
	if (me == 0) {
		ask(&wakers[0]);
		sched_give_way();
		waker_recv(&wakers[0], &b);
		waker_end(&wakers[0]);
		chan_receiver_drop(a.rx);
		chan_receiver_drop(b.rx);
	} else if (me == 1) {
		pipe_drain(&a, me);
		chan_receiver_drop(a.rx);
	} else {
		CHECK(pipe_send(&a, me) == 0);
		lull();
		CHECK(messages_under_way(me) == 0);
		if (me == 2) {
			CHECK(pipe_send(&b, me) == 0);
			chan_sender_drop(b.tx);
		}
		chan_sender_drop(a.tx);
	}
}

/* ----------------------------------------------------------------------- descriptors */

static int fds[2];

/* All calls have returned, and what is there is all received: it is down. */
static void check_down(void)
{
	if (messages_under_way(2) == 0 && messages_under_way(3) == 0 && chan_sender_count(chan_receiver_channel(a.rx)) > 0)
		CHECK(!sched_event_is_up(fds[0]));
}

/* By level or by edge, until EPIPE, each message as soon as it is there. */
static void poll_and_receive(int me)
{
	bool by_edge = me == 0 && sched_pick(2) == 0;
	unsigned edge = 0;
	struct message m;
	int fd, e;

	CHECK(chan_receiver_fd(a.rx, &fd) == 0);
	fds[0] = fd;
	for (;;) {
		while ((e = chan_try_recv(a.rx, &m)) == 0)
			message_received(me, &a, &m);
		if (e == EPIPE)
			break;
		CHECK(e == EAGAIN);
		sched_give_way();
		sched_poll(fd, by_edge ? &edge : NULL);
	}
}

/* ------------------- poll-recv: two watch one descriptor, two send */

static void poll_recv_before(void)
{
	ledger_begin();
	pipe_open(&a, kind_pick(MANY_FIT | ROOM), 2, 2);
}

static void poll_recv_task(int me)
{
	if (me < 2) {
		poll_and_receive(me);
		chan_receiver_drop(a.rx);
	} else {
		for (int i = 0; i < 3; i++)
			CHECK(pipe_send(&a, me) == 0);
		lull();
		CHECK(messages_under_way(me) == 0);
		check_down();
		chan_sender_drop(a.tx);
	}
}

/* ------------------- poll-send: two watch the sender's, two receive */

static void poll_send_before(void)
{
	ledger_begin();
	pipe_open(&a, kind_pick(WAITS | MANY_FIT), 2, 2);
}

static void poll_and_send(int me)
{
	int fd;

	for (int i = 0; i < 3; i++) {
		struct message m = message_next(me);
		int e;

		while ((e = chan_try_send(a.tx, &m)) == EAGAIN) {
			CHECK(chan_sender_fd(a.tx, &fd) == 0);
			sched_give_way();
			sched_poll(fd, NULL);
		}
		CHECK(e == 0);
		message_sent(&m, e);
	}
}

static void poll_send_task(int me)
{
	if (me < 2) {
		poll_and_send(me);
		lull();
		CHECK(messages_under_way(me) == 0);
		chan_sender_drop(a.tx);
	} else {
		pipe_drain(&a, me);
		chan_receiver_drop(a.rx);
	}
}

/* ---------- poll-close: both sides are watched while somebody closes, and one leaves */

static void poll_close_before(void)
{
	ledger_begin();
	pipe_open(&a, kind_pick(WAITS | MANY_FIT | ROOM), 2, 2);
}

static void poll_close_task(int me)
{
	int fd;

	if (me < 2) {
		poll_and_receive(me);
		chan_receiver_drop(a.rx);
	} else if (me == 2) {
		int e = 0;

		CHECK(chan_sender_fd(a.tx, &fd) == 0);
		for (int i = 0; i < 6 && e != EPIPE; i++) {
			struct message m = message_next(me);

			while ((e = chan_try_send(a.tx, &m)) == EAGAIN) {
				sched_give_way();
				sched_poll(fd, NULL);
			}
			CHECK(e == 0 || e == EPIPE);
			message_sent(&m, e);
		}
		chan_sender_drop(a.tx);
	} else {
		if (sched_pick(2) == 0)
			lull();
		chan_close(chan_sender_channel(a.tx));
		chan_sender_drop(a.tx);
	}
}

/* ------- poll-leave: who watches leaves while others send, and displace; the descriptor is
 * closed, and nobody touches it afterwards */

static void poll_leave_task(int me)
{
	struct message m;
	int fd, e = 0;

	if (me < 3) {
		for (int i = 0; e == 0 && i < 4; i++)
			e = pipe_send(&a, me);
		chan_sender_drop(a.tx);
		return;
	}
	CHECK(chan_receiver_fd(a.rx, &fd) == 0);
	for (unsigned n = sched_pick(4); n > 0; n--) {
		sched_poll(fd, NULL);
		if (chan_try_recv(a.rx, &m) == 0)
			message_received(me, &a, &m);
	}
	chan_receiver_drop(a.rx);
}

static void poll_leave_before(void)
{
	ledger_begin();
	pipe_open(&a, kind_pick(ROOM), 3, 2);
}

const struct scenario events_scenarios[] = {
	{ "waker-flow",    4, waker_flow_before, waker_flow_task, ledger_end },
	{ "waker-forward", 4, forward_before,    forward_task,    forward_after },
	{ "waker-cancel",  5, cancel_before,     cancel_task,     ledger_end },
	{ "waker-turn",    4, turn_before,       turn_task,       ledger_end },
	{ "poll-recv",     4, poll_recv_before,  poll_recv_task,  ledger_end },
	{ "poll-send",     4, poll_send_before,  poll_send_task,  ledger_end },
	{ "poll-close",    4, poll_close_before, poll_close_task, ledger_end },
	{ "poll-leave",    5, poll_leave_before, poll_leave_task, ledger_end },
	{ NULL, 0, NULL, NULL, NULL },
};
