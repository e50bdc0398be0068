// SPDX-License-Identifier: GPL-2.0-only
#include "cases.h"
#include "client.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

void case_cached_family(void)
{
	const uint32_t self = (uint32_t)getpid();
	struct client client;
	uint16_t cached;
	uint32_t answer;
	int error;

	client_open(&client);
	cached = client.family;
	CHECK(client_to_ns(&client, self) == self, "itself");

	CHECK((error = module_unload()) == 0, "error %d", error);
	error = client_try_translate(&client, MPU_CMD_TO_NS, &self, &answer, 1);
	CHECK(error == -ENOENT, "an unloaded module's family: error %d", error);
	CHECK((error = client_resolve(&client)) == -ENOENT, "error %d", error);

	/* A client that kept the number must not be talking to somebody else; it asks again. */
	CHECK((error = module_load()) == 0, "error %d", error);
	error = client_try_translate(&client, MPU_CMD_TO_NS, &self, &answer, 1);
	CHECK(error == -ENOENT || (error == 0 && answer == self), "error %d", error);
	CHECK((error = client_resolve(&client)) == 0, "error %d", error);
	CHECK(client.family != cached, "the family has number %u again", cached);
	CHECK(client_to_ns(&client, self) == self, "itself");
	CHECK((error = module_load()) == -EEXIST, "loaded twice: %d", error);
}

enum { RELOADS = 60, CALLERS = 4 };

static const struct timespec moment = {.tv_nsec = 3000000};

static struct traffic {
	volatile uint32_t stop;
	atomic_uint answered;
	atomic_uint refused;
} * traffic;

static void call_until_stopped(void *unused)
{
	const uint32_t here = (uint32_t)getpid();
	struct client client;
	uint32_t host = 0, answer;
	int error;

	(void)unused;
	client_open(&client);
	while (!traffic->stop) {
		error = client_try_translate(&client, MPU_CMD_TO_HOST, &here, &answer, 1);
		if (error == 0) {
			CHECK(answer != 0 && (host == 0 || answer == host), "%u, not %u", answer,
			      host);
			host = answer;
			atomic_fetch_add(&traffic->answered, 1);
			continue;
		}
		CHECK(error == -ENOENT || error == -EOPNOTSUPP, "error %d", error);
		atomic_fetch_add(&traffic->refused, 1);
		error = client_resolve(&client);
		CHECK(error == 0 || error == -ENOENT, "error %d", error);
		/* For every unknown family the kernel tries to start modprobe. */
		if (error)
			nanosleep(&moment, NULL);
	}
}

void case_reload_under_load(void)
{
	pid_t callers[CALLERS];
	int error;

	traffic = shared_memory(sizeof(*traffic));
	for (int i = 0; i < CALLERS; i++)
		callers[i] =
			start(i % 2 ? CLONE_NEWPID | CLONE_NEWNET : 0, call_until_stopped, NULL);
	for (int i = 0; i < RELOADS; i++) {
		nanosleep(&moment, NULL);
		CHECK((error = module_unload()) == 0, "round %d: unload: %d", i, error);
		if (i % 4 == 0)
			nanosleep(&moment, NULL);
		CHECK((error = module_load()) == 0, "round %d: load: %d", i, error);
	}
	nanosleep(&moment, NULL);
	traffic->stop = 1;
	for (int i = 0; i < CALLERS; i++)
		finish(callers[i]);
	CHECK(atomic_load(&traffic->answered) > RELOADS && atomic_load(&traffic->refused) > 0,
	      "%u answers, %u refusals", atomic_load(&traffic->answered),
	      atomic_load(&traffic->refused));
}
