// SPDX-License-Identifier: GPL-2.0-only
#include "facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_table(const char *file)
{
	char path[4096];
	FILE *table;

	snprintf(path, sizeof(path), "%s/%s", MPU_TEST_DATA, file);
	table = fopen(path, "re");
	if (!table) {
		perror(path);
		exit(1);
	}
	return table;
}

static _Noreturn void bad(const char *file, const char *what)
{
	fprintf(stderr, "%s: %s\n", file, what);
	exit(1);
}

static mpu_u32 number(const char *text)
{
	char *end;
	unsigned long value;

	if (!text)
		bad("layouts.tsv", "a column is missing");
	if (!strcmp(text, "-"))
		return FACT_ABSENT;
	value = strtoul(text, &end, 0);
	if (*end || end == text)
		bad("layouts.tsv", text);
	return (mpu_u32)value;
}

static mpu_u32 numbers(char *text, mpu_u32 *values)
{
	mpu_u32 n = 0;

	if (!text)
		bad("layouts.tsv", "a column is missing");
	if (!strcmp(text, "-"))
		return 0;
	for (; text && n < FACT_PIDS; n++) {
		char *one = strsep(&text, ",");

		values[n] = number(one);
	}
	return n;
}

static enum mpu_rm_kind kind_of(const char *text)
{
	static const char *const names[] = {"list", "info", "samples", "record", "scalar"};
	static const enum mpu_rm_kind kinds[] = {MPU_RM_KIND_LIST, MPU_RM_KIND_INFO,
						 MPU_RM_KIND_SAMPLES, MPU_RM_KIND_RECORD,
						 MPU_RM_KIND_SCALAR};
	unsigned int i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (text && !strcmp(text, names[i]))
			return kinds[i];
	bad("layouts.tsv", "an unknown kind");
}

unsigned int facts_load(struct fact *facts)
{
	FILE *table = open_table("layouts.tsv");
	unsigned int rows = 0;
	char line[512];

	while (fgets(line, sizeof(line), table)) {
		struct fact *fact = &facts[rows];
		char *rest = line;
		mpu_u32 engines;

		if (line[0] == '#')
			continue;
		if (rows++ == FACTS_MAX)
			bad("layouts.tsv", "too many rows");
		fact->cmd = number(strsep(&rest, "\t"));
		fact->size = number(strsep(&rest, "\t"));
		fact->buf_size = number(strsep(&rest, "\t"));
		fact->kind = kind_of(strsep(&rest, "\t"));
		fact->count = number(strsep(&rest, "\t"));
		fact->pointer = number(strsep(&rest, "\t"));
		fact->array = number(strsep(&rest, "\t"));
		fact->stride = number(strsep(&rest, "\t"));
		fact->max = number(strsep(&rest, "\t"));
		fact->pids = numbers(strsep(&rest, "\t"), fact->pid);
		engines = numbers(strsep(&rest, "\t"), fact->engine);
		fact->engine_size = number(strsep(&rest, "\t"));
		fact->kernel_pointers = numbers(strsep(&rest, "\t"), fact->kernel_pointer);
		fact->data = number(strsep(&rest, "\t"));
		fact->data_size = number(strsep(&rest, "\t"));
		fact->unique = !strncmp(rest ? rest : "", "yes\t", 4);
		if (!fact->pids || (engines && engines != fact->pids))
			bad("layouts.tsv", "a row without its PIDs");
	}
	fclose(table);
	return rows;
}

const struct fact *facts_find(const struct fact *facts, unsigned int rows, mpu_u32 cmd,
			      mpu_u32 size, mpu_u32 buf_size)
{
	unsigned int i;

	for (i = 0; i < rows; i++)
		if (facts[i].cmd == cmd && facts[i].size == size && facts[i].buf_size == buf_size)
			return &facts[i];
	bad("layouts.tsv", "a row that the tests need is not there");
}

unsigned int facts_each_release(const char *file,
				void (*row)(const char *version, const char *regime))
{
	FILE *table = open_table(file);
	unsigned int rows = 0;
	char line[128];

	while (fgets(line, sizeof(line), table)) {
		char *rest = line;
		char *version;

		if (line[0] == '#')
			continue;
		line[strcspn(line, "\n")] = '\0';
		version = strsep(&rest, "\t");
		if (!rest)
			bad(file, "a row without a regime");
		row(version, strsep(&rest, "\t"));
		rows++;
	}
	fclose(table);
	return rows;
}

mpu_u32 fact_array_size(const struct fact *fact)
{
	return fact->stride == FACT_ABSENT ? 0 : fact->stride * fact->max;
}
