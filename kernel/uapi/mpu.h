/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The generic netlink family "mpu": translates PIDs between the initial PID namespace ("host") and
 * the PID namespace of the caller.
 *
 * The caller is the task that sends the request. The family answers in every network namespace and
 * needs no privilege but for MPU_CMD_SET. Every number is in host byte order.
 *
 *   MPU_CMD_TO_NS: host PIDs to the caller's PIDs
 *   MPU_CMD_TO_HOST: the caller's PIDs to host PIDs
 *     request
 *       MPU_A_PIDS: binary, __u32[1..MPU_MAX_PIDS]
 *     reply
 *       MPU_A_PIDS: binary, as many __u32 in the same order
 *
 *     An id of a thread is answered with the id of its process (thread group). 0 stands for every
 *     id that names no process visible from the caller's PID namespace: a process elsewhere and
 *     one that does not exist are not told apart. For a caller in the initial PID namespace both
 *     commands answer with the id of the process itself, so they tell which ids are in use.
 *
 *     EPERM: a kernel thread sends, for whom cannot be told (io_uring before Linux 5.12).
 *     ERANGE: MPU_A_PIDS is longer than MPU_MAX_PIDS ids. EINVAL: it is missing, empty or no whole
 *     number of ids.
 *
 *   MPU_CMD_GET: what the module is and does
 *     request
 *       none
 *     reply
 *       MPU_A_MODULE_VERSION: string
 *       MPU_A_ABI_VERSION: __u32, MPU_ABI_VERSION of the module
 *       MPU_A_FEATURES: __u32, bits of enum mpu_feature
 *       MPU_A_MAX_PIDS: __u32, most ids a request may carry
 *       MPU_A_INTERCEPT: __u32, enum mpu_intercept
 *       MPU_A_GENERATION: __u64, differs after every load of the module and every change in
 *         whether it rewrites; only equality means anything
 *       MPU_A_COUNTERS: nested, only for callers in the initial PID namespace
 *         MPU_A_COUNTER_REQUESTS: __u64, MPU_CMD_TO_NS and MPU_CMD_TO_HOST since the load
 *         MPU_A_COUNTER_PIDS: __u64, ids in them
 *         MPU_A_COUNTER_HIDDEN: __u64, ids among those that were answered with 0
 *         MPU_A_COUNTER_REWRITTEN: __u64, answers of the driver put right since the load
 *         MPU_A_COUNTER_UNTOUCHED: __u64, answers with PIDs in them that were left as they were
 *         MPU_A_COUNTER_IN_FLIGHT: __u64, calls to the driver that are being looked after now
 *       MPU_A_INTERCEPT_REASON: string, why it does not rewrite; only in the states that have one
 *
 *   MPU_CMD_SET: changes what the module does
 *     request
 *       MPU_A_INTERCEPT: __u32, MPU_INTERCEPT_OFF or MPU_INTERCEPT_ON
 *     reply
 *       none (an acknowledgment when NLM_F_ACK asks for it, sent once it has been switched)
 *
 *     EPERM: the caller lacks CAP_SYS_ADMIN in the initial user namespace or is not in the initial
 *     PID namespace. EOPNOTSUPP: the intercept state is MPU_INTERCEPT_ABSENT. EBUSY: somebody else
 *     redirects the driver's function, a live patch for instance. EINVAL: the driver has no such
 *     function. EAGAIN: another tracer of it is being attached. ENOMEM: there is no memory for
 *     that. ENODEV: ftrace has shut itself down. ESHUTDOWN: the module is being unloaded.
 *
 * Attributes that a request does not list are refused with EINVAL. Refusals carry an extended
 * acknowledgment (NETLINK_EXT_ACK) that says why.
 *
 * Numbers here are never changed or reused. What is new goes to the end of its enum and is
 * announced by a bit in enum mpu_feature; MPU_ABI_VERSION grows when the meaning of anything old
 * changes.
 */
#ifndef _UAPI_MPU_H
#define _UAPI_MPU_H

#include <linux/types.h>

#define MPU_FAMILY_NAME "mpu"
#define MPU_ABI_VERSION 1
#define MPU_MAX_PIDS	4096

enum mpu_feature {
	MPU_FEATURE_TRANSLATE = 1 << 0, /* MPU_CMD_TO_NS, MPU_CMD_TO_HOST */
	MPU_FEATURE_INTERCEPT = 1 << 1, /* MPU_CMD_SET with MPU_A_INTERCEPT */
};

enum mpu_intercept {
	MPU_INTERCEPT_UNSPEC,
	MPU_INTERCEPT_ABSENT,  /* this module cannot rewrite the driver's answers */
	MPU_INTERCEPT_OFF,     /* it could, and does not */
	MPU_INTERCEPT_ON,      /* it does */
	MPU_INTERCEPT_WAITING, /* it will, once nvidia.ko is loaded */
	MPU_INTERCEPT_BLOCKED, /* it should, and cannot */
};

enum mpu_cmd {
	MPU_CMD_UNSPEC,
	MPU_CMD_TO_NS,
	MPU_CMD_TO_HOST,
	MPU_CMD_GET,
	MPU_CMD_SET,

	__MPU_CMD_MAX,
	MPU_CMD_MAX = __MPU_CMD_MAX - 1
};

enum mpu_attr {
	MPU_A_UNSPEC,
	MPU_A_PAD,
	MPU_A_PIDS,
	MPU_A_MODULE_VERSION,
	MPU_A_ABI_VERSION,
	MPU_A_FEATURES,
	MPU_A_MAX_PIDS,
	MPU_A_INTERCEPT,
	MPU_A_GENERATION,
	MPU_A_COUNTERS,
	MPU_A_INTERCEPT_REASON,

	__MPU_A_MAX,
	MPU_A_MAX = __MPU_A_MAX - 1
};

enum mpu_counter_attr {
	MPU_A_COUNTER_UNSPEC,
	MPU_A_COUNTER_PAD,
	MPU_A_COUNTER_REQUESTS,
	MPU_A_COUNTER_PIDS,
	MPU_A_COUNTER_HIDDEN,
	MPU_A_COUNTER_REWRITTEN,
	MPU_A_COUNTER_UNTOUCHED,
	MPU_A_COUNTER_IN_FLIGHT,

	__MPU_A_COUNTER_MAX,
	MPU_A_COUNTER_MAX = __MPU_A_COUNTER_MAX - 1
};

#endif /* _UAPI_MPU_H */
