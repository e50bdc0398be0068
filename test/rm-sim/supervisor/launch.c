// SPDX-License-Identifier: GPL-2.0-only
/* Starts the command under the filter and gets hold of the filter's listener. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor.h"

static bool send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = {0};
	char byte = 0;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))];
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header;
	int fd = -1;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static void run_command(const struct supervisor *supervisor, int socket, const sigset_t *mask)
{
	char *const *command = supervisor->options.command;
	int listener;
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	listener = filter_install();
	if (listener < 0) {
		fprintf(stderr, "rm-sim: cannot install the seccomp filter: %s\n", strerror(errno));
		_exit(125);
	}
	if (!send_fd(socket, listener))
		_exit(125);
	close(listener);
	close(socket);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(command[0], command);
	error = errno;
	fprintf(stderr, "rm-sim: cannot run %s: %s\n", command[0], strerror(error));
	_exit(error == ENOENT ? 127 : 126);
}

/* 0, or -1 with errno set. As a subreaper the supervisor stays an ancestor of all, which Yama's
 * ptrace scope asks for. */
int launch(struct supervisor *supervisor)
{
	sigset_t handled;
	sigset_t before;
	int sockets[2];

	sigemptyset(&handled);
	sigaddset(&handled, SIGCHLD);
	sigaddset(&handled, SIGINT);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGHUP);
	sigaddset(&handled, SIGQUIT);
	if (sigprocmask(SIG_BLOCK, &handled, &before) != 0 ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
		return -1;
	supervisor->child = fork();
	if (supervisor->child < 0)
		return -1;
	if (supervisor->child == 0) {
		close(sockets[0]);
		run_command(supervisor, sockets[1], &before);
	}
	close(sockets[1]);
	supervisor->listener = receive_fd(sockets[0]);
	close(sockets[0]);
	return supervisor->listener < 0 ? -1 : 0;
}
