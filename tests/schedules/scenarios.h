/*
 * scenarios.h - who brings scenarios; each list ends with one without a name
 */
#ifndef CHAN_TESTS_SCHED_SCENARIOS_H
#define CHAN_TESTS_SCHED_SCENARIOS_H

#include "scheduler.h"

extern const struct scenario select_scenarios[];
extern const struct scenario ends_scenarios[];
extern const struct scenario cast_scenarios[];
extern const struct scenario clocks_scenarios[];
extern const struct scenario events_scenarios[];
/* These are run for each kind of channel that is a queue. */
extern const struct scenario kind_scenarios[];

#endif
