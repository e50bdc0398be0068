// SPDX-License-Identifier: GPL-2.0-only
/*
 * A container that asks about a host PID must not learn, by how long the answer takes, if the PID
 * is in use by a process that it does not see. So no host PID is ever looked up for a container.
 * The ids that it asks about are hashed, its own namespace is walked once, and each process found
 * there is looked up among those ids. The ids of the caller's own namespace can be looked up
 * directly.
 */
#include <linux/idr.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/radix-tree.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "pidmap.h"
#include "uapi/mpu.h"

/* Ids in one RCU section, so that neither a long list nor a large container delays a grace period.
 */
#define IDS_PER_SECTION 256u

/* Host PID 1 is in no other namespace, and ids above PID_MAX_LIMIT do not exist. */
#define FIRST_ID 2u

/*
 * The ids of a list, by hash. Indices count from 1, so that 0 ends a chain. The multiplier is
 * random: no list can be made whose ids share a chain.
 */
struct id_table {
	u32 multiplier;
	unsigned int shift;
	u16 *heads;
	u16 *next;
};

static unsigned int hash_of(const struct id_table *table, u32 id)
{
	return (id * table->multiplier) >> table->shift;
}

/* Returns 0 or -ENOMEM. The table's memory begins at heads. */
static int fill_table(struct id_table *table, const u32 *ids, unsigned int count)
{
	/* Twice as many chains as ids, and two at least: a shift by 32 is undefined. */
	unsigned int bits = order_base_2(count) + 1;
	size_t chains = (size_t)1 << bits;
	unsigned int i;

	BUILD_BUG_ON(MPU_MAX_PIDS > U16_MAX);
	table->heads = kvmalloc_array(chains + count, sizeof(u16), GFP_KERNEL_ACCOUNT);
	if (!table->heads)
		return -ENOMEM;
	memset(table->heads, 0, chains * sizeof(u16));
	table->next = table->heads + chains;
	table->multiplier = get_random_u32() | 1;
	table->shift = 32 - bits;
	for (i = 0; i < count; i++) {
		u16 *head = &table->heads[hash_of(table, ids[i])];

		if (ids[i] - FIRST_ID > PID_MAX_LIMIT - FIRST_ID)
			continue;
		table->next[i] = *head;
		*head = i + 1;
	}
	return 0;
}

/* The id that the process of pid has in ns, or 0. In an RCU section. */
static u32 process_id(struct pid *pid, struct pid_namespace *ns)
{
	struct task_struct *task;

	if (likely(pid_has_task(pid, PIDTYPE_TGID)))
		return (u32)pid_nr_ns(pid, ns);

	/*
	 * A thread's id. Its process may have ended since, and then has none. An id that lives on
	 * only as that of a process group or session has no task of its own.
	 */
	task = pid_task(pid, PIDTYPE_PID);
	return task ? (u32)task_tgid_nr_ns(task, ns) : 0;
}

/* Answers the ids of the list that are pid's. Returns how many there are. In an RCU section. */
static unsigned int answer_pid(const struct id_table *table, struct pid *pid,
			       struct pid_namespace *ns, const u32 *in, u32 *out)
{
	u32 id = (u32)pid_nr(pid);
	unsigned int found = 0;
	unsigned int i;

	for (i = table->heads[hash_of(table, id)]; i; i = table->next[i - 1]) {
		if (in[i - 1] != id)
			continue;
		out[i - 1] = process_id(pid, ns);
		found += out[i - 1] != 0;
	}
	return found;
}

/*
 * The tree of the namespace is walked slot by slot: to ask idr_get_next() for one id after the
 * other takes five times as long. A process that begins meanwhile may be missed: it did not exist
 * when its id was asked for.
 */
static unsigned int walk(const struct id_table *table, struct pid_namespace *ns, const u32 *in,
			 u32 *out)
{
	struct radix_tree_iter iter;
	unsigned long start = 0;
	unsigned int found = 0;
	void __rcu **slot;

	do {
		unsigned int left = IDS_PER_SECTION;

		rcu_read_lock();
		radix_tree_for_each_slot(slot, &ns->idr.idr_rt, &iter, start) {
			struct pid *pid = radix_tree_deref_slot(slot);

			if (!pid) /* allocated, and not yet in use */
				continue;
			if (radix_tree_deref_retry(pid)) {
				slot = radix_tree_iter_retry(&iter);
				continue;
			}
			found += answer_pid(table, pid, ns, in, out);
			if (--left == 0)
				break;
		}
		rcu_read_unlock();
		start = iter.index + 1;
		cond_resched();
	} while (slot);
	return found;
}

int mpu_pidmap_to_ns(struct pid_namespace *ns, const u32 *in, u32 *out, unsigned int count)
{
	struct id_table table;
	unsigned int found;

	/* For the host every id is its own, and nothing is hidden from it. */
	if (ns == &init_pid_ns)
		return mpu_pidmap_to_host(ns, in, out, count);
	if (fill_table(&table, in, count))
		return -ENOMEM;
	memset(out, 0, count * sizeof(*out));
	found = walk(&table, ns, in, out);
	kvfree(table.heads);
	return count - found;
}

int mpu_pidmap_to_host(struct pid_namespace *ns, const u32 *in, u32 *out, unsigned int count)
{
	unsigned int hidden = 0;
	unsigned int i = 0;

	while (i < count) {
		unsigned int end = min(count, i + IDS_PER_SECTION);

		rcu_read_lock();
		for (; i < end; i++) {
			struct pid *pid = NULL;

			/* find_pid_ns() takes an int. */
			if (in[i] - 1 < PID_MAX_LIMIT)
				pid = find_pid_ns((int)in[i], ns);
			out[i] = pid ? process_id(pid, &init_pid_ns) : 0;
			hidden += !out[i];
		}
		rcu_read_unlock();
		cond_resched();
	}
	return hidden;
}
