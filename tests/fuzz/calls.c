/*
 * calls.c - a string of bytes as a sequence of calls, each compared with the model
 *
 * One thread makes them, so every call has one right answer.  A call that would wait
 * for another thread is made in a form that does not.  After each call the queries,
 * the descriptors, the destroyed messages and the callbacks are compared too.  What
 * differs is printed, with what was done before, and ends the process.
 *
 * Bytes that are missing read as 0, so every input is a sequence.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/calls.h"
#include "fuzz/model.h"

enum {
	/* clang-format off */
	CHANNELS = 3, WAKERS = 4, TOKENS = 2, MOST_BATCH = 6, MOST_CASES = 4,
	MOST_BYTES = 40, MOST_STEPS = 4000, HISTORY = 40, UNTOUCHED = 0xa5, TEST_ERRNO = 4242
	/* clang-format on */
};

enum way { SENDS, RECEIVES };

enum waker_state { IDLE, REGISTERED, WOKEN };

struct waker {
	chan_waker_t w;
	enum waker_state state;
	size_t channel, subscription;
	enum way way;
};

struct channel {
	struct model m;
	chan_t *c;
	chan_sender_t *tx;
	chan_weak_sender_t *weak;
	chan_receiver_t *rx[MODEL_SUBSCRIPTIONS];
	int tx_fd, rx_fd[MODEL_SUBSCRIPTIONS];
	struct timespec when;    /* at: the message */
	bool never_due;          /* at: that is too far away for this process */
};

static struct channel channels[CHANNELS];
static struct waker wakers[WAKERS];
static chan_cancel_t *tokens[TOKENS];
static bool triggered[TOKENS];

static const uint8_t *input;
static size_t input_left;
static uint32_t last_number;

static uint32_t model_destroyed[MODEL_DESTROYED], seen_destroyed[MODEL_DESTROYED];
static size_t n_model_destroyed, n_seen_destroyed;

static size_t blocks, failures; /* of memory; allocations that are to fail */

static char history[HISTORY][96];
static size_t n_history;

/* ---------------------------------------------------------------------- reporting */

#define SAY(...) snprintf(history[n_history++ % HISTORY], sizeof(history[0]), __VA_ARGS__)

static _Noreturn void differ(const char *what, long long got, long long want)
{
	for (size_t i = n_history > HISTORY ? n_history - HISTORY : 0; i < n_history; i++)
		fprintf(stderr, "  %s\n", history[i % HISTORY]);
	fprintf(stderr, "differs: %s: %lld, not %lld\n", what, got, want);
	abort();
}

static void same(const char *what, long long got, long long want)
{
	if (got != want)
		differ(what, got, want);
}

/* The value of a call, which leaves errno alone. */
#define CALL(expression) (errno = TEST_ERRNO, note_errno(#expression, (expression)))

static int note_errno(const char *what, int e)
{
	if (errno != TEST_ERRNO)
		differ("errno", errno, TEST_ERRNO);
	SAY("%d: %s", e, what);
	return e;
}

#define DO(statement)                                          \
	do {                                                   \
		errno = TEST_ERRNO;                            \
		statement;                                     \
		same("errno", errno, TEST_ERRNO);              \
		SAY("%s", #statement);                         \
	} while (0)

/* ----------------------------------------------------------------------- the input */

static unsigned next_byte(void)
{
	if (input_left == 0)
		return 0;
	input_left--;
	return *input++;
}

static size_t next_below(size_t n)
{
	return next_byte() % n;
}

/* ---------------------------------------------------------------------- messages */

static uint8_t byte_of(uint32_t number, size_t i)
{
	return (uint8_t)(i < sizeof(number) ? number >> (8 * i) : number * 31 + i * 7);
}

static void write_message(uint8_t *bytes, size_t size, uint32_t number)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_of(number, i);
}

static void check_message(const uint8_t *bytes, size_t size, uint32_t number)
{
	for (size_t i = 0; i < size; i++)
		same("a byte of a message", bytes[i], byte_of(number, i));
}

static void check_untouched(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		same("a byte that is not to be written", bytes[i], UNTOUCHED);
}

/* A timer's message is its time. */
static void check_received(const struct channel *c, const uint8_t *bytes, uint32_t number)
{
	if (c->m.flavor == CHAN_FLAVOR_AT)
		same("the time", memcmp(bytes, &c->when, sizeof(c->when)), 0);
	else
		check_message(bytes, c->m.size, number);
}

/* Destroyed messages are in both logs by what can be read of them. */
static void note_destroyed(void *msg, void *arg)
{
	const struct model *m = &((const struct channel *)arg)->m;
	uint8_t bytes[sizeof(uint32_t)] = { 0 };
	uint32_t number;

	memcpy(bytes, msg, m->size < sizeof(bytes) ? m->size : sizeof(bytes));
	number = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
	if (n_seen_destroyed < MODEL_DESTROYED)
		seen_destroyed[n_seen_destroyed++] = number;
	errno = EILSEQ; /* the library has to put it back */
}

/* ------------------------------------------------------------------------- memory */

static void *allocate(size_t size, size_t alignment, void *arg)
{
	void *p = NULL;

	(void)arg;
	if (failures > 0 && --failures == 0)
		return NULL;
	if (posix_memalign(&p, alignment < sizeof(p) ? sizeof(p) : alignment, size) != 0)
		return NULL;
	memset(p, UNTOUCHED, size);
	blocks++;
	errno = ENOMEM;
	return p;
}

static void release(void *p, size_t size, size_t alignment, void *arg)
{
	(void)alignment;
	(void)arg;
	memset(p, UNTOUCHED, size);
	blocks--;
	free(p);
}

/* ------------------------------------------------------------------------- wakers */

static void wake(void *arg)
{
	struct waker *w = arg;

	same("a waker that is called is registered", w->state, REGISTERED);
	w->state = WOKEN;
	errno = EILSEQ;
}

static bool concerns(const struct waker *w, size_t channel, enum way way, size_t subscription)
{
	return w->state != IDLE && w->channel == channel && w->way == way && w->subscription == subscription;
}

static void cancel_waker(struct waker *w)
{
	DO(chan_waker_cancel(&w->w));
	w->state = IDLE;
}

/* The handle goes: whoever registered or was woken by it cancels first. */
static void cancel_wakers_of(size_t channel, enum way way, size_t subscription)
{
	for (size_t i = 0; i < WAKERS; i++)
		if (concerns(&wakers[i], channel, way, subscription))
			cancel_waker(&wakers[i]);
}

/* ------------------------------------------------------------- what is always true */

static void check_wakers(size_t channel, enum way way, size_t subscription, int ready)
{
	bool waits = false, knows = false;

	for (size_t i = 0; i < WAKERS; i++) {
		if (!concerns(&wakers[i], channel, way, subscription))
			continue;
		waits |= wakers[i].state == REGISTERED;
		knows |= wakers[i].state == WOKEN;
	}
	if (ready != EAGAIN && waits && !knows)
		differ("wakers told of a channel that is ready", 0, 1);
}

/* A timer's descriptor may take the kernel a moment. */
static void check_descriptor(const struct model *m, int fd, int ready)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int patience = ready != EAGAIN && m->flavor == CHAN_FLAVOR_AT ? 10000 : 0;

	if (fd >= 0)
		same("a descriptor that is readable", poll(&p, 1, patience) == 1 && (p.revents & POLLIN), ready != EAGAIN);
}

static void check_receiver(size_t at, size_t i)
{
	const struct channel *c = &channels[at];
	struct timespec due, forever;
	int e;

	same("chan_receiver_len", (long long)chan_receiver_len(c->rx[i]), (long long)model_receiver_len(&c->m, i));
	same("chan_receiver_lost", (long long)chan_receiver_lost(c->rx[i]), (long long)model_receiver_lost(&c->m, i));
	same("chan_receiver_channel", chan_receiver_channel(c->rx[i]) == c->c, true);
	check_descriptor(&c->m, c->rx_fd[i], model_receivable(&c->m, i));
	check_wakers(at, RECEIVES, i, model_receivable(&c->m, i));
	e = chan_receiver_due(c->rx[i], &due);
	if (c->m.flavor != CHAN_FLAVOR_AT && c->m.flavor != CHAN_FLAVOR_NEVER) {
		same("chan_receiver_due", e, ENOTSUP);
		return;
	}
	chan_deadline(CHAN_FOREVER, &forever);
	same("chan_receiver_due", e, 0);
	same("the time due", due.tv_sec,
	     (c->m.due || c->never_due) && !c->m.closed ? c->when.tv_sec : forever.tv_sec);
}

static void check_channel(size_t at)
{
	const struct channel *c = &channels[at];
	const struct model *m = &c->m;
	size_t receivers = 0;

	if (!model_has_handles(m))
		return;
	for (size_t i = 0; i < MODEL_SUBSCRIPTIONS; i++) {
		receivers += m->receivers[i].handles;
		if (m->receivers[i].handles > 0)
			check_receiver(at, i);
	}
	if (m->senders > 0) {
		same("chan_sender_channel", chan_sender_channel(c->tx) == c->c, true);
		check_descriptor(m, c->tx_fd, model_sendable(m));
		check_wakers(at, SENDS, 0, model_sendable(m));
	}
	same("chan_len", (long long)chan_len(c->c), (long long)model_len(m));
	same("chan_is_empty", chan_is_empty(c->c), model_len(m) == 0);
	same("chan_is_full", chan_is_full(c->c), model_is_full(m));
	same("chan_is_disconnected", chan_is_disconnected(c->c), model_is_disconnected(m));
	same("chan_capacity", (long long)chan_capacity(c->c), (long long)m->capacity);
	same("chan_msg_size", (long long)chan_msg_size(c->c), (long long)m->size);
	same("chan_flavor", chan_flavor(c->c), m->flavor);
	same("chan_lost", (long long)chan_lost(c->c), (long long)m->lost);
	same("chan_sender_count", (long long)chan_sender_count(c->c), (long long)m->senders);
	same("chan_receiver_count", (long long)chan_receiver_count(c->c), (long long)receivers);
}

static void check_all(void)
{
	same("messages destroyed", (long long)n_seen_destroyed, (long long)n_model_destroyed);
	for (size_t i = 0; i < n_seen_destroyed; i++)
		same("a destroyed message", seen_destroyed[i], model_destroyed[i]);
	n_seen_destroyed = n_model_destroyed = 0;
	for (size_t i = 0; i < CHANNELS; i++)
		check_channel(i);
	for (size_t i = 0; i < TOKENS; i++)
		same("chan_cancel_is_triggered", chan_cancel_is_triggered(tokens[i]), triggered[i]);
}

/* ----------------------------------------------------------------------- creation */

struct wish {
	chan_flavor_t flavor;
	size_t capacity;
	bool capacity_set, drop_oldest, single_producer, single_consumer, destroys;
};

/* The table of chan_flavors(7). */
static int model_create(const struct wish *w, struct model *m)
{
	static const struct {
		size_t unset;
		bool zero, some, unbounded, drops;
	} can[] = {
		[CHAN_FLAVOR_AUTO]          = { CHAN_UNBOUNDED, true, true, true, true },
		[CHAN_FLAVOR_MUTEX_CONDVAR] = { CHAN_UNBOUNDED, true, true, true, true },
		[CHAN_FLAVOR_ARRAY]         = { 0, false, true, false, true },
		[CHAN_FLAVOR_LIST]          = { CHAN_UNBOUNDED, false, false, true, false },
		[CHAN_FLAVOR_ZERO]          = { 0, true, false, false, false },
		[CHAN_FLAVOR_ONESHOT]       = { 1, false, false, false, false },
		[CHAN_FLAVOR_BROADCAST]     = { 0, false, true, false, true },
		[CHAN_FLAVOR_NEVER]         = { 0, false, false, false, false },
	};
	size_t capacity = w->capacity_set ? w->capacity : can[w->flavor].unset;
	bool some = capacity > 0 && capacity != CHAN_UNBOUNDED;

	if (!(capacity == 0 ? can[w->flavor].zero : capacity == CHAN_UNBOUNDED ? can[w->flavor].unbounded :
	      can[w->flavor].some || (w->flavor == CHAN_FLAVOR_ONESHOT && capacity == 1)))
		return EINVAL;
	if (w->drop_oldest && (!can[w->flavor].drops || !some || w->single_consumer))
		return EINVAL;
	if (w->destroys && w->flavor == CHAN_FLAVOR_BROADCAST)
		return ENOTSUP;
	m->flavor = w->flavor;
	if (w->flavor == CHAN_FLAVOR_AUTO)
		m->flavor = some ? CHAN_FLAVOR_ARRAY : capacity == 0 ? CHAN_FLAVOR_ZERO : CHAN_FLAVOR_LIST;
	m->capacity = capacity;
	m->drop_oldest = w->drop_oldest;
	m->single_consumer = w->single_consumer;
	m->destroys = w->destroys;
	return 0;
}

static void set_attributes(const struct wish *w, chan_attr_t *attr, struct channel *c)
{
	static const chan_allocator_t counted = { allocate, release, NULL };

	same("init", CALL(chan_attr_init(attr)), 0);
	same("flavor", CALL(chan_attr_setflavor(attr, w->flavor)), 0);
	if (w->capacity_set)
		same("capacity", CALL(chan_attr_setcapacity(attr, w->capacity)), 0);
	if (w->drop_oldest)
		same("overflow", CALL(chan_attr_setoverflow(attr, CHAN_OVERFLOW_DROP_OLDEST)), 0);
	if (w->single_producer)
		same("producers", CALL(chan_attr_setproducers(attr, CHAN_SINGLE)), 0);
	if (w->single_consumer)
		same("consumers", CALL(chan_attr_setconsumers(attr, CHAN_SINGLE)), 0);
	if (w->destroys)
		same("destructor", CALL(chan_attr_setdestructor(attr, note_destroyed, c)), 0);
	same("allocator", CALL(chan_attr_setallocator(attr, &counted)), 0);
}

static struct wish next_wish(void)
{
	static const chan_flavor_t flavors[] = { 0, 1, 2, 3, 4, 5, 6, 2, 3, 6, 1, CHAN_FLAVOR_NEVER };
	static const size_t capacities[] = { 1, 2, 3, 0, 4, 7, 8, CHAN_UNBOUNDED };
	unsigned flavor = next_byte(), capacity = next_byte(), bits = next_byte();

	return (struct wish){
		.flavor = flavors[flavor % (sizeof(flavors) / sizeof(flavors[0]))],
		.capacity = capacities[capacity % 8],
		.capacity_set = capacity < 200,
		.drop_oldest = (bits & 3) == 1,
		.single_producer = (bits & 12) == 4,
		.single_consumer = (bits & 48) == 16,
		.destroys = (bits & 64) != 0,
	};
}

static void fresh(struct channel *c)
{
	memset(c, 0, sizeof(*c));
	c->m.destroyed = model_destroyed;
	c->m.n_destroyed = &n_model_destroyed;
	c->tx_fd = -1;
	for (size_t i = 0; i < MODEL_SUBSCRIPTIONS; i++)
		c->rx_fd[i] = -1;
}

static void create_timer(struct channel *c)
{
	unsigned kind = next_byte();

	c->m.receivers[0].handles = 1;
	c->m.flavor = kind % 3 == 2 ? CHAN_FLAVOR_NEVER : CHAN_FLAVOR_AT;
	if (c->m.flavor == CHAN_FLAVOR_NEVER) {
		c->m.size = 8;
		same("chan_never", CALL(chan_never(8, &c->rx[0])), 0);
	} else {
		c->m.size = sizeof(struct timespec);
		c->m.capacity = 1;
		c->m.due = kind % 3 == 0;
		chan_deadline(c->m.due ? 0 : 1000000 * CHAN_SEC, &c->when);
		c->never_due = !c->m.due;
		same("chan_at", CALL(chan_at(&c->when, &c->rx[0])), 0);
	}
	c->c = chan_receiver_channel(c->rx[0]);
}

/* A second allocation may not be needed, so that it would fail proves nothing. */
static void create(struct channel *c)
{
	static const size_t sizes[] = { 8, 4, 1, 0, 24, MOST_BYTES };
	struct wish w = next_wish();
	unsigned failing = next_byte(), size = next_byte();
	chan_attr_t attr;
	int want = model_create(&w, &c->m), got;

	c->m.size = sizes[size % 6];
	set_attributes(&w, &attr, c);
	failures = failing % 16 == 1 ? 1 : failing % 16 == 2 ? 2 : 0;
	got = CALL(chan_create(&attr, c->m.size, &c->tx, &c->rx[0]));
	if (want == 0 && (failures == 0 && failing % 16 - 1 < 2))
		want = ENOMEM;
	failures = 0;
	same("chan_create", got, want);
	if (got == 0) {
		c->m.senders = c->m.receivers[0].handles = 1;
		c->c = chan_sender_channel(c->tx);
	} else {
		same("a handle of a channel that was not made", c->tx == NULL && c->rx[0] == NULL, true);
		fresh(c);
	}
	same("destroy", CALL(chan_attr_destroy(&attr)), 0);
}

static void step_create(size_t at)
{
	struct channel *c = &channels[at];

	if (model_has_handles(&c->m))
		return;
	fresh(c);
	if (next_byte() % 8 == 7)
		create_timer(c);
	else
		create(c);
}

/* ------------------------------------------------------------------------- handles */

static void drop_sender(size_t at)
{
	struct channel *c = &channels[at];
	chan_sender_t *tx = c->tx;

	if (c->m.senders == 1) {
		cancel_wakers_of(at, SENDS, 0);
		c->tx_fd = -1;
		c->tx = NULL;
	}
	c->m.senders--;
	DO(chan_sender_drop(tx));
}

static void drop_receiver(size_t at, size_t i)
{
	struct channel *c = &channels[at];
	chan_receiver_t *rx = c->rx[i];

	if (c->m.receivers[i].handles == 1) {
		cancel_wakers_of(at, RECEIVES, i);
		c->rx_fd[i] = -1;
		c->rx[i] = NULL;
	}
	model_drop_receiver(&c->m, i);
	DO(chan_receiver_drop(rx));
}

static void drop_weak_sender(size_t at)
{
	struct channel *c = &channels[at];

	c->m.weak_senders--;
	DO(chan_weak_sender_drop(c->weak));
}

static void step_handle(size_t at)
{
	struct channel *c = &channels[at];
	unsigned what = next_byte();
	size_t i = next_below(MODEL_SUBSCRIPTIONS);

	switch (what % 8) {
	case 0:
		if (c->m.senders > 0) {
			same("the clone", chan_sender_clone(c->tx) == c->tx, true);
			c->m.senders++;
		}
		break;
	case 1:
		if (c->m.senders > 0)
			drop_sender(at);
		break;
	case 2:
		if (c->m.receivers[i].handles > 0) {
			same("the clone", chan_receiver_clone(c->rx[i]) == c->rx[i], true);
			c->m.receivers[i].handles++;
		}
		break;
	case 3:
		if (c->m.receivers[i].handles > 0)
			drop_receiver(at, i);
		break;
	case 4:
		if (c->m.senders > 0) {
			c->weak = chan_sender_downgrade(c->tx);
			same("a weak sender's channel", chan_weak_sender_channel(c->weak) == c->c, true);
			c->m.weak_senders++;
		}
		break;
	case 5:
		if (c->m.weak_senders > 0) {
			same("the clone", chan_weak_sender_clone(c->weak) == c->weak, true);
			c->m.weak_senders++;
		}
		break;
	case 6:
		if (c->m.weak_senders > 0) {
			chan_sender_t *tx = chan_weak_sender_upgrade(c->weak);

			SAY("upgrade: %s", tx ? "a sender" : "none");
			same("an upgrade", tx != NULL, c->m.senders > 0 && !c->m.closed);
			c->m.senders += tx != NULL;
		}
		break;
	default:
		if (c->m.weak_senders > 0)
			drop_weak_sender(at);
	}
}

static void step_subscribe(size_t at)
{
	struct channel *c = &channels[at];
	bool fails = next_byte() % 8 == 7;
	chan_receiver_t *rx = NULL;
	size_t i = 0;
	int want;

	if (c->m.senders == 0 || (c->m.flavor == CHAN_FLAVOR_BROADCAST && c->m.receivers[0].handles > 0 &&
	                          c->m.receivers[1].handles > 0 && c->m.receivers[2].handles > 0))
		return;
	failures = fails;
	want = fails && c->m.flavor == CHAN_FLAVOR_BROADCAST && !c->m.closed ? ENOMEM : model_subscribe(&c->m, &i);
	same("chan_subscribe", CALL(chan_subscribe(c->tx, &rx)), want);
	failures = 0;
	same("a receiver", rx != NULL, want == 0);
	if (want == 0)
		c->rx[i] = rx;
}

static void step_close(size_t at)
{
	struct channel *c = &channels[at];

	if (!model_has_handles(&c->m))
		return;
	c->m.closed = true;
	DO(chan_close(c->c));
}

/* -------------------------------------------------------------------------- sends */

static const struct timespec long_ago = { 1, 0 }, before_time = { -5, 0 }, no_time = { 1, 1000000000 };

/* One message in the form asked for; `ready`: it will not have to wait. */
static int send_in_form(chan_sender_t *tx, const void *msg, unsigned form, bool ready, size_t token)
{
	switch (form) {
	case 1:  return ready ? CALL(chan_send(tx, msg)) : CALL(chan_try_send(tx, msg));
	case 2:  return CALL(chan_send_timeout(tx, msg, 0));
	case 3:  return CALL(chan_send_deadline(tx, msg, &long_ago));
	case 4:  return CALL(chan_send_deadline(tx, msg, &before_time));
	case 5:  return CALL(chan_send_deadline(tx, msg, &no_time));
	case 6:  return CALL(chan_send_cancel_timeout(tx, msg, tokens[token], 0));
	case 7:  return ready || triggered[token] ? CALL(chan_send_cancel(tx, msg, tokens[token]))
	                                          : CALL(chan_send_cancel_timeout(tx, msg, tokens[token], 1));
	default: return CALL(chan_try_send(tx, msg));
	}
}

static int recv_in_form(chan_receiver_t *rx, void *msg, unsigned form, bool ready, size_t token)
{
	switch (form) {
	case 1:  return ready ? CALL(chan_recv(rx, msg)) : CALL(chan_try_recv(rx, msg));
	case 2:  return CALL(chan_recv_timeout(rx, msg, 0));
	case 3:  return CALL(chan_recv_deadline(rx, msg, &long_ago));
	case 4:  return CALL(chan_recv_deadline(rx, msg, &before_time));
	case 5:  return CALL(chan_recv_deadline(rx, msg, &no_time));
	case 6:  return CALL(chan_recv_cancel_timeout(rx, msg, tokens[token], 0));
	case 7:  return ready || triggered[token] ? CALL(chan_recv_cancel(rx, msg, tokens[token]))
	                                          : CALL(chan_recv_cancel_timeout(rx, msg, tokens[token], 1));
	default: return CALL(chan_try_recv(rx, msg));
	}
}

/* What that form says where a try form says e. */
static int in_form(int e, unsigned form, size_t token)
{
	if (e != EAGAIN || form < 2)
		return e;
	return form >= 6 && triggered[token] ? ECANCELED : ETIMEDOUT;
}

enum { FORMS = 8, INVALID_TIME = 5 };

static void step_send(size_t at)
{
	struct channel *c = &channels[at];
	unsigned form = (unsigned)next_below(FORMS), bits = next_byte();
	size_t token = next_below(TOKENS);
	uint8_t bytes[MOST_BYTES + 8];
	const void *msg = bits % 16 == 15 ? NULL : bytes + bits % 8;
	uint32_t number = ++last_number;
	bool ready, fails = bits / 16 % 8 == 7;
	int want, got;

	if (c->m.senders == 0 || !model_has_room(&c->m, 1))
		return;
	write_message(bytes + bits % 8, c->m.size, number);
	ready = model_sendable(&c->m) != EAGAIN;
	failures = fails;
	got = send_in_form(c->tx, msg, form, ready, token);
	fails = fails && failures == 0;
	failures = 0;
	if ((!msg && c->m.size > 0) || form == INVALID_TIME)
		want = EINVAL;
	else if (fails && c->m.capacity == CHAN_UNBOUNDED && model_sendable(&c->m) == 0)
		want = ENOMEM;
	else
		want = in_form(model_send(&c->m, number), form, token);
	same("a send", got, want);
	check_message(bytes + bits % 8, c->m.size, number);
}

static void step_recv(size_t at)
{
	struct channel *c = &channels[at];
	size_t i = next_below(MODEL_SUBSCRIPTIONS), token = next_below(TOKENS);
	unsigned form = (unsigned)next_below(FORMS), bits = next_byte();
	uint8_t bytes[MOST_BYTES + 8];
	uint8_t *msg = bits % 8 == 7 ? NULL : bytes + bits % 8;
	uint32_t number = 0;
	bool ready;
	int e, want;

	if (c->m.receivers[i].handles == 0)
		return;
	memset(bytes, UNTOUCHED, sizeof(bytes));
	ready = model_receivable(&c->m, i) != EAGAIN;
	e = form == INVALID_TIME ? EINVAL : model_recv(&c->m, i, &number);
	want = in_form(e, form, token);
	if (e == 0 && !msg && c->m.size > 0)
		model_destroy(&c->m, number);
	same("a receive", recv_in_form(c->rx[i], msg, form, ready, token), want);
	if (e != 0 || !msg) {
		check_untouched(bytes, sizeof(bytes));
	} else {
		check_received(c, msg, number);
		check_untouched(bytes, (size_t)(msg - bytes));
		check_untouched(msg + c->m.size, (size_t)(bytes + sizeof(bytes) - msg) - c->m.size);
	}
}

static void step_send_many(size_t at)
{
	struct channel *c = &channels[at];
	size_t n = next_below(MOST_BATCH + 1), sent = SIZE_MAX, k = 0;
	bool waits = next_byte() % 2;
	uint8_t bytes[MOST_BATCH * MOST_BYTES];
	int e = 0, got;

	if (c->m.senders == 0 || !model_has_room(&c->m, n))
		return;
	for (size_t i = 0; i < n; i++)
		write_message(bytes + i * c->m.size, c->m.size, last_number + 1 + (uint32_t)i);
	while (k < n && (e = model_send(&c->m, last_number + 1 + (uint32_t)k)) == 0)
		k++;
	last_number += (uint32_t)n;
	if (waits && e != EAGAIN) {
		got = CALL(chan_send_many(c->tx, bytes, n, &sent));
	} else {
		got = CALL(chan_try_send_many(c->tx, bytes, n, &sent));
		e = k > 0 ? 0 : e;
	}
	same("a batch sent", got, e);
	same("its count", (long long)sent, (long long)k);
}

static void step_recv_many(size_t at)
{
	struct channel *c = &channels[at];
	size_t i = next_below(MODEL_SUBSCRIPTIONS), n = next_below(MOST_BATCH + 1), received = SIZE_MAX, k = 0;
	unsigned bits = next_byte();
	uint8_t bytes[MOST_BATCH * MOST_BYTES];
	uint8_t *msgs = bits % 8 == 7 ? NULL : bytes;
	uint32_t numbers[MOST_BATCH];
	int e = 0, got;

	if (c->m.receivers[i].handles == 0)
		return;
	memset(bytes, UNTOUCHED, sizeof(bytes));
	while (k < n && (e = model_recv(&c->m, i, &numbers[k])) == 0) {
		if (!msgs && c->m.size > 0)
			model_destroy(&c->m, numbers[k]);
		k++;
	}
	if (bits % 2 == 0 && (k > 0 || e != EAGAIN))
		got = CALL(chan_recv_many(c->rx[i], msgs, n, &received));
	else
		got = CALL(chan_try_recv_many(c->rx[i], msgs, n, &received));
	same("a batch received", got, k > 0 ? 0 : e);
	same("its count", (long long)received, (long long)k);
	for (size_t j = 0; msgs && j < k; j++)
		check_received(c, msgs + j * c->m.size, numbers[j]);
	check_untouched(bytes + (msgs ? k * c->m.size : 0), sizeof(bytes) - (msgs ? k * c->m.size : 0));
}

static void step_force(size_t at)
{
	struct channel *c = &channels[at];
	unsigned bits = next_byte();
	uint8_t bytes[MOST_BYTES], kept[MOST_BYTES];
	uint8_t *displaced = bits % 3 == 0 ? NULL : bits % 3 == 1 ? kept : bytes;
	bool was = false, seen = false, *where = bits % 16 == 15 ? NULL : &seen;
	uint32_t number = ++last_number, old = 0;
	int want;

	if (c->m.senders == 0 || !model_has_room(&c->m, 1))
		return;
	write_message(bytes, c->m.size, number);
	memset(kept, UNTOUCHED, sizeof(kept));
	want = displaced && !where ? EINVAL : model_force(&c->m, number, displaced != NULL, &was, &old);
	same("chan_force_send", CALL(chan_force_send(c->tx, bytes, displaced, where)), want);
	same("was_displaced", seen, want == 0 && where && was);
	if (displaced && was)
		check_message(displaced, c->m.size, old);
	else
		check_message(bytes, c->m.size, number);
	check_untouched(kept + (displaced == kept && was ? c->m.size : 0),
	                sizeof(kept) - (displaced == kept && was ? c->m.size : 0));
}

/* ------------------------------------------------------------------------- select */

struct choice {
	struct channel *c;  /* NULL: a token's receiver, or none */
	enum way way;
	size_t subscription;
	uint32_t number;
	int ready;          /* EAGAIN: not a case that can be chosen */
	bool skipped;
	uint8_t bytes[MOST_BYTES];
};

static void choose_token(struct choice *o, chan_case_t *c, unsigned bits)
{
	size_t token = bits / 4 % TOKENS;

	*c = (chan_case_t)CHAN_CASE_RECV(chan_cancel_receiver(tokens[token]), NULL);
	o->ready = triggered[token] ? EPIPE : EAGAIN;
}

static void choose_channel(struct choice *o, chan_case_t *c, unsigned bits)
{
	struct channel *channel = &channels[bits / 4 % CHANNELS];

	o->way = bits & 1 ? RECEIVES : SENDS;
	o->subscription = bits / 12 % MODEL_SUBSCRIPTIONS;
	if (o->way == SENDS && channel->m.senders > 0 && model_has_room(&channel->m, 1)) {
		o->number = ++last_number;
		write_message(o->bytes, channel->m.size, o->number);
		*c = (chan_case_t)CHAN_CASE_SEND(channel->tx, o->bytes);
		o->ready = model_sendable(&channel->m);
	} else if (o->way == RECEIVES && channel->m.receivers[o->subscription].handles > 0) {
		*c = (chan_case_t)CHAN_CASE_RECV(channel->rx[o->subscription], o->bytes);
		o->ready = model_receivable(&channel->m, o->subscription);
	} else {
		o->skipped = true;
		return;
	}
	o->c = channel;
}

static void next_choice(struct choice *o, chan_case_t *c)
{
	unsigned bits = next_byte();

	memset(o, 0, sizeof(*o));
	memset(o->bytes, UNTOUCHED, sizeof(o->bytes));
	*c = (chan_case_t){ .sender = NULL };
	o->ready = EAGAIN;
	if (bits >= 250)
		o->skipped = true;
	else if (bits >= 230)
		choose_token(o, c, bits);
	else
		choose_channel(o, c, bits);
	memset(c->reserved, UNTOUCHED, sizeof(c->reserved));
	c->status = UNTOUCHED;
}

static int select_in_form(chan_case_t *cases, size_t n, unsigned flags, unsigned form, bool waits, size_t *which)
{
	switch (form) {
	case 1:  return CALL(chan_select_timeout(cases, n, flags, 0, which));
	case 2:  return CALL(chan_select_deadline(cases, n, flags, &long_ago, which));
	case 3:  return CALL(chan_select_deadline(cases, n, flags, &no_time, which));
	case 4:
		if (!waits)
			return CALL(chan_select(cases, n, flags, which));
		/* fallthrough */
	default: return CALL(chan_try_select(cases, n, flags, which));
	}
}

/* The chosen case has happened: the same in the model. */
static void perform(struct choice *o, int status)
{
	uint32_t number = 0;

	same("the status", status, o->ready);
	if (!o->c) {
		check_untouched(o->bytes, sizeof(o->bytes));
	} else if (o->way == SENDS) {
		same("the send of a select", model_send(&o->c->m, o->number), status);
	} else if (model_recv(&o->c->m, o->subscription, &number) == 0) {
		check_received(o->c, o->bytes, number);
	}
}

static void step_select(size_t at)
{
	struct choice choices[MOST_CASES];
	chan_case_t cases[MOST_CASES];
	size_t n = next_below(MOST_CASES + 1), which = UNTOUCHED, skipped = 0, lowest = SIZE_MAX;
	unsigned bits = next_byte(), form = (unsigned)next_below(5);
	unsigned flags = (bits & 1 ? CHAN_SELECT_BIASED : 0u) | (bits & 2 ? CHAN_SELECT_READY : 0u);
	int want;

	(void)at;
	for (size_t i = 0; i < n; i++) {
		next_choice(&choices[i], &cases[i]);
		skipped += choices[i].skipped;
		if (choices[i].ready != EAGAIN && lowest == SIZE_MAX)
			lowest = i;
	}
	if (form == 3)
		want = EINVAL;
	else if (lowest != SIZE_MAX)
		want = 0;
	else if (form == 4 && skipped == n)
		want = EINVAL;
	else
		want = form == 1 || form == 2 ? ETIMEDOUT : EAGAIN;
	same("a select", select_in_form(cases, n, flags, form, want == EAGAIN, &which), want);
	for (size_t i = 0; i < n; i++) {
		if (want == 0 && i == which)
			continue;
		same("another case's status", cases[i].status, UNTOUCHED);
		if (choices[i].way == RECEIVES)
			check_untouched(choices[i].bytes, sizeof(choices[i].bytes));
	}
	if (want != 0) {
		same("which", (long long)which, UNTOUCHED);
		return;
	}
	same("a case that is ready", which < n && choices[which].ready != EAGAIN, true);
	if (flags & CHAN_SELECT_BIASED)
		same("the lowest", (long long)which, (long long)lowest);
	if (flags & CHAN_SELECT_READY)
		same("what it is ready for", cases[which].status, choices[which].ready);
	else
		perform(&choices[which], cases[which].status);
}

/* ------------------------------------------------------------ wakers, descriptors */

static void step_poll(size_t at)
{
	struct channel *c = &channels[at];
	struct waker *w = &wakers[next_below(WAKERS)];
	size_t i = next_below(MODEL_SUBSCRIPTIONS);
	enum way way = next_byte() % 2 ? RECEIVES : SENDS;
	uint8_t bytes[MOST_BYTES];
	uint32_t number = ++last_number;
	int want, got;

	memset(bytes, UNTOUCHED, sizeof(bytes));
	if (way == SENDS && c->m.senders > 0 && model_has_room(&c->m, 1)) {
		i = 0;
		write_message(bytes, c->m.size, number);
		w->state = IDLE;
		want = model_send(&c->m, number);
		got = CALL(chan_poll_send(c->tx, bytes, &w->w));
	} else if (way == RECEIVES && c->m.receivers[i].handles > 0) {
		w->state = IDLE;
		want = c->m.flavor == CHAN_FLAVOR_AT ? ENOTSUP : model_recv(&c->m, i, &number);
		got = CALL(chan_poll_recv(c->rx[i], bytes, &w->w));
		if (want == 0)
			check_received(c, bytes, number);
		else
			check_untouched(bytes, sizeof(bytes));
	} else {
		return;
	}
	same("a poll", got, want);
	if (want != EAGAIN)
		return;
	w->state = REGISTERED;
	w->channel = at;
	w->way = way;
	w->subscription = i;
}

static void step_cancel_waker(size_t at)
{
	(void)at;
	cancel_waker(&wakers[next_below(WAKERS)]);
}

static void step_descriptor(size_t at)
{
	struct channel *c = &channels[at];
	size_t i = next_below(MODEL_SUBSCRIPTIONS);
	bool of_sender = next_byte() % 2;
	int fd = -1, *known = of_sender ? &c->tx_fd : &c->rx_fd[i], e;

	if (of_sender ? c->m.senders == 0 : c->m.receivers[i].handles == 0)
		return;
	e = of_sender ? CALL(chan_sender_fd(c->tx, &fd)) : CALL(chan_receiver_fd(c->rx[i], &fd));
	if (e == ENOTSUP && (c->m.flavor == CHAN_FLAVOR_AT || c->m.flavor == CHAN_FLAVOR_NEVER))
		return; /* a system without timerfd */
	same("a descriptor", e, 0);
	if (*known >= 0)
		same("the descriptor", fd, *known);
	*known = fd;
}

static void step_trigger(size_t at)
{
	size_t token = next_below(TOKENS);

	(void)at;
	DO(chan_cancel_trigger(tokens[token]));
	for (size_t i = token; i < TOKENS; i++)
		triggered[i] = true; /* each is the child of the one before */
}

/* ----------------------------------------------------------------------- the steps */

static void (*const steps[])(size_t at) = {
	/* clang-format off */
	step_create, step_create, step_send, step_send, step_send, step_recv, step_recv, step_recv,
	step_send_many, step_recv_many, step_force, step_handle, step_handle, step_handle, step_subscribe,
	step_close, step_select, step_select, step_poll, step_poll, step_poll, step_cancel_waker,
	step_descriptor, step_trigger,
	/* clang-format on */
};

static void begin(void)
{
	n_history = 0;
	n_seen_destroyed = n_model_destroyed = 0;
	last_number = 0;
	for (size_t i = 0; i < CHANNELS; i++)
		fresh(&channels[i]);
	for (size_t i = 0; i < TOKENS; i++) {
		triggered[i] = false;
		same("chan_cancel_create", CALL(chan_cancel_create(i > 0 ? tokens[i - 1] : NULL, &tokens[i])), 0);
	}
	for (size_t i = 0; i < WAKERS; i++) {
		wakers[i].state = IDLE;
		DO(chan_waker_init(&wakers[i].w, wake, &wakers[i]));
	}
}

static void end(void)
{
	for (size_t at = 0; at < CHANNELS; at++) {
		struct model *m = &channels[at].m;

		while (m->weak_senders > 0)
			drop_weak_sender(at);
		while (m->senders > 0)
			drop_sender(at);
		for (size_t i = 0; i < MODEL_SUBSCRIPTIONS; i++)
			while (m->receivers[i].handles > 0)
				drop_receiver(at, i);
		check_all();
	}
	for (size_t i = 0; i < WAKERS; i++)
		cancel_waker(&wakers[i]);
	for (size_t i = 0; i < TOKENS; i++)
		DO(chan_cancel_drop(tokens[i]));
	same("blocks of memory that nobody gave back", (long long)blocks, 0);
}

size_t make_calls(const uint8_t *data, size_t size)
{
	size_t n;

	input = data;
	input_left = size;
	begin();
	for (n = 0; n < MOST_STEPS && input_left > 0; n++) {
		unsigned bits = next_byte();

		steps[bits % (sizeof(steps) / sizeof(steps[0]))](bits / 24 % CHANNELS);
		check_all();
	}
	end();
	return n;
}
