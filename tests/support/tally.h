/*
 * tally.h - adds a program's counts to the file that CHAN_TALLY names, from
 * which the whole run's "N passed, N failed, N skipped" is made
 */
#ifndef CHAN_TESTS_TALLY_H
#define CHAN_TESTS_TALLY_H

#include <stddef.h>

struct tally {
	size_t passed, failed, skipped;
};

/* Does nothing when CHAN_TALLY is not set. */
void tally_append(const struct tally *tally);

#endif
