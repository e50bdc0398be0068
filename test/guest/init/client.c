// SPDX-License-Identifier: GPL-2.0-only
#include "client.h"
#include "report.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* NLA_ALIGN() and NLA_HDRLEN are ints. */
static size_t align(size_t size)
{
	return (size + NLA_ALIGNTO - 1) / NLA_ALIGNTO * NLA_ALIGNTO;
}

void message_start(struct message *message, uint16_t family, uint16_t flags, uint8_t command)
{
	struct nlmsghdr *header = message_header(message);
	struct genlmsghdr *generic = NLMSG_DATA(header);

	memset(message->bytes, 0, NLMSG_LENGTH(GENL_HDRLEN));
	header->nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	header->nlmsg_type = family;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	generic->cmd = command;
	generic->version = MPU_ABI_VERSION;
}

void message_add(struct message *message, uint16_t type, const void *data, size_t size)
{
	struct nlmsghdr *header = message_header(message);
	struct nlattr *attribute =
		(struct nlattr *)(message->bytes + NLMSG_ALIGN(header->nlmsg_len));

	attribute->nla_type = type;
	attribute->nla_len = (uint16_t)(sizeof(struct nlattr) + size);
	memset((char *)attribute + sizeof(struct nlattr), 0, align(size));
	if (size > 0)
		memcpy((char *)attribute + sizeof(struct nlattr), data, size);
	header->nlmsg_len =
		(uint32_t)(NLMSG_ALIGN(header->nlmsg_len) + sizeof(struct nlattr) + align(size));
}

static const struct nlattr *find(const unsigned char *at, size_t left, uint16_t type)
{
	while (left >= sizeof(struct nlattr)) {
		const struct nlattr *attribute = (const struct nlattr *)at;
		size_t step = align(attribute->nla_len);

		if (attribute->nla_len < sizeof(struct nlattr) || attribute->nla_len > left)
			break;
		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return attribute;
		if (step >= left)
			break;
		at += step;
		left -= step;
	}
	return NULL;
}

const struct nlattr *message_find(const struct message *message, uint16_t type)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)message->bytes;

	return find(message->bytes + NLMSG_LENGTH(GENL_HDRLEN),
		    header->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN), type);
}

const struct nlattr *nest_find(const struct nlattr *nest, uint16_t type)
{
	return find(attribute_data(nest), attribute_size(nest), type);
}

uint64_t attribute_u64(const struct nlattr *attribute)
{
	uint64_t value;

	CHECK(attribute && attribute_size(attribute) == sizeof(value), "no 64-bit attribute");
	memcpy(&value, attribute_data(attribute), sizeof(value));
	return value;
}

uint32_t attribute_u32(const struct nlattr *attribute)
{
	uint32_t value;

	CHECK(attribute && attribute_size(attribute) == sizeof(value), "no 32-bit attribute");
	memcpy(&value, attribute_data(attribute), sizeof(value));
	return value;
}

static void read_error(struct reply *reply)
{
	const struct nlmsghdr *header = message_header(&reply->message);
	const struct nlmsgerr *error = NLMSG_DATA(header);
	const unsigned char *attributes;
	size_t size;
	size_t fixed = NLMSG_LENGTH(sizeof(*error));

	reply->error = error->error;
	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(header->nlmsg_flags & NLM_F_CAPPED))
		fixed += error->msg.nlmsg_len - sizeof(struct nlmsghdr);
	attributes = reply->message.bytes + fixed;
	size = header->nlmsg_len - fixed;
	/* Since Linux 6.1 a missing attribute is named by its number. */
	reply->explained = find(attributes, size, NLMSGERR_ATTR_MSG) ||
			   find(attributes, size, NLMSGERR_ATTR_MISS_TYPE);
}

void client_exchange(struct client *client, struct message *message, size_t size,
		     struct reply *reply)
{
	message_header(message)->nlmsg_seq = ++client->sequence;
	reply->explained = 0;
	if (send(client->fd, message->bytes, size, 0) < 0)
		reply->error = -errno;
	else
		client_receive(client, reply);
}

void client_receive(const struct client *client, struct reply *reply)
{
	struct nlmsghdr *header;
	ssize_t got;

	reply->error = 0;
	reply->explained = 0;
	got = recv(client->fd, reply->message.bytes, sizeof(reply->message.bytes), 0);
	if (got < 0) {
		reply->error = -errno;
		return;
	}
	header = message_header(&reply->message);
	CHECK((size_t)got >= sizeof(*header) && header->nlmsg_len <= (size_t)got,
	      "a reply of %zd bytes", got);
	CHECK(header->nlmsg_seq == client->sequence, "reply to %u, not to %u", header->nlmsg_seq,
	      client->sequence);
	if (header->nlmsg_type == NLMSG_ERROR)
		read_error(reply);
}

int client_resolve(struct client *client)
{
	struct message message;
	struct reply reply;
	uint16_t family;

	message_start(&message, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY);
	message_add(&message, CTRL_ATTR_FAMILY_NAME, MPU_FAMILY_NAME, sizeof(MPU_FAMILY_NAME));
	client_exchange(client, &message, message_header(&message)->nlmsg_len, &reply);
	if (reply.error)
		return reply.error;
	memcpy(&family, attribute_data(message_find(&reply.message, CTRL_ATTR_FAMILY_ID)),
	       sizeof(family));
	client->family = family;
	return 0;
}

void client_open(struct client *client)
{
	/* Nothing here takes long; an answer that never comes is a failure, not a hang. */
	const struct timeval patience = {.tv_sec = 20};
	const int on = 1;
	int error;

	memset(client, 0, sizeof(*client));
	client->family = NO_FAMILY;
	client->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	CHECK(client->fd >= 0, "errno %d", errno);
	setsockopt(client->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	error = client_resolve(client);
	CHECK(error == 0 || error == -ENOENT, "error %d", error);
}

void client_close(struct client *client)
{
	close(client->fd);
}

int client_try_translate(struct client *client, uint8_t command, const uint32_t *in, uint32_t *out,
			 size_t count)
{
	const struct nlattr *pids;
	struct message message;
	struct reply reply;

	message_start(&message, client->family, 0, command);
	message_add(&message, MPU_A_PIDS, in, count * sizeof(*in));
	client_exchange(client, &message, message_header(&message)->nlmsg_len, &reply);
	if (reply.error)
		return reply.error;
	pids = message_find(&reply.message, MPU_A_PIDS);
	CHECK(pids && attribute_size(pids) == count * sizeof(*out), "an answer of another length");
	memcpy(out, attribute_data(pids), count * sizeof(*out));
	return 0;
}

void client_translate(struct client *client, uint8_t command, const uint32_t *in, uint32_t *out,
		      size_t count)
{
	int error = client_try_translate(client, command, in, out, count);

	CHECK(error == 0, "command %u: error %d", command, error);
}

static uint32_t translate_one(struct client *client, uint8_t command, uint32_t pid)
{
	uint32_t answer;

	client_translate(client, command, &pid, &answer, 1);
	return answer;
}

uint32_t client_to_ns(struct client *client, uint32_t pid)
{
	return translate_one(client, MPU_CMD_TO_NS, pid);
}

uint32_t client_to_host(struct client *client, uint32_t pid)
{
	return translate_one(client, MPU_CMD_TO_HOST, pid);
}

uint32_t ask_to_ns(uint32_t pid)
{
	struct client client;
	uint32_t answer;

	client_open(&client);
	answer = client_to_ns(&client, pid);
	client_close(&client);
	return answer;
}

uint32_t ask_to_host(uint32_t pid)
{
	struct client client;
	uint32_t answer;

	client_open(&client);
	answer = client_to_host(&client, pid);
	client_close(&client);
	return answer;
}
