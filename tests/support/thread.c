#include "support/thread.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>

#include "support/wait.h"

static void *enter(void *arg)
{
	struct worker *w = arg;

	atomic_store(&w->tid, wait_tid());
	w->run(w->arg);
	atomic_store(&w->ended, true);
	return NULL;
}

void worker_start_small(struct worker *w, void (*run)(void *arg), void *arg, size_t stack)
{
	pthread_attr_t attr;

	atomic_init(&w->tid, 0);
	atomic_init(&w->ended, false);
	atomic_init(&w->held, false);
	must_eq(sem_init(&w->turn, 0, 0), 0);
	w->run = run;
	w->arg = arg;
	must_eq(pthread_attr_init(&attr), 0);
	if (stack != 0)
		must_eq(pthread_attr_setstacksize(&attr, stack), 0);
	must_eq(pthread_create(&w->thread, &attr, enter, w), 0);
	pthread_attr_destroy(&attr);
}

void worker_start(struct worker *w, void (*run)(void *arg), void *arg)
{
	worker_start_small(w, run, arg, 0);
}

void worker_wait_asleep(struct worker *w)
{
	wait_for(atomic_load(&w->tid) != 0);
	if (!atomic_load(&w->ended))
		wait_asleep(atomic_load(&w->tid));
}

void worker_join(struct worker *w)
{
	must_eq(pthread_join(w->thread, NULL), 0);
	sem_destroy(&w->turn);
}

void worker_hold(struct worker *w)
{
	atomic_store(&w->held, true);
	while (sem_wait(&w->turn) != 0)
		must_eq(errno, EINTR);
	atomic_store(&w->held, false);
}

void worker_let_on(struct worker *w)
{
	wait_for(atomic_load(&w->held));
	worker_wait_asleep(w);
	must_eq(sem_post(&w->turn), 0);
	wait_for(!atomic_load(&w->held));
	worker_wait_asleep(w);
}

void wait_sem(sem_t *sem)
{
	int saved = errno;

	while (sem_wait(sem) != 0)
		must_eq(errno, EINTR);
	errno = saved;
}

void gate_init(struct gate *g, unsigned n)
{
	atomic_init(&g->missing, n);
}

void gate_pass(struct gate *g)
{
	atomic_fetch_sub(&g->missing, 1);
	while (atomic_load(&g->missing) != 0)
		sched_yield();
}

/* splitmix64 */
uint64_t dice_number(struct dice *d)
{
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

size_t dice_roll(struct dice *d, size_t below)
{
	return (size_t)(dice_number(d) % below);
}

size_t open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	must(dir != NULL);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}
