// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom a switch of interception makes wait. To switch takes long, for ftrace waits for all tasks.
 * If generic netlink's lock were held meanwhile, whoever registers a family would wait for that,
 * and every request of a container behind it.
 */
#include "client.h"
#include "gpu.h"
#include "intercept.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { REGISTRATIONS = 60 };

static struct {
	volatile uint32_t stop;
	/* Of a switch, in seconds: the sum, and how many there were. */
	double switching;
	uint32_t switches;
	/* How long a request of a container took at most. */
	double longest;
} * course;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void switch_by_netlink(void *unused)
{
	(void)unused;
	for (uint32_t on = 1; !course->stop; on ^= 1) {
		const double start = now();
		int error = set_intercept(on ? MPU_INTERCEPT_ON : MPU_INTERCEPT_OFF);

		CHECK(error == 0, "error %d", error);
		course->switching += now() - start;
		course->switches++;
	}
}

static void ask_always(void *unused)
{
	struct client client;

	(void)unused;
	client_open(&client);
	while (!course->stop) {
		const double start = now();
		double took;

		CHECK(client_to_ns(&client, 1) == 0, "the host's first process is here");
		took = now() - start;
		if (took > course->longest)
			course->longest = took;
		usleep(1000);
	}
}

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

void case_lock(void)
{
	double took[REGISTRATIONS], median, one_switch;
	pid_t switcher, container;

	course = shared_memory(sizeof(*course));
	driver_load("unlocked", "regime=R4");
	load_intercepting("");
	container = start(CLONE_NEWPID, ask_always, NULL);
	switcher = start(0, switch_by_netlink, NULL);
	while (course->switches < 2)
		usleep(1000);
	for (int i = 0; i < REGISTRATIONS; i++) {
		double start;

		/* At any moment of a switch. */
		usleep((useconds_t)(1000 + 7001 * i % 30000));
		start = now();
		write_text("/sys/module/nvidia/parameters/family", "1");
		took[i] = now() - start;
	}
	course->stop = 1;
	finish(switcher);
	finish(container);
	qsort(took, REGISTRATIONS, sizeof(*took), compare);
	median = took[REGISTRATIONS / 2];
	one_switch = course->switching / course->switches;
	report_line(
		"note a switch takes %.1f ms; a registration meanwhile %.1f ms, at most %.1f; a "
		"request at most %.1f ms",
		one_switch * 1e3, median * 1e3, took[REGISTRATIONS - 1] * 1e3,
		course->longest * 1e3);
	CHECK(median < one_switch / 8, "a registration takes %.1f ms, a switch %.1f ms",
	      median * 1e3, one_switch * 1e3);
	unload_intercepting();
	driver_unload();
}
