/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that shows every stray access: unreadable pages right behind it and before its page, and a
 * pattern in the rest of the page.
 */
#ifndef MPU_TEST_GUARD_H
#define MPU_TEST_GUARD_H

#include <stddef.h>

struct guard {
	unsigned char *memory; /* size bytes; an access to memory[size] faults */
	size_t size;
	unsigned char *mapping;
	size_t mapped;
};

/* Makes one of size bytes. Ends the program when there is no memory. */
struct guard guard_new(size_t size);

/* True when the bytes between the first unreadable page and memory are as they were made. */
int guard_intact(const struct guard *guard);

void guard_free(struct guard *guard);

#endif
