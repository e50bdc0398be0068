/* SPDX-License-Identifier: GPL-2.0-only */
/* Rewriting the driver's answer to a control that carries PIDs. */
#ifndef MPU_PRELOAD_REWRITE_H
#define MPU_PRELOAD_REWRITE_H

/*
 * Rewrites the answer to an ioctl that has returned 0, if it was NV_ESC_RM_CONTROL or its wrapper,
 * the control carries PIDs, and mpu.ko has not done so in the kernel. Returns 0.
 *
 * Another device can have a request of that number and size and give the argument another meaning,
 * so the argument is read only when the descriptor is known to be nvidiactl. The driver has then
 * read it too. The parameters are those of ioctl(), which jumps here and so needs no stack frame.
 */
int mpu_look_after(int fd, unsigned long request, void *argument);

#endif
