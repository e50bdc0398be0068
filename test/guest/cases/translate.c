// SPDX-License-Identifier: GPL-2.0-only
#include "cases.h"
#include "client.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONTAINER (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

/* Handed from process to process. */
struct notes {
	volatile uint32_t host_pid;  /* of the container's PID 1 */
	volatile uint32_t inner_pid; /* its PID in the middle namespace, where there is one */
	volatile uint32_t stranger;
	volatile uint32_t ready;
	volatile uint32_t done;
};

/* That every id but these is answered with 0, over all ids a small system has. */
static void check_sees_only(struct client *client, uint8_t command, const uint32_t *seen,
			    const uint32_t *answers, size_t count)
{
	static uint32_t in[MPU_MAX_PIDS], out[MPU_MAX_PIDS];
	size_t found = 0;

	for (uint32_t i = 0; i < MPU_MAX_PIDS; i++)
		in[i] = i;
	client_translate(client, command, in, out, MPU_MAX_PIDS);
	for (uint32_t i = 0; i < MPU_MAX_PIDS; i++) {
		uint32_t wanted = 0;

		for (size_t k = 0; k < count; k++) {
			if (seen[k] == i) {
				wanted = answers[k];
				found++;
			}
		}
		CHECK(out[i] == wanted, "command %u, id %u: %u, not %u", command, i, out[i],
		      wanted);
	}
	CHECK(found == count, "ids above %u", MPU_MAX_PIDS);
}

void case_host(void)
{
	const uint32_t self = (uint32_t)getpid();
	const uint32_t strange[] = {0,		self,	    0x7fffffff, 0x80000000, 0x80000001,
				    0xffffffff, 0x00400000, 0x00400001, self};
	const uint32_t wanted[] = {0, self, 0, 0, 0, 0, 0, 0, self};
	const pid_t child = start_sleeper(0);
	const pid_t contained = start_sleeper(CONTAINER);
	struct client client;
	uint32_t out[9];

	client_open(&client);
	client_translate(&client, MPU_CMD_TO_NS, strange, out, 9);
	for (size_t i = 0; i < 9; i++)
		CHECK(out[i] == wanted[i], "%#x: %u", strange[i], out[i]);
	client_translate(&client, MPU_CMD_TO_HOST, strange, out, 9);
	for (size_t i = 0; i < 9; i++)
		CHECK(out[i] == wanted[i], "%#x: %u", strange[i], out[i]);
	CHECK(client_to_ns(&client, 1) == 1 && client_to_host(&client, 1) == 1, "init");
	CHECK(client_to_ns(&client, (uint32_t)child) == (uint32_t)child, "a child");
	CHECK(client_to_ns(&client, (uint32_t)contained) == (uint32_t)contained, "in a container");
	/* Kernel threads are processes too. */
	CHECK(client_to_ns(&client, 2) == 2, "kthreadd");
	stop(child);
	CHECK(client_to_ns(&client, (uint32_t)child) == 0, "a dead child");
	CHECK(client_to_host(&client, (uint32_t)child) == 0, "a dead child");
}

static void as_nobody(void *unused)
{
	const uint32_t self = (uint32_t)getpid();

	(void)unused;
	CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0,
	      "errno %d", errno);
	CHECK(ask_to_ns(self) == self && ask_to_host(self) == self, "itself");
}

static void contained_nobody(void *argument)
{
	const struct notes *notes = argument;

	await_word(&notes->host_pid);
	CHECK(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0, "errno %d",
	      errno);
	CHECK(ask_to_ns(notes->host_pid) == 1 && ask_to_host(1) == notes->host_pid, "itself");
}

void case_unprivileged(void)
{
	struct notes *notes = shared_memory(sizeof(*notes));
	pid_t pid;

	run_in(0, as_nobody, NULL);
	pid = start(CLONE_NEWPID, contained_nobody, notes);
	notes->host_pid = (uint32_t)pid;
	finish(pid);
}

static void container(void *argument)
{
	const struct notes *notes = argument;
	struct client client;
	uint32_t one = 1, host;

	await_word(&notes->host_pid);
	host = notes->host_pid;
	client_open(&client);
	CHECK(getpid() == 1, "PID %d", getpid());
	check_sees_only(&client, MPU_CMD_TO_NS, &host, &one, 1);
	check_sees_only(&client, MPU_CMD_TO_HOST, &one, &host, 1);
	CHECK(client_to_ns(&client, notes->stranger) == 0, "a neighbour");
}

void case_container(void)
{
	struct notes *notes = shared_memory(sizeof(*notes));
	pid_t pid;

	notes->stranger = (uint32_t)start_sleeper(CONTAINER);
	pid = start(CONTAINER, container, notes);
	notes->host_pid = (uint32_t)pid;
	finish(pid);
}

static void host_view(void *unused)
{
	const uint32_t self = (uint32_t)getpid();

	(void)unused;
	CHECK(ask_to_ns(self) == self && ask_to_host(self) == self, "itself");
	CHECK(ask_to_ns(1) == 1, "init");
}

void case_other_namespaces(void)
{
	struct notes *notes = shared_memory(sizeof(*notes));
	pid_t pid;

	/* Only the PID namespace counts. */
	run_in(CLONE_NEWNET, host_view, NULL);
	run_in(CLONE_NEWUSER, host_view, NULL);
	run_in(CLONE_NEWUSER | CLONE_NEWNET, host_view, NULL);
	pid = start(CLONE_NEWPID, container, notes);
	notes->stranger = 1;
	notes->host_pid = (uint32_t)pid;
	finish(pid);
}

static void inner(void *argument)
{
	const struct notes *notes = argument;
	struct client client;
	uint32_t one = 1, host;

	await_word(&notes->inner_pid);
	host = notes->inner_pid;
	client_open(&client);
	/* The host's number is what TO_HOST answers; the one of the namespace between is no answer.
	 */
	check_sees_only(&client, MPU_CMD_TO_NS, &host, &one, 1);
	check_sees_only(&client, MPU_CMD_TO_HOST, &one, &host, 1);
}

static void middle(void *argument)
{
	struct notes *notes = argument;
	const pid_t filler = start_sleeper(0);
	const pid_t pid = start(CLONE_NEWPID, inner, notes);
	struct client client;
	uint32_t here[3] = {1, (uint32_t)filler, (uint32_t)pid};
	uint32_t host[3];

	client_open(&client);
	client_translate(&client, MPU_CMD_TO_HOST, here, host, 3);
	CHECK(host[0] == notes->host_pid, "itself is %u on the host, not %u", host[0],
	      notes->host_pid);
	CHECK(host[1] && host[2] && host[1] != host[2], "children %u %u", host[1], host[2]);
	check_sees_only(&client, MPU_CMD_TO_NS, host, here, 3);
	check_sees_only(&client, MPU_CMD_TO_HOST, here, host, 3);
	notes->inner_pid = host[2];
	finish(pid);
}

static void wait_and_run_middle(void *argument)
{
	const struct notes *notes = argument;

	await_word(&notes->host_pid);
	middle(argument);
}

void case_nested(void)
{
	struct notes *notes = shared_memory(sizeof(*notes));
	const pid_t pid = start(CLONE_NEWPID | CLONE_NEWUSER, wait_and_run_middle, notes);

	notes->host_pid = (uint32_t)pid;
	finish(pid);
	CHECK(notes->inner_pid != 0, "the inner process never ran");
}

static void unshared_child(void *argument)
{
	const struct notes *notes = argument;

	await_word(&notes->host_pid);
	CHECK(getpid() == 1, "PID %d", getpid());
	CHECK(ask_to_ns(notes->host_pid) == 1, "child");
}

void case_unshared(void)
{
	struct notes *notes = shared_memory(sizeof(*notes));
	const uint32_t self = (uint32_t)getpid();
	pid_t pid;

	/* unshare(CLONE_NEWPID) moves children only: the caller stays what it was. */
	CHECK(unshare(CLONE_NEWPID) == 0, "errno %d", errno);
	CHECK(ask_to_ns(self) == self && ask_to_host(self) == self, "itself");
	pid = start(0, unshared_child, notes);
	notes->host_pid = (uint32_t)pid;
	finish(pid);
	CHECK(ask_to_ns(self) == self, "itself");
}

struct inherited {
	struct client client;
	struct notes *notes;
};

static void use_inherited(void *argument)
{
	struct inherited *inherited = argument;

	await_word(&inherited->notes->host_pid);
	CHECK(client_to_ns(&inherited->client, inherited->notes->host_pid) == 1, "itself");
	CHECK(client_to_ns(&inherited->client, inherited->notes->stranger) == 0, "its parent");
}

void case_inherited_socket(void)
{
	struct inherited inherited = {.notes = shared_memory(sizeof(struct notes))};
	pid_t pid;

	/* Who sends counts, not who opened the socket. */
	client_open(&inherited.client);
	inherited.notes->stranger = (uint32_t)getpid();
	pid = start(CLONE_NEWPID, use_inherited, &inherited);
	inherited.notes->host_pid = (uint32_t)pid;
	finish(pid);
}
