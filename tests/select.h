/*
 * select.h - the themes of test_select, and what they share
 */
#ifndef CHAN_TESTS_SELECT_H
#define CHAN_TESTS_SELECT_H

#include "support/support.h"

struct select_theme {
	const struct behaviour *behaviours;
	size_t n;
};

extern const struct select_theme select_choice; /* which case, arguments, deadlines */
extern const struct select_theme select_wait;   /* woken by what, how soon, at what cost */
extern const struct select_theme select_ready;  /* CHAN_SELECT_READY */
extern const struct select_theme select_race;   /* beside other threads: exactly one, no trace */

/* The columns of the matrix. */
extern struct kind select_kinds[MAX_KINDS];
extern size_t select_n_kinds;

/* Blocks all forms for two seconds in a process of its own; before the cases. */
void select_measure_idling(void);

/*
 * A lane is a channel and one case over it, made ready or idle at will.  On a
 * rendezvous a thread blocks at the other end.
 */
struct lane {
	const struct kind *kind;
	struct ends e;
	bool sends;    /* the case is a send */
	bool ready;
	uint64_t msg;  /* what the case sends, or receives into */
	struct worker peer;
};

enum { LANE_MESSAGE = 7 };

/* Where a send is never idle, an idle lane receives. */
void lane_open(struct lane *l, const struct kind *k, bool sends, bool ready);
void lane_close(struct lane *l);
chan_case_t lane_case(struct lane *l);

/* After the case has happened: it is ready once more. */
void lane_restock(struct lane *l);

/* Makes an idle lane ready, once: a message for it, or room.  The end of it on
 * which somebody waits may be a rendezvous. */
void lane_feed(struct lane *l);

/* Until a try_ confined to this case would not say EAGAIN. */
void wait_ready(chan_case_t c);

#endif
