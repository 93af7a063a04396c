/*
 * test_fork.c - channels in the child of a fork
 *
 * With no other thread inside a call the child's copy works in full.  With one
 * inside, the child may drop and close, and these wait for no lock.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/support.h"

/* In the child a failed check may talk to nobody: its line is the status. */
#define child_must(cond) \
	do { \
		if (!(cond)) \
			_exit(1 + __LINE__ % 200); \
	} while (0)

typedef void child_part(struct ends *e, const struct kind *k);

/* Runs `child` in a forked process, which must end well and soon.  Where it is
 * allowed to leak, it ends by SIGKILL, before a leak checker looks. */
static void run_child(child_part *child, struct ends *e, const struct kind *k, bool may_leak)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL); /* not Check's handler */
		alarm(20 * test_scale());
		child(e, k);
		if (may_leak)
			raise(SIGKILL);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid);
	if (may_leak)
		must_eq(WIFSIGNALED(status) ? WTERMSIG(status) : 1000 + WEXITSTATUS(status), SIGKILL);
	else
		must_eq(WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status), 0);
}

static void in_a_child(child_part *child, struct ends *e, const struct kind *k)
{
	run_child(child, e, k, false);
}

/* The parent's other threads are inside calls: the child may leak the channel. */
static void in_a_child_of_a_busy_parent(child_part *child, struct ends *e, const struct kind *k)
{
	run_child(child, e, k, true);
}

struct partner {
	struct ends *e;
	int result;
	pthread_t thread;
};

static void *send_fifty(void *arg)
{
	struct partner *p = arg;

	for (uint64_t i = 0; i < 50 && p->result == 0; i++)
		p->result = chan_send(p->e->tx, &i);
	return NULL;
}

/* Messages, threads and blocking, all in the child. */
static void use_in_full(struct ends *e, const struct kind *k)
{
	struct partner p = { .e = e, .result = 0 };
	uint64_t number;

	for (uint64_t i = 0; i < (k->capacity ? 1 : 0); i++) {
		child_must(chan_try_recv(e->rx, &number) == 0);
		child_must(number == i);
	}
	child_must(chan_try_recv(e->rx, &number) == EAGAIN);
	child_must(chan_recv_timeout(e->rx, &number, CHAN_MSEC) == ETIMEDOUT);
	child_must(pthread_create(&p.thread, NULL, send_fifty, &p) == 0);
	for (uint64_t i = 0; i < 50; i++) {
		child_must(chan_recv(e->rx, &number) == 0);
		child_must(number == i);
	}
	child_must(pthread_join(p.thread, NULL) == 0 && p.result == 0);
	chan_close(e->c);
	child_must(chan_try_send(e->tx, &number) == EPIPE);
	child_must(chan_recv(e->rx, &number) == EPIPE);
	chan_sender_drop(e->tx);
	chan_receiver_drop(e->rx);
}

static void the_child_has_a_copy_that_works(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	if (k->capacity != 0)
		queue_numbers(e.tx, 0, 1);
	in_a_child(use_in_full, &e, k);
	must(!chan_is_disconnected(e.c)); /* the parent's is another channel */
	if (k->capacity != 0)
		expect_numbers(e.rx, 0, 1);
	ends_drop(&e);
}

static void *send_one(void *arg)
{
	struct partner *p = arg;
	uint64_t number = 5;

	p->result = chan_send(p->e->tx, &number);
	return NULL;
}

/* One message, queued before or sent by a thread of the child. */
static void receive_one(struct ends *e, const struct kind *k)
{
	struct partner p = { .e = e, .result = 0 };
	bool queued = chan_len(e->c) > 0;
	uint64_t number = 77;

	(void)k;
	if (!queued) {
		child_must(chan_recv_timeout(e->rx, &number, CHAN_MSEC) == ETIMEDOUT);
		child_must(pthread_create(&p.thread, NULL, send_one, &p) == 0);
	}
	child_must(chan_recv(e->rx, &number) == 0 && number == 5);
	if (!queued)
		child_must(pthread_join(p.thread, NULL) == 0 && p.result == 0);
	chan_close(e->c);
	child_must(chan_recv(e->rx, &number) == EPIPE && chan_send(e->tx, &number) == EPIPE);
	chan_receiver_drop(e->rx);
	chan_sender_drop(e->tx);
}

static void the_child_has_a_message_of_its_own(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	in_a_child(receive_one, &e, k);
	must(!chan_is_disconnected(e.c));
	if (k->capacity != 0) {
		queue_numbers(e.tx, 5, 1);
		in_a_child(receive_one, &e, k);
		expect_numbers(e.rx, 5, 1);
	}
	ends_drop(&e);
}

static void make_a_channel(struct ends *e, const struct kind *k)
{
	struct ends fresh;

	(void)e;
	child_must(chan_bounded(k->capacity == CHAN_UNBOUNDED ? 4 : k->capacity, 8, &fresh.tx, &fresh.rx) == 0);
	fresh.c = chan_sender_channel(fresh.tx);
	chan_sender_drop(fresh.tx);
	chan_receiver_drop(fresh.rx);
}

/* New channels serve the child whatever its parent was doing. */
static void the_child_may_make_channels(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call call = call_recv(e.rx, CALL_PLAIN);
	uint64_t number = 5;

	call_start_asleep(&call);
	in_a_child_of_a_busy_parent(make_a_channel, &e, k);
	must_give(0, chan_send(e.tx, &number));
	call_finish(&call);
	must(call.result == 0 && call.value == 5);
	ends_drop(&e);
}

static void close_and_drop(struct ends *e, const struct kind *k)
{
	(void)k;
	chan_close(e->c);
	chan_sender_drop(e->tx);
	chan_receiver_drop(e->rx);
}

static void drop_receiver_first(struct ends *e, const struct kind *k)
{
	(void)k;
	chan_receiver_drop(e->rx);
	chan_sender_drop(e->tx);
}

static void the_child_drops_what_a_thread_waits_in(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call call = call_recv(e.rx, CALL_PLAIN);
	uint64_t number = 5;

	call_start_asleep(&call);
	in_a_child_of_a_busy_parent(close_and_drop, &e, k);
	in_a_child_of_a_busy_parent(drop_receiver_first, &e, k);
	must(!atomic_load(&call.worker.ended));
	must_give(0, chan_send(e.tx, &number));
	call_finish(&call);
	must(call.result == 0 && call.value == 5);
	ends_drop(&e);
}

static void the_child_drops_what_a_sender_waits_in(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call call = call_send(e.tx, CALL_PLAIN, k->capacity);
	uint64_t number;

	queue_numbers(e.tx, 0, k->capacity);
	call_start_asleep(&call);
	in_a_child_of_a_busy_parent(close_and_drop, &e, k);
	in_a_child_of_a_busy_parent(drop_receiver_first, &e, k);
	must_give(0, chan_recv(e.rx, &number));
	call_finish(&call);
	must_eq(call.result, 0);
	ends_drop(&e);
}

struct busy {
	struct ends *e;
	atomic_bool stop;
	struct worker worker;
};

/* A receive that finds the next message in other hands leaves a backlog, and a thread
 * that loses its CPU there a large one, which each child would have to destroy. */
enum { BACKLOG = 1000 };

static void send_and_receive(void *arg)
{
	struct busy *b = arg;
	uint64_t number = 1;

	while (!atomic_load(&b->stop)) {
		if (chan_len(b->e->c) < BACKLOG)
			chan_send_timeout(b->e->tx, &number, 20 * CHAN_USEC);
		chan_try_recv(b->e->rx, &number);
	}
}

/* Forks at any instant of other threads' calls, locks held or not. */
static void the_child_drops_what_is_busy(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	struct busy busy[2] = { { .e = &e }, { .e = &e } };
	size_t rounds = test_scaled(60);

	for (size_t i = 0; i < 2; i++) {
		atomic_init(&busy[i].stop, false);
		worker_start(&busy[i].worker, send_and_receive, &busy[i]);
	}
	for (size_t i = 0; i < rounds; i++)
		in_a_child_of_a_busy_parent(i % 2 ? close_and_drop : drop_receiver_first, &e, k);
	for (size_t i = 0; i < 2; i++) {
		atomic_store(&busy[i].stop, true);
		worker_join(&busy[i].worker);
	}
	must(!chan_is_disconnected(e.c));
	ends_drop(&e);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(the_child_has_a_copy_that_works, NEEDS_NOTHING),
	BEHAVIOUR(the_child_has_a_message_of_its_own, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_child_may_make_channels, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_child_drops_what_a_thread_waits_in, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_child_drops_what_a_sender_waits_in, NEEDS_FULL),
	BEHAVIOUR(the_child_drops_what_is_busy, NEEDS_BUSY_FORK),
};

int main(void)
{
	static struct kind kinds[MAX_KINDS];
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);

	return matrix_run("fork", behaviours, COUNT_OF(behaviours), kinds, n);
}
