// SPDX-License-Identifier: GPL-2.0-only
#include <linux/compat.h>
#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>

#include "driver.h"
#include "rm/rm.h"

mpu_ioctl_entry mpu_driver_entry(const struct file *file)
{
	return in_compat_syscall() ? file->f_op->compat_ioctl : file->f_op->unlocked_ioctl;
}

long mpu_driver_call(struct file *file, unsigned int cmd, unsigned long arg)
{
	long result = mpu_driver_entry(file)(file, cmd, arg);

	/* No tail call: redirect.c knows calls of this module by where they return to. */
	barrier();
	return result;
}

bool mpu_driver_is_control_device(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return imajor(inode) == MPU_RM_DEV_MAJOR && iminor(inode) == MPU_RM_DEV_MINOR;
}
