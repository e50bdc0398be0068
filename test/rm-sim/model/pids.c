// SPDX-License-Identifier: GPL-2.0-only
/* GET_PIDS and GET_PID_INFO (gpu_rmapi.c, subdevice_ctrl_gpu_kernel.c), with the driver's own
 * mistakes. */
#include "world.h"

#define ID_TYPE_CLASS	   0
#define ID_TYPE_VGPU_GUEST 1

static bool has_device(struct rmsim_world *world, const struct client *client, uint32_t gpu,
		       const struct instance *scope)
{
	const struct object *object;

	for_each_object(world, client, object)
	{
		if (object->cls == NV01_DEVICE_0 && object->gpu == gpu &&
		    mig_in_scope(world, object, scope))
			return true;
	}
	return false;
}

/*
 * NV20_SUBDEVICE_0 and MPS_COMPUTE name kinds of object, wherever in the client; any other class is
 * one of what runs on a channel of this very GPU.
 */
static bool has_class(struct rmsim_world *world, const struct client *client, uint32_t gpu,
		      uint32_t cls)
{
	const struct object *object;

	for_each_object(world, client, object)
	{
		if (object->cls != cls || cls == NV01_DEVICE_0)
			continue;
		if (cls == NV20_SUBDEVICE_0 || cls == MPS_COMPUTE || object->gpu == gpu)
			return true;
	}
	return false;
}

static bool listed(const uint8_t *table, uint32_t count, uint32_t pid)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (get_u32(table, 4 * (size_t)i) == pid)
			return true;
	}
	return false;
}

/* gpuGetProcWithObject(): looks for the global number among numbers that are already translated.
 * Slots behind the last one stay as the caller wrote them. */
uint32_t control_get_pids(struct call *call)
{
	struct rmsim_world *world = call->world;
	uint32_t id_type = get_u32(call->params, 0);
	uint32_t cls = get_u32(call->params, 4);
	uint8_t *table = call->params + 12;
	struct instance scope;
	struct client *client;
	uint32_t count = 0;

	if (id_type != ID_TYPE_CLASS && id_type != ID_TYPE_VGPU_GUEST)
		return NV_ERR_INVALID_ARGUMENT;
	if (!mig_scope(call, &scope))
		return NV_ERR_INSUFFICIENT_PERMISSIONS;
	for_each_client(world, client)
	{
		uint32_t pid;

		if (count == GET_PIDS_MAX || id_type == ID_TYPE_VGPU_GUEST)
			break;
		if (client->kernel_admin || listed(table, count, client->proc_id) ||
		    !has_device(world, client, call->gpu->index, &scope) ||
		    !has_class(world, client, call->gpu->index, cls))
			continue;
		if (client_convert_pid(world, client, call->ns, &pid))
			put_u32(table, 4 * (size_t)count++, pid);
	}
	put_u32(call->params, 8, count);
	return NV_OK;
}

static bool matches(const struct call *call, const struct client *client, uint32_t pid)
{
	uint32_t nr = client->proc_id;

	if (call->world->rules->pid_info_in_namespace &&
	    !client_convert_pid(call->world, client, call->ns, &nr))
		return false;
	return nr == pid;
}

/* A client's memory on the GPU, and the instance it is in. On a partitioned GPU only what is in an
 * instance counts. */
static void instance_memory(const struct call *call, const struct client *client,
			    const struct instance *scope, uint64_t memory[3],
			    struct instance *found)
{
	struct rmsim_world *world = call->world;
	const struct object *object;

	for_each_object(world, client, object)
	{
		if (object->cls != NV01_DEVICE_0 || object->gpu != call->gpu->index ||
		    !mig_in_scope(world, object, scope) ||
		    (world->config.instances && object->instance.gpu == PARTITION_NONE))
			continue;
		device_memory(object, memory);
		found->gpu = object->instance.gpu;
		if (object->instance.compute != PARTITION_NONE)
			found->compute = object->instance.compute;
	}
}

/* gpuFindClientInfoWithPidIterator() for one entry. An unknown process is no error: it just uses
 * nothing. */
static void pid_info(struct call *call, uint8_t *entry, uint32_t stride,
		     const struct instance *scope)
{
	uint64_t memory[3] = {0, 0, 0};
	uint32_t pid = get_u32(entry, 0);
	uint32_t data_size = stride == 72 ? 48 : 24;
	struct instance found = {PARTITION_NONE, PARTITION_NONE};
	struct client *client;

	if (stride > 40) {
		put_u32(entry, 16 + (size_t)data_size, PARTITION_NONE);
		put_u32(entry, 20 + (size_t)data_size, PARTITION_NONE);
	}
	if (get_u32(entry, 4) != 0) {
		put_u32(entry, 8, NV_ERR_INVALID_ARGUMENT);
		return;
	}
	memset(entry + 16, 0, data_size);
	if (pid == 0) {
		put_u32(entry, 8, NV_ERR_INVALID_ARGUMENT);
		return;
	}
	for_each_client(call->world, client)
	{
		if (!client->kernel_admin && matches(call, client, pid))
			instance_memory(call, client, scope, memory, &found);
	}
	if (stride > 40) {
		put_u32(entry, 16 + (size_t)data_size, found.compute);
		put_u32(entry, 20 + (size_t)data_size, found.gpu);
	}
	put_u64(entry, 16, memory[0]);
	put_u64(entry, 24, memory[1]);
	put_u64(entry, 32, memory[2]);
	put_u32(entry, 8, NV_OK);
}

uint32_t control_get_pid_info(struct call *call)
{
	uint32_t stride = (call->size - 8) / PID_INFO_MAX;
	uint32_t count = get_u32(call->params, 0);
	struct instance scope;
	uint32_t i;

	if (count == 0 || count > PID_INFO_MAX)
		return NV_ERR_INVALID_ARGUMENT;
	if (!mig_scope(call, &scope))
		return NV_ERR_INSUFFICIENT_PERMISSIONS;
	for (i = 0; i < count; i++)
		pid_info(call, call->params + 8 + (size_t)i * stride, stride, &scope);
	return NV_OK;
}
