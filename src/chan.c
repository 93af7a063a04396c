/*
 * chan.c - the calls: arguments checked, the flavor asked, the waiting left to block.c
 */
#include "base/copy.h"
#include "block.h"
#include "flavor.h"

static const struct chan__deadline chan_forever = { true, { 0, 0 } };

/* ------------------------------------------------------------------ creation */

static int chan_first_receiver(struct chan *c, chan_receiver_t **rx)
{
	if (c->flavor->subscribe)
		return c->flavor->subscribe(c, rx);
	*rx = &c->receiver;
	return 0;
}

int chan__make_deserted(struct chan__config *config, chan_sender_t **tx, chan_receiver_t **rx)
{
	const struct chan__flavor *flavor;
	struct chan *c;
	int e;

	if (!tx)
		return EINVAL;
	chan__process_setup();
	e = chan__flavor_pick(config, &flavor);
	if (e == 0)
		e = flavor->create(config, &c);
	if (e != 0)
		return e;
	if (rx && (e = chan_first_receiver(c, rx)) != 0) {
		chan_sender_drop((chan_sender_t *)c);
		return e;
	}
	*tx = (chan_sender_t *)c;
	return 0;
}

int chan__make(struct chan__config *config, chan_sender_t **tx, chan_receiver_t **rx)
{
	return rx ? chan__make_deserted(config, tx, rx) : EINVAL;
}

CHAN__EXPORT int chan_create(const chan_attr_t *attr, size_t msg_size,
                             chan_sender_t **tx, chan_receiver_t **rx)
{
	struct chan__config config;
	int e = chan__config_load(&config, attr);

	if (e != 0)
		return e;
	config.msg_size = msg_size;
	return chan__make(&config, tx, rx);
}

CHAN__EXPORT int chan_bounded(size_t capacity, size_t msg_size,
                              chan_sender_t **tx, chan_receiver_t **rx)
{
	struct chan__config config;

	if (capacity == CHAN_UNBOUNDED)
		return EINVAL;
	chan__config_load(&config, NULL);
	config.msg_size = msg_size;
	config.capacity = capacity;
	config.capacity_set = true;
	return chan__make(&config, tx, rx);
}

CHAN__EXPORT int chan_unbounded(size_t msg_size, chan_sender_t **tx, chan_receiver_t **rx)
{
	return chan_create(NULL, msg_size, tx, rx);
}

CHAN__EXPORT int chan_subscribe(chan_sender_t *tx, chan_receiver_t **rx)
{
	struct chan *c = (struct chan *)tx;

	if (!c || !rx)
		return EINVAL;
	return c->flavor->subscribe ? c->flavor->subscribe(c, rx) : ENOTSUP;
}

/* ------------------------------------------------------------------- queries */

CHAN__EXPORT chan_t *chan_sender_channel(const chan_sender_t *tx)
{
	return (chan_t *)(uintptr_t)tx;
}

CHAN__EXPORT chan_t *chan_receiver_channel(const chan_receiver_t *rx)
{
	return rx ? rx->chan : NULL;
}

CHAN__EXPORT chan_t *chan_weak_sender_channel(const chan_weak_sender_t *weak)
{
	return (chan_t *)(uintptr_t)weak;
}

CHAN__EXPORT void chan_close(chan_t *c)
{
	if (c)
		chan__close(c);
}

CHAN__EXPORT bool chan_is_disconnected(const chan_t *c)
{
	return !c || c->flavor->is_closed(c);
}

CHAN__EXPORT size_t chan_len(const chan_t *c)
{
	return c ? c->flavor->len(c) : 0;
}

CHAN__EXPORT size_t chan_capacity(const chan_t *c)
{
	return c ? c->capacity : 0;
}

CHAN__EXPORT bool chan_is_empty(const chan_t *c)
{
	return chan_len(c) == 0;
}

CHAN__EXPORT bool chan_is_full(const chan_t *c)
{
	if (c && c->flavor->is_full)
		return c->flavor->is_full(c);
	return !c || (c->capacity != CHAN_UNBOUNDED && c->flavor->len(c) >= c->capacity);
}

CHAN__EXPORT size_t chan_sender_count(const chan_t *c)
{
	return c ? chan__count_senders(c) : 0;
}

CHAN__EXPORT size_t chan_receiver_count(const chan_t *c)
{
	return c ? chan__count_receivers(c) : 0;
}

CHAN__EXPORT size_t chan_msg_size(const chan_t *c)
{
	return c ? c->msg_size : 0;
}

CHAN__EXPORT chan_flavor_t chan_flavor(const chan_t *c)
{
	return c ? chan__flavor_id(c) : CHAN_FLAVOR_AUTO;
}

CHAN__EXPORT uint64_t chan_lost(const chan_t *c)
{
	return c ? chan__count_lost(c) : 0;
}

CHAN__EXPORT size_t chan_receiver_len(const chan_receiver_t *rx)
{
	if (rx && rx->chan->flavor->receiver_len)
		return rx->chan->flavor->receiver_len(rx);
	return chan_len(chan_receiver_channel(rx));
}

/* Where receivers are all one they share what is queued, and what was displaced. */
CHAN__EXPORT uint64_t chan_receiver_lost(const chan_receiver_t *rx)
{
	if (rx && rx->chan->flavor->receiver_lost)
		return rx->chan->flavor->receiver_lost(rx);
	return chan_lost(chan_receiver_channel(rx));
}

/* ------------------------------------------------------------------- sending */

static inline struct chan *chan_to(chan_sender_t *tx)
{
	return (struct chan *)tx;
}

static inline bool chan_sendable(const struct chan *c, const void *msg)
{
	return chan__likely(c != NULL) && (chan__likely(msg != NULL) || c->msg_size == 0);
}

CHAN__EXPORT int chan_try_send(chan_sender_t *tx, const void *msg)
{
	if (!chan_sendable(chan_to(tx), msg))
		return EINVAL;
	return chan__try_send(chan_to(tx), msg);
}

CHAN__EXPORT int chan_send(chan_sender_t *tx, const void *msg)
{
	struct chan *c = chan_to(tx);
	int e;

	if (!chan_sendable(c, msg))
		return EINVAL;
	e = chan__quick_send(c, msg);
	return chan__likely(e != EAGAIN) ? e : chan__block_send(c, msg, &chan_forever, NULL);
}

CHAN__EXPORT int chan_send_timeout(chan_sender_t *tx, const void *msg, uint64_t timeout_ns)
{
	struct chan *c = chan_to(tx);
	struct chan__deadline d;
	int e;

	if (!chan_sendable(c, msg))
		return EINVAL;
	e = chan__quick_send(c, msg);
	if (chan__likely(e != EAGAIN))
		return e;
	d = chan__deadline_after(timeout_ns);
	return chan__block_send(c, msg, &d, NULL);
}

CHAN__EXPORT int chan_send_deadline(chan_sender_t *tx, const void *msg, const struct timespec *abstime)
{
	struct chan__deadline d = chan__deadline_at(abstime);
	struct chan *c = chan_to(tx);
	int e;

	if (!chan_sendable(c, msg) || (abstime && !chan__timespec_valid(abstime)))
		return EINVAL;
	e = chan__quick_send(c, msg);
	return chan__likely(e != EAGAIN) ? e : chan__block_send(c, msg, &d, NULL);
}

CHAN__EXPORT int chan_send_cancel(chan_sender_t *tx, const void *msg, chan_cancel_t *cancel)
{
	struct chan *c = chan_to(tx);
	int e;

	if (!chan_sendable(c, msg))
		return EINVAL;
	e = chan__quick_send(c, msg);
	if (chan__likely(e != EAGAIN))
		return e;
	return chan__block_send(c, msg, &chan_forever, chan_cancel_receiver(cancel));
}

CHAN__EXPORT int chan_send_cancel_timeout(chan_sender_t *tx, const void *msg, chan_cancel_t *cancel,
                                          uint64_t timeout_ns)
{
	struct chan *c = chan_to(tx);
	struct chan__deadline d;
	int e;

	if (!chan_sendable(c, msg))
		return EINVAL;
	e = chan__quick_send(c, msg);
	if (chan__likely(e != EAGAIN))
		return e;
	d = chan__deadline_after(timeout_ns);
	return chan__block_send(c, msg, &d, chan_cancel_receiver(cancel));
}

CHAN__EXPORT int chan_force_send(chan_sender_t *tx, const void *msg, void *displaced, bool *was_displaced)
{
	struct chan *c = chan_to(tx);

	if (!chan_sendable(c, msg) || (displaced && !was_displaced))
		return EINVAL;
	if (c->single_consumer)
		return ENOTSUP;
	return chan__serve_then_force(c, msg, displaced, was_displaced);
}

/* ----------------------------------------------------------------- receiving */

CHAN__EXPORT int chan_try_recv(chan_receiver_t *rx, void *msg)
{
	if (chan__unlikely(!rx))
		return EINVAL;
	return chan__try_recv(rx, msg);
}

CHAN__EXPORT int chan_recv(chan_receiver_t *rx, void *msg)
{
	int e;

	if (chan__unlikely(!rx))
		return EINVAL;
	e = chan__quick_recv(rx, msg);
	return chan__likely(e != EAGAIN) ? e : chan__block_recv(rx, msg, &chan_forever, NULL);
}

CHAN__EXPORT int chan_recv_timeout(chan_receiver_t *rx, void *msg, uint64_t timeout_ns)
{
	struct chan__deadline d;
	int e;

	if (chan__unlikely(!rx))
		return EINVAL;
	e = chan__quick_recv(rx, msg);
	if (chan__likely(e != EAGAIN))
		return e;
	d = chan__deadline_after(timeout_ns);
	return chan__block_recv(rx, msg, &d, NULL);
}

CHAN__EXPORT int chan_recv_deadline(chan_receiver_t *rx, void *msg, const struct timespec *abstime)
{
	struct chan__deadline d = chan__deadline_at(abstime);
	int e;

	if (chan__unlikely(!rx) || (abstime && !chan__timespec_valid(abstime)))
		return EINVAL;
	e = chan__quick_recv(rx, msg);
	return chan__likely(e != EAGAIN) ? e : chan__block_recv(rx, msg, &d, NULL);
}

CHAN__EXPORT int chan_recv_cancel(chan_receiver_t *rx, void *msg, chan_cancel_t *cancel)
{
	int e;

	if (chan__unlikely(!rx))
		return EINVAL;
	e = chan__quick_recv(rx, msg);
	if (chan__likely(e != EAGAIN))
		return e;
	return chan__block_recv(rx, msg, &chan_forever, chan_cancel_receiver(cancel));
}

CHAN__EXPORT int chan_recv_cancel_timeout(chan_receiver_t *rx, void *msg, chan_cancel_t *cancel,
                                          uint64_t timeout_ns)
{
	struct chan__deadline d;
	int e;

	if (chan__unlikely(!rx))
		return EINVAL;
	e = chan__quick_recv(rx, msg);
	if (chan__likely(e != EAGAIN))
		return e;
	d = chan__deadline_after(timeout_ns);
	return chan__block_recv(rx, msg, &d, chan_cancel_receiver(cancel));
}

/* ------------------------------------------------------------------- batches */

/* Arguments of a batch; the count starts at 0 whenever it can be written. */
static bool chan_batch_valid(const void *handle, const void *msgs, size_t size, size_t n, size_t *count)
{
	size_t bytes;

	if (count)
		*count = 0;
	return handle && count && (msgs || size == 0 || n == 0) &&
	       !chan__mul_overflows(n, size, &bytes);
}

CHAN__EXPORT int chan_try_send_many(chan_sender_t *tx, const void *msgs, size_t n, size_t *sent)
{
	struct chan *c = chan_to(tx);
	int e;

	if (!chan_batch_valid(c, msgs, c ? c->msg_size : 0, n, sent))
		return EINVAL;
	if (n == 0)
		return 0;
	e = chan__serve_then_send(c, msgs, n, sent);
	return *sent > 0 ? 0 : e;
}

/* One that is going to wait holds in any case, see block_hold. */
static void chan_hold_once(struct chan *c, struct chan_receiver *rx, bool *held)
{
	if (!*held)
		chan__hold_both(c, rx);
	*held = true;
}

static int chan_send_all(struct chan *c, const char *msgs, size_t n, size_t *sent, bool *held)
{
	int e = 0;

	while (e == 0 && *sent < n) {
		size_t count = 0;

		e = chan__serve_then_send(c, chan__message_at(msgs, *sent, c->msg_size), n - *sent, &count);
		*sent += count;
		if (e != EAGAIN)
			continue;
		chan_hold_once(c, NULL, held);
		e = chan__block_send(c, chan__message_at(msgs, *sent, c->msg_size), &chan_forever, NULL);
		*sent += e == 0;
	}
	return e;
}

/* Between two messages a callback may have dropped the handle in use. */
CHAN__EXPORT int chan_send_many(chan_sender_t *tx, const void *msgs, size_t n, size_t *sent)
{
	struct chan *c = chan_to(tx);
	bool held;
	int e;

	if (!chan_batch_valid(c, msgs, c ? c->msg_size : 0, n, sent))
		return EINVAL;
	held = chan__hold_for_callbacks(c);
	e = chan_send_all(c, (const char *)msgs, n, sent, &held);
	if (held)
		chan__release(c);
	return e;
}

/* msgs NULL receives and destroys, so it is no error here. */
static bool chan_recv_batch_valid(const chan_receiver_t *rx, void *msgs, size_t max, size_t *count)
{
	static const char something;

	return chan_batch_valid(rx, &something, rx && msgs ? rx->chan->msg_size : 0, max, count);
}

CHAN__EXPORT int chan_try_recv_many(chan_receiver_t *rx, void *msgs, size_t max, size_t *received)
{
	int e;

	if (!chan_recv_batch_valid(rx, msgs, max, received))
		return EINVAL;
	if (max == 0)
		return 0;
	e = chan__serve_then_recv(rx, msgs, max, received);
	return *received > 0 ? 0 : e;
}

/* Waits for one, and takes what is there beside it.  A loss that came to light
 * there would go unheard: it is left to the next call. */
static int chan_recv_some(chan_receiver_t *rx, void *msgs, size_t max, size_t *received)
{
	size_t size = msgs ? rx->chan->msg_size : 0, more = 0;
	int e = chan__block_recv(rx, msgs, &chan_forever, NULL);

	if (e != 0)
		return e;
	if (max > 1 && !chan__reports_losses(rx->chan) && !chan__is_dropped(rx))
		chan__serve_then_recv(rx, msgs ? (char *)msgs + size : NULL, max - 1, &more);
	*received = 1 + more;
	return 0;
}

CHAN__EXPORT int chan_recv_many(chan_receiver_t *rx, void *msgs, size_t max, size_t *received)
{
	struct chan *c;
	bool held;
	int e;

	if (!chan_recv_batch_valid(rx, msgs, max, received))
		return EINVAL;
	c = rx->chan;
	held = false;
	if (chan__has_callbacks(c))
		chan_hold_once(c, rx, &held);
	e = max > 0 ? chan__serve_then_recv(rx, msgs, max, received) : 0;
	if (*received > 0) {
		e = 0;
	} else if (e == EAGAIN) {
		chan_hold_once(c, rx, &held);
		e = chan_recv_some(rx, msgs, max, received);
	}
	if (held)
		chan__release_both(c, rx);
	return e;
}

CHAN__EXPORT void chan_deadline(uint64_t timeout_ns, struct timespec *abstime)
{
	if (abstime)
		*abstime = chan__deadline_after(timeout_ns).at;
}

/* ------------------------------------------------------------------- version */

#define CHAN_TEXT_(n) #n
#define CHAN_TEXT(n) CHAN_TEXT_(n)

CHAN__EXPORT const char *chan_version(void)
{
	return CHAN_TEXT(CHAN_VERSION_MAJOR) "." CHAN_TEXT(CHAN_VERSION_MINOR) "." CHAN_TEXT(CHAN_VERSION_PATCH);
}
