// SPDX-License-Identifier: GPL-2.0-only
/* open() and openat() of the simulated names. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor.h"

#define PATH_LENGTH 64

/* Puts a copy of fd into the caller and answers its call with the new number, in one step. */
static bool hand_out(const struct request *request, int fd, uint64_t flags)
{
	struct seccomp_notif_addfd addfd = {
		.id = request->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = (uint32_t)fd,
		.newfd_flags = (uint32_t)(flags & O_CLOEXEC),
	};

	return ioctl(request->supervisor->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) >= 0;
}

static void open_text(const struct request *request, const char *text, uint64_t flags)
{
	int fd = memfd_create("rm-sim", MFD_CLOEXEC);

	if ((flags & O_ACCMODE) != O_RDONLY) {
		respond_error(request, EACCES);
	} else if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
		   lseek(fd, 0, SEEK_SET) != 0) {
		respond_error(request, ENOMEM);
	} else if (!hand_out(request, fd, flags)) {
		respond_error(request, errno);
	}
	if (fd >= 0)
		close(fd);
}

static struct sim_file *make_file(struct supervisor *supervisor, struct node node, int ends[2])
{
	struct sim_file *file = calloc(1, sizeof(*file));
	enum rmsim_device device = RMSIM_DEVICE_UVM;
	struct stat st;

	if (!file)
		return NULL;
	if (node.kind == NODE_CONTROL)
		device = RMSIM_DEVICE_CONTROL;
	else if (node.kind == NODE_GPU)
		device = RMSIM_DEVICE_GPU;
	file->node = node;
	file->file = rmsim_open(supervisor->world, device, node.minor);
	if (!file->file || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		if (file->file)
			rmsim_close(supervisor->world, file->file, wall_clock());
		free(file);
		return NULL;
	}
	file->peer = ends[0];
	if (fstat(ends[1], &st) == 0)
		file->inode = st.st_ino;
	file->next = supervisor->files;
	supervisor->files = file;
	return file;
}

static void open_device(const struct request *request, struct node node, uint64_t flags)
{
	struct supervisor *supervisor = request->supervisor;
	struct epoll_event event = {.events = EPOLLRDHUP};
	struct sim_file *file;
	int ends[2];

	file = make_file(supervisor, node, ends);
	if (!file) {
		respond_error(request, ENOMEM);
		return;
	}
	event.data.ptr = file;
	if (epoll_ctl(supervisor->file_epoll, EPOLL_CTL_ADD, file->peer, &event) != 0 ||
	    !hand_out(request, ends[1], flags)) {
		respond_error(request, errno);
		close(ends[1]);
		file_released(supervisor, file);
		return;
	}
	close(ends[1]);
}

void answer_open(const struct request *request)
{
	struct supervisor *supervisor = request->supervisor;
	uint64_t path_at = request->args[request->kind == CALL_OPENAT ? 1 : 0];
	uint64_t flags = request->args[request->kind == CALL_OPENAT ? 2 : 1];
	char path[PATH_LENGTH];
	char text[320];
	struct node node;

	if (!task_read_path(request->tid, path_at, path, sizeof(path)) || !request_valid(request)) {
		respond_continue(request);
		return;
	}
	node = node_of_path(supervisor, path);
	switch (node.kind) {
	case NODE_NONE:
		respond_continue(request);
		break;
	case NODE_ABSENT:
		respond_error(request, ENOENT);
		break;
	case NODE_VERSION:
		snprintf(text, sizeof(text), "%s\n", supervisor->driver);
		open_text(request, text, flags);
		break;
	case NODE_PROC_VERSION:
		snprintf(text, sizeof(text),
			 "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  %s  Release "
			 "Build  (rm-sim@simulated)\n"
			 "GCC version:  gcc version 12.2.0\n",
			 supervisor->driver);
		open_text(request, text, flags);
		break;
	case NODE_CONTROL:
	case NODE_GPU:
	case NODE_UVM:
	case NODE_UVM_TOOLS:
		open_device(request, node, flags);
		break;
	}
}
