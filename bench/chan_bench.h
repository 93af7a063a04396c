/* chan_bench.h - between chan_bench.c and its scenarios */
#ifndef CHAN_BENCH_H
#define CHAN_BENCH_H

#include "harness.h"

/* Makes one channel of the run's flavor, capacity and size. */
struct bench_ends channel_create(const struct bench_run *);

/* chan_select.c */
void chan_select_sending(struct bench_party *);
void chan_select_receiving(struct bench_party *);

/* chan_event.c */
void chan_receiving_in_loop(struct bench_party *);
void chan_receiving_in_task(struct bench_party *);

#endif
