/*
 * test_rendezvous.c - capacity 0: a message goes from hand to hand
 */
#include <stdlib.h>
#include <string.h>

#include "support/support.h"

static void trying_alone_meets_nobody(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number = 77;
	size_t count = 77;

	must_give(EAGAIN, chan_try_send(e.tx, &number));
	must_give(EAGAIN, chan_try_recv(e.rx, &number));
	must_give(EAGAIN, chan_try_recv(e.rx, NULL));
	must_give(EAGAIN, chan_try_send_many(e.tx, &number, 1, &count));
	must_eq(count, 0);
	count = 77;
	must_give(EAGAIN, chan_try_recv_many(e.rx, &number, 1, &count));
	must(count == 0 && number == 77);
	must(chan_len(e.c) == 0 && chan_receiver_len(e.rx) == 0);
	must(chan_is_empty(e.c) && chan_is_full(e.c));
	ends_drop(&e);
}

static void a_past_deadline_meets_only_who_waits(const struct kind *k)
{
	struct timespec past = { -1, 0 };
	struct ends e = kind_open(k, 8);
	struct call call = call_send(e.tx, CALL_PLAIN, 5);
	uint64_t number = 77;

	must_give(ETIMEDOUT, chan_send_deadline(e.tx, &number, &past));
	must_give(ETIMEDOUT, chan_recv_deadline(e.rx, &number, &past));
	must_give(ETIMEDOUT, chan_recv_timeout(e.rx, &number, 0));
	call_start_asleep(&call);
	must_give(0, chan_recv_deadline(e.rx, &number, &past));
	must_eq(number, 5);
	call_finish(&call);
	must_eq(call.result, 0);
	ends_drop(&e);
}

static void try_send_meets_a_waiting_receiver(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct call call = call_recv(e.rx, form);
		uint64_t number = form;

		call_start(&call);
		wait_for(chan_try_send(e.tx, &number) == 0);
		call_finish(&call);
		must(call.result == 0 && call.value == form);
		must_give(EAGAIN, chan_try_send(e.tx, &number));
	}
	ends_drop(&e);
}

static void try_recv_meets_a_waiting_sender(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct call call = call_send(e.tx, form, form);
		uint64_t number = UINT64_MAX;

		call_start(&call);
		wait_for(chan_try_recv(e.rx, &number) == 0);
		must_eq(number, form);
		call_finish(&call);
		must_eq(call.result, 0);
		must_give(EAGAIN, chan_try_recv(e.rx, &number));
	}
	ends_drop(&e);
}

/* A waiting sender is not a queued message. */
static void waiting_is_not_length(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call call = call_send(e.tx, CALL_PLAIN, 5);
	uint64_t number;

	call_start_asleep(&call);
	must(chan_len(e.c) == 0 && chan_is_empty(e.c) && chan_is_full(e.c));
	must_give(0, chan_recv(e.rx, &number));
	call_finish(&call);
	ends_drop(&e);
}

/* A send does not return before a receiver took the message. */
static void a_send_returns_after_its_message_was_taken(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	for (uint64_t i = 0; i < 20; i++) {
		struct call call = call_send(e.tx, (enum call_form)(i % CALL_FORMS), i);
		uint64_t number = UINT64_MAX, before;

		call_start_asleep(&call);
		must(!atomic_load(&call.worker.ended));
		before = now_ns();
		must_give(0, chan_recv(e.rx, &number));
		must_eq(number, i);
		call_finish(&call);
		must(call.result == 0 && call.ended_ns >= before);
	}
	ends_drop(&e);
}

static void a_send_that_timed_out_was_not_taken(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t rounds = test_scaled(2000);
	struct dice dice = { 5 };

	for (uint64_t i = 0; i < rounds; i++) {
		struct call call = call_send(e.tx, CALL_TIMEOUT, i);
		uint64_t number = UINT64_MAX;
		int error;

		call.timeout_ns = dice_roll(&dice, 60 * CHAN_USEC);
		call_start(&call);
		error = chan_recv_timeout(e.rx, &number, dice_roll(&dice, 120 * CHAN_USEC));
		call_finish(&call);
		must_eq(call.result, error);
		must_eq(number, error == 0 ? i : UINT64_MAX);
	}
	ends_drop(&e);
}

/* A message that takes a while to copy. */
enum { LARGE = 1 << 20 };

struct large {
	chan_receiver_t *rx;
	unsigned char *out;
	uint64_t timeout_ns;
	int result;
	struct worker worker;
};

static void receive_large(void *arg)
{
	struct large *l = arg;

	l->result = chan_recv_timeout(l->rx, l->out, l->timeout_ns);
}

static bool all_are(const unsigned char *bytes, unsigned char value)
{
	return bytes[0] == value && memcmp(bytes, bytes + 1, LARGE - 1) == 0;
}

/* Time-outs on both sides fall into the copy: both sides say the same, and the
 * message was taken whole or not at all. */
static void a_large_message_is_taken_whole_or_not_at_all(const struct kind *k)
{
	struct ends e = kind_open(k, LARGE);
	unsigned char *in = malloc(LARGE), *out = malloc(LARGE);
	size_t rounds = test_scaled(150);
	struct dice dice = { 6 };

	must(in != NULL && out != NULL);
	for (size_t i = 0; i < rounds; i++) {
		struct large l = { .rx = e.rx, .out = out, .timeout_ns = dice_roll(&dice, 400 * CHAN_USEC) };
		unsigned char value = (unsigned char)(i % 200);
		int error;

		memset(in, value, LARGE);
		memset(out, 0xee, LARGE);
		worker_start(&l.worker, receive_large, &l);
		error = chan_send_timeout(e.tx, in, dice_roll(&dice, 400 * CHAN_USEC));
		worker_join(&l.worker);
		must_eq(error, l.result);
		must(error == 0 || error == ETIMEDOUT);
		must(all_are(out, error == 0 ? value : 0xee));
		must(all_are(in, value));
	}
	free(in);
	free(out);
	ends_drop(&e);
}

/* The library has no memory that could hold a message: it is copied from one
 * caller's to the other's, once. */
static void no_memory_holds_a_message(const struct kind *k)
{
	unsigned char *in = malloc(LARGE), *out = malloc(LARGE);
	struct large l = { .out = out, .timeout_ns = CHAN_FOREVER };
	struct counting counting;
	chan_allocator_t table;
	chan_attr_t attr;
	struct ends e;

	must(in != NULL && out != NULL);
	counting_init(&counting);
	table = counting_allocator(&counting);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	e = attr_open(&attr, LARGE);
	must(counting.bytes < LARGE / 2);
	counting_fail(&counting, 0, SIZE_MAX);
	memset(in, 7, LARGE);
	l.rx = e.rx;
	for (int waits = 0; waits < 2; waits++) {
		memset(out, 0xee, LARGE);
		worker_start(&l.worker, receive_large, &l);
		if (waits)
			worker_wait_asleep(&l.worker);
		must_give(0, chan_send(e.tx, in));
		worker_join(&l.worker);
		must(l.result == 0 && all_are(out, 7));
	}
	free(in);
	free(out);
	ends_drop(&e);
	counting_must_balance(&counting);
}

enum { PARTIES = 3 };

struct party {
	struct ends *e;
	uint64_t first;
	size_t n;
	_Atomic uint64_t *sum;
	atomic_size_t *taken;
	struct worker worker;
};

static void send_numbers(void *arg)
{
	struct party *p = arg;

	for (size_t i = 0; i < p->n; i++) {
		uint64_t number = p->first + i;

		while (chan_send_timeout(p->e->tx, &number, 30 * CHAN_USEC) == ETIMEDOUT)
			continue;
		number = UINT64_MAX; /* the frame is poisoned as soon as the send is back */
	}
}

static void receive_numbers(void *arg)
{
	struct party *p = arg;
	uint64_t number = UINT64_MAX;
	int error;

	while ((error = chan_recv_timeout(p->e->rx, &number, 30 * CHAN_USEC)) != EPIPE) {
		if (error == ETIMEDOUT)
			continue;
		must(error == 0 && number != UINT64_MAX);
		atomic_fetch_add(p->sum, number);
		atomic_fetch_add(p->taken, 1);
		number = UINT64_MAX;
	}
}

/* Hand-offs beside time-outs: none lost, none twice, none from a dead frame. */
static void hurried_hand_overs_lose_nothing(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t n = test_scaled(2000);
	_Atomic uint64_t sum = 0;
	atomic_size_t taken = 0;
	struct party senders[PARTIES], receivers[PARTIES];

	for (size_t i = 0; i < PARTIES; i++) {
		senders[i] = (struct party){ &e, i * n, n, &sum, &taken, { 0 } };
		receivers[i] = senders[i];
		worker_start(&receivers[i].worker, receive_numbers, &receivers[i]);
		worker_start(&senders[i].worker, send_numbers, &senders[i]);
	}
	for (size_t i = 0; i < PARTIES; i++)
		worker_join(&senders[i].worker);
	chan_sender_drop(e.tx);
	for (size_t i = 0; i < PARTIES; i++)
		worker_join(&receivers[i].worker);
	must_eq(taken, PARTIES * n);
	must_eq(sum, sum_of_numbers(0, PARTIES * n));
	chan_receiver_drop(e.rx);
}

/* Several waiting senders are served one message each, in the order they came. */
static void waiting_senders_are_served_in_order(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call calls[PARTIES];

	for (size_t i = 0; i < PARTIES; i++) {
		calls[i] = call_send(e.tx, CALL_PLAIN, i);
		call_start_asleep(&calls[i]);
	}
	for (size_t i = 0; i < PARTIES; i++) {
		uint64_t number = UINT64_MAX;

		must_give(0, chan_recv(e.rx, &number));
		must_eq(number, i);
	}
	for (size_t i = 0; i < PARTIES; i++) {
		call_finish(&calls[i]);
		must_eq(calls[i].result, 0);
	}
	ends_drop(&e);
}

static void a_batch_serves_the_receivers_that_wait(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t numbers[5] = { 1, 2, 3, 4, 5 };
	struct call calls[PARTIES];
	size_t sent = 0, count;
	uint64_t sum = 0;

	for (size_t i = 0; i < PARTIES; i++) {
		calls[i] = call_recv(e.rx, CALL_PLAIN);
		call_start_asleep(&calls[i]);
	}
	while (sent < PARTIES) {
		int error = chan_try_send_many(e.tx, numbers + sent, 5 - sent, &count);

		must(error == 0 || (error == EAGAIN && count == 0));
		sent += count;
	}
	must_eq(sent, PARTIES);
	must_give(EAGAIN, chan_try_send_many(e.tx, numbers + sent, 1, &count));
	for (size_t i = 0; i < PARTIES; i++) {
		call_finish(&calls[i]);
		must_eq(calls[i].result, 0);
		sum += calls[i].value;
	}
	must_eq(sum, 6);
	ends_drop(&e);
}

static void a_batch_takes_from_the_senders_that_wait(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t numbers[5];
	struct call calls[PARTIES];
	size_t got = 0, count;

	for (size_t i = 0; i < PARTIES; i++) {
		calls[i] = call_send(e.tx, CALL_PLAIN, i);
		call_start_asleep(&calls[i]);
	}
	while (got < PARTIES) {
		must_give(0, chan_recv_many(e.rx, numbers + got, 5 - got, &count));
		must(count >= 1 && count <= PARTIES - got);
		got += count;
	}
	for (size_t i = 0; i < PARTIES; i++) {
		must_eq(numbers[i], i);
		call_finish(&calls[i]);
		must_eq(calls[i].result, 0);
	}
	ends_drop(&e);
}

/* The message goes to the destructor although no queue ever held it. */
static void a_hand_over_into_nothing_is_destroyed(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	struct call sends[2] = { call_send(e.tx, CALL_PLAIN, 5), call_send(e.tx, CALL_PLAIN, 6) };

	call_start_asleep(&sends[0]);
	must_give(0, chan_recv(e.rx, NULL));
	must(d.count == 1 && d.sum == 5);
	call_start(&sends[1]);
	wait_for(chan_try_recv(e.rx, NULL) == 0);
	must(d.count == 2 && d.sum == 11);
	for (size_t i = 0; i < 2; i++) {
		call_finish(&sends[i]);
		must_eq(sends[i].result, 0);
	}
	ends_drop(&e);
	must_eq(d.count, 2);
}

struct nothing {
	chan_receiver_t *rx;
	int result;
	struct worker worker;
};

static void receive_into_nothing(void *arg)
{
	struct nothing *n = arg;

	n->result = chan_recv(n->rx, NULL);
}

static void a_waiting_receive_into_nothing_destroys(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	struct nothing n = { .rx = e.rx };
	uint64_t number = 9;

	worker_start(&n.worker, receive_into_nothing, &n);
	worker_wait_asleep(&n.worker);
	must_give(0, chan_send(e.tx, &number));
	worker_join(&n.worker);
	must_eq(n.result, 0);
	must(d.count == 1 && d.sum == 9);
	ends_drop(&e);
}

/* The sender left waiting keeps its message; the destructor is not called. */
static void a_refused_hand_over_is_the_senders(const struct kind *k)
{
	for (int by_drop = 0; by_drop < 2; by_drop++) {
		struct destroyed d;
		struct ends e = kind_open_destroying(k, &d);
		struct call call = call_send(e.tx, CALL_PLAIN, 5);
		uint64_t number;

		call_start_asleep(&call);
		if (by_drop) {
			chan_receiver_drop(e.rx);
			e.rx = NULL;
		} else {
			chan_close(e.c);
			must_give(EPIPE, chan_recv(e.rx, &number));
		}
		call_finish(&call);
		must(call.result == EPIPE && call.value == 5);
		ends_drop(&e);
		must_eq(d.count, 0);
	}
}

static void force_send_meets_a_waiting_receiver(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call call = call_recv(e.rx, CALL_PLAIN);
	uint64_t number = 6;
	bool displaced = true;

	call_start(&call);
	wait_for(chan_force_send(e.tx, &number, NULL, &displaced) == 0);
	must(!displaced && chan_lost(e.c) == 0);
	call_finish(&call);
	must(call.result == 0 && call.value == 6);
	ends_drop(&e);
}

struct close_race {
	struct ends *e;
	struct gate *gate;
	int result;
	struct worker worker;
};

static void close_at_once(void *arg)
{
	struct close_race *r = arg;

	gate_pass(r->gate);
	chan_close(r->e->c);
}

static void send_at_once(void *arg)
{
	struct close_race *r = arg;
	uint64_t number = 1;

	gate_pass(r->gate);
	r->result = chan_send(r->e->tx, &number);
}

/* Close beside a hand-over: both sides say the same about it. */
static void close_races_a_hand_over(const struct kind *k)
{
	size_t rounds = test_scaled(800);

	for (size_t i = 0; i < rounds; i++) {
		struct ends e = kind_open(k, 8);
		struct gate gate;
		struct close_race closing = { .e = &e, .gate = &gate }, sending = closing;
		uint64_t number = 77;
		int error;

		gate_init(&gate, 3);
		worker_start(&closing.worker, close_at_once, &closing);
		worker_start(&sending.worker, send_at_once, &sending);
		gate_pass(&gate);
		error = chan_recv(e.rx, &number);
		worker_join(&closing.worker);
		worker_join(&sending.worker);
		must(error == 0 || error == EPIPE);
		must_eq(sending.result, error);
		must_eq(number, error == 0 ? 1 : 77);
		ends_drop(&e);
	}
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(trying_alone_meets_nobody, NEEDS_RENDEZVOUS),
	BEHAVIOUR(a_past_deadline_meets_only_who_waits, NEEDS_RENDEZVOUS),
	BEHAVIOUR(try_send_meets_a_waiting_receiver, NEEDS_RENDEZVOUS),
	BEHAVIOUR(try_recv_meets_a_waiting_sender, NEEDS_RENDEZVOUS),
	BEHAVIOUR(waiting_is_not_length, NEEDS_RENDEZVOUS),
	BEHAVIOUR(a_send_returns_after_its_message_was_taken, NEEDS_RENDEZVOUS),
	BEHAVIOUR(a_send_that_timed_out_was_not_taken, NEEDS_RENDEZVOUS),
	BEHAVIOUR(a_large_message_is_taken_whole_or_not_at_all, NEEDS_RENDEZVOUS),
	BEHAVIOUR(no_memory_holds_a_message, NEEDS_RENDEZVOUS),
	BEHAVIOUR(hurried_hand_overs_lose_nothing, NEEDS_RENDEZVOUS),
	BEHAVIOUR(waiting_senders_are_served_in_order, NEEDS_RENDEZVOUS),
	BEHAVIOUR(a_batch_serves_the_receivers_that_wait, NEEDS_RENDEZVOUS),
	BEHAVIOUR(a_batch_takes_from_the_senders_that_wait, NEEDS_RENDEZVOUS),
	BEHAVIOUR(a_hand_over_into_nothing_is_destroyed, NEEDS_RENDEZVOUS),
	BEHAVIOUR(a_waiting_receive_into_nothing_destroys, NEEDS_RENDEZVOUS),
	BEHAVIOUR(a_refused_hand_over_is_the_senders, NEEDS_RENDEZVOUS),
	BEHAVIOUR(force_send_meets_a_waiting_receiver, NEEDS_RENDEZVOUS),
	BEHAVIOUR(close_races_a_hand_over, NEEDS_RENDEZVOUS),
};

/* Other capacities are not about this suite; only these kinds are its columns. */
int main(void)
{
	static struct kind all[MAX_KINDS], kinds[MAX_KINDS];
	size_t n = kind_discover(all, CHAN_MANY, CHAN_MANY), chosen = 0;

	for (size_t i = 0; i < n; i++)
		if (all[i].capacity == 0)
			kinds[chosen++] = all[i];
	return matrix_run("rendezvous", behaviours, COUNT_OF(behaviours), kinds, chosen);
}
