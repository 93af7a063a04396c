/*
 * test_single.c - the promises of a single producer and a single consumer:
 * cheaper paths that behave the same
 */
#include "common.h"

static void receive_numbers(chan_receiver_t *rx, uint64_t first, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t number = UINT64_MAX;

		must_eq(chan_recv(rx, &number), 0);
		must_eq(number, first + i);
	}
}

static void a_long_stream_stays_in_order(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct feeder f;
	size_t n = test_scaled(10000);

	feeder_start(&f, e.tx, 0, n);
	receive_numbers(e.rx, 0, n);
	feeder_join(&f);
	ends_drop(&e);
}

struct taker {
	chan_receiver_t *rx;
	uint64_t first;
	size_t n;
	struct worker worker;
};

static void take(void *arg)
{
	struct taker *t = arg;

	receive_numbers(t->rx, t->first, t->n);
}

/* The promise is about overlap, not about which thread: each thread's calls
 * happen before the next one's. */
static void the_sides_may_change_threads(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	for (uint64_t i = 0; i < 20; i++) {
		struct taker t = { .rx = e.rx, .first = i * 50, .n = 50 };
		struct feeder f;

		worker_start(&t.worker, take, &t);
		feeder_start(&f, e.tx, i * 50, 50);
		feeder_join(&f);
		worker_join(&t.worker);
	}
	ends_drop(&e);
}

struct onlooker {
	chan_sender_t *tx;
	chan_receiver_t *rx;
	atomic_bool stop;
	struct worker worker;
};

static void look_on(void *arg)
{
	struct onlooker *o = arg;
	chan_weak_sender_t *weak = chan_sender_downgrade(o->tx);
	chan_t *c = chan_sender_channel(o->tx);

	while (!atomic_load(&o->stop)) {
		must(chan_len(c) <= chan_capacity(c));
		must(chan_receiver_len(o->rx) <= chan_capacity(c));
		(void)chan_is_empty(c);
		(void)chan_is_full(c);
		chan_sender_drop(chan_sender_clone(o->tx));
		chan_receiver_drop(chan_receiver_clone(o->rx));
		chan_sender_drop(chan_weak_sender_upgrade(weak));
		must(chan_sender_count(c) >= 1 && chan_receiver_count(c) >= 1);
	}
	chan_weak_sender_drop(weak);
}

/* Queries, clones and drops are not calls that send or receive. */
static void others_may_look_on(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct onlooker o = { .tx = e.tx, .rx = e.rx };
	struct feeder f;
	size_t n = test_scaled(1500);

	atomic_init(&o.stop, false);
	worker_start(&o.worker, look_on, &o);
	feeder_start(&f, e.tx, 0, n);
	receive_numbers(e.rx, 0, n);
	feeder_join(&f);
	atomic_store(&o.stop, true);
	worker_join(&o.worker);
	ends_drop(&e);
}

struct closer {
	struct ends *e;
	size_t accepted;
	struct worker worker;
};

static void send_until_closed(void *arg)
{
	struct closer *c = arg;
	uint64_t number = 0;
	int error;

	while ((error = chan_send(c->e->tx, &number)) == 0)
		number++;
	must_eq(error, EPIPE);
	c->accepted = (size_t)number;
}

/* What was accepted before a close from a third thread arrives, no more. */
static void a_close_beside_the_stream_loses_nothing(const struct kind *k)
{
	size_t rounds = test_scaled(60);

	for (size_t i = 0; i < rounds; i++) {
		struct ends e = kind_open(k, 8);
		struct closer c = { .e = &e };
		size_t received = 0;
		uint64_t number;
		int error;

		worker_start(&c.worker, send_until_closed, &c);
		for (; received < i; received++) {
			must_eq(chan_recv(e.rx, &number), 0);
			must_eq(number, received);
		}
		chan_close(e.c);
		while ((error = chan_recv(e.rx, &number)) == 0)
			must_eq(number, received++);
		must_eq(error, EPIPE);
		worker_join(&c.worker);
		must_eq(received, c.accepted);
		ends_drop(&e);
	}
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(a_long_stream_stays_in_order, NEEDS_NOTHING),
	BEHAVIOUR(the_sides_may_change_threads, NEEDS_NOTHING),
	BEHAVIOUR(others_may_look_on, NEEDS_NOTHING),
	BEHAVIOUR(a_close_beside_the_stream_loses_nothing, NEEDS_NOTHING),
};

static int run(const char *name, chan_concurrency_t producers, chan_concurrency_t consumers, bool common)
{
	static struct behaviour table[MAX_COMMON + COUNT_OF(behaviours)];
	static struct kind kinds[MAX_KINDS];
	size_t n_kinds = kind_discover(kinds, producers, consumers);
	size_t n = common ? common_behaviours(table) : 0;

	for (size_t i = 0; i < COUNT_OF(behaviours); i++)
		table[n++] = behaviours[i];
	return matrix_run(name, table, n, kinds, n_kinds);
}

/* All that is common holds under the promises too.  Slow tools, which scale the
 * counts far down, see it with both promises, where both cheaper paths are taken. */
int main(void)
{
	bool patient = test_scale() < 8;
	int status = run("single producer", CHAN_SINGLE, CHAN_MANY, patient);

	status |= run("single consumer", CHAN_MANY, CHAN_SINGLE, patient);
	status |= run("single producer and consumer", CHAN_SINGLE, CHAN_SINGLE, true);
	return status;
}
