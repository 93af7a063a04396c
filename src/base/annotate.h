/*
 * annotate.h - what helgrind and DRD are told of atomics
 *
 * They know the locks of POSIX and nothing of the orders of atomics.  With
 * --enable-annotations every operation says which order it makes, and that the memory
 * of an atomic is no race.  That costs a dozen instructions for each, so it is meant
 * for the library that a program is checked with.  Without, it is nothing.
 */
#ifndef CHAN_BASE_ANNOTATE_H
#define CHAN_BASE_ANNOTATE_H

#include "base/compiler.h"

#ifdef CHAN_ANNOTATIONS

#include <valgrind/helgrind.h> /* before drd.h, which then leaves it the common names */
#include <valgrind/drd.h>

/* An atomic, or a lock: what happens inside is nobody else's race. */
static inline void chan__annotate_own(const void *a, size_t size)
{
	VALGRIND_HG_DISABLE_CHECKING(a, size);
	VALGRIND_DO_CLIENT_REQUEST_STMT(VG_USERREQ__DRD_START_SUPPRESSION, a, size, 0, 0, 0);
}

/* The memory will be something else, whose past has nothing to do with this. */
static inline void chan__annotate_plain(const void *a, size_t size)
{
	ANNOTATE_HAPPENS_BEFORE_FORGET_ALL(a);
	VALGRIND_HG_ENABLE_CHECKING(a, size);
	VALGRIND_DO_CLIENT_REQUEST_STMT(VG_USERREQ__DRD_FINISH_SUPPRESSION, a, size, 0, 0, 0);
}

/* Before an operation that releases: what came first is published with it. */
static inline void chan__annotate_release(const void *a)
{
	ANNOTATE_HAPPENS_BEFORE(a);
	VALGRIND_DO_CLIENT_REQUEST_STMT(VG_USERREQ__DRD_ANNOTATE_HAPPENS_BEFORE, a, 0, 0, 0, 0);
}

/* After one that acquires: what others published with the atomic is seen. */
static inline void chan__annotate_acquire(const void *a)
{
	ANNOTATE_HAPPENS_AFTER(a);
	VALGRIND_DO_CLIENT_REQUEST_STMT(VG_USERREQ__DRD_ANNOTATE_HAPPENS_AFTER, a, 0, 0, 0, 0);
}

#else

static inline void chan__annotate_own(const void *a, size_t size)
{
	(void)a;
	(void)size;
}

static inline void chan__annotate_plain(const void *a, size_t size)
{
	(void)a;
	(void)size;
}

static inline void chan__annotate_release(const void *a)
{
	(void)a;
}

static inline void chan__annotate_acquire(const void *a)
{
	(void)a;
}

#endif

#endif
