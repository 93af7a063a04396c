/* glib.c - GAsyncQueue: any number of threads, no limit, pointers */
#include <glib.h>

#include "loops.h"
#include "pointer.h"

BENCH_INLINE void queue_send(void *queue, const void *message, size_t size)
{
	g_async_queue_push(queue, bench_to_pointer(message, size));
}

BENCH_INLINE void queue_recv(void *queue, void *message, size_t size)
{
	bench_from_pointer(g_async_queue_pop(queue), message, size);
}

BENCH_LOOPS(queue, queue_send, queue_recv)

static const struct bench_works *works(size_t size)
{
	static const struct bench_works all = {
		.send = queue_sending, .receive = queue_receiving, .send_then_receive = queue_seq,
		.call = queue_calling, .answer = queue_answering, .wake = queue_waking, .park = queue_being_woken,
		.send_bursts = queue_sending_bursts, .receive_bursts = queue_receiving_bursts
	};

	(void)size;
	return &all;
}

static void open_queues(struct bench_run *r)
{
	for (unsigned i = 0; i < r->channels; i++)
		r->ends[i].to = r->ends[i].from = g_async_queue_new();
}

static bool close_queues(struct bench_run *r)
{
	bool empty = true;

	for (unsigned i = 0; i < r->channels; i++) {
		empty = empty && g_async_queue_length(r->ends[i].to) == 0;
		g_async_queue_unref(r->ends[i].to);
	}
	return empty;
}

static bool serves(const struct bench_impl *impl, const struct bench_cell *c)
{
	(void)impl;
	return bench_is_plain(c) &&
		(c->capacity == BENCH_UNBOUNDED || c->scenario == BENCH_WAKE || c->scenario == BENCH_BURSTS);
}

int main(int argc, char **argv)
{
	static const struct bench_impl impl = {
		.name = "glib", .serves = serves, .works = works, .open = open_queues, .close = close_queues
	};
	char version[32];
	struct bench_adapter adapter = { "glib", version, &impl, 1 };

	g_snprintf(version, sizeof(version), "%u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);
	return bench_main(argc, argv, &adapter);
}
