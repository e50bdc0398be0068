// SPDX-License-Identifier: GPL-2.0-only
#include "nsfs.h"
#include "sys.h"

/*
 * The inode number of the initial PID namespace's file (PROC_PID_INIT_INO, fixed since Linux 3.8).
 * Where containers run inside containers, what is called the host there is not the namespace that
 * the driver means.
 */
#define INITIAL_PIDNS 0xeffffffcu

/* linux/nsfs.h */
#define NS_GET_TGID_FROM_PIDNS 0x8004b707u /* PID there to thread group id here */
#define NS_GET_TGID_IN_PIDNS   0x8004b709u /* PID here to thread group id there */

int mpu_nsfs_open(struct mpu_own *file, const char *path, int initial_only)
{
	int fd = (int)mpu_sys_open(path);

	if (fd < 0)
		return fd;
	mpu_sys_own(file, fd);
	if (!initial_only || file->inode == INITIAL_PIDNS)
		return 0;
	mpu_sys_close(fd);
	return -MPU_EXDEV;
}

int mpu_nsfs_translate(const struct mpu_own *file, enum mpu_rm_direction direction,
		       const mpu_u32 *in, mpu_u32 *out, mpu_u32 count)
{
	unsigned long request =
		direction == MPU_RM_TO_HOST ? NS_GET_TGID_IN_PIDNS : NS_GET_TGID_FROM_PIDNS;
	mpu_u32 i, last_in = 0, last_out = 0;

	for (i = 0; i < count; i++) {
		long result;

		/* Samples name the same process many times in a row. */
		if (in[i] != last_in) {
			result = mpu_sys_ioctl(file->fd, request, in[i]);
			if (result < 0 && result != -MPU_ESRCH)
				return (int)result; /* an older kernel, or no namespace file */
			last_in = in[i];
			last_out = result > 0 ? (mpu_u32)result : 0;
		}
		out[i] = last_out;
	}
	return 0;
}
