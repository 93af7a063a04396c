#include "support/cost.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/must.h"

static uint64_t in_ns(struct timeval t)
{
	return (uint64_t)t.tv_sec * CHAN_SEC + (uint64_t)t.tv_usec * CHAN_USEC;
}

void cost_start(struct cost *c)
{
	getrusage(RUSAGE_THREAD, &c->before);
}

void cost_stop(struct cost *c)
{
	struct rusage after;

	getrusage(RUSAGE_THREAD, &after);
	c->switches = (uint64_t)(after.ru_nvcsw - c->before.ru_nvcsw);
	c->cpu_ns = in_ns(after.ru_utime) + in_ns(after.ru_stime)
	          - in_ns(c->before.ru_utime) - in_ns(c->before.ru_stime);
}

bool cost_within(const struct cost *c, unsigned switches)
{
	return c->switches != 0 && c->switches <= switches * test_scale()
	    && c->cpu_ns <= 2 * CHAN_MSEC * test_scale();
}

static bool in_a_process(void (*measure)(void))
{
	int status = -1;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		alarm(60 * test_scale());
		setenv("CK_FORK", "no", 1); /* a failure here must not talk to Check */
		measure();
		_exit(0);
	}
	return child > 0 && waitpid(child, &status, 0) == child
	    && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool cost_measure(void (*measure)(void), bool (*keep)(void))
{
	for (unsigned round = 0; round < 3; round++) {
		if (!in_a_process(measure))
			return false;
		if (keep())
			break;
	}
	return true;
}

void *cost_shared_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}
