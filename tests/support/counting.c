#include "support/counting.h"

#include <stdlib.h>
#include <string.h>

enum { MAGIC = 0x6368616e, TAIL = 16, FRESH = 0xa5, GONE = 0xdd, CANARY = 0x3c };

struct head {
	void *raw;
	size_t size, alignment;
	size_t magic;
};

void counting_init(struct counting *counting)
{
	memset(counting, 0, sizeof(*counting));
	pthread_mutex_init(&counting->lock, NULL);
	counting->fail_from = SIZE_MAX;
	counting->fail_upto = SIZE_MAX;
}

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Head, then the block filled with rubbish, then a canary. */
static void *take(size_t size, size_t alignment)
{
	size_t unit = alignment < sizeof(struct head) ? sizeof(struct head) : alignment;
	unsigned char *raw;
	struct head *head;

	if (size > SIZE_MAX / 2)
		return NULL;
	raw = aligned_alloc(unit, round_up(unit + size + TAIL, unit));
	if (raw == NULL)
		return NULL;
	head = (struct head *)(void *)(raw + unit) - 1;
	head->raw = raw;
	head->size = size;
	head->alignment = alignment;
	head->magic = MAGIC;
	memset(raw + unit, FRESH, size);
	memset(raw + unit + size, CANARY, TAIL);
	return raw + unit;
}

static bool canary_lives(const unsigned char *tail)
{
	for (int i = 0; i < TAIL; i++)
		if (tail[i] != CANARY)
			return false;
	return true;
}

/* Spoils errno, as an allocator may: the library has to put it back. */
static void *counting_allocate(size_t size, size_t alignment, void *arg)
{
	struct counting *counting = arg;
	bool fails;
	void *ptr = NULL;

	pthread_mutex_lock(&counting->lock);
	if (size == 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
		counting->mistakes++;
	fails = counting->calls >= counting->fail_from && counting->calls < counting->fail_upto;
	counting->calls++;
	if (!fails)
		ptr = take(size, alignment);
	if (ptr != NULL) {
		counting->bytes += size;
		counting->blocks++;
		if (counting->blocks > counting->peak)
			counting->peak = counting->blocks;
	}
	pthread_mutex_unlock(&counting->lock);
	errno = ENOMEM;
	return ptr;
}

static void counting_release(void *ptr, size_t size, size_t alignment, void *arg)
{
	struct counting *counting = arg;
	struct head *head = (struct head *)ptr - 1;
	void *raw = head->raw;

	pthread_mutex_lock(&counting->lock);
	if (head->magic != MAGIC || head->size != size || head->alignment != alignment
	    || !canary_lives((unsigned char *)ptr + head->size))
		counting->mistakes++;
	counting->bytes -= head->size;
	counting->blocks--;
	head->magic = 0;
	memset(ptr, GONE, head->size);
	pthread_mutex_unlock(&counting->lock);
	free(raw);
	errno = EBADF;
}

chan_allocator_t counting_allocator(struct counting *counting)
{
	chan_allocator_t table = { counting_allocate, counting_release, counting };

	return table;
}

size_t counting_blocks(struct counting *counting)
{
	size_t blocks;

	pthread_mutex_lock(&counting->lock);
	blocks = counting->blocks;
	pthread_mutex_unlock(&counting->lock);
	return blocks;
}

size_t counting_calls(struct counting *counting)
{
	size_t calls;

	pthread_mutex_lock(&counting->lock);
	calls = counting->calls;
	pthread_mutex_unlock(&counting->lock);
	return calls;
}

void counting_fail(struct counting *counting, size_t skip, size_t n)
{
	pthread_mutex_lock(&counting->lock);
	counting->fail_from = counting->calls + skip;
	counting->fail_upto = n == SIZE_MAX ? SIZE_MAX : counting->fail_from + n;
	pthread_mutex_unlock(&counting->lock);
}

void counting_check(struct counting *counting, const char *file, int line)
{
	test_equal(file, line, "blocks not given back", (long long)counting->blocks, 0);
	test_equal(file, line, "bytes not given back", (long long)counting->bytes, 0);
	test_equal(file, line, "allocator mistakes", (long long)counting->mistakes, 0);
}
