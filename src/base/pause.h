/*
 * pause.h - seam: named pause points
 *
 * A test build holds a thread at the instant that a pause point names
 * ("array:claimed-send"); anywhere else CHAN_TP is nothing.
 */
#ifndef CHAN_BASE_PAUSE_H
#define CHAN_BASE_PAUSE_H

#ifdef CHAN_PAUSE_POINTS

/* Called with the point's name, in the thread that reached it. */
extern void (*chan__tp_hook)(const char *name);
void chan__tp(const char *name);
#define CHAN_TP(name) chan__tp(name)

#else
#define CHAN_TP(name) ((void)0)
#endif

#endif
