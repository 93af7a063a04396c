/*
 * shutdown.c - ends well on Ctrl-C: no new jobs, those that were accepted are done
 *
 *     main --jobs--> workers --done--> main
 *
 * SIGINT is blocked before the first thread, and a thread in sigwait(3) turns it
 * into the trigger of a token, because no call of the library may be made in a
 * signal handler.  The token ends the sending; everything after it follows from
 * disconnection.  A second Ctrl-C ends the program at once.
 *
 * Usage: shutdown [MILLISECONDS]    how long a job takes (50)
 */
#include <chan.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 3, JOBS_CAPACITY = 4, INTERRUPTED = 128 + SIGINT };

struct worker {
	chan_receiver_t *jobs;
	chan_sender_t   *done;
	long             job_ms;
};

static void do_job(long ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* The drain: until no sender is left and the queue is empty. */
static void *work(void *arg)
{
	struct worker *self = arg;
	unsigned job, count = 0;

	while (chan_recv(self->jobs, &job) == 0) {
		if (job == 0)
			puts("working; Ctrl-C to stop");
		do_job(self->job_ms);
		count++;
	}
	chan_send(self->done, &count);
	chan_receiver_drop(self->jobs);
	chan_sender_drop(self->done);
	return NULL;
}

static void *watch_signals(void *arg)
{
	chan_cancel_t *token = arg;
	sigset_t interrupt;
	int number;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	sigwait(&interrupt, &number);
	puts("stopping: no new jobs; Ctrl-C again to end at once");
	chan_cancel_trigger(token);
	chan_cancel_drop(token);
	sigwait(&interrupt, &number);
	_exit(INTERRUPTED);
}

/* Every thread that starts from here on has SIGINT blocked, too. */
static int start_watching(chan_cancel_t *token)
{
	sigset_t interrupt;
	pthread_t thread;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	pthread_sigmask(SIG_BLOCK, &interrupt, NULL);
	return pthread_create(&thread, NULL, watch_signals, chan_cancel_clone(token)) || pthread_detach(thread);
}

static int start_working(struct worker *workers, const struct worker *first)
{
	pthread_t thread;

	for (int i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ chan_receiver_clone(first->jobs), chan_sender_clone(first->done), first->job_ms };
		if (pthread_create(&thread, NULL, work, &workers[i]) || pthread_detach(thread))
			return 1;
	}
	return 0;
}

/* A triggered token does not keep a message out while there is room: so ask first. */
static unsigned send_jobs(chan_sender_t *jobs, chan_cancel_t *token)
{
	unsigned job = 0;

	while (!chan_cancel_is_triggered(token) && chan_send_cancel(jobs, &job, token) == 0)
		job++;
	return job;
}

int main(int argc, char **argv)
{
	struct worker workers[WORKERS], first = { NULL, NULL, argc > 1 ? atol(argv[1]) : 50 };
	chan_cancel_t *token;
	chan_sender_t *jobs;
	chan_receiver_t *done;
	unsigned sent, count, total = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (chan_cancel_create(NULL, &token) || chan_bounded(JOBS_CAPACITY, sizeof(unsigned), &jobs, &first.jobs) ||
	    chan_unbounded(sizeof(unsigned), &first.done, &done))
		return 1;
	if (start_watching(token) || start_working(workers, &first))
		return 1;
	chan_receiver_drop(first.jobs); /* ours: now only the workers keep the channels connected */
	chan_sender_drop(first.done);

	sent = send_jobs(jobs, token);
	chan_sender_drop(jobs); /* the workers take what is left, and leave */
	while (chan_recv(done, &count) == 0) /* until the last of them has left */
		total += count;
	printf("%u jobs sent, %u done\n", sent, total);
	chan_receiver_drop(done);
	chan_cancel_drop(token);
	return INTERRUPTED;
}
