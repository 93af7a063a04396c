/* batch.c - many messages in one call.  A batch is not atomic: the count says how
 * many of its messages went through, and the rest is still the caller's. */
#include <chan.h>
#include <stdio.h>

static void print(const char *what, const int *numbers, size_t n)
{
	printf("%s %zu:", what, n);
	for (size_t i = 0; i < n; i++)
		printf(" %d", numbers[i]);
	printf("\n");
}

int main(void)
{
	static const int numbers[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const size_t all = sizeof numbers / sizeof numbers[0];
	int received[8];
	chan_sender_t *tx;
	chan_receiver_t *rx;
	size_t sent, more, n;

	if (chan_bounded(5, sizeof numbers[0], &tx, &rx) != 0)
		return 1;
	if (chan_try_send_many(tx, numbers, all, &sent) == 0)
		print("sent what fits,", numbers, sent);
	if (chan_recv_many(rx, received, 3, &n) == 0) /* waits for one, takes at most three */
		print("received", received, n);
	if (chan_send_many(tx, numbers + sent, all - sent, &more) == 0) /* would wait for space */
		print("sent the rest,", numbers + sent, more);
	chan_sender_drop(tx);
	while (chan_recv_many(rx, received, 8, &n) == 0)
		print("received", received, n);
	printf("disconnected, received %zu\n", n); /* the count is written on failure too */
	chan_receiver_drop(rx);
	return 0;
}

/* Output:
 *
 *     sent what fits, 5: 1 2 3 4 5
 *     received 3: 1 2 3
 *     sent the rest, 3: 6 7 8
 *     received 5: 4 5 6 7 8
 *     disconnected, received 0
 */
