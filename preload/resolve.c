// SPDX-License-Identifier: GPL-2.0-only
#include "resolve.h"
#include "sys.h"

int mpu_resolver_open(struct mpu_resolver *resolver, const struct mpu_environment *environment)
{
	return mpu_netlink_resolver_open(resolver) || mpu_nsfs_resolver_open(resolver, environment);
}

void mpu_resolver_close(struct mpu_resolver *resolver)
{
	mpu_sys_close(resolver->fd);
}
