/* SPDX-License-Identifier: GPL-2.0-only */
/* Translation of PIDs by mpu.ko, else by the file that the host gave. Freestanding, as netlink.h.
 */
#ifndef MPU_PRELOAD_RESOLVE_H
#define MPU_PRELOAD_RESOLVE_H

#include "netlink.h"
#include "pidns.h"
#include "rm/rm.h"

/*
 * An open way to translate. Opened and closed within one ioctl: a descriptor kept open would be
 * closed, or reused, by programs that close all they did not open.
 */
struct mpu_resolver {
	int is_netlink;
	struct mpu_netlink netlink;
	struct mpu_pidns pidns;
};

/*
 * Opens the first that is available; file is the path of the host's, or empty for MPU_PIDNS_PATH.
 * Returns 0 or a negative errno: -ENOENT when neither is there, else why the one that is cannot be
 * used. Only a resolver that opened is to be closed.
 */
int mpu_resolver_open(struct mpu_resolver *resolver, const char *file);

/*
 * Opens the same one again after mpu_resolver_close(): libmpu.so holds no descriptor while it calls
 * the driver. Returns 0 or a negative errno.
 */
int mpu_resolver_reopen(struct mpu_resolver *resolver, const char *file);

/* As mpu_netlink_translate() and mpu_pidns_translate(); -EBADF when somebody closed it. */
int mpu_resolver_translate(struct mpu_resolver *resolver, enum mpu_rm_direction direction,
			   const mpu_u32 *in, mpu_u32 *out, mpu_u32 count);

void mpu_resolver_close(const struct mpu_resolver *resolver);

#endif
