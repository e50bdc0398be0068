/* SPDX-License-Identifier: GPL-2.0-only */
/* A generic netlink client that can also send what no sane client would. */
#ifndef CLIENT_H
#define CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "uapi/mpu.h"

/* A number that no family has: the kernel answers ENOENT, while below NLMSG_MIN_TYPE it says
 * nothing. */
#define NO_FAMILY 0xffff

struct client {
	int fd;
	uint16_t family; /* or NO_FAMILY */
	uint32_t sequence;
};

/* A message under construction. */
struct message {
	_Alignas(8) unsigned char bytes[40 * 1024];
};

/* The kernel's answer to one message. */
struct reply {
	int error; /* negative errno of an error or of the socket, 0 otherwise */
	/* From the extended acknowledgment: whether it says what is wrong. */
	int explained;
	struct message message;
};

void message_start(struct message *message, uint16_t family, uint16_t flags, uint8_t command);
void message_add(struct message *message, uint16_t type, const void *data, size_t size);
static inline struct nlmsghdr *message_header(struct message *message)
{
	return (struct nlmsghdr *)message->bytes;
}

/* The attribute of that type in a message or nest, NULL when there is none. */
const struct nlattr *message_find(const struct message *message, uint16_t type);
const struct nlattr *nest_find(const struct nlattr *nest, uint16_t type);
static inline const void *attribute_data(const struct nlattr *attribute)
{
	return (const char *)attribute + sizeof(struct nlattr);
}
static inline size_t attribute_size(const struct nlattr *attribute)
{
	return attribute->nla_len - sizeof(struct nlattr);
}
uint64_t attribute_u64(const struct nlattr *attribute);
uint32_t attribute_u32(const struct nlattr *attribute);

/* Looks the family up; -ENOENT when the module is not loaded. */
int client_resolve(struct client *client);

/* Opens and resolves. Without the module, the family is NO_FAMILY. */
void client_open(struct client *client);
void client_close(struct client *client);

/* Sends size bytes, as they are but for the sequence number, and waits for the one answer. */
void client_exchange(struct client *client, struct message *message, size_t size,
		     struct reply *reply);

/* Waits for the answer to the last message. */
void client_receive(const struct client *client, struct reply *reply);

/* TO_NS or TO_HOST. Returns 0 or a negative errno; an answer of the wrong form fails the case. */
int client_try_translate(struct client *client, uint8_t command, const uint32_t *in, uint32_t *out,
			 size_t count);

/* As above, but failing is not an option. */
void client_translate(struct client *client, uint8_t command, const uint32_t *in, uint32_t *out,
		      size_t count);
uint32_t client_to_ns(struct client *client, uint32_t pid);
uint32_t client_to_host(struct client *client, uint32_t pid);

/* What the calling process's own namespaces answer, by a socket of its own. */
uint32_t ask_to_ns(uint32_t pid);
uint32_t ask_to_host(uint32_t pid);

#endif
