// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices as drivers from 545 on have them (nv.c): one entry for both kinds of programs,
 * static, and minors of their own for GPUs and for the control device.
 */
#include <linux/cdev.h>
#include <linux/module.h>

#include "nvidia.h"

#define GPU_MINORS 248

static struct cdev gpu_devices;
static struct cdev control_device;

/* Redirected by name: it must exist as a function, and nothing else may call it. */
static noinline long nvidia_unlocked_ioctl(struct file *file, unsigned int request,
					   unsigned long argument)
{
	return nvidia_device_ioctl(file, request, argument);
}

static const struct file_operations nvidia_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = nvidia_unlocked_ioctl,
	.compat_ioctl = nvidia_unlocked_ioctl,
	.open = nvidia_open,
	.release = nvidia_close,
};

static int add(struct cdev *cdev, unsigned int minor, unsigned int count, const char *name)
{
	dev_t first = MKDEV(NVIDIA_MAJOR, minor);
	int error = register_chrdev_region(first, count, name);

	if (error)
		return error;
	cdev_init(cdev, &nvidia_fops);
	cdev->owner = THIS_MODULE;
	error = cdev_add(cdev, first, count);
	if (error)
		unregister_chrdev_region(first, count);
	return error;
}

static void del(struct cdev *cdev, unsigned int minor, unsigned int count)
{
	cdev_del(cdev);
	unregister_chrdev_region(MKDEV(NVIDIA_MAJOR, minor), count);
}

int nvidia_devices_init(void)
{
	int error = add(&gpu_devices, 0, GPU_MINORS, "nvidia");

	if (error)
		return error;
	error = add(&control_device, NVIDIA_MINOR_CONTROL, 1, "nvidiactl");
	if (error)
		del(&gpu_devices, 0, GPU_MINORS);
	return error;
}

void nvidia_devices_exit(void)
{
	del(&control_device, NVIDIA_MINOR_CONTROL, 1);
	del(&gpu_devices, 0, GPU_MINORS);
}
