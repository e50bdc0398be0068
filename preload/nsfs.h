/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Translation by the kernel's own namespace files (fs/nsfs.c, Linux 6.11 and later): where no
 * module may be loaded, the host's PID namespace file is bind-mounted read-only into the container.
 * The kernel answers only for processes that are visible from the caller's namespace; setns() with
 * that file is refused. Freestanding, as netlink.h.
 */
#ifndef MPU_PRELOAD_NSFS_H
#define MPU_PRELOAD_NSFS_H

#include "own_fd.h"
#include "rm/rm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the file is, unless somebody says otherwise. It is then to be the initial namespace's. */
#define MPU_NSFS_PATH "/run/mpu/pidns"

/*
 * Opens a file of a PID namespace. Returns 0 or a negative errno; -EXDEV when it is not the initial
 * one's and initial_only asks for that.
 */
int mpu_nsfs_open(struct mpu_own *file, const char *path, int initial_only);

/*
 * Each id in, its process's id in the other namespace out; 0 where there is no such process visible
 * from the caller's namespace. Returns 0 or a negative errno: -ENOTTY before Linux 6.11 and for a
 * file that is no PID namespace.
 */
int mpu_nsfs_translate(const struct mpu_own *file, enum mpu_rm_direction direction,
		       const mpu_u32 *in, mpu_u32 *out, mpu_u32 count);

#ifdef __cplusplus
}
#endif

#endif
