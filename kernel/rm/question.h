/* SPDX-License-Identifier: GPL-2.0-only */
/* Controls whose PID is the caller's question. Internal to kernel/rm. */
#ifndef MPU_RM_QUESTION_H
#define MPU_RM_QUESTION_H

#include "rm.h"

/* GPU_GET_PID_INFO: memory of up to 200 PIDs. */
enum mpu_rm_event mpu_rm_info(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
			      const struct mpu_rm_layout *layout, void *params);

/* GET_PROC_ACCOUNTING_INFO: the record of one PID. Sets *status to what the caller shall see. */
enum mpu_rm_event mpu_rm_record(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
				const struct mpu_rm_layout *layout, void *params, mpu_u32 *status);

#endif
