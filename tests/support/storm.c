#include "support/storm.h"

#include <sched.h>
#include <signal.h>

#include "support/wait.h"

static atomic_uint signals_seen;

static void on_signal(int number)
{
	(void)number;
	atomic_fetch_add(&signals_seen, 1);
}

/* Ten thousand a second, at the thread that waits. */
static void rain(void *arg)
{
	struct storm *s = arg;

	while (!atomic_load(&s->stop)) {
		uint64_t next = now_ns() + 100 * CHAN_USEC;

		if (!atomic_load(&s->target->ended))
			pthread_kill(s->target->thread, SIGUSR1);
		while (now_ns() < next)
			sched_yield();
	}
}

void storm_start(struct storm *s, struct worker *target)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigemptyset(&action.sa_mask);
	must_eq(sigaction(SIGUSR1, &action, NULL), 0);
	atomic_store(&signals_seen, 0);
	atomic_init(&s->stop, false);
	s->target = target;
	worker_start(&s->worker, rain, s);
}

void storm_end(struct storm *s)
{
	atomic_store(&s->stop, true);
	worker_join(&s->worker);
}

void storm_wait(unsigned n)
{
	unsigned target = atomic_load(&signals_seen) + n;

	wait_for(atomic_load(&signals_seen) >= target);
}
