/*
 * ledger.h - channels and messages of the scenarios, and what must hold of them
 *
 * For every message: sent with success, it is received once or destroyed once;
 * otherwise it stays its sender's.  A receiver sees each sender's messages on one
 * channel in order.  (Where each subscription gets a copy, see cast.c.)
 */
#ifndef CHAN_TESTS_SCHED_LEDGER_H
#define CHAN_TESTS_SCHED_LEDGER_H

#include <errno.h>
#include <string.h>

#include "scheduler.h"
#include "world.h"

#define CHECK(cond) ((cond) ? (void)0 : sched_fail("%s:%d: %s", __FILE__, __LINE__, #cond))

struct message {
	uint64_t id;
	uint64_t check; /* ~id: one that is in pieces shows */
};

struct pipe {
	const struct kind *kind;
	chan_sender_t *tx;
	chan_receiver_t *rx;
	int number;
};

enum { WAITS = 1, ROOM = 2, MANY_FIT = 4, MEETS = 8 };

/* A kind at random, of those whose sends wait for space (WAITS), that have room
 * (ROOM), carry more than one message (MANY_FIT), have none (MEETS). */
const struct kind *kind_pick(int wanted);

/* What the scenario's name asks for, as flow/array-1 does. */
const struct kind *kind_asked(void);
/* One message in all. */
const struct kind *kind_once(void);
/* A broadcast. */
const struct kind *kind_cast(bool drop_oldest);

/* Empties the ledger; each scenario begins so. */
void ledger_begin(void);
/* All handles are dropped: every message has ended as it should. */
void ledger_end(void);

/* Each side with that many handles, which are all the same pointer.  Where it is one,
 * only one task uses it, and that may be promised. */
void pipe_open(struct pipe *p, const struct kind *kind, int senders, int receivers);

/* The next of this sender. */
struct message message_next(int sender);
/* What became of it. */
void message_sent(const struct message *m, int e);
void message_received(int me, const struct pipe *p, const struct message *m);
/* Messages of this sender that were sent and have not ended. */
int messages_under_way(int sender);

/* One message in a form that the seed decides; what the call said. */
int pipe_send(struct pipe *p, int sender);
/* One or, in a batch, two; the same. */
int pipe_recv(struct pipe *p, int me);
/* Until EPIPE. */
void pipe_drain(struct pipe *p, int me);

/* When this returns, nobody could run at the instant when it was called. */
void lull(void);
/* What a call that has returned left on the stack is no more. */
void scrub(void);

#endif
