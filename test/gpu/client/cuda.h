/* SPDX-License-Identifier: GPL-2.0-only */
/* The few functions of CUDA's driver API that the tests use, found at run time. */
#ifndef CUDA_CLIENT_H
#define CUDA_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* cuda.h: CUdeviceptr is 64 bits wide, the handles are pointers, CUresult 0 is success. */
struct cuda {
	int (*init)(unsigned int flags);
	int (*device_get)(int *device, int ordinal);
	int (*context_create)(void **context, unsigned int flags, int device);
	int (*context_destroy)(void *context);
	int (*context_synchronize)(void);
	int (*allocate)(uint64_t *memory, size_t size);
	int (*free)(uint64_t memory);
	int (*set32)(uint64_t memory, unsigned int value, size_t count);
	int (*module_load)(void **module, const void *image);
	int (*module_function)(void **function, void *module, const char *name);
	int (*launch)(void *function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
		      unsigned int block_x, unsigned int block_y, unsigned int block_z,
		      unsigned int shared, void *stream, void **parameters, void **extra);
};

/* Loads libcuda.so.1. False: stderr has why. */
bool cuda_load(struct cuda *cuda);

/* Ends the program with a message unless result is success. */
void cuda_check(int result, const char *what);

/* Keeps the current context's GPU busy for about a third of the time, for ever. */
_Noreturn void cuda_keep_busy(const struct cuda *cuda, uint64_t memory);

#endif
