/* SPDX-License-Identifier: GPL-2.0-only */
/* Included before all others, it makes of a kernel's configuration that of one whose ftrace cannot redirect. */
#undef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
#undef CONFIG_DYNAMIC_FTRACE_WITH_REGS
