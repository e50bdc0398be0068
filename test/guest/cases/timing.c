// SPDX-License-Identifier: GPL-2.0-only
/*
 * A container must not be able to measure which host PIDs are in use outside. It asks many times
 * about a host PID of a process elsewhere and about one that no process has, in a random order, and
 * compares how long the answers took: the two distributions must be the same. Meant for a guest
 * whose clock counts instructions.
 */
#include "cases.h"
#include "client.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TRIES = 100000, NEIGHBOURS = 3 };

/* Ids that are the same modulo this number went through an earlier version's filter. */
enum { STRIDE = 4096 };

/*
 * Limits of the Kolmogorov-Smirnov statistic: the largest distance between two distributions, from
 * 0 to 1. Two samples of the same distribution exceed the first once in 10,000 tests, by chance.
 */
static double limit(int each)
{
	/* 2.23 * sqrt(2 / each) */
	double square = 2.23 * 2.23 * 2 / each, root = 1;

	for (int i = 0; i < 40; i++)
		root = (root + square / root) / 2;
	return root;
}

#define LEAST_EFFECT 0.5

/* The host PIDs, by whether a process elsewhere has them. */
static struct ids {
	volatile uint32_t ready;
	uint32_t own;
	uint32_t ids[2][NEIGHBOURS];
} * ids;

static double samples[2][MAX_TRIES];

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Sorts both samples. Returns their distance. */
static double distance(int each)
{
	double largest = 0;
	int i = 0, j = 0;

	qsort(samples[0], (size_t)each, sizeof(double), compare);
	qsort(samples[1], (size_t)each, sizeof(double), compare);
	while (i < each && j < each) {
		const double value = samples[0][i] < samples[1][j] ? samples[0][i] : samples[1][j];
		double apart;

		while (i < each && samples[0][i] <= value)
			i++;
		while (j < each && samples[1][j] <= value)
			j++;
		apart = (double)(i > j ? i - j : j - i) / each;
		if (apart > largest)
			largest = apart;
	}
	return largest;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Asks about so many copies of an id of one or the other kind, tries times. Returns the distance.
 */
static double measure(struct client *client, const uint32_t kinds[2][NEIGHBOURS], size_t copies,
		      int tries)
{
	static uint32_t in[MPU_MAX_PIDS], out[MPU_MAX_PIDS];
	int taken[2] = {0, 0};
	unsigned int seed = 1;

	while (taken[0] < tries / 2 || taken[1] < tries / 2) {
		const int kind = rand_r(&seed) >> 4 & 1;
		const uint32_t id = kinds[kind][rand_r(&seed) % NEIGHBOURS];
		double start;

		if (taken[kind] == tries / 2)
			continue;
		for (size_t i = 0; i < copies; i++)
			in[i] = id;
		start = now();
		client_translate(client, MPU_CMD_TO_NS, in, out, copies);
		samples[kind][taken[kind]++] = now() - start;
	}
	return distance(tries / 2);
}

/* For a list of 63; longer lists are asked about less often, for they take longer. */
static int most_tries = 20000;

static const struct {
	size_t copies;
	int part;
} lists[] = {{1, 5}, {63, 1}, {64, 10}, {MPU_MAX_PIDS, 50}};

static void ask_and_measure(void *unused)
{
	struct client client;

	(void)unused;
	/* The caller has a few processes. */
	for (int i = 0; i < 8; i++)
		start_sleeper(0);
	await_word(&ids->ready);
	client_open(&client);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		const int each = most_tries / lists[i].part / 2;
		double apart = measure(&client, (const uint32_t(*)[NEIGHBOURS])ids->ids,
				       lists[i].copies, 2 * each);

		report_line("note %zu copies, %d tries: distance %.4f, medians %.0f and %.0f ns",
			    lists[i].copies, 2 * each, apart, samples[0][each / 2],
			    samples[1][each / 2]);
		CHECK(apart < limit(each), "%zu copies: %.4f apart, at most %.4f is chance",
		      lists[i].copies, apart, limit(each));
	}
}

/* The same measurement tells a process that is the caller's to see from none. */
static void ask_about_own(void *unused)
{
	uint32_t kinds[2][NEIGHBOURS];
	struct client client;
	double apart;

	(void)unused;
	await_word(&ids->ready);
	client_open(&client);
	for (int i = 0; i < NEIGHBOURS; i++) {
		kinds[0][i] = ids->ids[0][i];
		kinds[1][i] = ids->own;
	}
	apart = measure(&client, (const uint32_t(*)[NEIGHBOURS])kinds, 63, 2000);
	report_line("note 63 copies of an own id: distance %.4f, medians %.0f and %.0f ns", apart,
		    samples[0][500], samples[1][500]);
	CHECK(apart > LEAST_EFFECT, "%.4f: the measurement finds nothing", apart);
}

static void exist(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

static void run_measured(void (*body)(void *))
{
	pid_t pid, used[NEIGHBOURS];

	ids = shared_memory(sizeof(*ids));
	pid = start(CLONE_NEWPID | CLONE_NEWNET, body, NULL);
	for (int i = 0; i < NEIGHBOURS; i++) {
		const pid_t id = pid + STRIDE * (i + 1);

		ids->ids[1][i] = (uint32_t)id;
		ids->ids[0][i] = (uint32_t)(id + STRIDE * NEIGHBOURS);
		used[i] = start_as(0, &id, 1, exist, NULL);
	}
	ids->own = (uint32_t)pid;
	ids->ready = 1;
	finish(pid);
	for (int i = 0; i < NEIGHBOURS; i++)
		stop(used[i]);
}

static void case_strangers(void)
{
	run_measured(ask_and_measure);
}

static void case_own(void)
{
	run_measured(ask_about_own);
}

static void load(void)
{
	int error = module_load();

	CHECK(error == 0, "error %d", error);
}

static void unload(void)
{
	int error = module_unload();

	CHECK(error == 0, "error %d", error);
}

void timing_run(int tries)
{
	if (tries > 0 && tries <= MAX_TRIES)
		most_tries = tries;
	report_run("the module loads, to be measured", load, 30);
	report_run("time tells a caller's own process from none", case_own, 300);
	report_run("time tells nothing about processes elsewhere", case_strangers, 900);
	report_run("the module unloads, measured", unload, 30);
}
