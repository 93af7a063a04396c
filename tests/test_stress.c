/*
 * test_stress.c - random threads, calls and endings, with a history of every
 * message
 *
 * Each round makes a channel with random settings and lets a few senders,
 * receivers and a troublemaker loose on it.  Afterwards each message that a
 * send accepted must have been received, destroyed or handed back exactly
 * once, unharmed, each receiver must have seen each sender's in order, and no
 * other message may have been seen at all.
 *
 * CHAN_STRESS_SECONDS makes each kind of channel run that long; otherwise a
 * few rounds serve.  CHAN_STRESS_SEED repeats a run's choices.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/support.h"

enum { MOST_THREADS = 4, MOST_MESSAGES = 1500, MOST_BATCH = 9, MOST_BYTES = 160 };

/* The head of every message; the rest is filled from it. */
struct head {
	uint32_t sender, number;
	uint64_t check;
};

enum ending { SENDERS_FINISH, RECEIVERS_LEAVE, CLOSED_MIDWAY, ENDINGS };

struct round {
	const struct kind *kind;
	struct ends e;
	size_t size;
	bool dropping;
	enum ending ending;
	size_t senders, receivers, messages;
	atomic_bool over;
	/* Written by the sender alone, read after the join. */
	bool accepted[MOST_THREADS][MOST_MESSAGES];
	/* How often it came out anywhere. */
	atomic_uchar seen[MOST_THREADS][MOST_MESSAGES];
};

struct actor {
	struct round *round;
	uint32_t index;
	struct dice dice;
	chan_sender_t *tx;
	chan_receiver_t *rx;
	uint32_t last[MOST_THREADS]; /* of each sender, plus one */
	struct worker worker;
};

/* ------------------------------------------------------------------- messages */

static uint64_t check_of(uint32_t sender, uint32_t number)
{
	return (((uint64_t)sender << 32) | number) * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static void make_message(const struct round *r, unsigned char *bytes, uint32_t sender, uint32_t number)
{
	struct head head = { sender, number, check_of(sender, number) };

	memcpy(bytes, &head, sizeof(head));
	for (size_t i = sizeof(head); i < r->size; i++)
		bytes[i] = (unsigned char)(head.check >> (i % 8 * 8));
}

static struct head read_message(const struct round *r, const unsigned char *bytes)
{
	struct head head;

	memcpy(&head, bytes, sizeof(head));
	must(head.sender < r->senders && head.number < r->messages);
	must(head.check == check_of(head.sender, head.number));
	for (size_t i = sizeof(head); i < r->size; i++)
		must(bytes[i] == (unsigned char)(head.check >> (i % 8 * 8)));
	return head;
}

static struct head note_seen(struct round *r, const unsigned char *bytes)
{
	struct head head = read_message(r, bytes);

	must(atomic_fetch_add(&r->seen[head.sender][head.number], 1) == 0);
	return head;
}

static void note_destroyed(void *msg, void *arg)
{
	note_seen(arg, msg);
}

static void note_received(struct actor *a, const unsigned char *bytes)
{
	struct head head = note_seen(a->round, bytes);

	must(head.number + 1 > a->last[head.sender]);
	a->last[head.sender] = head.number + 1;
}

/* -------------------------------------------------------------------- senders */

static struct timespec deadline_in(uint64_t ns)
{
	struct timespec when;

	chan_deadline(ns, &when);
	return when;
}

/* A batch from `number` on; gives the error, *done the messages it used up. */
static int send_several(struct actor *a, uint32_t number, bool tries, uint32_t *done)
{
	struct round *r = a->round;
	unsigned char bytes[MOST_BATCH * MOST_BYTES], before[MOST_BATCH * MOST_BYTES];
	size_t n = 1 + dice_roll(&a->dice, MOST_BATCH), count = SIZE_MAX;
	int error;

	if (n > r->messages - number)
		n = r->messages - number;
	for (size_t i = 0; i < n; i++)
		make_message(r, bytes + i * r->size, a->index, number + (uint32_t)i);
	memcpy(before, bytes, n * r->size);
	for (size_t i = 0; i < n; i++)
		r->accepted[a->index][number + i] = false;
	error = tries ? chan_try_send_many(a->tx, bytes, n, &count) : chan_send_many(a->tx, bytes, n, &count);
	must(count <= n && memcmp(bytes, before, n * r->size) == 0);
	for (size_t i = 0; i < count; i++)
		r->accepted[a->index][number + i] = true;
	must(error != 0 || tries || count == n);
	must(error == 0 || !tries || count == 0);
	*done = (uint32_t)n;
	return error;
}

static int force_one(struct actor *a, const unsigned char *bytes)
{
	unsigned char other[MOST_BYTES];
	bool displaced = false;
	int error;

	if (a->round->kind->consumers == CHAN_SINGLE)
		return chan_try_send(a->tx, bytes);
	if (dice_roll(&a->dice, 2))
		return chan_force_send(a->tx, bytes, NULL, NULL);
	error = chan_force_send(a->tx, bytes, other, &displaced);
	if (error == 0 && displaced)
		note_seen(a->round, other);
	return error;
}

static int send_one(struct actor *a, const unsigned char *bytes)
{
	uint64_t wait = dice_roll(&a->dice, 50 * CHAN_USEC);
	struct timespec when = deadline_in(wait);

	switch (dice_roll(&a->dice, 8)) {
	case 0:  return chan_try_send(a->tx, bytes);
	case 1:  return chan_send_timeout(a->tx, bytes, wait);
	case 2:  return chan_send_deadline(a->tx, bytes, &when);
	case 3:  return force_one(a, bytes);
	case 4:  return chan_send_timeout(a->tx, bytes, CHAN_FOREVER);
	default: return chan_send(a->tx, bytes);
	}
}

static void send_all(void *arg)
{
	struct actor *a = arg;
	struct round *r = a->round;
	uint32_t number = 0, used;
	int error = 0;

	while (number < r->messages && error != EPIPE) {
		uint64_t choice = dice_roll(&a->dice, 8);
		unsigned char bytes[MOST_BYTES];

		if (choice < 2) {
			error = send_several(a, number, choice == 0, &used);
		} else {
			used = 1;
			make_message(r, bytes, a->index, number);
			error = send_one(a, bytes);
			r->accepted[a->index][number] = error == 0;
			must_eq(read_message(r, bytes).number, number);
		}
		must(error == 0 || error == EAGAIN || error == ETIMEDOUT || error == EPIPE);
		must(error != EPIPE || r->ending != SENDERS_FINISH);
		number += used;
	}
	chan_sender_drop(a->tx);
}

/* ------------------------------------------------------------------ receivers */

static int receive_several(struct actor *a, bool tries)
{
	struct round *r = a->round;
	unsigned char bytes[MOST_BATCH * MOST_BYTES];
	size_t max = 1 + dice_roll(&a->dice, MOST_BATCH), count = SIZE_MAX;
	int error = tries ? chan_try_recv_many(a->rx, bytes, max, &count)
	                  : chan_recv_many(a->rx, bytes, max, &count);

	must(count <= max && (error == 0) == (count > 0));
	for (size_t i = 0; i < count; i++)
		note_received(a, bytes + i * r->size);
	return error;
}

static int receive_one(struct actor *a)
{
	unsigned char bytes[MOST_BYTES];
	uint64_t wait = dice_roll(&a->dice, 50 * CHAN_USEC);
	struct timespec when = deadline_in(wait);
	int error;

	switch (dice_roll(&a->dice, 6)) {
	case 0:  error = chan_try_recv(a->rx, bytes); break;
	case 1:  error = chan_recv_timeout(a->rx, bytes, wait); break;
	case 2:  error = chan_recv_deadline(a->rx, bytes, &when); break;
	case 3:  return chan_recv(a->rx, NULL); /* the destructor notes it */
	default: error = chan_recv(a->rx, bytes); break;
	}
	if (error == 0)
		note_received(a, bytes);
	return error;
}

static void receive_all(void *arg)
{
	struct actor *a = arg;
	size_t quota = a->round->ending == RECEIVERS_LEAVE ? dice_roll(&a->dice, a->round->messages) : SIZE_MAX;
	int error = 0;

	for (size_t i = 0; i < quota && error != EPIPE; i++) {
		uint64_t choice = dice_roll(&a->dice, 8);

		error = choice < 2 ? receive_several(a, choice == 0) : receive_one(a);
		must(error == 0 || error == EAGAIN || error == ETIMEDOUT || error == EPIPE);
	}
	chan_receiver_drop(a->rx);
}

/* --------------------------------------------------------------- troublemaker */

/* Everything that may happen beside sending and receiving; it holds no strong
 * handle in between, so that the ends stay the others' to drop. */
static void make_trouble(void *arg)
{
	struct actor *a = arg;
	struct round *r = a->round;
	chan_weak_sender_t *weak = chan_sender_downgrade(a->tx);
	chan_t *c = r->e.c;
	uint64_t closing = dice_roll(&a->dice, 200);

	chan_sender_drop(a->tx);
	for (uint64_t i = 0; !atomic_load(&r->over); i++) {
		chan_sender_t *tx = chan_weak_sender_upgrade(weak);

		must(chan_len(c) <= chan_capacity(c));
		if (tx != NULL)
			chan_sender_drop(chan_sender_clone(tx));
		chan_sender_drop(tx);
		if (i == closing && r->ending == CLOSED_MIDWAY)
			chan_close(c);
		sched_yield();
	}
	chan_weak_sender_drop(weak);
}

/* --------------------------------------------------------------------- a round */

static void set_up(struct round *r, const struct kind *k, struct dice *dice, struct counting *counting)
{
	static const size_t sizes[] = { 16, 17, 24, 64, 100, MOST_BYTES };
	chan_allocator_t table = counting_allocator(counting);
	chan_attr_t attr;

	memset(r, 0, sizeof(*r));
	r->kind = k;
	r->size = sizes[dice_roll(dice, COUNT_OF(sizes))];
	r->dropping = k->drop_oldest && dice_roll(dice, 4) == 0;
	r->ending = (enum ending)dice_roll(dice, ENDINGS);
	r->senders = k->producers == CHAN_SINGLE ? 1 : 1 + dice_roll(dice, MOST_THREADS);
	r->receivers = k->consumers == CHAN_SINGLE ? 1 : 1 + dice_roll(dice, MOST_THREADS);
	r->messages = 1 + dice_roll(dice, dice_roll(dice, 3) == 0 ? MOST_MESSAGES : 60);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	must_give(0, chan_attr_setdestructor(&attr, note_destroyed, r));
	if (r->dropping)
		must_give(0, chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST));
	r->e = attr_open(&attr, r->size);
}

static void check_history(struct round *r)
{
	for (size_t i = 0; i < r->senders; i++)
		for (size_t j = 0; j < r->messages; j++)
			if (atomic_load(&r->seen[i][j]) != r->accepted[i][j])
				test_fail(__FILE__, __LINE__, "message %zu of sender %zu was %s and seen %u times",
				          j, i, r->accepted[i][j] ? "accepted" : "refused",
				          (unsigned)atomic_load(&r->seen[i][j]));
}

static void play(struct round *r, struct dice *dice)
{
	struct actor senders[MOST_THREADS], receivers[MOST_THREADS], trouble;

	memset(senders, 0, sizeof(senders));
	memset(receivers, 0, sizeof(receivers));
	trouble = (struct actor){ .round = r, .dice = { dice_number(dice) }, .tx = chan_sender_clone(r->e.tx) };
	worker_start(&trouble.worker, make_trouble, &trouble);
	for (uint32_t i = 0; i < r->receivers; i++) {
		receivers[i] = (struct actor){ .round = r, .index = i, .dice = { dice_number(dice) },
		                               .rx = chan_receiver_clone(r->e.rx) };
		worker_start(&receivers[i].worker, receive_all, &receivers[i]);
	}
	for (uint32_t i = 0; i < r->senders; i++) {
		senders[i] = (struct actor){ .round = r, .index = i, .dice = { dice_number(dice) },
		                             .tx = chan_sender_clone(r->e.tx) };
		worker_start(&senders[i].worker, send_all, &senders[i]);
	}
	chan_sender_drop(r->e.tx);
	chan_receiver_drop(r->e.rx);
	for (size_t i = 0; i < r->senders; i++)
		worker_join(&senders[i].worker);
	for (size_t i = 0; i < r->receivers; i++)
		worker_join(&receivers[i].worker);
	atomic_store(&r->over, true);
	worker_join(&trouble.worker);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : otherwise;
}

static uint64_t seconds, seed;

static void nothing_is_lost_doubled_or_reordered(const struct kind *k)
{
	uint64_t end = now_ns() + seconds * CHAN_SEC;
	size_t rounds = test_scaled(120);
	static struct round r;

	for (size_t i = 0; seconds ? now_ns() < end : i < rounds; i++) {
		struct dice dice = { seed + i };
		struct counting counting;

		counting_init(&counting);
		set_up(&r, k, &dice, &counting);
		play(&r, &dice);
		check_history(&r);
		counting_must_balance(&counting);
	}
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(nothing_is_lost_doubled_or_reordered, NEEDS_DESTRUCTOR),
};

int main(void)
{
	static struct kind kinds[MAX_KINDS];
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);

	seconds = number_from("CHAN_STRESS_SECONDS", 0);
	seed = number_from("CHAN_STRESS_SEED", seconds ? now_ns() : 20260101);
	printf("stress: CHAN_STRESS_SEED=%llu\n", (unsigned long long)seed);
	n += kind_discover(kinds + n, CHAN_SINGLE, CHAN_MANY);
	n += kind_discover(kinds + n, CHAN_MANY, CHAN_SINGLE);
	n += kind_discover(kinds + n, CHAN_SINGLE, CHAN_SINGLE);
	return matrix_run("stress", behaviours, COUNT_OF(behaviours), kinds, n);
}
