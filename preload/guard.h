/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps a rewrite from leaving anything behind when the application jumps out of it, by
 * siglongjmp() from a signal handler or by asynchronous cancellation, or when another thread forks.
 *
 * Signals are blocked while a descriptor or memory of the rewrite exists, except for those that
 * report a fault. During a call of the driver the caller's own mask is back. No descriptor is open
 * then, but the memory has to last. A jump at that point leaves it behind until the next rewrite
 * whose guard lies at the same place of the stack. That proves that the earlier one has ended, and
 * its memory is unmapped. At most MPU_GUARD_MEMORIES can be left behind in a process. When so many
 * are in use, signals stay blocked during the driver's call too.
 */
#ifndef MPU_PRELOAD_GUARD_H
#define MPU_PRELOAD_GUARD_H

#include "environment.h"
#include "rm/rm.h"

#define MPU_GUARD_MEMORIES 8

/* Memory of a rewrite. Mapped, because stacks can be small. */
struct mpu_scratch {
	struct mpu_scratch *self;
	const struct mpu_guard *guard;
	mpu_u64 signals;
	struct mpu_environment environment;
	struct mpu_rm_work work;
};

/* Lies on the stack of the rewrite. */
struct mpu_guard {
	struct mpu_scratch *scratch;
	struct mpu_guard_record *record; /* NULL when the driver is called with signals blocked */
	mpu_u64 callers_signals;
	mpu_u32 process; /* the caller's PID */
	int is_blocked;	 /* false where a filter refuses that */
};

/* Blocks signals and maps the memory. Returns false, with nothing to end, when there is none. */
int mpu_guard_begin(struct mpu_guard *guard);

/* Restores the caller's signal mask for a call of the driver. */
void mpu_guard_pause(struct mpu_guard *guard);

/*
 * Blocks signals again. Returns false when the memory has lost its content, which happens in the
 * child of a signal handler that forked. It is zero then.
 */
int mpu_guard_resume(struct mpu_guard *guard);

void mpu_guard_end(struct mpu_guard *guard);

#endif
