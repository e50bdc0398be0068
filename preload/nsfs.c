// SPDX-License-Identifier: GPL-2.0-only
/*
 * Translation by the kernel's own namespace files (fs/nsfs.c, Linux 6.11 and later): where no
 * module may be loaded, the host's PID namespace file is bind-mounted read-only into the container.
 * The kernel answers only for processes that are visible from the caller's namespace; setns() with
 * that file is refused.
 */
#include "resolve.h"
#include "sys.h"

#define PIDNS_PATH "/run/mpu/pidns"

/*
 * The inode number of the initial PID namespace's file (PROC_PID_INIT_INO, fixed since Linux 3.8).
 * Where containers run inside containers, what is called the host there is not the namespace that
 * the driver means.
 */
#define INITIAL_PIDNS 0xeffffffcu

/* linux/nsfs.h */
#define NS_GET_TGID_FROM_PIDNS 0x8004b707u /* PID there to thread group id here */
#define NS_GET_TGID_IN_PIDNS   0x8004b709u /* PID here to thread group id there */

static int nsfs_translate(const struct mpu_resolver *resolver, enum mpu_rm_direction direction,
			  const mpu_u32 *in, mpu_u32 *out, mpu_u32 count)
{
	unsigned long request =
		direction == MPU_RM_TO_HOST ? NS_GET_TGID_IN_PIDNS : NS_GET_TGID_FROM_PIDNS;
	mpu_u32 i;

	for (i = 0; i < count; i++) {
		long result;

		out[i] = 0;
		if (!in[i])
			continue;
		/* Samples name the same process many times in a row. */
		if (i && in[i] == in[i - 1]) {
			out[i] = out[i - 1];
			continue;
		}
		result = mpu_sys_ioctl(resolver->fd, request, in[i]);
		if (result > 0)
			out[i] = (mpu_u32)result;
		else if (result != -MPU_ESRCH)
			return 0; /* an older kernel, or no namespace file */
	}
	return 1;
}

int mpu_nsfs_resolver_open(struct mpu_resolver *resolver, const struct mpu_environment *environment)
{
	int chosen = environment->pidns[0] != '\0';

	resolver->fd = (int)mpu_sys_open(chosen ? environment->pidns : PIDNS_PATH);
	resolver->translate = nsfs_translate;
	if (resolver->fd < 0)
		return 0;
	if (chosen || mpu_sys_is_inode(resolver->fd, INITIAL_PIDNS))
		return 1;
	mpu_sys_close(resolver->fd);
	return 0;
}
