// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's regime by probe. No state is kept: it could go stale with fork, unshare and with
 * interception being switched on in the kernel, and the probe (GPU_GET_PIDS) costs 5 to 7 us on an
 * H100.
 */
#include "regime.h"

enum mpu_rm_verdict mpu_rm_translate(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
				     enum mpu_rm_direction direction, mpu_u32 count)
{
	work->in[0] = 1;
	if (!ops->translate(ops->context, direction, work->in, work->out, count + 1))
		return MPU_RM_NO_TRANSLATOR;
	return work->out[0] == 1 ? MPU_RM_HOST_CALLER : MPU_RM_GO_ON;
}

/* Fills work->raw; an empty list when the driver does not answer. */
static void list_all(const struct mpu_rm_ops *ops, struct mpu_rm_work *work)
{
	const struct mpu_rm_layout *layout;
	mpu_u8 *params = (mpu_u8 *)work->query;

	work->listed = 0;
	mpu_rm_store32(params, 0, 0); /* idType: class */
	mpu_rm_store32(params, 4, MPU_RM_CLASS_SUBDEVICE);
	mpu_rm_store32(params, 8, 0);
	layout = mpu_rm_find(MPU_RM_GPU_GET_PIDS, MPU_RM_PIDS_SIZE, params);
	if (ops->control(ops->context, MPU_RM_GPU_GET_PIDS, params, MPU_RM_PIDS_SIZE) != MPU_NV_OK)
		return;
	work->listed = mpu_rm_elements(layout, params);
	mpu_rm_gather(layout, params + layout->array, work->listed, work->raw);
}

enum mpu_rm_verdict mpu_rm_list_space(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
				      enum mpu_rm_space *space)
{
	enum mpu_rm_verdict verdict;
	struct mpu_rm_release release;
	mpu_u32 i, own_host, unresolved = 0;
	int seen_as_host = 0, seen_as_caller = 0;

	list_all(ops, work);
	work->in[1] = ops->self;
	for (i = 0; i < work->listed; i++)
		work->in[i + 2] = work->raw[i];
	verdict = mpu_rm_translate(ops, work, MPU_RM_TO_HOST, work->listed + 1);
	if (verdict != MPU_RM_GO_ON)
		return verdict;

	own_host = work->out[1];
	for (i = 0; i < work->listed; i++) {
		work->host[i] = work->out[i + 2];
		if (work->raw[i] == own_host)
			seen_as_host = 1;
		/* true for the number of any thread of ours */
		if (own_host && work->host[i] == own_host)
			seen_as_caller = 1;
		if (!work->host[i])
			unresolved++;
	}

	if (seen_as_host != seen_as_caller)
		*space = seen_as_host ? MPU_RM_SPACE_HOST : MPU_RM_SPACE_CALLER;
	else if (ops->release(ops->context, &release))
		*space = release.list_caller ? MPU_RM_SPACE_CALLER : MPU_RM_SPACE_HOST;
	else if (seen_as_host)
		/* numbers that mean nothing here come from a driver that speaks of all processes */
		*space = unresolved ? MPU_RM_SPACE_HOST : MPU_RM_SPACE_CALLER;
	else
		*space = MPU_RM_SPACE_UNKNOWN;
	return MPU_RM_GO_ON;
}
