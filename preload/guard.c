// SPDX-License-Identifier: GPL-2.0-only
#include "guard.h"
#include "sys.h"

#define SIGNAL(number) (1ull << ((number)-1))
#define SIGILL	       4
#define SIGTRAP	       5
#define SIGBUS	       7
#define SIGFPE	       8
#define SIGSEGV	       11
#define SIGSYS	       31

/* A fault while its signal is blocked would kill the process. libc's own signals are among these:
 * 32 cancels threads. */
static const mpu_u64 blocked = ~(SIGNAL(SIGILL) | SIGNAL(SIGTRAP) | SIGNAL(SIGBUS) |
				 SIGNAL(SIGFPE) | SIGNAL(SIGSEGV) | SIGNAL(SIGSYS));

/*
 * The memory of a rewrite that is running or was left by a jump. A fork copies the records, and not
 * the memory; those of another process can be taken. A record that is overwritten although it is in
 * use costs its memory after a jump, and no more.
 */
struct mpu_guard_record {
	mpu_u32 process; /* 0: not in use; BEING_FILLED: the rest is not valid yet */
	const struct mpu_guard *guard;
	struct mpu_scratch *scratch;
};

#define BEING_FILLED 0xffffffffu /* no PID */

static struct mpu_guard_record records[MPU_GUARD_MEMORIES];

static int swap_process(struct mpu_guard_record *record, mpu_u32 from, mpu_u32 to)
{
	return __atomic_compare_exchange_n(&record->process, &from, to, 0, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static void restore(const struct mpu_guard *guard)
{
	mpu_sys_restore_signals(&guard->callers_signals);
}

/* Two objects that are both in use do not overlap, whatever stacks there are. */
static int overlap(const struct mpu_guard *a, const struct mpu_guard *b)
{
	return (unsigned long)a - (unsigned long)b + sizeof(*a) - 1 < 2 * sizeof(*a) - 1;
}

/* A child with the same PID, in a PID namespace of its own, has the record. The memory is absent
 * there, or something else has its place, which can be what this rewrite has just mapped. */
static int is_left_behind(const struct mpu_scratch *scratch, const struct mpu_guard *guard,
			  const struct mpu_scratch *own)
{
	return scratch != own && mpu_sys_is_readable(scratch) && scratch->self == scratch &&
	       scratch->guard == guard;
}

/* Unmaps what was left behind, and takes a record unless all are in use. */
static void go_through_records(struct mpu_guard *guard)
{
	struct mpu_guard_record *record;

	for (record = records; record < records + MPU_GUARD_MEMORIES; record++) {
		mpu_u32 process = __atomic_load_n(&record->process, __ATOMIC_ACQUIRE);
		const struct mpu_guard *earlier = __atomic_load_n(&record->guard, __ATOMIC_RELAXED);
		struct mpu_scratch *scratch = __atomic_load_n(&record->scratch, __ATOMIC_RELAXED);

		if (process == guard->process && overlap(earlier, guard)) {
			if (is_left_behind(scratch, earlier, guard->scratch))
				mpu_sys_unmap(scratch, sizeof(*scratch));
			swap_process(record, process, 0);
			process = 0;
		}
		if (guard->record || process == guard->process || process == BEING_FILLED ||
		    !swap_process(record, process, BEING_FILLED))
			continue;
		__atomic_store_n(&record->scratch, guard->scratch, __ATOMIC_RELAXED);
		__atomic_store_n(&record->guard, guard, __ATOMIC_RELAXED);
		__atomic_store_n(&record->process, guard->process, __ATOMIC_RELEASE);
		guard->record = record;
	}
}

static void fill(struct mpu_guard *guard)
{
	guard->scratch->self = guard->scratch;
	guard->scratch->guard = guard;
	guard->scratch->signals = blocked;
}

int mpu_guard_begin(struct mpu_guard *guard)
{
	guard->is_blocked = mpu_sys_block_signals(&blocked, &guard->callers_signals) == 0;
	guard->process = mpu_sys_getpid();
	guard->record = 0;
	guard->scratch = mpu_sys_map(0, sizeof(*guard->scratch));
	if (!guard->scratch) {
		if (guard->is_blocked)
			restore(guard);
		return 0;
	}
	fill(guard);
	if (guard->is_blocked) {
		mpu_sys_do_not_fork(guard->scratch, sizeof(*guard->scratch));
		go_through_records(guard);
	}
	return 1;
}

void mpu_guard_pause(struct mpu_guard *guard)
{
	if (guard->record)
		restore(guard);
}

int mpu_guard_resume(struct mpu_guard *guard)
{
	long result;

	if (!guard->record)
		return 1;
	/* The kernel reads the set from the memory, so this also tests that it is there. */
	result = mpu_sys_block_signals(&guard->scratch->signals, &guard->callers_signals);
	if (result != -MPU_EFAULT && guard->scratch->self == guard->scratch)
		return 1;
	mpu_sys_block_signals(&blocked, result == 0 ? (void *)0 : &guard->callers_signals);
	/* The caller uses this address and cannot go back. */
	if (mpu_sys_map(guard->scratch, sizeof(*guard->scratch)) != guard->scratch)
		__builtin_trap();
	fill(guard);
	return 0;
}

void mpu_guard_end(struct mpu_guard *guard)
{
	if (guard->record)
		swap_process(guard->record, guard->process, 0);
	mpu_sys_unmap(guard->scratch, sizeof(*guard->scratch));
	if (guard->is_blocked)
		restore(guard);
}
