// SPDX-License-Identifier: GPL-2.0-only
/* Names and open files of the simulation. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "supervisor.h"

static bool parse_minor(const char *text, uint32_t *minor)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return false;
	value = strtoul(text, &end, 10);
	*minor = (uint32_t)value;
	return *end == '\0' && value < 255;
}

/* Which simulated file a path names. Paths of other forms (relative, through links) are none. */
struct node node_of_path(const struct supervisor *supervisor, const char *path)
{
	struct node node = {.kind = NODE_NONE};

	if (strcmp(path, "/sys/module/nvidia/version") == 0) {
		node.kind = supervisor->options.version_file ? NODE_VERSION : NODE_ABSENT;
	} else if (strcmp(path, "/proc/driver/nvidia/version") == 0) {
		node.kind = NODE_PROC_VERSION;
	} else if (strncmp(path, "/dev/nvidia", 11) == 0) {
		node.kind = NODE_ABSENT;
		if (strcmp(path + 11, "ctl") == 0) {
			node.kind = NODE_CONTROL;
			node.minor = 255;
		} else if (strcmp(path + 11, "-uvm") == 0) {
			node.kind = NODE_UVM;
		} else if (strcmp(path + 11, "-uvm-tools") == 0) {
			node.kind = NODE_UVM_TOOLS;
			node.minor = 1;
		} else if (parse_minor(path + 11, &node.minor) &&
			   node.minor < supervisor->options.gpus) {
			node.kind = NODE_GPU;
		}
	}
	return node;
}

/* The simulated file behind a descriptor of a task, however it came by it; NULL for any other. */
struct sim_file *file_of_fd(struct supervisor *supervisor, pid_t tid, int fd)
{
	char path[48];
	char link[48];
	struct sim_file *file;
	ssize_t length;
	ino_t inode;

	if (fd < 0 || !supervisor->files)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, fd);
	length = readlink(path, link, sizeof(link) - 1);
	if (length <= 8 || strncmp(link, "socket:[", 8) != 0)
		return NULL;
	link[length] = '\0';
	inode = (ino_t)strtoull(link + 8, NULL, 10);
	for (file = supervisor->files; file && file->inode != inode;)
		file = file->next;
	return file;
}

/* The last descriptor was closed. */
void file_released(struct supervisor *supervisor, struct sim_file *file)
{
	struct sim_file **link = &supervisor->files;

	while (*link != file)
		link = &(*link)->next;
	*link = file->next;
	rmsim_close(supervisor->world, file->file, wall_clock());
	close(file->peer);
	free(file);
}

/*
 * Releases what has been closed by now. Called before every ioctl too: a process that has ended
 * must be gone from the lists that are asked for afterwards.
 */
void release_closed_files(struct supervisor *supervisor)
{
	struct epoll_event event;

	while (epoll_wait(supervisor->file_epoll, &event, 1, 0) == 1)
		file_released(supervisor, event.data.ptr);
}
