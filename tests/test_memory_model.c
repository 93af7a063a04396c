/*
 * test_memory_model.c - the rules of chan_memory_model(7), judged by ThreadSanitizer
 *
 * For each rule two sorts of threads meet.  The first write a plain variable and then
 * make the call that the rule speaks of; the second make the other call and then
 * read it.  Nothing else orders them: who has to wait for an instant does so by
 * relaxed atomics, and nobody is joined before.  ThreadSanitizer thus reports a race
 * wherever a channel does not keep a rule.  Other builds see that the values arrive.
 *
 * That it would report one is tested as well: there the same program runs once for
 * each rule with the write on the wrong side of the call, and once with no
 * call at all, and each of these runs has to end with a report.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/support.h"

enum { VALUE = 4711, MOST = 2 };

enum way { SENDS, RECEIVES };

/* How a send or receive is made. */
enum form { WAITS, BATCH, SELECTS, IS_READY, DESCRIPTOR, WAKER, TRIES, FORCES, FORMS };

/* Who comes first. */
enum timing { TOGETHER, FIRST_BEFORE, SECOND_ASLEEP, TIMINGS };

/* What is wrong with it, in a run that has to be reported. */
enum plant { NOTHING_WRONG, WRONG_SIDE, NO_CALL };

struct meeting;

struct actor {
	struct meeting *meeting;
	size_t index;
	enum form form;
	struct worker worker;
};

struct rule {
	const char *name;
	void (*prepare)(struct meeting *m);
	void (*first)(struct actor *a);
	bool (*second)(struct actor *a);  /* false: it came to nothing that the rule speaks of */
	void (*finish)(struct meeting *m);
	size_t firsts, seconds;
	bool first_forms, second_forms;   /* these are sends or receives, in any form */
	bool second_sends;
	bool second_sleeps;               /* its own call does, until the first's */
	bool in_callback;                 /* the first's callback writes, not the first itself */
	bool broadcast;                   /* about a channel of several subscriptions */
};

struct meeting {
	const struct kind *kind;
	const struct rule *rule;
	enum timing timing;
	enum plant plant;
	struct ends e;
	chan_receiver_t *rx[MOST];        /* broadcast: a subscription for each second */
	chan_cancel_t *root, *token;
	size_t round;
	chan_waker_t waker;
	atomic_bool called;
	atomic_uint through;              /* firsts whose call has returned */
	atomic_bool go;
	struct actor firsts[MOST], seconds[MOST];
	uint64_t plain[MOST];             /* what it is all about */
};

static bool is_set(atomic_bool *flag)
{
	return atomic_load_explicit(flag, memory_order_relaxed);
}

static void set(atomic_bool *flag)
{
	atomic_store_explicit(flag, true, memory_order_relaxed);
}

/* --------------------------------------------------------------- sends, receives */

static int try_once(struct actor *a, enum way way)
{
	struct meeting *m = a->meeting;
	uint64_t number = a->index;

	return way == SENDS ? chan_try_send(m->e.tx, &number) : chan_try_recv(m->rx[a->index], &number);
}

static int by_waiting(struct actor *a, enum way way, enum form form)
{
	struct meeting *m = a->meeting;
	uint64_t number = a->index;
	size_t count;

	if (form == BATCH)
		return way == SENDS ? chan_send_many(m->e.tx, &number, 1, &count)
		                    : chan_recv_many(m->rx[a->index], &number, 1, &count);
	return way == SENDS ? chan_send(m->e.tx, &number) : chan_recv(m->rx[a->index], &number);
}

static int by_select(struct actor *a, enum way way, unsigned flags)
{
	struct meeting *m = a->meeting;
	uint64_t number = a->index;
	chan_case_t c = way == SENDS ? case_send(m->e.tx, &number) : case_recv(m->rx[a->index], &number);
	size_t which;

	must_give(0, chan_select(&c, 1, flags, &which));
	return c.status;
}

static int by_readiness(struct actor *a, enum way way)
{
	int e;

	do
		by_select(a, way, CHAN_SELECT_READY);
	while ((e = try_once(a, way)) == EAGAIN);
	return e;
}

static int by_descriptor(struct actor *a, enum way way)
{
	struct meeting *m = a->meeting;
	struct pollfd watched = { .events = POLLIN };
	int e;

	must_give(0, way == SENDS ? chan_sender_fd(m->e.tx, &watched.fd)
	                          : chan_receiver_fd(m->rx[a->index], &watched.fd));
	while ((e = try_once(a, way)) == EAGAIN)
		must(poll(&watched, 1, -1) == 1 || errno == EINTR);
	return e;
}

static void set_called(void *arg)
{
	set(arg);
}

static int by_waker(struct actor *a, enum way way)
{
	struct meeting *m = a->meeting;
	uint64_t number = a->index;
	atomic_bool called;
	chan_waker_t w;
	int e;

	chan_waker_init(&w, set_called, &called);
	for (;;) {
		atomic_init(&called, false);
		e = way == SENDS ? chan_poll_send(m->e.tx, &number, &w)
		                 : chan_poll_recv(m->rx[a->index], &number, &w);
		if (e != EAGAIN)
			break;
		wait_for(is_set(&called));
	}
	chan_waker_cancel(&w);
	return e;
}

static int by_trying(struct actor *a, enum way way, bool force)
{
	uint64_t number = a->index, end = wait_limit();
	int e;

	while ((e = force && way == SENDS ? chan_force_send(a->meeting->e.tx, &number, NULL, NULL)
	                                  : try_once(a, way)) == EAGAIN)
		wait_turn(end, __FILE__, __LINE__, "a try form");
	return e;
}

static int make_call(struct actor *a, enum way way)
{
	switch (a->form) {
	case WAITS:
	case BATCH:      return by_waiting(a, way, a->form);
	case SELECTS:    return by_select(a, way, 0);
	case IS_READY:   return by_readiness(a, way);
	case DESCRIPTOR: return by_descriptor(a, way);
	case WAKER:      return by_waker(a, way);
	default:         return by_trying(a, way, a->form == FORCES);
	}
}

/* On a rendezvous this is somebody to be met. */
static bool is_partner(enum form form)
{
	return form <= SELECTS;
}

static bool sleeps(enum form form)
{
	return form <= DESCRIPTOR;
}

/* -------------------------------------------------------------------- the meeting */

static void hold_until_told(struct meeting *m)
{
	wait_for(is_set(&m->go));
}

static void write_plain(struct actor *a)
{
	a->meeting->plain[a->index] = VALUE;
}

static void be_first(void *arg)
{
	struct actor *a = arg;
	struct meeting *m = a->meeting;

	if (m->timing == SECOND_ASLEEP)
		hold_until_told(m);
	if (m->plant != WRONG_SIDE && !m->rule->in_callback)
		write_plain(a);
	if (m->plant != NO_CALL)
		m->rule->first(a);
	if (m->plant == WRONG_SIDE)
		write_plain(a);
	atomic_fetch_add_explicit(&m->through, 1, memory_order_relaxed);
}

static void be_second(void *arg)
{
	struct actor *a = arg;
	struct meeting *m = a->meeting;

	if (m->timing == FIRST_BEFORE)
		hold_until_told(m);
	if (m->plant == NO_CALL)
		wait_for(atomic_load_explicit(&m->through, memory_order_relaxed) == m->rule->firsts);
	else if (!m->rule->second(a))
		return;
	for (size_t i = 0; i < m->rule->firsts; i++) {
		volatile uint64_t seen = m->plain[i];

		must(seen == VALUE || m->plant != NOTHING_WRONG);
	}
}

static void make_ends(struct meeting *m)
{
	m->e = kind_open(m->kind, sizeof(uint64_t));
	for (size_t i = 0; i < MOST; i++)
		m->rx[i] = m->e.rx;
}

static void drop_ends(struct meeting *m)
{
	chan_sender_drop(m->e.tx);
	chan_receiver_drop(m->e.rx);
}

static void hold_meeting(struct meeting *m)
{
	const struct rule *r = m->rule;

	atomic_init(&m->go, false);
	atomic_init(&m->called, false);
	atomic_init(&m->through, 0);
	memset(m->plain, 0, sizeof(m->plain));
	r->prepare(m);
	for (size_t i = 0; i < r->firsts; i++) {
		m->firsts[i].meeting = m;
		m->firsts[i].index = i;
		worker_start(&m->firsts[i].worker, be_first, &m->firsts[i]);
	}
	for (size_t i = 0; i < r->seconds; i++) {
		m->seconds[i].meeting = m;
		m->seconds[i].index = i;
		worker_start(&m->seconds[i].worker, be_second, &m->seconds[i]);
	}
	for (size_t i = 0; m->timing == FIRST_BEFORE && i < r->firsts; i++)
		worker_wait_asleep(&m->firsts[i].worker);
	for (size_t i = 0; m->timing == SECOND_ASLEEP && i < r->seconds; i++)
		worker_wait_asleep(&m->seconds[i].worker);
	set(&m->go);
	for (size_t i = 0; i < r->firsts; i++)
		worker_join(&m->firsts[i].worker);
	for (size_t i = 0; i < r->seconds; i++)
		worker_join(&m->seconds[i].worker);
	r->finish(m);
}

/* Can these meet, and without anybody's waiting for what cannot come? */
static bool can_be(const struct meeting *m, enum form first, enum form second)
{
	const struct rule *r = m->rule;
	bool rendezvous = r->first_forms && m->kind->capacity == 0;

	if (!m->kind->forces && (first == FORCES || (r->second_sends && second == FORCES)))
		return false;
	if (r->second_sends && r->first_forms && second == FORCES)
		return false; /* it does not wait for a place */
	if (rendezvous && !is_partner(first) && !is_partner(second))
		return false;
	if (m->timing == FIRST_BEFORE)
		return !rendezvous || sleeps(first);
	if (m->timing == SECOND_ASLEEP)
		return r->second_sleeps ||
		       (r->second_forms && sleeps(second) && !(r->second_sends && kind_never_fills(m->kind)));
	return true;
}

static void every_form(struct meeting *m)
{
	const struct rule *r = m->rule;

	for (enum form first = 0; first < (r->first_forms ? FORMS : 1); first++)
		for (enum form second = 0; second < (r->second_forms ? FORMS : 1); second++)
			for (m->timing = 0; m->timing < TIMINGS; m->timing++) {
				if (!can_be(m, first, second))
					continue;
				for (size_t i = 0; i < MOST; i++) {
					m->firsts[i].form = first;
					m->seconds[i].form = second;
				}
				hold_meeting(m);
			}
}

static void keeps(const struct rule *r, const struct kind *k)
{
	size_t rounds = kind_rounds(k, r->first_forms ? 2 : 12);
	struct meeting m = { .kind = k, .rule = r };

	for (; m.round < rounds; m.round++)
		every_form(&m);
}

/* ------------------------------------------------------------- sending, receiving */

static void first_sends(struct actor *a)
{
	must_eq(make_call(a, SENDS), 0);
}

static bool second_receives(struct actor *a)
{
	must_eq(make_call(a, RECEIVES), 0);
	return true;
}

/* Rule 1, and on a rendezvous half of rule 3. */
static const struct rule message = {
	.name = "message", .prepare = make_ends, .first = first_sends, .second = second_receives,
	.finish = drop_ends, .firsts = 1, .seconds = 1, .first_forms = true, .second_forms = true
};

static void a_send_is_seen_by_its_receive(const struct kind *k)
{
	keeps(&message, k);
}

static void fill_ends(struct meeting *m)
{
	make_ends(m);
	if (!kind_never_fills(m->kind))
		queue_numbers(m->e.tx, 0, m->kind->capacity);
}

static void first_receives(struct actor *a)
{
	must_eq(make_call(a, RECEIVES), 0);
}

static bool second_sends(struct actor *a)
{
	must_eq(make_call(a, SENDS), 0);
	return true;
}

/* Rule 2, and on a rendezvous the other half of rule 3. */
static const struct rule place = {
	.name = "place", .prepare = fill_ends, .first = first_receives, .second = second_sends,
	.finish = drop_ends, .firsts = 1, .seconds = 1, .first_forms = true, .second_forms = true,
	.second_sends = true
};

static void a_receive_is_seen_by_who_gets_its_place(const struct kind *k)
{
	keeps(&place, k);
}

static void make_subscriptions(struct meeting *m)
{
	make_ends(m);
	must_give(0, chan_subscribe(m->e.tx, &m->rx[1]));
}

static void drop_subscriptions(struct meeting *m)
{
	chan_receiver_drop(m->rx[1]);
	drop_ends(m);
}

static const struct rule copies = {
	.name = "copies", .prepare = make_subscriptions, .first = first_sends, .second = second_receives,
	.finish = drop_subscriptions, .firsts = 1, .seconds = 2, .first_forms = true, .second_forms = true,
	.broadcast = true
};

static struct kind broadcast = { .capacity = 3 };

static void a_send_is_seen_by_every_subscription(const struct kind *k)
{
	(void)k;
	keeps(&copies, &broadcast);
}

static void fill_subscriptions(struct meeting *m)
{
	make_subscriptions(m);
	queue_numbers(m->e.tx, 0, m->kind->capacity);
}

static const struct rule common_place = {
	.name = "common place", .prepare = fill_subscriptions, .first = first_receives, .second = second_sends,
	.finish = drop_subscriptions, .firsts = 2, .seconds = 1, .first_forms = true, .second_forms = true,
	.second_sends = true, .broadcast = true
};

static void a_place_is_that_of_every_subscription(const struct kind *k)
{
	(void)k;
	keeps(&common_place, &broadcast);
}

/* -------------------------------------------------- which receive, for which send */

enum { PLACES = 400 };

struct places {
	struct ends e;
	size_t n;
	atomic_size_t owner[PLACES];       /* of message k: who received it, as its how manieth, plus one */
	uint64_t notes[MOST][PLACES + 1];  /* of receiver i, before its nth receive */
	struct worker workers[MOST];
	struct taker { struct places *places; size_t index; } takers[MOST];
};

static void take_places(void *arg)
{
	struct taker *t = arg;
	struct places *p = t->places;
	uint64_t number;

	for (size_t i = 0;; i++) {
		p->notes[t->index][i] = i + 1;
		if (chan_recv(p->e.rx, &number) != 0)
			return;
		if (number < p->n)
			atomic_store_explicit(&p->owner[number], (i * MOST + t->index) + 1, memory_order_relaxed);
	}
}

/* Rule 2 by its numbers: two receivers, and each send looks for the one whose receive
 * its place is from. */
static void each_place_is_from_the_receive_before_it(const struct kind *k)
{
	static struct places p;
	uint64_t number = 0;

	p.n = test_scaled(PLACES);
	p.e = kind_open(k, sizeof(uint64_t));
	for (size_t i = 0; i < p.n; i++)
		atomic_init(&p.owner[i], 0);
	for (size_t i = 0; i < MOST; i++) {
		p.takers[i].places = &p;
		p.takers[i].index = i;
		worker_start(&p.workers[i], take_places, &p.takers[i]);
	}
	for (; number < p.n; number++) {
		size_t owner, before = (size_t)number - k->capacity;

		must_eq(chan_send(p.e.tx, &number), 0);
		if (number < k->capacity)
			continue;
		wait_for((owner = atomic_load_explicit(&p.owner[before], memory_order_relaxed)) != 0);
		must_eq(p.notes[(owner - 1) % MOST][(owner - 1) / MOST], (owner - 1) / MOST + 1);
	}
	chan_sender_drop(p.e.tx);
	for (size_t i = 0; i < MOST; i++)
		worker_join(&p.workers[i]);
	chan_receiver_drop(p.e.rx);
}

/* ----------------------------------------------------------------- the destructor */

/* The thread that destroys the first's message, whose number is 0, sees it. */
static _Thread_local bool destroyed_first;

static void note_destroyed(void *msg, void *arg)
{
	uint64_t number;

	(void)arg;
	memcpy(&number, msg, sizeof(number));
	destroyed_first |= number == 0;
}

static void make_destroying(struct meeting *m)
{
	chan_attr_t attr;

	kind_attr(m->kind, &attr);
	must_give(0, chan_attr_setdestructor(&attr, note_destroyed, NULL));
	if (m->kind->drop_oldest && m->round % 3 == 1)
		must_give(0, chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST));
	m->e = attr_open(&attr, sizeof(uint64_t));
}

static void first_tries(struct actor *a)
{
	uint64_t number = 0;

	chan_try_send(a->meeting->e.tx, &number);
}

/* By overwriting, by receiving into nothing, by leaving. */
static bool second_destroys(struct actor *a)
{
	struct meeting *m = a->meeting;
	uint64_t number = 1;

	destroyed_first = false;
	for (size_t i = 0; m->kind->drop_oldest && i <= m->kind->capacity; i++)
		if (m->round % 3 == 0)
			chan_force_send(m->e.tx, &number, NULL, NULL);
		else if (m->round % 3 == 1)
			chan_try_send(m->e.tx, &number); /* of a channel that drops its oldest */
	if (m->round % 2 == 0) {
		chan_try_recv(m->e.rx, NULL);
	} else {
		chan_receiver_drop(m->e.rx);
		m->e.rx = NULL;
	}
	return destroyed_first;
}

static const struct rule destruction = {
	.name = "destruction", .prepare = make_destroying, .first = first_tries, .second = second_destroys,
	.finish = drop_ends, .firsts = 1, .seconds = 1
};

static void a_send_is_seen_by_the_destructor(const struct kind *k)
{
	keeps(&destruction, k);
}

/* ----------------------------------------------------------- the end of a channel */

static void first_closes(struct actor *a)
{
	chan_close(a->meeting->e.c);
}

static bool second_finds_the_end(struct actor *a)
{
	while (make_call(a, RECEIVES) == 0)
		continue;
	return true;
}

static bool second_is_refused(struct actor *a)
{
	while (make_call(a, SENDS) == 0)
		continue;
	return true;
}

static const struct rule closing = {
	.name = "closing", .prepare = make_ends, .first = first_closes, .second = second_finds_the_end,
	.finish = drop_ends, .firsts = 1, .seconds = 1, .second_forms = true
};

static void a_close_is_seen_by_receivers(const struct kind *k)
{
	keeps(&closing, k);
}

static const struct rule refusal = {
	.name = "refusal", .prepare = fill_ends, .first = first_closes, .second = second_is_refused,
	.finish = drop_ends, .firsts = 1, .seconds = 1, .second_forms = true, .second_sends = true
};

static void a_close_is_seen_by_senders(const struct kind *k)
{
	keeps(&refusal, k);
}

static void make_two_senders(struct meeting *m)
{
	make_ends(m);
	chan_sender_clone(m->e.tx);
}

static void drop_receiver(struct meeting *m)
{
	chan_receiver_drop(m->e.rx);
}

static void first_drops_sender(struct actor *a)
{
	chan_sender_drop(a->meeting->e.tx);
}

static const struct rule last_sender = {
	.name = "last sender", .prepare = make_two_senders, .first = first_drops_sender,
	.second = second_finds_the_end, .finish = drop_receiver, .firsts = 2, .seconds = 1,
	.second_forms = true
};

static void the_drop_of_each_sender_is_seen(const struct kind *k)
{
	keeps(&last_sender, k);
}

static void make_two_receivers(struct meeting *m)
{
	fill_ends(m);
	chan_receiver_clone(m->e.rx);
}

static void drop_sender(struct meeting *m)
{
	chan_sender_drop(m->e.tx);
}

static void first_drops_receiver(struct actor *a)
{
	chan_receiver_drop(a->meeting->e.rx);
}

static const struct rule last_receiver = {
	.name = "last receiver", .prepare = make_two_receivers, .first = first_drops_receiver,
	.second = second_is_refused, .finish = drop_sender, .firsts = 2, .seconds = 1,
	.second_forms = true, .second_sends = true
};

static void the_drop_of_each_receiver_is_seen(const struct kind *k)
{
	keeps(&last_receiver, k);
}

/* Whose allocator gets the memory back: counted without ordering anything. */
struct estate {
	struct ends e;
	chan_weak_sender_t *weak;
	atomic_size_t blocks;
	uint64_t plain[3];
	uint64_t seen;
	struct worker workers[3];
};

static void *lend(size_t size, size_t alignment, void *arg)
{
	struct estate *s = arg;
	void *p = NULL;

	atomic_fetch_add_explicit(&s->blocks, 1, memory_order_relaxed);
	return posix_memalign(&p, alignment < sizeof(p) ? sizeof(p) : alignment, size) == 0 ? p : NULL;
}

static void take_back(void *p, size_t size, size_t alignment, void *arg)
{
	struct estate *s = arg;

	(void)size;
	(void)alignment;
	free(p);
	if (atomic_fetch_sub_explicit(&s->blocks, 1, memory_order_relaxed) == 1)
		s->seen = s->plain[0] + s->plain[1] + s->plain[2];
}

static void leave_sender(void *arg)
{
	struct estate *s = arg;

	s->plain[0] = VALUE;
	chan_sender_drop(s->e.tx);
}

static void leave_receiver(void *arg)
{
	struct estate *s = arg;

	s->plain[1] = VALUE;
	chan_receiver_drop(s->e.rx);
}

static void leave_weak_sender(void *arg)
{
	struct estate *s = arg;

	s->plain[2] = VALUE;
	chan_weak_sender_drop(s->weak);
}

static void each_drop_is_seen_by_who_frees(const struct kind *k)
{
	static void (*const leave[3])(void *arg) = { leave_sender, leave_receiver, leave_weak_sender };
	size_t rounds = kind_rounds(k, 40);

	for (size_t round = 0; round < rounds; round++) {
		struct estate s = { .seen = 0 };
		chan_allocator_t allocator = { lend, take_back, &s };
		chan_attr_t attr;

		atomic_init(&s.blocks, 0);
		kind_attr(k, &attr);
		must_give(0, chan_attr_setallocator(&attr, &allocator));
		s.e = attr_open(&attr, sizeof(uint64_t));
		s.weak = chan_sender_downgrade(s.e.tx);
		for (size_t i = 0; i < 3; i++)
			worker_start(&s.workers[i], leave[(i + round) % 3], &s);
		for (size_t i = 0; i < 3; i++)
			worker_join(&s.workers[i]);
		must_eq(s.seen, 3 * VALUE);
	}
}

/* ------------------------------------------------------------------- cancellation */

static void make_token(struct meeting *m)
{
	fill_ends(m);
	must_give(0, chan_cancel_create(NULL, &m->root));
	must_give(0, chan_cancel_create(m->root, &m->token));
	m->rx[0] = chan_cancel_receiver(m->token);
}

static void drop_token(struct meeting *m)
{
	chan_cancel_drop(m->token);
	chan_cancel_drop(m->root);
	drop_ends(m);
}

static void first_triggers(struct actor *a)
{
	struct meeting *m = a->meeting;

	chan_cancel_trigger(m->round % 2 ? m->token : m->root);
}

/* From its receiver, in every form, or by asking. */
static bool second_hears_of_it(struct actor *a)
{
	if (a->form == FORCES)
		wait_for(chan_cancel_is_triggered(a->meeting->token));
	else
		must_eq(make_call(a, RECEIVES), EPIPE);
	return true;
}

static const struct rule trigger = {
	.name = "trigger", .prepare = make_token, .first = first_triggers, .second = second_hears_of_it,
	.finish = drop_token, .firsts = 1, .seconds = 1, .second_forms = true,
	.broadcast = true
};

static void a_trigger_is_seen_by_the_token_s_receivers(const struct kind *k)
{
	(void)k;
	keeps(&trigger, &broadcast);
}

static bool second_is_cancelled(struct actor *a)
{
	struct meeting *m = a->meeting;
	uint64_t number = 1;

	must_eq(m->round % 3 ? chan_send_cancel(m->e.tx, &number, m->token)
	                     : chan_send_cancel_timeout(m->e.tx, &number, m->token, CHAN_FOREVER),
	        ECANCELED);
	return true;
}

static const struct rule cancelled_send = {
	.name = "cancelled send", .prepare = make_token, .first = first_triggers,
	.second = second_is_cancelled, .finish = drop_token, .firsts = 1, .seconds = 1,
	.second_sleeps = true
};

static void a_trigger_is_seen_by_senders(const struct kind *k)
{
	keeps(&cancelled_send, k);
}

static void make_token_beside(struct meeting *m)
{
	make_ends(m);
	must_give(0, chan_cancel_create(NULL, &m->root));
	must_give(0, chan_cancel_create(m->root, &m->token));
}

static bool second_gives_up(struct actor *a)
{
	struct meeting *m = a->meeting;
	uint64_t number;

	must_eq(m->round % 3 ? chan_recv_cancel(m->e.rx, &number, m->token)
	                     : chan_recv_cancel_timeout(m->e.rx, &number, m->token, CHAN_FOREVER),
	        ECANCELED);
	return true;
}

static const struct rule cancelled_receive = {
	.name = "cancelled receive", .prepare = make_token_beside, .first = first_triggers,
	.second = second_gives_up, .finish = drop_token, .firsts = 1, .seconds = 1,
	.second_sleeps = true
};

static void a_trigger_is_seen_by_receivers(const struct kind *k)
{
	keeps(&cancelled_receive, k);
}

/* ------------------------------------------------------------------------- wakers */

/* In whose thread the callback ran. */
static _Thread_local bool called_here;

static void note_call(void *arg)
{
	(void)arg;
	called_here = true;
}

static void make_waker(struct meeting *m)
{
	make_ends(m);
	chan_waker_init(&m->waker, note_call, m);
}

static void drop_waker(struct meeting *m)
{
	chan_waker_cancel(&m->waker);
	drop_ends(m);
}

static void first_registers(struct actor *a)
{
	struct meeting *m = a->meeting;

	chan_poll_recv(m->e.rx, NULL, &m->waker);
}

static bool second_calls(struct actor *a)
{
	uint64_t number = 1;

	called_here = false;
	must_eq(chan_try_send(a->meeting->e.tx, &number), 0);
	return called_here;
}

static const struct rule callback = {
	.name = "callback", .prepare = make_waker, .first = first_registers, .second = second_calls,
	.finish = drop_waker, .firsts = 1, .seconds = 1
};

static void a_registration_is_seen_by_the_callback(const struct kind *k)
{
	keeps(&callback, k);
}

static void write_in_callback(void *arg)
{
	struct meeting *m = arg;

	if (m->plant != WRONG_SIDE)
		write_plain(&m->firsts[0]);
	set(&m->called);
}

static void make_registered(struct meeting *m)
{
	make_ends(m);
	chan_waker_init(&m->waker, write_in_callback, m);
	must_give(EAGAIN, chan_poll_recv(m->e.rx, NULL, &m->waker));
}

static void first_calls(struct actor *a)
{
	uint64_t number = 1;

	must_eq(chan_try_send(a->meeting->e.tx, &number), 0);
}

static bool second_cancels(struct actor *a)
{
	struct meeting *m = a->meeting;

	chan_waker_cancel(&m->waker);
	return is_set(&m->called) || m->plant == WRONG_SIDE;
}

static const struct rule cancelled_waker = {
	.name = "cancelled waker", .prepare = make_registered, .first = first_calls, .second = second_cancels,
	.finish = drop_waker, .firsts = 1, .seconds = 1, .in_callback = true
};

static void a_callback_is_seen_by_who_cancels(const struct kind *k)
{
	keeps(&cancelled_waker, k);
}

/* ----------------------------------------------------------------- planted races */

static const struct rule *const rules[] = {
	/* clang-format off */
	&message, &place, &copies, &common_place, &destruction, &closing, &refusal, &last_sender,
	&last_receiver, &trigger, &cancelled_send, &cancelled_receive, &callback, &cancelled_waker,
	/* clang-format on */
};

/* One meeting whose write is at the wrong place; without a report it ends with 0. */
static int planted_race(const char *name)
{
	struct kind array = { .flavor = CHAN_FLAVOR_ARRAY, .capacity = 3, .destroys = true, .forces = true };
	struct meeting m = { .kind = &array, .timing = FIRST_BEFORE, .plant = WRONG_SIDE };

	m.rule = &message;
	if (strcmp(name, "no call") == 0)
		m.plant = NO_CALL;
	for (size_t i = 0; i < COUNT_OF(rules); i++)
		if (strcmp(name, rules[i]->name) == 0)
			m.rule = rules[i];
	if (m.rule->broadcast)
		m.kind = &broadcast;
	hold_meeting(&m);
	return 0;
}

/* The exit status of such a run, whose report goes nowhere. */
static int status_of_run(const char *name)
{
	int status;
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDERR_FILENO);
		setenv("CHAN_PLANTED_RACE", name, 1);
		setenv("TSAN_OPTIONS", "exitcode=99", 1);
		execl("/proc/self/exe", "test_memory_model", (char *)NULL);
		_exit(1);
	}
	must_eq(waitpid(pid, &status, 0), pid);
	must(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_planted_race_is_reported(const struct kind *k)
{
	(void)k;
	for (size_t i = 0; i < COUNT_OF(rules); i++)
		if (status_of_run(rules[i]->name) != 99)
			test_fail(__FILE__, __LINE__, "no report: %s", rules[i]->name);
	must_eq(status_of_run("no call"), 99);
}

/* -------------------------------------------------------------------- the suite */

static const struct behaviour behaviours[] = {
	BEHAVIOUR(a_send_is_seen_by_its_receive, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receive_is_seen_by_who_gets_its_place, NEEDS_FULL),
	BEHAVIOUR(a_send_is_seen_by_every_subscription, RUNS_ONCE),
	BEHAVIOUR(a_place_is_that_of_every_subscription, RUNS_ONCE),
	BEHAVIOUR(each_place_is_from_the_receive_before_it, NEEDS_LIMIT | NEEDS_RECEIVERS),
	BEHAVIOUR(a_send_is_seen_by_the_destructor,
	          NEEDS_QUEUE | NEEDS_DESTRUCTOR | NEEDS_SENDERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_close_is_seen_by_receivers, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_close_is_seen_by_senders, NEEDS_NOTHING),
	BEHAVIOUR(the_drop_of_each_sender_is_seen, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_drop_of_each_receiver_is_seen, NEEDS_NOTHING),
	BEHAVIOUR(each_drop_is_seen_by_who_frees, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_trigger_is_seen_by_the_token_s_receivers, RUNS_ONCE),
	BEHAVIOUR(a_trigger_is_seen_by_senders, NEEDS_FULL),
	BEHAVIOUR(a_trigger_is_seen_by_receivers, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_registration_is_seen_by_the_callback, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_callback_is_seen_by_who_cancels, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_planted_race_is_reported, RUNS_ONCE), /* the last: ThreadSanitizer only */
};

int main(void)
{
	static struct kind kinds[MAX_KINDS];
	const char *planted = getenv("CHAN_PLANTED_RACE");
	size_t n = COUNT_OF(behaviours) - !test_under_thread_sanitizer(), n_kinds = 0;

	broadcast.flavor = flavor_named("broadcast");
	if (planted != NULL)
		return planted_race(planted);
	n_kinds = kind_discover(kinds, CHAN_MANY, CHAN_MANY);
	n_kinds += kind_discover(kinds + n_kinds, CHAN_SINGLE, CHAN_MANY);
	n_kinds += kind_discover(kinds + n_kinds, CHAN_MANY, CHAN_SINGLE);
	return matrix_run("memory model", behaviours, n, kinds, n_kinds);
}
