/* pointer.h - messages for queues of pointers: a value that fits in one is the pointer,
 * never NULL; what does not fit is a copy on the heap. */
#ifndef BENCH_POINTER_H
#define BENCH_POINTER_H

#include <stdlib.h>
#include <string.h>

#include "harness.h"

BENCH_INLINE void *bench_to_pointer(const void *message, size_t size)
{
	uint64_t value;
	void *copy;

	if (size <= sizeof(value)) {
		memcpy(&value, message, sizeof(value));
		return (void *)(uintptr_t)(value + 1);
	}
	copy = malloc(size);
	if (!copy)
		bench_fail("memory", 0);
	return memcpy(copy, message, size);
}

BENCH_INLINE void bench_from_pointer(void *pointer, void *message, size_t size)
{
	uint64_t value = (uint64_t)(uintptr_t)pointer - 1;

	if (size <= sizeof(value)) {
		memcpy(message, &value, sizeof(value));
		return;
	}
	memcpy(message, pointer, size);
	free(pointer);
}

#endif
