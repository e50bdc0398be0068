// SPDX-License-Identifier: GPL-2.0-only
/* What nvidia-smi and NVML want to know of a GPU before they ask for its processes. */
#include "world.h"

#define FB_KIB	    83886080u /* 80 GiB */
#define FB_FREE_KIB 70000000u

/* Indices of NV2080_CTRL_FB_INFO, in KiB. */
#define FB_INFO_TOTAL_RAM_SIZE 7
#define FB_INFO_RAM_SIZE       8
#define FB_INFO_HEAP_SIZE      9
#define FB_INFO_HEAP_FREE      0x16

#define GID_FLAGS_BINARY 0x2

static const uint32_t classes[] = {NV01_DEVICE_0,	 NV20_SUBDEVICE_0,	GF100_PROFILER,
				   KEPLER_CHANNEL_GROUP, TURING_CHANNEL_GPFIFO, TURING_A,
				   TURING_COMPUTE_A};

/* Length of the strings 0, pointers to driver version 8, version 16 and title 24 */
uint32_t control_build_version(struct call *call)
{
	const struct rmsim_caller *caller = call->caller;
	uint32_t room = get_u32(call->params, 0);
	uint64_t driver = get_u64(call->params, 8);
	uint64_t version = get_u64(call->params, 16);

	if (room == 0 || room > sizeof(call->world->driver))
		room = sizeof(call->world->driver);
	if ((driver && !caller->ops->copyout(caller->ctx, driver, call->world->driver, room)) ||
	    (version && !caller->ops->copyout(caller->ctx, version, call->world->driver, room)))
		return NV_ERR_INVALID_ADDRESS;
	return NV_OK;
}

/* The same without pointers: strings of 256 bytes. */
uint32_t control_build_version_v2(struct call *call)
{
	memset(call->params, 0, call->size);
	if (call->size < 512)
		return NV_ERR_INVALID_PARAM_STRUCT;
	memcpy(call->params, call->world->driver, sizeof(call->world->driver));
	memcpy(call->params + 256, call->world->driver, sizeof(call->world->driver));
	return NV_OK;
}

static uint32_t id_list(struct call *call)
{
	uint32_t i;

	for (i = 0; i < 32 && 4 * i < call->size; i++)
		put_u32(call->params, 4 * (size_t)i,
			i < call->world->config.gpus ? call->world->gpus[i].gpu_id : PID_NONE);
	return NV_OK;
}

/* Probed and excluded GPUs, 32 each, and from 580 on flags of the probed ones. */
uint32_t control_probed_ids(struct call *call)
{
	memset(call->params, 0xff, 256);
	memset(call->params + 256, 0, call->size - 256);
	return id_list(call);
}

uint32_t control_attached_ids(struct call *call)
{
	return id_list(call);
}

/* gpuId 0, gpuFlags 4, deviceInstance 8, subDeviceInstance 12, ..., gpuInstance 32 */
uint32_t control_id_info(struct call *call)
{
	const struct gpu *gpu =
		call->size >= 16 ? gpu_by_id(call->world, get_u32(call->params, 0)) : NULL;

	if (!gpu)
		return NV_ERR_INVALID_ARGUMENT;
	put_u32(call->params, 8, gpu->index);
	put_u32(call->params, 12, 0);
	return NV_OK;
}

/* gpuId 0, domain 4, bus u16 at 8, slot u16 at 10 */
uint32_t control_pci_info(struct call *call)
{
	const struct gpu *gpu = gpu_by_id(call->world, get_u32(call->params, 0));

	if (!gpu)
		return NV_ERR_INVALID_ARGUMENT;
	put_u32(call->params, 4, 0);
	put_u32(call->params, 8, gpu->bus);
	return NV_OK;
}

/* Count, then pointer at 8; a NULL pointer asks for the count. */
uint32_t control_class_list(struct call *call)
{
	uint64_t list = get_u64(call->params, 8);
	uint32_t count = sizeof(classes) / sizeof(classes[0]);

	if (list && get_u32(call->params, 0) < count)
		return NV_ERR_INVALID_ARGUMENT;
	if (list && !call->caller->ops->copyout(call->caller->ctx, list, classes, sizeof(classes)))
		return NV_ERR_INVALID_ADDRESS;
	put_u32(call->params, 0, count);
	return NV_OK;
}

uint32_t control_class_list_v2(struct call *call)
{
	if (call->size < 4 + sizeof(classes))
		return NV_ERR_INVALID_PARAM_STRUCT;
	put_u32(call->params, 0, sizeof(classes) / sizeof(classes[0]));
	memcpy(call->params + 4, classes, sizeof(classes));
	return NV_OK;
}

/* A list of (index, value), by pointer; fill gets the index. */
static uint32_t info_list(struct call *call, uint32_t (*fill)(uint32_t index))
{
	const struct rmsim_caller *caller = call->caller;
	uint32_t count = get_u32(call->params, 0);
	uint64_t list = get_u64(call->params, 8);
	uint8_t *copy = call->world->embedded;
	uint32_t i;

	if (count > 512)
		return NV_ERR_INVALID_ARGUMENT;
	if (!caller->ops->copyin(caller->ctx, copy, list, (size_t)count * 8))
		return NV_ERR_INVALID_ADDRESS;
	for (i = 0; i < count; i++)
		put_u32(copy, 8 * (size_t)i + 4, fill(get_u32(copy, 8 * (size_t)i)));
	return caller->ops->copyout(caller->ctx, list, copy, (size_t)count * 8)
		       ? NV_OK
		       : NV_ERR_INVALID_ADDRESS;
}

static uint32_t gpu_info_value(uint32_t index)
{
	return index == 0x11 ? 1 : 0;
}

static uint32_t fb_info_value(uint32_t index)
{
	switch (index) {
	case FB_INFO_TOTAL_RAM_SIZE:
	case FB_INFO_RAM_SIZE:
	case FB_INFO_HEAP_SIZE:
		return FB_KIB;
	case FB_INFO_HEAP_FREE:
		return FB_FREE_KIB;
	}
	return 0;
}

uint32_t control_gpu_info(struct call *call)
{
	return info_list(call, gpu_info_value);
}

uint32_t control_fb_info(struct call *call)
{
	return info_list(call, fb_info_value);
}

static uint32_t bus_info_value(uint32_t index)
{
	(void)index;
	return 0;
}

uint32_t control_bus_info(struct call *call)
{
	return info_list(call, bus_info_value);
}

/* The same list within the parameters, after its count. */
static uint32_t info_list_v2(struct call *call, uint32_t (*fill)(uint32_t index))
{
	uint32_t count;
	uint32_t i;

	if (call->size < 4)
		return NV_ERR_INVALID_ARGUMENT;
	count = get_u32(call->params, 0);
	if (count > (call->size - 4) / 8)
		return NV_ERR_INVALID_ARGUMENT;
	for (i = 0; i < count; i++)
		put_u32(call->params, 8 + 8 * (size_t)i,
			fill(get_u32(call->params, 4 + 8 * (size_t)i)));
	return NV_OK;
}

uint32_t control_gpu_info_v2(struct call *call)
{
	return info_list_v2(call, gpu_info_value);
}

uint32_t control_fb_info_v2(struct call *call)
{
	return info_list_v2(call, fb_info_value);
}

/* gpuNameStringFlags 0 (0 is ASCII), the string at 4 */
uint32_t control_name(struct call *call)
{
	static const char name[] = "Simulated H100";

	if (call->size < 4 + 64)
		return NV_ERR_INVALID_PARAM_STRUCT;
	memset(call->params + 4, 0, 64);
	memcpy(call->params + 4, name, sizeof(name));
	return NV_OK;
}

static char hex_digit(uint32_t value)
{
	return (char)(value < 10 ? '0' + value : 'a' + value - 10);
}

/* index 0, flags 4, length 8, data 12: the UUID, binary or "GPU-..." */
uint32_t control_gid(struct call *call)
{
	uint8_t gid[16] = {0x51, 0x4d, 0x0d, 0x10, 0, 0, 0x40, 0, 0x80, 0};
	uint8_t *data = call->params + 12;
	uint32_t length = 0;
	uint32_t i;

	gid[15] = (uint8_t)(call->gpu->index + 1);
	memset(data, 0, 256);
	if (get_u32(call->params, 4) & GID_FLAGS_BINARY) {
		memcpy(data, gid, sizeof(gid));
		put_u32(call->params, 8, sizeof(gid));
		return NV_OK;
	}
	memcpy(data, "GPU-", 4);
	length = 4;
	for (i = 0; i < sizeof(gid); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			data[length++] = '-';
		data[length++] = (uint8_t)hex_digit(gid[i] >> 4);
		data[length++] = (uint8_t)hex_digit(gid[i] & 15);
	}
	put_u32(call->params, 8, length + 1);
	return NV_OK;
}

/* A Turing, which every client since 418 knows. */
uint32_t control_arch(struct call *call)
{
	if (call->size < 12)
		return NV_ERR_INVALID_PARAM_STRUCT;
	put_u32(call->params, 0, 0x160);
	put_u32(call->params, 4, 4);
	return NV_OK;
}

/*
 * cpuClkId u8 at 0, sampleCount u8 at 1, 16 pairs (CPU us, GPU ns) from 8. Both run on the wall
 * clock here, and exactly alike: clients take the rate of one to the other from two calls that are
 * milliseconds apart.
 */
uint32_t control_time_correlation(struct call *call)
{
	uint64_t us = call->caller->now / 1000;
	uint32_t count = call->params[1];
	uint32_t i;

	for (i = 0; i < count && i < 16; i++) {
		put_u64(call->params, 8 + 16 * (size_t)i, us);
		put_u64(call->params, 16 + 16 * (size_t)i, us * 1000);
	}
	return NV_OK;
}
