/*
 * parties.c - who does what in each scenario, and the clock
 *
 * The clock runs from the moment when every thread is ready to the last join.
 */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "parties.h"

/* ------------------------------------------------------------------ the gate */

/*
 * Holds every thread until all are there and the clock has been read.  They wait
 * running, each on the CPU that is its turn and free to leave it: threads that slept
 * until now would all be where the first one is, and the system can take longer to
 * give them CPUs of their own than a run lasts.
 */
struct gate {
	_Atomic unsigned places;
	_Atomic unsigned waiting;
	_Atomic bool     open;
};

enum { GATE_SETTLE_NS = 2000000 };

/* To the next of the CPUs that the process may use. */
static void gate_take_place(struct gate *g)
{
	cpu_set_t all, one;
	unsigned skip;
	size_t cpu = 0;

	if (sched_getaffinity(0, sizeof(all), &all) != 0)
		return;
	for (skip = atomic_fetch_add(&g->places, 1) % (unsigned)CPU_COUNT(&all); ; cpu++)
		if (CPU_ISSET(cpu, &all) && skip-- == 0)
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
	sched_setaffinity(0, sizeof(all), &all);
}

static void gate_wait(struct gate *g)
{
	gate_take_place(g);
	atomic_fetch_add(&g->waiting, 1);
	while (!atomic_load(&g->open))
		sched_yield();
}

static uint64_t ns_of(struct timeval t)
{
	return ((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec) * 1000;
}

static struct bench_cost so_far(void)
{
	struct bench_cost c;
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	c.user = ns_of(u.ru_utime);
	c.system = ns_of(u.ru_stime);
	c.voluntary = (uint64_t)u.ru_nvcsw;
	c.involuntary = (uint64_t)u.ru_nivcsw;
	c.wall = bench_now();
	return c;
}

/* Lets n threads go, once all of them wait and have places; returns what that has cost. */
static struct bench_cost gate_open(struct gate *g, unsigned n)
{
	struct bench_cost start;
	uint64_t settled;

	gate_take_place(g);
	while (atomic_load(&g->waiting) < n)
		sched_yield();
	for (settled = bench_now() + GATE_SETTLE_NS; n > 0 && bench_now() < settled; )
		sched_yield();
	start = so_far();
	atomic_store(&g->open, true);
	return start;
}

/* -------------------------------------------------------------------- parties */

struct party {
	struct bench_party bench; /* the first member: a line of its own */
	struct gate       *gate;
	pthread_t          thread;
};

struct plan {
	struct bench_run         *run;
	const struct bench_works *works;
	struct party            **party;
	unsigned                  parties;
	unsigned                  senders;  /* numbered so far */
	uint64_t                  receipts; /* how often each message is received */
	uint64_t                  samples;  /* of latency */
};

static void nothing(struct bench_party *p)
{
	(void)p;
}

static struct bench_party *add(struct plan *plan, bench_work work, uint64_t count)
{
	struct bench_run *r = plan->run;
	struct party *p = bench_allocate(sizeof(*p));
	size_t room = (r->size < sizeof(uint64_t) ? sizeof(uint64_t) : r->size) * BENCH_BATCH_OF;

	p->bench.work = work ? work : nothing;
	p->bench.to = r->ends ? r->ends[0].to : NULL;
	p->bench.from = r->ends ? r->ends[0].from : NULL;
	p->bench.count = count;
	p->bench.size = r->size;
	p->bench.mask = r->size < sizeof(uint64_t) ? 0 : UINT64_MAX;
	p->bench.message = bench_allocate(room < BENCH_LARGEST ? BENCH_LARGEST : room);
	p->bench.next = bench_allocate(BENCH_MAX_SENDERS * sizeof(uint64_t));
	p->bench.run = r;
	plan->party[plan->parties++] = p;
	return &p->bench;
}

/* A receiver that gets all there is to get, and knows in what order. */
static struct bench_party *add_only(struct plan *plan, bench_work work, enum bench_order order)
{
	struct bench_party *p = add(plan, work, plan->run->messages);

	p->order = order;
	for (uint64_t i = 0; i < BENCH_MAX_SENDERS; i++)
		p->next[i] = i << BENCH_SENDER_SHIFT;
	return p;
}

static struct bench_party *add_sender(struct plan *plan, bench_work work, uint64_t count)
{
	struct bench_party *p = add(plan, work, count);

	p->first = (uint64_t)plan->senders++ << BENCH_SENDER_SHIFT;
	return p;
}

/* n threads that share the messages of the run. */
static void add_senders(struct plan *plan, bench_work work, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		add_sender(plan, work, plan->run->messages / n);
}

static void add_receivers(struct plan *plan, bench_work work, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		add(plan, work, plan->run->messages / n);
}

static void want_samples(struct plan *plan, struct bench_party *p, uint64_t n)
{
	p->latency = bench_allocate(n * sizeof(*p->latency));
	plan->samples = n;
}

/* ---------------------------------------------------- channels that live at once */

#ifdef __GLIBC__
#define HAS_MALLINFO2 __GLIBC_PREREQ(2, 33)
#else
#define HAS_MALLINFO2 0
#endif

#if HAS_MALLINFO2
static size_t allocated(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}
#else
static size_t allocated(void)
{
	return 0;
}
#endif

static size_t resident(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%*u %lu", &pages) != 1)
		bench_cannot("the system does not say how much memory is in use");
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t more(size_t before, size_t after)
{
	return after > before ? after - before : 0;
}

/* How much more memory is in use once n channels are there, each of which was worked
 * on: by malloc's count; or by the system's, where most does not come from malloc. */
static size_t populate(struct bench_party *p, unsigned n, bench_work work)
{
	struct bench_run *r = p->run;
	size_t pages_before = resident(), heap_before = allocated(), heap, pages;

	r->channels = n;
	r->impl->open(r);
	for (unsigned i = 0; i < n; i++) {
		p->to = r->ends[i].to;
		p->from = r->ends[i].from;
		p->first = i;
		work(p);
	}
	heap = more(heap_before, allocated());
	pages = more(pages_before, resident());
	return heap < pages / 2 ? pages : heap;
}

static void unpopulate(struct bench_party *p)
{
	if (!p->run->impl->close(p->run))
		bench_fail("messages are left over", 0);
}

/* A few of them say whether there is room for all. */
static void check_room(struct bench_party *p, unsigned n, bench_work work)
{
	const unsigned few = n < 100 ? n : 100;
	const double free_bytes = (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);

	if ((double)populate(p, few, work) / few * n > free_bytes / 2)
		bench_cannot("so many would take more than half of the free memory");
	unpopulate(p);
	memset(&p->taken, 0, sizeof(p->taken));
}

static void live(struct bench_party *p, bench_work work)
{
	const unsigned n = p->run->channels;

	check_room(p, n, work);
	p->run->heap = populate(p, n, work);
	unpopulate(p);
}

static void living(struct bench_party *p)
{
	live(p, nothing);
}

static void living_after_use(struct bench_party *p)
{
	live(p, p->run->works->send_then_receive);
}

/* ------------------------------------------------------------------ scenarios */

static void plan_seq(struct plan *plan)
{
	add_sender(plan, plan->works->send_then_receive, plan->run->messages)->order = BENCH_ONE;
}

static void plan_spsc(struct plan *plan)
{
	add_only(plan, plan->works->receive, BENCH_ONE);
	add_senders(plan, plan->works->send, 1);
}

static void plan_spmc(struct plan *plan)
{
	add(plan, nothing, 0);
	add_senders(plan, plan->works->send, 1);
	add_receivers(plan, plan->works->receive, plan->run->threads);
}

static void plan_mpsc(struct plan *plan)
{
	add_only(plan, plan->works->receive, BENCH_EACH);
	add_senders(plan, plan->works->send, plan->run->threads);
}

static void plan_mpmc(struct plan *plan)
{
	add(plan, nothing, 0);
	add_senders(plan, plan->works->send, plan->run->threads);
	add_receivers(plan, plan->works->receive, plan->run->threads);
}

static void plan_select_rx(struct plan *plan)
{
	struct bench_run *r = plan->run;

	add_only(plan, plan->works->select_receive, BENCH_EACH);
	for (unsigned i = 0; i < r->width; i++)
		add_sender(plan, plan->works->send, r->messages / r->width)->to = r->ends[i].to;
}

static void plan_select_both(struct plan *plan)
{
	add(plan, nothing, 0);
	add_senders(plan, plan->works->select_send, plan->run->threads);
	add_receivers(plan, plan->works->select_receive, plan->run->threads);
}

static void plan_pingpong(struct plan *plan)
{
	struct bench_run *r = plan->run;
	struct bench_party *calling = add_only(plan, plan->works->call, BENCH_ONE);

	want_samples(plan, calling, r->messages);
	calling->from = r->ends[1].from;
	add_only(plan, plan->works->answer, BENCH_ONE)->to = r->ends[1].to;
	plan->receipts = 2;
	plan->senders = 1;
}

static void plan_oneshot(struct plan *plan)
{
	add_sender(plan, plan->works->once, plan->run->messages)->order = BENCH_ONE;
}

static void plan_create(struct plan *plan)
{
	add(plan, plan->works->create, plan->run->messages);
	plan->receipts = 0;
}

static void plan_batch(struct plan *plan)
{
	add_only(plan, plan->works->receive_batches, BENCH_ONE);
	add_senders(plan, plan->works->send_batches, 1);
}

static void plan_broadcast(struct plan *plan)
{
	struct bench_run *r = plan->run;

	add(plan, nothing, 0);
	add_senders(plan, plan->works->send, 1);
	for (unsigned i = 0; i < r->width; i++)
		add_only(plan, plan->works->receive, BENCH_ONE)->from = r->ends[i].from;
	plan->receipts = r->width;
}

static void plan_loop(struct plan *plan)
{
	const struct bench_works *w = plan->works;

	add_only(plan, w->receive_in_loop, BENCH_ONE);
	add_senders(plan, w->send_to_loop ? w->send_to_loop : w->send, 1);
}

static void plan_mixed(struct plan *plan)
{
	add_only(plan, plan->works->receive_in_task, BENCH_ONE);
	add_senders(plan, plan->works->send, 1);
}

/* The sender takes the time it sends at, in the receiver's samples. */
static void plan_wake(struct plan *plan)
{
	struct bench_party *parking = add_only(plan, plan->works->park, BENCH_ONE);

	want_samples(plan, parking, plan->run->messages);
	add_sender(plan, plan->works->wake, plan->run->messages)->latency = parking->latency;
}

/* One channel carries everything, and the others are there to be looked at. */
static void plan_select_idle(struct plan *plan)
{
	struct bench_run *r = plan->run;

	add_only(plan, plan->works->select_receive, BENCH_ONE);
	add_sender(plan, plan->works->send, r->messages)->to = r->ends[r->channels - 1].to;
}

static void plan_sizes(struct plan *plan)
{
	add_only(plan, plan->works->receive_sizes, BENCH_ONE);
	add_sender(plan, plan->works->send_sizes, plan->run->messages);
}

/* As plan_wake, with one sample a burst. */
static void plan_bursts(struct plan *plan)
{
	struct bench_party *parking = add_only(plan, plan->works->receive_bursts, BENCH_ONE);

	want_samples(plan, parking, plan->run->messages / BENCH_BATCH_OF);
	add_sender(plan, plan->works->send_bursts, plan->run->messages)->latency = parking->latency;
}

/* A channel a message.  Those without a limit are used once each: memory is what they
 * keep when they are empty again. */
static void plan_memory(struct plan *plan)
{
	if (plan->run->cell.capacity == BENCH_UNBOUNDED)
		add_sender(plan, living_after_use, 1)->order = BENCH_ONE;
	else {
		add(plan, living, 0);
		plan->receipts = 0;
	}
}

static void (*const plans[BENCH_SCENARIOS])(struct plan *) = {
	[BENCH_SEQ]         = plan_seq,
	[BENCH_SPSC]        = plan_spsc,
	[BENCH_SPMC]        = plan_spmc,
	[BENCH_MPSC]        = plan_mpsc,
	[BENCH_MPMC]        = plan_mpmc,
	[BENCH_SELECT_RX]   = plan_select_rx,
	[BENCH_SELECT_BOTH] = plan_select_both,
	[BENCH_PINGPONG]    = plan_pingpong,
	[BENCH_ONESHOT]     = plan_oneshot,
	[BENCH_CREATE]      = plan_create,
	[BENCH_BATCH]       = plan_batch,
	[BENCH_BROADCAST]   = plan_broadcast,
	[BENCH_SINGLE]      = plan_spsc,
	[BENCH_LOOP]        = plan_loop,
	[BENCH_MIXED]       = plan_mixed,
	[BENCH_WAKE]        = plan_wake,
	[BENCH_SELECT_IDLE] = plan_select_idle,
	[BENCH_SIZES]       = plan_sizes,
	[BENCH_BURSTS]      = plan_bursts,
	[BENCH_MEMORY]      = plan_memory
};

unsigned bench_channels(const struct bench_run *r)
{
	switch (r->cell.scenario) {
	case BENCH_PINGPONG:
		return 2;
	case BENCH_SELECT_RX:
	case BENCH_SELECT_BOTH:
	case BENCH_SELECT_IDLE:
	case BENCH_BROADCAST:
		return r->width;
	case BENCH_SIZES:
		return BENCH_SIZES_MIXED;
	case BENCH_MEMORY:
		return (unsigned)r->messages;
	case BENCH_ONESHOT:
	case BENCH_CREATE:
		return 0;
	default:
		return 1;
	}
}

unsigned bench_parts(const struct bench_run *r)
{
	switch (r->cell.scenario) {
	case BENCH_SPMC:
	case BENCH_MPSC:
	case BENCH_MPMC:
	case BENCH_SELECT_BOTH:
		return r->threads;
	case BENCH_SELECT_RX:
		return r->width;
	case BENCH_BURSTS:
		return BENCH_BATCH_OF;
	default:
		return 1;
	}
}

/* ----------------------------------------------------------- a parked receiver */

static _Atomic uint64_t parking; /* messages the receiver has gone to receive */

void bench_parking(struct bench_party *p, uint64_t n)
{
	(void)p;
	parking = n + 1;
}

/* The sender's time was written before the message was sent. */
void bench_unparked(struct bench_party *p, uint64_t n)
{
	p->latency[n] = bench_now() - p->latency[n];
}

/* The receiver is the main thread, whose number is the process's. */
static bool main_thread_sleeps(void)
{
	char path[64], text[256];
	const char *state;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		bench_cannot("the system does not say whether a thread sleeps");
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[length > 0 ? length : 0] = 0;
	state = strrchr(text, ')');
	return state && !strncmp(state, ") S", 3);
}

void bench_await_parked(struct bench_party *p, uint64_t n)
{
	const uint64_t patience = 5000000000;
	uint64_t since;

	while (parking != n + 1)
		sched_yield();
	since = bench_now();
	while (!main_thread_sleeps()) {
		if (bench_now() - since > patience)
			bench_cannot("its receivers do not sleep");
		sched_yield();
	}
	p->latency[n] = bench_now();
}

/* --------------------------------------------------------------------- a run */

static void *party_main(void *arg)
{
	struct party *p = arg;

	gate_wait(p->gate);
	p->bench.work(&p->bench);
	return NULL;
}

static struct bench_cost timed(struct plan *plan)
{
	struct gate gate = { 0, 0, false };
	struct party **party = plan->party;
	struct bench_cost start, end;

	for (unsigned i = 1; i < plan->parties; i++) {
		party[i]->gate = &gate;
		bench_must(pthread_create(&party[i]->thread, NULL, party_main, party[i]), "pthread_create");
	}
	start = gate_open(&gate, plan->parties - 1);
	party[0]->bench.work(&party[0]->bench);
	for (unsigned i = 1; i < plan->parties; i++)
		pthread_join(party[i]->thread, NULL);
	end = so_far();
	end.wall -= start.wall;
	end.user -= start.user;
	end.system -= start.system;
	end.voluntary -= start.voluntary;
	end.involuntary -= start.involuntary;
	return end;
}

/* What the values of all senders add up to, as the receivers add. */
static uint64_t sum_sent(const struct plan *plan)
{
	uint64_t each = plan->senders ? plan->run->messages / plan->senders : 0;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < plan->senders; i++)
		sum += (i << BENCH_SENDER_SHIFT) * each + each * (each - 1) / 2;
	return sum & plan->party[0]->bench.mask;
}

static void check(const struct plan *plan)
{
	uint64_t received = 0, sum = 0;

	for (unsigned i = 0; i < plan->parties; i++) {
		received += plan->party[i]->bench.taken.count;
		sum += plan->party[i]->bench.taken.sum;
		if (plan->party[i]->bench.taken.wrong)
			bench_fail("a receiver got other messages than it should, or in another order", 0);
	}
	if (received != plan->run->messages * plan->receipts)
		bench_fail("more or fewer messages were received than sent", 0);
	if (sum != sum_sent(plan) * plan->receipts)
		bench_fail("what was received is not what was sent", 0);
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct bench_outcome bench_time(struct bench_run *r)
{
	struct plan plan = { .run = r, .works = r->works, .receipts = 1 };
	size_t most = 2 + 2 * (size_t)(r->threads > r->width ? r->threads : r->width);
	struct bench_outcome outcome;

	plan.party = bench_allocate(most * sizeof(struct party *));
	plans[r->cell.scenario](&plan);
	outcome.cost = timed(&plan);
	check(&plan);
	outcome.latency = plan.party[0]->bench.latency;
	outcome.samples = plan.samples;
	outcome.heap = r->heap;
	if (outcome.latency)
		qsort(outcome.latency, outcome.samples, sizeof(uint64_t), ascending);
	for (unsigned i = 0; i < plan.parties; i++) {
		free(plan.party[i]->bench.message);
		free(plan.party[i]->bench.next);
		free(plan.party[i]);
	}
	free(plan.party);
	return outcome;
}
