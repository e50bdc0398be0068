// SPDX-License-Identifier: GPL-2.0-only
/*
 * rm-regime: runs a command, with everything it starts, on this machine's driver as if that were of
 * an older release: in which PID namespace it speaks, and how samples are laid out. The release
 * that /sys/module/nvidia/version names is left to whoever starts it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#include "regime.h"

static const char usage_text[] =
	"usage: rm-regime --regime R0|R1|R2|R3a|R3b|R4 [--driver VERSION] [--log FILE] -- COMMAND "
	"[ARG...]\n";

struct arguments {
	const char *regime;
	const char *driver;
	const char *log;
	char **command;
};

static int fail_usage(const char *what)
{
	fprintf(stderr, "rm-regime: %s\n%s", what, usage_text);
	return 2;
}

static int parse(int argc, char **argv, struct arguments *options)
{
	static const struct option names[] = {
		{"regime", required_argument, NULL, 'r'},
		{"driver", required_argument, NULL, 'd'},
		{"log", required_argument, NULL, 'l'},
		{NULL, 0, NULL, 0},
	};
	int option;

	*options = (struct arguments){0};
	while ((option = getopt_long(argc, argv, "+", names, NULL)) != -1) {
		switch (option) {
		case 'r':
			options->regime = optarg;
			break;
		case 'd':
			options->driver = optarg;
			break;
		case 'l':
			options->log = optarg;
			break;
		default:
			return fail_usage("bad option");
		}
	}
	options->command = argv + optind;
	if (!options->regime || rmsim_parse_regime(options->regime) < 0)
		return fail_usage("--regime is one of R0 to R4");
	if (options->driver && rmsim_regime_of(options->driver) < 0)
		return fail_usage("--driver is a version like 535.104.12");
	return optind < argc ? 0 : fail_usage("a command to run is missing");
}

int main(int argc, char **argv)
{
	struct regime regime = {0};
	struct arguments options;
	uint32_t version[3];
	uint64_t init_ns;
	int status = parse(argc, argv, &options);

	if (status != 0)
		return status;
	regime.number = (enum rmsim_regime)rmsim_parse_regime(options.regime);
	regime.rules = rules_of(regime.number);
	if (!options.driver)
		options.driver = rmsim_default_driver(regime.number);
	parse_version(options.driver, version);
	layout_of(&regime.layout, version);
	if (options.log) {
		regime.log = fopen(options.log, "ae");
		if (!regime.log) {
			fprintf(stderr, "rm-regime: %s: %s\n", options.log, strerror(errno));
			return 125;
		}
		setvbuf(regime.log, NULL, _IOLBF, 0);
	}
	if (!pidns_init(&init_ns)) {
		fprintf(stderr, "rm-regime: cannot tell this PID namespace: %s\n", strerror(errno));
		return 125;
	}
	return trace(&regime, options.command);
}
