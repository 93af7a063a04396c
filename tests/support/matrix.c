#include "support/matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "support/skips.h"
#include "support/tally.h"

enum { CASE_SECONDS = 60, RUN_SECONDS = 3600, MAX_CASES = 8192 };

enum verdict { SKIPPED, NOT_HERE, NOT_RUN, PASSED, FAILED };

struct test_case {
	const struct behaviour *behaviour;
	const struct kind *kind;
	const char *reason; /* why it is skipped, or NULL */
	enum verdict verdict;
	char name[128];
};

static struct test_case cases[MAX_CASES];
static size_t n_cases;

static bool holds_none(const struct kind *k)       { return k->capacity == 0; }
static bool holds_one_at_most(const struct kind *k) { return k->capacity <= 1; }
static bool is_bounded(const struct kind *k)       { return !kind_is_unbounded(k); }
static bool is_not_rendezvous(const struct kind *k) { return k->capacity != 0; }
static bool has_one_producer(const struct kind *k) { return k->producers == CHAN_SINGLE; }
static bool has_one_consumer(const struct kind *k) { return k->consumers == CHAN_SINGLE; }
static bool may_have_consumers(const struct kind *k) { return k->consumers == CHAN_MANY; }
static bool takes_one_message(const struct kind *k) { return k->one_message; }
static bool destroys_nothing(const struct kind *k) { return !k->destroys; }
static bool forces_nothing(const struct kind *k) { return !k->forces; }
static bool reports_losses(const struct kind *k) { return k->reports; }
static bool never_overwrites(const struct kind *k) { return !k->drop_oldest; }

static bool forks_only_when_idle(const struct kind *k)
{
	(void)k;
	return test_under_thread_sanitizer();
}

/* In the order in which they are named when several apply.  FITS_ONE_MESSAGE
 * stands for its opposite: most behaviours need more. */
static const struct {
	unsigned need;
	bool (*lacks)(const struct kind *k);
	const char *reason;
} lacks[] = {
	{ FITS_ONE_MESSAGE, takes_one_message,  "it takes one message in all" },
	{ NEEDS_QUEUE,      holds_none,         "a rendezvous queues no message" },
	{ NEEDS_LIMIT,      holds_none,         "a rendezvous queues no message" },
	{ NEEDS_LIMIT,      kind_is_unbounded,  "there is no limit to reach" },
	{ NEEDS_TWO,        holds_one_at_most,  "there is no room for two messages" },
	{ NEEDS_FULL,       kind_never_fills,   "a send never lacks space" },
	{ NEEDS_UNBOUNDED,  is_bounded,         "about channels without a limit" },
	{ NEEDS_RENDEZVOUS, is_not_rendezvous,  "about capacity 0" },
	{ NEEDS_SENDERS,    has_one_producer,   "a single producer is promised" },
	{ NEEDS_RECEIVERS,  has_one_consumer,   "a single consumer is promised" },
	{ NEEDS_SINGLE_RX,  may_have_consumers, "about the promise of a single consumer" },
	{ NEEDS_OVERWRITE,  never_overwrites,   "drop-oldest is not accepted, by contract" },
	{ NEEDS_OVERWRITE,  reports_losses,     "its receivers are told of what they lose" },
	{ NEEDS_DESTRUCTOR, destroys_nothing,   "a destructor is not accepted, by contract" },
	{ NEEDS_FORCE,      forces_nothing,     "chan_force_send is not accepted, by contract" },
	{ NEEDS_BUSY_FORK,  forks_only_when_idle, "ThreadSanitizer's own locks stay taken in the child of a busy process" },
};

static const char *why_skip(const struct behaviour *b, const struct kind *k)
{
	unsigned needs = b->needs ^ FITS_ONE_MESSAGE;

	for (size_t i = 0; i < COUNT_OF(lacks); i++)
		if ((needs & lacks[i].need) && lacks[i].lacks(k))
			return lacks[i].reason;
	return NULL;
}

/* Where CHAN_TEST_SKIPS='place...' is set, a line `place-BEHAVIOUR: reason` of tests/SKIPS says
 * that a behaviour cannot be seen there. */
static bool is_not_here(const struct behaviour *b, char *text, size_t size)
{
	const char *place = getenv("CHAN_TEST_SKIPS");
	char name[192];

	for (; place && *place != '\0'; place += strspn(place, " ")) {
		int length = (int)strcspn(place, " ");

		snprintf(name, sizeof(name), "%.*s-%s", length, place, b->name);
		if (skip_reason(name, text, size))
			return true;
		place += length;
	}
	return false;
}

/* For the person at the keyboard: CHAN_TEST_ONLY=text runs what has it in its name. */
static bool is_wanted(const struct test_case *t)
{
	const char *only = getenv("CHAN_TEST_ONLY");

	return only == NULL || strstr(t->name, only) != NULL;
}

static void add_case(const struct behaviour *b, const struct kind *k, bool not_here)
{
	struct test_case *t = &cases[n_cases];

	if (n_cases == MAX_CASES) {
		fprintf(stderr, "more than %d cases\n", MAX_CASES);
		exit(2);
	}
	t->behaviour = b;
	t->kind = k;
	t->reason = k ? why_skip(b, k) : NULL;
	t->verdict = t->reason ? SKIPPED : not_here ? NOT_HERE : NOT_RUN;
	snprintf(t->name, sizeof(t->name), "%s [%s]", b->name, k ? k->name : "once");
	if (is_wanted(t))
		n_cases++;
}

START_TEST(one_case)
{
	test_begin();
	cases[_i].behaviour->run(cases[_i].kind);
}
END_TEST

/* A long run of the stress program says how long. */
static double case_limit(void)
{
	const char *stress = getenv("CHAN_STRESS_SECONDS");

	return CASE_SECONDS + (stress ? strtod(stress, NULL) : 0);
}

/* A test case each, since only the name of a test case comes back with a result. */
static Suite *make_suite(const char *name)
{
	Suite *suite = suite_create(name);

	for (size_t i = 0; i < n_cases; i++) {
		TCase *tcase;

		if (cases[i].verdict != NOT_RUN)
			continue;
		tcase = tcase_create(cases[i].name);
		tcase_add_loop_test(tcase, one_case, (int)i, (int)i + 1);
		tcase_set_timeout(tcase, case_limit());
		suite_add_tcase(suite, tcase);
	}
	return suite;
}

static struct test_case *case_named(const char *name)
{
	for (size_t i = 0; i < n_cases; i++)
		if (strcmp(cases[i].name, name) == 0)
			return &cases[i];
	return NULL;
}

static void collect(SRunner *runner)
{
	int n = srunner_ntests_run(runner);
	TestResult **results = srunner_results(runner);

	for (int i = 0; i < n; i++) {
		struct test_case *t = case_named(tr_tcname(results[i]));

		if (t == NULL)
			continue;
		t->verdict = tr_rtype(results[i]) == CK_PASS ? PASSED : FAILED;
		if (t->verdict == FAILED)
			printf("FAIL: %s: %s\n", t->name, tr_msg(results[i]));
	}
	free(results);
}

static const struct test_case *case_of(const struct behaviour *b, const struct kind *k)
{
	for (size_t i = 0; i < n_cases; i++)
		if (cases[i].behaviour == b && cases[i].kind == k)
			return &cases[i];
	return NULL;
}

static const char *cell(const struct test_case *t)
{
	static const char *const words[] = { "skip", "skip", "none", "ok", "FAIL" };

	return t ? words[t->verdict] : "";
}

static const char *spaced(const char *name, char *text, size_t size)
{
	snprintf(text, size, "%s", name);
	for (char *p = text; *p; p++)
		if (*p == '_')
			*p = ' ';
	return text;
}

static void print_row(const struct behaviour *b, const struct kind *kinds, size_t n_kinds)
{
	char name[80];

	printf("  %-58.58s", spaced(b->name, name, sizeof(name)));
	if (b->needs & RUNS_ONCE)
		printf(" %s", cell(case_of(b, NULL)));
	for (size_t j = 0; j < n_kinds && !(b->needs & RUNS_ONCE); j++)
		printf(" %4s", cell(case_of(b, &kinds[j])));
	printf("\n");
}

/* One line a reason: which kinds (by their column) the behaviour skips. */
static void print_skips(const struct behaviour *b, const struct kind *kinds, size_t n_kinds)
{
	char name[80], text[256];

	if (is_not_here(b, text, sizeof(text)))
		printf("  skip: %s: %s\n", spaced(b->name, name, sizeof(name)), text);
	for (size_t i = 0; i < COUNT_OF(lacks); i++) {
		bool any = false;

		for (size_t j = 0; j < n_kinds; j++) {
			const struct test_case *t = case_of(b, &kinds[j]);

			if (t == NULL || t->reason != lacks[i].reason)
				continue;
			if (i > 0 && lacks[i].reason == lacks[i - 1].reason)
				continue;
			if (!any)
				printf("  skip: %s: %s:", spaced(b->name, name, sizeof(name)), lacks[i].reason);
			any = true;
			printf(" %zu", j + 1);
		}
		if (any)
			printf("\n");
	}
}

static void print_matrix(const char *suite, const struct behaviour *behaviours, size_t n_behaviours,
                         const struct kind *kinds, size_t n_kinds)
{
	printf("\n%s: %zu behaviours, %zu kinds of channel\n", suite, n_behaviours, n_kinds);
	for (size_t j = 0; j < n_kinds; j++)
		printf("  column %zu: %s\n", j + 1, kinds[j].name);
	printf("  %-58s", "");
	for (size_t j = 0; j < n_kinds; j++)
		printf(" %4zu", j + 1);
	printf("\n");
	for (size_t i = 0; i < n_behaviours; i++)
		print_row(&behaviours[i], kinds, n_kinds);
	for (size_t i = 0; i < n_behaviours; i++)
		print_skips(&behaviours[i], kinds, n_kinds);
}

/* A case that was to run and left no result counts as failed.  A behaviour that
 * a kind of channel cannot have is no case; the matrix says why. */
static int print_totals(const char *suite)
{
	struct tally tally = { 0, 0, 0 };
	size_t absent = 0;

	for (size_t i = 0; i < n_cases; i++) {
		tally.passed += cases[i].verdict == PASSED;
		absent += cases[i].verdict == SKIPPED;
		tally.skipped += cases[i].verdict == NOT_HERE;
		tally.failed += cases[i].verdict == FAILED || cases[i].verdict == NOT_RUN;
	}
	printf("%s: %zu passed, %zu failed, %zu skipped, %zu that there cannot be\n",
	       suite, tally.passed, tally.failed, tally.skipped, absent);
	tally_append(&tally);
	if (n_cases == 0 && getenv("CHAN_TEST_ONLY")) /* another matrix of the program has them */
		return EXIT_SUCCESS;
	return tally.failed == 0 && tally.passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int matrix_run(const char *suite, const struct behaviour *behaviours, size_t n_behaviours,
               const struct kind *kinds, size_t n_kinds)
{
	SRunner *runner;

	n_cases = 0;
	for (size_t i = 0; i < n_behaviours; i++) {
		char text[256];
		bool not_here = is_not_here(&behaviours[i], text, sizeof(text));

		if (behaviours[i].needs & RUNS_ONCE)
			add_case(&behaviours[i], NULL, not_here);
		for (size_t j = 0; j < n_kinds && !(behaviours[i].needs & RUNS_ONCE); j++)
			add_case(&behaviours[i], &kinds[j], not_here);
	}
	if (!test_forks())
		alarm(RUN_SECONDS); /* Check's own limit needs the fork */
	runner = srunner_create(make_suite(suite));
	srunner_run_all(runner, CK_SILENT);
	collect(runner);
	srunner_free(runner);
	print_matrix(suite, behaviours, n_behaviours, kinds, n_kinds);
	return print_totals(suite);
}
