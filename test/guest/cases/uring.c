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

/* Submits entries to a ring of its own and waits for them. Returns the result of the last one. */
static int submit(const struct io_uring_sqe *entries, uint32_t count)
{
	struct io_uring_params params = {0};
	int ring = (int)syscall(SYS_io_uring_setup, count, &params);
	const struct io_uring_cqe *results;
	char *submissions, *completions;
	uint32_t i;

	CHECK(ring >= 0, "errno %d", errno);
	submissions =
		map_ring(ring, params.sq_off.array + count * sizeof(uint32_t), IORING_OFF_SQ_RING);
	completions =
		map_ring(ring, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
			 IORING_OFF_CQ_RING);
	memcpy(map_ring(ring, count * sizeof(*entries), IORING_OFF_SQES), entries,
	       count * sizeof(*entries));
	for (i = 0; i < count; i++)
		((uint32_t *)(void *)(submissions + params.sq_off.array))[i] = i;
	__atomic_store_n((uint32_t *)(void *)(submissions + params.sq_off.tail), count,
			 __ATOMIC_RELEASE);
	CHECK(syscall(SYS_io_uring_enter, ring, count, count, IORING_ENTER_GETEVENTS, NULL, 0) ==
		      (long)count,
	      "errno %d", errno);
	close(ring);
	results = (const struct io_uring_cqe *)(const void *)(completions + params.cq_off.cqes);
	for (i = 0; i + 1 < count && results[i].user_data != count - 1; i++)
		;
	return results[i].res;
}

/* sendmsg() by a worker, whether or not it would block. Returns what sendmsg() does. */
static int send_by_worker(int fd, struct msghdr *message)
{
	struct io_uring_sqe entries[2] = {
		{.opcode = IORING_OP_NOP, .flags = IOSQE_IO_LINK},
		{.opcode = IORING_OP_SENDMSG, .fd = fd, .addr = (uintptr_t)message, .len = 1},
	};
	int sent;

	entries[1].flags = IOSQE_ASYNC;
	sent = submit(&entries[1], 1);
	if (sent != -EINVAL)
		return sent;
	/* Linux 5.4 and 5.5 do not know that flag; what follows another request is a worker's
	 * there. */
	entries[1].flags = 0;
	entries[1].user_data = 1;
	return submit(entries, 2);
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
