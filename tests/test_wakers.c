/*
 * test_wakers.c - callbacks that wait, on both sides of a channel
 *
 * Linked with the library's test build: threads are held at its pause points.
 */
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/support.h"

extern void (*chan__tp_hook)(const char *name);

/* ------------------------------------------------------------------------ helpers */

/* A waker that counts its calls, and does more if `then` is set. */
struct counted {
	chan_waker_t waker;
	atomic_uint calls;
	void (*then)(struct counted *c);
	struct ends *e;
	uint64_t number;       /* its message */
	int result;            /* of its last poll, in the callback */
	unsigned left;         /* how often it goes on */
	struct counted *other;
	pthread_t thread;      /* that called */
};

static void count_call(void *arg)
{
	struct counted *c = arg;

	c->thread = pthread_self();
	atomic_fetch_add(&c->calls, 1);
	errno = EILSEQ; /* the library has to put it back */
	if (c->then)
		c->then(c);
}

static void counted_init(struct counted *c, struct ends *e)
{
	memset(c, 0, sizeof(*c));
	atomic_init(&c->calls, 0);
	c->e = e;
	must_keep_errno(chan_waker_init(&c->waker, count_call, c));
}

static unsigned calls_of(struct counted *c)
{
	return atomic_load(&c->calls);
}

static void must_have_called(struct counted *c, unsigned n)
{
	must_eq(calls_of(c), n);
}

static int poll_recv(struct counted *c)
{
	return chan_poll_recv(c->e->rx, &c->number, &c->waker);
}

static int poll_send(struct counted *c)
{
	return chan_poll_send(c->e->tx, &c->number, &c->waker);
}

static void cancel(struct counted *c)
{
	must_keep_errno(chan_waker_cancel(&c->waker));
}

static void fill(const struct kind *k, struct ends *e)
{
	queue_numbers(e->tx, 0, k->capacity);
}

/* ------------------------------------------------------------- life of a registration */

/* Only EAGAIN leaves it registered; it is called once. */
static void a_receiver_is_called_once(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;

	counted_init(&c, &e);
	c.number = 77;
	must_give(EAGAIN, poll_recv(&c));
	must(c.number == 77);
	must_have_called(&c, 0);
	queue_numbers(e.tx, 5, 1);
	must_have_called(&c, 1);
	must(pthread_equal(c.thread, pthread_self()));
	if (!k->one_message && kind_room(k) > 1)
		queue_numbers(e.tx, 6, 1);
	must_have_called(&c, 1);
	must_give(0, poll_recv(&c));
	must_eq(c.number, 5);
	while (chan_try_recv(e.rx, &c.number) == 0)
		continue;
	if (!k->one_message)
		queue_numbers(e.tx, 7, 1);
	chan_close(e.c);
	must_have_called(&c, 1);
	cancel(&c);
	ends_drop(&e);
	must_have_called(&c, 1);
}

static void a_sender_is_called_once(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;
	uint64_t number;

	counted_init(&c, &e);
	fill(k, &e);
	c.number = k->capacity;
	must_give(EAGAIN, poll_send(&c));
	must_have_called(&c, 0);
	must_give(0, chan_try_recv(e.rx, &number));
	must_have_called(&c, 1);
	must_give(0, poll_send(&c));
	expect_numbers(e.rx, 1, k->capacity);
	chan_close(e.c);
	must_have_called(&c, 1);
	cancel(&c);
	ends_drop(&e);
	must_have_called(&c, 1);
}

/* A result that is not EAGAIN leaves it idle: also where it was registered before. */
static void a_poll_that_ends_leaves_it_idle(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;

	counted_init(&c, &e);
	must_give(0, poll_send(&c));
	must_give(0, poll_recv(&c));
	if (!k->one_message) {
		must_give(EAGAIN, poll_recv(&c));
		must_give(0, poll_send(&c)); /* withdraws first */
		must_have_called(&c, 0);
		must_give(0, poll_recv(&c));
	}
	chan_close(e.c);
	must_have_called(&c, 0);
	must_give(EPIPE, poll_recv(&c));
	must_give(EPIPE, poll_send(&c));
	ends_drop(&e);
	must_have_called(&c, 0);
}

static void a_poll_again_is_one_registration(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;

	counted_init(&c, &e);
	for (size_t i = 0; i < 5; i++)
		must_give(EAGAIN, poll_recv(&c));
	queue_numbers(e.tx, 5, 1);
	must_have_called(&c, 1);
	must_give(0, poll_recv(&c));
	ends_drop(&e);
	must_have_called(&c, 1);
}

/* One waker serves one thing at a time, and any. */
static void a_waker_moves_between_channels(const struct kind *k)
{
	struct ends e[2] = { kind_open(k, 8), kind_open(k, 8) };
	struct counted c;
	uint64_t number = 5;

	counted_init(&c, &e[0]);
	must_give(EAGAIN, chan_poll_recv(e[0].rx, &number, &c.waker));
	must_give(EAGAIN, chan_poll_recv(e[1].rx, &number, &c.waker));
	queue_numbers(e[0].tx, 1, 1);
	must_have_called(&c, 0);
	queue_numbers(e[1].tx, 2, 1);
	must_have_called(&c, 1);
	must_give(0, chan_poll_recv(e[0].rx, &number, &c.waker));
	must_eq(number, 1);
	must_give(0, chan_poll_recv(e[1].rx, &number, &c.waker));
	must_eq(number, 2);
	ends_drop(&e[0]);
	ends_drop(&e[1]);
	must_have_called(&c, 1);
}

static void each_end_calls(const struct kind *k)
{
	for (size_t how = 0; how < 2; how++) {
		struct ends e = kind_open(k, 8);
		struct counted c;

		counted_init(&c, &e);
		must_give(EAGAIN, poll_recv(&c));
		if (how == 0)
			must_keep_errno(chan_close(e.c));
		else
			must_keep_errno(chan_sender_drop(e.tx));
		must_have_called(&c, 1);
		must_give(EPIPE, poll_recv(&c));
		if (how == 0)
			chan_sender_drop(e.tx);
		chan_receiver_drop(e.rx);
		must_have_called(&c, 1);
	}
}

static void each_end_calls_a_sender(const struct kind *k)
{
	for (size_t how = 0; how < 2; how++) {
		struct ends e = kind_open(k, 8);
		struct counted c;

		counted_init(&c, &e);
		fill(k, &e);
		must_give(EAGAIN, poll_send(&c));
		if (how == 0)
			must_keep_errno(chan_close(e.c));
		else
			must_keep_errno(chan_receiver_drop(e.rx));
		must_have_called(&c, 1);
		must_give(EPIPE, poll_send(&c));
		if (how == 0)
			chan_receiver_drop(e.rx);
		chan_sender_drop(e.tx);
		must_have_called(&c, 1);
	}
}

static void cancelled_it_is_not_called(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;

	counted_init(&c, &e);
	cancel(&c);
	must_give(EAGAIN, poll_recv(&c));
	cancel(&c);
	cancel(&c);
	queue_numbers(e.tx, 5, 1);
	must_have_called(&c, 0);
	must_give(0, poll_recv(&c));
	cancel(&c);
	chan_close(e.c);
	cancel(&c);
	ends_drop(&e);
	cancel(&c);
	must_have_called(&c, 0);
}

static void a_cancelled_sender_is_not_called(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;

	counted_init(&c, &e);
	fill(k, &e);
	must_give(EAGAIN, poll_send(&c));
	cancel(&c);
	must_give(0, chan_try_recv(e.rx, NULL));
	chan_close(e.c);
	must_have_called(&c, 0);
	ends_drop(&e);
}

/* Storage on the stack may go as soon as cancel has returned. */
static void it_may_be_gone_after_cancel(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	for (size_t i = 0; i < 3; i++) {
		struct counted c;

		counted_init(&c, &e);
		must_give(EAGAIN, poll_recv(&c));
		cancel(&c);
		memset(&c, 0xa5, sizeof(c));
	}
	queue_numbers(e.tx, 5, 1);
	ends_drop(&e);
}

/* ---------------------------------------------------------------------- arguments */

static void arguments_are_checked(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_waker_t zero, none;
	struct counted c;
	uint64_t number = 77;

	counted_init(&c, &e);
	memset(&zero, 0, sizeof(zero));
	must_keep_errno(chan_waker_init(NULL, count_call, &c));
	must_keep_errno(chan_waker_init(&none, NULL, &c));
	must_give(EINVAL, chan_poll_recv(NULL, &number, &c.waker));
	must_give(EINVAL, chan_poll_recv(e.rx, &number, NULL));
	must_give(EINVAL, chan_poll_recv(e.rx, &number, &zero));
	must_give(EINVAL, chan_poll_recv(e.rx, &number, &none));
	must_give(EINVAL, chan_poll_send(NULL, &number, &c.waker));
	must_give(EINVAL, chan_poll_send(e.tx, NULL, &c.waker));
	must_give(EINVAL, chan_poll_send(e.tx, &number, NULL));
	must_give(EINVAL, chan_poll_send(e.tx, &number, &zero));
	must_give(EINVAL, chan_poll_send(e.tx, &number, &none));
	must_keep_errno(chan_waker_cancel(NULL));
	must_keep_errno(chan_waker_cancel(&zero));
	must_keep_errno(chan_waker_cancel(&none));
	must(chan_is_empty(e.c) && number == 77);
	ends_drop(&e);
	must_have_called(&c, 0);
}

static void a_message_may_be_destroyed_in_place(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	struct counted c;

	counted_init(&c, &e);
	must_give(EAGAIN, chan_poll_recv(e.rx, NULL, &c.waker));
	queue_numbers(e.tx, 5, 1);
	must_have_called(&c, 1);
	must_give(0, chan_poll_recv(e.rx, NULL, &c.waker));
	must(atomic_load(&d.count) == 1 && atomic_load(&d.sum) == 5);
	ends_drop(&e);
}

static void empty_messages_are_polled(const struct kind *k)
{
	struct ends e = kind_open(k, 0);
	struct counted c;

	counted_init(&c, &e);
	must_give(EAGAIN, chan_poll_recv(e.rx, NULL, &c.waker));
	must_give(0, chan_try_send(e.tx, NULL));
	must_have_called(&c, 1);
	must_give(0, chan_poll_recv(e.rx, NULL, &c.waker));
	ends_drop(&e);
}

static void nothing_is_allocated(const struct kind *k)
{
	struct counting counting;
	chan_allocator_t allocator;
	chan_attr_t attr;
	struct counted c;
	struct ends e;
	size_t calls;

	counting_init(&counting);
	allocator = counting_allocator(&counting);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &allocator));
	e = attr_open(&attr, 8);
	counted_init(&c, &e);
	calls = counting_calls(&counting);
	counting_fail(&counting, 0, SIZE_MAX);
	for (size_t i = 0; i < 5; i++)
		must_give(EAGAIN, poll_recv(&c));
	must_eq(counting_calls(&counting), calls);
	chan_close(e.c);
	must_have_called(&c, 1);
	must_eq(counting_calls(&counting), calls);
	ends_drop(&e);
	counting_must_balance(&counting);
}

/* A send without memory is a result like others: idle. */
static void without_memory_it_stays_idle(const struct kind *k)
{
	struct counting counting;
	chan_allocator_t allocator;
	chan_attr_t attr;
	struct counted c;
	struct ends e;
	int error = 0;

	counting_init(&counting);
	allocator = counting_allocator(&counting);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &allocator));
	e = attr_open(&attr, 8);
	counted_init(&c, &e);
	counting_fail(&counting, 0, SIZE_MAX);
	for (size_t i = 0; error == 0 && i < 1000; i++)
		error = poll_send(&c);
	must_eq(error, ENOMEM);
	counting_fail(&counting, 0, 0);
	must_give(0, poll_send(&c));
	chan_close(e.c);
	ends_drop(&e);
	must_have_called(&c, 0);
	counting_must_balance(&counting);
}

/* ---------------------------------------------------------------- inside a callback */

static void poll_recv_again(struct counted *c)
{
	uint64_t number;

	while ((c->result = chan_poll_recv(c->e->rx, &number, &c->waker)) == 0)
		c->number += number;
}

/* Called, it takes what is there and waits again: a server in callbacks. */
static void a_callback_polls_again(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;
	size_t n = test_scaled(1000);

	counted_init(&c, &e);
	c.then = poll_recv_again;
	must_give(EAGAIN, poll_recv(&c));
	for (uint64_t i = 0; i < n; i++) {
		must_give(0, chan_try_send(e.tx, &i));
		must_eq(c.result, EAGAIN);
		must_have_called(&c, (unsigned)i + 1);
	}
	must_eq(c.number, sum_of_numbers(0, n));
	chan_close(e.c);
	must_eq(c.result, EPIPE);
	must_have_called(&c, (unsigned)n + 1);
	ends_drop(&e);
}

/* Receives, sends what comes next, and waits again: the send calls it once more,
 * inside itself, many levels deep. */
static void answer_deeply(struct counted *c)
{
	uint64_t number;

	must_give(0, chan_try_recv(c->e->rx, &number));
	must_eq(number, c->left);
	c->result = chan_poll_recv(c->e->rx, &c->number, &c->waker);
	must_eq(c->result, EAGAIN);
	if (c->left == 0)
		return;
	number = --c->left;
	must_give(0, chan_try_send(c->e->tx, &number));
}

static void callbacks_nest(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;

	for (unsigned levels = 1; levels <= 300; levels = levels * 3 + 1) {
		counted_init(&c, &e);
		c.then = answer_deeply;
		c.left = levels;
		must_give(EAGAIN, poll_recv(&c));
		queue_numbers(e.tx, levels, 1);
		must_have_called(&c, levels + 1);
		cancel(&c);
		queue_numbers(e.tx, 7, 1);
		must_have_called(&c, levels + 1);
		expect_numbers(e.rx, 7, 1);
	}
	ends_drop(&e);
}

/* The same, and the innermost one cancels: nobody touches the waker again. */
static void answer_and_vanish(struct counted *c)
{
	uint64_t number;

	must_give(0, chan_try_recv(c->e->rx, &number));
	must_give(EAGAIN, chan_poll_recv(c->e->rx, &c->number, &c->waker));
	if (number > 0) {
		number--;
		must_give(0, chan_try_send(c->e->tx, &number));
		return;
	}
	chan_waker_cancel(&c->waker);
	memset(&c->waker, 0xa5, sizeof(c->waker));
}

static void a_nested_callback_cancels(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;

	counted_init(&c, &e);
	c.then = answer_and_vanish;
	must_give(EAGAIN, poll_recv(&c));
	queue_numbers(e.tx, 20, 1);
	must_have_called(&c, 21);
	for (size_t i = 0; i < sizeof(c.waker); i++)
		must_eq(((unsigned char *)&c.waker)[i], 0xa5);
	queue_numbers(e.tx, 1, 1);
	must_have_called(&c, 21);
	ends_drop(&e);
}

/* Cancel from inside returns at once, and the waker is not touched again. */
static void vanish(struct counted *c)
{
	chan_waker_cancel(&c->waker);
	chan_waker_cancel(&c->waker);
	memset(&c->waker, 0xa5, sizeof(c->waker));
}

static void a_callback_cancels_itself(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;

	counted_init(&c, &e);
	c.then = vanish;
	must_give(EAGAIN, poll_recv(&c));
	queue_numbers(e.tx, 5, 1);
	must_have_called(&c, 1);
	for (size_t i = 0; i < sizeof(c.waker); i++)
		must_eq(((unsigned char *)&c.waker)[i], 0xa5);
	ends_drop(&e);
}

/* It may take, send, close: nothing is locked. */
static void use_everything(struct counted *c)
{
	uint64_t number = 9;
	size_t count;

	chan_len(c->e->c);
	chan_is_full(c->e->c);
	c->result = chan_try_recv(c->e->rx, &c->number);
	chan_try_send(c->e->tx, &number);
	chan_try_recv(c->e->rx, &number);
	chan_try_send_many(c->e->tx, &number, 1, &count);
	chan_try_recv_many(c->e->rx, &number, 1, &count);
	if (c->other)
		queue_numbers(c->other->e->tx, 8, 1); /* another channel, whose waker fires in here */
	chan_close(c->e->c);
}

static void a_callback_may_use_every_channel(const struct kind *k)
{
	struct ends e = kind_open(k, 8), other = kind_open(k, 8);
	struct counted c, inner;

	counted_init(&inner, &other);
	counted_init(&c, &e);
	c.then = use_everything;
	c.other = &inner;
	must_give(EAGAIN, poll_recv(&inner));
	must_give(EAGAIN, poll_recv(&c));
	queue_numbers(e.tx, 5, 1);
	must_have_called(&c, 1);
	must(c.result == 0 && c.number == 5);
	must_have_called(&inner, 1);
	must_give(0, poll_recv(&inner));
	must_eq(inner.number, 8);
	must(chan_is_disconnected(e.c));
	ends_drop(&e);
	ends_drop(&other);
}

/* The last handles go in a callback, the one in use among them. */
static void drop_everything(struct counted *c)
{
	chan_receiver_drop(c->e->rx);
	chan_sender_drop(c->e->tx);
}

static void a_callback_may_drop_the_handle_in_use(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;
	uint64_t number = 5;
	size_t count;

	counted_init(&c, &e);
	c.then = drop_everything;
	must_give(EAGAIN, poll_recv(&c));
	must_give(0, chan_try_send(e.tx, &number));
	must_have_called(&c, 1);
	e = kind_open(k, 8);
	counted_init(&c, &e);
	c.then = drop_everything;
	must_give(EAGAIN, poll_recv(&c));
	must_keep_errno(chan_close(e.c));
	must_have_called(&c, 1);
	e = kind_open(k, 8);
	counted_init(&c, &e);
	c.then = drop_everything;
	must_give(EAGAIN, poll_recv(&c));
	must_give(0, chan_try_send_many(e.tx, &number, 1, &count));
	must(count == 1 && calls_of(&c) == 1);
}

static void a_senders_callback_may_drop_the_handle_in_use(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;

	counted_init(&c, &e);
	c.then = drop_everything;
	fill(k, &e);
	must_give(EAGAIN, poll_send(&c));
	must_give(0, chan_try_recv(e.rx, &c.number));
	must_have_called(&c, 1);
}

static void cancel_and_drop_everything(struct counted *c)
{
	cancel(c);
	memset(&c->waker, 0xa5, sizeof(c->waker));
	drop_everything(c);
}

/* The handles of one that was woken may go once it has cancelled, or polled elsewhere. */
static void once_it_is_idle_the_handles_may_go(const struct kind *k)
{
	struct ends other = kind_open(k, 8);

	for (size_t how = 0; how < 3; how++) {
		struct ends e = kind_open(k, 8);
		struct counted c;

		counted_init(&c, &e);
		c.then = how == 0 ? cancel_and_drop_everything : NULL;
		must_give(EAGAIN, poll_recv(&c));
		must_give(0, chan_try_send(e.tx, &c.number));
		must_have_called(&c, 1);
		if (how == 0)
			continue;
		if (how == 1)
			cancel(&c);
		else
			must_give(EAGAIN, chan_poll_recv(other.rx, &c.number, &c.waker));
		drop_everything(&c);
		cancel(&c);
		must_have_called(&c, 1);
	}
	ends_drop(&other);
}

/* Both sides of one channel are run by callbacks, the one calls the other. */
static void send_next(struct counted *c)
{
	while (c->left > 0 && (c->result = chan_poll_send(c->e->tx, &c->number, &c->waker)) == 0) {
		c->number++;
		c->left--;
	}
}

static void callbacks_feed_callbacks(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted s, r;
	unsigned n = 200;

	counted_init(&s, &e);
	counted_init(&r, &e);
	s.then = send_next;
	r.then = poll_recv_again;
	s.left = n;
	must_give(EAGAIN, poll_recv(&r));
	send_next(&s);
	must_eq(s.left, 0);
	must_eq(r.result, EAGAIN);
	must_eq(r.number, sum_of_numbers(0, n));
	cancel(&s);
	cancel(&r);
	ends_drop(&e);
}

/* -------------------------------------------------------------------------- passing on */

/* The first was woken and does not want it: who is behind gets the message. */
static void an_unused_wake_up_is_passed_on(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted a, b;

	counted_init(&a, &e);
	counted_init(&b, &e);
	must_give(EAGAIN, poll_recv(&a));
	must_give(EAGAIN, poll_recv(&b));
	queue_numbers(e.tx, 5, 1);
	must_eq(calls_of(&a) + calls_of(&b), 1);
	must_have_called(&a, 1);
	cancel(&a);
	must_have_called(&b, 1);
	must_give(0, poll_recv(&b));
	ends_drop(&e);
	must_have_called(&a, 1);
}

static void a_thread_behind_gets_it(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call call = call_recv(e.rx, CALL_PLAIN);
	struct counted a;

	counted_init(&a, &e);
	must_give(EAGAIN, poll_recv(&a));
	call_start_asleep(&call);
	queue_numbers(e.tx, 5, 1);
	must_have_called(&a, 1);
	cancel(&a);
	call_finish(&call);
	must(call.result == 0 && call.value == 5);
	ends_drop(&e);
}

static void a_sender_behind_gets_it(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call call = call_send(e.tx, CALL_PLAIN, k->capacity);
	struct counted a;

	counted_init(&a, &e);
	fill(k, &e);
	must_give(EAGAIN, poll_send(&a));
	call_start_asleep(&call);
	must_give(0, chan_try_recv(e.rx, NULL));
	must_have_called(&a, 1);
	cancel(&a);
	call_finish(&call);
	must_eq(call.result, 0);
	expect_numbers(e.rx, 1, k->capacity);
	ends_drop(&e);
}

/* It polls something else instead: that withdraws, too. */
static void a_poll_elsewhere_passes_it_on(const struct kind *k)
{
	struct ends e = kind_open(k, 8), other = kind_open(k, 8);
	struct call call = call_recv(e.rx, CALL_PLAIN);
	struct counted a;
	uint64_t number;

	counted_init(&a, &e);
	must_give(EAGAIN, poll_recv(&a));
	call_start_asleep(&call);
	queue_numbers(e.tx, 5, 1);
	must_have_called(&a, 1);
	must_give(EAGAIN, chan_poll_recv(other.rx, &number, &a.waker));
	call_finish(&call);
	must(call.result == 0 && call.value == 5);
	cancel(&a);
	ends_drop(&e);
	ends_drop(&other);
}

/* It takes one of two messages: who is behind gets the other. */
static void what_is_left_goes_to_who_is_behind(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted a, b;

	counted_init(&a, &e);
	counted_init(&b, &e);
	must_give(EAGAIN, poll_recv(&a));
	must_give(EAGAIN, poll_recv(&b));
	queue_numbers(e.tx, 5, 2);
	must_have_called(&a, 1);
	must_give(0, poll_recv(&a));
	must_have_called(&b, 1);
	must_give(0, poll_recv(&b));
	must_eq(a.number + b.number, 11);
	ends_drop(&e);
}

/* The message it was called for is gone: it waits again, in vain but for the next. */
static void a_barged_waker_waits_again(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted a;

	counted_init(&a, &e);
	must_give(EAGAIN, poll_recv(&a));
	for (unsigned i = 1; i <= 40; i++) {
		queue_numbers(e.tx, i, 1);
		must_have_called(&a, i);
		expect_numbers(e.rx, i, 1);
		must_give(EAGAIN, poll_recv(&a));
	}
	queue_numbers(e.tx, 50, 1);
	must_give(0, poll_recv(&a));
	must_eq(a.number, 50);
	ends_drop(&e);
}

/* -------------------------------------------------------------- among other waiters */

enum { WAITERS = 4 };

static unsigned total(struct counted *c, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += calls_of(&c[i]);
	return sum;
}

static void a_send_calls_one(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c[WAITERS];
	size_t room = kind_room(k) < WAITERS ? kind_room(k) : WAITERS;

	for (size_t i = 0; i < WAITERS; i++) {
		counted_init(&c[i], &e);
		must_give(EAGAIN, poll_recv(&c[i]));
	}
	for (size_t i = 0; i < room; i++) {
		queue_numbers(e.tx, i, 1);
		must_eq(total(c, WAITERS), i + 1);
		must_have_called(&c[i], 1); /* in order of arrival */
	}
	for (size_t i = WAITERS; i-- > 0;) /* what was not used finds nobody */
		cancel(&c[i]);
	must_eq(total(c, WAITERS), room);
	ends_drop(&e);
}

static void a_batch_calls_as_many_as_it_has_messages(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c[WAITERS];
	uint64_t numbers[2] = { 1, 2 };
	size_t count, taken = 0;

	for (size_t i = 0; i < WAITERS; i++) {
		counted_init(&c[i], &e);
		must_give(EAGAIN, poll_recv(&c[i]));
	}
	must_give(0, chan_try_send_many(e.tx, numbers, 2, &count));
	must(count == 2 && total(c, WAITERS) >= 1 && total(c, WAITERS) <= 2);
	for (size_t i = 0; i < WAITERS; i++)
		taken += calls_of(&c[i]) == 1 && poll_recv(&c[i]) == 0;
	must_eq(taken, 2);
	for (size_t i = 0; i < WAITERS; i++)
		cancel(&c[i]);
	ends_drop(&e);
}

static void the_end_calls_all(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c[WAITERS];

	for (size_t i = 0; i < WAITERS; i++) {
		counted_init(&c[i], &e);
		must_give(EAGAIN, poll_recv(&c[i]));
	}
	chan_close(e.c);
	for (size_t i = 0; i < WAITERS; i++)
		must_have_called(&c[i], 1);
	ends_drop(&e);
}

/* A waker, a select and a thread wait: each message ends the wait of one. */
static void one_of_all_sorts_is_woken(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call call = call_recv(e.rx, CALL_PLAIN);
	uint64_t number = 0;
	chan_case_t one = case_recv(e.rx, &number);
	struct pick pick = pick_of(&one, 1, 0, PICK_PLAIN);
	struct counted c;

	counted_init(&c, &e);
	call_start_asleep(&call);
	must_give(EAGAIN, poll_recv(&c));
	pick_start_asleep(&pick);
	queue_numbers(e.tx, 1, 1);
	call_finish(&call);
	must(call.result == 0 && call.value == 1);
	must(calls_of(&c) == 0 && !atomic_load(&pick.worker.ended));
	queue_numbers(e.tx, 2, 1);
	must_have_called(&c, 1);
	must_give(0, poll_recv(&c));
	must(c.number == 2 && !atomic_load(&pick.worker.ended));
	queue_numbers(e.tx, 3, 1);
	pick_finish(&pick);
	must_have_picked(&pick, 0, 0);
	must_eq(number, 3);
	must_have_called(&c, 1);
	ends_drop(&e);
}

/* A descriptor and a select that only looks are told beside it. */
static void observers_are_told_besides(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number;
	chan_case_t one = case_recv(e.rx, &number);
	struct pick pick = pick_of(&one, 1, CHAN_SELECT_READY, PICK_PLAIN);
	struct counted c;

	counted_init(&c, &e);
	must_give(EAGAIN, poll_recv(&c));
	pick_start_asleep(&pick);
	queue_numbers(e.tx, 5, 1);
	must_have_called(&c, 1);
	pick_finish(&pick);
	must_have_picked(&pick, 0, 0);
	must_give(0, poll_recv(&c));
	ends_drop(&e);
}

/* ---------------------------------------------------------------------- rendezvous */

static void a_waker_pairs_with_who_waits(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;

	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct call call = call_send(e.tx, form, 5);

		counted_init(&c, &e);
		must_give(EAGAIN, poll_recv(&c));
		call_start_asleep(&call);
		must_have_called(&c, 1);
		must_give(0, poll_recv(&c));
		must_eq(c.number, 5);
		call_finish(&call);
		must_eq(call.result, 0);
		call = call_recv(e.rx, form);
		counted_init(&c, &e);
		c.number = 6;
		must_give(EAGAIN, poll_send(&c));
		call_start_asleep(&call);
		must_have_called(&c, 1);
		must_give(0, poll_send(&c));
		call_finish(&call);
		must(call.result == 0 && call.value == 6);
	}
	ends_drop(&e);
}

static void two_wakers_never_meet(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted s, r;
	uint64_t number = 1;

	counted_init(&s, &e);
	counted_init(&r, &e);
	for (size_t i = 0; i < 10; i++) {
		must_give(EAGAIN, poll_send(&s));
		must_give(EAGAIN, poll_recv(&r));
	}
	must(calls_of(&s) == 0 && calls_of(&r) == 0);
	must_give(EAGAIN, chan_try_send(e.tx, &number)); /* no partner either */
	must_give(EAGAIN, chan_try_recv(e.rx, &number));
	chan_close(e.c);
	must(calls_of(&s) == 1 && calls_of(&r) == 1);
	ends_drop(&e);
}

/* The answer to that. */
static void two_wakers_meet_at_capacity_1(const struct kind *k)
{
	struct counted s, r;
	struct ends e;

	(void)k;
	must_give(0, chan_bounded(1, 8, &e.tx, &e.rx));
	e.c = chan_sender_channel(e.tx);
	counted_init(&s, &e);
	counted_init(&r, &e);
	must_give(EAGAIN, poll_recv(&r));
	for (s.number = 0; s.number < 20; s.number++) {
		must_give(0, poll_send(&s));
		must_have_called(&r, (unsigned)s.number + 1);
		must_give(0, poll_recv(&r));
		must_eq(r.number, s.number);
		must_give(EAGAIN, poll_recv(&r));
	}
	cancel(&r);
	ends_drop(&e);
}

/* ------------------------------------------------------------------- timers, tokens */

static void timers_that_fall_due_have_no_wakers(const struct kind *k)
{
	struct ends e = { NULL, NULL, NULL };
	chan_receiver_t *rx[3];
	struct timespec got;
	struct counted c;

	(void)k;
	counted_init(&c, &e);
	must_give(0, chan_after(0, &rx[0]));
	must_give(0, chan_after(CHAN_SEC * 3600, &rx[1]));
	must_give(0, chan_tick(CHAN_SEC * 3600, &rx[2]));
	for (size_t i = 0; i < COUNT_OF(rx); i++) {
		must_give(ENOTSUP, chan_poll_recv(rx[i], &got, &c.waker));
		chan_close(chan_receiver_channel(rx[i]));
		must_give(ENOTSUP, chan_poll_recv(rx[i], &got, &c.waker));
		chan_receiver_drop(rx[i]);
	}
	must_have_called(&c, 0);
}

static void never_has(const struct kind *k)
{
	struct ends e = { NULL, NULL, NULL };
	struct counted c;

	(void)k;
	must_give(0, chan_never(8, &e.rx));
	counted_init(&c, &e);
	must_give(EAGAIN, poll_recv(&c));
	must_give(EAGAIN, poll_recv(&c));
	cancel(&c);
	must_give(EAGAIN, poll_recv(&c));
	chan_close(chan_receiver_channel(e.rx));
	must_have_called(&c, 1);
	must_give(EPIPE, poll_recv(&c));
	chan_receiver_drop(e.rx);
}

static void tokens_have(const struct kind *k)
{
	struct ends e = { NULL, NULL, NULL };
	chan_cancel_t *parent, *child;
	struct counted a, b;

	(void)k;
	must_give(0, chan_cancel_create(NULL, &parent));
	must_give(0, chan_cancel_create(parent, &child));
	counted_init(&a, &e);
	counted_init(&b, &e);
	must_give(EAGAIN, chan_poll_recv(chan_cancel_receiver(parent), NULL, &a.waker));
	must_give(EAGAIN, chan_poll_recv(chan_cancel_receiver(child), NULL, &b.waker));
	must_keep_errno(chan_cancel_trigger(parent));
	must(calls_of(&a) == 1 && calls_of(&b) == 1);
	must_give(EPIPE, chan_poll_recv(chan_cancel_receiver(child), NULL, &b.waker));
	must_give(EPIPE, chan_poll_recv(chan_cancel_receiver(parent), NULL, &a.waker));
	chan_cancel_drop(parent);
	chan_cancel_drop(child);
}

static void each_subscription_calls_its_own(const struct kind *k)
{
	chan_receiver_t *other = NULL;
	struct counted a, b, s;
	struct ends e;

	(void)k;
	must_give(0, chan_broadcast(1, 8, &e.tx, &e.rx));
	e.c = chan_sender_channel(e.tx);
	must_give(0, chan_subscribe(e.tx, &other));
	counted_init(&a, &e);
	counted_init(&b, &e);
	counted_init(&s, &e);
	must_give(EAGAIN, poll_recv(&a));
	must_give(EAGAIN, chan_poll_recv(other, &b.number, &b.waker));
	queue_numbers(e.tx, 5, 1);
	must(calls_of(&a) == 1 && calls_of(&b) == 1);
	must_give(EAGAIN, poll_send(&s));
	must_give(0, poll_recv(&a));
	must_have_called(&s, 0);
	must_give(0, chan_poll_recv(other, &b.number, &b.waker));
	must_have_called(&s, 1);
	must(a.number == 5 && b.number == 5);
	cancel(&s);
	chan_receiver_drop(other);
	ends_drop(&e);
}

/* A poll that cannot be: of a timer, without a handle or a message. */
static void poll_in_vain(struct counted *c, size_t how)
{
	struct timespec got;
	chan_receiver_t *rx;

	if (how == 0) {
		must_give(0, chan_after(CHAN_SEC * 3600, &rx));
		must_give(ENOTSUP, chan_poll_recv(rx, &got, &c->waker));
		chan_receiver_drop(rx);
	} else if (how == 1) {
		must_give(EINVAL, chan_poll_recv(NULL, &c->number, &c->waker));
	} else if (how == 2) {
		must_give(EINVAL, chan_poll_send(NULL, &c->number, &c->waker));
	} else {
		must_give(EINVAL, chan_poll_send(c->e->tx, NULL, &c->waker));
	}
}

/* It withdraws an earlier registration, and passes on what that was woken for. */
static void a_poll_that_cannot_be_leaves_it_idle(const struct kind *k)
{
	for (size_t how = 0; how < 4; how++) {
		struct ends e = kind_open(k, 8);
		struct counted a, b;

		counted_init(&a, &e);
		counted_init(&b, &e);
		must_give(EAGAIN, poll_recv(&a));
		poll_in_vain(&a, how);
		must_give(EAGAIN, poll_recv(&a));
		must_give(EAGAIN, poll_recv(&b));
		queue_numbers(e.tx, 5, 1);
		must(calls_of(&a) == 1 && calls_of(&b) == 0);
		poll_in_vain(&a, how);
		must(calls_of(&a) == 1 && calls_of(&b) == 1);
		must_give(0, poll_recv(&b));
		must_give(EAGAIN, poll_recv(&a));
		poll_in_vain(&a, how);
		memset(&a.waker, 0xa5, sizeof(a.waker));
		chan_close(e.c);
		ends_drop(&e);
		must(calls_of(&a) == 1 && calls_of(&b) == 1);
	}
}

/* Told of a loss, it is idle. */
static void a_lag_ends_a_poll(const struct kind *k)
{
	chan_attr_t attr;
	struct counted c;
	struct ends e;

	(void)k;
	must_give(0, chan_attr_init(&attr));
	must_give(0, chan_attr_setflavor(&attr, flavor_named("broadcast")));
	must_give(0, chan_attr_setcapacity(&attr, 1));
	must_give(0, chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST));
	e = attr_open(&attr, 8);
	counted_init(&c, &e);
	must_give(EAGAIN, poll_recv(&c));
	queue_numbers(e.tx, 1, 2);
	must_have_called(&c, 1);
	must_give(EOVERFLOW, poll_recv(&c));
	queue_numbers(e.tx, 3, 1);
	must_have_called(&c, 1);
	must_give(EOVERFLOW, poll_recv(&c));
	must_give(0, poll_recv(&c));
	must_eq(c.number, 3);
	ends_drop(&e);
}

/* -------------------------------------------------------------- windows of a race */

/* A callback that stays until it is let go. */
struct held {
	struct counted c;
	sem_t arrived, go;
	atomic_bool left;
};

static void stay(struct counted *c)
{
	struct held *h = (struct held *)(void *)c;

	sem_post(&h->arrived);
	wait_sem(&h->go);
	atomic_store(&h->left, true);
}

static void held_init(struct held *h, struct ends *e)
{
	counted_init(&h->c, e);
	h->c.then = stay;
	atomic_init(&h->left, false);
	must(sem_init(&h->arrived, 0, 0) == 0 && sem_init(&h->go, 0, 0) == 0);
}

static void send_one(void *arg)
{
	struct ends *e = arg;
	uint64_t number = 5;

	must_give(0, chan_try_send(e->tx, &number));
}

static void cancel_held(void *arg)
{
	struct held *h = arg;

	cancel(&h->c);
	must(atomic_load(&h->left));
	memset(&h->c.waker, 0xa5, sizeof(h->c.waker));
}

/* Two threads, the sender in the callback, the other in cancel: which sleeps. */
static void cancel_waits_for_a_running_callback(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct worker sender, canceller;
	struct held h;

	held_init(&h, &e);
	must_give(EAGAIN, poll_recv(&h.c));
	worker_start(&sender, send_one, &e);
	wait_sem(&h.arrived);
	worker_start(&canceller, cancel_held, &h);
	worker_wait_asleep(&canceller);
	must(!atomic_load(&canceller.ended));
	sem_post(&h.go);
	worker_join(&canceller);
	worker_join(&sender);
	must_have_called(&h.c, 1);
	ends_drop(&e);
}

static void stay_and_poll_again(struct counted *c)
{
	stay(c);
	poll_recv_again(c);
	must_eq(c->result, EAGAIN);
}

/* The callback polls while another thread cancels, which has the last word. */
static void cancel_ends_what_the_callback_registers(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct worker sender, canceller;
	struct held h;

	held_init(&h, &e);
	h.c.then = stay_and_poll_again;
	must_give(EAGAIN, poll_recv(&h.c));
	worker_start(&sender, send_one, &e);
	wait_sem(&h.arrived);
	worker_start(&canceller, cancel_held, &h);
	worker_wait_asleep(&canceller);
	sem_post(&h.go);
	worker_join(&canceller);
	worker_join(&sender);
	must_eq(h.c.number, 5);
	queue_numbers(e.tx, 6, 1);
	must_have_called(&h.c, 1);
	expect_numbers(e.rx, 6, 1);
	ends_drop(&e);
}

static void poll_again_and_stay(struct counted *c)
{
	poll_recv_again(c);
	must_eq(c->result, EAGAIN);
	stay(c);
}

/* It had registered before, and that fires while the other thread waits. */
static void cancel_waits_for_callbacks_that_begin_meanwhile(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct worker first, second, canceller;
	struct held h;

	held_init(&h, &e);
	h.c.then = poll_again_and_stay;
	must_give(EAGAIN, poll_recv(&h.c));
	worker_start(&first, send_one, &e);
	wait_sem(&h.arrived);
	worker_start(&canceller, cancel_held, &h);
	worker_wait_asleep(&canceller);
	worker_start(&second, send_one, &e);
	wait_sem(&h.arrived);
	must(!atomic_load(&canceller.ended));
	sem_post(&h.go);
	sem_post(&h.go);
	worker_join(&canceller);
	worker_join(&first);
	worker_join(&second);
	must_eq(h.c.number, 10);
	queue_numbers(e.tx, 6, 1);
	must_have_called(&h.c, 2);
	expect_numbers(e.rx, 6, 1);
	ends_drop(&e);
}

/* A poll does not wait for it: the next registration may fire meanwhile. */
static void a_poll_waits_for_no_callback(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct worker sender, second;
	struct held h;

	held_init(&h, &e);
	must_give(EAGAIN, poll_recv(&h.c));
	worker_start(&sender, send_one, &e);
	wait_sem(&h.arrived);
	must_give(0, poll_recv(&h.c));
	must_give(EAGAIN, poll_recv(&h.c));
	worker_start(&second, send_one, &e);
	wait_sem(&h.arrived);
	must_have_called(&h.c, 2);
	sem_post(&h.go);
	sem_post(&h.go);
	worker_join(&sender);
	worker_join(&second);
	must_give(0, poll_recv(&h.c));
	cancel(&h.c);
	ends_drop(&e);
}

/* One thread is inside the callback of two wakers, and cancels the outer; another
 * thread waits in its cancel of the inner. */
static void cancel_outer(struct counted *c)
{
	cancel(c->other);
	memset(&c->other->waker, 0xa5, sizeof(c->other->waker));
	stay(c);
}

static void send_inner(struct counted *c)
{
	queue_numbers(c->other->e->tx, 6, 1);
}

static void an_inner_callback_cancels_the_outer(const struct kind *k)
{
	struct ends e = kind_open(k, 8), other = kind_open(k, 8);
	struct worker sender, canceller;
	struct counted outer;
	struct held inner;

	held_init(&inner, &other);
	counted_init(&outer, &e);
	outer.then = send_inner;
	outer.other = &inner.c;
	inner.c.then = cancel_outer;
	inner.c.other = &outer;
	must_give(EAGAIN, poll_recv(&outer));
	must_give(EAGAIN, poll_recv(&inner.c));
	worker_start(&sender, send_one, &e);
	wait_sem(&inner.arrived);
	worker_start(&canceller, cancel_held, &inner);
	worker_wait_asleep(&canceller);
	must(!atomic_load(&canceller.ended));
	sem_post(&inner.go);
	worker_join(&canceller);
	worker_join(&sender);
	for (size_t i = 0; i < sizeof(outer.waker); i++)
		must_eq(((unsigned char *)&outer.waker)[i], 0xa5);
	ends_drop(&e);
	ends_drop(&other);
}

/* A message arrives between the poll's attempt and its registration. */
static struct ends *meddle_in;
static atomic_bool meddled;

static void meddle(const char *name)
{
	uint64_t number = 5;

	if (strcmp(name, "waitq:joined") == 0 && !atomic_exchange(&meddled, true))
		must_eq(chan_try_send(meddle_in->tx, &number), 0);
}

static void what_comes_while_it_registers_is_not_missed(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;
	int error;

	counted_init(&c, &e);
	atomic_store(&meddled, false);
	meddle_in = &e;
	__atomic_store_n(&chan__tp_hook, meddle, __ATOMIC_RELEASE);
	error = poll_recv(&c);
	__atomic_store_n(&chan__tp_hook, NULL, __ATOMIC_RELEASE);
	if (atomic_load(&meddled)) {
		must(error == 0 || (error == EAGAIN && calls_of(&c) == 1));
		if (error == EAGAIN)
			must_give(0, poll_recv(&c));
		must_eq(c.number, 5);
	} else {
		must_eq(error, EAGAIN);
		cancel(&c);
	}
	ends_drop(&e);
}

/* The first thread that passes a pause point is held there. */
static struct {
	const char *point;
	atomic_bool passed;
	sem_t arrived, go;
} halt;

static void on_point(const char *name)
{
	if (strcmp(name, halt.point) != 0 || atomic_exchange(&halt.passed, true))
		return;
	sem_post(&halt.arrived);
	wait_sem(&halt.go);
}

static void halt_at(const char *point)
{
	must(sem_init(&halt.arrived, 0, 0) == 0 && sem_init(&halt.go, 0, 0) == 0);
	halt.point = point;
	atomic_store(&halt.passed, false);
	__atomic_store_n(&chan__tp_hook, on_point, __ATOMIC_RELEASE);
}

static void halt_over(void)
{
	sem_post(&halt.go);
	__atomic_store_n(&chan__tp_hook, NULL, __ATOMIC_RELEASE);
}

/* ------------------------------------------------------------------ several at once */

/* How several receivers are called in one go. */
enum { BY_CLOSE, BY_BATCH, BY_ARRIVAL, WAYS };

static bool way_is_for(const struct kind *k, size_t how)
{
	if (how == BY_BATCH)
		return k->capacity > 0 && !k->one_message && kind_room(k) >= 2;
	return how == BY_CLOSE || k->capacity == 0;
}

static void call_all(struct ends *e, size_t how, bool received)
{
	uint64_t numbers[2] = { 5, 6 };
	size_t count = 0;

	if (how == BY_CLOSE) {
		chan_close(e->c);
	} else if (how == BY_BATCH) {
		must_give(0, chan_try_send_many(e->tx, numbers, 2, &count));
		must_eq(count, 2);
	} else {
		must_give(received ? 0 : ETIMEDOUT, chan_send_timeout(e->tx, numbers, 1));
	}
}

/* The first that is called cancels the other, which is due: and may then free it. */
static void cancel_other(struct counted *c)
{
	c->other->then = NULL;
	cancel(c->other);
	memset(&c->other->waker, 0xa5, sizeof(c->other->waker));
}

static void poll_other(struct counted *c)
{
	c->other->then = NULL;
	c->result = poll_recv(c->other);
}

static void a_pair_in_one_go(const struct kind *k, size_t how, void (*then)(struct counted *c))
{
	struct ends e = kind_open(k, 8);
	struct counted c[2];

	for (size_t i = 0; i < 2; i++) {
		counted_init(&c[i], &e);
		c[i].then = then;
		c[i].other = &c[!i];
		must_give(EAGAIN, poll_recv(&c[i]));
	}
	call_all(&e, how, then == poll_other);
	must_eq(calls_of(&c[0]) + calls_of(&c[1]), 1);
	if (then == poll_other) {
		must_eq(c[calls_of(&c[1])].result, how == BY_CLOSE ? EPIPE : 0);
		cancel(&c[0]);
		cancel(&c[1]);
	}
	ends_drop(&e);
	must_eq(calls_of(&c[0]) + calls_of(&c[1]), 1);
}

static void a_callback_cancels_one_that_is_due(const struct kind *k)
{
	for (size_t how = 0; how < WAYS; how++)
		if (way_is_for(k, how))
			a_pair_in_one_go(k, how, cancel_other);
}

static void a_callback_polls_one_that_is_due(const struct kind *k)
{
	for (size_t how = 0; how < WAYS; how++)
		if (way_is_for(k, how))
			a_pair_in_one_go(k, how, poll_other);
}

/* A wake-up that is taken back is not lost: who stands behind gets it. */
static void one_that_is_taken_back_is_passed_on(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c[3];

	for (size_t i = 0; i < 3; i++) {
		counted_init(&c[i], &e);
		must_give(EAGAIN, poll_recv(&c[i]));
	}
	c[0].then = cancel_other;
	c[0].other = &c[1];
	call_all(&e, BY_BATCH, false);
	must_have_called(&c[0], 1);
	must_have_called(&c[1], 0);
	must_give(0, poll_recv(&c[0])); /* whose wake-up may have been for both messages */
	must_have_called(&c[2], 1);
	must_give(0, poll_recv(&c[2]));
	must(c[0].number == 5 && c[2].number == 6);
	ends_drop(&e);
}

static void close_it(void *arg)
{
	chan_close(((struct ends *)arg)->c);
}

static void stay_elsewhere(struct counted *c)
{
	stay(c->other);
}

/* Wakers that are called in one go, of which the first callback stays in `h`. */
static void stayers_init(struct counted *c, size_t n, struct held *h, struct ends *e)
{
	held_init(h, e);
	for (size_t i = 0; i < n; i++) {
		counted_init(&c[i], e);
		c[i].then = stay_elsewhere;
		c[i].other = &h->c;
		must_give(EAGAIN, poll_recv(&c[i]));
	}
}

/* One callback lasts.  Who owns another waits for nothing, with a lock in hands, as
 * may be, that the one that lasts wants. */
static void nobody_waits_for_the_callback_of_another(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct worker closer;
	struct counted c[3];
	bool polled = false;
	struct held h;

	stayers_init(c, 3, &h, &e);
	worker_start(&closer, close_it, &e);
	wait_sem(&h.arrived);
	for (size_t i = 0; i < 3; i++) {
		if (calls_of(&c[i]) > 0)
			continue;
		if (!polled)
			must_give(EPIPE, poll_recv(&c[i]));
		else
			cancel(&c[i]);
		polled = true;
	}
	sem_post(&h.go);
	worker_join(&closer);
	must_eq(calls_of(&c[0]) + calls_of(&c[1]) + calls_of(&c[2]), 1);
	ends_drop(&e);
}

static void cancel_counted(void *arg)
{
	cancel(arg);
}

/* The closer stops before the first call.  Both owners come too late, and wait: that
 * of the second one only until there is a first. */
static void a_cancel_waits_for_its_own_callback_only(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct worker closer, cancellers[2];
	struct counted c[2];
	struct held h;
	size_t second;

	stayers_init(c, 2, &h, &e);
	halt_at("waitq:settle");
	worker_start(&closer, close_it, &e);
	wait_sem(&halt.arrived);
	for (size_t i = 0; i < 2; i++) {
		worker_start(&cancellers[i], cancel_counted, &c[i]);
		worker_wait_asleep(&cancellers[i]);
	}
	sem_post(&halt.go);
	wait_sem(&h.arrived);
	second = calls_of(&c[0]) > 0;
	worker_join(&cancellers[second]);
	worker_wait_asleep(&cancellers[!second]);
	must(!atomic_load(&cancellers[!second].ended));
	sem_post(&h.go);
	worker_join(&cancellers[!second]);
	worker_join(&closer);
	halt_over();
	must_eq(calls_of(&c[0]) + calls_of(&c[1]), 1);
	ends_drop(&e);
}

/* A sender looks for a descriptor, and is seen at it by a poll. */
static struct counted *seen_by;
static atomic_bool seen;

static void see(const char *name)
{
	if (strcmp(name, "list:look") == 0 && !atomic_exchange(&seen, true))
		must_eq(poll_recv(seen_by), EAGAIN);
}

static void ask_for_descriptor(struct counted *c)
{
	int fd;

	c->result = chan_receiver_fd(c->e->rx, &fd);
}

/* Nothing is locked in a callback: it may take any lock of the library itself. */
static void a_look_for_a_descriptor_calls_nobody(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;
	int fd;

	counted_init(&c, &e);
	c.then = ask_for_descriptor;
	must_give(0, chan_receiver_fd(e.rx, &fd));
	atomic_store(&seen, false);
	seen_by = &c;
	__atomic_store_n(&chan__tp_hook, see, __ATOMIC_RELEASE);
	queue_numbers(e.tx, 5, 1);
	__atomic_store_n(&chan__tp_hook, NULL, __ATOMIC_RELEASE);
	must(!atomic_load(&seen) || calls_of(&c) == 1);
	must_give(0, poll_recv(&c));
	must_give(EAGAIN, poll_recv(&c));
	queue_numbers(e.tx, 6, 1);
	must(calls_of(&c) > 0 && c.result == 0);
	cancel(&c);
	ends_drop(&e);
}

/* A channel whose memory is overwritten when it goes. */
static struct ends open_overwritten(const struct kind *k, struct counting *counting)
{
	chan_allocator_t allocator;
	chan_attr_t attr;

	counting_init(counting);
	allocator = counting_allocator(counting);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &allocator));
	return attr_open(&attr, 8);
}

/* A thread sleeps in a call, and was woken; before it goes on, the other side is made
 * to wait, and the channel's first waker stands there. */
static void wait_for_who_was_woken(const struct kind *k, struct ends *e, struct counted *c, bool sends)
{
	uint64_t number;

	counted_init(c, e);
	c->then = drop_everything;
	if (!sends)
		queue_numbers(e->tx, 5, 1);
	else
		must_give(0, chan_try_recv(e->rx, &number));
	wait_sem(&halt.arrived);
	if (!sends && k->capacity > 1)
		queue_numbers(e->tx, 6, k->capacity - 1);
	while (sends && chan_try_recv(e->rx, &number) == 0)
		continue;
	must_give(EAGAIN, sends ? poll_recv(c) : poll_send(c));
	halt_over();
}

static void the_first_wakers_callback_may_drop_what_a_thread_waits_with(const struct kind *k)
{
	for (size_t n = 0; n < 2 * CALL_FORMS; n++) {
		bool sends = n % 2;
		enum call_form form = (enum call_form)(n / 2);
		struct counting counting;
		struct ends e = open_overwritten(k, &counting);
		struct call call = sends ? call_send(e.tx, form, 9) : call_recv(e.rx, form);
		struct counted c;

		if (sends)
			fill(k, &e);
		call_start_asleep(&call);
		halt_at("block:woken");
		wait_for_who_was_woken(k, &e, &c, sends);
		call_finish(&call);
		must(call.result == 0 && pthread_equal(c.thread, call.worker.thread));
		must_have_called(&c, 1);
		counting_must_balance(&counting);
	}
}

struct batch_of_two {
	struct ends e;
	bool sends;
	uint64_t numbers[2];
	size_t count;
	int result;
	struct worker worker;
};

static void pass_two(void *arg)
{
	struct batch_of_two *b = arg;

	b->result = b->sends ? chan_send_many(b->e.tx, b->numbers, 2, &b->count)
	                     : chan_recv_many(b->e.rx, b->numbers, 2, &b->count);
}

/* The callback comes with the first message of the batch, and the second finds the
 * end of a channel that is still there. */
static void the_first_wakers_callback_may_drop_what_a_batch_waits_with(const struct kind *k)
{
	for (int sends = 0; sends < 2; sends++) {
		struct counting counting;
		struct ends e = open_overwritten(k, &counting);
		struct batch_of_two b = { .e = e, .sends = sends };
		struct counted c;

		if (sends)
			fill(k, &e);
		worker_start(&b.worker, pass_two, &b);
		worker_wait_asleep(&b.worker);
		halt_at("block:woken");
		wait_for_who_was_woken(k, &e, &c, sends);
		worker_join(&b.worker);
		must_eq(b.result, sends ? EPIPE : 0);
		must_eq(b.count, 1);
		must_have_called(&c, 1);
		counting_must_balance(&counting);
	}
}

static void receive_the_end(void *arg)
{
	uint64_t number;

	must_eq(chan_recv(arg, &number), EPIPE);
	chan_receiver_drop(arg);
}

/* The callback drops a subscription whose receiver was woken and has yet to pass that
 * on; somebody waits, but on another one. */
static void the_first_wakers_callback_may_drop_a_woken_subscription(const struct kind *k)
{
	struct counting counting;
	struct counted c;
	struct worker other;
	struct ends e;
	struct call call;
	chan_receiver_t *rx;
	struct kind one;

	(void)k;
	must(kind_probe(&one, CHAN_FLAVOR_BROADCAST, 1, CHAN_MANY, CHAN_MANY));
	e = open_overwritten(&one, &counting);
	call = call_recv(e.rx, CALL_PLAIN);
	counted_init(&c, &e);
	c.then = drop_everything;
	call_start_asleep(&call);
	halt_at("block:woken");
	queue_numbers(e.tx, 5, 1);
	wait_sem(&halt.arrived);
	must_give(0, chan_subscribe(e.tx, &rx));
	worker_start(&other, receive_the_end, rx);
	worker_wait_asleep(&other);
	must_give(EAGAIN, poll_send(&c));
	halt_over();
	call_finish(&call);
	must(call.result == 0 && call.value == 5);
	must_have_called(&c, 1);
	worker_join(&other);
	counting_must_balance(&counting);
}

/* A cancel leaves the queue, and is left a message's wake-up to serve: the callback of
 * another runs inside it, and drops every handle.  The channel is there until the
 * cancel has done with it. */
static struct ends *left;
static struct counting *counting_left;
static atomic_bool leaving;

static void send_to_who_leaves(const char *name)
{
	uint64_t number = 5;

	if (strcmp(name, "waitq:leaving") == 0 && !atomic_exchange(&leaving, true))
		must_eq(chan_try_send(left->tx, &number), 0);
}

static void drop_and_count(struct counted *c)
{
	cancel(c);
	drop_everything(c);
	c->number = counting_blocks(counting_left);
}

static void a_callback_inside_a_cancel_may_drop_everything(const struct kind *k)
{
	struct counting counting;
	struct ends e = open_overwritten(k, &counting);
	struct counted c[2];

	for (size_t i = 0; i < 2; i++) {
		counted_init(&c[i], &e);
		must_give(EAGAIN, poll_recv(&c[i]));
	}
	c[1].then = drop_and_count;
	left = &e;
	counting_left = &counting;
	atomic_store(&leaving, false);
	__atomic_store_n(&chan__tp_hook, send_to_who_leaves, __ATOMIC_RELEASE);
	chan_waker_cancel(&c[0].waker);
	__atomic_store_n(&chan__tp_hook, NULL, __ATOMIC_RELEASE);
	must_have_called(&c[0], 0);
	must_have_called(&c[1], atomic_load(&leaving));
	if (atomic_load(&leaving)) {
		must(c[1].number > 0);
	} else {
		cancel(&c[1]);
		ends_drop(&e);
	}
	counting_must_balance(&counting);
}

static void the_first_wakers_callback_may_drop_what_a_select_waits_with(const struct kind *k)
{
	for (size_t n = 0; n < 2 * PICK_FORMS; n++) {
		bool sends = n % 2;
		struct counting counting;
		struct ends e = open_overwritten(k, &counting);
		uint64_t number = 9;
		chan_case_t one = sends ? case_send(e.tx, &number) : case_recv(e.rx, &number);
		struct pick pick = pick_of(&one, 1, 0, (enum pick_form)(n / 2));
		struct counted c;

		if (sends)
			fill(k, &e);
		pick_start_asleep(&pick);
		halt_at("select:woken");
		wait_for_who_was_woken(k, &e, &c, sends);
		pick_finish(&pick);
		must_have_picked(&pick, 0, 0);
		must_have_called(&c, 1);
		counting_must_balance(&counting);
	}
}

/* ------------------------------------------------------------------------- at random */

/* Of the environment, for long runs; in all. */
static uint64_t cancels_asked;
static size_t n_cancelling; /* kinds, twice each */

static size_t cancels(const struct kind *k, size_t n)
{
	return cancels_asked ? (size_t)(cancels_asked / n_cancelling) + 1 : kind_rounds(k, n);
}

struct firing {
	struct ends e;
	size_t n;
	atomic_size_t turn;   /* the round that the sender plays */
	struct dice dice;
	struct worker worker;
};

static void fire(void *arg)
{
	struct firing *f = arg;

	for (size_t i = 1; i <= f->n; i++) {
		uint64_t number = i;

		for (unsigned spins = 0; atomic_load(&f->turn) < i; spins++)
			if (spins > 200)
				sched_yield();
		for (uint64_t d = dice_roll(&f->dice, 40); d > 0; d--)
			atomic_load(&f->turn);
		must_give(0, chan_try_send(f->e.tx, &number));
	}
}

/* A callback that finds its waker cancelled, or runs beside cancel's return, is seen
 * here: the guard is 1 only between poll and cancel. */
struct guarded {
	chan_waker_t waker;
	atomic_int alive;
	atomic_size_t calls;
};

static void check_guard(void *arg)
{
	struct guarded *g = arg;

	must_eq(atomic_load(&g->alive), 1);
	atomic_fetch_add(&g->calls, 1);
	must_eq(atomic_load(&g->alive), 1);
}

static void cancel_races_the_callback(const struct kind *k)
{
	struct firing f = { .e = kind_open(k, 8), .n = cancels(k, 20000), .dice = { 11 } };
	struct dice dice = { 13 };
	size_t called = 0;

	atomic_init(&f.turn, 0);
	worker_start(&f.worker, fire, &f);
	for (size_t i = 1; i <= f.n; i++) {
		struct guarded g;
		uint64_t number = 0;

		atomic_init(&g.alive, 1);
		atomic_init(&g.calls, 0);
		chan_waker_init(&g.waker, check_guard, &g);
		must_give(EAGAIN, chan_poll_recv(f.e.rx, &number, &g.waker));
		atomic_store(&f.turn, i);
		for (uint64_t d = dice_roll(&dice, 60); d > 0; d--)
			atomic_load(&f.turn);
		chan_waker_cancel(&g.waker);
		atomic_store(&g.alive, 0);
		must(atomic_load(&g.calls) <= 1);
		called += atomic_load(&g.calls);
		must_give(0, chan_recv(f.e.rx, &number));
		must_eq(number, i);
	}
	worker_join(&f.worker);
	must(called <= f.n);
	ends_drop(&f.e);
}

/* The same, where the callback takes what there is and waits again. */
struct serving {
	struct guarded guard;
	chan_receiver_t *rx;
	size_t taken;
};

static void serve_again(void *arg)
{
	struct serving *s = arg;
	uint64_t number;
	int error;

	check_guard(&s->guard);
	while ((error = chan_poll_recv(s->rx, &number, &s->guard.waker)) == 0)
		s->taken++;
	must_eq(error, EAGAIN);
}

static void fire_thrice(void *arg)
{
	struct firing *f = arg;

	for (size_t i = 1; i <= f->n; i++) {
		uint64_t number = i;

		for (unsigned spins = 0; atomic_load(&f->turn) < i; spins++)
			if (spins > 200)
				sched_yield();
		for (size_t j = 0; j < 3; j++)
			must_give(0, chan_send(f->e.tx, &number));
	}
}

static void cancel_races_a_callback_that_polls(const struct kind *k)
{
	struct firing f = { .e = kind_open(k, 8), .n = cancels(k, 600), .dice = { 11 } };
	struct dice dice = { 19 };

	atomic_init(&f.turn, 0);
	worker_start(&f.worker, fire_thrice, &f);
	for (size_t i = 1; i <= f.n; i++) {
		struct serving s = { .rx = f.e.rx };
		uint64_t number = 0;

		atomic_init(&s.guard.alive, 1);
		atomic_init(&s.guard.calls, 0);
		chan_waker_init(&s.guard.waker, serve_again, &s);
		must_give(EAGAIN, chan_poll_recv(s.rx, &number, &s.guard.waker));
		atomic_store(&f.turn, i);
		for (uint64_t d = dice_roll(&dice, 200); d > 0; d--)
			atomic_load(&f.turn);
		chan_waker_cancel(&s.guard.waker);
		atomic_store(&s.guard.alive, 0);
		memset(&s.guard.waker, 0xa5, sizeof(s.guard.waker));
		for (; s.taken < 3; s.taken++) {
			must_give(0, chan_recv(f.e.rx, &number));
			must_eq(number, i);
		}
	}
	worker_join(&f.worker);
	ends_drop(&f.e);
}

/* Two cancels and a waiter behind: of the message nothing is lost. */
static void a_cancel_that_races_passes_on(const struct kind *k)
{
	struct firing f = { .e = kind_open(k, 8), .n = kind_rounds(k, 1500), .dice = { 17 } };

	atomic_init(&f.turn, 0);
	worker_start(&f.worker, fire, &f);
	for (size_t i = 1; i <= f.n; i++) {
		struct call call = call_recv(f.e.rx, CALL_PLAIN);
		struct guarded g;
		uint64_t number = 0;

		atomic_init(&g.alive, 1);
		atomic_init(&g.calls, 0);
		chan_waker_init(&g.waker, check_guard, &g);
		must_give(EAGAIN, chan_poll_recv(f.e.rx, &number, &g.waker));
		call_start(&call);
		atomic_store(&f.turn, i);
		chan_waker_cancel(&g.waker);
		atomic_store(&g.alive, 0);
		call_finish(&call);
		must(call.result == 0 && call.value == i);
	}
	worker_join(&f.worker);
	ends_drop(&f.e);
}

/* -------------------------------------------------------------------------- executors */

/* Tasks that take one message after the other, and wait by a waker; a thread runs
 * those that were woken.  Spurious calls only run a task for nothing. */
enum { TASKS = 3 };

struct executor;

struct task {
	struct executor *executor;
	chan_waker_t waker;
	atomic_bool runnable;
	uint64_t next;      /* a sender's: the message */
	size_t left;
	bool sends, over;
};

struct executor {
	struct ends *e;
	struct task tasks[TASKS];
	sem_t something;
	bool sends;
	size_t each;
	uint64_t first, sum;
	size_t count;
	struct worker worker;
};

static void make_runnable(void *arg)
{
	struct task *t = arg;

	atomic_store(&t->runnable, true);
	sem_post(&t->executor->something);
}

static int run_once(struct task *t)
{
	struct executor *x = t->executor;
	uint64_t number = 0;
	int error;

	if (t->sends) {
		if (t->left == 0)
			return EPIPE;
		error = chan_poll_send(x->e->tx, &t->next, &t->waker);
		t->next += error == 0;
		t->left -= error == 0;
		return error;
	}
	error = chan_poll_recv(x->e->rx, &number, &t->waker);
	x->sum += number;
	x->count += error == 0;
	return error;
}

static void run_task(struct task *t)
{
	int error;

	while ((error = run_once(t)) == 0)
		continue;
	must(error == EAGAIN || error == EPIPE);
	t->over = error == EPIPE;
}

static void run_executor(void *arg)
{
	struct executor *x = arg;
	size_t over = 0;

	while (over < TASKS) {
		wait_sem(&x->something);
		for (size_t i = 0; i < TASKS; i++) {
			struct task *t = &x->tasks[i];

			if (t->over || !atomic_exchange(&t->runnable, false))
				continue;
			run_task(t);
			over += t->over;
		}
	}
	for (size_t i = 0; i < TASKS; i++)
		chan_waker_cancel(&x->tasks[i].waker);
}

static void executor_start(struct executor *x, struct ends *e, bool sends, uint64_t first, size_t each)
{
	memset(x, 0, sizeof(*x));
	x->e = e;
	must(sem_init(&x->something, 0, 0) == 0);
	for (size_t i = 0; i < TASKS; i++) {
		struct task *t = &x->tasks[i];

		*t = (struct task){ .executor = x, .next = first + i * each, .left = each, .sends = sends };
		atomic_init(&t->runnable, true);
		chan_waker_init(&t->waker, make_runnable, t);
		sem_post(&x->something);
	}
	worker_start(&x->worker, run_executor, x);
}

static void tasks_receive_from_threads(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t n = kind_rounds(k, 2000);
	struct feeder feeders[2];
	struct executor x;

	executor_start(&x, &e, false, 0, 0);
	for (size_t i = 0; i < 2; i++)
		feeder_start(&feeders[i], e.tx, i * n, n);
	for (size_t i = 0; i < 2; i++)
		feeder_join(&feeders[i]);
	chan_sender_drop(e.tx);
	worker_join(&x.worker);
	must_eq(x.count, 2 * n);
	must_eq(x.sum, sum_of_numbers(0, 2 * n));
	chan_receiver_drop(e.rx);
}

static void tasks_send_to_threads(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t n = kind_rounds(k, 1000);
	uint64_t sum = 0, number;
	struct executor x;

	executor_start(&x, &e, true, 0, n);
	for (size_t i = 0; i < TASKS * n; i++) {
		must_give(0, chan_recv(e.rx, &number));
		sum += number;
	}
	worker_join(&x.worker);
	must_eq(sum, sum_of_numbers(0, TASKS * n));
	must(chan_is_empty(e.c));
	ends_drop(&e);
}

/* No thread waits in a call on either side. */
static void tasks_send_to_tasks(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t n = kind_rounds(k, 1000);
	struct executor senders, receivers;

	executor_start(&receivers, &e, false, 0, 0);
	executor_start(&senders, &e, true, 0, n);
	worker_join(&senders.worker);
	chan_sender_drop(e.tx);
	worker_join(&receivers.worker);
	must_eq(receivers.count, TASKS * n);
	must_eq(receivers.sum, sum_of_numbers(0, TASKS * n));
	chan_receiver_drop(e.rx);
}

/* Tasks, threads and selects on one end. */
struct taker {
	struct ends *e;
	bool selects;
	uint64_t sum;
	size_t count;
	struct worker worker;
};

static void take_all(void *arg)
{
	struct taker *t = arg;
	uint64_t number = 0;
	int error;

	do {
		chan_case_t one = case_recv(t->e->rx, &number);
		size_t which;

		if (t->selects) {
			must_give(0, chan_select(&one, 1, 0, &which));
			error = one.status;
		} else {
			error = chan_recv(t->e->rx, &number);
		}
		must(error == 0 || error == EPIPE);
		t->count += error == 0;
		t->sum += error == 0 ? number : 0;
	} while (error == 0);
}

static void tasks_threads_and_selects_share(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t n = kind_rounds(k, 2000);
	struct taker takers[2] = { { .e = &e }, { .e = &e, .selects = true } };
	struct feeder feeders[2];
	struct executor x;

	executor_start(&x, &e, false, 0, 0);
	for (size_t i = 0; i < 2; i++) {
		worker_start(&takers[i].worker, take_all, &takers[i]);
		feeder_start(&feeders[i], e.tx, i * n, n);
	}
	for (size_t i = 0; i < 2; i++)
		feeder_join(&feeders[i]);
	chan_sender_drop(e.tx);
	worker_join(&x.worker);
	for (size_t i = 0; i < 2; i++) {
		worker_join(&takers[i].worker);
		x.count += takers[i].count;
		x.sum += takers[i].sum;
	}
	must_eq(x.count, 2 * n);
	must_eq(x.sum, sum_of_numbers(0, 2 * n));
	chan_receiver_drop(e.rx);
}

/* --------------------------------------------------------------------------- fork */

/* In the child a failed check may talk to nobody: its line is the status. */
#define child_must(cond) \
	do { \
		if (!(cond)) \
			_exit(1 + __LINE__ % 200); \
	} while (0)

/* Nobody is inside a call at the fork: a waker registered before is the parent's
 * registration, and the child's copy of it may be used anew once initialised. */
static void use_in_child(struct ends *e, struct counted *c)
{
	uint64_t number = 6;
	struct counted own;

	counted_init(&own, e);
	child_must(chan_poll_recv(e->rx, &number, &own.waker) == EAGAIN);
	child_must(calls_of(&own) == 0);
	number = 6;
	child_must(chan_try_send(e->tx, &number) == 0);
	child_must(calls_of(&own) == 1 && calls_of(c) == 0);
	child_must(chan_poll_recv(e->rx, &number, &own.waker) == 0 && number == 6);
	chan_waker_cancel(&own.waker);
	chan_close(e->c);
	chan_receiver_drop(e->rx);
	chan_sender_drop(e->tx);
}

static void the_child_has_wakers_of_its_own(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c;
	int status = -1;
	pid_t pid;

	counted_init(&c, &e);
	must_give(EAGAIN, poll_recv(&c));
	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL); /* not Check's handler */
		alarm(20 * test_scale());
		use_in_child(&e, &c);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid);
	must_eq(WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status), 0);
	must_have_called(&c, 0);
	queue_numbers(e.tx, 5, 1);
	must_have_called(&c, 1);
	must_give(0, poll_recv(&c));
	ends_drop(&e);
}

/* The child polls again with wakers that the parent registered: it has one registration
 * of each, and of the parent's none is left. */
static void poll_again_in_child(struct ends *e, struct counted *c)
{
	uint64_t number;

	for (size_t i = WAITERS - 1; i > 0; i--)
		child_must(chan_poll_recv(e->rx, &number, &c[i].waker) == EAGAIN);
	chan_waker_cancel(&c[0].waker);
	chan_waker_cancel(&c[WAITERS - 1].waker);
	chan_close(e->c);
	for (size_t i = 1; i < WAITERS - 1; i++)
		child_must(calls_of(&c[i]) == 1);
	child_must(calls_of(&c[0]) == 0 && calls_of(&c[WAITERS - 1]) == 0);
	for (size_t i = 1; i < WAITERS - 1; i++)
		child_must(chan_poll_recv(e->rx, &number, &c[i].waker) == EPIPE);
	chan_receiver_drop(e->rx);
	chan_sender_drop(e->tx);
}

static void the_child_polls_again_with_the_parents_wakers(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct counted c[WAITERS];
	int status = -1;
	pid_t pid;

	for (size_t i = 0; i < WAITERS; i++) {
		counted_init(&c[i], &e);
		must_give(EAGAIN, poll_recv(&c[i]));
	}
	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL); /* not Check's handler */
		alarm(20 * test_scale());
		poll_again_in_child(&e, c);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid);
	must_eq(WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status), 0);
	chan_close(e.c);
	for (size_t i = 0; i < WAITERS; i++)
		must_have_called(&c[i], 1);
	ends_drop(&e);
}

/* ---------------------------------------------------------------- pthread_cancel */

struct doomed {
	struct ends e;
	atomic_int stage;
	pthread_t thread;
};

static void would_end(struct counted *c)
{
	pthread_testcancel(); /* not inside a call */
	c->result = 7;
}

static void *live_on(void *arg)
{
	struct doomed *d = arg;
	struct counted c;
	uint64_t number = 5;

	counted_init(&c, &d->e);
	c.then = would_end;
	must_eq(pthread_cancel(pthread_self()), 0);
	must_give(EAGAIN, poll_recv(&c));
	must_give(0, chan_try_send(d->e.tx, &number));
	must(calls_of(&c) == 1 && c.result == 7);
	must_give(0, poll_recv(&c));
	cancel(&c);
	atomic_store(&d->stage, 1);
	pthread_testcancel();
	atomic_store(&d->stage, 2);
	return NULL;
}

static void no_call_is_a_cancellation_point(const struct kind *k)
{
	struct doomed d = { .e = kind_open(k, 8) };
	void *result;

	must_eq(pthread_create(&d.thread, NULL, live_on, &d), 0);
	must_eq(pthread_join(d.thread, &result), 0);
	must(result == PTHREAD_CANCELED);
	must_eq(atomic_load(&d.stage), 1);
	ends_drop(&d.e);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(a_receiver_is_called_once, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_sender_is_called_once, NEEDS_LIMIT | NEEDS_FULL),
	BEHAVIOUR(a_poll_that_ends_leaves_it_idle, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_poll_again_is_one_registration, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_waker_moves_between_channels, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(each_end_calls, FITS_ONE_MESSAGE),
	BEHAVIOUR(each_end_calls_a_sender, NEEDS_FULL),
	BEHAVIOUR(cancelled_it_is_not_called, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_cancelled_sender_is_not_called, NEEDS_LIMIT | NEEDS_FULL),
	BEHAVIOUR(it_may_be_gone_after_cancel, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(arguments_are_checked, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_message_may_be_destroyed_in_place, NEEDS_QUEUE | NEEDS_DESTRUCTOR | FITS_ONE_MESSAGE),
	BEHAVIOUR(empty_messages_are_polled, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(nothing_is_allocated, FITS_ONE_MESSAGE),
	BEHAVIOUR(without_memory_it_stays_idle, NEEDS_UNBOUNDED),
	BEHAVIOUR(a_callback_polls_again, NEEDS_QUEUE),
	BEHAVIOUR(callbacks_nest, NEEDS_QUEUE),
	BEHAVIOUR(a_nested_callback_cancels, NEEDS_QUEUE),
	BEHAVIOUR(a_callback_cancels_itself, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_callback_may_use_every_channel, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_callback_may_drop_the_handle_in_use, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_senders_callback_may_drop_the_handle_in_use, NEEDS_LIMIT | NEEDS_FULL),
	BEHAVIOUR(once_it_is_idle_the_handles_may_go, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(callbacks_feed_callbacks, NEEDS_QUEUE),
	BEHAVIOUR(an_unused_wake_up_is_passed_on, NEEDS_QUEUE | NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_thread_behind_gets_it, NEEDS_QUEUE | NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_sender_behind_gets_it, NEEDS_LIMIT | NEEDS_FULL | NEEDS_SENDERS),
	BEHAVIOUR(a_poll_elsewhere_passes_it_on, NEEDS_QUEUE | NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(what_is_left_goes_to_who_is_behind, NEEDS_TWO | NEEDS_RECEIVERS),
	BEHAVIOUR(a_barged_waker_waits_again, NEEDS_QUEUE | NEEDS_RECEIVERS),
	BEHAVIOUR(a_send_calls_one, NEEDS_QUEUE | NEEDS_RECEIVERS),
	BEHAVIOUR(a_batch_calls_as_many_as_it_has_messages, NEEDS_TWO | NEEDS_RECEIVERS),
	BEHAVIOUR(the_end_calls_all, NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(one_of_all_sorts_is_woken, NEEDS_QUEUE | NEEDS_RECEIVERS),
	BEHAVIOUR(observers_are_told_besides, NEEDS_QUEUE | NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_waker_pairs_with_who_waits, NEEDS_RENDEZVOUS),
	BEHAVIOUR(two_wakers_never_meet, NEEDS_RENDEZVOUS),
	BEHAVIOUR(two_wakers_meet_at_capacity_1, RUNS_ONCE),
	BEHAVIOUR(timers_that_fall_due_have_no_wakers, RUNS_ONCE),
	BEHAVIOUR(a_poll_that_cannot_be_leaves_it_idle, NEEDS_QUEUE | NEEDS_RECEIVERS),
	BEHAVIOUR(never_has, RUNS_ONCE),
	BEHAVIOUR(tokens_have, RUNS_ONCE),
	BEHAVIOUR(each_subscription_calls_its_own, RUNS_ONCE),
	BEHAVIOUR(a_lag_ends_a_poll, RUNS_ONCE),
	BEHAVIOUR(cancel_waits_for_a_running_callback, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(cancel_ends_what_the_callback_registers, NEEDS_QUEUE),
	BEHAVIOUR(cancel_waits_for_callbacks_that_begin_meanwhile, NEEDS_QUEUE),
	BEHAVIOUR(a_poll_waits_for_no_callback, NEEDS_QUEUE | NEEDS_SENDERS),
	BEHAVIOUR(an_inner_callback_cancels_the_outer, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(what_comes_while_it_registers_is_not_missed, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_callback_cancels_one_that_is_due, NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_callback_polls_one_that_is_due, NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(one_that_is_taken_back_is_passed_on, NEEDS_TWO | NEEDS_RECEIVERS),
	BEHAVIOUR(nobody_waits_for_the_callback_of_another, NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_cancel_waits_for_its_own_callback_only, NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_look_for_a_descriptor_calls_nobody, NEEDS_QUEUE),
	BEHAVIOUR(the_first_wakers_callback_may_drop_what_a_thread_waits_with, NEEDS_LIMIT | NEEDS_FULL),
	BEHAVIOUR(the_first_wakers_callback_may_drop_what_a_batch_waits_with, NEEDS_LIMIT | NEEDS_FULL),
	BEHAVIOUR(the_first_wakers_callback_may_drop_a_woken_subscription, RUNS_ONCE),
	BEHAVIOUR(a_callback_inside_a_cancel_may_drop_everything, NEEDS_QUEUE | NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(the_first_wakers_callback_may_drop_what_a_select_waits_with, NEEDS_LIMIT | NEEDS_FULL),
	BEHAVIOUR(cancel_races_the_callback, NEEDS_QUEUE),
	BEHAVIOUR(cancel_races_a_callback_that_polls, NEEDS_QUEUE),
	BEHAVIOUR(a_cancel_that_races_passes_on, NEEDS_QUEUE | NEEDS_RECEIVERS),
	BEHAVIOUR(tasks_receive_from_threads, NEEDS_RECEIVERS | NEEDS_SENDERS),
	BEHAVIOUR(tasks_send_to_threads, NEEDS_SENDERS),
	BEHAVIOUR(tasks_send_to_tasks, NEEDS_QUEUE | NEEDS_RECEIVERS | NEEDS_SENDERS),
	BEHAVIOUR(tasks_threads_and_selects_share, NEEDS_RECEIVERS | NEEDS_SENDERS),
	BEHAVIOUR(the_child_has_wakers_of_its_own, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(the_child_polls_again_with_the_parents_wakers, NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(no_call_is_a_cancellation_point, NEEDS_QUEUE | FITS_ONE_MESSAGE),
};

int main(void)
{
	static struct kind kinds[MAX_KINDS];
	const char *asked = getenv("CHAN_CANCELS");
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);

	n += kind_discover(kinds + n, CHAN_SINGLE, CHAN_SINGLE);
	cancels_asked = asked ? strtoull(asked, NULL, 10) : 0;
	for (size_t i = 0; i < n; i++)
		if (!kinds[i].one_message && kinds[i].capacity > 0)
			n_cancelling += 2;
	return matrix_run("wakers", behaviours, COUNT_OF(behaviours), kinds, n);
}
