// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compares the layouts of PID-carrying controls in a source tree of NVIDIA's open driver with
 * kernel/rm/layouts.c. driver-layouts.js compiles it with the tree's headers and runs it. A line
 * for each control: "same", "differs", "new" (no row for its size) or "absent" (not in the tree).
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "rm/rm.h"

#include "nvtypes.h"

#include "ctrl/ctrl0000/ctrl0000gpuacct.h"
#include "ctrl/ctrl0000/ctrl0000nvd.h"
#include "ctrl/ctrl2080/ctrl2080gpu.h"
#include "ctrl/ctrl2080/ctrl2080perf.h"
#include "ctrl/ctrl90cc/ctrl90cchwpm.h"

/* As the tree has it; 0 where a control has no such thing. */
struct found {
	const char *name;
	mpu_u32 cmd;
	size_t size, count, pointer, array, stride, max, pid;
};

static int differences;

static void compare(const char *name, const char *field, mpu_u32 row, size_t tree)
{
	if (row == tree)
		return;
	differences++;
	printf("differs %s: %s is %zu, layouts.c has %u\n", name, field, tree, row);
}

static void check(const struct found *found)
{
	static unsigned char params[65536];
	const struct mpu_rm_layout *row = mpu_rm_find(found->cmd, (mpu_u32)found->size, params);
	int before = differences;

	if (!row) {
		differences++;
		printf("new %s, 0x%08x: its %zu bytes have no row\n", found->name, found->cmd,
		       found->size);
		return;
	}
	compare(found->name, "the place of the count", row->count, found->count);
	compare(found->name, "the place of the pointer", row->pointer, found->pointer);
	compare(found->name, "the place of the array", row->array, found->array);
	compare(found->name, "the size of an element", row->stride, found->stride);
	compare(found->name, "the number of elements", row->max, found->max);
	compare(found->name, "the place of the first PID", row->pid, found->pid);
	if (differences == before)
		printf("same %s, 0x%08x: %zu bytes\n", found->name, found->cmd, found->size);
}

static void absent(const char *name)
{
	printf("absent %s\n", name);
}

#define ELEMENTS(type, array) (sizeof(((type *)0)->array) / sizeof(((type *)0)->array[0]))
#define STRIDE(type, array)   sizeof(((type *)0)->array[0])
#define IN_ARRAY(type, counter, table)                                                             \
	.size = sizeof(type), .count = offsetof(type, counter), .array = offsetof(type, table),    \
	.stride = STRIDE(type, table), .max = ELEMENTS(type, table)
#define SCALAR(type, member) .size = sizeof(type), .pid = offsetof(type, member)

int main(void)
{
#ifdef NV2080_CTRL_CMD_GPU_GET_PIDS
	check(&(struct found){"GPU_GET_PIDS", NV2080_CTRL_CMD_GPU_GET_PIDS,
			      IN_ARRAY(NV2080_CTRL_GPU_GET_PIDS_PARAMS, pidTblCount, pidTbl)});
#else
	absent("GPU_GET_PIDS");
#endif
#ifdef NV2080_CTRL_CMD_GPU_GET_PID_INFO
	check(&(struct found){
		"GPU_GET_PID_INFO", NV2080_CTRL_CMD_GPU_GET_PID_INFO,
		IN_ARRAY(NV2080_CTRL_GPU_GET_PID_INFO_PARAMS, pidInfoListCount, pidInfoList),
		.pid = offsetof(NV2080_CTRL_GPU_PID_INFO, pid)});
#else
	absent("GPU_GET_PID_INFO");
#endif
#ifdef NV2080_CTRL_CMD_PERF_GET_GPUMON_PERFMON_UTIL_SAMPLES_V2
	check(&(struct found){
		"PERF_GET_GPUMON_PERFMON_UTIL_SAMPLES_V2",
		NV2080_CTRL_CMD_PERF_GET_GPUMON_PERFMON_UTIL_SAMPLES_V2,
		.size = sizeof(NV2080_CTRL_PERF_GET_GPUMON_PERFMON_UTIL_SAMPLES_V2_PARAMS),
		.array = offsetof(NV2080_CTRL_PERF_GET_GPUMON_PERFMON_UTIL_SAMPLES_V2_PARAMS,
				  samples),
		.stride =
			STRIDE(NV2080_CTRL_PERF_GET_GPUMON_PERFMON_UTIL_SAMPLES_V2_PARAMS, samples),
		.max = ELEMENTS(NV2080_CTRL_PERF_GET_GPUMON_PERFMON_UTIL_SAMPLES_V2_PARAMS,
				samples),
		.pid = offsetof(NV2080_CTRL_PERF_GPUMON_PERFMON_UTIL_SAMPLE, fb.procId)});
#else
	absent("PERF_GET_GPUMON_PERFMON_UTIL_SAMPLES_V2");
#endif
#ifdef NV0000_CTRL_CMD_GPUACCT_GET_PROC_ACCOUNTING_INFO
	check(&(struct found){"GPUACCT_GET_PROC_ACCOUNTING_INFO",
			      NV0000_CTRL_CMD_GPUACCT_GET_PROC_ACCOUNTING_INFO,
			      SCALAR(NV0000_CTRL_GPUACCT_GET_PROC_ACCOUNTING_INFO_PARAMS, pid)});
#else
	absent("GPUACCT_GET_PROC_ACCOUNTING_INFO");
#endif
#ifdef NV0000_CTRL_CMD_GPUACCT_GET_PROC_ACCOUNTING_INFO_V2
	check(&(struct found){"GPUACCT_GET_PROC_ACCOUNTING_INFO_V2",
			      NV0000_CTRL_CMD_GPUACCT_GET_PROC_ACCOUNTING_INFO_V2,
			      SCALAR(NV0000_CTRL_GPUACCT_GET_PROC_ACCOUNTING_INFO_V2_PARAMS, pid)});
#else
	absent("GPUACCT_GET_PROC_ACCOUNTING_INFO_V2");
#endif
#ifdef NV0000_CTRL_CMD_GPUACCT_GET_ACCOUNTING_PIDS
	check(&(struct found){
		"GPUACCT_GET_ACCOUNTING_PIDS", NV0000_CTRL_CMD_GPUACCT_GET_ACCOUNTING_PIDS,
		IN_ARRAY(NV0000_CTRL_GPUACCT_GET_ACCOUNTING_PIDS_PARAMS, pidCount, pidTbl)});
#else
	absent("GPUACCT_GET_ACCOUNTING_PIDS");
#endif
#ifdef NV2080_CTRL_GPU_GET_NVENC_SW_SESSION_INFO
	check(&(struct found){"GPU_GET_NVENC_SW_SESSION_INFO",
			      NV2080_CTRL_GPU_GET_NVENC_SW_SESSION_INFO,
			      .size = sizeof(NV2080_CTRL_GPU_GET_NVENC_SW_SESSION_INFO_PARAMS),
			      .count = offsetof(NV2080_CTRL_GPU_GET_NVENC_SW_SESSION_INFO_PARAMS,
						sessionInfoTblEntry),
			      .pointer = offsetof(NV2080_CTRL_GPU_GET_NVENC_SW_SESSION_INFO_PARAMS,
						  sessionInfoTbl),
			      .stride = sizeof(NV2080_CTRL_NVENC_SW_SESSION_INFO),
			      .max = NV2080_CTRL_GPU_NVENC_SESSION_INFO_MAX_COPYOUT_ENTRIES,
			      .pid = offsetof(NV2080_CTRL_NVENC_SW_SESSION_INFO, processId)});
#else
	absent("GPU_GET_NVENC_SW_SESSION_INFO");
#endif
#ifdef NV2080_CTRL_GPU_GET_NVENC_SW_SESSION_INFO_V2
	check(&(struct found){"GPU_GET_NVENC_SW_SESSION_INFO_V2",
			      NV2080_CTRL_GPU_GET_NVENC_SW_SESSION_INFO_V2,
			      IN_ARRAY(NV2080_CTRL_GPU_GET_NVENC_SW_SESSION_INFO_V2_PARAMS,
				       sessionInfoTblEntry, sessionInfoTbl),
			      .pid = offsetof(NV2080_CTRL_NVENC_SW_SESSION_INFO, processId)});
#else
	absent("GPU_GET_NVENC_SW_SESSION_INFO_V2");
#endif
#ifdef NV2080_CTRL_GPU_GET_NVFBC_SW_SESSION_INFO
	check(&(struct found){"GPU_GET_NVFBC_SW_SESSION_INFO",
			      NV2080_CTRL_GPU_GET_NVFBC_SW_SESSION_INFO,
			      IN_ARRAY(NV2080_CTRL_GPU_GET_NVFBC_SW_SESSION_INFO_PARAMS,
				       sessionInfoCount, sessionInfoTbl),
			      .pid = offsetof(NV2080_CTRL_NVFBC_SW_SESSION_INFO, processId)});
#else
	absent("GPU_GET_NVFBC_SW_SESSION_INFO");
#endif
#ifdef NV90CC_CTRL_CMD_HWPM_GET_RESERVATION_INFO
	check(&(struct found){"HWPM_GET_RESERVATION_INFO",
			      NV90CC_CTRL_CMD_HWPM_GET_RESERVATION_INFO,
			      SCALAR(NV90CC_CTRL_HWPM_GET_RESERVATION_INFO_PARAMS, pid)});
#else
	absent("HWPM_GET_RESERVATION_INFO");
#endif
#ifdef NV0000_CTRL_CMD_NVD_GET_RCERR_RPT
	check(&(struct found){"NVD_GET_RCERR_RPT", NV0000_CTRL_CMD_NVD_GET_RCERR_RPT,
			      SCALAR(NV0000_CTRL_CMD_NVD_GET_RCERR_RPT_PARAMS, processId)});
#else
	absent("NVD_GET_RCERR_RPT");
#endif
	return differences ? 1 : 0;
}
