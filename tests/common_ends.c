/*
 * common_ends.c - who is connected to whom: drops, close, counts, weak senders
 */
#include <pthread.h>
#include <string.h>

#include "common.h"

/* Every form of receiving says EPIPE and writes nothing. */
static void expect_ended(chan_receiver_t *rx)
{
	uint64_t number = 77;
	size_t count = 77;
	struct timespec past = { -1, 0 };

	must_give(EPIPE, chan_try_recv(rx, &number));
	must_give(EPIPE, chan_recv(rx, &number));
	must_give(EPIPE, chan_recv(rx, NULL));
	must_give(EPIPE, chan_recv_timeout(rx, &number, 0));
	must_give(EPIPE, chan_recv_timeout(rx, &number, CHAN_FOREVER));
	must_give(EPIPE, chan_recv_deadline(rx, &number, &past));
	must_give(EPIPE, chan_recv_deadline(rx, &number, NULL));
	must_give(EPIPE, chan_recv_many(rx, &number, 1, &count));
	must_eq(count, 0);
	count = 77;
	must_give(EPIPE, chan_try_recv_many(rx, &number, 1, &count));
	must(count == 0 && number == 77);
}

/* Every form of sending says EPIPE and leaves the message and outputs alone. */
static void expect_refused(const struct kind *k, chan_sender_t *tx)
{
	uint64_t number = 77, other = 55;
	size_t count = 77;
	bool displaced = true;
	struct timespec past = { -1, 0 };

	must_give(EPIPE, chan_try_send(tx, &number));
	must_give(EPIPE, chan_send(tx, &number));
	must_give(EPIPE, chan_send_timeout(tx, &number, 0));
	must_give(EPIPE, chan_send_timeout(tx, &number, CHAN_FOREVER));
	must_give(EPIPE, chan_send_deadline(tx, &number, &past));
	must_give(EPIPE, chan_send_deadline(tx, &number, NULL));
	must_give(EPIPE, chan_send_many(tx, &number, 1, &count));
	must_eq(count, 0);
	count = 77;
	must_give(EPIPE, chan_try_send_many(tx, &number, 1, &count));
	must_eq(count, 0);
	if (k->forces) {
		must_give(EPIPE, chan_force_send(tx, &number, &other, &displaced));
		must_give(EPIPE, chan_force_send(tx, &number, NULL, NULL));
	}
	must(number == 77 && other == 55 && displaced);
}

static void receivers_drain_then_see_the_end(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *rx = e.rx;
	size_t room = kind_room(k);

	queue_numbers(e.tx, 0, room);
	must_keep_errno(chan_sender_drop(e.tx));
	e.c = chan_receiver_channel(rx);
	must(chan_is_disconnected(e.c));
	must_eq(chan_sender_count(e.c), 0);
	must_eq(chan_len(e.c), room);
	expect_numbers(rx, 0, room);
	expect_ended(rx);
	expect_ended(rx);
	chan_receiver_drop(rx);
}

static void the_last_sender_gone_ends_an_empty_channel(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	must_keep_errno(chan_sender_drop(e.tx));
	must(chan_is_disconnected(chan_receiver_channel(e.rx)));
	expect_ended(e.rx);
	must_keep_errno(chan_receiver_drop(e.rx));
}

static void the_last_receiver_gone_refuses_sends(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	must_keep_errno(chan_receiver_drop(e.rx));
	must(chan_is_disconnected(e.c));
	must_eq(chan_receiver_count(e.c), 0);
	expect_refused(k, e.tx);
	must_eq(chan_len(e.c), 0);
	chan_sender_drop(e.tx);
}

/* Full or with space to spare makes no difference. */
static void the_last_receiver_gone_refuses_sends_at_any_level(const struct kind *k)
{
	size_t room = kind_room(k);

	for (size_t queued = 1; queued <= room; queued = next_level(queued, room)) {
		struct ends e = kind_open(k, 8);

		queue_numbers(e.tx, 0, queued);
		must_keep_errno(chan_receiver_drop(e.rx));
		expect_refused(k, e.tx);
		must_eq(chan_len(e.c), 0);
		must(chan_is_empty(e.c));
		chan_sender_drop(e.tx);
	}
}

static void a_clone_keeps_its_side_connected(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_sender_t *tx;
	chan_receiver_t *rx;

	must_keep_errno(tx = chan_sender_clone(e.tx));
	must_keep_errno(rx = chan_receiver_clone(e.rx));
	must_eq(chan_sender_count(e.c), 2);
	must_eq(chan_receiver_count(e.c), 2);
	must_keep_errno(chan_sender_drop(e.tx));
	must_keep_errno(chan_receiver_drop(e.rx));
	must(!chan_is_disconnected(e.c));
	must_eq(chan_sender_count(e.c), 1);
	must_eq(chan_receiver_count(e.c), 1);
	if (k->capacity != 0) {
		queue_numbers(tx, 3, 1);
		expect_numbers(rx, 3, 1);
	}
	must_keep_errno(chan_sender_drop(tx));
	expect_ended(rx);
	must_keep_errno(chan_receiver_drop(rx));
}

static void many_clones_are_counted(const struct kind *k)
{
	enum { CLONES = 100 };
	struct ends e = kind_open(k, 8);
	chan_sender_t *tx[CLONES];
	chan_receiver_t *rx[CLONES];

	for (size_t i = 0; i < CLONES; i++) {
		tx[i] = chan_sender_clone(i % 2 ? tx[i - 1] : e.tx);
		rx[i] = chan_receiver_clone(i % 2 ? rx[i - 1] : e.rx);
		must_eq(chan_sender_count(e.c), i + 2);
		must_eq(chan_receiver_count(e.c), i + 2);
	}
	for (size_t i = 0; i < CLONES; i++) {
		chan_sender_drop(tx[i]);
		chan_receiver_drop(rx[i]);
		must_eq(chan_sender_count(e.c), CLONES - i);
		must_eq(chan_receiver_count(e.c), CLONES - i);
	}
	must(!chan_is_disconnected(e.c));
	ends_drop(&e);
}

static void close_refuses_sends_and_lets_receivers_drain(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t queued = k->capacity == 0 ? 0 : (kind_room(k) + 1) / 2;

	queue_numbers(e.tx, 0, queued);
	must_keep_errno(chan_close(e.c));
	must(chan_is_disconnected(e.c));
	expect_refused(k, e.tx);
	must_keep_errno(chan_close(e.c));
	must_eq(chan_len(e.c), queued);
	must_eq(chan_sender_count(e.c), 1);
	must_eq(chan_receiver_count(e.c), 1);
	expect_numbers(e.rx, 0, queued);
	expect_ended(e.rx);
	must_keep_errno(chan_close(e.c));
	expect_refused(k, e.tx);
	expect_ended(e.rx);
	ends_drop(&e);
}

static void close_on_a_full_channel_comes_before_space(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	queue_numbers(e.tx, 0, k->capacity);
	must_keep_errno(chan_close(e.c));
	expect_refused(k, e.tx);
	expect_numbers(e.rx, 0, k->capacity);
	ends_drop(&e);
}

static void close_through_the_receiving_side_is_the_same(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t queued = k->capacity == 0 ? 0 : 1;

	queue_numbers(e.tx, 0, queued);
	must_keep_errno(chan_close(chan_receiver_channel(e.rx)));
	expect_refused(k, e.tx);
	expect_numbers(e.rx, 0, queued);
	expect_ended(e.rx);
	ends_drop(&e);
}

/* A sender that arrives after the close is refused too. */
static void clones_made_after_close_are_refused(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_sender_t *tx;

	must_keep_errno(chan_close(e.c));
	must_keep_errno(tx = chan_sender_clone(e.tx));
	expect_refused(k, tx);
	expect_ended(e.rx);
	chan_sender_drop(tx);
	ends_drop(&e);
}

static void a_weak_sender_becomes_a_sender(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_weak_sender_t *weak, *twin;
	chan_sender_t *tx;

	must_keep_errno(weak = chan_sender_downgrade(e.tx));
	must_keep_errno(twin = chan_weak_sender_clone(weak));
	must(chan_weak_sender_channel(weak) == e.c && chan_weak_sender_channel(twin) == e.c);
	must_eq(chan_sender_count(e.c), 1);
	must_keep_errno(chan_weak_sender_drop(weak));
	must_keep_errno(tx = chan_weak_sender_upgrade(twin));
	must(tx != NULL && chan_sender_channel(tx) == e.c);
	must_eq(chan_sender_count(e.c), 2);
	chan_sender_drop(e.tx);
	must(!chan_is_disconnected(e.c));
	if (k->capacity != 0) {
		queue_numbers(tx, 3, 1);
		expect_numbers(e.rx, 3, 1);
	}
	chan_sender_drop(tx);
	chan_weak_sender_drop(twin);
	chan_receiver_drop(e.rx);
}

static void a_weak_sender_keeps_no_connection(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_weak_sender_t *weak = chan_sender_downgrade(e.tx);

	chan_sender_drop(e.tx);
	must(chan_is_disconnected(e.c));
	expect_ended(e.rx);
	must_keep_errno(must(chan_weak_sender_upgrade(weak) == NULL));
	must_eq(chan_sender_count(e.c), 0);
	chan_receiver_drop(e.rx);
	must(chan_weak_sender_upgrade(weak) == NULL);
	must_eq(chan_msg_size(chan_weak_sender_channel(weak)), 8);
	chan_weak_sender_drop(weak);
}

static void close_ends_upgrades(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_weak_sender_t *weak = chan_sender_downgrade(e.tx);

	chan_close(e.c);
	must_keep_errno(must(chan_weak_sender_upgrade(weak) == NULL));
	must_eq(chan_sender_count(e.c), 1);
	chan_weak_sender_drop(weak);
	ends_drop(&e);
}

static void upgrades_work_while_receivers_are_gone(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_weak_sender_t *weak = chan_sender_downgrade(e.tx);
	chan_sender_t *tx;

	chan_receiver_drop(e.rx);
	must_keep_errno(tx = chan_weak_sender_upgrade(weak));
	must(tx != NULL);
	must_eq(chan_sender_count(e.c), 2);
	expect_refused(k, tx);
	chan_sender_drop(tx);
	chan_weak_sender_drop(weak);
	chan_sender_drop(e.tx);
}

struct upgrade {
	chan_weak_sender_t *weak;
	struct gate *gate;
	uint64_t number;
	bool sent;
	struct worker worker;
};

static void upgrade_and_send(void *arg)
{
	struct upgrade *u = arg;
	chan_sender_t *tx;

	gate_pass(u->gate);
	tx = chan_weak_sender_upgrade(u->weak);
	if (tx == NULL)
		return;
	must_eq(chan_try_send(tx, &u->number), 0);
	u->sent = true;
	chan_sender_drop(tx);
}

/* Either the upgrade came first, and its message arrives, or it gave NULL; the
 * end is never seen before a message that was sent. */
static void an_upgrade_races_the_last_sender(const struct kind *k)
{
	size_t rounds = kind_rounds(k, 400);

	for (size_t i = 0; i < rounds; i++) {
		struct ends e = kind_open(k, 8);
		struct gate gate;
		struct upgrade u = { .weak = chan_sender_downgrade(e.tx), .gate = &gate, .number = i };
		uint64_t number = UINT64_MAX;
		int error;

		gate_init(&gate, 2);
		worker_start(&u.worker, upgrade_and_send, &u);
		gate_pass(&gate);
		chan_sender_drop(e.tx);
		error = chan_recv(e.rx, &number);
		worker_join(&u.worker);
		must_eq(error, u.sent ? 0 : EPIPE);
		must(!u.sent || number == i);
		expect_ended(e.rx);
		chan_weak_sender_drop(u.weak);
		chan_receiver_drop(e.rx);
	}
}

enum { TX, RX, WEAK, HANDLES };

static void drop_handle(int which, struct ends *e, chan_weak_sender_t *weak)
{
	if (which == TX)
		must_keep_errno(chan_sender_drop(e->tx));
	else if (which == RX)
		must_keep_errno(chan_receiver_drop(e->rx));
	else
		must_keep_errno(chan_weak_sender_drop(weak));
}

/* The channel's storage goes with the last handle, whichever it is. */
static void storage_goes_with_the_last_handle(const struct kind *k)
{
	static const int orders[][HANDLES] = {
		{ TX, RX, WEAK }, { TX, WEAK, RX }, { RX, TX, WEAK },
		{ RX, WEAK, TX }, { WEAK, TX, RX }, { WEAK, RX, TX }
	};

	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		struct counting counting;
		chan_allocator_t table;
		chan_weak_sender_t *weak;
		chan_attr_t attr;
		struct ends e;

		counting_init(&counting);
		table = counting_allocator(&counting);
		kind_attr(k, &attr);
		must_give(0, chan_attr_setallocator(&attr, &table));
		e = attr_open(&attr, 8);
		weak = chan_sender_downgrade(e.tx);
		if (k->capacity != 0)
			queue_numbers(e.tx, 0, 1);
		drop_handle(orders[i][0], &e, weak);
		drop_handle(orders[i][1], &e, weak);
		must(counting_blocks(&counting) >= 1);
		must_eq(chan_msg_size(e.c), 8);
		drop_handle(orders[i][2], &e, weak);
		counting_must_balance(&counting);
	}
}

struct parting {
	chan_sender_t *tx;
	struct worker worker;
};

static void send_and_part(void *arg)
{
	struct parting *p = arg;
	uint64_t number = 9;

	must_give(0, chan_send(p->tx, &number));
	chan_sender_drop(p->tx);
}

/* "Send, then drop" is never seen as disconnected before the message. */
static void send_then_drop_delivers_before_the_end(const struct kind *k)
{
	size_t rounds = kind_rounds(k, 100);

	for (size_t i = 0; i < rounds; i++) {
		struct ends e = kind_open(k, 8);
		struct parting p = { .tx = e.tx };
		uint64_t number = 0;
		int error;

		worker_start(&p.worker, send_and_part, &p);
		if (i % 2)
			error = chan_recv(e.rx, &number);
		else
			while ((error = chan_try_recv(e.rx, &number)) == EAGAIN)
				continue;
		must_eq(error, 0);
		must_eq(number, 9);
		must_give(EPIPE, chan_recv(e.rx, &number));
		worker_join(&p.worker);
		chan_receiver_drop(e.rx);
	}
}

static void request_then_close(void *arg)
{
	struct parting *p = arg;
	uint64_t number = 9;

	must_give(0, chan_send(p->tx, &number));
	chan_close(chan_sender_channel(p->tx));
}

static void send_then_close_delivers_before_the_end(const struct kind *k)
{
	size_t rounds = kind_rounds(k, 100);

	for (size_t i = 0; i < rounds; i++) {
		struct ends e = kind_open(k, 8);
		struct parting p = { .tx = e.tx };
		uint64_t number = 0;
		int error;

		worker_start(&p.worker, request_then_close, &p);
		while ((error = chan_try_recv(e.rx, &number)) == EAGAIN)
			continue;
		must_eq(error, 0);
		must_give(EPIPE, chan_recv(e.rx, &number));
		worker_join(&p.worker);
		ends_drop(&e);
	}
}

static void drop_sender(void *tx)
{
	chan_sender_drop(tx);
}

static void drop_receiver(void *rx)
{
	chan_receiver_drop(rx);
}

struct keys {
	pthread_key_t tx, rx;
	struct ends ends;
	struct worker worker;
};

static void keep_ends_in_keys(void *arg)
{
	struct keys *keys = arg;
	uint64_t number = 1;

	pthread_setspecific(keys->tx, keys->ends.tx);
	pthread_setspecific(keys->rx, keys->ends.rx);
	must_eq(chan_try_recv(keys->ends.rx, &number), EAGAIN);
}

/* Handles may be dropped by the destructors of thread-specific data, while
 * their thread exits. */
static void handles_can_be_dropped_while_a_thread_exits(const struct kind *k)
{
	struct counting counting;
	chan_allocator_t table;
	struct keys keys;
	chan_attr_t attr;

	counting_init(&counting);
	table = counting_allocator(&counting);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	keys.ends = attr_open(&attr, 8);
	if (k->capacity != 0) {
		queue_numbers(keys.ends.tx, 0, 1);
		expect_numbers(keys.ends.rx, 0, 1);
	}
	must_eq(pthread_key_create(&keys.tx, drop_sender), 0);
	must_eq(pthread_key_create(&keys.rx, drop_receiver), 0);
	worker_start(&keys.worker, keep_ends_in_keys, &keys);
	worker_join(&keys.worker);
	pthread_key_delete(keys.tx);
	pthread_key_delete(keys.rx);
	counting_must_balance(&counting);
}

/* A waiting client whose request lies in a dead server's queue hears of it. */
static void drop_reply_sender(void *msg, void *arg)
{
	chan_sender_t *reply;

	(void)arg;
	memcpy(&reply, msg, sizeof(reply));
	chan_sender_drop(reply);
}

static void a_request_in_the_queue_of_a_dead_server_ends(const struct kind *k)
{
	struct ends requests, replies = kind_open(k, 8);
	struct call wait = call_recv(replies.rx, CALL_PLAIN);
	chan_attr_t attr;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setdestructor(&attr, drop_reply_sender, NULL));
	requests = attr_open(&attr, sizeof(chan_sender_t *));
	must_give(0, chan_try_send(requests.tx, &replies.tx));
	call_start_asleep(&wait);
	must_keep_errno(chan_receiver_drop(requests.rx));
	call_finish(&wait);
	must_eq(wait.result, EPIPE);
	chan_sender_drop(requests.tx);
	chan_receiver_drop(replies.rx);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(receivers_drain_then_see_the_end, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(the_last_sender_gone_ends_an_empty_channel, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_last_receiver_gone_refuses_sends, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_last_receiver_gone_refuses_sends_at_any_level, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_clone_keeps_its_side_connected, FITS_ONE_MESSAGE),
	BEHAVIOUR(many_clones_are_counted, FITS_ONE_MESSAGE),
	BEHAVIOUR(close_refuses_sends_and_lets_receivers_drain, FITS_ONE_MESSAGE),
	BEHAVIOUR(close_on_a_full_channel_comes_before_space, NEEDS_LIMIT | FITS_ONE_MESSAGE),
	BEHAVIOUR(close_through_the_receiving_side_is_the_same, FITS_ONE_MESSAGE),
	BEHAVIOUR(clones_made_after_close_are_refused, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_weak_sender_becomes_a_sender, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_weak_sender_keeps_no_connection, FITS_ONE_MESSAGE),
	BEHAVIOUR(close_ends_upgrades, FITS_ONE_MESSAGE),
	BEHAVIOUR(upgrades_work_while_receivers_are_gone, FITS_ONE_MESSAGE),
	BEHAVIOUR(an_upgrade_races_the_last_sender, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(storage_goes_with_the_last_handle, FITS_ONE_MESSAGE),
	BEHAVIOUR(send_then_drop_delivers_before_the_end, FITS_ONE_MESSAGE),
	BEHAVIOUR(send_then_close_delivers_before_the_end, FITS_ONE_MESSAGE),
	BEHAVIOUR(handles_can_be_dropped_while_a_thread_exits, NEEDS_NOTHING),
	BEHAVIOUR(a_request_in_the_queue_of_a_dead_server_ends, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
};

const struct theme common_ends = { behaviours, COUNT_OF(behaviours) };
