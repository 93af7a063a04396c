#include "common.h"

size_t common_behaviours(struct behaviour *table)
{
	const struct theme *const themes[] = {
		&common_queue, &common_ends, &common_destroy, &common_message,
		&common_time, &common_batch, &common_overwrite
	};
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(themes); i++)
		for (size_t j = 0; j < themes[i]->n; j++) {
			must(n < MAX_COMMON);
			table[n++] = themes[i]->behaviours[j];
		}
	return n;
}
