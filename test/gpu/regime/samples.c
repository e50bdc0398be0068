// SPDX-License-Identifier: GPL-2.0-only
/*
 * Utilization samples in the layout and with the numbers of an older release. In the initial PID
 * namespace a driver from 570.148 on does not translate them at all: those are the ring's contents.
 */
#include "regime.h"

#define HEADER 16
#define RING   (72u * 776u)

/* Offsets in one engine's part of a sample. */
#define ENGINE_PROC_ID	8
#define ENGINE_PID_INFO 120

static bool has_pointer(const struct layout *layout)
{
	return layout->engine_size == 128;
}

/* 570.86 and later: what the caller can see gets its number, and no kernel address. */
static void translate(const struct regime *regime, const struct control *control, uint8_t *engine)
{
	uint32_t host = get_u32(engine, ENGINE_PROC_ID);
	const struct record *record = host == PID_NONE ? NULL : record_of_process(regime, host);
	uint32_t number = record ? record_number(record, control->ns) : 0;

	if (number) {
		put_u32(engine, ENGINE_PROC_ID, number);
		put_u64(engine, ENGINE_PID_INFO, 0);
	}
}

/* One sample from the newest layout to an older one, which knows fewer engines and no address. */
static void convert(const struct regime *regime, const struct control *control, const uint8_t *from,
		    uint8_t *to)
{
	const struct layout *layout = &regime->layout;
	uint32_t i;

	memcpy(to, from, 8);
	for (i = 0; i < layout->engines; i++) {
		uint8_t *engine = to + 8 + (size_t)i * layout->engine_size;

		memcpy(engine, from + 8 + (size_t)i * 128, layout->engine_size);
		if (has_pointer(layout))
			translate(regime, control, engine);
	}
}

uint32_t answer_samples(const struct regime *regime, const struct control *control, uint8_t *params)
{
	static uint8_t newest[HEADER + RING];
	const struct layout *layout = &regime->layout;
	uint32_t ring = layout->sample_count * layout->sample_stride;
	uint32_t status;
	uint32_t i;

	if (control->size != HEADER + ring)
		return NV_ERR_INVALID_ARGUMENT;
	if (get_u32(params, 4) != ring)
		return NV_ERR_INVALID_ARGUMENT;
	memset(newest, 0, sizeof(newest));
	newest[0] = params[0];
	put_u32(newest, 4, RING);
	status = driver_control(control, control->cmd, newest, sizeof(newest));
	if (status == NV_ERR_INVALID_ARGUMENT) /* a driver of that layout itself */
		return driver_control(control, control->cmd, params, control->size);
	if (status != NV_OK)
		return status;
	put_u32(params, 12, get_u32(newest, 12) / 776 * layout->sample_stride);
	for (i = 0; i < layout->sample_count && i < RING / 776; i++)
		convert(regime, control, newest + HEADER + (size_t)i * 776,
			params + HEADER + (size_t)i * layout->sample_stride);
	return NV_OK;
}
