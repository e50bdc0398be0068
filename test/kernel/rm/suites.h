/* SPDX-License-Identifier: GPL-2.0-only */
/* The suites of rm-test; each prints its tests. */
#ifndef MPU_TEST_SUITES_H
#define MPU_TEST_SUITES_H

void layouts_suite(void);
void rows_suite(void);
void release_suite(void);
void list_suite(void);
void info_suite(void);
void record_suite(void);
void samples_suite(void);
void failure_suite(void);
void differential_suite(void);

#endif
