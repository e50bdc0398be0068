/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In which PID namespace the driver speaks, found out by asking it. Internal to kernel/rm.
 */
#ifndef MPU_RM_REGIME_H
#define MPU_RM_REGIME_H

#include "rm.h"

enum mpu_rm_space { MPU_RM_SPACE_UNKNOWN, MPU_RM_SPACE_HOST, MPU_RM_SPACE_CALLER };

/* MPU_RM_GO_ON, or why nothing is to be done. */
enum mpu_rm_verdict { MPU_RM_GO_ON, MPU_RM_HOST_CALLER, MPU_RM_NO_TRANSLATOR };

/*
 * Translates work->in[1..count] into work->out[1..count]. in[0] is overwritten: PID 1 rides along
 * and tells whether the caller is in the initial namespace, where alone 1 is 1 on both sides.
 */
enum mpu_rm_verdict mpu_rm_translate(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
				     enum mpu_rm_direction direction, mpu_u32 count);

/*
 * Asks GPU_GET_PIDS for class subdevice, in whose answer the caller itself occurs, and decides by
 * that in which space GPU_GET_PIDS answers. Fills work->raw and work->host (meaningful for
 * MPU_RM_SPACE_CALLER). Uses in, out and query.
 */
enum mpu_rm_verdict mpu_rm_list_space(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
				      enum mpu_rm_space *space);

#endif
