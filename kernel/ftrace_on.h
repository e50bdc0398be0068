/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tells whether ftrace calls its callbacks. Since Linux 5.5 it always does while one with
 * FTRACE_OPS_FL_PERMANENT is registered. Before, kernel.ftrace_enabled=0 silences a callback
 * without a word to its module. There the callback also traces a function of this module, and makes
 * it return something else: when the function returns what is written in it, ftrace is off.
 */
#ifndef MPU_FTRACE_ON_H
#define MPU_FTRACE_ON_H

#include <linux/types.h>

#include "compat.h"

struct mpu_ftrace_regs;

#ifdef MPU_FTRACE_CAN_BE_SWITCHED
/* The function to trace, and its name. */
bool mpu_ftrace_witness(void);
#define MPU_FTRACE_WITNESS "mpu_ftrace_witness"

/* Returns true if the callback was called for that function, which it has then redirected. */
bool mpu_ftrace_redirect_witness(unsigned long ip, struct mpu_ftrace_regs *regs);

/* Returns true if the callback is called. It must be registered. */
bool mpu_ftrace_is_on(void);
#else
#define MPU_FTRACE_WITNESS NULL

static inline bool mpu_ftrace_redirect_witness(unsigned long ip, struct mpu_ftrace_regs *regs)
{
	return false;
}

static inline bool mpu_ftrace_is_on(void)
{
	return true;
}
#endif

#endif
