/*
 * harness.h - what the adapters of the benchmark written in C and C++ share
 *
 * An adapter is a program that times one implementation, or several of one
 * library, in one cell.  It names them in a table and hands that to bench_main,
 * which has the command line, the threads, the clock, the checks and the record;
 * the adapter has the loops.  Those are instances of the inline functions in
 * loops.h, so that no call through a pointer stands between a loop and the calls
 * it times.
 *
 * The command line and the record are described in bench/peers/README.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --------------------------------------------------------------------- cells */

enum bench_scenario {
	BENCH_SEQ,
	BENCH_SPSC,
	BENCH_SPMC,
	BENCH_MPSC,
	BENCH_MPMC,
	BENCH_SELECT_RX,
	BENCH_SELECT_BOTH,
	BENCH_PINGPONG,
	BENCH_ONESHOT,
	BENCH_CREATE,
	BENCH_BATCH,
	BENCH_BROADCAST,
	BENCH_SINGLE,
	BENCH_LOOP,
	BENCH_MIXED,
	BENCH_WAKE,
	BENCH_SELECT_IDLE,
	BENCH_SIZES,
	BENCH_BURSTS,
	BENCH_MEMORY,
	BENCH_SCENARIOS
};

/* The capacities that are no number. */
enum {
	BENCH_FIT       = -1, /* all messages of the run */
	BENCH_UNBOUNDED = -2,
	BENCH_ONCE      = -3  /* one message in all */
};

struct bench_cell {
	char                name[32];
	enum bench_scenario scenario;
	int                 capacity;
};

/* ---------------------------------------------------------------------- runs */

struct bench_run;
struct bench_party;

typedef void (*bench_work)(struct bench_party *);

enum {
	BENCH_BATCH_OF     = 64, /* messages a call in the batch scenario, and in a burst */
	BENCH_SENDER_SHIFT = 40, /* a value is its sender's number and a count from 0 */
	BENCH_MAX_SENDERS  = 1024
};

/* What a receiver can look for in the values it takes. */
enum bench_order {
	BENCH_SUM,  /* nothing: it shares the messages with others */
	BENCH_ONE,  /* all values of one sender, in order */
	BENCH_EACH  /* all values of several senders, those of each in order */
};

struct bench_taken {
	uint64_t count;
	uint64_t sum;    /* of the values */
	uint64_t expect; /* the next value, for BENCH_ONE */
	uint64_t wrong;  /* not 0 once a value was not the one expected */
};

/* What one thread does; party 0 is the main thread.  `message` has room for
 * BENCH_BATCH_OF messages, for the largest of mixed ones, and for a value even where
 * messages are smaller. */
struct bench_party {
	bench_work        work;
	void             *to;       /* where it sends, */
	void             *from;     /* and where it receives */
	uint64_t          first;    /* of the values it sends, in ascending order */
	uint64_t          count;    /* of messages it sends, receives, or both */
	unsigned char    *message;
	size_t            size;
	uint64_t          mask;     /* 0 where messages are too small for a value */
	enum bench_order  order;
	struct bench_taken taken;
	uint64_t         *next;     /* the value to expect of each sender, for BENCH_EACH */
	uint64_t         *latency;  /* samples in ns, where the scenario has them */
	struct bench_run *run;
};

/* The two ends of a channel; often the same pointer twice. */
struct bench_ends {
	void *to;
	void *from;
};

struct bench_works;

struct bench_run {
	const struct bench_impl *impl;
	const struct bench_works *works; /* of the implementation, for this size */
	struct bench_cell        cell;
	uint64_t                 messages;
	unsigned                 threads; /* a side that has several */
	unsigned                 width;   /* of selects; subscriptions */
	size_t                   size;    /* of a message */
	size_t                   capacity; /* messages; SIZE_MAX if there is no limit */
	struct bench_ends       *ends;
	unsigned                 channels;
	size_t                   heap;     /* bytes of all channels, in the memory scenario */
};

/* -------------------------------------------------------------- mixed sizes */

enum { BENCH_SIZES_MIXED = 4, BENCH_LARGEST = 4096 };

/* Of the messages of a channel of the run. */
static inline size_t bench_size(const struct bench_run *r, unsigned channel)
{
	static const size_t mixed[BENCH_SIZES_MIXED] = { 8, 32, 256, BENCH_LARGEST };

	return r->cell.scenario == BENCH_SIZES ? mixed[channel] : r->size;
}

/* Through which channel value n goes: in an order that no predictor of branches
 * learns, and the shorter the messages, the more often. */
static inline unsigned bench_turn(uint64_t n)
{
	static const unsigned char turns[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3 };

	return turns[(n * UINT64_C(0x9e3779b97f4a7c15)) >> 60];
}

/* ----------------------------------------------------------- implementations */

/* What the parties of the scenarios do; NULL where it is not served. */
struct bench_works {
	bench_work send, receive, send_then_receive;
	bench_work call, answer;              /* pingpong */
	bench_work send_batches, receive_batches;
	bench_work select_send, select_receive; /* over all of run->ends */
	bench_work receive_in_loop;           /* loop: through a descriptor and epoll */
	bench_work send_to_loop;              /* NULL: as send */
	bench_work receive_in_task;           /* mixed */
	bench_work wake, park;                /* wake */
	bench_work send_sizes, receive_sizes; /* sizes: over all of run->ends, by turns */
	bench_work send_bursts, receive_bursts;
	bench_work once;                      /* oneshot: create, send, receive, drop */
	bench_work create;                    /* create and drop */
};

struct bench_impl {
	const char *name;
	int         tag; /* the adapter's */
	bool      (*serves)(const struct bench_impl *, const struct bench_cell *);
	/* With all that its cells need; NULL: not with messages of this size. */
	const struct bench_works *(*works)(size_t size);
	/* Fills ends[0..channels-1]; on broadcast one `to` and all `from`. */
	void      (*open)(struct bench_run *);
	/* Destroys them; false if messages were left over. */
	bool      (*close)(struct bench_run *);
};

struct bench_adapter {
	const char              *program;
	const char              *version; /* of the library under test */
	const struct bench_impl *impls;
	size_t                   n_impls;
};

int bench_main(int argc, char **argv, const struct bench_adapter *);

/* -------------------------------------------------------- for the adapters */

#if defined(__GNUC__)
#define BENCH_INLINE static inline __attribute__((always_inline))
#define BENCH_NORETURN __attribute__((noreturn))
#else
#define BENCH_INLINE static inline
#define BENCH_NORETURN
#endif

/* A scenario with one kind of send and receive, where a queue does: no select, no
 * descriptor, no promise, and channels that were made beforehand. */
bool bench_is_plain(const struct bench_cell *);

/* Ends the program with status 1, and what went wrong on stderr. */
void bench_fail(const char *what, int error) BENCH_NORETURN;

/* Ends it with status 77: not to be had from this implementation. */
void bench_cannot(const char *why) BENCH_NORETURN;

static inline void bench_must(int error, const char *what)
{
	if (error)
		bench_fail(what, error);
}

void    *bench_allocate(size_t size); /* zeroed, on a cache line of its own */
uint64_t bench_now(void);             /* ns, monotonic */

/* The wake scenario: the receiver says that it goes to receive message n; the
 * sender waits until it has gone to sleep.  Both take the time. */
void bench_parking(struct bench_party *, uint64_t n);
void bench_unparked(struct bench_party *, uint64_t n);
void bench_await_parked(struct bench_party *, uint64_t n);

#ifdef __cplusplus
}
#endif

#endif
