/* SPDX-License-Identifier: GPL-2.0-only */
/* Test Anything Protocol on stdout, for the C tests. */
#ifndef MPU_TEST_TAP_H
#define MPU_TEST_TAP_H

#include <stdarg.h>
#include <stdio.h>

/* Tests so far and failures among them; zero when the program starts. */
extern unsigned int tap_tests, tap_failures;

/* One test: a line "ok" or "not ok" with a printf-style description. Returns passed. */
__attribute__((format(printf, 2, 3))) static inline int ok(int passed, const char *format, ...)
{
	va_list arguments;

	tap_tests++;
	tap_failures += !passed;
	printf("%sok %u - ", passed ? "" : "not ", tap_tests);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
	return passed;
}

/* As ok(), and says both numbers where they differ. */
__attribute__((format(printf, 3, 4))) static inline int
is(unsigned long long got, unsigned long long wanted, const char *format, ...)
{
	char description[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(description, sizeof(description), format, arguments);
	va_end(arguments);
	if (!ok(got == wanted, "%s", description))
		printf("# got %llu (0x%llx), wanted %llu (0x%llx)\n", got, got, wanted, wanted);
	return got == wanted;
}

/* The plan, and the exit status of a test program. No test at all is a failure. */
static inline int done_testing(void)
{
	printf("1..%u\n", tap_tests);
	return tap_failures || !tap_tests;
}

#endif
