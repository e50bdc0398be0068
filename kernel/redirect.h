/* SPDX-License-Identifier: GPL-2.0-only */
/* Redirecting nvidia.ko's ioctl entry to this module. */
#ifndef MPU_REDIRECT_H
#define MPU_REDIRECT_H

#include <linux/types.h>

#include "compat.h"

struct module;

/* Whether this kernel has what it takes. Where it has not, nothing else of this is there. */
static inline bool mpu_redirect_possible(void)
{
#ifdef MPU_CAN_REDIRECT
	return true;
#else
	return false;
#endif
}

/*
 * Redirects the ioctl entry of driver, nvidia.ko: from the return on, no call passes by. Returns
 * -EBUSY when somebody else redirects it or ftrace is switched off, -EINVAL when the driver has no
 * such function, or what else ftrace refuses with. May sleep, as may all below.
 */
int mpu_redirect_attach(struct module *driver);

/*
 * Takes it back. Calls that have been redirected go on; mpu_redirect_drain() waits for them.
 * Returns what ftrace refuses with: this module then cannot be unloaded any more, and rewrites
 * nothing.
 */
int mpu_redirect_detach(void);

bool mpu_redirect_attached(void);

/* Whether anything was ever attached. If not, no call has been redirected. */
bool mpu_redirect_used(void);

/*
 * Returns when no task can be in this module any more because of a redirection. Nothing may be
 * attached any more.
 */
void mpu_redirect_drain(void);

/* Calls that have been redirected and not returned yet. */
u64 mpu_redirect_in_flight(void);

/*
 * Bit 0 tells whether calls are redirected; as a whole it is different after every change. A caller
 * that reads the same value before and after an ioctl knows what became of it.
 */
#define MPU_REDIRECT_ACTIVE 1u
u64 mpu_redirect_generation(void);

/* Changes the generation, and nothing else. */
void mpu_redirect_renew(void);

/* Seconds since the generation changed, or since a call of an earlier one ended. */
u64 mpu_redirect_age(void);

#endif
