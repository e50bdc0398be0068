/* SPDX-License-Identifier: GPL-2.0-only */
/* The compiled programs, which are part of this one. */
#ifndef MPU_BPF_LOADER_OBJECT_H
#define MPU_BPF_LOADER_OBJECT_H

/* A relocatable ELF file of clang -target bpf. */
struct object {
	const char *name; /* of the form: "direct" or "read" */
	const char *data;
};

struct section {
	const void *data;
	unsigned long size;
};

/* Every form, the preferred first; the last has no name. */
extern const struct object objects[];

/* Finds a section by name. Returns 0 or -EBADMSG. */
int object_section(const struct object *object, const char *name, struct section *section);

#endif
