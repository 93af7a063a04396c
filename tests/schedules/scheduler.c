/*
 * scheduler.c - a deterministic scheduler under the library's seams
 *
 * Every step that another thread could notice (an atomic operation, a lock, a sleep
 * and its end, a look at the clock, an allocation, half a copy, what is done to a
 * descriptor) calls sched_point, and there, and nowhere else, another task may go
 * on.  A number, the seed, decides where and who; the same seed does the same.
 *
 * Tasks are coroutines (ucontext) on the one thread of the process, not threads that
 * wait for their turn: to go on with another costs a fraction of a microsecond
 * instead of two system calls and a migration, nothing of the system's scheduling
 * can leak in, and a schedule that hangs is left by walking away from its stacks.  What
 * the library keeps thread-local lies in a section whose contents change with the
 * task, and so does errno.
 *
 * Two ways to decide:
 *
 *   preempt    nobody is interrupted but at up to three points, chosen at random; who
 *              goes on then, or when somebody blocks, is random.  Source: iterative
 *              context bounding, Musuvathi and Qadeer, PLDI 2007, sampled.
 *   priority   the task of the highest priority goes on; priorities are random, and
 *              at up to three points that of the running one becomes the lowest.
 *              Source: probabilistic concurrency testing, Burckhardt, Kothari,
 *              Musuvathi and Nagarakatte, "A Randomized Scheduler with
 *              Probabilistic Guarantees of Finding Bugs", ASPLOS 2010.
 *
 * The clock is virtual, and moves only when nobody can run: to the first deadline.
 * Where there is none the schedule has failed: all are asleep for ever.  It has failed
 * as well after too many steps, and when memory is not given back, or is touched
 * afterwards.
 */
#include "scheduler.h"

#include <errno.h>
#include <execinfo.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

const char *const sched_strategies[SCHED_STRATEGIES] = { "preempt", "priority" };

enum {
	STEPS_MAX    = 200000,  /* of a schedule: more, and it has no end */
	CHANGES_MAX  = 3,       /* preemptions, or changes of priority */
	PROBES       = 16,      /* schedules that tell how long a scenario is */
	STACK_SIZE   = 64 * 1024,
	TLS_MAX      = 256,
	FRAMES_MAX   = 24,
	EVENTS_MAX   = 16,
	HEAP_SIZE    = 1 << 20
};

#define NEVER UINT64_MAX

enum state { ABSENT, RUNNABLE, BLOCKED };

struct task {
	ucontext_t context;
	enum state state;
	const void *waits_for;
	uint64_t until;
	bool timed_out;
	int priority;
	int saved_errno;
	unsigned char tls[TLS_MAX];
	void *frames[FRAMES_MAX];
	int depth;
};

struct step {
	const void *site;       /* where the step was called from; NULL: a note */
	const char *what;       /* NULL: an atomic */
	const void *object;
	uint64_t value;
	int task;
};

static struct task tasks[SCHED_TASKS_MAX];
static unsigned char stacks[SCHED_TASKS_MAX][STACK_SIZE] __attribute__((aligned(64)));
static int current = -1;        /* -1: no task runs */
static ucontext_t outside;
static jmp_buf outside_jump;

static struct {
	const struct scenario *scenario;
	enum strategy strategy;
	uint64_t random, now, steps, digest;
	struct { uint64_t at; int priority; } changes[CHANGES_MAX + 1]; /* in order of time; ends with NEVER */
	unsigned change;
	int lowest;                             /* priority so far */
	bool look_around;                       /* somebody of a higher priority may run */
	bool interrupts;                        /* sleeps end for no reason now and then */
	bool reuses;                            /* memory that was given back is used again */
	bool failed, autopsy;
	char failure[256];
} run;

static struct step trace[STEPS_MAX + 1];
static uint64_t traced;

const struct scenario *sched_scenario(void)
{
	return run.scenario;
}

size_t sched_self(void)
{
	return 16 * (size_t)(current + 2);
}

/* --------------------------------------------------------------------------- chance */

/* Source: SplitMix, Steele, Lea and Flood (2014). */
static uint64_t mix(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

unsigned sched_pick(unsigned limit)
{
	return (unsigned)(((mix(&run.random) >> 32) * limit) >> 32);
}

/* ---------------------------------------------------------------------------- trace */

static void record(const void *site, const char *what, const void *object, uint64_t value)
{
	struct step *s = &trace[traced < STEPS_MAX ? traced++ : STEPS_MAX];

	s->site = site;
	s->what = what;
	s->object = object;
	s->value = value;
	s->task = current;
}

void sched_saw(uint64_t value)
{
	if (current >= 0)
		trace[traced - 1].value = value;
}

void sched_note(const char *what, uint64_t value)
{
	record(NULL, what, NULL, value);
}

/* ------------------------------------------------------------------------- switching */

extern unsigned char __start_sched_tls[], __stop_sched_tls[];

static size_t tls_size(void)
{
	return (size_t)(__stop_sched_tls - __start_sched_tls);
}

static void examine(void)
{
	struct task *t = &tasks[current];

	t->depth = backtrace(t->frames, FRAMES_MAX);
}

/* Back in the task that runs. */
static void resumed(void)
{
	if (run.autopsy) {
		examine();
		setcontext(&outside);
	}
	memcpy(__start_sched_tls, tasks[current].tls, tls_size());
	errno = tasks[current].saved_errno;
}

static void go_on_with(int next)
{
	struct task *me = &tasks[current];

	if (next == current)
		return;
	memcpy(me->tls, __start_sched_tls, tls_size());
	me->saved_errno = errno;
	current = next;
	swapcontext(&me->context, &tasks[next].context);
	resumed();
}

static int count_runnable(void)
{
	int n = 0;

	for (int i = 0; i < SCHED_TASKS_MAX; i++)
		n += tasks[i].state == RUNNABLE;
	return n;
}

static int any_runnable_but(int not_this)
{
	int n = count_runnable() - (not_this >= 0 && tasks[not_this].state == RUNNABLE), k;

	if (n == 0)
		return not_this;
	k = (int)sched_pick((unsigned)n);
	for (int i = 0; i < SCHED_TASKS_MAX; i++)
		if (i != not_this && tasks[i].state == RUNNABLE && k-- == 0)
			return i;
	return not_this;
}

static int highest(void)
{
	int best = -1;

	for (int i = 0; i < SCHED_TASKS_MAX; i++)
		if (tasks[i].state == RUNNABLE && (best < 0 || tasks[i].priority > tasks[best].priority))
			best = i;
	return best;
}

static void make_runnable(struct task *t)
{
	t->state = RUNNABLE;
	run.look_around = run.strategy == SCHED_PRIORITY;
}

/* The running task is interrupted, or gives way: others first. */
static void step_back(int priority)
{
	if (run.strategy == SCHED_PRIORITY) {
		tasks[current].priority = priority;
		go_on_with(highest());
	} else {
		go_on_with(any_runnable_but(current));
	}
}

static void step(const void *site, const char *what, const void *object, uint64_t value)
{
	if (current < 0)
		return;
	run.digest = (run.digest ^ (uint64_t)(uintptr_t)site ^ (uint64_t)current << 56) * UINT64_C(0x100000001b3);
	run.digest ^= run.digest >> 29;
	run.steps++;
	if (run.steps >= run.changes[run.change].at) {
		step_back(run.changes[run.change++].priority);
	} else if (run.look_around) {
		run.look_around = false;
		go_on_with(highest());
	}
	if (run.steps >= STEPS_MAX)
		sched_fail("no end after %d steps", STEPS_MAX);
	record(site, what, object, value);
}

#define STEP(what, object, value) step(__builtin_return_address(0), what, object, (uint64_t)(value))

void sched_point(const void *object)
{
	STEP(NULL, object, 0);
}

void sched_dead(const void *object)
{
	sched_fail("an operation on an atomic that is no more, at %p", object);
}

/* ---------------------------------------------------------------------- descriptors */

static struct event {
	bool open, up;
	uint64_t at;            /* a timer: when it goes up; NEVER */
	unsigned edges;
} events[EVENTS_MAX];
static int event_count;

static void wake_all(const void *object)
{
	for (int i = 0; i < SCHED_TASKS_MAX; i++)
		if (tasks[i].state == BLOCKED && tasks[i].waits_for == object) {
			tasks[i].timed_out = false;
			make_runnable(&tasks[i]);
		}
}

static struct event *event_of(int fd)
{
	struct event *e = &events[fd - 1];

	if (fd < 1 || fd > event_count || !e->open)
		sched_fail("descriptor %d is not open", fd);
	return e;
}

static void event_show(struct event *e)
{
	e->up = true;
	e->edges++;
	wake_all(e);
}

int sched_event_open(void)
{
	STEP("open", NULL, event_count + 1);
	if (event_count == EVENTS_MAX)
		sched_fail("too many descriptors");
	events[event_count] = (struct event){ .open = true, .at = NEVER };
	return ++event_count;   /* one that was closed does not come again */
}

void sched_event_raise(int fd)
{
	STEP("raise", NULL, fd);
	event_show(event_of(fd));
}

bool sched_event_lower(int fd)
{
	bool was;

	STEP("lower", NULL, fd);
	was = event_of(fd)->up;
	event_of(fd)->up = false;
	return was;
}

void sched_event_close(int fd)
{
	struct event *e;

	STEP("close", NULL, fd);
	e = event_of(fd);
	e->open = false;
	wake_all(e);
}

void sched_event_arm(int fd, uint64_t at)
{
	struct event *e;

	STEP("arm", NULL, at);
	e = event_of(fd);
	e->up = false;
	e->at = at;
	if (at <= run.now)
		event_show(e);
}

/* ----------------------------------------------------------------- blocking, the clock */

static uint64_t first_deadline(void)
{
	uint64_t first = NEVER;

	for (int i = 0; i < SCHED_TASKS_MAX; i++)
		if (tasks[i].state == BLOCKED && tasks[i].until < first)
			first = tasks[i].until;
	for (int i = 0; i < event_count; i++)
		if (events[i].open && !events[i].up && events[i].at < first)
			first = events[i].at;
	return first;
}

static void move_clock(void)
{
	uint64_t first = first_deadline();

	if (first == NEVER)
		sched_fail("all are asleep for ever");
	run.now = first;
	for (int i = 0; i < SCHED_TASKS_MAX; i++)
		if (tasks[i].state == BLOCKED && tasks[i].until <= first) {
			tasks[i].timed_out = true;
			make_runnable(&tasks[i]);
		}
	for (int i = 0; i < event_count; i++)
		if (events[i].open && events[i].at <= first) {
			events[i].at = NEVER;
			event_show(&events[i]);
		}
}

static int choose(void)
{
	while (count_runnable() == 0)
		move_clock();
	run.look_around = false;
	return run.strategy == SCHED_PRIORITY ? highest() : any_runnable_but(-1);
}

/* False: the time came first. */
static bool block_on(const void *object, uint64_t until)
{
	struct task *me = &tasks[current < 0 ? 0 : current];

	if (current < 0)
		sched_fail("nobody else could end this sleep");
	me->state = BLOCKED;
	me->waits_for = object;
	me->until = until;
	go_on_with(choose());
	return !me->timed_out;
}

static bool is_interrupted(void)
{
	return run.interrupts && sched_pick(8) == 0;
}

static uint64_t instant(const struct timespec *t)
{
	if (!t)
		return NEVER;
	if (t->tv_sec < 0)
		return 0;
	if (t->tv_sec > INT64_MAX / 1000000000)
		return NEVER;
	return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
}

uint64_t sched_now(void)
{
	return run.now;
}

int sched_clock_gettime(int clock, struct timespec *now)
{
	(void)clock;
	STEP("clock", NULL, run.now);
	now->tv_sec = (time_t)(run.now / 1000000000);
	now->tv_nsec = (long)(run.now % 1000000000);
	return 0;
}

int sched_give_way(void)
{
	STEP("yield", NULL, 0);
	if (current >= 0)
		step_back(--run.lowest);
	return 0;
}

void sched_sleep_until(uint64_t at)
{
	STEP("sleep", NULL, at);
	while (run.now < at)
		block_on(&tasks[current], at);
}

void sched_poll(int fd, unsigned *edge)
{
	struct event *e;

	STEP("poll", NULL, fd);
	e = event_of(fd);
	while (e->open && !(edge ? e->edges != *edge : e->up))
		block_on(e, NEVER);
	if (edge)
		*edge = e->edges;
}

bool sched_event_is_up(int fd)
{
	return event_of(fd)->up;
}

void sched_await(const int *word)
{
	STEP("await", word, 0);
	while (*word == 0)
		block_on(word, NEVER);
}

void sched_set(int *word)
{
	STEP("set", word, 1);
	*word = 1;
	wake_all(word);
}

/* ------------------------------------------------------------------- what sleeps */

/* As many as asked for, which is one; anybody of those that sleep on it. */
static long futex_wake(const void *word)
{
	int sleepers = 0, k;

	for (int i = 0; i < SCHED_TASKS_MAX; i++)
		sleepers += tasks[i].state == BLOCKED && tasks[i].waits_for == word;
	if (sleepers == 0)
		return 0;
	k = (int)sched_pick((unsigned)sleepers);
	for (int i = 0; i < SCHED_TASKS_MAX; i++)
		if (tasks[i].state == BLOCKED && tasks[i].waits_for == word && k-- == 0) {
			tasks[i].timed_out = false;
			make_runnable(&tasks[i]);
		}
	return 1;
}

static long futex_sleep(const uint32_t *word, uint32_t value, uint64_t until)
{
	int error = 0;

	if (*word != value)
		error = EAGAIN;
	else if (is_interrupted())
		error = EINTR;
	else if (until <= run.now || !block_on(word, until))
		error = ETIMEDOUT;
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}

long sched_futex(long number, ...)
{
	va_list args;
	uint32_t *word, value;
	const struct timespec *deadline;
	int op;

	(void)number;
	va_start(args, number);
	word = va_arg(args, uint32_t *);
	op = va_arg(args, int) & FUTEX_CMD_MASK;
	value = va_arg(args, uint32_t);
	deadline = va_arg(args, const struct timespec *);
	va_end(args);
	STEP(op == FUTEX_WAKE ? "futex wake" : "futex wait", word, value);
	return op == FUTEX_WAKE ? futex_wake(word) : futex_sleep(word, value, instant(deadline));
}

int sched_mutex_init(struct sched_mutex *m, const void *attr)
{
	(void)attr;
	m->held = 0;
	return 0;
}

static void mutex_check(const struct sched_mutex *m)
{
	if (m->held > 1)
		sched_fail("a mutex that is no more, at %p", (const void *)m);
}

int sched_mutex_destroy(struct sched_mutex *m)
{
	mutex_check(m);
	if (m->held)
		sched_fail("a mutex is destroyed while it is held");
	m->held = (uint32_t)SCHED_DEAD;
	return 0;
}

static void mutex_take(struct sched_mutex *m)
{
	mutex_check(m);
	while (m->held) {
		block_on(m, NEVER);
		mutex_check(m);
	}
	m->held = 1;
}

int sched_mutex_lock(struct sched_mutex *m)
{
	STEP("lock", m, m->held);
	mutex_take(m);
	return 0;
}

int sched_mutex_trylock(struct sched_mutex *m)
{
	STEP("trylock", m, m->held);
	mutex_check(m);
	if (m->held)
		return EBUSY;
	m->held = 1;
	return 0;
}

/* Who waited for it and who comes are equals. */
int sched_mutex_unlock(struct sched_mutex *m)
{
	STEP("unlock", m, m->held);
	if (m->held != 1)
		sched_fail("a mutex is let go that nobody holds");
	m->held = 0;
	wake_all(m);
	return 0;
}

int sched_cond_init(struct sched_cond *c, const void *attr)
{
	(void)attr;
	c->exists = 1;
	return 0;
}

int sched_cond_destroy(struct sched_cond *c)
{
	if (c->exists != 1)
		sched_fail("a condition variable that is no more, at %p", (const void *)c);
	c->exists = (uint32_t)SCHED_DEAD;
	return 0;
}

static int cond_sleep(struct sched_cond *c, struct sched_mutex *m, uint64_t until)
{
	bool in_time = true;

	if (c->exists != 1 || m->held != 1)
		sched_fail("a wait on a condition variable without its mutex");
	m->held = 0;
	wake_all(m);
	if (!is_interrupted())
		in_time = until > run.now && block_on(c, until);
	mutex_take(m);
	return in_time ? 0 : ETIMEDOUT;
}

int sched_cond_wait(struct sched_cond *c, struct sched_mutex *m)
{
	STEP("cond wait", c, 0);
	return cond_sleep(c, m, NEVER);
}

int sched_cond_timedwait(struct sched_cond *c, struct sched_mutex *m, const struct timespec *deadline)
{
	STEP("cond wait", c, instant(deadline));
	return cond_sleep(c, m, instant(deadline));
}

int sched_cond_signal(struct sched_cond *c)
{
	STEP("cond signal", c, 0);
	if (c->exists != 1)
		sched_fail("a signal to a condition variable that is no more");
	futex_wake(c);
	return 0;
}

/* ---------------------------------------------------------------------------- memory */

/*
 * Blocks lie one behind the other, each after its head.  One that was given back is
 * filled, and at the end must still be so; in every other schedule such blocks are
 * used again first, so that one comes back at the same address.
 */
struct block {
	size_t size;            /* rounded up */
	bool alive;
	struct block *older;    /* of those to be used again */
};

enum { BLOCK_HEAD = 32, FRESH_BYTE = 0xa5 };

_Static_assert(sizeof(struct block) <= BLOCK_HEAD, "a head fits");

static unsigned char heap[HEAP_SIZE] __attribute__((aligned(64)));
static size_t heap_used;
static struct block *given_back;

static struct block *block_again(size_t size)
{
	for (struct block **b = &given_back; run.reuses && *b; b = &(*b)->older)
		if ((*b)->size == size) {
			struct block *found = *b;

			*b = found->older;
			return found;
		}
	return NULL;
}

void *sched_malloc(size_t size)
{
	struct block *b;

	STEP("malloc", NULL, size);
	size = (size + BLOCK_HEAD - 1) & ~(size_t)(BLOCK_HEAD - 1);
	b = block_again(size);
	if (!b) {
		if (size > HEAP_SIZE - heap_used - BLOCK_HEAD)
			sched_fail("the heap is used up");
		b = (struct block *)(void *)(heap + heap_used);
		heap_used += BLOCK_HEAD + size;
	}
	b->size = size;
	b->alive = true;
	memset((unsigned char *)b + BLOCK_HEAD, FRESH_BYTE, size);
	return (unsigned char *)b + BLOCK_HEAD;
}

void sched_free(void *p)
{
	struct block *b = (struct block *)(void *)((unsigned char *)p - BLOCK_HEAD);

	STEP("free", p, 0);
	if (!p)
		return;
	if (!b->alive)
		sched_fail("memory is given back twice, at %p", p);
	b->alive = false;
	b->older = given_back;
	given_back = b;
	memset(p, SCHED_DEAD_BYTE, b->size);
}

size_t sched_blocks(void)
{
	size_t n = 0;

	for (size_t at = 0; at < heap_used;) {
		const struct block *b = (const struct block *)(const void *)(heap + at);

		n += b->alive;
		at += BLOCK_HEAD + b->size;
	}
	return n;
}

static bool is_untouched(const struct block *b)
{
	const unsigned char *p = (const unsigned char *)b + BLOCK_HEAD;

	return p[0] == SCHED_DEAD_BYTE && memcmp(p, p + 1, b->size - 1) == 0;
}

/* Everything was given back, and left alone afterwards. */
static void check_memory(void)
{
	for (size_t at = 0; at < heap_used;) {
		const struct block *b = (const struct block *)(const void *)(heap + at);

		if (b->alive)
			sched_fail("%zu bytes are not given back", b->size);
		if (b->size > 0 && !is_untouched(b))
			sched_fail("memory was written to after it was given back");
		at += BLOCK_HEAD + b->size;
	}
	for (int i = 0; i < event_count; i++)
		if (events[i].open)
			sched_fail("a descriptor was not closed");
}

/* ----------------------------------------------------------------- failing, reporting */

void sched_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(run.failure, sizeof(run.failure), format, args);
	va_end(args);
	run.failed = true;
	if (current < 0)
		longjmp(outside_jump, 1);
	examine();
	setcontext(&outside);
	abort();
}

static void on_crash(int signal)
{
	sched_fail("signal %d", signal);
}

/* Each task that has not ended says where it stands. */
static void examine_all(void)
{
	int failing = current;

	run.autopsy = true;
	for (int i = 0; i < SCHED_TASKS_MAX; i++) {
		if (i == failing || tasks[i].state == ABSENT)
			continue;
		current = i;
		swapcontext(&outside, &tasks[i].context);
	}
	run.autopsy = false;
	current = -1;
}

/* What addr2line says of the addresses, a line each: the function, and the one that it
 * is inlined into. */
static FILE *open_symbols(const char *list)
{
	char exe[512], command[1024];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < 0)
		return NULL;
	exe[n] = '\0';
	snprintf(command, sizeof(command),
	         "addr2line -e '%s' -f -i -p -s <%s 2>/dev/null | awk '"
	         "/^ \\(inlined by\\)/ { if (++n < 3) { sub(/^ .inlined by. /, \"\"); line = line \" < \" $0 }; next } "
	         "{ if (NR > 1) print line; line = $0; n = 0 } END { print line }'",
	         exe, list);
	return popen(command, "r");
}

static void print_line(FILE *symbols, const void *address)
{
	char line[512] = "";

	if (symbols && fgets(line, sizeof(line), symbols)) {
		line[strcspn(line, "\n")] = '\0';
		fputs(line, stdout);
	} else {
		printf("%p", address);
	}
}

static const void *call_of(const void *site)
{
	return (const char *)site - 1;
}

static void list_sites(FILE *list, uint64_t from)
{
	for (uint64_t i = from; i < traced; i++)
		if (trace[i].site)
			fprintf(list, "%p\n", call_of(trace[i].site));
	for (int i = 0; i < SCHED_TASKS_MAX; i++)
		for (int k = 0; k < tasks[i].depth; k++)
			fprintf(list, "%p\n", call_of(tasks[i].frames[k]));
	fclose(list);
}

static void print_trace(FILE *symbols, uint64_t from)
{
	for (uint64_t i = from; i < traced; i++) {
		const struct step *s = &trace[i];

		printf("  %6llu ", (unsigned long long)i);
		if (s->task >= 0) /* not before they began, or after they ended */
			printf("%*sT%d ", 2 * s->task, "", s->task);
		if (s->site) {
			print_line(symbols, s->site);
			printf("  %s [%p] %llu\n", s->what ? s->what : "", s->object,
			       (unsigned long long)s->value);
		} else {
			printf("--- %s %llu\n", s->what, (unsigned long long)s->value);
		}
	}
}

static void print_stacks(FILE *symbols)
{
	for (int i = 0; i < SCHED_TASKS_MAX; i++) {
		if (tasks[i].depth == 0)
			continue;
		printf("  T%d stands at\n", i);
		for (int k = 0; k < tasks[i].depth; k++) {
			printf("      ");
			print_line(symbols, tasks[i].frames[k]);
			putchar('\n');
		}
	}
}

static void report(bool all)
{
	enum { LAST = 150 };
	uint64_t from = all || traced < LAST ? 0 : traced - LAST;
	char path[] = "/tmp/schedules-XXXXXX";
	int fd = mkstemp(path);
	FILE *list = fd >= 0 ? fdopen(fd, "w") : NULL, *symbols = NULL;

	if (list) {
		list_sites(list, from);
		symbols = open_symbols(path);
	}
	printf("  step, task, where  what [object] value\n");
	print_trace(symbols, from);
	print_stacks(symbols);
	if (symbols)
		pclose(symbols);
	if (fd >= 0)
		unlink(path);
}

/* ---------------------------------------------------------------------- one schedule */

static void enter_task(void)
{
	resumed();
	run.scenario->task(current);
	tasks[current].state = ABSENT;
	for (int i = 0; i < SCHED_TASKS_MAX; i++)
		if (tasks[i].state != ABSENT)
			go_on_with(choose());
	setcontext(&outside);
}

static void make_tasks(void)
{
	int n = run.scenario->tasks;

	for (int i = 0; i < n; i++) {
		struct task *t = &tasks[i];

		getcontext(&t->context);
		t->context.uc_stack.ss_sp = stacks[i];
		t->context.uc_stack.ss_size = STACK_SIZE;
		t->context.uc_link = NULL;
		makecontext(&t->context, enter_task, 0);
		t->state = RUNNABLE;
		t->saved_errno = 0;
		memset(t->tls, 0, sizeof(t->tls));
	}
	for (int i = 0; i < n; i++) { /* a permutation of 1 to n */
		int other = (int)sched_pick((unsigned)i + 1);

		tasks[i].priority = tasks[other].priority;
		tasks[other].priority = i + 1;
	}
}

/* Where somebody is interrupted: earlier or later than those before, so which of
 * them ends up lowest is random as well. */
static void plan(uint64_t length)
{
	unsigned n = length ? (sched_pick(CHANGES_MAX * 5 + 1) + 4) / 5 : 0; /* none one time in sixteen */

	for (unsigned i = 0; i < n; i++) {
		uint64_t at = 1 + sched_pick((unsigned)length);
		unsigned k = i;

		for (; k > 0 && run.changes[k - 1].at > at; k--)
			run.changes[k] = run.changes[k - 1];
		run.changes[k].at = at;
		run.changes[k].priority = -1 - (int)i;
	}
	run.changes[n].at = NEVER;
	run.lowest = -CHANGES_MAX;
}

static void prepare(const struct scenario *s, enum strategy strategy, uint64_t seed, uint64_t length)
{
	memset(&run, 0, sizeof(run));
	for (int i = 0; i < SCHED_TASKS_MAX; i++) {
		tasks[i].state = ABSENT;
		tasks[i].depth = 0;
		tasks[i].priority = 0;
	}
	memset(__start_sched_tls, 0, tls_size());
	run.scenario = s;
	run.strategy = strategy;
	run.random = seed * SCHED_STRATEGIES + strategy;
	run.now = UINT64_C(1000000000000);
	run.interrupts = sched_pick(4) == 0;
	run.reuses = sched_pick(2) == 0;
	plan(length);
	traced = 0;
	heap_used = 0;
	given_back = NULL;
	event_count = 0;
	current = -1;
}

/* False: it failed. */
static bool perform(const struct scenario *s, enum strategy strategy, uint64_t seed, uint64_t length)
{
	static volatile bool ended; /* the context is come back to */

	prepare(s, strategy, seed, length);
	if (setjmp(outside_jump) != 0)
		return false;
	s->before();
	make_tasks();
	ended = false;
	getcontext(&outside);
	if (!ended) {
		ended = true;
		current = choose();
		setcontext(&tasks[current].context);
	}
	if (run.failed)
		return false;
	current = -1;
	s->after();
	check_memory();
	return true;
}

/* How many steps its schedules take, at most, if nobody is interrupted. */
static uint64_t scenario_length(const struct scenario *s, enum strategy strategy)
{
	static const struct scenario *measured[SCHED_STRATEGIES];
	static uint64_t length[SCHED_STRATEGIES];

	if (measured[strategy] == s)
		return length[strategy];
	measured[strategy] = s;
	length[strategy] = 1;
	for (uint64_t seed = 0; seed < PROBES; seed++)
		if (perform(s, strategy, ~seed, 0) && run.steps > length[strategy])
			length[strategy] = run.steps;
	return length[strategy];
}

static void listen_for_crashes(void)
{
	static unsigned char stack[64 * 1024];
	static bool listening;
	stack_t own = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_flags = SA_ONSTACK | SA_NODEFER };
	void *frame;

	if (listening)
		return;
	listening = true;
	backtrace(&frame, 1); /* its library is loaded now, not in a handler */
	action.sa_handler = on_crash;
	sigaltstack(&own, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	sigaction(SIGABRT, &action, NULL);
}

bool sched_run(const struct scenario *s, enum strategy strategy, uint64_t seed, bool verbose,
               uint64_t *digest, uint64_t *steps)
{
	uint64_t length;
	bool ok;

	if (tls_size() > TLS_MAX)
		abort();
	listen_for_crashes();
	length = scenario_length(s, strategy);
	ok = perform(s, strategy, seed, length);
	*digest = run.digest;
	*steps = run.steps;
	if (ok && !verbose)
		return true;
	if (!ok) {
		examine_all();
		printf("FAIL: %s, strategy %s, seed %llu: %s\n", s->name, sched_strategies[strategy],
		       (unsigned long long)seed, run.failure);
	}
	report(verbose);
	if (!ok)
		printf("  again: schedules --replay %llu %s %s\n", (unsigned long long)seed,
		       sched_strategies[strategy], s->name);
	fflush(stdout);
	return ok;
}
