/*
 * histories - runs every kind of channel, writes down each call, and judges what was
 * written
 *
 *	histories [-n MESSAGES] [-s SEED]     that many messages of each flavor
 *	histories -c                          the spoilt histories of the table, as text
 *	histories -w WINDOWS [-s SEED]        small histories of each kind, as text
 *
 * The text is for the other judge; see windows.h.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "histories/player.h"
#include "histories/windows.h"
#include "support/tally.h"

enum {
	MOST_IN_ROUND = 65536, /* messages, so that memory stays bounded */
	LEAST_ROUNDS  = 6,     /* of each kind and shape: endings, sizes, lanes vary */
	PATIENCE      = 120,   /* seconds without the end of a round: it hangs */
	NEWS          = 30     /* seconds between lines on a long run */
};

static const struct shape shapes[] = {
	{ "1P1C", 1, 1 }, { "2P1C", 2, 1 }, { "1P2C", 1, 2 }, { "4P4C", 4, 4 }
};

static struct subject subjects[MOST_SUBJECTS];
static size_t n_subjects;
static struct tally tally;
static uint64_t base_seed, rounds;
static char playing[128];

/* ------------------------------------------------------------------ what goes on */

static void say_hang(int signal)
{
	static const char text[] = "a round does not end: ";

	(void)signal;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)!write(STDERR_FILENO, playing, strlen(playing));
	(void)!write(STDERR_FILENO, "\n", 1);
	abort();
}

/* The seed of the next round. */
static uint64_t next_round(const struct subject *s, const char *shape)
{
	struct dice dice = { base_seed + rounds++ };
	uint64_t seed = dice_number(&dice);

	snprintf(playing, sizeof(playing), "%s %s, round %" PRIu64 " of seed %" PRIu64, s->name, shape,
	         rounds - 1, base_seed);
	alarm(PATIENCE);
	return seed;
}

static const char *flavor_of(const struct subject *s)
{
	return chan_flavor_name(s->kind.flavor);
}

/* ---------------------------------------------------------------------- judging */

static void judge_all(const struct history *h, size_t channels, struct verdict *sum)
{
	for (size_t i = 0; i < channels; i++) {
		struct verdict v = { .messages = 0 };

		judge(h, (uint16_t)i, &v);
		if (verdict_found(&v) > 0 && verdict_found(sum) == 0)
			printf("%s: %s\n", playing, v.first);
		verdict_add(sum, &v);
	}
}

static void judge_one(const struct history *h, void *sum)
{
	judge_all(h, 1, sum);
}

static void play_round(const struct subject *s, const struct shape *shape, size_t messages,
                       struct notebook *nb, struct verdict *sum, bool spoil)
{
	uint64_t seed = next_round(s, shape->name);
	struct history h;
	size_t channels, cases, wrong;

	if (s->kind.one_message) {
		play_once_each(s, shape, messages, seed, nb, judge_one, sum);
		return;
	}
	channels = play(s, shape, messages, seed, nb, &h);
	judge_all(&h, channels, sum);
	if (!spoil)
		return;
	wrong = corrupt_real(&h, 0, &cases);
	tally.passed += cases - wrong;
	tally.failed += wrong;
}

/* Each pattern that could have been found here is a case. */
static void count_cases(const struct verdict *v)
{
	for (int i = 0; i < PATTERNS; i++) {
		tally.passed += v->judged[i] > 0 && v->found[i] == 0;
		tally.failed += v->found[i] > 0;
	}
}

static void print_verdict(const char *name, const char *shape, const struct verdict *v)
{
	printf("%s: %s %s: %" PRIu64 " messages, %" PRIu64 " calls, %" PRIu64 " refusals, %" PRIu64 " excused\n",
	       verdict_found(v) ? "FAIL" : "PASS", name, shape, v->messages, v->operations, v->refusals, v->excused);
	for (int i = 0; i < PATTERNS; i++)
		if (v->found[i])
			printf("  | %s: %" PRIu64 "\n", pattern_names[i], v->found[i]);
	fflush(stdout);
}

static void say_progress(const struct subject *s, const char *shape, uint64_t done, uint64_t asked)
{
	static uint64_t last;
	uint64_t now = now_ns();

	if (last == 0)
		last = now;
	if (now - last < NEWS * CHAN_SEC)
		return;
	last = now;
	printf("... %s %s: %" PRIu64 " of %" PRIu64 " messages\n", s->name, shape, done, asked);
	fflush(stdout);
}

static void judge_shape(const struct subject *s, const struct shape *shape, uint64_t asked,
                        struct notebook *nb, struct verdict *flavor)
{
	uint64_t in_round = asked / LEAST_ROUNDS + 64;
	struct verdict sum = { .messages = 0 };

	if (in_round > MOST_IN_ROUND)
		in_round = MOST_IN_ROUND;
	while (sum.messages < asked && verdict_found(&sum) == 0) {
		play_round(s, shape, (size_t)in_round, nb, &sum, sum.operations == 0);
		say_progress(s, shape->name, sum.messages, asked);
	}
	count_cases(&sum);
	print_verdict(s->name, shape->name, &sum);
	verdict_add(flavor, &sum);
}

static size_t kinds_of(const struct subject *s)
{
	size_t n = 0;

	for (size_t i = 0; i < n_subjects; i++)
		n += subjects[i].kind.flavor == s->kind.flavor;
	return n;
}

/* The messages asked for are shared out among the capacities and shapes of a flavor. */
static uint64_t judge_flavor(const struct subject *s, uint64_t asked, struct notebook *nb)
{
	size_t n = kinds_of(s);
	uint64_t each = asked / (n * COUNT_OF(shapes)) + 1;
	struct verdict sum = { .messages = 0 };

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < COUNT_OF(shapes); j++)
			judge_shape(&s[i], &shapes[j], each, nb, &sum);
	printf("%s: %" PRIu64 " messages judged\n", flavor_of(s), sum.messages);
	fflush(stdout);
	return sum.messages;
}

/* What was judged, and of the flavor with the least how much. */
static int judge_everything(uint64_t asked)
{
	static struct notebook nb;
	uint64_t began = now_ns(), total = 0, least = UINT64_MAX;
	size_t flavors = 0, wrong, cases;

	notebook_init(&nb, asked / LEAST_ROUNDS + 64 < MOST_IN_ROUND ? (size_t)asked / LEAST_ROUNDS + 64 : MOST_IN_ROUND);
	wrong = corrupt_table(NULL, &cases);
	tally.passed += cases - wrong;
	tally.failed += wrong;
	printf("%s: %zu histories of the table are told apart\n", wrong ? "FAIL" : "PASS", cases);
	for (size_t i = 0; i < n_subjects; i += kinds_of(&subjects[i]), flavors++) {
		uint64_t judged = judge_flavor(&subjects[i], asked, &nb);

		total += judged;
		if (judged < least)
			least = judged;
	}
	notebook_free(&nb);
	tally_append(&tally);
	printf("%" PRIu64 " messages of %zu flavors, seed %" PRIu64 ", %.0f s: %zu cases passed, %zu failed\n",
	       total, flavors, base_seed, (double)(now_ns() - began) / 1e9, tally.passed, tally.failed);
	printf("least %" PRIu64 "\n", least);
	return tally.failed > 0;
}

/* ----------------------------------------------------------------------- windows */

struct printing {
	const struct subject *subject;
	size_t wrong;
};

static void print_window(const struct history *h, void *arg)
{
	struct printing *p = arg;
	struct verdict v = { .messages = 0 };

	judge(h, 0, &v);
	if (verdict_found(&v) > 0) {
		fprintf(stderr, "%s: %s\n", playing, v.first);
		p->wrong++;
	}
	window_print(stdout, h, p->subject->name, true);
}

/* A rendezvous is two calls at one instant, and losses are nobody's call: the model has
 * neither. */
static bool can_be_modelled(const struct subject *s)
{
	return s->kind.capacity != 0 && !(s->drops && s->subscribes);
}

static int print_windows(size_t n)
{
	static struct notebook nb;
	size_t wrong = 0;

	notebook_init(&nb, WINDOW_THREADS * WINDOW_EACH);
	for (size_t i = 0; i < n_subjects; i++) {
		struct printing p = { &subjects[i], 0 };

		if (!can_be_modelled(&subjects[i]))
			continue;
		play_windows(&subjects[i], n, next_round(&subjects[i], "window"), &nb, print_window, &p);
		wrong += p.wrong;
	}
	notebook_free(&nb);
	return wrong > 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: histories [-n MESSAGES | -w WINDOWS | -c] [-s SEED]\n");
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t messages = 1000000;
	size_t windows = 0, cases;
	bool table = false;
	int option;

	/* There is no runner of Check here: a failed check ends the program. */
	setenv("CK_FORK", "no", 1);
	signal(SIGALRM, say_hang);
	base_seed = now_ns();
	while ((option = getopt(argc, argv, "n:w:s:c")) != -1) {
		switch (option) {
		case 'n': messages = strtoull(optarg, NULL, 10); break;
		case 'w': windows = (size_t)strtoull(optarg, NULL, 10); break;
		case 's': base_seed = strtoull(optarg, NULL, 10); break;
		case 'c': table = true; break;
		default:  return usage();
		}
	}
	if (table)
		return corrupt_table(stdout, &cases) > 0;
	n_subjects = subjects_find(subjects);
	return windows > 0 ? print_windows(windows) : judge_everything(messages);
}
