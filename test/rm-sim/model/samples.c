// SPDX-License-Identifier: GPL-2.0-only
/*
 * Utilization samples: a ring that the firmware fills with global numbers, and its translation
 * (kern_perf_ctrl.c).
 *
 * A sample names one process an engine. Busy processes take turns, so each is given its share times
 * their number, and clients, which add up the samples of a second, show what every process declared
 * as long as the sum is at most 100 %.
 */
#include "world.h"

/* Real rings hold ten seconds; shorter periods make the turns of several processes come out even
 * within one second. */
#define PERIOD_NS 16000000ull
#define FULL_LOAD 10000u

/* Offsets in one engine's part of a sample. */
#define ENGINE_UTIL	   0
#define ENGINE_PROC_ID	   8
#define ENGINE_SUB_PROC_ID 12
#define ENGINE_PID_INFO	   120

/* The client whose turn it is to be sampled on an engine, NULL when it idles, and the engine's load
 * in 1/100 %. */
static const struct client *busy_client(const struct call *call, uint32_t engine, uint64_t turn,
					uint32_t *load)
{
	const struct client *found = NULL;
	struct client *client;
	uint64_t count = 0;
	int pass;

	for (pass = 0; pass < 2; pass++) {
		uint64_t index = 0;

		for_each_client(call->world, client)
		{
			const struct object *object;

			for_each_object(call->world, client, object)
			{
				if (object->cls != NV01_DEVICE_0 ||
				    object->gpu != call->gpu->index || !object->usage.util[engine])
					continue;
				if (pass == 1 && index == turn % count) {
					found = client;
					*load = object->usage.util[engine] * 100 * (uint32_t)count;
				}
				index++;
			}
		}
		count = index;
		if (count == 0)
			break;
	}
	return found;
}

static void translate(const struct call *call, uint8_t *engine, uint32_t pidref, bool has_pointer)
{
	const struct rmsim_world *world = call->world;
	uint32_t nr = pidref_vnr(world, pidref, call->ns);
	bool skip = !world->rules->samples_translated || world->layout.engine_size != 128 ||
		    (world->rules->samples_raw_in_init_ns && call->ns == world->config.init_ns);

	if (has_pointer)
		put_u64(engine, ENGINE_PID_INFO, pidref_address(pidref));
	if (skip || !nr)
		return;
	put_u32(engine, ENGINE_PROC_ID, nr);
	if (has_pointer)
		put_u64(engine, ENGINE_PID_INFO, 0);
}

static void fill_sample(const struct call *call, uint8_t *sample, uint64_t number, uint64_t time)
{
	const struct layout *layout = &call->world->layout;
	uint32_t engine;

	memset(sample, 0, layout->sample_stride);
	put_u64(sample, 0, time);
	for (engine = 0; engine < layout->engines; engine++) {
		uint8_t *out = sample + 8 + (size_t)engine * layout->engine_size;
		uint32_t load = 0;
		const struct client *client = busy_client(call, engine, number, &load);

		put_u32(out, ENGINE_UTIL, load < FULL_LOAD ? load : FULL_LOAD);
		put_u32(out, ENGINE_PROC_ID, client ? client->proc_id : PID_NONE);
		put_u32(out, ENGINE_SUB_PROC_ID, 0);
		if (client)
			translate(call, out, client->pidref, layout->engine_size == 128);
	}
}

/* The ring as it stands now: sample n was taken at n * period and lies in slot n modulo the size.
 */
static uint32_t fill_ring(const struct call *call, uint8_t *ring)
{
	const struct layout *layout = &call->world->layout;
	uint64_t newest = call->caller->now / PERIOD_NS;
	uint32_t i;

	for (i = 0; i < layout->sample_count; i++) {
		uint64_t number = newest - i;
		uint64_t slot = number % layout->sample_count;

		fill_sample(call, ring + slot * layout->sample_stride, number, number * PERIOD_NS);
	}
	return (uint32_t)((newest + 1) % layout->sample_count) * layout->sample_stride;
}

/* Parameters: type u8 at 0, size of the ring at 4, count at 8, offset of the oldest sample
 * ("tracker") at 12. */
static bool ring_size_fits(const struct call *call)
{
	const struct layout *layout = &call->world->layout;

	return get_u32(call->params, 4) == layout->sample_stride * layout->sample_count;
}

uint32_t control_samples_v2(struct call *call)
{
	const struct layout *layout = &call->world->layout;

	if (!layout->samples_v2 || call->world->config.instances)
		return NV_ERR_NOT_SUPPORTED;
	if (call->size != 16 + layout->sample_stride * layout->sample_count)
		return NV_ERR_INVALID_ARGUMENT;
	if (!ring_size_fits(call))
		return NV_ERR_INVALID_ARGUMENT;
	/* the count at 8 stays what the caller wrote there */
	put_u32(call->params, 12, fill_ring(call, call->params + 16));
	return NV_OK;
}

uint32_t control_samples_v1(struct call *call)
{
	const struct layout *layout = &call->world->layout;
	uint32_t size = layout->sample_stride * layout->sample_count;
	uint8_t *ring = call->world->embedded;

	if (release_at_least(layout, 555, 0, 0))
		return NV_ERR_NOT_SUPPORTED;
	if (!ring_size_fits(call))
		return NV_ERR_INVALID_ARGUMENT;
	put_u32(call->params, 12, fill_ring(call, ring));
	put_u32(call->params, 8, layout->sample_count);
	if (!call->caller->ops->copyout(call->caller->ctx, get_u64(call->params, 16), ring, size))
		return NV_ERR_INVALID_ADDRESS;
	return NV_OK;
}
