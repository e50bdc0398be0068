/* SPDX-License-Identifier: GPL-2.0-only */
/* Calling the NVIDIA driver. */
#ifndef MPU_DRIVER_H
#define MPU_DRIVER_H

#include <linux/types.h>

struct file;

typedef long (*mpu_ioctl_entry)(struct file *file, unsigned int cmd, unsigned long arg);

/**
 * mpu_driver_entry() - find the function that the kernel calls for an ioctl of the current task
 * @file: an open file of a device
 *
 * Return: the entry for the current task's kind of system call.
 */
mpu_ioctl_entry mpu_driver_entry(const struct file *file);

/**
 * mpu_driver_call() - call the driver past the redirection of redirect.c
 * @file: an open file of the driver
 * @cmd: request word
 * @arg: argument, as user space would pass it
 *
 * Return: the driver's result.
 */
long mpu_driver_call(struct file *file, unsigned int cmd, unsigned long arg);

/**
 * mpu_driver_is_control_device() - tell nvidiactl from other devices
 * @file: an open file of a device
 *
 * Return: true for nvidiactl, the only device on which the driver accepts RM controls.
 */
bool mpu_driver_is_control_device(const struct file *file);

#endif
