// SPDX-License-Identifier: GPL-2.0-only
/* The driver's ioctl entry (nv.c, nvidia_ioctl): XFER unwrapping, argument copies, the escapes of
 * the kernel layer. */
#include "world.h"

size_t rmsim_world_size(void)
{
	return sizeof(struct rmsim_world);
}

bool rmsim_set_layouts(struct rmsim_world *world, const char *release)
{
	uint32_t version[3];

	if (!parse_version(release, version))
		return false;
	layout_of(&world->layout, version);
	return true;
}

bool rmsim_init(struct rmsim_world *world, const struct rmsim_config *config)
{
	uint32_t i;

	if (!rmsim_set_layouts(world, config->layouts) ||
	    strlen(config->driver) >= sizeof(world->driver) || config->gpus < 1 ||
	    config->gpus > RMSIM_MAX_GPUS || config->instances > RMSIM_MAX_INSTANCES)
		return false;
	world->config = *config;
	memcpy(world->driver, config->driver, strlen(config->driver));
	world->rules = rules_of(config->regime);
	world->next_handle = 0xc1d00001;
	for (i = 0; i < config->gpus; i++) {
		world->gpus[i].present = true;
		world->gpus[i].index = i;
		world->gpus[i].bus = i + 1;
		world->gpus[i].gpu_id = (i + 1) << 8;
		/* neither samples nor accounting on partitioned GPUs */
		world->gpus[i].accounting = config->accounting && !config->instances;
	}
	return true;
}

struct gpu *gpu_by_id(struct rmsim_world *world, uint32_t gpu_id)
{
	uint32_t i;

	for (i = 0; i < world->config.gpus; i++) {
		if (world->gpus[i].gpu_id == gpu_id)
			return &world->gpus[i];
	}
	return NULL;
}

struct rmsim_file *rmsim_open(struct rmsim_world *world, enum rmsim_device device, uint32_t minor)
{
	uint32_t i;

	if (device == RMSIM_DEVICE_GPU && minor >= world->config.gpus)
		return NULL;
	for (i = 1; i < MAX_FILES; i++) {
		if (!world->files[i].used) {
			world->files[i].used = true;
			world->files[i].device = device;
			world->files[i].minor = minor;
			return &world->files[i];
		}
	}
	return NULL;
}

void rmsim_close(struct rmsim_world *world, struct rmsim_file *file, uint64_t now)
{
	struct client *client = client_next(world, NULL);

	while (client) {
		struct client *next = client_next(world, client);

		if (client->file == file)
			client_free(world, client, now);
		client = next;
	}
	file->used = false;
}

/* nvidia_read_card_info(): 72 bytes an entry since 460, 80 before. */
static int card_info(struct rmsim_world *world, uint8_t *argument, uint32_t size)
{
	bool old = size == 32 * 80;
	uint32_t stride = old ? 80 : 72;
	uint32_t base = old ? 16 : 0;
	uint32_t i;

	if (size < stride * world->config.gpus)
		return -EINVAL;
	memset(argument, 0, size);
	for (i = 0; i < world->config.gpus; i++) {
		uint8_t *entry = argument + (size_t)i * stride;
		uint8_t *info = entry + (old ? 4 : 0);

		entry[base] = 1;
		entry[8] = (uint8_t)world->gpus[i].bus;
		put_u32(entry, 12, 0x1eb810de); /* vendor, device */
		put_u32(info, 16, world->gpus[i].gpu_id);
		put_u32(info, 20, 16);
		put_u64(entry, old ? 32 : 24, 0xc0000000u + (uint64_t)i * 0x1000000);
		put_u64(entry, old ? 40 : 32, 0x1000000);
		put_u64(entry, old ? 48 : 40, 0x800000000000u);
		put_u64(entry, old ? 56 : 48, 0x2000000000u);
		put_u32(entry, old ? 64 : 56, i);
	}
	return 0;
}

/*
 * rm_perform_version_check(). Unlike the driver it lets a client of another release in, so that
 * every client can be run under every release.
 */
static int check_version(struct rmsim_world *world, uint8_t *argument, uint32_t size)
{
	if (size != 72)
		return -EINVAL;
	put_u32(argument, 4, 1);
	memset(argument + 8, 0, 64);
	memcpy(argument + 8, world->driver, strlen(world->driver));
	return 0;
}

static int dispatch(struct rmsim_world *world, struct rmsim_file *file,
		    const struct rmsim_caller *caller, uint32_t size, struct rmsim_trace *trace)
{
	uint8_t *argument = world->argument;

	switch (trace->escape) {
	case NV_ESC_REGISTER_FD:
	case NV_ESC_WAIT_OPEN_COMPLETE:
		return 0;
	case NV_ESC_NUMA_INFO:
		memset(argument, 0, size);
		return 0;
	}
	if (file->device != RMSIM_DEVICE_CONTROL)
		return -EINVAL;
	switch (trace->escape) {
	case NV_ESC_CARD_INFO:
		return card_info(world, argument, size);
	case NV_ESC_CHECK_VERSION_STR:
		return check_version(world, argument, size);
	case NV_ESC_SYS_PARAMS:
	case NV_ESC_ENV_INFO:
		return 0;
	case NV_ESC_RM_ALLOC:
		return escape_alloc(world, file, caller, argument, size, trace);
	case NV_ESC_RM_FREE:
		if (size != 16)
			return -EINVAL;
		escape_free(world, file, caller, argument, trace);
		return 0;
	case NV_ESC_RM_CONTROL:
		if (size != 32)
			return -EINVAL;
		escape_control(world, caller, argument, trace);
		return 0;
	}
	return -EINVAL;
}

int rmsim_ioctl(struct rmsim_world *world, struct rmsim_file *file,
		const struct rmsim_caller *caller, uint32_t request, uint64_t argument,
		struct rmsim_trace *trace)
{
	uint32_t size = (request >> 16) & 0x3fff;
	uint8_t xfer[16];
	int error;

	memset(trace, 0, sizeof(*trace));
	trace->escape = request & 0xff;
	if (file->device == RMSIM_DEVICE_UVM) {
		trace->escape = request;
		return uvm_ioctl(caller, request, argument);
	}
	if (trace->escape == NV_ESC_IOCTL_XFER_CMD) {
		if (size != sizeof(xfer))
			return -EINVAL;
		if (!caller->ops->copyin(caller->ctx, xfer, argument, sizeof(xfer)))
			return -EFAULT;
		trace->escape = get_u32(xfer, 0);
		size = get_u32(xfer, 4);
		argument = get_u64(xfer, 8);
		if (size > NV_MAX_IOCTL_SIZE)
			return -EINVAL;
	}
	if (!caller->ops->copyin(caller->ctx, world->argument, argument, size))
		return -EFAULT;
	error = dispatch(world, file, caller, size, trace);
	if (error != -EFAULT && !caller->ops->copyout(caller->ctx, argument, world->argument, size))
		error = -EFAULT;
	return error;
}
