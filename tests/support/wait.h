/*
 * wait.h - waiting for states, and measuring time
 *
 * A test waits until something is so; it never guesses how long that takes.
 */
#ifndef CHAN_TESTS_WAIT_H
#define CHAN_TESTS_WAIT_H

#include <sys/types.h>

#include "support/must.h"

/* Until the expression is true; fails the test after a generous while. */
#define wait_for(expression)                                                    \
	do {                                                                    \
		uint64_t wait_end_ = wait_limit();                              \
		while (!(expression))                                           \
			wait_turn(wait_end_, __FILE__, __LINE__, #expression);  \
	} while (0)

uint64_t wait_limit(void);
void wait_turn(uint64_t end, const char *file, int line, const char *what);

/* Until the kernel has put the thread to sleep and it stays so. */
void wait_asleep(pid_t tid);

/* The calling thread's number in the kernel. */
pid_t wait_tid(void);

uint64_t now_ns(void);

/* About this long, by looking at the clock: finer than the kernel wakes.  For
 * races that are to meet at every instant. */
void wait_spinning(uint64_t ns);

/* Lets time pass, for tests that measure what happens meanwhile.  `reason`
 * says what is measured; to wait for something, use wait_for(). */
void wait_pass(uint64_t ns, const char *reason);

#endif
