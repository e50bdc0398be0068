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

void write_text(const char *path, const char *text);

#endif
