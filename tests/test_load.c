/*
 * test_load.c - many threads, many channels, a long life, and a machine that is
 * against it
 *
 * CHAN_LOAD_SECONDS: how long channels are made and dropped, each kind; 1 by default.
 * What try_ calls do beside threads held at named instants is in test_lockfree.c; here
 * a sender is stopped wherever it happens to be.
 */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults/faults.h"
#include "support/skips.h"
#include "support/support.h"
#include "support/tally.h"

extern void (*chan__tp_hook)(const char *name);

/* What a test that measures time and memory must know. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED (__has_feature(thread_sanitizer) || __has_feature(address_sanitizer))
#else
#define SANITIZED false
#endif

enum { SMALL_STACK = 256 * 1024 };

static uint64_t seconds;

/* -------------------------------------------------- many threads on one channel */

struct throng {
	struct ends e;
	size_t each;
	struct gate gate;
	_Atomic uint64_t sent, received; /* sums */
	atomic_size_t n_sent, n_received;
};

struct one {
	struct throng *throng;
	uint64_t first;
	struct worker worker;
};

static void send_with_the_others(void *arg)
{
	struct one *o = arg;
	struct throng *t = o->throng;
	int error = 0;

	gate_pass(&t->gate);
	for (uint64_t i = 0; i < t->each && error == 0; i++) {
		uint64_t number = o->first + i;

		error = chan_send(t->e.tx, &number);
		must(error == 0 || error == EPIPE);
		if (error == 0) {
			atomic_fetch_add(&t->sent, number);
			atomic_fetch_add(&t->n_sent, 1);
		}
	}
	chan_sender_drop(t->e.tx);
}

static void receive_with_the_others(void *arg)
{
	struct one *o = arg;
	struct throng *t = o->throng;
	uint64_t number;
	int error;

	gate_pass(&t->gate);
	while ((error = chan_recv(t->e.rx, &number)) == 0) {
		atomic_fetch_add(&t->received, number);
		atomic_fetch_add(&t->n_received, 1);
	}
	must_eq(error, EPIPE);
	chan_receiver_drop(t->e.rx);
}

static void a_thousand_threads_share_one_channel(const struct kind *k)
{
	size_t n = test_scaled(1000), half = n > 2 ? n / 2 : 1;
	struct one *ones = calloc(2 * half, sizeof(*ones));
	struct throng t = { .e = kind_open(k, 8), .each = 10 };

	must(ones != NULL);
	gate_init(&t.gate, (unsigned)(2 * half));
	for (size_t i = 0; i < half; i++) {
		ones[2 * i] = (struct one){ .throng = &t, .first = i * t.each };
		ones[2 * i + 1] = (struct one){ .throng = &t };
		chan_sender_clone(t.e.tx);
		chan_receiver_clone(t.e.rx);
		worker_start_small(&ones[2 * i].worker, send_with_the_others, &ones[2 * i], SMALL_STACK);
		worker_start_small(&ones[2 * i + 1].worker, receive_with_the_others, &ones[2 * i + 1], SMALL_STACK);
	}
	chan_sender_drop(t.e.tx);
	for (size_t i = 0; i < 2 * half; i++)
		worker_join(&ones[i].worker);
	chan_receiver_drop(t.e.rx);
	must_eq(t.n_received, k->one_message ? 1 : half * t.each);
	must(t.n_sent == t.n_received && t.sent == t.received);
	must(k->one_message || t.sent == sum_of_numbers(0, half * t.each));
	must_eq(fault_memory_blocks(), 0);
	free(ones);
}

/* --------------------------------------------------------------- many channels */

enum { CITY = 100000, WINDOW = 24, WALKERS = 4 };

struct walker {
	struct ends *city;
	size_t n, steps;
	struct dice dice;
	size_t sent, received;
	struct worker worker;
};

/* From any of some channels to any of some others, by select. */
static void walk(void *arg)
{
	struct walker *w = arg;
	uint64_t in[WINDOW], out = 0;
	bool carries = false;

	for (size_t step = 0; step < w->steps || carries; step++) {
		chan_case_t cases[WINDOW];
		size_t which;

		for (size_t i = 0; i < WINDOW; i++) {
			struct ends *e = &w->city[dice_roll(&w->dice, w->n)];

			cases[i] = carries ? case_send(e->tx, &out) : case_recv(e->rx, &in[i]);
		}
		if (chan_select_timeout(cases, WINDOW, 0, CHAN_MSEC, &which) == ETIMEDOUT)
			continue;
		must_eq(cases[which].status, 0);
		if (!carries)
			out = in[which];
		w->received += !carries;
		w->sent += carries;
		carries = !carries;
	}
}

static struct ends *city_open(size_t n)
{
	struct ends *city = malloc(n * sizeof(*city));

	must(city != NULL);
	for (size_t i = 0; i < n; i++) {
		must_give(0, chan_bounded(1, 8, &city[i].tx, &city[i].rx));
		city[i].c = chan_sender_channel(city[i].tx);
	}
	return city;
}

static void city_drop(struct ends *city, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ends_drop(&city[i]);
	free(city);
	must_eq(fault_memory_blocks(), 0);
}

/* Half of them hold a number; the numbers walk about, and are all there in the end. */
static void numbers_walk_through_a_hundred_thousand_channels(const struct kind *k)
{
	size_t n = test_scaled(CITY), held = 0;
	struct ends *city = city_open(n);
	struct walker walkers[WALKERS];
	uint64_t number, sum = 0, before = 0;

	(void)k;
	for (uint64_t i = 0; i < n; i += 2) {
		queue_numbers(city[i].tx, i, 1);
		before += i;
	}
	for (size_t i = 0; i < WALKERS; i++) {
		walkers[i] = (struct walker){ .city = city, .n = n, .steps = n / 4, .dice = { i + 1 } };
		worker_start(&walkers[i].worker, walk, &walkers[i]);
	}
	for (size_t i = 0; i < WALKERS; i++) {
		worker_join(&walkers[i].worker);
		must(walkers[i].sent == walkers[i].received && walkers[i].sent > 0);
	}
	for (size_t i = 0; i < n; i++)
		while (chan_try_recv(city[i].rx, &number) == 0) {
			sum += number;
			held++;
		}
	must_eq(held, (n + 1) / 2);
	must(sum == before);
	city_drop(city, n);
}

/* One select on a quarter of all channels. */
struct crowd {
	struct pick pick;
	chan_case_t *cases;
	uint64_t in;
};

static void selects_stand_in_a_hundred_thousand_queues_at_once(const struct kind *k)
{
	size_t n = test_scaled(CITY) / WALKERS * WALKERS, part = n / WALKERS;
	struct ends *city = city_open(n);
	struct crowd crowds[WALKERS];
	struct dice dice = { 7 };

	(void)k;
	for (size_t i = 0; i < WALKERS; i++) {
		crowds[i].cases = malloc(part * sizeof(chan_case_t));
		must(crowds[i].cases != NULL);
	}
	for (size_t round = 0; round < 3; round++) {
		size_t chosen[WALKERS];

		for (size_t i = 0; i < WALKERS; i++) {
			for (size_t j = 0; j < part; j++)
				crowds[i].cases[j] = case_recv(city[i * part + j].rx, &crowds[i].in);
			crowds[i].pick = pick_of(crowds[i].cases, part, 0, PICK_PLAIN);
			pick_start(&crowds[i].pick);
		}
		for (size_t i = 0; i < WALKERS; i++)
			worker_wait_asleep(&crowds[i].pick.worker);
		for (size_t i = 0; i < WALKERS; i++) {
			chosen[i] = (size_t)dice_roll(&dice, part);
			queue_numbers(city[i * part + chosen[i]].tx, i * part + chosen[i], 1);
		}
		for (size_t i = 0; i < WALKERS; i++) {
			pick_finish(&crowds[i].pick);
			must_have_picked(&crowds[i].pick, chosen[i], 0);
			must_eq(crowds[i].in, i * part + chosen[i]);
		}
	}
	for (size_t i = 0; i < WALKERS; i++)
		free(crowds[i].cases);
	city_drop(city, n);
}

/* ----------------------------------------------------------------- a long life */

/* Bytes of the process that are in memory. */
static size_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t size, pages;

	must(file != NULL && fscanf(file, "%zu %zu", &size, &pages) == 2);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* One life: some with descriptors, some with messages left behind, some used. */
static void live(const struct kind *k, uint64_t i)
{
	struct ends e = kind_open(k, 8);
	uint64_t number = i;
	int fd;

	if (i % 16 == 0) {
		must_give(0, chan_receiver_fd(e.rx, &fd));
		must_give(0, chan_sender_fd(e.tx, &fd));
	}
	if (k->capacity != 0) {
		must_give(0, chan_try_send(e.tx, &number));
		if (i % 2) {
			must_give(0, chan_try_recv(e.rx, &number));
			must_eq(number, i);
		}
	}
	if (i % 4 == 0)
		chan_close(e.c);
	ends_drop(&e);
}

static size_t live_until(const struct kind *k, uint64_t end)
{
	size_t n = 0;

	while (now_ns() < end)
		for (size_t i = 0; i < 100; i++)
			live(k, n++);
	return n;
}

/* What the process has after a quarter of the time it has at the end. */
static void ten_thousand_come_and_go_each_second(const struct kind *k)
{
	uint64_t span = seconds * CHAN_SEC, began = now_ns();
	size_t descriptors = open_descriptors(), before, n;

	n = live_until(k, began + span / 4);
	before = resident();
	n += live_until(k, began + span);
	must_eq(fault_memory_blocks(), 0);
	must_eq(open_descriptors(), descriptors);
	if (SANITIZED || test_scale() > 1)
		return; /* these keep what was freed, and take their time */
	must(n >= 10000 * seconds);
	if (resident() > before + 256 * 1024)
		test_fail(__FILE__, __LINE__, "%zu bytes more after %zu lives", resident() - before, n);
}

/* --------------------------------------------------- a sender that is stopped */

/* The signal's handler stops its thread until a byte comes. */
static int stop_pipe[2];
static atomic_bool is_stopped;

static void stop_here(int number)
{
	int saved = errno;
	char byte;

	(void)number;
	atomic_store(&is_stopped, true);
	while (read(stop_pipe[0], &byte, 1) != 1)
		continue;
	atomic_store(&is_stopped, false);
	errno = saved;
}

static void stop(struct worker *w)
{
	must_eq(pthread_kill(w->thread, SIGUSR2), 0);
	wait_for(atomic_load(&is_stopped));
}

static void go_on(void)
{
	must_eq(write(stop_pipe[1], "", 1), 1);
	wait_for(!atomic_load(&is_stopped));
}

/* Nobody can be stopped in here with a lock in his hands. */
static char arena[64 << 20];
static atomic_size_t arena_used;

static void *arena_allocate(size_t size, size_t alignment, void *arg)
{
	size_t at = atomic_fetch_add(&arena_used, (size + 63) / 64 * 64);

	(void)alignment; /* 64 is enough */
	(void)arg;
	return at + size <= sizeof(arena) ? arena + at : NULL;
}

static void arena_release(void *ptr, size_t size, size_t alignment, void *arg)
{
	(void)ptr;
	(void)size;
	(void)alignment;
	(void)arg;
}

static struct ends open_in_arena(const struct kind *k)
{
	chan_allocator_t table = { arena_allocate, arena_release, NULL };
	chan_attr_t attr;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	return attr_open(&attr, 8);
}

enum { PATH = 20000 };

struct marcher {
	const struct kind *kind;
	struct ends *path;   /* of a oneshot one after the other; else the first alone */
	size_t n;
	_Atomic size_t at;
	atomic_bool halt;
	struct worker worker;
};

static void march(void *arg)
{
	struct marcher *m = arg;
	uint64_t number = 1;

	while (!atomic_load(&m->halt)) {
		size_t at = atomic_load(&m->at);

		if (SANITIZED)
			now_ns(); /* a tool may keep signals until the next call of the C library */
		chan_try_send(m->path[at].tx, &number);
		atomic_store(&m->at, at + 1 < m->n ? at + 1 : 0);
	}
}

/* Each of them returns while the other is stopped, so it waits for nothing that the
 * other could do. */
static void try_all(struct marcher *m)
{
	size_t at = atomic_load(&m->at);
	uint64_t number = 2;
	int error;

	for (size_t i = 0; i < 8; i++) {
		struct ends *e = &m->path[m->n > 1 ? (at + i / 4) % m->n : 0];

		error = i % 4 == 3 ? chan_try_send(e->tx, &number) : chan_try_recv(e->rx, &number);
		must(error == 0 || error == EAGAIN || (m->n > 1 && error == EPIPE) ||
		     (error == ENOMEM && kind_is_unbounded(m->kind)));
		must(chan_len(e->c) <= chan_capacity(e->c));
	}
}

static void a_sender_stopped_anywhere_makes_no_try_call_wait(const struct kind *k)
{
	struct sigaction action = { .sa_handler = stop_here };
	struct marcher m = { .kind = k, .n = k->one_message ? PATH : 1 };
	struct dice dice = { 3 };

	must_eq(pipe(stop_pipe), 0);
	sigemptyset(&action.sa_mask);
	must_eq(sigaction(SIGUSR2, &action, NULL), 0);
	m.path = malloc(m.n * sizeof(*m.path));
	must(m.path != NULL);
	for (size_t i = 0; i < m.n; i++)
		m.path[i] = open_in_arena(k);
	worker_start(&m.worker, march, &m);
	for (size_t round = 0; round < test_scaled(300); round++) {
		wait_spinning(dice_roll(&dice, 20 * CHAN_USEC));
		stop(&m.worker);
		try_all(&m);
		go_on();
	}
	atomic_store(&m.halt, true);
	worker_join(&m.worker);
	for (size_t i = 0; i < m.n; i++)
		ends_drop(&m.path[i]);
	free(m.path);
}

/* ----------------------------------------------------------- real-time priority */

static void pin(pthread_t thread)
{
	cpu_set_t all, one;

	CPU_ZERO(&one);
	must_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all)) {
			CPU_SET(cpu, &one);
			break;
		}
	must_eq(pthread_setaffinity_np(thread, sizeof(one), &one), 0);
}

static int become_urgent(void)
{
	struct sched_param param = { .sched_priority = 1 };

	return pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
}

static void become_ordinary(void)
{
	struct sched_param param = { .sched_priority = 0 };

	must_eq(pthread_setschedparam(pthread_self(), SCHED_OTHER, &param), 0);
}

struct urgent {
	struct ends e;
	atomic_bool halt;
	uint64_t worst_ns;
	struct worker sender, receiver;
};

/* At ordinary priority, on the receiver's processor: wherever it is when that wakes up,
 * there it stays until that sleeps again. */
static void send_at_leisure(void *arg)
{
	struct urgent *u = arg;
	uint64_t number = 1;

	pin(pthread_self());
	while (!atomic_load(&u->halt))
		chan_send_timeout(u->e.tx, &number, CHAN_MSEC);
}

static uint64_t slowest_try(struct urgent *u, size_t n)
{
	uint64_t worst = 0, number;

	while (n-- > 0) {
		uint64_t began = now_ns(), took;

		chan_try_recv(u->e.rx, &number);
		took = now_ns() - began;
		if (took > worst)
			worst = took;
	}
	return worst;
}

static void receive_urgently(void *arg)
{
	struct urgent *u = arg;

	pin(pthread_self());
	must_eq(become_urgent(), 0);
	for (size_t i = 0; i < test_scaled(200); i++) {
		uint64_t worst;

		wait_pass(200 * CHAN_USEC, "the sender runs, and is put aside where it is");
		worst = slowest_try(u, 20);
		if (worst > u->worst_ns)
			u->worst_ns = worst;
	}
	become_ordinary();
	atomic_store(&u->halt, true);
}

/* The machine may stop the processor itself: what is above the bound is measured
 * again, twice at most. */
static void an_urgent_receiver_waits_for_no_ordinary_sender(const struct kind *k)
{
	struct urgent u;

	for (int attempt = 0; attempt < 3; attempt++) {
		memset(&u, 0, sizeof(u));
		u.e = kind_open(k, 8);
		worker_start(&u.sender, send_at_leisure, &u);
		worker_start(&u.receiver, receive_urgently, &u);
		worker_join(&u.receiver);
		worker_join(&u.sender);
		ends_drop(&u.e);
		if (u.worst_ns <= CHAN_MSEC * test_scale())
			return;
	}
	test_fail(__FILE__, __LINE__, "a try_ call took %llu us", (unsigned long long)(u.worst_ns / CHAN_USEC));
}

/* The same while a sender is held in the middle of a send. */
static sem_t held, released;
static atomic_bool hold_armed;
static const char *hold_point;

static void hold_at_point(const char *name)
{
	if (strcmp(name, hold_point) != 0 || !atomic_exchange(&hold_armed, false))
		return;
	sem_post(&held);
	wait_sem(&released);
}

static void receive_urgently_beside_a_held_sender(void *arg)
{
	struct urgent *u = arg;

	pin(pthread_self());
	must_eq(become_urgent(), 0);
	u->worst_ns = slowest_try(u, 2000);
	become_ordinary();
}

static void send_once(void *arg)
{
	struct urgent *u = arg;
	uint64_t number = 1;

	pin(pthread_self());
	must_give(0, chan_send(u->e.tx, &number));
}

static void an_urgent_receiver_passes_a_held_sender_by(const struct kind *k)
{
	char point[48];
	uint64_t worst = UINT64_MAX;

	snprintf(point, sizeof(point), "%s:claimed-send", chan_flavor_name(k->flavor));
	hold_point = point;
	for (int attempt = 0; attempt < 3 && worst > CHAN_MSEC * test_scale(); attempt++) {
		struct urgent u = { .e = kind_open(k, 8) };

		sem_init(&held, 0, 0);
		sem_init(&released, 0, 0);
		atomic_store(&hold_armed, true);
		__atomic_store_n(&chan__tp_hook, hold_at_point, __ATOMIC_RELEASE);
		worker_start(&u.sender, send_once, &u);
		wait_for(sem_trywait(&held) == 0);
		worker_start(&u.receiver, receive_urgently_beside_a_held_sender, &u);
		worker_join(&u.receiver);
		sem_post(&released);
		worker_join(&u.sender);
		expect_numbers(u.e.rx, 1, 1);
		ends_drop(&u.e);
		worst = u.worst_ns;
	}
	if (worst > CHAN_MSEC * test_scale())
		test_fail(__FILE__, __LINE__, "a try_ call took %llu us", (unsigned long long)(worst / CHAN_USEC));
}

/* ------------------------------------------------------------------------ fork */

/* In the child a failed check may talk to nobody: its line is the status. */
#define child_must(cond) \
	do { \
		if (!(cond)) \
			_exit(1 + __LINE__ % 200); \
	} while (0)

/* A channel that is full and one that is empty, with both descriptors each. */
struct pair {
	struct ends e[2];
	int fds[4];
};

struct sight {
	size_t len[2], senders[2], receivers[2];
	bool readable[4], disconnected[2];
};

static struct sight look(const struct pair *p)
{
	struct sight s;

	memset(&s, 0, sizeof(s));
	for (size_t i = 0; i < 2; i++) {
		s.len[i] = chan_len(p->e[i].c);
		s.senders[i] = chan_sender_count(p->e[i].c);
		s.receivers[i] = chan_receiver_count(p->e[i].c);
		s.disconnected[i] = chan_is_disconnected(p->e[i].c);
	}
	for (size_t i = 0; i < 4; i++) {
		struct pollfd pfd = { p->fds[i], POLLIN, 0 };

		s.readable[i] = poll(&pfd, 1, 0) == 1;
	}
	return s;
}

static void drop_all(struct pair *p, bool senders_first)
{
	for (size_t i = 0; i < 2; i++) {
		if (senders_first)
			chan_sender_drop(p->e[i].tx);
		chan_receiver_drop(p->e[i].rx);
		if (!senders_first)
			chan_sender_drop(p->e[i].tx);
	}
}

static void in_a_child(struct pair *p, bool senders_first)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		uint64_t began = now_ns();

		signal(SIGALRM, SIG_DFL); /* not Check's handler */
		alarm(20 * test_scale());
		drop_all(p, senders_first);
		child_must(now_ns() - began < CHAN_SEC * test_scale());
		raise(SIGKILL); /* it may have leaked the channels */
	}
	must(waitpid(pid, &status, 0) == pid);
	must_eq(WIFSIGNALED(status) ? WTERMSIG(status) : 1000 + WEXITSTATUS(status), SIGKILL);
}

static void the_child_drops_all_that_threads_sit_in(const struct kind *k)
{
	struct pair p;
	struct call send, recv;
	struct pick pick;
	chan_case_t cases[2];
	uint64_t in = 0, out = 98, number;
	struct sight before, after;
	bool fills = !kind_never_fills(k);

	for (size_t i = 0; i < 2; i++) {
		p.e[i] = kind_open(k, 8);
		must_give(0, chan_receiver_fd(p.e[i].rx, &p.fds[2 * i]));
		must_give(0, chan_sender_fd(p.e[i].tx, &p.fds[2 * i + 1]));
	}
	if (fills) {
		queue_numbers(p.e[0].tx, 0, k->capacity);
		send = call_send(p.e[0].tx, CALL_PLAIN, 99);
		call_start_asleep(&send);
	}
	recv = call_recv(p.e[1].rx, CALL_PLAIN);
	call_start_asleep(&recv);
	cases[0] = fills ? case_send(p.e[0].tx, &out) : case_none();
	cases[1] = case_recv(p.e[1].rx, &in);
	pick = pick_of(cases, 2, 0, PICK_PLAIN);
	pick_start_asleep(&pick);
	before = look(&p);
	for (int way = 0; way < 4; way++)
		in_a_child(&p, way % 2);
	after = look(&p);
	must(memcmp(&before, &after, sizeof(before)) == 0);
	must(!atomic_load(&recv.worker.ended) && !atomic_load(&pick.worker.ended));
	if (fills) {
		must(!atomic_load(&send.worker.ended));
		for (size_t i = 0; i < k->capacity + 1; i++)
			must_give(0, chan_recv(p.e[0].rx, &number));
		call_finish(&send);
		must_eq(send.result, 0);
	}
	chan_close(p.e[1].c);
	call_finish(&recv);
	must_eq(recv.result, EPIPE);
	pick_finish(&pick);
	must_eq(pick.result, 0);
	must((pick.which == 0 && cases[0].status == 0) || (pick.which == 1 && cases[1].status == EPIPE));
	for (size_t i = 0; i < 2; i++)
		ends_drop(&p.e[i]);
	must_eq(fault_memory_blocks(), 0);
}

/* --------------------------------------------------------------- the tables */

static const struct behaviour of_all[] = {
	BEHAVIOUR(a_thousand_threads_share_one_channel, FITS_ONE_MESSAGE),
	BEHAVIOUR(numbers_walk_through_a_hundred_thousand_channels, RUNS_ONCE),
	BEHAVIOUR(selects_stand_in_a_hundred_thousand_queues_at_once, RUNS_ONCE),
	BEHAVIOUR(ten_thousand_come_and_go_each_second, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_child_drops_all_that_threads_sit_in, FITS_ONE_MESSAGE),
};

/* Those whose try_ calls wait for nobody at all. */
static const struct behaviour of_lockfree[] = {
	BEHAVIOUR(a_sender_stopped_anywhere_makes_no_try_call_wait, FITS_ONE_MESSAGE),
};

static const struct behaviour of_realtime[] = {
	BEHAVIOUR(an_urgent_receiver_waits_for_no_ordinary_sender, NEEDS_NOTHING),
	BEHAVIOUR(an_urgent_receiver_passes_a_held_sender_by, FITS_ONE_MESSAGE),
};

#define RUN(name, table, kinds, n) matrix_run(name, table, COUNT_OF(table), kinds, n)

/* Where CI=true a skip needs its reason in tests/SKIPS. */
static bool may_skip(const char *name)
{
	const char *ci = getenv("CI");
	char why[256];

	return !ci || strcmp(ci, "true") != 0 || skip_reason(name, why, sizeof(why));
}

static int skip(const char *name, const char *reason)
{
	struct tally tally = { 0, !may_skip(name), may_skip(name) };

	printf("%s: %s: %s\n", tally.skipped ? "SKIP" : "FAIL", name, reason);
	tally_append(&tally);
	return tally.skipped ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void *try_to_become_urgent(void *error)
{
	*(int *)error = become_urgent();
	return NULL;
}

static int run_realtime(const struct kind *kinds, size_t n)
{
	pthread_t thread;
	int error;

	if (pthread_create(&thread, NULL, try_to_become_urgent, &error) != 0 || pthread_join(thread, NULL) != 0)
		return EXIT_FAILURE;
	if (error != 0)
		return skip("load-realtime", "SCHED_FIFO is refused");
	return RUN("load at real-time priority", of_realtime, kinds, n);
}

int main(void)
{
	static struct kind kinds[MAX_KINDS], chosen[MAX_KINDS];
	const char *value = getenv("CHAN_LOAD_SECONDS");
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY), n_chosen = 0;
	int status;

	seconds = value ? strtoull(value, NULL, 10) : 1;
	for (size_t i = 0; i < n; i++)
		if (kinds[i].flavor == CHAN_FLAVOR_ARRAY || kinds[i].flavor == CHAN_FLAVOR_LIST ||
		    kinds[i].flavor == CHAN_FLAVOR_ONESHOT)
			chosen[n_chosen++] = kinds[i];
	status = RUN("load", of_all, kinds, n);
	status |= RUN("load beside a stopped sender", of_lockfree, chosen, n_chosen);
	return status | run_realtime(chosen, n_chosen);
}
