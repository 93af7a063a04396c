/*
 * test_select.c - one thread and many channels
 */
#include "select.h"

struct kind select_kinds[MAX_KINDS];
size_t select_n_kinds;

enum { MAX_BEHAVIOURS = 128 };

int main(void)
{
	static const struct select_theme *const themes[] = {
		&select_choice, &select_wait, &select_ready, &select_race
	};
	static struct behaviour table[MAX_BEHAVIOURS];
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(themes); i++)
		for (size_t j = 0; j < themes[i]->n; j++) {
			must(n < MAX_BEHAVIOURS);
			table[n++] = themes[i]->behaviours[j];
		}
	select_n_kinds = kind_discover(select_kinds, CHAN_MANY, CHAN_MANY);
	select_measure_idling();
	return matrix_run("select", table, n, select_kinds, select_n_kinds);
}
