/* SPDX-License-Identifier: GPL-2.0-only */
/* RM escapes for the programs that use the simulated GPU: gpu-process and the probes. */
#ifndef RMSIM_CLIENT_RM_H
#define RMSIM_CLIENT_RM_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../model/abi.h"

/* Transport failures (ioctl itself failed) as a status that no driver returns. */
#define RM_IOCTL_FAILED 0xffff0000u

#define RM_REQUEST(nr, size) (0xc0000000u | ((uint32_t)(size) << 16) | ('F' << 8) | (uint32_t)(nr))

struct rm_control {
	uint32_t client;
	uint32_t object;
	uint32_t cmd;
	uint32_t flags;
	uint64_t params;
	uint32_t params_size;
	uint32_t status;
};

struct rm_alloc {
	uint32_t root;
	uint32_t parent;
	uint32_t handle;
	uint32_t cls;
	uint64_t params;
	uint64_t rights;
	uint32_t params_size;
	uint32_t flags;
	uint32_t status;
	uint32_t pad;
};

struct rm_free {
	uint32_t root;
	uint32_t parent;
	uint32_t handle;
	uint32_t status;
};

/* A client with a device and a subdevice on one GPU. */
struct rm_client {
	int fd;
	uint32_t root;
	uint32_t device;
	uint32_t subdevice;
};

static inline uint32_t rm_control_flags(int fd, uint32_t client, uint32_t object, uint32_t cmd,
					uint32_t flags, void *params, uint32_t size)
{
	struct rm_control control = {.client = client,
				     .object = object,
				     .cmd = cmd,
				     .flags = flags,
				     .params = (uintptr_t)params,
				     .params_size = size,
				     .status = RM_IOCTL_FAILED};

	if (ioctl(fd, RM_REQUEST(NV_ESC_RM_CONTROL, sizeof(control)), &control) != 0)
		return RM_IOCTL_FAILED;
	return control.status;
}

static inline uint32_t rm_control(int fd, uint32_t client, uint32_t object, uint32_t cmd,
				  void *params, uint32_t size)
{
	return rm_control_flags(fd, client, object, cmd, 0, params, size);
}

/* The handle is made up by the driver. The 48-byte form tells its status in the same place in every
 * release. */
static inline uint32_t rm_alloc(int fd, uint32_t root, uint32_t parent, uint32_t cls, void *params,
				uint32_t *handle)
{
	struct rm_alloc alloc = {.root = root,
				 .parent = parent,
				 .cls = cls,
				 .params = (uintptr_t)params,
				 .status = RM_IOCTL_FAILED};

	if (ioctl(fd, RM_REQUEST(NV_ESC_RM_ALLOC, sizeof(alloc)), &alloc) != 0)
		return RM_IOCTL_FAILED;
	*handle = alloc.handle;
	return alloc.status;
}

static inline uint32_t rm_free(int fd, uint32_t root, uint32_t handle)
{
	struct rm_free release = {.root = root, .handle = handle, .status = RM_IOCTL_FAILED};

	if (ioctl(fd, RM_REQUEST(NV_ESC_RM_FREE, sizeof(release)), &release) != 0)
		return RM_IOCTL_FAILED;
	return release.status;
}

/* What a real driver asks for before it gives out devices: the GPUs attached, this one opened and
 * tied to the client's file. Nothing is lost where that is done already. */
static inline void rm_attach(const struct rm_client *client, uint32_t gpu)
{
	uint32_t attach[33] = {0xffff}; /* all probed GPUs, up to the end of the list */
	char path[24];
	int gpu_fd;

	attach[1] = PID_NONE;
	rm_control(client->fd, client->root, client->root, 0x215, attach, sizeof(attach));
	snprintf(path, sizeof(path), "/dev/nvidia%u", gpu);
	gpu_fd = open(path, O_RDWR | O_CLOEXEC);
	if (gpu_fd >= 0)
		ioctl(gpu_fd, RM_REQUEST(NV_ESC_REGISTER_FD, sizeof(client->fd)), &client->fd);
}

/* A fresh file, a client on it, a device and a subdevice. */
static inline uint32_t rm_open(struct rm_client *client, uint32_t gpu)
{
	uint32_t device_params[14] = {gpu};
	uint32_t subdevice_params[1] = {0};
	uint32_t status;

	client->fd = open("/dev/nvidiactl", O_RDWR | O_CLOEXEC);
	if (client->fd < 0)
		return RM_IOCTL_FAILED;
	status = rm_alloc(client->fd, 0, 0, NV01_ROOT, NULL, &client->root);
	if (status != NV_OK)
		return status;
	rm_attach(client, gpu);
	status = rm_alloc(client->fd, client->root, client->root, NV01_DEVICE_0, device_params,
			  &client->device);
	if (status == NV_OK)
		status = rm_alloc(client->fd, client->root, client->device, NV20_SUBDEVICE_0,
				  subdevice_params, &client->subdevice);
	return status;
}

/* A channel and, unless the class is 0, an engine on it. */
static inline uint32_t rm_open_channel(const struct rm_client *client, uint32_t engine_class)
{
	uint32_t channel;
	uint32_t engine;
	uint32_t status;

	status = rm_alloc(client->fd, client->root, client->device, TURING_CHANNEL_GPFIFO, NULL,
			  &channel);
	if (status == NV_OK && engine_class)
		status = rm_alloc(client->fd, client->root, channel, engine_class, NULL, &engine);
	return status;
}

/* A GPU instance of a partitioned GPU and one of its compute instances; both from PARTITION_NONE on
 * are none. */
static inline uint32_t rm_subscribe(const struct rm_client *client, uint32_t gpu_instance,
				    uint32_t compute_instance)
{
	struct {
		uint64_t capability;
		uint32_t number;
		uint32_t padding;
	} params = {.number = gpu_instance};
	uint32_t partition;
	uint32_t handle;
	uint32_t status = rm_alloc(client->fd, client->root, client->subdevice, SMC_PARTITION_REF,
				   &params, &partition);

	if (status != NV_OK || compute_instance == PARTITION_NONE)
		return status;
	params.number = compute_instance;
	return rm_alloc(client->fd, client->root, partition, SMC_EXEC_PARTITION_REF, &params,
			&handle);
}

/* "GPU INSTANCE[:COMPUTE INSTANCE]" */
static inline void rm_parse_instance(const char *text, uint32_t *gpu_instance,
				     uint32_t *compute_instance)
{
	const char *colon = strchr(text, ':');

	*gpu_instance = (uint32_t)strtoul(text, NULL, 10);
	*compute_instance = colon ? (uint32_t)strtoul(colon + 1, NULL, 10) : PARTITION_NONE;
}

static inline uint32_t rm_set_usage(const struct rm_client *client, struct rmsim_usage *usage)
{
	usage->device = client->device;
	return rm_control(client->fd, client->root, client->root, RMSIM_CMD_SET_USAGE, usage,
			  sizeof(*usage));
}

#endif
