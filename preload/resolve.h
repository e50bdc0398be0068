/* SPDX-License-Identifier: GPL-2.0-only */
/* Who translates PIDs for libmpu.so: mpu.ko, else the host's PID namespace file. */
#ifndef MPU_PRELOAD_RESOLVE_H
#define MPU_PRELOAD_RESOLVE_H

#include "environment.h"
#include "netlink.h"
#include "rm/rm.h"

/*
 * An open way to translate. Opened and closed within one ioctl: a descriptor kept open would be
 * closed, or reused, by programs that close all they did not open.
 */
struct mpu_resolver {
	int is_netlink;
	struct mpu_netlink netlink;
	struct mpu_own pidns;
};

/* Opens the first that is available; false when none is. */
int mpu_resolver_open(struct mpu_resolver *resolver, const struct mpu_environment *environment);

/* As mpu_rm_ops.translate. */
int mpu_resolver_translate(struct mpu_resolver *resolver, enum mpu_rm_direction direction,
			   const mpu_u32 *in, mpu_u32 *out, mpu_u32 count);

void mpu_resolver_close(const struct mpu_resolver *resolver);

#endif
