/*
 * common_queue.c - order, exact capacity, length
 */
#include "common.h"

static void one_sender_is_received_in_order(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct feeder f;
	size_t n = test_scaled(5000);

	feeder_start(&f, e.tx, 1, n);
	for (size_t i = 0; i < n; i++) {
		uint64_t number = 0;

		must_give(0, chan_recv(e.rx, &number));
		must_eq(number, 1 + i);
	}
	feeder_join(&f);
	ends_drop(&e);
}

/* Every fill level, so that a ring wraps and a list crosses blocks at each offset. */
static void what_is_queued_leaves_in_order(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t next = 0;

	for (int round = 0; round < 3; round++)
		for (size_t n = 1; n <= kind_room(k); n++) {
			queue_numbers(e.tx, next, n);
			expect_numbers(e.rx, next, n);
			next += n;
		}
	ends_drop(&e);
}

static void a_queue_kept_half_full_stays_in_order(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t ahead = (kind_room(k) + 1) / 2;

	queue_numbers(e.tx, 0, ahead);
	for (uint64_t i = 0; i < 1000; i++) {
		expect_numbers(e.rx, i, 1);
		queue_numbers(e.tx, i + ahead, 1);
		must_eq(chan_len(e.c), ahead);
	}
	expect_numbers(e.rx, 1000, ahead);
	ends_drop(&e);
}

static void expect_full(const struct ends *e, size_t capacity)
{
	uint64_t extra = 77;

	must_give(EAGAIN, chan_try_send(e->tx, &extra));
	must_give(ETIMEDOUT, chan_send_timeout(e->tx, &extra, 0));
	must(chan_is_full(e->c));
	must_eq(chan_len(e->c), capacity);
}

static void capacity_is_exact(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t next = 0;

	for (int round = 0; round < 5; round++) {
		queue_numbers(e.tx, next, k->capacity);
		expect_full(&e, k->capacity);
		expect_numbers(e.rx, next, 1);
		must(!chan_is_full(e.c));
		queue_numbers(e.tx, next + k->capacity, 1);
		expect_full(&e, k->capacity);
		expect_numbers(e.rx, next + 1, k->capacity);
		must(chan_is_empty(e.c));
		next += k->capacity + 1;
	}
	ends_drop(&e);
}

/* The kinds of the matrix have few capacities; here is each small one, whose
 * ring is or is not a power of two. */
static void every_small_capacity_is_exact(const struct kind *k)
{
	for (size_t capacity = 1; capacity <= 34; capacity++) {
		struct kind small = *k;
		struct ends e;

		small.capacity = capacity;
		e = kind_open(&small, 8);
		must_eq(chan_capacity(e.c), capacity);
		for (uint64_t round = 0; round < 3; round++) {
			queue_numbers(e.tx, round, capacity);
			expect_full(&e, capacity);
			expect_numbers(e.rx, round, capacity);
		}
		ends_drop(&e);
	}
}

static void length_counts_each_message(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t room = kind_room(k);

	for (size_t i = 0; i < room; i++) {
		must_eq(chan_len(e.c), i);
		must_eq(chan_receiver_len(e.rx), i);
		must_eq(chan_is_empty(e.c), i == 0);
		must(!chan_is_full(e.c));
		queue_numbers(e.tx, i, 1);
	}
	must_eq(chan_is_full(e.c), !kind_is_unbounded(k));
	for (size_t i = 0; i < room; i++) {
		must_eq(chan_len(e.c), room - i);
		must_eq(chan_receiver_len(e.rx), room - i);
		must(!chan_is_empty(e.c));
		expect_numbers(e.rx, i, 1);
		must(!chan_is_full(e.c));
	}
	must(chan_is_empty(e.c) && chan_len(e.c) == 0 && chan_receiver_len(e.rx) == 0);
	ends_drop(&e);
}

static void an_empty_channel_says_so(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number = 77;

	must_give(EAGAIN, chan_try_recv(e.rx, &number));
	must_give(ETIMEDOUT, chan_recv_timeout(e.rx, &number, 0));
	must_give(EAGAIN, chan_try_recv(e.rx, NULL));
	must_eq(number, 77);
	ends_drop(&e);
}

/* Numbers of a sender: its index above, a count below. */
static const uint64_t sender_step = UINT64_C(1) << 32;

struct eater {
	chan_receiver_t *rx;
	uint64_t last[4]; /* the last number seen of each sender, plus one */
	size_t taken;
	uint64_t sum;
	struct worker worker;
};

static void eat(void *arg)
{
	struct eater *eater = arg;
	uint64_t number;
	int error;

	while ((error = chan_recv(eater->rx, &number)) == 0) {
		uint64_t sender = number / sender_step, count = number % sender_step;

		must(sender < 4);
		must(count + 1 > eater->last[sender]);
		eater->last[sender] = count + 1;
		eater->sum += count;
		eater->taken++;
	}
	must_eq(error, EPIPE);
}

static void run_crowd(const struct kind *k, size_t senders, size_t receivers)
{
	struct ends e = kind_open(k, 8);
	struct feeder feeders[3];
	struct eater eaters[3] = { { .rx = e.rx }, { .rx = e.rx }, { .rx = e.rx } };
	size_t n = test_scaled(3000), taken = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < receivers; i++)
		worker_start(&eaters[i].worker, eat, &eaters[i]);
	for (size_t i = 0; i < senders; i++)
		feeder_start(&feeders[i], e.tx, i * sender_step, n);
	for (size_t i = 0; i < senders; i++)
		feeder_join(&feeders[i]);
	chan_sender_drop(e.tx);
	for (size_t i = 0; i < receivers; i++) {
		worker_join(&eaters[i].worker);
		taken += eaters[i].taken;
		sum += eaters[i].sum;
	}
	must_eq(taken, senders * n);
	must_eq(sum, senders * sum_of_numbers(0, n));
	chan_receiver_drop(e.rx);
}

static void each_of_three_senders_keeps_its_order(const struct kind *k)
{
	run_crowd(k, 3, 1);
}

static void three_receivers_share_one_sender_in_order(const struct kind *k)
{
	run_crowd(k, 1, 3);
}

static void three_senders_and_receivers_lose_nothing(const struct kind *k)
{
	run_crowd(k, 3, 3);
}

/* The same handle serves several threads: the crowds above share one; here
 * each thread has a clone. */
static void clones_serve_the_same_channel(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_sender_t *tx = chan_sender_clone(e.tx);
	chan_receiver_t *rx = chan_receiver_clone(e.rx);
	struct call call = call_send(tx, CALL_PLAIN, 5);
	uint64_t number = 0;

	must(chan_sender_channel(tx) == e.c && chan_receiver_channel(rx) == e.c);
	call_start(&call);
	must_give(0, chan_recv(e.rx, &number));
	call_finish(&call);
	must(call.result == 0 && number == 5);
	call = call_recv(rx, CALL_PLAIN);
	call_start(&call);
	must_give(0, chan_send(e.tx, &number));
	call_finish(&call);
	must(call.result == 0 && call.value == 5);
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
	ends_drop(&e);
}

static void any_spin_setting_serves(const struct kind *k)
{
	static const uint64_t spins[] = { 0, 1, CHAN_USEC, 100 * CHAN_MSEC };

	for (size_t i = 0; i < COUNT_OF(spins); i++) {
		struct feeder f;
		struct ends e;
		chan_attr_t attr;

		kind_attr(k, &attr);
		must_give(0, chan_attr_setspin(&attr, spins[i]));
		e = attr_open(&attr, 8);
		feeder_start(&f, e.tx, 0, 100);
		for (uint64_t j = 0; j < 100; j++) {
			uint64_t number = 0;

			must_give(0, chan_recv(e.rx, &number));
			must_eq(number, j);
		}
		feeder_join(&f);
		ends_drop(&e);
	}
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(one_sender_is_received_in_order, NEEDS_NOTHING),
	BEHAVIOUR(what_is_queued_leaves_in_order, NEEDS_QUEUE),
	BEHAVIOUR(a_queue_kept_half_full_stays_in_order, NEEDS_QUEUE),
	BEHAVIOUR(capacity_is_exact, NEEDS_LIMIT),
	BEHAVIOUR(every_small_capacity_is_exact, NEEDS_LIMIT),
	BEHAVIOUR(length_counts_each_message, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(an_empty_channel_says_so, FITS_ONE_MESSAGE),
	BEHAVIOUR(each_of_three_senders_keeps_its_order, NEEDS_SENDERS),
	BEHAVIOUR(three_receivers_share_one_sender_in_order, NEEDS_RECEIVERS),
	BEHAVIOUR(three_senders_and_receivers_lose_nothing, NEEDS_SENDERS | NEEDS_RECEIVERS),
	BEHAVIOUR(clones_serve_the_same_channel, NEEDS_NOTHING),
	BEHAVIOUR(any_spin_setting_serves, NEEDS_NOTHING),
};

const struct theme common_queue = { behaviours, COUNT_OF(behaviours) };
