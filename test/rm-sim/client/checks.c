// SPDX-License-Identifier: GPL-2.0-only
/* Requests of the probe about errors, file attributes and the life of files. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

static uint8_t params[65536] __attribute__((aligned(8)));

static void code(const char *name, uint32_t status)
{
	printf(",\"%s\":%u", name, status);
}

static uint32_t pids_of(const struct rm_client *client, int fd)
{
	uint32_t status;

	memset(params, 0, sizeof(params));
	put_u32(params, 4, NV20_SUBDEVICE_0);
	status = rm_control(fd, client->root, client->subdevice, 0x2080018d, params, 3812);
	return status == NV_OK ? get_u32(params, 8) : 1000 + status;
}

static uint32_t ioctl_error(int fd, uint32_t request, void *argument)
{
	return ioctl(fd, request, argument) == 0 ? 0 : (uint32_t)errno;
}

static bool untouched(uint8_t byte, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (params[i] != byte)
			return false;
	}
	return true;
}

/* The object of a class that the probe has, or gets for the purpose; 0 when there is none. */
static uint32_t object_of(const struct rm_client *client, uint32_t cls)
{
	uint32_t handle;

	switch (cls) {
	case 0:
		return client->root;
	case NV01_DEVICE_0:
		return client->device;
	case NV20_SUBDEVICE_0:
		return client->subdevice;
	default:
		return rm_alloc(client->fd, client->root, client->subdevice, cls, NULL, &handle) ==
				       NV_OK
			       ? handle
			       : 0;
	}
}

/* control CMD SIZE: the status alone */
void probe_control(const struct probe *probe)
{
	const struct rm_client *client = &probe->client;
	uint32_t cmd = argument(probe, 0, 0);
	uint32_t size = argument(probe, 1, 0);

	memset(params, 0, sizeof(params));
	printf("{\"status\":%u}\n",
	       rm_control(client->fd, client->root, object_of(client, cmd >> 16), cmd,
			  size ? params : NULL, size));
}

/* class CLASS PARENT-CLASS: the status of allocating one */
void probe_class(const struct probe *probe)
{
	const struct rm_client *client = &probe->client;
	uint32_t parent = object_of(client, argument(probe, 1, 0));
	uint32_t handle;

	memset(params, 0, sizeof(params));
	printf("{\"status\":%u}\n",
	       rm_alloc(client->fd, client->root, parent, argument(probe, 0, 0), params, &handle));
}

/* Statuses and errors of bad requests, by name. */
void probe_codes(const struct probe *probe)
{
	const struct rm_client *client = &probe->client;
	int gpu_fd = open("/dev/nvidia0", O_RDWR | O_CLOEXEC);
	struct rm_control control = {.client = client->root};
	struct rm_client other;
	uint32_t handle;

	memset(params, 0, sizeof(params));
	printf("{\"opened\":%u", gpu_fd >= 0);
	code("unknownControl", subdevice_control(probe, 0x20801234, params, 4));
	code("wrongObject", client_control(probe, 0x2080018d, params, 3812));
	code("wrongSize", subdevice_control(probe, 0x2080018d, params, 3808));
	code("noParams", subdevice_control(probe, 0x2080018d, NULL, 3812));
	code("badParams", subdevice_control(probe, 0x2080018d, (void *)(uintptr_t)0x1000, 3812));
	code("unknownClient",
	     rm_control(client->fd, 0xdead, client->subdevice, 0x2080018d, params, 3812));
	code("unknownObject",
	     rm_control(client->fd, client->root, 0xdead, 0x2080018d, params, 3812));
	put_u32(params, 0, 2);
	code("idType", subdevice_control(probe, 0x2080018d, params, 3812));
	memset(params, 0x5a, sizeof(params));
	code("serialised", rm_control_flags(client->fd, client->root, client->subdevice, 0x2080018d,
					    4, params, 3812));
	code("serialisedUntouched", untouched(0x5a, 3812));
	code("unknownClass",
	     rm_alloc(client->fd, client->root, client->device, 0x1234, NULL, &handle));
	code("wrongParent",
	     rm_alloc(client->fd, client->root, client->root, NV20_SUBDEVICE_0, NULL, &handle));
	code("noSuchParent",
	     rm_alloc(client->fd, client->root, 0xdead, NV20_SUBDEVICE_0, NULL, &handle));
	code("othersFile",
	     rm_open(&other, probe->gpu) == NV_OK
		     ? rm_control(client->fd, other.root, other.subdevice, 0x20801701, params, 16)
		     : RM_IOCTL_FAILED);
	code("freeUnknown", rm_free(client->fd, client->root, 0xdead));
	code("controlOnGpuDevice",
	     ioctl_error(gpu_fd, RM_REQUEST(NV_ESC_RM_CONTROL, sizeof(control)), &control));
	code("controlSize", ioctl_error(client->fd, RM_REQUEST(NV_ESC_RM_CONTROL, 28), &control));
	code("controlPointer",
	     ioctl_error(client->fd, RM_REQUEST(NV_ESC_RM_CONTROL, 32), (void *)(uintptr_t)0x1000));
	code("unknownEscape", ioctl_error(client->fd, RM_REQUEST(99, 32), &control));
	code("freed", rm_free(client->fd, client->root, client->subdevice));
	code("afterFree", subdevice_control(probe, 0x2080018d, params, 3812));
	printf("}\n");
}

static void print_stat(const char *name, int result, const struct stat *st)
{
	printf("\"%s\":{\"result\":%d,\"device\":%s,\"major\":%u,\"minor\":%u},", name, result,
	       S_ISCHR(st->st_mode) ? "true" : "false", major(st->st_rdev), minor(st->st_rdev));
}

/* What the calls of the stat family tell of the names and of open files. */
void probe_stat(const struct probe *probe)
{
	struct stat st;
	struct statx stx;
	int gpu_fd = open("/dev/nvidia0", O_RDWR | O_CLOEXEC);

	printf("{");
	print_stat("path", stat("/dev/nvidiactl", &st), &st);
	print_stat("link", lstat("/dev/nvidia0", &st), &st);
	print_stat("control", fstat(probe->client.fd, &st), &st);
	print_stat("gpu", fstat(gpu_fd, &st), &st);
	print_stat("uvm", stat("/dev/nvidia-uvm", &st), &st);
	printf("\"statx\":{\"result\":%d,",
	       statx(probe->client.fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx));
	printf("\"device\":%s,\"major\":%u,\"minor\":%u},",
	       S_ISCHR(stx.stx_mode) ? "true" : "false", stx.stx_rdev_major, stx.stx_rdev_minor);
	printf("\"pipe\":%s,", fstat(0, &st) == 0 && !S_ISCHR(st.st_mode) ? "true" : "false");
	printf("\"access\":%d,\"absent\":%d}\n", access("/dev/nvidiactl", R_OK | W_OK),
	       access("/dev/nvidia7", F_OK) == 0 ? 0 : errno);
}

/* Whose clients live while which descriptors are open: the number of processes that the driver
 * still lists. */
void probe_files(const struct probe *probe)
{
	struct rm_client second;
	int result = 0;
	pid_t child;
	int copy;

	if (rm_open(&second, probe->gpu) != NV_OK)
		exit(1);
	copy = dup(second.fd);
	close(second.fd);
	printf("{\"duplicate\":%u,", pids_of(&second, copy));
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(pids_of(&second, copy) < 1000 ? 0 : 1);
	waitpid(child, &result, 0);
	printf("\"inherited\":%s,\"afterChild\":%u,", result == 0 ? "true" : "false",
	       pids_of(&second, copy));
	close(copy);
	printf("\"closedClient\":%u}\n",
	       rm_control(probe->client.fd, second.root, second.subdevice, 0x20801701, params, 16));
}

/* Asks for ever. */
void probe_spin(const struct probe *probe)
{
	for (;;)
		pids_of(&probe->client, probe->client.fd);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *left = a;
	const uint64_t *right = b;

	return *left < *right ? -1 : *left > *right;
}

/* latency ROUNDS CMD SIZE [WORD0 WORD1 WORD2]: median time of a control of the subdevice, in ns */
void probe_latency(const struct probe *probe)
{
	static uint64_t times[10000];
	uint32_t rounds = argument(probe, 0, 1000);
	uint32_t status = NV_OK;
	uint32_t i;
	int word;

	if (rounds > sizeof(times) / sizeof(times[0]))
		rounds = sizeof(times) / sizeof(times[0]);
	for (i = 0; i < rounds && status == NV_OK; i++) {
		struct timespec start;
		struct timespec end;

		for (word = 0; word < 3; word++)
			put_u32(params, 4 * (size_t)word, argument(probe, 3 + word, 0));
		clock_gettime(CLOCK_MONOTONIC, &start);
		status = subdevice_control(probe, argument(probe, 1, 0), params,
					   argument(probe, 2, 0));
		clock_gettime(CLOCK_MONOTONIC, &end);
		times[i] = (uint64_t)(end.tv_sec - start.tv_sec) * 1000000000u +
			   (uint64_t)end.tv_nsec - (uint64_t)start.tv_nsec;
	}
	qsort(times, i, sizeof(times[0]), by_value);
	printf("{\"status\":%u,\"rounds\":%u,\"ns\":%llu}\n", status, i,
	       (unsigned long long)(i ? times[i / 2] : 0));
}
