/*
 * probes_target.c - channels of every flavor, for check-probes.sh to watch
 *
 * It prints which probes are passed on the way, in order.  One thread at a time: while
 * another is running, or is woken where a breakpoint is next, gdb may lose a stop.  So a
 * thread that is to wait sleeps before anything else happens, and whoever wakes it does
 * nothing more until it has ended.
 */
#include <chan.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/wait.h"

static chan_sender_t *tx;
static chan_receiver_t *rx;
static const long messages[2] = { 1, 2 };
static long taken[2];

/* What support/wait.c asks of a suite. */
void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	exit(1);
}

unsigned test_scale(void)
{
	return 1;
}

static void wanted(const char *probe, int detail)
{
	printf("%s %d\n", probe, detail);
}

static void is(int want, int got)
{
	if (got != want)
		test_fail(__FILE__, __LINE__, "%d, not %d\n", got, want);
}

/* ----------------------------------------------------------- a thread that waits */

struct waiter {
	pthread_t thread;
	int (*call)(void);
	int result;
	_Atomic(pid_t) tid;
};

static int send_one(void)
{
	return chan_send(tx, &messages[0]);
}

static int receive_one(void)
{
	return chan_recv(rx, &taken[0]);
}

static void *waiter_run(void *arg)
{
	struct waiter *w = arg;

	atomic_store(&w->tid, wait_tid());
	w->result = w->call();
	return NULL;
}

static void waiter_start(struct waiter *w, int (*call)(void))
{
	w->call = call;
	atomic_init(&w->tid, 0);
	is(0, pthread_create(&w->thread, NULL, waiter_run, w));
	wait_for(atomic_load(&w->tid) != 0);
	wait_asleep(atomic_load(&w->tid));
	wanted("block", call == receive_one);
}

static void waiter_ends(struct waiter *w, int woken, int result)
{
	is(0, pthread_join(w->thread, NULL));
	is(result, w->result);
	wanted("wake", woken);
}

/* -------------------------------------------------------------------- the channels */

static void give_up(void)
{
	is(ETIMEDOUT, chan_recv_timeout(rx, &taken[0], CHAN_MSEC));
	wanted("block", 1);
	wanted("wake", ETIMEDOUT);
}

static void give_up_full(void)
{
	is(ETIMEDOUT, chan_send_timeout(tx, &messages[0], CHAN_MSEC));
	wanted("block", 0);
	wanted("wake", ETIMEDOUT);
}

static void one_by_one(void)
{
	is(0, chan_send(tx, &messages[0]));
	is(0, chan_recv(rx, &taken[0]));
	wanted("send", 1);
	wanted("receive", 1);
}

static void receiver_waits(void)
{
	struct waiter w;

	waiter_start(&w, receive_one);
	is(0, chan_send(tx, &messages[0]));
	wanted("send", 1);
	waiter_ends(&w, EAGAIN, 0);
	wanted("receive", 1);
}

static void sender_waits(void)
{
	struct waiter w;

	for (int i = 0; i < 2; i++) {
		is(0, chan_send(tx, &messages[i]));
		wanted("send", 1);
	}
	give_up_full();
	waiter_start(&w, send_one);
	is(0, chan_recv(rx, &taken[0]));
	wanted("receive", 1);
	waiter_ends(&w, EAGAIN, 0);
	wanted("send", 1);
	for (int i = 0; i < 2; i++) {
		is(0, chan_recv(rx, &taken[i]));
		wanted("receive", 1);
	}
}

/* The message passes from caller to caller, so who comes second does both. */
static void meet(int (*first)(void), int (*second)(void))
{
	struct waiter w;

	waiter_start(&w, first);
	is(0, second());
	wanted("send", 1);
	wanted("receive", 1);
	waiter_ends(&w, 0, 0);
}

static void end(chan_flavor_t flavor)
{
	struct waiter w;

	waiter_start(&w, receive_one);
	chan_sender_drop(tx);
	wanted("disconnect", 1);
	waiter_ends(&w, EAGAIN, EPIPE);
	chan_receiver_drop(rx);
	if (flavor != CHAN_FLAVOR_BROADCAST) /* there it is a subscription that ends */
		wanted("disconnect", 2);
}

static void make(chan_flavor_t flavor, size_t capacity)
{
	chan_attr_t attr;

	chan_attr_init(&attr);
	chan_attr_setflavor(&attr, flavor);
	chan_attr_setcapacity(&attr, capacity);
	chan_attr_setspin(&attr, 0);
	is(0, chan_create(&attr, sizeof messages[0], &tx, &rx));
}

static void queue(chan_flavor_t flavor, size_t capacity)
{
	make(flavor, capacity);
	give_up();
	one_by_one();
	receiver_waits();
	if (capacity != CHAN_UNBOUNDED)
		sender_waits();
	end(flavor);
}

static void rendezvous(chan_flavor_t flavor)
{
	make(flavor, 0);
	give_up();
	give_up_full();
	for (int i = 0; i < 2; i++) {
		meet(receive_one, send_one);
		meet(send_one, receive_one);
	}
	end(flavor);
}

static void batch(void)
{
	size_t n;

	make(CHAN_FLAVOR_ARRAY, 2);
	is(0, chan_send_many(tx, messages, 2, &n));
	is(0, chan_recv_many(rx, taken, 2, &n));
	wanted("send", 2);
	wanted("receive", 2);
	chan_close(chan_sender_channel(tx));
	wanted("disconnect", 0);
	chan_sender_drop(tx);
	wanted("disconnect", 1);
	chan_receiver_drop(rx);
	wanted("disconnect", 2);
}

static void oneshot(void)
{
	is(0, chan_oneshot(sizeof messages[0], &tx, &rx));
	is(0, chan_send(tx, &messages[0]));
	wanted("send", 1);
	is(0, chan_recv(rx, &taken[0]));
	wanted("receive", 1);
	chan_sender_drop(tx);
	wanted("disconnect", 1);
	chan_receiver_drop(rx);
	wanted("disconnect", 2);
}

int main(void)
{
	queue(CHAN_FLAVOR_ARRAY, 2);
	queue(CHAN_FLAVOR_LIST, CHAN_UNBOUNDED);
	queue(CHAN_FLAVOR_BROADCAST, 2);
	queue(CHAN_FLAVOR_MUTEX_CONDVAR, 2);
	queue(CHAN_FLAVOR_MUTEX_CONDVAR, CHAN_UNBOUNDED);
	rendezvous(CHAN_FLAVOR_ZERO);
	rendezvous(CHAN_FLAVOR_MUTEX_CONDVAR);
	batch();
	oneshot();
	return 0;
}
