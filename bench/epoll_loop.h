/* epoll_loop.h - an event loop with one source, which serves all messages of a party */
#ifndef BENCH_EPOLL_LOOP_H
#define BENCH_EPOLL_LOOP_H

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "harness.h"

/* Takes what is there, and returns when nothing is. */
typedef void (*bench_drain)(struct bench_party *);

/* Level-triggered: what comes too late for one event is the next event. */
BENCH_INLINE void bench_epoll_loop(struct bench_party *p, int fd, bench_drain drain)
{
	struct epoll_event ev = { EPOLLIN, { NULL } };
	int set = epoll_create1(EPOLL_CLOEXEC);

	if (set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev))
		bench_fail("epoll", errno);
	while (p->taken.count < p->count)
		if (epoll_wait(set, &ev, 1, -1) == 1)
			drain(p);
	close(set);
}

#endif
