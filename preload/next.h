/* SPDX-License-Identifier: GPL-2.0-only */
/* The ioctl that would have been called without libmpu.so. */
#ifndef MPU_PRELOAD_NEXT_H
#define MPU_PRELOAD_NEXT_H

typedef int mpu_ioctl_fn(int fd, unsigned long request, void *argument);

/* Finds itself at the first call. Callable at any time, by any thread. */
extern mpu_ioctl_fn *mpu_next_ioctl __attribute__((visibility("hidden")));

/* What libmpu.so exports as ioctl: never to be taken for the next. */
mpu_ioctl_fn mpu_ioctl __attribute__((visibility("hidden")));

/* Where this thread's errno lies, or NULL without a libc that says. */
int *mpu_errno(void);

#endif
