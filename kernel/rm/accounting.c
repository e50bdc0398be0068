// SPDX-License-Identifier: GPL-2.0-only
/*
 * GET_PROC_ACCOUNTING_INFO: the accounting record of one PID. The PID is the caller's question, and
 * some releases replace it by the host PID in their answer.
 */
#include "internal.h"

/*
 * Returns true if the driver replaces the PID of the question by the host PID, as it does from 570
 * on. pid is the PID in its answer, caller the caller's PID of that process.
 */
static int overwrites(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
		      const struct mpu_rm_layout *layout, const void *params, mpu_u32 pid,
		      mpu_u32 caller)
{
	mpu_u8 *query = (mpu_u8 *)work->query;

	if (work->release_known && work->release.acct_overwrites)
		return 1;
	mpu_rm_copy(query, params, layout->size);
	mpu_rm_store32(query, layout->pid, caller);
	return ops->control(ops->context, layout->cmd, query, layout->size) == MPU_NV_OK &&
	       pid != caller && mpu_rm_load32(query, layout->pid) == pid;
}

static int may_overwrite(const struct mpu_rm_work *work)
{
	return !work->release_known || work->release.acct_overwrites;
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

	if (!may_overwrite(work) || !mpu_rm_record_runs(params))
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
		if (may_overwrite(work))
			mpu_rm_store32(params, layout->pid, 0);
		mpu_rm_clear_record(layout, params);
	}
	*status = MPU_NV_ERR_OBJECT_NOT_FOUND;
	return MPU_RM_EVENT_HANDLED;
}
