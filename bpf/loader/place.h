/* SPDX-License-Identifier: GPL-2.0-only */
/* Puts a translator at the path that containers are given, and takes it away. */
#ifndef MPU_BPF_LOADER_PLACE_H
#define MPU_BPF_LOADER_PLACE_H

/* Each returns 0 or a negative errno; where it fails, the path is as it was, or empty. */

/* Mounts this PID namespace's file there. */
int place_namespace(const char *path);

/* Mounts the file of the iterator there, under its name: that of the form, for who reads mountinfo.
 */
int place_iterator(const char *path, int link, const char *name);

/* Unmounts what is there and removes the file. Returns 1 where there was nothing. */
int take_away(const char *path);

#endif
