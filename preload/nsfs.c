// SPDX-License-Identifier: GPL-2.0-only
#include "nsfs.h"
#include "sys.h"

/* linux/nsfs.h */
#define NS_GET_TGID_FROM_PIDNS 0x8004b707u /* PID there to thread group id here */
#define NS_GET_TGID_IN_PIDNS   0x8004b709u /* PID here to thread group id there */

int mpu_nsfs_translate(int fd, enum mpu_rm_direction direction, const mpu_u32 *in, mpu_u32 *out,
		       mpu_u32 count)
{
	unsigned long request =
		direction == MPU_RM_TO_HOST ? NS_GET_TGID_IN_PIDNS : NS_GET_TGID_FROM_PIDNS;
	mpu_u32 i, last_in = 0, last_out = 0;

	for (i = 0; i < count; i++) {
		long result;

		/* Samples name the same process many times in a row. */
		if (in[i] != last_in) {
			result = mpu_sys_ioctl(fd, request, in[i]);
			if (result < 0 && result != -MPU_ESRCH)
				return (int)result; /* an older kernel, or no namespace file */
			last_in = in[i];
			last_out = result > 0 ? (mpu_u32)result : 0;
		}
		out[i] = last_out;
	}
	return 0;
}
