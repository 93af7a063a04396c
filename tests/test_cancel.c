/*
 * test_cancel.c - sends and receives with a token, over every kind of channel
 *
 * The tokens themselves, and their trees, are in test_tokens.c.
 */
#include "support/support.h"

/* The forms that take a token. */
#define FOR_FORMS(form) \
	for (enum call_form form = CALL_CANCEL; form <= CALL_CANCEL_TIMEOUT; form++)

static enum call_form form_of(size_t i)
{
	return i % 2 ? CALL_CANCEL : CALL_CANCEL_TIMEOUT;
}

static chan_cancel_t *make_token(void)
{
	chan_cancel_t *token = NULL;

	must_give(0, chan_cancel_create(NULL, &token));
	return token;
}

static chan_cancel_t *make_triggered(void)
{
	chan_cancel_t *token = make_token();

	must_keep_errno(chan_cancel_trigger(token));
	return token;
}

static void make_full(const struct kind *k, const struct ends *e)
{
	queue_numbers(e->tx, 0, k->capacity);
}

static struct call recv_with(struct ends *e, enum call_form form, chan_cancel_t *token)
{
	struct call call = call_recv(e->rx, form);

	call.cancel = token;
	call.value = UINT64_MAX;
	return call;
}

static struct call send_with(struct ends *e, enum call_form form, uint64_t value, chan_cancel_t *token)
{
	struct call call = call_send(e->tx, form, value);

	call.cancel = token;
	return call;
}

/* ---------------------------------------------------------- triggered before the call */

static void a_triggered_token_ends_a_receive_at_once(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *token = make_triggered();

	FOR_FORMS(form) {
		struct call call = recv_with(&e, form, token);

		call_here(&call);
		must_eq(call.result, ECANCELED);
		must_eq(call.value, UINT64_MAX);
		must_eq(call.cost.switches, 0);
	}
	chan_cancel_drop(token);
	ends_drop(&e);
}

static void a_triggered_token_ends_a_send_at_once(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *token = make_triggered();

	make_full(k, &e);
	FOR_FORMS(form) {
		struct call call = send_with(&e, form, 77, token);

		call_here(&call);
		must_eq(call.result, ECANCELED);
		must_eq(call.value, 77);
		must_eq(call.cost.switches, 0);
	}
	expect_numbers(e.rx, 0, k->capacity);
	must_eq(chan_len(e.c), 0);
	chan_cancel_drop(token);
	ends_drop(&e);
}

static void a_message_comes_before_cancellation(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *token = make_triggered();
	uint64_t number = UINT64_MAX;

	queue_numbers(e.tx, 0, 1);
	must_give(0, chan_recv_cancel(e.rx, &number, token));
	must_eq(number, 0);
	queue_numbers(e.tx, 1, 1);
	must_give(0, chan_recv_cancel_timeout(e.rx, &number, token, 0));
	must_eq(number, 1);
	must_give(ECANCELED, chan_recv_cancel(e.rx, &number, token));
	must_eq(number, 1);
	chan_cancel_drop(token);
	ends_drop(&e);
}

static void space_comes_before_cancellation(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *token = make_triggered();
	uint64_t room = kind_room(k);

	for (uint64_t i = 0; i < room; i++)
		must_give(0, i % 2 ? chan_send_cancel(e.tx, &i, token)
		                   : chan_send_cancel_timeout(e.tx, &i, token, 0));
	if (!kind_never_fills(k))
		must_give(ECANCELED, chan_send_cancel(e.tx, &room, token));
	expect_numbers(e.rx, 0, (size_t)room);
	must(chan_is_empty(e.c));
	chan_cancel_drop(token);
	ends_drop(&e);
}

/* On a rendezvous somebody who waits is the message, or the space. */
static void a_partner_that_waits_comes_before_cancellation(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *token = make_triggered();
	uint64_t number = UINT64_MAX;

	FOR_FORMS(form) {
		struct call sender = call_send(e.tx, CALL_PLAIN, 5), receiver = call_recv(e.rx, CALL_PLAIN);
		struct call call = recv_with(&e, form, token);

		call_start_asleep(&sender);
		call_here(&call);
		call_finish(&sender);
		must(call.result == 0 && call.value == 5 && sender.result == 0);
		call = send_with(&e, form, 6, token);
		call_start_asleep(&receiver);
		call_here(&call);
		call_finish(&receiver);
		must(call.result == 0 && receiver.result == 0 && receiver.value == 6);
	}
	must_give(ECANCELED, chan_recv_cancel(e.rx, &number, token));
	chan_cancel_drop(token);
	ends_drop(&e);
}

static void disconnection_comes_before_cancellation(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *token = make_triggered();
	uint64_t number = 0;

	if (k->capacity != 0)
		queue_numbers(e.tx, 0, 1);
	chan_close(e.c);
	must_give(EPIPE, chan_send_cancel(e.tx, &number, token));
	must_give(EPIPE, chan_send_cancel_timeout(e.tx, &number, token, CHAN_SEC));
	number = UINT64_MAX;
	if (k->capacity != 0)
		must_give(0, chan_recv_cancel(e.rx, &number, token));
	must_eq(number, k->capacity != 0 ? 0 : UINT64_MAX);
	must_give(EPIPE, chan_recv_cancel(e.rx, &number, token));
	must_give(EPIPE, chan_recv_cancel_timeout(e.rx, &number, token, CHAN_SEC));
	chan_cancel_drop(token);
	ends_drop(&e);
}

static void no_receiver_comes_before_cancellation(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *token = make_triggered();
	uint64_t number = 0;

	chan_receiver_drop(e.rx);
	must_give(EPIPE, chan_send_cancel(e.tx, &number, token));
	chan_sender_drop(e.tx);
	chan_cancel_drop(token);
}

static void cancellation_comes_before_the_timeout(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *token = make_triggered();
	uint64_t number = 0;

	must_give(ECANCELED, chan_recv_cancel_timeout(e.rx, &number, token, 0));
	if (!kind_never_fills(k)) {
		make_full(k, &e);
		must_give(ECANCELED, chan_send_cancel_timeout(e.tx, &number, token, 0));
	}
	chan_cancel_drop(token);
	ends_drop(&e);
}

/* A token that nobody triggers, or none, and the call is the plain one. */
static void without_a_trigger_the_time_passes(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *tokens[] = { NULL, make_token() };

	for (size_t i = 0; i < 2; i++) {
		struct call call = recv_with(&e, CALL_CANCEL_TIMEOUT, tokens[i]);
		uint64_t number = UINT64_MAX;

		call.timeout_ns = 10 * CHAN_MSEC;
		call_here(&call);
		must_eq(call.result, ETIMEDOUT);
		must(call.ended_ns - call.began_ns >= 10 * CHAN_MSEC);
		must_give(ETIMEDOUT, chan_recv_cancel_timeout(e.rx, &number, tokens[i], 0));
		must(number == UINT64_MAX && !chan_cancel_is_triggered(tokens[i]));
	}
	if (!kind_never_fills(k)) {
		make_full(k, &e);
		for (size_t i = 0; i < 2; i++) {
			struct call call = send_with(&e, CALL_CANCEL_TIMEOUT, 77, tokens[i]);

			call.timeout_ns = 10 * CHAN_MSEC;
			call_here(&call);
			must_eq(call.result, ETIMEDOUT);
			must(call.ended_ns - call.began_ns >= 10 * CHAN_MSEC);
		}
		expect_numbers(e.rx, 0, k->capacity);
	}
	must(chan_is_empty(e.c));
	chan_cancel_drop(tokens[1]);
	ends_drop(&e);
}

static void arguments_are_checked_first(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *tokens[] = { NULL, make_triggered() };
	uint64_t number = 0;

	for (size_t i = 0; i < 2; i++) {
		must_give(EINVAL, chan_send_cancel(NULL, &number, tokens[i]));
		must_give(EINVAL, chan_send_cancel(e.tx, NULL, tokens[i]));
		must_give(EINVAL, chan_send_cancel_timeout(NULL, &number, tokens[i], CHAN_FOREVER));
		must_give(EINVAL, chan_send_cancel_timeout(e.tx, NULL, tokens[i], CHAN_FOREVER));
		must_give(EINVAL, chan_recv_cancel(NULL, &number, tokens[i]));
		must_give(EINVAL, chan_recv_cancel_timeout(NULL, &number, tokens[i], CHAN_FOREVER));
	}
	must(chan_is_empty(e.c));
	chan_cancel_drop(tokens[1]);
	ends_drop(&e);
}

static void messages_without_bytes_can_be_cancelled(const struct kind *k)
{
	struct ends e = kind_open(k, 0);
	chan_cancel_t *token = make_triggered();

	if (k->capacity != 0)
		must_give(0, chan_send_cancel(e.tx, NULL, token));
	if (k->capacity != 0)
		must_give(0, chan_recv_cancel(e.rx, NULL, token));
	must_give(ECANCELED, chan_recv_cancel(e.rx, NULL, token));
	chan_cancel_drop(token);
	ends_drop(&e);
}

/* --------------------------------------------------------- triggered during the call */

static void a_trigger_wakes_a_receiver(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	FOR_FORMS(form) {
		chan_cancel_t *token = make_token();
		struct call call = recv_with(&e, form, token);

		call_start_asleep(&call);
		must_keep_errno(chan_cancel_trigger(token));
		call_finish(&call);
		must_eq(call.result, ECANCELED);
		must_eq(call.value, UINT64_MAX);
		chan_cancel_drop(token);
	}
	if (k->capacity != 0) { /* and the channel knows nothing of it */
		queue_numbers(e.tx, 0, 1);
		expect_numbers(e.rx, 0, 1);
	}
	ends_drop(&e);
}

static void a_trigger_wakes_a_sender(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	make_full(k, &e);
	FOR_FORMS(form) {
		chan_cancel_t *token = make_token();
		struct call call = send_with(&e, form, 77, token);

		call_start_asleep(&call);
		must_keep_errno(chan_cancel_trigger(token));
		call_finish(&call);
		must_eq(call.result, ECANCELED);
		must_eq(call.value, 77);
		chan_cancel_drop(token);
	}
	expect_numbers(e.rx, 0, k->capacity);
	must_eq(chan_len(e.c), 0);
	ends_drop(&e);
}

enum { CROWD = 8 };

/* Those with the token, or one below it, and nobody else. */
static void a_trigger_wakes_all_that_it_reaches(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call calls[CROWD];
	chan_cancel_t *tokens[CROWD] = { make_token() };

	for (size_t i = 1; i < CROWD; i++)
		must_give(0, chan_cancel_create(tokens[(i - 1) / 2], &tokens[i]));
	for (size_t i = 0; i < CROWD; i++) {
		calls[i] = recv_with(&e, form_of(i), tokens[i]);
		call_start_asleep(&calls[i]);
	}
	chan_cancel_trigger(tokens[1]); /* and 3, 4, 7 */
	for (size_t i = 0; i < CROWD; i++) {
		bool reached = i == 1 || i == 3 || i == 4 || i == 7;

		must_eq(chan_cancel_is_triggered(tokens[i]), reached);
		if (reached) {
			call_finish(&calls[i]);
			must_eq(calls[i].result, ECANCELED);
		}
	}
	must(!atomic_load(&calls[0].worker.ended) && !atomic_load(&calls[2].worker.ended));
	chan_cancel_trigger(tokens[0]);
	for (size_t i = 0; i < CROWD; i++)
		if (i != 1 && i != 3 && i != 4 && i != 7) {
			call_finish(&calls[i]);
			must_eq(calls[i].result, ECANCELED);
		}
	for (size_t i = 0; i < CROWD; i++)
		chan_cancel_drop(tokens[i]);
	ends_drop(&e);
}

static void a_call_with_a_token_is_still_served(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *token = make_token();

	FOR_FORMS(form) {
		struct call call = recv_with(&e, form, token);
		uint64_t number = 5;

		call_start_asleep(&call);
		must_give(0, chan_send(e.tx, &number));
		call_finish(&call);
		must(call.result == 0 && call.value == 5);
		if (kind_never_fills(k))
			continue;
		make_full(k, &e);
		call = send_with(&e, form, k->capacity, token);
		call_start_asleep(&call);
		must_give(0, chan_recv(e.rx, &number));
		call_finish(&call);
		must(call.result == 0 && number == 0);
		expect_numbers(e.rx, 1, k->capacity);
	}
	chan_cancel_trigger(token); /* nobody stands there any more */
	chan_cancel_drop(token);
	ends_drop(&e);
}

static void close_wakes_a_call_with_a_token(const struct kind *k)
{
	FOR_FORMS(form) {
		struct ends e = kind_open(k, 8);
		chan_cancel_t *token = make_token();
		struct call call = recv_with(&e, form, token);

		call_start_asleep(&call);
		chan_close(e.c);
		call_finish(&call);
		must_eq(call.result, EPIPE);
		chan_cancel_drop(token);
		ends_drop(&e);
	}
}

/* What was sent before the trigger is received before ECANCELED. */
static void what_was_sent_before_the_trigger_is_received(const struct kind *k)
{
	size_t rounds = kind_rounds(k, 600);
	struct dice dice = { 11 };

	for (size_t i = 0; i < rounds; i++) {
		struct ends e = kind_open(k, 8);
		chan_cancel_t *token = make_token();
		struct call call = recv_with(&e, form_of(i), token);
		uint64_t number = i;

		call_start(&call);
		wait_spinning(dice_roll(&dice, 60 * CHAN_USEC));
		must_give(0, chan_send(e.tx, &number));
		chan_cancel_trigger(token);
		call_finish(&call);
		must_eq(call.result, 0);
		must_eq(call.value, i);
		chan_cancel_drop(token);
		ends_drop(&e);
	}
}

/* ------------------------------------------------------------- giving up, passing on */

static void a_cancelled_receiver_blocks_nobody_behind_it(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *token = make_token();
	struct call hasty = recv_with(&e, CALL_CANCEL, token), patient = call_recv(e.rx, CALL_PLAIN);
	uint64_t number = 5;

	call_start_asleep(&hasty);
	call_start_asleep(&patient);
	chan_cancel_trigger(token);
	must_give(0, chan_send(e.tx, &number)); /* the cancelled one may still stand before the other */
	call_finish(&hasty);
	if (hasty.result == 0) /* it tried once more, and was faster */
		must_give(0, chan_send(e.tx, &number));
	else
		must_eq(hasty.result, ECANCELED);
	call_finish(&patient);
	must(patient.result == 0 && patient.value == 5 && chan_is_empty(e.c));
	chan_cancel_drop(token);
	ends_drop(&e);
}

static void a_cancelled_sender_blocks_nobody_behind_it(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *token = make_token();
	struct call hasty = send_with(&e, CALL_CANCEL, 77, token);
	struct call patient = call_send(e.tx, CALL_PLAIN, k->capacity);

	make_full(k, &e);
	call_start_asleep(&hasty);
	call_start_asleep(&patient);
	chan_cancel_trigger(token);
	call_finish(&hasty);
	must_eq(hasty.result, ECANCELED);
	for (uint64_t i = 0; i <= k->capacity; i++) {
		uint64_t number = UINT64_MAX;

		must_give(0, chan_recv(e.rx, &number));
		must_eq(number, i);
	}
	call_finish(&patient);
	must_eq(patient.result, 0);
	must(chan_is_empty(e.c));
	chan_cancel_drop(token);
	ends_drop(&e);
}

/* ------------------------------------------------------------------------- races */

/* A thread that does something to a call, after a while. */
struct rival {
	void (*act)(struct rival *r);
	uint64_t after_ns;
	chan_cancel_t *token;
	struct ends e;
	struct worker worker;
};

static void rival_run(void *arg)
{
	struct rival *r = arg;

	wait_spinning(r->after_ns);
	r->act(r);
}

static void rival_start(struct rival *r, void (*act)(struct rival *r), struct dice *dice)
{
	r->act = act;
	r->after_ns = dice_roll(dice, 80 * CHAN_USEC);
	worker_start(&r->worker, rival_run, r);
}

static void rival_triggers(struct rival *r)
{
	chan_cancel_trigger(r->token);
}

static void rival_triggers_and_drops(struct rival *r)
{
	chan_cancel_trigger(r->token);
	chan_cancel_drop(r->token);
}

static void rival_closes(struct rival *r)
{
	chan_close(r->e.c);
}

static void rival_drops_the_sender(struct rival *r)
{
	chan_sender_drop(r->e.tx);
}

static void rival_drops_the_receiver(struct rival *r)
{
	chan_receiver_drop(r->e.rx);
}

/* A message is taken or the call cancelled, never both, never neither. */
static void a_cancelled_receive_races_a_sender(const struct kind *k)
{
	size_t rounds = kind_rounds(k, 600);
	struct dice dice = { 12 };

	for (size_t i = 0; i < rounds; i++) {
		struct ends e = kind_open(k, 8);
		struct rival rival = { .token = make_token() };
		struct call call = recv_with(&e, form_of(i), rival.token);
		uint64_t number = i, late = UINT64_MAX;
		int error = 0;

		call_start(&call);
		rival_start(&rival, rival_triggers, &dice);
		wait_spinning(dice_roll(&dice, 80 * CHAN_USEC));
		if (k->capacity == 0)
			error = chan_send_timeout(e.tx, &number, dice_roll(&dice, 40 * CHAN_USEC));
		else
			must_give(0, chan_try_send(e.tx, &number));
		call_finish(&call);
		worker_join(&rival.worker);
		must(call.result == 0 || call.result == ECANCELED);
		if (k->capacity == 0)
			must_eq(error, call.result == 0 ? 0 : ETIMEDOUT);
		else if (call.result == ECANCELED)
			must_give(0, chan_try_recv(e.rx, &late));
		must_eq(call.value, call.result == 0 ? i : UINT64_MAX);
		must(late == UINT64_MAX || late == i);
		must_eq(chan_len(e.c), 0);
		chan_cancel_drop(rival.token);
		ends_drop(&e);
	}
}

/* On ECANCELED nobody took the message and the channel does not hold it. */
static void a_cancelled_send_races_a_receiver(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t rounds = kind_rounds(k, 600);
	struct dice dice = { 13 };
	uint64_t next = 0, sent = k->capacity, number;

	make_full(k, &e);
	for (size_t i = 0; i < rounds; i++) {
		struct rival rival = { .token = make_token() };
		struct call call = send_with(&e, form_of(i), sent, rival.token);
		int error;

		call_start(&call);
		rival_start(&rival, rival_triggers, &dice);
		wait_spinning(dice_roll(&dice, 80 * CHAN_USEC));
		error = chan_recv_timeout(e.rx, &number, k->capacity ? 0 : dice_roll(&dice, 40 * CHAN_USEC));
		call_finish(&call);
		worker_join(&rival.worker);
		must(error == 0 || k->capacity == 0);
		if (error == 0)
			must_eq(number, next++);
		must(call.result == 0 || call.result == ECANCELED);
		sent += call.result == 0;
		must_eq(chan_len(e.c), sent - next);
		if (sent - next < k->capacity)
			queue_numbers(e.tx, sent++, 1);
		chan_cancel_drop(rival.token);
	}
	expect_numbers(e.rx, next, k->capacity);
	ends_drop(&e);
}

/* One message, and two receivers, one of which is being cancelled.  If it was
 * notified and gave up all the same, the message must reach the other. */
static void a_notified_receiver_that_is_cancelled_passes_it_on(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t rounds = kind_rounds(k, 500);
	struct dice dice = { 14 };

	for (size_t i = 0; i < rounds; i++) {
		struct rival rival = { .token = make_token() };
		struct call hasty = recv_with(&e, form_of(i), rival.token);
		struct call patient = call_recv(e.rx, CALL_PLAIN);
		uint64_t number = 2 * i, second = 2 * i + 1;

		call_start(&hasty);
		call_start(&patient);
		rival_start(&rival, rival_triggers, &dice);
		wait_spinning(dice_roll(&dice, 90 * CHAN_USEC));
		must_give(0, chan_send(e.tx, &number));
		call_finish(&hasty);
		if (hasty.result == 0)
			must_give(0, chan_send(e.tx, &second));
		else
			must_eq(hasty.result, ECANCELED);
		call_finish(&patient);
		worker_join(&rival.worker);
		must_eq(patient.result, 0);
		must_eq(patient.value + (hasty.result == 0 ? hasty.value : 0),
		        hasty.result == 0 ? number + second : number);
		must(chan_is_empty(e.c));
		chan_cancel_drop(rival.token);
	}
	ends_drop(&e);
}

/* The mirror image: room for one, and two senders. */
static void a_notified_sender_that_is_cancelled_passes_it_on(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t rounds = kind_rounds(k, 500);
	struct dice dice = { 15 };

	make_full(k, &e);
	for (size_t i = 0; i < rounds; i++) {
		struct rival rival = { .token = make_token() };
		struct call hasty = send_with(&e, form_of(i), 1000, rival.token);
		struct call patient = call_send(e.tx, CALL_PLAIN, 2000);
		uint64_t number;

		call_start(&hasty);
		call_start(&patient);
		rival_start(&rival, rival_triggers, &dice);
		wait_spinning(dice_roll(&dice, 90 * CHAN_USEC));
		must_give(0, chan_recv(e.rx, &number));
		call_finish(&hasty);
		must(hasty.result == 0 || hasty.result == ECANCELED);
		if (hasty.result == 0)
			must_give(0, chan_recv(e.rx, &number));
		call_finish(&patient);
		worker_join(&rival.worker);
		must_eq(patient.result, 0);
		must_eq(chan_len(e.c), k->capacity);
		chan_cancel_drop(rival.token);
	}
	ends_drop(&e);
}

/* The call's result is one of the two that race, and the channel ends as it
 * would have without the token. */
static void race_an_end(const struct kind *k, void (*end)(struct rival *r), bool receives)
{
	size_t rounds = kind_rounds(k, 400);
	struct dice dice = { 16 };

	for (size_t i = 0; i < rounds; i++) {
		struct ends e = kind_open(k, 8);
		chan_cancel_t *token = make_token();
		struct rival canceller = { .token = token }, ender = { .e = e };
		struct call call = receives ? recv_with(&e, form_of(i), token) : send_with(&e, form_of(i), 77, token);
		uint64_t number = 0;

		if (!receives)
			make_full(k, &e);
		call_start(&call);
		rival_start(&canceller, rival_triggers, &dice);
		rival_start(&ender, end, &dice);
		call_finish(&call);
		worker_join(&canceller.worker);
		worker_join(&ender.worker);
		must(call.result == ECANCELED || call.result == EPIPE);
		must_give(EPIPE, receives ? chan_recv_cancel(e.rx, &number, token)
		                          : chan_send_cancel(e.tx, &number, token));
		chan_cancel_drop(token);
		if (end != rival_drops_the_sender)
			chan_sender_drop(e.tx);
		if (end != rival_drops_the_receiver)
			chan_receiver_drop(e.rx);
	}
}

static void a_cancelled_receive_races_close(const struct kind *k)         { race_an_end(k, rival_closes, true); }
static void a_cancelled_receive_races_the_last_drop(const struct kind *k) { race_an_end(k, rival_drops_the_sender, true); }
static void a_cancelled_send_races_close(const struct kind *k)            { race_an_end(k, rival_closes, false); }
static void a_cancelled_send_races_the_last_drop(const struct kind *k)    { race_an_end(k, rival_drops_the_receiver, false); }

static void check_race_with_time(struct call *call)
{
	must(call->result == ECANCELED || call->result == ETIMEDOUT);
	must(call->result == ECANCELED || call->ended_ns - call->began_ns >= call->timeout_ns);
}

static void cancellation_races_the_timeout(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t rounds = kind_rounds(k, 500);
	struct dice dice = { 17 };

	for (size_t i = 0; i < rounds; i++) {
		bool sends = i % 2 && !kind_never_fills(k);
		struct rival rival = { .token = make_token() };
		struct call call = sends ? send_with(&e, CALL_CANCEL_TIMEOUT, 77, rival.token)
		                         : recv_with(&e, CALL_CANCEL_TIMEOUT, rival.token);

		if (sends)
			make_full(k, &e);
		call.timeout_ns = dice_roll(&dice, 80 * CHAN_USEC);
		call_start(&call);
		rival_start(&rival, rival_triggers, &dice);
		call_finish(&call);
		worker_join(&rival.worker);
		check_race_with_time(&call);
		if (sends)
			expect_numbers(e.rx, 0, k->capacity);
		must_eq(chan_len(e.c), 0);
		chan_cancel_drop(rival.token);
	}
	ends_drop(&e);
}

/* The other owner is gone before the call returns; the call's own clone lives. */
static void the_canceller_may_drop_its_token_at_once(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t rounds = kind_rounds(k, 500);
	struct dice dice = { 18 };

	for (size_t i = 0; i < rounds; i++) {
		chan_cancel_t *token = make_token();
		struct rival rival = { .token = chan_cancel_clone(token) };
		struct call call = recv_with(&e, form_of(i), token);

		call_start(&call);
		rival_start(&rival, rival_triggers_and_drops, &dice);
		call_finish(&call);
		chan_cancel_drop(token);
		worker_join(&rival.worker);
		must_eq(call.result, ECANCELED);
	}
	ends_drop(&e);
}

/* ---------------------------------------------------------------- all of it at once */

/* Threads that send, or receive, each with a token after another; every one of
 * them goes through a channel to a thread that triggers it. */
struct party {
	struct ends e;
	chan_sender_t *tokens;
	size_t n;                       /* to be sent */
	uint64_t count, sum, cancelled; /* what became of it */
	struct worker worker;
};

enum { ENOUGH = 10 }; /* tokens triggered under each sender */

static chan_cancel_t *party_token(struct party *p)
{
	chan_cancel_t *mine = make_token(), *theirs = chan_cancel_clone(mine);

	must_give(0, chan_send(p->tokens, &theirs));
	return mine;
}

static chan_cancel_t *party_next_token(struct party *p, chan_cancel_t *old)
{
	chan_cancel_drop(old);
	p->cancelled++;
	return party_token(p);
}

static void party_send(void *arg)
{
	struct party *p = arg;
	chan_cancel_t *token = party_token(p);

	while (p->count < p->n || p->cancelled < ENOUGH) {
		int error = chan_send_cancel(p->e.tx, &p->count, token);

		if (error == ECANCELED) {
			token = party_next_token(p, token);
			continue;
		}
		must_eq(error, 0);
		p->sum += p->count++;
		if (chan_cancel_is_triggered(token))
			token = party_next_token(p, token);
	}
	chan_cancel_drop(token);
	chan_sender_drop(p->e.tx);
	chan_sender_drop(p->tokens);
}

static void party_receive(void *arg)
{
	struct party *p = arg;
	chan_cancel_t *token = party_token(p);
	uint64_t number = UINT64_MAX;
	int error;

	while ((error = chan_recv_cancel(p->e.rx, &number, token)) != EPIPE) {
		if (error == ECANCELED) {
			token = party_next_token(p, token);
			continue;
		}
		must_eq(error, 0);
		p->count++;
		p->sum += number;
	}
	chan_cancel_drop(token);
	chan_receiver_drop(p->e.rx);
	chan_sender_drop(p->tokens);
}

static void trigger_them(void *arg)
{
	chan_receiver_t *tokens = arg;
	chan_cancel_t *token;

	while (chan_recv(tokens, &token) == 0) {
		chan_cancel_trigger(token);
		chan_cancel_drop(token);
	}
	chan_receiver_drop(tokens);
}

static void no_message_is_lost_under_cancellation(const struct kind *k)
{
	struct ends e = kind_open(k, 8), tokens = { NULL, NULL, NULL };
	struct party senders[2], receivers[2];
	uint64_t sent = 0, received = 0, sum = 0, cancelled = 0;
	struct worker canceller;

	must_give(0, chan_unbounded(sizeof(chan_cancel_t *), &tokens.tx, &tokens.rx));
	worker_start(&canceller, trigger_them, tokens.rx);
	for (size_t i = 0; i < 2; i++) {
		struct ends mine = { chan_sender_clone(e.tx), chan_receiver_clone(e.rx), e.c };
		struct party p = { .e = mine, .tokens = tokens.tx, .n = test_scaled(4000) };

		senders[i] = receivers[i] = p;
		chan_sender_clone(tokens.tx);
		chan_sender_clone(tokens.tx);
		worker_start(&senders[i].worker, party_send, &senders[i]);
		worker_start(&receivers[i].worker, party_receive, &receivers[i]);
	}
	chan_sender_drop(tokens.tx);
	ends_drop(&e);
	for (size_t i = 0; i < 2; i++) {
		worker_join(&senders[i].worker);
		worker_join(&receivers[i].worker);
		sent += senders[i].count;
		received += receivers[i].count;
		sum += senders[i].sum - receivers[i].sum;
		cancelled += senders[i].cancelled + receivers[i].cancelled;
	}
	worker_join(&canceller);
	must_eq(received, sent);
	must_eq(sum, 0);
	must(cancelled >= 2 * ENOUGH);
}

/* ----------------------------------------------------------- callbacks on the way */

static void drop_the_token(void *msg, void *token)
{
	(void)msg;
	chan_cancel_drop(*(chan_cancel_t **)token);
	*(chan_cancel_t **)token = NULL;
}

static void receive_into_nothing(void *arg)
{
	struct call *call = arg;

	call->result = chan_recv_cancel(call->rx, NULL, call->cancel);
}

/* A destructor may drop the handles of the call that it runs in. */
static void a_destructor_may_drop_the_token_in_use(const struct kind *k)
{
	chan_cancel_t *token = make_token();
	chan_attr_t attr;
	struct ends e;
	struct call call;
	uint64_t number = 5;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setdestructor(&attr, drop_the_token, &token));
	e = attr_open(&attr, 8);
	call = recv_with(&e, CALL_CANCEL, token);
	worker_start(&call.worker, receive_into_nothing, &call);
	worker_wait_asleep(&call.worker);
	must_give(0, chan_send(e.tx, &number));
	call_finish(&call);
	must_eq(call.result, 0);
	must(token == NULL);
	ends_drop(&e);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(a_triggered_token_ends_a_receive_at_once, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_triggered_token_ends_a_send_at_once, NEEDS_FULL),
	BEHAVIOUR(a_message_comes_before_cancellation, NEEDS_QUEUE),
	BEHAVIOUR(space_comes_before_cancellation, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_partner_that_waits_comes_before_cancellation, NEEDS_RENDEZVOUS),
	BEHAVIOUR(disconnection_comes_before_cancellation, FITS_ONE_MESSAGE),
	BEHAVIOUR(no_receiver_comes_before_cancellation, FITS_ONE_MESSAGE),
	BEHAVIOUR(cancellation_comes_before_the_timeout, FITS_ONE_MESSAGE),
	BEHAVIOUR(without_a_trigger_the_time_passes, FITS_ONE_MESSAGE),
	BEHAVIOUR(arguments_are_checked_first, FITS_ONE_MESSAGE),
	BEHAVIOUR(messages_without_bytes_can_be_cancelled, NEEDS_NOTHING),
	BEHAVIOUR(a_trigger_wakes_a_receiver, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_trigger_wakes_a_sender, NEEDS_FULL),
	BEHAVIOUR(a_trigger_wakes_all_that_it_reaches, NEEDS_RECEIVERS | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_call_with_a_token_is_still_served, NEEDS_NOTHING),
	BEHAVIOUR(close_wakes_a_call_with_a_token, FITS_ONE_MESSAGE),
	BEHAVIOUR(what_was_sent_before_the_trigger_is_received, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_cancelled_receiver_blocks_nobody_behind_it, NEEDS_RECEIVERS),
	BEHAVIOUR(a_cancelled_sender_blocks_nobody_behind_it, NEEDS_FULL | NEEDS_SENDERS),
	BEHAVIOUR(a_cancelled_receive_races_a_sender, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_cancelled_send_races_a_receiver, NEEDS_FULL),
	BEHAVIOUR(a_notified_receiver_that_is_cancelled_passes_it_on, NEEDS_RECEIVERS),
	BEHAVIOUR(a_notified_sender_that_is_cancelled_passes_it_on, NEEDS_FULL | NEEDS_SENDERS),
	BEHAVIOUR(a_cancelled_receive_races_close, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_cancelled_receive_races_the_last_drop, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_cancelled_send_races_close, NEEDS_FULL),
	BEHAVIOUR(a_cancelled_send_races_the_last_drop, NEEDS_FULL),
	BEHAVIOUR(cancellation_races_the_timeout, FITS_ONE_MESSAGE),
	BEHAVIOUR(the_canceller_may_drop_its_token_at_once, FITS_ONE_MESSAGE),
	BEHAVIOUR(no_message_is_lost_under_cancellation, NEEDS_SENDERS | NEEDS_RECEIVERS),
	BEHAVIOUR(a_destructor_may_drop_the_token_in_use, FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
};

int main(void)
{
	static struct kind kinds[MAX_KINDS];
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);

	n += kind_discover(kinds + n, CHAN_SINGLE, CHAN_SINGLE);
	return matrix_run("cancel", behaviours, COUNT_OF(behaviours), kinds, n);
}
