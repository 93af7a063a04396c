/*
 * model.h - what a channel is to do, for one thread: a plain array, no cleverness
 *
 * Messages are numbers.  Every call of the library that can be made without
 * another thread is one of send, receive, displace, or a change of the counts here;
 * what its other forms answer follows from these.
 */
#ifndef CHAN_FUZZ_MODEL_H
#define CHAN_FUZZ_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <chan.h>

enum { MODEL_SUBSCRIPTIONS = 3, MODEL_MESSAGES = 1024, MODEL_DESTROYED = 4096 };

/* Who receives: on a broadcast each is a subscription, else there is the first only. */
struct model_receiver {
	size_t handles;
	uint64_t cursor;         /* the message that it has next; they are counted from 0 */
	uint64_t lost;           /* what EOVERFLOW stood for */
};

struct model {
	chan_flavor_t flavor;
	size_t capacity, size;
	bool drop_oldest, destroys, single_consumer;
	bool due;                /* at: there is a message until it is taken */
	bool closed, used;       /* used: a oneshot */
	size_t senders, weak_senders;
	uint64_t lost;
	uint64_t tail;           /* of the next message */
	uint32_t messages[MODEL_MESSAGES];
	struct model_receiver receivers[MODEL_SUBSCRIPTIONS];
	uint32_t *destroyed;     /* the log of all channels; MODEL_DESTROYED of them */
	size_t *n_destroyed;
};

/* 1 to MODEL_MISTAKES: wrong in that way, for the test that it would be noticed. */
extern int model_mistake;
enum { MODEL_MISTAKES = 5 };

bool model_has_handles(const struct model *m);
bool model_is_disconnected(const struct model *m);
bool model_is_full(const struct model *m);
size_t model_len(const struct model *m);
size_t model_receiver_len(const struct model *m, size_t i);
uint64_t model_receiver_lost(const struct model *m, size_t i);
bool model_has_room(const struct model *m, size_t n); /* for the model itself */

/* What a try form says: 0, EAGAIN, EPIPE, EOVERFLOW.  _able changes nothing. */
int model_sendable(const struct model *m);
int model_receivable(const struct model *m, size_t i);
int model_send(struct model *m, uint32_t number);
int model_recv(struct model *m, size_t i, uint32_t *number);

/* Sends where it is full by displacing: *was says so, *old then is the oldest. */
int model_force(struct model *m, uint32_t number, bool keeps_old, bool *was, uint32_t *old);

/* Noted by as much of its number as the message has room for. */
void model_destroy(struct model *m, uint32_t number);
void model_drop_receiver(struct model *m, size_t i);
int model_subscribe(struct model *m, size_t *i);

#endif
