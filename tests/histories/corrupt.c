/*
 * corrupt.c - histories that are spoilt on purpose, to see that they are not accepted
 *
 * The table has small good histories, made by hand, and for each pattern changes that
 * bring it about.  The other judge gets those that its model can express.
 */
#include "histories/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <chan.h>

#include "histories/windows.h"
#include "support/support.h"

enum { THREADS = 4, EACH = 8, MOST_ROWS = 24, MOST_EDITS = 3, SHORT = 20 };

/* A record, and whose. */
struct row {
	unsigned thread;
	enum op op;
	uint32_t value;
	int result;
	uint64_t began, ended;
};

struct good {
	const char *name;
	struct history h;
	unsigned subscriptions[THREADS];
	bool modelled;           /* the other judge knows such channels */
	struct row rows[MOST_ROWS];
	size_t n;
};

enum change { REPLACE = 1, REMOVE, ADD };

struct edit {
	enum change change;
	size_t at;
	struct row row;
};

struct corruption {
	const char *name;
	const struct good *good;
	enum pattern pattern;
	bool ours_alone;         /* the model does not know the rule */
	struct edit edits[MOST_EDITS];
};

#define REFUSED NO_VALUE, EAGAIN
#define ENDED   NO_VALUE, EPIPE
#define LATE    NO_VALUE, ETIMEDOUT
#define DONE    NO_VALUE, 0

static const uint64_t lost_one[] = { 1 };

static const struct good queue = {
	"a queue for two", { .capacity = 2, .subscriptions = 1 }, { 0 }, true, {
		{ 2, OP_RECV, REFUSED, 10, 15 },
		{ 0, OP_SEND, 0, 0, 20, 30 },
		{ 1, OP_SEND, 8, 0, 35, 45 },
		{ 0, OP_SEND, REFUSED, 50, 55 },
		{ 2, OP_RECV, 0, 0, 60, 70 },
		{ 3, OP_RECV, 8, 0, 75, 85 },
		{ 1, OP_SEND, 9, 0, 90, 120 },
		{ 3, OP_RECV, 9, 0, 100, 130 },
		{ 2, OP_RECV, REFUSED, 140, 150 },
		{ 0, OP_SEND, 2, 0, 160, 170 },
		{ 1, OP_SEND, 10, 0, 172, 178 },
		{ 0, OP_SEND, LATE, 180, 205 },
		{ 0, OP_CLOSE, DONE, 210, 220 },
		{ 1, OP_SEND, ENDED, 230, 235 },
		{ 2, OP_RECV, 2, 0, 240, 250 },
		{ 3, OP_RECV, 10, 0, 255, 265 },
		{ 2, OP_RECV, ENDED, 270, 275 },
		{ 3, OP_RECV, ENDED, 270, 280 },
	}, 18
};

/* The message that is next is still being written, and a later one is there. */
static const struct good overtaken = {
	"a slow sender", { .capacity = 3, .subscriptions = 1 }, { 0 }, true, {
		{ 0, OP_SEND, 0, 0, 10, 100 },
		{ 1, OP_SEND, 8, 0, 20, 30 },
		{ 2, OP_RECV, REFUSED, 40, 50 },
		{ 2, OP_RECV, 0, 0, 90, 110 },
		{ 3, OP_RECV, 8, 0, 120, 130 },
	}, 5
};

/* The place that is next is still being read. */
static const struct good lingering = {
	"a slow receiver", { .capacity = 1, .subscriptions = 1 }, { 0 }, true, {
		{ 0, OP_SEND, 0, 0, 10, 20 },
		{ 2, OP_RECV, 0, 0, 30, 60 },
		{ 1, OP_SEND, REFUSED, 40, 50 },
	}, 3
};

/* A send holds a place beyond the close, and gives it back. */
static const struct good giving_back = {
	"a place given back", { .capacity = 1, .subscriptions = 1 }, { 0 }, true, {
		{ 0, OP_SEND, 0, 0, 10, 20 },
		{ 1, OP_SEND, ENDED, 15, 60 },
		{ 2, OP_RECV, 0, 0, 25, 28 },
		{ 0, OP_CLOSE, DONE, 30, 35 },
		{ 2, OP_RECV, REFUSED, 40, 45 },
		{ 2, OP_RECV, ENDED, 70, 75 },
	}, 6
};

/* One call moves two messages, so that their instants are the same. */
static const struct good batches = {
	"batches", { .capacity = CHAN_UNBOUNDED, .subscriptions = 1 }, { 0 }, true, {
		{ 0, OP_SEND, 0, 0, 10, 20 },
		{ 0, OP_SEND, 1, 0, 10, 20 },
		{ 1, OP_SEND, 8, 0, 30, 40 },
		{ 2, OP_RECV, 0, 0, 15, 50 },
		{ 2, OP_RECV, 1, 0, 15, 50 },
		{ 2, OP_RECV, 8, 0, 15, 50 },
	}, 6
};

static const struct good rendezvous = {
	"a rendezvous", { .capacity = 0, .subscriptions = 1 }, { 0 }, false, {
		{ 0, OP_SEND, 0, 0, 10, 30 },
		{ 2, OP_RECV, 0, 0, 15, 35 },
		{ 3, OP_RECV, REFUSED, 40, 45 },
		{ 1, OP_SEND, LATE, 50, 80 },
	}, 4
};

static const struct good oneshot = {
	"one message", { .capacity = 1, .subscriptions = 1, .one_message = true }, { 0 }, true, {
		{ 0, OP_SEND, 0, 0, 10, 20 },
		{ 1, OP_SEND, ENDED, 15, 25 },
		{ 2, OP_RECV, 0, 0, 30, 40 },
		{ 3, OP_RECV, ENDED, 35, 45 },
		{ 1, OP_SEND, ENDED, 50, 55 },
		{ 3, OP_RECV, ENDED, 60, 65 },
	}, 6
};

static const struct good two_subscriptions = {
	"two subscriptions", { .capacity = 3, .subscriptions = 2 }, { 0, 0, 0, 1 }, false, {
		{ 0, OP_SEND, 0, 0, 10, 30 },
		{ 1, OP_SEND, 8, 0, 12, 28 },
		{ 2, OP_RECV, 0, 0, 40, 50 },
		{ 3, OP_RECV, 0, 0, 45, 55 },
		{ 2, OP_RECV, 8, 0, 60, 70 },
		{ 3, OP_RECV, 8, 0, 65, 75 },
	}, 6
};

static const struct good lagging = {
	"a subscription that lags",
	{ .capacity = 1, .subscriptions = 1, .drop_oldest = true, .broadcast_lossy = true, .lost = lost_one },
	{ 0 },
	false,
	{
		{ 0, OP_SEND, 0, 0, 10, 20 },
		{ 0, OP_SEND, 1, 0, 30, 40 },
		{ 2, OP_RECV, NO_VALUE, EOVERFLOW, 50, 60 },
		{ 2, OP_RECV, 1, 0, 70, 80 },
	},
	4
};

/* The destructor of what is displaced takes its time. */
static const struct good displacing = {
	"a queue that drops the oldest",
	{ .capacity = 3, .subscriptions = 1, .drop_oldest = true, .destroys = true },
	{ 0 },
	true,
	{
		{ 0, OP_SEND, 0, 0, 10, 20 },
		{ 0, OP_SEND, 1, 0, 30, 40 },
		{ 1, OP_SEND, 8, 0, 50, 60 },
		{ 1, OP_DESTROYED, 0, 0, 70, 75 },
		{ 1, OP_SEND, 9, 0, 70, 200 },
		{ 2, OP_RECV, 1, 0, 80, 90 },
		{ 2, OP_RECV, 8, 0, 95, 105 },
		{ 0, OP_SEND, 2, 0, 110, 120 },
		{ 3, OP_RECV, 9, 0, 190, 210 },
		{ 3, OP_RECV, 2, 0, 215, 220 },
	},
	10
};

static const struct good deserted = {
	"receivers that leave", { .capacity = 2, .subscriptions = 1, .destroys = true }, { 0 }, false, {
		{ 0, OP_SEND, 0, 0, 10, 20 },
		{ 1, OP_SEND, 8, 0, 30, 40 },
		{ 2, OP_RECV, 0, 0, 50, 60 },
		{ 2, OP_DESTROYED, 8, 0, 70, 75 },
		{ 2, OP_DROP_RX, DONE, 70, 80 },
		{ 0, OP_SEND, ENDED, 90, 95 },
	}, 6
};

static const struct good *const goods[] = {
	&queue, &overtaken, &lingering, &giving_back, &batches, &rendezvous, &oneshot, &two_subscriptions, &lagging,
	&displacing, &deserted
};

static const struct corruption corruptions[] = {
	{ "a message comes again", &queue, RECEIVED_TWICE, false, {
		{ REPLACE, 5, { 3, OP_RECV, 0, 0, 75, 85 } } } },
	{ "the last message comes again", &queue, RECEIVED_TWICE, false, {
		{ REPLACE, 17, { 3, OP_RECV, 10, 0, 270, 280 } } } },
	{ "a message of nobody", &queue, NEVER_SENT, false, {
		{ REPLACE, 5, { 3, OP_RECV, 13, 0, 75, 85 } } } },
	{ "a message whose send was refused", &queue, NEVER_SENT, false, {
		{ REPLACE, 16, { 2, OP_RECV, 3, 0, 270, 275 } } } },
	{ "a message before it is sent", &queue, RECEIVED_TOO_EARLY, false, {
		{ REPLACE, 7, { 3, OP_RECV, 9, 0, 86, 89 } } } },
	{ "a message is lost", &queue, LOST, false, { { .change = REMOVE, .at = 15 } } },
	{ "a message is lost in the middle", &queue, LOST, false, { { .change = REMOVE, .at = 5 } } },
	{ "two messages change places", &queue, OUT_OF_ORDER, false, {
		{ REPLACE, 4, { 2, OP_RECV, 8, 0, 60, 70 } }, { REPLACE, 5, { 3, OP_RECV, 0, 0, 75, 85 } } } },
	{ "the last two change places", &queue, OUT_OF_ORDER, false, {
		{ REPLACE, 14, { 2, OP_RECV, 10, 0, 240, 250 } }, { REPLACE, 15, { 3, OP_RECV, 2, 0, 255, 265 } } } },
	{ "two of a batch change places", &batches, OUT_OF_ORDER, true, {
		{ REPLACE, 3, { 2, OP_RECV, 1, 0, 15, 50 } }, { REPLACE, 4, { 2, OP_RECV, 0, 0, 15, 50 } } } },
	{ "two senders' messages change places in a batch", &batches, OUT_OF_ORDER, true, {
		{ REPLACE, 4, { 2, OP_RECV, 8, 0, 15, 50 } }, { REPLACE, 5, { 2, OP_RECV, 1, 0, 15, 50 } } } },
	{ "the first of a batch comes after the second", &batches, OUT_OF_ORDER, true, {
		{ REPLACE, 3, { 3, OP_RECV, 0, 0, 55, 60 } } } },
	{ "a send that displaced loses its place", &displacing, OUT_OF_ORDER, false, {
		{ REPLACE, 8, { 2, OP_RECV, 9, 0, 215, 220 } }, { REPLACE, 9, { 3, OP_RECV, 2, 0, 130, 140 } } } },
	{ "EMPTY beside two messages", &queue, FALSE_EMPTY, false, {
		{ ADD, 0, { 3, OP_RECV, REFUSED, 47, 49 } } } },
	{ "EMPTY beside a message that takes its place from another", &queue, FALSE_EMPTY, false, {
		{ ADD, 0, { 3, OP_RECV, LATE, 32, 58 } } } },
	{ "EMPTY beside a slow sender of a later message", &overtaken, FALSE_EMPTY, false, {
		{ REPLACE, 0, { 0, OP_SEND, 0, 0, 35, 100 } },
		{ REPLACE, 3, { 2, OP_RECV, 8, 0, 90, 110 } }, { REPLACE, 4, { 3, OP_RECV, 0, 0, 120, 130 } } } },
	{ "FULL with a place free", &queue, FALSE_FULL, false, {
		{ ADD, 0, { 1, OP_SEND, REFUSED, 32, 34 } } } },
	{ "FULL with no message", &queue, FALSE_FULL, false, {
		{ ADD, 0, { 1, OP_SEND, REFUSED, 132, 134 } } } },
	{ "FULL after a receive", &lingering, FALSE_FULL, false, {
		{ REPLACE, 1, { 2, OP_RECV, 0, 0, 30, 35 } } } },
	{ "three in a queue for two", &queue, OVERFILLED, false, {
		{ REPLACE, 3, { 0, OP_SEND, 1, 0, 50, 55 } }, { REPLACE, 8, { 2, OP_RECV, 1, 0, 88, 95 } } } },
	{ "the end before the close", &queue, FALSE_END, false, {
		{ REPLACE, 8, { 2, OP_RECV, ENDED, 140, 150 } } } },
	{ "no sends before the close", &queue, FALSE_END, false, {
		{ REPLACE, 3, { 0, OP_SEND, ENDED, 50, 55 } } } },
	{ "a message after the close", &queue, SENT_AFTER_END, false, {
		{ REPLACE, 13, { 1, OP_SEND, 11, 0, 230, 235 } }, { REPLACE, 16, { 2, OP_RECV, 11, 0, 268, 269 } } } },
	{ "a second message", &oneshot, SENT_AFTER_END, false, {
		{ REPLACE, 4, { 1, OP_SEND, 8, 0, 50, 55 } }, { REPLACE, 5, { 3, OP_RECV, 8, 0, 60, 65 } } } },
	{ "a message to receivers that left", &deserted, SENT_AFTER_END, true, {
		{ REPLACE, 5, { 0, OP_SEND, 1, 0, 90, 95 } }, { ADD, 0, { 0, OP_DESTROYED, 1, 0, 90, 94 } } } },
	{ "the end before the last messages", &queue, RECEIVED_AFTER_END, false, {
		{ ADD, 0, { 3, OP_RECV, ENDED, 236, 239 } } } },
	{ "FULL after the close", &queue, END_NOT_SEEN, false, {
		{ REPLACE, 13, { 1, OP_SEND, REFUSED, 230, 235 } } } },
	{ "EMPTY after the end", &queue, END_NOT_SEEN, false, {
		{ REPLACE, 17, { 3, OP_RECV, REFUSED, 281, 285 } } } },
	{ "EMPTY after the place was given back", &giving_back, END_NOT_SEEN, false, {
		{ REPLACE, 4, { 2, OP_RECV, REFUSED, 62, 65 } } } },
	{ "EMPTY beside a message, and a send that finds the end", &giving_back, FALSE_EMPTY, false, {
		{ REPLACE, 4, { 2, OP_RECV, REFUSED, 22, 24 } } } },
	{ "FULL on a oneshot that was used", &oneshot, END_NOT_SEEN, false, {
		{ REPLACE, 4, { 1, OP_SEND, REFUSED, 50, 55 } } } },
	{ "EMPTY on a oneshot that was used", &oneshot, END_NOT_SEEN, false, {
		{ REPLACE, 5, { 3, OP_RECV, REFUSED, 60, 65 } } } },
	{ "an early timeout", &queue, TIMED_OUT_EARLY, true, {
		{ REPLACE, 11, { 0, OP_SEND, LATE, 180, 190 } } } },
	{ "a result of no call", &queue, WRONG_RESULT, false, {
		{ REPLACE, 3, { 0, OP_SEND, NO_VALUE, EINVAL, 50, 55 } } } },
	{ "a rendezvous with nobody", &rendezvous, NEVER_MET, true, {
		{ REPLACE, 1, { 2, OP_RECV, 0, 0, 32, 35 } } } },
	{ "two orders", &two_subscriptions, SUBSCRIPTIONS_DISAGREE, true, {
		{ REPLACE, 3, { 3, OP_RECV, 8, 0, 45, 55 } }, { REPLACE, 5, { 3, OP_RECV, 0, 0, 65, 75 } } } },
	{ "one subscription misses a message", &two_subscriptions, LOST, true, { { .change = REMOVE, .at = 5 } } },
	{ "more are lost than was said", &lagging, LOST, true, { { .change = REMOVE, .at = 3 } } },
	{ "a message is destroyed that should be received", &deserted, LOST, true, {
		{ REPLACE, 2, { 2, OP_DESTROYED, 0, 0, 50, 60 } } } },
	{ "a message that was left is not destroyed", &deserted, LOST, true, { { .change = REMOVE, .at = 3 } } },
};

/* --------------------------------------------------------------------- the table */

/* A good history, perhaps spoilt, in the form that is judged. */
struct copy {
	struct row rows[MOST_ROWS];
	size_t n;
	struct record records[THREADS][MOST_ROWS];
	struct log logs[THREADS];
	struct history h;
};

/* Keeps its place among the rows: those of one call may have a meaning by their order. */
static void sort_rows(struct copy *c)
{
	for (size_t i = 1; i < c->n; i++) {
		struct row row = c->rows[i];
		size_t j = i;

		for (; j > 0 && c->rows[j - 1].began > row.began; j--)
			c->rows[j] = c->rows[j - 1];
		c->rows[j] = row;
	}
}

static void apply(struct copy *c, const struct edit *edit)
{
	switch (edit->change) {
	case REPLACE:
		c->rows[edit->at] = edit->row;
		break;
	case REMOVE:
		memmove(&c->rows[edit->at], &c->rows[edit->at + 1], (--c->n - edit->at) * sizeof(c->rows[0]));
		break;
	case ADD:
		c->rows[c->n++] = edit->row;
		break;
	}
}

static void make_copy(struct copy *c, const struct good *good, const struct edit *edits)
{
	memcpy(c->rows, good->rows, sizeof(c->rows));
	c->n = good->n;
	for (size_t i = 0; edits && i < MOST_EDITS && edits[i].change; i++)
		apply(c, &edits[i]);
	sort_rows(c);
	for (size_t i = 0; i < THREADS; i++)
		c->logs[i] = (struct log){ c->records[i], 0, MOST_ROWS, good->subscriptions[i] };
	for (size_t i = 0; i < c->n; i++) {
		const struct row *row = &c->rows[i];
		struct log *log = &c->logs[row->thread];

		log->records[log->n++] = (struct record){ row->began, row->ended, row->value, 0,
			                                  (uint8_t)row->op, (uint8_t)row->result };
	}
	c->h = good->h;
	c->h.logs = c->logs;
	c->h.n_logs = THREADS;
	c->h.senders = THREADS;
	c->h.each = EACH;
	c->h.timeout_ns = SHORT;
}

static bool expect_good(const struct good *good, FILE *out)
{
	struct verdict v = { .messages = 0 };
	struct copy c;

	make_copy(&c, good, NULL);
	judge(&c.h, 0, &v);
	if (out && good->modelled)
		window_print(out, &c.h, good->name, true);
	if (verdict_found(&v) == 0)
		return true;
	fprintf(stderr, "%s: a good history is refused: %s\n", good->name, v.first);
	return false;
}

static bool expect_bad(const struct corruption *bad, FILE *out)
{
	struct verdict v = { .messages = 0 };
	struct copy c;

	make_copy(&c, bad->good, bad->edits);
	judge(&c.h, 0, &v);
	if (out && bad->good->modelled && !bad->ours_alone)
		window_print(out, &c.h, bad->name, false);
	if (v.found[bad->pattern] > 0)
		return true;
	fprintf(stderr, "%s: not found: %s; but: %s\n", bad->name, pattern_names[bad->pattern], v.first);
	return false;
}

size_t corrupt_table(FILE *out, size_t *cases)
{
	size_t wrong = 0;

	for (size_t i = 0; i < COUNT_OF(goods); i++)
		wrong += !expect_good(goods[i], out);
	for (size_t i = 0; i < COUNT_OF(corruptions); i++)
		wrong += !expect_bad(&corruptions[i], out);
	*cases = COUNT_OF(goods) + COUNT_OF(corruptions);
	return wrong;
}

/* ------------------------------------------------------------- real histories */

/* The n-th receive by the first subscription of the channel, or NULL. */
static struct record *receive(const struct history *h, uint16_t channel, size_t n)
{
	for (size_t i = 0; i < h->n_logs; i++)
		for (size_t j = 0; j < h->logs[i].n; j++) {
			struct record *r = &h->logs[i].records[j];

			if (r->channel == channel && h->logs[i].subscription == 0 &&
			    r->op == OP_RECV && r->result == 0 && n-- == 0)
				return r;
		}
	return NULL;
}

/* Judged with one record other than it was. */
static bool noticed(const struct history *h, uint16_t channel, struct record *r, struct record other,
                    enum pattern pattern)
{
	struct record kept = *r;
	struct verdict v = { .messages = 0 };

	*r = other;
	judge(h, channel, &v);
	*r = kept;
	if (v.found[pattern] == 0)
		fprintf(stderr, "spoilt, and not found: %s; but: %s\n", pattern_names[pattern], v.first);
	return v.found[pattern] > 0;
}

size_t corrupt_real(const struct history *h, uint16_t channel, size_t *cases)
{
	struct record *first = receive(h, channel, 0), *second = receive(h, channel, 1);
	struct record other;
	size_t wrong = 0;

	*cases = 0;
	if (!first || !second)
		return 0;
	other = *second;
	other.value = first->value;
	wrong += !noticed(h, channel, second, other, RECEIVED_TWICE);
	other.value = h->first + (uint32_t)h->senders * h->each;
	wrong += !noticed(h, channel, second, other, NEVER_SENT);
	other.value = NO_VALUE;
	other.result = EINVAL;
	wrong += !noticed(h, channel, second, other, WRONG_RESULT);
	other = *second;
	other.began = other.ended = 0;
	wrong += !noticed(h, channel, second, other, RECEIVED_TOO_EARLY);
	*cases = 4;
	return wrong;
}
