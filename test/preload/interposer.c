// SPDX-License-Identifier: GPL-2.0-only
/* Another library that defines ioctl: hands every call on to the next, and says at exit how many.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

static int calls;

int ioctl(int fd, unsigned long request, void *argument);

int ioctl(int fd, unsigned long request, void *argument)
{
	int (*next)(int, unsigned long, void *) =
		(int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl");

	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	return next(fd, request, argument);
}

__attribute__((destructor)) static void say(void)
{
	fprintf(stderr, "interposer: %d calls\n", calls);
}
