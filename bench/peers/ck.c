/* ck.c - Concurrency Kit's ring: one producer, one consumer, and no waiting
 *
 * Its room is one less than a power of two.  A ring holds messages of one size by
 * value, so that there is one of each for 8, 32, 256 and 4096 bytes. */
#include <ck_ring.h>
#include <stdlib.h>

#include "loops.h"
#include "spin.h"

enum { SLOTS = 128 };

/* Its prototypes ask for entries that are not const, and leave them alone. */
/* clang-format off */
#define RING(SIZE) \
	struct message##SIZE { _Alignas(8) unsigned char bytes[SIZE]; }; \
	CK_RING_PROTOTYPE(message##SIZE, message##SIZE) \
	\
	BENCH_INLINE void send##SIZE(void *to, const void *message, size_t size) \
	{ \
		struct ring *r = to; \
		struct message##SIZE *entry = (struct message##SIZE *)(uintptr_t)message; \
		unsigned spins = 0; \
		\
		(void)size; \
		while (!ck_ring_enqueue_spsc_message##SIZE(&r->ring, r->slots, entry)) \
			bench_spin(&spins); \
	} \
	\
	BENCH_INLINE void recv##SIZE(void *from, void *message, size_t size) \
	{ \
		struct ring *r = from; \
		unsigned spins = 0; \
		\
		(void)size; \
		while (!ck_ring_dequeue_spsc_message##SIZE(&r->ring, r->slots, message)) \
			bench_spin(&spins); \
	} \
	static void sending##SIZE(struct bench_party *p) { bench_sending(p, send##SIZE); } \
	static void receiving##SIZE(struct bench_party *p) { bench_receiving(p, recv##SIZE); } \
	static const struct bench_works works##SIZE = { .send = sending##SIZE, .receive = receiving##SIZE };
/* clang-format on */

struct ring {
	ck_ring_t ring;
	void     *slots;
};

RING(8)
RING(32)
RING(256)
RING(4096)

static const struct bench_works *works(size_t size)
{
	switch (size) {
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
	struct ring *ring = bench_allocate(sizeof(*ring));

	ck_ring_init(&ring->ring, SLOTS);
	ring->slots = bench_allocate(SLOTS * r->size);
	r->ends[0].to = r->ends[0].from = ring;
}

static bool close_ring(struct bench_run *r)
{
	struct ring *ring = r->ends[0].to;
	bool empty = ck_ring_size(&ring->ring) == 0;

	free(ring->slots);
	free(ring);
	return empty;
}

static bool serves(const struct bench_impl *impl, const struct bench_cell *c)
{
	(void)impl;
	return c->scenario == BENCH_SINGLE;
}

int main(int argc, char **argv)
{
	static const struct bench_impl impl = {
		.name = "ck", .serves = serves, .works = works, .open = open_ring, .close = close_ring
	};
	static const struct bench_adapter adapter = { "ck", BENCH_VERSION, &impl, 1 };

	return bench_main(argc, argv, &adapter);
}
