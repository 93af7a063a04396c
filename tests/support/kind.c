#include "support/kind.h"

#include <stdio.h>
#include <string.h>

/* 3 and 64: capacities that are and are not a power of two. */
static const size_t capacities[] = { 0, 1, 3, 64, CHAN_UNBOUNDED };

bool kind_is_unbounded(const struct kind *k)
{
	return k->capacity == CHAN_UNBOUNDED;
}

bool kind_never_fills(const struct kind *k)
{
	return kind_is_unbounded(k) || k->one_message;
}

bool kind_is_promised(const struct kind *k)
{
	return k->producers == CHAN_SINGLE || k->consumers == CHAN_SINGLE;
}

size_t kind_rounds(const struct kind *k, size_t n)
{
	return test_scaled(kind_is_promised(k) ? (n + 3) / 4 : n);
}

static void name_kind(struct kind *k)
{
	char capacity[24] = "unbounded";

	if (!kind_is_unbounded(k))
		snprintf(capacity, sizeof(capacity), "%zu", k->capacity);
	snprintf(k->name, sizeof(k->name), "%.16s/%.12s%s%s", chan_flavor_name(k->flavor), capacity,
	         k->producers == CHAN_SINGLE ? "+sp" : "", k->consumers == CHAN_SINGLE ? "+sc" : "");
}

void kind_attr(const struct kind *k, chan_attr_t *attr)
{
	must_give(0, chan_attr_init(attr));
	must_give(0, chan_attr_setflavor(attr, k->flavor));
	must_give(0, chan_attr_setcapacity(attr, k->capacity));
	must_give(0, chan_attr_setproducers(attr, k->producers));
	must_give(0, chan_attr_setconsumers(attr, k->consumers));
}

static bool serves(const struct kind *k, chan_overflow_t overflow)
{
	struct ends e;
	chan_attr_t attr;
	int error;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setoverflow(&attr, overflow));
	error = chan_create(&attr, sizeof(uint64_t), &e.tx, &e.rx);
	must_give(0, chan_attr_destroy(&attr));
	if (error == 0)
		ends_drop(&e);
	return error == 0;
}

/* A queue that was emptied takes another message; this one does not. */
static bool takes_one_message(const struct kind *k)
{
	struct ends e = kind_open(k, sizeof(uint64_t));
	uint64_t number = 1;
	bool used = chan_try_send(e.tx, &number) == 0 && chan_try_recv(e.rx, &number) == 0 &&
	            chan_try_send(e.tx, &number) == EPIPE;

	ends_drop(&e);
	return used;
}

static void no_destructor(void *msg, void *arg)
{
	(void)msg;
	(void)arg;
}

static bool accepts_a_destructor(const struct kind *k)
{
	struct ends e;
	chan_attr_t attr;
	int error;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setdestructor(&attr, no_destructor, NULL));
	error = chan_create(&attr, sizeof(uint64_t), &e.tx, &e.rx);
	must_give(0, chan_attr_destroy(&attr));
	if (error == 0)
		ends_drop(&e);
	else
		must_eq(error, ENOTSUP);
	return error == 0;
}

static bool accepts_force(const struct kind *k)
{
	struct ends e = kind_open(k, sizeof(uint64_t));
	uint64_t number = 1;
	int error = chan_force_send(e.tx, &number, NULL, NULL);

	ends_drop(&e);
	return error != ENOTSUP;
}

static bool reports_losses(const struct kind *k)
{
	chan_attr_t attr;
	struct ends e;
	uint64_t number = 1;
	int error;

	if (!k->drop_oldest)
		return false;
	kind_attr(k, &attr);
	must_give(0, chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST));
	e = attr_open(&attr, sizeof(uint64_t));
	for (size_t i = 0; i <= k->capacity; i++)
		must_give(0, chan_try_send(e.tx, &number));
	error = chan_try_recv(e.rx, &number);
	ends_drop(&e);
	return error == EOVERFLOW;
}

bool kind_probe(struct kind *k, chan_flavor_t flavor, size_t capacity,
                chan_concurrency_t producers, chan_concurrency_t consumers)
{
	*k = (struct kind){ .flavor = flavor, .capacity = capacity,
	                    .producers = producers, .consumers = consumers };
	if (chan_flavor_name(flavor) == NULL || !serves(k, CHAN_OVERFLOW_WAIT))
		return false;
	k->drop_oldest = serves(k, CHAN_OVERFLOW_DROP_OLDEST);
	k->one_message = takes_one_message(k);
	k->destroys = accepts_a_destructor(k);
	k->forces = accepts_force(k);
	k->reports = reports_losses(k);
	name_kind(k);
	return true;
}

size_t kind_discover(struct kind *kinds, chan_concurrency_t producers, chan_concurrency_t consumers)
{
	size_t n = 0;

	for (chan_flavor_t flavor = 1; flavor <= MAX_FLAVORS; flavor++)
		for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++)
			n += kind_probe(&kinds[n], flavor, capacities[i], producers, consumers);
	return n;
}

struct ends attr_open(chan_attr_t *attr, size_t msg_size)
{
	struct ends e = { NULL, NULL, NULL };

	must_give(0, chan_create(attr, msg_size, &e.tx, &e.rx));
	must_give(0, chan_attr_destroy(attr));
	e.c = chan_sender_channel(e.tx);
	return e;
}

struct ends kind_open(const struct kind *k, size_t msg_size)
{
	chan_attr_t attr;

	kind_attr(k, &attr);
	return attr_open(&attr, msg_size);
}

void ends_drop(struct ends *e)
{
	must_keep_errno(chan_sender_drop(e->tx));
	must_keep_errno(chan_receiver_drop(e->rx));
	e->tx = NULL;
	e->rx = NULL;
}

size_t kind_room(const struct kind *k)
{
	return kind_is_unbounded(k) ? 100 : k->capacity;
}

chan_flavor_t flavor_named(const char *name)
{
	for (chan_flavor_t flavor = 1; flavor <= MAX_FLAVORS; flavor++) {
		const char *candidate = chan_flavor_name(flavor);

		if (candidate != NULL && strcmp(candidate, name) == 0)
			return flavor;
	}
	return CHAN_FLAVOR_AUTO;
}
