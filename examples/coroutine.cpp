/* coroutine.cpp - threads and coroutines over the same channels.
 *
 *     3 threads --numbers--> 4 squarers --squares--> 1 adder --total--> 1 thread
 *       chan_send            coroutines             coroutine          chan_recv
 *
 * All coroutines run in the main thread, and none of them blocks it.  Between
 * coroutines a channel needs room, here for 1: with capacity 0 both ends would look
 * on and wait for the other to come in.  With a thread that blocks at the other end
 * a rendezvous is fine. */
#include "chan_coro.hpp"

#include <cstdio>
#include <thread>
#include <vector>

namespace {

constexpr int producers = 3, squarers = 4, each = 1000;

struct total { int count; long sum; };

template <typename T> struct channel {
	chan_sender_t *tx = nullptr;
	chan_receiver_t *rx = nullptr;

	explicit channel(std::size_t capacity)
	{
		if (chan_bounded(capacity, sizeof(T), &tx, &rx) != 0)
			std::terminate();
	}
};

void produce(chan_sender_t *numbers)
{
	for (int i = 1; i <= each && chan_send(numbers, &i) == 0; i++)
		continue;
	chan_sender_drop(numbers);
}

void print(chan_receiver_t *totals)
{
	total t;

	while (chan_recv(totals, &t) == 0)
		std::printf("%d squares, their sum is %ld\n", t.count, t.sum);
	std::printf("no more\n");
	chan_receiver_drop(totals);
}

chan_coro::task square(chan_coro::executor &ex, chan_receiver_t *numbers, chan_sender_t *squares)
{
	int n;

	while (co_await chan_coro::recv(ex, numbers, n) == 0) {
		long result = static_cast<long>(n) * n;
		if (co_await chan_coro::send(ex, squares, result) != 0)
			break;
	}
	chan_receiver_drop(numbers);
	chan_sender_drop(squares);
}

chan_coro::task add(chan_coro::executor &ex, chan_receiver_t *squares, chan_sender_t *totals)
{
	total t = { 0, 0 };
	long n;

	while (co_await chan_coro::recv(ex, squares, n) == 0) {
		t.count++;
		t.sum += n;
	}
	co_await chan_coro::send(ex, totals, t);
	chan_receiver_drop(squares);
	chan_sender_drop(totals);
}

} // namespace

int main()
{
	channel<int> numbers(8);
	channel<long> squares(1);
	channel<total> totals(0);
	chan_coro::executor ex;
	std::vector<std::thread> threads;

	for (int i = 0; i < producers; i++)
		threads.emplace_back(produce, chan_sender_clone(numbers.tx));
	chan_sender_drop(numbers.tx);
	for (int i = 0; i < squarers; i++)
		ex.spawn(square(ex, chan_receiver_clone(numbers.rx), chan_sender_clone(squares.tx)));
	chan_receiver_drop(numbers.rx);
	chan_sender_drop(squares.tx);
	ex.spawn(add(ex, squares.rx, totals.tx));
	threads.emplace_back(print, totals.rx);

	ex.run();
	for (std::thread &t : threads)
		t.join();
	return 0;
}

/* Output:
 *     3000 squares, their sum is 1001500500
 *     no more
 */
