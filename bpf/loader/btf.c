// SPDX-License-Identifier: GPL-2.0-only
#include "btf.h"
#include "system.h"

#define BTF_MAGIC   0xeb9f
#define MAX_NESTING 16

struct btf_header {
	mpu_u16 magic;
	mpu_u8 version;
	mpu_u8 flags;
	mpu_u32 header_size;
	mpu_u32 types;
	mpu_u32 types_size;
	mpu_u32 strings;
	mpu_u32 strings_size;
};

struct btf_member {
	mpu_u32 name;
	mpu_u32 type;
	mpu_u32 offset; /* bits; with the kind flag, the size of a bitfield in the upper byte */
};

static mpu_u32 vlen(const struct btf_type *type)
{
	return type->info & 0xffff;
}

enum btf_kind btf_kind(const struct btf_type *type)
{
	return (enum btf_kind)(type->info >> 24 & 0x1f);
}

/* Bytes that follow a type's first three words; negative for a kind that is not known. */
static long extra_size(const struct btf_type *type)
{
	switch (btf_kind(type)) {
	case BTF_INT:
	case BTF_VAR:
	case BTF_DECL_TAG:
		return 4;
	case BTF_ARRAY:
		return sizeof(struct btf_array);
	case BTF_STRUCT:
	case BTF_UNION:
	case BTF_DATASEC:
	case BTF_ENUM64:
		return 12 * (long)vlen(type);
	case BTF_ENUM:
	case BTF_FUNC_PROTO:
		return 8 * (long)vlen(type);
	case BTF_PTR:
	case BTF_FWD:
	case BTF_TYPEDEF:
	case BTF_VOLATILE:
	case BTF_CONST:
	case BTF_RESTRICT:
	case BTF_FUNC:
	case BTF_FLOAT:
	case BTF_TYPE_TAG:
		return 0;
	default:
		return -1;
	}
}

/* Walks over the types. Returns how many there are, or -1; stores them where types is not NULL. */
static long walk(const char *at, mpu_u32 size, const struct btf_type **types)
{
	long count = 0;

	while (size >= sizeof(struct btf_type)) {
		const struct btf_type *type = (const void *)at;
		long extra = extra_size(type);
		mpu_u32 step = (mpu_u32)(sizeof(*type) + (unsigned long)extra);

		if (extra < 0 || step > size)
			return -1;
		count++;
		if (types)
			types[count] = type;
		at += step;
		size -= step;
	}
	return size ? -1 : count;
}

int btf_read(struct btf *btf, const void *data, unsigned long size)
{
	const struct btf_header *header = data;
	const char *types;
	unsigned long body;
	long count;

	if (size < sizeof(*header) || header->magic != BTF_MAGIC || header->header_size > size)
		return -MPU_EBADMSG;
	body = size - header->header_size;
	if (header->types > body || header->types_size > body - header->types ||
	    header->strings > body || header->strings_size > body - header->strings ||
	    !header->strings_size || header->types & 3 || header->header_size & 3)
		return -MPU_EBADMSG;
	types = (const char *)data + header->header_size + header->types;
	btf->strings = (const char *)data + header->header_size + header->strings;
	btf->strings_size = header->strings_size;
	count = walk(types, header->types_size, 0);
	if (count < 0 || btf->strings[btf->strings_size - 1])
		return -MPU_EBADMSG;
	btf->count = (mpu_u32)count;
	btf->types = mpu_sys_map(0, ((unsigned long)count + 1) * sizeof(*btf->types));
	if (!btf->types)
		return -ENOMEM;
	walk(types, header->types_size, btf->types);
	return 0;
}

const char *btf_text(const struct btf *btf, mpu_u32 offset)
{
	return offset < btf->strings_size ? btf->strings + offset : "";
}

static const struct btf_type *type_of(const struct btf *btf, mpu_u32 id)
{
	return id && id <= btf->count ? btf->types[id] : 0;
}

mpu_u32 btf_find(const struct btf *btf, enum btf_kind kind, const char *name)
{
	mpu_u32 id;

	for (id = 1; id <= btf->count; id++)
		if (btf_kind(btf->types[id]) == kind &&
		    is_equal(btf_text(btf, btf->types[id]->name), name))
			return id;
	return 0;
}

mpu_u32 btf_resolve(const struct btf *btf, mpu_u32 id)
{
	int depth;

	for (depth = 0; depth < MAX_NESTING; depth++) {
		const struct btf_type *type = type_of(btf, id);

		if (!type)
			return 0;
		switch (btf_kind(type)) {
		case BTF_TYPEDEF:
		case BTF_VOLATILE:
		case BTF_CONST:
		case BTF_RESTRICT:
		case BTF_TYPE_TAG:
			id = type->size;
			break;
		default:
			return id;
		}
	}
	return 0;
}

const struct btf_array *btf_array(const struct btf *btf, mpu_u32 id)
{
	const struct btf_type *type = type_of(btf, id);

	return type && btf_kind(type) == BTF_ARRAY ? (const void *)(type + 1) : 0;
}

mpu_u32 btf_size(const struct btf *btf, mpu_u32 id)
{
	const struct btf_type *type = type_of(btf, btf_resolve(btf, id));

	if (!type)
		return 0;
	switch (btf_kind(type)) {
	case BTF_PTR:
		return 8;
	case BTF_INT:
	case BTF_STRUCT:
	case BTF_UNION:
	case BTF_ENUM:
	case BTF_ENUM64:
		return type->size;
	default:
		return 0;
	}
}

/* The members of a structure or union; NULL for another type. */
static const struct btf_member *members(const struct btf_type *type)
{
	if (!type || (btf_kind(type) != BTF_STRUCT && btf_kind(type) != BTF_UNION))
		return 0;
	return (const void *)(type + 1);
}

const char *btf_member_name(const struct btf *btf, mpu_u32 id, mpu_u32 index, mpu_u32 *type)
{
	const struct btf_type *owner = type_of(btf, id);
	const struct btf_member *member = members(owner);

	if (!member || index >= vlen(owner))
		return 0;
	*type = member[index].type;
	return btf_text(btf, member[index].name);
}

static int find_member(const struct btf *btf, mpu_u32 id, const char *name, int depth,
		       struct btf_member_place *place)
{
	const struct btf_type *owner = type_of(btf, btf_resolve(btf, id));
	const struct btf_member *member = members(owner);
	mpu_u32 i;

	if (!member || depth > MAX_NESTING)
		return 0;
	for (i = 0; i < vlen(owner); i++, member++) {
		const char *found = btf_text(btf, member->name);
		mpu_u32 bits = owner->info >> 31 ? member->offset & 0xffffff : member->offset;

		if (*found ? is_equal(found, name)
			   : find_member(btf, member->type, name, depth + 1, place)) {
			place->offset = bits / 8 + (*found ? 0 : place->offset);
			if (*found)
				place->type = member->type;
			return 1;
		}
	}
	return 0;
}

int btf_find_member(const struct btf *btf, mpu_u32 id, const char *name,
		    struct btf_member_place *place)
{
	return find_member(btf, id, name, 0, place);
}
