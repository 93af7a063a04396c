/* readerwriterqueue.cpp - moodycamel's queues for one producer and one consumer:
 * ReaderWriterQueue, which cannot wait, and its two blocking relatives
 *
 * ReaderWriterQueue's room is one less than a power of two.  The blocking form of
 * it never waits for room, but grows. */
#include <readerwriterqueue/readerwritercircularbuffer.h>
#include <readerwriterqueue/readerwriterqueue.h>

#include "queue.hpp"
#include "spin.h"

namespace {

template <typename T> class spinning {
	moodycamel::ReaderWriterQueue<T> q;

public:
	explicit spinning(std::size_t capacity) : q(capacity - 1) {}
	void send(const T &m)
	{
		for (unsigned spins = 0; !q.try_enqueue(m); bench_spin(&spins))
			;
	}
	void recv(T &m)
	{
		for (unsigned spins = 0; !q.try_dequeue(m); bench_spin(&spins))
			;
	}
	bool empty() const { return q.size_approx() == 0; }
};

template <typename T> class growing {
	moodycamel::BlockingReaderWriterQueue<T> q;

public:
	explicit growing(std::size_t capacity) : q(capacity - 1) {}
	void send(const T &m)
	{
		if (!q.enqueue(m))
			bench_fail("enqueue", 0);
	}
	void recv(T &m) { q.wait_dequeue(m); }
	bool empty() const { return q.size_approx() == 0; }
};

template <typename T> class circular {
	moodycamel::BlockingReaderWriterCircularBuffer<T> q;

public:
	explicit circular(std::size_t capacity) : q(capacity) {}
	void send(const T &m) { q.wait_enqueue(m); }
	void recv(T &m) { q.wait_dequeue(m); }
	bool empty() const { return q.size_approx() == 0; }
};

bool serves(const bench_impl *, const bench_cell *c)
{
	return c->scenario == BENCH_SINGLE;
}

} // namespace

int main(int argc, char **argv)
{
	const bench_impl impls[] = {
		bench::sizes<spinning>::impl("readerwriterqueue", serves),
		bench::sizes<growing>::impl("blocking_readerwriterqueue", serves),
		bench::sizes<circular>::impl("blocking_circular", serves)
	};
	const bench_adapter adapter = { "readerwriterqueue", BENCH_VERSION, impls, sizeof(impls) / sizeof(*impls) };

	return bench_main(argc, argv, &adapter);
}
