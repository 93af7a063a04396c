/*
 * random.c - seeds
 */
#include "base/random.h"

#include "base/clock.h"

#define RANDOM_STEP UINT64_C(0x9e3779b97f4a7c15)

static _Thread_local uint64_t random_state;

/* Threads begin apart by time and by address; then each takes steps of its own.
 * Source: the mixing is Steele, Lea and Flood's SplitMix (2014). */
uint64_t chan__random_seed(void)
{
	uint64_t z;

	if (chan__unlikely(random_state == 0))
		random_state = chan__clock_ns() ^ ((uint64_t)(uintptr_t)&random_state << 20);
	random_state += RANDOM_STEP;
	z = random_state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return z ? z : RANDOM_STEP; /* a state of zero would stay zero */
}
