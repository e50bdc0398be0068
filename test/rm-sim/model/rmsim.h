/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of NVIDIA's resource manager (RM) as its ioctl clients see it: who has GPU clients, what
 * each PID-carrying control answers, and in which PID namespace. It makes no system call and
 * allocates nothing: the embedder gives it memory of rmsim_world_size() bytes, describes the task
 * behind every call, and serialises the calls.
 */
#ifndef RMSIM_H
#define RMSIM_H

#include "types.h"

#define RMSIM_MAX_GPUS	    8
#define RMSIM_MAX_INSTANCES 7
#define RMSIM_MAX_LEVELS    33 /* MAX_PID_NS_LEVEL + 1 */

/* What the releases differ in; release.c says which release is which. */
enum rmsim_regime {
	RMSIM_R0,
	RMSIM_R1,
	RMSIM_R2,
	RMSIM_R3A,
	RMSIM_R3B,
	RMSIM_R4,
	RMSIM_REGIMES,
};

/* The kernel's struct pid: one number in each PID namespace from the initial one (level 0) down to
 * the task's own. */
struct rmsim_pid {
	uint32_t levels;
	struct rmsim_upid {
		uint32_t nr;
		uint64_t ns;
	} level[RMSIM_MAX_LEVELS];
};

/* Who makes a call, as nv_get_current_process() and get_task_pid() see it. */
struct rmsim_identity {
	uint32_t tgid; /* in the initial PID namespace */
	struct rmsim_pid thread;
	struct rmsim_pid process;
};

/* Asked only when a call needs to know: finding out takes long in user space. */
struct rmsim_ops {
	/* Both return false where the kernel's would fail with EFAULT. */
	bool (*copyin)(void *ctx, void *to, uint64_t from, size_t size);
	bool (*copyout)(void *ctx, uint64_t to, const void *from, size_t size);
	/* The active PID namespace. */
	uint64_t (*namespace_of)(void *ctx);
	/* False when the task is gone. */
	bool (*identify)(void *ctx, struct rmsim_identity *identity);
	/* capable(CAP_SYS_ADMIN) */
	bool (*is_admin)(void *ctx);
};

/* The task that makes a call. */
struct rmsim_caller {
	uint64_t now; /* wall clock, ns */
	const struct rmsim_ops *ops;
	void *ctx;
};

struct rmsim_config {
	enum rmsim_regime regime;
	const char *driver;  /* release that the driver says it is, e.g. "535.104.12" */
	const char *layouts; /* release that decides which structures there are */
	uint32_t gpus;
	uint64_t init_ns; /* identity of the initial PID namespace */
	bool accounting;
	uint32_t instances; /* MIG: GPU instances of every GPU; 0: not partitioned */
};

enum rmsim_device {
	RMSIM_DEVICE_CONTROL,
	RMSIM_DEVICE_GPU,
	RMSIM_DEVICE_UVM,
};

struct rmsim_world;
struct rmsim_file;

/* What one ioctl was, for the log. */
struct rmsim_trace {
	uint32_t escape;
	uint32_t cmd; /* RM_CONTROL: the command; RM_ALLOC: the class */
	uint32_t size;
	uint32_t status;
};

/* Regime of a release, e.g. "535.261.03"; -1 when the string is no version. */
int rmsim_regime_of(const char *driver);

/* A release typical of a regime. */
const char *rmsim_default_driver(enum rmsim_regime regime);

/* Parses "R0" ... "R4"; -1 when it is none. */
int rmsim_parse_regime(const char *name);

size_t rmsim_world_size(void);

/* Sets up a world in zeroed memory; false when the configuration makes no sense. */
bool rmsim_init(struct rmsim_world *world, const struct rmsim_config *config);

/* Changes the release that decides which structures there are; false when the string is no version.
 */
bool rmsim_set_layouts(struct rmsim_world *world, const char *release);

/* open() of a device node; NULL when there is no such GPU or no room. */
struct rmsim_file *rmsim_open(struct rmsim_world *world, enum rmsim_device device, uint32_t minor);

/* Last close of the open file: frees its RM clients, as nvidia.ko's release does. */
void rmsim_close(struct rmsim_world *world, struct rmsim_file *file, uint64_t now);

/* unlocked_ioctl() of the driver: 0 or a negative errno. */
int rmsim_ioctl(struct rmsim_world *world, struct rmsim_file *file,
		const struct rmsim_caller *caller, uint32_t request, uint64_t argument,
		struct rmsim_trace *trace);

#endif
