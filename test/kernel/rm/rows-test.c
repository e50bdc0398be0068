// SPDX-License-Identifier: GPL-2.0-only
/*
 * gather and scatter, row by row: buffers full of noise that end at an unreadable page, and the
 * whole result compared, so that a byte too many shows as well as one too few.
 */
#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "guard.h"
#include "random.h"
#include "reference.h"
#include "suites.h"
#include "tap.h"

enum mix { ALL_VISIBLE, NONE_VISIBLE, MIXED, DOUBLES, NO_PIDS, MIXES };
static const char *const mix_names[MIXES] = {"all visible", "none visible", "mixed", "doubles",
					     "places without a PID"};

/* Odd numbers are visible, and lose a digit, which makes doubles of them. */
static mpu_u32 halve(const void *context, mpu_u32 pid)
{
	(void)context;
	return pid & 1 ? pid / 2 + 1 : 0;
}

static mpu_u32 pick(enum mix mix, struct random *random)
{
	mpu_u32 pid = random_below(random, 4000000) + 2;

	switch (mix) {
	case ALL_VISIBLE:
		return pid | 1;
	case NONE_VISIBLE:
		return pid & ~1u;
	case DOUBLES:
		return (pid % 8 + 2) | 1;
	case NO_PIDS:
		return pid % 3 ? (pid % 3 == 1 ? 0 : 0xffffffffu) : pid;
	default:
		return pid;
	}
}

struct drive {
	const struct fact *fact;
	const struct mpu_rm_layout *row;
	struct guard params, array; /* array: behind the pointer, one byte where there is none */
	unsigned char *params_wanted, *array_wanted;
};

static unsigned char *array_of(const struct drive *drive, unsigned char *params,
			       unsigned char *array)
{
	if (drive->fact->pointer != FACT_ABSENT)
		return array;
	return drive->fact->array == FACT_ABSENT ? params : params + drive->fact->array;
}

static void fill(struct drive *drive, enum mix mix, mpu_u32 count, struct random *random)
{
	const struct fact *fact = drive->fact;
	unsigned char *array = array_of(drive, drive->params.memory, drive->array.memory);
	mpu_u32 i, k, elements = fact->max == FACT_ABSENT ? 1 : fact->max;

	random_fill(random, drive->params.memory, drive->params.size);
	random_fill(random, drive->array.memory, drive->array.size);
	for (i = 0; i < elements; i++) {
		unsigned char *element = array + (elements > 1 ? i * fact->stride : 0);

		for (k = 0; k < fact->pids; k++)
			fact_store(element, fact->pid[k], pick(mix, random));
		for (k = 0; k < fact->kernel_pointers; k++)
			fact_store64(element, fact->kernel_pointer[k],
				     mix != ALL_VISIBLE && random_below(random, 2)
					     ? 0xffff888100000000ull + random_next(random)
					     : 0);
	}
	if (fact->buf_size)
		fact_store(drive->params.memory, 4, fact->buf_size);
	if (fact->count != FACT_ABSENT)
		fact_store(drive->params.memory, fact->count, count);
	if (fact->pointer != FACT_ABSENT)
		fact_store64(drive->params.memory, fact->pointer,
			     (unsigned long)drive->array.memory);
	memcpy(drive->params_wanted, drive->params.memory, drive->params.size);
	memcpy(drive->array_wanted, drive->array.memory, drive->array.size);
}

static mpu_u32 gather_and_scatter(struct drive *drive)
{
	static mpu_u32 pids[MPU_RM_MAX_PIDS];
	unsigned char *params = drive->params.memory;
	unsigned char *array = array_of(drive, params, drive->array.memory);
	mpu_u32 i, n, elements = mpu_rm_elements(drive->row, params);

	n = mpu_rm_gather(drive->row, array, elements, pids);
	for (i = 0; i < n; i++)
		pids[i] = pids[i] ? halve(NULL, pids[i]) : 0;
	if (elements)
		mpu_rm_scatter(drive->row, params, array, elements, pids);
	return elements;
}

static int as_wanted(const struct drive *drive)
{
	return !memcmp(drive->params.memory, drive->params_wanted, drive->params.size) &&
	       !memcmp(drive->array.memory, drive->array_wanted, drive->array.size) &&
	       guard_intact(&drive->params) && guard_intact(&drive->array);
}

static void drive_answers(struct drive *drive, struct random *random)
{
	const struct fact *fact = drive->fact;
	mpu_u32 counts[] = {fact->max, 1, 3, 0, fact->max + 1, 0x80000000u, 0xffffffffu};
	unsigned int c, variants = fact->kind == MPU_RM_KIND_LIST ? 7 : 1;
	unsigned int mix;

	for (mix = 0; mix < MIXES; mix++) {
		for (c = 0; c < variants; c++) {
			mpu_u32 elements, wanted;

			fill(drive, mix, counts[c], random);
			reference_scatter(
				fact, drive->params_wanted,
				array_of(drive, drive->params_wanted, drive->array_wanted), halve,
				NULL);
			elements = gather_and_scatter(drive);
			ok(as_wanted(drive), "0x%08x/%u: %s, count %u", fact->cmd, fact->size,
			   mix_names[mix], variants > 1 ? counts[c] : 1);
			wanted = variants == 1 ? (fact->max == FACT_ABSENT ? 1 : fact->max)
					       : (counts[c] <= fact->max ? counts[c] : 0);
			is(elements, wanted, "0x%08x/%u: so many elements", fact->cmd, fact->size);
		}
	}
}

static void drive_questions(struct drive *drive, struct random *random)
{
	const struct fact *fact = drive->fact;
	unsigned char *array = drive->params.memory + fact->array;
	mpu_u32 pids[MPU_RM_MAX_INFO], i, offset;

	fill(drive, MIXED, fact->max, random);
	for (i = 0; i < fact->max; i++) {
		pids[i] = i % 3 ? i + 7 : 0;
		fact_store(drive->params_wanted, fact->array + i * fact->stride + fact->pid[0],
			   pids[i] ? pids[i] : 0xffffffffu);
		/* behind PID and index, a question is empty */
		memset(drive->params_wanted + fact->array + i * fact->stride + 8, 0,
		       fact->stride - 8);
	}
	mpu_rm_ask(drive->row, array, fact->max, pids);
	ok(as_wanted(drive), "0x%08x/%u: asks for the PIDs given, or one that cannot be", fact->cmd,
	   fact->size);
	mpu_rm_scatter(drive->row, drive->params.memory, array, fact->max, pids);
	ok(as_wanted(drive), "0x%08x/%u: is not scattered to", fact->cmd, fact->size);

	memset(array + fact->stride + fact->data, 0, fact->data_size);
	is(mpu_rm_info_memory(drive->row, array, 1), 0, "0x%08x/%u: no memory is no memory",
	   fact->cmd, fact->size);
	for (offset = 0; offset < fact->data_size; offset += 8) {
		fact_store64(array, fact->stride + fact->data + offset, 1ull << 40);
		is(mpu_rm_info_memory(drive->row, array, 1), (offset / 8 + 1ull) << 40,
		   "0x%08x/%u: the memory figure at %u counts", fact->cmd, fact->size, offset);
	}

	fill(drive, MIXED, fact->max, random);
	if (fact->stride == 72) {
		/* MIG: the instance of either is kept, a known one rather than none */
		fact_store(array, 199 * fact->stride + 64, 0xffffffffu);
		fact_store(drive->params_wanted, fact->array + 199 * fact->stride + 64,
			   fact_load(array, 5 * fact->stride + 64));
	}
	for (offset = 0; offset < fact->data_size; offset += 8) {
		mpu_u32 to = fact->array + 199 * fact->stride + fact->data + offset;
		mpu_u32 from = fact->array + 5 * fact->stride + fact->data + offset;

		fact_store64(drive->params_wanted, to,
			     fact_load64(drive->params_wanted, to) +
				     fact_load64(drive->params_wanted, from));
	}
	mpu_rm_info_add(drive->row, array, 199, array, 5);
	ok(as_wanted(drive), "0x%08x/%u: adds the memory figures, all of them and nothing else",
	   fact->cmd, fact->size);
}

static void drive_record(struct drive *drive, struct random *random)
{
	fill(drive, MIXED, 0, random);
	memset(drive->params_wanted + 12, 0, drive->params.size - 12);
	mpu_rm_clear_record(drive->row, drive->params.memory);
	ok(as_wanted(drive), "0x%08x/%u: is emptied behind its PIDs", drive->fact->cmd,
	   drive->fact->size);
}

void rows_suite(void)
{
	struct random random = {0x1234567};
	struct fact facts[FACTS_MAX];
	unsigned int rows = facts_load(facts), i;

	for (i = 0; i < rows; i++) {
		struct drive drive;

		drive.fact = &facts[i];
		drive.params = guard_new(facts[i].size);
		drive.array =
			guard_new(facts[i].pointer == FACT_ABSENT ? 1 : fact_array_size(&facts[i]));
		drive.params_wanted = malloc(drive.params.size);
		drive.array_wanted = malloc(drive.array.size);
		fill(&drive, MIXED, 0, &random);
		drive.row = mpu_rm_find(facts[i].cmd, facts[i].size, drive.params.memory);
		if (ok(drive.row != NULL, "0x%08x/%u: has a row to drive", facts[i].cmd,
		       facts[i].size)) {
			is(mpu_rm_array_pointer(drive.row, drive.params.memory),
			   facts[i].pointer == FACT_ABSENT ? 0 : (unsigned long)drive.array.memory,
			   "0x%08x/%u: the embedded pointer is found", facts[i].cmd, facts[i].size);
			if (facts[i].kind == MPU_RM_KIND_INFO)
				drive_questions(&drive, &random);
			else
				drive_answers(&drive, &random);
			if (facts[i].kind == MPU_RM_KIND_RECORD)
				drive_record(&drive, &random);
		}
		free(drive.params_wanted);
		free(drive.array_wanted);
		guard_free(&drive.params);
		guard_free(&drive.array);
	}
}
