// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bitmap.h>
#include <linux/idr.h>
#include <linux/minmax.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/radix-tree.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "pidmap.h"

/* Ids looked up in one critical section, so that the longest list delays no grace period. */
#define IDS_PER_SECTION 256u

/*
 * A container with a few processes asks about a GPU's hundreds, and nearly all of them are not its
 * own. A look at the few first, one bit for each, spares a lookup for nearly all of the hundreds.
 */
#define SIEVE_BITS  4096u
#define SIEVE_WORTH 64u /* ids in a list that make up for preparing the sieve */

/* Ids in use in a namespace, threads and those below it included. */
static unsigned int population(const struct pid_namespace *ns)
{
	return READ_ONCE(ns->pid_allocated) & ~PIDNS_ADDING;
}

/*
 * Sets the bits of all ids of namespace from that are visible in namespace to. The tree of the
 * latter is walked slot by slot: asking for one next id after the other takes four times as long.
 */
static void fill_sieve(unsigned long *sieve, struct pid_namespace *from, struct pid_namespace *to)
{
	struct radix_tree_iter iter;
	void __rcu **slot;

	bitmap_zero(sieve, SIEVE_BITS);
	rcu_read_lock();
	radix_tree_for_each_slot(slot, &to->idr.idr_rt, &iter, 0) {
		struct pid *pid = radix_tree_deref_slot(slot);

		if (!pid) /* allocated, and not yet in use */
			continue;
		if (radix_tree_deref_retry(pid)) {
			slot = radix_tree_iter_retry(&iter);
			continue;
		}
		__set_bit((u32)pid_nr_ns(pid, from) % SIEVE_BITS, sieve);
	}
	rcu_read_unlock();
}

static u32 translate_one(struct pid_namespace *from, struct pid_namespace *to, u32 id)
{
	struct task_struct *task;
	struct pid *pid;

	/* Ids above PID_MAX_LIMIT do not exist, and find_pid_ns() takes an int. */
	if (id - 1 >= PID_MAX_LIMIT)
		return 0;
	pid = find_pid_ns((int)id, from);
	if (!pid)
		return 0;
	if (likely(pid_has_task(pid, PIDTYPE_TGID)))
		return (u32)pid_nr_ns(pid, to);

	/*
	 * A thread's id. Its process may have ended since, and then has none. An id that lives on
	 * only as that of a process group or session has no task of its own.
	 */
	task = pid_task(pid, PIDTYPE_PID);
	return task ? (u32)task_tgid_nr_ns(task, to) : 0;
}

unsigned int mpu_pidmap_translate(struct pid_namespace *from, struct pid_namespace *to,
				  const u32 *in, u32 *out, unsigned int count)
{
	DECLARE_BITMAP(sieve, SIEVE_BITS);
	/* Three slots are walked in the time of one lookup. */
	bool sieved =
		count >= SIEVE_WORTH && to->level > from->level && population(to) <= count / 2;
	unsigned int hidden = 0;
	unsigned int i = 0;

	if (sieved)
		fill_sieve(sieve, from, to);
	while (i < count) {
		unsigned int end = min(count, i + IDS_PER_SECTION);

		rcu_read_lock();
		for (; i < end; i++) {
			/* A process younger than the sieve was not there when its id was asked for.
			 */
			if (sieved && !test_bit(in[i] % SIEVE_BITS, sieve))
				out[i] = 0;
			else
				out[i] = translate_one(from, to, in[i]);
			hidden += !out[i];
		}
		rcu_read_unlock();
	}
	return hidden;
}
