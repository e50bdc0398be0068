/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether mpu.ko puts the driver's answers right itself, in the kernel (kernel/intercept.c). */
#ifndef MPU_PRELOAD_INTERCEPTION_H
#define MPU_PRELOAD_INTERCEPTION_H

#include "rm/rm.h"

/* As /sys/module/mpu/parameters/intercepting has it: "on 81 settled". */
struct mpu_interception {
	char text[48];
	mpu_u32 size;
};

/*
 * Empty where mpu.ko is not loaded, or is one that cannot. Returns false when it cannot be told: no
 * descriptor left, say.
 */
int mpu_interception_read(struct mpu_interception *state);

int mpu_interception_is_on(const struct mpu_interception *state);

/* It has been so for a minute at least: an answer looked at now came under it. */
int mpu_interception_is_settled(const struct mpu_interception *state);

/* Nothing was switched between the two. */
int mpu_interception_is_same(const struct mpu_interception *a, const struct mpu_interception *b);

#endif
