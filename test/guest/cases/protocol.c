// SPDX-License-Identifier: GPL-2.0-only
#include "cases.h"
#include "client.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "version.h"

static void ask_get(struct client *client, struct reply *reply)
{
	struct message message;

	message_start(&message, client->family, 0, MPU_CMD_GET);
	client_exchange(client, &message, message_header(&message)->nlmsg_len, reply);
	CHECK(reply->error == 0, "error %d", reply->error);
}

static uint64_t counter(const struct reply *reply, uint16_t type)
{
	const struct nlattr *nest = message_find(&reply->message, MPU_A_COUNTERS);

	CHECK(nest, "no counters for the host");
	return attribute_u64(nest_find(nest, type));
}

static void get_in_container(void *unused)
{
	struct client client;
	struct reply reply;

	(void)unused;
	client_open(&client);
	ask_get(&client, &reply);
	CHECK(attribute_u32(message_find(&reply.message, MPU_A_ABI_VERSION)) == MPU_ABI_VERSION,
	      "ABI version");
	CHECK(!message_find(&reply.message, MPU_A_COUNTERS), "a container sees what others do");
}

void case_get(void)
{
	const uint32_t pids[] = {(uint32_t)getpid(), 0, 0xffffffff};
	struct reply before, after;
	struct client client;
	uint32_t answer[3], intercept;
	const struct nlattr *version;

	client_open(&client);
	ask_get(&client, &before);
	version = message_find(&before.message, MPU_A_MODULE_VERSION);
	CHECK(version && attribute_size(version) == sizeof(MPU_VERSION) &&
		      memcmp(attribute_data(version), MPU_VERSION, sizeof(MPU_VERSION)) == 0,
	      "module version");
	CHECK(attribute_u32(message_find(&before.message, MPU_A_ABI_VERSION)) == MPU_ABI_VERSION,
	      "ABI version");
	intercept = attribute_u32(message_find(&before.message, MPU_A_INTERCEPT));
	/* The cases of interception tell whether it is rightly absent. */
	CHECK(attribute_u32(message_find(&before.message, MPU_A_FEATURES)) ==
		      (MPU_FEATURE_TRANSLATE |
		       (intercept == MPU_INTERCEPT_ABSENT ? 0 : MPU_FEATURE_INTERCEPT)),
	      "features");
	CHECK(attribute_u32(message_find(&before.message, MPU_A_MAX_PIDS)) == MPU_MAX_PIDS,
	      "most PIDs");
	CHECK(intercept == MPU_INTERCEPT_OFF || intercept == MPU_INTERCEPT_ABSENT, "intercept %u",
	      intercept);

	client_translate(&client, MPU_CMD_TO_NS, pids, answer, 3);
	ask_get(&client, &after);
	CHECK(attribute_u64(message_find(&before.message, MPU_A_GENERATION)) ==
		      attribute_u64(message_find(&after.message, MPU_A_GENERATION)),
	      "the generation changed by itself");
	CHECK(counter(&after, MPU_A_COUNTER_REQUESTS) ==
		      counter(&before, MPU_A_COUNTER_REQUESTS) + 1,
	      "requests");
	CHECK(counter(&after, MPU_A_COUNTER_PIDS) == counter(&before, MPU_A_COUNTER_PIDS) + 3,
	      "PIDs");
	CHECK(counter(&after, MPU_A_COUNTER_HIDDEN) == counter(&before, MPU_A_COUNTER_HIDDEN) + 2,
	      "hidden");
	run_in(CLONE_NEWPID, get_in_container, NULL);
}

void case_lengths(void)
{
	static uint32_t in[MPU_MAX_PIDS + 1], out[MPU_MAX_PIDS + 1];
	const uint32_t self = (uint32_t)getpid();
	struct message message;
	struct client client;
	struct reply reply;
	size_t i;

	client_open(&client);
	for (i = 0; i <= MPU_MAX_PIDS; i++)
		in[i] = i % 3 == 0 ? self : 0x40000000u + (uint32_t)i;
	for (size_t count = 1; count <= MPU_MAX_PIDS; count = count < 8 ? count + 1 : count * 2) {
		memset(out, 0xff, sizeof(out));
		client_translate(&client, MPU_CMD_TO_HOST, in, out, count);
		for (i = 0; i < count; i++)
			CHECK(out[i] == (i % 3 == 0 ? self : 0), "%zu of %zu: %u", i, count,
			      out[i]);
	}
	CHECK(client_try_translate(&client, MPU_CMD_TO_NS, in, out, MPU_MAX_PIDS + 1) == -ERANGE,
	      "4097 PIDs");
	CHECK(client_try_translate(&client, MPU_CMD_TO_NS, in, out, 0) == -EINVAL, "no PIDs");
	for (size_t size = 1; size < 16; size++) {
		if (size % sizeof(uint32_t) == 0)
			continue;
		message_start(&message, client.family, 0, MPU_CMD_TO_NS);
		message_add(&message, MPU_A_PIDS, in, size);
		client_exchange(&client, &message, message_header(&message)->nlmsg_len, &reply);
		CHECK(reply.error == -EINVAL && reply.explained, "%zu bytes: error %d", size,
		      reply.error);
	}
}

/* Sends one command with one attribute (type 0: none) and wants this error and a text with it. */
static void want(struct client *client, uint8_t command, uint16_t flags, uint16_t type, size_t size,
		 int error)
{
	const uint32_t value[4] = {1};
	struct message message;
	struct reply reply;

	message_start(&message, client->family, flags, command);
	if (type)
		message_add(&message, type, value, size);
	client_exchange(client, &message, message_header(&message)->nlmsg_len, &reply);
	CHECK(reply.error == error, "command %u, flags %#x, attribute %#x of %zu bytes: error %d",
	      command, flags, type, size, reply.error);
	CHECK(error == -EOPNOTSUPP || reply.explained, "command %u, attribute %#x: no explanation",
	      command, type);
}

void case_refusals(void)
{
	static const uint8_t commands[] = {MPU_CMD_TO_NS, MPU_CMD_TO_HOST, MPU_CMD_GET,
					   MPU_CMD_SET};
	static const uint16_t dump = NLM_F_ROOT | NLM_F_MATCH;
	struct client client;

	client_open(&client);
	want(&client, MPU_CMD_TO_NS, 0, 0, 0, -EINVAL);
	want(&client, MPU_CMD_TO_HOST, 0, 0, 0, -EINVAL);
	/* Every attribute where it does not belong: of a reply, of another command, unknown. */
	for (size_t i = 0; i < sizeof(commands); i++) {
		for (uint16_t type = 1; type < 40; type++) {
			if (type == MPU_A_PIDS && commands[i] <= MPU_CMD_TO_HOST)
				continue;
			if (type == MPU_A_INTERCEPT && commands[i] == MPU_CMD_SET)
				continue;
			want(&client, commands[i], 0, type, 4, -EINVAL);
		}
		want(&client, commands[i], 0, (uint16_t)NLA_TYPE_MASK, 4, -EINVAL);
		want(&client, commands[i], dump, 0, 0, -EOPNOTSUPP);
	}
	want(&client, MPU_CMD_TO_NS, 0, MPU_A_PIDS | NLA_F_NESTED, 4, -EINVAL);
	want(&client, MPU_CMD_UNSPEC, 0, 0, 0, -EOPNOTSUPP);
	want(&client, MPU_CMD_MAX + 1, 0, 0, 0, -EOPNOTSUPP);
	want(&client, 255, 0, 0, 0, -EOPNOTSUPP);
}

/* Whether the answer, if there is one, is an error; the socket is left empty. */
static void want_no_answer(struct client *client, struct message *message, size_t size,
			   const char *what)
{
	struct message reply;
	ssize_t got;

	CHECK(send(client->fd, message->bytes, size, 0) == (ssize_t)size, "errno %d", errno);
	while ((got = recv(client->fd, reply.bytes, sizeof(reply.bytes), MSG_DONTWAIT)) > 0)
		CHECK(message_header(&reply)->nlmsg_type == NLMSG_ERROR, "%s was answered", what);
}

void case_truncated(void)
{
	const uint32_t pids[4] = {1, 2, 3, 4};
	struct message whole, message;
	struct nlattr *attribute;
	struct client client;
	uint32_t size;

	client_open(&client);
	message_start(&whole, client.family, 0, MPU_CMD_TO_NS);
	message_add(&whole, MPU_A_PIDS, pids, sizeof(pids));
	size = message_header(&whole)->nlmsg_len;
	for (uint32_t sent = 1; sent < size; sent++) {
		/* The header promises more than there is. */
		want_no_answer(&client, &whole, sent, "a cut datagram");
		/* The header is honest, the attribute promises more. */
		message = whole;
		message_header(&message)->nlmsg_len = sent;
		want_no_answer(&client, &message, sent, "a cut message");
	}
	for (uint32_t length = 0; length < 0x10000; length += length < 64 ? 1 : 257) {
		if (length == sizeof(struct nlattr) + sizeof(pids))
			continue;
		message = whole;
		attribute = (struct nlattr *)(message.bytes + NLMSG_LENGTH(GENL_HDRLEN));
		attribute->nla_len = (uint16_t)length;
		/* Shorter ones leave bytes over that make no attribute, or a whole number of ids.
		 */
		if (length >= sizeof(struct nlattr) &&
		    length < sizeof(struct nlattr) + sizeof(pids))
			continue;
		want_no_answer(&client, &message, size, "a wrong attribute length");
	}
	CHECK(client_to_ns(&client, 1) == 1, "no answer after that");
}

void case_random(void)
{
	struct message message, reply;
	struct client client;
	unsigned int seed = 1;

	client_open(&client);
	for (int round = 0; round < 5000; round++) {
		struct nlmsghdr *header = message_header(&message);
		size_t size = NLMSG_LENGTH(GENL_HDRLEN) + (size_t)(rand_r(&seed) % 96);

		message_start(&message, client.family, 0, (uint8_t)(rand_r(&seed) % 6));
		for (size_t i = NLMSG_LENGTH(GENL_HDRLEN); i < size; i++)
			message.bytes[i] = (unsigned char)(rand_r(&seed) % 3 ? rand_r(&seed) % 24
									     : rand_r(&seed));
		header->nlmsg_len = (uint32_t)size;
		if (round % 4 == 0)
			header->nlmsg_flags = (uint16_t)(rand_r(&seed) | NLM_F_REQUEST);
		CHECK(send(client.fd, message.bytes, size, 0) == (ssize_t)size, "errno %d", errno);
		while (recv(client.fd, reply.bytes, sizeof(reply.bytes), MSG_DONTWAIT) > 0)
			;
	}
	CHECK(client_to_ns(&client, 1) == 1, "no answer after that");
}

static void set_wants(struct client *client, int error)
{
	const uint32_t off = MPU_INTERCEPT_OFF;
	struct message message;
	struct reply reply;

	message_start(&message, client->family, NLM_F_ACK, MPU_CMD_SET);
	message_add(&message, MPU_A_INTERCEPT, &off, sizeof(off));
	client_exchange(client, &message, message_header(&message)->nlmsg_len, &reply);
	CHECK(reply.error == error && (error == 0 || reply.explained), "error %d", reply.error);
}

static void set_refused(void *unused)
{
	struct client client;

	(void)unused;
	client_open(&client);
	set_wants(&client, -EPERM);
}

static void set_as_nobody(void *unused)
{
	(void)unused;
	CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0,
	      "errno %d", errno);
	set_refused(NULL);
}

void case_set(void)
{
	struct client client;
	struct reply reply;
	int allowed;

	client_open(&client);
	ask_get(&client, &reply);
	allowed =
		attribute_u32(message_find(&reply.message, MPU_A_INTERCEPT)) == MPU_INTERCEPT_ABSENT
			? -EOPNOTSUPP
			: 0;
	want(&client, MPU_CMD_SET, 0, 0, 0, -EINVAL);
	want(&client, MPU_CMD_SET, 0, MPU_A_INTERCEPT, 1, -EINVAL);
	want(&client, MPU_CMD_SET, 0, MPU_A_INTERCEPT, 4, -ERANGE);
	set_wants(&client, allowed);
	run_in(0, set_as_nobody, NULL);
	run_in(CLONE_NEWPID, set_refused, NULL);
	run_in(CLONE_NEWUSER, set_refused, NULL);
	run_in(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET, set_refused, NULL);

	/* Root made to write into a socket that somebody else opened. */
	CHECK(seteuid(65534) == 0, "errno %d", errno);
	client_close(&client);
	client_open(&client);
	CHECK(seteuid(0) == 0, "errno %d", errno);
	set_wants(&client, -EPERM);
}
