/*
 * model.h - what seams.h and the scenarios know of the model checker
 *
 * No header of Relacy: its macros take names such as new, free and EAGAIN.
 */
#ifndef CHAN_TESTS_RELACY_MODEL_H
#define CHAN_TESTS_RELACY_MODEL_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* ------------------------------------------------------------- for the seams */

enum model_order { MODEL_relaxed, MODEL_acquire, MODEL_release, MODEL_acq_rel, MODEL_seq_cst };
enum model_op { MODEL_exchange, MODEL_fetch_add, MODEL_fetch_sub, MODEL_fetch_or, MODEL_fetch_and };

struct model_at {
	const char *where;
	int line;
};

enum { MODEL_CELL = 80 };

void model_init32(void *a, uint32_t v, model_at at);
void model_fini32(void *a);
uint32_t model_load32(const void *a, model_order o, model_at at);
void model_store32(void *a, uint32_t v, model_order o, model_at at);
bool model_cas32(void *a, uint32_t *expected, uint32_t v, model_order o, model_order failure, model_at at);
uint32_t model_rmw32(void *a, model_op op, uint32_t v, model_order o, model_at at);

void model_init64(void *a, uint64_t v, model_at at);
void model_fini64(void *a);
uint64_t model_load64(const void *a, model_order o, model_at at);
void model_store64(void *a, uint64_t v, model_order o, model_at at);
bool model_cas64(void *a, uint64_t *expected, uint64_t v, model_order o, model_order failure, model_at at);
uint64_t model_rmw64(void *a, model_op op, uint64_t v, model_order o, model_at at);

void model_fence_light(model_at at);
void model_fence_heavy(model_at at);
/* Has this execution membarrier(2)? */
bool model_fence_is_free();
/* The calling thread's word; before and after, that of one more. */
size_t model_thread();
void model_copy(void *to, const void *from, size_t size, model_at at);
void model_swap(void *a, void *b, size_t size, model_at at);

/*
 * The mutant, where the sources are instrumented (orders.h): the operation number
 * `site` has these orders, or is not there.
 */
struct model_mutant {
	int site; /* 0: there is none */
	model_order order;
	model_order failure;
	bool dropped;
	uint64_t times; /* so often it was come by */
};

extern model_mutant model_mutant_now;

model_order model_order_at(int site, model_order order);
model_order model_failure_at(int site, model_order failure);
bool model_dropped_at(int site);

long model_futex(long number, void *word, int op, uint32_t value, const struct timespec *deadline,
                 void *unused, int bits);

struct model_mutex { void *impl; };
struct model_cond { void *impl; };

int model_mutex_init(model_mutex *m, const void *attr);
int model_mutex_destroy(model_mutex *m);
int model_mutex_lock(model_mutex *m);
int model_mutex_trylock(model_mutex *m);
int model_mutex_unlock(model_mutex *m);
int model_cond_init(model_cond *c, const void *attr);
int model_cond_destroy(model_cond *c);
int model_cond_wait(model_cond *c, model_mutex *m);
int model_cond_timedwait(model_cond *c, model_mutex *m, const struct timespec *deadline);
int model_cond_signal(model_cond *c);
int model_cond_broadcast(model_cond *c);

/* Descriptors.  A number that was closed does not come again in the execution, and
 * whoever uses it fails. */
int model_event_open(void);
void model_event_raise(int fd);
bool model_event_lower(int fd);
void model_event_close(int fd);
/* From now on it may raise itself, or no more. */
void model_event_arm(int fd, bool armed);

/* -------------------------------------------------------- for what is below them */

void *model_alloc(size_t size);
void model_free(void *p, size_t size);
void model_yield(void);
/* Has the calling thread slept up to a deadline since it set one? */
bool model_timed_out(void);
void model_set_deadline(void);

/* ---------------------------------------------------------- for the scenarios */

enum { MODEL_THREADS_MAX = 4 };

struct scenario {
	const char *name;
	int threads;
	void (*before)(void);
	void (*thread)(int index);
	void (*after)(void);
	int variant; /* what before() makes of it */
};

/* The one that runs. */
extern const scenario *model_scenario;

/* Executions [first, last] of the scenario, seeded by their numbers; true if
 * none failed.  A failing one is printed with its history. */
bool model_run(const scenario *s, uint64_t first, uint64_t last);

/*
 * One after the other instead of at random: every execution with at most so many
 * preemptions, and so many surprises: a value that is not the newest, a wake-up for
 * no reason, a deadline that passes while others run, memory that comes out again at
 * once.  Who goes on after one that cannot, whom a wake-up finds: all of it is tried.
 */
struct model_bounds {
	bool set;
	unsigned preemptions;
	unsigned surprises;
};

extern model_bounds model_bounds_now;

/* Up to `most` of them with membarrier(2) and as many without; how many, and whether
 * that was all. */
bool model_search(const scenario *s, uint64_t most, uint64_t *executions, bool *all);

/* Below `limit`, part of what the scheduler decides; in a search the last one. */
unsigned model_rand(unsigned limit);
/* True one time in so many; in a search a surprise. */
bool model_surprise(unsigned times);
/* The execution fails if `ok` is false. */
void model_check(bool ok, const char *what);
/* A line in the history. */
void model_say(const char *what);
/* As a plain access of `size` bytes by the calling thread, for race detection. */
void model_wrote(const void *p, size_t size);
void model_read(const void *p, size_t size);

/* Until the descriptor is readable; with `edge`, also until it was raised since
 * *edge was written here.  UINT_MAX: has it been raised at all? */
void model_event_wait(int fd, unsigned *edge);
bool model_event_is_raised(int fd);

/* Memory of the program in which the library makes atomics that it never unmakes,
 * until it is given back. */
void model_lend(void *p, size_t size);
void model_take_back(void *p, size_t size);

/* Two counts, each with a wait queue (count.h): down waits for either of the first n;
 * 0 and *which, EPIPE or ETIMEDOUT. */
void queue_make(void);
void queue_unmake(void);
void queue_up(int which);
void queue_close(int which);
int queue_down(int n, bool timed, int *which);

/* Slots of a block of the list, from now on; 2 or 4. */
extern size_t model_per_block;
/* One allocation in so many fails; 0: none. */
extern unsigned model_scarcity;

#endif
