/*
 * history.h - what a run wrote down about its calls, and the verdict on it
 *
 * Each thread has a log of its own, filled in the order of its calls.  A record
 * is one message, or one refusal, or one ending: a batch gives as many records as it
 * moved messages, all with the instants of the one call.
 *
 * Instants.  They are nanoseconds of CLOCK_MONOTONIC, which the system keeps
 * monotonic over all threads and processors.  An instant says nothing about memory by
 * itself: a store can wait in its processor's buffer while the clock is
 * read, and a load can be done ahead of it.  So the recorder stores `began` and passes a
 * full fence before the call, and passes another before it reads the clock for `ended`:
 * what a call reads was there after `began`, and what it wrote is there for all at
 * `ended`.  With that, `x.ended < y.began` says that y saw what x did.  Equal
 * instants count as overlapping.
 */
#ifndef CHAN_TESTS_HISTORY_H
#define CHAN_TESTS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum op {
	OP_SEND,
	OP_RECV,
	OP_DESTROYED, /* the message went to the destructor, within a call of this thread */
	OP_CLOSE,
	OP_DROP_TX,   /* this thread's handle */
	OP_DROP_RX
};

struct record {
	uint64_t began, ended;
	uint32_t value;     /* of the message; of a refused receive: NO_VALUE */
	uint16_t channel;
	uint8_t op;         /* enum op */
	uint8_t result;     /* 0 or an error number */
};

#define NO_VALUE UINT32_MAX

struct log {
	struct record *records;
	size_t n, room;
	unsigned subscription; /* its receives are of this one */
};

/*
 * The messages of thread s are the numbers first + s * each up to, and without, those of
 * s + 1; a thread sends its own in rising order.
 */
struct history {
	const struct log *logs;
	size_t n_logs;
	size_t senders;           /* the first logs; the others send nothing */
	uint32_t first, each;

	size_t capacity;          /* CHAN_UNBOUNDED, 0 for a rendezvous */
	size_t subscriptions;     /* 1 but on broadcast */
	bool drop_oldest;
	bool one_message;
	bool destroys;            /* what is displaced, or left, goes to the destructor */
	bool takes_turns;         /* a receive may be refused because of another that looks */
	bool has_owners;          /* a side belongs to its first thread until another one comes */
	bool broadcast_lossy;     /* subscriptions lose messages, and `lost` says how many */
	const uint64_t *lost;     /* by subscription */
	uint64_t timeout_ns;      /* of all timed calls */
};

/* What a history must not show. */
enum pattern {
	RECEIVED_TWICE,
	NEVER_SENT,         /* received, and no send was accepted */
	RECEIVED_TOO_EARLY, /* before the send began */
	LOST,               /* accepted, and neither received nor rightly destroyed */
	OUT_OF_ORDER,
	SUBSCRIPTIONS_DISAGREE,
	FALSE_EMPTY,
	FALSE_FULL,
	OVERFILLED,         /* more messages inside than the capacity */
	NEVER_MET,          /* a rendezvous of calls that did not overlap */
	FALSE_END,          /* EPIPE with nothing to cause it */
	SENT_AFTER_END,
	RECEIVED_AFTER_END, /* EPIPE, while messages were left */
	END_NOT_SEEN,       /* EAGAIN or ETIMEDOUT where only EPIPE is true */
	TIMED_OUT_EARLY,
	WRONG_RESULT,       /* an error that the call cannot have */
	PATTERNS
};

extern const char *const pattern_names[PATTERNS];

struct verdict {
	uint64_t judged[PATTERNS]; /* how often it could have been found */
	uint64_t found[PATTERNS];
	uint64_t messages;         /* accepted */
	uint64_t operations;       /* records */
	uint64_t refusals;         /* EAGAIN and ETIMEDOUT that were held against the contents ... */
	uint64_t excused;          /* ... of these, those that only a call in progress explains */
	char first[240];           /* the first finding, in words */
};

/* Adds the judgement of this channel of the history to the verdict. */
void judge(const struct history *h, uint16_t channel, struct verdict *v);

uint64_t verdict_found(const struct verdict *v);
void verdict_add(struct verdict *sum, const struct verdict *v);

/* ----------------------------------------------------------------- corrupt.c */

/* Spoils good histories in every way of the table and has each judged; prints
 * them for the other judge, too, if out is set.  The number of cases that went wrong. */
size_t corrupt_table(FILE *out, size_t *cases);

/* Spoils a real history, one way after the other, and has it judged each time;
 * it is as before afterwards.  The number of those that were not noticed. */
size_t corrupt_real(const struct history *h, uint16_t channel, size_t *cases);

#endif
