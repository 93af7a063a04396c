/*
 * walker.c - the demo's walker: finds the files and sends their paths
 *
 * Folders wait in a list, so that a deep tree needs neither a deep stack nor
 * many descriptors.  A symbolic link is followed only if the user named it:
 * links that are met could lead round in circles.
 */
#include "demo.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct folder {
	struct folder *next;
	char          *path;
};

/* A triggered token keeps no message out while there is room: so ask first. */
static int send_job(struct walker *w, char *path, bool named)
{
	const struct job job = { path, named };
	int error = chan_cancel_is_triggered(w->token) ? ECANCELED
	                                               : chan_send_cancel(w->jobs, &job, w->token);
	size_t queued;

	if (error) {
		free(path); /* a message that was not accepted is still ours */
		return error;
	}
	w->sent++;
	queued = chan_len(chan_sender_channel(w->jobs));
	if (queued > w->longest)
		w->longest = queued;
	return 0;
}

static int push_folder(struct walker *w, char *path)
{
	struct folder *folder = malloc(sizeof *folder);

	if (!folder) {
		free(path);
		return ENOMEM;
	}
	folder->path = path;
	folder->next = w->folders;
	w->folders = folder;
	return 0;
}

static struct folder *pop_folder(struct walker *w)
{
	struct folder *folder = w->folders;

	if (folder)
		w->folders = folder->next;
	return folder;
}

static void free_folder(struct folder *folder)
{
	free(folder->path);
	free(folder);
}

static char *join(const char *folder, const char *name)
{
	size_t length = strlen(folder);
	size_t slash = length > 0 && folder[length - 1] != '/';
	size_t size = strlen(name) + 1;
	char *path = malloc(length + slash + size);

	if (!path)
		return NULL;
	memcpy(path, folder, length);
	path[length] = '/';
	memcpy(path + length + slash, name, size);
	return path;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The folder this program was built in, unless it is the source tree too. */
static bool is_build_folder(const struct stat *folder)
{
	struct stat build, tree;

	return stat(DEMO_BUILD, &build) == 0 && same_file(folder, &build)
	       && stat(DEMO_TREE, &tree) == 0 && !same_file(&build, &tree);
}

/* Whether to leave out something that was met; counts it if so. */
static bool skip(struct walker *w, const char *name, const struct stat *st)
{
	uint64_t *skipped = NULL;

	if (S_ISLNK(st->st_mode))
		skipped = &w->links;
	else if (!S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode))
		skipped = &w->others;
	else if (S_ISDIR(st->st_mode) && name[0] == '.')
		skipped = &w->hidden;
	else if (S_ISDIR(st->st_mode) && is_build_folder(st))
		skipped = &w->builds;
	if (skipped)
		++*skipped;
	return skipped != NULL;
}

static int visit(struct walker *w, const char *folder, const char *name)
{
	char *path = join(folder, name);
	struct stat st;

	if (!path)
		return ENOMEM;
	if (lstat(path, &st) != 0)
		return news_trouble(w->news, path, errno);
	if (skip(w, name, &st)) {
		free(path);
		return 0;
	}
	return S_ISDIR(st.st_mode) ? push_folder(w, path) : send_job(w, path, false);
}

static int trouble_with(struct walker *w, const char *path, int error)
{
	char *copy = strdup(path);

	return copy ? news_trouble(w->news, copy, error) : ENOMEM;
}

/* The next name but "." and ".."; NULL at the end or with errno set. */
static const char *next_name(DIR *dir)
{
	struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(dir);
	} while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
	return entry ? entry->d_name : NULL;
}

static int read_folder(struct walker *w, const char *path)
{
	DIR *dir = opendir(path);
	const char *name;
	int error = 0;

	if (!dir)
		return trouble_with(w, path, errno);
	while (!error && (name = next_name(dir)))
		error = visit(w, path, name);
	if (!error && errno)
		error = trouble_with(w, path, errno);
	closedir(dir);
	return error;
}

static int walk(struct walker *w)
{
	struct folder *folder;
	int error = 0;

	while (!error && (folder = pop_folder(w))) {
		error = read_folder(w, folder->path);
		free_folder(folder);
	}
	return error;
}

static int walk_argument(struct walker *w, const char *argument)
{
	char *path = strdup(argument);
	struct stat st;
	int error;

	if (!path)
		return ENOMEM;
	if (stat(path, &st) != 0)
		return news_trouble(w->news, path, errno);
	if (!S_ISDIR(st.st_mode))
		return send_job(w, path, true);
	error = push_folder(w, path);
	return error ? error : walk(w);
}

void *walker_run(void *walker)
{
	struct walker *w = walker;
	struct folder *folder;

	for (size_t i = 0; i < w->path_count && !w->error; i++)
		w->error = walk_argument(w, w->paths[i]);
	while ((folder = pop_folder(w)))
		free_folder(folder);
	if (w->error == ECANCELED)
		w->error = 0;
	if (w->error)
		chan_close(chan_sender_channel(w->news));
	chan_sender_drop(w->jobs);
	chan_sender_drop(w->news);
	return NULL;
}
