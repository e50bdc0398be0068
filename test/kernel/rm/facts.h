/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests hold the code against: the tables layouts.tsv and releases.tsv. */
#ifndef MPU_TEST_FACTS_H
#define MPU_TEST_FACTS_H

#include "rm/rm.h"

#define FACT_ABSENT    0xffffffffu
#define FACT_PIDS      6
#define FACTS_MAX      64
#define FACT_NAME_SIZE 32

/* One row of layouts.tsv; FACT_ABSENT where the row has "-". */
struct fact {
	mpu_u32 cmd, size, buf_size;
	enum mpu_rm_kind kind;
	mpu_u32 count, pointer, array, stride, max;
	mpu_u32 pid[FACT_PIDS], pids;
	mpu_u32 engine[FACT_PIDS], engine_size;
	mpu_u32 kernel_pointer[FACT_PIDS], kernel_pointers;
	mpu_u32 data, data_size;
	int unique;
};

/* Reads layouts.tsv; the number of rows. Ends the program when the file is not as it should be. */
unsigned int facts_load(struct fact *facts);

/* The row for (cmd, size, buf_size), which must exist. */
const struct fact *facts_find(const struct fact *facts, unsigned int rows, mpu_u32 cmd,
			      mpu_u32 size, mpu_u32 buf_size);

/* Calls back for every "version<TAB>regime" row of a table; the number of rows. */
unsigned int facts_each_release(const char *file,
				void (*row)(const char *version, const char *regime));

/* Bytes of the array: all its elements. 0 for layouts without one. */
mpu_u32 fact_array_size(const struct fact *fact);

#endif
