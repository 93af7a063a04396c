/*
 * scenarios.cpp - what is asked of the library under the model
 *
 *	scenarios [-lx] [-f FIRST] [-n EXECUTIONS] [-p PERCENT] [-m MUTANT] [-b BOUNDS] [NAME]...
 *
 * A scenario is a channel of some kind and a few threads; its executions are
 * numbered, and the number is the seed.  A NAME selects the scenarios whose
 * name contains it; -l lists them.  -n replaces each one's number of
 * executions, -p scales it; -x ends at the first that fails.  Exit status 1:
 * one failed, and its history is printed.
 *
 * -b PREEMPTIONS:SURPRISES: every execution within these bounds, or the first ones,
 * of the scenarios with two threads or three.
 *
 * -m is for sources that orders.py has instrumented: SITE:ORDER or
 * SITE:ORDER-FAILURE, or SITE:none for a fence.  Status 3: nothing failed, and no
 * execution came there.
 *
 * In every scenario, for every message: sent with success, it is received
 * once, destroyed once or handed back once; otherwise it stays its sender's.  A
 * receiver sees each sender's messages in order.  Who gets EPIPE sees what was done
 * before the close or the last drop that it comes from.  Nobody sleeps for ever, no
 * memory is lost or touched after it was given back, no plain access races.
 */
#include <chan.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* ------------------------------------------------------------------ the channels */

/* FEW_PLOTS: of interest for the number of threads, or for one plot, and in no others. */
enum { PROMISE_NONE = 0, SP = 1, SC = 2, DROP = 4, TIMER = 8, FEW_PLOTS = 16, QUEUE = 32 };

struct kind {
	const char *name;
	chan_flavor_t flavor;
	size_t capacity;
	int promises;
	size_t msg_size;
	size_t per_block;
};

static const struct kind kinds[] = {
	{ "array-1",         CHAN_FLAVOR_ARRAY, 1, 0, 8, 2 },
	{ "array-2",         CHAN_FLAVOR_ARRAY, 2, 0, 8, 2 },
	{ "array-3",         CHAN_FLAVOR_ARRAY, 3, 0, 8, 2 },
	{ "array-1-drop",    CHAN_FLAVOR_ARRAY, 1, DROP, 8, 2 },
	{ "array-2-drop",    CHAN_FLAVOR_ARRAY, 2, DROP, 8, 2 },
	{ "array-1-sp",      CHAN_FLAVOR_ARRAY, 1, SP, 8, 2 },
	{ "array-1-sc",      CHAN_FLAVOR_ARRAY, 1, SC, 8, 2 },
	{ "array-2-spsc",    CHAN_FLAVOR_ARRAY, 2, SP | SC, 8, 2 },
	{ "array-1-sp-drop", CHAN_FLAVOR_ARRAY, 1, SP | DROP, 8, 2 },
	{ "list-2",          CHAN_FLAVOR_LIST, CHAN_UNBOUNDED, 0, 8, 2 },
	{ "list-4",          CHAN_FLAVOR_LIST, CHAN_UNBOUNDED, 0, 8, 4 },
	{ "list-2-large",    CHAN_FLAVOR_LIST, CHAN_UNBOUNDED, 0, 264, 2 },
	{ "list-2-sp",       CHAN_FLAVOR_LIST, CHAN_UNBOUNDED, SP, 8, 2 },
	{ "list-2-sc",       CHAN_FLAVOR_LIST, CHAN_UNBOUNDED, SC, 8, 2 },
	{ "list-2-spsc",     CHAN_FLAVOR_LIST, CHAN_UNBOUNDED, SP | SC, 8, 2 },
	{ "zero",            CHAN_FLAVOR_ZERO, 0, 0, 8, 2 },
	{ "condvar-0",       CHAN_FLAVOR_MUTEX_CONDVAR, 0, 0, 8, 2 },
	{ "condvar-1",       CHAN_FLAVOR_MUTEX_CONDVAR, 1, 0, 8, 2 },
	{ "condvar-1-drop",  CHAN_FLAVOR_MUTEX_CONDVAR, 1, DROP, 8, 2 },
	{ "condvar-list",    CHAN_FLAVOR_MUTEX_CONDVAR, CHAN_UNBOUNDED, 0, 8, 2 },
	{ "oneshot",         CHAN_FLAVOR_ONESHOT, 1, 0, 8, 2 },
	{ "oneshot-sp",      CHAN_FLAVOR_ONESHOT, 1, SP, 8, 2 },
	{ "oneshot-sc",      CHAN_FLAVOR_ONESHOT, 1, SC, 264, 2 },
	{ "oneshot-spsc",    CHAN_FLAVOR_ONESHOT, 1, SP | SC, 8, 2 },
	{ "condvar-list-sc", CHAN_FLAVOR_MUTEX_CONDVAR, CHAN_UNBOUNDED, SC, 8, 2 },
	{ "at",              CHAN_FLAVOR_AT, 1, TIMER, sizeof(struct timespec), 2 },
	{ "tick",            CHAN_FLAVOR_TICK, 1, TIMER, sizeof(struct timespec), 2 },
	{ "never",           CHAN_FLAVOR_NEVER, 0, TIMER, sizeof(struct timespec), 2 },
	{ "cast-1",          CHAN_FLAVOR_BROADCAST, 1, 0, 8, 2 },
	{ "cast-2",          CHAN_FLAVOR_BROADCAST, 2, 0, 8, 2 },
	{ "cast-1-drop",     CHAN_FLAVOR_BROADCAST, 1, DROP, 8, 2 },
	{ "cast-2-drop",     CHAN_FLAVOR_BROADCAST, 2, DROP, 8, 2 },
	{ "waitq",           CHAN_FLAVOR_AUTO, 0, QUEUE, 8, 2 },
	{ "array-3-spsc",    CHAN_FLAVOR_ARRAY, 3, SP | SC | FEW_PLOTS, 8, 2 },
	{ "zero-sp",         CHAN_FLAVOR_ZERO, 0, SP | FEW_PLOTS, 8, 2 },
	{ "zero-sc",         CHAN_FLAVOR_ZERO, 0, SC | FEW_PLOTS, 8, 2 },
	{ "zero-spsc",       CHAN_FLAVOR_ZERO, 0, SP | SC | FEW_PLOTS, 8, 2 },
	{ "condvar-1-sp",    CHAN_FLAVOR_MUTEX_CONDVAR, 1, SP | FEW_PLOTS, 8, 2 },
	{ "condvar-1-sc",    CHAN_FLAVOR_MUTEX_CONDVAR, 1, SC | FEW_PLOTS, 8, 2 },
	{ "condvar-1-spsc",  CHAN_FLAVOR_MUTEX_CONDVAR, 1, SP | SC | FEW_PLOTS, 8, 2 },
	{ "cast-1-sp",       CHAN_FLAVOR_BROADCAST, 1, SP | FEW_PLOTS, 8, 2 },
	{ "cast-1-sc",       CHAN_FLAVOR_BROADCAST, 1, SC | FEW_PLOTS, 8, 2 },
	{ "cast-1-spsc",     CHAN_FLAVOR_BROADCAST, 1, SP | SC | FEW_PLOTS, 8, 2 },
	{ "cast-3",          CHAN_FLAVOR_BROADCAST, 3, FEW_PLOTS, 8, 2 },
};

static const struct kind *kind_now(void)
{
	return &kinds[model_scenario->variant];
}

static int producers(void)
{
	return kind_now()->promises & SP ? 1 : 2;
}

static int consumers(void)
{
	return kind_now()->promises & SC ? 1 : 2;
}

/* ------------------------------------------------------------------- the messages */

enum { SENDERS = 5, EACH = 8, MESSAGES = SENDERS * EACH };

/* As large as the largest kind's; the first word says which it is. */
struct message {
	uint64_t id;
	uint64_t more[32];
};

struct fate {
	bool sent;      /* its send returned 0 */
	int received;
	int destroyed;
	int displaced;
};

static struct fate fates[MESSAGES];
static int last_seen[MODEL_THREADS_MAX][SENDERS];
static chan_sender_t *tx, *tx2; /* the second channel: where there is a select */
static chan_receiver_t *rx, *rx2;
static int receivers_left; /* whose drop has not returned */

static int ends(const struct fate *f)
{
	return f->received + f->destroyed + f->displaced;
}

static void write_message(struct message *m, int sender, int number)
{
	size_t size = kind_now()->msg_size;

	m->id = (uint64_t)(sender * EACH + number);
	for (size_t i = 0; i < size / 8 - 1; i++)
		m->more[i] = m->id;
	model_wrote(m, size);
}

static struct fate *read_message(const struct message *m)
{
	size_t size = kind_now()->msg_size;

	model_read(m, size);
	model_check(m->id < MESSAGES, "a message that nobody sent");
	for (size_t i = 0; i < size / 8 - 1; i++)
		model_check(m->more[i] == m->id, "a message in pieces");
	return &fates[m->id];
}

static void destroyed(void *msg, void *arg)
{
	struct fate *f = read_message((const struct message *)msg);

	(void)arg;
	model_say("destructor");
	f->destroyed++;
	model_wrote(&f->destroyed, sizeof(f->destroyed));
	model_check(ends(f) == 1, "a message ends twice");
}

static void received(int me, const struct message *m)
{
	struct fate *f = read_message(m);
	int sender = (int)m->id / EACH, number = (int)m->id % EACH;

	model_say("received");
	f->received++;
	model_check(ends(f) == 1, "a message ends twice");
	model_check(number >= last_seen[me][sender], "the messages of one sender out of order");
	last_seen[me][sender] = number;
}

/* --------------------------------------------------------------- sending, receiving */

enum form { PLAIN, TIMED, MANY, FORMS };

/* Message `number` and, with MANY, the one after it; how many went. */
static int send_in_form(chan_sender_t *to, int sender, int number, int form, int *e)
{
	struct message m[2];
	unsigned char flat[2 * sizeof(struct message)];
	size_t size = kind_now()->msg_size, n = 0;

	write_message(&m[0], sender, number);
	if (form != MANY) {
		do
			*e = form == PLAIN ? chan_send(to, &m[0]) : chan_send_timeout(to, &m[0], 1);
		while (*e == ETIMEDOUT);
		n = *e == 0;
	} else {
		write_message(&m[1], sender, number + 1);
		memcpy(flat, &m[0], size);
		memcpy(flat + size, &m[1], size);
		model_wrote(flat, 2 * size);
		*e = chan_send_many(to, flat, 2, &n);
	}
	for (size_t i = 0; i < n; i++)
		fates[sender * EACH + number + (int)i].sent = true;
	model_check(*e == 0 || *e == EPIPE || *e == ENOMEM, "a send failed for no reason");
	return (int)n;
}

static int send_one(chan_sender_t *to, int sender, int number)
{
	int e;

	send_in_form(to, sender, number, PLAIN, &e);
	return e;
}

/* Up to `n` messages, in any form; the error of the first that did not go. */
static int send_some(chan_sender_t *to, int sender, int n)
{
	int e = 0;

	for (int i = 0; i < n && e == 0;) {
		int form = (int)model_rand(FORMS);

		i += send_in_form(to, sender, i, i + 1 < n ? form : form % MANY, &e);
	}
	return e;
}

static int recv_in_form(chan_receiver_t *from, int me, int form, int *e)
{
	unsigned char flat[2 * sizeof(struct message)];
	struct message m;
	size_t size = kind_now()->msg_size, n = 0;

	if (form != MANY) {
		do
			*e = form == PLAIN ? chan_recv(from, flat) : chan_recv_timeout(from, flat, 1);
		while (*e == ETIMEDOUT);
		n = *e == 0;
	} else {
		*e = chan_recv_many(from, flat, 2, &n);
	}
	model_read(flat, n * size);
	for (size_t i = 0; i < n; i++) {
		memcpy(&m, flat + i * size, size);
		received(me, &m);
	}
	model_check(*e == 0 || *e == EPIPE, "a receive failed for no reason");
	return (int)n;
}

static int recv_one(chan_receiver_t *from, int me)
{
	int e;

	recv_in_form(from, me, PLAIN, &e);
	return e;
}

static int recv_some(chan_receiver_t *from, int me, int n)
{
	int e = 0;

	for (int i = 0; i < n && e == 0;) {
		int form = (int)model_rand(FORMS);

		i += recv_in_form(from, me, i + 1 < n ? form : form % MANY, &e);
	}
	return e;
}

/* Until no more can come, and that is final; now and then one goes to the destructor.  How
 * many came. */
static int recv_all(chan_receiver_t *from, int me)
{
	struct message m;
	int e = 0, n = 0;

	while (e == 0)
		if (model_rand(8) == 0)
			n += (e = chan_recv(from, NULL)) == 0;
		else
			n += recv_in_form(from, me, (int)model_rand(FORMS), &e);
	model_check(e == EPIPE, "a drain ended early");
	if (model_rand(2) != 0) /* it would hide what the first one has not acquired */
		model_check(chan_try_recv(from, &m) != 0, "more after the end");
	return n;
}

/* ------------------------------------------------------------- beginning and ending */

static void open_channel(bool with_destructor, int sender_handles, int receiver_handles,
                         chan_sender_t **to, chan_receiver_t **from)
{
	const struct kind *k = kind_now();
	chan_attr_t attr;
	int e = chan_attr_init(&attr);

	e |= chan_attr_setflavor(&attr, k->flavor);
	e |= chan_attr_setcapacity(&attr, k->capacity);
	e |= chan_attr_setspin(&attr, model_rand(4) == 0 ? 1000 : 0);
	if (with_destructor && k->flavor != CHAN_FLAVOR_BROADCAST)
		e |= chan_attr_setdestructor(&attr, destroyed, NULL);
	if (k->promises & SP)
		e |= chan_attr_setproducers(&attr, CHAN_SINGLE);
	if (k->promises & SC)
		e |= chan_attr_setconsumers(&attr, CHAN_SINGLE);
	if (k->promises & DROP)
		e |= chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST);
	e |= chan_create(&attr, k->msg_size, to, from);
	model_check(e == 0, "no channel");
	while (--sender_handles > 0)
		chan_sender_clone(*to);
	while (--receiver_handles > 0)
		chan_receiver_clone(*from);
}

static void make(bool with_destructor, int sender_handles, int receiver_handles)
{
	memset(fates, 0, sizeof(fates));
	memset(last_seen, 0, sizeof(last_seen));
	receivers_left = receiver_handles;
	model_per_block = kind_now()->per_block;
	open_channel(with_destructor, sender_handles, receiver_handles, &tx, &rx);
}

/* What a thread did before it closed, or dropped its handle. */
static int last_words[MODEL_THREADS_MAX];

static void leave_word(int me)
{
	model_wrote(&last_words[me], sizeof(last_words[me]));
}

static void read_words(int from, int to)
{
	for (int i = from; i < to; i++)
		model_read(&last_words[i], sizeof(last_words[i]));
}

/* All threads have ended, all handles are dropped. */
static void account(void)
{
	for (int i = 0; i < MESSAGES; i++)
		model_check(ends(&fates[i]) == (fates[i].sent ? 1 : 0),
		            fates[i].sent ? "a message was lost" : "a message that was not sent arrived");
}

/*
 * When the last drop returns, nothing that had been sent before is left, and its
 * destructors are over; except in the hands of a send in progress, which may
 * displace a message.
 */
static void drop_receiver(void)
{
	bool sent[MESSAGES];

	for (int i = 0; i < MESSAGES; i++)
		sent[i] = fates[i].sent;
	chan_receiver_drop(rx);
	if (--receivers_left > 0 || (kind_now()->promises & DROP))
		return;
	for (int i = 0; i < MESSAGES; i++) {
		if (!sent[i])
			continue;
		model_check(ends(&fates[i]) == 1, "the last drop left a message behind");
		if (fates[i].destroyed > 0)
			model_read(&fates[i].destroyed, sizeof(fates[i].destroyed));
	}
}

/* ------------------------------------------------------------------------- flow: as
 * many are received as are sent, every call waits as long as it takes.  One
 * sender stays until all have what they want: a last drop would wake them. */

static void flow_before(void)
{
	make(model_rand(2) != 0, producers() + 1, consumers());
}

static void flow_after(void)
{
	chan_sender_drop(tx);
	account();
}

static void flow_thread(int i)
{
	int p = producers(), c = consumers();

	if (i < p) {
		model_check(send_some(tx, i, 4 / p) == 0, "a send failed");
		chan_sender_drop(tx);
	} else {
		model_check(recv_some(rx, i, 4 / c) == 0, "a receive failed");
		drop_receiver();
	}
}

/* -------------------------------------------------- once: the least that can go wrong: two
 * messages, and for each receiver one, or both for a single one. */

static void once_thread(int i)
{
	int p = producers(), c = consumers();

	if (i < p) {
		model_check(send_some(tx, i, 2 / p) == 0, "a send failed");
		chan_sender_drop(tx);
	} else {
		model_check(recv_some(rx, i, 2 / c) == 0, "a receive failed");
		drop_receiver();
	}
}

/* ------------------------------------------------------------ drain: the senders send
 * and leave, the receivers stay until EPIPE. */

static void drain_before(void)
{
	make(true, producers(), consumers());
}

static void drain_thread(int i)
{
	if (i < producers()) {
		model_check(send_some(tx, i, 2) == 0, "a send failed");
		leave_word(i);
		chan_sender_drop(tx);
	} else {
		recv_all(rx, i);
		read_words(0, producers());
		drop_receiver();
	}
}

/* ------------------------------------------------------------- leave: the receivers take
 * one message or none, and leave while the senders send. */

static void leave_thread(int i)
{
	if (i < producers()) {
		for (int n = 0, e = 0; n < 3 && e == 0; n++) {
			bool gone = receivers_left == 0;

			e = send_one(tx, i, n);
			model_check(e == EPIPE || !gone, "a send to nobody");
			if (e == EPIPE)
				read_words(producers(), producers() + consumers());
		}
		chan_sender_drop(tx);
	} else {
		struct message m;

		if (model_rand(2) != 0 && chan_recv_timeout(rx, &m, 1) == 0)
			received(i, &m);
		leave_word(i);
		drop_receiver();
	}
}

/* ---------------------------------------------------- close: a receiver closes, then both
 * drain; a third handle looks on. */

static void close_thread(int i)
{
	if (i < producers()) {
		int e = 0;

		for (int n = 0; n < 3 && e == 0; n++) {
			if (chan_is_disconnected(chan_sender_channel(tx)))
				read_words(producers(), producers() + 1);
			e = send_one(tx, i, n);
		}
		if (e == EPIPE)
			read_words(producers(), producers() + 1);
		chan_sender_drop(tx);
		return;
	}
	if (i == producers()) {
		if (model_rand(2) != 0)
			recv_one(rx, i);
		leave_word(i);
		chan_close(chan_receiver_channel(rx));
		model_check(chan_is_disconnected(chan_receiver_channel(rx)), "closed, and still connected");
	}
	model_check(chan_len(chan_receiver_channel(rx)) <= kind_now()->capacity, "more than fits");
	recv_all(rx, i);
	drop_receiver();
}

/* ------------------------------------------------- len: never fewer than one message, never
 * more than two, whoever looks. */

static void len_before(void)
{
	make(true, 2, 2);
	model_check(send_one(tx, SENDERS - 1, 0) == 0, "a send failed");
}

static void len_of_two(int i)
{
	for (int n = 0; n < 3; n++) {
		size_t len = i == 0 ? 1 : chan_len(chan_receiver_channel(rx));

		model_check(len >= 1, "fewer than there ever were");
		model_check(len <= 2, "more than there ever were");
		if (i == 0) {
			model_check(send_one(tx, i, n) == 0, "a send failed");
			recv_one(rx, i);
		}
	}
}

static void len_thread(int i)
{
	len_of_two(i);
	chan_sender_drop(tx);
	drop_receiver();
}

/* ---------------------------------- part: the only sender leaves, while a receiver closes */

/* Without a destructor, so that the closer does not hold the channel. */
static void part_before(void)
{
	make(false, 1, 1);
}

static void part_thread(int i)
{
	if (i == 0) {
		send_one(tx, i, 0);
		chan_sender_drop(tx);
		return;
	}
	chan_close(chan_receiver_channel(rx));
	while (recv_one(rx, i) == 0)
		continue;
	drop_receiver();
}

/* --------------------------------------------- ready-send: ready for a send that never waits, or
 * closed. */

static void ready_send_before(void)
{
	make(true, 1, 1);
}

static void ready_send_thread(int i)
{
	struct message m;
	chan_case_t c = CHAN_CASE_SEND(tx, &m);
	size_t which;

	if (i == 0) {
		leave_word(i);
		chan_close(chan_receiver_channel(rx));
		drop_receiver();
		return;
	}
	for (int n = 0; n < 2; n++) {
		model_check(chan_try_select(&c, 1, CHAN_SELECT_READY, &which) == 0, "not ready");
		model_check(c.status == 0 || c.status == EPIPE, "a send would fail for no reason");
		if (c.status == EPIPE)
			read_words(0, 1);
	}
	chan_sender_drop(tx);
}

/* ---------------------------------------------- timed: one message for two receivers, one of
 * which gives up after a while; the other must not sleep on while there is one. */

static void timed_before(void)
{
	make(model_rand(2) != 0, 3, 2);
}

static void timed_thread(int i)
{
	struct message m;

	if (i == 0) {
		model_check(send_one(tx, 0, 0) == 0, "a send failed");
		chan_sender_drop(tx);
		return;
	}
	if (i == 1) {
		model_check(recv_one(rx, i) == 0, "a receive failed");
		drop_receiver();
		return;
	}
	if (chan_recv_timeout(rx, &m, 1) == 0) {
		received(i, &m);
		model_check(send_one(tx, i, 0) == 0, "a send failed");
	}
	drop_receiver();
	chan_sender_drop(tx);
}

/* ------------------------------------------------ timed-send: the mirror image, with room for
 * one of two senders. */

static void timed_send_before(void)
{
	make(true, 2, 2);
	for (size_t i = 0; i < kind_now()->capacity; i++)
		model_check(send_one(tx, 4, (int)i) == 0, "a send failed");
}

static void timed_send_thread(int i)
{
	struct message m;

	if (i == 0) {
		model_check(recv_one(rx, i) == 0, "a receive failed");
		drop_receiver();
		return;
	}
	if (i == 1) {
		model_check(send_one(tx, i, 0) == 0, "a send failed");
		chan_sender_drop(tx);
		return;
	}
	write_message(&m, i, 0);
	if (chan_send_timeout(tx, &m, 1) == 0) {
		fates[i * EACH].sent = true;
		model_check(recv_one(rx, i) == 0, "a receive failed");
	}
	/* Who waits must not find the channel disconnected. */
	chan_sender_drop(tx);
	while (!fates[EACH].sent)
		model_yield();
	drop_receiver();
}

/* ------------------------------------------------ cancel: a receive with a token, while its
 * message and its trigger come; the trigger is that of the token's parent.  Where the
 * sender triggers, after its send, the message must come first. */

static chan_cancel_t *root, *token;
static bool sender_triggers;

static void make_tokens(void)
{
	int e = chan_cancel_create(NULL, &root);

	e |= chan_cancel_create(root, &token);
	model_check(e == 0, "no token");
}

static void drop_tokens(void)
{
	chan_cancel_drop(root);
	chan_cancel_drop(token);
}

static void trigger_tokens(int i)
{
	leave_word(i);
	chan_cancel_trigger(root);
	model_check(chan_cancel_is_triggered(token), "a token was not reached");
}

/* True: it got a message; `by` is who triggers. */
static bool recv_unless_cancelled(int me, int by)
{
	struct message m;
	int e;

	do
		e = model_rand(2) ? chan_recv_cancel(rx, &m, token) : chan_recv_cancel_timeout(rx, &m, token, 1);
	while (e == ETIMEDOUT);
	model_check(e == 0 || e == ECANCELED, "a receive failed for no reason");
	if (e == 0)
		received(me, &m);
	else
		read_words(by, by + 1);
	return e == 0;
}

static void cancel_before(void)
{
	make(model_rand(2) != 0, 2, 1);
	make_tokens();
	sender_triggers = model_rand(2) != 0;
}

static void cancel_after(void)
{
	drop_tokens();
	flow_after();
}

static void cancel_thread(int i)
{
	if (i == 0) {
		model_check(send_one(tx, 0, 0) == 0, "a send failed");
		if (sender_triggers)
			trigger_tokens(i);
		chan_sender_drop(tx);
	} else if (i == 1) {
		bool got = recv_unless_cancelled(i, 2);

		model_check(got || !sender_triggers, "cancelled, and the message was there");
		if (!got)
			model_check(recv_one(rx, i) == 0, "a receive failed");
		drop_receiver();
	} else if (!sender_triggers) {
		trigger_tokens(i);
	}
}

/* --------------------------------------------- cancel-recv: one message for two receivers, one of
 * which is cancelled; the other must not sleep on while there is one. */

static void cancel_recv_before(void)
{
	timed_before();
	make_tokens();
}

static void cancel_recv_thread(int i)
{
	if (i < 2) {
		timed_thread(i);
	} else if (i == 2) {
		if (recv_unless_cancelled(i, 3))
			model_check(send_one(tx, i, 0) == 0, "a send failed");
		drop_receiver();
		chan_sender_drop(tx);
	} else {
		trigger_tokens(i);
	}
}

/* ------------------------------------------------ cancel-send: the mirror image, with room for
 * one of two senders. */

static void cancel_send_before(void)
{
	timed_send_before();
	make_tokens();
}

static void cancel_send_after(void)
{
	drop_tokens();
	account();
}

static void cancel_send_thread(int i)
{
	struct message m;
	int e;

	if (i < 2) {
		timed_send_thread(i);
		return;
	}
	if (i == 3) {
		trigger_tokens(i);
		return;
	}
	write_message(&m, i, 0);
	e = chan_send_cancel(tx, &m, token);
	model_check(e == 0 || e == ECANCELED, "a send failed for no reason");
	if (e == 0) {
		fates[i * EACH].sent = true;
		model_check(recv_one(rx, i) == 0, "a receive failed");
	} else {
		read_words(3, 4);
	}
	/* Who waits must not find the channel disconnected. */
	chan_sender_drop(tx);
	while (!fates[EACH].sent)
		model_yield();
	drop_receiver();
}

/* ----------------------------------- stolen: one that was woken in vain, and starves, is cancelled
 * while a batch arrives; there is a message for everybody.  Or it selects, and
 * when its token comes first it leaves without another look at the channel. */

static void select_unless_cancelled(int me, int by)
{
	struct message m;
	chan_case_t cases[] = { CHAN_CASE_RECV(rx, &m), CHAN_CASE_RECV(chan_cancel_receiver(token), NULL) };
	size_t which = 2;

	model_check(chan_select(cases, 2, 0, &which) == 0 && which < 2, "a select failed");
	if (which == 0) {
		model_check(cases[0].status == 0, "a receive failed for no reason");
		received(me, &m);
	} else {
		model_check(cases[1].status == EPIPE, "a token gave a message");
		read_words(by, by + 1);
	}
}

static void stolen_before(void)
{
	make(true, 2, 4);
	make_tokens();
}

static void stolen_after(void)
{
	drop_receiver();
	cancel_after();
}

/* Lets the others come some way, or far. */
static void stand_aside(unsigned most)
{
	for (unsigned n = model_rand(most); n > 0; n--)
		model_yield();
}

static void stolen_thread(int i)
{
	struct message m;
	int e;

	if (i == 0) {
		model_check(send_one(tx, 0, 0) == 0, "a send failed");
		stand_aside(40);
		model_check(send_in_form(tx, 0, 1, MANY, &e) == 2, "a send failed");
		chan_sender_drop(tx);
		return;
	}
	if (i == 1)
		model_check(recv_one(rx, i) == 0, "a receive failed");
	else if (i == 2 && model_rand(2))
		recv_unless_cancelled(i, 3);
	else if (i == 2)
		select_unless_cancelled(i, 3);
	else if (chan_try_recv(rx, &m) == 0)
		received(i, &m);
	if (i == 3) {
		stand_aside(40);
		trigger_tokens(i);
	}
	drop_receiver();
}

/* -------------------------------------------------- tokens: two triggers, a new child and a
 * waiter, while owners leave. */

static void tokens_before(void)
{
	make_tokens();
	chan_cancel_clone(token);
	chan_cancel_clone(token);
	chan_cancel_clone(root);
}

static void tokens_after(void)
{
	chan_cancel_drop(root);
}

static void tokens_thread(int i)
{
	chan_cancel_t *child;
	bool early;

	if (i == 0) {
		trigger_tokens(i);
		chan_cancel_drop(token);
	} else if (i == 1) {
		chan_cancel_trigger(root);
		chan_cancel_drop(root);
	} else if (i == 2) {
		early = chan_cancel_is_triggered(token);
		model_check(chan_cancel_create(token, &child) == 0, "no token");
		chan_cancel_drop(token);
		model_check(!early || chan_cancel_is_triggered(child), "born, and not triggered");
		model_check(chan_recv(chan_cancel_receiver(child), NULL) == EPIPE, "a trigger was missed");
		chan_cancel_drop(child);
	} else {
		model_check(chan_recv(chan_cancel_receiver(token), NULL) == EPIPE, "a trigger was missed");
		chan_cancel_drop(token);
	}
}

/* --------------------------------------------------- force: one sender displaces, into its own
 * memory, the message itself or the destructor's hands. */

static void force_once(int sender, int number)
{
	struct message m, old, *to[] = { NULL, &old, &m };
	struct message *displaced = to[model_rand(3)];
	bool was_displaced = false;
	int e;

	write_message(&m, sender, number);
	e = chan_force_send(tx, &m, displaced, &was_displaced);
	model_check(e == 0 || e == EAGAIN, "a forced send failed");
	fates[sender * EACH + number].sent = e == 0;
	if (e == 0 && was_displaced && displaced) {
		struct fate *f = read_message(displaced);

		f->displaced++;
		model_check(ends(f) == 1, "a message ends twice");
	}
}

static void force_thread(int i)
{
	int p = producers();

	if (i >= p) {
		recv_all(rx, i);
		drop_receiver();
		return;
	}
	if (i == 0)
		for (int n = 0; n < 3; n++)
			force_once(i, n);
	else
		send_some(tx, i, 2);
	chan_sender_drop(tx);
}

/* ------------------------------------------------------ weak: an upgrade against the last drop */

static void weak_before(void)
{
	make(true, 1, 1);
	chan_sender_downgrade(tx);
}

static void weak_thread(int i)
{
	chan_weak_sender_t *weak = (chan_weak_sender_t *)tx;
	chan_sender_t *upgraded;

	if (i == 0) {
		model_check(send_one(tx, i, 0) == 0, "a send failed");
		chan_sender_drop(tx);
	} else if (i == 1) {
		recv_all(rx, i);
		drop_receiver();
	} else {
		bool early = model_rand(2) == 0; /* then the upgraded one is a sender like any other */

		upgraded = chan_weak_sender_upgrade(weak);
		if (early)
			chan_weak_sender_drop(weak);
		if (upgraded)
			model_check(send_one(upgraded, i, 0) == 0, "a send failed");
		chan_sender_drop(upgraded);
		if (!early)
			chan_weak_sender_drop(weak);
	}
}

/* ----------------------------------------------------- scarce: now and then no memory */

static void scarce_before(void)
{
	model_scarcity = 0;
	drain_before();
	model_scarcity = 3;
}

static void scarce_thread(int i)
{
	if (i < producers()) {
		for (int n = 0; n < 3; n++)
			send_one(tx, i, n);
		chan_sender_drop(tx);
	} else {
		recv_all(rx, i);
		drop_receiver();
	}
}

static void scarce_after(void)
{
	model_scarcity = 0;
	account();
}

/* ============================================================= select: two channels
 * of one kind, with a handle of each end for every thread and one more, so that
 * nothing is disconnected before all have ended. */

enum { SELECT_MAX = 2 };

static void pair_before(void)
{
	int handles = model_scenario->threads + 1;

	make(true, handles, handles);
	open_channel(true, handles, handles, &tx2, &rx2);
}

static void drop_ends(void)
{
	chan_sender_drop(tx);
	chan_sender_drop(tx2);
	chan_receiver_drop(rx);
	chan_receiver_drop(rx2);
}

static void pair_after(void)
{
	drop_ends();
	account();
}

/* Both are full, of messages that nobody in particular sent. */
static void full_pair_before(void)
{
	pair_before();
	for (size_t i = 0; i < kind_now()->capacity; i++) {
		model_check(send_one(tx, SENDERS - 1, (int)i) == 0, "a send failed");
		model_check(send_one(tx2, SENDERS - 2, (int)i) == 0, "a send failed");
	}
}

/* A select under construction: its cases, and what they send or receive. */
struct choice {
	chan_case_t cases[SELECT_MAX];
	struct message m[SELECT_MAX];
	size_t n, which;
	int status;
};

static void may_send(struct choice *c, chan_sender_t *to, int sender, int number)
{
	write_message(&c->m[c->n], sender, number);
	c->cases[c->n].sender = to;
	c->cases[c->n].receiver = NULL;
	c->cases[c->n].msg = &c->m[c->n];
	c->n++;
}

static void may_recv(struct choice *c, chan_receiver_t *from)
{
	c->m[c->n].id = MESSAGES;
	model_wrote(&c->m[c->n], kind_now()->msg_size);
	c->cases[c->n].sender = NULL;
	c->cases[c->n].receiver = from;
	c->cases[c->n].msg = &c->m[c->n];
	c->n++;
}

/* The case that happened has its effect, the others left no trace; nobody may
 * touch the cases any more. */
static void settle_choice(struct choice *c, int me, bool performs)
{
	model_wrote(c->cases, sizeof(c->cases));
	for (size_t i = 0; i < c->n; i++) {
		chan_case_t *one = &c->cases[i];
		bool happened = performs && i == c->which && c->status == 0;

		if (one->sender && happened)
			read_message(&c->m[i])->sent = true;
		else if (one->receiver && happened)
			received(me, &c->m[i]);
		else if (one->receiver)
			model_check(c->m[i].id == MESSAGES, "a case that did not happen took a message");
		model_wrote(&c->m[i], kind_now()->msg_size);
	}
}

/* In some form, until one happens; with ETIMEDOUT for a form that may give up. */
static int choose(struct choice *c, int me, unsigned flags, bool gives_up)
{
	int e;

	flags |= model_rand(2) ? CHAN_SELECT_BIASED : 0;
	for (size_t i = 0; i < c->n; i++)
		c->cases[i].status = -1;
	do
		e = gives_up || model_rand(3) == 0 ? chan_select_timeout(c->cases, c->n, flags, 1, &c->which)
		                                   : chan_select(c->cases, c->n, flags, &c->which);
	while (e == ETIMEDOUT && !gives_up);
	model_check(e == 0 || (e == ETIMEDOUT && gives_up), "a select failed");
	c->status = e == 0 ? c->cases[c->which].status : EAGAIN;
	for (size_t i = 0; i < c->n; i++)
		model_check((e == 0 && i == c->which) == (c->cases[i].status != -1), "not the status of one case");
	settle_choice(c, me, !(flags & CHAN_SELECT_READY));
	return e;
}

/* ------------------------------------------------- either: a sender to each channel, a
 * select over both; the other message stays.  Or two selects, which take both. */

static void either_thread(int i)
{
	struct choice c = {};

	if (i < 2) {
		model_check(send_one(i == 0 ? tx : tx2, i, 0) == 0, "a send failed");
	} else {
		may_recv(&c, rx);
		may_recv(&c, rx2);
		choose(&c, i, 0, false);
		model_check(c.status == 0, "a receive failed");
		if (model_scenario->threads == 3)
			model_check(recv_one(c.which == 0 ? rx2 : rx, i) == 0, "a receive failed");
	}
	drop_ends();
}

/* -------------------------------------- give: a select sends to one of two that were full, then
 * to the other, against a receiver of each. */

static void give_thread(int i)
{
	struct choice c = {};

	if (i > 0) {
		model_check(recv_one(i == 1 ? rx : rx2, i) == 0, "a receive failed");
	} else {
		may_send(&c, tx, 0, 0);
		may_send(&c, tx2, 1, 0);
		choose(&c, i, 0, false);
		model_check(c.status == 0, "a send failed");
		model_check(send_one(c.which == 0 ? tx2 : tx, 2, 0) == 0, "a send failed");
	}
	drop_ends();
}

/* ---------------------------------------- end: one channel is closed, the other's last sender
 * leaves; a select sees what came before, and then each end once. */

static void end_before(void)
{
	make(true, 1, 2);
	open_channel(true, 1, 2, &tx2, &rx2);
}

static void end_thread(int i)
{
	struct choice c = {};
	bool ended[2] = { false, false };

	if (i < 2) {
		if (model_rand(2) != 0)
			send_one(i == 0 ? tx : tx2, i, 0);
		leave_word(i);
		if (i == 1)
			chan_close(chan_sender_channel(tx2));
		chan_sender_drop(i == 0 ? tx : tx2);
		return;
	}
	while (!ended[0] || !ended[1]) {
		c = {};
		may_recv(&c, ended[0] ? NULL : rx);
		may_recv(&c, ended[1] ? NULL : rx2);
		choose(&c, i, 0, false);
		if (c.status == 0)
			continue;
		model_check(c.status == EPIPE, "a receive failed for no reason");
		model_check(!ended[c.which], "a case that was skipped happened");
		ended[c.which] = true;
		read_words((int)c.which, (int)c.which + 1);
	}
	chan_receiver_drop(rx);
	chan_receiver_drop(rx2);
}

static void end_after(void)
{
	chan_receiver_drop(rx);
	chan_receiver_drop(rx2);
	account();
}

/* ------------------------------------------ desert: a select sends; one channel's last receiver
 * leaves, the other closes. */

static void desert_before(void)
{
	make(true, 1, 1);
	open_channel(true, 1, 1, &tx2, &rx2);
}

static void desert_thread(int i)
{
	bool ended[2] = { false, false };
	struct message m;

	for (int n = 0; i == 0 && n < 3 && !(ended[0] && ended[1]); n++) {
		struct choice c = {};

		may_send(&c, ended[0] ? NULL : tx, 0, n);
		may_send(&c, ended[1] ? NULL : tx2, 1, n);
		choose(&c, i, 0, false);
		if (c.status == 0)
			continue;
		model_check(c.status == EPIPE && !ended[c.which], "a send failed for no reason");
		ended[c.which] = true;
		read_words((int)c.which + 1, (int)c.which + 2);
	}
	if (i == 0) {
		chan_sender_drop(tx);
		chan_sender_drop(tx2);
		return;
	}
	if (model_rand(2) != 0 && chan_recv_timeout(i == 1 ? rx : rx2, &m, 1) == 0)
		received(i, &m);
	leave_word(i);
	if (i == 1)
		chan_receiver_drop(rx);
	else
		chan_close(chan_receiver_channel(rx2));
}

static void desert_after(void)
{
	chan_receiver_drop(rx2);
	account();
}

/* -------------------------------------- late: one message for a receiver and for a select that
 * gives up after a while; who took it and should not have sends another. */

static void late_thread(int i)
{
	struct choice c = {};

	if (i == 0) {
		model_check(send_one(tx, 0, 0) == 0, "a send failed");
	} else if (i == 1) {
		model_check(recv_one(rx, i) == 0, "a receive failed");
	} else {
		may_recv(&c, rx);
		may_recv(&c, rx2);
		if (choose(&c, i, 0, true) == 0)
			model_check(c.status == 0 && send_one(tx, i, 0) == 0, "a send failed");
	}
	drop_ends();
}

/* ---------------------------------------- pass: a receiver waits on the first channel, a select
 * on both, and there is one message in each.  A wake-up by the first that the
 * select has no use for must reach the receiver. */

static void pass_thread(int i)
{
	struct choice c = {};
	bool second_first = i == 0 && model_rand(2) != 0;

	if (i == 0) {
		model_check(send_one(second_first ? tx2 : tx, 0, 0) == 0, "a send failed");
		model_check(send_one(second_first ? tx : tx2, 1, 0) == 0, "a send failed");
	} else if (i == 1) {
		model_check(recv_one(rx, i) == 0, "a receive failed");
	} else {
		may_recv(&c, rx2);
		may_recv(&c, rx);
		choose(&c, i, 0, false);
		model_check(c.status == 0, "a receive failed");
		if (c.which == 1) {
			model_check(send_one(tx, i, 0) == 0, "a send failed");
			model_check(recv_one(rx2, i) == 0, "a receive failed");
		}
	}
	drop_ends();
}

/* ------------------------------------------ cross: two selects with opposite ends of two
 * rendezvous; they meet once, or as often as there are rounds. */

static void cross_thread(int i)
{
	for (int n = 0; n < 2; n++) {
		struct choice c = {};

		if (i == 0) {
			may_send(&c, tx, 0, n);
			may_recv(&c, rx2);
		} else if (model_rand(2) != 0) {
			may_send(&c, tx2, 1, n);
			may_recv(&c, rx);
		} else {
			may_recv(&c, rx);
			may_send(&c, tx2, 1, n);
		}
		choose(&c, i, 0, false);
		model_check(c.status == 0, "a rendezvous failed");
	}
	drop_ends();
}

/* ------------------------------------------- both: selects with both ends of one rendezvous, a
 * sender and a receiver, or only one of those; everybody meets somebody. */

static void both_thread(int i)
{
	struct choice c = {};
	bool sends = i == 3 || (i == 1 && model_scenario->threads == 2 && model_rand(2) != 0);

	if (i == 0 || (i == 1 && model_scenario->threads == 4)) {
		may_send(&c, tx, i, 0);
		may_recv(&c, rx);
		choose(&c, i, 0, false);
		model_check(c.status == 0, "a rendezvous failed");
	} else if (sends) {
		model_check(send_one(tx, i, 0) == 0, "a send failed");
	} else {
		model_check(recv_one(rx, i) == 0, "a receive failed");
	}
	drop_ends();
}

/* ------------------------------------------ observe: three messages, or room for three; one is a
 * plain call's, the others stay until an observer, that was told, takes them. */

static void observe_recv_thread(int i)
{
	struct choice c = {};

	if (i == 0) {
		model_check(send_some(tx, 0, 3) == 0, "a send failed");
	} else if (i == 1) {
		model_check(recv_one(rx, i) == 0, "a receive failed");
	} else {
		may_recv(&c, rx);
		may_recv(&c, rx2);
	}
	for (int n = 0; i == 2 && n < 2; n++) {
		choose(&c, i, CHAN_SELECT_READY, false);
		model_check(c.which == 0 && c.status == 0, "what is not ready was reported");
		model_check(recv_one(rx, i) == 0, "a receive failed");
	}
	drop_ends();
}

static void observe_send_thread(int i)
{
	struct choice c = {};

	if (i == 0) {
		model_check(recv_some(rx, i, 3) == 0, "a receive failed");
	} else if (i == 1) {
		model_check(send_one(tx, i, 0) == 0, "a send failed");
	} else {
		may_send(&c, tx, 0, 0);
		may_send(&c, tx2, 1, 0);
	}
	for (int n = 0; i == 2 && n < 2; n++) {
		choose(&c, i, CHAN_SELECT_READY, false);
		model_check(c.which == 0 && c.status == 0, "what is not ready was reported");
		model_check(send_one(tx, i, n) == 0, "a send failed");
	}
	drop_ends();
}

/* -------------------------------------- displace: two senders displace each other's messages, one
 * may find nothing to displace and wait; an observer is told, or a select takes
 * from the other channel. */

static void displace_thread(int i)
{
	struct choice c = {};
	unsigned flags = model_rand(2) ? CHAN_SELECT_READY : 0;

	if (i < 2) {
		model_check(send_one(tx, i, 0) == 0, "a send failed");
		if (i == 0)
			model_check(send_one(tx2, 2, 0) == 0, "a send failed");
		model_check(send_one(tx, i, 1) == 0, "a send failed");
	} else {
		may_recv(&c, rx2);
		may_recv(&c, rx);
		choose(&c, i, flags, false);
		model_check(c.status == 0, "a receive failed");
	}
	drop_ends();
}

/* ------------------------------------------ watch: a message wanders from channel to channel, a
 * copy in one before it leaves the other, and room for one likewise; no snapshot
 * of both finds nothing. */

static void watch_before(void)
{
	pair_before();
	model_check(send_one(tx, SENDERS - 1, 0) == 0, "a send failed");
}

static void move(chan_sender_t *to, chan_receiver_t *from, int sender, bool send_first)
{
	if (send_first)
		model_check(send_one(to, sender, 0) == 0, "a send failed");
	recv_one(from, 0);
	if (!send_first)
		model_check(send_one(to, sender, 0) == 0, "a send failed");
}

/* Thread 1, twice. */
static void look_for_ready(int i, bool sends)
{
	unsigned flags = CHAN_SELECT_READY | (model_rand(2) ? CHAN_SELECT_BIASED : 0);
	struct choice c = {};

	if (sends) {
		may_send(&c, tx, 0, 0);
		may_send(&c, tx2, 0, 0);
	} else {
		may_recv(&c, rx);
		may_recv(&c, rx2);
	}
	for (int n = 0; i > 0 && n < 2; n++) {
		int e = chan_try_select(c.cases, c.n, flags, &c.which);

		model_check(e == 0 && c.cases[c.which].status == 0, "nothing was ready at no instant");
	}
}

static void watch_thread(int i, bool sends)
{
	if (i == 0) {
		move(tx2, rx, 0, !sends);
		move(tx, rx2, 1, !sends);
		move(tx2, rx, 2, !sends);
	}
	look_for_ready(i, sends);
	drop_ends();
}

static void watch_recv_thread(int i)
{
	watch_thread(i, false);
}

static void watch_send_thread(int i)
{
	watch_thread(i, true);
}

/* watch-drop: both are full, and one after the other is taken from, or displaced in. */
static void take_or_displace(chan_sender_t *to, chan_receiver_t *from, int number)
{
	if (number == 0 && model_rand(2) != 0)
		recv_one(from, 0);
	else
		model_check(send_one(to, 0, 2 * number + (to == tx2)) == 0, "a send failed");
}

static void watch_drop_thread(int i)
{
	for (int n = 0; i == 0 && n < 2; n++) {
		take_or_displace(tx, rx, n);
		take_or_displace(tx2, rx2, n);
	}
	look_for_ready(i, true);
	drop_ends();
}

/* ------------------------------------- timer: two wait for events until a third closes */

static struct timespec events[64];
static int events_taken;

static void timer_before(void)
{
	const struct kind *k = kind_now();
	int e;

	events_taken = 0;
	if (k->flavor == CHAN_FLAVOR_AT)
		e = chan_after(1, &rx);
	else if (k->flavor == CHAN_FLAVOR_TICK)
		e = chan_tick(1, &rx);
	else
		e = chan_never(k->msg_size, &rx);
	model_check(e == 0, "no timer");
	chan_receiver_clone(rx);
	chan_receiver_clone(rx);
}

static int timer_wait(struct timespec *event)
{
	chan_case_t c = CHAN_CASE_RECV(rx, event);
	size_t n = 0;
	int e;

	switch (model_rand(4)) {
	case 0:
		return chan_recv(rx, event);
	case 1:
		return chan_recv_timeout(rx, event, 1);
	case 2:
		e = chan_recv_many(rx, event, 1, &n);
		model_check(n == (e == 0), "a batch that miscounts");
		return e;
	default:
		e = chan_select(&c, 1, 0, &n);
		model_check(e == 0, "a select that failed");
		return c.status;
	}
}

static void timer_take(const struct timespec *event)
{
	for (int i = 0; i < events_taken; i++)
		model_check(events[i].tv_sec != event->tv_sec, "an event taken twice");
	model_check(events_taken < 64, "more events than there can be");
	events[events_taken++] = *event;
}

static void timer_thread(int i)
{
	struct timespec event;
	int e = 0;

	if (i == 2) {
		leave_word(i);
		chan_close(chan_receiver_channel(rx));
	}
	while (i < 2 && e != EPIPE) {
		e = timer_wait(&event);
		model_check(e == 0 || e == EPIPE || e == ETIMEDOUT, "a receive failed for no reason");
		if (e == 0)
			timer_take(&event);
	}
	if (i < 2)
		read_words(2, 3);
	chan_receiver_drop(rx);
}

static void timer_after(void)
{
	model_check(kind_now()->flavor != CHAN_FLAVOR_AT || events_taken <= 1, "it fired twice");
	model_check(kind_now()->flavor != CHAN_FLAVOR_NEVER || events_taken == 0, "never came");
}

/* --------------------------------------------------- one: a channel for one message in all.
 * Each sender tries to send it, in some form that never waits; one of them does. */

static int messages_sent(void)
{
	int n = 0;

	for (int i = 0; i < MESSAGES; i++)
		n += fates[i].sent;
	return n;
}

static int use_once(int sender)
{
	unsigned char flat[2 * sizeof(struct message)];
	struct message m;
	size_t size = kind_now()->msg_size, n = 0;
	bool was_displaced = true;
	int form = (int)model_rand(kind_now()->promises & SC ? 4 : 5), e;

	write_message(&m, sender, 0);
	memcpy(flat, &m, size);
	memcpy(flat + size, &m, size);
	model_wrote(flat, 2 * size);
	switch (form) {
	case 0:  e = chan_send(tx, flat); break;
	case 1:  e = chan_send_timeout(tx, flat, 1); break;
	case 2:  e = chan_try_send(tx, flat); break;
	case 3:  e = chan_send_many(tx, flat, 2, &n); break;
	default: e = chan_force_send(tx, flat, NULL, &was_displaced); break;
	}
	model_check(e == EPIPE || (e == 0 && form != 3), "a send had to wait");
	fates[sender * EACH].sent = e == 0 || n > 0;
	return fates[sender * EACH].sent ? 0 : e;
}

/* A sender stays, so that nothing but the one message ends the receivers' wait. */
static void one_before(void)
{
	make(true, producers() + 1, consumers());
}

/* Who comes too late sees what the faster one did before. */
static void one_thread(int i)
{
	int p = producers();

	leave_word(i);
	if (i >= p) {
		if (recv_all(rx, i) == 0 && consumers() > 1)
			read_words(2 * p + 1 - i, 2 * p + 2 - i);
		drop_receiver();
		return;
	}
	if (use_once(i) == EPIPE) {
		model_check(p > 1, "the only send was refused");
		read_words(1 - i, 2 - i);
	}
	model_check(chan_is_disconnected(chan_sender_channel(tx)), "used, and still connected");
	chan_sender_drop(tx);
}

static void one_after(void)
{
	model_check(messages_sent() == 1, "not one message in all");
	flow_after();
}

/* one-unsent: all senders leave; what they did before is seen by who gets EPIPE. */

static void one_unsent_thread(int i)
{
	if (i < producers()) {
		leave_word(i);
		chan_sender_drop(tx);
	} else {
		recv_all(rx, i);
		read_words(0, producers());
		drop_receiver();
	}
}

/* one-leave: the receivers leave, with the message or without. */

static void one_leave_thread(int i)
{
	struct message m;

	if (i < producers()) {
		bool gone = receivers_left == 0;
		int e = use_once(i);

		model_check(e == EPIPE || !gone, "a send to nobody");
		if (e == EPIPE && producers() == 1)
			read_words(producers(), producers() + consumers());
		chan_sender_drop(tx);
		return;
	}
	if (model_rand(2) != 0 && chan_recv_timeout(rx, &m, 1) == 0)
		received(i, &m);
	leave_word(i);
	drop_receiver();
}

/* one-close: a receiver closes; sent before or not at all. */

static void one_close_thread(int i)
{
	chan_t *c = chan_receiver_channel(rx);
	int p = producers();

	if (i < p) {
		if (use_once(i) == EPIPE && p == 1)
			read_words(p, p + 1);
		chan_sender_drop(tx);
		return;
	}
	if (i == p) {
		leave_word(i);
		chan_close(c);
		model_check(chan_is_disconnected(c), "closed, and still connected");
	}
	model_check(chan_len(c) <= 1, "more than fits");
	recv_all(rx, i);
	drop_receiver();
}

/* one-timed: a receiver that gives up after a while, and one that does not. */

static void one_timed_before(void)
{
	make(model_rand(2) != 0, 2, 2);
}

static void one_timed_thread(int i)
{
	struct message m;
	int e;

	if (i == 0) {
		model_check(use_once(i) == 0, "the only send was refused");
		chan_sender_drop(tx);
		return;
	}
	e = i == 1 ? chan_recv(rx, &m) : chan_recv_timeout(rx, &m, 1);
	model_check(e == 0 || e == EPIPE || (i == 2 && e == ETIMEDOUT), "a receive failed for no reason");
	if (e == 0)
		received(i, &m);
	drop_receiver();
}

/* one-weak: an upgrade against the last drop; only who came by it sends. */

static void one_weak_thread(int i)
{
	chan_weak_sender_t *weak = (chan_weak_sender_t *)tx;
	chan_sender_t *upgraded;

	if (i == 0) {
		chan_sender_drop(tx);
	} else if (i == 1) {
		recv_all(rx, i);
		drop_receiver();
	} else {
		upgraded = chan_weak_sender_upgrade(weak);
		if (upgraded)
			model_check(send_one(upgraded, i, 0) == 0, "a send failed");
		chan_sender_drop(upgraded);
		chan_weak_sender_drop(weak);
	}
}

/* ------------------------------------------------- cast: each of two subscriptions sees
 * every message once, each sender's in order. */

enum { SUBSCRIPTIONS = 2 };

static chan_receiver_t *subscriptions[SUBSCRIPTIONS];
static int seen[SUBSCRIPTIONS][MESSAGES];
static uint64_t lost[SUBSCRIPTIONS];

/* The second one is a clone of the first, where that is asked for. */
static void cast_make(int sender_handles, bool clone)
{
	make(false, sender_handles, 1);
	memset(seen, 0, sizeof(seen));
	memset(lost, 0, sizeof(lost));
	subscriptions[0] = rx;
	if (clone)
		subscriptions[1] = chan_receiver_clone(rx);
	else
		model_check(chan_subscribe(tx, &subscriptions[1]) == 0, "no subscription");
}

static void cast_seen(int me, int s, const struct message *m)
{
	int sender = (int)m->id / EACH, number = (int)m->id % EACH;

	read_message(m);
	model_check(seen[s][m->id]++ == 0, "a subscription sees a message twice");
	model_check(number >= last_seen[me][sender], "the messages of one sender out of order");
	last_seen[me][sender] = number;
}

/* One or more messages in some form, or a gap; 0 for how many means an error. */
static int cast_recv(int me, int s, int most, int *e)
{
	unsigned char flat[2 * sizeof(struct message)];
	struct message m;
	size_t size = kind_now()->msg_size, n = 0;

	switch (most > 1 ? model_rand(3) : model_rand(2)) {
	case 0:  n = (*e = chan_recv(subscriptions[s], flat)) == 0; break;
	case 1:
		do
			n = (*e = chan_recv_timeout(subscriptions[s], flat, 1)) == 0;
		while (*e == ETIMEDOUT);
		break;
	default: *e = chan_recv_many(subscriptions[s], flat, 2, &n); break;
	}
	model_check(*e == 0 || *e == EPIPE || (*e == EOVERFLOW && (kind_now()->promises & DROP)),
	            "a receive failed for no reason");
	model_check((*e == 0) == (n > 0), "a count that does not fit");
	model_read(flat, n * size);
	for (size_t i = 0; i < n; i++) {
		memcpy(&m, flat + i * size, size);
		cast_seen(me, s, &m);
	}
	return (int)n;
}

static void cast_recv_some(int me, int s, int n)
{
	int e = 0;

	while (n > 0 && e == 0)
		n -= cast_recv(me, s, n, &e);
	model_check(e == 0, "a receive failed");
}

static void cast_recv_all(int me, int s)
{
	int e = 0;

	while (e != EPIPE)
		cast_recv(me, s, 2, &e);
}

/* What this subscription saw is what was sent, less what it was told it lost. */
static void cast_account(int s)
{
	uint64_t missing = 0;

	for (int i = 0; i < MESSAGES; i++) {
		model_check(fates[i].sent || !seen[s][i], "a message that was not sent arrived");
		missing += fates[i].sent && !seen[s][i];
	}
	model_check(missing == lost[s], "not as many are missing as were lost");
}

/* cast-flow: one sender and two subscriptions, one of which may be slow. */

static void cast_flow_before(void)
{
	cast_make(2, false);
}

static void cast_flow_thread(int i)
{
	if (i == 0) {
		model_check(send_some(tx, 0, 3) == 0, "a send failed");
		chan_sender_drop(tx);
		return;
	}
	cast_recv_some(i, i - 1, 3);
	chan_receiver_drop(subscriptions[i - 1]);
}

static void cast_flow_after(void)
{
	chan_sender_drop(tx);
	for (int s = 0; s < SUBSCRIPTIONS; s++)
		cast_account(s);
}

/* cast-share: two senders, and two clones of one subscription. */

static void cast_share_before(void)
{
	cast_make(3, true);
}

static void cast_share_thread(int i)
{
	if (i < 2) {
		model_check(send_some(tx, i, 2) == 0, "a send failed");
		chan_sender_drop(tx);
		return;
	}
	cast_recv_some(i, i - 2, 2);
	chan_receiver_drop(subscriptions[i - 2]);
}

static void cast_share_after(void)
{
	chan_sender_drop(tx);
	for (int m = 0; m < MESSAGES; m++)
		model_check(seen[0][m] + seen[1][m] == (fates[m].sent ? 1 : 0), "clones do not share");
}

/* cast-leave: one subscription leaves in the middle; the other gets everything. */

static void cast_leave_thread(int i)
{
	int e;

	if (i == 0) {
		model_check(send_some(tx, 0, 3) == 0, "a send failed");
		chan_sender_drop(tx);
	} else if (i == 1) {
		cast_recv_all(i, 0);
		cast_account(0);
		chan_receiver_drop(subscriptions[0]);
	} else {
		if (model_rand(2) != 0)
			cast_recv(i, 1, 2, &e);
		chan_receiver_drop(subscriptions[1]);
	}
}

static void cast_leave_before(void)
{
	cast_make(1, false);
}

static void nothing_after(void)
{
}

/* cast-again: nobody is left for a while, then somebody comes. */

static void cast_again_before(void)
{
	cast_make(2, false);
	chan_receiver_drop(subscriptions[1]);
}

static void cast_again_thread(int i)
{
	if (i == 0) {
		for (int n = 0; n < 3; n++)
			if (chan_is_disconnected(chan_sender_channel(tx)) || send_one(tx, 0, n) == EPIPE)
				read_words(1, 2);
		chan_sender_drop(tx);
		return;
	}
	leave_word(i);
	chan_receiver_drop(subscriptions[0]);
	model_check(chan_subscribe(tx, &subscriptions[1]) == 0, "no subscription");
	chan_sender_drop(tx);
	cast_recv_all(i, 1);
	chan_receiver_drop(subscriptions[1]);
}

/* cast-close: one closes, both drain what was sent. */

static void cast_close_thread(int i)
{
	if (i == 0) {
		chan_receiver_t *late;
		int e = 0;

		for (int n = 0; n < 3 && e == 0; n++) {
			if (chan_is_disconnected(chan_sender_channel(tx)))
				read_words(1, 2);
			e = send_one(tx, 0, n);
		}
		if (e == EPIPE)
			read_words(1, 2);
		else if (chan_subscribe(tx, &late) == EPIPE)
			read_words(1, 2);
		else
			chan_receiver_drop(late);
		chan_sender_drop(tx);
		return;
	}
	if (i == 1) {
		leave_word(i);
		chan_close(chan_receiver_channel(subscriptions[0]));
	}
	model_check(chan_receiver_len(subscriptions[i - 1]) <= kind_now()->capacity, "more than fits");
	cast_recv_all(i, i - 1);
	lost[i - 1] = chan_receiver_lost(subscriptions[i - 1]);
	chan_receiver_drop(subscriptions[i - 1]);
}

static void cast_close_after(void)
{
	for (int s = 0; s < SUBSCRIPTIONS; s++)
		cast_account(s);
}

/* cast-len: as len, and what is left at the end is nobody's. */

static void cast_len_thread(int i)
{
	len_of_two(i);
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
}

/* cast-watch: as watch-recv. */

static void cast_watch_thread(int i)
{
	watch_thread(i, false);
}

/* cast-lag: two senders that displace, two subscriptions. */

static void cast_lag_before(void)
{
	cast_make(2, false);
}

static void cast_lag_thread(int i)
{
	if (i < 2) {
		model_check(send_some(tx, i, 2) == 0, "a send failed");
		chan_sender_drop(tx);
		return;
	}
	cast_recv_all(i, i - 2);
	lost[i - 2] = chan_receiver_lost(subscriptions[i - 2]);
	chan_receiver_drop(subscriptions[i - 2]);
}

/* cast-lag-share: one sender that displaces, two clones, who leave last of all. */

static void cast_lag_share_before(void)
{
	cast_make(1, true);
}

static void cast_lag_share_thread(int i)
{
	if (i == 0) {
		model_check(send_some(tx, 0, 4) == 0, "a send failed");
		chan_sender_drop(tx);
	} else {
		cast_recv_all(i, i - 1);
	}
}

static void cast_lag_share_after(void)
{
	for (int m = 0; m < MESSAGES; m++)
		seen[0][m] += seen[1][m];
	lost[0] = chan_receiver_lost(subscriptions[0]);
	model_check(chan_lost(chan_receiver_channel(rx)) == lost[0], "one subscription, and two counts");
	cast_account(0);
	chan_receiver_drop(subscriptions[0]);
	chan_receiver_drop(subscriptions[1]);
}

/* ================================================= event loops and callbacks: a thread waits in
 * its own way, in the call, for its side's descriptor or for its waker, and the
 * ways meet on one channel. */

enum { CALLS_MAX = 32 };
enum way { CALLS, LEVELS, EDGES, WAKES, WAYS };

static const char *const way_names[] = { "waits in the call", "polls for levels", "polls for edges", "has a waker" };

static struct guest {
	int way;
	chan_receiver_t *from; /* NULL: it sends */
	int fd;           /* -1: not asked for yet */
	unsigned edge;    /* the last it was told of */
	chan_waker_t waker;
	int bell;         /* what its callback rings */
	int registrations, calls, inside;
	int words[CALLS_MAX]; /* what each callback did */
	bool cancelled;
} guests[MODEL_THREADS_MAX];

static int side_fd[2]; /* -1, or what all requests must give: of receivers, of senders */

static void guest_wake(void *arg)
{
	struct guest *g = (struct guest *)arg;
	int number = g->calls++;

	model_say("callback");
	model_check(!g->cancelled, "a callback after the cancel");
	model_check(number < g->registrations, "more callbacks than registrations");
	model_check(number < CALLS_MAX, "more callbacks than anybody has seen");
	g->inside++;
	model_event_raise(g->bell);
	model_wrote(&g->words[number], sizeof(g->words[number]));
	g->inside--;
}

static void guest_begin(int i, int way, chan_receiver_t *from)
{
	struct guest *g = &guests[i];

	memset(g, 0, sizeof(*g));
	g->way = way;
	g->from = from;
	g->fd = -1;
	g->edge = UINT_MAX;
	if (way != WAKES)
		return;
	model_lend(&g->waker, sizeof(g->waker));
	chan_waker_init(&g->waker, guest_wake, g);
	g->bell = model_event_open();
}

static void guest_cancel(struct guest *g)
{
	chan_waker_cancel(&g->waker);
	model_check(g->inside == 0, "cancelled, and the callback still runs");
	for (int i = 0; i < g->calls; i++)
		model_read(&g->words[i], sizeof(g->words[i]));
	g->registrations = g->calls;
}

/* Before the handle is dropped. */
static void guest_end(int i)
{
	struct guest *g = &guests[i];

	if (g->way != WAKES)
		return;
	guest_cancel(g);
	g->cancelled = true;
	model_event_close(g->bell);
	model_take_back(&g->waker, sizeof(g->waker));
}

/* The descriptor of its side, or of a receiver of its own. */
static void guest_ask(struct guest *g)
{
	int side = g->from ? 0 : 1;

	model_check((g->from ? chan_receiver_fd(g->from, &g->fd) : chan_sender_fd(tx, &g->fd)) == 0, "no descriptor");
	if (g->from && g->from != rx)
		return;
	model_check(side_fd[side] < 0 || side_fd[side] == g->fd, "two descriptors of one side");
	side_fd[side] = g->fd;
}

/* After EAGAIN: until it is worth another try.  Who has a waker may also think
 * better of it. */
static void guest_wait(struct guest *g)
{
	if (g->way != WAKES) {
		if (g->fd < 0)
			guest_ask(g);
		model_event_wait(g->fd, g->way == EDGES ? &g->edge : NULL);
		return;
	}
	switch (model_rand(8)) {
	case 0:
		guest_cancel(g);
		break;
	case 1:
		break;
	default:
		model_event_wait(g->bell, NULL);
		model_event_lower(g->bell);
	}
}

/* A try that leaves a registration counts it; each is called at most once. */
static int guest_polled(struct guest *g, int e)
{
	if (e != EAGAIN)
		g->registrations--;
	return e;
}

static int guest_try_send(struct guest *g, const struct message *m)
{
	chan_case_t c = CHAN_CASE_SEND(tx, m);
	size_t n = 0;

	if (g->way == WAKES) {
		g->registrations++;
		return guest_polled(g, chan_poll_send(tx, m, &g->waker));
	}
	switch (model_rand(3)) {
	case 0:  return chan_try_send(tx, m);
	case 1:  return chan_try_send_many(tx, m, 1, &n);
	default: return chan_try_select(&c, 1, 0, &n) == 0 ? c.status : EAGAIN;
	}
}

/* Into room for two; how many, up to `most`. */
static int guest_try_recv(struct guest *g, void *flat, size_t most, int *e)
{
	chan_case_t c = CHAN_CASE_RECV(g->from, flat);
	size_t n = 0;

	if (g->way == WAKES) {
		g->registrations++;
		*e = guest_polled(g, chan_poll_recv(g->from, flat, &g->waker));
		return *e == 0;
	}
	switch (model_rand(3)) {
	case 0:
		*e = chan_try_recv(g->from, flat);
		return *e == 0;
	case 1:
		*e = chan_try_recv_many(g->from, flat, most < 2 ? most : 2, &n);
		return (int)n;
	default:
		*e = chan_try_select(&c, 1, 0, &n) == 0 ? c.status : EAGAIN;
		return *e == 0;
	}
}

static int guest_send_one(int i, int number)
{
	struct guest *g = &guests[i];
	struct message m;
	int e;

	if (g->way == CALLS)
		return send_one(tx, i, number);
	write_message(&m, i, number);
	while ((e = guest_try_send(g, &m)) == EAGAIN)
		guest_wait(g);
	fates[i * EACH + number].sent = e == 0;
	model_check(e == 0 || e == EPIPE, "a send failed for no reason");
	return e;
}

static int guest_send_some(int i, int n)
{
	int e = 0;

	if (guests[i].way == CALLS)
		return send_some(tx, i, n);
	for (int number = 0; number < n && e == 0; number++)
		e = guest_send_one(i, number);
	return e;
}

static void cast_seen(int me, int s, const struct message *m);

/* Subscription -1: of the channel's only one. */
static void guest_took(int i, int subscription, const unsigned char *flat, int n)
{
	size_t size = kind_now()->msg_size;
	struct message m;

	model_read(flat, (size_t)n * size);
	for (int k = 0; k < n; k++) {
		memcpy(&m, flat + (size_t)k * size, size);
		if (subscription < 0)
			received(i, &m);
		else
			cast_seen(i, subscription, &m);
	}
}

/* One message or two, or an error.  Who polls for levels need not try before. */
static int guest_recv(int i, int subscription, int most, int *e)
{
	unsigned char flat[2 * sizeof(struct message)];
	struct guest *g = &guests[i];
	int n;

	if (g->way == CALLS) {
		n = (*e = chan_recv(g->from, flat)) == 0;
		guest_took(i, subscription, flat, n);
		return n;
	}
	if (g->way == LEVELS && model_rand(2))
		guest_wait(g);
	while ((n = guest_try_recv(g, flat, (size_t)most, e)) == 0 && *e == EAGAIN)
		guest_wait(g);
	guest_took(i, subscription, flat, n);
	model_check(n > 0 || *e != 0, "nothing, and no error");
	return n;
}

static void guest_recv_some(int i, int subscription, int n)
{
	int e = 0;

	while (n > 0 && e == 0)
		n -= guest_recv(i, subscription, n, &e);
	model_check(n == 0, "a receive failed");
}

static void guest_recv_all(int i, int subscription)
{
	int e = 0;

	while (e != EPIPE) {
		guest_recv(i, subscription, 2, &e);
		model_check(e == 0 || e == EPIPE || e == EOVERFLOW || e == EAGAIN, "a receive failed for no reason");
	}
}

/*
 * Who waits in which way; the first `senders` threads send, `waker` certainly has
 * one (-1: nobody).  Two that only poll do not meet in a rendezvous, so one side
 * calls there.
 */
static void guests_begin(int senders, int waker)
{
	const struct kind *k = kind_now();
	bool sends_wait = k->capacity != CHAN_UNBOUNDED && k->flavor != CHAN_FLAVOR_ONESHOT;
	bool may_poll[2] = { true, sends_wait };

	if (k->capacity == 0)
		may_poll[model_rand(2)] = false;
	side_fd[0] = side_fd[1] = -1;
	for (int i = 0; i < model_scenario->threads; i++)
		guest_begin(i, i == waker ? WAKES : may_poll[i < senders] ? (int)model_rand(WAYS) : CALLS,
		            i < senders ? NULL : rx);
}

/* Some ask before they need it. */
static void guests_ask(void)
{
	for (int i = 0; i < model_scenario->threads; i++)
		if ((guests[i].way == LEVELS || guests[i].way == EDGES) && model_rand(2))
			guest_ask(&guests[i]);
}

static void guest_says(int i)
{
	model_say(way_names[guests[i].way]);
}

/* All calls have returned: a descriptor is readable exactly while a try_ would not
 * say EAGAIN. */
static void check_side(int side, int e, bool up)
{
	if (side_fd[side] >= 0)
		model_check(up == (e != EAGAIN), up ? "a descriptor that is up for nothing" : "a descriptor that is down");
}

static bool is_up(int side)
{
	return side_fd[side] >= 0 && model_event_is_raised(side_fd[side]);
}

static void check_senders(void)
{
	struct message m;
	int e = 0;

	for (int number = 0; e == 0 && number < 4; number++) {
		bool up = is_up(1);

		write_message(&m, SENDERS - 1, number);
		e = chan_try_send(tx, &m);
		fates[(SENDERS - 1) * EACH + number].sent = e == 0;
		check_side(1, e, up);
	}
	if (e == EAGAIN)
		check_side(1, e, is_up(1));
}

static void check_receivers(void)
{
	struct message m;
	int e = 0;

	while (e == 0) {
		bool up = is_up(0);

		e = chan_try_recv(rx, &m);
		check_side(0, e, up);
		if (e == 0)
			received(0, &m);
	}
	check_side(0, e, is_up(0));
}

/* async-once, async-flow: as once and flow. */

static void async_before(void)
{
	make(model_rand(2) != 0, producers() + 1, consumers() + 1);
	guests_begin(producers(), -1);
	guests_ask();
}

static void async_thread(int i, int messages)
{
	int p = producers(), c = consumers();

	guest_says(i);
	if (i < p)
		model_check(guest_send_some(i, messages / p) == 0, "a send failed");
	else
		guest_recv_some(i, -1, messages / c);
	guest_end(i);
	if (i < p)
		chan_sender_drop(tx);
	else
		chan_receiver_drop(rx);
}

static void async_once_thread(int i)
{
	async_thread(i, 2);
}

static void async_flow_thread(int i)
{
	async_thread(i, 4);
}

static void async_after(void)
{
	check_receivers();
	check_senders();
	check_receivers();
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
	account();
}

/* async-drain: the receivers stay until the senders have left, or one has closed. */

static bool sender_closes;

static void async_drain_before(void)
{
	make(true, producers(), consumers() + 1);
	sender_closes = model_rand(2) != 0;
	guests_begin(producers(), -1);
	guests_ask();
}

static void async_drain_thread(int i)
{
	guest_says(i);
	if (i < producers()) {
		int e = guest_send_some(i, 2);

		model_check(e == 0 || (e == EPIPE && sender_closes), "a send failed");
		guest_end(i);
		leave_word(i);
		if (i == 0 && sender_closes)
			chan_close(chan_sender_channel(tx));
		chan_sender_drop(tx);
	} else {
		guest_recv_all(i, -1);
		read_words(0, sender_closes ? 1 : producers());
		guest_end(i);
		chan_receiver_drop(rx);
	}
}

static void async_drain_after(void)
{
	check_receivers();
	chan_receiver_drop(rx);
	account();
}

/* async-leave: the receivers try once, and leave, with their descriptor, while the
 * senders send. */

static void async_leave_before(void)
{
	make(true, producers() + 1, consumers());
	guests_begin(producers(), -1);
	guests_ask();
}

static void guest_look(int i)
{
	unsigned char flat[2 * sizeof(struct message)];
	struct guest *g = &guests[i];
	int e;

	if (g->way == CALLS)
		return;
	if (g->way != WAKES && g->fd < 0)
		guest_ask(g);
	guest_took(i, -1, flat, guest_try_recv(g, flat, 2, &e));
}

static void async_leave_thread(int i)
{
	int e = 0;

	guest_says(i);
	if (i < producers()) {
		for (int n = 0; n < 3 && e == 0; n++)
			e = guest_send_one(i, n);
		if (e == EPIPE)
			read_words(producers(), producers() + consumers());
		guest_end(i);
		chan_sender_drop(tx);
	} else {
		guest_look(i);
		guest_end(i);
		leave_word(i);
		chan_receiver_drop(rx);
	}
}

static void async_leave_after(void)
{
	check_senders();
	chan_sender_drop(tx);
	account();
}

/* async-force: one sender displaces, which holds others up that poll. */

static void async_force_before(void)
{
	async_drain_before();
	sender_closes = false;
}

static void async_force_thread(int i)
{
	if (i != 0) {
		async_drain_thread(i);
		return;
	}
	for (int n = 0; n < 3; n++)
		force_once(0, n);
	guest_end(0);
	leave_word(0);
	chan_sender_drop(tx);
}

/* async-give-up: as timed, one message for two receivers, one of which does not wait
 * for it after all; what woke it must wake the other.  async-give-up-send: the
 * mirror image. */

static void async_give_up_before(void)
{
	make(model_rand(2) != 0, 3, 3);
	guests_begin(1, 2);
	guests_ask();
}

/* True: it got a message; otherwise what woke it is passed on. */
static bool guest_gives_up(int i)
{
	unsigned char flat[2 * sizeof(struct message)];
	int e, n = guest_try_recv(&guests[i], flat, 1, &e);

	guest_took(i, -1, flat, n);
	stand_aside(8);
	return n == 1;
}

static void async_give_up_thread(int i)
{
	guest_says(i);
	if (i == 0)
		model_check(guest_send_one(0, 0) == 0, "a send failed");
	else if (i == 1)
		guest_recv_some(1, -1, 1);
	else if (guest_gives_up(2))
		model_check(send_one(tx, 2, 0) == 0, "a send failed");
	guest_end(i);
	chan_receiver_drop(rx);
	chan_sender_drop(tx);
}

static void async_give_up_send_before(void)
{
	make(true, 3, 3);
	guests_begin(2, 1);
	guests_ask();
	for (size_t i = 0; i < kind_now()->capacity; i++)
		model_check(send_one(tx, 4, (int)i) == 0, "a send failed");
}

static void async_give_up_send_thread(int i)
{
	struct message m;

	guest_says(i);
	if (i == 0) {
		model_check(guest_send_one(0, 0) == 0, "a send failed");
	} else if (i == 2) {
		model_check(recv_one(rx, i) == 0, "a receive failed");
	} else {
		write_message(&m, 1, 0);
		fates[EACH].sent = guest_try_send(&guests[1], &m) == 0;
		stand_aside(8);
	}
	guest_end(i);
	if (i == 1 && fates[EACH].sent)
		model_check(recv_one(rx, i) == 0, "a receive failed");
	/* Who waits must not find the channel disconnected. */
	chan_sender_drop(tx);
	while (!fates[0].sent)
		model_yield();
	chan_receiver_drop(rx);
}

/* async-served: a sender that was woken in vain, and starves, is cancelled while it is to
 * be served; a waker stands behind it, and has no message to serve. */

static void async_served_before(void)
{
	make(true, 4, 4);
	make_tokens();
	guest_begin(3, WAKES, NULL);
	for (size_t i = 0; i < kind_now()->capacity; i++)
		model_check(send_one(tx, 4, (int)i) == 0, "a send failed");
}

static void send_unless_cancelled(int me, int by)
{
	struct message m;
	int e;

	write_message(&m, me, 0);
	do
		e = chan_send_cancel_timeout(tx, &m, token, 1);
	while (e == ETIMEDOUT);
	model_check(e == 0 || e == ECANCELED, "a send failed for no reason");
	if (e == ECANCELED)
		read_words(by, by + 1);
	fates[me * EACH].sent = e == 0;
}

static void async_served_thread(int i)
{
	struct message m;

	write_message(&m, i, 0);
	if (i == 1) {
		stand_aside(20);
		fates[i * EACH].sent = chan_try_send(tx, &m) == 0;
	} else if (i == 2) {
		send_unless_cancelled(i, 3);
	} else if (i == 3) {
		fates[i * EACH].sent = guest_try_send(&guests[i], &m) == 0;
		stand_aside(40);
		trigger_tokens(i);
		guest_end(i);
	}
	chan_sender_drop(tx);
	while (i == 0 && chan_recv(rx, &m) == 0)
		received(i, &m);
	chan_receiver_drop(rx);
}

static void async_served_after(void)
{
	drop_tokens();
	account();
}

/* async-turn: a waker that was registered with one channel goes to another; what woke
 * it there must wake who else waits there. */

static void async_turn_before(void)
{
	pair_before();
	guests_begin(1, 2);
	guests_ask();
}

static void async_turn_thread(int i)
{
	bool second_first = i == 0 && model_rand(2) != 0;

	guest_says(i);
	if (i == 0) {
		model_check(send_one(second_first ? tx2 : tx, 0, 0) == 0, "a send failed");
		model_check(send_one(second_first ? tx : tx2, 1, 0) == 0, "a send failed");
	} else if (i == 1) {
		guest_recv_some(1, -1, 1);
	} else {
		if (guest_gives_up(2))
			model_check(send_one(tx, 2, 0) == 0, "a send failed");
		guests[2].from = rx2;
		guest_recv_some(2, -1, 1);
	}
	guest_end(i);
	drop_ends();
}

/* async-inside: the receiver is a callback, that takes what there is, and at the end
 * cancels its waker and drops its handle; the waker is gone then. */

static void inside_run(struct guest *g)
{
	unsigned char flat[2 * sizeof(struct message)];
	int e;

	while (guest_try_recv(g, flat, 1, &e) == 1)
		guest_took(2, -1, flat, 1);
	if (e == EAGAIN)
		return;
	model_check(e == EPIPE, "a receive failed for no reason");
	read_words(0, 2);
	g->cancelled = true;
	chan_waker_cancel(&g->waker);
	model_take_back(&g->waker, sizeof(g->waker));
	chan_receiver_drop(rx);
}

static void inside_wake(void *arg)
{
	struct guest *g = (struct guest *)arg;

	model_say("callback");
	model_check(!g->cancelled, "a callback after the cancel");
	inside_run(g);
}

static void async_inside_before(void)
{
	struct guest *g = &guests[2];

	make(true, 2, 1);
	memset(g, 0, sizeof(*g));
	g->way = WAKES;
	g->from = rx;
	model_lend(&g->waker, sizeof(g->waker));
	chan_waker_init(&g->waker, inside_wake, g);
}

static void async_inside_thread(int i)
{
	if (i == 2) {
		inside_run(&guests[2]);
		return;
	}
	model_check(send_some(tx, i, 2) == 0, "a send failed");
	leave_word(i);
	chan_sender_drop(tx);
}

static void async_inside_after(void)
{
	model_check(guests[2].cancelled, "the last callback did not come");
	account();
}

/* async-one: as one. */

static void async_one_before(void)
{
	make(true, producers() + 1, consumers() + 1);
	guests_begin(producers(), -1);
	guests_ask();
}

static void async_one_thread(int i)
{
	guest_says(i);
	if (i < producers()) {
		if (use_once(i) == EPIPE)
			model_check(producers() > 1, "the only send was refused");
		chan_sender_drop(tx);
	} else {
		guest_recv_all(i, -1);
		guest_end(i);
		chan_receiver_drop(rx);
	}
}

static void async_one_after(void)
{
	model_check(messages_sent() == 1, "not one message in all");
	async_after();
}

/* async-one-leave: the receivers try once and leave. */

static void async_one_leave_before(void)
{
	make(true, producers(), consumers());
	guests_begin(producers(), -1);
	guests_ask();
}

static void async_one_leave_thread(int i)
{
	guest_says(i);
	if (i < producers()) {
		use_once(i);
		chan_sender_drop(tx);
	} else {
		guest_look(i);
		guest_end(i);
		chan_receiver_drop(rx);
	}
}

/* async-cast: two subscriptions, each with a descriptor or a waker of its own. */

static void async_cast_before(void)
{
	cast_make(2, false);
	guests_begin(1, -1);
	guests[2].from = subscriptions[1];
	guests_ask();
}

static void async_cast_thread(int i)
{
	guest_says(i);
	if (i == 0)
		model_check(guest_send_some(0, 3) == 0, "a send failed");
	else
		guest_recv_some(i, i - 1, 3);
	guest_end(i);
	if (i == 0)
		chan_sender_drop(tx);
	else
		chan_receiver_drop(subscriptions[i - 1]);
}

/* async-lag: the sender displaces, and a gap is something to receive. */

static void async_lag_before(void)
{
	cast_make(1, false);
	guests_begin(1, -1);
	guests[2].from = subscriptions[1];
	guests_ask();
}

static void async_lag_thread(int i)
{
	guest_says(i);
	if (i == 0) {
		model_check(guest_send_some(0, 4) == 0, "a send failed");
		guest_end(0);
		chan_sender_drop(tx);
		return;
	}
	guest_recv_all(i, i - 1);
	guest_end(i);
	lost[i - 1] = chan_receiver_lost(subscriptions[i - 1]);
	chan_receiver_drop(subscriptions[i - 1]);
}

/* async-again: a subscription ends, with its descriptor, and another begins. */

static void async_again_before(void)
{
	cast_again_before();
	guests_begin(1, -1);
	guests_ask();
}

static void async_again_thread(int i)
{
	guest_says(i);
	if (i == 0) {
		for (int n = 0; n < 3; n++)
			send_one(tx, 0, n);
	} else {
		guest_look(i);
		chan_waker_cancel(guests[i].way == WAKES ? &guests[i].waker : NULL);
		chan_receiver_drop(subscriptions[0]);
		model_check(chan_subscribe(tx, &subscriptions[1]) == 0, "no subscription");
		guests[i].from = subscriptions[1];
		guests[i].fd = side_fd[0] = -1;
		guests[i].edge = UINT_MAX;
	}
	chan_sender_drop(tx);
	if (i == 1)
		guest_recv_all(i, 1);
	guest_end(i);
	if (i == 1)
		chan_receiver_drop(subscriptions[1]);
}

/* async-tokens: two wait for one token, and its parent is triggered. */

static void async_tokens_before(void)
{
	make_tokens();
	guests_begin(1, -1);
	for (int i = 0; i < model_scenario->threads; i++)
		guests[i].from = chan_cancel_receiver(token);
	guests_ask();
}

static void async_tokens_thread(int i)
{
	guest_says(i);
	if (i == 0) {
		trigger_tokens(i);
	} else {
		guest_recv_all(i, -1);
		read_words(0, 1);
	}
	guest_end(i);
}

/* async-timer: as timer; those that fall due have descriptors only. */

static void async_timer_before(void)
{
	bool never = kind_now()->flavor == CHAN_FLAVOR_NEVER;

	timer_before();
	side_fd[0] = side_fd[1] = -1;
	for (int i = 0; i < model_scenario->threads; i++)
		guest_begin(i, (int)model_rand(never ? WAYS : EDGES), rx);
	guests_ask();
}

static int async_timer_wait(struct guest *g, struct timespec *event)
{
	int e;

	if (g->way == CALLS)
		return timer_wait(event);
	while (guest_try_recv(g, event, 1, &e) == 0 && e == EAGAIN)
		guest_wait(g);
	return e;
}

static void async_timer_thread(int i)
{
	struct timespec event;
	int e = 0;

	guest_says(i);
	if (i == 2) {
		leave_word(i);
		chan_close(chan_receiver_channel(rx));
	}
	while (i < 2 && e != EPIPE) {
		e = async_timer_wait(&guests[i], &event);
		model_check(e == 0 || e == EPIPE || e == ETIMEDOUT, "a receive failed for no reason");
		if (e == 0)
			timer_take(&event);
	}
	if (i < 2)
		read_words(2, 3);
	guest_end(i);
	chan_receiver_drop(rx);
}

/* ----------------------------------------- queue: a wait queue alone.  Who was let through by
 * a count sees what came before one of its steps; nobody sleeps while it is there. */

static struct { int ups, downs; } shape;
static int passed[2];

static void queue_before(void)
{
	shape.ups = shape.downs = 1;
	memset(passed, 0, sizeof(passed));
	queue_make();
}

static void queue_21_before(void) { queue_before(); shape.ups = 2; }
static void queue_12_before(void) { queue_before(); shape.downs = 2; }
static void queue_22_before(void) { queue_before(); shape.ups = shape.downs = 2; }

static void queue_after(void)
{
	queue_unmake();
}

/* Two steps in all. */
static void queue_thread(int i)
{
	int which;

	if (i < shape.ups) {
		leave_word(i);
		for (int n = shape.ups; n <= 2; n++)
			queue_up(0);
		return;
	}
	for (int n = shape.downs; n <= 2; n++)
		model_check(queue_down(1, false, &which) == 0, "not let through");
	if (shape.ups == 1 || shape.downs == 1)
		read_words(0, shape.ups);
}

/* queue-close: one step and the end; nobody sleeps on, and the step is not lost. */
static void queue_close_thread(int i)
{
	int which, e = 0;

	if (i == 0) {
		leave_word(i);
		queue_up(0);
		queue_close(0);
		return;
	}
	while ((e = queue_down(1, false, &which)) == 0)
		passed[0]++;
	model_check(e == EPIPE, "not let through, and not turned away");
	read_words(0, 1);
}

static void queue_close_after(void)
{
	model_check(passed[0] == 1, "not one let through by one step");
	queue_unmake();
}

/* queue-timed: one step, and two who wait; who gives up does not take it along. */
static void queue_timed_thread(int i)
{
	int which;

	if (i == 0)
		queue_up(0);
	else if (i == 1)
		model_check(queue_down(1, false, &which) == 0, "not let through");
	else if (queue_down(1, true, &which) == 0)
		queue_up(0);
}

/* queue-either: a step of each, one who waits for either and then for the other. */
static void queue_either_thread(int i)
{
	int first, second = 0;

	if (i < 2) {
		leave_word(i);
		queue_up(i);
		return;
	}
	model_check(queue_down(2, false, &first) == 0, "not let through");
	read_words(first, first + 1);
	model_check(queue_down(2, false, &second) == 0 && second != first, "not let through by the other");
	read_words(second, second + 1);
}

/* -------------------------------------------------------------------------- the table */

enum {
	FIT_ANY = 0, FIT_MANY = 1, FIT_BOUNDED = 2, FIT_WAITS = 4, FIT_ARRAY = 8, FIT_LIST = 16, FIT_ONE = 32,
	FIT_TIMER = 64, FIT_TREE = 128, FIT_CAST = 256, FIT_ALSO_CAST = 512, FIT_DROP = 1024,
	FIT_FEW = 2048, FIT_MEETS = 4096, FIT_QUEUE = 8192, FIT_ONE_SLOT = 16384, FIT_FEW_PLOTS = 32768,
	FIT_WAITQ = 65536, FIT_ROOM = 131072,
	FIT_SELECT = FIT_MANY | FIT_WAITS | FIT_FEW
};

static const struct plot {
	const char *name;
	int threads; /* 0: as many as there are producers and consumers */
	void (*before)(void);
	void (*thread)(int i);
	void (*after)(void);
	int fits;
	uint64_t executions;
} plots[] = {
	{ "once",       0, flow_before,       once_thread,       flow_after, FIT_WAITS | FIT_ALSO_CAST | FIT_FEW_PLOTS, 65000 },
	{ "flow",       0, flow_before,       flow_thread,       flow_after, FIT_WAITS | FIT_ALSO_CAST, 75000 },
	{ "leave",      0, drain_before,      leave_thread,      account, FIT_ANY, 60000 },
	{ "drain",      0, drain_before,      drain_thread,      account, FIT_ANY, 20000 },
	{ "close",      0, drain_before,      close_thread,      account, FIT_FEW_PLOTS, 20000 },
	{ "len",        2, len_before,        len_thread,        account, FIT_ROOM | FIT_FEW_PLOTS, 10000 },
	{ "part",       2, part_before,       part_thread,       account, FIT_MANY, 10000 },
	{ "ready-send", 2, ready_send_before, ready_send_thread, account, FIT_LIST, 10000 },
	{ "timed",      3, timed_before,      timed_thread,      flow_after, FIT_MANY | FIT_WAITS | FIT_ALSO_CAST, 20000 },
	{ "timed-send", 3, timed_send_before, timed_send_thread, account, FIT_MANY | FIT_WAITS | FIT_BOUNDED, 20000 },
	{ "cancel",     3, cancel_before,     cancel_thread,     cancel_after, FIT_MANY | FIT_WAITS, 20000 },
	{ "cancel-recv", 4, cancel_recv_before, cancel_recv_thread, cancel_after, FIT_MANY | FIT_WAITS, 20000 },
	{ "cancel-send", 4, cancel_send_before, cancel_send_thread, cancel_send_after, FIT_MANY | FIT_WAITS | FIT_BOUNDED, 20000 },
	{ "stolen",     4, stolen_before,     stolen_thread,     stolen_after, FIT_MANY | FIT_LIST, 20000 },
	{ "tokens",     4, tokens_before,     tokens_thread,     tokens_after, FIT_TREE, 100000 },
	{ "force",      0, drain_before,      force_thread,      account, FIT_ARRAY, 20000 },
	{ "weak",       3, weak_before,       weak_thread,       account, FIT_MANY, 20000 },
	{ "scarce",     0, scarce_before,     scarce_thread,     scarce_after, FIT_LIST, 20000 },
	{ "one",        0, one_before,        one_thread,        one_after, FIT_ONE, 50000 },
	{ "one-unsent", 0, drain_before,      one_unsent_thread, account, FIT_ONE, 20000 },
	{ "one-leave",  0, drain_before,      one_leave_thread,  account, FIT_ONE, 100000 },
	{ "one-close",  0, drain_before,      one_close_thread,  account, FIT_ONE, 50000 },
	{ "one-timed",  3, one_timed_before,  one_timed_thread,  flow_after, FIT_ONE | FIT_MANY, 50000 },
	{ "one-cancel", 3, cancel_before,     cancel_thread,     cancel_after, FIT_ONE | FIT_MANY, 10000 },
	{ "one-either", 3, pair_before,       either_thread,     pair_after, FIT_ONE | FIT_MANY, 10000 },
	{ "one-weak",   3, weak_before,       one_weak_thread,   account, FIT_ONE | FIT_MANY, 20000 },
	{ "timer",      3, timer_before,      timer_thread,      timer_after, FIT_TIMER, 20000 },
	{ "cast-flow",  3, cast_flow_before,  cast_flow_thread,  cast_flow_after, FIT_CAST | FIT_WAITS, 50000 },
	{ "cast-share", 4, cast_share_before, cast_share_thread, cast_share_after, FIT_CAST | FIT_WAITS, 20000 },
	{ "cast-leave", 3, cast_leave_before, cast_leave_thread, nothing_after, FIT_CAST | FIT_WAITS, 50000 },
	{ "cast-again", 2, cast_again_before, cast_again_thread, nothing_after, FIT_CAST, 50000 },
	{ "cast-close", 3, cast_leave_before, cast_close_thread, cast_close_after, FIT_CAST, 50000 },
	{ "cast-len",   2, len_before,        cast_len_thread,   nothing_after, FIT_CAST | FIT_ROOM | FIT_FEW_PLOTS, 10000 },
	{ "cast-watch", 2, watch_before,      cast_watch_thread, drop_ends, FIT_CAST, 10000 },
	{ "cast-cancel", 3, cancel_before,    cancel_thread,     cancel_after, FIT_CAST | FIT_WAITS | FIT_MANY, 10000 },
	{ "cast-either", 3, pair_before,      either_thread,     pair_after, FIT_CAST | FIT_WAITS | FIT_MANY, 10000 },
	{ "cast-lag",   4, cast_lag_before,   cast_lag_thread,   cast_close_after, FIT_CAST | FIT_DROP, 50000 },
	{ "cast-lag-share", 3, cast_lag_share_before, cast_lag_share_thread, cast_lag_share_after, FIT_CAST | FIT_DROP, 50000 },
	{ "either-1",     3, pair_before,      either_thread,       pair_after,   FIT_SELECT, 10000 },
	{ "either-2",     4, pair_before,      either_thread,       pair_after,   FIT_SELECT, 10000 },
	{ "give",         3, full_pair_before, give_thread,         pair_after,   FIT_SELECT | FIT_BOUNDED, 10000 },
	{ "end",          3, end_before,       end_thread,          end_after,    FIT_SELECT, 10000 },
	{ "desert",       3, desert_before,    desert_thread,       desert_after, FIT_SELECT, 10000 },
	{ "late",         3, pair_before,      late_thread,         pair_after,   FIT_SELECT, 10000 },
	{ "pass",         3, pair_before,      pass_thread,         pair_after,   FIT_SELECT, 10000 },
	{ "cross",        2, pair_before,      cross_thread,        pair_after,   FIT_SELECT | FIT_MEETS, 10000 },
	{ "both-1",       2, pair_before,      both_thread,         pair_after,   FIT_SELECT | FIT_MEETS, 10000 },
	{ "both-2",       4, pair_before,      both_thread,         pair_after,   FIT_SELECT | FIT_MEETS, 10000 },
	{ "observe-recv", 3, pair_before,      observe_recv_thread, pair_after,   FIT_SELECT, 10000 },
	{ "observe-send", 3, full_pair_before, observe_send_thread, pair_after,   FIT_SELECT | FIT_BOUNDED, 10000 },
	{ "displace",     3, pair_before,      displace_thread,     pair_after,   FIT_MANY | FIT_DROP, 10000 },
	{ "watch-recv",   2, watch_before,     watch_recv_thread,   pair_after,   FIT_SELECT | FIT_QUEUE, 10000 },
	{ "watch-send",   2, watch_before,     watch_send_thread,   pair_after,   FIT_SELECT | FIT_ONE_SLOT, 10000 },
	{ "watch-drop",   2, full_pair_before, watch_drop_thread,   pair_after,   FIT_MANY | FIT_DROP | FIT_ONE_SLOT, 10000 },
	{ "async-once",    0, async_before,         async_once_thread,    async_after, FIT_WAITS | FIT_ALSO_CAST, 10000 },
	{ "async-flow",    0, async_before,         async_flow_thread,    async_after, FIT_WAITS | FIT_ALSO_CAST, 10000 },
	{ "async-drain",   0, async_drain_before,   async_drain_thread,   async_drain_after, FIT_ANY, 10000 },
	{ "async-leave",   0, async_leave_before,   async_leave_thread,   async_leave_after, FIT_ANY, 10000 },
	{ "async-force",   0, async_force_before,   async_force_thread,   async_drain_after, FIT_ARRAY, 10000 },
	{ "async-give-up", 3, async_give_up_before, async_give_up_thread, account, FIT_MANY | FIT_WAITS | FIT_ALSO_CAST, 10000 },
	{ "async-give-up-send", 3, async_give_up_send_before, async_give_up_send_thread, account, FIT_MANY | FIT_WAITS | FIT_BOUNDED, 10000 },
	{ "async-served",  4, async_served_before,  async_served_thread,  async_served_after, FIT_MANY | FIT_WAITS | FIT_BOUNDED, 20000 },
	{ "async-turn",    3, async_turn_before,    async_turn_thread,    pair_after, FIT_SELECT, 10000 },
	{ "async-inside",  3, async_inside_before,  async_inside_thread,  async_inside_after, FIT_MANY | FIT_WAITS, 10000 },
	{ "async-one",     0, async_one_before,     async_one_thread,     async_one_after, FIT_ONE, 10000 },
	{ "async-one-leave", 0, async_one_leave_before, async_one_leave_thread, account, FIT_ONE, 10000 },
	{ "async-cast",    3, async_cast_before,    async_cast_thread,    cast_flow_after, FIT_CAST | FIT_WAITS, 10000 },
	{ "async-lag",     3, async_lag_before,     async_lag_thread,     cast_close_after, FIT_CAST | FIT_DROP, 10000 },
	{ "async-again",   2, async_again_before,   async_again_thread,   nothing_after, FIT_CAST, 10000 },
	{ "async-tokens",  3, async_tokens_before,  async_tokens_thread,  drop_tokens, FIT_TREE, 10000 },
	{ "async-timer",   3, async_timer_before,   async_timer_thread,   timer_after, FIT_TIMER, 10000 },
	{ "queue-1p1c",    2, queue_before,         queue_thread,         queue_after, FIT_WAITQ, 20000 },
	{ "queue-2p1c",    3, queue_21_before,      queue_thread,         queue_after, FIT_WAITQ, 20000 },
	{ "queue-1p2c",    3, queue_12_before,      queue_thread,         queue_after, FIT_WAITQ, 20000 },
	{ "queue-2p2c",    4, queue_22_before,      queue_thread,         queue_after, FIT_WAITQ, 20000 },
	{ "queue-close",   3, queue_before,         queue_close_thread,   queue_close_after, FIT_WAITQ, 20000 },
	{ "queue-timed",   3, queue_before,         queue_timed_thread,   queue_after, FIT_WAITQ, 20000 },
	{ "queue-either",  3, queue_before,         queue_either_thread,  queue_after, FIT_WAITQ, 20000 },
};

static bool fits(const struct plot *p, const struct kind *k)
{
	if (p->fits & FIT_TREE)
		return k == &kinds[0];
	if (((p->fits & FIT_WAITQ) != 0) != ((k->promises & QUEUE) != 0))
		return false;
	if (((p->fits & FIT_ONE) != 0) != (k->flavor == CHAN_FLAVOR_ONESHOT))
		return false;
	if (((p->fits & FIT_TIMER) != 0) != ((k->promises & TIMER) != 0))
		return false;
	if (!(p->fits & FIT_ALSO_CAST) && ((p->fits & FIT_CAST) != 0) != (k->flavor == CHAN_FLAVOR_BROADCAST))
		return false;
	if ((k->promises & FEW_PLOTS) && !(p->fits & FIT_FEW_PLOTS))
		return false;
	if ((p->fits & FIT_DROP) && !(k->promises & DROP))
		return false;
	if ((p->fits & FIT_MANY) && (k->promises & (SP | SC)))
		return false;
	if ((p->fits & FIT_WAITS) && (k->promises & DROP))
		return false;
	if ((p->fits & FIT_BOUNDED) && k->capacity == CHAN_UNBOUNDED)
		return false;
	if ((p->fits & FIT_ARRAY) && (k->capacity == 0 || k->capacity == CHAN_UNBOUNDED || (k->promises & SC)))
		return false;
	if ((p->fits & FIT_FEW) && (k->capacity == 3 || k->per_block == 4 || k->msg_size > 8))
		return false; /* a select sees no difference */
	if ((p->fits & FIT_MEETS) && k->capacity != 0)
		return false;
	if ((p->fits & FIT_QUEUE) && k->capacity == 0)
		return false;
	if ((p->fits & FIT_ONE_SLOT) && k->capacity != 1)
		return false;
	if ((p->fits & FIT_ROOM) && k->capacity < 3)
		return false; /* the flavor corrects what is more than fits */
	return !(p->fits & FIT_LIST) || k->capacity == CHAN_UNBOUNDED;
}

/* ----------------------------------------------------------------------------- main */

static struct {
	bool list;
	bool stop;
	uint64_t first;
	uint64_t number;
	uint64_t percent;
	char **names;
	int name_count;
} asked = { false, false, 1, 0, 100, NULL, 0 };

static bool wanted(const char *name)
{
	for (int i = 0; i < asked.name_count; i++)
		if (strstr(name, asked.names[i]))
			return true;
	return asked.name_count == 0;
}

/* No scenario has fewer executions, at 100 percent; the kinds of few plots have no more. */
enum { EXECUTIONS_LEAST = 10000 };

static uint64_t executions_of(const struct plot *p, const struct kind *k)
{
	uint64_t n = p->executions;

	if (k->flavor == CHAN_FLAVOR_MUTEX_CONDVAR) /* its atomics are few */
		n /= 5;
	if (n < EXECUTIONS_LEAST || (k->promises & FEW_PLOTS))
		n = EXECUTIONS_LEAST;
	return asked.number ? asked.number : n * asked.percent / 100;
}

/* False if it failed. */
static bool run(const struct plot *p, int variant)
{
	char name[64];
	const struct kind *k = &kinds[variant];
	int threads = (k->promises & SP ? 1 : 2) + (k->promises & SC ? 1 : 2);
	struct scenario s = { name, p->threads ? p->threads : threads, p->before, p->thread, p->after, variant };
	uint64_t n = executions_of(p, k);
	bool all;

	snprintf(name, sizeof(name), "%s/%s", p->name, k->name);
	if (!fits(p, k) || !wanted(name))
		return true;
	if (model_bounds_now.set && s.threads > 3)
		return true;
	if (asked.list) {
		puts(name);
		return true;
	}
	if (!(model_bounds_now.set ? model_search(&s, n, &n, &all)
	                           : model_run(&s, asked.first, asked.first + n - 1))) {
		printf("FAIL: %s\n", name);
		return false;
	}
	if (model_bounds_now.set) {
		printf("PASS: %s, %llu executions, %s %u:%u\n", name, (unsigned long long)n,
		       all ? "all of" : "the first of", model_bounds_now.preemptions, model_bounds_now.surprises);
		fflush(stdout);
		return true;
	}
	printf("PASS: %s, %llu executions\n", name, (unsigned long long)n);
	fflush(stdout);
	return true;
}

/* Up to its end, or to a hyphen. */
static bool parse_order(const char *text, model_order *order)
{
	static const char *const orders[] = { "relaxed", "acquire", "release", "acq_rel", "seq_cst" };
	size_t length = strcspn(text, "-");

	for (int i = MODEL_relaxed; i <= MODEL_seq_cst; i++)
		if (strlen(orders[i]) == length && strncmp(text, orders[i], length) == 0) {
			*order = (model_order)i;
			return true;
		}
	return false;
}

static bool parse_mutant(const char *text)
{
	model_mutant *m = &model_mutant_now;
	const char *orders = strchr(text, ':'), *failure = strchr(text, '-');

	m->site = atoi(text);
	if (m->site <= 0 || !orders)
		return false;
	m->dropped = strcmp(++orders, "none") == 0;
	return m->dropped || (parse_order(orders, &m->order) &&
	                      (!failure || parse_order(failure + 1, &m->failure)));
}

static bool parse_bounds(const char *text)
{
	model_bounds *b = &model_bounds_now;

	b->set = sscanf(text, "%u:%u", &b->preemptions, &b->surprises) == 2;
	return b->set;
}

static bool parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		uint64_t *number = NULL;

		if (strcmp(argv[i], "-l") == 0)
			asked.list = true;
		else if (strcmp(argv[i], "-x") == 0)
			asked.stop = true;
		else if (strcmp(argv[i], "-f") == 0)
			number = &asked.first;
		else if (strcmp(argv[i], "-n") == 0)
			number = &asked.number;
		else if (strcmp(argv[i], "-p") == 0)
			number = &asked.percent;
		else if (strcmp(argv[i], "-m") == 0 || strcmp(argv[i], "-b") == 0) {
			if (i + 1 == argc || !(argv[i][1] == 'm' ? parse_mutant : parse_bounds)(argv[i + 1]))
				return false;
			i++;
		} else
			argv[asked.name_count++] = argv[i];
		if (number && ++i == argc)
			return false;
		if (number)
			*number = strtoull(argv[i], NULL, 10);
	}
	asked.names = argv;
	return true;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (!parse(argc, argv)) {
		fprintf(stderr, "usage: scenarios [-lx] [-f FIRST] [-n EXECUTIONS] [-p PERCENT] [-m MUTANT] [-b BOUNDS]\n                 [NAME]...\n");
		return 2;
	}
	for (size_t p = 0; p < sizeof(plots) / sizeof(plots[0]); p++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (!asked.stop || failed == 0)
				failed += !run(&plots[p], (int)k);
	if (failed == 0 && model_mutant_now.site && model_mutant_now.times == 0)
		return 3;
	return failed > 0;
}
