/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A client of mpu.ko over generic netlink; kernel/uapi/mpu.h describes the messages. Freestanding:
 * libmpu.so, libmpu-client and the native addon are all built of it. Nothing here ever waits, and
 * nothing is shared between two clients.
 */
#ifndef MPU_PRELOAD_NETLINK_H
#define MPU_PRELOAD_NETLINK_H

#include "own_fd.h"
#include "rm/rm.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mpu_netlink {
	struct mpu_own socket;
	mpu_u32 sequence; /* of the last request */
	mpu_u16 family;	  /* changes with every load of the module */
};

/*
 * Opens a socket and looks the family up. Returns 0 or a negative errno: -ENOENT when mpu.ko is not
 * loaded. Only a client that opened is to be closed.
 */
int mpu_netlink_open(struct mpu_netlink *client);
void mpu_netlink_close(const struct mpu_netlink *client);

/* Opens a client again that has been closed, without another look-up of the family. */
int mpu_netlink_reopen(struct mpu_netlink *client);

/*
 * Translates count ids, at most MPU_MAX_PIDS. Returns 0 or a negative errno, and out is then
 * undefined: -ENOENT when the module has been unloaded, or loaded again, since the client was
 * opened.
 */
int mpu_netlink_translate(struct mpu_netlink *client, enum mpu_rm_direction direction,
			  const mpu_u32 *in, mpu_u32 *out, mpu_u32 count);

/*
 * Any request with one attribute, or with none where that is 0; size is a multiple of 4, as is
 * answer_size. Returns the bytes of attributes that came back in answer, 0 for an acknowledgment,
 * or a negative errno; answer then holds what followed the errno in the kernel's message.
 */
long mpu_netlink_ask(struct mpu_netlink *client, mpu_u8 command, mpu_u16 attribute,
		     const void *value, mpu_u32 size, mpu_u32 *answer, mpu_u32 answer_size);

/*
 * The first attribute of this type among so many bytes of them, or NULL: its header, with its size
 * (MPU_NETLINK_VALUE_SIZE), and from the next word on its value.
 */
const mpu_u32 *mpu_netlink_find(const mpu_u32 *attributes, mpu_u32 size, mpu_u16 type);

#define MPU_NETLINK_VALUE_SIZE(attribute) ((*(attribute)&0xffffu) - 4u)

#ifdef __cplusplus
}
#endif

#endif
