/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mpu knows of NVIDIA's resource manager (RM): which RM controls carry process ids, where, and
 * in which PID namespace the driver speaks. Compiled unchanged into libmpu.so, mpu.ko, the unit
 * tests and the fuzzers, so it is pure C99: no libc, no kernel headers, no allocation, no global
 * state.
 *
 * Two kinds of number occur: the host PID (G), as seen from the initial PID namespace, and the
 * caller's PID (N), as seen from the namespace of the task that issues the ioctl.
 *
 * Source of every layout and behaviour: NVIDIA's open GPU kernel modules, releases 515.43.04 to
 * 595.45.04 and 610.57.04 (ctrl2080gpu.h, ctrl2080perf.h, ctrl0000gpuacct.h, gpu_rmapi.c,
 * subdevice_ctrl_gpu_kernel.c, kern_perf_ctrl.c, gpu_acct.c); for older releases the requests that
 * NVML 418.226 to 470.256 issue.
 */
#ifndef MPU_RM_H
#define MPU_RM_H

#ifdef __cplusplus
extern "C" {
#endif

typedef __UINT8_TYPE__ mpu_u8;
typedef __UINT16_TYPE__ mpu_u16;
typedef __UINT32_TYPE__ mpu_u32;
typedef __UINT64_TYPE__ mpu_u64;

/*
 * Escapes: _IOWR('F', number, argument size). The driver reads the number and the size alone, so
 * every request with the same MPU_RM_ESCAPE() is the same to it; clients send these two words.
 */
#define MPU_RM_IOCTL_CONTROL   0xc020462au /* NV_ESC_RM_CONTROL, struct mpu_rm_nvos54 */
#define MPU_RM_IOCTL_XFER      0xc01046d3u /* NV_ESC_IOCTL_XFER_CMD, struct mpu_rm_xfer */
#define MPU_RM_ESCAPE(request) ((mpu_u32)(request)&0x3fff00ffu)
#define MPU_RM_ESC_CONTROL     0x2au /* the bare number, as XFER carries it */

/* Character device of /dev/nvidiactl, the only one that accepts NV_ESC_RM_CONTROL. */
#define MPU_RM_DEV_MAJOR 195u
#define MPU_RM_DEV_MINOR 255u

/* NVOS54_PARAMETERS: the argument of NV_ESC_RM_CONTROL. The same bytes for 32-bit programs. */
struct mpu_rm_nvos54 {
	mpu_u32 client;
	mpu_u32 object;
	mpu_u32 cmd;
	mpu_u32 flags;
	mpu_u64 params; /* user pointer */
	mpu_u32 params_size;
	mpu_u32 status;
} __attribute__((packed, aligned(4), may_alias));

/* nv_ioctl_xfer_t: wraps an escape whose argument is too large for an ioctl word, and accepts any
 * other. */
struct mpu_rm_xfer {
	mpu_u32 cmd;
	mpu_u32 size;
	mpu_u64 ptr; /* user pointer */
} __attribute__((packed, aligned(4), may_alias));

#define MPU_RM_FLAG_SERIALIZED                                                                     \
	4u /* NVOS54 flags: params are FINN-serialised, not the plain structure */

/* nvstatuscodes.h */
#define MPU_NV_OK		    0x00u
#define MPU_NV_ERR_OBJECT_NOT_FOUND 0x57u

/* Written where a PID must match no process; also the driver's "no process" in utilization samples.
 */
#define MPU_RM_NO_PID 0xffffffffu

/* RM controls that carry PIDs and that an unprivileged client may use. */
#define MPU_RM_GPU_GET_PIDS	   0x2080018du
#define MPU_RM_GPU_GET_PID_INFO	   0x2080018eu
#define MPU_RM_DEVICE_GET_PIDS	   0x00800202u /* up to 418, on the device object */
#define MPU_RM_DEVICE_GET_PID_INFO 0x00800203u /* likewise */
#define MPU_RM_UTIL_SAMPLES_V2	   0x20802096u
#define MPU_RM_UTIL_SAMPLES_OLD	   0x20802083u /* up to 470: embedded pointer */
#define MPU_RM_UTIL_SAMPLES_V1                                                                     \
	0x2080a083u /* the same structure under the number of the open releases */
#define MPU_RM_ACCT_GET_PROC_INFO    0x00000b03u
#define MPU_RM_ACCT_GET_PIDS	     0x00000b04u
#define MPU_RM_ACCT_GET_PROC_INFO_V2 0x00000b06u /* from 610 on */
#define MPU_RM_NVENC_SESSIONS	     0x2080016eu
#define MPU_RM_NVENC_SESSIONS_V2     0x208001afu
#define MPU_RM_NVENC_SESSIONS_V2_525 0x208001a9u
#define MPU_RM_NVFBC_SESSIONS	     0x2080017cu
#define MPU_RM_HWPM_RESERVATION	     0x90cc0103u
#define MPU_RM_GET_RCERR_RPT	     0x00000607u

/* Class number for which GPU_GET_PIDS lists every process with a client on the GPU, the caller
 * included. */
#define MPU_RM_CLASS_SUBDEVICE 0x2080u
#define MPU_RM_PIDS_SIZE       3812u

/* Upper bounds over all layouts, for callers that provide buffers. */
#define MPU_RM_MAX_PIDS	       4000u
#define MPU_RM_MAX_LIST	       950u
#define MPU_RM_MAX_INFO	       200u
#define MPU_RM_MAX_INFO_PARAMS 14408u

/* How the PIDs of a control are to be understood. */
enum mpu_rm_kind {
	MPU_RM_KIND_LIST, /* array of elements with one PID each, out; elements of invisible
			     processes are removed */
	MPU_RM_KIND_INFO, /* array of questions, PID in; the driver leaves the PID as it was given
			   */
	MPU_RM_KIND_SAMPLES, /* ring of samples, several PIDs each, out; invisible ones are
				neutralised */
	MPU_RM_KIND_RECORD,  /* one PID in, that the driver may replace by the host PID */
	MPU_RM_KIND_SCALAR,  /* one PID, out */
};

#define MPU_RM_ROW_GLOBAL                                                                          \
	1u /* only drivers without any namespace awareness (R0) have this control in this size */
#define MPU_RM_ROW_UNIQUE 2u /* a process belongs in the list once */

/*
 * One row per (control, params size). Offsets are bytes from the start of params; those named "pid"
 * count from the start of an array element, or of params where there is no array. All PIDs are 32
 * bit. 0 means absent where 0 is no valid value (pointer, buf_size, kernel_pointer).
 */
struct mpu_rm_layout {
	mpu_u32 cmd;
	mpu_u32 size;	  /* paramsSize; RM accepts exactly this one */
	mpu_u32 buf_size; /* samples behind a pointer: value of bufSize (offset 4) that tells the
			     sample layout */
	mpu_u8 kind;
	mpu_u8 flags;
	mpu_u16 count;	 /* element count, u32 */
	mpu_u16 pointer; /* u64 user pointer to the array */
	mpu_u16 array;	 /* or the array itself */
	mpu_u16 stride;
	mpu_u16 max;
	mpu_u16 pid;		/* first PID of an element */
	mpu_u16 pids;		/* PIDs an element */
	mpu_u16 engine_size;	/* distance of the PIDs of one element */
	mpu_u16 kernel_pointer; /* u64, from the PID it belongs to */
	mpu_u16 data;		/* INFO: u64 memory figures, from the element */
	mpu_u16 data_size;
};

/* Returns true for the controls that have rows, of whatever size. */
int mpu_rm_is_known(mpu_u32 cmd);

/* True when the control can carry PIDs although the driver refused it with this status. */
int mpu_rm_status_matters(mpu_u32 cmd, mpu_u32 status);

/*
 * The row for a control, or NULL. params is read (bufSize only) where a row needs it; it must be
 * readable for size bytes.
 */
const struct mpu_rm_layout *mpu_rm_find(mpu_u32 cmd, mpu_u32 size, const void *params);

/* Returns a row of the table by its index from 0 on, NULL behind the last one. */
const struct mpu_rm_layout *mpu_rm_row(unsigned int index);

/* The user pointer to the array, 0 when the array lies inside params. */
mpu_u64 mpu_rm_array_pointer(const struct mpu_rm_layout *layout, const void *params);

/* Elements that hold something; 0 when the count exceeds the maximum (then nothing is to be
 * touched). */
mpu_u32 mpu_rm_elements(const struct mpu_rm_layout *layout, const void *params);

/*
 * Copies the PIDs out: elements * layout->pids numbers, in order. 0 stands for a place that names
 * no process or, in samples, one that the driver itself marked as invisible. array is the array's
 * memory (inside params or behind the pointer), or params where there is none.
 */
mpu_u32 mpu_rm_gather(const struct mpu_rm_layout *layout, const void *array, mpu_u32 elements,
		      mpu_u32 *pids);

/*
 * Puts the translated PIDs (as many as gathered, same order) back and applies the meaning of 0,
 * "not visible": LIST elements are removed, count corrected, the freed tail zeroed, doubles removed
 * where the row says so; SAMPLES become 0 % of a process that is visible (or of none); SCALAR
 * becomes 0. Kernel addresses are always zeroed.
 */
void mpu_rm_scatter(const struct mpu_rm_layout *layout, void *params, void *array, mpu_u32 elements,
		    const mpu_u32 *pids);

/* Zeroes the kernel addresses of an answer, no more. */
void mpu_rm_hide_pointers(const struct mpu_rm_layout *layout, void *array, mpu_u32 elements);

/* INFO: writes the PIDs to ask for, 0 as MPU_RM_NO_PID, into otherwise empty questions. */
void mpu_rm_ask(const struct mpu_rm_layout *layout, void *array, mpu_u32 elements,
		const mpu_u32 *pids);

/* INFO: the memory that the driver found for element i, all kinds together, in bytes. */
mpu_u64 mpu_rm_info_memory(const struct mpu_rm_layout *layout, const void *array, mpu_u32 i);

/* INFO: empties element i's memory figures. */
void mpu_rm_info_clear(const struct mpu_rm_layout *layout, void *array, mpu_u32 i);

/* INFO: adds what is known of element from to element to. */
void mpu_rm_info_add(const struct mpu_rm_layout *layout, void *array, mpu_u32 to,
		     const void *from_array, mpu_u32 from);

/* RECORD: whether it is one of a process that still runs. */
int mpu_rm_record_runs(const void *params);

/* RECORD: empties what the driver filled in. */
void mpu_rm_clear_record(const struct mpu_rm_layout *layout, void *params);

/* Copies size bytes, a multiple of 4; overlapping is fine when to lies before from. */
void mpu_rm_copy(void *to, const void *from, mpu_u32 size);

mpu_u32 mpu_rm_load32(const void *base, mpu_u32 offset);
void mpu_rm_store32(void *base, mpu_u32 offset, mpu_u32 value);

/* How a driver release speaks (true or false), where asking the driver is not conclusive; design of
 * the table: release.c. */
struct mpu_rm_release {
	mpu_u8 list_caller;	 /* GET_PIDS answers with the caller's PIDs */
	mpu_u8 info_caller;	 /* GET_PID_INFO expects the caller's PIDs */
	mpu_u8 acct_list_caller; /* GET_ACCOUNTING_PIDS answers with the caller's PIDs */
};

/*
 * What is known of a release from its version string ("535.104.12", as in
 * /sys/module/nvidia/version; anything after the digits and dots is ignored). Returns 0 when the
 * string is no version; release is then all zero.
 */
int mpu_rm_release_lookup(const char *version, mpu_u32 length, struct mpu_rm_release *release);

/* The regime's name, "R0" to "R4", "R3a" and "R3b" told apart; NULL when the string is no version.
 */
const char *mpu_rm_release_regime(const char *version, mpu_u32 length);

/* What happened to a control, for counters. */
enum mpu_rm_event {
	MPU_RM_EVENT_HANDLED,	     /* what the caller sees is right */
	MPU_RM_EVENT_HOST_CALLER,    /* nothing to do: the caller is in the initial PID namespace */
	MPU_RM_EVENT_NO_TRANSLATOR,  /* passed through */
	MPU_RM_EVENT_UNKNOWN_LAYOUT, /* a known control in an unknown size, left untouched */
	MPU_RM_EVENT_UNDECIDED, /* the driver's regime could not be found out, left untouched */
	MPU_RM_EVENTS
};

enum mpu_rm_direction { MPU_RM_TO_CALLER, MPU_RM_TO_HOST };

/* What the surroundings (libmpu.so, mpu.ko, a test) provide. context is handed through. */
struct mpu_rm_ops {
	/*
	 * Translates count PIDs; thread ids give the id of their process; 0 for 0 and for what is
	 * not visible from the caller's namespace. Returns false when nothing can translate.
	 */
	int (*translate)(void *context, enum mpu_rm_direction direction, const mpu_u32 *in,
			 mpu_u32 *out, mpu_u32 count);
	/* Issues another control on the same client and object. Returns its NV_STATUS, or any other
	 * non-zero value. */
	mpu_u32 (*control)(void *context, mpu_u32 cmd, void *params, mpu_u32 size);
	/* Looks up the loaded driver's release. Returns false when it is not known. */
	int (*release)(void *context, struct mpu_rm_release *release);
	/* The memory behind an embedded pointer, or NULL when it cannot be read and written. */
	void *(*array)(void *context, mpu_u64 pointer, mpu_u32 size);
	/* Whether params can be read and written, asked only where the driver refused the control.
	 */
	int (*accessible)(void *context, void *params, mpu_u32 size);
	void (*count)(void *context, enum mpu_rm_event event);
	mpu_u32 self; /* the caller's own PID (thread group id) in its own namespace */
	void *context;
};

/* Scratch memory of one rewrite, about 85 KB of which small answers touch little. Need not be
 * initialised. */
struct mpu_rm_work {
	struct mpu_rm_release release;
	int release_known;
	mpu_u32 pids[MPU_RM_MAX_PIDS];
	mpu_u32 in[MPU_RM_MAX_PIDS];
	mpu_u32 out[MPU_RM_MAX_PIDS];
	mpu_u32 listed; /* what GPU_GET_PIDS lists for class subdevice: as the driver gave it, and
			   its host PID */
	mpu_u32 raw[MPU_RM_MAX_LIST];
	mpu_u32 host[MPU_RM_MAX_LIST];
	mpu_u8 owner[MPU_RM_MAX_INFO];
	mpu_u64 query[MPU_RM_MAX_INFO_PARAMS / 8 + 1];
	mpu_u64 sums[MPU_RM_MAX_INFO_PARAMS / 8 + 1];
};

/*
 * Puts an answered control right, asking the driver again where needed. To be called after the
 * driver returned, with status such that mpu_rm_status_matters() and without
 * MPU_RM_FLAG_SERIALIZED. params must be readable and writable for size bytes (status NV_OK proves
 * it). Returns the NV_STATUS to report.
 */
mpu_u32 mpu_rm_control(const struct mpu_rm_ops *ops, struct mpu_rm_work *work, mpu_u32 cmd,
		       void *params, mpu_u32 size, mpu_u32 status);

#ifdef __cplusplus
}
#endif

#endif
