// SPDX-License-Identifier: GPL-2.0-only
/*
 * Translation by mpu.ko over generic netlink; kernel/uapi/mpu.h describes the messages. The kernel
 * has queued the answer before sending returns, so nothing here ever waits.
 */
#include "resolve.h"
#include "sys.h"
#include "uapi/mpu.h"

#define SOCK_RAW	3
#define SOCK_CLOEXEC	02000000
#define NETLINK_GENERIC 16

/* linux/netlink.h, linux/genetlink.h */
#define NLM_F_REQUEST	      1
#define NLMSG_ERROR	      2
#define NLA_TYPE_MASK	      0x3fff
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
	mpu_u8 cmd;
	mpu_u8 version;
	mpu_u16 reserved;
	mpu_u16 attribute_length; /* with its own 4 bytes of header */
	mpu_u16 attribute_type;
};

#define HEAD_SIZE	 24u
#define BEFORE_ATTRIBUTE 20u
#define SEQUENCE	 1u

static void fill_head(struct head *head, mpu_u16 type, mpu_u8 cmd, mpu_u16 attribute,
		      mpu_u32 payload)
{
	head->length = HEAD_SIZE + payload;
	head->type = type;
	head->flags = NLM_F_REQUEST;
	head->sequence = SEQUENCE;
	head->port = 0;
	head->cmd = cmd;
	head->version = 1;
	head->reserved = 0;
	head->attribute_length = (mpu_u16)(HEAD_SIZE - BEFORE_ATTRIBUTE + payload);
	head->attribute_type = attribute;
}

/* Sends head and payload; receives head and what fits into answer. Returns the bytes of answer
 * received, or -1. */
static long exchange(int fd, struct head *head, const void *payload, mpu_u32 payload_size,
		     void *answer, mpu_u32 answer_size)
{
	struct mpu_iovec parts[2];
	mpu_u16 type = head->type;
	long received;

	parts[0].base = head;
	parts[0].size = HEAD_SIZE;
	parts[1].base = (void *)(unsigned long)payload;
	parts[1].size = payload_size;
	if (mpu_sys_netlink_send(fd, parts, 2) != (long)(HEAD_SIZE + payload_size))
		return -1;
	parts[1].base = answer;
	parts[1].size = answer_size;
	received = mpu_sys_netlink_receive(fd, parts, 2);
	/* an error message has another type */
	if (received < (long)HEAD_SIZE || head->type != type || head->sequence != SEQUENCE)
		return -1;
	return received - (long)HEAD_SIZE;
}

/* The number of the family, which changes with every load of the module; 0 when it is not loaded.
 */
static mpu_u16 find_family(int fd)
{
	static const char name[4] = MPU_FAMILY_NAME;
	mpu_u32 answer[128];
	struct head head;
	mpu_u32 offset = 0, length, type;
	long size;

	fill_head(&head, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, sizeof(name));
	size = exchange(fd, &head, name, sizeof(name), answer, sizeof(answer));
	if (size < 0)
		return 0;
	/* the first attribute's header is in head, its value at the start of answer */
	length = head.attribute_length;
	type = head.attribute_type;
	for (;;) {
		if (length < 4 || offset + length - 4 > (mpu_u32)size)
			return 0;
		if ((type & NLA_TYPE_MASK) == CTRL_ATTR_FAMILY_ID && length >= 6)
			return (mpu_u16)mpu_rm_load32(answer, offset);
		offset += (length - 4 + 3) & ~3u;
		if (offset + 4 > (mpu_u32)size)
			return 0;
		length = mpu_rm_load32(answer, offset) & 0xffff;
		type = mpu_rm_load32(answer, offset) >> 16;
		offset += 4;
	}
}

static int netlink_translate(const struct mpu_resolver *resolver, enum mpu_rm_direction direction,
			     const mpu_u32 *in, mpu_u32 *out, mpu_u32 count)
{
	mpu_u8 cmd = direction == MPU_RM_TO_HOST ? MPU_CMD_TO_HOST : MPU_CMD_TO_NS;
	struct head head;

	if (!count)
		return 1;
	fill_head(&head, resolver->family, cmd, MPU_A_PIDS, count * 4);
	return exchange(resolver->fd, &head, in, count * 4, out, count * 4) == (long)count * 4 &&
	       (head.attribute_type & NLA_TYPE_MASK) == MPU_A_PIDS &&
	       head.attribute_length == count * 4 + 4;
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

int mpu_netlink_resolver_open(struct mpu_resolver *resolver)
{
	if (!is_loaded())
		return 0;
	resolver->translate = netlink_translate;
	resolver->fd =
		(int)mpu_sys_socket(MPU_AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (resolver->fd < 0)
		return 0;
	resolver->family = find_family(resolver->fd);
	if (resolver->family)
		return 1;
	mpu_sys_close(resolver->fd);
	return 0;
}
