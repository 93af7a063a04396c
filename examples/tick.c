/* tick.c - a timer is a receiver: work once a period, and pause by another.
 * Ticks that nobody takes in time do not pile up. */
#include <chan.h>
#include <errno.h>
#include <stdio.h>

#define PERIOD (100 * CHAN_MSEC)

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
	chan_receiver_t *tick, *pause;
	struct timespec due; /* the message: when the tick was due */

	if (chan_tick(PERIOD, &tick) != 0)
		return 1;
	for (int i = 1; i <= 3; i++)
		printf("tick %d: %s\n", i, name(chan_recv(tick, &due)));

	if (chan_after(3 * PERIOD, &pause) != 0)
		return 1;
	chan_recv(pause, NULL);
	chan_receiver_drop(pause);
	printf("after a pause of three periods: %s\n", name(chan_try_recv(tick, &due)));
	printf("and no other is waiting: %s\n", name(chan_try_recv(tick, &due)));

	chan_close(chan_receiver_channel(tick));
	printf("closed: %s\n", name(chan_recv(tick, &due)));
	chan_receiver_drop(tick);
	return 0;
}

/* Output:
 *
 *     tick 1: 0
 *     tick 2: 0
 *     tick 3: 0
 *     after a pause of three periods: 0
 *     and no other is waiting: EAGAIN
 *     closed: EPIPE
 */
