// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asking the real driver on a traced task's own RM client, from the initial PID namespace: drivers
 * from 570 on, and every older one in its own way, speak of host PIDs here.
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../rm-sim/client/rm.h"
#include "regime.h"

/* The task's descriptor as one of ours: the driver knows clients by their open file. */
static int borrow_fd(const struct request *request)
{
	struct rmsim_identity identity;
	int process;
	int fd;

	if (!task_ops.identify((void *)(uintptr_t)request, &identity))
		return -1;
	process = (int)syscall(SYS_pidfd_open, identity.tgid, 0);
	if (process < 0)
		return -1;
	fd = (int)syscall(SYS_pidfd_getfd, process, (int)request->args[0], 0);
	close(process);
	return fd;
}

uint32_t driver_control(const struct control *control, uint32_t cmd, void *params, uint32_t size)
{
	uint32_t status;
	int fd = borrow_fd(control->request);

	if (fd < 0)
		return RM_IOCTL_FAILED;
	status = rm_control(fd, control->client, control->object, cmd, params, size);
	close(fd);
	return status;
}

/* Host PIDs of the processes with an object of a class; their number. */
uint32_t driver_list(const struct control *control, uint32_t cls, uint32_t pids[GET_PIDS_MAX])
{
	uint8_t params[12 + 4 * GET_PIDS_MAX] = {0};
	uint32_t count;
	uint32_t i;

	put_u32(params, 4, cls);
	if (driver_control(control, 0x2080018d, params, sizeof(params)) != NV_OK)
		return 0;
	count = get_u32(params, 8);
	for (i = 0; i < count && i < GET_PIDS_MAX; i++)
		pids[i] = get_u32(params, 12 + 4 * (size_t)i);
	return i;
}

/* One question of GET_PID_INFO: entry keeps its PID and gets the answer for another one. */
uint32_t driver_memory(const struct control *control, uint32_t pid, uint8_t *entry, uint32_t stride)
{
	static uint8_t params[8 + PID_INFO_MAX * 72];
	uint32_t asked = get_u32(entry, 0);
	uint32_t status;

	memset(params, 0, sizeof(params));
	put_u32(params, 0, 1);
	memcpy(params + 8, entry, stride);
	put_u32(params, 8, pid);
	status = driver_control(control, control->cmd, params, 8 + PID_INFO_MAX * stride);
	memcpy(entry, params + 8, stride);
	put_u32(entry, 0, asked);
	return status;
}
