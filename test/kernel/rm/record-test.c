// SPDX-License-Identifier: GPL-2.0-only
/* GET_PROC_ACCOUNTING_INFO, both versions: the record of the PID that was asked for, or none. */
#include <string.h>

#include "guard.h"
#include "reference.h"
#include "suites.h"
#include "tap.h"
#include "world.h"

#define MAX_SIZE 64

static struct world world;

/* The version of the control under test. */
static mpu_u32 record_cmd, record_size;

static void populate(enum regime regime, enum knowledge knowledge)
{
	static const mpu_u32 records[] = {1041, 1042, 1500, 2000, 42};

	world_init(&world, regime, knowledge);
	world_process(&world, 1041, 41, 1);
	world_task(&world, 1042, 1042, 42, 42);
	world_client(&world, world_task(&world, 1043, 1042, 43, 42), 1);
	world_process(&world, 2000, 0, 1);
	/* a stranger whose host PID is a PID here */
	world_process(&world, 42, 0, 1);
	memcpy(world.records, records, sizeof(records));
	world.record_count = 5;
}

static mpu_u32 ask(mpu_u32 pid, unsigned char *params)
{
	memset(params, 0x77, record_size);
	fact_store(params, 4, pid);
	return world_call(&world, record_cmd, params, record_size);
}

static void found(mpu_u32 pid, mpu_u32 host, const char *what)
{
	struct guard params = guard_new(record_size);
	unsigned char wanted[MAX_SIZE];

	memset(wanted, 0x77, record_size);
	fact_store(wanted, 4, pid);
	model_record(wanted, record_size, host);
	is(ask(pid, params.memory), 0, "record of %u bytes, %s, %s: of %s", record_size,
	   regime_names[world.regime], knowledge_names[world.knowledge], what);
	ok(!memcmp(params.memory, wanted, record_size) && guard_intact(&params),
	   "... is its own, with the PID as asked for");
	guard_free(&params);
}

/* Where the driver may put the host PID there, that cannot be told from a PID that was asked for.
 */
static void refused(mpu_u32 pid, const char *what)
{
	struct guard params = guard_new(record_size);
	mpu_u32 i;
	int empty = 1, untouched = 1;

	is(ask(pid, params.memory), MPU_NV_ERR_OBJECT_NOT_FOUND,
	   "record of %u bytes, %s, %s: of %s", record_size, regime_names[world.regime],
	   knowledge_names[world.knowledge], what);
	for (i = 12; i < record_size; i++) {
		empty &= params.memory[i] == 0;
		untouched &= params.memory[i] == 0x77;
	}
	ok(empty || untouched, "... holds nothing");
	if (!untouched)
		is(fact_load(params.memory, 4), 0, "... and no PID that could be the host's");
	else
		is(fact_load(params.memory, 4), pid, "... and the PID that was asked for");
	guard_free(&params);
}

/* A host PID of a process inside: its record may be given, a stranger's never. */
static void by_host_number(void)
{
	unsigned char params[MAX_SIZE], record[MAX_SIZE];

	model_record(record, record_size, 1041);
	ok(ask(1041, params) == MPU_NV_ERR_OBJECT_NOT_FOUND ||
		   !memcmp(params + 12, record + 12, record_size - 12),
	   "record of %u bytes, %s, %s: of a host PID is none or that process's own", record_size,
	   regime_names[world.regime], knowledge_names[world.knowledge]);
}

/* When a process ends that the driver has answered for. */
enum end {
	END_BEFORE_LOOKUP,
	END_AFTER_LOOKUP,
	END_BUT_CLIENT,	    /* before, and another process holds its RM client */
	END_WITHOUT_DEVICE, /* likewise, and the record says that it has ended */
	ENDS
};

static const char *const end_names[ENDS] = {"before it is looked up", "after it is looked up",
					    "and leaves its client behind",
					    "and leaves a client behind, but no device"};

/* other: its host PID is the PID of another process here. */
static void ended(enum end end, int other)
{
	struct mpu_rm_ops ops = world_ops(&world);
	unsigned char params[MAX_SIZE];
	static struct mpu_rm_work work;
	mpu_u32 i, status, left = 0;

	memset(params, 0x77, record_size);
	fact_store(params, 4, 41);
	status = model_control(&world, record_cmd, params, record_size);
	is(status, 0, "record of %u bytes, %s, %s: of a process that ends %s%s", record_size,
	   regime_names[world.regime], knowledge_names[world.knowledge], end_names[end],
	   other ? ", its host PID a PID here" : "");
	if (end != END_WITHOUT_DEVICE) {
		fact_store(params, 40, 0);
		fact_store(params, 44, 0);
	}
	if (end == END_BEFORE_LOOKUP)
		world_end(&world, 2);
	else if (end == END_AFTER_LOOKUP)
		world.ending = 2;
	else
		world.tasks[2].gone = 1;
	world.records_run = end == END_BUT_CLIENT;
	if (other)
		world_process(&world, 1900, 1041, 1);
	status = mpu_rm_control(&ops, &work, record_cmd, params, record_size, status);
	/* Found again by its number, while that is still its own: what was asked for. */
	if (status == MPU_NV_OK) {
		is(fact_load(params, 4), 41, "... is its own");
		return;
	}
	is(status, MPU_NV_ERR_OBJECT_NOT_FOUND, "... is none");
	for (i = 12; i < record_size; i++)
		left |= params[i];
	ok(!left && fact_load(params, 4) != 1041, "... and leaves no host PID behind");
}

static void untouched(const char *what)
{
	unsigned char params[MAX_SIZE], wanted[MAX_SIZE];
	mpu_u32 status;

	memset(wanted, 0x77, record_size);
	fact_store(wanted, 4, 41);
	status = model_control(&world, record_cmd, wanted, record_size);
	is(ask(41, params), status, "record of %u bytes, %s: status with %s", record_size,
	   regime_names[world.regime], what);
	ok(!memcmp(params, wanted, record_size), "... and params as the driver left them");
}

static void drive_version(mpu_u32 cmd, mpu_u32 size)
{
	enum regime regime;
	enum knowledge knowledge;
	int i;

	record_cmd = cmd;
	record_size = size;
	for (regime = R0; regime < REGIMES; regime++) {
		for (knowledge = RELEASE_KNOWN; knowledge < KNOWLEDGES; knowledge++) {
			populate(regime, knowledge);
			found(41, 1041, "a process");
			found(42, 1042, "one known by a thread, its PID a stranger's host PID");
			refused(2000, "a stranger");
			refused(1500, "a dead stranger");
			refused(9, "no process");
			refused(40, "the caller, that has none");
			by_host_number();
		}
		for (i = 0; regime >= R3A && i < 4 * ENDS; i++) {
			populate(regime, i & 1 ? RELEASE_KNOWN : RELEASE_UNKNOWN);
			world.records[world.record_count++] = 1900;
			/* The record of one that has ended may be of whoever has that number here.
			 */
			ended((enum end)(i / 4), (i & 2) && i / 4 != END_WITHOUT_DEVICE);
		}
		populate(regime, RELEASE_KNOWN);
		world.host_caller = 1;
		world.self = 1040;
		untouched("a caller in the initial namespace");
		populate(regime, RELEASE_KNOWN);
		world.translations_left = 0;
		untouched("no translator");
		is(world.events[MPU_RM_EVENT_NO_TRANSLATOR], 1, "... and counted");
		if (regime <= R2) {
			populate(regime, RELEASE_KNOWN);
			world.inaccessible = 1;
			untouched("params that cannot be touched");
			is(world.translations, 0, "... without a translation");
		}
	}
}

void record_suite(void)
{
	drive_version(MPU_RM_ACCT_GET_PROC_INFO, 48);
	drive_version(MPU_RM_ACCT_GET_PROC_INFO_V2, 64);
}
