/* watch.c - a value that others watch, of which they want the latest: a broadcast of
 * capacity 1 that drops the oldest, where readers ignore EOVERFLOW. */
#include <chan.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

/* Waits until there is a value that this reader has not seen. */
static int next_value(chan_receiver_t *rx, int *value)
{
	int e = EOVERFLOW;

	while (e == EOVERFLOW) /* there were others before */
		e = chan_recv(rx, value);
	return e;
}

static void *follow(void *rx)
{
	int value = 0;

	while (next_value(rx, &value) == 0)
		continue; /* how many it sees depends on how fast it is */
	printf("the last one was %d\n", value);
	chan_receiver_drop(rx);
	return NULL;
}

int main(void)
{
	chan_sender_t *tx;
	chan_receiver_t *rx, *follower;
	chan_attr_t attr;
	pthread_t thread;
	int value;

	chan_attr_init(&attr);
	chan_attr_setflavor(&attr, CHAN_FLAVOR_BROADCAST);
	chan_attr_setcapacity(&attr, 1);
	chan_attr_setoverflow(&attr, CHAN_OVERFLOW_DROP_OLDEST);
	if (chan_create(&attr, sizeof(value), &tx, &rx) != 0 || chan_subscribe(tx, &follower) != 0 ||
	    pthread_create(&thread, NULL, follow, follower) != 0)
		return 1;
	for (int i = 1; i <= 1000; i++)
		chan_send(tx, &i); /* waits for no reader that has not begun */
	if (next_value(rx, &value) == 0)
		printf("now it is %d, and %d went by\n", value, (int)chan_receiver_lost(rx));
	chan_receiver_drop(rx);
	chan_sender_drop(tx);
	return pthread_join(thread, NULL) != 0;
}

/* Output:
 *
 *     now it is 1000, and 999 went by
 *     the last one was 1000
 */
