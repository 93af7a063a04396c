/*
 * common_overwrite.c - chan_force_send and drop-oldest
 */
#include "common.h"

static void force_send_displaces_nothing_while_there_is_space(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t room = kind_room(k);

	for (uint64_t i = 0; i < room; i++) {
		uint64_t number = i, other = 77;
		bool displaced = true;

		must_give(0, chan_force_send(e.tx, &number, &other, &displaced));
		must(!displaced && other == 77 && number == i);
	}
	must_eq(chan_len(e.c), room);
	expect_numbers(e.rx, 0, room);
	ends_drop(&e);
}

static void force_send_hands_back_the_oldest(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);

	queue_numbers(e.tx, 0, k->capacity);
	for (uint64_t i = 0; i < 3 * k->capacity; i++) {
		uint64_t number = k->capacity + i, other = UINT64_MAX;
		bool displaced = false;

		must_give(0, chan_force_send(e.tx, &number, &other, &displaced));
		must(displaced);
		must_eq(other, i);
		must_eq(number, k->capacity + i);
		must_eq(chan_len(e.c), k->capacity);
	}
	expect_numbers(e.rx, 3 * k->capacity, k->capacity);
	ends_drop(&e);
	must_eq(d.count, 0);
}

static void force_send_may_exchange_in_place(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number = k->capacity;
	bool displaced = false;

	queue_numbers(e.tx, 0, k->capacity);
	must_give(0, chan_force_send(e.tx, &number, &number, &displaced));
	must(displaced && number == 0);
	expect_numbers(e.rx, 1, k->capacity);
	ends_drop(&e);
}

static void force_send_destroys_what_has_nowhere_to_go(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	uint64_t number = 100;
	bool displaced = false;

	queue_numbers(e.tx, 5, k->capacity);
	must_give(0, chan_force_send(e.tx, &number, NULL, &displaced));
	must(displaced && d.count == 1 && d.sum == 5);
	must_give(0, chan_force_send(e.tx, &number, NULL, NULL));
	must_eq(d.count, 2);
	must_eq(chan_len(e.c), k->capacity);
	ends_drop(&e);
	must_eq(d.count, k->capacity + 2);
}

static void force_send_wakes_a_receiver(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call call = call_recv(e.rx, CALL_PLAIN);
	uint64_t number = 6, other = 77;
	bool displaced = true;

	call_start_asleep(&call);
	wait_for(chan_force_send(e.tx, &number, &other, &displaced) == 0);
	must(!displaced && other == 77);
	call_finish(&call);
	must(call.result == 0 && call.value == 6);
	ends_drop(&e);
}

static void force_send_meets_nobody_on_a_rendezvous(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number = 6, other = 77;
	bool displaced = true;

	must_give(EAGAIN, chan_force_send(e.tx, &number, &other, &displaced));
	must_give(EAGAIN, chan_force_send(e.tx, &number, NULL, NULL));
	must(displaced && other == 77 && number == 6);
	ends_drop(&e);
}

/* ------------------------------------------------------------- drop-oldest */

static struct ends open_dropping(const struct kind *k, struct destroyed *d)
{
	chan_attr_t attr;

	atomic_init(&d->count, 0);
	atomic_init(&d->sum, 0);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST));
	must_give(0, chan_attr_setdestructor(&attr, count_destroyed, d));
	return attr_open(&attr, 8);
}

static void drop_oldest_keeps_the_newest(const struct kind *k)
{
	struct destroyed d;
	struct ends e = open_dropping(k, &d);
	size_t extra = 2 * k->capacity + 1;
	uint64_t number;

	queue_numbers(e.tx, 0, k->capacity);
	must(chan_lost(e.c) == 0 && d.count == 0);
	for (uint64_t i = 0; i < extra; i++) {
		number = k->capacity + i;
		if (i % 2)
			must_give(0, chan_send(e.tx, &number));
		else
			must_give(0, chan_try_send(e.tx, &number));
		must_eq(chan_lost(e.c), i + 1);
		must_eq(chan_len(e.c), k->capacity);
	}
	must(d.count == extra && d.sum == sum_of_numbers(0, extra));
	expect_numbers(e.rx, extra, k->capacity);
	must_give(EAGAIN, chan_try_recv(e.rx, &number));
	must_eq(chan_receiver_lost(e.rx), extra); /* the receivers of a channel share its losses */
	ends_drop(&e);
	must_eq(d.count, extra);
}

static void drop_oldest_never_makes_a_send_wait(const struct kind *k)
{
	struct destroyed d;
	struct ends e = open_dropping(k, &d);
	struct timespec past = { -1, 0 };
	uint64_t number = 1;

	queue_numbers(e.tx, 0, k->capacity);
	must_give(0, chan_send_timeout(e.tx, &number, 0));
	must_give(0, chan_send_timeout(e.tx, &number, CHAN_FOREVER));
	must_give(0, chan_send_deadline(e.tx, &number, &past));
	must_give(0, chan_send_deadline(e.tx, &number, NULL));
	must_eq(chan_lost(e.c), 4);
	chan_close(e.c);
	must_give(EPIPE, chan_send(e.tx, &number));
	must_eq(chan_lost(e.c), 4);
	ends_drop(&e);
	must_eq(d.count, k->capacity + 4);
}

static void drop_oldest_lets_a_whole_batch_in(const struct kind *k)
{
	enum { N = 200 };
	struct destroyed d;
	struct ends e = open_dropping(k, &d);
	uint64_t numbers[N];
	size_t count = 0;

	for (size_t i = 0; i < N; i++)
		numbers[i] = i;
	must_give(0, chan_send_many(e.tx, numbers, N / 2, &count));
	must_eq(count, N / 2);
	must_give(0, chan_try_send_many(e.tx, numbers + N / 2, N / 2, &count));
	must_eq(count, N / 2);
	must_eq(chan_lost(e.c), N - k->capacity);
	must(d.count == N - k->capacity && d.sum == sum_of_numbers(0, N - k->capacity));
	expect_numbers(e.rx, N - k->capacity, k->capacity);
	ends_drop(&e);
}

static void drop_oldest_works_without_a_destructor(const struct kind *k)
{
	chan_attr_t attr;
	struct ends e;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST));
	e = attr_open(&attr, 8);
	queue_numbers(e.tx, 0, k->capacity + 3);
	must_eq(chan_lost(e.c), 3);
	expect_numbers(e.rx, 3, k->capacity);
	ends_drop(&e);
}

/* What a destructor finds that moves messages on the channel it is called by. */
struct busy {
	struct ends e;
	uint64_t later; /* the message it sends */
	size_t received;
	bool sent, done;
};

static void receive_all_and_send(void *msg, void *arg)
{
	struct busy *busy = arg;
	uint64_t number;

	(void)msg;
	if (busy->done)
		return;
	busy->done = true;
	while (chan_try_recv(busy->e.rx, &number) == 0)
		must_eq(number, ++busy->received);
	busy->sent = chan_try_send(busy->e.tx, &busy->later) == 0;
}

/* The destructor runs in the middle of the send that displaces: what is sent by then
 * comes after it, however long the destructor takes. */
static void displace_beside_others(const struct kind *k, chan_overflow_t overflow,
                                   int (*send)(chan_sender_t *tx, const void *msg))
{
	struct busy busy = { .later = k->capacity + 1 };
	uint64_t number = k->capacity;
	chan_attr_t attr;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setoverflow(&attr, overflow));
	must_give(0, chan_attr_setdestructor(&attr, receive_all_and_send, &busy));
	busy.e = attr_open(&attr, 8);
	queue_numbers(busy.e.tx, 0, k->capacity);
	must_give(0, send(busy.e.tx, &number));
	must(busy.done && busy.received == k->capacity - 1);
	must_eq(busy.sent, k->capacity > 1); /* or there is no other place */
	expect_numbers(busy.e.rx, k->capacity, 1 + busy.sent);
	must_give(EAGAIN, chan_try_recv(busy.e.rx, &number));
	ends_drop(&busy.e);
}

static int force(chan_sender_t *tx, const void *msg)
{
	return chan_force_send(tx, msg, NULL, NULL);
}

static void drop_oldest_keeps_the_place_of_the_send(const struct kind *k)
{
	displace_beside_others(k, CHAN_OVERFLOW_DROP_OLDEST, chan_try_send);
	displace_beside_others(k, CHAN_OVERFLOW_DROP_OLDEST, chan_send);
}

static void force_send_keeps_its_place(const struct kind *k)
{
	displace_beside_others(k, CHAN_OVERFLOW_WAIT, force);
}

struct flood {
	chan_sender_t *tx;
	uint64_t first;
	size_t n;
	struct worker worker;
};

static void flood(void *arg)
{
	struct flood *f = arg;

	for (size_t i = 0; i < f->n; i++) {
		uint64_t number = f->first + i;

		must_give(0, chan_send(f->tx, &number));
	}
}

/* Received, displaced and left over add up, while senders and receiver run. */
static void drop_oldest_loses_no_count(const struct kind *k)
{
	struct destroyed d;
	struct ends e = open_dropping(k, &d);
	size_t n = test_scaled(20000), received = 0;
	uint64_t number, sum = 0, last[2] = { 0, 0 };
	struct flood floods[2] = {
		{ .tx = e.tx, .first = 1, .n = n },
		{ .tx = chan_sender_clone(e.tx), .first = UINT64_C(1) << 32, .n = n }
	};
	size_t running = 2;

	for (size_t i = 0; i < 2; i++)
		worker_start(&floods[i].worker, flood, &floods[i]);
	while (running > 0 || !chan_is_empty(e.c)) {
		running = 0;
		for (size_t i = 0; i < 2; i++)
			running += !atomic_load(&floods[i].worker.ended);
		if (chan_try_recv(e.rx, &number) != 0)
			continue;
		must(number > last[number >> 32]);
		last[number >> 32] = number;
		sum += number;
		received++;
	}
	for (size_t i = 0; i < 2; i++)
		worker_join(&floods[i].worker);
	must_eq(received + d.count, 2 * n);
	must_eq(chan_lost(e.c), d.count);
	must_eq(sum + d.sum, sum_of_numbers(1, n) + sum_of_numbers(UINT64_C(1) << 32, n));
	chan_sender_drop(floods[1].tx);
	ends_drop(&e);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(force_send_displaces_nothing_while_there_is_space, NEEDS_QUEUE | NEEDS_RECEIVERS | FITS_ONE_MESSAGE | NEEDS_FORCE),
	BEHAVIOUR(force_send_hands_back_the_oldest, NEEDS_LIMIT | NEEDS_RECEIVERS | NEEDS_FORCE),
	BEHAVIOUR(force_send_may_exchange_in_place, NEEDS_LIMIT | NEEDS_RECEIVERS | NEEDS_FORCE),
	BEHAVIOUR(force_send_destroys_what_has_nowhere_to_go, NEEDS_LIMIT | NEEDS_RECEIVERS | NEEDS_FORCE),
	BEHAVIOUR(force_send_wakes_a_receiver, NEEDS_RECEIVERS | FITS_ONE_MESSAGE | NEEDS_FORCE),
	BEHAVIOUR(force_send_meets_nobody_on_a_rendezvous, NEEDS_RENDEZVOUS | NEEDS_RECEIVERS),
	BEHAVIOUR(drop_oldest_keeps_the_newest, NEEDS_OVERWRITE),
	BEHAVIOUR(drop_oldest_never_makes_a_send_wait, NEEDS_OVERWRITE),
	BEHAVIOUR(drop_oldest_lets_a_whole_batch_in, NEEDS_OVERWRITE),
	BEHAVIOUR(drop_oldest_works_without_a_destructor, NEEDS_OVERWRITE),
	BEHAVIOUR(drop_oldest_keeps_the_place_of_the_send, NEEDS_OVERWRITE | NEEDS_SENDERS),
	BEHAVIOUR(force_send_keeps_its_place, NEEDS_LIMIT | NEEDS_SENDERS | NEEDS_RECEIVERS | NEEDS_FORCE | NEEDS_DESTRUCTOR),
	BEHAVIOUR(drop_oldest_loses_no_count, NEEDS_OVERWRITE | NEEDS_SENDERS),
};

const struct theme common_overwrite = { behaviours, COUNT_OF(behaviours) };
