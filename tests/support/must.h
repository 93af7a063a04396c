/*
 * must.h - checks that cost nothing while they hold and work in any thread
 *
 * Check's own macros write to a file each time they pass, which would hide
 * races and change errno.  These report through Check only when they fail.
 */
#ifndef CHAN_TESTS_MUST_H
#define CHAN_TESTS_MUST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <chan.h>

/* No system call sets this one, so a call that touches errno is seen. */
#define TEST_ERRNO 4242

#define must(cond) \
	((cond) ? (void)0 : test_fail(__FILE__, __LINE__, "%s", #cond))

#define must_eq(got, want) \
	test_equal(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))

/* The call returns `want` and leaves errno alone. */
#define must_give(want, call) \
	test_result(__FILE__, __LINE__, #call, (want), (errno = TEST_ERRNO, (call)))

/* For calls that return no error number. */
#define must_keep_errno(statement)                                      \
	do {                                                            \
		errno = TEST_ERRNO;                                     \
		statement;                                              \
		test_errno(__FILE__, __LINE__, #statement);             \
	} while (0)

/* Which thread may leave a failed case by Check's own way. */
void test_begin(void);

_Noreturn void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void test_equal(const char *file, int line, const char *what, long long got, long long want);
void test_result(const char *file, int line, const char *what, int want, int got);
void test_errno(const char *file, int line, const char *what);

/* `n` divided by the environment's CHAN_TEST_SCALE, never under 1: valgrind
 * and ThreadSanitizer run the same tests with smaller counts. */
size_t test_scaled(size_t n);
unsigned test_scale(void);

/* Whether ThreadSanitizer looks on. */
bool test_under_thread_sanitizer(void);

/* Whether each case runs in a process of its own (CK_FORK is not "no"). */
bool test_forks(void);

#endif
