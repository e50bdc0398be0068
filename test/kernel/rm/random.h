/* SPDX-License-Identifier: GPL-2.0-only */
/* Pseudo-random numbers (xorshift64*), the same on every machine for the same seed. */
#ifndef MPU_TEST_RANDOM_H
#define MPU_TEST_RANDOM_H

#include <stddef.h>

#include "rm/rm.h"

struct random {
	mpu_u64 state; /* not 0 */
};

static inline mpu_u32 random_next(struct random *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return (mpu_u32)((random->state * 0x2545f4914f6cdd1dull) >> 32);
}

/* From 0 to below - 1. */
static inline mpu_u32 random_below(struct random *random, mpu_u32 below)
{
	return random_next(random) % below;
}

static inline void random_fill(struct random *random, void *memory, size_t size)
{
	unsigned char *bytes = memory;
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = (unsigned char)(random_next(random) | 1);
}

#endif
