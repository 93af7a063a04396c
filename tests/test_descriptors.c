/*
 * test_descriptors.c - descriptors that say whether a channel is ready
 *
 * Linked with the library's test build: what it does to its descriptors is counted,
 * checked, and held at any instant (the linker wraps the calls of base/event.h).
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/event.h"
#include "block.h"
#include "support/support.h"

extern void (*chan__tp_hook)(const char *name);

/* --------------------------------------------------------- what the library does */

enum work { OPEN, RAISE, LOWER, ARM, CLOSE, WORKS };

static atomic_size_t done[WORKS];

/* The thread that does `what` next is held before it, or after it. */
static struct {
	atomic_int what;   /* WORKS: nobody */
	bool after;
	sem_t arrived, go;
} hold = { .what = WORKS };

/* Only a subject is ever held. */
static _Thread_local bool is_subject;

static void pass(enum work what, bool after)
{
	int held = (int)what;

	if (!is_subject || hold.after != after || !atomic_compare_exchange_strong(&hold.what, &held, WORKS))
		return;
	sem_post(&hold.arrived);
	wait_sem(&hold.go);
}

static void hold_at(enum work what, bool after)
{
	must(sem_init(&hold.arrived, 0, 0) == 0 && sem_init(&hold.go, 0, 0) == 0);
	hold.after = after;
	atomic_store(&hold.what, what);
}

/* The subject is held at a pause point of the library, the first time it passes; the
 * name is without the flavor's. */
static const char *hold_point;
static atomic_bool held_at_point;

static void on_point(const char *name)
{
	if (!is_subject || strcmp(strchr(name, ':'), hold_point) != 0 || atomic_exchange(&held_at_point, true))
		return;
	sem_post(&hold.arrived);
	wait_sem(&hold.go);
}

static void hold_at_point(const char *name)
{
	must(sem_init(&hold.arrived, 0, 0) == 0 && sem_init(&hold.go, 0, 0) == 0);
	hold_point = name;
	atomic_store(&held_at_point, false);
	__atomic_store_n(&chan__tp_hook, on_point, __ATOMIC_RELEASE);
}

static void hold_nobody(void)
{
	__atomic_store_n(&chan__tp_hook, NULL, __ATOMIC_RELEASE);
}

int __real_chan__event_open(struct chan__event *e);
int __wrap_chan__event_open(struct chan__event *e);
int __real_chan__event_open_timer(struct chan__event *e);
int __wrap_chan__event_open_timer(struct chan__event *e);
void __real_chan__event_raise(struct chan__event *e);
void __wrap_chan__event_raise(struct chan__event *e);
bool __real_chan__event_lower(struct chan__event *e);
bool __wrap_chan__event_lower(struct chan__event *e);
void __real_chan__event_arm(struct chan__event *e, const struct chan__deadline *at);
void __wrap_chan__event_arm(struct chan__event *e, const struct chan__deadline *at);
void __real_chan__event_close(struct chan__event *e);
void __wrap_chan__event_close(struct chan__event *e);

/* A descriptor that is used is open. */
static void note(enum work what, const struct chan__event *e)
{
	int error = errno;

	must(fcntl(e->fd, F_GETFD) >= 0);
	atomic_fetch_add(&done[what], 1);
	errno = error;
}

int __wrap_chan__event_open(struct chan__event *e)
{
	int error = __real_chan__event_open(e);

	if (error == 0)
		note(OPEN, e);
	return error;
}

int __wrap_chan__event_open_timer(struct chan__event *e)
{
	int error = __real_chan__event_open_timer(e);

	if (error == 0)
		note(OPEN, e);
	return error;
}

void __wrap_chan__event_raise(struct chan__event *e)
{
	note(RAISE, e);
	pass(RAISE, false);
	__real_chan__event_raise(e);
	pass(RAISE, true);
}

bool __wrap_chan__event_lower(struct chan__event *e)
{
	bool raised;

	note(LOWER, e);
	pass(LOWER, false);
	raised = __real_chan__event_lower(e);
	pass(LOWER, true);
	return raised;
}

void __wrap_chan__event_arm(struct chan__event *e, const struct chan__deadline *at)
{
	note(ARM, e);
	__real_chan__event_arm(e, at);
}

void __wrap_chan__event_close(struct chan__event *e)
{
	note(CLOSE, e);
	pass(CLOSE, false);
	__real_chan__event_close(e);
}

static void forget_work(void)
{
	for (size_t i = 0; i < WORKS; i++)
		atomic_store(&done[i], 0);
}

static size_t work_done(void)
{
	size_t n = 0;

	for (size_t i = 0; i < WORKS; i++)
		n += atomic_load(&done[i]);
	return n;
}

/* ------------------------------------------------------------------------ helpers */

static int receiver_fd(chan_receiver_t *rx)
{
	int fd = -77;

	must_give(0, chan_receiver_fd(rx, &fd));
	must(fd >= 0);
	return fd;
}

static int sender_fd(chan_sender_t *tx)
{
	int fd = -77;

	must_give(0, chan_sender_fd(tx, &fd));
	must(fd >= 0);
	return fd;
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	must(poll(&p, 1, 0) >= 0);
	must((p.revents & ~POLLIN) == 0);
	return p.revents != 0;
}

static void wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	while ((n = poll(&p, 1, -1)) < 0)
		must_eq(errno, EINTR);
	must(n == 1 && p.revents == POLLIN);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int epoll_of(int fd, bool edge)
{
	struct epoll_event event = { .events = EPOLLIN | (edge ? EPOLLET : 0u) };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	must(epoll >= 0);
	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
	return epoll;
}

static bool epoll_says(int epoll, int timeout)
{
	struct epoll_event event;
	int n;

	while ((n = epoll_wait(epoll, &event, 1, timeout)) < 0)
		must_eq(errno, EINTR);
	must(n == 0 || event.events == EPOLLIN);
	return n == 1;
}

/* A channel and its descriptors; -1: not asked for. */
struct watched {
	struct ends e;
	int rfd, sfd;
};

static struct watched watch_ends(struct ends e)
{
	struct watched w = { .e = e };

	w.rfd = receiver_fd(e.rx);
	w.sfd = sender_fd(e.tx);
	return w;
}

static struct watched watched_open(const struct kind *k)
{
	return watch_ends(kind_open(k, 8));
}

static void must_show(const struct watched *w, bool receive, bool send)
{
	if (w->rfd >= 0)
		must_eq(readable(w->rfd), receive);
	if (w->sfd >= 0)
		must_eq(readable(w->sfd), send);
}

/* Without a partner in sight: what the queries say.  Nobody is in a call. */
static void must_show_the_truth(const struct watched *w)
{
	bool over = chan_is_disconnected(w->e.c);

	must_show(w, over || chan_receiver_len(w->e.rx) > 0, over || !chan_is_full(w->e.c));
}

/* What the descriptors say, the calls say. */
static void must_be_true(const struct watched *w)
{
	bool receive = readable(w->rfd), send;
	uint64_t number = 1;

	must_eq(chan_try_recv(w->e.rx, &number) != EAGAIN, receive);
	send = readable(w->sfd);
	must_eq(chan_try_send(w->e.tx, &number) != EAGAIN, send);
	receive = readable(w->rfd);
	must_eq(chan_try_recv(w->e.rx, &number) != EAGAIN, receive);
}

/* -------------------------------------------------------------- what they look like */

static void must_be_well_made(int fd)
{
	must((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	must((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
}

static void one_is_made_for_each_side_at_the_first_request(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_sender_t *tx = chan_sender_clone(e.tx);
	chan_receiver_t *rx = chan_receiver_clone(e.rx);
	uint64_t number = 1;
	int rfd, sfd;

	forget_work();
	chan_try_send(e.tx, &number);
	chan_try_recv(e.rx, &number);
	must_eq(work_done(), 0);
	rfd = receiver_fd(e.rx);
	sfd = sender_fd(e.tx);
	must_eq(atomic_load(&done[OPEN]), 2);
	must(rfd != sfd);
	must_be_well_made(rfd);
	must_be_well_made(sfd);
	must(receiver_fd(e.rx) == rfd && receiver_fd(rx) == rfd);
	must(sender_fd(e.tx) == sfd && sender_fd(tx) == sfd);
	must_eq(atomic_load(&done[OPEN]), 2);
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
	must(is_open(rfd) && is_open(sfd));
	ends_drop(&e);
	must(!is_open(rfd) && !is_open(sfd));
}

static void without_one_nothing_is_done(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number = 1;

	forget_work();
	for (size_t i = 0; i < 200; i++) {
		chan_try_send(e.tx, &number);
		if (i % 3)
			chan_try_recv(e.rx, &number);
	}
	chan_close(e.c);
	ends_drop(&e);
	must_eq(work_done(), 0);
}

static void arguments_are_checked(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	int fd = 77;

	must_give(EINVAL, chan_receiver_fd(NULL, &fd));
	must_give(EINVAL, chan_receiver_fd(e.rx, NULL));
	must_give(EINVAL, chan_receiver_fd(NULL, NULL));
	must_give(EINVAL, chan_sender_fd(NULL, &fd));
	must_give(EINVAL, chan_sender_fd(e.tx, NULL));
	must_give(EINVAL, chan_sender_fd(NULL, NULL));
	must_eq(fd, 77);
	ends_drop(&e);
}

/* ------------------------------------------------------------------ what they say */

/* At every level, asked for before the messages and after them. */
static void they_show_every_level(const struct kind *k)
{
	size_t room = k->one_message ? 1 : kind_room(k);

	for (size_t level = 0; level <= room; level = next_level(level, room)) {
		struct watched before = watched_open(k), after;
		struct ends e = kind_open(k, 8);
		bool space = kind_is_unbounded(k) || level < k->capacity;

		queue_numbers(before.e.tx, 1, level);
		queue_numbers(e.tx, 1, level);
		after = watch_ends(e);
		must_show_the_truth(&before);
		must_show_the_truth(&after);
		if (!k->one_message)
			must_show(&after, level > 0, space);
		must_be_true(&before);
		must_be_true(&after);
		ends_drop(&before.e);
		ends_drop(&after.e);
	}
}

/* Up and down; the last message taken lowers without a further try_. */
static void they_follow_each_message(const struct kind *k)
{
	struct watched w = watched_open(k);
	size_t room = kind_room(k);

	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 1; i <= room; i++) {
			queue_numbers(w.e.tx, i, 1);
			must_show(&w, true, i < room || kind_is_unbounded(k));
		}
		for (size_t i = 1; i <= room; i++) {
			expect_numbers(w.e.rx, i, 1);
			must_show(&w, i < room, true);
		}
	}
	ends_drop(&w.e);
}

static void they_follow_batches(const struct kind *k)
{
	struct watched w = watched_open(k);
	size_t room = kind_room(k), half = room / 2, count = 77;
	uint64_t numbers[128] = { 0 };

	must_give(0, chan_try_send_many(w.e.tx, numbers, half, &count));
	must_show(&w, half > 0, true);
	must_give(0, chan_send_many(w.e.tx, numbers, room - half, &count));
	must_show(&w, true, kind_is_unbounded(k));
	must_give(0, chan_recv_many(w.e.rx, numbers, room - half, &count));
	must_show(&w, half > 0, true);
	must_give(0, chan_try_recv_many(w.e.rx, numbers, room, &count));
	must_eq(count, half);
	must_show(&w, false, true);
	ends_drop(&w.e);
}

static void they_follow_calls_that_wait(const struct kind *k)
{
	struct watched w = watched_open(k);
	chan_case_t cases[2];
	uint64_t number = 1;
	size_t which;

	must_give(0, chan_send(w.e.tx, &number));
	must_show_the_truth(&w);
	must_give(0, chan_recv(w.e.rx, &number));
	must_show(&w, false, true);
	cases[0] = case_send(w.e.tx, &number);
	must_give(0, chan_select(cases, 1, 0, &which));
	must_show_the_truth(&w);
	cases[0] = case_recv(w.e.rx, &number);
	must_give(0, chan_select(cases, 1, 0, &which));
	must_show(&w, false, true);
	must_give(ETIMEDOUT, chan_recv_timeout(w.e.rx, &number, 1));
	must_show(&w, false, true);
	ends_drop(&w.e);
}

static void they_follow_force_send(const struct kind *k)
{
	struct watched w = watched_open(k);
	uint64_t number = 1, displaced;
	bool was_displaced;
	size_t n = kind_is_unbounded(k) ? 5 : k->capacity;

	for (size_t i = 0; i < n + 2; i++) {
		must_give(0, chan_force_send(w.e.tx, &number, &displaced, &was_displaced));
		must_show_the_truth(&w);
		must_show(&w, true, i + 1 < n || kind_is_unbounded(k));
	}
	while (chan_try_recv(w.e.rx, NULL) == 0)
		must_show_the_truth(&w);
	must_show(&w, false, true);
	ends_drop(&w.e);
}

static struct ends open_dropping_oldest(const struct kind *k)
{
	chan_attr_t attr;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST));
	return attr_open(&attr, 8);
}

/* A send always goes. */
static void they_follow_what_displaces(const struct kind *k)
{
	struct watched w = watch_ends(open_dropping_oldest(k));
	uint64_t number = 1;

	must_show(&w, false, true);
	for (size_t i = 0; i < k->capacity + 2; i++) {
		must_give(0, chan_try_send(w.e.tx, &number));
		must_show(&w, true, true);
	}
	for (size_t i = 0; i < k->capacity; i++) {
		must_show(&w, true, true);
		must_give(0, chan_try_recv(w.e.rx, &number));
	}
	must_show(&w, false, true);
	ends_drop(&w.e);
}

static void closing_raises_them_for_good(const struct kind *k)
{
	struct watched w = watched_open(k);
	uint64_t number = 1;

	chan_try_send(w.e.tx, &number);
	chan_close(w.e.c);
	must_show(&w, true, true);
	while (chan_try_recv(w.e.rx, &number) == 0)
		must_show(&w, true, true);
	must_give(EPIPE, chan_try_send(w.e.tx, &number));
	must_give(EPIPE, chan_recv(w.e.rx, &number));
	chan_close(w.e.c);
	must_show(&w, true, true);
	ends_drop(&w.e);
}

static void a_request_after_the_end_shows_it(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct watched w;

	chan_close(e.c);
	w = watch_ends(e);
	must_show(&w, true, true);
	ends_drop(&w.e);
	e = kind_open(k, 8);
	chan_sender_drop(e.tx);
	must(readable(receiver_fd(e.rx)));
	chan_receiver_drop(e.rx);
	e = kind_open(k, 8);
	chan_receiver_drop(e.rx);
	must(readable(sender_fd(e.tx)));
	chan_sender_drop(e.tx);
}

/* The descriptor of the side that goes is closed, the other's is up for good. */
static void the_last_sender_raises_the_receivers(const struct kind *k)
{
	struct watched w = watched_open(k);
	chan_sender_t *other = chan_sender_clone(w.e.tx);
	uint64_t number;

	if (k->capacity != 0)
		queue_numbers(w.e.tx, 5, 1);
	chan_sender_drop(w.e.tx);
	must(is_open(w.sfd));
	must_keep_errno(chan_sender_drop(other));
	must(!is_open(w.sfd) && readable(w.rfd));
	if (k->capacity != 0)
		expect_numbers(w.e.rx, 5, 1);
	must(readable(w.rfd));
	must_give(EPIPE, chan_try_recv(w.e.rx, &number));
	must(readable(w.rfd));
	must_keep_errno(chan_receiver_drop(w.e.rx));
	must(!is_open(w.rfd));
}

static void the_last_receiver_raises_the_senders(const struct kind *k)
{
	struct watched w = watched_open(k);
	chan_receiver_t *other = chan_receiver_clone(w.e.rx);
	uint64_t number = 1;

	while (chan_try_send(w.e.tx, &number) == 0 && chan_len(w.e.c) < 5)
		continue;
	chan_receiver_drop(w.e.rx);
	must(is_open(w.rfd));
	must_keep_errno(chan_receiver_drop(other));
	must(!is_open(w.rfd) && readable(w.sfd));
	must_give(EPIPE, chan_try_send(w.e.tx, &number));
	must(readable(w.sfd));
	chan_sender_drop(w.e.tx);
	must(!is_open(w.sfd));
}

/* A weak sender keeps the memory, not the descriptor. */
static void a_weak_sender_keeps_no_descriptor(const struct kind *k)
{
	struct watched w = watched_open(k);
	chan_weak_sender_t *weak = chan_sender_downgrade(w.e.tx);

	chan_sender_drop(w.e.tx);
	must(!is_open(w.sfd) && readable(w.rfd));
	chan_receiver_drop(w.e.rx);
	must(!is_open(w.rfd));
	chan_weak_sender_drop(weak);
}

/* ---------------------------------------------------------------------- at random */

static void step(struct ends *e, const struct kind *k, struct dice *dice)
{
	uint64_t numbers[4] = { 1, 2, 3, 4 };
	size_t count;

	switch (dice_roll(dice, 8)) {
	case 0:
	case 1: chan_try_send(e->tx, numbers); break;
	case 2:
	case 3: chan_try_recv(e->rx, numbers); break;
	case 4: chan_try_send_many(e->tx, numbers, 1 + dice_roll(dice, 4), &count); break;
	case 5: chan_try_recv_many(e->rx, numbers, 1 + dice_roll(dice, 4), &count); break;
	case 6: chan_recv_timeout(e->rx, NULL, 0); break;
	default:
		if (k->forces)
			chan_force_send(e->tx, numbers, NULL, NULL);
	}
}

/* Asked for at any instant; exact after every call. */
static void they_are_exact_after_every_call(const struct kind *k)
{
	struct dice dice = { 20260101 };
	size_t rounds = kind_rounds(k, 120);

	for (size_t round = 0; round < rounds; round++) {
		struct watched w = { kind_open(k, 8), -1, -1 };
		size_t r = dice_roll(&dice, 20), s = dice_roll(&dice, 20), end = 20 + dice_roll(&dice, 60);

		for (size_t i = 0; i < end; i++) {
			if (i == r)
				w.rfd = receiver_fd(w.e.rx);
			if (i == s)
				w.sfd = sender_fd(w.e.tx);
			step(&w.e, k, &dice);
			must_show_the_truth(&w);
		}
		must_be_true(&w);
		if (dice_roll(&dice, 2))
			chan_close(w.e.c);
		must_show_the_truth(&w);
		ends_drop(&w.e);
	}
}

/* --------------------------------------------------------------------- what it costs */

static void must_have_worked(size_t raised, size_t lowered)
{
	must_eq(atomic_load(&done[RAISE]), raised);
	must_eq(atomic_load(&done[LOWER]), lowered);
	forget_work();
}

/* One write from empty to ready, one read back, and none between. */
static void a_change_costs_one_call_and_a_message_none(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t room = kind_room(k);

	receiver_fd(e.rx);
	forget_work();
	for (size_t round = 0; round < 3; round++) {
		queue_numbers(e.tx, 0, 1);
		must_have_worked(1, 0);
		queue_numbers(e.tx, 1, room - 1);
		must_have_worked(0, 0);
		expect_numbers(e.rx, 0, room - 1);
		must_have_worked(0, 0);
		expect_numbers(e.rx, room - 1, 1);
		must_have_worked(0, 1);
	}
	must_give(EAGAIN, chan_try_recv(e.rx, NULL));
	must_have_worked(0, 0);
	ends_drop(&e);
}

static void a_senders_change_costs_one_call(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t number = 1;

	sender_fd(e.tx);
	forget_work();
	for (size_t round = 0; round < 3; round++) {
		queue_numbers(e.tx, 0, k->capacity - 1);
		must_have_worked(0, 0);
		queue_numbers(e.tx, k->capacity - 1, 1);
		must_have_worked(0, 1);
		must_give(EAGAIN, chan_try_send(e.tx, &number));
		must_have_worked(0, 0);
		expect_numbers(e.rx, 0, 1);
		must_have_worked(1, 0);
		expect_numbers(e.rx, 1, k->capacity - 1);
		must_have_worked(0, 0);
	}
	ends_drop(&e);
}

/* ----------------------------------------------------------------- windows of a race */

struct trying {
	struct ends *e;
	bool sends;
	int result;
	struct worker worker;
};

static void try_held(void *arg)
{
	struct trying *t = arg;
	uint64_t number = 1;

	is_subject = true;
	t->result = t->sends ? chan_try_send(t->e->tx, &number) : chan_try_recv(t->e->rx, &number);
}

/* A thread in a try_ call is held in what it does to the descriptor. */
static void start_held(struct trying *t, struct ends *e, bool sends, enum work what, bool after)
{
	t->e = e;
	t->sends = sends;
	hold_at(what, after);
	worker_start(&t->worker, try_held, t);
	wait_sem(&hold.arrived);
}

static void let_go(struct trying *t)
{
	sem_post(&hold.go);
	worker_join(&t->worker);
	must_eq(t->result, 0);
}

/* A single producer has moved the tail, and the channel is closed: the closer sees a
 * message to come.  It never does, and the end is shown by whoever takes it back. */
static void a_send_that_is_taken_back_shows_the_end(const struct kind *k)
{
	static const char *const flavors[] = { "array", "list" };

	(void)k;
	for (size_t i = 0; i < COUNT_OF(flavors); i++) {
		struct trying t = { .sends = true };
		struct ends e;
		chan_attr_t attr;
		int fd;

		must_give(0, chan_attr_init(&attr));
		must_give(0, chan_attr_setflavor(&attr, flavor_named(flavors[i])));
		must_give(0, chan_attr_setcapacity(&attr, i == 0 ? 4 : CHAN_UNBOUNDED));
		must_give(0, chan_attr_setproducers(&attr, CHAN_SINGLE));
		e = attr_open(&attr, 8);
		fd = receiver_fd(e.rx);
		t.e = &e;
		hold_at_point(":advanced");
		worker_start(&t.worker, try_held, &t);
		wait_sem(&hold.arrived);
		chan_close(e.c);
		sem_post(&hold.go);
		worker_join(&t.worker);
		hold_nobody();
		must_eq(t.result, EPIPE);
		must(readable(fd));
		must_give(EPIPE, chan_try_recv(e.rx, NULL));
		must(readable(fd));
		ends_drop(&e);
	}
}

/* Put aside by the thread it woke, with the descriptor in its hands: that thread
 * takes the message, and its descriptor is down. */
static void who_takes_the_last_message_lowers(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	int fd = receiver_fd(e.rx);

	for (size_t i = 0; i < 3; i++) {
		struct trying t;

		start_held(&t, &e, true, RAISE, true);
		must(readable(fd));
		must_give(0, chan_try_recv(e.rx, NULL));
		must(!readable(fd));
		must_give(EAGAIN, chan_try_recv(e.rx, NULL));
		must(!readable(fd));
		let_go(&t);
		must(!readable(fd));
		queue_numbers(e.tx, 0, 1);
		must(readable(fd));
		expect_numbers(e.rx, 0, 1);
		must(!readable(fd));
	}
	ends_drop(&e);
}

/* One that took a raising from its holder tells it so: no call is made in vain. */
static void what_the_holder_was_robbed_of_costs_one_call(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	receiver_fd(e.rx);
	for (size_t more = 0; more < 3; more++) {
		struct trying t;

		forget_work();
		start_held(&t, &e, true, RAISE, true);
		must_give(0, chan_try_recv(e.rx, NULL));
		must_have_worked(1, 1);
		must_give(EAGAIN, chan_try_recv(e.rx, NULL));
		queue_numbers(e.tx, 0, more > 0);
		expect_numbers(e.rx, 0, more > 1);
		let_go(&t);
		must_have_worked(more == 1, 0);
		expect_numbers(e.rx, 0, more == 1);
		must_have_worked(0, more == 1);
	}
	ends_drop(&e);
}

/* It was to raise, and the message is gone meanwhile. */
static void who_raises_late_lowers_again(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	int fd = receiver_fd(e.rx);
	struct trying t;

	start_held(&t, &e, true, RAISE, false);
	expect_numbers(e.rx, 1, 1);
	must(!readable(fd));
	let_go(&t);
	must(!readable(fd));
	queue_numbers(e.tx, 0, 1);
	must(readable(fd));
	ends_drop(&e);
}

/* It was to lower, and there is a message again. */
static void who_lowers_late_raises_again(const struct kind *k)
{
	for (size_t after = 0; after < 2; after++) {
		struct ends e = kind_open(k, 8);
		int fd = receiver_fd(e.rx);
		struct trying t;

		queue_numbers(e.tx, 1, 1);
		start_held(&t, &e, false, LOWER, after);
		queue_numbers(e.tx, 2, 1);
		let_go(&t);
		must(readable(fd));
		expect_numbers(e.rx, 2, 1);
		must(!readable(fd));
		ends_drop(&e);
	}
}

/* The sender raises after its message was taken, and does not get on to look again:
 * who is told EAGAIN lowers. */
static void who_is_refused_lowers_what_was_raised_late(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	int fd = receiver_fd(e.rx);
	uint64_t number;
	struct trying t;

	start_held(&t, &e, true, RAISE, false);
	must_give(0, chan_try_recv(e.rx, &number));
	must(!readable(fd));
	hold.after = true;
	atomic_store(&hold.what, RAISE);
	sem_post(&hold.go);
	wait_sem(&hold.arrived);
	must(readable(fd));
	must_give(EAGAIN, chan_try_recv(e.rx, &number));
	must(!readable(fd));
	let_go(&t);
	must(!readable(fd));
	queue_numbers(e.tx, 5, 1);
	must(readable(fd));
	expect_numbers(e.rx, 5, 1);
	must(!readable(fd));
	ends_drop(&e);
}

/* Down after the last message, although another thread is about to look. */
static void a_senders_descriptor_is_as_exact(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	int fd = sender_fd(e.tx);
	uint64_t number = 1;
	struct trying t;

	queue_numbers(e.tx, 0, k->capacity);
	must(!readable(fd));
	start_held(&t, &e, false, RAISE, true);
	must(readable(fd));
	must_give(0, chan_try_send(e.tx, &number));
	must(!readable(fd));
	let_go(&t);
	must(!readable(fd));
	start_held(&t, &e, false, RAISE, false);
	must_give(0, chan_try_send(e.tx, &number));
	let_go(&t);
	must(!readable(fd));
	must_give(0, chan_try_recv(e.rx, NULL));
	must(readable(fd));
	start_held(&t, &e, true, LOWER, false);
	must_give(0, chan_try_recv(e.rx, NULL));
	let_go(&t);
	must(readable(fd));
	ends_drop(&e);
}

/* EAGAIN while the descriptor is still up, for a thread that is about to lower
 * it: the next message is an edge all the same. */
static void after_EAGAIN_there_is_an_edge(const struct kind *k)
{
	for (size_t after = 0; after < 2; after++) {
		struct ends e = kind_open(k, 8);
		int epoll = epoll_of(receiver_fd(e.rx), true);
		struct trying t;

		queue_numbers(e.tx, 1, 1);
		must(epoll_says(epoll, 0));
		start_held(&t, &e, false, LOWER, after);
		must_give(EAGAIN, chan_try_recv(e.rx, NULL));
		epoll_says(epoll, 0);
		queue_numbers(e.tx, 2, 1);
		let_go(&t);
		must(epoll_says(epoll, 0));
		expect_numbers(e.rx, 2, 1);
		close(epoll);
		ends_drop(&e);
	}
}

struct closing {
	struct ends e;
	int fd;
};

static void close_and_ask(void *msg, void *arg)
{
	struct closing *c = arg;

	(void)msg;
	if (c->fd >= 0)
		return;
	chan_close(chan_sender_channel(c->e.tx));
	must_give(0, chan_receiver_fd(c->e.rx, &c->fd));
}

/* While the oldest is destroyed the next message is not there yet. */
static void a_descriptor_from_amid_a_displacing_send_hears_of_it(const struct kind *k)
{
	struct closing c = { .fd = -1 };
	chan_attr_t attr;
	uint64_t number = 1;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setdestructor(&attr, close_and_ask, &c));
	c.e = attr_open(&attr, sizeof(number));
	while (c.fd < 0)
		must_give(0, chan_force_send(c.e.tx, &number, NULL, NULL));
	must(readable(c.fd));
	while (chan_try_recv(c.e.rx, &number) == 0)
		must(readable(c.fd));
	must(readable(c.fd));
	ends_drop(&c.e);
}

/* More often than a pipe has room for. */
static void each_raise_is_an_edge(const struct kind *k)
{
	enum { TIMES = 70000 };
	struct chan__event e;
	int epoll;

	(void)k;
	must_give(0, chan__event_open(&e));
	epoll = epoll_of(e.fd, true);
	for (int i = 0; i < TIMES; i++) {
		chan__event_raise(&e);
		must(epoll_says(epoll, 0));
		must(!epoll_says(epoll, 0));
	}
	must(chan__event_lower(&e));
	must(!chan__event_lower(&e));
	must(!readable(e.fd));
	close(epoll);
	chan__event_close(&e);
}

struct dropping {
	chan_receiver_t *rx;
	struct worker worker;
};

/* A thread whose patience is at its end waits for its side. */
struct starving {
	struct chan__watch watch;
	uint64_t number;
	int result;
	struct worker worker;
};

static void starve(void *arg)
{
	static const struct chan__deadline forever = { true, { 0, 0 } };
	struct starving *s = arg;
	struct chan__wait wait = { .watches = &s->watch, .deadline = &forever, .parker = &chan__parker_default };
	struct chan__watch *chosen;

	s->watch.node.vain = CHAN__PATIENCE;
	s->watch.node.source = &s->number;
	s->watch.node.target = &s->number;
	s->result = chan__wait(&wait, &chosen);
}

static void start_starving(struct starving *s, struct ends *e, bool sends)
{
	chan__watch_init(&s->watch, e->rx->chan, sends ? NULL : e->rx);
	s->number = 77;
	worker_start(&s->worker, starve, s);
	worker_wait_asleep(&s->worker);
}

/* The message was in the channel for an instant, inside the send. */
static void what_a_starving_receiver_is_served_with_is_not_shown(const struct kind *k)
{
	struct watched w = watched_open(k);
	struct starving s;

	start_starving(&s, &w.e, false);
	queue_numbers(w.e.tx, 5, 1);
	worker_join(&s.worker);
	must(s.result == 0 && s.number == 5);
	must_show_the_truth(&w);
	must_be_true(&w);
	ends_drop(&w.e);
}

static void what_a_starving_sender_is_served_with_is_not_shown(const struct kind *k)
{
	struct watched w = watched_open(k);
	struct starving s;

	queue_numbers(w.e.tx, 1, k->capacity);
	start_starving(&s, &w.e, true);
	expect_numbers(w.e.rx, 1, 1);
	worker_join(&s.worker);
	must_eq(s.result, 0);
	must(chan_is_full(w.e.c));
	must_show_the_truth(&w);
	must_be_true(&w);
	ends_drop(&w.e);
}

static void drop_receiver(void *arg)
{
	struct dropping *d = arg;

	chan_receiver_drop(d->rx);
}

/* A late wake-up finds its descriptor still there: closing waits for it. */
static void closing_waits_for_who_writes(const struct kind *k)
{
	for (size_t after = 0; after < 2; after++) {
		struct ends e = kind_open(k, 8);
		int fd = receiver_fd(e.rx);
		struct dropping d = { .rx = e.rx };
		struct trying t;

		start_held(&t, &e, true, RAISE, after);
		worker_start(&d.worker, drop_receiver, &d);
		worker_wait_asleep(&d.worker);
		must(is_open(fd));
		let_go(&t);
		worker_join(&d.worker);
		must(!is_open(fd));
		chan_sender_drop(e.tx);
	}
}

/* ---------------------------------------------------------------------- rendezvous */

static void a_rendezvous_is_readable_while_a_partner_waits(const struct kind *k)
{
	struct watched w = watched_open(k);

	must_show(&w, false, false);
	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct call call = call_send(w.e.tx, form, 5);
		uint64_t number = 6;

		call_start_asleep(&call);
		must_show(&w, true, false);
		expect_numbers(w.e.rx, 5, 1);
		call_finish(&call);
		must_show(&w, false, false);
		call = call_recv(w.e.rx, form);
		call_start_asleep(&call);
		must_show(&w, false, true);
		must_give(0, chan_try_send(w.e.tx, &number));
		call_finish(&call);
		must_show(&w, false, false);
	}
	ends_drop(&w.e);
}

static void a_partner_that_gave_up_is_not_shown(const struct kind *k)
{
	struct watched w = watched_open(k);
	uint64_t number = 1;

	for (size_t i = 0; i < 20; i++) {
		must_give(ETIMEDOUT, chan_send_timeout(w.e.tx, &number, i * 10 * CHAN_USEC));
		must_show(&w, false, false);
		must_give(ETIMEDOUT, chan_recv_timeout(w.e.rx, &number, i * 10 * CHAN_USEC));
		must_show(&w, false, false);
	}
	ends_drop(&w.e);
}

static void a_select_is_a_partner(const struct kind *k)
{
	struct watched w = watched_open(k);
	uint64_t number = 5;
	chan_case_t one = case_send(w.e.tx, &number);
	struct pick pick = pick_of(&one, 1, 0, PICK_PLAIN);

	pick_start_asleep(&pick);
	must_show(&w, true, false);
	expect_numbers(w.e.rx, 5, 1);
	pick_finish(&pick);
	must_show(&w, false, false);
	one = case_send(w.e.tx, &number);
	pick = pick_of(&one, 1, CHAN_SELECT_READY, PICK_PLAIN);
	pick_start_asleep(&pick);
	must_show(&w, false, false);
	chan_close(w.e.c);
	pick_finish(&pick);
	ends_drop(&w.e);
}

/* Each waits for the other to wait. */
/* Two threads meet, and each drops its own handle: who comes second in the destructor of
 * the message, and is held when its partner knows; who came first then drops the last. */
struct meeting {
	struct ends e;
	bool sends, subject;
	int result;
	struct worker worker;
};

static void meet(void *arg)
{
	struct meeting *m = arg;
	uint64_t number = 5;

	is_subject = m->subject;
	m->result = m->sends ? chan_send(m->e.tx, &number) : chan_recv(m->e.rx, NULL);
	if (m->subject)
		return;
	if (m->sends)
		chan_sender_drop(m->e.tx);
	else
		chan_receiver_drop(m->e.rx);
}

static void drop_the_subjects(void *msg, void *arg)
{
	struct meeting *m = arg;

	(void)msg;
	must(is_subject);
	if (m->sends)
		chan_sender_drop(m->e.tx);
	else
		chan_receiver_drop(m->e.rx);
}

static void a_partner_that_was_settled_may_drop_the_last_handle(const struct kind *k)
{
	for (size_t sends = 0; sends < 2; sends++) {
		struct meeting first = { .sends = !sends }, second = { .sends = sends, .subject = true };
		struct counting counting;
		chan_allocator_t allocator;
		chan_attr_t attr;

		counting_init(&counting); /* overwrites what it frees */
		allocator = counting_allocator(&counting);
		kind_attr(k, &attr);
		must_give(0, chan_attr_setallocator(&attr, &allocator));
		must_give(0, chan_attr_setdestructor(&attr, drop_the_subjects, &second));
		first.e = second.e = attr_open(&attr, 8);
		watch_ends(first.e);
		worker_start(&first.worker, meet, &first);
		worker_wait_asleep(&first.worker);
		hold_at_point(":settled");
		worker_start(&second.worker, meet, &second);
		wait_sem(&hold.arrived);
		worker_join(&first.worker);
		counting_must_balance(&counting);
		sem_post(&hold.go);
		worker_join(&second.worker);
		hold_nobody();
		must(first.result == 0 && second.result == 0);
	}
}

static void two_ends_that_are_polled_never_meet(const struct kind *k)
{
	struct watched w = watched_open(k);
	uint64_t number = 1;

	for (size_t i = 0; i < 20; i++) {
		must_show(&w, false, false);
		must_give(EAGAIN, chan_try_send(w.e.tx, &number));
		must_show(&w, false, false);
		must_give(EAGAIN, chan_try_recv(w.e.rx, &number));
	}
	ends_drop(&w.e);
}

/* The answer to that. */
static void two_ends_that_are_polled_meet_at_capacity_1(const struct kind *k)
{
	struct watched w;
	struct ends e;

	(void)k;
	must_give(0, chan_bounded(1, 8, &e.tx, &e.rx));
	e.c = chan_sender_channel(e.tx);
	w = watch_ends(e);
	for (uint64_t i = 0; i < 20; i++) {
		must_show(&w, false, true);
		queue_numbers(w.e.tx, i, 1);
		must_show(&w, true, false);
		expect_numbers(w.e.rx, i, 1);
	}
	ends_drop(&w.e);
}

/* ------------------------------------------------------------------------- loops */

/* Several loops on one descriptor, each with an epoll instance of its own. */
enum { LOOPS = 3, FEEDERS = 2 };

struct loop {
	struct ends *e;
	bool sends, edge;
	uint64_t first;        /* of what it sends */
	size_t n, count;
	uint64_t sum;
	struct worker worker;
};

/* One message for each event, or all there are. */
static int receive_some(struct loop *l)
{
	uint64_t number;
	int error;

	do {
		error = chan_try_recv(l->e->rx, &number);
		if (error == 0) {
			l->count++;
			l->sum += number;
		}
	} while (error == 0 && l->edge);
	return error;
}

static void run_receiving_loop(void *arg)
{
	struct loop *l = arg;
	int epoll = epoll_of(receiver_fd(l->e->rx), l->edge);
	int error;

	do {
		must(epoll_says(epoll, -1));
		error = receive_some(l);
		must(error == 0 || error == EAGAIN || error == EPIPE);
	} while (error != EPIPE);
	close(epoll);
}

static void loops_receive_everything(const struct kind *k, bool edge)
{
	struct ends e = kind_open(k, 8);
	size_t n = kind_rounds(k, 2000);
	struct loop loops[LOOPS];
	struct feeder feeders[FEEDERS];
	uint64_t sum = 0, count = 0;

	for (size_t i = 0; i < LOOPS; i++) {
		loops[i] = (struct loop){ .e = &e, .edge = edge };
		worker_start(&loops[i].worker, run_receiving_loop, &loops[i]);
	}
	for (size_t i = 0; i < FEEDERS; i++)
		feeder_start(&feeders[i], e.tx, i * n, n);
	for (size_t i = 0; i < FEEDERS; i++)
		feeder_join(&feeders[i]);
	chan_sender_drop(e.tx);
	for (size_t i = 0; i < LOOPS; i++) {
		worker_join(&loops[i].worker);
		sum += loops[i].sum;
		count += loops[i].count;
	}
	must_eq(count, FEEDERS * n);
	must_eq(sum, sum_of_numbers(0, FEEDERS * n));
	chan_receiver_drop(e.rx);
}

static void several_loops_on_one_descriptor_lose_nothing(const struct kind *k)
{
	loops_receive_everything(k, false);
}

static void several_edge_triggered_loops_lose_nothing(const struct kind *k)
{
	loops_receive_everything(k, true);
}

/* Watched only after EAGAIN, as the man page asks. */
static void run_sending_loop(void *arg)
{
	struct loop *l = arg;
	int epoll = epoll_of(sender_fd(l->e->tx), l->edge);
	uint64_t number = l->first;

	while (number < l->first + l->n) {
		int error = chan_try_send(l->e->tx, &number);

		must(error == 0 || error == EAGAIN);
		number += error == 0;
		if (error == EAGAIN)
			must(epoll_says(epoll, -1));
	}
	close(epoll);
}

static void loops_send_everything(const struct kind *k, bool edge)
{
	struct ends e = kind_open(k, 8);
	size_t n = kind_rounds(k, 1000);
	struct loop loops[LOOPS];
	uint64_t sum = 0, number;

	for (size_t i = 0; i < LOOPS; i++) {
		loops[i] = (struct loop){ .e = &e, .edge = edge, .first = i * n, .n = n };
		worker_start(&loops[i].worker, run_sending_loop, &loops[i]);
	}
	for (size_t i = 0; i < LOOPS * n; i++) {
		must_give(0, chan_recv(e.rx, &number));
		sum += number;
	}
	for (size_t i = 0; i < LOOPS; i++)
		worker_join(&loops[i].worker);
	must_eq(sum, sum_of_numbers(0, LOOPS * n));
	ends_drop(&e);
}

static void several_sending_loops_lose_nothing(const struct kind *k)
{
	loops_send_everything(k, false);
}

static void several_edge_triggered_sending_loops_lose_nothing(const struct kind *k)
{
	loops_send_everything(k, true);
}

/* Made in the midst of messages, by a thread that neither sends nor receives. */
static void one_asked_for_under_load_is_exact_afterwards(const struct kind *k)
{
	size_t rounds = kind_rounds(k, 40);

	for (size_t i = 0; i < rounds; i++) {
		struct watched w = { kind_open(k, 8), -1, -1 };
		struct feeder feeder;
		struct call drain = call_recv(w.e.rx, CALL_PLAIN);
		size_t n = 50 + i;

		feeder_start(&feeder, w.e.tx, 0, n);
		for (size_t j = 0; j < n; j++) {
			if (j == i)
				call_start(&drain);
			else
				must_give(0, chan_recv(w.e.rx, NULL));
			if (j == n / 2) {
				w.rfd = receiver_fd(w.e.rx);
				w.sfd = sender_fd(w.e.tx);
			}
		}
		call_finish(&drain);
		feeder_join(&feeder);
		must_eq(drain.result, 0);
		must_show_the_truth(&w);
		must_be_true(&w);
		ends_drop(&w.e);
	}
}

/* ------------------------------------------------------------------------- pings */

/* Of the environment, for long runs; in all. */
static uint64_t transitions_asked;
static size_t n_pings;

static size_t transitions(const struct kind *k)
{
	return transitions_asked ? (size_t)(transitions_asked / n_pings) + 1 : kind_rounds(k, 5000);
}

struct ping {
	struct ends e, ack;
	size_t n;
	struct worker worker;
};

static void send_acknowledged(void *arg)
{
	struct ping *p = arg;
	uint64_t number;

	for (uint64_t i = 0; i < p->n; i++) {
		must_give(0, chan_send(p->e.tx, &i));
		must_give(0, chan_recv(p->ack.rx, &number));
		must_eq(number, i);
	}
	chan_sender_drop(p->e.tx);
}

/* A transition that was not seen is a test that does not end. */
static void ping(const struct kind *k, bool edge)
{
	struct ping p = { .e = kind_open(k, 8), .n = transitions(k) };
	int epoll = epoll_of(receiver_fd(p.e.rx), edge);
	uint64_t next = 0, number;
	int error = 0;

	must_give(0, chan_bounded(1, 8, &p.ack.tx, &p.ack.rx));
	worker_start(&p.worker, send_acknowledged, &p);
	while (error != EPIPE) {
		if (!edge || error == EAGAIN)
			must(epoll_says(epoll, -1));
		error = chan_try_recv(p.e.rx, &number);
		must(error == 0 || error == EAGAIN || error == EPIPE);
		if (error == 0) {
			must_eq(number, next++);
			must_give(0, chan_send(p.ack.tx, &number));
		}
	}
	must_eq(next, p.n);
	worker_join(&p.worker);
	close(epoll);
	chan_receiver_drop(p.e.rx);
	ends_drop(&p.ack);
}

static void each_message_is_seen_through_epoll(const struct kind *k)
{
	ping(k, false);
}

static void each_message_is_an_edge(const struct kind *k)
{
	ping(k, true);
}

static void receive_in_order(void *arg)
{
	struct ping *p = arg;
	uint64_t number;

	for (uint64_t i = 0; i < p->n; i++) {
		must_give(0, chan_recv(p->e.rx, &number));
		must_eq(number, i);
	}
	chan_receiver_drop(p->e.rx);
}

/* The same from the other side: full, not full, ... */
static void send_ping(const struct kind *k, bool edge)
{
	struct ping p = { .e = kind_open(k, 8), .n = transitions(k) };
	int epoll = epoll_of(sender_fd(p.e.tx), edge);
	uint64_t next = 0;
	int error = 0;

	worker_start(&p.worker, receive_in_order, &p);
	while (error != EPIPE) {
		if (error == EAGAIN)
			must(epoll_says(epoll, -1));
		error = chan_try_send(p.e.tx, &next);
		must(error == 0 || error == EAGAIN || error == EPIPE);
		next += error == 0;
	}
	must(next >= p.n);
	worker_join(&p.worker);
	close(epoll);
	chan_sender_drop(p.e.tx);
}

static void each_free_slot_is_seen_through_epoll(const struct kind *k)
{
	send_ping(k, false);
}

static void each_free_slot_is_an_edge(const struct kind *k)
{
	send_ping(k, true);
}

/* ------------------------------------------------------------------ reused numbers */

struct sending {
	chan_sender_t *tx;
	atomic_bool stop, began;
	struct worker worker;
};

static void send_on_and_on(void *arg)
{
	struct sending *s = arg;
	uint64_t number = 1;

	while (!atomic_load(&s->stop)) {
		chan_send_timeout(s->tx, &number, 10 * CHAN_USEC);
		atomic_store(&s->began, true);
	}
}

/* Something else gets the number at once; then nobody writes to it or reads from it. */
static void must_be_left_alone(int fd, struct sending *s)
{
	int pair[2], n = 0;
	char byte;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	must(pair[0] != fd && pair[1] != fd ? dup2(pair[0], fd) == fd : true);
	must(write(pair[1] == fd ? pair[0] : pair[1], "12345678", 8) == 8);
	wait_pass(20 * CHAN_USEC, "reason: senders that go on get time to write");
	atomic_store(&s->stop, true);
	worker_join(&s->worker);
	must(ioctl(fd, FIONREAD, &n) == 0 && n == 8);
	must(recv(pair[1] == fd ? pair[0] : pair[1], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	if (pair[0] != fd && pair[1] != fd)
		close(fd);
	close(pair[0]);
	close(pair[1]);
}

static void a_number_that_is_used_again_is_left_alone(const struct kind *k)
{
	size_t rounds = kind_rounds(k, 100);
	struct dice dice = { 7 };

	for (size_t i = 0; i < rounds; i++) {
		struct ends e = kind_open(k, 8);
		struct sending s = { .tx = e.tx };
		int fd = receiver_fd(e.rx);

		worker_start(&s.worker, send_on_and_on, &s);
		if (i % 2)
			wait_for(atomic_load(&s.began));
		for (uint64_t n = dice_roll(&dice, 20); n > 0; n--)
			chan_try_recv(e.rx, NULL);
		chan_receiver_drop(e.rx);
		must_be_left_alone(fd, &s);
		chan_sender_drop(e.tx);
	}
}

/* --------------------------------------------------------------------- exhaustion */

/* No number under the limit is free; what it was comes back. */
static struct rlimit forbid_descriptors(void)
{
	struct rlimit before, none;
	int lowest = dup(0);

	must(lowest >= 0 && close(lowest) == 0);
	must(getrlimit(RLIMIT_NOFILE, &before) == 0);
	none = before;
	none.rlim_cur = (rlim_t)lowest;
	must(setrlimit(RLIMIT_NOFILE, &none) == 0);
	return before;
}

static void without_numbers_it_is_EMFILE_and_the_channel_works_on(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct rlimit before = forbid_descriptors();
	struct watched w;
	int fd = 77;

	for (size_t i = 0; i < 3; i++) {
		must_give(EMFILE, chan_receiver_fd(e.rx, &fd));
		must_give(EMFILE, chan_sender_fd(e.tx, &fd));
		must_eq(fd, 77);
	}
	if (k->capacity != 0 && !k->one_message) {
		queue_numbers(e.tx, 1, 1);
		expect_numbers(e.rx, 1, 1);
	}
	must(setrlimit(RLIMIT_NOFILE, &before) == 0);
	w = watch_ends(e);
	must_show_the_truth(&w);
	must_be_true(&w);
	ends_drop(&w.e);
}

static void without_memory_it_is_ENOMEM_and_the_channel_works_on(const struct kind *k)
{
	struct counting counting;
	chan_allocator_t allocator;
	chan_attr_t attr;
	struct watched w;
	struct ends e;
	int fd = 77;

	counting_init(&counting);
	allocator = counting_allocator(&counting);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &allocator));
	e = attr_open(&attr, 8);
	counting_fail(&counting, 0, 1);
	must_give(ENOMEM, chan_receiver_fd(e.rx, &fd));
	counting_fail(&counting, 0, 1);
	must_give(ENOMEM, chan_sender_fd(e.tx, &fd));
	must_eq(fd, 77);
	counting_fail(&counting, 0, 0);
	w = watch_ends(e);
	must_show_the_truth(&w);
	must_be_true(&w);
	ends_drop(&w.e);
	counting_must_balance(&counting);
}

/* --------------------------------------------------------------------- at once */

struct asking {
	struct ends *e;
	struct gate *gate;
	int rfd, sfd;
	struct worker worker;
};

static void ask(void *arg)
{
	struct asking *a = arg;

	gate_pass(a->gate);
	a->rfd = receiver_fd(a->e->rx);
	a->sfd = sender_fd(a->e->tx);
}

static void two_threads_that_ask_at_once_get_the_same(const struct kind *k)
{
	size_t rounds = kind_rounds(k, 200);

	for (size_t i = 0; i < rounds; i++) {
		struct ends e = kind_open(k, 8);
		struct asking a[2] = { { .e = &e }, { .e = &e } };
		struct gate gate;

		gate_init(&gate, 2);
		forget_work();
		for (size_t j = 0; j < 2; j++) {
			a[j].gate = &gate;
			worker_start(&a[j].worker, ask, &a[j]);
		}
		for (size_t j = 0; j < 2; j++)
			worker_join(&a[j].worker);
		must(a[0].rfd == a[1].rfd && a[0].sfd == a[1].sfd && a[0].rfd != a[0].sfd);
		must_eq(atomic_load(&done[OPEN]), 2);
		ends_drop(&e);
		must_eq(atomic_load(&done[CLOSE]), 2);
	}
}

/* ----------------------------------------------------------------- pthread_cancel */

struct doomed {
	struct ends e;
	atomic_int stage;
	pthread_t thread;
};

static void *live_on(void *arg)
{
	struct doomed *d = arg;
	uint64_t number = 1;

	must_eq(pthread_cancel(pthread_self()), 0);
	receiver_fd(d->e.rx);
	sender_fd(d->e.tx);
	atomic_store(&d->stage, 1);
	chan_try_send(d->e.tx, &number);
	chan_try_recv(d->e.rx, &number);
	chan_try_send(d->e.tx, &number);
	atomic_store(&d->stage, 2);
	chan_close(d->e.c);
	chan_receiver_drop(d->e.rx);
	chan_sender_drop(d->e.tx);
	atomic_store(&d->stage, 3);
	pthread_testcancel();
	atomic_store(&d->stage, 4);
	return NULL;
}

static void no_call_is_a_cancellation_point(const struct kind *k)
{
	struct doomed d = { .e = kind_open(k, 8) };
	void *result;

	must_eq(pthread_create(&d.thread, NULL, live_on, &d), 0);
	must_eq(pthread_join(d.thread, &result), 0);
	must(result == PTHREAD_CANCELED);
	must_eq(atomic_load(&d.stage), 3);
}

/* --------------------------------------------------------------------------- fork */

/* In the child a failed check may talk to nobody: its line is the status. */
#define child_must(cond) \
	do { \
		if (!(cond)) \
			_exit(1 + __LINE__ % 200); \
	} while (0)

static void end_child(pid_t pid)
{
	int status = -1;

	must(pid > 0 && waitpid(pid, &status, 0) == pid);
	must_eq(WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status), 0);
}

static pid_t fork_child(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL); /* not Check's handler */
		alarm(20 * test_scale());
	}
	return pid;
}

/* Sends, receives, closes: the descriptors made before are the parent's. */
static void use_in_child(struct watched *w, const struct kind *k)
{
	uint64_t number = 1;
	size_t before = work_done();
	bool up = readable(w->rfd), free = readable(w->sfd);

	for (size_t i = 0; i < 3 && k->capacity != 0; i++) {
		chan_try_recv(w->e.rx, &number);
		child_must(readable(w->rfd) == up && readable(w->sfd) == free);
		chan_try_send(w->e.tx, &number);
		child_must(readable(w->rfd) == up && readable(w->sfd) == free);
	}
	chan_close(w->e.c);
	child_must(readable(w->rfd) == up && readable(w->sfd) == free);
	child_must(work_done() == before);
	chan_receiver_drop(w->e.rx);
	chan_sender_drop(w->e.tx);
}

static void the_childs_calls_leave_the_parents_alone(const struct kind *k)
{
	struct watched w = watched_open(k);

	for (size_t full = 0; full < (k->capacity ? 2 : 1); full++) {
		bool up, free;
		pid_t pid;

		if (full)
			queue_numbers(w.e.tx, 1, kind_room(k) < 2 || k->one_message ? 1 : kind_room(k));
		up = readable(w.rfd);
		free = readable(w.sfd);
		pid = fork_child();
		if (pid == 0) {
			use_in_child(&w, k);
			_exit(0);
		}
		end_child(pid);
		must_show(&w, up, free);
		must_show_the_truth(&w);
	}
	must_be_true(&w);
	ends_drop(&w.e);
}

/* Its own follow its own copy of the channel. */
static void the_child_has_descriptors_of_its_own(const struct kind *k)
{
	struct watched w = watched_open(k);
	pid_t pid = fork_child();

	if (pid == 0) {
		struct watched own = watch_ends(w.e);
		uint64_t number = 1;

		child_must(own.rfd != w.rfd && own.sfd != w.sfd);
		child_must(receiver_fd(w.e.rx) == own.rfd && sender_fd(w.e.tx) == own.sfd);
		child_must(!readable(own.rfd) && readable(own.sfd) == (k->capacity != 0));
		if (k->capacity != 0) {
			child_must(chan_try_send(w.e.tx, &number) == 0);
			child_must(readable(own.rfd) && !readable(w.rfd));
			child_must(chan_try_recv(w.e.rx, &number) == 0);
			child_must(k->one_message || !readable(own.rfd));
		}
		chan_close(w.e.c);
		child_must(readable(own.rfd) && readable(own.sfd) && !readable(w.rfd));
		chan_receiver_drop(w.e.rx);
		chan_sender_drop(w.e.tx);
		child_must(!is_open(own.rfd) && !is_open(own.sfd));
		_exit(0);
	}
	end_child(pid);
	must_show_the_truth(&w);
	ends_drop(&w.e);
}

/* In the child, too, closing waits for a thread that writes to the descriptor: the
 * lock of one that the child made does come back. */
static void close_in_child(struct ends *e)
{
	int fd = receiver_fd(e->rx);
	struct dropping d = { .rx = e->rx };
	struct trying t;

	start_held(&t, e, true, RAISE, true);
	worker_start(&d.worker, drop_receiver, &d);
	worker_wait_asleep(&d.worker);
	child_must(!atomic_load(&d.worker.ended) && is_open(fd));
	let_go(&t);
	worker_join(&d.worker);
	child_must(!is_open(fd));
	chan_sender_drop(e->tx);
}

static void closing_in_the_child_waits_for_who_writes(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	int fd = receiver_fd(e.rx);
	pid_t pid = fork_child();

	if (pid == 0) {
		close_in_child(&e);
		child_must(!is_open(fd));
		_exit(0);
	}
	end_child(pid);
	must(is_open(fd));
	ends_drop(&e);
	must(!is_open(fd));
}

/* ---------------------------------------------------------------------- broadcast */

static struct ends broadcast_open(size_t capacity, bool lossy)
{
	chan_attr_t attr;

	must_give(0, chan_attr_init(&attr));
	must_give(0, chan_attr_setflavor(&attr, flavor_named("broadcast")));
	must_give(0, chan_attr_setcapacity(&attr, capacity));
	must_give(0, chan_attr_setoverflow(&attr, lossy ? CHAN_OVERFLOW_DROP_OLDEST : CHAN_OVERFLOW_WAIT));
	return attr_open(&attr, 8);
}

static chan_receiver_t *subscribe(chan_sender_t *tx)
{
	chan_receiver_t *rx = NULL;

	must_give(0, chan_subscribe(tx, &rx));
	return rx;
}

static void each_subscription_has_one(const struct kind *k)
{
	struct watched w = watch_ends(broadcast_open(2, false));
	chan_receiver_t *other = subscribe(w.e.tx), *clone = chan_receiver_clone(w.e.rx);
	int fd = receiver_fd(other);

	(void)k;
	must(fd != w.rfd && receiver_fd(clone) == w.rfd);
	must(!readable(fd));
	queue_numbers(w.e.tx, 1, 2);
	must(readable(fd));
	must_show(&w, true, false);
	expect_numbers(clone, 1, 2);
	must(readable(fd));
	must_show(&w, false, false);
	expect_numbers(other, 1, 1);
	must(readable(fd));
	must_show(&w, false, true);
	expect_numbers(other, 2, 1);
	must(!readable(fd));
	chan_receiver_drop(clone);
	must(is_open(w.rfd));
	chan_receiver_drop(other);
	must(!is_open(fd) && is_open(w.rfd));
	ends_drop(&w.e);
}

/* The slowest goes: there is space. */
static void dropping_a_subscription_raises_the_senders(const struct kind *k)
{
	struct watched w = watch_ends(broadcast_open(2, false));
	chan_receiver_t *slow = subscribe(w.e.tx);

	(void)k;
	queue_numbers(w.e.tx, 1, 2);
	expect_numbers(w.e.rx, 1, 2);
	must_show(&w, false, false);
	chan_receiver_drop(slow);
	must_show(&w, false, true);
	ends_drop(&w.e);
}

/* The one case in which a disconnected channel is connected again. */
static void a_new_subscription_connects_again(const struct kind *k)
{
	struct ends e = broadcast_open(1, false);
	int sfd = sender_fd(e.tx), rfd;

	(void)k;
	queue_numbers(e.tx, 1, 1);
	must(!readable(sfd));
	chan_receiver_drop(e.rx);
	must(readable(sfd));
	e.rx = subscribe(e.tx);
	rfd = receiver_fd(e.rx);
	must(readable(sfd) && !readable(rfd));
	queue_numbers(e.tx, 2, 1);
	must(!readable(sfd) && readable(rfd));
	expect_numbers(e.rx, 2, 1);
	must(readable(sfd) && !readable(rfd));
	ends_drop(&e);
}

/* Subscriptions that come and go use the same storage; what is closed stays so. */
static void subscriptions_come_and_go(const struct kind *k)
{
	struct ends e = broadcast_open(4, false);
	int fds[3];

	(void)k;
	for (uint64_t i = 0; i < 30; i++) {
		chan_receiver_t *rx = subscribe(e.tx);

		fds[i % 3] = receiver_fd(rx);
		must(!readable(fds[i % 3]));
		queue_numbers(e.tx, i, 1);
		expect_numbers(e.rx, i, 1);
		must(readable(fds[i % 3]));
		if (i % 2)
			expect_numbers(rx, i, 1);
		must_eq(readable(fds[i % 3]), i % 2 == 0);
		chan_receiver_drop(rx);
		must(!is_open(fds[i % 3]));
	}
	ends_drop(&e);
}

static void a_lag_is_readable(const struct kind *k)
{
	struct watched w = watch_ends(broadcast_open(2, true));
	uint64_t number;

	(void)k;
	queue_numbers(w.e.tx, 1, 3);
	must_show(&w, true, true);
	must_give(EOVERFLOW, chan_try_recv(w.e.rx, &number));
	must_show(&w, true, true);
	expect_numbers(w.e.rx, 2, 1);
	must_show(&w, true, true);
	expect_numbers(w.e.rx, 3, 1);
	must_show(&w, false, true);
	ends_drop(&w.e);
}

/* ------------------------------------------------------------------------- timers */

static const uint64_t hour = 3600 * CHAN_SEC;

static uint64_t in_ns(struct timespec t)
{
	return (uint64_t)t.tv_sec * CHAN_SEC + (uint64_t)t.tv_nsec;
}

/* Where the system has no descriptors that raise themselves, a timer says so, and
 * works on. */
static bool timers_have_none(void)
{
	chan_receiver_t *rx;
	int fd = -77, e;

	must_give(0, chan_after(0, &rx));
	e = chan_receiver_fd(rx, &fd);
	if (e != 0) {
		must(e == ENOTSUP && fd == -77);
		must_give(0, chan_try_recv(rx, NULL));
	}
	chan_receiver_drop(rx);
	return e != 0;
}

static void must_tick_at(chan_receiver_t *rx, int fd)
{
	struct timespec due, got;

	must_give(0, chan_receiver_due(rx, &due));
	wait_readable(fd);
	must(now_ns() >= in_ns(due));
	must_give(0, chan_try_recv(rx, &got));
	must_eq(in_ns(got), in_ns(due));
}

static void an_event_is_readable_when_it_is_due(const struct kind *k)
{
	struct timespec when;
	chan_receiver_t *rx;
	int fd;

	(void)k;
	if (timers_have_none())
		return;
	for (size_t at = 0; at < 2; at++) {
		chan_deadline(30 * CHAN_MSEC, &when);
		must_give(0, at ? chan_at(&when, &rx) : chan_after(30 * CHAN_MSEC, &rx));
		fd = receiver_fd(rx);
		must_be_well_made(fd);
		must_eq(receiver_fd(rx), fd);
		must_tick_at(rx, fd);
		must(!readable(fd));
		must_give(EAGAIN, chan_try_recv(rx, NULL));
		must(!readable(fd));
		must_keep_errno(chan_receiver_drop(rx));
		must(!is_open(fd));
	}
}

static void an_event_that_is_far_is_not_readable(const struct kind *k)
{
	chan_receiver_t *rx;

	(void)k;
	if (timers_have_none())
		return;
	must_give(0, chan_after(hour, &rx));
	must(!readable(receiver_fd(rx)));
	chan_receiver_drop(rx);
	must_give(0, chan_after(CHAN_FOREVER, &rx));
	must(!readable(receiver_fd(rx)));
	chan_receiver_drop(rx);
	must_give(0, chan_tick(hour, &rx));
	must(!readable(receiver_fd(rx)));
	chan_receiver_drop(rx);
}

static void an_event_of_the_past_is_readable_at_once(const struct kind *k)
{
	static const struct timespec past[] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { -5, 0 } };
	chan_receiver_t *rx;

	(void)k;
	if (timers_have_none())
		return;
	for (size_t i = 0; i < COUNT_OF(past); i++) {
		int fd;

		must_give(0, chan_at(&past[i], &rx));
		fd = receiver_fd(rx);
		wait_readable(fd);
		must_give(0, chan_try_recv(rx, NULL));
		must(!readable(fd));
		chan_receiver_drop(rx);
	}
	must_give(0, chan_after(0, &rx));
	wait_readable(receiver_fd(rx));
	chan_receiver_drop(rx);
}

static void each_tick_is_readable(const struct kind *k)
{
	chan_receiver_t *rx;
	int fd;

	(void)k;
	if (timers_have_none())
		return;
	must_give(0, chan_tick(5 * CHAN_MSEC, &rx));
	fd = receiver_fd(rx);
	for (size_t i = 0; i < 10; i++)
		must_tick_at(rx, fd);
	for (size_t i = 0; i < 5; i++) /* taken without a look at it */
		must_give(0, chan_recv(rx, NULL));
	must_tick_at(rx, fd);
	chan_receiver_drop(rx);
	must(!is_open(fd));
}

/* Asked for when the event was taken, or is due. */
static void a_timers_may_be_asked_for_late(const struct kind *k)
{
	chan_receiver_t *rx;

	(void)k;
	if (timers_have_none())
		return;
	must_give(0, chan_after(0, &rx));
	must_give(0, chan_recv(rx, NULL));
	must(!readable(receiver_fd(rx)));
	chan_receiver_drop(rx);
	must_give(0, chan_after(0, &rx));
	wait_for(chan_receiver_len(rx) == 1);
	wait_readable(receiver_fd(rx));
	chan_receiver_drop(rx);
}

/* An edge for each tick. */
static void ticks_are_edges(const struct kind *k)
{
	chan_receiver_t *rx;
	int epoll;

	(void)k;
	if (timers_have_none())
		return;
	must_give(0, chan_tick(3 * CHAN_MSEC, &rx));
	epoll = epoll_of(receiver_fd(rx), true);
	for (size_t i = 0; i < 10; i++) {
		must(epoll_says(epoll, -1));
		while (chan_try_recv(rx, NULL) == 0)
			continue;
	}
	close(epoll);
	chan_receiver_drop(rx);
}

static void a_closed_timer_is_readable_for_good(const struct kind *k)
{
	chan_receiver_t *rx[4];

	(void)k;
	if (timers_have_none())
		return;
	must_give(0, chan_after(hour, &rx[0]));
	must_give(0, chan_tick(hour, &rx[1]));
	must_give(0, chan_after(CHAN_FOREVER, &rx[2]));
	must_give(0, chan_never(8, &rx[3]));
	for (size_t i = 0; i < COUNT_OF(rx); i++) {
		int fd = receiver_fd(rx[i]);

		must(!readable(fd));
		chan_close(chan_receiver_channel(rx[i]));
		wait_readable(fd);
		must_give(EPIPE, chan_try_recv(rx[i], NULL));
		must(readable(fd));
		chan_receiver_drop(rx[i]);
		must(!is_open(fd));
	}
}

static void never_is_never_readable(const struct kind *k)
{
	chan_receiver_t *rx;
	int fd;

	(void)k;
	if (timers_have_none())
		return;
	must_give(0, chan_never(8, &rx));
	fd = receiver_fd(rx);
	must_be_well_made(fd);
	must(!readable(fd));
	must_give(EAGAIN, chan_try_recv(rx, NULL));
	must_give(ETIMEDOUT, chan_recv_timeout(rx, NULL, CHAN_MSEC));
	must(!readable(fd));
	chan_receiver_drop(rx);
}

static void a_timer_without_numbers_works_on(const struct kind *k)
{
	struct rlimit before;
	chan_receiver_t *rx;
	int fd = 77;

	(void)k;
	if (timers_have_none())
		return;
	must_give(0, chan_tick(5 * CHAN_MSEC, &rx));
	before = forbid_descriptors();
	must_give(EMFILE, chan_receiver_fd(rx, &fd));
	must_eq(fd, 77);
	must_give(0, chan_recv(rx, NULL));
	must(setrlimit(RLIMIT_NOFILE, &before) == 0);
	must_tick_at(rx, receiver_fd(rx));
	chan_receiver_drop(rx);
}

/* The child takes a tick, and the parent's is not armed again; its own is. */
static void a_timer_of_the_parents_is_not_rearmed(const struct kind *k)
{
	chan_receiver_t *rx;
	int fd;
	pid_t pid;

	(void)k;
	if (timers_have_none())
		return;
	must_give(0, chan_tick(hour / 1000000, &rx)); /* 3.6 milliseconds */
	fd = receiver_fd(rx);
	wait_readable(fd);
	pid = fork_child();
	if (pid == 0) {
		size_t before = work_done();
		int own = -1;

		child_must(chan_try_recv(rx, NULL) == 0);
		child_must(readable(fd) && work_done() == before);
		child_must(chan_receiver_fd(rx, &own) == 0 && own != fd);
		wait_readable(own);
		child_must(chan_try_recv(rx, NULL) == 0 && readable(fd));
		chan_receiver_drop(rx);
		_exit(0);
	}
	end_child(pid);
	must(readable(fd));
	must_give(0, chan_try_recv(rx, NULL));
	must_tick_at(rx, fd);
	chan_receiver_drop(rx);
}

/* ------------------------------------------------------------------------- tokens */

static void a_trigger_is_readable(const struct kind *k)
{
	chan_cancel_t *parent, *child;
	int fd[2];

	(void)k;
	must_give(0, chan_cancel_create(NULL, &parent));
	must_give(0, chan_cancel_create(parent, &child));
	fd[0] = receiver_fd(chan_cancel_receiver(parent));
	fd[1] = receiver_fd(chan_cancel_receiver(child));
	must(fd[0] != fd[1] && !readable(fd[0]) && !readable(fd[1]));
	chan_cancel_trigger(parent);
	must(readable(fd[0]) && readable(fd[1]));
	must_give(EPIPE, chan_try_recv(chan_cancel_receiver(child), NULL));
	must(readable(fd[1]));
	chan_cancel_drop(parent);
	chan_cancel_drop(child);
	must(!is_open(fd[0]) && !is_open(fd[1]));
	must_give(0, chan_cancel_create(NULL, &parent));
	chan_cancel_trigger(parent);
	must(readable(receiver_fd(chan_cancel_receiver(parent))));
	chan_cancel_drop(parent);
}

static void run_trigger(void *token)
{
	chan_cancel_trigger(token);
}

static void a_trigger_ends_a_poll(const struct kind *k)
{
	chan_cancel_t *token;
	struct worker worker;

	(void)k;
	for (size_t i = 0; i < 20; i++) {
		must_give(0, chan_cancel_create(NULL, &token));
		worker_start(&worker, run_trigger, token);
		wait_readable(receiver_fd(chan_cancel_receiver(token)));
		worker_join(&worker);
		chan_cancel_drop(token);
	}
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(one_is_made_for_each_side_at_the_first_request, NEEDS_SENDERS | NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(without_one_nothing_is_done, FITS_ONE_MESSAGE),
	BEHAVIOUR(arguments_are_checked, FITS_ONE_MESSAGE),
	BEHAVIOUR(they_show_every_level, FITS_ONE_MESSAGE),
	BEHAVIOUR(they_follow_each_message, NEEDS_QUEUE),
	BEHAVIOUR(they_follow_batches, NEEDS_TWO),
	BEHAVIOUR(they_follow_calls_that_wait, NEEDS_QUEUE),
	BEHAVIOUR(they_follow_force_send, NEEDS_QUEUE | NEEDS_FORCE),
	BEHAVIOUR(they_follow_what_displaces, NEEDS_OVERWRITE),
	BEHAVIOUR(closing_raises_them_for_good, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_request_after_the_end_shows_it, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_last_sender_raises_the_receivers, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_last_receiver_raises_the_senders, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_weak_sender_keeps_no_descriptor, FITS_ONE_MESSAGE),
	BEHAVIOUR(they_are_exact_after_every_call, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_change_costs_one_call_and_a_message_none, NEEDS_TWO),
	BEHAVIOUR(a_senders_change_costs_one_call, NEEDS_LIMIT | NEEDS_TWO | NEEDS_FULL),
	BEHAVIOUR(a_send_that_is_taken_back_shows_the_end, RUNS_ONCE),
	BEHAVIOUR(who_takes_the_last_message_lowers, NEEDS_QUEUE | NEEDS_RECEIVERS),
	BEHAVIOUR(what_the_holder_was_robbed_of_costs_one_call, NEEDS_QUEUE | NEEDS_RECEIVERS),
	BEHAVIOUR(who_raises_late_lowers_again, NEEDS_QUEUE),
	BEHAVIOUR(who_lowers_late_raises_again, NEEDS_QUEUE),
	BEHAVIOUR(who_is_refused_lowers_what_was_raised_late, NEEDS_QUEUE),
	BEHAVIOUR(a_senders_descriptor_is_as_exact, NEEDS_LIMIT | NEEDS_FULL | NEEDS_RECEIVERS | NEEDS_SENDERS),
	BEHAVIOUR(after_EAGAIN_there_is_an_edge, NEEDS_QUEUE | NEEDS_RECEIVERS),
	BEHAVIOUR(what_a_starving_receiver_is_served_with_is_not_shown, NEEDS_QUEUE | NEEDS_RECEIVERS),
	BEHAVIOUR(what_a_starving_sender_is_served_with_is_not_shown, NEEDS_QUEUE | NEEDS_FULL),
	BEHAVIOUR(closing_waits_for_who_writes, NEEDS_QUEUE),
	BEHAVIOUR(a_rendezvous_is_readable_while_a_partner_waits, NEEDS_RENDEZVOUS),
	BEHAVIOUR(a_partner_that_gave_up_is_not_shown, NEEDS_RENDEZVOUS),
	BEHAVIOUR(a_select_is_a_partner, NEEDS_RENDEZVOUS),
	BEHAVIOUR(a_partner_that_was_settled_may_drop_the_last_handle, NEEDS_RENDEZVOUS | NEEDS_DESTRUCTOR),
	BEHAVIOUR(two_ends_that_are_polled_never_meet, NEEDS_RENDEZVOUS),
	BEHAVIOUR(two_ends_that_are_polled_meet_at_capacity_1, RUNS_ONCE),
	BEHAVIOUR(several_loops_on_one_descriptor_lose_nothing, NEEDS_RECEIVERS | NEEDS_SENDERS),
	BEHAVIOUR(several_edge_triggered_loops_lose_nothing, NEEDS_RECEIVERS | NEEDS_SENDERS),
	BEHAVIOUR(several_sending_loops_lose_nothing, NEEDS_SENDERS | NEEDS_FULL),
	BEHAVIOUR(several_edge_triggered_sending_loops_lose_nothing, NEEDS_SENDERS | NEEDS_FULL),
	BEHAVIOUR(one_asked_for_under_load_is_exact_afterwards, NEEDS_RECEIVERS),
	BEHAVIOUR(each_message_is_seen_through_epoll, NEEDS_NOTHING),
	BEHAVIOUR(each_message_is_an_edge, NEEDS_NOTHING),
	BEHAVIOUR(each_free_slot_is_seen_through_epoll, NEEDS_FULL),
	BEHAVIOUR(each_free_slot_is_an_edge, NEEDS_FULL),
	BEHAVIOUR(a_number_that_is_used_again_is_left_alone, FITS_ONE_MESSAGE),
	BEHAVIOUR(without_numbers_it_is_EMFILE_and_the_channel_works_on, FITS_ONE_MESSAGE),
	BEHAVIOUR(without_memory_it_is_ENOMEM_and_the_channel_works_on, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_descriptor_from_amid_a_displacing_send_hears_of_it, NEEDS_LIMIT | NEEDS_FORCE | NEEDS_DESTRUCTOR),
	BEHAVIOUR(each_raise_is_an_edge, RUNS_ONCE),
	BEHAVIOUR(two_threads_that_ask_at_once_get_the_same, FITS_ONE_MESSAGE),
	BEHAVIOUR(no_call_is_a_cancellation_point, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_childs_calls_leave_the_parents_alone, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_child_has_descriptors_of_its_own, FITS_ONE_MESSAGE),
	BEHAVIOUR(closing_in_the_child_waits_for_who_writes, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(each_subscription_has_one, RUNS_ONCE),
	BEHAVIOUR(dropping_a_subscription_raises_the_senders, RUNS_ONCE),
	BEHAVIOUR(a_new_subscription_connects_again, RUNS_ONCE),
	BEHAVIOUR(subscriptions_come_and_go, RUNS_ONCE),
	BEHAVIOUR(a_lag_is_readable, RUNS_ONCE),
	BEHAVIOUR(an_event_is_readable_when_it_is_due, RUNS_ONCE),
	BEHAVIOUR(an_event_that_is_far_is_not_readable, RUNS_ONCE),
	BEHAVIOUR(an_event_of_the_past_is_readable_at_once, RUNS_ONCE),
	BEHAVIOUR(each_tick_is_readable, RUNS_ONCE),
	BEHAVIOUR(a_timers_may_be_asked_for_late, RUNS_ONCE),
	BEHAVIOUR(ticks_are_edges, RUNS_ONCE),
	BEHAVIOUR(a_closed_timer_is_readable_for_good, RUNS_ONCE),
	BEHAVIOUR(never_is_never_readable, RUNS_ONCE),
	BEHAVIOUR(a_timer_without_numbers_works_on, RUNS_ONCE),
	BEHAVIOUR(a_timer_of_the_parents_is_not_rearmed, RUNS_ONCE),
	BEHAVIOUR(a_trigger_is_readable, RUNS_ONCE),
	BEHAVIOUR(a_trigger_ends_a_poll, RUNS_ONCE),
};

int main(void)
{
	static struct kind kinds[MAX_KINDS];
	const char *asked = getenv("CHAN_EVENTS");
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);

	n += kind_discover(kinds + n, CHAN_SINGLE, CHAN_SINGLE);
	transitions_asked = asked ? strtoull(asked, NULL, 10) : 0;
	for (size_t i = 0; i < n; i++)
		if (!kinds[i].one_message)
			n_pings += kind_never_fills(&kinds[i]) ? 2 : 4;
	return matrix_run("descriptors", behaviours, COUNT_OF(behaviours), kinds, n);
}
