/* loop_epoll.c - an epoll loop between worker threads, a pipe and a timer;
 * level-triggered, or with the argument "edge" edge-triggered.
 *
 * Edge-triggered, an event means that something has changed, and every source
 * is read until it says EAGAIN.  Level-triggered, what is left is reported again,
 * so one message at a time is enough. */
#define _GNU_SOURCE 1 /* pipe2 */

#include <chan.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { WORKERS = 3, EACH = 200 };

struct loop {
	int              epoll, open;
	bool             edge;
	chan_receiver_t *results;
	int              received, letters, ticks;
};

struct source {
	int fd;
	int (*read_one)(struct loop *l, int fd); /* 0, EAGAIN, or EPIPE at its end */
};

static void *work(void *arg)
{
	chan_sender_t *results = arg;

	for (int i = 0; i < EACH; i++)
		if (chan_send(results, &i) != 0)
			break;
	chan_sender_drop(results);
	return NULL;
}

static void *write_letters(void *arg)
{
	int fd = *(int *)arg;

	for (char c = 'a'; c <= 'z'; c++)
		if (write(fd, &c, 1) != 1)
			break;
	close(fd);
	return NULL;
}

static int read_result(struct loop *l, int fd)
{
	int result, e = chan_try_recv(l->results, &result);

	(void)fd; /* the library's: we watch it, and leave it alone */
	l->received += e == 0;
	return e;
}

static int read_letter(struct loop *l, int fd)
{
	char c;
	ssize_t n = read(fd, &c, 1);

	if (n < 0)
		return errno;
	l->letters += n == 1;
	return n == 1 ? 0 : EPIPE;
}

static int read_timer(struct loop *l, int fd)
{
	uint64_t expired;

	if (read(fd, &expired, sizeof expired) < 0)
		return errno;
	l->ticks++;
	return EPIPE; /* one tick will do */
}

static int watch(struct loop *l, struct source *s)
{
	struct epoll_event event = { .events = EPOLLIN | (l->edge ? EPOLLET : 0u), .data.ptr = s };

	l->open++;
	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, s->fd, &event);
}

/* At its end a source leaves the loop: a disconnected channel is ready for ever. */
static void serve(struct loop *l, const struct source *s)
{
	int e;

	do
		e = s->read_one(l, s->fd);
	while (e == 0 && l->edge);
	if (e != EPIPE)
		return;
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	l->open--;
}

static int run(struct loop *l)
{
	struct epoll_event events[8];

	while (l->open > 0) {
		int n = epoll_wait(l->epoll, events, 8, -1);

		if (n < 0 && errno != EINTR)
			return errno;
		for (int i = 0; i < n; i++)
			serve(l, events[i].data.ptr);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct itimerspec soon = { .it_value.tv_nsec = 5000000 };
	struct loop l = { .edge = argc > 1 && strcmp(argv[1], "edge") == 0 };
	struct source results = { -1, read_result }, letters = { -1, read_letter }, timer = { -1, read_timer };
	pthread_t threads[WORKERS], writer;
	chan_sender_t *tx;
	int ends[2];

	if (chan_bounded(4, sizeof(int), &tx, &l.results) != 0 || chan_receiver_fd(l.results, &results.fd) != 0 ||
	    pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
		return 1;
	letters.fd = ends[0];
	timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (timerfd_settime(timer.fd, 0, &soon, NULL) != 0 ||
	    watch(&l, &results) != 0 || watch(&l, &letters) != 0 || watch(&l, &timer) != 0)
		return 1;
	for (int i = 0; i < WORKERS; i++)
		if (pthread_create(&threads[i], NULL, work, chan_sender_clone(tx)) != 0)
			return 1;
	chan_sender_drop(tx);
	if (pthread_create(&writer, NULL, write_letters, &ends[1]) != 0)
		return 1;

	if (run(&l) != 0)
		return 1;
	printf("%d results, %d letters, %d tick\n", l.received, l.letters, l.ticks);
	chan_receiver_drop(l.results);
	pthread_join(writer, NULL);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/* Output:
 *     600 results, 26 letters, 1 tick
 */
