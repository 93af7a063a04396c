/*
 * support.h - what every suite needs: checks, kinds of channel, threads,
 * waiting for states, a counting allocator, and the matrix runner.
 */
#ifndef CHAN_TESTS_SUPPORT_H
#define CHAN_TESTS_SUPPORT_H

#include "support/must.h"
#include "support/kind.h"
#include "support/matrix.h"
#include "support/wait.h"
#include "support/thread.h"
#include "support/cost.h"
#include "support/call.h"
#include "support/pick.h"
#include "support/storm.h"
#include "support/counting.h"
#include "support/feed.h"

#endif
