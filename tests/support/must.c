#include "support/must.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#if defined(__SANITIZE_THREAD__)
#define UNDER_THREAD_SANITIZER true
#elif defined(__has_feature)
#define UNDER_THREAD_SANITIZER __has_feature(thread_sanitizer)
#else
#define UNDER_THREAD_SANITIZER false
#endif

static pthread_t case_thread;

void test_begin(void)
{
	case_thread = pthread_self();
}

bool test_under_thread_sanitizer(void)
{
	return UNDER_THREAD_SANITIZER;
}

bool test_forks(void)
{
	const char *value = getenv("CK_FORK");

	return value == NULL || strcmp(value, "no") != 0;
}

/* Without a process of its own a case is left by longjmp, which only the
 * thread that entered it can do; any other thread has to abort. */
void test_fail(const char *file, int line, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!test_forks() && !pthread_equal(pthread_self(), case_thread)) {
		fprintf(stderr, "%s:%d: %s\n", file, line, text);
		abort();
	}
	ck_abort_msg("%s:%d: %s", file, line, text);
	abort(); /* not reached: tells older versions of Check's header so */
}

void test_equal(const char *file, int line, const char *what, long long got, long long want)
{
	if (got != want)
		test_fail(file, line, "%s is %lld, not %lld", what, got, want);
}

static const char *error_text(int number)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
		{ 0, "0" }, { EAGAIN, "EAGAIN" }, { EPIPE, "EPIPE" }, { ETIMEDOUT, "ETIMEDOUT" },
		{ EINVAL, "EINVAL" }, { ENOMEM, "ENOMEM" }, { EOVERFLOW, "EOVERFLOW" },
		{ ENOTSUP, "ENOTSUP" }, { EINTR, "EINTR" }
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == number)
			return names[i].name;
	return "another error";
}

void test_errno(const char *file, int line, const char *what)
{
	int number = errno;

	if (number != TEST_ERRNO)
		test_fail(file, line, "%s changed errno to %d", what, number);
}

void test_result(const char *file, int line, const char *what, int want, int got)
{
	test_errno(file, line, what);
	if (got != want)
		test_fail(file, line, "%s returned %s (%d), not %s", what,
		          error_text(got), got, error_text(want));
}

unsigned test_scale(void)
{
	const char *value = getenv("CHAN_TEST_SCALE");
	unsigned long scale = value ? strtoul(value, NULL, 10) : 1;

	return scale >= 1 && scale <= 1000000 ? (unsigned)scale : 1;
}

size_t test_scaled(size_t n)
{
	size_t scaled = n / test_scale();

	return scaled ? scaled : 1;
}
