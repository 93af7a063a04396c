/*
 * harness.c - array, list and the wait queue for GenMC, all in one unit
 *
 *	genmc --check-liveness -- -I include -I src -DKIND=KIND_ARRAY -DPLOT=PLOT_DRAIN \
 *		-DSENDERS=2 -DRECEIVERS=1 -DEACH=1 harness.c
 *
 * The sources as they are.  Here are only the seams: fences are full, a message is a
 * word, memory is malloc's, and a thread that sleeps reads its token until it is there,
 * so that a lost wake-up is a loop without end, which GenMC finds by itself
 * (--check-liveness).  The short lock is the pthread one, which GenMC knows.
 *
 *   DRAIN  each sender sends EACH messages and leaves, each receiver takes until EPIPE
 *   FLOW   as many are received as are sent, and every call waits as long as it takes
 *   CLOSE  as DRAIN, and one more thread closes meanwhile
 *   TRY    nobody waits: each tries once for each message, and the rest is left
 *
 * KIND_WAITQ is no channel but a count with a wait queue (tests/relacy/count.h), which
 * senders raise and receivers lower.
 */
#define CHAN_BASE_FENCE_H
#define CHAN_BASE_COPY_H
#define CHAN_BASE_BACKOFF_H
#define CHAN_BASE_THREAD_H

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/atomic.h"

/* ------------------------------------------------------------------------ seams */

static inline void chan__fence_light(chan__u32 *partner)
{
	(void)partner;
	atomic_thread_fence(memory_order_seq_cst);
}

static inline void chan__fence_heavy(chan__u32 *partner)
{
	(void)partner;
	atomic_thread_fence(memory_order_seq_cst);
}

static inline void chan__copy(void *to, const void *from, size_t size)
{
	(void)size;
	*(uint64_t *)to = *(const uint64_t *)from;
}

static inline char *chan__message_at(const void *msgs, size_t i, size_t size)
{
	return (char *)msgs + i * size;
}

static inline void chan__swap(void *a, void *b, size_t size)
{
	uint64_t bounce = *(uint64_t *)a;

	(void)size;
	*(uint64_t *)a = *(uint64_t *)b;
	*(uint64_t *)b = bounce;
}

/* The sides are everybody's from the beginning: a light fence is a full one. */
static inline bool chan__fence_is_free(void) { return false; }
static inline size_t chan__thread_self(void) { return 16; }

static inline void chan__relax(void) {}
static inline void chan__stand_by(unsigned pauses) { (void)pauses; }
static inline void chan__collided(unsigned *times) { ++*times; }
static void chan__yield(void) {}

enum { CHAN__PATIENCE = 1, CHAN__TURN_TRIES = 1, CHAN__LOCK_TRIES = 1 };

#include "base/bias.c"
#include "wait/waitq.c"

#include "block.c"
#include "flavors/array.c"
#include "flavors/list.c"
#include "handle.c"

void *chan__memory_get(const struct chan__memory *m, size_t size)
{
	(void)m;
	return malloc(size);
}

void chan__memory_put(const struct chan__memory *m, void *ptr, size_t size)
{
	(void)m;
	(void)size;
	free(ptr);
}

struct chan__callback chan__callback_enter(void)
{
	struct chan__callback guard = { 0, 0 };

	return guard;
}

void chan__callback_leave(struct chan__callback guard)
{
	(void)guard;
}

bool chan__slot_layout(size_t msg_size, size_t *offset, size_t *stride)
{
	*offset = 8;
	*stride = 8 + msg_size;
	return true;
}

/* Two to a block, so that three messages need the next one. */
bool chan__block_layout(size_t stride, size_t header, size_t *per_block, size_t *block_size)
{
	*per_block = 2;
	*block_size = header + 2 * stride;
	return true;
}

uint64_t chan__clock_ns(void) { return 0; }
uint32_t chan__process_generation(void) { return 0; }
unsigned chan__process_cpus(void) { return 1; }

bool chan__deadline_before(const struct chan__deadline *a, const struct chan__deadline *b)
{
	return !a->forever && b->forever;
}

bool chan__deadline_passed(const struct chan__deadline *d)
{
	(void)d;
	return false;
}

/* No descriptors. */
void chan__changed(struct chan *c, enum chan__side by, struct chan_receiver *rx) { (void)c, (void)by, (void)rx; }
void chan__refused(struct chan *c, enum chan__side side, struct chan_receiver *rx) { (void)c, (void)side, (void)rx; }
void chan__polled_end(struct chan *c, const struct chan_receiver *rx) { (void)c, (void)rx; }
void chan__polled_fini(struct chan *c) { (void)c; }

static void sleeper_init(struct chan__parker *p)
{
	p->kind = &chan__parker_pthread;
	chan__u32_init(&p->token, 0);
}

static void sleeper_fini(struct chan__parker *p)
{
	chan__u32_fini(&p->token);
}

static bool sleeper_ready(struct chan__parker *p)
{
	return chan__u32_load_acquire(&p->token) != 0;
}

static bool sleeper_park(struct chan__parker *p, const struct chan__deadline *d)
{
	(void)d;
	while (chan__u32_load_acquire(&p->token) == 0)
		continue;
	return true;
}

static void sleeper_unpark(struct chan__parker *p)
{
	chan__u32_store_release(&p->token, 1);
}

const struct chan__parker_kind chan__parker_pthread = {
	.init = sleeper_init,
	.fini = sleeper_fini,
	.ready = sleeper_ready,
	.park = sleeper_park,
	.unpark = sleeper_unpark,
};

/* ------------------------------------------------------------------ what is asked */

#define KIND_ARRAY 1
#define KIND_LIST  2
#define KIND_WAITQ 3

#define PLOT_DRAIN 1
#define PLOT_FLOW  2
#define PLOT_CLOSE 3
#define PLOT_TRY   4

enum { MESSAGES = SENDERS * EACH };

static uint64_t ends[MESSAGES]; /* written by who received it; GenMC finds two */
static bool sent[MESSAGES];

static const struct chan__deadline forever = { true, { 0, 0 } };

#if KIND == KIND_WAITQ

#include "../relacy/count.h"

static struct count count;

static void open_channel(void)
{
	count_init(&count);
}

static int send_one(uint64_t m)
{
	(void)m;
	count_up(&count);
	return 0;
}

static int recv_one(uint64_t *m)
{
	int which;

	*m = MESSAGES;
	return count_down(&count, 1, &forever, &which);
}

static void close_channel(void)
{
	count_close(&count);
}

#else

static struct chan *channel;

static void open_channel(void)
{
	struct chan__config config = {
		.msg_size = sizeof(uint64_t),
		.capacity = KIND == KIND_ARRAY ? CAPACITY : CHAN_UNBOUNDED,
	};
	int e = KIND == KIND_ARRAY ? array_create(&config, &channel) : list_create(&config, &channel);

	assert(e == 0);
}

static int send_one(uint64_t m)
{
	int e = channel->flavor->try_send(channel, &m);

	return e == EAGAIN && PLOT != PLOT_TRY ? chan__block_send(channel, &m, &forever, NULL) : e;
}

static int recv_one(uint64_t *m)
{
	int e = channel->flavor->try_recv(&channel->receiver, m);

	return e == EAGAIN && PLOT != PLOT_TRY ? chan__block_recv(&channel->receiver, m, &forever, NULL) : e;
}

static void close_channel(void)
{
	chan__close(channel);
}

#endif

static chan__u32 senders_left;

static void *sender(void *arg)
{
	uint64_t first = (uint64_t)(uintptr_t)arg * EACH;

	for (uint64_t m = first; m < first + EACH; m++) {
		int e = send_one(m);

		assert(e == 0 || (e == EPIPE && PLOT == PLOT_CLOSE) || (e == EAGAIN && PLOT == PLOT_TRY));
		sent[m] = e == 0;
	}
	if ((PLOT == PLOT_DRAIN) && chan__u32_fetch_sub_acq_rel(&senders_left, 1) == 1)
		close_channel();
	return NULL;
}

/* FLOW: the last receiver takes what the others leave. */
static void *receiver(void *arg)
{
	bool last = (uintptr_t)arg == RECEIVERS - 1;
	int n = PLOT == PLOT_FLOW && !last ? MESSAGES / RECEIVERS : MESSAGES - (PLOT == PLOT_FLOW ? MESSAGES / RECEIVERS * (RECEIVERS - 1) : 0);
	uint64_t m = 0;
	int e = 0;

	for (int i = 0; e == 0 && (PLOT == PLOT_DRAIN || PLOT == PLOT_CLOSE || i < n); i++) {
		e = recv_one(&m);
		if (e == 0 && m < MESSAGES)
			ends[m]++;
		assert(e == 0 || (e == EPIPE && (PLOT == PLOT_DRAIN || PLOT == PLOT_CLOSE)) ||
		       (e == EAGAIN && PLOT == PLOT_TRY));
	}
	return NULL;
}

static void *closer(void *arg)
{
	(void)arg;
	close_channel();
	return NULL;
}

int main(void)
{
	pthread_t threads[SENDERS + RECEIVERS], other;

	open_channel();
	chan__u32_init(&senders_left, SENDERS);
	for (uintptr_t i = 0; i < SENDERS; i++)
		pthread_create(&threads[i], NULL, sender, (void *)i);
	for (uintptr_t i = 0; i < RECEIVERS; i++)
		pthread_create(&threads[SENDERS + i], NULL, receiver, (void *)i);
	if (PLOT == PLOT_CLOSE) {
		pthread_create(&other, NULL, closer, NULL);
		pthread_join(other, NULL);
	}
	for (int i = 0; i < SENDERS + RECEIVERS; i++)
		pthread_join(threads[i], NULL);
#if KIND == KIND_WAITQ
	assert(PLOT == PLOT_CLOSE || chan__u32_load_relaxed(&count.left) == 0);
	count_fini(&count);
#else
	if (PLOT == PLOT_TRY) {
		uint64_t m;

		while (channel->flavor->try_recv(&channel->receiver, &m) == 0)
			ends[m]++;
	}
	for (int m = 0; m < MESSAGES; m++)
		assert(ends[m] == sent[m]);
	channel->flavor->destroy(channel);
#endif
	return 0;
}
