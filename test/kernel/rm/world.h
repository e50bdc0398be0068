/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine for the tests of mpu_rm_control(): tasks inside and outside a container, a driver of
 * any regime that they use, and a translator, each of which can be made to fail.
 */
#ifndef MPU_TEST_WORLD_H
#define MPU_TEST_WORLD_H

#include "rm/rm.h"

enum regime { R0, R1, R2, R3A, R3B, R4, REGIMES };
extern const char *const regime_names[REGIMES];

/* How mpu_rm_ops.release answers. */
enum knowledge {
	RELEASE_KNOWN,
	RELEASE_UNKNOWN,
	RELEASE_TOO_OLD, /* says R0 whatever the regime */
	RELEASE_TOO_NEW, /* says R4 whatever the regime */
	KNOWLEDGES
};
extern const char *const knowledge_names[KNOWLEDGES];

#define WORLD_TASKS   1200
#define WORLD_CLIENTS 1200
#define NEVER	      0xffffffffu

/* A thread. Numbers in the container are 0 for tasks outside it. */
struct task {
	mpu_u32 host_tid, host_tgid;
	mpu_u32 tid, tgid;
	int gone; /* the thread ended: no translator finds it, but a driver that holds it does */
};

/* An RM client, and what it holds on the GPU. */
struct client {
	unsigned int task;
	mpu_u64 memory;
	int kernel; /* made by a kernel module in the task's context: has a host PID only */
};

struct world {
	enum regime regime;
	enum knowledge knowledge;
	int host_caller;  /* the caller is in the initial PID namespace */
	int no_array;	  /* embedded pointers lead nowhere */
	int inaccessible; /* params of refused controls cannot be touched */
	mpu_u32 self;	  /* the caller, by its own PID */

	struct task tasks[WORLD_TASKS];
	unsigned int task_count;
	struct client clients[WORLD_CLIENTS];
	unsigned int client_count;
	mpu_u32 records[WORLD_TASKS]; /* processes with an accounting record, by host PID */
	unsigned int record_count;
	int records_run;     /* all of them say that their process still runs */
	unsigned int ending; /* a task that ends, with its clients, when the driver is asked next;
				0: none */

	mpu_u32 translations_left, controls_left; /* until they fail; NEVER for never */
	unsigned int translations, controls;	  /* asked for by the code under test */
	unsigned int events[MPU_RM_EVENTS];
};

/* An empty world but for the caller: process 40 in the container, 1040 outside, with a client. */
void world_init(struct world *world, enum regime regime, enum knowledge knowledge);

/* Adds a thread; its index. tid and tgid are 0 for one outside the container. */
unsigned int world_task(struct world *world, mpu_u32 host_tid, mpu_u32 host_tgid, mpu_u32 tid,
			mpu_u32 tgid);

/* Adds a single-threaded process with one client; the index of its task. */
unsigned int world_process(struct world *world, mpu_u32 host, mpu_u32 inside, mpu_u64 memory);

void world_client(struct world *world, unsigned int task, mpu_u64 memory);

/* Ends a task, and frees its clients. */
void world_end(struct world *world, unsigned int task);

/* The number of a task for the caller; 0 when it sees none. */
mpu_u32 world_tid(const struct world *world, const struct task *task);
mpu_u32 world_tgid(const struct world *world, const struct task *task);

/* A live task by host thread id, or by the caller's; NULL when there is none. */
const struct task *world_by_host(const struct world *world, mpu_u32 tid);
const struct task *world_by_own(const struct world *world, mpu_u32 tid);

/* mpu_rm_ops of a world: context is the world, control is the model driver. */
struct mpu_rm_ops world_ops(struct world *world);

/*
 * What an application gets: the driver's answer, put right by mpu_rm_control() where it is to be.
 * size is the argument size of the request.
 */
mpu_u32 world_call(struct world *world, mpu_u32 cmd, void *params, mpu_u32 size);

/* The driver's answer alone (model.c). Params are written only where it returns NV_OK. */
mpu_u32 model_control(struct world *world, mpu_u32 cmd, void *params, mpu_u32 size);

/* What follows the PIDs in the accounting record of a host PID, as the driver writes it. */
void model_record(void *params, mpu_u32 size, mpu_u32 host);

#endif
