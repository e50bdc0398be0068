/* SPDX-License-Identifier: GPL-2.0-only */
/* Who translates PIDs for libmpu.so: the first resolver that opens. */
#ifndef MPU_PRELOAD_RESOLVE_H
#define MPU_PRELOAD_RESOLVE_H

#include "environment.h"
#include "rm/rm.h"

/*
 * An open way to translate. Opened and closed within one ioctl: a descriptor kept open would be
 * closed, or reused, by programs that close all they did not open.
 */
struct mpu_resolver {
	int fd;
	mpu_u16 family; /* of netlink */
	/* As mpu_rm_ops.translate. */
	int (*translate)(const struct mpu_resolver *resolver, enum mpu_rm_direction direction,
			 const mpu_u32 *in, mpu_u32 *out, mpu_u32 count);
};

/* mpu.ko. Returns false when it is not loaded, or netlink is refused. */
int mpu_netlink_resolver_open(struct mpu_resolver *resolver);

/* Linux 6.11 and later: the host's PID namespace file. Returns false when there is none. */
int mpu_nsfs_resolver_open(struct mpu_resolver *resolver,
			   const struct mpu_environment *environment);

/* Opens the first that is available; false when none is. */
int mpu_resolver_open(struct mpu_resolver *resolver, const struct mpu_environment *environment);

void mpu_resolver_close(struct mpu_resolver *resolver);

#endif
