// SPDX-License-Identifier: GPL-2.0-only
/*
 * rm-sim: runs a command, with everything it starts, on a machine that seems to have NVIDIA GPUs
 * and a driver of the given release. See README.md in this directory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor.h"

static const char usage_text[] =
	"usage: rm-sim [--regime R0|R1|R2|R3a|R3b|R4] [--driver VERSION] "
	"[--layouts VERSION]\n"
	"              [--gpus N] [--mig INSTANCES] [--no-version-file] [--log FILE] "
	"[--accounting on|off]\n"
	"              [--delay MILLISECONDS] -- COMMAND [ARG...]\n";

static int fail_usage(const char *what, const char *value)
{
	fprintf(stderr, "rm-sim: %s%s%s\n%s", what, value ? ": " : "", value ? value : "",
		usage_text);
	return 2;
}

static int parse(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{"regime", required_argument, NULL, 'r'},
		{"driver", required_argument, NULL, 'd'},
		{"layouts", required_argument, NULL, 'L'},
		{"gpus", required_argument, NULL, 'g'},
		{"mig", required_argument, NULL, 'm'},
		{"no-version-file", no_argument, NULL, 'n'},
		{"log", required_argument, NULL, 'l'},
		{"accounting", required_argument, NULL, 'a'},
		{"delay", required_argument, NULL, 'D'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	*options = (struct options){.gpus = 1, .version_file = true, .accounting = true};
	while ((option = getopt_long(argc, argv, "+", names, NULL)) != -1) {
		switch (option) {
		case 'r':
			if (rmsim_parse_regime(optarg) < 0)
				return fail_usage("no such regime", optarg);
			options->regime = optarg;
			break;
		case 'd':
		case 'L':
			if (rmsim_regime_of(optarg) < 0 || strlen(optarg) > 32)
				return fail_usage("no driver version, expected one like 535.104.12",
						  optarg);
			if (option == 'd')
				options->driver = optarg;
			else
				options->layouts = optarg;
			break;
		case 'g':
			options->gpus = (uint32_t)strtoul(optarg, NULL, 10);
			if (options->gpus < 1 || options->gpus > RMSIM_MAX_GPUS)
				return fail_usage("from 1 to 8 GPUs can be simulated, not", optarg);
			break;
		case 'm':
			options->instances = (uint32_t)strtoul(optarg, NULL, 10);
			if (options->instances < 1 || options->instances > RMSIM_MAX_INSTANCES)
				return fail_usage("a GPU has from 1 to 7 instances, not", optarg);
			break;
		case 'n':
			options->version_file = false;
			break;
		case 'l':
			options->log = optarg;
			break;
		case 'a':
			if (strcmp(optarg, "on") != 0 && strcmp(optarg, "off") != 0)
				return fail_usage("--accounting is on or off, not", optarg);
			options->accounting = strcmp(optarg, "on") == 0;
			break;
		case 'D':
			options->delay = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'h':
			printf("%s", usage_text);
			exit(0);
		default:
			return fail_usage("bad option", NULL);
		}
	}
	options->command = argv + optind;
	return optind < argc ? 0 : fail_usage("a command to run is missing", NULL);
}

/* The numbers in /proc must be those of the supervisor's own PID namespace. */
static bool own_proc(void)
{
	char link[24] = "";

	return readlink("/proc/self", link, sizeof(link) - 1) > 0 && atoi(link) == getpid();
}

static bool set_up_world(struct supervisor *supervisor)
{
	const struct options *options = &supervisor->options;
	struct rmsim_config config = {.gpus = options->gpus,
				      .instances = options->instances,
				      .accounting = options->accounting};
	int regime = options->regime
			     ? rmsim_parse_regime(options->regime)
			     : rmsim_regime_of(options->driver ? options->driver
							       : rmsim_default_driver(RMSIM_R0));

	config.regime = (enum rmsim_regime)regime;
	config.driver = options->driver ? options->driver : rmsim_default_driver(config.regime);
	config.layouts = options->layouts ? options->layouts : config.driver;
	snprintf(supervisor->driver, sizeof(supervisor->driver), "%s", config.driver);
	supervisor->world = calloc(1, rmsim_world_size());
	return supervisor->world && pidns_init(&config.init_ns) &&
	       rmsim_init(supervisor->world, &config);
}

static bool set_up_events(struct supervisor *supervisor)
{
	struct seccomp_notif_sizes sizes;
	sigset_t handled;

	sigemptyset(&handled);
	sigaddset(&handled, SIGCHLD);
	sigaddset(&handled, SIGINT);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGHUP);
	sigaddset(&handled, SIGQUIT);
	supervisor->epoll = epoll_create1(EPOLL_CLOEXEC);
	supervisor->file_epoll = epoll_create1(EPOLL_CLOEXEC);
	supervisor->signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0)
		return false;
	supervisor->notif_size = sizes.seccomp_notif;
	supervisor->resp_size = sizes.seccomp_notif_resp;
	supervisor->notif = calloc(1, supervisor->notif_size);
	supervisor->resp = calloc(1, supervisor->resp_size);
	return supervisor->epoll >= 0 && supervisor->file_epoll >= 0 && supervisor->signals >= 0 &&
	       supervisor->notif && supervisor->resp;
}

/* One descriptor an open file of all clients together. The command keeps the limit it was given. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	struct supervisor supervisor = {.listener = -1};
	int status = parse(argc, argv, &supervisor.options);

	if (status != 0)
		return status;
	if (!own_proc()) {
		fprintf(stderr, "rm-sim: /proc is not that of this PID namespace; mount it, e.g. "
				"with unshare --mount-proc\n");
		return 125;
	}
	if (supervisor.options.log) {
		supervisor.log = fopen(supervisor.options.log, "ae");
		if (!supervisor.log) {
			fprintf(stderr, "rm-sim: cannot write the log %s: %s\n",
				supervisor.options.log, strerror(errno));
			return 125;
		}
		setvbuf(supervisor.log, NULL, _IOLBF, 0);
	}
	if (!set_up_world(&supervisor) || !set_up_events(&supervisor)) {
		fprintf(stderr, "rm-sim: cannot set up the simulation: %s\n", strerror(errno));
		return 125;
	}
	if (launch(&supervisor) != 0) {
		if (supervisor.child > 0 && waitpid(supervisor.child, &status, 0) > 0 &&
		    WIFEXITED(status))
			return WEXITSTATUS(status);
		fprintf(stderr, "rm-sim: cannot start the command: %s\n", strerror(errno));
		return 125;
	}
	raise_file_limit();
	status = serve(&supervisor);
	if (status < 0) {
		fprintf(stderr, "rm-sim: event loop failed: %s\n", strerror(errno));
		return 125;
	}
	return status;
}
