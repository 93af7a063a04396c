/*
 * select_choice.c - which case a select picks, what it refuses, and how long
 * it waits when there is nothing to pick
 */
#include <stdlib.h>
#include <string.h>

#include "select.h"

enum { MOST = 64 };

/* A set of lanes in the order of their cases; a lane can stand in it twice. */
struct set {
	struct lane lanes[MOST];
	size_t n_lanes;
	struct lane *of[MOST];
	chan_case_t cases[MOST];
	size_t n;
	size_t picked[MOST];
};

static struct set *set_new(void)
{
	struct set *s = calloc(1, sizeof(*s));

	must(s != NULL);
	return s;
}

static struct lane *set_add(struct set *s, const struct kind *k, bool sends, bool ready)
{
	struct lane *l = &s->lanes[s->n_lanes++];

	lane_open(l, k, sends, ready);
	s->of[s->n] = l;
	s->cases[s->n++] = lane_case(l);
	return l;
}

static void set_repeat(struct set *s, struct lane *l)
{
	s->of[s->n] = l;
	s->cases[s->n++] = lane_case(l);
}

static void set_drop(struct set *s)
{
	for (size_t i = 0; i < s->n_lanes; i++)
		lane_close(&s->lanes[i]);
	free(s);
}

/* One pick of a set in which something is ready. */
static size_t pick_one(struct set *s, unsigned flags, enum pick_form form)
{
	struct pick p = pick_of(s->cases, s->n, flags, form);

	pick_here(&p);
	must(p.result == 0 && p.which < s->n);
	must_have_picked(&p, p.which, 0);
	if (!(flags & CHAN_SELECT_READY))
		lane_restock(s->of[p.which]);
	return p.which;
}

/* How often the rounds must be, so that chance does not spoil a share. */
static size_t share_rounds(void)
{
	size_t rounds = test_scaled(1600);

	return rounds < 400 ? 400 : rounds;
}

/* Every ready case gets at least half of what an equal share would be. */
static void expect_shares(struct set *s, unsigned flags)
{
	size_t rounds = share_rounds(), ready = 0;

	memset(s->picked, 0, sizeof(s->picked));
	for (size_t i = 0; i < rounds; i++)
		s->picked[pick_one(s, flags, (enum pick_form)(i % (PICK_FORMS + 1)))]++;
	for (size_t i = 0; i < s->n; i++)
		ready += s->of[i]->ready;
	for (size_t i = 0; i < s->n; i++)
		must(s->of[i]->ready ? s->picked[i] >= rounds / ready / 2 : s->picked[i] == 0);
}

/* ------------------------------------------------------------------- fairness */

static void share_among_four(const struct kind *k, bool sends)
{
	struct set *s = set_new();

	for (size_t i = 0; i < 4; i++)
		set_add(s, k, sends, true);
	expect_shares(s, 0);
	expect_shares(s, CHAN_SELECT_READY);
	set_drop(s);
}

static void each_ready_receive_gets_its_share(const struct kind *k) { share_among_four(k, false); }
static void each_ready_send_gets_its_share(const struct kind *k)    { share_among_four(k, true); }

static void sends_and_receives_share(const struct kind *k)
{
	struct set *s = set_new();

	for (size_t i = 0; i < 6; i++)
		set_add(s, k, i % 2 == 0, true);
	expect_shares(s, 0);
	set_drop(s);
}

/* `n` cases, of which those from `first` to `last` are ready. */
static void neighbours_share(const struct kind *k, size_t n, size_t first, size_t last)
{
	struct set *s = set_new();

	for (size_t i = 0; i < n; i++)
		set_add(s, k, i % 2 == 0, i >= first && i <= last);
	expect_shares(s, 0);
	expect_shares(s, CHAN_SELECT_READY);
	set_drop(s);
}

static void three_neighbours_of_six_share(const struct kind *k)      { neighbours_share(k, 6, 3, 5); }
static void two_neighbours_of_sixty_four_share(const struct kind *k) { neighbours_share(k, 64, 10, 11); }

static void each_duplicate_counts(const struct kind *k)
{
	struct set *s = set_new();
	struct lane *l;

	set_add(s, k, false, true);
	l = set_add(s, k, true, true);
	set_repeat(s, l);
	set_repeat(s, l);
	set_add(s, k, false, false);
	expect_shares(s, 0);
	set_drop(s);
}

/* Disconnected is ready: it neither starves nor starves others. */
static void a_disconnected_case_has_its_share(const struct kind *k)
{
	struct set *s = set_new();
	size_t rounds = share_rounds(), ended = 0;

	set_add(s, k, false, true);
	set_add(s, k, false, false);
	chan_close(s->lanes[1].e.c);
	for (size_t i = 0; i < rounds; i++) {
		struct pick p = pick_of(s->cases, 2, 0, (enum pick_form)(i % (PICK_FORMS + 1)));

		pick_here(&p);
		must_have_picked(&p, p.which, p.which == 1 ? EPIPE : 0);
		ended += p.which;
		if (p.which == 0)
			lane_restock(&s->lanes[0]);
	}
	must(ended >= rounds / 4 && rounds - ended >= rounds / 4);
	set_drop(s);
}

static void the_lowest_ready_index_is_preferred(const struct kind *k)
{
	struct set *s = set_new();

	set_add(s, k, false, false);
	set_repeat(s, set_add(s, k, true, true));
	set_add(s, k, false, true);
	set_add(s, k, true, true);
	for (size_t i = 0; i < test_scaled(200); i++) {
		enum pick_form form = (enum pick_form)(i % (PICK_FORMS + 1));

		must_eq(pick_one(s, CHAN_SELECT_BIASED, form), 1);
		must_eq(pick_one(s, CHAN_SELECT_BIASED | CHAN_SELECT_READY, form), 1);
	}
	set_drop(s);
}

static void a_disconnected_case_can_be_the_lowest(const struct kind *k)
{
	struct set *s = set_new();

	set_add(s, k, false, false);
	set_add(s, k, false, true);
	chan_close(s->lanes[0].e.c);
	for (unsigned form = 0; form <= PICK_FORMS; form++) {
		struct pick p = pick_of(s->cases, 2, CHAN_SELECT_BIASED, (enum pick_form)form);

		pick_here(&p);
		must_have_picked(&p, 0, EPIPE);
	}
	set_drop(s);
}

/* ------------------------------------------------------ both ends, and itself */

/* Empty: only the send is ready.  Full: only the receive.  Between: both. */
static void both_ends_of_one_channel_can_be_cases(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t out = 5, in = 0;
	chan_case_t cases[2] = { case_send(e.tx, &out), case_recv(e.rx, &in) };
	size_t rounds = test_scaled(2000), len = 0;

	for (size_t i = 0; i < rounds; i++) {
		struct pick p = pick_of(cases, 2, 0, (enum pick_form)(i % (PICK_FORMS + 1)));
		bool must_send = len == 0, must_recv = len == k->capacity;

		in = 0;
		pick_here(&p);
		must_have_picked(&p, p.which, 0);
		must(p.which == 0 ? !must_recv && in == 0 : !must_send && in == 5);
		len = p.which == 0 ? len + 1 : len - 1;
		must_eq(chan_len(e.c), len);
	}
	ends_drop(&e);
}

static void a_select_never_meets_itself(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t out = 5, in = 77;
	chan_case_t cases[] = {
		case_send(e.tx, &out), case_recv(e.rx, &in), case_recv(e.rx, &in), case_send(e.tx, &out)
	};

	for (unsigned flags = 0; flags <= (CHAN_SELECT_BIASED | CHAN_SELECT_READY); flags++)
		for (size_t first = 0; first < 2; first++) {
			struct pick p = pick_of(cases + first, 3, flags, PICK_TRY);

			pick_here(&p);
			must_have_refused(&p, EAGAIN);
			p.form = PICK_TIMEOUT;
			p.timeout_ns = 3 * CHAN_MSEC;
			pick_here(&p);
			must_have_refused(&p, ETIMEDOUT);
			must(p.ended_ns - p.began_ns >= 3 * CHAN_MSEC);
		}
	must_eq(in, 77);
	ends_drop(&e);
}

/* Whoever comes from outside meets it, at either end. */
static void a_select_with_both_ends_meets_others(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t out = 5, in = 77, number = 6;
	chan_case_t cases[2] = { case_send(e.tx, &out), case_recv(e.rx, &in) };

	for (unsigned form = 0; form < PICK_FORMS; form++) {
		struct pick p = pick_of(cases, 2, 0, (enum pick_form)form);

		pick_start_asleep(&p);
		must_give(0, chan_try_send(e.tx, &number));
		pick_finish(&p);
		must_have_picked(&p, 1, 0);
		must_eq(in, 6);
		in = 77;
		pick_start_asleep(&p);
		must_give(0, chan_try_recv(e.rx, &number));
		pick_finish(&p);
		must_have_picked(&p, 0, 0);
		must(number == 5 && in == 77);
		number = 6;
	}
	ends_drop(&e);
}

static void two_selects_with_both_ends_meet(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	uint64_t out[2] = { 1, 2 }, in[2];

	for (size_t i = 0; i < test_scaled(100); i++) {
		chan_case_t one[2] = { case_send(e.tx, &out[0]), case_recv(e.rx, &in[0]) };
		chan_case_t two[2] = { case_recv(e.rx, &in[1]), case_send(e.tx, &out[1]) };
		struct pick p = pick_of(one, 2, 0, (enum pick_form)(i % PICK_FORMS));
		struct pick q = pick_of(two, 2, 0, (enum pick_form)(i % PICK_FORMS));

		in[0] = in[1] = 77;
		pick_start(&p);
		pick_here(&q);
		pick_finish(&p);
		must_have_picked(&p, p.which, 0);
		must_have_picked(&q, p.which, 0);
		must_eq(in[0], p.which == 0 ? 77 : 2);
		must_eq(in[1], p.which == 0 ? 1 : 77);
	}
	ends_drop(&e);
}

/* -------------------------------------------------------- disconnected, skipped */

/* In each form, READY or not: the case says EPIPE, and its buffer is left. */
static void expect_end(chan_case_t ended, const uint64_t *msg, struct lane *idle)
{
	uint64_t before = *msg;

	for (unsigned flags = 0; flags <= (CHAN_SELECT_BIASED | CHAN_SELECT_READY); flags++)
		for (unsigned form = 0; form <= PICK_FORMS; form++) {
			chan_case_t cases[2] = { lane_case(idle), ended };
			struct pick p = pick_of(cases, 2, flags, (enum pick_form)form);

			pick_here(&p);
			must_have_picked(&p, 1, EPIPE);
			must_eq(*msg, before);
		}
}

static void the_end_of_a_channel_is_a_status(const struct kind *k)
{
	enum { BY_CLOSE, BY_SENDER, BY_RECEIVER };
	struct lane idle;

	lane_open(&idle, k, false, false);
	for (int by = BY_CLOSE; by <= BY_RECEIVER; by++) {
		struct ends e = kind_open(k, 8);
		uint64_t number = 77;

		if (by == BY_CLOSE) {
			chan_close(e.c);
		} else if (by == BY_SENDER) {
			chan_sender_drop(e.tx);
			e.tx = NULL;
		} else {
			chan_receiver_drop(e.rx);
			e.rx = NULL;
		}
		if (e.rx)
			expect_end(case_recv(e.rx, &number), &number, &idle);
		if (e.tx)
			expect_end(case_send(e.tx, &number), &number, &idle);
		ends_drop(&e);
	}
	lane_close(&idle);
}

static void what_is_queued_comes_before_the_end(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t room = kind_room(k);
	uint64_t number = 77;
	chan_case_t cases[2] = { case_none(), case_recv(e.rx, &number) };

	queue_numbers(e.tx, 0, room);
	chan_close(e.c);
	for (size_t i = 0; i <= room; i++) {
		struct pick p = pick_of(cases, 2, 0, (enum pick_form)(i % (PICK_FORMS + 1)));

		number = 77;
		pick_here(&p);
		must_have_picked(&p, 1, i < room ? 0 : EPIPE);
		must_eq(number, i < room ? i : 77);
	}
	ends_drop(&e);
}

static void skipped_cases_are_passed_over(const struct kind *k)
{
	struct lane idle, ready;

	lane_open(&idle, k, false, false);
	lane_open(&ready, k, false, true);
	for (unsigned flags = 0; flags <= (CHAN_SELECT_BIASED | CHAN_SELECT_READY); flags++)
		for (unsigned form = 0; form <= PICK_FORMS; form++) {
			chan_case_t cases[] = {
				case_none(), lane_case(&idle), case_none(), case_none(), lane_case(&ready), case_none()
			};
			struct pick p = pick_of(cases, COUNT_OF(cases), flags, (enum pick_form)form);

			pick_here(&p);
			must_have_picked(&p, 4, 0);
			if (!(flags & CHAN_SELECT_READY))
				lane_restock(&ready);
		}
	lane_close(&idle);
	lane_close(&ready);
}

/* A loop takes a channel out of its set by clearing the handle. */
static void a_loop_ends_when_all_is_skipped(const struct kind *k)
{
	struct ends e[3];
	uint64_t number[3], sum = 0;
	chan_case_t cases[3];
	size_t open = 3;

	for (size_t i = 0; i < 3; i++) {
		e[i] = kind_open(k, 8);
		queue_numbers(e[i].tx, 1, 1);
		chan_sender_drop(e[i].tx);
		cases[i] = case_recv(e[i].rx, &number[i]);
	}
	while (open > 0) {
		struct pick p = pick_of(cases, 3, 0, PICK_PLAIN);

		pick_here(&p);
		must(cases[p.which].receiver != NULL);
		if (cases[p.which].status == EPIPE) {
			cases[p.which].receiver = NULL;
			open--;
		} else {
			sum += number[p.which];
		}
		cases[p.which].status = UNTOUCHED;
	}
	must_eq(sum, 3);
	for (size_t i = 0; i < 3; i++)
		chan_receiver_drop(e[i].rx);
}

/* ----------------------------------------------------------- nothing to wait for */

static void expect_nothing_to_wait_for(chan_case_t *cases, size_t n, unsigned flags)
{
	struct pick p = pick_of(cases, n, flags, PICK_TRY);

	pick_here(&p);
	must_have_refused(&p, EAGAIN);
	for (unsigned form = 0; form < PICK_FORMS; form++) {
		bool timed = form == PICK_TIMEOUT || form == PICK_DEADLINE;

		p.form = (enum pick_form)form;
		p.timeout_ns = 4 * CHAN_MSEC;
		pick_here(&p);
		must_have_refused(&p, timed ? ETIMEDOUT : EINVAL);
		must(!timed || p.ended_ns - p.began_ns >= 4 * CHAN_MSEC);
	}
}

static void an_empty_set_is_waited_for_only_with_a_deadline(const struct kind *k)
{
	struct timespec past = { -1, 0 };
	chan_case_t cases[3] = { case_none(), case_none(), case_none() };
	size_t which = UNTOUCHED;

	(void)k;
	for (unsigned flags = 0; flags <= (CHAN_SELECT_BIASED | CHAN_SELECT_READY); flags++) {
		expect_nothing_to_wait_for(NULL, 0, flags);
		expect_nothing_to_wait_for(cases, 0, flags);
		expect_nothing_to_wait_for(cases, 3, flags);
	}
	must_give(ETIMEDOUT, chan_select_deadline(NULL, 0, 0, &past, &which));
	must_give(ETIMEDOUT, chan_select_timeout(cases, 3, 0, 0, &which));
	must_eq(which, UNTOUCHED);
}

/* ------------------------------------------------------------------- deadlines */

static void a_past_deadline_still_looks_once(const struct kind *k)
{
	const struct timespec past[] = { { -1, 0 }, { -1, 999999999 }, { 0, 0 }, { 0, 1 } };

	for (int sends = 0; sends < 2; sends++) {
		struct lane ready;
		chan_case_t c;
		size_t which;

		lane_open(&ready, k, sends, true);
		for (size_t i = 0; i <= COUNT_OF(past); i++) {
			which = UNTOUCHED;
			c = lane_case(&ready);
			if (i < COUNT_OF(past))
				must_give(0, chan_select_deadline(&c, 1, 0, &past[i], &which));
			else
				must_give(0, chan_select_timeout(&c, 1, 0, 0, &which));
			must(which == 0 && c.status == 0);
			lane_restock(&ready);
		}
		lane_close(&ready);
	}
}

static void a_past_deadline_does_not_wait(const struct kind *k)
{
	const struct timespec past[] = { { -1, 0 }, { 0, 0 } };
	struct lane idle;
	size_t which = UNTOUCHED;
	chan_case_t c;

	lane_open(&idle, k, true, false);
	c = lane_case(&idle);
	must_give(ETIMEDOUT, chan_select_deadline(&c, 1, 0, &past[0], &which));
	must_give(ETIMEDOUT, chan_select_deadline(&c, 1, CHAN_SELECT_READY, &past[1], &which));
	must_give(ETIMEDOUT, chan_select_timeout(&c, 1, CHAN_SELECT_BIASED, 0, &which));
	must(which == UNTOUCHED && c.status == UNTOUCHED);
	lane_close(&idle);
}

static void no_select_gives_up_early(const struct kind *k)
{
	static const uint64_t times[] = { 1, 100 * CHAN_USEC, CHAN_MSEC, 12 * CHAN_MSEC };
	struct lane idle[2];
	chan_case_t cases[2];

	for (size_t i = 0; i < 2; i++) {
		lane_open(&idle[i], k, i == 0, false);
		cases[i] = lane_case(&idle[i]);
	}
	for (size_t i = 0; i < COUNT_OF(times); i++)
		for (unsigned flags = 0; flags <= (CHAN_SELECT_BIASED | CHAN_SELECT_READY); flags++) {
			struct pick p = pick_of(cases, 2, flags, i % 2 ? PICK_TIMEOUT : PICK_DEADLINE);

			p.timeout_ns = times[i];
			pick_here(&p);
			must_have_refused(&p, ETIMEDOUT);
			must(p.ended_ns - p.began_ns >= times[i]);
		}
	lane_close(&idle[0]);
	lane_close(&idle[1]);
}

/* ------------------------------------------------------------------- bad input */

/* All but what the compiler leaves between them. */
static bool are_same_case(const chan_case_t *a, const chan_case_t *b)
{
	return a->sender == b->sender && a->receiver == b->receiver && a->msg == b->msg &&
	       a->status == b->status && memcmp(a->reserved, b->reserved, sizeof(a->reserved)) == 0;
}

/* Each form refuses the set, and nothing at all has changed. */
static void expect_refused_set(chan_case_t *cases, size_t n, unsigned flags)
{
	chan_case_t before[4];

	must(n <= COUNT_OF(before));
	for (unsigned form = 0; form <= PICK_FORMS; form++) {
		struct pick p = pick_of(cases, n, flags, (enum pick_form)form);

		memcpy(before, cases, n * sizeof(cases[0]));
		pick_here(&p);
		must_have_refused(&p, EINVAL);
		for (size_t i = 0; i < n; i++)
			must(are_same_case(&before[i], &cases[i]));
	}
}

static void bad_arguments_change_nothing(const struct kind *k)
{
	struct ends e = kind_open(k, 8), ended = kind_open(k, 8);
	uint64_t number = 77;
	chan_case_t good = case_recv(ended.rx, &number), both = good, empty = case_send(e.tx, NULL);
	chan_case_t last[3] = { good, case_none(), both };

	chan_close(ended.c); /* `good` could happen at once */
	both.sender = e.tx;
	last[2] = both;
	expect_refused_set(&both, 1, 0);
	expect_refused_set(last, 3, 0);
	expect_refused_set(last, 3, CHAN_SELECT_BIASED);
	last[2].msg = NULL;
	expect_refused_set(last, 3, CHAN_SELECT_READY);
	last[2] = empty;
	expect_refused_set(&empty, 1, 0);
	expect_refused_set(last, 3, CHAN_SELECT_BIASED);
	expect_refused_set(&good, 1, 4);
	expect_refused_set(&good, 1, 4 | CHAN_SELECT_READY);
	expect_refused_set(&good, 1, ~0u);
	must(number == 77 && chan_len(e.c) == 0);
	ends_drop(&e);
	ends_drop(&ended);
}

static void a_result_needs_a_place(const struct kind *k)
{
	struct timespec past = { -1, 0 };
	struct lane ready;
	chan_case_t c, before;
	size_t which = UNTOUCHED;

	lane_open(&ready, k, false, true);
	c = before = lane_case(&ready);
	must_give(EINVAL, chan_select(&c, 1, 0, NULL));
	must_give(EINVAL, chan_try_select(&c, 1, 0, NULL));
	must_give(EINVAL, chan_select_timeout(&c, 1, 0, 0, NULL));
	must_give(EINVAL, chan_select_deadline(&c, 1, CHAN_SELECT_READY, &past, NULL));
	must_give(EINVAL, chan_try_select(NULL, 0, 0, NULL));
	must_give(EINVAL, chan_select_timeout(NULL, 0, 0, 0, NULL));
	must_give(EINVAL, chan_select(NULL, 1, 0, &which));
	must_give(EINVAL, chan_try_select(NULL, 1, 0, &which));
	must_give(EINVAL, chan_select_timeout(NULL, 2, 0, 0, &which));
	must_give(EINVAL, chan_select_deadline(NULL, 1, 0, &past, &which));
	must(are_same_case(&before, &c) && which == UNTOUCHED && ready.msg == 0);
	wait_ready(c);
	lane_close(&ready);
}

static void nanoseconds_have_a_range(const struct kind *k)
{
	const struct timespec bad[] = { { 0, -1 }, { 0, 1000000000 }, { -1, -1 }, { INT64_MAX, 1000000000 } };
	struct lane ready, idle;
	chan_case_t cases[2];
	size_t which = UNTOUCHED;

	lane_open(&ready, k, false, true);
	lane_open(&idle, k, false, false);
	cases[0] = lane_case(&ready);
	cases[1] = lane_case(&idle);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		must_give(EINVAL, chan_select_deadline(cases, 2, 0, &bad[i], &which));
		must_give(EINVAL, chan_select_deadline(cases + 1, 1, CHAN_SELECT_READY, &bad[i], &which));
		must_give(EINVAL, chan_select_deadline(NULL, 0, 0, &bad[i], &which));
	}
	must(which == UNTOUCHED && cases[0].status == UNTOUCHED && cases[1].status == UNTOUCHED);
	must_eq(ready.msg, 0);
	wait_ready(cases[0]);
	lane_close(&ready);
	lane_close(&idle);
}

/* -------------------------------------------------------------- what is carried */

/* Buffers of any size at any address, handed from select to select. */
static void messages_of_any_size_pass_unharmed(const struct kind *k)
{
	static const size_t sizes[] = { 1, 3, 8, 17, 1000, 70000 };
	static unsigned char out[1 + 70000], in[1 + 70000 + 1];

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		size_t size = sizes[i];
		struct ends e = kind_open(k, size);
		chan_case_t to = case_send(e.tx, out + 1), from = case_recv(e.rx, in + 1);
		struct pick send = pick_of(&to, 1, 0, PICK_PLAIN), recv = pick_of(&from, 1, 0, PICK_PLAIN);

		for (size_t j = 0; j < size; j++)
			out[1 + j] = (unsigned char)(j * 31 + size);
		memset(in, 0xee, sizeof(in));
		pick_start(&recv);
		pick_here(&send);
		must_have_picked(&send, 0, 0);
		pick_finish(&recv);
		must_have_picked(&recv, 0, 0);
		must(memcmp(in + 1, out + 1, size) == 0);
		must(in[0] == 0xee && in[1 + size] == 0xee);
		ends_drop(&e);
	}
}

static void a_pure_signal_needs_no_buffer(const struct kind *k)
{
	struct ends e = kind_open(k, 0);
	chan_case_t to = case_send(e.tx, NULL), from = case_recv(e.rx, NULL);
	struct pick send = pick_of(&to, 1, 0, PICK_PLAIN), recv = pick_of(&from, 1, 0, PICK_PLAIN);

	pick_start(&recv);
	pick_here(&send);
	must_have_picked(&send, 0, 0);
	pick_finish(&recv);
	must_have_picked(&recv, 0, 0);
	must_eq(chan_len(e.c), 0);
	ends_drop(&e);
}

static void send_one(void *arg)
{
	uint64_t number = 6;

	must_give(0, chan_send(arg, &number));
}

/* At once, and for a select that waited. */
static void a_receive_into_nothing_destroys(const struct kind *k)
{
	struct destroyed d;
	struct ends e = kind_open_destroying(k, &d);
	chan_case_t from = case_recv(e.rx, NULL);
	struct pick p = pick_of(&from, 1, 0, PICK_PLAIN);
	struct worker sender;

	worker_start(&sender, send_one, e.tx);
	wait_ready(from);
	pick_here(&p);
	must_have_picked(&p, 0, 0);
	worker_join(&sender);
	must(d.count == 1 && d.sum == 6);
	pick_start_asleep(&p);
	send_one(e.tx);
	pick_finish(&p);
	must_have_picked(&p, 0, 0);
	must(d.count == 2 && d.sum == 12);
	ends_drop(&e);
	must_eq(d.count, 2);
}

/* ---------------------------------------------------------------------- memory */

enum { MANY = 1000 };

/* A thousand cases over ten channels, of which one is ready at last. */
static void a_thousand_cases_are_as_good_as_one(const struct kind *k)
{
	struct set *s = set_new();
	chan_case_t *cases = malloc(MANY * sizeof(*cases));
	struct pick p = pick_of(cases, MANY, 0, PICK_TRY);

	must(cases != NULL);
	for (size_t i = 0; i < 10; i++)
		set_add(s, k, i % 2 == 0, false);
	for (size_t i = 0; i < MANY; i++)
		cases[i] = lane_case(&s->lanes[i == MANY - 1 ? 9 : i % 9]);
	pick_here(&p);
	must_have_refused(&p, EAGAIN);
	p.form = PICK_TIMEOUT;
	p.timeout_ns = CHAN_MSEC;
	pick_here(&p);
	must_have_refused(&p, ETIMEDOUT);
	for (unsigned form = 0; form < PICK_FORMS; form++) {
		p = pick_of(cases, MANY, 0, (enum pick_form)form);
		pick_start_asleep(&p);
		lane_feed(&s->lanes[9]);
		pick_finish(&p);
		must_have_picked(&p, MANY - 1, 0);
	}
	free(cases);
	set_drop(s);
}

static struct ends open_counted(const struct kind *k, struct counting *counting)
{
	chan_allocator_t allocator = counting_allocator(counting);
	chan_attr_t attr;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &allocator));
	return attr_open(&attr, 8);
}

static void waiting_allocates_nothing(const struct kind *k)
{
	struct counting counting;
	struct ends e[3];
	chan_case_t cases[MOST];
	uint64_t number[3];
	size_t calls;

	counting_init(&counting);
	for (size_t i = 0; i < 3; i++)
		e[i] = open_counted(k, &counting);
	calls = counting_calls(&counting);
	for (size_t i = 0; i < MOST; i++)
		cases[i] = case_recv(e[i % 3].rx, &number[i % 3]);
	for (unsigned flags = 0; flags <= (CHAN_SELECT_BIASED | CHAN_SELECT_READY); flags++) {
		struct pick p = pick_of(cases, MOST, flags, PICK_TRY);

		pick_here(&p);
		must_have_refused(&p, EAGAIN);
		p.form = PICK_TIMEOUT;
		p.timeout_ns = CHAN_MSEC;
		pick_here(&p);
		must_have_refused(&p, ETIMEDOUT);
		must_eq(counting_calls(&counting), calls);
	}
	for (size_t i = 0; i < 3; i++)
		ends_drop(&e[i]);
	counting_must_balance(&counting);
}

/* Where there is no memory for a message the case says so, and keeps it. */
static void a_send_without_memory_is_a_status(const struct kind *k)
{
	struct counting counting;
	struct ends e;
	struct lane idle;
	uint64_t number = 0;
	chan_case_t cases[2];
	struct pick p = pick_of(cases, 2, 0, PICK_PLAIN);

	counting_init(&counting);
	e = open_counted(k, &counting);
	lane_open(&idle, k, false, false);
	cases[0] = lane_case(&idle);
	cases[1] = case_send(e.tx, &number);
	counting_fail(&counting, 0, SIZE_MAX);
	for (pick_here(&p); cases[1].status == 0 && number < 100000; number++, pick_here(&p))
		must_have_picked(&p, 1, 0);
	must_have_picked(&p, 1, ENOMEM);
	must_eq(chan_len(e.c), number);
	counting.fail_from = SIZE_MAX;
	pick_here(&p);
	must_have_picked(&p, 1, 0);
	expect_numbers(e.rx, 0, (size_t)number + 1);
	ends_drop(&e);
	lane_close(&idle);
	counting_must_balance(&counting);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(each_ready_receive_gets_its_share, NEEDS_NOTHING),
	BEHAVIOUR(each_ready_send_gets_its_share, NEEDS_NOTHING),
	BEHAVIOUR(sends_and_receives_share, NEEDS_NOTHING),
	BEHAVIOUR(three_neighbours_of_six_share, NEEDS_NOTHING),
	BEHAVIOUR(two_neighbours_of_sixty_four_share, NEEDS_NOTHING),
	BEHAVIOUR(each_duplicate_counts, NEEDS_NOTHING),
	BEHAVIOUR(a_disconnected_case_has_its_share, NEEDS_NOTHING),
	BEHAVIOUR(the_lowest_ready_index_is_preferred, NEEDS_NOTHING),
	BEHAVIOUR(a_disconnected_case_can_be_the_lowest, FITS_ONE_MESSAGE),
	BEHAVIOUR(both_ends_of_one_channel_can_be_cases, NEEDS_QUEUE),
	BEHAVIOUR(a_select_never_meets_itself, NEEDS_RENDEZVOUS),
	BEHAVIOUR(a_select_with_both_ends_meets_others, NEEDS_RENDEZVOUS),
	BEHAVIOUR(two_selects_with_both_ends_meet, NEEDS_RENDEZVOUS),
	BEHAVIOUR(the_end_of_a_channel_is_a_status, FITS_ONE_MESSAGE),
	BEHAVIOUR(what_is_queued_comes_before_the_end, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(skipped_cases_are_passed_over, NEEDS_NOTHING),
	BEHAVIOUR(a_loop_ends_when_all_is_skipped, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(an_empty_set_is_waited_for_only_with_a_deadline, RUNS_ONCE),
	BEHAVIOUR(a_past_deadline_still_looks_once, NEEDS_NOTHING),
	BEHAVIOUR(a_past_deadline_does_not_wait, FITS_ONE_MESSAGE),
	BEHAVIOUR(no_select_gives_up_early, FITS_ONE_MESSAGE),
	BEHAVIOUR(bad_arguments_change_nothing, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_result_needs_a_place, FITS_ONE_MESSAGE),
	BEHAVIOUR(nanoseconds_have_a_range, FITS_ONE_MESSAGE),
	BEHAVIOUR(messages_of_any_size_pass_unharmed, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_pure_signal_needs_no_buffer, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_receive_into_nothing_destroys, NEEDS_DESTRUCTOR),
	BEHAVIOUR(a_thousand_cases_are_as_good_as_one, NEEDS_NOTHING),
	BEHAVIOUR(waiting_allocates_nothing, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_send_without_memory_is_a_status, NEEDS_UNBOUNDED),
};

const struct select_theme select_choice = { behaviours, COUNT_OF(behaviours) };
