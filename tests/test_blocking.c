/*
 * test_blocking.c - waiting threads: woken by everything that should wake
 * them, by nothing else, and asleep meanwhile
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/support.h"

static void make_full(const struct kind *k, const struct ends *e)
{
	queue_numbers(e->tx, 0, k->capacity);
}

/* ---------------------------------------------------------------- who wakes */

enum waker { BY_PARTNER, BY_TRY, BY_BATCH, BY_CLOSE, BY_DROP, WAKERS };

static void wake_receiver(enum waker by, struct ends *e)
{
	uint64_t number = 5;
	size_t count = 0;

	switch (by) {
	case BY_PARTNER:
		must_give(0, chan_send(e->tx, &number));
		break;
	case BY_TRY:
		wait_for(chan_try_send(e->tx, &number) == 0);
		break;
	case BY_BATCH:
		must_give(0, chan_send_many(e->tx, &number, 1, &count));
		break;
	case BY_CLOSE:
		must_keep_errno(chan_close(e->c));
		break;
	default:
		must_keep_errno(chan_sender_drop(e->tx));
		e->tx = NULL;
	}
}

static void a_receiver_is_woken_by(const struct kind *k, enum waker by)
{
	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct ends e = kind_open(k, 8);
		struct call call = call_recv(e.rx, form);
		bool fed = by == BY_PARTNER || by == BY_TRY || by == BY_BATCH;

		call.value = 77;
		call_start_asleep(&call);
		wake_receiver(by, &e);
		call_finish(&call);
		must_eq(call.result, fed ? 0 : EPIPE);
		must_eq(call.value, fed ? 5 : 77);
		ends_drop(&e);
	}
}

static void a_receiver_is_woken_by_send(const struct kind *k)     { a_receiver_is_woken_by(k, BY_PARTNER); }
static void a_receiver_is_woken_by_try_send(const struct kind *k) { a_receiver_is_woken_by(k, BY_TRY); }
static void a_receiver_is_woken_by_a_batch(const struct kind *k)  { a_receiver_is_woken_by(k, BY_BATCH); }
static void a_receiver_is_woken_by_close(const struct kind *k)    { a_receiver_is_woken_by(k, BY_CLOSE); }
static void a_receiver_is_woken_by_the_last_drop(const struct kind *k) { a_receiver_is_woken_by(k, BY_DROP); }

static void wake_sender(enum waker by, struct ends *e)
{
	uint64_t number = UINT64_MAX;
	size_t count = 0;

	switch (by) {
	case BY_PARTNER:
		must_give(0, chan_recv(e->rx, &number));
		break;
	case BY_TRY:
		wait_for(chan_try_recv(e->rx, &number) == 0);
		break;
	case BY_BATCH:
		must_give(0, chan_recv_many(e->rx, &number, 1, &count));
		break;
	case BY_CLOSE:
		must_keep_errno(chan_close(e->c));
		break;
	default:
		must_keep_errno(chan_receiver_drop(e->rx));
		e->rx = NULL;
	}
}

static void a_sender_is_woken_by(const struct kind *k, enum waker by)
{
	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct ends e = kind_open(k, 8);
		struct call call = call_send(e.tx, form, k->capacity);
		bool room = by == BY_PARTNER || by == BY_TRY || by == BY_BATCH;

		make_full(k, &e);
		call_start_asleep(&call);
		wake_sender(by, &e);
		call_finish(&call);
		must_eq(call.result, room ? 0 : EPIPE);
		must_eq(call.value, k->capacity);
		if (room)
			expect_numbers(e.rx, 1, k->capacity);
		else if (by == BY_CLOSE)
			expect_numbers(e.rx, 0, k->capacity);
		ends_drop(&e);
	}
}

static void a_sender_is_woken_by_recv(const struct kind *k)     { a_sender_is_woken_by(k, BY_PARTNER); }
static void a_sender_is_woken_by_try_recv(const struct kind *k) { a_sender_is_woken_by(k, BY_TRY); }
static void a_sender_is_woken_by_a_batch(const struct kind *k)  { a_sender_is_woken_by(k, BY_BATCH); }
static void a_sender_is_woken_by_close(const struct kind *k)    { a_sender_is_woken_by(k, BY_CLOSE); }
static void a_sender_is_woken_by_the_last_drop(const struct kind *k) { a_sender_is_woken_by(k, BY_DROP); }

static void a_sender_is_woken_by_a_receive_into_nothing(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	struct call call = call_send(e.tx, CALL_PLAIN, k->capacity);

	make_full(k, &e);
	call_start_asleep(&call);
	must_give(0, chan_recv(e.rx, NULL));
	must(d.count == 1 && d.sum == 0);
	call_finish(&call);
	must_eq(call.result, 0);
	expect_numbers(e.rx, 1, k->capacity);
	ends_drop(&e);
}

enum { CROWD = 4 };

static void close_wakes_every_receiver(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call calls[CROWD];

	for (size_t i = 0; i < CROWD; i++) {
		calls[i] = call_recv(e.rx, (enum call_form)i);
		call_start_asleep(&calls[i]);
	}
	chan_close(e.c);
	for (size_t i = 0; i < CROWD; i++) {
		call_finish(&calls[i]);
		must_eq(calls[i].result, EPIPE);
	}
	ends_drop(&e);
}

static void close_wakes_every_sender(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call calls[CROWD];

	make_full(k, &e);
	for (size_t i = 0; i < CROWD; i++) {
		calls[i] = call_send(e.tx, (enum call_form)i, 100 + i);
		call_start_asleep(&calls[i]);
	}
	chan_receiver_drop(e.rx);
	for (size_t i = 0; i < CROWD; i++) {
		call_finish(&calls[i]);
		must(calls[i].result == EPIPE && calls[i].value == 100 + i);
	}
	chan_sender_drop(e.tx);
}

static void a_batch_wakes_as_many_as_it_serves(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call calls[CROWD];
	uint64_t numbers[CROWD] = { 1, 2, 3, 4 }, sum = 0;
	size_t count = 0;

	for (size_t i = 0; i < CROWD; i++) {
		calls[i] = call_recv(e.rx, CALL_PLAIN);
		call_start_asleep(&calls[i]);
	}
	must_give(0, chan_send_many(e.tx, numbers, CROWD, &count));
	must_eq(count, CROWD);
	for (size_t i = 0; i < CROWD; i++) {
		call_finish(&calls[i]);
		must_eq(calls[i].result, 0);
		sum += calls[i].value;
	}
	must_eq(sum, 10);
	ends_drop(&e);
}

static void a_batch_frees_as_many_senders_as_it_takes(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call calls[CROWD];
	size_t total = k->capacity + CROWD, got = 0, count;
	uint64_t numbers[128], sum = 0;

	make_full(k, &e);
	for (size_t i = 0; i < CROWD; i++) {
		calls[i] = call_send(e.tx, CALL_PLAIN, k->capacity + i);
		call_start_asleep(&calls[i]);
	}
	while (got < total) {
		must_give(0, chan_recv_many(e.rx, numbers, 128, &count));
		for (size_t i = 0; i < count; i++)
			sum += numbers[i];
		got += count;
	}
	for (size_t i = 0; i < CROWD; i++) {
		call_finish(&calls[i]);
		must_eq(calls[i].result, 0);
	}
	must_eq(sum, sum_of_numbers(0, total));
	must(chan_is_empty(e.c));
	ends_drop(&e);
}

/* ------------------------------------------------------- giving up, passing on */

static void a_receiver_that_gave_up_blocks_nobody(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call hasty = call_recv(e.rx, CALL_TIMEOUT), patient = call_recv(e.rx, CALL_PLAIN);
	uint64_t number = 5;

	hasty.timeout_ns = 20 * CHAN_MSEC;
	call_start(&hasty);
	call_start_asleep(&patient);
	call_finish(&hasty);
	must_eq(hasty.result, ETIMEDOUT);
	must_give(0, chan_send(e.tx, &number));
	call_finish(&patient);
	must(patient.result == 0 && patient.value == 5);
	ends_drop(&e);
}

static void a_sender_that_gave_up_blocks_nobody(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call hasty = call_send(e.tx, CALL_TIMEOUT, 77);
	struct call patient = call_send(e.tx, CALL_PLAIN, k->capacity);

	make_full(k, &e);
	hasty.timeout_ns = 20 * CHAN_MSEC;
	call_start(&hasty);
	call_start_asleep(&patient);
	call_finish(&hasty);
	must_eq(hasty.result, ETIMEDOUT);
	for (uint64_t i = 0; i <= k->capacity; i++) {
		uint64_t number = UINT64_MAX;

		must_give(0, chan_recv(e.rx, &number));
		must_eq(number, i);
	}
	call_finish(&patient);
	must_eq(patient.result, 0);
	must(chan_is_empty(e.c));
	ends_drop(&e);
}

/* A message is taken or reported as ETIMEDOUT, never both, never neither. */
static void a_timed_receive_races_a_sender(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t rounds = test_scaled(1500);
	struct dice dice = { 1 };

	for (size_t i = 0; i < rounds; i++) {
		struct call call = call_recv(e.rx, i % 2 ? CALL_TIMEOUT : CALL_DEADLINE);
		uint64_t number = i, late = UINT64_MAX;

		call.timeout_ns = dice_roll(&dice, 80 * CHAN_USEC);
		call_start(&call);
		wait_spinning(dice_roll(&dice, 80 * CHAN_USEC));
		if (k->capacity == 0) {
			int error = chan_send_timeout(e.tx, &number, dice_roll(&dice, 40 * CHAN_USEC));

			call_finish(&call);
			must_eq(call.result, error);
		} else {
			must_give(0, chan_try_send(e.tx, &number));
			call_finish(&call);
			if (call.result == ETIMEDOUT)
				must_give(0, chan_try_recv(e.rx, &late));
			else
				must_eq(call.result, 0);
		}
		must(call.result != 0 || call.value == i);
		must(late == UINT64_MAX || late == i);
		must_eq(chan_len(e.c), 0);
	}
	ends_drop(&e);
}

/* On ETIMEDOUT nobody took the message and the channel does not hold it. */
static void a_timed_send_races_a_receiver(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t rounds = test_scaled(1500);
	struct dice dice = { 2 };
	uint64_t next = 0, sent = k->capacity, number;

	make_full(k, &e);
	for (size_t i = 0; i < rounds; i++) {
		struct call call = call_send(e.tx, i % 2 ? CALL_TIMEOUT : CALL_DEADLINE, sent);
		int error;

		call.timeout_ns = dice_roll(&dice, 80 * CHAN_USEC);
		call_start(&call);
		wait_spinning(dice_roll(&dice, 80 * CHAN_USEC));
		error = chan_recv_timeout(e.rx, &number, k->capacity ? 0 : dice_roll(&dice, 40 * CHAN_USEC));
		call_finish(&call);
		must(error == 0 || k->capacity == 0);
		if (error == 0)
			must_eq(number, next++);
		must(call.result == 0 || call.result == ETIMEDOUT);
		sent += call.result == 0;
		must_eq(chan_len(e.c), sent - next);
		if (sent - next < k->capacity)
			queue_numbers(e.tx, sent++, 1);
	}
	expect_numbers(e.rx, next, k->capacity);
	ends_drop(&e);
}

/* One message, one hasty and one patient receiver.  If the hasty one was
 * notified and gave up all the same, the message must reach the patient one. */
static void a_notified_receiver_that_times_out_passes_it_on(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t rounds = test_scaled(600);
	struct dice dice = { 3 };

	for (size_t i = 0; i < rounds; i++) {
		struct call hasty = call_recv(e.rx, CALL_TIMEOUT), patient = call_recv(e.rx, CALL_PLAIN);
		uint64_t number = 2 * i, second = 2 * i + 1;

		hasty.timeout_ns = dice_roll(&dice, 60 * CHAN_USEC);
		call_start(&hasty);
		call_start(&patient);
		wait_spinning(dice_roll(&dice, 90 * CHAN_USEC));
		must_give(0, chan_send(e.tx, &number));
		call_finish(&hasty);
		if (hasty.result == 0)
			must_give(0, chan_send(e.tx, &second));
		else
			must_eq(hasty.result, ETIMEDOUT);
		call_finish(&patient);
		must_eq(patient.result, 0);
		must_eq(patient.value + (hasty.result == 0 ? hasty.value : 0),
		        hasty.result == 0 ? number + second : number);
		must(chan_is_empty(e.c));
	}
	ends_drop(&e);
}

static void a_notified_sender_that_times_out_passes_it_on(const struct kind *k)
{
	size_t rounds = test_scaled(600);
	struct dice dice = { 4 };

	for (size_t i = 0; i < rounds; i++) {
		struct ends e = kind_open(k, 8);
		struct call hasty = call_send(e.tx, CALL_TIMEOUT, 1000), patient = call_send(e.tx, CALL_PLAIN, 2000);
		size_t got = 0;
		uint64_t sum = 0, number;

		make_full(k, &e);
		hasty.timeout_ns = dice_roll(&dice, 60 * CHAN_USEC);
		call_start(&hasty);
		call_start(&patient);
		wait_spinning(dice_roll(&dice, 90 * CHAN_USEC));
		must_give(0, chan_recv(e.rx, &number));
		sum += number;
		got++;
		call_finish(&hasty);
		must(hasty.result == 0 || hasty.result == ETIMEDOUT);
		if (hasty.result == 0 && got < k->capacity + 2) {
			must_give(0, chan_recv(e.rx, &number));
			sum += number;
			got++;
		}
		call_finish(&patient);
		must_eq(patient.result, 0);
		while (chan_try_recv(e.rx, &number) == 0) {
			sum += number;
			got++;
		}
		must_eq(got, k->capacity + 1 + (hasty.result == 0));
		must_eq(sum, sum_of_numbers(0, k->capacity) + 2000 + (hasty.result == 0 ? 1000 : 0));
		ends_drop(&e);
	}
}

/* -------------------------------------------------------------- no starvation */

struct barger {
	struct ends e;
	atomic_bool stop;
	struct worker worker;
};

static void barge_receiving(void *arg)
{
	struct barger *b = arg;
	uint64_t number;

	while (!atomic_load(&b->stop))
		chan_try_recv(b->e.rx, &number);
}

static void barge_sending(void *arg)
{
	struct barger *b = arg;
	uint64_t number = 0;

	while (!atomic_load(&b->stop))
		chan_try_send(b->e.tx, &number);
}

static void send_until_stopped(void *arg)
{
	struct barger *b = arg;
	uint64_t number = 1;

	while (!atomic_load(&b->stop))
		chan_send_timeout(b->e.tx, &number, 10 * CHAN_MSEC);
}

static void receive_until_stopped(void *arg)
{
	struct barger *b = arg;
	uint64_t number;

	while (!atomic_load(&b->stop))
		chan_recv_timeout(b->e.rx, &number, 10 * CHAN_MSEC);
}

/* `n` calls in a row are served although a thread that never sleeps takes
 * whatever it can. */
static void serve_beside(const struct kind *k, void (*barge)(void *), void (*feed)(void *), bool receives)
{
	struct barger b = { .e = kind_open(k, 8) }, source = { .e = b.e };
	size_t n = test_scaled(40);

	atomic_init(&b.stop, false);
	atomic_init(&source.stop, false);
	worker_start(&b.worker, barge, &b);
	worker_start(&source.worker, feed, &source);
	for (size_t i = 0; i < n; i++) {
		struct call call = receives ? call_recv(b.e.rx, CALL_TIMEOUT) : call_send(b.e.tx, CALL_TIMEOUT, 1);

		call_here(&call);
		must_eq(call.result, 0);
		must(call.ended_ns - call.began_ns < 10 * CHAN_SEC * test_scale());
	}
	atomic_store(&b.stop, true);
	atomic_store(&source.stop, true);
	worker_join(&b.worker);
	worker_join(&source.worker);
	ends_drop(&b.e);
}

static void a_waiting_receiver_is_served_beside_a_barging_one(const struct kind *k)
{
	serve_beside(k, barge_receiving, send_until_stopped, true);
}

static void a_waiting_sender_is_served_beside_a_barging_one(const struct kind *k)
{
	serve_beside(k, barge_sending, receive_until_stopped, false);
}

/* ------------------------------------------------------------------- ping-pong */

struct echo {
	chan_receiver_t *rx;
	chan_sender_t *tx;
	struct worker worker;
};

static void echo(void *arg)
{
	struct echo *echo_ends = arg;
	uint64_t number;

	while (chan_recv(echo_ends->rx, &number) == 0)
		must_give(0, chan_send(echo_ends->tx, &number));
}

/* Every round sleeps and wakes on both sides: one lost wake-up hangs. */
static void ping_pong_loses_no_wake_up(const struct kind *k)
{
	struct ends there = kind_open(k, 8), back = kind_open(k, 8);
	struct echo partner = { .rx = there.rx, .tx = back.tx };
	size_t rounds = test_scaled(10000);

	worker_start(&partner.worker, echo, &partner);
	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t number = i;

		must_give(0, chan_send(there.tx, &number));
		number = UINT64_MAX;
		must_give(0, chan_recv(back.rx, &number));
		must_eq(number, i);
	}
	chan_sender_drop(there.tx);
	worker_join(&partner.worker);
	chan_receiver_drop(there.rx);
	ends_drop(&back);
}

static void ping_pong_goes_on_with_one_processor(const struct kind *k)
{
	cpu_set_t before, one;
	size_t cpu = 0;

	must_eq(sched_getaffinity(0, sizeof(before), &before), 0);
	while (!CPU_ISSET(cpu, &before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	must_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	ping_pong_loses_no_wake_up(k);
	must_eq(sched_setaffinity(0, sizeof(before), &before), 0);
}

/* ------------------------------------------------------------------------ speed */

enum { LATENCIES = 41 };

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void check_median(uint64_t *times)
{
	qsort(times, LATENCIES, sizeof(times[0]), compare_times);
	must(times[LATENCIES / 2] < 5 * CHAN_MSEC * test_scale());
}

static void a_receiver_wakes_within_five_milliseconds(const struct kind *k)
{
	uint64_t times[LATENCIES];

	for (size_t i = 0; i < LATENCIES; i++) {
		struct ends e = kind_open(k, 8);
		struct call call = call_recv(e.rx, (enum call_form)(i % CALL_FORMS));
		uint64_t number = i, sent;

		call_start_asleep(&call);
		sent = now_ns();
		must_give(0, chan_send(e.tx, &number));
		call_finish(&call);
		must_eq(call.result, 0);
		times[i] = call.ended_ns > sent ? call.ended_ns - sent : 0;
		ends_drop(&e);
	}
	check_median(times);
}

static void a_sender_wakes_within_five_milliseconds(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t times[LATENCIES];

	make_full(k, &e);
	for (size_t i = 0; i < LATENCIES; i++) {
		struct call call = call_send(e.tx, (enum call_form)(i % CALL_FORMS), i);
		uint64_t number, taken;

		call_start_asleep(&call);
		taken = now_ns();
		must_give(0, chan_recv(e.rx, &number));
		call_finish(&call);
		must_eq(call.result, 0);
		times[i] = call.ended_ns > taken ? call.ended_ns - taken : 0;
	}
	check_median(times);
	ends_drop(&e);
}

/* --------------------------------------------------------------------- polling */

/*
 * All kinds and forms block at once for two seconds, in a process of their own
 * that leaves its figures in memory shared with the cases.  The forms without
 * an end of their own are ended by close.  Each has a channel to itself: where
 * several wake up on one together they meet at its mutex, which is no polling.
 */
static const uint64_t idle_ns = 2 * CHAN_SEC;

struct idle {
	struct call sends[CALL_FORMS], receives[CALL_FORMS];
};

static struct kind kinds[MAX_KINDS];
static size_t n_kinds;
static struct idle *idle; /* one for each kind, as the child leaves them */
static struct idle kept_idle[MAX_KINDS];
static bool idle_measured;

/* The two channels of one form: one where a send blocks, one where a receive does;
 * and their tokens, for the forms that take one. */
struct idle_ends {
	struct ends full, empty;
	chan_cancel_t *send_token, *recv_token;
};

static void start_one_idling(struct call *slot, struct call call, chan_cancel_t **token)
{
	must_give(0, chan_cancel_create(NULL, token));
	*slot = call;
	slot->timeout_ns = idle_ns;
	slot->cancel = *token;
	slot->measured = true;
	call_start(slot);
}

static void start_idling(const struct kind *k, enum call_form form, struct idle *i, struct idle_ends *ends)
{
	ends->empty = kind_open(k, 8);
	ends->full = kind_open(k, 8);
	start_one_idling(&i->receives[form], call_recv(ends->empty.rx, form), &ends->recv_token);
	if (kind_never_fills(k))
		return;
	make_full(k, &ends->full);
	start_one_idling(&i->sends[form], call_send(ends->full.tx, form, 0), &ends->send_token);
}

static void let_idle(const struct kind *k, enum call_form form, struct idle *i)
{
	worker_let_on(&i->receives[form].worker);
	if (!kind_never_fills(k))
		worker_let_on(&i->sends[form].worker);
}

static void end_idling(const struct kind *k, enum call_form form, struct idle *i, struct idle_ends *ends)
{
	chan_close(ends->full.c);
	chan_close(ends->empty.c);
	call_finish(&i->receives[form]);
	if (!kind_never_fills(k))
		call_finish(&i->sends[form]);
	ends_drop(&ends->full);
	ends_drop(&ends->empty);
	chan_cancel_drop(ends->send_token);
	chan_cancel_drop(ends->recv_token);
}

static void measure_idling(void)
{
	static struct idle_ends ends[MAX_KINDS][CALL_FORMS];

	for (size_t i = 0; i < n_kinds; i++)
		for (enum call_form form = 0; form < CALL_FORMS; form++)
			start_idling(&kinds[i], form, &idle[i], &ends[i][form]);
	for (size_t i = 0; i < n_kinds; i++)
		for (enum call_form form = 0; form < CALL_FORMS; form++)
			let_idle(&kinds[i], form, &idle[i]);
	wait_pass(idle_ns + 300 * CHAN_MSEC, "what blocked threads cost in that time");
	for (size_t i = 0; i < n_kinds; i++)
		for (enum call_form form = 0; form < CALL_FORMS; form++)
			end_idling(&kinds[i], form, &idle[i], &ends[i][form]);
}

/* Of each call the first round within the bounds, or the last one. */
static bool keep_cheapest(struct call *kept, const struct call *measured)
{
	if (!cost_within(&kept->cost, 2))
		*kept = *measured;
	return cost_within(&kept->cost, 2);
}

static bool keep_idling(void)
{
	bool all = true;

	for (size_t i = 0; i < n_kinds; i++)
		for (enum call_form form = 0; form < CALL_FORMS; form++) {
			all = keep_cheapest(&kept_idle[i].receives[form], &idle[i].receives[form]) && all;
			if (!kind_never_fills(&kinds[i]))
				all = keep_cheapest(&kept_idle[i].sends[form], &idle[i].sends[form]) && all;
		}
	return all;
}

static void expect_idle(const struct call *call)
{
	uint64_t blocked = call->ended_ns - call->began_ns;
	bool timed = call->form == CALL_TIMEOUT || call->form == CALL_DEADLINE || call->form == CALL_CANCEL_TIMEOUT;

	must_eq(call->result, timed ? ETIMEDOUT : EPIPE);
	must(blocked >= idle_ns - 100 * CHAN_MSEC);
	if (!cost_within(&call->cost, 2))
		test_fail(__FILE__, __LINE__, "%s, %s: %llu switches and %llu us of processor time in %llu ms",
		          call->tx ? "send" : "receive", call_form_name(call->form),
		          (unsigned long long)call->cost.switches, (unsigned long long)(call->cost.cpu_ns / CHAN_USEC),
		          (unsigned long long)(blocked / CHAN_MSEC));
}

static void a_blocked_receiver_costs_nothing(const struct kind *k)
{
	must(idle_measured);
	for (enum call_form form = 0; form < CALL_FORMS; form++)
		expect_idle(&kept_idle[k - kinds].receives[form]);
}

static void a_blocked_sender_costs_nothing(const struct kind *k)
{
	must(idle_measured);
	for (enum call_form form = 0; form < CALL_FORMS; form++)
		expect_idle(&kept_idle[k - kinds].sends[form]);
}

/* --------------------------------------------------------------------- signals */

/* A blocked call lasts through hundreds of signals and then gets its message. */
static void a_receive_lasts_through_a_signal_storm(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct call call = call_recv(e.rx, form);
		uint64_t number = 5;
		struct storm storm;

		call_start_asleep(&call);
		storm_start(&storm, &call.worker);
		storm_wait((unsigned)test_scaled(200));
		must(!atomic_load(&call.worker.ended));
		must_give(0, chan_send(e.tx, &number));
		wait_for(atomic_load(&call.worker.ended));
		storm_end(&storm);
		call_finish(&call);
		must(call.result == 0 && call.value == 5);
	}
	ends_drop(&e);
}

static void a_send_lasts_through_a_signal_storm(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	make_full(k, &e);
	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct call call = call_send(e.tx, form, k->capacity + form);
		uint64_t number = UINT64_MAX;
		struct storm storm;

		call_start_asleep(&call);
		storm_start(&storm, &call.worker);
		storm_wait((unsigned)test_scaled(200));
		must(!atomic_load(&call.worker.ended));
		must_give(0, chan_recv(e.rx, &number));
		must_eq(number, form);
		wait_for(atomic_load(&call.worker.ended));
		storm_end(&storm);
		call_finish(&call);
		must_eq(call.result, 0);
	}
	ends_drop(&e);
}

static void a_signal_storm_makes_no_timeout_early(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	for (size_t i = 0; i < 4; i++) {
		struct call call = call_recv(e.rx, i % 2 ? CALL_TIMEOUT : CALL_DEADLINE);
		struct storm storm;

		call.timeout_ns = 25 * CHAN_MSEC;
		call_start(&call);
		storm_start(&storm, &call.worker);
		wait_for(atomic_load(&call.worker.ended));
		storm_end(&storm);
		call_finish(&call);
		must_eq(call.result, ETIMEDOUT);
		must(call.ended_ns - call.began_ns >= 25 * CHAN_MSEC);
	}
	ends_drop(&e);
}

static void send_hundreds(void *arg)
{
	struct feeder *f = arg;

	for (size_t i = 0; i < f->n; i++) {
		uint64_t number = f->first + i;

		must_give(0, chan_send(f->tx, &number));
	}
}

static void messages_flow_through_a_signal_storm(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct feeder f = { .tx = e.tx, .first = 0, .n = test_scaled(3000) };
	struct storm storm;

	worker_start(&f.worker, send_hundreds, &f);
	storm_start(&storm, &f.worker);
	for (uint64_t i = 0; i < f.n; i++) {
		uint64_t number = UINT64_MAX;

		must_give(0, chan_recv(e.rx, &number));
		must_eq(number, i);
	}
	wait_for(atomic_load(&f.worker.ended));
	storm_end(&storm);
	worker_join(&f.worker);
	ends_drop(&e);
}

/* ---------------------------------------------------------------- cancellation */

struct cancelled {
	struct call call;
	atomic_bool returned;
	_Atomic pid_t tid;
	pthread_t thread;
};

static void *call_then_test_cancel(void *arg)
{
	struct cancelled *c = arg;

	atomic_store(&c->tid, wait_tid());
	call_here(&c->call);
	atomic_store(&c->returned, true);
	pthread_testcancel();
	return NULL;
}

static void start_cancelled(struct cancelled *c)
{
	atomic_init(&c->returned, false);
	atomic_init(&c->tid, 0);
	must_eq(pthread_create(&c->thread, NULL, call_then_test_cancel, c), 0);
	wait_for(atomic_load(&c->tid) != 0);
	wait_asleep(atomic_load(&c->tid));
	must_eq(pthread_cancel(c->thread), 0);
	wait_asleep(atomic_load(&c->tid));
}

static void end_cancelled(struct cancelled *c)
{
	void *result = NULL;

	must_eq(pthread_join(c->thread, &result), 0);
	must(atomic_load(&c->returned));
	must_eq(c->call.result, 0);
	must(result == PTHREAD_CANCELED);
}

/* A cancel that arrives while a call blocks acts after it returned. */
static void a_cancelled_receiver_still_receives(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct cancelled c = { .call = call_recv(e.rx, form) };
		uint64_t number = 5;

		start_cancelled(&c);
		must_give(0, chan_send_timeout(e.tx, &number, 20 * CHAN_SEC));
		end_cancelled(&c);
		must_eq(c.call.value, 5);
	}
	ends_drop(&e);
}

static void a_cancelled_sender_still_sends(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	make_full(k, &e);
	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct cancelled c = { .call = call_send(e.tx, form, k->capacity + form) };
		uint64_t number = UINT64_MAX;

		start_cancelled(&c);
		must_give(0, chan_recv_timeout(e.rx, &number, 20 * CHAN_SEC));
		must_eq(number, form);
		end_cancelled(&c);
	}
	ends_drop(&e);
}

static void cancellation_point(void *msg, void *arg)
{
	(void)msg;
	pthread_testcancel();
	++*(size_t *)arg;
}

struct cancelled_drop {
	struct ends e;
	bool returned;
};

static void *drop_while_cancelled(void *arg)
{
	struct cancelled_drop *c = arg;
	uint64_t number = 1;

	pthread_cancel(pthread_self());
	chan_try_send(c->e.tx, &number);
	chan_try_send(c->e.tx, &number);
	chan_try_recv(c->e.rx, NULL);
	chan_receiver_drop(c->e.rx);
	chan_sender_drop(c->e.tx);
	c->returned = true;
	pthread_testcancel();
	return NULL;
}

/* Nor is a callback that a call makes. */
static void a_pending_cancel_waits_for_callbacks_too(const struct kind *k)
{
	size_t calls = 0;
	struct cancelled_drop c = { .returned = false };
	void *result = NULL;
	chan_attr_t attr;
	pthread_t thread;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setdestructor(&attr, cancellation_point, &calls));
	c.e = attr_open(&attr, 8);
	must_eq(pthread_create(&thread, NULL, drop_while_cancelled, &c), 0);
	must_eq(pthread_join(thread, &result), 0);
	must(c.returned && result == PTHREAD_CANCELED);
	must_eq(calls, k->capacity < 2 ? 1 : 2);
}

static int cancel_state(int set)
{
	int before = -1;

	must_eq(pthread_setcancelstate(set, &before), 0);
	return before;
}

static void note_destroyed(void *msg, void *arg)
{
	(void)msg;
	++*(size_t *)arg;
}

/* System calls, an allocator and destructors: each is guarded, and none of the guards
 * leaves a trace. */
static void cancellation_stays_as_the_caller_had_it(const struct kind *k)
{
	static const int states[] = { PTHREAD_CANCEL_DISABLE, PTHREAD_CANCEL_ENABLE };

	for (size_t i = 0; i < COUNT_OF(states); i++) {
		struct counting counting;
		chan_allocator_t table;
		size_t destroyed = 0;
		uint64_t number = 1;
		chan_attr_t attr;
		struct ends e;
		int fd;

		counting_init(&counting);
		table = counting_allocator(&counting);
		kind_attr(k, &attr);
		must_give(0, chan_attr_setallocator(&attr, &table));
		must_give(0, chan_attr_setdestructor(&attr, note_destroyed, &destroyed));
		cancel_state(states[i]);
		e = attr_open(&attr, 8);
		must_eq(cancel_state(states[i]), states[i]);
		must_give(0, chan_receiver_fd(e.rx, &fd));
		must_eq(cancel_state(states[i]), states[i]);
		must_give(ETIMEDOUT, chan_recv_timeout(e.rx, &number, CHAN_MSEC));
		must_eq(cancel_state(states[i]), states[i]);
		must_give(0, chan_send(e.tx, &number));
		must_eq(cancel_state(states[i]), states[i]);
		must_give(0, chan_recv(e.rx, NULL));
		must_eq(cancel_state(states[i]), states[i]);
		chan_receiver_drop(e.rx);
		chan_sender_drop(e.tx);
		must_eq(cancel_state(PTHREAD_CANCEL_ENABLE), states[i]);
		must_eq(destroyed, 1);
		counting_must_balance(&counting);
	}
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(a_receiver_is_woken_by_send, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receiver_is_woken_by_try_send, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receiver_is_woken_by_a_batch, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receiver_is_woken_by_close, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receiver_is_woken_by_the_last_drop, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_sender_is_woken_by_recv, NEEDS_FULL),
	BEHAVIOUR(a_sender_is_woken_by_try_recv, NEEDS_FULL),
	BEHAVIOUR(a_sender_is_woken_by_a_batch, NEEDS_FULL),
	BEHAVIOUR(a_sender_is_woken_by_close, NEEDS_FULL),
	BEHAVIOUR(a_sender_is_woken_by_the_last_drop, NEEDS_FULL),
	BEHAVIOUR(a_sender_is_woken_by_a_receive_into_nothing, NEEDS_FULL | NEEDS_DESTRUCTOR),
	BEHAVIOUR(close_wakes_every_receiver, FITS_ONE_MESSAGE),
	BEHAVIOUR(close_wakes_every_sender, NEEDS_FULL),
	BEHAVIOUR(a_batch_wakes_as_many_as_it_serves, NEEDS_NOTHING),
	BEHAVIOUR(a_batch_frees_as_many_senders_as_it_takes, NEEDS_FULL),
	BEHAVIOUR(a_receiver_that_gave_up_blocks_nobody, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_sender_that_gave_up_blocks_nobody, NEEDS_FULL),
	BEHAVIOUR(a_timed_receive_races_a_sender, NEEDS_NOTHING),
	BEHAVIOUR(a_timed_send_races_a_receiver, NEEDS_FULL),
	BEHAVIOUR(a_notified_receiver_that_times_out_passes_it_on, NEEDS_NOTHING),
	BEHAVIOUR(a_notified_sender_that_times_out_passes_it_on, NEEDS_FULL),
	BEHAVIOUR(a_waiting_receiver_is_served_beside_a_barging_one, NEEDS_NOTHING),
	BEHAVIOUR(a_waiting_sender_is_served_beside_a_barging_one, NEEDS_FULL),
	BEHAVIOUR(ping_pong_loses_no_wake_up, NEEDS_NOTHING),
	BEHAVIOUR(ping_pong_goes_on_with_one_processor, NEEDS_NOTHING),
	BEHAVIOUR(a_receiver_wakes_within_five_milliseconds, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_sender_wakes_within_five_milliseconds, NEEDS_FULL),
	BEHAVIOUR(a_blocked_receiver_costs_nothing, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_blocked_sender_costs_nothing, NEEDS_FULL),
	BEHAVIOUR(a_receive_lasts_through_a_signal_storm, NEEDS_NOTHING),
	BEHAVIOUR(a_send_lasts_through_a_signal_storm, NEEDS_FULL),
	BEHAVIOUR(a_signal_storm_makes_no_timeout_early, FITS_ONE_MESSAGE),
	BEHAVIOUR(messages_flow_through_a_signal_storm, NEEDS_NOTHING),
	BEHAVIOUR(a_cancelled_receiver_still_receives, NEEDS_NOTHING),
	BEHAVIOUR(a_cancelled_sender_still_sends, NEEDS_FULL),
	BEHAVIOUR(a_pending_cancel_waits_for_callbacks_too, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
	BEHAVIOUR(cancellation_stays_as_the_caller_had_it, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
};

int main(void)
{
	n_kinds = kind_discover(kinds, CHAN_MANY, CHAN_MANY);
	idle = cost_shared_memory(MAX_KINDS * sizeof(*idle));
	idle_measured = idle != NULL && cost_measure(measure_idling, keep_idling);
	return matrix_run("blocking", behaviours, COUNT_OF(behaviours), kinds, n_kinds);
}
