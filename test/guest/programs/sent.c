// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints every attribute of every answer of mpu.ko, a line each: the command, the attribute that it
 * is nested in or 0, its type, its length, and its last byte. Knows nothing but the headers.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "uapi/mpu.h"

struct message {
	struct nlmsghdr header;
	struct genlmsghdr generic;
	unsigned char data[4096];
};

static const size_t HEADER = sizeof(struct nlattr);

/* Sends a command with an attribute or none. Returns the length of what is received, or 0. */
static size_t ask(int fd, uint16_t family, uint8_t command, uint16_t type, const void *data,
		  size_t size, struct message *message)
{
	struct nlattr attribute = {.nla_type = type, .nla_len = (uint16_t)(HEADER + size)};
	const uint32_t overhead = NLMSG_LENGTH(GENL_HDRLEN);

	memset(message, 0, sizeof(*message));
	message->header.nlmsg_len = overhead;
	if (size) {
		memcpy(message->data, &attribute, HEADER);
		memcpy(message->data + HEADER, data, size);
		message->header.nlmsg_len += (uint32_t)NLA_ALIGN(attribute.nla_len);
	}
	message->generic.cmd = command;
	message->header.nlmsg_type = family;
	message->header.nlmsg_flags = NLM_F_REQUEST;
	if (send(fd, message, message->header.nlmsg_len, 0) < 0 ||
	    recv(fd, message, sizeof(*message), MSG_DONTWAIT) < 0 ||
	    message->header.nlmsg_type == NLMSG_ERROR)
		return 0;
	return message->header.nlmsg_len - overhead;
}

/* Attributes that are still to be read, and the one that was read last. */
struct reader {
	const unsigned char *at;
	size_t left;
	int type;
	const unsigned char *payload;
	size_t size;
};

static int next(struct reader *reader)
{
	struct nlattr attribute;
	size_t step;

	if (reader->left < HEADER)
		return 0;
	memcpy(&attribute, reader->at, HEADER);
	if (attribute.nla_len < HEADER || attribute.nla_len > reader->left)
		return 0;
	reader->type = attribute.nla_type & NLA_TYPE_MASK;
	reader->payload = reader->at + HEADER;
	reader->size = attribute.nla_len - HEADER;
	step = (size_t)NLA_ALIGN(attribute.nla_len);
	if (step > reader->left)
		step = reader->left;
	reader->at += step;
	reader->left -= step;
	return 1;
}

/* One line for every attribute, and for those in MPU_A_COUNTERS. */
static void print_all(int command, int nest, struct reader reader)
{
	while (next(&reader)) {
		printf("%d %d %d %zu %d\n", command, nest, reader.type, reader.size,
		       reader.size ? reader.payload[reader.size - 1] : -1);
		if (nest == 0 && reader.type == MPU_A_COUNTERS)
			print_all(command, reader.type,
				  (struct reader){.at = reader.payload, .left = reader.size});
	}
}

static uint16_t family_in(struct reader reader)
{
	uint16_t family = 0;

	while (next(&reader))
		if (reader.type == CTRL_ATTR_FAMILY_ID && reader.size == sizeof(family))
			memcpy(&family, reader.payload, sizeof(family));
	return family;
}

int main(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	const uint32_t pids[] = {(uint32_t)getpid(), 1, 0};
	struct message message;
	struct reader reader = {.at = message.data};
	uint16_t family;

	reader.left = ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME,
			  MPU_FAMILY_NAME, sizeof(MPU_FAMILY_NAME), &message);
	family = family_in(reader);
	if (family == 0)
		return 1;
	for (int command = MPU_CMD_TO_NS; command <= MPU_CMD_GET; command++) {
		reader.left = ask(fd, family, (uint8_t)command, MPU_A_PIDS, pids,
				  command == MPU_CMD_GET ? 0 : sizeof(pids), &message);
		print_all(command, 0, reader);
	}
	return 0;
}
