/*
 * schedules.c - runs the scenarios under the scheduler
 *
 *	schedules [-lx] [-f FIRST] [-n SCHEDULES] [-s STRATEGY] [SCENARIO]...
 *	schedules --replay SEED STRATEGY SCENARIO
 *
 * Of each scenario whose name is given (none: of all), and by each strategy, so many
 * schedules, seeded from FIRST on; -l lists the scenarios.  A strategy ends at its
 * first failing schedule, -x everything.  --replay does one again, and shows every
 * step.  Exit status 1: one failed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios.h"
#include "world.h"

static const struct scenario *const lists[] = {
	select_scenarios, cast_scenarios, clocks_scenarios, events_scenarios, ends_scenarios
};

enum { SCENARIOS_MAX = 128 };

static struct scenario scenarios[SCENARIOS_MAX];
static int scenario_count;

static struct {
	bool list, stop;
	uint64_t first, number;
	const char *strategy;
	char **names;
	int name_count;
} asked = { .first = 1, .number = 1000 };

/* ---------------------------------------------------------------- telling them apart */

static struct {
	uint64_t *digests;
	size_t mask;
} seen;

static void seen_begin(uint64_t n)
{
	size_t size = 1024;

	while (size < 2 * n)
		size *= 2;
	free(seen.digests);
	seen.digests = calloc(size, sizeof(*seen.digests));
	seen.mask = size - 1;
	if (!seen.digests)
		abort();
}

/* True: not seen before. */
static bool seen_add(uint64_t digest)
{
	size_t i = (size_t)(digest ^ digest >> 32) & seen.mask;

	while (seen.digests[i] != 0 && seen.digests[i] != digest)
		i = (i + 1) & seen.mask;
	if (seen.digests[i] == digest)
		return false;
	seen.digests[i] = digest;
	return true;
}

/* ----------------------------------------------------------------------------- running */

/* The first few are run twice: what a seed does must be the same both times. */
static bool is_repeated(const struct scenario *s, enum strategy strategy, uint64_t seed, uint64_t digest)
{
	uint64_t again, steps;

	if (seed - asked.first >= 10)
		return true;
	if (sched_run(s, strategy, seed, false, &again, &steps) && again == digest)
		return true;
	printf("FAIL: %s, strategy %s, seed %llu: not the same again\n", s->name,
	       sched_strategies[strategy], (unsigned long long)seed);
	return false;
}

static bool run_strategy(const struct scenario *s, enum strategy strategy)
{
	uint64_t distinct = 0, total = 0, done = 0;
	bool ok = true;

	seen_begin(asked.number);
	while (ok && done < asked.number) {
		uint64_t digest, steps, seed = asked.first + done++;

		ok = sched_run(s, strategy, seed, false, &digest, &steps) &&
		     is_repeated(s, strategy, seed, digest);
		distinct += seen_add(digest);
		total += steps;
	}
	printf("%s: %-28s %-8s %9llu schedules %9llu distinct %12llu steps  seeds %llu-%llu\n",
	       ok ? "PASS" : "DONE", s->name, sched_strategies[strategy], (unsigned long long)done,
	       (unsigned long long)distinct, (unsigned long long)total, (unsigned long long)asked.first,
	       (unsigned long long)(asked.first + done - 1));
	fflush(stdout);
	return ok;
}

static bool wanted(const char *name)
{
	for (int i = 0; i < asked.name_count; i++)
		if (strcmp(name, asked.names[i]) == 0)
			return true;
	return asked.name_count == 0;
}

static int run_scenario(const struct scenario *s)
{
	int failed = 0;

	for (int i = 0; i < SCHED_STRATEGIES && !(asked.stop && failed); i++)
		if (!asked.strategy || strcmp(asked.strategy, sched_strategies[i]) == 0)
			failed += !run_strategy(s, (enum strategy)i);
	return failed;
}

static void add_scenario(const struct scenario *s)
{
	if (scenario_count == SCENARIOS_MAX)
		abort();
	scenarios[scenario_count++] = *s;
}

static void add_for_kind(const struct scenario *s, const struct kind *k)
{
	static char names[SCENARIOS_MAX][128];
	struct scenario named = *s;

	snprintf(names[scenario_count], sizeof(names[0]), "%.40s/%.47s", s->name, k->name);
	named.name = names[scenario_count];
	add_scenario(&named);
}

static void collect(void)
{
	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++)
		for (const struct scenario *s = lists[l]; s->name; s++)
			add_scenario(s);
	for (const struct scenario *s = kind_scenarios; s->name; s++)
		for (int k = 0; k < world_kind_count; k++)
			if (!world_kinds[k].subscribes)
				add_for_kind(s, &world_kinds[k]);
}

static const struct scenario *find(const char *name)
{
	for (int i = 0; i < scenario_count; i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	return NULL;
}

static int run_all(void)
{
	int failed = 0;

	for (int i = 0; i < asked.name_count; i++)
		if (!find(asked.names[i])) {
			fprintf(stderr, "schedules: there is no scenario %s\n", asked.names[i]);
			return 2;
		}
	for (int i = 0; i < scenario_count && !(asked.stop && failed); i++)
		if (asked.list)
			puts(scenarios[i].name);
		else if (wanted(scenarios[i].name))
			failed += run_scenario(&scenarios[i]);
	return failed > 0;
}

static int replay(const char *seed, const char *strategy, const char *name)
{
	const struct scenario *s = find(name);
	uint64_t digest, steps;

	for (int i = 0; s && i < SCHED_STRATEGIES; i++)
		if (strcmp(strategy, sched_strategies[i]) == 0)
			return !sched_run(s, (enum strategy)i, strtoull(seed, NULL, 10), true, &digest, &steps);
	fprintf(stderr, "schedules: no scenario or strategy of that name\n");
	return 2;
}

static bool parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *option = argv[i];

		if (option[0] != '-') {
			argv[asked.name_count++] = argv[i];
		} else if (strcmp(option, "-l") == 0) {
			asked.list = true;
		} else if (strcmp(option, "-x") == 0) {
			asked.stop = true;
		} else if (++i == argc) {
			return false;
		} else if (strcmp(option, "-f") == 0) {
			asked.first = strtoull(argv[i], NULL, 10);
		} else if (strcmp(option, "-n") == 0) {
			asked.number = strtoull(argv[i], NULL, 10);
		} else if (strcmp(option, "-s") == 0) {
			asked.strategy = argv[i];
		} else {
			return false;
		}
	}
	asked.names = argv;
	return true;
}

int main(int argc, char **argv)
{
	world_setup();
	collect();
	if (argc == 5 && strcmp(argv[1], "--replay") == 0)
		return replay(argv[2], argv[3], argv[4]);
	if (!parse(argc, argv)) {
		fprintf(stderr, "usage: schedules [-lx] [-f FIRST] [-n SCHEDULES] [-s STRATEGY] [SCENARIO]...\n"
		                "       schedules --replay SEED STRATEGY SCENARIO\n");
		return 2;
	}
	return run_all();
}
