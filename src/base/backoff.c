/*
 * backoff.c - giving the CPU away, and the hook of the pause points
 */
#include "base/backoff.h"

#include <errno.h>
#include <sched.h>

void chan__yield(void)
{
	int saved = errno;

	sched_yield();
	errno = saved;
}
