// SPDX-License-Identifier: GPL-2.0-only
/* What the supervisor needs to know of a trapped task: its memory, its numbers, its namespaces. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "supervisor.h"

#define PAGE	      4096
#define CAP_SYS_ADMIN 21
#define STATUS_SIZE   8192

bool task_read(pid_t tid, void *to, uint64_t from, size_t size)
{
	struct iovec local = {.iov_base = to, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)from, .iov_len = size};

	return size == 0 || process_vm_readv(tid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

bool task_write(pid_t tid, uint64_t to, const void *from, size_t size)
{
	struct iovec local = {.iov_base = (void *)(uintptr_t)from, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)to, .iov_len = size};

	return size == 0 || process_vm_writev(tid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/*
 * Reads as much of a path as fits; longer ones come out cut short, none of ours is. Page by page,
 * because the string may end right before an unmapped page.
 */
bool task_read_path(pid_t tid, uint64_t from, char *path, size_t size)
{
	size_t done = 0;

	while (done < size - 1) {
		size_t part = PAGE - (size_t)((from + done) % PAGE);

		if (part > size - 1 - done)
			part = size - 1 - done;
		if (!task_read(tid, path + done, from + done, part))
			return false;
		if (memchr(path + done, '\0', part))
			return true;
		done += part;
	}
	path[done] = '\0';
	return true;
}

/* Numbers after "Name:\t", one a namespace from the supervisor's own down. */
static uint32_t parse_numbers(const char *status, const char *name,
			      uint32_t numbers[RMSIM_MAX_LEVELS])
{
	const char *at = strstr(status, name);
	uint32_t count = 0;

	if (!at)
		return 0;
	at += strlen(name);
	while (*at != '\n' && *at != '\0' && count < RMSIM_MAX_LEVELS) {
		char *end;

		numbers[count] = (uint32_t)strtoul(at, &end, 10);
		if (end == at)
			break;
		count++;
		at = end;
	}
	return count;
}

static bool parse_pid(const char *status, const char *name, uint64_t ns, struct rmsim_pid *pid)
{
	uint32_t numbers[RMSIM_MAX_LEVELS];
	uint64_t chain[RMSIM_MAX_LEVELS];
	uint32_t i;

	pid->levels = parse_numbers(status, name, numbers);
	if (pid->levels == 0 || pidns_chain(ns, chain) != pid->levels)
		return false;
	for (i = 0; i < pid->levels; i++) {
		pid->level[i].nr = numbers[i];
		pid->level[i].ns = chain[i];
	}
	return true;
}

/* /proc/TID/status, as text; false when the task is gone. */
static bool read_status(pid_t tid, char *status, size_t size)
{
	char path[48];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, status, size - 1);
	close(fd);
	status[length > 0 ? length : 0] = '\0';
	return length > 0;
}

static bool task_copyin(void *ctx, void *to, uint64_t from, size_t size)
{
	const struct request *request = ctx;

	return task_read(request->tid, to, from, size) && request_valid(request);
}

static bool task_copyout(void *ctx, uint64_t to, const void *from, size_t size)
{
	const struct request *request = ctx;

	return request_valid(request) && task_write(request->tid, to, from, size);
}

/* 0, which no namespace is, when the task is gone */
static uint64_t task_namespace(void *ctx)
{
	const struct request *request = ctx;
	uint64_t ns;

	return pidns_identify(request->tid, &ns) ? ns : 0;
}

static bool task_identify(void *ctx, struct rmsim_identity *identity)
{
	const struct request *request = ctx;
	uint32_t tgid[RMSIM_MAX_LEVELS];
	char status[STATUS_SIZE];
	uint64_t ns;

	if (!read_status(request->tid, status, sizeof(status)) ||
	    parse_numbers(status, "\nTgid:", tgid) != 1 || !pidns_identify(request->tid, &ns) ||
	    !parse_pid(status, "\nNSpid:", ns, &identity->thread) ||
	    !parse_pid(status, "\nNStgid:", ns, &identity->process))
		return false;
	identity->tgid = tgid[0];
	return request_valid(request);
}

/* Only the initial user namespace counts, which is the supervisor's own here. */
static bool task_is_admin(void *ctx)
{
	const struct request *request = ctx;
	char status[STATUS_SIZE];
	struct stat other;
	struct stat own;
	char path[48];
	const char *at;

	if (!read_status(request->tid, status, sizeof(status)))
		return false;
	at = strstr(status, "\nCapEff:");
	if (!at || !((strtoull(at + 8, NULL, 16) >> CAP_SYS_ADMIN) & 1))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", request->tid);
	return stat("/proc/self/ns/user", &own) == 0 && stat(path, &other) == 0 &&
	       own.st_ino == other.st_ino && request_valid(request);
}

const struct rmsim_ops task_ops = {
	.copyin = task_copyin,
	.copyout = task_copyout,
	.namespace_of = task_namespace,
	.identify = task_identify,
	.is_admin = task_is_admin,
};
