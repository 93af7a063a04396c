/*
 * windows.h - small histories as text, for the other judge
 *
 *	window NAME<tab>CAPACITY good|bad [turns] [owners] [drops] [one]
 *	THREAD send|recv|close VALUE RESULT BEGAN ENDED
 *	...
 *	(an empty line)
 *
 * RESULT is ok, EAGAIN, EPIPE or other; CAPACITY is -1 without a limit.
 */
#ifndef CHAN_TESTS_WINDOWS_H
#define CHAN_TESTS_WINDOWS_H

#include "histories/history.h"

void window_print(FILE *out, const struct history *h, const char *name, bool good);

#endif
