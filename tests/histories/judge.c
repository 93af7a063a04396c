/*
 * judge.c - looks for bad patterns in a history, in O(n log n)
 *
 * Every rule says of a few calls that no order of instants, one within each call, makes
 * them right.  So a finding is a proof, whatever the other calls did.  For a queue
 * that is seen as a whole the rules on order, loss and EMPTY are also enough: a
 * history without them has such an order (Henzinger, Sezgin and Vafeiadis, "Aspect-oriented
 * linearizability proofs", 2013).
 *
 * A message is surely inside in the open interval from the end of its send to the
 * beginning of its receive.  EMPTY is false if such intervals cover the
 * whole call, and nothing excuses it.
 *
 * What excuses EMPTY: the next message in order is still being written.
 * The message of a send in progress can be next from the instant at which all messages
 * that are surely before it may have been taken.
 *
 * And where a side belongs to the first thread that uses it, what excuses EMPTY, FULL
 * and an end not seen is a call in progress, as long as that may be the owner's.
 *
 * FULL can be true of a message's place in [the capacity-th send after its own may
 * have begun, its receive has ended]: what is being copied out holds its place.  A
 * message has at least as many before it as there are sends that ended before its own
 * began.
 */
#include "histories/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <chan.h>

#include "support/must.h"

const char *const pattern_names[PATTERNS] = {
	"received twice", "never sent", "received too early", "lost", "out of order",
	"subscriptions disagree", "false EMPTY", "false FULL", "overfilled", "never met",
	"false end", "sent after the end", "received after the end", "end not seen",
	"timed out early", "wrong result"
};

/* An instant of message `which`. */
struct instant {
	uint64_t when;
	uint32_t which;
};

struct message {
	uint64_t sent_began, sent_ended;
	uint64_t taken_began, taken_ended; /* by the subscription that is looked at */
	uint64_t other_began, other_ended; /* by the first one, or narrower than the send's */
	bool accepted, taken, other;
};

/* Closed intervals in the order of their beginnings. */
struct span {
	uint64_t from, to;
	uint64_t furthest; /* of `to`, up to this one */
};

struct spans {
	struct span *all;
	size_t n, room;
};

struct bounds {
	uint64_t began, ended; /* the event lies in between; UINT64_MAX: never */
};

struct court {
	const struct history *h;
	uint16_t channel;
	unsigned subscription;
	struct verdict *v;

	struct message *messages;
	size_t n_messages;
	struct instant *by_sent_began, *by_sent_ended, *spare;
	size_t n_accepted;
	struct instant *inside;    /* beginnings of receives of what is surely inside */
	struct spans surely;       /* something is inside; open intervals, merged */
	struct spans excuses;      /* of EMPTY */
	struct spans full;         /* it may be */
	struct spans full_of_all;  /* the same, of all subscriptions */

	struct bounds closed, no_senders, no_receivers, not_subscribed;
	uint64_t owned_until[2];   /* sends, receives: see owned_until */
};

/* ------------------------------------------------------------------- findings */

static void *need(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	must(p != NULL);
	return p;
}

static void __attribute__((format(printf, 3, 4)))
find(struct court *c, enum pattern pattern, const char *format, ...)
{
	struct verdict *v = c->v;
	va_list args;
	int n;

	v->found[pattern]++;
	if (v->first[0])
		return;
	n = snprintf(v->first, sizeof(v->first), "%s: channel %u", pattern_names[pattern], c->channel);
	if (c->h->subscriptions > 1)
		n += snprintf(v->first + n, sizeof(v->first) - (size_t)n, ", subscription %u", c->subscription);
	n += snprintf(v->first + n, sizeof(v->first) - (size_t)n, ", ");
	va_start(args, format);
	vsnprintf(v->first + n, sizeof(v->first) - (size_t)n, format, args);
	va_end(args);
}

#define NS "%" PRIu64

/* ----------------------------------------------------------------- the records */

/* Goes through the channel's records, log by log, in the order of each. */
#define for_each_record(c, log, r)                                                       \
	for (const struct log *log = (c)->h->logs; log < (c)->h->logs + (c)->h->n_logs; log++) \
		for (const struct record *r = log->records; r < log->records + log->n; r++)      \
			if (r->channel == (c)->channel)

static bool refused(const struct record *r)
{
	return r->result == EAGAIN || r->result == ETIMEDOUT;
}

static bool takes(const struct court *c, const struct log *log, const struct record *r)
{
	return log->subscription == c->subscription && r->result == 0 &&
	       (r->op == OP_RECV || r->op == OP_DESTROYED);
}

static struct message *message_of(const struct court *c, uint32_t value)
{
	uint32_t index = value - c->h->first;

	return index < c->n_messages ? &c->messages[index] : NULL;
}

static uint32_t value_of(const struct court *c, const struct message *m)
{
	return c->h->first + (uint32_t)(m - c->messages);
}

/* ------------------------------------------------------------- order of instants */

/*
 * Merges runs that are there: the records of a thread are in order, so there are as
 * many runs as threads.  Gives where the sorted result stands, the other is free.
 */
static size_t run_end(const struct instant *a, size_t from, size_t n)
{
	size_t i = from + 1;

	while (i < n && a[i - 1].when <= a[i].when)
		i++;
	return i < n ? i : n;
}

static void merge(const struct instant *a, size_t from, size_t middle, size_t to, struct instant *out)
{
	size_t i = from, j = middle;

	for (size_t k = from; k < to; k++)
		out[k] = j >= to || (i < middle && a[i].when <= a[j].when) ? a[i++] : a[j++];
}

static void sort_instants(struct instant **a, struct instant **spare, size_t n)
{
	while (n > 0 && run_end(*a, 0, n) < n) {
		struct instant *sorted = *spare;

		for (size_t from = 0, to; from < n; from = to) {
			size_t middle = run_end(*a, from, n);

			to = middle < n ? run_end(*a, middle, n) : n;
			merge(*a, from, middle, to, sorted);
		}
		*spare = *a;
		*a = sorted;
	}
}

/* --------------------------------------------------------------------- intervals */

static void spans_add(struct spans *s, uint64_t from, uint64_t to)
{
	uint64_t before = s->n > 0 ? s->all[s->n - 1].furthest : 0;

	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 1024;
		s->all = realloc(s->all, s->room * sizeof(*s->all));
		must(s->all != NULL);
	}
	s->all[s->n++] = (struct span){ from, to, to > before ? to : before };
}

static int by_from(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

static void spans_sort(struct spans *s)
{
	uint64_t furthest = 0;

	qsort(s->all, s->n, sizeof(*s->all), by_from);
	for (size_t i = 0; i < s->n; i++) {
		if (s->all[i].to > furthest)
			furthest = s->all[i].to;
		s->all[i].furthest = furthest;
	}
}

/* The last one that begins at or before `when`; NULL: none. */
static const struct span *spans_before(const struct spans *s, uint64_t when)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->all[middle].from <= when)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? &s->all[low - 1] : NULL;
}

static bool spans_touch(const struct spans *s, const struct record *r)
{
	const struct span *before = spans_before(s, r->ended);

	return before && before->furthest >= r->began;
}

/* Of merged open intervals: one has the whole call inside. */
static bool spans_cover(const struct spans *s, const struct record *r)
{
	const struct span *before = r->began > 0 ? spans_before(s, r->began - 1) : NULL;

	return before && before->to > r->ended;
}

/* ------------------------------------------------------------ what ends a channel */

static void later(struct bounds *b, const struct record *r)
{
	if (b->began == UINT64_MAX || r->began > b->began)
		b->began = r->began;
	if (b->ended == UINT64_MAX || r->ended > b->ended)
		b->ended = r->ended;
}

static void sooner(struct bounds *b, const struct record *r)
{
	if (r->began < b->began)
		b->began = r->began;
	if (r->ended < b->ended)
		b->ended = r->ended;
}

static struct bounds first_of(struct bounds a, struct bounds b)
{
	return (struct bounds){ a.began < b.began ? a.began : b.began, a.ended < b.ended ? a.ended : b.ended };
}

/* The last handle of a side goes after all its drops have begun and before all have ended. */
static void find_ends(struct court *c)
{
	const struct bounds never = { UINT64_MAX, UINT64_MAX };

	c->closed = c->no_senders = c->no_receivers = c->not_subscribed = never;
	for_each_record(c, log, r) {
		if (r->op == OP_CLOSE)
			sooner(&c->closed, r);
		else if (r->op == OP_DROP_TX)
			later(&c->no_senders, r);
		else if (r->op == OP_DROP_RX)
			later(&c->no_receivers, r);
		if (r->op == OP_DROP_RX && log->subscription == c->subscription)
			later(&c->not_subscribed, r);
	}
}

/* --------------------------------------------------------------------- messages */

static void load_sends(struct court *c)
{
	for_each_record(c, log, r) {
		struct message *m;

		c->v->operations++;
		if (r->op != OP_SEND || r->result != 0)
			continue;
		m = message_of(c, r->value);
		must(m != NULL && !m->accepted);
		m->accepted = true;
		m->sent_began = r->began;
		m->sent_ended = r->ended;
		c->by_sent_began[c->n_accepted] = (struct instant){ r->began, (uint32_t)(m - c->messages) };
		c->by_sent_ended[c->n_accepted++] = (struct instant){ r->ended, (uint32_t)(m - c->messages) };
	}
	c->v->messages += c->n_accepted;
	sort_instants(&c->by_sent_began, &c->spare, c->n_accepted);
	sort_instants(&c->by_sent_ended, &c->spare, c->n_accepted);
}

static void load_receives(struct court *c)
{
	for (size_t i = 0; i < c->n_messages; i++)
		c->messages[i].taken = false;
	for_each_record(c, log, r) {
		struct message *m;

		if (!takes(c, log, r))
			continue;
		c->v->judged[RECEIVED_TWICE]++;
		c->v->judged[NEVER_SENT]++;
		c->v->judged[RECEIVED_TOO_EARLY]++;
		m = message_of(c, r->value);
		if (!m || !m->accepted) {
			find(c, NEVER_SENT, "message %" PRIu32 " at " NS, r->value, r->began);
			continue;
		}
		if (m->taken) {
			find(c, RECEIVED_TWICE, "message %" PRIu32 " at " NS " and " NS,
			     r->value, m->taken_began, r->began);
			continue;
		}
		m->taken = true;
		m->taken_began = r->began;
		m->taken_ended = r->ended;
		if (r->ended < m->sent_began)
			find(c, RECEIVED_TOO_EARLY, "message %" PRIu32 " at " NS ", sent from " NS,
			     r->value, r->ended, m->sent_began);
		/* Only receivers that leave, or newer messages, destroy what was queued. */
		if (r->op == OP_DESTROYED && !c->h->drop_oldest && r->ended < c->no_receivers.began)
			find(c, LOST, "message %" PRIu32 " destroyed at " NS, r->value, r->ended);
	}
}

/*
 * Not received.  A subscription that was dropped left it, at that instant; one that
 * lags lost it, and said how many; otherwise it should have come.
 */
static void account_for_rest(struct court *c)
{
	bool left = c->not_subscribed.began != UINT64_MAX && !c->h->destroys;
	uint64_t missing = 0;

	for (size_t i = 0; i < c->n_messages; i++) {
		struct message *m = &c->messages[i];

		if (!m->accepted)
			continue;
		c->v->judged[LOST]++;
		if (m->taken)
			continue;
		missing++;
		m->taken_began = m->taken_ended = UINT64_MAX;
		if (c->h->broadcast_lossy)
			continue;
		if (left && c->not_subscribed.ended >= m->sent_began)
			m->taken_began = c->not_subscribed.began;
		else if (left)
			m->taken_began = m->sent_began;
		if (left)
			m->taken_ended = c->not_subscribed.ended > m->sent_ended ? c->not_subscribed.ended : m->sent_ended;
		else
			find(c, LOST, "message %" PRIu32 ", sent at " NS, value_of(c, m), m->sent_began);
	}
	if (c->h->broadcast_lossy && missing != c->h->lost[c->subscription])
		find(c, LOST, NS " messages, and " NS " were reported", missing, c->h->lost[c->subscription]);
}

/* ------------------------------------------------------------------------ order */

static void judge_pair(struct court *c, const struct message *m, uint64_t earlier_taken)
{
	c->v->judged[OUT_OF_ORDER]++;
	if (m->taken_ended < earlier_taken)
		find(c, OUT_OF_ORDER, "message %" PRIu32 " received up to " NS ", one sent before it from " NS,
		     value_of(c, m), m->taken_ended, earlier_taken);
}

static bool counts(const struct court *c, const struct message *m)
{
	return m->taken || !c->h->broadcast_lossy;
}

/* The beginning of the send before which n others began; UINT64_MAX: there were not so many. */
static uint64_t began_after(const struct court *c, size_t n)
{
	return n < c->n_accepted ? c->by_sent_began[n].when : UINT64_MAX;
}

/*
 * In the order in which sends began, with those that had ended before: what was
 * sent earlier is not received later.  On the way, what excuses EMPTY and what makes FULL true.
 */
static void walk_sends(struct court *c)
{
	size_t earlier = 0;
	uint64_t taken = 0; /* the latest receive of an earlier message begins */

	c->excuses.n = c->full.n = 0;
	for (size_t i = 0; i < c->n_accepted; i++) {
		const struct message *m = &c->messages[c->by_sent_began[i].which];
		uint64_t from;

		for (; c->by_sent_ended[earlier].when < m->sent_began; earlier++) {
			const struct message *e = &c->messages[c->by_sent_ended[earlier].which];

			if (counts(c, e) && e->taken_began > taken)
				taken = e->taken_began;
		}
		if (counts(c, m))
			judge_pair(c, m, taken);
		from = taken > m->sent_began ? taken : m->sent_began;
		if (from <= m->sent_ended)
			spans_add(&c->excuses, from, m->sent_ended);
		if (c->h->capacity == 0 || c->h->capacity == CHAN_UNBOUNDED || c->h->drop_oldest)
			continue;
		from = began_after(c, earlier + c->h->capacity - 1);
		if (from < m->sent_began)
			from = m->sent_began;
		if (from <= m->taken_ended)
			spans_add(&c->full, from, m->taken_ended);
	}
}

/* What one thread sent, in its order, which batches and equal instants hide. */
static void judge_order_of_senders(struct court *c)
{
	for (const struct log *log = c->h->logs; log < c->h->logs + c->h->n_logs; log++) {
		uint64_t taken = 0;

		for (size_t i = 0; i < log->n; i++) {
			const struct record *r = &log->records[i];
			const struct message *m;

			if (r->channel != c->channel || r->op != OP_SEND || r->result != 0)
				continue;
			m = message_of(c, r->value);
			if (!counts(c, m))
				continue;
			judge_pair(c, m, taken);
			if (m->taken_began > taken)
				taken = m->taken_began;
		}
	}
}

/* What one thread received, in its order. */
static void judge_order_of_receivers(struct court *c)
{
	size_t senders = c->h->senders;
	uint32_t *next = need(senders, sizeof(*next));

	for (const struct log *log = c->h->logs; log < c->h->logs + c->h->n_logs; log++) {
		uint64_t began = 0;

		memset(next, 0, senders * sizeof(*next));
		for (size_t i = 0; i < log->n; i++) {
			const struct record *r = &log->records[i];
			const struct message *m;
			uint32_t index, sender;

			if (r->channel != c->channel || r->op != OP_RECV || !takes(c, log, r))
				continue;
			m = message_of(c, r->value);
			if (!m || !m->accepted)
				continue;
			index = (uint32_t)(m - c->messages);
			sender = index / c->h->each;
			if (index < next[sender])
				find(c, OUT_OF_ORDER, "message %" PRIu32 " at " NS ", after later ones of its sender",
				     r->value, r->began);
			next[sender] = index;
			if (m->sent_ended < began)
				find(c, OUT_OF_ORDER, "message %" PRIu32 " at " NS ", after one sent later",
				     r->value, r->began);
			if (m->sent_began > began)
				began = m->sent_began;
		}
	}
	free(next);
}

/* A surely before B by the other instants, B before A by those of the receives. */
static void judge_two_orders(struct court *c, enum pattern pattern)
{
	struct instant *began = need(c->n_accepted, sizeof(*began)), *ended = need(c->n_accepted, sizeof(*ended));
	size_t n = 0, earlier = 0;
	uint64_t taken = 0;

	for (size_t i = 0; i < c->n_messages; i++) {
		const struct message *m = &c->messages[i];

		if (!m->taken || !m->other)
			continue;
		began[n] = (struct instant){ m->other_began, (uint32_t)i };
		ended[n++] = (struct instant){ m->other_ended, (uint32_t)i };
	}
	sort_instants(&began, &c->spare, n);
	sort_instants(&ended, &c->spare, n);
	for (size_t i = 0; i < n; i++) {
		const struct message *m = &c->messages[began[i].which];

		for (; ended[earlier].when < m->other_began; earlier++)
			if (c->messages[ended[earlier].which].taken_began > taken)
				taken = c->messages[ended[earlier].which].taken_began;
		c->v->judged[pattern]++;
		if (m->taken_ended < taken)
			find(c, pattern, "message %" PRIu32 " from " NS ", received up to " NS,
			     value_of(c, m), m->other_began, m->taken_ended);
	}
	free(began);
	free(ended);
}

/* The earliest end of a receive among the messages whose sends began i-th and later. */
static uint64_t *soonest_taken(const struct court *c)
{
	uint64_t *soonest = need(c->n_accepted + 1, sizeof(*soonest));

	soonest[c->n_accepted] = UINT64_MAX;
	for (size_t i = c->n_accepted; i-- > 0;) {
		const struct message *m = &c->messages[c->by_sent_began[i].which];

		soonest[i] = m->taken_ended < soonest[i + 1] ? m->taken_ended : soonest[i + 1];
	}
	return soonest;
}

/* Of those sends, the first that began after this instant. */
static size_t first_sent_after(const struct court *c, uint64_t when)
{
	size_t low = 0, high = c->n_accepted;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->by_sent_began[middle].when <= when)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The message that displaced this one, if its call sent no other. */
static struct message *displacer(const struct court *c, const struct log *log, const struct record *r)
{
	const struct record *send = r + 1, *end = log->records + log->n;

	if (r->op != OP_DESTROYED || send >= end || send->op != OP_SEND || send->began != r->began ||
	    (send + 1 < end && send[1].began == r->began) || (r > log->records && r[-1].began == r->began))
		return NULL;
	return message_of(c, send->value);
}

/*
 * A send that displaces is in at the instant at which the oldest message leaves: before
 * a receive of any that was sent after that one has ended.  What is sent later is
 * received later, even if the displacing call goes on for long.
 */
static void judge_displacements(struct court *c)
{
	uint64_t *soonest = soonest_taken(c);

	for (size_t i = 0; i < c->n_messages; i++) {
		struct message *m = &c->messages[i];

		m->other = m->accepted;
		m->other_began = m->sent_began;
		m->other_ended = m->sent_ended;
	}
	for_each_record(c, log, r) {
		struct message *in = displacer(c, log, r), *out = message_of(c, r->value);
		uint64_t end;

		if (!in || !out || !out->accepted)
			continue;
		end = soonest[first_sent_after(c, out->sent_ended)];
		if (end < in->other_ended)
			in->other_ended = end > in->other_began ? end : in->other_began;
	}
	free(soonest);
	judge_two_orders(c, OUT_OF_ORDER);
}

/* --------------------------------------------------------------------- contents */

/* In the order in which sends ended: when there was surely something inside, and
 * never more than the capacity. */
static void judge_contents(struct court *c)
{
	size_t n = 0, gone = 0, now_inside = 0;
	struct span open = { 0, 0, 0 };

	c->surely.n = 0;
	for (size_t i = 0; i < c->n_accepted; i++) {
		const struct message *m = &c->messages[c->by_sent_ended[i].which];

		if (!counts(c, m) || m->sent_ended >= m->taken_began)
			continue;
		c->inside[n++] = (struct instant){ m->taken_began, c->by_sent_ended[i].which };
		if (open.to == 0 || m->sent_ended >= open.to) {
			if (open.to > 0)
				spans_add(&c->surely, open.from, open.to);
			open.from = m->sent_ended;
			open.to = m->taken_began;
		} else if (m->taken_began > open.to) {
			open.to = m->taken_began;
		}
	}
	if (open.to > 0)
		spans_add(&c->surely, open.from, open.to);
	if (c->h->capacity == CHAN_UNBOUNDED || c->h->capacity == 0)
		return;
	sort_instants(&c->inside, &c->spare, n);
	for (size_t i = 0; i < c->n_accepted; i++) {
		const struct message *m = &c->messages[c->by_sent_ended[i].which];

		if (!counts(c, m) || m->sent_ended >= m->taken_began)
			continue;
		now_inside++;
		while (c->inside[gone].when <= m->sent_ended)
			gone++;
		c->v->judged[OVERFILLED]++;
		if (now_inside - gone > c->h->capacity)
			find(c, OVERFILLED, "%zu messages at " NS, now_inside - gone, m->sent_ended);
	}
}

/* Both ends were there at once. */
static void judge_meetings(struct court *c)
{
	for (size_t i = 0; i < c->n_messages; i++) {
		const struct message *m = &c->messages[i];

		if (!m->accepted || !m->taken)
			continue;
		c->v->judged[NEVER_MET]++;
		if (m->sent_ended < m->taken_began || m->taken_ended < m->sent_began)
			find(c, NEVER_MET, "message %" PRIu32 " at " NS, value_of(c, m), m->taken_began);
	}
}

/* --------------------------------------------------------------------- refusals */

/* Another thread's call was in progress, perhaps a select that looked at this channel and
 * took another; or, if only those matter, a receive of the same subscription. */
static bool beside(const struct log *mine, const struct record *r, const struct history *h, bool receives)
{
	for (const struct log *log = h->logs; log < h->logs + h->n_logs; log++) {
		size_t low = 0, high = log->n;

		if (log == mine || (receives && log->subscription != mine->subscription))
			continue;
		while (low < high) { /* the first that has not ended before */
			size_t middle = low + (high - low) / 2;

			if (log->records[middle].ended < r->began)
				low = middle + 1;
			else
				high = middle;
		}
		for (; low < log->n && log->records[low].began <= r->ended; low++)
			if (!receives || log->records[low].op == OP_RECV)
				return true;
	}
	return false;
}

/*
 * Until when a call may be refused for the owner of its side.  Once two threads have got
 * something done there, the side is everybody's, or its owner was inside during a call of the
 * other, and the owner's own is in progress still; when that ends, too, it is everybody's.
 * What was refused says nothing: a select may have looked only.
 */
static uint64_t owned_until(const struct court *c, uint8_t op)
{
	uint64_t first = UINT64_MAX, second = UINT64_MAX, until;

	for (const struct log *log = c->h->logs; log < c->h->logs + c->h->n_logs; log++) {
		const struct record *r = log->records;

		while (r < log->records + log->n && (r->channel != c->channel || r->op != op || r->result != 0))
			r++;
		if (r == log->records + log->n)
			continue;
		second = r->ended < first ? first : r->ended < second ? r->ended : second;
		first = r->ended < first ? r->ended : first;
	}
	until = second;
	for (const struct log *log = c->h->logs; log < c->h->logs + c->h->n_logs; log++)
		for (const struct record *r = log->records; r < log->records + log->n && r->began <= second; r++)
			until = r->ended > until ? r->ended : until;
	return until;
}

/* Where receivers take turns a receive may be refused for another that looks; where a side
 * has an owner, a call for one of the owner's. */
static bool out_of_turn(const struct court *c, const struct log *log, const struct record *r)
{
	if (c->h->has_owners)
		return r->began <= c->owned_until[r->op == OP_RECV] && beside(log, r, c->h, false);
	return c->h->takes_turns && beside(log, r, c->h, true);
}

static void judge_empty(struct court *c)
{
	if (c->h->capacity == 0)
		return;
	for_each_record(c, log, r) {
		if (r->op != OP_RECV || !refused(r) || log->subscription != c->subscription)
			continue;
		c->v->judged[FALSE_EMPTY]++;
		c->v->refusals++;
		if (!spans_cover(&c->surely, r))
			continue;
		if (spans_touch(&c->excuses, r) || out_of_turn(c, log, r))
			c->v->excused++;
		else
			find(c, FALSE_EMPTY, "from " NS " to " NS, r->began, r->ended);
	}
}

/* Who displaces the oldest is refused only if another call holds that. */
static bool may_be_full(const struct court *c, const struct log *log, const struct record *r)
{
	return c->h->drop_oldest ? beside(log, r, c->h, false) : spans_touch(&c->full_of_all, r);
}

static void judge_full(struct court *c)
{
	if (c->h->capacity == 0)
		return;
	spans_sort(&c->full_of_all);
	for_each_record(c, log, r) {
		if (r->op != OP_SEND || !refused(r))
			continue;
		c->v->judged[FALSE_FULL]++;
		c->v->refusals++;
		if (may_be_full(c, log, r))
			continue;
		if (c->h->has_owners && out_of_turn(c, log, r))
			c->v->excused++;
		else
			find(c, FALSE_FULL, "from " NS " to " NS, r->began, r->ended);
	}
}

/* ------------------------------------------------------------------------ endings */

static bool known(const struct court *c, const struct record *r)
{
	return r->result == 0 || r->result == EPIPE || refused(r) ||
	       (r->result == EOVERFLOW && r->op == OP_RECV && c->h->broadcast_lossy);
}

static void judge_results(struct court *c)
{
	for_each_record(c, log, r) {
		if (r->op != OP_SEND && r->op != OP_RECV)
			continue;
		c->v->judged[WRONG_RESULT]++;
		if (!known(c, r))
			find(c, WRONG_RESULT, "%d at " NS, r->result, r->began);
		if (r->result != ETIMEDOUT)
			continue;
		c->v->judged[TIMED_OUT_EARLY]++;
		if (r->ended - r->began < c->h->timeout_ns)
			find(c, TIMED_OUT_EARLY, "from " NS " to " NS, r->began, r->ended);
	}
}

/* One message in all: another send has the channel as long as it is under way, though it
 * may fail in the end because the receivers leave. */
static bool is_claimed(const struct court *c, const struct log *mine, const struct record *send)
{
	for_each_record(c, log, r)
		if (log != mine && r->op == OP_SEND && r->began <= send->ended && r->ended >= send->began)
			return true;
	return false;
}

/* The end of sending: refused for good, and not before there is a cause. */
static void judge_end_of_sends(struct court *c)
{
	struct bounds end = first_of(c->closed, c->no_receivers);

	if (c->h->one_message && c->n_accepted > 0) {
		const struct message *m = &c->messages[c->by_sent_began[0].which];
		struct bounds used = { m->sent_began, m->sent_ended };

		c->v->judged[SENT_AFTER_END]++;
		if (c->n_accepted > 1)
			find(c, SENT_AFTER_END, "a second message at " NS, c->by_sent_began[1].when);
		end = first_of(end, used);
	}
	for_each_record(c, log, r) {
		if (r->op != OP_SEND)
			continue;
		if (r->result == EPIPE) {
			c->v->judged[FALSE_END]++;
			if (r->ended < end.began && !(c->h->one_message && is_claimed(c, log, r)))
				find(c, FALSE_END, "a send up to " NS, r->ended);
			if (r->ended < end.ended)
				end.ended = r->ended;
		}
	}
	for_each_record(c, log, r) {
		if (r->op != OP_SEND)
			continue;
		if (r->began > end.ended && r->result == 0)
			find(c, SENT_AFTER_END, "message %" PRIu32 " from " NS ", over since " NS,
			     r->value, r->began, end.ended);
		if (r->began > end.ended && refused(r))
			find(c, END_NOT_SEEN, "a send from " NS ", over since " NS, r->began, end.ended);
		c->v->judged[SENT_AFTER_END] += r->began > end.ended;
		c->v->judged[END_NOT_SEEN] += r->began > end.ended;
	}
}

/* The same for receives, where the end comes after what is left, and after a send
 * in progress: what that one does is not known before it returns. */
static void judge_end_of_receives(struct court *c)
{
	struct bounds end = first_of(c->closed, c->no_senders);
	uint64_t last_send = 0, said = UINT64_MAX;

	for_each_record(c, log, r) {
		if (r->op == OP_SEND && r->ended > last_send)
			last_send = r->ended;
	}
	if (c->h->one_message && c->n_accepted > 0) {
		const struct message *m = &c->messages[c->by_sent_began[0].which];
		struct bounds used = { m->taken_began, m->taken_ended };

		end = first_of(end, used);
		last_send = m->sent_ended;
	}
	for_each_record(c, log, r) {
		if (r->op != OP_RECV || r->result != EPIPE || log->subscription != c->subscription)
			continue;
		c->v->judged[FALSE_END]++;
		if (r->ended < end.began)
			find(c, FALSE_END, "a receive up to " NS, r->ended);
		if (r->ended < said)
			said = r->ended;
	}
	for_each_record(c, log, r) {
		bool over = r->began > last_send && (r->began > end.ended || r->began > said);

		if (r->op != OP_RECV || log->subscription != c->subscription)
			continue;
		c->v->judged[RECEIVED_AFTER_END] += r->result == 0 && said != UINT64_MAX;
		if (r->began > said && r->result == 0)
			find(c, RECEIVED_AFTER_END, "message %" PRIu32 " from " NS ", over since " NS,
			     r->value, r->began, said);
		c->v->judged[END_NOT_SEEN] += over;
		if (over && refused(r) && !out_of_turn(c, log, r))
			find(c, END_NOT_SEEN, "a receive from " NS, r->began);
	}
}

/* ------------------------------------------------------------------------- verdict */

static void judge_subscription(struct court *c)
{
	find_ends(c);
	load_receives(c);
	account_for_rest(c);
	walk_sends(c);
	judge_order_of_senders(c);
	judge_order_of_receivers(c);
	if (c->h->capacity == 0)
		judge_meetings(c);
	judge_contents(c);
	judge_empty(c);
	judge_end_of_receives(c);
	if (c->subscription > 0)
		judge_two_orders(c, SUBSCRIPTIONS_DISAGREE);
	if (c->h->drop_oldest && c->h->destroys)
		judge_displacements(c);
	for (size_t i = 0; i < c->full.n; i++)
		spans_add(&c->full_of_all, c->full.all[i].from, c->full.all[i].to);
	for (size_t i = 0; i < c->n_messages && c->subscription == 0; i++) {
		struct message *m = &c->messages[i];

		m->other = m->taken;
		m->other_began = m->taken_began;
		m->other_ended = m->taken_ended;
	}
}

void judge(const struct history *h, uint16_t channel, struct verdict *v)
{
	struct court c = { .h = h, .channel = channel, .v = v };

	c.n_messages = h->senders * h->each;
	c.messages = need(c.n_messages, sizeof(*c.messages));
	c.by_sent_began = need(c.n_messages, sizeof(*c.by_sent_began));
	c.by_sent_ended = need(c.n_messages, sizeof(*c.by_sent_ended));
	c.inside = need(c.n_messages, sizeof(*c.inside));
	c.spare = need(c.n_messages, sizeof(*c.spare));
	c.owned_until[0] = owned_until(&c, OP_SEND);
	c.owned_until[1] = owned_until(&c, OP_RECV);
	load_sends(&c);
	judge_results(&c);
	for (c.subscription = 0; c.subscription < h->subscriptions; c.subscription++)
		judge_subscription(&c);
	judge_full(&c);
	judge_end_of_sends(&c);
	free(c.messages);
	free(c.by_sent_began);
	free(c.by_sent_ended);
	free(c.inside);
	free(c.spare);
	free(c.surely.all);
	free(c.excuses.all);
	free(c.full.all);
	free(c.full_of_all.all);
}

uint64_t verdict_found(const struct verdict *v)
{
	uint64_t n = 0;

	for (int i = 0; i < PATTERNS; i++)
		n += v->found[i];
	return n;
}

void verdict_add(struct verdict *sum, const struct verdict *v)
{
	for (int i = 0; i < PATTERNS; i++) {
		sum->judged[i] += v->judged[i];
		sum->found[i] += v->found[i];
	}
	sum->messages += v->messages;
	sum->operations += v->operations;
	sum->refusals += v->refusals;
	sum->excused += v->excused;
	if (!sum->first[0])
		memcpy(sum->first, v->first, sizeof(sum->first));
}
