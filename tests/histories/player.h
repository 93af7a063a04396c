/*
 * player.h - plays a channel from several threads, each call of which is written down
 */
#ifndef CHAN_TESTS_PLAYER_H
#define CHAN_TESTS_PLAYER_H

#include "histories/history.h"
#include "support/support.h"

enum { MOST_LANES = 2, MOST_SUBSCRIPTIONS = 2, MOST_LOGS = 10 };

/* A kind of channel, and how its history is to be read. */
struct subject {
	struct kind kind;
	bool drops;         /* CHAN_OVERFLOW_DROP_OLDEST */
	bool subscribes;    /* chan_subscribe works */
	bool takes_turns;
	bool has_owners;
	char name[56];
};

/* The kinds of the library's own table; gives their number. */
enum { MOST_SUBJECTS = 96 };
size_t subjects_find(struct subject *subjects);

struct shape {
	const char *name;
	size_t senders, receivers;
};

/* The logs of one round after the other: memory is taken once. */
struct notebook {
	struct log logs[MOST_LOGS];
	uint64_t lost[MOST_SUBSCRIPTIONS];
};

/* Memory for rounds of up to `messages`. */
void notebook_init(struct notebook *nb, size_t messages);
void notebook_free(struct notebook *nb);

/* Plays about `messages` messages; the seed decides all that is left to chance.  Fills
 * the history, which is read through the notebook, and gives the number of its channels. */
size_t play(const struct subject *s, const struct shape *shape, size_t messages, uint64_t seed,
            struct notebook *nb, struct history *h);

/* Many channels for one message each, which all threads go through; show gets the
 * history of one after the other. */
void play_once_each(const struct subject *s, const struct shape *shape, size_t channels, uint64_t seed,
                    struct notebook *nb, void (*show)(const struct history *h, void *arg), void *arg);

/* A few threads and a few calls each, none of which waits without a limit, on a new
 * channel each time; what is left is then taken out.  Small enough for every order of the
 * calls to be tried. */
enum { WINDOW_THREADS = 3, WINDOW_CALLS = 4, WINDOW_EACH = 2 * WINDOW_CALLS };
void play_windows(const struct subject *s, size_t n, uint64_t seed, struct notebook *nb,
                  void (*show)(const struct history *h, void *arg), void *arg);

#endif
