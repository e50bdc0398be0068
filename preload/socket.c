// SPDX-License-Identifier: GPL-2.0-only
/* Netlink sockets. */
#include "sys.h"

#define AF_NETLINK	16
#define NETLINK_GENERIC 16
#define SOCK_RAW	3
#define SOCK_CLOEXEC	02000000
#define MSG_DONTWAIT	0x40
#define MSG_NOSIGNAL	0x4000

/* struct sockaddr_nl */
struct netlink_address {
	mpu_u16 family;
	mpu_u16 padding;
	mpu_u32 port; /* 0: the kernel */
	mpu_u32 groups;
};

/* struct msghdr, as the kernel has it */
struct message {
	struct netlink_address *name;
	int name_size;
	struct mpu_iovec *parts;
	unsigned long part_count;
	void *control;
	unsigned long control_size;
	int flags;
};

#if defined(__i386__)
/* The calls of their own came with Linux 4.3. */
#define SOCKETCALL_SOCKET  1
#define SOCKETCALL_SENDMSG 16
#define SOCKETCALL_RECVMSG 17

static long socket_call(long call, long a, long b, long c)
{
	long arguments[3] = {a, b, c};

	return mpu_syscall3(MPU_NR_socketcall, call, (long)arguments, 0);
}
#else
#define SOCKETCALL_SOCKET  MPU_NR_socket
#define SOCKETCALL_SENDMSG MPU_NR_sendmsg
#define SOCKETCALL_RECVMSG MPU_NR_recvmsg

static long socket_call(long call, long a, long b, long c)
{
	return mpu_syscall3(call, a, b, c);
}
#endif

static void address_kernel(struct message *message, struct netlink_address *address,
			   struct mpu_iovec *parts, unsigned long count)
{
	address->family = AF_NETLINK;
	address->padding = 0;
	address->port = 0;
	address->groups = 0;
	message->name = address;
	message->name_size = sizeof(*address);
	message->parts = parts;
	message->part_count = count;
	message->control = 0;
	message->control_size = 0;
	message->flags = 0;
}

long mpu_sys_netlink_socket(void)
{
	return socket_call(SOCKETCALL_SOCKET, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
}

long mpu_sys_netlink_send(int fd, struct mpu_iovec *parts, unsigned long count)
{
	struct netlink_address address;
	struct message message;

	address_kernel(&message, &address, parts, count);
	/* To the kernel neither matters; the number may have become another socket's. */
	return socket_call(SOCKETCALL_SENDMSG, fd, (long)&message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

long mpu_sys_netlink_receive(int fd, struct mpu_iovec *parts, unsigned long count)
{
	struct netlink_address address;
	struct message message;
	long size;

	address_kernel(&message, &address, parts, count);
	size = socket_call(SOCKETCALL_RECVMSG, fd, (long)&message, MSG_DONTWAIT);
	if (size > 0 && (message.name_size != sizeof(address) || address.port != 0))
		return 0;
	return size;
}
