/* select.c - one thread waits for three things: a worker's messages, a tick each
 * 50 ms, and the end of one second.  A timer is a receiver, and so a case. */
#include <chan.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

enum { MESSAGE, TICK, TIMEOUT, CASES };

static void *work(void *arg)
{
	chan_sender_t *tx = arg;
	chan_receiver_t *pace;
	int n = 0, error = chan_tick(20 * CHAN_MSEC, &pace);

	for (; !error && !(error = chan_send(tx, &n)); n++)
		chan_recv(pace, NULL);
	printf("the worker ends: %s\n", error == EPIPE ? "EPIPE" : "unexpected");
	chan_receiver_drop(pace);
	chan_sender_drop(tx);
	return NULL;
}

int main(void)
{
	chan_sender_t *tx;
	chan_receiver_t *rx, *tick, *timeout;
	pthread_t thread;
	struct timespec began, ended;
	int n, messages = 0, in_order = 1, ticks = 0;
	size_t which;

	chan_deadline(0, &began);
	if (chan_bounded(4, sizeof n, &tx, &rx) || chan_tick(50 * CHAN_MSEC, &tick) ||
	    chan_after(CHAN_SEC, &timeout) || pthread_create(&thread, NULL, work, tx))
		return 1;
	chan_case_t cases[CASES] = { CHAN_CASE_RECV(rx, &n), CHAN_CASE_RECV(tick, NULL), CHAN_CASE_RECV(timeout, NULL) };

	while (chan_select(cases, CASES, 0, &which) == 0 && which != TIMEOUT)
		if (which == MESSAGE)
			in_order &= n == messages++;
		else
			ticks++;
	chan_deadline(0, &ended);
	chan_receiver_drop(rx); /* the worker's next send fails */
	chan_receiver_drop(tick);
	chan_receiver_drop(timeout);
	pthread_join(thread, NULL);
	double ms = (double)(ended.tv_sec - began.tv_sec) * 1e3 + (double)(ended.tv_nsec - began.tv_nsec) / 1e6;
	printf("a second has passed: %s\n", ms >= 1000 ? "yes" : "no");
	printf("messages came, in order: %s\n", messages > 0 && in_order ? "yes" : "no");
	printf("ticks came, at most one a period: %s\n", ticks > 0 && ticks * 50 <= ms ? "yes" : "no");
	return 0;
}
/* Output:
 *     the worker ends: EPIPE
 *     a second has passed: yes
 *     messages came, in order: yes
 *     ticks came, at most one a period: yes
 */
