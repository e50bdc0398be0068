// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices as drivers up to 535 have them (nv-frontend.c): all minors, and an entry for each
 * kind of program.
 */
#include <linux/module.h>

#include "nvidia.h"

long nvidia_frontend_unlocked_ioctl(struct file *file, unsigned int request,
				    unsigned long argument);
long nvidia_frontend_compat_ioctl(struct file *file, unsigned int request, unsigned long argument);

/* Redirected by name: they must exist as functions, and nothing else may call them. */
noinline long nvidia_frontend_unlocked_ioctl(struct file *file, unsigned int request,
					     unsigned long argument)
{
	return nvidia_device_ioctl(file, request, argument);
}

noinline long nvidia_frontend_compat_ioctl(struct file *file, unsigned int request,
					   unsigned long argument)
{
	return nvidia_device_ioctl(file, request, argument);
}

static const struct file_operations nv_frontend_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = nvidia_frontend_unlocked_ioctl,
	.compat_ioctl = nvidia_frontend_compat_ioctl,
	.open = nvidia_open,
	.release = nvidia_close,
};

int nvidia_devices_init(void)
{
	return register_chrdev(NVIDIA_MAJOR, "nvidia-frontend", &nv_frontend_fops);
}

void nvidia_devices_exit(void)
{
	unregister_chrdev(NVIDIA_MAJOR, "nvidia-frontend");
}
