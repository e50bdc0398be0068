// SPDX-License-Identifier: GPL-2.0-only
#include "sys.h"

#define PAGE	    4096ul /* the smallest there is: larger ones are merely asked about more often */
#define SIGSET_SIZE 8
#define HOW_NONE    99 /* no SIG_BLOCK, SIG_UNBLOCK or SIG_SETMASK: EINVAL after the set was read */

static int word_accessible(unsigned long address)
{
	mpu_u32 saved[SIGSET_SIZE / 4];

	if (mpu_syscall4(MPU_NR_rt_sigprocmask, HOW_NONE, (long)address, 0, SIGSET_SIZE) !=
	    -MPU_EINVAL)
		return 0;
	mpu_rm_copy(saved, (void *)address, SIGSET_SIZE);
	if (mpu_syscall4(MPU_NR_rt_sigprocmask, 0, 0, (long)address, SIGSET_SIZE) != 0)
		return 0;
	mpu_rm_copy((void *)address, saved, SIGSET_SIZE);
	return 1;
}

int mpu_sys_accessible(void *memory, mpu_u32 size)
{
	unsigned long address = (unsigned long)memory;
	unsigned long last = address + size - SIGSET_SIZE;

	if (size < SIGSET_SIZE || last < address)
		return 0;
	for (; address < last; address = (address | (PAGE - 1)) + 1)
		if (!word_accessible(address))
			return 0;
	return word_accessible(last);
}
