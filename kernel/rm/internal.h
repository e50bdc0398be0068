/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of kernel/rm use of each other. Nobody else includes it. */
#ifndef MPU_RM_INTERNAL_H
#define MPU_RM_INTERNAL_H

#include "rm.h"

/* The PID namespace of the driver's numbers, found by asking the driver. In regime.c. */
enum mpu_rm_space { MPU_RM_SPACE_UNKNOWN, MPU_RM_SPACE_HOST, MPU_RM_SPACE_CALLER };

/* Translates work->in[0..count-1] into work->out. False when the translator failed. */
int mpu_rm_translate(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
		     enum mpu_rm_direction direction, mpu_u32 count);

/* Translates one PID, 0 when not visible. False when the translator failed. */
int mpu_rm_translate_one(const struct mpu_rm_ops *ops, enum mpu_rm_direction direction, mpu_u32 pid,
			 mpu_u32 *result);

/*
 * For a PID list or PID question of this layout: asks for the list of class subdevice, in whose
 * answer the caller itself occurs, and decides by that in which space GPU_GET_PIDS answers. Fills
 * work->raw and, when that space is the caller's and with_hosts is set, work->host. Uses in, out
 * and query. False when the translator failed.
 */
int mpu_rm_list_space(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
		      const struct mpu_rm_layout *layout, int with_hosts, enum mpu_rm_space *space);

/* Whether work->raw has this number. */
int mpu_rm_is_listed(const struct mpu_rm_work *work, mpu_u32 pid);

/* GPU_GET_PID_INFO: memory of up to 200 PIDs. In pid_info.c. */
enum mpu_rm_event mpu_rm_info(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
			      const struct mpu_rm_layout *layout, void *params);

/*
 * GET_ACCOUNTING_PIDS: finds the space of the count PIDs in work->pids, by the records that the
 * driver has of them. Uses query. False when the translator failed. In accounting.c.
 */
int mpu_rm_records_space(const struct mpu_rm_ops *ops, struct mpu_rm_work *work, const void *params,
			 mpu_u32 count, enum mpu_rm_space *space);

/*
 * GET_PROC_ACCOUNTING_INFO: the record of one PID. Sets *status to the status that the caller sees.
 * In accounting.c.
 */
enum mpu_rm_event mpu_rm_record(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
				const struct mpu_rm_layout *layout, void *params, mpu_u32 *status);

#endif
