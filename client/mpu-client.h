/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libmpu-client: PIDs on the host, from inside a container, in microseconds.
 *
 * A process in a container has two numbers: its PID there, and the one that the host and GPU
 * drivers know it by. The functions here tell one from the other. They ask the kernel:
 *
 *   1. mpu.ko over generic netlink, where the module is loaded (Linux 5.10 and later);
 *   2. else the file at /run/mpu/pidns that mpu pidns enable puts there: a BPF iterator (Linux 5.11
 * and later) or the host's PID namespace (Linux 6.11 and later).
 *
 * No privilege is needed, no GPU, no daemon and no --pid=host. On the host itself both numbers are
 * the same.
 *
 * What holds for every function:
 *
 *   - Numbers are those of processes (thread groups). The id of a thread is answered with that of
 *     its process.
 *   - The kernel answers for processes that the caller can see, and for no others: 0 stands for a
 *     process of another container and for one that does not exist.
 *   - An answer is true when it is given. A process may end right afterwards, and its number be
 *     given to another; hold a pidfd where that matters.
 *   - 0 is success and a negative number is -errno, as of <errno.h>; errno itself is not touched.
 *   - They may be called by many threads at once, in signal handlers, and in the child after
 *     fork(): nothing is kept between two calls, no lock is taken, no memory allocated. They never
 *     wait. A descriptor is open during a call, close-on-exec.
 *   - They use about 2 KB of stack.
 *
 * Errors of every function; a call that fails has changed nothing but the contents of its output:
 *
 *   ENOENT  neither the module is loaded nor the file there
 *   EXDEV   the file is neither an iterator nor the initial PID namespace: this "host" is itself a
 *           container, or the file is of another kind
 *   ENOTTY  the namespace file cannot translate: Linux before 6.11
 *   EBADMSG the iterator is of another version of mpu
 *   EACCES, EPERM  a sandbox refuses what was tried
 *   EMFILE, ENFILE, ENOMEM, ENOBUFS  the system has run out of something
 *
 * Link with libmpu-client.a; it needs no other library, whichever libc the program uses.
 */
#ifndef MPU_CLIENT_H
#define MPU_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The PID that the calling process has on the host.
 *
 * Returns it, or a negative errno. On the host this is getpid(), also where nothing translates.
 */
int32_t mpu_client_host_pid(void);

/*
 * For each of count PIDs of the caller's namespace in pids, its process's PID on the host, or 0.
 * Same order, any count; the two arrays do not overlap. 4,096 PIDs are one question to the module.
 */
int mpu_client_to_host(const uint32_t *pids, uint32_t *host_pids, size_t count);

/*
 * The other way: for each PID of the host, its process's PID in the caller's namespace, or 0 for
 * whatever the caller cannot see.
 */
int mpu_client_to_ns(const uint32_t *host_pids, uint32_t *pids, size_t count);

#ifdef __cplusplus
}
#endif

#endif
