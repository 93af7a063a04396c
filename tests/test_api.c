/*
 * test_api.c - arguments, attributes, getters, names: what needs no second thread
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/support.h"

_Static_assert(sizeof(chan_attr_t) == 256, "the size of attributes is part of the ABI");
_Static_assert(CHAN_FLAVOR_AUTO == 0 && CHAN_FLAVOR_MUTEX_CONDVAR == 1 && CHAN_FLAVOR_ARRAY == 2
               && CHAN_FLAVOR_LIST == 3 && CHAN_FLAVOR_ZERO == 4
               && CHAN_FLAVOR_ONESHOT == 5
               && CHAN_FLAVOR_BROADCAST == 6 && CHAN_FLAVOR_AT == 7
               && CHAN_FLAVOR_TICK == 8 && CHAN_FLAVOR_NEVER == 9, "flavor numbers are part of the ABI");
_Static_assert(CHAN_OVERFLOW_WAIT == 0 && CHAN_OVERFLOW_DROP_OLDEST == 1, "part of the ABI");
_Static_assert(CHAN_MANY == 0 && CHAN_SINGLE == 1, "part of the ABI");
_Static_assert(sizeof(chan_flavor_t) == sizeof(int) && sizeof(chan_overflow_t) == sizeof(int)
               && sizeof(chan_concurrency_t) == sizeof(int), "enumerations travel as int");
_Static_assert(CHAN_UNBOUNDED == SIZE_MAX && CHAN_FOREVER == UINT64_MAX, "part of the ABI");
_Static_assert(CHAN_SEC == 1000 * CHAN_MSEC && CHAN_MSEC == 1000 * CHAN_USEC
               && CHAN_USEC == 1000 * CHAN_NSEC, "units of time");

/* Where a failing call must not write. */
#define UNTOUCHED ((void *)(uintptr_t)0x5a5a5a50)

static void no_destructor(void *msg, void *arg)
{
	(void)msg;
	(void)arg;
}

/* ------------------------------------------------------------------ version */

static void version_matches_the_header(const struct kind *k)
{
	char text[64];
	const char *version;

	(void)k;
	snprintf(text, sizeof(text), "%d.%d.%d", CHAN_VERSION_MAJOR, CHAN_VERSION_MINOR, CHAN_VERSION_PATCH);
	must_keep_errno(version = chan_version());
	must(strcmp(version, text) == 0);
	must(chan_version() == version);
}

static void flavor_names_are_unique_and_static(const struct kind *k)
{
	size_t found = 0;

	(void)k;
	for (chan_flavor_t i = 1; i <= MAX_FLAVORS; i++) {
		const char *name;

		must_keep_errno(name = chan_flavor_name(i));
		if (name == NULL)
			continue;
		found++;
		must(*name != '\0' && name == chan_flavor_name(i));
		must_eq(flavor_named(name), i);
	}
	must(found >= 1);
	must(chan_flavor_name(-1) == NULL);
	must(chan_flavor_name(INT_MIN) == NULL);
	must(chan_flavor_name(INT_MAX) == NULL);
	must(chan_flavor_name(MAX_FLAVORS + 1000) == NULL);
}

/* --------------------------------------------------------------- attributes */

static void fresh_attributes_hold_the_defaults(const struct kind *k)
{
	chan_attr_t attr;
	chan_flavor_t flavor = -7;
	chan_overflow_t overflow = -7;
	chan_concurrency_t producers = -7, consumers = -7;
	void (*destructor)(void *, void *) = no_destructor;
	void *arg = UNTOUCHED;

	(void)k;
	memset(&attr, 0x5a, sizeof(attr));
	must_give(0, chan_attr_init(&attr));
	must_give(0, chan_attr_getflavor(&attr, &flavor));
	must_give(0, chan_attr_getoverflow(&attr, &overflow));
	must_give(0, chan_attr_getproducers(&attr, &producers));
	must_give(0, chan_attr_getconsumers(&attr, &consumers));
	must_give(0, chan_attr_getdestructor(&attr, &destructor, &arg));
	must_eq(flavor, CHAN_FLAVOR_AUTO);
	must_eq(overflow, CHAN_OVERFLOW_WAIT);
	must_eq(producers, CHAN_MANY);
	must_eq(consumers, CHAN_MANY);
	must(destructor == NULL);
	must_give(0, chan_attr_destroy(&attr));
}

static void numbers_come_back_as_set(chan_attr_t *attr)
{
	static const size_t capacities[] = { 0, 1, 3, 1000000, SIZE_MAX - 1, CHAN_UNBOUNDED };
	static const uint64_t spins[] = { 0, 1, CHAN_SEC, CHAN_FOREVER };

	for (size_t i = 0; i < COUNT_OF(capacities); i++) {
		size_t capacity = 77;

		must_give(0, chan_attr_setcapacity(attr, capacities[i]));
		must_give(0, chan_attr_getcapacity(attr, &capacity));
		must(capacity == capacities[i]);
	}
	for (size_t i = 0; i < COUNT_OF(spins); i++) {
		uint64_t spin = 77;

		must_give(0, chan_attr_setspin(attr, spins[i]));
		must_give(0, chan_attr_getspin(attr, &spin));
		must(spin == spins[i]);
	}
}

static void choices_come_back_as_set(chan_attr_t *attr)
{
	chan_overflow_t overflow = -7;
	chan_concurrency_t side = -7;
	chan_flavor_t flavor = -7;

	must_give(0, chan_attr_setoverflow(attr, CHAN_OVERFLOW_DROP_OLDEST));
	must_give(0, chan_attr_getoverflow(attr, &overflow));
	must_eq(overflow, CHAN_OVERFLOW_DROP_OLDEST);
	must_give(0, chan_attr_setproducers(attr, CHAN_SINGLE));
	must_give(0, chan_attr_getproducers(attr, &side));
	must_eq(side, CHAN_SINGLE);
	must_give(0, chan_attr_getconsumers(attr, &side));
	must_eq(side, CHAN_MANY);
	must_give(0, chan_attr_setconsumers(attr, CHAN_SINGLE));
	must_give(0, chan_attr_getconsumers(attr, &side));
	must_eq(side, CHAN_SINGLE);
	for (chan_flavor_t i = 0; i <= MAX_FLAVORS; i++) {
		if (i != CHAN_FLAVOR_AUTO && chan_flavor_name(i) == NULL)
			continue;
		must_give(0, chan_attr_setflavor(attr, i));
		must_give(0, chan_attr_getflavor(attr, &flavor));
		must_eq(flavor, i);
	}
}

static void callbacks_come_back_as_set(chan_attr_t *attr)
{
	struct counting counting;
	chan_allocator_t table, back = { NULL, NULL, NULL };
	void (*destructor)(void *, void *) = NULL;
	void *arg = NULL;

	counting_init(&counting);
	table = counting_allocator(&counting);
	must_give(0, chan_attr_setallocator(attr, &table));
	must_give(0, chan_attr_getallocator(attr, &back));
	must(back.allocate == table.allocate && back.release == table.release && back.arg == &counting);
	must_give(0, chan_attr_setallocator(attr, NULL));
	must_give(0, chan_attr_getallocator(attr, &back));
	must(back.arg != &counting && back.allocate != table.allocate);
	must_give(0, chan_attr_setdestructor(attr, no_destructor, UNTOUCHED));
	must_give(0, chan_attr_getdestructor(attr, &destructor, &arg));
	must(destructor == no_destructor && arg == UNTOUCHED);
	must_give(0, chan_attr_setdestructor(attr, NULL, NULL));
	must_give(0, chan_attr_getdestructor(attr, &destructor, &arg));
	must(destructor == NULL);
}

static void what_is_set_is_what_is_got(const struct kind *k)
{
	chan_attr_t attr;

	(void)k;
	must_give(0, chan_attr_init(&attr));
	numbers_come_back_as_set(&attr);
	choices_come_back_as_set(&attr);
	callbacks_come_back_as_set(&attr);
	must_give(0, chan_attr_destroy(&attr));
}

static void every_setter_rejects(chan_attr_t *attr)
{
	struct counting counting;
	chan_allocator_t table;

	counting_init(&counting);
	table = counting_allocator(&counting);
	must_give(EINVAL, chan_attr_setcapacity(attr, 1));
	must_give(EINVAL, chan_attr_setflavor(attr, CHAN_FLAVOR_AUTO));
	must_give(EINVAL, chan_attr_setdestructor(attr, no_destructor, NULL));
	must_give(EINVAL, chan_attr_setoverflow(attr, CHAN_OVERFLOW_WAIT));
	must_give(EINVAL, chan_attr_setproducers(attr, CHAN_MANY));
	must_give(EINVAL, chan_attr_setconsumers(attr, CHAN_MANY));
	must_give(EINVAL, chan_attr_setspin(attr, 0));
	must_give(EINVAL, chan_attr_setallocator(attr, &table));
	must_give(EINVAL, chan_attr_setallocator(attr, NULL));
}

static void every_getter_rejects(const chan_attr_t *attr)
{
	size_t capacity = 77;
	int choice = 77;
	uint64_t spin = 77;
	void (*destructor)(void *, void *) = no_destructor;
	void *arg = UNTOUCHED;
	chan_allocator_t table = { NULL, NULL, UNTOUCHED };

	must_give(EINVAL, chan_attr_getcapacity(attr, &capacity));
	must_give(EINVAL, chan_attr_getflavor(attr, &choice));
	must_give(EINVAL, chan_attr_getoverflow(attr, &choice));
	must_give(EINVAL, chan_attr_getproducers(attr, &choice));
	must_give(EINVAL, chan_attr_getconsumers(attr, &choice));
	must_give(EINVAL, chan_attr_getspin(attr, &spin));
	must_give(EINVAL, chan_attr_getdestructor(attr, &destructor, &arg));
	must_give(EINVAL, chan_attr_getallocator(attr, &table));
	must(capacity == 77 && choice == 77 && spin == 77);
	must(destructor == no_destructor && arg == UNTOUCHED);
	must(table.allocate == NULL && table.arg == UNTOUCHED);
}

static void creation_rejects(const chan_attr_t *attr)
{
	chan_sender_t *tx = UNTOUCHED;
	chan_receiver_t *rx = UNTOUCHED;

	must_give(EINVAL, chan_create(attr, 8, &tx, &rx));
	must(tx == UNTOUCHED && (void *)rx == UNTOUCHED);
}

static void null_attributes_are_rejected(const struct kind *k)
{
	(void)k;
	must_give(EINVAL, chan_attr_init(NULL));
	must_give(EINVAL, chan_attr_destroy(NULL));
	every_setter_rejects(NULL);
	every_getter_rejects(NULL);
}

static void uninitialised_attributes_are_rejected(const struct kind *k)
{
	static const int rubbish[] = { 0x00, 0xff, 0xa5, 0x01 };
	chan_attr_t attr, before;

	(void)k;
	for (size_t i = 0; i < COUNT_OF(rubbish); i++) {
		memset(&attr, rubbish[i], sizeof(attr));
		before = attr;
		every_setter_rejects(&attr);
		every_getter_rejects(&attr);
		creation_rejects(&attr);
		must_give(EINVAL, chan_attr_destroy(&attr));
		must(memcmp(&attr, &before, sizeof(attr)) == 0);
	}
}

static void destroyed_attributes_are_rejected(const struct kind *k)
{
	chan_attr_t attr;

	(void)k;
	must_give(0, chan_attr_init(&attr));
	must_give(0, chan_attr_destroy(&attr));
	every_setter_rejects(&attr);
	every_getter_rejects(&attr);
	creation_rejects(&attr);
	must_give(0, chan_attr_init(&attr));
	must_give(0, chan_attr_setcapacity(&attr, 4));
	must_give(0, chan_attr_destroy(&attr));
}

static void getters_reject_null_outputs(const struct kind *k)
{
	chan_attr_t attr;
	void (*destructor)(void *, void *) = no_destructor;
	void *arg = UNTOUCHED;

	(void)k;
	must_give(0, chan_attr_init(&attr));
	must_give(EINVAL, chan_attr_getcapacity(&attr, NULL));
	must_give(EINVAL, chan_attr_getflavor(&attr, NULL));
	must_give(EINVAL, chan_attr_getoverflow(&attr, NULL));
	must_give(EINVAL, chan_attr_getproducers(&attr, NULL));
	must_give(EINVAL, chan_attr_getconsumers(&attr, NULL));
	must_give(EINVAL, chan_attr_getspin(&attr, NULL));
	must_give(EINVAL, chan_attr_getallocator(&attr, NULL));
	must_give(EINVAL, chan_attr_getdestructor(&attr, NULL, &arg));
	must_give(EINVAL, chan_attr_getdestructor(&attr, &destructor, NULL));
	must(destructor == no_destructor && arg == UNTOUCHED);
	must_give(0, chan_attr_destroy(&attr));
}

static void impossible_choices_are_rejected(chan_attr_t *attr)
{
	static const int wrong[] = { -1, 2, 77, INT_MIN, INT_MAX };

	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		must_give(EINVAL, chan_attr_setoverflow(attr, wrong[i]));
		must_give(EINVAL, chan_attr_setproducers(attr, wrong[i]));
		must_give(EINVAL, chan_attr_setconsumers(attr, wrong[i]));
	}
	must_give(EINVAL, chan_attr_setflavor(attr, -1));
	must_give(EINVAL, chan_attr_setflavor(attr, INT_MIN));
	must_give(EINVAL, chan_attr_setflavor(attr, INT_MAX));
	for (chan_flavor_t i = 1; i <= MAX_FLAVORS + 1000; i++)
		if (chan_flavor_name(i) == NULL)
			must_give(EINVAL, chan_attr_setflavor(attr, i));
}

static void impossible_values_change_nothing(const struct kind *k)
{
	chan_attr_t attr, before;
	chan_allocator_t half = { NULL, NULL, NULL };
	struct counting counting;

	(void)k;
	counting_init(&counting);
	must_give(0, chan_attr_init(&attr));
	must_give(0, chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST));
	before = attr;
	impossible_choices_are_rejected(&attr);
	must_give(EINVAL, chan_attr_setallocator(&attr, &half));
	half.allocate = counting_allocator(&counting).allocate;
	must_give(EINVAL, chan_attr_setallocator(&attr, &half));
	half.allocate = NULL;
	half.release = counting_allocator(&counting).release;
	must_give(EINVAL, chan_attr_setallocator(&attr, &half));
	must(memcmp(&attr, &before, sizeof(attr)) == 0);
	must_give(0, chan_attr_destroy(&attr));
}

/* Changing, reusing and destroying attributes leaves the channel alone. */
static void attributes_are_copied_at_creation(const struct kind *k)
{
	struct counting counting;
	chan_allocator_t table;
	chan_attr_t attr;
	struct ends e;

	counting_init(&counting);
	table = counting_allocator(&counting);
	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &table));
	memset(&table, 0, sizeof(table));
	must_give(0, chan_create(&attr, 8, &e.tx, &e.rx));
	must_give(0, chan_attr_setcapacity(&attr, 12345));
	must_give(0, chan_attr_setallocator(&attr, NULL));
	must_give(0, chan_attr_destroy(&attr));
	memset(&attr, 0xee, sizeof(attr));
	must(counting_blocks(&counting) >= 1);
	must(chan_capacity(chan_sender_channel(e.tx)) == k->capacity);
	ends_drop(&e);
	counting_must_balance(&counting);
}

/* ----------------------------------------------------------------- creation */

static void creation_rejects_null_outputs(const struct kind *k)
{
	chan_sender_t *tx = UNTOUCHED;
	chan_receiver_t *rx = UNTOUCHED;

	(void)k;
	must_give(EINVAL, chan_bounded(4, 8, NULL, &rx));
	must_give(EINVAL, chan_bounded(4, 8, &tx, NULL));
	must_give(EINVAL, chan_bounded(4, 8, NULL, NULL));
	must_give(EINVAL, chan_unbounded(8, NULL, &rx));
	must_give(EINVAL, chan_unbounded(8, &tx, NULL));
	must_give(EINVAL, chan_create(NULL, 8, NULL, &rx));
	must_give(EINVAL, chan_create(NULL, 8, &tx, NULL));
	must_give(EINVAL, chan_bounded(CHAN_UNBOUNDED, 8, &tx, &rx));
	must_give(EINVAL, chan_bounded(CHAN_UNBOUNDED, 0, &tx, &rx));
	must(tx == UNTOUCHED && (void *)rx == UNTOUCHED);
}

static void sizes_that_overflow_are_rejected(const struct kind *k)
{
	chan_sender_t *tx = UNTOUCHED;
	chan_receiver_t *rx = UNTOUCHED;

	(void)k;
	must_give(EOVERFLOW, chan_bounded(SIZE_MAX / 2, 4, &tx, &rx));
	must_give(EOVERFLOW, chan_bounded(SIZE_MAX - 1, 16, &tx, &rx));
	must_give(EOVERFLOW, chan_bounded(SIZE_MAX - 1, SIZE_MAX - 1, &tx, &rx));
	must_give(EOVERFLOW, chan_bounded(SIZE_MAX / 8 + 1, 8, &tx, &rx));
	must_give(EOVERFLOW, chan_bounded(1, SIZE_MAX, &tx, &rx));
	must_give(EOVERFLOW, chan_bounded(1, SIZE_MAX - 1, &tx, &rx));
	must_give(EOVERFLOW, chan_unbounded(SIZE_MAX, &tx, &rx));
	must(tx == UNTOUCHED && (void *)rx == UNTOUCHED);
}

/* More messages than there are bytes, so few more that the product wraps to next to
 * nothing, whatever a flavor adds to each message. */
static void products_that_wrap_are_rejected(chan_attr_t *attr)
{
	enum { BITS = sizeof(size_t) * 8 };
	chan_sender_t *tx = UNTOUCHED;
	chan_receiver_t *rx = UNTOUCHED;

	for (int shift = 2; shift <= BITS - 4; shift++)
		for (size_t less = 0; less < 64; less += 8) {
			size_t capacity = ((size_t)1 << shift) + 1, size = (size_t)1 << (BITS - shift);

			if (less > size / 2)
				continue; /* as a number it could be had */
			must_give(0, chan_attr_setcapacity(attr, capacity));
			must_give(EOVERFLOW, chan_create(attr, size - less, &tx, &rx));
		}
	must(tx == UNTOUCHED && (void *)rx == UNTOUCHED);
}

static void a_kind_rejects_sizes_that_overflow(const struct kind *k)
{
	chan_sender_t *tx = UNTOUCHED;
	chan_receiver_t *rx = UNTOUCHED;
	chan_attr_t attr;

	kind_attr(k, &attr);
	must_give(EOVERFLOW, chan_create(&attr, SIZE_MAX, &tx, &rx));
	if (!kind_is_unbounded(k)) {
		must_give(0, chan_attr_setcapacity(&attr, SIZE_MAX / 2));
		must_give(EOVERFLOW, chan_create(&attr, 4, &tx, &rx));
		must_give(0, chan_attr_setcapacity(&attr, SIZE_MAX - 1));
		must_give(EOVERFLOW, chan_create(&attr, 8, &tx, &rx));
		if (!k->one_message)
			products_that_wrap_are_rejected(&attr);
	}
	must(tx == UNTOUCHED && (void *)rx == UNTOUCHED);
	must_give(0, chan_attr_destroy(&attr));
}

/* What one line of the contract's table accepts. */
struct line {
	const char *flavor;
	bool zero, n, unbounded, unset;
	bool drop_n, drop_rest; /* drop-oldest with n, with the others it serves */
	size_t unset_means;
	bool only_one;          /* of the capacities n, 1 */
};

static int create_result(chan_flavor_t flavor, const size_t *capacity, bool drop_oldest,
                         chan_concurrency_t consumers, size_t *got)
{
	chan_sender_t *tx = UNTOUCHED;
	chan_receiver_t *rx = UNTOUCHED;
	chan_attr_t attr;
	int error;

	must_give(0, chan_attr_init(&attr));
	must_give(0, chan_attr_setflavor(&attr, flavor));
	must_give(0, chan_attr_setconsumers(&attr, consumers));
	if (capacity != NULL)
		must_give(0, chan_attr_setcapacity(&attr, *capacity));
	if (drop_oldest)
		must_give(0, chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST));
	errno = TEST_ERRNO;
	error = chan_create(&attr, 8, &tx, &rx);
	test_errno(__FILE__, __LINE__, "chan_create");
	must_give(0, chan_attr_destroy(&attr));
	if (error != 0) {
		must(tx == UNTOUCHED && (void *)rx == UNTOUCHED);
		return error;
	}
	if (got != NULL)
		*got = chan_capacity(chan_sender_channel(tx));
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
	return 0;
}

static int wanted(bool accepted)
{
	return accepted ? 0 : EINVAL;
}

static void check_line(const struct line *l, chan_flavor_t flavor)
{
	static const size_t zero = 0, one = 1, three = 3, unbounded = CHAN_UNBOUNDED;
	size_t capacity = 77;

	must_eq(create_result(flavor, &zero, false, CHAN_MANY, NULL), wanted(l->zero));
	must_eq(create_result(flavor, &one, false, CHAN_MANY, NULL), wanted(l->n || l->only_one));
	must_eq(create_result(flavor, &three, false, CHAN_MANY, NULL), wanted(l->n));
	must_eq(create_result(flavor, &unbounded, false, CHAN_MANY, NULL), wanted(l->unbounded));
	must_eq(create_result(flavor, NULL, false, CHAN_MANY, &capacity), wanted(l->unset));
	if (l->unset)
		must(capacity == l->unset_means);
	must_eq(create_result(flavor, &one, true, CHAN_MANY, NULL), wanted(l->drop_n));
	must_eq(create_result(flavor, &three, true, CHAN_MANY, NULL), wanted(l->drop_n));
	must_eq(create_result(flavor, &zero, true, CHAN_MANY, NULL), wanted(l->drop_rest));
	must_eq(create_result(flavor, &unbounded, true, CHAN_MANY, NULL), wanted(l->drop_rest));
	must_eq(create_result(flavor, NULL, true, CHAN_MANY, NULL), wanted(l->drop_rest));
	must_eq(create_result(flavor, &one, true, CHAN_SINGLE, NULL), EINVAL);
	must_eq(create_result(flavor, &three, true, CHAN_SINGLE, NULL), EINVAL);
}

static void flavors_accept_what_the_table_says(const struct kind *k)
{
	static const struct line lines[] = {
		{ "mutex_condvar", true,  true,  true,  true,  true,  false, CHAN_UNBOUNDED, false },
		{ "array",         false, true,  false, false, true,  false, 0, false },
		{ "list",          false, false, true,  true,  false, false, CHAN_UNBOUNDED, false },
		{ "zero",          true,  false, false, true,  false, false, 0, false },
		{ "oneshot",       false, false, false, true,  false, false, 1, true },
		{ "broadcast",     false, true,  false, false, true,  false, 0, false },
		{ "at",            false, false, false, false, false, false, 0, false },
		{ "tick",          false, false, false, false, false, false, 0, false },
		{ "never",         false, false, false, false, false, false, 0, false },
	};
	static const struct line automatic =
		{ "auto",          true,  true,  true,  true,  true,  false, CHAN_UNBOUNDED, false };

	(void)k;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		must(flavor_named(lines[i].flavor) != CHAN_FLAVOR_AUTO);
		check_line(&lines[i], flavor_named(lines[i].flavor));
	}
	check_line(&automatic, CHAN_FLAVOR_AUTO);
}

static void creation_without_attributes_is_unbounded(const struct kind *k)
{
	struct ends e;

	(void)k;
	must_give(0, chan_create(NULL, 8, &e.tx, &e.rx));
	e.c = chan_receiver_channel(e.rx);
	must(chan_capacity(e.c) == CHAN_UNBOUNDED);
	must(chan_flavor(e.c) != CHAN_FLAVOR_AUTO);
	ends_drop(&e);
	must_give(0, chan_unbounded(24, &e.tx, &e.rx));
	e.c = chan_receiver_channel(e.rx);
	must(chan_capacity(e.c) == CHAN_UNBOUNDED);
	must_eq(chan_msg_size(e.c), 24);
	ends_drop(&e);
}

static void bounded_has_the_capacity_asked_for(const struct kind *k)
{
	static const size_t capacities[] = { 0, 1, 2, 3, 5, 7, 8, 9, 1000 };
	struct ends e;

	(void)k;
	for (size_t i = 0; i < COUNT_OF(capacities); i++) {
		must_give(0, chan_bounded(capacities[i], 3, &e.tx, &e.rx));
		e.c = chan_sender_channel(e.tx);
		must_eq(chan_capacity(e.c), capacities[i]);
		must_eq(chan_msg_size(e.c), 3);
		must(chan_flavor_name(chan_flavor(e.c)) != NULL);
		ends_drop(&e);
	}
}

/* ---------------------------------------------- AUTO and its environment */

static const char *auto_choice(size_t capacity)
{
	chan_flavor_t flavor;
	chan_attr_t attr;
	struct ends e;

	must_give(0, chan_attr_init(&attr));
	must_give(0, chan_attr_setcapacity(&attr, capacity));
	e = attr_open(&attr, 8);
	flavor = chan_flavor(e.c);
	ends_drop(&e);
	return chan_flavor_name(flavor);
}

static const char *named_choice(const char *name, size_t capacity)
{
	chan_attr_t attr;
	struct ends e;
	chan_flavor_t flavor;

	must_give(0, chan_attr_init(&attr));
	must_give(0, chan_attr_setflavor(&attr, flavor_named(name)));
	must_give(0, chan_attr_setcapacity(&attr, capacity));
	e = attr_open(&attr, 8);
	flavor = chan_flavor(e.c);
	ends_drop(&e);
	return chan_flavor_name(flavor);
}

/* Beneath an emulator, with what it was called by. */
static void run_again(const char *self, const char *flavor, const char *capacity)
{
	if (getenv("CHAN_TEST_EMULATOR"))
		execl("/bin/sh", "sh", "-c", "exec $CHAN_TEST_EMULATOR \"$0\" --choice \"$1\" \"$2\"", self,
		      flavor, capacity, (char *)NULL);
	else
		execl(self, self, "--choice", flavor, capacity, (char *)NULL);
	_exit(255);
}

/* The environment is read once, so each question gets a fresh process, which
 * is this program with "--choice FLAVOR CAPACITY" and answers by its exit status. */
static chan_flavor_t choice_with(const char *environment, const char *flavor, size_t capacity)
{
	char text[32], self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int status = -1;
	pid_t child;

	must(length > 0);
	self[length] = '\0';
	snprintf(text, sizeof(text), "%zu", capacity);
	fflush(NULL);
	child = fork();
	must(child >= 0);
	if (child == 0) {
		if (environment != NULL)
			setenv("CHAN_FLAVOR", environment, 1);
		else
			unsetenv("CHAN_FLAVOR");
		run_again(self, flavor, text);
	}
	must(waitpid(child, &status, 0) == child);
	must(WIFEXITED(status) && WEXITSTATUS(status) != 255);
	return WEXITSTATUS(status);
}

static chan_flavor_t auto_choice_with(const char *environment, size_t capacity)
{
	return choice_with(environment, "auto", capacity);
}

/* What "auto as another user" asks is auto's choice in a process whose two user
 * identities differ, as those of a setuid program do. */
static int answer_choice(const char *flavor, const char *text)
{
	size_t capacity = (size_t)strtoull(text, NULL, 10);

	if (strcmp(flavor, "auto as another user") == 0)
		must_eq(setreuid(geteuid() + 1, (uid_t)-1), 0);
	else if (strcmp(flavor, "auto") != 0)
		return flavor_named(named_choice(flavor, capacity));
	return flavor_named(auto_choice(capacity));
}

static void auto_picks_by_capacity(const struct kind *k)
{
	(void)k;
	must_eq(auto_choice_with(NULL, 0), CHAN_FLAVOR_ZERO);
	must_eq(auto_choice_with(NULL, 1), CHAN_FLAVOR_ARRAY);
	must_eq(auto_choice_with(NULL, 1000), CHAN_FLAVOR_ARRAY);
	must_eq(auto_choice_with(NULL, CHAN_UNBOUNDED), CHAN_FLAVOR_LIST);
}

static void the_environment_replaces_the_choice_of_auto(const struct kind *k)
{
	(void)k;
	must_eq(auto_choice_with("mutex_condvar", 0), CHAN_FLAVOR_MUTEX_CONDVAR);
	must_eq(auto_choice_with("mutex_condvar", 5), CHAN_FLAVOR_MUTEX_CONDVAR);
	must_eq(auto_choice_with("mutex_condvar", CHAN_UNBOUNDED), CHAN_FLAVOR_MUTEX_CONDVAR);
	must_eq(auto_choice_with("array", CHAN_UNBOUNDED), CHAN_FLAVOR_LIST);
	must_eq(auto_choice_with("array", 0), CHAN_FLAVOR_ZERO);
	must_eq(auto_choice_with("list", 5), CHAN_FLAVOR_ARRAY);
	must_eq(auto_choice_with("zero", 5), CHAN_FLAVOR_ARRAY);
	must_eq(auto_choice_with("oneshot", 1), CHAN_FLAVOR_ARRAY);
	must_eq(auto_choice_with("broadcast", 5), CHAN_FLAVOR_ARRAY);
	must_eq(auto_choice_with("tick", 1), CHAN_FLAVOR_ARRAY);
	must_eq(auto_choice_with("never", 0), CHAN_FLAVOR_ZERO);
	must_eq(auto_choice_with("no such flavor", 5), CHAN_FLAVOR_ARRAY);
	must_eq(auto_choice_with("", 5), CHAN_FLAVOR_ARRAY);
}

/* Only root can make the identities differ without a setuid file. */
static void the_environment_of_another_user_is_not_read(const struct kind *k)
{
	(void)k;
	if (geteuid() == 0)
		must_eq(choice_with("mutex_condvar", "auto as another user", 5), CHAN_FLAVOR_ARRAY);
	must_eq(choice_with("mutex_condvar", "auto", 5), CHAN_FLAVOR_MUTEX_CONDVAR);
}

/* By a flavor that could serve in its place. */
static void the_environment_leaves_a_named_flavor_alone(const struct kind *k)
{
	const char *name = chan_flavor_name(k->flavor);
	const char *other = k->capacity == 0 ? "zero" : kind_is_unbounded(k) ? "list" : "array";

	must_eq(choice_with("mutex_condvar", name, k->capacity), k->flavor);
	must_eq(choice_with(other, name, k->capacity), k->flavor);
}

/* ------------------------------------------------------- arguments of calls */

static void null_handles_are_rejected(const struct kind *k)
{
	uint64_t m = 9;
	size_t count = 77;
	bool displaced = true;
	struct timespec when = { 0, 0 };

	(void)k;
	must_give(EINVAL, chan_send(NULL, &m));
	must_give(EINVAL, chan_try_send(NULL, &m));
	must_give(EINVAL, chan_send_timeout(NULL, &m, 0));
	must_give(EINVAL, chan_send_deadline(NULL, &m, &when));
	must_give(EINVAL, chan_send_deadline(NULL, &m, NULL));
	must_give(EINVAL, chan_force_send(NULL, &m, NULL, &displaced));
	must_give(EINVAL, chan_recv(NULL, &m));
	must_give(EINVAL, chan_try_recv(NULL, &m));
	must_give(EINVAL, chan_recv_timeout(NULL, &m, 0));
	must_give(EINVAL, chan_recv_deadline(NULL, &m, &when));
	must_give(EINVAL, chan_recv_deadline(NULL, &m, NULL));
	must(m == 9 && displaced);
	must_give(EINVAL, chan_send_many(NULL, &m, 1, &count));
	must_eq(count, 0);
	count = 77;
	must_give(EINVAL, chan_try_send_many(NULL, &m, 1, &count));
	must_eq(count, 0);
	count = 77;
	must_give(EINVAL, chan_recv_many(NULL, &m, 1, &count));
	must_eq(count, 0);
	count = 77;
	must_give(EINVAL, chan_try_recv_many(NULL, &m, 1, &count));
	must(count == 0 && m == 9);
}

static void dropping_null_does_nothing(const struct kind *k)
{
	(void)k;
	must_keep_errno(chan_sender_drop(NULL));
	must_keep_errno(chan_receiver_drop(NULL));
	must_keep_errno(chan_weak_sender_drop(NULL));
}

static void sends_of_null_are_rejected(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct timespec when = { 0, 0 };
	size_t count = 77;
	bool displaced = true;
	uint64_t other = 5;

	must_give(EINVAL, chan_send(e.tx, NULL));
	must_give(EINVAL, chan_try_send(e.tx, NULL));
	must_give(EINVAL, chan_send_timeout(e.tx, NULL, 0));
	must_give(EINVAL, chan_send_deadline(e.tx, NULL, &when));
	must_give(EINVAL, chan_send_many(e.tx, NULL, 2, &count));
	must_eq(count, 0);
	count = 77;
	must_give(EINVAL, chan_try_send_many(e.tx, NULL, 2, &count));
	must_eq(count, 0);
	if (k->consumers == CHAN_MANY)
		must_give(EINVAL, chan_force_send(e.tx, NULL, &other, &displaced));
	must(displaced && other == 5);
	must_eq(chan_len(e.c), 0);
	ends_drop(&e);
}

/* Arguments come first: also on a channel that is disconnected. */
static void arguments_come_before_disconnection(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct timespec bad = { 0, 1000000000 };
	uint64_t m = 9;

	must_keep_errno(chan_close(e.c));
	must_give(EINVAL, chan_send(e.tx, NULL));
	must_give(EINVAL, chan_try_send(e.tx, NULL));
	must_give(EINVAL, chan_send_deadline(e.tx, &m, &bad));
	must_give(EINVAL, chan_recv_deadline(e.rx, &m, &bad));
	must_give(EINVAL, chan_send_many(e.tx, &m, 1, NULL));
	must_give(EINVAL, chan_recv_many(e.rx, &m, 1, NULL));
	must_eq(m, 9);
	ends_drop(&e);
}

static void batches_need_a_count(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t m[2] = { 1, 2 };

	must_give(EINVAL, chan_send_many(e.tx, m, 2, NULL));
	must_give(EINVAL, chan_try_send_many(e.tx, m, 2, NULL));
	must_give(EINVAL, chan_recv_many(e.rx, m, 2, NULL));
	must_give(EINVAL, chan_try_recv_many(e.rx, m, 2, NULL));
	must_give(EINVAL, chan_send_many(e.tx, m, 0, NULL));
	must_give(EINVAL, chan_recv_many(e.rx, m, 0, NULL));
	must(m[0] == 1 && m[1] == 2 && chan_len(e.c) == 0);
	ends_drop(&e);
}

static void empty_batches_return_at_once(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t count;

	for (int closed = 0; closed < 2; closed++) {
		count = 77;
		must_give(0, chan_send_many(e.tx, NULL, 0, &count));
		must_eq(count, 0);
		count = 77;
		must_give(0, chan_try_send_many(e.tx, NULL, 0, &count));
		must_eq(count, 0);
		count = 77;
		must_give(0, chan_recv_many(e.rx, NULL, 0, &count));
		must_eq(count, 0);
		count = 77;
		must_give(0, chan_try_recv_many(e.rx, NULL, 0, &count));
		must_eq(count, 0);
		must_keep_errno(chan_close(e.c));
	}
	ends_drop(&e);
}

static void deadlines_need_a_valid_tv_nsec(const struct kind *k)
{
	static const long wrong[] = { -1, 1000000000, LONG_MAX, LONG_MIN };
	struct ends e = kind_open(k, 8);
	uint64_t m = 9;
	bool queued = k->capacity != 0;

	if (queued)
		must_give(0, chan_try_send(e.tx, &m));
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct timespec future = { 4000000000, wrong[i] }, past = { -5, wrong[i] };
		uint64_t got = 3;

		must_give(EINVAL, chan_send_deadline(e.tx, &m, &future));
		must_give(EINVAL, chan_send_deadline(e.tx, &m, &past));
		must_give(EINVAL, chan_recv_deadline(e.rx, &got, &future));
		must_give(EINVAL, chan_recv_deadline(e.rx, &got, &past));
		must(m == 9 && got == 3);
	}
	must_eq(chan_len(e.c), queued);
	ends_drop(&e);
}

static void force_send_needs_its_flag_when_it_displaces(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t m = 9, out = 5;

	must_give(EINVAL, chan_force_send(e.tx, &m, &out, NULL));
	must(m == 9 && out == 5 && chan_len(e.c) == 0);
	must_give(k->capacity ? 0 : EAGAIN, chan_force_send(e.tx, &m, NULL, NULL));
	ends_drop(&e);
}

static void force_send_is_refused_to_a_single_consumer(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t m = 9, out = 5;
	bool displaced = true;

	must_give(ENOTSUP, chan_force_send(e.tx, &m, &out, &displaced));
	must_give(ENOTSUP, chan_force_send(e.tx, &m, NULL, NULL));
	must(m == 9 && out == 5 && displaced && chan_len(e.c) == 0);
	ends_drop(&e);
}

/* ------------------------------------------------------------ chan_deadline */

static void a_deadline_is_now_plus_the_timeout(const struct kind *k)
{
	static const uint64_t timeouts[] = { 0, 1, 999999999, CHAN_SEC, 90 * CHAN_SEC + 5 };
	struct timespec when;

	(void)k;
	for (size_t i = 0; i < COUNT_OF(timeouts); i++) {
		uint64_t before = now_ns(), after, got;

		must_keep_errno(chan_deadline(timeouts[i], &when));
		after = now_ns();
		must(when.tv_nsec >= 0 && when.tv_nsec < 1000000000);
		got = (uint64_t)when.tv_sec * CHAN_SEC + (uint64_t)when.tv_nsec;
		must(got >= before + timeouts[i] && got <= after + timeouts[i]);
	}
}

static void a_deadline_saturates(const struct kind *k)
{
	static const uint64_t timeouts[] = { CHAN_FOREVER, CHAN_FOREVER - 1, UINT64_C(1) << 63 };
	struct timespec when, now;

	(void)k;
	clock_gettime(CLOCK_MONOTONIC, &now);
	for (size_t i = 0; i < COUNT_OF(timeouts); i++) {
		must_keep_errno(chan_deadline(timeouts[i], &when));
		must(when.tv_nsec >= 0 && when.tv_nsec < 1000000000);
		must(when.tv_sec >= now.tv_sec + 9000000000); /* 285 years */
	}
}

/* ------------------------------------------------------------------ channel */

static void a_fresh_channel_answers(const struct kind *k)
{
	struct ends e = kind_open(k, 24);

	must_keep_errno(must(chan_receiver_channel(e.rx) == e.c));
	must(chan_capacity(e.c) == k->capacity);
	must_eq(chan_flavor(e.c), k->flavor);
	must_eq(chan_msg_size(e.c), 24);
	must_eq(chan_len(e.c), 0);
	must(chan_is_empty(e.c));
	must_eq(chan_is_full(e.c), k->capacity == 0);
	must(!chan_is_disconnected(e.c));
	must_eq(chan_sender_count(e.c), 1);
	must_eq(chan_receiver_count(e.c), 1);
	must(chan_lost(e.c) == 0 && chan_receiver_lost(e.rx) == 0);
	must_eq(chan_receiver_len(e.rx), 0);
	ends_drop(&e);
}

static void queries_leave_errno_alone(const struct kind *k)
{
	struct ends e = kind_open(k, 24);
	chan_weak_sender_t *w;

	must_keep_errno(w = chan_sender_downgrade(e.tx));
	must_keep_errno(must(chan_len(e.c) == 0 && chan_capacity(e.c) == k->capacity));
	must_keep_errno(must(chan_is_empty(e.c) && chan_is_full(e.c) == (k->capacity == 0)));
	must_keep_errno(must(chan_msg_size(e.c) == 24 && !chan_is_disconnected(e.c)));
	must_keep_errno(must(chan_sender_count(e.c) == 1 && chan_receiver_count(e.c) == 1));
	must_keep_errno(must(chan_lost(e.c) == 0 && chan_receiver_lost(e.rx) == 0));
	must_keep_errno(must(chan_receiver_len(e.rx) == 0 && chan_flavor(e.c) == k->flavor));
	must_keep_errno(must(chan_weak_sender_channel(w) == e.c));
	must_keep_errno(chan_weak_sender_drop(w));
	must_keep_errno(chan_close(e.c));
	ends_drop(&e);
}

static void channels_are_told_apart(const struct kind *k)
{
	struct ends a = kind_open(k, 8), b = kind_open(k, 8);

	must(a.c != b.c);
	must(chan_receiver_channel(a.rx) == a.c && chan_receiver_channel(b.rx) == b.c);
	ends_drop(&a);
	ends_drop(&b);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(version_matches_the_header, RUNS_ONCE),
	BEHAVIOUR(flavor_names_are_unique_and_static, RUNS_ONCE),
	BEHAVIOUR(fresh_attributes_hold_the_defaults, RUNS_ONCE),
	BEHAVIOUR(what_is_set_is_what_is_got, RUNS_ONCE),
	BEHAVIOUR(null_attributes_are_rejected, RUNS_ONCE),
	BEHAVIOUR(uninitialised_attributes_are_rejected, RUNS_ONCE),
	BEHAVIOUR(destroyed_attributes_are_rejected, RUNS_ONCE),
	BEHAVIOUR(getters_reject_null_outputs, RUNS_ONCE),
	BEHAVIOUR(impossible_values_change_nothing, RUNS_ONCE),
	BEHAVIOUR(creation_rejects_null_outputs, RUNS_ONCE),
	BEHAVIOUR(sizes_that_overflow_are_rejected, RUNS_ONCE),
	BEHAVIOUR(flavors_accept_what_the_table_says, RUNS_ONCE),
	BEHAVIOUR(creation_without_attributes_is_unbounded, RUNS_ONCE),
	BEHAVIOUR(bounded_has_the_capacity_asked_for, RUNS_ONCE),
	BEHAVIOUR(auto_picks_by_capacity, RUNS_ONCE),
	BEHAVIOUR(the_environment_replaces_the_choice_of_auto, RUNS_ONCE),
	BEHAVIOUR(the_environment_of_another_user_is_not_read, RUNS_ONCE),
	BEHAVIOUR(null_handles_are_rejected, RUNS_ONCE),
	BEHAVIOUR(dropping_null_does_nothing, RUNS_ONCE),
	BEHAVIOUR(a_deadline_is_now_plus_the_timeout, RUNS_ONCE),
	BEHAVIOUR(a_deadline_saturates, RUNS_ONCE),
	BEHAVIOUR(attributes_are_copied_at_creation, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_kind_rejects_sizes_that_overflow, NEEDS_QUEUE),
	BEHAVIOUR(the_environment_leaves_a_named_flavor_alone, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_fresh_channel_answers, FITS_ONE_MESSAGE),
	BEHAVIOUR(queries_leave_errno_alone, FITS_ONE_MESSAGE),
	BEHAVIOUR(channels_are_told_apart, FITS_ONE_MESSAGE),
	BEHAVIOUR(sends_of_null_are_rejected, FITS_ONE_MESSAGE),
	BEHAVIOUR(arguments_come_before_disconnection, FITS_ONE_MESSAGE),
	BEHAVIOUR(batches_need_a_count, FITS_ONE_MESSAGE),
	BEHAVIOUR(empty_batches_return_at_once, FITS_ONE_MESSAGE),
	BEHAVIOUR(deadlines_need_a_valid_tv_nsec, FITS_ONE_MESSAGE),
	BEHAVIOUR(force_send_needs_its_flag_when_it_displaces, NEEDS_RECEIVERS | FITS_ONE_MESSAGE | NEEDS_FORCE),
	BEHAVIOUR(force_send_is_refused_to_a_single_consumer, NEEDS_SINGLE_RX | FITS_ONE_MESSAGE),
};

int main(int argc, char **argv)
{
	static struct kind kinds[MAX_KINDS];
	size_t n;

	if (argc == 4 && strcmp(argv[1], "--choice") == 0)
		return answer_choice(argv[2], argv[3]);
	n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);
	n += kind_discover(kinds + n, CHAN_SINGLE, CHAN_SINGLE);
	return matrix_run("api", behaviours, COUNT_OF(behaviours), kinds, n);
}
