// SPDX-License-Identifier: GPL-2.0-only
/* Switching and unloading at any moment. */
#include "cases.h"
#include "gpu.h"
#include "intercept.h"
#include "report.h"
#include "world.h"

#include "uapi/mpu.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int switch_rounds = 40;

/* On an emulated machine that has to share its processors. */
enum { SECONDS_A_ROUND = 5 };

/* How often the driver comes and goes under load: once in so many rounds, but a few times. */
enum { ROUNDS_A_CYCLE = 5, LEAST_CYCLES = 6 };

static const char *const drivers[][2] = {{"frontend", "regime=R0"}, {"unlocked", "regime=R4"}};

static const enum observer plain[] = {OBSERVER_STATIC, OBSERVER_MUSL, OBSERVER_32};
static const enum observer with_library[] = {OBSERVER_LIBMPU, OBSERVER_LIBMPU};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* In one way or the other. Returns 0 or the negative errno. */
static int switch_it(int round, uint32_t value)
{
	if (round % 2)
		return set_intercept(value);
	return -try_write_text("/sys/module/mpu/parameters/intercept",
			       value == MPU_INTERCEPT_ON ? "1" : "0");
}

/*
 * Programs without libmpu.so see one answer or the other, whole; those with it a right one, whoever
 * translates.
 */
static void case_switching(void)
{
	for (size_t d = 0; d < 2; d++) {
		struct container *containers[2];
		double start;
		pid_t stranger;

		driver_load(drivers[d][0], drivers[d][1]);
		load_intercepting("");
		stranger = stranger_start();
		containers[0] = container_start("either", plain, 3, (uint32_t)stranger);
		containers[1] = container_start("strict", with_library, 2, (uint32_t)stranger);
		start = now();
		for (int i = 0; i < switch_rounds / 2; i++) {
			int error = switch_it(i, MPU_INTERCEPT_ON);

			CHECK(error == 0, "round %d: on: %d", i, error);
			error = switch_it(i, MPU_INTERCEPT_OFF);
			CHECK(error == 0, "round %d: off: %d", i, error);
		}
		report_line("note switched on and off %d times in %.1f s", switch_rounds / 2,
			    now() - start);
		container_finish(containers[0]);
		container_finish(containers[1]);
		stop(stranger);
		unload_intercepting();
		driver_unload();
	}
}

static void case_reloading(void)
{
	for (size_t d = 0; d < 2; d++) {
		struct container *containers[2];
		double start;
		pid_t stranger;

		driver_load(drivers[d][0], drivers[d][1]);
		stranger = stranger_start();
		containers[0] = container_start("either", plain, 3, (uint32_t)stranger);
		containers[1] = container_start("either", with_library, 2, (uint32_t)stranger);
		start = now();
		for (int i = 0; i < switch_rounds / 2; i++) {
			load_intercepting("intercept=1");
			unload_intercepting();
		}
		report_line("note loaded and unloaded %d times in %.1f s", switch_rounds / 2,
			    now() - start);
		container_finish(containers[0]);
		container_finish(containers[1]);
		stop(stranger);
		driver_unload();
	}
}

static void switch_always(void *argument)
{
	const volatile uint32_t *until = argument;

	for (uint32_t on = 0; !*until; on ^= 1) {
		int error = set_intercept(on ? MPU_INTERCEPT_ON : MPU_INTERCEPT_OFF);

		CHECK(error == 0, "%s: %d", on ? "on" : "off", error);
	}
}

/* The driver comes and goes while it is asked, and while interception is switched. */
static void case_cycling(void)
{
	uint32_t *until = shared_memory(sizeof(*until));
	int cycles = switch_rounds / ROUNDS_A_CYCLE;
	const double start = now();
	pid_t switcher;
	int error;

	if (cycles < LEAST_CYCLES)
		cycles = LEAST_CYCLES;
	load_intercepting("");
	switcher = start_as(0, NULL, 0, switch_always, until);
	for (int i = 0; i < cycles; i++) {
		struct container *container;
		pid_t stranger;

		driver_load(drivers[i % 2][0], drivers[i % 2][1]);
		stranger = stranger_start();
		container = container_start("either", plain, 3, (uint32_t)stranger);
		usleep(300000);
		container_finish(container);
		stop(stranger);
		driver_unload();
	}
	report_line("note the driver came and went %d times in %.1f s", cycles, now() - start);
	*until = 1;
	finish(switcher);
	driver_load("unlocked", "regime=R4");
	CHECK((error = set_intercept(MPU_INTERCEPT_ON)) == 0, "error %d", error);
	observe_once();
	unload_intercepting();
	driver_unload();
}

static struct sleeper {
	volatile uint32_t asleep;
	volatile uint32_t wake;
	volatile uint32_t unloaded;
} * sleeper;

static uint32_t *question;
static int answered;

/* The driver sleeps where it reads the question. */
static void *ask(void *argument)
{
	const struct gpu_client *client = argument;

	answered = gpu_ask(client, 0x2080018d, question, 3812) == 0;
	return NULL;
}

/* A process whose page fault another thread of it answers when it likes. */
static void sleep_in_driver(void *unused)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	struct uffdio_copy copy = {.len = 4096};
	static uint32_t page[1024];
	struct uffd_msg fault;
	struct gpu_client client;
	struct pollfd ready;
	pthread_t thread;
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	(void)unused;
	CHECK(fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0, "errno %d", errno);
	question = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (uintptr_t)question;
	range.range.len = 4096;
	CHECK(ioctl(fd, UFFDIO_REGISTER, &range) == 0, "errno %d", errno);
	gpu_open(&client, 0, 0);
	CHECK(pthread_create(&thread, NULL, ask, &client) == 0, "no thread");
	ready = (struct pollfd){.fd = fd, .events = POLLIN};
	CHECK(poll(&ready, 1, 20000) == 1, "no fault");
	CHECK(read(fd, &fault, sizeof(fault)) == sizeof(fault), "errno %d", errno);
	sleeper->asleep = 1;
	await_word(&sleeper->wake);
	page[1] = 0x2080;
	copy.dst = (uintptr_t)question;
	copy.src = (uintptr_t)page;
	CHECK(ioctl(fd, UFFDIO_COPY, &copy) == 0, "errno %d", errno);
	pthread_join(thread, NULL);
	CHECK(answered, "no answer");
	/* The call began when answers were rewritten. */
	CHECK(question[2] == 1 && question[3] == 1, "%u listed, %u first", question[2],
	      question[3]);
}

static void intercept_sleepers(void)
{
	sleeper = shared_memory(sizeof(*sleeper));
	driver_load("frontend", "regime=R0");
	load_intercepting("intercept=1");
}

/* Returns when it is asleep. */
static pid_t start_asleep(void)
{
	pid_t pid;

	sleeper->asleep = 0;
	pid = start_as(CLONE_NEWPID, NULL, 0, sleep_in_driver, NULL);
	await_word(&sleeper->asleep);
	return pid;
}

static void unload_asleep(void *unused)
{
	(void)unused;
	unload_intercepting();
	sleeper->unloaded = 1;
}

static void case_sleeping(void)
{
	struct state state;
	double start;
	pid_t asleep, unloader;
	int error;

	intercept_sleepers();
	asleep = start_asleep();
	get_state(&state);
	CHECK(state.in_flight == 1, "%u in flight", (unsigned int)state.in_flight);

	start = now();
	CHECK((error = set_intercept(MPU_INTERCEPT_OFF)) == 0, "error %d", error);
	CHECK((error = set_intercept(MPU_INTERCEPT_ON)) == 0, "error %d", error);
	CHECK((error = set_intercept(MPU_INTERCEPT_OFF)) == 0, "error %d", error);
	CHECK(now() - start < 10, "switching waits for the sleeper");

	unloader = start_as(0, NULL, 0, unload_asleep, NULL);
	usleep(500000);
	CHECK(!sleeper->unloaded, "unloaded under a call");
	CHECK(waitpid(unloader, NULL, WNOHANG) == 0, "the unloader is gone");
	/* However long that takes, libmpu.so has its translator. The driver sleeps, too. */
	get_state(&state);
	CHECK(state.intercept == MPU_INTERCEPT_OFF && state.in_flight == 1, "%u, %u in flight",
	      state.intercept, (unsigned int)state.in_flight);
	CHECK((error = set_intercept(MPU_INTERCEPT_ON)) == -ESHUTDOWN, "error %d", error);
	sleeper->wake = 1;
	finish(asleep);
	finish(unloader);
	CHECK(sleeper->unloaded, "not unloaded");
	driver_unload();
}

static void read_settled(void *argument)
{
	uint32_t *settled = argument;
	char text[64] = "";
	int fd = open("/sys/module/mpu/parameters/intercepting", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "errno %d", errno);
	close(fd);
	CHECK(strncmp(text, "off ", 4) == 0, "\"%s\"", text);
	*settled = strstr(text, " settled\n") != NULL;
}

/*
 * The last word of what libmpu.so reads: how long it has been so. In a container, for nothing is
 * ever rewritten for the host.
 */
static int is_settled(void)
{
	static uint32_t *settled;

	if (!settled)
		settled = shared_memory(sizeof(*settled));
	run_in(CLONE_NEWPID, read_settled, settled);
	return (int)*settled;
}

/* What ends rewritten long after it was switched off is not taken for the driver's own answer. */
static void case_late(void)
{
	pid_t asleep;
	int error;

	intercept_sleepers();
	asleep = start_asleep();
	CHECK((error = set_intercept(MPU_INTERCEPT_OFF)) == 0, "error %d", error);
	for (int i = 0; i < 120 && !is_settled(); i++)
		sleep(1);
	CHECK(is_settled(), "a minute takes more than two");
	sleeper->wake = 1;
	finish(asleep);
	CHECK(!is_settled(), "it was rewritten just now");
	unload_intercepting();
	driver_unload();
}

/* It takes a minute, and no kernel has a part in it. */
static void late_run(case_runner run)
{
	struct utsname kernel;

	uname(&kernel);
	if (strncmp(kernel.release, "6.12.", 5) == 0)
		run("an answer from before it was switched off", case_late, 300);
}

/* A process that is killed in the middle: nothing waits for it for ever. */
static void case_killed(void)
{
	pid_t asleep;

	intercept_sleepers();
	for (int i = 0; i < 5; i++) {
		asleep = start_asleep();
		stop(asleep);
	}
	unload_intercepting();
	driver_unload();
}

void switch_run(case_runner run)
{
	run("a process that sleeps in the driver", case_sleeping, 300);
	run("a process that is killed in the driver", case_killed, 300);
	late_run(run);
	rounds_run(run);
}

void rounds_run(case_runner run)
{
	const unsigned int seconds = 300 + SECONDS_A_ROUND * (unsigned int)switch_rounds;

	run("the driver comes and goes under load", case_cycling, seconds);
	run("on and off under load", case_switching, seconds);
	run("loaded and unloaded under load", case_reloading, seconds);
}
