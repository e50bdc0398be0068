/* SPDX-License-Identifier: GPL-2.0-only */
/* Redirecting nvidia.ko's ioctl entry to this module. */
#ifndef MPU_REDIRECT_H
#define MPU_REDIRECT_H

#include <linux/errno.h>
#include <linux/types.h>

#include "compat.h"

struct module;

/* Bit 0 of a generation: calls are redirected. */
#define MPU_REDIRECT_ACTIVE 1u

#ifdef MPU_CAN_REDIRECT

/**
 * mpu_redirect_possible() - tell if this kernel can redirect functions
 *
 * Return: false where nothing else of this file is there.
 */
static inline bool mpu_redirect_possible(void)
{
	return true;
}

/**
 * mpu_redirect_attach() - redirect the ioctl entry of a driver
 * @driver: nvidia.ko
 *
 * From the return on, no call passes by. May sleep.
 *
 * Return: 0, -EBUSY if somebody else redirects the entry or ftrace is switched off, -EINVAL if the
 * driver has no such function, or what else ftrace refuses with.
 */
int mpu_redirect_attach(struct module *driver);

/**
 * mpu_redirect_detach() - take the redirection back
 *
 * Calls that have been redirected go on; mpu_redirect_drain() waits for them. May sleep.
 *
 * Return: 0, or what ftrace refuses with: this module then cannot be unloaded any more, and
 * rewrites nothing.
 */
int mpu_redirect_detach(void);

/**
 * mpu_redirect_attached() - tell if there is a redirection
 *
 * Return: true from mpu_redirect_attach() to mpu_redirect_detach().
 */
bool mpu_redirect_attached(void);

/**
 * mpu_redirect_silenced() - tell if ftrace has been switched off since the attachment
 *
 * Return: true if there is a redirection, and no call comes to it.
 */
bool mpu_redirect_silenced(void);

/**
 * mpu_redirect_used() - tell if there has been a redirection
 *
 * Return: false if nothing was ever attached, and so no call has been redirected.
 */
bool mpu_redirect_used(void);

/**
 * mpu_redirect_drain() - wait until no task can be in this module because of a redirection
 *
 * Nothing may be attached any more. Sleeps, for as long as processes sleep in the driver.
 */
void mpu_redirect_drain(void);

/**
 * mpu_redirect_in_flight() - count the calls in progress
 *
 * Return: the number of calls that have been redirected and have not returned yet.
 */
u64 mpu_redirect_in_flight(void);

/**
 * mpu_redirect_generation() - read the state of the redirection
 *
 * A caller that reads the same value before and after an ioctl knows what became of it.
 *
 * Return: a number that is different after every change, with MPU_REDIRECT_ACTIVE in it if calls
 * are redirected.
 */
u64 mpu_redirect_generation(void);

/**
 * mpu_redirect_renew() - change the generation, and nothing else
 */
void mpu_redirect_renew(void);

/**
 * mpu_redirect_age() - tell for how long it has been so
 *
 * Return: seconds since the generation changed, or since a call of an earlier one ended.
 */
u64 mpu_redirect_age(void);

#else

static inline bool mpu_redirect_possible(void)
{
	return false;
}

static inline int mpu_redirect_attach(struct module *driver)
{
	return -EOPNOTSUPP;
}

static inline int mpu_redirect_detach(void)
{
	return 0;
}

static inline bool mpu_redirect_attached(void)
{
	return false;
}

static inline bool mpu_redirect_used(void)
{
	return false;
}

static inline bool mpu_redirect_silenced(void)
{
	return false;
}

static inline void mpu_redirect_drain(void)
{
}

static inline u64 mpu_redirect_in_flight(void)
{
	return 0;
}

static inline u64 mpu_redirect_generation(void)
{
	return 0;
}

static inline void mpu_redirect_renew(void)
{
}

static inline u64 mpu_redirect_age(void)
{
	return 0;
}

#endif

#endif
