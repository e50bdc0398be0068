// SPDX-License-Identifier: GPL-2.0-only
/* Requests of the probe that carry PIDs. */
#define _GNU_SOURCE
#include "probe.h"

static uint8_t params[65536] __attribute__((aligned(8)));

/* Id of the GPU that the driver counts at this place; 0 when there is none. */
static uint32_t gpu_id(const struct probe *probe)
{
	uint32_t ids[96] = {0}; /* 64 before 580 */

	if (probe->gpu >= 32 || (client_control(probe, 0x214, ids, sizeof(ids)) != NV_OK &&
				 client_control(probe, 0x214, ids, 4 * 64) != NV_OK))
		return 0;
	return ids[probe->gpu];
}

static uint32_t at(size_t offset)
{
	return get_u32(params, offset);
}

/* status, count and count numbers, stride bytes apart */
static void print_list(uint32_t status, uint32_t count, size_t first, size_t stride)
{
	uint32_t i;

	printf("{\"status\":%u,\"count\":%u,\"pids\":[", status, count);
	for (i = 0; status == NV_OK && i < count; i++)
		printf("%s%u", i ? "," : "", at(first + i * stride));
	printf("]");
}

static void print_pids(uint32_t status)
{
	uint32_t count = at(8);

	print_list(status, count, 12, 4);
	if (count < GET_PIDS_MAX)
		printf(",\"unused\":%u", at(12 + 4 * (size_t)count));
	printf("}\n");
}

/* pids [CLASS [ID_TYPE [COMMAND]]] */
void probe_pids(const struct probe *probe)
{
	uint32_t cmd = argument(probe, 2, 0x2080018d);
	uint32_t object =
		cmd >> 16 == NV01_DEVICE_0 ? probe->client.device : probe->client.subdevice;

	put_u32(params, 0, argument(probe, 1, 0));
	put_u32(params, 4, argument(probe, 0, TURING_COMPUTE_A));
	print_pids(rm_control(probe->client.fd, probe->client.root, object, cmd, params, 3812));
}

/* xfer [DEPTH]: GET_PIDS in as many XFER wrappers, of which the driver takes off one */
void probe_xfer(const struct probe *probe)
{
	struct xfer {
		uint32_t cmd;
		uint32_t size;
		uint64_t pointer;
	} xfer[3];
	struct rm_control control = {.client = probe->client.root,
				     .object = probe->client.subdevice,
				     .cmd = 0x2080018d,
				     .params = (uintptr_t)params,
				     .params_size = 3812,
				     .status = RM_IOCTL_FAILED};
	uint32_t depth = argument(probe, 0, 1);
	void *inner = &control;
	uint32_t escape = NV_ESC_RM_CONTROL;
	uint32_t size = sizeof(control);
	uint32_t i;

	put_u32(params, 4, TURING_COMPUTE_A);
	for (i = 0; i < depth && i < 3; i++) {
		xfer[i] = (struct xfer){.cmd = escape, .size = size, .pointer = (uintptr_t)inner};
		inner = &xfer[i];
		escape = NV_ESC_IOCTL_XFER_CMD;
		size = sizeof(xfer[i]);
	}
	/* direction and type of the request word mean nothing to the driver; here the direction is
	 * left out */
	if (ioctl(probe->client.fd, (size << 16) | ('F' << 8) | escape, inner) != 0)
		control.status = RM_IOCTL_FAILED;
	print_pids(control.status);
}

/* info STRIDE COUNT PID... : memory in MiB */
void probe_info(const struct probe *probe)
{
	size_t stride = argument(probe, 0, 72);
	size_t data = stride == 72 ? 48 : 24;
	uint32_t cmd = stride == 40 ? 0x00800203 : 0x2080018e;
	uint32_t object = stride == 40 ? probe->client.device : probe->client.subdevice;
	uint32_t status;
	int i;

	put_u32(params, 0, argument(probe, 1, 0));
	for (i = 2; i < probe->count; i++)
		put_u32(params, 8 + (size_t)(i - 2) * stride, argument(probe, i, 0));
	status = rm_control(probe->client.fd, probe->client.root, object, cmd, params,
			    (uint32_t)(8 + 200 * stride));
	printf("{\"status\":%u,\"entries\":[", status);
	for (i = 2; i < probe->count; i++) {
		size_t entry = 8 + (size_t)(i - 2) * stride;

		printf("%s{\"pid\":%u,\"result\":%u,\"memory\":%u,\"instances\":[%u,%u]}",
		       i > 2 ? "," : "", at(entry), at(entry + 8),
		       (uint32_t)(get_u64(params, entry + 16) >> 20), at(entry + 16 + data),
		       at(entry + 20 + data));
	}
	printf("]}\n");
}

static bool seen_before(const uint8_t *ring, size_t offset, uint32_t index, uint32_t stride)
{
	uint32_t i;

	for (i = 0; i < index; i++) {
		if (memcmp(ring + i * (size_t)stride + offset,
			   ring + index * (size_t)stride + offset, 16) == 0)
			return true;
	}
	return false;
}

/* samples SIZE COUNT STRIDE [V1 COMMAND]: the different processes of the SM engine, and whether a
 * pointer stood there */
void probe_samples(const struct probe *probe)
{
	static uint8_t ring[65536] __attribute__((aligned(8)));
	uint32_t size = argument(probe, 0, 34000);
	uint32_t count = argument(probe, 1, 72);
	uint32_t stride = argument(probe, 2, 472);
	uint32_t v1 = argument(probe, 3, 0);
	bool pointers = stride == 776;
	size_t engine = pointers ? 136 : 124;
	const uint8_t *samples = v1 ? ring : params + 16;
	bool comma = false;
	uint32_t status;
	uint32_t i;

	put_u32(params, 4, count * stride);
	if (v1)
		put_u64(params, 16, (uintptr_t)ring);
	status = subdevice_control(probe, v1 ? v1 : 0x20802096, params, size);
	printf("{\"status\":%u,\"count\":%u,\"tracker\":%u,\"samples\":[", status, at(8), at(12));
	for (i = 0; status == NV_OK && i < count; i++) {
		const uint8_t *sample = samples + i * (size_t)stride + engine;

		if (seen_before(samples, engine, i, stride))
			continue;
		printf("%s{\"pid\":%u,\"util\":%u,\"pointer\":%s}", comma ? "," : "",
		       get_u32(sample, 8), get_u32(sample, 0),
		       pointers && get_u64(sample, 120) >> 48 == 0xffff ? "true" : "false");
		comma = true;
	}
	printf("]}\n");
}

void probe_accounting(const struct probe *probe)
{
	uint32_t status;

	put_u32(params, 0, gpu_id(probe));
	status = client_control(probe, 0xb04, params, 16012);
	print_list(status, at(16008), 8, 4);
	printf("}\n");
}

/* accounting-info PID [V2]: memory in MiB */
void probe_accounting_info(const struct probe *probe)
{
	bool v2 = argument(probe, 1, 0) != 0;
	uint32_t status;

	put_u32(params, 0, gpu_id(probe));
	put_u32(params, 4, argument(probe, 0, 0));
	status = client_control(probe, v2 ? 0xb06 : 0xb03, params, v2 ? 64 : 48);
	printf("{\"status\":%u,\"pid\":%u,\"util\":%u,\"memory\":%u,\"running\":%s", status, at(4),
	       at(12), (uint32_t)(get_u64(params, 24) >> 20),
	       get_u64(params, 40) ? "false" : "true");
	if (v2)
		printf(",\"count\":%u,\"sum\":%llu", at(20),
		       (unsigned long long)get_u64(params, 48));
	printf("}\n");
}

/* nvenc [ENTRIES [NO_TABLE]] */
void probe_nvenc(const struct probe *probe)
{
	static uint8_t header[16] __attribute__((aligned(8)));
	uint32_t status;

	put_u32(header, 0, argument(probe, 0, NVENC_SESSIONS_MAX));
	put_u64(header, 8, argument(probe, 1, 0) ? 0 : (uintptr_t)params);
	status = subdevice_control(probe, 0x2080016e, header, sizeof(header));
	print_list(status, get_u32(header, 0), 0, 32);
	printf("}\n");
}

/* nvenc-v2 [ENTRIES [COMMAND]] */
void probe_nvenc_v2(const struct probe *probe)
{
	uint32_t status;

	put_u32(params, 0, argument(probe, 0, NVENC_SESSIONS_MAX));
	status = subdevice_control(probe, argument(probe, 1, 0x208001af), params, 16388);
	print_list(status, at(0), 4, 32);
	printf("}\n");
}

void probe_nvfbc(const struct probe *probe)
{
	uint32_t status = subdevice_control(probe, 0x2080017c, params, 13316);

	print_list(status, at(0), 4, 52);
	printf("}\n");
}

/* Reserves, asks whose the reservation is, releases. */
void probe_hwpm(const struct probe *probe)
{
	const struct rm_client *client = &probe->client;
	uint32_t profiler = 0;
	uint32_t status = rm_alloc(client->fd, client->root, client->subdevice, GF100_PROFILER,
				   NULL, &profiler);

	if (status == NV_OK)
		status = rm_control(client->fd, client->root, profiler, 0x90cc0101, params, 1);
	if (status == NV_OK)
		status = rm_control(client->fd, client->root, profiler, 0x90cc0103, params, 12);
	print_list(status, at(0), 4, 4);
	status = rm_control(client->fd, client->root, profiler, 0x90cc0102, NULL, 0);
	printf(",\"released\":%u}\n", status);
}

/* rcerr [OWNER] */
void probe_rcerr(const struct probe *probe)
{
	uint32_t status;

	put_u32(params, 28, argument(probe, 0, 0xffffffff));
	status = client_control(probe, 0x607, params, 2436);
	printf("{\"status\":%u,\"pid\":%u}\n", status, at(32));
}
