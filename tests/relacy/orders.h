/*
 * orders.h - the seams where every order can be weakened
 *
 * Forced after seams.h before the copy of the sources that orders.py instrument
 * made: there each operation says which it is, and with what orders.
 */
#ifndef CHAN_TESTS_RELACY_ORDERS_H
#define CHAN_TESTS_RELACY_ORDERS_H

#include "model.h"

#define MODEL_SITE int site, model_order order

/* clang-format off */
#define MODEL_BASIC_AT(name, type, word)                                                      \
	static inline type chan__##name##_load_at(MODEL_SITE, const chan__##name *a, MODEL_HERE) \
	{                                                                                     \
		return (type)model_load##word(a->room, model_order_at(site, order), {where, line}); \
	}                                                                                     \
	static inline void chan__##name##_store_at(MODEL_SITE, chan__##name *a, type v, MODEL_HERE) \
	{                                                                                     \
		model_store##word(a->room, (uint##word##_t)v, model_order_at(site, order), {where, line}); \
	}                                                                                     \
	static inline bool chan__##name##_cas_at(MODEL_SITE, model_order failure, chan__##name *a, \
	                                         type *expected, type v, MODEL_HERE)          \
	{                                                                                     \
		uint##word##_t seen = (uint##word##_t)*expected;                              \
		bool done = model_cas##word(a->room, &seen, (uint##word##_t)v,                \
		                            model_order_at(site, order),                      \
		                            model_failure_at(site, failure), {where, line});  \
		*expected = (type)seen;                                                       \
		return done;                                                                  \
	}                                                                                     \
	MODEL_RMW_AT(name, type, word, exchange)
/* clang-format on */

#define MODEL_RMW_AT(name, type, word, op)                                                    \
	static inline type chan__##name##_##op##_at(MODEL_SITE, chan__##name *a, type v, MODEL_HERE) \
	{                                                                                     \
		return (type)model_rmw##word(a->room, MODEL_##op, (uint##word##_t)v,          \
		                             model_order_at(site, order), {where, line});     \
	}

#define MODEL_INTEGER_AT(name, type, word)           \
	MODEL_BASIC_AT(name, type, word)             \
	MODEL_RMW_AT(name, type, word, fetch_add)    \
	MODEL_RMW_AT(name, type, word, fetch_sub)    \
	MODEL_RMW_AT(name, type, word, fetch_or)     \
	MODEL_RMW_AT(name, type, word, fetch_and)

MODEL_INTEGER_AT(u32, uint32_t, 32)
MODEL_INTEGER_AT(u64, uint64_t, 64)
MODEL_INTEGER_AT(size, size_t, 64)
MODEL_BASIC_AT(ptr, void *, 64)

static inline void chan__fence_light_at(int site, chan__u32 *partner, MODEL_HERE)
{
	(void)partner;
	if (!model_dropped_at(site))
		model_fence_light({where, line});
}

static inline void chan__fence_heavy_at(int site, chan__u32 *partner, MODEL_HERE)
{
	(void)partner;
	if (!model_dropped_at(site))
		model_fence_heavy({where, line});
}

#endif
