// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one symbol that libmpu.so exports. Call first, look after: nothing of the application's is
 * read before the driver has accepted it, and nothing is kept between calls.
 */
#include "rewrite.h"
#include "sys.h"

/* Both libcs that programs here use have it. Weak: libmpu.so depends on no library. */
extern int *__errno_location(void) __attribute__((weak));

/* A jump, without which every ioctl would save registers for the calls. */
#ifdef __clang__
#define TAIL_CALL __attribute__((musttail))
#else
#define TAIL_CALL
#endif

/* Two bit tests tell nearly all other requests apart in fewer instructions than two comparisons. */
#define IN_NEITHER (MPU_RM_ESCAPE(~0u) & ~MPU_RM_ESCAPE(MPU_RM_IOCTL_CONTROL | MPU_RM_IOCTL_XFER))
#define IN_ONE	   ((MPU_RM_IOCTL_CONTROL ^ MPU_RM_IOCTL_XFER) & 0x3fff0000u)

/* Has the parameters of ioctl(), of which the first is an errno here. */
static __attribute__((noinline)) int fail(int error, unsigned long request, void *argument)
{
	(void)request;
	(void)argument;
	if (__errno_location)
		*__errno_location() = error;
	return -1;
}

/*
 * Not declared variadic: on x86-64, aarch64 and i386 Linux the third argument of a variadic call
 * arrives where a named one does, and this way the compiler adds nothing. The kernel reads 32 bits
 * of the request, whatever a caller leaves in the upper half; musl's request is an int.
 *
 * The system call is made here and not by libc's ioctl, which does nothing else: that would have to
 * be looked up, and dlsym() takes the dynamic loader's lock, which a thread that waits for this one
 * may hold, and clears dlerror(). So an ioctl that other libraries define behind this one is not
 * called.
 */
__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, void *argument)
{
	long result = mpu_sys_ioctl(fd, request, (unsigned long)argument);

	if (__builtin_expect((unsigned long)result >= (unsigned long)-MPU_MAX_ERRNO, 0))
		TAIL_CALL return fail((int)-result, request, argument);
	if (__builtin_expect(!((mpu_u32)request & IN_NEITHER) && ((mpu_u32)request & IN_ONE), 0) &&
	    result == 0)
		TAIL_CALL return mpu_look_after(fd, request, argument);
	return (int)result;
}
