/*
 * test_unbounded.c - channels without a limit: blocks come and go, and nobody
 * notices where one ends
 */
#include "support/support.h"

/* Far enough to meet several block boundaries, whatever the block. */
enum { FAR = 300 };

static struct ends open_counted(const struct kind *k, struct counting *counting, struct destroyed *d)
{
	chan_allocator_t table;
	chan_attr_t attr;

	counting_init(counting);
	table = counting_allocator(counting);
	atomic_init(&d->count, 0);
	atomic_init(&d->sum, 0);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	must_give(0, chan_attr_setdestructor(&attr, count_destroyed, d));
	return attr_open(&attr, 8);
}

static void a_send_never_waits(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t n = test_scaled(100000);

	for (uint64_t i = 0; i < n; i++) {
		must_give(0, chan_send(e.tx, &i));
		must(!chan_is_full(e.c));
	}
	must_eq(chan_len(e.c), n);
	expect_numbers(e.rx, 0, n);
	ends_drop(&e);
}

static void memory_comes_back_after_a_burst(const struct kind *k)
{
	struct counting counting;
	struct destroyed d;
	struct ends e = open_counted(k, &counting, &d);
	size_t before = counting_blocks(&counting), n = test_scaled(1000000);

	for (uint64_t i = 0; i < n; i++)
		must_eq(chan_try_send(e.tx, &i), 0);
	must(counting_blocks(&counting) > before + 1);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t number;

		must_eq(chan_try_recv(e.rx, &number), 0);
		must_eq(number, i);
	}
	must(chan_is_empty(e.c));
	must(counting_blocks(&counting) <= 2); /* the channel, and at most one block */
	ends_drop(&e);
	counting_must_balance(&counting);
}

static void memory_comes_back_after_a_burst_of_batches(const struct kind *k)
{
	enum { BATCH = 500 };
	struct counting counting;
	struct destroyed d;
	struct ends e = open_counted(k, &counting, &d);
	uint64_t numbers[BATCH] = { 0 };
	size_t n = test_scaled(200), count, got = 0;

	for (size_t i = 0; i < n; i++)
		must_give(0, chan_send_many(e.tx, numbers, BATCH, &count));
	while (got < n * BATCH) {
		must_give(0, chan_recv_many(e.rx, numbers, BATCH, &count));
		got += count;
	}
	must(chan_is_empty(e.c) && counting_blocks(&counting) <= 2);
	ends_drop(&e);
	counting_must_balance(&counting);
}

/* Drained channels are as small wherever in a block they stopped. */
static void a_drained_channel_is_small_at_every_offset(const struct kind *k)
{
	struct counting counting;
	struct destroyed d;
	struct ends e = open_counted(k, &counting, &d);

	for (uint64_t i = 0; i < FAR; i++) {
		queue_numbers(e.tx, i, 70);
		expect_numbers(e.rx, i, 70);
		must(counting_blocks(&counting) <= 2);
		queue_numbers(e.tx, i, 1);
		expect_numbers(e.rx, i, 1);
		must(counting_blocks(&counting) <= 2);
	}
	ends_drop(&e);
	counting_must_balance(&counting);
}

static void emptiness_is_right_at_every_block_boundary(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number;

	for (uint64_t i = 0; i < FAR; i++) {
		must(chan_is_empty(e.c) && chan_len(e.c) == 0 && chan_receiver_len(e.rx) == 0);
		must_give(EAGAIN, chan_try_recv(e.rx, &number));
		queue_numbers(e.tx, i, 1);
		must(!chan_is_empty(e.c) && chan_len(e.c) == 1 && chan_receiver_len(e.rx) == 1);
		expect_numbers(e.rx, i, 1);
	}
	ends_drop(&e);
}

static void length_is_right_across_every_block_boundary(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	for (size_t i = 0; i < FAR; i++) {
		must_eq(chan_len(e.c), i);
		must_eq(chan_is_empty(e.c), i == 0);
		queue_numbers(e.tx, i, 1);
	}
	for (size_t i = 0; i < FAR; i++) {
		must_eq(chan_len(e.c), FAR - i);
		must(!chan_is_empty(e.c));
		expect_numbers(e.rx, i, 1);
	}
	must(chan_is_empty(e.c));
	ends_drop(&e);
}

/* Offsets that stand just before, on and after a block's end, for block sizes
 * that are common, and others. */
static const size_t offsets[] = {
	0, 1, 2, 7, 14, 15, 16, 17, 29, 30, 31, 32, 33, 61, 62, 63, 64, 65, 93, 95, 96, 127, 128, 129, 255, 256
};

static void tear_down(const struct kind *k, size_t offset, size_t queued, bool sender_first)
{
	struct counting counting;
	struct destroyed d;
	struct ends e = open_counted(k, &counting, &d);

	queue_numbers(e.tx, 0, offset);
	expect_numbers(e.rx, 0, offset);
	queue_numbers(e.tx, offset, queued);
	if (sender_first) {
		chan_sender_drop(e.tx);
		e.tx = NULL;
	}
	chan_receiver_drop(e.rx);
	must(d.count == queued && d.sum == sum_of_numbers(offset, queued));
	chan_sender_drop(e.tx);
	must_eq(d.count, queued);
	counting_must_balance(&counting);
}

static void tear_down_is_right_at_every_block_boundary(const struct kind *k)
{
	for (size_t i = 0; i < COUNT_OF(offsets); i++)
		for (size_t j = 0; j < COUNT_OF(offsets); j++)
			tear_down(k, offsets[i], offsets[j], (i + j) % 2);
}

struct racer {
	chan_sender_t *tx;
	struct gate *gate;
	uint64_t number;
	size_t accepted;
	struct worker worker;
};

static void send_until_refused(void *arg)
{
	struct racer *r = arg;
	int error;

	gate_pass(r->gate);
	while ((error = chan_try_send(r->tx, &r->number)) == 0)
		r->accepted++;
	must_eq(error, EPIPE);
	chan_sender_drop(r->tx);
}

/* Sends race the last receiver's drop, from positions around block ends: every
 * accepted message is destroyed once and every block given back once. */
static void race_tear_down(const struct kind *k, size_t offset, size_t queued)
{
	struct counting counting;
	struct destroyed d;
	struct ends e = open_counted(k, &counting, &d);
	struct gate gate;
	struct racer racers[2] = {
		{ .tx = chan_sender_clone(e.tx), .gate = &gate, .number = 1 },
		{ .tx = e.tx, .gate = &gate, .number = 1 }
	};

	queue_numbers(e.tx, 0, offset);
	expect_numbers(e.rx, 0, offset);
	queue_numbers(e.tx, 0, queued);
	gate_init(&gate, 3);
	worker_start(&racers[0].worker, send_until_refused, &racers[0]);
	worker_start(&racers[1].worker, send_until_refused, &racers[1]);
	gate_pass(&gate);
	chan_receiver_drop(e.rx);
	worker_join(&racers[0].worker);
	worker_join(&racers[1].worker);
	must_eq(d.count, queued + racers[0].accepted + racers[1].accepted);
	must_eq(d.sum, sum_of_numbers(0, queued) + racers[0].accepted + racers[1].accepted);
	counting_must_balance(&counting);
}

static void sends_race_tear_down_at_block_boundaries(const struct kind *k)
{
	size_t rounds = test_scaled(20);

	for (size_t round = 0; round < rounds; round++)
		for (size_t i = 0; i < COUNT_OF(offsets); i++)
			race_tear_down(k, offsets[i], round % 3);
}

/* The end found by a receiver and the message that came just before it. */
static void the_last_message_is_seen_at_block_boundaries(const struct kind *k)
{
	for (size_t i = 0; i < COUNT_OF(offsets); i++) {
		struct ends e = kind_open(k, 8);
		uint64_t number;

		queue_numbers(e.tx, 0, offsets[i]);
		expect_numbers(e.rx, 0, offsets[i]);
		queue_numbers(e.tx, 5, 1);
		chan_sender_drop(e.tx);
		must(!chan_is_empty(chan_receiver_channel(e.rx)));
		expect_numbers(e.rx, 5, 1);
		must_give(EPIPE, chan_try_recv(e.rx, &number));
		chan_receiver_drop(e.rx);
	}
}

/* ------------------------------- what one receiver took out ahead still counts */

static void length_and_order_see_what_was_taken_ahead(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number;

	queue_numbers(e.tx, 0, 10);
	expect_numbers(e.rx, 0, 1);
	must(chan_len(e.c) == 9 && chan_receiver_len(e.rx) == 9);
	queue_numbers(e.tx, 10, 5);
	must(chan_len(e.c) == 14 && !chan_is_empty(e.c));
	for (uint64_t i = 1; i < 15; i++) {
		must_eq(chan_len(e.c), 15 - i);
		must(!chan_is_empty(e.c));
		expect_numbers(e.rx, i, 1);
	}
	must(chan_is_empty(e.c) && chan_len(e.c) == 0);
	must_give(EAGAIN, chan_try_recv(e.rx, &number));
	ends_drop(&e);
}

static void a_batch_spans_what_was_taken_ahead(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t numbers[32];
	size_t count, got = 0;

	queue_numbers(e.tx, 0, 10);
	expect_numbers(e.rx, 0, 1);
	queue_numbers(e.tx, 10, 5);
	must_give(0, chan_try_recv_many(e.rx, numbers, 32, &count));
	got = count;
	must_eq(got, 14);
	for (size_t i = 0; i < got; i++)
		must_eq(numbers[i], i + 1);
	must_give(EAGAIN, chan_try_recv_many(e.rx, numbers, 32, &count));
	ends_drop(&e);
}

static void a_receiver_that_stops_leaves_the_rest_to_the_others(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *other = chan_receiver_clone(e.rx);
	struct call call = call_recv(other, CALL_PLAIN);

	queue_numbers(e.tx, 0, 10);
	expect_numbers(e.rx, 0, 1);
	chan_receiver_drop(e.rx);
	must_eq(chan_len(e.c), 9);
	call_start(&call); /* in another thread */
	call_finish(&call);
	must(call.result == 0 && call.value == 1);
	expect_numbers(other, 2, 8);
	chan_sender_drop(e.tx);
	chan_receiver_drop(other);
}

static void the_last_drop_destroys_what_was_taken_ahead(const struct kind *k)
{
	struct counting counting;
	struct destroyed d;
	struct ends e = open_counted(k, &counting, &d);

	queue_numbers(e.tx, 0, 10);
	expect_numbers(e.rx, 0, 1);
	queue_numbers(e.tx, 10, 5);
	chan_receiver_drop(e.rx);
	must(d.count == 14 && d.sum == sum_of_numbers(1, 14));
	must(chan_len(e.c) == 0 && chan_is_empty(e.c));
	chan_sender_drop(e.tx);
	counting_must_balance(&counting);
}

static void close_leaves_what_was_taken_ahead(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number;

	queue_numbers(e.tx, 0, 10);
	expect_numbers(e.rx, 0, 1);
	queue_numbers(e.tx, 10, 5);
	chan_close(e.c);
	expect_numbers(e.rx, 1, 14);
	must_give(EPIPE, chan_try_recv(e.rx, &number));
	ends_drop(&e);
}

/* A sleeping receiver hears of messages that another took ahead and left. */
static void sleepers_hear_of_what_was_taken_ahead(const struct kind *k)
{
	enum { SLEEPERS = 3 };
	struct ends e = kind_open(k, 8);
	struct call calls[SLEEPERS];
	uint64_t numbers[SLEEPERS + 2] = { 1, 2, 3, 4, 5 }, sum = 0, number;
	size_t count;

	for (size_t i = 0; i < SLEEPERS; i++) {
		calls[i] = call_recv(e.rx, CALL_PLAIN);
		call_start_asleep(&calls[i]);
	}
	must_give(0, chan_send_many(e.tx, numbers, SLEEPERS + 2, &count));
	for (size_t i = 0; i < SLEEPERS; i++) {
		call_finish(&calls[i]);
		must_eq(calls[i].result, 0);
		sum += calls[i].value;
	}
	while (chan_try_recv(e.rx, &number) == 0)
		sum += number;
	must_eq(sum, 15);
	ends_drop(&e);
}

static void force_send_displaces_nothing(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);

	for (uint64_t i = 0; i < FAR; i++) {
		uint64_t number = i, other = 77;
		bool displaced = true;

		must_give(0, chan_force_send(e.tx, &number, &other, &displaced));
		must(!displaced && other == 77);
	}
	must(d.count == 0 && chan_lost(e.c) == 0);
	expect_numbers(e.rx, 0, FAR);
	ends_drop(&e);
}

/* Pairs of threads keep the queue short, so that senders and receivers meet
 * in the same block and at its end again and again. */
static void short_queues_cross_block_boundaries_together(const struct kind *k)
{
	struct counting counting;
	struct destroyed d;
	struct ends e = open_counted(k, &counting, &d);
	size_t n = test_scaled(40000), got = 0;
	struct feeder feeders[2];
	uint64_t sum = 0;

	feeder_start(&feeders[0], e.tx, 0, n);
	feeder_start(&feeders[1], e.tx, n, n);
	while (got < 2 * n) {
		uint64_t number;

		must_eq(chan_recv(e.rx, &number), 0);
		sum += number;
		got++;
	}
	feeder_join(&feeders[0]);
	feeder_join(&feeders[1]);
	must_eq(sum, sum_of_numbers(0, 2 * n));
	must(counting_blocks(&counting) <= 2);
	ends_drop(&e);
	counting_must_balance(&counting);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(a_send_never_waits, NEEDS_UNBOUNDED),
	BEHAVIOUR(memory_comes_back_after_a_burst, NEEDS_UNBOUNDED),
	BEHAVIOUR(memory_comes_back_after_a_burst_of_batches, NEEDS_UNBOUNDED),
	BEHAVIOUR(a_drained_channel_is_small_at_every_offset, NEEDS_UNBOUNDED),
	BEHAVIOUR(emptiness_is_right_at_every_block_boundary, NEEDS_UNBOUNDED),
	BEHAVIOUR(length_is_right_across_every_block_boundary, NEEDS_UNBOUNDED),
	BEHAVIOUR(tear_down_is_right_at_every_block_boundary, NEEDS_UNBOUNDED),
	BEHAVIOUR(sends_race_tear_down_at_block_boundaries, NEEDS_UNBOUNDED | NEEDS_SENDERS),
	BEHAVIOUR(the_last_message_is_seen_at_block_boundaries, NEEDS_UNBOUNDED),
	BEHAVIOUR(length_and_order_see_what_was_taken_ahead, NEEDS_UNBOUNDED),
	BEHAVIOUR(a_batch_spans_what_was_taken_ahead, NEEDS_UNBOUNDED),
	BEHAVIOUR(a_receiver_that_stops_leaves_the_rest_to_the_others, NEEDS_UNBOUNDED),
	BEHAVIOUR(the_last_drop_destroys_what_was_taken_ahead, NEEDS_UNBOUNDED),
	BEHAVIOUR(close_leaves_what_was_taken_ahead, NEEDS_UNBOUNDED),
	BEHAVIOUR(sleepers_hear_of_what_was_taken_ahead, NEEDS_UNBOUNDED | NEEDS_RECEIVERS),
	BEHAVIOUR(force_send_displaces_nothing, NEEDS_UNBOUNDED | NEEDS_RECEIVERS),
	BEHAVIOUR(short_queues_cross_block_boundaries_together, NEEDS_UNBOUNDED | NEEDS_SENDERS),
};

/* With and without promises: the receiving side differs. */
int main(void)
{
	static struct kind all[MAX_KINDS], kinds[MAX_KINDS];
	size_t n = kind_discover(all, CHAN_MANY, CHAN_MANY), chosen = 0;

	n += kind_discover(all + n, CHAN_SINGLE, CHAN_MANY);
	n += kind_discover(all + n, CHAN_MANY, CHAN_SINGLE);
	n += kind_discover(all + n, CHAN_SINGLE, CHAN_SINGLE);
	for (size_t i = 0; i < n; i++)
		if (kind_is_unbounded(&all[i]))
			kinds[chosen++] = all[i];
	return matrix_run("unbounded", behaviours, COUNT_OF(behaviours), kinds, chosen);
}
