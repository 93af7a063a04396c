/*
 * replay.c - makes the calls of inputs that a fuzzer found, without the fuzzer
 *
 *	replay [--mistake N] [--random SEED COUNT] [FILE|FOLDER]...
 *
 * --random makes inputs of its own, none of which a fuzzer chose; --mistake plants one
 * in the model, to see it noticed.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/calls.h"
#include "fuzz/model.h"

enum { MOST_BYTES = 1 << 16, RANDOM_BYTES = 600 };

static size_t inputs, calls;

static _Noreturn void give_up(const char *what)
{
	perror(what);
	exit(2);
}

static void replay_file(const char *path)
{
	static uint8_t bytes[MOST_BYTES];
	FILE *file = fopen(path, "rb");
	size_t n;

	if (file == NULL)
		give_up(path);
	n = fread(bytes, 1, sizeof(bytes), file);
	if (ferror(file))
		give_up(path);
	fclose(file);
	calls += make_calls(bytes, n);
	inputs++;
}

static void replay_folder(const char *path, DIR *folder)
{
	struct dirent *entry;
	char name[4096];

	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		replay_file(name);
	}
	closedir(folder);
}

static void replay(const char *path)
{
	DIR *folder = opendir(path);

	if (folder != NULL)
		replay_folder(path, folder);
	else
		replay_file(path);
}

/* xorshift64 */
static uint64_t roll(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void replay_random(uint64_t seed, size_t count)
{
	uint8_t bytes[RANDOM_BYTES];
	uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (; count > 0; count--) {
		size_t n = (size_t)(roll(&state) >> 32) % RANDOM_BYTES;

		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)(roll(&state) >> 40);
		calls += make_calls(bytes, n);
		inputs++;
	}
}

int main(int argc, char **argv)
{
	unsetenv("CHAN_FLAVOR");
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--mistake") == 0 && i + 1 < argc) {
			model_mistake = atoi(argv[++i]);
		} else if (strcmp(argv[i], "--random") == 0 && i + 2 < argc) {
			replay_random(strtoull(argv[i + 1], NULL, 10), (size_t)strtoull(argv[i + 2], NULL, 10));
			i += 2;
		} else {
			replay(argv[i]);
		}
	printf("%zu inputs, %zu steps\n", inputs, calls);
	return inputs > 0 && calls > 0 ? 0 : 2;
}
