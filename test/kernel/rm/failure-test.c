// SPDX-License-Identifier: GPL-2.0-only
/*
 * A translator that fails, or a driver that refuses, at any point: the caller has then either the
 * right answer or the driver's own, never a half of each.
 */
#include <string.h>

#include "guard.h"
#include "reference.h"
#include "suites.h"
#include "tap.h"
#include "world.h"

#define POINTS 8

static struct world world;

struct request {
	mpu_u32 cmd, size;
	const char *name;
};

static void populate(enum regime regime, enum knowledge knowledge)
{
	static const mpu_u32 records[] = {1041, 1042, 2000};

	world_init(&world, regime, knowledge);
	world_process(&world, 1041, 41, 100);
	world_process(&world, 1042, 42, 50);
	if (regime != R4)
		world_client(&world, world_task(&world, 1043, 1042, 43, 42), 200);
	world_process(&world, 2000, 0, 999);
	/* a stranger whose host PID is a thread's number here */
	world_process(&world, 43, 0, 777);
	memcpy(world.records, records, sizeof(records));
	world.record_count = 3;
}

static void fill(const struct request *request, unsigned char *params)
{
	mpu_u32 i;

	memset(params, 0, request->size);
	switch (request->cmd) {
	case MPU_RM_GPU_GET_PID_INFO:
		fact_store(params, 0, 2);
		fact_store(params, 8, 41);
		fact_store(params, 80, 42);
		break;
	case MPU_RM_ACCT_GET_PROC_INFO:
	case MPU_RM_ACCT_GET_PROC_INFO_V2:
		fact_store(params, 4, 41);
		break;
	case MPU_RM_NVFBC_SESSIONS:
		fact_store(params, 0, 2);
		fact_store(params, 4, 1041);
		fact_store(params, 56, 2000);
		break;
	case MPU_RM_UTIL_SAMPLES_V2:
		for (i = 16; i < request->size; i += 472)
			fact_store(params, i + 16, i % 3 ? 1041 : 2000);
		break;
	default:
		break;
	}
}

/* The answer with everything working, with the driver alone, and with something failing. */
static void drive(const struct request *request, enum regime regime, enum knowledge knowledge,
		  int translator, mpu_u32 point)
{
	static unsigned char right[50704], own[50704];
	struct guard params = guard_new(request->size);
	mpu_u32 right_status, own_status, status;
	int is_right, is_own;

	populate(regime, knowledge);
	fill(request, right);
	right_status = world_call(&world, request->cmd, right, request->size);
	populate(regime, knowledge);
	fill(request, own);
	own_status = model_control(&world, request->cmd, own, request->size);

	populate(regime, knowledge);
	fill(request, params.memory);
	if (translator)
		world.translations_left = point;
	else
		world.controls_left = point;
	status = world_call(&world, request->cmd, params.memory, request->size);
	is_right = status == right_status && !memcmp(params.memory, right, request->size);
	is_own = status == own_status && !memcmp(params.memory, own, request->size);
	if (mpu_rm_status_matters(request->cmd, MPU_NV_ERR_OBJECT_NOT_FOUND) && !translator)
		/* no record, rather than one that is not known to be the caller's to see */
		is_own |= status == MPU_NV_ERR_OBJECT_NOT_FOUND && !fact_load64(params.memory, 24);
	ok((is_right || is_own) && guard_intact(&params),
	   "%s, %s, %s: %s fails after %u answers: the right answer or the driver's own",
	   request->name, regime_names[regime], knowledge_names[knowledge],
	   translator ? "the translator" : "the driver", point);
	if (world.events[MPU_RM_EVENT_NO_TRANSLATOR] || world.events[MPU_RM_EVENT_UNDECIDED])
		ok(is_own, "... and what is counted as left alone is left alone");
	if (translator && !point)
		is(world.events[MPU_RM_EVENT_NO_TRANSLATOR], 1, "... counted");
	guard_free(&params);
}

void failure_suite(void)
{
	static const struct request requests[] = {
		{MPU_RM_GPU_GET_PIDS, 3812, "list"},
		{MPU_RM_GPU_GET_PID_INFO, 14408, "memory"},
		{MPU_RM_ACCT_GET_PROC_INFO, 48, "record"},
		{MPU_RM_ACCT_GET_PROC_INFO_V2, 64, "record, version 2"},
		{MPU_RM_ACCT_GET_PIDS, 16012, "records"},
		{MPU_RM_NVFBC_SESSIONS, 13316, "sessions"},
		{MPU_RM_UTIL_SAMPLES_V2, 34000, "samples"},
	};
	enum regime regime;
	enum knowledge knowledge;
	unsigned int i;
	mpu_u32 point;

	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		for (regime = R0; regime < REGIMES; regime++)
			for (knowledge = RELEASE_KNOWN; knowledge <= RELEASE_UNKNOWN; knowledge++)
				for (point = 0; point < POINTS; point++) {
					drive(&requests[i], regime, knowledge, 1, point);
					drive(&requests[i], regime, knowledge, 0, point);
				}
}
