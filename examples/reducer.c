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

/* Back to the start of the line, and clear it. */
#define CLEAR_LINE "\r\033[K"

static const char *clear(const struct reducer *r)
{
	return r->tick ? CLEAR_LINE : "";
}

static void print_trouble(const struct reducer *r, const struct news *news)
{
	const char *why = news->error == NOT_TEXT ? "binary file, not counted" : strerror(news->error);

	fprintf(stderr, "%sdemo: %s: %s\n", clear(r), news->path, why);
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

enum { NEWS, TICK, TOKEN, CASES };

static void print_interrupted(const struct reducer *r)
{
	fprintf(stderr, "%sdemo: interrupted: what was counted so far follows; Ctrl-C again to end at once\n", clear(r));
}

/* Until the workers and the walker have left.  A case without a handle is skipped:
 * the tick where there is no terminal, the token once it was heard. */
static void reduce(struct reducer *r)
{
	struct timespec when;
	struct news news;
	chan_case_t cases[CASES] = {
		[NEWS]  = CHAN_CASE_RECV(r->news, &news),
		[TICK]  = CHAN_CASE_RECV(r->tick, &when),
		[TOKEN] = CHAN_CASE_RECV(chan_cancel_receiver(r->token), NULL),
	};
	size_t which;

	while (!r->error && !(r->error = chan_select(cases, CASES, 0, &which))) {
		if (which == TICK) {
			draw_progress(r);
		} else if (which == TOKEN) {
			print_interrupted(r);
			cases[TOKEN].receiver = NULL;
		} else if (cases[NEWS].status == EPIPE) {
			break;
		} else {
			note_length(r);
			take(r, &news);
		}
	}
	fputs(clear(r), stderr);
}

void reducer_run(struct reducer *r)
{
	reduce(r);
	chan_receiver_drop(r->news); /* after an error: the workers' sends fail, what is queued is destroyed */
}
