/*
 * harness.c - the command line of an adapter, its cells, and the record
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "parties.h"

enum {
	DONE       = 0,
	WRONG      = 1,
	USAGE      = 2,
	CANNOT     = 77,
	HANG_AFTER = 120, /* seconds; a run takes about 0.3 */
	LINE       = 128  /* bytes: a cache line, and the one that is fetched with it */
};

static const char *program = "bench";

void bench_fail(const char *what, int error)
{
	fprintf(stderr, "%s: %s%s%s\n", program, what, error ? ": " : "", error ? strerror(error) : "");
	_exit(WRONG);
}

void bench_cannot(const char *why)
{
	fprintf(stderr, "%s: not to be had: %s\n", program, why);
	_exit(CANNOT);
}

void *bench_allocate(size_t size)
{
	void *p;

	size = (size + LINE) / LINE * LINE;
	bench_must(posix_memalign(&p, LINE, size), "memory");
	return memset(p, 0, size);
}

uint64_t bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --------------------------------------------------------------------- cells */

static const struct {
	const char *name;
	int         capacity;
} capacities[] = {
	{ "bounded0", 0 }, { "bounded1", 1 }, { "bounded128", 128 },
	{ "bounded", BENCH_FIT }, { "unbounded", BENCH_UNBOUNDED }
};

/* Those that are combined with each capacity that makes sense. */
static const char *const combined[] = {
	[BENCH_SEQ] = "seq", [BENCH_SPSC] = "spsc", [BENCH_SPMC] = "spmc", [BENCH_MPSC] = "mpsc", [BENCH_MPMC] = "mpmc",
	[BENCH_SELECT_RX] = "select_rx", [BENCH_SELECT_BOTH] = "select_both", [BENCH_PINGPONG] = "pingpong"
};

static const struct bench_cell others[] = {
	{ "oneshot",           BENCH_ONESHOT,   BENCH_ONCE },
	{ "oneshot_bounded1",  BENCH_ONESHOT,   1 },
	{ "create_bounded1",   BENCH_CREATE,    1 },
	{ "create_bounded128", BENCH_CREATE,    128 },
	{ "create_unbounded",  BENCH_CREATE,    BENCH_UNBOUNDED },
	{ "batch",             BENCH_BATCH,     128 },
	{ "broadcast",         BENCH_BROADCAST, 128 },
	{ "single",            BENCH_SINGLE,    128 },
	{ "loop",              BENCH_LOOP,      128 },
	{ "mixed",             BENCH_MIXED,     128 },
	{ "wake",              BENCH_WAKE,      128 },
	{ "select_idle",       BENCH_SELECT_IDLE, 128 },
	{ "sizes",             BENCH_SIZES,     128 },
	{ "bursts",            BENCH_BURSTS,    128 },
	{ "memory_bounded1",   BENCH_MEMORY,    1 },
	{ "memory_unbounded",  BENCH_MEMORY,    BENCH_UNBOUNDED }
};

enum {
	N_CAPACITIES = sizeof(capacities) / sizeof(*capacities),
	N_COMBINED   = sizeof(combined) / sizeof(*combined),
	N_OTHERS     = sizeof(others) / sizeof(*others),
	N_CELLS      = N_CAPACITIES * N_COMBINED + N_OTHERS
};

bool bench_is_plain(const struct bench_cell *c)
{
	return c->scenario <= BENCH_MPMC || c->scenario == BENCH_PINGPONG || c->scenario == BENCH_WAKE ||
	       c->scenario == BENCH_BURSTS || c->scenario == BENCH_MEMORY;
}

/* seq needs room for everything; pingpong has one message in flight, so that
 * more room than 128 would show nothing new. */
static bool makes_sense(int capacity, enum bench_scenario s)
{
	if (s == BENCH_SEQ)
		return capacity < 0;
	return s != BENCH_PINGPONG || capacity != BENCH_FIT;
}

static size_t all_cells(struct bench_cell *cells)
{
	size_t n = 0;

	for (size_t c = 0; c < N_CAPACITIES; c++)
		for (int s = 0; s < N_COMBINED; s++) {
			struct bench_cell *cell = &cells[n];

			if (!makes_sense(capacities[c].capacity, (enum bench_scenario)s))
				continue;
			snprintf(cell->name, sizeof(cell->name), "%s_%s", capacities[c].name, combined[s]);
			cell->scenario = (enum bench_scenario)s;
			cell->capacity = capacities[c].capacity;
			n++;
		}
	memcpy(&cells[n], others, sizeof(others));
	return n + N_OTHERS;
}

static void list(const struct bench_adapter *a)
{
	struct bench_cell cells[N_CELLS];
	size_t n = all_cells(cells);

	for (size_t c = 0; c < n; c++)
		for (size_t i = 0; i < a->n_impls; i++)
			if (a->impls[i].serves(&a->impls[i], &cells[c]))
				printf("%s %s\n", cells[c].name, a->impls[i].name);
}

static bool find_cell(const char *name, struct bench_cell *found)
{
	struct bench_cell cells[N_CELLS];

	for (size_t c = 0, n = all_cells(cells); c < n; c++)
		if (!strcmp(name, cells[c].name)) {
			*found = cells[c];
			return true;
		}
	return false;
}

/* -------------------------------------------------------------------- a record */

static bool has_side(const struct bench_run *r)
{
	enum bench_scenario s = r->cell.scenario;

	return s == BENCH_SPMC || s == BENCH_MPSC || s == BENCH_MPMC || s == BENCH_SELECT_BOTH;
}

static bool has_width(const struct bench_run *r)
{
	enum bench_scenario s = r->cell.scenario;

	return s == BENCH_SELECT_RX || s == BENCH_SELECT_BOTH || s == BENCH_SELECT_IDLE || s == BENCH_BROADCAST;
}

/* The least sample that is no less than this share of them. */
static uint64_t percentile(const uint64_t *sorted, uint64_t n, unsigned per_thousand)
{
	uint64_t rank = (n * per_thousand + 999) / 1000;

	return sorted[rank ? rank - 1 : 0];
}

static void print_latency(const uint64_t *sorted, uint64_t n)
{
	printf(",\"latency_ns\":{\"samples\":%" PRIu64 ",\"p50\":%" PRIu64 ",\"p90\":%" PRIu64
		",\"p99\":%" PRIu64 ",\"p999\":%" PRIu64 ",\"max\":%" PRIu64 "}",
		n, percentile(sorted, n, 500), percentile(sorted, n, 900), percentile(sorted, n, 990),
		percentile(sorted, n, 999), sorted[n - 1]);
}

static void print_record(const struct bench_run *r, const char *version, const struct bench_outcome *o)
{
	const struct bench_cost *c = &o->cost;
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	printf("{\"cell\":\"%s\",\"impl\":\"%s\",\"version\":\"%s\",\"messages\":%" PRIu64
		",\"threads\":%u,\"size\":%zu,\"width\":%u,\"wall_ns\":%" PRIu64 ",\"user_ns\":%" PRIu64
		",\"system_ns\":%" PRIu64 ",\"voluntary\":%" PRIu64 ",\"involuntary\":%" PRIu64 ",\"peak_kib\":%ld",
		r->cell.name, r->impl->name, version, r->messages, has_side(r) ? r->threads : 1, r->size,
		has_width(r) ? r->width : 1, c->wall, c->user, c->system, c->voluntary, c->involuntary, u.ru_maxrss);
	if (o->latency)
		print_latency(o->latency, o->samples);
	if (r->cell.scenario == BENCH_MEMORY)
		printf(",\"heap_bytes\":%zu", o->heap);
	puts("}");
	if (fflush(stdout))
		bench_fail("the record could not be written", errno);
}

/* -------------------------------------------------------------- command line */

static void usage(void)
{
	fprintf(stderr,
	        "usage: %s --list\n"
	        "       %s [OPTION...] CELL MESSAGES\n"
	        "--impl NAME    which of those that --list names for the cell\n"
	        "--threads N    of a side that has several (4)\n"
	        "--size BYTES   of a message (8)\n"
	        "--width N      channels of a select, subscriptions of a broadcast (4)\n",
	        program, program);
	exit(USAGE);
}

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = text ? strtoull(text, &end, 10) : 0;
	if (!text || *text < '0' || *text > '9' || *end || errno || n < least || n > most)
		usage();
	return n;
}

/* Takes the options, and returns how many arguments they were. */
static int options(char **argv, struct bench_run *r, const char **impl)
{
	int i;

	for (i = 1; argv[i] && argv[i][0] == '-'; i += 2)
		if (!strcmp(argv[i], "--impl") && argv[i + 1])
			*impl = argv[i + 1];
		else if (!strcmp(argv[i], "--threads"))
			r->threads = (unsigned)number(argv[i + 1], 1, BENCH_MAX_SENDERS);
		else if (!strcmp(argv[i], "--width"))
			r->width = (unsigned)number(argv[i + 1], 1, BENCH_MAX_SENDERS);
		else if (!strcmp(argv[i], "--size"))
			r->size = (size_t)number(argv[i + 1], 0, 1 << 20);
		else
			usage();
	return i;
}

/* The implementation of that name, or the first that serves. */
static const struct bench_impl *choose(const struct bench_adapter *a, const struct bench_cell *cell, const char *name)
{
	bool known = false;

	for (size_t i = 0; i < a->n_impls; i++) {
		if (name && strcmp(name, a->impls[i].name))
			continue;
		known = true;
		if (a->impls[i].serves(&a->impls[i], cell))
			return &a->impls[i];
	}
	if (!known)
		usage();
	bench_cannot("it does not serve this cell");
}

static size_t capacity_of(const struct bench_run *r)
{
	switch (r->cell.capacity) {
	case BENCH_FIT:
		return (size_t)r->messages;
	case BENCH_UNBOUNDED:
		return SIZE_MAX;
	case BENCH_ONCE:
		return 1;
	default:
		return (size_t)r->cell.capacity;
	}
}

/* Where making them is what is measured, the parties do it. */
static bool opens_before(const struct bench_run *r)
{
	return r->channels && r->cell.scenario != BENCH_MEMORY;
}

static void run(struct bench_run *r, const char *version)
{
	struct bench_outcome outcome;
	unsigned parts = bench_parts(r);

	r->works = r->impl->works(r->size);
	if (!r->works)
		bench_cannot("messages of this size");
	r->messages = (r->messages + parts - 1) / parts * parts;
	r->capacity = capacity_of(r);
	r->channels = bench_channels(r);
	if (r->channels)
		r->ends = bench_allocate(r->channels * sizeof(*r->ends));
	if (opens_before(r))
		r->impl->open(r);
	outcome = bench_time(r);
	if (opens_before(r) && !r->impl->close(r))
		bench_fail("messages are left over", 0);
	print_record(r, version, &outcome);
	free(outcome.latency);
	free(r->ends);
}

int bench_main(int argc, char **argv, const struct bench_adapter *a)
{
	struct bench_run r = { .threads = 4, .width = 4, .size = 8 };
	const char *impl = NULL;
	int first;

	program = a->program;
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		list(a);
		return fflush(stdout) ? WRONG : DONE;
	}
	first = options(argv, &r, &impl);
	if (argc - first != 2 || !find_cell(argv[first], &r.cell))
		usage();
	r.messages = number(argv[first + 1], 1, UINT32_MAX);
	r.impl = choose(a, &r.cell, impl);
	alarm(HANG_AFTER);
	run(&r, a->version);
	return DONE;
}
