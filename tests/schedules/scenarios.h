/*
 * scenarios.h - who brings scenarios; each list ends with one without a name
 */
#ifndef CHAN_TESTS_SCHED_SCENARIOS_H
#define CHAN_TESTS_SCHED_SCENARIOS_H

#include "scheduler.h"

extern const struct scenario select_scenarios[];

#endif
