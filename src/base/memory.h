/*
 * memory.h - seam: allocation, callbacks, and sums that may overflow
 */
#ifndef CHAN_BASE_MEMORY_H
#define CHAN_BASE_MEMORY_H

#include "base/compiler.h"

/* As chan_allocator_t; allocate NULL is the C library's allocator. */
struct chan__memory {
	void *(*allocate)(size_t size, size_t alignment, void *arg);
	void  (*release)(void *ptr, size_t size, size_t alignment, void *arg);
	void   *arg;
};

/* What every block of the library is aligned to, and so every slot's message
 * whose size is a multiple of it. */
#define CHAN__ALIGNMENT 16

/* NULL when there is no memory; errno is left alone. */
CHAN__HIDDEN void *chan__memory_get(const struct chan__memory *m, size_t size);
CHAN__HIDDEN void chan__memory_put(const struct chan__memory *m, void *ptr, size_t size);

/* A program's callback runs with thread cancellation off, and errno restored. */
struct chan__callback { int cancel_state; int saved_errno; };
CHAN__HIDDEN struct chan__callback chan__callback_enter(void);
CHAN__HIDDEN void chan__callback_leave(struct chan__callback guard);

static inline bool chan__add_overflows(size_t a, size_t b, size_t *sum)
{
	return __builtin_add_overflow(a, b, sum);
}

static inline size_t chan__round_up(size_t n)
{
	return (n + CHAN__ALIGNMENT - 1) & ~(size_t)(CHAN__ALIGNMENT - 1);
}

/* A slot holds a state of up to 8 bytes and, at `offset`, a message, aligned as
 * far as its size can tell.  False: the sum overflows. */
CHAN__HIDDEN bool chan__slot_layout(size_t msg_size, size_t *offset, size_t *stride);

/* How many slots of `stride` bytes make a block, after a header: 32, or a smaller
 * power of two where that would be large.  False: the sum overflows. */
CHAN__HIDDEN bool chan__block_layout(size_t stride, size_t header,
                                     size_t *per_block, size_t *block_size);

static inline bool chan__mul_overflows(size_t a, size_t b, size_t *product)
{
	return __builtin_mul_overflow(a, b, product);
}

#endif
