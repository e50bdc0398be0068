// SPDX-License-Identifier: GPL-2.0-only
#include "next.h"
#include "sys.h"

#define RTLD_NEXT ((void *)-1l)

/* Weak: libmpu.so depends on no library. Before glibc 2.34 dlsym is there only in programs with
 * libdl. */
extern void *dlsym(void *handle, const char *name) __attribute__((weak));
extern long syscall(long number, ...) __attribute__((weak));
extern int *__errno_location(void) __attribute__((weak));

int *mpu_errno(void)
{
	return __errno_location ? __errno_location() : 0;
}

static int by_kernel(int fd, unsigned long request, void *argument)
{
	long result = mpu_sys_ioctl(fd, request, (unsigned long)argument);
	int *error = mpu_errno();

	if (result >= 0)
		return (int)result;
	if (error)
		*error = (int)-result;
	return -1;
}

static int first(int fd, unsigned long request, void *argument)
{
	mpu_ioctl_fn *next = dlsym ? (mpu_ioctl_fn *)dlsym(RTLD_NEXT, "ioctl") : 0;

	if (!next || next == mpu_ioctl)
		next = by_kernel;
	__atomic_store_n(&mpu_next_ioctl, next, __ATOMIC_RELAXED);
	return next(fd, request, argument);
}

mpu_ioctl_fn *mpu_next_ioctl = first;
