/* tbb.cpp - oneTBB's concurrent_bounded_queue: any number of threads */
#include <tbb/concurrent_queue.h>
#include <tbb/version.h>

#include "queue.hpp"

namespace {

template <typename T> class queue {
	tbb::concurrent_bounded_queue<T> q;

public:
	explicit queue(std::size_t capacity)
	{
		if (capacity != SIZE_MAX)
			q.set_capacity(static_cast<std::ptrdiff_t>(capacity));
	}
	void send(const T &m) { q.push(m); }
	void recv(T &m) { q.pop(m); }
	bool empty() const { return q.empty(); }
};

bool serves(const bench_impl *, const bench_cell *c)
{
	return c->scenario == BENCH_SIZES || (bench_is_plain(c) && c->capacity != 0);
}

#define TEXT_OF(x) #x
#define VERSION_TEXT(major, minor) TEXT_OF(major) "." TEXT_OF(minor)

} // namespace

int main(int argc, char **argv)
{
	const bench_impl impl = bench::sizes<queue>::impl("tbb", serves);
	const bench_adapter adapter = { "tbb", VERSION_TEXT(TBB_VERSION_MAJOR, TBB_VERSION_MINOR), &impl, 1 };

	return bench_main(argc, argv, &adapter);
}
