/* loop_uv.c - a libuv loop between worker threads, a pipe and a timer.
 *
 * The channel's descriptor is watched by a uv_poll_t.  It has to be stopped before
 * the last receiver is dropped, which closes the descriptor. */
#include <chan.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

enum { WORKERS = 3, EACH = 200 };

struct loop {
	uv_poll_t        channel;
	uv_pipe_t        pipe;
	uv_timer_t       timer;
	chan_receiver_t *results;
	char             buffer[8];
	int              received, letters, ticks;
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

static void on_closed(uv_handle_t *handle)
{
	struct loop *l = handle->data;

	chan_receiver_drop(l->results); /* libuv watches its descriptor no longer */
}

/* libuv is level-triggered: what is left is reported in the next round, so that a
 * fast channel does not keep the others from their turn. */
static void on_channel(uv_poll_t *handle, int status, int events)
{
	struct loop *l = handle->data;
	int result, e = EAGAIN;

	(void)events;
	for (int i = 0; i < 16 && status == 0; i++) {
		e = chan_try_recv(l->results, &result);
		if (e != 0)
			break;
		l->received++;
	}
	if (e == EPIPE || status != 0)
		uv_close((uv_handle_t *)handle, on_closed);
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct loop *l = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(l->buffer, sizeof l->buffer);
}

static void on_letters(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct loop *l = stream->data;

	(void)buffer;
	if (n > 0)
		l->letters += (int)n;
	else if (n < 0)
		uv_close((uv_handle_t *)stream, NULL);
}

static void on_timer(uv_timer_t *timer)
{
	struct loop *l = timer->data;

	l->ticks++;
	uv_close((uv_handle_t *)timer, NULL);
}

static int watch(struct loop *l, uv_loop_t *uv, int channel_fd, int pipe_fd)
{
	if (uv_poll_init(uv, &l->channel, channel_fd) != 0 || uv_pipe_init(uv, &l->pipe, 0) != 0 ||
	    uv_timer_init(uv, &l->timer) != 0 || uv_pipe_open(&l->pipe, pipe_fd) != 0)
		return -1;
	l->channel.data = l->pipe.data = l->timer.data = l;
	if (uv_poll_start(&l->channel, UV_READABLE, on_channel) != 0 ||
	    uv_read_start((uv_stream_t *)&l->pipe, on_buffer, on_letters) != 0 ||
	    uv_timer_start(&l->timer, on_timer, 5, 0) != 0)
		return -1;
	return 0;
}

int main(void)
{
	struct loop l = { .ticks = 0 };
	uv_loop_t uv;
	pthread_t threads[WORKERS], writer;
	chan_sender_t *tx;
	int fd, ends[2];

	if (chan_bounded(4, sizeof(int), &tx, &l.results) != 0 || chan_receiver_fd(l.results, &fd) != 0 ||
	    pipe(ends) != 0 || uv_loop_init(&uv) != 0 || watch(&l, &uv, fd, ends[0]) != 0)
		return 1;
	for (int i = 0; i < WORKERS; i++)
		if (pthread_create(&threads[i], NULL, work, chan_sender_clone(tx)) != 0)
			return 1;
	chan_sender_drop(tx);
	if (pthread_create(&writer, NULL, write_letters, &ends[1]) != 0)
		return 1;

	uv_run(&uv, UV_RUN_DEFAULT); /* until every handle is closed */
	printf("%d results, %d letters, %d tick\n", l.received, l.letters, l.ticks);
	pthread_join(writer, NULL);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	return uv_loop_close(&uv) == 0 ? 0 : 1;
}

/* Output:
 *     600 results, 26 letters, 1 tick
 */
