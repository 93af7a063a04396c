/*
 * loops.h - what the parties do, with an implementation's calls put in
 *
 * Each takes the calls as arguments and is inlined where those are constants, so
 * an adapter writes
 *
 *     static void sending(struct bench_party *p)
 *     {
 *         bench_sending(p, queue_send);
 *     }
 *
 * and gets a loop with direct calls.  BENCH_LOOPS(name, send, recv) writes them all.
 */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include <string.h>

#include "harness.h"

/* Both end the program if they fail. */
typedef void (*bench_send_call)(void *to, const void *message, size_t size);
typedef void (*bench_recv_call)(void *from, void *message, size_t size);

BENCH_INLINE void bench_put(unsigned char *message, uint64_t value)
{
	memcpy(message, &value, sizeof(value));
}

/* Counts a message that was received, and checks its value. */
BENCH_INLINE void bench_check(struct bench_taken *t, uint64_t *next, uint64_t mask, enum bench_order order,
                              const unsigned char *message)
{
	uint64_t value;

	memcpy(&value, message, sizeof(value));
	value &= mask;
	t->count++;
	t->sum += value;
	if (order == BENCH_ONE) {
		t->wrong |= (value ^ t->expect) & mask;
		t->expect++;
	} else if (order == BENCH_EACH) {
		uint64_t *expect = &next[(value >> BENCH_SENDER_SHIFT) % BENCH_MAX_SENDERS];

		t->wrong |= (value ^ *expect) & mask;
		++*expect;
	}
}

BENCH_INLINE void bench_take(struct bench_party *p)
{
	bench_check(&p->taken, p->next, p->mask, p->order, p->message);
}

/* n messages, side by side. */
BENCH_INLINE void bench_take_many(struct bench_party *p, size_t n)
{
	struct bench_taken taken = p->taken;

	for (size_t i = 0; i < n; i++)
		bench_check(&taken, p->next, p->mask, p->order, p->message + i * p->size);
	p->taken = taken;
}

/* What the fast loops need is kept in variables of their own: the compiler cannot
 * know that the calls leave the party alone. */
BENCH_INLINE void bench_sending(struct bench_party *p, bench_send_call send)
{
	const uint64_t end = p->first + p->count;
	unsigned char *const message = p->message;
	const size_t size = p->size;
	void *const to = p->to;

	for (uint64_t value = p->first; value < end; value++) {
		bench_put(message, value);
		send(to, message, size);
	}
}

BENCH_INLINE void bench_receiving_as(struct bench_party *p, bench_recv_call recv, enum bench_order order)
{
	struct bench_taken taken = p->taken;
	const uint64_t end = taken.count + p->count, mask = p->mask;
	unsigned char *const message = p->message;
	uint64_t *const next = p->next;
	const size_t size = p->size;
	void *const from = p->from;

	while (taken.count < end) {
		recv(from, message, size);
		bench_check(&taken, next, mask, order, message);
	}
	p->taken = taken;
}

/* Once for each order, so that there is no question of it within the loop. */
BENCH_INLINE void bench_receiving(struct bench_party *p, bench_recv_call recv)
{
	if (p->order == BENCH_ONE)
		bench_receiving_as(p, recv, BENCH_ONE);
	else if (p->order == BENCH_EACH)
		bench_receiving_as(p, recv, BENCH_EACH);
	else
		bench_receiving_as(p, recv, BENCH_SUM);
}

/* One look at the clock a round trip: each begins where the one before ended. */
BENCH_INLINE void bench_calling(struct bench_party *p, bench_send_call send, bench_recv_call recv)
{
	uint64_t before = bench_now(), after;

	for (uint64_t n = 0; n < p->count; n++) {
		bench_put(p->message, n);
		send(p->to, p->message, p->size);
		recv(p->from, p->message, p->size);
		bench_take(p);
		after = bench_now();
		p->latency[n] = after - before;
		before = after;
	}
}

BENCH_INLINE void bench_answering(struct bench_party *p, bench_send_call send, bench_recv_call recv)
{
	for (uint64_t n = 0; n < p->count; n++) {
		recv(p->from, p->message, p->size);
		bench_take(p);
		send(p->to, p->message, p->size);
	}
}

BENCH_INLINE void bench_waking(struct bench_party *p, bench_send_call send)
{
	for (uint64_t n = 0; n < p->count; n++) {
		bench_put(p->message, p->first + n);
		bench_await_parked(p, n);
		send(p->to, p->message, p->size);
	}
}

BENCH_INLINE void bench_being_woken(struct bench_party *p, bench_recv_call recv)
{
	for (uint64_t n = 0; n < p->count; n++) {
		bench_parking(p, n);
		recv(p->from, p->message, p->size);
		bench_unparked(p, n);
		bench_take(p);
	}
}

BENCH_INLINE void bench_sending_sizes(struct bench_party *p, bench_send_call send)
{
	const struct bench_run *r = p->run;

	for (uint64_t n = 0; n < p->count; n++) {
		unsigned i = bench_turn(n);

		bench_put(p->message, n);
		send(r->ends[i].to, p->message, bench_size(r, i));
	}
}

BENCH_INLINE void bench_receiving_sizes(struct bench_party *p, bench_recv_call recv)
{
	const struct bench_run *r = p->run;

	for (uint64_t n = 0; n < p->count; n++) {
		unsigned i = bench_turn(n);

		recv(r->ends[i].from, p->message, bench_size(r, i));
		bench_take(p);
	}
}

/* The pause before a burst is as long as it takes the receiver to fall asleep. */
BENCH_INLINE void bench_sending_bursts(struct bench_party *p, bench_send_call send)
{
	for (uint64_t n = 0; n < p->count; n += BENCH_BATCH_OF) {
		bench_await_parked(p, n / BENCH_BATCH_OF);
		for (uint64_t i = n; i < n + BENCH_BATCH_OF; i++) {
			bench_put(p->message, i);
			send(p->to, p->message, p->size);
		}
	}
}

BENCH_INLINE void bench_receiving_bursts(struct bench_party *p, bench_recv_call recv)
{
	for (uint64_t n = 0; n < p->count; n += BENCH_BATCH_OF) {
		bench_parking(p, n / BENCH_BATCH_OF);
		for (uint64_t i = n; i < n + BENCH_BATCH_OF; i++) {
			recv(p->from, p->message, p->size);
			bench_take(p);
		}
		bench_unparked(p, n / BENCH_BATCH_OF);
	}
}

/* clang-format off */
#define BENCH_LOOPS(name, send, recv) \
	static void name##_sending(struct bench_party *p)      { bench_sending(p, send); } \
	static void name##_receiving(struct bench_party *p)    { bench_receiving(p, recv); } \
	static void name##_seq(struct bench_party *p)          { bench_sending(p, send); bench_receiving(p, recv); } \
	static void name##_calling(struct bench_party *p)      { bench_calling(p, send, recv); } \
	static void name##_answering(struct bench_party *p)    { bench_answering(p, send, recv); } \
	static void name##_waking(struct bench_party *p)       { bench_waking(p, send); } \
	static void name##_being_woken(struct bench_party *p)  { bench_being_woken(p, recv); } \
	static void name##_sending_sizes(struct bench_party *p)    { bench_sending_sizes(p, send); } \
	static void name##_receiving_sizes(struct bench_party *p)  { bench_receiving_sizes(p, recv); } \
	static void name##_sending_bursts(struct bench_party *p)   { bench_sending_bursts(p, send); } \
	static void name##_receiving_bursts(struct bench_party *p) { bench_receiving_bursts(p, recv); }
/* clang-format on */

#endif
