// SPDX-License-Identifier: GPL-2.0-only
#include "questions.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "test/rm-sim/client/rm.h"

enum { MIB = 1 << 20 };

struct xfer {
	uint32_t cmd, size;
	uint64_t argument;
};

uint8_t *area;
struct gpu_client asker;

void *page(unsigned int number)
{
	return area + (size_t)number * PAGE;
}

static void ask_list(uint32_t *params)
{
	params[1] = NV20_SUBDEVICE_0;
}

static bool list_is_right(const uint32_t *params, const uint32_t *array)
{
	(void)array;
	return params[2] == 1 && params[3] == (uint32_t)getpid();
}

static void ask_info(uint32_t *params)
{
	params[0] = 1;
	params[2] = (uint32_t)getpid();
}

static bool info_is_right(const uint32_t *params, const uint32_t *array)
{
	(void)array;
	return params[2] == (uint32_t)getpid() && params[6] == 100 * MIB;
}

static void ask_sessions(uint32_t *params)
{
	const uint64_t array = (uintptr_t)page(ARRAY);

	params[0] = 512;
	memcpy(params + 2, &array, sizeof(array));
}

static bool sessions_are_right(const uint32_t *params, const uint32_t *array)
{
	return params[0] == 1 && array[0] == (uint32_t)getpid();
}

static void ask_record(uint32_t *params)
{
	params[0] = 0x100;
	params[1] = (uint32_t)getpid();
}

static bool record_is_right(const uint32_t *params, const uint32_t *array)
{
	(void)array;
	return params[1] == (uint32_t)getpid() && params[3] == 30;
}

const struct question questions[QUESTIONS] = {
	{0x2080018e, 14408, false, ask_info, info_is_right},
	{0x2080016e, 16, false, ask_sessions, sessions_are_right},
	{0x2080018d, 3812, false, ask_list, list_is_right},
	{0xb03, 48, true, ask_record, record_is_right},
};

void write_question(const struct question *question, uint8_t *memory)
{
	const struct rm_control control = {.client = asker.root,
					   .object =
						   question->of_root ? asker.root : asker.subdevice,
					   .cmd = question->cmd,
					   .params = (uintptr_t)page(PARAMS),
					   .params_size = question->size,
					   .status = 0xffff};
	const struct xfer xfer = {NV_ESC_RM_CONTROL, sizeof(control), (uintptr_t)page(CONTROL)};

	memset(memory, 0, (size_t)PAGES * PAGE);
	memcpy(memory + CONTROL * PAGE, &control, sizeof(control));
	memcpy(memory + XFER * PAGE, &xfer, sizeof(xfer));
	question->ask((uint32_t *)(void *)(memory + PARAMS * PAGE));
}

uint32_t request_word(bool wrapped)
{
	return wrapped ? RM_REQUEST(NV_ESC_IOCTL_XFER_CMD, 16) : RM_REQUEST(NV_ESC_RM_CONTROL, 32);
}

int call_by(uint32_t word, bool wrapped)
{
	return ioctl(asker.fd, word, page(wrapped ? XFER : CONTROL)) == 0 ? 0 : errno;
}

int call(bool wrapped)
{
	return call_by(request_word(wrapped), wrapped);
}
