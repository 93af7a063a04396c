/*
 * fence.h - the light and the heavy half of an asymmetric fence
 *
 * Each call names the field that its partner reads or writes, for the tools
 * that understand read-modify-writes but not fences (ThreadSanitizer, helgrind): there
 * both halves become a read-modify-write of that field, which orders exactly
 * the pair that the fence is for.  Included by atomic.h alone.
 */
#ifndef CHAN_BASE_FENCE_H
#define CHAN_BASE_FENCE_H

/* Runs once, before the first channel is made; any thread. */
CHAN__HIDDEN void chan__fence_setup(void);
/* The slow half: a full fence on every running thread of the process. */
CHAN__HIDDEN void chan__fence_everywhere(void);

/* FENCE_FREE while membarrier serves; see fence.c for the others. */
enum { CHAN__FENCE_FULL = 0, CHAN__FENCE_FREE = 1, CHAN__FENCE_DRAINING = 2 };

CHAN__HIDDEN extern chan__u32 chan__fence_asymmetric;

#if defined(__SANITIZE_THREAD__)
#define CHAN__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHAN__TSAN 1
#endif
#endif

/* Does the light half cost nothing, for now? */
static inline bool chan__fence_is_free(void)
{
	return chan__u32_load_relaxed(&chan__fence_asymmetric) == CHAN__FENCE_FREE;
}

#if defined(CHAN__TSAN) || defined(CHAN_ANNOTATIONS)

static inline void chan__fence_light(chan__u32 *partner)
{
	chan__u32_fetch_add_seq_cst(partner, 0);
}

static inline void chan__fence_heavy(chan__u32 *partner)
{
	chan__u32_fetch_add_seq_cst(partner, 0);
}

#else

static inline void chan__fence_light(chan__u32 *partner)
{
	(void)partner;
	if (chan__likely(chan__fence_is_free()))
		atomic_signal_fence(memory_order_seq_cst);
	else
		atomic_thread_fence(memory_order_seq_cst);
}

static inline void chan__fence_heavy(chan__u32 *partner)
{
	(void)partner;
	chan__fence_everywhere();
}

#endif

#endif
