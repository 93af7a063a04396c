/*
 * calls.h - what a fuzzer, or a driver that repeats its inputs, calls
 */
#ifndef CHAN_FUZZ_CALLS_H
#define CHAN_FUZZ_CALLS_H

#include <stddef.h>
#include <stdint.h>

/* Makes the calls that these bytes mean; gives their number.  Aborts where the library
 * and the model differ. */
size_t make_calls(const uint8_t *data, size_t size);

#endif
