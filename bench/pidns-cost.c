// SPDX-License-Identifier: GPL-2.0-only
/*
 * Microseconds of opening /run/mpu/pidns, translating one PID and closing it, the least of many, in
 * a container of so many tasks.
 *
 *   pidns-cost PROCESSES THREADS   so many processes, each with so many threads
 *   pidns-cost crowd N             starts N threads in processes of 1,000, prints "ready", ends
 * with its input
 */
#include "preload/pidns.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLES = 300, STACK = 16384, CROWD_THREADS = 1000 };

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void start_threads(int count)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, &attributes, wait_for_ever, NULL) != 0) {
			fprintf(stderr, "pidns-cost: this system takes no more than %d threads\n",
				i);
			exit(1);
		}
}

/* Starts processes, each with so many threads, and waits until all have started theirs. */
static void start_processes(int count, int threads)
{
	for (int i = 0; i < count; i++) {
		int ready[2];
		char byte;
		pid_t pid;

		if (pipe(ready) != 0)
			exit(1);
		pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			start_threads(threads - 1);
			if (write(ready[1], "", 1) != 1)
				_exit(1);
			wait_for_ever(NULL);
		}
		close(ready[1]);
		if (pid < 0 || read(ready[0], &byte, 1) != 1)
			exit(1);
		close(ready[0]);
	}
}

static double measure(void)
{
	const mpu_u32 self = (mpu_u32)getpid();
	struct mpu_pidns file;
	double least = 1e18;
	mpu_u32 host;

	for (int i = 0; i < SAMPLES; i++) {
		double start = now();

		if (mpu_pidns_open(&file, MPU_PIDNS_PATH, 1) != 0 ||
		    mpu_pidns_translate(&file, MPU_RM_TO_HOST, &self, &host, 1) != 0 || !host) {
			fprintf(stderr, "pidns-cost: the file does not translate\n");
			exit(1);
		}
		mpu_pidns_close(&file);
		start = now() - start;
		if (start < least)
			least = start;
	}
	return least;
}

int main(int argc, char **argv)
{
	char byte;
	int status;
	pid_t pid;

	if (argc != 3)
		return 2;
	if (strcmp(argv[1], "crowd") == 0) {
		start_processes(atoi(argv[2]) / CROWD_THREADS, CROWD_THREADS);
		puts("ready");
		fflush(stdout);
		return read(STDIN_FILENO, &byte, 1) < 0;
	}
	if (unshare(CLONE_NEWPID) != 0)
		return 1;
	pid = fork();
	if (pid == 0) {
		start_processes(atoi(argv[1]) - 1, atoi(argv[2]));
		start_threads(atoi(argv[2]) - 1);
		printf("%.2f\n", measure());
		fflush(stdout);
		/* Process 1 of the namespace: the others go with it. */
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}
