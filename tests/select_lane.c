/*
 * select_lane.c - cases that are ready, or not, at will
 */
#include "select.h"

static bool is_rendezvous(const struct lane *l)
{
	return l->kind->capacity == 0;
}

/* Blocks at the other end of a rendezvous until it is closed. */
static void be_there(void *arg)
{
	struct lane *l = arg;
	uint64_t number = LANE_MESSAGE;

	if (l->sends)
		while (chan_recv(l->e.rx, &number) == 0)
			must_eq(number, LANE_MESSAGE);
	else
		while (chan_send(l->e.tx, &number) == 0)
			continue;
}

void wait_ready(chan_case_t c)
{
	size_t which;

	wait_for(chan_try_select(&c, 1, CHAN_SELECT_READY, &which) == 0);
}

void lane_open(struct lane *l, const struct kind *k, bool sends, bool ready)
{
	uint64_t number = LANE_MESSAGE;

	l->kind = k;
	l->e = kind_open(k, sizeof(number));
	l->sends = sends && (ready || !kind_never_fills(k));
	l->ready = ready;
	l->msg = l->sends ? LANE_MESSAGE : 0;
	if (is_rendezvous(l)) {
		if (ready)
			worker_start(&l->peer, be_there, l);
	} else if (l->sends != ready) {
		for (size_t i = 0; i < (ready ? 1 : k->capacity); i++)
			must_give(0, chan_try_send(l->e.tx, &number));
	}
	if (ready)
		wait_ready(lane_case(l));
}

chan_case_t lane_case(struct lane *l)
{
	return l->sends ? case_send(l->e.tx, &l->msg) : case_recv(l->e.rx, &l->msg);
}

void lane_restock(struct lane *l)
{
	uint64_t number = LANE_MESSAGE;

	if (is_rendezvous(l))
		wait_ready(lane_case(l));
	else if (l->sends)
		must_give(0, chan_try_recv(l->e.rx, &number));
	else
		must_give(0, chan_try_send(l->e.tx, &number));
	must_eq(l->msg, LANE_MESSAGE);
	must_eq(number, LANE_MESSAGE);
	l->msg = l->sends ? LANE_MESSAGE : 0;
}

void lane_feed(struct lane *l)
{
	uint64_t number = LANE_MESSAGE;

	if (l->sends)
		must_give(0, chan_recv(l->e.rx, &number));
	else
		must_give(0, chan_send(l->e.tx, &number));
	must_eq(number, LANE_MESSAGE);
}

void lane_close(struct lane *l)
{
	chan_close(l->e.c);
	if (is_rendezvous(l) && l->ready)
		worker_join(&l->peer);
	ends_drop(&l->e);
}
