/*
 * select_race.c - selects beside other threads: exactly one case happens, and
 * those that did not leave no trace
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "select.h"

/* Every number that was sent must have come out once. */
struct ledger {
	atomic_uchar *seen;
	size_t n;
};

static void ledger_init(struct ledger *l, size_t n)
{
	l->seen = calloc(n, sizeof(*l->seen));
	l->n = n;
	must(l->seen != NULL);
}

static void ledger_mark(struct ledger *l, uint64_t number)
{
	must(number < l->n);
	must_eq(atomic_fetch_add(&l->seen[number], 1), 0);
}

/* Of the numbers from `first` on exactly `n` have come out, in a row. */
static void ledger_check(struct ledger *l, size_t first, size_t n, size_t upto)
{
	for (size_t i = first; i < upto; i++)
		must_eq(atomic_load(&l->seen[i]), i < first + n);
}

/* Waits a little by looking at the clock, finer than the kernel wakes. */
static void spin_for(uint64_t ns)
{
	uint64_t end = now_ns() + ns;

	while (now_ns() < end)
		continue;
}

/* ------------------------------------------------------------- exactly one case */

enum { WAYS = 4 };

struct taker {
	chan_receiver_t *rx;
	struct ledger *ledger;
	struct worker worker;
};

static void take_all(void *arg)
{
	struct taker *t = arg;
	uint64_t number;

	while (chan_recv(t->rx, &number) == 0)
		ledger_mark(t->ledger, number);
}

/* Each number is offered to four channels at once, and arrives on one. */
static void a_message_offered_to_many_is_sent_once(const struct kind *k)
{
	size_t n = test_scaled(4000);
	struct ends e[WAYS];
	struct taker takers[WAYS];
	chan_case_t cases[WAYS];
	struct ledger ledger;
	uint64_t number;

	ledger_init(&ledger, n);
	for (size_t i = 0; i < WAYS; i++) {
		e[i] = kind_open(k, 8);
		takers[i] = (struct taker){ .rx = e[i].rx, .ledger = &ledger };
		cases[i] = case_send(e[i].tx, &number);
		worker_start(&takers[i].worker, take_all, &takers[i]);
	}
	for (size_t i = 0; i < n; i++) {
		struct pick p = pick_of(cases, WAYS, 0, (enum pick_form)(i % PICK_FORMS));

		number = i;
		pick_here(&p);
		must_have_picked(&p, p.which, 0);
		must_eq(number, i);
		number = UINT64_MAX; /* nobody looks at it any more */
	}
	for (size_t i = 0; i < WAYS; i++) {
		chan_sender_drop(e[i].tx);
		worker_join(&takers[i].worker);
		chan_receiver_drop(e[i].rx);
	}
	ledger_check(&ledger, 0, n, n);
	free(ledger.seen);
}

enum { BYTES = 24 };

struct giver {
	chan_sender_t *tx;
	size_t first, n;
	struct worker worker;
};

static void give_all(void *arg)
{
	struct giver *g = arg;
	unsigned char msg[BYTES];

	for (size_t i = 0; i < g->n; i++) {
		uint64_t number = g->first + i;

		memset(msg, (int)(number % 200), sizeof(msg));
		memcpy(msg, &number, sizeof(number));
		must_give(0, chan_send(g->tx, msg));
	}
	chan_sender_drop(g->tx);
}

static void expect_filled(const unsigned char *msg, unsigned char value, size_t from)
{
	for (size_t i = from; i < BYTES; i++)
		must_eq(msg[i], value);
}

/* From four busy channels: one message each time, and the buffers of the
 * other three stay as they were, byte for byte. */
static void a_select_takes_one_message_at_a_time(const struct kind *k)
{
	size_t n = test_scaled(1500), open = WAYS, taken = 0;
	struct ends e[WAYS];
	struct giver givers[WAYS];
	unsigned char msgs[WAYS][BYTES];
	chan_case_t cases[WAYS];
	struct ledger ledger;

	ledger_init(&ledger, WAYS * n);
	memset(msgs, 0xee, sizeof(msgs));
	for (size_t i = 0; i < WAYS; i++) {
		e[i] = kind_open(k, BYTES);
		givers[i] = (struct giver){ .tx = e[i].tx, .first = i * n, .n = n };
		cases[i] = case_recv(e[i].rx, msgs[i]);
		worker_start(&givers[i].worker, give_all, &givers[i]);
	}
	for (size_t round = 0; open > 0; round++) {
		struct pick p = pick_of(cases, WAYS, 0, (enum pick_form)(round % PICK_FORMS));
		uint64_t number;

		pick_here(&p);
		must_eq(p.result, 0);
		for (size_t i = 0; i < WAYS; i++)
			if (i != p.which || cases[i].status == EPIPE)
				expect_filled(msgs[i], 0xee, 0);
		if (cases[p.which].status == EPIPE) {
			must_have_picked(&p, p.which, EPIPE);
			cases[p.which].receiver = NULL;
			open--;
			continue;
		}
		must_have_picked(&p, p.which, 0);
		memcpy(&number, msgs[p.which], sizeof(number));
		expect_filled(msgs[p.which], (unsigned char)(number % 200), sizeof(number));
		must(number / n == p.which);
		ledger_mark(&ledger, number);
		memset(msgs[p.which], 0xee, BYTES);
		taken++;
	}
	must_eq(taken, WAYS * n);
	for (size_t i = 0; i < WAYS; i++) {
		worker_join(&givers[i].worker);
		chan_receiver_drop(e[i].rx);
	}
	free(ledger.seen);
}

/* ---------------------------------------------------------------- any select at all */

enum { CHANNELS = 3, ACTORS = 4, CASES = 6 };

/* Channels of one kind on which actors do as the dice say. */
struct scene {
	struct ends e[CHANNELS];
	struct ledger ledger;
	size_t most; /* numbers of one actor */
};

struct actor {
	struct scene *scene;
	struct dice dice;
	size_t index, sent, rounds;
	uint64_t out, in[CASES];
	struct worker worker;
};

static void act_by_select(struct actor *a)
{
	chan_case_t cases[CASES];
	size_t n = 1 + (size_t)dice_roll(&a->dice, CASES);
	unsigned flags = (unsigned)dice_roll(&a->dice, 8);
	struct pick p = pick_of(cases, n, flags < 4 ? flags : 0, dice_roll(&a->dice, 3) ? PICK_TIMEOUT : PICK_TRY);

	p.timeout_ns = dice_roll(&a->dice, 50 * CHAN_USEC);
	for (size_t i = 0; i < n; i++) {
		struct ends *e = &a->scene->e[dice_roll(&a->dice, CHANNELS)];

		a->in[i] = UINT64_MAX;
		cases[i] = dice_roll(&a->dice, 2) ? case_send(e->tx, &a->out) : case_recv(e->rx, &a->in[i]);
	}
	pick_here(&p);
	must(p.result == 0 || p.result == (p.form == PICK_TRY ? EAGAIN : ETIMEDOUT));
	if (p.result == 0 && !(flags < 4 && (flags & CHAN_SELECT_READY))) {
		must_have_picked(&p, p.which, 0);
		if (cases[p.which].sender)
			a->sent++;
		else
			ledger_mark(&a->scene->ledger, a->in[p.which]);
		a->in[p.which] = UINT64_MAX;
	}
	for (size_t i = 0; i < n; i++)
		must_eq(a->in[i], UINT64_MAX);
	memset(cases, 0xa5, sizeof(cases));
}

static void act_by_call(struct actor *a)
{
	struct ends *e = &a->scene->e[dice_roll(&a->dice, CHANNELS)];
	uint64_t timeout = dice_roll(&a->dice, 30 * CHAN_USEC), number;

	switch (dice_roll(&a->dice, 4)) {
	case 0: a->sent += chan_try_send(e->tx, &a->out) == 0; break;
	case 1: a->sent += chan_send_timeout(e->tx, &a->out, timeout) == 0; break;
	case 2:
		if (chan_try_recv(e->rx, &number) == 0)
			ledger_mark(&a->scene->ledger, number);
		break;
	default:
		if (chan_recv_timeout(e->rx, &number, timeout) == 0)
			ledger_mark(&a->scene->ledger, number);
	}
}

static void act(void *arg)
{
	struct actor *a = arg;

	for (size_t i = 0; i < a->rounds; i++) {
		a->out = a->index * a->scene->most + a->sent;
		if (dice_roll(&a->dice, 4))
			act_by_select(a);
		else
			act_by_call(a);
		a->out = UINT64_MAX;
	}
}

static void selects_of_all_sorts_lose_and_repeat_nothing(const struct kind *k)
{
	struct actor actors[ACTORS];
	struct scene scene;
	uint64_t number;

	scene.most = test_scaled(2000);
	ledger_init(&scene.ledger, ACTORS * scene.most);
	for (size_t i = 0; i < CHANNELS; i++)
		scene.e[i] = kind_open(k, 8);
	for (size_t i = 0; i < ACTORS; i++) {
		actors[i] = (struct actor){ .scene = &scene, .dice = { 31 + i }, .index = i, .rounds = scene.most };
		worker_start(&actors[i].worker, act, &actors[i]);
	}
	for (size_t i = 0; i < ACTORS; i++)
		worker_join(&actors[i].worker);
	for (size_t i = 0; i < CHANNELS; i++) {
		while (chan_try_recv(scene.e[i].rx, &number) == 0)
			ledger_mark(&scene.ledger, number);
		ends_drop(&scene.e[i]);
	}
	for (size_t i = 0; i < ACTORS; i++)
		ledger_check(&scene.ledger, i * scene.most, actors[i].sent, (i + 1) * scene.most);
	free(scene.ledger.seen);
}

/* ---------------------------------------------------------------- no wake-up is lost */

struct party {
	struct ends *e;
	struct ledger *ledger;
	size_t first, n;
	struct worker worker;
};

static void select_and_send(void *arg)
{
	struct party *p = arg;
	uint64_t number;
	chan_case_t cases[CHANNELS];

	for (size_t i = 0; i < CHANNELS; i++)
		cases[i] = case_send(p->e[i].tx, &number);
	for (size_t i = 0; i < p->n; i++) {
		struct pick pick = pick_of(cases, CHANNELS, 0, i % 2 ? PICK_PLAIN : PICK_NULL_DEADLINE);

		number = p->first + i;
		pick_here(&pick);
		must_have_picked(&pick, pick.which, 0);
	}
}

static void select_and_receive(void *arg)
{
	struct party *p = arg;
	uint64_t number[CHANNELS];
	chan_case_t cases[CHANNELS];
	size_t open = CHANNELS;

	for (size_t i = 0; i < CHANNELS; i++)
		cases[i] = case_recv(p->e[i].rx, &number[i]);
	while (open > 0) {
		struct pick pick = pick_of(cases, CHANNELS, 0, open % 2 ? PICK_PLAIN : PICK_FOREVER);

		pick_here(&pick);
		must_eq(pick.result, 0);
		if (cases[pick.which].status == EPIPE) {
			cases[pick.which] = case_none();
			open--;
		} else {
			must_have_picked(&pick, pick.which, 0);
			ledger_mark(p->ledger, number[pick.which]);
		}
	}
}

static void send_plainly(void *arg)
{
	struct party *p = arg;

	for (size_t i = 0; i < p->n; i++) {
		uint64_t number = p->first + i;

		must_give(0, chan_send(p->e[0].tx, &number));
	}
}

static void receive_plainly(void *arg)
{
	struct party *p = arg;
	uint64_t number;

	while (chan_recv(p->e[CHANNELS - 1].rx, &number) == 0)
		ledger_mark(p->ledger, number);
}

/* Nobody has a deadline: one lost wake-up, and this hangs. */
static void selects_on_both_sides_lose_no_wake_up(const struct kind *k)
{
	static void (*const sides[])(void *) = {
		select_and_send, select_and_send, send_plainly,
		select_and_receive, select_and_receive, receive_plainly
	};
	enum { SENDERS = 3, PARTIES = COUNT_OF(sides) };
	size_t n = test_scaled(2500);
	struct ends e[CHANNELS];
	struct party parties[PARTIES];
	struct ledger ledger;

	ledger_init(&ledger, SENDERS * n);
	for (size_t i = 0; i < CHANNELS; i++)
		e[i] = kind_open(k, 8);
	for (size_t i = 0; i < PARTIES; i++) {
		parties[i] = (struct party){ .e = e, .ledger = &ledger, .first = i * n, .n = n };
		worker_start(&parties[i].worker, sides[i], &parties[i]);
	}
	for (size_t i = 0; i < SENDERS; i++)
		worker_join(&parties[i].worker);
	for (size_t i = 0; i < CHANNELS; i++)
		chan_close(e[i].c);
	for (size_t i = SENDERS; i < PARTIES; i++)
		worker_join(&parties[i].worker);
	for (size_t i = 0; i < CHANNELS; i++)
		ends_drop(&e[i]);
	ledger_check(&ledger, 0, SENDERS * n, SENDERS * n);
	free(ledger.seen);
}

/* ------------------------------------------------------------------------- no trace */

/* Two lanes: a select waits on both, a plain call only on the second. */
struct rivals {
	struct lane lane[2];
	chan_case_t cases[2];
	struct pick pick;
	struct call call;
};

static void rivals_open(struct rivals *r, const struct kind *k, bool sends)
{
	lane_open(&r->lane[0], k, sends, false);
	lane_open(&r->lane[1], k, sends, false);
}

static void rivals_prepare(struct rivals *r, enum pick_form form)
{
	struct lane *l = &r->lane[1];

	r->cases[0] = lane_case(&r->lane[0]);
	r->cases[1] = lane_case(l);
	r->pick = pick_of(r->cases, 2, 0, form);
	r->call = l->sends ? call_send(l->e.tx, CALL_PLAIN, LANE_MESSAGE) : call_recv(l->e.rx, CALL_PLAIN);
}

static void rivals_close(struct rivals *r)
{
	lane_close(&r->lane[0]);
	lane_close(&r->lane[1]);
}

static void expect_served(struct rivals *r)
{
	call_finish(&r->call);
	must(r->call.result == 0 && r->call.value == LANE_MESSAGE);
}

/* Takes the place of the case: what a lane was fed is used up. */
static void use_up(struct lane *l)
{
	uint64_t number = LANE_MESSAGE;

	must_give(0, l->sends ? chan_send(l->e.tx, &number) : chan_recv(l->e.rx, &number));
	must_eq(number, LANE_MESSAGE);
}

/* It picked the first; the second still serves who waits there, whether he came
 * before the select or after it. */
static void leaves_the_other_to_who_waits(const struct kind *k, bool sends)
{
	struct rivals r;

	rivals_open(&r, k, sends);
	for (unsigned form = 0; form < PICK_FORMS; form++)
		for (int call_first = 0; call_first < 2; call_first++) {
			rivals_prepare(&r, (enum pick_form)form);
			if (call_first)
				call_start_asleep(&r.call);
			pick_start_asleep(&r.pick);
			if (!call_first)
				call_start_asleep(&r.call);
			lane_feed(&r.lane[0]);
			pick_finish(&r.pick);
			must_have_picked(&r.pick, 0, 0);
			must(!atomic_load(&r.call.worker.ended));
			must_eq(r.lane[1].msg, sends ? LANE_MESSAGE : 0);
			lane_feed(&r.lane[1]);
			expect_served(&r);
		}
	rivals_close(&r);
}

static void a_receive_not_picked_leaves_no_trace(const struct kind *k) { leaves_the_other_to_who_waits(k, false); }
static void a_send_not_picked_leaves_no_trace(const struct kind *k)    { leaves_the_other_to_who_waits(k, true); }

struct feeding {
	struct lane *lane;
	struct gate *gate;
	struct worker worker;
};

static void feed_through_gate(void *arg)
{
	struct feeding *f = arg;

	gate_pass(f->gate);
	lane_feed(f->lane);
}

/* Both lanes at the same instant.  If the select takes the first, what came by
 * the second belongs to the plain call, also if the select had been woken for it. */
static void shares_what_comes_at_once(const struct kind *k, bool sends)
{
	struct rivals r;

	rivals_open(&r, k, sends);
	for (size_t i = 0; i < test_scaled(80); i++) {
		struct feeding feeding[2];
		struct gate gate;

		gate_init(&gate, 2);
		rivals_prepare(&r, (enum pick_form)(i % PICK_FORMS));
		pick_start_asleep(&r.pick);
		call_start_asleep(&r.call);
		for (size_t j = 0; j < 2; j++) {
			feeding[j] = (struct feeding){ .lane = &r.lane[j], .gate = &gate };
			worker_start(&feeding[j].worker, feed_through_gate, &feeding[j]);
		}
		pick_finish(&r.pick);
		must_have_picked(&r.pick, r.pick.which, 0);
		if (r.pick.which == 1) {
			use_up(&r.lane[0]);
			worker_join(&feeding[1].worker);
			lane_feed(&r.lane[1]);
		} else {
			worker_join(&feeding[1].worker);
		}
		expect_served(&r);
		worker_join(&feeding[0].worker);
		must_eq(chan_len(r.lane[0].e.c), sends ? k->capacity : 0);
		must_eq(chan_len(r.lane[1].e.c), sends ? k->capacity : 0);
	}
	rivals_close(&r);
}

static void two_messages_at_once_reach_two_waiters(const struct kind *k) { shares_what_comes_at_once(k, false); }
static void room_in_two_at_once_serves_two_waiters(const struct kind *k) { shares_what_comes_at_once(k, true); }

/* The select may time out just when it is notified: the message is for the other. */
static void a_notified_select_that_times_out_passes_it_on(const struct kind *k)
{
	struct dice dice = { 41 };

	for (int sends = 0; sends < (kind_never_fills(k) ? 1 : 2); sends++) {
		struct rivals r;
		bool call_first;

		rivals_open(&r, k, sends);
		for (size_t i = 0; i < test_scaled(120); i++) {
			rivals_prepare(&r, i % 2 ? PICK_TIMEOUT : PICK_DEADLINE);
			r.pick.timeout_ns = dice_roll(&dice, 60 * CHAN_USEC);
			call_first = dice_roll(&dice, 2) == 0;
			if (call_first)
				call_start_asleep(&r.call);
			pick_start(&r.pick);
			if (!call_first)
				call_start(&r.call);
			spin_for(dice_roll(&dice, 90 * CHAN_USEC));
			lane_feed(&r.lane[1]);
			pick_finish(&r.pick);
			if (r.pick.result == ETIMEDOUT)
				must_have_refused(&r.pick, ETIMEDOUT);
			else {
				must_have_picked(&r.pick, 1, 0);
				lane_feed(&r.lane[1]);
			}
			expect_served(&r);
			must_eq(chan_len(r.lane[1].e.c), sends ? k->capacity : 0);
		}
		rivals_close(&r);
	}
}

/* ------------------------------------------------------------------ poisoned frames */

enum { POISON = 0xa5, FRAMES = 16 };

/* All that one select was given, and that nobody may touch once it is back. */
struct frame {
	uint64_t in[2], out[2];
	chan_case_t cases[4];
};

struct pounding {
	struct ends e;
	bool sends;
	atomic_bool stop;
	struct worker worker;
};

/* Keeps the other side of a channel busy, and a channel without a limit short. */
static void pound(void *arg)
{
	struct pounding *p = arg;
	uint64_t number = LANE_MESSAGE;

	while (!atomic_load(&p->stop)) {
		if (p->sends && chan_len(p->e.c) > 64)
			sched_yield();
		else if (p->sends)
			chan_send_timeout(p->e.tx, &number, 20 * CHAN_USEC);
		else if (chan_recv_timeout(p->e.rx, &number, 20 * CHAN_USEC) == 0)
			must_eq(number, LANE_MESSAGE);
	}
}

static bool is_poison(const void *bytes, size_t n)
{
	const unsigned char *b = bytes;

	return b[0] == POISON && memcmp(b, b + 1, n - 1) == 0;
}

static void select_in_frame(struct frame *f, struct pounding *p, struct dice *dice)
{
	struct pick pick = pick_of(f->cases, 4, 0, PICK_TIMEOUT);

	for (size_t i = 0; i < 2; i++) {
		f->in[i] = LANE_MESSAGE;
		f->out[i] = LANE_MESSAGE;
		f->cases[i] = case_recv(p[i].e.rx, &f->in[i]);
		f->cases[2 + i] = case_send(p[2 + i].e.tx, &f->out[i]);
	}
	pick.timeout_ns = dice_roll(dice, 40 * CHAN_USEC);
	pick_here(&pick);
	must(pick.result == 0 || pick.result == ETIMEDOUT);
	for (size_t i = 0; i < 2; i++)
		must(f->in[i] == LANE_MESSAGE && f->out[i] == LANE_MESSAGE);
}

/* A frame that is gone and overwritten, with the library's below it. */
static void __attribute__((noinline)) select_on_stack(struct pounding *p, struct dice *dice)
{
	struct frame f;

	select_in_frame(&f, p, dice);
}

static void __attribute__((noinline)) trample_the_stack(void)
{
	volatile unsigned char stack[4096];

	for (size_t i = 0; i < sizeof(stack); i++)
		stack[i] = POISON;
}

/* Threads come to cases of selects that have returned: they find none. */
static void nobody_touches_a_frame_that_is_gone(const struct kind *k)
{
	static struct frame frames[FRAMES];
	struct pounding p[4];
	struct dice dice = { 51 };

	memset(frames, POISON, sizeof(frames));
	for (size_t i = 0; i < 4; i++) {
		p[i].e = kind_open(k, 8);
		p[i].sends = i < 2;
		atomic_init(&p[i].stop, false);
		worker_start(&p[i].worker, pound, &p[i]);
	}
	for (size_t i = 0; i < test_scaled(2000); i++) {
		struct frame *f = &frames[i % FRAMES];

		must(is_poison(f, sizeof(*f)));
		select_in_frame(f, p, &dice);
		memset(f, POISON, sizeof(*f));
		select_on_stack(p, &dice);
		trample_the_stack();
	}
	for (size_t i = 0; i < 4; i++) {
		atomic_store(&p[i].stop, true);
		worker_join(&p[i].worker);
		ends_drop(&p[i].e);
	}
	must(is_poison(frames, sizeof(frames)));
}

/* ------------------------------------------------------- what is ready all the time */

/* A token (for sends: a free place) goes from one channel to the other and
 * back, and appears in the one before it leaves the other. */
struct shuttle {
	struct ends e[2];
	bool sends;
	atomic_bool stop;
	struct worker worker;
};

static void put(struct shuttle *s, size_t at)
{
	uint64_t number = LANE_MESSAGE;

	must_give(0, s->sends ? chan_recv(s->e[at].rx, &number) : chan_send(s->e[at].tx, &number));
	must_eq(number, LANE_MESSAGE);
}

static void take(struct shuttle *s, size_t at)
{
	uint64_t number = LANE_MESSAGE;

	must_give(0, s->sends ? chan_send(s->e[at].tx, &number) : chan_recv(s->e[at].rx, &number));
	must_eq(number, LANE_MESSAGE);
}

static void go_to_and_fro(void *arg)
{
	struct shuttle *s = arg;

	while (!atomic_load(&s->stop))
		for (size_t at = 0; at < 2; at++) {
			put(s, 1 - at);
			take(s, at);
		}
}

static void shuttle_start(struct shuttle *s, const struct kind *k, bool sends)
{
	s->sends = sends;
	for (size_t i = 0; i < 2; i++) {
		s->e[i] = kind_open(k, 8);
		for (size_t j = 0; sends && j < k->capacity; j++)
			take(s, i);
	}
	put(s, 0);
	atomic_init(&s->stop, false);
	worker_start(&s->worker, go_to_and_fro, s);
}

static void shuttle_end(struct shuttle *s)
{
	atomic_store(&s->stop, true);
	worker_join(&s->worker);
	for (size_t i = 0; i < 2; i++)
		ends_drop(&s->e[i]);
}

/* There is no instant at which neither case is ready, so it never says EAGAIN;
 * what it took is put back where it was. */
static void never_says_eagain(const struct kind *k, bool sends)
{
	struct shuttle s;
	uint64_t number[2];
	chan_case_t cases[2];

	shuttle_start(&s, k, sends);
	for (size_t i = 0; i < test_scaled(15000); i++) {
		unsigned flags = (unsigned)i % 4;
		struct pick p = pick_of(cases, 2, flags, PICK_TRY);

		for (size_t j = 0; j < 2; j++) {
			number[j] = LANE_MESSAGE;
			cases[j] = sends ? case_send(s.e[j].tx, &number[j]) : case_recv(s.e[j].rx, &number[j]);
		}
		pick_here(&p);
		must_have_picked(&p, p.which, 0);
		if (!(flags & CHAN_SELECT_READY))
			put(&s, p.which);
	}
	shuttle_end(&s);
}

static void a_message_that_is_always_somewhere_is_found(const struct kind *k) { never_says_eagain(k, false); }
static void room_that_is_always_somewhere_is_found(const struct kind *k)      { never_says_eagain(k, true); }

/* The same on rendezvous: one of two peers is blocked at any instant. */
struct relay {
	struct lane lane[2];
	atomic_bool stop;
	struct worker worker;
};

static void part_by_turns(void *arg)
{
	struct relay *r = arg;

	while (!atomic_load(&r->stop))
		for (size_t at = 0; at < 2; at++) {
			wait_ready(lane_case(&r->lane[1 - at]));
			use_up(&r->lane[at]);
		}
}

static void a_peer_that_is_always_somewhere_is_found(const struct kind *k)
{
	for (int sends = 0; sends < 2; sends++) {
		struct relay r;
		chan_case_t cases[2];

		for (size_t i = 0; i < 2; i++)
			lane_open(&r.lane[i], k, sends, true);
		atomic_init(&r.stop, false);
		worker_start(&r.worker, part_by_turns, &r);
		for (size_t i = 0; i < test_scaled(8000); i++) {
			struct pick p = pick_of(cases, 2, CHAN_SELECT_READY | (i % 2), PICK_TRY);

			cases[0] = lane_case(&r.lane[0]);
			cases[1] = lane_case(&r.lane[1]);
			pick_here(&p);
			must_have_picked(&p, p.which, 0);
		}
		atomic_store(&r.stop, true);
		worker_join(&r.worker);
		for (size_t i = 0; i < 2; i++)
			lane_close(&r.lane[i]);
	}
}

/* ------------------------------------------------------------ selects meet selects */

enum { COUPLES = 20, DANCERS = 2 * COUPLES + 1 };

/* Each offers its own number and accepts another's, whichever comes first. */
struct dancer {
	struct ends *e;
	uint64_t out, in;
	chan_case_t cases[2];
	struct pick pick;
};

/* The odd one ends when the caller comes. */
static void forty_threads_find_each_other(const struct kind *k)
{
	static struct dancer dancers[DANCERS];
	struct ends e = kind_open(k, 8);

	for (size_t round = 0; round < test_scaled(10); round++) {
		size_t offered = 0;
		uint64_t late = DANCERS, seen[DANCERS + 1] = { 0 };

		for (size_t i = 0; i < DANCERS; i++) {
			struct dancer *d = &dancers[i];

			d->out = i;
			d->in = UINT64_MAX;
			d->cases[0] = case_send(e.tx, &d->out);
			d->cases[1] = case_recv(e.rx, &d->in);
			d->pick = pick_of(d->cases, 2, 0, (enum pick_form)(i % PICK_FORMS));
			pick_start(&d->pick);
		}
		must_give(0, chan_send(e.tx, &late));
		for (size_t i = 0; i < DANCERS; i++) {
			struct dancer *d = &dancers[i];

			pick_finish(&d->pick);
			must_have_picked(&d->pick, d->pick.which, 0);
			offered += d->pick.which == 0;
			if (d->pick.which == 1)
				must(d->in <= DANCERS && d->in != i && seen[d->in]++ == 0);
			else
				must_eq(d->in, UINT64_MAX);
		}
		must(offered == COUPLES && seen[DANCERS] == 1);
		for (size_t i = 0; i < DANCERS; i++)
			must_eq(seen[i], dancers[i].pick.which == 0);
	}
	ends_drop(&e);
}

struct ball {
	struct ends e;
	struct ledger ledger;
	size_t rounds;
	atomic_size_t dancing, offered;
};

struct regular {
	struct ball *ball;
	size_t index;
	struct worker worker;
};

static void dance(void *arg)
{
	struct regular *r = arg;
	struct ball *b = r->ball;

	for (size_t i = 0; i < b->rounds; i++) {
		uint64_t out = r->index * b->rounds + i, in = UINT64_MAX;
		chan_case_t cases[2] = { case_send(b->e.tx, &out), case_recv(b->e.rx, &in) };
		struct pick p = pick_of(cases, 2, i % 2, PICK_PLAIN);

		pick_here(&p);
		must_eq(p.result, 0);
		if (cases[p.which].status == EPIPE)
			break;
		must_have_picked(&p, p.which, 0);
		if (p.which == 0) {
			must_eq(in, UINT64_MAX);
			atomic_fetch_add(&b->offered, 1);
		} else {
			must(in / b->rounds != r->index);
			ledger_mark(&b->ledger, in);
		}
	}
	atomic_fetch_sub(&b->dancing, 1);
}

/* Again and again; one that is left over is told that it is over. */
static void forty_threads_meet_again_and_again(const struct kind *k)
{
	static struct regular regulars[2 * COUPLES];
	struct ball b = { .rounds = test_scaled(150) };
	size_t seen = 0;

	b.e = kind_open(k, 8);
	atomic_init(&b.dancing, 2 * COUPLES);
	atomic_init(&b.offered, 0);
	ledger_init(&b.ledger, 2 * COUPLES * b.rounds);
	for (size_t i = 0; i < 2 * COUPLES; i++) {
		regulars[i].ball = &b;
		regulars[i].index = i;
		worker_start(&regulars[i].worker, dance, &regulars[i]);
	}
	wait_for(atomic_load(&b.dancing) <= 1);
	chan_close(b.e.c);
	for (size_t i = 0; i < 2 * COUPLES; i++)
		worker_join(&regulars[i].worker);
	for (size_t i = 0; i < b.ledger.n; i++)
		seen += atomic_load(&b.ledger.seen[i]);
	must_eq(seen, atomic_load(&b.offered));
	free(b.ledger.seen);
	ends_drop(&b.e);
}

/* Offers on the first channel, or accepts on the second. */
struct crossing {
	struct ends *to, *from;
	size_t rounds, offered, accepted;
	struct worker worker;
};

static void cross(void *arg)
{
	struct crossing *c = arg;

	for (size_t i = 0; i < c->rounds; i++) {
		uint64_t out = i, in = UINT64_MAX;
		chan_case_t cases[2] = { case_send(c->to->tx, &out), case_recv(c->from->rx, &in) };
		struct pick p = pick_of(cases, 2, i % 3 == 0 ? CHAN_SELECT_BIASED : 0, (enum pick_form)(i % PICK_FORMS));

		pick_here(&p);
		must_have_picked(&p, p.which, 0);
		must_eq(in, p.which == 0 ? UINT64_MAX : i);
		c->offered += p.which == 0;
		c->accepted += p.which == 1;
	}
}

/* Each finds the other waiting at both ends; one of the two has to give way. */
static void crossed_selects_agree_every_time(const struct kind *k)
{
	struct ends there = kind_open(k, 8), back = kind_open(k, 8);
	size_t rounds = test_scaled(6000);
	struct crossing one = { .to = &there, .from = &back, .rounds = rounds };
	struct crossing two = { .to = &back, .from = &there, .rounds = rounds };
	uint64_t began = now_ns();

	worker_start(&one.worker, cross, &one);
	cross(&two);
	worker_join(&one.worker);
	must(one.offered == two.accepted && one.accepted == two.offered);
	must_eq(one.offered + one.accepted, rounds);
	must(now_ns() - began < 30 * CHAN_SEC * test_scale());
	ends_drop(&there);
	ends_drop(&back);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(a_message_offered_to_many_is_sent_once, NEEDS_NOTHING),
	BEHAVIOUR(a_select_takes_one_message_at_a_time, NEEDS_NOTHING),
	BEHAVIOUR(selects_of_all_sorts_lose_and_repeat_nothing, NEEDS_NOTHING),
	BEHAVIOUR(selects_on_both_sides_lose_no_wake_up, NEEDS_NOTHING),
	BEHAVIOUR(a_receive_not_picked_leaves_no_trace, NEEDS_NOTHING),
	BEHAVIOUR(a_send_not_picked_leaves_no_trace, NEEDS_FULL),
	BEHAVIOUR(two_messages_at_once_reach_two_waiters, NEEDS_NOTHING),
	BEHAVIOUR(room_in_two_at_once_serves_two_waiters, NEEDS_FULL),
	BEHAVIOUR(a_notified_select_that_times_out_passes_it_on, NEEDS_NOTHING),
	BEHAVIOUR(nobody_touches_a_frame_that_is_gone, NEEDS_NOTHING),
	BEHAVIOUR(a_message_that_is_always_somewhere_is_found, NEEDS_QUEUE),
	BEHAVIOUR(room_that_is_always_somewhere_is_found, NEEDS_LIMIT),
	BEHAVIOUR(a_peer_that_is_always_somewhere_is_found, NEEDS_RENDEZVOUS),
	BEHAVIOUR(forty_threads_find_each_other, NEEDS_RENDEZVOUS),
	BEHAVIOUR(forty_threads_meet_again_and_again, NEEDS_RENDEZVOUS),
	BEHAVIOUR(crossed_selects_agree_every_time, NEEDS_RENDEZVOUS),
};

const struct select_theme select_race = { behaviours, COUNT_OF(behaviours) };
