/* broadcast.c - everybody hears everything: each subscription gets a copy of every
 * message sent after it was made, and a full ring makes the sender wait for the
 * slowest.  Clones of a receiver share a subscription. */
#include <chan.h>
#include <pthread.h>
#include <stdio.h>

enum { NUMBERS = 100 };

static void *add_up(void *rx)
{
	long sum = 0;
	int n;

	while (chan_recv(rx, &n) == 0)
		sum += n;
	chan_receiver_drop(rx);
	return (void *)sum;
}

int main(void)
{
	chan_sender_t *tx;
	chan_receiver_t *rx[2], *late;
	pthread_t alone, shared[2];
	void *sum, *more;
	int n;

	/* Nobody listens at first: a send would fail with EPIPE. */
	if (chan_broadcast(4, sizeof(n), &tx, NULL) != 0 ||
	    chan_subscribe(tx, &rx[0]) != 0 || chan_subscribe(tx, &rx[1]) != 0)
		return 1;
	pthread_create(&alone, NULL, add_up, rx[0]);
	pthread_create(&shared[0], NULL, add_up, chan_receiver_clone(rx[1]));
	pthread_create(&shared[1], NULL, add_up, rx[1]);

	for (n = 1; n < NUMBERS; n++)
		chan_send(tx, &n);
	if (chan_subscribe(tx, &late) != 0)
		return 1;
	chan_send(tx, &n);
	chan_sender_drop(tx); /* ends them all, once they have everything */

	pthread_join(alone, &sum);
	printf("alone: %ld\n", (long)sum);
	pthread_join(shared[0], &sum);
	pthread_join(shared[1], &more);
	printf("two that share: %ld\n", (long)sum + (long)more);
	printf("late: %ld\n", (long)add_up(late));
	return 0;
}

/* Output:
 *
 *     alone: 5050
 *     two that share: 5050
 *     late: 100
 */
