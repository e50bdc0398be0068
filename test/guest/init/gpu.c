// SPDX-License-Identifier: GPL-2.0-only
#include "gpu.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/rm-sim/client/rm.h"

#define DEVICE	"/dev/nvidiactl"
#define RELEASE "550.163.01"

static const char *const programs[OBSERVERS] = {"/observer", "/observer-musl", "/observer-32",
						"/observer-mpu", "/observer-raw"};

/* Of the driver that is loaded; here, and in every process started from here. */
static uint32_t layouts;

void driver_load(const char *entry, const char *parameters)
{
	driver_load_release(entry, RELEASE, parameters);
}

void driver_found(void)
{
	layouts = (uint32_t)atoi(RELEASE);
}

void driver_load_release(const char *entry, const char *release, const char *parameters)
{
	char path[64], all[128];
	int error;

	layouts = (uint32_t)atoi(release);
	snprintf(path, sizeof(path), "/nvidia-%s.ko", entry);
	snprintf(all, sizeof(all), "layouts=%s %s", release, parameters);
	error = module_load_file(path, all);
	CHECK(error == 0, "%s %s: error %d", path, all, error);
	unlink(DEVICE);
	CHECK(mknod(DEVICE, S_IFCHR | 0666, makedev(195, 255)) == 0, "errno %d", errno);
	CHECK(chmod(DEVICE, 0666) == 0, "errno %d", errno);
}

void driver_unload(void)
{
	int error = module_unload_name("nvidia");

	CHECK(error == 0, "error %d", error);
}

void gpu_open(struct gpu_client *client, uint32_t memory_mib, uint32_t utilization)
{
	struct rmsim_usage usage = {.memory_private = (uint64_t)memory_mib << 20};
	struct rm_client rm;
	uint32_t status = rm_open(&rm, 0);

	CHECK(status == NV_OK, "client: %#x, errno %d", status, errno);
	*client = (struct gpu_client){rm.fd, rm.root, rm.device, rm.subdevice};
	if (memory_mib == 0)
		return;
	status = rm_open_channel(&rm, TURING_COMPUTE_A);
	CHECK(status == NV_OK, "channel: %#x", status);
	usage.util[ENGINE_SM] = utilization;
	usage.encoder_sessions = utilization != 0;
	status = rm_set_usage(&rm, &usage);
	CHECK(status == NV_OK, "usage: %#x", status);
}

uint32_t gpu_ask(const struct gpu_client *client, uint32_t cmd, void *params, uint32_t size)
{
	return rm_control(client->fd, client->root, client->subdevice, cmd, params, size);
}

uint32_t gpu_ask_root(const struct gpu_client *client, uint32_t cmd, void *params, uint32_t size)
{
	return rm_control(client->fd, client->root, client->root, cmd, params, size);
}

int gpu_list(const struct gpu_client *client, uint32_t *params)
{
	memset(params, 0, 12);
	params[1] = NV20_SUBDEVICE_0;
	return gpu_ask(client, 0x2080018d, params, 3812) == NV_OK ? (int)params[2] : -1;
}

static void work(void *argument)
{
	volatile uint32_t *ready = argument;
	struct gpu_client client;

	gpu_open(&client, 100, 30);
	*ready = 1;
	for (;;)
		pause();
}

static void *work_in_thread(void *argument)
{
	volatile uint32_t *ready = argument;
	struct gpu_client client;

	gpu_open(&client, 200, 0);
	*ready = 1;
	for (;;)
		pause();
	return NULL;
}

static void start_thread(void *argument)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, work_in_thread, argument);

	CHECK(error == 0, "error %d", error);
	for (;;)
		pause();
}

static void be_strange(void *argument)
{
	volatile uint32_t *ready = argument;
	struct gpu_client client;

	gpu_open(&client, 300, 20);
	*ready = 1;
	for (;;)
		pause();
}

pid_t stranger_start(void)
{
	uint32_t *ready = shared_memory(sizeof(*ready));
	pid_t pid = start(CLONE_NEWPID, be_strange, ready);

	await_word(ready);
	return pid;
}

struct observer_start {
	const struct container *container;
	const char *program;
	pid_t worker, threaded;
	int input;
};

static void observe(void *argument)
{
	const struct observer_start *how = argument;
	char numbers[4][16];
	char *arguments[] = {(char *)how->program,
			     (char *)how->container->mode,
			     numbers[0],
			     numbers[1],
			     numbers[2],
			     numbers[3],
			     NULL};

	snprintf(numbers[0], sizeof(numbers[0]), "%d", how->worker);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", how->threaded);
	snprintf(numbers[2], sizeof(numbers[2]), "%u", how->container->stranger);
	snprintf(numbers[3], sizeof(numbers[3]), "%u", layouts);
	dup2(how->input, STDIN_FILENO);
	/* They are the load: whoever switches under it is not to queue for the emulated CPUs, too.
	 */
	CHECK(nice(10) == 10, "errno %d", errno);
	execv(how->program, arguments);
	CHECK(0, "%s: errno %d", how->program, errno);
}

static void live(void *argument)
{
	struct container *container = argument;
	uint32_t *ready = shared_memory(2 * sizeof(*ready));
	struct observer_start how = {.container = container};
	pid_t observers[MOST_OBSERVERS];
	siginfo_t ended;
	int input[2];

	/* Inside, everything has small numbers. */
	how.worker = start(0, work, &ready[0]);
	how.threaded = start(0, start_thread, &ready[1]);
	await_word(&ready[0]);
	await_word(&ready[1]);
	CHECK(pipe2(input, O_NONBLOCK | O_CLOEXEC) == 0, "errno %d", errno);
	how.input = input[0];
	for (uint32_t i = 0; i < container->observer_count; i++) {
		how.program = programs[container->observers[i]];
		/* Not every architecture has all of them; the host sees to it that all are there.
		 */
		observers[i] = access(how.program, X_OK) == 0 ? start(0, observe, &how) : 0;
	}
	container->ready = 1;
	while (strcmp(container->mode, "once") != 0 && !container->stop)
		usleep(10000);
	close(input[1]);
	/* None is gone before all have asked for the last time. */
	for (uint32_t i = 0; i < container->observer_count; i++)
		if (observers[i])
			waitid(P_PID, (id_t)observers[i], &ended, WEXITED | WNOWAIT);
	for (uint32_t i = 0; i < container->observer_count; i++)
		if (observers[i])
			finish(observers[i]);
	stop(how.worker);
	stop(how.threaded);
}

struct container *container_start(const char *mode, const enum observer *observers, uint32_t count,
				  uint32_t stranger)
{
	struct container *container = shared_memory(sizeof(*container));

	container->mode = mode;
	container->observer_count = count;
	memcpy(container->observers, observers, count * sizeof(*observers));
	container->stranger = stranger;
	container->init = start(CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWNET, live, container);
	await_word(&container->ready);
	return container;
}

void container_finish(struct container *container)
{
	container->stop = 1;
	finish(container->init);
}
