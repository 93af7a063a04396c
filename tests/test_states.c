/*
 * test_states.c - every operation on a channel in every state: whether it
 * blocks, and what it says; and operations that race the end of a channel
 */
#include <stdlib.h>

#include "support/support.h"

/* ------------------------------------------------------------------- operations */

enum patience { TRIES, TIMED, WAITS };

struct operation {
	const char *name;
	bool sends;
	bool looks;  /* reports and does nothing */
	enum patience patience;
	int (*run)(struct ends *e, uint64_t *number);
};

static const uint64_t short_ns = 2 * CHAN_MSEC;
static const struct timespec past = { -1, 0 };

static int by_send(struct ends *e, uint64_t *n)          { return chan_send(e->tx, n); }
static int by_try_send(struct ends *e, uint64_t *n)      { return chan_try_send(e->tx, n); }
static int by_send_timeout(struct ends *e, uint64_t *n)  { return chan_send_timeout(e->tx, n, short_ns); }
static int by_send_deadline(struct ends *e, uint64_t *n) { return chan_send_deadline(e->tx, n, &past); }
static int by_send_forever(struct ends *e, uint64_t *n)  { return chan_send_deadline(e->tx, n, NULL); }
static int by_recv(struct ends *e, uint64_t *n)          { return chan_recv(e->rx, n); }
static int by_try_recv(struct ends *e, uint64_t *n)      { return chan_try_recv(e->rx, n); }
static int by_recv_timeout(struct ends *e, uint64_t *n)  { return chan_recv_timeout(e->rx, n, short_ns); }
static int by_recv_deadline(struct ends *e, uint64_t *n) { return chan_recv_deadline(e->rx, n, &past); }
static int by_recv_forever(struct ends *e, uint64_t *n)  { return chan_recv_timeout(e->rx, n, CHAN_FOREVER); }

/* What a batch of one wrote agrees with what it says. */
static int counted(int error, size_t count)
{
	must_eq(count, error == 0);
	return error;
}

static int by_send_many(struct ends *e, uint64_t *n)
{
	size_t count = 77;
	int error = chan_send_many(e->tx, n, 1, &count);

	return counted(error, count);
}

static int by_try_send_many(struct ends *e, uint64_t *n)
{
	size_t count = 77;
	int error = chan_try_send_many(e->tx, n, 1, &count);

	return counted(error, count);
}

static int by_recv_many(struct ends *e, uint64_t *n)
{
	size_t count = 77;
	int error = chan_recv_many(e->rx, n, 1, &count);

	return counted(error, count);
}

static int by_try_recv_many(struct ends *e, uint64_t *n)
{
	size_t count = 77;
	int error = chan_try_recv_many(e->rx, n, 1, &count);

	return counted(error, count);
}

/* By a select that has, beside the case, one that is skipped, and one that
 * never becomes ready: what Go calls nil.  The result is the case's. */
static int selected(chan_case_t c, unsigned flags, enum pick_form form)
{
	chan_sender_t *tx;
	chan_receiver_t *rx;
	chan_case_t cases[3] = { case_none(), c, case_none() };
	struct pick p = pick_of(cases, 3, flags, form);

	must_give(0, chan_unbounded(0, &tx, &rx));
	cases[2] = case_recv(rx, NULL);
	p.timeout_ns = form == PICK_DEADLINE ? 0 : short_ns;
	pick_here(&p);
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
	errno = TEST_ERRNO;
	if (p.result != 0)
		return p.result;
	must_eq(p.which, 1);
	return cases[1].status;
}

static chan_case_t sending(struct ends *e, uint64_t *n)   { return case_send(e->tx, n); }
static chan_case_t receiving(struct ends *e, uint64_t *n) { return case_recv(e->rx, n); }

static int by_select_send(struct ends *e, uint64_t *n)    { return selected(sending(e, n), 0, PICK_PLAIN); }
static int by_try_select_send(struct ends *e, uint64_t *n) { return selected(sending(e, n), 0, PICK_TRY); }
static int by_timed_select_send(struct ends *e, uint64_t *n) { return selected(sending(e, n), 0, PICK_TIMEOUT); }
static int by_late_select_send(struct ends *e, uint64_t *n) { return selected(sending(e, n), 0, PICK_DEADLINE); }
static int by_look_at_send(struct ends *e, uint64_t *n)   { return selected(sending(e, n), CHAN_SELECT_READY, PICK_TRY); }
static int by_wait_to_send(struct ends *e, uint64_t *n)   { return selected(sending(e, n), CHAN_SELECT_READY, PICK_PLAIN); }
static int by_select_recv(struct ends *e, uint64_t *n)    { return selected(receiving(e, n), 0, PICK_PLAIN); }
static int by_try_select_recv(struct ends *e, uint64_t *n) { return selected(receiving(e, n), 0, PICK_TRY); }
static int by_timed_select_recv(struct ends *e, uint64_t *n) { return selected(receiving(e, n), 0, PICK_TIMEOUT); }
static int by_late_select_recv(struct ends *e, uint64_t *n) { return selected(receiving(e, n), 0, PICK_DEADLINE); }
static int by_look_at_recv(struct ends *e, uint64_t *n)   { return selected(receiving(e, n), CHAN_SELECT_READY, PICK_TRY); }
static int by_wait_to_recv(struct ends *e, uint64_t *n)   { return selected(receiving(e, n), CHAN_SELECT_READY, PICK_PLAIN); }

static const struct operation operations[] = {
	{ "send", true, false, WAITS, by_send },
	{ "send for ever", true, false, WAITS, by_send_forever },
	{ "try_send", true, false, TRIES, by_try_send },
	{ "send with a timeout", true, false, TIMED, by_send_timeout },
	{ "send with a past deadline", true, false, TIMED, by_send_deadline },
	{ "send_many", true, false, WAITS, by_send_many },
	{ "try_send_many", true, false, TRIES, by_try_send_many },
	{ "select of a send", true, false, WAITS, by_select_send },
	{ "try_select of a send", true, false, TRIES, by_try_select_send },
	{ "select of a send with a timeout", true, false, TIMED, by_timed_select_send },
	{ "select of a send with a past deadline", true, false, TIMED, by_late_select_send },
	{ "look at a send", true, true, TRIES, by_look_at_send },
	{ "wait for a send to be possible", true, true, WAITS, by_wait_to_send },
	{ "recv", false, false, WAITS, by_recv },
	{ "recv for ever", false, false, WAITS, by_recv_forever },
	{ "try_recv", false, false, TRIES, by_try_recv },
	{ "recv with a timeout", false, false, TIMED, by_recv_timeout },
	{ "recv with a past deadline", false, false, TIMED, by_recv_deadline },
	{ "recv_many", false, false, WAITS, by_recv_many },
	{ "try_recv_many", false, false, TRIES, by_try_recv_many },
	{ "select of a receive", false, false, WAITS, by_select_recv },
	{ "try_select of a receive", false, false, TRIES, by_try_select_recv },
	{ "select of a receive with a timeout", false, false, TIMED, by_timed_select_recv },
	{ "select of a receive with a past deadline", false, false, TIMED, by_late_select_recv },
	{ "look at a receive", false, true, TRIES, by_look_at_recv },
	{ "wait for a receive to be possible", false, true, WAITS, by_wait_to_recv },
};

/* ------------------------------------------------------------------------ states */

/* What an operation does that may wait for ever. */
enum outcome { DONE, BLOCKS, ENDED };

struct attempt {
	const struct operation *op;
	struct ends *e;
	uint64_t number;
	int result;
	struct worker worker;
};

static void run_attempt(void *arg)
{
	struct attempt *a = arg;

	errno = TEST_ERRNO;
	a->result = a->op->run(a->e, &a->number);
	test_errno(__FILE__, __LINE__, a->op->name);
}

static void expect_result(const struct attempt *a, int want, uint64_t number)
{
	test_equal(__FILE__, __LINE__, a->op->name, a->result, want);
	test_equal(__FILE__, __LINE__, a->op->name, (long long)a->number, (long long)number);
}

/* It sleeps; what frees it here is the end of the channel. */
static void expect_to_block(struct attempt *a)
{
	worker_start(&a->worker, run_attempt, a);
	worker_wait_asleep(&a->worker);
	if (atomic_load(&a->worker.ended))
		test_fail(__FILE__, __LINE__, "%s does not block", a->op->name);
	chan_close(a->e->c);
	worker_join(&a->worker);
	expect_result(a, EPIPE, 77);
}

/* `first`: the message that a receive would get. */
static void expect_outcome(const struct operation *op, struct ends *e, enum outcome outcome, uint64_t first)
{
	static const int in_place[] = { EAGAIN, ETIMEDOUT };
	struct attempt a = { .op = op, .e = e, .number = 77 };

	if (outcome == BLOCKS && op->patience == WAITS) {
		expect_to_block(&a);
		return;
	}
	run_attempt(&a);
	if (outcome == BLOCKS)
		expect_result(&a, in_place[op->patience], 77);
	else if (outcome == ENDED)
		expect_result(&a, EPIPE, 77);
	else
		expect_result(&a, 0, op->sends || op->looks ? 77 : first);
}

/* Each operation of one side, on a channel of its own that has `queued`
 * messages and has been brought into the state. */
static void all_on_one_side(const struct kind *k, bool sends, size_t queued, void (*bring)(struct ends *),
                            enum outcome outcome)
{
	for (size_t i = 0; i < COUNT_OF(operations); i++) {
		const struct operation *op = &operations[i];
		struct ends e;

		if (op->sends != sends)
			continue;
		e = kind_open(k, 8);
		queue_numbers(e.tx, 0, queued);
		if (bring)
			bring(&e);
		expect_outcome(op, &e, outcome, 0);
		ends_drop(&e);
	}
}

static void close_it(struct ends *e)
{
	chan_close(e->c);
}

static void drop_senders(struct ends *e)
{
	chan_sender_drop(e->tx);
	e->tx = NULL;
}

static void drop_receivers(struct ends *e)
{
	chan_receiver_drop(e->rx);
	e->rx = NULL;
}

static bool is_rendezvous(const struct kind *k)
{
	return k->capacity == 0;
}

static void sends_to_an_empty_channel(const struct kind *k)
{
	all_on_one_side(k, true, 0, NULL, is_rendezvous(k) ? BLOCKS : DONE);
}

static void receives_from_an_empty_channel(const struct kind *k)
{
	all_on_one_side(k, false, 0, NULL, BLOCKS);
}

static void sends_to_a_full_channel(const struct kind *k)
{
	all_on_one_side(k, true, k->capacity, NULL, BLOCKS);
}

static void receives_from_a_full_channel(const struct kind *k)
{
	all_on_one_side(k, false, k->capacity, NULL, DONE);
}

static void operations_on_a_channel_that_is_neither(const struct kind *k)
{
	all_on_one_side(k, true, 1, NULL, DONE);
	all_on_one_side(k, false, 1, NULL, DONE);
}

static void operations_on_a_closed_channel(const struct kind *k)
{
	all_on_one_side(k, true, 0, close_it, ENDED);
	all_on_one_side(k, false, 0, close_it, ENDED);
}

static void operations_on_a_closed_channel_that_holds_messages(const struct kind *k)
{
	size_t room = kind_room(k);

	all_on_one_side(k, true, 1, close_it, ENDED);
	all_on_one_side(k, true, room, close_it, ENDED);
	all_on_one_side(k, false, 1, close_it, DONE);
	all_on_one_side(k, false, room, close_it, DONE);
}

static void receives_when_the_senders_have_gone(const struct kind *k)
{
	all_on_one_side(k, false, 0, drop_senders, ENDED);
}

static void receives_of_what_the_senders_left(const struct kind *k)
{
	all_on_one_side(k, false, 1, drop_senders, DONE);
	all_on_one_side(k, false, kind_room(k), drop_senders, DONE);
}

static void sends_when_the_receivers_have_gone(const struct kind *k)
{
	all_on_one_side(k, true, 0, drop_receivers, ENDED);
	if (!is_rendezvous(k))
		all_on_one_side(k, true, kind_room(k), drop_receivers, ENDED);
}

/* With a peer that is blocked a rendezvous is ready, once. */
static void operations_beside_a_blocked_peer(const struct kind *k)
{
	for (size_t i = 0; i < COUNT_OF(operations); i++) {
		const struct operation *op = &operations[i];
		struct ends e = kind_open(k, 8);
		struct call peer = op->sends ? call_recv(e.rx, CALL_PLAIN) : call_send(e.tx, CALL_PLAIN, 5);

		call_start_asleep(&peer);
		expect_outcome(op, &e, DONE, 5);
		if (!op->looks) {
			call_finish(&peer);
			must(peer.result == 0 && peer.value == (op->sends ? 77 : 5));
			expect_outcome(op, &e, BLOCKS, 5);
		} else {
			chan_close(e.c);
			call_finish(&peer);
			must_eq(peer.result, EPIPE);
		}
		ends_drop(&e);
	}
}

/* ------------------------------------------------------------------ racing the end */

enum { SENDERS = 3, RECEIVERS = 2, MOST = 400 };

enum ending { BY_CLOSE, BY_RECEIVERS };

struct finale {
	const struct kind *kind;
	struct ends e;
	struct destroyed destroyed;
	enum ending ending;
	size_t n;                      /* messages of a sender */
	struct gate gate;
	atomic_size_t so_far;          /* accepted sends */
	bool accepted[SENDERS][MOST];  /* each written by one sender */
	atomic_uchar seen[SENDERS][MOST];
};

struct player {
	struct finale *f;
	size_t index;
	chan_receiver_t *rx;
	struct worker worker;
};

static void mark(struct finale *f, uint64_t number)
{
	size_t sender = (size_t)(number / MOST);

	must(sender < SENDERS);
	must_eq(atomic_fetch_add(&f->seen[sender][number % MOST], 1), 0);
}

/* Sends by one form after the other, until one says that it is over. */
static void send_till_the_end(void *arg)
{
	struct player *p = arg;
	struct finale *f = p->f;

	gate_pass(&f->gate);
	for (size_t i = 0; i < f->n; i++) {
		uint64_t number = p->index * MOST + i;
		struct call call = call_send(f->e.tx, (enum call_form)(i % CALL_FORMS), number);
		chan_case_t c = case_send(f->e.tx, &number);
		struct pick pick = pick_of(&c, 1, 0, PICK_PLAIN);
		int error;

		if (i % 2) {
			call_here(&call);
			error = call.result;
		} else {
			pick_here(&pick);
			must_eq(pick.result, 0);
			error = c.status;
		}
		must(error == 0 || error == EPIPE);
		f->accepted[p->index][i] = error == 0;
		if (error == EPIPE)
			return;
		atomic_fetch_add(&f->so_far, 1);
	}
}

static void receive_till_the_end(void *arg)
{
	struct player *p = arg;
	struct finale *f = p->f;
	size_t most = f->ending == BY_RECEIVERS ? f->n / 2 : SIZE_MAX;

	gate_pass(&f->gate);
	for (size_t i = 0; i < most; i++) {
		uint64_t number = UINT64_MAX;
		struct call call = call_recv(p->rx, (enum call_form)(i % CALL_FORMS));
		chan_case_t c = case_recv(p->rx, &number);
		struct pick pick = pick_of(&c, 1, 0, PICK_PLAIN);
		int error;

		if (i % 2) {
			pick_here(&pick);
			must_eq(pick.result, 0);
			error = c.status;
		} else {
			call_here(&call);
			error = call.result;
			number = call.value;
		}
		must(error == 0 || error == EPIPE);
		if (error == EPIPE)
			break;
		mark(f, number);
	}
	chan_receiver_drop(p->rx);
}

/* What was accepted has been received once, and nothing else.  After the last
 * receiver has gone it may also have been destroyed, if it was queued. */
static void check_finale(struct finale *f)
{
	bool may_be_left = f->ending == BY_RECEIVERS && f->kind->capacity != 0;
	size_t left = 0;

	for (size_t s = 0; s < SENDERS; s++)
		for (size_t i = 0; i < f->n; i++) {
			unsigned seen = atomic_load(&f->seen[s][i]);

			must(seen <= f->accepted[s][i]);
			left += f->accepted[s][i] - seen;
		}
	must(left == 0 || may_be_left);
	if (f->kind->destroys)
		must_eq(left, atomic_load(&f->destroyed.count));
}

static void play_finale(const struct kind *k, enum ending ending, size_t close_after)
{
	struct finale *f = calloc(1, sizeof(*f));
	struct player senders[SENDERS], receivers[RECEIVERS];

	must(f != NULL);
	f->kind = k;
	f->e = kind_open_destroying(k, &f->destroyed);
	f->ending = ending;
	f->n = 100;
	gate_init(&f->gate, SENDERS + RECEIVERS);
	for (size_t i = 0; i < RECEIVERS; i++) {
		receivers[i] = (struct player){ .f = f, .rx = chan_receiver_clone(f->e.rx) };
		worker_start(&receivers[i].worker, receive_till_the_end, &receivers[i]);
	}
	chan_receiver_drop(f->e.rx);
	for (size_t i = 0; i < SENDERS; i++) {
		senders[i] = (struct player){ .f = f, .index = i };
		worker_start(&senders[i].worker, send_till_the_end, &senders[i]);
	}
	if (ending == BY_CLOSE) {
		wait_for(atomic_load(&f->so_far) >= close_after);
		chan_close(f->e.c);
	}
	for (size_t i = 0; i < SENDERS; i++)
		worker_join(&senders[i].worker);
	for (size_t i = 0; i < RECEIVERS; i++)
		worker_join(&receivers[i].worker);
	check_finale(f);
	chan_sender_drop(f->e.tx);
	free(f);
}

static void sends_and_receives_race_close(const struct kind *k)
{
	for (size_t i = 0; i < test_scaled(40); i++)
		play_finale(k, BY_CLOSE, i * 5);
}

static void sends_race_the_last_receivers_drop(const struct kind *k)
{
	for (size_t i = 0; i < test_scaled(40); i++)
		play_finale(k, BY_RECEIVERS, 0);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(sends_to_an_empty_channel, FITS_ONE_MESSAGE),
	BEHAVIOUR(receives_from_an_empty_channel, FITS_ONE_MESSAGE),
	BEHAVIOUR(sends_to_a_full_channel, NEEDS_LIMIT),
	BEHAVIOUR(receives_from_a_full_channel, NEEDS_LIMIT | FITS_ONE_MESSAGE),
	BEHAVIOUR(operations_on_a_channel_that_is_neither, NEEDS_TWO),
	BEHAVIOUR(operations_on_a_closed_channel, FITS_ONE_MESSAGE),
	BEHAVIOUR(operations_on_a_closed_channel_that_holds_messages, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(receives_when_the_senders_have_gone, FITS_ONE_MESSAGE),
	BEHAVIOUR(receives_of_what_the_senders_left, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(sends_when_the_receivers_have_gone, FITS_ONE_MESSAGE),
	BEHAVIOUR(operations_beside_a_blocked_peer, NEEDS_RENDEZVOUS),
	BEHAVIOUR(sends_and_receives_race_close, NEEDS_NOTHING),
	BEHAVIOUR(sends_race_the_last_receivers_drop, NEEDS_NOTHING),
};

int main(void)
{
	static struct kind kinds[MAX_KINDS];
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);

	return matrix_run("states", behaviours, COUNT_OF(behaviours), kinds, n);
}
