// SPDX-License-Identifier: GPL-2.0-only
#include "cases.h"
#include "client.h"
#include "report.h"
#include "world.h"

#include "preload/pidns.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTAINERS = 50, EACH = 20, PROCESSES = CONTAINERS * EACH, SHORT_LIST = 64 };

/* Who is who, as the host's /proc has it. */
static struct town {
	atomic_uint ready;
	volatile uint32_t go;
	struct citizen {
		uint32_t host_pid;
		uint32_t pid;
		uint32_t container;
	} citizens[PROCESSES];
} * town;

/* Asks mpu.ko, or the file at /run/mpu/pidns. */
static void (*ask)(uint8_t command, const uint32_t *in, uint32_t *out, size_t count);

static void ask_module(uint8_t command, const uint32_t *in, uint32_t *out, size_t count)
{
	struct client client;

	client_open(&client);
	client_translate(&client, command, in, out, count);
	client_close(&client);
}

static void ask_file(uint8_t command, const uint32_t *in, uint32_t *out, size_t count)
{
	const enum mpu_rm_direction direction =
		command == MPU_CMD_TO_HOST ? MPU_RM_TO_HOST : MPU_RM_TO_CALLER;
	struct mpu_pidns file;

	CHECK(mpu_pidns_open(&file, MPU_PIDNS_PATH, 1) == 0, "it does not open");
	CHECK(mpu_pidns_translate(&file, direction, in, out, (uint32_t)count) == 0, "it fails");
	mpu_pidns_close(&file);
}

static void contain(void *argument)
{
	const uint32_t self = *(const uint32_t *)argument;
	static uint32_t in[MPU_MAX_PIDS], out[MPU_MAX_PIDS];
	size_t found = 0;

	for (int i = 1; i < EACH; i++)
		start_sleeper(0);
	atomic_fetch_add(&town->ready, 1);
	await_word(&town->go);

	for (size_t i = 0; i < PROCESSES; i++)
		in[i] = town->citizens[i].host_pid;
	ask(MPU_CMD_TO_NS, in, out, PROCESSES);
	for (size_t i = 0; i < PROCESSES; i++) {
		const struct citizen *citizen = &town->citizens[i];
		uint32_t wanted = citizen->container == self ? citizen->pid : 0;

		CHECK(out[i] == wanted, "container %u, host PID %u: %u, not %u", self, in[i],
		      out[i], wanted);
	}
	/* A short list, of which many are this container's own. */
	for (size_t i = 0; i < PROCESSES; i++)
		if (town->citizens[i].container == self)
			in[found++] = town->citizens[i].host_pid;
	for (size_t i = 0; found < SHORT_LIST; i++)
		in[found++] = town->citizens[i].host_pid;
	ask(MPU_CMD_TO_NS, in, out, SHORT_LIST);
	for (size_t i = 0; i < EACH; i++)
		CHECK(out[i] != 0, "container %u, host PID %u is hidden", self, in[i]);
	found = 0;

	for (uint32_t i = 0; i < MPU_MAX_PIDS; i++)
		in[i] = i;
	ask(MPU_CMD_TO_HOST, in, out, MPU_MAX_PIDS);
	for (size_t i = 0; i < PROCESSES; i++) {
		const struct citizen *citizen = &town->citizens[i];

		if (citizen->container == self)
			CHECK(out[citizen->pid] == citizen->host_pid, "PID %u", citizen->pid);
	}
	for (size_t i = 0; i < MPU_MAX_PIDS; i++)
		found += out[i] != 0;
	CHECK(found == EACH, "container %u has %zu processes", self, found);
}

/* PIDs of a process on the host and in a namespace right below; false for all others. */
static int read_pids(const char *name, uint32_t *host_pid, uint32_t *pid, uint32_t *parent)
{
	char path[300], line[256];
	int columns = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%s/status", name);
	status = fopen(path, "re");
	if (!status)
		return 0;
	while (fgets(line, sizeof(line), status)) {
		sscanf(line, "PPid: %u", parent);
		if (strncmp(line, "NSpid:", 6) == 0) {
			unsigned int deeper;

			columns = sscanf(line, "NSpid: %u %u %u", host_pid, pid, &deeper);
		}
	}
	fclose(status);
	return columns == 2;
}

static uint32_t container_of_root(const pid_t *roots, uint32_t pid)
{
	for (uint32_t i = 0; i < CONTAINERS; i++)
		if ((uint32_t)roots[i] == pid)
			return i;
	return CONTAINERS;
}

static void take_census(const pid_t *roots)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	size_t count = 0;

	CHECK(proc, "errno %d", errno);
	while ((entry = readdir(proc))) {
		uint32_t host_pid = 0, pid = 0, parent = 0;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    !read_pids(entry->d_name, &host_pid, &pid, &parent))
			continue;
		CHECK(count < PROCESSES, "more processes than were started");
		town->citizens[count].host_pid = host_pid;
		town->citizens[count].pid = pid;
		town->citizens[count].container =
			container_of_root(roots, pid == 1 ? host_pid : parent);
		count++;
	}
	closedir(proc);
	CHECK(count == PROCESSES, "%zu processes, not %d", count, PROCESSES);
}

static void thousand(void)
{
	static uint32_t in[PROCESSES], out[PROCESSES], index[CONTAINERS];
	pid_t roots[CONTAINERS];

	town = shared_memory(sizeof(*town));
	for (uint32_t i = 0; i < CONTAINERS; i++) {
		index[i] = i;
		/* Every tenth is a whole container; network namespaces take long to make. */
		roots[i] = start(i % 10 == 0 ? CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWNET
					     : CLONE_NEWPID,
				 contain, &index[i]);
	}
	for (int i = 0; i < 20000 && atomic_load(&town->ready) < CONTAINERS; i++)
		usleep(1000);
	CHECK(atomic_load(&town->ready) == CONTAINERS, "%u are ready", atomic_load(&town->ready));
	take_census(roots);

	for (size_t i = 0; i < PROCESSES; i++)
		in[i] = town->citizens[i].host_pid;
	ask(MPU_CMD_TO_NS, in, out, PROCESSES);
	CHECK(memcmp(in, out, sizeof(in)) == 0, "the host does not see all");

	town->go = 1;
	for (uint32_t i = 0; i < CONTAINERS; i++)
		finish(roots[i]);
}

void case_thousand(void)
{
	ask = ask_module;
	thousand();
}

void case_thousand_by_file(void)
{
	ask = ask_file;
	thousand();
}

enum { CALLERS = 3, ROUNDS = 150 };

static void call_often(void *unused)
{
	const pid_t mine = start_sleeper(0);
	struct client client;
	uint32_t host, inside;

	(void)unused;
	client_open(&client);
	host = client_to_host(&client, (uint32_t)mine);
	CHECK(host != 0, "a child is not visible");
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t in[64], out[64];
		pid_t brief = -1;

		/* Processes come and go while others ask. */
		if (round % 10 == 0)
			brief = start_sleeper(0);
		for (uint32_t i = 0; i < 64; i++)
			in[i] = i % 2 == 0 ? host : 0x7ffff000u + i;
		client_translate(&client, MPU_CMD_TO_NS, in, out, 64);
		for (uint32_t i = 0; i < 64; i++)
			CHECK(out[i] == (i % 2 == 0 ? (uint32_t)mine : 0), "round %d: %u", round,
			      out[i]);
		inside = client_to_host(&client, (uint32_t)mine);
		CHECK(inside == host, "round %d: %u, not %u", round, inside, host);
		if (brief > 0)
			stop(brief);
	}
}

static void call_in_parallel(void *unused)
{
	pid_t callers[CALLERS];

	for (int i = 0; i < CALLERS; i++)
		callers[i] = start(0, call_often, unused);
	for (int i = 0; i < CALLERS; i++)
		finish(callers[i]);
}

void case_concurrent(void)
{
	static const int flags[] = {0, CLONE_NEWPID, CLONE_NEWPID | CLONE_NEWNET,
				    CLONE_NEWPID | CLONE_NEWUSER};
	pid_t groups[4];

	for (int i = 0; i < 4; i++)
		groups[i] = start(flags[i], call_in_parallel, NULL);
	for (int i = 0; i < 4; i++)
		finish(groups[i]);
}

/* Kernel memory that cannot be reclaimed, in KiB. */
static long unreclaimable(void)
{
	FILE *meminfo = fopen("/proc/meminfo", "re");
	char line[128];
	long value = -1;

	CHECK(meminfo, "errno %d", errno);
	while (fgets(line, sizeof(line), meminfo))
		sscanf(line, "SUnreclaim: %ld", &value);
	fclose(meminfo);
	return value;
}

void case_no_leak(void)
{
	static uint32_t in[MPU_MAX_PIDS], out[MPU_MAX_PIDS];
	struct client client;
	long before, after;

	client_open(&client);
	for (int round = 0; round < 50; round++)
		client_translate(&client, MPU_CMD_TO_NS, in, out, MPU_MAX_PIDS);
	before = unreclaimable();
	/* A reply that leaked would take 16 KiB each time, a refused request's as much. */
	for (int round = 0; round < 500; round++) {
		client_translate(&client, MPU_CMD_TO_NS, in, out, MPU_MAX_PIDS);
		CHECK(client_try_translate(&client, MPU_CMD_TO_NS, in, out, 0) == -EINVAL, "empty");
	}
	after = unreclaimable();
	CHECK(after - before < 2048, "%ld KiB more than before", after - before);
}
