/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of the driver whose memory is at hand: questions about the calling process itself. */
#ifndef QUESTIONS_H
#define QUESTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu.h"

enum { PAGE = 4096 };

/* What a call is made of, each thing on pages of its own. */
enum { CONTROL = 0, XFER = 1, PARAMS = 2, ARRAY = 6, PAGES = 10 };

struct question {
	uint32_t cmd, size;
	bool of_root;
	void (*ask)(uint32_t *params);
	bool (*is_right)(const uint32_t *params, const uint32_t *array);
};

enum { QUESTIONS = 4 };
extern const struct question questions[QUESTIONS];

/* Where the pages are; whoever asks maps them. */
extern uint8_t *area;
void *page(unsigned int number);

/* Who asks. */
extern struct gpu_client asker;

/* Writes a question, bare and wrapped, into memory that is laid out as area is. */
void write_question(const struct question *question, uint8_t *memory);

/* The words that clients send. */
uint32_t request_word(bool wrapped);

/* Has the driver answer what is in area, for any request word. Returns 0 or the errno. */
int call_by(uint32_t word, bool wrapped);

/* For the word that clients send. */
int call(bool wrapped);

#endif
