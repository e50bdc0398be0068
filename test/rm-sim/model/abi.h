/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers of the RM ABI that the model answers (open driver: nv-ioctl-numbers.h, nv_escape.h,
 * nvstatuscodes.h, ctrl/). */
#ifndef RMSIM_ABI_H
#define RMSIM_ABI_H

#define NV_ESC_RM_FREE		  0x29
#define NV_ESC_RM_CONTROL	  0x2a
#define NV_ESC_RM_ALLOC		  0x2b
#define NV_ESC_CARD_INFO	  200
#define NV_ESC_REGISTER_FD	  201
#define NV_ESC_ENV_INFO		  202 /* 418 and 450 only */
#define NV_ESC_CHECK_VERSION_STR  210
#define NV_ESC_IOCTL_XFER_CMD	  211
#define NV_ESC_SYS_PARAMS	  214
#define NV_ESC_NUMA_INFO	  215
#define NV_ESC_WAIT_OPEN_COMPLETE 218
#define NV_MAX_IOCTL_SIZE	  16384

#define NV_OK				0x00
#define NV_ERR_INSERT_DUPLICATE_NAME	0x19
#define NV_ERR_INSUFFICIENT_RESOURCES	0x1a
#define NV_ERR_INSUFFICIENT_PERMISSIONS 0x1b
#define NV_ERR_INVALID_ADDRESS		0x1e
#define NV_ERR_INVALID_ARGUMENT		0x1f
#define NV_ERR_INVALID_CLASS		0x22
#define NV_ERR_INVALID_CLIENT		0x23
#define NV_ERR_INVALID_OBJECT_HANDLE	0x33
#define NV_ERR_INVALID_OBJECT_PARENT	0x36
#define NV_ERR_INVALID_PARAM_STRUCT	0x3a
#define NV_ERR_NOT_SUPPORTED		0x56
#define NV_ERR_OBJECT_NOT_FOUND		0x57
#define NV_ERR_STATE_IN_USE		0x63
#define NV_ERR_LIB_RM_VERSION_MISMATCH	0x6a

#define NV01_ROOT	       0x0000
#define NV01_ROOT_NON_PRIV     0x0001
#define NV01_ROOT_CLIENT       0x0041
#define NV01_DEVICE_0	       0x0080
#define NV20_SUBDEVICE_0       0x2080
#define MPS_COMPUTE	       0x900e
#define GF100_PROFILER	       0x90cc
#define KEPLER_CHANNEL_GROUP   0xa06c
#define TURING_CHANNEL_GPFIFO  0xc46f
#define TURING_A	       0xc597
#define TURING_COMPUTE_A       0xc5c0
#define NV2081_BINAPI	       0x2081
#define NV04_DISPLAY_COMMON    0x0073
#define RM_USER_SHARED_DATA    0x00de
#define SMC_PARTITION_REF      0xc637 /* a client's GPU instance */
#define SMC_EXEC_PARTITION_REF 0xc638 /* and compute instance */
#define SMC_CONFIG_SESSION     0xc639
#define SMC_MONITOR_SESSION    0xc640

#define NVOS54_FLAGS_FINN_SERIALIZED 0x4

#define GET_PIDS_MAX	    950
#define PID_INFO_MAX	    200
#define NVENC_SESSIONS_MAX  512
#define NVFBC_SESSIONS_MAX  256
#define ACCOUNTING_PIDS_MAX 4000
#define PID_NONE	    0xffffffffu /* NV2080_GPUMON_PID_INVALID */
#define PARTITION_NONE	    0xffffffffu /* PARTITIONID_INVALID */

/* Simulation only: what the calling client's use of a GPU looks like. Parameters: struct
 * rmsim_usage. */
#define RMSIM_CMD_SET_USAGE 0x0000ff01

/* The client is the kernel's own (nvidia-uvm, nvidia-modeset): it has no reference to a struct pid.
 */
#define RMSIM_USAGE_KERNEL 0x1
/* ... and is an administrator's, which no list reports. */
#define RMSIM_USAGE_KERNEL_ADMIN 0x2
/* The device makes no accounting record. */
#define RMSIM_USAGE_NO_ACCOUNTING 0x4

#ifndef __ASSEMBLER__
#include "types.h"

/* 6 engines in the order of the samples: memory, SM, encoder, decoder, JPEG, optical flow; each in
 * percent. */
enum { ENGINE_FB, ENGINE_SM, ENGINE_ENC, ENGINE_DEC, ENGINE_JPG, ENGINE_OFA, ENGINES };

struct rmsim_usage {
	uint32_t device; /* handle of the client's device object */
	uint32_t flags;
	uint64_t memory_private; /* bytes */
	uint64_t memory_shared_owned;
	uint64_t memory_shared_duped;
	uint32_t util[ENGINES];
	uint32_t encoder_sessions;
	uint32_t fbc_sessions;
};
#endif

#endif
