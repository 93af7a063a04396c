/*
 * block.c - how a thread waits
 *
 * One way for every flavor, both sides, one channel and many (chan__wait):
 *
 *   stand in the wait queues; ready after all -> look again
 *   sleep until claimed, or until the deadline, or until a timer is due
 *   leave the queues
 *   claimed with a result -> that is the result (somebody did it for us)
 *   claimed with EAGAIN   -> look again
 *
 * and one loop around it for a single channel, which spins a little before, if
 * spinning has been paying.  The loop for many is in select.c.
 *
 * Barging is allowed: a thread that runs may take what a woken one was woken
 * for.  One that was woken in vain CHAN__PATIENCE times is served first.
 */
#include "block.h"

#include "base/backoff.h"
#include "base/pause.h"
#include "base/probe.h"
#include "base/process.h"

/* -------------------------------------------------------------- one attempt */

void chan__watch_init(struct chan__watch *w, struct chan *c, struct chan_receiver *rx)
{
	chan__node_init(&w->node);
	w->node.receiver = rx;
	w->chan = c;
	w->next = NULL;
	w->side = rx ? CHAN__RECV : CHAN__SEND;
	w->woken = false;
}

int chan__attempt(const struct chan__watch *w)
{
	return chan__attempt_on(w->chan, w->node.receiver, w->node.target);
}

/* ------------------------------------------------------------------ spinning */

/*
 * Spinning is worth a few microseconds when the other side is running, and
 * nothing when it is not.  Each side of a channel keeps a credit: a spin that
 * ended in success earns, one that ended in sleep costs, and without credit only
 * every sixteenth wait tries a spin, to learn whether times have changed.
 */
enum {
	SPIN_ROUNDS     = 12, /* of at most 64 pauses, the later ones with a yield */
	SPIN_YIELD_FROM = 6,
	SPIN_LOOK_FROM  = 3,  /* at the clock, before rounds that take longer than that */
	SPIN_EARN       = 4,
	SPIN_PROBE      = 16,
	SPIN_MESSAGES   = 8,  /* no more than these come or go in a pause */
	SPIN_PAUSE_NS   = 50  /* and none is longer */
};

/* One round of standing by: short at first, then giving the CPU away. */
static void spin_pass(unsigned round)
{
	unsigned pauses = 1u << (round < SPIN_YIELD_FROM ? round : SPIN_YIELD_FROM);

	if (round > SPIN_YIELD_FROM)
		chan__yield();
	else
		chan__stand_by(pauses);
}

/* May this wait spin?  Not for a timer: nobody is about to make it ready.  The
 * credit is a hint: lost updates do no harm. */
static bool spin_allowed(struct chan *c, enum chan__side side)
{
	uint32_t credit;

	if (c->spin_ns == 0 || c->flavor->due || chan__process_cpus() == 1)
		return false;
	credit = chan__u32_load_relaxed(&c->spin_credit[side]);
	if (credit >= SPIN_PROBE)
		return true;
	chan__u32_store_relaxed(&c->spin_credit[side], credit + 1);
	return credit + 1 == SPIN_PROBE;
}

/* Others read the line at each message: it is written where it changes. */
static void spin_note(chan__u32 *word, uint32_t value)
{
	if (chan__u32_load_relaxed(word) != value)
		chan__u32_store_relaxed(word, value);
}

static void spin_learn(struct chan *c, enum chan__side side, bool paid)
{
	uint32_t credit = chan__u32_load_relaxed(&c->spin_credit[side]);

	if (paid)
		credit = credit + SPIN_EARN < CHAN__SPIN_CREDIT ? credit + SPIN_EARN : CHAN__SPIN_CREDIT;
	else
		credit = credit > SPIN_PROBE ? credit - 1 : 0;
	spin_note(&c->spin_credit[side], credit);
}

static bool spin_expired(unsigned round, uint64_t start, uint64_t limit)
{
	return round >= SPIN_LOOK_FROM && chan__clock_ns() - start >= limit;
}

/* Tries, for a bounded while, from this round on.  EAGAIN: nothing came of it. */
static int spin_from(struct chan *c, enum chan__side side, unsigned round, int (*attempt)(void *arg), void *arg)
{
	uint64_t start;
	int e = EAGAIN;

	if (!spin_allowed(c, side))
		return EAGAIN;
	start = chan__clock_ns();
	for (; e == EAGAIN && round < SPIN_ROUNDS; round++) {
		if (spin_expired(round, start, c->spin_ns))
			break;
		spin_pass(round);
		e = attempt(arg);
	}
	spin_learn(c, side, e != EAGAIN);
	return e;
}

int chan__spin(struct chan *c, enum chan__side side, int (*attempt)(void *arg), void *arg)
{
	return spin_from(c, side, 0, attempt, arg);
}

static int spin_attempt(void *watch)
{
	return chan__attempt((const struct chan__watch *)watch);
}

/* In this many pauses, and for as long as the program allows, a ring is neither filled
 * nor emptied. */
static bool spin_may_begin(const struct chan *c, unsigned round)
{
	return round <= SPIN_YIELD_FROM && (size_t)SPIN_MESSAGES << round <= c->capacity &&
	       (uint64_t)SPIN_PAUSE_NS << round <= c->spin_ns;
}

/*
 * Two threads that meet at every message pass its cache line to and fro each time.  So
 * a spin that came out with more behind what it took begins later the next time, to find
 * still more; one that took all there was, or found nothing, begins earlier.  Where messages
 * are apart, as in an exchange of question and answer, that is at the first round.
 */
static int spin_on_channel(struct chan__watch *w)
{
	struct chan *c = w->chan;
	chan__u32 *first = &c->spin_first[w->side];
	unsigned round, later;
	int e;

	if (c->flavor->meets_in_queue || w->node.vain >= CHAN__PATIENCE)
		return EAGAIN;
	round = chan__u32_load_relaxed(first);
	later = spin_may_begin(c, round + 1) ? round + 1 : round;
	e = spin_from(c, w->side, round, spin_attempt, w);
	if (later > 0 && e == 0 && chan__look(c, w->side, w->node.receiver) == 0)
		spin_note(first, later);
	else if (round > 0)
		spin_note(first, round - 1);
	return e;
}

/* The same for who stands in the queue, where others come to the node. */
static void spin_on_parker(const struct chan__watch *w, struct chan__parker *p)
{
	uint64_t start;
	bool ready = false;

	if (!w || !spin_allowed(w->chan, w->side))
		return;
	start = chan__clock_ns();
	for (unsigned round = 0; !ready && round < SPIN_ROUNDS; round++) {
		if (spin_expired(round, start, w->chan->spin_ns))
			break;
		spin_pass(round);
		ready = p->kind->ready(p);
	}
	spin_learn(w->chan, w->side, ready);
}

/* ------------------------------------------------------------------- waiting */

/* Stands in all the queues.  False: one was ready, and the waiter is claimed
 * by ourselves; *end is the first watch that does not stand. */
static bool wait_stand(struct chan__wait *wait, struct chan__waiter *waiter, struct chan__watch **end)
{
	struct chan__watch *w;

	for (w = wait->watches; w; w = w->next) {
		w->node.waiter = waiter;
		if (!w->chan->flavor->watch(w->chan, w->side, &w->node))
			break;
		CHAN__PROBE(block, w->chan, w->side);
	}
	*end = w;
	return w == NULL;
}

/* Who was claimed stands no more where it was claimed. */
static void wait_leave(const struct chan__wait *wait, const struct chan__watch *end,
                       const struct chan__watch *chosen)
{
	for (struct chan__watch *w = wait->watches; w != end; w = w->next)
		if (w != chosen)
			w->chan->flavor->unwatch(w->chan, w->side, &w->node);
}

/* The earlier one; a timer may be due before the deadline. */
static struct chan__deadline wait_until(const struct chan__wait *wait, bool *timer)
{
	struct chan__deadline until = *wait->deadline;

	*timer = false;
	for (const struct chan__watch *w = wait->watches; w; w = w->next) {
		struct chan__deadline due;

		if (!w->chan->flavor->due)
			continue;
		due = w->chan->flavor->due(w->chan);
		if (chan__deadline_before(&due, &until)) {
			until = due;
			*timer = true;
		}
	}
	return until;
}

/* Sleeps until the token comes.  ETIMEDOUT, or EAGAIN for a timer: it did not,
 * and the waiter is claimed by ourselves.  0: it came. */
static int wait_park(struct chan__wait *wait, struct chan__waiter *waiter)
{
	static const struct chan__deadline forever = { true, { 0, 0 } };
	struct chan__parker *p = &waiter->parker;
	struct chan__deadline until;
	bool timer;

	CHAN_TP("block:registered");
	spin_on_parker(wait->spinner, p);
	until = wait_until(wait, &timer);
	if (p->kind->park(p, &until))
		return 0;
	CHAN_TP("block:timed-out");
	if (!chan__waiter_claim(waiter)) {
		p->kind->park(p, &forever);
		return 0;
	}
	CHAN_TP("block:given-up");
	return timer ? EAGAIN : ETIMEDOUT;
}

int chan__wait(struct chan__wait *wait, struct chan__watch **chosen)
{
	struct chan__waiter waiter;
	struct chan__parker_room room;
	struct chan__watch *end;
	int e = EAGAIN;

	*chosen = NULL;
	chan__waiter_init(&waiter, wait->parker, &room);
	if (wait_stand(wait, &waiter, &end))
		e = wait_park(wait, &waiter);
	if (e == 0) {
		*chosen = (struct chan__watch *)waiter.chosen;
		e = waiter.status;
		(*chosen)->woken = e == EAGAIN && !(*chosen)->node.observer;
	}
	CHAN__PROBE(wake, *chosen ? (*chosen)->chan : NULL, e);
	wait_leave(wait, end, *chosen);
	chan__waiter_fini(&waiter);
	return e;
}

void chan__pass_on(const struct chan__watch *w)
{
	for (; w; w = w->next)
		if (w->woken)
			w->chan->flavor->pass_on(w->chan, w->side, w->node.receiver);
}

/* One wait on one channel, and on a token. */
static int block_once(struct chan__watch *w, const struct chan__deadline *d, struct chan__watch **chosen)
{
	struct chan *c = w->chan;
	struct chan__wait wait = {
		.watches = w,
		.deadline = d,
		.parker = c->flavor->parker ? c->flavor->parker : &chan__parker_default,
		.spinner = c->flavor->meets_in_queue ? w : NULL,
	};

	return chan__wait(&wait, chosen);
}

/* The token is asked before the attempt, not after it: what was sent before the
 * trigger is then found by the attempt. */
static int block_attempt(const struct chan__watch *w, bool *cancelled)
{
	const struct chan__watch *token = w->next;

	*cancelled = token && token->chan->flavor->is_closed(token->chan);
	CHAN_TP("block:asked");
	return chan__attempt(w);
}

/*
 * A callback that runs on the way may drop the handle in use, and the token.  While
 * the thread waits the first waker may be registered, and its callback run here: so
 * who is going to wait holds both, callbacks or not.
 */
static void block_hold(const struct chan__watch *w, bool *held)
{
	if (*held)
		return;
	*held = true;
	for (; w; w = w->next)
		chan__hold_both(w->chan, w->node.receiver);
}

/*
 * A wake-up that was spent on this thread is answered by an attempt, always.
 * What it leaves behind is passed on at the end: more messages or slots, or
 * the end of the channel, which every waiter hears from the one before it.
 *
 * A token, if there is one, is the second watch.  Its trigger wakes the thread like
 * anything else, for one more attempt, and is not passed on: it wakes everybody.
 */
static int block(struct chan__watch *w, const struct chan__deadline *d, bool *held)
{
	bool cancelled;
	int e = block_attempt(w, &cancelled);

	if (e == EAGAIN && !cancelled)
		block_hold(w, held);
	while (e == EAGAIN && !cancelled && (e = spin_on_channel(w)) == EAGAIN) {
		struct chan__watch *chosen;
		int waited = block_once(w, d, &chosen);

		if (waited != EAGAIN && waited != ETIMEDOUT)
			return waited;
		CHAN_TP("block:woken");
		e = block_attempt(w, &cancelled);
		if (e == EAGAIN && !cancelled && (waited == ETIMEDOUT || chan__deadline_passed(d)))
			e = ETIMEDOUT;
		if (chosen == w && w->node.vain < CHAN__PATIENCE)
			w->node.vain++;
	}
	chan__pass_on(w);
	return e == EAGAIN ? ECANCELED : e;
}

static int block_held(struct chan__watch *w, const struct chan__deadline *d)
{
	bool held = false;
	int e;

	if (chan__has_callbacks(w->chan))
		block_hold(w, &held);
	e = block(w, d, &held);
	for (; held && w; w = w->next)
		chan__release_both(w->chan, w->node.receiver);
	return e;
}

static int block_unless(struct chan__watch *w, const struct chan__deadline *d, struct chan_receiver *token)
{
	struct chan__watch stop;

	if (!token)
		return block_held(w, d);
	chan__watch_init(&stop, token->chan, token);
	w->next = &stop;
	return block_held(w, d);
}

/* ------------------------------------------------------ before anything else */

static CHAN__COLD void serve_held(struct chan *c, enum chan__side side, uint32_t attention)
{
	chan__hold(c);
	if (attention & CHAN__STARVING)
		c->flavor->serve(c, side);
}

/* Is the channel held for what comes?  Only callbacks make that necessary, and it
 * does no harm where there are descriptors. */
CHAN__INLINE bool serve_enter(struct chan *c, enum chan__side side)
{
	uint32_t attention = chan__waitq_before(&c->waiting[side]);

	if (chan__likely(attention == 0 && !chan__has_callbacks(c)))
		return false;
	serve_held(c, side, attention);
	return true;
}

static CHAN__COLD void serve_leave(struct chan *c, enum chan__side side, struct chan_receiver *rx, int e)
{
	if (e == EAGAIN)
		chan__refused(c, side, rx);
	chan__release(c);
}

int chan__serve_then_send(struct chan *c, const void *msgs, size_t n, size_t *count)
{
	bool held = serve_enter(c, CHAN__SEND);
	int e = c->flavor->try_send_many(c, (const char *)msgs, n, count);

	if (held)
		serve_leave(c, CHAN__SEND, NULL, e);
	return e;
}

int chan__serve_then_force(struct chan *c, const void *msg, void *displaced, bool *was_displaced)
{
	bool held = serve_enter(c, CHAN__SEND);
	int e = c->flavor->force_send(c, msg, displaced, was_displaced);

	if (held)
		serve_leave(c, CHAN__SEND, NULL, e);
	return e;
}

int chan__serve_then_recv(struct chan_receiver *rx, void *msgs, size_t max, size_t *count)
{
	struct chan *c = rx->chan;
	bool held = serve_enter(c, CHAN__RECV);
	int e = c->flavor->try_recv_many(rx, (char *)msgs, max, count);

	if (held)
		serve_leave(c, CHAN__RECV, rx, e);
	return e;
}

/* ----------------------------------------------------------------- the calls */

int chan__block_send(struct chan *c, const void *msg, const struct chan__deadline *d,
                     struct chan_receiver *token)
{
	struct chan__watch w;

	chan__watch_init(&w, c, NULL);
	w.node.source = msg;
	return block_unless(&w, d, token);
}

int chan__block_recv(struct chan_receiver *rx, void *msg, const struct chan__deadline *d,
                     struct chan_receiver *token)
{
	struct chan__watch w;

	chan__watch_init(&w, rx->chan, rx);
	w.node.target = msg;
	return block_unless(&w, d, token);
}
