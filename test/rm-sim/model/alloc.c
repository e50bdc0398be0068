// SPDX-License-Identifier: GPL-2.0-only
/* RM_ALLOC and RM_FREE (escape.c, NVOS21, NVOS64 and NVOS00). */
#include "world.h"

/* Where a release puts the status: the size tells NVOS21 (32 bytes) from the two NVOS64 (40, and 48
 * from 535 on). */
static size_t status_offset(const struct layout *layout, uint32_t size)
{
	switch (size) {
	case 32:
		return layout->alloc21_status;
	case 40:
		return layout->alloc64_status;
	case 48:
		return 40;
	}
	return 0;
}

static uint32_t alloc_object(struct rmsim_world *world, struct rmsim_file *file,
			     const struct rmsim_caller *caller, const uint8_t *argument,
			     uint32_t *handle, uint32_t cls)
{
	struct client *client = client_find(world, get_u32(argument, 0));
	uint64_t params = get_u64(argument, 16);
	uint32_t device_id = 0;
	struct object *object;
	uint32_t status;

	if (!client)
		return NV_ERR_INVALID_OBJECT_HANDLE;
	if (client->file != file)
		return NV_ERR_INVALID_CLIENT;
	if (cls == NV01_DEVICE_0 && params &&
	    !caller->ops->copyin(caller->ctx, &device_id, params, sizeof(device_id)))
		return NV_ERR_INVALID_ADDRESS;
	status = object_alloc(world, client, get_u32(argument, 4), handle, cls, device_id,
			      caller->now);
	if (status != NV_OK)
		return status;
	object = object_find(world, client, *handle);
	status = mig_allocate(world, caller, client, object, params);
	if (status != NV_OK)
		object_free(world, client, object, caller->now);
	return status;
}

int escape_alloc(struct rmsim_world *world, struct rmsim_file *file,
		 const struct rmsim_caller *caller, uint8_t *argument, uint32_t size,
		 struct rmsim_trace *trace)
{
	size_t status_at = status_offset(&world->layout, size);
	uint32_t handle;
	uint32_t cls;

	if (!status_at)
		return -EINVAL;
	handle = get_u32(argument, 8);
	cls = get_u32(argument, 12);
	trace->cmd = cls;
	trace->size = size;
	switch (cls) {
	case NV01_ROOT:
	case NV01_ROOT_NON_PRIV:
	case NV01_ROOT_CLIENT:
		/* "Force userspace client allocations to be the _CLIENT class" */
		put_u32(argument, 12, NV01_ROOT_CLIENT);
		trace->status = client_alloc(world, file, caller, &handle);
		/* NV0000_ALLOC_PARAMETERS.hClient, where 418 looks for it */
		if (trace->status == NV_OK && get_u64(argument, 16))
			caller->ops->copyout(caller->ctx, get_u64(argument, 16), &handle,
					     sizeof(handle));
		break;
	default:
		trace->status = alloc_object(world, file, caller, argument, &handle, cls);
		break;
	}
	if (trace->status == NV_OK)
		put_u32(argument, 8, handle);
	put_u32(argument, status_at, trace->status);
	return 0;
}

void escape_free(struct rmsim_world *world, struct rmsim_file *file,
		 const struct rmsim_caller *caller, uint8_t *argument, struct rmsim_trace *trace)
{
	struct client *client = client_find(world, get_u32(argument, 0));
	uint32_t handle = get_u32(argument, 8);
	struct object *object;

	trace->cmd = handle;
	trace->status = NV_OK;
	if (!client) {
		trace->status = NV_ERR_INVALID_OBJECT_HANDLE;
	} else if (client->file != file) {
		trace->status = NV_ERR_INVALID_CLIENT;
	} else if (handle == client->handle) {
		client_free(world, client, caller->now);
	} else {
		object = object_find(world, client, handle);
		if (object)
			object_free(world, client, object, caller->now);
	}
	put_u32(argument, 12, trace->status);
}
