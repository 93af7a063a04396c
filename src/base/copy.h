/*
 * copy.h - seam: copying a message
 *
 * By size: what fits a register or two goes as words, the rest as memcpy
 * does it.  Neither side need be aligned.
 */
#ifndef CHAN_BASE_COPY_H
#define CHAN_BASE_COPY_H

#include <string.h>

#include "base/compiler.h"

static inline void chan__copy(void *to, const void *from, size_t size)
{
	if (chan__likely(size == 8))
		memcpy(to, from, 8);
	else if (size == 16)
		memcpy(to, from, 16);
	else if (size == 32)
		memcpy(to, from, 32);
	else if (size > 0)
		memcpy(to, from, size);
}

/* Where message i of a batch is; of messages without bytes, NULL may do. */
static inline char *chan__message_at(const void *msgs, size_t i, size_t size)
{
	return (char *)((uintptr_t)msgs + i * size);
}

/* Exchanges two areas that do not overlap. */
static inline void chan__swap(void *a, void *b, size_t size)
{
	unsigned char *x = (unsigned char *)a, *y = (unsigned char *)b, bounce[64];

	while (size > 0) {
		size_t n = size < sizeof(bounce) ? size : sizeof(bounce);

		memcpy(bounce, x, n);
		memcpy(x, y, n);
		memcpy(y, bounce, n);
		x += n;
		y += n;
		size -= n;
	}
}

#endif
