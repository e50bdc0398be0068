/* SPDX-License-Identifier: GPL-2.0-only */
/* CO-RE: makes the offsets in a program those of the running kernel. */
#ifndef MPU_BPF_LOADER_RELOCATE_H
#define MPU_BPF_LOADER_RELOCATE_H

#include "btf.h"
#include "object.h"

struct bpf_instruction {
	mpu_u8 code;
	mpu_u8 registers;
	mpu_u16 offset;
	mpu_u32 immediate;
};

/*
 * Applies every relocation of an object to its program, of count instructions. Returns 0 or a
 * negative errno: -ENOENT for a structure or a member that the kernel does not have.
 */
int relocate(const struct object *object, const struct btf *kernel, struct bpf_instruction *program,
	     mpu_u32 count);

#endif
