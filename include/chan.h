/*
 * chan.h - channels: typed pipes between threads
 *
 * Copyright (c) 2026 The libchan authors.  MIT licence, see COPYING.
 *
 * The only header of libchan.  Conventions that hold for every call, so that
 * they are said once:
 *
 *   - A call returns 0 or a positive errno value.  errno itself is left as it
 *     was, and no call returns EINTR.
 *   - What a call produces goes through a pointer argument, which a failing
 *     call leaves untouched; counts of batches are always written.
 *   - A message that could not be sent still belongs to the caller.
 *   - Relative times are nanoseconds; absolute times are on CLOCK_MONOTONIC,
 *     and NULL there waits for ever.
 *   - Every call may be made by any number of threads at once, on the same
 *     handle too, save where CHAN_SINGLE was promised.  No call is a
 *     thread-cancellation point, and none is async-signal-safe.
 *
 * The whole story is in chan(7).
 */
#ifndef CHAN_H
#define CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A 32-bit time_t would end in 2038 and disagree with the library about the
 * size of struct timespec; `pkg-config --cflags chan` selects 64 bits. */
typedef char chan_assert_time_t_has_64_bits_[sizeof(time_t) >= 8 ? 1 : -1];

/* ------------------------------------------------------------------ version */

#define CHAN_VERSION_MAJOR 1
#define CHAN_VERSION_MINOR 0
#define CHAN_VERSION_PATCH 0

/* The version of the library in use, "major.minor.patch"; a static string. */
const char *chan_version(void);

/* -------------------------------------------------------------------- types */

typedef struct chan             chan_t;             /* a channel, seen from outside; valid while the caller holds a handle of it */
typedef struct chan_sender      chan_sender_t;      /* the sending half */
typedef struct chan_receiver    chan_receiver_t;    /* the receiving half */
typedef struct chan_weak_sender chan_weak_sender_t; /* a sender that does not keep the channel connected */
typedef struct chan_cancel      chan_cancel_t;      /* a cancellation token */

/* How a channel works inside; see chan_flavors(7). */
typedef int chan_flavor_t;
enum {
	CHAN_FLAVOR_AUTO          = 0, /* by capacity: 0 zero, n array, unbounded list */
	CHAN_FLAVOR_MUTEX_CONDVAR = 1, /* any capacity; mutexes and condition variables only */
	CHAN_FLAVOR_ARRAY         = 2, /* capacity n >= 1; lock-free ring */
	CHAN_FLAVOR_LIST          = 3, /* unbounded; lock-free linked blocks */
	CHAN_FLAVOR_ZERO          = 4, /* capacity 0; rendezvous */
	CHAN_FLAVOR_ONESHOT       = 5, /* capacity 1; one message in all */
	CHAN_FLAVOR_BROADCAST     = 6, /* capacity n >= 1; each subscription gets a copy of every message */
	CHAN_FLAVOR_AT            = 7, /* these three are made by chan_after and so on alone: */
	CHAN_FLAVOR_TICK          = 8, /* no sender; the clock is what makes them ready */
	CHAN_FLAVOR_NEVER         = 9
};

/* What a send does when the channel is full. */
typedef int chan_overflow_t;
enum {
	CHAN_OVERFLOW_WAIT        = 0, /* wait for space (default) */
	CHAN_OVERFLOW_DROP_OLDEST = 1  /* displace the oldest message */
};

/* How many threads use one side at a time. */
typedef int chan_concurrency_t;
enum {
	CHAN_MANY   = 0, /* any number (default) */
	CHAN_SINGLE = 1  /* a promise: the calls of this side never overlap and each happens before the next */
};

/* Where a channel takes its memory from.  allocate gives at least size bytes
 * at a power-of-two alignment, or NULL; release gets back what allocate gave,
 * with the same size and alignment.  Both may run in any thread. */
typedef struct chan_allocator {
	void *(*allocate)(size_t size, size_t alignment, void *arg);
	void  (*release)(void *ptr, size_t size, size_t alignment, void *arg);
	void   *arg;
} chan_allocator_t;

/* Creation attributes; opaque, filled by chan_attr_init(). */
typedef struct chan_attr { uint64_t reserved[32]; } chan_attr_t;

#define CHAN_UNBOUNDED SIZE_MAX /* the capacity of a channel without a limit */

/* Nanoseconds, for every uint64_t time; products saturate nowhere, so keep
 * them below 584 years. */
#define CHAN_NSEC    UINT64_C(1)
#define CHAN_USEC    UINT64_C(1000)
#define CHAN_MSEC    UINT64_C(1000000)
#define CHAN_SEC     UINT64_C(1000000000)
#define CHAN_FOREVER UINT64_MAX

/* ----------------------------------------------------------------- creation */

/* Each makes a channel for messages of msg_size bytes (0: a pure signal) and
 * gives one sender and one receiver, owned by the caller.
 * EINVAL: tx or rx is NULL, or the attributes contradict one another.
 * EOVERFLOW: the capacity's bytes do not fit in memory.  ENOMEM. */

/* Capacity exactly `capacity` messages; 0 is a rendezvous.  EINVAL also: CHAN_UNBOUNDED. */
int chan_bounded(size_t capacity, size_t msg_size, chan_sender_t **tx, chan_receiver_t **rx);

/* No limit: a send never blocks, and may fail with ENOMEM. */
int chan_unbounded(size_t msg_size, chan_sender_t **tx, chan_receiver_t **rx);

/* One message in all: a send never blocks, and a second one, like a second
 * receive, is EPIPE. */
int chan_oneshot(size_t msg_size, chan_sender_t **tx, chan_receiver_t **rx);

/* Every subscription sees every message sent after it was made, in the same
 * order; a send waits for the slowest.  *rx is the first, of any number: see
 * chan_subscribe(); rx NULL: none to begin with.  EINVAL also: capacity 0 or
 * CHAN_UNBOUNDED. */
int chan_broadcast(size_t capacity, size_t msg_size, chan_sender_t **tx, chan_receiver_t **rx);

/* As the attributes say; NULL is an AUTO channel without a limit.  ENOTSUP: a
 * destructor where each receiver gets a copy (broadcast). */
int chan_create(const chan_attr_t *attr, size_t msg_size, chan_sender_t **tx, chan_receiver_t **rx);

/* Timers: channels without a sender, on which the clock puts a message, the
 * instant of the event (struct timespec, CLOCK_MONOTONIC).  No thread: who looks
 * or waits reads the clock.  Connected until chan_close, then EPIPE at once.
 * Each gives one receiver, owned by the caller.  EINVAL: rx is NULL.  ENOMEM. */

/* Once, that long from now; 0: ready at once; CHAN_FOREVER: never. */
int chan_after(uint64_t timeout_ns, chan_receiver_t **rx);

/* Once, at that time; past: ready at once; NULL: never.  EINVAL also: tv_nsec out of range. */
int chan_at(const struct timespec *when, chan_receiver_t **rx);

/* Each period, first after one.  Ticks that nobody took in time collapse into
 * one; each tick goes to one receive.  EINVAL also: period_ns is 0. */
int chan_tick(uint64_t period_ns, chan_receiver_t **rx);

/* A channel on which nothing ever arrives. */
int chan_never(size_t msg_size, chan_receiver_t **rx);

/* --------------------------------------------------------------- attributes */

/* In the manner of pthread_attr_t.  A chan_attr_t is copied at creation and
 * can be changed, reused or destroyed afterwards.  Setters and getters: EINVAL
 * for NULL, for attributes that were not initialised, and for a value that no
 * channel can have.  Not to be changed by two threads at once. */

int chan_attr_init(chan_attr_t *attr);
int chan_attr_destroy(chan_attr_t *attr);

/* Messages; CHAN_UNBOUNDED for no limit.  Unset, the flavor decides. */
int chan_attr_setcapacity(chan_attr_t *attr, size_t capacity);
int chan_attr_getcapacity(const chan_attr_t *attr, size_t *capacity);

/* Default CHAN_FLAVOR_AUTO, whose choice the environment's CHAN_FLAVOR replaces where it can serve. */
int chan_attr_setflavor(chan_attr_t *attr, chan_flavor_t flavor);
int chan_attr_getflavor(const chan_attr_t *attr, chan_flavor_t *flavor);

/* Called once for each message that was accepted and never received; NULL: none.
 * It must return; it may make any call that does not block. */
int chan_attr_setdestructor(chan_attr_t *attr, void (*destructor)(void *msg, void *arg), void *arg);
int chan_attr_getdestructor(const chan_attr_t *attr, void (**destructor)(void *msg, void *arg), void **arg);

/* Default CHAN_OVERFLOW_WAIT. */
int chan_attr_setoverflow(chan_attr_t *attr, chan_overflow_t overflow);
int chan_attr_getoverflow(const chan_attr_t *attr, chan_overflow_t *overflow);

/* Default CHAN_MANY.  Breaking the promise of CHAN_SINGLE is undefined. */
int chan_attr_setproducers(chan_attr_t *attr, chan_concurrency_t producers);
int chan_attr_getproducers(const chan_attr_t *attr, chan_concurrency_t *producers);
int chan_attr_setconsumers(chan_attr_t *attr, chan_concurrency_t consumers);
int chan_attr_getconsumers(const chan_attr_t *attr, chan_concurrency_t *consumers);

/* The longest a blocking call may spin before it sleeps, in nanoseconds; 0: never. */
int chan_attr_setspin(chan_attr_t *attr, uint64_t max_ns);
int chan_attr_getspin(const chan_attr_t *attr, uint64_t *max_ns);

/* The table is copied.  NULL: the C library's allocator (default). */
int chan_attr_setallocator(chan_attr_t *attr, const chan_allocator_t *allocator);
int chan_attr_getallocator(const chan_attr_t *attr, chan_allocator_t *allocator);

/* "array", "list" and so on, a static string; NULL for a flavor there is not. */
const char *chan_flavor_name(chan_flavor_t flavor);

/* ------------------------------------------------------------------ handles */

/* A clone is one more owner of the same side and cannot fail; more than
 * SIZE_MAX/2 owners abort.  The last drop of a side disconnects: receivers
 * drain what is queued and then get EPIPE; senders get EPIPE at once and what
 * was queued is destroyed.  Dropping NULL does nothing. */
chan_sender_t   *chan_sender_clone(chan_sender_t *tx);
void             chan_sender_drop(chan_sender_t *tx);
chan_receiver_t *chan_receiver_clone(chan_receiver_t *rx);
void             chan_receiver_drop(chan_receiver_t *rx);

/* Broadcast: a new subscription, which sees what is sent from now on; a clone of
 * a receiver shares its subscription.  When the last subscription is gone sends
 * fail with EPIPE until there is one again.  ENOTSUP: a flavor without
 * subscriptions.  EPIPE: closed.  ENOMEM. */
int chan_subscribe(chan_sender_t *tx, chan_receiver_t **rx);

/* A weak sender keeps the channel's memory, not its connection. */
chan_weak_sender_t *chan_sender_downgrade(chan_sender_t *tx);
chan_weak_sender_t *chan_weak_sender_clone(chan_weak_sender_t *weak);
/* A new sender, owned by the caller; NULL once no sender is left, or closed. */
chan_sender_t      *chan_weak_sender_upgrade(chan_weak_sender_t *weak);
void                chan_weak_sender_drop(chan_weak_sender_t *weak);

/* ------------------------------------------------------- the channel itself */

/* Borrowed from the handle; equal pointers mean the same channel. */
chan_t *chan_sender_channel(const chan_sender_t *tx);
chan_t *chan_receiver_channel(const chan_receiver_t *rx);
chan_t *chan_weak_sender_channel(const chan_weak_sender_t *weak);

/* Half-close, idempotent: sends fail with EPIPE, what is queued can be received. */
void chan_close(chan_t *c);

/* Queries.  True at some instant during the call; others may change it at once. */
bool          chan_is_disconnected(const chan_t *c); /* no message will be accepted */
size_t        chan_len(const chan_t *c);             /* messages queued; on broadcast, for the slowest subscription */
size_t        chan_capacity(const chan_t *c);        /* messages, or CHAN_UNBOUNDED */
bool          chan_is_empty(const chan_t *c);
bool          chan_is_full(const chan_t *c);         /* on broadcast: a send would wait */
size_t        chan_sender_count(const chan_t *c);
size_t        chan_receiver_count(const chan_t *c);
size_t        chan_msg_size(const chan_t *c);        /* bytes */
chan_flavor_t chan_flavor(const chan_t *c);          /* never AUTO: the flavor chosen */
uint64_t      chan_lost(const chan_t *c);            /* messages displaced by drop-oldest so far */
size_t        chan_receiver_len(const chan_receiver_t *rx);  /* messages this receiver could take */
uint64_t      chan_receiver_lost(const chan_receiver_t *rx); /* messages this receiver's subscription has lost */

/* A timer's next event, which is past if it waits to be received; when none will
 * come, what chan_deadline(CHAN_FOREVER) gives.  ENOTSUP: no timer.  EINVAL: NULL. */
int chan_receiver_due(const chan_receiver_t *rx, struct timespec *when);

/* ------------------------------------------------------ sending, receiving */

/* msg points to msg_size bytes, which are copied; no alignment is needed.
 * EINVAL: tx is NULL, or msg is NULL and msg_size is not 0.  EPIPE: no message
 * will be accepted.  ENOMEM: unbounded only.
 * try_: EAGAIN if it would block.  timeout, deadline: ETIMEDOUT, never early;
 * a time already past still tries once; EINVAL: tv_nsec out of range. */
int chan_send(chan_sender_t *tx, const void *msg);
int chan_try_send(chan_sender_t *tx, const void *msg);
int chan_send_timeout(chan_sender_t *tx, const void *msg, uint64_t timeout_ns);
int chan_send_deadline(chan_sender_t *tx, const void *msg, const struct timespec *abstime);

/* Until a token is triggered (NULL: no token): ECANCELED, unless the message can be
 * sent at once, which is always tried. */
int chan_send_cancel(chan_sender_t *tx, const void *msg, chan_cancel_t *cancel);
int chan_send_cancel_timeout(chan_sender_t *tx, const void *msg, chan_cancel_t *cancel, uint64_t timeout_ns);

/* Send without waiting for space: when full, the oldest message makes room.
 * It goes to `displaced` (may equal msg), or to the destructor if that is NULL.
 * *was_displaced is written whenever 0 is returned, and may be NULL only if
 * displaced is.  EAGAIN: the oldest message is held by a call in progress; on a
 * rendezvous, nobody waits.  A oneshot that was used is EPIPE.  ENOTSUP: CHAN_SINGLE
 * consumers, broadcast. */
int chan_force_send(chan_sender_t *tx, const void *msg, void *displaced, bool *was_displaced);

/* The mirror image.  EPIPE: disconnected, and nothing is left to receive.
 * EOVERFLOW: this broadcast subscription lagged and lost messages that were
 * displaced; said once for each gap, with nothing taken, and what is kept follows.
 * msg NULL with a msg_size above 0: receive and destroy. */
int chan_recv(chan_receiver_t *rx, void *msg);
int chan_try_recv(chan_receiver_t *rx, void *msg);
int chan_recv_timeout(chan_receiver_t *rx, void *msg, uint64_t timeout_ns);
int chan_recv_deadline(chan_receiver_t *rx, void *msg, const struct timespec *abstime);

/* ECANCELED, unless a message is there: a loop that must stop under load asks
 * chan_cancel_is_triggered() as well. */
int chan_recv_cancel(chan_receiver_t *rx, void *msg, chan_cancel_t *cancel);
int chan_recv_cancel_timeout(chan_receiver_t *rx, void *msg, chan_cancel_t *cancel, uint64_t timeout_ns);

/* Batches: n messages side by side.  The count is always written (unless its
 * pointer is NULL: EINVAL).  0 messages return 0 at once.  A batch is not
 * atomic.  chan_send_many waits until all are in; after an error *sent messages
 * are in and stay in.  chan_recv_many waits for one and takes what is there. */
int chan_send_many(chan_sender_t *tx, const void *msgs, size_t n, size_t *sent);
int chan_try_send_many(chan_sender_t *tx, const void *msgs, size_t n, size_t *sent);
int chan_recv_many(chan_receiver_t *rx, void *msgs, size_t max, size_t *received);
int chan_try_recv_many(chan_receiver_t *rx, void *msgs, size_t max, size_t *received);

/* ------------------------------------------------------------------- select */

/* One case of a select: a send to `sender` or a receive from `receiver`, with
 * msg as in chan_send or chan_recv.  Both NULL: the case is skipped.  The
 * caller's storage, reserved included, belongs to one call at a time and can be
 * reused; reserved needs no initialising. */
typedef struct chan_case {
	chan_sender_t   *sender;
	chan_receiver_t *receiver;
	void            *msg;
	int              status;       /* written for the case that completed */
	uint64_t         reserved[12]; /* the library's, during the call */
} chan_case_t;

/* clang-format off */
#define CHAN_CASE_SEND(tx, msgp) { (tx), NULL, (void *)(uintptr_t)(const void *)(msgp), 0, { 0 } }
#define CHAN_CASE_RECV(rx, msgp) { NULL, (rx), (msgp), 0, { 0 } }
/* clang-format on */

enum {
	CHAN_SELECT_BIASED = 1, /* the lowest index that is ready, instead of a fair choice */
	CHAN_SELECT_READY  = 2  /* report a case that is ready, perhaps spuriously; perform nothing */
};

/* Waits until one of n cases can happen, makes it happen, and writes its index
 * to *which and its result to its status: 0, EPIPE (a disconnected channel is
 * ready), EOVERFLOW or ENOMEM.  No other case leaves a trace.  Nothing is
 * allocated.
 * EINVAL: which is NULL, a case has both handles or (without READY) sends a NULL
 * message of non-zero size, unknown flags, tv_nsec out of range; or there is nothing to
 * wait for (n is 0, or every case is skipped) and no deadline.
 * try_: EAGAIN if at one instant during the call no case was ready.  timeout,
 * deadline: ETIMEDOUT, never early; a time already past still looks once. */
int chan_select(chan_case_t *cases, size_t n, unsigned flags, size_t *which);
int chan_try_select(chan_case_t *cases, size_t n, unsigned flags, size_t *which);
int chan_select_timeout(chan_case_t *cases, size_t n, unsigned flags, uint64_t timeout_ns, size_t *which);
int chan_select_deadline(chan_case_t *cases, size_t n, unsigned flags, const struct timespec *abstime, size_t *which);

/* --------------------------------------------- event loops and coroutines */

/* A callback that is called once, when a channel becomes ready.  The caller's
 * storage, filled by chan_waker_init(). */
#ifndef CHAN_WAKER_WORDS_
#define CHAN_WAKER_WORDS_ 16
#endif
typedef struct chan_waker { uint64_t reserved[CHAN_WAKER_WORDS_]; } chan_waker_t;

/* wake(arg) must return; it may make any call that does not block. */
void chan_waker_init(chan_waker_t *w, void (*wake)(void *arg), void *arg);

/* Withdraws an earlier registration of w, then tries as chan_try_recv and
 * chan_try_send do.  Only EAGAIN leaves w registered: wake(arg) is then called
 * once, in the thread that makes the channel ready or disconnected, with no lock
 * held, perhaps spuriously.  Whoever was woken polls again or cancels.
 * Until then the handle must live.  EINVAL as there, or w is NULL or
 * not initialised.  ENOTSUP: timers that fall due, which have descriptors. */
int chan_poll_recv(chan_receiver_t *rx, void *msg, chan_waker_t *w);
int chan_poll_send(chan_sender_t *tx, const void *msg, chan_waker_t *w);

/* No call of wake follows.  Waits for one that is running, unless made from
 * inside it, and ends what that one registers; passes a wake-up that was not
 * used on to another waiter.  Idempotent.  w must stay valid until wake, or this
 * call, has returned. */
void chan_waker_cancel(chan_waker_t *w);

/* A descriptor to watch in an event loop: POLLIN while a receive, or a send,
 * would not block, for good once disconnected.  Made at the first request, one for
 * each side (on broadcast for each subscription); close-on-exec; the library's,
 * until the last handle of that side is dropped: poll it, and nothing else.
 * Watch a sender's only after EAGAIN; take one out of the loop after EPIPE.
 * EINVAL: a NULL argument.  EMFILE, ENFILE, ENOMEM; the channel works on.
 * ENOTSUP: a timer, where the system has no timerfd. */
int chan_receiver_fd(chan_receiver_t *rx, int *fd);
int chan_sender_fd(chan_sender_t *tx, int *fd);

/* Now plus timeout_ns on CLOCK_MONOTONIC, saturating. */
void chan_deadline(uint64_t timeout_ns, struct timespec *abstime);

/* ------------------------------------------------------------- cancellation */

/* A token is triggered once and for good, and all tokens made from it with it.
 * parent NULL: a root.  A child keeps its parent alive, and is born triggered if
 * that is.  EINVAL: out is NULL.  ENOMEM. */
int chan_cancel_create(chan_cancel_t *parent, chan_cancel_t **out);

/* Idempotent.  All descendants are triggered before it returns; the parent never is. */
void chan_cancel_trigger(chan_cancel_t *c);

/* True: what preceded the trigger is visible. */
bool chan_cancel_is_triggered(const chan_cancel_t *c);

/* A receive on it says EPIPE once triggered and never gets a message.  Borrowed, so not
 * to be dropped (its clones are), and valid as long as the caller's token. */
chan_receiver_t *chan_cancel_receiver(chan_cancel_t *c);

/* One more owner of the same token; dropping does not trigger.  NULL: nothing. */
chan_cancel_t *chan_cancel_clone(chan_cancel_t *c);
void           chan_cancel_drop(chan_cancel_t *c);

#ifdef __cplusplus
}
#endif

#endif /* CHAN_H */
