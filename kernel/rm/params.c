// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving PIDs out of and into the arguments of RM controls. The caller does the translation in
 * between, in one batch.
 */
#include "rm.h"

struct unaligned32 {
	mpu_u32 value;
} __attribute__((packed, may_alias));

struct unaligned64 {
	mpu_u64 value;
} __attribute__((packed, may_alias));

static mpu_u8 *at(void *base, mpu_u32 offset)
{
	return (mpu_u8 *)base + offset;
}

static const mpu_u8 *at_const(const void *base, mpu_u32 offset)
{
	return (const mpu_u8 *)base + offset;
}

mpu_u32 mpu_rm_load32(const void *base, mpu_u32 offset)
{
	return ((const struct unaligned32 *)at_const(base, offset))->value;
}

void mpu_rm_store32(void *base, mpu_u32 offset, mpu_u32 value)
{
	((struct unaligned32 *)at(base, offset))->value = value;
}

static mpu_u64 load64(const void *base, mpu_u32 offset)
{
	return ((const struct unaligned64 *)at_const(base, offset))->value;
}

static void store64(void *base, mpu_u32 offset, mpu_u64 value)
{
	((struct unaligned64 *)at(base, offset))->value = value;
}

/* Every structure here is a whole number of 32-bit words long. */
void mpu_rm_copy(void *to, const void *from, mpu_u32 size)
{
	mpu_u32 i;

	for (i = 0; i < size; i += 4)
		mpu_rm_store32(to, i, mpu_rm_load32(from, i));
}

static void zero(void *base, mpu_u32 size)
{
	mpu_u32 i;

	for (i = 0; i < size; i += 4)
		mpu_rm_store32(base, i, 0);
}

mpu_u64 mpu_rm_array_pointer(const struct mpu_rm_layout *layout, const void *params)
{
	return layout->pointer ? load64(params, layout->pointer) : 0;
}

mpu_u32 mpu_rm_elements(const struct mpu_rm_layout *layout, const void *params)
{
	mpu_u32 count;

	switch (layout->kind) {
	case MPU_RM_KIND_LIST:
	case MPU_RM_KIND_INFO:
		count = mpu_rm_load32(params, layout->count);
		return count <= layout->max ? count : 0;
	case MPU_RM_KIND_SAMPLES:
		return layout->max; /* a ring: any slot may be in use */
	default:
		return 1;
	}
}

#define NO_INSTANCE 0xffffffffu /* PARTITIONID_INVALID */

/* Offset of PID k of element i from the start of the array. */
static mpu_u32 pid_offset(const struct mpu_rm_layout *layout, mpu_u32 i, mpu_u32 k)
{
	return i * layout->stride + layout->pid + k * layout->engine_size;
}

static int marked_invisible(const struct mpu_rm_layout *layout, const void *array, mpu_u32 offset)
{
	return layout->kernel_pointer && load64(array, offset + layout->kernel_pointer);
}

mpu_u32 mpu_rm_gather(const struct mpu_rm_layout *layout, const void *array, mpu_u32 elements,
		      mpu_u32 *pids)
{
	mpu_u32 i, k, n = 0;

	for (i = 0; i < elements; i++) {
		for (k = 0; k < layout->pids; k++, n++) {
			mpu_u32 offset = pid_offset(layout, i, k);
			mpu_u32 pid = mpu_rm_load32(array, offset);

			if (pid == MPU_RM_NO_PID || marked_invisible(layout, array, offset))
				pid = 0;
			pids[n] = pid;
		}
	}
	return n;
}

static int listed_before(const struct mpu_rm_layout *layout, const void *array, mpu_u32 kept,
			 mpu_u32 pid)
{
	mpu_u32 i;

	for (i = 0; i < kept; i++)
		if (mpu_rm_load32(array, pid_offset(layout, i, 0)) == pid)
			return 1;
	return 0;
}

static void scatter_list(const struct mpu_rm_layout *layout, void *params, void *array,
			 mpu_u32 elements, const mpu_u32 *pids)
{
	mpu_u32 i, kept = 0;

	for (i = 0; i < elements; i++) {
		if (!pids[i])
			continue;
		if ((layout->flags & MPU_RM_ROW_UNIQUE) &&
		    listed_before(layout, array, kept, pids[i]))
			continue;
		if (kept != i)
			mpu_rm_copy(at(array, kept * layout->stride), at(array, i * layout->stride),
				    layout->stride);
		mpu_rm_store32(array, pid_offset(layout, kept, 0), pids[i]);
		kept++;
	}
	zero(at(array, kept * layout->stride), (elements - kept) * layout->stride);
	if (kept != elements)
		mpu_rm_store32(params, layout->count, kept);
}

static mpu_u32 first_visible(const mpu_u32 *pids, mpu_u32 count)
{
	mpu_u32 i;

	for (i = 0; i < count; i++)
		if (pids[i])
			return pids[i];
	return MPU_RM_NO_PID;
}

/*
 * An invisible process's share becomes one of 0 % of a visible process, which is what it is:
 * somebody else had that engine in that sample. With "no process" instead, NVML from 535 on skips a
 * sample when it stands for the SMs, and averages over the remaining ones: a process that has the
 * SMs in two samples of five would be shown with 99 % instead of 39 %.
 */
static void scatter_samples(const struct mpu_rm_layout *layout, void *array, mpu_u32 elements,
			    const mpu_u32 *pids)
{
	mpu_u32 i, k, n = 0;
	mpu_u32 stand_in = first_visible(pids, elements * layout->pids);

	for (i = 0; i < elements; i++) {
		for (k = 0; k < layout->pids; k++, n++) {
			mpu_u32 offset = pid_offset(layout, i, k);
			mpu_u32 pid = mpu_rm_load32(array, offset);
			int invisible = marked_invisible(layout, array, offset);

			if (pids[n]) {
				mpu_rm_store32(array, offset, pids[n]);
			} else if (invisible || (pid && pid != MPU_RM_NO_PID)) {
				/* the PID lies 8 bytes into its engine's block: utilization and the
				 * rest go too */
				zero(at(array, offset - 8), layout->engine_size);
				mpu_rm_store32(array, offset, stand_in);
			}
		}
	}
}

void mpu_rm_scatter(const struct mpu_rm_layout *layout, void *params, void *array, mpu_u32 elements,
		    const mpu_u32 *pids)
{
	switch (layout->kind) {
	case MPU_RM_KIND_LIST:
		scatter_list(layout, params, array, elements, pids);
		break;
	case MPU_RM_KIND_SAMPLES:
		scatter_samples(layout, array, elements, pids);
		break;
	case MPU_RM_KIND_SCALAR:
	case MPU_RM_KIND_RECORD:
		mpu_rm_store32(array, layout->pid, pids[0]);
		break;
	default:
		break;
	}
}

void mpu_rm_hide_pointers(const struct mpu_rm_layout *layout, void *array, mpu_u32 elements)
{
	mpu_u32 i, k;

	for (i = 0; layout->kernel_pointer && i < elements; i++)
		for (k = 0; k < layout->pids; k++)
			store64(array, pid_offset(layout, i, k) + layout->kernel_pointer, 0);
}

/* A question consists of PID and index; everything behind is the driver's to fill. */
#define INFO_HEAD 8u

void mpu_rm_ask(const struct mpu_rm_layout *layout, void *array, mpu_u32 elements,
		const mpu_u32 *pids)
{
	mpu_u32 i;

	for (i = 0; i < elements; i++) {
		mpu_rm_store32(array, pid_offset(layout, i, 0), pids[i] ? pids[i] : MPU_RM_NO_PID);
		zero(at(array, i * layout->stride + INFO_HEAD), layout->stride - INFO_HEAD);
	}
}

mpu_u64 mpu_rm_info_memory(const struct mpu_rm_layout *layout, const void *array, mpu_u32 i)
{
	mpu_u32 offset;
	mpu_u64 sum = 0;

	for (offset = 0; offset < layout->data_size; offset += 8)
		sum += load64(array, i * layout->stride + layout->data + offset);
	return sum;
}

void mpu_rm_info_clear(const struct mpu_rm_layout *layout, void *array, mpu_u32 i)
{
	zero(at(array, i * layout->stride + layout->data), layout->data_size);
}

void mpu_rm_info_add(const struct mpu_rm_layout *layout, void *array, mpu_u32 to,
		     const void *from_array, mpu_u32 from)
{
	mpu_u8 *target = at(array, to * layout->stride);
	const mpu_u8 *source = at_const(from_array, from * layout->stride);
	mpu_u32 offset = layout->data, end = layout->data + layout->data_size;

	for (; offset < end; offset += 8)
		store64(target, offset, load64(target, offset) + load64(source, offset));
	/* MIG instance ids: those of whichever client has some */
	for (; offset < layout->stride; offset += 4)
		if (mpu_rm_load32(target, offset) == NO_INSTANCE)
			mpu_rm_store32(target, offset, mpu_rm_load32(source, offset));
}

/* The driver fills everything behind subPid. */
#define RECORD_HEAD 12u
#define RECORD_END  40u /* u64 time, 0 until then */

int mpu_rm_record_runs(const void *params)
{
	return !load64(params, RECORD_END);
}

void mpu_rm_clear_record(const struct mpu_rm_layout *layout, void *params)
{
	zero(at(params, RECORD_HEAD), layout->size - RECORD_HEAD);
}
