// SPDX-License-Identifier: GPL-2.0-only
/* Interception next to others who want something of the driver's function, or forbid it. */
#include "cases.h"
#include "gpu.h"
#include "intercept.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uapi/mpu.h"

static void mount_tracing(void)
{
	mkdir("/tracing", 0755);
	CHECK(mount("tracefs", "/tracing", "tracefs", 0, NULL) == 0, "errno %d", errno);
}

/* Another user of ftrace on the same function. */
static void case_traced(void)
{
	static const char *const tracers[] = {"function", "function_graph"};

	mount_tracing();
	driver_load("unlocked", "regime=R0");
	for (size_t i = 0; i < 2; i++) {
		write_text("/tracing/set_ftrace_filter", "nvidia_unlocked_ioctl");
		write_text("/tracing/current_tracer", tracers[i]);
		load_intercepting("intercept=1");
		observe_once();
		write_text("/tracing/current_tracer", "nop");
		observe_once();
		write_text("/tracing/current_tracer", tracers[i]);
		observe_once();
		unload_intercepting();
		write_text("/tracing/current_tracer", "nop");
		write_text("/tracing/set_ftrace_filter", "");
	}
	umount("/tracing");
	driver_unload();
}

/* Not there where the kernel has no live patches. */
#define LIVEPATCH_MODULE "/livepatch_nvidia.ko"
#define LIVEPATCH	 "/sys/kernel/livepatch/livepatch_nvidia/enabled"

static void unload_livepatch(void)
{
	int error = -EBUSY;

	write_text(LIVEPATCH, "0");
	/* Until every task has left the patched function. */
	for (int i = 0; i < 500 && error; i++) {
		usleep(20000);
		error = module_unload_name("livepatch_nvidia");
	}
	CHECK(error == 0, "error %d", error);
}

static void case_livepatch(void)
{
	struct state state;
	int error;

	driver_load("unlocked", "regime=R0");
	error = module_load_file(LIVEPATCH_MODULE, "");
	CHECK(error == 0, "error %d", error);
	load_intercepting("intercept=1");
	get_state(&state);
	CHECK(state.intercept == MPU_INTERCEPT_BLOCKED && strstr(state.reason, "somebody else"),
	      "state %u, reason \"%s\"", state.intercept, state.reason);
	CHECK((error = set_intercept(MPU_INTERCEPT_ON)) == -EBUSY, "error %d", error);
	unload_livepatch();
	CHECK((error = set_intercept(MPU_INTERCEPT_ON)) == 0, "error %d", error);
	observe_once();

	error = module_load_file(LIVEPATCH_MODULE, "");
	CHECK(error == -EBUSY, "error %d", error);
	observe_once();
	unload_intercepting();
	driver_unload();
}

/* How often the probe was hit. */
static unsigned long probe_hits(void)
{
	char text[256] = "";
	int fd = open("/tracing/kprobe_profile", O_RDONLY | O_CLOEXEC);
	const char *number;

	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "errno %d", errno);
	close(fd);
	number = strstr(text, "entry");
	CHECK(number, "\"%s\"", text);
	return strtoul(number + strlen("entry"), NULL, 10);
}

/* A probe that is there before, and one that comes after. */
static void case_probed(void)
{
	mount_tracing();
	driver_load("unlocked", "regime=R0");
	for (int before = 0; before < 2; before++) {
		unsigned long hits;

		load_intercepting(before ? "" : "intercept=1");
		write_text("/tracing/kprobe_events", "p:entry nvidia_unlocked_ioctl");
		write_text("/tracing/events/kprobes/entry/enable", "1");
		CHECK(set_intercept(MPU_INTERCEPT_ON) == 0, "probed before: %d", before);
		hits = probe_hits();
		observe_once();
		CHECK(probe_hits() > hits, "no hits");
		CHECK(set_intercept(MPU_INTERCEPT_OFF) == 0, "probed before: %d", before);
		CHECK(set_intercept(MPU_INTERCEPT_ON) == 0, "probed before: %d", before);
		write_text("/tracing/events/kprobes/entry/enable", "0");
		write_text("/tracing/kprobe_events", "-:entry");
		observe_once();
		unload_intercepting();
	}
	umount("/tracing");
	driver_unload();
}

#define FTRACE_ENABLED "/proc/sys/kernel/ftrace_enabled"

/* Linux before 5.5 switches ftrace off under a redirection. libmpu.so takes over. */
static void check_silenced(uint64_t generation)
{
	const pid_t stranger = stranger_start();
	const enum observer observer = OBSERVER_LIBMPU;
	struct state state;
	int error;

	get_state(&state);
	CHECK(state.intercept == MPU_INTERCEPT_BLOCKED && strstr(state.reason, "switched off") &&
		      state.generation != generation,
	      "state %u, reason \"%s\"", state.intercept, state.reason);
	CHECK((error = set_intercept(MPU_INTERCEPT_ON)) == -EBUSY, "error %d", error);
	container_finish(container_start("silenced", &observer, 1, (uint32_t)stranger));
	stop(stranger);
	write_text(FTRACE_ENABLED, "1");
	get_state(&state);
	CHECK(state.intercept == MPU_INTERCEPT_ON, "state %u", state.intercept);
}

static void case_ftrace_off(void)
{
	struct state state;
	int error;

	driver_load("unlocked", "regime=R0");
	load_intercepting("intercept=1");
	get_state(&state);
	error = try_write_text(FTRACE_ENABLED, "0");
	if (error == 0) {
		check_silenced(state.generation);
		error = EBUSY;
	}
	CHECK(error == EBUSY || error == EOPNOTSUPP, "errno %d", error);
	observe_once();
	if (error == EOPNOTSUPP) {
		/* A kernel of which nobody can switch it off: 7.3. */
		unload_intercepting();
		driver_unload();
		return;
	}
	CHECK((error = set_intercept(MPU_INTERCEPT_OFF)) == 0, "error %d", error);
	write_text(FTRACE_ENABLED, "0");
	CHECK((error = set_intercept(MPU_INTERCEPT_ON)) == -EBUSY, "error %d", error);
	get_state(&state);
	CHECK(state.intercept == MPU_INTERCEPT_OFF, "state %u", state.intercept);
	unload_intercepting();
	load_intercepting("intercept=1");
	get_state(&state);
	CHECK(state.intercept == MPU_INTERCEPT_BLOCKED && strstr(state.reason, "switched off"),
	      "state %u, reason \"%s\"", state.intercept, state.reason);
	write_text(FTRACE_ENABLED, "1");
	CHECK((error = set_intercept(MPU_INTERCEPT_ON)) == 0, "error %d", error);
	observe_once();
	unload_intercepting();
	driver_unload();
}

void coexist_run(case_runner run)
{
	run("with other users of ftrace", case_traced, 300);
	run("with a kprobe", case_probed, 300);
	run("with ftrace switched off", case_ftrace_off, 300);
	if (access(LIVEPATCH_MODULE, R_OK) == 0)
		run("with a live patch", case_livepatch, 300);
}

#define LOCKDOWN "/securityfs/lockdown"

static void works_under(const char *level)
{
	int error;

	write_text(LOCKDOWN, level);
	CHECK((error = set_intercept(MPU_INTERCEPT_ON)) == 0, "%s: %d", level, error);
	observe_once();
	CHECK((error = set_intercept(MPU_INTERCEPT_OFF)) == 0, "%s: %d", level, error);
}

/* What is loaded stays until the next case: a kernel that is locked down takes no more of it. */
static void case_integrity(void)
{
	driver_load("unlocked", "regime=R0");
	load_intercepting("");
	works_under("integrity");
}

static void case_confidentiality(void)
{
	int error;

	driver_found();
	works_under("confidentiality");
	CHECK((error = set_intercept(MPU_INTERCEPT_ON)) == 0, "error %d", error);
	observe_once();
	unload_intercepting();
	driver_unload();
	error = module_load_file(MODULE_PATH, "");
	CHECK(error == -EPERM || error == -EKEYREJECTED, "it is not locked down: %d", error);
}

void lockdown_run(case_runner run)
{
	int locks;

	mkdir("/securityfs", 0755);
	mount("securityfs", "/securityfs", "securityfs", 0, NULL);
	locks = access(LOCKDOWN, W_OK) == 0;
	if (locks)
		report_run("under lockdown=integrity", case_integrity, 300);
	report_run("the iterator: under lockdown=integrity", case_pidns_integrity, 60);
	if (locks)
		run("under lockdown=confidentiality", case_confidentiality, 300);
	report_run("the iterator: under lockdown=confidentiality", case_pidns_confidentiality, 60);
}
