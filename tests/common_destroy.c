/*
 * common_destroy.c - each message that was accepted and never received is
 * destroyed, once
 */
#include <limits.h>
#include <string.h>

#include "common.h"

static void queued_messages_die_with_the_last_receiver(const struct kind *k)
{
	size_t room = kind_room(k);

	for (size_t queued = 0; queued <= room; queued = next_level(queued, room)) {
		struct destroyed d;
		struct ends e = kind_open_destroying(k, &d);

		queue_numbers(e.tx, 10, queued);
		must_eq(d.count, 0);
		must_keep_errno(chan_receiver_drop(e.rx));
		must_eq(d.count, queued);
		must_eq(d.sum, sum_of_numbers(10, queued));
		must_keep_errno(chan_sender_drop(e.tx));
		must_eq(d.count, queued);
	}
}

static void queued_messages_survive_the_last_sender(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	size_t room = kind_room(k);

	queue_numbers(e.tx, 1, room);
	chan_sender_drop(e.tx);
	must_eq(d.count, 0);
	expect_numbers(e.rx, 1, 1);
	must_eq(d.count, 0);
	chan_receiver_drop(e.rx);
	must_eq(d.count, room - 1);
	must_eq(d.sum, sum_of_numbers(2, room - 1));
}

static void received_messages_are_the_receivers(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	struct feeder f;

	feeder_start(&f, e.tx, 0, 50);
	for (uint64_t i = 0; i < 50; i++) {
		uint64_t number = UINT64_MAX;

		must_give(0, chan_recv(e.rx, &number));
		must_eq(number, i);
	}
	feeder_join(&f);
	ends_drop(&e);
	must_eq(d.count, 0);
}

static void refused_messages_are_the_senders(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	uint64_t number = 9;

	queue_numbers(e.tx, 0, k->capacity);
	must_give(EAGAIN, chan_try_send(e.tx, &number));
	must_give(ETIMEDOUT, chan_send_timeout(e.tx, &number, 1000));
	must_eq(d.count, 0);
	chan_close(e.c);
	must_give(EPIPE, chan_send(e.tx, &number));
	must_eq(d.count, 0);
	chan_receiver_drop(e.rx);
	must_eq(d.count, k->capacity);
	must_give(EPIPE, chan_send(e.tx, &number));
	must_eq(d.count, k->capacity);
	chan_sender_drop(e.tx);
	must_eq(d.count, k->capacity);
}

static void receiving_into_nothing_destroys(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	struct timespec soon;
	struct feeder f;

	chan_deadline(30 * CHAN_SEC, &soon);
	feeder_start(&f, e.tx, 1, 4);
	must_give(0, chan_recv(e.rx, NULL));
	must(d.count == 1 && d.sum == 1);
	must_give(0, chan_recv_timeout(e.rx, NULL, 30 * CHAN_SEC));
	must_give(0, chan_recv_deadline(e.rx, NULL, &soon));
	must(d.count == 3 && d.sum == 6);
	wait_for(chan_try_recv(e.rx, NULL) == 0);
	must(d.count == 4 && d.sum == 10);
	feeder_join(&f);
	ends_drop(&e);
	must_eq(d.count, 4);
}

static void receiving_into_nothing_needs_no_destructor(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct feeder f;

	feeder_start(&f, e.tx, 1, 3);
	must_give(0, chan_recv(e.rx, NULL));
	must_give(0, chan_recv(e.rx, NULL));
	must_give(0, chan_recv(e.rx, NULL));
	feeder_join(&f);
	ends_drop(&e);
}

/* What a destructor tries out while it runs. */
struct visit {
	chan_t *c;
	chan_weak_sender_t *weak;
	struct ends other;
	size_t calls;
};

static void visit_channels(void *msg, void *arg)
{
	struct visit *v = arg;
	chan_sender_t *tx;
	uint64_t number = 4;

	(void)msg;
	v->calls++;
	must(chan_len(v->c) <= chan_capacity(v->c));
	must_eq(chan_receiver_count(v->c), 0);
	must(chan_is_disconnected(v->c));
	tx = chan_weak_sender_upgrade(v->weak);
	must(tx != NULL);
	must_eq(chan_try_send(tx, &number), EPIPE);
	chan_sender_drop(tx);
	must_eq(chan_try_send(v->other.tx, &number), 0);
	must_eq(chan_try_recv(v->other.rx, &number), 0);
	chan_close(v->c);
	chan_sender_drop(chan_weak_sender_upgrade(v->weak));
}

static void a_destructor_may_call_the_library(const struct kind *k)
{
	struct visit v = { .calls = 0, .other = kind_open(k, 8) };
	chan_attr_t attr;
	struct ends e;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setdestructor(&attr, visit_channels, &v));
	e = attr_open(&attr, 8);
	v.c = e.c;
	v.weak = chan_sender_downgrade(e.tx);
	queue_numbers(e.tx, 0, 1);
	must_keep_errno(chan_receiver_drop(e.rx));
	must_eq(v.calls, 1);
	chan_weak_sender_drop(v.weak);
	chan_sender_drop(e.tx);
	ends_drop(&v.other);
}

static void drop_the_sender_in_use(void *msg, void *arg)
{
	struct ends *e = arg;

	(void)msg;
	chan_sender_drop(e->tx);
	e->tx = NULL;
}

/* The message's destructor drops the last other handle of its own channel. */
static void a_destructor_may_drop_the_last_handle(const struct kind *k)
{
	struct counting counting;
	chan_allocator_t table;
	chan_attr_t attr;
	struct ends e;

	counting_init(&counting);
	table = counting_allocator(&counting);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	must_give(0, chan_attr_setdestructor(&attr, drop_the_sender_in_use, &e));
	e = attr_open(&attr, 8);
	queue_numbers(e.tx, 0, 1);
	must_keep_errno(chan_receiver_drop(e.rx));
	must(e.tx == NULL);
	counting_must_balance(&counting);
}

static void drop_both_ends(void *msg, void *arg)
{
	struct ends *e = arg;

	(void)msg;
	if (e->rx != NULL) {
		chan_receiver_drop(e->rx);
		chan_sender_drop(e->tx);
	}
	e->rx = NULL;
}

/* A receive that destroys runs a callback which drops the handle in use. */
static void a_destructor_may_drop_the_receiver_in_use(const struct kind *k)
{
	struct counting counting;
	chan_allocator_t table;
	chan_attr_t attr;
	struct ends e;

	counting_init(&counting);
	table = counting_allocator(&counting);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	must_give(0, chan_attr_setdestructor(&attr, drop_both_ends, &e));
	e = attr_open(&attr, 8);
	queue_numbers(e.tx, 0, 1);
	must_give(0, chan_recv(e.rx, NULL));
	must(e.rx == NULL);
	counting_must_balance(&counting);
}

static void drop_nested_receiver(void *msg, void *arg)
{
	chan_receiver_t *rx;

	memcpy(&rx, msg, sizeof(rx));
	++*(size_t *)arg;
	chan_receiver_drop(rx);
}

struct chain {
	chan_receiver_t *outermost;
	struct worker worker;
};

static void drop_chain(void *arg)
{
	struct chain *chain = arg;

	chan_receiver_drop(chain->outermost);
}

/* Each channel holds the receiver of the next one as its message.  The thread
 * that drops the outermost has a stack that a recursion would run through: a
 * million deep where a channel is small, 20000 elsewhere. */
static void a_million_nested_channels_drop_flat(const struct kind *k)
{
	bool lean = k->capacity == 1 || kind_is_unbounded(k);
	size_t depth = test_scaled(lean && !kind_is_promised(k) ? 1000000 : 20000), dropped = 0;
	struct chain chain = { .outermost = NULL };
	chan_attr_t attr;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setdestructor(&attr, drop_nested_receiver, &dropped));
	for (size_t i = 0; i < depth; i++) {
		chan_receiver_t *rx;
		chan_sender_t *tx;

		must_eq(chan_create(&attr, sizeof(rx), &tx, &rx), 0);
		if (chain.outermost != NULL)
			must_eq(chan_try_send(tx, &chain.outermost), 0);
		chan_sender_drop(tx);
		chain.outermost = rx;
	}
	must_give(0, chan_attr_destroy(&attr));
	worker_start_small(&chain.worker, drop_chain, &chain, 256 * 1024);
	worker_join(&chain.worker);
	must_eq(dropped, depth - 1);
}

struct last_drop {
	struct ends *e;
	struct gate *gate;
	size_t accepted;
	struct worker worker;
};

static void send_until_refused(void *arg)
{
	struct last_drop *l = arg;
	uint64_t number = 1;
	int error;

	gate_pass(l->gate);
	while ((error = chan_try_send(l->e->tx, &number)) == 0 || error == EAGAIN)
		l->accepted += error == 0;
	must_eq(error, EPIPE);
}

/* A send beside the last receiver's drop fails, or its message is destroyed. */
static void sends_race_the_last_receivers_drop(const struct kind *k)
{
	size_t rounds = kind_rounds(k, 80);

	for (size_t i = 0; i < rounds; i++) {
		struct destroyed d;
		struct ends e = kind_open_destroying(k, &d);
		struct gate gate;
		struct last_drop l = { .e = &e, .gate = &gate };
		size_t taken = 0;

		gate_init(&gate, 2);
		worker_start(&l.worker, send_until_refused, &l);
		gate_pass(&gate);
		for (size_t j = 0; j < i % 40; j++)
			taken += chan_try_recv(e.rx, &(uint64_t){ 0 }) == 0;
		chan_receiver_drop(e.rx);
		worker_join(&l.worker);
		must_eq(d.count + taken, l.accepted);
		chan_sender_drop(e.tx);
		must_eq(d.count + taken, l.accepted);
	}
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(queued_messages_die_with_the_last_receiver, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
	BEHAVIOUR(queued_messages_survive_the_last_sender, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
	BEHAVIOUR(received_messages_are_the_receivers, NEEDS_NOTHING),
	BEHAVIOUR(refused_messages_are_the_senders, NEEDS_FULL | NEEDS_DESTRUCTOR),
	BEHAVIOUR(receiving_into_nothing_destroys, NEEDS_DESTRUCTOR),
	BEHAVIOUR(receiving_into_nothing_needs_no_destructor, NEEDS_NOTHING),
	BEHAVIOUR(a_destructor_may_call_the_library, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
	BEHAVIOUR(a_destructor_may_drop_the_last_handle, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
	BEHAVIOUR(a_destructor_may_drop_the_receiver_in_use, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
	BEHAVIOUR(a_million_nested_channels_drop_flat, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
	BEHAVIOUR(sends_race_the_last_receivers_drop, FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
};

const struct theme common_destroy = { behaviours, COUNT_OF(behaviours) };
