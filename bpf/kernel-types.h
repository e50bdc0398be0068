/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few fields of kernel structures that the iterator reads. Only the names matter: the loader
 * takes every offset from the BTF of the running kernel.
 */
#ifndef MPU_BPF_KERNEL_TYPES_H
#define MPU_BPF_KERNEL_TYPES_H

#define RELOCATED __attribute__((preserve_access_index))

#define MAX_PID_NS_LEVEL 32 /* linux/pid_namespace.h */

struct pid_namespace;
struct seq_file;

struct upid {
	int nr;
	struct pid_namespace *ns;
} RELOCATED;

struct pid {
	unsigned int level;
	struct upid numbers[MAX_PID_NS_LEVEL + 1]; /* level + 1 of them */
} RELOCATED;

struct task_struct {
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
} RELOCATED;

struct bpf_iter_meta {
	struct seq_file *seq;
	unsigned long long session_id;
	unsigned long long seq_num;
} RELOCATED;

/* The context; the same on every kernel. */
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#endif
