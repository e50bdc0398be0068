// SPDX-License-Identifier: GPL-2.0-only
/* Command line of the probe: probe [--gpu N] REQUEST [ARG...]. */
#define _GNU_SOURCE
#include <errno.h>

#include "probe.h"

static const struct {
	const char *name;
	void (*run)(const struct probe *probe);
} requests[] = {
	{"pids", probe_pids},
	{"xfer", probe_xfer},
	{"info", probe_info},
	{"samples", probe_samples},
	{"accounting", probe_accounting},
	{"accounting-info", probe_accounting_info},
	{"nvenc", probe_nvenc},
	{"nvenc-v2", probe_nvenc_v2},
	{"nvfbc", probe_nvfbc},
	{"hwpm", probe_hwpm},
	{"rcerr", probe_rcerr},
	{"codes", probe_codes},
	{"stat", probe_stat},
	{"files", probe_files},
	{"spin", probe_spin},
	{"latency", probe_latency},
};

int main(int argc, char **argv)
{
	struct probe probe = {.gpu = 0};
	int first = 1;
	uint32_t status;
	size_t i;

	if (argc > 2 && strcmp(argv[1], "--gpu") == 0) {
		probe.gpu = (uint32_t)strtoul(argv[2], NULL, 0);
		first = 3;
	}
	for (i = 0; first < argc && i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(argv[first], requests[i].name) != 0)
			continue;
		status = rm_open(&probe.client, probe.gpu);
		if (status != NV_OK) {
			fprintf(stderr, "probe: cannot open a client: 0x%x, %s\n", status,
				strerror(errno));
			return 1;
		}
		probe.args = argv + first + 1;
		probe.count = argc - first - 1;
		requests[i].run(&probe);
		return 0;
	}
	fprintf(stderr, "usage: probe [--gpu N] REQUEST [ARG...]\n");
	return 2;
}
