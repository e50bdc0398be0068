/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rm-regime: runs a command on a real driver that seems to be of an older release. What is asked of
 * the driver passes through here; see README.md one directory up.
 */
#ifndef REGIME_H
#define REGIME_H

#include "../../rm-sim/model/world.h"
#include "../../rm-sim/supervisor/supervisor.h"

/* What becomes of an ioctl that a traced task is about to make. */
enum verdict {
	VERDICT_PASS,	  /* the driver answers, unseen */
	VERDICT_WATCH,	  /* the driver answers, and what it answered matters */
	VERDICT_ANSWERED, /* it has been answered already: the call is not made */
};

/* An RM client of a traced process, with the numbers of the task that allocated it. */
struct record {
	uint32_t handle;
	struct rmsim_identity identity;
	struct thing *things;
	struct record *next; /* in order of allocation */
};

/* An object below a client. */
struct thing {
	uint32_t handle;
	uint32_t parent;
	uint32_t cls;
	uint32_t gpu; /* device instance */
	struct thing *next;
};

struct regime {
	enum rmsim_regime number;
	const struct regime_rules *rules;
	struct layout layout; /* of the release that the driver seems to be */
	struct record *records;
	FILE *log; /* where the driver's state and the records differ; may be NULL */
};

/* An RM_CONTROL of a traced task. */
struct control {
	const struct request *request;
	uint64_t argument; /* NVOS54 in the task */
	uint32_t client;
	uint32_t object;
	uint32_t cmd;
	uint64_t params; /* in the task */
	uint32_t size;
	uint64_t ns; /* the task's active PID namespace */
};

/* trace.c */
int trace(struct regime *regime, char *const *command);

/* driver.c */
uint32_t driver_control(const struct control *control, uint32_t cmd, void *params, uint32_t size);
uint32_t driver_list(const struct control *control, uint32_t cls, uint32_t pids[GET_PIDS_MAX]);
uint32_t driver_memory(const struct control *control, uint32_t pid, uint8_t *entry,
		       uint32_t stride);

/* records.c */
void record_alloc(struct regime *regime, const struct request *request, const uint8_t *argument);
void record_free(struct regime *regime, const uint8_t *argument);
void record_ended(struct regime *regime, pid_t process);
const struct record *record_of_number(const struct regime *regime, const struct record *after,
				      uint32_t number, uint64_t ns);
uint32_t record_number(const struct record *record, uint64_t ns);
const struct record *record_of_process(const struct regime *regime, uint32_t tgid);
bool record_has(const struct record *record, uint32_t cls, uint32_t gpu);
bool record_holds_memory(const struct regime *regime, const struct record *record);
uint32_t record_gpu(const struct regime *regime, const struct control *control);

/* ioctl.c: before and after a task's ioctl */
enum verdict ioctl_entry(struct regime *regime, const struct request *request);
void ioctl_exit(struct regime *regime, const struct request *request);

/* lists.c, samples.c: the answers of the regime, as RM statuses; params are a copy of the task's */
uint32_t driver_as_host(const struct regime *regime, const struct control *control,
			uint8_t *params);
uint32_t answer_pids(const struct regime *regime, const struct control *control, uint8_t *params);
uint32_t answer_pid_info(const struct regime *regime, const struct control *control,
			 uint8_t *params);
uint32_t answer_accounting_info(const struct regime *regime, const struct control *control,
				uint8_t *params);
void translate_accounting_pids(const struct regime *regime, const struct control *control,
			       uint8_t *params);
uint32_t answer_samples(const struct regime *regime, const struct control *control,
			uint8_t *params);

#endif
