/* apr.c - apr_queue: any number of threads, a fixed capacity, pointers */
#include <apr_errno.h>
#include <apr_general.h>
#include <apr_queue.h>
#include <apr_version.h>
#include <apu_version.h>
#include <limits.h>

#include "loops.h"
#include "pointer.h"

static apr_pool_t *pool;

/* EINTR is what a thread gets that was woken for nothing. */
BENCH_INLINE void queue_send(void *queue, const void *message, size_t size)
{
	void *pointer = bench_to_pointer(message, size);
	apr_status_t status;

	while ((status = apr_queue_push(queue, pointer)) == APR_EINTR)
		;
	bench_must(status, "apr_queue_push");
}

BENCH_INLINE void queue_recv(void *queue, void *message, size_t size)
{
	apr_status_t status;
	void *pointer;

	while ((status = apr_queue_pop(queue, &pointer)) == APR_EINTR)
		;
	bench_must(status, "apr_queue_pop");
	bench_from_pointer(pointer, message, size);
}

BENCH_LOOPS(queue, queue_send, queue_recv)

static const struct bench_works *works(size_t size)
{
	static const struct bench_works all = {
		.send = queue_sending, .receive = queue_receiving, .send_then_receive = queue_seq,
		.call = queue_calling, .answer = queue_answering, .wake = queue_waking, .park = queue_being_woken,
		.send_sizes = queue_sending_sizes, .receive_sizes = queue_receiving_sizes,
		.send_bursts = queue_sending_bursts, .receive_bursts = queue_receiving_bursts
	};

	(void)size;
	return &all;
}

static void open_queues(struct bench_run *r)
{
	if (r->capacity > UINT_MAX)
		bench_cannot("so large a capacity");
	for (unsigned i = 0; i < r->channels; i++) {
		apr_queue_t *queue;

		bench_must(apr_queue_create(&queue, (unsigned)r->capacity, pool), "apr_queue_create");
		r->ends[i].to = r->ends[i].from = queue;
	}
}

static bool close_queues(struct bench_run *r)
{
	bool empty = true;

	for (unsigned i = 0; i < r->channels; i++)
		empty = empty && apr_queue_size(r->ends[i].to) == 0;
	return empty;
}

static bool serves(const struct bench_impl *impl, const struct bench_cell *c)
{
	(void)impl;
	return c->scenario == BENCH_SIZES ||
	       (bench_is_plain(c) && c->capacity != 0 && c->capacity != BENCH_UNBOUNDED);
}

int main(int argc, char **argv)
{
	static const struct bench_impl impl = {
		.name = "apr", .serves = serves, .works = works, .open = open_queues, .close = close_queues
	};
	const struct bench_adapter adapter = { "apr", apu_version_string(), &impl, 1 };

	bench_must(apr_initialize(), "apr_initialize");
	bench_must(apr_pool_create(&pool, NULL), "apr_pool_create");
	return bench_main(argc, argv, &adapter);
}
