/*
 * random.h - seam: numbers that need only be fair
 */
#ifndef CHAN_BASE_RANDOM_H
#define CHAN_BASE_RANDOM_H

#include "base/compiler.h"

/* A seed, another one each time; per thread, without a destructor. */
CHAN__HIDDEN uint64_t chan__random_seed(void);

/*
 * A number below n, which is at least 1, and the next state.  Source: Marsaglia,
 * "Xorshift RNGs" (2003); the range by Lemire's multiplication, whose bias at
 * the sizes here is below one in a hundred million.
 */
static inline size_t chan__random_below(uint64_t *state, size_t n)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	if (chan__unlikely(n > UINT32_MAX))
		return (size_t)(x % n);
	return (size_t)(((x >> 32) * n) >> 32);
}

#endif
