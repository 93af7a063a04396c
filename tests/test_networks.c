/*
 * test_networks.c - the classic networks of communicating processes
 *
 * Each runs over every kind of channel: what a process does must not depend on
 * how much its channels hold.
 */
#include <stdlib.h>
#include <string.h>

#include "support/support.h"

/* ------------------------------------------------------------------- processes */

enum { MOST_PROCESSES = 1024, STACK = 256 * 1024 };

/* The processes of a network, which may start others; joined at its end. */
static struct {
	struct worker workers[MOST_PROCESSES];
	atomic_size_t started;
} network;

static void process(void (*run)(void *arg), void *arg)
{
	size_t i = atomic_fetch_add(&network.started, 1);

	must(i < MOST_PROCESSES);
	worker_start_small(&network.workers[i], run, arg, STACK);
}

/* A process that is joined has started all that it will start. */
static void network_end(void)
{
	for (size_t i = 0; i < atomic_load(&network.started); i++)
		worker_join(&network.workers[i]);
	atomic_store(&network.started, 0);
}

static void *fresh(size_t size)
{
	void *memory = calloc(1, size);

	must(memory != NULL);
	return memory;
}

static void send_number(chan_sender_t *tx, uint64_t number)
{
	must_give(0, chan_send(tx, &number));
}

static uint64_t recv_number(chan_receiver_t *rx)
{
	uint64_t number = UINT64_MAX;

	must_give(0, chan_recv(rx, &number));
	return number;
}

/* ------------------------------------------------------------------ prime sieve */

enum { SIEVE_LIMIT = 200 };

struct sieve_stage {
	const struct kind *kind;
	chan_receiver_t *from;
	chan_sender_t *to, *primes;
};

static void generate(void *arg)
{
	chan_sender_t *tx = arg;

	for (uint64_t i = 2; i < SIEVE_LIMIT; i++)
		send_number(tx, i);
	chan_sender_drop(tx);
}

static void sieve(void *arg);

static void sieve_from(const struct kind *k, chan_receiver_t *from, chan_sender_t *primes)
{
	struct sieve_stage *next = fresh(sizeof(*next));

	*next = (struct sieve_stage){ .kind = k, .from = from, .primes = primes };
	process(sieve, next);
}

/* The first number that arrives is a prime; its multiples end here, and the
 * others go on to a stage of their own. */
static void sieve(void *arg)
{
	struct sieve_stage *s = arg;
	uint64_t prime, number;

	if (chan_recv(s->from, &prime) == 0) {
		struct ends e = kind_open(s->kind, 8);

		send_number(s->primes, prime);
		sieve_from(s->kind, e.rx, s->primes);
		while (chan_recv(s->from, &number) == 0)
			if (number % prime != 0)
				send_number(e.tx, number);
		chan_sender_drop(e.tx);
	} else {
		chan_sender_drop(s->primes); /* the last stage */
	}
	chan_receiver_drop(s->from);
	free(s);
}

static bool is_prime(uint64_t n)
{
	for (uint64_t i = 2; i * i <= n; i++)
		if (n % i == 0)
			return false;
	return n >= 2;
}

static void the_prime_sieve(const struct kind *k)
{
	struct ends numbers = kind_open(k, 8), primes = kind_open(k, 8);
	uint64_t prime;

	process(generate, numbers.tx);
	sieve_from(k, numbers.rx, primes.tx);
	for (uint64_t i = 2; i < SIEVE_LIMIT; i++)
		if (is_prime(i))
			must_eq(recv_number(primes.rx), i);
	must_give(EPIPE, chan_recv(primes.rx, &prime));
	network_end();
	chan_receiver_drop(primes.rx);
}

/* ----------------------------------------------------------------- power series */

/*
 * A series is a process that gives its next coefficient when asked, and ends
 * when nobody is left to ask.  Operators ask their operands only for what they need.
 */
struct ratio {
	int64_t num, den;
};

struct series {
	chan_sender_t *ask;
	chan_receiver_t *answer;
};

/* What the process of a series holds: the other ends, and its operands. */
struct maker {
	const struct kind *kind;
	chan_receiver_t *asked;
	chan_sender_t *answers;
	struct series a, b;
	struct ratio constant;
	struct split *split;
};

static int64_t common_divisor(int64_t a, int64_t b)
{
	while (b != 0) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a < 0 ? -a : a;
}

static struct ratio ratio(int64_t num, int64_t den)
{
	int64_t d = common_divisor(num, den);
	struct ratio r = { num / d, den / d };

	return r;
}

static struct ratio ratio_add(struct ratio x, struct ratio y)
{
	return ratio(x.num * y.den + y.num * x.den, x.den * y.den);
}

static struct ratio ratio_mul(struct ratio x, struct ratio y)
{
	return ratio(x.num * y.num, x.den * y.den);
}

static struct ratio series_next(struct series s)
{
	struct ratio r = { 0, 0 };

	must_give(0, chan_send(s.ask, NULL));
	must_give(0, chan_recv(s.answer, &r));
	return r;
}

static void series_drop(struct series s)
{
	chan_sender_drop(s.ask);
	chan_receiver_drop(s.answer);
}

/* Is there one more to give? */
static bool maker_asked(const struct maker *m)
{
	return chan_recv(m->asked, NULL) == 0;
}

static void maker_give(const struct maker *m, struct ratio r)
{
	int error = chan_send(m->answers, &r);

	must(error == 0 || error == EPIPE);
}

static void maker_end(struct maker *m)
{
	chan_receiver_drop(m->asked);
	chan_sender_drop(m->answers);
	free(m);
}

static struct series series_new(const struct maker *template, void (*run)(void *))
{
	struct maker *m = fresh(sizeof(*m));
	struct ends ask = kind_open(template->kind, 0), answer = kind_open(template->kind, sizeof(struct ratio));
	struct series s = { ask.tx, answer.rx };

	*m = *template;
	m->asked = ask.rx;
	m->answers = answer.tx;
	process(run, m);
	return s;
}

/* Answers from a series for as long as somebody asks. */
static void make_as(struct maker *m, struct series s)
{
	while (maker_asked(m))
		maker_give(m, series_next(s));
	series_drop(s);
}

/* c + c x + c x^2 + ... */
static void make_constant(void *arg)
{
	struct maker *m = arg;

	while (maker_asked(m))
		maker_give(m, m->constant);
	maker_end(m);
}

/* 1 + x + x^2/2 + x^3/6 + ... */
static void make_exponential(void *arg)
{
	struct maker *m = arg;
	struct ratio r = { 1, 1 };

	for (int64_t i = 1; maker_asked(m); i++) {
		maker_give(m, r);
		r = ratio_mul(r, ratio(1, i));
	}
	maker_end(m);
}

static void make_sum(void *arg)
{
	struct maker *m = arg;

	while (maker_asked(m)) {
		struct ratio a = series_next(m->a);

		maker_give(m, ratio_add(a, series_next(m->b)));
	}
	series_drop(m->a);
	series_drop(m->b);
	maker_end(m);
}

static void make_multiple(void *arg)
{
	struct maker *m = arg;

	while (maker_asked(m))
		maker_give(m, ratio_mul(m->constant, series_next(m->a)));
	series_drop(m->a);
	maker_end(m);
}

/* x a */
static void make_shifted(void *arg)
{
	struct maker *m = arg;

	if (maker_asked(m)) {
		maker_give(m, ratio(0, 1));
		make_as(m, m->a);
	} else {
		series_drop(m->a);
	}
	maker_end(m);
}

static struct series series_of(const struct kind *k, struct ratio constant)
{
	struct maker m = { .kind = k, .constant = constant };

	return series_new(&m, make_constant);
}

static struct series series_exponential(const struct kind *k)
{
	struct maker m = { .kind = k };

	return series_new(&m, make_exponential);
}

static struct series series_add(const struct kind *k, struct series a, struct series b)
{
	struct maker m = { .kind = k, .a = a, .b = b };

	return series_new(&m, make_sum);
}

static struct series series_times(const struct kind *k, struct ratio constant, struct series a)
{
	struct maker m = { .kind = k, .a = a, .constant = constant };

	return series_new(&m, make_multiple);
}

static struct series series_shift(const struct kind *k, struct series a)
{
	struct maker m = { .kind = k, .a = a };

	return series_new(&m, make_shifted);
}

/*
 * One series for two readers, each at its own pace: a single process selects
 * between the two that ask, and keeps what only one of them has had.
 */
enum { MOST_AHEAD = 64 };

struct split {
	struct series from;
	chan_receiver_t *asked[2];
	chan_sender_t *answers[2];
	struct ratio kept[MOST_AHEAD]; /* a ring */
	size_t given[2], had;
};

static void split_give(struct split *s, size_t reader)
{
	struct ratio r;
	int error;

	if (s->given[reader] == s->had) {
		must(s->had - s->given[1 - reader] < MOST_AHEAD || s->asked[1 - reader] == NULL);
		s->kept[s->had++ % MOST_AHEAD] = series_next(s->from);
	}
	r = s->kept[s->given[reader]++ % MOST_AHEAD];
	error = chan_send(s->answers[reader], &r);
	must(error == 0 || error == EPIPE);
}

static void make_split(void *arg)
{
	struct split *s = arg;
	chan_case_t cases[2] = { case_recv(s->asked[0], NULL), case_recv(s->asked[1], NULL) };
	size_t open = 2, which;

	while (open > 0) {
		must_give(0, chan_select(cases, 2, 0, &which));
		if (cases[which].status == 0) {
			split_give(s, which);
			continue;
		}
		chan_receiver_drop(s->asked[which]);
		chan_sender_drop(s->answers[which]);
		s->asked[which] = NULL;
		cases[which] = case_none();
		open--;
	}
	series_drop(s->from);
	free(s);
}

static void series_split(const struct kind *k, struct series from, struct series *one, struct series *two)
{
	struct split *s = fresh(sizeof(*s));
	struct series *readers[2] = { one, two };

	s->from = from;
	for (size_t i = 0; i < 2; i++) {
		struct ends ask = kind_open(k, 0), answer = kind_open(k, sizeof(struct ratio));

		s->asked[i] = ask.rx;
		s->answers[i] = answer.tx;
		*readers[i] = (struct series){ ask.tx, answer.rx };
	}
	process(make_split, s);
}

static struct series series_mul(const struct kind *k, struct series a, struct series b);

/* (a0 + x A)(b0 + x B) = a0 b0 + x (a0 B + b0 A + x A B) */
static void make_product(void *arg)
{
	struct maker *m = arg;

	if (maker_asked(m)) {
		struct ratio a0 = series_next(m->a), b0 = series_next(m->b);
		struct series a[2], b[2], rest;

		maker_give(m, ratio_mul(a0, b0));
		if (maker_asked(m)) {
			series_split(m->kind, m->a, &a[0], &a[1]);
			series_split(m->kind, m->b, &b[0], &b[1]);
			rest = series_add(m->kind, series_times(m->kind, a0, b[0]), series_times(m->kind, b0, a[0]));
			rest = series_add(m->kind, rest, series_shift(m->kind, series_mul(m->kind, a[1], b[1])));
			maker_give(m, series_next(rest));
			make_as(m, rest);
			maker_end(m);
			return;
		}
	}
	series_drop(m->a);
	series_drop(m->b);
	maker_end(m);
}

static struct series series_mul(const struct kind *k, struct series a, struct series b)
{
	struct maker m = { .kind = k, .a = a, .b = b };

	return series_new(&m, make_product);
}

static struct series series_compose(const struct kind *k, struct series a, struct series b);

/* a(b), where b0 is 0: a0 + x B A(b), with a = a0 + x A and b = x B */
static void make_composition(void *arg)
{
	struct maker *m = arg;

	if (maker_asked(m)) {
		struct series b[2], rest;

		maker_give(m, series_next(m->a));
		if (maker_asked(m)) {
			series_split(m->kind, m->b, &b[0], &b[1]);
			must_eq(series_next(b[0]).num, 0);
			rest = series_mul(m->kind, b[0], series_compose(m->kind, m->a, b[1]));
			maker_give(m, series_next(rest));
			make_as(m, rest);
			maker_end(m);
			return;
		}
	}
	series_drop(m->a);
	series_drop(m->b);
	maker_end(m);
}

static struct series series_compose(const struct kind *k, struct series a, struct series b)
{
	struct maker m = { .kind = k, .a = a, .b = b };

	return series_new(&m, make_composition);
}

static void expect_series(struct series s, const struct ratio *want, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ratio got = series_next(s);

		must(got.num == want[i].num && got.den == want[i].den);
	}
	series_drop(s);
	network_end();
}

static const struct ratio one = { 1, 1 };

static void power_series_are_added(const struct kind *k)
{
	static const struct ratio want[] = { { 4, 3 }, { 4, 3 }, { 5, 6 }, { 1, 2 }, { 3, 8 } };
	struct series third = series_of(k, ratio(1, 3));

	expect_series(series_add(k, third, series_exponential(k)), want, COUNT_OF(want));
}

/* 1/(1-x) squared is 1 + 2x + 3x^2 + ...; exp squared is exp of 2x. */
static void power_series_are_multiplied(const struct kind *k)
{
	static const struct ratio counting[] = { { 1, 1 }, { 2, 1 }, { 3, 1 }, { 4, 1 }, { 5, 1 }, { 6, 1 } };
	static const struct ratio doubled[] = { { 1, 1 }, { 2, 1 }, { 2, 1 }, { 4, 3 }, { 2, 3 } };

	expect_series(series_mul(k, series_of(k, one), series_of(k, one)), counting, COUNT_OF(counting));
	expect_series(series_mul(k, series_exponential(k), series_exponential(k)), doubled, COUNT_OF(doubled));
}

/* 1/(1-y) of x/(1-x) is (1-x)/(1-2x); exp of that is known from the tables. */
static void power_series_are_composed(const struct kind *k)
{
	static const struct ratio powers[] = { { 1, 1 }, { 1, 1 }, { 2, 1 }, { 4, 1 }, { 8, 1 } };
	static const struct ratio lah[] = { { 1, 1 }, { 1, 1 }, { 3, 2 }, { 13, 6 }, { 73, 24 } };

	expect_series(series_compose(k, series_of(k, one), series_shift(k, series_of(k, one))),
	              powers, COUNT_OF(powers));
	expect_series(series_compose(k, series_exponential(k), series_shift(k, series_of(k, one))),
	              lah, COUNT_OF(lah));
}

/* -------------------------------------------------------------------------- ring */

enum { STAGES = 1000, CARRIERS = 4 };

struct ring {
	struct ends stage[STAGES];
	size_t last; /* the number that ends the game */
};

struct carrier {
	struct ring *ring;
	size_t index;
};

/* Carries every fourth stage of the ring, all in one select: what arrives is
 * one more at the next stage. */
static void carry(void *arg)
{
	struct carrier *c = arg;
	uint64_t numbers[STAGES / CARRIERS];
	chan_case_t *cases = fresh(STAGES / CARRIERS * sizeof(*cases));
	size_t which;

	for (size_t i = 0; i < STAGES / CARRIERS; i++)
		cases[i] = case_recv(c->ring->stage[i * CARRIERS + c->index].rx, &numbers[i]);
	for (;;) {
		size_t stage;

		must_give(0, chan_select(cases, STAGES / CARRIERS, 0, &which));
		if (cases[which].status == EPIPE)
			break;
		stage = which * CARRIERS + c->index;
		must_eq(numbers[which] % STAGES, stage);
		if (numbers[which] == c->ring->last)
			for (size_t i = 0; i < STAGES; i++)
				chan_close(c->ring->stage[i].c);
		else
			send_number(c->ring->stage[(stage + 1) % STAGES].tx, numbers[which] + 1);
	}
	free(cases);
}

static void a_ring_of_a_thousand_stages(const struct kind *k)
{
	static struct ring ring;
	struct carrier carriers[CARRIERS];

	ring.last = STAGES + test_scaled(STAGES);
	for (size_t i = 0; i < STAGES; i++)
		ring.stage[i] = kind_open(k, 8);
	for (size_t i = 0; i < CARRIERS; i++) {
		carriers[i] = (struct carrier){ &ring, i };
		process(carry, &carriers[i]);
	}
	send_number(ring.stage[0].tx, 0);
	network_end();
	for (size_t i = 0; i < STAGES; i++)
		ends_drop(&ring.stage[i]);
}

/* ------------------------------------------------------------- dining philosophers */

enum { SEATS = 5 };

/* A fork is a process: it is taken, and must come back before it is taken again. */
struct fork {
	struct ends taken, back;
	atomic_uint users;
};

static void lie_on_the_table(void *arg)
{
	struct fork *f = arg;

	while (chan_send(f->taken.tx, NULL) == 0)
		if (chan_recv(f->back.rx, NULL) != 0)
			break;
}

struct philosopher {
	struct fork *forks[2];
	size_t meals;
	struct dice dice;
};

static void put_back(struct fork *f)
{
	must_eq(atomic_fetch_sub(&f->users, 1), 1);
	must_give(0, chan_send(f->back.tx, NULL));
}

/* Takes whichever fork is free, and does not wait for the other for long. */
static bool eat(struct philosopher *p)
{
	chan_case_t cases[2] = { case_recv(p->forks[0]->taken.rx, NULL), case_recv(p->forks[1]->taken.rx, NULL) };
	size_t first, second;
	int error;

	must_give(0, chan_select(cases, 2, 0, &first));
	must_eq(cases[first].status, 0);
	must_eq(atomic_fetch_add(&p->forks[first]->users, 1), 0);
	cases[first] = case_none();
	error = chan_select_timeout(cases, 2, 0, dice_roll(&p->dice, 200 * CHAN_USEC), &second);
	if (error == 0) {
		must(second == 1 - first && cases[second].status == 0);
		must_eq(atomic_fetch_add(&p->forks[second]->users, 1), 0);
		put_back(p->forks[second]);
	}
	must(error == 0 || error == ETIMEDOUT);
	put_back(p->forks[first]);
	return error == 0;
}

static void dine(void *arg)
{
	struct philosopher *p = arg;
	size_t hunger = p->meals;

	while (hunger > 0)
		hunger -= eat(p);
	p->meals = 0;
}

static void the_philosophers_dine(const struct kind *k)
{
	struct fork forks[SEATS];
	struct worker servants[SEATS];
	struct philosopher p[SEATS];

	for (size_t i = 0; i < SEATS; i++) {
		forks[i].taken = kind_open(k, 0);
		forks[i].back = kind_open(k, 0);
		atomic_init(&forks[i].users, 0);
		worker_start(&servants[i], lie_on_the_table, &forks[i]);
	}
	for (size_t i = 0; i < SEATS; i++) {
		p[i] = (struct philosopher){ { &forks[i], &forks[(i + 1) % SEATS] }, test_scaled(100), { 61 + i } };
		process(dine, &p[i]);
	}
	network_end();
	for (size_t i = 0; i < SEATS; i++) {
		must(p[i].meals == 0 && atomic_load(&forks[i].users) == 0);
		chan_close(forks[i].taken.c);
		chan_close(forks[i].back.c);
		worker_join(&servants[i]);
		ends_drop(&forks[i].taken);
		ends_drop(&forks[i].back);
	}
}

/* ----------------------------------------------------------------- matrix product */

enum { SIDE = 4, TERMS = 30 };

/* A cell gets a row from the west and a column from the north, hands them on,
 * and keeps the sum of their products. */
struct cell {
	chan_receiver_t *in[2];
	chan_sender_t *out[2]; /* NULL at the edge */
	uint64_t sum;
};

/* One number each way, in whatever order they come or can go. */
static void cell_exchange(chan_case_t *cases)
{
	while (cases[0].sender || cases[0].receiver || cases[1].sender || cases[1].receiver) {
		size_t which;

		must_give(0, chan_select(cases, 2, 0, &which));
		must_eq(cases[which].status, 0);
		cases[which] = case_none();
	}
}

static void compute(void *arg)
{
	struct cell *c = arg;

	for (size_t i = 0; i < TERMS; i++) {
		uint64_t numbers[2];
		chan_case_t in[2] = { case_recv(c->in[0], &numbers[0]), case_recv(c->in[1], &numbers[1]) };
		chan_case_t out[2] = { case_send(c->out[0], &numbers[0]), case_send(c->out[1], &numbers[1]) };

		cell_exchange(in);
		c->sum += numbers[0] * numbers[1];
		cell_exchange(out);
	}
}

static uint64_t factor(int column, size_t line, size_t i)
{
	return (line * 7 + i * 3 + (size_t)column) % 11;
}

struct edge {
	chan_sender_t *tx;
	int column;
	size_t line;
};

static void feed_edge(void *arg)
{
	struct edge *e = arg;

	for (size_t i = 0; i < TERMS; i++)
		send_number(e->tx, factor(e->column, e->line, i));
}

static uint64_t product(size_t row, size_t column)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < TERMS; i++)
		sum += factor(0, row, i) * factor(1, column, i);
	return sum;
}

/* way[d][r][c]: into cell (r, c) from the west (0) or the north (1) */
static void a_matrix_product_flows_through_a_grid(const struct kind *k)
{
	static struct ends way[2][SIDE][SIDE];
	static struct cell cells[SIDE][SIDE];
	struct edge edges[2][SIDE];

	for (size_t i = 0; i < 2 * SIDE * SIDE; i++)
		way[i / (SIDE * SIDE)][i / SIDE % SIDE][i % SIDE] = kind_open(k, 8);
	for (size_t r = 0; r < SIDE; r++)
		for (size_t c = 0; c < SIDE; c++) {
			cells[r][c] = (struct cell){
				{ way[0][r][c].rx, way[1][r][c].rx },
				{ c + 1 < SIDE ? way[0][r][c + 1].tx : NULL, r + 1 < SIDE ? way[1][r + 1][c].tx : NULL },
				0
			};
			process(compute, &cells[r][c]);
		}
	for (size_t i = 0; i < SIDE; i++) {
		edges[0][i] = (struct edge){ way[0][i][0].tx, 0, i };
		edges[1][i] = (struct edge){ way[1][0][i].tx, 1, i };
		process(feed_edge, &edges[0][i]);
		process(feed_edge, &edges[1][i]);
	}
	network_end();
	for (size_t r = 0; r < SIDE; r++)
		for (size_t c = 0; c < SIDE; c++)
			must_eq(cells[r][c].sum, product(r, c));
	for (size_t i = 0; i < 2 * SIDE * SIDE; i++)
		ends_drop(&way[i / (SIDE * SIDE)][i / SIDE % SIDE][i % SIDE]);
}

/* ------------------------------------------------------------------------ barrier */

enum { MEMBERS = 5 };

/* All arrive at the keeper, who lets each go by a channel of its own: on a shared
 * one a fast member could take the leave of a slow one. */
struct barrier {
	struct ends arrive, leave[MEMBERS];
	size_t rounds;
	atomic_size_t phase[MEMBERS];
};

struct member {
	struct barrier *barrier;
	size_t index;
};

static void keep(void *arg)
{
	struct barrier *b = arg;

	for (size_t i = 0; i < b->rounds; i++) {
		for (size_t j = 0; j < MEMBERS; j++)
			must_give(0, chan_recv(b->arrive.rx, NULL));
		for (size_t j = 0; j < MEMBERS; j++)
			must_give(0, chan_send(b->leave[j].tx, NULL));
	}
}

/* Behind the barrier everybody has been before it, and nobody is two ahead. */
static void pass_barriers(void *arg)
{
	struct member *m = arg;
	struct barrier *b = m->barrier;

	for (size_t i = 1; i <= b->rounds; i++) {
		atomic_store(&b->phase[m->index], i);
		must_give(0, chan_send(b->arrive.tx, NULL));
		must_give(0, chan_recv(b->leave[m->index].rx, NULL));
		for (size_t j = 0; j < MEMBERS; j++) {
			size_t phase = atomic_load(&b->phase[j]);

			must(phase == i || phase == i + 1);
		}
	}
}

struct load {
	struct ends e;
	atomic_bool stop;
	size_t sent, received;
};

static void load_senders(void *arg)
{
	struct load *l = arg;

	do {
		if (chan_len(l->e.c) < 64)
			l->sent += chan_send_timeout(l->e.tx, NULL, CHAN_MSEC) == 0;
	} while (!atomic_load(&l->stop) || l->sent == 0);
}

static void load_receivers(void *arg)
{
	struct load *l = arg;

	while (chan_recv(l->e.rx, NULL) == 0)
		l->received++;
}

static void barrier_start(struct barrier *b, struct member *members, const struct kind *k, size_t rounds)
{
	b->arrive = kind_open(k, 0);
	b->rounds = rounds;
	for (size_t i = 0; i < MEMBERS; i++) {
		b->leave[i] = kind_open(k, 0);
		atomic_init(&b->phase[i], 0);
	}
	process(keep, b);
	for (size_t i = 0; i < MEMBERS; i++) {
		members[i] = (struct member){ b, i };
		process(pass_barriers, &members[i]);
	}
}

static void barrier_end(struct barrier *b)
{
	network_end();
	must(chan_is_empty(b->arrive.c));
	ends_drop(&b->arrive);
	for (size_t i = 0; i < MEMBERS; i++)
		ends_drop(&b->leave[i]);
}

static void a_barrier_made_of_channels(const struct kind *k)
{
	struct member members[MEMBERS];
	struct barrier b;

	barrier_start(&b, members, k, test_scaled(500));
	barrier_end(&b);
}

/* Two barriers at once, beside two streams that never rest. */
static void a_barrier_under_load(const struct kind *k)
{
	enum { LOADS = 2 };
	struct member members[2][MEMBERS];
	struct barrier b[2];
	struct load load[LOADS];
	struct worker workers[2 * LOADS];

	for (size_t i = 0; i < LOADS; i++) {
		load[i] = (struct load){ .e = kind_open(k, 0) };
		worker_start(&workers[i], load_senders, &load[i]);
		worker_start(&workers[LOADS + i], load_receivers, &load[i]);
	}
	barrier_start(&b[0], members[0], k, test_scaled(80));
	barrier_start(&b[1], members[1], k, test_scaled(80));
	barrier_end(&b[0]);
	barrier_end(&b[1]);
	for (size_t i = 0; i < LOADS; i++) {
		atomic_store(&load[i].stop, true);
		worker_join(&workers[i]);
		chan_close(load[i].e.c);
		worker_join(&workers[LOADS + i]);
		must_eq(load[i].sent, load[i].received);
		must(load[i].sent > 0);
		ends_drop(&load[i].e);
	}
}

/* -------------------------------------------------------------- request and reply */

enum { SERVERS = 2, CLIENTS = 4 };

/* The message carries the way for its answer. */
struct request {
	uint64_t number;
	chan_sender_t *reply;
};

struct client {
	const struct kind *kind;
	chan_sender_t *requests;
	size_t index, n;
};

static void serve(void *arg)
{
	chan_receiver_t *rx = arg;
	struct request r;

	while (chan_recv(rx, &r) == 0) {
		send_number(r.reply, r.number * r.number);
		chan_sender_drop(r.reply);
	}
	chan_receiver_drop(rx);
}

static void ask(void *arg)
{
	struct client *c = arg;

	for (size_t i = 0; i < c->n; i++) {
		struct ends e = kind_open(c->kind, 8);
		struct request r = { c->index * 1000 + i, e.tx };
		uint64_t number;

		must_give(0, chan_send(c->requests, &r));
		must_eq(recv_number(e.rx), r.number * r.number);
		must_give(EPIPE, chan_recv(e.rx, &number)); /* the server dropped it */
		chan_receiver_drop(e.rx);
	}
	chan_sender_drop(c->requests);
}

static void replies_come_by_channels_sent_through_channels(const struct kind *k)
{
	struct ends e = kind_open(k, sizeof(struct request));
	struct client clients[CLIENTS];

	for (size_t i = 0; i < SERVERS; i++)
		process(serve, chan_receiver_clone(e.rx));
	for (size_t i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client){ k, chan_sender_clone(e.tx), i, test_scaled(300) };
		process(ask, &clients[i]);
	}
	ends_drop(&e);
	network_end();
}

static void drop_reply(void *msg, void *arg)
{
	struct request r;

	(void)arg;
	memcpy(&r, msg, sizeof(r));
	chan_sender_drop(r.reply);
}

static void ask_in_vain(void *arg)
{
	struct client *c = arg;
	struct ends e = kind_open(c->kind, 8);
	struct request r = { 1, e.tx };
	uint64_t number;

	if (chan_send(c->requests, &r) != 0)
		chan_sender_drop(e.tx); /* it is still ours */
	must_give(EPIPE, chan_recv(e.rx, &number));
	chan_receiver_drop(e.rx);
}

/* Whoever waits for an answer hears that the servers have gone, whether its
 * request was queued or refused. */
static void clients_hear_that_the_servers_left(const struct kind *k)
{
	for (size_t round = 0; round < test_scaled(50); round++) {
		chan_attr_t attr;
		struct client clients[CLIENTS];
		struct ends e;

		kind_attr(k, &attr);
		must_give(0, chan_attr_setdestructor(&attr, drop_reply, NULL));
		e = attr_open(&attr, sizeof(struct request));
		for (size_t i = 0; i < CLIENTS; i++) {
			clients[i] = (struct client){ .kind = k, .requests = e.tx };
			process(ask_in_vain, &clients[i]);
		}
		if (round % 2)
			wait_for(chan_len(e.c) > 0 || k->capacity == 0);
		chan_receiver_drop(e.rx);
		network_end();
		chan_sender_drop(e.tx);
	}
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(the_prime_sieve, NEEDS_NOTHING),
	BEHAVIOUR(power_series_are_added, NEEDS_NOTHING),
	BEHAVIOUR(power_series_are_multiplied, NEEDS_NOTHING),
	BEHAVIOUR(power_series_are_composed, NEEDS_NOTHING),
	BEHAVIOUR(a_ring_of_a_thousand_stages, NEEDS_NOTHING),
	BEHAVIOUR(the_philosophers_dine, NEEDS_NOTHING),
	BEHAVIOUR(a_matrix_product_flows_through_a_grid, NEEDS_NOTHING),
	BEHAVIOUR(a_barrier_made_of_channels, NEEDS_NOTHING),
	BEHAVIOUR(a_barrier_under_load, NEEDS_NOTHING),
	BEHAVIOUR(replies_come_by_channels_sent_through_channels, NEEDS_NOTHING),
	BEHAVIOUR(clients_hear_that_the_servers_left, NEEDS_DESTRUCTOR),
};

int main(void)
{
	static struct kind kinds[MAX_KINDS];
	size_t n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);

	return matrix_run("networks", behaviours, COUNT_OF(behaviours), kinds, n);
}
