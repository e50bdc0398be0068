// SPDX-License-Identifier: GPL-2.0-only
/*
 * mpu_rm_control() on arbitrary params, answers, translations and releases: whatever they are, no
 * byte outside params, its array and the scratch memory is touched. The entry point is libFuzzer's
 * (build with -fsanitize=fuzzer -DMPU_LIBFUZZER); without it main() feeds it: the files named, or
 * as many pseudo-random inputs as asked for by "-runs=N".
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "random.h"
#include "rm/rm.h"

#define LARGEST_ARRAY 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left;
	struct guard *array;
	mpu_u32 steps;
};

/* The next word of the input; noise from its length when it is used up. */
static mpu_u32 take(struct input *input)
{
	mpu_u32 word = 0;

	if (input->left >= 4) {
		memcpy(&word, input->data, 4);
		input->data += 4;
		input->left -= 4;
		return word;
	}
	return input->steps++ * 2654435761u;
}

static void fail(const char *what)
{
	fprintf(stderr, "fuzz: %s\n", what);
	abort();
}

static void fill(struct input *input, void *memory, size_t size)
{
	size_t i, n = size < input->left ? size : input->left;

	memcpy(memory, input->data, n);
	input->data += n;
	input->left -= n;
	for (i = n; i < size; i++)
		((unsigned char *)memory)[i] = (unsigned char)take(input);
}

static int translate(void *context, enum mpu_rm_direction direction, const mpu_u32 *in,
		     mpu_u32 *out, mpu_u32 count)
{
	struct input *input = context;
	mpu_u32 seed = take(input), i;

	(void)direction;
	if (count > MPU_RM_MAX_PIDS)
		fail("more PIDs than there can be");
	for (i = 0; i < count; i++)
		out[i] = (seed >> (i % 29)) & 1 ? in[i] + (seed & 3) : 0;
	return seed % 16 != 0;
}

static mpu_u32 control(void *context, mpu_u32 cmd, void *params, mpu_u32 size)
{
	struct input *input = context;
	mpu_u32 kind = take(input);

	if (!mpu_rm_is_known(cmd) || size > MPU_RM_MAX_INFO_PARAMS)
		fail("the driver is asked something else");
	if (kind % 8 == 0)
		return kind;
	if (kind % 8 < 4)
		fill(input, params, size);
	return MPU_NV_OK;
}

static int release(void *context, struct mpu_rm_release *answer)
{
	struct input *input = context;
	mpu_u32 bits = take(input);

	answer->list_caller = bits & 1;
	answer->info_caller = bits >> 2 & 1;
	answer->acct_list_caller = bits >> 3 & 1;
	return bits >> 5 & 1;
}

static void *array(void *context, mpu_u64 pointer, mpu_u32 size)
{
	struct input *input = context;

	(void)pointer;
	if (size > LARGEST_ARRAY)
		fail("an array larger than any layout");
	if (take(input) % 8 == 0)
		return NULL;
	*input->array = guard_new(size);
	fill(input, input->array->memory, size);
	return input->array->memory;
}

static int accessible(void *context, void *params, mpu_u32 size)
{
	(void)params;
	(void)size;
	return take(context) % 4 != 0;
}

static void count(void *context, enum mpu_rm_event event)
{
	(void)context;
	if (event >= MPU_RM_EVENTS)
		fail("an event that there is not");
}

static mpu_u32 rows(void)
{
	mpu_u32 count = 0;

	while (mpu_rm_row(count))
		count++;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guard work;
	struct guard behind = {NULL, 0, NULL, 0}, params;
	struct input input = {data, size, &behind, 1};
	struct mpu_rm_ops ops = {translate, control, release, array, accessible, count, 0, NULL};
	mpu_u32 choice = take(&input), cmd, length, status;
	const struct mpu_rm_layout *row = mpu_rm_row(choice % (rows() + 2)); /* or none */

	cmd = row ? row->cmd : take(&input);
	/* mostly the size that has a row: anything else ends early */
	length = row && choice >> 8 & 15 ? row->size : take(&input) % 70000;
	if (length < 8)
		length = 8;
	params = guard_new(length);
	fill(&input, params.memory, length);
	if (row && row->buf_size && choice >> 12 & 7)
		mpu_rm_store32(params.memory, 4, row->buf_size);
	if (row && row->count < length - 4 && choice >> 16 & 3)
		mpu_rm_store32(params.memory, row->count, take(&input) % (row->max + 2u));
	status = choice >> 20 & 3 ? MPU_NV_OK : MPU_NV_ERR_OBJECT_NOT_FOUND;
	if (!mpu_rm_status_matters(cmd, status))
		status = MPU_NV_OK;
	if (!work.memory)
		work = guard_new((sizeof(struct mpu_rm_work) + 15) & ~15ul);
	ops.self = take(&input);
	ops.context = &input;
	mpu_rm_control(&ops, (struct mpu_rm_work *)(void *)work.memory, cmd, params.memory, length,
		       status);
	if (!guard_intact(&params) || !guard_intact(&work) ||
	    (behind.memory && !guard_intact(&behind)))
		fail("a byte before the memory given was written");
	guard_free(&params);
	if (behind.memory)
		guard_free(&behind);
	return 0;
}

#ifndef MPU_LIBFUZZER
static int run_file(const char *path)
{
	static uint8_t data[1 << 20];
	FILE *file = fopen(path, "re");
	size_t size;

	if (!file) {
		perror(path);
		return 1;
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	return LLVMFuzzerTestOneInput(data, size);
}

int main(int argc, char **argv)
{
	static uint8_t data[20000];
	unsigned long runs = 0, i;
	int argument, failed = 0;

	for (argument = 1; argument < argc; argument++) {
		if (!strncmp(argv[argument], "-runs=", 6))
			runs = strtoul(argv[argument] + 6, NULL, 10);
		else
			failed |= run_file(argv[argument]);
	}
	for (i = 1; i <= runs; i++) {
		struct random random = {i};
		size_t size = random_below(&random, 4) ? random_below(&random, 200)
						       : random_below(&random, sizeof(data));

		random_fill(&random, data, size);
		LLVMFuzzerTestOneInput(data, size);
	}
	printf("%lu pseudo-random inputs, nothing out of bounds\n", runs);
	return failed;
}
#endif
