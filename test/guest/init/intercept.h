/* SPDX-License-Identifier: GPL-2.0-only */
/* What the cases of interception share. */
#ifndef INTERCEPT_H
#define INTERCEPT_H

#include <stdint.h>

#include "gpu.h"

/* What GET says to the host. */
struct state {
	uint32_t intercept;
	uint64_t generation;
	uint64_t in_flight;
	uint64_t rewritten;
	uint64_t untouched;
	char reason[128];
};

extern const enum observer all_observers[OBSERVERS];

void load_intercepting(const char *parameters);
void unload_intercepting(void);
void get_state(struct state *state);

/* SET; returns 0 or the negative errno that it was refused with. */
int set_intercept(uint32_t value);

/* How often it is switched, and how often loaded, under load. */
extern int switch_rounds;

/* How a list of cases is run. */
typedef void (*case_runner)(const char *name, void (*body)(void), unsigned int seconds);

/* words.c: any request word */
void case_words(void);

/* lock.c: whom a switch makes wait */
void case_lock(void);

/* callers.c: what a caller on the host is told and given */
void case_host_caller(void);

/* cases-hostile.c, cases-wild.c: callers that change their memory under the call */
void case_hostile(void);
void case_held_up(void);
void case_wild(void);

/* cases-coexist.c; the second where the kernel can be locked down, which is for good */
void coexist_run(case_runner run);
void lockdown_run(case_runner run);

/* cases-switch.c: switching and unloading; the second is repeated switch_rounds times */
void switch_run(case_runner run);
void rounds_run(case_runner run);

/* Every kind of program in a container asks everything, and is answered right. */
void observe_once(void);

void write_text(const char *path, const char *text);

/* Returns 0 or the errno. */
int try_write_text(const char *path, const char *text);

#endif
