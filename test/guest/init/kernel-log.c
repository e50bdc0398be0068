// SPDX-License-Identifier: GPL-2.0-only
#include "cases.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static int kmsg = -1;

void kernel_log_start(void)
{
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	/* A kernel with checkers names at boot what it is going to look for. */
	lseek(kmsg, 0, SEEK_END);
}

uint32_t kernel_log_check(void)
{
	static const char *const alarms[] = {"WARNING:",      "BUG:",		"Oops",
					     "Call Trace",    "refcount_t:",	"protection fault",
					     "stall",	      "use-after-free", "scheduling while",
					     "suspicious RCU"};
	uint32_t ours = 0;
	char record[8192];
	ssize_t size;

	CHECK(kmsg >= 0, "no /dev/kmsg");
	while ((size = read(kmsg, record, sizeof(record) - 1)) > 0) {
		const char *text;

		record[size] = '\0';
		text = strchr(record, ';');
		CHECK(text, "a record without text");
		for (size_t i = 0; i < sizeof(alarms) / sizeof(*alarms); i++)
			CHECK(!strstr(text, alarms[i]), "%.200s", text);
		/* The kernel's own lines about an unsigned module begin like ours. */
		if (strncmp(text, ";mpu: ", 6) == 0 && !strstr(text, "taint"))
			ours++;
	}
	CHECK(errno == EAGAIN, "errno %d: records were lost", errno);
	return ours;
}

void case_kernel_log(void)
{
	const uint32_t ours = kernel_log_check();

	CHECK(ours == module_loads(), "%u lines for %u loads", ours, module_loads());
}

#define KMEMLEAK "/sys/kernel/debug/kmemleak"

static void scan(void)
{
	int fd = open(KMEMLEAK, O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && write(fd, "scan", 4) == 4, "errno %d", errno);
	close(fd);
}

static void case_leaks(void)
{
	char report[4096] = "";
	int fd;

	/* What is new has to be unreferenced for some seconds, in two scans. */
	scan();
	sleep(6);
	scan();
	fd = open(KMEMLEAK, O_RDONLY | O_CLOEXEC);
	CHECK(read(fd, report, sizeof(report) - 1) == 0, "%.400s", report);
	close(fd);
}

void kernel_leaks_run(void)
{
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (access(KMEMLEAK, R_OK) == 0)
		report_run("the kernel has lost no memory", case_leaks, 300);
}

static const char *planted;

static void case_planted(void)
{
	char parameters[64];
	int error;

	snprintf(parameters, sizeof(parameters), "mistake=%s", planted);
	error = module_load_file("/planted.ko", parameters);
	CHECK(error == 0, "error %d", error);
	module_unload_name("planted");
}

void planted_run(const char *mistake)
{
	planted = mistake;
	report_run("a mistake is made", case_planted, 60);
	kernel_leaks_run();
}
