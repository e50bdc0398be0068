// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random machines, random answers of every layout, and the whole result compared with what
 * reference.c says. The same rounds on every run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "random.h"
#include "reference.h"
#include "suites.h"
#include "tap.h"
#include "world.h"

#define ROUNDS 6000

static struct world world;

static int taken(mpu_u32 number, int host)
{
	unsigned int i;

	for (i = 0; i < world.task_count; i++)
		if (host ? world.tasks[i].host_tid == number : world.tasks[i].tid == number)
			return 1;
	return 0;
}

static mpu_u32 unused_number(struct random *random, mpu_u32 below, int host)
{
	mpu_u32 number;

	do
		number = 2 + random_below(random, below);
	while (taken(number, host));
	return number;
}

/*
 * Numbers inside and outside overlap, but for those of processes inside: what the driver itself
 * leaves out for an overlap (see list_test.c) nobody can put back.
 */
static void random_world(struct random *random)
{
	mpu_u32 tasks = random_below(random, 40), i;

	world_init(&world, random_below(random, REGIMES), RELEASE_KNOWN);
	for (i = 0; i < tasks; i++) {
		int inside = (int)random_below(random, 2);
		mpu_u32 host = inside ? 500 + unused_number(random, 400, 1)
				      : unused_number(random, 300, 1);
		mpu_u32 own = inside ? unused_number(random, 300, 0) : 0;
		mpu_u32 host_leader = host, leader = own;
		unsigned int task;

		if (taken(host, 1))
			continue;
		if (i && !random_below(random, 4)) {
			const struct task *other =
				&world.tasks[random_below(random, world.task_count)];

			if (!other->tgid == !inside) {
				host_leader = other->host_tgid;
				leader = other->tgid;
			}
		}
		task = world_task(&world, host, host_leader, own, leader);
		while (random_below(random, 3))
			world_client(&world, task, random_below(random, 1000));
		if (!random_below(random, 3))
			world.records[world.record_count++] = host_leader;
	}
	world.host_caller = !random_below(random, 10);
	if (world.host_caller)
		world.self = 1040;
}

static mpu_u32 random_host(struct random *random)
{
	switch (random_below(random, 8)) {
	case 0:
		return 0;
	case 1:
		return 0xffffffffu;
	case 2:
		return random_below(random, 1000);
	default:
		return world.tasks[random_below(random, world.task_count)].host_tgid;
	}
}

/* One engine's block as a driver from 570 on gives it: translated, or host PID and address. */
static void translated_place(const struct fact *fact, unsigned char *sample, mpu_u32 k,
			     struct random *random)
{
	const struct task *task = &world.tasks[random_below(random, world.task_count)];
	mpu_u32 number = world.regime == R4 ? task->tgid : task->tid;

	if (!random_below(random, 4)) {
		fact_store(sample, fact->pid[k], random_below(random, 2) ? 0 : 0xffffffffu);
		fact_store64(sample, fact->kernel_pointer[k], 0);
		return;
	}
	fact_store(sample, fact->pid[k], number ? number : task->host_tgid);
	fact_store64(sample, fact->kernel_pointer[k],
		     number ? 0 : 0xffff888000000000ull + random_next(random));
}

static void compose(const struct fact *fact, unsigned char *params, unsigned char *array,
		    struct random *random)
{
	mpu_u32 elements = fact->max == FACT_ABSENT ? 1 : fact->max, i, k;
	mpu_u32 stride = fact->stride == FACT_ABSENT ? 0 : fact->stride;

	for (i = 0; i < elements; i++) {
		for (k = 0; k < fact->pids; k++) {
			if (fact->kernel_pointers)
				translated_place(fact, array + i * stride, k, random);
			else
				fact_store(array + i * stride, fact->pid[k], random_host(random));
		}
	}
	if (fact->count != FACT_ABSENT)
		fact_store(params, fact->count,
			   random_below(random, 8) ? random_below(random, fact->max + 1)
						   : random_next(random));
}

/* Whether a driver of this regime has such a control. */
static int exists(const struct fact *fact)
{
	if (fact->kernel_pointers)
		return world.regime >= R3A;
	/* questions have an answer that the table does not tell: info_test.c, record_test.c */
	return fact->kind != MPU_RM_KIND_INFO && fact->kind != MPU_RM_KIND_RECORD;
}

static int is_list_of_users(const struct fact *fact)
{
	return fact->cmd == MPU_RM_GPU_GET_PIDS || fact->cmd == MPU_RM_DEVICE_GET_PIDS;
}

static reference_map *map_of(const struct fact *fact)
{
	if (fact->kernel_pointers || (is_list_of_users(fact) && world.regime != R0) ||
	    (fact->cmd == MPU_RM_ACCT_GET_PIDS && world.regime == R3A))
		return reference_from_caller;
	return reference_from_host;
}

static void hide_addresses(const struct fact *fact, unsigned char *array)
{
	mpu_u32 i, k;

	for (i = 0; fact->kernel_pointers && i < fact->max; i++)
		for (k = 0; k < fact->kernel_pointers; k++)
			fact_store64(array + i * fact->stride, fact->kernel_pointer[k], 0);
}

/* One request in one world; false when the result is not the reference's. */
static int round_is_right(const struct fact *fact, struct random *random)
{
	int embedded = fact->pointer != FACT_ABSENT, right;
	struct guard params = guard_new(fact->size);
	struct guard behind = guard_new(embedded ? fact_array_size(fact) : 4);
	mpu_u32 at = fact->array == FACT_ABSENT ? 0 : fact->array;
	unsigned char *array = embedded ? behind.memory : params.memory + at;
	unsigned char *wanted = malloc(fact->size), *wanted_behind = malloc(behind.size);
	mpu_u32 status;

	random_fill(random, params.memory, params.size);
	random_fill(random, behind.memory, behind.size);
	compose(fact, params.memory, array, random);
	if (fact->buf_size)
		fact_store(params.memory, 4, fact->buf_size);
	if (embedded)
		fact_store64(params.memory, fact->pointer, (unsigned long)behind.memory);
	memcpy(wanted, params.memory, fact->size);
	memcpy(wanted_behind, behind.memory, behind.size);
	status = model_control(&world, fact->cmd, wanted, fact->size);
	if (world.host_caller)
		hide_addresses(fact, embedded ? wanted_behind : wanted + at);
	else
		reference_scatter(fact, wanted, embedded ? wanted_behind : wanted + at,
				  map_of(fact), &world);
	right = world_call(&world, fact->cmd, params.memory, fact->size) == status &&
		!memcmp(params.memory, wanted, fact->size) &&
		!memcmp(behind.memory, wanted_behind, behind.size) && guard_intact(&params) &&
		guard_intact(&behind);
	free(wanted);
	free(wanted_behind);
	guard_free(&params);
	guard_free(&behind);
	return right;
}

void differential_suite(void)
{
	unsigned int driven[FACTS_MAX] = {0}, wrong[FACTS_MAX] = {0}, first[FACTS_MAX] = {0};
	struct fact facts[FACTS_MAX];
	unsigned int rows = facts_load(facts), round, i;

	for (round = 1; round <= ROUNDS; round++) {
		struct random random = {round};

		random_world(&random);
		i = random_below(&random, rows);
		if (!exists(&facts[i]))
			continue;
		driven[i]++;
		if (!round_is_right(&facts[i], &random) && !wrong[i]++)
			first[i] = round;
	}
	for (i = 0; i < rows; i++) {
		if (facts[i].kind == MPU_RM_KIND_INFO || facts[i].kind == MPU_RM_KIND_RECORD)
			continue;
		ok(driven[i] > ROUNDS / rows / 10, "0x%08x/%u/%u: %u random rounds", facts[i].cmd,
		   facts[i].size, facts[i].buf_size, driven[i]);
		if (!is(wrong[i], 0, "0x%08x/%u/%u: as the reference in all of them", facts[i].cmd,
			facts[i].size, facts[i].buf_size))
			printf("# first in round %u\n", first[i]);
	}
}
