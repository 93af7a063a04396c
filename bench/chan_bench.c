/*
 * chan_bench.c - libchan's adapter of the benchmark
 *
 * Each flavor is an implementation, under the name libchan:FLAVOR, and serves
 * the cells that it can.
 */

#include <chan.h>

#include "chan_bench.h"
#include "loops.h"

/* -------------------------------------------------------------------- channels */

static void attributes(chan_attr_t *attr, const struct bench_run *r)
{
	bench_must(chan_attr_init(attr), "chan_attr_init");
	bench_must(chan_attr_setflavor(attr, r->impl->tag), "chan_attr_setflavor");
	bench_must(chan_attr_setcapacity(attr, r->capacity), "chan_attr_setcapacity");
	if (r->cell.scenario == BENCH_SINGLE) {
		bench_must(chan_attr_setproducers(attr, CHAN_SINGLE), "chan_attr_setproducers");
		bench_must(chan_attr_setconsumers(attr, CHAN_SINGLE), "chan_attr_setconsumers");
	}
}

static void create(const chan_attr_t *attr, size_t size, chan_sender_t **tx, chan_receiver_t **rx)
{
	bench_must(chan_create(attr, size, tx, rx), "chan_create");
}

static struct bench_ends channel_create(const struct bench_run *r, size_t size)
{
	chan_attr_t attr;
	chan_sender_t *tx;
	chan_receiver_t *rx;

	attributes(&attr, r);
	create(&attr, size, &tx, &rx);
	bench_must(chan_attr_destroy(&attr), "chan_attr_destroy");
	return (struct bench_ends){ tx, rx };
}

static void open_channels(struct bench_run *r)
{
	for (unsigned i = 0; i < r->channels; i++)
		r->ends[i] = channel_create(r, bench_size(r, i));
}

/* One channel, with as many subscriptions as others have channels. */
static void open_broadcast(struct bench_run *r)
{
	r->ends[0] = channel_create(r, r->size);
	for (unsigned i = 1; i < r->channels; i++) {
		chan_receiver_t *rx;

		bench_must(chan_subscribe(r->ends[0].to, &rx), "chan_subscribe");
		r->ends[i].from = rx;
	}
}

static bool close_channels(struct bench_run *r)
{
	bool empty = true;

	for (unsigned i = 0; i < r->channels; i++) {
		empty = empty && chan_receiver_len(r->ends[i].from) == 0;
		chan_sender_drop(r->ends[i].to);
		chan_receiver_drop(r->ends[i].from);
	}
	return empty;
}

/* ----------------------------------------------------------------------- loops */

BENCH_INLINE void channel_send(void *tx, const void *message, size_t size)
{
	(void)size;
	bench_must(chan_send(tx, message), "chan_send");
}

BENCH_INLINE void channel_recv(void *rx, void *message, size_t size)
{
	(void)size;
	bench_must(chan_recv(rx, message), "chan_recv");
}

BENCH_LOOPS(channel, channel_send, channel_recv)

static void send_batch(struct bench_party *p, uint64_t first, size_t n)
{
	size_t sent;

	if (p->mask)
		for (size_t i = 0; i < n; i++)
			bench_put(p->message + i * p->size, first + i);
	bench_must(chan_send_many(p->to, p->message, n, &sent), "chan_send_many");
}

static void sending_batches(struct bench_party *p)
{
	uint64_t n = 0;

	for (; p->count - n > BENCH_BATCH_OF; n += BENCH_BATCH_OF)
		send_batch(p, p->first + n, BENCH_BATCH_OF);
	send_batch(p, p->first + n, (size_t)(p->count - n));
}

static void receiving_batches(struct bench_party *p)
{
	while (p->taken.count < p->count) {
		size_t n;

		bench_must(chan_recv_many(p->from, p->message, BENCH_BATCH_OF, &n), "chan_recv_many");
		bench_take_many(p, n);
	}
}

static void once(struct bench_party *p)
{
	chan_attr_t attr;
	chan_sender_t *tx;
	chan_receiver_t *rx;

	attributes(&attr, p->run);
	for (uint64_t n = 0; n < p->count; n++) {
		create(&attr, p->size, &tx, &rx);
		bench_put(p->message, n);
		channel_send(tx, p->message, p->size);
		channel_recv(rx, p->message, p->size);
		chan_sender_drop(tx);
		chan_receiver_drop(rx);
		bench_take(p);
	}
}

static void creating(struct bench_party *p)
{
	chan_attr_t attr;
	chan_sender_t *tx;
	chan_receiver_t *rx;

	attributes(&attr, p->run);
	for (uint64_t n = 0; n < p->count; n++) {
		create(&attr, p->size, &tx, &rx);
		chan_sender_drop(tx);
		chan_receiver_drop(rx);
	}
}

static const struct bench_works works = {
	.send = channel_sending, .receive = channel_receiving, .send_then_receive = channel_seq,
	.call = channel_calling, .answer = channel_answering,
	.send_batches = sending_batches, .receive_batches = receiving_batches,
	.select_send = chan_select_sending, .select_receive = chan_select_receiving,
	.receive_in_loop = chan_receiving_in_loop,
	.receive_in_task = chan_receiving_in_task,
	.wake = channel_waking, .park = channel_being_woken,
	.send_sizes = channel_sending_sizes, .receive_sizes = channel_receiving_sizes,
	.send_bursts = channel_sending_bursts, .receive_bursts = channel_receiving_bursts,
	.once = once, .create = creating
};

static const struct bench_works *works_of_any_size(size_t size)
{
	(void)size;
	return &works;
}

/* --------------------------------------------------------------------- flavors */

static bool is_common(const struct bench_cell *c)
{
	return c->capacity != BENCH_ONCE && c->scenario != BENCH_BROADCAST;
}

static bool any_serves(const struct bench_impl *impl, const struct bench_cell *c)
{
	(void)impl;
	return is_common(c);
}

static bool array_serves(const struct bench_impl *impl, const struct bench_cell *c)
{
	(void)impl;
	return is_common(c) && c->capacity != 0 && c->capacity != BENCH_UNBOUNDED;
}

static bool list_serves(const struct bench_impl *impl, const struct bench_cell *c)
{
	(void)impl;
	return is_common(c) && c->capacity == BENCH_UNBOUNDED;
}

static bool zero_serves(const struct bench_impl *impl, const struct bench_cell *c)
{
	(void)impl;
	return is_common(c) && c->capacity == 0;
}

static bool oneshot_serves(const struct bench_impl *impl, const struct bench_cell *c)
{
	(void)impl;
	return c->capacity == BENCH_ONCE;
}

static bool broadcast_serves(const struct bench_impl *impl, const struct bench_cell *c)
{
	(void)impl;
	return c->scenario == BENCH_BROADCAST;
}

static const struct bench_impl flavors[] = {
	{ "libchan:array", CHAN_FLAVOR_ARRAY, array_serves, works_of_any_size, open_channels, close_channels },
	{ "libchan:list", CHAN_FLAVOR_LIST, list_serves, works_of_any_size, open_channels, close_channels },
	{ "libchan:zero", CHAN_FLAVOR_ZERO, zero_serves, works_of_any_size, open_channels, close_channels },
	{ "libchan:oneshot", CHAN_FLAVOR_ONESHOT, oneshot_serves, works_of_any_size, open_channels, close_channels },
	{ "libchan:broadcast", CHAN_FLAVOR_BROADCAST, broadcast_serves, works_of_any_size, open_broadcast, close_channels },
	{ "libchan:mutex_condvar", CHAN_FLAVOR_MUTEX_CONDVAR, any_serves, works_of_any_size, open_channels, close_channels }
};

int main(int argc, char **argv)
{
	const struct bench_adapter adapter = {
		"chan_bench", chan_version(), flavors, sizeof(flavors) / sizeof(*flavors)
	};

	return bench_main(argc, argv, &adapter);
}
