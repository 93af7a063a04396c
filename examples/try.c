/* try.c - calls that never wait: EAGAIN says full or empty, EPIPE says that the
 * channel is over.  Disconnecting loses nothing: what is queued can be drained. */
#include <chan.h>
#include <errno.h>
#include <stdio.h>

static const char *name(int error)
{
	switch (error) {
	case 0:      return "0";
	case EAGAIN: return "EAGAIN";
	case EPIPE:  return "EPIPE";
	default:     return "unexpected";
	}
}

int main(void)
{
	chan_sender_t *tx;
	chan_receiver_t *rx;
	char letter = '?';

	if (chan_bounded(2, sizeof letter, &tx, &rx) != 0)
		return 1;
	printf("receive from an empty channel: %s\n", name(chan_try_recv(rx, &letter)));
	for (const char *next = "abc"; *next; next++)
		printf("send %c: %s\n", *next, name(chan_try_send(tx, next)));

	chan_close(chan_sender_channel(tx));
	printf("send after close: %s\n", name(chan_try_send(tx, "d")));
	while (chan_try_recv(rx, &letter) == 0)
		printf("drained %c\n", letter);
	printf("drained: %s\n", name(chan_try_recv(rx, &letter)));

	chan_sender_drop(tx);
	chan_receiver_drop(rx);
	return 0;
}

/* Output:
 *
 *     receive from an empty channel: EAGAIN
 *     send a: 0
 *     send b: 0
 *     send c: EAGAIN
 *     send after close: EPIPE
 *     drained a
 *     drained b
 *     drained: EPIPE
 */
