// SPDX-License-Identifier: GPL-2.0-only
#include "reference.h"

#include <stdlib.h>
#include <string.h>

#define NO_PROCESS 0xffffffffu

mpu_u32 fact_load(const void *memory, mpu_u32 offset)
{
	mpu_u32 value;

	memcpy(&value, (const char *)memory + offset, sizeof(value));
	return value;
}

void fact_store(void *memory, mpu_u32 offset, mpu_u32 value)
{
	memcpy((char *)memory + offset, &value, sizeof(value));
}

mpu_u64 fact_load64(const void *memory, mpu_u32 offset)
{
	mpu_u64 value;

	memcpy(&value, (const char *)memory + offset, sizeof(value));
	return value;
}

void fact_store64(void *memory, mpu_u32 offset, mpu_u64 value)
{
	memcpy((char *)memory + offset, &value, sizeof(value));
}

static void scatter_list(const struct fact *fact, void *params, char *array, reference_map *map,
			 const void *context)
{
	mpu_u32 count = fact_load(params, fact->count), kept = 0, i, j;
	char *result;

	if (count == 0 || count > fact->max)
		return;
	result = calloc(count, fact->stride);
	if (!result)
		abort();
	for (i = 0; i < count; i++) {
		const char *element = array + i * fact->stride;
		mpu_u32 pid = fact_load(element, fact->pid[0]);

		pid = pid == 0 || pid == NO_PROCESS ? 0 : map(context, pid);
		for (j = 0; fact->unique && j < kept; j++)
			if (fact_load(result + j * fact->stride, fact->pid[0]) == pid)
				break;
		if (pid == 0 || (fact->unique && j < kept))
			continue;
		memcpy(result + kept * fact->stride, element, fact->stride);
		fact_store(result + kept * fact->stride, fact->pid[0], pid);
		kept++;
	}
	memcpy(array, result, count * fact->stride);
	fact_store(params, fact->count, kept);
	free(result);
}

/* The caller's number for one engine's place; *taken tells whether a process has it at all. */
static mpu_u32 place_owner(const struct fact *fact, const char *sample, mpu_u32 k,
			   reference_map *map, const void *context, int *taken)
{
	mpu_u32 pid = fact_load(sample, fact->pid[k]);
	mpu_u64 pointer = 0;

	if (fact->kernel_pointers)
		pointer = fact_load64(sample, fact->kernel_pointer[k]);
	*taken = pointer || (pid != 0 && pid != NO_PROCESS);
	return *taken && !pointer ? map(context, pid) : 0;
}

/* The process that is seen first; places of those not to be seen become its, with nothing used. */
static mpu_u32 first_owner(const struct fact *fact, const char *array, reference_map *map,
			   const void *context)
{
	mpu_u32 i, k, own;
	int taken;

	for (i = 0; i < fact->max; i++) {
		for (k = 0; k < fact->pids; k++) {
			own = place_owner(fact, array + i * fact->stride, k, map, context, &taken);
			if (own)
				return own;
		}
	}
	return NO_PROCESS;
}

static void scatter_samples(const struct fact *fact, char *array, reference_map *map,
			    const void *context)
{
	mpu_u32 first = first_owner(fact, array, map, context), i, k;

	for (i = 0; i < fact->max; i++) {
		char *sample = array + i * fact->stride;

		for (k = 0; k < fact->pids; k++) {
			int taken;
			mpu_u32 own = place_owner(fact, sample, k, map, context, &taken);

			if (!taken)
				continue;
			if (!own)
				memset(sample + fact->engine[k], 0, fact->engine_size);
			fact_store(sample, fact->pid[k], own ? own : first);
		}
	}
}

void reference_scatter(const struct fact *fact, void *params, void *array, reference_map *map,
		       const void *context)
{
	mpu_u32 pid;

	switch (fact->kind) {
	case MPU_RM_KIND_LIST:
		scatter_list(fact, params, array, map, context);
		break;
	case MPU_RM_KIND_SAMPLES:
		scatter_samples(fact, array, map, context);
		break;
	case MPU_RM_KIND_SCALAR:
	case MPU_RM_KIND_RECORD:
		pid = fact_load(params, fact->pid[0]);
		fact_store(params, fact->pid[0],
			   pid == 0 || pid == NO_PROCESS ? 0 : map(context, pid));
		break;
	case MPU_RM_KIND_INFO:
		break;
	}
}

mpu_u32 reference_from_host(const void *context, mpu_u32 pid)
{
	const struct world *world = context;
	const struct task *task = world_by_host(world, pid);

	return task ? world_tgid(world, task) : 0;
}

mpu_u32 reference_from_caller(const void *context, mpu_u32 pid)
{
	const struct world *world = context;
	const struct task *task = world_by_own(world, pid);

	return task ? world_tgid(world, task) : pid;
}
