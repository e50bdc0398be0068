// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda.h"

#define SPIN_CYCLES   20000000ull /* 10 to 20 ms */
#define PAUSE_US      25000
#define MEMSET_WORDS  (1u << 20)
#define MEMSET_ROUNDS 2000

/* A thread that looks at the clock until enough cycles are over. */
static const char spin[] = ".version 6.3\n"
			   ".target sm_75\n"
			   ".address_size 64\n"
			   ".visible .entry spin(.param .u64 cycles)\n"
			   "{\n"
			   ".reg .u64 %r<4>;\n"
			   ".reg .pred %p;\n"
			   "ld.param.u64 %r0, [cycles];\n"
			   "mov.u64 %r1, %clock64;\n"
			   "again:\n"
			   "mov.u64 %r2, %clock64;\n"
			   "sub.u64 %r3, %r2, %r1;\n"
			   "setp.lt.u64 %p, %r3, %r0;\n"
			   "@%p bra again;\n"
			   "ret;\n"
			   "}\n";

static bool find(void *library, const char *name, void *function)
{
	void *symbol = dlsym(library, name);

	memcpy(function, &symbol, sizeof(symbol));
	if (!symbol)
		fprintf(stderr, "cuda-process: libcuda.so.1 has no %s\n", name);
	return symbol != NULL;
}

bool cuda_load(struct cuda *cuda)
{
	void *library = dlopen("libcuda.so.1", RTLD_NOW);

	if (!library) {
		fprintf(stderr, "cuda-process: %s\n", dlerror());
		return false;
	}
	return find(library, "cuInit", &cuda->init) &&
	       find(library, "cuDeviceGet", &cuda->device_get) &&
	       find(library, "cuCtxCreate_v2", &cuda->context_create) &&
	       find(library, "cuCtxDestroy_v2", &cuda->context_destroy) &&
	       find(library, "cuCtxSynchronize", &cuda->context_synchronize) &&
	       find(library, "cuMemAlloc_v2", &cuda->allocate) &&
	       find(library, "cuMemFree_v2", &cuda->free) &&
	       find(library, "cuMemsetD32_v2", &cuda->set32) &&
	       find(library, "cuModuleLoadData", &cuda->module_load) &&
	       find(library, "cuModuleGetFunction", &cuda->module_function) &&
	       find(library, "cuLaunchKernel", &cuda->launch);
}

void cuda_check(int result, const char *what)
{
	if (result == 0)
		return;
	fprintf(stderr, "cuda-process: %s: CUDA error %d\n", what, result);
	exit(1);
}

_Noreturn void cuda_keep_busy(const struct cuda *cuda, uint64_t memory)
{
	uint64_t cycles = SPIN_CYCLES;
	void *parameters[] = {&cycles};
	void *module;
	void *function = NULL;
	int i;

	if (cuda->module_load(&module, spin) == 0)
		cuda_check(cuda->module_function(&function, module, "spin"), "cuModuleGetFunction");
	for (;;) {
		if (function)
			cuda_check(
				cuda->launch(function, 1, 1, 1, 1, 1, 1, 0, NULL, parameters, NULL),
				"cuLaunchKernel");
		else /* a GPU older than the program for it */
			for (i = 0; i < MEMSET_ROUNDS; i++)
				cuda_check(cuda->set32(memory, 0, MEMSET_WORDS), "cuMemsetD32");
		cuda_check(cuda->context_synchronize(), "cuCtxSynchronize");
		usleep(PAUSE_US);
	}
}
