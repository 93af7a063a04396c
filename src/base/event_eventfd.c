/*
 * event_eventfd.c - descriptors by eventfd(2) and timerfd_create(2) (Linux)
 */
#include "base/event.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/memory.h"

static int event_adopt(struct chan__event *e, int fd, int error)
{
	if (fd < 0)
		return error;
	e->fd = fd;
	e->other = -1;
	return 0;
}

int chan__event_open(struct chan__event *e)
{
	struct chan__callback guard = chan__callback_enter();
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int result = event_adopt(e, fd, errno);

	chan__callback_leave(guard);
	return result;
}

/* The counter cannot come near its limit in a lifetime. */
void chan__event_raise(struct chan__event *e)
{
	struct chan__callback guard = chan__callback_enter();
	const uint64_t one = 1;
	ssize_t done;

	do
		done = write(e->fd, &one, sizeof(one));
	while (done < 0 && errno == EINTR);
	chan__callback_leave(guard);
}

bool chan__event_lower(struct chan__event *e)
{
	struct chan__callback guard = chan__callback_enter();
	uint64_t count;
	ssize_t done;

	do
		done = read(e->fd, &count, sizeof(count));
	while (done < 0 && errno == EINTR);
	chan__callback_leave(guard);
	return done > 0;
}

/* Linux closes the descriptor also where close says EINTR. */
void chan__event_close(struct chan__event *e)
{
	struct chan__callback guard = chan__callback_enter();

	close(e->fd);
	chan__callback_leave(guard);
}

int chan__event_open_timer(struct chan__event *e)
{
	struct chan__callback guard = chan__callback_enter();
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int result = event_adopt(e, fd, errno);

	chan__callback_leave(guard);
	return result;
}

/* Setting the time takes back an expiry that was not read.  All zeroes would
 * disarm, so the past is the first nanosecond of the clock. */
void chan__event_arm(struct chan__event *e, const struct chan__deadline *at)
{
	struct chan__callback guard = chan__callback_enter();
	struct itimerspec t;

	memset(&t, 0, sizeof(t));
	if (!at->forever && at->at.tv_sec < 0)
		t.it_value.tv_nsec = 1;
	else if (!at->forever)
		t.it_value = at->at;
	if (!at->forever && t.it_value.tv_sec == 0 && t.it_value.tv_nsec == 0)
		t.it_value.tv_nsec = 1;
	timerfd_settime(e->fd, TFD_TIMER_ABSTIME, &t, NULL);
	chan__callback_leave(guard);
}
