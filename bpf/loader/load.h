/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MPU_BPF_LOADER_LOAD_H
#define MPU_BPF_LOADER_LOAD_H

#include "object.h"

/*
 * Loads the first form of the iterator that the kernel takes. Returns a descriptor of its link and
 * the form, or a negative errno; failed_detail() then says why the kernel refused the last form.
 */
int load_iterator(const struct object **form);

/* Gives the link a name in a file system of type bpf. Returns 0 or a negative errno. */
int pin_link(int link, const char *path);

#endif
