/*
 * cost.h - what a call costs the thread that makes it
 *
 * A blocked thread shall cost nothing.  The machine may charge a thread for what
 * is not its own: time in which the processor itself stood still, a lock of the
 * kernel that another process holds.  So a figure above the bound is measured
 * again, twice at most, and the bound itself stays.
 */
#ifndef CHAN_TESTS_COST_H
#define CHAN_TESTS_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

struct cost {
	uint64_t switches; /* voluntary context switches of the calling thread */
	uint64_t cpu_ns;   /* its processor time */
	struct rusage before;
};

void cost_start(struct cost *c);
void cost_stop(struct cost *c);

/* At most so many switches, and two milliseconds; nothing measured is not within. */
bool cost_within(const struct cost *c, unsigned switches);

/* Runs `measure` in a child process, which leaves its figures in memory that both
 * share, until `keep` says that all are within their bounds, three times at most.
 * False: a child failed. */
bool cost_measure(void (*measure)(void), bool (*keep)(void));

/* Memory for those figures; NULL when there is none. */
void *cost_shared_memory(size_t size);

#endif
