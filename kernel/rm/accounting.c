// SPDX-License-Identifier: GPL-2.0-only
/*
 * GET_PROC_ACCOUNTING_INFO: the accounting record of one PID. The PID is the caller's question, and
 * some releases replace it by the host PID in their answer. And GET_ACCOUNTING_PIDS as far as such
 * records tell what its PIDs mean.
 */
#include "internal.h"

/* Bounds the time that a list takes in the kernel; the first record nearly always decides. */
#define RECORDS_ASKED 16u
#define RECORD_SIZE   48u

/* Asks for the record of a PID; work->query then has the driver's answer. Returns the status. */
static mpu_u32 ask_record(const struct mpu_rm_ops *ops, struct mpu_rm_work *work, mpu_u32 gpu_id,
			  mpu_u32 pid)
{
	mpu_u8 *query = (mpu_u8 *)work->query;
	mpu_u32 i;

	for (i = 0; i < RECORD_SIZE; i += 4)
		mpu_rm_store32(query, i, 0);
	mpu_rm_store32(query, 0, gpu_id);
	mpu_rm_store32(query, 4, pid);
	return ops->control(ops->context, MPU_RM_ACCT_GET_PROC_INFO, query, RECORD_SIZE);
}

static int is_recorded(const struct mpu_rm_work *work, mpu_u32 count, mpu_u32 pid)
{
	mpu_u32 i;

	for (i = 0; i < count; i++)
		if (work->pids[i] == pid)
			return 1;
	return 0;
}

/*
 * Drivers list host PIDs, but from 570.86 to 570.133.07 (R3a) the caller's. From R3a on the record
 * of one of the caller's PIDs comes back with the host PID, which a list of host PIDs has too.
 */
int mpu_rm_records_space(const struct mpu_rm_ops *ops, struct mpu_rm_work *work, const void *params,
			 mpu_u32 count, enum mpu_rm_space *space)
{
	mpu_u32 i, pid, host, answered, status;
	int asked = 1;

	for (i = 0; i < count && i < RECORDS_ASKED; i++) {
		pid = work->pids[i];
		if (!mpu_rm_translate_one(ops, MPU_RM_TO_HOST, pid, &host))
			return 0;
		status = ask_record(ops, work, mpu_rm_load32(params, 0), pid);
		if (status != MPU_NV_OK && status != MPU_NV_ERR_OBJECT_NOT_FOUND) {
			asked = 0;
			break;
		}
		if (status != MPU_NV_OK || host == pid)
			continue;
		answered = mpu_rm_load32(work->query, 4);
		if (answered != pid && !is_recorded(work, count, answered)) {
			*space = MPU_RM_SPACE_CALLER;
			return 1;
		}
		if (answered == pid) {
			*space = MPU_RM_SPACE_HOST;
			return 1;
		}
	}
	if (!asked && !work->release_known)
		*space = MPU_RM_SPACE_UNKNOWN;
	else
		*space = work->release_known && work->release.acct_list_caller ? MPU_RM_SPACE_CALLER
									       : MPU_RM_SPACE_HOST;
	return 1;
}

/*
 * Returns true if the driver replaces the PID of the question by the host PID, as it does from 570
 * on. pid is the PID in its answer, caller the caller's PID of that process.
 */
static int overwrites(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
		      const struct mpu_rm_layout *layout, const void *params, mpu_u32 pid,
		      mpu_u32 caller)
{
	mpu_u8 *query = (mpu_u8 *)work->query;

	mpu_rm_copy(query, params, layout->size);
	mpu_rm_store32(query, layout->pid, caller);
	return ops->control(ops->context, layout->cmd, query, layout->size) == MPU_NV_OK &&
	       pid != caller && mpu_rm_load32(query, layout->pid) == pid;
}

/*
 * Returns true if the record said "running" but a repeated query does not. The process has then
 * exited, and a host PID that the driver wrote over the caller's PID can no longer be mapped back.
 * A stranger's record, found under the PID that was asked for, stays as it is.
 */
static int ended_meanwhile(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
			   const struct mpu_rm_layout *layout, const void *params, mpu_u32 pid)
{
	mpu_u8 *query = (mpu_u8 *)work->query;

	if (!mpu_rm_record_runs(params))
		return 0;
	mpu_rm_copy(query, params, layout->size);
	return ops->control(ops->context, layout->cmd, query, layout->size) != MPU_NV_OK ||
	       mpu_rm_load32(query, layout->pid) != pid || !mpu_rm_record_runs(query);
}

enum mpu_rm_event mpu_rm_record(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
				const struct mpu_rm_layout *layout, void *params, mpu_u32 *status)
{
	mpu_u8 *query = (mpu_u8 *)work->query;
	mpu_u32 pid = mpu_rm_load32(params, layout->pid);
	mpu_u32 caller, host;

	if (!mpu_rm_translate_one(ops, MPU_RM_TO_CALLER, pid, &caller) ||
	    !mpu_rm_translate_one(ops, MPU_RM_TO_HOST, pid, &host))
		return MPU_RM_EVENT_NO_TRANSLATOR;
	if (*status == MPU_NV_OK && caller && overwrites(ops, work, layout, params, pid, caller)) {
		mpu_rm_scatter(layout, params, params, 1, &caller);
		return MPU_RM_EVENT_HANDLED;
	}
	if (*status == MPU_NV_OK && ended_meanwhile(ops, work, layout, params, pid)) {
		mpu_rm_store32(params, layout->pid, 0);
		host = 0;
	}
	if (host) {
		mpu_rm_copy(query, params, layout->size);
		mpu_rm_store32(query, layout->pid, host);
		/* A driver that looks among the caller's PIDs first may have found another process:
		 * then pid tells. */
		if (ops->control(ops->context, layout->cmd, query, layout->size) == MPU_NV_OK &&
		    mpu_rm_load32(query, layout->pid) == host) {
			mpu_rm_copy(params, query, layout->size);
			mpu_rm_scatter(layout, params, params, 1, &pid);
			*status = MPU_NV_OK;
			return MPU_RM_EVENT_HANDLED;
		}
	}
	/* Nothing that the caller may see: what the driver found, if anything, was a stranger's. */
	if (*status == MPU_NV_OK) {
		/* The PID that is there now can be the host's: of a process that has ended while a
		 * client of its lives on. The caller's own is lost. */
		mpu_rm_store32(params, layout->pid, 0);
		mpu_rm_clear_record(layout, params);
	}
	*status = MPU_NV_ERR_OBJECT_NOT_FOUND;
	return MPU_RM_EVENT_HANDLED;
}
