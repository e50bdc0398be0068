// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of PID-carrying RM controls. RM compares paramsSize with the exact size of the
 * structure, so (control, size) names one layout whatever the release.
 */
#include "rm.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Utilization samples: u64 time stamp, then one block an engine with utilization at 0, PID at 8,
 * subProcessID at 12. */
#define SAMPLES .kind = MPU_RM_KIND_SAMPLES, .pid = 16, .engine_size = 116
#define SAMPLES_IN_PARAMS(bytes, samples, sample_size, engines)                                    \
	{                                                                                          \
		SAMPLES, .cmd = MPU_RM_UTIL_SAMPLES_V2, .size = (bytes), .array = 16,              \
			 .stride = (sample_size), .max = (samples), .pids = (engines)              \
	}
#define SAMPLES_BEHIND_POINTER(control, samples, sample_size, engines)                             \
	{                                                                                          \
		SAMPLES, .cmd = (control), .size = 24, .buf_size = (samples) * (sample_size),      \
			 .pointer = 16, .stride = (sample_size), .max = (samples),                 \
			 .pids = (engines)                                                         \
	}

/* u32 PID, u32 index, u32 result, then memory figures as u64; 40, 48 and 72 bytes by era. */
#define PID_INFO(control, bytes, element, figures, row_flags)                                      \
	{                                                                                          \
		.cmd = (control), .size = (bytes), .kind = MPU_RM_KIND_INFO, .flags = (row_flags), \
		.count = 0, .array = 8, .stride = (element), .max = 200, .pids = 1, .data = 16,    \
		.data_size = (figures)                                                             \
	}

#define PID_LIST(control, row_flags)                                                               \
	{                                                                                          \
		.cmd = (control), .size = MPU_RM_PIDS_SIZE, .kind = MPU_RM_KIND_LIST,              \
		.flags = MPU_RM_ROW_UNIQUE | (row_flags), .count = 8, .array = 12, .stride = 4,    \
		.max = MPU_RM_MAX_LIST, .pids = 1                                                  \
	}

#define NVENC_V2(control)                                                                          \
	{                                                                                          \
		.cmd = (control), .size = 16388, .kind = MPU_RM_KIND_LIST, .count = 0, .array = 4, \
		.stride = 32, .max = 512, .pids = 1                                                \
	}

static const struct mpu_rm_layout layouts[] = {
	PID_LIST(MPU_RM_GPU_GET_PIDS, 0),
	PID_LIST(MPU_RM_DEVICE_GET_PIDS, MPU_RM_ROW_GLOBAL),

	PID_INFO(MPU_RM_GPU_GET_PID_INFO, 14408, 72, 48, 0),
	PID_INFO(MPU_RM_GPU_GET_PID_INFO, 9608, 48, 24, MPU_RM_ROW_GLOBAL),
	PID_INFO(MPU_RM_DEVICE_GET_PID_INFO, 8008, 40, 24, MPU_RM_ROW_GLOBAL),

	SAMPLES_IN_PARAMS(34000, 72, 472, 4),
	SAMPLES_IN_PARAMS(47216, 100, 472, 4),
	SAMPLES_IN_PARAMS(50704, 72, 704, 6),
	/* From 570 an engine ends with a kernel address, struct pid or 0. */
	{.cmd = MPU_RM_UTIL_SAMPLES_V2,
	 .size = 55888,
	 .kind = MPU_RM_KIND_SAMPLES,
	 .array = 16,
	 .stride = 776,
	 .max = 72,
	 .pid = 16,
	 .pids = 6,
	 .engine_size = 128,
	 .kernel_pointer = 112},

	SAMPLES_BEHIND_POINTER(MPU_RM_UTIL_SAMPLES_OLD, 100, 472, 4),
	SAMPLES_BEHIND_POINTER(MPU_RM_UTIL_SAMPLES_OLD, 72, 472, 4),
	SAMPLES_BEHIND_POINTER(MPU_RM_UTIL_SAMPLES_V1, 100, 472, 4),
	SAMPLES_BEHIND_POINTER(MPU_RM_UTIL_SAMPLES_V1, 72, 472, 4),
	SAMPLES_BEHIND_POINTER(MPU_RM_UTIL_SAMPLES_V1, 72, 704, 6),

	{.cmd = MPU_RM_ACCT_GET_PROC_INFO,
	 .size = 48,
	 .kind = MPU_RM_KIND_RECORD,
	 .pid = 4,
	 .pids = 1},
	{.cmd = MPU_RM_ACCT_GET_PROC_INFO_V2,
	 .size = 64,
	 .kind = MPU_RM_KIND_RECORD,
	 .pid = 4,
	 .pids = 1},
	{.cmd = MPU_RM_ACCT_GET_PIDS,
	 .size = 16012,
	 .kind = MPU_RM_KIND_LIST,
	 .flags = MPU_RM_ROW_UNIQUE,
	 .count = 16008,
	 .array = 8,
	 .stride = 4,
	 .max = MPU_RM_MAX_PIDS,
	 .pids = 1},

	{.cmd = MPU_RM_NVENC_SESSIONS,
	 .size = 16,
	 .kind = MPU_RM_KIND_LIST,
	 .count = 0,
	 .pointer = 8,
	 .stride = 32,
	 .max = 512,
	 .pids = 1},
	NVENC_V2(MPU_RM_NVENC_SESSIONS_V2),
	NVENC_V2(MPU_RM_NVENC_SESSIONS_V2_525),
	{.cmd = MPU_RM_NVFBC_SESSIONS,
	 .size = 13316,
	 .kind = MPU_RM_KIND_LIST,
	 .count = 0,
	 .array = 4,
	 .stride = 52,
	 .max = 256,
	 .pids = 1},

	/* The PID is meaningful only while there are reservations (count at 0); 0 is then read as
	   "no process". */
	{.cmd = MPU_RM_HWPM_RESERVATION,
	 .size = 12,
	 .kind = MPU_RM_KIND_SCALAR,
	 .pid = 4,
	 .pids = 1},
	{.cmd = MPU_RM_GET_RCERR_RPT,
	 .size = 2436,
	 .kind = MPU_RM_KIND_SCALAR,
	 .pid = 32,
	 .pids = 1},
};

const struct mpu_rm_layout *mpu_rm_row(unsigned int index)
{
	return index < ARRAY_SIZE(layouts) ? &layouts[index] : (void *)0;
}

/* Asked for every control of every CUDA program, so not a search in the table. */
int mpu_rm_is_known(mpu_u32 cmd)
{
	switch (cmd) {
	case MPU_RM_GPU_GET_PIDS:
	case MPU_RM_GPU_GET_PID_INFO:
	case MPU_RM_DEVICE_GET_PIDS:
	case MPU_RM_DEVICE_GET_PID_INFO:
	case MPU_RM_UTIL_SAMPLES_V2:
	case MPU_RM_UTIL_SAMPLES_OLD:
	case MPU_RM_UTIL_SAMPLES_V1:
	case MPU_RM_ACCT_GET_PROC_INFO:
	case MPU_RM_ACCT_GET_PROC_INFO_V2:
	case MPU_RM_ACCT_GET_PIDS:
	case MPU_RM_NVENC_SESSIONS:
	case MPU_RM_NVENC_SESSIONS_V2:
	case MPU_RM_NVENC_SESSIONS_V2_525:
	case MPU_RM_NVFBC_SESSIONS:
	case MPU_RM_HWPM_RESERVATION:
	case MPU_RM_GET_RCERR_RPT:
		return 1;
	default:
		return 0;
	}
}

int mpu_rm_status_matters(mpu_u32 cmd, mpu_u32 status)
{
	/* A container's PID asked of a driver that expects a host PID has no accounting record. */
	return status == MPU_NV_OK ||
	       (status == MPU_NV_ERR_OBJECT_NOT_FOUND &&
		(cmd == MPU_RM_ACCT_GET_PROC_INFO || cmd == MPU_RM_ACCT_GET_PROC_INFO_V2));
}

const struct mpu_rm_layout *mpu_rm_find(mpu_u32 cmd, mpu_u32 size, const void *params)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(layouts); i++) {
		const struct mpu_rm_layout *row = &layouts[i];

		if (row->cmd == cmd && row->size == size &&
		    (!row->buf_size || row->buf_size == mpu_rm_load32(params, 4)))
			return row;
	}
	return (void *)0;
}
