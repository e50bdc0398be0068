// SPDX-License-Identifier: GPL-2.0-only
/*
 * cuda-process: uses a GPU as told, prints "ready PID TID" (its own numbers, TID of the thread that
 * started CUDA) and stays until its standard input ends. With --cycle it times ioctl-heavy work
 * instead, prints the nanoseconds of one round, and ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../../rm-sim/client/rm.h"
#include "cuda.h"

#define CONTEXT_BLOCKING_SYNC 4u
#define CYCLE_BYTES	      (64u << 20)

struct plan {
	int gpu;
	size_t memory; /* bytes */
	uint32_t contexts;
	uint32_t clients;
	uint32_t rounds;
	const char *cycle;
	bool busy;
	bool thread;
};

static const char usage_text[] =
	"usage: cuda-process [--gpu N] [--memory MIB] [--busy] [--thread]\n"
	"                    [--contexts N] [--clients N] [--cycle contexts|memory --rounds N]\n";

static struct cuda cuda;
static pthread_barrier_t ready;

static uint32_t number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value > 1000000) {
		fprintf(stderr, "cuda-process: not a number: %s\n%s", text, usage_text);
		exit(2);
	}
	return (uint32_t)value;
}

static void parse(int argc, char **argv, struct plan *plan)
{
	static const struct option names[] = {
		{"gpu", required_argument, NULL, 'g'},
		{"memory", required_argument, NULL, 'm'},
		{"busy", no_argument, NULL, 'b'},
		{"thread", no_argument, NULL, 't'},
		{"contexts", required_argument, NULL, 'x'},
		{"clients", required_argument, NULL, 'c'},
		{"cycle", required_argument, NULL, 'y'},
		{"rounds", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	int option;

	*plan = (struct plan){.contexts = 1, .rounds = 1};
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (option) {
		case 'g':
			plan->gpu = (int)number(optarg);
			break;
		case 'm':
			plan->memory = (size_t)number(optarg) << 20;
			break;
		case 'b':
			plan->busy = true;
			break;
		case 't':
			plan->thread = true;
			break;
		case 'x':
			plan->contexts = number(optarg);
			break;
		case 'c':
			plan->clients = number(optarg);
			break;
		case 'y':
			plan->cycle = optarg;
			break;
		case 'r':
			plan->rounds = number(optarg);
			break;
		default:
			fprintf(stderr, "%s", usage_text);
			exit(2);
		}
	}
}

static void *create_context(const struct cuda *library, int gpu)
{
	void *context;
	int device;

	cuda_check(library->device_get(&device, gpu), "cuDeviceGet");
	cuda_check(library->context_create(&context, CONTEXT_BLOCKING_SYNC, device), "cuCtxCreate");
	return context;
}

static uint64_t allocate(const struct cuda *library, size_t size)
{
	uint64_t memory;

	cuda_check(library->allocate(&memory, size), "cuMemAlloc");
	return memory;
}

/* A context of its own, kept as long as the process. */
static void *context_thread(void *gpu)
{
	create_context(&cuda, *(int *)gpu);
	pthread_barrier_wait(&ready);
	while (pause() < 0)
		;
	return gpu;
}

static void start_contexts(struct plan *plan)
{
	pthread_t thread;
	uint32_t i;

	pthread_barrier_init(&ready, NULL, plan->contexts);
	for (i = 1; i < plan->contexts; i++)
		if (pthread_create(&thread, NULL, context_thread, &plan->gpu) != 0)
			abort();
	pthread_barrier_wait(&ready);
}

/* RM clients as NVML and other libraries of a process have them: a device, nothing that computes.
 */
static void open_clients(const struct plan *plan)
{
	struct rm_client client;
	uint32_t status;
	uint32_t i;

	for (i = 0; i < plan->clients; i++) {
		status = rm_open(&client, (uint32_t)plan->gpu);
		if (status == NV_OK)
			continue;
		fprintf(stderr, "cuda-process: cannot open an RM client: 0x%x\n", status);
		exit(1);
	}
}

static void *use(void *argument)
{
	struct plan *plan = argument;
	uint64_t memory = 0;

	cuda_check(cuda.init(0), "cuInit");
	create_context(&cuda, plan->gpu);
	if (plan->memory)
		memory = allocate(&cuda, plan->memory);
	start_contexts(plan);
	open_clients(plan);
	printf("ready %d %d\n", getpid(), gettid());
	fflush(stdout);
	if (plan->busy)
		cuda_keep_busy(&cuda, memory);
	for (;;)
		pause();
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void cycle(const struct plan *plan)
{
	bool contexts = strcmp(plan->cycle, "contexts") == 0;
	uint64_t start;
	uint32_t i;

	cuda_check(cuda.init(0), "cuInit");
	create_context(&cuda, plan->gpu);
	start = now();
	for (i = 0; i < plan->rounds; i++) {
		if (contexts)
			cuda_check(cuda.context_destroy(create_context(&cuda, plan->gpu)),
				   "cuCtxDestroy");
		else
			cuda_check(cuda.free(allocate(&cuda, CYCLE_BYTES)), "cuMemFree");
	}
	printf("%llu\n", (unsigned long long)((now() - start) / plan->rounds));
}

static void *watch_input(void *unused)
{
	char buffer[64];
	ssize_t length;

	do
		length = read(STDIN_FILENO, buffer, sizeof(buffer));
	while (length > 0 || (length < 0 && errno == EINTR));
	exit(0);
	return unused;
}

int main(int argc, char **argv)
{
	struct plan plan;
	pthread_t thread;

	parse(argc, argv, &plan);
	if (!cuda_load(&cuda))
		return 1;
	if (plan.cycle) {
		cycle(&plan);
		return 0;
	}
	if (pthread_create(&thread, NULL, plan.thread ? use : watch_input, &plan) != 0)
		return 1;
	if (plan.thread)
		watch_input(NULL);
	else
		use(&plan);
}
