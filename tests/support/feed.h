/*
 * feed.h - threads that send or receive numbered messages
 */
#ifndef CHAN_TESTS_FEED_H
#define CHAN_TESTS_FEED_H

#include "support/kind.h"
#include "support/thread.h"

/* Sends the numbers first ... first + n - 1 with chan_send; each must succeed. */
struct feeder {
	chan_sender_t *tx;
	uint64_t first;
	size_t n;
	struct worker worker;
};

void feeder_start(struct feeder *f, chan_sender_t *tx, uint64_t first, size_t n);
void feeder_join(struct feeder *f);

/* Queues the numbers with chan_try_send, and takes them back in order. */
void queue_numbers(chan_sender_t *tx, uint64_t first, size_t n);
void expect_numbers(chan_receiver_t *rx, uint64_t first, size_t n);

/* Levels worth trying: each up to 4, then full, then past it. */
size_t next_level(size_t level, size_t room);

/* A destructor that counts, and adds up 8-byte messages; its argument. */
struct destroyed {
	atomic_size_t count;
	_Atomic uint64_t sum;
};

void count_destroyed(void *msg, void *destroyed);

/* A channel of this kind for numbers, with that destructor, where it accepts one. */
struct ends kind_open_destroying(const struct kind *k, struct destroyed *destroyed);

/* first + (first + 1) + ... */
uint64_t sum_of_numbers(uint64_t first, size_t n);

#endif
