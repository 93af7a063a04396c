/* nng.c - a pair of nng's sockets within the process, received from through the
 * descriptor that tells when there is something */
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdio.h>
#include <stdlib.h>

#include "epoll_loop.h"
#include "loops.h"

struct pair {
	nng_socket sender, receiver;
};

static void must(int error, const char *what)
{
	if (error) {
		fprintf(stderr, "%s: %s\n", what, nng_strerror(error));
		bench_fail(what, 0);
	}
}

static void pair_send(void *to, const void *message, size_t size)
{
	struct pair *p = to;

	must(nng_send(p->sender, (void *)(uintptr_t)message, size, 0), "nng_send");
}

static void sending(struct bench_party *p)
{
	bench_sending(p, pair_send);
}

static void drain(struct bench_party *p)
{
	struct pair *pair = p->from;
	size_t size = p->size;
	int e;

	while ((e = nng_recv(pair->receiver, p->message, &size, NNG_FLAG_NONBLOCK)) == 0)
		bench_take(p);
	if (e != NNG_EAGAIN)
		must(e, "nng_recv");
}

static void receiving_in_loop(struct bench_party *p)
{
	struct pair *pair = p->from;
	int fd;

	must(nng_socket_get_int(pair->receiver, NNG_OPT_RECVFD, &fd), "NNG_OPT_RECVFD");
	bench_epoll_loop(p, fd, drain);
}

static const struct bench_works *works(size_t size)
{
	static const struct bench_works all = { .send = sending, .receive_in_loop = receiving_in_loop };

	(void)size;
	return &all;
}

static void open_pair(struct bench_run *r)
{
	struct pair *p = bench_allocate(sizeof(*p));

	must(nng_pair0_open(&p->sender), "nng_pair0_open");
	must(nng_pair0_open(&p->receiver), "nng_pair0_open");
	must(nng_socket_set_int(p->receiver, NNG_OPT_RECVBUF, (int)r->capacity), "NNG_OPT_RECVBUF");
	must(nng_listen(p->receiver, "inproc://bench", NULL, 0), "nng_listen");
	must(nng_dial(p->sender, "inproc://bench", NULL, 0), "nng_dial");
	r->ends[0].to = r->ends[0].from = p;
}

static bool close_pair(struct bench_run *r)
{
	struct pair *p = r->ends[0].to;
	char message;
	size_t size = sizeof(message);
	bool empty = nng_recv(p->receiver, &message, &size, NNG_FLAG_NONBLOCK) == NNG_EAGAIN;

	nng_close(p->sender);
	nng_close(p->receiver);
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
		.name = "nng", .serves = serves, .works = works, .open = open_pair, .close = close_pair
	};
	const struct bench_adapter adapter = { "nng", nng_version(), &impl, 1 };

	return bench_main(argc, argv, &adapter);
}
