// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compiles on every kernel. Where it does not, the compiler or the headers are at fault and no
 * other probe would mean anything.
 */
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <net/genetlink.h>

MODULE_LICENSE("GPL");

struct pid *probe(void);
struct pid *probe(void)
{
	return find_pid_ns(1, &init_pid_ns);
}
