/* queue.hpp - an adapter of queues that are C++ templates, for messages of 0, 8, 32,
 * 256 and 4096 bytes
 *
 * A queue Q<T> has a constructor that takes a capacity, `send(const T &)` and
 * `recv(T &)`, which wait, and `empty()`. */
#ifndef BENCH_QUEUE_HPP
#define BENCH_QUEUE_HPP

#include <cstddef>
#include <new>

#include "loops.h"

namespace bench {

template <std::size_t Size> struct alignas(8) message { unsigned char bytes[Size]; };
template <> struct message<0> {};

/* The loops of one queue, and its life. */
template <typename Queue, typename Message> struct sized {
	static Queue &queue(void *end) { return *static_cast<Queue *>(end); }

	static inline __attribute__((always_inline)) void send(void *to, const void *m, std::size_t)
	{
		queue(to).send(*static_cast<const Message *>(m));
	}
	static inline __attribute__((always_inline)) void recv(void *from, void *m, std::size_t)
	{
		queue(from).recv(*static_cast<Message *>(m));
	}
	static void sending(bench_party *p) { bench_sending(p, send); }
	static void receiving(bench_party *p) { bench_receiving(p, recv); }
	static void seq(bench_party *p) { sending(p), receiving(p); }
	static void calling(bench_party *p) { bench_calling(p, send, recv); }
	static void answering(bench_party *p) { bench_answering(p, send, recv); }
	static void waking(bench_party *p) { bench_waking(p, send); }
	static void being_woken(bench_party *p) { bench_being_woken(p, recv); }
	static void sending_bursts(bench_party *p) { bench_sending_bursts(p, send); }
	static void receiving_bursts(bench_party *p) { bench_receiving_bursts(p, recv); }

	static const bench_works *works()
	{
		static const bench_works all = [] {
			bench_works w = {};
			w.send = sending, w.receive = receiving, w.send_then_receive = seq;
			w.call = calling, w.answer = answering;
			w.wake = waking, w.park = being_woken;
			w.send_bursts = sending_bursts, w.receive_bursts = receiving_bursts;
			return w;
		}();
		return &all;
	}

	static void *create(std::size_t capacity) { return new Queue(capacity); }

	static bool destroy(void *end)
	{
		bool empty = queue(end).empty();

		delete &queue(end);
		return empty;
	}
};

/* The functions of struct bench_impl, which go by the size of the run.  Sized is
 * `sized`, or what an adapter made of it. */
template <template <typename> class Queue, template <typename, typename> class Sized = sized> struct sizes {
	template <std::size_t Size> using of = Sized<Queue<message<Size>>, message<Size>>;

	/* For messages of one size; and by turns of every size. */
	static const bench_works *works(std::size_t size)
	{
		static bench_works all;

		if (!works_of(size))
			return nullptr;
		all = *works_of(size);
		all.send_sizes = [](bench_party *p) { bench_sending_sizes(p, send); };
		all.receive_sizes = [](bench_party *p) { bench_receiving_sizes(p, recv); };
		return &all;
	}

	static const bench_works *works_of(std::size_t size)
	{
		switch (size) {
		case 0: return of<0>::works();
		case 8: return of<8>::works();
		case 32: return of<32>::works();
		case 256: return of<256>::works();
		case 4096: return of<4096>::works();
		default: return nullptr;
		}
	}

	static inline __attribute__((always_inline)) void send(void *to, const void *m, std::size_t size)
	{
		switch (size) {
		case 8: return of<8>::send(to, m, size);
		case 32: return of<32>::send(to, m, size);
		case 256: return of<256>::send(to, m, size);
		default: return of<4096>::send(to, m, size);
		}
	}

	static inline __attribute__((always_inline)) void recv(void *from, void *m, std::size_t size)
	{
		switch (size) {
		case 8: return of<8>::recv(from, m, size);
		case 32: return of<32>::recv(from, m, size);
		case 256: return of<256>::recv(from, m, size);
		default: return of<4096>::recv(from, m, size);
		}
	}

	static void *create(std::size_t size, std::size_t capacity)
	{
		switch (size) {
		case 0: return of<0>::create(capacity);
		case 8: return of<8>::create(capacity);
		case 32: return of<32>::create(capacity);
		case 256: return of<256>::create(capacity);
		default: return of<4096>::create(capacity);
		}
	}

	static bool destroy(std::size_t size, void *end)
	{
		switch (size) {
		case 0: return of<0>::destroy(end);
		case 8: return of<8>::destroy(end);
		case 32: return of<32>::destroy(end);
		case 256: return of<256>::destroy(end);
		default: return of<4096>::destroy(end);
		}
	}

	static void open(bench_run *r)
	{
		for (unsigned i = 0; i < r->channels; i++)
			r->ends[i].to = r->ends[i].from = create(bench_size(r, i), r->capacity);
	}

	static bool close(bench_run *r)
	{
		bool empty = true;

		for (unsigned i = 0; i < r->channels; i++)
			empty = destroy(bench_size(r, i), r->ends[i].to) && empty;
		return empty;
	}

	static bench_impl impl(const char *name, bool (*serves)(const bench_impl *, const bench_cell *))
	{
		return { name, 0, serves, works, open, close };
	}
};

} // namespace bench
#endif
