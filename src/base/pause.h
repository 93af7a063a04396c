/*
 * pause.h - seam: named pause points
 *
 * A test build holds a thread at the instant that a pause point names
 * ("array:claimed-send"); anywhere else CHAN_TP is nothing.
 */
#ifndef CHAN_BASE_PAUSE_H
#define CHAN_BASE_PAUSE_H

#include <stdint.h>

#ifdef CHAN_PAUSE_POINTS

/* Called with the point's name, in the thread that reached it. */
extern void (*chan__tp_hook)(const char *name);
void chan__tp(const char *name);
#define CHAN_TP(name) chan__tp(name)

/* The first position of the queues made from now on, in laps or blocks: just
 * below overflow, where a test wants to see what happens there. */
extern uint64_t chan__tp_start;
#define CHAN_TP_START(unit) (chan__tp_start * (unit))

#else
#define CHAN_TP(name) ((void)0)
#define CHAN_TP_START(unit) (UINT64_C(0) * (unit))
#endif

#endif
