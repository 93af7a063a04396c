#include "faults/crew.h"

#include <sched.h>
#include <string.h>

/* Some of the waits end by themselves, long before the other side comes. */
static uint64_t short_wait(struct hand *h)
{
	return dice_roll(&h->dice, 100 * CHAN_USEC);
}

/* ------------------------------------------------------------------- tokens */

static chan_cancel_t *token_show(struct hand *h)
{
	chan_cancel_t *token;

	must_give(0, chan_cancel_create(NULL, &token));
	must(atomic_exchange(&h->token, chan_cancel_clone(token)) == NULL);
	return token;
}

static void token_hide(struct hand *h, chan_cancel_t *token)
{
	chan_cancel_drop(atomic_exchange(&h->token, NULL));
	chan_cancel_drop(token);
}

static void trigger_one(struct hand *h)
{
	chan_cancel_t *token = atomic_exchange(&h->token, NULL);

	if (token == NULL)
		return;
	chan_cancel_trigger(token);
	chan_cancel_drop(token);
}

static void make_trouble(void *arg)
{
	struct hand *h = arg;
	struct crew *crew = h->crew;

	while (!atomic_load(&crew->over)) {
		trigger_one(dice_roll(&h->dice, 2) ? &crew->senders[dice_roll(&h->dice, CREW_SENDERS)]
		                                   : &crew->receivers[dice_roll(&h->dice, CREW_RECEIVERS)]);
		if (crew->trouble)
			crew->trouble(crew, &h->dice);
		sched_yield();
	}
}

/* -------------------------------------------------------------------- calls */

/* One case is the call, one never happens, one is the end of the wait. */
static int pick_one(struct hand *h, chan_case_t call)
{
	chan_cancel_t *token = token_show(h);
	chan_case_t cases[] = { case_recv(h->never, NULL), call, case_recv(chan_cancel_receiver(token), NULL) };
	size_t which = 77;
	int error;

	errno = TEST_ERRNO;
	switch (dice_roll(&h->dice, 4)) {
	case 0:  error = chan_try_select(cases, COUNT_OF(cases), 0, &which); break;
	case 1:  error = chan_select_timeout(cases, COUNT_OF(cases), 0, short_wait(h), &which); break;
	default: error = chan_select(cases, COUNT_OF(cases), 0, &which); break;
	}
	test_errno(__FILE__, __LINE__, "a select");
	token_hide(h, token);
	if (error != 0)
		return error;
	must(which == 1 || (which == 2 && cases[2].status == EPIPE));
	return which == 1 ? cases[1].status : ECANCELED;
}

static int cancellable(struct hand *h, bool timed, void *msg)
{
	chan_cancel_t *token = token_show(h);
	uint64_t wait = short_wait(h);
	int error;

	errno = TEST_ERRNO;
	if (h->tx)
		error = timed ? chan_send_cancel_timeout(h->tx, msg, token, wait) : chan_send_cancel(h->tx, msg, token);
	else
		error = timed ? chan_recv_cancel_timeout(h->rx, msg, token, wait) : chan_recv_cancel(h->rx, msg, token);
	test_errno(__FILE__, __LINE__, "a call with a token");
	token_hide(h, token);
	return error;
}

static int in_time(struct hand *h, bool absolute, void *msg)
{
	uint64_t wait = short_wait(h);
	struct timespec when;

	chan_deadline(wait, &when);
	errno = TEST_ERRNO;
	if (h->tx)
		return absolute ? chan_send_deadline(h->tx, msg, &when) : chan_send_timeout(h->tx, msg, wait);
	return absolute ? chan_recv_deadline(h->rx, msg, &when) : chan_recv_timeout(h->rx, msg, wait);
}

static int plainly(struct hand *h, bool tries, void *msg)
{
	errno = TEST_ERRNO;
	if (h->tx)
		return tries ? chan_try_send(h->tx, msg) : chan_send(h->tx, msg);
	return tries ? chan_try_recv(h->rx, msg) : chan_recv(h->rx, msg);
}

/* Any call that moves one message at most. */
static int call_any(struct hand *h, void *msg)
{
	uint64_t choice = dice_roll(&h->dice, 10);
	int error;

	if (choice < 2)
		return cancellable(h, choice, msg);
	if (choice < 5)
		return pick_one(h, h->tx ? case_send(h->tx, msg) : case_recv(h->rx, msg));
	error = choice < 7 ? in_time(h, choice == 5, msg) : plainly(h, choice == 7, msg);
	test_errno(__FILE__, __LINE__, "a call");
	return error;
}

static void must_be_usual(int error)
{
	must(error == 0 || error == EAGAIN || error == ETIMEDOUT || error == ECANCELED || error == EPIPE);
}

/* ------------------------------------------------------------------ senders */

enum { BATCH = 5 };

static uint64_t message(uint32_t sender, size_t number)
{
	return ((uint64_t)sender << 32) | number;
}

static int send_several(struct hand *h, size_t *accepted)
{
	size_t n = h->crew->messages - *accepted, count = SIZE_MAX;
	uint64_t msgs[BATCH];
	int error;

	if (n > BATCH)
		n = BATCH;
	for (size_t i = 0; i < n; i++)
		msgs[i] = message(h->index, *accepted + i);
	errno = TEST_ERRNO;
	error = dice_roll(&h->dice, 2) ? chan_send_many(h->tx, msgs, n, &count)
	                               : chan_try_send_many(h->tx, msgs, n, &count);
	test_errno(__FILE__, __LINE__, "a batch");
	must(count <= n);
	*accepted += count;
	return error;
}

static void send_all(void *arg)
{
	struct hand *h = arg;
	size_t *accepted = &h->crew->accepted[h->index];
	int error = 0;

	while (*accepted < h->crew->messages && error != EPIPE) {
		uint64_t msg = message(h->index, *accepted);

		if (dice_roll(&h->dice, 8) == 0) {
			error = send_several(h, accepted);
		} else {
			error = call_any(h, &msg);
			must_eq(msg, message(h->index, *accepted));
			*accepted += error == 0;
		}
		must_be_usual(error);
	}
	chan_sender_drop(h->tx);
}

/* ---------------------------------------------------------------- receivers */

static void note_received(struct hand *h, uint64_t msg)
{
	uint64_t sender = msg >> 32, number = msg & UINT32_MAX;

	must(sender < CREW_SENDERS && number < h->crew->messages);
	must(number + 1 > h->last[sender]);
	h->last[sender] = number + 1;
	must_eq(atomic_fetch_add(&h->crew->seen[sender][number], 1), 0);
}

static int receive_several(struct hand *h)
{
	uint64_t msgs[BATCH];
	size_t count = SIZE_MAX;
	int error;

	errno = TEST_ERRNO;
	error = dice_roll(&h->dice, 2) ? chan_recv_many(h->rx, msgs, BATCH, &count)
	                               : chan_try_recv_many(h->rx, msgs, BATCH, &count);
	test_errno(__FILE__, __LINE__, "a batch");
	must(count <= BATCH && (error == 0) == (count > 0));
	for (size_t i = 0; i < count; i++)
		note_received(h, msgs[i]);
	return error;
}

static void receive_all(void *arg)
{
	struct hand *h = arg;
	int error = 0;

	while (error != EPIPE) {
		uint64_t msg = UINT64_MAX;

		if (dice_roll(&h->dice, 8) == 0) {
			error = receive_several(h);
		} else {
			error = call_any(h, &msg);
			if (error == 0)
				note_received(h, msg);
			else
				must_eq(msg, UINT64_MAX);
		}
		must_be_usual(error);
	}
	chan_receiver_drop(h->rx);
}

/* ----------------------------------------------------------------- the crew */

static void hand_init(struct hand *h, struct crew *crew, uint32_t index, uint64_t seed)
{
	h->crew = crew;
	h->index = index;
	h->dice.state = seed;
	atomic_init(&h->token, NULL);
	must_give(0, chan_never(sizeof(uint64_t), &h->never));
}

void crew_start(struct crew *crew, struct ends e, size_t messages, uint64_t seed)
{
	struct dice dice = { seed };
	void (*trouble)(struct crew *, struct dice *) = crew->trouble;

	must(messages <= CREW_MESSAGES);
	memset(crew, 0, sizeof(*crew));
	crew->trouble = trouble;
	crew->e = e;
	crew->messages = messages;
	hand_init(&crew->troublemaker, crew, 0, dice_number(&dice));
	for (uint32_t i = 0; i < CREW_SENDERS; i++) {
		hand_init(&crew->senders[i], crew, i, dice_number(&dice));
		crew->senders[i].tx = chan_sender_clone(e.tx);
	}
	for (uint32_t i = 0; i < CREW_RECEIVERS; i++) {
		hand_init(&crew->receivers[i], crew, i, dice_number(&dice));
		crew->receivers[i].rx = chan_receiver_clone(e.rx);
	}
	for (size_t i = 0; i < CREW_SENDERS; i++)
		worker_start(&crew->senders[i].worker, send_all, &crew->senders[i]);
	for (size_t i = 0; i < CREW_RECEIVERS; i++)
		worker_start(&crew->receivers[i].worker, receive_all, &crew->receivers[i]);
	worker_start(&crew->troublemaker.worker, make_trouble, &crew->troublemaker);
	chan_sender_drop(e.tx);
}

static void hand_join(struct hand *h)
{
	worker_join(&h->worker);
	chan_receiver_drop(h->never);
}

void crew_finish(struct crew *crew)
{
	for (size_t i = 0; i < CREW_SENDERS; i++)
		hand_join(&crew->senders[i]);
	for (size_t i = 0; i < CREW_RECEIVERS; i++)
		hand_join(&crew->receivers[i]);
	atomic_store(&crew->over, true);
	hand_join(&crew->troublemaker);
	chan_receiver_drop(crew->e.rx);
	for (size_t i = 0; i < CREW_SENDERS; i++)
		for (size_t j = 0; j < crew->messages; j++)
			if (atomic_load(&crew->seen[i][j]) != (j < crew->accepted[i]))
				test_fail(__FILE__, __LINE__, "message %zu of sender %zu was %s and seen %u times",
				          j, i, j < crew->accepted[i] ? "accepted" : "not accepted",
				          (unsigned)atomic_load(&crew->seen[i][j]));
}
