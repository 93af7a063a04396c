/*
 * select.c - one thread waits on many channels
 *
 * A select is a set of watches, one in each case, in storage that the caller
 * brought:
 *
 *   1  look at the cases, in random order or by index; the first that goes is it
 *   2  if that has been paying, look some more; then
 *      stand in all their queues with one waiter, and sleep (chan__wait, block.c)
 *   3  claimed with a result: that case has happened.  Else look again, first at
 *      the case that was claimed
 *
 * Most selects end with the first look, so the watches are set up by who needs them:
 * who is going to sleep, and who has to hold the channels.
 *
 * Exactly one case happens, because the waiter is claimed once and whoever
 * finds a case ready while standing in the queues claims the waiter itself first,
 * and leaves them all, before it looks again.
 *
 * Two selects with opposite ends of two rendezvous can each find the other
 * waiting, and each give up to come back: whoever gives up stands aside for a
 * random while that grows.
 *
 * Source: the passes are those of Go's select (runtime/select.go) and of
 * crossbeam-channel; the snapshot of chan_try_select is a double collect, as in
 * Afek et al., "Atomic Snapshots of Shared Memory" (1993).
 */
#include "base/backoff.h"
#include "base/pause.h"
#include "base/random.h"
#include "block.h"

struct CHAN__ALIASING select_slot {
	struct chan__watch watch;
	uint64_t stamp;  /* of the last look that said EAGAIN */
};

_Static_assert(sizeof(struct select_slot) <= sizeof(((chan_case_t *)0)->reserved),
               "a case holds what a wait needs");

struct select {
	chan_case_t *cases;
	size_t n;
	unsigned flags;
	bool held;                   /* the channels are held, and the watches set up */
	struct chan__watch *watches; /* of the cases that are not skipped, in order of index */
	/* Once the first look was in vain. */
	bool idle;                   /* all cases are skipped */
	bool meets_in_queue;         /* a partner may have to find us in a queue */
	size_t spinner;              /* the first case that is no timer: it keeps the credit; n: none */
};

static const struct chan__deadline select_forever = { true, { 0, 0 } };

static struct select_slot *select_slot(const struct select *s, size_t i)
{
	return (struct select_slot *)(void *)s->cases[i].reserved;
}

/* ----------------------------------------------------------------------- cases */

CHAN__INLINE bool select_skips(const chan_case_t *c)
{
	return !c->sender && !c->receiver;
}

CHAN__INLINE struct chan *select_chan(const chan_case_t *c)
{
	return c->sender ? (struct chan *)c->sender : c->receiver->chan;
}

CHAN__INLINE enum chan__side select_side(const chan_case_t *c)
{
	return c->sender ? CHAN__SEND : CHAN__RECV;
}

static bool select_case_valid(const chan_case_t *c, unsigned flags)
{
	const struct chan *to = (const struct chan *)c->sender;

	if (c->sender && c->receiver)
		return false;
	return !to || c->msg || to->msg_size == 0 || (flags & CHAN_SELECT_READY);
}

/* EINVAL: and nothing touched. */
static int select_open(struct select *s, chan_case_t *cases, size_t n, unsigned flags, const size_t *which)
{
	if (!which || (n > 0 && !cases) || (flags & ~(unsigned)(CHAN_SELECT_BIASED | CHAN_SELECT_READY)))
		return EINVAL;
	for (size_t i = 0; i < n; i++)
		if (!select_case_valid(&cases[i], flags))
			return EINVAL;
	s->cases = cases;
	s->n = n;
	s->flags = flags;
	s->held = false;
	s->watches = NULL;
	return 0;
}

static void select_set_up(struct select *s)
{
	struct chan__watch **end = &s->watches;

	for (size_t i = 0; i < s->n; i++) {
		chan_case_t *c = &s->cases[i];
		struct chan__watch *w = &select_slot(s, i)->watch;

		if (select_skips(c))
			continue;
		chan__watch_init(w, select_chan(c), c->receiver);
		w->node.target = c->msg;
		w->node.observer = (s->flags & CHAN_SELECT_READY) != 0;
		*end = w;
		end = &w->next;
	}
}

/*
 * A callback that runs on the way may drop the handles in use.  The first waker may
 * be registered while the thread sleeps, so then they are held in any case.
 */
static CHAN__COLD void select_hold(struct select *s)
{
	if (s->held)
		return;
	s->held = true;
	select_set_up(s);
	for (struct chan__watch *w = s->watches; w; w = w->next)
		chan__hold_both(w->chan, w->node.receiver);
}

/* Before the first case that can run a callback no handle is gone. */
CHAN__INLINE void select_hold_for_callbacks(struct select *s, const struct chan *c)
{
	if (chan__unlikely(chan__has_callbacks(c)))
		select_hold(s);
}

static void select_release(const struct select *s)
{
	if (s->held)
		for (struct chan__watch *w = s->watches; w; w = w->next)
			chan__release_both(w->chan, w->node.receiver);
}

/* ----------------------------------------------------------------------- order */

/*
 * The order of a scan: from a random start in random, odd steps round a circle whose
 * size is a power of two, so that every index comes once; those from n on are none.
 * Nothing is stored, and what each of m ready cases gets is at least 1/(2(m-1)) of all,
 * wherever they lie:
 *
 * The first ready one behind the start is it, so a case gets what lies between it and the
 * ready one before it.  Multiplied by a random odd number, a distance that 2^j divides, and no
 * higher power, is each odd multiple of 2^j with the same chance.  So of N places, the chance
 * that one of the m-1 others lies within t before the case is at most the sum F(t) of their
 * f_j(t) = 2^(j+1) floor((t/2^j + 1) / 2) / N, and the mean gap is at least the sum of 1 - F(t)
 * for t below T, whatever T.  There each f_j adds up to a whole even number over N that is at
 * most T^2/2 over N.  T odd, next to N/(m-1), gives N/(2(m-1)).
 *
 * `flip` changes which cases are neighbours, and so brings shares closer to each other.
 */
struct select_order {
	size_t next;
	size_t stride;
	size_t flip;
	size_t mask;
};

CHAN__INLINE struct select_order select_order(const struct select *s)
{
	struct select_order o = { 0, 1, 0, s->n > 1 ? SIZE_MAX >> __builtin_clzl(s->n - 1) : 0 };
	uint64_t random;

	if (s->flags & CHAN_SELECT_BIASED)
		return o;
	random = chan__random_seed();
	o.next = (size_t)random;
	o.stride = (size_t)(random >> 32) | 1;
	o.flip = (size_t)(random >> 48) & o.mask;
	return o;
}

CHAN__INLINE size_t select_next(struct select_order *o)
{
	size_t i = (o->next & o->mask) ^ o->flip;

	o->next += o->stride;
	return i;
}

/* --------------------------------------------------------------------- looking */

static int select_look(struct select *s, size_t i, uint64_t *stamp)
{
	const chan_case_t *c = &s->cases[i];
	struct chan *to = select_chan(c);

	select_hold_for_callbacks(s, to);
	return to->flavor->ready(to, select_side(c), c->receiver, stamp);
}

/* Performs the case; EAGAIN: it cannot happen now. */
CHAN__INLINE int select_perform(struct select *s, const chan_case_t *c)
{
	struct chan *to = select_chan(c);

	select_hold_for_callbacks(s, to);
	return chan__attempt_on(to, c->receiver, c->msg);
}

static bool select_settle(const struct select *s, size_t i, int e, size_t *which)
{
	if (e == EAGAIN)
		return false;
	s->cases[i].status = e;
	*which = i;
	return true;
}

/* Performs the case, or only looks.  False: it cannot happen now. */
CHAN__INLINE bool select_try(struct select *s, size_t i, size_t *which)
{
	uint64_t stamp;
	int e = s->flags & CHAN_SELECT_READY ? select_look(s, i, &stamp) : select_perform(s, &s->cases[i]);

	return select_settle(s, i, e, which);
}

static bool select_scan(struct select *s, size_t *which)
{
	struct select_order order = select_order(s);

	for (size_t k = 0; k <= order.mask; k++) {
		size_t i = select_next(&order);

		if (i < s->n && !select_skips(&s->cases[i]) && select_try(s, i, which))
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------ the snapshot */

/*
 * Was each case, since its look, never ready up to now?  Then none was at the instant when
 * the last of those looks was over.  In the same order as then, so that all others are looked at
 * between the two looks at a case: what one of those saw of a call in progress comes with
 * what that call did before, and that may have been to this case.
 */
static bool select_still_unready(struct select *s, struct select_order order)
{
	for (size_t k = 0; k <= order.mask; k++) {
		size_t i = select_next(&order);
		uint64_t stamp;

		if (i >= s->n || select_skips(&s->cases[i]))
			continue;
		if (select_look(s, i, &stamp) != EAGAIN || stamp != select_slot(s, i)->stamp)
			return false;
	}
	return true;
}

/* One round.  True: a case happened.  *again: one was ready, or may have been. */
static bool select_collect(struct select *s, size_t *which, bool *again)
{
	const struct select_order first = select_order(s);
	struct select_order order = first;
	size_t looks = 0;

	*again = false;
	for (size_t k = 0; k <= order.mask; k++) {
		size_t i = select_next(&order);

		if (i >= s->n || select_skips(&s->cases[i]))
			continue;
		looks++;
		if (select_look(s, i, &select_slot(s, i)->stamp) == EAGAIN)
			continue;
		if (select_try(s, i, which))
			return true;
		*again = true;
	}
	*again = *again || (looks > 1 && !select_still_unready(s, first));
	return false;
}

/* The last look may have run a callback: who holds the channels asks no receiver for its own. */
static void select_refuse(const struct select *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const chan_case_t *c = &s->cases[i];

		if (!select_skips(c))
			chan__refused(s->held ? select_slot(s, i)->watch.chan : select_chan(c), select_side(c),
			              c->receiver);
	}
}

/* Each further round means that another thread got something done. */
static int select_snapshot(struct select *s, size_t *which)
{
	bool again = true;

	while (again)
		if (select_collect(s, which, &again))
			return 0;
	select_refuse(s);
	return EAGAIN;
}

/* --------------------------------------------------------------------- waiting */

static void select_stand_aside(unsigned *times)
{
	uint64_t random = chan__random_seed();
	size_t most = (size_t)1 << (*times < 8 ? *times : 8);

	++*times;
	for (size_t pauses = chan__random_below(&random, most + 1); pauses > 0; pauses--)
		chan__relax();
	if (*times > 8)
		chan__yield();
}

static size_t select_index(const struct select *s, const struct chan__watch *w)
{
	return (size_t)((const char *)w - (const char *)s->cases) / sizeof(s->cases[0]);
}

static void select_survey(struct select *s)
{
	s->idle = true;
	s->meets_in_queue = false;
	s->spinner = s->n;
	for (size_t i = 0; i < s->n; i++) {
		const struct chan__flavor *flavor;

		if (select_skips(&s->cases[i]))
			continue;
		flavor = select_chan(&s->cases[i])->flavor;
		s->idle = false;
		s->meets_in_queue = s->meets_in_queue || flavor->meets_in_queue;
		if (s->spinner == s->n && !flavor->due)
			s->spinner = i;
	}
}

struct select_attempt {
	struct select *select;
	size_t *which;
};

static int select_attempt(void *arg)
{
	struct select_attempt *a = (struct select_attempt *)arg;

	return select_scan(a->select, a->which) ? 0 : EAGAIN;
}

/* Then it is to stand where the next comer finds it and serves it. */
static bool select_starves(const struct select *s)
{
	for (const struct chan__watch *w = s->watches; w; w = w->next)
		if (w->node.vain >= CHAN__PATIENCE)
			return true;
	return false;
}

/*
 * Before it stands anywhere: to join many queues and to leave them again costs more
 * than a few looks.  Not where partners meet in the queue, for nobody would meet us.
 */
static bool select_spin(struct select *s, size_t *which)
{
	struct select_attempt a = { s, which };
	const chan_case_t *c;

	if (s->spinner == s->n || s->meets_in_queue || select_starves(s))
		return false;
	c = &s->cases[s->spinner];
	return chan__spin(select_chan(c), select_side(c), select_attempt, &a) == 0;
}

/* The case that woke us first, unless the caller wants them by index. */
static bool select_look_again(struct select *s, struct chan__watch *chosen, size_t *which)
{
	if (chosen && !(s->flags & CHAN_SELECT_BIASED) && select_try(s, select_index(s, chosen), which))
		return true;
	return select_scan(s, which);
}

/* EAGAIN: once more. */
static int select_once(struct select *s, const struct chan__deadline *d, unsigned *aside, size_t *which)
{
	bool spins = s->meets_in_queue && s->spinner < s->n;
	struct chan__wait wait = {
		.watches = s->watches,
		.deadline = d,
		.parker = &chan__parker_default,
		.spinner = spins ? &select_slot(s, s->spinner)->watch : NULL,
	};
	struct chan__watch *chosen;
	int e = chan__wait(&wait, &chosen);

	CHAN_TP("select:woken");
	if (e != EAGAIN && e != ETIMEDOUT) {
		select_settle(s, select_index(s, chosen), e, which);
		return 0;
	}
	if (!chosen && e == EAGAIN)
		select_stand_aside(aside);
	if (select_look_again(s, chosen, which))
		return 0;
	if (chosen && chosen->node.vain < CHAN__PATIENCE)
		chosen->node.vain++;
	return e == ETIMEDOUT || chan__deadline_passed(d) ? ETIMEDOUT : EAGAIN;
}

static int select_wait(struct select *s, const struct chan__deadline *d, size_t *which)
{
	unsigned aside = 0;
	int e;

	select_survey(s);
	if (s->idle && d->forever)
		return EINVAL;
	if (select_spin(s, which))
		return 0;
	select_hold(s);
	do
		e = select_once(s, d, &aside, which);
	while (e == EAGAIN && !select_spin(s, which));
	chan__pass_on(s->watches);
	return e == EAGAIN ? 0 : e;
}

static int select_until(chan_case_t *cases, size_t n, unsigned flags,
                        const struct chan__deadline *d, size_t *which)
{
	struct select s;
	int e = select_open(&s, cases, n, flags, which);

	if (e != 0)
		return e;
	if (!select_scan(&s, which))
		e = select_wait(&s, d, which);
	select_release(&s);
	return e;
}

/* ------------------------------------------------------------------- the calls */

CHAN__EXPORT int chan_select(chan_case_t *cases, size_t n, unsigned flags, size_t *which)
{
	return select_until(cases, n, flags, &select_forever, which);
}

CHAN__EXPORT int chan_try_select(chan_case_t *cases, size_t n, unsigned flags, size_t *which)
{
	struct select s;
	int e = select_open(&s, cases, n, flags, which);

	if (e != 0)
		return e;
	e = select_snapshot(&s, which);
	select_release(&s);
	return e;
}

CHAN__EXPORT int chan_select_timeout(chan_case_t *cases, size_t n, unsigned flags,
                                     uint64_t timeout_ns, size_t *which)
{
	struct chan__deadline d = chan__deadline_after(timeout_ns);

	return select_until(cases, n, flags, &d, which);
}

CHAN__EXPORT int chan_select_deadline(chan_case_t *cases, size_t n, unsigned flags,
                                      const struct timespec *abstime, size_t *which)
{
	struct chan__deadline d = chan__deadline_at(abstime);

	if (abstime && !chan__timespec_valid(abstime))
		return EINVAL;
	return select_until(cases, n, flags, &d, which);
}
