/*
 * crew.h - senders and receivers that wait in every way, and an account of every
 * message
 *
 * Each call is chosen by dice: try, plain, timed, until a deadline, until a token is
 * triggered, as a case of a select, as a batch.  Somebody else triggers tokens
 * meanwhile.  What was accepted must arrive once and in each sender's order, and
 * nothing else may.
 */
#ifndef CHAN_TESTS_CREW_H
#define CHAN_TESTS_CREW_H

#include "support/support.h"

enum { CREW_SENDERS = 2, CREW_RECEIVERS = 2, CREW_MESSAGES = 2000 };

struct crew;

struct hand {
	struct crew *crew;
	uint32_t index;
	struct dice dice;
	chan_sender_t *tx;                /* one of the two */
	chan_receiver_t *rx;
	chan_receiver_t *never;           /* a case that does not happen */
	chan_cancel_t *_Atomic token;     /* of the call that is made; whoever takes it triggers it */
	uint64_t last[CREW_SENDERS];      /* of each sender, plus one */
	struct worker worker;
};

struct crew {
	struct ends e;
	size_t messages;                  /* of each sender */
	void (*trouble)(struct crew *crew, struct dice *dice); /* as often as it goes; or NULL */
	atomic_bool over;
	size_t accepted[CREW_SENDERS];    /* so many, from 0 on */
	atomic_uchar seen[CREW_SENDERS][CREW_MESSAGES];
	struct hand senders[CREW_SENDERS], receivers[CREW_RECEIVERS], troublemaker;
};

/* Takes over the ends, which are dropped when all is done. */
void crew_start(struct crew *crew, struct ends e, size_t messages, uint64_t seed);
void crew_finish(struct crew *crew);

#endif
