/* boost_spsc.cpp - Boost's spsc_queue: one producer, one consumer, and no waiting */
#include <boost/lockfree/spsc_queue.hpp>
#include <boost/version.hpp>
#include <string>

#include "queue.hpp"
#include "spin.h"

namespace {

template <typename T> class queue {
	boost::lockfree::spsc_queue<T, boost::lockfree::capacity<128>> q;

public:
	explicit queue(std::size_t) {}
	void send(const T &m)
	{
		for (unsigned spins = 0; !q.push(m); bench_spin(&spins))
			;
	}
	void recv(T &m)
	{
		for (unsigned spins = 0; !q.pop(m); bench_spin(&spins))
			;
	}
	bool empty() const { return q.read_available() == 0; }
};

bool serves(const bench_impl *, const bench_cell *c)
{
	return c->scenario == BENCH_SINGLE;
}

std::string version()
{
	return std::to_string(BOOST_VERSION / 100000) + "." + std::to_string(BOOST_VERSION / 100 % 1000) + "." +
		std::to_string(BOOST_VERSION % 100);
}

} // namespace

int main(int argc, char **argv)
{
	const std::string text = version();
	const bench_impl impl = bench::sizes<queue>::impl("boost_spsc", serves);
	const bench_adapter adapter = { "boost_spsc", text.c_str(), &impl, 1 };

	return bench_main(argc, argv, &adapter);
}
