/*
 * world.h - the kinds of channel that there are, for the scenarios
 */
#ifndef CHAN_TESTS_SCHED_WORLD_H
#define CHAN_TESTS_SCHED_WORLD_H

#include <chan.h>

struct kind {
	char name[48];
	chan_flavor_t flavor;
	size_t capacity;
	bool drop_oldest;
	bool subscribes;       /* each receiver gets a copy */
	bool once;             /* one message in all */
};

/* From the library's table: every flavor, at each capacity of 0, 1, 2 and none that
 * it serves, and dropping the oldest where it can. */
extern struct kind world_kinds[32];
extern int world_kind_count;
void world_setup(void);

#endif
