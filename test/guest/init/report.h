/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest tells the host: one console line a case, and lines around each subject. A case
 * runs in a process of its own and so do its helpers; a failed check ends the process that made it,
 * and the first message is what the case reports.
 */
#ifndef REPORT_H
#define REPORT_H

/* Every line for the host begins with it; the kernel's own lines share the console. */
#define REPORT_PREFIX "mpu-guest: "

#define CHECK(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			report_fail(__FILE__, __LINE__, #condition, __VA_ARGS__);                  \
	} while (0)

void report_init(void);

/* One console line, whole. */
void report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

_Noreturn void report_fail(const char *file, int line, const char *condition, const char *format,
			   ...) __attribute__((format(printf, 4, 5)));

/* Runs a case for at most seconds, then kills everything it left behind. */
void report_run(const char *name, void (*body)(void), unsigned int seconds);

#endif
