/*
 * test_faults.c - the system fails beneath the library, in every way it may
 *
 * Memory that is not there, sleeps that end for no reason, signals, descriptors
 * that have run out, a fence that is refused, a clock at its edges: after each of
 * them nothing is lost, leaked or hung.  The faults are those of faults/faults.h;
 * what chan_create and the sends of a channel with an allocator of its own do
 * without memory is in test_alloc.c.
 *
 * CHAN_FAULTS=n makes the runs under load n times as long, each round from another seed;
 * CHAN_FAULTS_SEED is the first, so that a run can be repeated or others be made.
 */
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/atomic.h"
#include "faults/crew.h"
#include "faults/faults.h"

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : otherwise;
}

static uint64_t faults, seed;

/* ------------------------------------------------------------------- memory */

/* What a call that fails must leave alone. */
#define UNTOUCHED_POINTER ((void *)(uintptr_t)0x5a5a5a50)

/* What a creating call made. */
struct made {
	chan_sender_t *tx;
	chan_receiver_t *rx;
	chan_cancel_t *token;
};

/* What some of them start from. */
static struct ends given;
static chan_cancel_t *given_token;

static int make_rendezvous(struct made *m) { return chan_bounded(0, 8, &m->tx, &m->rx); }
static int make_bounded(struct made *m)    { return chan_bounded(3, 8, &m->tx, &m->rx); }
static int make_unbounded(struct made *m)  { return chan_unbounded(8, &m->tx, &m->rx); }
static int make_oneshot(struct made *m)    { return chan_oneshot(8, &m->tx, &m->rx); }
static int make_broadcast(struct made *m)  { return chan_broadcast(4, 8, &m->tx, &m->rx); }
static int make_deserted(struct made *m)   { return chan_broadcast(4, 8, &m->tx, NULL); }
static int make_default(struct made *m)    { return chan_create(NULL, 8, &m->tx, &m->rx); }
static int make_after(struct made *m)      { return chan_after(CHAN_SEC, &m->rx); }
static int make_at(struct made *m)         { return chan_at(NULL, &m->rx); }
static int make_tick(struct made *m)       { return chan_tick(CHAN_SEC, &m->rx); }
static int make_never(struct made *m)      { return chan_never(8, &m->rx); }
static int make_root(struct made *m)       { return chan_cancel_create(NULL, &m->token); }
static int make_child(struct made *m)      { return chan_cancel_create(given_token, &m->token); }
static int make_subscription(struct made *m) { return chan_subscribe(given.tx, &m->rx); }

static int (*const makers[])(struct made *m) = {
	make_rendezvous, make_bounded, make_unbounded, make_oneshot, make_broadcast, make_deserted, make_default,
	make_after, make_at, make_tick, make_never, make_root, make_child, make_subscription
};

static void made_drop(struct made *m)
{
	if (m->tx != UNTOUCHED_POINTER)
		chan_sender_drop(m->tx);
	if ((void *)m->rx != UNTOUCHED_POINTER)
		chan_receiver_drop(m->rx);
	if ((void *)m->token != UNTOUCHED_POINTER)
		chan_cancel_drop(m->token);
}

/* True: allocation `skip` was not asked for, so it has been made without a fault. */
static bool make_through_failure(int (*make)(struct made *m), size_t skip, size_t n)
{
	struct made m = { UNTOUCHED_POINTER, UNTOUCHED_POINTER, UNTOUCHED_POINTER };
	size_t blocks = fault_memory_blocks(), failed;
	int error;

	fault_memory(skip, n);
	errno = TEST_ERRNO;
	error = make(&m);
	test_errno(__FILE__, __LINE__, "a creating call");
	failed = fault_memory_end();
	if (error == 0) {
		must_eq(failed, 0);
		must(fault_memory_blocks() > blocks);
		made_drop(&m);
	} else {
		must_eq(error, ENOMEM);
		must_eq(failed, 1); /* and no second try */
		must((void *)m.tx == UNTOUCHED_POINTER && (void *)m.rx == UNTOUCHED_POINTER &&
		     (void *)m.token == UNTOUCHED_POINTER);
	}
	must_eq(fault_memory_blocks(), blocks);
	return error == 0;
}

static void every_creating_call_survives_each_failing_allocation(const struct kind *k)
{
	static const size_t times[] = { 1, SIZE_MAX };

	(void)k;
	must_give(0, chan_broadcast(2, 8, &given.tx, &given.rx));
	must_give(0, chan_cancel_create(NULL, &given_token));
	for (size_t i = 0; i < COUNT_OF(makers); i++)
		for (size_t t = 0; t < COUNT_OF(times); t++) {
			size_t skip = 0;

			while (!make_through_failure(makers[i], skip, times[t]))
				must(++skip < 20);
			must(skip > 0);
		}
	queue_numbers(given.tx, 0, 2);
	expect_numbers(given.rx, 0, 2);
	must(!chan_cancel_is_triggered(given_token));
	ends_drop(&given);
	chan_cancel_drop(given_token);
	must_eq(fault_memory_blocks(), 0);
}

/* -------------------------------------------------------- sends that grow it */

static unsigned waker_calls;

static void count_call(void *arg)
{
	(void)arg;
	waker_calls++;
}

static int grow_timeout(chan_sender_t *tx, const void *msg)  { return chan_send_timeout(tx, msg, CHAN_SEC); }
static int grow_deadline(chan_sender_t *tx, const void *msg) { return chan_send_deadline(tx, msg, NULL); }
static int grow_force(chan_sender_t *tx, const void *msg)    { return chan_force_send(tx, msg, NULL, NULL); }
static int grow_cancel(chan_sender_t *tx, const void *msg)   { return chan_send_cancel(tx, msg, given_token); }

static int grow_cancel_timeout(chan_sender_t *tx, const void *msg)
{
	return chan_send_cancel_timeout(tx, msg, given_token, CHAN_SEC);
}

static int grow_batch(chan_sender_t *tx, const void *msg)
{
	size_t sent = 77;
	int error = chan_send_many(tx, msg, 1, &sent);

	must_eq(sent, error == 0);
	return error;
}

static int grow_try_batch(chan_sender_t *tx, const void *msg)
{
	size_t sent = 77;
	int error = chan_try_send_many(tx, msg, 1, &sent);

	must_eq(sent, error == 0);
	return error;
}

static int grow_poll(chan_sender_t *tx, const void *msg)
{
	chan_waker_t w;

	chan_waker_init(&w, count_call, NULL);
	return chan_poll_send(tx, msg, &w); /* not EAGAIN: it is idle, and may go */
}

static int grow_in(chan_sender_t *tx, const void *msg, enum pick_form form)
{
	chan_case_t c = case_send(tx, msg);
	struct pick p = pick_of(&c, 1, 0, form);

	pick_here(&p);
	must(p.result == 0 && p.which == 0);
	errno = TEST_ERRNO;
	return c.status;
}

static int grow_select(chan_sender_t *tx, const void *msg)     { return grow_in(tx, msg, PICK_PLAIN); }
static int grow_try_select(chan_sender_t *tx, const void *msg) { return grow_in(tx, msg, PICK_TRY); }

static int (*const growers[])(chan_sender_t *tx, const void *msg) = {
	chan_send, chan_try_send, grow_timeout, grow_deadline, grow_force, grow_cancel, grow_cancel_timeout,
	grow_batch, grow_try_batch, grow_poll, grow_select, grow_try_select
};

/* True: so many allocations were not asked for. */
static bool grow_through_failure(const struct kind *k, int (*grow)(chan_sender_t *tx, const void *msg),
                                 size_t skip, size_t n)
{
	enum { N = 150 };
	struct ends e = kind_open(k, 8);
	uint64_t accepted[N], number;
	size_t sent = 0, refused = 0, failed;

	fault_memory(skip, n);
	for (uint64_t i = 0; i < N; i++) {
		int error;

		number = i;
		errno = TEST_ERRNO;
		error = grow(e.tx, &number);
		test_errno(__FILE__, __LINE__, "a send that grows the channel");
		must_eq(number, i);
		must(error == 0 || error == ENOMEM);
		if (error == 0)
			accepted[sent++] = i;
		else
			refused++;
	}
	failed = fault_memory_end();
	must((refused > 0) == (failed > 0) && refused <= failed);
	must_eq(chan_len(e.c), sent);
	for (size_t i = 0; i < sent; i++)
		expect_numbers(e.rx, accepted[i], 1);
	queue_numbers(e.tx, 0, N);
	expect_numbers(e.rx, 0, N);
	ends_drop(&e);
	return failed == 0;
}

static void every_growing_call_survives_each_failing_allocation(const struct kind *k)
{
	static const size_t times[] = { 1, 2, SIZE_MAX };

	must_give(0, chan_cancel_create(NULL, &given_token));
	for (size_t i = 0; i < COUNT_OF(growers); i++) {
		if (growers[i] == grow_force && !k->forces)
			continue;
		for (size_t t = 0; t < COUNT_OF(times); t++) {
			size_t skip = 0;

			while (!grow_through_failure(k, growers[i], skip, times[t]))
				must(++skip < 20);
			must(skip > 0);
		}
	}
	must_eq(waker_calls, 0);
	chan_cancel_drop(given_token);
	must_eq(fault_memory_blocks(), 0);
}

/* -------------------------------------------------------------- descriptors */

/* Only `n` more numbers can be had. */
static struct rlimit allow_descriptors(size_t n)
{
	struct rlimit before, few;
	int taken[8];

	must(n < COUNT_OF(taken));
	must(getrlimit(RLIMIT_NOFILE, &before) == 0);
	few = before;
	for (size_t i = 0; i <= n; i++) {
		taken[i] = dup(0);
		must(taken[i] >= 0);
	}
	few.rlim_cur = (rlim_t)taken[n];
	for (size_t i = 0; i <= n; i++)
		must(close(taken[i]) == 0);
	must(setrlimit(RLIMIT_NOFILE, &few) == 0);
	return before;
}

static int ask(struct ends *e, bool of_sender, int *fd)
{
	errno = TEST_ERRNO;
	return of_sender ? chan_sender_fd(e->tx, fd) : chan_receiver_fd(e->rx, fd);
}

static bool is_readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, 0) == 1;
}

/* With ever more numbers, until one can be had. */
static int ask_through_exhaustion(struct ends *e, bool of_sender)
{
	size_t before = open_descriptors();
	int fd = 77, error = EMFILE;

	for (size_t n = 0; error != 0; n++) {
		struct rlimit limit = allow_descriptors(n);

		error = ask(e, of_sender, &fd);
		test_errno(__FILE__, __LINE__, "a request for a descriptor");
		must(setrlimit(RLIMIT_NOFILE, &limit) == 0);
		must(error == 0 || (error == EMFILE && fd == 77 && open_descriptors() == before));
		must((n > 0 && error == 0) || n < 2); /* two ends of a pipe at most */
	}
	return fd;
}

static int ask_without_memory(struct ends *e, bool of_sender)
{
	size_t before = open_descriptors(), skip = 0;
	int fd = 77, error = ENOMEM;

	while (error != 0) {
		fault_memory(skip++, SIZE_MAX);
		error = ask(e, of_sender, &fd);
		test_errno(__FILE__, __LINE__, "a request for a descriptor");
		must(fault_memory_end() <= 1);
		must(error == 0 || (error == ENOMEM && fd == 77 && open_descriptors() == before));
		must(skip < 5);
	}
	return fd;
}

static void each_request_for_a_descriptor(const struct kind *k, int (*ask_through)(struct ends *e, bool of_sender))
{
	size_t before = open_descriptors();
	struct ends e = kind_open(k, 8);
	int receiving = ask_through(&e, false), sending = ask_through(&e, true);

	must(!is_readable(receiving));
	must_eq(is_readable(sending), k->capacity != 0);
	if (k->capacity != 0) {
		queue_numbers(e.tx, 3, 1);
		must(is_readable(receiving));
		expect_numbers(e.rx, 3, 1);
		must_eq(is_readable(receiving), k->one_message);
	}
	ends_drop(&e);
	must_eq(open_descriptors(), before);
	must_eq(fault_memory_blocks(), 0);
}

static void every_descriptor_survives_exhaustion(const struct kind *k)
{
	each_request_for_a_descriptor(k, ask_through_exhaustion);
}

static void every_descriptor_survives_each_failing_allocation(const struct kind *k)
{
	each_request_for_a_descriptor(k, ask_without_memory);
}

/* Those of channels that have no sender. */
static void descriptors_of_tokens_and_timers_survive_exhaustion(const struct kind *k)
{
	chan_cancel_t *token;
	struct ends e;

	(void)k;
	must_give(0, chan_cancel_create(NULL, &token));
	for (int way = 0; way < 2; way++) {
		int (*ask_through)(struct ends *e, bool of_sender) = way ? ask_without_memory : ask_through_exhaustion;
		int fd, error;

		e.rx = chan_receiver_clone(chan_cancel_receiver(token));
		must(!is_readable(ask_through(&e, false)));
		chan_receiver_drop(e.rx);
		must_give(0, chan_after(0, &e.rx));
		error = chan_receiver_fd(e.rx, &fd);
		chan_receiver_drop(e.rx);
		if (error == ENOTSUP) /* no timerfd here */
			continue;
		must_give(0, chan_tick(CHAN_MSEC, &e.rx));
		fd = ask_through(&e, false);
		wait_for(is_readable(fd));
		must_give(0, chan_recv(e.rx, NULL));
		chan_receiver_drop(e.rx);
	}
	chan_cancel_trigger(token);
	chan_cancel_drop(token);
	must_eq(fault_memory_blocks(), 0);
}

/* Half of the reads and writes are interrupted, and each change is shown all the same. */
static void interrupted_descriptors_tell_the_truth(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t room = kind_room(k);
	int receiving, sending;

	must_give(0, chan_receiver_fd(e.rx, &receiving));
	must_give(0, chan_sender_fd(e.tx, &sending));
	fault_calls(seed);
	for (size_t i = 0; i < test_scaled(100); i++) {
		must(!is_readable(receiving) && is_readable(sending));
		queue_numbers(e.tx, i, room);
		must(is_readable(receiving));
		must_eq(is_readable(sending), kind_is_unbounded(k));
		expect_numbers(e.rx, i, room);
	}
	must(fault_calls_made(FAULT_INTERRUPTED) > 0);
	fault_calls(0);
	ends_drop(&e);
}

/* --------------------------------------------------------------- under load */

static struct crew crew;

static size_t rounds_of(const struct kind *k)
{
	return test_scaled(k->one_message ? 100 : 4) * (size_t)faults;
}

static size_t messages_of(const struct kind *k)
{
	return k->one_message ? 3 : test_scaled(800);
}

/* Rounds with the descriptors of both sides, too: what they do passes the same seams. */
static void play(const struct kind *k, uint64_t round)
{
	struct ends e = kind_open(k, sizeof(uint64_t));
	int fd;

	if (round % 2) {
		must_give(0, chan_receiver_fd(e.rx, &fd));
		must_give(0, chan_sender_fd(e.tx, &fd));
	}
	crew_start(&crew, e, messages_of(k), seed + round);
	crew_finish(&crew);
}

static void play_rounds(const struct kind *k)
{
	for (size_t i = 0; i < rounds_of(k); i++)
		play(k, i);
	must_eq(fault_memory_blocks(), 0);
}

static bool sleeps_faulted_enough(void)
{
	return fault_calls_made(FAULT_WOKEN) + fault_calls_made(FAULT_EINTR) +
	               fault_calls_made(FAULT_EAGAIN) + fault_calls_made(FAULT_ETIMEDOUT) >=
	       test_scaled(20);
}

static void receive_early(void *arg)
{
	struct ends *e = arg;
	uint64_t number;

	must_give(0, chan_recv(e->rx, &number));
	must_eq(number, 1);
}

/* A receiver that is there before the message; half of such sleeps end at once, and it
 * sleeps again. */
static void sleep_first(const struct kind *k)
{
	struct ends e = kind_open(k, sizeof(uint64_t));
	struct worker worker;
	uint64_t number = 1;

	worker_start(&worker, receive_early, &e);
	worker_wait_asleep(&worker);
	must_give(0, chan_send(e.tx, &number));
	worker_join(&worker);
	ends_drop(&e);
}

static void half_of_the_sleeps_end_for_no_reason(const struct kind *k)
{
	fault_calls(seed);
	play_rounds(k);
	while (!sleeps_faulted_enough())
		sleep_first(k);
	fault_calls(0);
	must_eq(fault_memory_blocks(), 0);
}

/* At a sender and at a receiver at once. */
static void a_signal_storm_loses_nothing(const struct kind *k)
{
	for (size_t i = 0; i < rounds_of(k); i++) {
		struct storm storms[2];

		crew_start(&crew, kind_open(k, sizeof(uint64_t)), messages_of(k), seed + i);
		storm_start(&storms[0], &crew.senders[0].worker);
		storm_start(&storms[1], &crew.receivers[0].worker);
		wait_for(atomic_load(&crew.senders[0].worker.ended) && atomic_load(&crew.receivers[0].worker.ended));
		storm_end(&storms[0]);
		storm_end(&storms[1]);
		crew_finish(&crew);
	}
	must_eq(fault_memory_blocks(), 0);
}

/* Two receivers that are both asleep before the first message. */
static void sleep_two(const struct kind *k)
{
	struct ends e[2] = { kind_open(k, sizeof(uint64_t)), kind_open(k, sizeof(uint64_t)) };
	struct worker workers[2];
	uint64_t number = 1;

	for (size_t i = 0; i < 2; i++) {
		worker_start(&workers[i], receive_early, &e[i]);
		worker_wait_asleep(&workers[i]);
	}
	for (size_t i = 0; i < 2; i++) {
		must_give(0, chan_send(e[i].tx, &number));
		worker_join(&workers[i]);
	}
	for (size_t i = 0; i < 2; i++)
		ends_drop(&e[i]);
}

/* Where signals reach nobody who is not alone, every sleeper must be alone. */
static void signals_that_reach_one_of_many_at_most_lose_nothing(const struct kind *k)
{
	fault_signals(true);
	sleep_two(k);
	play_rounds(k);
	if (k->flavor == CHAN_FLAVOR_MUTEX_CONDVAR) /* sleeps on nothing else */
		for (size_t i = rounds_of(k); fault_signals_given() < test_scaled(20); i++)
			play(k, i);
	fault_signals(false);
}

/* -------------------------------------------------------------------- fence */

static void without_membarrier_nothing_is_lost(const struct kind *k)
{
	fault_membarrier(0);
	chan__u32_store_relaxed(&chan__fence_asymmetric, CHAN__FENCE_FULL);
	chan__fence_setup();
	must_eq(chan__u32_load_relaxed(&chan__fence_asymmetric), CHAN__FENCE_FULL);
	play_rounds(k);
	must_eq(chan__u32_load_relaxed(&chan__fence_asymmetric), CHAN__FENCE_FULL);
}

/* Where it never was, or no fence is used, this is the same as without. */
static void membarrier_that_is_taken_away_loses_nothing(const struct kind *k)
{
	for (size_t i = 0; i < rounds_of(k); i++) {
		fault_membarrier(SIZE_MAX);
		chan__fence_setup();
		fault_membarrier(1 + i % 7);
		play(k, i);
		if (fault_membarrier_refused() > 0)
			must_eq(chan__u32_load_relaxed(&chan__fence_asymmetric), CHAN__FENCE_FULL);
	}
	must_eq(fault_memory_blocks(), 0);
}

/* -------------------------------------------------------------------- clock */

/* What the kernel's own clock can show: from its first instant to the last that fits
 * its 64 bits of nanoseconds, less the minutes that a test may take. */
static int64_t ahead_to(int64_t sec)
{
	fault_clock(0);
	return sec * 1000000000 - (int64_t)now_ns();
}

static const int64_t clock_edges[] = {
	0, INT32_MAX, UINT32_MAX, INT64_MAX / 1000000000 / 2, INT64_MAX / 1000000000 - 3600
};

static const struct timespec far_deadlines[] = {
	{ INT64_MAX, 999999999 }, { INT64_MAX, 0 }, { INT64_MAX - 1, 999999999 }, { INT64_MAX / 2, 5 }, { INT64_C(1) << 34, 0 }
};

static const struct timespec near_deadlines[] = {
	{ INT64_MIN, 0 }, { INT64_MIN, 999999999 }, { INT64_MIN + 1, 1 }, { -1, 999999999 }, { 0, 0 }, { 0, 1 }
};

static const uint64_t far_timeouts[] = { UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 2 + 1, INT64_MAX, INT64_MAX - 1 };

static void no_wait_ends_early(struct ends *e)
{
	uint64_t began, number = 77;

	for (size_t i = 0; i < COUNT_OF(near_deadlines); i++)
		must_give(ETIMEDOUT, chan_recv_deadline(e->rx, &number, &near_deadlines[i]));
	must_give(ETIMEDOUT, chan_recv_timeout(e->rx, &number, 0));
	began = now_ns();
	must_give(ETIMEDOUT, chan_recv_timeout(e->rx, &number, CHAN_MSEC));
	must(now_ns() - began >= CHAN_MSEC);
	must_eq(number, 77);
}

static void must_wait_and_receive(struct ends *e, struct call *call)
{
	uint64_t number = 5;

	worker_wait_asleep(&call->worker);
	must(!atomic_load(&call->worker.ended));
	must_give(0, chan_send(e->tx, &number));
	call_finish(call);
	must(call->result == 0 && call->value == 5);
}

struct far_call {
	struct call call;
	const struct timespec *at;
};

static void receive_until(void *arg)
{
	struct far_call *f = arg;

	f->call.result = chan_recv_deadline(f->call.rx, &f->call.value, f->at);
}

static void far_waits_wait(struct ends *e)
{
	for (size_t i = 0; i < COUNT_OF(far_timeouts); i++) {
		struct call call = call_recv(e->rx, CALL_TIMEOUT);

		call.timeout_ns = far_timeouts[i];
		call_start(&call);
		must_wait_and_receive(e, &call);
	}
	for (size_t i = 0; i < COUNT_OF(far_deadlines); i++) {
		struct far_call f = { call_recv(e->rx, CALL_DEADLINE), &far_deadlines[i] };

		worker_start(&f.call.worker, receive_until, &f);
		must_wait_and_receive(e, &f.call);
	}
}

/* Check looks at the clock as well, when a case is over. */
static void the_clock_may_stand_at_any_edge(const struct kind *k)
{
	for (size_t i = 0; i < COUNT_OF(clock_edges); i++) {
		struct ends e = kind_open(k, 8);
		struct timespec now;

		fault_clock(ahead_to(clock_edges[i]));
		chan_deadline(0, &now);
		must(now.tv_sec - clock_edges[i] < 60 * (int64_t)test_scale());
		no_wait_ends_early(&e);
		far_waits_wait(&e);
		ends_drop(&e);
	}
	fault_clock(0);
}

static void must_be_in_time(chan_receiver_t *rx, const struct timespec *due)
{
	struct timespec at = { -1, 0 }, now;

	must_give(0, chan_recv(rx, &at));
	chan_deadline(0, &now);
	must(at.tv_sec == due->tv_sec && at.tv_nsec == due->tv_nsec);
	must(now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec));
}

static void timers_fall_due_at_any_edge(const struct kind *k)
{
	(void)k;
	for (size_t i = 0; i < COUNT_OF(clock_edges); i++) {
		chan_receiver_t *rx;
		struct timespec due;
		int fd;

		fault_clock(ahead_to(clock_edges[i]));
		must_give(0, chan_after(CHAN_MSEC, &rx));
		must_give(0, chan_receiver_due(rx, &due));
		must_be_in_time(rx, &due);
		chan_receiver_drop(rx);
		must_give(0, chan_tick(CHAN_MSEC, &rx));
		for (size_t t = 0; t < 3; t++) {
			must_give(0, chan_receiver_due(rx, &due));
			if (chan_receiver_fd(rx, &fd) == 0)
				wait_for(is_readable(fd));
			must_be_in_time(rx, &due);
		}
		chan_receiver_drop(rx);
		for (size_t t = 0; t < COUNT_OF(near_deadlines); t++) {
			must_give(0, chan_at(&near_deadlines[t], &rx));
			must_give(0, chan_try_recv(rx, NULL));
			chan_receiver_drop(rx);
		}
		for (size_t t = 0; t < COUNT_OF(far_deadlines); t++) {
			must_give(0, chan_at(&far_deadlines[t], &rx));
			must_give(EAGAIN, chan_try_recv(rx, NULL));
			if (chan_receiver_fd(rx, &fd) == 0)
				must(!is_readable(fd));
			must_give(ETIMEDOUT, chan_recv_timeout(rx, NULL, CHAN_MSEC));
			chan_receiver_drop(rx);
		}
		for (size_t t = 0; t < COUNT_OF(far_timeouts); t++) {
			must_give(0, chan_after(far_timeouts[t], &rx));
			must_give(ETIMEDOUT, chan_recv_timeout(rx, NULL, CHAN_USEC));
			chan_receiver_drop(rx);
			must_give(0, chan_tick(far_timeouts[t], &rx));
			must_give(ETIMEDOUT, chan_recv_timeout(rx, NULL, CHAN_USEC));
			chan_receiver_drop(rx);
		}
	}
	fault_clock(0);
	must_eq(fault_memory_blocks(), 0);
}

/* An hour passes in an instant: what was to wait for less is over, what waits for
 * ever waits on. */
static void a_jump_ends_what_has_a_deadline_and_nothing_else(const struct kind *k)
{
	struct ends e = kind_open(k, 8), other = kind_open(k, 8);
	struct call timed = call_recv(e.rx, CALL_TIMEOUT), plain = call_recv(other.rx, CALL_PLAIN);

	fault_clock_jump(0);
	timed.timeout_ns = 1800 * CHAN_SEC;
	call_start_asleep(&timed);
	call_start_asleep(&plain);
	fault_clock_jump(3600 * (int64_t)CHAN_SEC);
	call_finish(&timed);
	must_eq(timed.result, ETIMEDOUT);
	must_wait_and_receive(&other, &plain);
	ends_drop(&e);
	ends_drop(&other);
	fault_clock(0);
}

static void ticks_that_a_jump_passed_over_are_one(const struct kind *k)
{
	struct timespec first, second, now;
	chan_receiver_t *rx;

	(void)k;
	must_give(0, chan_tick(CHAN_SEC, &rx));
	must_give(0, chan_receiver_due(rx, &first));
	fault_clock_jump(3600 * (int64_t)CHAN_SEC);
	must_be_in_time(rx, &first);
	must_give(EAGAIN, chan_try_recv(rx, NULL));
	must_give(0, chan_receiver_due(rx, &second));
	chan_deadline(0, &now);
	must(second.tv_sec - first.tv_sec >= 3600 && second.tv_sec - now.tv_sec <= 1);
	fault_clock_jump((int64_t)CHAN_SEC);
	must_be_in_time(rx, &second);
	chan_receiver_drop(rx);
	fault_clock(0);
}

static void jump(struct crew *c, struct dice *dice)
{
	(void)c;
	if (dice_roll(dice, 100) == 0)
		fault_clock_jump((int64_t)dice_roll(dice, CHAN_SEC));
}

static void a_clock_that_jumps_loses_nothing(const struct kind *k)
{
	crew.trouble = jump;
	play_rounds(k);
	crew.trouble = NULL;
	fault_clock(0);
}

/* --------------------------------------------------------------- the tables */

static const struct behaviour behaviours[] = {
	BEHAVIOUR(every_creating_call_survives_each_failing_allocation, RUNS_ONCE),
	BEHAVIOUR(every_growing_call_survives_each_failing_allocation, NEEDS_UNBOUNDED),
	BEHAVIOUR(every_descriptor_survives_each_failing_allocation, FITS_ONE_MESSAGE),
	BEHAVIOUR(every_descriptor_survives_exhaustion, FITS_ONE_MESSAGE),
	BEHAVIOUR(descriptors_of_tokens_and_timers_survive_exhaustion, RUNS_ONCE),
	BEHAVIOUR(interrupted_descriptors_tell_the_truth, NEEDS_QUEUE),
	BEHAVIOUR(half_of_the_sleeps_end_for_no_reason, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_signal_storm_loses_nothing, FITS_ONE_MESSAGE),
	BEHAVIOUR(signals_that_reach_one_of_many_at_most_lose_nothing, FITS_ONE_MESSAGE),
	BEHAVIOUR(without_membarrier_nothing_is_lost, FITS_ONE_MESSAGE),
	BEHAVIOUR(membarrier_that_is_taken_away_loses_nothing, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_clock_may_stand_at_any_edge, NEEDS_NOTHING),
	BEHAVIOUR(timers_fall_due_at_any_edge, RUNS_ONCE),
	BEHAVIOUR(a_jump_ends_what_has_a_deadline_and_nothing_else, NEEDS_NOTHING),
	BEHAVIOUR(ticks_that_a_jump_passed_over_are_one, RUNS_ONCE),
	BEHAVIOUR(a_clock_that_jumps_loses_nothing, FITS_ONE_MESSAGE),
};

int main(void)
{
	static struct kind kinds[MAX_KINDS];
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);

	faults = number_from("CHAN_FAULTS", 1);
	seed = number_from("CHAN_FAULTS_SEED", 20260101);
	printf("faults: CHAN_FAULTS=%llu CHAN_FAULTS_SEED=%llu\n", (unsigned long long)faults, (unsigned long long)seed);
	return matrix_run("faults", behaviours, COUNT_OF(behaviours), kinds, n);
}
