/* SPDX-License-Identifier: GPL-2.0-only */
/* Switching the rewriting of the NVIDIA driver's answers on and off. */
#ifndef MPU_INTERCEPT_H
#define MPU_INTERCEPT_H

#include <linux/types.h>

#include "uapi/mpu.h"

int mpu_intercept_init(void);
void mpu_intercept_exit(void);

struct mpu_intercept_status {
	enum mpu_intercept state;
	const char *reason; /* why it does not, where it should; else NULL */
	u64 generation;
};

void mpu_intercept_get(struct mpu_intercept_status *status);

/*
 * Switches it. Returns 0, -EOPNOTSUPP where it is absent, or with a reason why it cannot be
 * switched on, which it then is not.
 */
int mpu_intercept_set(bool on, const char **reason);

#endif
