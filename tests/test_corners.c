/*
 * test_corners.c - what a program hardly comes to, and the other suites by chance
 *
 * No handle, no end of a count, no memory that could be addressed, a system that refuses
 * what a process needs at its start, a fork at any instant.  Linked with the library's
 * test build, some of whose insides are asked directly.  check-coverage found them.
 */
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/event.h"
#include "base/random.h"
#include "block.h"
#include "flavor.h"
#include "support/support.h"

extern char **environ;
extern void (*chan__tp_hook)(const char *name);

/* ----------------------------------------------------------------- no handle at all */

static void questions_about_no_channel_have_an_answer(const struct kind *k)
{
	(void)k;
	must(chan_sender_channel(NULL) == NULL);
	must(chan_receiver_channel(NULL) == NULL);
	must(chan_weak_sender_channel(NULL) == NULL);
	must(chan_is_disconnected(NULL));
	must(chan_is_empty(NULL));
	must(chan_is_full(NULL));
	must_eq(chan_len(NULL), 0);
	must_eq(chan_capacity(NULL), 0);
	must_eq(chan_sender_count(NULL), 0);
	must_eq(chan_receiver_count(NULL), 0);
	must_eq(chan_msg_size(NULL), 0);
	must_eq(chan_flavor(NULL), CHAN_FLAVOR_AUTO);
	must_eq(chan_lost(NULL), 0);
	must_eq(chan_receiver_len(NULL), 0);
	must_eq(chan_receiver_lost(NULL), 0);
}

static void calls_without_a_handle_do_nothing(const struct kind *k)
{
	(void)k;
	must_keep_errno(chan_close(NULL));
	must(chan_sender_clone(NULL) == NULL);
	must(chan_sender_downgrade(NULL) == NULL);
	must(chan_weak_sender_clone(NULL) == NULL);
	must(chan_weak_sender_upgrade(NULL) == NULL);
	must_keep_errno(chan_weak_sender_drop(NULL));
	must_keep_errno(chan_deadline(CHAN_SEC, NULL));
	must_give(EINVAL, chan_poll_send(NULL, NULL, NULL));
}

/* ------------------------------------------------------------------ messages of no bytes */

static void wake_nobody(void *arg)
{
	(void)arg;
}

static void a_message_without_bytes_needs_no_address(const struct kind *k)
{
	struct ends e = kind_open(k, 0);
	chan_waker_t waker;
	int result;

	chan_waker_init(&waker, wake_nobody, NULL);
	must_keep_errno(result = chan_poll_send(e.tx, NULL, &waker));
	must(result == 0 || (result == EAGAIN && k->capacity == 0));
	chan_waker_cancel(&waker);
	if (k->capacity != 0)
		must_give(0, chan_try_recv(e.rx, NULL));
	ends_drop(&e);
}

/* ------------------------------------------------------- a callback that cancels itself */

struct cancelled {
	chan_waker_t waker;
	struct worker other;
	unsigned calls;
};

static void cancel_waker(void *arg)
{
	chan_waker_cancel(&((struct cancelled *)arg)->waker);
}

/* Another thread waits for this call to end when it cancels its own waker. */
static void cancel_beside_another(void *arg)
{
	struct cancelled *c = arg;

	c->calls++;
	worker_start(&c->other, cancel_waker, c);
	worker_wait_asleep(&c->other);
	cancel_waker(c);
	must(!atomic_load(&c->other.ended));
}

static void who_cancels_beside_the_callback_hears_of_its_end(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct cancelled c = { .calls = 0 };
	uint64_t number = 0;

	chan_waker_init(&c.waker, cancel_beside_another, &c);
	must_give(EAGAIN, chan_poll_recv(e.rx, &number, &c.waker));
	queue_numbers(e.tx, 6, 1);
	worker_join(&c.other);
	must_eq(c.calls, 1);
	expect_numbers(e.rx, 6, 1);
	ends_drop(&e);
}

/* ------------------------------------------------------------------- at the end of a count */

/* Runs `part` in a child, and must see it abort. */
static void must_abort(void (*part)(struct ends *e), struct ends *e)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		signal(SIGALRM, SIG_DFL);
		alarm(20 * test_scale());
		part(e);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid);
	must_eq(WIFSIGNALED(status) ? WTERMSIG(status) : 1000 + WEXITSTATUS(status), SIGABRT);
}

static struct chan *inside(struct ends *e)
{
	return (struct chan *)e->c;
}

static void clone_one_sender_too_many(struct ends *e)
{
	chan__size_store_relaxed(&inside(e)->senders, SIZE_MAX / 2 + 1);
	chan_sender_clone(e->tx);
}

static void upgrade_one_sender_too_many(struct ends *e)
{
	chan_weak_sender_t *weak = chan_sender_downgrade(e->tx);

	chan__size_store_relaxed(&inside(e)->senders, SIZE_MAX / 2 + 1);
	chan_weak_sender_upgrade(weak);
}

static void hold_once_too_often(struct ends *e)
{
	chan__size_store_relaxed(&inside(e)->refs, SIZE_MAX / 2 + 1);
	chan__hold_unless_gone(inside(e));
}

static void a_count_that_would_overflow_aborts(const struct kind *k)
{
	struct ends e = kind_open(k, 8);

	must_abort(clone_one_sender_too_many, &e);
	must_abort(upgrade_one_sender_too_many, &e);
	must_abort(hold_once_too_often, &e);
	ends_drop(&e);
}

static void the_largest_batch_wakes_many(const struct kind *k)
{
	(void)k;
	must_eq(chan__wakes(3), 3);
	must_eq(chan__wakes(SIZE_MAX), CHAN__MANY);
}

static void chance_serves_more_cases_than_32_bits_count(const struct kind *k)
{
	uint64_t state = chan__random_seed();
	bool beyond = false;

	(void)k;
	for (int i = 0; i < 1000; i++) {
		size_t n = chan__random_below(&state, SIZE_MAX);

		must(n < SIZE_MAX);
		beyond = beyond || n > UINT32_MAX;
	}
	must_eq(beyond, SIZE_MAX > UINT32_MAX);
}

/* ------------------------------------------------------------------ more than is addressable */

static int create(const char *flavor, size_t capacity, size_t msg_size, chan_overflow_t overflow)
{
	chan_sender_t *tx = NULL;
	chan_receiver_t *rx = NULL;
	chan_attr_t attr;
	int result;

	must_give(0, chan_attr_init(&attr));
	must_give(0, chan_attr_setflavor(&attr, flavor_named(flavor)));
	must_give(0, chan_attr_setcapacity(&attr, capacity));
	must_give(0, chan_attr_setoverflow(&attr, overflow));
	result = chan_create(&attr, msg_size, &tx, &rx);
	chan_attr_destroy(&attr);
	must(result != 0 && !tx && !rx);
	return result;
}

/* Each term of a size in turn is the one too many. */
static void what_cannot_be_addressed_is_refused(const struct kind *k)
{
	(void)k;
	must_eq(create("list", CHAN_UNBOUNDED, SIZE_MAX / 4, CHAN_OVERFLOW_WAIT), EOVERFLOW);
	must_eq(create("mutex_condvar", CHAN_UNBOUNDED, SIZE_MAX / 4, CHAN_OVERFLOW_WAIT), EOVERFLOW);
	must_eq(create("mutex_condvar", SIZE_MAX / 16, 0, CHAN_OVERFLOW_WAIT), EOVERFLOW);
	must_eq(create("broadcast", SIZE_MAX / 16 - 1000, 8, CHAN_OVERFLOW_DROP_OLDEST), EOVERFLOW);
}

static void a_block_is_as_large_as_can_be_addressed(const struct kind *k)
{
	size_t per_block, size;

	(void)k;
	must(chan__block_layout(64, 64, &per_block, &size));
	must_eq(size, per_block * 64 + 64);
	must(!chan__block_layout(SIZE_MAX / 2, 64, &per_block, &size));
	must(!chan__block_layout(SIZE_MAX / 4, 64, &per_block, &size));
	must(!chan__block_layout((size_t)PTRDIFF_MAX / 4 + 1, 64, &per_block, &size));
}

/* ----------------------------------------------------------------- where nobody starves */

static void who_does_not_starve_is_not_served(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	size_t len;

	if (kind_room(k) > 1)
		queue_numbers(e.tx, 1, 1);
	len = chan_len(e.c);
	must(!inside(&e)->flavor->serve(inside(&e), CHAN__SEND));
	must(!inside(&e)->flavor->serve(inside(&e), CHAN__RECV));
	must_eq(chan_len(e.c), len);
	ends_drop(&e);
}

static struct chan *channel_of(chan_receiver_t *rx)
{
	return (struct chan *)chan_receiver_channel(rx);
}

/* Neither has an end that could be passed over. */
static void timers_and_tokens_serve_nobody(const struct kind *k)
{
	chan_receiver_t *timer;
	chan_cancel_t *token;

	(void)k;
	must_give(0, chan_after(CHAN_SEC, &timer));
	must_give(0, chan_cancel_create(NULL, &token));
	for (int side = CHAN__SEND; side <= CHAN__RECV; side++) {
		must(!channel_of(timer)->flavor->serve(channel_of(timer), (enum chan__side)side));
		must(!channel_of(chan_cancel_receiver(token))->flavor->serve(
			channel_of(chan_cancel_receiver(token)), (enum chan__side)side));
	}
	chan_cancel_drop(token);
	chan_receiver_drop(timer);
}

/* ------------------------------------------------------------------- where somebody does */

/* Waits, sends or receives; the last two are held where `point` says. */
struct party {
	struct ends e;
	uint64_t number;
	int result;
	char point[40];
	struct worker worker;
};

static sem_t arrived, go_on;
static _Thread_local const char *held_at;

static void on_point(const char *name)
{
	if (held_at && strcmp(name, held_at) == 0) {
		held_at = NULL;
		sem_post(&arrived);
		wait_sem(&go_on);
	}
}

/* One wait of somebody whose patience is at its end. */
static void starve(struct party *p, struct chan__watch *w)
{
	static const struct chan__deadline forever = { true, { 0, 0 } };
	struct chan__wait wait = { .watches = w, .deadline = &forever, .parker = &chan__parker_default };
	struct chan__watch *chosen;

	w->node.vain = CHAN__PATIENCE;
	p->result = chan__wait(&wait, &chosen);
}

static void starve_receiving(void *arg)
{
	struct party *p = arg;
	struct chan__watch w;

	chan__watch_init(&w, inside(&p->e), p->e.rx);
	w.node.target = &p->number;
	starve(p, &w);
}

static void starve_sending(void *arg)
{
	struct party *p = arg;
	struct chan__watch w;

	chan__watch_init(&w, inside(&p->e), NULL);
	w.node.source = &p->number;
	starve(p, &w);
}

static void send_one(void *arg)
{
	struct party *p = arg;

	held_at = p->point;
	p->result = chan_send(p->e.tx, &p->number);
}

static void receive_one(void *arg)
{
	struct party *p = arg;

	held_at = p->point;
	p->result = chan_recv(p->e.rx, &p->number);
}

static void party_start(struct party *p, struct ends e, uint64_t number, void (*run)(void *arg),
                        const char *point)
{
	*p = (struct party){ .e = e, .number = number, .result = -1 };
	snprintf(p->point, sizeof(p->point), "%s:%s", chan_flavor_name(chan_flavor(e.c)), point);
	worker_start(&p->worker, run, p);
}

static void party_end(struct party *p, int result)
{
	worker_join(&p->worker);
	must_eq(p->result, result);
}

static void points_begin(void)
{
	sem_init(&arrived, 0, 0);
	sem_init(&go_on, 0, 0);
	__atomic_store_n(&chan__tp_hook, on_point, __ATOMIC_RELEASE);
}

/* `starving` stands; another has done `act`, and not yet told of it. */
static void starve_beside(struct ends e, struct party *starving, void (*wait)(void *arg),
                          struct party *other, void (*act)(void *arg), const char *point)
{
	points_begin();
	party_start(starving, e, 7, wait, "");
	worker_wait_asleep(&starving->worker);
	party_start(other, e, 5, act, point);
	wait_sem(&arrived);
}

static void go_on_and_end(struct party *other, int result)
{
	sem_post(&go_on);
	party_end(other, result);
	__atomic_store_n(&chan__tp_hook, NULL, __ATOMIC_RELEASE);
}

/* Nobody stands where there is nothing to wait for. */
static void who_waits_for_room_that_is_there_goes_on(const struct kind *k)
{
	struct party p = { .e = kind_open(k, 8), .result = -1 };

	starve_sending(&p);
	must_eq(p.result, EAGAIN);
	must_eq(chan_len(p.e.c), 0);
	ends_drop(&p.e);
}

static void starve_for_nothing(void *arg)
{
	struct party *p = arg;
	struct chan__watch w;

	chan__watch_init(&w, inside(&p->e), p->e.rx);
	starve(p, &w);
}

static void who_starves_for_no_bytes_is_served(const struct kind *k)
{
	struct ends e = kind_open(k, 0);
	struct party starving;

	party_start(&starving, e, 0, starve_for_nothing, "");
	worker_wait_asleep(&starving.worker);
	must_give(0, chan_send(e.tx, NULL));
	party_end(&starving, 0);
	must_eq(chan_len(e.c), 0);
	ends_drop(&e);
}

/* What one that does not wait would have taken goes to the one that starves. */
static void a_starving_receiver_comes_before_who_tries(const struct kind *k)
{
	struct party starving, sender;
	struct ends e = kind_open(k, 8);
	uint64_t number = 0;

	starve_beside(e, &starving, starve_receiving, &sender, send_one, "published");
	must_give(EAGAIN, chan_try_recv(e.rx, &number));
	party_end(&starving, 0);
	must_eq(starving.number, 5);
	go_on_and_end(&sender, 0);
	ends_drop(&e);
}

static void a_starving_sender_comes_before_who_tries(const struct kind *k)
{
	struct party starving, receiver;
	struct ends e = kind_open(k, 8);
	uint64_t number = 9;

	queue_numbers(e.tx, 0, k->capacity);
	starve_beside(e, &starving, starve_sending, &receiver, receive_one, "freed");
	must_give(EAGAIN, chan_try_send(e.tx, &number));
	party_end(&starving, 0);
	go_on_and_end(&receiver, 0);
	must_eq(chan_len(e.c), k->capacity);
	ends_drop(&e);
}

/* It is too late to serve it, so it is woken, and will look again. */
static void a_starving_receiver_that_was_robbed_is_woken(const struct kind *k)
{
	struct party starving, sender;
	struct ends e = kind_open(k, 8);
	uint64_t number = 0;

	starve_beside(e, &starving, starve_receiving, &sender, send_one, "published");
	must_give(0, inside(&e)->flavor->try_recv(e.rx, &number));
	must_eq(number, 5);
	go_on_and_end(&sender, 0);
	party_end(&starving, EAGAIN);
	ends_drop(&e);
}

static void a_starving_sender_that_was_robbed_is_woken(const struct kind *k)
{
	struct party starving, receiver;
	struct ends e = kind_open(k, 8);
	uint64_t number = 9;

	queue_numbers(e.tx, 0, k->capacity);
	starve_beside(e, &starving, starve_sending, &receiver, receive_one, "freed");
	must_give(0, inside(&e)->flavor->try_send(inside(&e), &number));
	go_on_and_end(&receiver, 0);
	party_end(&starving, EAGAIN);
	ends_drop(&e);
}

/* What is not ready is passed on to nobody. */
static void who_passes_on_nothing_wakes_nobody(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct call call = call_recv(e.rx, CALL_PLAIN);

	call_start_asleep(&call);
	inside(&e)->flavor->pass_on(inside(&e), CHAN__RECV, e.rx);
	worker_wait_asleep(&call.worker);
	queue_numbers(e.tx, 3, 1);
	call_finish(&call);
	must_eq(call.result, 0);
	ends_drop(&e);
}

/* --------------------------------------------------------------- an end in between */

static void displace_one(void *arg)
{
	struct party *p = arg;
	bool displaced = false;

	held_at = p->point;
	p->result = chan_force_send(p->e.tx, &p->number, NULL, &displaced);
	must(!displaced);
}

/* A single producer that has claimed its position, and gives it back. */
static void who_displaces_hears_of_the_close(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct party sender;

	queue_numbers(e.tx, 0, k->capacity);
	points_begin();
	party_start(&sender, e, 9, displace_one, "advanced");
	wait_sem(&arrived);
	chan_close(e.c);
	go_on_and_end(&sender, EPIPE);
	expect_numbers(e.rx, 0, k->capacity);
	ends_drop(&e);
}

/* The last receiver had it before it left: it is not destroyed as well. */
static void a_message_that_was_taken_is_no_orphan(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	struct party sender;
	uint64_t number = 0;

	points_begin();
	party_start(&sender, e, 5, send_one, "published");
	wait_sem(&arrived);
	must_give(0, chan_recv(e.rx, &number));
	must_eq(number, 5);
	chan_receiver_drop(e.rx);
	go_on_and_end(&sender, 0);
	must_give(EPIPE, chan_try_send(e.tx, &number));
	chan_sender_drop(e.tx);
}

/* A select that only looks does not say what it would send. */
static void who_looks_has_no_message_ready(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_case_t cases[] = { CHAN_CASE_SEND(e.tx, NULL) };
	size_t which = 7;

	must_give(EINVAL, chan_try_select(cases, 1, 0, &which));
	must_give(k->capacity == 0 ? EAGAIN : 0, chan_try_select(cases, 1, CHAN_SELECT_READY, &which));
	ends_drop(&e);
}

/* ----------------------------------------------------------------------- subscriptions */

static struct ends *closed_by_allocator;

static void *close_and_allocate(size_t size, size_t alignment, void *arg)
{
	(void)alignment;
	(void)arg;
	if (closed_by_allocator)
		chan_close(closed_by_allocator->c);
	return malloc(size);
}

static void give_back(void *ptr, size_t size, size_t alignment, void *arg)
{
	(void)size;
	(void)alignment;
	(void)arg;
	free(ptr);
}

static void a_subscription_that_comes_too_late_is_none(const struct kind *k)
{
	chan_allocator_t allocator = { .allocate = close_and_allocate, .release = give_back };
	chan_receiver_t *rx = NULL;
	chan_attr_t attr;
	struct ends e;

	kind_attr(k, &attr);
	must_give(0, chan_attr_setallocator(&attr, &allocator));
	e = attr_open(&attr, 8);
	closed_by_allocator = &e;
	must_give(EPIPE, chan_subscribe(e.tx, &rx));
	closed_by_allocator = NULL;
	must(!rx);
	must_eq(chan_receiver_count(e.c), 1);
	ends_drop(&e);
}

/* Each subscription, and each token's receiver, empties what is its own. */
static void a_channel_of_subscriptions_discards_nothing(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	chan_cancel_t *token;

	must_give(0, chan_cancel_create(NULL, &token));
	queue_numbers(e.tx, 4, 1);
	inside(&e)->flavor->discard(inside(&e));
	channel_of(chan_cancel_receiver(token))->flavor->discard(channel_of(chan_cancel_receiver(token)));
	expect_numbers(e.rx, 4, 1);
	must(!chan_cancel_is_triggered(token));
	chan_cancel_drop(token);
	ends_drop(&e);
}

/* --------------------------------------------------- what a process finds at its start */

/* What the library's first call meets; the linker's --wrap. */
enum refusal { REFUSE_NOTHING, REFUSE_AFFINITY, REFUSE_BARRIER, REFUSE_USER, REFUSE_GROUP };

static enum refusal refused;
static atomic_uint flags_set;

int __real_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	if (refused == REFUSE_AFFINITY) {
		errno = EINVAL;
		return -1;
	}
	return __real_sched_getaffinity(pid, size, set);
}

uid_t __real_geteuid(void);
uid_t __wrap_geteuid(void);
uid_t __wrap_geteuid(void)
{
	return __real_geteuid() + (refused == REFUSE_USER);
}

gid_t __real_getegid(void);
gid_t __wrap_getegid(void);
gid_t __wrap_getegid(void)
{
	return __real_getegid() + (refused == REFUSE_GROUP);
}

/* The second call of membarrier is the first that is more than a registration. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	static int barriers;
	va_list list;
	long a[6];

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
#ifdef SYS_membarrier
	if (number == SYS_membarrier && refused == REFUSE_BARRIER && barriers++ > 0) {
		errno = EPERM;
		return -1;
	}
#endif
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* The library sets the flags of a descriptor only where it cannot open it with them. */
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
	va_list list;
	int flags;

	va_start(list, command);
	flags = va_arg(list, int);
	va_end(list);
	atomic_fetch_add(&flags_set, 1);
	return __real_fcntl(fd, command, flags);
}

/* This program once more, so that nothing of the library has run.  Tools that stand in for
 * the kernel say what its name is, and execute nothing else. */
static void in_a_new_process(const char *what)
{
	char path[4096] = "", *argv[] = { path, (char *)(uintptr_t)what, NULL };
	char *emulated[] = { "sh", "-c", "exec $CHAN_TEST_EMULATOR \"$0\" \"$1\"", path, argv[1], NULL };
	bool emulate = getenv("CHAN_TEST_EMULATOR") != NULL;
	int status = -1;
	pid_t pid;

	must(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
	fflush(NULL);
	must_eq(posix_spawn(&pid, emulate ? "/bin/sh" : path, NULL, NULL, emulate ? emulated : argv, environ), 0);
	must(waitpid(pid, &status, 0) == pid);
	must_eq(WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status), 0);
}

/* In that process there is no Check: what does not hold is an exit status. */
#define start_must(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			exit(1); \
		} \
	} while (0)

static void start_with(enum refusal what)
{
	refused = what;
	chan__process_setup();
	refused = REFUSE_NOTHING;
}

/* One message, and a wait in vain. */
static void use_a_channel(void)
{
	chan_sender_t *tx;
	chan_receiver_t *rx;
	uint64_t number = 3;

	start_must(chan_bounded(1, sizeof(number), &tx, &rx) == 0);
	start_must(chan_send(tx, &number) == 0);
	number = 0;
	start_must(chan_recv(rx, &number) == 0 && number == 3);
	start_must(chan_recv_timeout(rx, &number, CHAN_MSEC) == ETIMEDOUT);
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
}

static void start_without_affinity(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	start_with(REFUSE_AFFINITY);
	start_must(chan__process_cpus() == (online > 1 ? (unsigned)online : 1));
	use_a_channel();
}

static void start_on_one_cpu(void)
{
	cpu_set_t set;
	size_t first = 0;

	start_must(__real_sched_getaffinity(0, sizeof(set), &set) == 0);
	while (!CPU_ISSET(first, &set))
		first++;
	CPU_ZERO(&set);
	CPU_SET(first, &set);
	start_must(sched_setaffinity(0, sizeof(set), &set) == 0);
	start_with(REFUSE_NOTHING);
	start_must(chan__process_cpus() == 1);
	use_a_channel();
}

static void start_without_barrier(void)
{
	start_with(REFUSE_BARRIER);
	start_must(chan__u32_load_relaxed(&chan__fence_asymmetric) == CHAN__FENCE_FULL);
	use_a_channel();
}

/* A program with the rights of another takes no advice from the environment. */
static void start_with_flavor(enum refusal what, const char *name, const char *want)
{
	setenv("CHAN_FLAVOR", name, 1);
	start_with(what);
	start_must((chan__process_flavor() == NULL) == (want == NULL));
	start_must(!want || strcmp(chan__process_flavor(), want) == 0);
	use_a_channel();
}

static void start_as_another_user(void)  { start_with_flavor(REFUSE_USER, "mutex_condvar", NULL); }
static void start_as_another_group(void) { start_with_flavor(REFUSE_GROUP, "mutex_condvar", NULL); }
static void start_with_a_name(void)      { start_with_flavor(REFUSE_NOTHING, "mutex_condvar", "mutex_condvar"); }

static void start_with_a_long_name(void)
{
	start_with_flavor(REFUSE_NOTHING, "a_name_that_is_longer_than_that_of_any_flavor", NULL);
}

static const struct start {
	const char *name;
	void (*run)(void);
} starts[] = {
	{ "affinity", start_without_affinity },
	{ "one-cpu", start_on_one_cpu },
	{ "barrier", start_without_barrier },
	{ "user", start_as_another_user },
	{ "group", start_as_another_group },
	{ "name", start_with_a_name },
	{ "long-name", start_with_a_long_name },
};

static void a_process_may_start_anywhere(const struct kind *k)
{
	(void)k;
	for (size_t i = 0; i < COUNT_OF(starts); i++)
		in_a_new_process(starts[i].name);
}

/* Between two calls another thread may fork and execute: the flags come with the
 * descriptor, on systems that can do that. */
static void a_descriptor_never_lacks_its_flags(const struct kind *k)
{
	struct ends e = kind_open(k, 8);
	unsigned before = atomic_load(&flags_set);
	int fd;

	must_give(0, chan_receiver_fd(e.rx, &fd));
	must_give(0, chan_sender_fd(e.tx, &fd));
#ifdef __linux__
	must_eq(atomic_load(&flags_set) - before, 0);
#endif
	(void)before;
	must_eq(__real_fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	must_eq(__real_fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ends_drop(&e);
}

/* ------------------------------------------------- descriptors, and calls that fail */

/* So many calls from now on fail so. */
static struct failing {
	unsigned left;
	int error;
} reads, writes;

static bool fails(struct failing *f)
{
	if (f->left == 0)
		return false;
	f->left--;
	errno = f->error;
	return true;
}

ssize_t __real_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size)
{
	return fails(&reads) ? -1 : __real_read(fd, to, size);
}

ssize_t __real_write(int fd, const void *from, size_t size);
ssize_t __wrap_write(int fd, const void *from, size_t size);
ssize_t __wrap_write(int fd, const void *from, size_t size)
{
	return fails(&writes) ? -1 : __real_write(fd, from, size);
}

static void fail(struct failing *f, unsigned n, int error)
{
	*f = (struct failing){ n, error };
}

/* Interrupted, it goes on; where the descriptor is none, it ends. */
static void a_raise_ends_however_the_system_answers(const struct kind *k)
{
	struct chan__event event;

	(void)k;
	must_eq(chan__event_open(&event), 0);
	fail(&writes, 1, EBADF);
	chan__event_raise(&event);
	must_eq(writes.left, 0);
	must(!chan__event_lower(&event));
	fail(&writes, 3, EINTR);
	chan__event_raise(&event);
	must_eq(writes.left, 0);
	must(chan__event_lower(&event));
	chan__event_close(&event);
}

/* More raises than a pipe holds bytes; it is read to make room, and that is interrupted. */
static void a_descriptor_that_nobody_reads_can_be_raised_for_ever(const struct kind *k)
{
	struct chan__event event;

	(void)k;
	must_eq(chan__event_open(&event), 0);
	fail(&reads, 1, EINTR);
	for (int i = 0; i < 70000; i++)
		chan__event_raise(&event);
	must(chan__event_lower(&event));
	must_eq(reads.left, 0);
	must(!chan__event_lower(&event));
	chan__event_close(&event);
}

/* -------------------------------------------------------------- a fork at any instant */

/* Who goes round and round in a call, and is stopped in it by a signal. */
struct runner {
	struct ends e;
	chan_cancel_t *token, *child;
	void (*round)(struct runner *r);
	atomic_bool ends;
	struct worker worker;
};

enum { GOING, STANDING, PASSED_BY };

static atomic_int answer;
static atomic_bool stop_wanted;
static _Thread_local volatile sig_atomic_t allocating;

/* Not in the C library's allocator: fork waits for its locks. */
static void stand_still(int number)
{
	(void)number;
	if (allocating) {
		atomic_store(&answer, PASSED_BY);
		return;
	}
	atomic_store(&answer, STANDING);
	while (atomic_load(&stop_wanted))
		sched_yield();
	atomic_store(&answer, GOING);
}

void *__real_chan__memory_get(const struct chan__memory *m, size_t size);
void *__wrap_chan__memory_get(const struct chan__memory *m, size_t size);
void *__wrap_chan__memory_get(const struct chan__memory *m, size_t size)
{
	void *ptr;

	allocating++;
	ptr = __real_chan__memory_get(m, size);
	allocating--;
	return ptr;
}

void __real_chan__memory_put(const struct chan__memory *m, void *ptr, size_t size);
void __wrap_chan__memory_put(const struct chan__memory *m, void *ptr, size_t size);
void __wrap_chan__memory_put(const struct chan__memory *m, void *ptr, size_t size)
{
	allocating++;
	__real_chan__memory_put(m, ptr, size);
	allocating--;
}

static void stop(struct runner *r)
{
	atomic_store(&stop_wanted, true);
	do {
		atomic_store(&answer, GOING);
		must(pthread_kill(r->worker.thread, SIGUSR1) == 0);
		wait_for(atomic_load(&answer) != GOING);
	} while (atomic_load(&answer) != STANDING);
}

static void let_go(void)
{
	atomic_store(&stop_wanted, false);
	wait_for(atomic_load(&answer) == GOING);
}

static void go_round(void *arg)
{
	struct runner *r = arg;

	while (!atomic_load(&r->ends))
		r->round(r);
}

/* The child may not know what the thread that stood still was about to do: it leaks, and
 * ends by SIGKILL before a leak checker looks. */
static void fork_and(void (*part)(struct runner *r), struct runner *r)
{
	int status = -1;
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		alarm(20 * test_scale());
		part(r);
		raise(SIGKILL);
	}
	must(waitpid(pid, &status, 0) == pid);
	must_eq(WIFSIGNALED(status) ? WTERMSIG(status) : 1000 + WEXITSTATUS(status), SIGKILL);
}

static void fork_around(struct runner *r, void (*round)(struct runner *r), void (*part)(struct runner *r),
                        size_t times)
{
	struct sigaction action = { .sa_handler = stand_still, .sa_flags = SA_RESTART };

	must(sigaction(SIGUSR1, &action, NULL) == 0);
	atomic_store(&r->ends, false);
	r->round = round;
	fflush(NULL);
	worker_start(&r->worker, go_round, r);
	for (size_t i = 0; i < times; i++) {
		wait_spinning(i * 997 % 20000);
		stop(r);
		fork_and(part, r);
		let_go();
	}
	atomic_store(&r->ends, true);
	worker_join(&r->worker);
}

static void pass_a_message(struct runner *r)
{
	uint64_t number = 1;

	chan_try_send(r->e.tx, &number);
	chan_try_recv(r->e.rx, &number);
}

static void wait_for_a_moment(struct runner *r)
{
	uint64_t number = 1;

	chan_recv_timeout(r->e.rx, &number, 1000);
	chan_try_send(r->e.tx, &number);
	chan_send_timeout(r->e.tx, &number, 1000);
}

static void close_and_drop(struct runner *r)
{
	chan_close(r->e.c);
	chan_receiver_drop(r->e.rx);
	chan_sender_drop(r->e.tx);
}

static void drop_alone(struct runner *r)
{
	chan_receiver_drop(r->e.rx);
	chan_sender_drop(r->e.tx);
}

static void a_child_drops_wherever_a_thread_stood(const struct kind *k)
{
	struct runner r = { .e = kind_open(k, 8) };

	fork_around(&r, pass_a_message, drop_alone, test_scaled(48));
	fork_around(&r, wait_for_a_moment, close_and_drop, test_scaled(48));
	ends_drop(&r.e);
}

static void a_child_drops_descriptors_wherever_a_thread_stood(const struct kind *k)
{
	struct runner r = { .e = kind_open(k, 8) };
	int fd;

	must_give(0, chan_receiver_fd(r.e.rx, &fd));
	must_give(0, chan_sender_fd(r.e.tx, &fd));
	fork_around(&r, pass_a_message, drop_alone, test_scaled(48));
	ends_drop(&r.e);
}

static void come_and_go(struct runner *r)
{
	chan_receiver_t *rx;

	if (chan_subscribe(r->e.tx, &rx) == 0)
		chan_receiver_drop(rx);
}

static void a_child_drops_wherever_a_subscriber_stood(const struct kind *k)
{
	struct runner r = { .token = NULL };

	(void)k;
	if (test_under_thread_sanitizer()) /* as NEEDS_BUSY_FORK, of which only a kind can be in want */
		return;
	must_give(0, chan_broadcast(4, 8, &r.e.tx, &r.e.rx));
	r.e.c = chan_sender_channel(r.e.tx);
	fork_around(&r, come_and_go, drop_alone, test_scaled(200));
	fork_around(&r, come_and_go, close_and_drop, test_scaled(200));
	ends_drop(&r.e);
}

static void bear_and_drop(struct runner *r)
{
	chan_cancel_t *child;

	if (chan_cancel_create(r->token, &child) == 0)
		chan_cancel_drop(child);
}

static void trigger_and_drop(struct runner *r)
{
	chan_cancel_trigger(r->token);
	chan_cancel_drop(r->child);
	chan_cancel_drop(r->token);
}

static void a_child_drops_wherever_a_tokens_parent_stood(const struct kind *k)
{
	struct runner r = { .token = NULL };

	(void)k;
	if (test_under_thread_sanitizer())
		return;
	must_give(0, chan_cancel_create(NULL, &r.token));
	must_give(0, chan_cancel_create(r.token, &r.child));
	fork_around(&r, bear_and_drop, trigger_and_drop, test_scaled(200));
	chan_cancel_drop(r.child);
	chan_cancel_drop(r.token);
}

/* --------------------------------------------------------------------------- main */

static const struct behaviour behaviours[] = {
	BEHAVIOUR(questions_about_no_channel_have_an_answer, RUNS_ONCE),
	BEHAVIOUR(calls_without_a_handle_do_nothing, RUNS_ONCE),
	BEHAVIOUR(a_message_without_bytes_needs_no_address, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_count_that_would_overflow_aborts, FITS_ONE_MESSAGE),
	BEHAVIOUR(who_cancels_beside_the_callback_hears_of_its_end, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(the_largest_batch_wakes_many, RUNS_ONCE),
	BEHAVIOUR(chance_serves_more_cases_than_32_bits_count, RUNS_ONCE),
	BEHAVIOUR(what_cannot_be_addressed_is_refused, RUNS_ONCE),
	BEHAVIOUR(a_block_is_as_large_as_can_be_addressed, RUNS_ONCE),
	BEHAVIOUR(who_does_not_starve_is_not_served, FITS_ONE_MESSAGE),
	BEHAVIOUR(timers_and_tokens_serve_nobody, RUNS_ONCE),
	BEHAVIOUR(who_looks_has_no_message_ready, FITS_ONE_MESSAGE),
	BEHAVIOUR(who_waits_for_room_that_is_there_goes_on, NEEDS_QUEUE | FITS_ONE_MESSAGE),
	BEHAVIOUR(who_starves_for_no_bytes_is_served, NEEDS_QUEUE),
	BEHAVIOUR(a_process_may_start_anywhere, RUNS_ONCE),
	BEHAVIOUR(a_descriptor_never_lacks_its_flags, FITS_ONE_MESSAGE),
	BEHAVIOUR(a_raise_ends_however_the_system_answers, RUNS_ONCE),
	BEHAVIOUR(a_descriptor_that_nobody_reads_can_be_raised_for_ever, RUNS_ONCE),
	BEHAVIOUR(who_passes_on_nothing_wakes_nobody, FITS_ONE_MESSAGE | NEEDS_QUEUE),
	BEHAVIOUR(a_child_drops_wherever_a_thread_stood, NEEDS_BUSY_FORK),
	BEHAVIOUR(a_child_drops_descriptors_wherever_a_thread_stood, NEEDS_BUSY_FORK),
	BEHAVIOUR(a_child_drops_wherever_a_subscriber_stood, RUNS_ONCE),
	BEHAVIOUR(a_child_drops_wherever_a_tokens_parent_stood, RUNS_ONCE),
};

/* Of flavors that tell of a message, or of room, after it is there ... */
static const struct behaviour of_those_that_tell[] = {
	BEHAVIOUR(a_starving_receiver_comes_before_who_tries, NEEDS_QUEUE),
	BEHAVIOUR(a_starving_sender_comes_before_who_tries, NEEDS_LIMIT),
	BEHAVIOUR(a_starving_sender_that_was_robbed_is_woken, NEEDS_LIMIT),
};

static const struct behaviour of_subscriptions[] = {
	BEHAVIOUR(a_subscription_that_comes_too_late_is_none, NEEDS_NOTHING),
	BEHAVIOUR(a_channel_of_subscriptions_discards_nothing, NEEDS_NOTHING),
};

/* ... and whose receivers serve nobody once they are in the flavor. */
static const struct behaviour of_those_that_take[] = {
	BEHAVIOUR(a_message_that_was_taken_is_no_orphan, NEEDS_QUEUE),
	BEHAVIOUR(a_starving_receiver_that_was_robbed_is_woken, NEEDS_QUEUE),
};

static const struct behaviour of_those_that_displace[] = {
	BEHAVIOUR(who_displaces_hears_of_the_close, NEEDS_FORCE | NEEDS_LIMIT),
};

static size_t choose(const struct kind *kinds, size_t n, struct kind *chosen, const char *const names[])
{
	size_t n_chosen = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; names[j]; j++)
			if (kinds[i].flavor == flavor_named(names[j]))
				chosen[n_chosen++] = kinds[i];
	return n_chosen;
}

int main(int argc, char **argv)
{
	static struct kind kinds[MAX_KINDS], chosen[MAX_KINDS];
	static const char *const tell[] = { "array", "list", "broadcast", NULL };
	static const char *const take[] = { "array", "list", NULL }, *const subscribe[] = { "broadcast", NULL };
	static const char *const displace[] = { "array", NULL };
	size_t n;
	int status;

	for (size_t i = 0; argc > 1 && i < COUNT_OF(starts); i++)
		if (strcmp(argv[1], starts[i].name) == 0) {
			starts[i].run();
			return EXIT_SUCCESS;
		}
	n = kind_discover(kinds, CHAN_MANY, CHAN_MANY);
	status = matrix_run("corners", behaviours, COUNT_OF(behaviours), kinds, n);
	status |= matrix_run("corners where somebody starves", of_those_that_tell, COUNT_OF(of_those_that_tell),
	                     chosen, choose(kinds, n, chosen, tell));
	status |= matrix_run("corners where who starves is robbed", of_those_that_take,
	                     COUNT_OF(of_those_that_take), chosen, choose(kinds, n, chosen, take));
	status |= matrix_run("corners of subscriptions", of_subscriptions, COUNT_OF(of_subscriptions),
	                     chosen, choose(kinds, n, chosen, subscribe));
	n = kind_discover(kinds, CHAN_SINGLE, CHAN_MANY);
	status |= matrix_run("corners of a single producer that displaces", of_those_that_displace,
	                     COUNT_OF(of_those_that_displace), chosen, choose(kinds, n, chosen, displace));
	return status;
}
