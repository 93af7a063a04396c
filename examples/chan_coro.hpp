/* chan_coro.hpp - channels for C++20 coroutines: co_await a receive or a send.
 *
 *     chan_coro::task relay(chan_coro::executor &ex, chan_receiver_t *rx, chan_sender_t *tx)
 *     {
 *         for (int n; co_await chan_coro::recv(ex, rx, n) == 0; )
 *             co_await chan_coro::send(ex, tx, n);
 *     }
 *     ex.spawn(relay(ex, rx, tx));
 *     ex.run();   // until every task has come to its end
 *
 * An executor belongs to the thread that calls run: spawn, tasks and resumption
 * all happen there.  Other threads touch it in one place, wake, which is called by
 * whoever made a channel ready, and which only says that somebody should look. */
#ifndef CHAN_CORO_HPP
#define CHAN_CORO_HPP

#include <cerrno>
#include <chan.h>
#include <condition_variable>
#include <coroutine>
#include <exception>
#include <mutex>
#include <type_traits>

namespace chan_coro {

/* Something that can be queued to be looked at; queued at most once at a time. */
struct runnable {
	runnable *next = nullptr;
	std::coroutine_handle<> coroutine;

	runnable() = default;
	runnable(const runnable &) = delete;
	virtual ~runnable() = default;
	virtual bool ready() { return true; } /* may the coroutine go on? */
};

class executor;

/* A coroutine that nobody waits for; it begins once it is spawned. */
struct task {
	struct promise_type : runnable {
		executor *owner = nullptr;

		task get_return_object() { return { *this }; }
		std::suspend_always initial_suspend() noexcept { return {}; }
		std::suspend_never final_suspend() noexcept { return {}; }
		void return_void() {}
		void unhandled_exception() { std::terminate(); }
		~promise_type() override;
	};
	promise_type &promise;
};

class executor {
	std::mutex mutex;
	std::condition_variable some;
	runnable *first = nullptr, **last = &first; /* these under the mutex */
	int tasks = 0; /* the executor's thread alone */

	runnable *dequeue()
	{
		std::unique_lock<std::mutex> lock(mutex);
		some.wait(lock, [this] { return first != nullptr; });
		runnable *r = first;
		if (!(first = r->next))
			last = &first;
		return r;
	}

	friend task::promise_type;
public:
	/* From any thread.  No allocation, nothing resumed: that is run's affair. */
	void enqueue(runnable &r)
	{
		std::lock_guard<std::mutex> lock(mutex);
		r.next = nullptr;
		*last = &r;
		last = &r.next;
		some.notify_one();
	}

	void spawn(task t)
	{
		t.promise.owner = this;
		t.promise.coroutine = std::coroutine_handle<task::promise_type>::from_promise(t.promise);
		tasks++;
		enqueue(t.promise);
	}

	void run()
	{
		while (tasks > 0) {
			runnable *r = dequeue();
			if (r->ready())
				r->coroutine.resume(); /* r may be gone afterwards */
		}
	}
};

inline task::promise_type::~promise_type()
{
	if (owner)
		owner->tasks--;
}

/* One receive or send that is awaited.  `poll` tries, or registers the waker. */
template <typename Poll> class operation final : runnable {
	executor &ex;
	Poll poll;
	chan_waker_t waker;
	int result = EAGAIN;

	static void wake(void *arg)
	{
		operation *self = static_cast<operation *>(arg);
		self->ex.enqueue(*self);
	}

	/* Woken is not ready: another receiver may have been faster. */
	bool ready() override { return (result = poll(&waker)) != EAGAIN; }

public:
	operation(executor &e, Poll p) : ex(e), poll(p) { chan_waker_init(&waker, wake, this); }
	/* The wake that brought us here may not have returned in its thread. */
	~operation() override { chan_waker_cancel(&waker); }

	bool await_ready() { return ready(); }
	void await_suspend(std::coroutine_handle<> h) { coroutine = h; }
	int await_resume() const { return result; }
};

/* 0, or what chan_recv says; the message is copied into `msg`. */
template <typename T> auto recv(executor &ex, chan_receiver_t *rx, T &msg)
{
	static_assert(std::is_trivially_copyable_v<T>, "messages are bytes");
	return operation(ex, [rx, &msg](chan_waker_t *w) { return chan_poll_recv(rx, &msg, w); });
}

/* 0, or what chan_send says; `msg` must stay until then. */
template <typename T> auto send(executor &ex, chan_sender_t *tx, const T &msg)
{
	static_assert(std::is_trivially_copyable_v<T>, "messages are bytes");
	return operation(ex, [tx, &msg](chan_waker_t *w) { return chan_poll_send(tx, &msg, w); });
}

} // namespace chan_coro
#endif
