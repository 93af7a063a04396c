/*
 * fragments.h - what the fragments of code in the manual and in README speak of, so that
 * they compile: check-man.sh and check-readme.sh put each into a function behind this
 */
#ifndef FRAGMENTS_H
#define FRAGMENTS_H

#include <chan.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

/* The headers of event loops, where configure found them; see check-man.sh. */
#ifdef FRAGMENT_EPOLL
#include <sys/epoll.h>
#endif
#ifdef FRAGMENT_UV
#include <uv.h>
static uv_loop_t *loop;
static uv_poll_t handle;
#endif
#ifdef FRAGMENT_GLIB
#include <glib-unix.h>
#endif
#ifdef FRAGMENT_URING
#include <liburing.h>
static struct io_uring_sqe *sqe;
#endif

struct object { int number; };

static chan_sender_t *tx, *log;
static chan_receiver_t *rx, *requests, *jobs, *tick;
static chan_cancel_t *c, *token, *stop;
static chan_case_t cases[3];
static struct object *object;
static size_t which;
static int e, fd, set, msg, request, line, job, result;
static chan_waker_t waker;
static void *on_channel, *on_closed, *data;

void use(int *message);
void release(struct object *o);
void work_on(int *message);
void show_progress(void);
void do_other_work(void);
void poll_again(void);

#endif
