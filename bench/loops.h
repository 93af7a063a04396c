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

/* Counts a message that was received. */
BENCH_INLINE void bench_take_from(struct bench_party *p, const unsigned char *message)
{
	uint64_t value, *next;

	memcpy(&value, message, sizeof(value));
	value &= p->mask;
	next = &p->next[(value >> BENCH_SENDER_SHIFT) % BENCH_MAX_SENDERS];
	p->disorder |= value < *next;
	*next = (value + 1) & p->mask;
	p->sum += value;
	p->received++;
}

BENCH_INLINE void bench_take(struct bench_party *p)
{
	bench_take_from(p, p->message);
}

BENCH_INLINE void bench_sending(struct bench_party *p, bench_send_call send)
{
	for (uint64_t n = 0; n < p->count; n++) {
		bench_put(p->message, p->first + n);
		send(p->to, p->message, p->size);
	}
}

BENCH_INLINE void bench_receiving(struct bench_party *p, bench_recv_call recv)
{
	for (uint64_t n = 0; n < p->count; n++) {
		recv(p->from, p->message, p->size);
		bench_take(p);
	}
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

#define BENCH_LOOPS(name, send, recv) \
	static void name##_sending(struct bench_party *p)      { bench_sending(p, send); } \
	static void name##_receiving(struct bench_party *p)    { bench_receiving(p, recv); } \
	static void name##_seq(struct bench_party *p)          { bench_sending(p, send); bench_receiving(p, recv); } \
	static void name##_calling(struct bench_party *p)      { bench_calling(p, send, recv); } \
	static void name##_answering(struct bench_party *p)    { bench_answering(p, send, recv); } \
	static void name##_waking(struct bench_party *p)       { bench_waking(p, send); } \
	static void name##_being_woken(struct bench_party *p)  { bench_being_woken(p, recv); }

#endif
