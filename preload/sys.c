// SPDX-License-Identifier: GPL-2.0-only
#include "sys.h"

#define PAGE	    4096ul /* the smallest there is: larger ones are merely asked about more often */
#define SIGSET_SIZE 8
#define HOW_NONE    99 /* no SIG_BLOCK, SIG_UNBLOCK or SIG_SETMASK: EINVAL after the set was read */

static int word_accessible(unsigned long address)
{
	mpu_u32 saved[SIGSET_SIZE / 4];

	if (mpu_syscall4(MPU_NR_rt_sigprocmask, HOW_NONE, (long)address, 0, SIGSET_SIZE) !=
	    -MPU_EINVAL)
		return 0;
	mpu_rm_copy(saved, (void *)address, SIGSET_SIZE);
	if (mpu_syscall4(MPU_NR_rt_sigprocmask, 0, 0, (long)address, SIGSET_SIZE) != 0)
		return 0;
	mpu_rm_copy((void *)address, saved, SIGSET_SIZE);
	return 1;
}

int mpu_sys_accessible(void *memory, mpu_u32 size)
{
	unsigned long address = (unsigned long)memory;
	unsigned long last = address + size - SIGSET_SIZE;

	if (size < SIGSET_SIZE || last < address)
		return 0;
	for (; address < last; address = (address | (PAGE - 1)) + 1)
		if (!word_accessible(address))
			return 0;
	return word_accessible(last);
}

#define STAT_WORDS   36 /* the largest of the three architectures: 144 bytes */
#define MODE_TYPE    0170000u
#define MODE_CHARDEV 0020000u

/*
 * The buffer is written to first: where a supervisor answers system calls it cannot grow our stack,
 * and a caller with large buffers of its own can have left us on a page that nobody has touched.
 */
static int get_stat(int fd, mpu_u32 *stat)
{
	int i;

	for (i = 0; i < STAT_WORDS; i++)
		stat[i] = 0;
	return mpu_syscall4(MPU_NR_fstat, fd, (long)stat, 0, 0) == 0;
}

int mpu_sys_is_device(int fd, mpu_u32 major, mpu_u32 minor)
{
	mpu_u32 stat[STAT_WORDS];

	return get_stat(fd, stat) &&
	       (mpu_rm_load32(stat, MPU_STAT_MODE) & MODE_TYPE) == MODE_CHARDEV &&
	       mpu_rm_load32(stat, MPU_STAT_RDEV) == (major << 8 | minor);
}

int mpu_sys_is_inode(int fd, mpu_u32 inode)
{
	mpu_u32 stat[STAT_WORDS];

	return get_stat(fd, stat) && mpu_rm_load32(stat, MPU_STAT_INODE) == inode;
}

#define MSG_DONTWAIT 0x40

#if defined(__i386__)
/* The calls of their own came with Linux 4.3. */
#define SOCKETCALL_SOCKET  1
#define SOCKETCALL_SENDMSG 16
#define SOCKETCALL_RECVMSG 17

static long socket_call(long call, long a, long b, long c)
{
	long arguments[3] = {a, b, c};

	return mpu_syscall4(MPU_NR_socketcall, call, (long)arguments, 0, 0);
}
#else
#define SOCKETCALL_SOCKET  MPU_NR_socket
#define SOCKETCALL_SENDMSG MPU_NR_sendmsg
#define SOCKETCALL_RECVMSG MPU_NR_recvmsg

static long socket_call(long call, long a, long b, long c)
{
	return mpu_syscall4(call, a, b, c, 0);
}
#endif

static void address_kernel(struct mpu_message *message, struct mpu_netlink_address *address,
			   struct mpu_iovec *parts, unsigned long count)
{
	address->family = MPU_AF_NETLINK;
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

long mpu_sys_socket(int domain, int type, int protocol)
{
	return socket_call(SOCKETCALL_SOCKET, domain, type, protocol);
}

long mpu_sys_netlink_send(int fd, struct mpu_iovec *parts, unsigned long count)
{
	struct mpu_netlink_address address;
	struct mpu_message message;

	address_kernel(&message, &address, parts, count);
	return socket_call(SOCKETCALL_SENDMSG, fd, (long)&message, 0);
}

long mpu_sys_netlink_receive(int fd, struct mpu_iovec *parts, unsigned long count)
{
	struct mpu_netlink_address address;
	struct mpu_message message;
	long size;

	address_kernel(&message, &address, parts, count);
	size = socket_call(SOCKETCALL_RECVMSG, fd, (long)&message, MSG_DONTWAIT);
	return message.name_size == sizeof(address) && address.port == 0 ? size : -1;
}
