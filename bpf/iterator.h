/* SPDX-License-Identifier: GPL-2.0-only */
/* Common to both forms of the iterator. */
#ifndef MPU_BPF_ITERATOR_H
#define MPU_BPF_ITERATOR_H

#include "kernel-types.h"
#include "pidns-file.h"

/* Results of the program: go on with the next task, or fail the read with EAGAIN. */
enum { ITER_NEXT = 0, ITER_REFUSE = 1 };

/* Helpers of the kernel, by their numbers in linux/bpf.h. */
static long (*const bpf_get_current_task)(void) = (void *)35;
static long (*const bpf_probe_read_kernel)(void *to, unsigned int size,
					   const void *from) = (void *)113;
static long (*const bpf_seq_write)(struct seq_file *seq, const void *data,
				   unsigned int size) = (void *)127;
static struct task_struct *(*const bpf_get_current_task_btf)(void) = (void *)158;

static inline __attribute__((always_inline)) void write_header(struct seq_file *seq)
{
	struct mpu_pidns_record header;

	header.host_tid = MPU_PIDNS_MAGIC;
	header.host_pid = header.own_tid = header.own_pid = 0;
	bpf_seq_write(seq, &header, sizeof(header));
}

#endif
