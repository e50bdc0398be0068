// SPDX-License-Identifier: GPL-2.0-only
/*
 * What nvidia-smi of 580 asks about a GPU besides its processes. A GPU here has no ECC and no
 * InfoROM, its persistence mode is off, and every process may compute on it.
 */
#include "world.h"

#define PERSISTENCE_DISABLED 1
#define NO_NUMA_NODE	     0xffffffffu

/* gpuId 0, gpuFlags 4, deviceInstance 8, subDeviceInstance 12, sliStatus 16, boardId 20,
 * gpuInstance 24, numaId 28 */
uint32_t control_id_info_v2(struct call *call)
{
	const struct gpu *gpu = gpu_by_id(call->world, get_u32(call->params, 0));

	if (!gpu)
		return NV_ERR_INVALID_ARGUMENT;
	memset(call->params + 4, 0, call->size - 4);
	put_u32(call->params, 8, gpu->index);
	put_u32(call->params, 20, gpu->gpu_id);
	put_u32(call->params, 24, gpu->index);
	put_u32(call->params, 28, NO_NUMA_NODE);
	return NV_OK;
}

uint32_t control_persistence(struct call *call)
{
	put_u32(call->params, 0, PERSISTENCE_DISABLED);
	return NV_OK;
}

/* All counters and switches are 0. */
uint32_t control_zeroes(struct call *call)
{
	memset(call->params, 0, call->size);
	return NV_OK;
}
