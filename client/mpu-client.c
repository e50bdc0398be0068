// SPDX-License-Identifier: GPL-2.0-only
#include "mpu-client.h"
#include "preload/pidns.h"
#include "preload/translator.h"
#include "preload/sys.h"
#include "uapi/mpu.h"

/* On the host the own namespace is the initial one, and translates to itself. */
#define OWN_PIDNS "/proc/self/ns/pid"

static int open_resolver(struct mpu_resolver *resolver)
{
	int error = mpu_resolver_open(resolver, "");

	return error && mpu_pidns_open(&resolver->pidns, OWN_PIDNS, 1) == 0 ? 0 : error;
}

static int try_translate(enum mpu_rm_direction direction, const uint32_t *in, uint32_t *out,
			 size_t count)
{
	struct mpu_resolver resolver;
	int error = open_resolver(&resolver);

	if (error)
		return error;
	while (count > 0 && !error) {
		mpu_u32 part = count < MPU_MAX_PIDS ? (mpu_u32)count : MPU_MAX_PIDS;

		error = mpu_resolver_translate(&resolver, direction, in, out, part);
		in += part;
		out += part;
		count -= part;
	}
	mpu_resolver_close(&resolver);
	return error;
}

/*
 * Twice: the module may have been loaded again between two questions, or another thread have closed
 * a descriptor it did not know.
 */
static int translate(enum mpu_rm_direction direction, const uint32_t *in, uint32_t *out,
		     size_t count)
{
	return try_translate(direction, in, out, count) == 0
		       ? 0
		       : try_translate(direction, in, out, count);
}

int mpu_client_to_host(const uint32_t *pids, uint32_t *host_pids, size_t count)
{
	return translate(MPU_RM_TO_HOST, pids, host_pids, count);
}

int mpu_client_to_ns(const uint32_t *host_pids, uint32_t *pids, size_t count)
{
	return translate(MPU_RM_TO_CALLER, host_pids, pids, count);
}

static int is_on_host(void)
{
	struct mpu_pidns own;

	if (mpu_pidns_open(&own, OWN_PIDNS, 1) != 0)
		return 0;
	mpu_pidns_close(&own);
	return 1;
}

int32_t mpu_client_host_pid(void)
{
	uint32_t self = mpu_sys_getpid(), host_pid = 0;
	int error = mpu_client_to_host(&self, &host_pid, 1);

	if (!error)
		return host_pid ? (int32_t)host_pid : -MPU_ESRCH;
	return is_on_host() ? (int32_t)self : error;
}
