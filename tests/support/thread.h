/*
 * thread.h - threads that a test can look at
 */
#ifndef CHAN_TESTS_THREAD_H
#define CHAN_TESTS_THREAD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "support/must.h"

struct worker {
	pthread_t thread;
	_Atomic pid_t tid;  /* 0 until it runs */
	atomic_bool ended;
	atomic_bool held;   /* in worker_hold() */
	sem_t turn;
	void (*run)(void *arg);
	void *arg;
};

void worker_start(struct worker *w, void (*run)(void *arg), void *arg);
void worker_start_small(struct worker *w, void (*run)(void *arg), void *arg, size_t stack);
void worker_wait_asleep(struct worker *w);
void worker_join(struct worker *w);

/* For measuring what a call costs its thread: threads that are made, or end, or
 * enter the kernel all at once stop each other there.  So all are made first and
 * held; then one at a time is let on, until it is held again or sleeps. */
void worker_hold(struct worker *w); /* by the worker itself */
void worker_let_on(struct worker *w);

/* errno is left alone, for who is held at a pause point; musl's sem_wait changes it even when
 * it succeeds. */
void wait_sem(sem_t *sem);

/* A gate that opens when `n` threads stand before it: races start together. */
struct gate {
	atomic_uint missing;
};

void gate_init(struct gate *g, unsigned n);
void gate_pass(struct gate *g);

/* A small generator for each thread, so that no lock orders the threads. */
struct dice {
	uint64_t state;
};

size_t dice_roll(struct dice *d, size_t below);
uint64_t dice_number(struct dice *d); /* any of 64 bits, for seeds */

/* Of this process, and a few more that are always there. */
size_t open_descriptors(void);

#endif
