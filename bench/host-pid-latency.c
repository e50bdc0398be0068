// SPDX-License-Identifier: GPL-2.0-only
/*
 * Three ways of a process in a container to learn its PID on the host.
 *
 *   host-pid-latency broker SOCKET
 *     a daemon on the host, which sends each caller the PID that SO_PEERCRED gives
 *   host-pid-latency ask SOCKET
 *     libmpu-client, and that daemon
 *   host-pid-latency snapshots
 *     the GPU's process list before, during and after making a context, as HAMi-core's
 *     set_task_pid() reads it: the PID that comes and goes
 *
 * Prints lines "NAME MICROSECONDS". Exits with 3 where a way cannot be gone here.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <mpu-client.h>

#include "../test/rm-sim/client/rm.h"

enum { SAMPLES = 30, CALLS = 200, SNAPSHOTS = 5, MAX_PROCESSES = 1024 };

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

_Noreturn static void give_up(const char *why)
{
	fprintf(stderr, "host-pid-latency: %s\n", why);
	exit(3);
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

static void serve(const char *path)
{
	const struct sockaddr_un address = address_of(path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    chmod(path, 0666) != 0 || listen(listener, 64) != 0)
		give_up("the broker cannot listen");
	for (;;) {
		int caller = accept(listener, NULL, NULL);
		struct ucred peer;
		socklen_t size = sizeof(peer);

		if (getsockopt(caller, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
			send(caller, &peer.pid, sizeof(peer.pid), MSG_NOSIGNAL);
		close(caller);
	}
}

static const char *broker;

static int32_t ask_broker(void)
{
	const struct sockaddr_un address = address_of(broker);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int32_t pid = -1;

	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    recv(fd, &pid, sizeof(pid), MSG_WAITALL) != (ssize_t)sizeof(pid))
		give_up("the broker does not answer");
	close(fd);
	return pid;
}

/* Microseconds a call, the best of some samples: everything else on the machine only adds. */
static void measure(const char *name, int32_t (*ask)(void))
{
	double best = 1e9;

	for (int sample = 0; sample < SAMPLES; sample++) {
		double start = now();

		for (int i = 0; i < CALLS; i++)
			ask();
		start = (now() - start) / CALLS;
		if (start < best)
			best = start;
	}
	printf("%s %.3f\n", name, best);
}

static void ask_all(void)
{
	const int32_t pid = mpu_client_host_pid();

	if (pid < 0)
		give_up(strerror(-pid));
	if (pid != ask_broker() || pid == getpid())
		give_up("the answers are not the host's PID");
	measure("client", mpu_client_host_pid);
	measure("broker", ask_broker);
}

/* NVML and the CUDA driver, whose headers need not be here. */
struct process {
	unsigned int pid;
	unsigned long long memory;
};

static struct {
	int (*init)(void);
	int (*device)(unsigned int, void **);
	int (*processes)(void *, unsigned int *, struct process *);
} nvml;

static struct {
	int (*init)(unsigned int);
	int (*retain)(void **, int);
	int (*release)(int);
} cuda;

static void *function(const char *library, const char *name)
{
	void *handle = dlopen(library, RTLD_NOW);

	return handle ? dlsym(handle, name) : NULL;
}

static void *device;

struct snapshot {
	unsigned int count;
	struct process list[MAX_PROCESSES];
};

static void look(struct snapshot *snapshot)
{
	snapshot->count = MAX_PROCESSES;
	if (nvml.processes(device, &snapshot->count, snapshot->list) != 0)
		give_up("NVML does not list processes");
}

static int has(const struct snapshot *snapshot, unsigned int pid)
{
	for (unsigned int i = 0; i < snapshot->count; i++)
		if (snapshot->list[i].pid == pid)
			return 1;
	return 0;
}

/* Where there is no CUDA driver, a channel of the simulated one stands for a context. */
static struct rm_client channel;

static void make_context(void)
{
	void *context;

	if (cuda.retain) {
		if (cuda.retain(&context, 0) != 0)
			give_up("CUDA makes no context");
	} else if (rm_open(&channel, 0) != NV_OK ||
		   rm_open_channel(&channel, TURING_COMPUTE_A) != NV_OK) {
		give_up("the driver makes no channel");
	}
}

static void end_context(void)
{
	if (cuda.retain)
		cuda.release(0);
	else
		close(channel.fd);
}

static void snapshots(void)
{
	static struct snapshot before, during, after;
	double best = 1e9, best_context = 1e9;
	unsigned int found = 0;

	*(void **)&nvml.init = function("libnvidia-ml.so.1", "nvmlInit_v2");
	*(void **)&nvml.device = function("libnvidia-ml.so.1", "nvmlDeviceGetHandleByIndex_v2");
	*(void **)&nvml.processes =
		function("libnvidia-ml.so.1", "nvmlDeviceGetComputeRunningProcesses");
	*(void **)&cuda.init = function("libcuda.so.1", "cuInit");
	*(void **)&cuda.retain = function("libcuda.so.1", "cuDevicePrimaryCtxRetain");
	*(void **)&cuda.release = function("libcuda.so.1", "cuDevicePrimaryCtxRelease_v2");
	if (!nvml.init || nvml.init() != 0 || nvml.device(0, &device) != 0)
		give_up("NVML does not start");
	if (cuda.retain && cuda.init(0) != 0)
		give_up("CUDA does not start");
	for (int i = 0; i < SNAPSHOTS; i++) {
		double start = now(), context;

		look(&before);
		context = now();
		make_context();
		context = now() - context;
		look(&during);
		context -= now();
		end_context();
		context += now();
		look(&after);
		start = now() - start;
		best = start < best ? start : best;
		best_context = context < best_context ? context : best_context;
	}
	for (unsigned int i = 0; i < during.count; i++)
		if (!has(&before, during.list[i].pid) && !has(&after, during.list[i].pid))
			found = during.list[i].pid;
	if (!found)
		give_up("no process came and went");
	printf("snapshots %.3f\nsnapshots_context %.3f\n", best, best_context);
	fprintf(stderr, "host-pid-latency: the snapshots say PID %u, with %s\n", found,
		cuda.retain ? "a CUDA context"
			    : "the simulated driver, whose context costs nothing");
}

int main(int argc, char **argv)
{
	broker = argc > 2 ? argv[2] : "";
	if (argc > 2 && strcmp(argv[1], "broker") == 0)
		serve(broker);
	else if (argc > 2 && strcmp(argv[1], "ask") == 0)
		ask_all();
	else if (argc > 1 && strcmp(argv[1], "snapshots") == 0)
		snapshots();
	else
		return 2;
	return 0;
}
