/*
 * demo.h - the parts of the demo, and the messages that pass between them
 *
 *     walker --- jobs, bounded ---> workers --- news, unbounded ---> reducer
 *        \------------------------- news ---------------------------^
 *
 * Nothing is shared but the channels.  A message that points to memory hands
 * that memory over with it, and each channel has a destructor for what nobody
 * receives.  Whoever is done drops its handles, and that alone ends the others:
 *
 *     The walker is done: the workers' receives say EPIPE once the queue is
 *     empty.  All of them are done: so does the reducer's.
 *     The reducer gives up: sends of news say EPIPE, the workers leave, and
 *     then the walker's sends say EPIPE as well.
 *     A worker or the walker gives up (no memory): it closes the channel of
 *     news, which needs no memory, and the same follows.
 *     Ctrl-C triggers a token, which ends the walker's sends and the workers'
 *     receives; both leave, and the reducer drains what was counted so far.
 */
#ifndef DEMO_H
#define DEMO_H

#define _POSIX_C_SOURCE 200809L

#include "words.h"

#include <chan.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file to count. */
struct job {
	char *path;  /* owned by the message */
	bool  named; /* by the user, not met while walking */
};

/* What the reducer is told: partial counts, or one path that gave trouble. */
struct news {
	struct words *words;    /* owned by the message; NULL: none */
	char         *path;     /* owned by the message; NULL: no trouble */
	int           error;    /* with a path: an errno value, NOT_TEXT */
	uint64_t      files;    /* counted since this worker's last news */
	uint64_t      bytes;
	uint64_t      binaries; /* skipped since then */
};

enum { NOT_TEXT = -1 };

/* The first bytes of a file, in which a NUL says that it is binary. */
enum { BINARY_PROBE = 8192 };

/* Tell the reducer that `path`, which is handed over, gave trouble.  0, EPIPE
 * when nobody listens any more, or ENOMEM. */
int news_trouble(chan_sender_t *news, char *path, int error);

/* --- walker.c */

struct folder; /* a folder still to be read */

struct walker {
	chan_sender_t *jobs, *news; /* dropped at the end of walker_run() */
	chan_cancel_t *token;       /* borrowed */
	char         **paths;       /* from the command line */
	size_t         path_count;

	/* The walker's until walker_run() has returned. */
	struct folder *folders;
	uint64_t       sent;        /* jobs */
	size_t         longest;     /* queue of jobs seen */
	uint64_t       hidden, builds, links, others; /* skipped */
	int            error;
};

void *walker_run(void *walker);

/* --- worker.c */

struct worker {
	chan_receiver_t *jobs; /* both dropped at the end of worker_run() */
	chan_sender_t   *news;
	chan_cancel_t   *token; /* borrowed */

	/* The worker's until worker_run() has returned. */
	unsigned char *text;
	size_t         room;   /* bytes that text can hold */
	struct news    partial;
	int            error;
};

void *worker_run(void *worker);

/* --- reducer.c */

struct reducer {
	chan_receiver_t *news;   /* dropped at the end of reducer_run() */
	chan_cancel_t   *token;  /* borrowed */
	chan_receiver_t *tick;   /* when to draw the progress line; NULL: never */
	chan_t          *jobs;   /* for that line */
	struct words    *words;
	uint64_t         files, bytes, binaries, troubles;
	uint64_t         received;
	size_t           longest; /* queue of news seen */
	int              error;
};

void reducer_run(struct reducer *reducer);

#endif
