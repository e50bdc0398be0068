// SPDX-License-Identifier: GPL-2.0-only
#include "environment.h"
#include "own_fd.h"
#include "sys.h"

#define AT_NULL	  0
#define AT_SECURE 23

/* Whether the process is known to have none of the variables: then that never changes, whatever it
 * forks. */
static int none;

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
	/* the first of its name counts, as for getenv() */
	if (match->found)
		return;
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
static int privileged(unsigned long *vector, unsigned long room)
{
	unsigned long i, words;
	long size, fd = mpu_sys_open_own("/proc/thread-self/auxv", "/proc/self/auxv");

	if (fd < 0)
		return 1;
	size = mpu_sys_read((int)fd, vector, room);
	mpu_sys_close((int)fd);
	words = size > 0 ? (unsigned long)size / sizeof(vector[0]) : 0;
	for (i = 0; i + 1 < words && vector[i] != AT_NULL; i += 2)
		if (vector[i] == AT_SECURE)
			return vector[i + 1] != 0;
	return 1;
}

/* Returns false when not all could be read. */
static int scan(struct match *matches, unsigned int count, char *buffer, unsigned long room)
{
	struct mpu_own file;
	unsigned int k;
	long size, i;
	long fd = mpu_sys_open_own("/proc/thread-self/environ", "/proc/self/environ");

	if (fd < 0)
		return 0;
	mpu_sys_own(&file, (int)fd);
	while ((size = mpu_sys_read((int)fd, buffer, room)) > 0)
		for (i = 0; i < size; i++)
			for (k = 0; k < count; k++)
				take(&matches[k], buffer[i]);
	mpu_sys_close_own(&file);
	return size == 0;
}

static void expect(struct match *match, const char *name, char *value, unsigned int size)
{
	match->name = name;
	match->value = value;
	match->size = size;
	match->at = match->length = 0;
	match->failed = match->found = 0;
}

static int is_one(const struct match *match)
{
	return match->found && match->value[0] == '1' && !match->value[1];
}

void mpu_environment_read(struct mpu_environment *environment)
{
	enum { DISABLE, DEBUG, PIDNS, VARIABLES };
	struct match matches[VARIABLES];
	char disable[2], debug[2];

	environment->disabled = environment->debug = 0;
	environment->pidns[0] = '\0';
	if (__atomic_load_n(&none, __ATOMIC_RELAXED))
		return;
	expect(&matches[DISABLE], "MPU_DISABLE=", disable, sizeof(disable));
	expect(&matches[DEBUG], "MPU_DEBUG=", debug, sizeof(debug));
	expect(&matches[PIDNS], "MPU_PIDNS=", environment->pidns, MPU_PATH_SIZE);
	if (privileged(environment->read.words, sizeof(environment->read.words)) ||
	    !scan(matches, VARIABLES, environment->read.bytes, sizeof(environment->read.bytes))) {
		environment->pidns[0] = '\0';
		return;
	}
	if (!matches[PIDNS].found)
		environment->pidns[0] = '\0';
	environment->disabled = is_one(&matches[DISABLE]);
	environment->debug = is_one(&matches[DEBUG]);
	if (!matches[DISABLE].found && !matches[DEBUG].found && !matches[PIDNS].found)
		__atomic_store_n(&none, 1, __ATOMIC_RELAXED);
}
