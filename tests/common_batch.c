/*
 * common_batch.c - many messages in one call
 */
#include <string.h>

#include "common.h"

enum { MOST = 300 };

static void number_from(uint64_t *numbers, uint64_t first, size_t n)
{
	for (size_t i = 0; i < n; i++)
		numbers[i] = first + i;
}

static void expect_from(const uint64_t *numbers, uint64_t first, size_t n)
{
	for (size_t i = 0; i < n; i++)
		must_eq(numbers[i], first + i);
}

struct batch {
	chan_sender_t *tx;
	uint64_t numbers[MOST];
	size_t n, count;
	int result;
	struct worker worker;
};

static void send_batch(void *arg)
{
	struct batch *b = arg;

	errno = TEST_ERRNO;
	b->result = chan_send_many(b->tx, b->numbers, b->n, &b->count);
	test_errno(__FILE__, __LINE__, "chan_send_many");
}

static void batch_start(struct batch *b, chan_sender_t *tx, uint64_t first, size_t n)
{
	b->tx = tx;
	b->n = n;
	b->count = SIZE_MAX;
	number_from(b->numbers, first, n);
	worker_start(&b->worker, send_batch, b);
}

/* Waits for space as often as needed; one by one or in batches on the other side. */
static void a_batch_waits_until_all_are_in(const struct kind *k)
{
	static const size_t takes[] = { 1, 2, 7, MOST };

	for (size_t i = 0; i < COUNT_OF(takes); i++) {
		struct ends e = kind_open(k, 8);
		uint64_t numbers[MOST];
		size_t got = 0, count;
		struct batch b;

		batch_start(&b, e.tx, 10, MOST);
		while (got < MOST) {
			count = SIZE_MAX;
			must_give(0, chan_recv_many(e.rx, numbers, takes[i], &count));
			must(count >= 1 && count <= takes[i] && got + count <= MOST);
			expect_from(numbers, 10 + got, count);
			got += count;
		}
		worker_join(&b.worker);
		must(b.result == 0 && b.count == MOST);
		expect_from(b.numbers, 10, MOST);
		ends_drop(&e);
	}
}

static void a_try_batch_takes_what_fits(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t numbers[MOST];
	size_t count = 77;

	number_from(numbers, 0, MOST);
	must_give(0, chan_try_send_many(e.tx, numbers, k->capacity + 5, &count));
	must_eq(count, k->capacity);
	count = 77;
	must_give(EAGAIN, chan_try_send_many(e.tx, numbers, 3, &count));
	must_eq(count, 0);
	expect_numbers(e.rx, 0, 1);
	must_give(0, chan_try_send_many(e.tx, numbers + k->capacity, 2, &count));
	must_eq(count, 1);
	expect_from(numbers, 0, MOST);
	expect_numbers(e.rx, 1, k->capacity);
	ends_drop(&e);
}

static void a_batch_takes_what_is_there(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t numbers[MOST];
	size_t room = kind_room(k), count;

	for (size_t queued = 1; queued <= room; queued = next_level(queued, room)) {
		queue_numbers(e.tx, 0, queued);
		memset(numbers, 0xee, sizeof(numbers));
		if (queued % 2)
			must_give(0, chan_recv_many(e.rx, numbers, MOST, &count));
		else
			must_give(0, chan_try_recv_many(e.rx, numbers, MOST, &count));
		must_eq(count, queued);
		expect_from(numbers, 0, queued);
		must(numbers[queued] == UINT64_C(0xeeeeeeeeeeeeeeee));
		must_give(EAGAIN, chan_try_recv_many(e.rx, numbers, MOST, &count));
		must_eq(count, 0);
	}
	ends_drop(&e);
}

static void a_batch_takes_no_more_than_asked(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t numbers[2];
	size_t room = kind_room(k), count = 77;

	queue_numbers(e.tx, 0, room);
	for (size_t i = 0; i + 2 <= room; i += 2) {
		must_give(0, chan_try_recv_many(e.rx, numbers, 2, &count));
		must_eq(count, 2);
		expect_from(numbers, i, 2);
	}
	must_eq(chan_len(e.c), room % 2);
	ends_drop(&e);
}

/* Sizes and offsets that meet every block boundary and ring end. */
static void batches_of_every_size_stay_in_order(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t numbers[MOST], sent = 0, received = 0;
	size_t count;

	for (size_t n = 1; n < 140; n++) {
		number_from(numbers, sent, n);
		must_give(0, chan_try_send_many(e.tx, numbers, n, &count));
		must(count >= 1 && count <= n);
		sent += count;
		while (received < sent) {
			must_give(0, chan_try_recv_many(e.rx, numbers, n / 2 + 1, &count));
			expect_from(numbers, received, count);
			received += count;
		}
		must_eq(received, sent);
		must(chan_is_empty(e.c));
	}
	ends_drop(&e);
}

/* The messages that are in stay in, the tail is the caller's. */
static void close_cuts_a_waiting_batch(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number;
	struct batch b;

	batch_start(&b, e.tx, 0, k->capacity + 10);
	worker_wait_asleep(&b.worker);
	chan_close(e.c);
	worker_join(&b.worker);
	must_eq(b.result, EPIPE);
	must_eq(b.count, k->capacity);
	expect_from(b.numbers, 0, b.n);
	expect_numbers(e.rx, 0, k->capacity);
	must_give(EPIPE, chan_try_recv(e.rx, &number));
	ends_drop(&e);
}

static void the_last_receiver_cuts_a_waiting_batch(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	struct batch b;

	batch_start(&b, e.tx, 0, k->capacity + 10);
	worker_wait_asleep(&b.worker);
	chan_receiver_drop(e.rx);
	worker_join(&b.worker);
	must_eq(b.result, EPIPE);
	must_eq(b.count, k->capacity);
	must(d.count == k->capacity && d.sum == sum_of_numbers(0, k->capacity));
	expect_from(b.numbers, 0, b.n);
	chan_sender_drop(e.tx);
}

/* What is left when the sender goes comes as a batch, then EPIPE. */
static void a_batch_drains_before_the_end(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t numbers[MOST];
	size_t room = kind_room(k), count = 77;

	queue_numbers(e.tx, 0, room);
	chan_sender_drop(e.tx);
	must_give(0, chan_recv_many(e.rx, numbers, MOST, &count));
	must_eq(count, room);
	expect_from(numbers, 0, room);
	must_give(EPIPE, chan_recv_many(e.rx, numbers, MOST, &count));
	must_eq(count, 0);
	chan_receiver_drop(e.rx);
}

static void a_batch_received_into_nothing_is_destroyed(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	size_t room = kind_room(k), count = 77;

	queue_numbers(e.tx, 1, room);
	must_give(0, chan_try_recv_many(e.rx, NULL, room, &count));
	must_eq(count, room);
	must(d.count == room && d.sum == sum_of_numbers(1, room));
	ends_drop(&e);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(a_batch_waits_until_all_are_in, NEEDS_NOTHING),
	BEHAVIOUR(a_try_batch_takes_what_fits, NEEDS_LIMIT),
	BEHAVIOUR(a_batch_takes_what_is_there, NEEDS_QUEUE),
	BEHAVIOUR(a_batch_takes_no_more_than_asked, NEEDS_QUEUE),
	BEHAVIOUR(batches_of_every_size_stay_in_order, NEEDS_QUEUE),
	BEHAVIOUR(close_cuts_a_waiting_batch, NEEDS_FULL),
	BEHAVIOUR(the_last_receiver_cuts_a_waiting_batch, NEEDS_FULL | NEEDS_DESTRUCTOR),
	BEHAVIOUR(a_batch_drains_before_the_end, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_batch_received_into_nothing_is_destroyed, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
};

const struct theme common_batch = { behaviours, COUNT_OF(behaviours) };
