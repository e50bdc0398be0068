// SPDX-License-Identifier: GPL-2.0-only
#include "cases.h"
#include "client.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct notes {
	volatile uint32_t thread;
	volatile uint32_t group;
	volatile uint32_t go;
};

static struct notes *notes;

static void *stay(void *unused)
{
	notes->thread = (uint32_t)syscall(SYS_gettid);
	for (;;)
		pause();
	return unused;
}

static void start_thread(void *(*body)(void *))
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, body, NULL);

	CHECK(error == 0, "error %d", error);
}

static void threaded(void *unused)
{
	(void)unused;
	start_thread(stay);
	await_word(&notes->thread);
	await_word(&notes->go);
	/* Inside, thread and process have the numbers 2 and 1. */
	CHECK(ask_to_host(notes->thread) == notes->go, "the thread's process");
	CHECK(ask_to_host(1) == notes->go, "itself");
}

void case_thread(void)
{
	pid_t pid;

	notes = shared_memory(sizeof(*notes));
	start_thread(stay);
	await_word(&notes->thread);
	CHECK(notes->thread != (uint32_t)getpid(), "no thread");
	CHECK(ask_to_ns(notes->thread) == (uint32_t)getpid(), "TO_NS of a thread");
	CHECK(ask_to_host(notes->thread) == (uint32_t)getpid(), "TO_HOST of a thread");

	notes->thread = 0;
	pid = start(CLONE_NEWPID, threaded, NULL);
	notes->go = (uint32_t)pid;
	finish(pid);
}

static void leave_thread_behind(void *unused)
{
	(void)unused;
	start_thread(stay);
	syscall(SYS_exit, 0);
}

void case_leader_gone(void)
{
	pid_t pid;

	notes = shared_memory(sizeof(*notes));
	pid = start(0, leave_thread_behind, NULL);
	await_word(&notes->thread);
	CHECK(notes->thread != (uint32_t)pid, "no thread");
	for (int i = 0; i < 50; i++) {
		CHECK(ask_to_ns(notes->thread) == (uint32_t)pid, "the thread");
		CHECK(ask_to_ns((uint32_t)pid) == (uint32_t)pid, "the leader, dead but not gone");
		usleep(1000);
	}
	stop(pid);
	CHECK(ask_to_ns(notes->thread) == 0 && ask_to_ns((uint32_t)pid) == 0, "all are gone");
}

static void end_at_once(void *unused)
{
	(void)unused;
}

void case_zombie(void)
{
	const pid_t pid = start(CLONE_NEWPID, end_at_once, NULL);
	siginfo_t information;

	CHECK(waitid(P_PID, (id_t)pid, &information, WEXITED | WNOWAIT) == 0, "errno %d", errno);
	CHECK(ask_to_ns((uint32_t)pid) == (uint32_t)pid, "a zombie keeps its number");
	finish(pid);
	CHECK(ask_to_ns((uint32_t)pid) == 0, "a reaped one does not");
}

static void keep_running(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

static void lead_group(void *unused)
{
	pid_t member;

	CHECK(setsid() > 0, "errno %d", errno);
	/* Not by start(): it is to outlive its parent. */
	member = fork();
	CHECK(member >= 0, "errno %d", errno);
	if (member == 0)
		keep_running(unused);
	notes->group = (uint32_t)getsid(member);
	await_word(&notes->go);
}

void case_group_outlives(void)
{
	pid_t pid;

	/* A session's id stays taken while the session has members, the leader's end
	 * notwithstanding. */
	notes = shared_memory(sizeof(*notes));
	pid = start(0, lead_group, NULL);
	await_word(&notes->group);
	CHECK(notes->group == (uint32_t)pid, "session %u", notes->group);
	CHECK(ask_to_ns((uint32_t)pid) == (uint32_t)pid, "the leader lives");
	notes->go = 1;
	finish(pid);
	CHECK(kill(-pid, 0) == 0, "the group is gone too: errno %d", errno);
	CHECK(ask_to_ns((uint32_t)pid) == 0, "a group's id is no process");
}

struct reuse {
	volatile uint32_t host_pid;
	volatile uint32_t asked;
	volatile uint32_t again;
	uint32_t inner;
};

static void watch_reuse(void *argument)
{
	struct reuse *reuse = argument;
	const pid_t mine = start_sleeper(0);
	struct client client;

	client_open(&client);
	reuse->inner = (uint32_t)mine;
	reuse->host_pid = client_to_host(&client, (uint32_t)mine);
	CHECK(client_to_ns(&client, reuse->host_pid) == (uint32_t)mine, "mine");
	stop(mine);
	CHECK(client_to_ns(&client, reuse->host_pid) == 0, "nobody's");
	reuse->asked = 1;
	await_word(&reuse->again);
	CHECK(client_to_ns(&client, reuse->host_pid) == 0, "another namespace's by now");
	CHECK(client_to_host(&client, reuse->inner) == 0, "still nobody's here");
}

void case_reuse(void)
{
	struct reuse *reuse = shared_memory(sizeof(*reuse));
	pid_t watcher, pids[2], pid;

	/* The kernel itself does not use those before 300 again. */
	do {
		pid = start_sleeper(0);
		stop(pid);
	} while (pid < 320);
	watcher = start(CLONE_NEWPID, watch_reuse, reuse);
	await_word(&reuse->asked);
	/* The same host PID, first in a namespace of its own, then on the host. */
	pids[0] = 1;
	pids[1] = (pid_t)reuse->host_pid;
	pid = start_as(CLONE_NEWPID, pids, 2, keep_running, NULL);
	CHECK(pid == pids[1], "PID %d", pid);
	CHECK(ask_to_ns((uint32_t)pid) == (uint32_t)pid, "seen from the host");
	reuse->again = 1;
	finish(watcher);
	stop(pid);
	pid = start_as(0, &pids[1], 1, keep_running, NULL);
	CHECK(pid == pids[1] && ask_to_ns((uint32_t)pid) == (uint32_t)pid, "PID %d", pid);
}

static void *exec_from_thread(void *unused)
{
	char *const arguments[] = {"/init", "sleep", NULL};

	notes->thread = (uint32_t)syscall(SYS_gettid);
	await_word(&notes->go);
	execv("/init", arguments);
	return unused;
}

static void exec_by_thread(void *unused)
{
	(void)unused;
	start_thread(exec_from_thread);
	for (;;)
		pause();
}

void case_exec_by_thread(void)
{
	struct client client;
	uint32_t seen;
	pid_t pid;
	int i;

	/* The thread that calls exec becomes the process: its own id is gone. */
	notes = shared_memory(sizeof(*notes));
	client_open(&client);
	pid = start(0, exec_by_thread, NULL);
	await_word(&notes->thread);
	notes->go = 1;
	for (i = 0; i < 20000; i++) {
		CHECK(client_to_ns(&client, (uint32_t)pid) == (uint32_t)pid, "the process");
		seen = client_to_ns(&client, notes->thread);
		if (seen == 0)
			break;
		CHECK(seen == (uint32_t)pid, "the thread is answered with %u", seen);
	}
	CHECK(i < 20000, "the thread is still there");
	stop(pid);
}
