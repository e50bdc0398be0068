/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that differs between kernels. The rest of the module is written for the newest one;
 * HAS_<NAME> is defined where configure/<NAME>/test.c compiles.
 */
#ifndef MPU_COMPAT_H
#define MPU_COMPAT_H

#include <linux/ftrace.h>
#include <net/genetlink.h>

#ifndef HAS_GENL_REQ_ATTR_CHECK
static inline bool GENL_REQ_ATTR_CHECK(const struct genl_info *info, int attribute)
{
	if (info->attrs[attribute])
		return false;
	NL_SET_ERR_MSG(info->extack, "a required attribute is missing");
	return true;
}
#endif

/* Before Linux 6.1 a message can only be pointed to. The module's own outlive the request. */
#ifndef NL_SET_ERR_MSG_FMT
#define NL_SET_ERR_MSG_FMT(extack, format, text) ((extack)->_msg = (text))
#endif

/*
 * Redirecting a function from a callback of ftrace takes the function's arguments and a way to set
 * where it goes on. MPU_CAN_REDIRECT is defined where there are both.
 */
#if defined(CONFIG_64BIT) && defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) &&                           \
	defined(HAS_FTRACE_ARGUMENTS)
#define MPU_CAN_REDIRECT
#define mpu_ftrace_regs			   ftrace_regs
#define MPU_FTRACE_REGISTERS		   0
#define mpu_ftrace_argument(regs, n)	   ftrace_regs_get_argument(regs, n)
#define mpu_ftrace_redirect(regs, address) ftrace_regs_set_instruction_pointer(regs, address)
#elif defined(CONFIG_64BIT) && defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS)
#define MPU_CAN_REDIRECT
#define MPU_FTRACE_REGISTERS FTRACE_OPS_FL_SAVE_REGS
#ifdef HAS_FTRACE_REGS
#define mpu_ftrace_regs		 ftrace_regs
#define mpu_ftrace_pt_regs(regs) ftrace_get_regs(regs)
#else
#define mpu_ftrace_regs		 pt_regs
#define mpu_ftrace_pt_regs(regs) (regs)
#endif
#define mpu_ftrace_argument(regs, n) regs_get_kernel_argument(mpu_ftrace_pt_regs(regs), n)
#define mpu_ftrace_redirect(regs, address)                                                         \
	instruction_pointer_set(mpu_ftrace_pt_regs(regs), address)
#endif

/* Of a callback that needs no protection against recursion. */
#ifdef HAS_FTRACE_OPS_FL_RECURSION
#define MPU_FTRACE_RECURSION_SAFE 0
#else
#define MPU_FTRACE_RECURSION_SAFE FTRACE_OPS_FL_RECURSION_SAFE
#endif

#endif
