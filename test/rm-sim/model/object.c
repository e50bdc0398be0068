// SPDX-License-Identifier: GPL-2.0-only
/* Objects below a client: devices, subdevices, channels and what runs on them. */
#include "world.h"

struct object *object_next(struct rmsim_world *world, const struct client *client,
			   const struct object *object)
{
	uint32_t index = object ? object->next : client->objects;

	return index == NONE ? NULL : &world->objects[index];
}

struct object *object_find(struct rmsim_world *world, const struct client *client, uint32_t handle)
{
	struct object *object;

	for_each_object(world, client, object)
	{
		if (object->handle == handle)
			return object;
	}
	return NULL;
}

static bool is_channel(uint32_t cls)
{
	return (cls & 0xff) == 0x6f;
}

/* Compute, 3D, copy, encoder and decoder engines: what RM calls a ChannelDescendant. */
static bool is_engine(uint32_t cls)
{
	uint32_t kind = cls & 0xff;

	return cls > 0x9000 && cls != GF100_PROFILER &&
	       (kind == 0xc0 || kind == 0x97 || kind == 0xb5 || kind == 0xb7 || kind == 0xb0);
}

/* The parent class that resource_list.h asks for; parent is 0 for the client itself. */
static uint32_t check_class(uint32_t cls, const struct object *parent)
{
	uint32_t parent_cls = parent ? parent->cls : NV01_ROOT;
	bool fits;

	if (cls == NV01_DEVICE_0)
		fits = !parent;
	else if (cls == NV20_SUBDEVICE_0 || cls == KEPLER_CHANNEL_GROUP)
		fits = parent_cls == NV01_DEVICE_0;
	else if (cls == MPS_COMPUTE)
		fits = !parent || parent_cls == NV01_DEVICE_0;
	else if (cls == GF100_PROFILER || cls == NV2081_BINAPI || cls == SMC_PARTITION_REF)
		fits = parent_cls == NV20_SUBDEVICE_0;
	else if (cls == SMC_EXEC_PARTITION_REF)
		fits = parent_cls == SMC_PARTITION_REF;
	else if (cls == SMC_CONFIG_SESSION || cls == SMC_MONITOR_SESSION)
		fits = !parent;
	else if (cls == NV04_DISPLAY_COMMON || cls == RM_USER_SHARED_DATA)
		/* no display, and no memory that can be mapped */
		return NV_ERR_NOT_SUPPORTED;
	else if (is_channel(cls))
		fits = parent_cls == NV01_DEVICE_0 || parent_cls == KEPLER_CHANNEL_GROUP;
	else if (is_engine(cls))
		fits = is_channel(parent_cls);
	else
		return NV_ERR_INVALID_CLASS;
	return fits ? NV_OK : NV_ERR_INVALID_OBJECT_PARENT;
}

static uint32_t insert(struct rmsim_world *world, struct client *client, uint32_t cls, uint32_t gpu,
		       uint32_t parent, uint32_t handle)
{
	struct object *object;
	uint32_t *link = &client->objects;
	uint32_t index = 1;

	while (index < MAX_OBJECTS && world->objects[index].used)
		index++;
	if (index == MAX_OBJECTS)
		return NONE;
	object = &world->objects[index];
	memset(object, 0, sizeof(*object));
	object->used = true;
	object->handle = handle;
	object->parent = parent;
	object->cls = cls;
	object->gpu = gpu;
	object->instance = (struct instance){PARTITION_NONE, PARTITION_NONE};
	while (*link != NONE)
		link = &world->objects[*link].next;
	*link = index;
	return index;
}

uint32_t object_alloc(struct rmsim_world *world, struct client *client, uint32_t parent,
		      uint32_t *handle, uint32_t cls, uint32_t device_id, uint64_t now)
{
	struct object *above = NULL;
	uint32_t gpu = device_id;
	uint32_t status;
	uint32_t index;

	if (parent != client->handle) {
		above = object_find(world, client, parent);
		if (!above)
			return NV_ERR_OBJECT_NOT_FOUND;
		gpu = above->gpu;
	}
	status = check_class(cls, above);
	if (status != NV_OK)
		return status;
	if (gpu >= world->config.gpus)
		return NV_ERR_INVALID_ARGUMENT;
	if (*handle && (*handle == client->handle || object_find(world, client, *handle)))
		return NV_ERR_INSERT_DUPLICATE_NAME;
	while (!*handle || object_find(world, client, *handle))
		*handle = world->next_handle++;
	index = insert(world, client, cls, gpu, parent, *handle);
	if (index == NONE)
		return NV_ERR_INSUFFICIENT_RESOURCES;
	if (cls == NV01_DEVICE_0)
		account_start(world, client, &world->objects[index], now);
	else if (is_channel(cls))
		account_on_gpu(world, client, gpu);
	return NV_OK;
}

static void unlink_object(struct rmsim_world *world, struct client *client,
			  const struct object *object)
{
	uint32_t index = (uint32_t)(object - world->objects);
	uint32_t *link = &client->objects;

	while (*link != index)
		link = &world->objects[*link].next;
	*link = object->next;
}

/* Frees an object and everything below it. */
void object_free(struct rmsim_world *world, struct client *client, struct object *object,
		 uint64_t now)
{
	struct object *other = object_next(world, client, NULL);

	while (other) {
		if (other != object && other->parent == object->handle) {
			object_free(world, client, other, now);
			other = object_next(world, client, NULL);
		} else {
			other = object_next(world, client, other);
		}
	}
	if (object->accounted)
		account_stop(world, client, object, now, true);
	world->gpus[object->gpu].reservations -= object->reservations;
	unlink_object(world, client, object);
	object->used = false;
}

void client_memory(struct rmsim_world *world, const struct client *client, uint32_t gpu,
		   uint64_t memory[3])
{
	const struct object *object;

	for_each_object(world, client, object)
	{
		if (object->cls == NV01_DEVICE_0 && object->gpu == gpu)
			device_memory(object, memory);
	}
}

void device_memory(const struct object *device, uint64_t memory[3])
{
	memory[0] += device->usage.memory_private;
	memory[1] += device->usage.memory_shared_owned;
	memory[2] += device->usage.memory_shared_duped;
}
