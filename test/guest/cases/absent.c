// SPDX-License-Identifier: GPL-2.0-only
/* A kernel in which ftrace cannot redirect a function: everything else of the module is there. */
#include "cases.h"
#include "client.h"
#include "intercept.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define PARAMETERS "/sys/module/mpu/parameters/"
/* Built as for such a kernel. */
#define MODULE_ABSENT "/mpu-absent.ko"

static void load_absent(void)
{
	int error = module_load_file(MODULE_ABSENT, "intercept=1");

	CHECK(error == 0, "error %d", error);
}

static uint32_t features(void)
{
	struct message message;
	struct client client;
	struct reply reply;

	client_open(&client);
	message_start(&message, client.family, 0, MPU_CMD_GET);
	client_exchange(&client, &message, message_header(&message)->nlmsg_len, &reply);
	CHECK(reply.error == 0, "error %d", reply.error);
	client_close(&client);
	return attribute_u32(message_find(&reply.message, MPU_A_FEATURES));
}

static void case_absent(void)
{
	char text[32] = "";
	struct state state;
	int error, fd;

	/* What is asked for at load and cannot be had is told, and no more. */
	load_absent();
	get_state(&state);
	CHECK(state.intercept == MPU_INTERCEPT_ABSENT && strstr(state.reason, "without the ftrace"),
	      "state %u, reason \"%s\"", state.intercept, state.reason);
	CHECK(features() == MPU_FEATURE_TRANSLATE, "features %#x", features());
	error = set_intercept(MPU_INTERCEPT_ON);
	CHECK(error == -EOPNOTSUPP, "error %d", error);
	error = set_intercept(MPU_INTERCEPT_OFF);
	CHECK(error == -EOPNOTSUPP, "error %d", error);
	error = try_write_text(PARAMETERS "intercept", "1");
	CHECK(error == EOPNOTSUPP, "errno %d", error);
	fd = open(PARAMETERS "intercepting", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "errno %d", errno);
	CHECK(strncmp(text, "off ", 4) == 0, "\"%s\"", text);
	unload_intercepting();
}

static void translate_self(void *argument)
{
	const volatile uint32_t *host_pid = argument;

	await_word(host_pid);
	CHECK(ask_to_host(1) == *host_pid, "%u, not %u", ask_to_host(1), *host_pid);
}

static void case_translates(void)
{
	uint32_t *host_pid = shared_memory(sizeof(*host_pid));
	pid_t pid;

	load_absent();
	pid = start(CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWNET, translate_self, host_pid);
	*host_pid = (uint32_t)pid;
	finish(pid);
	unload_intercepting();
}

static void case_log(void)
{
	kernel_log_check();
}

void absent_run(void)
{
	kernel_log_start();
	report_run("interception is absent, and said to be", case_absent, 60);
	report_run("translations", case_translates, 60);
	report_run("the kernel log is clean", case_log, 30);
}
