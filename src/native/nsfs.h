/* SPDX-License-Identifier: GPL-2.0-only */
/* Translation by the host's PID namespace file (fs/nsfs.c, Linux 6.11 and later). */
#ifndef MPU_NATIVE_NSFS_H
#define MPU_NATIVE_NSFS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum mpu_nsfs_direction {
	MPU_NSFS_TO_NS,
	MPU_NSFS_TO_HOST,
};

/*
 * Opens the file. Returns a descriptor or a negative errno; -EXDEV when the namespace is not the
 * initial one and initial_only asks for that.
 */
int mpu_nsfs_open(const char *path, int initial_only);

/*
 * Each id in, its process's id in the other namespace out; 0 where there is no such process visible
 * from the caller's namespace. Returns 0 or a negative errno: -ENOTTY before Linux 6.11 and for a
 * file that is no PID namespace.
 */
int mpu_nsfs_translate(int fd, enum mpu_nsfs_direction direction, const uint32_t *in, uint32_t *out,
		       size_t count);

#ifdef __cplusplus
}
#endif

#endif
