/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Translation by the kernel's own namespace files (fs/nsfs.c, Linux 6.11 and later). The kernel
 * answers only for processes that are visible from the caller's namespace; setns() with that file
 * is refused. Freestanding, as netlink.h.
 */
#ifndef MPU_PRELOAD_NSFS_H
#define MPU_PRELOAD_NSFS_H

#include "rm/rm.h"

/* As mpu_pidns_translate(), with a descriptor of the host's PID namespace file. */
int mpu_nsfs_translate(int fd, enum mpu_rm_direction direction, const mpu_u32 *in, mpu_u32 *out,
		       mpu_u32 count);

#endif
