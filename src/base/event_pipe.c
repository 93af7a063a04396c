/*
 * event_pipe.c - descriptors by pipe(2), for systems without eventfd(2)
 *
 * Raised is a byte in the pipe, or several.  There is no timer here.
 */
#include "base/event.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/memory.h"

#ifdef HAVE_PIPE2

static int event_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 ? 0 : errno;
}

#else

static bool event_set_flags(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

/* A child that another thread forks and executes meanwhile inherits them. */
static int event_pipe(int ends[2])
{
	int error;

	if (pipe(ends) != 0)
		return errno;
	if (event_set_flags(ends[0]) && event_set_flags(ends[1]))
		return 0;
	error = errno;
	close(ends[0]);
	close(ends[1]);
	return error;
}

#endif

static int event_open_pipe(struct chan__event *e)
{
	int ends[2], error = event_pipe(ends);

	if (error != 0)
		return error;
	e->fd = ends[0];
	e->other = ends[1];
	return 0;
}

int chan__event_open(struct chan__event *e)
{
	struct chan__callback guard = chan__callback_enter();
	int result = event_open_pipe(e);

	chan__callback_leave(guard);
	return result;
}

/* Takes as much out of a full pipe as makes room: whole pages count. */
static void event_make_room(struct chan__event *e)
{
	char bytes[4096];
	ssize_t done;

	do
		done = read(e->fd, bytes, sizeof(bytes));
	while (done < 0 && errno == EINTR);
}

/* Where nobody reads for long the pipe is full, and yet each raise is an edge. */
void chan__event_raise(struct chan__event *e)
{
	struct chan__callback guard = chan__callback_enter();

	while (write(e->other, "", 1) < 0 && (errno == EINTR || errno == EAGAIN))
		if (errno == EAGAIN)
			event_make_room(e);
	chan__callback_leave(guard);
}

bool chan__event_lower(struct chan__event *e)
{
	struct chan__callback guard = chan__callback_enter();
	bool raised = false;
	char bytes[64];
	ssize_t done;

	do {
		done = read(e->fd, bytes, sizeof(bytes));
		raised = raised || done > 0;
	} while (done == (ssize_t)sizeof(bytes) || (done < 0 && errno == EINTR));
	chan__callback_leave(guard);
	return raised;
}

void chan__event_close(struct chan__event *e)
{
	struct chan__callback guard = chan__callback_enter();

	close(e->fd);
	close(e->other);
	chan__callback_leave(guard);
}

int chan__event_open_timer(struct chan__event *e)
{
	(void)e;
	return ENOTSUP;
}

void chan__event_arm(struct chan__event *e, const struct chan__deadline *at)
{
	(void)e;
	(void)at;
}
