/*
 * common_message.c - the bytes of a message: sizes, alignment, and what a
 * failing call leaves alone
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

static const size_t sizes[] = { 0, 1, 3, 8, 16, 24, 32, 100, 4096, 100000 };

enum { GUARD = 16, GUARD_BYTE = 0xee };

/* A buffer of a message with guards around it; odd addresses on demand. */
struct buffer {
	unsigned char *raw, *msg;
	size_t size;
};

static struct buffer buffer_new(size_t size, size_t shift)
{
	struct buffer b = { malloc(GUARD + 8 + size + GUARD), NULL, size };

	must(b.raw != NULL && shift <= 8);
	memset(b.raw, GUARD_BYTE, GUARD + 8 + size + GUARD);
	b.msg = b.raw + GUARD + shift;
	return b;
}

static void buffer_fill(struct buffer *b, unsigned seed)
{
	for (size_t i = 0; i < b->size; i++)
		b->msg[i] = (unsigned char)(seed + i * 7);
}

static bool guards_hold(const struct buffer *b)
{
	for (size_t i = 0; b->raw + i < b->msg; i++)
		if (b->raw[i] != GUARD_BYTE)
			return false;
	for (size_t i = 0; i < GUARD; i++)
		if (b->msg[b->size + i] != GUARD_BYTE)
			return false;
	return true;
}

static void buffer_expect(const struct buffer *b, unsigned seed)
{
	for (size_t i = 0; i < b->size; i++)
		if (b->msg[i] != (unsigned char)(seed + i * 7))
			test_fail(__FILE__, __LINE__, "byte %zu of %zu is %u", i, b->size, b->msg[i]);
	must(guards_hold(b));
}

static void buffer_expect_untouched(const struct buffer *b)
{
	for (size_t i = 0; i < b->size; i++)
		if (b->msg[i] != GUARD_BYTE)
			test_fail(__FILE__, __LINE__, "byte %zu of %zu was written", i, b->size);
	must(guards_hold(b));
}

struct shipment {
	chan_sender_t *tx;
	size_t size, n;
	struct worker worker;
};

static void ship(void *arg)
{
	struct shipment *s = arg;

	for (size_t i = 0; i < s->n; i++) {
		struct buffer b = buffer_new(s->size, i % 8);

		buffer_fill(&b, (unsigned)i);
		must_give(0, chan_send(s->tx, b.msg));
		buffer_expect(&b, (unsigned)i);
		free(b.raw);
	}
}

/* Every size, from and to addresses of every alignment. */
static void every_byte_arrives(const struct kind *k)
{
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct ends e = kind_open(k, sizes[i]);
		struct shipment s = { .tx = e.tx, .size = sizes[i], .n = 40 };

		must_eq(chan_msg_size(e.c), sizes[i]);
		worker_start(&s.worker, ship, &s);
		for (size_t j = 0; j < s.n; j++) {
			struct buffer b = buffer_new(sizes[i], (j + 3) % 8);

			must_give(0, chan_recv(e.rx, b.msg));
			buffer_expect(&b, (unsigned)j);
			free(b.raw);
		}
		worker_join(&s.worker);
		ends_drop(&e);
	}
}

/* A batch's messages lie side by side, whatever their size. */
static void every_byte_of_a_batch_arrives(const struct kind *k)
{
	for (size_t i = 0; i < COUNT_OF(sizes) - 1; i++) {
		struct ends e = kind_open(k, sizes[i]);
		size_t n = kind_room(k) < 5 ? kind_room(k) : 5, count = 0;
		struct buffer in = buffer_new(n * sizes[i], 1), out = buffer_new(n * sizes[i], 5);

		buffer_fill(&in, 3);
		must_give(0, chan_send_many(e.tx, in.msg, n, &count));
		must_eq(count, n);
		must_give(0, chan_recv_many(e.rx, out.msg, n, &count));
		must_eq(count, n);
		buffer_expect(&out, 3);
		buffer_expect(&in, 3);
		free(in.raw);
		free(out.raw);
		ends_drop(&e);
	}
}

struct notes {
	chan_sender_t *tx;
	struct worker worker;
};

static void send_signals(void *arg)
{
	struct notes *notes = arg;

	for (int i = 0; i < 20; i++)
		must_give(0, chan_send(notes->tx, NULL));
	chan_sender_drop(notes->tx);
}

static void a_message_of_no_bytes_is_a_signal(const struct kind *k)
{
	struct ends e = kind_open(k, 0);
	struct notes notes = { .tx = e.tx };
	int received = 0;

	worker_start(&notes.worker, send_signals, &notes);
	while (chan_recv(e.rx, NULL) == 0)
		received++;
	must_eq(received, 20);
	worker_join(&notes.worker);
	chan_receiver_drop(e.rx);
}

static void signals_are_counted(const struct kind *k)
{
	struct ends e = kind_open(k, 0);
	size_t room = kind_room(k), count = 0;

	must_give(0, chan_send_many(e.tx, NULL, room, &count));
	must(count == room && chan_len(e.c) == room);
	if (!kind_is_unbounded(k))
		must_give(EAGAIN, chan_try_send(e.tx, NULL));
	must_give(0, chan_recv_many(e.rx, NULL, 1, &count));
	must_eq(count, 1);
	must_eq(chan_len(e.c), room - 1);
	ends_drop(&e);
}

static void count_calls(void *msg, void *arg)
{
	(void)msg;
	++*(size_t *)arg;
}

static void signals_are_destroyed_unless_received(const struct kind *k)
{
	size_t calls = 0;
	chan_attr_t attr;
	struct ends e;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setdestructor(&attr, count_calls, &calls));
	e = attr_open(&attr, 0);
	must_give(0, chan_try_send(e.tx, NULL));
	must_give(0, chan_try_recv(e.rx, NULL));
	must_eq(calls, 0); /* received: a signal has no bytes to write */
	ends_drop(&e);
	must_eq(calls, 0);

	kind_attr(k, &attr);
	must_give(0, chan_attr_setdestructor(&attr, count_calls, &calls));
	e = attr_open(&attr, 0);
	must_give(0, chan_try_send(e.tx, NULL));
	chan_receiver_drop(e.rx);
	must_eq(calls, 1);
	chan_sender_drop(e.tx);
}

/* ------------------------------------------------------------ what failures leave */

static void fill_up(const struct kind *k, const struct ends *e, size_t size)
{
	struct buffer b = buffer_new(size, 0);

	for (size_t i = 0; i < k->capacity; i++)
		must_give(0, chan_try_send(e->tx, b.msg));
	free(b.raw);
}

static void fail_to_send(const struct ends *e, struct buffer *b, int want_try, int want_timed)
{
	struct timespec past = { 0, 0 };
	size_t count;

	must_give(want_try, chan_try_send(e->tx, b->msg));
	must_give(want_timed, chan_send_timeout(e->tx, b->msg, 0));
	must_give(want_timed, chan_send_timeout(e->tx, b->msg, 20000));
	must_give(want_timed, chan_send_deadline(e->tx, b->msg, &past));
	count = 77;
	must_give(want_try, chan_try_send_many(e->tx, b->msg, 1, &count));
	must_eq(count, 0);
	buffer_expect(b, 11);
}

static void a_refused_message_keeps_every_byte(const struct kind *k)
{
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct ends e = kind_open(k, sizes[i]);
		struct buffer b = buffer_new(sizes[i], i % 8);

		buffer_fill(&b, 11);
		fill_up(k, &e, sizes[i]);
		fail_to_send(&e, &b, EAGAIN, ETIMEDOUT);
		chan_close(e.c);
		fail_to_send(&e, &b, EPIPE, EPIPE);
		must_give(EPIPE, chan_send(e.tx, b.msg));
		chan_receiver_drop(e.rx);
		fail_to_send(&e, &b, EPIPE, EPIPE);
		chan_sender_drop(e.tx);
		free(b.raw);
	}
}

static void fail_to_receive(const struct ends *e, struct buffer *b, int want_try, int want_timed)
{
	struct timespec past = { 0, 0 };
	size_t count;

	must_give(want_try, chan_try_recv(e->rx, b->msg));
	must_give(want_timed, chan_recv_timeout(e->rx, b->msg, 0));
	must_give(want_timed, chan_recv_timeout(e->rx, b->msg, 20000));
	must_give(want_timed, chan_recv_deadline(e->rx, b->msg, &past));
	count = 77;
	must_give(want_try, chan_try_recv_many(e->rx, b->msg, 1, &count));
	must_eq(count, 0);
	buffer_expect_untouched(b);
}

static void a_failing_receive_writes_nothing(const struct kind *k)
{
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct ends e = kind_open(k, sizes[i]);
		struct buffer b = buffer_new(sizes[i], i % 8);

		fail_to_receive(&e, &b, EAGAIN, ETIMEDOUT);
		chan_sender_drop(e.tx);
		fail_to_receive(&e, &b, EPIPE, EPIPE);
		must_give(EPIPE, chan_recv(e.rx, b.msg));
		buffer_expect_untouched(&b);
		chan_receiver_drop(e.rx);
		free(b.raw);
	}
}

/* -------------------------------------------------------------- the destructor's view */

struct view {
	size_t size, seen;
};

static size_t natural_alignment(size_t size)
{
	size_t alignment = 1;

	while (alignment < _Alignof(max_align_t) && size % (alignment * 2) == 0)
		alignment *= 2;
	return alignment;
}

static void look_at_message(void *msg, void *arg)
{
	struct view *view = arg;
	const unsigned char *bytes = msg;

	must((uintptr_t)msg % natural_alignment(view->size) == 0);
	for (size_t i = 0; i < view->size; i++)
		must(bytes[i] == (unsigned char)(view->seen + i * 7));
	view->seen++;
}

/* A destructor reads the message in place: it is whole, and aligned for whatever
 * a struct of that size may hold. */
static void a_destructor_sees_an_aligned_message(const struct kind *k)
{
	static const size_t looked_at[] = { 1, 2, 3, 4, 8, 12, 16, 24, 32, 40, 64, 100, 4096 };

	for (size_t i = 0; i < COUNT_OF(looked_at); i++) {
		size_t n = kind_room(k) < 70 ? kind_room(k) : 70;
		struct view view = { looked_at[i], 0 };
		struct buffer b = buffer_new(looked_at[i], 1);
		chan_attr_t attr;
		struct ends e;

		kind_attr(k, &attr);
		must_give(0, chan_attr_setdestructor(&attr, look_at_message, &view));
		e = attr_open(&attr, looked_at[i]);
		for (unsigned j = 0; j < n; j++) {
			buffer_fill(&b, j);
			must_give(0, chan_try_send(e.tx, b.msg));
		}
		if (n > 1)
			must_give(0, chan_try_recv(e.rx, NULL));
		must_eq(view.seen, n > 1);
		chan_receiver_drop(e.rx);
		must_eq(view.seen, n);
		chan_sender_drop(e.tx);
		free(b.raw);
	}
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(every_byte_arrives, NEEDS_NOTHING),
	BEHAVIOUR(every_byte_of_a_batch_arrives, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(a_message_of_no_bytes_is_a_signal, NEEDS_NOTHING),
	BEHAVIOUR(signals_are_counted, NEEDS_QUEUE),
	BEHAVIOUR(signals_are_destroyed_unless_received, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
	BEHAVIOUR(a_refused_message_keeps_every_byte, NEEDS_FULL),
	BEHAVIOUR(a_failing_receive_writes_nothing, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_destructor_sees_an_aligned_message, NEEDS_QUEUE | FITS_ONE_MESSAGE | NEEDS_DESTRUCTOR),
};

const struct theme common_message = { behaviours, COUNT_OF(behaviours) };
