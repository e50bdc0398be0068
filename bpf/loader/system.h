/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls and text for a program without libc. */
#ifndef MPU_BPF_LOADER_SYSTEM_H
#define MPU_BPF_LOADER_SYSTEM_H

#include "preload/sys.h"

#define ENOMEM	     12
#define EPERM	     1
#define EACCES	     13
#define EEXIST	     17
#define EISDIR	     21
#define ENAMETOOLONG 36

#if defined(__x86_64__)
#define NR_mount      165
#define NR_umount2    166
#define NR_exit_group 231
#define NR_mkdirat    258
#define NR_unlinkat   263
#define NR_fchmodat   268
#define NR_flock      73
#define NR_umask      95
#define NR_bpf	      321
#elif defined(__aarch64__)
#define NR_mount      40
#define NR_umount2    39
#define NR_exit_group 94
#define NR_mkdirat    34
#define NR_unlinkat   35
#define NR_fchmodat   53
#define NR_flock      32
#define NR_umask      166
#define NR_bpf	      280
#endif

/* Records the step that failed, and what it failed for. Both return error. */
int failed(const char *step, long error);
int failed_for(const char *detail, long error);

/* The last step that failed, and the last detail; empty for none. */
const char *failed_step(void);
const char *failed_detail(void);

void print(int fd, const char *text);
void print_number(int fd, unsigned long number);

/* Also called by code that the compiler makes for copies of structures. */
void *memcpy(void *to, const void *from, unsigned long size);
void *memset(void *to, int value, unsigned long size);

int is_equal(const char *left, const char *right);
unsigned long length_of(const char *text);

/* Copies left, then right, and ends with a 0. Returns 0, or -ENAMETOOLONG. */
int join(char *to, unsigned long size, const char *left, const char *right);

#endif
