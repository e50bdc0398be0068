// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done with each kind of control once the driver has answered it. The questions with a PID
 * in them (INFO, RECORD) are in question.c.
 */
#include "question.h"
#include "regime.h"

/* In which space the driver gave the PIDs of an answer. */
static enum mpu_rm_verdict answer_space(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
					const struct mpu_rm_layout *layout,
					enum mpu_rm_space *space)
{
	struct mpu_rm_release release;

	*space = MPU_RM_SPACE_HOST;
	if (layout->flags & MPU_RM_ROW_GLOBAL)
		return MPU_RM_GO_ON;
	if (layout->cmd == MPU_RM_GPU_GET_PIDS)
		return mpu_rm_list_space(ops, work, space);
	if (layout->cmd == MPU_RM_ACCT_GET_PIDS && ops->release(ops->context, &release) &&
	    release.acct_list_caller)
		*space = MPU_RM_SPACE_CALLER;
	/* A layout with kernel pointers marks what is not visible and translates the rest (570 and
	 * later). */
	if (layout->kernel_pointer)
		*space = MPU_RM_SPACE_CALLER;
	return MPU_RM_GO_ON;
}

/* work->pids to the caller's PIDs in work->out[1..]. */
static enum mpu_rm_verdict resolve(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
				   enum mpu_rm_space space, mpu_u32 count)
{
	enum mpu_rm_verdict verdict;
	mpu_u32 i;

	for (i = 0; i < count; i++)
		work->in[i + 1] = work->pids[i];
	if (space == MPU_RM_SPACE_HOST)
		return mpu_rm_translate(ops, work, MPU_RM_TO_CALLER, count);

	/* Up to 570.144 the driver names threads: there and back again gives the process. */
	verdict = mpu_rm_translate(ops, work, MPU_RM_TO_HOST, count);
	if (verdict != MPU_RM_GO_ON)
		return verdict;
	for (i = 0; i < count; i++)
		work->in[i + 1] = work->out[i + 1];
	verdict = mpu_rm_translate(ops, work, MPU_RM_TO_CALLER, count);
	/* A thread that has ended no longer leads to its process, but the driver vouches that it is
	 * the caller's to see. */
	for (i = 0; i < count; i++)
		if (!work->out[i + 1])
			work->out[i + 1] = work->pids[i];
	return verdict;
}

static enum mpu_rm_event answer(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
				const struct mpu_rm_layout *layout, void *params)
{
	enum mpu_rm_verdict verdict;
	enum mpu_rm_space space;
	mpu_u32 elements = mpu_rm_elements(layout, params);
	mpu_u8 *array = (mpu_u8 *)params + layout->array;
	mpu_u32 count;

	if (!elements)
		return MPU_RM_EVENT_HANDLED;
	if (layout->pointer) {
		mpu_u64 pointer = mpu_rm_array_pointer(layout, params);

		if (!pointer)
			return MPU_RM_EVENT_HANDLED; /* the caller asked for the count alone */
		array = ops->array(ops->context, pointer, elements * layout->stride);
		if (!array)
			return MPU_RM_EVENT_UNDECIDED;
	}
	verdict = answer_space(ops, work, layout, &space);
	if (verdict == MPU_RM_GO_ON && space == MPU_RM_SPACE_UNKNOWN)
		return MPU_RM_EVENT_UNDECIDED;
	if (verdict == MPU_RM_GO_ON) {
		count = mpu_rm_gather(layout, array, elements, work->pids);
		verdict = resolve(ops, work, space, count);
	}
	if (verdict == MPU_RM_HOST_CALLER)
		return MPU_RM_EVENT_HOST_CALLER;
	if (verdict == MPU_RM_NO_TRANSLATOR)
		return MPU_RM_EVENT_NO_TRANSLATOR;
	mpu_rm_scatter(layout, params, array, elements, work->out + 1);
	return MPU_RM_EVENT_HANDLED;
}

mpu_u32 mpu_rm_control(const struct mpu_rm_ops *ops, struct mpu_rm_work *work, mpu_u32 cmd,
		       void *params, mpu_u32 size, mpu_u32 status)
{
	const struct mpu_rm_layout *layout;
	enum mpu_rm_event event;

	if (status != MPU_NV_OK && !ops->accessible(ops->context, params, size))
		return status;
	layout = mpu_rm_find(cmd, size, params);
	if (!layout)
		event = MPU_RM_EVENT_UNKNOWN_LAYOUT;
	else if (layout->kind == MPU_RM_KIND_INFO)
		event = mpu_rm_info(ops, work, layout, params);
	else if (layout->kind == MPU_RM_KIND_RECORD)
		event = mpu_rm_record(ops, work, layout, params, &status);
	else
		event = answer(ops, work, layout, params);
	ops->count(ops->context, event);
	return status;
}
