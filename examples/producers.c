/* producers.c - several producers, one consumer; each owns a clone of the sender. */
#include <chan.h>
#include <pthread.h>
#include <stdio.h>

enum { PRODUCERS = 4, EACH = 1000 };

struct message { int producer, number; };

struct producer {
	chan_sender_t *tx;
	int            id;
};

static void *produce(void *arg)
{
	struct producer *self = arg;
	struct message message = { self->id, 0 };

	while (message.number < EACH && chan_send(self->tx, &message) == 0)
		message.number++;
	chan_sender_drop(self->tx);
	return NULL;
}

int main(void)
{
	static struct producer producers[PRODUCERS];
	pthread_t threads[PRODUCERS];
	chan_sender_t *tx;
	chan_receiver_t *rx;
	struct message message;
	int next[PRODUCERS] = { 0 }, in_order = 1;

	if (chan_unbounded(sizeof message, &tx, &rx) != 0)
		return 1;
	for (int i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer){ chan_sender_clone(tx), i };
		if (pthread_create(&threads[i], NULL, produce, &producers[i]) != 0)
			return 1;
	}
	chan_sender_drop(tx); /* ours: now only the producers keep the channel connected */

	while (chan_recv(rx, &message) == 0) /* producers interleave, but each stays in order */
		in_order &= message.number == next[message.producer]++;
	for (int i = 0; i < PRODUCERS; i++)
		printf("from producer %d: %d messages\n", i, next[i]);
	printf("each in order: %s\n", in_order ? "yes" : "no");
	chan_receiver_drop(rx);
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
/* Output:
 *     from producer 0: 1000 messages
 *     from producer 1: 1000 messages
 *     from producer 2: 1000 messages
 *     from producer 3: 1000 messages
 *     each in order: yes
 */
