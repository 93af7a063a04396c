/*
 * flavor.c - the table of flavors, the rule that picks one, and the calls that
 * ask for one by name
 */
#include "flavor.h"

#include <string.h>

CHAN__HIDDEN extern const struct chan__flavor chan__array;
CHAN__HIDDEN extern const struct chan__flavor chan__at;
CHAN__HIDDEN extern const struct chan__flavor chan__broadcast;
CHAN__HIDDEN extern const struct chan__flavor chan__list;
CHAN__HIDDEN extern const struct chan__flavor chan__mutex_condvar;
CHAN__HIDDEN extern const struct chan__flavor chan__never;
CHAN__HIDDEN extern const struct chan__flavor chan__oneshot;
CHAN__HIDDEN extern const struct chan__flavor chan__tick;
CHAN__HIDDEN extern const struct chan__flavor chan__zero;

const struct chan__flavor *const chan__flavors[] = {
	&chan__mutex_condvar,
	&chan__array,
	&chan__list,
	&chan__zero,
	&chan__oneshot,
	&chan__broadcast,
	&chan__at,
	&chan__tick,
	&chan__never,
	NULL
};

static const struct chan__flavor *flavor_by_id(chan_flavor_t id)
{
	for (size_t i = 0; id != CHAN_FLAVOR_AUTO && chan__flavors[i]; i++)
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

	if (wanted && !wanted->on_request && flavor_fits(wanted, config))
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
	if (config->destructor && f->no_destructor)
		return ENOTSUP;
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

/* ------------------------------------------- calls that make one flavor only */

CHAN__EXPORT int chan_oneshot(size_t msg_size, chan_sender_t **tx, chan_receiver_t **rx)
{
	struct chan__config config;

	chan__config_load(&config, NULL);
	config.msg_size = msg_size;
	config.flavor = CHAN_FLAVOR_ONESHOT;
	return chan__make(&config, tx, rx);
}

CHAN__EXPORT int chan_broadcast(size_t capacity, size_t msg_size,
                                chan_sender_t **tx, chan_receiver_t **rx)
{
	struct chan__config config;

	chan__config_load(&config, NULL);
	config.msg_size = msg_size;
	config.flavor = CHAN_FLAVOR_BROADCAST;
	config.capacity = capacity;
	config.capacity_set = true;
	return chan__make_deserted(&config, tx, rx);
}
