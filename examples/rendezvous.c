/* rendezvous.c - capacity 0: a send returns only once the message was taken,
 * so that two threads go step by step.  The messages have no bytes: pure signals. */
#include <chan.h>
#include <pthread.h>
#include <stdio.h>

struct second {
	chan_receiver_t *go;
	chan_sender_t   *done;
};

static void *second_run(void *arg)
{
	struct second *self = arg;

	while (chan_recv(self->go, NULL) == 0) {
		printf("second\n");
		chan_send(self->done, NULL);
	}
	chan_receiver_drop(self->go);
	chan_sender_drop(self->done);
	return NULL;
}

int main(void)
{
	chan_sender_t *go;
	chan_receiver_t *done;
	struct second second;
	pthread_t thread;

	if (chan_bounded(0, 0, &go, &second.go) != 0 || chan_bounded(0, 0, &second.done, &done) != 0)
		return 1;
	if (chan_try_send(go, NULL) != 0)
		printf("nobody is there yet\n"); /* nothing is ever queued at capacity 0 */
	if (pthread_create(&thread, NULL, second_run, &second) != 0)
		return 1;
	for (int i = 0; i < 2; i++) {
		printf("first\n");
		chan_send(go, NULL);
		chan_recv(done, NULL);
	}
	chan_sender_drop(go); /* the second thread's receive says EPIPE */
	pthread_join(thread, NULL);
	printf("its done sender went with it: %s\n", chan_recv(done, NULL) ? "yes" : "no");
	chan_receiver_drop(done);
	return 0;
}

/* Output:
 *
 *     nobody is there yet
 *     first
 *     second
 *     first
 *     second
 *     its done sender went with it: yes
 */
