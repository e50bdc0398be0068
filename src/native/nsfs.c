// SPDX-License-Identifier: GPL-2.0-only
#include "nsfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <unistd.h>

/* linux/nsfs.h, whose older copies lack them */
#define GET_TGID_FROM_PIDNS 0x8004b707ul /* PID there to thread group id here */
#define GET_TGID_IN_PIDNS   0x8004b709ul /* PID here to thread group id there */

/* The inode number of the initial PID namespace's file: PROC_PID_INIT_INO, fixed since Linux 3.8.
 */
#define INITIAL_PIDNS 0xeffffffcu

int mpu_nsfs_open(const char *path, int initial_only)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (!initial_only)
		return fd;
	if (fstat(fd, &status) == 0 && status.st_ino == INITIAL_PIDNS)
		return fd;
	close(fd);
	return -EXDEV;
}

int mpu_nsfs_translate(int fd, enum mpu_nsfs_direction direction, const uint32_t *in, uint32_t *out,
		       size_t count)
{
	const unsigned long request =
		direction == MPU_NSFS_TO_HOST ? GET_TGID_IN_PIDNS : GET_TGID_FROM_PIDNS;
	size_t i;

	for (i = 0; i < count; i++) {
		int result;

		out[i] = 0;
		if (in[i] == 0 || in[i] > INT_MAX)
			continue;
		/* not ioctl(): musl takes an int for the request, glibc an unsigned long */
		result = (int)syscall(SYS_ioctl, fd, request, (unsigned long)in[i]);
		if (result > 0)
			out[i] = (uint32_t)result;
		else if (result < 0 && errno != ESRCH)
			return -errno;
	}
	return 0;
}
