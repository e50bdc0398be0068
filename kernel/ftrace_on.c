// SPDX-License-Identifier: GPL-2.0-only
#include "ftrace_on.h"

#if defined(MPU_CAN_REDIRECT) && defined(MPU_FTRACE_CAN_BE_SWITCHED)

/* Read again at each call, so that no caller knows the result without one. */
static bool off;

noinline bool mpu_ftrace_witness(void)
{
	return READ_ONCE(off);
}

static bool on(void)
{
	return true;
}

bool notrace mpu_ftrace_redirect_witness(unsigned long ip, struct mpu_ftrace_regs *regs)
{
	if (ip != (unsigned long)mpu_ftrace_witness)
		return false;
	mpu_ftrace_redirect(regs, (unsigned long)on);
	return true;
}

bool mpu_ftrace_is_on(void)
{
	return mpu_ftrace_witness();
}

#endif
