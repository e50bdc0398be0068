// SPDX-License-Identifier: GPL-2.0-only
/*
 * Follows a command and everything it starts by ptrace, below whatever they preload. Every system
 * call stops: a seccomp filter would spare most of the stops, but loses to the one of rm-sim.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "regime.h"

/* An ioctl between its entry and its exit. */
struct pending {
	struct request request;
	enum verdict verdict;
	struct pending *next;
};

static struct pending *pending;

/* The task is stopped, so what is known of it stays true. */
bool request_valid(const struct request *request)
{
	(void)request;
	return true;
}

static struct pending *find(pid_t tid)
{
	struct pending *call = pending;

	while (call && call->request.tid != tid)
		call = call->next;
	return call;
}

static void forget(const struct pending *call)
{
	struct pending **link = &pending;

	while (*link != call)
		link = &(*link)->next;
	*link = call->next;
	free((void *)(uintptr_t)call);
}

/* Makes the kernel skip the call, or sets what it returned. */
static void set_call(pid_t tid, bool skip)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &registers) != 0)
		return;
	if (skip)
		registers.orig_rax = (unsigned long long)-1;
	else
		registers.rax = 0;
	ptrace(PTRACE_SETREGS, tid, NULL, &registers);
}

static void entered(struct regime *regime, pid_t tid, const struct __ptrace_syscall_info *info)
{
	struct request request = {.tid = tid, .kind = CALL_IOCTL};
	enum verdict verdict;
	struct pending *call;
	size_t i;

	if (info->entry.nr != SYS_ioctl)
		return;
	for (i = 0; i < 6; i++)
		request.args[i] = info->entry.args[i];
	verdict = ioctl_entry(regime, &request);
	if (verdict == VERDICT_PASS)
		return;
	call = calloc(1, sizeof(*call));
	if (!call)
		return;
	call->request = request;
	call->verdict = verdict;
	call->next = pending;
	pending = call;
	if (verdict == VERDICT_ANSWERED)
		set_call(tid, true);
}

static void left(struct regime *regime, pid_t tid, const struct __ptrace_syscall_info *info)
{
	struct pending *call = find(tid);

	if (!call)
		return;
	if (call->verdict == VERDICT_ANSWERED)
		set_call(tid, false);
	else if (info->exit.rval == 0)
		ioctl_exit(regime, &call->request);
	forget(call);
}

static void syscall_stop(struct regime *regime, pid_t tid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		entered(regime, tid, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		left(regime, tid, &info);
}

static bool stops_group(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

static void stopped(struct regime *regime, pid_t tid, int status)
{
	int signal = WSTOPSIG(status);
	int event = status >> 16;

	if (signal == (SIGTRAP | 0x80)) {
		syscall_stop(regime, tid);
		signal = 0;
	} else if (event == PTRACE_EVENT_STOP && stops_group(signal)) {
		ptrace(PTRACE_LISTEN, tid, NULL, NULL);
		return;
	} else if (event) {
		signal = 0;
	}
	ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(uintptr_t)signal);
}

static void ended(struct regime *regime, pid_t tid)
{
	const struct pending *call = find(tid);

	if (call)
		forget(call);
	record_ended(regime, tid); /* a process goes by the number of its first thread */
}

/* Until the command itself has ended; what it left behind is killed with the tracer. */
static int follow(struct regime *regime, pid_t child)
{
	int status;
	pid_t tid;

	for (;;) {
		tid = waitpid(-1, &status, __WALL);
		if (tid < 0) {
			if (errno == EINTR)
				continue;
			return 125;
		}
		if (WIFSTOPPED(status)) {
			stopped(regime, tid, status);
			continue;
		}
		ended(regime, tid);
		if (tid == child)
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}

static _Noreturn void run(char *const *command, const int gate[2])
{
	char byte;
	int error;

	close(gate[1]);
	while (read(gate[0], &byte, 1) < 0 && errno == EINTR)
		;
	close(gate[0]);
	execvp(command[0], command);
	error = errno;
	fprintf(stderr, "rm-regime: cannot run %s: %s\n", command[0], strerror(error));
	_exit(error == ENOENT ? 127 : 126);
}

/* The command's exit status, 128 plus the signal that ended it, or 125 when it cannot be traced. */
int trace(struct regime *regime, char *const *command)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int gate[2];
	pid_t child;

	if (pipe(gate) != 0)
		return 125;
	child = fork();
	if (child == 0)
		run(command, gate);
	close(gate[0]);
	if (child < 0 || ptrace(PTRACE_SEIZE, child, NULL, (void *)options) != 0 ||
	    ptrace(PTRACE_INTERRUPT, child, NULL, NULL) != 0) {
		fprintf(stderr, "rm-regime: cannot trace: %s\n", strerror(errno));
		return 125;
	}
	close(gate[1]);
	return follow(regime, child);
}
