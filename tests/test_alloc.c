/*
 * test_alloc.c - every allocation fails once, and for good; nothing is lost,
 * leaked or written
 */
#include <stdlib.h>

#include "support/support.h"

#define UNTOUCHED ((void *)(uintptr_t)0x5a5a5a50)

/* The sanitizers' allocators end the program where malloc would return NULL. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static int open_counted(const struct kind *k, struct counting *counting, struct ends *e)
{
	chan_allocator_t table = counting_allocator(counting);
	chan_attr_t attr;
	int error;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	errno = TEST_ERRNO;
	error = chan_create(&attr, 8, &e->tx, &e->rx);
	test_errno(__FILE__, __LINE__, "chan_create");
	must_give(0, chan_attr_destroy(&attr));
	if (error == 0)
		e->c = chan_sender_channel(e->tx);
	return error;
}

static void creation_survives_each_failing_allocation(const struct kind *k)
{
	size_t n;

	for (n = 0; n < 20; n++) {
		struct ends e = { UNTOUCHED, UNTOUCHED, NULL };
		struct counting counting;
		int error;

		counting_init(&counting);
		counting_fail(&counting, n, n % 2 ? 1 : SIZE_MAX);
		error = open_counted(k, &counting, &e);
		if (error == 0) {
			must(counting_calls(&counting) <= n);
			ends_drop(&e);
			break;
		}
		must_eq(error, ENOMEM);
		must(e.tx == UNTOUCHED && (void *)e.rx == UNTOUCHED);
		counting_must_balance(&counting);
	}
	must(n >= 1 && n < 20);
}

static void what_is_taken_is_given_back(const struct kind *k)
{
	struct counting counting;
	struct ends e;
	chan_weak_sender_t *weak;
	chan_receiver_t *rx;
	chan_sender_t *tx;

	counting_init(&counting);
	must_eq(open_counted(k, &counting, &e), 0);
	tx = chan_sender_clone(e.tx);
	rx = chan_receiver_clone(e.rx);
	weak = chan_sender_downgrade(tx);
	if (k->capacity != 0) {
		queue_numbers(tx, 0, kind_room(k));
		expect_numbers(rx, 0, 1);
	}
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
	ends_drop(&e);
	must(counting_blocks(&counting) >= 1);
	chan_weak_sender_drop(weak);
	counting_must_balance(&counting);
}

static void only_unbounded_sends_allocate(const struct kind *k)
{
	struct counting counting;
	chan_weak_sender_t *weak;
	struct ends e;
	struct feeder f;
	size_t before;
	uint64_t number;

	counting_init(&counting);
	must_eq(open_counted(k, &counting, &e), 0);
	before = counting_calls(&counting);
	counting_fail(&counting, 0, SIZE_MAX);
	weak = chan_sender_downgrade(e.tx);
	chan_weak_sender_drop(chan_weak_sender_clone(weak));
	chan_sender_drop(chan_weak_sender_upgrade(weak));
	chan_sender_drop(chan_sender_clone(e.tx));
	chan_receiver_drop(chan_receiver_clone(e.rx));
	must_give(EAGAIN, chan_try_recv(e.rx, &number));
	must_give(ETIMEDOUT, chan_recv_timeout(e.rx, &number, CHAN_MSEC));
	if (!kind_is_unbounded(k)) {
		feeder_start(&f, e.tx, 0, 500);
		for (uint64_t i = 0; i < 500; i++) {
			must_give(0, chan_recv(e.rx, &number));
			must_eq(number, i);
		}
		feeder_join(&f);
	}
	chan_close(e.c);
	must_give(EPIPE, chan_recv(e.rx, &number));
	chan_weak_sender_drop(weak);
	must_eq(counting_calls(&counting), before);
	ends_drop(&e);
	counting_must_balance(&counting);
}

/* Sends until allocation number `skip` has failed; what was accepted arrives. */
static bool send_through_failure(const struct kind *k, size_t skip, size_t failures)
{
	enum { N = 700 };
	struct counting counting;
	uint64_t accepted[N], number;
	size_t n = 0, failed = 0;
	struct ends e;

	counting_init(&counting);
	must_eq(open_counted(k, &counting, &e), 0);
	counting_fail(&counting, skip, failures);
	for (uint64_t i = 0; i < N; i++) {
		int error;

		number = i;
		errno = TEST_ERRNO;
		error = i % 2 ? chan_try_send(e.tx, &number) : chan_send(e.tx, &number);
		test_errno(__FILE__, __LINE__, "send");
		must_eq(number, i);
		if (error == 0)
			accepted[n++] = i;
		else
			must_eq(error, ENOMEM);
		failed += error != 0;
		must_eq(chan_len(e.c), n);
	}
	for (size_t i = 0; i < n; i++)
		expect_numbers(e.rx, accepted[i], 1);
	must_give(EAGAIN, chan_try_recv(e.rx, &number));
	counting_fail(&counting, SIZE_MAX / 2, 0);
	queue_numbers(e.tx, 0, 200);
	expect_numbers(e.rx, 0, 200);
	ends_drop(&e);
	counting_must_balance(&counting);
	return failed > 0;
}

static void sends_survive_each_failing_allocation(const struct kind *k)
{
	bool ever = false;

	for (size_t skip = 0; skip < 12; skip++) {
		ever |= send_through_failure(k, skip, 1);
		ever |= send_through_failure(k, skip, 3);
		ever |= send_through_failure(k, skip, SIZE_MAX);
	}
	must(ever);
}

/* The messages that are in stay in; the tail is the caller's. */
static bool batch_through_failure(const struct kind *k, size_t skip, bool tries)
{
	enum { N = 500 };
	struct counting counting;
	uint64_t numbers[N], number;
	size_t sent = 77;
	struct ends e;
	int error;

	counting_init(&counting);
	must_eq(open_counted(k, &counting, &e), 0);
	counting_fail(&counting, skip, SIZE_MAX);
	for (size_t i = 0; i < N; i++)
		numbers[i] = i;
	errno = TEST_ERRNO;
	error = tries ? chan_try_send_many(e.tx, numbers, N, &sent) : chan_send_many(e.tx, numbers, N, &sent);
	test_errno(__FILE__, __LINE__, "a batch");
	must(sent <= N);
	if (tries)
		must_eq(error, sent == 0 ? ENOMEM : 0);
	else
		must_eq(error, sent < N ? ENOMEM : 0);
	for (size_t i = 0; i < N; i++)
		must_eq(numbers[i], i);
	must_eq(chan_len(e.c), sent);
	expect_numbers(e.rx, 0, sent);
	must_give(EAGAIN, chan_try_recv(e.rx, &number));
	ends_drop(&e);
	counting_must_balance(&counting);
	return sent < N;
}

static void batches_survive_each_failing_allocation(const struct kind *k)
{
	bool ever = false;

	for (size_t skip = 0; skip < 8; skip++) {
		ever |= batch_through_failure(k, skip, false);
		ever |= batch_through_failure(k, skip, true);
	}
	must(ever);
}

static void force_send_survives_a_failing_allocation(const struct kind *k)
{
	struct counting counting;
	struct ends e;
	size_t sent = 0;
	int error = 0;

	counting_init(&counting);
	must_eq(open_counted(k, &counting, &e), 0);
	counting_fail(&counting, 0, SIZE_MAX);
	while (error == 0 && sent < 5000) {
		uint64_t number = sent, other = 77;
		bool displaced = false;

		error = chan_force_send(e.tx, &number, &other, &displaced);
		must(!displaced && other == 77 && number == sent);
		sent += error == 0;
	}
	must_eq(error, ENOMEM);
	expect_numbers(e.rx, 0, sent);
	ends_drop(&e);
	counting_must_balance(&counting);
}

/* Out of memory comes after EPIPE. */
static void disconnection_comes_before_memory(const struct kind *k)
{
	struct counting counting;
	uint64_t number = 1;
	struct ends e;
	int error = 0;

	counting_init(&counting);
	must_eq(open_counted(k, &counting, &e), 0);
	counting_fail(&counting, 0, SIZE_MAX);
	for (size_t i = 0; error == 0 && i < 5000; i++)
		error = chan_try_send(e.tx, &number);
	must_eq(error, ENOMEM);
	chan_close(e.c);
	must_give(EPIPE, chan_try_send(e.tx, &number));
	must_give(EPIPE, chan_send(e.tx, &number));
	ends_drop(&e);
	counting_must_balance(&counting);
}

/* A receiver asleep beside failing sends still gets what is accepted. */
static void a_sleeper_is_woken_beside_failing_sends(const struct kind *k)
{
	struct counting counting;
	struct ends e;

	counting_init(&counting);
	must_eq(open_counted(k, &counting, &e), 0);
	for (uint64_t i = 0; i < 150; i++) {
		struct call call = call_recv(e.rx, CALL_PLAIN);
		uint64_t number = i;
		int error;

		call_start_asleep(&call);
		counting_fail(&counting, 0, 1);
		error = chan_send(e.tx, &number);
		must(error == 0 || error == ENOMEM);
		counting_fail(&counting, SIZE_MAX / 2, 0);
		if (error == ENOMEM)
			must_give(0, chan_send(e.tx, &number));
		call_finish(&call);
		must(call.result == 0 && call.value == i);
	}
	ends_drop(&e);
	counting_must_balance(&counting);
}

/* More than is left, yet no overflow: the C library says no.  Few machines have as much in one
 * piece at all; where a process has it, as one of 32 bits may, the pieces are taken first. */
static void the_c_library_may_fail_too(const struct kind *k)
{
	enum { MESSAGE = 1024, PIECES = 16 };
	const size_t capacity = SIZE_MAX / PIECES / MESSAGE + 1;
	void *taken[PIECES];
	chan_sender_t *tx = UNTOUCHED;
	chan_receiver_t *rx = UNTOUCHED;
	chan_attr_t attr;
	size_t n = 0;

	while (n < PIECES && (taken[n] = malloc(capacity * MESSAGE)) != NULL)
		n++;
	must(n < PIECES);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setcapacity(&attr, capacity));
	must_give(ENOMEM, chan_create(&attr, MESSAGE, &tx, &rx));
	must(tx == UNTOUCHED && (void *)rx == UNTOUCHED);
	must_give(0, chan_attr_destroy(&attr));
	while (n > 0)
		free(taken[--n]);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(creation_survives_each_failing_allocation, FITS_ONE_MESSAGE),
	BEHAVIOUR(what_is_taken_is_given_back, FITS_ONE_MESSAGE),
	BEHAVIOUR(only_unbounded_sends_allocate, NEEDS_NOTHING),
	BEHAVIOUR(sends_survive_each_failing_allocation, NEEDS_UNBOUNDED),
	BEHAVIOUR(batches_survive_each_failing_allocation, NEEDS_UNBOUNDED),
	BEHAVIOUR(force_send_survives_a_failing_allocation, NEEDS_UNBOUNDED | NEEDS_RECEIVERS),
	BEHAVIOUR(disconnection_comes_before_memory, NEEDS_UNBOUNDED),
	BEHAVIOUR(a_sleeper_is_woken_beside_failing_sends, NEEDS_UNBOUNDED),
	BEHAVIOUR(the_c_library_may_fail_too, NEEDS_LIMIT),
};

int main(void)
{
	static struct kind kinds[MAX_KINDS];
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);

	n += kind_discover(kinds + n, CHAN_SINGLE, CHAN_SINGLE);
	return matrix_run("alloc", behaviours, COUNT_OF(behaviours), kinds, n);
}
