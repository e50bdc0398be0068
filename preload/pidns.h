/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Translation by a file that the host gives a container: its PID namespace file (nsfs.h) or the
 * file of a BPF iterator (iterator.h). Freestanding, as netlink.h.
 */
#ifndef MPU_PRELOAD_PIDNS_H
#define MPU_PRELOAD_PIDNS_H

#include "own_fd.h"
#include "rm/rm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The default path of the file. A PID namespace file there must be the initial namespace's. */
#define MPU_PIDNS_PATH "/run/mpu/pidns"

struct mpu_pidns {
	struct mpu_own file;
	const char *path; /* of the caller's */
	mpu_u8 is_iterator;
	mpu_u8 was_read; /* an iterator's descriptor gives one list */
};

/*
 * Opens the file at a path that stays valid; anything else than these two kinds of file is not read
 * from. Returns 0 or a negative errno: -EXDEV where initial_only is set and the file is neither an
 * iterator nor the initial PID namespace. Only a file that opened needs mpu_pidns_close().
 */
int mpu_pidns_open(struct mpu_pidns *pidns, const char *path, int initial_only);
void mpu_pidns_close(const struct mpu_pidns *pidns);

/*
 * Each id in, its process's id in the other namespace out; 0 where there is no such process visible
 * from the caller's namespace. The two arrays do not overlap. Returns 0 or a negative errno, and
 * out is then undefined: -ENOTTY for a PID namespace file before Linux 6.11 and for a file of
 * another kind, -EBADMSG for another file of a BPF file system.
 */
int mpu_pidns_translate(struct mpu_pidns *pidns, enum mpu_rm_direction direction, const mpu_u32 *in,
			mpu_u32 *out, mpu_u32 count);

#ifdef __cplusplus
}
#endif

#endif
