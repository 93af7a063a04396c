/*
 * world.c - what src/base/ brings to the library, for the scheduler
 *
 * Compiled like the sources, with seams.h before it: what asks the system, or is
 * to be another every time.
 */
#include "world.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/memory.h"
#include "base/random.h"
#include "flavor.h"

/* ----------------------------------------------------------------- descriptors */

int chan__event_open(struct chan__event *e)
{
	e->fd = e->other = sched_event_open();
	return 0;
}

void chan__event_raise(struct chan__event *e)
{
	sched_event_raise(e->fd);
}

bool chan__event_lower(struct chan__event *e)
{
	return sched_event_lower(e->fd);
}

void chan__event_close(struct chan__event *e)
{
	sched_event_close(e->fd);
}

int chan__event_open_timer(struct chan__event *e)
{
	return chan__event_open(e);
}

void chan__event_arm(struct chan__event *e, const struct chan__deadline *at)
{
	uint64_t ns = UINT64_MAX;

	if (!at->forever)
		ns = at->at.tv_sec < 0 ? 0 : (uint64_t)at->at.tv_sec * 1000000000 + (uint64_t)at->at.tv_nsec;
	sched_event_arm(e->fd, ns);
}

/* ---------------------------------------------------------------------- blocks */

bool __real_chan__block_layout(size_t stride, size_t header, size_t *per_block, size_t *block_size);
bool __wrap_chan__block_layout(size_t stride, size_t header, size_t *per_block, size_t *block_size);

/* As it says, but small, so that a few messages fill one: two slots, or four. */
bool __wrap_chan__block_layout(size_t stride, size_t header, size_t *per_block, size_t *block_size)
{
	if (!__real_chan__block_layout(stride, header, per_block, block_size))
		return false;
	*per_block = sched_pick(2) == 0 ? 2 : 4;
	*block_size = header + *per_block * stride;
	return true;
}

/* --------------------------------------------------------------- random, process */

/* Spread over all bits, as users take what they need from the low and the high ones. */
uint64_t chan__random_seed(void)
{
	return (1 + (uint64_t)sched_pick(1u << 30)) * UINT64_C(0x9e3779b97f4a7c15);
}

void chan__yield(void)
{
	sched_yield();
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

/* ----------------------------------------------------------------------- kinds */

struct kind world_kinds[32];
int world_kind_count;

static void add_kind(const struct chan__flavor *f, size_t capacity, bool drop_oldest)
{
	struct kind *k = &world_kinds[world_kind_count++];
	char size[24] = "list";

	if (capacity != CHAN_UNBOUNDED)
		snprintf(size, sizeof(size), "%zu", capacity);
	snprintf(k->name, sizeof(k->name), "%s-%s%s", f->name, size, drop_oldest ? "-drop" : "");
	k->flavor = f->id;
	k->capacity = capacity;
	k->drop_oldest = drop_oldest;
	k->subscribes = f->subscribe != NULL;
	k->once = f->on_request && !f->subscribe;
}

void world_setup(void)
{
	static const size_t capacities[] = { 0, 1, 2, CHAN_UNBOUNDED };

	for (int i = 0; chan__flavors[i]; i++)
		for (int c = 0; c < 4; c++) {
			const struct chan__flavor *f = chan__flavors[i];
			bool room = capacities[c] != 0 && capacities[c] != CHAN_UNBOUNDED;

			if (!f->create || !f->serves(capacities[c]))
				continue;
			add_kind(f, capacities[c], false);
			if (f->can_overwrite && room)
				add_kind(f, capacities[c], true);
		}
}
