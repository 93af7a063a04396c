/*
 * pause.c - the hook behind CHAN_TP, in test builds
 */
#include "base/pause.h"

typedef int chan__pause_is_not_empty; /* ISO C wants a declaration in every file */

#ifdef CHAN_PAUSE_POINTS

void (*chan__tp_hook)(const char *name);
uint64_t chan__tp_start;

void chan__tp(const char *name)
{
	void (*hook)(const char *) = __atomic_load_n(&chan__tp_hook, __ATOMIC_ACQUIRE);

	if (hook)
		hook(name);
}

#endif
