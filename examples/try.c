/* try.c - calls that never wait: EAGAIN says full or empty, EPIPE says that the
 * channel is over.  What is queued can be drained at any time, after a close too. */
#include <chan.h>
#include <errno.h>
#include <stdio.h>

static const char *name(int error)
{
	switch (error) {
	case 0:      return "0";
	case EAGAIN: return "EAGAIN";
	case EPIPE:  return "EPIPE";
	default:     return "?";
	}
}

/* What is there now, without waiting for more. */
static void drain(chan_receiver_t *rx)
{
	char letter;
	int error;

	while ((error = chan_try_recv(rx, &letter)) == 0)
		printf("drained %c\n", letter);
	printf("drained: %s\n", name(error));
}

int main(void)
{
	chan_sender_t *tx;
	chan_receiver_t *rx;

	if (chan_bounded(2, sizeof(char), &tx, &rx) != 0)
		return 1;
	drain(rx);
	for (const char *next = "abc"; *next; next++)
		printf("send %c: %s\n", *next, name(chan_try_send(tx, next)));
	drain(rx); /* ends at the first EAGAIN: there may be more later */
	printf("send d: %s\n", name(chan_try_send(tx, "d")));
	chan_close(chan_sender_channel(tx));
	printf("send after close: %s\n", name(chan_try_send(tx, "e")));
	drain(rx);
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
	return 0;
}

/* Output:
 *     drained: EAGAIN
 *     send a: 0
 *     send b: 0
 *     send c: EAGAIN
 *     drained a
 *     drained b
 *     drained: EAGAIN
 *     send d: 0
 *     send after close: EPIPE
 *     drained d
 *     drained: EPIPE
 */
