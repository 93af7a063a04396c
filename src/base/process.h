/*
 * process.h - what is true of the whole process: its CPUs, and whether it forked
 */
#ifndef CHAN_BASE_PROCESS_H
#define CHAN_BASE_PROCESS_H

#include "base/atomic.h"

/* One-time set-up; called before the first channel is made, cheap afterwards. */
CHAN__HIDDEN void chan__process_setup(void);

/* CPUs that this process may use, as seen at set-up; at least 1. */
CHAN__HIDDEN unsigned chan__process_cpus(void);

/* What CHAN_FLAVOR said in the environment at set-up; NULL: nothing, or the
 * process runs with more rights than its user. */
CHAN__HIDDEN const char *chan__process_flavor(void);

/* Moves on in the child of every fork.  A channel remembers the one it was
 * made in: where they differ, a lock found taken may never be released. */
CHAN__HIDDEN uint32_t chan__process_generation(void);

#endif
