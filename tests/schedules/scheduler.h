/*
 * scheduler.h - what seams.h, world.c and the scenarios know of the scheduler
 */
#ifndef CHAN_TESTS_SCHED_H
#define CHAN_TESTS_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* ------------------------------------------------------------------- for the seams */

/* What memory holds once it was given back, and an atomic once it was unmade. */
#define SCHED_DEAD_BYTE 0xdd
#define SCHED_DEAD      UINT64_C(0xdddddddddddddddd)

/* One step of the task that runs; others may come before it. */
void sched_point(const void *object);
/* What the step found or wrote, for the trace. */
void sched_saw(uint64_t value);
/* The step was on an atomic that is no more. */
_Noreturn void sched_dead(const void *object);

/* The running task's word; before and after, that of one more. */
size_t sched_self(void);

/* futex(2), of which the library knows two operations. */
long sched_futex(long number, ...);

struct sched_mutex { uint32_t held; };
struct sched_cond { uint32_t exists; };

int sched_mutex_init(struct sched_mutex *m, const void *attr);
int sched_mutex_destroy(struct sched_mutex *m);
int sched_mutex_lock(struct sched_mutex *m);
int sched_mutex_trylock(struct sched_mutex *m);
int sched_mutex_unlock(struct sched_mutex *m);
int sched_cond_init(struct sched_cond *c, const void *attr);
int sched_cond_destroy(struct sched_cond *c);
int sched_cond_wait(struct sched_cond *c, struct sched_mutex *m);
int sched_cond_timedwait(struct sched_cond *c, struct sched_mutex *m, const struct timespec *deadline);
int sched_cond_signal(struct sched_cond *c);

int sched_clock_gettime(int clock, struct timespec *now);
int sched_give_way(void);
void *sched_malloc(size_t size);
void sched_free(void *p);

int sched_event_open(void);
void sched_event_raise(int fd);
bool sched_event_lower(int fd);
void sched_event_close(int fd);
/* Lowered, and up again at that time; UINT64_MAX: never. */
void sched_event_arm(int fd, uint64_t at);

/* --------------------------------------------------------------- for the scenarios */

enum { SCHED_TASKS_MAX = 5 };

struct scenario {
	const char *name;
	int tasks;
	void (*before)(void);   /* before and after run alone, and must not block */
	void (*task)(int me);
	void (*after)(void);
};

/* The one that runs. */
const struct scenario *sched_scenario(void);

enum strategy { SCHED_PREEMPT, SCHED_PRIORITY, SCHED_STRATEGIES };

extern const char *const sched_strategies[SCHED_STRATEGIES];

/* Runs schedule `seed`.  False: it failed, and how is printed to stdout, with all
 * that was done if `verbose`.  *digest tells schedules apart. */
bool sched_run(const struct scenario *s, enum strategy strategy, uint64_t seed, bool verbose,
               uint64_t *digest, uint64_t *steps);

/* Below `limit`; part of what the seed decides. */
unsigned sched_pick(unsigned limit);
/* The schedule fails. */
_Noreturn void sched_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line in the trace. */
void sched_note(const char *what, uint64_t value);

/* The virtual clock.  It moves only when nobody can run. */
uint64_t sched_now(void);
void sched_sleep_until(uint64_t at);
/* Waits until the descriptor is up, or an edge has come since *edge (which is
 * updated); NULL: the level alone. */
void sched_poll(int fd, unsigned *edge);
bool sched_event_is_up(int fd);
/* What the library holds at the moment. */
size_t sched_blocks(void);
/* Waits, among tasks, for a word that another sets. */
void sched_await(const int *word);
void sched_set(int *word);

#endif
