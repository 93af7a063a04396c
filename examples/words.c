/*
 * words.c - a table of words and how often each was seen
 *
 * Open addressing with linear probing, at most half full, so that a search
 * always meets an empty slot.  The texts lie in blocks that never move, so that
 * growing the table copies slots only.
 */
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_SLOTS = 1024, /* a power of two, as every later size */
	BLOCK_BYTES = 65536
};

struct block {
	struct block *next;
	size_t        used, room;
	char          text[];
};

struct words {
	struct word  *slots;
	size_t        slot_count;
	size_t        different;
	uint64_t      total;
	struct block *blocks; /* the newest first; only that one is filled */
};

struct words *words_create(void)
{
	struct words *words = calloc(1, sizeof *words);

	if (!words)
		return NULL;
	words->slots = calloc(FIRST_SLOTS, sizeof *words->slots);
	if (!words->slots) {
		free(words);
		return NULL;
	}
	words->slot_count = FIRST_SLOTS;
	return words;
}

void words_destroy(struct words *words)
{
	if (!words)
		return;
	while (words->blocks) {
		struct block *block = words->blocks;

		words->blocks = block->next;
		free(block);
	}
	free(words->slots);
	free(words);
}

/* FNV-1a, with its upper half folded in because the slot is taken from the
 * lower bits. */
static uint64_t hash_of(const char *text, size_t length)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
	return hash ^ (hash >> 32);
}

/* The slot of this word, or the empty one where it belongs. */
static struct word *find(struct word *slots, size_t slot_count, const struct word *word)
{
	size_t at = (size_t)word->hash & (slot_count - 1);

	while (slots[at].text) {
		if (slots[at].hash == word->hash && slots[at].length == word->length
		    && memcmp(slots[at].text, word->text, word->length) == 0)
			break;
		at = (at + 1) & (slot_count - 1);
	}
	return &slots[at];
}

static int grow(struct words *words)
{
	size_t slot_count = words->slot_count * 2;
	struct word *slots = calloc(slot_count, sizeof *slots);

	if (!slots)
		return ENOMEM;
	for (size_t i = 0; i < words->slot_count; i++)
		if (words->slots[i].text)
			*find(slots, slot_count, &words->slots[i]) = words->slots[i];
	free(words->slots);
	words->slots = slots;
	words->slot_count = slot_count;
	return 0;
}

/* A block with room for `size` bytes; a long word gets one of its own size. */
static struct block *block_for(struct words *words, size_t size)
{
	struct block *block = words->blocks;
	size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;

	if (block && block->room - block->used >= size)
		return block;
	block = malloc(sizeof *block + room);
	if (!block)
		return NULL;
	block->next = words->blocks;
	block->used = 0;
	block->room = room;
	words->blocks = block;
	return block;
}

static const char *keep_text(struct words *words, const char *text, size_t length)
{
	struct block *block = block_for(words, length + 1);
	char *kept;

	if (!block)
		return NULL;
	kept = block->text + block->used;
	memcpy(kept, text, length);
	kept[length] = '\0';
	block->used += length + 1;
	return kept;
}

/* Count a word `word->count` times more; its text is copied if it is new. */
static int add(struct words *words, const struct word *word)
{
	struct word *slot = find(words->slots, words->slot_count, word);

	if (!slot->text) {
		const char *text;

		if (words->different >= words->slot_count / 2) {
			if (grow(words) != 0)
				return ENOMEM;
			slot = find(words->slots, words->slot_count, word);
		}
		text = keep_text(words, word->text, word->length);
		if (!text)
			return ENOMEM;
		*slot = (struct word){ text, word->length, word->hash, 0 };
		words->different++;
	}
	slot->count += word->count;
	words->total += word->count;
	return 0;
}

int words_add(struct words *words, const char *text, size_t length)
{
	const struct word word = { text, length, hash_of(text, length), 1 };

	return add(words, &word);
}

int words_merge(struct words *into, const struct words *from)
{
	for (size_t i = 0; i < from->slot_count; i++)
		if (from->slots[i].text && add(into, &from->slots[i]) != 0)
			return ENOMEM;
	return 0;
}

size_t words_different(const struct words *words)
{
	return words->different;
}

uint64_t words_total(const struct words *words)
{
	return words->total;
}

int words_by_text(const void *a, const void *b)
{
	return strcmp(((const struct word *)a)->text, ((const struct word *)b)->text);
}

int words_by_count(const void *a, const void *b)
{
	const struct word *left = a, *right = b;

	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	return words_by_text(a, b);
}

struct word *words_sorted(const struct words *words, int (*order)(const void *, const void *))
{
	struct word *sorted = malloc((words->different + 1) * sizeof *sorted);
	size_t n = 0;

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < words->slot_count; i++)
		if (words->slots[i].text)
			sorted[n++] = words->slots[i];
	qsort(sorted, n, sizeof *sorted, order);
	return sorted;
}
