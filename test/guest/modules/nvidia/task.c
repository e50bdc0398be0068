// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the model needs to know of the task that calls: its memory, its numbers, its namespaces.
 *
 * The model remembers namespaces by their addresses, longer than the processes in them exist. So
 * every namespace that a client was allocated in stays referenced: no other one gets its address.
 */
#include <linux/capability.h>
#include <linux/hashtable.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "nvidia.h"

struct remembered {
	struct hlist_node node;
	struct pid_namespace *ns;
};

static DEFINE_HASHTABLE(namespaces, 8);

static u64 identity_of(const struct pid_namespace *ns)
{
	return (uintptr_t)ns;
}

u64 nvidia_initial_namespace(void)
{
	return identity_of(&init_pid_ns);
}

static bool remember(struct pid_namespace *ns)
{
	struct remembered *entry;

	hash_for_each_possible(namespaces, entry, node, (uintptr_t)ns) {
		if (entry->ns == ns)
			return true;
	}
	entry = kmalloc(sizeof(*entry), GFP_KERNEL);
	if (!entry)
		return false;
	entry->ns = get_pid_ns(ns);
	hash_add(namespaces, &entry->node, (uintptr_t)ns);
	return true;
}

void nvidia_task_exit(void)
{
	struct remembered *entry;
	struct hlist_node *next;
	int bucket;

	hash_for_each_safe(namespaces, bucket, next, entry, node) {
		put_pid_ns(entry->ns);
		kfree(entry);
	}
}

static bool task_copyin(void *unused, void *to, uint64_t from, size_t size)
{
	return copy_from_user(to, (const void __user *)(uintptr_t)from, size) == 0;
}

static bool task_copyout(void *unused, uint64_t to, const void *from, size_t size)
{
	return copy_to_user((void __user *)(uintptr_t)to, from, size) == 0;
}

static uint64_t task_namespace(void *unused)
{
	return identity_of(task_active_pid_ns(current));
}

/* Linux before 5.5 has it in a source file. */
#ifndef MAX_PID_NS_LEVEL
#define MAX_PID_NS_LEVEL 32
#endif

static void describe(const struct pid *pid, struct rmsim_pid *out)
{
	u32 i;

	BUILD_BUG_ON(MAX_PID_NS_LEVEL + 1 > RMSIM_MAX_LEVELS);
	out->levels = pid->level + 1;
	for (i = 0; i < out->levels; i++) {
		out->level[i].nr = pid->numbers[i].nr;
		out->level[i].ns = identity_of(pid->numbers[i].ns);
	}
}

static bool task_identify(void *unused, struct rmsim_identity *identity)
{
	/* A reference to the innermost namespace keeps those around it. */
	if (!remember(task_active_pid_ns(current)))
		return false;
	identity->tgid = task_tgid_nr(current);
	describe(task_pid(current), &identity->thread);
	describe(task_tgid(current), &identity->process);
	return true;
}

static bool task_is_admin(void *unused)
{
	return capable(CAP_SYS_ADMIN);
}

const struct rmsim_ops nvidia_task_ops = {
	.copyin = task_copyin,
	.copyout = task_copyout,
	.namespace_of = task_namespace,
	.identify = task_identify,
	.is_admin = task_is_admin,
};
