// SPDX-License-Identifier: GPL-2.0-only
#include "iterator.h"
#include "bpf/pidns-file.h"
#include "sys.h"

#define BPF_FS_MAGIC 0xcafe4a11u /* linux/magic.h */
#define STATFS_WORDS 30		 /* the largest of the three architectures: 120 bytes */

/* Records of one read; small, since stacks can be. The kernel keeps the rest for the next read. */
#define RECORDS 32

/* A set of numbers that may contain too much, so that most records need no search. */
#define FILTER_BITS 4096
struct filter {
	mpu_u32 words[FILTER_BITS / 32];
};

int mpu_iterator_is_bpf(int fd)
{
	mpu_u32 statfs[STATFS_WORDS];
	int i;

	/* Written to first, for the reason given at get_stat(). */
	for (i = 0; i < STATFS_WORDS; i++)
		statfs[i] = 0;
	/* f_type is the first word of them all. */
	return mpu_syscall3(MPU_NR_fstatfs, fd, (long)statfs, 0) == 0 && statfs[0] == BPF_FS_MAGIC;
}

static mpu_u32 *filter_word(struct filter *filter, mpu_u32 number)
{
	return &filter->words[number / 32 % (FILTER_BITS / 32)];
}

static void fill_filter(struct filter *filter, const mpu_u32 *in, mpu_u32 count)
{
	mpu_u32 i;

	for (i = 0; i < FILTER_BITS / 32; i++)
		filter->words[i] = 0;
	for (i = 0; i < count; i++)
		*filter_word(filter, in[i]) |= 1u << in[i] % 32;
}

/* Returns the bytes read, a whole number of records, or a negative errno. */
static long read_records(int fd, struct mpu_pidns_record *records)
{
	long size = mpu_sys_read(fd, records, RECORDS * sizeof(*records));

	return size > 0 && size % (long)sizeof(*records) ? -MPU_EBADMSG : size;
}

int mpu_iterator_translate(int fd, enum mpu_rm_direction direction, const mpu_u32 *in, mpu_u32 *out,
			   mpu_u32 count)
{
	struct mpu_pidns_record records[RECORDS], *record;
	struct filter filter;
	mpu_u32 i, from, to;
	long size, at;

	fill_filter(&filter, in, count);
	for (i = 0; i < count; i++)
		out[i] = 0;
	size = read_records(fd, records);
	if (size < 0)
		return (int)size;
	if (size == 0 || records[0].host_tid != MPU_PIDNS_MAGIC || records[0].own_tid)
		return -MPU_EBADMSG;
	for (at = 1; size > 0; at = 0) {
		for (; at < size / (long)sizeof(*record); at++) {
			record = &records[at];
			from = direction == MPU_RM_TO_HOST ? record->own_tid : record->host_tid;
			to = direction == MPU_RM_TO_HOST ? record->host_pid : record->own_pid;
			if (!(*filter_word(&filter, from) >> from % 32 & 1))
				continue;
			for (i = 0; i < count; i++)
				if (in[i] == from)
					out[i] = to;
		}
		size = read_records(fd, records);
	}
	return (int)size;
}
