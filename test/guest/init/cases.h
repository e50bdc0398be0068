/* SPDX-License-Identifier: GPL-2.0-only */
/* The cases, by file. All but those of module.c want the module loaded. */
#ifndef CASES_H
#define CASES_H

#include <stdint.h>

/* The netlink family: all of the cases down to preload.c. */
void netlink_run(void);

/* protocol.c: messages */
void case_get(void);
void case_lengths(void);
void case_refusals(void);
void case_truncated(void);
void case_random(void);
void case_set(void);

/* translate.c: who sees what */
void case_host(void);
void case_unprivileged(void);
void case_container(void);
void case_other_namespaces(void);
void case_nested(void);
void case_unshared(void);
void case_inherited_socket(void);

/* uring.c */
void case_uring(void);

/* lifetime.c: processes that begin, end and change */
void case_thread(void);
void case_leader_gone(void);
void case_zombie(void);
void case_group_outlives(void);
void case_reuse(void);
void case_exec_by_thread(void);

/* many.c */
void case_thousand(void);
void case_concurrent(void);
void case_no_leak(void);

/* module.c: loading and unloading */
void case_cached_family(void);
void case_reload_under_load(void);

/* kernel-log.c */
void kernel_log_start(void);
/* No alarm since the start. Returns how many lines the module wrote. */
uint32_t kernel_log_check(void);

/* Runs a case that fails when memory was lost, where the kernel can tell. */
void kernel_leaks_run(void);

/* With a debug kernel alone: makes one mistake of modules/planted, and looks for leaks. */
void planted_run(const char *mistake);
void case_kernel_log(void);

/* preload.c: what libmpu.so asks with, and libmpu-client */
void case_preload(void);
void case_preload_without(void);
void case_client(void);
void case_client_without(void);

/*
 * intercept.c: the driver's answers rewritten in the kernel. All of it, or rounds alone; and what
 * locks the kernel down, after which it takes no unsigned module any more.
 */
void intercept_run(int rounds);
void intercept_rounds_run(int rounds);
void intercept_lockdown_run(void);

/* timing.c: what the time of an answer tells, by so many tries; 20,000 unless told */
void timing_run(int tries);

/* absent.c: where the kernel has not what that takes */
void absent_run(void);

/*
 * many.c and pidns.c: the BPF iterator, which needs no module. With another number of reloads than
 * the usual, unless it is 0. Two cases of it lock the kernel down.
 */
void case_thousand_by_file(void);
void pidns_run(int rounds);
void case_pidns_integrity(void);
void case_pidns_confidentiality(void);

/* The documentation's example, run as its own program. */
void case_example(void);

#endif
