/*
 * compiler.h - what the compiler is asked for by name
 *
 * Branch hints, inlining, visibility and the distance that keeps two fields
 * out of one cache line.
 */
#ifndef CHAN_BASE_COMPILER_H
#define CHAN_BASE_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define chan__likely(x)   __builtin_expect(!!(x), 1)
#define chan__unlikely(x) __builtin_expect(!!(x), 0)

#define CHAN__EXPORT   __attribute__((visibility("default")))
#define CHAN__HIDDEN   __attribute__((visibility("hidden")))
/* For the steps of one operation, written once and called with constants. */
#define CHAN__INLINE   static inline __attribute__((always_inline))
#define CHAN__COLD     __attribute__((noinline, cold))

/* A type that lives in storage which chan.h declares as plain numbers. */
#define CHAN__ALIASING __attribute__((may_alias))

/* Fields written by different threads stand this many bytes apart.  Distance
 * does what alignment would, and leaves the allocation to plain malloc. */
#define CHAN__LINE 64

#endif
