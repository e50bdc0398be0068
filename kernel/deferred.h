/* SPDX-License-Identifier: GPL-2.0-only */
/* MPU_CMD_SET, done outside of generic netlink's lock. */
#ifndef MPU_DEFERRED_H
#define MPU_DEFERRED_H

#include <linux/types.h>

struct sk_buff;

int mpu_deferred_init(void);

/* Waits for all requests. None may come any more. */
void mpu_deferred_exit(void);

/**
 * mpu_deferred_set() - have a worker switch interception and acknowledge the request
 * @skb: the request, of a caller who may switch it, as its handler is given it
 * @on: switch it on or off
 *
 * Return: what the handler of the request returns: -EINTR, by which no acknowledgment is sent for
 * it now, or -ENOMEM.
 */
int mpu_deferred_set(struct sk_buff *skb, bool on);

#endif
