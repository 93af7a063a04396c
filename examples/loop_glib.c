/* loop_glib.c - a GLib main loop between worker threads, a pipe and a timer.
 *
 * g_unix_fd_add makes a source of the channel's descriptor; its callback takes it
 * out of the loop by returning G_SOURCE_REMOVE. */
#include <chan.h>
#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <stdio.h>
#include <unistd.h>

enum { WORKERS = 3, EACH = 200 };

struct loop {
	GMainLoop       *main;
	chan_receiver_t *results;
	int              open, received, letters, ticks;
};

static gpointer work(gpointer arg)
{
	chan_sender_t *results = arg;

	for (int i = 0; i < EACH; i++)
		if (chan_send(results, &i) != 0)
			break;
	chan_sender_drop(results);
	return NULL;
}

static gpointer write_letters(gpointer arg)
{
	int fd = *(int *)arg;

	for (char c = 'a'; c <= 'z'; c++)
		if (write(fd, &c, 1) != 1)
			break;
	close(fd);
	return NULL;
}

static gboolean leave(struct loop *l)
{
	if (--l->open == 0)
		g_main_loop_quit(l->main);
	return G_SOURCE_REMOVE;
}

/* GLib polls: what is left is reported in the next round, so that a fast channel
 * does not keep the others from their turn. */
static gboolean on_channel(gint fd, GIOCondition condition, gpointer data)
{
	struct loop *l = data;
	int result, e = 0;

	(void)fd;
	(void)condition;
	for (int i = 0; i < 16 && e == 0; i++) {
		e = chan_try_recv(l->results, &result);
		l->received += e == 0;
	}
	return e == EPIPE ? leave(l) : G_SOURCE_CONTINUE;
}

static gboolean on_letters(gint fd, GIOCondition condition, gpointer data)
{
	struct loop *l = data;
	char buffer[8];
	ssize_t n = read(fd, buffer, sizeof buffer);

	(void)condition;
	if (n > 0)
		l->letters += (int)n;
	return n > 0 ? G_SOURCE_CONTINUE : leave(l);
}

static gboolean on_timer(gpointer data)
{
	struct loop *l = data;

	l->ticks++;
	return leave(l);
}

int main(void)
{
	struct loop l = { .open = 3 };
	GThread *threads[WORKERS], *writer;
	chan_sender_t *tx;
	int fd, ends[2];

	if (chan_bounded(4, sizeof(int), &tx, &l.results) != 0 || chan_receiver_fd(l.results, &fd) != 0 ||
	    pipe(ends) != 0)
		return 1;
	l.main = g_main_loop_new(NULL, FALSE);
	g_unix_fd_add(fd, G_IO_IN, on_channel, &l);
	g_unix_fd_add(ends[0], G_IO_IN | G_IO_HUP, on_letters, &l);
	g_timeout_add(5, on_timer, &l);
	for (int i = 0; i < WORKERS; i++)
		threads[i] = g_thread_new("worker", work, chan_sender_clone(tx));
	chan_sender_drop(tx);
	writer = g_thread_new("writer", write_letters, &ends[1]);

	g_main_loop_run(l.main);
	printf("%d results, %d letters, %d tick\n", l.received, l.letters, l.ticks);
	chan_receiver_drop(l.results);
	g_thread_join(writer);
	for (int i = 0; i < WORKERS; i++)
		g_thread_join(threads[i]);
	g_main_loop_unref(l.main);
	return 0;
}

/* Output:
 *     600 results, 26 letters, 1 tick
 */
