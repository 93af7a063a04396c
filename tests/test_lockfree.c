/*
 * test_lockfree.c - threads held at named instants of the library
 *
 * Linked with the library's test build, whose pause points call a hook.  A
 * thread is held between claiming and publishing, between "empty?" and sleep,
 * between being woken and trying; the others must go on, and nothing may be
 * lost when it is let go.
 */
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "support/support.h"

extern void (*chan__tp_hook)(const char *name);

/* ------------------------------------------------------------------ the holder */

static struct {
	char name[48];      /* the pause point */
	atomic_uint skip;   /* how often it is passed before */
	atomic_bool armed;
	sem_t arrived, go;
} hold;

/* Only a subject is ever held. */
static _Thread_local bool is_subject;

static void on_point(const char *name)
{
	if (!is_subject || !atomic_load(&hold.armed) || strcmp(name, hold.name) != 0)
		return;
	if (atomic_load(&hold.skip) > 0) {
		atomic_fetch_sub(&hold.skip, 1);
		return;
	}
	atomic_store(&hold.armed, false);
	sem_post(&hold.arrived);
	wait_sem(&hold.go);
}

static void hold_at(const char *name, unsigned skip)
{
	snprintf(hold.name, sizeof(hold.name), "%s", name);
	sem_init(&hold.arrived, 0, 0);
	sem_init(&hold.go, 0, 0);
	atomic_store(&hold.skip, skip);
	atomic_store(&hold.armed, true);
	__atomic_store_n(&chan__tp_hook, on_point, __ATOMIC_RELEASE);
}

/* False: the subject ended without passing the point. */
static bool wait_held(struct worker *subject)
{
	while (sem_trywait(&hold.arrived) != 0) {
		if (atomic_load(&subject->ended))
			return sem_trywait(&hold.arrived) == 0;
		sched_yield();
	}
	return true;
}

/* Woken in vain, a thread may also go back to sleep without passing the point. */
static bool wait_held_or_asleep(struct worker *subject)
{
	wait_asleep(atomic_load(&subject->tid));
	return sem_trywait(&hold.arrived) == 0;
}

static void let_go(void)
{
	atomic_store(&hold.armed, false);
	sem_post(&hold.go);
}

/* A call made by a subject, and held at the point. */
static void run_subject(void *arg)
{
	is_subject = true;
	call_here(arg);
}

static void start_held(struct call *call, const char *point)
{
	hold_at(point, 0);
	worker_start(&call->worker, run_subject, call);
	must(wait_held(&call->worker));
}

/* The name of a point in this kind's flavor: "array" has "array:claimed-send". */
static const char *point_of(const struct kind *k, const char *what)
{
	static char name[48];

	snprintf(name, sizeof(name), "%s:%s", chan_flavor_name(k->flavor), what);
	return name;
}

static bool is_ring(const struct kind *k)
{
	return !kind_is_unbounded(k);
}

/* --------------------------------------------------- calls that must come back */

/* Most calls come back within a millisecond.  One in twenty may have been
 * preempted meanwhile; a call that waited for the held thread never ends. */
struct watch {
	size_t calls, slow;
};

static int timed_send(struct watch *w, chan_sender_t *tx, uint64_t number)
{
	uint64_t began = now_ns();
	int error = chan_try_send(tx, &number);

	w->calls++;
	w->slow += now_ns() - began > CHAN_MSEC * test_scale();
	return error;
}

static int timed_recv(struct watch *w, chan_receiver_t *rx, uint64_t *number)
{
	uint64_t began = now_ns();
	int error = chan_try_recv(rx, number);

	w->calls++;
	w->slow += now_ns() - began > CHAN_MSEC * test_scale();
	return error;
}

static void expect_prompt(const struct watch *w)
{
	must(w->calls > 0);
	must(w->slow <= 1 + w->calls / 20);
}

/* Again and again EAGAIN, promptly. */
static void expect_again_recv(struct watch *w, chan_receiver_t *rx)
{
	uint64_t number = 77;

	for (int i = 0; i < 100; i++)
		must_eq(timed_recv(w, rx, &number), EAGAIN);
	must_eq(number, 77);
}

static void expect_again_send(struct watch *w, chan_sender_t *tx)
{
	for (int i = 0; i < 100; i++)
		must_eq(timed_send(w, tx, 77), EAGAIN);
}

/* `queued` messages, then a sender that claimed the next place and is held. */
static void hold_a_sender(const struct kind *k, size_t queued)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_send(e.tx, CALL_PLAIN, queued);
	size_t room = is_ring(k) ? k->capacity - queued - 1 : 200;
	struct watch w = { 0, 0 };
	uint64_t number;

	queue_numbers(e.tx, 0, queued);
	start_held(&held, point_of(k, "claimed-send"));
	for (uint64_t i = 0; i < room; i++)
		must_eq(timed_send(&w, e.tx, queued + 1 + i), 0);
	if (is_ring(k))
		expect_again_send(&w, e.tx);
	for (uint64_t i = 0; i < queued; i++) {
		must_eq(timed_recv(&w, e.rx, &number), 0);
		must_eq(number, i);
	}
	expect_again_recv(&w, e.rx);
	expect_prompt(&w);
	let_go();
	call_finish(&held);
	must_eq(held.result, 0);
	expect_numbers(e.rx, queued, room + 1);
	must_give(EAGAIN, chan_try_recv(e.rx, &number));
	ends_drop(&e);
}

/* The message next in order is held by a call that has not returned: receivers
 * are told EAGAIN; senders go on while there is space. */
static void others_go_on_beside_a_sender_that_claimed(const struct kind *k)
{
	size_t most = is_ring(k) ? k->capacity - 1 : 70;

	for (size_t queued = 0; queued <= most; queued = queued < 4 ? queued + 1 : queued + 11)
		hold_a_sender(k, queued);
}

/* What was reserved before a close is neither lost nor passed over: until it is there
 * receivers are told EAGAIN, or sleep, and only after it the end. */
static void what_was_reserved_before_a_close_still_arrives(const struct kind *k)
{
	for (int asleep = 0; asleep < 2; asleep++) {
		struct ends e = kind_open(k, 8);
		struct call held = call_send(e.tx, CALL_PLAIN, 5), receiver = call_recv(e.rx, CALL_PLAIN);
		struct watch w = { 0, 0 };
		uint64_t number = 6;

		start_held(&held, point_of(k, "claimed-send"));
		chan_close(e.c);
		must(chan_is_disconnected(e.c));
		must_give(EPIPE, chan_try_send(e.tx, &number));
		expect_again_recv(&w, e.rx);
		if (asleep)
			call_start_asleep(&receiver);
		let_go();
		call_finish(&held);
		must_eq(held.result, 0);
		if (asleep)
			call_finish(&receiver);
		else
			call_here(&receiver);
		must(receiver.result == 0 && receiver.value == 5);
		must_give(EPIPE, chan_try_recv(e.rx, &number));
		ends_drop(&e);
	}
}

/* A full ring's first message is claimed by a receiver that is held. */
static void others_go_on_beside_a_receiver_that_claimed(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_recv(e.rx, CALL_PLAIN);
	struct watch w = { 0, 0 };
	uint64_t number;

	queue_numbers(e.tx, 0, k->capacity);
	start_held(&held, point_of(k, "claimed-recv"));
	expect_again_send(&w, e.tx); /* the slot next in order is still being read */
	for (uint64_t i = 1; i < k->capacity; i++) {
		must_eq(timed_recv(&w, e.rx, &number), 0);
		must_eq(number, i);
	}
	expect_again_recv(&w, e.rx);
	expect_again_send(&w, e.tx);
	expect_prompt(&w);
	let_go();
	call_finish(&held);
	must(held.result == 0 && held.value == 0);
	queue_numbers(e.tx, 0, k->capacity);
	expect_numbers(e.rx, 0, k->capacity);
	ends_drop(&e);
}

enum { LARGE = 8192 };

struct large_recv {
	chan_receiver_t *rx;
	unsigned char out[LARGE];
	int result;
	struct worker worker;
};

static void receive_large(void *arg)
{
	struct large_recv *l = arg;

	is_subject = true;
	l->result = chan_recv(l->rx, l->out);
}

/* A receiver that copies a large message out of a list is held; the messages
 * behind it are received, and sends go on. */
static void others_go_on_beside_a_receiver_that_copies(const struct kind *k)
{
	static unsigned char bytes[LARGE];
	struct ends e = kind_open(k, LARGE);
	struct large_recv l = { .rx = e.rx };
	size_t n = kind_room(k) < 20 ? kind_room(k) : 20;

	for (size_t i = 0; i < n; i++) {
		memset(bytes, (int)i, LARGE);
		must_give(0, chan_try_send(e.tx, bytes));
	}
	hold_at(point_of(k, "claimed-recv"), 0);
	worker_start(&l.worker, receive_large, &l);
	must(wait_held(&l.worker));
	for (size_t i = 1; i < n; i++) {
		must_give(0, chan_try_recv(e.rx, bytes));
		must(bytes[0] == i && bytes[LARGE - 1] == i);
	}
	must_give(EAGAIN, chan_try_recv(e.rx, bytes));
	let_go();
	worker_join(&l.worker);
	must(l.result == 0 && l.out[0] == 0 && l.out[LARGE - 1] == 0);
	ends_drop(&e);
}

/* ------------------------------------------------- every point that there is */

enum { MOST_POINTS = 32 };

static char points[MOST_POINTS][48];
static size_t n_points;

/* Writes down each point that a subject passes. */
static void on_point_note(const char *name)
{
	if (!is_subject)
		return;
	for (size_t i = 0; i < n_points; i++)
		if (strcmp(points[i], name) == 0)
			return;
	must(n_points < MOST_POINTS);
	snprintf(points[n_points++], sizeof(points[0]), "%s", name);
}

struct medley {
	struct ends e;
	size_t sent, received;
	uint64_t sum_sent, sum_received;
	struct worker worker;
};

static void medley_send(struct medley *m, uint64_t number, bool force)
{
	uint64_t other = 0;
	bool displaced = false;
	int error = force ? chan_force_send(m->e.tx, &number, &other, &displaced)
	                  : chan_try_send(m->e.tx, &number);

	must(error == 0 || error == EAGAIN);
	m->sent += error == 0;
	m->sum_sent += error == 0 ? number : 0;
	m->received += displaced;
	m->sum_received += displaced ? other : 0;
}

static void medley_receive(struct medley *m, bool into_nothing)
{
	uint64_t number = 0;
	int error = into_nothing ? chan_try_recv(m->e.rx, NULL) : chan_try_recv(m->e.rx, &number);

	must(error == 0 || error == EAGAIN);
	m->received += error == 0 && !into_nothing;
	m->sum_received += error == 0 ? number : 0;
}

/* Sends and receives of every kind, over block ends and ring ends, that end
 * with an empty channel when nobody interferes. */
static void play_medley(void *arg)
{
	struct medley *m = arg;

	is_subject = true;
	for (uint64_t i = 1; i <= 150; i++) {
		medley_send(m, i, false);
		if (i % 10 < 7)
			medley_send(m, 1000 + i, i % 3 == 0);
		medley_receive(m, i % 7 == 0);
		medley_receive(m, false);
	}
	is_subject = false;
}

static void note_points(const struct kind *k)
{
	struct destroyed d;
	struct medley m = { .e = kind_open_destroying(k, &d) };

	n_points = 0;
	__atomic_store_n(&chan__tp_hook, on_point_note, __ATOMIC_RELEASE);
	worker_start(&m.worker, play_medley, &m);
	worker_join(&m.worker);
	__atomic_store_n(&chan__tp_hook, NULL, __ATOMIC_RELEASE);
	ends_drop(&m.e);
}

static void go_on_beside(struct medley *other, struct watch *w)
{
	for (uint64_t i = 0; i < 100; i++) {
		uint64_t number = 5000 + i;
		int error = timed_send(w, other->e.tx, number);

		must(error == 0 || error == EAGAIN);
		other->sent += error == 0;
		other->sum_sent += error == 0 ? number : 0;
		error = timed_recv(w, other->e.rx, &number);
		must(error == 0 || error == EAGAIN);
		other->received += error == 0;
		other->sum_received += error == 0 ? number : 0;
	}
}

/* Holds a thread at one point while another sends and receives; then all that
 * was accepted has been received, destroyed, or is still there. */
static bool hold_medley_at(const struct kind *k, const char *point, unsigned skip)
{
	struct destroyed d;
	struct medley m = { .e = kind_open_destroying(k, &d) }, mine = { .e = m.e };
	struct watch w = { 0, 0 };
	uint64_t number;
	bool held;

	hold_at(point, skip);
	worker_start(&m.worker, play_medley, &m);
	held = wait_held(&m.worker);
	if (held) {
		go_on_beside(&mine, &w);
		expect_prompt(&w);
		let_go();
	}
	worker_join(&m.worker);
	while (chan_try_recv(m.e.rx, &number) == 0) {
		mine.received++;
		mine.sum_received += number;
	}
	must_eq(m.received + mine.received + d.count, m.sent + mine.sent);
	must_eq(m.sum_received + mine.sum_received + d.sum, m.sum_sent + mine.sum_sent);
	ends_drop(&m.e);
	return held;
}

static void whoever_is_held_anywhere_the_others_go_on(const struct kind *k)
{
	static const unsigned skips[] = { 0, 1, 2, 5, 14, 31, 62, 63, 100 };
	size_t holds = 0;

	note_points(k);
	must(n_points >= 2);
	for (size_t i = 0; i < n_points; i++)
		for (size_t j = 0; j < COUNT_OF(skips); j++)
			holds += hold_medley_at(k, points[i], skips[j]);
	must(holds >= n_points);
}

/* ------------------------------------------------------- no wake-up is lost */

/* Two sleep; the first message is claimed and held, the second is published
 * and wakes one of them in vain.  Let go, both messages reach somebody. */
static void messages_published_out_of_order_wake_both_receivers(const struct kind *k)
{
	for (int round = 0; round < 20; round++) {
		struct ends e = kind_open(k, 8);
		struct call sleepers[2] = { call_recv(e.rx, CALL_PLAIN), call_recv(e.rx, CALL_PLAIN) };
		struct call held = call_send(e.tx, CALL_PLAIN, 1);
		uint64_t number = 2;

		call_start_asleep(&sleepers[0]);
		call_start_asleep(&sleepers[1]);
		start_held(&held, point_of(k, "claimed-send"));
		must_give(0, chan_try_send(e.tx, &number));
		worker_wait_asleep(&sleepers[0].worker);
		worker_wait_asleep(&sleepers[1].worker);
		let_go();
		call_finish(&held);
		call_finish(&sleepers[0]);
		call_finish(&sleepers[1]);
		must(held.result == 0 && sleepers[0].result == 0 && sleepers[1].result == 0);
		must_eq(sleepers[0].value + sleepers[1].value, 3);
		ends_drop(&e);
	}
}

/* The mirror image: two senders sleep before a full ring. */
static void slots_freed_out_of_order_wake_both_senders(const struct kind *k)
{
	for (int round = 0; round < 20; round++) {
		struct ends e = kind_open(k, 8);
		struct call sleepers[2] = { call_send(e.tx, CALL_PLAIN, 100), call_send(e.tx, CALL_PLAIN, 200) };
		struct call held = call_recv(e.rx, CALL_PLAIN);
		uint64_t number;

		queue_numbers(e.tx, 0, k->capacity);
		call_start_asleep(&sleepers[0]);
		call_start_asleep(&sleepers[1]);
		start_held(&held, point_of(k, "claimed-recv"));
		must_give(0, chan_try_recv(e.rx, &number));
		must_eq(number, 1);
		worker_wait_asleep(&sleepers[0].worker);
		worker_wait_asleep(&sleepers[1].worker);
		let_go();
		call_finish(&held);
		call_finish(&sleepers[0]);
		call_finish(&sleepers[1]);
		must(held.result == 0 && sleepers[0].result == 0 && sleepers[1].result == 0);
		expect_numbers(e.rx, 2, k->capacity - 2);
		must_eq(chan_len(e.c), 2);
		ends_drop(&e);
	}
}

/* Moves the channel's positions on, one message at a time. */
static void move_on(struct ends *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		queue_numbers(e->tx, i, 1);
		expect_numbers(e->rx, i, 1);
	}
}

/* `held` is held at the point, `other` comes and sleeps if it must; let go,
 * both end well.  True: the point was passed. */
static bool end_well(struct call *held, struct call *other, const char *point)
{
	bool was_held;

	hold_at(point, 0);
	worker_start(&held->worker, run_subject, held);
	was_held = wait_held(&held->worker);
	call_start_asleep(other);
	let_go();
	call_finish(held);
	call_finish(other);
	must(held->result == 0 && other->result == 0);
	return was_held;
}

static bool two_receivers(const struct kind *k, const char *point, size_t offset)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_recv(e.rx, CALL_PLAIN), other = call_recv(e.rx, CALL_PLAIN);
	bool was_held;

	move_on(&e, offset);
	queue_numbers(e.tx, 1, 2);
	was_held = end_well(&held, &other, point);
	must_eq(held.value + other.value, 3);
	ends_drop(&e);
	return was_held;
}

static bool two_senders(const struct kind *k, const char *point, size_t offset)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_send(e.tx, CALL_PLAIN, 1), other = call_send(e.tx, CALL_PLAIN, 2);
	uint64_t first, second;
	bool was_held;

	move_on(&e, offset);
	was_held = end_well(&held, &other, point);
	must_give(0, chan_try_recv(e.rx, &first));
	must_give(0, chan_try_recv(e.rx, &second));
	must_eq(first + second, 3);
	ends_drop(&e);
	return was_held;
}

static bool sender_then_receiver(const struct kind *k, const char *point, size_t offset)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_send(e.tx, CALL_PLAIN, 5), other = call_recv(e.rx, CALL_PLAIN);
	bool was_held;

	move_on(&e, offset);
	was_held = end_well(&held, &other, point);
	must_eq(other.value, 5);
	ends_drop(&e);
	return was_held;
}

static bool receiver_then_sender(const struct kind *k, const char *point, size_t offset)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_recv(e.rx, CALL_PLAIN), other = call_send(e.tx, CALL_PLAIN, 100);
	bool was_held;

	move_on(&e, offset);
	queue_numbers(e.tx, 0, is_ring(k) ? k->capacity : 1);
	was_held = end_well(&held, &other, point);
	must_eq(held.value, 0);
	ends_drop(&e);
	return was_held;
}

/* Whoever finds the way barred by a held thread, and sleeps, is woken when it
 * is free again: for every point, and around the ends of blocks. */
static void who_sleeps_beside_a_held_thread_is_woken(const struct kind *k)
{
	static const size_t offsets[] = { 0, 1, 14, 15, 29, 30, 31, 61, 62, 63 };
	size_t holds = 0;

	note_points(k);
	for (size_t i = 0; i < n_points; i++)
		for (size_t j = 0; j < COUNT_OF(offsets); j++) {
			holds += two_receivers(k, points[i], offsets[j]);
			holds += two_senders(k, points[i], offsets[j]);
			holds += sender_then_receiver(k, points[i], offsets[j]);
			holds += receiver_then_sender(k, points[i], offsets[j]);
		}
	must(holds >= 2 * COUNT_OF(offsets));
}

/* Held between standing in the queue and sleeping. */
static void a_send_before_the_receiver_sleeps_is_not_missed(const struct kind *k)
{
	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct ends e = kind_open(k, 8);
		struct call held = call_recv(e.rx, form);
		uint64_t number = 5;

		start_held(&held, "block:registered");
		must_give(0, k->capacity ? chan_try_send(e.tx, &number) : chan_send_timeout(e.tx, &number, 0));
		let_go();
		call_finish(&held);
		must(held.result == 0 && held.value == 5);
		ends_drop(&e);
	}
}

static void a_close_before_the_receiver_sleeps_is_not_missed(const struct kind *k)
{
	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct ends e = kind_open(k, 8);
		struct call held = call_recv(e.rx, form);

		start_held(&held, "block:registered");
		chan_close(e.c);
		let_go();
		call_finish(&held);
		must_eq(held.result, EPIPE);
		ends_drop(&e);
	}
}

static void a_receive_before_the_sender_sleeps_is_not_missed(const struct kind *k)
{
	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		struct ends e = kind_open(k, 8);
		struct call held = call_send(e.tx, form, k->capacity);
		uint64_t number;

		queue_numbers(e.tx, 0, k->capacity);
		start_held(&held, "block:registered");
		must_give(0, k->capacity ? chan_try_recv(e.rx, &number) : chan_recv_timeout(e.rx, &number, 0));
		must_eq(number, 0);
		let_go();
		call_finish(&held);
		must_eq(held.result, 0);
		ends_drop(&e);
	}
}

/* Held after its time ran out, before it leaves the queue: a message that
 * comes now is its own, or the patient receiver's behind it. */
static void a_message_at_the_last_instant_reaches_somebody(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_recv(e.rx, CALL_TIMEOUT), patient = call_recv(e.rx, CALL_PLAIN);
	struct call first = call_send(e.tx, CALL_PLAIN, 5), second = call_send(e.tx, CALL_PLAIN, 6);

	held.timeout_ns = CHAN_MSEC;
	start_held(&held, "block:timed-out");
	call_start_asleep(&patient);
	call_start(&first);
	if (k->capacity != 0)
		call_finish(&first);
	let_go();
	call_finish(&held);
	must(held.result == 0 || held.result == ETIMEDOUT);
	if (held.result == 0)
		call_start(&second);
	call_finish(&patient);
	must_eq(patient.result, 0);
	must_eq(patient.value + (held.result == 0 ? held.value : 0), held.result == 0 ? 11 : 5);
	if (k->capacity == 0)
		call_finish(&first);
	if (held.result == 0)
		call_finish(&second);
	ends_drop(&e);
}

/* Held between waking and trying: another thread takes what it was woken for,
 * and it sleeps again until there is more. */
static void a_woken_receiver_that_is_robbed_waits_on(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_recv(e.rx, CALL_PLAIN);
	uint64_t number = 1;

	hold_at("block:woken", 0);
	worker_start(&held.worker, run_subject, &held);
	worker_wait_asleep(&held.worker);
	must_give(0, chan_try_send(e.tx, &number));
	must(wait_held(&held.worker));
	must_give(0, chan_try_recv(e.rx, &number));
	must_eq(number, 1);
	let_go();
	worker_wait_asleep(&held.worker);
	must(!atomic_load(&held.worker.ended));
	number = 2;
	must_give(0, chan_try_send(e.tx, &number));
	call_finish(&held);
	must(held.result == 0 && held.value == 2);
	ends_drop(&e);
}

/* How often a waiter is woken and robbed before the test gives up on it; the
 * library's patience is far shorter. */
enum { ROBBERIES = 100 };

/* The subject waits; when woken it is held, robbed of what it was woken for,
 * and let go.  True: it was served all the same, by somebody who would have
 * passed it over. */
static bool is_served_in_the_end(struct call *subject, struct ends *e, void (*offer)(struct ends *), void (*rob)(struct ends *))
{
	worker_start(&subject->worker, run_subject, subject);
	worker_wait_asleep(&subject->worker);
	for (int i = 0; i < ROBBERIES; i++) {
		hold_at("block:woken", 0);
		offer(e);
		rob(e);
		if (wait_held_or_asleep(&subject->worker))
			let_go();
		worker_wait_asleep(&subject->worker);
		if (atomic_load(&subject->worker.ended))
			return true;
	}
	return false;
}

static void offer_message(struct ends *e)
{
	uint64_t number = 1;

	must_give(0, chan_try_send(e->tx, &number));
}

static void rob_message(struct ends *e)
{
	uint64_t number;
	int error = chan_try_recv(e->rx, &number);

	must(error == 0 || error == EAGAIN);
}

static void a_receiver_robbed_again_and_again_is_served(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call call = call_recv(e.rx, CALL_PLAIN);
	bool served = is_served_in_the_end(&call, &e, offer_message, rob_message);

	let_go();
	chan_close(e.c);
	call_finish(&call);
	must(served);
	must_eq(call.result, 0);
	ends_drop(&e);
}

static void rob_space(struct ends *e)
{
	uint64_t number = 2;
	int error = chan_try_send(e->tx, &number);

	must(error == 0 || error == EAGAIN);
}

static void offer_space(struct ends *e)
{
	uint64_t number;

	must_give(0, chan_try_recv(e->rx, &number));
}

static void a_sender_robbed_again_and_again_is_served(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call call = call_send(e.tx, CALL_PLAIN, 1000);
	bool served;

	queue_numbers(e.tx, 0, k->capacity);
	served = is_served_in_the_end(&call, &e, offer_space, rob_space);
	let_go();
	chan_close(e.c);
	call_finish(&call);
	must(served);
	must_eq(call.result, 0);
	ends_drop(&e);
}

/* Sends only, until refused. */
static void send_to_the_end(void *arg)
{
	struct medley *m = arg;
	uint64_t number = 1;
	int error = 0;

	is_subject = true;
	while (error != EPIPE && m->sent < 200) {
		error = chan_try_send(m->e.tx, &number);
		must(error == 0 || error == EPIPE || error == EAGAIN);
		m->sent += error == 0;
		if (error == EAGAIN && !atomic_load(&hold.armed))
			break;
		if (error == EAGAIN)
			must_eq(chan_try_recv(m->e.rx, &number), 0);
		m->received += error == EAGAIN;
	}
	is_subject = false;
}

/* The subject sends, freeing a place itself where it must, and is held at the
 * point; the last receiver leaves meanwhile. */
static bool hold_over_the_last_drop(struct medley *m, const char *point, unsigned skip)
{
	bool held;

	hold_at(point, skip);
	worker_start(&m->worker, send_to_the_end, m);
	held = wait_held(&m->worker);
	if (held) {
		chan_receiver_drop(m->e.rx);
		m->e.rx = NULL;
		let_go();
	}
	worker_join(&m->worker);
	ends_drop(&m->e);
	return held;
}

/* A send fails, or its message is destroyed; every block is given back once. */
static void a_send_held_over_the_last_drop_leaves_nothing(const struct kind *k)
{
	static const char *const instants[] = { "claimed-send", "published", "extend", "claimed-last" };
	static const unsigned skips[] = { 0, 1, 14, 15, 29, 30, 31, 32, 61, 62, 63, 64 };
	size_t holds = 0;

	for (size_t i = 0; i < COUNT_OF(instants); i++)
		for (size_t j = 0; j < COUNT_OF(skips); j++) {
			struct counting counting;
			struct destroyed d = { 0, 0 };
			struct medley m = { .sent = 0 };
			chan_allocator_t table;
			chan_attr_t attr;

			counting_init(&counting);
			table = counting_allocator(&counting);
			kind_attr(k, &attr);
			must_give(0, chan_attr_setallocator(&attr, &table));
			must_give(0, chan_attr_setdestructor(&attr, count_destroyed, &d));
			m.e = attr_open(&attr, 8);
			holds += hold_over_the_last_drop(&m, point_of(k, instants[i]), skips[j]);
			must_eq(d.count + m.received, m.sent);
			counting_must_balance(&counting);
		}
	must(holds >= 2 * COUNT_OF(skips)); /* the first two instants are in every flavor */
}

/* ---------------------------------------------- the thread that a side belongs to */

/*
 * A side of these flavors belongs to the first thread that uses it (base/bias.h).  Where
 * membarrier is missing, as under some emulators, no side belongs to anybody, and nobody
 * passes the points inside; then there is nothing to test.
 */
static bool start_inside(struct call *call, const char *point)
{
	hold_at(point, 0);
	worker_start(&call->worker, run_subject, call);
	return wait_held(&call->worker);
}

static const char *point_inside(const struct kind *k, const char *ring)
{
	return is_ring(k) ? point_of(k, ring) : point_of(k, "in-turn");
}

/* The owner has taken what was first, and keeps the side for the moment; nobody
 * else will come and tell of the message behind. */
static void a_receiver_that_met_the_owner_is_told(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_recv(e.rx, CALL_PLAIN), other = call_recv(e.rx, CALL_PLAIN);
	struct watch w = { 0, 0 };

	queue_numbers(e.tx, 0, 2);
	if (start_inside(&held, point_inside(k, "inside-recv"))) {
		expect_again_recv(&w, e.rx);
		expect_prompt(&w);
		call_start_asleep(&other);
		let_go();
		call_finish(&other);
		must(other.result == 0 && other.value == 1);
	}
	call_finish(&held);
	must(held.result == 0 && held.value == 0);
	ends_drop(&e);
}

/* There is room behind what the owner claimed, and nobody else to tell of it. */
static void a_sender_that_met_the_owner_is_told(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_send(e.tx, CALL_PLAIN, 0), other = call_send(e.tx, CALL_PLAIN, 1);
	struct watch w = { 0, 0 };
	bool inside;

	inside = start_inside(&held, point_of(k, "inside-send"));
	if (inside) {
		expect_again_send(&w, e.tx);
		expect_again_recv(&w, e.rx);
		expect_prompt(&w);
		call_start_asleep(&other);
		let_go();
		call_finish(&other);
		must_eq(other.result, 0);
	}
	call_finish(&held);
	must_eq(held.result, 0);
	expect_numbers(e.rx, 0, inside ? 2 : 1);
	ends_drop(&e);
}

/* Closed while the owner is inside: at once for all others, and for receivers once what
 * the owner does has ended. */
static void close_inside(const struct kind *k, const char *point, int result)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_send(e.tx, CALL_PLAIN, 5), patient = call_recv(e.rx, CALL_PLAIN);
	uint64_t number = 6;

	call_start_asleep(&patient);
	if (start_inside(&held, point)) {
		chan_close(e.c);
		must(chan_is_disconnected(e.c));
		must_give(EPIPE, chan_try_send(e.tx, &number));
		must_give(EPIPE, chan_send(e.tx, &number));
		must_give(EPIPE, chan_force_send(e.tx, &number, NULL, NULL));
		must_give(EAGAIN, chan_try_recv(e.rx, &number));
		let_go();
		call_finish(&held);
		must_eq(held.result, result);
		call_finish(&patient);
		must_eq(patient.result, result);
		must(result != 0 || patient.value == 5);
		must_give(EPIPE, chan_recv(e.rx, &number));
	} else {
		call_finish(&held);
		call_finish(&patient);
	}
	ends_drop(&e);
}

static void a_close_that_met_the_owner_ends_the_channel(const struct kind *k)
{
	close_inside(k, point_of(k, "inside-send"), 0);
	close_inside(k, point_of(k, "advanced"), EPIPE);
}

static void close_as_subject(void *c)
{
	is_subject = true;
	chan_close(c);
}

/* A closer is held between telling senders and telling receivers. */
static void what_a_sender_heard_of_the_end_receivers_hear_too(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct worker closer;
	uint64_t number = 6;

	hold_at(point_of(k, "closing"), 0);
	worker_start(&closer, close_as_subject, e.c);
	must(wait_held(&closer));
	must_give(EPIPE, chan_try_send(e.tx, &number));
	must_give(EPIPE, chan_try_recv(e.rx, &number));
	must_give(EPIPE, chan_recv(e.rx, &number));
	let_go();
	worker_join(&closer);
	must_give(EPIPE, chan_recv(e.rx, &number));
	ends_drop(&e);
}

static void desert_inside(const struct kind *k, const char *point, int result)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	struct call held = call_send(e.tx, CALL_PLAIN, 5);
	uint64_t number = 6;
	bool inside = start_inside(&held, point);

	chan_receiver_drop(e.rx);
	e.rx = NULL;
	if (inside) {
		must_give(EPIPE, chan_try_send(e.tx, &number));
		let_go();
		call_finish(&held);
		must_eq(held.result, result);
	} else {
		call_finish(&held);
	}
	must_eq(atomic_load(&d.count), (size_t)(held.result == 0));
	must_give(EPIPE, chan_send(e.tx, &number));
	ends_drop(&e);
}

static void the_last_drop_that_met_the_owner_leaves_nothing(const struct kind *k)
{
	desert_inside(k, point_of(k, "inside-send"), 0);
	desert_inside(k, point_of(k, "advanced"), EPIPE);
}

/* ------------------------------------------------- where there is one message in all */

/* Its send is held while it writes: receivers are told to come again, senders
 * that they are late, and a close comes too late to matter. */
static void others_go_on_beside_the_one_send(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_send(e.tx, CALL_PLAIN, 5), patient = call_recv(e.rx, CALL_PLAIN);
	struct watch w = { 0, 0 };

	start_held(&held, point_of(k, "claimed-send"));
	for (int closed = 0; closed < 2; closed++) {
		expect_again_recv(&w, e.rx);
		for (int i = 0; i < 100; i++)
			must_eq(timed_send(&w, e.tx, 6), EPIPE);
		must(chan_is_disconnected(e.c) && chan_len(e.c) == 1);
		must_give(ETIMEDOUT, chan_recv_timeout(e.rx, NULL, CHAN_USEC));
		chan_close(e.c);
	}
	expect_prompt(&w);
	call_start_asleep(&patient);
	let_go();
	call_finish(&held);
	call_finish(&patient);
	must(held.result == 0 && patient.result == 0 && patient.value == 5);
	ends_drop(&e);
}

/* Its receive is held while it copies: the others hear that it was taken. */
static void others_go_on_beside_the_one_receive(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_recv(e.rx, CALL_PLAIN);
	struct watch w = { 0, 0 };
	uint64_t number = 77;

	queue_numbers(e.tx, 5, 1);
	start_held(&held, point_of(k, "claimed-recv"));
	for (int i = 0; i < 100; i++) {
		must_eq(timed_recv(&w, e.rx, &number), EPIPE);
		must_eq(timed_send(&w, e.tx, 6), EPIPE);
	}
	expect_prompt(&w);
	must_give(EPIPE, chan_recv(e.rx, &number));
	must(number == 77 && chan_len(e.c) == 0);
	let_go();
	call_finish(&held);
	must(held.result == 0 && held.value == 5);
	ends_drop(&e);
}

/* Held when it has seen the message and not taken it yet: another one takes it. */
static void a_receiver_that_is_too_late_takes_nothing(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_recv(e.rx, CALL_PLAIN);

	held.value = 77;
	queue_numbers(e.tx, 5, 1);
	start_held(&held, point_of(k, "seen"));
	expect_numbers(e.rx, 5, 1);
	let_go();
	call_finish(&held);
	must(held.result == EPIPE && held.value == 77);
	ends_drop(&e);
}

/* The last receiver leaves while the send is held.  Before it has published, the
 * message stays its caller's; afterwards it is destroyed by that drop. */
static void the_one_send_meets_the_last_drop(const struct kind *k)
{
	for (int published = 0; published < 2; published++) {
		struct destroyed d;
		struct ends e = kind_open_destroying(k, &d);
		struct call held = call_send(e.tx, CALL_PLAIN, 5);

		start_held(&held, point_of(k, published ? "published" : "claimed-send"));
		chan_receiver_drop(e.rx);
		must(d.count == (size_t)published && chan_len(e.c) == 0);
		let_go();
		call_finish(&held);
		must_eq(held.result, published ? 0 : EPIPE);
		must_eq(held.value, 5);
		chan_sender_drop(e.tx);
		must_eq(d.count, published);
	}
}

/* Held after its time ran out, and one waits behind it: one of them gets the
 * message, and the other is not left waiting. */
static void the_one_message_at_the_last_instant(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_recv(e.rx, CALL_TIMEOUT), patient = call_recv(e.rx, CALL_PLAIN);

	held.timeout_ns = CHAN_MSEC;
	start_held(&held, "block:timed-out");
	call_start_asleep(&patient);
	queue_numbers(e.tx, 5, 1);
	let_go();
	call_finish(&held);
	call_finish(&patient);
	must_eq(patient.result, held.result == 0 ? EPIPE : 0);
	must(held.result == 0 || held.result == ETIMEDOUT || held.result == EPIPE);
	must((held.result == 0 ? held.value : patient.value) == 5);
	ends_drop(&e);
}

/* Held between waking and trying, and robbed: it and the one behind it hear of it. */
static void robbed_of_the_one_message_all_hear_of_it(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_recv(e.rx, CALL_PLAIN), behind = call_recv(e.rx, CALL_PLAIN);

	hold_at("block:woken", 0);
	worker_start(&held.worker, run_subject, &held);
	worker_wait_asleep(&held.worker);
	call_start_asleep(&behind);
	queue_numbers(e.tx, 5, 1);
	must(wait_held(&held.worker));
	expect_numbers(e.rx, 5, 1);
	must(!atomic_load(&behind.worker.ended));
	let_go();
	call_finish(&held);
	call_finish(&behind);
	must(held.result == EPIPE && behind.result == EPIPE);
	ends_drop(&e);
}

/* ---------------------------------------------------------------------- timers */

/* What happens at a pause point, by the hand of the very thread that reached it. */
static struct {
	const char *name;
	unsigned times;      /* how often it still happens */
	bool closes;         /* the timer; else its next event is taken */
	chan_receiver_t *rx;
	struct timespec taken;
} meddler;

static void meddle(const char *name)
{
	if (meddler.times == 0 || strcmp(name, meddler.name) != 0)
		return;
	meddler.times--;
	if (meddler.closes)
		chan_close(chan_receiver_channel(meddler.rx));
	else
		wait_for(chan_try_recv(meddler.rx, &meddler.taken) == 0);
}

static void meddle_at(const char *name, unsigned times, bool closes, chan_receiver_t *rx)
{
	meddler.name = name;
	meddler.times = times;
	meddler.closes = closes;
	meddler.rx = rx;
	__atomic_store_n(&chan__tp_hook, meddle, __ATOMIC_RELEASE);
}

static chan_receiver_t *timer_open(const struct kind *k, uint64_t ns)
{
	chan_receiver_t *rx = NULL;

	must_give(0, k->flavor == CHAN_FLAVOR_AT ? chan_after(ns, &rx) : chan_tick(ns, &rx));
	return rx;
}

static uint64_t instant(struct timespec t)
{
	return (uint64_t)t.tv_sec * CHAN_SEC + (uint64_t)t.tv_nsec;
}

/* Two saw it due, and one of them has taken it: the other has not. */
static void an_event_that_was_taken_meanwhile_is_not_taken_again(const struct kind *k)
{
	chan_receiver_t *rx = timer_open(k, 100 * CHAN_MSEC);
	struct timespec got = { -7, -7 }, due;

	must_give(0, chan_receiver_due(rx, &due));
	wait_for(chan_receiver_len(rx) == 1);
	meddle_at(point_of(k, "due"), 1, false, rx);
	must_give(EAGAIN, chan_try_recv(rx, &got));
	must(meddler.times == 0 && instant(meddler.taken) == instant(due));
	must(got.tv_sec == -7 && got.tv_nsec == -7);
	chan_receiver_drop(rx);
}

/* Due and open when it was looked at: it may be taken, and is the last. */
static void a_close_between_looking_and_taking_ends_it_afterwards(const struct kind *k)
{
	chan_receiver_t *rx = timer_open(k, CHAN_MSEC);
	struct timespec got;

	wait_for(chan_receiver_len(rx) == 1);
	meddle_at(point_of(k, "due"), 1, true, rx);
	must_give(0, chan_try_recv(rx, &got));
	must_eq(meddler.times, 0);
	must_give(EPIPE, chan_try_recv(rx, &got));
	chan_receiver_drop(rx);
}

/* On the way to sleep, twice, and after the clock woke it, where it is robbed again and again. */
static const char *const waiting_points[] = { "waitq:joined", "block:registered", "block:timed-out", "block:woken" };

/* False: the event was due before the call came to wait for it. */
static bool is_robbed_at(const struct kind *k, size_t point, uint64_t ns)
{
	bool once = k->flavor == CHAN_FLAVOR_AT;
	chan_receiver_t *rx = timer_open(k, ns);
	struct timespec got = { -7, -7 };
	int error;

	meddle_at(waiting_points[point], once || point < 2 ? 1 : 3, false, rx);
	error = once ? chan_recv_timeout(rx, &got, 7 * ns) : chan_recv(rx, &got);
	chan_receiver_drop(rx);
	if (meddler.times != 0)
		return false;
	must_eq(error, once ? ETIMEDOUT : 0);
	if (once)
		must_eq(got.tv_sec, -7);
	else
		must(instant(got) >= instant(meddler.taken) + ns && now_ns() >= instant(got));
	return true;
}

static void a_robbed_waiter_waits_for_the_next_event(const struct kind *k)
{
	for (size_t point = 0; point < COUNT_OF(waiting_points); point++) {
		uint64_t ns = 3 * CHAN_MSEC;

		while (!is_robbed_at(k, point, ns))
			ns *= 2;
	}
}

static void a_close_before_a_waiter_sleeps_is_not_missed(const struct kind *k)
{
	for (size_t i = 0; i < 2; i++) {
		chan_receiver_t *rx = timer_open(k, 3600 * CHAN_SEC);

		meddle_at(waiting_points[i], 1, true, rx);
		must_give(EPIPE, chan_recv(rx, NULL));
		must_eq(meddler.times, 0);
		chan_receiver_drop(rx);
	}
}

static const struct kind timers[] = {
	{ .flavor = CHAN_FLAVOR_AT,   .capacity = 1, .name = "at" },
	{ .flavor = CHAN_FLAVOR_TICK, .capacity = 1, .name = "tick" },
};

static const struct behaviour of_timers[] = {
	BEHAVIOUR(an_event_that_was_taken_meanwhile_is_not_taken_again, NEEDS_NOTHING),
	BEHAVIOUR(a_close_between_looking_and_taking_ends_it_afterwards, NEEDS_NOTHING),
	BEHAVIOUR(a_robbed_waiter_waits_for_the_next_event, NEEDS_NOTHING),
	BEHAVIOUR(a_close_before_a_waiter_sleeps_is_not_missed, NEEDS_NOTHING),
};

/* What needs a queue that is claimed slot by slot, then what needs one message,
 * and what every kind shares. */
/* ---------------------------------------------------------------------- selects */

/* One message: the receiver that was woken for it is held, the observer looks
 * meanwhile. */
static void an_observer_is_told_beside_the_receiver(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_recv(e.rx, CALL_PLAIN);
	chan_case_t c = case_recv(e.rx, NULL);
	struct pick p = pick_of(&c, 1, CHAN_SELECT_READY, PICK_PLAIN);
	uint64_t number = 5;

	hold_at("block:woken", 0);
	worker_start(&held.worker, run_subject, &held);
	worker_wait_asleep(&held.worker);
	pick_start_asleep(&p);
	must_give(0, chan_try_send(e.tx, &number));
	must(wait_held(&held.worker));
	pick_finish(&p);
	must_have_picked(&p, 0, 0);
	let_go();
	call_finish(&held);
	must(held.result == 0 && held.value == 5);
	ends_drop(&e);
}

static void an_observer_is_told_beside_the_sender(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call held = call_send(e.tx, CALL_PLAIN, k->capacity);
	uint64_t number = 77;
	chan_case_t c = case_send(e.tx, &number);
	struct pick p = pick_of(&c, 1, CHAN_SELECT_READY, PICK_PLAIN);

	queue_numbers(e.tx, 0, k->capacity);
	hold_at("block:woken", 0);
	worker_start(&held.worker, run_subject, &held);
	worker_wait_asleep(&held.worker);
	pick_start_asleep(&p);
	expect_numbers(e.rx, 0, 1);
	must(wait_held(&held.worker));
	pick_finish(&p);
	must_have_picked(&p, 0, 0);
	let_go();
	call_finish(&held);
	must_eq(held.result, 0);
	expect_numbers(e.rx, 1, k->capacity);
	ends_drop(&e);
}

/* Asleep, and woken in vain on the second case so often that it comes first
 * there.  False: it was faster, and has ended. */
static bool starve_select(struct pick *p, struct ends *e)
{
	uint64_t number = 1;

	pick_start_asleep(p);
	for (int i = 0; i < 16; i++) {
		must_give(0, chan_try_send(e->tx, &number));
		if (chan_try_recv(e->rx, &number) != 0) {
			pick_finish(p);
			must_have_picked(p, 1, 0);
			return false;
		}
		worker_wait_asleep(&p->worker);
	}
	return true;
}

/* A message is to be served to a select that starves, and the select leaves
 * with another one before that: who stands behind it is woken. */
static void who_stands_behind_a_select_that_leaves_is_woken(const struct kind *k)
{
	struct ends other = kind_open(k, 8), e = kind_open(k, 8);
	uint64_t in[2];
	chan_case_t cases[2] = { case_recv(other.rx, &in[0]), case_recv(e.rx, &in[1]) };
	struct pick starving = pick_of(cases, 2, 0, PICK_PLAIN);
	struct call behind = call_recv(e.rx, CALL_PLAIN), held = call_send(e.tx, CALL_PLAIN, 5);
	uint64_t number = 6;

	wait_for(starve_select(&starving, &e));
	call_start_asleep(&behind);
	start_held(&held, point_of(k, "starving"));
	must_give(0, chan_try_send(other.tx, &number));
	pick_finish(&starving);
	must_have_picked(&starving, 0, 0);
	must_eq(in[0], 6);
	let_go();
	call_finish(&held);
	must_eq(held.result, 0);
	wait_for(atomic_load(&behind.worker.ended));
	call_finish(&behind);
	must(behind.result == 0 && behind.value == 5);
	ends_drop(&other);
	ends_drop(&e);
}

static const struct behaviour lock_free[] = {
	BEHAVIOUR(others_go_on_beside_a_sender_that_claimed, NEEDS_NOTHING),
	BEHAVIOUR(what_was_reserved_before_a_close_still_arrives, NEEDS_NOTHING),
	BEHAVIOUR(others_go_on_beside_a_receiver_that_claimed, NEEDS_LIMIT),
	BEHAVIOUR(others_go_on_beside_a_receiver_that_copies, NEEDS_NOTHING),
	BEHAVIOUR(whoever_is_held_anywhere_the_others_go_on, NEEDS_FORCE),
	BEHAVIOUR(messages_published_out_of_order_wake_both_receivers, NEEDS_TWO),
	BEHAVIOUR(slots_freed_out_of_order_wake_both_senders, NEEDS_LIMIT | NEEDS_TWO),
	BEHAVIOUR(who_sleeps_beside_a_held_thread_is_woken, NEEDS_TWO | NEEDS_FORCE),
	BEHAVIOUR(a_send_held_over_the_last_drop_leaves_nothing, NEEDS_FORCE),
};

static const struct behaviour with_owners[] = {
	BEHAVIOUR(a_receiver_that_met_the_owner_is_told, NEEDS_TWO),
	BEHAVIOUR(a_sender_that_met_the_owner_is_told, NEEDS_LIMIT | NEEDS_TWO),
	BEHAVIOUR(a_close_that_met_the_owner_ends_the_channel, NEEDS_LIMIT),
	BEHAVIOUR(the_last_drop_that_met_the_owner_leaves_nothing, NEEDS_LIMIT),
	BEHAVIOUR(what_a_sender_heard_of_the_end_receivers_hear_too, NEEDS_LIMIT),
};

static const struct behaviour one_message[] = {
	BEHAVIOUR(others_go_on_beside_the_one_send, FITS_ONE_MESSAGE),
	BEHAVIOUR(others_go_on_beside_the_one_receive, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receiver_that_is_too_late_takes_nothing, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_one_send_meets_the_last_drop, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_one_message_at_the_last_instant, FITS_ONE_MESSAGE),
	BEHAVIOUR(robbed_of_the_one_message_all_hear_of_it, FITS_ONE_MESSAGE),
};

static const struct behaviour provoked[] = {
	BEHAVIOUR(a_send_before_the_receiver_sleeps_is_not_missed, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_close_before_the_receiver_sleeps_is_not_missed, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receive_before_the_sender_sleeps_is_not_missed, NEEDS_FULL),
	BEHAVIOUR(a_message_at_the_last_instant_reaches_somebody, NEEDS_NOTHING),
	BEHAVIOUR(a_woken_receiver_that_is_robbed_waits_on, NEEDS_QUEUE),
	BEHAVIOUR(a_receiver_robbed_again_and_again_is_served, NEEDS_QUEUE),
	BEHAVIOUR(a_sender_robbed_again_and_again_is_served, NEEDS_LIMIT),
	BEHAVIOUR(an_observer_is_told_beside_the_receiver, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(an_observer_is_told_beside_the_sender, NEEDS_LIMIT),
};

static const struct behaviour locked[] = {
	BEHAVIOUR(who_stands_behind_a_select_that_leaves_is_woken, NEEDS_QUEUE),
};

int main(void)
{
	static struct kind kinds[MAX_KINDS], chosen[MAX_KINDS], owned[MAX_KINDS], once[MAX_KINDS], mutex[MAX_KINDS];
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY), n_chosen = 0, n_owned = 0, n_once = 0, n_mutex = 0;
	int status;

	for (size_t i = 0; i < n; i++)
		if (kinds[i].one_message)
			once[n_once++] = kinds[i];
		else if (kinds[i].flavor == CHAN_FLAVOR_ARRAY || kinds[i].flavor == CHAN_FLAVOR_LIST ||
		         kinds[i].flavor == CHAN_FLAVOR_BROADCAST)
			chosen[n_chosen++] = kinds[i];
		else if (kinds[i].flavor == CHAN_FLAVOR_MUTEX_CONDVAR)
			mutex[n_mutex++] = kinds[i];
	for (size_t i = 0; i < n_chosen; i++)
		if (chosen[i].flavor != CHAN_FLAVOR_BROADCAST)
			owned[n_owned++] = chosen[i];
	status = matrix_run("lock-free", lock_free, COUNT_OF(lock_free), chosen, n_chosen);
	status |= matrix_run("owners", with_owners, COUNT_OF(with_owners), owned, n_owned);
	status |= matrix_run("one message", one_message, COUNT_OF(one_message), once, n_once);
	status |= matrix_run("under a mutex", locked, COUNT_OF(locked), mutex, n_mutex);
	status |= matrix_run("provoked", provoked, COUNT_OF(provoked), kinds, n);
	status |= matrix_run("timers", of_timers, COUNT_OF(of_timers), timers, COUNT_OF(timers));
	return status;
}
