// SPDX-License-Identifier: GPL-2.0-only
#include "netlink.h"
#include "uapi/mpu.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for the longest list and what goes with it. */
enum { MESSAGE_SIZE = MPU_MAX_PIDS * sizeof(uint32_t) + 1024 };

/* The kernel's own NLA_HDRLEN and NLA_ALIGN() mix signs. */
#define ATTRIBUTE_HEADER sizeof(struct nlattr)

static size_t align(size_t size)
{
	return (size + NLA_ALIGNTO - 1) & ~(size_t)(NLA_ALIGNTO - 1);
}

struct message {
	_Alignas(8) unsigned char bytes[MESSAGE_SIZE];
	size_t size;
};

/* Attributes still to be looked at. */
struct attributes {
	const unsigned char *at;
	size_t left;
};

struct attribute {
	unsigned int type;
	const unsigned char *data;
	size_t size;
};

static void start(struct message *message, uint16_t family, uint8_t command)
{
	struct nlmsghdr header = {.nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST};
	struct genlmsghdr generic = {.cmd = command, .version = MPU_ABI_VERSION};

	memcpy(message->bytes, &header, sizeof(header));
	memcpy(message->bytes + NLMSG_HDRLEN, &generic, sizeof(generic));
	message->size = NLMSG_HDRLEN + GENL_HDRLEN;
}

static void add(struct message *message, uint16_t type, const void *data, size_t size)
{
	struct nlattr attribute = {.nla_type = type,
				   .nla_len = (uint16_t)(ATTRIBUTE_HEADER + size)};

	memcpy(message->bytes + message->size, &attribute, sizeof(attribute));
	memcpy(message->bytes + message->size + ATTRIBUTE_HEADER, data, size);
	message->size += align(ATTRIBUTE_HEADER + size);
}

static int next(struct attributes *attributes, struct attribute *attribute)
{
	struct nlattr header;
	size_t step;

	if (attributes->left < sizeof(header))
		return 0;
	memcpy(&header, attributes->at, sizeof(header));
	if (header.nla_len < ATTRIBUTE_HEADER || header.nla_len > attributes->left)
		return 0;
	attribute->type = header.nla_type & (unsigned int)NLA_TYPE_MASK;
	attribute->data = attributes->at + ATTRIBUTE_HEADER;
	attribute->size = header.nla_len - ATTRIBUTE_HEADER;
	step = align(header.nla_len);
	if (step > attributes->left)
		step = attributes->left;
	attributes->at += step;
	attributes->left -= step;
	return 1;
}

/* False when the attribute has another size than the number. */
static int number(const struct attribute *attribute, void *value, size_t size)
{
	if (attribute->size != size)
		return 0;
	memcpy(value, attribute->data, size);
	return 1;
}

static void text(const struct attribute *attribute, char *value, size_t size)
{
	size_t length = attribute->size < size ? attribute->size : size - 1;

	memcpy(value, attribute->data, length);
	value[length] = '\0';
}

/* The payload after the netlink and the generic header. */
static struct attributes payload(const struct message *answer)
{
	struct attributes attributes = {
		.at = answer->bytes + NLMSG_HDRLEN + GENL_HDRLEN,
		.left = answer->size - NLMSG_HDRLEN - GENL_HDRLEN,
	};

	return attributes;
}

/* The errno of an error message; what else it says is kept in client->reason. */
static int refusal(struct mpu_netlink *client, const struct message *answer,
		   const struct nlmsghdr *header)
{
	struct attributes attributes;
	struct attribute attribute;
	struct nlmsgerr error;
	size_t skip = NLMSG_HDRLEN + sizeof(error);

	if (answer->size < skip)
		return -EBADMSG;
	memcpy(&error, answer->bytes + NLMSG_HDRLEN, sizeof(error));
	if (!error.error)
		return -EBADMSG;
	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
		return error.error;
	/* NLM_F_CAPPED: the payload of the request is not repeated. */
	if (!(header->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(error.msg.nlmsg_len - sizeof(error.msg));
	if (answer->size < skip)
		return error.error;
	attributes.at = answer->bytes + skip;
	attributes.left = answer->size - skip;
	while (next(&attributes, &attribute))
		if (attribute.type == NLMSGERR_ATTR_MSG)
			text(&attribute, client->reason, sizeof(client->reason));
	return error.error;
}

/* Receives into answer the kernel's answer to the request with this sequence number. */
static int receive(struct mpu_netlink *client, struct message *answer)
{
	for (;;) {
		struct sockaddr_nl sender = {0};
		socklen_t sender_size = sizeof(sender);
		struct nlmsghdr header;
		/* Generic netlink answers within send(): waiting would only hide a mistake. */
		ssize_t size = recvfrom(client->fd, answer->bytes, sizeof(answer->bytes),
					MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&sender,
					&sender_size);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -errno;
		/* Other processes may write to this socket, too. */
		if (sender.nl_pid != 0 || (size_t)size < sizeof(header))
			continue;
		memcpy(&header, answer->bytes, sizeof(header));
		if (header.nlmsg_seq != client->sequence)
			continue;
		if ((size_t)size > sizeof(answer->bytes) || header.nlmsg_len > (size_t)size ||
		    header.nlmsg_len < NLMSG_HDRLEN + GENL_HDRLEN)
			return -EBADMSG;
		answer->size = header.nlmsg_len;
		return header.nlmsg_type == NLMSG_ERROR ? refusal(client, answer, &header) : 0;
	}
}

/* Sends the message, which the answer then replaces. */
static int exchange(struct mpu_netlink *client, struct message *message)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nlmsghdr header;
	ssize_t sent;

	memcpy(&header, message->bytes, sizeof(header));
	header.nlmsg_len = (uint32_t)message->size;
	header.nlmsg_seq = ++client->sequence;
	memcpy(message->bytes, &header, sizeof(header));
	client->reason[0] = '\0';
	do {
		sent = sendto(client->fd, message->bytes, message->size, 0,
			      (const struct sockaddr *)&kernel, sizeof(kernel));
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : receive(client, message);
}

int mpu_netlink_open(struct mpu_netlink *client)
{
	struct attributes attributes;
	struct attribute attribute;
	struct message message;
	const int on = 1;
	int error;

	memset(client, 0, sizeof(*client));
	client->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (client->fd < 0)
		return -errno;
	/* Explanations are welcome, not needed. */
	(void)setsockopt(client->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(client->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));

	start(&message, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	add(&message, CTRL_ATTR_FAMILY_NAME, MPU_FAMILY_NAME, sizeof(MPU_FAMILY_NAME));
	error = exchange(client, &message);
	if (error)
		return error;
	attributes = payload(&message);
	while (next(&attributes, &attribute))
		if (attribute.type == CTRL_ATTR_FAMILY_ID &&
		    number(&attribute, &client->family, sizeof(client->family)))
			return 0;
	return -EBADMSG;
}

void mpu_netlink_close(struct mpu_netlink *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

int mpu_netlink_translate(struct mpu_netlink *client, uint8_t command, const uint32_t *in,
			  uint32_t *out, size_t count)
{
	const size_t size = count * sizeof(*in);
	struct attributes attributes;
	struct attribute attribute;
	struct message message;
	int error;

	if (count > MPU_MAX_PIDS)
		return -ERANGE;
	start(&message, client->family, command);
	add(&message, MPU_A_PIDS, in, size);
	error = exchange(client, &message);
	if (error)
		return error;
	attributes = payload(&message);
	while (next(&attributes, &attribute))
		if (attribute.type == MPU_A_PIDS && number(&attribute, out, size))
			return 0;
	return -EBADMSG;
}

static void read_counters(const struct attribute *nest, struct mpu_netlink_state *state)
{
	struct attributes attributes = {.at = nest->data, .left = nest->size};
	struct attribute attribute;

	state->has_counters = 1;
	while (next(&attributes, &attribute)) {
		if (attribute.type == MPU_A_COUNTER_REQUESTS)
			number(&attribute, &state->requests, sizeof(state->requests));
		else if (attribute.type == MPU_A_COUNTER_PIDS)
			number(&attribute, &state->pids, sizeof(state->pids));
		else if (attribute.type == MPU_A_COUNTER_HIDDEN)
			number(&attribute, &state->hidden, sizeof(state->hidden));
		else if (attribute.type == MPU_A_COUNTER_REWRITTEN)
			number(&attribute, &state->rewritten, sizeof(state->rewritten));
		else if (attribute.type == MPU_A_COUNTER_UNTOUCHED)
			number(&attribute, &state->untouched, sizeof(state->untouched));
		else if (attribute.type == MPU_A_COUNTER_IN_FLIGHT)
			number(&attribute, &state->in_flight, sizeof(state->in_flight));
	}
}

int mpu_netlink_get(struct mpu_netlink *client, struct mpu_netlink_state *state)
{
	struct attributes attributes;
	struct attribute attribute;
	struct message message;
	int error;

	memset(state, 0, sizeof(*state));
	start(&message, client->family, MPU_CMD_GET);
	error = exchange(client, &message);
	if (error)
		return error;
	attributes = payload(&message);
	while (next(&attributes, &attribute)) {
		if (attribute.type == MPU_A_MODULE_VERSION)
			text(&attribute, state->version, sizeof(state->version));
		else if (attribute.type == MPU_A_ABI_VERSION)
			number(&attribute, &state->abi, sizeof(state->abi));
		else if (attribute.type == MPU_A_FEATURES)
			number(&attribute, &state->features, sizeof(state->features));
		else if (attribute.type == MPU_A_MAX_PIDS)
			number(&attribute, &state->max_pids, sizeof(state->max_pids));
		else if (attribute.type == MPU_A_INTERCEPT)
			number(&attribute, &state->intercept, sizeof(state->intercept));
		else if (attribute.type == MPU_A_INTERCEPT_REASON)
			text(&attribute, state->intercept_reason, sizeof(state->intercept_reason));
		else if (attribute.type == MPU_A_GENERATION)
			number(&attribute, &state->generation, sizeof(state->generation));
		else if (attribute.type == MPU_A_COUNTERS)
			read_counters(&attribute, state);
	}
	return state->abi ? 0 : -EBADMSG;
}
