#include "support/wait.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uint64_t limit_ns = 50 * CHAN_SEC;

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CHAN_SEC + (uint64_t)now.tv_nsec;
}

void wait_spinning(uint64_t ns)
{
	uint64_t end = now_ns() + ns;

	while (now_ns() < end)
		continue;
}

uint64_t wait_limit(void)
{
	return now_ns() + limit_ns * test_scale();
}

void wait_turn(uint64_t end, const char *file, int line, const char *what)
{
	if (now_ns() > end)
		test_fail(file, line, "waited in vain for: %s", what);
	sched_yield();
}

pid_t wait_tid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

struct schedule {
	char state;             /* 'S': asleep */
	unsigned long switches; /* how often it went to sleep */
};

static bool read_schedule(pid_t tid, struct schedule *s)
{
	char path[64], line[128];
	FILE *file;

	s->state = 0;
	s->switches = 0;
	snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)tid);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	while (fgets(line, sizeof(line), file) != NULL) {
		sscanf(line, "State: %c", &s->state);
		sscanf(line, "voluntary_ctxt_switches: %lu", &s->switches);
	}
	fclose(file);
	return true;
}

/* Asleep three times in a row without having been awake in between: a thread
 * that only passed through a lock is not taken for one that waits. */
void wait_asleep(pid_t tid)
{
	struct schedule before = { 0, 0 }, now;
	unsigned seen = 0;
	uint64_t end = wait_limit();

	while (seen < 3) {
		if (!read_schedule(tid, &now))
			return; /* gone: its result will say what happened */
		seen = now.state == 'S' && (seen == 0 || now.switches == before.switches) ? seen + 1 : 0;
		before = now;
		wait_turn(end, __FILE__, __LINE__, "a thread to block");
	}
}

/* The one place that lets time pass: waiting on a condition nobody signals. */
void wait_pass(uint64_t ns, const char *reason)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_condattr_t attr;
	pthread_cond_t never;
	struct timespec end;

	must(reason != NULL && *reason != '\0');
	chan_deadline(ns, &end);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&never, &attr);
	pthread_mutex_lock(&mutex);
	while (pthread_cond_timedwait(&never, &mutex, &end) == 0)
		continue;
	pthread_mutex_unlock(&mutex);
	pthread_cond_destroy(&never);
	pthread_condattr_destroy(&attr);
	pthread_mutex_destroy(&mutex);
}
