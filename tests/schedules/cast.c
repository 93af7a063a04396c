/*
 * cast.c - schedules of broadcasts: every subscription sees every message sent after
 * it was made, all in one order, or hears of each gap
 */
#include "ledger.h"
#include "scenarios.h"

enum { EACH = 4, ALL = 2 * EACH };

/* What a subscription has seen. */
struct log {
	int n;
	uint64_t ids[ALL];
	uint64_t lost;          /* by what chan_receiver_lost said */
};

static struct pipe a;
static struct log logs[SCHED_TASKS_MAX];
static chan_receiver_t *early; /* a subscription from the beginning, beside a.rx */
static int sent, senders;

static void cast_begin(bool drop_oldest)
{
	ledger_begin();
	memset(logs, 0, sizeof(logs));
	sent = 0;
	pipe_open(&a, kind_cast(drop_oldest), 3, 1);
	CHECK(chan_subscribe(a.tx, &early) == 0);
}

static void log_add(struct log *l, const struct message *m)
{
	CHECK(m->check == ~m->id);
	CHECK(l->n < ALL);
	for (int i = 0; i < l->n; i++) {
		CHECK(l->ids[i] != m->id);
		CHECK(l->ids[i] / 16 != m->id / 16 || l->ids[i] < m->id); /* of one sender, in order */
	}
	sched_note("received", m->id);
	l->ids[l->n++] = m->id;
}

/* The same, from `at` on. */
static bool log_is_at(const struct log *part, const struct log *whole, int at)
{
	return at >= 0 && at + part->n <= whole->n &&
	       memcmp(part->ids, whole->ids + at, (size_t)part->n * sizeof(part->ids[0])) == 0;
}

static bool log_has_all_of(const struct log *l, int sender, int n)
{
	for (int i = 0; i < l->n; i++)
		n -= l->ids[i] / 16 == (uint64_t)sender;
	return n == 0;
}

static int cast_recv(chan_receiver_t *rx, struct log *l)
{
	struct message m[2];
	size_t n = 1;
	unsigned form = sched_pick(3);
	int e;

	if (form == 0)
		e = chan_recv(rx, m);
	else if (form == 1)
		while ((e = chan_recv_timeout(rx, m, 1)) == ETIMEDOUT)
			continue;
	else
		e = chan_recv_many(rx, m, 2, &n);
	scrub();
	for (size_t i = 0; e == 0 && i < n; i++)
		log_add(l, &m[i]);
	CHECK(e == 0 || e == EPIPE || e == EOVERFLOW);
	return e;
}

static void cast_send(int me)
{
	for (int i = 0; i < EACH; i++) {
		CHECK(pipe_send(&a, me) == 0);
		sent++;
	}
}

/* ----------- cast: one subscribes in the middle, one leaves, and one sees all of it */

static void cast_before(void)
{
	cast_begin(false);
}

static void cast_task(int me)
{
	chan_receiver_t *rx = NULL;

	if (me < 2) {
		cast_send(me);
		lull();
		CHECK(log_has_all_of(&logs[2], me, EACH));
		chan_sender_drop(a.tx);
	} else if (me == 2) {
		while (cast_recv(a.rx, &logs[me]) == 0)
			continue;
		chan_receiver_drop(a.rx);
	} else if (me == 3) {
		for (unsigned n = sched_pick(4); n > 0; n--)
			CHECK(cast_recv(early, &logs[me]) == 0);
		chan_receiver_drop(early);
	} else {
		if (sched_pick(2) == 0)
			lull();
		CHECK(chan_subscribe(a.tx, &rx) == 0);
		chan_sender_drop(a.tx);
		while (cast_recv(rx, &logs[me]) == 0)
			continue;
		chan_receiver_drop(rx);
	}
}

static void cast_after(void)
{
	CHECK(logs[2].n == ALL && sent == ALL);
	CHECK(log_is_at(&logs[3], &logs[2], 0));
	CHECK(log_is_at(&logs[4], &logs[2], ALL - logs[4].n));
}

/* ------------------------- share: two clones of one subscription divide it, beside another */

static chan_receiver_t *shared;

static void share_before(void)
{
	cast_begin(false);
	chan_sender_drop(a.tx);
	shared = chan_receiver_clone(early);
}

static void share_task(int me)
{
	chan_receiver_t *rx = me == 2 ? a.rx : shared;

	if (me < 2) {
		cast_send(me);
		lull();
		CHECK(log_has_all_of(&logs[2], me, EACH));
		chan_sender_drop(a.tx);
		return;
	}
	while (cast_recv(rx, &logs[me]) == 0)
		continue;
	chan_receiver_drop(rx);
}

/* Each of the two is a part of the whole, in its order, and they are all of it. */
static void share_after(void)
{
	int at[2] = { 0, 0 };

	CHECK(logs[2].n == ALL && logs[3].n + logs[4].n == ALL);
	for (int i = 0; i < ALL; i++)
		for (int k = 0; k < 2; k++)
			at[k] += at[k] < logs[3 + k].n && logs[3 + k].ids[at[k]] == logs[2].ids[i];
	CHECK(at[0] == logs[3].n && at[1] == logs[4].n);
}

/* ------------------------- lag: the oldest give way, and every gap is told, and counted */

static void lag_before(void)
{
	cast_begin(true);
	senders = 1 + (int)sched_pick(2);
	if (senders == 1)
		chan_sender_drop(a.tx);
}

/*
 * One sender numbers its messages from 0: this one's number is what was taken before it
 * and what was lost, so the sum of the gaps up to here.  It has grown if EOVERFLOW said
 * so, `told` times since the message before, by one at least for each, and is not
 * more than what is counted.
 */
static void lag_check_gap(const struct log *l, const chan_receiver_t *rx, unsigned told, uint64_t *gaps)
{
	uint64_t now = l->ids[l->n - 1] % 16 - (uint64_t)(l->n - 1);

	CHECK(told == 0 ? now == *gaps : now >= *gaps + told);
	CHECK(now <= chan_receiver_lost(rx));
	*gaps = now;
}

static void lag_receive(chan_receiver_t *rx, struct log *l, bool from_start)
{
	uint64_t gaps = 0, lost = 0;
	struct message m;
	unsigned told = 0;
	int e;

	do {
		if (sched_pick(3) == 0)
			sched_give_way();
		e = chan_recv(rx, &m);
		scrub();
		if (e == EOVERFLOW) {
			sched_note("overflow", ++told);
		} else if (e == 0) {
			log_add(l, &m);
			if (senders == 1 && from_start)
				lag_check_gap(l, rx, told, &gaps);
			told = 0;
		}
		CHECK(chan_receiver_lost(rx) >= lost);
		lost = chan_receiver_lost(rx);
	} while (e != EPIPE);
	l->lost = chan_receiver_lost(rx);
	CHECK(chan_receiver_len(rx) == 0);
}

static void lag_task(int me)
{
	chan_receiver_t *rx = me == 2 ? a.rx : early;

	if (me < 2) {
		if (me < senders) {
			cast_send(me);
			chan_sender_drop(a.tx);
		}
		return;
	}
	if (me == 4) {
		CHECK(chan_subscribe(a.tx, &rx) == 0);
		chan_sender_drop(a.tx);
	}
	lag_receive(rx, &logs[me], me != 4);
	chan_receiver_clone(rx); /* the counts are looked at in the end */
	chan_receiver_drop(rx);
	if (me == 4)
		chan_receiver_drop(rx);
}

static void lag_after(void)
{
	uint64_t displaced = chan_lost(chan_receiver_channel(a.rx));

	CHECK(sent == senders * EACH);
	for (int i = 2; i < 4; i++)
		CHECK((uint64_t)logs[i].n + logs[i].lost == (uint64_t)sent);
	CHECK((uint64_t)logs[4].n + logs[4].lost <= (uint64_t)sent);
	for (int i = 2; i < 5; i++)
		CHECK(logs[i].lost <= displaced);
	CHECK(displaced <= logs[2].lost + logs[3].lost + logs[4].lost);
	chan_receiver_drop(a.rx);
	chan_receiver_drop(early);
}

/* ----------- lag-share: the same for two clones, of whom one hears of each gap */

static void lag_share_before(void)
{
	lag_before();
	chan_sender_drop(a.tx);
	shared = chan_receiver_clone(early);
	chan_receiver_clone(early);
}

static void lag_share_task(int me)
{
	if (me == 0 || (me == 1 && senders == 2)) {
		cast_send(me);
		chan_sender_drop(a.tx);
	} else if (me >= 3) {
		lag_receive(shared, &logs[me], false);
		chan_receiver_drop(shared);
	}
}

static void lag_share_after(void)
{
	CHECK((uint64_t)(logs[3].n + logs[4].n) + chan_receiver_lost(early) == (uint64_t)sent);
	chan_receiver_drop(a.rx);
	chan_receiver_drop(early);
}

const struct scenario cast_scenarios[] = {
	{ "cast",       5, cast_before,  cast_task,  cast_after },
	{ "cast-share", 5, share_before, share_task, share_after },
	{ "cast-lag",   5, lag_before,   lag_task,   lag_after },
	{ "cast-lag-share", 5, lag_share_before, lag_share_task, lag_share_after },
	{ NULL, 0, NULL, NULL, NULL },
};
