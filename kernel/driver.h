/* SPDX-License-Identifier: GPL-2.0-only */
/* Calling the NVIDIA driver. */
#ifndef MPU_DRIVER_H
#define MPU_DRIVER_H

#include <linux/types.h>

struct file;

typedef long (*mpu_ioctl_entry)(struct file *file, unsigned int cmd, unsigned long arg);

/* Returns the function that the kernel calls for an ioctl of the current task on file. */
mpu_ioctl_entry mpu_driver_entry(const struct file *file);

/*
 * Calls the ioctl entry of the driver behind file past the redirection (redirect.c), with arg as
 * user space would pass it.
 */
long mpu_driver_call(struct file *file, unsigned int cmd, unsigned long arg);

#endif
