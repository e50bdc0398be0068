// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interception leaves callers in the initial PID namespace alone. libmpu.so must know that, for
 * what is left to do there is its work: addresses of the kernel.
 */
#include "gpu.h"
#include "intercept.h"
#include "report.h"
#include "world.h"

#include "uapi/mpu.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_text(const char *path, char *text, size_t size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	CHECK(fd >= 0, "%s: errno %d", path, errno);
	length = read(fd, text, size - 1);
	CHECK(length >= 0, "%s: errno %d", path, errno);
	text[length] = '\0';
	close(fd);
}

/* The state of whoever reads it. */
static void check_intercepting(void *wanted)
{
	char text[64];

	read_text("/sys/module/mpu/parameters/intercepting", text, sizeof(text));
	CHECK(strncmp(text, wanted, strlen(wanted)) == 0, "\"%s\", not \"%s\"", text,
	      (const char *)wanted);
}

/* Returns its exit status. */
static int run_on_host(const char *program)
{
	const pid_t pid = fork();
	int status = -1;

	CHECK(pid >= 0, "errno %d", errno);
	if (pid == 0) {
		execl(program, program, "host", "0", "0", "0", "580", NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid, "errno %d", errno);
	return status;
}

void case_host_caller(void)
{
	struct state state;
	char text[8];
	pid_t stranger;
	int on;

	driver_load_release("unlocked", "580.95.05", "regime=R4");
	load_intercepting("");
	stranger = stranger_start();
	for (on = 0; on < 2; on++) {
		const int error = set_intercept(on ? MPU_INTERCEPT_ON : MPU_INTERCEPT_OFF);

		CHECK(error == 0, "error %d", error);
		check_intercepting("off 0 settled\n");
		run_in(0, check_intercepting, "off 0 settled\n");
		run_in(CLONE_NEWPID, check_intercepting, on ? "on " : "off ");
		run_in(CLONE_NEWPID | CLONE_NEWUSER, check_intercepting, on ? "on " : "off ");
		/* The host's setting is another matter. */
		get_state(&state);
		CHECK(state.intercept == (on ? MPU_INTERCEPT_ON : MPU_INTERCEPT_OFF), "state %u",
		      state.intercept);
		read_text("/sys/module/mpu/parameters/intercept", text, sizeof(text));
		CHECK(text[0] == '0' + on, "\"%s\"", text);

		CHECK(run_on_host("/observer") != 0, "the driver gives no address away: no test");
		CHECK(run_on_host("/observer-mpu") == 0, "interception %s: not rewritten",
		      on ? "on" : "off");
	}
	stop(stranger);
	unload_intercepting();
	driver_unload();
}
