/*
 * attr.c - creation attributes
 *
 * The inside of a chan_attr_t is a struct chan__config.  It is copied in and
 * out as bytes, so the public type stays an array of numbers.
 */
#include "base/copy.h"
#include "flavor.h"

#include <string.h>

/* Marks attributes that chan_attr_init has filled. */
#define ATTR_MAGIC UINT64_C(0x6368616e61747472)

/* How long a wait may spin unless chan_attr_setspin says otherwise. */
#define ATTR_SPIN_NS (50 * CHAN_USEC)

_Static_assert(sizeof(struct chan__config) <= sizeof(chan_attr_t),
               "chan_attr_t holds the configuration");

static bool attr_load(struct chan__config *config, const chan_attr_t *attr)
{
	if (!attr)
		return false;
	chan__copy(config, attr, sizeof(*config));
	return config->magic == ATTR_MAGIC;
}

static int attr_store(chan_attr_t *attr, const struct chan__config *config)
{
	chan__copy(attr, config, sizeof(*config));
	return 0;
}

static void attr_defaults(struct chan__config *config)
{
	memset(config, 0, sizeof(*config));
	config->magic = ATTR_MAGIC;
	config->capacity = CHAN_UNBOUNDED;
	config->spin_ns = ATTR_SPIN_NS;
}

int chan__config_load(struct chan__config *config, const chan_attr_t *attr)
{
	if (!attr)
		attr_defaults(config);
	else if (!attr_load(config, attr))
		return EINVAL;
	return 0;
}

CHAN__EXPORT int chan_attr_init(chan_attr_t *attr)
{
	struct chan__config config;

	if (!attr)
		return EINVAL;
	memset(attr, 0, sizeof(*attr));
	attr_defaults(&config);
	return attr_store(attr, &config);
}

CHAN__EXPORT int chan_attr_destroy(chan_attr_t *attr)
{
	struct chan__config config;

	if (!attr_load(&config, attr))
		return EINVAL;
	memset(attr, 0, sizeof(*attr));
	return 0;
}

/* ------------------------------------------------------------------ capacity */

CHAN__EXPORT int chan_attr_setcapacity(chan_attr_t *attr, size_t capacity)
{
	struct chan__config config;

	if (!attr_load(&config, attr))
		return EINVAL;
	config.capacity = capacity;
	config.capacity_set = true;
	return attr_store(attr, &config);
}

CHAN__EXPORT int chan_attr_getcapacity(const chan_attr_t *attr, size_t *capacity)
{
	struct chan__config config;

	if (!attr_load(&config, attr) || !capacity)
		return EINVAL;
	*capacity = config.capacity;
	return 0;
}

/* -------------------------------------------------------------------- flavor */

CHAN__EXPORT int chan_attr_setflavor(chan_attr_t *attr, chan_flavor_t flavor)
{
	struct chan__config config;

	if (!attr_load(&config, attr) || !chan_flavor_name(flavor))
		return EINVAL;
	config.flavor = flavor;
	return attr_store(attr, &config);
}

CHAN__EXPORT int chan_attr_getflavor(const chan_attr_t *attr, chan_flavor_t *flavor)
{
	struct chan__config config;

	if (!attr_load(&config, attr) || !flavor)
		return EINVAL;
	*flavor = config.flavor;
	return 0;
}

/* ---------------------------------------------------------------- destructor */

CHAN__EXPORT int chan_attr_setdestructor(chan_attr_t *attr,
                                         void (*destructor)(void *msg, void *arg), void *arg)
{
	struct chan__config config;

	if (!attr_load(&config, attr))
		return EINVAL;
	config.destructor = destructor;
	config.destructor_arg = arg;
	return attr_store(attr, &config);
}

CHAN__EXPORT int chan_attr_getdestructor(const chan_attr_t *attr,
                                         void (**destructor)(void *msg, void *arg), void **arg)
{
	struct chan__config config;

	if (!attr_load(&config, attr) || !destructor || !arg)
		return EINVAL;
	*destructor = config.destructor;
	*arg = config.destructor_arg;
	return 0;
}

/* ------------------------------------------------------------------ overflow */

CHAN__EXPORT int chan_attr_setoverflow(chan_attr_t *attr, chan_overflow_t overflow)
{
	struct chan__config config;

	if (!attr_load(&config, attr) ||
	    (overflow != CHAN_OVERFLOW_WAIT && overflow != CHAN_OVERFLOW_DROP_OLDEST))
		return EINVAL;
	config.overflow = overflow;
	return attr_store(attr, &config);
}

CHAN__EXPORT int chan_attr_getoverflow(const chan_attr_t *attr, chan_overflow_t *overflow)
{
	struct chan__config config;

	if (!attr_load(&config, attr) || !overflow)
		return EINVAL;
	*overflow = config.overflow;
	return 0;
}

/* --------------------------------------------------------------- concurrency */

static bool attr_concurrency_valid(chan_concurrency_t concurrency)
{
	return concurrency == CHAN_MANY || concurrency == CHAN_SINGLE;
}

CHAN__EXPORT int chan_attr_setproducers(chan_attr_t *attr, chan_concurrency_t producers)
{
	struct chan__config config;

	if (!attr_load(&config, attr) || !attr_concurrency_valid(producers))
		return EINVAL;
	config.producers = producers;
	return attr_store(attr, &config);
}

CHAN__EXPORT int chan_attr_getproducers(const chan_attr_t *attr, chan_concurrency_t *producers)
{
	struct chan__config config;

	if (!attr_load(&config, attr) || !producers)
		return EINVAL;
	*producers = config.producers;
	return 0;
}

CHAN__EXPORT int chan_attr_setconsumers(chan_attr_t *attr, chan_concurrency_t consumers)
{
	struct chan__config config;

	if (!attr_load(&config, attr) || !attr_concurrency_valid(consumers))
		return EINVAL;
	config.consumers = consumers;
	return attr_store(attr, &config);
}

CHAN__EXPORT int chan_attr_getconsumers(const chan_attr_t *attr, chan_concurrency_t *consumers)
{
	struct chan__config config;

	if (!attr_load(&config, attr) || !consumers)
		return EINVAL;
	*consumers = config.consumers;
	return 0;
}

/* ---------------------------------------------------------------------- spin */

CHAN__EXPORT int chan_attr_setspin(chan_attr_t *attr, uint64_t max_ns)
{
	struct chan__config config;

	if (!attr_load(&config, attr))
		return EINVAL;
	config.spin_ns = max_ns;
	return attr_store(attr, &config);
}

CHAN__EXPORT int chan_attr_getspin(const chan_attr_t *attr, uint64_t *max_ns)
{
	struct chan__config config;

	if (!attr_load(&config, attr) || !max_ns)
		return EINVAL;
	*max_ns = config.spin_ns;
	return 0;
}

/* ----------------------------------------------------------------- allocator */

CHAN__EXPORT int chan_attr_setallocator(chan_attr_t *attr, const chan_allocator_t *allocator)
{
	struct chan__config config;

	if (!attr_load(&config, attr) ||
	    (allocator && (!allocator->allocate || !allocator->release)))
		return EINVAL;
	config.memory.allocate = allocator ? allocator->allocate : NULL;
	config.memory.release = allocator ? allocator->release : NULL;
	config.memory.arg = allocator ? allocator->arg : NULL;
	return attr_store(attr, &config);
}

CHAN__EXPORT int chan_attr_getallocator(const chan_attr_t *attr, chan_allocator_t *allocator)
{
	struct chan__config config;

	if (!attr_load(&config, attr) || !allocator)
		return EINVAL;
	allocator->allocate = config.memory.allocate;
	allocator->release = config.memory.release;
	allocator->arg = config.memory.arg;
	return 0;
}
