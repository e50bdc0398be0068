// SPDX-License-Identifier: GPL-2.0-only
#include "guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE   4096u
#define POISON 0xa5

struct guard guard_new(size_t size)
{
	struct guard guard;
	size_t pages = (size + PAGE - 1) / PAGE * PAGE;

	guard.size = size;
	guard.mapped = pages + 2 * PAGE;
	guard.mapping = mmap(NULL, guard.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guard.mapping == MAP_FAILED ||
	    mprotect(guard.mapping + PAGE, pages, PROT_READ | PROT_WRITE)) {
		perror("mmap");
		exit(1);
	}
	memset(guard.mapping + PAGE, POISON, pages);
	guard.memory = guard.mapping + PAGE + pages - size;
	return guard;
}

int guard_intact(const struct guard *guard)
{
	const unsigned char *byte;

	for (byte = guard->mapping + PAGE; byte < guard->memory; byte++)
		if (*byte != POISON)
			return 0;
	return 1;
}

void guard_free(struct guard *guard)
{
	munmap(guard->mapping, guard->mapped);
}
