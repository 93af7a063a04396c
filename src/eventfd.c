/*
 * eventfd.c - descriptors that say whether a channel is ready
 *
 * A channel has a list of pollables, one for each descriptor it gave: the
 * sending side, the receiving side, or one for each subscription.  While there
 * are any, every call that changes the channel ends in chan__changed:
 *
 *   the call            changes the channel ; sets dirty ; tries the lock -> taken, leaves
 *   who has the lock    clears dirty ; asks the flavor whether the side is ready ;
 *                       raises or lowers the descriptor ; unlocks ; looks at dirty again
 *
 * Nobody waits, and no change is missed: dirty is a note like those of waitq.c,
 * with the same argument.  After all calls have returned, the last to clear dirty
 * has asked after the last change.  `level` keeps the system calls to one for each
 * change from ready to not ready and back: it says how often the descriptor was raised,
 * and what the holder of the lock has done with it since.
 *
 *     DOWN --about to raise--> RISING --> UP --lowered--> DOWN
 *                              AGAIN  --'    (AGAIN: it may have been up already)
 *
 * Who raises is often put aside by the very thread it wakes, with the lock in its
 * hands.  That thread takes the last message, and would spin on a descriptor that
 * stays up: so a call that finds the lock taken and its own side not ready lowers
 * the descriptor itself, and tells the holder, before it sets dirty (V4).  If it did
 * lower, and the same raising stood in `level` before and after, and was not AGAIN,
 * then it took that raising, and `stolen` names it: until the next one the descriptor
 * is known to be down.  Otherwise it leaves the mark STOLEN: the holder must make sure.
 * The thief's own side cannot end meanwhile, so the descriptor is good.
 *
 * Who watches for edges goes to sleep after EAGAIN, and the descriptor may be up at
 * that instant: whoever emptied the channel has not come to its look, or looks only
 * when the side is ready again.  Then nothing would be written, and nobody woken.  So
 * EAGAIN leaves the mark REFUSED, and a look: it finds the side not ready, and
 * lowers; or ready, and raises once more, which is an edge.  Where another has the
 * lock, who is refused lowers as a thief does: it was perhaps raised too late to be
 * taken by who took the message, and a loop would spin on it.
 *
 * A timer's descriptor raises itself: it is armed with the instant at which the
 * timer is due, and armed again whenever the timer changed.
 *
 * The calls of a channel without descriptors pay nothing: the bit CHAN__POLLED
 * stands in a word they read anyway.  Who sets it passes a heavy fence before the
 * first look (V1), so a call that missed the bit has made its change before
 * that look (W1).
 *
 * Closing takes the lock, and forgets the number under it: who comes later
 * finds no descriptor, so a number that the system has given out again is never
 * written to.  Pollables stay in the list, and are used again, until the channel goes.
 */
#include "base/backoff.h"
#include "base/event.h"
#include "flavor.h"

enum { POLLABLE_STOLEN = 1, POLLABLE_REFUSED = 2 };

/* The low bits of level, and what is added for each raising. */
enum { LEVEL_DOWN, LEVEL_RISING, LEVEL_UP, LEVEL_AGAIN, LEVEL_BITS = 3, LEVEL_STEP };

struct pollable {
	/* Written at creation. */
	struct chan *chan;
	struct pollable *next;
	struct chan__lock lock;
	chan__u32 dirty;             /* anybody sets, who has the lock clears */
	chan__u32 marks;             /* the bits above; anybody sets, who has the lock clears */
	chan__u64 level;             /* who has the lock */
	chan__u64 stolen;            /* the latest raising that was stolen; thieves */
	chan__ptr owner;             /* the receiver, or the channel for the sending side, while
	                              * open; under the lock, after the rest */

	/* Under the lock. */
	bool armed;                  /* a timer, for `due` */
	struct chan__deadline due;
	uint32_t generation;         /* of the process whose descriptor it is */
	enum chan__side side;
	struct chan_receiver *rx;    /* NULL for the sending side */
	struct chan__event event;
};

static void *pollable_key(struct chan *c, const struct chan_receiver *rx)
{
	return rx ? (void *)(uintptr_t)rx : c;
}

/* V5 acquire: the descriptor; pairs with V6. */
static bool pollable_is_open_for(const struct pollable *p, const void *key)
{
	return chan__ptr_load_acquire(&p->owner) == key;
}

static struct pollable *pollable_first(const struct chan *c)
{
	/* V2 acquire: the pollable's contents; pairs with V3. */
	return (struct pollable *)chan__ptr_load_acquire(&c->pollables);
}

/* ------------------------------------------------------------ keeping it true */

static int pollable_look(const struct pollable *p)
{
	return chan__look(p->chan, p->side, p->rx);
}

/* The lock is held.  A timer that is closed is ready for good. */
static void pollable_refresh_timer(struct pollable *p, bool closed)
{
	struct chan__deadline due = { false, { -1, 0 } };

	if (!closed)
		due = p->chan->flavor->due(p->chan);
	if (p->armed && !chan__deadline_before(&due, &p->due) && !chan__deadline_before(&p->due, &due))
		return;
	p->armed = true;
	p->due = due;
	chan__event_arm(&p->event, &due);
}

static uint64_t pollable_number(uint64_t level)
{
	return level & ~(uint64_t)LEVEL_BITS;
}

/* V7 acquire: the theft was told before dirty was set; pairs with V8. */
static bool pollable_is_stolen(const struct pollable *p, uint64_t level)
{
	return chan__u64_load_acquire(&p->stolen) == pollable_number(level);
}

/* The lock is held.  The new number is there before the descriptor is up, so a
 * thief that lowers this raising sees it (V9 release, V10 acquire; the system's own
 * lock lies between them). */
static void pollable_raise(struct pollable *p, uint64_t level, bool again)
{
	uint64_t number = pollable_number(level) + LEVEL_STEP;

	chan__u64_store_release(&p->level, number | (again ? LEVEL_AGAIN : LEVEL_RISING));
	chan__event_raise(&p->event);
	chan__u64_store_release(&p->level, number | LEVEL_UP);
}

/* The lock is held. */
static void pollable_show(struct pollable *p, bool ready, uint32_t marks)
{
	uint64_t level = chan__u64_load_relaxed(&p->level);
	bool up = (level & LEVEL_BITS) == LEVEL_UP && !pollable_is_stolen(p, level);
	bool doubt = (marks & POLLABLE_STOLEN) != 0;

	if (ready && (!up || marks != 0))
		pollable_raise(p, level, up || doubt);
	if (ready || (!up && !doubt))
		return;
	chan__event_lower(&p->event);
	chan__u64_store_release(&p->level, pollable_number(level) | LEVEL_DOWN);
}

/* The lock is held. */
static void pollable_refresh(struct pollable *p)
{
	uint32_t marks;
	int e;

	if (pollable_is_open_for(p, NULL) || p->generation != chan__process_generation())
		return;
	marks = chan__u32_exchange_seq_cst(&p->marks, 0);
	e = pollable_look(p);
	if (p->chan->flavor->due)
		pollable_refresh_timer(p, e == EPIPE);
	else
		pollable_show(p, e != EAGAIN, marks);
}

static void pollable_attend(struct pollable *p)
{
	while (chan__u32_fetch_or_seq_cst(&p->dirty, 0) != 0 && chan__lock_try(&p->lock)) {
		chan__u32_exchange_seq_cst(&p->dirty, 0);
		pollable_refresh(p);
		chan__lock_release(&p->lock);
	}
}

/* The lock is held: for another purpose, while others may have noted a change. */
static void pollable_leave(struct pollable *p)
{
	chan__lock_release(&p->lock);
	pollable_attend(p);
}

static void pollable_note(struct pollable *p)
{
	chan__u32_fetch_or_seq_cst(&p->dirty, 1);
	pollable_attend(p);
}

/* Somebody else has the lock, and the caller's own side may be up for nothing. */
static bool pollable_is_worth_stealing(const struct pollable *p, uint64_t level)
{
	return !p->chan->flavor->due && p->generation == chan__process_generation() &&
	       (level & LEVEL_BITS) != LEVEL_DOWN && !pollable_is_stolen(p, level) &&
	       pollable_look(p) == EAGAIN;
}

/* V8 release: pairs with V7.  A thief that is late does not hide a later theft. */
static void pollable_tell_stolen(struct pollable *p, uint64_t number)
{
	uint64_t latest = chan__u64_load_relaxed(&p->stolen);

	while (latest < number && !chan__u64_cas_acq_rel(&p->stolen, &latest, number))
		continue;
}

static void pollable_steal(struct pollable *p)
{
	uint64_t level = chan__u64_load_acquire(&p->level), number = pollable_number(level); /* V10 */

	if (!pollable_is_worth_stealing(p, level) || !chan__event_lower(&p->event))
		return;
	if ((level & LEVEL_BITS) != LEVEL_AGAIN &&
	    pollable_number(chan__u64_load_acquire(&p->level)) == number) /* V10 */
		pollable_tell_stolen(p, number);
	else
		chan__u32_fetch_or_seq_cst(&p->marks, POLLABLE_STOLEN);
	pollable_note(p);
}

/* A change was noted, and is left to who has the lock. */
static void pollable_steal_if_held(struct pollable *p)
{
	if (chan__u32_load_relaxed(&p->dirty) != 0)
		pollable_steal(p);
}

void chan__changed(struct chan *c, enum chan__side by, struct chan_receiver *rx)
{
	const void *key = by == CHAN__RECV ? pollable_key(c, rx) : c;

	for (struct pollable *p = pollable_first(c); p; p = p->next) {
		pollable_note(p);
		if (pollable_is_open_for(p, key))
			pollable_steal_if_held(p);
	}
}

void chan__refused(struct chan *c, enum chan__side side, struct chan_receiver *rx)
{
	const void *key = side == CHAN__RECV ? pollable_key(c, rx) : c;

	if (!(chan__u32_load_relaxed(&c->waiting[side].attention) & CHAN__POLLED))
		return;
	for (struct pollable *p = pollable_first(c); p; p = p->next)
		if (pollable_is_open_for(p, key)) {
			chan__u32_fetch_or_seq_cst(&p->marks, POLLABLE_REFUSED);
			pollable_note(p);
			pollable_steal_if_held(p);
		}
}

/* -------------------------------------------------------------- opening, closing */

static struct pollable *pollable_new(struct chan *c)
{
	struct pollable *p = (struct pollable *)chan__memory_get(&c->memory, sizeof(*p));

	if (!p)
		return NULL;
	p->chan = c;
	p->next = NULL;
	chan__lock_init(&p->lock);
	chan__u32_init(&p->dirty, 0);
	chan__u32_init(&p->marks, 0);
	chan__u64_init(&p->level, LEVEL_DOWN);
	chan__u64_init(&p->stolen, 0);
	chan__ptr_init(&p->owner, NULL);
	return p;
}

static void pollable_free(struct pollable *p)
{
	chan__ptr_fini(&p->owner);
	chan__u64_fini(&p->stolen);
	chan__u64_fini(&p->level);
	chan__u32_fini(&p->marks);
	chan__u32_fini(&p->dirty);
	chan__lock_fini(&p->lock);
	chan__memory_put(&p->chan->memory, p, sizeof(*p));
}

/* The lock is taken. */
static int pollable_open(struct pollable *p, enum chan__side side, struct chan_receiver *rx)
{
	int e = p->chan->flavor->due ? chan__event_open_timer(&p->event) : chan__event_open(&p->event);

	if (e != 0)
		return e;
	p->armed = false;
	chan__u64_store_relaxed(&p->level, pollable_number(chan__u64_load_relaxed(&p->level)) + LEVEL_STEP);
	p->generation = chan__process_generation();
	p->side = side;
	p->rx = rx;
	chan__u32_exchange_seq_cst(&p->marks, 0);
	/* V6 release: pairs with V5. */
	chan__ptr_store_release(&p->owner, pollable_key(p->chan, rx));
	return 0;
}

/* The descriptor of this side, if it has one. */
static bool pollable_find(const struct chan *c, const void *key, int *fd)
{
	bool found = false;

	for (struct pollable *p = pollable_first(c); p && !found; p = p->next) {
		chan__lock_acquire(&p->lock);
		found = pollable_is_open_for(p, key) && p->generation == chan__process_generation();
		if (found)
			*fd = p->event.fd;
		pollable_leave(p);
	}
	return found;
}

/* One that was closed is opened again.  EAGAIN: there is none. */
static int pollable_reopen(const struct chan *c, enum chan__side side, struct chan_receiver *rx, int *fd)
{
	int e = EAGAIN;

	for (struct pollable *p = pollable_first(c); p && e == EAGAIN; p = p->next) {
		chan__lock_acquire(&p->lock);
		if (pollable_is_open_for(p, NULL) && (e = pollable_open(p, side, rx)) == 0)
			*fd = p->event.fd;
		pollable_leave(p);
	}
	return e;
}

/* V3 release: publishes the pollable; pairs with V2. */
static int pollable_add(struct chan *c, enum chan__side side, struct chan_receiver *rx, int *fd)
{
	struct pollable *p = pollable_new(c);
	int e;

	if (!p)
		return ENOMEM;
	e = pollable_open(p, side, rx);
	if (e != 0) {
		pollable_free(p);
		return e;
	}
	*fd = p->event.fd;
	p->next = pollable_first(c);
	chan__ptr_store_release(&c->pollables, p);
	return 0;
}

/* The list's lock keeps two requests for one side from making two descriptors. */
static int pollable_get(struct chan *c, enum chan__side side, struct chan_receiver *rx, int *fd)
{
	int e = 0;

	chan__lock_acquire(&c->poll_lock);
	if (!pollable_find(c, pollable_key(c, rx), fd)) {
		e = pollable_reopen(c, side, rx, fd);
		if (e == EAGAIN)
			e = pollable_add(c, side, rx, fd);
	}
	chan__lock_release(&c->poll_lock);
	return e;
}

/* V1. */
static int pollable_request(struct chan *c, enum chan__side side, struct chan_receiver *rx, int *fd)
{
	int number = -1, e = pollable_get(c, side, rx, &number);

	if (e != 0)
		return e;
	for (int i = 0; i < 2; i++) {
		chan__u32_fetch_or_seq_cst(&c->waiting[i].attention, CHAN__POLLED);
		chan__fence_heavy(&c->waiting[i].attention);
	}
	chan__changed(c, side, rx);
	*fd = number;
	return 0;
}

/*
 * Open for the caller, whose side is about to end: so the generation stays what it
 * is.  The lock of a descriptor that this process made comes back.  One of the
 * parent's may have been taken at the fork, and never will: then the child's copy of
 * the number stays open, and the pollable is not looked at again.
 */
static bool pollable_enter(struct pollable *p)
{
	if (p->generation == chan__process_generation()) {
		chan__lock_acquire(&p->lock);
		return true;
	}
	for (int i = 0; i < CHAN__LOCK_TRIES; i++) {
		if (chan__lock_try(&p->lock))
			return true;
		chan__yield(); /* a holder of this process is about to leave it */
	}
	return false;
}

void chan__polled_end(struct chan *c, const struct chan_receiver *rx)
{
	const void *key = pollable_key(c, rx);

	for (struct pollable *p = pollable_first(c); p; p = p->next) {
		if (!pollable_is_open_for(p, key) || !pollable_enter(p))
			continue;
		chan__ptr_store_release(&p->owner, NULL);
		chan__event_close(&p->event);
		pollable_leave(p);
	}
}

/* Nobody uses the channel any more, and every side has ended. */
void chan__polled_fini(struct chan *c)
{
	struct pollable *next;

	for (struct pollable *p = pollable_first(c); p; p = next) {
		next = p->next;
		pollable_free(p);
	}
}

/* ------------------------------------------------------------------- the calls */

CHAN__EXPORT int chan_receiver_fd(chan_receiver_t *rx, int *fd)
{
	return rx && fd ? pollable_request(rx->chan, CHAN__RECV, rx, fd) : EINVAL;
}

CHAN__EXPORT int chan_sender_fd(chan_sender_t *tx, int *fd)
{
	return tx && fd ? pollable_request((struct chan *)tx, CHAN__SEND, NULL, fd) : EINVAL;
}
