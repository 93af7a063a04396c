/*
 * thread.h - seam: who the calling thread is
 *
 * A word that no other running thread has, and that costs a register to read.  It
 * is never 0, and its two lowest bits are.  A thread that ended may have left its word
 * to a later one.
 */
#ifndef CHAN_BASE_THREAD_H
#define CHAN_BASE_THREAD_H

#include "base/compiler.h"

#ifdef CHAN_THREAD_POINTER

static inline size_t chan__thread_self(void)
{
	return (size_t)__builtin_thread_pointer();
}

#else

/* The address of something that each thread has. */
CHAN__HIDDEN size_t chan__thread_self(void);

#endif

#endif
