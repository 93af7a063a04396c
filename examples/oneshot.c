/* oneshot.c - each request carries a oneshot, through which its reply comes back. */
#include <chan.h>
#include <pthread.h>
#include <stdio.h>

struct request { int number; chan_sender_t *reply; };

/* The server, which does not answer to negative numbers. */
static void *serve(void *requests)
{
	struct request r;

	while (chan_recv(requests, &r) == 0) {
		if (r.number >= 0)
			chan_send(r.reply, &(int){ r.number * r.number }); /* never waits */
		chan_sender_drop(r.reply); /* where none was sent the client hears of it */
	}
	chan_receiver_drop(requests);
	return NULL;
}

static void ask(chan_sender_t *requests, int number)
{
	struct request r = { .number = number };
	chan_receiver_t *reply;
	int square;

	if (chan_oneshot(sizeof(square), &r.reply, &reply) != 0)
		return;
	if (chan_send(requests, &r) != 0)
		chan_sender_drop(r.reply); /* a message that was not sent is still ours */
	if (chan_recv(reply, &square) == 0)
		printf("%d squared is %d\n", number, square);
	else
		printf("%d: no reply\n", number); /* EPIPE */
	chan_receiver_drop(reply);
}

int main(void)
{
	chan_sender_t *requests;
	chan_receiver_t *rx;
	pthread_t thread;

	if (chan_bounded(1, sizeof(struct request), &requests, &rx) != 0 ||
	    pthread_create(&thread, NULL, serve, rx) != 0)
		return 1;
	ask(requests, 7);
	ask(requests, -1);
	chan_sender_drop(requests); /* ends the server */
	return pthread_join(thread, NULL) != 0;
}

/* Output:
 *
 *     7 squared is 49
 *     -1: no reply
 */
