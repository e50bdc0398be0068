// SPDX-License-Identifier: GPL-2.0-only
#include "sys.h"

#define PAGE	 4096ul /* the smallest there is: larger ones are merely asked about more often */
#define HOW_NONE 99 /* no SIG_BLOCK, SIG_UNBLOCK or SIG_SETMASK: EINVAL after the set was read */

int mpu_sys_is_readable(const void *memory)
{
	return mpu_syscall4(MPU_NR_rt_sigprocmask, HOW_NONE, (long)memory, 0, MPU_SIGSET_SIZE) ==
	       -MPU_EINVAL;
}

static int word_accessible(unsigned long address)
{
	mpu_u32 saved[MPU_SIGSET_SIZE / 4];

	if (!mpu_sys_is_readable((void *)address))
		return 0;
	mpu_rm_copy(saved, (void *)address, MPU_SIGSET_SIZE);
	if (mpu_syscall4(MPU_NR_rt_sigprocmask, 0, 0, (long)address, MPU_SIGSET_SIZE) != 0)
		return 0;
	mpu_rm_copy((void *)address, saved, MPU_SIGSET_SIZE);
	return 1;
}

int mpu_sys_accessible(void *memory, mpu_u32 size)
{
	unsigned long address = (unsigned long)memory;
	unsigned long last = address + size - MPU_SIGSET_SIZE;

	if (size < MPU_SIGSET_SIZE || last < address)
		return 0;
	for (; address < last; address = (address | (PAGE - 1)) + 1)
		if (!word_accessible(address))
			return 0;
	return word_accessible(last);
}
