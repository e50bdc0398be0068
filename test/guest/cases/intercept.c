// SPDX-License-Identifier: GPL-2.0-only
/* Interception in every regime, and what it must leave alone. */
#include "cases.h"
#include "client.h"
#include "gpu.h"
#include "intercept.h"
#include "questions.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

const enum observer all_observers[OBSERVERS] = {OBSERVER_STATIC, OBSERVER_MUSL, OBSERVER_32,
						OBSERVER_LIBMPU, OBSERVER_RAW};

void load_intercepting(const char *parameters)
{
	int error = module_load_file(MODULE_PATH, parameters);

	CHECK(error == 0, "error %d", error);
}

void unload_intercepting(void)
{
	int error = module_unload();

	CHECK(error == 0, "error %d", error);
}

void get_state(struct state *state)
{
	struct message message;
	struct client client;
	struct reply reply;
	const struct nlattr *attribute;

	client_open(&client);
	message_start(&message, client.family, 0, MPU_CMD_GET);
	client_exchange(&client, &message, message_header(&message)->nlmsg_len, &reply);
	CHECK(reply.error == 0, "error %d", reply.error);
	state->intercept = attribute_u32(message_find(&reply.message, MPU_A_INTERCEPT));
	state->generation = attribute_u64(message_find(&reply.message, MPU_A_GENERATION));
	attribute = message_find(&reply.message, MPU_A_INTERCEPT_REASON);
	snprintf(state->reason, sizeof(state->reason), "%s",
		 attribute ? (const char *)attribute_data(attribute) : "");
	attribute = message_find(&reply.message, MPU_A_COUNTERS);
	CHECK(attribute, "no counters on the host");
	if (state->intercept != MPU_INTERCEPT_ABSENT) {
		state->in_flight = attribute_u64(nest_find(attribute, MPU_A_COUNTER_IN_FLIGHT));
		state->rewritten = attribute_u64(nest_find(attribute, MPU_A_COUNTER_REWRITTEN));
		state->untouched = attribute_u64(nest_find(attribute, MPU_A_COUNTER_UNTOUCHED));
	}
	client_close(&client);
}

int set_intercept(uint32_t value)
{
	struct message message;
	struct client client;
	struct reply reply;

	client_open(&client);
	message_start(&message, client.family, NLM_F_ACK, MPU_CMD_SET);
	message_add(&message, MPU_A_INTERCEPT, &value, sizeof(value));
	client_exchange(&client, &message, message_header(&message)->nlmsg_len, &reply);
	CHECK(reply.error == 0 || reply.explained, "error %d without a reason", reply.error);
	client_close(&client);
	return reply.error;
}

int try_write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error;

	CHECK(fd >= 0, "%s: errno %d", path, errno);
	error = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : errno;
	close(fd);
	return error;
}

void write_text(const char *path, const char *text)
{
	int error = try_write_text(path, text);

	CHECK(error == 0, "%s to %s: errno %d", text, path, error);
}

void observe_once(void)
{
	const pid_t stranger = stranger_start();
	struct container *container;

	container = container_start("once", all_observers, OBSERVERS, (uint32_t)stranger);
	container_finish(container);
	stop(stranger);
}

/* With structures of both kinds where there have been drivers like that. */
static const struct {
	const char *regime, *entry, *layouts;
} regimes[] = {{"R0", "frontend", "550.163.01"},  {"R1", "frontend", "550.163.01"},
	       {"R2", "unlocked", "550.163.01"},  {"R3a", "unlocked", "550.163.01"},
	       {"R3b", "unlocked", "550.163.01"}, {"R4", "unlocked", "550.163.01"},
	       {"R3a", "unlocked", "570.124.06"}, {"R4", "unlocked", "610.57.04"}};

static void case_regimes(void)
{
	for (size_t i = 0; i < sizeof(regimes) / sizeof(*regimes); i++) {
		char parameters[32];
		struct state state;

		snprintf(parameters, sizeof(parameters), "regime=%s", regimes[i].regime);
		driver_load_release(regimes[i].entry, regimes[i].layouts, parameters);
		load_intercepting("intercept=1");
		observe_once();
		get_state(&state);
		CHECK(state.intercept == MPU_INTERCEPT_ON && state.in_flight == 0 &&
			      state.rewritten >= OBSERVERS * 10,
		      "%s: state %u, %u in flight, %u rewritten", regimes[i].regime,
		      state.intercept, (unsigned int)state.in_flight,
		      (unsigned int)state.rewritten);
		unload_intercepting();
		driver_unload();
	}
}

/* What the driver answers to every question of this process, bare and wrapped. */
static void ask_everything(uint8_t (*answers)[QUESTIONS][PAGES * PAGE])
{
	for (int wrapped = 0; wrapped < 2; wrapped++)
		for (int i = 0; i < QUESTIONS; i++) {
			int error;

			write_question(&questions[i], area);
			error = call(wrapped);
			CHECK(error == 0, "%#x: errno %d", questions[i].cmd, error);
			memcpy(answers[wrapped][i], area, PAGES * PAGE);
		}
}

/* The host's own view: as without the module, to the byte. */
static void case_host_untouched(void)
{
	static uint8_t before[2][QUESTIONS][PAGES * PAGE], after[2][QUESTIONS][PAGES * PAGE];
	static const char *const drivers[][2] = {{"frontend", "regime=R0"},
						 {"unlocked", "regime=R4"}};

	area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED, "errno %d", errno);
	for (int d = 0; d < 2; d++) {
		struct state first, second;
		pid_t stranger;

		driver_load(drivers[d][0], drivers[d][1]);
		stranger = stranger_start();
		gpu_open(&asker, 100, 30);
		ask_everything(before);
		load_intercepting("intercept=1");
		get_state(&first);
		ask_everything(after);
		get_state(&second);
		CHECK(memcmp(before, after, sizeof(before)) == 0, "%s: it changed", drivers[d][1]);
		CHECK(first.rewritten == second.rewritten && first.untouched == second.untouched,
		      "%s: it was looked at", drivers[d][1]);
		unload_intercepting();
		close(asker.fd);
		stop(stranger);
		driver_unload();
	}
}

static void case_states(void)
{
	struct state first, state;
	int error;

	load_intercepting("");
	get_state(&first);
	CHECK(first.intercept == MPU_INTERCEPT_OFF && !first.reason[0], "%u", first.intercept);
	CHECK((error = set_intercept(MPU_INTERCEPT_ON)) == 0, "error %d", error);
	get_state(&state);
	CHECK(state.intercept == MPU_INTERCEPT_WAITING && state.reason[0] &&
		      state.generation != first.generation,
	      "%u", state.intercept);
	first = state;
	driver_load("unlocked", "regime=R0");
	get_state(&state);
	CHECK(state.intercept == MPU_INTERCEPT_ON && !state.reason[0] &&
		      state.generation != first.generation,
	      "%u", state.intercept);
	observe_once();
	first = state;
	CHECK((error = set_intercept(MPU_INTERCEPT_ON)) == 0, "error %d", error);
	get_state(&state);
	CHECK(state.generation == first.generation, "a change that is none");
	write_text("/sys/module/mpu/parameters/intercept", "0");
	get_state(&state);
	CHECK(state.intercept == MPU_INTERCEPT_OFF && state.generation != first.generation, "%u",
	      state.intercept);
	write_text("/sys/module/mpu/parameters/intercept", "1");
	observe_once();
	driver_unload();
	get_state(&state);
	CHECK(state.intercept == MPU_INTERCEPT_WAITING, "%u", state.intercept);
	unload_intercepting();
}

static void case_driver_reloads(void)
{
	load_intercepting("intercept=1");
	for (size_t i = 0; i < 12; i++) {
		char parameters[32];

		snprintf(parameters, sizeof(parameters), "regime=%s", regimes[i % 6].regime);
		driver_load(regimes[i % 6].entry, parameters);
		if (i % 3 == 0)
			observe_once();
		driver_unload();
	}
	unload_intercepting();
}

static void case_log(void)
{
	kernel_log_check();
}

/* After a case that failed, too. */
static void run(const char *name, void (*body)(void), unsigned int seconds)
{
	report_run(name, body, seconds);
	module_unload();
	module_unload_name("nvidia");
}

void intercept_run(int rounds)
{
	if (rounds)
		switch_rounds = rounds;
	kernel_log_start();
	run("every regime, every kind of program", case_regimes, 600);
	run("the host sees what it saw", case_host_untouched, 120);
	run("what interception says to a caller on the host", case_host_caller, 120);
	run("any request word", case_words, 300);
	run("a caller's memory changes at any moment of a call", case_hostile, 300);
	run("a process that holds up unloading is found and killed", case_held_up, 120);
	run("callers whose threads change it all the time", case_wild, 600);
	run("GET, SET and the parameter", case_states, 300);
	run("a family is registered while interception is switched", case_lock, 120);
	run("the driver comes and goes", case_driver_reloads, 300);
	coexist_run(run);
	switch_run(run);
	run("the kernel log is clean", case_log, 120);
	kernel_leaks_run();
}

void intercept_rounds_run(int rounds)
{
	if (rounds)
		switch_rounds = rounds;
	kernel_log_start();
	rounds_run(run);
	run("the kernel log is clean", case_log, 120);
	kernel_leaks_run();
}

void intercept_lockdown_run(void)
{
	kernel_log_start();
	lockdown_run(run);
	run("the kernel log is clean after that", case_log, 120);
}
