/*
 * select_wait.c - a select that waits: woken by everything that should wake
 * it, soon, asleep meanwhile, whatever signals and cancels arrive
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "select.h"

/* Two lanes of one kind, and a select over both that sleeps: what happens to
 * the second ends it. */
struct pair {
	struct lane idle, lane;
	chan_case_t cases[2];
	struct pick pick;
};

static void pair_open(struct pair *p, const struct kind *k, bool sends)
{
	lane_open(&p->idle, k, false, false);
	lane_open(&p->lane, k, sends, false);
}

static void pair_sleep(struct pair *p, unsigned flags, enum pick_form form)
{
	p->cases[0] = lane_case(&p->idle);
	p->cases[1] = lane_case(&p->lane);
	p->pick = pick_of(p->cases, 2, flags, form);
	pick_start_asleep(&p->pick);
}

static void pair_close(struct pair *p)
{
	lane_close(&p->idle);
	lane_close(&p->lane);
}

/* ---------------------------------------------------------------- who wakes */

enum waker { BY_PARTNER, BY_TRY, BY_BATCH, BY_SELECT, BY_CLOSE, BY_DROP };

static bool brings_a_message(enum waker by)
{
	return by != BY_CLOSE && by != BY_DROP;
}

static void wake_receiving(enum waker by, struct ends *e)
{
	uint64_t number = LANE_MESSAGE;
	chan_case_t c = case_send(e->tx, &number);
	size_t count = 0, which;

	switch (by) {
	case BY_PARTNER: must_give(0, chan_send(e->tx, &number)); break;
	case BY_TRY:     wait_for(chan_try_send(e->tx, &number) == 0); break;
	case BY_BATCH:   must_give(0, chan_send_many(e->tx, &number, 1, &count)); break;
	case BY_SELECT:  must_give(0, chan_select(&c, 1, 0, &which)); break;
	case BY_CLOSE:   must_keep_errno(chan_close(e->c)); break;
	default:
		must_keep_errno(chan_sender_drop(e->tx));
		e->tx = NULL;
	}
}

static void wake_sending(enum waker by, struct ends *e)
{
	uint64_t number = 0;
	chan_case_t c = case_recv(e->rx, &number);
	size_t count = 0, which;

	switch (by) {
	case BY_PARTNER: must_give(0, chan_recv(e->rx, &number)); break;
	case BY_TRY:     wait_for(chan_try_recv(e->rx, &number) == 0); break;
	case BY_BATCH:   must_give(0, chan_recv_many(e->rx, &number, 1, &count)); break;
	case BY_SELECT:  must_give(0, chan_select(&c, 1, 0, &which)); break;
	case BY_CLOSE:   must_keep_errno(chan_close(e->c)); break;
	default:
		must_keep_errno(chan_receiver_drop(e->rx));
		e->rx = NULL;
	}
	must_eq(number, brings_a_message(by) ? LANE_MESSAGE : 0);
}

static void a_select_is_woken(const struct kind *k, bool sends, enum waker by)
{
	for (unsigned form = 0; form < PICK_FORMS; form++) {
		struct pair p;

		pair_open(&p, k, sends);
		pair_sleep(&p, form % 2 ? CHAN_SELECT_BIASED : 0, (enum pick_form)form);
		if (sends)
			wake_sending(by, &p.lane.e);
		else
			wake_receiving(by, &p.lane.e);
		pick_finish(&p.pick);
		must_have_picked(&p.pick, 1, brings_a_message(by) ? 0 : EPIPE);
		must_eq(p.lane.msg, sends || brings_a_message(by) ? LANE_MESSAGE : 0);
		must_eq(p.idle.msg, 0);
		if (p.lane.e.tx && p.lane.e.rx)
			must_eq(chan_len(p.lane.e.c), sends ? k->capacity : 0);
		pair_close(&p);
	}
}

static void a_receiving_select_is_woken_by_send(const struct kind *k)     { a_select_is_woken(k, false, BY_PARTNER); }
static void a_receiving_select_is_woken_by_try_send(const struct kind *k) { a_select_is_woken(k, false, BY_TRY); }
static void a_receiving_select_is_woken_by_a_batch(const struct kind *k)  { a_select_is_woken(k, false, BY_BATCH); }
static void a_receiving_select_is_woken_by_a_select(const struct kind *k) { a_select_is_woken(k, false, BY_SELECT); }
static void a_receiving_select_is_woken_by_close(const struct kind *k)    { a_select_is_woken(k, false, BY_CLOSE); }
static void a_receiving_select_is_woken_by_the_last_drop(const struct kind *k) { a_select_is_woken(k, false, BY_DROP); }

static void a_sending_select_is_woken_by_recv(const struct kind *k)     { a_select_is_woken(k, true, BY_PARTNER); }
static void a_sending_select_is_woken_by_try_recv(const struct kind *k) { a_select_is_woken(k, true, BY_TRY); }
static void a_sending_select_is_woken_by_a_batch(const struct kind *k)  { a_select_is_woken(k, true, BY_BATCH); }
static void a_sending_select_is_woken_by_a_select(const struct kind *k) { a_select_is_woken(k, true, BY_SELECT); }
static void a_sending_select_is_woken_by_close(const struct kind *k)    { a_select_is_woken(k, true, BY_CLOSE); }
static void a_sending_select_is_woken_by_the_last_drop(const struct kind *k) { a_select_is_woken(k, true, BY_DROP); }

/* One batch for selects that sleep: it wakes as many as it has messages. */
static void a_batch_wakes_as_many_selects_as_it_serves(const struct kind *k)
{
	enum { CROWD = 4 };
	struct pair p[CROWD];
	struct ends e = kind_open(k, 8);
	uint64_t numbers[CROWD] = { 1, 2, 3, 4 }, sum = 0;
	size_t count = 0;

	for (size_t i = 0; i < CROWD; i++) {
		pair_open(&p[i], k, false);
		p[i].cases[0] = lane_case(&p[i].idle);
		p[i].cases[1] = case_recv(e.rx, &p[i].lane.msg);
		p[i].pick = pick_of(p[i].cases, 2, 0, (enum pick_form)i);
		pick_start_asleep(&p[i].pick);
	}
	must_give(0, chan_send_many(e.tx, numbers, CROWD, &count));
	for (size_t i = 0; i < CROWD; i++) {
		pick_finish(&p[i].pick);
		must_have_picked(&p[i].pick, 1, 0);
		sum += p[i].lane.msg;
		pair_close(&p[i]);
	}
	must(count == CROWD && sum == 10);
	ends_drop(&e);
}

/* ---------------------------------------------------------- every kind in one set */

enum { MIXED = 2 * MAX_KINDS };

struct mixture {
	struct lane lanes[MIXED];
	chan_case_t cases[MIXED];
	size_t n;
};

/* A receive from each kind, and a send to each that can be full. */
static struct mixture *mixture_new(void)
{
	struct mixture *m = calloc(1, sizeof(*m));

	must(m != NULL);
	for (size_t i = 0; i < select_n_kinds; i++)
		for (int sends = 0; sends < 2; sends++) {
			if (sends && kind_never_fills(&select_kinds[i]))
				continue;
			lane_open(&m->lanes[m->n], &select_kinds[i], sends, false);
			m->cases[m->n] = lane_case(&m->lanes[m->n]);
			m->n++;
		}
	return m;
}

static void mixture_drop(struct mixture *m)
{
	for (size_t i = 0; i < m->n; i++)
		lane_close(&m->lanes[i]);
	free(m);
}

/* Asleep on all of them, whichever becomes ready is the one that happens. */
static void every_kind_can_stand_in_one_set(const struct kind *k)
{
	struct mixture *m = mixture_new();

	(void)k;
	for (size_t i = 0; i < m->n; i++) {
		struct pick p = pick_of(m->cases, m->n, 0, (enum pick_form)(i % PICK_FORMS));

		pick_start_asleep(&p);
		lane_feed(&m->lanes[i]);
		pick_finish(&p);
		must_have_picked(&p, i, 0);
		must_eq(m->lanes[i].msg, LANE_MESSAGE);
		if (m->lanes[i].kind->one_message)
			m->cases[i] = case_none(); /* it has ended */
	}
	for (size_t i = 0; i < m->n; i++) {
		struct pick p = pick_of(m->cases, m->n, CHAN_SELECT_READY, (enum pick_form)(i % PICK_FORMS));

		if (m->lanes[i].kind->one_message)
			continue;
		pick_start_asleep(&p);
		chan_close(m->lanes[i].e.c);
		pick_finish(&p);
		must_have_picked(&p, i, EPIPE);
		m->cases[i] = case_none();
	}
	mixture_drop(m);
}

/* ------------------------------------------------------------------------ speed */

enum { LATENCIES = 21 };

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void wakes_soon(const struct kind *k, bool sends, unsigned flags)
{
	uint64_t times[LATENCIES];
	struct pair p;

	for (size_t i = 0; i < LATENCIES; i++) {
		uint64_t fed;

		pair_open(&p, k, sends);
		pair_sleep(&p, flags, (enum pick_form)(i % PICK_FORMS));
		fed = now_ns();
		lane_feed(&p.lane);
		pick_finish(&p.pick);
		must_have_picked(&p.pick, 1, 0);
		times[i] = p.pick.ended_ns > fed ? p.pick.ended_ns - fed : 0;
		pair_close(&p);
	}
	qsort(times, LATENCIES, sizeof(times[0]), compare_times);
	must(times[LATENCIES / 2] < 5 * CHAN_MSEC * test_scale());
}

static void a_receiving_select_wakes_within_five_milliseconds(const struct kind *k) { wakes_soon(k, false, 0); }
static void a_sending_select_wakes_within_five_milliseconds(const struct kind *k)   { wakes_soon(k, true, 0); }

/* --------------------------------------------------------------------- polling */

/*
 * All kinds and forms block at once for two seconds, in a process of their own
 * that leaves its figures in memory shared with the cases.  The forms without
 * an end of their own are ended by close.  Each has channels to itself.
 */
static const uint64_t idle_ns = 2 * CHAN_SEC;

enum idler { IDLE_RECV, IDLE_SEND, IDLE_READY, IDLERS };

struct idle {
	struct pick picks[IDLERS][PICK_FORMS];
};

static struct idle *idle; /* one for each kind, as the child leaves them */
static struct idle kept_idle[MAX_KINDS];
static bool idle_measured;

static bool can_idle(const struct kind *k, enum idler i)
{
	return i != IDLE_SEND || !kind_never_fills(k);
}

/* The other case of the set is of the next kind. */
static void start_idling(size_t kind, enum idler i, enum pick_form form, struct pair *p)
{
	struct pick *pick = &idle[kind].picks[i][form];

	lane_open(&p->idle, &select_kinds[(kind + 1) % select_n_kinds], false, false);
	lane_open(&p->lane, &select_kinds[kind], i == IDLE_SEND, false);
	p->cases[0] = lane_case(&p->idle);
	p->cases[1] = lane_case(&p->lane);
	*pick = pick_of(p->cases, 2, i == IDLE_READY ? CHAN_SELECT_READY : 0, form);
	pick->timeout_ns = idle_ns;
	pick->measured = true;
	pick_start(pick);
}

static void let_idle(size_t kind, enum idler i, enum pick_form form, struct pair *p)
{
	(void)p;
	worker_let_on(&idle[kind].picks[i][form].worker);
}

static void end_idling(size_t kind, enum idler i, enum pick_form form, struct pair *p)
{
	chan_close(p->lane.e.c);
	pick_finish(&idle[kind].picks[i][form]);
	pair_close(p);
}

/* Calls this for every thread that idles, in the same order; gives their number. */
static unsigned for_all_idlers(void (*act)(size_t, enum idler, enum pick_form, struct pair *), struct pair *pairs)
{
	unsigned n = 0;

	for (size_t kind = 0; kind < select_n_kinds; kind++)
		for (unsigned i = 0; i < IDLERS; i++)
			for (unsigned form = 0; form < PICK_FORMS; form++) {
				if (!can_idle(&select_kinds[kind], (enum idler)i))
					continue;
				if (act)
					act(kind, (enum idler)i, (enum pick_form)form, &pairs[n]);
				n++;
			}
	return n;
}

static void measure_idling(void)
{
	unsigned n = for_all_idlers(NULL, NULL);
	struct pair *pairs = calloc(n, sizeof(*pairs));

	must(pairs != NULL);
	for_all_idlers(start_idling, pairs);
	for_all_idlers(let_idle, pairs);
	wait_pass(idle_ns + 300 * CHAN_MSEC, "what blocked selects cost in that time");
	for_all_idlers(end_idling, pairs);
	free(pairs);
}

/* Of each select the first round within the bounds, or the last one. */
static bool keep_idling(void)
{
	bool all = true;

	for (size_t kind = 0; kind < select_n_kinds; kind++)
		for (unsigned i = 0; i < IDLERS; i++)
			for (unsigned form = 0; form < PICK_FORMS; form++) {
				struct pick *kept = &kept_idle[kind].picks[i][form];

				if (!can_idle(&select_kinds[kind], (enum idler)i))
					continue;
				if (!cost_within(&kept->cost, 2))
					*kept = idle[kind].picks[i][form];
				all = all && cost_within(&kept->cost, 2);
			}
	return all;
}

void select_measure_idling(void)
{
	idle = cost_shared_memory(MAX_KINDS * sizeof(*idle));
	idle_measured = idle != NULL && cost_measure(measure_idling, keep_idling);
}

static void expect_idle(const struct kind *k, enum idler i)
{
	must(idle_measured);
	for (unsigned form = 0; form < PICK_FORMS; form++) {
		const struct pick *p = &kept_idle[k - select_kinds].picks[i][form];
		uint64_t blocked = p->ended_ns - p->began_ns;
		bool timed = form == PICK_TIMEOUT || form == PICK_DEADLINE;

		must_eq(p->result, timed ? ETIMEDOUT : 0);
		must(blocked >= idle_ns - 100 * CHAN_MSEC);
		if (!cost_within(&p->cost, 2))
			test_fail(__FILE__, __LINE__, "%s: %llu switches and %llu us of processor time in %llu ms",
			          pick_form_name(p->form), (unsigned long long)p->cost.switches,
			          (unsigned long long)(p->cost.cpu_ns / CHAN_USEC),
			          (unsigned long long)(blocked / CHAN_MSEC));
	}
}

static void a_blocked_receiving_select_costs_nothing(const struct kind *k) { expect_idle(k, IDLE_RECV); }
static void a_blocked_sending_select_costs_nothing(const struct kind *k)   { expect_idle(k, IDLE_SEND); }
static void a_blocked_observer_costs_nothing(const struct kind *k)         { expect_idle(k, IDLE_READY); }

/* ---------------------------------------------------------- signals and cancels */

static void a_select_lasts_through_a_signal_storm(const struct kind *k)
{
	for (unsigned form = 0; form < PICK_FORMS; form++) {
		struct storm storm;
		struct pair p;

		pair_open(&p, k, form % 2);
		pair_sleep(&p, 0, (enum pick_form)form);
		storm_start(&storm, &p.pick.worker);
		storm_wait((unsigned)test_scaled(50));
		must(!atomic_load(&p.pick.worker.ended));
		lane_feed(&p.lane);
		wait_for(atomic_load(&p.pick.worker.ended));
		storm_end(&storm);
		pick_finish(&p.pick);
		must_have_picked(&p.pick, 1, 0);
		must_eq(p.lane.msg, LANE_MESSAGE);
		pair_close(&p);
	}
}

static void a_signal_storm_makes_no_select_early(const struct kind *k)
{
	for (unsigned form = PICK_TIMEOUT; form <= PICK_DEADLINE; form++) {
		struct storm storm;
		struct pair p;

		pair_open(&p, k, form % 2);
		p.cases[0] = lane_case(&p.idle);
		p.cases[1] = lane_case(&p.lane);
		p.pick = pick_of(p.cases, 2, 0, (enum pick_form)form);
		p.pick.timeout_ns = 25 * CHAN_MSEC;
		pick_start(&p.pick);
		storm_start(&storm, &p.pick.worker);
		wait_for(atomic_load(&p.pick.worker.ended));
		storm_end(&storm);
		pick_finish(&p.pick);
		must_have_refused(&p.pick, ETIMEDOUT);
		must(p.pick.ended_ns - p.pick.began_ns >= 25 * CHAN_MSEC);
		pair_close(&p);
	}
}

struct cancelled {
	struct pick *pick;
	atomic_bool returned;
	_Atomic pid_t tid;
};

static void *pick_then_test_cancel(void *arg)
{
	struct cancelled *c = arg;

	atomic_store(&c->tid, wait_tid());
	pick_here(c->pick);
	atomic_store(&c->returned, true);
	pthread_testcancel();
	return NULL;
}

/* A cancel that arrives while a select sleeps acts after it returned. */
static void a_cancelled_select_still_picks(const struct kind *k)
{
	for (unsigned form = 0; form < PICK_FORMS; form++) {
		struct cancelled c = { .pick = NULL };
		void *result = NULL;
		pthread_t thread;
		struct pair p;

		pair_open(&p, k, form % 2);
		p.cases[0] = lane_case(&p.idle);
		p.cases[1] = lane_case(&p.lane);
		p.pick = pick_of(p.cases, 2, 0, (enum pick_form)form);
		c.pick = &p.pick;
		must_eq(pthread_create(&thread, NULL, pick_then_test_cancel, &c), 0);
		wait_for(atomic_load(&c.tid) != 0);
		wait_asleep(atomic_load(&c.tid));
		must_eq(pthread_cancel(thread), 0);
		wait_asleep(atomic_load(&c.tid));
		must(!atomic_load(&c.returned));
		lane_feed(&p.lane);
		must_eq(pthread_join(thread, &result), 0);
		must(atomic_load(&c.returned) && result == PTHREAD_CANCELED);
		must_have_picked(&p.pick, 1, 0);
		pair_close(&p);
	}
}

/* ------------------------------------------------------------------------- fork */

/* In the child a failed check may talk to nobody: its line is the status. */
#define child_must(cond) \
	do { \
		if (!(cond)) \
			_exit(1 + __LINE__ % 200); \
	} while (0)

static void *feed_lane(void *arg)
{
	lane_feed(arg);
	return NULL;
}

static void child_selects(struct pair *p)
{
	size_t which = UNTOUCHED;
	pthread_t thread;

	p->cases[0] = lane_case(&p->idle);
	p->cases[1] = lane_case(&p->lane);
	child_must(chan_try_select(p->cases, 2, 0, &which) == EAGAIN);
	child_must(chan_select_timeout(p->cases, 2, 0, CHAN_MSEC, &which) == ETIMEDOUT);
	child_must(pthread_create(&thread, NULL, feed_lane, &p->lane) == 0);
	child_must(chan_select(p->cases, 2, 0, &which) == 0);
	child_must(which == 1 && p->cases[1].status == 0 && p->lane.msg == LANE_MESSAGE);
	child_must(pthread_join(thread, NULL) == 0);
	chan_close(p->lane.e.c);
	child_must(chan_select(p->cases, 2, CHAN_SELECT_READY, &which) == 0 && which == 1);
}

static void child_drops(struct pair *p)
{
	chan_close(p->idle.e.c);
	pair_close(p);
}

/* Runs it in a child, which ends before a leak checker looks at what a busy
 * parent's child may leak. */
static void in_a_child(void (*run)(struct pair *p), struct pair *p)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL); /* not Check's handler */
		alarm(20 * test_scale());
		run(p);
		raise(SIGKILL);
	}
	must(waitpid(pid, &status, 0) == pid);
	must_eq(WIFSIGNALED(status) ? WTERMSIG(status) : 1000 + WEXITSTATUS(status), SIGKILL);
}

static void selects_work_in_the_child_of_a_fork(const struct kind *k)
{
	struct pair p;

	for (int sends = 0; sends < 2; sends++) {
		pair_open(&p, k, sends);
		in_a_child(child_selects, &p);
		child_selects(&p); /* and in the parent still */
		pair_close(&p);
	}
}

/* Notes in the wait queues of a thread that the child does not have. */
static void a_child_drops_what_a_select_waits_in(const struct kind *k)
{
	struct pair p;

	for (int sends = 0; sends < 2; sends++) {
		pair_open(&p, k, sends);
		pair_sleep(&p, 0, PICK_PLAIN);
		in_a_child(child_drops, &p);
		must(!atomic_load(&p.pick.worker.ended));
		lane_feed(&p.lane);
		pick_finish(&p.pick);
		must_have_picked(&p.pick, 1, 0);
		pair_close(&p);
	}
}

/* -------------------------------------------------------------- no starvation */

struct barger {
	struct ends e;
	atomic_bool stop;
	struct worker worker;
};

static void barge_receiving(void *arg)
{
	struct barger *b = arg;
	uint64_t number;

	while (!atomic_load(&b->stop))
		chan_try_recv(b->e.rx, &number);
}

static void barge_sending(void *arg)
{
	struct barger *b = arg;
	uint64_t number = LANE_MESSAGE;

	while (!atomic_load(&b->stop))
		chan_try_send(b->e.tx, &number);
}

static void send_until_stopped(void *arg)
{
	struct barger *b = arg;
	uint64_t number = LANE_MESSAGE;

	while (!atomic_load(&b->stop))
		chan_send_timeout(b->e.tx, &number, 10 * CHAN_MSEC);
}

static void receive_until_stopped(void *arg)
{
	struct barger *b = arg;
	uint64_t number;

	while (!atomic_load(&b->stop))
		chan_recv_timeout(b->e.rx, &number, 10 * CHAN_MSEC);
}

/* Selects in a row are served although a thread that never sleeps takes
 * whatever it can. */
static void served_beside(const struct kind *k, bool sends)
{
	struct barger barger, source;
	struct pair p;

	pair_open(&p, k, sends);
	barger.e = source.e = p.lane.e;
	atomic_init(&barger.stop, false);
	atomic_init(&source.stop, false);
	worker_start(&barger.worker, sends ? barge_sending : barge_receiving, &barger);
	worker_start(&source.worker, sends ? receive_until_stopped : send_until_stopped, &source);
	for (size_t i = 0; i < test_scaled(24); i++) {
		p.cases[0] = lane_case(&p.idle);
		p.cases[1] = lane_case(&p.lane);
		p.pick = pick_of(p.cases, 2, 0, i % 2 ? PICK_TIMEOUT : PICK_PLAIN);
		pick_here(&p.pick);
		must_have_picked(&p.pick, 1, 0);
		must(p.pick.ended_ns - p.pick.began_ns < 10 * CHAN_SEC * test_scale());
	}
	atomic_store(&barger.stop, true);
	atomic_store(&source.stop, true);
	worker_join(&barger.worker);
	worker_join(&source.worker);
	pair_close(&p);
}

static void a_receiving_select_is_served_beside_a_barging_thread(const struct kind *k) { served_beside(k, false); }
static void a_sending_select_is_served_beside_a_barging_thread(const struct kind *k)   { served_beside(k, true); }

static const struct behaviour behaviours[] = {
	BEHAVIOUR(a_receiving_select_is_woken_by_send, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receiving_select_is_woken_by_try_send, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receiving_select_is_woken_by_a_batch, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receiving_select_is_woken_by_a_select, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receiving_select_is_woken_by_close, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receiving_select_is_woken_by_the_last_drop, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_sending_select_is_woken_by_recv, NEEDS_FULL),
	BEHAVIOUR(a_sending_select_is_woken_by_try_recv, NEEDS_FULL),
	BEHAVIOUR(a_sending_select_is_woken_by_a_batch, NEEDS_FULL),
	BEHAVIOUR(a_sending_select_is_woken_by_a_select, NEEDS_FULL),
	BEHAVIOUR(a_sending_select_is_woken_by_close, NEEDS_FULL),
	BEHAVIOUR(a_sending_select_is_woken_by_the_last_drop, NEEDS_FULL),
	BEHAVIOUR(a_batch_wakes_as_many_selects_as_it_serves, NEEDS_NOTHING),
	BEHAVIOUR(every_kind_can_stand_in_one_set, RUNS_ONCE),
	BEHAVIOUR(a_receiving_select_wakes_within_five_milliseconds, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_sending_select_wakes_within_five_milliseconds, NEEDS_FULL),
	BEHAVIOUR(a_blocked_receiving_select_costs_nothing, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_blocked_sending_select_costs_nothing, NEEDS_FULL),
	BEHAVIOUR(a_blocked_observer_costs_nothing, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_select_lasts_through_a_signal_storm, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_signal_storm_makes_no_select_early, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_cancelled_select_still_picks, FITS_ONE_MESSAGE),
	BEHAVIOUR(selects_work_in_the_child_of_a_fork, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_child_drops_what_a_select_waits_in, NEEDS_BUSY_FORK | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receiving_select_is_served_beside_a_barging_thread, NEEDS_NOTHING),
	BEHAVIOUR(a_sending_select_is_served_beside_a_barging_thread, NEEDS_FULL),
};

const struct select_theme select_wait = { behaviours, COUNT_OF(behaviours) };
