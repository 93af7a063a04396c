/* iterate.c - a loop over a channel ends by itself: once the last sender is gone, or
 * the channel was closed, and every message that was accepted has been received. */
#include <chan.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

static void *send_three(void *arg)
{
	chan_sender_t *tx = arg;

	for (int i = 1; i <= 3 && chan_send(tx, &i) == 0; i++);
	chan_sender_drop(tx);
	return NULL;
}

static void *send_on_and_on(void *arg)
{
	chan_sender_t *tx = arg;
	static int accepted;

	while (chan_send(tx, &accepted) == 0)
		accepted++;
	chan_sender_drop(tx);
	return &accepted;
}

int main(void)
{
	chan_sender_t *tx;
	chan_receiver_t *rx;
	pthread_t thread;
	void *accepted;
	int number, count = 0, error;

	if (chan_bounded(2, sizeof number, &tx, &rx) != 0 || pthread_create(&thread, NULL, send_three, tx) != 0)
		return 1;
	while ((error = chan_recv(rx, &number)) == 0)
		printf("number %d\n", number);
	printf("the sender has left: %s\n", error == EPIPE ? "EPIPE" : "unexpected");
	chan_receiver_drop(rx);
	pthread_join(thread, NULL);

	if (chan_bounded(2, sizeof number, &tx, &rx) != 0 || pthread_create(&thread, NULL, send_on_and_on, tx) != 0)
		return 1;
	for (; chan_recv(rx, &number) == 0; count++)
		if (number == 1000)
			chan_close(chan_receiver_channel(rx)); /* enough: but what is queued is ours */
	chan_receiver_drop(rx);
	pthread_join(thread, &accepted);
	printf("closed: received all that was accepted: %s\n", count == *(int *)accepted ? "yes" : "no");
	return 0;
}
/* Output:
 *     number 1
 *     number 2
 *     number 3
 *     the sender has left: EPIPE
 *     closed: received all that was accepted: yes
 */
