// SPDX-License-Identifier: GPL-2.0-only
#include "module.h"
#include "uapi/mpu.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

/* Where a value goes. */
struct field {
	uint16_t attribute;
	uint16_t size;
	size_t offset;
};

#define FIELD(attribute, member)                                                                   \
	{                                                                                          \
		attribute, sizeof(((struct mpu_module_state *)0)->member),                         \
			offsetof(struct mpu_module_state, member)                                  \
	}

static const struct field fields[] = {
	FIELD(MPU_A_MODULE_VERSION, version),
	FIELD(MPU_A_ABI_VERSION, abi),
	FIELD(MPU_A_FEATURES, features),
	FIELD(MPU_A_MAX_PIDS, max_pids),
	FIELD(MPU_A_INTERCEPT, intercept),
	FIELD(MPU_A_GENERATION, generation),
	FIELD(MPU_A_INTERCEPT_REASON, intercept_reason),
};

static const struct field counters[] = {
	FIELD(MPU_A_COUNTER_REQUESTS, requests),   FIELD(MPU_A_COUNTER_PIDS, pids),
	FIELD(MPU_A_COUNTER_HIDDEN, hidden),	   FIELD(MPU_A_COUNTER_REWRITTEN, rewritten),
	FIELD(MPU_A_COUNTER_UNTOUCHED, untouched), FIELD(MPU_A_COUNTER_IN_FLIGHT, in_flight),
};

/* Attributes of an answer. */
enum { ANSWER_WORDS = 256 };

struct attributes {
	const uint32_t *words;
	uint32_t size;
};

/* Copies what is there of a value that was zeroed; a text keeps its last 0. */
static void read_fields(struct mpu_module_state *state, struct attributes from,
			const struct field *field, size_t count)
{
	for (; count > 0; count--, field++) {
		const uint32_t *found = mpu_netlink_find(from.words, from.size, field->attribute);
		size_t size = found ? MPU_NETLINK_VALUE_SIZE(found) : 0;

		if (size > field->size)
			size = field->size - 1u;
		if (found)
			memcpy((char *)state + field->offset, found + 1, size);
	}
}

/* What the extended acknowledgment behind the errno says. */
static void read_reason(const uint32_t *answer, uint32_t size, char *reason)
{
	/* The request's header is repeated, and no more of it: NETLINK_CAP_ACK. */
	const uint32_t skip = sizeof(struct nlmsghdr);
	const uint32_t *found = mpu_netlink_find(answer + skip / 4, size - skip, NLMSGERR_ATTR_MSG);

	if (found)
		strncpy(reason, (const char *)(found + 1), MPU_REASON_SIZE - 1);
}

int mpu_module_get(struct mpu_netlink *client, struct mpu_module_state *state,
		   char reason[MPU_REASON_SIZE])
{
	uint32_t answer[ANSWER_WORDS] = {0};
	struct attributes all = {.words = answer}, nest;
	const uint32_t *found;
	const int on = 1, fd = client->socket.fd;
	int explains = setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) == 0 &&
		       setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)) == 0;
	long size = mpu_netlink_ask(client, MPU_CMD_GET, 0, NULL, 0, answer, sizeof(answer));

	memset(state, 0, sizeof(*state));
	memset(reason, 0, MPU_REASON_SIZE);
	if (size < 0) {
		if (explains)
			read_reason(answer, sizeof(answer), reason);
		return (int)size;
	}
	all.size = (uint32_t)size;
	read_fields(state, all, fields, sizeof(fields) / sizeof(*fields));
	found = mpu_netlink_find(all.words, all.size, MPU_A_COUNTERS);
	if (found) {
		state->has_counters = 1;
		nest.words = found + 1;
		nest.size = MPU_NETLINK_VALUE_SIZE(found);
		read_fields(state, nest, counters, sizeof(counters) / sizeof(*counters));
	}
	return state->abi ? 0 : -EBADMSG;
}
