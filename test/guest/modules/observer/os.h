/* SPDX-License-Identifier: GPL-2.0-only */
/* What the observer needs of its surroundings: a libc, or, for 32-bit programs, nothing at all. */
#ifndef OS_H
#define OS_H

#include <stdint.h>

#if defined(__i386__) || defined(__arm__)

#ifdef __i386__
static inline long os_call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "0"(number), "b"(a), "c"(b), "d"(c)
			 : "memory");
	return result;
}

#define OS_EXIT_GROUP 252
#else
static inline long os_call(long number, long a, long b, long c)
{
	register long r0 __asm__("r0") = a;
	register long r1 __asm__("r1") = b;
	register long r2 __asm__("r2") = c;
	register long r7 __asm__("r7") = number;

	__asm__ volatile("svc #0" : "+r"(r0) : "r"(r1), "r"(r2), "r"(r7) : "memory");
	return r0;
}

#define OS_EXIT_GROUP 248
#endif

/* The other numbers are the same on both. */
#define os_ioctl(fd, request, argument) os_call(54, fd, (long)(request), (long)(argument))
#define os_open(path)			((int)os_call(5, (long)(path), 02, 0))
#define os_self()			((uint32_t)os_call(20, 0, 0, 0))
#define os_exists(pid)			(os_call(37, pid, 0, 0) == 0)
#define os_read(buffer, size)		os_call(3, 0, (long)(buffer), size)
#define os_nap(time)			os_call(162, (long)(time), 0, 0)

struct timespec {
	long tv_sec, tv_nsec;
};

static inline _Noreturn void os_exit(int status)
{
	for (;;)
		os_call(OS_EXIT_GROUP, status, 0, 0);
}

static inline void os_say(const char *text)
{
	long size = 0;

	while (text[size])
		size++;
	os_call(4, 2, (long)text, size);
}

/* The stack at the start: count, then arguments. */
#ifdef __i386__
#define OS_START                                                                                   \
	"mov %esp, %eax\n\tand $-16, %esp\n\tsub $12, %esp\n\tpush %eax\n\tcall start_here\n"
#else
#define OS_START "mov r0, sp\n\tbl start_here\n"
#endif

#define OS_MAIN(body)                                                                              \
	__attribute__((used)) static void start_here(long *stack)                                  \
	{                                                                                          \
		os_exit(body((int)*stack, (char **)(stack + 1)));                                  \
	}                                                                                          \
	__asm__(".globl _start\n_start:\n\t" OS_START);

#else

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#ifdef OS_RAW_IOCTL
/* As programs of other languages do, which have no libc. */
static inline long os_ioctl(long fd, long request, const void *argument)
{
#ifdef __x86_64__
	long result = 16;

	__asm__ volatile("syscall"
			 : "+a"(result)
			 : "D"(fd), "S"(request), "d"(argument)
			 : "rcx", "r11", "memory");
	return result;
#else
	register long x0 __asm__("x0") = fd;
	register long x1 __asm__("x1") = request;
	register const void *x2 __asm__("x2") = argument;
	register long x8 __asm__("x8") = 29;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x8) : "memory");
	return x0;
#endif
}
#else
#define os_ioctl(fd, request, argument) ioctl(fd, request, argument)
#endif
#define os_open(path)	open(path, O_RDWR | O_CLOEXEC)
#define os_self()	((uint32_t)getpid())
#define os_exists(pid)	(kill(pid, 0) == 0)
#define os_exit(status) _exit(status)
#define os_nap(time)	nanosleep(time, NULL)

static inline long os_read(void *buffer, long size)
{
	long result = read(0, buffer, (size_t)size);

	return result < 0 ? -errno : result;
}

static inline void os_say(const char *text)
{
	if (write(2, text, strlen(text)) < 0)
		_exit(1);
}

#define OS_MAIN(body)                                                                              \
	int main(int count, char **arguments)                                                      \
	{                                                                                          \
		return body(count, arguments);                                                     \
	}

#endif

static inline uint32_t os_number(const char *text)
{
	uint32_t number = 0;

	while (*text >= '0' && *text <= '9')
		number = number * 10 + (uint32_t)(*text++ - '0');
	return number;
}

/*
 * The emulated CPUs are slow, and others want them as well: whoever switches interception waits
 * until every process has slept.
 */
static inline void os_rest(void)
{
	const struct timespec nap = {0, 2000000};

	os_nap(&nap);
}

/* Until the other end of standard input, which does not block, is closed. */
static inline int os_goes_on(void)
{
	char byte;

	return os_read(&byte, 1) == -11; /* EAGAIN */
}

#endif
