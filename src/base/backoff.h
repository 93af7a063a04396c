/*
 * backoff.h - seam: how a thread passes a moment without sleeping
 */
#ifndef CHAN_BASE_BACKOFF_H
#define CHAN_BASE_BACKOFF_H

#include "base/compiler.h"

#if defined(__x86_64__) || defined(__i386__)
static inline void chan__relax(void) { __builtin_ia32_pause(); }
#elif defined(__aarch64__) || (defined(__ARM_ARCH) && __ARM_ARCH >= 7)
static inline void chan__relax(void) { __asm__ __volatile__("yield" ::: "memory"); }
#else
static inline void chan__relax(void) { __asm__ __volatile__("" ::: "memory"); }
#endif

/* Lets another thread run on this CPU; errno is left alone. */
CHAN__HIDDEN void chan__yield(void);

#endif
