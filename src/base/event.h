/*
 * event.h - seam: a descriptor that an event loop can watch
 *
 * Readable while raised.  To raise it once more is a new edge, for those who watch
 * for edges, and nothing else.  The program polls it and does nothing else with it.
 */
#ifndef CHAN_BASE_EVENT_H
#define CHAN_BASE_EVENT_H

#include "base/clock.h"

struct chan__event {
	int fd;    /* the program's */
	int other; /* the end that is written to, where that is another */
};

/* Lowered, close-on-exec, non-blocking.  0, EMFILE, ENFILE or ENOMEM. */
CHAN__HIDDEN int chan__event_open(struct chan__event *e);
CHAN__HIDDEN void chan__event_raise(struct chan__event *e);
/* True: it was raised. */
CHAN__HIDDEN bool chan__event_lower(struct chan__event *e);
CHAN__HIDDEN void chan__event_close(struct chan__event *e);

/* One that raises itself at an instant.  ENOTSUP where the system has none. */
CHAN__HIDDEN int chan__event_open_timer(struct chan__event *e);
/* Lowered until then; for ever is never, the past is now. */
CHAN__HIDDEN void chan__event_arm(struct chan__event *e, const struct chan__deadline *at);

#endif
