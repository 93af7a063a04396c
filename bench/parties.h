/* parties.h - the threads of a run; between harness.c and parties.c */
#ifndef BENCH_PARTIES_H
#define BENCH_PARTIES_H

#include "harness.h"

struct bench_cost {
	uint64_t wall, user, system; /* ns */
	uint64_t voluntary, involuntary;
};

struct bench_outcome {
	struct bench_cost cost;
	uint64_t         *latency; /* ascending; NULL if the scenario has none */
	uint64_t          samples;
	size_t            heap;    /* bytes of all channels, in the memory scenario */
};

/* How many channels a run needs, and in how many equal parts its messages must
 * fall. */
unsigned bench_channels(const struct bench_run *);
unsigned bench_parts(const struct bench_run *);

/* Runs the parties of the cell; fails if anything but what was sent arrived. */
struct bench_outcome bench_time(struct bench_run *);

#endif
