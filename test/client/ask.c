// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asks libmpu-client, in C and in C++.
 *
 *   ask self               this process's PIDs here and on the host, then waits for the end of
 * stdin ask to-host|to-ns PID... ask many COUNT         a list of so many ask storm threads, signal
 * handlers and forks at once ask exhausted          with no descriptor left
 *
 * Prints numbers, or "error" and an errno. Exits with 1 when an answer is wrong.
 */
#include <mpu-client.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 300, FORKS = 20 };

static int fail(const char *what, int number)
{
	printf("%s %d\n", what, number);
	return 1;
}

static int self(void)
{
	int32_t host_pid = mpu_client_host_pid();

	if (host_pid < 0)
		return fail("error", -host_pid);
	printf("%d %d\n", (int)getpid(), (int)host_pid);
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

static int list(int to_host, int count, char **arguments)
{
	uint32_t in[64], out[64];
	int i, error;

	for (i = 0; i < count && i < 64; i++)
		in[i] = (uint32_t)strtoul(arguments[i], NULL, 10);
	error = (to_host ? mpu_client_to_host : mpu_client_to_ns)(in, out, (size_t)count);
	if (error)
		return fail("error", -error);
	for (i = 0; i < count; i++)
		printf("%u\n", (unsigned)out[i]);
	return 0;
}

static int many(size_t count)
{
	uint32_t *in = (uint32_t *)calloc(count + 1, sizeof(*in));
	uint32_t *out = (uint32_t *)calloc(count + 1, sizeof(*out));
	const uint32_t host_pid = (uint32_t)mpu_client_host_pid();
	int error;
	size_t i;

	for (i = 0; i < count; i++)
		in[i] = i % 3 ? (uint32_t)getpid() : 4000000;
	out[count] = 7;
	error = mpu_client_to_host(in, out, count);
	if (error)
		return fail("error", -error);
	for (i = 0; i < count; i++)
		if (out[i] != (i % 3 ? host_pid : 0))
			return fail("wrong at", (int)i);
	if (out[count] != 7)
		return fail("written behind the end", (int)out[count]);
	free(in);
	free(out);
	puts("right");
	return 0;
}

static int32_t expected;
static volatile sig_atomic_t wrong, interruptions;

static void check(void)
{
	const int before = errno;

	if (mpu_client_host_pid() != expected || errno != before)
		wrong = 1;
}

static void on_signal(int number)
{
	(void)number;
	check();
	interruptions = 1;
}

static void *ask_often(void *unused)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		check();
	return unused;
}

static int descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static int storm(void)
{
	const struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
	const int before = descriptors();
	pthread_t threads[THREADS];
	int i, status;

	expected = mpu_client_host_pid();
	errno = 0;
	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &often, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, ask_often, NULL);
	for (i = 0; i < FORKS; i++) {
		pid_t child = fork();

		/* The child is another process than the one expected. */
		if (child == 0)
			_exit(mpu_client_host_pid() > 0 && mpu_client_host_pid() != expected ? 0
											     : 1);
		while (waitpid(child, &status, 0) < 0)
			;
		if (status)
			wrong = 1;
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	while (!interruptions)
		pause();
	setitimer(ITIMER_REAL, &never, NULL);
	if (wrong)
		return fail("wrong", wrong);
	if (descriptors() != before)
		return fail("descriptors left:", descriptors() - before);
	puts("right");
	return 0;
}

static int exhausted(void)
{
	const struct rlimit none = {3, 3};

	setrlimit(RLIMIT_NOFILE, &none);
	return self();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "self") == 0)
		return self();
	if (strcmp(what, "to-host") == 0 || strcmp(what, "to-ns") == 0)
		return list(strcmp(what, "to-host") == 0, argc - 2, argv + 2);
	if (strcmp(what, "many") == 0 && argc > 2)
		return many((size_t)strtoul(argv[2], NULL, 10));
	if (strcmp(what, "storm") == 0)
		return storm();
	return strcmp(what, "exhausted") == 0 ? exhausted() : 2;
}
