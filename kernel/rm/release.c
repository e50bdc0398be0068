// SPDX-License-Identifier: GPL-2.0-only
/*
 * The namespace regime of a driver release. Breaks ties where asking the driver is not conclusive.
 *
 * Source: 193 releases of the open modules up to 595.45.04, and 610.57.04 (os-interface.c,
 * gpu_rmapi.c, kern_perf_ctrl.c, gpu_acct.c); test/kernel/rm/releases.tsv has each. Closed 418 to
 * 525 never call os_find_ns_pid. NVIDIA's side branches (515.49, 525.47, 535.43, 550.40, 570.123,
 * 580.94) interleave with the main line in version order but keep to their own dates, so the table
 * lists the first release of every run, sorted by version; a release it does not name belongs to
 * the run it falls into.
 */
#include "rm.h"

enum regime { R0, R1, R2, R3A, R3B, R4 };

static const struct run {
	mpu_u16 branch, minor, patch;
	mpu_u8 regime;
} runs[] = {
	{0, 0, 0, R0},	     {535, 43, 24, R1}, {535, 44, 0, R0},    {535, 113, 0, R1},
	{565, 0, 0, R2},     {570, 0, 0, R3A},	{570, 123, 11, R3B}, {570, 124, 0, R3A},
	{570, 133, 20, R3B}, {570, 148, 0, R4}, {575, 0, 0, R3B},    {575, 57, 0, R4},
};

static const char names[][4] = {"R0", "R1", "R2", "R3a", "R3b", "R4"};

#define RUNS (sizeof(runs) / sizeof(runs[0]))

/* Reads digits; returns 0 when there are none or too many. */
static int number(const char **text, const char *end, mpu_u32 *value)
{
	mpu_u32 digits = 0;

	*value = 0;
	while (*text < end && **text >= '0' && **text <= '9' && digits < 5) {
		*value = *value * 10 + (mpu_u32)(**text - '0');
		(*text)++;
		digits++;
	}
	return digits > 0 && digits < 5;
}

static int parse(const char *text, mpu_u32 length, mpu_u32 *part)
{
	const char *end = text + length;
	int i;

	part[0] = part[1] = part[2] = 0;
	for (i = 0; i < 3; i++) {
		if (i > 0) {
			if (text == end || *text != '.')
				break;
			text++;
		}
		if (!number(&text, end, &part[i]))
			return 0;
	}
	return i >= 2;
}

static int before(const mpu_u32 *part, const struct run *run)
{
	if (part[0] != run->branch)
		return part[0] < run->branch;
	if (part[1] != run->minor)
		return part[1] < run->minor;
	return part[2] < run->patch;
}

/* Index into names, or -1. */
static int lookup(const char *version, mpu_u32 length)
{
	mpu_u32 part[3];
	mpu_u32 i;

	if (!parse(version, length, part))
		return -1;
	for (i = 1; i < RUNS && !before(part, &runs[i]); i++)
		;
	return runs[i - 1].regime;
}

int mpu_rm_release_lookup(const char *version, mpu_u32 length, struct mpu_rm_release *release)
{
	int regime = lookup(version, length);

	release->list_caller = regime >= R1;
	release->info_caller = regime >= R2;
	release->acct_list_caller = regime == R3A;
	return regime >= 0;
}

const char *mpu_rm_release_regime(const char *version, mpu_u32 length)
{
	int regime = lookup(version, length);

	return regime < 0 ? (void *)0 : names[regime];
}
