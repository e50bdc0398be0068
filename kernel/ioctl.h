/* SPDX-License-Identifier: GPL-2.0-only */
/* Putting an ioctl right that the NVIDIA driver has answered. */
#ifndef MPU_IOCTL_H
#define MPU_IOCTL_H

#include <linux/types.h>

struct file;

/*
 * Rewrites, in the caller's memory, what the driver has answered to an ioctl of the current task
 * with result 0. Where anything stands in the way, the driver's own answer stays.
 */
void mpu_ioctl_rewrite(struct file *file, unsigned int cmd, unsigned long arg);

/* Counts an ioctl that may carry PIDs and is left alone. */
void mpu_ioctl_pass(void);

/* What became of answers with PIDs in them since the load of the module. */
struct mpu_ioctl_counters {
	u64 rewritten;
	u64 untouched;
};

void mpu_ioctl_count(struct mpu_ioctl_counters *sum);

#endif
