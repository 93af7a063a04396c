#include "support/skips.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_about(const char *line, const char *name)
{
	size_t length = strlen(name);

	return strncmp(line, name, length) == 0 && strncmp(line + length, ": ", 2) == 0;
}

bool skip_reason(const char *name, char *text, size_t size)
{
	const char *top = getenv("top_srcdir");
	char path[4096], line[512];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/SKIPS", top ? top : ".");
	file = fopen(path, "r");
	while (file && !found && fgets(line, sizeof(line), file))
		found = is_about(line, name);
	if (found)
		snprintf(text, size, "%.*s", (int)strcspn(line + strlen(name) + 2, "\n"), line + strlen(name) + 2);
	if (file)
		fclose(file);
	return found;
}
