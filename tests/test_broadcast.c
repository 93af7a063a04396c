/*
 * test_broadcast.c - many subscriptions, each of which sees everything
 *
 * What broadcast shares with the other flavors is in the common suites, where
 * it has one subscription.  Linked with the library's test build: threads are held
 * at named instants, and positions begin where the numbers end.
 */
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "support/support.h"

extern void (*chan__tp_hook)(const char *name);
extern uint64_t chan__tp_start;

#define UNTOUCHED ((void *)(uintptr_t)0x5a5a5a50)

enum { SUBSCRIPTIONS = 3 };

/* --------------------------------------------------------------------- channels */

static chan_receiver_t *subscribe(const struct ends *e)
{
	chan_receiver_t *rx = NULL;

	must_give(0, chan_subscribe(e->tx, &rx));
	must(rx != NULL && chan_receiver_channel(rx) == e->c);
	return rx;
}

static struct ends open_dropping(const struct kind *k, size_t msg_size)
{
	chan_attr_t attr;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST));
	return attr_open(&attr, msg_size);
}

static struct ends open_counted(const struct kind *k, chan_overflow_t overflow, struct counting *counting)
{
	chan_allocator_t table;
	chan_attr_t attr;

	counting_init(counting);
	table = counting_allocator(counting);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	must_give(0, chan_attr_setoverflow(&attr, overflow));
	return attr_open(&attr, 8);
}

static void expect_nothing(chan_receiver_t *rx, int error)
{
	uint64_t number = 77;

	must_give(error, chan_try_recv(rx, &number));
	must_eq(number, 77);
}

static void expect_full(const struct ends *e)
{
	uint64_t number = 77;

	must_give(EAGAIN, chan_try_send(e->tx, &number));
	must(chan_is_full(e->c));
}

/* A gap of so many messages is told of once, with nothing taken. */
static void expect_lag(chan_receiver_t *rx, uint64_t lost)
{
	must_eq(chan_receiver_lost(rx), lost);
	expect_nothing(rx, EOVERFLOW);
	must_eq(chan_receiver_lost(rx), lost);
}

/* ------------------------------------------------------------------ held threads */

static struct {
	const char *name;
	atomic_bool armed;
	sem_t arrived, go;
} hold;

static _Thread_local bool is_subject;

static void on_point(const char *name)
{
	if (!is_subject || strcmp(name, hold.name) != 0 || !atomic_exchange(&hold.armed, false))
		return;
	sem_post(&hold.arrived);
	wait_sem(&hold.go);
}

static void run_subject(void *arg)
{
	is_subject = true;
	call_here(arg);
}

static void hold_at(const char *point)
{
	hold.name = point;
	sem_init(&hold.arrived, 0, 0);
	sem_init(&hold.go, 0, 0);
	atomic_store(&hold.armed, true);
	__atomic_store_n(&chan__tp_hook, on_point, __ATOMIC_RELEASE);
}

/* Starts the call and returns when it has reached the point. */
static void start_held(struct call *call, const char *point)
{
	hold_at(point);
	worker_start(&call->worker, run_subject, call);
	wait_sem(&hold.arrived);
}

static void let_go(struct call *call)
{
	sem_post(&hold.go);
	call_finish(call);
}

/* ------------------------------------------------------------- who sees what */

static void every_subscription_sees_every_message(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *second = subscribe(&e), *third = subscribe(&e);
	uint64_t next = 0;

	for (size_t n = 1; n <= k->capacity; n++) {
		queue_numbers(e.tx, next, n);
		expect_numbers(e.rx, next, n);
		expect_numbers(third, next, n);
		expect_numbers(second, next, n);
		next += n;
	}
	expect_nothing(e.rx, EAGAIN);
	expect_nothing(second, EAGAIN);
	expect_nothing(third, EAGAIN);
	chan_receiver_drop(second);
	chan_receiver_drop(third);
	ends_drop(&e);
}

static void a_subscription_begins_when_it_is_made(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *later[2];

	queue_numbers(e.tx, 0, k->capacity);
	later[0] = subscribe(&e);
	must_eq(chan_receiver_len(later[0]), 0);
	expect_nothing(later[0], EAGAIN);
	expect_numbers(e.rx, 0, 1);
	queue_numbers(e.tx, k->capacity, 1);
	later[1] = subscribe(&e);
	expect_nothing(later[1], EAGAIN);
	expect_numbers(later[0], k->capacity, 1);
	expect_numbers(e.rx, 1, k->capacity);
	chan_receiver_drop(later[0]);
	chan_receiver_drop(later[1]);
	ends_drop(&e);
}

/* Each message goes to one clone, and to the other subscription as well. */
static void clones_share_a_subscription(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *clone = chan_receiver_clone(e.rx), *other = subscribe(&e);

	must_eq(chan_receiver_count(e.c), 3);
	for (uint64_t i = 0; i < 3 * k->capacity; i++) {
		queue_numbers(e.tx, i, 1);
		must(chan_receiver_len(e.rx) == 1 && chan_receiver_len(clone) == 1);
		expect_numbers(i % 2 ? clone : e.rx, i, 1);
		expect_nothing(i % 3 ? clone : e.rx, EAGAIN);
		expect_numbers(other, i, 1);
	}
	chan_receiver_drop(e.rx);
	queue_numbers(e.tx, 5, 1);
	expect_numbers(clone, 5, 1);
	chan_receiver_drop(clone);
	expect_numbers(other, 5, 1);
	chan_receiver_drop(other);
	chan_sender_drop(e.tx);
}

static void the_slowest_subscription_is_waited_for(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *slow = subscribe(&e);
	uint64_t next = k->capacity;

	queue_numbers(e.tx, 0, k->capacity);
	expect_numbers(e.rx, 0, k->capacity);
	for (uint64_t i = 0; i < 2 * k->capacity + 3; i++) {
		struct call call = call_send(e.tx, (enum call_form)(i % CALL_FORMS), next);

		expect_full(&e);
		expect_nothing(e.rx, EAGAIN);
		call_start_asleep(&call);
		must(!atomic_load(&call.worker.ended));
		expect_numbers(slow, i, 1);
		call_finish(&call);
		must_eq(call.result, 0);
		expect_numbers(e.rx, next++, 1);
	}
	chan_receiver_drop(slow);
	ends_drop(&e);
}

static void dropping_a_subscription_frees_what_it_held(const struct kind *k)
{
	for (size_t read = 0; read <= k->capacity; read++) {
		struct ends e = kind_open(k, 8);
		chan_receiver_t *slow = subscribe(&e);
		struct call call = call_send(e.tx, CALL_PLAIN, k->capacity);

		queue_numbers(e.tx, 0, k->capacity);
		expect_numbers(slow, 0, read);
		if (read > 0)
			expect_full(&e);
		expect_numbers(e.rx, 0, k->capacity);
		if (read < k->capacity) {
			if (read == 0)
				call_start_asleep(&call);
			must_keep_errno(chan_receiver_drop(slow));
			if (read == 0)
				call_finish(&call);
			else
				call_here(&call);
			must_eq(call.result, 0);
			queue_numbers(e.tx, k->capacity + 1, k->capacity - 1);
			expect_full(&e);
			expect_numbers(e.rx, k->capacity, k->capacity);
		} else {
			chan_receiver_drop(slow);
		}
		must(chan_is_empty(e.c) && !chan_is_full(e.c));
		ends_drop(&e);
	}
}

static void lengths_are_the_slowest_and_ones_own(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *slow = subscribe(&e);
	size_t n = k->capacity;

	for (size_t i = 1; i <= n; i++) {
		must(!chan_is_full(e.c));
		queue_numbers(e.tx, i, 1);
		must(chan_len(e.c) == i && chan_receiver_len(e.rx) == 1 && chan_receiver_len(slow) == i);
		expect_numbers(e.rx, i, 1);
		must(chan_len(e.c) == i && chan_receiver_len(e.rx) == 0 && chan_receiver_len(slow) == i);
		must(!chan_is_empty(e.c));
	}
	must(chan_is_full(e.c));
	expect_numbers(slow, 1, 1);
	must(!chan_is_full(e.c) && chan_len(e.c) == n - 1);
	chan_receiver_drop(slow);
	must(chan_is_empty(e.c) && chan_len(e.c) == 0);
	ends_drop(&e);
}

/* ----------------------------------------------------- nobody, and somebody again */

static void expect_deserted(const struct ends *e)
{
	uint64_t number = 77;
	size_t count = 77;

	must(chan_is_disconnected(e->c) && !chan_is_full(e->c));
	must(chan_len(e->c) == 0 && chan_is_empty(e->c));
	must_eq(chan_receiver_count(e->c), 0);
	must_give(EPIPE, chan_try_send(e->tx, &number));
	must_give(EPIPE, chan_send(e->tx, &number));
	must_give(EPIPE, chan_send_timeout(e->tx, &number, CHAN_FOREVER));
	must_give(EPIPE, chan_send_many(e->tx, &number, 1, &count));
	must_eq(count, 0);
}

static void without_subscriptions_sends_fail(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	for (size_t queued = 0; queued <= k->capacity; queued = next_level(queued, k->capacity)) {
		chan_receiver_t *second = subscribe(&e);

		queue_numbers(e.tx, 0, queued);
		must_keep_errno(chan_receiver_drop(e.rx));
		must(!chan_is_disconnected(e.c));
		must_eq(chan_len(e.c), queued);
		must_keep_errno(chan_receiver_drop(second));
		expect_deserted(&e);
		must_keep_errno(e.rx = subscribe(&e));
		must(!chan_is_disconnected(e.c) && chan_receiver_count(e.c) == 1);
		expect_nothing(e.rx, EAGAIN);
		queue_numbers(e.tx, 9, k->capacity);
		expect_full(&e);
		expect_numbers(e.rx, 9, k->capacity);
	}
	ends_drop(&e);
}

static void a_server_starts_without_clients(const struct kind *k)
{
	struct ends e;

	must_give(0, chan_broadcast(k->capacity, 8, &e.tx, NULL));
	e.c = chan_sender_channel(e.tx);
	must(chan_capacity(e.c) == k->capacity && chan_flavor(e.c) == k->flavor);
	expect_deserted(&e);
	e.rx = subscribe(&e);
	queue_numbers(e.tx, 0, k->capacity);
	expect_numbers(e.rx, 0, k->capacity);
	ends_drop(&e);
	must_give(0, chan_broadcast(k->capacity, 8, &e.tx, NULL));
	chan_sender_drop(e.tx);
}

/* One waits for the slowest, which leaves, and then for nobody. */
static void the_last_subscription_wakes_every_sender(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call calls[3];

	queue_numbers(e.tx, 0, k->capacity);
	for (size_t i = 0; i < 3; i++) {
		calls[i] = call_send(e.tx, (enum call_form)i, 50 + i);
		call_start_asleep(&calls[i]);
	}
	chan_receiver_drop(e.rx);
	for (size_t i = 0; i < 3; i++) {
		call_finish(&calls[i]);
		must(calls[i].result == EPIPE && calls[i].value == 50 + i);
	}
	e.rx = subscribe(&e);
	queue_numbers(e.tx, 0, k->capacity);
	ends_drop(&e);
}

static void a_weak_sender_finds_its_way_back(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_weak_sender_t *weak = chan_sender_downgrade(e.tx);
	chan_sender_t *tx;

	chan_receiver_drop(e.rx);
	tx = chan_weak_sender_upgrade(weak);
	must(tx != NULL);
	must_give(0, chan_subscribe(tx, &e.rx));
	queue_numbers(e.tx, 3, 1);
	expect_numbers(e.rx, 3, 1);
	chan_sender_drop(tx);
	chan_weak_sender_drop(weak);
	ends_drop(&e);
}

/* ---------------------------------------------------------------------- the end */

static void each_subscription_drains_before_the_end(const struct kind *k)
{
	for (int by_drop = 0; by_drop < 2; by_drop++) {
		struct ends e = kind_open(k, 8);
		chan_receiver_t *second = subscribe(&e), *rx = UNTOUCHED;

		queue_numbers(e.tx, 0, k->capacity);
		expect_numbers(second, 0, 1);
		if (by_drop)
			chan_sender_drop(e.tx);
		else
			chan_close(e.c);
		must(chan_is_disconnected(e.c));
		if (!by_drop) {
			must_give(EPIPE, chan_subscribe(e.tx, &rx));
			must((void *)rx == UNTOUCHED);
			chan_sender_drop(e.tx);
		}
		expect_numbers(second, 1, k->capacity - 1);
		expect_nothing(second, EPIPE);
		must_eq(chan_receiver_len(e.rx), k->capacity);
		expect_numbers(e.rx, 0, k->capacity);
		expect_nothing(e.rx, EPIPE);
		chan_receiver_drop(e.rx);
		chan_receiver_drop(second);
	}
}

/* Close comes before "nobody is there", and stays. */
static void closed_it_is_not_connected_again(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *rx = UNTOUCHED;

	chan_receiver_drop(e.rx);
	chan_close(e.c);
	must_give(EPIPE, chan_subscribe(e.tx, &rx));
	must((void *)rx == UNTOUCHED && chan_is_disconnected(e.c));
	chan_sender_drop(e.tx);
}

static void close_wakes_everybody(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *second = subscribe(&e);
	struct call calls[6];

	for (size_t i = 0; i < 6; i++) {
		calls[i] = call_recv(i % 2 ? second : e.rx, (enum call_form)i);
		call_start_asleep(&calls[i]);
	}
	chan_close(e.c);
	for (size_t i = 0; i < 6; i++) {
		call_finish(&calls[i]);
		must_eq(calls[i].result, EPIPE);
	}
	chan_receiver_drop(second);
	ends_drop(&e);
}

struct racer {
	struct ends *e;
	struct gate *gate;
	chan_receiver_t *rx;
	int result;
	size_t received;
	struct worker worker;
};

static void close_at_once(void *arg)
{
	struct racer *r = arg;

	gate_pass(r->gate);
	chan_close(r->e->c);
}

static void receive_to_the_end(void *arg)
{
	struct racer *r = arg;
	uint64_t number;

	gate_pass(r->gate);
	while ((r->result = chan_recv(r->rx, &number)) == 0)
		must_eq(number, r->received++);
}

/* What was sent before the close arrives everywhere; capacity 1 lost it elsewhere. */
static void no_value_is_lost_on_close(const struct kind *k)
{
	size_t rounds = test_scaled(400);

	for (size_t i = 0; i < rounds; i++) {
		struct ends e = kind_open(k, 8);
		struct gate gate;
		struct racer closing = { .e = &e, .gate = &gate }, readers[2] = { closing, closing };
		uint64_t sent = 0;

		readers[0].rx = e.rx;
		readers[1].rx = subscribe(&e);
		gate_init(&gate, 4);
		worker_start(&closing.worker, close_at_once, &closing);
		for (size_t j = 0; j < 2; j++)
			worker_start(&readers[j].worker, receive_to_the_end, &readers[j]);
		gate_pass(&gate);
		while (chan_send(e.tx, &sent) == 0)
			sent++;
		worker_join(&closing.worker);
		for (size_t j = 0; j < 2; j++) {
			worker_join(&readers[j].worker);
			must(readers[j].result == EPIPE && readers[j].received == sent);
		}
		chan_receiver_drop(readers[1].rx);
		ends_drop(&e);
	}
}

static void subscribe_and_read(void *arg)
{
	struct racer *r = arg;
	uint64_t number;

	gate_pass(r->gate);
	r->result = chan_subscribe(r->e->tx, &r->rx);
	must(r->result == 0 || r->result == EPIPE);
	if (r->result != 0)
		return;
	must_eq(chan_recv(r->rx, &number), EPIPE);
	chan_receiver_drop(r->rx);
}

/* Whoever subscribes beside a close is refused, or sees the end. */
static void subscribing_races_a_close(const struct kind *k)
{
	size_t rounds = test_scaled(300);

	for (size_t i = 0; i < rounds; i++) {
		struct counting counting;
		struct ends e = open_counted(k, CHAN_OVERFLOW_WAIT, &counting);
		struct gate gate;
		struct racer r = { .e = &e, .gate = &gate };

		gate_init(&gate, 2);
		worker_start(&r.worker, subscribe_and_read, &r);
		gate_pass(&gate);
		chan_close(e.c);
		worker_join(&r.worker);
		ends_drop(&e);
		counting_must_balance(&counting);
	}
}

/* --------------------------------------------------------------------- arguments */

static void creation_checks_its_arguments(const struct kind *k)
{
	chan_sender_t *tx = UNTOUCHED;
	chan_receiver_t *rx = UNTOUCHED;

	(void)k;
	must_give(EINVAL, chan_broadcast(1, 8, NULL, &rx));
	must_give(EINVAL, chan_broadcast(1, 8, NULL, NULL));
	must_give(EINVAL, chan_broadcast(0, 8, &tx, &rx));
	must_give(EINVAL, chan_broadcast(CHAN_UNBOUNDED, 8, &tx, &rx));
	must_give(EOVERFLOW, chan_broadcast(SIZE_MAX / 4, 8, &tx, &rx));
	must_give(EOVERFLOW, chan_broadcast(1, SIZE_MAX, &tx, NULL));
	must_give(EOVERFLOW, chan_broadcast(SIZE_MAX - 1, 0, &tx, NULL));
	must(tx == UNTOUCHED && (void *)rx == UNTOUCHED);
}

static void no_destructor(void *msg, void *arg)
{
	(void)msg;
	(void)arg;
}

static void a_destructor_is_refused(const struct kind *k)
{
	chan_sender_t *tx = UNTOUCHED;
	chan_receiver_t *rx = UNTOUCHED;
	chan_attr_t attr;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setdestructor(&attr, no_destructor, NULL));
	must_give(ENOTSUP, chan_create(&attr, 8, &tx, &rx));
	must_give(0, chan_attr_setcapacity(&attr, 0));
	must_give(EINVAL, chan_create(&attr, 8, &tx, &rx));
	must(tx == UNTOUCHED && (void *)rx == UNTOUCHED);
	must_give(0, chan_attr_destroy(&attr));
}

static void force_send_is_refused(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number = 7, other = 77;
	bool displaced = true;

	for (int closed = 0; closed < 2; closed++) {
		must_give(ENOTSUP, chan_force_send(e.tx, &number, &other, &displaced));
		must_give(ENOTSUP, chan_force_send(e.tx, &number, NULL, NULL));
		must_give(EINVAL, chan_force_send(e.tx, NULL, NULL, NULL));
		must_give(EINVAL, chan_force_send(e.tx, &number, &other, NULL));
		chan_close(e.c);
	}
	must(number == 7 && other == 77 && displaced && chan_is_empty(e.c));
	ends_drop(&e);
}

static void subscribing_checks_its_arguments(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *rx = UNTOUCHED;

	for (int closed = 0; closed < 2; closed++) {
		must_give(EINVAL, chan_subscribe(NULL, &rx));
		must_give(EINVAL, chan_subscribe(e.tx, NULL));
		chan_close(e.c);
	}
	must((void *)rx == UNTOUCHED && chan_receiver_count(e.c) == 1);
	ends_drop(&e);
}

/* ENOTSUP, closed or not, and nothing has changed. */
static void other_flavors_have_no_subscriptions(const struct kind *k)
{
	static struct kind kinds[MAX_KINDS];
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);

	(void)k;
	for (size_t i = 0; i < n; i++) {
		chan_receiver_t *rx = UNTOUCHED;
		struct ends e;

		if (kinds[i].flavor == CHAN_FLAVOR_BROADCAST)
			continue;
		e = kind_open(&kinds[i], 8);
		must_give(ENOTSUP, chan_subscribe(e.tx, &rx));
		must(!chan_is_disconnected(e.c) && chan_receiver_count(e.c) == 1);
		chan_close(e.c);
		must_give(ENOTSUP, chan_subscribe(e.tx, &rx));
		must((void *)rx == UNTOUCHED);
		ends_drop(&e);
	}
}

/* The promise is made for each subscription by itself. */
static void promises_are_accepted(const struct kind *k)
{
	struct kind single = *k;
	struct feeder f;
	struct ends e;
	chan_receiver_t *second;

	single.producers = single.consumers = CHAN_SINGLE;
	e = kind_open(&single, 8);
	second = subscribe(&e);
	feeder_start(&f, e.tx, 0, 200);
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t a, b;

		must_give(0, chan_recv(e.rx, &a));
		must_give(0, chan_recv(second, &b));
		must(a == i && b == i);
	}
	feeder_join(&f);
	chan_receiver_drop(second);
	ends_drop(&e);
}

/* ------------------------------------------------------------------------ memory */

static void a_subscription_that_finds_no_memory_is_none(const struct kind *k)
{
	struct counting counting;
	struct ends e = open_counted(k, CHAN_OVERFLOW_WAIT, &counting);
	chan_receiver_t *rx = UNTOUCHED;

	queue_numbers(e.tx, 0, 1);
	counting_fail(&counting, 0, SIZE_MAX);
	must_give(ENOMEM, chan_subscribe(e.tx, &rx));
	must((void *)rx == UNTOUCHED && chan_receiver_count(e.c) == 1);
	chan_close(e.c);
	must_give(EPIPE, chan_subscribe(e.tx, &rx)); /* first, as everywhere */
	counting_fail(&counting, SIZE_MAX / 2, 0);
	expect_numbers(e.rx, 0, 1);
	ends_drop(&e);
	counting_must_balance(&counting);
}

enum { TX, FIRST, SECOND, WEAK, HANDLES };

/* All orders of dropping a sender, two subscriptions and a weak sender. */
static void storage_goes_with_the_last_of_all_handles(const struct kind *k)
{
	for (unsigned order = 0; order < 256; order++) {
		unsigned places[HANDLES] = { order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 };
		struct counting counting;
		chan_receiver_t *second;
		chan_weak_sender_t *weak;
		struct ends e;

		if ((1u << places[0] | 1u << places[1] | 1u << places[2] | 1u << places[3]) != 15)
			continue;
		e = open_counted(k, order % 3 ? CHAN_OVERFLOW_WAIT : CHAN_OVERFLOW_DROP_OLDEST, &counting);
		second = subscribe(&e);
		weak = chan_sender_downgrade(e.tx);
		queue_numbers(e.tx, 0, k->capacity);
		expect_numbers(second, 0, 1);
		for (size_t i = 0; i < HANDLES; i++) {
			must(counting_blocks(&counting) >= 1 && chan_msg_size(e.c) == 8);
			switch (places[i]) {
			case TX:     must_keep_errno(chan_sender_drop(e.tx)); break;
			case FIRST:  must_keep_errno(chan_receiver_drop(e.rx)); break;
			case SECOND: must_keep_errno(chan_receiver_drop(second)); break;
			default:     must_keep_errno(chan_weak_sender_drop(weak));
			}
		}
		counting_must_balance(&counting);
	}
}

/* ------------------------------------------------------------------------ waking */

enum { CLONES = 3 };

static size_t count_ended(const struct call *calls, size_t n)
{
	size_t ended = 0;

	for (size_t i = 0; i < n; i++)
		ended += atomic_load(&calls[i].worker.ended);
	return ended;
}

/* All clones of two subscriptions sleep: each message wakes one of each. */
static void a_message_wakes_one_of_each_subscription(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *idle = subscribe(&e), *rx[2] = { e.rx, subscribe(&e) };
	struct call calls[2][CLONES];

	for (size_t i = 0; i < 2 * CLONES; i++) {
		calls[i % 2][i / 2] = call_recv(rx[i % 2], CALL_PLAIN);
		call_start_asleep(&calls[i % 2][i / 2]);
	}
	for (uint64_t i = 0; i < CLONES; i++) {
		must_give(0, chan_send(e.tx, &i));
		for (size_t j = 0; j < 2; j++) {
			wait_for(count_ended(calls[j], CLONES) == i + 1);
			for (size_t c = (size_t)i + 1; c < CLONES; c++)
				worker_wait_asleep(&calls[j][c].worker);
			must_eq(count_ended(calls[j], CLONES), i + 1);
		}
		expect_numbers(idle, i, 1);
	}
	for (size_t i = 0; i < 2 * CLONES; i++) {
		call_finish(&calls[i % 2][i / 2]);
		must_eq(calls[i % 2][i / 2].result, 0);
		must_eq(calls[i % 2][i / 2].value, i / 2); /* first come, first served */
	}
	chan_receiver_drop(idle);
	chan_receiver_drop(rx[1]);
	ends_drop(&e);
}

static void a_batch_wakes_as_many_of_each(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *rx[2] = { e.rx, subscribe(&e) };
	struct call calls[2][CLONES];
	uint64_t numbers[CLONES] = { 1, 2, 3 };
	size_t count = 0;

	for (size_t i = 0; i < 2 * CLONES; i++) {
		calls[i % 2][i / 2] = call_recv(rx[i % 2], CALL_PLAIN);
		call_start_asleep(&calls[i % 2][i / 2]);
	}
	must_give(0, chan_send_many(e.tx, numbers, CLONES, &count));
	for (size_t j = 0; j < 2; j++) {
		uint64_t sum = 0;

		for (size_t i = 0; i < CLONES; i++) {
			call_finish(&calls[j][i]);
			must_eq(calls[j][i].result, 0);
			sum += calls[j][i].value;
		}
		must_eq(sum, 6);
	}
	chan_receiver_drop(rx[1]);
	ends_drop(&e);
}

struct observer {
	chan_receiver_t *rx;
	int result, status;
	struct worker worker;
};

static void observe(void *arg)
{
	struct observer *o = arg;
	chan_case_t one = CHAN_CASE_RECV(o->rx, NULL);
	size_t which = 77;

	o->result = chan_select(&one, 1, CHAN_SELECT_READY, &which);
	o->status = one.status;
}

/* Told beside the one that is woken, which is held before it takes the message,
 * on the same subscription and on others; they take nothing. */
static void observers_are_told_too(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *second = subscribe(&e);
	struct observer o[3] = { { .rx = e.rx }, { .rx = e.rx }, { .rx = second } };
	struct call call = call_recv(e.rx, CALL_PLAIN);
	uint64_t number = 5;

	hold_at("block:woken");
	worker_start(&call.worker, run_subject, &call);
	worker_wait_asleep(&call.worker);
	for (size_t i = 0; i < 3; i++) {
		worker_start(&o[i].worker, observe, &o[i]);
		worker_wait_asleep(&o[i].worker);
	}
	must_give(0, chan_send(e.tx, &number));
	wait_sem(&hold.arrived);
	for (size_t i = 0; i < 3; i++) {
		worker_join(&o[i].worker);
		must(o[i].result == 0 && o[i].status == 0);
	}
	let_go(&call);
	must(call.result == 0 && call.value == 5);
	expect_numbers(second, 5, 1);
	chan_receiver_drop(second);
	ends_drop(&e);
}

/* A select on both subscriptions takes from one, the other keeps its message. */
static void a_select_takes_from_one_subscription(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_receiver_t *second = subscribe(&e);
	uint64_t taken[2];
	size_t first = 77, other = 77;

	for (uint64_t i = 0; i < 20; i++) {
		chan_case_t cases[2] = { CHAN_CASE_RECV(e.rx, &taken[0]), CHAN_CASE_RECV(second, &taken[1]) };

		taken[0] = taken[1] = 77;
		must_give(EAGAIN, chan_try_select(cases, 2, 0, &first));
		queue_numbers(e.tx, i, 1);
		must_give(0, chan_select(cases, 2, 0, &first));
		must(cases[first].status == 0 && taken[first] == i && taken[1 - first] == 77);
		must_give(0, chan_try_select(cases, 2, 0, &other));
		must(other == 1 - first && taken[other] == i);
	}
	chan_receiver_drop(second);
	ends_drop(&e);
}

/* ------------------------------------------------------------------- drop-oldest */

static void a_lag_is_told_of_once(const struct kind *k)
{
	struct ends e = open_dropping(k, 8);
	size_t n = k->capacity;
	uint64_t next = 0, lost = 0;

	for (size_t lag = 0; lag < 3 * n + 2; lag++) {
		queue_numbers(e.tx, next, n + lag);
		next += n + lag;
		lost += lag;
		must_eq(chan_receiver_len(e.rx), n);
		if (lag > 0)
			expect_lag(e.rx, lost);
		must_eq(chan_receiver_lost(e.rx), lost);
		must_eq(chan_receiver_len(e.rx), n);
		expect_numbers(e.rx, next - n, n);
		expect_nothing(e.rx, EAGAIN);
	}
	must_eq(chan_lost(e.c), lost);
	ends_drop(&e);
}

/* In every form, and a destination is not written. */
static void every_receive_tells_of_a_lag(const struct kind *k)
{
	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct ends e = open_dropping(k, 8);
		struct call call = call_recv(e.rx, form);

		queue_numbers(e.tx, 0, k->capacity + 2);
		call.value = 77;
		call_here(&call);
		must(call.result == EOVERFLOW && call.value == 77);
		call_here(&call);
		must(call.result == 0 && call.value == 2);
		ends_drop(&e);
	}
}

static void only_who_lagged_loses(const struct kind *k)
{
	struct ends e = open_dropping(k, 8);
	chan_receiver_t *quick = subscribe(&e);
	uint64_t total = 4 * k->capacity + 1;

	for (uint64_t i = 0; i < total; i++) {
		queue_numbers(e.tx, i, 1);
		expect_numbers(quick, i, 1);
	}
	must_eq(chan_receiver_lost(quick), 0);
	expect_nothing(quick, EAGAIN);
	expect_lag(e.rx, total - k->capacity);
	expect_numbers(e.rx, total - k->capacity, k->capacity);
	must_eq(chan_lost(e.c), total - k->capacity);
	chan_receiver_drop(quick);
	ends_drop(&e);
}

static void the_first_clone_to_call_is_told(const struct kind *k)
{
	struct ends e = open_dropping(k, 8);
	chan_receiver_t *clone = chan_receiver_clone(e.rx);

	queue_numbers(e.tx, 0, k->capacity + 1);
	expect_nothing(clone, EOVERFLOW);
	expect_numbers(e.rx, 1, 1);
	must(chan_receiver_lost(e.rx) == 1 && chan_receiver_lost(clone) == 1);
	chan_receiver_drop(clone);
	ends_drop(&e);
}

/* A lag comes before what is kept, and that before the end and the time. */
static void a_lag_comes_first(const struct kind *k)
{
	struct ends e = open_dropping(k, 8);
	struct timespec past = { -1, 0 };
	uint64_t number = 77;

	queue_numbers(e.tx, 0, k->capacity + 3);
	chan_close(e.c);
	must_give(EOVERFLOW, chan_recv_deadline(e.rx, &number, &past));
	must_eq(number, 77);
	for (uint64_t i = 0; i < k->capacity; i++) {
		must_give(0, chan_recv_deadline(e.rx, &number, &past));
		must_eq(number, 3 + i);
	}
	must_give(EPIPE, chan_recv_deadline(e.rx, &number, &past));
	ends_drop(&e);
}

/* The counts are right wherever positions stand, also where they begin anew. */
static void lags_are_counted_across_the_end_of_numbers(const struct kind *k)
{
	static const uint64_t starts[] = { (uint64_t)-1, (uint64_t)-2, (uint64_t)-3, (uint64_t)-40 };

	for (size_t s = 0; s < COUNT_OF(starts); s++)
		for (size_t lag = 1; lag < 2 * k->capacity + 2; lag += 1 + k->capacity / 8) {
			struct ends e;
			chan_receiver_t *second;
			uint64_t total = 50 * k->capacity + lag, next = 0;

			chan__tp_start = starts[s];
			e = open_dropping(k, 8);
			chan__tp_start = 0;
			second = subscribe(&e);
			for (uint64_t lost = lag; next < total; lost += lag) {
				queue_numbers(e.tx, next, k->capacity + lag);
				next += k->capacity + lag;
				expect_lag(e.rx, lost);
				expect_numbers(e.rx, next - k->capacity, k->capacity);
				must_eq(chan_receiver_lost(second), next - k->capacity);
			}
			expect_lag(second, next - k->capacity);
			expect_numbers(second, next - k->capacity, k->capacity);
			must_eq(chan_lost(e.c), next - k->capacity);
			chan_receiver_drop(second);
			ends_drop(&e);
		}
}

/* Displaced before every subscription had taken it. */
static void losses_of_the_channel_are_messages(const struct kind *k)
{
	struct ends e = open_dropping(k, 8);
	chan_receiver_t *second = subscribe(&e);

	queue_numbers(e.tx, 0, k->capacity + 2); /* both lose 2 */
	must_eq(chan_lost(e.c), 2);
	expect_lag(e.rx, 2);
	expect_numbers(e.rx, 2, k->capacity);
	queue_numbers(e.tx, 0, 1);               /* the second loses one more */
	must(chan_lost(e.c) == 3 && chan_receiver_lost(second) == 3 && chan_receiver_lost(e.rx) == 2);
	expect_numbers(e.rx, 0, 1);
	chan_receiver_drop(second);              /* and nobody misses the rest */
	queue_numbers(e.tx, 0, k->capacity);
	must_eq(chan_lost(e.c), 3);
	expect_numbers(e.rx, 0, k->capacity);
	chan_receiver_drop(e.rx);
	e.rx = subscribe(&e);
	queue_numbers(e.tx, 0, k->capacity);
	must(chan_lost(e.c) == 3 && chan_receiver_lost(e.rx) == 0);
	expect_numbers(e.rx, 0, k->capacity);
	ends_drop(&e);
}

static void dropping_the_oldest_no_send_waits(const struct kind *k)
{
	struct ends e = open_dropping(k, 8);
	uint64_t numbers[128] = { 0 };
	size_t count = 0;

	queue_numbers(e.tx, 0, k->capacity);
	must(!chan_is_full(e.c) && chan_len(e.c) == k->capacity);
	must_give(0, chan_send(e.tx, &numbers[0]));
	must_give(0, chan_send_timeout(e.tx, &numbers[0], 0));
	must_give(0, chan_send_many(e.tx, numbers, 128, &count));
	must_eq(count, 128);
	must_give(0, chan_try_send_many(e.tx, numbers, 128, &count));
	must_eq(count, 128);
	must_eq(chan_lost(e.c), 258);
	ends_drop(&e);
}

static void a_select_is_told_of_a_lag(const struct kind *k)
{
	struct ends e = open_dropping(k, 8);
	uint64_t number = 77;
	chan_case_t one = CHAN_CASE_RECV(e.rx, &number);
	size_t which = 77;

	queue_numbers(e.tx, 0, k->capacity + 1);
	must_give(0, chan_try_select(&one, 1, CHAN_SELECT_READY, &which));
	must(which == 0 && one.status == EOVERFLOW && chan_receiver_lost(e.rx) == 1);
	must_give(0, chan_select(&one, 1, 0, &which));
	must(one.status == EOVERFLOW && number == 77);
	must_give(0, chan_try_select(&one, 1, 0, &which));
	must(one.status == 0 && number == 1);
	ends_drop(&e);
}

struct batch {
	chan_receiver_t *rx;
	uint64_t numbers[70];
	size_t count;
	int result;
	bool tries;
};

static void receive_batch(struct batch *b)
{
	errno = TEST_ERRNO;
	b->count = 77;
	b->result = b->tries ? chan_try_recv_many(b->rx, b->numbers, COUNT_OF(b->numbers), &b->count)
	                     : chan_recv_many(b->rx, b->numbers, COUNT_OF(b->numbers), &b->count);
	test_errno(__FILE__, __LINE__, "a batch");
}

/* A batch is overtaken by senders after its first message. */
static struct ends overrun;

static void overrun_once(const char *name)
{
	if (strcmp(name, "broadcast:freed") != 0 || !atomic_exchange(&hold.armed, false))
		return;
	queue_numbers(overrun.tx, 100, 2 * chan_capacity(overrun.c));
}

static void a_batch_tells_of_a_lag_only_alone(const struct kind *k)
{
	for (int tries = 0; tries < 2; tries++) {
		struct batch b = { .tries = tries };

		overrun = open_dropping(k, 8);
		b.rx = overrun.rx;
		queue_numbers(overrun.tx, 0, k->capacity);
		atomic_store(&hold.armed, true);
		__atomic_store_n(&chan__tp_hook, overrun_once, __ATOMIC_RELEASE);
		receive_batch(&b);
		must(b.result == 0 && b.count == 1 && b.numbers[0] == 0);
		receive_batch(&b);
		must(b.result == EOVERFLOW && b.count == 0);
		must_eq(chan_receiver_lost(b.rx), 2 * k->capacity - 1);
		receive_batch(&b);
		must(b.result == 0 && b.count == k->capacity && b.numbers[0] == 100 + k->capacity);
		ends_drop(&overrun);
	}
}

static void receive_batch_waiting(void *arg)
{
	receive_batch(arg);
}

/* The same for one that waited: its message is not lost in the telling. */
static void a_batch_that_waited_tells_of_no_lag(const struct kind *k)
{
	struct batch b = { .tries = false };
	struct worker worker;

	overrun = open_dropping(k, 8);
	b.rx = overrun.rx;
	worker_start(&worker, receive_batch_waiting, &b);
	worker_wait_asleep(&worker);
	atomic_store(&hold.armed, true);
	__atomic_store_n(&chan__tp_hook, overrun_once, __ATOMIC_RELEASE);
	queue_numbers(overrun.tx, 5, 1);
	worker_join(&worker);
	must(b.result == 0 && b.count == 1 && b.numbers[0] == 5);
	receive_batch(&b);
	must(b.result == EOVERFLOW && b.count == 0);
	must_eq(chan_receiver_lost(b.rx), k->capacity);
	ends_drop(&overrun);
}

/* ------------------------------------------------------- calls that are in progress */

/* A receive copies the oldest message: nobody displaces it, and the sender
 * that wanted to is woken when the receive is over. */
static void a_receive_in_progress_keeps_its_message(const struct kind *k)
{
	struct ends e = open_dropping(k, 8);
	chan_receiver_t *second = subscribe(&e);
	struct call held = call_recv(e.rx, CALL_PLAIN), sender = call_send(e.tx, CALL_PLAIN, 99);
	uint64_t number = 55;

	queue_numbers(e.tx, 0, k->capacity);
	start_held(&held, "broadcast:claimed-recv");
	for (int i = 0; i < 100; i++)
		must_give(EAGAIN, chan_try_send(e.tx, &number));
	must(chan_is_full(e.c) && chan_lost(e.c) == 0);
	must_give(ETIMEDOUT, chan_send_timeout(e.tx, &number, CHAN_MSEC));
	expect_numbers(second, 0, 1); /* others read beside it */
	must_give(EAGAIN, chan_try_send(e.tx, &number));
	call_start_asleep(&sender);
	must(!atomic_load(&sender.worker.ended));
	let_go(&held);
	must(held.result == 0 && held.value == 0);
	call_finish(&sender);
	must_eq(sender.result, 0);
	must_eq(chan_lost(e.c), 0);
	expect_numbers(e.rx, 1, k->capacity - 1);
	expect_numbers(e.rx, 99, 1);
	chan_receiver_drop(second);
	ends_drop(&e);
}

/* Only for the slot that is next: elsewhere in the ring it holds nobody up. */
static void a_receive_in_progress_holds_up_its_slot_alone(const struct kind *k)
{
	struct ends e = open_dropping(k, 8);
	struct call held = call_recv(e.rx, CALL_PLAIN);
	uint64_t number = 55;

	queue_numbers(e.tx, 0, 1);
	start_held(&held, "broadcast:claimed-recv");
	queue_numbers(e.tx, 1, k->capacity - 1);
	must_give(EAGAIN, chan_try_send(e.tx, &number));
	let_go(&held);
	must(held.result == 0 && held.value == 0);
	queue_numbers(e.tx, k->capacity, k->capacity + 1);
	expect_lag(e.rx, k->capacity);
	expect_numbers(e.rx, k->capacity + 1, k->capacity);
	ends_drop(&e);
}

/* Between holding a slot and moving the cursor another clone takes the message:
 * the hold is let go, and the sender it kept out is woken. */
static void a_hold_in_vain_is_let_go(const struct kind *k)
{
	struct ends e = open_dropping(k, 8);
	struct call held = call_recv(e.rx, CALL_TIMEOUT), sender = call_send(e.tx, CALL_PLAIN, 99);
	uint64_t number = 55;

	queue_numbers(e.tx, 0, k->capacity);
	start_held(&held, "broadcast:held");
	expect_numbers(e.rx, 0, 1);
	must_give(EAGAIN, chan_try_send(e.tx, &number));
	call_start_asleep(&sender);
	let_go(&held);
	call_finish(&sender);
	must(held.result == 0 && sender.result == 0);
	must_eq(held.value, k->capacity == 1 ? 99 : 1);
	must_eq(chan_lost(e.c), 0);
	ends_drop(&e);
}

/* A send in progress: its subscriptions are told EAGAIN, and when it is over each
 * has the message; one that left meanwhile is not waited for. */
static void a_send_in_progress_is_waited_for(const struct kind *k)
{
	for (int dropping = 0; dropping < 2; dropping++) {
		struct ends e = dropping ? open_dropping(k, 8) : kind_open(k, 8);
		chan_receiver_t *second = subscribe(&e), *third = subscribe(&e), *later;
		struct call held = call_send(e.tx, CALL_PLAIN, 0), sleeper = call_recv(second, CALL_PLAIN);

		start_held(&held, "broadcast:claimed-send");
		expect_nothing(e.rx, EAGAIN);
		must_eq(chan_receiver_len(e.rx), 1);
		queue_numbers(e.tx, 1, k->capacity - 1);
		expect_full(&e);
		expect_nothing(e.rx, EAGAIN);
		call_start_asleep(&sleeper);
		chan_receiver_drop(third);
		later = subscribe(&e);
		chan_close(e.c);
		expect_nothing(e.rx, EAGAIN); /* it will still arrive */
		expect_nothing(later, EPIPE);
		let_go(&held);
		call_finish(&sleeper);
		must(held.result == 0 && sleeper.result == 0 && sleeper.value == 0);
		expect_numbers(e.rx, 0, k->capacity);
		expect_numbers(second, 1, k->capacity - 1);
		expect_nothing(second, EPIPE);
		chan_receiver_drop(second);
		chan_receiver_drop(later);
		ends_drop(&e);
	}
}

/* All who were to read it leave while it is written; then another comes, for
 * whom the ring is empty, and it wraps round. */
static void a_send_in_progress_outlives_its_readers(const struct kind *k)
{
	for (int dropping = 0; dropping < 2; dropping++) {
		struct ends e = dropping ? open_dropping(k, 8) : kind_open(k, 8);
		struct call held = call_send(e.tx, CALL_PLAIN, 0), sleeper = call_send(e.tx, CALL_PLAIN, 50);

		start_held(&held, "broadcast:claimed-send");
		chan_receiver_drop(e.rx);
		must(chan_is_disconnected(e.c) && chan_is_empty(e.c));
		e.rx = subscribe(&e);
		queue_numbers(e.tx, 1, k->capacity - 1);
		expect_full(&e); /* the slot is the writer's until it is done */
		call_start_asleep(&sleeper);
		let_go(&held);
		call_finish(&sleeper);
		must(held.result == 0 && sleeper.result == 0);
		expect_numbers(e.rx, 1, k->capacity - 1);
		expect_numbers(e.rx, 50, 1);
		must_eq(chan_lost(e.c), 0);
		ends_drop(&e);
	}
}

struct leaver {
	chan_receiver_t *rx;
	struct worker worker;
};

static void leave(void *arg)
{
	struct leaver *l = arg;

	is_subject = true;
	chan_receiver_drop(l->rx);
}

/* The dropped subscription is counted no more, but has not let go of what it
 * held: a sender waits for that, and what is sent then is not taken for its own. */
static void a_drop_in_progress_is_waited_for(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct leaver l = { .rx = e.rx };
	struct call sender = call_send(e.tx, CALL_PLAIN, k->capacity);

	queue_numbers(e.tx, 0, k->capacity);
	hold_at("broadcast:dismissed");
	worker_start(&l.worker, leave, &l);
	wait_sem(&hold.arrived);
	must(chan_is_disconnected(e.c) && chan_is_empty(e.c));
	e.rx = subscribe(&e);
	expect_full(&e);
	call_start_asleep(&sender);
	sem_post(&hold.go);
	worker_join(&l.worker);
	call_finish(&sender);
	must_eq(sender.result, 0);
	queue_numbers(e.tx, k->capacity + 1, k->capacity - 1);
	expect_full(&e);
	expect_numbers(e.rx, k->capacity, k->capacity);
	ends_drop(&e);
}

/* ---------------------------------------------------------------------- under load */

static const uint64_t sender_step = UINT64_C(1) << 32;

enum { SENDERS = 3 };

struct reader {
	chan_receiver_t *rx;
	uint64_t last[SENDERS]; /* the last number seen of each sender, plus one */
	size_t received, gaps;
	bool complete;          /* nothing may be missing */
	bool slow;
	struct worker worker;
};

static void read_everything(void *arg)
{
	struct reader *r = arg;
	uint64_t number;
	int error;

	while ((error = chan_recv(r->rx, &number)) == 0 || error == EOVERFLOW) {
		uint64_t sender = number / sender_step, count = number % sender_step;

		if (error == EOVERFLOW) {
			r->gaps++;
			continue;
		}
		must(sender < SENDERS);
		must(r->complete ? count == r->last[sender] : count >= r->last[sender]);
		r->last[sender] = count + 1;
		r->received++;
		for (unsigned i = 0; r->slow && i < 2000; i++)
			__asm__ __volatile__("" ::: "memory");
	}
	must_eq(error, EPIPE);
}

/* Several senders; every subscription sees each sender's messages all, in order. */
static void every_subscription_sees_every_sender_in_order(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct reader readers[SUBSCRIPTIONS] = { { .rx = e.rx } };
	struct feeder feeders[SENDERS];
	size_t n = test_scaled(4000);

	for (size_t i = 0; i < SUBSCRIPTIONS; i++) {
		if (i > 0)
			readers[i].rx = subscribe(&e);
		readers[i].complete = true;
		readers[i].slow = i == 2;
		worker_start(&readers[i].worker, read_everything, &readers[i]);
	}
	for (size_t i = 0; i < SENDERS; i++)
		feeder_start(&feeders[i], e.tx, i * sender_step, n);
	for (size_t i = 0; i < SENDERS; i++)
		feeder_join(&feeders[i]);
	chan_sender_drop(e.tx);
	for (size_t i = 0; i < SUBSCRIPTIONS; i++) {
		worker_join(&readers[i].worker);
		must_eq(readers[i].received, SENDERS * n);
		chan_receiver_drop(readers[i].rx);
	}
}

/* The order of all messages is the same everywhere. */
struct recorder {
	chan_receiver_t *rx;
	uint64_t *numbers;
	size_t n;
	struct worker worker;
};

static void record(void *arg)
{
	struct recorder *r = arg;
	size_t count;

	for (size_t i = 0; i < r->n; i += count)
		must_eq(chan_recv_many(r->rx, r->numbers + i, r->n - i < 5 ? r->n - i : 5, &count), 0);
}

static void all_see_the_same_order(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct recorder recorders[SUBSCRIPTIONS] = { { .rx = e.rx } };
	struct feeder feeders[SENDERS];
	size_t n = test_scaled(2000);

	for (size_t i = 0; i < SUBSCRIPTIONS; i++) {
		if (i > 0)
			recorders[i].rx = subscribe(&e);
		recorders[i].n = SENDERS * n;
		recorders[i].numbers = calloc(SENDERS * n, sizeof(uint64_t));
		must(recorders[i].numbers != NULL);
		worker_start(&recorders[i].worker, record, &recorders[i]);
	}
	for (size_t i = 0; i < SENDERS; i++)
		feeder_start(&feeders[i], e.tx, i * sender_step, n);
	for (size_t i = 0; i < SENDERS; i++)
		feeder_join(&feeders[i]);
	for (size_t i = 0; i < SUBSCRIPTIONS; i++)
		worker_join(&recorders[i].worker);
	for (size_t i = 0; i < SUBSCRIPTIONS; i++) {
		must(memcmp(recorders[i].numbers, recorders[0].numbers, SENDERS * n * sizeof(uint64_t)) == 0);
		chan_receiver_drop(recorders[i].rx);
	}
	for (size_t i = 0; i < SUBSCRIPTIONS; i++)
		free(recorders[i].numbers);
	chan_sender_drop(e.tx);
}

/* Sent is received plus lost, for each subscription; its clones add up. */
static void lags_are_counted_under_load(const struct kind *k)
{
	enum { READERS = 4 }; /* the last two share a subscription */
	struct ends e = open_dropping(k, 8);
	struct reader readers[READERS] = { { .rx = e.rx } };
	struct feeder feeders[SENDERS];
	size_t n = test_scaled(10000);

	readers[1].rx = subscribe(&e);
	readers[2].rx = subscribe(&e);
	readers[3].rx = chan_receiver_clone(readers[2].rx);
	readers[1].slow = true;
	for (size_t i = 0; i < READERS; i++)
		worker_start(&readers[i].worker, read_everything, &readers[i]);
	for (size_t i = 0; i < SENDERS; i++)
		feeder_start(&feeders[i], e.tx, i * sender_step, n);
	for (size_t i = 0; i < SENDERS; i++)
		feeder_join(&feeders[i]);
	chan_close(e.c);
	for (size_t i = 0; i < READERS; i++)
		worker_join(&readers[i].worker);
	readers[2].received += readers[3].received;
	readers[2].gaps += readers[3].gaps;
	for (size_t i = 0; i < READERS - 1; i++) {
		uint64_t lost = chan_receiver_lost(readers[i].rx);

		must_eq(readers[i].received + lost, SENDERS * n);
		must(readers[i].gaps <= lost && (readers[i].gaps > 0) == (lost > 0));
		must(chan_lost(e.c) >= lost);
	}
	for (size_t i = 1; i < READERS; i++)
		chan_receiver_drop(readers[i].rx);
	ends_drop(&e);
}

struct guest {
	struct ends *e;
	struct dice dice;
	atomic_bool *over;
	struct worker worker;
};

/* Comes, reads a while from two threads' worth of handles, and leaves. */
static void come_and_go(void *arg)
{
	struct guest *g = arg;
	uint64_t number, last = 0;

	while (!atomic_load(g->over)) {
		size_t reads = dice_roll(&g->dice, 12);
		chan_receiver_t *rx = NULL, *clone;

		must_eq(chan_subscribe(g->e->tx, &rx), 0);
		clone = chan_receiver_clone(rx);
		must(chan_receiver_len(clone) <= chan_capacity(g->e->c));
		for (size_t i = 0; i < reads; i++) {
			int error = chan_recv_timeout(i % 2 ? clone : rx, &number, 50 * CHAN_USEC);

			must(error == 0 || error == ETIMEDOUT || error == EOVERFLOW);
			must(error != 0 || number > last || number == 0);
			last = error == 0 ? number : last;
		}
		must(chan_len(g->e->c) <= chan_capacity(g->e->c));
		must(chan_receiver_count(g->e->c) >= 3);
		chan_receiver_drop(rx);
		chan_receiver_drop(clone);
	}
}

static void guests_come_and_go(const struct kind *k, chan_overflow_t overflow)
{
	struct counting counting;
	struct ends e = open_counted(k, overflow, &counting);
	struct reader resident = { .rx = e.rx, .complete = overflow == CHAN_OVERFLOW_WAIT };
	struct guest guests[3];
	struct feeder f;
	atomic_bool over;
	size_t n = test_scaled(8000);

	atomic_init(&over, false);
	worker_start(&resident.worker, read_everything, &resident);
	for (size_t i = 0; i < 3; i++) {
		guests[i] = (struct guest){ .e = &e, .dice = { i }, .over = &over };
		worker_start(&guests[i].worker, come_and_go, &guests[i]);
	}
	feeder_start(&f, e.tx, 0, n);
	feeder_join(&f);
	atomic_store(&over, true);
	for (size_t i = 0; i < 3; i++)
		worker_join(&guests[i].worker);
	chan_close(e.c);
	worker_join(&resident.worker);
	must_eq(resident.received + chan_receiver_lost(e.rx), n);
	ends_drop(&e);
	counting_must_balance(&counting);
}

static void subscriptions_come_and_go_under_load(const struct kind *k)
{
	guests_come_and_go(k, CHAN_OVERFLOW_WAIT);
	guests_come_and_go(k, CHAN_OVERFLOW_DROP_OLDEST);
}

/* The only subscription comes and goes: sends succeed or are EPIPE, nobody hangs. */
static void send_or_be_refused(void *arg)
{
	struct guest *g = arg;
	uint64_t number = 0;

	while (!atomic_load(g->over)) {
		int error = chan_send(g->e->tx, &number);

		must(error == 0 || error == EPIPE);
		number += error == 0;
	}
}

static void the_only_subscription_comes_and_goes(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct guest senders[2];
	struct dice dice = { 9 };
	atomic_bool over;
	size_t rounds = test_scaled(2000);

	atomic_init(&over, false);
	for (size_t i = 0; i < 2; i++) {
		senders[i] = (struct guest){ .e = &e, .over = &over };
		worker_start(&senders[i].worker, send_or_be_refused, &senders[i]);
	}
	for (size_t i = 0; i < rounds; i++) {
		uint64_t number;

		for (uint64_t reads = dice_roll(&dice, 2 * k->capacity); reads > 0; reads--)
			must_eq(chan_recv(e.rx, &number), 0);
		chan_receiver_drop(e.rx);
		must_eq(chan_subscribe(e.tx, &e.rx), 0);
	}
	atomic_store(&over, true);
	chan_receiver_drop(e.rx);
	e.rx = NULL;
	for (size_t i = 0; i < 2; i++)
		worker_join(&senders[i].worker);
	chan_sender_drop(e.tx);
}

enum { LARGE = 2048 };

struct copier {
	chan_receiver_t *rx;
	size_t received;
	struct worker worker;
};

static void read_whole_messages(void *arg)
{
	struct copier *c = arg;
	unsigned char bytes[LARGE];
	int error;

	while ((error = chan_recv(c->rx, bytes)) == 0 || error == EOVERFLOW) {
		if (error == EOVERFLOW)
			continue;
		must(memcmp(bytes, bytes + 1, LARGE - 1) == 0);
		c->received++;
	}
}

/* Subscriptions and clones copy the same message at the same time, while senders
 * displace: each copy is whole. */
static void many_copies_at_once_are_whole(const struct kind *k)
{
	struct ends e = open_dropping(k, LARGE);
	struct copier copiers[4] = { { .rx = e.rx } };
	unsigned char bytes[LARGE];
	size_t n = test_scaled(4000);

	copiers[1].rx = chan_receiver_clone(e.rx);
	copiers[2].rx = subscribe(&e);
	copiers[3].rx = subscribe(&e);
	for (size_t i = 0; i < 4; i++)
		worker_start(&copiers[i].worker, read_whole_messages, &copiers[i]);
	for (size_t i = 0; i < n; i++) {
		memset(bytes, (int)(i % 251), LARGE);
		must_give(0, chan_send(e.tx, bytes));
	}
	chan_sender_drop(e.tx);
	for (size_t i = 0; i < 4; i++) {
		worker_join(&copiers[i].worker);
		chan_receiver_drop(copiers[i].rx);
	}
	copiers[0].received += copiers[1].received;
	must(copiers[0].received > 0 && copiers[2].received > 0 && copiers[3].received > 0);
}

/* The position wraps while several threads send and receive. */
static void positions_overflow_under_load(const struct kind *k)
{
	chan__tp_start = (uint64_t)-40;
	lags_are_counted_under_load(k);
	every_subscription_sees_every_sender_in_order(k);
	chan__tp_start = 0;
}

/* -------------------------------------------------------------------------- table */

/* --------------------------------------------------------------- what a send costs */

enum { CROWD = 20000, SENDS = 100, ATTEMPTS = 3, ROOM = SENDS * ATTEMPTS };

/* Processor time of so many sends, the least of the attempts. */
static uint64_t cost_of_sends(const struct ends *e)
{
	uint64_t least = UINT64_MAX;

	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		struct timespec before, after;
		uint64_t ns;

		must_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before), 0);
		for (uint64_t i = 0; i < SENDS; i++)
			must_eq(chan_try_send(e->tx, &i), 0);
		must_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after), 0);
		ns = (uint64_t)(after.tv_sec - before.tv_sec) * CHAN_SEC;
		ns = ns + (uint64_t)after.tv_nsec - (uint64_t)before.tv_nsec;
		least = ns < least ? ns : least;
	}
	return least;
}

static uint64_t cost_among(const struct kind *k, bool dropping, size_t crowd)
{
	static chan_receiver_t *rx[CROWD];
	struct ends e = dropping ? open_dropping(k, 8) : kind_open(k, 8);
	uint64_t cost;

	for (size_t i = 0; i < crowd; i++)
		rx[i] = subscribe(&e);
	cost = cost_of_sends(&e);
	must_eq(chan_len(e.c), ROOM);
	for (size_t i = 0; i < crowd; i++) {
		must_eq(chan_receiver_len(rx[i]), ROOM);
		chan_receiver_drop(rx[i]);
	}
	ends_drop(&e);
	return cost;
}

/* A send that looked at each of them would cost hundreds of times as much. */
static void a_send_looks_through_no_subscriptions(const struct kind *k)
{
	struct kind roomy;

	(void)k;
	must(kind_probe(&roomy, CHAN_FLAVOR_BROADCAST, ROOM, CHAN_MANY, CHAN_MANY));
	for (int dropping = 0; dropping < 2; dropping++) {
		uint64_t alone = cost_among(&roomy, dropping, 0);

		must(cost_among(&roomy, dropping, CROWD) < 20 * alone + CHAN_MSEC / 4);
	}
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(every_subscription_sees_every_message, NEEDS_NOTHING),
	BEHAVIOUR(a_subscription_begins_when_it_is_made, NEEDS_NOTHING),
	BEHAVIOUR(clones_share_a_subscription, NEEDS_NOTHING),
	BEHAVIOUR(the_slowest_subscription_is_waited_for, NEEDS_NOTHING),
	BEHAVIOUR(dropping_a_subscription_frees_what_it_held, NEEDS_NOTHING),
	BEHAVIOUR(lengths_are_the_slowest_and_ones_own, NEEDS_NOTHING),
	BEHAVIOUR(without_subscriptions_sends_fail, NEEDS_NOTHING),
	BEHAVIOUR(a_server_starts_without_clients, NEEDS_NOTHING),
	BEHAVIOUR(the_last_subscription_wakes_every_sender, NEEDS_NOTHING),
	BEHAVIOUR(a_weak_sender_finds_its_way_back, NEEDS_NOTHING),
	BEHAVIOUR(each_subscription_drains_before_the_end, NEEDS_NOTHING),
	BEHAVIOUR(closed_it_is_not_connected_again, NEEDS_NOTHING),
	BEHAVIOUR(close_wakes_everybody, NEEDS_NOTHING),
	BEHAVIOUR(no_value_is_lost_on_close, NEEDS_NOTHING),
	BEHAVIOUR(subscribing_races_a_close, NEEDS_NOTHING),
	BEHAVIOUR(creation_checks_its_arguments, RUNS_ONCE),
	BEHAVIOUR(a_destructor_is_refused, NEEDS_NOTHING),
	BEHAVIOUR(force_send_is_refused, NEEDS_NOTHING),
	BEHAVIOUR(subscribing_checks_its_arguments, NEEDS_NOTHING),
	BEHAVIOUR(other_flavors_have_no_subscriptions, RUNS_ONCE),
	BEHAVIOUR(promises_are_accepted, NEEDS_NOTHING),
	BEHAVIOUR(a_subscription_that_finds_no_memory_is_none, NEEDS_NOTHING),
	BEHAVIOUR(storage_goes_with_the_last_of_all_handles, NEEDS_NOTHING),
	BEHAVIOUR(a_message_wakes_one_of_each_subscription, NEEDS_NOTHING),
	BEHAVIOUR(a_batch_wakes_as_many_of_each, NEEDS_NOTHING),
	BEHAVIOUR(observers_are_told_too, NEEDS_NOTHING),
	BEHAVIOUR(a_select_takes_from_one_subscription, NEEDS_NOTHING),
	BEHAVIOUR(a_lag_is_told_of_once, NEEDS_NOTHING),
	BEHAVIOUR(every_receive_tells_of_a_lag, NEEDS_NOTHING),
	BEHAVIOUR(only_who_lagged_loses, NEEDS_NOTHING),
	BEHAVIOUR(the_first_clone_to_call_is_told, NEEDS_NOTHING),
	BEHAVIOUR(a_lag_comes_first, NEEDS_NOTHING),
	BEHAVIOUR(lags_are_counted_across_the_end_of_numbers, NEEDS_NOTHING),
	BEHAVIOUR(losses_of_the_channel_are_messages, NEEDS_NOTHING),
	BEHAVIOUR(dropping_the_oldest_no_send_waits, NEEDS_NOTHING),
	BEHAVIOUR(a_select_is_told_of_a_lag, NEEDS_NOTHING),
	BEHAVIOUR(a_batch_tells_of_a_lag_only_alone, NEEDS_NOTHING),
	BEHAVIOUR(a_batch_that_waited_tells_of_no_lag, NEEDS_NOTHING),
	BEHAVIOUR(a_receive_in_progress_keeps_its_message, NEEDS_NOTHING),
	BEHAVIOUR(a_receive_in_progress_holds_up_its_slot_alone, NEEDS_NOTHING),
	BEHAVIOUR(a_hold_in_vain_is_let_go, NEEDS_NOTHING),
	BEHAVIOUR(a_send_in_progress_is_waited_for, NEEDS_NOTHING),
	BEHAVIOUR(a_send_in_progress_outlives_its_readers, NEEDS_NOTHING),
	BEHAVIOUR(a_drop_in_progress_is_waited_for, NEEDS_NOTHING),
	BEHAVIOUR(every_subscription_sees_every_sender_in_order, NEEDS_NOTHING),
	BEHAVIOUR(all_see_the_same_order, NEEDS_NOTHING),
	BEHAVIOUR(lags_are_counted_under_load, NEEDS_NOTHING),
	BEHAVIOUR(subscriptions_come_and_go_under_load, NEEDS_NOTHING),
	BEHAVIOUR(the_only_subscription_comes_and_goes, NEEDS_NOTHING),
	BEHAVIOUR(many_copies_at_once_are_whole, NEEDS_NOTHING),
	BEHAVIOUR(positions_overflow_under_load, NEEDS_NOTHING),
	BEHAVIOUR(a_send_looks_through_no_subscriptions, RUNS_ONCE),
};

int main(void)
{
	static struct kind all[MAX_KINDS], kinds[MAX_KINDS];
	size_t n = kind_discover(all, CHAN_MANY, CHAN_MANY), chosen = 0;

	for (size_t i = 0; i < n; i++)
		if (all[i].flavor == CHAN_FLAVOR_BROADCAST)
			kinds[chosen++] = all[i];
	return matrix_run("broadcast", behaviours, COUNT_OF(behaviours), kinds, chosen);
}
