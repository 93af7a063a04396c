/* rte_ring.cpp - DPDK's ring: one producer, one consumer, and no waiting
 *
 * On memory of one's own, without DPDK's environment: what is used is inline in its
 * headers, save for the initialisation, of which this is as much as is needed. */
#include <cstdlib>
#include <cstring>
#include <rte_ring.h>
#include <rte_version.h>
#include <string>

#include "queue.hpp"
#include "spin.h"

namespace {

/* The slots lie behind the ring's own structure. */
rte_ring *ring_create(std::size_t capacity, std::size_t size)
{
	std::size_t slots = 1;

	while (slots <= capacity)
		slots *= 2;
	rte_ring *r = static_cast<rte_ring *>(bench_allocate(sizeof(rte_ring) + slots * size));
	r->flags = RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ;
	r->prod.sync_type = r->cons.sync_type = RTE_RING_SYNC_ST;
	r->size = static_cast<uint32_t>(slots);
	r->mask = r->size - 1;
	r->capacity = static_cast<uint32_t>(capacity);
	return r;
}

template <typename T> class queue {
	rte_ring *r;

public:
	explicit queue(std::size_t capacity) : r(ring_create(capacity, sizeof(T))) {}
	queue(const queue &) = delete;
	~queue() { std::free(r); }
	void send(const T &m)
	{
		T copy = m; /* what is put in is not const there */
		for (unsigned spins = 0; rte_ring_sp_enqueue_elem(r, &copy, sizeof(T)) != 0; bench_spin(&spins))
			;
	}
	void recv(T &m)
	{
		for (unsigned spins = 0; rte_ring_sc_dequeue_elem(r, &m, sizeof(T)) != 0; bench_spin(&spins))
			;
	}
	bool empty() const { return rte_ring_count(r) == 0; }
};

/* Its elements are multiples of 4 bytes. */
const bench_works *works(std::size_t size)
{
	return size > 0 ? bench::sizes<queue>::works(size) : nullptr;
}

bool serves(const bench_impl *, const bench_cell *c)
{
	return c->scenario == BENCH_SINGLE;
}

std::string version()
{
	return std::to_string(RTE_VER_YEAR) + "." + std::to_string(RTE_VER_MONTH) + "." + std::to_string(RTE_VER_MINOR);
}

} // namespace

int main(int argc, char **argv)
{
	const std::string text = version();
	bench_impl impl = bench::sizes<queue>::impl("rte_ring", serves);
	const bench_adapter adapter = { "rte_ring", text.c_str(), &impl, 1 };

	impl.works = works;
	return bench_main(argc, argv, &adapter);
}
