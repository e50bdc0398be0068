/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Translation by the BPF task iterator in bpf/ (Linux 5.8 and later): its file lists every thread
 * of the caller's PID namespace and below, with its numbers there and on the host. Freestanding, as
 * netlink.h.
 *
 * The list is a snapshot, and each translation takes a new one. A process that has ended since the
 * driver answered is not in it, so its number is translated to 0, as by the namespace file. A
 * process that has started since is in it, which does no harm: the driver cannot have named it,
 * unless it named an ended process of the same number. The kernel lists the threads by ascending
 * number and holds no lock over the list; a thread that lives for the whole read is listed once.
 */
#ifndef MPU_PRELOAD_ITERATOR_H
#define MPU_PRELOAD_ITERATOR_H

#include "rm/rm.h"

/* Whether a descriptor is that of a file in a BPF file system, whose content only the kernel makes.
 */
int mpu_iterator_is_bpf(int fd);

/*
 * As mpu_pidns_translate(), with a descriptor that nothing was read from yet. -EBADMSG for a file
 * of another kind; -EAGAIN where the descriptor was opened in another PID namespace than the
 * caller's.
 */
int mpu_iterator_translate(int fd, enum mpu_rm_direction direction, const mpu_u32 *in, mpu_u32 *out,
			   mpu_u32 count);

#endif
