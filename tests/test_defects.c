/*
 * test_defects.c - defects that reviews and the model checker have found, and
 * that must not come back
 *
 * Each case plays the interleaving that showed its defect.  Linked with the
 * library's test build: threads are held at pause points or inside callbacks,
 * and what is no pause point away is done on the wait queue itself.
 */
#include <dlfcn.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/process.h"
#include "block.h"
#include "support/support.h"
#include "wait/waitq.h"

extern void (*chan__tp_hook)(const char *name);
extern uint64_t chan__tp_start;

/* ------------------------------------------------------------------ the holder */

/* Where one thread stops once, until it is let go. */
struct hold {
	const char *point; /* NULL: held by a callback */
	atomic_bool armed;
	sem_t arrived, go;
};

static _Thread_local struct hold *my_hold;

static void hold_init(struct hold *h, const char *point)
{
	h->point = point;
	atomic_init(&h->armed, true);
	sem_init(&h->arrived, 0, 0);
	sem_init(&h->go, 0, 0);
}

static void hold_here(struct hold *h)
{
	if (!atomic_exchange(&h->armed, false))
		return;
	sem_post(&h->arrived);
	wait_sem(&h->go);
}

static void on_point(const char *name)
{
	if (my_hold && my_hold->point && strcmp(name, my_hold->point) == 0)
		hold_here(my_hold);
}

static void hook(void (*on)(const char *name))
{
	__atomic_store_n(&chan__tp_hook, on, __ATOMIC_RELEASE);
}

static void wait_held(struct hold *h)
{
	wait_for(sem_trywait(&h->arrived) == 0);
}

/* Also when nobody is held: then nobody will be. */
static void let_go(struct hold *h)
{
	atomic_store(&h->armed, false);
	sem_post(&h->go);
}

/* ------------------------------------------------------------------ the actors */

/* A thread that makes one call, perhaps held on the way. */
struct actor {
	void (*act)(struct actor *a);
	struct ends e;
	struct hold hold;
	int result;
	uint64_t number;
	size_t count;
	struct worker worker;
};

static void run_actor(void *arg)
{
	struct actor *a = arg;

	my_hold = &a->hold;
	a->act(a);
}

static void actor_start(struct actor *a, void (*act)(struct actor *a), struct ends e, uint64_t number)
{
	a->act = act;
	a->e = e;
	a->number = number;
	hook(on_point);
	worker_start(&a->worker, run_actor, a);
}

static void actor_start_free(struct actor *a, void (*act)(struct actor *a), struct ends e, uint64_t number)
{
	hold_init(&a->hold, NULL);
	actor_start(a, act, e, number);
}

static void actor_start_held(struct actor *a, void (*act)(struct actor *a), struct ends e,
                             uint64_t number, const char *point)
{
	hold_init(&a->hold, point);
	actor_start(a, act, e, number);
	wait_held(&a->hold);
}

static void act_send(struct actor *a)
{
	a->result = chan_send(a->e.tx, &a->number);
}

static void act_recv(struct actor *a)
{
	a->result = chan_recv(a->e.rx, &a->number);
}

static void act_recv_into_nothing(struct actor *a)
{
	a->result = chan_recv(a->e.rx, NULL);
}

static void act_force_send(struct actor *a)
{
	a->result = chan_force_send(a->e.tx, &a->number, NULL, NULL);
}

static void act_recv_in_time(struct actor *a)
{
	a->result = chan_recv_timeout(a->e.rx, &a->number, 20 * CHAN_MSEC);
}

static void act_send_in_time(struct actor *a)
{
	a->result = chan_send_timeout(a->e.tx, &a->number, 20 * CHAN_MSEC);
}

static void act_drop_receiver(struct actor *a)
{
	chan_receiver_drop(a->e.rx);
}

/* --------------------------------------------------- destructors that do things */

/* A destructor that counts, and is held at its first message. */
struct gatekeeper {
	struct destroyed d;
	struct hold hold;
};

static void destroy_held(void *msg, void *arg)
{
	struct gatekeeper *g = arg;

	count_destroyed(msg, &g->d);
	hold_here(&g->hold);
}

static struct ends open_gated(const struct kind *k, chan_overflow_t overflow, struct gatekeeper *g)
{
	chan_attr_t attr;

	atomic_init(&g->d.count, 0);
	atomic_init(&g->d.sum, 0);
	hold_init(&g->hold, NULL);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setoverflow(&attr, overflow));
	must_give(0, chan_attr_setdestructor(&attr, destroy_held, g));
	return attr_open(&attr, 8);
}

/* A destructor that drops, at its first message, the handles that are left. */
struct dropper {
	struct destroyed d;
	struct ends e;
	bool receiver_first;
	atomic_bool ready;   /* the handles are those to be dropped */
	struct counting counting;
};

static void destroy_and_drop(void *msg, void *arg)
{
	struct dropper *p = arg;
	bool first = atomic_load(&p->d.count) == 0;

	count_destroyed(msg, &p->d);
	if (!first)
		return;
	wait_for(atomic_load(&p->ready));
	if (p->receiver_first)
		chan_receiver_drop(p->e.rx);
	chan_sender_drop(p->e.tx);
	if (!p->receiver_first)
		chan_receiver_drop(p->e.rx);
}

static void dropper_open(struct dropper *p, const struct kind *k, chan_overflow_t overflow, bool receiver_first)
{
	chan_allocator_t table;
	chan_attr_t attr;

	atomic_init(&p->d.count, 0);
	atomic_init(&p->d.sum, 0);
	atomic_init(&p->ready, true);
	p->receiver_first = receiver_first;
	counting_init(&p->counting); /* overwrites what it frees */
	table = counting_allocator(&p->counting);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	must_give(0, chan_attr_setoverflow(&attr, overflow));
	must_give(0, chan_attr_setdestructor(&attr, destroy_and_drop, p));
	p->e = attr_open(&attr, 8);
}

/* The destructor had the n messages from 0 on, each once, and all is freed. */
static void dropper_check(struct dropper *p, size_t n)
{
	must_eq(p->d.count, n);
	must_eq(p->d.sum, sum_of_numbers(0, n));
	counting_must_balance(&p->counting);
}

static void a_destructor_drops_the_ends_amid_a_batch_sent(const struct kind *k)
{
	uint64_t numbers[128];

	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		numbers[i] = i;
	for (int first = 0; first < 2; first++) {
		struct dropper p;
		size_t sent = 0;

		dropper_open(&p, k, CHAN_OVERFLOW_DROP_OLDEST, first);
		must_give(EPIPE, chan_send_many(p.e.tx, numbers, k->capacity + 3, &sent));
		must(sent >= k->capacity && sent <= k->capacity + 1);
		dropper_check(&p, sent);
	}
}

static void a_destructor_drops_the_ends_amid_a_batch_tried(const struct kind *k)
{
	uint64_t numbers[128];

	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		numbers[i] = i;
	for (int first = 0; first < 2; first++) {
		struct dropper p;
		size_t sent = 0;

		dropper_open(&p, k, CHAN_OVERFLOW_DROP_OLDEST, first);
		must_give(0, chan_try_send_many(p.e.tx, numbers, k->capacity + 3, &sent));
		must(sent >= k->capacity && sent <= k->capacity + 1);
		dropper_check(&p, sent);
	}
}

static int send_a_second(chan_sender_t *tx, const void *msg)
{
	return chan_send_timeout(tx, msg, CHAN_SEC);
}

static int force_into_nothing(chan_sender_t *tx, const void *msg)
{
	return chan_force_send(tx, msg, NULL, NULL);
}

/* A full channel, and a send that displaces. */
static void displace_and_drop(const struct kind *k, chan_overflow_t overflow,
                              int (*sends)(chan_sender_t *tx, const void *msg))
{
	for (int first = 0; first < 2; first++) {
		struct dropper p;
		uint64_t number = k->capacity;
		int error;

		dropper_open(&p, k, overflow, first);
		queue_numbers(p.e.tx, 0, k->capacity);
		error = sends(p.e.tx, &number);
		must(error == 0 || error == EPIPE);
		dropper_check(&p, k->capacity + (error == 0));
	}
}

static void a_destructor_drops_the_ends_amid_a_send(const struct kind *k)
{
	displace_and_drop(k, CHAN_OVERFLOW_DROP_OLDEST, chan_send);
	displace_and_drop(k, CHAN_OVERFLOW_DROP_OLDEST, chan_try_send);
	displace_and_drop(k, CHAN_OVERFLOW_DROP_OLDEST, send_a_second);
	displace_and_drop(k, CHAN_OVERFLOW_DROP_OLDEST, force_into_nothing);
}

static void a_destructor_drops_the_ends_amid_a_forced_send(const struct kind *k)
{
	displace_and_drop(k, CHAN_OVERFLOW_WAIT, force_into_nothing);
}

static int receive_one(chan_receiver_t *rx)
{
	return chan_recv(rx, NULL);
}

static int receive_in_time(chan_receiver_t *rx)
{
	return chan_recv_timeout(rx, NULL, 40 * CHAN_SEC);
}

static int receive_many(chan_receiver_t *rx)
{
	size_t count = 0;
	int error = chan_recv_many(rx, NULL, 5, &count);

	must_eq(count > 0, error == 0);
	return error;
}

static int try_receive_one(chan_receiver_t *rx)
{
	return chan_try_recv(rx, NULL);
}

static int try_receive_many(chan_receiver_t *rx)
{
	size_t count = 0;
	int error = chan_try_recv_many(rx, NULL, 5, &count);

	must_eq(count > 0, error == 0);
	return error;
}

/* Those that can wait come first. */
static int (*const receives[])(chan_receiver_t *rx) = {
	receive_one, receive_in_time, receive_many, try_receive_one, try_receive_many
};

enum { WAITING_RECEIVES = 3 };

static void a_destructor_drops_the_ends_amid_a_receive(const struct kind *k)
{
	size_t room = kind_room(k);

	for (size_t i = 0; i < 2 * COUNT_OF(receives); i++) {
		struct dropper p;

		dropper_open(&p, k, CHAN_OVERFLOW_WAIT, i % 2);
		queue_numbers(p.e.tx, 0, room);
		must_give(0, receives[i / 2](p.e.rx));
		dropper_check(&p, room);
	}
}

struct waiting_receive {
	int (*receive)(chan_receiver_t *rx);
	chan_receiver_t *rx;
	int result;
	struct worker worker;
};

static void receive_waiting(void *arg)
{
	struct waiting_receive *w = arg;

	w->result = w->receive(w->rx);
}

/* The sender leaves before the destructor drops the handle that is waited in. */
static void a_destructor_drops_the_handle_that_waited(const struct kind *k)
{
	for (size_t i = 0; i < WAITING_RECEIVES; i++) {
		struct dropper p;
		struct waiting_receive w = { .receive = receives[i] };
		size_t n = kind_room(k) < 2 ? 1 : 2;

		dropper_open(&p, k, CHAN_OVERFLOW_WAIT, true);
		atomic_store(&p.ready, false);
		w.rx = p.e.rx;
		worker_start(&w.worker, receive_waiting, &w);
		worker_wait_asleep(&w.worker);
		queue_numbers(p.e.tx, 0, n);
		chan_sender_drop(p.e.tx);
		p.e.tx = NULL;
		atomic_store(&p.ready, true);
		worker_join(&w.worker);
		must_eq(w.result, 0);
		dropper_check(&p, n);
	}
}

/* The destructor runs in the thread that came second, and drops its handle. */
static void a_destructor_drops_the_handle_that_met(const struct kind *k)
{
	struct dropper p;
	struct actor waiting;
	uint64_t number = 0;
	chan_receiver_t *rx;
	chan_sender_t *tx;

	dropper_open(&p, k, CHAN_OVERFLOW_WAIT, true);
	actor_start_free(&waiting, act_recv_into_nothing, p.e, 0);
	worker_wait_asleep(&waiting.worker);
	rx = p.e.rx;
	p.e.rx = NULL;
	must_give(0, chan_send(p.e.tx, &number));
	worker_join(&waiting.worker);
	must_eq(waiting.result, 0);
	chan_receiver_drop(rx);
	dropper_check(&p, 1);

	dropper_open(&p, k, CHAN_OVERFLOW_WAIT, true);
	actor_start_free(&waiting, act_send, p.e, 0);
	worker_wait_asleep(&waiting.worker);
	tx = p.e.tx;
	p.e.tx = NULL;
	must_give(0, chan_recv(p.e.rx, NULL));
	worker_join(&waiting.worker);
	must_eq(waiting.result, 0);
	chan_sender_drop(tx);
	dropper_check(&p, 1);
}

/* ------------------------------------------------------- channels in messages */

/* A message that owns a channel, and what that channel's destructor writes. */
struct parcel {
	struct ends e;
	struct destroyed *d;
};

static void destroy_parcel(void *msg, void *arg)
{
	size_t *opened = arg;
	struct parcel parcel;

	memcpy(&parcel, msg, sizeof(parcel));
	chan_receiver_drop(parcel.e.rx);
	must_eq(parcel.d->count, 1); /* at once, for the next line frees it */
	free(parcel.d);
	chan_sender_drop(parcel.e.tx);
	++*opened;
}

static void pack(const struct kind *k, struct parcel *parcel)
{
	uint64_t number = 1;

	parcel->d = malloc(sizeof(*parcel->d));
	must(parcel->d != NULL);
	parcel->e = kind_open_destroying(k, parcel->d);
	must_give(0, chan_send(parcel->e.tx, &number));
}

static void a_destructor_drops_and_frees_another_channel(const struct kind *k)
{
	size_t opened = 0, n = kind_room(k) < 3 ? kind_room(k) : 3;
	struct parcel parcel;
	chan_attr_t attr;
	struct ends e;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setdestructor(&attr, destroy_parcel, &opened));
	e = attr_open(&attr, sizeof(parcel));
	for (size_t i = 0; i < n; i++) {
		pack(k, &parcel);
		must_give(0, chan_send(e.tx, &parcel));
	}
	must_give(0, chan_recv(e.rx, NULL));
	must_eq(opened, 1);
	ends_drop(&e);
	must_eq(opened, n);
}

/* ------------------------------------------------------------------------ fork */

/* In the child a failed check may talk to nobody: its line is the status. */
#define child_must(cond) \
	do { \
		if (!(cond)) \
			_exit(1 + __LINE__ % 200); \
	} while (0)

/* Runs `child` in a forked process, which must end well and soon. */
static void in_a_child(void (*child)(struct ends *e, const struct kind *k),
                       struct ends *e, const struct kind *k)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL); /* not Check's handler */
		alarm(5 * test_scale());
		child(e, k);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid);
	must(!WIFSIGNALED(status));
	must_eq(WEXITSTATUS(status), 0);
}

#ifdef CHAN__TSAN

/* ThreadSanitizer ends a child that uses the stack of a parent's thread again. */
static void reuse_the_stacks(void)
{
}

#else

static void *fill_a_stack(void *arg)
{
	volatile char rubbish[48 * 1024];

	for (size_t i = 0; i < sizeof(rubbish); i++)
		rubbish[i] = 0x41;
	return arg;
}

/* The C library gives the stacks of the parent's threads to the child's. */
static void reuse_the_stacks(void)
{
	pthread_t threads[2];

	for (size_t i = 0; i < 2; i++)
		child_must(pthread_create(&threads[i], NULL, fill_a_stack, NULL) == 0);
	for (size_t i = 0; i < 2; i++)
		child_must(pthread_join(threads[i], NULL) == 0);
}

#endif

static void reuse_then_close(struct ends *e, const struct kind *k)
{
	(void)k;
	reuse_the_stacks();
	chan_close(e->c);
	chan_sender_drop(e->tx);
	chan_receiver_drop(e->rx);
}

static void reuse_then_drop_the_sender(struct ends *e, const struct kind *k)
{
	(void)k;
	reuse_the_stacks();
	chan_sender_drop(e->tx);
	chan_receiver_drop(e->rx);
}

static void reuse_then_drop_the_receiver(struct ends *e, const struct kind *k)
{
	(void)k;
	reuse_the_stacks();
	chan_receiver_drop(e->rx);
	chan_sender_drop(e->tx);
}

static void fork_beside(struct ends *e, const struct kind *k)
{
	in_a_child(reuse_then_close, e, k);
	in_a_child(reuse_then_drop_the_sender, e, k);
	in_a_child(reuse_then_drop_the_receiver, e, k);
}

static void a_child_reuses_the_stack_of_a_sleeping_receiver(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct actor asleep;
	uint64_t number = 5;

	actor_start_free(&asleep, act_recv, e, 0);
	worker_wait_asleep(&asleep.worker);
	fork_beside(&e, k);
	must_give(0, chan_send(e.tx, &number));
	worker_join(&asleep.worker);
	must(asleep.result == 0 && asleep.number == 5);
	ends_drop(&e);
}

static void a_child_reuses_the_stack_of_a_sleeping_sender(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct actor asleep;
	uint64_t number;

	queue_numbers(e.tx, 0, k->capacity);
	actor_start_free(&asleep, act_send, e, k->capacity);
	worker_wait_asleep(&asleep.worker);
	fork_beside(&e, k);
	must_give(0, chan_recv(e.rx, &number));
	must_eq(number, 0);
	worker_join(&asleep.worker);
	must_eq(asleep.result, 0);
	expect_numbers(e.rx, 1, k->capacity);
	ends_drop(&e);
}

/* Keeps the channel's lock busy, where there is one, by calls that move nothing. */
struct contender {
	struct ends *e;
	bool rendezvous;
	atomic_bool runs, stop;
	pthread_t thread;
};

static void *contend(void *arg)
{
	struct contender *t = arg;
	uint64_t number = 1;

	while (!atomic_load(&t->stop)) {
		atomic_store(&t->runs, true);
		(void)chan_len(t->e->c);
		if (t->rendezvous)
			(void)chan_try_send(t->e->tx, &number);
	}
	return NULL;
}

static struct destroyed in_child;

static void use_beside_threads(struct ends *e, const struct kind *k)
{
	struct contender others[2];
	size_t n = test_scaled(20000), queued = chan_len(e->c);
	uint64_t number = 1;

	for (size_t i = 0; i < 2; i++) {
		others[i].e = e;
		others[i].rendezvous = k->capacity == 0;
		atomic_init(&others[i].runs, false);
		atomic_init(&others[i].stop, false);
		child_must(pthread_create(&others[i].thread, NULL, contend, &others[i]) == 0);
		while (!atomic_load(&others[i].runs))
			sched_yield();
	}
	for (size_t i = 0; i < n; i++)
		child_must(!chan_is_disconnected(e->c));
	chan_close(e->c);
	child_must(chan_is_disconnected(e->c));
	child_must(chan_try_send(e->tx, &number) == EPIPE);
	chan_receiver_drop(e->rx);
	child_must(in_child.count == queued);
	for (size_t i = 0; i < 2; i++) {
		atomic_store(&others[i].stop, true);
		child_must(pthread_join(others[i].thread, NULL) == 0);
	}
	chan_sender_drop(e->tx);
}

/* Nobody was inside a call: a lock that is taken is one of the child's own. */
static void threads_of_a_child_share_a_channel(const struct kind *k)
{
	struct ends e = kind_open_destroying(k, &in_child);
	size_t n = kind_room(k) < 3 ? kind_room(k) : 3;

	queue_numbers(e.tx, 0, n);
	for (int i = 0; i < 8; i++)
		in_a_child(use_beside_threads, &e, k);
	expect_numbers(e.rx, 0, n);
	ends_drop(&e);
}

/* ------------------------------------------------------------------ drop-oldest */

/* A receive that destroys has the oldest message: its slot is not free. */
static struct ends hold_the_oldest(const struct kind *k, struct gatekeeper *g, struct actor *receiver)
{
	struct ends e = open_gated(k, CHAN_OVERFLOW_DROP_OLDEST, g);

	queue_numbers(e.tx, 0, k->capacity);
	actor_start_free(receiver, act_recv_into_nothing, e, 0);
	wait_held(&g->hold);
	return e;
}

static void nothing_is_displaced_while_the_oldest_is_held(const struct kind *k)
{
	struct gatekeeper g;
	struct actor receiver;
	struct ends e = hold_the_oldest(k, &g, &receiver);
	uint64_t number = k->capacity;

	must_give(EAGAIN, chan_try_send(e.tx, &number));
	must_give(EAGAIN, chan_force_send(e.tx, &number, NULL, NULL));
	must_eq(chan_lost(e.c), 0);
	must_eq(g.d.count, 1);
	let_go(&g.hold);
	worker_join(&receiver.worker);
	must_eq(receiver.result, 0);
	must_give(0, chan_try_send(e.tx, &number));
	must_eq(chan_lost(e.c), 0);
	expect_numbers(e.rx, 1, k->capacity);
	ends_drop(&e);
}

static void a_sender_sleeps_until_the_oldest_is_let_go(const struct kind *k)
{
	struct gatekeeper g;
	struct actor receiver, sender;
	struct ends e = hold_the_oldest(k, &g, &receiver);

	actor_start_free(&sender, act_send, e, k->capacity);
	worker_wait_asleep(&sender.worker);
	must(!atomic_load(&sender.worker.ended));
	let_go(&g.hold);
	worker_join(&receiver.worker);
	worker_join(&sender.worker);
	must(receiver.result == 0 && sender.result == 0);
	must_eq(chan_lost(e.c), 0);
	expect_numbers(e.rx, 1, k->capacity);
	ends_drop(&e);
}

/* Room for one: while a send displaces it, another finds nothing to displace. */
static void a_sender_sleeps_until_another_has_displaced(const struct kind *k)
{
	struct gatekeeper g;
	struct ends e = open_gated(k, CHAN_OVERFLOW_DROP_OLDEST, &g);
	struct actor first, second;

	queue_numbers(e.tx, 0, 1);
	actor_start_free(&first, act_send, e, 1);
	wait_held(&g.hold);
	actor_start_free(&second, act_send, e, 2);
	worker_wait_asleep(&second.worker);
	must(!atomic_load(&second.worker.ended));
	let_go(&g.hold);
	worker_join(&first.worker);
	worker_join(&second.worker);
	must(first.result == 0 && second.result == 0);
	must(chan_lost(e.c) == 2 && g.d.sum == 1);
	expect_numbers(e.rx, 2, 1);
	ends_drop(&e);
}

enum { SLEEPERS = 4 };

static size_t count_woken(struct actor *sleepers)
{
	size_t woken = 0;

	for (size_t i = 0; i < SLEEPERS; i++)
		worker_wait_asleep(&sleepers[i].worker);
	for (size_t i = 0; i < SLEEPERS; i++)
		woken += !atomic_load(&sleepers[i].hold.armed);
	return woken;
}

/* Three senders and a receiver wait for a send in progress. */
static void a_send_that_displaces_wakes_one(const struct kind *k)
{
	struct gatekeeper g;
	struct ends e = open_gated(k, CHAN_OVERFLOW_DROP_OLDEST, &g);
	struct actor first, sleepers[SLEEPERS];

	queue_numbers(e.tx, 0, 1);
	actor_start_free(&first, act_send, e, 1);
	wait_held(&g.hold);
	for (size_t i = 0; i < SLEEPERS; i++) {
		hold_init(&sleepers[i].hold, "block:woken");
		actor_start(&sleepers[i], i == 0 ? act_recv : act_send, e, 1 + i);
		worker_wait_asleep(&sleepers[i].worker);
	}
	let_go(&g.hold);
	worker_join(&first.worker);
	must_eq(first.result, 0);
	must_eq(count_woken(sleepers), 1);
	for (size_t i = 0; i < SLEEPERS; i++)
		let_go(&sleepers[i].hold);
	for (size_t i = 0; i < SLEEPERS; i++) {
		worker_join(&sleepers[i].worker);
		must_eq(sleepers[i].result, 0);
	}
	ends_drop(&e);
	must_eq(g.d.count, 4); /* five messages, one received */
}

/* -------------------------------------------------------- sends that are robbed */

/* This thread's waiting call is always woken, and always too late: what it is
 * woken for is given at one point, and taken away at the other. */
static struct robbery {
	struct ends e;
	bool of_receiver;
	bool busy;         /* the points passed inside are not the victim's */
	unsigned rounds;   /* robbed so often */
	uint64_t pace_ns;  /* the time each takes */
} robbery;

enum { MOST_ROUNDS = 60 };

static void move_one(bool send)
{
	uint64_t number = 9;

	if (send)
		chan_try_send(robbery.e.tx, &number);
	else
		chan_try_recv(robbery.e.rx, &number);
}

static void rob(void)
{
	move_one(!robbery.of_receiver);
	if (robbery.pace_ns != 0)
		wait_pass(robbery.pace_ns, "the victim's time runs meanwhile");
	if (++robbery.rounds == MOST_ROUNDS)
		chan_close(robbery.e.c); /* the victim would never come back */
}

static void on_point_rob(const char *name)
{
	if (robbery.busy)
		return;
	robbery.busy = true;
	if (strcmp(name, "block:registered") == 0)
		move_one(robbery.of_receiver);
	else if (strcmp(name, "block:woken") == 0)
		rob();
	robbery.busy = false;
}

static void robbery_open(const struct kind *k, struct destroyed *d, bool of_receiver, uint64_t pace_ns)
{
	robbery = (struct robbery){ kind_open_destroying(k, d), of_receiver, false, 0, pace_ns };
	if (!of_receiver)
		queue_numbers(robbery.e.tx, 0, k->capacity);
	hook(on_point_rob);
}

static void robbery_close(void)
{
	hook(NULL);
	ends_drop(&robbery.e);
}

/* At most as many times as a waiter has patience, then it is served. */
static void a_robbed_receiver_is_served(const struct kind *k)
{
	struct destroyed d;
	uint64_t number = 0;

	robbery_open(k, &d, true, 0);
	must_give(0, chan_recv(robbery.e.rx, &number));
	must_eq(number, 9);
	must(robbery.rounds <= CHAN__PATIENCE);
	robbery.rounds = 0;
	must_give(0, chan_recv_timeout(robbery.e.rx, &number, 40 * CHAN_SEC));
	must(robbery.rounds > 0 && robbery.rounds <= CHAN__PATIENCE);
	robbery_close();
	must_eq(d.count, 0);
}

static void a_robbed_receiver_into_nothing_is_served(const struct kind *k)
{
	struct destroyed d;

	robbery_open(k, &d, true, 0);
	must_give(0, chan_recv(robbery.e.rx, NULL));
	must(robbery.rounds > 0 && robbery.rounds <= CHAN__PATIENCE);
	must(d.count == 1 && d.sum == 9);
	robbery_close();
}

static void a_robbed_sender_is_served(const struct kind *k)
{
	struct destroyed d;
	uint64_t number = 100;

	robbery_open(k, &d, false, 0);
	must_give(0, chan_send(robbery.e.tx, &number));
	must(robbery.rounds > 0 && robbery.rounds <= CHAN__PATIENCE);
	must_eq(chan_len(robbery.e.c), k->capacity);
	robbery_close();
}

/* Never early, and not after the first robbery that ends past the deadline. */
static void expect_deadline(int result, uint64_t began)
{
	uint64_t took = now_ns() - began;

	must_eq(result, ETIMEDOUT);
	must(took >= 50 * CHAN_MSEC);
	must(took < 5 * CHAN_SEC * test_scale());
	must(robbery.rounds <= 3);
}

static void a_robbed_receiver_keeps_its_deadline(const struct kind *k)
{
	struct destroyed d;
	uint64_t number = 77, began = now_ns();

	robbery_open(k, &d, true, 20 * CHAN_MSEC);
	expect_deadline(chan_recv_timeout(robbery.e.rx, &number, 50 * CHAN_MSEC), began);
	must_eq(number, 77);
	robbery_close();
}

static void a_robbed_sender_keeps_its_deadline(const struct kind *k)
{
	struct destroyed d;
	uint64_t number = 77, began = now_ns();

	robbery_open(k, &d, false, 20 * CHAN_MSEC);
	expect_deadline(chan_send_timeout(robbery.e.tx, &number, 50 * CHAN_MSEC), began);
	must_eq(number, 77);
	robbery_close();
}

/* ------------------------------------------------------------- the single producer */

/* The library's system calls come through here: a closer's fence on all threads
 * is where it can be held before it is done. */
long syscall(long number, ...)
{
	static void *_Atomic found;
	long (*next)(long number, ...);
	void *address = found;
	va_list args;
	long a[6];

	va_start(args, number);
	for (size_t i = 0; i < COUNT_OF(a); i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (!address)
		found = address = dlsym(RTLD_NEXT, "syscall");
	memcpy(&next, &address, sizeof(next)); /* ISO C has no cast for it */
	if (number == SYS_membarrier)
		on_point("membarrier");
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void act_close_and_look(struct actor *a)
{
	chan_close(a->e.c);
	a->result = chan_try_recv(a->e.rx, &a->number);
}

/* Where the fence is no system call nobody is held, and the first is done. */
static void the_second_of_two_closers_finds_it_closed(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct actor first, second;

	hold_init(&first.hold, "membarrier");
	actor_start(&first, act_close_and_look, e, 0);
	wait_for(!atomic_load(&first.hold.armed) || atomic_load(&first.worker.ended));
	actor_start_free(&second, act_close_and_look, e, 0);
	worker_join(&second.worker);
	must_eq(second.result, EPIPE);
	let_go(&first.hold);
	worker_join(&first.worker);
	must_eq(first.result, EPIPE);
	ends_drop(&e);
}

/* ----------------------------------------------------------------------- array */

/* A single producer's tail stands beyond the ring while it displaces. */
static void the_ring_is_full_while_a_message_is_displaced(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct actor sender;

	queue_numbers(e.tx, 0, k->capacity);
	actor_start_held(&sender, act_force_send, e, k->capacity, "array:exchange");
	must_eq(chan_len(e.c), k->capacity);
	must_eq(chan_receiver_len(e.rx), k->capacity);
	must(!chan_is_empty(e.c) && chan_is_full(e.c));
	let_go(&sender.hold);
	worker_join(&sender.worker);
	must_eq(sender.result, 0);
	must_eq(chan_len(e.c), k->capacity);
	expect_numbers(e.rx, 1, k->capacity);
	ends_drop(&e);
}

/* The last receiver leaves while a send is about to displace, or is in the
 * destructor of what it displaced; one of the two is let go first. */
static void drop_beside_a_displacing_send(const struct kind *k, bool in_destructor, bool sender_first)
{
	struct gatekeeper g;
	struct ends e = open_gated(k, CHAN_OVERFLOW_WAIT, &g);
	struct actor sender, dropper;

	queue_numbers(e.tx, 0, k->capacity);
	if (!in_destructor) {
		atomic_store(&g.hold.armed, false);
		actor_start_held(&sender, act_force_send, e, k->capacity, "array:exchange");
	} else {
		actor_start_free(&sender, act_force_send, e, k->capacity);
		wait_held(&g.hold);
	}
	actor_start_held(&dropper, act_drop_receiver, e, 0, "array:gone");
	let_go(sender_first ? (in_destructor ? &g.hold : &sender.hold) : &dropper.hold);
	worker_join(sender_first ? &sender.worker : &dropper.worker);
	let_go(sender_first ? &dropper.hold : (in_destructor ? &g.hold : &sender.hold));
	worker_join(sender_first ? &dropper.worker : &sender.worker);
	must(sender.result == 0 || sender.result == EPIPE);
	must_eq(g.d.count, k->capacity + (sender.result == 0));
	must_eq(g.d.sum, sum_of_numbers(0, k->capacity + (sender.result == 0)));
	chan_sender_drop(e.tx);
}

static void a_displacing_send_meets_the_last_drop(const struct kind *k)
{
	for (unsigned way = 0; way < 4; way++)
		drop_beside_a_displacing_send(k, way & 1, way & 2);
}

enum { CROWD = 3 };

/* Receivers take all, close, and wait for the message that a send in progress
 * seems to bring; it was too late to displace, and takes its position back. */
static void a_position_taken_back_ends_every_receiver(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct actor sender;
	struct call calls[CROWD];

	queue_numbers(e.tx, 0, k->capacity);
	actor_start_held(&sender, act_force_send, e, k->capacity, "array:exchange");
	expect_numbers(e.rx, 0, k->capacity);
	for (size_t i = 0; i < CROWD; i++) {
		calls[i] = call_recv(e.rx, CALL_PLAIN);
		call_start_asleep(&calls[i]);
	}
	chan_close(e.c);
	for (size_t i = 0; i < CROWD; i++)
		worker_wait_asleep(&calls[i].worker);
	let_go(&sender.hold);
	worker_join(&sender.worker);
	must_eq(sender.result, EPIPE);
	for (size_t i = 0; i < CROWD; i++) {
		call_finish(&calls[i]);
		must_eq(calls[i].result, EPIPE);
	}
	ends_drop(&e);
}

/* ------------------------------------------------------------------------ list */

/* An allocator that holds one thread where it gives a block back. */
static struct hold release_hold;
static _Thread_local bool is_released_held;

static void *plain_allocate(size_t size, size_t alignment, void *arg)
{
	(void)alignment; /* malloc's is enough */
	atomic_fetch_add((atomic_size_t *)arg, 1);
	return malloc(size);
}

static void held_release(void *ptr, size_t size, size_t alignment, void *arg)
{
	(void)size;
	(void)alignment;
	atomic_fetch_sub((atomic_size_t *)arg, 1);
	if (is_released_held)
		hold_here(&release_hold);
	free(ptr);
}

enum { LARGE = 1024, PER_BLOCK = 4 }; /* messages of that size, in one block */

static void act_send_large(struct actor *a)
{
	static const char large[LARGE];

	is_released_held = true;
	a->result = chan_send(a->e.tx, large);
}

static void send_large(struct ends *e, size_t n)
{
	static const char large[LARGE];

	for (size_t i = 0; i < n; i++)
		must_give(0, chan_try_send(e->tx, large));
}

static void receive_large(struct ends *e, size_t n)
{
	char large[LARGE];

	for (size_t i = 0; i < n; i++)
		must_give(0, chan_try_recv(e->rx, large));
}

static void count_large(void *msg, void *arg)
{
	(void)msg;
	atomic_fetch_add((atomic_size_t *)arg, 1);
}

static struct ends open_large(const struct kind *k, atomic_size_t *blocks, atomic_size_t *destroyed)
{
	chan_allocator_t table = { plain_allocate, held_release, blocks };
	chan_attr_t attr;

	atomic_init(blocks, 0);
	atomic_init(destroyed, 0);
	hold_init(&release_hold, NULL);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	must_give(0, chan_attr_setdestructor(&attr, count_large, destroyed));
	return attr_open(&attr, LARGE);
}

/* A sender that read a block as a guest gives it back, and is held there:
 * the others receive, and the last drop destroys what is queued. */
static void a_sender_that_frees_a_block_hides_no_message(const struct kind *k)
{
	atomic_size_t blocks, destroyed;
	struct ends e = open_large(k, &blocks, &destroyed);
	struct actor guest;

	send_large(&e, PER_BLOCK - 1);
	actor_start_held(&guest, act_send_large, e, 0, "list:extend");
	send_large(&e, 3);
	receive_large(&e, PER_BLOCK);
	let_go(&guest.hold);
	wait_held(&release_hold);
	receive_large(&e, 1);
	chan_receiver_drop(e.rx);
	must_eq(destroyed, 1);
	let_go(&release_hold);
	worker_join(&guest.worker);
	must_eq(guest.result, EPIPE);
	chan_sender_drop(e.tx);
	must(destroyed == 1 && blocks == 0);
}

/* While one guest gives a block back another keeps the next one from going. */
static void two_blocks_given_back_at_once_are_both_freed(const struct kind *k)
{
	atomic_size_t blocks, destroyed;
	struct ends e = open_large(k, &blocks, &destroyed);
	struct actor guests[2];

	send_large(&e, PER_BLOCK - 1);
	actor_start_held(&guests[0], act_send_large, e, 0, "list:extend");
	send_large(&e, PER_BLOCK);
	receive_large(&e, PER_BLOCK);
	let_go(&guests[0].hold);
	wait_held(&release_hold);
	actor_start_held(&guests[1], act_send_large, e, 0, "list:extend");
	send_large(&e, 2);
	receive_large(&e, PER_BLOCK);
	let_go(&release_hold);
	worker_join(&guests[0].worker);
	let_go(&guests[1].hold);
	worker_join(&guests[1].worker);
	must(guests[0].result == 0 && guests[1].result == 0);
	receive_large(&e, 3);
	must_eq(blocks, 2); /* the channel, and one block of its list */
	ends_drop(&e);
	must(blocks == 0 && destroyed == 0);
}

static void act_recv_releasing(struct actor *a)
{
	is_released_held = true;
	a->result = chan_try_recv(a->e.rx, &a->number);
}

/* A receiver that took the last message of a block is held in the allocator;
 * the others receive what comes after. */
static void a_receiver_that_frees_a_block_stops_no_other(const struct kind *k)
{
	enum { FEW = 100 }; /* more than a block of small messages */
	atomic_size_t blocks = 0;
	chan_allocator_t table = { plain_allocate, held_release, &blocks };
	struct actor first;
	chan_attr_t attr;
	struct ends e;
	uint64_t taken = 0;
	size_t before;

	hold_init(&release_hold, NULL);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	e = attr_open(&attr, 8);
	queue_numbers(e.tx, 0, FEW);
	before = atomic_load(&blocks);
	while (atomic_load(&blocks) == before) {
		actor_start_free(&first, act_recv_releasing, e, 0);
		wait_for(atomic_load(&first.worker.ended) || atomic_load(&blocks) < before);
		if (atomic_load(&blocks) == before)
			worker_join(&first.worker);
		taken++;
	}
	wait_held(&release_hold);
	expect_numbers(e.rx, taken, (size_t)(FEW - taken));
	let_go(&release_hold);
	worker_join(&first.worker);
	must(first.result == 0 && first.number == taken - 1);
	ends_drop(&e);
	must_eq(blocks, 0);
}

/* ------------------------------------------------------------------- positions */

/* The queue's first position is this many laps, or blocks, from 0. */
static struct ends open_at(const struct kind *k, uint64_t start, struct destroyed *d)
{
	struct ends e;

	chan__tp_start = start;
	e = kind_open_destroying(k, d);
	chan__tp_start = 0;
	return e;
}

static void fill_and_drain(struct ends *e, uint64_t *next, size_t n, size_t room)
{
	for (size_t i = 0; i < n; i++) {
		queue_numbers(e->tx, *next + i, 1);
		must_eq(chan_len(e->c), i + 1);
		must(!chan_is_empty(e->c));
	}
	must_eq(chan_is_full(e->c), n == room && chan_capacity(e->c) != CHAN_UNBOUNDED);
	for (size_t i = 0; i < n; i++) {
		expect_numbers(e->rx, *next + i, 1);
		must_eq(chan_len(e->c), n - i - 1);
	}
	*next += n;
}

static const uint64_t starts[] = { (uint64_t)-1, (uint64_t)-2, (uint64_t)-3, (uint64_t)-40 };

static void positions_overflow_in_order(const struct kind *k)
{
	size_t room = kind_room(k), total = test_scaled(3000);

	for (size_t s = 0; s < COUNT_OF(starts); s++) {
		struct destroyed d;
		struct ends e = open_at(k, starts[s], &d);
		uint64_t next = 0, number;

		for (size_t n = 1; next < total; n = n % room + 1) {
			fill_and_drain(&e, &next, n, room);
			must_give(EAGAIN, chan_try_recv(e.rx, &number));
		}
		ends_drop(&e);
		must_eq(d.count, 0);
	}
}

/* Two threads, so that both sides sleep and wake across the end. */
static void positions_overflow_between_threads(const struct kind *k)
{
	for (size_t s = 0; s < COUNT_OF(starts); s++) {
		struct destroyed d;
		struct ends e = open_at(k, starts[s], &d);
		struct feeder f;
		size_t n = test_scaled(2000);
		uint64_t number;

		feeder_start(&f, e.tx, 0, n);
		for (uint64_t i = 0; i < n; i++) {
			must_give(0, chan_recv(e.rx, &number));
			must_eq(number, i);
		}
		feeder_join(&f);
		ends_drop(&e);
		must_eq(d.count, 0);
	}
}

/* What lies on both sides of the end is closed, received, and destroyed. */
static void positions_overflow_and_the_channel_ends(const struct kind *k)
{
	size_t room = kind_room(k);

	for (uint64_t passed = 0; passed < 40; passed++) {
		struct destroyed d;
		struct ends e = open_at(k, (uint64_t)-1, &d);
		uint64_t number;

		for (uint64_t i = 0; i < passed; i++) {
			queue_numbers(e.tx, i, 1);
			expect_numbers(e.rx, i, 1);
		}
		queue_numbers(e.tx, passed, room);
		chan_close(e.c);
		must_give(EPIPE, chan_try_send(e.tx, &number));
		must_eq(chan_len(e.c), room);
		expect_numbers(e.rx, passed, 1);
		chan_receiver_drop(e.rx);
		must_eq(d.count, room - 1);
		must_eq(d.sum, sum_of_numbers(passed + 1, room - 1));
		chan_sender_drop(e.tx);
	}
}

static void positions_overflow_while_displacing(const struct kind *k)
{
	for (size_t s = 0; s < COUNT_OF(starts); s++) {
		struct destroyed d;
		struct ends e = open_at(k, starts[s], &d);

		queue_numbers(e.tx, 0, k->capacity);
		for (uint64_t i = 0; i < 200; i++) {
			uint64_t number = k->capacity + i, other = UINT64_MAX;
			bool displaced = false;

			must_give(0, chan_force_send(e.tx, &number, &other, &displaced));
			must(displaced && other == i);
			must_eq(chan_len(e.c), k->capacity);
		}
		expect_numbers(e.rx, 200, k->capacity);
		ends_drop(&e);
	}
}

/* ---------------------------------------------------------- selects and observers */

/* A select in a thread: it receives from `second` if set, or else from e. */
struct chooser {
	struct actor actor;
	chan_receiver_t *second;
	unsigned flags;
	size_t which;
	int status;
};

static void act_choose(struct actor *a)
{
	struct chooser *s = (struct chooser *)a;
	uint64_t numbers[2];
	chan_case_t cases[] = {
		{ .receiver = s->second, .msg = &numbers[0] },
		CHAN_CASE_RECV(a->e.rx, &numbers[1]),
	};

	a->result = chan_select(cases, 2, s->flags, &s->which);
	if (a->result == 0)
		s->status = cases[s->which].status;
}

static void observer_start(struct chooser *s, struct ends e)
{
	*s = (struct chooser){ .flags = CHAN_SELECT_READY };
	actor_start_free(&s->actor, act_choose, e, 0);
	worker_wait_asleep(&s->actor.worker);
}

static void observer_finish(struct chooser *s)
{
	wait_for(atomic_load(&s->actor.worker.ended));
	worker_join(&s->actor.worker);
	must(s->actor.result == 0 && s->which == 1 && s->status == 0);
}

/* One wait of somebody whose patience is at its end. */
static void starve(struct actor *a, struct chan__watch *w)
{
	static const struct chan__deadline forever = { true, { 0, 0 } };
	struct chan__wait wait = { .watches = w, .deadline = &forever, .parker = &chan__parker_default };
	struct chan__watch *chosen;

	w->node.vain = CHAN__PATIENCE;
	a->result = chan__wait(&wait, &chosen);
}

static void act_starve_receiving(struct actor *a)
{
	struct chan__watch w;

	chan__watch_init(&w, a->e.rx->chan, a->e.rx);
	w.node.target = &a->number;
	starve(a, &w);
}

static void act_starve_sending(struct actor *a)
{
	struct chan__watch w;

	chan__watch_init(&w, a->e.rx->chan, NULL);
	w.node.source = &a->number;
	starve(a, &w);
}

/* Who starves is served; an observer beside it is neither served nor forgotten. */
static void an_observer_stands_beside_one_that_starves(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct actor starving;
	struct chooser observer;

	observer_start(&observer, e);
	actor_start_free(&starving, act_starve_receiving, e, 0);
	worker_wait_asleep(&starving.worker);
	queue_numbers(e.tx, 5, 1);
	worker_join(&starving.worker);
	must(starving.result == 0 && starving.number == 5);
	queue_numbers(e.tx, 6, 1);
	observer_finish(&observer);
	expect_numbers(e.rx, 6, 1);
	ends_drop(&e);
}

/* Room for one, drop-oldest: a send is held in the middle of displacing, and
 * another sleeps until there is something to displace. */
static struct ends displace_held(const struct kind *k, struct gatekeeper *g, struct actor *first,
                                 struct actor *second, void (*act)(struct actor *a))
{
	struct ends e = open_gated(k, CHAN_OVERFLOW_DROP_OLDEST, g);

	queue_numbers(e.tx, 0, 1);
	actor_start_free(first, act_send, e, 1);
	wait_held(&g->hold);
	actor_start_free(second, act, e, 2);
	worker_wait_asleep(&second->worker);
	return e;
}

static void displace_finish(struct ends *e, struct actor *second)
{
	wait_for(atomic_load(&second->worker.ended));
	worker_join(&second->worker);
	ends_drop(e);
}

static void a_sender_that_starves_hears_that_it_may_displace(const struct kind *k)
{
	struct gatekeeper g;
	struct actor first, second;
	struct ends e = displace_held(k, &g, &first, &second, act_starve_sending);

	let_go(&g.hold);
	worker_join(&first.worker);
	displace_finish(&e, &second);
}

/* Observers take nothing: the message is still there for the sender to displace. */
static void an_observer_takes_no_wake_up_from_a_sender(const struct kind *k)
{
	struct gatekeeper g;
	struct actor first, second;
	struct chooser observer;
	struct ends e = displace_held(k, &g, &first, &second, act_send);

	observer_start(&observer, e);
	let_go(&g.hold);
	worker_join(&first.worker);
	observer_finish(&observer);
	displace_finish(&e, &second);
}

/* A select is woken for the message, and takes one from another channel. */
static void a_select_that_turns_away_wakes_a_sender(const struct kind *k)
{
	struct gatekeeper g;
	struct actor first, second;
	struct ends e = displace_held(k, &g, &first, &second, act_send), other = kind_open(k, 8);
	struct chooser select = { .second = other.rx, .flags = CHAN_SELECT_BIASED };

	actor_start_held(&select.actor, act_choose, e, 0, "block:registered");
	let_go(&g.hold);
	worker_join(&first.worker);
	queue_numbers(other.tx, 7, 1);
	let_go(&select.actor.hold);
	worker_join(&select.actor.worker);
	must(select.actor.result == 0 && select.which == 0 && select.status == 0);
	displace_finish(&e, &second);
	ends_drop(&other);
}

/* A forced send holds the tail; a slot becomes free, and the sender that is woken
 * for it meets that.  When the tail is let go, nobody else will wake it. */
static void a_sender_that_met_a_displacing_send_is_woken(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct actor forcing, sender;

	queue_numbers(e.tx, 0, k->capacity);
	actor_start_free(&sender, act_send, e, k->capacity + 1);
	worker_wait_asleep(&sender.worker);
	actor_start_held(&forcing, act_force_send, e, k->capacity, "array:displaced");
	expect_numbers(e.rx, 1, 1);
	worker_wait_asleep(&sender.worker);
	must(!atomic_load(&sender.worker.ended));
	let_go(&forcing.hold);
	worker_join(&forcing.worker);
	must_eq(forcing.result, 0);
	wait_for(atomic_load(&sender.worker.ended));
	worker_join(&sender.worker);
	expect_numbers(e.rx, 2, k->capacity);
	ends_drop(&e);
}

/* ------------------------------------------------- classes that others have had */

/* Whoever comes second holds its partner until it has copied: the partner's memory
 * is in use, and that its time ran out at this instant changes nothing. */
static void meet_at_the_last_instant(const struct kind *k, bool sends)
{
	struct ends e = kind_open(k, 8);
	struct actor partner, second;

	actor_start_held(&partner, sends ? act_send_in_time : act_recv_in_time, e, sends ? 5 : 0, "block:timed-out");
	actor_start_held(&second, sends ? act_recv : act_send, e, sends ? 0 : 5, "zero:claimed");
	let_go(&partner.hold);
	worker_wait_asleep(&partner.worker);
	must(!atomic_load(&partner.worker.ended));
	let_go(&second.hold);
	worker_join(&partner.worker);
	worker_join(&second.worker);
	must(partner.result == 0 && second.result == 0);
	must(partner.number == 5 && second.number == 5);
	ends_drop(&e);
}

static void a_partner_stays_until_it_was_copied(const struct kind *k)
{
	meet_at_the_last_instant(k, false);
	meet_at_the_last_instant(k, true);
}

/* It has given up, and stands in the queue still: who comes behind it is woken. */
static void who_gave_up_blocks_nobody_behind(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct actor first, behind;
	uint64_t number = 5;

	actor_start_held(&first, act_recv_in_time, e, 0, "block:given-up");
	actor_start_free(&behind, act_recv, e, 0);
	worker_wait_asleep(&behind.worker);
	must_give(0, chan_try_send(e.tx, &number));
	wait_for(atomic_load(&behind.worker.ended));
	let_go(&first.hold);
	worker_join(&first.worker);
	worker_join(&behind.worker);
	must_eq(first.result, k->one_message ? EPIPE : ETIMEDOUT);
	must(behind.result == 0 && behind.number == 5);
	ends_drop(&e);
}

static void who_gave_up_sending_blocks_nobody_behind(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct actor first, behind;
	uint64_t number;

	queue_numbers(e.tx, 0, k->capacity);
	actor_start_held(&first, act_send_in_time, e, 77, "block:given-up");
	actor_start_free(&behind, act_send, e, k->capacity);
	worker_wait_asleep(&behind.worker);
	must_give(0, chan_try_recv(e.rx, &number));
	wait_for(atomic_load(&behind.worker.ended));
	let_go(&first.hold);
	worker_join(&first.worker);
	worker_join(&behind.worker);
	must_eq(number, 0);
	must_eq(first.result, ETIMEDOUT);
	must_eq(behind.result, 0);
	if (k->capacity > 0)
		expect_numbers(e.rx, 1, k->capacity);
	ends_drop(&e);
}

/* A receiver has found nothing, and not yet asked whether more will come; the last
 * message and the end come in between. */
static void the_end_hides_no_last_message(const struct kind *k)
{
	for (int closes = 0; closes < 2; closes++) {
		struct ends e = kind_open(k, 8);
		struct actor receiver;
		uint64_t number = 5;
		char point[48];

		snprintf(point, sizeof(point), "%s:none", chan_flavor_name(k->flavor));
		actor_start_held(&receiver, act_recv, e, 0, point);
		must_give(0, chan_send(e.tx, &number));
		if (closes)
			chan_close(e.c);
		else
			chan_sender_drop(e.tx);
		let_go(&receiver.hold);
		worker_join(&receiver.worker);
		must_eq(receiver.result, 0);
		must_eq(receiver.number, 5);
		must_give(EPIPE, chan_try_recv(e.rx, &number));
		if (closes)
			chan_sender_drop(e.tx);
		chan_receiver_drop(e.rx);
	}
}

/* An exchange came too late, and the channel is empty: it is not full as well. */
static void a_refused_exchange_leaves_the_ring_open(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct actor forcing;

	queue_numbers(e.tx, 0, k->capacity);
	actor_start_held(&forcing, act_force_send, e, k->capacity, "array:exchange");
	expect_numbers(e.rx, 0, k->capacity);
	let_go(&forcing.hold);
	worker_join(&forcing.worker);
	must_eq(forcing.result, 0);
	expect_numbers(e.rx, k->capacity, 1);
	for (uint64_t i = 0; i < 3; i++) {
		queue_numbers(e.tx, i * k->capacity, k->capacity);
		expect_numbers(e.rx, i * k->capacity, k->capacity);
	}
	ends_drop(&e);
}

/* Several times as large as the stack of whoever sends and receives them. */
enum { VAST = 1 << 20, SMALL_STACK = 256 * 1024 };

static unsigned char vast_out[VAST], vast_in[VAST];

static void act_send_vast(struct actor *a)
{
	a->result = chan_send(a->e.tx, vast_out);
}

static void act_recv_vast(struct actor *a)
{
	a->result = chan_recv(a->e.rx, vast_in);
}

static void act_select_vast(struct actor *a)
{
	chan_case_t c = a->number ? case_send(a->e.tx, vast_out) : case_recv(a->e.rx, vast_in);
	size_t which;

	a->result = chan_select(&c, 1, 0, &which);
	if (a->result == 0)
		a->result = c.status;
}

static void act_replace_vast(struct actor *a)
{
	bool displaced = false;

	a->result = chan_force_send(a->e.tx, vast_in, vast_in, &displaced);
	must(displaced);
}

static void vast_start(struct actor *a, void (*act)(struct actor *a), struct ends e, uint64_t number)
{
	hold_init(&a->hold, NULL);
	a->act = act;
	a->e = e;
	a->number = number;
	worker_start_small(&a->worker, run_actor, a, SMALL_STACK);
}

static void vast_pass(struct ends e, bool selects, bool sender_first)
{
	struct actor sender, receiver;

	for (size_t i = 0; i < VAST; i++)
		vast_out[i] = (unsigned char)(i * 7 + i / 251 + selects);
	memset(vast_in, 0, VAST);
	if (sender_first) {
		vast_start(&sender, selects ? act_select_vast : act_send_vast, e, 1);
		worker_wait_asleep(&sender.worker);
	}
	vast_start(&receiver, selects ? act_select_vast : act_recv_vast, e, 0);
	worker_wait_asleep(&receiver.worker);
	if (!sender_first)
		vast_start(&sender, selects ? act_select_vast : act_send_vast, e, 1);
	worker_join(&sender.worker);
	worker_join(&receiver.worker);
	must(sender.result == 0 && receiver.result == 0);
	must(memcmp(vast_in, vast_out, VAST) == 0);
}

static void a_large_message_needs_no_stack(const struct kind *k)
{
	for (int way = 0; way < 4; way++) {
		struct ends e = kind_open(k, VAST);
		struct actor replacing;

		vast_pass(e, way & 1, way & 2);
		if (k->capacity == 1 && k->forces && !k->one_message) {
			must_give(0, chan_send(e.tx, vast_out));
			memset(vast_in, 1, VAST);
			vast_start(&replacing, act_replace_vast, e, 0);
			worker_join(&replacing.worker);
			must_eq(replacing.result, 0);
			must(memcmp(vast_in, vast_out, VAST) == 0);
		}
		ends_drop(&e);
	}
}

/* ------------------------------------------------------------------------ stamps */

/* The stamp of a side that is not ready now. */
static uint64_t stamp_of_unready(struct ends *e, enum chan__side side)
{
	struct chan *c = e->rx->chan;
	uint64_t stamp;

	must_eq(c->flavor->ready(c, side, side == CHAN__RECV ? e->rx : NULL, &stamp), EAGAIN);
	must_eq(c->flavor->ready(c, side, side == CHAN__RECV ? e->rx : NULL, &stamp), EAGAIN);
	return stamp;
}

/* A side that was ready for a while, and is not any more. */
static void what_was_ready_meanwhile_leaves_a_stamp(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t before = stamp_of_unready(&e, CHAN__RECV);

	for (size_t i = 0; i < 100; i++) {
		queue_numbers(e.tx, i, 1);
		expect_numbers(e.rx, i, 1);
		must(stamp_of_unready(&e, CHAN__RECV) != before);
		before = stamp_of_unready(&e, CHAN__RECV);
	}
	for (size_t i = 0; k->capacity != CHAN_UNBOUNDED && i < 100; i++) {
		queue_numbers(e.tx, i, i == 0 ? k->capacity : 1);
		must(i == 0 || stamp_of_unready(&e, CHAN__SEND) != before);
		before = stamp_of_unready(&e, CHAN__SEND);
		must_give(0, chan_try_recv(e.rx, NULL));
	}
	ends_drop(&e);
}

/* Somebody waited there, and has given up. */
static void a_partner_that_came_and_went_leaves_a_stamp(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t of_receiver = stamp_of_unready(&e, CHAN__RECV), of_sender, number = 1;

	must_give(ETIMEDOUT, chan_send_timeout(e.tx, &number, CHAN_MSEC));
	must(stamp_of_unready(&e, CHAN__RECV) != of_receiver);
	of_sender = stamp_of_unready(&e, CHAN__SEND);
	must_give(ETIMEDOUT, chan_recv_timeout(e.rx, &number, CHAN_MSEC));
	must(stamp_of_unready(&e, CHAN__SEND) != of_sender);
	ends_drop(&e);
}

/* The oldest message is being written; it could be displaced; it is being read. */
static void a_message_that_could_be_displaced_leaves_a_stamp(const struct kind *k)
{
	struct ends e;
	struct actor sender, receiver;
	uint64_t before;
	chan_attr_t attr;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST));
	e = attr_open(&attr, 8);
	actor_start_held(&sender, act_send, e, 0, "array:claimed-send");
	for (uint64_t n = 1; n < k->capacity; n++)
		queue_numbers(e.tx, n, 1);
	before = stamp_of_unready(&e, CHAN__SEND);
	let_go(&sender.hold);
	worker_join(&sender.worker);
	actor_start_held(&receiver, act_recv, e, 0, "array:claimed-recv");
	must(stamp_of_unready(&e, CHAN__SEND) != before);
	let_go(&receiver.hold);
	worker_join(&receiver.worker);
	ends_drop(&e);
}

/* Two forced sends hold the same position, one after the other; both are too late. */
static void a_refused_exchange_leaves_a_stamp(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct actor receiver, forcing[2];
	uint64_t stamps[2];

	queue_numbers(e.tx, 0, k->capacity);
	actor_start_held(&forcing[0], act_force_send, e, 99, "array:exchange");
	actor_start_held(&receiver, act_recv, e, 0, "array:claimed-recv");
	for (int i = 0; i < 2; i++) {
		if (i == 1)
			actor_start_held(&forcing[1], act_force_send, e, 99, "array:exchange");
		stamps[i] = stamp_of_unready(&e, CHAN__SEND);
		let_go(&forcing[i].hold);
		worker_join(&forcing[i].worker);
		must_eq(forcing[i].result, EAGAIN);
	}
	must(stamps[0] != stamps[1]);
	let_go(&receiver.hold);
	worker_join(&receiver.worker);
	ends_drop(&e);
}

/* Empty and open; closed, and a send seems to bring a message; between the two the
 * end may have been reached. */
static void a_position_taken_back_leaves_a_stamp(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct actor sender;
	uint64_t before;

	queue_numbers(e.tx, 0, k->capacity);
	actor_start_held(&sender, act_force_send, e, k->capacity, "array:exchange");
	expect_numbers(e.rx, 0, k->capacity);
	before = stamp_of_unready(&e, CHAN__RECV);
	chan_close(e.c);
	must(stamp_of_unready(&e, CHAN__RECV) != before);
	let_go(&sender.hold);
	worker_join(&sender.worker);
	must_eq(sender.result, EPIPE);
	ends_drop(&e);
}

/* ---------------------------------------------------------------- the wait queue */

/* A waiter that stands in a queue; nobody sleeps. */
struct stander {
	struct chan__waiter waiter;
	struct chan__parker_room room;
	struct chan__node node;
};

static void stander_init(struct stander *s, unsigned vain)
{
	chan__waiter_init(&s->waiter, &chan__parker_default, &s->room);
	chan__node_init(&s->node);
	s->node.waiter = &s->waiter;
	s->node.vain = vain;
}

static bool is_woken(struct stander *s)
{
	return s->waiter.parker.kind->ready(&s->waiter.parker);
}

/* While somebody holds the lock two ask for everybody: a note is not a sum. */
static void everybody_is_woken_twice(const struct kind *k)
{
	struct chan__waitq q;
	struct stander standers[2];

	(void)k;
	chan__waitq_init(&q);
	for (size_t i = 0; i < 2; i++) {
		stander_init(&standers[i], 0);
		chan__waitq_join(&q, &standers[i].node);
	}
	chan__lock_acquire(&q.lock);
	chan__waitq_wake(&q, CHAN__ALL);
	chan__waitq_wake(&q, CHAN__ALL);
	chan__lock_release(&q.lock);
	chan__waitq_wake(&q, 0); /* what the holder does next */
	for (size_t i = 0; i < 2; i++) {
		must(is_woken(&standers[i]));
		chan__waiter_fini(&standers[i].waiter);
	}
	chan__waitq_fini(&q);
}

static void nobody_comes_before_who_starves(const struct kind *k)
{
	static const unsigned vain[] = { 0, CHAN__PATIENCE, 1, CHAN__PATIENCE };
	static const size_t order[] = { 1, 3, 2, 0 };
	struct stander standers[COUNT_OF(vain)];
	struct chan__waitq q;

	(void)k;
	chan__waitq_init(&q);
	for (size_t i = 0; i < COUNT_OF(vain); i++) {
		stander_init(&standers[i], vain[i]);
		chan__waitq_join(&q, &standers[i].node);
		must_eq(chan__waitq_is_starving(&q), i > 0);
	}
	for (size_t i = 0; i < COUNT_OF(order); i++) {
		must_eq(chan__waitq_is_starving(&q), i < 2);
		chan__waitq_wake(&q, 1);
		for (size_t j = 0; j < COUNT_OF(order); j++)
			must_eq(is_woken(&standers[order[j]]), j <= i);
	}
	for (size_t i = 0; i < COUNT_OF(vain); i++)
		chan__waiter_fini(&standers[i].waiter);
	chan__waitq_fini(&q);
}

/* ----------------------------------------------------------------- who was woken */

/* Waits as one that was woken in vain as often as it has patience. */
static void act_recv_starving(struct actor *a)
{
	static const struct chan__deadline forever = { true, { 0, 0 } };
	struct chan__watch w, *chosen;
	struct chan__wait wait = {
		.watches = &w,
		.deadline = &forever,
		.parker = a->e.c->flavor->parker ? a->e.c->flavor->parker : &chan__parker_default,
	};

	chan__watch_init(&w, a->e.c, a->e.rx);
	w.node.target = &a->number;
	w.node.vain = CHAN__PATIENCE;
	a->result = chan__wait(&wait, &chosen);
	if (a->result == EAGAIN)
		a->result = chan__attempt(&w);
	chan__pass_on(&w);
}

/* Served by who sends, it does not come to pass the rest on: who served it does. */
static void what_who_starved_leaves_wakes_the_next(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct actor starving, other;
	uint64_t numbers[] = { 5, 6 };
	size_t sent;

	actor_start_free(&starving, act_recv_starving, e, 0);
	worker_wait_asleep(&starving.worker);
	actor_start_free(&other, act_recv, e, 0);
	worker_wait_asleep(&other.worker);
	must_give(0, chan_send_many(e.tx, numbers, 2, &sent));
	worker_join(&starving.worker);
	worker_join(&other.worker);
	must(starving.result == 0 && other.result == 0);
	must_eq(starving.number + other.number, 11);
	ends_drop(&e);
}

static chan_case_t two_cases[2];
static uint64_t two_numbers[2];

static void act_select_biased(struct actor *a)
{
	a->result = chan_select(two_cases, 2, CHAN_SELECT_BIASED, &a->count);
}

/* Woken by the second case, it still prefers the first if that is ready by now. */
static void a_biased_select_that_was_woken_prefers_the_lowest(const struct kind *k)
{
	struct ends e[2] = { kind_open(k, 8), kind_open(k, 8) };
	struct actor selecting;

	for (size_t i = 0; i < 2; i++) {
		two_cases[i] = (chan_case_t)CHAN_CASE_RECV(e[i].rx, &two_numbers[i]);
		two_numbers[i] = 77;
	}
	hold_init(&selecting.hold, "select:woken");
	actor_start(&selecting, act_select_biased, e[0], 0);
	worker_wait_asleep(&selecting.worker);
	queue_numbers(e[1].tx, 2, 1);
	wait_held(&selecting.hold);
	queue_numbers(e[0].tx, 1, 1);
	let_go(&selecting.hold);
	worker_join(&selecting.worker);
	must(selecting.result == 0 && selecting.count == 0);
	must(two_numbers[0] == 1 && two_numbers[1] == 77);
	expect_numbers(e[1].rx, 2, 1);
	ends_drop(&e[0]);
	ends_drop(&e[1]);
}

/* ------------------------------------------------------------------- spinning */

/* How often this thread has given its CPU away, and how many CPUs it believes in. */
static _Thread_local unsigned yields;
static unsigned pretended_cpus;

void __wrap_chan__yield(void);
void __real_chan__yield(void);
unsigned __wrap_chan__process_cpus(void);
unsigned __real_chan__process_cpus(void);

void __wrap_chan__yield(void)
{
	yields++;
	__real_chan__yield();
}

unsigned __wrap_chan__process_cpus(void)
{
	return pretended_cpus ? pretended_cpus : __real_chan__process_cpus();
}

/* Waits in vain, and gives how often it yielded: a spin of full length does. */
static unsigned spin_in_vain(const struct ends *e)
{
	uint64_t number;

	yields = 0;
	must_give(ETIMEDOUT, chan_recv_timeout(e->rx, &number, CHAN_MSEC));
	return yields;
}

static struct ends open_spinning(const struct kind *k, uint64_t spin_ns)
{
	chan_attr_t attr;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setspin(&attr, spin_ns));
	return attr_open(&attr, 8);
}

/* However long it may: a millisecond would be thousands of times. */
static void a_wait_spins_for_a_few_rounds(const struct kind *k)
{
	struct ends e = open_spinning(k, CHAN_FOREVER);
	unsigned spun;

	pretended_cpus = 2;
	spun = spin_in_vain(&e);
	must(spun >= 1 && spun <= 32);
	ends_drop(&e);
}

static void without_time_for_it_no_wait_spins(const struct kind *k)
{
	struct ends e = open_spinning(k, 0);

	pretended_cpus = 2;
	must_eq(spin_in_vain(&e), 0);
	ends_drop(&e);
}

static void on_one_processor_no_wait_spins(const struct kind *k)
{
	struct ends e = open_spinning(k, CHAN_FOREVER);

	pretended_cpus = 1;
	must_eq(spin_in_vain(&e), 0);
	ends_drop(&e);
}

/* And is tried again now and then. */
static void spinning_that_does_not_pay_is_given_up(const struct kind *k)
{
	struct ends e = open_spinning(k, CHAN_FOREVER);
	size_t spun = 0;

	pretended_cpus = 2;
	for (size_t i = 0; i < 100; i++)
		spin_in_vain(&e);
	for (size_t i = 0; i < 100; i++)
		spun += spin_in_vain(&e) > 0;
	must(spun >= 1 && spun <= 10);
	ends_drop(&e);
}

/* ------------------------------------------------------------- counts of handles */

static void clone_sender(struct ends *e, chan_weak_sender_t *weak)
{
	(void)weak;
	chan_sender_clone(e->tx);
}

static void clone_receiver(struct ends *e, chan_weak_sender_t *weak)
{
	(void)weak;
	chan_receiver_clone(e->rx);
}

static void upgrade_weak(struct ends *e, chan_weak_sender_t *weak)
{
	(void)e;
	chan_weak_sender_upgrade(weak);
}

static void downgrade_sender(struct ends *e, chan_weak_sender_t *weak)
{
	(void)weak;
	chan_sender_downgrade(e->tx);
}

static void clone_weak(struct ends *e, chan_weak_sender_t *weak)
{
	(void)e;
	chan_weak_sender_clone(weak);
}

/* How a process ends that counts once more from there on: its signal, or 0. */
static int ends_by(void (*up)(struct ends *e, chan_weak_sender_t *weak), struct ends *e,
                   chan_weak_sender_t *weak, chan__size *count, size_t from)
{
	int status = -1;
	pid_t child;

	fflush(NULL);
	child = fork();
	must(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		chan__size_store_relaxed(count, from);
		up(e, weak);
		_exit(chan__size_load_relaxed(count) != from + 1);
	}
	must(waitpid(child, &status, 0) == child);
	must(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* A number that only a leak in a loop can reach. */
static void a_count_of_handles_past_half_of_all_numbers_aborts(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_weak_sender_t *weak = chan_sender_downgrade(e.tx);
	const struct {
		void (*up)(struct ends *e, chan_weak_sender_t *weak);
		chan__size *count;
	} ways[] = {
		{ clone_sender, &e.c->senders },
		{ clone_receiver, &e.rx->handles },
		{ upgrade_weak, &e.c->senders },
		{ downgrade_sender, &e.c->refs },
		{ clone_weak, &e.c->refs },
	};

	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		must_eq(ends_by(ways[i].up, &e, weak, ways[i].count, SIZE_MAX / 2 - 1), 0);
		must_eq(ends_by(ways[i].up, &e, weak, ways[i].count, SIZE_MAX / 2), SIGABRT);
	}
	chan_weak_sender_drop(weak);
	ends_drop(&e);
}

/* ----------------------------------------------------------------- descriptors */

static int readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, 0);
}

/*
 * Another receiver has taken the last message and not come to look at the
 * descriptor.  Who is told EAGAIN meanwhile and waits for an edge must get one
 * from the next message: so the descriptor goes down first.
 */
static int refused_by_try(struct ends *e)
{
	uint64_t number;

	return chan_try_recv(e->rx, &number);
}

static int refused_by_batch(struct ends *e)
{
	uint64_t number;
	size_t count;

	return chan_try_recv_many(e->rx, &number, 1, &count);
}

static int refused_by_select(struct ends *e)
{
	uint64_t number;
	chan_case_t one = CHAN_CASE_RECV(e->rx, &number);
	size_t which;

	return chan_try_select(&one, 1, 0, &which);
}

static void follow_refusal_by_edge(const struct kind *k, int (*refused)(struct ends *e))
{
	struct ends e = kind_open(k, sizeof(uint64_t));
	uint64_t number = 1;
	struct actor taker;
	int fd;

	must_give(0, chan_receiver_fd(e.rx, &fd));
	must_give(0, chan_send(e.tx, &number));
	must_eq(readable(fd), 1);
	actor_start_held(&taker, act_recv, e, 0, "array:freed");
	must_give(EAGAIN, refused(&e));
	must_eq(readable(fd), 0);
	must_give(0, chan_send(e.tx, &number));
	must_eq(readable(fd), 1);
	let_go(&taker.hold);
	worker_join(&taker.worker);
	must_give(0, taker.result);
	must_eq(readable(fd), 1);
	must_give(0, chan_try_recv(e.rx, &number));
	must_eq(readable(fd), 0);
	ends_drop(&e);
}

static void a_refusal_is_followed_by_an_edge(const struct kind *k)
{
	follow_refusal_by_edge(k, refused_by_try);
	follow_refusal_by_edge(k, refused_by_batch);
	follow_refusal_by_edge(k, refused_by_select);
}

/* -------------------------------------------------------------------- the tables */

#define DESTRUCTORS \
	BEHAVIOUR(a_destructor_drops_the_ends_amid_a_batch_sent, NEEDS_OVERWRITE), \
	BEHAVIOUR(a_destructor_drops_the_ends_amid_a_batch_tried, NEEDS_OVERWRITE), \
	BEHAVIOUR(a_destructor_drops_the_ends_amid_a_send, NEEDS_OVERWRITE), \
	BEHAVIOUR(a_destructor_drops_the_ends_amid_a_forced_send, NEEDS_LIMIT | NEEDS_RECEIVERS | NEEDS_FORCE), \
	BEHAVIOUR(a_destructor_drops_the_ends_amid_a_receive, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR), \
	BEHAVIOUR(a_destructor_drops_the_handle_that_waited, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR), \
	BEHAVIOUR(a_destructor_drops_the_handle_that_met, NEEDS_RENDEZVOUS), \
	BEHAVIOUR(a_destructor_drops_and_frees_another_channel, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR)

static const struct behaviour of_all[] = {
	DESTRUCTORS,
	BEHAVIOUR(a_child_reuses_the_stack_of_a_sleeping_receiver, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_child_reuses_the_stack_of_a_sleeping_sender, NEEDS_FULL),
	BEHAVIOUR(threads_of_a_child_share_a_channel, NEEDS_DESTRUCTOR),
	BEHAVIOUR(nothing_is_displaced_while_the_oldest_is_held, NEEDS_OVERWRITE),
	BEHAVIOUR(a_sender_sleeps_until_the_oldest_is_let_go, NEEDS_OVERWRITE),
	BEHAVIOUR(a_robbed_receiver_is_served, NEEDS_QUEUE),
	BEHAVIOUR(a_robbed_receiver_into_nothing_is_served, NEEDS_QUEUE | NEEDS_DESTRUCTOR),
	BEHAVIOUR(a_robbed_sender_is_served, NEEDS_LIMIT),
	BEHAVIOUR(a_robbed_receiver_keeps_its_deadline, NEEDS_QUEUE),
	BEHAVIOUR(a_robbed_sender_keeps_its_deadline, NEEDS_LIMIT),
	BEHAVIOUR(an_observer_stands_beside_one_that_starves, NEEDS_QUEUE),
	BEHAVIOUR(who_gave_up_blocks_nobody_behind, FITS_ONE_MESSAGE),
	BEHAVIOUR(who_gave_up_sending_blocks_nobody_behind, NEEDS_FULL),
	BEHAVIOUR(a_large_message_needs_no_stack, FITS_ONE_MESSAGE),
	BEHAVIOUR(what_was_ready_meanwhile_leaves_a_stamp, NEEDS_QUEUE),
	BEHAVIOUR(a_partner_that_came_and_went_leaves_a_stamp, NEEDS_RENDEZVOUS),
	BEHAVIOUR(what_who_starved_leaves_wakes_the_next, NEEDS_TWO),
	BEHAVIOUR(a_biased_select_that_was_woken_prefers_the_lowest, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_wait_spins_for_a_few_rounds, FITS_ONE_MESSAGE),
	BEHAVIOUR(without_time_for_it_no_wait_spins, FITS_ONE_MESSAGE),
	BEHAVIOUR(on_one_processor_no_wait_spins, FITS_ONE_MESSAGE),
	BEHAVIOUR(spinning_that_does_not_pay_is_given_up, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_count_of_handles_past_half_of_all_numbers_aborts, FITS_ONE_MESSAGE),
	BEHAVIOUR(everybody_is_woken_twice, RUNS_ONCE),
	BEHAVIOUR(nobody_comes_before_who_starves, RUNS_ONCE),
};

static const struct behaviour of_promises[] = {
	DESTRUCTORS,
	BEHAVIOUR(the_second_of_two_closers_finds_it_closed, NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
};

static const struct behaviour of_one_slot[] = {
	BEHAVIOUR(a_sender_sleeps_until_another_has_displaced, NEEDS_OVERWRITE),
	BEHAVIOUR(a_send_that_displaces_wakes_one, NEEDS_OVERWRITE),
	BEHAVIOUR(a_sender_that_starves_hears_that_it_may_displace, NEEDS_OVERWRITE),
	BEHAVIOUR(an_observer_takes_no_wake_up_from_a_sender, NEEDS_OVERWRITE),
	BEHAVIOUR(a_select_that_turns_away_wakes_a_sender, NEEDS_OVERWRITE),
};

static const struct behaviour of_array[] = {
	BEHAVIOUR(a_refusal_is_followed_by_an_edge, NEEDS_NOTHING),
	BEHAVIOUR(the_ring_is_full_while_a_message_is_displaced, NEEDS_NOTHING),
	BEHAVIOUR(a_refused_exchange_leaves_the_ring_open, NEEDS_NOTHING),
	BEHAVIOUR(a_displacing_send_meets_the_last_drop, NEEDS_NOTHING),
	BEHAVIOUR(a_position_taken_back_ends_every_receiver, NEEDS_NOTHING),
	BEHAVIOUR(a_sender_that_met_a_displacing_send_is_woken, NEEDS_TWO | NEEDS_SENDERS),
	BEHAVIOUR(a_message_that_could_be_displaced_leaves_a_stamp, NEEDS_OVERWRITE | NEEDS_SENDERS),
	BEHAVIOUR(a_refused_exchange_leaves_a_stamp, NEEDS_SENDERS),
};

static const struct behaviour of_array_single[] = {
	BEHAVIOUR(a_position_taken_back_leaves_a_stamp, NEEDS_NOTHING),
};

static const struct behaviour of_list[] = {
	BEHAVIOUR(a_sender_that_frees_a_block_hides_no_message, NEEDS_NOTHING),
	BEHAVIOUR(two_blocks_given_back_at_once_are_both_freed, NEEDS_NOTHING),
	BEHAVIOUR(a_receiver_that_frees_a_block_stops_no_other, NEEDS_RECEIVERS),
};

static const struct behaviour of_zero[] = {
	BEHAVIOUR(a_partner_stays_until_it_was_copied, NEEDS_NOTHING),
};

static const struct behaviour of_ends[] = {
	BEHAVIOUR(the_end_hides_no_last_message, NEEDS_NOTHING),
};

static const struct behaviour of_positions[] = {
	BEHAVIOUR(positions_overflow_in_order, NEEDS_NOTHING),
	BEHAVIOUR(positions_overflow_between_threads, NEEDS_NOTHING),
	BEHAVIOUR(positions_overflow_and_the_channel_ends, NEEDS_DESTRUCTOR),
	BEHAVIOUR(positions_overflow_while_displacing, NEEDS_LIMIT | NEEDS_RECEIVERS | NEEDS_FORCE),
};

#define RUN(name, table, kinds, n) matrix_run(name, table, COUNT_OF(table), kinds, n)

/* The kinds of this flavor, added behind the n chosen before. */
static size_t choose(struct kind *chosen, size_t n, chan_flavor_t flavor,
                     chan_concurrency_t producers, chan_concurrency_t consumers)
{
	static struct kind kinds[MAX_KINDS];
	size_t n_kinds = kind_discover(kinds, producers, consumers);

	for (size_t i = 0; i < n_kinds; i++)
		if (kinds[i].flavor == flavor)
			chosen[n++] = kinds[i];
	return n;
}

static const chan_concurrency_t promises[] = { CHAN_MANY, CHAN_SINGLE };

/* Where "empty?" and "closed?" are two questions. */
static int run_ends(void)
{
	static struct kind chosen[MAX_KINDS];
	size_t n = 0;

	for (size_t i = 0; i < 4; i++) {
		n = choose(chosen, n, CHAN_FLAVOR_ARRAY, promises[i / 2], promises[i % 2]);
		n = choose(chosen, n, CHAN_FLAVOR_LIST, promises[i / 2], promises[i % 2]);
		n = choose(chosen, n, CHAN_FLAVOR_BROADCAST, promises[i / 2], promises[i % 2]);
	}
	return RUN("defects of ends", of_ends, chosen, n);
}

static int run_positions(void)
{
	static struct kind chosen[MAX_KINDS];
	size_t n = 0;

	for (size_t i = 0; i < 4; i++) {
		n = choose(chosen, n, CHAN_FLAVOR_ARRAY, promises[i / 2], promises[i % 2]);
		n = choose(chosen, n, CHAN_FLAVOR_LIST, promises[i / 2], promises[i % 2]);
		n = choose(chosen, n, CHAN_FLAVOR_BROADCAST, promises[i / 2], promises[i % 2]);
	}
	for (size_t i = 0; i < n; i++)
		if (chosen[i].capacity == 64) /* a power of two that comes round often */
			chosen[i].capacity = 4;
	return RUN("defects at the end of the numbers", of_positions, chosen, n);
}

static int run_of_flavors(void)
{
	static struct kind chosen[MAX_KINDS];
	size_t many = choose(chosen, 0, CHAN_FLAVOR_ARRAY, CHAN_MANY, CHAN_MANY);
	size_t n = choose(chosen, many, CHAN_FLAVOR_ARRAY, CHAN_SINGLE, CHAN_MANY);
	int status = RUN("defects of array", of_array, chosen, n);

	status |= RUN("defects of array, single producer", of_array_single, chosen + many, n - many);
	n = choose(chosen, 0, CHAN_FLAVOR_ZERO, CHAN_MANY, CHAN_MANY);
	status |= RUN("defects of zero", of_zero, chosen, n);
	n = choose(chosen, 0, CHAN_FLAVOR_LIST, CHAN_MANY, CHAN_MANY);
	n = choose(chosen, n, CHAN_FLAVOR_LIST, CHAN_MANY, CHAN_SINGLE);
	return status | RUN("defects of list", of_list, chosen, n);
}

static int run_one_slot(const struct kind *kinds, size_t n)
{
	static struct kind chosen[MAX_KINDS];
	size_t n_chosen = 0;

	for (size_t i = 0; i < n; i++)
		if (kinds[i].capacity == 1)
			chosen[n_chosen++] = kinds[i];
	return RUN("defects of one slot", of_one_slot, chosen, n_chosen);
}

int main(void)
{
	static struct kind kinds[MAX_KINDS];
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);
	int status = RUN("defects", of_all, kinds, n);

	status |= run_one_slot(kinds, n);
	n = kind_discover(kinds, CHAN_SINGLE, CHAN_MANY);
	n += kind_discover(kinds + n, CHAN_MANY, CHAN_SINGLE);
	n += kind_discover(kinds + n, CHAN_SINGLE, CHAN_SINGLE);
	status |= RUN("defects with promises", of_promises, kinds, n);
	status |= run_of_flavors();
	status |= run_ends();
	return status | run_positions();
}
