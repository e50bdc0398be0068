// SPDX-License-Identifier: GPL-2.0-only
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "pidmap.h"

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
	 * A thread's id; a process found by it may since have ended, then it has no id any more. An
	 * id that lives on only as that of a process group or session has no task of its own.
	 */
	task = pid_task(pid, PIDTYPE_PID);
	return task ? (u32)task_tgid_nr_ns(task, to) : 0;
}

unsigned int mpu_pidmap_translate(struct pid_namespace *from, struct pid_namespace *to,
				  const u32 *in, u32 *out, unsigned int count)
{
	unsigned int hidden = 0;
	unsigned int i;

	for (i = 0; i < count; i++) {
		u32 id = in[i];

		/* One critical section an id, so that the longest list delays no grace period. */
		rcu_read_lock();
		id = translate_one(from, to, id);
		rcu_read_unlock();

		hidden += !id;
		out[i] = id;
	}
	return hidden;
}
