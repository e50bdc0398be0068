// SPDX-License-Identifier: GPL-2.0-only
#include "resolve.h"
#include "nsfs.h"

int mpu_resolver_open(struct mpu_resolver *resolver, const struct mpu_environment *environment)
{
	const char *chosen = environment->pidns;

	resolver->is_netlink = mpu_netlink_open(&resolver->netlink) == 0;
	return resolver->is_netlink ||
	       mpu_nsfs_open(&resolver->pidns, *chosen ? chosen : MPU_NSFS_PATH, !*chosen) == 0;
}

static const struct mpu_own *descriptor(const struct mpu_resolver *resolver)
{
	return resolver->is_netlink ? &resolver->netlink.socket : &resolver->pidns;
}

int mpu_resolver_translate(struct mpu_resolver *resolver, enum mpu_rm_direction direction,
			   const mpu_u32 *in, mpu_u32 *out, mpu_u32 count)
{
	/* The driver has been asked since, which is time for another thread to close it. */
	if (!mpu_sys_is_own(descriptor(resolver)))
		return 0;
	if (resolver->is_netlink)
		return mpu_netlink_translate(&resolver->netlink, direction, in, out, count) == 0;
	return mpu_nsfs_translate(&resolver->pidns, direction, in, out, count) == 0;
}

void mpu_resolver_close(const struct mpu_resolver *resolver)
{
	mpu_sys_close_own(descriptor(resolver));
}
