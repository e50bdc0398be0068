// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's regime by probe. No state is kept: it could go stale with fork, unshare and with
 * interception being switched on in the kernel, and the probe (GPU_GET_PIDS) costs 5 to 7 us on an
 * H100.
 */
#include "internal.h"

int mpu_rm_translate(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
		     enum mpu_rm_direction direction, mpu_u32 count)
{
	return ops->translate(ops->context, direction, work->in, work->out, count);
}

int mpu_rm_translate_one(const struct mpu_rm_ops *ops, enum mpu_rm_direction direction, mpu_u32 pid,
			 mpu_u32 *result)
{
	return ops->translate(ops->context, direction, &pid, result, 1);
}

/* Fills work->raw by the control of the same object class; an empty list when the driver does not
 * answer. */
static void list_all(const struct mpu_rm_ops *ops, struct mpu_rm_work *work, mpu_u32 cmd)
{
	const struct mpu_rm_layout *layout;
	mpu_u8 *params = (mpu_u8 *)work->query;
	int on_device = cmd == MPU_RM_DEVICE_GET_PIDS || cmd == MPU_RM_DEVICE_GET_PID_INFO;

	cmd = on_device ? MPU_RM_DEVICE_GET_PIDS : MPU_RM_GPU_GET_PIDS;
	work->listed = 0;
	mpu_rm_store32(params, 0, 0); /* idType: class */
	mpu_rm_store32(params, 4, MPU_RM_CLASS_SUBDEVICE);
	mpu_rm_store32(params, 8, 0);
	layout = mpu_rm_find(cmd, MPU_RM_PIDS_SIZE, params);
	if (ops->control(ops->context, cmd, params, MPU_RM_PIDS_SIZE) != MPU_NV_OK)
		return;
	work->listed = mpu_rm_elements(layout, params);
	mpu_rm_gather(layout, params + layout->array, work->listed, work->raw);
}

int mpu_rm_is_listed(const struct mpu_rm_work *work, mpu_u32 pid)
{
	mpu_u32 i;

	for (i = 0; i < work->listed; i++)
		if (work->raw[i] == pid)
			return 1;
	return 0;
}

/* Fills work->host, taking what is listed for the caller's PIDs. */
static int find_hosts(const struct mpu_rm_ops *ops, struct mpu_rm_work *work)
{
	mpu_u32 i;

	for (i = 0; i < work->listed; i++)
		work->in[i] = work->raw[i];
	if (!mpu_rm_translate(ops, work, MPU_RM_TO_HOST, work->listed))
		return 0;
	for (i = 0; i < work->listed; i++)
		work->host[i] = work->out[i];
	return 1;
}

/* The caller occurs under both numbers, or under none, or not as the release is known to speak. */
static enum mpu_rm_space weigh(const struct mpu_rm_work *work, mpu_u32 own_host, int as_host)
{
	mpu_u32 i, unresolved = 0;
	int as_caller = 0, as_host_alone = 0;

	for (i = 0; i < work->listed; i++) {
		/* unless it is somebody's PID here, for which the driver may have left the caller
		 * out */
		if (work->raw[i] == own_host && !work->host[i])
			as_host_alone = 1;
		/* true for any thread of ours */
		if (own_host && work->host[i] == own_host)
			as_caller = 1;
		if (!work->host[i])
			unresolved++;
	}
	if (as_host_alone != as_caller)
		return as_host_alone ? MPU_RM_SPACE_HOST : MPU_RM_SPACE_CALLER;
	if (work->release_known)
		return work->release.list_caller ? MPU_RM_SPACE_CALLER : MPU_RM_SPACE_HOST;
	if (!as_host)
		return MPU_RM_SPACE_UNKNOWN;
	/* numbers that mean nothing here come from a driver that speaks of all processes */
	return unresolved ? MPU_RM_SPACE_HOST : MPU_RM_SPACE_CALLER;
}

int mpu_rm_list_space(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
		      const struct mpu_rm_layout *layout, int with_hosts, enum mpu_rm_space *space)
{
	mpu_u32 own_host;
	int as_host, as_caller;

	list_all(ops, work, layout->cmd);
	if (!mpu_rm_translate_one(ops, MPU_RM_TO_HOST, ops->self, &own_host))
		return 0;
	as_host = own_host && mpu_rm_is_listed(work, own_host);
	as_caller = mpu_rm_is_listed(work, ops->self);
	if (as_host != as_caller && work->release_known && as_caller == work->release.list_caller) {
		*space = as_caller ? MPU_RM_SPACE_CALLER : MPU_RM_SPACE_HOST;
		return !with_hosts || !as_caller || find_hosts(ops, work);
	}
	if (!find_hosts(ops, work))
		return 0;
	*space = weigh(work, own_host, as_host);
	if (*space == MPU_RM_SPACE_UNKNOWN && (layout->flags & MPU_RM_ROW_GLOBAL))
		*space = MPU_RM_SPACE_HOST;
	return 1;
}
