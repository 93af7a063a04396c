/*
 * skips.h - tests/SKIPS: what may be left out, and why
 */
#ifndef CHAN_TESTS_SKIPS_H
#define CHAN_TESTS_SKIPS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether there is a line for `name`; its reason goes into `text`. */
bool skip_reason(const char *name, char *text, size_t size);

#endif
