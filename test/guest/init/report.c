// SPDX-License-Identifier: GPL-2.0-only
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Shared by all processes of a case. */
static struct failure {
	atomic_int set;
	char message[512];
} * failure;

static int console = -1;
static unsigned int passed, failed;

void report_init(void)
{
	console = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	failure = mmap(NULL, sizeof(*failure), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (failure == MAP_FAILED)
		_exit(1);
}

void report_line(const char *format, ...)
{
	char line[640] = REPORT_PREFIX;
	size_t used = strlen(line);
	va_list arguments;
	ssize_t written;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line + used, sizeof(line) - used - 1, format, arguments);
	va_end(arguments);
	used += (size_t)length < sizeof(line) - used - 1 ? (size_t)length : sizeof(line) - used - 2;
	line[used++] = '\n';
	written = write(console, line, used);
	(void)written;
}

_Noreturn void report_fail(const char *file, int line, const char *condition, const char *format,
			   ...)
{
	int unset = 0;

	if (atomic_compare_exchange_strong(&failure->set, &unset, 1)) {
		const char *name = strrchr(file, '/');
		char detail[256];
		va_list arguments;

		va_start(arguments, format);
		vsnprintf(detail, sizeof(detail), format, arguments);
		va_end(arguments);
		snprintf(failure->message, sizeof(failure->message), "%s:%d: %s: %s",
			 name ? name + 1 : file, line, condition, detail);
	}
	_exit(1);
}

void report_run(const char *name, void (*body)(void), unsigned int seconds)
{
	int status = -1;
	pid_t pid;

	memset(failure, 0, sizeof(*failure));
	pid = fork();
	if (pid == 0) {
		alarm(seconds);
		body();
		_exit(0);
	}
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	if (status == 0) {
		passed++;
		report_line("ok %u - %s", passed + failed, name);
		return;
	}
	failed++;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		report_line("not ok %u - %s: not done after %u s", passed + failed, name, seconds);
	else
		report_line("not ok %u - %s: %s", passed + failed, name,
			    failure->message[0] ? failure->message : "a process died");
}
