// SPDX-License-Identifier: GPL-2.0-only
/* rm-test: the unit tests of kernel/rm, as TAP. With arguments, the suites named. */
#include <stdio.h>
#include <string.h>

#include "suites.h"
#include "tap.h"

unsigned int tap_tests, tap_failures;

static const struct {
	const char *name;
	void (*run)(void);
} suites[] = {
	{"layouts", layouts_suite},
	{"rows", rows_suite},
	{"release", release_suite},
	{"list", list_suite},
	{"info", info_suite},
	{"record", record_suite},
	{"samples", samples_suite},
	{"failure", failure_suite},
	{"differential", differential_suite},
};

static int wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return argc == 1;
}

int main(int argc, char **argv)
{
	unsigned int i;

	for (i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		if (!wanted(suites[i].name, argc, argv))
			continue;
		printf("# %s\n", suites[i].name);
		suites[i].run();
	}
	return done_testing();
}
