/* SPDX-License-Identifier: GPL-2.0-only */
/* Fixed-width types, mem* and strlen for the model, which also compiles inside a kernel module. */
#ifndef RMSIM_TYPES_H
#define RMSIM_TYPES_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/string.h>
#include <linux/types.h>

#define UINT32_MAX U32_MAX
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#endif

static inline uint32_t get_u32(const void *base, size_t offset)
{
	uint32_t value;

	memcpy(&value, (const uint8_t *)base + offset, sizeof(value));
	return value;
}

static inline uint64_t get_u64(const void *base, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)base + offset, sizeof(value));
	return value;
}

static inline void put_u32(void *base, size_t offset, uint32_t value)
{
	memcpy((uint8_t *)base + offset, &value, sizeof(value));
}

static inline void put_u64(void *base, size_t offset, uint64_t value)
{
	memcpy((uint8_t *)base + offset, &value, sizeof(value));
}

#endif
