/*
 * block.c - the waiting loop
 *
 * One loop for every flavor and both sides:
 *
 *   spin a little, if spinning has been paying
 *   stand in the wait queue; ready after all -> try again
 *   sleep until claimed, or until the deadline
 *   claimed with a result -> that is the result (somebody did it for us)
 *   claimed with EAGAIN   -> try again
 *
 * Barging is allowed: a thread that runs may take what a woken one was woken
 * for.  One that was woken in vain CHAN__PATIENCE times is served first.
 */
#include "block.h"

#include "base/backoff.h"
#include "base/pause.h"
#include "base/process.h"

/* One send or one receive, to be attempted until it goes. */
struct block_op {
	struct chan *c;
	struct chan_receiver *rx;
	enum chan__side side;
	const void *source;
	void *target;
};

/* Whoever starves on this side comes first. */
static int block_attempt(const struct block_op *op)
{
	struct chan *c = op->c;

	if (chan__unlikely(chan__waitq_is_starving(&c->waiting[op->side])))
		c->flavor->serve(c, op->side);
	if (op->side == CHAN__SEND)
		return c->flavor->try_send(c, op->source);
	return c->flavor->try_recv(op->rx, op->target);
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
	SPIN_PROBE      = 16
};

/* One round of standing by: short at first, then giving the CPU away. */
static void spin_pass(unsigned round)
{
	unsigned pauses = 1u << (round < SPIN_YIELD_FROM ? round : SPIN_YIELD_FROM);

	if (round > SPIN_YIELD_FROM)
		chan__yield();
	else
		while (pauses-- > 0)
			chan__relax();
}

/* May this wait spin?  The credit is a hint: lost updates do no harm. */
static bool spin_allowed(struct chan *c, enum chan__side side)
{
	uint32_t credit;

	if (c->spin_ns == 0 || chan__process_cpus() == 1)
		return false;
	credit = chan__u32_load_relaxed(&c->spin_credit[side]);
	if (credit >= SPIN_PROBE)
		return true;
	chan__u32_store_relaxed(&c->spin_credit[side], credit + 1);
	return credit + 1 == SPIN_PROBE;
}

static void spin_learn(struct chan *c, enum chan__side side, bool paid)
{
	uint32_t credit = chan__u32_load_relaxed(&c->spin_credit[side]);

	if (paid)
		credit = credit + SPIN_EARN < CHAN__SPIN_CREDIT ? credit + SPIN_EARN : CHAN__SPIN_CREDIT;
	else
		credit = credit > SPIN_PROBE ? credit - 1 : 0;
	chan__u32_store_relaxed(&c->spin_credit[side], credit);
}

static bool spin_expired(unsigned round, uint64_t start, uint64_t limit)
{
	return round >= SPIN_LOOK_FROM && chan__clock_ns() - start >= limit;
}

/* Tries, for a bounded while.  EAGAIN: nothing came of it. */
static int spin_on_channel(const struct block_op *op)
{
	uint64_t start;
	int e = EAGAIN;

	if (op->c->flavor->meets_in_queue || !spin_allowed(op->c, op->side))
		return EAGAIN;
	start = chan__clock_ns();
	for (unsigned round = 0; e == EAGAIN && round < SPIN_ROUNDS; round++) {
		if (spin_expired(round, start, op->c->spin_ns))
			break;
		spin_pass(round);
		e = block_attempt(op);
	}
	spin_learn(op->c, op->side, e != EAGAIN);
	return e;
}

/* The same for a flavor whose partners come to the node in the queue. */
static void spin_on_parker(const struct block_op *op, struct chan__parker *p)
{
	uint64_t start;
	bool ready = false;

	if (!op->c->flavor->meets_in_queue || !spin_allowed(op->c, op->side))
		return;
	start = chan__clock_ns();
	for (unsigned round = 0; !ready && round < SPIN_ROUNDS; round++) {
		if (spin_expired(round, start, op->c->spin_ns))
			break;
		spin_pass(round);
		ready = p->kind->ready(p);
	}
	spin_learn(op->c, op->side, ready);
}

/* ------------------------------------------------------------------- waiting */

/*
 * Stands in the queue until claimed.  EAGAIN: try again; ETIMEDOUT: the
 * deadline passed, and nobody claimed the waiter.  *woken: a wake-up was
 * spent on this waiter, and must be used or passed on.
 */
static int block_once(const struct block_op *op, const struct chan__deadline *d,
                      unsigned vain, bool *woken)
{
	static const struct chan__deadline forever = { true, { 0, 0 } };
	const struct chan__flavor *flavor = op->c->flavor;
	struct chan__waiter w;
	struct chan__node n;
	int e = EAGAIN;

	chan__waiter_init(&w, flavor->parker ? flavor->parker : &chan__parker_default);
	chan__node_init(&n, &w);
	n.source = op->source;
	n.target = op->target;
	n.vain = vain;
	if (flavor->watch(op->c, op->side, &n)) {
		CHAN_TP("block:registered");
		spin_on_parker(op, &w.parker);
		if (!w.parker.kind->park(&w.parker, d)) {
			CHAN_TP("block:timed-out");
			if (chan__waiter_claim(&w)) {
				flavor->unwatch(op->c, op->side, &n);
				e = ETIMEDOUT;
				goto out;
			}
			w.parker.kind->park(&w.parker, &forever);
		}
		*woken = w.status == EAGAIN;
		e = w.status;
	}
out:
	chan__waiter_fini(&w);
	return e;
}

/*
 * A wake-up that was spent on this thread is answered by an attempt, always.
 * What it leaves behind is passed on at the end: more messages or slots, or
 * the end of the channel, which every waiter hears from the one before it.
 */
static int block(const struct block_op *op, const struct chan__deadline *d)
{
	bool woken = false;
	unsigned vain = 0;
	int e = block_attempt(op);

	while (e == EAGAIN && (e = spin_on_channel(op)) == EAGAIN) {
		int waited = block_once(op, d, vain, &woken);

		if (waited != EAGAIN && waited != ETIMEDOUT)
			return waited;
		CHAN_TP("block:woken");
		e = block_attempt(op);
		if (e == EAGAIN && (waited == ETIMEDOUT || chan__deadline_passed(d)))
			e = ETIMEDOUT;
		if (vain < CHAN__PATIENCE)
			vain++;
	}
	if (woken)
		op->c->flavor->pass_on(op->c, op->side);
	return e;
}

/* A destructor that runs on the way may drop the handle in use. */
static int block_held(const struct block_op *op, const struct chan__deadline *d)
{
	bool held = chan__hold_for_callbacks(op->c);
	int e = block(op, d);

	if (held)
		chan__release(op->c);
	return e;
}

/* ------------------------------------------------------ before anything else */

/* Is the channel held for what comes?  Only callbacks make that necessary. */
static bool serve_enter(struct chan *c, enum chan__side side)
{
	bool starving = chan__waitq_is_starving(&c->waiting[side]);
	bool held = starving || c->destructor;

	if (held)
		chan__hold(c);
	if (starving)
		c->flavor->serve(c, side);
	return held;
}

int chan__serve_then_send(struct chan *c, const void *msgs, size_t n, size_t *count)
{
	bool held = serve_enter(c, CHAN__SEND);
	int e = c->flavor->try_send_many(c, (const char *)msgs, n, count);

	if (held)
		chan__release(c);
	return e;
}

int chan__serve_then_force(struct chan *c, const void *msg, void *displaced, bool *was_displaced)
{
	bool held = serve_enter(c, CHAN__SEND);
	int e = c->flavor->force_send(c, msg, displaced, was_displaced);

	if (held)
		chan__release(c);
	return e;
}

int chan__serve_then_recv(struct chan_receiver *rx, void *msgs, size_t max, size_t *count)
{
	struct chan *c = rx->chan;
	bool held = serve_enter(c, CHAN__RECV);
	int e = c->flavor->try_recv_many(rx, (char *)msgs, max, count);

	if (held)
		chan__release(c);
	return e;
}

/* ----------------------------------------------------------------- the calls */

int chan__block_send(struct chan *c, const void *msg, const struct chan__deadline *d)
{
	const struct block_op op = { c, NULL, CHAN__SEND, msg, NULL };

	return block_held(&op, d);
}

int chan__block_recv(struct chan_receiver *rx, void *msg, const struct chan__deadline *d)
{
	const struct block_op op = { rx->chan, rx, CHAN__RECV, NULL, msg };

	return block_held(&op, d);
}
