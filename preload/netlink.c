// SPDX-License-Identifier: GPL-2.0-only
#include "netlink.h"
#include "sys.h"
#include "uapi/mpu.h"

/* linux/netlink.h, linux/genetlink.h */
#define NLM_F_REQUEST	      1
#define NLMSG_ERROR	      2
#define NLA_TYPE_MASK	      0x3fffu
#define GENL_ID_CTRL	      16
#define CTRL_CMD_GETFAMILY    3
#define CTRL_ATTR_FAMILY_ID   1
#define CTRL_ATTR_FAMILY_NAME 2

/* nlmsghdr, genlmsghdr and the header of the first attribute: every message here begins so. */
struct head {
	mpu_u32 length;
	mpu_u16 type;
	mpu_u16 flags;
	mpu_u32 sequence;
	mpu_u32 port;
	union {
		struct {
			mpu_u8 command;
			mpu_u8 version;
			mpu_u16 reserved;
		} generic;
		int error; /* of NLMSG_ERROR */
	} second;
	mpu_u32 attribute; /* its size with this header in the lower half, its type in the upper */
};

#define HEAD_SIZE	  24u
#define WITHOUT_ATTRIBUTE 20u

/*
 * The lower bits of a sequence number count the requests of a client, the upper ones are the
 * thread's number: should the application close our socket and another thread's take its place, no
 * answer to either is taken for one to the other.
 */
#define COUNT_BITS 10

/* Messages of others to look at before an answer is given up: they must not keep us here. */
#define MOST_OTHERS 16

static void fill_head(struct head *head, mpu_u8 command, mpu_u16 attribute, mpu_u32 size)
{
	head->second.generic.command = command;
	head->second.generic.version = MPU_ABI_VERSION;
	head->second.generic.reserved = 0;
	head->attribute = (size + HEAD_SIZE - WITHOUT_ATTRIBUTE) | (mpu_u32)attribute << 16;
	head->length = attribute ? HEAD_SIZE + size : WITHOUT_ATTRIBUTE;
}

/*
 * Sends head and value; receives head and what fits into answer. Returns the bytes of answer
 * received, or a negative errno. The kernel has queued the answer before sending returns.
 */
static long exchange(struct mpu_netlink *client, struct head *head, const void *value, void *answer,
		     mpu_u32 answer_size)
{
	struct mpu_iovec parts[2];
	long result;
	int others;

	head->type = client->family;
	head->flags = NLM_F_REQUEST;
	head->sequence = ++client->sequence;
	head->port = 0;
	parts[0].base = head;
	parts[0].size = head->length < HEAD_SIZE ? WITHOUT_ATTRIBUTE : HEAD_SIZE;
	parts[1].base = (void *)(unsigned long)value;
	parts[1].size = head->length - (mpu_u32)parts[0].size;
	result = mpu_sys_netlink_send(client->socket.fd, parts, 2);
	if (result < 0)
		return result;

	parts[0].size = HEAD_SIZE;
	parts[1].base = answer;
	parts[1].size = answer_size;
	for (others = 0; others < MOST_OTHERS; others++) {
		result = mpu_sys_netlink_receive(client->socket.fd, parts, 2);
		if (result < 0)
			return result;
		if (result < (long)HEAD_SIZE || head->sequence != client->sequence)
			continue;
		if (head->type == NLMSG_ERROR)
			return head->second.error;
		return head->type == client->family ? result - (long)HEAD_SIZE : -MPU_EBADMSG;
	}
	return -MPU_EBADMSG;
}

long mpu_netlink_ask(struct mpu_netlink *client, mpu_u8 command, mpu_u16 attribute,
		     const void *value, mpu_u32 size, mpu_u32 *answer, mpu_u32 answer_size)
{
	struct head head;
	long result;

	fill_head(&head, command, attribute, size);
	result = exchange(client, &head, value, answer + 1, answer_size - 4);
	answer[0] = head.attribute;
	return result > 0 ? result + 4 : result;
}

const mpu_u32 *mpu_netlink_find(const mpu_u32 *attributes, mpu_u32 size, mpu_u16 type)
{
	while (size >= 4) {
		mpu_u32 length = *attributes & 0xffff;
		mpu_u32 step = (length + 3) & ~3u;

		if (length < 4 || length > size)
			return 0;
		if ((*attributes >> 16 & NLA_TYPE_MASK) == type)
			return attributes;
		if (step >= size)
			return 0;
		attributes += step / 4;
		size -= step;
	}
	return 0;
}

static int find_family(struct mpu_netlink *client)
{
	static const char name[4] = MPU_FAMILY_NAME;
	const mpu_u32 *family;
	mpu_u32 answer[128];
	long size;

	client->family = GENL_ID_CTRL;
	size = mpu_netlink_ask(client, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, name,
			       sizeof(name), answer, sizeof(answer));
	if (size < 0)
		return (int)size;
	family = mpu_netlink_find(answer, (mpu_u32)size, CTRL_ATTR_FAMILY_ID);
	if (!family || MPU_NETLINK_VALUE_SIZE(family) < 2)
		return -MPU_EBADMSG;
	client->family = (mpu_u16)family[1];
	return 0;
}

/* Asking for a family that is not there makes the kernel run modprobe, which takes milliseconds. */
static int is_loaded(void)
{
	int fd = (int)mpu_sys_open("/sys/module/mpu");

	if (fd < 0)
		return 0;
	mpu_sys_close(fd);
	return 1;
}

int mpu_netlink_reopen(struct mpu_netlink *client)
{
	int fd = (int)mpu_sys_netlink_socket();

	if (fd < 0)
		return fd;
	mpu_sys_own(&client->socket, fd);
	return 0;
}

int mpu_netlink_open(struct mpu_netlink *client)
{
	int result;

	if (!is_loaded())
		return -MPU_ENOENT;
	result = mpu_netlink_reopen(client);
	if (result < 0)
		return result;
	client->sequence = mpu_sys_gettid() << COUNT_BITS;
	result = find_family(client);
	if (result < 0)
		mpu_netlink_close(client);
	return result;
}

void mpu_netlink_close(const struct mpu_netlink *client)
{
	mpu_sys_close_own(&client->socket);
}

int mpu_netlink_translate(struct mpu_netlink *client, enum mpu_rm_direction direction,
			  const mpu_u32 *in, mpu_u32 *out, mpu_u32 count)
{
	mpu_u8 command = direction == MPU_RM_TO_HOST ? MPU_CMD_TO_HOST : MPU_CMD_TO_NS;
	struct head head;
	mpu_u32 attribute;
	long result;

	if (!count)
		return 0;
	fill_head(&head, command, MPU_A_PIDS, count * 4);
	attribute = head.attribute;
	result = exchange(client, &head, in, out, count * 4);
	if (result < 0)
		return (int)result;
	/* The answer's attribute is like the request's. */
	return result == (long)count * 4 && head.attribute == attribute ? 0 : -MPU_EBADMSG;
}
