// SPDX-License-Identifier: GPL-2.0-only
/* What fstat tells about a descriptor. */
#include "own_fd.h"
#include "sys.h"

#define STAT_WORDS   36 /* the largest of the three architectures: 144 bytes */
#define STAT_DEVICE  0
#define MODE_TYPE    0170000u
#define MODE_CHARDEV 0020000u

/*
 * The buffer is touched first: a supervisor that answers system calls cannot grow our stack, and a
 * caller with large buffers can have left us on a page that has not been used yet.
 */
static int get_stat(int fd, mpu_u32 *stat)
{
	volatile mpu_u32 *touched = stat;

	touched[0] = touched[STAT_WORDS - 1] = 0;
	return mpu_syscall3(MPU_NR_fstat, fd, (long)stat, 0) == 0;
}

int mpu_sys_is_device(int fd, mpu_u32 major, mpu_u32 minor)
{
	mpu_u32 stat[STAT_WORDS];

	return get_stat(fd, stat) && (stat[MPU_STAT_MODE / 4] & MODE_TYPE) == MODE_CHARDEV &&
	       stat[MPU_STAT_RDEV / 4] == (major << 8 | minor);
}

void mpu_sys_own(struct mpu_own *own, int fd)
{
	mpu_u32 stat[STAT_WORDS];

	own->fd = fd;
	own->device = own->inode = 0;
	if (!get_stat(fd, stat))
		return;
	own->device = stat[STAT_DEVICE / 4];
	own->inode = stat[MPU_STAT_INODE / 4];
}

int mpu_sys_is_own(const struct mpu_own *own)
{
	struct mpu_own now;

	mpu_sys_own(&now, own->fd);
	return now.device == own->device && now.inode == own->inode;
}

void mpu_sys_close_own(const struct mpu_own *own)
{
	if (mpu_sys_is_own(own))
		mpu_sys_close(own->fd);
}
