// SPDX-License-Identifier: GPL-2.0-only
/* Encoder and frame-buffer-capture sessions, the HWPM reservation and the RC error report: global
 * numbers everywhere. */
#include "world.h"

#define NVENC_STRIDE 32
#define NVFBC_STRIDE 52

static void fill_nvenc(uint8_t *entry, uint32_t proc_id, uint32_t session)
{
	put_u32(entry, 0, proc_id);
	put_u32(entry, 4, 0);
	put_u32(entry, 8, session);
	put_u32(entry, 12, 0); /* H.264 */
	put_u32(entry, 16, 1920);
	put_u32(entry, 20, 1080);
	put_u32(entry, 24, 60);
	put_u32(entry, 28, 5000);
}

static void fill_nvfbc(uint8_t *entry, uint32_t proc_id, uint32_t session)
{
	put_u32(entry, 0, proc_id);
	put_u32(entry, 12, session);
	put_u32(entry, 16, 1); /* to system memory */
	put_u32(entry, 28, 3840);
	put_u32(entry, 32, 2160);
	put_u32(entry, 36, 1920);
	put_u32(entry, 40, 1080);
	put_u32(entry, 44, 30);
	put_u32(entry, 48, 2000);
}

/* All sessions on the GPU, written to the table when there is one. */
static uint32_t sessions(struct call *call, uint8_t *table, uint32_t max, bool encoder)
{
	struct client *client;
	uint32_t count = 0;
	uint32_t i;

	for_each_client(call->world, client)
	{
		const struct object *object;

		for_each_object(call->world, client, object)
		{
			if (object->cls != NV01_DEVICE_0 || object->gpu != call->gpu->index)
				continue;
			for (i = 0; i < (encoder ? object->usage.encoder_sessions
						 : object->usage.fbc_sessions) &&
				    count < max;
			     i++, count++) {
				if (table && encoder)
					fill_nvenc(table + (size_t)count * NVENC_STRIDE,
						   client->proc_id, count + 1);
				else if (table)
					fill_nvfbc(table + (size_t)count * NVFBC_STRIDE,
						   client->proc_id, count + 1);
			}
		}
	}
	return count;
}

/* Table by pointer at 8. Without one, or with nothing to tell, only the count is given. */
uint32_t control_nvenc_sessions(struct call *call)
{
	uint64_t table = get_u64(call->params, 8);
	uint32_t count = sessions(call, NULL, UINT32_MAX, true);

	if (table && count) {
		if (get_u32(call->params, 0) != NVENC_SESSIONS_MAX)
			return NV_ERR_INVALID_ARGUMENT;
		memset(call->world->embedded, 0, (size_t)NVENC_SESSIONS_MAX * NVENC_STRIDE);
		count = sessions(call, call->world->embedded, NVENC_SESSIONS_MAX, true);
		if (!call->caller->ops->copyout(call->caller->ctx, table, call->world->embedded,
						(size_t)NVENC_SESSIONS_MAX * NVENC_STRIDE))
			return NV_ERR_INVALID_ADDRESS;
	}
	put_u32(call->params, 0, count);
	return NV_OK;
}

uint32_t control_nvenc_sessions_v2(struct call *call)
{
	uint32_t entries = get_u32(call->params, 0);
	uint32_t count = sessions(call, NULL, UINT32_MAX, true);

	if (entries && count) {
		if (entries != NVENC_SESSIONS_MAX)
			return NV_ERR_INVALID_ARGUMENT;
		memset(call->params + 4, 0, (size_t)NVENC_SESSIONS_MAX * NVENC_STRIDE);
		count = sessions(call, call->params + 4, NVENC_SESSIONS_MAX, true);
	}
	put_u32(call->params, 0, count);
	return NV_OK;
}

uint32_t control_nvfbc_sessions(struct call *call)
{
	memset(call->params, 0, call->size);
	put_u32(call->params, 0, sessions(call, call->params + 4, NVFBC_SESSIONS_MAX, false));
	return NV_OK;
}

uint32_t control_hwpm_reserve(struct call *call)
{
	struct gpu *gpu = call->gpu;

	if (gpu->reservations && gpu->reserver != call->client->proc_id)
		return NV_ERR_STATE_IN_USE;
	gpu->reserver = call->client->proc_id;
	gpu->reservations++;
	call->object->reservations++;
	return NV_OK;
}

uint32_t control_hwpm_release(struct call *call)
{
	if (!call->object->reservations)
		return NV_ERR_STATE_IN_USE;
	call->object->reservations--;
	call->gpu->reservations--;
	return NV_OK;
}

uint32_t control_hwpm_reservation(struct call *call)
{
	put_u32(call->params, 0, call->gpu->reservations);
	if (call->gpu->reservations)
		put_u32(call->params, 4, call->gpu->reserver);
	call->params[8] = 0;
	return NV_OK;
}

/* No report is ever there; what matters is that the driver writes the caller's global number. */
uint32_t control_rcerr_report(struct call *call)
{
	uint8_t *params = call->params;
	uint32_t request = get_u32(params, 0) & 0xffff;

	put_u32(params, 0, request | (~request << 16));
	if (!call->caller->ops->identify(call->caller->ctx, &call->world->identity))
		return NV_ERR_INVALID_ARGUMENT;
	put_u32(params, 32, call->world->identity.tgid);
	if (get_u32(params, 28) == 0 && !call->caller->ops->is_admin(call->caller->ctx))
		return NV_ERR_INSUFFICIENT_PERMISSIONS;
	put_u32(params, 12, 0);
	put_u32(params, 20, 0);
	return NV_OK;
}
