/*
 * test_oneshot.c - channels that take one message in all
 *
 * Threads held between claiming and publishing are in test_lockfree.c.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "support/support.h"

#define UNTOUCHED ((void *)(uintptr_t)0x5a5a5a50)

/* Every form of sending says EPIPE and changes nothing. */
static void expect_refused(const struct kind *k, chan_sender_t *tx)
{
	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct call call = call_send(tx, form, 77);

		call_here(&call);
		must_eq(call.result, EPIPE);
		must_eq(call.value, 77);
	}
	must_give(EPIPE, chan_try_send(tx, &(uint64_t){ 77 }));
	if (k->consumers == CHAN_MANY) {
		uint64_t number = 77, other = 55;
		bool displaced = true;

		must_give(EPIPE, chan_force_send(tx, &number, &other, &displaced));
		must_give(EPIPE, chan_force_send(tx, &number, NULL, NULL));
		must(number == 77 && other == 55 && displaced);
	}
}

/* Every form of receiving says EPIPE and writes nothing. */
static void expect_over(chan_receiver_t *rx)
{
	uint64_t number = 77;
	size_t count = 77;

	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct call call = call_recv(rx, form);

		call.value = 77;
		call_here(&call);
		must_eq(call.result, EPIPE);
		must_eq(call.value, 77);
	}
	must_give(EPIPE, chan_try_recv(rx, &number));
	must_give(EPIPE, chan_recv(rx, NULL));
	must_give(EPIPE, chan_try_recv_many(rx, &number, 1, &count));
	must(count == 0 && number == 77);
}

/* -------------------------------------------------------------------- creation */

static void a_oneshot_has_a_call_of_its_own(const struct kind *k)
{
	struct ends e;

	(void)k;
	must_give(0, chan_oneshot(24, &e.tx, &e.rx));
	e.c = chan_sender_channel(e.tx);
	must(strcmp(chan_flavor_name(chan_flavor(e.c)), "oneshot") == 0);
	must_eq(chan_flavor(e.c), CHAN_FLAVOR_ONESHOT);
	must_eq(chan_capacity(e.c), 1);
	must_eq(chan_msg_size(e.c), 24);
	must(chan_sender_count(e.c) == 1 && chan_receiver_count(e.c) == 1);
	ends_drop(&e);
}

static void impossible_oneshots_are_not_made(const struct kind *k)
{
	chan_sender_t *tx = UNTOUCHED;
	chan_receiver_t *rx = UNTOUCHED;

	(void)k;
	must_give(EINVAL, chan_oneshot(8, NULL, &rx));
	must_give(EINVAL, chan_oneshot(8, &tx, NULL));
	must_give(EINVAL, chan_oneshot(SIZE_MAX, NULL, NULL));
	must_give(EOVERFLOW, chan_oneshot(SIZE_MAX, &tx, &rx));
	must_give(EOVERFLOW, chan_oneshot(SIZE_MAX - 1, &tx, &rx));
	must_give(EOVERFLOW, chan_oneshot((size_t)PTRDIFF_MAX, &tx, &rx));
	must(tx == UNTOUCHED && (void *)rx == UNTOUCHED);
}

/* A channel of this kind whose memory is counted. */
static int open_counted(const struct kind *k, struct counting *counting, struct ends *e)
{
	chan_allocator_t table = counting_allocator(counting);
	chan_attr_t attr;
	int error;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	errno = TEST_ERRNO;
	error = chan_create(&attr, 8, &e->tx, &e->rx);
	test_errno(__FILE__, __LINE__, "chan_create");
	must_give(0, chan_attr_destroy(&attr));
	if (error == 0)
		e->c = chan_sender_channel(e->tx);
	return error;
}

static void one_allocation_serves_its_whole_life(const struct kind *k)
{
	struct counting counting;
	struct ends e;
	chan_weak_sender_t *weak;
	struct call call;

	counting_init(&counting);
	must_eq(open_counted(k, &counting, &e), 0);
	must_eq(counting_calls(&counting), 1);
	counting_fail(&counting, 0, SIZE_MAX);
	weak = chan_sender_downgrade(e.tx);
	chan_receiver_drop(chan_receiver_clone(e.rx));
	chan_sender_drop(chan_sender_clone(e.tx));
	call = call_recv(e.rx, CALL_PLAIN);
	call_start_asleep(&call);
	must_give(0, chan_send(e.tx, &(uint64_t){ 5 }));
	call_finish(&call);
	must(call.result == 0 && call.value == 5);
	chan_weak_sender_drop(weak);
	ends_drop(&e);
	must_eq(counting_calls(&counting), 1);
	counting_must_balance(&counting);
}

static void without_memory_nothing_is_made(const struct kind *k)
{
	struct ends e = { UNTOUCHED, UNTOUCHED, NULL };
	struct counting counting;

	counting_init(&counting);
	counting_fail(&counting, 0, 1);
	must_eq(open_counted(k, &counting, &e), ENOMEM);
	must(e.tx == UNTOUCHED && (void *)e.rx == UNTOUCHED);
	counting_must_balance(&counting);
	must_eq(open_counted(k, &counting, &e), 0);
	ends_drop(&e);
	counting_must_balance(&counting);
}

/* ----------------------------------------------------------------- one message */

static void a_second_send_is_refused(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	queue_numbers(e.tx, 5, 1);
	expect_refused(k, e.tx);
	must_eq(chan_len(e.c), 1);
	expect_numbers(e.rx, 5, 1);
	expect_refused(k, e.tx);
	must_eq(chan_lost(e.c), 0);
	ends_drop(&e);
}

static void a_second_receive_is_refused(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_sender_t *clone = chan_sender_clone(e.tx);

	queue_numbers(e.tx, 5, 1);
	expect_numbers(e.rx, 5, 1);
	expect_over(e.rx);
	expect_over(e.rx);
	must_eq(chan_sender_count(e.c), 2); /* it is not that they had left */
	chan_sender_drop(clone);
	ends_drop(&e);
}

/* Nobody receives, and no time is given. */
static void a_send_never_waits(const struct kind *k)
{
	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct ends e = kind_open(k, 8);
		struct call call = call_send(e.tx, form, 5);

		call.timeout_ns = 0;
		call_here(&call);
		must_eq(call.result, 0);
		call.value = 6;
		call_here(&call);
		must_eq(call.result, EPIPE);
		expect_numbers(e.rx, 5, 1);
		ends_drop(&e);
	}
}

static void force_send_is_a_send(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number = 5, other = 55;
	bool displaced = true;

	must_give(0, chan_force_send(e.tx, &number, &other, &displaced));
	must(!displaced && other == 55);
	displaced = true;
	must_give(EPIPE, chan_force_send(e.tx, &number, &other, &displaced));
	must_give(EPIPE, chan_force_send(e.tx, &number, &number, &displaced));
	must(displaced && other == 55 && number == 5);
	expect_numbers(e.rx, 5, 1);
	ends_drop(&e);
}

static void a_batch_sends_its_first(const struct kind *k)
{
	for (int tries = 0; tries < 2; tries++) {
		struct ends e = kind_open(k, 8);
		uint64_t numbers[] = { 5, 6, 7 };
		size_t sent = 77;

		if (tries)
			must_give(0, chan_try_send_many(e.tx, numbers, 3, &sent));
		else
			must_give(EPIPE, chan_send_many(e.tx, numbers, 3, &sent));
		must_eq(sent, 1);
		must(numbers[0] == 5 && numbers[1] == 6 && numbers[2] == 7);
		must_give(EPIPE, chan_send_many(e.tx, numbers + 1, 2, &sent));
		must_eq(sent, 0);
		sent = 77;
		must_give(EPIPE, chan_try_send_many(e.tx, numbers + 1, 2, &sent));
		must_eq(sent, 0);
		expect_numbers(e.rx, 5, 1);
		expect_over(e.rx);
		ends_drop(&e);
	}
}

static void a_batch_receives_one(const struct kind *k)
{
	for (int tries = 0; tries < 2; tries++) {
		struct ends e = kind_open(k, 8);
		uint64_t numbers[] = { 77, 77, 77 };
		size_t received = 77;

		must_give(EAGAIN, chan_try_recv_many(e.rx, numbers, 3, &received));
		must_eq(received, 0);
		queue_numbers(e.tx, 5, 1);
		if (tries)
			must_give(0, chan_try_recv_many(e.rx, numbers, 3, &received));
		else
			must_give(0, chan_recv_many(e.rx, numbers, 3, &received));
		must(received == 1 && numbers[0] == 5 && numbers[1] == 77);
		must_give(EPIPE, chan_recv_many(e.rx, numbers, 3, &received));
		must(received == 0 && numbers[0] == 5);
		ends_drop(&e);
	}
}

struct answers {
	size_t len;
	bool disconnected;
};

static void expect_answers(const struct ends *e, struct answers want)
{
	must_eq(chan_len(e->c), want.len);
	must_eq(chan_receiver_len(e->rx), want.len);
	must_eq(chan_is_empty(e->c), want.len == 0);
	must_eq(chan_is_full(e->c), want.len == 1);
	must_eq(chan_is_disconnected(e->c), want.disconnected);
	must_eq(chan_capacity(e->c), 1);
	must(chan_lost(e->c) == 0 && chan_receiver_lost(e->rx) == 0);
}

static void queries_follow_its_life(const struct kind *k)
{
	struct ends e = kind_open(k, 8), closed = kind_open(k, 8);

	expect_answers(&e, (struct answers){ 0, false });
	queue_numbers(e.tx, 5, 1);
	expect_answers(&e, (struct answers){ 1, true });
	expect_numbers(e.rx, 5, 1);
	expect_answers(&e, (struct answers){ 0, true });
	chan_close(closed.c);
	expect_answers(&closed, (struct answers){ 0, true });
	ends_drop(&e);
	ends_drop(&closed);
}

/* Large, too: a message is copied once, and never onto a stack. */
static void every_byte_arrives(const struct kind *k)
{
	static const size_t sizes[] = { 0, 1, 3, 8, 16, 24, 32, 100, 4096, 10000000 };

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct ends e = kind_open(k, sizes[i]);
		unsigned char *in = malloc(sizes[i] + 2), *out = malloc(sizes[i] + 2);

		must(in && out);
		memset(out, 0xee, sizes[i] + 2);
		for (size_t j = 0; j < sizes[i] + 2; j++)
			in[j] = (unsigned char)(j * 7 + i);
		must_give(0, chan_send(e.tx, in + 1)); /* neither buffer is aligned */
		must_give(0, chan_recv(e.rx, out + 1));
		must(memcmp(in + 1, out + 1, sizes[i]) == 0);
		must(out[0] == 0xee && out[sizes[i] + 1] == 0xee);
		must(in[0] == (unsigned char)i);
		free(in);
		free(out);
		ends_drop(&e);
	}
}

static void a_signal_needs_no_bytes(const struct kind *k)
{
	struct ends e = kind_open(k, 0);

	must_give(EAGAIN, chan_try_recv(e.rx, NULL));
	must_give(0, chan_send(e.tx, NULL));
	must_give(EPIPE, chan_send(e.tx, NULL));
	must_give(0, chan_recv(e.rx, NULL));
	must_give(EPIPE, chan_recv(e.rx, NULL));
	ends_drop(&e);
}

/* ---------------------------------------------------------------- disconnection */

static void closed_before_a_send_nothing_comes(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	must_keep_errno(chan_close(e.c));
	must_keep_errno(chan_close(e.c));
	expect_refused(k, e.tx);
	expect_over(e.rx);
	ends_drop(&e);
}

static void closed_after_the_send_it_still_arrives(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	queue_numbers(e.tx, 5, 1);
	must_keep_errno(chan_close(e.c));
	must_eq(chan_len(e.c), 1);
	expect_refused(k, e.tx);
	expect_numbers(e.rx, 5, 1);
	expect_over(e.rx);
	must_keep_errno(chan_close(e.c));
	expect_over(e.rx);
	ends_drop(&e);
}

static void a_sender_that_leaves_after_sending_takes_nothing_along(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	queue_numbers(e.tx, 5, 1);
	chan_sender_drop(e.tx);
	expect_numbers(e.rx, 5, 1);
	expect_over(e.rx);
	chan_receiver_drop(e.rx);
}

/* A weak sender holds no promise of a message. */
static void no_sender_is_left_although_a_weak_one_is(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_weak_sender_t *weak = chan_sender_downgrade(e.tx);
	struct call call = call_recv(e.rx, CALL_PLAIN);

	call_start_asleep(&call);
	chan_sender_drop(e.tx);
	call_finish(&call);
	must_eq(call.result, EPIPE);
	must(chan_weak_sender_upgrade(weak) == NULL);
	chan_weak_sender_drop(weak);
	chan_receiver_drop(e.rx);
}

static void a_weak_sender_sends_once_upgraded(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_weak_sender_t *weak = chan_sender_downgrade(e.tx);
	chan_sender_t *tx = chan_weak_sender_upgrade(weak);

	must(tx != NULL);
	chan_sender_drop(e.tx);
	queue_numbers(tx, 5, 1);
	chan_sender_drop(chan_weak_sender_upgrade(weak));
	expect_refused(k, tx);
	chan_sender_drop(tx);
	must(chan_weak_sender_upgrade(weak) == NULL);
	chan_weak_sender_drop(weak);
	expect_numbers(e.rx, 5, 1);
	chan_receiver_drop(e.rx);
}

/* ---------------------------------------------------------------- the destructor */

static void the_last_receiver_destroys_what_nobody_took(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	chan_receiver_t *clone = chan_receiver_clone(e.rx);

	queue_numbers(e.tx, 5, 1);
	chan_receiver_drop(e.rx);
	must_eq(d.count, 0);
	must_keep_errno(chan_receiver_drop(clone));
	must(d.count == 1 && d.sum == 5);
	must_give(EPIPE, chan_send(e.tx, &(uint64_t){ 6 }));
	chan_sender_drop(e.tx);
	must_eq(d.count, 1);
}

/* Taken, refused or never sent: not the library's to destroy. */
static void no_other_message_is_destroyed(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);

	queue_numbers(e.tx, 5, 1);
	must_give(EPIPE, chan_send(e.tx, &(uint64_t){ 6 }));
	expect_numbers(e.rx, 5, 1);
	ends_drop(&e);
	must_eq(d.count, 0);
	e = kind_open_destroying(k, &d);
	chan_close(e.c);
	must_give(EPIPE, chan_send(e.tx, &(uint64_t){ 6 }));
	ends_drop(&e);
	must_eq(d.count, 0);
}

/* What a destructor sees of the channel whose message it has. */
struct witness {
	struct ends e;
	size_t calls;
};

static void witness_message(void *msg, void *arg)
{
	struct witness *w = arg;
	uint64_t number;

	must((uintptr_t)msg % sizeof(number) == 0);
	memcpy(&number, msg, sizeof(number));
	must_eq(number, 5);
	w->calls++;
	must_eq(chan_try_recv(w->e.rx, &number), EPIPE);
	must_eq(chan_try_send(w->e.tx, &number), EPIPE);
	must_eq(chan_len(w->e.c), 0);
	chan_close(w->e.c);
}

static void received_into_nothing_it_is_destroyed_in_place(const struct kind *k)
{
	for (enum call_form form = 0; form < 2; form++) {
		struct witness w = { .calls = 0 };
		chan_attr_t attr;
		size_t count = 0;

		kind_attr(k, &attr);
		must_give(0, chan_attr_setdestructor(&attr, witness_message, &w));
		w.e = attr_open(&attr, 8);
		queue_numbers(w.e.tx, 5, 1);
		if (form == 0)
			must_give(0, chan_recv(w.e.rx, NULL));
		else
			must_give(0, chan_recv_many(w.e.rx, NULL, 3, &count));
		must_eq(w.calls, 1);
		expect_over(w.e.rx);
		ends_drop(&w.e);
		must_eq(w.calls, 1);
	}
}

/* --------------------------------------------------------------------- waiting */

static void a_receive_that_timed_out_can_be_repeated(const struct kind *k)
{
	struct timespec past = { -1, 0 };

	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct ends e = kind_open(k, 8);
		struct call call = call_recv(e.rx, form);
		uint64_t number = 77;

		for (int i = 0; i < 3; i++) {
			must_give(ETIMEDOUT, chan_recv_timeout(e.rx, &number, 0));
			must_give(ETIMEDOUT, chan_recv_timeout(e.rx, &number, 200 * CHAN_USEC));
			must_give(ETIMEDOUT, chan_recv_deadline(e.rx, &number, &past));
			must_give(EAGAIN, chan_try_recv(e.rx, &number));
		}
		must_eq(number, 77);
		if (form % 2)
			call_start_asleep(&call);
		queue_numbers(e.tx, 5, 1);
		if (form % 2)
			call_finish(&call);
		else
			call_here(&call);
		must(call.result == 0 && call.value == 5);
		ends_drop(&e);
	}
}

enum { CROWD = 4 };

static void start_crowd(struct call *crowd, chan_receiver_t *rx)
{
	for (size_t i = 0; i < CROWD; i++) {
		crowd[i] = call_recv(rx, (enum call_form)i);
		crowd[i].value = 77;
		call_start_asleep(&crowd[i]);
	}
}

/* How many of them got the message, which is 5; the others EPIPE. */
static size_t finish_crowd(struct call *crowd)
{
	size_t lucky = 0;

	for (size_t i = 0; i < CROWD; i++) {
		call_finish(&crowd[i]);
		must_eq(crowd[i].result, crowd[i].value == 5 ? 0 : EPIPE);
		must(crowd[i].value == 5 || crowd[i].value == 77);
		lucky += crowd[i].result == 0;
	}
	return lucky;
}

/* The senders stay: it is the message that ends the waiting of all. */
static void one_of_those_asleep_gets_it_and_the_others_hear(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call crowd[CROWD];

	start_crowd(crowd, e.rx);
	queue_numbers(e.tx, 5, 1);
	must_eq(finish_crowd(crowd), 1);
	ends_drop(&e);
}

static void a_passer_by_may_take_it_and_those_asleep_hear(const struct kind *k)
{
	size_t rounds = kind_rounds(k, 40);

	for (size_t i = 0; i < rounds; i++) {
		struct ends e = kind_open(k, 8);
		struct call crowd[CROWD];
		uint64_t number = 77;
		int error;

		start_crowd(crowd, e.rx);
		queue_numbers(e.tx, 5, 1);
		error = chan_try_recv(e.rx, &number);
		must_eq(error, number == 5 ? 0 : EPIPE);
		must_eq(finish_crowd(crowd), error == 0 ? 0 : 1);
		ends_drop(&e);
	}
}

static void one_that_gave_up_blocks_nobody(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call hasty = call_recv(e.rx, CALL_TIMEOUT), patient = call_recv(e.rx, CALL_PLAIN);

	hasty.timeout_ns = 10 * CHAN_MSEC;
	call_start(&hasty);
	call_start_asleep(&patient);
	call_finish(&hasty);
	must_eq(hasty.result, ETIMEDOUT);
	queue_numbers(e.tx, 5, 1);
	call_finish(&patient);
	must(patient.result == 0 && patient.value == 5);
	ends_drop(&e);
}

/* ---------------------------------------------------------------------- select */

static void a_select_takes_one_and_leaves_the_others(const struct kind *k)
{
	struct ends a = kind_open(k, 8), b = kind_open(k, 8);
	uint64_t x = 77, y = 77;
	chan_case_t cases[] = { CHAN_CASE_RECV(a.rx, &x), CHAN_CASE_RECV(b.rx, &y) };
	size_t which = 77;

	must_give(EAGAIN, chan_try_select(cases, 2, 0, &which));
	must_give(ETIMEDOUT, chan_select_timeout(cases, 2, 0, 200 * CHAN_USEC, &which));
	must_eq(which, 77);
	queue_numbers(b.tx, 5, 1);
	must_give(0, chan_select(cases, 2, 0, &which));
	must(which == 1 && cases[1].status == 0 && y == 5 && x == 77);
	must_give(0, chan_select(cases, 2, 0, &which)); /* the end is ready, again and again */
	must(which == 1 && cases[1].status == EPIPE);
	must(!chan_is_disconnected(a.c));
	queue_numbers(a.tx, 6, 1);
	must_give(0, chan_try_select(cases, 1, 0, &which));
	must(which == 0 && cases[0].status == 0 && x == 6);
	ends_drop(&a);
	ends_drop(&b);
}

struct selecting {
	chan_case_t *cases;
	size_t n, which;
	int result;
	struct worker worker;
};

static void run_select(void *arg)
{
	struct selecting *s = arg;

	s->result = chan_select(s->cases, s->n, 0, &s->which);
}

static void a_sleeping_select_is_woken_and_passes_the_end_on(const struct kind *k)
{
	struct ends a = kind_open(k, 8), b = kind_open(k, 8);
	uint64_t x = 77, y = 77;
	chan_case_t cases[] = { CHAN_CASE_RECV(a.rx, &x), CHAN_CASE_RECV(b.rx, &y) };
	struct selecting s = { .cases = cases, .n = 2 };
	struct call behind = call_recv(b.rx, CALL_PLAIN);

	worker_start(&s.worker, run_select, &s);
	worker_wait_asleep(&s.worker);
	call_start_asleep(&behind);
	queue_numbers(b.tx, 5, 1);
	worker_join(&s.worker);
	call_finish(&behind);
	must(s.result == 0 && s.which == 1);
	must(cases[1].status == EPIPE || (cases[1].status == 0 && y == 5));
	must_eq(behind.result, cases[1].status == 0 ? EPIPE : 0);
	ends_drop(&a);
	ends_drop(&b);
}

static void a_select_sends_at_once_and_only_once(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number = 5;
	chan_case_t sends[] = { CHAN_CASE_SEND(e.tx, &number) };
	size_t which = 77;

	must_give(0, chan_select(sends, 1, CHAN_SELECT_READY, &which));
	must(which == 0 && sends[0].status == 0 && !chan_is_disconnected(e.c));
	must_give(0, chan_select(sends, 1, 0, &which));
	must(which == 0 && sends[0].status == 0);
	must_give(0, chan_try_select(sends, 1, 0, &which));
	must_eq(sends[0].status, EPIPE);
	must_give(0, chan_select(sends, 1, CHAN_SELECT_READY, &which));
	must_eq(sends[0].status, EPIPE);
	expect_numbers(e.rx, 5, 1);
	ends_drop(&e);
}

/* ----------------------------------------------------------------------- races */

/*
 * A few threads that stay, and a fresh channel for each round: they begin
 * together, each after a short while of its own, and do one thing.
 */
enum { MOST_RUNNERS = 5 };

struct race;

struct runner {
	int (*act)(struct runner *r);
	struct race *race;
	struct dice dice;
	uint64_t number;  /* what it sends, or received */
	int result;
	struct worker worker;
};

struct race {
	struct ends e;
	struct destroyed d;
	struct counting counting;
	struct runner runners[MOST_RUNNERS];
	size_t n, rounds;
	atomic_size_t arrivals; /* at the beginnings and ends of rounds, by all */
};

/* The nth time that all meet. */
static void meet(struct race *race, size_t nth)
{
	atomic_fetch_add(&race->arrivals, 1);
	while (atomic_load(&race->arrivals) < nth * (race->n + 1))
		sched_yield();
}

static void run(void *arg)
{
	struct runner *r = arg;

	for (size_t i = 0; i < r->race->rounds; i++) {
		meet(r->race, 2 * i + 1);
		for (uint64_t spins = dice_roll(&r->dice, 300); spins > 0; spins--)
			atomic_signal_fence(memory_order_seq_cst);
		r->result = r->act(r);
		meet(r->race, 2 * i + 2);
	}
}

static void race_open(struct race *race, const struct kind *k, bool spins)
{
	chan_allocator_t table = counting_allocator(&race->counting);
	chan_attr_t attr;

	atomic_init(&race->d.count, 0);
	atomic_init(&race->d.sum, 0);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	must_give(0, chan_attr_setdestructor(&attr, count_destroyed, &race->d));
	if (!spins)
		must_give(0, chan_attr_setspin(&attr, 0));
	race->e = attr_open(&attr, 8);
}

/* The runners are those of `acts`, up to NULL; `judge` ends each round and drops
 * the ends that are left. */
static void race_run(const struct kind *k, int (*const *acts)(struct runner *), void (*judge)(struct race *race))
{
	static struct race race;

	memset(&race, 0, sizeof(race));
	counting_init(&race.counting);
	race.rounds = kind_rounds(k, 3000);
	while (acts[race.n])
		race.n++;
	for (size_t i = 0; i < race.n; i++) {
		race.runners[i].act = acts[i];
		race.runners[i].race = &race;
		race.runners[i].dice.state = i + 1;
		worker_start(&race.runners[i].worker, run, &race.runners[i]);
	}
	for (size_t i = 0; i < race.rounds; i++) {
		race_open(&race, k, i % 2);
		for (size_t j = 0; j < race.n; j++)
			race.runners[j].number = 100 + j;
		meet(&race, 2 * i + 1);
		meet(&race, 2 * i + 2);
		judge(&race);
		counting_must_balance(&race.counting);
	}
	for (size_t i = 0; i < race.n; i++)
		worker_join(&race.runners[i].worker);
}

static int do_send(struct runner *r)
{
	int error;

	switch (dice_roll(&r->dice, 3)) {
	case 0:  error = chan_send(r->race->e.tx, &r->number); break;
	case 1:  error = chan_try_send(r->race->e.tx, &r->number); break;
	default: error = chan_send_timeout(r->race->e.tx, &r->number, 0);
	}
	must(error == 0 || error == EPIPE);
	return error;
}

static int do_send_and_leave(struct runner *r)
{
	int error = do_send(r);

	chan_sender_drop(r->race->e.tx);
	return error;
}

static int do_recv(struct runner *r)
{
	return chan_recv(r->race->e.rx, &r->number);
}

static int do_recv_in_time(struct runner *r)
{
	return chan_recv_timeout(r->race->e.rx, &r->number, dice_roll(&r->dice, 10 * CHAN_USEC));
}

static int do_recv_in_time_and_leave(struct runner *r)
{
	int error = do_recv_in_time(r);

	chan_receiver_drop(r->race->e.rx);
	return error;
}

static int do_close(struct runner *r)
{
	chan_close(r->race->e.c);
	must(chan_is_disconnected(r->race->e.c));
	return 0;
}

/* What an abandoned request does: no more, unless it is there. */
static int do_close_and_recv(struct runner *r)
{
	int error;

	do_close(r);
	error = chan_try_recv(r->race->e.rx, &r->number);
	return error == EAGAIN ? do_recv(r) : error;
}

static int do_leave_receiving(struct runner *r)
{
	chan_receiver_drop(r->race->e.rx);
	return 0;
}

static int do_leave_sending(struct runner *r)
{
	chan_sender_drop(r->race->e.tx);
	return 0;
}

static void judge_the_last_drop(struct race *race)
{
	bool sent = race->runners[0].result == 0;

	must_eq(race->d.count, sent);
	must_eq(race->d.sum, sent ? 100 : 0);
	chan_sender_drop(race->e.tx);
	must_eq(race->d.count, sent);
}

static void a_send_races_the_last_receiver(const struct kind *k)
{
	race_run(k, (int (*const[])(struct runner *)){ do_send, do_leave_receiving, NULL }, judge_the_last_drop);
}

/* Each drops its end at once: the channel goes under whoever is slower, not before. */
static void judge_both_gone(struct race *race)
{
	struct runner *s = &race->runners[0], *r = &race->runners[1];

	must(r->result == 0 || r->result == ETIMEDOUT || (r->result == EPIPE && s->result == EPIPE));
	must(r->result != 0 || (s->result == 0 && r->number == 100));
	must_eq(race->d.count, s->result == 0 && r->result != 0);
}

static void both_ends_leave_together(const struct kind *k)
{
	race_run(k, (int (*const[])(struct runner *)){ do_send_and_leave, do_recv_in_time_and_leave, NULL },
	         judge_both_gone);
}

static void judge_a_close(struct race *race)
{
	struct runner *s = &race->runners[0];
	uint64_t number = 77;

	must_eq(chan_try_recv(race->e.rx, &number), s->result);
	must_eq(number, s->result == 0 ? 100 : 77);
	ends_drop(&race->e);
	must_eq(race->d.count, 0);
}

static void a_send_races_a_close(const struct kind *k)
{
	race_run(k, (int (*const[])(struct runner *)){ do_send, do_close, NULL }, judge_a_close);
}

static void judge_an_abandoned_one(struct race *race)
{
	struct runner *s = &race->runners[0], *r = &race->runners[1];

	must_eq(r->result, s->result);
	must_eq(r->number, r->result == 0 ? 100 : 101);
	ends_drop(&race->e);
	must_eq(race->d.count, 0);
}

static void a_send_races_a_receiver_that_closes(const struct kind *k)
{
	race_run(k, (int (*const[])(struct runner *)){ do_send, do_close_and_recv, NULL }, judge_an_abandoned_one);
}

static void judge_senders(struct race *race)
{
	uint64_t number = 77;
	size_t winner = race->runners[0].result == 0 ? 0 : 1;

	must_eq(race->runners[winner].result, 0);
	must_eq(race->runners[1 - winner].result, EPIPE);
	must_eq(chan_try_recv(race->e.rx, &number), 0);
	must_eq(number, 100 + winner);
	must(race->runners[0].number == 100 && race->runners[1].number == 101);
	ends_drop(&race->e);
	must_eq(race->d.count, 0);
}

static void two_senders_race_and_one_wins(const struct kind *k)
{
	race_run(k, (int (*const[])(struct runner *)){ do_send, do_send, NULL }, judge_senders);
}

static void judge_receivers(struct race *race)
{
	size_t winner = race->runners[1].result == 0 ? 1 : 2;

	must_eq(race->runners[0].result, 0);
	must_eq(race->runners[winner].result, 0);
	must_eq(race->runners[winner].number, 100);
	must_eq(race->runners[3 - winner].result, EPIPE);
	must_eq(race->runners[3 - winner].number, 103 - winner);
	ends_drop(&race->e);
	must_eq(race->d.count, 0);
}

static void two_receivers_race_and_one_wins(const struct kind *k)
{
	race_run(k, (int (*const[])(struct runner *)){ do_send, do_recv, do_recv, NULL }, judge_receivers);
}

static void judge_a_timeout(struct race *race)
{
	struct runner *r = &race->runners[1];

	must_eq(race->runners[0].result, 0);
	if (r->result == ETIMEDOUT)
		r->result = chan_try_recv(race->e.rx, &r->number);
	must_eq(r->result, 0);
	must_eq(r->number, 100);
	ends_drop(&race->e);
	must_eq(race->d.count, 0);
}

static void a_timed_receive_races_the_send(const struct kind *k)
{
	race_run(k, (int (*const[])(struct runner *)){ do_send, do_recv_in_time, NULL }, judge_a_timeout);
}

static void judge_the_last_sender(struct race *race)
{
	struct runner *r = &race->runners[1];

	must(r->result == EPIPE || r->result == ETIMEDOUT);
	must_eq(chan_recv(race->e.rx, &r->number), EPIPE);
	must_eq(r->number, 101);
	chan_receiver_drop(race->e.rx);
}

static void a_timed_receive_races_the_last_sender(const struct kind *k)
{
	race_run(k, (int (*const[])(struct runner *)){ do_leave_sending, do_recv_in_time, NULL },
	         judge_the_last_sender);
}

static void judge_send_then_leave(struct race *race)
{
	must_eq(race->runners[0].result, 0);
	must(race->runners[1].result == 0 && race->runners[1].number == 100);
	must_eq(chan_try_recv(race->e.rx, &race->runners[1].number), EPIPE);
	chan_receiver_drop(race->e.rx);
	must_eq(race->d.count, 0);
}

static void sent_and_left_it_is_never_missed(const struct kind *k)
{
	race_run(k, (int (*const[])(struct runner *)){ do_send_and_leave, do_recv, NULL }, judge_send_then_leave);
}

/* Two of each, and a close: sent by one or nobody, and received if sent. */
static void judge_everybody(struct race *race)
{
	struct runner *r = race->runners;
	size_t sent = 0, got = 0;

	for (size_t i = 0; i < 4; i++) {
		must(r[i].result == 0 || r[i].result == EPIPE);
		*(i < 2 ? &sent : &got) += r[i].result == 0;
	}
	must(sent <= 1 && got == sent);
	if (sent == 1)
		must_eq(r[r[2].result == 0 ? 2 : 3].number, r[0].result == 0 ? 100 : 101);
	ends_drop(&race->e);
	must_eq(race->d.count, 0);
}

static void everybody_races_a_close(const struct kind *k)
{
	race_run(k, (int (*const[])(struct runner *)){ do_send, do_send, do_recv, do_recv, do_close, NULL },
	         judge_everybody);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(a_oneshot_has_a_call_of_its_own, RUNS_ONCE),
	BEHAVIOUR(impossible_oneshots_are_not_made, RUNS_ONCE),
	BEHAVIOUR(one_allocation_serves_its_whole_life, FITS_ONE_MESSAGE),
	BEHAVIOUR(without_memory_nothing_is_made, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_second_send_is_refused, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_second_receive_is_refused, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_send_never_waits, FITS_ONE_MESSAGE),
	BEHAVIOUR(force_send_is_a_send, FITS_ONE_MESSAGE | NEEDS_RECEIVERS),
	BEHAVIOUR(a_batch_sends_its_first, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_batch_receives_one, FITS_ONE_MESSAGE),
	BEHAVIOUR(queries_follow_its_life, FITS_ONE_MESSAGE),
	BEHAVIOUR(every_byte_arrives, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_signal_needs_no_bytes, FITS_ONE_MESSAGE),
	BEHAVIOUR(closed_before_a_send_nothing_comes, FITS_ONE_MESSAGE),
	BEHAVIOUR(closed_after_the_send_it_still_arrives, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_sender_that_leaves_after_sending_takes_nothing_along, FITS_ONE_MESSAGE),
	BEHAVIOUR(no_sender_is_left_although_a_weak_one_is, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_weak_sender_sends_once_upgraded, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_last_receiver_destroys_what_nobody_took, FITS_ONE_MESSAGE),
	BEHAVIOUR(no_other_message_is_destroyed, FITS_ONE_MESSAGE),
	BEHAVIOUR(received_into_nothing_it_is_destroyed_in_place, FITS_ONE_MESSAGE | NEEDS_RECEIVERS),
	BEHAVIOUR(a_receive_that_timed_out_can_be_repeated, FITS_ONE_MESSAGE),
	BEHAVIOUR(one_of_those_asleep_gets_it_and_the_others_hear, FITS_ONE_MESSAGE | NEEDS_RECEIVERS),
	BEHAVIOUR(a_passer_by_may_take_it_and_those_asleep_hear, FITS_ONE_MESSAGE | NEEDS_RECEIVERS),
	BEHAVIOUR(one_that_gave_up_blocks_nobody, FITS_ONE_MESSAGE | NEEDS_RECEIVERS),
	BEHAVIOUR(a_select_takes_one_and_leaves_the_others, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_sleeping_select_is_woken_and_passes_the_end_on, FITS_ONE_MESSAGE | NEEDS_RECEIVERS),
	BEHAVIOUR(a_select_sends_at_once_and_only_once, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_send_races_the_last_receiver, FITS_ONE_MESSAGE),
	BEHAVIOUR(both_ends_leave_together, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_send_races_a_close, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_send_races_a_receiver_that_closes, FITS_ONE_MESSAGE),
	BEHAVIOUR(two_senders_race_and_one_wins, FITS_ONE_MESSAGE | NEEDS_SENDERS),
	BEHAVIOUR(two_receivers_race_and_one_wins, FITS_ONE_MESSAGE | NEEDS_RECEIVERS),
	BEHAVIOUR(a_timed_receive_races_the_send, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_timed_receive_races_the_last_sender, FITS_ONE_MESSAGE),
	BEHAVIOUR(sent_and_left_it_is_never_missed, FITS_ONE_MESSAGE),
	BEHAVIOUR(everybody_races_a_close, FITS_ONE_MESSAGE | NEEDS_SENDERS | NEEDS_RECEIVERS),
};

int main(void)
{
	static struct kind all[MAX_KINDS], kinds[MAX_KINDS];
	size_t n = kind_discover(all, CHAN_MANY, CHAN_MANY), chosen = 0;

	n += kind_discover(all + n, CHAN_SINGLE, CHAN_MANY);
	n += kind_discover(all + n, CHAN_MANY, CHAN_SINGLE);
	n += kind_discover(all + n, CHAN_SINGLE, CHAN_SINGLE);
	for (size_t i = 0; i < n; i++)
		if (all[i].one_message)
			kinds[chosen++] = all[i];
	return matrix_run("oneshot", behaviours, COUNT_OF(behaviours), kinds, chosen);
}
