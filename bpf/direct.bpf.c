// SPDX-License-Identifier: GPL-2.0-only
/*
 * The iterator by direct loads, which the verifier checks against the kernel's BTF. They are
 * allowed under lockdown=confidentiality too. A load behind a structure's end is not, so this form
 * needs a kernel whose struct pid ends in a flexible array: Linux 6.5, and stable releases since
 * 6.1 that have the change. read.bpf.c is for the rest.
 */
#include "iterator.h"

/* Level of the reader's PID namespace; an offset cannot be computed, so each has a case. */
#define AT_LEVEL(n)                                                                                \
	case n:                                                                                    \
		if (thread->numbers[n].ns != reader->numbers[n].ns)                                \
			return ITER_REFUSE;                                                        \
		record.own_tid = (__UINT32_TYPE__)thread->numbers[n].nr;                           \
		record.own_pid = (__UINT32_TYPE__)process->numbers[n].nr;                          \
		break;

__attribute__((section("iter/task"), used)) int mpu_pidns(struct bpf_iter__task *context)
{
	struct bpf_iter_meta *meta = context->meta;
	struct task_struct *task = context->task, *leader;
	struct pid *reader, *thread, *process;
	struct mpu_pidns_record record;

	if (!task)
		return ITER_NEXT;
	if (meta->seq_num == 0)
		write_header(meta->seq);
	reader = bpf_get_current_task_btf()->thread_pid;
	thread = task->thread_pid;
	leader = task->group_leader;
	/* A task that is being reaped has no number any more. */
	if (!reader || !thread || !leader)
		return ITER_NEXT;
	process = leader->thread_pid;
	if (!process)
		return ITER_NEXT;
	/* Only a descriptor that was opened in another namespace enumerates such tasks. */
	if (thread->level < reader->level)
		return ITER_REFUSE;
	record.host_tid = (__UINT32_TYPE__)task->pid;
	record.host_pid = (__UINT32_TYPE__)task->tgid;
	switch (reader->level) {
		AT_LEVEL(0)
		AT_LEVEL(1)
		AT_LEVEL(2)
		AT_LEVEL(3)
		AT_LEVEL(4)
		AT_LEVEL(5)
		AT_LEVEL(6)
		AT_LEVEL(7)
		AT_LEVEL(8)
		AT_LEVEL(9)
		AT_LEVEL(10)
		AT_LEVEL(11)
		AT_LEVEL(12)
		AT_LEVEL(13)
		AT_LEVEL(14)
		AT_LEVEL(15)
		AT_LEVEL(16)
		AT_LEVEL(17)
		AT_LEVEL(18)
		AT_LEVEL(19)
		AT_LEVEL(20)
		AT_LEVEL(21)
		AT_LEVEL(22)
		AT_LEVEL(23)
		AT_LEVEL(24)
		AT_LEVEL(25)
		AT_LEVEL(26)
		AT_LEVEL(27)
		AT_LEVEL(28)
		AT_LEVEL(29)
		AT_LEVEL(30)
		AT_LEVEL(31)
		AT_LEVEL(32)
	default:
		return ITER_REFUSE;
	}
	bpf_seq_write(meta->seq, &record, sizeof(record));
	return ITER_NEXT;
}

__attribute__((section("license"), used)) const char gpl[] = "GPL";
