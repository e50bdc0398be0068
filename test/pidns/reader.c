// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads /run/mpu/pidns as a program in a container can, and tries what it must not be able to.
 *
 *   reader list            one line a thread: HOST-TID HOST-PID OWN-TID OWN-PID
 *   reader passed FD       reads from a descriptor: "errno N" or "N bytes"
 *   reader write           opens the file for writing: "errno N" or "open"
 *   reader link            BPF_OBJ_GET with each access, then what the link allows
 *   reader time            nanoseconds of open, read to the end and close, the least of many
 *   reader crowd N         starts N processes, prints "ready", ends with its input
 */
#include "bpf/pidns-file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PATH "/run/mpu/pidns"

/* linux/bpf.h */
enum { OBJ_GET = 7, LINK_UPDATE = 29, ITER_CREATE = 33, LINK_DETACH = 34 };

static int list(void)
{
	struct mpu_pidns_record records[256];
	int file = open(PATH, O_RDONLY | O_CLOEXEC);
	ssize_t size;
	int is_first = 1;

	if (file < 0) {
		printf("errno %d\n", errno);
		return 1;
	}
	while ((size = read(file, records, sizeof(records))) > 0)
		for (size_t i = 0; i < (size_t)size / sizeof(*records); i++) {
			if (!is_first)
				printf("%u %u %u %u\n", records[i].host_tid, records[i].host_pid,
				       records[i].own_tid, records[i].own_pid);
			else if (records[i].host_tid != MPU_PIDNS_MAGIC)
				printf("no header\n");
			is_first = 0;
		}
	if (size < 0)
		printf("errno %d\n", errno);
	return size < 0;
}

static int passed(int file)
{
	char data[65536];
	ssize_t size = read(file, data, sizeof(data));

	if (size < 0)
		printf("errno %d\n", errno);
	else
		printf("%zd bytes\n", size);
	return 0;
}

static int write_to_it(void)
{
	if (open(PATH, O_WRONLY | O_CLOEXEC) < 0)
		printf("errno %d\n", errno);
	else
		printf("open\n");
	return 0;
}

static long bpf(int command, uint64_t first, uint32_t second, uint32_t third)
{
	struct {
		uint64_t first;
		uint32_t second, third;
		uint64_t rest[8];
	} arguments = {first, second, third, {0}};

	return syscall(SYS_bpf, command, &arguments, sizeof(arguments));
}

static void report(const char *what, long result)
{
	printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "allowed");
}

static int link_of_it(void)
{
	static const char path[] = PATH;
	const uint64_t place = (uintptr_t)path;
	long link = bpf(OBJ_GET, place, 0, 0);

	report("read and write", link);
	report("read", bpf(OBJ_GET, place, 0, 1u << 3));
	report("write", bpf(OBJ_GET, place, 0, 1u << 4));
	if (link < 0)
		return 0;
	report("iterate", bpf(ITER_CREATE, (uint32_t)link, 0, 0));
	report("detach", bpf(LINK_DETACH, (uint32_t)link, 0, 0));
	/* With no program at all; the kernel looks at the link first. */
	report("update", bpf(LINK_UPDATE, (uint32_t)link | UINT64_C(0xffffffff) << 32, 0, 0));
	return 0;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int measure(void)
{
	static char data[1 << 20];
	double least = 1e18;

	for (int i = 0; i < 1000; i++) {
		double start = now();
		int file = open(PATH, O_RDONLY | O_CLOEXEC);

		while (read(file, data, sizeof(data)) > 0)
			;
		close(file);
		start = now() - start;
		if (start < least)
			least = start;
	}
	printf("%.0f\n", least);
	return 0;
}

static int crowd(int count)
{
	char byte;

	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(STDIN_FILENO);
			close(STDOUT_FILENO);
			for (;;)
				pause();
		}
	}
	printf("ready\n");
	fflush(stdout);
	return read(STDIN_FILENO, &byte, 1) < 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "list") == 0)
		return list();
	if (strcmp(verb, "passed") == 0 && argc > 2)
		return passed(atoi(argv[2]));
	if (strcmp(verb, "write") == 0)
		return write_to_it();
	if (strcmp(verb, "link") == 0)
		return link_of_it();
	if (strcmp(verb, "time") == 0)
		return measure();
	if (strcmp(verb, "crowd") == 0 && argc > 2)
		return crowd(atoi(argv[2]));
	fprintf(stderr, "see the first lines of %s\n", __FILE__);
	return 2;
}
