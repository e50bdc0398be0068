/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_H
#define BENCH_H

/* Loads the module, measures, and reports one line "bench NAME VALUE UNIT" a number. */
void bench_run(void);
void bench_intercept_run(void);

#endif
