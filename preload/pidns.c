// SPDX-License-Identifier: GPL-2.0-only
#include "pidns.h"
#include "iterator.h"
#include "nsfs.h"
#include "sys.h"

/*
 * The inode number of the initial PID namespace's file (PROC_PID_INIT_INO, fixed since Linux 3.8).
 * Where containers run inside containers, what is called the host there is not the namespace that
 * the driver means. An iterator needs no such check: it lists numbers of the initial namespace,
 * wherever it was loaded.
 */
#define INITIAL_PIDNS 0xeffffffcu

int mpu_pidns_open(struct mpu_pidns *pidns, const char *path, int initial_only)
{
	int fd = (int)mpu_sys_open(path);

	if (fd < 0)
		return fd;
	mpu_sys_own(&pidns->file, fd);
	pidns->path = path;
	pidns->was_read = 0;
	pidns->is_iterator = 0;
	if (pidns->file.inode == INITIAL_PIDNS)
		return 0;
	pidns->is_iterator = mpu_iterator_is_bpf(fd) != 0;
	if (pidns->is_iterator || !initial_only)
		return 0;
	mpu_sys_close(fd);
	return -MPU_EXDEV;
}

void mpu_pidns_close(const struct mpu_pidns *pidns)
{
	mpu_sys_close_own(&pidns->file);
}

int mpu_pidns_translate(struct mpu_pidns *pidns, enum mpu_rm_direction direction, const mpu_u32 *in,
			mpu_u32 *out, mpu_u32 count)
{
	if (!pidns->is_iterator)
		return mpu_nsfs_translate(pidns->file.fd, direction, in, out, count);
	if (pidns->was_read) {
		int error;

		mpu_pidns_close(pidns);
		error = mpu_pidns_open(pidns, pidns->path, 1);
		if (error) {
			/* Nothing is open that the caller could close. */
			pidns->file.fd = -1;
			return error;
		}
	}
	pidns->was_read = 1;
	return mpu_iterator_translate(pidns->file.fd, direction, in, out, count);
}
