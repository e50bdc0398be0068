// SPDX-License-Identifier: GPL-2.0-only
#include "environment.h"
#include "sys.h"

#define AT_NULL	  0
#define AT_SECURE 23

/* Which variables the process has; the environment of /proc/self/environ is fixed by exec, so this
 * survives fork. */
enum { UNREAD, NONE, SOME };
static int seen;

/* Progress through one variable's name, or its value. */
struct match {
	const char *name; /* "NAME=" */
	char *value;
	unsigned int size;
	unsigned int at; /* characters of the name seen */
	unsigned int length;
	int failed; /* the current entry is another variable */
	int found;
};

static void take(struct match *match, char c)
{
	if (c == '\0') {
		if (!match->name[match->at] && match->length < match->size) {
			match->value[match->length] = '\0';
			match->found = 1;
		}
		match->at = match->length = 0;
		match->failed = 0;
	} else if (match->failed) {
		return;
	} else if (match->name[match->at]) {
		if (match->name[match->at] == c)
			match->at++;
		else
			match->failed = 1;
	} else if (match->length < match->size) {
		match->value[match->length++] = c;
	}
}

/* True for setuid and otherwise privileged programs, and where the kernel does not tell. */
static int privileged(void)
{
	unsigned long vector[2 * 64];
	unsigned int i, words;
	long size, fd = mpu_sys_open("/proc/self/auxv");

	if (fd < 0)
		return 1;
	size = mpu_sys_read((int)fd, vector, sizeof(vector));
	mpu_sys_close((int)fd);
	words = size > 0 ? (unsigned int)size / sizeof(vector[0]) : 0;
	for (i = 0; i + 1 < words && vector[i] != AT_NULL; i += 2)
		if (vector[i] == AT_SECURE)
			return vector[i + 1] != 0;
	return 1;
}

static int scan(struct match *first, struct match *second)
{
	char buffer[1024];
	long size, i;
	long fd = mpu_sys_open("/proc/self/environ");

	if (fd < 0)
		return 0;
	while ((size = mpu_sys_read((int)fd, buffer, sizeof(buffer))) > 0) {
		for (i = 0; i < size; i++) {
			take(first, buffer[i]);
			take(second, buffer[i]);
		}
	}
	mpu_sys_close((int)fd);
	return first->found || second->found;
}

void mpu_environment_read(struct mpu_environment *environment)
{
	char disable[2];
	struct match of_disable = {
		.name = "MPU_DISABLE=", .value = disable, .size = sizeof(disable)};
	struct match of_pidns = {
		.name = "MPU_PIDNS=", .value = environment->pidns, .size = MPU_PATH_SIZE};

	environment->disabled = 0;
	environment->pidns[0] = '\0';
	if (__atomic_load_n(&seen, __ATOMIC_RELAXED) == NONE)
		return;
	if (privileged() || !scan(&of_disable, &of_pidns)) {
		environment->pidns[0] = '\0';
		__atomic_store_n(&seen, NONE, __ATOMIC_RELAXED);
		return;
	}
	if (!of_pidns.found)
		environment->pidns[0] = '\0';
	environment->disabled = of_disable.found && disable[0] == '1' && !disable[1];
	__atomic_store_n(&seen, SOME, __ATOMIC_RELAXED);
}
