/*
 * gdb_target.c - channels of every flavor, for check-gdb.sh to look at
 *
 * For each, gdb stops in look(), with messages queued where there is room, and once
 * more when the channel is closed; between, threads wait, and gdb stops them in
 * wait_park.  What it has to print then is in `wanted`, as the library's queries say it.
 */
#include <chan.h>
#include <pthread.h>
#include <stdio.h>

chan_sender_t *tx;
chan_receiver_t *rx;
chan_t *channel;
char wanted[200], wanted_of_receiver[300];

void look(void);
__attribute__((noinline)) void look(void)
{
	__asm__ volatile("" ::: "memory");
}

static const char *text(char *buffer, size_t size, const char *format, size_t n)
{
	if (n == CHAN_UNBOUNDED)
		return "unbounded";
	snprintf(buffer, size, format, n);
	return buffer;
}

static void want(void)
{
	char capacity[30], length[40] = "", more[40] = "";
	chan_flavor_t flavor = chan_flavor(channel);

	if (flavor < CHAN_FLAVOR_AT)
		text(length, sizeof length, "length = %zu, ", chan_len(channel));
	if (flavor == CHAN_FLAVOR_BROADCAST)
		text(more, sizeof more, "to_receive = %zu, ", chan_receiver_len(rx));
	snprintf(wanted, sizeof wanted, "{state = \"%s\", flavor = \"%s\", capacity = %s, %s",
	         chan_is_disconnected(channel) ? "disconnected" : "open", chan_flavor_name(flavor),
	         text(capacity, sizeof capacity, "%zu", chan_capacity(channel)), length);
	snprintf(wanted_of_receiver, sizeof wanted_of_receiver, "%s%s", wanted, more);
}

static void show_now(void)
{
	want();
	look();
}

static void *wait_to_receive(void *message)
{
	chan_recv_timeout(rx, message, 20 * CHAN_MSEC);
	return NULL;
}

static void *wait_to_send(void *message)
{
	chan_send_timeout(tx, message, 20 * CHAN_MSEC);
	return NULL;
}

static void in_a_thread(void *(*run)(void *))
{
	pthread_t thread;
	long message = 2;

	want();
	if (pthread_create(&thread, NULL, run, &message) == 0)
		pthread_join(thread, NULL);
}

static void make(chan_flavor_t flavor, size_t capacity, chan_concurrency_t concurrency)
{
	chan_attr_t attr;

	chan_attr_init(&attr);
	chan_attr_setflavor(&attr, flavor);
	chan_attr_setcapacity(&attr, capacity);
	chan_attr_setproducers(&attr, concurrency);
	chan_attr_setconsumers(&attr, concurrency);
	chan_attr_setspin(&attr, 0);
	if (chan_create(&attr, sizeof(long), &tx, &rx) != 0)
		__builtin_trap();
	channel = chan_sender_channel(tx);
}

/* Queued; waited for by a receiver, by a sender; disconnected. */
static void show(chan_flavor_t flavor, size_t capacity, chan_concurrency_t concurrency)
{
	long message = 1;

	make(flavor, capacity, concurrency);
	for (int i = 0; i < 2; i++)
		chan_try_send(tx, &message);
	show_now();
	while (chan_try_recv(rx, &message) == 0)
		continue;
	if (flavor != CHAN_FLAVOR_ONESHOT)
		in_a_thread(wait_to_receive);
	while (capacity != CHAN_UNBOUNDED && chan_try_send(tx, &message) == 0)
		continue;
	if (capacity != CHAN_UNBOUNDED && flavor != CHAN_FLAVOR_ONESHOT)
		in_a_thread(wait_to_send);
	chan_close(channel);
	show_now();
	chan_sender_drop(tx);
	chan_receiver_drop(rx);
}

static void show_timer(int error)
{
	if (error != 0)
		__builtin_trap();
	channel = chan_receiver_channel(rx);
	show_now();
	chan_close(channel);
	show_now();
	chan_receiver_drop(rx);
}

int main(void)
{
	show(CHAN_FLAVOR_ARRAY, 3, CHAN_MANY);
	show(CHAN_FLAVOR_ARRAY, 4, CHAN_SINGLE);
	show(CHAN_FLAVOR_LIST, CHAN_UNBOUNDED, CHAN_MANY);
	show(CHAN_FLAVOR_LIST, CHAN_UNBOUNDED, CHAN_SINGLE);
	show(CHAN_FLAVOR_ZERO, 0, CHAN_MANY);
	show(CHAN_FLAVOR_ONESHOT, 1, CHAN_MANY);
	show(CHAN_FLAVOR_BROADCAST, 3, CHAN_MANY);
	show(CHAN_FLAVOR_MUTEX_CONDVAR, 0, CHAN_MANY);
	show(CHAN_FLAVOR_MUTEX_CONDVAR, 3, CHAN_MANY);
	show(CHAN_FLAVOR_MUTEX_CONDVAR, CHAN_UNBOUNDED, CHAN_MANY);
	tx = NULL;
	show_timer(chan_after(CHAN_FOREVER, &rx));
	show_timer(chan_tick(CHAN_SEC, &rx));
	show_timer(chan_never(8, &rx));
	return 0;
}
