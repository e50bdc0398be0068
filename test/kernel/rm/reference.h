/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an answer must look like, element by element and from layouts.tsv alone: slow, and so simple
 * that it can be checked by reading.
 */
#ifndef MPU_TEST_REFERENCE_H
#define MPU_TEST_REFERENCE_H

#include "facts.h"
#include "world.h"

/* The caller's number for a number the driver gave; 0 when it is to see none. */
typedef mpu_u32 reference_map(const void *context, mpu_u32 pid);

/* Puts params and its array right; array is params where there is none. */
void reference_scatter(const struct fact *fact, void *params, void *array, reference_map *map,
		       const void *context);

/* Maps for a world: the driver spoke of host PIDs; of the caller's thread ids. */
reference_map reference_from_host, reference_from_caller;

mpu_u32 fact_load(const void *memory, mpu_u32 offset);
void fact_store(void *memory, mpu_u32 offset, mpu_u32 value);
mpu_u64 fact_load64(const void *memory, mpu_u32 offset);
void fact_store64(void *memory, mpu_u32 offset, mpu_u64 value);

#endif
