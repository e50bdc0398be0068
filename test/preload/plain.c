// SPDX-License-Identifier: GPL-2.0-only
/*
 * What programs without a GPU do with ioctl. Prints every result; what it prints must be the same
 * with libmpu.so as without.
 *
 *   plain files|threads|forks|stacks
 *   plain loaded      whether libmpu.so is in this process
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define RM_CONTROL 0xc020462au
#define RM_XFER	   0xc01046d3u
#define UNTOUCHED  77

/* musl's request is an int. */
#ifdef __GLIBC__
typedef unsigned long request_type;
#else
typedef int request_type;
#endif

static void report(const char *file, const char *argument_name, int fd, unsigned long request,
		   void *argument)
{
	int result;

	errno = UNTOUCHED;
	result = ioctl(fd, (request_type)request, argument);
	printf("%s 0x%lx %s: %d, errno %d\n", file, request, argument_name, result, errno);
}

static void try_all(const char *file, int fd)
{
	static const unsigned long requests[] = {RM_CONTROL, RM_XFER,	 FIONREAD,   TIOCGWINSZ,
						 FIOCLEX,    0,		 0xffffffff, 0xc0c0462a,
						 0x4020462a, 0x0020462a, 0xc020002a, 0x001000d3};
	long page = sysconf(_SC_PAGESIZE);
	char *none = mmap(NULL, (size_t)page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *read_only = mmap(NULL, (size_t)page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	_Alignas(16) unsigned char buffer[256];
	size_t i;

	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		memset(buffer, 0, sizeof(buffer));
		report(file, "buffer", fd, requests[i], buffer);
		report(file, "NULL", fd, requests[i], NULL);
		report(file, "address 1", fd, requests[i], (void *)1);
		report(file, "address of the kernel", fd, requests[i], (void *)-4096l);
		report(file, "unmapped page", fd, requests[i], none);
		report(file, "read-only page", fd, requests[i], read_only);
		report(file, "end of a page", fd, requests[i], read_only + page - 1);
	}
	munmap(none, (size_t)page);
	munmap(read_only, (size_t)page);
}

static void files(void)
{
	int pipes[2], sockets[2], fd;
	char name[] = "/tmp/mpu-plain-XXXXXX";

	try_all("no descriptor", -1);
	try_all("closed descriptor", 987);
	fd = mkstemp(name);
	unlink(name);
	try_all("file", fd);
	fd = open("/", O_RDONLY | O_DIRECTORY);
	try_all("directory", fd);
	if (pipe(pipes) == 0)
		try_all("pipe", pipes[0]);
	if (write(pipes[1], "12345", 5) == 5)
		try_all("pipe with 5 bytes", pipes[0]);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0)
		try_all("socket", sockets[0]);
	fd = posix_openpt(O_RDWR | O_NOCTTY);
	try_all("terminal", fd);
	fd = open("/dev/null", O_RDWR);
	try_all("/dev/null", fd);
	fd = open("/dev/zero", O_RDWR | O_PATH);
	try_all("O_PATH descriptor", fd);
}

/* Each thread has an errno of its own, which no other thread's failure changes. */
static void *thread(void *argument)
{
	static const int wanted[] = {EBADF, ENOTTY};
	int which = *(int *)argument, fd = which ? open("/dev/null", O_RDWR) : -1, round;
	static const unsigned long requests[] = {RM_CONTROL, RM_XFER, TIOCGWINSZ};
	long wrong = 0;

	for (round = 0; round < 20000; round++) {
		if (ioctl(fd, (request_type)requests[round % 3], NULL) != -1 ||
		    errno != wanted[which])
			wrong++;
	}
	return (void *)wrong;
}

static void threads(void)
{
	pthread_t ids[8];
	int which[8], i;
	void *wrong;

	for (i = 0; i < 8; i++) {
		which[i] = i % 2;
		pthread_create(&ids[i], NULL, thread, &which[i]);
	}
	for (i = 0; i < 8; i++) {
		pthread_join(ids[i], &wrong);
		printf("thread %d: %ld wrong\n", i, (long)wrong);
	}
}

static void forks(void)
{
	int status = 0, i;
	pid_t pid;

	report("before fork", "NULL", -1, RM_CONTROL, NULL);
	for (i = 0; i < 20; i++) {
		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			report("child", "NULL", -1, RM_CONTROL, NULL);
			fflush(stdout);
			_exit(ioctl(-1, (request_type)RM_XFER, NULL) == -1 && errno == EBADF);
		}
		waitpid(pid, &status, 0);
		printf("child: status %d\n", WEXITSTATUS(status));
	}
	pid = vfork();
	if (pid == 0)
		_exit(ioctl(-1, (request_type)RM_CONTROL, NULL) == -1 && errno == EBADF);
	waitpid(pid, &status, 0);
	printf("vforked child: status %d\n", WEXITSTATUS(status));
	report("after fork", "NULL", -1, RM_CONTROL, NULL);
}

static volatile int handled;

static void handler(int signal)
{
	(void)signal;
	if (ioctl(-1, (request_type)RM_CONTROL, NULL) == -1 && errno == EBADF)
		handled++;
}

static void *small(void *argument)
{
	(void)argument;
	return (void *)(long)(ioctl(-1, (request_type)RM_CONTROL, NULL) == -1 && errno == EBADF);
}

static void stacks(void)
{
	static _Alignas(64) char stack[16384];
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
	stack_t alternative = {.ss_size = sizeof(stack)};
	pthread_attr_t attributes;
	pthread_t id;
	void *result = NULL;

	alternative.ss_sp = mmap(NULL, sizeof(stack), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, sizeof(stack));
	pthread_create(&id, &attributes, small, NULL);
	pthread_join(id, &result);
	printf("thread with 16 KB: %ld\n", (long)result);
	sigaltstack(&alternative, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	printf("handler on another stack: %d\n", handled);
}

static void loaded(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4096];
	int found = 0;

	while (maps && fgets(line, sizeof(line), maps))
		found |= strstr(line, "libmpu.so") != NULL;
	if (maps)
		fclose(maps);
	printf("%s\n", found ? "loaded" : "not loaded");
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (!strcmp(what, "files"))
		files();
	else if (!strcmp(what, "threads"))
		threads();
	else if (!strcmp(what, "forks"))
		forks();
	else if (!strcmp(what, "stacks"))
		stacks();
	else if (!strcmp(what, "loaded"))
		loaded();
	else
		return 2;
	return 0;
}
