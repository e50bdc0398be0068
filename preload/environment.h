/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The MPU_* variables a process was started with. Read from /proc/self/environ and not from
 * environ: another thread may be in setenv(), which frees what getenv() reads.
 */
#ifndef MPU_PRELOAD_ENVIRONMENT_H
#define MPU_PRELOAD_ENVIRONMENT_H

#define MPU_PATH_SIZE 4096

struct mpu_environment {
	int disabled;		   /* MPU_DISABLE=1 */
	int debug;		   /* MPU_DEBUG=1: say on stderr what was done */
	char pidns[MPU_PATH_SIZE]; /* MPU_PIDNS, or empty */
	union {
		unsigned long words[128];
		char bytes[1024];
	} read; /* what is read on the way: stacks can be small */
};

/*
 * Reads them; the defaults in programs that overwrite their environment to show a title in ps.
 * Nothing is honoured in setuid, setgid and otherwise privileged programs (AT_SECURE), nor where
 * /proc is not there to read.
 */
void mpu_environment_read(struct mpu_environment *environment);

#endif
