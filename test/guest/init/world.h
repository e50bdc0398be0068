/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes, namespaces and the module: what cases are made of. */
#ifndef WORLD_H
#define WORLD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MODULE_PATH "/mpu.ko"

/* Zeroed memory shared with every process started later. */
void *shared_memory(size_t size);

/*
 * Starts a process that runs body and exits with 0, in new namespaces as flags (CLONE_NEW*) say.
 * With CLONE_NEWUSER it is root of its user namespace. It dies with its parent. Returns its PID
 * here.
 */
pid_t start(int flags, void (*body)(void *), void *argument);

/* As start(), with these PIDs, innermost namespace first. */
pid_t start_as(int flags, const pid_t *pids, size_t count, void (*body)(void *), void *argument);

/* A process that only exists. */
pid_t start_sleeper(int flags);

/* Waits for a process that is to have ended well. */
void finish(pid_t pid);

/* Kills a process and reaps it: its PID is free from then on. */
void stop(pid_t pid);

/* start() and finish(). */
void run_in(int flags, void (*body)(void *), void *argument);

/* Waits until *word is not 0, or fails the case. */
void await_word(const volatile uint32_t *word);

/* Loads or removes mpu.ko. Return 0 or a negative errno. */
int module_load(void);
int module_unload(void);

/* Loads the module in a file, with parameters, or removes one by its name. Likewise. */
int module_load_file(const char *path, const char *parameters);
int module_unload_name(const char *name);

/* How often module_load() succeeded, over all processes. */
uint32_t module_loads(void);

/* Before the first case. */
void world_init(void);

#endif
