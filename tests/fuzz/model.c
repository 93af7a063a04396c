#include "fuzz/model.h"

#include <errno.h>

int model_mistake;

static bool is_broadcast(const struct model *m)
{
	return m->flavor == CHAN_FLAVOR_BROADCAST;
}

static bool is_timer(const struct model *m)
{
	return m->flavor == CHAN_FLAVOR_AT || m->flavor == CHAN_FLAVOR_NEVER;
}

static size_t handles_of_receivers(const struct model *m)
{
	size_t n = 0;

	for (size_t i = 0; i < MODEL_SUBSCRIPTIONS; i++)
		n += m->receivers[i].handles;
	return n;
}

bool model_has_handles(const struct model *m)
{
	return m->senders + m->weak_senders + handles_of_receivers(m) > 0;
}

static uint64_t behind(const struct model *m, size_t i)
{
	return m->tail - m->receivers[i].cursor;
}

/* What was sent and is not gone: all, but on a broadcast that drops the oldest. */
static uint64_t kept(const struct model *m, size_t i)
{
	uint64_t n = behind(m, i);

	return is_broadcast(m) && n > m->capacity ? m->capacity : n;
}

size_t model_receiver_len(const struct model *m, size_t i)
{
	if (is_timer(m))
		return m->due && !m->closed;
	return (size_t)kept(m, i);
}

size_t model_len(const struct model *m)
{
	size_t most = 0;

	for (size_t i = 0; i < MODEL_SUBSCRIPTIONS; i++)
		if (m->receivers[i].handles > 0 && model_receiver_len(m, i) > most)
			most = model_receiver_len(m, i);
	return most;
}

bool model_is_disconnected(const struct model *m)
{
	if (is_timer(m))
		return m->closed;
	return m->closed || m->used || m->senders == 0 || handles_of_receivers(m) == 0;
}

bool model_is_full(const struct model *m)
{
	if (is_broadcast(m) && (m->drop_oldest || model_is_disconnected(m)))
		return false; /* no send waits */
	return m->capacity != CHAN_UNBOUNDED && model_len(m) >= m->capacity;
}

uint64_t model_receiver_lost(const struct model *m, size_t i)
{
	if (!is_broadcast(m))
		return m->lost;
	return m->receivers[i].lost + behind(m, i) - kept(m, i);
}

bool model_has_room(const struct model *m, size_t n)
{
	return model_len(m) + n < MODEL_MESSAGES / 2;
}

void model_destroy(struct model *m, uint32_t number)
{
	if (m->size < sizeof(number))
		number &= (UINT32_C(1) << (8 * m->size)) - 1;
	if (m->destroys && *m->n_destroyed < MODEL_DESTROYED)
		m->destroyed[(*m->n_destroyed)++] = number;
}

/* -------------------------------------------------------------- sending, receiving */

static uint32_t *message(struct model *m, uint64_t at)
{
	return &m->messages[at % MODEL_MESSAGES];
}

static void push(struct model *m, uint32_t number)
{
	*message(m, m->tail++) = number;
	m->used = m->flavor == CHAN_FLAVOR_ONESHOT;
}

/* A broadcast that drops the oldest: somebody had not read it. */
static bool displaces_unread(const struct model *m)
{
	for (size_t i = 0; i < MODEL_SUBSCRIPTIONS; i++)
		if (m->receivers[i].handles > 0 && behind(m, i) >= m->capacity)
			return true;
	return false;
}

int model_sendable(const struct model *m)
{
	if (model_is_disconnected(m))
		return model_mistake == 1 ? EAGAIN : EPIPE;
	if (m->capacity == 0 || (model_is_full(m) && !m->drop_oldest))
		return EAGAIN;
	return 0;
}

int model_send(struct model *m, uint32_t number)
{
	int e = model_sendable(m);

	if (e != 0)
		return e;
	if (is_broadcast(m)) {
		m->lost += m->drop_oldest && displaces_unread(m);
	} else if (model_is_full(m)) {
		m->lost += model_mistake != 2;
		model_destroy(m, *message(m, m->receivers[0].cursor++));
	}
	push(m, number);
	return 0;
}

int model_receivable(const struct model *m, size_t i)
{
	if (is_timer(m))
		return m->closed ? EPIPE : m->due ? 0 : EAGAIN;
	if (is_broadcast(m) && kept(m, i) < behind(m, i))
		return EOVERFLOW;
	if (kept(m, i) > 0)
		return model_mistake == 3 && m->closed ? EPIPE : 0;
	return m->closed || m->used || m->senders == 0 ? EPIPE : EAGAIN;
}

int model_recv(struct model *m, size_t i, uint32_t *number)
{
	struct model_receiver *r = &m->receivers[i];
	int e = model_receivable(m, i);

	if (e == EOVERFLOW) {
		r->lost += behind(m, i) - kept(m, i);
		r->cursor = m->tail - kept(m, i);
	} else if (e == 0 && is_timer(m)) {
		m->due = false;
	} else if (e == 0) {
		*number = *message(m, r->cursor++);
	}
	return e;
}

int model_force(struct model *m, uint32_t number, bool keeps_old, bool *was, uint32_t *old)
{
	*was = false;
	if (m->single_consumer || is_broadcast(m))
		return ENOTSUP;
	if (model_sendable(m) == EPIPE)
		return EPIPE;
	if (m->capacity == 0)
		return EAGAIN;
	if (model_is_full(m)) {
		*was = true;
		*old = *message(m, m->receivers[0].cursor++);
		if (!keeps_old) {
			model_destroy(m, *old);
			m->lost += m->drop_oldest;
		}
	}
	push(m, number);
	return 0;
}

/* ------------------------------------------------------------------------- handles */

void model_drop_receiver(struct model *m, size_t i)
{
	struct model_receiver *r = &m->receivers[i];

	if (--r->handles > 0 || is_timer(m))
		return;
	if (!is_broadcast(m) && model_mistake != 4)
		while (r->cursor != m->tail)
			model_destroy(m, *message(m, r->cursor++));
}

int model_subscribe(struct model *m, size_t *i)
{
	if (!is_broadcast(m))
		return ENOTSUP;
	if (m->closed)
		return EPIPE;
	for (*i = 0; m->receivers[*i].handles > 0; ++*i)
		continue;
	m->receivers[*i] = (struct model_receiver){ .handles = 1, .cursor = m->tail - (model_mistake == 5) };
	return 0;
}
