#include "support/tally.h"

#include <stdio.h>
#include <stdlib.h>

/* One short line at a time in append mode, so that programs may run side by side. */
void tally_append(const struct tally *tally)
{
	const char *path = getenv("CHAN_TALLY");
	FILE *file = path && *path ? fopen(path, "a") : NULL;

	if (path != NULL && *path && file == NULL) {
		perror(path);
		exit(2);
	}
	if (file == NULL)
		return;
	fprintf(file, "%zu %zu %zu\n", tally->passed, tally->failed, tally->skipped);
	fclose(file);
}
