#include "support/call.h"

#include "support/wait.h"

static const uint64_t long_ns = 40 * CHAN_SEC;

const char *call_form_name(enum call_form form)
{
	static const char *const names[] = {
		"plain", "timeout", "deadline", "forever", "null deadline", "many", "cancel", "cancel timeout"
	};

	return names[form];
}

struct call call_send(chan_sender_t *tx, enum call_form form, uint64_t value)
{
	struct call call = { .tx = tx, .form = form, .timeout_ns = long_ns, .value = value };

	return call;
}

struct call call_recv(chan_receiver_t *rx, enum call_form form)
{
	struct call call = { .rx = rx, .form = form, .timeout_ns = long_ns };

	return call;
}

static int make_send(struct call *call)
{
	struct timespec deadline;

	chan_deadline(call->timeout_ns, &deadline);
	errno = TEST_ERRNO;
	switch (call->form) {
	case CALL_TIMEOUT:       return chan_send_timeout(call->tx, &call->value, call->timeout_ns);
	case CALL_DEADLINE:      return chan_send_deadline(call->tx, &call->value, &deadline);
	case CALL_FOREVER:       return chan_send_timeout(call->tx, &call->value, CHAN_FOREVER);
	case CALL_NULL_DEADLINE: return chan_send_deadline(call->tx, &call->value, NULL);
	case CALL_MANY:          return chan_send_many(call->tx, &call->value, 1, &call->count);
	case CALL_CANCEL:        return chan_send_cancel(call->tx, &call->value, call->cancel);
	case CALL_CANCEL_TIMEOUT:
		return chan_send_cancel_timeout(call->tx, &call->value, call->cancel, call->timeout_ns);
	default:                 return chan_send(call->tx, &call->value);
	}
}

static int make_recv(struct call *call)
{
	void *into = call->into ? call->into : &call->value;
	struct timespec deadline;

	chan_deadline(call->timeout_ns, &deadline);
	errno = TEST_ERRNO;
	switch (call->form) {
	case CALL_TIMEOUT:       return chan_recv_timeout(call->rx, into, call->timeout_ns);
	case CALL_DEADLINE:      return chan_recv_deadline(call->rx, into, &deadline);
	case CALL_FOREVER:       return chan_recv_timeout(call->rx, into, CHAN_FOREVER);
	case CALL_NULL_DEADLINE: return chan_recv_deadline(call->rx, into, NULL);
	case CALL_MANY:          return chan_recv_many(call->rx, into, 1, &call->count);
	case CALL_CANCEL:        return chan_recv_cancel(call->rx, into, call->cancel);
	case CALL_CANCEL_TIMEOUT:
		return chan_recv_cancel_timeout(call->rx, into, call->cancel, call->timeout_ns);
	default:                 return chan_recv(call->rx, into);
	}
}

void call_here(struct call *call)
{
	call->count = SIZE_MAX;
	cost_start(&call->cost);
	call->began_ns = now_ns();
	call->result = call->tx ? make_send(call) : make_recv(call);
	test_errno(__FILE__, __LINE__, call_form_name(call->form));
	call->ended_ns = now_ns();
	cost_stop(&call->cost);
	if (call->form == CALL_MANY)
		must_eq(call->count, call->result == 0);
}

/* The same way once through, and back at once: what a thread pays only the
 * first time (pages of its stack, symbols to be bound) is paid. */
static void rehearse(const struct call *call)
{
	struct call first = *call;

	first.form = CALL_TIMEOUT;
	first.timeout_ns = 1;
	call_here(&first);
	must_eq(first.result, ETIMEDOUT);
}

static void run_call(void *arg)
{
	struct call *call = arg;

	if (call->measured) {
		rehearse(call);
		worker_hold(&call->worker);
	}
	call_here(call);
	if (call->measured)
		worker_hold(&call->worker);
}

void call_start(struct call *call)
{
	worker_start(&call->worker, run_call, call);
}

void call_start_asleep(struct call *call)
{
	call_start(call);
	worker_wait_asleep(&call->worker);
}

void call_finish(struct call *call)
{
	if (call->measured)
		worker_let_on(&call->worker);
	worker_join(&call->worker);
}
