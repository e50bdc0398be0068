/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MPU_PRELOAD_OWN_H
#define MPU_PRELOAD_OWN_H

#include "rm/rm.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A descriptor of ours among the application's. A thread that closes everything it did not open
 * (closefrom() in a server, say) closes this one too, and then its number can be that of another
 * file; so the file is looked at before the number is used.
 */
struct mpu_own {
	int fd;
	mpu_u32 device;
	mpu_u32 inode;
};

/* Takes note of a file just opened; its numbers are 0 where fstat is refused. */
void mpu_sys_own(struct mpu_own *own, int fd);

/* Whether the number is still that of the file; true where fstat is refused. */
int mpu_sys_is_own(const struct mpu_own *own);

/* Closes it, unless the number is another file's. */
void mpu_sys_close_own(const struct mpu_own *own);

#ifdef __cplusplus
}
#endif

#endif
