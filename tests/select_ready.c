/*
 * select_ready.c - CHAN_SELECT_READY: selects that look and take nothing
 */
#include <stdlib.h>

#include "select.h"

static struct pick observe(chan_case_t *c, enum pick_form form)
{
	return pick_of(c, 1, CHAN_SELECT_READY, form);
}

/* Somebody at the other end of the case, in a call that may block. */
static struct call partner_of(const struct lane *l, enum call_form form)
{
	return l->sends ? call_recv(l->e.rx, form) : call_send(l->e.tx, form, LANE_MESSAGE);
}

/* A waiter like the case, which operates. */
static struct call rival_of(const struct lane *l)
{
	return l->sends ? call_send(l->e.tx, CALL_PLAIN, LANE_MESSAGE) : call_recv(l->e.rx, CALL_PLAIN);
}

/* Does by a plain call what the case would do. */
static void operate(struct lane *l)
{
	struct call call = rival_of(l);

	call_here(&call);
	must_eq(call.result, 0);
	must_eq(call.value, LANE_MESSAGE);
}

/* ----------------------------------------------------------------- it only looks */

static void looks_and_leaves(const struct kind *k, bool sends)
{
	struct lane idle, ready;
	chan_case_t cases[2];
	size_t len;

	lane_open(&idle, k, sends, false);
	lane_open(&ready, k, sends, true);
	len = chan_len(ready.e.c);
	for (unsigned form = 0; form <= PICK_FORMS; form++) {
		struct pick p = pick_of(cases, 2, CHAN_SELECT_READY, (enum pick_form)form);

		cases[0] = lane_case(&idle);
		cases[1] = lane_case(&ready);
		for (int i = 0; i < 3; i++) {
			pick_here(&p);
			must_have_picked(&p, 1, 0);
		}
		p.flags |= CHAN_SELECT_BIASED;
		cases[1].msg = sends ? cases[1].msg : NULL; /* nor is it destroyed */
		pick_here(&p);
		must_have_picked(&p, 1, 0);
		must_eq(chan_len(ready.e.c), len);
		must(idle.msg == (idle.sends ? LANE_MESSAGE : 0) && ready.msg == (sends ? LANE_MESSAGE : 0));
	}
	operate(&ready);
	lane_close(&idle);
	lane_close(&ready);
}

static void a_receive_is_reported_and_left(const struct kind *k) { looks_and_leaves(k, false); }
static void a_send_is_reported_and_left(const struct kind *k)    { looks_and_leaves(k, true); }

static void nothing_is_destroyed_by_looking(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	chan_case_t c = case_recv(e.rx, NULL);
	struct call call = call_send(e.tx, CALL_PLAIN, 5);
	struct pick p = observe(&c, PICK_PLAIN);

	call_start(&call);
	for (int i = 0; i < 3; i++) {
		pick_here(&p);
		must_have_picked(&p, 0, 0);
	}
	must_eq(d.count, 0);
	must_give(0, chan_recv(e.rx, NULL));
	call_finish(&call);
	must(d.count == 1 && d.sum == 5);
	ends_drop(&e);
}

/* --------------------------------------------------------------------- it is told */

/* By a partner's call in any form, which need not have returned. */
static void is_told(const struct kind *k, bool sends)
{
	for (unsigned form = 0; form < PICK_FORMS; form++) {
		struct lane l;
		struct call partner;
		chan_case_t c;
		struct pick p;

		lane_open(&l, k, sends, false);
		c = lane_case(&l);
		p = observe(&c, (enum pick_form)form);
		partner = partner_of(&l, (enum call_form)(form % CALL_FORMS));
		pick_start_asleep(&p);
		call_start(&partner);
		pick_finish(&p);
		must_have_picked(&p, 0, 0);
		must_eq(l.msg, sends ? LANE_MESSAGE : 0);
		operate(&l);
		call_finish(&partner);
		must(partner.result == 0 && partner.value == LANE_MESSAGE);
		lane_close(&l);
	}
}

static void an_observer_of_receives_is_told_of_a_message(const struct kind *k) { is_told(k, false); }
static void an_observer_of_sends_is_told_of_room(const struct kind *k)         { is_told(k, true); }

static void an_observer_is_told_of_the_end(const struct kind *k)
{
	for (int sends = 0; sends < 2; sends++)
		for (int by_drop = 0; by_drop < 2; by_drop++) {
			struct lane l;
			chan_case_t c;
			struct pick p;

			lane_open(&l, k, sends, false);
			c = lane_case(&l);
			p = observe(&c, PICK_PLAIN);
			pick_start_asleep(&p);
			if (!by_drop) {
				chan_close(l.e.c);
			} else if (l.sends) {
				chan_receiver_drop(l.e.rx);
				l.e.rx = NULL;
			} else {
				chan_sender_drop(l.e.tx);
				l.e.tx = NULL;
			}
			pick_finish(&p);
			must_have_picked(&p, 0, EPIPE);
			lane_close(&l);
		}
}

/* A select that performs is a blocked peer like any other. */
static void an_observer_is_told_of_a_blocked_select(const struct kind *k)
{
	for (int sends = 0; sends < 2; sends++) {
		struct lane l, aside;
		chan_case_t c, peer[2];
		uint64_t number = LANE_MESSAGE;
		struct pick p, q = pick_of(peer, 2, 0, PICK_PLAIN);

		lane_open(&l, k, sends, false);
		lane_open(&aside, k, false, false);
		c = lane_case(&l);
		p = observe(&c, PICK_PLAIN);
		peer[0] = lane_case(&aside);
		peer[1] = sends ? case_recv(l.e.rx, &number) : case_send(l.e.tx, &number);
		pick_start_asleep(&p);
		pick_start(&q);
		pick_finish(&p);
		must_have_picked(&p, 0, 0);
		operate(&l);
		pick_finish(&q);
		must_have_picked(&q, 1, 0);
		lane_close(&l);
		lane_close(&aside);
	}
}

static void every_observer_is_told(const struct kind *k)
{
	enum { OBSERVERS = 4 };

	for (int sends = 0; sends < 2; sends++) {
		struct lane l;
		struct call partner;
		chan_case_t c[OBSERVERS];
		struct pick p[OBSERVERS];

		lane_open(&l, k, sends, false);
		for (size_t i = 0; i < OBSERVERS; i++) {
			c[i] = lane_case(&l);
			p[i] = observe(&c[i], (enum pick_form)i);
			pick_start_asleep(&p[i]);
		}
		partner = partner_of(&l, CALL_PLAIN);
		call_start(&partner);
		for (size_t i = 0; i < OBSERVERS; i++) {
			pick_finish(&p[i]);
			must_have_picked(&p[i], 0, 0);
		}
		operate(&l);
		call_finish(&partner);
		must_eq(partner.result, 0);
		lane_close(&l);
	}
}

/* ---------------------------------------------------------- beside who operates */

/* One message, or one slot: the waiter that operates gets it, whoever came
 * first, and the observer hears of the next. */
static void takes_nothing_from_a_waiter(const struct kind *k, bool sends)
{
	for (int first = 0; first < 2; first++) {
		struct lane l;
		struct call waiter, partner;
		chan_case_t c;
		struct pick p;

		lane_open(&l, k, sends, false);
		c = lane_case(&l);
		p = observe(&c, PICK_PLAIN);
		waiter = rival_of(&l);
		if (first)
			pick_start_asleep(&p);
		call_start_asleep(&waiter);
		if (!first)
			pick_start_asleep(&p);
		lane_feed(&l);
		call_finish(&waiter);
		must(waiter.result == 0 && waiter.value == LANE_MESSAGE);
		partner = partner_of(&l, CALL_PLAIN);
		call_start(&partner);
		pick_finish(&p);
		must_have_picked(&p, 0, 0);
		operate(&l);
		call_finish(&partner);
		must_eq(partner.result, 0);
		lane_close(&l);
	}
}

static void an_observer_takes_no_message_from_a_receiver(const struct kind *k) { takes_nothing_from_a_waiter(k, false); }
static void an_observer_takes_no_room_from_a_sender(const struct kind *k)      { takes_nothing_from_a_waiter(k, true); }

/* Waits a little by looking at the clock, finer than the kernel wakes. */
static void spin_for(uint64_t ns)
{
	uint64_t end = now_ns() + ns;

	while (now_ns() < end)
		continue;
}

/* An observer that gives up while a message arrives keeps nobody from it. */
static void an_observer_that_gives_up_takes_no_wake_up_along(const struct kind *k)
{
	struct dice dice = { 21 };
	struct lane l;

	lane_open(&l, k, false, false);
	for (size_t i = 0; i < test_scaled(150); i++) {
		chan_case_t c = lane_case(&l);
		struct pick p = observe(&c, PICK_TIMEOUT);
		struct call waiter = rival_of(&l);

		p.timeout_ns = dice_roll(&dice, 60 * CHAN_USEC);
		call_start(&waiter);
		pick_start(&p);
		spin_for(dice_roll(&dice, 90 * CHAN_USEC));
		lane_feed(&l);
		call_finish(&waiter);
		must(waiter.result == 0 && waiter.value == LANE_MESSAGE);
		pick_finish(&p);
		must(p.result == 0 || p.result == ETIMEDOUT);
		must(l.msg == 0 && chan_is_empty(l.e.c));
	}
	lane_close(&l);
}

/* Gives the waiter a reason to wake, and takes it away before it is up. */
static bool wake_in_vain(struct lane *l)
{
	uint64_t number = LANE_MESSAGE;

	if (l->sends)
		return chan_try_recv(l->e.rx, &number) == 0 && chan_try_send(l->e.tx, &number) == 0;
	return chan_try_send(l->e.tx, &number) == 0 && chan_try_recv(l->e.rx, &number) == 0;
}

enum { PATIENCE = 16, WATCHERS = 3 };

/* A waiter that sleeps and has been woken in vain so often that it comes first.
 * False: it was faster, and is back. */
static bool starve(struct lane *l, struct call *waiter)
{
	*waiter = rival_of(l);
	call_start_asleep(waiter);
	for (int i = 0; i < PATIENCE; i++) {
		if (!wake_in_vain(l)) {
			call_finish(waiter);
			must_eq(waiter->result, 0);
			return false;
		}
		worker_wait_asleep(&waiter->worker);
	}
	return true;
}

/* It is served, asleep, by whoever brings the next message: the observers beside
 * it still hear of the one after. */
static void outlives_a_starving_waiter(const struct kind *k, bool sends)
{
	struct lane l;
	struct call waiter;
	chan_case_t cases[WATCHERS];
	struct pick picks[WATCHERS];

	lane_open(&l, k, sends, false);
	wait_for(starve(&l, &waiter));
	for (size_t i = 0; i < WATCHERS; i++) {
		cases[i] = lane_case(&l);
		picks[i] = observe(&cases[i], PICK_PLAIN);
		pick_start_asleep(&picks[i]);
	}
	lane_feed(&l);
	call_finish(&waiter);
	must(waiter.result == 0 && waiter.value == LANE_MESSAGE);
	for (size_t i = 0; i < WATCHERS; i++)
		worker_wait_asleep(&picks[i].worker);
	lane_feed(&l);
	for (size_t i = 0; i < WATCHERS; i++) {
		wait_for(atomic_load(&picks[i].worker.ended));
		pick_finish(&picks[i]);
		must_have_picked(&picks[i], 0, 0);
	}
	operate(&l);
	lane_close(&l);
}

static void observers_outlive_a_starving_receiver(const struct kind *k) { outlives_a_starving_waiter(k, false); }
static void observers_outlive_a_starving_sender(const struct kind *k)   { outlives_a_starving_waiter(k, true); }

struct doorkeeper {
	atomic_bool inside, open;
};

/* A destructor that takes its time, once. */
static void wait_at_the_door(void *msg, void *arg)
{
	struct doorkeeper *d = arg;

	(void)msg;
	if (!atomic_exchange(&d->inside, true))
		wait_for(atomic_load(&d->open));
}

/* A sender waits to displace what another sender has in its hands (at capacity
 * 1; where there is more, it takes the next).  When that one is done there is an
 * observer to be told, who takes nothing away. */
static void an_observer_takes_no_wake_up_from_who_displaces(const struct kind *k)
{
	struct doorkeeper door = { .inside = false };
	struct call first, second;
	struct ends e;
	chan_attr_t attr;
	chan_case_t c;
	struct pick p = observe(&c, PICK_PLAIN);

	kind_attr(k, &attr);
	must_give(0, chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST));
	must_give(0, chan_attr_setdestructor(&attr, wait_at_the_door, &door));
	e = attr_open(&attr, 8);
	c = case_recv(e.rx, NULL);
	queue_numbers(e.tx, 0, k->capacity);
	first = call_send(e.tx, CALL_PLAIN, k->capacity);
	second = call_send(e.tx, CALL_PLAIN, k->capacity + 1);
	call_start(&first);
	wait_for(atomic_load(&door.inside));
	pick_start_asleep(&p);
	call_start_asleep(&second);
	atomic_store(&door.open, true);
	call_finish(&first);
	wait_for(atomic_load(&second.worker.ended));
	call_finish(&second);
	must(first.result == 0 && second.result == 0);
	pick_finish(&p);
	must_have_picked(&p, 0, 0);
	must_eq(chan_len(e.c), k->capacity);
	must_eq(chan_lost(e.c), 2);
	ends_drop(&e);
}

/* --------------------------------------------------------------------- rendezvous */

static void an_observer_is_no_partner(const struct kind *k)
{
	for (int sends = 0; sends < 2; sends++) {
		struct lane l;
		uint64_t number = 77;
		chan_case_t c, opposite;
		struct pick p, q;

		lane_open(&l, k, sends, false);
		c = lane_case(&l);
		opposite = sends ? case_recv(l.e.rx, &number) : case_send(l.e.tx, &number);
		p = observe(&c, PICK_PLAIN);
		q = observe(&opposite, PICK_TRY);
		pick_start_asleep(&p);
		pick_here(&q);
		must_have_refused(&q, EAGAIN);
		q.flags = 0;
		pick_here(&q);
		must_have_refused(&q, EAGAIN);
		must_give(EAGAIN, sends ? chan_try_recv(l.e.rx, &number) : chan_try_send(l.e.tx, &number));
		must(!atomic_load(&p.worker.ended));
		q.form = PICK_TIMEOUT;
		q.timeout_ns = 5 * CHAN_MSEC;
		pick_here(&q);
		must_have_refused(&q, ETIMEDOUT);
		must_eq(number, 77);
		chan_close(l.e.c);
		pick_finish(&p);
		must_eq(p.result, 0);
		lane_close(&l);
	}
}

static void two_observers_never_meet(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t in = 77, out = 66;
	chan_case_t from = case_recv(e.rx, &in), to = case_send(e.tx, &out);
	struct pick p = observe(&from, PICK_TIMEOUT), q = observe(&to, PICK_DEADLINE);

	p.timeout_ns = q.timeout_ns = 15 * CHAN_MSEC;
	pick_start(&p);
	pick_start(&q);
	pick_finish(&p);
	pick_finish(&q);
	must_have_refused(&p, ETIMEDOUT);
	must_have_refused(&q, ETIMEDOUT);
	must(in == 77 && out == 66);
	ends_drop(&e);
}

/* Each of the two is told of a blocked peer, and of nothing else. */
static void observers_at_both_ends_are_told_of_a_peer(const struct kind *k)
{
	for (int sends = 0; sends < 2; sends++) {
		struct ends e = kind_open(k, 8);
		uint64_t in = 77, out = 66;
		chan_case_t from = case_recv(e.rx, &in), to = case_send(e.tx, &out);
		struct pick p = observe(&from, PICK_PLAIN), q = observe(&to, PICK_PLAIN);
		struct call call = sends ? call_send(e.tx, CALL_PLAIN, 5) : call_recv(e.rx, CALL_PLAIN);
		struct pick *told = sends ? &p : &q, *other = sends ? &q : &p;

		pick_start_asleep(&p);
		pick_start_asleep(&q);
		call_start_asleep(&call);
		pick_finish(told);
		must_have_picked(told, 0, 0);
		must(!atomic_load(&other->worker.ended) && !atomic_load(&call.worker.ended));
		must_give(0, sends ? chan_try_recv(e.rx, &in) : chan_try_send(e.tx, &out));
		call_finish(&call);
		must(call.result == 0 && in == (sends ? 5 : 77));
		chan_close(e.c);
		pick_finish(other);
		must_have_picked(other, 0, EPIPE);
		ends_drop(&e);
	}
}

/* ------------------------------------------------------------------- event loops */

struct loop {
	chan_receiver_t *rx;
	atomic_size_t *taken;
	_Atomic uint64_t *sum;
	struct worker worker;
};

/* As an event loop does: told, it tries until there is no more. */
static void watch_and_try(void *arg)
{
	struct loop *loop = arg;
	uint64_t number;
	chan_case_t c = case_recv(loop->rx, NULL);
	struct pick p = observe(&c, PICK_PLAIN);

	for (;;) {
		pick_here(&p);
		must_eq(p.result, 0);
		if (c.status == EPIPE)
			return;
		while (chan_try_recv(loop->rx, &number) == 0) {
			atomic_fetch_add(loop->sum, number);
			atomic_fetch_add(loop->taken, 1);
		}
	}
}

static void loops_that_watch_and_try_miss_nothing(const struct kind *k)
{
	enum { LOOPS = 3, SENDERS = 2 };
	struct ends e = kind_open(k, 8);
	struct loop loops[LOOPS];
	struct feeder feeders[SENDERS];
	atomic_size_t taken = 0;
	_Atomic uint64_t sum = 0;
	size_t n = test_scaled(3000);

	for (size_t i = 0; i < LOOPS; i++) {
		loops[i] = (struct loop){ .rx = e.rx, .taken = &taken, .sum = &sum };
		worker_start(&loops[i].worker, watch_and_try, &loops[i]);
	}
	for (size_t i = 0; i < SENDERS; i++)
		feeder_start(&feeders[i], e.tx, i * n, n);
	for (size_t i = 0; i < SENDERS; i++)
		feeder_join(&feeders[i]);
	wait_for(atomic_load(&taken) == SENDERS * n);
	chan_close(e.c);
	for (size_t i = 0; i < LOOPS; i++)
		worker_join(&loops[i].worker);
	must_eq(sum, sum_of_numbers(0, SENDERS * n));
	ends_drop(&e);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(a_receive_is_reported_and_left, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_send_is_reported_and_left, FITS_ONE_MESSAGE),
	BEHAVIOUR(nothing_is_destroyed_by_looking, NEEDS_DESTRUCTOR | FITS_ONE_MESSAGE),
	BEHAVIOUR(an_observer_of_receives_is_told_of_a_message, FITS_ONE_MESSAGE),
	BEHAVIOUR(an_observer_of_sends_is_told_of_room, NEEDS_FULL),
	BEHAVIOUR(an_observer_is_told_of_the_end, FITS_ONE_MESSAGE),
	BEHAVIOUR(an_observer_is_told_of_a_blocked_select, NEEDS_RENDEZVOUS),
	BEHAVIOUR(every_observer_is_told, NEEDS_FULL),
	BEHAVIOUR(an_observer_takes_no_message_from_a_receiver, NEEDS_NOTHING),
	BEHAVIOUR(an_observer_takes_no_room_from_a_sender, NEEDS_FULL),
	BEHAVIOUR(an_observer_that_gives_up_takes_no_wake_up_along, NEEDS_NOTHING),
	BEHAVIOUR(observers_outlive_a_starving_receiver, NEEDS_QUEUE),
	BEHAVIOUR(observers_outlive_a_starving_sender, NEEDS_LIMIT),
	BEHAVIOUR(an_observer_takes_no_wake_up_from_who_displaces, NEEDS_OVERWRITE | NEEDS_DESTRUCTOR),
	BEHAVIOUR(an_observer_is_no_partner, NEEDS_RENDEZVOUS),
	BEHAVIOUR(two_observers_never_meet, NEEDS_RENDEZVOUS),
	BEHAVIOUR(observers_at_both_ends_are_told_of_a_peer, NEEDS_RENDEZVOUS),
	BEHAVIOUR(loops_that_watch_and_try_miss_nothing, NEEDS_NOTHING),
};

const struct select_theme select_ready = { behaviours, COUNT_OF(behaviours) };
