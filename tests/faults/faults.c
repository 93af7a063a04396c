#include "faults/faults.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "support/must.h"

#ifdef __linux__
#include <sys/timerfd.h>
#endif

/* Where a time_t of 64 bits was asked for, these calls have other names. */
#if defined(__TIMESIZE) && __TIMESIZE == 32 && defined(_TIME_BITS) && _TIME_BITS == 64
#define CLOCK_CALL(kind, name) kind##__##name##64
#else
#define CLOCK_CALL(kind, name) kind##name
#endif
#define REAL_GETTIME   CLOCK_CALL(__real_, clock_gettime)
#define WRAP_GETTIME   CLOCK_CALL(__wrap_, clock_gettime)
#define REAL_TIMEDWAIT CLOCK_CALL(__real_, pthread_cond_timedwait)
#define WRAP_TIMEDWAIT CLOCK_CALL(__wrap_, pthread_cond_timedwait)
#define REAL_SETTIME   CLOCK_CALL(__real_, timerfd_settime)
#define WRAP_SETTIME   CLOCK_CALL(__wrap_, timerfd_settime)

/* ------------------------------------------------------------------- memory */

static atomic_size_t memory_calls, memory_from = SIZE_MAX, memory_upto = SIZE_MAX;
static atomic_size_t memory_failed, memory_blocks;

void *__real_chan__memory_get(const struct chan__memory *m, size_t size);
void *__wrap_chan__memory_get(const struct chan__memory *m, size_t size);
void __real_chan__memory_put(const struct chan__memory *m, void *ptr, size_t size);
void __wrap_chan__memory_put(const struct chan__memory *m, void *ptr, size_t size);

void fault_memory(size_t skip, size_t n)
{
	atomic_store(&memory_calls, 0);
	atomic_store(&memory_failed, 0);
	atomic_store(&memory_from, skip);
	atomic_store(&memory_upto, n == SIZE_MAX ? SIZE_MAX : skip + n);
}

size_t fault_memory_end(void)
{
	atomic_store(&memory_from, SIZE_MAX);
	return atomic_load(&memory_failed);
}

size_t fault_memory_blocks(void)
{
	return atomic_load(&memory_blocks);
}

void *__wrap_chan__memory_get(const struct chan__memory *m, size_t size)
{
	size_t call = atomic_fetch_add(&memory_calls, 1);
	void *ptr = NULL;

	if (call >= atomic_load(&memory_from) && call < atomic_load(&memory_upto))
		atomic_fetch_add(&memory_failed, 1);
	else
		ptr = __real_chan__memory_get(m, size);
	if (ptr)
		atomic_fetch_add(&memory_blocks, 1);
	return ptr;
}

void __wrap_chan__memory_put(const struct chan__memory *m, void *ptr, size_t size)
{
	atomic_fetch_sub(&memory_blocks, 1);
	__real_chan__memory_put(m, ptr, size);
}

/* --------------------------------------------------------------- who is next */

static _Atomic uint64_t calls_seed;
static atomic_size_t calls_asked, calls_made[FAULT_CALLS];

void fault_calls(uint64_t seed)
{
	if (seed != 0)
		for (size_t i = 0; i < FAULT_CALLS; i++)
			atomic_store(&calls_made[i], 0);
	atomic_store(&calls_seed, seed);
}

size_t fault_calls_made(enum fault_call which)
{
	return atomic_load(&calls_made[which]);
}

/* A number that is this call's, from the seed; 0: no fault. */
static uint64_t call_number(void)
{
	uint64_t seed = atomic_load(&calls_seed), z;

	if (seed == 0)
		return 0;
	z = seed + atomic_fetch_add(&calls_asked, 1) * UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return z & 1 ? z : 0;
}

/* A call that may be interrupted is, now. */
static bool is_interrupted(void)
{
	if (call_number() == 0)
		return false;
	atomic_fetch_add(&calls_made[FAULT_INTERRUPTED], 1);
	errno = EINTR;
	return true;
}

/* -------------------------------------------------------------------- clock */

static _Atomic int64_t clock_ahead;
static atomic_bool clock_jumps;

int REAL_GETTIME(clockid_t id, struct timespec *now);
int WRAP_GETTIME(clockid_t id, struct timespec *now);

void fault_clock(int64_t ahead_ns)
{
	atomic_store(&clock_ahead, ahead_ns);
	atomic_store(&clock_jumps, false);
}

void fault_clock_jump(int64_t ns)
{
	atomic_store(&clock_jumps, true);
	atomic_fetch_add(&clock_ahead, ns);
}

/* The end of time stays where it is. */
static struct timespec timespec_plus(struct timespec t, int64_t ns)
{
	if (ns > 0 && t.tv_sec > INT64_MAX - ns / 1000000000 - 1)
		return t;
	t.tv_sec += (time_t)(ns / 1000000000);
	t.tv_nsec += (long)(ns % 1000000000);
	if (t.tv_nsec < 0) {
		t.tv_nsec += 1000000000;
		t.tv_sec--;
	} else if (t.tv_nsec > 999999999) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

int WRAP_GETTIME(clockid_t id, struct timespec *now)
{
	int error = REAL_GETTIME(id, now);

	if (error == 0 && id == CLOCK_MONOTONIC)
		*now = timespec_plus(*now, atomic_load(&clock_ahead));
	return error;
}

/* Of a deadline on our clock, when that is for the kernel; who sleeps while the clock
 * may jump does so for a millisecond at most.  False: that is past. */
static bool kernels_deadline(const struct timespec *at, struct timespec *kernels)
{
	struct timespec soon = { 0, 0 };
	bool jumps = atomic_load(&clock_jumps);

	if (jumps) {
		REAL_GETTIME(CLOCK_MONOTONIC, &soon);
		soon = timespec_plus(soon, 1000000);
	}
	*kernels = at ? timespec_plus(*at, -atomic_load(&clock_ahead)) : soon;
	if (jumps && (kernels->tv_sec > soon.tv_sec ||
	              (kernels->tv_sec == soon.tv_sec && kernels->tv_nsec > soon.tv_nsec)))
		*kernels = soon;
	return kernels->tv_sec >= 0;
}

/* ------------------------------------------------------------- system calls */

static atomic_size_t membarrier_calls, membarrier_from = SIZE_MAX, membarrier_refusals;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

void fault_membarrier(size_t n)
{
	atomic_store(&membarrier_calls, 0);
	atomic_store(&membarrier_refusals, 0);
	atomic_store(&membarrier_from, n);
}

size_t fault_membarrier_refused(void)
{
	return atomic_load(&membarrier_refusals);
}

#ifdef SYS_membarrier

/* As a sandbox does. */
static bool is_refused(long number)
{
	if (number != SYS_membarrier ||
	    atomic_fetch_add(&membarrier_calls, 1) < atomic_load(&membarrier_from))
		return false;
	atomic_fetch_add(&membarrier_refusals, 1);
	errno = EPERM;
	return true;
}

#else

static bool is_refused(long number)
{
	(void)number;
	return false;
}

#endif

/* What a futex may say when nobody woke it. */
static bool ends_early(void)
{
	static const int errors[] = { 0, EINTR, EAGAIN, ETIMEDOUT };
	uint64_t number = call_number();

	if (number == 0)
		return false;
	atomic_fetch_add(&calls_made[FAULT_WOKEN + number / 2 % 4], 1);
	errno = errors[number / 2 % 4];
	return true;
}

/* The kernel's numbers, as in parker_futex.c. */
enum { FUTEX_PRIVATE = 1 << 7, FUTEX_WAIT_BITSET = 9 };

/* 0: this is no sleep.  1: it is to be made, until *at.  2: it has ended, see errno. */
static int is_sleep(long number, const long a[6], struct timespec *at, bool *limited)
{
#ifdef SYS_futex_time64
	bool futex = number == SYS_futex_time64 || (sizeof(long) == 8 && number == SYS_futex);
#elif defined(SYS_futex)
	bool futex = sizeof(long) == 8 && number == SYS_futex;
#else
	bool futex = false;
#endif
	const struct timespec *given = (const struct timespec *)a[3];

	if (!futex || (a[1] & ~(long)FUTEX_PRIVATE) != FUTEX_WAIT_BITSET)
		return 0;
	if (ends_early())
		return 2;
	*limited = given || atomic_load(&clock_jumps);
	if (*limited && !kernels_deadline(given, at)) {
		errno = ETIMEDOUT;
		return 2;
	}
	return 1;
}

long __wrap_syscall(long number, ...)
{
	struct timespec at;
	bool limited = false;
	va_list args;
	long a[6];

	va_start(args, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (is_refused(number))
		return -1;
	switch (is_sleep(number, a, &at, &limited)) {
	case 2:
		return errno ? -1 : 0;
	case 1:
		if (limited)
			a[3] = (long)&at;
	}
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ------------------------------------------------------ condition variables */

enum { MOST_CONDS = 64 };

static struct {
	pthread_cond_t *cond;
	size_t waiters;
} conds[MOST_CONDS];
static pthread_mutex_t conds_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool signals_are_lost;
static atomic_size_t signals_given;

int __real_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int REAL_TIMEDWAIT(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *at);
int WRAP_TIMEDWAIT(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *at);
int __real_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);

void fault_signals(bool lost)
{
	atomic_store(&signals_given, 0);
	atomic_store(&signals_are_lost, lost);
}

size_t fault_signals_given(void)
{
	return atomic_load(&signals_given);
}

/* One more waits, or one fewer; gives how many do then. */
static size_t cond_count(pthread_cond_t *cond, int change)
{
	size_t free = MOST_CONDS, i, waiters = 0;

	pthread_mutex_lock(&conds_lock);
	for (i = 0; i < MOST_CONDS; i++) {
		if (conds[i].waiters == 0)
			free = i;
		else if (conds[i].cond == cond)
			break;
	}
	if (i == MOST_CONDS && change > 0) {
		i = free;
		must(i < MOST_CONDS);
		conds[i].cond = cond;
	}
	if (i < MOST_CONDS)
		waiters = conds[i].waiters += (size_t)change;
	pthread_mutex_unlock(&conds_lock);
	return waiters;
}

/* With the mutex let go and taken again, as every wait has it. */
static bool wait_ends_early(pthread_mutex_t *mutex, bool timed, int *error)
{
	uint64_t number = call_number();

	if (number == 0)
		return false;
	*error = timed && number / 2 % 2 ? ETIMEDOUT : 0;
	atomic_fetch_add(&calls_made[*error ? FAULT_ETIMEDOUT : FAULT_WOKEN], 1);
	pthread_mutex_unlock(mutex);
	sched_yield();
	pthread_mutex_lock(mutex);
	return true;
}

static int wait_counted(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *at)
{
	bool counted = atomic_load(&signals_are_lost), limited = at || atomic_load(&clock_jumps);
	struct timespec kernels;
	int error;

	if (wait_ends_early(mutex, at != NULL, &error))
		return error;
	if (limited && !kernels_deadline(at, &kernels))
		return ETIMEDOUT;
	if (counted)
		cond_count(cond, 1);
	error = limited ? REAL_TIMEDWAIT(cond, mutex, &kernels) : __real_pthread_cond_wait(cond, mutex);
	if (counted)
		cond_count(cond, -1);
	return at ? error : 0;
}

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	return wait_counted(cond, mutex, NULL);
}

int WRAP_TIMEDWAIT(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *at)
{
	return wait_counted(cond, mutex, at);
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
	if (atomic_load(&signals_are_lost)) {
		atomic_fetch_add(&signals_given, 1);
		if (cond_count(cond, 0) > 1)
			return 0;
	}
	return __real_pthread_cond_signal(cond);
}

/* -------------------------------------------------------------- descriptors */

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
ssize_t __real_write(int fd, const void *buffer, size_t size);
ssize_t __wrap_write(int fd, const void *buffer, size_t size);

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	return is_interrupted() ? -1 : __real_read(fd, buffer, size);
}

ssize_t __wrap_write(int fd, const void *buffer, size_t size)
{
	return is_interrupted() ? -1 : __real_write(fd, buffer, size);
}

#ifdef __linux__

int REAL_SETTIME(int fd, int flags, const struct itimerspec *to, struct itimerspec *before);
int WRAP_SETTIME(int fd, int flags, const struct itimerspec *to, struct itimerspec *before);

/* Disarmed stays disarmed. */
int WRAP_SETTIME(int fd, int flags, const struct itimerspec *to, struct itimerspec *before)
{
	struct itimerspec kernels = *to;

	if (to->it_value.tv_sec != 0 || to->it_value.tv_nsec != 0) {
		kernels.it_value = timespec_plus(to->it_value, -atomic_load(&clock_ahead));
		if (kernels.it_value.tv_sec < 0 || (kernels.it_value.tv_sec == 0 && kernels.it_value.tv_nsec == 0))
			kernels.it_value = (struct timespec){ 0, 1 };
	}
	return REAL_SETTIME(fd, flags, &kernels, before);
}

#endif
