/* loop_uring.c - an io_uring loop between worker threads, a pipe and a timer.
 *
 * The channel's descriptor is watched by poll requests, each for one event: the
 * loop takes what is there and asks again.  A request looks at the descriptor when
 * it is made, so a message that came in between is not missed. */
#include <chan.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 3, EACH = 200, NOT_HERE = 77 };

struct loop {
	struct io_uring          ring;
	chan_receiver_t         *results;
	int                      channel_fd, pipe_fd;
	struct __kernel_timespec soon;
	char                     buffer[8];
	int                      open, received, letters, ticks;
};

/* What a completion is for: its user data points to one of these. */
struct source {
	void (*start)(struct loop *l, struct io_uring_sqe *sqe);
	int  (*done)(struct loop *l, int result); /* 0: start again, EPIPE: at its end */
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

static void start_channel(struct loop *l, struct io_uring_sqe *sqe)
{
	io_uring_prep_poll_add(sqe, l->channel_fd, POLLIN);
}

static int channel_done(struct loop *l, int result)
{
	int message, e;

	if (result < 0)
		return EPIPE;
	while ((e = chan_try_recv(l->results, &message)) == 0)
		l->received++;
	return e == EAGAIN ? 0 : e;
}

static void start_letters(struct loop *l, struct io_uring_sqe *sqe)
{
	io_uring_prep_read(sqe, l->pipe_fd, l->buffer, sizeof l->buffer, 0);
}

static int letters_done(struct loop *l, int result)
{
	if (result <= 0)
		return EPIPE;
	l->letters += result;
	return 0;
}

static void start_timer(struct loop *l, struct io_uring_sqe *sqe)
{
	io_uring_prep_timeout(sqe, &l->soon, 0, 0);
}

static int timer_done(struct loop *l, int result)
{
	l->ticks += result == -ETIME;
	return EPIPE; /* one tick will do */
}

static void start(struct loop *l, const struct source *s)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&l->ring); /* never full: one a source */

	s->start(l, sqe);
	io_uring_sqe_set_data(sqe, (void *)(uintptr_t)s);
}

static int run(struct loop *l)
{
	static const struct source sources[] = {
		{ start_channel, channel_done },
		{ start_letters, letters_done },
		{ start_timer, timer_done },
	};
	struct io_uring_cqe *cqe;

	for (l->open = 0; l->open < 3; l->open++)
		start(l, &sources[l->open]);
	while (l->open > 0) {
		int e = io_uring_submit_and_wait(&l->ring, 1);

		if (e < 0 && e != -EINTR)
			return -e;
		while (io_uring_peek_cqe(&l->ring, &cqe) == 0) {
			const struct source *s = io_uring_cqe_get_data(cqe);
			int result = cqe->res;

			io_uring_cqe_seen(&l->ring, cqe);
			if (s->done(l, result) == 0)
				start(l, s);
			else
				l->open--;
		}
	}
	return 0;
}

int main(void)
{
	struct loop l = { .soon.tv_nsec = 5000000 };
	pthread_t threads[WORKERS], writer;
	chan_sender_t *tx;
	int ends[2], e = io_uring_queue_init(8, &l.ring, 0);

	if (e < 0) {
		printf("no io_uring here: %s\n", strerror(-e));
		return NOT_HERE;
	}
	if (chan_bounded(4, sizeof(int), &tx, &l.results) != 0 ||
	    chan_receiver_fd(l.results, &l.channel_fd) != 0 || pipe(ends) != 0)
		return 1;
	l.pipe_fd = ends[0];
	for (int i = 0; i < WORKERS; i++)
		if (pthread_create(&threads[i], NULL, work, chan_sender_clone(tx)) != 0)
			return 1;
	chan_sender_drop(tx);
	if (pthread_create(&writer, NULL, write_letters, &ends[1]) != 0 || run(&l) != 0)
		return 1;
	printf("%d results, %d letters, %d tick\n", l.received, l.letters, l.ticks);
	chan_receiver_drop(l.results);
	pthread_join(writer, NULL);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	io_uring_queue_exit(&l.ring);
	return 0;
}

/* Output:
 *     600 results, 26 letters, 1 tick
 */
