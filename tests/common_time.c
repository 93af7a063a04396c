/*
 * common_time.c - deadlines: past, far, malformed; and what comes before them
 */
#include <limits.h>

#include "common.h"

static void make_full(const struct kind *k, const struct ends *e)
{
	queue_numbers(e->tx, 0, k->capacity);
}

static void a_past_deadline_times_out(const struct kind *k)
{
	static const struct timespec past[] = { { 0, 0 }, { -1, 0 }, { -1, 999999999 }, { 0, 1 } };
	struct ends e = kind_open(k, 8);
	uint64_t number = 77;

	for (size_t i = 0; i < COUNT_OF(past); i++)
		must_give(ETIMEDOUT, chan_recv_deadline(e.rx, &number, &past[i]));
	must_give(ETIMEDOUT, chan_recv_deadline(e.rx, &number, &(struct timespec){ INT64_MIN, 0 }));
	must_give(ETIMEDOUT, chan_recv_timeout(e.rx, &number, 0));
	must_eq(number, 77);
	ends_drop(&e);
}

static void a_past_deadline_times_out_a_send(const struct kind *k)
{
	static const struct timespec past[] = { { 0, 0 }, { -1, 0 }, { -1, 999999999 }, { 0, 1 } };
	struct ends e = kind_open(k, 8);
	uint64_t number = 77;

	make_full(k, &e);
	for (size_t i = 0; i < COUNT_OF(past); i++)
		must_give(ETIMEDOUT, chan_send_deadline(e.tx, &number, &past[i]));
	must_give(ETIMEDOUT, chan_send_timeout(e.tx, &number, 0));
	must_eq(chan_len(e.c), k->capacity);
	expect_numbers(e.rx, 0, k->capacity);
	must_give(EAGAIN, chan_try_recv(e.rx, &number));
	ends_drop(&e);
}

/* Data first: a time already past still tries once. */
static void a_past_deadline_still_tries_once(const struct kind *k)
{
	struct timespec past = { -1, 0 };
	struct ends e = kind_open(k, 8);
	uint64_t number = 5;

	must_give(0, chan_send_deadline(e.tx, &number, &past));
	number = 0;
	must_give(0, chan_recv_deadline(e.rx, &number, &past));
	must_eq(number, 5);
	must_give(0, chan_send_timeout(e.tx, &number, 0));
	number = 0;
	must_give(0, chan_recv_timeout(e.rx, &number, 0));
	must_eq(number, 5);
	ends_drop(&e);
}

/* Message before EPIPE before ETIMEDOUT. */
static void a_message_comes_before_the_end_and_the_end_before_the_time(const struct kind *k)
{
	struct timespec past = { -1, 0 };
	struct ends e = kind_open(k, 8);
	uint64_t number = 77;

	queue_numbers(e.tx, 0, 1);
	chan_close(e.c);
	must_give(EPIPE, chan_send_deadline(e.tx, &number, &past));
	must_give(EPIPE, chan_send_timeout(e.tx, &number, 0));
	must_give(0, chan_recv_deadline(e.rx, &number, &past));
	must_eq(number, 0);
	must_give(EPIPE, chan_recv_deadline(e.rx, &number, &past));
	must_give(EPIPE, chan_recv_timeout(e.rx, &number, 0));
	ends_drop(&e);
}

static const uint64_t short_times[] = {
	1, CHAN_USEC, 37 * CHAN_USEC, 100 * CHAN_USEC, CHAN_MSEC, 3 * CHAN_MSEC, 7 * CHAN_MSEC
};

static uint64_t in_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * CHAN_SEC + (uint64_t)t->tv_nsec;
}

static void receive_late_enough(const struct ends *e, uint64_t timeout)
{
	uint64_t began = now_ns(), number;
	struct timespec deadline;

	must_give(ETIMEDOUT, chan_recv_timeout(e->rx, &number, timeout));
	must(now_ns() >= began + timeout);
	chan_deadline(timeout, &deadline);
	must_give(ETIMEDOUT, chan_recv_deadline(e->rx, &number, &deadline));
	must(now_ns() >= in_ns(&deadline));
}

static void send_late_enough(const struct ends *e, uint64_t timeout)
{
	uint64_t began = now_ns(), number = 7;
	struct timespec deadline;

	must_give(ETIMEDOUT, chan_send_timeout(e->tx, &number, timeout));
	must(now_ns() >= began + timeout);
	chan_deadline(timeout, &deadline);
	must_give(ETIMEDOUT, chan_send_deadline(e->tx, &number, &deadline));
	must(now_ns() >= in_ns(&deadline));
}

static void a_receive_never_times_out_early(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	for (size_t rounds = kind_rounds(k, 5); rounds > 0; rounds--)
		for (size_t i = 0; i < COUNT_OF(short_times); i++)
			receive_late_enough(&e, short_times[i]);
	ends_drop(&e);
}

static void a_send_never_times_out_early(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	make_full(k, &e);
	for (size_t rounds = kind_rounds(k, 5); rounds > 0; rounds--)
		for (size_t i = 0; i < COUNT_OF(short_times); i++)
			send_late_enough(&e, short_times[i]);
	ends_drop(&e);
}

/* Past what the clock or 64 bits can hold means for ever. */
static const uint64_t huge_times[] = {
	CHAN_FOREVER, CHAN_FOREVER - 1, UINT64_C(1) << 63, (UINT64_C(1) << 63) - 1, UINT64_C(1) << 62
};

static void a_huge_timeout_waits(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	for (size_t i = 0; i < COUNT_OF(huge_times); i++) {
		struct call call = call_recv(e.rx, i % 2 ? CALL_DEADLINE : CALL_TIMEOUT);
		uint64_t number = i;

		call.timeout_ns = huge_times[i];
		call_start_asleep(&call);
		must_give(0, chan_send(e.tx, &number));
		call_finish(&call);
		must(call.result == 0 && call.value == i);
	}
	ends_drop(&e);
}

static void a_huge_timeout_of_a_send_waits(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	make_full(k, &e);
	for (size_t i = 0; i < COUNT_OF(huge_times); i++) {
		struct call call = call_send(e.tx, i % 2 ? CALL_DEADLINE : CALL_TIMEOUT, k->capacity + i);
		uint64_t number = UINT64_MAX;

		call.timeout_ns = huge_times[i];
		call_start_asleep(&call);
		must_give(0, chan_recv(e.rx, &number));
		must_eq(number, i);
		call_finish(&call);
		must_eq(call.result, 0);
	}
	ends_drop(&e);
}

struct far {
	chan_receiver_t *rx;
	struct timespec deadline;
	int result;
	struct worker worker;
};

static void receive_until_far(void *arg)
{
	struct far *far = arg;
	uint64_t number;

	far->result = chan_recv_deadline(far->rx, &number, &far->deadline);
}

static void the_farthest_deadline_waits(const struct kind *k)
{
	static const struct timespec ends_of_time[] = {
		{ INT64_MAX, 999999999 }, { INT64_MAX, 0 }, { INT64_MAX / 2, 5 }, { INT64_C(1) << 34, 0 }
	};
	struct ends e = kind_open(k, 8);

	for (size_t i = 0; i < COUNT_OF(ends_of_time); i++) {
		struct far far = { .rx = e.rx, .deadline = ends_of_time[i] };
		uint64_t number = i;

		worker_start(&far.worker, receive_until_far, &far);
		worker_wait_asleep(&far.worker);
		must_give(0, chan_send(e.tx, &number));
		worker_join(&far.worker);
		must_eq(far.result, 0);
	}
	ends_drop(&e);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(a_past_deadline_times_out, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_past_deadline_times_out_a_send, NEEDS_FULL),
	BEHAVIOUR(a_past_deadline_still_tries_once, NEEDS_QUEUE),
	BEHAVIOUR(a_message_comes_before_the_end_and_the_end_before_the_time, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receive_never_times_out_early, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_send_never_times_out_early, NEEDS_FULL),
	BEHAVIOUR(a_huge_timeout_waits, NEEDS_NOTHING),
	BEHAVIOUR(a_huge_timeout_of_a_send_waits, NEEDS_FULL),
	BEHAVIOUR(the_farthest_deadline_waits, NEEDS_NOTHING),
};

const struct theme common_time = { behaviours, COUNT_OF(behaviours) };
