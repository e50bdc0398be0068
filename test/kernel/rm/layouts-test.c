// SPDX-License-Identifier: GPL-2.0-only
/* The layouts table against layouts.tsv: every row is there, and nothing else is. */
#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "guard.h"
#include "reference.h"
#include "suites.h"
#include "tap.h"

static const struct mpu_rm_layout *find(const struct fact *fact, mpu_u32 size, mpu_u32 buf_size)
{
	struct guard params = guard_new(size < 8 ? 8 : size);
	const struct mpu_rm_layout *layout;

	memset(params.memory, 0x5a, params.size);
	if (buf_size)
		fact_store(params.memory, 4, buf_size);
	layout = mpu_rm_find(fact->cmd, size, params.memory);
	guard_free(&params);
	return layout;
}

static void check_fields(const struct fact *fact, const struct mpu_rm_layout *row)
{
	mpu_u32 k;

	is(row->kind, fact->kind, "0x%08x/%u: kind", fact->cmd, fact->size);
	is(row->pids, fact->pids, "0x%08x/%u: PIDs an element", fact->cmd, fact->size);
	is(!!(row->flags & MPU_RM_ROW_UNIQUE), (unsigned int)fact->unique,
	   "0x%08x/%u: whether a process belongs in the list once", fact->cmd, fact->size);
	for (k = 0; k < fact->pids; k++)
		is(row->pid + k * row->engine_size, fact->pid[k], "0x%08x/%u: place of PID %u",
		   fact->cmd, fact->size, k);
	for (k = 0; k < fact->kernel_pointers; k++)
		is(row->pid + k * row->engine_size + row->kernel_pointer, fact->kernel_pointer[k],
		   "0x%08x/%u: place of kernel pointer %u", fact->cmd, fact->size, k);
	is(row->kernel_pointer != 0, fact->kernel_pointers != 0, "0x%08x/%u: has kernel pointers",
	   fact->cmd, fact->size);
	if (fact->count != FACT_ABSENT)
		is(row->count, fact->count, "0x%08x/%u: place of the count", fact->cmd, fact->size);
	is(row->pointer, fact->pointer == FACT_ABSENT ? 0 : fact->pointer,
	   "0x%08x/%u: place of the pointer", fact->cmd, fact->size);
	is(row->array, fact->array == FACT_ABSENT ? 0 : fact->array,
	   "0x%08x/%u: place of the array", fact->cmd, fact->size);
	if (fact->stride != FACT_ABSENT) {
		is(row->stride, fact->stride, "0x%08x/%u: stride", fact->cmd, fact->size);
		is(row->max, fact->max, "0x%08x/%u: most elements", fact->cmd, fact->size);
	}
	if (fact->data != FACT_ABSENT) {
		is(row->data, fact->data, "0x%08x/%u: place of the memory figures", fact->cmd,
		   fact->size);
		is(row->data_size, fact->data_size, "0x%08x/%u: size of the memory figures",
		   fact->cmd, fact->size);
	}
}

static int known_elsewhere(const struct fact *facts, unsigned int rows, mpu_u32 cmd, mpu_u32 size)
{
	unsigned int i;

	for (i = 0; i < rows; i++)
		if (facts[i].cmd == cmd && facts[i].size == size)
			return 1;
	return 0;
}

static void check_other_sizes(const struct fact *facts, unsigned int rows, const struct fact *fact)
{
	static const mpu_u32 sizes[] = {8, 20, 28, 3811, 3813, 3808, 14404, 14412, 65536};
	int untouched = 1;
	unsigned int i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (!known_elsewhere(facts, rows, fact->cmd, sizes[i]) &&
		    find(fact, sizes[i], fact->buf_size))
			untouched = 0;
	for (i = 1; i <= 8; i++) {
		if (!known_elsewhere(facts, rows, fact->cmd, fact->size + i) &&
		    find(fact, fact->size + i, fact->buf_size))
			untouched = 0;
		if (fact->size > i && !known_elsewhere(facts, rows, fact->cmd, fact->size - i) &&
		    find(fact, fact->size - i, fact->buf_size))
			untouched = 0;
	}
	ok(untouched, "0x%08x/%u: no other size is taken for it", fact->cmd, fact->size);
	if (fact->buf_size)
		ok(!find(fact, fact->size, fact->buf_size - 4) &&
			   !find(fact, fact->size, fact->buf_size + 472) &&
			   !find(fact, fact->size, 0xffffffffu),
		   "0x%08x/%u: no other buffer size than %u is taken for it", fact->cmd, fact->size,
		   fact->buf_size);
}

static void check_bounds(const struct mpu_rm_layout *row)
{
	mpu_u32 params_end = row->count + 4u, element;

	if (row->kind == MPU_RM_KIND_LIST || row->kind == MPU_RM_KIND_INFO)
		ok(params_end <= row->size, "0x%08x/%u: the count lies inside", row->cmd,
		   row->size);
	element = row->pid + (row->pids - 1u) * row->engine_size + 4u;
	if (row->kernel_pointer)
		element += row->kernel_pointer + 4u;
	if (row->stride) {
		ok(element <= row->stride, "0x%08x/%u: an element's PIDs lie inside it", row->cmd,
		   row->size);
		if (!row->pointer)
			ok(row->array + (mpu_u32)row->stride * row->max <= row->size,
			   "0x%08x/%u: the array lies inside", row->cmd, row->size);
		ok((mpu_u32)row->max * row->pids <= MPU_RM_MAX_PIDS,
		   "0x%08x/%u: its PIDs fit the scratch memory", row->cmd, row->size);
	} else {
		ok(element <= row->size, "0x%08x/%u: the PID lies inside", row->cmd, row->size);
	}
}

void layouts_suite(void)
{
	static const mpu_u32 strange[] = {0,	       0x2080018cu, 0x2080018fu, 0x20802095u,
					  0x20801349u, 0xb01u,	    0xb02u,	 0xb05u,
					  0x901u,      0x503c0106u, 0xa0810102u, 0xffffffffu};
	struct fact facts[FACTS_MAX];
	unsigned int rows = facts_load(facts), i;

	for (i = 0; i < rows; i++) {
		const struct mpu_rm_layout *row = find(&facts[i], facts[i].size, facts[i].buf_size);

		if (!ok(row && row->cmd == facts[i].cmd && row->size == facts[i].size &&
				row->buf_size == facts[i].buf_size,
			"0x%08x/%u (buffer %u): has its row", facts[i].cmd, facts[i].size,
			facts[i].buf_size))
			continue;
		ok(mpu_rm_is_known(facts[i].cmd), "0x%08x: is known", facts[i].cmd);
		check_fields(&facts[i], row);
		check_bounds(row);
		check_other_sizes(facts, rows, &facts[i]);
	}
	for (i = 0; mpu_rm_row(i); i++)
		;
	is(i, rows, "the table has no other row");
	ok(!mpu_rm_row(i + 1) && !mpu_rm_row(0xffffffffu), "there is nothing behind its end");

	for (i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
		ok(!mpu_rm_is_known(strange[i]), "0x%08x: is not ours", strange[i]);
	ok(mpu_rm_status_matters(MPU_RM_GPU_GET_PIDS, 0), "an answered control matters");
	ok(!mpu_rm_status_matters(MPU_RM_GPU_GET_PIDS, 0x57), "a refused list does not");
	ok(!mpu_rm_status_matters(MPU_RM_GPU_GET_PID_INFO, 0x57), "a refused question does not");
	ok(mpu_rm_status_matters(MPU_RM_ACCT_GET_PROC_INFO, 0x57),
	   "an accounting record not found does");
	ok(!mpu_rm_status_matters(MPU_RM_ACCT_GET_PROC_INFO, 0x56), "an unsupported one does not");
	ok(mpu_rm_status_matters(MPU_RM_ACCT_GET_PROC_INFO_V2, 0x57), "the same of version 2");
	ok(!mpu_rm_status_matters(MPU_RM_ACCT_GET_PROC_INFO_V2, 0x56), "where it exists");
}
