/*
 * words.h - a table of words and how often each was seen
 *
 * One thread at a time: the demo's workers fill tables of their own and hand
 * them over, so that no table needs a lock.
 */
#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>
#include <stdint.h>

struct words;

struct word {
	const char *text;   /* NUL-terminated, lives as long as the table; NULL: an empty slot */
	size_t      length;
	uint64_t    hash;
	uint64_t    count;
};

/* NULL when memory runs out. */
struct words *words_create(void);
void words_destroy(struct words *words);

/* Both return 0 or ENOMEM; what was counted before stays counted. */
int words_add(struct words *words, const char *text, size_t length);
int words_merge(struct words *into, const struct words *from);

size_t   words_different(const struct words *words);
uint64_t words_total(const struct words *words);

/* How words_sorted() orders: from A to Z, or the most frequent first. */
int words_by_text(const void *a, const void *b);
int words_by_count(const void *a, const void *b);

/* All words, words_different() of them, to be freed by the caller; NULL when
 * memory runs out. */
struct word *words_sorted(const struct words *words, int (*order)(const void *, const void *));

#endif
