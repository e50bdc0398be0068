// SPDX-License-Identifier: GPL-2.0-only
/* Command line of the probe: probe [--gpu N] [--instance GPU_INSTANCE[:COMPUTE_INSTANCE]]
 * [--monitor] REQUEST [ARG...] */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>

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
	{"control", probe_control},
	{"class", probe_class},
	{"codes", probe_codes},
	{"stat", probe_stat},
	{"files", probe_files},
	{"spin", probe_spin},
	{"latency", probe_latency},
};

static const char usage_text[] =
	"usage: probe [--gpu N] [--instance GPU_INSTANCE[:COMPUTE_INSTANCE]] "
	"[--monitor] REQUEST [ARG...]\n";

static _Noreturn void fail(const char *what, uint32_t status)
{
	fprintf(stderr, "probe: cannot %s: 0x%x, %s\n", what, status, strerror(errno));
	exit(1);
}

/* The client that asks: of one instance of a partitioned GPU, or of all, where it is told to be. */
static void open_client(struct probe *probe, const char *instance, bool monitor)
{
	uint32_t gpu_instance;
	uint32_t compute_instance;
	uint32_t handle;
	uint32_t status = rm_open(&probe->client, probe->gpu);

	if (status != NV_OK)
		fail("open a client", status);
	if (instance) {
		rm_parse_instance(instance, &gpu_instance, &compute_instance);
		status = rm_subscribe(&probe->client, gpu_instance, compute_instance);
		if (status != NV_OK)
			fail("subscribe to an instance", status);
	}
	if (monitor) {
		status = rm_alloc(probe->client.fd, probe->client.root, probe->client.root,
				  SMC_MONITOR_SESSION, NULL, &handle);
		if (status != NV_OK)
			fail("monitor all instances", status);
	}
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"gpu", required_argument, NULL, 'g'},
					      {"instance", required_argument, NULL, 'i'},
					      {"monitor", no_argument, NULL, 'm'},
					      {NULL, 0, NULL, 0}};
	struct probe probe = {.gpu = 0};
	const char *instance = NULL;
	bool monitor = false;
	int option;
	size_t i;

	while ((option = getopt_long(argc, argv, "+", names, NULL)) != -1) {
		if (option == 'g')
			probe.gpu = (uint32_t)strtoul(optarg, NULL, 0);
		else if (option == 'i')
			instance = optarg;
		else if (option == 'm')
			monitor = true;
		else
			break;
	}
	for (i = 0; optind < argc && i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(argv[optind], requests[i].name) != 0)
			continue;
		open_client(&probe, instance, monitor);
		probe.args = argv + optind + 1;
		probe.count = argc - optind - 1;
		requests[i].run(&probe);
		return 0;
	}
	fprintf(stderr, "%s", usage_text);
	return 2;
}
