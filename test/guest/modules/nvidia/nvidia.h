/* SPDX-License-Identifier: GPL-2.0-only */
/* A simulated nvidia.ko: the model of test/rm-sim behind character devices. */
#ifndef NVIDIA_H
#define NVIDIA_H

#include <linux/fs.h>

#include "model/rmsim.h"

#define NVIDIA_MAJOR	     195
#define NVIDIA_MINOR_CONTROL 255

/* main.c: the world that all devices share. */
extern struct rmsim_world *nvidia_world;
/* Release that the driver says it is. */
extern const char *nvidia_release;

/* task.c: what the model asks about current. Calls are serialised by the world's lock. */
extern const struct rmsim_ops nvidia_task_ops;
u64 nvidia_initial_namespace(void);
void nvidia_task_exit(void);

/* device.c: the world's lock; the file operations, but for the ioctl entries. */
bool nvidia_set_layouts(const char *release);
int nvidia_device_open(struct file *file, enum rmsim_device device, u32 minor);
int nvidia_open(struct inode *inode, struct file *file);
int nvidia_close(struct inode *inode, struct file *file);
long nvidia_device_ioctl(struct file *file, unsigned int request, unsigned long argument);

/* unlocked.c or frontend.c: the devices with the major number NVIDIA_MAJOR. */
int nvidia_devices_init(void);
void nvidia_devices_exit(void);

/* uvm.c: nvidia-uvm, which with the real driver is a module of its own. */
int nvidia_uvm_init(void);
void nvidia_uvm_exit(void);

/* proc.c: /proc/driver/nvidia */
int nvidia_proc_init(void);
void nvidia_proc_exit(void);

#endif
