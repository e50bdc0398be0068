/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads BTF, the kernel's type information (Documentation/bpf/btf.rst). */
#ifndef MPU_BPF_LOADER_BTF_H
#define MPU_BPF_LOADER_BTF_H

#include "rm/rm.h"

enum btf_kind {
	BTF_INT = 1,
	BTF_PTR,
	BTF_ARRAY,
	BTF_STRUCT,
	BTF_UNION,
	BTF_ENUM,
	BTF_FWD,
	BTF_TYPEDEF,
	BTF_VOLATILE,
	BTF_CONST,
	BTF_RESTRICT,
	BTF_FUNC,
	BTF_FUNC_PROTO,
	BTF_VAR,
	BTF_DATASEC,
	BTF_FLOAT,
	BTF_DECL_TAG,
	BTF_TYPE_TAG,
	BTF_ENUM64,
};

struct btf_type {
	mpu_u32 name;
	mpu_u32 info;
	mpu_u32 size; /* or the id of another type */
};

struct btf_array {
	mpu_u32 element;
	mpu_u32 index;
	mpu_u32 count; /* 0: a flexible array */
};

struct btf {
	const char *strings;
	mpu_u32 strings_size;
	const struct btf_type **types; /* by id; 0 is void */
	mpu_u32 count;
};

/* A member that was found. */
struct btf_member_place {
	mpu_u32 type;
	mpu_u32 offset; /* bytes */
};

/* Reads so many bytes of BTF, which stay in use. Returns 0, -EBADMSG or -ENOMEM. */
int btf_read(struct btf *btf, const void *data, unsigned long size);

/* The text at an offset; empty where there is none. */
const char *btf_text(const struct btf *btf, mpu_u32 offset);

enum btf_kind btf_kind(const struct btf_type *type);

/* The id of the first type of this kind and name; 0 where there is none. */
mpu_u32 btf_find(const struct btf *btf, enum btf_kind kind, const char *name);

/* The id behind typedefs and qualifiers. */
mpu_u32 btf_resolve(const struct btf *btf, mpu_u32 id);

/* Bytes of a type; 0 where that is not known. */
mpu_u32 btf_size(const struct btf *btf, mpu_u32 id);

/* The array behind an id that btf_resolve() returned, or NULL. */
const struct btf_array *btf_array(const struct btf *btf, mpu_u32 id);

/* The name of a member by its index; NULL for none. Its type goes into *type. */
const char *btf_member_name(const struct btf *btf, mpu_u32 id, mpu_u32 index, mpu_u32 *type);

/* Finds a member by name, also in anonymous structures and unions. Returns whether it exists. */
int btf_find_member(const struct btf *btf, mpu_u32 id, const char *name,
		    struct btf_member_place *place);

#endif
