/* SPDX-License-Identifier: GPL-2.0-only */
/* Rewriting the NVIDIA driver's answer to an ioctl. */
#ifndef MPU_IOCTL_H
#define MPU_IOCTL_H

#include <linux/types.h>

#include "compat.h"
#include "rm/rm.h"

struct file;

/**
 * struct mpu_ioctl_counters - what became of answers with PIDs in them since the load of the module
 * @rewritten: answers that were rewritten
 * @untouched: answers that stayed as the driver gave them
 */
struct mpu_ioctl_counters {
	u64 rewritten;
	u64 untouched;
};

/* The driver reads the number and the size of a request alone. So do these. */
static inline bool mpu_ioctl_is_control(unsigned int cmd)
{
	return MPU_RM_ESCAPE(cmd) == MPU_RM_ESCAPE(MPU_RM_IOCTL_CONTROL);
}

static inline bool mpu_ioctl_is_xfer(unsigned int cmd)
{
	return MPU_RM_ESCAPE(cmd) == MPU_RM_ESCAPE(MPU_RM_IOCTL_XFER);
}

#ifdef MPU_CAN_REDIRECT
/**
 * mpu_ioctl_rewrite() - rewrite what the driver has answered to an ioctl with result 0
 * @file: nvidiactl, opened by the current task
 * @cmd: request word, a control's or XFER's
 * @arg: argument of the current task
 *
 * Works in the caller's memory. If anything stands in the way, the driver's own answer stays.
 */
void mpu_ioctl_rewrite(struct file *file, unsigned int cmd, unsigned long arg);

/**
 * mpu_ioctl_pass() - count an ioctl that may carry PIDs and is left alone
 */
void mpu_ioctl_pass(void);

/**
 * mpu_ioctl_count() - add up the counters
 * @sum: filled in
 */
void mpu_ioctl_count(struct mpu_ioctl_counters *sum);
#else
static inline void mpu_ioctl_count(struct mpu_ioctl_counters *sum)
{
	*sum = (struct mpu_ioctl_counters){};
}
#endif

#endif
