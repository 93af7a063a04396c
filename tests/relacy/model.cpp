/*
 * model.cpp - the seams on top of Relacy
 *
 * What a C11 program may see, Relacy picks at random and by a seed: which
 * thread goes on, how old a value a load finds, which sleeper is woken, and
 * whether for no reason.  Added here:
 *
 *   - a failing compare-and-swap may have seen an old value (Relacy's always
 *     sees the newest);
 *   - membarrier(2): the light fence does nothing, and the heavy one puts a
 *     full fence into every other thread; or, in half of the executions, both
 *     are full fences, as where the kernel has none;
 *   - every plain access of the library's sources, which are compiled with
 *     -fsanitize=thread for its calls alone, is held against the clocks of the
 *     model: a race, or memory given back, ends the execution;
 *   - descriptors, and threads that wait for one to be readable;
 *   - each thread's own copy of what is thread-local;
 *   - in some executions threads are interrupted rarely, so that one goes far
 *     while another stands still.
 *
 * Relacy does not show loads that run ahead of stores before them (load
 * buffering), and takes a full fence for synchronisation, not only for order.
 */
#include <errno.h>

enum { MODEL_EBUSY = EBUSY, MODEL_ETIMEDOUT = ETIMEDOUT };

#include <relacy/relacy.hpp>

#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free

#include <linux/futex.h>

#include "model.h"

const scenario *model_scenario;
model_mutant model_mutant_now;
model_bounds model_bounds_now;
size_t model_per_block = 2;
unsigned model_scarcity;

namespace {

bool asymmetric;      /* this execution has membarrier */
unsigned sparse;      /* an operation is interrupted one time in so many */
bool late[MODEL_THREADS_MAX];
void (*membarrier)(rl::context &);

rl::debug_info info(model_at at)
{
	return rl::debug_info(at.where, "", (unsigned)at.line);
}

/* One step of a thread; other threads may come before it. */
struct step {
	bool alone;

	step() : alone(sparse > 1 && model_rand(sparse) != 0)
	{
		if (alone)
			rl::ctx().disable_preemption();
	}
	~step()
	{
		if (alone)
			rl::ctx().enable_preemption();
	}
};

/* -------------------------------------------------------------------- atomics */

rl::memory_order order(model_order o)
{
	static const rl::memory_order orders[] = {
		rl::mo_relaxed, rl::mo_acquire, rl::mo_release, rl::mo_acq_rel, rl::mo_seq_cst
	};

	return orders[o];
}

template<typename T>
rl::atomic<T> *cell(const void *a)
{
	static_assert(sizeof(rl::atomic<T>) <= MODEL_CELL, "an atomic fits its room");
	return (rl::atomic<T> *)const_cast<void *>(a);
}

/* Memory that the program lent, and the atomics made in there. */
struct range { uintptr_t from, to; };

enum { LENT_MAX = 4 };

range lent[LENT_MAX];
int lent_count;
struct { uintptr_t at; void (*fini)(void *a); } guests[2 * LENT_MAX];
int guest_count;

bool is_in(const range &r, uintptr_t p)
{
	return p >= r.from && p < r.to;
}

template<typename T>
void fini(void *a)
{
	cell<T>(a)->~atomic();
}

void note_guest(void *a, void (*fini)(void *a))
{
	for (int i = 0; i < lent_count; i++)
		if (is_in(lent[i], (uintptr_t)a)) {
			if (guest_count == 2 * LENT_MAX)
				abort();
			guests[guest_count].at = (uintptr_t)a;
			guests[guest_count++].fini = fini;
		}
}

template<typename T>
void init(void *a, T v)
{
	rl::context &c = rl::ctx();

	c.disable_preemption();
	::new (a) rl::atomic<T>(v);
	c.enable_preemption();
	note_guest(a, fini<T>);
}

template<typename T>
T load(const void *a, model_order o, model_at at)
{
	step s;

	return cell<T>(a)->load(order(o), info(at));
}

template<typename T>
void store(void *a, T v, model_order o, model_at at)
{
	step s;

	cell<T>(a)->store(v, order(o), info(at));
}

template<typename T>
bool cas(void *a, T *expected, T v, model_order o, model_order failure, model_at at)
{
	step s;

	if (model_surprise(4)) {
		T seen = cell<T>(a)->load(order(failure), info(at));

		if (seen != *expected) {
			*expected = seen;
			return false;
		}
	}
	return cell<T>(a)->compare_exchange_strong(*expected, v, order(o), info(at), order(failure), info(at));
}

template<typename T>
T rmw(void *a, model_op op, T v, model_order o, model_at at)
{
	step s;
	rl::atomic<T> *c = cell<T>(a);

	switch (op) {
	case MODEL_exchange:  return c->exchange(v, order(o), info(at));
	case MODEL_fetch_add: return c->fetch_add(v, order(o), info(at));
	case MODEL_fetch_sub: return c->fetch_sub(v, order(o), info(at));
	case MODEL_fetch_or:  return c->fetch_or(v, order(o), info(at));
	case MODEL_fetch_and: return c->fetch_and(v, order(o), info(at));
	}
	abort();
}

/* --------------------------------------------------------------------- fences */

void join(rl::timestamp_t *to, const rl::timestamp_t *from, int n)
{
	for (int i = 0; i < n; i++)
		if (to[i] < from[i])
			to[i] = from[i];
}

/* A full fence in every other thread, at some instant between one in the
 * caller before and one after: what they did comes before what the caller
 * does next, and what the caller did before what they do next. */
template<int N>
void membarrier_among(rl::context &c)
{
	typedef rl::thread_info<N> thread;
	thread *self = static_cast<thread *>(c.threadx_);
	rl::aligned<thread> *all = (rl::aligned<thread> *)self - self->index_;
	rl::timestamp_t before[N];

	self->atomic_thread_fence_acquire();
	for (int i = 0; i < N; i++)
		before[i] = self->acq_rel_order_[i];
	for (int i = 0; i < N; i++) {
		if (&all[i] == self)
			continue;
		all[i].atomic_thread_fence_acquire();
		join(self->acq_rel_order_, all[i].acq_rel_order_, N);
		join(all[i].acq_rel_order_, before, N);
		all[i].atomic_thread_fence_release();
	}
	self->atomic_thread_fence_release();
}

/* ------------------------------------------------------------- plain accesses */

/* Four bytes of plain memory, and who touched them in this execution. */
struct shadow {
	uintptr_t key;
	unsigned execution;
	int writer;
	rl::timestamp_t written;
	const void *written_at;
	rl::timestamp_t read[MODEL_THREADS_MAX];
	const void *read_at[MODEL_THREADS_MAX];
};

enum { SHADOW_BITS = 14, SHADOW_SIZE = 1 << SHADOW_BITS, FREED_MAX = 64 };

shadow shadows[SHADOW_SIZE];
unsigned execution;
int shadow_used;
range freed[FREED_MAX];
int freed_count;

/* Its own, or the free one where it belongs. */
shadow *shadow_place(uintptr_t key)
{
	size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - SHADOW_BITS));

	while (shadows[i].execution == execution && shadows[i].key != key)
		i = (i + 1) % SHADOW_SIZE;
	return &shadows[i];
}

/* NULL: nobody touched it. */
shadow *shadow_find(uintptr_t key)
{
	shadow *s = shadow_place(key);

	return s->execution == execution ? s : NULL;
}

shadow *shadow_of(uintptr_t key)
{
	shadow *s = shadow_place(key);

	if (s->execution != execution) {
		if (++shadow_used > SHADOW_SIZE * 3 / 4)
			abort();
		memset(s, 0, sizeof(*s));
		s->key = key;
		s->execution = execution;
		s->writer = -1;
	}
	return s;
}

void shadow_fail(const char *what, const void *pc, const void *other)
{
	char text[160];

	snprintf(text, sizeof(text), "%s: %p, and before it %p", what, pc, other);
	rl::ctx().fail_test(text, rl::test_result_data_race, rl::debug_info("plain access", "", 0));
}

void shadow_check_freed(uintptr_t p, const void *pc)
{
	for (int i = 0; i < freed_count; i++)
		if (is_in(freed[i], p))
			shadow_fail("access to freed memory", pc, NULL);
}

void shadow_write(shadow *s, rl::thread_info_base *me, const void *pc)
{
	if (s->writer >= 0 && me->acq_rel_order_[s->writer] < s->written)
		shadow_fail("race of two writes", pc, s->written_at);
	for (int i = 0; i < MODEL_THREADS_MAX; i++)
		if (s->read[i] != 0 && me->acq_rel_order_[i] < s->read[i])
			shadow_fail("race of a write with a read", pc, s->read_at[i]);
	s->writer = me->index_;
	s->written = me->own_acq_rel_order_;
	s->written_at = pc;
}

void shadow_read(shadow *s, rl::thread_info_base *me, const void *pc)
{
	if (s->writer >= 0 && me->acq_rel_order_[s->writer] < s->written)
		shadow_fail("race of a read with a write", pc, s->written_at);
	s->read[me->index_] = me->own_acq_rel_order_;
	s->read_at[me->index_] = pc;
}

extern "C" char __start_model_tls[], __stop_model_tls[];

enum { TLS_MAX = 256 };

char tls[MODEL_THREADS_MAX][TLS_MAX]; /* of the threads that do not run, and ... */
int tls_owner;                        /* ... whose is in the section */

void tls_begin()
{
	if (__stop_model_tls - __start_model_tls > TLS_MAX)
		abort();
	memset(__start_model_tls, 0, (size_t)(__stop_model_tls - __start_model_tls));
	memset(tls, 0, sizeof(tls));
	tls_owner = 0;
}

/* Thread-local data is the caller's from its first access after a switch; no
 * access spans one, and every access is announced. */
bool tls_enter(const void *p, int me)
{
	size_t size = (size_t)(__stop_model_tls - __start_model_tls);

	if ((uintptr_t)p - (uintptr_t)__start_model_tls >= size)
		return false;
	if (tls_owner != me) {
		memcpy(tls[tls_owner], __start_model_tls, size);
		memcpy(__start_model_tls, tls[me], size);
		tls_owner = me;
	}
	return true;
}

/* All threads of the model share the errno of the one thread they are. */
bool is_errno(const void *p)
{
	return p == (const void *)__errno_location();
}

void touch(const void *p, size_t size, bool writes, const void *pc)
{
	uintptr_t from = (uintptr_t)p, to = from + size;
	rl::thread_info_base *me;

	if (!rl::is_ctx() || size == 0 || is_errno(p) || !(me = rl::ctx().threadx_) || tls_enter(p, me->index_))
		return;
	shadow_check_freed(from, pc);
	me->own_acq_rel_order_ += 1;
	for (uintptr_t key = from / 4; key <= (to - 1) / 4; key++)
		if (writes)
			shadow_write(shadow_of(key), me, pc);
		else
			shadow_read(shadow_of(key), me, pc);
}

/* Whoever touched the memory, and with what, comes before its end. */
void shadow_end(uintptr_t from, size_t size, const void *pc)
{
	rl::thread_info_base *me = rl::ctx().threadx_;

	if (me)
		me->own_acq_rel_order_ += 1;
	for (uintptr_t key = from / 4; me && key < (from + size + 3) / 4; key++)
		if (shadow *s = shadow_find(key))
			shadow_write(s, me, pc);
	if (freed_count == FREED_MAX)
		abort();
	freed[freed_count].from = from;
	freed[freed_count++].to = from + size;
}

/* Memory that was given back comes out again: a new life for its shadow. */
void shadow_revive(uintptr_t from, uintptr_t to)
{
	for (int i = 0; i < freed_count; i++) {
		if (freed[i].from >= to || freed[i].to <= from)
			continue;
		freed[i--] = freed[--freed_count];
		for (uintptr_t key = from / 4; key < (to + 3) / 4; key++) {
			shadow *s = shadow_of(key);

			s->writer = -1;
			memset(s->read, 0, sizeof(s->read));
		}
	}
}

/* ------------------------------------------------------------------- sleeping */

struct { const void *word; int thread; } sleepers[MODEL_THREADS_MAX];
int sleeper_count;

void sleeper_remove(int thread)
{
	for (int i = 0; i < sleeper_count; i++)
		if (sleepers[i].thread == thread)
			sleepers[i--] = sleepers[--sleeper_count];
}

long futex_wait(void *word, uint32_t value, bool timed)
{
	rl::context &c = rl::ctx();
	int me = c.threadx_->index_;
	rl::unpark_reason reason;

	{
		step s;
		c.sched();
	}
	/* The kernel compares and falls asleep in one step. */
	if (cell<uint32_t>(word)->debug_value() != value)
		return -1;
	sleepers[sleeper_count].word = word;
	sleepers[sleeper_count++].thread = me;
	reason = c.park_current_thread(timed, true, false, rl::debug_info("futex_wait", "", 0));
	if (reason != rl::unpark_reason_normal)
		sleeper_remove(me);
	if (reason == rl::unpark_reason_timeout)
		late[me] = true;
	return 0;
}

long futex_wake(const void *word)
{
	rl::context &c = rl::ctx();
	int on_word[MODEL_THREADS_MAX], n = 0, thread;

	{
		step s;
		c.sched();
	}
	for (int i = 0; i < sleeper_count; i++)
		if (sleepers[i].word == word)
			on_word[n++] = sleepers[i].thread;
	if (n == 0)
		return 0;
	thread = on_word[n == 1 ? 0 : c.rand((unsigned)n, rl::sched_type_user)];
	sleeper_remove(thread);
	c.unpark_thread(thread, false, rl::debug_info("futex_wake", "", 0));
	return 1;
}

struct mutex_of : rl::mutex_wrapper {
	rl::generic_mutex_data *m;

	mutex_of(model_mutex *mutex) : m((rl::generic_mutex_data *)mutex->impl) {}
	void lock(rl::debug_info_param i) const { m->lock_exclusive(false, i); }
	void unlock(rl::debug_info_param i) const { m->unlock_exclusive(i); }
};

rl::condvar_data *cond_of(model_cond *c)
{
	return (rl::condvar_data *)c->impl;
}

/* ----------------------------------------------------------------- descriptors */

/*
 * What is said of one holds at once and for everybody.  Raising and lowering it take
 * the system's lock, and so come one after the other; but who finds it readable has
 * learned nothing else, and has not acquired what came before.
 */
struct event {
	bool open;
	bool raised;
	bool armed;     /* raises itself, some time */
	unsigned edges; /* how often it was raised */
	rl::timestamp_t lock[MODEL_THREADS_MAX];
};

enum { EVENTS_MAX = 16 };

event events[EVENTS_MAX];
int event_count;

/* A system call: others may come before it. */
event *event_enter(int fd, const char *what)
{
	{
		step s;
		rl::ctx().sched();
	}
	model_say(what);
	model_check(fd >= 0 && fd < event_count && events[fd].open, "a descriptor that is closed");
	return &events[fd];
}

/* What the last to have the system's lock did before, we have seen, and so on. */
event *event_enter_locked(int fd, const char *what)
{
	event *e = event_enter(fd, what);
	rl::thread_info_base *me = rl::ctx().threadx_;

	me->own_acq_rel_order_ += 1;
	join(me->acq_rel_order_, e->lock, model_scenario->threads);
	join(e->lock, me->acq_rel_order_, model_scenario->threads);
	return e;
}

/* As epoll does: whoever waits looks again. */
void event_wake(const event *e)
{
	for (int i = sleeper_count - 1; i >= 0; i--) {
		int thread = sleepers[i].thread;

		if (sleepers[i].word != e)
			continue;
		sleepers[i] = sleepers[--sleeper_count];
		rl::ctx().unpark_thread(thread, false, rl::debug_info("event_wake", "", 0));
	}
}

/* True: there is something to report.  Who waits for edges is told of each once. */
bool event_report(event *e, unsigned *edge)
{
	bool told = edge && *edge == e->edges;

	if (edge)
		*edge = e->edges;
	return e->raised && !told;
}

/* One that is armed raises itself while somebody waits. */
void event_sleep(event *e)
{
	rl::context &c = rl::ctx();
	int me = c.threadx_->index_;
	rl::unpark_reason reason;

	sleepers[sleeper_count].word = e;
	sleepers[sleeper_count++].thread = me;
	reason = c.park_current_thread(e->armed, true, false, rl::debug_info("event_sleep", "", 0));
	if (reason != rl::unpark_reason_normal)
		sleeper_remove(me);
	if (reason == rl::unpark_reason_timeout && e->armed) {
		e->raised = true;
		e->edges++;
		event_wake(e);
	}
}

/* ------------------------------------------------------------------ executions */

void begin()
{
	tls_begin();
	memset(events, 0, sizeof(events));
	event_count = lent_count = guest_count = 0;
	memset(late, 0, sizeof(late));
	execution++;
	shadow_used = freed_count = sleeper_count = 0;
	if (!model_bounds_now.set) {
		asymmetric = model_rand(2) != 0;
		sparse = 1u << 2 * model_rand(3);
	}
	model_scenario->before();
}

/* ----------------------------------------------- every execution within bounds */

unsigned preemptions_left, surprises_left;
bool scheduling;     /* Relacy asks for a thread, and what it picks ... */
bool surprised;      /* ... it picks by a surprise */
bool searched_all;

/*
 * Relacy's search of the tree of choices, and these bounds.  Its own, by preemptions,
 * takes the rest for free, and so does not end where a sleeper can wake for no reason.
 */
template<rl::thread_id_t N>
class bounded_scheduler : public rl::tree_search_scheduler<bounded_scheduler<N>, rl::tree_search_scheduler_thread_info<N>, N> {
	typedef rl::tree_search_scheduler<bounded_scheduler<N>, rl::tree_search_scheduler_thread_info<N>, N> base;

public:
	typedef typename base::thread_info_t thread_info_t;
	typedef typename base::shared_context_t shared_context_t;

	bounded_scheduler(rl::test_params &params, shared_context_t &context, rl::thread_id_t dynamic)
		: base(params, context, dynamic) {}

	rl::thread_id_t iteration_begin_impl()
	{
		preemptions_left = model_bounds_now.preemptions;
		surprises_left = model_bounds_now.surprises;
		return base::iteration_begin_impl();
	}

	bool iteration_end_impl()
	{
		searched_all = base::iteration_end_impl();
		return searched_all || this->iter_ == this->params_.iteration_count;
	}

	rl::thread_id_t schedule_impl(rl::unpark_reason &reason, unsigned yield)
	{
		rl::thread_id_t next;

		scheduling = true;
		surprised = false;
		next = base::schedule_impl(reason, yield);
		scheduling = false;
		return next;
	}

	bool can_switch(thread_info_t &) { return preemptions_left > 0; }

	void on_switch(thread_info_t &from)
	{
		if (from.state_ == rl::thread_state_running && !surprised)
			preemptions_left--;
	}

	unsigned rand_impl(unsigned limit, rl::sched_type type)
	{
		switch (type) {
		case rl::sched_type_atomic_load: /* 0: as new as it gets */
		case rl::sched_type_mem_realloc: /* 0: not yet */
			return surprise(limit);
		case rl::sched_type_user:
			/* Which of the timed, or of those that may wake for no reason; the last: none.
			 * Where nobody else can go on a deadline is no surprise. */
			if (scheduling && this->running_threads_count > 0) {
				unsigned which = surprise(limit);

				surprised = surprised || which > 0;
				return which > 0 ? which - 1 : limit - 1;
			}
			break;
		default:
			break;
		}
		return base::rand_impl(limit, type);
	}

	double iteration_count_approx() { return 1; }

private:
	unsigned surprise(unsigned limit)
	{
		unsigned which = surprises_left > 0 ? base::rand_impl(limit, rl::sched_type_user) : 0;

		surprises_left -= which > 0;
		return which;
	}
};

template<typename T, int N>
bool search(rl::test_params &params)
{
	rl::ostringstream state, again;

	if (rl::run_test<T, bounded_scheduler<N> >(params, state, false) == rl::test_result_success)
		return true;
	params.initial_state = state.str();
	params.collect_history = true;
	rl::run_test<T, bounded_scheduler<N> >(params, again, true);
	return false;
}

template<int N>
struct suite : rl::test_suite<suite<N>, N> {
	void before()
	{
		membarrier = membarrier_among<N>;
		begin();
	}
	void thread(unsigned i) { model_scenario->thread((int)i); }
	void after()
	{
		model_scenario->after();
		for (int i = 0; i < event_count; i++)
			model_check(!events[i].open, "a descriptor was left open");
	}
};

bool simulate(rl::test_params &params, int threads)
{
	bool bounded = model_bounds_now.set;

	switch (threads) {
	case 2:  return bounded ? search<suite<2>, 2>(params) : rl::simulate<suite<2> >(params);
	case 3:  return bounded ? search<suite<3>, 3>(params) : rl::simulate<suite<3> >(params);
	default: return bounded ? search<suite<4>, 4>(params) : rl::simulate<suite<4> >(params);
	}
}

const rl::debug_info HERE("model", "", 0);

}

/* ----------------------------------------------------------------- the interface */

void model_init32(void *a, uint32_t v, model_at) { init<uint32_t>(a, v); }
void model_init64(void *a, uint64_t v, model_at) { init<uint64_t>(a, v); }
void model_fini32(void *a) { fini<uint32_t>(a); }
void model_fini64(void *a) { fini<uint64_t>(a); }

uint32_t model_load32(const void *a, model_order o, model_at at) { return load<uint32_t>(a, o, at); }
uint64_t model_load64(const void *a, model_order o, model_at at) { return load<uint64_t>(a, o, at); }
void model_store32(void *a, uint32_t v, model_order o, model_at at) { store<uint32_t>(a, v, o, at); }
void model_store64(void *a, uint64_t v, model_order o, model_at at) { store<uint64_t>(a, v, o, at); }

bool model_cas32(void *a, uint32_t *expected, uint32_t v, model_order o, model_order failure, model_at at)
{
	return cas<uint32_t>(a, expected, v, o, failure, at);
}

bool model_cas64(void *a, uint64_t *expected, uint64_t v, model_order o, model_order failure, model_at at)
{
	return cas<uint64_t>(a, expected, v, o, failure, at);
}

uint32_t model_rmw32(void *a, model_op op, uint32_t v, model_order o, model_at at)
{
	return rmw<uint32_t>(a, op, v, o, at);
}

uint64_t model_rmw64(void *a, model_op op, uint64_t v, model_order o, model_at at)
{
	return rmw<uint64_t>(a, op, v, o, at);
}

static bool is_mutant(int site)
{
	bool here = site == model_mutant_now.site;

	model_mutant_now.times += here;
	return here;
}

model_order model_order_at(int site, model_order order)
{
	return is_mutant(site) ? model_mutant_now.order : order;
}

model_order model_failure_at(int site, model_order failure)
{
	return site == model_mutant_now.site ? model_mutant_now.failure : failure;
}

bool model_dropped_at(int site)
{
	return is_mutant(site) && model_mutant_now.dropped;
}

void model_fence_light(model_at at)
{
	step s;

	if (!asymmetric)
		rl::atomic_thread_fence(rl::mo_seq_cst, info(at));
}

void model_fence_heavy(model_at at)
{
	step s;

	if (!asymmetric) {
		rl::atomic_thread_fence(rl::mo_seq_cst, info(at));
		return;
	}
	rl::ctx().sched();
	membarrier(rl::ctx());
	model_say("membarrier");
}

bool model_fence_is_free()
{
	return asymmetric;
}

size_t model_thread()
{
	rl::thread_info_base *me = rl::is_ctx() ? rl::ctx().threadx_ : NULL;

	return me ? 16 * (me->index_ + 2) : 16;
}

void model_copy(void *to, const void *from, size_t size, model_at)
{
	model_check(size == 0 || (from && to), "a message from nowhere, or to nowhere");
	touch(from, size, false, __builtin_return_address(0));
	touch(to, size, true, __builtin_return_address(0));
	if (size > 0)
		memcpy(to, from, size);
}

void model_swap(void *a, void *b, size_t size, model_at)
{
	touch(a, size, true, __builtin_return_address(0));
	touch(b, size, true, __builtin_return_address(0));
	std::swap_ranges((char *)a, (char *)a + size, (char *)b);
}

long model_futex(long, void *word, int op, uint32_t value, const struct timespec *deadline, void *, int)
{
	if ((op & FUTEX_CMD_MASK) == FUTEX_WAKE)
		return futex_wake(word);
	return futex_wait(word, value, deadline != NULL);
}

int model_mutex_init(model_mutex *m, const void *)
{
	m->impl = rl::ctx().mutex_ctor(false, false, false, false);
	return 0;
}

int model_mutex_destroy(model_mutex *m)
{
	rl::ctx().mutex_dtor((rl::generic_mutex_data *)m->impl);
	return 0;
}

int model_mutex_lock(model_mutex *m)
{
	mutex_of(m).lock(HERE);
	return 0;
}

int model_mutex_trylock(model_mutex *m)
{
	return mutex_of(m).m->try_lock_exclusive(HERE) ? 0 : MODEL_EBUSY;
}

int model_mutex_unlock(model_mutex *m)
{
	mutex_of(m).unlock(HERE);
	return 0;
}

int model_cond_init(model_cond *c, const void *)
{
	c->impl = rl::ctx().condvar_ctor(true);
	return 0;
}

int model_cond_destroy(model_cond *c)
{
	rl::ctx().condvar_dtor(cond_of(c));
	return 0;
}

int model_cond_wait(model_cond *c, model_mutex *m)
{
	mutex_of mutex(m);

	cond_of(c)->wait(mutex, false, HERE);
	return 0;
}

int model_cond_timedwait(model_cond *c, model_mutex *m, const struct timespec *)
{
	mutex_of mutex(m);

	if (cond_of(c)->wait(mutex, true, HERE) != rl::sema_wakeup_reason_timeout)
		return 0;
	late[rl::ctx().threadx_->index_] = true;
	return MODEL_ETIMEDOUT;
}

int model_cond_signal(model_cond *c)
{
	cond_of(c)->notify_one(HERE);
	return 0;
}

int model_cond_broadcast(model_cond *c)
{
	cond_of(c)->notify_all(HERE);
	return 0;
}

int model_event_open(void)
{
	if (event_count == EVENTS_MAX)
		abort();
	events[event_count].open = true;
	return event_count++;
}

void model_event_raise(int fd)
{
	event *e = event_enter_locked(fd, "descriptor raised");

	e->raised = true;
	e->edges++;
	event_wake(e);
}

bool model_event_lower(int fd)
{
	event *e = event_enter_locked(fd, "descriptor lowered");
	bool was = e->raised;

	e->raised = false;
	return was;
}

void model_event_wait(int fd, unsigned *edge)
{
	event *e = event_enter(fd, "descriptor polled");

	while (!event_report(e, edge))
		event_sleep(e);
	model_say("descriptor readable");
}

bool model_event_is_raised(int fd)
{
	return events[fd].raised;
}

void model_event_close(int fd)
{
	event_enter(fd, "descriptor closed")->open = false;
}

void model_event_arm(int fd, bool armed)
{
	event *e = event_enter(fd, "descriptor armed");

	e->armed = armed;
	e->raised = false;
	event_wake(e); /* to wait for that */
}

void *model_alloc(size_t size)
{
	void *p;

	if (model_scarcity > 0 && model_rand(model_scarcity) == 0)
		return NULL;
	p = rl::ctx().alloc(size, false, HERE);
	shadow_revive((uintptr_t)p, (uintptr_t)p + size);
	return p;
}

void model_free(void *p, size_t size)
{
	shadow_end((uintptr_t)p, size, __builtin_return_address(0));
	rl::ctx().free(p, false, HERE);
}

void model_lend(void *p, size_t size)
{
	if (lent_count == LENT_MAX)
		abort();
	lent[lent_count].from = (uintptr_t)p;
	lent[lent_count++].to = (uintptr_t)p + size;
}

/* The caller writes to it, and nobody touches it again. */
void model_take_back(void *p, size_t size)
{
	const range r = { (uintptr_t)p, (uintptr_t)p + size };

	for (int i = guest_count - 1; i >= 0; i--)
		if (is_in(r, guests[i].at)) {
			guests[i].fini((void *)guests[i].at);
			guests[i] = guests[--guest_count];
		}
	touch(p, size, true, __builtin_return_address(0));
	shadow_end(r.from, size, __builtin_return_address(0));
}

void model_yield(void)
{
	rl::ctx().yield(1, HERE);
}

bool model_timed_out(void)
{
	return late[rl::ctx().threadx_->index_];
}

void model_set_deadline(void)
{
	late[rl::ctx().threadx_->index_] = false;
}

unsigned model_rand(unsigned limit)
{
	return model_bounds_now.set ? limit - 1 : rl::ctx().rand(limit, rl::sched_type_user);
}

bool model_surprise(unsigned times)
{
	bool surprise;

	if (!model_bounds_now.set)
		return model_rand(times) == 0;
	surprise = surprises_left > 0 && rl::ctx().rand(2, rl::sched_type_user) > 0;
	surprises_left -= surprise;
	return surprise;
}

void model_check(bool ok, const char *what)
{
	if (!ok)
		rl::ctx().fail_test(what, rl::test_result_user_assert_failed, HERE);
}

void model_say(const char *what)
{
	rl::context &c = rl::ctx();

	if (c.collecting_history())
		c.exec_log_msg(HERE, what);
}

void model_wrote(const void *p, size_t size) { touch(p, size, true, __builtin_return_address(0)); }
void model_read(const void *p, size_t size) { touch(p, size, false, __builtin_return_address(0)); }

static bool run(const scenario *s, uint64_t last, const char *state, uint64_t *executions)
{
	rl::test_params params;
	rl::ostringstream text, progress; /* in memory that Relacy does not watch */
	bool ok;

	model_scenario = s;
	params.iteration_count = last;
	params.initial_state = rl::string(state);
	params.output_stream = &text;
	params.progress_stream = &progress;
	params.execution_depth_limit = 20000;
	ok = simulate(params, s->threads);
	if (!ok)
		std::cout << text.str();
	*executions += params.stop_iteration;
	return ok;
}

bool model_run(const scenario *s, uint64_t first, uint64_t last)
{
	uint64_t executions;

	return run(s, last, std::to_string(first).c_str(), &executions);
}

bool model_search(const scenario *s, uint64_t most, uint64_t *executions, bool *all)
{
	bool ok = true;

	*executions = 0;
	*all = true;
	sparse = 1;
	for (int i = 0; i < 2 && ok; i++) {
		asymmetric = i == 0;
		ok = run(s, most, "", executions);
		*all = *all && searched_all;
	}
	return ok;
}

/* ------------------------------------- what -fsanitize=thread calls in the sources */

#define MODEL_PLAIN(bytes)                                                                 \
	extern "C" void __tsan_read##bytes(void *p) { touch(p, bytes, false, __builtin_return_address(0)); } \
	extern "C" void __tsan_write##bytes(void *p) { touch(p, bytes, true, __builtin_return_address(0)); } \
	extern "C" void __tsan_unaligned_read##bytes(void *p) { touch(p, bytes, false, __builtin_return_address(0)); } \
	extern "C" void __tsan_unaligned_write##bytes(void *p) { touch(p, bytes, true, __builtin_return_address(0)); }

MODEL_PLAIN(1)
MODEL_PLAIN(2)
MODEL_PLAIN(4)
MODEL_PLAIN(8)
MODEL_PLAIN(16)

extern "C" void __tsan_read_range(void *p, size_t n) { touch(p, n, false, __builtin_return_address(0)); }
extern "C" void __tsan_write_range(void *p, size_t n) { touch(p, n, true, __builtin_return_address(0)); }
extern "C" void __tsan_init(void) {}
extern "C" void __tsan_func_entry(void *) {}
extern "C" void __tsan_func_exit(void) {}
