/* chan_select.c - a thread that selects over all channels of the run */
#include <stdlib.h>

#include <chan.h>

#include "chan_bench.h"
#include "loops.h"

/* The cases stay as they are from call to call, and share the message. */
static chan_case_t *cases_for(struct bench_party *p, bool send)
{
	chan_case_t *cases = bench_allocate(p->run->channels * sizeof(*cases));

	for (unsigned i = 0; i < p->run->channels; i++) {
		if (send)
			cases[i].sender = p->run->ends[i].to;
		else
			cases[i].receiver = p->run->ends[i].from;
		cases[i].msg = p->message;
	}
	return cases;
}

BENCH_INLINE void select_one(chan_case_t *cases, size_t n)
{
	size_t which;

	bench_must(chan_select(cases, n, 0, &which), "chan_select");
	bench_must(cases[which].status, "the chosen case");
}

void chan_select_sending(struct bench_party *p)
{
	chan_case_t *cases = cases_for(p, true);

	for (uint64_t n = 0; n < p->count; n++) {
		bench_put(p->message, p->first + n);
		select_one(cases, p->run->channels);
	}
	free(cases);
}

void chan_select_receiving(struct bench_party *p)
{
	chan_case_t *cases = cases_for(p, false);

	for (uint64_t n = 0; n < p->count; n++) {
		select_one(cases, p->run->channels);
		bench_take(p);
	}
	free(cases);
}
