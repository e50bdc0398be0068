// SPDX-License-Identifier: GPL-2.0-only
/* gpu-process: a process that uses the simulated GPU as told, and goes on until stdin ends or
 * SIGTERM comes. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "rm.h"

#define MAX_OPEN_CLIENTS 1000

struct plan {
	uint32_t gpu;
	const char *cls;
	uint32_t clients;
	uint64_t kernel_memory; /* bytes; 0: no kernel client */
	bool thread;
	bool thread_exits;
	bool then_exit;
	uint32_t gpu_instance, compute_instance;
	struct rmsim_usage usage;
};

static const char usage_text[] =
	"usage: gpu-process [--gpu N] [--class compute|graphics|mps|mps+compute] "
	"[--memory MIB] [--util SM[,FB[,ENC[,DEC]]]]\n"
	"                   [--clients N] [--thread] [--thread-exits] "
	"[--encoder N] [--fbc N] [--kernel-client MIB]\n"
	"                   [--instance GPU_INSTANCE[:COMPUTE_INSTANCE]] "
	"[--no-accounting] [--then-exit]\n";

static _Noreturn void fail(const char *what, uint32_t status)
{
	if (status == RM_IOCTL_FAILED)
		fprintf(stderr, "gpu-process: %s: %s; is this under rm-sim?\n", what,
			strerror(errno));
	else
		fprintf(stderr, "gpu-process: %s: status 0x%x\n", what, status);
	exit(1);
}

static _Noreturn void fail_usage(const char *what)
{
	fprintf(stderr, "gpu-process: bad value: %s\n%s", what, usage_text);
	exit(2);
}

static uint32_t number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || value > UINT32_MAX)
		fail_usage(text);
	return (uint32_t)value;
}

static void parse_util(char *text, uint32_t util[ENGINES])
{
	static const int order[] = {ENGINE_SM, ENGINE_FB, ENGINE_ENC, ENGINE_DEC};
	char *part;
	size_t i = 0;

	while ((part = strsep(&text, ",")) != NULL) {
		if (i == sizeof(order) / sizeof(order[0]))
			fail_usage(part);
		util[order[i]] = number(part);
		if (util[order[i++]] > 100)
			fail_usage(part);
	}
}

static void parse(int argc, char **argv, struct plan *plan)
{
	static const struct option names[] = {
		{"gpu", required_argument, NULL, 'g'},
		{"class", required_argument, NULL, 'c'},
		{"memory", required_argument, NULL, 'm'},
		{"util", required_argument, NULL, 'u'},
		{"clients", required_argument, NULL, 'n'},
		{"thread", no_argument, NULL, 't'},
		{"thread-exits", no_argument, NULL, 'x'},
		{"encoder", required_argument, NULL, 'e'},
		{"fbc", required_argument, NULL, 'f'},
		{"kernel-client", required_argument, NULL, 'k'},
		{"instance", required_argument, NULL, 'i'},
		{"no-accounting", no_argument, NULL, 'a'},
		{"then-exit", no_argument, NULL, 'q'},
		{NULL, 0, NULL, 0},
	};
	int option;

	*plan = (struct plan){.cls = "compute", .clients = 1, .gpu_instance = PARTITION_NONE};
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (option) {
		case 'g':
			plan->gpu = number(optarg);
			break;
		case 'c':
			plan->cls = optarg;
			break;
		case 'm':
			plan->usage.memory_private = (uint64_t)number(optarg) << 20;
			break;
		case 'u':
			parse_util(optarg, plan->usage.util);
			break;
		case 'n':
			plan->clients = number(optarg);
			break;
		case 't':
			plan->thread = true;
			break;
		case 'x':
			plan->thread = true;
			plan->thread_exits = true;
			break;
		case 'e':
			plan->usage.encoder_sessions = number(optarg);
			break;
		case 'f':
			plan->usage.fbc_sessions = number(optarg);
			break;
		case 'k':
			plan->kernel_memory = (uint64_t)number(optarg) << 20;
			break;
		case 'i':
			rm_parse_instance(optarg, &plan->gpu_instance, &plan->compute_instance);
			break;
		case 'a':
			plan->usage.flags |= RMSIM_USAGE_NO_ACCOUNTING;
			break;
		case 'q':
			plan->then_exit = true;
			break;
		default:
			fprintf(stderr, "%s", usage_text);
			exit(2);
		}
	}
	if (optind != argc)
		fail_usage(argv[optind]);
	if (plan->clients < 1 || plan->clients > MAX_OPEN_CLIENTS)
		fail_usage("--clients is from 1 to 1000");
}

/* What makes a client show up in the list of its kind. */
static void open_engine(const struct rm_client *client, const char *cls)
{
	bool mps = strcmp(cls, "mps") == 0 || strcmp(cls, "mps+compute") == 0;
	uint32_t engine = 0;
	uint32_t handle;
	uint32_t status;

	if (strcmp(cls, "compute") == 0 || strcmp(cls, "mps+compute") == 0)
		engine = TURING_COMPUTE_A;
	else if (strcmp(cls, "graphics") == 0)
		engine = TURING_A;
	else if (!mps)
		fail_usage(cls);
	status = rm_open_channel(client, engine);
	if (status == NV_OK && mps)
		status = rm_alloc(client->fd, client->root, client->root, MPS_COMPUTE, NULL,
				  &handle);
	if (status != NV_OK)
		fail("cannot allocate a channel", status);
}

static void open_client(const struct plan *plan, const struct rmsim_usage *usage)
{
	struct rmsim_usage own = *usage;
	struct rm_client client;
	uint32_t status = rm_open(&client, plan->gpu);

	if (status != NV_OK)
		fail("cannot allocate a client", status);
	if (plan->gpu_instance != PARTITION_NONE) {
		status = rm_subscribe(&client, plan->gpu_instance, plan->compute_instance);
		if (status != NV_OK)
			fail("cannot subscribe to an instance", status);
	}
	open_engine(&client, plan->cls);
	status = rm_set_usage(&client, &own);
	if (status != NV_OK)
		fail("cannot declare the usage", status);
}

/* Memory, utilization and sessions are the first client's, so that what the process uses does not
 * depend on their number. */
static void open_clients(const struct plan *plan)
{
	struct rmsim_usage nothing = {.flags = plan->usage.flags};
	struct rmsim_usage kernel = {.flags = RMSIM_USAGE_KERNEL,
				     .memory_private = plan->kernel_memory};
	uint32_t i;

	open_client(plan, &plan->usage);
	for (i = 1; i < plan->clients; i++)
		open_client(plan, &nothing);
	if (plan->kernel_memory)
		open_client(plan, &kernel);
}

static pthread_barrier_t opened;

static void *thread_main(void *plan)
{
	open_clients(plan);
	if (((const struct plan *)plan)->thread_exits)
		return NULL;
	pthread_barrier_wait(&opened);
	for (;;)
		pause();
}

static void open_in_thread(struct plan *plan)
{
	pthread_t thread;

	pthread_barrier_init(&opened, NULL, 2);
	if (pthread_create(&thread, NULL, thread_main, plan) != 0)
		fail("cannot start a thread", RM_IOCTL_FAILED);
	if (plan->thread_exits)
		pthread_join(thread, NULL);
	else
		pthread_barrier_wait(&opened);
}

int main(int argc, char **argv)
{
	struct plan plan;
	char buffer[64];
	ssize_t length;

	parse(argc, argv, &plan);
	if (plan.thread)
		open_in_thread(&plan);
	else
		open_clients(&plan);
	printf("ready %d\n", getpid());
	fflush(stdout);
	if (plan.then_exit)
		return 0;
	do
		length = read(STDIN_FILENO, buffer, sizeof(buffer));
	while (length > 0 || (length < 0 && errno == EINTR));
	return 0;
}
