/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MPU_PIDMAP_H
#define MPU_PIDMAP_H

#include <linux/types.h>

struct pid_namespace;

/*
 * For each of count ids of namespace from, the id that its process (thread group) has in namespace
 * to, or 0 where there is no such process or it is not visible in both. Returns how many are 0.
 * The caller holds both namespaces. in and out may be the same.
 */
unsigned int mpu_pidmap_translate(struct pid_namespace *from, struct pid_namespace *to,
				  const u32 *in, u32 *out, unsigned int count);

#endif
