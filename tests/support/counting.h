/*
 * counting.h - an allocator that counts, checks what it gets back, and fails
 * on demand
 */
#ifndef CHAN_TESTS_COUNTING_H
#define CHAN_TESTS_COUNTING_H

#include <pthread.h>

#include "support/must.h"

struct counting {
	pthread_mutex_t lock;
	size_t calls;     /* allocations asked for */
	size_t blocks;    /* allocations alive */
	size_t bytes;     /* their sizes */
	size_t peak;      /* the most blocks alive at once */
	size_t mistakes;  /* wrong size, wrong alignment, overrun, unknown pointer */
	size_t fail_from; /* the calls from this number on fail, counted from 0 ... */
	size_t fail_upto; /* ... up to this one, which does not */
};

void counting_init(struct counting *counting);
chan_allocator_t counting_allocator(struct counting *counting);
size_t counting_blocks(struct counting *counting);
size_t counting_calls(struct counting *counting);

/* Fail `n` calls after `skip` further ones; SIZE_MAX: for good. */
void counting_fail(struct counting *counting, size_t skip, size_t n);

/* Everything was given back, as it was taken. */
#define counting_must_balance(counting) \
	counting_check((counting), __FILE__, __LINE__)
void counting_check(struct counting *counting, const char *file, int line);

#endif
