// SPDX-License-Identifier: GPL-2.0-only
/* GET_PID_INFO: what a caller in a container learns of the PIDs it asks for. */
#include <string.h>

#include "guard.h"
#include "reference.h"
#include "suites.h"
#include "tap.h"
#include "world.h"

struct question {
	mpu_u32 pid;
	mpu_u64 memory;
	const char *what;
};

static const struct fact *layout(mpu_u32 cmd, mpu_u32 size)
{
	static struct fact facts[FACTS_MAX];
	static unsigned int rows;

	if (!rows)
		rows = facts_load(facts);
	return facts_find(facts, rows, cmd, size, 0);
}

/* Asks, and compares every field that a caller may look at. */
static void ask(struct world *world, const struct fact *fact, const struct question *questions,
		mpu_u32 count, const char *name)
{
	struct guard params = guard_new(fact->size);
	unsigned char *array = params.memory + fact->array;
	mpu_u32 i, k, status;
	int pids_kept = 1, rest_kept = 1;

	memset(params.memory, 0x77, params.size);
	fact_store(params.memory, fact->count, count);
	for (i = 0; i < count; i++)
		fact_store(array, i * fact->stride, questions[i].pid);
	status = world_call(world, fact->cmd, params.memory, fact->size);
	is(status, 0, "PID_INFO of %u bytes, %s, %s, %s: answered", fact->size,
	   regime_names[world->regime], knowledge_names[world->knowledge], name);
	for (i = 0; i < count; i++) {
		const unsigned char *element = array + i * fact->stride;

		pids_kept &= fact_load(element, 0) == questions[i].pid &&
			     fact_load(element, 4) == 0x77777777u;
		if (!questions[i].pid) {
			is(fact_load(element, 8), 0x1f, "... PID 0 gets its error");
			continue;
		}
		is(fact_load(element, 8), 0, "... result for %s", questions[i].what);
		is(fact_load64(element, fact->data), questions[i].memory, "... memory of %s",
		   questions[i].what);
		for (k = 8; k < fact->data_size; k += 8)
			rest_kept &= fact_load64(element, fact->data + k) == 0;
	}
	for (i = fact->array + count * fact->stride; i < fact->size; i++)
		rest_kept &= params.memory[i] == 0x77;
	ok(pids_kept, "... PIDs and indexes are given back as they came");
	ok(rest_kept && guard_intact(&params), "... and nothing else is written");
	guard_free(&params);
}

static void mixed(const struct fact *fact, enum regime regime, enum knowledge knowledge)
{
	static struct world world;
	struct question questions[] = {
		{41, 100, "a process"},
		{42, 250, "a process with clients of two threads"},
		{40, 0, "the caller"},
		{0, 0, "PID 0"},
		{77, 0, "a PID that nothing has"},
		{2000, 0, "an outsider's host PID"},
		{1041, 0, "a host PID of a process inside"},
		{41, 100, "a process asked for again"},
	};
	mpu_u32 kernel;

	world_init(&world, regime, knowledge);
	world_process(&world, 1041, 41, 100);
	kernel = world.client_count;
	world_client(&world, world.task_count - 1, 7);
	world.clients[kernel].kernel = 1;
	world_process(&world, 1042, 42, 50);
	/* two of the same thread, which the driver lists twice and answers for at once */
	world_client(&world, world_task(&world, 1043, 1042, 43, 42), 150);
	world_client(&world, world.task_count - 1, 50);
	world_process(&world, 2000, 0, 999);
	world_process(&world, 42, 0, 888);
	/* kernel clients are found by host PID, so it depends on the driver's side if they count */
	if (regime <= R1)
		questions[0].memory = questions[7].memory = 107;
	ask(&world, fact, questions, 8, "processes, threads, outsiders");
	is(world.events[MPU_RM_EVENT_HANDLED], 1, "... counted as handled");
}

/*
 * A process without a client, whose PID here is a stranger's host PID: in R0 and R1 the driver's
 * own answer is the stranger's memory, and no other process is there to show on which side the
 * driver listens.
 */
static void no_client(const struct fact *fact, enum regime regime, enum knowledge knowledge)
{
	static const struct question questions[] = {{20, 0, "a process without a client"}};
	static struct world world;

	world_init(&world, regime, knowledge);
	world_task(&world, 1020, 1020, 20, 20);
	world_process(&world, 20, 0, 555);
	ask(&world, fact, questions, 1, "no client");
}

/* Kernel clients of a stranger answer to its host PID. */
static void strangers_kernel_client(const struct fact *fact, enum regime regime)
{
	static const struct question questions[] = {{41, 100, "a process"},
						    {2000, 0, "a stranger with a kernel client"}};
	static struct world world;
	mpu_u32 kernel;

	world_init(&world, regime, RELEASE_KNOWN);
	world_process(&world, 1041, 41, 100);
	world_process(&world, 2000, 0, 999);
	kernel = world.client_count;
	world_client(&world, world.task_count - 1, 555);
	world.clients[kernel].kernel = 1;
	ask(&world, fact, questions, 2, "a stranger's kernel client");
}

/* A process inside has as its host PID what is another's PID inside. */
static void insiders_collide(const struct fact *fact, enum regime regime, enum knowledge knowledge)
{
	static const struct question questions[] = {
		{41, 100, "a process"},
		{1041, 300, "one whose PID is the host PID of that"},
		{43, 30, "a third"},
	};
	static struct world world;

	world_init(&world, regime, knowledge);
	world_process(&world, 1041, 41, 100);
	world_process(&world, 5041, 1041, 300);
	world_process(&world, 1043, 43, 30);
	ask(&world, fact, questions, 3, "one insider's host PID is another's PID");
}

static void many_threads(const struct fact *fact, enum regime regime, enum knowledge knowledge)
{
	static const struct question questions[] = {{50, 450, "a process with 450 threads"},
						    {41, 5, "one with a single thread"},
						    {51, 3, "one with three threads"}};
	static struct world world;
	mpu_u32 i;

	world_init(&world, regime, knowledge);
	for (i = 0; i < 450; i++)
		world_client(&world, world_task(&world, 5001 + i, 5000, 100 + i, 50), 1);
	world_process(&world, 1041, 41, 5);
	for (i = 0; i < 3; i++)
		world_client(&world, world_task(&world, 6001 + i, 6000, 700 + i, 51), 1);
	world_task(&world, 5000, 5000, 50, 50);
	world_task(&world, 6000, 6000, 51, 51);
	ask(&world, fact, questions, 3, "more threads than fit one question");
}

/* However often a process is asked for, the driver is not asked more often than its threads take.
 */
static void repeated(const struct fact *fact, enum regime regime, enum knowledge knowledge)
{
	static struct question questions[MPU_RM_MAX_INFO];
	static struct world world;
	mpu_u32 i;

	world_init(&world, regime, knowledge);
	for (i = 0; i < 450; i++)
		world_client(&world, world_task(&world, 5001 + i, 5000, 100 + i, 50), 1);
	world_task(&world, 5000, 5000, 50, 50);
	world_process(&world, 1041, 41, 5);
	for (i = 0; i < MPU_RM_MAX_INFO; i++) {
		questions[i].pid = i % 2 ? 50 : 41;
		questions[i].memory = i % 2 ? 450 : 5;
		questions[i].what = i % 2 ? "a process with 450 threads" : "one with one";
	}
	ask(&world, fact, questions, MPU_RM_MAX_INFO, "two processes asked for 100 times each");
	ok(world.controls <= 8, "... with %u questions more", world.controls);
}

/* The word behind the PID says what is asked: the answer to one question is not that to another. */
static void indexes(const struct fact *fact, enum regime regime)
{
	static struct world world;
	unsigned char params[14408];
	unsigned char *array = params + fact->array;
	mpu_u32 i;
	int kept = 1;

	world_init(&world, regime, RELEASE_KNOWN);
	for (i = 0; i < 3; i++)
		world_client(&world, world_task(&world, 5001 + i, 5000, 100 + i, 50), 1);
	world_task(&world, 5000, 5000, 50, 50);
	memset(params, 0, sizeof(params));
	fact_store(params, fact->count, 3);
	for (i = 0; i < 3; i++) {
		fact_store(array, i * fact->stride, 50);
		fact_store(array, i * fact->stride + 4, i / 2);
	}
	is(world_call(&world, fact->cmd, params, fact->size), 0,
	   "PID_INFO, %s: a process asked for by two indexes", regime_names[regime]);
	for (i = 0; i < 3; i++)
		kept &= fact_load(array, i * fact->stride) == 50 &&
			fact_load(array, i * fact->stride + 4) == i / 2;
	ok(kept, "... which are given back as they came");
	is(fact_load64(array + fact->stride, fact->data), 3, "... and summed for those alike");
}

/* A thread that opened a client and ended: its number is all that the driver lists. */
static void ended_thread(const struct fact *fact, enum regime regime)
{
	static const struct question questions[] = {{41, 5, "a process"},
						    {43, 20, "a thread that has ended"}};
	static struct world world;
	unsigned int thread;

	world_init(&world, regime, RELEASE_KNOWN);
	world_process(&world, 1041, 41, 5);
	world_task(&world, 1042, 1042, 42, 42);
	thread = world_task(&world, 1043, 1042, 43, 42);
	world_client(&world, thread, 20);
	world.tasks[thread].gone = 1;
	ask(&world, fact, questions, 2, "a thread that has ended");
}

static void full_question(const struct fact *fact, enum regime regime)
{
	static struct question questions[MPU_RM_MAX_INFO];
	static struct world world;
	mpu_u32 i;

	world_init(&world, regime, RELEASE_KNOWN);
	for (i = 0; i < MPU_RM_MAX_INFO; i++) {
		questions[i].pid = 100 + i;
		questions[i].memory = 3 * i;
		questions[i].what = "one of 200";
		world_process(&world, 3000 + i, 100 + i, 3 * i);
	}
	ask(&world, fact, questions, MPU_RM_MAX_INFO, "200 PIDs at once");
}

static void host_caller(const struct fact *fact, enum regime regime)
{
	static struct world world;
	unsigned char params[14408], wanted[14408];

	world_init(&world, regime, RELEASE_KNOWN);
	world_process(&world, 1041, 41, 100);
	world.host_caller = 1;
	world.self = 1040;
	memset(params, 0x77, sizeof(params));
	fact_store(params, 0, 2);
	fact_store(params, 8, 1041);
	fact_store(params, 8 + fact->stride, 0xffffffffu);
	memcpy(wanted, params, sizeof(params));
	model_control(&world, fact->cmd, wanted, fact->size);
	world_call(&world, fact->cmd, params, fact->size);
	ok(!memcmp(params, wanted, sizeof(params)), "PID_INFO, %s: untouched for a host's caller",
	   regime_names[regime]);
	is(world.controls, 0, "... and the driver asked no further");
	is(world.events[MPU_RM_EVENT_HOST_CALLER], 1, "... and counted");
}

void info_suite(void)
{
	const struct fact *fact = layout(MPU_RM_GPU_GET_PID_INFO, 14408);
	enum regime regime;
	enum knowledge knowledge;

	for (regime = R0; regime < REGIMES; regime++) {
		for (knowledge = RELEASE_KNOWN; knowledge < KNOWLEDGES; knowledge++) {
			mixed(fact, regime, knowledge);
			mixed(layout(MPU_RM_GPU_GET_PID_INFO, 9608), regime, knowledge);
			mixed(layout(MPU_RM_DEVICE_GET_PID_INFO, 8008), regime, knowledge);
		}
		for (knowledge = RELEASE_KNOWN; knowledge < KNOWLEDGES; knowledge++) {
			many_threads(fact, regime, knowledge);
			repeated(fact, regime, knowledge);
			insiders_collide(fact, regime, knowledge);
			/* Nothing but the release tells, so a wrong one misleads. */
			if (regime != R1 || knowledge != RELEASE_TOO_NEW)
				no_client(fact, regime, knowledge);
		}
		strangers_kernel_client(fact, regime);
		full_question(fact, regime);
		host_caller(fact, regime);
		indexes(fact, regime);
		if (regime >= R2 && regime < R4)
			ended_thread(fact, regime);
	}
	full_question(layout(MPU_RM_GPU_GET_PID_INFO, 9608), R0);
	full_question(layout(MPU_RM_DEVICE_GET_PID_INFO, 8008), R0);
}
