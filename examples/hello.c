/* hello.c - one thread sends, another receives. */
#include <chan.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct greeting {
	int  number;
	char text[16];
};

static void *greet(void *arg)
{
	chan_sender_t *tx = arg;
	struct greeting greeting = { .text = "hello, world" };

	for (greeting.number = 1; greeting.number <= 3; greeting.number++)
		if (chan_send(tx, &greeting) != 0) /* copies the message; waits while two are queued */
			break;
	chan_sender_drop(tx); /* the last sender goes: the loop below ends */
	return NULL;
}

int main(void)
{
	chan_sender_t *tx;
	chan_receiver_t *rx;
	struct greeting greeting;
	pthread_t thread;
	int error = chan_bounded(2, sizeof greeting, &tx, &rx);

	if (!error)
		error = pthread_create(&thread, NULL, greet, tx);
	if (error) {
		fprintf(stderr, "hello: %s\n", strerror(error));
		return 1;
	}
	while (chan_recv(rx, &greeting) == 0)
		printf("%d %s\n", greeting.number, greeting.text);
	printf("disconnected\n");
	chan_receiver_drop(rx);
	return pthread_join(thread, NULL);
}

/* Output:
 *
 *     1 hello, world
 *     2 hello, world
 *     3 hello, world
 *     disconnected
 */
