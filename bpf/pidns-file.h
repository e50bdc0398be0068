/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Content of /run/mpu/pidns where a BPF task iterator stands behind it. Each open and read runs the
 * program in iterator.h in the reader's context. The file is a sequence of records in host byte
 * order: a header, then one record for each thread in the reader's PID namespace and below.
 */
#ifndef MPU_BPF_PIDNS_FILE_H
#define MPU_BPF_PIDNS_FILE_H

#define MPU_PIDNS_MAGIC	  0x6d707501u /* its last byte is the version of the format */
#define MPU_PIDNS_VERSION (MPU_PIDNS_MAGIC & 0xff)

/* The header has the magic number in host_tid and zeros in the rest. */
struct mpu_pidns_record {
	__UINT32_TYPE__ host_tid; /* thread, in the initial PID namespace */
	__UINT32_TYPE__ host_pid; /* its process there */
	__UINT32_TYPE__ own_tid;  /* thread, in the reader's PID namespace */
	__UINT32_TYPE__ own_pid;  /* its process there */
};

#endif
