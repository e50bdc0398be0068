// SPDX-License-Identifier: GPL-2.0-only
/*
 * older-samples.so: preloaded before libmpu.so, it asks for utilization samples as NVML of an older
 * release does, and gives this NVML the answer in its own layout. So the way from an older driver
 * through libmpu.so to NVML can be gone with whichever NVML fits the GPU's driver.
 *
 * MPU_TEST_ENGINES: engines in a sample, 4 (up to 545) or 6 (550 to 565).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>

#include "../../rm-sim/client/rm.h"
#include "../../rm-sim/model/types.h"

#define HEADER	    16
#define SAMPLES	    72
#define NEW_ENGINE  128
#define NEW_SAMPLE  776
#define NEW_SIZE    (HEADER + SAMPLES * NEW_SAMPLE)
#define OLD_ENGINE  116
#define CMD_SAMPLES 0x20802096u

static int (*next_ioctl(void))(int, unsigned long, ...)
{
	static int (*next)(int, unsigned long, ...);

	if (!next) {
		void *symbol = dlsym(RTLD_NEXT, "ioctl");

		memcpy(&next, &symbol, sizeof(symbol));
	}
	return next;
}

static void widen(const uint8_t *old, uint8_t *new, uint32_t engines)
{
	uint32_t i;

	memset(new, 0, NEW_SAMPLE);
	memcpy(new, old, 8);
	for (i = 0; i < 6; i++) {
		uint8_t *engine = new + 8 + i *NEW_ENGINE;

		if (i < engines)
			memcpy(engine, old + 8 + i * OLD_ENGINE, OLD_ENGINE);
		else
			memset(engine + 8, 0xff, 8); /* no process */
	}
}

static int samples(int fd, unsigned long request, struct rm_control *control, uint32_t engines)
{
	uint8_t *params = (uint8_t *)(uintptr_t)control->params;
	uint32_t sample = 8 + engines * OLD_ENGINE;
	struct rm_control older = *control;
	uint8_t *buffer;
	uint32_t i;
	int result;

	older.params_size = HEADER + SAMPLES * sample;
	buffer = calloc(1, older.params_size);
	if (!buffer)
		return -1;
	memcpy(buffer, params, HEADER);
	put_u32(buffer, 4, SAMPLES * sample);
	older.params = (uintptr_t)buffer;
	result = next_ioctl()(fd, request, &older);
	control->status = older.status;
	if (result == 0 && older.status == NV_OK) {
		memcpy(params + 8, buffer + 8, 4);
		put_u32(params, 12, get_u32(buffer, 12) / sample * NEW_SAMPLE);
		for (i = 0; i < SAMPLES; i++)
			widen(buffer + HEADER + (size_t)i * sample,
			      params + HEADER + (size_t)i * NEW_SAMPLE, engines);
	}
	free(buffer);
	return result;
}

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
	const char *engines = getenv("MPU_TEST_ENGINES");
	struct rm_control *control;
	va_list arguments;

	va_start(arguments, request);
	control = va_arg(arguments, struct rm_control *);
	va_end(arguments);
	if (engines && (uint32_t)request == RM_REQUEST(NV_ESC_RM_CONTROL, sizeof(*control)) &&
	    control->cmd == CMD_SAMPLES && control->params_size == NEW_SIZE)
		return samples(fd, request, control, (uint32_t)atoi(engines));
	return next_ioctl()(fd, request, control);
}
