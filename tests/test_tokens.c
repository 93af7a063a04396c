/*
 * test_tokens.c - cancellation tokens: trees of them, their receivers, their owners
 *
 * Calls that end with a token are in test_cancel.c.  This suite links the
 * library's test build, holds threads at its pause points, and counts and fails
 * what it allocates (the linker wraps chan__memory_get and chan__memory_put).
 */
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "support/support.h"

extern void (*chan__tp_hook)(const char *name);

/* -------------------------------------------------------------------- allocation */

static atomic_size_t blocks;     /* taken and not given back */
static atomic_size_t failures;   /* how many of the next allocations fail */

void *__real_chan__memory_get(const struct chan__memory *m, size_t size);
void *__wrap_chan__memory_get(const struct chan__memory *m, size_t size);
void __real_chan__memory_put(const struct chan__memory *m, void *ptr, size_t size);
void __wrap_chan__memory_put(const struct chan__memory *m, void *ptr, size_t size);

void *__wrap_chan__memory_get(const struct chan__memory *m, size_t size)
{
	if (atomic_load(&failures) > 0) {
		atomic_fetch_sub(&failures, 1);
		return NULL;
	}
	atomic_fetch_add(&blocks, 1);
	return __real_chan__memory_get(m, size);
}

void __wrap_chan__memory_put(const struct chan__memory *m, void *ptr, size_t size)
{
	atomic_fetch_sub(&blocks, 1);
	__real_chan__memory_put(m, ptr, size);
}

/* ------------------------------------------------------------------------ helpers */

static chan_cancel_t *make_token(chan_cancel_t *parent)
{
	chan_cancel_t *token = NULL;

	must_give(0, chan_cancel_create(parent, &token));
	must(token != NULL);
	return token;
}

static void trigger(chan_cancel_t *token)
{
	must_keep_errno(chan_cancel_trigger(token));
}

static void drop(chan_cancel_t *token)
{
	must_keep_errno(chan_cancel_drop(token));
}

static bool triggered(const chan_cancel_t *token)
{
	return chan_cancel_is_triggered(token);
}

/* Token i's parent is (i - 1) / arity: arity 1 is a chain. */
static void make_tree(chan_cancel_t **tokens, size_t n, size_t arity)
{
	tokens[0] = make_token(NULL);
	for (size_t i = 1; i < n; i++)
		tokens[i] = make_token(tokens[(i - 1) / arity]);
}

static void drop_tree(chan_cancel_t **tokens, size_t n)
{
	for (size_t i = 0; i < n; i++)
		drop(tokens[i]);
}

static size_t count_triggered(chan_cancel_t **tokens, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += triggered(tokens[i]);
	return count;
}

/* Is `i` of a tree at or below `top`? */
static bool is_below(size_t i, size_t top, size_t arity)
{
	while (i > top)
		i = (i - 1) / arity;
	return i == top;
}

/* ------------------------------------------------------------------------- one token */

static void a_trigger_is_for_good(const struct kind *k)
{
	chan_cancel_t *token = make_token(NULL);

	(void)k;
	must(!triggered(token));
	for (int i = 0; i < 3; i++) {
		trigger(token);
		must(triggered(token));
	}
	drop(token);
	must_eq(atomic_load(&blocks), 0);
}

static void a_clone_is_the_same_token(const struct kind *k)
{
	chan_cancel_t *token = make_token(NULL), *clone = chan_cancel_clone(token);

	(void)k;
	must(clone != NULL);
	drop(token);
	must(!triggered(clone));
	token = chan_cancel_clone(clone);
	trigger(clone);
	drop(clone);
	must(triggered(token));
	must_eq(atomic_load(&blocks), 1);
	drop(token);
	must_eq(atomic_load(&blocks), 0);
}

static void null_is_no_token(const struct kind *k)
{
	chan_cancel_t *token = (chan_cancel_t *)(uintptr_t)16;

	(void)k;
	must_give(EINVAL, chan_cancel_create(NULL, NULL));
	token = make_token(NULL);
	must_give(EINVAL, chan_cancel_create(token, NULL));
	drop(token);
	trigger(NULL);
	drop(NULL);
	must(!triggered(NULL));
	must(chan_cancel_receiver(NULL) == NULL);
	must(chan_cancel_clone(NULL) == NULL);
	must_eq(atomic_load(&blocks), 0);
}

static void without_memory_there_is_no_token(const struct kind *k)
{
	chan_cancel_t *root = make_token(NULL), *token = root;

	(void)k;
	for (int i = 0; i < 2; i++) {
		atomic_store(&failures, 1);
		must_give(ENOMEM, chan_cancel_create(i ? root : NULL, &token));
		must(token == root);
		must_eq(atomic_load(&failures), 0);
	}
	drop(make_token(root)); /* and the parent is as it was */
	trigger(root);
	drop(root);
	must_eq(atomic_load(&blocks), 0);
}

static void a_token_is_one_allocation(const struct kind *k)
{
	chan_cancel_t *root = make_token(NULL), *child;

	(void)k;
	must_eq(atomic_load(&blocks), 1);
	child = make_token(root);
	must_eq(atomic_load(&blocks), 2);
	atomic_store(&failures, SIZE_MAX); /* nothing else allocates */
	drop(chan_cancel_clone(child));
	chan_receiver_drop(chan_receiver_clone(chan_cancel_receiver(child)));
	trigger(root);
	drop(child);
	drop(root);
	atomic_store(&failures, 0);
	must_eq(atomic_load(&blocks), 0);
}

/* --------------------------------------------------------------------------- trees */

enum { TREE = 40 };

static void a_trigger_reaches_what_is_below_and_nothing_else(const struct kind *k)
{
	(void)k;
	for (size_t arity = 1; arity <= 4; arity++)
		for (size_t top = 0; top < TREE; top += 1 + top / 3) {
			chan_cancel_t *tokens[TREE];

			make_tree(tokens, TREE, arity);
			trigger(tokens[top]);
			for (size_t i = 0; i < TREE; i++)
				must_eq(triggered(tokens[i]), is_below(i, top, arity));
			trigger(tokens[0]);
			must_eq(count_triggered(tokens, TREE), TREE);
			drop_tree(tokens, TREE);
		}
	must_eq(atomic_load(&blocks), 0);
}

static void a_child_of_a_triggered_token_is_born_triggered(const struct kind *k)
{
	chan_cancel_t *root = make_token(NULL), *before = make_token(root), *child, *grandchild;

	(void)k;
	trigger(before);
	child = make_token(root);
	must(!triggered(root) && !triggered(child));
	drop(child);
	trigger(root);
	child = make_token(root);
	grandchild = make_token(child);
	must(triggered(child) && triggered(grandchild));
	must_give(EPIPE, chan_recv(chan_cancel_receiver(grandchild), NULL));
	drop(child);
	child = make_token(before);
	must(triggered(child));
	drop(child);
	drop(grandchild);
	drop(before);
	drop(root);
	must_eq(atomic_load(&blocks), 0);
}

static void dropping_does_not_trigger(const struct kind *k)
{
	chan_cancel_t *root = make_token(NULL), *middle = make_token(root), *leaf = make_token(middle);

	(void)k;
	drop(middle);
	must(!triggered(root) && !triggered(leaf));
	drop(root);
	must(!triggered(leaf));
	must_give(EAGAIN, chan_try_recv(chan_cancel_receiver(leaf), NULL));
	drop(leaf);
	must_eq(atomic_load(&blocks), 0);
}

static void a_dropped_middle_token_still_relays(const struct kind *k)
{
	chan_cancel_t *tokens[TREE];

	(void)k;
	make_tree(tokens, TREE, 3);
	for (size_t i = 1; i < TREE / 3; i++) /* all that have children, but the root */
		drop(tokens[i]);
	must_eq(atomic_load(&blocks), TREE); /* a child keeps its parent */
	trigger(tokens[0]);
	for (size_t i = TREE / 3; i < TREE; i++) {
		must(triggered(tokens[i]));
		drop(tokens[i]);
	}
	must_eq(atomic_load(&blocks), 1);
	drop(tokens[0]);
	must_eq(atomic_load(&blocks), 0);
}

static void a_token_goes_with_its_last_owner_or_child(const struct kind *k)
{
	chan_cancel_t *root = make_token(NULL), *middle = make_token(root), *leaf = make_token(middle);

	(void)k;
	drop(middle);
	must_eq(atomic_load(&blocks), 3);
	drop(leaf);
	must_eq(atomic_load(&blocks), 1);
	leaf = make_token(root);
	drop(root);
	must_eq(atomic_load(&blocks), 2);
	drop(leaf);
	must_eq(atomic_load(&blocks), 0);
}

/* --------------------------------------------------------- trees too large to recur */

enum { MANY = 10000, SMALL_STACK = 128 * 1024 };

struct large {
	chan_cancel_t *tokens[MANY];
	size_t n, arity;
};

static void trigger_and_drop_all(struct large *l, bool leaves_first)
{
	make_tree(l->tokens, l->n, l->arity);
	trigger(l->tokens[0]);
	must_eq(count_triggered(l->tokens, l->n), l->n);
	for (size_t i = 0; i < l->n; i++)
		drop(l->tokens[leaves_first ? l->n - 1 - i : i]);
	must_eq(atomic_load(&blocks), 0);
}

/* The last drop, of the last leaf, takes the whole chain along. */
static void use_large(void *arg)
{
	struct large *l = arg;

	trigger_and_drop_all(l, true);
	trigger_and_drop_all(l, false);
}

static void use_tree_on_a_small_stack(size_t arity)
{
	static struct large l;
	struct worker worker;

	l.n = MANY;
	l.arity = arity;
	worker_start_small(&worker, use_large, &l, SMALL_STACK);
	worker_join(&worker);
}

static void a_tree_can_be_ten_thousand_deep(const struct kind *k)
{
	(void)k;
	use_tree_on_a_small_stack(1);
}

static void a_tree_can_be_ten_thousand_wide(const struct kind *k)
{
	(void)k;
	use_tree_on_a_small_stack(MANY);
}

static void a_tree_can_be_both(const struct kind *k)
{
	(void)k;
	use_tree_on_a_small_stack(2);
}

/* ------------------------------------------------------------------------- receivers */

static void a_receiver_says_eagain_and_then_epipe(const struct kind *k)
{
	chan_cancel_t *token = make_token(NULL);
	chan_receiver_t *rx = chan_cancel_receiver(token);
	struct timespec past = { -1, 0 };
	size_t count;

	(void)k;
	must(rx != NULL && rx == chan_cancel_receiver(token));
	must_give(EAGAIN, chan_try_recv(rx, NULL));
	must_give(EAGAIN, chan_try_recv_many(rx, NULL, 3, &count));
	must_eq(count, 0);
	must_give(ETIMEDOUT, chan_recv_timeout(rx, NULL, CHAN_MSEC));
	must_give(ETIMEDOUT, chan_recv_deadline(rx, NULL, &past));
	trigger(token);
	must_give(EPIPE, chan_try_recv(rx, NULL));
	must_give(EPIPE, chan_try_recv_many(rx, NULL, 3, &count));
	must_eq(count, 0);
	must_give(EPIPE, chan_recv(rx, NULL));
	must_give(EPIPE, chan_recv_many(rx, NULL, 3, &count));
	must_give(EPIPE, chan_recv_timeout(rx, NULL, 0));
	must_give(EPIPE, chan_recv_deadline(rx, NULL, &past));
	must_give(EPIPE, chan_recv_cancel(rx, NULL, token));
	drop(token);
}

static void its_channel_is_empty_and_without_senders(const struct kind *k)
{
	chan_cancel_t *token = make_token(NULL);
	chan_t *c = chan_receiver_channel(chan_cancel_receiver(token));

	(void)k;
	for (int i = 0; i < 2; i++) {
		must_eq(chan_is_disconnected(c), i);
		must(chan_len(c) == 0 && chan_is_empty(c) && chan_is_full(c) && chan_capacity(c) == 0);
		must(chan_sender_count(c) == 0 && chan_receiver_count(c) == 1 && chan_msg_size(c) == 0);
		must(chan_flavor(c) == CHAN_FLAVOR_NEVER && chan_lost(c) == 0);
		must(chan_receiver_len(chan_cancel_receiver(token)) == 0);
		trigger(token);
	}
	drop(token);
}

static void a_receive_from_a_token_is_woken_by_its_trigger(const struct kind *k)
{
	(void)k;
	for (enum call_form form = 0; form < CALL_FORMS; form++) {
		chan_cancel_t *root = make_token(NULL), *token = make_token(root);
		struct call calls[3];

		for (size_t i = 0; i < 3; i++) {
			calls[i] = call_recv(chan_cancel_receiver(token), form);
			calls[i].cancel = token; /* EPIPE comes before ECANCELED */
			call_start_asleep(&calls[i]);
		}
		trigger(root);
		for (size_t i = 0; i < 3; i++) {
			call_finish(&calls[i]);
			must_eq(calls[i].result, EPIPE);
		}
		drop(token);
		drop(root);
	}
}

static void a_clone_of_the_receiver_outlives_the_token(const struct kind *k)
{
	chan_cancel_t *root = make_token(NULL), *token = make_token(root);
	chan_receiver_t *rx = chan_receiver_clone(chan_cancel_receiver(token));

	(void)k;
	drop(token);
	must_eq(atomic_load(&blocks), 2);
	must_give(EAGAIN, chan_try_recv(rx, NULL));
	trigger(root);
	must_give(EPIPE, chan_try_recv(rx, NULL));
	must_keep_errno(chan_receiver_drop(rx));
	must_eq(atomic_load(&blocks), 1);
	drop(root);
	must_eq(atomic_load(&blocks), 0);
}

static void a_token_is_a_case_of_a_select(const struct kind *k)
{
	chan_cancel_t *token = make_token(NULL);
	chan_sender_t *tx;
	chan_receiver_t *rx;
	uint64_t number = 5;
	size_t which = 9;

	(void)k;
	must_give(0, chan_bounded(1, 8, &tx, &rx));
	for (unsigned flags = 0; flags <= CHAN_SELECT_READY; flags += CHAN_SELECT_READY) {
		chan_case_t cases[] = { CHAN_CASE_RECV(chan_cancel_receiver(token), NULL), CHAN_CASE_RECV(rx, &number) };

		must_give(EAGAIN, chan_try_select(cases, 2, flags, &which));
		must_give(ETIMEDOUT, chan_select_timeout(cases, 2, flags, CHAN_MSEC, &which));
		must_give(0, chan_send(tx, &number));
		must_give(0, chan_select(cases, 2, flags, &which));
		must(which == 1 && cases[1].status == 0);
		if (flags)
			must_give(0, chan_recv(rx, &number));
	}
	trigger(token);
	for (unsigned flags = 0; flags <= CHAN_SELECT_READY; flags += CHAN_SELECT_READY) {
		chan_case_t cases[] = { CHAN_CASE_RECV(chan_cancel_receiver(token), NULL), CHAN_CASE_RECV(rx, &number) };

		must_give(0, chan_select(cases, 2, flags, &which));
		must(which == 0 && cases[0].status == EPIPE);
	}
	drop(token);
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
}

struct selecting {
	chan_cancel_t *token;
	chan_receiver_t *rx;
	unsigned flags;
	int result, status;
	size_t which;
	struct worker worker;
};

static void select_both(void *arg)
{
	struct selecting *s = arg;
	uint64_t number;
	chan_case_t cases[] = { CHAN_CASE_RECV(s->rx, &number), CHAN_CASE_RECV(chan_cancel_receiver(s->token), NULL) };

	s->result = chan_select(cases, 2, s->flags, &s->which);
	s->status = cases[1].status;
}

static void a_trigger_wakes_a_select(const struct kind *k)
{
	(void)k;
	for (unsigned flags = 0; flags <= CHAN_SELECT_READY; flags += CHAN_SELECT_READY) {
		chan_cancel_t *root = make_token(NULL);
		struct selecting s = { .token = make_token(root), .flags = flags };
		chan_sender_t *tx;

		must_give(0, chan_bounded(1, 8, &tx, &s.rx));
		worker_start(&s.worker, select_both, &s);
		worker_wait_asleep(&s.worker);
		trigger(root);
		worker_join(&s.worker);
		must(s.result == 0 && s.which == 1 && s.status == EPIPE);
		chan_sender_drop(tx);
		chan_receiver_drop(s.rx);
		drop(s.token);
		drop(root);
	}
}

/* ------------------------------------------------------------------------- visibility */

/* Plain memory, written before a trigger and read by who sees it triggered:
 * ThreadSanitizer would call it a race if the trigger did not order it. */
struct seen {
	chan_cancel_t *root, *token;
	chan_receiver_t *rx;
	uint64_t plain;
	void (*look)(struct seen *s);
	struct worker worker;
};

static void look_at_the_token(struct seen *s)
{
	wait_for(triggered(s->token));
}

static void look_at_the_receiver(struct seen *s)
{
	wait_for(chan_try_recv(chan_cancel_receiver(s->token), NULL) == EPIPE);
}

static void look_at_its_disconnection(struct seen *s)
{
	wait_for(chan_is_disconnected(chan_receiver_channel(chan_cancel_receiver(s->token))));
}

static void look_by_being_cancelled(struct seen *s)
{
	uint64_t number;

	must_eq(chan_recv_cancel(s->rx, &number, s->token), ECANCELED);
}

static void look_by_waiting(struct seen *s)
{
	must_eq(chan_recv(chan_cancel_receiver(s->token), NULL), EPIPE);
}

static void look_at_a_new_child(struct seen *s)
{
	bool born = false;

	wait_for((drop(s->token), s->token = make_token(s->root), born = triggered(s->token)));
	must(born);
}

static void see(void *arg)
{
	struct seen *s = arg;

	s->look(s);
	must_eq(s->plain, 42);
}

static void what_preceded_the_trigger_is_visible(const struct kind *k)
{
	static void (*const looks[])(struct seen * s) = {
		look_at_the_token, look_at_the_receiver, look_at_its_disconnection,
		look_by_being_cancelled, look_by_waiting, look_at_a_new_child
	};
	chan_sender_t *tx;
	chan_receiver_t *rx;

	(void)k;
	must_give(0, chan_bounded(1, 8, &tx, &rx));
	for (size_t i = 0; i < COUNT_OF(looks) * test_scaled(50); i++) {
		struct seen s = { .root = make_token(NULL), .rx = rx, .look = looks[i % COUNT_OF(looks)] };

		s.token = make_token(s.root);
		worker_start(&s.worker, see, &s);
		s.plain = 42;
		chan_cancel_trigger(s.root);
		worker_join(&s.worker);
		drop(s.token);
		drop(s.root);
	}
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
}

/* ---------------------------------------------------------------------- concurrently */

enum { THREADS = 4, FOREST = 121 }; /* arity 3: 1 + 3 + 9 + 27 + 81 */

struct forester {
	chan_cancel_t **tokens;
	size_t n, arity, top;
	struct gate *gate;
	struct dice dice;
	struct worker worker;
};

static void trigger_and_look(void *arg)
{
	struct forester *f = arg;

	gate_pass(f->gate);
	chan_cancel_trigger(f->tokens[f->top]);
	for (size_t i = 0; i < f->n; i++)
		if (is_below(i, f->top, f->arity))
			must(triggered(f->tokens[i]));
}

/* Each trigger has reached everything below when it returns, also the one that
 * found its token triggered. */
static void every_trigger_reaches_all_before_it_returns(const struct kind *k)
{
	size_t rounds = test_scaled(2000);
	struct dice dice = { 21 };

	(void)k;
	for (size_t i = 0; i < rounds; i++) {
		chan_cancel_t *tokens[FOREST];
		struct forester foresters[THREADS];
		struct gate gate;

		make_tree(tokens, FOREST, 3);
		gate_init(&gate, THREADS);
		for (size_t j = 0; j < THREADS; j++) {
			struct forester f = { .tokens = tokens, .n = FOREST, .arity = 3, .gate = &gate };

			f.top = j < 2 ? 0 : dice_roll(&dice, FOREST);
			foresters[j] = f;
			worker_start(&foresters[j].worker, trigger_and_look, &foresters[j]);
		}
		for (size_t j = 0; j < THREADS; j++)
			worker_join(&foresters[j].worker);
		drop_tree(tokens, FOREST);
	}
	must_eq(atomic_load(&blocks), 0);
}

enum { GROWN = 60 };

/* Grows a tree below the root, each new token at a random one of its own. */
static void grow(void *arg)
{
	struct forester *f = arg;

	gate_pass(f->gate);
	for (size_t i = 0; i < GROWN; i++) {
		chan_cancel_t *parent = i ? f->tokens[dice_roll(&f->dice, i)] : f->tokens[GROWN];
		bool was = triggered(parent);

		f->tokens[i] = make_token(parent);
		must(!was || triggered(f->tokens[i]));
		if (dice_roll(&f->dice, 3) == 0)
			drop(make_token(parent));
	}
}

/* Whatever is made while the trigger is under way is triggered, too. */
static void creation_races_the_trigger(const struct kind *k)
{
	size_t rounds = test_scaled(2000);
	struct dice dice = { 22 };

	(void)k;
	for (size_t i = 0; i < rounds; i++) {
		chan_cancel_t *root = make_token(NULL), *grown[2][GROWN + 1];
		struct forester foresters[2];
		struct gate gate;

		gate_init(&gate, 3);
		for (size_t j = 0; j < 2; j++) {
			struct forester f = { .tokens = grown[j], .gate = &gate, .dice = { 2 * i + j } };

			grown[j][GROWN] = root;
			foresters[j] = f;
			worker_start(&foresters[j].worker, grow, &foresters[j]);
		}
		gate_pass(&gate);
		wait_spinning(dice_roll(&dice, 20 * CHAN_USEC));
		chan_cancel_trigger(root);
		for (size_t j = 0; j < 2; j++) {
			worker_join(&foresters[j].worker);
			must_eq(count_triggered(grown[j], GROWN), GROWN);
			drop_tree(grown[j], GROWN);
		}
		drop(root);
	}
	must_eq(atomic_load(&blocks), 0);
}

/* Each thread has a handle of every token, and gives them up in an order of its
 * own; now and then it triggers one first, clones one, or makes a child. */
static void shuffle_and_drop(void *arg)
{
	struct forester *f = arg;
	size_t order[FOREST];

	for (size_t i = 0; i < f->n; i++)
		order[i] = i;
	gate_pass(f->gate);
	for (size_t left = f->n; left > 0; left--) {
		size_t pick = dice_roll(&f->dice, left);
		chan_cancel_t *token = f->tokens[order[pick]];

		order[pick] = order[left - 1];
		switch (dice_roll(&f->dice, 8)) {
		case 0: chan_cancel_trigger(token); break;
		case 1: chan_cancel_drop(make_token(token)); break;
		case 2: chan_cancel_drop(chan_cancel_clone(token)); break;
		}
		chan_cancel_drop(token);
	}
}

static void tokens_are_dropped_in_any_order_by_any_thread(const struct kind *k)
{
	size_t rounds = test_scaled(1000);

	(void)k;
	for (size_t i = 0; i < rounds; i++) {
		chan_cancel_t *tokens[FOREST];
		struct forester foresters[THREADS];
		struct gate gate;

		make_tree(tokens, FOREST, 1 + i % 3);
		gate_init(&gate, THREADS);
		for (size_t j = 0; j < THREADS; j++) {
			struct forester f = { .tokens = tokens, .n = FOREST, .gate = &gate, .dice = { i * THREADS + j } };

			for (size_t t = 0; j > 0 && t < FOREST; t++)
				must(chan_cancel_clone(tokens[t]) != NULL);
			foresters[j] = f;
		}
		for (size_t j = 0; j < THREADS; j++)
			worker_start(&foresters[j].worker, shuffle_and_drop, &foresters[j]);
		for (size_t j = 0; j < THREADS; j++)
			worker_join(&foresters[j].worker);
		must_eq(atomic_load(&blocks), 0);
	}
}

/* ------------------------------------------------------------- held at a certain point */

static _Thread_local const char *hold_point;
static _Thread_local unsigned hold_skip; /* so many times it goes past */
static sem_t hold_arrived, hold_go;

static void hold_here(const char *name)
{
	if (!hold_point || strcmp(name, hold_point) != 0 || hold_skip-- > 0)
		return;
	hold_point = NULL;
	sem_post(&hold_arrived);
	wait_sem(&hold_go);
}

struct held {
	const char *point;
	unsigned skip;
	void (*act)(struct held *h);
	chan_cancel_t *token;
	struct call call;
	struct worker worker;
};

static void act_held(void *arg)
{
	struct held *h = arg;

	hold_point = h->point;
	hold_skip = h->skip;
	h->act(h);
	hold_point = NULL;
}

/* Until the thread stands there. */
static void start_held(struct held *h)
{
	sem_init(&hold_arrived, 0, 0);
	sem_init(&hold_go, 0, 0);
	__atomic_store_n(&chan__tp_hook, hold_here, __ATOMIC_RELEASE);
	worker_start(&h->worker, act_held, h);
	wait_for(sem_trywait(&hold_arrived) == 0);
}

static void end_held(struct held *h)
{
	sem_post(&hold_go);
	worker_join(&h->worker);
	__atomic_store_n(&chan__tp_hook, NULL, __ATOMIC_RELEASE);
}

static void held_call(struct held *h)
{
	call_here(&h->call);
}

static void held_trigger(struct held *h)
{
	chan_cancel_trigger(h->token);
}

static void held_drop(struct held *h)
{
	chan_cancel_drop(h->token);
}

/* The call is held there, not asleep, while its token is triggered. */
static void a_trigger_is_not_missed_at(const char *point)
{
	chan_cancel_t *token = make_token(NULL);
	struct held h = { .point = point, .act = held_call };
	chan_sender_t *tx;
	chan_receiver_t *rx;

	must_give(0, chan_bounded(1, 8, &tx, &rx));
	h.call = call_recv(rx, strcmp(point, "block:timed-out") == 0 ? CALL_CANCEL_TIMEOUT : CALL_CANCEL);
	h.call.cancel = token;
	h.call.timeout_ns = CHAN_MSEC;
	start_held(&h);
	trigger(token);
	end_held(&h);
	must_eq(h.call.result, ECANCELED);
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
	drop(token);
}

static void a_trigger_before_the_sleep_is_not_missed(const struct kind *k)
{
	(void)k;
	a_trigger_is_not_missed_at("block:registered");
}

/* Between the two: in the channel's queue, and not yet in the token's. */
static void a_trigger_while_the_waiter_queues_up_is_not_missed(const struct kind *k)
{
	(void)k;
	a_trigger_is_not_missed_at("waitq:joined");
}

static void a_trigger_at_the_last_instant_comes_before_the_timeout(const struct kind *k)
{
	(void)k;
	a_trigger_is_not_missed_at("block:timed-out");
}

/* Held after it found its token untriggered, at first or when it was woken: what
 * is sent and then triggered now is received. */
static void what_was_sent_before_the_trigger_is_found(const struct kind *k)
{
	(void)k;
	for (unsigned skip = 0; skip < 2; skip++) {
		struct held h = { .point = "block:asked", .skip = skip, .act = held_call };
		chan_cancel_t *token = make_token(NULL);
		uint64_t number = 5;
		chan_sender_t *tx;
		chan_receiver_t *rx;

		must_give(0, chan_bounded(1, 8, &tx, &rx));
		h.call = call_recv(rx, CALL_CANCEL_TIMEOUT);
		h.call.cancel = token;
		h.call.timeout_ns = CHAN_MSEC;
		start_held(&h);
		must_give(0, chan_send(tx, &number));
		trigger(token);
		end_held(&h);
		must(h.call.result == 0 && h.call.value == 5);
		chan_sender_drop(tx);
		chan_receiver_drop(rx);
		drop(token);
	}
}

/* The token has claimed the waiter, which has not left the channel's queue: a
 * message that comes now wakes the one behind it. */
static void a_cancelled_waiter_takes_no_wake_up(const struct kind *k)
{
	chan_cancel_t *token = make_token(NULL);
	struct held h = { .point = "block:registered", .act = held_call };
	chan_sender_t *tx;
	chan_receiver_t *rx;

	(void)k;
	for (int queued = 0; queued < 2; queued++) {
		struct call patient;
		uint64_t number = 5;

		must_give(0, queued ? chan_bounded(1, 8, &tx, &rx) : chan_bounded(0, 8, &tx, &rx));
		h.call = call_recv(rx, CALL_CANCEL);
		h.call.cancel = token;
		patient = call_recv(rx, CALL_PLAIN);
		start_held(&h);
		call_start_asleep(&patient);
		trigger(token);
		must_give(0, chan_try_send(tx, &number));
		call_finish(&patient);
		must(patient.result == 0 && patient.value == 5);
		end_held(&h);
		must_eq(h.call.result, ECANCELED);
		drop(token);
		token = make_token(NULL);
		chan_sender_drop(tx);
		chan_receiver_drop(rx);
	}
	drop(token);
}

/* The first trigger stands still on its way; the second one does not rely on it. */
static void a_second_trigger_waits_for_no_first_one(const struct kind *k)
{
	(void)k;
	for (unsigned skip = 0; skip < 13; skip++) {
		chan_cancel_t *tokens[13];
		struct held h = { .point = "cancel:triggered", .skip = skip, .act = held_trigger };

		make_tree(tokens, 13, 3);
		h.token = tokens[0];
		start_held(&h);
		must_eq(count_triggered(tokens, 13), skip + 1);
		trigger(tokens[0]);
		must_eq(count_triggered(tokens, 13), 13);
		end_held(&h);
		drop_tree(tokens, 13);
	}
	must_eq(atomic_load(&blocks), 0);
}

/* While a walk stands somewhere, everything that it does not hold may go; a
 * new child of a token that it has passed is born triggered. */
static void a_tree_may_change_under_a_walk(const struct kind *k)
{
	(void)k;
	for (unsigned skip = 0; skip < 13; skip++) {
		chan_cancel_t *tokens[13], *fresh[13];
		struct held h = { .point = "cancel:triggered", .skip = skip, .act = held_trigger };

		make_tree(tokens, 13, 3);
		h.token = tokens[0];
		start_held(&h);
		for (size_t i = 0; i < 13; i++) {
			fresh[i] = make_token(tokens[i]);
			must_eq(triggered(fresh[i]), triggered(tokens[i]));
		}
		for (size_t i = 1; i < 13; i++)
			drop(tokens[i]);
		for (size_t i = 1; i < 13; i += 2) {
			drop(fresh[i]);
			fresh[i] = NULL;
		}
		end_held(&h);
		for (size_t i = 0; i < 13; i++) {
			must(!fresh[i] || triggered(fresh[i]));
			drop(fresh[i]);
		}
		drop(tokens[0]);
		must_eq(atomic_load(&blocks), 0);
	}
}

/* A token that nobody holds, still in its parent's list, is passed over. */
static void a_walk_passes_over_what_is_being_dropped(const struct kind *k)
{
	(void)k;
	for (size_t gone = 1; gone < 4; gone++) {
		chan_cancel_t *tokens[4], *fresh;
		struct held h = { .point = "cancel:gone", .act = held_drop };

		make_tree(tokens, 4, 3);
		h.token = tokens[gone];
		start_held(&h);
		trigger(tokens[0]);
		for (size_t i = 0; i < 4; i++)
			must(i == gone || triggered(tokens[i]));
		fresh = make_token(tokens[0]);
		must(triggered(fresh));
		drop(fresh);
		for (size_t i = 0; i < 4; i++)
			if (i != gone)
				drop(tokens[i]);
		end_held(&h);
		must_eq(atomic_load(&blocks), 0);
	}
}

/* ------------------------------------------------------------------------------- fork */

/* In the child a failed check may talk to nobody: its line is the status. */
#define child_must(cond) \
	do { \
		if (!(cond)) \
			_exit(1 + __LINE__ % 200); \
	} while (0)

static int run_child(void (*child)(chan_cancel_t **tokens), chan_cancel_t **tokens)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL); /* not Check's handler */
		alarm(20 * test_scale());
		child(tokens);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void *wait_for_token(void *arg)
{
	chan_cancel_t *token = arg;

	return chan_recv(chan_cancel_receiver(token), NULL) == EPIPE ? token : NULL;
}

static void use_in_full(chan_cancel_t **tokens)
{
	chan_cancel_t *child = NULL;
	void *result = NULL;
	pthread_t thread;

	child_must(chan_cancel_create(tokens[3], &child) == 0);
	child_must(pthread_create(&thread, NULL, wait_for_token, child) == 0);
	chan_cancel_drop(tokens[1]);
	chan_cancel_trigger(tokens[0]);
	child_must(pthread_join(thread, &result) == 0 && result == child);
	for (size_t i = 0; i < TREE; i++)
		child_must(i == 1 || chan_cancel_is_triggered(tokens[i]));
	for (size_t i = 0; i < TREE; i++)
		if (i != 1)
			chan_cancel_drop(tokens[i]);
	chan_cancel_drop(child);
	child_must(atomic_load(&blocks) == 0);
}

static void the_child_of_a_fork_has_a_tree_that_works(const struct kind *k)
{
	chan_cancel_t *tokens[TREE];

	(void)k;
	make_tree(tokens, TREE, 3);
	must_eq(run_child(use_in_full, tokens), 0);
	must_eq(count_triggered(tokens, TREE), 0);
	trigger(tokens[0]);
	must_eq(count_triggered(tokens, TREE), TREE);
	drop_tree(tokens, TREE);
}

/* Nothing of the parent's waiter is touched. */
static void trigger_and_drop(chan_cancel_t **tokens)
{
	chan_cancel_trigger(tokens[0]);
	child_must(chan_cancel_is_triggered(tokens[0]));
	for (size_t i = 0; i < 4; i++)
		chan_cancel_drop(tokens[i]);
	raise(SIGKILL); /* it may leak, so before a leak checker looks */
}

static void a_child_may_trigger_and_drop_what_a_thread_waits_for(const struct kind *k)
{
	chan_cancel_t *tokens[4];
	struct call call;

	(void)k;
	make_tree(tokens, 4, 3);
	call = call_recv(chan_cancel_receiver(tokens[2]), CALL_PLAIN);
	call_start_asleep(&call);
	must_eq(run_child(trigger_and_drop, tokens), 1000 + SIGKILL);
	must(!atomic_load(&call.worker.ended));
	trigger(tokens[0]);
	call_finish(&call);
	must_eq(call.result, EPIPE);
	drop_tree(tokens, 4);
}

struct churn {
	chan_cancel_t *tokens[4];
	atomic_bool stop;
	struct worker worker;
};

static void make_and_drop(void *arg)
{
	struct churn *c = arg;

	for (size_t i = 0; !atomic_load(&c->stop); i++)
		chan_cancel_drop(make_token(c->tokens[i % 4]));
}

/* Forks at any instant of other threads' calls, locks held or not. */
static void a_child_may_trigger_and_drop_what_is_busy(const struct kind *k)
{
	struct churn churn;
	size_t rounds = test_scaled(200);

	(void)k;
	make_tree(churn.tokens, 4, 3);
	atomic_init(&churn.stop, false);
	worker_start(&churn.worker, make_and_drop, &churn);
	for (size_t i = 0; i < rounds; i++)
		must_eq(run_child(trigger_and_drop, churn.tokens), 1000 + SIGKILL);
	atomic_store(&churn.stop, true);
	worker_join(&churn.worker);
	must_eq(count_triggered(churn.tokens, 4), 0);
	drop_tree(churn.tokens, 4);
}

static const struct behaviour behaviours[] = {
	BEHAVIOUR(a_trigger_is_for_good, RUNS_ONCE),
	BEHAVIOUR(a_clone_is_the_same_token, RUNS_ONCE),
	BEHAVIOUR(null_is_no_token, RUNS_ONCE),
	BEHAVIOUR(without_memory_there_is_no_token, RUNS_ONCE),
	BEHAVIOUR(a_token_is_one_allocation, RUNS_ONCE),
	BEHAVIOUR(a_trigger_reaches_what_is_below_and_nothing_else, RUNS_ONCE),
	BEHAVIOUR(a_child_of_a_triggered_token_is_born_triggered, RUNS_ONCE),
	BEHAVIOUR(dropping_does_not_trigger, RUNS_ONCE),
	BEHAVIOUR(a_dropped_middle_token_still_relays, RUNS_ONCE),
	BEHAVIOUR(a_token_goes_with_its_last_owner_or_child, RUNS_ONCE),
	BEHAVIOUR(a_tree_can_be_ten_thousand_deep, RUNS_ONCE),
	BEHAVIOUR(a_tree_can_be_ten_thousand_wide, RUNS_ONCE),
	BEHAVIOUR(a_tree_can_be_both, RUNS_ONCE),
	BEHAVIOUR(a_receiver_says_eagain_and_then_epipe, RUNS_ONCE),
	BEHAVIOUR(its_channel_is_empty_and_without_senders, RUNS_ONCE),
	BEHAVIOUR(a_receive_from_a_token_is_woken_by_its_trigger, RUNS_ONCE),
	BEHAVIOUR(a_clone_of_the_receiver_outlives_the_token, RUNS_ONCE),
	BEHAVIOUR(a_token_is_a_case_of_a_select, RUNS_ONCE),
	BEHAVIOUR(a_trigger_wakes_a_select, RUNS_ONCE),
	BEHAVIOUR(what_preceded_the_trigger_is_visible, RUNS_ONCE),
	BEHAVIOUR(every_trigger_reaches_all_before_it_returns, RUNS_ONCE),
	BEHAVIOUR(creation_races_the_trigger, RUNS_ONCE),
	BEHAVIOUR(tokens_are_dropped_in_any_order_by_any_thread, RUNS_ONCE),
	BEHAVIOUR(a_trigger_before_the_sleep_is_not_missed, RUNS_ONCE),
	BEHAVIOUR(a_trigger_while_the_waiter_queues_up_is_not_missed, RUNS_ONCE),
	BEHAVIOUR(a_trigger_at_the_last_instant_comes_before_the_timeout, RUNS_ONCE),
	BEHAVIOUR(what_was_sent_before_the_trigger_is_found, RUNS_ONCE),
	BEHAVIOUR(a_cancelled_waiter_takes_no_wake_up, RUNS_ONCE),
	BEHAVIOUR(a_second_trigger_waits_for_no_first_one, RUNS_ONCE),
	BEHAVIOUR(a_tree_may_change_under_a_walk, RUNS_ONCE),
	BEHAVIOUR(a_walk_passes_over_what_is_being_dropped, RUNS_ONCE),
	BEHAVIOUR(the_child_of_a_fork_has_a_tree_that_works, RUNS_ONCE),
	BEHAVIOUR(a_child_may_trigger_and_drop_what_a_thread_waits_for, RUNS_ONCE),
	BEHAVIOUR(a_child_may_trigger_and_drop_what_is_busy, RUNS_ONCE),
};

int main(void)
{
	return matrix_run("tokens", behaviours, COUNT_OF(behaviours), NULL, 0);
}
