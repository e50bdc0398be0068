// SPDX-License-Identifier: GPL-2.0-only
/*
 * Partitioned GPUs (MIG): which instance a client subscribed to, and what it is told of the others
 * (gisubscription, cisubscription, kmigmgrGetInstanceRefFromDevice).
 */
#include "world.h"

#define COMPUTE_INSTANCES	 2 /* of every GPU instance */
#define DEVICE_PROFILING_SWIZZID 0xfffffffeu

/* The device above an object. */
static struct object *device_of(struct rmsim_world *world, const struct client *client,
				const struct object *object)
{
	struct object *above = object_find(world, client, object->handle);

	while (above && above->cls != NV01_DEVICE_0)
		above = object_find(world, client, above->parent);
	return above;
}

/*
 * What allocating one of MIG's classes does to the client. Parameters of subscriptions: capability
 * descriptor u64, which is not looked at here, number of the instance u32.
 */
uint32_t mig_allocate(struct rmsim_world *world, const struct rmsim_caller *caller,
		      struct client *client, const struct object *object, uint64_t params)
{
	uint32_t cls = object->cls;
	struct object *device;
	uint32_t number;

	if (cls == SMC_MONITOR_SESSION) {
		if (!caller->ops->is_admin(caller->ctx))
			return NV_ERR_INSUFFICIENT_PERMISSIONS;
		client->monitor = true;
	}
	if (cls != SMC_PARTITION_REF && cls != SMC_EXEC_PARTITION_REF)
		return NV_OK;
	if (world->config.instances == 0)
		return NV_ERR_NOT_SUPPORTED;
	if (!caller->ops->copyin(caller->ctx, &number, params + 8, sizeof(number)))
		return NV_ERR_INVALID_ADDRESS;
	device = device_of(world, client, object);
	if (!device)
		return NV_ERR_INVALID_OBJECT_PARENT;
	if (cls == SMC_PARTITION_REF) {
		if (number == DEVICE_PROFILING_SWIZZID)
			return NV_ERR_INSUFFICIENT_PERMISSIONS;
		if (number < 1 || number > world->config.instances)
			return NV_ERR_INVALID_ARGUMENT;
		device->instance.gpu = number;
	} else {
		if (number >= COMPUTE_INSTANCES)
			return NV_ERR_INVALID_ARGUMENT;
		device->instance.compute = number;
	}
	return NV_OK;
}

/*
 * What a call is about: one instance, or with PARTITION_NONE the whole GPU. False where the GPU is
 * partitioned and the client has subscribed to nothing.
 */
bool mig_scope(const struct call *call, struct instance *scope)
{
	const struct object *device;

	*scope = (struct instance){PARTITION_NONE, PARTITION_NONE};
	if (call->world->config.instances == 0 || call->client->monitor)
		return true;
	device = device_of(call->world, call->client, call->object);
	if (!device || device->instance.gpu == PARTITION_NONE)
		return false;
	*scope = device->instance;
	return true;
}

/* Whoever has a whole GPU instance is told of its compute instances too. */
bool mig_in_scope(const struct rmsim_world *world, const struct object *device,
		  const struct instance *scope)
{
	if (world->config.instances == 0 || scope->gpu == PARTITION_NONE)
		return true;
	return device->instance.gpu == scope->gpu &&
	       (scope->compute == PARTITION_NONE || device->instance.compute == scope->compute);
}
