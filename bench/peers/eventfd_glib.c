/* eventfd_glib.c - GAsyncQueue, with an eventfd that makes it fit for an event loop
 *
 * The sender pushes, then adds 1 to the eventfd; the receiver clears that, then pops
 * until nothing is left. */
#include <errno.h>
#include <glib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "epoll_loop.h"
#include "loops.h"
#include "pointer.h"

struct queue {
	GAsyncQueue *messages;
	int          fd;
};

static void queue_send(void *to, const void *message, size_t size)
{
	const struct queue *q = to;

	g_async_queue_push(q->messages, bench_to_pointer(message, size));
	if (eventfd_write(q->fd, 1))
		bench_fail("eventfd_write", errno);
}

static void sending(struct bench_party *p)
{
	bench_sending(p, queue_send);
}

static void drain(struct bench_party *p)
{
	const struct queue *q = p->from;
	eventfd_t count;
	void *pointer;

	if (eventfd_read(q->fd, &count))
		bench_fail("eventfd_read", errno);
	while ((pointer = g_async_queue_try_pop(q->messages))) {
		bench_from_pointer(pointer, p->message, p->size);
		bench_take(p);
	}
}

static void receiving_in_loop(struct bench_party *p)
{
	const struct queue *q = p->from;

	bench_epoll_loop(p, q->fd, drain);
}

static const struct bench_works *works(size_t size)
{
	static const struct bench_works all = { .send = sending, .receive_in_loop = receiving_in_loop };

	(void)size;
	return &all;
}

static void open_queue(struct bench_run *r)
{
	struct queue *q = bench_allocate(sizeof(*q));

	q->messages = g_async_queue_new();
	q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->fd < 0)
		bench_fail("eventfd", errno);
	r->ends[0].to = r->ends[0].from = q;
}

static bool close_queue(struct bench_run *r)
{
	struct queue *q = r->ends[0].to;
	bool empty = g_async_queue_length(q->messages) == 0;

	g_async_queue_unref(q->messages);
	close(q->fd);
	free(q);
	return empty;
}

static bool serves(const struct bench_impl *impl, const struct bench_cell *c)
{
	(void)impl;
	return c->scenario == BENCH_LOOP;
}

int main(int argc, char **argv)
{
	static const struct bench_impl impl = {
		.name = "eventfd_glib", .serves = serves, .works = works, .open = open_queue, .close = close_queue
	};
	char version[32];
	struct bench_adapter adapter = { "eventfd_glib", version, &impl, 1 };

	g_snprintf(version, sizeof(version), "%u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);
	return bench_main(argc, argv, &adapter);
}
