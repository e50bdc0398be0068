/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands for the kernel's header of this name, which exists for the architectures only whose libc
 * headers are installed. uapi/mpu.h includes it; its enums and macros need nothing of it.
 */
