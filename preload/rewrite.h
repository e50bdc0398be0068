/* SPDX-License-Identifier: GPL-2.0-only */
/* Rewriting the driver's answer to a control that carries PIDs. */
#ifndef MPU_PRELOAD_REWRITE_H
#define MPU_PRELOAD_REWRITE_H

#include "rm/rm.h"

/*
 * Rewrites an answer in the application's memory, unless mpu.ko has done so in the kernel. control
 * and its params, which are not NULL, are memory that the driver behind fd has just accepted.
 */
void mpu_rewrite_answer(int fd, struct mpu_rm_nvos54 *control, void *params);

#endif
