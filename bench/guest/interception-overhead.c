// SPDX-License-Identifier: GPL-2.0-only
/* What interception costs, by device, request and caller. */
#include "bench.h"
#include "client.h"
#include "gpu.h"
#include "intercept.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 100, SAMPLES = 60, CLIENTS = 100 };

static struct gpu_client gpu;
static uint32_t params[3812 / 4];
static int other = -1;

/* An ioctl on another character device. */
static void ask_other(void)
{
	int answer;

	CHECK(ioctl(other, FIONREAD, &answer) < 0 && errno == ENOTTY, "errno %d", errno);
}

/* An escape of the driver that is no control. */
static void ask_escape(void)
{
	uint32_t free[4] = {gpu.root, gpu.root, 0xbad, 0};

	CHECK(ioctl(gpu.fd, 0xc0104629, free) == 0, "errno %d", errno);
}

/* A control without PIDs. */
static void ask_control(void)
{
	uint32_t usage[3] = {0x100, 0, 0};

	CHECK(gpu_ask_root(&gpu, 0xb01, usage, sizeof(usage)) == 0, "refused");
}

static void ask_list(void)
{
	CHECK(gpu_list(&gpu, params) > 0, "refused");
}

static const struct {
	const char *name;
	void (*ask)(void);
} questions[] = {{"other_device", ask_other},
		 {"escape", ask_escape},
		 {"control", ask_control},
		 {"get_pids", ask_list}};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double measure(void (*ask)(void))
{
	double best = 1e9;

	for (int sample = 0; sample < SAMPLES; sample++) {
		double start = now();

		for (int i = 0; i < ROUNDS; i++)
			ask();
		start = (now() - start) / ROUNDS;
		if (start < best)
			best = start;
	}
	return best;
}

/* Measures when told to, until told to end. */
static struct {
	volatile uint32_t turn;
	volatile uint32_t done;
	const char *state;
} * course;

static void measure_turns(void *caller)
{
	struct gpu_client clients[CLIENTS];

	/* Processes of a busy GPU; the driver lists this one once for each of its clients from 535
	 * on. */
	for (int i = 0; i < CLIENTS; i++)
		gpu_open(&clients[i], 0, 0);
	gpu = clients[0];
	other = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (uint32_t turn = 1; turn <= 2; turn++) {
		while (course->turn != turn)
			usleep(1000);
		for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++)
			report_line("bench %s_%s_%s %.3f us", (const char *)caller, course->state,
				    questions[i].name, measure(questions[i].ask) * 1e6);
		course->done = turn;
	}
}

static void measure_caller(char *caller, int flags)
{
	pid_t pid;

	memset(course, 0, sizeof(*course));
	pid = start(flags, measure_turns, caller);
	for (uint32_t turn = 1; turn <= 2; turn++) {
		CHECK(set_intercept(turn == 1 ? MPU_INTERCEPT_OFF : MPU_INTERCEPT_ON) == 0, "%s",
		      caller);
		course->state = turn == 1 ? "off" : "on";
		course->turn = turn;
		while (course->done != turn)
			usleep(1000);
	}
	finish(pid);
}

static void bench(void)
{
	course = shared_memory(sizeof(*course));
	driver_load("unlocked", "regime=R4");
	load_intercepting("");
	measure_caller("container", CLONE_NEWPID);
	measure_caller("host", 0);
	unload_intercepting();
	driver_unload();
}

void bench_intercept_run(void)
{
	report_run("benchmark", bench, 300);
}
