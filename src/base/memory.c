/*
 * memory.c - allocation through the C library or the program's allocator
 */
#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

struct chan__callback chan__callback_enter(void)
{
	struct chan__callback guard = { 0, errno };

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &guard.cancel_state);
	return guard;
}

void chan__callback_leave(struct chan__callback guard)
{
	int ignored;

	pthread_setcancelstate(guard.cancel_state, &ignored);
	errno = guard.saved_errno;
}

/* Compilers take malloc and free for functions that leave errno alone, and
 * the restoring of it for superfluous (clang 14 does); they must not. */
static void memory_restore_errno(int saved)
{
	*(volatile int *)&errno = saved;
}

void *chan__memory_get(const struct chan__memory *m, size_t size)
{
	struct chan__callback guard;
	void *ptr;

	if (!m->allocate) {
		int saved = errno;

		ptr = malloc(size);
		memory_restore_errno(saved);
		return ptr;
	}
	guard = chan__callback_enter();
	ptr = m->allocate(size, CHAN__ALIGNMENT, m->arg);
	chan__callback_leave(guard);
	return ptr;
}

void chan__memory_put(const struct chan__memory *m, void *ptr, size_t size)
{
	struct chan__callback guard;

	if (!m->allocate) {
		int saved = errno;

		free(ptr);
		memory_restore_errno(saved);
		return;
	}
	guard = chan__callback_enter();
	m->release(ptr, size, CHAN__ALIGNMENT, m->arg);
	chan__callback_leave(guard);
}

/* A message whose size is a multiple of 16 may want 16, any other wants no
 * more than 8. */
static size_t memory_alignment(size_t msg_size)
{
	return msg_size > 0 && msg_size % CHAN__ALIGNMENT == 0 ? CHAN__ALIGNMENT : 8;
}

bool chan__slot_layout(size_t msg_size, size_t *offset, size_t *stride)
{
	*offset = memory_alignment(msg_size);
	if (chan__add_overflows(msg_size, 2 * *offset - 1, stride))
		return false;
	*stride &= ~(*offset - 1);
	return true;
}

bool chan__block_layout(size_t stride, size_t header, size_t *per_block, size_t *block_size)
{
	enum { LARGE = 4096, MOST = 32, FEWEST = 4 };

	*per_block = MOST;
	while (*per_block > FEWEST && stride > LARGE / *per_block)
		*per_block /= 2;
	return !chan__mul_overflows(*per_block, stride, block_size) &&
	       !chan__add_overflows(*block_size, header, block_size) &&
	       *block_size <= PTRDIFF_MAX;
}
