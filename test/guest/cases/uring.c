// SPDX-License-Identifier: GPL-2.0-only
/* Requests that a worker of io_uring sends for somebody. */
#include "cases.h"
#include "client.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Workers are threads of the process since Linux 5.12; before, they are the kernel's. */
static int workers_are_threads(void)
{
	struct utsname name;
	int major, minor;

	uname(&name);
	CHECK(sscanf(name.release, "%d.%d", &major, &minor) == 2, "\"%s\"", name.release);
	return major > 5 || (major == 5 && minor >= 12);
}

static void *map_ring(int ring, size_t size, long long offset)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
			    (off_t)offset);

	CHECK(memory != MAP_FAILED, "errno %d", errno);
	return memory;
}

/* sendmsg() by a worker, whether or not it would block. Returns what sendmsg() does. */
static int send_by_worker(int fd, struct msghdr *message)
{
	struct io_uring_params params = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 1, &params);
	struct io_uring_sqe *entry;
	char *submissions, *completions;

	CHECK(ring >= 0, "errno %d", errno);
	submissions = map_ring(ring, params.sq_off.array + sizeof(uint32_t), IORING_OFF_SQ_RING);
	completions =
		map_ring(ring, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
			 IORING_OFF_CQ_RING);
	entry = map_ring(ring, sizeof(*entry), IORING_OFF_SQES);
	entry->opcode = IORING_OP_SENDMSG;
	entry->flags = IOSQE_ASYNC;
	entry->fd = fd;
	entry->addr = (uintptr_t)message;
	entry->len = 1;
	*(uint32_t *)(void *)(submissions + params.sq_off.array) = 0;
	__atomic_store_n((uint32_t *)(void *)(submissions + params.sq_off.tail), 1,
			 __ATOMIC_RELEASE);
	CHECK(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1,
	      "errno %d", errno);
	close(ring);
	return ((const struct io_uring_cqe *)(const void *)(completions + params.cq_off.cqes))->res;
}

static void ask_by_worker(void *argument)
{
	const volatile uint32_t *self = argument;
	const uint32_t pid = 1;
	struct message message;
	struct client client;
	struct reply reply;
	struct iovec data;
	struct msghdr header = {.msg_iov = &data, .msg_iovlen = 1};
	uint32_t answer;
	int sent;

	await_word(self);
	client_open(&client);
	message_start(&message, client.family, 0, MPU_CMD_TO_HOST);
	message_add(&message, MPU_A_PIDS, &pid, sizeof(pid));
	message_header(&message)->nlmsg_seq = ++client.sequence;
	data = (struct iovec){message.bytes, message_header(&message)->nlmsg_len};
	sent = send_by_worker(client.fd, &header);
	CHECK(sent == (int)data.iov_len, "sent: %d", sent);
	client_receive(&client, &reply);
	/* 5.10.162 took io_uring over from a later kernel. */
	if (reply.error != 0 && !workers_are_threads()) {
		CHECK(reply.error == -EPERM && reply.explained, "error %d", reply.error);
		return;
	}
	CHECK(reply.error == 0, "error %d", reply.error);
	answer = attribute_u32(message_find(&reply.message, MPU_A_PIDS));
	CHECK(answer == *self, "%u, not %u", answer, *self);
}

void case_uring(void)
{
	uint32_t *host_pid = shared_memory(sizeof(*host_pid));
	pid_t pid = start(CLONE_NEWPID, ask_by_worker, host_pid);

	*host_pid = (uint32_t)pid;
	finish(pid);
	/* On the host, too: a kernel thread may send for anybody. */
	*host_pid = 1;
	run_in(0, ask_by_worker, host_pid);
}
