/*
 * libfuzzer.c - the calls as libFuzzer wants them
 */
#include <stdlib.h>

#include "fuzz/calls.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	unsetenv("CHAN_FLAVOR");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	make_calls(data, size);
	return 0;
}
