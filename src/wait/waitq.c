/*
 * waitq.c - the wait queue of the lock-free flavors, an event count
 *
 * The waiter                           The waker
 *   joins the list, sets WAITERS         publishes (a message, a free slot)
 *   W2 heavy fence                       W1 light fence
 *   looks at the channel; not ready      reads attention
 *   sleeps                               WAITERS: wakes
 *
 * The fences make it impossible that both look too early: either the waiter
 * sees what was published, or the waker sees WAITERS.
 *
 * A waker never waits for the lock.  It adds a note and tries the lock; whoever
 * holds the lock serves the notes, and looks for new ones after its release:
 *
 *   waker:   add note ; try lock -> taken, leave
 *   holder:  release lock ; read notes -> found, try lock, serve
 *
 * The note is a read-modify-write, and so is the holder's look at the notes:
 * one of the two comes first in the order of that word.  If the note does, the
 * holder reads it.  If the look does, the release before it happens before the
 * waker's try, which therefore finds this holder gone: it gets the lock, or
 * meets a later holder, for whom the same argument holds.
 *
 * Source: event counts after D. Vyukov; notes that the holder serves are the
 * combining of Hendler et al., "Flat Combining" (2010), cut down to a counter.
 */
#include "wait/waitq.h"

#include <errno.h>

#include "base/pause.h"
#include "base/process.h"

enum { WAITER_WAITING, WAITER_CLAIMED };

/* ------------------------------------------------------------ waiters, nodes */

void chan__waiter_init(struct chan__waiter *w, const struct chan__parker_kind *kind, void *extra)
{
	chan__u32_init(&w->state, WAITER_WAITING);
	w->status = EAGAIN;
	w->chosen = NULL;
	w->parker.extra = extra;
	kind->init(&w->parker);
}

/* W4: whoever claims it next finds it through a queue's lock, taken after this. */
void chan__waiter_renew(struct chan__waiter *w)
{
	w->status = EAGAIN;
	w->chosen = NULL;
	chan__u32_store_relaxed(&w->state, WAITER_WAITING);
}

void chan__waiter_fini(struct chan__waiter *w)
{
	w->parker.kind->fini(&w->parker);
	chan__u32_fini(&w->state);
}

void chan__node_init(struct chan__node *n)
{
	n->prev = NULL;
	n->next = NULL;
	n->queued = false;
	n->starving = false;
	n->observer = false;
	n->result = EAGAIN;
	n->vain = 0;
	n->waiter = NULL;
	n->receiver = NULL;
	n->source = NULL;
}

/* W3: exclusion only.  What the waiter wrote before it joined reaches the
 * claimer through the queue's lock, what the claimer writes reaches the
 * waiter through the unpark. */
bool chan__waiter_claim(struct chan__waiter *w)
{
	uint32_t waiting = WAITER_WAITING;

	return chan__u32_cas_relaxed(&w->state, &waiting, WAITER_CLAIMED);
}

void chan__node_settle(struct chan__node *n, int status)
{
	struct chan__waiter *w = n->waiter;

	w->chosen = n;
	w->status = status;
	w->parker.kind->unpark(&w->parker);
}

/* The threads of a chain; what is a call is left: the first of all chains to the
 * caller, the others in `calls`. */
static void settle_threads(struct chan__node *n, struct chan__node **first, struct chan__calls *calls)
{
	while (n) {
		struct chan__node *next = n->next;
		struct chan__parker *p = &n->waiter->parker;

		if (chan__likely(!p->kind->defer)) {
			chan__node_settle(n, n->result);
		} else if (!*first) {
			*first = n;
		} else {
			calls->kind = p->kind;
			p->kind->defer(p, calls);
		}
		n = next;
	}
}

void chan__node_settle_chains(struct chan__node *a, struct chan__node *b)
{
	struct chan__node *first = NULL;
	struct chan__calls calls;

	CHAN_TP("waitq:settle");
	calls.kind = NULL;
	calls.chan = NULL;
	settle_threads(a, &first, &calls);
	settle_threads(b, &first, &calls);
	if (!first)
		return;
	chan__node_settle(first, first->result);
	if (calls.kind)
		calls.kind->call(&calls);
}

void chan__node_settle_chain(struct chan__node *n)
{
	chan__node_settle_chains(n, NULL);
}

/* -------------------------------------------------------------------- lists */

void chan__waitlist_init(struct chan__waitlist *l)
{
	l->first = NULL;
	l->last = NULL;
	l->observers = NULL;
	l->generation = chan__process_generation();
}

/* Forgets waiters that a fork left behind in the parent. */
static void waitlist_refresh(struct chan__waitlist *l)
{
	if (chan__unlikely(l->generation != chan__process_generation()))
		chan__waitlist_init(l);
}

static void waitlist_link(struct chan__waitlist *l, struct chan__node *n,
                          struct chan__node *prev, struct chan__node *next)
{
	n->prev = prev;
	n->next = next;
	*(prev ? &prev->next : &l->first) = n;
	*(next ? &next->prev : &l->last) = n;
	n->queued = true;
}

/* Observers stand in a list of their own, in no order. */
static void waitlist_observe(struct chan__waitlist *l, struct chan__node *n)
{
	n->prev = NULL;
	n->next = l->observers;
	if (n->next)
		n->next->prev = n;
	l->observers = n;
	n->queued = true;
}

void chan__waitlist_add(struct chan__waitlist *l, struct chan__node *n)
{
	struct chan__node *next = NULL;

	waitlist_refresh(l);
	if (n->observer) {
		waitlist_observe(l, n);
		return;
	}
	n->starving = n->vain >= CHAN__PATIENCE;
	if (n->vain > 0)
		for (next = l->first; next && next->starving; next = next->next)
			continue;
	waitlist_link(l, n, next ? next->prev : l->last, next);
}

void chan__waitlist_remove(struct chan__waitlist *l, struct chan__node *n)
{
	if (!n->queued)
		return;
	if (n->next)
		n->next->prev = n->prev;
	else if (!n->observer)
		l->last = n->prev;
	if (n->prev)
		n->prev->next = n->next;
	else
		*(n->observer ? &l->observers : &l->first) = n->next;
	n->queued = false;
}

/* The first of the waiters, or of the observers, that could be claimed. */
static struct chan__node *waitlist_claim_from(struct chan__waitlist *l, struct chan__node **first)
{
	struct chan__node *n;

	waitlist_refresh(l);
	while ((n = *first) != NULL) {
		chan__waitlist_remove(l, n);
		n->next = NULL;
		if (chan__waiter_claim(n->waiter))
			return n;
	}
	return NULL;
}

struct chan__node *chan__waitlist_claim(struct chan__waitlist *l)
{
	return waitlist_claim_from(l, &l->first);
}

/* The starving stand at the front. */
struct chan__node *chan__waitlist_claim_starving(struct chan__waitlist *l)
{
	struct chan__node *n = NULL;

	while (!n && chan__waitlist_starving(l)) {
		struct chan__node *first = l->first;

		chan__waitlist_remove(l, first);
		first->next = NULL;
		if (chan__waiter_claim(first->waiter))
			n = first;
	}
	return n;
}

struct chan__node *chan__waitlist_claim_observers(struct chan__waitlist *l)
{
	struct chan__node *chain = NULL, **end = &chain;

	while ((*end = waitlist_claim_from(l, &l->observers)) != NULL)
		end = &(*end)->next;
	return chain;
}

struct chan__node *chan__waitlist_claim_many(struct chan__waitlist *l, uint32_t n)
{
	struct chan__node *chain = NULL, **end = &chain;

	while (n > 0 && (*end = chan__waitlist_claim(l)) != NULL) {
		end = &(*end)->next;
		n--;
	}
	*end = chan__waitlist_claim_observers(l);
	return chain;
}

/* Waiters that were claimed elsewhere may still stand here; they are no use. */
bool chan__waitlist_has_partner(struct chan__waitlist *l, const struct chan__waiter *self)
{
	waitlist_refresh(l);
	for (const struct chan__node *n = l->first; n; n = n->next)
		if (n->waiter != self && chan__u32_load_relaxed(&n->waiter->state) == WAITER_WAITING)
			return true;
	return false;
}

bool chan__waitlist_starving(struct chan__waitlist *l)
{
	waitlist_refresh(l);
	return l->first != NULL && l->first->starving;
}

bool chan__waitlist_empty(struct chan__waitlist *l)
{
	waitlist_refresh(l);
	return l->first == NULL && l->observers == NULL;
}

/* ------------------------------------------------------------------- queues */

void chan__waitq_init(struct chan__waitq *q)
{
	chan__u32_init(&q->attention, 0);
	chan__u32_init(&q->notes, 0);
	q->heir = NULL;
	chan__lock_init(&q->lock);
	chan__waitlist_init(&q->list);
}

void chan__waitq_fini(struct chan__waitq *q)
{
	chan__lock_fini(&q->lock);
	chan__u32_fini(&q->notes);
	chan__u32_fini(&q->attention);
}

/* The lock is held: the two bits that describe the list are made true. */
static void waitq_describe(struct chan__waitq *q)
{
	uint32_t bits = 0;

	if (!chan__waitlist_empty(&q->list))
		bits |= CHAN__WAITERS;
	if (chan__waitlist_starving(&q->list))
		bits |= CHAN__STARVING;
	chan__u32_fetch_or_seq_cst(&q->attention, bits);
	chan__u32_fetch_and_seq_cst(&q->attention, bits | ~(uint32_t)(CHAN__WAITERS | CHAN__STARVING));
}

/* The lock is held.  As many as the notes ask for are claimed; *unused: a
 * wake-up was asked for, and nobody operates who could use it. */
static struct chan__node *waitq_serve(struct chan__waitq *q, bool *unused)
{
	uint32_t asked = chan__u32_exchange_seq_cst(&q->notes, 0);
	struct chan__node *woken;

	*unused = false;
	if (asked == 0)
		return NULL;
	woken = chan__waitlist_claim_many(&q->list, asked);
	waitq_describe(q);
	*unused = !woken || woken->observer;
	return woken;
}

/* Serves notes until none is left that nobody else will serve. */
static void waitq_attend(struct chan__waitq *q)
{
	while (chan__u32_fetch_or_seq_cst(&q->notes, 0) != 0 && chan__lock_try(&q->lock)) {
		bool unused;
		struct chan__node *woken = waitq_serve(q, &unused);

		chan__lock_release(&q->lock);
		chan__node_settle_chain(woken);
		if (unused && q->heir)
			chan__waitq_wake(q->heir, 1);
	}
}

static void waitq_release(struct chan__waitq *q)
{
	chan__lock_release(&q->lock);
	waitq_attend(q);
}

void chan__waitq_join(struct chan__waitq *q, struct chan__node *n)
{
	chan__lock_acquire(&q->lock);
	chan__waitlist_add(&q->list, n);
	waitq_describe(q);
	waitq_release(q);
	CHAN_TP("waitq:joined");
	/* W2, the heavy half: pairs with W1 in chan__waitq_attention. */
	chan__fence_heavy(&q->attention);
}

void chan__waitq_leave(struct chan__waitq *q, struct chan__node *n)
{
	chan__lock_acquire(&q->lock);
	chan__waitlist_remove(&q->list, n);
	waitq_describe(q);
	CHAN_TP("waitq:leaving");
	waitq_release(q);
}

bool chan__waitq_retract(struct chan__waitq *q, struct chan__node *n)
{
	if (!chan__waiter_claim(n->waiter))
		return false;
	chan__waitq_leave(q, n);
	return true;
}

/* CHAN__ALL is a bit: two of them must not add up to nothing. */
void chan__waitq_wake(struct chan__waitq *q, uint32_t n)
{
	if (n == CHAN__ALL)
		chan__u32_fetch_or_seq_cst(&q->notes, CHAN__ALL);
	else
		chan__u32_fetch_add_seq_cst(&q->notes, n);
	waitq_attend(q);
}

struct chan__node *chan__waitq_claim_starving(struct chan__waitq *q)
{
	struct chan__node *n;

	if (!chan__lock_try(&q->lock))
		return NULL;
	n = chan__waitlist_claim_starving(&q->list);
	waitq_describe(q);
	waitq_release(q);
	return n;
}
