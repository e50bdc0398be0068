// SPDX-License-Identifier: GPL-2.0-only
#include "object.h"
#include "system.h"

/* Elf64_Ehdr and Elf64_Shdr */
struct elf_header {
	mpu_u8 identification[16];
	mpu_u16 type, machine;
	mpu_u32 version;
	mpu_u64 entry, program_headers, section_headers;
	mpu_u32 flags;
	mpu_u16 size, program_header_size, program_header_count;
	mpu_u16 section_header_size, section_count, names;
};

struct elf_section {
	mpu_u32 name, type;
	mpu_u64 flags, address, offset, size;
	mpu_u32 link, info;
	mpu_u64 alignment, entry_size;
};

/* Includes a file. */
#define EMBED(name, path)                                                                          \
	extern const char name[];                                                                  \
	__asm__(".section .rodata\n.balign 8\n" #name ":\n.incbin \"" path "\"\n.previous")

EMBED(direct_object, MPU_DIRECT_OBJECT);
EMBED(read_object, MPU_READ_OBJECT);

const struct object objects[] = {
	{"direct", direct_object},
	{"read", read_object},
	{0, 0},
};

int object_section(const struct object *object, const char *name, struct section *section)
{
	const struct elf_header *header = (const void *)object->data;
	const struct elf_section *sections = (const void *)(object->data + header->section_headers);
	const char *names = object->data + sections[header->names].offset;
	mpu_u16 i;

	for (i = 1; i < header->section_count; i++)
		if (is_equal(names + sections[i].name, name)) {
			section->data = object->data + sections[i].offset;
			section->size = sections[i].size;
			return 0;
		}
	return failed_for(name, -MPU_EBADMSG);
}
