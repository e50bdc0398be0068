// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rewrites a control that the driver has answered, by its kind. The kinds whose PID is the caller's
 * question are in pid_info.c (INFO) and accounting.c (RECORD).
 */
#include "internal.h"

/* Finds the space of an answer's PIDs, of which work->pids holds count. */
static int answer_space(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
			const struct mpu_rm_layout *layout, const void *params, mpu_u32 count,
			enum mpu_rm_space *space)
{
	if (layout->cmd == MPU_RM_GPU_GET_PIDS || layout->cmd == MPU_RM_DEVICE_GET_PIDS)
		return mpu_rm_list_space(ops, work, layout, 0, space);
	if (layout->cmd == MPU_RM_ACCT_GET_PIDS)
		return mpu_rm_records_space(ops, work, params, count, space);
	/* A layout with kernel pointers marks what is not visible and translates the rest (570 and
	 * later). */
	*space = layout->kernel_pointer ? MPU_RM_SPACE_CALLER : MPU_RM_SPACE_HOST;
	return 1;
}

/* work->pids to the caller's PIDs in work->out. */
static int resolve(const struct mpu_rm_ops *ops, struct mpu_rm_work *work, enum mpu_rm_space space,
		   mpu_u32 count)
{
	mpu_u32 i;

	for (i = 0; i < count; i++)
		work->in[i] = work->pids[i];
	if (space == MPU_RM_SPACE_HOST)
		return mpu_rm_translate(ops, work, MPU_RM_TO_CALLER, count);

	/* Up to 570.144 the driver names threads: there and back again gives the process. */
	if (!mpu_rm_translate(ops, work, MPU_RM_TO_HOST, count))
		return 0;
	for (i = 0; i < count; i++)
		work->in[i] = work->out[i];
	if (!mpu_rm_translate(ops, work, MPU_RM_TO_CALLER, count))
		return 0;
	/* A thread that has ended no longer leads to its process, but the driver vouches that it is
	 * the caller's to see. */
	for (i = 0; i < count; i++)
		if (!work->out[i])
			work->out[i] = work->pids[i];
	return 1;
}

/* Memory of an answer's elements, NULL when there is none to be touched. */
static mpu_u8 *answer_array(const struct mpu_rm_ops *ops, const struct mpu_rm_layout *layout,
			    mpu_u8 *params, mpu_u32 elements)
{
	if (!layout->pointer)
		return params + layout->array;
	return ops->array(ops->context, mpu_rm_array_pointer(layout, params),
			  elements * layout->stride);
}

static enum mpu_rm_event rewrite(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
				 const struct mpu_rm_layout *layout, void *params, int host_caller)
{
	enum mpu_rm_space space;
	mpu_u32 elements = mpu_rm_elements(layout, params);
	mpu_u32 count;
	mpu_u8 *array;

	/* nothing listed, or the caller asked for the count alone */
	if (!elements || (layout->pointer && !mpu_rm_array_pointer(layout, params)))
		return MPU_RM_EVENT_HANDLED;
	array = answer_array(ops, layout, params, elements);
	if (!array)
		return MPU_RM_EVENT_UNDECIDED;
	if (host_caller) {
		/* its numbers are right, but from 570.148 on kernel addresses come with them */
		mpu_rm_hide_pointers(layout, array, elements);
		return MPU_RM_EVENT_HOST_CALLER;
	}
	count = mpu_rm_gather(layout, array, elements, work->pids);
	if (!answer_space(ops, work, layout, params, count, &space))
		return MPU_RM_EVENT_NO_TRANSLATOR;
	if (space == MPU_RM_SPACE_UNKNOWN)
		return MPU_RM_EVENT_UNDECIDED;
	if (!resolve(ops, work, space, count))
		return MPU_RM_EVENT_NO_TRANSLATOR;
	mpu_rm_scatter(layout, params, array, elements, work->out);
	return MPU_RM_EVENT_HANDLED;
}

static enum mpu_rm_event control(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
				 const struct mpu_rm_layout *layout, void *params, mpu_u32 *status)
{
	mpu_u32 init;
	int host_caller;

	/* Only in the initial namespace is its process 1 visible, as 1. */
	if (!mpu_rm_translate_one(ops, MPU_RM_TO_CALLER, 1, &init))
		return MPU_RM_EVENT_NO_TRANSLATOR;
	host_caller = init == 1;
	work->release_known = ops->release(ops->context, &work->release);

	switch (layout->kind) {
	case MPU_RM_KIND_INFO:
		return host_caller ? MPU_RM_EVENT_HOST_CALLER
				   : mpu_rm_info(ops, work, layout, params);
	case MPU_RM_KIND_RECORD:
		return host_caller ? MPU_RM_EVENT_HOST_CALLER
				   : mpu_rm_record(ops, work, layout, params, status);
	default:
		return rewrite(ops, work, layout, params, host_caller);
	}
}

mpu_u32 mpu_rm_control(const struct mpu_rm_ops *ops, struct mpu_rm_work *work, mpu_u32 cmd,
		       void *params, mpu_u32 size, mpu_u32 status)
{
	/* Rows that differ by what params holds belong to controls of which only success matters.
	 */
	const struct mpu_rm_layout *layout = mpu_rm_find(cmd, size, params);

	if (!layout) {
		ops->count(ops->context, MPU_RM_EVENT_UNKNOWN_LAYOUT);
		return status;
	}
	if (status == MPU_NV_OK || ops->accessible(ops->context, params, size))
		ops->count(ops->context, control(ops, work, layout, params, &status));
	return status;
}
