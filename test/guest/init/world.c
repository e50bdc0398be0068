// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* On a kernel that checks everything, on a machine that does other things. */
#define PATIENCE_NS 100000000000L

static atomic_uint *loads;

void world_init(void)
{
	loads = shared_memory(sizeof(*loads));
}

void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED, "errno %d", errno);
	return memory;
}

static void write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: errno %d",
	      path, errno);
	close(fd);
}

/* What a kernel with few processors has at boot. */
#define PID_MAX_DEFAULT 32768

/* A process that ends at once. Returns the PID that it had. */
static pid_t use_up_pid(void)
{
	const pid_t pid = fork();

	CHECK(pid >= 0, "errno %d", errno);
	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, NULL, 0) == pid, "errno %d", errno);
	return pid;
}

#define PID_MAX "/proc/sys/kernel/pid_max"

static void write_pid_max(pid_t most)
{
	char text[16];
	int fd = open(PID_MAX, O_WRONLY | O_CLOEXEC);
	int size = snprintf(text, sizeof(text), "%d", most);

	CHECK(fd >= 0 && write(fd, text, (size_t)size) == size, "%s: errno %d", text, errno);
	close(fd);
}

/* Makes a free PID the next one, by using up all others once, and the one before it again. */
static void make_next(pid_t wanted)
{
	pid_t before = 0, last = 0;

	write_pid_max(wanted + 1);
	for (int i = 0; i < 4 * wanted && (before == 0 || last != before); i++) {
		const pid_t pid = use_up_pid();

		if (pid == wanted)
			before = last;
		last = pid;
	}
	write_pid_max(PID_MAX_DEFAULT);
}

/* clone3() with the PIDs that are wanted, which it takes since Linux 5.5. */
static long clone_as(struct clone_args *arguments)
{
	const pid_t *pids = (const pid_t *)(uintptr_t)arguments->set_tid;
	const uint64_t count = arguments->set_tid_size;
	long pid = syscall(SYS_clone3, arguments, sizeof(*arguments));

	if (pid >= 0 || errno != E2BIG || count == 0)
		return pid;
	/* In a namespace of its own it is 1 by itself. */
	make_next(pids[count - 1]);
	arguments->set_tid = 0;
	arguments->set_tid_size = 0;
	return syscall(SYS_clone3, arguments, sizeof(*arguments));
}

pid_t start_as(int flags, const pid_t *pids, size_t count, void (*body)(void *), void *argument)
{
	struct clone_args arguments = {
		.flags = (unsigned int)flags,
		.exit_signal = SIGCHLD,
		.set_tid = (uint64_t)(uintptr_t)pids,
		.set_tid_size = count,
	};
	int ready[2];
	char byte;
	long pid;

	CHECK(pipe2(ready, O_CLOEXEC) == 0, "errno %d", errno);
	pid = clone_as(&arguments);
	CHECK(pid >= 0, "clone3: errno %d", errno);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[1]);
		/* The parent maps ids first. It closes without a byte when that failed. */
		if (read(ready[0], &byte, 1) != 1)
			_exit(1);
		close(ready[0]);
		body(argument);
		_exit(0);
	}
	close(ready[0]);
	if (flags & CLONE_NEWUSER) {
		write_file((pid_t)pid, "setgroups", "deny");
		write_file((pid_t)pid, "uid_map", "0 100000 65536");
		write_file((pid_t)pid, "gid_map", "0 100000 65536");
	}
	CHECK(write(ready[1], "", 1) == 1, "errno %d", errno);
	close(ready[1]);
	return (pid_t)pid;
}

pid_t start(int flags, void (*body)(void *), void *argument)
{
	return start_as(flags, NULL, 0, body, argument);
}

static void sleep_on(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

pid_t start_sleeper(int flags)
{
	return start(flags, sleep_on, NULL);
}

void finish(pid_t pid)
{
	int status = -1;

	CHECK(waitpid(pid, &status, 0) == pid, "errno %d", errno);
	CHECK(status == 0, "process %d ended with status %#x", pid, status);
}

void stop(pid_t pid)
{
	CHECK(kill(pid, SIGKILL) == 0, "errno %d", errno);
	CHECK(waitpid(pid, NULL, 0) == pid, "errno %d", errno);
}

void run_in(int flags, void (*body)(void *), void *argument)
{
	finish(start(flags, body, argument));
}

void await_word(const volatile uint32_t *word)
{
	struct timespec nap = {.tv_nsec = 1000000};
	long waited = 0;

	/* Ever longer naps: a thousand waiting processes must leave the CPUs to others. */
	while (*word == 0 && waited < PATIENCE_NS) {
		nanosleep(&nap, NULL);
		waited += nap.tv_nsec;
		if (nap.tv_nsec < 100000000)
			nap.tv_nsec *= 2;
	}
	CHECK(*word != 0, "waited in vain");
}

int module_load_file(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long result;

	CHECK(fd >= 0, "%s: errno %d", path, errno);
	result = syscall(SYS_finit_module, fd, parameters, 0);
	if (result != 0)
		result = -errno;
	close(fd);
	return (int)result;
}

int module_unload_name(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) == 0 ? 0 : -errno;
}

int module_load(void)
{
	int error = module_load_file(MODULE_PATH, "");

	if (error == 0)
		atomic_fetch_add(loads, 1);
	return error;
}

int module_unload(void)
{
	return module_unload_name("mpu");
}

uint32_t module_loads(void)
{
	return atomic_load(loads);
}
