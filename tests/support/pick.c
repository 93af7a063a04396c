#include "support/pick.h"

#include <string.h>

#include "support/wait.h"

static const uint64_t long_ns = 40 * CHAN_SEC;

const char *pick_form_name(enum pick_form form)
{
	static const char *const names[] = {
		"select", "timeout", "deadline", "forever", "null deadline", "try"
	};

	return names[form];
}

static chan_case_t spoilt(chan_case_t c)
{
	memset(c.reserved, 0xa5, sizeof(c.reserved));
	c.status = UNTOUCHED;
	return c;
}

chan_case_t case_send(chan_sender_t *tx, const void *msg)
{
	chan_case_t c = CHAN_CASE_SEND(tx, msg);

	return spoilt(c);
}

chan_case_t case_recv(chan_receiver_t *rx, void *msg)
{
	chan_case_t c = CHAN_CASE_RECV(rx, msg);

	return spoilt(c);
}

chan_case_t case_none(void)
{
	return case_send(NULL, NULL);
}

struct pick pick_of(chan_case_t *cases, size_t n, unsigned flags, enum pick_form form)
{
	struct pick pick = { .cases = cases, .n = n, .flags = flags, .form = form, .timeout_ns = long_ns };

	return pick;
}

static int make_pick(struct pick *p)
{
	struct timespec deadline;

	chan_deadline(p->timeout_ns, &deadline);
	errno = TEST_ERRNO;
	switch (p->form) {
	case PICK_TIMEOUT:       return chan_select_timeout(p->cases, p->n, p->flags, p->timeout_ns, &p->which);
	case PICK_DEADLINE:      return chan_select_deadline(p->cases, p->n, p->flags, &deadline, &p->which);
	case PICK_FOREVER:       return chan_select_timeout(p->cases, p->n, p->flags, CHAN_FOREVER, &p->which);
	case PICK_NULL_DEADLINE: return chan_select_deadline(p->cases, p->n, p->flags, NULL, &p->which);
	case PICK_TRY:           return chan_try_select(p->cases, p->n, p->flags, &p->which);
	default:                 return chan_select(p->cases, p->n, p->flags, &p->which);
	}
}

void pick_here(struct pick *pick)
{
	pick->which = UNTOUCHED;
	cost_start(&pick->cost);
	pick->began_ns = now_ns();
	pick->result = make_pick(pick);
	test_errno(__FILE__, __LINE__, pick_form_name(pick->form));
	pick->ended_ns = now_ns();
	cost_stop(&pick->cost);
}

/* The same way once through, and back at once: what a thread pays only the
 * first time is paid. */
static void rehearse(const struct pick *pick)
{
	struct pick first = *pick;

	first.form = PICK_TIMEOUT;
	first.timeout_ns = 1;
	pick_here(&first);
	must_have_refused(&first, ETIMEDOUT);
}

static void run_pick(void *arg)
{
	struct pick *pick = arg;

	if (pick->measured) {
		rehearse(pick);
		worker_hold(&pick->worker);
	}
	pick_here(pick);
	if (pick->measured)
		worker_hold(&pick->worker);
}

void pick_start(struct pick *pick)
{
	worker_start(&pick->worker, run_pick, pick);
}

void pick_start_asleep(struct pick *pick)
{
	pick_start(pick);
	worker_wait_asleep(&pick->worker);
}

void pick_finish(struct pick *pick)
{
	if (pick->measured)
		worker_let_on(&pick->worker);
	worker_join(&pick->worker);
}

static void check_untouched(const struct pick *pick, size_t but, const char *file, int line)
{
	for (size_t i = 0; i < pick->n; i++)
		if (i != but)
			test_equal(file, line, "the status of another case", pick->cases[i].status, UNTOUCHED);
}

void pick_check(struct pick *pick, size_t index, int want, const char *file, int line)
{
	test_equal(file, line, pick_form_name(pick->form), pick->result, 0);
	test_equal(file, line, "which", (long long)pick->which, (long long)index);
	test_equal(file, line, "the status", pick->cases[index].status, want);
	check_untouched(pick, index, file, line);
	pick->cases[index].status = UNTOUCHED;
}

void pick_check_refused(const struct pick *pick, int want, const char *file, int line)
{
	test_equal(file, line, pick_form_name(pick->form), pick->result, want);
	test_equal(file, line, "which", (long long)pick->which, UNTOUCHED);
	check_untouched(pick, SIZE_MAX, file, line);
}
