/* SPDX-License-Identifier: GPL-2.0-only */
/* probe: one request to the simulated driver, its answer on stdout as one line of JSON. */
#ifndef RMSIM_CLIENT_PROBE_H
#define RMSIM_CLIENT_PROBE_H

#include <stdbool.h>
#include <stdlib.h>

#include "rm.h"

/* What the command line gives to a request. */
struct probe {
	uint32_t gpu;
	struct rm_client client;
	char **args;
	int count;
};

/* Arguments count from 0; a missing one is the default. */
static inline uint32_t argument(const struct probe *probe, int index, uint32_t otherwise)
{
	return index < probe->count ? (uint32_t)strtoul(probe->args[index], NULL, 0) : otherwise;
}

static inline uint32_t subdevice_control(const struct probe *probe, uint32_t cmd, void *params,
					 uint32_t size)
{
	return rm_control(probe->client.fd, probe->client.root, probe->client.subdevice, cmd,
			  params, size);
}

static inline uint32_t client_control(const struct probe *probe, uint32_t cmd, void *params,
				      uint32_t size)
{
	return rm_control(probe->client.fd, probe->client.root, probe->client.root, cmd, params,
			  size);
}

/* lists.c */
void probe_pids(const struct probe *probe);
void probe_xfer(const struct probe *probe);
void probe_info(const struct probe *probe);
void probe_samples(const struct probe *probe);
void probe_accounting(const struct probe *probe);
void probe_accounting_info(const struct probe *probe);
void probe_nvenc(const struct probe *probe);
void probe_nvenc_v2(const struct probe *probe);
void probe_nvfbc(const struct probe *probe);
void probe_hwpm(const struct probe *probe);
void probe_rcerr(const struct probe *probe);

/* checks.c */
void probe_control(const struct probe *probe);
void probe_class(const struct probe *probe);
void probe_codes(const struct probe *probe);
void probe_stat(const struct probe *probe);
void probe_files(const struct probe *probe);
void probe_spin(const struct probe *probe);
void probe_latency(const struct probe *probe);

#endif
