/*
 * call.h - one sending or receiving call, in any of its waiting forms, made
 * here or by a thread of its own
 */
#ifndef CHAN_TESTS_CALL_H
#define CHAN_TESTS_CALL_H

#include "support/cost.h"
#include "support/thread.h"

enum call_form {
	CALL_PLAIN,
	CALL_TIMEOUT,
	CALL_DEADLINE,
	CALL_FOREVER,       /* the timeout form with CHAN_FOREVER */
	CALL_NULL_DEADLINE, /* the deadline form without a deadline */
	CALL_MANY,          /* a batch of one */
	CALL_CANCEL,
	CALL_CANCEL_TIMEOUT,
	CALL_FORMS
};

struct call {
	chan_sender_t *tx;   /* set: a send; else rx: a receive */
	chan_receiver_t *rx;
	enum call_form form;
	uint64_t timeout_ns; /* for the forms that have one */
	chan_cancel_t *cancel; /* the token, for the forms that take one; or NULL */
	uint64_t value;      /* the message ... */
	void *into;          /* ... of a receive goes here, if set */
	int result;
	size_t count;        /* what a batch wrote */
	uint64_t began_ns, ended_ns;
	struct cost cost;    /* of the call */
	bool measured;       /* call_start's thread rehearses, and is held before and after */
	struct worker worker;
};

const char *call_form_name(enum call_form form);

/* A call with a timeout that no test reaches. */
struct call call_send(chan_sender_t *tx, enum call_form form, uint64_t value);
struct call call_recv(chan_receiver_t *rx, enum call_form form);

void call_here(struct call *call);
void call_start(struct call *call);
void call_start_asleep(struct call *call); /* and wait until it blocks */
void call_finish(struct call *call);       /* join */

#endif
