// SPDX-License-Identifier: GPL-2.0-only
/* 5.11: a callback of ftrace is given struct ftrace_regs, not struct pt_regs */
#include <linux/ftrace.h>

struct pt_regs *probe(struct ftrace_regs *fregs);

struct pt_regs *probe(struct ftrace_regs *fregs)
{
	return ftrace_get_regs(fregs);
}
