// SPDX-License-Identifier: GPL-2.0-only
#include "relocate.h"
#include "system.h"

/* enum bpf_core_relo_kind; the only two that the programs have. */
#define FIELD_BYTE_OFFSET 0
#define TYPE_SIZE	  9

/* Classes of instructions. */
#define CLASS_MASK	7
#define CLASS_LDX	1
#define CLASS_ALU	4
#define CLASS_ALU64	7
#define SOURCE_REGISTER 8

/* The header of .BTF.ext */
struct extension {
	mpu_u16 magic;
	mpu_u8 version;
	mpu_u8 flags;
	mpu_u32 header_size;
	mpu_u32 functions, functions_size;
	mpu_u32 lines, lines_size;
	mpu_u32 relocations, relocations_size;
};

/* Relocations of one section of the program follow. */
struct relocation_head {
	mpu_u32 section;
	mpu_u32 count;
};

struct relocation {
	mpu_u32 instruction; /* in bytes */
	mpu_u32 type;	     /* in the object's own BTF */
	mpu_u32 access;	     /* "0:1:3": indices of members and elements, from type on */
	mpu_u32 kind;
};

/* One step of an access: from a type to a member or an element, on both sides. */
struct walk {
	const struct btf *object, *kernel;
	mpu_u32 here, there; /* types */
	mpu_u32 offset;	     /* in the kernel's structure */
};

static int to_element(struct walk *walk, mpu_u32 index)
{
	const struct btf_array *here = btf_array(walk->object, walk->here);
	const struct btf_array *there =
		btf_array(walk->kernel, btf_resolve(walk->kernel, walk->there));

	if (!here || !there || (there->count && index >= there->count))
		return -MPU_ENOENT;
	walk->here = here->element;
	walk->there = there->element;
	walk->offset += index * btf_size(walk->kernel, there->element);
	return 0;
}

static int to_member(struct walk *walk, mpu_u32 index)
{
	struct btf_member_place place;
	mpu_u32 type;
	const char *name = btf_member_name(walk->object, walk->here, index, &type);

	if (!name || !btf_find_member(walk->kernel, walk->there, name, &place))
		return -MPU_ENOENT;
	walk->here = type;
	walk->there = place.type;
	walk->offset += place.offset;
	return 0;
}

/* Follows an access string; the first index counts whole structures and is 0. */
static int follow(struct walk *walk, const char *access)
{
	int error = *access++ == '0' ? 0 : -MPU_EBADMSG;

	while (!error && *access == ':') {
		mpu_u32 index = 0;

		for (access++; *access >= '0' && *access <= '9'; access++)
			index = index * 10 + (mpu_u32)(*access - '0');
		walk->here = btf_resolve(walk->object, walk->here);
		error = btf_array(walk->object, walk->here) ? to_element(walk, index)
							    : to_member(walk, index);
	}
	return error ? error : *access ? -MPU_EBADMSG : 0;
}

/* Finds the value of a relocation in the kernel. */
static int resolve(const struct btf *object, const struct btf *kernel,
		   const struct relocation *relocation, mpu_u32 *value)
{
	struct walk walk = {object, kernel, btf_resolve(object, relocation->type), 0, 0};
	const char *name = btf_text(object, walk.here ? object->types[walk.here]->name : 0);
	int error;

	walk.there = btf_find(kernel, BTF_STRUCT, name);
	if (!walk.there)
		return failed_for(name, -MPU_ENOENT);
	if (relocation->kind == TYPE_SIZE) {
		*value = btf_size(kernel, walk.there);
		return 0;
	}
	if (relocation->kind != FIELD_BYTE_OFFSET)
		return -MPU_EBADMSG;
	error = follow(&walk, btf_text(object, relocation->access));
	/* Another size would need another instruction. */
	if (!error && btf_size(object, walk.here) != btf_size(kernel, walk.there))
		error = -MPU_ENOENT;
	*value = walk.offset;
	return error ? failed_for(name, error) : 0;
}

static int apply(struct bpf_instruction *instruction, mpu_u32 value)
{
	mpu_u8 class = instruction->code & CLASS_MASK;

	if (class == CLASS_LDX && value <= 0x7fff)
		instruction->offset = (mpu_u16)value;
	else if ((class == CLASS_ALU || class == CLASS_ALU64) &&
		 !(instruction->code & SOURCE_REGISTER))
		instruction->immediate = value;
	else
		return -MPU_EBADMSG;
	return 0;
}

int relocate(const struct object *object, const struct btf *kernel, struct bpf_instruction *program,
	     mpu_u32 count)
{
	struct section types, extensions;
	const struct extension *extension;
	const struct relocation_head *head;
	const struct relocation *relocation;
	struct btf own;
	mpu_u32 i, value = 0;
	int error = object_section(object, ".BTF", &types);

	if (!error)
		error = object_section(object, ".BTF.ext", &extensions);
	if (!error)
		error = btf_read(&own, types.data, types.size);
	if (error)
		return error;
	extension = extensions.data;
	/* The size of a record, then one section: the program is all there is. */
	head = (const void *)((const char *)extension + extension->header_size +
			      extension->relocations + sizeof(mpu_u32));
	relocation = (const void *)(head + 1);
	for (i = 0; i < head->count && !error; i++, relocation++) {
		if (relocation->instruction / sizeof(*program) >= count)
			return -MPU_EBADMSG;
		error = resolve(&own, kernel, relocation, &value);
		if (!error)
			error = apply(&program[relocation->instruction / sizeof(*program)], value);
	}
	return error;
}
