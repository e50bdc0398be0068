/* SPDX-License-Identifier: GPL-2.0-only */
/* Included before all others: the configuration of a kernel whose ftrace cannot redirect. */
#undef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
#undef CONFIG_DYNAMIC_FTRACE_WITH_REGS
