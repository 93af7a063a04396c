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
	size_t order;    /* slot k of the active ones: the index of the k-th case to look at */
};

_Static_assert(sizeof(struct select_slot) <= sizeof(((chan_case_t *)0)->reserved),
               "a case holds what a wait needs");

struct select {
	chan_case_t *cases;
	size_t n;
	size_t active;               /* cases that are not skipped */
	unsigned flags;
	uint64_t random;
	struct chan__watch *watches; /* of the active cases, in order of index */
	struct chan__watch *spinner; /* the first of a channel that is no timer: it keeps the credit */
	bool meets_in_queue;         /* a partner may have to find us in a queue */
	bool held;                   /* the channels are held */
};

static const struct chan__deadline select_forever = { true, { 0, 0 } };

static struct select_slot *select_slot(const struct select *s, size_t i)
{
	return (struct select_slot *)(void *)s->cases[i].reserved;
}

/* ------------------------------------------------------------------- arguments */

static bool select_case_valid(const chan_case_t *c, unsigned flags)
{
	const struct chan *to = (const struct chan *)c->sender;

	if (c->sender && c->receiver)
		return false;
	return !to || c->msg || to->msg_size == 0 || (flags & CHAN_SELECT_READY);
}

static void select_open_case(struct select *s, size_t i, struct chan__watch ***end)
{
	chan_case_t *c = &s->cases[i];
	struct select_slot *slot = select_slot(s, i);
	struct chan__watch *w = &slot->watch;

	chan__watch_init(w, c->sender ? (struct chan *)c->sender : c->receiver->chan, c->receiver);
	w->node.target = c->msg;
	w->node.observer = (s->flags & CHAN_SELECT_READY) != 0;
	if (!s->spinner && !w->chan->flavor->due)
		s->spinner = w;
	s->meets_in_queue = s->meets_in_queue || w->chan->flavor->meets_in_queue;
	**end = w;
	*end = &w->next;
	select_slot(s, s->active++)->order = i;
}

/* The set in order, or EINVAL and nothing touched. */
static int select_open(struct select *s, chan_case_t *cases, size_t n, unsigned flags, const size_t *which)
{
	struct chan__watch **end = &s->watches;

	if (!which || (n > 0 && !cases) || (flags & ~(unsigned)(CHAN_SELECT_BIASED | CHAN_SELECT_READY)))
		return EINVAL;
	for (size_t i = 0; i < n; i++)
		if (!select_case_valid(&cases[i], flags))
			return EINVAL;
	s->cases = cases;
	s->n = n;
	s->active = 0;
	s->flags = flags;
	s->random = flags & CHAN_SELECT_BIASED ? 0 : chan__random_seed();
	s->watches = NULL;
	s->spinner = NULL;
	s->meets_in_queue = false;
	s->held = false;
	for (size_t i = 0; i < n; i++)
		if (cases[i].sender || cases[i].receiver)
			select_open_case(s, i, &end);
	return 0;
}

/*
 * A callback that runs on the way may drop the handles in use.  The first waker may
 * be registered while the thread waits, so then they are held in any case.
 */
static void select_hold(struct select *s)
{
	if (s->held)
		return;
	s->held = true;
	for (struct chan__watch *w = s->watches; w; w = w->next)
		chan__hold_both(w->chan, w->node.receiver);
}

static void select_hold_for_callbacks(struct select *s)
{
	for (const struct chan__watch *w = s->watches; w; w = w->next)
		if (chan__has_callbacks(w->chan)) {
			select_hold(s);
			return;
		}
}

static void select_release(const struct select *s)
{
	if (s->held)
		for (struct chan__watch *w = s->watches; w; w = w->next)
			chan__release_both(w->chan, w->node.receiver);
}

/* --------------------------------------------------------------------- looking */

/*
 * The k-th case to look at.  A random order is made while it is used (Fisher
 * and Yates): each case is as likely as any other to come before its neighbour.
 */
static size_t select_pick(struct select *s, size_t k)
{
	size_t *order = &select_slot(s, k)->order, picked = *order, *other;

	if (s->flags & CHAN_SELECT_BIASED)
		return picked;
	other = &select_slot(s, k + chan__random_below(&s->random, s->active - k))->order;
	*order = *other;
	*other = picked;
	return *order;
}

static int select_look(const struct select *s, size_t i, uint64_t *stamp)
{
	const struct chan__watch *w = &select_slot(s, i)->watch;

	return w->chan->flavor->ready(w->chan, w->side, w->node.receiver, stamp);
}

/* Performs the case, or only looks; EAGAIN: it cannot happen now. */
static int select_try(const struct select *s, size_t i)
{
	uint64_t stamp;

	if (s->flags & CHAN_SELECT_READY)
		return select_look(s, i, &stamp);
	return chan__attempt(&select_slot(s, i)->watch);
}

static bool select_settle(const struct select *s, size_t i, int e, size_t *which)
{
	if (e == EAGAIN)
		return false;
	s->cases[i].status = e;
	*which = i;
	return true;
}

static bool select_scan(struct select *s, size_t *which)
{
	for (size_t k = 0; k < s->active; k++) {
		size_t i = select_pick(s, k);

		if (select_settle(s, i, select_try(s, i), which))
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------ the snapshot */

/* Was each case, since its look, never ready up to now?  Then none was at the
 * instant when the last of those looks was over. */
static bool select_still_unready(const struct select *s)
{
	for (size_t k = 0; k < s->active; k++) {
		size_t i = select_slot(s, k)->order;
		uint64_t stamp;

		if (select_look(s, i, &stamp) != EAGAIN || stamp != select_slot(s, i)->stamp)
			return false;
	}
	return true;
}

/* One round.  True: a case happened.  *again: one was ready, or may have been. */
static bool select_collect(struct select *s, size_t *which, bool *again)
{
	*again = false;
	for (size_t k = 0; k < s->active; k++) {
		size_t i = select_pick(s, k);

		if (select_look(s, i, &select_slot(s, i)->stamp) == EAGAIN)
			continue;
		if (select_settle(s, i, select_try(s, i), which))
			return true;
		*again = true;
	}
	*again = *again || (s->active > 1 && !select_still_unready(s));
	return false;
}

static void select_refuse(const struct select *s)
{
	for (struct chan__watch *w = s->watches; w; w = w->next)
		chan__refused(w->chan, w->side, w->node.receiver);
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

static void select_stand_aside(struct select *s, unsigned *times)
{
	size_t most = (size_t)1 << (*times < 8 ? *times : 8);

	++*times;
	if (s->random == 0)
		s->random = chan__random_seed();
	for (size_t pauses = chan__random_below(&s->random, most + 1); pauses > 0; pauses--)
		chan__relax();
	if (*times > 8)
		chan__yield();
}

static size_t select_index(const struct select *s, const struct chan__watch *w)
{
	return (size_t)((const char *)w - (const char *)s->cases) / sizeof(s->cases[0]);
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

	return s->spinner && !s->meets_in_queue && !select_starves(s) &&
	       chan__spin(s->spinner->chan, s->spinner->side, select_attempt, &a) == 0;
}

/* The case that woke us first, unless the caller wants them by index. */
static bool select_look_again(struct select *s, struct chan__watch *chosen, size_t *which)
{
	if (chosen && !(s->flags & CHAN_SELECT_BIASED)) {
		size_t i = select_index(s, chosen);

		if (select_settle(s, i, select_try(s, i), which))
			return true;
	}
	return select_scan(s, which);
}

/* EAGAIN: once more. */
static int select_once(struct select *s, const struct chan__deadline *d, unsigned *aside, size_t *which)
{
	struct chan__wait wait = {
		.watches = s->watches,
		.deadline = d,
		.parker = &chan__parker_default,
		.spinner = s->meets_in_queue ? s->spinner : NULL,
	};
	struct chan__watch *chosen;
	int e = chan__wait(&wait, &chosen);

	CHAN_TP("select:woken");
	if (e != EAGAIN && e != ETIMEDOUT) {
		select_settle(s, select_index(s, chosen), e, which);
		return 0;
	}
	if (!chosen && e == EAGAIN)
		select_stand_aside(s, aside);
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

	if (select_scan(s, which))
		return 0;
	select_hold(s);
	do
		e = select_spin(s, which) ? 0 : select_once(s, d, &aside, which);
	while (e == EAGAIN);
	chan__pass_on(s->watches);
	return e;
}

static int select_until(chan_case_t *cases, size_t n, unsigned flags,
                        const struct chan__deadline *d, size_t *which)
{
	struct select s;
	int e = select_open(&s, cases, n, flags, which);

	if (e != 0)
		return e;
	if (s.active == 0 && d->forever)
		return EINVAL;
	select_hold_for_callbacks(&s);
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
	select_hold_for_callbacks(&s);
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
