// SPDX-License-Identifier: GPL-2.0-only
#include "translator.h"
#include "sys.h"

static int open_file(struct mpu_resolver *resolver, const char *file)
{
	return mpu_pidns_open(&resolver->pidns, *file ? file : MPU_PIDNS_PATH, !*file);
}

int mpu_resolver_open(struct mpu_resolver *resolver, const char *file)
{
	int netlink = mpu_netlink_open(&resolver->netlink);
	int pidns;

	resolver->is_netlink = netlink == 0;
	if (!netlink)
		return 0;
	pidns = open_file(resolver, file);
	return pidns == -MPU_ENOENT ? netlink : pidns;
}

int mpu_resolver_reopen(struct mpu_resolver *resolver, const char *file)
{
	return resolver->is_netlink ? mpu_netlink_reopen(&resolver->netlink)
				    : open_file(resolver, file);
}

static const struct mpu_own *descriptor(const struct mpu_resolver *resolver)
{
	return resolver->is_netlink ? &resolver->netlink.socket : &resolver->pidns.file;
}

int mpu_resolver_translate(struct mpu_resolver *resolver, enum mpu_rm_direction direction,
			   const mpu_u32 *in, mpu_u32 *out, mpu_u32 count)
{
	/* The driver has been asked since, which is time for another thread to close it. */
	if (!mpu_sys_is_own(descriptor(resolver)))
		return -MPU_EBADF;
	if (resolver->is_netlink)
		return mpu_netlink_translate(&resolver->netlink, direction, in, out, count);
	return mpu_pidns_translate(&resolver->pidns, direction, in, out, count);
}

void mpu_resolver_close(const struct mpu_resolver *resolver)
{
	mpu_sys_close_own(descriptor(resolver));
}
