/*
 * backoff.c - giving the CPU away
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
