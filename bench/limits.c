/*
 * limits.c - what the machine takes for the steps that every channel is made of
 *
 * One line of JSON, ns.  Ratios between peers move with these: who sleeps goes by
 * "woken", who spins by "line".
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#ifdef SYS_futex
/* As in <linux/futex.h>, which not every C library comes with. */
enum { SLEEP = 0 | 128, WAKE = 1 | 128 };
#endif

enum { TRIES = 31, LEAST = 0, MEDIAN = TRIES / 2, LINES = 2000, LOCKED = 50000, CALLS = 2000, WAKES = 300, LINE = 128 };

/* Whose turn it is; and a second, so that the two sleepers have one each. */
static _Alignas(LINE) atomic_uint turn;
static _Alignas(LINE) atomic_uint other;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One of the tries by rank: the least, since what else runs only adds to it; or the median,
 * where the system may have put both threads on the same CPU. */
static void print(const char *name, double (*once)(void), int rank, const char *after)
{
	double found[TRIES];

	for (int i = 0; i < TRIES; i++)
		found[i] = once();
	qsort(found, TRIES, sizeof(*found), ascending);
	printf("\"%s\":%.1f%s", name, found[rank], after);
}

static double with_thread(void *(*theirs)(void *), void (*ours)(void), unsigned times)
{
	pthread_t thread;
	uint64_t start;

	atomic_store(&turn, 0);
	atomic_store(&other, 0);
	if (pthread_create(&thread, NULL, theirs, NULL)) {
		fputs("limits: no thread\n", stderr);
		exit(1);
	}
	start = now();
	ours();
	pthread_join(thread, NULL);
	return (double)(now() - start) / times;
}

/* -------------------------------------------------------- between two CPUs */

static void await(unsigned value)
{
	/* On one CPU the other one must get it. */
	for (unsigned i = 1; atomic_load_explicit(&turn, memory_order_acquire) != value; i++)
		if (i % 4096 == 0)
			sched_yield();
}

static void *answer(void *none)
{
	for (unsigned i = 0; i < LINES; i++) {
		await(2 * i + 1);
		atomic_store_explicit(&turn, 2 * i + 2, memory_order_release);
	}
	return none;
}

static void call(void)
{
	for (unsigned i = 0; i < LINES; i++) {
		atomic_store_explicit(&turn, 2 * i + 1, memory_order_release);
		await(2 * i + 2);
	}
}

static double line(void) { return with_thread(answer, call, LINES); }

/* ------------------------------------------------------------- one thread's */

static double locked(void)
{
	uint64_t start = now();

	for (unsigned i = 0; i < LOCKED; i++)
		atomic_fetch_add(&turn, 1);
	return (double)(now() - start) / LOCKED;
}

static double yield(void)
{
	uint64_t start = now();

	for (unsigned i = 0; i < CALLS; i++)
		sched_yield();
	return (double)(now() - start) / CALLS;
}

#ifdef SYS_futex
static void futex(atomic_uint *at, int what, unsigned value)
{
	syscall(SYS_futex, at, what, value, NULL, NULL, 0);
}

static double wake_nobody(void)
{
	uint64_t start = now();

	for (unsigned i = 0; i < CALLS; i++)
		futex(&turn, WAKE, 1);
	return (double)(now() - start) / CALLS;
}

/* ---------------------------------------------------------------- sleepers */

static void raise_it(atomic_uint *at, unsigned value)
{
	atomic_store(at, value);
	futex(at, WAKE, 1);
}

static void sleep_until(atomic_uint *at, unsigned value)
{
	unsigned seen;

	while ((seen = atomic_load(at)) < value)
		futex(at, SLEEP, seen);
}

static void *sleep_and_answer(void *none)
{
	for (unsigned i = 1; i <= WAKES; i++) {
		sleep_until(&turn, i);
		raise_it(&other, i);
	}
	return none;
}

static void call_and_sleep(void)
{
	for (unsigned i = 1; i <= WAKES; i++) {
		raise_it(&turn, i);
		sleep_until(&other, i);
	}
}

static double woken(void) { return with_thread(sleep_and_answer, call_and_sleep, WAKES); }
#endif

int main(void)
{
	putchar('{');
	print("line", line, LEAST, ",");
	print("locked", locked, LEAST, ",");
#ifdef SYS_futex
	print("wake_nobody", wake_nobody, LEAST, ",");
	print("woken", woken, MEDIAN, ",");
#endif
	print("yield", yield, LEAST, "}\n");
	return fflush(stdout) ? 1 : 0;
}
