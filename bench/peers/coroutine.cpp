/* coroutine.cpp - libchan once more: the mixed scenario with a C++20 coroutine, by way
 * of examples/chan_coro.hpp */
#include <chan.h>
#include <chan_coro.hpp>

#include "queue.hpp"

namespace {

template <typename T> class channel {
public:
	chan_sender_t *tx = nullptr;
	chan_receiver_t *rx = nullptr;

	explicit channel(std::size_t capacity)
	{
		bench_must(chan_bounded(capacity, sizeof(T), &tx, &rx), "chan_bounded");
	}
	channel(const channel &) = delete;
	~channel()
	{
		chan_sender_drop(tx);
		chan_receiver_drop(rx);
	}
	void send(const T &m) { bench_must(chan_send(tx, &m), "chan_send"); }
	void recv(T &m) { bench_must(chan_recv(rx, &m), "chan_recv"); }
	bool empty() const { return chan_is_empty(chan_receiver_channel(rx)); }
};

template <typename Channel, typename Message> struct with_task : bench::sized<Channel, Message> {
	using base = bench::sized<Channel, Message>;

	static chan_coro::task receive(chan_coro::executor &ex, bench_party *p)
	{
		Message &m = *reinterpret_cast<Message *>(p->message);
		chan_receiver_t *rx = base::queue(p->from).rx;

		while (p->taken.count < p->count) {
			bench_must(co_await chan_coro::recv(ex, rx, m), "chan_poll_recv");
			bench_take(p);
		}
	}

	static void receiving_in_task(bench_party *p)
	{
		chan_coro::executor ex;

		ex.spawn(receive(ex, p));
		ex.run();
	}

	static const bench_works *works()
	{
		static const bench_works all = [] {
			bench_works w = {};
			w.send = base::sending;
			w.receive_in_task = receiving_in_task;
			return w;
		}();
		return &all;
	}
};

bool serves(const bench_impl *, const bench_cell *c)
{
	return c->scenario == BENCH_MIXED;
}

} // namespace

int main(int argc, char **argv)
{
	const bench_impl impl = bench::sizes<channel, with_task>::impl("libchan:coroutine", serves);
	const bench_adapter adapter = { "coroutine", chan_version(), &impl, 1 };

	return bench_main(argc, argv, &adapter);
}
