/*
 * fence.c - membarrier(2), and what happens where there is none
 *
 * Source: the asymmetric Dekker pattern of Userspace RCU and of membarrier(2).
 * A light fence beside a heavy one is enough because the kernel runs a full
 * fence on every CPU that runs a thread of this process, and a thread that is
 * not running passes a full fence when it is switched in: whatever a thread
 * did before its light fence is visible to the heavy caller afterwards, or
 * the thread's reads after it see what the heavy caller wrote before.
 */
#include "base/atomic.h"

#include <errno.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

#include "base/clock.h"

chan__u32 chan__fence_asymmetric;

#if defined(__linux__) && defined(SYS_membarrier)

enum {
	FENCE_PRIVATE_EXPEDITED = 1 << 3, /* the kernel's command numbers, */
	FENCE_REGISTER          = 1 << 4  /* fixed by its ABI */
};

static long fence_membarrier(int command)
{
	int saved = errno;
	long result = syscall(SYS_membarrier, command, 0, 0);

	errno = saved;
	return result;
}

#else

enum { FENCE_PRIVATE_EXPEDITED, FENCE_REGISTER };

static long fence_membarrier(int command)
{
	(void)command;
	return -1;
}

#endif

void chan__fence_setup(void)
{
	if (fence_membarrier(FENCE_REGISTER) == 0 &&
	    fence_membarrier(FENCE_PRIVATE_EXPEDITED) == 0)
		chan__u32_store_relaxed(&chan__fence_asymmetric, CHAN__FENCE_FREE);
}

/*
 * A sandbox may take membarrier away after it was found.  From then on light
 * fences are full fences; those already past theirs have at most a store
 * buffer to drain, and that is what the pause is for.  Whoever comes while
 * somebody pauses, pauses as well.
 */
static CHAN__COLD void fence_lost(void)
{
	chan__u32_store_relaxed(&chan__fence_asymmetric, CHAN__FENCE_DRAINING);
	atomic_thread_fence(memory_order_seq_cst);
	chan__clock_wait_ns(1000000);
	chan__u32_store_relaxed(&chan__fence_asymmetric, CHAN__FENCE_FULL);
	atomic_thread_fence(memory_order_seq_cst);
}

void chan__fence_everywhere(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	switch (chan__u32_load_relaxed(&chan__fence_asymmetric)) {
	case CHAN__FENCE_FULL:
		return;
	case CHAN__FENCE_FREE:
		if (fence_membarrier(FENCE_PRIVATE_EXPEDITED) == 0)
			return;
	}
	fence_lost();
}
