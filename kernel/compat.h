/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that differs between kernels. The rest of the module is written for the newest one;
 * HAS_<NAME> is defined where configure/<NAME>/test.c compiles.
 */
#ifndef MPU_COMPAT_H
#define MPU_COMPAT_H

#include <linux/ftrace.h>
#include <linux/ktime.h>
#include <linux/pid.h>
#include <linux/ptrace.h>
#include <linux/sysfs.h>
#include <net/genetlink.h>

#ifndef HAS_PID_HAS_TASK
static inline bool pid_has_task(struct pid *pid, enum pid_type type)
{
	return !hlist_empty(&pid->tasks[type]);
}
#endif

#ifndef HAS_KTIME_GET_BOOTTIME_NS
#define ktime_get_boottime_ns() ktime_get_boot_ns()
#endif

#ifndef HAS_SYSFS_EMIT
#define sysfs_emit(buffer, ...) scnprintf(buffer, PAGE_SIZE, __VA_ARGS__)
#endif

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
 * The policy of a request: for its entry in the table, and again for the first thing that its
 * handler does. Where all requests of a family share one policy, the entry cannot name it, and the
 * handler parses the request once more.
 */
#ifdef HAS_GENL_OPS_POLICY
#define MPU_GENL_POLICY(attributes, last) .policy = (attributes), .maxattr = (last)
#define MPU_GENL_FAMILY_MAXATTR		  0
#else
#define MPU_GENL_POLICY(attributes, last) .dumpit = NULL
#define MPU_GENL_FAMILY_MAXATTR		  MPU_A_MAX
#endif

static inline int mpu_genl_parse(const struct genl_info *info, const struct nla_policy *policy,
				 int last)
{
#ifdef HAS_GENL_OPS_POLICY
	return 0;
#else
	return nlmsg_parse(info->nlhdr, GENL_HDRLEN, info->attrs, last, policy, info->extack);
#endif
}

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
#elif defined(CONFIG_64BIT) && defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS) &&                         \
	(defined(HAS_REGS_GET_KERNEL_ARGUMENT) || defined(CONFIG_X86_64))
#define MPU_CAN_REDIRECT
#define MPU_FTRACE_REGISTERS FTRACE_OPS_FL_SAVE_REGS
#ifdef HAS_FTRACE_REGS
#define mpu_ftrace_regs		 ftrace_regs
#define mpu_ftrace_pt_regs(regs) ftrace_get_regs(regs)
#else
#define mpu_ftrace_regs		 pt_regs
#define mpu_ftrace_pt_regs(regs) (regs)
#endif
#ifdef HAS_REGS_GET_KERNEL_ARGUMENT
#define mpu_ftrace_argument(regs, n) regs_get_kernel_argument(mpu_ftrace_pt_regs(regs), n)
#else
/* The first three are all that is wanted. */
static inline unsigned long mpu_ftrace_argument(const struct pt_regs *regs, unsigned int n)
{
	return n == 0 ? regs->di : n == 1 ? regs->si : regs->dx;
}
#endif
#define mpu_ftrace_redirect(regs, address)                                                         \
	instruction_pointer_set(mpu_ftrace_pt_regs(regs), address)
#endif

/* Of a callback that needs no protection against recursion. */
#ifdef HAS_FTRACE_OPS_FL_RECURSION
#define MPU_FTRACE_RECURSION_SAFE 0
#else
#define MPU_FTRACE_RECURSION_SAFE FTRACE_OPS_FL_RECURSION_SAFE
#endif

/* Without this flag ftrace can be switched off under a callback: ftrace_on.h. */
#ifdef HAS_FTRACE_OPS_FL_PERMANENT
#define MPU_FTRACE_PERMANENT FTRACE_OPS_FL_PERMANENT
#else
#define MPU_FTRACE_PERMANENT	   0
#define MPU_FTRACE_CAN_BE_SWITCHED 1
#endif

#endif
