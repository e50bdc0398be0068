// SPDX-License-Identifier: GPL-2.0-only
/* The event loop: notifications, closed files, signals, the end of the command. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "supervisor.h"

uint64_t wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A response to a task that has died meanwhile fails with ENOENT, which is all right. */
static void respond(const struct request *request, int64_t value, int error, uint32_t flags)
{
	struct supervisor *supervisor = request->supervisor;

	memset(supervisor->resp, 0, supervisor->resp_size);
	supervisor->resp->id = request->id;
	supervisor->resp->val = value;
	supervisor->resp->error = -error;
	supervisor->resp->flags = flags;
	(void)ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_SEND, supervisor->resp);
}

/* error 0 makes the call return 0 */
void respond_error(const struct request *request, int error)
{
	respond(request, 0, error, 0);
}

void respond_value(const struct request *request, int64_t value)
{
	respond(request, value, 0, 0);
}

/* Lets the kernel run the call as if it had not been trapped. */
void respond_continue(const struct request *request)
{
	respond(request, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

/* Whether the task still waits for the answer, so that its number was not given to another one in
 * between. */
bool request_valid(const struct request *request)
{
	uint64_t id = request->id;

	return ioctl(request->supervisor->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static void answer(struct supervisor *supervisor)
{
	struct seccomp_notif *notif = supervisor->notif;
	struct request request = {.supervisor = supervisor};
	size_t i;

	memset(notif, 0, supervisor->notif_size);
	/* fails when the task died, or took a signal, before the notification was fetched */
	if (ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_RECV, notif) != 0)
		return;
	request.id = notif->id;
	request.tid = (pid_t)notif->pid;
	request.i386 = notif->data.arch == AUDIT_ARCH_I386;
	request.kind = filter_classify(notif->data.arch, notif->data.nr);
	for (i = 0; i < 6; i++)
		request.args[i] =
			request.i386 ? (uint32_t)notif->data.args[i] : notif->data.args[i];
	switch (request.kind) {
	case CALL_OPEN:
	case CALL_OPENAT:
		answer_open(&request);
		break;
	case CALL_IOCTL:
		answer_ioctl(&request);
		break;
	case CALL_STAT:
	case CALL_FSTAT:
	case CALL_FSTATAT:
	case CALL_STATX:
		answer_stat(&request);
		break;
	case CALL_ACCESS:
	case CALL_FACCESSAT:
	case CALL_READLINK:
	case CALL_READLINKAT:
		answer_access(&request);
		break;
	case CALL_NONE:
		respond_continue(&request);
		break;
	}
}

/* Reaps orphans that came to the supervisor as their subreaper; true when the command itself has
 * ended. */
static bool reap(const struct supervisor *supervisor, int *status)
{
	bool ended = false;
	int one;
	pid_t pid;

	while ((pid = waitpid(-1, &one, WNOHANG)) > 0) {
		if (pid != supervisor->child)
			continue;
		*status = WIFSIGNALED(one) ? 128 + WTERMSIG(one) : WEXITSTATUS(one);
		ended = true;
	}
	return ended;
}

static bool take_signal(const struct supervisor *supervisor, int *status)
{
	struct signalfd_siginfo info;

	if (read(supervisor->signals, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGCHLD)
		return reap(supervisor, status);
	kill(supervisor->child, (int)info.ssi_signo);
	return false;
}

static int watch(struct supervisor *supervisor, int fd, void *tag)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};

	return epoll_ctl(supervisor->epoll, EPOLL_CTL_ADD, fd, &event);
}

int serve(struct supervisor *supervisor)
{
	struct epoll_event event;
	bool listening = true;
	int status = 0;

	if (watch(supervisor, supervisor->listener, &supervisor->listener) != 0 ||
	    watch(supervisor, supervisor->file_epoll, &supervisor->file_epoll) != 0 ||
	    watch(supervisor, supervisor->signals, &supervisor->signals) != 0)
		return -1;
	for (;;) {
		if (epoll_wait(supervisor->epoll, &event, 1, -1) != 1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (event.data.ptr == &supervisor->signals) {
			if (take_signal(supervisor, &status))
				return status;
		} else if (event.data.ptr == &supervisor->file_epoll) {
			release_closed_files(supervisor);
		} else if (event.events & EPOLLIN) {
			answer(supervisor);
		} else if (listening) {
			/* no task is under the filter any more; the command's end is on its way */
			epoll_ctl(supervisor->epoll, EPOLL_CTL_DEL, supervisor->listener, NULL);
			listening = false;
		}
	}
}
