/* once.c - a cell that is set once, by whoever comes first, and read by as many as
 * like: a oneshot takes one message and refuses every other, whoever sends it. */
#include <chan.h>
#include <pthread.h>
#include <stdio.h>

enum { READERS = 3 };

static struct {
	chan_sender_t   *tx;
	chan_receiver_t *rx;
	pthread_mutex_t  lock;
	bool             known; /* under lock, and with it value */
	int              value;
} cell = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* False: it was set before. */
static bool cell_set(int value)
{
	return chan_send(cell.tx, &value) == 0; /* or EPIPE; it never waits */
}

/* Waits until it is set: one reader for the message, the others for that one. */
static int cell_get(void)
{
	pthread_mutex_lock(&cell.lock);
	if (!cell.known)
		cell.known = chan_recv(cell.rx, &cell.value) == 0;
	pthread_mutex_unlock(&cell.lock);
	return cell.value; /* which stays as it is */
}

static void *reader(void *unused)
{
	printf("a reader got %d\n", cell_get());
	return unused;
}

int main(void)
{
	pthread_t threads[READERS];
	if (chan_oneshot(sizeof cell.value, &cell.tx, &cell.rx) != 0)
		return 1;
	for (int i = 0; i < READERS; i++)
		if (pthread_create(&threads[i], NULL, reader, NULL) != 0)
			return 1;
	bool seven = cell_set(7), eight = cell_set(8); /* one after the other */
	for (int i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	printf("set to 7: %s, to 8: %s\n", seven ? "yes" : "no", eight ? "yes" : "no");
	chan_sender_drop(cell.tx);
	chan_receiver_drop(cell.rx);
	return 0;
}
/* Output:
 *     a reader got 7
 *     a reader got 7
 *     a reader got 7
 *     set to 7: yes, to 8: no
 */
