/*
 * reducer.c - the demo's reducer: adds up what the workers counted
 *
 * It alone prints while the others work, so that messages and the progress line
 * never mix.
 */
#include "demo.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_PERIOD (100 * CHAN_MSEC)

/* Back to the start of the line, and clear it. */
#define CLEAR_LINE "\r\033[K"

static void print_trouble(const struct reducer *r, const struct news *news)
{
	const char *why = news->error == NOT_TEXT ? "binary file, not counted" : strerror(news->error);

	fprintf(stderr, "%sdemo: %s: %s\n", r->jobs ? CLEAR_LINE : "", news->path, why);
}

static void draw_progress(const struct reducer *r)
{
	fprintf(stderr, CLEAR_LINE "%" PRIu64 " files, %.1f MB, %zu paths queued", r->files,
	        (double)r->bytes / 1e6, chan_len(r->jobs));
	fflush(stderr);
}

static void take(struct reducer *r, struct news *news)
{
	r->received++;
	r->files += news->files;
	r->bytes += news->bytes;
	r->binaries += news->binaries;
	if (news->path) {
		r->troubles++;
		print_trouble(r, news);
	}
	if (news->words)
		r->error = words_merge(r->words, news->words);
	words_destroy(news->words);
	free(news->path);
}

static void note_length(struct reducer *r)
{
	size_t queued = chan_receiver_len(r->news) + 1; /* the one just taken was there too */

	if (queued > r->longest)
		r->longest = queued;
}

static bool is_past(const struct timespec *when)
{
	struct timespec now;

	chan_deadline(0, &now);
	return now.tv_sec > when->tv_sec || (now.tv_sec == when->tv_sec && now.tv_nsec >= when->tv_nsec);
}

/* With a progress line the wait ends when it is time to draw again.  A message
 * that is there comes before a deadline that has passed, so while they keep
 * coming it is the clock that says when to draw. */
static void reduce_with_progress(struct reducer *r)
{
	struct timespec next;
	struct news news;
	int error;

	chan_deadline(PROGRESS_PERIOD, &next);
	while (!r->error && (error = chan_recv_deadline(r->news, &news, &next)) != EPIPE) {
		if (error == 0) {
			note_length(r);
			take(r, &news);
		}
		if (is_past(&next)) {
			draw_progress(r);
			chan_deadline(PROGRESS_PERIOD, &next);
		}
	}
	fputs(CLEAR_LINE, stderr);
}

static void reduce(struct reducer *r)
{
	struct news news;

	while (!r->error && chan_recv(r->news, &news) == 0) {
		note_length(r);
		take(r, &news);
	}
}

void reducer_run(struct reducer *r)
{
	if (r->jobs)
		reduce_with_progress(r);
	else
		reduce(r);
	chan_receiver_drop(r->news); /* after an error: the workers' sends fail, what is queued is destroyed */
}
