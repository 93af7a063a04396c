/*
 * bare_ring.c - what one producer and one consumer cost at least: a ring of their own
 *
 * No library: the least that passes messages in order, by value, through room for 128.
 * Each side keeps its index on a line of its own, beside a copy of the other's index,
 * and reads the other's line only when the copy says full or empty.  It cannot wait,
 * end or be shared.  In batch it passes one message at a time, as in single.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "loops.h"
#include "spin.h"

enum { SLOTS = 128, LINE = 128 };

struct ring {
	_Alignas(LINE) _Atomic uint64_t tail; /* written by the sender */
	uint64_t seen_head;                   /* its copy */
	_Alignas(LINE) _Atomic uint64_t head; /* written by the receiver */
	uint64_t seen_tail;
	_Alignas(LINE) unsigned char slots[];
};

/* The size is a constant wherever these are inlined. */
BENCH_INLINE void put(void *to, const void *message, size_t size)
{
	struct ring *r = to;
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	for (unsigned spins = 0; tail - r->seen_head == SLOTS; bench_spin(&spins))
		r->seen_head = atomic_load_explicit(&r->head, memory_order_acquire);
	memcpy(r->slots + tail % SLOTS * size, message, size);
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
}

BENCH_INLINE void take(void *from, void *message, size_t size)
{
	struct ring *r = from;
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	for (unsigned spins = 0; head == r->seen_tail; bench_spin(&spins))
		r->seen_tail = atomic_load_explicit(&r->tail, memory_order_acquire);
	memcpy(message, r->slots + head % SLOTS * size, size);
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
}

#define RING(SIZE) \
	BENCH_INLINE void put##SIZE(void *to, const void *m, size_t size) \
	{ \
		(void)size; \
		put(to, m, SIZE); \
	} \
	BENCH_INLINE void take##SIZE(void *from, void *m, size_t size) \
	{ \
		(void)size; \
		take(from, m, SIZE); \
	} \
	static void sending##SIZE(struct bench_party *p) { bench_sending(p, put##SIZE); } \
	static void receiving##SIZE(struct bench_party *p) { bench_receiving(p, take##SIZE); } \
	static const struct bench_works works##SIZE = { \
		.send = sending##SIZE, .receive = receiving##SIZE, \
		.send_batches = sending##SIZE, .receive_batches = receiving##SIZE \
	};

RING(0)
RING(8)
RING(32)
RING(256)
RING(4096)

static const struct bench_works *works(size_t size)
{
	switch (size) {
	case 0:
		return &works0;
	case 8:
		return &works8;
	case 32:
		return &works32;
	case 256:
		return &works256;
	case 4096:
		return &works4096;
	default:
		return NULL;
	}
}

static void open_ring(struct bench_run *r)
{
	r->ends[0].to = r->ends[0].from = bench_allocate(sizeof(struct ring) + SLOTS * r->size);
}

static bool close_ring(struct bench_run *r)
{
	struct ring *ring = r->ends[0].to;
	bool empty = ring->head == ring->tail;

	free(ring);
	return empty;
}

static bool serves(const struct bench_impl *impl, const struct bench_cell *c)
{
	(void)impl;
	return c->scenario == BENCH_SINGLE || c->scenario == BENCH_BATCH;
}

int main(int argc, char **argv)
{
	static const struct bench_impl impl = {
		.name = "bare_ring", .serves = serves, .works = works, .open = open_ring, .close = close_ring
	};
	static const struct bench_adapter adapter = { "bare_ring", "1", &impl, 1 };

	return bench_main(argc, argv, &adapter);
}
