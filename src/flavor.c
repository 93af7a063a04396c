/*
 * flavor.c - the table of flavors, and the rule that picks one
 */
#include "flavor.h"

#include <string.h>

CHAN__HIDDEN extern const struct chan__flavor chan__array;
CHAN__HIDDEN extern const struct chan__flavor chan__at;
CHAN__HIDDEN extern const struct chan__flavor chan__list;
CHAN__HIDDEN extern const struct chan__flavor chan__mutex_condvar;
CHAN__HIDDEN extern const struct chan__flavor chan__never;
CHAN__HIDDEN extern const struct chan__flavor chan__tick;
CHAN__HIDDEN extern const struct chan__flavor chan__zero;

const struct chan__flavor *const chan__flavors[] = {
	&chan__mutex_condvar,
	&chan__array,
	&chan__list,
	&chan__zero,
	&chan__at,
	&chan__tick,
	&chan__never,
	NULL
};

static const struct chan__flavor *flavor_by_id(chan_flavor_t id)
{
	for (size_t i = 0; chan__flavors[i]; i++)
		if (chan__flavors[i]->id == id)
			return chan__flavors[i];
	return NULL;
}

static const struct chan__flavor *flavor_by_name(const char *name)
{
	for (size_t i = 0; name && chan__flavors[i]; i++)
		if (strcmp(chan__flavors[i]->name, name) == 0)
			return chan__flavors[i];
	return NULL;
}

/* Can it have this channel, with all that the attributes ask? */
static bool flavor_fits(const struct chan__flavor *f, const struct chan__config *config)
{
	if (!f->serves(config->capacity))
		return false;
	return config->overflow == CHAN_OVERFLOW_WAIT ||
	       (f->can_overwrite && config->capacity != 0 && config->capacity != CHAN_UNBOUNDED);
}

static const struct chan__flavor *flavor_automatic(const struct chan__config *config)
{
	const struct chan__flavor *wanted = flavor_by_name(chan__process_flavor());

	if (wanted && flavor_fits(wanted, config))
		return wanted;
	for (size_t i = 0; chan__flavors[i]; i++)
		if (chan__flavors[i]->automatic && chan__flavors[i]->serves(config->capacity))
			return chan__flavors[i];
	return &chan__mutex_condvar;
}

int chan__flavor_pick(struct chan__config *config, const struct chan__flavor **flavor)
{
	const struct chan__flavor *f = flavor_by_id(config->flavor);

	if (!config->capacity_set && f && f->default_capacity == CHAN__MUST_BE_SET)
		return EINVAL;
	if (!config->capacity_set)
		config->capacity = f ? f->default_capacity : CHAN_UNBOUNDED;
	if (!f)
		f = flavor_automatic(config);
	if (!flavor_fits(f, config))
		return EINVAL;
	if (config->overflow == CHAN_OVERFLOW_DROP_OLDEST && config->consumers == CHAN_SINGLE)
		return EINVAL;
	*flavor = f;
	return 0;
}

CHAN__EXPORT const char *chan_flavor_name(chan_flavor_t flavor)
{
	const struct chan__flavor *f = flavor_by_id(flavor);

	if (flavor == CHAN_FLAVOR_AUTO)
		return "auto";
	return f ? f->name : NULL;
}
