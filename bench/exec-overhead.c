// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs to start a program with a library preloaded, against another library: in turns, so
 * that what else the machine does meets both.
 *
 *   exec-overhead ROUNDS LIBRARY OTHER-LIBRARY PROGRAM
 *
 * Prints, in microseconds of processor time, the medians for both and their ratio.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double microseconds(struct timeval time)
{
	return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

/* Processor time of one run; negative when the program failed. */
static double start(const char *library, const char *program)
{
	char preload[4096];
	char *environment[] = {preload, NULL};
	struct rusage usage;
	int status;
	pid_t pid;

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", library);
	pid = vfork();
	if (pid == 0) {
		execle(program, program, (char *)NULL, environment);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &usage) != pid || status)
		return -1;
	return microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int rounds = argc == 5 ? atoi(argv[1]) : 0, i;
	double *times[2], median[2];

	if (rounds < 1) {
		fprintf(stderr, "usage: exec-overhead ROUNDS LIBRARY OTHER-LIBRARY PROGRAM\n");
		return 2;
	}
	times[0] = calloc((size_t)rounds, sizeof(double));
	times[1] = calloc((size_t)rounds, sizeof(double));
	if (!times[0] || !times[1])
		return 1;
	for (i = 0; i < 2 * rounds; i++) {
		double time = start(argv[2 + i % 2], argv[4]);

		if (time < 0) {
			fprintf(stderr, "exec-overhead: %s failed with %s\n", argv[4],
				argv[2 + i % 2]);
			return 1;
		}
		times[i % 2][i / 2] = time;
	}
	for (i = 0; i < 2; i++) {
		qsort(times[i], (size_t)rounds, sizeof(double), ascending);
		median[i] = times[i][rounds / 2];
	}
	printf("%.1f %.1f %.3f\n", median[0], median[1], median[0] / median[1]);
	return 0;
}
