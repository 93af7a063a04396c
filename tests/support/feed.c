#include "support/feed.h"

#include <string.h>

static void feed(void *arg)
{
	struct feeder *f = arg;

	for (size_t i = 0; i < f->n; i++) {
		uint64_t number = f->first + i;

		must_give(0, chan_send(f->tx, &number));
	}
}

void feeder_start(struct feeder *f, chan_sender_t *tx, uint64_t first, size_t n)
{
	f->tx = tx;
	f->first = first;
	f->n = n;
	worker_start(&f->worker, feed, f);
}

void feeder_join(struct feeder *f)
{
	worker_join(&f->worker);
}

void queue_numbers(chan_sender_t *tx, uint64_t first, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t number = first + i;

		must_give(0, chan_try_send(tx, &number));
		must_eq(number, first + i);
	}
}

void expect_numbers(chan_receiver_t *rx, uint64_t first, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t number = UINT64_MAX;

		must_give(0, chan_try_recv(rx, &number));
		must_eq(number, first + i);
	}
}

size_t next_level(size_t level, size_t room)
{
	if (level < 4)
		return level + 1;
	return level < room ? room : room + 1;
}

void count_destroyed(void *msg, void *destroyed)
{
	struct destroyed *d = destroyed;
	uint64_t number;

	memcpy(&number, msg, sizeof(number));
	atomic_fetch_add(&d->sum, number);
	atomic_fetch_add(&d->count, 1);
	errno = EILSEQ; /* the library has to put it back */
}

struct ends kind_open_destroying(const struct kind *k, struct destroyed *destroyed)
{
	chan_attr_t attr;

	atomic_init(&destroyed->count, 0);
	atomic_init(&destroyed->sum, 0);
	kind_attr(k, &attr);
	if (k->destroys)
		must_give(0, chan_attr_setdestructor(&attr, count_destroyed, destroyed));
	return attr_open(&attr, sizeof(uint64_t));
}

uint64_t sum_of_numbers(uint64_t first, size_t n)
{
	return n == 0 ? 0 : first * n + (uint64_t)n * (n - 1) / 2;
}
