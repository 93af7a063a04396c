#include "histories/player.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* src/base/pause.h */
extern void (*chan__tp_hook)(const char *name);

enum {
	MOST_BATCH = 8,
	MOST_BYTES = 288,
	TIMEOUT_US = 20,
	PAUSE_ONE_IN = 16, /* pause points, in every other round */
	YIELD_ONE_IN = 32, /* calls: or a few processors would play one thread after the other */
	ONCE_RECORDS = 6 /* for each message: a refusal or two, the call, what it displaced, a drop */
};

/* 40: more than a word; 288: more than the list flavor copies within its turn. */
static const size_t message_sizes[] = { 8, 8, 40, MOST_BYTES };

enum ending { SENDERS_FINISH, CLOSED_MIDWAY, RECEIVERS_LEAVE, ENDINGS };

struct round {
	const struct subject *subject;
	size_t lanes;
	size_t size;                /* of a message */
	enum ending ending;
	bool promised;              /* CHAN_SINGLE where the shape lets it be true */
	chan_sender_t *tx[MOST_LANES];
	chan_receiver_t *rx[MOST_LANES][MOST_SUBSCRIPTIONS];
	chan_weak_sender_t *weak[MOST_LANES];
	chan_receiver_t *never;     /* a case that is never ready */
	struct gate gate;
	sem_t midway;
};

struct player {
	struct round *round;
	struct log *log;
	struct dice dice;
	uint64_t began;             /* of the call in progress */
	bool hasty;                 /* makes no call without a limit */
	chan_sender_t *tx[MOST_LANES]; /* NULL: over */
	chan_receiver_t *rx[MOST_LANES];
	uint32_t next, end;         /* its messages */
	size_t quota;               /* a receiver leaves after so many */
	size_t spare;               /* room for so many refusals */
	uint64_t lost;
	unsigned char bytes[MOST_BATCH * MOST_BYTES];
	struct worker worker;
};

/* For the destructor, which learns the channel and not the thread. */
static _Thread_local struct player *myself;
static uint16_t channel_numbers[MOST_LANES] = { 0, 1 };

/* ------------------------------------------------------------------ pause points */

/* At the instants that matter, in the middle of calls: a thread that is stopped there for
 * a while, and others that go on, is what goes wrong once in millions of calls. */
static void pause_sometimes(const char *name)
{
	(void)name;
	if (myself && dice_roll(&myself->dice, PAUSE_ONE_IN) == 0)
		sched_yield();
}

/* ------------------------------------------------------------------- writing down */

/* Stored, and then the fence: history.h says why. */
static void begin(struct player *p)
{
	if (dice_roll(&p->dice, YIELD_ONE_IN) == 0)
		sched_yield();
	p->began = now_ns();
	atomic_thread_fence(memory_order_seq_cst);
}

static uint64_t end(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	return now_ns();
}

static void note(struct player *p, uint64_t ended, uint16_t channel, enum op op, int result, uint32_t value)
{
	struct log *log = p->log;

	must(log->n < log->room);
	log->records[log->n++] = (struct record){
		p->began, ended, value, channel, (uint8_t)op, (uint8_t)result
	};
}

/* A call of one side that was refused, or found the end. */
static void note_refusal(struct player *p, uint64_t ended, uint16_t channel, enum op op, int result)
{
	note(p, ended, channel, op, result, NO_VALUE);
	if (p->spare > 0)
		p->spare--;
	if (result == EPIPE && !p->hasty) {
		chan_sender_t *tx = p->tx[channel];
		chan_receiver_t *rx = p->rx[channel];

		if (rx && p->lost < chan_receiver_lost(rx))
			p->lost = chan_receiver_lost(rx);
		p->tx[channel] = NULL;
		p->rx[channel] = NULL;
		begin(p);
		if (tx)
			chan_sender_drop(tx);
		else
			chan_receiver_drop(rx);
		note(p, end(), channel, tx ? OP_DROP_TX : OP_DROP_RX, 0, NO_VALUE);
	}
}

/* The number stands at both ends. */
static void put(const struct player *p, size_t i, uint32_t value)
{
	unsigned char *bytes = (unsigned char *)p->bytes + i * p->round->size;
	uint32_t check = ~value;

	memcpy(bytes, &value, sizeof(value));
	memcpy(bytes + p->round->size - sizeof(check), &check, sizeof(check));
}

static uint32_t value_at(const void *msg, size_t size)
{
	const unsigned char *bytes = msg;
	uint32_t value, check;

	memcpy(&value, bytes, sizeof(value));
	memcpy(&check, bytes + size - sizeof(check), sizeof(check));
	return value == ~check ? value : NO_VALUE;
}

static void note_destroyed(void *msg, void *channel)
{
	pause_sometimes("destructor");
	note(myself, end(), *(uint16_t *)channel, OP_DESTROYED, 0, value_at(msg, myself->round->size));
}

/* ------------------------------------------------------------------------- calls */

enum form { PLAIN, MANY, TRY, TRY_MANY, TIMED, SELECT, TRY_SELECT, TIMED_SELECT, CANCELLABLE };

static const enum form mixed[] = {
	PLAIN, PLAIN, PLAIN, MANY, MANY, TRY, TRY, TRY, TRY, TRY_MANY, TRY_MANY, TIMED,
	SELECT, SELECT, TRY_SELECT, TRY_SELECT, TIMED_SELECT, CANCELLABLE
};
static const enum form patient[] = { PLAIN, MANY, SELECT, CANCELLABLE };
static const enum form hasty[] = {
	TRY, TRY, TRY, TRY, TRY_MANY, TRY_SELECT, TIMED, TIMED_SELECT
};

static enum form draw_form(struct player *p)
{
	if (p->hasty)
		return hasty[dice_roll(&p->dice, COUNT_OF(hasty))];
	if (p->spare > 4 * MOST_LANES)
		return mixed[dice_roll(&p->dice, COUNT_OF(mixed))];
	return patient[dice_roll(&p->dice, COUNT_OF(patient))];
}

static size_t draw_batch(struct player *p, size_t most)
{
	size_t n = 1 + dice_roll(&p->dice, p->hasty ? 2 : MOST_BATCH);

	return n < most ? n : most;
}

/* A lane that is not over; MOST_LANES: none. */
static size_t draw_lane(struct player *p)
{
	size_t lane = dice_roll(&p->dice, p->round->lanes);

	for (size_t i = 0; i < p->round->lanes; i++, lane = (lane + 1) % p->round->lanes)
		if (p->tx[lane] || p->rx[lane])
			return lane;
	return MOST_LANES;
}

static bool is_select(enum form form)
{
	return form == SELECT || form == TRY_SELECT || form == TIMED_SELECT;
}

/* Over all lanes, with a case that is never ready, and one that is skipped. */
static int select_lanes(struct player *p, enum form form, size_t *lane)
{
	chan_case_t cases[MOST_LANES + 2];
	size_t n = 0, which = 0;
	int error;

	for (; n < p->round->lanes; n++)
		cases[n] = p->tx[n] ? (chan_case_t)CHAN_CASE_SEND(p->tx[n], p->bytes)
		                    : (chan_case_t)CHAN_CASE_RECV(p->rx[n], p->bytes);
	cases[n++] = (chan_case_t)CHAN_CASE_RECV(p->round->never, p->bytes);
	cases[n++] = (chan_case_t)CHAN_CASE_RECV(NULL, NULL);
	begin(p);
	if (form == TRY_SELECT)
		error = chan_try_select(cases, n, 0, &which);
	else if (form == TIMED_SELECT)
		error = chan_select_timeout(cases, n, 0, TIMEOUT_US * CHAN_USEC, &which);
	else
		error = chan_select(cases, n, dice_roll(&p->dice, 2) ? CHAN_SELECT_BIASED : 0, &which);
	if (error)
		return error;
	*lane = which;
	return cases[which].status;
}

static int send_by(struct player *p, enum form form, size_t lane, size_t n, size_t *sent)
{
	chan_sender_t *tx = p->tx[lane];

	begin(p);
	switch (form) {
	case MANY:        return chan_send_many(tx, p->bytes, n, sent);
	case TRY_MANY:    return chan_try_send_many(tx, p->bytes, n, sent);
	case TRY:         return chan_try_send(tx, p->bytes);
	case TIMED:       return chan_send_timeout(tx, p->bytes, TIMEOUT_US * CHAN_USEC);
	case CANCELLABLE: return chan_send_cancel(tx, p->bytes, NULL);
	default:          return chan_send(tx, p->bytes);
	}
}

static int recv_by(struct player *p, enum form form, size_t lane, size_t n, size_t *received)
{
	chan_receiver_t *rx = p->rx[lane];

	begin(p);
	switch (form) {
	case MANY:        return chan_recv_many(rx, p->bytes, n, received);
	case TRY_MANY:    return chan_try_recv_many(rx, p->bytes, n, received);
	case TRY:         return chan_try_recv(rx, p->bytes);
	case TIMED:       return chan_recv_timeout(rx, p->bytes, TIMEOUT_US * CHAN_USEC);
	case CANCELLABLE: return chan_recv_cancel(rx, p->bytes, NULL);
	default:          return chan_recv(rx, p->bytes);
	}
}

static bool is_batch(enum form form)
{
	return form == MANY || form == TRY_MANY;
}

/* Refused by all lanes that it looked at, or by the one. */
static void note_refusals(struct player *p, enum form form, uint64_t ended, size_t lane, enum op op, int error)
{
	if (!is_select(form) || (error != EAGAIN && error != ETIMEDOUT)) {
		note_refusal(p, ended, (uint16_t)lane, op, error);
		return;
	}
	for (size_t i = 0; i < p->round->lanes; i++)
		if (p->tx[i] || p->rx[i])
			note_refusal(p, ended, (uint16_t)i, op, error);
}

/* One call that sends.  False: every lane is over. */
static bool send_once(struct player *p)
{
	enum form form = draw_form(p);
	size_t lane = draw_lane(p), n = 1, sent = 0;
	uint64_t ended;
	int error;

	if (lane == MOST_LANES)
		return false;
	if (is_batch(form))
		n = draw_batch(p, p->end - p->next);
	for (size_t i = 0; i < n; i++)
		put(p, i, p->next + (uint32_t)i);
	error = is_select(form) ? select_lanes(p, form, &lane) : send_by(p, form, lane, n, &sent);
	ended = end();
	if (!is_batch(form))
		sent = error == 0;
	for (size_t i = 0; i < sent; i++)
		note(p, ended, (uint16_t)lane, OP_SEND, 0, p->next++);
	if (error)
		note_refusals(p, form, ended, lane, OP_SEND, error);
	return true;
}

/* One call that receives.  With two lanes a receiver must not wait for one of them, while
 * senders wait for the other. */
static bool recv_once(struct player *p)
{
	enum form form = draw_form(p);
	size_t lane = draw_lane(p), received = 0;
	bool alone = p->round->lanes == 1 || !p->rx[0] || !p->rx[1];
	uint64_t ended;
	int error;

	if (lane == MOST_LANES)
		return false;
	if (!alone && (form == PLAIN || form == MANY || form == CANCELLABLE))
		form = SELECT;
	error = is_select(form) ? select_lanes(p, form, &lane)
	                        : recv_by(p, form, lane, draw_batch(p, MOST_BATCH), &received);
	ended = end();
	if (!is_batch(form))
		received = error == 0;
	for (size_t i = 0; i < received; i++)
		note(p, ended, (uint16_t)lane, OP_RECV, 0, value_at(p->bytes + i * p->round->size, p->round->size));
	p->quota -= received < p->quota ? received : p->quota;
	if (error)
		note_refusals(p, form, ended, lane, OP_RECV, error);
	return true;
}

/* ----------------------------------------------------------------------- a round */

static void drop_lanes(struct player *p)
{
	for (size_t i = 0; i < p->round->lanes; i++) {
		begin(p);
		if (p->tx[i])
			chan_sender_drop(p->tx[i]);
		else if (p->rx[i])
			chan_receiver_drop(p->rx[i]);
		else
			continue;
		note(p, end(), (uint16_t)i, p->tx[i] ? OP_DROP_TX : OP_DROP_RX, 0, NO_VALUE);
	}
}

static void run_sender(void *arg)
{
	struct player *p = arg;
	uint32_t midway = p->next + (p->end - p->next) / 4 * 3;
	bool posted = false;

	myself = p;
	gate_pass(&p->round->gate);
	while (p->next < p->end && send_once(p)) {
		if (!posted && p->next >= midway)
			posted = sem_post(&p->round->midway) == 0;
	}
	drop_lanes(p);
	if (!posted)
		must_eq(sem_post(&p->round->midway), 0);
}

static void run_receiver(void *arg)
{
	struct player *p = arg;

	myself = p;
	gate_pass(&p->round->gate);
	while (p->quota > 0 && recv_once(p))
		;
	drop_lanes(p);
}

static struct ends open_lane(const struct subject *s, size_t lane, size_t size,
                             chan_concurrency_t producers, chan_concurrency_t consumers)
{
	chan_attr_t attr;

	kind_attr(&s->kind, &attr);
	must_give(0, chan_attr_setproducers(&attr, producers));
	must_give(0, chan_attr_setconsumers(&attr, consumers));
	if (s->drops)
		must_give(0, chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST));
	if (s->kind.destroys)
		must_give(0, chan_attr_setdestructor(&attr, note_destroyed, &channel_numbers[lane]));
	return attr_open(&attr, size);
}

static bool loses_messages(const struct subject *s)
{
	return s->drops && s->subscribes;
}

static void describe(const struct subject *s, const struct notebook *nb, size_t senders, size_t logs,
                     struct history *h)
{
	*h = (struct history){
		.logs = nb->logs, .n_logs = logs, .senders = senders,
		.capacity = s->kind.capacity, .subscriptions = 1,
		.drop_oldest = s->drops, .one_message = s->kind.one_message,
		.destroys = s->kind.destroys, .takes_turns = s->takes_turns,
		.has_owners = s->has_owners && !s->drops,
		.broadcast_lossy = loses_messages(s), .lost = nb->lost,
		.timeout_ns = TIMEOUT_US * CHAN_USEC
	};
}

/* The thread that closes is neither sender nor receiver. */
static void close_midway(struct round *r, struct player *closer)
{
	while (sem_wait(&r->midway) != 0)
		must_eq(errno, EINTR);
	for (size_t i = 0; i < r->lanes; i++) {
		begin(closer);
		chan_close(chan_weak_sender_channel(r->weak[i]));
		note(closer, end(), (uint16_t)i, OP_CLOSE, 0, NO_VALUE);
	}
}

/* What is left to chance. */
static void draw_round(struct round *r, uint64_t seed)
{
	struct dice dice = { seed };

	__atomic_store_n(&chan__tp_hook, dice_roll(&dice, 2) ? pause_sometimes : NULL, __ATOMIC_RELEASE);
	r->promised = dice_roll(&dice, 2) && !r->subject->drops;
	r->lanes = r->subject->subscribes ? 1 : 1 + dice_roll(&dice, MOST_LANES);
	r->ending = (enum ending)dice_roll(&dice, loses_messages(r->subject) ? RECEIVERS_LEAVE : ENDINGS);
	r->size = message_sizes[dice_roll(&dice, COUNT_OF(message_sizes))];
}

static void open_lanes(struct round *r, const struct shape *shape, size_t subscriptions)
{
	for (size_t i = 0; i < r->lanes; i++) {
		struct ends e = open_lane(r->subject, i, r->size,
		                          r->promised && shape->senders == 1 ? CHAN_SINGLE : CHAN_MANY,
		                          r->promised && shape->receivers == subscriptions ? CHAN_SINGLE : CHAN_MANY);

		r->tx[i] = e.tx;
		r->rx[i][0] = e.rx;
		for (size_t j = 1; j < subscriptions; j++)
			must_give(0, chan_subscribe(e.tx, &r->rx[i][j]));
		r->weak[i] = chan_sender_downgrade(e.tx);
	}
	must_give(0, chan_never(r->size, &r->never));
}

/* Only the players have handles then. */
static void leave_lanes(struct round *r, size_t subscriptions)
{
	for (size_t i = 0; i < r->lanes; i++) {
		chan_sender_drop(r->tx[i]);
		for (size_t j = 0; j < subscriptions; j++)
			chan_receiver_drop(r->rx[i][j]);
	}
}

static struct player *new_player(struct round *r, struct player *p, struct notebook *nb, size_t i,
                                 unsigned subscription, uint64_t seed)
{
	p->round = r;
	p->log = &nb->logs[i];
	p->log->n = 0;
	p->log->subscription = subscription;
	p->dice.state = seed + i + 1;
	p->quota = SIZE_MAX;
	return p;
}

static void cast_sender(struct round *r, struct player *p, uint32_t first, uint32_t each)
{
	p->next = first;
	p->end = first + each;
	p->spare = each;
	for (size_t i = 0; i < r->lanes; i++)
		p->tx[i] = chan_sender_clone(r->tx[i]);
}

static void cast_receiver(struct round *r, struct player *p, size_t messages, size_t quota)
{
	p->spare = messages;
	if (r->ending == RECEIVERS_LEAVE)
		p->quota = quota;
	for (size_t i = 0; i < r->lanes; i++)
		p->rx[i] = chan_receiver_clone(r->rx[i][p->log->subscription]);
}

size_t play(const struct subject *s, const struct shape *shape, size_t messages, uint64_t seed,
            struct notebook *nb, struct history *h)
{
	struct round r = { .subject = s };
	size_t n = shape->senders + shape->receivers;
	struct player *players = calloc(n + 1, sizeof(*players));

	must(players != NULL && n < MOST_LOGS);
	describe(s, nb, shape->senders, n + 1, h);
	h->each = (uint32_t)(messages / shape->senders);
	h->subscriptions = s->subscribes && shape->receivers > 1 ? MOST_SUBSCRIPTIONS : 1;
	draw_round(&r, seed);
	open_lanes(&r, shape, h->subscriptions);
	must_eq(sem_init(&r.midway, 0, 0), 0);
	gate_init(&r.gate, (unsigned)n);
	for (size_t i = 0; i < shape->senders; i++)
		cast_sender(&r, new_player(&r, &players[i], nb, i, 0, seed), (uint32_t)i * h->each, h->each);
	for (size_t i = shape->senders; i < n; i++)
		cast_receiver(&r, new_player(&r, &players[i], nb, i, (unsigned)(i % h->subscriptions), seed),
		              messages, messages / 4 * 3 * h->subscriptions / shape->receivers);
	new_player(&r, &players[n], nb, n, 0, seed);
	leave_lanes(&r, h->subscriptions);
	for (size_t i = 0; i < n; i++)
		worker_start(&players[i].worker, i < shape->senders ? run_sender : run_receiver, &players[i]);
	if (r.ending == CLOSED_MIDWAY)
		close_midway(&r, &players[n]);
	memset(nb->lost, 0, sizeof(nb->lost));
	for (size_t i = 0; i < n; i++) {
		uint64_t *lost = &nb->lost[players[i].log->subscription];

		worker_join(&players[i].worker);
		if (players[i].lost > *lost)
			*lost = players[i].lost;
	}
	for (size_t i = 0; i < r.lanes; i++)
		chan_weak_sender_drop(r.weak[i]);
	chan_receiver_drop(r.never);
	sem_destroy(&r.midway);
	free(players);
	return r.lanes;
}

/* -------------------------------------------------------------- one message in all */

/* A thread with its handles of all the channels, which it goes through. */
struct visitor {
	struct player player;
	size_t channels;
	chan_sender_t **tx;
	chan_receiver_t **rx;
	size_t *ends;           /* of the log, after each channel */
	size_t index, senders;
};

/* Every eighth channel the first sender closes instead, and every other eighth
 * receivers go without looking. */
enum { EIGHTH = 8, CLOSES = 6, LEAVES = 7 };

static void visit(struct visitor *v, size_t k)
{
	struct player *p = &v->player;

	p->tx[0] = v->tx ? v->tx[k] : NULL;
	p->rx[0] = v->rx ? v->rx[k] : NULL;
	p->next = (uint32_t)(k * v->senders + v->index);
	p->end = p->next + 1;
	p->spare = 4 * MOST_LANES + 2; /* two refusals, and then patience */
	if (k % EIGHTH == CLOSES && v->tx && v->index == 0) {
		begin(p);
		chan_close(chan_sender_channel(v->tx[k]));
		note(p, end(), 0, OP_CLOSE, 0, NO_VALUE);
	} else if (v->tx) {
		while (p->next < p->end && send_once(p))
			;
	} else if (k % EIGHTH != LEAVES) {
		while (recv_once(p))
			;
	}
	drop_lanes(p);
	v->ends[k] = p->log->n;
}

static void run_visitor(void *arg)
{
	struct visitor *v = arg;

	myself = &v->player;
	gate_pass(&v->player.round->gate);
	for (size_t k = 0; k < v->channels; k++)
		visit(v, k);
}

static void *array_of(size_t n, size_t size)
{
	void *p = calloc(n, size);

	must(p != NULL);
	return p;
}

/* Slices of the logs, channel by channel. */
static void cut_logs(const struct visitor *visitors, size_t n, size_t k, struct log *slices)
{
	for (size_t i = 0; i < n; i++) {
		const struct log *whole = visitors[i].player.log;
		size_t from = k > 0 ? visitors[i].ends[k - 1] : 0;

		slices[i] = *whole;
		slices[i].records += from;
		slices[i].n = visitors[i].ends[k] - from;
	}
}

void play_once_each(const struct subject *s, const struct shape *shape, size_t channels, uint64_t seed,
                    struct notebook *nb, void (*show)(const struct history *h, void *arg), void *arg)
{
	struct round r = { .subject = s, .lanes = 1 };
	size_t n = shape->senders + shape->receivers;
	struct visitor *visitors = array_of(n, sizeof(*visitors));
	struct log slices[MOST_LOGS];
	struct history h;

	draw_round(&r, seed);
	r.lanes = 1;
	gate_init(&r.gate, (unsigned)n);
	must_give(0, chan_never(r.size, &r.never));
	for (size_t i = 0; i < n; i++) {
		struct visitor *v = &visitors[i];

		new_player(&r, &v->player, nb, i, 0, seed);
		v->channels = channels;
		v->index = i;
		v->senders = shape->senders;
		v->ends = array_of(channels, sizeof(*v->ends));
		if (i < shape->senders)
			v->tx = array_of(channels, sizeof(chan_sender_t *));
		else
			v->rx = array_of(channels, sizeof(chan_receiver_t *));
	}
	for (size_t k = 0; k < channels; k++) {
		struct ends e = open_lane(s, 0, r.size, CHAN_MANY, CHAN_MANY);

		for (size_t i = 0; i < shape->senders; i++)
			visitors[i].tx[k] = chan_sender_clone(e.tx);
		for (size_t i = shape->senders; i < n; i++)
			visitors[i].rx[k] = chan_receiver_clone(e.rx);
		ends_drop(&e);
	}
	for (size_t i = 0; i < n; i++)
		worker_start(&visitors[i].player.worker, run_visitor, &visitors[i]);
	for (size_t i = 0; i < n; i++)
		worker_join(&visitors[i].player.worker);
	describe(s, nb, shape->senders, n, &h);
	h.logs = slices;
	h.each = 1;
	for (size_t k = 0; k < channels; k++) {
		cut_logs(visitors, n, k, slices);
		h.first = (uint32_t)(k * shape->senders);
		show(&h, arg);
	}
	for (size_t i = 0; i < n; i++) {
		free(visitors[i].tx);
		free(visitors[i].rx);
		free(visitors[i].ends);
	}
	chan_receiver_drop(r.never);
	free(visitors);
}

/* ------------------------------------------------------------------------ windows */

/* The threads stay for all the windows. */
struct window {
	struct round round;
	struct player players[WINDOW_THREADS + 1]; /* the last one takes the rest */
	atomic_size_t opened, done;
	bool over;
};

struct window_thread {
	struct window *window;
	size_t index;
};

static void move_in_window(struct player *p)
{
	struct round *r = p->round;

	p->tx[0] = NULL;
	p->rx[0] = NULL;
	if (dice_roll(&p->dice, 24) == 0) {
		begin(p);
		chan_close(chan_sender_channel(r->tx[0]));
		note(p, end(), 0, OP_CLOSE, 0, NO_VALUE);
	} else if (dice_roll(&p->dice, 2)) {
		p->tx[0] = r->tx[0];
		send_once(p);
	} else {
		p->rx[0] = r->rx[0][0];
		recv_once(p);
	}
}

static void run_window_thread(void *arg)
{
	struct window_thread *t = arg;
	struct window *w = t->window;

	myself = &w->players[t->index];
	for (size_t i = 1;; i++) {
		while (atomic_load(&w->opened) < i)
			sched_yield();
		if (w->over)
			return;
		for (int call = 0; call < WINDOW_CALLS; call++)
			move_in_window(myself);
		atomic_fetch_add(&w->done, 1);
	}
}

static void take_the_rest(struct player *p)
{
	size_t n;

	p->rx[0] = p->round->rx[0][0];
	do {
		int error = recv_by(p, TRY, 0, 1, &n);

		note(p, end(), 0, OP_RECV, error, error ? NO_VALUE : value_at(p->bytes, p->round->size));
	} while (p->log->records[p->log->n - 1].result == 0);
}

static void play_window(struct window *w, const struct shape *one, struct notebook *nb)
{
	open_lanes(&w->round, one, 1);
	for (size_t i = 0; i <= WINDOW_THREADS; i++) {
		nb->logs[i].n = 0;
		w->players[i].next = (uint32_t)i * WINDOW_EACH;
		w->players[i].end = w->players[i].next + WINDOW_EACH;
	}
	atomic_fetch_add(&w->opened, 1);
	while (atomic_load(&w->done) < WINDOW_THREADS * atomic_load(&w->opened))
		sched_yield();
	take_the_rest(&w->players[WINDOW_THREADS]);
	leave_lanes(&w->round, 1);
	chan_weak_sender_drop(w->round.weak[0]);
	chan_receiver_drop(w->round.never);
}

void play_windows(const struct subject *s, size_t n, uint64_t seed, struct notebook *nb,
                  void (*show)(const struct history *h, void *arg), void *arg)
{
	static const struct shape one = { "window", 1, 1 };
	struct window *w = array_of(1, sizeof(*w));
	struct window_thread threads[WINDOW_THREADS];
	struct history h;

	w->round.subject = s;
	draw_round(&w->round, seed);
	w->round.lanes = 1;
	w->round.promised = false;
	describe(s, nb, WINDOW_THREADS, WINDOW_THREADS + 1, &h);
	h.each = WINDOW_EACH;
	for (size_t i = 0; i <= WINDOW_THREADS; i++)
		new_player(&w->round, &w->players[i], nb, i, 0, seed)->hasty = true;
	myself = &w->players[WINDOW_THREADS];
	for (size_t i = 0; i < WINDOW_THREADS; i++) {
		threads[i] = (struct window_thread){ w, i };
		worker_start(&w->players[i].worker, run_window_thread, &threads[i]);
	}
	for (size_t i = 0; i < n; i++) {
		play_window(w, &one, nb);
		show(&h, arg);
	}
	w->over = true;
	atomic_fetch_add(&w->opened, 1);
	for (size_t i = 0; i < WINDOW_THREADS; i++)
		worker_join(&w->players[i].worker);
	myself = NULL;
	free(w);
}

/* ------------------------------------------------------------------- subjects */

static bool takes_subscriptions(const struct kind *k)
{
	struct ends e = kind_open(k, sizeof(uint64_t));
	chan_receiver_t *rx = NULL;
	int error = chan_subscribe(e.tx, &rx);

	must(error == 0 || error == ENOTSUP);
	chan_receiver_drop(rx);
	ends_drop(&e);
	return error == 0;
}

static bool is_flavor(const struct kind *k, const char *name)
{
	struct ends e = kind_open(k, sizeof(uint64_t));
	bool is = chan_flavor(e.c) == flavor_named(name);

	ends_drop(&e);
	return is;
}

size_t subjects_find(struct subject *subjects)
{
	static const size_t capacities[] = { 0, 1, 2, 3, 8, 128, CHAN_UNBOUNDED };
	size_t n = 0;

	for (chan_flavor_t flavor = CHAN_FLAVOR_AUTO; flavor <= MAX_FLAVORS; flavor++)
		for (size_t i = 0; i < COUNT_OF(capacities); i++) {
			struct subject s = { .drops = false };

			if (!kind_probe(&s.kind, flavor, capacities[i], CHAN_MANY, CHAN_MANY))
				continue;
			s.subscribes = takes_subscriptions(&s.kind);
			/* Receivers of a list look at the next message one at a time. */
			s.takes_turns = is_flavor(&s.kind, "list");
			s.has_owners = is_flavor(&s.kind, "array");
			snprintf(s.name, sizeof(s.name), "%s", s.kind.name);
			must(n + 2 <= MOST_SUBJECTS);
			subjects[n++] = s;
			if (!s.kind.drop_oldest)
				continue;
			s.drops = true;
			snprintf(s.name, sizeof(s.name), "%s+drop-oldest", s.kind.name);
			subjects[n++] = s;
		}
	return n;
}

void notebook_init(struct notebook *nb, size_t messages)
{
	for (size_t i = 0; i < MOST_LOGS; i++) {
		struct log *log = &nb->logs[i];

		log->room = ONCE_RECORDS * messages + 1024;
		log->records = array_of(log->room, sizeof(*log->records));
	}
}

void notebook_free(struct notebook *nb)
{
	for (size_t i = 0; i < MOST_LOGS; i++)
		free(nb->logs[i].records);
}
