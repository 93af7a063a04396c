#include "histories/windows.h"

#include <errno.h>
#include <inttypes.h>

#include <chan.h>

/* To time out is to be refused. */
static const char *result_name(int result)
{
	switch (result) {
	case 0:         return "ok";
	case EAGAIN:
	case ETIMEDOUT: return "EAGAIN";
	case EPIPE:     return "EPIPE";
	default:        return "other";
	}
}

static const char *op_name(uint8_t op)
{
	return op == OP_SEND ? "send" : op == OP_RECV ? "recv" : "close";
}

void window_print(FILE *out, const struct history *h, const char *name, bool good)
{
	fprintf(out, "window %s\t", name);
	if (h->capacity == CHAN_UNBOUNDED)
		fprintf(out, "-1");
	else
		fprintf(out, "%zu", h->capacity);
	fprintf(out, " %s%s%s%s%s\n", good ? "good" : "bad", h->takes_turns ? " turns" : "",
	        h->has_owners ? " owners" : "", h->drop_oldest ? " drops" : "", h->one_message ? " one" : "");
	for (size_t i = 0; i < h->n_logs; i++)
		for (size_t j = 0; j < h->logs[i].n; j++) {
			const struct record *r = &h->logs[i].records[j];

			/* What was displaced follows from the rest. */
			if (r->op != OP_DESTROYED)
				fprintf(out, "%zu %s %" PRIu32 " %s %" PRIu64 " %" PRIu64 "\n", i, op_name(r->op),
				        r->value == NO_VALUE ? 0 : r->value, result_name(r->result),
				        r->began, r->ended);
		}
	fprintf(out, "\n");
}
