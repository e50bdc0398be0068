// SPDX-License-Identifier: GPL-2.0-only
/* 4.20: regs_get_kernel_argument(), on the architectures that have it */
#include <linux/ptrace.h>

unsigned long probe(struct pt_regs *regs);
unsigned long probe(struct pt_regs *regs)
{
	return regs_get_kernel_argument(regs, 0);
}
