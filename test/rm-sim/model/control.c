// SPDX-License-Identifier: GPL-2.0-only
/* RM_CONTROL (NVOS54): the exported methods, their sizes and the object they belong to. */
#include "world.h"

#define SIZE_ANY      0xffffffff
#define SIZE_PID_INFO 0xfffffffe /* depends on the release */
#define SIZE_PROBED   0xfffffffd /* likewise */

static const struct method {
	uint32_t cmd;
	uint32_t size;
	uint32_t (*run)(struct call *call);
} methods[] = {
	{0x00000101, 40, control_build_version},
	{0x0000013e, SIZE_ANY, control_build_version_v2},
	{0x00000201, SIZE_ANY, control_attached_ids},
	{0x00000202, SIZE_ANY, control_id_info},
	{0x00000205, 32, control_id_info_v2},
	{0x00000214, SIZE_PROBED, control_probed_ids},
	{0x00000215, SIZE_ANY, control_untouched},
	{0x00000216, SIZE_ANY, control_untouched},
	{0x0000021b, 12, control_pci_info},
	{0x00000279, SIZE_ANY, control_untouched},
	{0x00000289, SIZE_ANY, control_untouched},
	{0x00000607, 2436, control_rcerr_report},
	{0x00000b01, 12, control_accounting_set_state},
	{0x00000b02, 12, control_accounting_state},
	{0x00000b03, 48, control_accounting_info},
	{0x00000b04, 16012, control_accounting_pids},
	{0x00000b05, 8, control_accounting_clear},
	{0x00000b06, 64, control_accounting_info_v2},
	{RMSIM_CMD_SET_USAGE, sizeof(struct rmsim_usage), control_set_usage},
	{0x00800201, 16, control_class_list},
	{0x00800202, 3812, control_get_pids},
	{0x00800203, 8008, control_get_pid_info},
	{0x00800288, 4, control_persistence},
	{0x00800289, SIZE_ANY, control_untouched},
	{0x00800292, SIZE_ANY, control_class_list_v2},
	{0x20800101, 16, control_gpu_info},
	{0x20800102, SIZE_ANY, control_gpu_info_v2},
	{0x20800110, SIZE_ANY, control_name},
	{0x2080012f, SIZE_ANY, control_zeroes},
	{0x20800131, 4, control_zeroes},
	{0x20800133, 8, control_zeroes},
	{0x2080014a, 268, control_gid},
	{0x2080014b, 5, control_zeroes},
	{0x20800157, 0, control_zeroes},
	{0x2080016e, 16, control_nvenc_sessions},
	{0x2080017c, 13316, control_nvfbc_sessions},
	{0x2080018d, 3812, control_get_pids},
	{0x2080018e, SIZE_PID_INFO, control_get_pid_info},
	{0x208001a9, 16388, control_nvenc_sessions_v2},
	{0x208001af, 16388, control_nvenc_sessions_v2},
	{0x20800406, 264, control_time_correlation},
	{0x20801301, 16, control_fb_info},
	{0x20801303, SIZE_ANY, control_fb_info_v2},
	{0x20801701, SIZE_ANY, control_arch},
	{0x20801801, SIZE_ANY, control_untouched},
	{0x20801802, 16, control_bus_info},
	{0x20802083, 24, control_samples_v1},
	{0x2080a083, 24, control_samples_v1},
	{0x20802096, SIZE_ANY, control_samples_v2},
	{0x2080852e, 528, control_zeroes},
	{0x20809009, 8, control_zeroes},
	{0x20809064, 520, control_zeroes},
	{0x2080a612, 11680, control_zeroes},
	{0x2080a618, 8620, control_zeroes},
	{0x20810110, 1, control_zeroes},
	{0x90cc0101, 1, control_hwpm_reserve},
	{0x90cc0102, 0, control_hwpm_release},
	{0x90cc0103, 12, control_hwpm_reservation},
};

static bool exists(const struct layout *layout, uint32_t cmd)
{
	switch (cmd) {
	case 0x00800202:
	case 0x00800203:
		return !release_at_least(layout, 450, 0, 0);
	case 0x208001a9:
	case 0x208001af:
		return cmd == layout->nvenc_v2_cmd;
	case 0x00000b06:
		return release_at_least(layout, 610, 0, 0);
	}
	return true;
}

static const struct method *find_method(const struct layout *layout, uint32_t cmd)
{
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (methods[i].cmd == cmd)
			return exists(layout, cmd) ? &methods[i] : NULL;
	}
	return NULL;
}

static bool size_fits(const struct layout *layout, const struct method *method, uint32_t size)
{
	if (method->size == SIZE_PID_INFO)
		return size == 8 + PID_INFO_MAX * layout->pid_info_stride;
	if (method->size == SIZE_PROBED)
		return size == layout->probed_ids_size;
	return method->size == size || method->size == SIZE_ANY;
}

/* The upper half of a command is the class of the object it belongs to. */
static bool object_fits(const struct call *call, uint32_t cmd)
{
	return cmd >> 16 == (call->object ? call->object->cls : NV01_ROOT);
}

static uint32_t run(struct call *call, uint32_t cmd, uint32_t flags, uint64_t params)
{
	const struct rmsim_caller *caller = call->caller;
	const struct layout *layout = &call->world->layout;
	const struct method *method = find_method(layout, cmd);
	uint32_t status;

	if (!method || !object_fits(call, cmd))
		return NV_ERR_NOT_SUPPORTED;
	if (layout->finn && (flags & NVOS54_FLAGS_FINN_SERIALIZED))
		return NV_ERR_LIB_RM_VERSION_MISMATCH;
	if (!size_fits(layout, method, call->size) || call->size > sizeof(call->world->params) ||
	    (params == 0) != (call->size == 0))
		return NV_ERR_INVALID_ARGUMENT;
	if (!caller->ops->copyin(caller->ctx, call->params, params, call->size))
		return NV_ERR_INVALID_ADDRESS;
	status = method->run(call);
	if (status == NV_OK && !caller->ops->copyout(caller->ctx, params, call->params, call->size))
		status = NV_ERR_INVALID_ADDRESS;
	return status;
}

void escape_control(struct rmsim_world *world, const struct rmsim_caller *caller, uint8_t *argument,
		    struct rmsim_trace *trace)
{
	uint32_t handle = get_u32(argument, 4);
	struct call call = {
		.world = world,
		.caller = caller,
		.client = client_find(world, get_u32(argument, 0)),
		.params = world->params,
		.size = get_u32(argument, 24),
		.ns = caller->ops->namespace_of(caller->ctx),
	};

	trace->cmd = get_u32(argument, 8);
	trace->size = call.size;
	if (!call.client) {
		trace->status = NV_ERR_INVALID_CLIENT;
	} else { /* whichever file it was allocated on */
		if (handle != call.client->handle)
			call.object = object_find(world, call.client, handle);
		if (call.object)
			call.gpu = &world->gpus[call.object->gpu];
		if (!call.object && handle != call.client->handle)
			trace->status = NV_ERR_OBJECT_NOT_FOUND;
		else
			trace->status = run(&call, trace->cmd, get_u32(argument, 12),
					    get_u64(argument, 16));
	}
	put_u32(argument, 28, trace->status);
}

uint32_t control_untouched(struct call *call)
{
	(void)call;
	return NV_OK;
}

/* Simulation only: declares what the client does with a GPU. */
uint32_t control_set_usage(struct call *call)
{
	struct client *client = call->client;
	struct rmsim_usage usage;
	struct object *device;

	memcpy(&usage, call->params, sizeof(usage));
	device = object_find(call->world, client, usage.device);
	if (!device || device->cls != NV01_DEVICE_0)
		return NV_ERR_OBJECT_NOT_FOUND;
	device->usage = usage;
	if (usage.flags & (RMSIM_USAGE_KERNEL | RMSIM_USAGE_KERNEL_ADMIN)) {
		pidref_put(call->world, client->pidref);
		client->pidref = NONE;
		client->kernel = true;
		client->kernel_admin = (usage.flags & RMSIM_USAGE_KERNEL_ADMIN) != 0;
	}
	if (device->accounted && (client->kernel || (usage.flags & RMSIM_USAGE_NO_ACCOUNTING)))
		account_stop(call->world, client, device, call->caller->now, false);
	if (device->accounted)
		account_usage(call, device);
	return NV_OK;
}
