/* pipe.c - a pipe: the system's own channel, watched by an event loop
 *
 * Each message is one write, which a pipe does not tear apart up to PIPE_BUF bytes;
 * a read takes all that is there, up to a batch. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "epoll_loop.h"
#include "loops.h"

struct pair {
	int read, write;
};

static void pipe_send(void *to, const void *message, size_t size)
{
	const struct pair *p = to;
	ssize_t written;

	do
		written = write(p->write, message, size);
	while (written < 0 && errno == EINTR);
	if (written != (ssize_t)size)
		bench_fail("write", errno);
}

static void sending(struct bench_party *p)
{
	bench_sending(p, pipe_send);
}

static void drain(struct bench_party *p)
{
	const struct pair *pair = p->from;
	ssize_t n;

	while ((n = read(pair->read, p->message, p->size * BENCH_BATCH_OF)) > 0) {
		if ((size_t)n % p->size != 0)
			bench_fail("a pipe tore a message apart", 0);
		bench_take_many(p, (size_t)n / p->size);
	}
	if (n == 0 || errno != EAGAIN)
		bench_fail("read", errno);
}

static void receiving_in_loop(struct bench_party *p)
{
	const struct pair *pair = p->from;

	bench_epoll_loop(p, pair->read, drain);
}

static const struct bench_works *works(size_t size)
{
	static const struct bench_works all = { .send = sending, .receive_in_loop = receiving_in_loop };

	return size > 0 && size <= PIPE_BUF ? &all : NULL;
}

static void open_pipe(struct bench_run *r)
{
	struct pair *p = bench_allocate(sizeof(*p));
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) || fcntl(ends[0], F_SETFL, O_NONBLOCK))
		bench_fail("pipe", errno);
	p->read = ends[0];
	p->write = ends[1];
	/* Rounded up to pages. */
	if (fcntl(p->write, F_SETPIPE_SZ, (int)(r->capacity * r->size)) < 0)
		bench_fail("F_SETPIPE_SZ", errno);
	r->ends[0].to = r->ends[0].from = p;
}

static bool close_pipe(struct bench_run *r)
{
	struct pair *p = r->ends[0].to;
	char byte;
	bool empty = read(p->read, &byte, 1) < 0 && errno == EAGAIN;

	close(p->read);
	close(p->write);
	free(p);
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
		.name = "pipe", .serves = serves, .works = works, .open = open_pipe, .close = close_pipe
	};
	const struct bench_adapter adapter = { "pipe", BENCH_VERSION, &impl, 1 };

	return bench_main(argc, argv, &adapter);
}
