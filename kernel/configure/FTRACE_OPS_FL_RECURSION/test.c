// SPDX-License-Identifier: GPL-2.0-only
/* 5.11: a flag asks for protection against recursion, and no longer one for none of it */
#include <linux/ftrace.h>

int probe = FTRACE_OPS_FL_RECURSION;
