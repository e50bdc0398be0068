/* SPDX-License-Identifier: GPL-2.0-only */
/* The cases, by file. All but those of cases-module.c want the module loaded. */
#ifndef CASES_H
#define CASES_H

#include <stdint.h>

/* cases-protocol.c: messages */
void case_get(void);
void case_lengths(void);
void case_refusals(void);
void case_truncated(void);
void case_random(void);
void case_set(void);

/* cases-translate.c: who sees what */
void case_host(void);
void case_unprivileged(void);
void case_container(void);
void case_other_namespaces(void);
void case_nested(void);
void case_unshared(void);
void case_inherited_socket(void);

/* cases-uring.c */
void case_uring(void);

/* cases-lifetime.c: processes that begin, end and change */
void case_thread(void);
void case_leader_gone(void);
void case_zombie(void);
void case_group_outlives(void);
void case_reuse(void);
void case_exec_by_thread(void);

/* cases-many.c */
void case_thousand(void);
void case_concurrent(void);
void case_no_leak(void);

/* cases-module.c: loading and unloading */
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

/* cases-preload.c: what libmpu.so asks with, and libmpu-client */
void case_preload(void);
void case_preload_without(void);
void case_client(void);
void case_client_without(void);

/* cases-intercept.c: the driver's answers rewritten in the kernel. All of it, or rounds alone. */
void intercept_run(int rounds);
void intercept_rounds_run(int rounds);

/* timing.c: what the time of an answer tells, by so many tries; 20,000 unless told */
void timing_run(int tries);

/* cases-absent.c: where the kernel has not what that takes */
void absent_run(void);

/* cases-many.c and cases-pidns.c: the BPF iterator, without the module. Locks the kernel down
 * at last. With another number of reloads than the usual, unless it is 0. */
void case_thousand_by_file(void);
void pidns_run(int rounds);

/* The documentation's example, run as its own program. */
void case_example(void);

#endif
