/* moodycamel.cpp - BlockingConcurrentQueue: any number of threads, no limit
 *
 * Each thread uses a token, which its documentation calls the fastest way.  The
 * batches of a channel of 128 are batches of one without a limit here. */
#include <algorithm>
#include <concurrentqueue/blockingconcurrentqueue.h>

#include "queue.hpp"

namespace {

template <typename T> class queue {
public:
	moodycamel::BlockingConcurrentQueue<T> q;

	explicit queue(std::size_t) {}
	bool empty() const { return q.size_approx() == 0; }
};

/* An end that belongs to a thread, with its token. */
template <typename Queue, typename Message> struct sender {
	Queue &queue;
	moodycamel::ProducerToken token;

	explicit sender(void *q) : queue(*static_cast<Queue *>(q)), token(queue.q) {}
};

template <typename Queue, typename Message> struct receiver {
	Queue &queue;
	moodycamel::ConsumerToken token;

	explicit receiver(void *q) : queue(*static_cast<Queue *>(q)), token(queue.q) {}
};

template <typename Queue, typename Message> struct with_tokens : bench::sized<Queue, Message> {
	using sender_end = sender<Queue, Message>;
	using receiver_end = receiver<Queue, Message>;

	/* The party's ends with tokens, for as long as it works. */
	struct ends {
		bench_party *p;
		void *to, *from;
		sender_end tx;
		receiver_end rx;

		explicit ends(bench_party *party) : p(party), to(p->to), from(p->from), tx(to), rx(from)
		{
			p->to = &tx;
			p->from = &rx;
		}
		~ends() { p->to = to, p->from = from; }
	};

	static inline __attribute__((always_inline)) void send(void *to, const void *m, std::size_t)
	{
		sender_end &tx = *static_cast<sender_end *>(to);
		if (!tx.queue.q.enqueue(tx.token, *static_cast<const Message *>(m)))
			bench_fail("enqueue", 0);
	}
	static inline __attribute__((always_inline)) void recv(void *from, void *m, std::size_t)
	{
		receiver_end &rx = *static_cast<receiver_end *>(from);
		rx.queue.q.wait_dequeue(rx.token, *static_cast<Message *>(m));
	}
	static void sending(bench_party *p) { ends e(p); bench_sending(p, send); }
	static void receiving(bench_party *p) { ends e(p); bench_receiving(p, recv); }
	static void seq(bench_party *p) { ends e(p); bench_sending(p, send); bench_receiving(p, recv); }
	static void calling(bench_party *p) { ends e(p); bench_calling(p, send, recv); }
	static void answering(bench_party *p) { ends e(p); bench_answering(p, send, recv); }
	static void waking(bench_party *p) { ends e(p); bench_waking(p, send); }
	static void being_woken(bench_party *p) { ends e(p); bench_being_woken(p, recv); }
	static void sending_bursts(bench_party *p) { ends e(p); bench_sending_bursts(p, send); }
	static void receiving_bursts(bench_party *p) { ends e(p); bench_receiving_bursts(p, recv); }

	static void send_batches(bench_party *p)
	{
		ends e(p);

		for (uint64_t n = 0; n < p->count; n += BENCH_BATCH_OF) {
			std::size_t some = std::min<uint64_t>(p->count - n, BENCH_BATCH_OF);

			for (std::size_t i = 0; p->mask != 0 && i < some; i++)
				bench_put(p->message + i * sizeof(Message), p->first + n + i);
			if (!e.tx.queue.q.enqueue_bulk(e.tx.token, reinterpret_cast<const Message *>(p->message), some))
				bench_fail("enqueue_bulk", 0);
		}
	}

	static void receive_batches(bench_party *p)
	{
		ends e(p);

		while (p->taken.count < p->count) {
			std::size_t some = e.rx.queue.q.wait_dequeue_bulk(e.rx.token, reinterpret_cast<Message *>(p->message),
				BENCH_BATCH_OF);
			bench_take_many(p, some);
		}
	}

	static const bench_works *works()
	{
		static const bench_works all = [] {
			bench_works w = {};
			w.send = sending, w.receive = receiving, w.send_then_receive = seq;
			w.call = calling, w.answer = answering;
			w.wake = waking, w.park = being_woken;
			w.send_bursts = sending_bursts, w.receive_bursts = receiving_bursts;
			w.send_batches = send_batches, w.receive_batches = receive_batches;
			return w;
		}();
		return &all;
	}
};

bool serves(const bench_impl *, const bench_cell *c)
{
	return c->scenario == BENCH_BATCH || c->scenario == BENCH_WAKE || c->scenario == BENCH_BURSTS ||
		(bench_is_plain(c) && c->capacity == BENCH_UNBOUNDED);
}

} // namespace

int main(int argc, char **argv)
{
	const bench_impl impl = bench::sizes<queue, with_tokens>::impl("moodycamel", serves);
	/* The headers do not tell their version. */
	const bench_adapter adapter = { "moodycamel", BENCH_VERSION, &impl, 1 };

	return bench_main(argc, argv, &adapter);
}
