/*
 * demo.c - counts words in files, in parallel, over two channels, a tick and a token
 *
 * A walker finds the files and sends their paths to one worker for each CPU;
 * the workers send what they counted to a reducer, which adds it up.  demo.h
 * shows the picture and says how everything comes to its end.  This file sets
 * it up and prints the result.
 *
 * A word is what `LC_ALL=C tr -cs 'A-Za-z' '\n' | tr A-Z a-z` makes of a file.
 */
#include "demo.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	JOBS_CAPACITY = 64, /* so far may the walker run ahead of the workers */
	MAX_WORKERS   = 1024,
	TOP_WORDS     = 10,
	INTERRUPTED   = 128 + SIGINT
};

#define PROGRESS_PERIOD (100 * CHAN_MSEC)

struct options {
	size_t top;     /* words to print */
	bool   all;     /* print every word and nothing else */
	size_t workers;
	char **paths;
	size_t path_count;
};

struct demo {
	struct walker  walker;
	struct worker *workers;
	struct reducer reducer;
	chan_cancel_t *token;      /* triggered by Ctrl-C */
	pthread_t      walker_thread, *worker_threads;
	bool           walking;
	size_t         working;    /* workers started */
	int            error;

	/* To look at the channels without keeping them connected. */
	chan_weak_sender_t *jobs, *news;
};

/* ------------------------------------------------------------ the channels */

static void destroy_job(void *message, void *unused)
{
	const struct job *job = message;

	(void)unused;
	free(job->path);
}

static void destroy_news(void *message, void *unused)
{
	const struct news *news = message;

	(void)unused;
	words_destroy(news->words);
	free(news->path);
}

static int create_channel(size_t capacity, size_t msg_size, void (*destructor)(void *, void *),
                          chan_sender_t **tx, chan_receiver_t **rx)
{
	chan_attr_t attr;
	int error = chan_attr_init(&attr);

	if (error)
		return error;
	error = chan_attr_setcapacity(&attr, capacity);
	if (!error)
		error = chan_attr_setdestructor(&attr, destructor, NULL);
	if (!error)
		error = chan_create(&attr, msg_size, tx, rx);
	chan_attr_destroy(&attr);
	return error;
}

/* The ends that the threads get clones of. */
struct ends {
	chan_sender_t   *jobs_tx, *news_tx;
	chan_receiver_t *jobs_rx;
};

static int open_channels(struct demo *d, struct ends *ends)
{
	int error = create_channel(JOBS_CAPACITY, sizeof(struct job), destroy_job, &ends->jobs_tx, &ends->jobs_rx);

	if (error)
		return error;
	error = create_channel(CHAN_UNBOUNDED, sizeof(struct news), destroy_news, &ends->news_tx, &d->reducer.news);
	if (error) {
		chan_sender_drop(ends->jobs_tx);
		chan_receiver_drop(ends->jobs_rx);
		return error;
	}
	d->jobs = chan_sender_downgrade(ends->jobs_tx);
	d->news = chan_sender_downgrade(ends->news_tx);
	return 0;
}

/* ---------------------------------------------------------------- interruption */

/* No call of the library may be made in a signal handler, so a thread waits for
 * the signal instead.  The second one ends everything at once. */
static void *watch_signals(void *arg)
{
	chan_cancel_t *token = arg;
	sigset_t interrupt;
	int number;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	sigwait(&interrupt, &number);
	chan_cancel_trigger(token);
	chan_cancel_drop(token);
	sigwait(&interrupt, &number);
	_exit(INTERRUPTED);
}

/* Before the first thread, which inherits the mask. */
static int start_watching(chan_cancel_t *token)
{
	sigset_t interrupt;
	pthread_t thread;
	int error;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	error = pthread_sigmask(SIG_BLOCK, &interrupt, NULL);
	if (!error)
		error = pthread_create(&thread, NULL, watch_signals, chan_cancel_clone(token));
	if (error)
		chan_cancel_drop(token);
	return error ? error : pthread_detach(thread);
}

/* ------------------------------------------------------ starting and ending */

static void start_worker(struct demo *d, const struct ends *ends)
{
	struct worker *worker = &d->workers[d->working];

	worker->jobs = chan_receiver_clone(ends->jobs_rx);
	worker->news = chan_sender_clone(ends->news_tx);
	worker->token = d->token;
	d->error = pthread_create(&d->worker_threads[d->working], NULL, worker_run, worker);
	if (!d->error) {
		d->working++;
		return;
	}
	chan_receiver_drop(worker->jobs);
	chan_sender_drop(worker->news);
}

static void start_walker(struct demo *d, const struct ends *ends)
{
	d->walker.jobs = chan_sender_clone(ends->jobs_tx);
	d->walker.news = chan_sender_clone(ends->news_tx);
	d->walker.token = d->token;
	d->error = pthread_create(&d->walker_thread, NULL, walker_run, &d->walker);
	if (!d->error) {
		d->walking = true;
		return;
	}
	chan_sender_drop(d->walker.jobs);
	chan_sender_drop(d->walker.news);
}

/* Start all threads, each with handles of its own to drop.  The first handles are
 * dropped here: once the threads have ended nothing is connected any more, and
 * if one cannot be started the others end by themselves. */
static void start(struct demo *d, size_t workers)
{
	struct ends ends;

	d->error = start_watching(d->token);
	if (!d->error)
		d->error = open_channels(d, &ends);
	if (d->error)
		return;
	while (!d->error && d->working < workers)
		start_worker(d, &ends);
	if (!d->error)
		start_walker(d, &ends);
	chan_sender_drop(ends.jobs_tx);
	chan_sender_drop(ends.news_tx);
	chan_receiver_drop(ends.jobs_rx);
}

static void note_error(struct demo *d, int error)
{
	if (error != EPIPE && !d->error) /* EPIPE: somebody else gave up, and says why */
		d->error = error;
}

static void join_all(struct demo *d)
{
	if (d->walking)
		pthread_join(d->walker_thread, NULL);
	for (size_t i = 0; i < d->working; i++)
		pthread_join(d->worker_threads[i], NULL);
	note_error(d, d->reducer.error);
	note_error(d, d->walker.error);
	for (size_t i = 0; i < d->working; i++)
		note_error(d, d->workers[i].error);
}

static int create_demo(struct demo *d, const struct options *options)
{
	*d = (struct demo){ 0 };
	d->walker.paths = options->paths;
	d->walker.path_count = options->path_count;
	d->workers = calloc(options->workers, sizeof *d->workers);
	d->worker_threads = calloc(options->workers, sizeof *d->worker_threads);
	d->reducer.words = words_create();
	if (!d->workers || !d->worker_threads || !d->reducer.words)
		return ENOMEM;
	return chan_cancel_create(NULL, &d->token);
}

static void destroy_demo(struct demo *d)
{
	chan_weak_sender_drop(d->news);
	chan_weak_sender_drop(d->jobs);
	chan_receiver_drop(d->reducer.tick);
	chan_cancel_drop(d->token);
	words_destroy(d->reducer.words);
	free(d->worker_threads);
	free(d->workers);
}

static void run(struct demo *d, size_t workers)
{
	if (isatty(STDERR_FILENO))
		d->error = chan_tick(PROGRESS_PERIOD, &d->reducer.tick);
	if (!d->error)
		start(d, workers);
	if (d->news) {
		d->reducer.token = d->token;
		d->reducer.jobs = chan_weak_sender_channel(d->jobs);
		reducer_run(&d->reducer);
	}
	join_all(d);
}

/* -------------------------------------------------------------- the result */

static int print_words(const struct words *words, size_t limit, int (*order)(const void *, const void *))
{
	struct word *sorted = words_sorted(words, order);

	if (!sorted)
		return ENOMEM;
	for (size_t i = 0; i < words_different(words) && i < limit; i++)
		printf("%7" PRIu64 " %s\n", sorted[i].count, sorted[i].text);
	free(sorted);
	return 0;
}

static void print_channel(const char *name, const chan_t *c, uint64_t messages, size_t longest)
{
	char capacity[32] = "unlimited";

	if (chan_capacity(c) != CHAN_UNBOUNDED)
		snprintf(capacity, sizeof capacity, "%zu", chan_capacity(c));
	printf("%-28s %9" PRIu64 " %9s  %-14s %7zu\n", name, messages, capacity,
	       chan_flavor_name(chan_flavor(c)), longest);
}

static void print_channels(const struct demo *d)
{
	printf("\n%-28s %9s %9s  %-14s %7s\n", "channel", "messages", "capacity", "flavor", "longest");
	print_channel("paths: walker to workers", chan_weak_sender_channel(d->jobs), d->walker.sent,
	              d->walker.longest);
	print_channel("counts: workers to reducer", chan_weak_sender_channel(d->news), d->reducer.received,
	              d->reducer.longest);
}

static void print_summary(const struct demo *d, double seconds)
{
	const struct reducer *r = &d->reducer;
	const struct walker *w = &d->walker;

	printf("\n%" PRIu64 " files, %" PRIu64 " bytes, %" PRIu64 " words, %zu of them different\n", r->files,
	       r->bytes, words_total(r->words), words_different(r->words));
	printf("skipped: binary files %" PRIu64 ", hidden folders %" PRIu64 ", build folders %" PRIu64
	       ", symbolic links %" PRIu64 ", special files %" PRIu64 "\n",
	       r->binaries, w->hidden, w->builds, w->links, w->others);
	printf("%.3f s with %zu workers: %.1f MB/s, %.2f million words/s\n", seconds, d->working,
	       (double)r->bytes / 1e6 / seconds, (double)words_total(r->words) / 1e6 / seconds);
}

static int print_result(const struct demo *d, const struct options *options, double seconds)
{
	int error;

	if (options->all)
		return print_words(d->reducer.words, SIZE_MAX, words_by_text);
	error = print_words(d->reducer.words, options->top, words_by_count);
	if (error)
		return error;
	print_channels(d);
	print_summary(d, seconds);
	return 0;
}

/* --------------------------------------------------------- the command line */

static const char usage[] =
	"usage: demo [-a] [-n NUMBER] [-j NUMBER] [FILE or FOLDER...]\n"
	"Count the words in files, and in the files of folders, with threads that\n"
	"talk through channels.  Default: the source tree of libchan.\n"
	"\n"
	"  -a, --all         print every word with its count, from a to z, and nothing else\n"
	"  -n, --top=NUMBER  print so many of the most frequent words (10)\n"
	"  -j, --workers=NUMBER  start so many workers (one for each CPU)\n"
	"  -h, --help        print this\n"
	"\n"
	"In folders, binary files (a NUL in the first 8 KiB), hidden folders, the build\n"
	"folder, symbolic links and special files are skipped.\n"
	"Ctrl-C ends the counting and prints what was counted; a second one ends at once.\n"
	"Exit status: 0, 1 if anything could not be counted, 130 after Ctrl-C.\n";

static bool parse_number(const char *text, size_t least, size_t most, size_t *number)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < least || value > most) {
		fprintf(stderr, "demo: not a number from %zu to %zu: %s\n", least, most, text);
		return false;
	}
	*number = (size_t)value;
	return true;
}

static size_t cpu_count(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 1)
		return 1;
	return cpus > MAX_WORKERS ? MAX_WORKERS : (size_t)cpus;
}

static bool parse_option(struct options *options, int option)
{
	switch (option) {
	case 'a':
		options->all = true;
		return true;
	case 'n':
		return parse_number(optarg, 0, SIZE_MAX, &options->top);
	case 'j':
		return parse_number(optarg, 1, MAX_WORKERS, &options->workers);
	default:
		fputs(usage, stderr);
		return false;
	}
}

static bool parse(struct options *options, int argc, char **argv, bool *help)
{
	static const struct option long_options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "top", required_argument, NULL, 'n' },
		{ "workers", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	static char default_path[] = DEMO_TREE, *default_paths[] = { default_path };
	int option;

	while ((option = getopt_long(argc, argv, "an:j:h", long_options, NULL)) != -1) {
		if (option == 'h')
			*help = true;
		else if (!parse_option(options, option))
			return false;
	}
	options->paths = optind < argc ? argv + optind : default_paths;
	options->path_count = optind < argc ? (size_t)(argc - optind) : 1;
	return true;
}

/* -------------------------------------------------------------------- main */

static double now(void)
{
	struct timespec time;

	chan_deadline(0, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* 0, 1 after a message if anything went wrong, or 130 after Ctrl-C. */
static int count(const struct options *options)
{
	struct demo d;
	double start_time = now();
	int error = create_demo(&d, options), status;

	if (!error) {
		run(&d, options->workers);
		error = d.error;
	}
	if (!error)
		error = print_result(&d, options, now() - start_time);
	if (error)
		fprintf(stderr, "demo: giving up: %s\n", strerror(error));
	status = error || d.reducer.troubles > 0;
	if (!error && chan_cancel_is_triggered(d.token))
		status = INTERRUPTED;
	destroy_demo(&d);
	return status;
}

/* What was printed may only now turn out not to fit on the disk. */
static int flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "demo: cannot write: %s\n", strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	struct options options = { .top = TOP_WORDS, .workers = cpu_count() };
	bool help = false;
	int status = 0;

	if (!parse(&options, argc, argv, &help))
		return 1;
	if (help)
		fputs(usage, stdout);
	else
		status = count(&options);
	return flush() ? 1 : status;
}
