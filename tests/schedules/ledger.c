/*
 * ledger.c - channels and messages of the scenarios, and what must hold of them
 */
#include "ledger.h"

enum { SENDERS = SCHED_TASKS_MAX + 1, EACH = 16, PIPES = 4 };

static struct fate {
	bool sent;
	int ends;
} fates[SENDERS][EACH];
static int next_number[SENDERS];
static int last_seen[SCHED_TASKS_MAX][PIPES][SENDERS];
static int pipes;

/* ---------------------------------------------------------------------------- kinds */

static bool kind_fits(const struct kind *k, int wanted)
{
	bool room = k->capacity != 0;

	return !k->subscribes && (!(wanted & WAITS) || !k->drop_oldest) && (!(wanted & ROOM) || room) &&
	       (!(wanted & MANY_FIT) || !k->once) && (!(wanted & MEETS) || !room);
}

const struct kind *kind_pick(int wanted)
{
	const struct kind *k;

	do
		k = &world_kinds[sched_pick((unsigned)world_kind_count)];
	while (!kind_fits(k, wanted));
	sched_note(k->name, 0);
	return k;
}

const struct kind *kind_asked(void)
{
	const char *name = strchr(sched_scenario()->name, '/') + 1;

	for (int i = 0; i < world_kind_count; i++)
		if (strcmp(world_kinds[i].name, name) == 0)
			return &world_kinds[i];
	sched_fail("no kind %s", name);
}

const struct kind *kind_once(void)
{
	const struct kind *k;

	do
		k = kind_pick(0);
	while (!k->once);
	return k;
}

const struct kind *kind_cast(bool drop_oldest)
{
	const struct kind *k;

	do
		k = &world_kinds[sched_pick((unsigned)world_kind_count)];
	while (!k->subscribes || k->drop_oldest != drop_oldest);
	sched_note(k->name, 0);
	return k;
}

/* ------------------------------------------------------------------------- messages */

void ledger_begin(void)
{
	memset(fates, 0, sizeof(fates));
	memset(next_number, 0, sizeof(next_number));
	memset(last_seen, 0xff, sizeof(last_seen));
	pipes = 0;
}

static struct fate *fate_of(const struct message *m)
{
	CHECK(m->check == ~m->id);
	CHECK(m->id < SENDERS * EACH);
	return &fates[m->id / EACH][m->id % EACH];
}

struct message message_next(int sender)
{
	struct message m;

	CHECK(next_number[sender] < EACH);
	m.id = (uint64_t)(sender * EACH + next_number[sender]++);
	m.check = ~m.id;
	return m;
}

void message_sent(const struct message *m, int e)
{
	sched_note(e == 0 ? "sent" : e == EPIPE ? "not sent, EPIPE" : "not sent", m->id);
	if (e == 0)
		fate_of(m)->sent = true;
}

void message_received(int me, const struct pipe *p, const struct message *m)
{
	struct fate *f = fate_of(m);
	int sender = (int)m->id / EACH, number = (int)m->id % EACH;

	sched_note("received", m->id);
	CHECK(++f->ends == 1);
	CHECK(number > last_seen[me][p->number][sender]);
	last_seen[me][p->number][sender] = number;
}

static void message_destroyed(void *msg, void *arg)
{
	struct message m;

	(void)arg;
	memcpy(&m, msg, sizeof(m));
	sched_note("destroyed", m.id);
	CHECK(++fate_of(&m)->ends == 1);
}

int messages_under_way(int sender)
{
	int n = 0;

	for (int i = 0; i < next_number[sender]; i++)
		n += fates[sender][i].sent && fates[sender][i].ends == 0;
	return n;
}

void ledger_end(void)
{
	for (int s = 0; s < SENDERS; s++)
		for (int i = 0; i < next_number[s]; i++)
			if (fates[s][i].ends != fates[s][i].sent)
				sched_fail("message %d was %ssent, and ended %d times", s * EACH + i,
				           fates[s][i].sent ? "" : "not ", fates[s][i].ends);
}

/* ------------------------------------------------------------------------- channels */

void pipe_open(struct pipe *p, const struct kind *kind, int senders, int receivers)
{
	chan_attr_t attr;
	int e = chan_attr_init(&attr);

	p->kind = kind;
	p->number = pipes++;
	e |= chan_attr_setflavor(&attr, kind->flavor);
	e |= chan_attr_setcapacity(&attr, kind->capacity);
	e |= chan_attr_setspin(&attr, sched_pick(4) == 0 ? 1000 : 0);
	if (!kind->subscribes)
		e |= chan_attr_setdestructor(&attr, message_destroyed, NULL);
	if (kind->drop_oldest)
		e |= chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST);
	if (senders == 1 && !kind->subscribes && sched_pick(2) == 0)
		e |= chan_attr_setproducers(&attr, CHAN_SINGLE);
	if (receivers == 1 && !kind->subscribes && !kind->drop_oldest && sched_pick(2) == 0)
		e |= chan_attr_setconsumers(&attr, CHAN_SINGLE);
	e |= chan_create(&attr, sizeof(struct message), &p->tx, &p->rx);
	CHECK(e == 0);
	while (--senders > 0)
		chan_sender_clone(p->tx);
	while (--receivers > 0)
		chan_receiver_clone(p->rx);
}

void scrub(void)
{
	volatile char below[2048];

	memset((char *)(uintptr_t)below, SCHED_DEAD_BYTE, sizeof(below));
	/* clang-format off */
	__asm__ __volatile__("" : : "r"(below) : "memory");
	/* clang-format on */
}

void lull(void)
{
	sched_sleep_until(sched_now() + 1);
}

static int send_selecting(struct pipe *p, const struct message *m)
{
	chan_case_t cases[1] = { CHAN_CASE_SEND(p->tx, m) };
	size_t which = 1;
	int e = chan_select(cases, 1, 0, &which);

	CHECK(e == 0 && which == 0);
	return cases[0].status;
}

int pipe_send(struct pipe *p, int sender)
{
	struct message m = message_next(sender);
	unsigned form = sched_pick(4);
	size_t n = 7;
	int e;

	if (form == 0)
		e = chan_send(p->tx, &m);
	else if (form == 1)
		while ((e = chan_send_timeout(p->tx, &m, 1)) == ETIMEDOUT)
			continue;
	else if (form == 2)
		e = send_selecting(p, &m);
	else
		e = chan_send_many(p->tx, &m, 1, &n);
	CHECK(form != 3 || n == (e == 0));
	CHECK(e == 0 || e == EPIPE);
	scrub();
	message_sent(&m, e);
	return e;
}

static int recv_selecting(struct pipe *p, struct message *m)
{
	chan_case_t cases[1] = { CHAN_CASE_RECV(p->rx, m) };
	size_t which = 1;
	int e = chan_select(cases, 1, 0, &which);

	CHECK(e == 0 && which == 0);
	return cases[0].status;
}

int pipe_recv(struct pipe *p, int me)
{
	struct message m[2];
	unsigned form = sched_pick(4);
	size_t n = 1;
	int e;

	if (form == 0)
		e = chan_recv(p->rx, m);
	else if (form == 1)
		while ((e = chan_recv_timeout(p->rx, m, 1)) == ETIMEDOUT)
			continue;
	else if (form == 2)
		e = recv_selecting(p, m);
	else
		e = chan_recv_many(p->rx, m, 2, &n);
	CHECK(e == 0 || e == EPIPE);
	scrub();
	for (size_t i = 0; e == 0 && i < n; i++)
		message_received(me, p, &m[i]);
	return e;
}

void pipe_drain(struct pipe *p, int me)
{
	while (pipe_recv(p, me) == 0)
		continue;
	sched_note("EPIPE", (uint64_t)p->number);
}
