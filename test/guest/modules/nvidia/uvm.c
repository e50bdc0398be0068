// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cdev.h>
#include <linux/module.h>

#include "nvidia.h"

#define UVM_MINORS 2 /* nvidia-uvm, nvidia-uvm-tools */

static dev_t uvm_first;
static struct cdev uvm_device;

static int uvm_open(struct inode *inode, struct file *file)
{
	return nvidia_device_open(file, RMSIM_DEVICE_UVM, iminor(inode));
}

static const struct file_operations uvm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = nvidia_device_ioctl,
	.compat_ioctl = nvidia_device_ioctl,
	.open = uvm_open,
	.release = nvidia_close,
};

int nvidia_uvm_init(void)
{
	int error = alloc_chrdev_region(&uvm_first, 0, UVM_MINORS, "nvidia-uvm");

	if (error)
		return error;
	cdev_init(&uvm_device, &uvm_fops);
	uvm_device.owner = THIS_MODULE;
	error = cdev_add(&uvm_device, uvm_first, UVM_MINORS);
	if (error)
		unregister_chrdev_region(uvm_first, UVM_MINORS);
	return error;
}

void nvidia_uvm_exit(void)
{
	cdev_del(&uvm_device);
	unregister_chrdev_region(uvm_first, UVM_MINORS);
}
