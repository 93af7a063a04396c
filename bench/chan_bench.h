/* chan_bench.h - between chan_bench.c and its scenarios */
#ifndef CHAN_BENCH_H
#define CHAN_BENCH_H

#include "harness.h"

/* chan_select.c */
void chan_select_sending(struct bench_party *);
void chan_select_receiving(struct bench_party *);

/* chan_event.c */
void chan_receiving_in_loop(struct bench_party *);
void chan_receiving_in_task(struct bench_party *);

#endif
