/*
 * process.c - one-time set-up
 */
#include "base/process.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_once_t process_once = PTHREAD_ONCE_INIT;
static unsigned process_cpus = 1;   /* written once, under process_once */
static char process_flavor[32];     /* the same */
static chan__u32 process_forks;     /* written by fork's child alone */

#ifndef CHAN_THREAD_POINTER

size_t chan__thread_self(void)
{
	static _Thread_local uint32_t mine;

	return (size_t)&mine;
}

#endif

#ifdef __linux__

/* More CPUs than a cpu_set_t holds make the call fail; then there are many. */
static long process_count_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return CPU_COUNT(&set);
	return sysconf(_SC_NPROCESSORS_ONLN);
}

#else

static long process_count_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

#endif

static void process_forked(void)
{
	chan__u32_fetch_add_relaxed(&process_forks, 1);
}

/* A name that is too long is none of ours. */
static void process_read_flavor(void)
{
	const char *name = NULL;

	if (getuid() == geteuid() && getgid() == getegid())
		name = getenv("CHAN_FLAVOR");
	if (name && strlen(name) < sizeof(process_flavor))
		memcpy(process_flavor, name, strlen(name) + 1);
}

static void process_init(void)
{
	int saved = errno;
	long cpus = process_count_cpus();

	process_read_flavor();
	if (cpus > 1)
		process_cpus = (unsigned)cpus;
	pthread_atfork(NULL, NULL, process_forked);
	chan__fence_setup();
	errno = saved;
}

void chan__process_setup(void)
{
	pthread_once(&process_once, process_init);
}

unsigned chan__process_cpus(void)
{
	return process_cpus;
}

uint32_t chan__process_generation(void)
{
	return chan__u32_load_relaxed(&process_forks);
}

const char *chan__process_flavor(void)
{
	return process_flavor[0] ? process_flavor : NULL;
}
