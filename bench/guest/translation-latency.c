// SPDX-License-Identifier: GPL-2.0-only
#include "bench.h"
#include "client.h"
#include "client/mpu-client.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A GET_PIDS answer of the driver holds at most this many. */
enum { PIDS = 950, ROUNDS = 10, SAMPLES = 100 };

/* Tasks of containers, threads among them. The large one has all that the list names, and more. */
enum { MIDDLE = 498, LARGE = 1900 };

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static uint32_t pids[PIDS], answers[PIDS];

static void ask_list(struct client *client)
{
	client_translate(client, MPU_CMD_TO_NS, pids, answers, PIDS);
}

static void ask_list_to_host(struct client *client)
{
	client_translate(client, MPU_CMD_TO_HOST, pids, answers, PIDS);
}

static void ask_one(struct client *client)
{
	client_translate(client, MPU_CMD_TO_NS, pids, answers, 1);
}

static void ask_get(struct client *client)
{
	struct message message;
	struct reply reply;

	message_start(&message, client->family, 0, MPU_CMD_GET);
	client_exchange(client, &message, message_header(&message)->nlmsg_len, &reply);
}

/*
 * What netlink takes to carry such a list and nothing else: a command that the family does not have
 * is refused with the whole request in the answer.
 */
static void ask_echo(struct client *client)
{
	struct message message;
	struct reply reply;

	message_start(&message, client->family, 0, MPU_CMD_MAX + 1);
	message_add(&message, MPU_A_PIDS, pids, sizeof(pids));
	client_exchange(client, &message, message_header(&message)->nlmsg_len, &reply);
	CHECK(reply.error == -EOPNOTSUPP &&
		      message_header(&reply.message)->nlmsg_len > sizeof(pids),
	      "error %d", reply.error);
}

/* What every client does once: the control family looks "mpu" up by name. */
static void ask_family(struct client *client)
{
	CHECK(client_resolve(client) == 0, "no family");
}

/* The own PID on the host, by libmpu-client: everything from the socket to its end. */
static void ask_host_pid(struct client *unused)
{
	(void)unused;
	CHECK(mpu_client_host_pid() > 0, "error %d", mpu_client_host_pid());
}

static const struct sockaddr_un broker = {.sun_family = AF_UNIX, .sun_path = "/broker"};

/* The same by a daemon on the host that looks at SO_PEERCRED. */
static void serve(void *unused)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)unused;
	CHECK(bind(listener, (const struct sockaddr *)&broker, sizeof(broker)) == 0 &&
		      chmod(broker.sun_path, 0666) == 0 && listen(listener, 8) == 0,
	      "errno %d", errno);
	for (;;) {
		int caller = accept(listener, NULL, NULL);
		struct ucred peer;
		socklen_t size = sizeof(peer);

		getsockopt(caller, SOL_SOCKET, SO_PEERCRED, &peer, &size);
		send(caller, &peer.pid, sizeof(peer.pid), MSG_NOSIGNAL);
		close(caller);
	}
}

static void ask_broker(struct client *unused)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid = 0;

	(void)unused;
	CHECK(connect(fd, (const struct sockaddr *)&broker, sizeof(broker)) == 0 &&
		      recv(fd, &pid, sizeof(pid), 0) == (ssize_t)sizeof(pid) && pid > 1,
	      "PID %d, errno %d", pid, errno);
	close(fd);
}

/* Seconds a call, the best of many short samples: everything else on the machine only adds. */
static double measure(struct client *client, void (*ask)(struct client *))
{
	double best = 1e9;

	for (int sample = 0; sample < SAMPLES; sample++) {
		double start = now();

		for (int i = 0; i < ROUNDS; i++)
			ask(client);
		start = (now() - start) / ROUNDS;
		if (start < best)
			best = start;
	}
	return best;
}

static struct race {
	atomic_uint calls;
	volatile uint32_t go;
	volatile uint32_t stop;
} * race;

static void race_along(void *unused)
{
	struct client client;
	unsigned int calls = 0;

	(void)unused;
	client_open(&client);
	await_word(&race->go);
	while (!race->stop) {
		ask_list(&client);
		calls++;
	}
	atomic_fetch_add(&race->calls, calls);
}

/* Calls a second of so many callers, each on a CPU of its own. */
static double throughput(int callers)
{
	pid_t racers[2];
	double start;

	memset(race, 0, sizeof(*race));
	for (int i = 0; i < callers; i++)
		racers[i] = start_as(0, NULL, 0, race_along, NULL);
	usleep(100000);
	race->go = 1;
	start = now();
	sleep(1);
	race->stop = 1;
	start = now() - start;
	for (int i = 0; i < callers; i++)
		finish(racers[i]);
	return atomic_load(&race->calls) / start;
}

static void in_container(void *argument)
{
	static const struct {
		const char *name;
		void (*ask)(struct client *);
	} questions[] = {{"family", ask_family}, {"get", ask_get},	  {"to_ns_1", ask_one},
			 {"echo_950", ask_echo}, {"to_ns_950", ask_list}, {"client", ask_host_pid},
			 {"broker", ask_broker}};
	const volatile uint32_t *count = argument;
	struct client client;

	await_word(count);
	memcpy(pids, (const uint32_t *)argument + 1, sizeof(pids));
	client_open(&client);
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++)
		report_line("bench %s %.3f us", questions[i].name,
			    measure(&client, questions[i].ask) * 1e6);
	for (int i = 0; i < MIDDLE; i++)
		start_sleeper(0);
	report_line("bench to_ns_950_middle %.3f us", measure(&client, ask_list) * 1e6);
	for (int i = 0; i < 3; i++) {
		report_line("bench one_caller %.1f calls/s", throughput(1));
		report_line("bench two_callers %.1f calls/s", throughput(2));
	}
}

/* A list whose ids all belong to processes that the caller sees. */
static void in_large_container(void *unused)
{
	struct client client;

	(void)unused;
	client_open(&client);
	for (int i = 0; i < LARGE; i++) {
		uint32_t pid = (uint32_t)start_sleeper(0);

		if (i % 2)
			pids[i / 2] = pid;
	}
	report_line("bench to_host_950_large %.3f us", measure(&client, ask_list_to_host) * 1e6);
	client_translate(&client, MPU_CMD_TO_HOST, pids, answers, PIDS);
	memcpy(pids, answers, sizeof(pids));
	report_line("bench to_ns_950_large %.3f us", measure(&client, ask_list) * 1e6);
	for (int i = 0; i < PIDS; i++)
		CHECK(answers[i] > 1, "%d: %u", i, answers[i]);
}

static void bench(void)
{
	uint32_t *shared = shared_memory((PIDS + 1) * sizeof(*shared));
	pid_t pid, server = start(0, serve, NULL);
	int error = module_load();

	CHECK(error == 0, "error %d", error);
	race = shared_memory(sizeof(*race));
	/* A GPU of a busy host: processes of the caller's container, of others, and dead ones. */
	pid = start(CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWNET, in_container, shared);
	for (uint32_t i = 0; i < PIDS; i++)
		shared[1 + i] = i % 3 == 2 ? 30000 + i : (uint32_t)start_sleeper(0);
	shared[1] = (uint32_t)pid;
	shared[0] = 1;
	finish(pid);
	stop(server);
	run_in(CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWNET, in_large_container, NULL);
}

void bench_run(void)
{
	report_run("benchmark", bench, 300);
}
