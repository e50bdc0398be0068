// SPDX-License-Identifier: GPL-2.0-only
/* Utilization samples: who ran, in every layout, behind a pointer and inside params. */
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "reference.h"
#include "suites.h"
#include "tap.h"
#include "world.h"

#define KERNEL_ADDRESS 0xffff888123456780ull

/* What a driver may put into an engine's block, and what the caller must see: in an outsider's
 * place, nothing used by the first process that it does see. */
static const struct {
	mpu_u32 from_host, from_caller, wanted;
	int marked; /* a driver that translates leaves it with its host PID and an address */
	const char *what;
} places[] = {
	{1041, 41, 41, 0, "a process inside"},
	{1043, 43, 42, 0, "a thread inside"},
	{2000, 2000, 41, 1, "an outsider"},
	{41, 41, 41, 1, "an outsider whose host PID is a PID here"},
	{0xffffffffu, 0xffffffffu, 0xffffffffu, 0, "no process"},
	{0, 0, 0, 0, "an empty place"},
};
#define PLACES (sizeof(places) / sizeof(places[0]))

static struct world world;

static void fill(const struct fact *fact, unsigned char *array)
{
	mpu_u32 i, k, n = 0;

	for (i = 0; i < fact->max; i++) {
		for (k = 0; k < fact->pids; k++, n++) {
			unsigned char *sample = array + i * fact->stride;
			int translated = fact->kernel_pointers != 0;

			fact_store(sample, fact->pid[k],
				   translated ? places[n % PLACES].from_caller
					      : places[n % PLACES].from_host);
			if (translated)
				fact_store64(sample, fact->kernel_pointer[k],
					     places[n % PLACES].marked ? KERNEL_ADDRESS : 0);
		}
	}
}

static void check(const struct fact *fact, const unsigned char *array)
{
	mpu_u32 wrong[PLACES] = {0}, loud = 0, addresses = 0, i, k, byte, n = 0;

	for (i = 0; i < fact->max; i++) {
		for (k = 0; k < fact->pids; k++, n++) {
			const unsigned char *sample = array + i * fact->stride;
			unsigned int place = n % PLACES;

			wrong[place] += fact_load(sample, fact->pid[k]) != places[place].wanted;
			if (fact->kernel_pointers)
				addresses += fact_load64(sample, fact->kernel_pointer[k]) != 0;
			for (byte = 0; places[place].marked && byte < fact->engine_size; byte++)
				if (byte < 8 || byte >= 12)
					loud += sample[fact->engine[k] + byte] != 0;
		}
	}
	for (i = 0; i < PLACES; i++)
		is(wrong[i], 0, "samples 0x%08x/%u/%u: %s", fact->cmd, fact->size, fact->buf_size,
		   places[i].what);
	is(loud, 0, "... nothing else is said of outsiders");
	is(addresses, 0, "... no kernel address is left");
}

static void drive(const struct fact *fact, enum regime regime, enum knowledge knowledge)
{
	int embedded = fact->pointer != FACT_ABSENT;
	struct guard params = guard_new(fact->size), behind = guard_new(fact_array_size(fact));
	unsigned char *array = embedded ? behind.memory : params.memory + fact->array;
	unsigned char *wanted = malloc(fact_array_size(fact)), *copy = malloc(fact->size);

	world_init(&world, regime, knowledge);
	world_process(&world, 1041, 41, 1);
	world_task(&world, 1042, 1042, 42, 42);
	world_client(&world, world_task(&world, 1043, 1042, 43, 42), 1);
	world_process(&world, 2000, 0, 1);
	world_process(&world, 41, 0, 1);
	memset(params.memory, 0x77, params.size);
	memset(behind.memory, 0x66, behind.size);
	fill(fact, array);
	if (fact->buf_size)
		fact_store(params.memory, 4, fact->buf_size);
	if (embedded)
		fact_store64(params.memory, fact->pointer, (unsigned long)behind.memory);
	memcpy(copy, params.memory, fact->size);
	memcpy(wanted, array, fact_array_size(fact));
	reference_scatter(fact, copy, wanted,
			  fact->kernel_pointers ? reference_from_caller : reference_from_host,
			  &world);
	is(world_call(&world, fact->cmd, params.memory, fact->size), 0, "samples, %s, %s: answered",
	   regime_names[regime], knowledge_names[knowledge]);
	check(fact, array);
	ok(!memcmp(array, wanted, fact_array_size(fact)),
	   "... no other byte of the samples changes");
	if (embedded)
		ok(!memcmp(params.memory, copy, fact->size), "... nor one of the params");
	else
		ok(!memcmp(params.memory, copy, fact->array), "... nor one of the head");
	ok(guard_intact(&params) && guard_intact(&behind), "... nor one around them");
	free(wanted);
	free(copy);
	guard_free(&params);
	guard_free(&behind);
}

/* From 570.148 the driver gives callers in the initial namespace host PIDs with the addresses. */
static void host_caller(const struct fact *fact)
{
	struct guard params = guard_new(fact->size);
	unsigned char *wanted = malloc(fact->size);
	mpu_u32 i, k;

	world_init(&world, R4, RELEASE_KNOWN);
	world_process(&world, 1041, 41, 1);
	world.host_caller = 1;
	world.self = 1040;
	memset(params.memory, 0x77, params.size);
	fill(fact, params.memory + fact->array);
	memcpy(wanted, params.memory, fact->size);
	for (i = 0; i < fact->max; i++)
		for (k = 0; k < fact->kernel_pointers; k++)
			fact_store64(wanted + fact->array + i * fact->stride,
				     fact->kernel_pointer[k], 0);
	world_call(&world, fact->cmd, params.memory, fact->size);
	ok(!memcmp(params.memory, wanted, fact->size),
	   "samples: a host's caller loses the kernel addresses and nothing else");
	free(wanted);
	guard_free(&params);
}

void samples_suite(void)
{
	struct fact facts[FACTS_MAX];
	unsigned int rows = facts_load(facts), i;
	enum knowledge knowledge;

	for (i = 0; i < rows; i++) {
		if (facts[i].kind != MPU_RM_KIND_SAMPLES)
			continue;
		if (!facts[i].kernel_pointers) {
			drive(&facts[i], R0, RELEASE_KNOWN);
			drive(&facts[i], R1, RELEASE_UNKNOWN);
			drive(&facts[i], R2, RELEASE_TOO_OLD);
			continue;
		}
		host_caller(&facts[i]);
		for (knowledge = RELEASE_KNOWN; knowledge <= RELEASE_TOO_OLD; knowledge++) {
			drive(&facts[i], R3A, knowledge);
			drive(&facts[i], R3B, knowledge);
		}
	}
}
