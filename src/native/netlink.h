/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A client of the generic netlink family "mpu" (uapi/mpu.h). No state is shared between two
 * clients, so each thread may have its own.
 */
#ifndef MPU_NATIVE_NETLINK_H
#define MPU_NATIVE_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mpu_netlink {
	int fd;
	uint16_t family;
	uint32_t sequence;
	/* What the kernel says is wrong with the last request, or empty. */
	char reason[128];
};

/* What MPU_CMD_GET answers. */
struct mpu_netlink_state {
	char version[64];
	uint32_t abi;
	uint32_t features;
	uint32_t max_pids;
	uint32_t intercept;
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

/*
 * Opens a socket and looks the family up. Returns 0 or a negative errno: -ENOENT when mpu.ko is not
 * loaded. A client is to be closed even when it did not open.
 */
int mpu_netlink_open(struct mpu_netlink *client);
void mpu_netlink_close(struct mpu_netlink *client);

/*
 * Asks for count ids, at most MPU_MAX_PIDS; command is MPU_CMD_TO_NS or MPU_CMD_TO_HOST. Returns 0
 * or a negative errno: -ENOENT when the module has been unloaded, or loaded again, since the client
 * was opened.
 */
int mpu_netlink_translate(struct mpu_netlink *client, uint8_t command, const uint32_t *in,
			  uint32_t *out, size_t count);

/* Returns 0 or a negative errno, as above. */
int mpu_netlink_get(struct mpu_netlink *client, struct mpu_netlink_state *state);

#ifdef __cplusplus
}
#endif

#endif
