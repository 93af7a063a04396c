/*
 * chan_bench.c - times one cell of the benchmark
 *
 * A cell is a capacity and a scenario: `bounded128_mpsc`.  The scenarios are
 * those of crossbeam's own benchmark program, and every adapter under peers/
 * takes the same command line and does the same work.
 *
 *   bounded0, bounded1, bounded128   that capacity
 *   bounded                          every message of the run fits
 *   unbounded                        no limit
 *
 *   seq        one thread sends everything, then receives everything
 *   spsc       a thread sends, the main thread receives
 *   mpsc       four threads send, the main thread receives
 *   mpmc       four threads send, four others receive
 *   pingpong   the main thread sends and awaits the answer of another thread,
 *              over two channels; a "message" is one round trip
 *
 * Messages are 8 bytes.  The clock runs from the moment when every thread is
 * ready to the last join; creation and destruction are outside.  What was
 * received is added up and compared, and nothing may be left over.
 *
 * Prints one line: cell, implementation, messages, nanoseconds of wall time,
 * nanoseconds of user and system time.  Exit status 77: the flavor asked for
 * cannot serve this cell.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <chan.h>

enum {
	SIDE       = 4,            /* threads of a side that has several */
	PARTIES    = 1 + 2 * SIDE, /* the main thread included */
	FIT        = -1,           /* the capacities that are no number */
	UNLIMITED  = -2,
	HANG_AFTER = 120,          /* seconds; a run takes about 0.2 */
	CANNOT     = 77
};

static void fail(const char *what, int error)
{
	fprintf(stderr, "chan_bench: %s%s%s\n", what, error ? ": " : "", error ? strerror(error) : "");
	exit(1);
}

static void must(int error, const char *what)
{
	if (error)
		fail(what, error);
}

/* ------------------------------------------------------------------ the gate */

/* Holds every thread until all are there and the clock has been read. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t  changed;
	unsigned        waiting;
	bool            open;
};

struct instant {
	uint64_t wall;
	uint64_t cpu; /* of all threads of this process, user and system */
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * CHAN_SEC + (uint64_t)t.tv_nsec;
}

static struct instant now(void)
{
	return (struct instant) { clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_PROCESS_CPUTIME_ID) };
}

static void gate_wait(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->waiting++;
	pthread_cond_broadcast(&g->changed);
	while (!g->open)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

/* Lets n threads go, once all of them wait; returns when that was. */
static struct instant gate_open(struct gate *g, unsigned n)
{
	struct instant start;

	pthread_mutex_lock(&g->lock);
	while (g->waiting < n)
		pthread_cond_wait(&g->changed, &g->lock);
	start = now();
	g->open = true;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
	return start;
}

/* ------------------------------------------------------------------- parties */

struct channel {
	chan_sender_t   *tx;
	chan_receiver_t *rx;
};

/* What one thread does: party 0 is the main thread. */
struct party {
	void           (*work)(struct party *);
	chan_sender_t   *tx;
	chan_receiver_t *rx;
	uint64_t         first; /* of the values it sends, in ascending order */
	uint64_t         count; /* of messages it sends, receives, or both */
	uint64_t         sum;   /* of what it received */
	struct gate     *gate;
	pthread_t        thread;
};

static uint64_t receive(chan_receiver_t *rx)
{
	uint64_t value;

	must(chan_recv(rx, &value), "chan_recv");
	return value;
}

static void send_value(chan_sender_t *tx, uint64_t value)
{
	must(chan_send(tx, &value), "chan_send");
}

static void sending(struct party *p)
{
	uint64_t end = p->first + p->count;

	for (uint64_t value = p->first; value < end; value++)
		send_value(p->tx, value);
}

static void receiving(struct party *p)
{
	uint64_t sum = 0;

	for (uint64_t n = p->count; n > 0; n--)
		sum += receive(p->rx);
	p->sum = sum;
}

static void sending_then_receiving(struct party *p)
{
	sending(p);
	receiving(p);
}

static void calling(struct party *p)
{
	uint64_t sum = 0;

	for (uint64_t value = 0; value < p->count; value++) {
		send_value(p->tx, value);
		sum += receive(p->rx);
	}
	p->sum = sum;
}

static void answering(struct party *p)
{
	uint64_t sum = 0;

	for (uint64_t n = p->count; n > 0; n--) {
		uint64_t value = receive(p->rx);

		send_value(p->tx, value);
		sum += value;
	}
	p->sum = sum;
}

static void only_waiting(struct party *p)
{
	(void)p;
}

static void *party_main(void *arg)
{
	struct party *p = arg;

	gate_wait(p->gate);
	p->work(p);
	return NULL;
}

/* --------------------------------------------------------------------- a run */

struct run {
	const char   *flavor;   /* NULL: the library's choice */
	int           capacity; /* or FIT, UNLIMITED */
	uint64_t      messages;
	struct channel there, back;
	struct party  party[PARTIES];
	unsigned      parties;
	unsigned      receipts; /* how often each value is received */
};

static void add(struct run *r, void (*work)(struct party *), uint64_t first, uint64_t count)
{
	r->party[r->parties++] = (struct party) {
		.work = work, .tx = r->there.tx, .rx = r->there.rx, .first = first, .count = count
	};
}

static void add_senders(struct run *r, unsigned n)
{
	uint64_t each = r->messages / n;

	for (unsigned i = 0; i < n; i++)
		add(r, sending, i * each, each);
}

static void seq(struct run *r)
{
	add(r, sending_then_receiving, 0, r->messages);
}

static void spsc(struct run *r)
{
	add(r, receiving, 0, r->messages);
	add_senders(r, 1);
}

static void mpsc(struct run *r)
{
	add(r, receiving, 0, r->messages);
	add_senders(r, SIDE);
}

static void mpmc(struct run *r)
{
	add(r, only_waiting, 0, 0);
	add_senders(r, SIDE);
	for (unsigned i = 0; i < SIDE; i++)
		add(r, receiving, 0, r->messages / SIDE);
}

static void pingpong(struct run *r)
{
	add(r, calling, 0, r->messages);
	r->party[0].rx = r->back.rx;
	add(r, answering, 0, r->messages);
	r->party[1].tx = r->back.tx;
	r->receipts = 2;
}

static chan_flavor_t flavor_by_name(const char *name)
{
	const char *known;

	for (chan_flavor_t f = CHAN_FLAVOR_AUTO + 1; (known = chan_flavor_name(f)); f++)
		if (!strcmp(name, known))
			return f;
	fprintf(stderr, "chan_bench: no flavor is called %s\n", name);
	exit(2);
}

static size_t capacity_of(const struct run *r)
{
	if (r->capacity == FIT)
		return (size_t)r->messages;
	return r->capacity == UNLIMITED ? CHAN_UNBOUNDED : (size_t)r->capacity;
}

static int create_flavored(const struct run *r, struct channel *c)
{
	chan_attr_t attr;
	int error;

	must(chan_attr_init(&attr), "chan_attr_init");
	must(chan_attr_setflavor(&attr, flavor_by_name(r->flavor)), "chan_attr_setflavor");
	must(chan_attr_setcapacity(&attr, capacity_of(r)), "chan_attr_setcapacity");
	error = chan_create(&attr, sizeof(uint64_t), &c->tx, &c->rx);
	chan_attr_destroy(&attr);
	return error;
}

static void create(const struct run *r, struct channel *c)
{
	int error;

	if (r->flavor)
		error = create_flavored(r, c);
	else if (r->capacity == UNLIMITED)
		error = chan_unbounded(sizeof(uint64_t), &c->tx, &c->rx);
	else
		error = chan_bounded(capacity_of(r), sizeof(uint64_t), &c->tx, &c->rx);
	if (error == EINVAL && r->flavor) {
		fprintf(stderr, "chan_bench: %s cannot have this capacity\n", r->flavor);
		exit(CANNOT);
	}
	must(error, "creating a channel");
}

static void destroy(struct channel *c)
{
	if (!chan_is_empty(chan_receiver_channel(c->rx)))
		fail("messages are left over", 0);
	chan_sender_drop(c->tx);
	chan_receiver_drop(c->rx);
}

/* The time from the opening of the gate to the last join. */
static struct instant timed(struct run *r)
{
	struct gate gate = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false };
	struct instant start, end;

	for (unsigned i = 1; i < r->parties; i++) {
		r->party[i].gate = &gate;
		must(pthread_create(&r->party[i].thread, NULL, party_main, &r->party[i]), "pthread_create");
	}
	start = gate_open(&gate, r->parties - 1);
	r->party[0].work(&r->party[0]);
	for (unsigned i = 1; i < r->parties; i++)
		pthread_join(r->party[i].thread, NULL);
	end = now();
	return (struct instant) { end.wall - start.wall, end.cpu - start.cpu };
}

static void check_sum(const struct run *r)
{
	uint64_t want = r->messages * (r->messages - 1) / 2 * r->receipts;
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->parties; i++)
		sum += r->party[i].sum;
	if (sum != want)
		fail("what was received is not what was sent", 0);
}

/* --------------------------------------------------------------------- cells */

static const struct {
	const char *name;
	int         capacity;
} capacities[] = {
	{ "bounded0", 0 }, { "bounded1", 1 }, { "bounded128", 128 }, { "bounded", FIT }, { "unbounded", UNLIMITED }
};

static const struct scenario {
	const char *name;
	void      (*add_parties)(struct run *);
} scenarios[] = {
	{ "seq", seq }, { "spsc", spsc }, { "mpsc", mpsc }, { "mpmc", mpmc }, { "pingpong", pingpong }
};

enum {
	N_CAPACITIES = sizeof(capacities) / sizeof(*capacities),
	N_SCENARIOS  = sizeof(scenarios) / sizeof(*scenarios)
};

/* seq needs room for everything; pingpong has one message in flight, so that
 * more room than 128 would show nothing new. */
static bool is_cell(int capacity, const struct scenario *s)
{
	if (s->add_parties == seq)
		return capacity < 0;
	return s->add_parties != pingpong || capacity != FIT;
}

/* Calls with each cell in turn until that returns true. */
static bool any_cell(bool (*with)(const char *name, int capacity, const struct scenario *, void *arg), void *arg)
{
	char name[64];

	for (size_t c = 0; c < N_CAPACITIES; c++)
		for (size_t s = 0; s < N_SCENARIOS; s++) {
			snprintf(name, sizeof(name), "%s_%s", capacities[c].name, scenarios[s].name);
			if (is_cell(capacities[c].capacity, &scenarios[s]) &&
			    with(name, capacities[c].capacity, &scenarios[s], arg))
				return true;
		}
	return false;
}

static bool print_cell(const char *name, int capacity, const struct scenario *s, void *arg)
{
	(void)capacity, (void)s, (void)arg;
	puts(name);
	return false;
}

struct wanted {
	const char            *name;
	int                    capacity;
	const struct scenario *scenario;
};

static bool find_cell(const char *name, int capacity, const struct scenario *s, void *arg)
{
	struct wanted *w = arg;

	if (strcmp(name, w->name))
		return false;
	w->capacity = capacity;
	w->scenario = s;
	return true;
}

static void run_cell(const struct wanted *w, uint64_t messages, const char *flavor)
{
	struct run r = { .flavor = flavor, .capacity = w->capacity, .messages = messages, .receipts = 1 };
	struct instant took;
	chan_flavor_t used;

	create(&r, &r.there);
	create(&r, &r.back);
	used = chan_flavor(chan_sender_channel(r.there.tx));
	w->scenario->add_parties(&r);
	took = timed(&r);
	check_sum(&r);
	destroy(&r.there);
	destroy(&r.back);
	printf("%s libchan:%s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		w->name, chan_flavor_name(used), messages, took.wall, took.cpu);
}

/* -------------------------------------------------------------- command line */

static void usage(void)
{
	fputs("usage: chan_bench [--flavor NAME] CELL MESSAGES\n"
	      "       chan_bench --list\n", stderr);
	exit(2);
}

/* A multiple of SIDE, so that every thread of a side has the same share. */
static uint64_t messages_from(const char *text)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*end || errno || n < 1 || n > UINT32_MAX)
		usage();
	return (n + SIDE - 1) / SIDE * SIDE;
}

int main(int argc, char **argv)
{
	const char *flavor = NULL;
	struct wanted wanted = { 0 };

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		any_cell(print_cell, NULL);
		return 0;
	}
	if (argc == 5 && !strcmp(argv[1], "--flavor")) {
		flavor = argv[2];
		argv += 2;
		argc -= 2;
	}
	if (argc != 3)
		usage();
	wanted.name = argv[1];
	if (!any_cell(find_cell, &wanted))
		usage();
	alarm(HANG_AFTER);
	run_cell(&wanted, messages_from(argv[2]), flavor);
	return 0;
}
