/* SPDX-License-Identifier: GPL-2.0-only */
/* Switching interception on and off: the rewriting of the NVIDIA driver's answers. */
#ifndef MPU_INTERCEPT_H
#define MPU_INTERCEPT_H

#include <linux/types.h>

#include "uapi/mpu.h"

/**
 * struct mpu_intercept_status - what interception does
 * @state: as MPU_CMD_GET has it
 * @reason: why the module does not rewrite although it should; otherwise NULL
 * @generation: changes with the state
 */
struct mpu_intercept_status {
	enum mpu_intercept state;
	const char *reason;
	u64 generation;
};

int mpu_intercept_init(void);
void mpu_intercept_exit(void);

/**
 * mpu_intercept_get() - read the state of interception
 * @status: filled in
 */
void mpu_intercept_get(struct mpu_intercept_status *status);

/**
 * mpu_intercept_set() - switch interception
 * @on: on or off
 * @reason: set to the reason in words if it cannot be switched
 *
 * Sleeps while ftrace waits for all tasks: never with a lock held that containers need.
 *
 * Return: 0, -EOPNOTSUPP if this kernel cannot intercept, or another errno if it cannot be switched
 * on now. Then it is off.
 */
int mpu_intercept_set(bool on, const char **reason);

#endif
