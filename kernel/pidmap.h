/* SPDX-License-Identifier: GPL-2.0-only */
/* Translating ids between the initial PID namespace ("host") and another one. */
#ifndef MPU_PIDMAP_H
#define MPU_PIDMAP_H

#include <linux/types.h>

struct pid_namespace;

/**
 * mpu_pidmap_to_ns() - translate host PIDs to a namespace
 * @ns: namespace to translate to; the caller holds it
 * @in: ids of the initial PID namespace
 * @out: for each of them the id that its process (thread group) has in @ns, or 0 if there is no
 *such process or @ns does not see it. Must not overlap @in.
 * @count: length of both, at most MPU_MAX_PIDS
 *
 * The time that this takes depends on @in and on the processes of @ns alone, so that a container
 * cannot measure which ids are in use outside. May sleep.
 *
 * Return: how many ids are answered with 0, or -ENOMEM.
 */
int mpu_pidmap_to_ns(struct pid_namespace *ns, const u32 *in, u32 *out, unsigned int count);

/**
 * mpu_pidmap_to_host() - translate the PIDs of a namespace to host PIDs
 * @ns: namespace to translate from; the caller holds it
 * @in: ids of @ns
 * @out: for each of them the host PID of its process (thread group), or 0 if there is no such
 *process. Must not overlap @in.
 * @count: length of both
 *
 * May sleep.
 *
 * Return: how many ids are answered with 0.
 */
int mpu_pidmap_to_host(struct pid_namespace *ns, const u32 *in, u32 *out, unsigned int count);

#endif
