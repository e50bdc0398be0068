// SPDX-License-Identifier: GPL-2.0-only
/* Translation by the BPF iterator, where mpu.ko is not loaded. */
#include "cases.h"
#include "report.h"
#include "subjects.h"
#include "world.h"

#include "preload/pidns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOADER	  "/mpu-pidns"
#define PATH	  "/run/mpu/pidns"
#define LOCKDOWN  "/securityfs/lockdown"
#define CONTAINER (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

/* MAX_PID_NS_LEVEL: the deepest PID namespace that the kernel makes. */
enum { DEEPEST = 32, RELOADS = 20, MAX_ID = 5000 };

static int reloads;

/* Runs the loader. Returns its exit status, with what it printed in text. */
static int run_loader(char *text, size_t size, char *const *arguments)
{
	size_t used = 0;
	ssize_t got;
	int output[2], status;
	pid_t pid;

	CHECK(pipe2(output, O_CLOEXEC) == 0, "errno %d", errno);
	pid = fork();
	if (pid == 0) {
		dup2(output[1], STDOUT_FILENO);
		dup2(output[1], STDERR_FILENO);
		execv(LOADER, arguments);
		_exit(127);
	}
	close(output[1]);
	while (used < size - 1 && (got = read(output[0], text + used, size - 1 - used)) > 0)
		used += (size_t)got;
	text[used] = '\0';
	close(output[0]);
	CHECK(waitpid(pid, &status, 0) == pid, "errno %d", errno);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int enable(char *text, size_t size)
{
	char *const arguments[] = {LOADER, "enable", "bpf", PATH, NULL};

	return run_loader(text, size, arguments);
}

static void must_enable(void)
{
	char text[512];
	int status = enable(text, sizeof(text));

	CHECK(status == 0, "status %d: %s", status, text);
}

static void must_disable(void)
{
	char *const arguments[] = {LOADER, "disable", PATH, NULL};
	char text[512];
	int status = run_loader(text, sizeof(text), arguments);

	CHECK(status == 0, "status %d: %s", status, text);
}

static void ask(enum mpu_rm_direction direction, const uint32_t *in, uint32_t *out, uint32_t count)
{
	struct mpu_pidns file;
	int error = mpu_pidns_open(&file, PATH, 1);

	CHECK(error == 0 && file.is_iterator, "open: error %d", error);
	error = mpu_pidns_translate(&file, direction, in, out, count);
	CHECK(error == 0, "error %d", error);
	mpu_pidns_close(&file);
}

static uint32_t ask_one(enum mpu_rm_direction direction, uint32_t id)
{
	uint32_t answer;

	ask(direction, &id, &answer, 1);
	return answer;
}

/* Every id that a small system has: only these are translated. */
static void sees_only(enum mpu_rm_direction direction, const uint32_t *seen,
		      const uint32_t *answers, size_t count)
{
	static uint32_t in[MAX_ID], out[MAX_ID];

	for (uint32_t i = 0; i < MAX_ID; i++)
		in[i] = i;
	ask(direction, in, out, MAX_ID);
	for (size_t i = 0; i < count; i++) {
		CHECK(out[seen[i]] == answers[i], "%u became %u, not %u", seen[i], out[seen[i]],
		      answers[i]);
		out[seen[i]] = 0;
	}
	for (uint32_t i = 0; i < MAX_ID; i++)
		CHECK(out[i] == 0, "%u became %u", i, out[i]);
}

struct notes {
	volatile uint32_t host_pid;
	volatile uint32_t thread;
};

static void contained(void *argument)
{
	struct notes *notes = argument;
	uint32_t host, one = 1;

	await_word(&notes->host_pid);
	host = notes->host_pid;
	sees_only(MPU_RM_TO_HOST, &one, &host, 1);
	sees_only(MPU_RM_TO_CALLER, &host, &one, 1);
}

/* Starts a body as PID 1 of a container, and tells it its host PID. */
static void contain(void (*body)(void *))
{
	struct notes *notes = shared_memory(sizeof(*notes));
	pid_t pid = start(CONTAINER, body, notes);

	notes->host_pid = (uint32_t)pid;
	finish(pid);
}

static void enabled(void)
{
	char text[512];
	int status = enable(text, sizeof(text));

	CHECK(status == 0, "status %d: %s", status, text);
	report_line("iterator: %.*s", (int)strcspn(text, "\n"), text);
	contain(contained);
	contain(contained);
}

/* In the namespace of each level: the own host PID, found by /proc of the host, is translated. */
static void descend(void *argument)
{
	volatile uint32_t *level = argument;
	char text[16] = "";
	uint32_t host, own = (uint32_t)getpid();

	/* The host's /proc: this task's number there. */
	CHECK(readlink("/proc/self", text, sizeof(text) - 1) > 0, "errno %d", errno);
	host = (uint32_t)atoi(text);
	CHECK(ask_one(MPU_RM_TO_HOST, own) == host, "level %u: %u, not %u", *level,
	      ask_one(MPU_RM_TO_HOST, own), host);
	CHECK(ask_one(MPU_RM_TO_CALLER, host) == own, "level %u: back", *level);
	if (*level == DEEPEST)
		return;
	*level += 1;
	run_in(CLONE_NEWPID, descend, argument);
}

static void levels(void)
{
	volatile uint32_t *level = shared_memory(sizeof(*level));

	descend((void *)level);
	CHECK(*level == DEEPEST, "level %u", *level);
}

_Noreturn static int other_thread(void *argument)
{
	struct notes *notes = argument;

	notes->thread = (uint32_t)syscall(SYS_gettid);
	for (;;)
		pause();
}

static void with_thread(void *argument)
{
	static char stack[65536] __attribute__((aligned(16)));
	struct notes *notes = argument;
	uint32_t in[2], out[2];

	await_word(&notes->host_pid);
	CHECK(clone(other_thread, stack + sizeof(stack),
		    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, notes) > 0,
	      "errno %d", errno);
	await_word(&notes->thread);
	in[0] = notes->thread;
	in[1] = 1;
	ask(MPU_RM_TO_HOST, in, out, 2);
	CHECK(out[0] == notes->host_pid && out[1] == notes->host_pid, "%u %u", out[0], out[1]);
	/* On the host the thread has the number after its process's, or a later one. */
	for (in[0] = notes->host_pid + 1; in[0] < MAX_ID; in[0]++) {
		out[0] = ask_one(MPU_RM_TO_CALLER, in[0]);
		if (out[0])
			break;
	}
	CHECK(out[0] == 1, "a thread's host number became %u", out[0]);
}

static void threads(void)
{
	contain(with_thread);
}

static void read_passed(void *argument)
{
	const int *file = argument;
	char data[4096];
	ssize_t got = read(*file, data, sizeof(data));

	CHECK(got < 0 && errno == EAGAIN, "%zd bytes, errno %d", got, errno);
}

/* A descriptor that was opened on the host tells a container nothing. */
static void passed_on(void)
{
	int file = open(PATH, O_RDONLY);

	CHECK(file >= 0, "errno %d", errno);
	run_in(CONTAINER, read_passed, &file);
	close(file);
}

static void after_unshare(void *unused)
{
	uint32_t own = (uint32_t)getpid();

	(void)unused;
	/* Children are elsewhere from now on; this process stays where it is. */
	CHECK(unshare(CLONE_NEWPID) == 0, "errno %d", errno);
	CHECK(ask_one(MPU_RM_TO_CALLER, ask_one(MPU_RM_TO_HOST, own)) == own, "itself");
}

static void unshared(void)
{
	run_in(CLONE_NEWPID, after_unshare, NULL);
}

/* BPF_OBJ_GET, as root of the host: what no container may do, it may not either. */
static void link_is_out_of_reach(void)
{
	static const uint32_t flags[] = {0, 1u << 3 /* BPF_F_RDONLY */, 1u << 4 /* BPF_F_WRONLY */};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		struct {
			uint64_t path;
			uint32_t object, flags;
		} arguments = {(uintptr_t)PATH, 0, flags[i]};
		long result = syscall(SYS_bpf, 7, &arguments, sizeof(arguments));

		CHECK(result < 0 && (errno == EROFS || errno == EINVAL), "%ld, errno %d", result,
		      errno);
	}
}

static long count_programs(void)
{
	struct {
		uint32_t id, next, flags;
	} arguments = {0, 0, 0};
	long count = 0;

	for (; syscall(SYS_bpf, 11, &arguments, sizeof(arguments)) == 0; count++)
		arguments.id = arguments.next;
	return count;
}

static long programs_before;

static void leaves_no_trace(void)
{
	char text[4096];
	ssize_t size;
	int mounts;

	must_disable();
	for (int i = 0; i < 100 && count_programs() > programs_before; i++)
		usleep(100000);
	CHECK(count_programs() <= programs_before, "%ld programs, %ld before", count_programs(),
	      programs_before);
	CHECK(access("/run/mpu", F_OK) < 0 && errno == ENOENT, "/run/mpu is left");
	mounts = open("/proc/mounts", O_RDONLY | O_CLOEXEC);
	size = read(mounts, text, sizeof(text) - 1);
	CHECK(mounts >= 0 && size > 0, "errno %d", errno);
	text[size] = '\0';
	CHECK(!strstr(text, "bpf"), "%s", text);
	close(mounts);
	must_disable();
}

static void read_for_ever(void *argument)
{
	volatile uint32_t *end = argument;
	const uint32_t own = (uint32_t)getpid();
	uint32_t host = 0;
	struct mpu_pidns file;

	while (!*end) {
		uint32_t answer;
		int error = mpu_pidns_open(&file, PATH, 1);

		/* Between two files. */
		if (error)
			continue;
		CHECK(mpu_pidns_translate(&file, MPU_RM_TO_HOST, &own, &answer, 1) == 0, "read");
		CHECK(answer && (!host || answer == host), "%u, then %u", host, answer);
		host = answer;
		mpu_pidns_close(&file);
	}
	CHECK(host, "it never read");
}

static void reloaded(void)
{
	volatile uint32_t *end = shared_memory(sizeof(*end));
	pid_t readers[3];

	must_enable();
	for (int i = 0; i < 3; i++)
		readers[i] = start(i ? CLONE_NEWPID : 0, read_for_ever, (void *)end);
	for (int i = 0; i < reloads; i++) {
		if (i % 2)
			must_disable();
		must_enable();
	}
	*end = 1;
	for (int i = 0; i < 3; i++)
		finish(readers[i]);
}

static int has_lockdown(void)
{
	mkdir("/securityfs", 0755);
	mount("securityfs", "/securityfs", "securityfs", 0, NULL);
	return access(LOCKDOWN, W_OK) == 0;
}

/* Unless it is so already: it cannot be asked for twice. */
static void lock_down(const char *mode)
{
	char text[64] = "", wanted[32];
	int file = open(LOCKDOWN, O_RDWR | O_CLOEXEC);

	snprintf(wanted, sizeof(wanted), "[%s]", mode);
	CHECK(file >= 0 && read(file, text, sizeof(text) - 1) > 0, "errno %d", errno);
	CHECK(strstr(text, wanted) || write(file, mode, strlen(mode)) == (ssize_t)strlen(mode),
	      "errno %d", errno);
	close(file);
}

void case_pidns_integrity(void)
{
	if (has_lockdown())
		lock_down("integrity");
	enabled();
	must_disable();
}

/* Only the form with direct loads is allowed there, which older kernels refuse. */
void case_pidns_confidentiality(void)
{
	char text[512];

	if (has_lockdown())
		lock_down("confidentiality");
	if (enable(text, sizeof(text)) == 0) {
		CHECK(!has_lockdown() || strstr(text, "bpf direct"), "%s", text);
		contain(contained);
		must_disable();
		return;
	}
	report_line("iterator: %.*s", (int)strcspn(text, "\n"), text);
	CHECK(strstr(text, "mpu-pidns: load: errno"), "%s", text);
	CHECK(access(PATH, F_OK) < 0, "something is left");
}

void pidns_run(int rounds)
{
	reloads = rounds ? rounds : RELOADS;
	mkdir("/run", 0755);
	/* However many processes there were before: the cases look at low ones alone. */
	restart_pids();
	programs_before = count_programs();
	report_run("the iterator: two containers see themselves alone", enabled, 60);
	report_run("the iterator: PID namespaces of every level", levels, 60);
	report_run("the iterator: ids of threads", threads, 60);
	report_run("the iterator: a descriptor that the host passed on", passed_on, 30);
	report_run("the iterator: a reader that unshared its PID namespace", unshared, 30);
	report_run("the iterator: its link is out of reach", link_is_out_of_reach, 30);
	report_run("the iterator: 1,000 processes in 50 namespaces", case_thousand_by_file, 600);
	report_run("the iterator: disabled, nothing is left", leaves_no_trace, 30);
	report_run("the iterator: reloaded under readers", reloaded, 120 + (unsigned int)reloads);
}
