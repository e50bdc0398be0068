// SPDX-License-Identifier: GPL-2.0-only
#include "subjects.h"
#include "bench.h"
#include "cases.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NODE	  "/usr/bin/node"
#define NODE_INIT "/mpu/build/test/guest/init/node-init.js"

static void run_netlink(const char *argument)
{
	(void)argument;
	netlink_run();
}

static void run_interception(const char *argument)
{
	intercept_run(atoi(argument));
}

static void run_rounds(const char *argument)
{
	intercept_rounds_run(atoi(argument));
}

static void run_lockdown(const char *argument)
{
	(void)argument;
	intercept_lockdown_run();
}

static void run_pidns(const char *argument)
{
	pidns_run(atoi(argument));
}

static void run_timing(const char *argument)
{
	timing_run(atoi(argument));
}

static void run_absent(const char *argument)
{
	(void)argument;
	absent_run();
}

static void run_bench(const char *argument)
{
	(void)argument;
	bench_run();
}

static void run_bench_intercept(const char *argument)
{
	(void)argument;
	bench_intercept_run();
}

static const struct subject {
	const char *name;
	void (*run)(const char *argument);
} subjects[] = {
	{"netlink", run_netlink},
	{"interception", run_interception},
	{"rounds", run_rounds},
	{"pidns", run_pidns},
	{"lockdown", run_lockdown},
	{"timing", run_timing},
	{"absent", run_absent},
	{"bench", run_bench},
	{"bench-intercept", run_bench_intercept},
	{"planted", planted_run},
};

/* All other subjects are programs for node. */
_Noreturn static void run_in_node(const char *name)
{
	char *const arguments[] = {(char[]){"node"}, (char[]){NODE_INIT}, strdup(name), NULL};
	char *const environment[] = {(char[]){"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
				     (char[]){"HOME=/root"}, NULL};

	execve(NODE, arguments, environment);
	report_line("not ok 1 - %s: errno %d", NODE, errno);
	_exit(1);
}

_Noreturn static void run(const char *name, const char *argument)
{
	/* What it mounts goes with it. */
	if (unshare(CLONE_NEWNS) != 0)
		_exit(1);
	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++) {
		if (strcmp(subjects[i].name, name) != 0)
			continue;
		subjects[i].run(argument);
		_exit(0);
	}
	run_in_node(name);
}

void restart_pids(void)
{
	static const char first[] = "300";
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, first, sizeof(first) - 1) < 0)
		report_line("PIDs go on where they were: errno %d", errno);
	close(fd);
}

/* Reports and removes modules, of which a guest has none but those of its subjects. */
static void remove_modules(const char *subject)
{
	FILE *modules = fopen("/proc/modules", "re");
	char line[256], name[64];

	while (modules && fgets(line, sizeof(line), modules)) {
		if (sscanf(line, "%63s", name) != 1)
			continue;
		report_line("left %s the module %s", subject, name);
		module_unload_name(name);
	}
	if (modules)
		fclose(modules);
}

static void restore_ftrace(const char *subject)
{
	int fd = open("/proc/sys/kernel/ftrace_enabled", O_RDWR | O_CLOEXEC);
	char value = '1';

	if (fd < 0)
		return;
	if (read(fd, &value, 1) == 1 && value != '1') {
		report_line("left %s ftrace switched off", subject);
		if (pwrite(fd, "1", 1, 0) != 1)
			report_line("ftrace stays off: errno %d", errno);
	}
	close(fd);
}

void subject_run(char *task)
{
	const char *name = strtok(task, ":"), *argument = strtok(NULL, "");
	int status = -1;
	pid_t pid, ended;

	report_line("begin %s", name);
	restart_pids();
	pid = fork();
	if (pid == 0)
		run(name, argument ? argument : "");
	/* Orphans of its cases end here, too. */
	do {
		ended = waitpid(-1, &status, 0);
	} while (ended != pid && (ended > 0 || errno == EINTR));
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	remove_modules(name);
	restore_ftrace(name);
	report_line("end %s %d", name, status);
}
