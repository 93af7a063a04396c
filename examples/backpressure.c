/* backpressure.c - a bounded channel holds a fast producer back: it is never
 * more than the capacity, and the one message in the consumer's hands, ahead. */
#include <chan.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { CAPACITY = 3, MESSAGES = 10000 };

static atomic_int sent;

static void *produce(void *arg)
{
	chan_sender_t *tx = arg;

	for (int i = 0; i < MESSAGES && chan_send(tx, &i) == 0; i++)
		atomic_fetch_add(&sent, 1);
	chan_sender_drop(tx);
	return NULL;
}

int main(void)
{
	chan_sender_t *tx;
	chan_receiver_t *rx;
	pthread_t thread;
	int message = 0, received = 0, ahead = 0;

	if (chan_bounded(CAPACITY, sizeof message, &tx, &rx) != 0)
		return 1;
	while (chan_try_send(tx, &message) == 0)
		printf("queued %zu of %zu\n", chan_len(chan_sender_channel(tx)), chan_capacity(chan_sender_channel(tx)));
	if (chan_send_timeout(tx, &message, 10 * CHAN_MSEC) == ETIMEDOUT)
		printf("full: a send waits, and gave up after 10 ms\n");
	while (chan_try_recv(rx, &message) == 0)
		;

	if (pthread_create(&thread, NULL, produce, tx) != 0)
		return 1;
	for (; chan_recv(rx, &message) == 0; received++)
		if (atomic_load(&sent) - received > ahead)
			ahead = atomic_load(&sent) - received;
	printf("received %d, never more than %d ahead: %s\n", received, CAPACITY + 1,
	       ahead <= CAPACITY + 1 ? "yes" : "no");
	chan_receiver_drop(rx);
	return pthread_join(thread, NULL);
}

/* Output:
 *     queued 1 of 3
 *     queued 2 of 3
 *     queued 3 of 3
 *     full: a send waits, and gave up after 10 ms
 *     received 10000, never more than 4 ahead: yes
 */
