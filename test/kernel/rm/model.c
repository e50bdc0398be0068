// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver as the open GPU kernel modules have it, regime by regime: gpu_rmapi.c (GET_PIDS),
 * subdevice_ctrl_gpu_kernel.c (PID_INFO), gpu_acct.c and client_resource.c (accounting). Answers in
 * buffers of their own, and copies back on success only, as RM does.
 */
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define NV_ERR_INVALID_ARGUMENT	    0x1fu
#define NV_ERR_INVALID_PARAM_STRUCT 0x3au

static mpu_u32 load(const void *params, mpu_u32 offset)
{
	mpu_u32 value;

	memcpy(&value, (const char *)params + offset, sizeof(value));
	return value;
}

static void store(void *params, mpu_u32 offset, mpu_u32 value)
{
	memcpy((char *)params + offset, &value, sizeof(value));
}

/* The number that pid_vnr() gives for what the driver holds of a client. */
static mpu_u32 vnr(const struct world *world, const struct client *client)
{
	const struct task *task = &world->tasks[client->task];

	return world->regime == R4 ? world_tgid(world, task) : world_tid(world, task);
}

static int table_has(const void *params, mpu_u32 count, mpu_u32 number)
{
	mpu_u32 i;

	for (i = 0; i < count; i++)
		if (load(params, 12 + 4 * i) == number)
			return 1;
	return 0;
}

/* From R1 on the host PID is looked for among numbers already translated. */
static mpu_u32 get_pids(const struct world *world, void *params)
{
	mpu_u32 count = 0;
	unsigned int i;

	for (i = 0; i < world->client_count && count < MPU_RM_MAX_LIST; i++) {
		const struct client *client = &world->clients[i];
		mpu_u32 host = world->tasks[client->task].host_tgid;
		mpu_u32 number = world->regime == R0 ? host : vnr(world, client);

		if (client->kernel || !number || table_has(params, count, host))
			continue;
		store(params, 12 + 4 * count++, number);
	}
	store(params, 8, count);
	return MPU_NV_OK;
}

static int matches(const struct world *world, const struct client *client, mpu_u32 number)
{
	if (world->regime < R2 || client->kernel)
		return world->tasks[client->task].host_tgid == number;
	return vnr(world, client) == number;
}

static mpu_u32 get_pid_info(const struct world *world, void *params, mpu_u32 stride)
{
	mpu_u32 i, count = load(params, 0);
	unsigned int c;

	if (!count || count > MPU_RM_MAX_INFO)
		return NV_ERR_INVALID_ARGUMENT;
	for (i = 0; i < count; i++) {
		char *element = (char *)params + 8 + i * stride;
		mpu_u32 number = load(element, 0);
		mpu_u64 memory = 0;
		int found = 0;

		store(element, 8, number ? 0 : NV_ERR_INVALID_ARGUMENT);
		if (!number)
			continue;
		for (c = 0; c < world->client_count; c++) {
			if (matches(world, &world->clients[c], number)) {
				memory += world->clients[c].memory;
				found = 1;
			}
		}
		memset(element + 16, 0, stride - 16);
		memcpy(element + 16, &memory, sizeof(memory));
		if (stride == 72)
			memset(element + 64, found ? 0 : 0xff, 8);
	}
	return MPU_NV_OK;
}

static int has_client(const struct world *world, mpu_u32 host)
{
	unsigned int i;

	for (i = 0; i < world->client_count; i++)
		if (world->tasks[world->clients[i].task].host_tgid == host)
			return 1;
	return 0;
}

/* Live ones only for callers in a container from R3 on; what R3a gives is translated, by thread. */
static mpu_u32 get_accounting_pids(const struct world *world, void *params)
{
	mpu_u32 count = 0;
	unsigned int i, c;

	for (i = 0; i < world->record_count; i++) {
		mpu_u32 number = world->records[i];

		if (world->regime >= R3A && !world->host_caller && !has_client(world, number))
			continue;
		if (world->regime == R3A) {
			for (c = 0; c < world->client_count; c++)
				if (world->tasks[world->clients[c].task].host_tgid == number)
					break;
			if (c < world->client_count)
				number = vnr(world, &world->clients[c]);
		}
		if (number)
			store(params, 8 + 4 * count++, number);
	}
	store(params, 16008, count);
	return MPU_NV_OK;
}

void model_record(void *params, mpu_u32 size, mpu_u32 host)
{
	mpu_u32 offset;

	for (offset = 12; offset < size; offset += 4)
		store(params, offset, host * 1000 + offset);
}

static mpu_u32 get_accounting_info(const struct world *world, void *params, mpu_u32 size)
{
	mpu_u32 number = load(params, 4);
	unsigned int i;

	for (i = 0; world->regime >= R3A && i < world->client_count; i++) {
		const struct client *client = &world->clients[i];

		if (!client->kernel && number && vnr(world, client) == number) {
			number = world->tasks[client->task].host_tgid;
			break;
		}
	}
	for (i = 0; i < world->record_count; i++) {
		if (world->records[i] != number)
			continue;
		store(params, 4, number);
		model_record(params, size, number);
		if (world->records_run) {
			store(params, 40, 0);
			store(params, 44, 0);
		}
		return MPU_NV_OK;
	}
	return MPU_NV_ERR_OBJECT_NOT_FOUND;
}

static mpu_u32 answer(struct world *world, mpu_u32 cmd, void *params, mpu_u32 size)
{
	const struct task *caller;

	switch (cmd) {
	case MPU_RM_GPU_GET_PIDS:
	case MPU_RM_DEVICE_GET_PIDS:
		return size == 3812 ? get_pids(world, params) : NV_ERR_INVALID_PARAM_STRUCT;
	case MPU_RM_GPU_GET_PID_INFO:
		if (size == 14408 || size == 9608)
			return get_pid_info(world, params, size == 14408 ? 72 : 48);
		return NV_ERR_INVALID_PARAM_STRUCT;
	case MPU_RM_DEVICE_GET_PID_INFO:
		return size == 8008 ? get_pid_info(world, params, 40) : NV_ERR_INVALID_PARAM_STRUCT;
	case MPU_RM_ACCT_GET_PIDS:
		return size == 16012 ? get_accounting_pids(world, params)
				     : NV_ERR_INVALID_PARAM_STRUCT;
	case MPU_RM_ACCT_GET_PROC_INFO:
		return size == 48 ? get_accounting_info(world, params, size)
				  : NV_ERR_INVALID_PARAM_STRUCT;
	case MPU_RM_ACCT_GET_PROC_INFO_V2:
		return size == 64 ? get_accounting_info(world, params, size)
				  : NV_ERR_INVALID_PARAM_STRUCT;
	case MPU_RM_GET_RCERR_RPT:
		if (size != 2436)
			return NV_ERR_INVALID_PARAM_STRUCT;
		caller = world_by_own(world, world->self);
		store(params, 32, caller->host_tgid);
		return MPU_NV_OK;
	default:
		/* Sessions, samples and reservations: the test has put the answer in place. */
		return MPU_NV_OK;
	}
}

mpu_u32 model_control(struct world *world, mpu_u32 cmd, void *params, mpu_u32 size)
{
	void *copy = malloc(size);
	mpu_u32 status;

	if (!copy)
		abort();
	memcpy(copy, params, size);
	status = answer(world, cmd, copy, size);
	if (status == MPU_NV_OK)
		memcpy(params, copy, size);
	free(copy);
	return status;
}
