/*
 * async.c - a callback waits: the building block of coroutines and futures
 *
 * A waker stands in one wait queue like a sleeping thread; its parker's unpark
 * is the callback.  `token` tells where it is:
 *
 *      31                    6      5        4      3        2    0
 *     +-----------------------+-----------+-----+---------+--------------+
 *     | callbacks running now | CANCELLED | END | ARRIVAL | registration |
 *     +-----------------------+-----------+-----+---------+--------------+
 *
 *     IDLE --poll--> ARMING --> ARMED --claimed, about to call--> WOKEN --poll, cancel--> IDLE
 *                      |        |  '-------withdrawn in time----------------------------->'
 *                      |        '--claimed, others first--> DUE --about to call--> WOKEN
 *                      |                                     '--taken back by its owner--> WOKEN
 *                      '--claimed, not called--> WOKEN --the same poll tries again--> IDLE
 *
 * A callback may poll again, so a registration can be armed, and even fire in
 * another thread, while an earlier callback has not returned: hence a count.  For
 * the same reason it must not begin before the poll that registered has done with the
 * waker, not even in its own thread, which may find in the queue that somebody asked
 * for it.  So who claims while that poll is ARMING leaves the wake-up to it.
 *
 * Who writes token: the owner (a call at a time: the owner's own, or those of a
 * callback; cancel waits for the end of these), and whoever runs a callback.  All are
 * read-modify-writes; they release what the writer did to the waker and acquire what
 * the other side did (Y1, one order for all).
 * The owner re-arms only after it has seen the claimer of the last registration
 * arrive in the runner, so a claimer and the owner never both write the waiter.
 *
 * Several at once.  Who claims many, to close or for a batch, calls one after the
 * other, and a callback may be long, or wait for whoever owns another of them, or be
 * the one that cancels it.  So nobody waits for that: before the first call all others
 * are made DUE, and linked in a ring on the claimer's stack.  The claimer takes one at
 * a time out of it, and is then in that callback; poll and cancel take theirs out
 * themselves, and the wake-up counts as come.  The channel's call_lock guards ring
 * and node while DUE, and both ways out of that state.  The claimer holds the channel,
 * of which it knows at the first DUE that its owner still has a handle.
 *
 * Waiting.  Cancel waits until no callback runs, poll and cancel until a claimer
 * that was faster has arrived, or made the waker DUE: no callback comes between.  The
 * owner sets END or ARRIVAL by a compare-and-swap from the value it does not want to
 * see, after storing its parker in the place of that bit; a runner that leaves, or a
 * claimer, clears the bit in the same step, and then unparks: the owner is asleep or
 * about to sleep, so both its parker and the waker are still there.
 *
 * A callback that runs elsewhere may poll while cancel waits for its return, so cancel
 * touches the registration only once none runs.  What was registered by then it takes
 * back, or waits for its callback; and since CANCELLED keeps polls from registering
 * once more, that comes to an end.
 *
 * From inside.  A thread keeps a list of the callbacks it is in.  Cancel from
 * inside one takes the count of this thread's callbacks down itself and marks
 * them `gone`: the runner then does not touch the waker again.
 */
#include "base/copy.h"
#include "block.h"

#include <string.h>

enum {
	ASYNC_IDLE      = 0,
	ASYNC_ARMED     = 1,
	ASYNC_WOKEN     = 2,
	ASYNC_ARMING    = 3,
	ASYNC_DUE       = 4,
	ASYNC_STATE     = 7,
	ASYNC_ARRIVAL   = 8,  /* the owner waits for a claimer */
	ASYNC_END       = 16, /* cancel waits for the end of a callback */
	ASYNC_CANCELLED = 32, /* cancel is in progress */
	ASYNC_RUN       = 64
};

struct CHAN__ALIASING async {
	struct chan__node node;
	struct chan__waiter waiter; /* parker.extra: the parker of who set ARRIVAL */
	void *canceller;            /* the parker of who set END */
	struct chan *chan;          /* of the registration; the owner */
	void (*wake)(void *arg);
	void *arg;
};

_Static_assert(sizeof(struct async) <= sizeof(chan_waker_t), "a waker holds a registration");

/* One callback that this thread is in. */
struct async_run {
	struct async *waker;
	struct async_run *outer;
	bool gone;                    /* cancelled from inside: the waker may be no more */
	void *awaiter;                /* who waited for it then */
};

static _Thread_local struct async_run *async_runs;

static enum chan__side async_side(const struct async *a)
{
	return a->node.receiver ? CHAN__RECV : CHAN__SEND;
}

/* ------------------------------------------------------------- the state word */

static uint32_t async_load(const struct async *a)
{
	return chan__u32_load_acquire(&a->waiter.parker.token);
}

static bool async_cas(struct async *a, uint32_t *old, uint32_t token)
{
	return chan__u32_cas_acq_rel(&a->waiter.parker.token, old, token);
}

/* n callbacks are over, or count no more: what token was, and END is off.  The other
 * bits are set besides. */
static uint32_t async_end_runs(struct async *a, uint32_t n, uint32_t bits)
{
	uint32_t old = async_load(a);

	while (!async_cas(a, &old, ((old - n * ASYNC_RUN) & ~(uint32_t)ASYNC_END) | bits))
		continue;
	return old;
}

/* The owner's: these bits alone change. */
static void async_set_bits(struct async *a, uint32_t bits, uint32_t value)
{
	uint32_t old = async_load(a);

	while (!async_cas(a, &old, (old & ~bits) | value))
		continue;
}

static void async_set(struct async *a, uint32_t state)
{
	async_set_bits(a, ASYNC_STATE, state);
}

/* The owner's: false where a claimer was faster. */
static bool async_set_armed(struct async *a)
{
	uint32_t old = async_load(a);

	while ((old & ASYNC_STATE) == ASYNC_ARMING)
		if (async_cas(a, &old, old - ASYNC_ARMING + ASYNC_ARMED))
			return true;
	return false;
}

/* Armed, and not called. */
static bool async_stands(uint32_t token)
{
	return (token & ASYNC_STATE) == ASYNC_ARMED || (token & ASYNC_STATE) == ASYNC_DUE;
}

/* The claimer's: others come first.  False: the owner has not armed, and there is
 * nothing to call.  *old: what token was. */
static bool async_put_off(struct async *a, uint32_t *old)
{
	uint32_t state;

	*old = async_load(a);
	do
		state = (*old & ASYNC_STATE) == ASYNC_ARMED ? ASYNC_DUE : ASYNC_WOKEN;
	while (!async_cas(a, old, (*old & ~(uint32_t)(ASYNC_STATE | ASYNC_ARRIVAL)) | state));
	return state == ASYNC_DUE;
}

/* The claimer's: it has arrived, and calls if the owner has armed.  What token was. */
static uint32_t async_arrive(struct async *a)
{
	uint32_t old = async_load(a), run;

	do
		run = async_stands(old) ? ASYNC_RUN : 0;
	while (!async_cas(a, &old, ((old & ~(uint32_t)(ASYNC_STATE | ASYNC_ARRIVAL)) | ASYNC_WOKEN) + run));
	return old;
}

/* The bit was taken off token by us: who set it sleeps until this. */
static void async_tell(void *awaiter)
{
	struct chan__parker *p = (struct chan__parker *)awaiter;

	p->kind->unpark(p);
}

/* ----------------------------------------------------------------- the callback */

static void async_init(struct chan__parker *p)
{
	chan__u32_init(&p->token, ASYNC_IDLE);
}

static struct async *async_of_parker(struct chan__parker *p)
{
	return (struct async *)(void *)((char *)p - offsetof(struct async, waiter.parker));
}

static void async_call(struct async *a, struct async_run *run)
{
	struct chan__callback guard = chan__callback_enter();

	run->waker = a;
	run->outer = async_runs;
	run->gone = false;
	run->awaiter = NULL;
	async_runs = run;
	a->wake(a->arg);
	async_runs = run->outer;
	chan__callback_leave(guard);
}

/* After its arrival the claimer touches the waker only to call, and to take the count
 * back, for which its owner waits, or not at all. */
static void async_arrived(struct async *a, uint32_t old)
{
	struct chan__parker *p = &a->waiter.parker;
	struct async_run run;

	if (old & ASYNC_ARRIVAL)
		async_tell(p->extra);
	if ((old & ASYNC_STATE) == ASYNC_ARMING)
		return;
	async_call(a, &run);
	if (run.gone) {
		if (run.awaiter)
			async_tell(run.awaiter);
	} else if (async_end_runs(a, 1, 0) & ASYNC_END) {
		async_tell(a->canceller);
	}
}

static void async_unpark(struct chan__parker *p)
{
	struct async *a = async_of_parker(p);

	async_arrived(a, async_arrive(a));
}

/* ------------------------------------------------------------------ several at once */

static void async_link(struct chan__calls *calls, struct chan__node *n)
{
	n->prev = calls->ring.prev;
	n->next = &calls->ring;
	n->prev->next = n->next->prev = n;
}

static void async_unlink(struct chan__node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
}

/* Until the owner hears of it, its handle is there. */
static void async_defer(struct chan__parker *p, struct chan__calls *calls)
{
	struct async *a = async_of_parker(p);
	uint32_t old;

	if (!calls->chan) {
		calls->chan = a->chan;
		calls->ring.prev = calls->ring.next = &calls->ring;
		chan__hold(calls->chan);
	}
	chan__lock_acquire(&calls->chan->call_lock);
	if (async_put_off(a, &old))
		async_link(calls, &a->node);
	chan__lock_release(&calls->chan->call_lock);
	if (old & ASYNC_ARRIVAL)
		async_tell(p->extra);
}

/* The first that is still in the ring: its callback counts as running.  NULL: none is. */
static struct async *async_next(struct chan__calls *calls, uint32_t *old)
{
	struct async *a = NULL;

	chan__lock_acquire(&calls->chan->call_lock);
	if (calls->ring.next != &calls->ring) {
		a = (struct async *)(void *)calls->ring.next;
		async_unlink(&a->node);
		*old = async_arrive(a);
	}
	chan__lock_release(&calls->chan->call_lock);
	return a;
}

static void async_call_rest(struct chan__calls *calls)
{
	struct async *a;
	uint32_t old;

	while ((a = async_next(calls, &old)) != NULL)
		async_arrived(a, old);
	chan__release(calls->chan);
}

/* The owner's: it is not called, but counts as woken; or it was called meanwhile. */
static void async_leave_calls(struct async *a)
{
	chan__lock_acquire(&a->chan->call_lock);
	if ((async_load(a) & ASYNC_STATE) == ASYNC_DUE) {
		async_unlink(&a->node);
		async_set(a, ASYNC_WOKEN);
	}
	chan__lock_release(&a->chan->call_lock);
}

static const struct chan__parker_kind async_kind = {
	.init = async_init,
	.unpark = async_unpark,
	.defer = async_defer,
	.call = async_call_rest,
};

static struct async *async_of(chan_waker_t *w)
{
	struct async *a = (struct async *)(void *)w;

	return a && a->waiter.parker.kind == &async_kind ? a : NULL;
}

/* -------------------------------------------------------------------- the owner */

/* Sleeps until `bit`, which is set where token is still `old`, is taken off; `place`
 * is that of its setter's parker. */
static void async_await(struct async *a, uint32_t old, uint32_t bit, void **place)
{
	static const struct chan__deadline forever = { true, { 0, 0 } };
	struct chan__parker_room room;
	struct chan__parker parker;

	parker.extra = &room;
	chan__parker_default.init(&parker);
	*place = &parker;
	if (async_cas(a, &old, old | bit))
		chan__parker_default.park(&parker, &forever);
	chan__parker_default.fini(&parker);
}

/* It was ARMED or DUE: now it is IDLE, or has been woken, or claimed. */
static void async_take_back(struct async *a, uint32_t token)
{
	struct chan *c = a->chan;

	if ((token & ASYNC_STATE) == ASYNC_DUE) {
		async_leave_calls(a);
		return;
	}
	if (!chan__waiter_claim(&a->waiter)) {
		async_await(a, token, ASYNC_ARRIVAL, &a->waiter.parker.extra);
		return;
	}
	chan__hold(c); /* who leaves a queue may have to call others in it */
	c->flavor->unwatch(c, async_side(a), &a->node);
	async_set(a, ASYNC_IDLE);
	chan__release(c);
}

/*
 * Ends the registration.  True: it had fired, or is about to, and that
 * wake-up is now the caller's to answer.  In a child, one of the parent's is only
 * forgotten: it stands in no queue of the child's, and its neighbours there are stale.
 */
static bool async_withdraw(struct async *a)
{
	uint32_t token;

	if (a->node.generation != chan__process_generation()) {
		async_set(a, ASYNC_IDLE);
		return false;
	}
	while (async_stands(token = async_load(a)))
		async_take_back(a, token);
	if ((token & ASYNC_STATE) == ASYNC_IDLE)
		return false;
	async_set(a, ASYNC_IDLE);
	return true;
}

/* False: ready after all, or woken already. */
static bool async_arm(struct async *a, const struct chan__watch *w, bool *woken)
{
	chan__waiter_renew(&a->waiter);
	chan__node_init(&a->node);
	a->node.waiter = &a->waiter;
	a->node.receiver = w->node.receiver;
	a->node.observer = w->chan->flavor->meets_in_queue; /* a partner would do its work */
	a->chan = w->chan;
	if (a->node.generation != chan__process_generation()) /* cancel may read it meanwhile, elsewhere */
		a->node.generation = chan__process_generation();
	async_set(a, ASYNC_ARMING);
	if (w->chan->flavor->watch(w->chan, w->side, &a->node)) {
		if (async_set_armed(a))
			return true;
		*woken = true;
	}
	async_set(a, ASYNC_IDLE);
	return false;
}

/* The wake-up of a registration that is no more wanted. */
static void async_pass_on(const struct async *a)
{
	chan__hold(a->chan);
	a->chan->flavor->pass_on(a->chan, async_side(a), a->node.receiver);
	chan__release(a->chan);
}

static bool async_is_for(const struct async *a, const struct chan__watch *w)
{
	return a->chan == w->chan && a->node.receiver == w->node.receiver;
}

/* Of a wake-up that was answered by an attempt, what is left goes to others; one
 * that was for something else goes to them as it is. */
static int async_poll(struct async *a, const struct chan__watch *w)
{
	bool woken = async_withdraw(a);
	int e;

	if (woken && !async_is_for(a, w)) {
		async_pass_on(a);
		woken = false;
	}
	e = chan__attempt(w);
	while (e == EAGAIN) {
		if ((async_load(a) & ASYNC_CANCELLED) || async_arm(a, w, &woken))
			return EAGAIN;
		e = chan__attempt(w);
	}
	if (woken)
		w->chan->flavor->pass_on(w->chan, w->side, w->node.receiver);
	return e;
}

/* A poll that cannot be: it leaves the waker idle, as every result but EAGAIN. */
static int async_refuse(struct async *a, int e)
{
	if (a && async_withdraw(a))
		async_pass_on(a);
	return e;
}

/* Callbacks that run on the way may drop the handle in use. */
static int async_poll_held(chan_waker_t *waker, const struct chan__watch *w)
{
	struct async *a = async_of(waker);
	int e;

	if (!a)
		return EINVAL;
	if (w->chan->flavor->due && w->chan->capacity > 0)
		return async_refuse(a, ENOTSUP); /* no thread would be there to call at that time */
	chan__u32_store_relaxed(&w->chan->callbacks, 1);
	chan__hold_both(w->chan, w->node.receiver);
	e = async_poll(a, w);
	chan__release_both(w->chan, w->node.receiver);
	return e;
}

/* This thread's callbacks of the waker count no more; how many there were. */
static uint32_t async_leave_runs(const struct async *a, struct async_run **outermost)
{
	uint32_t n = 0;

	*outermost = NULL;
	for (struct async_run *run = async_runs; run; run = run->outer)
		if (run->waker == a && !run->gone) {
			run->gone = true;
			*outermost = run;
			n++;
		}
	return n;
}

/* CANCELLED is set: ends the registration once no callback runs.  True: it had fired.
 * In a child the parent's is forgotten, and so are callbacks that run only there. */
static bool async_await_all(struct async *a)
{
	uint32_t token;

	if (a->node.generation != chan__process_generation()) {
		async_set_bits(a, UINT32_MAX, ASYNC_IDLE);
		return false;
	}
	while ((token = async_load(a)) >= ASYNC_RUN || async_stands(token))
		if (token >= ASYNC_RUN)
			async_await(a, token, ASYNC_END, &a->canceller);
		else
			async_take_back(a, token);
	async_set_bits(a, ASYNC_STATE | ASYNC_CANCELLED, ASYNC_IDLE);
	return (token & ASYNC_STATE) == ASYNC_WOKEN;
}

/* ------------------------------------------------------------------- the calls */

CHAN__EXPORT void chan_waker_init(chan_waker_t *w, void (*wake)(void *arg), void *arg)
{
	struct async *a = (struct async *)(void *)w;

	if (!w)
		return;
	memset(w, 0, sizeof(*w));
	if (!wake)
		return;
	chan__process_setup();
	chan__node_init(&a->node);
	a->waiter.parker.kind = &async_kind;
	chan__waiter_init(&a->waiter, &async_kind, NULL);
	a->wake = wake;
	a->arg = arg;
}

CHAN__EXPORT int chan_poll_recv(chan_receiver_t *rx, void *msg, chan_waker_t *w)
{
	struct chan__watch watch;

	if (!rx)
		return async_refuse(async_of(w), EINVAL);
	chan__watch_init(&watch, rx->chan, rx);
	watch.node.target = msg;
	return async_poll_held(w, &watch);
}

CHAN__EXPORT int chan_poll_send(chan_sender_t *tx, const void *msg, chan_waker_t *w)
{
	struct chan *c = (struct chan *)tx;
	struct chan__watch watch;

	if (!c || (!msg && c->msg_size > 0))
		return async_refuse(async_of(w), EINVAL);
	chan__watch_init(&watch, c, NULL);
	watch.node.source = msg;
	return async_poll_held(w, &watch);
}

CHAN__EXPORT void chan_waker_cancel(chan_waker_t *w)
{
	struct async *a = async_of(w);
	struct async_run *run;
	uint32_t n;

	if (!a)
		return;
	n = async_leave_runs(a, &run);
	if (async_end_runs(a, n, ASYNC_CANCELLED) & ASYNC_END)
		run->awaiter = a->canceller;
	if (async_await_all(a))
		async_pass_on(a);
}
