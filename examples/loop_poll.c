/* loop_poll.c - a poll(2) loop between a pipe, worker threads and a timer.
 *
 * Requests arrive by the pipe and go to the workers through one channel; answers
 * come back through another.  While the first is full the loop stops reading the
 * pipe and watches the sender's descriptor instead: it never waits anywhere but
 * in poll. */
#include <chan.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum { WORKERS = 3, REQUESTS = 1000 };
enum { PIPE, ROOM, ANSWERS, WATCHED };

struct worker {
	chan_receiver_t *requests;
	chan_sender_t   *answers;
};

struct loop {
	struct pollfd    watched[WATCHED]; /* fd -1: not now */
	int              pipe, room;       /* the descriptors to put there */
	chan_sender_t   *requests;
	chan_receiver_t *answers;
	int              request;          /* read from the pipe; */
	bool             held;             /* and not sent yet */
	struct timespec  tick;
	int              open, ticks, answered;
	long             sum;
};

static void *work(void *arg)
{
	struct worker *self = arg;
	int n;

	while (chan_recv(self->requests, &n) == 0) {
		long square = (long)n * n;

		if (chan_send(self->answers, &square) != 0)
			break;
	}
	chan_receiver_drop(self->requests);
	chan_sender_drop(self->answers);
	return NULL;
}

static void *ask(void *arg)
{
	int fd = *(int *)arg;

	for (int n = 1; n <= REQUESTS; n++)
		if (write(fd, &n, sizeof n) != (ssize_t)sizeof n)
			break;
	close(fd);
	return NULL;
}

/* One request at most, so that the answers get their turn. */
static void forward_request(struct loop *l)
{
	if (!l->held && read(l->pipe, &l->request, sizeof l->request) != (ssize_t)sizeof l->request) {
		l->watched[PIPE].fd = -1;
		l->open--;
		chan_sender_drop(l->requests); /* the workers come to their end */
		return;
	}
	l->held = chan_try_send(l->requests, &l->request) == EAGAIN;
	l->watched[PIPE].fd = l->held ? -1 : l->pipe;
	l->watched[ROOM].fd = l->held ? l->room : -1;
}

static void take_answers(struct loop *l)
{
	long square;
	int e;

	while ((e = chan_try_recv(l->answers, &square)) == 0) {
		l->sum += square;
		l->answered++;
	}
	if (e == EPIPE) {
		l->watched[ANSWERS].fd = -1; /* it would be ready for ever */
		l->open--;
	}
}

/* A tick, if it is time; how many milliseconds until the next, rounded up. */
static int run_timer(struct loop *l)
{
	struct timespec now;
	long long ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (l->tick.tv_sec - now.tv_sec) * 1000000000LL + l->tick.tv_nsec - now.tv_nsec;
	if (ns <= 0) {
		l->ticks++;
		chan_deadline(5 * CHAN_MSEC, &l->tick);
		return 5;
	}
	return (int)((ns + 999999) / 1000000);
}

static void run(struct loop *l)
{
	while (l->open > 0 || l->ticks == 0) {
		if (poll(l->watched, WATCHED, run_timer(l)) < 0)
			continue;
		if (l->watched[PIPE].revents || l->watched[ROOM].revents)
			forward_request(l);
		if (l->watched[ANSWERS].revents)
			take_answers(l);
	}
}

int main(void)
{
	struct loop l = { .open = 2 };
	struct worker workers[WORKERS];
	pthread_t threads[WORKERS], client;
	chan_receiver_t *requests;
	chan_sender_t *answers;
	int ends[2], answers_fd;

	if (chan_bounded(4, sizeof(int), &l.requests, &requests) != 0 ||
	    chan_bounded(4, sizeof(long), &answers, &l.answers) != 0 ||
	    chan_sender_fd(l.requests, &l.room) != 0 ||
	    chan_receiver_fd(l.answers, &answers_fd) != 0 || pipe(ends) != 0)
		return 1;
	l.pipe = ends[0];
	l.watched[PIPE] = (struct pollfd){ l.pipe, POLLIN, 0 };
	l.watched[ROOM] = (struct pollfd){ -1, POLLIN, 0 };
	l.watched[ANSWERS] = (struct pollfd){ answers_fd, POLLIN, 0 };
	chan_deadline(5 * CHAN_MSEC, &l.tick);
	for (int i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ chan_receiver_clone(requests), chan_sender_clone(answers) };
		if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
			return 1;
	}
	chan_receiver_drop(requests);
	chan_sender_drop(answers);
	if (pthread_create(&client, NULL, ask, &ends[1]) != 0)
		return 1;

	run(&l);
	printf("%d answers, their sum is %ld\n", l.answered, l.sum);
	printf("the timer has run: %s\n", l.ticks > 0 ? "yes" : "no");
	chan_receiver_drop(l.answers);
	pthread_join(client, NULL);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/* Output:
 *     1000 answers, their sum is 333833500
 *     the timer has run: yes
 */
