/* SPDX-License-Identifier: GPL-2.0-only */
/* What mpu.ko says about itself. */
#ifndef MPU_NATIVE_MODULE_H
#define MPU_NATIVE_MODULE_H

#include "preload/netlink.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What MPU_CMD_GET answers; 0 and empty where it does not say. */
struct mpu_module_state {
	char version[64];
	uint32_t abi;
	uint32_t features;
	uint32_t max_pids;
	uint32_t intercept;
	/* why it cannot do what it is to */
	char intercept_reason[128];
	uint64_t generation;
	int has_counters;
	uint64_t requests;
	uint64_t pids;
	uint64_t hidden;
	uint64_t rewritten;
	uint64_t untouched;
	uint64_t in_flight;
};

enum { MPU_REASON_SIZE = 128 };

/*
 * Asks the module. Returns 0 or a negative errno; reason is then what the kernel says is wrong with
 * the request, or empty.
 */
int mpu_module_get(struct mpu_netlink *client, struct mpu_module_state *state,
		   char reason[MPU_REASON_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
