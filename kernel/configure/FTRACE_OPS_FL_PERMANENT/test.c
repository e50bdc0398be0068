// SPDX-License-Identifier: GPL-2.0-only
/* 5.5: while such a callback is registered, ftrace cannot be switched off */
#include <linux/ftrace.h>

int probe = FTRACE_OPS_FL_PERMANENT;
