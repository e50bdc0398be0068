// SPDX-License-Identifier: GPL-2.0-only
/* PID 1 of a guest: runs the subjects that its arguments name, in their order, then powers off. */
#include "cases.h"
#include "client.h"
#include "report.h"
#include "subjects.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <sys/io.h>
#endif

/* The port of QEMU's isa-debug-exit; its exit status is then 2 * EXIT_CODE + 1. */
enum { EXIT_PORT = 0xf4, EXIT_CODE = 0x10 };

static void mount_all(void)
{
	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	mkdir("/sys", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
}

#if defined(__x86_64__)
/* A kernel that is locked down later opens them no more. */
static int ports_are_open;
#endif

static void open_ports(void)
{
#if defined(__x86_64__)
	ports_are_open = iopl(3) == 0;
#endif
}

_Noreturn static void power_off(void)
{
	/* What was said must be out before the machine is gone. */
	tcdrain(STDOUT_FILENO);
#if defined(__x86_64__)
	if (ports_are_open)
		outb(EXIT_CODE, EXIT_PORT);
#endif
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void load(void)
{
	int error = module_load();

	CHECK(error == 0, "error %d", error);
}

static void unload(void)
{
	struct client client;
	int error = module_unload();

	CHECK(error == 0, "error %d", error);
	client_open(&client);
	CHECK(client.family == NO_FAMILY, "the family is still there");
}

/* Runs /example, which is to print "HOST-PID -> 1" when it asks about itself as PID 1. */
static void example(void *argument)
{
	char *const arguments[] = {"/example", NULL};
	const int *output = argument;

	dup2(*output, STDOUT_FILENO);
	execv(arguments[0], arguments);
	CHECK(0, "errno %d", errno);
}

void case_example(void)
{
	char text[64] = "", wanted[64];
	int output[2];
	pid_t pid;

	CHECK(pipe(output) == 0, "errno %d", errno);
	pid = start(CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWNET, example, &output[1]);
	snprintf(wanted, sizeof(wanted), "1 is %d on the host\n", pid);
	finish(pid);
	CHECK(read(output[0], text, sizeof(text) - 1) > 0, "it printed nothing");
	CHECK(strcmp(text, wanted) == 0, "it printed \"%s\"", text);
}

void netlink_run(void)
{
	kernel_log_start();
	report_run("the module loads", load, 30);
	report_run("GET: versions, features, counters", case_get, 30);
	report_run("PID lists of every length", case_lengths, 60);
	report_run("refusals of wrong requests, with a reason", case_refusals, 60);
	report_run("truncated messages", case_truncated, 60);
	report_run("5,000 random messages", case_random, 60);
	report_run("SET: privileges", case_set, 30);
	report_run("callers on the host", case_host, 30);
	report_run("unprivileged callers", case_unprivileged, 30);
	report_run("a container sees itself and nobody else", case_container, 30);
	report_run("network and user namespaces make no difference", case_other_namespaces, 30);
	report_run("nested PID namespaces", case_nested, 30);
	report_run("a caller that unshared its PID namespace", case_unshared, 30);
	report_run("a socket opened in another namespace", case_inherited_socket, 30);
	report_run("a request sent by a worker of io_uring", case_uring, 30);
	report_run("ids of threads", case_thread, 30);
	report_run("a process whose main thread has ended", case_leader_gone, 30);
	report_run("a zombie", case_zombie, 30);
	report_run("a session that outlives its leader", case_group_outlives, 30);
	report_run("a reused PID", case_reuse, 30);
	report_run("exec by a second thread", case_exec_by_thread, 60);
	report_run("1,000 processes in 50 namespaces", case_thousand, 600);
	report_run("concurrent callers", case_concurrent, 120);
	report_run("no memory is lost", case_no_leak, 60);
	report_run("the documented example", case_example, 30);
	report_run("libmpu.so's client", case_preload, 60);
	report_run("libmpu-client", case_client, 60);
	report_run("a reload under a client that knew the family", case_cached_family, 30);
	report_run("60 reloads under load", case_reload_under_load, 300);
	report_run("the module unloads", unload, 30);
	report_run("libmpu.so's client without the module", case_preload_without, 30);
	report_run("libmpu-client without the module", case_client_without, 30);
	pidns_run(0);
	report_run("the kernel log: one line a load, nothing else", case_kernel_log, 30);
	kernel_leaks_run();
}

int main(int argc, char **argv)
{
	struct utsname name;

	if (argc > 1 && strcmp(argv[1], "sleep") == 0) {
		for (;;)
			pause();
	}
	if (getpid() != 1) {
		fprintf(stderr, "%s: this is the init of a test guest\n", argv[0]);
		return 2;
	}
	mount_all();
	open_ports();
	report_init();
	world_init();
	uname(&name);
	report_line("init on %s %s", name.release, name.machine);
	for (int i = 1; i < argc; i++)
		subject_run(argv[i]);
	report_line("done");
	power_off();
}
