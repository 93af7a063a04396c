/*
 * worker.c - the demo's workers: each counts the words of one file at a time
 *
 * A worker keeps its counts to itself until it has read enough to make a
 * message worth it, then hands the whole table over as one pointer.
 */
#include "demo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	FIRST_ROOM    = 256 * 1024, /* more only for a longer word */
	BYTES_OF_NEWS = 1024 * 1024
};

int news_trouble(chan_sender_t *news, char *path, int error)
{
	const struct news message = { .path = path, .error = error };
	int failed = chan_send(news, &message);

	if (failed)
		free(path);
	return failed;
}

/* Hand over what was counted and start anew. */
static int send_partial(struct worker *w)
{
	int error = chan_send(w->news, &w->partial);

	if (error)
		words_destroy(w->partial.words);
	w->partial = (struct news){ 0 };
	return error;
}

/* The letter in lower case, or 0 for anything that is no letter. */
static unsigned char letter(unsigned char byte)
{
	unsigned char lower = byte | 0x20;

	return lower >= 'a' && lower <= 'z' ? lower : 0;
}

/* Count the words of text, and say in *used how much of it is done: all of it,
 * or all but a last word that may go on in the bytes to come. */
static int count_words(struct words *words, unsigned char *text, size_t length, bool last, size_t *used)
{
	size_t at = 0;

	for (;;) {
		size_t start;

		while (at < length && !letter(text[at]))
			at++;
		for (start = at; at < length && letter(text[at]); at++)
			text[at] = letter(text[at]);
		*used = start;
		if (start == length || (at == length && !last))
			return 0;
		if (words_add(words, (char *)text + start, at - start) != 0)
			return ENOMEM;
	}
}

/* Read until `room` bytes are there or the file ends, which a short count says.
 * 0 or an errno value; *length is valid either way. */
static int fill(int fd, unsigned char *text, size_t room, size_t *length)
{
	*length = 0;
	while (*length < room) {
		ssize_t n = read(fd, text + *length, room - *length);

		if (n == 0)
			return 0;
		if (n > 0)
			*length += (size_t)n;
		else if (errno != EINTR)
			return errno;
	}
	return 0;
}

static int make_room(struct worker *w, size_t room)
{
	unsigned char *text = realloc(w->text, room);

	if (!text)
		return ENOMEM;
	w->text = text;
	w->room = room;
	return 0;
}

/* Tell of the file's trouble; the path goes along. */
static int report_trouble(struct worker *w, struct job *job, int error)
{
	char *path = job->path;

	job->path = NULL;
	return news_trouble(w->news, path, error);
}

/* A binary file is an error only if the user asked for it. */
static int refuse_binary(struct worker *w, struct job *job)
{
	if (job->named)
		return report_trouble(w, job, NOT_TEXT);
	w->partial.binaries++;
	return 0;
}

/* Count `length` new bytes that stand behind *kept older ones, and move the
 * beginning of an unfinished word to the front. */
static int count_piece(struct worker *w, size_t *kept, size_t length, bool last)
{
	size_t there = *kept + length, used;
	int error;

	if (!w->partial.words && !(w->partial.words = words_create()))
		return ENOMEM;
	w->partial.bytes += length;
	error = count_words(w->partial.words, w->text, there, last, &used);
	*kept = there - used;
	memmove(w->text, w->text + used, *kept);
	if (!error && w->partial.bytes >= BYTES_OF_NEWS)
		error = send_partial(w);
	return error;
}

static int count_text(struct worker *w, struct job *job, int fd)
{
	size_t kept = 0, length, wanted;
	bool first = true, last;
	int error, broken;

	do {
		wanted = first ? BINARY_PROBE : w->room - kept;
		broken = fill(fd, w->text + kept, wanted, &length);
		if (first && memchr(w->text, '\0', length))
			return refuse_binary(w, job);
		first = false;
		last = broken || length < wanted;
		error = count_piece(w, &kept, length, last);
		if (!error && kept == w->room)
			error = make_room(w, w->room * 2);
		if (!error && chan_cancel_is_triggered(w->token))
			error = ECANCELED;
	} while (!error && !last);
	if (error)
		return error;
	if (broken)
		return report_trouble(w, job, broken);
	w->partial.files++;
	return 0;
}

static int count_file(struct worker *w, struct job *job)
{
	int fd = open(job->path, O_RDONLY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return report_trouble(w, job, errno);
	error = count_text(w, job, fd);
	close(fd);
	return error;
}

void *worker_run(void *worker)
{
	struct worker *w = worker;
	struct job job;

	w->error = make_room(w, FIRST_ROOM);
	while (!w->error && !chan_cancel_is_triggered(w->token) &&
	       chan_recv_cancel(w->jobs, &job, w->token) == 0) {
		w->error = count_file(w, &job);
		free(job.path);
	}
	if (!w->error || w->error == ECANCELED)
		w->error = send_partial(w);
	if (w->error) {
		words_destroy(w->partial.words);
		chan_close(chan_sender_channel(w->news));
	}
	free(w->text);
	chan_receiver_drop(w->jobs);
	chan_sender_drop(w->news);
	return NULL;
}
