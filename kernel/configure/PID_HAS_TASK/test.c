// SPDX-License-Identifier: GPL-2.0-only
/* 5.7: pid_has_task() */
#include <linux/pid.h>

bool probe(struct pid *pid);
bool probe(struct pid *pid)
{
	return pid_has_task(pid, PIDTYPE_TGID);
}
