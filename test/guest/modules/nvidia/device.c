// SPDX-License-Identifier: GPL-2.0-only
/* Open files of the simulated driver. RM clients belong to them, whoever has a descriptor. */
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/printk.h>

#include "nvidia.h"

static DEFINE_MUTEX(world_lock);

bool nvidia_set_layouts(const char *release)
{
	bool set;

	mutex_lock(&world_lock);
	set = rmsim_set_layouts(nvidia_world, release);
	mutex_unlock(&world_lock);
	return set;
}

int nvidia_device_open(struct file *file, enum rmsim_device device, u32 minor)
{
	mutex_lock(&world_lock);
	file->private_data = rmsim_open(nvidia_world, device, minor);
	mutex_unlock(&world_lock);
	return file->private_data ? 0 : -ENODEV;
}

int nvidia_open(struct inode *inode, struct file *file)
{
	u32 minor = iminor(inode);
	enum rmsim_device device = RMSIM_DEVICE_GPU;

	if (minor == NVIDIA_MINOR_CONTROL)
		device = RMSIM_DEVICE_CONTROL;
	return nvidia_device_open(file, device, minor);
}

int nvidia_close(struct inode *inode, struct file *file)
{
	mutex_lock(&world_lock);
	rmsim_close(nvidia_world, file->private_data, ktime_get_real_ns());
	mutex_unlock(&world_lock);
	return 0;
}

long nvidia_device_ioctl(struct file *file, unsigned int request, unsigned long argument)
{
	struct rmsim_caller caller = {.ops = &nvidia_task_ops};
	struct rmsim_trace trace;
	int error;

	mutex_lock(&world_lock);
	caller.now = ktime_get_real_ns();
	error = rmsim_ioctl(nvidia_world, file->private_data, &caller, request, argument, &trace);
	mutex_unlock(&world_lock);
	pr_debug("escape=0x%x cmd=0x%08x size=%u status=0x%x error=%d\n", trace.escape, trace.cmd,
		 trace.size, trace.status, -error);
	return error;
}
