/* SPDX-License-Identifier: GPL-2.0-only */
/* Talking to the NVIDIA driver on the application's behalf. */
#ifndef MPU_PRELOAD_DRIVER_H
#define MPU_PRELOAD_DRIVER_H

#include "rm/rm.h"

/* A status that no driver returns. */
#define MPU_DRIVER_NO_ANSWER 0xffffffffu

/* As mpu_rm_ops.control, on the client and object of another control. */
mpu_u32 mpu_driver_control(int fd, const struct mpu_rm_nvos54 *like, mpu_u32 cmd, void *params,
			   mpu_u32 size);

/* The loaded driver's release by /sys/module/nvidia/version. Returns false where that cannot be
 * read. */
int mpu_driver_release(struct mpu_rm_release *release);

#endif
