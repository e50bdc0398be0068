// SPDX-License-Identifier: GPL-2.0-only
/*
 * The iterator by bpf_probe_read_kernel(), for kernels whose struct pid ends in numbers[1]: there
 * the verifier refuses the loads of direct.bpf.c. Lockdown=confidentiality refuses this form.
 */
#include "iterator.h"

/* READ(variable, pointer, member): 0 where the memory cannot be read. */
#define READ(to, from, member) bpf_probe_read_kernel(&(to), sizeof(to), &(from)->member)

#define SIZE_OF_UPID ((unsigned long)__builtin_preserve_type_info(*(struct upid *)0, 1))

__attribute__((section("iter/task"), used)) int mpu_pidns(struct bpf_iter__task *context)
{
	struct bpf_iter_meta *meta = context->meta;
	struct task_struct *task = context->task, *leader = 0;
	const struct task_struct *current;
	struct pid *reader = 0, *thread = 0, *process = 0;
	struct pid_namespace *theirs = 0, *mine = 0;
	struct mpu_pidns_record record;
	unsigned int level = 0, other = 0;
	unsigned long at;

	if (!task)
		return ITER_NEXT;
	if (meta->seq_num == 0)
		write_header(meta->seq);
	current = (const struct task_struct *)bpf_get_current_task();
	READ(reader, current, thread_pid);
	READ(thread, task, thread_pid);
	READ(leader, task, group_leader);
	/* A task that is being reaped has no number any more. */
	if (!reader || !thread || !leader)
		return ITER_NEXT;
	READ(process, leader, thread_pid);
	if (!process)
		return ITER_NEXT;
	READ(level, reader, level);
	READ(other, thread, level);
	if (level > MAX_PID_NS_LEVEL)
		return ITER_REFUSE;
	at = level * SIZE_OF_UPID;
	READ(mine, (const struct pid *)((const char *)reader + at), numbers[0].ns);
	READ(theirs, (const struct pid *)((const char *)thread + at), numbers[0].ns);
	/* Only a descriptor that was opened in another namespace enumerates such tasks. */
	if (other < level || mine != theirs)
		return ITER_REFUSE;
	READ(record.host_tid, task, pid);
	READ(record.host_pid, task, tgid);
	READ(record.own_tid, (const struct pid *)((const char *)thread + at), numbers[0].nr);
	READ(record.own_pid, (const struct pid *)((const char *)process + at), numbers[0].nr);
	bpf_seq_write(meta->seq, &record, sizeof(record));
	return ITER_NEXT;
}

__attribute__((section("license"), used)) const char gpl[] = "GPL";
