/* chan_event.c - a receiver in an event loop, and one in a task of an executor */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

#include <chan.h>

#include "chan_bench.h"
#include "epoll_loop.h"
#include "loops.h"

/* ----------------------------------------------------------------- a descriptor */

/* Everything that is there, many at a time. */
static void drain(struct bench_party *p)
{
	size_t n;
	int e;

	while ((e = chan_try_recv_many(p->from, p->message, BENCH_BATCH_OF, &n)) == 0)
		bench_take_many(p, n);
	if (e != EAGAIN)
		bench_fail("chan_try_recv_many", e);
}

void chan_receiving_in_loop(struct bench_party *p)
{
	int fd;

	bench_must(chan_receiver_fd(p->from, &fd), "chan_receiver_fd");
	bench_epoll_loop(p, fd, drain);
}

/* ---------------------------------------------------------------------- a waker */

/* An executor with one task: others say that it can go on. */
struct executor {
	pthread_mutex_t lock;
	pthread_cond_t  some;
	bool            runnable;
};

static void make_runnable(void *arg)
{
	struct executor *ex = arg;

	pthread_mutex_lock(&ex->lock);
	ex->runnable = true;
	pthread_cond_signal(&ex->some);
	pthread_mutex_unlock(&ex->lock);
}

static void await_runnable(struct executor *ex)
{
	pthread_mutex_lock(&ex->lock);
	while (!ex->runnable)
		pthread_cond_wait(&ex->some, &ex->lock);
	ex->runnable = false;
	pthread_mutex_unlock(&ex->lock);
}

/* The task, resumed by the loop: receives until it would have to wait. */
static void resume(struct bench_party *p, chan_waker_t *waker)
{
	while (p->taken.count < p->count) {
		int e = chan_poll_recv(p->from, p->message, waker);

		if (e == EAGAIN)
			return;
		bench_must(e, "chan_poll_recv");
		bench_take(p);
	}
}

void chan_receiving_in_task(struct bench_party *p)
{
	struct executor ex = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
	chan_waker_t waker;

	chan_waker_init(&waker, make_runnable, &ex);
	for (resume(p, &waker); p->taken.count < p->count; resume(p, &waker))
		await_runnable(&ex);
	chan_waker_cancel(&waker);
}
