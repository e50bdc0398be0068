/* SPDX-License-Identifier: GPL-2.0-only */
/* MPU_DEBUG=1: why a process sees what it sees. */
#ifndef MPU_PRELOAD_DEBUG_H
#define MPU_PRELOAD_DEBUG_H

#include "rm/rm.h"

/* Writes one line about a control to standard error. */
void mpu_debug(mpu_u32 cmd, mpu_u32 size, enum mpu_rm_event event);

#endif
