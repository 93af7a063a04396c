/*
 * test_timers.c - channels that the clock sends to
 *
 * What all four have in common runs over each as a kind; the rest is about
 * events.  Time passes by waiting for another timer.
 */
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/support.h"

enum { AFTER, AT, TICK, NEVER, TIMERS };

static const struct kind timers[TIMERS] = {
	{ .flavor = CHAN_FLAVOR_AT,    .capacity = 1, .name = "after" },
	{ .flavor = CHAN_FLAVOR_AT,    .capacity = 1, .name = "at" },
	{ .flavor = CHAN_FLAVOR_TICK,  .capacity = 1, .name = "tick" },
	{ .flavor = CHAN_FLAVOR_NEVER, .capacity = 0, .name = "never" },
};

static const uint64_t hour = 3600 * CHAN_SEC;

#define UNTOUCHED ((chan_receiver_t *)(uintptr_t)0x77)

static uint64_t in_ns(struct timespec t)
{
	return (uint64_t)t.tv_sec * CHAN_SEC + (uint64_t)t.tv_nsec;
}

static struct timespec from_ns(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / CHAN_SEC), (long)(ns % CHAN_SEC) };
}

static bool same(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* First due that long from now, except NEVER. */
static chan_receiver_t *make(size_t which, uint64_t ns)
{
	chan_receiver_t *rx = NULL;
	struct timespec when;

	chan_deadline(ns, &when);
	switch (which) {
	case AFTER: must_give(0, chan_after(ns, &rx)); break;
	case AT:    must_give(0, chan_at(&when, &rx)); break;
	case TICK:  must_give(0, chan_tick(ns, &rx)); break;
	default:    must_give(0, chan_never(sizeof(struct timespec), &rx));
	}
	return rx;
}

static chan_receiver_t *make_far(const struct kind *k)
{
	return make((size_t)(k - timers), hour);
}

static struct timespec due_of(const chan_receiver_t *rx)
{
	struct timespec due = { -7, -7 };

	must_give(0, chan_receiver_due(rx, &due));
	return due;
}

static struct timespec no_more(void)
{
	struct timespec forever;

	chan_deadline(CHAN_FOREVER, &forever);
	return forever;
}

static void wait_until(uint64_t ns)
{
	struct timespec when = from_ns(ns), got;
	chan_receiver_t *rx;

	must_give(0, chan_at(&when, &rx));
	must_give(0, chan_recv(rx, &got));
	must(same(got, when) && now_ns() >= ns);
	chan_receiver_drop(rx);
}

static struct call call_timer(chan_receiver_t *rx, enum call_form form, struct timespec *into)
{
	struct call call = call_recv(rx, form);

	*into = (struct timespec){ -7, -7 };
	call.into = into;
	return call;
}

static bool untouched(struct timespec t)
{
	return t.tv_sec == -7 && t.tv_nsec == -7;
}

/* Nothing can be received now, in any form that does not wait long. */
static void must_be_quiet(chan_receiver_t *rx)
{
	struct timespec got[2] = { { -7, -7 }, { -7, -7 } }, past = { -1, 0 }, now;
	size_t count = 77;

	must_give(EAGAIN, chan_try_recv(rx, got));
	must_give(EAGAIN, chan_try_recv(rx, NULL));
	must_give(EAGAIN, chan_try_recv_many(rx, got, 2, &count));
	must_eq(count, 0);
	must_give(ETIMEDOUT, chan_recv_timeout(rx, got, 0));
	must_give(ETIMEDOUT, chan_recv_deadline(rx, got, &past));
	chan_deadline(0, &now);
	must_give(ETIMEDOUT, chan_recv_deadline(rx, got, &now));
	must_eq(chan_receiver_len(rx), 0);
	must(chan_is_empty(chan_receiver_channel(rx)));
	must(untouched(got[0]) && untouched(got[1]));
}

/* ------------------------------------------------------------ what all have in common */

static void nothing_is_there_before_it_is_due(const struct kind *k)
{
	chan_receiver_t *rx = make_far(k);
	struct timespec got;
	size_t count = 77;

	must_be_quiet(rx);
	must_give(0, chan_recv_many(rx, &got, 0, &count));
	must_eq(count, 0);
	must_give(0, chan_try_recv_many(rx, &got, 0, &count));
	must_keep_errno(chan_receiver_drop(rx));
}

static void a_receive_times_out_and_not_early(const struct kind *k)
{
	static const uint64_t times[] = { 1, CHAN_USEC, 100 * CHAN_USEC, CHAN_MSEC, 7 * CHAN_MSEC };
	chan_receiver_t *rx = make_far(k);
	struct timespec got = { -7, -7 }, deadline;

	for (size_t i = 0; i < COUNT_OF(times); i++) {
		uint64_t began = now_ns();

		must_give(ETIMEDOUT, chan_recv_timeout(rx, &got, times[i]));
		must(now_ns() >= began + times[i]);
		chan_deadline(times[i], &deadline);
		must_give(ETIMEDOUT, chan_recv_deadline(rx, &got, &deadline));
		must(now_ns() >= in_ns(deadline));
	}
	must(untouched(got));
	chan_receiver_drop(rx);
}

static void queries_tell_that_there_is_no_sender(const struct kind *k)
{
	chan_receiver_t *rx = make_far(k);
	chan_t *c = chan_receiver_channel(rx);

	must(chan_capacity(c) == k->capacity && chan_len(c) == 0 && chan_is_empty(c));
	must_eq(chan_is_full(c), k->capacity == 0);
	must(chan_sender_count(c) == 0 && chan_receiver_count(c) == 1);
	must_eq(chan_msg_size(c), sizeof(struct timespec));
	must_eq(chan_flavor(c), k->flavor);
	must(chan_lost(c) == 0 && chan_receiver_lost(rx) == 0 && chan_receiver_len(rx) == 0);
	must(!chan_is_disconnected(c));
	chan_receiver_drop(rx);
}

static void must_be_over(chan_receiver_t *rx)
{
	struct timespec got;
	size_t count = 77;

	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct call call = call_timer(rx, form, &got);

		call_here(&call);
		must_eq(call.result, EPIPE);
		must(untouched(got));
	}
	must_give(EPIPE, chan_try_recv(rx, &got));
	must_give(EPIPE, chan_try_recv_many(rx, &got, 1, &count));
	must(count == 0 && untouched(got));
	must(chan_is_disconnected(chan_receiver_channel(rx)));
	must_eq(chan_receiver_len(rx), 0);
	must(same(due_of(rx), no_more()));
}

static void close_ends_it(const struct kind *k)
{
	chan_receiver_t *rx = make_far(k);

	must_keep_errno(chan_close(chan_receiver_channel(rx)));
	must_be_over(rx);
	must_keep_errno(chan_close(chan_receiver_channel(rx)));
	must_be_over(rx);
	chan_receiver_drop(rx);
}

static void close_wakes_every_waiter(const struct kind *k)
{
	chan_receiver_t *rx = make_far(k);
	struct call calls[CALL_FORMS];
	struct timespec got[CALL_FORMS];

	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		calls[form] = call_timer(rx, form, &got[form]);
		call_start_asleep(&calls[form]);
	}
	must_keep_errno(chan_close(chan_receiver_channel(rx)));
	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		call_finish(&calls[form]);
		must_eq(calls[form].result, EPIPE);
		must(untouched(got[form]));
	}
	chan_receiver_drop(rx);
}

/* Handles of any order, and none of them a sender's. */
static void the_last_clone_keeps_it(const struct kind *k)
{
	for (size_t last = 0; last < 3; last++) {
		chan_receiver_t *rx[3] = { make_far(k), NULL, NULL };
		chan_t *c = chan_receiver_channel(rx[0]);

		must_keep_errno(rx[1] = chan_receiver_clone(rx[0]));
		rx[2] = chan_receiver_clone(rx[1]);
		must_eq(chan_receiver_count(c), 3);
		for (size_t i = 0; i < 3; i++)
			if (i != last)
				must_keep_errno(chan_receiver_drop(rx[i]));
		must(chan_receiver_channel(rx[last]) == c);
		must(chan_receiver_count(c) == 1 && chan_sender_count(c) == 0);
		must(!chan_is_disconnected(c));
		must_be_quiet(rx[last]);
		chan_receiver_drop(rx[last]);
	}
}

static void drop_last(void *arg)
{
	chan_receiver_drop(arg);
}

static void another_thread_drops_the_last_handle(const struct kind *k)
{
	struct worker worker;

	worker_start(&worker, drop_last, make_far(k));
	worker_join(&worker);
}

static void a_waiter_keeps_it_by_its_own_clone(const struct kind *k)
{
	chan_receiver_t *rx = make_far(k), *clone = chan_receiver_clone(rx);
	struct timespec got;
	struct call call = call_timer(clone, CALL_PLAIN, &got);

	call_start_asleep(&call);
	chan_receiver_drop(rx);
	must(!atomic_load(&call.worker.ended));
	chan_close(chan_receiver_channel(clone));
	call_finish(&call);
	must_eq(call.result, EPIPE);
	chan_receiver_drop(clone);
}

/* ----------------------------------------------------------------------- idleness */

static const uint64_t idle_ns = 2 * CHAN_SEC;

/* Waits for a timer of its own, as often as that fires in the time. */
struct sleeper {
	size_t which;
	unsigned fires;
	bool selects;        /* that timer among others */
	struct cost cost;
	struct worker worker;
};

static int wait_for_event(const struct sleeper *s, chan_receiver_t *rx, chan_receiver_t **others, uint64_t limit)
{
	struct timespec got;
	size_t which = 77;
	chan_case_t cases[] = { CHAN_CASE_RECV(others[TICK], &got), CHAN_CASE_RECV(rx, &got),
	                        CHAN_CASE_RECV(others[AFTER], &got), CHAN_CASE_RECV(others[NEVER], &got) };
	int e;

	if (!s->selects)
		return chan_recv_timeout(rx, &got, limit);
	e = chan_select_timeout(cases, COUNT_OF(cases), 0, limit, &which);
	must(e != 0 || (which == 1 && cases[1].status == 0));
	return e;
}

static void sleep_by_timer(void *arg)
{
	struct sleeper *s = arg;
	chan_receiver_t *others[TIMERS], *rx;

	for (size_t i = 0; i < TIMERS; i++)
		others[i] = make(i, hour);
	must_eq(wait_for_event(s, others[AT], others, 1), ETIMEDOUT);
	worker_hold(&s->worker);
	rx = make(s->which, idle_ns / s->fires);
	cost_start(&s->cost);
	for (unsigned i = 0; i < s->fires; i++)
		must_eq(wait_for_event(s, rx, others, CHAN_FOREVER), 0);
	cost_stop(&s->cost);
	worker_hold(&s->worker);
	chan_receiver_drop(rx);
	for (size_t i = 0; i < TIMERS; i++)
		chan_receiver_drop(others[i]);
}

/* Costs above the bound fail the last round only; earlier ones are measured again. */
static bool cheap(const char *who, const struct cost *c, unsigned most, bool last)
{
	if (last && !cost_within(c, most))
		test_fail(__FILE__, __LINE__, "%s: %llu switches and %llu us of processor time in two seconds",
		          who, (unsigned long long)c->switches, (unsigned long long)(c->cpu_ns / CHAN_USEC));
	return cost_within(c, most);
}

/* Every form on every timer at once, and those that fire meanwhile. */
static bool wait_on_all(bool last)
{
	bool all = true;
	static struct call calls[TIMERS][CALL_FORMS];
	static struct timespec got[TIMERS][CALL_FORMS];
	chan_receiver_t *rx[TIMERS][CALL_FORMS];
	struct sleeper sleepers[] = {
		{ .which = AFTER, .fires = 1 },
		{ .which = AT, .fires = 1, .selects = true },
		{ .which = TICK, .fires = 1, .selects = true },
		{ .which = TICK, .fires = 2 },
		{ .which = TICK, .fires = 2, .selects = true },
	};

	for (size_t i = 0; i < TIMERS; i++)
		for (enum call_form form = 0; form < CALL_FORMS; form++) {
			rx[i][form] = make(i, hour);
			calls[i][form] = call_timer(rx[i][form], form, &got[i][form]);
			calls[i][form].timeout_ns = idle_ns;
			calls[i][form].measured = true;
			call_start(&calls[i][form]);
		}
	for (size_t i = 0; i < COUNT_OF(sleepers); i++)
		worker_start(&sleepers[i].worker, sleep_by_timer, &sleepers[i]);
	for (size_t i = 0; i < TIMERS; i++)
		for (enum call_form form = 0; form < CALL_FORMS; form++)
			worker_let_on(&calls[i][form].worker);
	for (size_t i = 0; i < COUNT_OF(sleepers); i++)
		worker_let_on(&sleepers[i].worker);
	wait_until(now_ns() + idle_ns + 300 * CHAN_MSEC);
	for (size_t i = 0; i < TIMERS; i++)
		for (enum call_form form = 0; form < CALL_FORMS; form++) {
			struct call *call = &calls[i][form];
			bool timed = form == CALL_TIMEOUT || form == CALL_DEADLINE || form == CALL_CANCEL_TIMEOUT;

			chan_close(chan_receiver_channel(rx[i][form]));
			call_finish(call);
			must_eq(call->result, timed ? ETIMEDOUT : EPIPE);
			must(call->ended_ns - call->began_ns >= idle_ns);
			all = cheap(timers[i].name, &call->cost, 2, last) && all;
			chan_receiver_drop(rx[i][form]);
		}
	for (size_t i = 0; i < COUNT_OF(sleepers); i++) {
		worker_let_on(&sleepers[i].worker);
		worker_join(&sleepers[i].worker);
		all = cheap("a timer that fires", &sleepers[i].cost, 1 + sleepers[i].fires, last) && all;
	}
	return all;
}

static void waiting_costs_nothing(const struct kind *k)
{
	(void)k;
	if (!wait_on_all(false) && !wait_on_all(false))
		wait_on_all(true);
}

/* -------------------------------------------------------------------------- events */

/* AFTER, AT and TICK, one after the other. */
static void for_each_that_fires(void (*check)(size_t which))
{
	for (size_t which = AFTER; which <= TICK; which++)
		check(which);
}

/* What was made between two instants is due `ns` later. */
static void must_lie(struct timespec due, uint64_t before, uint64_t after, uint64_t ns)
{
	must(due.tv_nsec >= 0 && due.tv_nsec <= 999999999);
	must(in_ns(due) >= before + ns && in_ns(due) <= after + ns);
}

static void check_forms(size_t which)
{
	const uint64_t ns = 4 * CHAN_MSEC;

	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		uint64_t before = now_ns();
		chan_receiver_t *rx = make(which, ns);
		uint64_t after = now_ns();
		struct timespec got, due = due_of(rx);
		struct call call = call_timer(rx, form, &got);

		call_here(&call);
		must_eq(call.result, 0);
		must(call.ended_ns >= in_ns(got) && same(got, due));
		must_lie(got, before, after, ns);
		chan_receiver_drop(rx);
	}
}

static void each_form_of_receive_waits_for_the_event(const struct kind *k)
{
	(void)k;
	for_each_that_fires(check_forms);
}

static void check_early(size_t which)
{
	static const uint64_t times[] = {
		1, CHAN_USEC, 20 * CHAN_USEC, 100 * CHAN_USEC, 377 * CHAN_USEC, CHAN_MSEC, 3 * CHAN_MSEC, 9 * CHAN_MSEC
	};

	for (size_t i = 0; i < 2 * COUNT_OF(times); i++) {
		uint64_t before = now_ns();
		chan_receiver_t *rx = make(which, times[i / 2]);
		struct timespec got = { -7, -7 };

		if (i % 2)
			must_give(0, chan_recv(rx, &got));
		else
			wait_for(chan_try_recv(rx, &got) == 0);
		must(now_ns() >= in_ns(got) && in_ns(got) >= before + times[i / 2]);
		chan_receiver_drop(rx);
	}
}

static void no_event_is_early(const struct kind *k)
{
	(void)k;
	for (size_t i = test_scaled(10); i > 0; i--)
		for_each_that_fires(check_early);
}

/* A receive that ended before the event took nothing of it, and one whose time
 * is up takes an event that is due all the same. */
static void check_limits(size_t which)
{
	chan_receiver_t *rx = make(which, 20 * CHAN_MSEC);
	struct timespec due = due_of(rx), got = { -7, -7 }, early = from_ns(in_ns(due) - 10 * CHAN_MSEC);
	int e = chan_recv_deadline(rx, &got, &early);

	if (e == ETIMEDOUT) {
		must(untouched(got));
		must_give(0, chan_recv_deadline(rx, &got, &due));
	}
	must(same(got, due) && now_ns() >= in_ns(due));
	chan_receiver_drop(rx);

	for (int i = 0; i < 2; i++) {
		struct timespec past = { -1, 0 };

		rx = make(which, CHAN_MSEC);
		due = due_of(rx);
		wait_until(in_ns(due));
		must_give(0, i ? chan_recv_timeout(rx, &got, 0) : chan_recv_deadline(rx, &got, &past));
		must(same(got, due));
		chan_receiver_drop(rx);
	}
}

static void the_event_comes_before_the_time_limit(const struct kind *k)
{
	(void)k;
	for_each_that_fires(check_limits);
}

static void check_length(size_t which)
{
	chan_receiver_t *rx = make(which, CHAN_MSEC);
	chan_t *c = chan_receiver_channel(rx);
	struct timespec due = due_of(rx);

	wait_until(in_ns(due));
	must(chan_len(c) == 1 && chan_receiver_len(rx) == 1 && !chan_is_empty(c) && chan_is_full(c));
	must(same(due_of(rx), due));
	must_give(0, chan_recv(rx, NULL));
	must(!same(due_of(rx), due));
	must(!chan_is_disconnected(c) && chan_sender_count(c) == 0);
	chan_receiver_drop(rx);
}

static void an_event_that_is_due_is_a_message(const struct kind *k)
{
	(void)k;
	for_each_that_fires(check_length);
}

static void check_batch(size_t which)
{
	chan_receiver_t *rx = make(which, 50 * CHAN_MSEC);
	struct timespec due = due_of(rx), got[3] = { { -7, -7 }, { -7, -7 }, { -7, -7 } };
	size_t count = 77;

	must_give(0, chan_recv_many(rx, got, 3, &count));
	must(count >= 1 && same(got[0], due));
	must(count == 1 ? untouched(got[1]) : now_ns() >= in_ns(due) + 50 * CHAN_MSEC);
	must(count == 1 || which == TICK);
	chan_receiver_drop(rx);

	rx = make(which, CHAN_MSEC);
	wait_until(in_ns(due_of(rx)));
	must_give(0, chan_try_recv_many(rx, NULL, 1, &count));
	must_eq(count, 1);
	chan_receiver_drop(rx);
}

static void a_batch_takes_what_is_due(const struct kind *k)
{
	(void)k;
	for_each_that_fires(check_batch);
}

/* It is over at once: an event that was due is not received any more. */
static void check_close_when_due(size_t which)
{
	chan_receiver_t *rx = make(which, CHAN_MSEC);

	wait_until(in_ns(due_of(rx)));
	must_eq(chan_receiver_len(rx), 1);
	chan_close(chan_receiver_channel(rx));
	must_be_over(rx);
	chan_receiver_drop(rx);
}

static void close_forgets_an_event_that_is_due(const struct kind *k)
{
	(void)k;
	for_each_that_fires(check_close_when_due);
}

static void spin_for(uint64_t ns)
{
	uint64_t end = now_ns() + ns;

	while (now_ns() < end)
		continue;
}

/* Whoever got the event got one that was due before the close. */
static void check_close_race(size_t which)
{
	struct dice dice = { which };

	for (size_t i = test_scaled(300); i > 0; i--) {
		chan_receiver_t *rx = make(which, 1 + dice_roll(&dice, 150 * CHAN_USEC));
		struct timespec got;
		struct call call = call_timer(rx, CALL_PLAIN, &got);
		uint64_t closed;

		call_start(&call);
		wait_for(atomic_load(&call.worker.tid) != 0);
		spin_for(dice_roll(&dice, 200 * CHAN_USEC));
		chan_close(chan_receiver_channel(rx));
		closed = now_ns();
		must_give(EPIPE, chan_try_recv(rx, NULL));
		call_finish(&call);
		must(call.result == 0 || call.result == EPIPE);
		must(call.result == EPIPE ? untouched(got) : in_ns(got) <= closed);
		chan_receiver_drop(rx);
	}
}

static void close_races_the_event(const struct kind *k)
{
	(void)k;
	for_each_that_fires(check_close_race);
}

/* -------------------------------------------------------------------------- at, after */

static void zero_or_past_is_ready_at_once(const struct kind *k)
{
	struct timespec past[] = { { 0, 0 }, { 0, 1 }, { -1, 0 }, { -1, 999999999 }, { INT64_MIN, 0 }, { 0, 0 } };
	struct timespec got;
	chan_receiver_t *rx;
	uint64_t before = now_ns();

	(void)k;
	past[COUNT_OF(past) - 1] = from_ns(before - CHAN_MSEC);
	must_give(0, chan_after(0, &rx));
	must_give(0, chan_try_recv(rx, &got));
	must_lie(got, before, now_ns(), 0);
	must_be_quiet(rx);
	chan_receiver_drop(rx);
	for (size_t i = 0; i < COUNT_OF(past); i++) {
		must_give(0, chan_at(&past[i], &rx));
		must(same(due_of(rx), past[i]) && chan_receiver_len(rx) == 1);
		must_give(0, chan_try_recv(rx, &got));
		must(same(got, past[i]));
		must_be_quiet(rx);
		chan_receiver_drop(rx);
	}
}

/* Now is not in the future. */
static void an_event_at_this_instant_is_ready(const struct kind *k)
{
	(void)k;
	for (size_t i = test_scaled(1000); i > 0; i--) {
		struct timespec now, got;
		chan_receiver_t *rx;

		chan_deadline(0, &now);
		must_give(0, chan_at(&now, &rx));
		must_give(0, chan_try_recv(rx, &got));
		must(same(got, now));
		chan_receiver_drop(rx);
	}
}

static void must_stay_quiet(chan_receiver_t *rx)
{
	struct timespec got;
	struct call call = call_timer(rx, CALL_PLAIN, &got);

	must_be_quiet(rx);
	must_give(ETIMEDOUT, chan_recv_timeout(rx, &got, 2 * CHAN_MSEC));
	call_start_asleep(&call);
	chan_close(chan_receiver_channel(rx));
	call_finish(&call);
	must_eq(call.result, EPIPE);
	chan_receiver_drop(rx);
}

static void beyond_the_clock_is_never(const struct kind *k)
{
	static const struct timespec far[] = {
		{ INT64_MAX, 999999999 }, { INT64_MAX, 0 }, { INT64_MAX / 2, 5 },
		{ INT64_MAX / 1000000000 + 1, 0 }, { INT64_C(1) << 34, 0 }
	};
	static const uint64_t long_ns[] = { CHAN_FOREVER - 1, UINT64_C(1) << 63, UINT64_C(1) << 62 };
	chan_receiver_t *rx;

	(void)k;
	must_give(0, chan_after(CHAN_FOREVER, &rx));
	must(same(due_of(rx), no_more()));
	must_stay_quiet(rx);
	must_give(0, chan_at(NULL, &rx));
	must(same(due_of(rx), no_more()));
	must_stay_quiet(rx);
	for (size_t i = 0; i < COUNT_OF(far); i++) {
		must_give(0, chan_at(&far[i], &rx));
		must(same(due_of(rx), far[i]));
		must_stay_quiet(rx);
	}
	/* Longer than anybody waits, but the clock has room for it. */
	for (size_t i = 0; i < COUNT_OF(long_ns); i++) {
		uint64_t before = now_ns();

		must_give(0, chan_after(long_ns[i], &rx));
		must(due_of(rx).tv_sec >= (time_t)((long_ns[i] - CHAN_SEC) / CHAN_SEC + before / CHAN_SEC));
		must_stay_quiet(rx);
	}
}

static void it_fires_once(const struct kind *k)
{
	(void)k;
	for (size_t which = AFTER; which <= AT; which++) {
		chan_receiver_t *rx = make(which, CHAN_MSEC);
		struct timespec got;

		must_give(0, chan_recv(rx, &got));
		must(same(due_of(rx), no_more()));
		must(!chan_is_disconnected(chan_receiver_channel(rx)));
		must_stay_quiet(rx);
	}
}

enum { CROWD = 4 };

static size_t ended(const struct call *calls)
{
	size_t n = 0;

	for (size_t i = 0; i < CROWD; i++)
		n += atomic_load(&calls[i].worker.ended);
	return n;
}

/* The others wait on, and hear of the end. */
static void one_of_several_gets_it(const struct kind *k)
{
	size_t rounds = test_scaled(100);
	struct dice dice = { 5 };

	(void)k;
	for (size_t round = 0; round < rounds; round++) {
		chan_receiver_t *rx = make(round % 2 ? AFTER : AT, dice_roll(&dice, CHAN_MSEC));
		struct timespec due = due_of(rx), got[CROWD];
		struct call calls[CROWD];
		size_t winners = 0;

		for (size_t i = 0; i < CROWD; i++) {
			calls[i] = call_timer(rx, (enum call_form)(dice_roll(&dice, CALL_FORMS)), &got[i]);
			call_start(&calls[i]);
		}
		wait_for(ended(calls) > 0);
		must_give(EAGAIN, chan_try_recv(rx, NULL));
		chan_close(chan_receiver_channel(rx));
		for (size_t i = 0; i < CROWD; i++) {
			call_finish(&calls[i]);
			must(calls[i].result == 0 ? same(got[i], due) : calls[i].result == EPIPE && untouched(got[i]));
			winners += calls[i].result == 0;
		}
		must_eq(winners, 1);
		chan_receiver_drop(rx);
	}
}

/* Looks without end, so that all see it due at the same instant. */
struct racer {
	chan_receiver_t *rx;
	struct gate *gate;
	atomic_bool *over;
	size_t won;
	struct worker worker;
};

static void race_for_it(void *arg)
{
	struct racer *r = arg;

	gate_pass(r->gate);
	while (!atomic_load(r->over)) {
		if (chan_try_recv(r->rx, NULL) != 0)
			continue;
		r->won++;
		atomic_store(r->over, true);
	}
	r->won += chan_try_recv(r->rx, NULL) == 0;
}

static void tries_race_for_one_event(const struct kind *k)
{
	size_t rounds = test_scaled(300);

	(void)k;
	for (size_t round = 0; round < rounds; round++) {
		struct racer racers[2];
		atomic_bool over = false;
		struct gate gate;
		chan_receiver_t *rx = make(AFTER, 300 * CHAN_USEC);

		gate_init(&gate, COUNT_OF(racers));
		for (size_t i = 0; i < COUNT_OF(racers); i++) {
			racers[i] = (struct racer){ .rx = rx, .gate = &gate, .over = &over };
			worker_start(&racers[i].worker, race_for_it, &racers[i]);
		}
		for (size_t i = 0; i < COUNT_OF(racers); i++)
			worker_join(&racers[i].worker);
		must_eq(racers[0].won + racers[1].won, 1);
		chan_receiver_drop(rx);
	}
}

/* -------------------------------------------------------------------------------- tick */

/* The rule for the tick after `due`, which was received between two instants. */
static bool follows(struct timespec next, struct timespec due, uint64_t before, uint64_t after, uint64_t period)
{
	bool drifted = in_ns(next) >= before + period && in_ns(next) <= after + period;
	bool steady = in_ns(next) == in_ns(due) + period;

	if (after - in_ns(due) < period)
		return steady;
	return before >= in_ns(due) + period ? drifted : steady || drifted;
}

/* Receives one; it was taken at `before` or later, and at `after` or before. */
static struct timespec take(chan_receiver_t *rx, uint64_t period, bool *in_time)
{
	struct timespec due = due_of(rx), got;
	uint64_t before = now_ns(), after;

	must_give(0, chan_recv(rx, &got));
	after = now_ns();
	must(same(got, due) && after >= in_ns(due));
	if (before < in_ns(due))
		before = in_ns(due);
	must(follows(due_of(rx), due, before, after, period));
	*in_time = after - in_ns(due) < period;
	return got;
}

/* However late each receive is within its period. */
static void ticks_do_not_drift(const struct kind *k)
{
	const uint64_t period = 10 * CHAN_MSEC;
	chan_receiver_t *rx = make(TICK, period);
	struct dice dice = { 7 };
	struct timespec first = due_of(rx), got;
	size_t steady = 0;
	uint64_t end = wait_limit();

	(void)k;
	while (steady < 30) {
		bool in_time;

		wait_until(in_ns(due_of(rx)) + dice_number(&dice) % (period / 2));
		got = take(rx, period, &in_time);
		if (in_time) {
			must_eq(in_ns(got), in_ns(first) + steady++ * period);
			continue;
		}
		/* The machine was busy elsewhere: once more from here. */
		must(now_ns() < end);
		first = due_of(rx);
		steady = 0;
	}
	chan_receiver_drop(rx);
}

static void the_first_tick_comes_after_one_period(const struct kind *k)
{
	static const uint64_t periods[] = { 1, CHAN_USEC, 3 * CHAN_MSEC, 20 * CHAN_MSEC };

	(void)k;
	for (size_t i = 0; i < COUNT_OF(periods); i++) {
		uint64_t before = now_ns();
		chan_receiver_t *rx = make(TICK, periods[i]);
		uint64_t after = now_ns();
		struct timespec got;

		must_lie(due_of(rx), before, after, periods[i]);
		must_give(0, chan_recv(rx, &got));
		must_lie(got, before, after, periods[i]);
		must(now_ns() >= in_ns(got));
		chan_receiver_drop(rx);
	}
}

static void late_ticks_collapse_into_one(const struct kind *k)
{
	const uint64_t period = 20 * CHAN_MSEC;
	chan_receiver_t *rx = make(TICK, period);

	(void)k;
	for (uint64_t late = 1; late <= 4; late++) {
		struct timespec due = due_of(rx), got;
		uint64_t before, after;

		wait_until(in_ns(due) + late * period);
		must(chan_receiver_len(rx) == 1 && same(due_of(rx), due));
		before = now_ns();
		must_give(0, chan_recv(rx, &got));
		after = now_ns();
		must(same(got, due));
		must_lie(due_of(rx), before, after, period);
		must(chan_receiver_len(rx) == 0 || now_ns() >= in_ns(due_of(rx)));
	}
	chan_receiver_drop(rx);
}

enum share_form { SHARE_RECV, SHARE_TRY, SHARE_SELECT };

enum { SHARE_MOST = 20000 };

struct sharer {
	chan_receiver_t *rx;
	struct gate *gate;
	enum share_form form;
	struct timespec got[SHARE_MOST];
	atomic_size_t *total;
	size_t n;
	struct worker worker;
};

static int share_one(const struct sharer *s, struct timespec *got)
{
	chan_case_t cases[] = { { 0 }, CHAN_CASE_RECV(s->rx, got) };
	size_t which = 77;

	if (s->form == SHARE_RECV)
		return chan_recv(s->rx, got);
	if (s->form == SHARE_TRY)
		return chan_try_recv(s->rx, got);
	must_eq(chan_select(cases, 2, 0, &which), 0);
	must_eq(which, 1);
	return cases[1].status;
}

static void share(void *arg)
{
	struct sharer *s = arg;
	int e;

	gate_pass(s->gate);
	while (s->n < SHARE_MOST) {
		e = share_one(s, &s->got[s->n]);
		if (e == EPIPE)
			return;
		if (e == EAGAIN) {
			must(s->form == SHARE_TRY);
			sched_yield();
			continue;
		}
		must_eq(e, 0);
		must(now_ns() >= in_ns(s->got[s->n]));
		must(s->n == 0 || in_ns(s->got[s->n]) > in_ns(s->got[s->n - 1]));
		s->n++;
		atomic_fetch_add(s->total, 1);
	}
}

static int by_time(const void *a, const void *b)
{
	uint64_t x = in_ns(*(const struct timespec *)a), y = in_ns(*(const struct timespec *)b);

	return (x > y) - (x < y);
}

/* Each tick is delivered once, and none comes less than a period after another. */
static void check_shares(struct sharer *sharers, uint64_t period)
{
	static struct timespec all[CROWD * SHARE_MOST];
	size_t n = 0;

	for (size_t i = 0; i < CROWD; i++) {
		memcpy(&all[n], sharers[i].got, sharers[i].n * sizeof(*all));
		n += sharers[i].n;
	}
	qsort(all, n, sizeof(*all), by_time);
	for (size_t i = 1; i < n; i++)
		must(in_ns(all[i]) >= in_ns(all[i - 1]) + period);
}

static void share_ticks(uint64_t period, size_t wanted, enum share_form first, enum share_form rest)
{
	static struct sharer sharers[CROWD];
	chan_receiver_t *rx = make(TICK, period);
	atomic_size_t total = 0;
	struct gate gate;

	gate_init(&gate, CROWD);
	for (size_t i = 0; i < CROWD; i++) {
		sharers[i].rx = i % 2 ? chan_receiver_clone(rx) : rx;
		sharers[i].form = i == 0 ? first : rest;
		sharers[i].gate = &gate;
		sharers[i].total = &total;
		sharers[i].n = 0;
		worker_start(&sharers[i].worker, share, &sharers[i]);
	}
	wait_for(atomic_load(&total) >= wanted);
	chan_close(chan_receiver_channel(rx));
	for (size_t i = 0; i < CROWD; i++) {
		worker_join(&sharers[i].worker);
		if (i % 2)
			chan_receiver_drop(sharers[i].rx);
	}
	check_shares(sharers, period);
	chan_receiver_drop(rx);
}

static void receivers_share_the_ticks(const struct kind *k)
{
	(void)k;
	share_ticks(CHAN_MSEC, test_scaled(200), SHARE_RECV, SHARE_RECV);
	share_ticks(CHAN_MSEC, test_scaled(200), SHARE_TRY, SHARE_RECV);
	share_ticks(CHAN_MSEC, test_scaled(200), SHARE_RECV, SHARE_SELECT);
	share_ticks(1, test_scaled(SHARE_MOST), SHARE_SELECT, SHARE_RECV);
	share_ticks(CHAN_USEC, test_scaled(SHARE_MOST), SHARE_TRY, SHARE_SELECT);
}

/* A waiter whose tick somebody else took waits for the next, and gets it. */
static void a_waiter_that_missed_a_tick_gets_the_next(const struct kind *k)
{
	const uint64_t period = 10 * CHAN_MSEC;
	chan_receiver_t *rx = make(TICK, period);
	size_t missed = 0;

	(void)k;
	while (missed < 5) {
		struct timespec got, mine = { -7, -7 };
		struct call call = call_timer(rx, CALL_PLAIN, &got);

		call_start_asleep(&call);
		wait_for(chan_try_recv(rx, &mine) == 0 || atomic_load(&call.worker.ended));
		call_finish(&call);
		must_eq(call.result, 0);
		missed += !untouched(mine) && in_ns(got) > in_ns(mine);
		must(untouched(mine) || !same(got, mine));
	}
	chan_receiver_drop(rx);
}

static void ticks_of_a_nanosecond_have_instants_of_their_own(const struct kind *k)
{
	chan_receiver_t *rx = make(TICK, 1);
	struct timespec got[8];
	uint64_t last = 0;

	(void)k;
	for (size_t i = test_scaled(1000); i > 0; i--) {
		size_t count = 0;

		must_give(0, chan_recv_many(rx, got, COUNT_OF(got), &count));
		must(count >= 1 && count <= COUNT_OF(got));
		for (size_t j = 0; j < count; j++) {
			must(in_ns(got[j]) > last);
			last = in_ns(got[j]);
		}
		must(now_ns() >= last);
	}
	chan_receiver_drop(rx);
}

static void a_period_beyond_the_clock_is_never(const struct kind *k)
{
	static const uint64_t periods[] = { CHAN_FOREVER, CHAN_FOREVER - 1, CHAN_FOREVER - CHAN_SEC / 1000 };
	static const uint64_t far[] = { UINT64_C(1) << 63, UINT64_C(1) << 62 };
	chan_receiver_t *rx;

	(void)k;
	for (size_t i = 0; i < COUNT_OF(periods); i++) {
		rx = make(TICK, periods[i]);
		must(same(due_of(rx), no_more()));
		must_stay_quiet(rx);
	}
	for (size_t i = 0; i < COUNT_OF(far); i++) {
		uint64_t before = now_ns();

		rx = make(TICK, far[i]);
		must_lie(due_of(rx), before, now_ns(), far[i]);
		must_stay_quiet(rx);
	}
}

/* ------------------------------------------------------------------------------ select */

/* In every position, and with a limit beyond it: the others are an hour away. */
static void check_first_due(size_t soon)
{
	for (size_t place = 0; place < TIMERS; place++) {
		chan_receiver_t *rx[TIMERS];
		struct timespec got[TIMERS], due;
		chan_case_t cases[TIMERS];
		size_t which = 77;

		for (size_t i = 0; i < TIMERS; i++) {
			size_t kind = (i + soon + TIMERS - place) % TIMERS;

			rx[i] = make(kind, kind == soon ? 3 * CHAN_MSEC : hour);
			cases[i] = (chan_case_t)CHAN_CASE_RECV(rx[i], &got[i]);
		}
		due = due_of(rx[place]);
		must_give(0, place % 2 ? chan_select(cases, TIMERS, 0, &which)
		                       : chan_select_timeout(cases, TIMERS, CHAN_SELECT_BIASED, 2 * hour, &which));
		must(which == place && cases[place].status == 0);
		must(same(got[place], due) && now_ns() >= in_ns(due));
		for (size_t i = 0; i < TIMERS; i++)
			chan_receiver_drop(rx[i]);
	}
}

static void a_select_takes_the_first_that_is_due(const struct kind *k)
{
	(void)k;
	for_each_that_fires(check_first_due);
}

/* The cases not chosen, and the events not yet due, are left alone. */
static void a_select_leaves_the_others_alone(const struct kind *k)
{
	chan_receiver_t *rx[TIMERS];
	struct timespec due[TIMERS], got;
	chan_sender_t *tx;
	chan_receiver_t *plain;
	size_t which = 77;
	int number = 5;

	(void)k;
	must_give(0, chan_bounded(1, sizeof(struct timespec), &tx, &plain));
	for (size_t i = 0; i < TIMERS; i++)
		due[i] = due_of(rx[i] = make(i, hour));
	for (int i = 0; i < 3; i++) {
		chan_case_t cases[] = { CHAN_CASE_RECV(rx[0], &got), CHAN_CASE_RECV(rx[1], &got), CHAN_CASE_RECV(plain, &got),
			                CHAN_CASE_RECV(rx[2], &got), CHAN_CASE_RECV(rx[3], &got) };
		uint64_t began = now_ns();
		struct timespec sent = { 77, number++ };

		must_give(EAGAIN, chan_try_select(cases, 5, 0, &which));
		must_give(ETIMEDOUT, chan_select_timeout(cases, 5, 0, 3 * CHAN_MSEC, &which));
		must(now_ns() >= began + 3 * CHAN_MSEC);
		must_give(0, chan_send(tx, &sent));
		must_give(0, i ? chan_select(cases, 5, 0, &which) : chan_try_select(cases, 5, 0, &which));
		must(which == 2 && same(got, sent));
	}
	for (size_t i = 0; i < TIMERS; i++) {
		must(same(due_of(rx[i]), due[i]));
		chan_receiver_drop(rx[i]);
	}
	chan_sender_drop(tx);
	chan_receiver_drop(plain);
}

static void check_select_ready(size_t which)
{
	chan_receiver_t *rx = make(which, 3 * CHAN_MSEC), *never = make(NEVER, 0);
	chan_case_t cases[] = { CHAN_CASE_RECV(never, NULL), CHAN_CASE_RECV(rx, NULL) };
	struct timespec due = due_of(rx), got;
	size_t chosen = 77;

	must_give(0, chan_select(cases, 2, CHAN_SELECT_READY, &chosen));
	must(chosen == 1 && cases[1].status == 0 && now_ns() >= in_ns(due));
	must(same(due_of(rx), due) && chan_receiver_len(rx) == 1);
	must_give(0, chan_try_select(cases, 2, CHAN_SELECT_READY, &chosen));
	must_eq(chosen, 1);
	must_give(0, chan_try_recv(rx, &got));
	must(same(got, due));
	chan_receiver_drop(rx);
	chan_receiver_drop(never);
}

static void a_select_can_look_without_taking(const struct kind *k)
{
	(void)k;
	for_each_that_fires(check_select_ready);
}

struct selecting {
	chan_receiver_t *rx[2];
	unsigned flags;
	size_t which;
	int result, status;
	struct worker worker;
};

static void select_two(void *arg)
{
	struct selecting *s = arg;
	struct timespec got;
	chan_case_t cases[] = { CHAN_CASE_RECV(s->rx[0], &got), CHAN_CASE_RECV(s->rx[1], &got) };

	s->result = chan_select(cases, 2, s->flags, &s->which);
	s->status = s->result == 0 ? cases[s->which].status : 0;
}

static void close_wakes_selects(const struct kind *k)
{
	chan_receiver_t *other = make(NEVER, 0), *rx = make_far(k);
	struct selecting s[] = { { .rx = { other, rx } }, { .rx = { other, rx }, .flags = CHAN_SELECT_READY },
	                         { .rx = { other, rx }, .flags = CHAN_SELECT_BIASED } };

	for (size_t i = 0; i < COUNT_OF(s); i++) {
		worker_start(&s[i].worker, select_two, &s[i]);
		worker_wait_asleep(&s[i].worker);
	}
	chan_close(chan_receiver_channel(rx));
	for (size_t i = 0; i < COUNT_OF(s); i++) {
		worker_join(&s[i].worker);
		must(s[i].result == 0 && s[i].which == 1 && s[i].status == EPIPE);
	}
	chan_receiver_drop(rx);
	chan_receiver_drop(other);
}

/* ------------------------------------------------------------------------------- never */

static void never_takes_messages_of_any_size(const struct kind *k)
{
	static const size_t sizes[] = { 0, 1, 8, 4096, SIZE_MAX };

	(void)k;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		chan_receiver_t *rx = NULL;
		char byte = 7;

		must_give(0, chan_never(sizes[i], &rx));
		must(chan_msg_size(chan_receiver_channel(rx)) == sizes[i]);
		must_give(EAGAIN, chan_try_recv(rx, NULL));
		must_give(EAGAIN, chan_try_recv(rx, &byte));
		must_give(ETIMEDOUT, chan_recv_timeout(rx, &byte, CHAN_USEC));
		must_eq(byte, 7);
		must(same(due_of(rx), no_more()));
		chan_receiver_drop(rx);
	}
}

/* ----------------------------------------------------------------------------- arguments */

static void bad_arguments_make_no_timer(const struct kind *k)
{
	static const long bad_nsec[] = { -1, 1000000000, LONG_MAX, LONG_MIN };
	struct timespec when = { 5, 0 };
	chan_receiver_t *rx = UNTOUCHED;

	(void)k;
	must_give(EINVAL, chan_after(0, NULL));
	must_give(EINVAL, chan_after(CHAN_FOREVER, NULL));
	must_give(EINVAL, chan_at(&when, NULL));
	must_give(EINVAL, chan_at(NULL, NULL));
	must_give(EINVAL, chan_tick(1, NULL));
	must_give(EINVAL, chan_tick(0, NULL));
	must_give(EINVAL, chan_tick(0, &rx));
	must_give(EINVAL, chan_never(0, NULL));
	for (size_t i = 0; i < COUNT_OF(bad_nsec); i++)
		for (int64_t sec = -1; sec <= 1; sec++) {
			when = (struct timespec){ sec, bad_nsec[i] };
			must_give(EINVAL, chan_at(&when, &rx));
		}
	must(rx == UNTOUCHED);
}

static void bad_arguments_take_no_event(const struct kind *k)
{
	struct timespec got[2], bad = { 5, -1 };
	chan_receiver_t *rx = make(AFTER, 0);
	size_t count = 77;

	(void)k;
	must_give(EINVAL, chan_recv_deadline(rx, got, &bad));
	must_give(EINVAL, chan_try_recv_many(rx, got, 1, NULL));
	must_give(EINVAL, chan_recv_many(rx, got, SIZE_MAX / 2, &count));
	must_eq(count, 0);
	must_eq(chan_receiver_len(rx), 1);
	chan_receiver_drop(rx);
}

static void due_is_asked_of_timers_alone(const struct kind *k)
{
	static struct kind kinds[MAX_KINDS];
	struct timespec when = { -7, -7 };
	chan_receiver_t *rx = make(AFTER, hour);
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);

	(void)k;
	must_give(EINVAL, chan_receiver_due(NULL, &when));
	must_give(EINVAL, chan_receiver_due(rx, NULL));
	must_give(EINVAL, chan_receiver_due(NULL, NULL));
	chan_receiver_drop(rx);
	for (size_t i = 0; i < n; i++) {
		struct ends e = kind_open(&kinds[i], 8);

		must_give(EINVAL, chan_receiver_due(e.rx, NULL));
		must_give(ENOTSUP, chan_receiver_due(e.rx, &when));
		ends_drop(&e);
	}
	must(n > 0 && untouched(when));
}

/* ------------------------------------------------------------------------------- process */

static void receive_both(chan_receiver_t *after, chan_receiver_t *tick)
{
	struct timespec got;

	must_give(0, chan_recv(after, &got));
	must_give(0, chan_recv(tick, &got));
	must_give(0, chan_recv(tick, &got));
	must_give(ETIMEDOUT, chan_recv_timeout(after, &got, CHAN_MSEC));
	chan_receiver_drop(after);
	chan_receiver_drop(tick);
}

static void timers_go_on_in_the_child_of_a_fork(const struct kind *k)
{
	chan_receiver_t *after = make(AFTER, 10 * CHAN_MSEC), *tick = make(TICK, 5 * CHAN_MSEC);
	int status = -1;
	pid_t child;

	(void)k;
	child = fork();
	must(child >= 0);
	if (child == 0) {
		setenv("CK_FORK", "no", 1); /* a failure here must not talk to Check */
		receive_both(after, tick);
		_exit(0);
	}
	receive_both(after, tick);
	must(waitpid(child, &status, 0) == child);
	must(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(nothing_is_there_before_it_is_due, NEEDS_NOTHING),
	BEHAVIOUR(a_receive_times_out_and_not_early, NEEDS_NOTHING),
	BEHAVIOUR(queries_tell_that_there_is_no_sender, NEEDS_NOTHING),
	BEHAVIOUR(close_ends_it, NEEDS_NOTHING),
	BEHAVIOUR(close_wakes_every_waiter, NEEDS_NOTHING),
	BEHAVIOUR(the_last_clone_keeps_it, NEEDS_NOTHING),
	BEHAVIOUR(another_thread_drops_the_last_handle, NEEDS_NOTHING),
	BEHAVIOUR(a_waiter_keeps_it_by_its_own_clone, NEEDS_NOTHING),
	BEHAVIOUR(waiting_costs_nothing, RUNS_ONCE),
	BEHAVIOUR(each_form_of_receive_waits_for_the_event, RUNS_ONCE),
	BEHAVIOUR(no_event_is_early, RUNS_ONCE),
	BEHAVIOUR(the_event_comes_before_the_time_limit, RUNS_ONCE),
	BEHAVIOUR(an_event_that_is_due_is_a_message, RUNS_ONCE),
	BEHAVIOUR(a_batch_takes_what_is_due, RUNS_ONCE),
	BEHAVIOUR(close_forgets_an_event_that_is_due, RUNS_ONCE),
	BEHAVIOUR(close_races_the_event, RUNS_ONCE),
	BEHAVIOUR(zero_or_past_is_ready_at_once, RUNS_ONCE),
	BEHAVIOUR(an_event_at_this_instant_is_ready, RUNS_ONCE),
	BEHAVIOUR(beyond_the_clock_is_never, RUNS_ONCE),
	BEHAVIOUR(it_fires_once, RUNS_ONCE),
	BEHAVIOUR(one_of_several_gets_it, RUNS_ONCE),
	BEHAVIOUR(tries_race_for_one_event, RUNS_ONCE),
	BEHAVIOUR(the_first_tick_comes_after_one_period, RUNS_ONCE),
	BEHAVIOUR(ticks_do_not_drift, RUNS_ONCE),
	BEHAVIOUR(late_ticks_collapse_into_one, RUNS_ONCE),
	BEHAVIOUR(receivers_share_the_ticks, RUNS_ONCE),
	BEHAVIOUR(a_waiter_that_missed_a_tick_gets_the_next, RUNS_ONCE),
	BEHAVIOUR(ticks_of_a_nanosecond_have_instants_of_their_own, RUNS_ONCE),
	BEHAVIOUR(a_period_beyond_the_clock_is_never, RUNS_ONCE),
	BEHAVIOUR(a_select_takes_the_first_that_is_due, RUNS_ONCE),
	BEHAVIOUR(a_select_leaves_the_others_alone, RUNS_ONCE),
	BEHAVIOUR(a_select_can_look_without_taking, RUNS_ONCE),
	BEHAVIOUR(close_wakes_selects, NEEDS_NOTHING),
	BEHAVIOUR(never_takes_messages_of_any_size, RUNS_ONCE),
	BEHAVIOUR(bad_arguments_make_no_timer, RUNS_ONCE),
	BEHAVIOUR(bad_arguments_take_no_event, RUNS_ONCE),
	BEHAVIOUR(due_is_asked_of_timers_alone, RUNS_ONCE),
	BEHAVIOUR(timers_go_on_in_the_child_of_a_fork, RUNS_ONCE),
};

int main(void)
{
	return matrix_run("timers", behaviours, COUNT_OF(behaviours), timers, TIMERS);
}
