// SPDX-License-Identifier: GPL-2.0-only
/* What libmpu.so asks with, and libmpu-client, compiled into the guest's program. */
#include "cases.h"
#include "report.h"
#include "world.h"

#include "client/mpu-client.h"
#include "preload/translator.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

enum { LONG_LIST = 4000 };

static void check_list(struct mpu_resolver *resolver, const uint32_t *host_pid)
{
	static mpu_u32 in[LONG_LIST], out[LONG_LIST];

	for (size_t i = 0; i < LONG_LIST; i++)
		in[i] = i % 2 ? 1 : 2000000;
	memset(out, 0xff, sizeof(out));
	CHECK(mpu_resolver_translate(resolver, MPU_RM_TO_HOST, in, out, LONG_LIST) == 0,
	      "a long list");
	for (size_t i = 0; i < LONG_LIST; i++)
		CHECK(out[i] == (i % 2 ? *host_pid : 0), "%zu: %u", i, out[i]);
}

static void contained(void *argument)
{
	volatile uint32_t *host_pid = argument;
	const mpu_u32 inside[] = {1, 0, 4000000};
	struct mpu_resolver resolver;
	mpu_u32 out[3];

	await_word(host_pid);
	CHECK(mpu_resolver_open(&resolver, "") == 0 && resolver.is_netlink, "it does not open");
	CHECK(mpu_resolver_translate(&resolver, MPU_RM_TO_HOST, inside, out, 3) == 0,
	      "to the host");
	CHECK(out[0] == *host_pid && out[1] == 0 && out[2] == 0, "%u %u %u", out[0], out[1],
	      out[2]);

	const mpu_u32 outside[] = {*host_pid, 1, 2};

	CHECK(mpu_resolver_translate(&resolver, MPU_RM_TO_CALLER, outside, out, 3) == 0,
	      "to the caller");
	CHECK(out[0] == 1 && out[1] == 0 && out[2] == 0, "%u %u %u", out[0], out[1], out[2]);
	CHECK(mpu_resolver_translate(&resolver, MPU_RM_TO_HOST, inside, out, 0) == 0,
	      "an empty list");
	check_list(&resolver, (const uint32_t *)host_pid);
	mpu_resolver_close(&resolver);
}

void case_preload(void)
{
	uint32_t *host_pid = shared_memory(sizeof(*host_pid));
	struct mpu_resolver resolver;
	mpu_u32 one = 1, out = 0;
	pid_t pid = start(CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWNET, contained, host_pid);

	__atomic_store_n(host_pid, (uint32_t)pid, __ATOMIC_SEQ_CST);
	finish(pid);
	CHECK(mpu_resolver_open(&resolver, "") == 0 && resolver.is_netlink, "on the host");
	CHECK(mpu_resolver_translate(&resolver, MPU_RM_TO_CALLER, &one, &out, 1) == 0 && out == 1,
	      "%u", out);
	mpu_resolver_close(&resolver);
}

void case_preload_without(void)
{
	struct mpu_resolver resolver;

	CHECK(mpu_resolver_open(&resolver, "") < 0, "it opens without the module");
}

enum { CLIENT_LIST = 10000 };

static void contained_client(void *argument)
{
	static uint32_t in[CLIENT_LIST], out[CLIENT_LIST];
	volatile uint32_t *host_pid = argument;
	const uint32_t outside[] = {1, 2, 4000000};

	await_word(host_pid);
	CHECK(mpu_client_host_pid() == (int32_t)*host_pid, "%d", mpu_client_host_pid());
	CHECK(mpu_client_to_ns(outside, out, 3) == 0 && !out[0] && !out[1] && !out[2],
	      "somebody outside");
	for (size_t i = 0; i < CLIENT_LIST; i++)
		in[i] = i % 2 ? *host_pid : 2000000;
	CHECK(mpu_client_to_ns(in, out, CLIENT_LIST) == 0, "a list longer than a request");
	for (size_t i = 0; i < CLIENT_LIST; i++)
		CHECK(out[i] == i % 2, "%zu: %u", i, out[i]);
	CHECK(mpu_client_to_host(out, in, CLIENT_LIST) == 0, "and back");
	for (size_t i = 0; i < CLIENT_LIST; i++)
		CHECK(in[i] == (i % 2 ? *host_pid : 0), "%zu: %u", i, in[i]);
}

void case_client(void)
{
	uint32_t *host_pid = shared_memory(sizeof(*host_pid));
	pid_t pid = start(CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWNET, contained_client, host_pid);

	__atomic_store_n(host_pid, (uint32_t)pid, __ATOMIC_SEQ_CST);
	finish(pid);
	CHECK(mpu_client_host_pid() == getpid(), "on the host");
}

static void contained_without(void *unused)
{
	uint32_t one = 1, out;

	(void)unused;
	CHECK(mpu_client_host_pid() == -ENOENT, "%d", mpu_client_host_pid());
	CHECK(mpu_client_to_ns(&one, &out, 1) == -ENOENT, "a list");
}

void case_client_without(void)
{
	run_in(CLONE_NEWPID, contained_without, NULL);
	CHECK(mpu_client_host_pid() == getpid(), "on the host");
}
