/*
 * world.cpp - what src/base/ brings to the library, for the model
 *
 * Compiled like the sources, with seams.h before it.  There is no time: a
 * deadline passes when the scheduler says so, or while somebody looks.
 */
#include "base/random.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/memory.h"
#include "base/process.h"

/* ---------------------------------------------------------------------- memory */

void *chan__memory_get(const struct chan__memory *m, size_t size)
{
	(void)m;
	return model_alloc(size);
}

void chan__memory_put(const struct chan__memory *m, void *ptr, size_t size)
{
	(void)m;
	model_free(ptr, size);
}

struct chan__callback chan__callback_enter(void)
{
	struct chan__callback guard = { 0, 0 };

	return guard;
}

void chan__callback_leave(struct chan__callback guard)
{
	(void)guard;
}

/* An atomic is large here, and so is the state of a slot. */
bool chan__slot_layout(size_t msg_size, size_t *offset, size_t *stride)
{
	*offset = MODEL_CELL;
	*stride = MODEL_CELL + chan__round_up(msg_size);
	return true;
}

bool chan__block_layout(size_t stride, size_t header, size_t *per_block, size_t *block_size)
{
	*per_block = model_per_block;
	*block_size = header + *per_block * stride;
	return true;
}

/* ----------------------------------------------------------------------- clock */

void chan__clock_now(struct timespec *now)
{
	now->tv_sec = 0;
	now->tv_nsec = 0;
}

/* Now and then much time has passed. */
uint64_t chan__clock_ns(void)
{
	return model_rand(4) == 0 ? UINT64_C(1) << 40 : 0;
}

struct chan__deadline chan__deadline_after(uint64_t timeout_ns)
{
	struct chan__deadline d = { timeout_ns == UINT64_MAX, { 1, 0 } };

	model_set_deadline();
	return d;
}

struct chan__deadline chan__deadline_at(const struct timespec *at)
{
	return chan__deadline_after(at ? 1 : UINT64_MAX);
}

struct chan__deadline chan__deadline_ns(uint64_t ns)
{
	struct chan__deadline d = { ns == UINT64_MAX, { (time_t)ns, 0 } };

	return d;
}

bool chan__deadline_before(const struct chan__deadline *a, const struct chan__deadline *b)
{
	return !a->forever && b->forever;
}

bool chan__deadline_passed(const struct chan__deadline *d)
{
	return !d->forever && (model_timed_out() || model_surprise(4));
}

/* ----------------------------------------------------------------- descriptors */

int chan__event_open(struct chan__event *e)
{
	e->fd = e->other = model_event_open();
	return 0;
}

void chan__event_raise(struct chan__event *e)
{
	model_event_raise(e->fd);
}

bool chan__event_lower(struct chan__event *e)
{
	return model_event_lower(e->fd);
}

void chan__event_close(struct chan__event *e)
{
	model_event_close(e->fd);
}

int chan__event_open_timer(struct chan__event *e)
{
	return chan__event_open(e);
}

/* What is past comes soon, like everything else. */
void chan__event_arm(struct chan__event *e, const struct chan__deadline *at)
{
	model_event_arm(e->fd, !at->forever);
}

/* ---------------------------------------------------------------------- random */

/* Spread over all bits, as users take what they need from the low and the high ones. */
uint64_t chan__random_seed(void)
{
	return (1 + (uint64_t)model_rand(1u << 20)) * UINT64_C(0x9e3779b97f4a7c15);
}

/* --------------------------------------------------------------------- process */

void chan__yield(void)
{
	model_yield();
}

void chan__process_setup(void) {}

unsigned chan__process_cpus(void)
{
	return 2;
}

const char *chan__process_flavor(void)
{
	return NULL;
}

uint32_t chan__process_generation(void)
{
	return 0;
}

/* -------------------------------------------------------- a queue and nothing else */

#include "count.h"

static struct count counts[2];

void queue_make(void)
{
	for (struct count &c : counts)
		count_init(&c);
}

void queue_unmake(void)
{
	for (struct count &c : counts)
		count_fini(&c);
}

void queue_up(int which) { count_up(&counts[which]); }
void queue_close(int which) { count_close(&counts[which]); }

int queue_down(int n, bool timed, int *which)
{
	struct chan__deadline d = chan__deadline_after(timed ? 1 : UINT64_MAX);

	return count_down(counts, n, &d, which);
}
