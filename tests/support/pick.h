/*
 * pick.h - one select, in any of its forms, made here or by a thread of its own
 */
#ifndef CHAN_TESTS_PICK_H
#define CHAN_TESTS_PICK_H

#include "support/cost.h"
#include "support/thread.h"

enum pick_form {
	PICK_PLAIN,
	PICK_TIMEOUT,
	PICK_DEADLINE,
	PICK_FOREVER,       /* the timeout form with CHAN_FOREVER */
	PICK_NULL_DEADLINE, /* the deadline form without a deadline */
	PICK_FORMS,
	PICK_TRY = PICK_FORMS /* does not wait: not one of the forms that do */
};

/* What stands in a status, and in `which`, that no call has written. */
enum { UNTOUCHED = 4343 };

struct pick {
	chan_case_t *cases;
	size_t n;
	unsigned flags;
	enum pick_form form;
	uint64_t timeout_ns; /* for the forms that have one */
	int result;
	size_t which;
	uint64_t began_ns, ended_ns;
	struct cost cost;    /* of the call */
	bool measured;       /* pick_start's thread rehearses, and is held before and after */
	struct worker worker;
};

const char *pick_form_name(enum pick_form form);

/* Cases with rubbish where the library keeps its notes, and an untouched status. */
chan_case_t case_send(chan_sender_t *tx, const void *msg);
chan_case_t case_recv(chan_receiver_t *rx, void *msg);
chan_case_t case_none(void);

/* A select with a timeout that no test reaches. */
struct pick pick_of(chan_case_t *cases, size_t n, unsigned flags, enum pick_form form);

void pick_here(struct pick *pick);
void pick_start(struct pick *pick);
void pick_start_asleep(struct pick *pick); /* and wait until it blocks */
void pick_finish(struct pick *pick);       /* join */

/* The select ended with this case and this status, and wrote no other status.
 * The status is made untouched again. */
#define must_have_picked(pick, index, want) \
	pick_check((pick), (index), (want), __FILE__, __LINE__)
void pick_check(struct pick *pick, size_t index, int want, const char *file, int line);

/* It failed with this, and wrote nothing. */
#define must_have_refused(pick, want) \
	pick_check_refused((pick), (want), __FILE__, __LINE__)
void pick_check_refused(const struct pick *pick, int want, const char *file, int line);

#endif
