/*
 * test_common.c - every common behaviour over every flavor and capacity
 */
#include "common.h"

int main(void)
{
	static struct behaviour behaviours[MAX_COMMON];
	static struct kind kinds[MAX_KINDS];
	size_t n_kinds = kind_discover(kinds, CHAN_MANY, CHAN_MANY);

	return matrix_run("common", behaviours, common_behaviours(behaviours), kinds, n_kinds);
}
