// SPDX-License-Identifier: GPL-2.0-only
/* Lists of processes: GET_PIDS in both forms, accounting PIDs, encoder and FBC sessions. */
#include <string.h>

#include "guard.h"
#include "reference.h"
#include "suites.h"
#include "tap.h"
#include "world.h"

/*
 * The caller, a process with three clients, one whose client belongs to its second thread, and
 * outsiders, of which one has as its host PID what is somebody's PID here.
 */
static void populate(struct world *world)
{
	unsigned int several = world_process(world, 1041, 41, 10);

	world_client(world, several, 10);
	world_client(world, several, 10);
	world_process(world, 2000, 0, 99);
	world_task(world, 1042, 1042, 42, 42);
	world_client(world, world_task(world, 1043, 1042, 43, 42), 20);
	world_process(world, 41, 0, 99);
}

static int lists(const void *params, const struct fact *fact, const mpu_u32 *wanted, mpu_u32 count)
{
	mpu_u32 i;

	if (fact_load(params, fact->count) != count)
		return 0;
	for (i = 0; i < count; i++)
		if (fact_load((const char *)params + fact->array, i * fact->stride) != wanted[i])
			return 0;
	return 1;
}

static void get_pids(const struct fact *fact, enum regime regime, enum knowledge knowledge)
{
	static const mpu_u32 wanted[] = {40, 41, 42};
	static struct world world;
	struct guard params = guard_new(3812), before = guard_new(3812);

	world_init(&world, regime, knowledge);
	populate(&world);
	memset(params.memory, 0x77, params.size);
	memcpy(before.memory, params.memory, params.size);
	model_control(&world, fact->cmd, before.memory, 3812);
	reference_scatter(fact, before.memory, before.memory + fact->array,
			  regime == R0 ? reference_from_host : reference_from_caller, &world);

	is(world_call(&world, fact->cmd, params.memory, 3812), 0,
	   "GET_PIDS 0x%08x, %s, %s: answered", fact->cmd, regime_names[regime],
	   knowledge_names[knowledge]);
	ok(lists(params.memory, fact, wanted, 3), "... with each process inside, once, in order");
	ok(!memcmp(params.memory, before.memory, params.size),
	   "... with the freed places zeroed and all else as it was");
	is(world.events[MPU_RM_EVENT_HANDLED], 1, "... counted as handled");

	world.host_caller = 1;
	world.self = 1040;
	memset(params.memory, 0x77, params.size);
	memset(before.memory, 0x77, params.size);
	model_control(&world, fact->cmd, before.memory, 3812);
	world_call(&world, fact->cmd, params.memory, 3812);
	ok(!memcmp(params.memory, before.memory, params.size),
	   "... not touched for a host's caller");
	guard_free(&params);
	guard_free(&before);
}

/*
 * The driver leaves out a process whose host PID is a number already listed; that this can happen
 * to the caller itself must not turn the list around.
 */
static void caller_left_out(const struct fact *fact, enum regime regime)
{
	static const mpu_u32 wanted[] = {1040, 41};
	static struct world world;
	unsigned char params[3812] = {0};

	world_init(&world, regime, RELEASE_KNOWN);
	world.client_count = 0;
	world_process(&world, 3000, 1040, 5);
	world_client(&world, 1, 0);
	world_process(&world, 1041, 41, 5);
	world_call(&world, fact->cmd, params, sizeof(params));
	ok(lists(params, fact, wanted, 2),
	   "GET_PIDS, %s: another's PID here is the caller's host PID, and the caller is not "
	   "listed",
	   regime_names[regime]);
}

/* Nothing leads from it to its process any more, but the driver vouches that it is the caller's. */
static void ended_thread(const struct fact *fact, enum regime regime)
{
	static const mpu_u32 wanted[] = {40, 43};
	static struct world world;
	unsigned char params[3812] = {0};
	unsigned int thread;

	world_init(&world, regime, RELEASE_KNOWN);
	world_task(&world, 1042, 1042, 42, 42);
	thread = world_task(&world, 1043, 1042, 43, 42);
	world_client(&world, thread, 5);
	world.tasks[thread].gone = 1;
	world_call(&world, fact->cmd, params, sizeof(params));
	ok(lists(params, fact, wanted, 2), "GET_PIDS, %s: a thread that has ended stays listed",
	   regime_names[regime]);
}

static void both_numbers_listed(const struct fact *fact, enum regime regime,
				enum knowledge knowledge)
{
	static const mpu_u32 wanted[] = {40, 1040, 41};
	static struct world world;
	unsigned char params[3812] = {0};

	world_init(&world, regime, knowledge);
	world_process(&world, 3000, 1040, 5);
	world_process(&world, 1041, 41, 5);
	world_call(&world, fact->cmd, params, sizeof(params));
	ok(lists(params, fact, wanted, 3),
	   "GET_PIDS, %s, %s: another's PID here is the caller's host PID", regime_names[regime],
	   knowledge_names[knowledge]);
}

static void accounting_pids(const struct fact *fact, enum regime regime, enum knowledge knowledge,
			    const mpu_u32 *records)
{
	static const mpu_u32 wanted[] = {40, 41, 42};
	static struct world world;
	struct guard params = guard_new(16012);

	world_init(&world, regime, knowledge);
	populate(&world);
	memcpy(world.records, records, 6 * sizeof(*records));
	world.record_count = 6;
	memset(params.memory, 0x77, params.size);
	is(world_call(&world, fact->cmd, params.memory, 16012), 0,
	   "accounting PIDs, %s, %s: answered", regime_names[regime], knowledge_names[knowledge]);
	ok(lists(params.memory, fact, wanted, 3), "... with the processes inside alone");
	is(fact_load(params.memory, 0), 0x77777777u, "... and gpuId as it was");
	is(fact_load(params.memory, 4), 0x77777777u, "... and the vGPU plugin's PID as it was");
	ok(guard_intact(&params), "... and nothing before it touched");
	guard_free(&params);
}

/* Sessions: host PIDs in every regime. */
static void sessions(const struct fact *fact, enum regime regime)
{
	static const mpu_u32 hosts[] = {2000, 1041, 41, 1041, 1043, 0};
	static const mpu_u32 wanted[] = {41, 41, 42};
	static struct world world;
	int embedded = fact->pointer != FACT_ABSENT;
	struct guard params = guard_new(fact->size), behind = guard_new(6 * fact->stride);
	unsigned char *array = embedded ? behind.memory : params.memory + fact->array;
	mpu_u32 i;

	world_init(&world, regime, RELEASE_UNKNOWN);
	populate(&world);
	memset(params.memory, 0x77, params.size);
	memset(behind.memory, 0x66, behind.size);
	for (i = 0; i < 6; i++) {
		memset(array + i * fact->stride, (int)(0x10 + i), fact->stride);
		fact_store(array, i * fact->stride, hosts[i]);
	}
	fact_store(params.memory, fact->count, 6);
	if (embedded)
		fact_store64(params.memory, fact->pointer, (unsigned long)behind.memory);
	world_call(&world, fact->cmd, params.memory, fact->size);
	is(fact_load(params.memory, fact->count), 3, "sessions 0x%08x, %s: those inside", fact->cmd,
	   regime_names[regime]);
	for (i = 0; i < 3; i++)
		is(fact_load(array, i * fact->stride), wanted[i], "... PID %u", i);
	ok(array[4] == 0x11 && array[fact->stride + 4] == 0x13 &&
		   array[2 * fact->stride + fact->stride - 1] == 0x14,
	   "... each with the rest of its session");
	for (i = 3 * fact->stride; i < 6 * fact->stride && !array[i]; i++)
		;
	is(i, 6 * fact->stride, "... the freed tail zeroed");

	if (embedded) {
		fact_store64(params.memory, fact->pointer, 0);
		fact_store(params.memory, fact->count, 6);
		world_call(&world, fact->cmd, params.memory, fact->size);
		is(fact_load(params.memory, fact->count), 6, "... a count alone is let through");
		fact_store64(params.memory, fact->pointer, (unsigned long)behind.memory);
		world.no_array = 1;
		world_call(&world, fact->cmd, params.memory, fact->size);
		is(fact_load(params.memory, fact->count), 6, "... unreadable memory is left alone");
		is(world.events[MPU_RM_EVENT_UNDECIDED], 1, "... and counted");
	}
	guard_free(&params);
	guard_free(&behind);
}

static void scalar(const struct fact *fact, mpu_u32 host, mpu_u32 wanted, const char *what)
{
	static struct world world;
	struct guard params = guard_new(fact->size);
	mpu_u32 i;
	int others = 1;

	world_init(&world, R4, RELEASE_UNKNOWN);
	populate(&world);
	memset(params.memory, 0x77, params.size);
	fact_store(params.memory, fact->pid[0], host);
	world_call(&world, fact->cmd, params.memory, fact->size);
	is(fact_load(params.memory, fact->pid[0]), wanted, "0x%08x: %s", fact->cmd, what);
	for (i = 0; i < fact->size; i++)
		if ((i < fact->pid[0] || i >= fact->pid[0] + 4) && params.memory[i] != 0x77)
			others = 0;
	ok(others && guard_intact(&params), "0x%08x: no other byte changes", fact->cmd);
	guard_free(&params);
}

void list_suite(void)
{
	/* by host PID; 41 is a stranger's, and a PID here */
	static const mpu_u32 records[][6] = {{1500, 1040, 1041, 2000, 1042, 41},
					     {41, 1500, 1040, 1041, 2000, 1042}};
	struct fact facts[FACTS_MAX];
	unsigned int rows = facts_load(facts);
	const struct fact *pids = facts_find(facts, rows, MPU_RM_GPU_GET_PIDS, 3812, 0);
	const struct fact *recorded = facts_find(facts, rows, MPU_RM_ACCT_GET_PIDS, 16012, 0);
	enum regime regime;
	enum knowledge knowledge;

	for (regime = R0; regime < REGIMES; regime++) {
		for (knowledge = RELEASE_KNOWN; knowledge < KNOWLEDGES; knowledge++) {
			get_pids(pids, regime, knowledge);
			get_pids(facts_find(facts, rows, MPU_RM_DEVICE_GET_PIDS, 3812, 0), regime,
				 knowledge);
			accounting_pids(recorded, regime, knowledge, records[0]);
			accounting_pids(recorded, regime, knowledge, records[1]);
			if (regime != R0)
				both_numbers_listed(pids, regime, knowledge);
		}
		if (regime != R0)
			caller_left_out(pids, regime);
		if (regime != R0 && regime != R4)
			ended_thread(pids, regime);
		sessions(facts_find(facts, rows, MPU_RM_NVENC_SESSIONS, 16, 0), regime);
		sessions(facts_find(facts, rows, MPU_RM_NVENC_SESSIONS_V2, 16388, 0), regime);
		sessions(facts_find(facts, rows, MPU_RM_NVENC_SESSIONS_V2_525, 16388, 0), regime);
		sessions(facts_find(facts, rows, MPU_RM_NVFBC_SESSIONS, 13316, 0), regime);
	}
	scalar(facts_find(facts, rows, MPU_RM_HWPM_RESERVATION, 12, 0), 1041, 41,
	       "the holder of the reservation, inside");
	scalar(facts_find(facts, rows, MPU_RM_HWPM_RESERVATION, 12, 0), 2000, 0,
	       "the holder of the reservation, outside");
	scalar(facts_find(facts, rows, MPU_RM_GET_RCERR_RPT, 2436, 0), 0, 40,
	       "the caller's own PID");
}
